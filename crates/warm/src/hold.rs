//! What is learnt of a patient that stands against showing the record that is held already (`hazards` sheet, 42, N-01
//! and N-19; `security` sheet, section 5). It stays held until a person who may has taken the hold off and a fetch has
//! told that it may be shown.

use bedside_bundle::PatientCheck;
use bedside_cache::{Cache, CacheError, HoldReason, ReaderAssertion};
use bedside_spine::{Decision, FetchError, Refusal, TraceError};

use crate::Admission;
use crate::admission::DIRECT_CARE;

/// What the audit log says of why the person may hold a record back.
const RELATIONSHIP: &str = "announces the admission";

/// Of a flag of the caller's trace; none for one that forbids nothing.
pub(crate) fn by_flag(flag: &str) -> Option<HoldReason> {
    match flag {
        "sensitive" => Some(HoldReason::Sensitive),
        "deceased" => Some(HoldReason::Deceased),
        "invalid" | "unverified" => Some(HoldReason::Identity),
        _ => None,
    }
}

/// Of what the practice answered: the patient dissents. A practice that does not share, or cannot, says nothing of the
/// patient, and the last record stays, with its age.
pub(crate) fn by_answer(error: &FetchError) -> Option<HoldReason> {
    matches!(error.decision, Decision::Refused(Refusal::PatientConsent)).then_some(HoldReason::Dissent)
}

/// Of what the national record says of the patient now.
pub(crate) fn by_trace(error: TraceError) -> Option<HoldReason> {
    match error {
        TraceError::Sensitive => Some(HoldReason::Sensitive),
        TraceError::Deceased => Some(HoldReason::Deceased),
        TraceError::NotFound | TraceError::Invalid | TraceError::NotVerified => Some(HoldReason::Identity),
        TraceError::NoPractice | TraceError::Malformed(_) | TraceError::Unavailable(_) => None,
    }
}

/// Of the patient of the answer: one of that number who is not as traced puts the earlier record in doubt, too. An
/// answer about somebody else does not: it is refused whole.
pub(crate) fn by_patient(check: &PatientCheck) -> Option<HoldReason> {
    matches!(check, PatientCheck::Hold(_)).then_some(HoldReason::Identity)
}

/// Holds back what is held of the admission's episode, and says whether there was anything that could be read.
///
/// # Errors
/// As [`Cache::hold`]: it can still be read then, and that must not be passed over.
pub(crate) fn back(cache: &Cache, admission: &Admission, reason: HoldReason) -> Result<bool, CacheError> {
    match cache.takes(&admission.episode) {
        Ok(()) => {}
        // Held or purged already.
        Err(CacheError::NotReadable(_)) => return Ok(false),
        Err(error) => return Err(error),
    }
    if cache.is_of(&admission.episode, &admission.demographics.nhs_number)?.is_none() {
        return Ok(false);
    }
    let assertion = ReaderAssertion {
        requester: admission.requester.clone(),
        reason: DIRECT_CARE.to_owned(),
        relationship: RELATIONSHIP.to_owned(),
    };
    cache.hold(&admission.episode, &assertion, reason).map(|_| true)
}
