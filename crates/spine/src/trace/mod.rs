//! Who the patient is by the national record, and whether a call may be made at all (`hazards-and-governance`
//! sheet, section 2; GPC-CORE01 to CORE09).

mod pds;
mod verify;

use std::future::Future;

use bedside_model::{Demographics, OdsCode};

pub use pds::{PdsFhir, TokenFile};

use crate::Decision;

/// Whatever can trace a patient.
pub trait Trace: Send + Sync {
    /// Traces the patient whom the hospital knows by these demographics, for an organisation. What comes back is
    /// the national record's word: the current number, names and registered practice, traced now.
    ///
    /// # Errors
    /// [`TraceError`]; nothing may be sent for the patient then.
    fn trace(
        &self,
        patient: &Demographics,
        organisation: &OdsCode,
    ) -> impl Future<Output = Result<Traced, TraceError>> + Send;
}

/// A patient who was found, is who the hospital thinks, and whose record may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// By the national record.
    pub demographics: Demographics,
    /// Whether the number that was asked for has been superseded by the one here (GPC-CORE05).
    pub superseded: bool,
}

/// Why nothing may be sent. No variant holds a word of the patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// There is no such patient (GPC-CORE08).
    #[error("the national record does not know the NHS number")]
    NotFound,
    /// The number has been withdrawn or cannot be one (GPC-CORE06).
    #[error("the national record holds the NHS number to be invalid")]
    Invalid,
    /// The hospital's demographics are not those of the number (GPC-CORE02).
    #[error("the hospital's demographics do not verify the NHS number")]
    NotVerified,
    /// Access to the patient's record is restricted (GPC-CORE04).
    #[error("the national record restricts access")]
    Sensitive,
    /// The patient has died (GPC-CORE07).
    #[error("the national record holds the patient to be deceased")]
    Deceased,
    /// No registered practice, so there is nobody to ask (GPC-CORE03).
    #[error("the national record names no registered practice")]
    NoPractice,
    /// The answer is not a patient's record.
    #[error("the {0} of the national record's answer is missing or malformed")]
    Malformed(&'static str),
    /// The national record could not be asked; the decision is that of the exchange with it.
    #[error("the national record gave no answer: {0}")]
    Unavailable(Decision),
}

impl TraceError {
    /// A stable name for events, audit and counts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "trace/not_found",
            Self::Invalid => "trace/invalid",
            Self::NotVerified => "trace/not_verified",
            // The log and the events are no place to learn that a patient's record is restricted.
            Self::Sensitive => "trace/not_permitted",
            Self::Deceased => "trace/deceased",
            Self::NoPractice => "trace/no_practice",
            Self::Malformed(_) => "trace/malformed",
            Self::Unavailable(_) => "trace/unavailable",
        }
    }

    /// Whether the patient's own state stands against a call, which no later try changes.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Malformed(_) | Self::Unavailable(_))
    }

    /// What a clinician should know and may do, in plain words.
    pub fn clinician_message(&self) -> &'static str {
        match self {
            Self::NotFound | Self::Invalid => {
                "The national record does not confirm the patient's NHS number. Check it and trace the patient again."
            }
            Self::NotVerified => {
                "The hospital's details of the patient do not match the national record. Check them before anything \
                 is fetched."
            }
            Self::Sensitive => {
                "The GP record cannot be fetched for this patient. Ask the patient or the practice."
            }
            Self::Deceased => "The national record holds this patient to be deceased, so nothing is fetched.",
            Self::NoPractice => {
                "The national record names no GP practice for this patient, so there is nobody to ask."
            }
            Self::Malformed(_) | Self::Unavailable(_) => {
                "The patient could not be traced just now. Try again later, or trace the patient by hand."
            }
        }
    }

    /// What support should look at.
    pub fn support_advice(&self) -> &'static str {
        match self {
            Self::NotFound | Self::Invalid | Self::NotVerified => {
                "compare number, name and date of birth on the admission with the national record"
            }
            Self::Sensitive | Self::Deceased | Self::NoPractice => {
                "nothing to mend here: a rule forbids the call"
            }
            Self::Malformed(_) | Self::Unavailable(_) => {
                "network, certificates or access token of the national record"
            }
        }
    }
}

/// The tracing of a configuration, which chooses when the program starts.
#[derive(Default)]
pub enum Tracer {
    /// None: the callers trace, and what they say of it has to be fresh.
    #[default]
    Callers,
    /// The Personal Demographics Service.
    Pds(Box<PdsFhir>),
}

impl Tracer {
    /// Whether there is somebody to ask.
    pub fn traces(&self) -> bool {
        matches!(self, Self::Pds(_))
    }
}

impl Trace for Tracer {
    async fn trace(&self, patient: &Demographics, organisation: &OdsCode) -> Result<Traced, TraceError> {
        match self {
            Self::Callers => Ok(Traced { demographics: patient.clone(), superseded: false }),
            Self::Pds(pds) => pds.trace(patient, organisation).await,
        }
    }
}
