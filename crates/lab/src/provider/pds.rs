//! The Personal Demographics Service's FHIR interface: `Patient` by NHS number.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::server::{Received, Reply, State};
use super::{Behaviour, Seen, behave, reply};

/// The path of the FHIR base.
pub(super) const BASE: &str = "/personal-demographics/FHIR/R4";

/// What the national record holds, by NHS number: a FHIR R4 `Patient`, and what befalls who asks for it.
#[derive(Debug, Clone, Default)]
pub struct NationalRecord(BTreeMap<String, (Value, Behaviour)>);

impl NationalRecord {
    /// These patients, as [`NationalRecord::patient`] makes them. Whoever is not among them is not found.
    pub fn of(patients: impl IntoIterator<Item = Value>) -> Self {
        patients.into_iter().fold(Self::default(), |record, patient| record.with(patient, Behaviour::Normal))
    }

    /// And this patient, with what befalls a trace.
    #[must_use]
    pub fn with(mut self, patient: Value, behaviour: Behaviour) -> Self {
        let number = patient["id"].as_str().unwrap_or_default().to_owned();
        self.0.insert(number, (patient, behaviour));
        self
    }

    /// A patient, alive, unrestricted and registered with one practice; change the resource to whatever is to be
    /// traced.
    pub fn patient(
        number: &str,
        (family, given, gender): (&str, &str, &str),
        birth_date: &str,
        practice: &str,
    ) -> Value {
        json!({ "resourceType": "Patient", "id": number,
            "identifier": [{ "system": "https://fhir.nhs.uk/Id/nhs-number", "value": number }],
            "meta": { "security": [{ "code": "U", "display": "unrestricted" }] },
            "name": [
                { "use": "usual", "family": family, "given": [given], "period": { "start": "1990-01-01" } },
                { "use": "nickname", "given": ["Nick"], "period": { "start": "1990-01-01" } },
            ],
            "gender": gender, "birthDate": birth_date,
            "generalPractitioner": [{ "type": "Organization", "identifier": {
                "system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": practice,
                "period": { "start": "2015-04-01" } } }] })
    }
}

/// Answers a read.
pub(super) async fn respond(state: &State, received: &Received) -> Reply {
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
        return Reply::Http(reply::provider_error(400, "invalid", "INVALID_REQUEST", problem));
    }
    let number = received.target.rsplit('/').next().unwrap_or_default();
    match state.config.national_record.0.get(number) {
        Some((patient, behaviour)) => {
            behave::answer(behaviour, &patient.to_string().into(), &Arc::default()).await
        }
        None => {
            let words = "not in the national record";
            Reply::Http(reply::provider_error(404, "not_found", "RESOURCE_NOT_FOUND", words))
        }
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
