//! How a record is to be read: which of its rows a reader must reckon with now, and what the state of an area
//! allows anyone to conclude. Defined here once for everybody who shows a record.

use crate::{ClinicalArea, SectionState};

/// Classes of medication that are shown as current (`medications` sheet, section 10): the current ones, what was
/// never issued, what contradicts itself, and what could not be classed. A class that is absent is shown, too.
pub const CURRENT_CLASSES: [&str; 5] =
    ["current", "current_acute", "unissued", "past_status_conflict", "unknown"];

/// The derived status of an allergy that is over; every other one, none at all included, is shown as possible.
pub const ALLERGY_ENDED: &str = "ended";

/// The membership of a problem that stands on the problem list.
pub const PROBLEM_LISTED: &str = "primary";

/// The clinical status of a problem that is not shown; every other one, none at all included, is.
pub const PROBLEM_INACTIVE: &str = "inactive";

/// The code of an agency that is not the practice: what it prescribes is recorded by the practice, not issued
/// (`medications` sheet, section 5), and is shown apart.
pub const PRESCRIBED_ELSEWHERE: &str = "prescribed-by-another-organisation";

/// Whether a medication of that class is shown as current.
pub fn is_shown_as_current(class: Option<&str>) -> bool {
    class.is_none_or(|class| CURRENT_CLASSES.contains(&class))
}

/// Whether an allergy of that derived status is shown as possible.
pub fn is_possible_allergy(derived_status: Option<&str>) -> bool {
    derived_status != Some(ALLERGY_ENDED)
}

/// Whether a problem is on the problem list and not inactive.
pub fn is_active_problem(membership: Option<&str>, clinical_status: Option<&str>) -> bool {
    membership == Some(PROBLEM_LISTED) && clinical_status != Some(PROBLEM_INACTIVE)
}

/// What a reader may conclude of an area in that state, in words (`bundle` sheet, section 8; `allergies` sheet,
/// section 3). `None` for a state that this version does not know, of which nothing may be concluded.
pub fn conclusion(area: ClinicalArea, state: &str, entries: Option<u32>) -> Option<String> {
    let entries = match entries {
        Some(1) => "1 entry".to_owned(),
        Some(count) => format!("{count} entries"),
        None => "entries".to_owned(),
    };
    let state = SectionState::from_name(state)?;
    Some(match state {
        SectionState::Returned => entries,
        SectionState::ReturnedWithExclusions => format!("{entries}, and items were WITHHELD"),
        SectionState::EmptyNoContent if area == ClinicalArea::Allergies => {
            "no allergy information in the GP record; this is NOT \"no known allergies\"".to_owned()
        }
        SectionState::EmptyNoContent => "the GP record holds no entry".to_owned(),
        SectionState::EmptyConfidential => "nothing visible: what it holds is WITHHELD".to_owned(),
        SectionState::Disabled => "NOT AVAILABLE: switched off at the practice".to_owned(),
        SectionState::Unsupported => "NOT AVAILABLE: the practice's system does not supply it".to_owned(),
        SectionState::MissingList => "NOT ANSWERED: asked for and absent, do not read as empty".to_owned(),
        SectionState::NotRequested => "not asked for".to_owned(),
        SectionState::Failed => "FAILED: nothing may be concluded".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_shown() {
        assert!(is_shown_as_current(None) && is_shown_as_current(Some("unissued")));
        assert!(!is_shown_as_current(Some("past")) && !is_shown_as_current(Some("context_only")));
        assert!(is_possible_allergy(None) && is_possible_allergy(Some("conflict")));
        assert!(!is_possible_allergy(Some("ended")));
        assert!(is_active_problem(Some("primary"), None));
        assert!(!is_active_problem(Some("linked"), Some("active")));
        assert!(!is_active_problem(Some("primary"), Some("inactive")));
    }

    #[test]
    fn every_state_has_words_and_no_other_has() {
        for state in SectionState::ALL {
            for area in ClinicalArea::ALL {
                assert!(conclusion(area, state.as_str(), Some(0)).is_some(), "{}", state.as_str());
            }
        }
        let allergies = conclusion(ClinicalArea::Allergies, "empty_no_content", Some(0));
        assert!(allergies.is_some_and(|words| words.contains("NOT \"no known allergies\"")));
        assert_eq!(conclusion(ClinicalArea::Problems, "returned", Some(1)).as_deref(), Some("1 entry"));
        assert_eq!(conclusion(ClinicalArea::Problems, "a state of tomorrow", Some(1)), None);
    }
}
