//! What a run writes into the audit log: one event before anything is sent for an admission, one outcome
//! after, and one record of every attempt that was stopped here (GPC-IG10).

use bedside_audit::{AuditError, Detail, Event, EventKind, Outcome, Verdict};
use bedside_cache::EpisodeTag;
use bedside_spine::{Answer, FetchError};

use crate::Admission;
use crate::admission::DIRECT_CARE;
use crate::admissions::Attempt;
use crate::event::{self, Warmed};
use crate::run::Parts;

/// The event of an admission's fetch.
pub(crate) fn event<'a, T, D>(
    parts: &Parts<T, D>,
    admission: &'a Admission,
    tag: &'a EpisodeTag,
    detail: Detail,
) -> Event<'a> {
    Event {
        kind: EventKind::Fetch,
        requester: &admission.requester,
        purpose: DIRECT_CARE,
        relationship: None,
        episode: Some(tag.as_str()),
        patient: Some(parts.audit.pseudonym(&admission.demographics.nhs_number)),
        detail: Detail { from_asid: Some(parts.asid.clone()), ..detail },
    }
}

/// Records the attempt of a line that policy forbids.
pub(crate) fn refused_line<T, D>(parts: &Parts<T, D>, attempt: &Attempt) -> Result<(), AuditError> {
    let tag = parts.cache.episode_tag(&attempt.admission.episode);
    let practice = Some(attempt.admission.demographics.practice.clone());
    let event = event(parts, &attempt.admission, &tag, Detail { practice, ..Detail::default() });
    let event = Event { purpose: &attempt.purpose, ..event };
    parts.audit.record(&event, &Outcome::blocked("policy"))
}

/// What support will ask for of an answer.
pub(crate) fn note_answer(detail: &mut Detail, answer: &Answer) {
    detail.trace_id = Some(answer.trace_id.clone());
    detail.http_status = Some(answer.status);
    detail.attempts = Some(answer.attempts);
    detail.bytes = Some(answer.bytes as u64);
}

/// What support will ask for of an attempt that gave no record.
pub(crate) fn note_evidence(detail: &mut Detail, error: &FetchError) {
    detail.trace_id = Some(error.evidence.trace_id.clone()).filter(|trace_id| !trace_id.is_empty());
    detail.http_status = error.evidence.status;
    detail.error_code = error.evidence.code.map(|code| code.as_str());
    detail.attempts = Some(error.evidence.attempts);
}

/// How an admission ended, in the three words of the log.
pub(crate) fn outcome(result: &Result<Warmed, event::Outcome>, detail: Detail) -> Outcome {
    use event::Outcome as Ended;
    let ended = match result {
        // That another number was used than the one asked for has to be on record (GPC-CORE05).
        Ok(warmed) => {
            let reason = warmed.superseded.then_some("number_superseded");
            return Outcome { verdict: Verdict::Ok, reason, detail };
        }
        Err(ended) => ended,
    };
    let outcome = match ended {
        Ended::NotFetched(trouble) if trouble.refused => Outcome::blocked(trouble.reason),
        Ended::NotFetched(trouble) | Ended::NoEndpoint(trouble) => Outcome::failed(trouble.reason),
        Ended::NotTraced(trouble) if trouble.refused => Outcome::blocked(trouble.reason),
        Ended::NotTraced(trouble) => Outcome::failed(trouble.reason),
        Ended::Refused { .. } => Outcome::blocked("policy"),
        Ended::WrongPatient { .. } => Outcome::blocked(ended.name()),
        _ => Outcome::failed(ended.name()),
    };
    outcome.with(detail)
}
