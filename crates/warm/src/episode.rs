use std::collections::BTreeMap;
use std::sync::Mutex;

use bedside_audit::Detail;
use bedside_bundle::{Options, PatientCheck, Record, check_identity};
use bedside_cache::{CacheError, Changes, Committed, Contents, EpisodeTag, HoldReason};
use bedside_model::{Day, Demographics};
use bedside_spine::{
    Answer, Call, Decision, Directory, FetchError, INTERACTION, Parameters, Provider, Trace, Traced,
    Transport, Witness, london_day,
};
use jiff::Timestamp;
use tokio::task::block_in_place;
use tokio::time::timeout;
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span, instrument};

use crate::access::Access;
use crate::admission::trace_problem;
use crate::event::{ChangedRows, Outcome, Warmed};
use crate::intake::{Body, Intake};
use crate::manifest::{Manifest, PatientCheckFacts, Provenance, Request, Source};
use crate::run::Parts;
use crate::single_flight::SingleFlight;
use crate::strict::Problem;
use crate::trouble::{
    no_endpoint, not_audited, not_fetched, not_stored, not_traced, out_of_time, unless_collection,
    unless_match,
};
use crate::{Admission, Pipeline, hold, identity, sections, trail};

/// Fetches under way, by episode and by everything that is asked about it.
pub(crate) type Flights = SingleFlight<(String, Vec<u8>), Landed>;

/// What a fetch came to, and what the audit log has to know of it.
type Landed = (Result<Warmed, Outcome>, Detail);

/// The way of one admission through a run.
pub(crate) struct Episode<'a, T, D> {
    pub(crate) parts: &'a Parts<T, D>,
    pub(crate) flights: &'a Flights,
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) admission: &'a Admission,
}

/// What was fetched, who gave it, about whom, and when it was complete.
struct Fetched {
    body: Intake,
    of: Origin,
}

struct Origin {
    patient: Traced,
    parameters: Parameters,
    provider: Provider,
    answer: Answer,
    at: Timestamp,
}

