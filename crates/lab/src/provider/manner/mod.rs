//! How the systems of the suppliers answer: which areas they know, what they say of those that they do not, and what
//! their lists look like when something is withheld or still on its way. Only what the sheets state of a supplier is
//! its own here ([`DIFFERENCES`]); whatever else there is to know is answered as the specification has it.

mod answer;
mod lists;
mod reach;

use std::str::FromStr;

use jiff::civil::Date;

use super::check::Asked;
use crate::generate::Supplier;

pub(super) use answer::answer;

/// A practice's system that answers what it is asked, in place of sending a record as it is.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Whose system it is.
    pub supplier: Supplier,
    /// The version of the specification that it keeps to.
    pub version: Version,
    /// Areas that the practice has switched off, by their parameters, such as `includeProblems`.
    pub disabled: Vec<String>,
    /// Areas of which everything is withheld.
    pub withheld: Vec<String>,
    /// The day the patient registered, while the record of the last practice is still on its way.
    pub in_transit: Option<Date>,
    /// The day before which something awaits filing at the practice.
    pub awaiting_filing: Option<Date>,
}

/// A version of the specification, by the areas that it has (`retrieve` sheet, section 7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// 1.2: medications and allergies.
    V1_2,
    /// 1.5: all areas, and problems by significance.
    V1_5,
    /// 1.6.2: all areas.
    #[default]
    V1_6,
}

/// What a supplier does of its own, in a sentence, and the sheet that says so.
pub struct Difference {
    /// Whose system.
    pub supplier: Supplier,
    /// What it does.
    pub what: &'static str,
    /// Sheet and section.
    pub source: &'static str,
}

/// An area: its parameter, and its primary list by code, title and display (`bundle` sheet, section 7).
pub(super) struct Area {
    pub(super) parameter: &'static str,
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    pub(super) display: &'static str,
}

pub(super) const AREAS: [Area; 9] = [
    area("includeAllergies", "886921000000105", "Allergies and adverse reactions"),
    area("includeMedication", "933361000000108", "Medications and medical devices"),
    area("includeConsultations", "1149501000000101", "List of consultations"),
    area("includeProblems", "717711000000103", "Problems"),
    area("includeImmunisations", "1102181000000102", "Immunisations"),
    Area {
        parameter: "includeUncategorisedData",
        code: "826501000000100",
        title: "Uncategorised data",
        display: "Miscellaneous record",
    },
    area("includeInvestigations", "887191000000108", "Investigations and results"),
    area("includeReferrals", "792931000000107", "Outbound referral"),
    area("includeDiaryEntries", "714311000000108", "Patient recall administration"),
];

/// The second list of allergies, which comes when ended ones are asked for.
pub(super) const ENDED: Area = area("includeAllergies", "1103671000000101", "Ended allergies");

const fn area(parameter: &'static str, code: &'static str, title: &'static str) -> Area {
    Area { parameter, code, title, display: title }
}

/// All that suppliers do of their own.
pub const DIFFERENCES: &[Difference] = &[
    emis(
        "ids are upper-case UUIDs, those of statements and problems with -MS and -PROB behind them",
        "real-data 3, 11",
    ),
    emis("lists come first, Medications after everything that names them", "real-data 2, 4"),
    emis("local and Read codes stand before SNOMED CT, marked as what the user picked", "real-data 5, 11"),
    emis(
        "no statement names its consultation; orders are found through the headings alone",
        "real-data 5, 8",
    ),
    emis("last issue dates are midnights, numbers have three decimals", "real-data 9"),
    emis("Bundle.id is there in 18 of 32 answers", "real-data 2"),
    emis("data-in-transit stands on every primary list, on empty ones too", "real-data 8"),
    emis("four-level consultations: topics hold headings alone", "real-data 8"),
    tpp("ids are two blocks of hexadecimal digits joined by an underscore", "real-data 3"),
    tpp("people and places are names alone, one Practitioner is sent", "real-data 4, 11"),
    tpp("SNOMED CT alone, never marked; quantities are a number and a text", "real-data 5, 11"),
    tpp("ended allergies stand in the Ended list and at top level", "real-data 6, 12"),
    tpp("includeInvestigations is an unrecognised parameter", "real-data 2"),
    tpp("the list of consultations always says that something is withheld", "real-data 8"),
    tpp("query lists have neither date nor order; one code has a space behind it", "real-data 8"),
    tpp("three-level consultations, with items that are words alone", "real-data 8"),
    vision("ids are two numbers joined by a dash, some with -p behind them", "bundle 4"),
    vision(
        "Gemscript and Read v2 codes stand before SNOMED CT; display and text differ",
        "real-data 5, consumer-test-cases 1",
    ),
    vision("notes of allergies are Certainty = Likely, Severity = Moderate and so on", "allergies 2"),
    vision("reactions are coded twice, or have no information but a severity", "consumer-test-cases 3"),
    vision(
        "medicines that have ended do not say when, and no supply has a duration",
        "medications 9, consumer-test-cases 1",
    ),
    medicus("identifiers are of https://medicus.health, ids lower-case UUIDs", "bundle 4, real-data 3"),
    medicus("empty lists say Information not available. with a full stop", "real-data 8"),
    medicus("query lists have neither date nor order", "real-data 8, 13"),
    medicus("the display of uncategorised data is Miscellaneous records", "real-data 8"),
    medicus("some numbers are strings, some prescription types words alone", "real-data 9, 13"),
    medicus(
        "no problem names an actual one, half of them have no onset, either of two categories",
        "real-data 7",
    ),
    medicus("most allergies have a reaction; no medicine is stopped", "real-data 5, 6"),
    medicus("consultations have headings that hold plans, all topics a title", "real-data 8"),
];

