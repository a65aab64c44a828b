use bedside_audit::Detail;
use bedside_bundle::{Options, PatientCheck, Record, check_identity, normalise};
use bedside_cache::{CacheError, Committed, Contents};
use bedside_model::Day;
use bedside_spine::{Answer, Call, Directory, INTERACTION, Parameters, Provider, Transport, london_day};
use jiff::Timestamp;
use tokio::task::block_in_place;

use crate::admission::trace_problem;
use crate::event::{Outcome, Warmed};
use crate::manifest::{Manifest, PatientCheckFacts, Provenance, Request, Source};
use crate::run::Parts;
use crate::strict::Problem;
use crate::trouble::{no_endpoint, not_audited, not_fetched, not_stored, sent_as, unless_match};
use crate::{Admission, Pipeline, sections, trail};

/// The way of one admission through a run.
pub(crate) struct Episode<'a, T, D> {
    pub(crate) parts: &'a Parts<T, D>,
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) admission: &'a Admission,
}

/// What was fetched: the answer, who gave it and when it was complete.
struct Fetched {
    parameters: Parameters,
    provider: Provider,
    answer: Answer,
    at: Timestamp,
}

impl<T: Transport, D: Directory> Episode<'_, T, D> {
    /// Policy, intent, look-up, fetch, normalise, identity, seal, outcome. Whatever happens, it is told as one
    /// outcome.
    pub(crate) async fn warm(&self) -> Outcome {
        let tag = self.parts.cache.episode_tag(&self.admission.episode);
        let mut detail = Detail {
            practice: Some(self.admission.demographics.practice.clone()),
            interaction_id: Some(INTERACTION),
            areas_asked: self.pipeline.areas().to_vec(),
            ..Detail::default()
        };
        let event = trail::event(self.parts, self.admission, &tag, detail.clone());
        let parameters = match self.gate() {
            Ok(parameters) => parameters,
            Err(stopped) => {
                let outcome = trail::outcome(&Err(stopped.clone()), Detail::default());
                let recorded = block_in_place(|| self.parts.audit.record(&event, &outcome));
                return recorded.map_or_else(|error| not_audited(&error), |()| stopped);
            }
        };
        let intent = match block_in_place(|| self.parts.audit.intent(&event)) {
            Ok(intent) => intent,
            Err(error) => return not_audited(&error),
        };
        let result = self.fetch_and_seal(parameters, &mut detail).await;
        let outcome = trail::outcome(&result, detail);
        match (block_in_place(|| intent.outcome(outcome)), result) {
            // The intent stands in the log without an outcome, which is what a reader of the log must see.
            (Err(error), _) => not_audited(&error),
            (Ok(()), Ok(warmed)) => Outcome::Warmed(Box::new(warmed)),
            (Ok(()), Err(outcome)) => outcome,
        }
    }

    /// What is known before anything is sent, judged at the moment of the call.
    fn gate(&self) -> Result<Parameters, Outcome> {
        let now = self.parts.clock.now();
        let mut problems = Vec::new();
        if let Some(problem) = trace_problem(self.admission.demographics.traced_at, now) {
            problems.push(Problem::policy("demographics.traced_at", problem));
        }
        if self.admission.episode_ends <= now {
            problems
                .push(Problem::policy("episode_ends", "has passed: there is nothing to keep a record for"));
        }
        if !problems.is_empty() {
            return Err(Outcome::Refused { problems });
        }
        let parameters = self.pipeline.parameters(self.admission, london_day(now));
        parameters.map_err(|problem| Outcome::NotApplicable { problem: problem.to_string() })
    }

    async fn fetch_and_seal(&self, parameters: Parameters, detail: &mut Detail) -> Result<Warmed, Outcome> {
        let fetched = self.fetch(parameters, detail).await?;
        block_in_place(|| self.seal(&fetched, detail))
    }

    async fn fetch(&self, parameters: Parameters, detail: &mut Detail) -> Result<Fetched, Outcome> {
        let looked_up = self.parts.directory.look_up(&self.admission.demographics.practice).await;
        let provider = looked_up.map_err(|error| no_endpoint(&error))?;
        detail.to_asid = Some(provider.asid.clone());
        let call = Call {
            nhs_number: self.admission.demographics.nhs_number,
            provider,
            requester: self.admission.requester.clone(),
            parameters,
        };
        match self.parts.transport.get_structured_record(&call).await {
            Ok(answer) => {
                detail.trace_id = Some(answer.trace_id.clone());
                detail.http_status = Some(answer.status);
                detail.attempts = Some(answer.attempts);
                detail.bytes = Some(answer.body.len() as u64);
                let Call { parameters, provider, .. } = call;
                Ok(Fetched { parameters, provider, answer, at: self.parts.clock.now() })
            }
            Err(error) => {
                detail.trace_id = sent_as(&error);
                detail.http_status = error.evidence.status;
                detail.error_code = error.evidence.code.map(|code| code.as_str());
                detail.attempts = Some(error.evidence.attempts);
                Err(not_fetched(&error))
            }
        }
    }

    /// Normalises, checks whose record it is, and seals it. Nothing is stored unless the patient matches.
    fn seal(&self, fetched: &Fetched, detail: &mut Detail) -> Result<Warmed, Outcome> {
        let body = &fetched.answer.body;
        let options =
            Options { requested: Some(fetched.parameters.areas()), ..Options::new(day_of(fetched.at)) };
        let record =
            normalise(body, &options).map_err(|error| Outcome::Unreadable { problem: error.to_string() })?;
        let check = check_identity(&record.patients, &self.admission.demographics);
        unless_match(&check)?;
        let manifest = Manifest::new(&record, body, self.provenance(fetched, &check), self.parts.clock.now());
        let committed = self.write(&record, &manifest).map_err(not_stored)?;
        let states = sections::states(&record);
        detail.areas_returned = sections::returned(&states);
        detail.rows = committed.rows.clone();
        detail.generation = Some(committed.generation);
        detail.manifest_sha256 = Some(committed.manifest_sha256);
        Ok(Warmed {
            generation: committed.generation,
            areas: states.into_iter().map(|(area, state)| (area.as_str(), state)).collect(),
            rows: record.tables().map(|(table, batch)| (table.as_str(), batch.num_rows())).collect(),
            notices: record.notices.clone(),
            bundle_bytes: body.len(),
            sealed_bytes: committed.bytes,
            trace_id: fetched.answer.trace_id.clone(),
            attempts: fetched.answer.attempts,
        })
    }

    fn provenance(&self, fetched: &Fetched, check: &PatientCheck) -> Provenance {
        let people = (&self.admission.demographics.nhs_number, &self.admission.requester);
        Provenance {
            source: Some(Source::new(self.admission, &fetched.provider)),
            request: Some(Request::new(&fetched.parameters, people, &fetched.answer.trace_id)),
            patient_check: Some(PatientCheckFacts::from(check)),
            retrieved_at: Some(fetched.at),
        }
    }

    fn write(&self, record: &Record, manifest: &Manifest) -> Result<Committed, CacheError> {
        let tables: Vec<_> = record.tables().collect();
        let contents = Contents {
            manifest: &manifest.to_json(),
            tables: &tables,
            expires: self.admission.episode_ends,
            requester: &self.admission.requester,
            patient: &self.admission.demographics.nhs_number,
        };
        self.parts.cache.write(&self.admission.episode, &contents)
    }
}

/// The calendar day in London, on which a drug is or is not current.
fn day_of(at: Timestamp) -> Day {
    let date = london_day(at);
    let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
    // A date of the calendar is a day of the calendar.
    Day::new(date.year().into(), month.into(), day.into()).unwrap_or(Day(0))
}
