//! The words for each decision: a stable name, a sentence for the clinician, advice for support. One `match` a group, so
//! that a new decision does not compile without words.

use crate::decision::{
    Configuration, Decision, Defect, Limit, Malformed, PatientData, ProviderFault, Refusal, Unavailability,
};

/// The three texts of an outcome: a stable name, a sentence for the clinician, advice for support.
pub(crate) struct Words(pub(crate) &'static str, pub(crate) &'static str, pub(crate) &'static str);

impl Decision {
    pub(crate) fn words(self) -> Words {
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
