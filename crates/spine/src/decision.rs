//! What can become of a call, by the decision that it leaves to the caller, and the words for it.

use std::fmt;
use std::time::Duration;

use crate::ErrorCode;

/// A call that gave no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{decision}, {evidence}")]
pub struct FetchError {
    /// What the caller can do about it.
    pub decision: Decision,
    /// What support will ask for.
    pub evidence: Evidence,
}

/// The closed list of decisions. One table maps every status, code and fault to one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Somebody with the right to say no has said no. Never retried, never worked around.
    Refused(Refusal),
    /// The practice has no such record to give: trace the patient anew once; the reason is not knowable.
    NotFound,
    /// The patient's data are not accepted: correct them, trace anew.
    PatientData(PatientData),
    /// Nothing wrong was said; the system could not be reached or heard to the end. Try later.
    Unavailable(Unavailability),
    /// The practice's system failed on this request, perhaps for good on this patient.
    ProviderFault(ProviderFault),
    /// Certificates, registrations or directory entries need whoever runs the service.
    Configuration(Configuration),
    /// We sent what we should not have sent: engineers.
    OurDefect(Defect),
    /// The answer cannot be trusted to be a record.
    Malformed(Malformed),
    /// The answer broke a stated limit.
    Limit(Limit),
}

/// Who refused, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The patient dissents from sharing.
    PatientConsent,
    /// The practice does not share.
    OrganisationConsent,
    /// GP Connect or this capability is switched off at the practice.
    AccessDisabled,
    /// No legitimate relationship with the patient.
    NoRelationship,
    /// No data sharing agreement between the two organisations.
    NoSharingAgreement,
    /// Status 403 without a known code.
    Unspecified,
}

/// What of the patient's data is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatientData {
    /// The NHS number.
    NhsNumber,
    /// The demographics held by the practice do not pass its own trace.
    Demographics,
}

/// How far the call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailability {
    /// No connection: name not found, refused, or no answer within the connect budget.
    Network,
    /// Connected, but no TLS within its budget.
    TlsTimeout,
    /// No response headers within their budget.
    Timeout,
    /// The body stalled, or the attempt's time was up.
    Slow,
    /// Closed before any byte of a body.
    Reset,
    /// The body ended early.
    Cut,
    /// Status 408, 429, 503 or 504.
    Busy,
    /// Status 502: the SSP cannot reach the practice's system.
    PracticeUnreachable,
    /// The whole call's time was up.
    TimeUp,
    /// Nothing was sent: attempt after attempt has failed, and the system is left alone for a while.
    Resting,
}

/// How the practice's system failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderFault {
    /// Status 500, or another 5xx without a meaning of its own.
    Internal,
    /// Status 501: it does not have the operation.
    NotImplemented,
    /// Status 200 with an error in place of a record.
    ErrorInSuccess,
}

/// What needs whoever runs the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Configuration {
    /// The server's certificate does not chain to the configured authority, or bears another name.
    ServerNotTrusted,
    /// The server does not accept our certificate.
    CertificateRefused,
    /// No TLS version or suite in common, or another failure of the handshake.
    TlsPolicy,
    /// Our ASID may not use this interaction.
    SenderNotAllowed,
    /// The practice's ASID is not registered for this interaction.
    PracticeNotRegistered,
    /// The URL is not the one that Spine has for the practice.
    EndpointVaries,
}

/// What we did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// The requester lacks an id, a name or an organisation. Nothing was sent.
    RequesterIncomplete,
    /// The request could not be put together. Nothing was sent.
    RequestNotBuilt,
    /// Status 400: token, header or body malformed.
    BadRequest,
    /// Status 401: the bearer token is not accepted.
    Unauthorised,
    /// Status 404 for something else than the patient: the route is wrong.
    WrongRoute,
    /// Status 405.
    Method,
    /// Status 415.
    MediaType,
    /// Status 422: the body breaks the operation's definition.
    InvalidRequest,
    /// Another 4xx, such as 409.
    Unexpected,
}

/// Why an answer cannot be a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Not HTTP/1.1, or headers over 32 KiB or 100 in number.
    Http,
    /// A redirect, which is never followed.
    Redirect,
    /// A status that neither succeeds nor fails, or a 2xx that is not 200.
    Status,
    /// Neither JSON in UTF-8 nor unmarked.
    ContentType,
    /// A content encoding other than `gzip` and `identity`, or broken gzip.
    Encoding,
    /// Not a FHIR Bundle.
    NotFhir,
    /// JSON that ends before it is whole, under a length that says otherwise.
    Truncated,
}

/// Which limit was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The size of the decoded body.
    BodySize,
    /// The ratio of decoded to received bytes.
    CompressionRatio,
}

/// What support will ask for. None of it comes from a body but the code, which is one of a closed list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The last attempt's `Ssp-TraceID`.
    pub trace_id: String,
    /// The trace ids of the attempts before it.
    pub earlier_trace_ids: Vec<String>,
    /// How many attempts were made; 0 when nothing was sent.
    pub attempts: u32,
    /// HTTP status of the last attempt, if it got as far.
    pub status: Option<u16>,
    /// Error code of the last attempt, if it was a known one.
    pub code: Option<ErrorCode>,
    /// What the `Retry-After` header asked for.
    pub retry_after: Option<Duration>,
}

impl FetchError {
    /// A stable name for events, audit and counts, such as `denied/patient_consent`.
    pub fn name(&self) -> &'static str {
        self.decision.words().0
    }

    /// What a clinician should know and may do, in one or two plain sentences. It neither guesses why a record
    /// was withheld nor says more than the practice's system did.
    pub fn clinician_message(&self) -> &'static str {
        self.decision.words().1
    }

    /// What support should look at, with the trace id to quote.
    pub fn support_advice(&self) -> String {
        format!("{} ({})", self.decision.words().2, self.evidence)
    }

    /// Whether another attempt within the same call makes sense.
    pub fn retryable(&self) -> bool {
        self.decision.retryable()
    }
}

impl Decision {
    /// Whether another attempt within the same call makes sense: never after a refusal, an error of content, a
    /// limit or a failed verification (`reliability` sheet, section 3).
    pub fn retryable(self) -> bool {
        use Unavailability::{Resting, TimeUp};
        match self {
            Self::Unavailable(how) => !matches!(how, TimeUp | Resting),
            how => how == Self::Malformed(Malformed::Truncated),
        }
    }

    /// Whether a second try is the last: each costs the practice a whole record (`reliability` sheet, F-10, F-13).
    pub(crate) fn retryable_once(self) -> bool {
        matches!(self, Self::Unavailable(Unavailability::Slow) | Self::Malformed(Malformed::Truncated))
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().0)
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.attempts == 0 {
            return f.write_str("nothing was sent");
        }
        write!(f, "trace id {}, attempt {}", self.trace_id, self.attempts)?;
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        if let Some(code) = self.code {
            write!(f, ", code {}", code.as_str())?;
        }
        Ok(())
    }
}
