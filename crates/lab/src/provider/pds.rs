//! The Personal Demographics Service's FHIR interface: `Patient` by NHS number.

use std::collections::BTreeMap;

use hyper::Response;
use serde_json::{Value, json};

use super::Seen;
use super::reply::{self, Payload};
use super::server::{Received, State};

/// The path of the FHIR base.
pub(super) const BASE: &str = "/personal-demographics/FHIR/R4";

/// What the national record holds, by NHS number: a FHIR R4 `Patient`, whose own number may be another, which then
/// supersedes the one that was asked for; or the code of an error, such as `INVALIDATED_RESOURCE`.
#[derive(Debug, Clone, Default)]
pub struct NationalRecord(pub BTreeMap<String, Result<Value, &'static str>>);

/// A patient of the national record, alive, unrestricted and registered with one practice.
impl NationalRecord {
    /// The resource of such a patient; change it to whatever is to be traced.
    pub fn patient(number: &str, (family, given): (&str, &str), birth_date: &str, practice: &str) -> Value {
        json!({ "resourceType": "Patient", "id": number,
            "identifier": [{ "system": "https://fhir.nhs.uk/Id/nhs-number", "value": number }],
            "meta": { "security": [{ "code": "U", "display": "unrestricted" }] },
            "name": [
                { "use": "usual", "family": family, "given": [given], "period": { "start": "1990-01-01" } },
                { "use": "nickname", "given": ["Nick"], "period": { "start": "1990-01-01" } },
            ],
            "gender": "female", "birthDate": birth_date,
            "generalPractitioner": [{ "type": "Organization", "identifier": {
                "system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": practice,
                "period": { "start": "2015-04-01" } } }] })
    }
}

/// Answers a read.
pub(super) fn respond(state: &State, received: &Received) -> Response<Payload> {
    let problem = problem(received);
    state.record(Seen {
        method: received.method.clone(),
        target: received.target.clone(),
        headers: received.headers.clone(),
        claims: None,
        body: None,
        problem: problem.map(str::to_owned),
    });
    if let Some(problem) = problem {
        return reply::provider_error(400, "invalid", "INVALID_REQUEST", problem);
    }
    let number = received.target.rsplit('/').next().unwrap_or_default();
    match state.config.national_record.0.get(number) {
        Some(Ok(patient)) => reply::json(200, patient),
        Some(Err("TOO_MANY_REQUESTS")) => {
            reply::provider_error(429, "throttled", "TOO_MANY_REQUESTS", "later")
        }
        Some(Err("INVALID_RESOURCE_ID")) => {
            reply::provider_error(400, "value", "INVALID_RESOURCE_ID", "no such number can be")
        }
        Some(Err(code)) => reply::provider_error(404, "not_found", code, "not in the national record"),
        None => reply::provider_error(404, "not_found", "RESOURCE_NOT_FOUND", "not in the national record"),
    }
}

fn problem(received: &Received) -> Option<&'static str> {
    if received.method != "GET" || !received.target.starts_with(&format!("{BASE}/Patient/")) {
        return Some("only reads of a patient by GET are known");
    }
    let wanted = ["x-request-id", "x-correlation-id", "nhsd-end-user-organisation-ods"];
    if wanted.into_iter().any(|name| received.header(name).is_none_or(str::is_empty)) {
        return Some("a header that the service wants is missing");
    }
    None
}
