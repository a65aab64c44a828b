/// One of the ten clinical areas of Access Record Structured (`bundle` sheet, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ClinicalArea {
    /// Allergies and adverse reactions.
    Allergies,
    /// Medications and medical devices.
    Medications,
    /// Problems.
    Problems,
    /// Consultations.
    Consultations,
    /// Immunisations.
    Immunisations,
    /// Uncategorised data.
    Uncategorised,
    /// Investigations and results.
    Investigations,
    /// Outbound referrals.
    Referrals,
    /// Diary entries.
    Diary,
    /// Documents.
    Documents,
}

impl ClinicalArea {
    /// All ten, in the order of the `sections` table.
    pub const ALL: [Self; 10] = [
        Self::Allergies,
        Self::Medications,
        Self::Problems,
        Self::Consultations,
        Self::Immunisations,
        Self::Uncategorised,
        Self::Investigations,
        Self::Referrals,
        Self::Diary,
        Self::Documents,
    ];

    /// The name in the columnar record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allergies => "allergies",
            Self::Medications => "medications",
            Self::Problems => "problems",
            Self::Consultations => "consultations",
            Self::Immunisations => "immunisations",
            Self::Uncategorised => "uncategorised",
            Self::Investigations => "investigations",
            Self::Referrals => "referrals",
            Self::Diary => "diary",
            Self::Documents => "documents",
        }
    }

    /// The area of that name, `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|area| area.as_str() == name)
    }

    /// The request parameter that asks for the area (`retrieve` sheet, section 5); documents have none.
    pub fn request_parameter(self) -> Option<&'static str> {
        match self {
            Self::Allergies => Some("includeAllergies"),
            Self::Medications => Some("includeMedication"),
            Self::Problems => Some("includeProblems"),
            Self::Consultations => Some("includeConsultations"),
            Self::Immunisations => Some("includeImmunisations"),
            Self::Uncategorised => Some("includeUncategorisedData"),
            Self::Investigations => Some("includeInvestigations"),
            Self::Referrals => Some("includeReferrals"),
            Self::Diary => Some("includeDiaryEntries"),
            Self::Documents => None,
        }
    }

    /// The SNOMED CT code of the area's primary list (`bundle` sheet, section 7); documents have none.
    pub fn primary_list_code(self) -> Option<&'static str> {
        match self {
            Self::Allergies => Some("886921000000105"),
            Self::Medications => Some("933361000000108"),
            Self::Problems => Some("717711000000103"),
            Self::Consultations => Some("1149501000000101"),
            Self::Immunisations => Some("1102181000000102"),
            Self::Uncategorised => Some("826501000000100"),
            Self::Investigations => Some("887191000000108"),
            Self::Referrals => Some("792931000000107"),
            Self::Diary => Some("714311000000108"),
            Self::Documents => None,
        }
    }
}

/// What a reader may conclude from the rows of an area (`bundle` sheet, section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SectionState {
    /// The primary list is there and holds entries.
    Returned,
    /// As `Returned`, and items were withheld.
    ReturnedWithExclusions,
    /// The list is there, empty, and says that nothing is recorded.
    EmptyNoContent,
    /// The list is there and empty because what it held is withheld.
    EmptyConfidential,
    /// The practice or its supplier has switched the area off.
    Disabled,
    /// The supplier's version does not know the area.
    Unsupported,
    /// The area was asked for and its list is not there: a defect, never to be read as empty.
    MissingList,
    /// Nobody asked for the area.
    NotRequested,
    /// The area was asked for and the answer failed.
    Failed,
}

impl SectionState {
    /// All nine, in the order of the `bundle` sheet, section 8.
    pub const ALL: [Self; 9] = [
        Self::Returned,
        Self::ReturnedWithExclusions,
        Self::EmptyNoContent,
        Self::EmptyConfidential,
        Self::Disabled,
        Self::Unsupported,
        Self::MissingList,
        Self::NotRequested,
        Self::Failed,
    ];

    /// The state of that name, `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// The name in the columnar record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::ReturnedWithExclusions => "returned_with_exclusions",
            Self::EmptyNoContent => "empty_no_content",
            Self::EmptyConfidential => "empty_confidential",
            Self::Disabled => "disabled",
            Self::Unsupported => "unsupported",
            Self::MissingList => "missing_list",
            Self::NotRequested => "not_requested",
            Self::Failed => "failed",
        }
    }
}
