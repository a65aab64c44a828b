//! The one table from what came back to what can be decided (`retrieve` sheet, section 9).

use serde::Deserialize;

use crate::decision::{
    Configuration, Decision, Defect, Limit, Malformed, PatientData, ProviderFault, Refusal, Unavailability,
};
use crate::fault::Fault;

/// A code that an error answer may bear: Spine's, and what the SSP says in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// The NHS number has a bad format or check digit.
    InvalidNhsNumber,
    /// An identifier names another system than it must.
    InvalidIdentifierSystem,
    /// An identifier has a value that cannot be.
    InvalidIdentifierValue,
    /// The practice's own trace of the patient failed.
    InvalidPatientDemographics,
    /// Token, header, verb or body malformed.
    BadRequest,
    /// Two fields contradict each other.
    ConflictingValues,
    /// The patient dissents from sharing.
    NoPatientConsent,
    /// The practice does not share; spelled in two ways in the field.
    NoOrganisationConsent,
    /// GP Connect or the capability is switched off; spelled in two ways in the field.
    AccessDenied,
    /// No legitimate relationship with the patient.
    NoRelationship,
    /// No record to share, for reasons that are not told apart.
    PatientNotFound,
    /// Another resource than the patient was not found.
    NoRecordFound,
    /// The organisation was not found.
    OrganisationNotFound,
    /// The practitioner was not found.
    PractitionerNotFound,
    /// A duplicate; not for this operation.
    DuplicateRejected,
    /// The Parameters, or a resource of the token, are not valid.
    InvalidResource,
    /// A parameter is missing, forbidden here, or has a value that cannot be.
    InvalidParameter,
    /// A reference leads nowhere.
    ReferenceNotFound,
    /// The practice's system failed, or could not build the bundle.
    InternalServerError,
    /// The operation is absent.
    NotImplemented,
    /// The SSP: the URL is not the directory's.
    SspEndpointVaries,
    /// The SSP: our ASID may not use the interaction.
    SspSenderCheckFailed,
    /// The SSP: the practice's ASID is not registered for the interaction.
    SspReceiverCheckFailed,
    /// The SSP: no data sharing agreement between the organisations.
    SspNoSharingAgreement,
    /// The SSP: the practice's system cannot be reached.
    SspUnreachable,
}

use ErrorCode::*;

/// Spine codes as spelled, the first spelling of each being its name. Two are spelled in two ways in the field.
const SPINE: &[(&str, ErrorCode)] = &[
    ("INVALID_NHS_NUMBER", InvalidNhsNumber),
    ("INVALID_IDENTIFIER_SYSTEM", InvalidIdentifierSystem),
    ("INVALID_IDENTIFIER_VALUE", InvalidIdentifierValue),
    ("INVALID_PATIENT_DEMOGRAPHICS", InvalidPatientDemographics),
    ("BAD_REQUEST", BadRequest),
    ("CONFLICTING_VALUES", ConflictingValues),
    ("NO_PATIENT_CONSENT", NoPatientConsent),
    ("NO_ORGANISATION_CONSENT", NoOrganisationConsent),
    ("NO_ORGANISATIONAL_CONSENT", NoOrganisationConsent),
    ("ACCESS_DENIED", AccessDenied),
    ("ACCESS DENIED", AccessDenied),
    ("NO_RELATIONSHIP", NoRelationship),
    ("PATIENT_NOT_FOUND", PatientNotFound),
    ("NO_RECORD_FOUND", NoRecordFound),
    ("ORGANISATION_NOT_FOUND", OrganisationNotFound),
    ("PRACTITIONER_NOT_FOUND", PractitionerNotFound),
    ("DUPLICATE_REJECTED", DuplicateRejected),
    ("INVALID_RESOURCE", InvalidResource),
    ("INVALID_PARAMETER", InvalidParameter),
    ("REFERENCE_NOT_FOUND", ReferenceNotFound),
    ("INTERNAL_SERVER_ERROR", InternalServerError),
    ("NOT_IMPLEMENTED", NotImplemented),
];

/// What the SSP says in `display` or `diagnostics`, by its beginning.
const SSP: &[(&str, ErrorCode)] = &[
    ("ENDPOINT_", SspEndpointVaries),
    ("ASID_CHECK_FAILED_MESSAGESENDER", SspSenderCheckFailed),
    ("PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER", SspReceiverCheckFailed),
    ("FOT_CHECK_FAILED", SspNoSharingAgreement),
    ("ERROR_COMMUNICATING_TO_ENDPOINT_URL", SspUnreachable),
];

