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

/// The three texts of an outcome: a stable name, a sentence for the clinician, advice for support.
struct Words(&'static str, &'static str, &'static str);

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

    fn words(self) -> Words {
        match self {
            Self::Refused(refusal) => refusal.words(),
            Self::NotFound => Words(
                "not_found",
                "The GP practice's system has no record to share for this patient. Check where the patient is \
                 registered, or ask the practice.",
                "trace the patient once more: the practice may have changed; the reason is not disclosed",
            ),
            Self::PatientData(what) => what.words(),
            Self::Unavailable(how) => how.words(),
            Self::ProviderFault(how) => how.words(),
            Self::Configuration(what) => what.words(),
            Self::OurDefect(what) => what.words(),
            Self::Malformed(how) => how.words(),
            Self::Limit(which) => which.words(),
        }
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

impl Refusal {
    fn words(self) -> Words {
        match self {
            Self::PatientConsent => Words(
                "denied/patient_consent",
                "The patient has not agreed to share the GP record. Ask the patient or the practice, or use the \
                 Summary Care Record.",
                "nothing to mend: dissent is recorded at the practice and cannot be overridden",
            ),
            Self::OrganisationConsent => Words(
                "denied/organisation_consent",
                "The GP practice does not share records this way. Ask the practice, or use the Summary Care Record.",
                "the practice has not agreed to share; the trust's GP Connect lead may ask it",
            ),
            Self::AccessDisabled => Words(
                "denied/access_disabled",
                "The GP record is not available from this practice today. Ask the practice.",
                "GP Connect or this capability is switched off at the practice or its supplier",
            ),
            Self::NoRelationship => Words(
                "denied/no_relationship",
                "The GP practice's system sees no legitimate relationship with this patient. Ask the practice.",
                "check that the patient's registration and the requesting organisation are right",
            ),
            Self::NoSharingAgreement => Words(
                "denied/no_sharing_agreement",
                "Sharing between this hospital and the GP practice is not agreed. Ask the practice.",
                "no data sharing agreement covers the two organisations: the information governance lead",
            ),
            Self::Unspecified => Words(
                "denied/unspecified",
                "The GP practice's system refused to share the record. Ask the practice.",
                "status 403 without a known code: ask the service desk, quoting the trace id",
            ),
        }
    }
}

impl PatientData {
    fn words(self) -> Words {
        match self {
            Self::NhsNumber => Words(
                "patient_data/nhs_number",
                "The patient's NHS number was not accepted. Check it and trace the patient again.",
                "the number passed our check digit test: look at the trace it came from",
            ),
            Self::Demographics => Words(
                "patient_data/demographics",
                "The patient's details at the GP practice do not match the national record. Ask the practice.",
                "the practice's own trace failed: trace anew, then tell the practice",
            ),
        }
    }
}

impl Unavailability {
    fn words(self) -> Words {
        const LATER: &str =
            "The GP record could not be fetched just now. Try again later, or ask the practice.";
        match self {
            Self::Network => {
                Words("unavailable/network", LATER, "no connection to the SSP: network, DNS, firewall")
            }
            Self::TlsTimeout => {
                Words("unavailable/tls_timeout", LATER, "the SSP accepts connections but no TLS")
            }
            Self::Timeout => Words("unavailable/timeout", LATER, "no response headers in time"),
            Self::Slow => Words("unavailable/slow", LATER, "the body came too slowly to finish in time"),
            Self::Reset => Words("unavailable/reset", LATER, "the connection closed before an answer came"),
            Self::Cut => {
                Words("unavailable/cut", LATER, "the body ended early; what came of it was discarded")
            }
            Self::Busy => {
                Words("unavailable/busy", LATER, "the SSP or the practice's system asks to come later")
            }
            Self::PracticeUnreachable => Words(
                "unavailable/practice_unreachable",
                "The GP practice's system cannot be reached just now. Try again later, or ask the practice.",
                "the SSP cannot reach the practice's system: its supplier's service desk",
            ),
            Self::TimeUp => {
                Words("unavailable/time_up", LATER, "the whole call's time was up between attempts")
            }
            Self::Resting => Words(
                "unavailable/resting",
                LATER,
                "five attempts failed within a minute, so the system is left alone for one: see what they failed of",
            ),
        }
    }
}

impl ProviderFault {
    fn words(self) -> Words {
        const FAILED: &str = "The GP practice's system failed to put this record together. Ask the practice for what you need.";
        match self {
            Self::Internal => Words(
                "provider_error/internal",
                FAILED,
                "may be permanent for this patient: tell the supplier, quoting the trace id; a narrower query may work",
            ),
            Self::NotImplemented => Words(
                "provider_error/not_implemented",
                "The GP practice's system does not offer this record. Ask the practice.",
                "the supplier does not have the operation",
            ),
            Self::ErrorInSuccess => Words(
                "provider_error/error_in_success",
                FAILED,
                "status 200 with an error in place of a record: tell the supplier, quoting the trace id",
            ),
        }
    }
}

impl Configuration {
    fn words(self) -> Words {
        const OURS: &str =
            "The GP record cannot be fetched until the service is set right; support has to look at it.";
        match self {
            Self::ServerNotTrusted => Words(
                "unavailable/tls_identity",
                OURS,
                "the SSP's certificate is not of the configured authority or name: nothing was sent",
            ),
            Self::CertificateRefused => Words(
                "unavailable/tls_client_certificate",
                OURS,
                "the SSP did not accept the client certificate: expired, revoked, or of the wrong environment",
            ),
            Self::TlsPolicy => Words(
                "unavailable/tls_policy",
                OURS,
                "no TLS 1.2 or 1.3 AES-GCM suite in common with the SSP, or a broken handshake",
            ),
            Self::SenderNotAllowed => Words(
                "configuration/sender_not_allowed",
                OURS,
                "our ASID is not registered for this interaction",
            ),
            Self::PracticeNotRegistered => Words(
                "configuration/practice_not_registered",
                "The GP record is not available from this practice. Ask the practice.",
                "the practice's ASID is not registered for this interaction: look it up anew",
            ),
            Self::EndpointVaries => Words(
                "configuration/endpoint_varies",
                OURS,
                "the service root is not the one that Spine has: look it up anew, then compare byte for byte",
            ),
        }
    }
}

impl Defect {
    fn words(self) -> Words {
        const OURS: &str =
            "The GP record could not be fetched because of a fault in this software. Tell support.";
        match self {
            Self::RequesterIncomplete => Words(
                "defect/requester_incomplete",
                "The GP record cannot be fetched without the name, id and organisation of the person asking.",
                "the admission's requester lacks a user id, family name, given name or organisation name",
            ),
            Self::RequestNotBuilt => {
                Words("defect/request_not_built", OURS, "the request could not be put together")
            }
            Self::BadRequest => Words(
                "defect/bad_request",
                OURS,
                "token, header or body malformed: check this machine's clock first, then tell the engineers",
            ),
            Self::Unauthorised => Words("defect/unauthorised", OURS, "the bearer token was not accepted"),
            Self::WrongRoute => {
                Words("defect/wrong_route", OURS, "the URL or the organisation in it is wrong")
            }
            Self::Method => Words("defect/method", OURS, "the verb was not accepted"),
            Self::MediaType => Words("defect/media_type", OURS, "the content type was not accepted"),
            Self::InvalidRequest => {
                Words("defect/invalid_request", OURS, "the parameters or the token's resources")
            }
            Self::Unexpected => {
                Words("defect/unexpected", OURS, "a client error that this operation does not have")
            }
        }
    }
}

impl Malformed {
    fn words(self) -> Words {
        const BROKEN: &str = "The answer of the GP practice's system could not be read, so nothing of it is shown. Ask the practice.";
        match self {
            Self::Http => Words("malformed/http", BROKEN, "not valid HTTP/1.1, or its headers are too large"),
            Self::Redirect => Words("malformed/redirect", BROKEN, "a redirect, which is never followed"),
            Self::Status => Words("malformed/status", BROKEN, "a status that this operation does not have"),
            Self::ContentType => {
                Words("malformed/content_type", BROKEN, "not JSON in UTF-8 by its content type")
            }
            Self::Encoding => Words("malformed/encoding", BROKEN, "broken gzip, or another content encoding"),
            Self::NotFhir => Words("malformed/not_fhir", BROKEN, "the body is not a FHIR Bundle"),
            Self::Truncated => {
                Words("malformed/json", BROKEN, "the JSON ends early: a proxy may cut long answers")
            }
        }
    }
}

impl Limit {
    fn words(self) -> Words {
        const LARGE: &str =
            "The GP record is too large to be fetched safely. Ask the practice for what you need.";
        match self {
            Self::BodySize => Words("limit/body_size", LARGE, "ask for fewer areas, or raise the limit"),
            Self::CompressionRatio => {
                Words("limit/compression_ratio", LARGE, "the body grows like an attack: tell the supplier")
            }
        }
    }
}