const fn emis(what: &'static str, source: &'static str) -> Difference {
    Difference { supplier: Supplier::Emis, what, source }
}

const fn tpp(what: &'static str, source: &'static str) -> Difference {
    Difference { supplier: Supplier::Tpp, what, source }
}

const fn vision(what: &'static str, source: &'static str) -> Difference {
    Difference { supplier: Supplier::Vision, what, source }
}

const fn medicus(what: &'static str, source: &'static str) -> Difference {
    Difference { supplier: Supplier::Medicus, what, source }
}

impl Manner {
    /// A supplier's system of today with everything switched on and nothing withheld.
    pub fn of(supplier: Supplier) -> Self {
        Self {
            supplier,
            version: Version::default(),
            disabled: Vec::new(),
            withheld: Vec::new(),
            in_transit: None,
            awaiting_filing: None,
        }
    }

    /// Whether the system knows a parameter.
    fn knows(&self, parameter: &str) -> bool {
        let basic = ["includeAllergies", "includeMedication"].contains(&parameter);
        let version = self.version != Version::V1_2 || basic;
        // 11 of 13 answers of TPP say so (`real-data` sheet, section 2).
        version && !(self.supplier == Supplier::Tpp && parameter == "includeInvestigations")
    }

    /// The first of the names that is no area.
    pub(super) fn unknown_area(&self) -> Option<&str> {
        let mut names = self.disabled.iter().chain(&self.withheld);
        names.find(|name| AREAS.iter().all(|area| area.parameter != **name)).map(String::as_str)
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "1.2" => Ok(Self::V1_2),
            "1.5" => Ok(Self::V1_5),
            "1.6" => Ok(Self::V1_6),
            _ => Err("a version is 1.2, 1.5 or 1.6".to_owned()),
        }
    }
}

/// What of a request is answered, and what is said of the rest.
pub(super) struct Scope<'a> {
    manner: &'a Manner,
    /// The primary lists of the answer.
    lists: Vec<&'static Area>,
    /// Whether orders come with their plans.
    issues: bool,
    /// Parameter or part, and what is said of it (`retrieve` sheet, section 8).
    denied: Vec<(String, String)>,
}

impl<'a> Scope<'a> {
    fn of(asked: &Asked, manner: &'a Manner) -> Self {
        let (mut lists, mut denied) = (Vec::new(), Vec::new());
        for area in AREAS.iter().filter(|area| asked.areas.contains(area.parameter)) {
            let name = area.parameter;
            if !manner.knows(name) {
                denied.push((name.to_owned(), format!("{name} is an unrecognised parameter")));
            } else if manner.disabled.iter().any(|disabled| disabled == name) {
                denied.push((name.to_owned(), format!("{name} has been disabled")));
            } else {
                lists.push(area);
            }
        }
        let significance =
            |name: &String| manner.version == Version::V1_5 && name == "includeProblems.filterSignificance";
        for name in asked.unrecognised.iter().filter(|name| !significance(name)) {
            denied.push((name.clone(), format!("{name} is an unrecognised parameter")));
        }
        if lists.iter().any(|area| area.parameter == ENDED.parameter)
            && asked.says("includeAllergies.includeResolvedAllergies", "true")
        {
            lists.push(&ENDED);
        }
        let issues = !asked.says("includeMedication.includePrescriptionIssues", "false");
        Self { manner, lists, issues, denied }
    }

    fn answers(&self, parameter: &str) -> bool {
        self.lists.iter().any(|area| area.parameter == parameter)
    }

    /// Whether everything of an area is withheld.
    fn withholds(&self, area: &Area) -> bool {
        self.manner.withheld.iter().any(|name| name == area.parameter)
    }

    /// The area whose primary list has that code, if it is answered.
    fn list(&self, code: &str) -> Option<&'static Area> {
        self.lists.iter().find(|area| area.code == code).copied()
    }
}

#[cfg(test)]
mod tests;