impl<T: Transport, D: Directory> Episode<'_, T, D> {
    /// Policy, intent, trace, look-up, fetch, normalise, identity, seal, outcome. Whatever happens, it is told as one
    /// outcome.
    pub(crate) async fn warm(&self) -> Outcome {
        let tag = self.parts.cache.episode_tag(&self.admission.episode);
        let detail = Detail {
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
        let access = match Access::begin(&self.parts.audit, event) {
            Ok(access) => access,
            Err(error) => return not_audited(&error),
        };
        let flight = self.flight_key(&tag, &parameters);
        let fetch = self.fetch_and_seal(parameters, detail, &access);
        let (result, detail) = self.flights.run(flight, fetch).await;
        match (access.end(trail::outcome(&result, detail)), result) {
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
        if let Some(problem) = trace_problem(self.admission.demographics.traced_at, now)
            && !self.traces_here()
        {
            problems.push(Problem::policy("demographics.traced_at", problem));
        }
        if self.admission.episode_ends <= now {
            problems
                .push(Problem::policy("episode_ends", "has passed: there is nothing to keep a record for"));
        }
        if !problems.is_empty() {
            return Err(Outcome::Refused { problems });
        }
        // A record that the cache would not take is not fetched.
        block_in_place(|| self.parts.cache.takes(&self.admission.episode)).map_err(not_stored)?;
        block_in_place(|| identity::of_record(&self.parts.cache, self.admission))?;
        let parameters = self.pipeline.parameters(self.admission, london_day(now));
        parameters.map_err(|problem| Outcome::NotApplicable { problem: problem.to_string() })
    }

    /// Whether the trace is ours to make: the caller's is too old or there is none, and there is somebody to ask.
    fn traces_here(&self) -> bool {
        let age = self.parts.clock.now().duration_since(self.admission.demographics.traced_at);
        self.parts.tracer.traces() && age > crate::admission::TRACE_VALID
    }

    /// Two fetches are one only if nothing that is asked differs, the patient included.
    fn flight_key(&self, tag: &EpisodeTag, parameters: &Parameters) -> (String, Vec<u8>) {
        (tag.to_string(), parameters.to_body(&self.admission.demographics.nhs_number))
    }

    async fn fetch_and_seal(&self, parameters: Parameters, detail: Detail, witness: &dyn Witness) -> Landed {
        // The detail is filled in on the way, and what is in it counts even when time runs out.
        let detail = Mutex::new(detail);
        let fetched = timeout(self.parts.deadline, self.fetch(parameters, &detail, witness)).await;
        let mut detail = detail.into_inner().unwrap_or_default();
        let result = match fetched {
            Ok(Ok(Fetched { body, of })) => block_in_place(|| self.seal(body, &of, &mut detail)),
            Ok(Err(outcome)) => Err(outcome),
            Err(_) => Err(out_of_time()),
        };
        (result, detail)
    }

    async fn fetch(
        &self,
        parameters: Parameters,
        detail: &Mutex<Detail>,
        witness: &dyn Witness,
    ) -> Result<Fetched, Outcome> {
        // A trace of this very moment is not made twice.
        let mut may_trace = self.parts.tracer.traces() && !self.traces_here();
        let mut patient = self.patient().await?;
        let mut body = self.intake(&parameters);
        loop {
            let asked = self.ask((&patient, &parameters), &mut body, (detail, witness)).await?;
            let error = match asked {
                Ok((provider, answer)) => {
                    let at = self.parts.clock.now();
                    return Ok(Fetched { body, of: Origin { patient, parameters, provider, answer, at } });
                }
                Err(error) => error,
            };
            let moved = match may_trace && error.decision == Decision::NotFound {
                true => self.moved(&patient).await?,
                false => None,
            };
            match moved {
                Some(moved) if witness.may_try_again(&error) => patient = moved,
                _ => return Err(self.stopped(not_fetched(&error), hold::by_answer(&error))),
            }
            may_trace = false;
        }
    }

    /// Looks the patient's practice up and asks it.
    async fn ask(
        &self,
        (patient, parameters): (&Traced, &Parameters),
        body: &mut Intake,
        (detail, witness): (&Mutex<Detail>, &dyn Witness),
    ) -> Result<Result<(Provider, Answer), FetchError>, Outcome> {
        let note = |note: &dyn Fn(&mut Detail)| {
            if let Ok(mut detail) = detail.lock() {
                note(&mut detail);
            }
        };
        note(&|detail| detail.practice = Some(patient.demographics.practice.clone()));
        let look_up = self.parts.directory.look_up(&patient.demographics.practice);
        let looked_up = look_up.instrument(info_span!("look_up")).await;
        let provider = looked_up.map_err(|error| no_endpoint(&error))?;
        note(&|detail| detail.to_asid = Some(provider.asid.clone()));
        let call = Call {
            nhs_number: patient.demographics.nhs_number,
            provider,
            requester: self.admission.requester.clone(),
            parameters: parameters.clone(),
        };
        let fetch = self.parts.transport.fetch(&call, witness, body);
        let answer = fetch.instrument(info_span!("fetch")).await;
        match &answer {
            Ok(answer) => note(&|detail| trail::note_answer(detail, answer)),
            Err(error) => note(&|detail| trail::note_evidence(detail, error)),
        }
        Ok(answer.map(|answer| (call.provider, answer)))
    }

    /// The patient traced anew, if there is another practice or number to ask by: a practice that does not find a patient
    /// may have lost them since the caller's trace, and why it does not is not to be guessed (`retrieve` sheet,
    /// section 9, `PATIENT_NOT_FOUND`).
    async fn moved(&self, patient: &Traced) -> Result<Option<Traced>, Outcome> {
        let anew = self.trace().await?;
        let by = |traced: &Traced| (traced.demographics.nhs_number, traced.demographics.practice.clone());
        Ok(Some(anew).filter(|anew| by(anew) != by(patient)))
    }

    /// The outcome of an admission that was stopped by something which may stand against the earlier record as well.
    fn stopped(&self, outcome: Outcome, against: Option<HoldReason>) -> Outcome {
        let Some(reason) = against else { return outcome };
        match block_in_place(|| hold::back(&self.parts.cache, self.admission, reason)) {
            Ok(true) => outcome.with_record_held(),
            Ok(false) => outcome,
            Err(error) => not_stored(error),
        }
    }

    async fn patient(&self) -> Result<Traced, Outcome> {
        let known = &self.admission.demographics;
        if !self.traces_here() {
            return Ok(Traced { demographics: known.clone(), superseded: false });
        }
        self.trace().await
    }

    #[instrument(skip_all)]
    async fn trace(&self) -> Result<Traced, Outcome> {
        let (known, organisation) = (&self.admission.demographics, &self.admission.requester.organisation);
        self.parts
            .tracer
            .trace(known, organisation)
            .await
            .map_err(|error| self.stopped(not_traced(&error), hold::by_trace(error)))
    }

    /// What reads the body while it arrives. A fetch that runs over midnight is of the day on which it began.
    fn intake(&self, parameters: &Parameters) -> Intake {
        let requested = Some(parameters.areas());
        let options = Options { requested, ..Options::new(day_of(self.parts.clock.now())) };
        Intake::new(options, self.parts.cache.policy().keep_bundle)
    }

    /// Makes the record, checks whose it is, and seals it. Nothing is stored unless the patient matches.
    #[instrument(skip_all, fields(rows = Empty, bundle_bytes = of.answer.bytes, sealed_bytes = Empty))]
    fn seal(&self, body: Intake, of: &Origin, detail: &mut Detail) -> Result<Warmed, Outcome> {
        let body = body.finish().map_err(|error| Outcome::Unreadable { problem: error.to_string() })?;
        let Body { record, facts, kept } = body;
        unless_collection(&record.envelope)?;
        let trace_echo = echo(record.envelope.bundle_id.as_deref(), &of.answer.trace_id);
        if self.parts.requires_trace_echo && trace_echo != SAME {
            let problem = "it does not bear the trace id of its request, which this site requires".to_owned();
            return Err(Outcome::Unreadable { problem });
        }
        let check = check_identity(&record.patients, &of.patient.demographics);
        unless_match(&check).map_err(|outcome| self.stopped(outcome, hold::by_patient(&check)))?;
        let provenance = self.provenance(of, &check);
        let manifest = Manifest::with_facts(&record, facts, provenance, self.parts.clock.now());
        let written = self.write(&record, &manifest, (&of.patient.demographics, kept.as_deref()));
        let committed = written.map_err(not_stored)?;
        Span::current().record("rows", record.tables().map(|(_, batch)| batch.num_rows()).sum::<usize>());
        Span::current().record("sealed_bytes", committed.bytes);
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
            changes: committed.changes.map(|changes| in_rows(&changes)),
            bundle_bytes: of.answer.bytes,
            sealed_bytes: committed.bytes,
            trace_id: of.answer.trace_id.clone(),
            trace_echo,
            attempts: of.answer.attempts,
            superseded: of.patient.superseded,
        })
    }

    fn provenance(&self, of: &Origin, check: &PatientCheck) -> Provenance {
        let demographics = &of.patient.demographics;
        let people = (&demographics.nhs_number, &self.admission.requester);
        Provenance {
            source: Some(Source::new(&demographics.practice, &of.provider)),
            request: Some(Request::new(&of.parameters, people, &of.answer.trace_id)),
            patient_check: Some(PatientCheckFacts::from(check)),
            retrieved_at: Some(of.at),
        }
    }

    fn write(
        &self,
        record: &Record,
        manifest: &Manifest,
        (patient, bundle): (&Demographics, Option<&[u8]>),
    ) -> Result<Committed, CacheError> {
        let tables: Vec<_> = record.tables().collect();
        let contents = Contents {
            manifest: &manifest.to_json(),
            tables: &tables,
            expires: self.admission.episode_ends,
            requester: &self.admission.requester,
            patient: &patient.nhs_number,
        };
        self.parts.cache.write_with_bundle(&self.admission.episode, &contents, bundle)
    }
}

/// What [`echo`] says of the trace id of the request.
const SAME: &str = "same";

/// Whether the bundle bears the trace id of the request, as the specification wants it since 1.5. Practices' systems
/// differ in it, so it is told, and nothing is refused for it unless the site wants that (`reliability` sheet, F-37).
fn echo(bundle_id: Option<&str>, trace_id: &str) -> &'static str {
    match bundle_id {
        Some(id) if id.eq_ignore_ascii_case(trace_id) => SAME,
        Some(_) => "other",
        None => "absent",
    }
}

/// What a refresh has changed, as it is told.
fn in_rows(changes: &Changes) -> BTreeMap<&'static str, ChangedRows> {
    changes.iter().map(|(table, counts)| (*table, (*counts).into())).collect()
}

/// The calendar day in London, on which a drug is or is not current.
fn day_of(at: Timestamp) -> Day {
    let date = london_day(at);
    let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
    // A date of the calendar is a day of the calendar.
    Day::new(date.year().into(), month.into(), day.into()).unwrap_or(Day(0))
}
