//! Where a practice's system is: its service root and its ASID (`retrieve` sheet, section 6).

mod fixed;
mod retry;
mod sds;

use std::future::Future;

use bedside_model::OdsCode;

pub use fixed::{DirectoryFileError, StaticDirectory};
pub use retry::AskTwice;
pub use sds::{ApiKey, SdsFhirDirectory};

use crate::{Decision, EndpointProblem, Provider};

/// Whatever can tell where a practice's system is.
///
/// Endpoints may not be reused over patient encounters, so an implementation looks up anew each time and a
/// caller looks up once for each episode.
pub trait Directory: Send + Sync {
    /// Looks a practice up. Branch surgeries are not routable: it is the parent practice's code.
    ///
    /// # Errors
    /// [`DirectoryError`], by the decision that it leaves to the caller.
    fn look_up(&self, practice: &OdsCode) -> impl Future<Output = Result<Provider, DirectoryError>> + Send;
}

/// Why a practice's system is not known. No variant holds a value from the directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The practice has no endpoint for the structured record: no call is possible.
    #[error("the practice is not enabled for the structured record")]
    NotEnabled,
    /// More than one endpoint or ASID fits, and none may be chosen at will.
    #[error("the directory has more than one {0} for the practice")]
    Ambiguous(&'static str),
    /// The endpoint breaks a rule on addresses, so that nothing may be sent to it.
    #[error("the directory's endpoint is refused: {0}")]
    Endpoint(#[from] EndpointProblem),
    /// The directory's answer cannot be used.
    #[error("the directory's {0} is missing or malformed")]
    Malformed(&'static str),
    /// The directory could not be asked; the decision is that of the exchange with it.
    #[error("the directory gave no answer: {0}")]
    Unavailable(Decision),
}

impl DirectoryError {
    /// What a clinician should know and may do, in plain words.
    pub fn clinician_message(&self) -> &'static str {
        match self {
            Self::NotEnabled => "This GP practice does not offer its records this way. Ask the practice.",
            Self::Unavailable(_) => {
                "The GP practice's system could not be looked up just now. Try again later, or ask the practice."
            }
            Self::Ambiguous(_) | Self::Endpoint(_) | Self::Malformed(_) => {
                "The GP practice's entry in the national directory cannot be used; support has to look at it. Ask \
                 the practice."
            }
        }
    }

    /// What support should look at.
    pub fn support_advice(&self) -> String {
        let advice = match self {
            Self::NotEnabled => "check the ODS code: a branch surgery has to be its parent practice",
            Self::Unavailable(_) => "network, certificates or API key of the directory",
            Self::Ambiguous(_) | Self::Endpoint(_) | Self::Malformed(_) => {
                "compare the practice's entry in the directory, then tell who maintains it"
            }
        };
        format!("{advice} ({self})")
    }

    /// Whether asking again later may help.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable(decision) if decision.retryable())
    }
}

/// The directory of a configuration, which chooses one when the program starts.
pub enum AnyDirectory {
    /// A file.
    Static(StaticDirectory),
    /// The Spine Directory Service.
    Sds(Box<SdsFhirDirectory>),
}

impl Directory for AnyDirectory {
    async fn look_up(&self, practice: &OdsCode) -> Result<Provider, DirectoryError> {
        match self {
            Self::Static(directory) => directory.look_up(practice).await,
            Self::Sds(directory) => directory.look_up(practice).await,
        }
    }
}
