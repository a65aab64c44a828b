//! The directory's FHIR interface: `Endpoint` and `Device` by organisation and interaction.

use std::sync::Arc;

use serde_json::{Value, json};

use super::server::{Received, Reply, State};
use super::{Behaviour, Practice, Seen, behave, reply};

/// The path of the FHIR base.
pub(super) const BASE: &str = "/spine-directory/FHIR/R4";

const INTERACTION: &str = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1";
const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
const INTERACTION_ID: &str = "https://fhir.nhs.uk/Id/nhsServiceInteractionId";
const PARTY_KEY: &str = "https://fhir.nhs.uk/Id/nhsMhsPartyKey";
const SPINE_ASID: &str = "https://fhir.nhs.uk/Id/nhsSpineASID";

/// Answers a search, each practice's with what befalls its look-up.
pub(super) async fn respond(state: &State, received: &Received) -> Reply {
    let found = search(state, received);
    state.record(Seen {
        method: received.method.clone(),
        target: received.target.clone(),
        headers: received.headers.clone(),
        claims: None,
        body: None,
        problem: found.as_ref().err().cloned(),
    });
    match found {
        Ok((behaviour, resources)) => {
            let entry: Vec<Value> =
                resources.iter().map(|resource| json!({ "resource": resource })).collect();
            let total = entry.len();
            let bundle =
                json!({ "resourceType": "Bundle", "type": "searchset", "total": total, "entry": entry });
            behave::answer(behaviour, &bundle.to_string().into(), &Arc::default()).await
        }
        Err(problem) => Reply::Http(reply::provider_error(400, "invalid", "BAD_REQUEST", &problem)),
    }
}

fn search<'a>(state: &'a State, received: &Received) -> Result<(&'a Behaviour, Vec<Value>), String> {
    let refused = |what: &str| Err(what.to_owned());
    let target = received.target.strip_prefix(BASE).and_then(|rest| rest.split_once('?'));
    let Some((kind, query)) = target.filter(|_| received.method == "GET") else {
        return refused("only searches by GET are known");
    };
    if received.header("accept") != Some("application/fhir+json") {
        return refused("the header accept is not application/fhir+json");
    }
    let parameters: Vec<(&str, String)> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name, decode(value)))
        .collect();
    let value = |name: &str, system: &str| {
        let wanted = parameters.iter().filter(|(found, _)| *found == name);
        wanted.filter_map(|(_, value)| value.strip_prefix(&format!("{system}|"))).next()
    };
    let Some(ods) = value("organization", ODS) else { return refused("no organization") };
    if value("identifier", INTERACTION_ID) != Some(INTERACTION) {
        return refused("no interaction id of this operation");
    }
    let party_key = value("identifier", PARTY_KEY);
    let behaviour = state.practices().find(|practice| practice.ods == ods);
    let behaviour = behaviour.map_or(&Behaviour::Normal, |practice| &practice.directory);
    let practices = state.practices().filter(|practice| {
        practice.ods == ods && party_key.is_none_or(|party_key| party_key == party_key_of(practice))
    });
    match kind {
        "/Endpoint" => Ok((behaviour, practices.map(endpoint).collect())),
        "/Device" => Ok((behaviour, practices.map(device).collect())),
        _ => refused("neither Endpoint nor Device"),
    }
}

fn endpoint(practice: &Practice) -> Value {
    json!({ "resourceType": "Endpoint", "status": "active", "address": practice.service_root,
        "managingOrganization": { "identifier": { "system": ODS, "value": practice.ods } },
        "identifier": [
            { "system": PARTY_KEY, "value": party_key_of(practice) },
            { "system": INTERACTION_ID, "value": INTERACTION },
        ] })
}

fn device(practice: &Practice) -> Value {
    json!({ "resourceType": "Device", "owner": { "identifier": { "system": ODS, "value": practice.ods } },
        "identifier": [
            { "system": SPINE_ASID, "value": practice.asid },
            { "system": PARTY_KEY, "value": party_key_of(practice) },
        ] })
}

fn party_key_of(practice: &Practice) -> String {
    format!("{}-800001", practice.ods)
}

/// Undoes percent-encoding; a broken code stays as it is and matches nothing.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).filter(|_| first == b'%');
        let byte = code.and_then(|code| std::str::from_utf8(code).ok());
        match byte.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
