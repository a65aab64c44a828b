//! Errors of the crates below as outcomes of an admission: the one place where they are put into words.

use bedside_audit::AuditError;
use bedside_bundle::{Envelope, PatientCheck};
use bedside_cache::CacheError;
use bedside_spine::{Decision, DirectoryError, FetchError, TraceError};

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
        again: error.retryable(),
    })
}

/// What stands against a call by the national record.
pub(crate) fn not_traced(error: &TraceError) -> Outcome {
    Outcome::NotTraced(Trouble {
        reason: error.name(),
        refused: error.is_final(),
        message: error.clinician_message().to_owned(),
        advice: error.support_advice().to_owned(),
        trace_id: None,
        attempts: 0,
        again: !error.is_final(),
    })
}

/// The episode's time was up, wherever it was on its way.
pub(crate) fn out_of_time() -> Outcome {
    Outcome::NotFetched(Trouble {
        reason: "unavailable/deadline",
        refused: false,
        message: "The GP record could not be fetched in the time there is for one patient. Try again later, or ask the \
                  practice."
            .to_owned(),
        advice: "trace, look-up, waiting and attempts took longer than there is for one admission: see which did"
            .to_owned(),
        trace_id: None,
        attempts: 0,
        again: true,
    })
}

pub(crate) fn not_fetched(error: &FetchError) -> Outcome {
    Outcome::NotFetched(Trouble {
        reason: error.name(),
        refused: matches!(error.decision, Decision::Refused(_)),
        message: error.clinician_message().to_owned(),
        advice: error.support_advice(),
        trace_id: Some(error.evidence.trace_id.clone()).filter(|trace_id| !trace_id.is_empty()),
        attempts: error.evidence.attempts,
        again: matches!(error.decision, Decision::Unavailable(_)),
    })
}

/// A structured record is a collection; another kind of bundle is the answer to another question (`reliability`
/// sheet, F-28).
pub(crate) fn unless_collection(envelope: &Envelope) -> Result<(), Outcome> {
    match envelope.bundle_type.as_deref() {
        None | Some("collection") => Ok(()),
        Some(_) => {
            let problem = "not a structured record: the bundle is of another type than collection".to_owned();
            Err(Outcome::Unreadable { problem })
        }
    }
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
