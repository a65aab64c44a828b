//! What lists are for (`bundle` sheet, section 7; contract, settled cases, Ended list).

use super::support::List;
use super::text::{trimmed, word};

/// The areas in the order of `sections`, each with its request parameter and the code of its primary list.
pub const AREAS: [(&str, &str, &str); 10] = [
    ("allergies", "includeAllergies", "886921000000105"),
    ("medications", "includeMedication", "933361000000108"),
    ("problems", "includeProblems", "717711000000103"),
    ("consultations", "includeConsultations", "1149501000000101"),
    ("immunisations", "includeImmunisations", "1102181000000102"),
    ("uncategorised", "includeUncategorisedData", "826501000000100"),
    ("investigations", "includeInvestigations", "887191000000108"),
    ("referrals", "includeReferrals", "792931000000107"),
    ("diary", "includeDiaryEntries", "714311000000108"),
    ("documents", "", ""),
];

/// What a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Answers the query for an area.
    Primary(&'static str),
    EndedAllergies,
    /// Names what problems or consultations drag in; the area of that.
    Secondary(&'static str),
    /// A level of a consultation's own structure.
    Structure(&'static str),
    Other,
}

impl Purpose {
    pub fn is_structure(self) -> bool {
        matches!(self, Self::Structure(_))
    }

    /// The area of which the list speaks.
    pub fn area(self) -> Option<&'static str> {
        match self {
            Self::Primary(area) | Self::Secondary(area) => Some(area),
            Self::EndedAllergies => Some("allergies"),
            Self::Structure(_) => Some("consultations"),
            Self::Other => None,
        }
    }
}

const SECONDARY: [(&str, &str); 21] = [
    ("consultations-allergies-contained-in-consultations", "allergies"),
    ("consultations-allergies-that-have-been-ended-contained-in-consultations", "allergies"),
    ("consultations-diary-entries-contained-in-consultations", "diary"),
    ("consultations-documents-contained-in-consultations", "documents"),
    ("consultations-immunisations-contained-in-consultations", "immunisations"),
    ("consultations-investigations-contained-in-consultations", "investigations"),
    ("consultations-medications-contained-in-consultations", "medications"),
    ("consultations-outbound-referrals-in-consultations", "referrals"),
    ("consultations-problems-contained-in-consultations", "problems"),
    ("consultations-uncategorised-data-contained-in-consultations", "uncategorised"),
    ("problems-allergies-related-to-problems", "allergies"),
    ("problems-allergies-that-have-been-ended-related-to-problems", "allergies"),
    ("problems-consultations-related-to-problems", "consultations"),
    ("problems-diary-entries-related-to-problems", "diary"),
    ("problems-documents-related-to-problems", "documents"),
    ("problems-immunisations-related-to-problems", "immunisations"),
    ("problems-investigations-related-to-problems", "investigations"),
    ("problems-medications-related-to-problems", "medications"),
    ("problems-outbound-referrals-related-to-problems", "referrals"),
    ("problems-uncategorised-data-related-to-problems", "uncategorised"),
    ("problems-linked-problems-not-relating-to-the-primary-query", "problems"),
];

/// What a list is for, by the first of its codes that says so.
pub fn purpose(list: &List) -> Purpose {
    let codes: Vec<&str> = list.code.codings.iter().map(|coding| trimmed(&coding.code)).collect();
    if let Some(purpose) = codes.iter().find_map(|code| purpose_of(code)) {
        return purpose;
    }
    let says_nothing = codes.iter().all(|code| matches!(*code, "" | "TBD"));
    let title = word(&list.title);
    match says_nothing && (title.starts_with("ended") || title.starts_with("resolved")) {
        true => Purpose::EndedAllergies,
        false => Purpose::Other,
    }
}

fn purpose_of(code: &str) -> Option<Purpose> {
    match code {
        "" => return None,
        "325851000000107" => return Some(Purpose::Structure("consultation")),
        "25851000000105" => return Some(Purpose::Structure("topic")),
        "24781000000107" => return Some(Purpose::Structure("heading")),
        "1103671000000101" => return Some(Purpose::EndedAllergies),
        _ => {}
    }
    if let Some((area, ..)) = AREAS.iter().find(|(_, _, primary)| *primary == code) {
        return Some(Purpose::Primary(area));
    }
    // Examples send the title where its slug belongs.
    let slug = code.to_ascii_lowercase().replace(" - ", "-").replace(' ', "-");
    SECONDARY.iter().find(|(known, _)| *known == slug).map(|(_, area)| Purpose::Secondary(area))
}
