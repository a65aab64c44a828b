//! Error answers: rows F-22 to F-24, with every row of the error tables of the `retrieve` sheet,
//! section 9, those of a practice's system and those of the proxy.

use serde_json::json;

use super::Fault;
use crate::provider::{Behaviour, Bytes, Canned};

/// HTTP status, issue code, Spine code and its display of a practice's system.
const PROVIDER: [(u16, &str, &str, &str); 24] = [
    (400, "value", "INVALID_NHS_NUMBER", "Invalid NHS number"),
    (400, "value", "INVALID_IDENTIFIER_SYSTEM", "Invalid identifier system"),
    (400, "value", "INVALID_IDENTIFIER_VALUE", "Invalid identifier value"),
    (400, "business-rule", "INVALID_PATIENT_DEMOGRAPHICS", "Invalid patient demographics"),
    (400, "invalid", "BAD_REQUEST", "Submitted request is malformed/invalid"),
    (400, "invalid", "CONFLICTING_VALUES", "Conflicting values have been specified in different fields"),
    (403, "forbidden", "NO_PATIENT_CONSENT", "Patient has not provided consent to share data"),
    (403, "forbidden", "NO_ORGANISATION_CONSENT", "Organisation has not provided consent to share data"),
    (403, "forbidden", "NO_ORGANISATIONAL_CONSENT", "Organisation has not provided consent to share data"),
    (403, "forbidden", "ACCESS DENIED", "Access denied"),
    (403, "forbidden", "ACCESS_DENIED", "Access denied"),
    (403, "forbidden", "NO_RELATIONSHIP", "No legitimate relationship exists with this patient"),
    (404, "not-found", "PATIENT_NOT_FOUND", "Patient not found"),
    (404, "not-found", "NO_RECORD_FOUND", "No record found"),
    (404, "not-found", "ORGANISATION_NOT_FOUND", "Organisation not found"),
    (404, "not-found", "PRACTITIONER_NOT_FOUND", "Practitioner not found"),
    (409, "duplicate", "DUPLICATE_REJECTED", "Duplicate rejected"),
    (415, "invalid", "BAD_REQUEST", "Submitted request is malformed/invalid"),
    (422, "invalid", "INVALID_RESOURCE", "Invalid validation of resource"),
    (422, "invalid", "INVALID_PARAMETER", "Invalid parameter"),
    (422, "invalid", "REFERENCE_NOT_FOUND", "Reference not found"),
    (422, "invalid", "BAD_REQUEST", "Bad request"),
    (500, "processing", "INTERNAL_SERVER_ERROR", "Unexpected internal server error"),
    (501, "not-supported", "NOT_IMPLEMENTED", "Not implemented"),
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

const FHIR: &str = "application/fhir+json";

const PLAIN: [u16; 14] = [400, 401, 403, 404, 405, 409, 415, 418, 422, 495, 496, 500, 501, 502];

pub(super) fn faults() -> Vec<Fault> {
    [vec![in_success()], of_practices(), of_the_proxy(), without_words()].concat()
}

fn in_success() -> Fault {
    let outcome = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"processing"}]}"#;
    Fault::new("F-22", "error-in-200", canned(200, FHIR, outcome))
}

/// Every row of the table, and the ways in which the field departs from it.
fn of_practices() -> Vec<Fault> {
    let mut faults = Vec::new();
    for (status, issue, code, display) in PROVIDER {
        let row = if code.contains("ACCESS") || code.contains("NO_ORGANISATION") { "F-24" } else { "F-23" };
        let name = format!("error-{status}-{}", code.replace(' ', "-space-"));
        faults.push(Fault::new(row, name, canned(status, FHIR, outcome(issue, code, display))));
    }
    for (name, status, issue, code, display) in [
        // What the specification's example says in place of its table.
        ("error-500-exception", 500, "exception", "INTERNAL_SERVER_ERROR", "Internal server error"),
        // The demonstrator gives the code as display.
        ("error-404-code-as-display", 404, "not-found", "PATIENT_NOT_FOUND", "PATIENT_NOT_FOUND"),
    ] {
        faults.push(Fault::new("F-23", name, canned(status, FHIR, outcome(issue, code, display))));
    }
    // The specification's own sample has a comma too many, so nothing of its words can be read.
    let comma = spine_outcome("forbidden", "NO_PATIENT_CONSENT").replace("}]}", "}],}");
    faults.push(Fault::new("F-23", "error-403-comma", canned(403, FHIR, comma)));
    faults
}

fn of_the_proxy() -> Vec<Fault> {
    let mut faults: Vec<Fault> = PROXY
        .into_iter()
        .map(|(status, issue, name, words)| {
            let behaviour = canned(status, FHIR, proxy_error(status, issue, words));
            Fault::new("F-23", format!("proxy-{status}-{name}"), behaviour)
        })
        .collect();
    // As the sample has it, which is not as the table has it.
    let sample = json!({ "resourceType": "OperationOutcome", "issue": [{ "severity": "fatal", "code": "forbidden",
        "details": { "coding": [{ "system": "https://fhir.nhs.uk/StructureDefinition/spine-operationoutcome-1",
            "code": "405", "display": "405: Method Not Allowed" }] } }] });
    faults.push(Fault::new("F-23", "proxy-405-sample", canned(405, FHIR, sample.to_string())));
    faults
}

/// An OperationOutcome is not guaranteed: pages and nothing at all.
fn without_words() -> Vec<Fault> {
    let page = "<html><body>Error</body></html>";
    let pages =
        PLAIN.map(|status| Fault::new("F-23", format!("html-{status}"), canned(status, "text/html", page)));
    let nothing = [400, 403, 404, 422, 500, 502]
        .map(|status| Fault::new("F-23", format!("nothing-{status}"), canned(status, FHIR, "")));
    pages.into_iter().chain(nothing).collect()
}

fn canned(status: u16, kind: &str, body: impl Into<Bytes>) -> Behaviour {
    let headers = vec![("content-type", kind.to_owned())];
    Behaviour::Canned(Canned { status, headers, body: body.into() })
}

/// An OperationOutcome of one error with a code of Spine, which is its display too.
pub(super) fn spine_outcome(issue: &str, code: &str) -> String {
    outcome(issue, code, code)
}

fn outcome(issue: &str, code: &str, display: &str) -> String {
    let system = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1";
    let profile = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-OperationOutcome-1";
    json!({ "resourceType": "OperationOutcome", "meta": { "profile": [profile] }, "issue": [{
        "severity": "error", "code": issue, "diagnostics": "said by the simulated practice",
        "details": { "coding": [{ "system": system, "code": code, "display": display }] },
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
