use std::fmt;

use jiff::Timestamp;

use crate::{NhsNumber, OdsCode};

/// Administrative gender as FHIR STU3 codes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gender {
    /// `male`
    Male,
    /// `female`
    Female,
    /// `other`
    Other,
    /// `unknown`
    Unknown,
}

impl Gender {
    /// The FHIR code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Male => "male",
            Self::Female => "female",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }

    /// The gender of a FHIR code, `None` for any other text.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Male, Self::Female, Self::Other, Self::Unknown]
            .into_iter()
            .find(|gender| gender.as_str() == code)
    }
}

/// The patient as a Personal Demographics Service trace gave it: what the returned Patient is compared with
/// (`hazards-and-governance` sheet, section 3). `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Demographics {
    /// The traced, verified NHS number.
    pub nhs_number: NhsNumber,
    /// Family name.
    pub family: String,
    /// First given name.
    pub given: String,
    /// Administrative gender.
    pub gender: Gender,
    /// Date of birth, `YYYY-MM-DD`.
    pub birth_date: String,
    /// ODS code of the registered practice.
    pub practice: OdsCode,
    /// When the trace was made; it may be at most 24 hours old when a record is fetched (GPC-CORE01).
    pub traced_at: Timestamp,
}

impl fmt::Debug for Demographics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Demographics(..)")
    }
}

/// The real, logged-on person on whose behalf a record is fetched or read (`retrieve` sheet, section 4:
/// a generic or system user is forbidden). `Debug` shows the role and organisation only.
#[derive(Clone, PartialEq, Eq)]
pub struct Requester {
    /// The user's id in the host system.
    pub user_id: String,
    /// SDS user id, or `UNK` without a smartcard.
    pub sds_user_id: String,
    /// SDS role profile id, or `UNK` without a smartcard.
    pub sds_role_profile_id: String,
    /// Family name.
    pub family: String,
    /// Given name.
    pub given: String,
    /// Name prefix, such as `Dr`.
    pub prefix: Option<String>,
    /// Role in which the user acts.
    pub role: String,
    /// ODS code of the organisation where the user works.
    pub organisation: OdsCode,
    /// Name of that organisation.
    pub organisation_name: String,
}

/// Words that name a function and no person.
const FUNCTIONS: [&str; 16] = [
    "admin",
    "administrator",
    "anonymous",
    "batch",
    "bedside",
    "daemon",
    "default",
    "generic",
    "none",
    "root",
    "service",
    "system",
    "test",
    "unk",
    "unknown",
    "user",
];

impl Requester {
    /// Whether a user's id is that of a system or a shared user (`security` sheet, section 11).
    pub fn is_shared_user_id(user_id: &str) -> bool {
        is_function(user_id)
    }

    /// Whether both names are words for a function. Real people are called Batch or Service, so that one alone says
    /// nothing.
    pub fn is_function_name(family: &str, given: &str) -> bool {
        is_function(family) && is_function(given)
    }
}

fn is_function(text: &str) -> bool {
    FUNCTIONS.contains(&text.trim().to_lowercase().as_str())
}

impl fmt::Debug for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requester")
            .field("role", &self.role)
            .field("organisation", &self.organisation)
            .finish_non_exhaustive()
    }
}
