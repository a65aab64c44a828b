//! What a request asks for: areas, their part parameters, and the rules between them.
//!
//! [`ParametersFile`] is what was typed, [`Parameters`] is what may be sent. The names in a file are GP
//! Connect's own, so that a pipeline reads like the specification.

mod day;
mod file;
mod rules;
mod wire;

use bedside_model::{ClinicalArea, NhsNumber};
use jiff::civil::Date;

pub use day::{RequestDay, london_day};
pub use file::{
    FilterStatus, IncludeAllergies, IncludeConsultations, IncludeDiaryEntries, IncludeImmunisations,
    IncludeInvestigations, IncludeMedication, IncludeProblems, IncludeReferrals, IncludeUncategorisedData,
    ParametersFile, Period,
};

/// A request that keeps every rule of the `retrieve` sheet, sections 5 and 5.1. It cannot be built otherwise.
///
/// The rules on dates speak of today, so a value is good for the day it was built for: build it anew for each
/// call rather than once for a run that may pass midnight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    asked: ParametersFile,
    today: Date,
}

/// Everything that is wrong with a [`ParametersFile`], one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request asks for what GP Connect forbids: {}", .0.join("; "))]
pub struct ParameterProblems(pub Vec<String>);

impl Parameters {
    /// The areas asked for, in the order of [`ClinicalArea::ALL`].
    pub fn areas(&self) -> Vec<ClinicalArea> {
        ClinicalArea::ALL.into_iter().filter(|area| self.asked.asks_for(*area)).collect()
    }

    /// The FHIR `Parameters` resource as JSON in UTF-8, for this patient.
    pub fn to_body(&self, nhs_number: &NhsNumber) -> Vec<u8> {
        wire::parameters(&self.asked, self.today, nhs_number).to_string().into_bytes()
    }
}

impl TryFrom<(&ParametersFile, Date)> for Parameters {
    type Error = ParameterProblems;

    /// Builds the request of a file for a day, which is today in London ([`london_day`]).
    ///
    /// # Errors
    /// All broken rules at once: nothing asked for, a mandatory part missing, an impossible date or period,
    /// and the combinations of section 5.1 outside the two predefined searches.
    fn try_from((file, today): (&ParametersFile, Date)) -> Result<Self, Self::Error> {
        let problems = rules::broken(file, today);
        if problems.is_empty() {
            Ok(Self { asked: file.clone(), today })
        } else {
            Err(ParameterProblems(problems))
        }
    }
}

#[cfg(test)]
mod tests;
