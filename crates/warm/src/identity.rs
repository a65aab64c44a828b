//! Whether the record that is held for an episode is of the patient whom the host system means now (`hazards` sheet,
//! N-01 and N-19).

use bedside_cache::{Cache, HoldReason};

use crate::event::Outcome;
use crate::trouble::not_stored;
use crate::{Admission, hold};

const ANOTHER: &str = "the record that is held is of another NHS number than the one that is named now; it is held \
                       back, and a person has to look";

/// Whether a record is held. One of another patient is held back from everybody at once, and that is the outcome:
/// neither it nor a new one may be taken for the right one before a person has looked.
pub(crate) fn of_record(cache: &Cache, admission: &Admission) -> Result<Option<()>, Outcome> {
    let patient = &admission.demographics.nhs_number;
    match cache.is_of(&admission.episode, patient).map_err(not_stored)? {
        None => Ok(None),
        Some(true) => Ok(Some(())),
        Some(false) => {
            Err(hold::back(cache, admission, HoldReason::Identity).map_or_else(not_stored, |_| another()))
        }
    }
}

fn another() -> Outcome {
    Outcome::WrongPatient { differing: vec!["nhs_number".to_owned()], problem: ANOTHER.to_owned() }
}