/// These hold under any status, so that no odd one makes a refusal be retried.
const REFUSALS: &[(ErrorCode, Refusal)] = &[
    (NoPatientConsent, Refusal::PatientConsent),
    (NoOrganisationConsent, Refusal::OrganisationConsent),
    (AccessDenied, Refusal::AccessDisabled),
    (NoRelationship, Refusal::NoRelationship),
    (SspNoSharingAgreement, Refusal::NoSharingAgreement),
];

/// Status first, code second; `None` is any code or none. The first row that fits decides.
const STATUSES: &[(u16, Option<ErrorCode>, Decision)] = &[
    (400, Some(InvalidNhsNumber), Decision::PatientData(PatientData::NhsNumber)),
    (400, Some(InvalidPatientDemographics), Decision::PatientData(PatientData::Demographics)),
    (400, Some(SspEndpointVaries), Decision::Configuration(Configuration::EndpointVaries)),
    (400, None, Decision::OurDefect(Defect::BadRequest)),
    (401, None, Decision::OurDefect(Defect::Unauthorised)),
    (403, Some(SspSenderCheckFailed), Decision::Configuration(Configuration::SenderNotAllowed)),
    (403, Some(SspReceiverCheckFailed), Decision::Configuration(Configuration::PracticeNotRegistered)),
    (403, None, Decision::Refused(Refusal::Unspecified)),
    (404, Some(NoRecordFound), Decision::OurDefect(Defect::WrongRoute)),
    (404, Some(OrganisationNotFound), Decision::OurDefect(Defect::WrongRoute)),
    (404, Some(PractitionerNotFound), Decision::OurDefect(Defect::WrongRoute)),
    // Without a known code too: the body of a 404 is not guaranteed, and the neutral words fit both.
    (404, None, Decision::NotFound),
    (405, None, Decision::OurDefect(Defect::Method)),
    (408, None, Decision::Unavailable(Unavailability::Busy)),
    (415, None, Decision::OurDefect(Defect::MediaType)),
    (422, None, Decision::OurDefect(Defect::InvalidRequest)),
    (429, None, Decision::Unavailable(Unavailability::Busy)),
    (495, None, Decision::Configuration(Configuration::CertificateRefused)),
    (496, None, Decision::Configuration(Configuration::CertificateRefused)),
    (501, None, Decision::ProviderFault(ProviderFault::NotImplemented)),
    (502, None, Decision::Unavailable(Unavailability::PracticeUnreachable)),
    (503, None, Decision::Unavailable(Unavailability::Busy)),
    (504, None, Decision::Unavailable(Unavailability::Busy)),
];

/// The decision on an answer that is not a record.
pub(crate) fn of_status(status: u16, code: Option<ErrorCode>) -> Decision {
    if let Some((_, refusal)) = REFUSALS.iter().find(|(refused, _)| Some(*refused) == code) {
        return Decision::Refused(*refusal);
    }
    let row =
        STATUSES.iter().find(|(row, wanted, _)| *row == status && (wanted.is_none() || *wanted == code));
    match (row, status) {
        (Some((_, _, decision)), _) => *decision,
        (None, 200) => Decision::ProviderFault(ProviderFault::ErrorInSuccess),
        (None, 300..=399) => Decision::Malformed(Malformed::Redirect),
        (None, 400..=499) => Decision::OurDefect(Defect::Unexpected),
        (None, 500..=599) => Decision::ProviderFault(ProviderFault::Internal),
        (None, _) => Decision::Malformed(Malformed::Status),
    }
}

/// The decision on an attempt that broke on the way.
pub(crate) fn of_fault(fault: Fault) -> Decision {
    match fault {
        Fault::Connect => Decision::Unavailable(Unavailability::Network),
        Fault::TlsTimeout => Decision::Unavailable(Unavailability::TlsTimeout),
        Fault::HeadersTimeout => Decision::Unavailable(Unavailability::Timeout),
        Fault::Slow => Decision::Unavailable(Unavailability::Slow),
        Fault::Reset => Decision::Unavailable(Unavailability::Reset),
        Fault::Cut => Decision::Unavailable(Unavailability::Cut),
        Fault::ServerNotTrusted => Decision::Configuration(Configuration::ServerNotTrusted),
        Fault::CertificateRefused => Decision::Configuration(Configuration::CertificateRefused),
        Fault::TlsPolicy => Decision::Configuration(Configuration::TlsPolicy),
        Fault::Http => Decision::Malformed(Malformed::Http),
        Fault::Encoding => Decision::Malformed(Malformed::Encoding),
        Fault::BodySize => Decision::Limit(Limit::BodySize),
        Fault::CompressionRatio => Decision::Limit(Limit::CompressionRatio),
    }
}

