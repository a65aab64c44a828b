//! Errors of the crates below as outcomes of an admission: the one place where they are put into words.

use bedside_audit::AuditError;
use bedside_bundle::PatientCheck;
use bedside_cache::CacheError;
use bedside_spine::{Decision, DirectoryError, FetchError};

use crate::event::{Outcome, Trouble};
use crate::manifest::names;

pub(crate) fn not_audited(error: &AuditError) -> Outcome {
    Outcome::NotAudited { problem: error.to_string() }
}

pub(crate) fn no_endpoint(error: &DirectoryError) -> Outcome {
    let reason = match error {
        DirectoryError::NotEnabled => "directory/not_enabled",
        DirectoryError::Ambiguous(_) => "directory/ambiguous",
        DirectoryError::Endpoint(_) => "directory/endpoint_refused",
        DirectoryError::Malformed(_) => "directory/malformed",
        DirectoryError::Unavailable(_) => "directory/unavailable",
    };
    Outcome::NoEndpoint(Trouble {
        reason,
        refused: false,
        message: error.clinician_message().to_owned(),
        advice: error.support_advice(),
        trace_id: None,
        attempts: 0,
    })
}

pub(crate) fn not_fetched(error: &FetchError) -> Outcome {
    Outcome::NotFetched(Trouble {
        reason: error.name(),
        refused: matches!(error.decision, Decision::Refused(_)),
        message: error.clinician_message().to_owned(),
        advice: error.support_advice(),
        trace_id: sent_as(error),
        attempts: error.evidence.attempts,
    })
}

/// The trace id of the last attempt, where there was one.
pub(crate) fn sent_as(error: &FetchError) -> Option<String> {
    Some(error.evidence.trace_id.clone()).filter(|trace_id| !trace_id.is_empty())
}

pub(crate) fn unless_match(check: &PatientCheck) -> Result<(), Outcome> {
    let (differing, problem) = match check {
        PatientCheck::Match => return Ok(()),
        PatientCheck::Hold(differing) => (
            names(differing),
            "the patient of the answer differs from the traced one; nothing was stored, a person has to compare them"
                .to_owned(),
        ),
        PatientCheck::Refused(refusal) => (Vec::new(), format!("{refusal}; nothing was stored")),
    };
    Err(Outcome::WrongPatient { differing, problem })
}

pub(crate) fn not_stored(error: CacheError) -> Outcome {
    match error {
        CacheError::Audit(error) => not_audited(&error),
        error => Outcome::NotStored { problem: error.to_string() },
    }
}
