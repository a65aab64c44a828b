//! Error answers: rows F-22 to F-24, with every row of the error tables of the `retrieve` sheet, section 9.

use serde_json::json;

use super::Fault;
use crate::provider::{Behaviour, Bytes, Canned};

/// HTTP status, issue code and Spine code of a practice's system.
const PROVIDER: [(u16, &str, &str); 22] = [
    (400, "value", "INVALID_NHS_NUMBER"),
    (400, "value", "INVALID_IDENTIFIER_SYSTEM"),
    (400, "value", "INVALID_IDENTIFIER_VALUE"),
    (400, "business-rule", "INVALID_PATIENT_DEMOGRAPHICS"),
    (400, "invalid", "BAD_REQUEST"),
    (400, "invalid", "CONFLICTING_VALUES"),
    (403, "forbidden", "NO_PATIENT_CONSENT"),
    (403, "forbidden", "NO_ORGANISATION_CONSENT"),
    (403, "forbidden", "NO_ORGANISATIONAL_CONSENT"),
    (403, "forbidden", "ACCESS DENIED"),
    (403, "forbidden", "ACCESS_DENIED"),
    (403, "forbidden", "NO_RELATIONSHIP"),
    (404, "not-found", "PATIENT_NOT_FOUND"),
    (404, "not-found", "NO_RECORD_FOUND"),
    (404, "not-found", "ORGANISATION_NOT_FOUND"),
    (404, "not-found", "PRACTITIONER_NOT_FOUND"),
    (409, "duplicate", "DUPLICATE_REJECTED"),
    (415, "invalid", "BAD_REQUEST"),
    (422, "invalid", "INVALID_RESOURCE"),
    (422, "invalid", "INVALID_PARAMETER"),
    (422, "invalid", "REFERENCE_NOT_FOUND"),
    (501, "not-supported", "NOT_IMPLEMENTED"),
];

/// HTTP status, issue code and words of the Spine Secure Proxy.
const PROXY: [(u16, &str, &str, &str); 7] = [
    (400, "invalid", "endpoint", "ENDPOINT_https://a_CPAID_1_VARIES_FROM_TARGETURL_https://b"),
    (403, "forbidden", "sender", "ASID_CHECK_FAILED_MESSAGESENDER_200000000001"),
    (403, "forbidden", "receiver", "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_200000000002"),
    (403, "forbidden", "sharing", "FOT_CHECK_FAILED_MESSAGESENDER_200000000001_MESSAGERECEIVER_200000000002"),
    (405, "not-supported", "method", "405: Method Not Allowed"),
    (415, "not-supported", "media", "Unsupported_Media_Type"),
    (502, "transient", "unreachable", "ERROR_COMMUNICATING_TO_ENDPOINT_URL_https://b"),
];

const PLAIN: [u16; 14] = [400, 401, 403, 404, 405, 409, 415, 418, 422, 495, 496, 500, 501, 502];

pub(super) fn faults() -> Vec<Fault> {
    let outcome = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"processing"}]}"#;
    let mut faults = vec![Fault::new("F-22", "error-in-200", canned(200, "application/fhir+json", outcome))];
    for (status, issue, code) in PROVIDER.into_iter().chain([(500, "processing", "INTERNAL_SERVER_ERROR")]) {
        let row = if code.contains("ACCESS") || code.contains("NO_ORGANISATION") { "F-24" } else { "F-23" };
        let body = provider_error(issue, code);
        let name = format!("error-{status}-{}", code.replace(' ', "-space-"));
        faults.push(Fault::new(row, name, canned(status, "application/fhir+json", body)));
    }
    for (status, issue, name, words) in PROXY {
        let behaviour = canned(status, "application/fhir+json", proxy_error(status, issue, words));
        faults.push(Fault::new("F-23", format!("proxy-{status}-{name}"), behaviour));
    }
    for status in PLAIN {
        let page = canned(status, "text/html", "<html><body>Error</body></html>");
        faults.push(Fault::new("F-23", format!("html-{status}"), page));
    }
    // The specification's own sample has a comma too many, so nothing of its words can be read.
    let comma = provider_error("forbidden", "NO_PATIENT_CONSENT").replace("}]}", "}],}");
    faults.push(Fault::new("F-23", "error-403-comma", canned(403, "application/fhir+json", comma)));
    faults
}

fn canned(status: u16, kind: &str, body: impl Into<Bytes>) -> Behaviour {
    let headers = vec![("content-type", kind.to_owned())];
    Behaviour::Canned(Canned { status, headers, body: body.into() })
}

fn provider_error(issue: &str, code: &str) -> String {
    let system = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1";
    let profile = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-OperationOutcome-1";
    json!({ "resourceType": "OperationOutcome", "meta": { "profile": [profile] }, "issue": [{
        "severity": "error", "code": issue, "diagnostics": "said by the simulated practice",
        "details": { "coding": [{ "system": system, "code": code, "display": code }] },
    }] })
    .to_string()
}

fn proxy_error(status: u16, issue: &str, words: &str) -> String {
    let system = "http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0";
    json!({ "resourceType": "OperationOutcome", "issue": [{ "severity": "error", "code": issue,
        "details": { "coding": [{ "system": system, "code": status.to_string(), "display": words }] },
    }] })
    .to_string()
}