impl ErrorCode {
    /// The code as Spine spells it; for the SSP, the beginning of what it says.
    pub fn as_str(self) -> &'static str {
        let named = SPINE.iter().chain(SSP).find(|(_, code)| *code == self);
        named.map_or("", |(name, _)| name.trim_end_matches('_'))
    }

    /// The first known code of an OperationOutcome, whatever else is in or around it. A body that is empty,
    /// HTML or other JSON has none.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let outcome: OperationOutcome = serde_json::from_slice(body).ok()?;
        outcome.issue.iter().find_map(Issue::code)
    }
}

/// Whether the body is an OperationOutcome with an error or a fatal issue.
pub(crate) fn is_error(body: &[u8]) -> bool {
    let outcome: Option<OperationOutcome> = serde_json::from_slice(body).ok();
    outcome.is_some_and(|outcome| {
        let severities = outcome.issue.iter().filter_map(|issue| issue.severity.as_deref());
        outcome.resource_type == "OperationOutcome"
            && severities.into_iter().any(|severity| matches!(severity, "error" | "fatal"))
    })
}

/// Only what decides; every field may be absent, because error bodies in the field are careless.
#[derive(Deserialize)]
struct OperationOutcome {
    #[serde(default, rename = "resourceType")]
    resource_type: String,
    #[serde(default)]
    issue: Vec<Issue>,
}

#[derive(Deserialize)]
struct Issue {
    severity: Option<String>,
    #[serde(default)]
    details: Details,
    diagnostics: Option<String>,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    coding: Vec<Coding>,
}

#[derive(Deserialize)]
struct Coding {
    code: Option<String>,
    display: Option<String>,
}

impl Issue {
    fn code(&self) -> Option<ErrorCode> {
        let codes = self.details.coding.iter().filter_map(|coding| coding.code.as_deref());
        let displays = self.details.coding.iter().filter_map(|coding| coding.display.as_deref());
        codes.into_iter().find_map(|code| named(SPINE, |name| name == code)).or_else(|| {
            displays
                .chain(self.diagnostics.as_deref())
                .find_map(|text| named(SSP, |name| text.starts_with(name)))
        })
    }
}

