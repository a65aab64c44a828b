//! Whether the record that is held for an episode is of the patient whom the host system means now (`hazards` sheet,
//! N-01 and N-19).

use bedside_cache::{Cache, CacheError, HoldReason, ReaderAssertion};

use crate::Admission;
use crate::admission::DIRECT_CARE;
use crate::event::Outcome;
use crate::trouble::not_stored;

/// What the audit log says of why the person may hold a record back.
const RELATIONSHIP: &str = "announces the admission";

const ANOTHER: &str = "the record that is held is of another NHS number than the one that is named now; it is held \
                       back, and a person has to look";

/// Whether a record is held. One of another patient is held back from everybody at once, and that is the outcome:
/// neither it nor a new one may be taken for the right one before a person has looked.
pub(crate) fn of_record(cache: &Cache, admission: &Admission) -> Result<Option<()>, Outcome> {
    let patient = &admission.demographics.nhs_number;
    match cache.is_of(&admission.episode, patient).map_err(not_stored)? {
        None => Ok(None),
        Some(true) => Ok(Some(())),
        Some(false) => Err(hold(cache, admission).map_or_else(not_stored, |()| another())),
    }
}

fn hold(cache: &Cache, admission: &Admission) -> Result<(), CacheError> {
    let assertion = ReaderAssertion {
        requester: admission.requester.clone(),
        reason: DIRECT_CARE.to_owned(),
        relationship: RELATIONSHIP.to_owned(),
    };
    cache.hold(&admission.episode, &assertion, HoldReason::Identity).map(drop)
}

fn another() -> Outcome {
    Outcome::WrongPatient { differing: vec!["nhs_number".to_owned()], problem: ANOTHER.to_owned() }
}
