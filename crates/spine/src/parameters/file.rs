use bedside_model::ClinicalArea;
use serde::Deserialize;

use super::RequestDay;

/// The request section of a pipeline file: which areas, with which parts (`retrieve` sheet, section 5).
///
/// An absent area is not asked for; an area without parts is asked for whole. A name that GP Connect 1.6.2
/// does not have, `filterSignificance` among them, is refused when the file is read.
///
/// ```
/// use bedside_spine::{Parameters, ParametersFile};
///
/// let file: ParametersFile = toml::from_str(
///     "includeProblems = {}
///      [includeAllergies]
///      includeResolvedAllergies = true",
/// )?;
/// let parameters = Parameters::try_from((&file, jiff::civil::date(2026, 1, 15)))?;
/// assert_eq!(parameters.areas().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParametersFile {
    /// Allergies and adverse reactions.
    pub include_allergies: Option<IncludeAllergies>,
    /// Medications and medical devices.
    pub include_medication: Option<IncludeMedication>,
    /// Problems.
    pub include_problems: Option<IncludeProblems>,
    /// Consultations.
    pub include_consultations: Option<IncludeConsultations>,
    /// Immunisations.
    pub include_immunisations: Option<IncludeImmunisations>,
    /// Uncategorised data.
    pub include_uncategorised_data: Option<IncludeUncategorisedData>,
    /// Investigations and results.
    pub include_investigations: Option<IncludeInvestigations>,
    /// Outbound referrals.
    pub include_referrals: Option<IncludeReferrals>,
    /// Diary entries.
    pub include_diary_entries: Option<IncludeDiaryEntries>,
}

/// Parts of `includeAllergies`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncludeAllergies {
    /// Whether ended allergies come too. Mandatory: `None` is reported as a problem.
    pub include_resolved_allergies: Option<bool>,
}

/// Parts of `includeMedication`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncludeMedication {
    /// Whether each issue comes too; the provider's default is true.
    pub include_prescription_issues: Option<bool>,
    /// Only medication in effect on or after this day, which is not after today.
    pub medication_search_from_date: Option<RequestDay>,
}

/// Parts of `includeProblems`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncludeProblems {
    /// Only problems in this status.
    pub filter_status: Option<FilterStatus>,
}

/// Status of the problems asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterStatus {
    /// `active`
    Active,
    /// `inactive`
    Inactive,
}

/// Parts of `includeConsultations`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncludeConsultations {
    /// Only consultations in this period; not together with the number.
    pub consultation_search_period: Option<Period>,
    /// Only so many of the latest, at least 1; not together with the period.
    pub include_number_of_most_recent: Option<u32>,
}

/// Parts of `includeImmunisations`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncludeImmunisations {
    /// Whether immunisations not given come too; the provider's default is false.
    pub include_not_given: Option<bool>,
    /// Whether the status of consent comes too; the provider's default is true.
    pub include_status: Option<bool>,
}

/// Parts of `includeUncategorisedData`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncludeUncategorisedData {
    /// Only items in this period.
    pub uncategorised_data_search_period: Option<Period>,
}

/// Parts of `includeInvestigations`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncludeInvestigations {
    /// Only investigations in this period.
    pub investigation_search_period: Option<Period>,
}

/// Parts of `includeReferrals`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncludeReferrals {
    /// Only referrals in this period.
    pub referral_search_period: Option<Period>,
}

/// Parts of `includeDiaryEntries`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncludeDiaryEntries {
    /// Only entries due on or before this day, which is not before today.
    pub diary_entries_search_date: Option<RequestDay>,
}

/// A period of whole days, both bounds included; either may be left open, not both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// First day, not after today.
    pub start: Option<RequestDay>,
    /// Last day, not after today.
    pub end: Option<RequestDay>,
}

impl ParametersFile {
    pub(super) fn asks_for(&self, area: ClinicalArea) -> bool {
        match area {
            ClinicalArea::Allergies => self.include_allergies.is_some(),
            ClinicalArea::Medications => self.include_medication.is_some(),
            ClinicalArea::Problems => self.include_problems.is_some(),
            ClinicalArea::Consultations => self.include_consultations.is_some(),
            ClinicalArea::Immunisations => self.include_immunisations.is_some(),
            ClinicalArea::Uncategorised => self.include_uncategorised_data.is_some(),
            ClinicalArea::Investigations => self.include_investigations.is_some(),
            ClinicalArea::Referrals => self.include_referrals.is_some(),
            ClinicalArea::Diary => self.include_diary_entries.is_some(),
            ClinicalArea::Documents => false,
        }
    }
}