fn named(names: &[(&str, ErrorCode)], matches: impl Fn(&str) -> bool) -> Option<ErrorCode> {
    names.iter().find(|(name, _)| matches(name)).map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spine(code: &str) -> Vec<u8> {
        format!(
            r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"error","code":"x",
                "details":{{"coding":[{{"system":"s","code":"{code}","display":"{code}"}}]}},
                "diagnostics":"said the provider"}}]}}"#
        )
        .into_bytes()
    }

    fn ssp(status: u16, text: &str) -> Vec<u8> {
        format!(
            r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"error","code":"x",
                "details":{{"coding":[{{"system":"s","code":"{status}","display":"{text}"}}]}}}}]}}"#
        )
        .into_bytes()
    }

    fn decide(status: u16, body: &[u8]) -> Decision {
        of_status(status, ErrorCode::read(body))
    }

    #[test]
    fn every_row_of_the_error_table_leads_to_its_decision() {
        use crate::decision::Decision::*;
        for (status, code, expected) in [
            (400, "INVALID_NHS_NUMBER", PatientData(crate::PatientData::NhsNumber)),
            (400, "INVALID_IDENTIFIER_SYSTEM", OurDefect(Defect::BadRequest)),
            (400, "INVALID_IDENTIFIER_VALUE", OurDefect(Defect::BadRequest)),
            (400, "INVALID_PATIENT_DEMOGRAPHICS", PatientData(crate::PatientData::Demographics)),
            (400, "BAD_REQUEST", OurDefect(Defect::BadRequest)),
            (400, "CONFLICTING_VALUES", OurDefect(Defect::BadRequest)),
            (401, "", OurDefect(Defect::Unauthorised)),
            (403, "NO_PATIENT_CONSENT", Refused(Refusal::PatientConsent)),
            (403, "NO_ORGANISATION_CONSENT", Refused(Refusal::OrganisationConsent)),
            (403, "NO_ORGANISATIONAL_CONSENT", Refused(Refusal::OrganisationConsent)),
            (403, "ACCESS DENIED", Refused(Refusal::AccessDisabled)),
            (403, "ACCESS_DENIED", Refused(Refusal::AccessDisabled)),
            (403, "NO_RELATIONSHIP", Refused(Refusal::NoRelationship)),
            (403, "SOMETHING_NEW", Refused(Refusal::Unspecified)),
            (404, "PATIENT_NOT_FOUND", NotFound),
            (404, "NO_RECORD_FOUND", OurDefect(Defect::WrongRoute)),
            (404, "ORGANISATION_NOT_FOUND", OurDefect(Defect::WrongRoute)),
            (404, "PRACTITIONER_NOT_FOUND", OurDefect(Defect::WrongRoute)),
            (405, "BAD_REQUEST", OurDefect(Defect::Method)),
            (409, "DUPLICATE_REJECTED", OurDefect(Defect::Unexpected)),
            (415, "BAD_REQUEST", OurDefect(Defect::MediaType)),
            (422, "INVALID_RESOURCE", OurDefect(Defect::InvalidRequest)),
            (422, "INVALID_PARAMETER", OurDefect(Defect::InvalidRequest)),
            (422, "REFERENCE_NOT_FOUND", OurDefect(Defect::InvalidRequest)),
            (422, "BAD_REQUEST", OurDefect(Defect::InvalidRequest)),
            (500, "INTERNAL_SERVER_ERROR", ProviderFault(crate::ProviderFault::Internal)),
            (501, "NOT_IMPLEMENTED", ProviderFault(crate::ProviderFault::NotImplemented)),
            (200, "INTERNAL_SERVER_ERROR", ProviderFault(crate::ProviderFault::ErrorInSuccess)),
        ] {
            let decision = decide(status, &spine(code));
            assert_eq!(decision, expected, "{status} {code}");
            assert!(!decision.retryable(), "{status} {code} is never retried");
        }
    }

    #[test]
    fn what_the_proxy_says_is_known_by_its_beginning() {
        for (status, text, expected) in [
            (
                400,
                "ENDPOINT_https://a_CPAID_1_VARIES_FROM_TARGETURL_https://b",
                Decision::Configuration(Configuration::EndpointVaries),
            ),
            (
                403,
                "ASID_CHECK_FAILED_MESSAGESENDER_200000000001",
                Decision::Configuration(Configuration::SenderNotAllowed),
            ),
            (
                403,
                "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_200000000002",
                Decision::Configuration(Configuration::PracticeNotRegistered),
            ),
            (
                403,
                "FOT_CHECK_FAILED_MESSAGESENDER_1_MESSAGERECEIVER_2",
                Decision::Refused(Refusal::NoSharingAgreement),
            ),
            (405, "405: Method Not Allowed", Decision::OurDefect(Defect::Method)),
            (415, "Unsupported_Media_Type", Decision::OurDefect(Defect::MediaType)),
            (
                502,
                "ERROR_COMMUNICATING_TO_ENDPOINT_URL_https://b",
                Decision::Unavailable(Unavailability::PracticeUnreachable),
            ),
        ] {
            assert_eq!(decide(status, &ssp(status, text)), expected, "{text}");
        }
        let only_diagnostics =
            br#"{"issue":[{"diagnostics":"FOT_CHECK_FAILED_MESSAGESENDER_1_MESSAGERECEIVER_2"}]}"#;
        assert_eq!(decide(403, only_diagnostics), Decision::Refused(Refusal::NoSharingAgreement));
    }

    #[test]
    fn transient_statuses_are_retried_whatever_the_body() {
        for status in [408, 429, 502, 503, 504] {
            for body in [&b""[..], b"<html>busy</html>", b"{}", b"null", b"{\"issue\":[],}"] {
                assert!(decide(status, body).retryable(), "{status}");
            }
        }
    }

    #[test]
    fn a_refusal_under_an_odd_status_is_still_a_refusal() {
        for status in [200, 400, 404, 422, 500, 502, 503] {
            assert_eq!(
                decide(status, &spine("NO_PATIENT_CONSENT")),
                Decision::Refused(Refusal::PatientConsent),
                "{status}"
            );
        }
    }

    #[test]
    fn other_statuses_have_a_decision_too() {
        for (status, expected) in [
            (301, Decision::Malformed(Malformed::Redirect)),
            (304, Decision::Malformed(Malformed::Redirect)),
            (204, Decision::Malformed(Malformed::Status)),
            (201, Decision::Malformed(Malformed::Status)),
            (404, Decision::NotFound),
            (418, Decision::OurDefect(Defect::Unexpected)),
            (495, Decision::Configuration(Configuration::CertificateRefused)),
            (505, Decision::ProviderFault(ProviderFault::Internal)),
            (999, Decision::Malformed(Malformed::Status)),
        ] {
            assert_eq!(decide(status, b"<html>"), expected, "{status}");
        }
    }

    #[test]
    fn only_an_operation_outcome_with_an_error_is_an_error() {
        assert!(is_error(&spine("X")));
        assert!(!is_error(
            &String::from_utf8(spine("X")).expect("text").replace("error", "warning").into_bytes()
        ));
        assert!(!is_error(br#"{"resourceType":"OperationOutcome"}"#));
        assert!(!is_error(br#"{"resourceType":"Bundle","issue":[{"severity":"error"}]}"#));
    }

    #[test]
    fn every_code_has_the_name_it_is_read_by() {
        for (name, code) in SPINE {
            assert_eq!(ErrorCode::read(&spine(name)), Some(*code));
            assert_eq!(ErrorCode::read(&spine(code.as_str())), Some(*code));
        }
    }
}
