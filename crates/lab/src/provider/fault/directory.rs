//! Faults of the directory: row F-38 of the matrix, and the addresses of the `security` sheet, T-10. They strike what
//! the directory would have answered; those of the connection and of whole answers are the practices' own.

use serde_json::{Value, json};

use super::Fault;
use super::edit::edit;
use super::error::spine_outcome;
use crate::provider::{Behaviour, Canned};

const INTERACTION_ID: &str = "https://fhir.nhs.uk/Id/nhsServiceInteractionId";
const PARTY_KEY: &str = "https://fhir.nhs.uk/Id/nhsMhsPartyKey";
const SPINE_ASID: &str = "https://fhir.nhs.uk/Id/nhsSpineASID";

pub(super) fn faults() -> Vec<Fault> {
    [entries(), elements(), addresses(), answers()].concat()
}

fn altered(name: &str, alter: fn(&[u8]) -> Vec<u8>) -> Fault {
    Fault::new("F-38", name, Behaviour::altered(alter))
}

/// How many are found.
fn entries() -> Vec<Fault> {
    vec![
        altered("endpoint-none", |body| found(body, "Endpoint", 0)),
        altered("endpoint-two", |body| found(body, "Endpoint", 2)),
        altered("endpoint-fifty", |body| found(body, "Endpoint", 50)),
        altered("device-none", |body| found(body, "Device", 0)),
        altered("device-two", |body| found(body, "Device", 2)),
        altered("entries-of-another-type", |body| {
            resources(body, "Endpoint", |endpoint| endpoint["resourceType"] = json!("HealthcareService"))
        }),
        altered("page-of-more", |body| {
            edit(body, |bundle| {
                let next = "https://directory.example/Endpoint?page=2";
                bundle["link"] = json!([{ "relation": "next", "url": next }]);
            })
        }),
    ]
}

/// What is missing from what is found, or is not what was asked for.
fn elements() -> Vec<Fault> {
    vec![
        altered("address-missing", |body| {
            resources(body, "Endpoint", |endpoint| drop(endpoint["address"].take()))
        }),
        altered("party-key-missing", |body| without(body, "Endpoint", PARTY_KEY)),
        altered("asid-missing", |body| without(body, "Device", SPINE_ASID)),
        altered("asid-malformed", |body| identified(body, "Device", SPINE_ASID, "not-an-asid")),
        altered("endpoint-of-another-interaction", |body| {
            let other = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.migratestructuredrecord-1";
            identified(body, "Endpoint", INTERACTION_ID, other)
        }),
        altered("endpoint-of-another-organisation", |body| {
            resources(body, "Endpoint", |endpoint| {
                endpoint["managingOrganization"]["identifier"]["value"] = json!("Z99999");
            })
        }),
        altered("device-of-another-organisation", |body| {
            resources(body, "Device", |device| device["owner"]["identifier"]["value"] = json!("Z99999"))
        }),
        altered("device-of-another-party-key", |body| identified(body, "Device", PARTY_KEY, "Z99999-800001")),
    ]
}

/// Addresses that nothing may be sent to.
fn addresses() -> Vec<Fault> {
    vec![
        address("http", |address| address.replacen("https:", "http:", 1)),
        address("upper-case-scheme", |address| address.replacen("https:", "HTTPS:", 1)),
        address("file", |_| "file:///etc/passwd".to_owned()),
        address("empty", |_| String::new()),
        address("user", |address| address.replacen("://", "://user@", 1)),
        address("query", |address| format!("{address}?redirect=https://evil.example")),
        address("fragment", |address| format!("{address}#part")),
        address("trailing-slash", |address| format!("{address}/")),
        address("other-host", |address| hosted(address, "evil.example")),
        address("look-alike-host", |address| hosted(address, "evilprovider.example")),
        address("host-as-prefix", |address| hosted(address, "provider.example.evil.example")),
        address("loopback", |address| hosted(address, "127.0.0.1")),
        address("metadata-service", |address| hosted(address, "169.254.169.254")),
        address("strange-port", |address| hosted(address, "provider.example:99999")),
        address("other-practice", |address| segment(address, "Z99999")),
        address("dot-dot", |address| format!("{address}/..")),
        address("encoded-dots", |address| format!("{address}/%2e%2e/x")),
        address("encoded-slash", |address| format!("{address}/x%2Fy")),
        address("empty-segment", |address| address.replacen("/STU3", "//STU3", 1)),
        address("line-break", |address| format!("{address}\r\nHost: evil.example")),
        address("nul", |address| format!("{address}\0")),
        address("space", |address| format!("{address} x")),
        address("backslash", |address| format!("{address}\\x")),
        address("not-ascii", |address| format!("{address}/\u{e9}")),
        address("over-512-bytes", |address| format!("{address}/{}", "x".repeat(512))),
        address("other-version", |address| address.replacen("/STU3/1/", "/STU3/2/", 1)),
        address("other-release", |address| address.replacen("/STU3/1/", "/DSTU2/1/", 1)),
    ]
}

/// Answers that are none.
fn answers() -> Vec<Fault> {
    let outcome = spine_outcome("processing", "PROCESSING_ERROR");
    let in_200 = Canned {
        status: 200,
        headers: vec![("content-type", "application/fhir+json".to_owned())],
        body: outcome.clone().into(),
    };
    let mut faults = vec![Fault::new("F-38", "outcome-in-200", Behaviour::Canned(in_200))];
    faults.extend([400, 401, 403, 404, 429, 500, 502, 503, 504].map(|status| {
        let headers = vec![("content-type", "application/fhir+json".to_owned())];
        let canned = Canned { status, headers, body: outcome.clone().into() };
        Fault::new("F-38", format!("status-{status}"), Behaviour::Canned(canned))
    }));
    faults
}

/// The entries of a kind, so many times over.
fn found(body: &[u8], kind: &str, times: usize) -> Vec<u8> {
    edit(body, |bundle| {
        let Some(entries) = bundle["entry"].as_array_mut() else { return };
        if entries.iter().any(|entry| entry["resource"]["resourceType"] == kind) {
            let all: Vec<Value> = entries.iter().cycle().take(entries.len() * times).cloned().collect();
            bundle["total"] = json!(all.len());
            bundle["entry"] = json!(all);
        }
    })
}

/// Every resource of a kind changed.
fn resources(body: &[u8], kind: &str, change: impl Fn(&mut Value)) -> Vec<u8> {
    edit(body, |bundle| {
        let entries = bundle["entry"].as_array_mut().into_iter().flatten();
        let resources = entries.map(|entry| &mut entry["resource"]);
        resources.filter(|resource| resource["resourceType"] == kind).for_each(change);
    })
}

fn without(body: &[u8], kind: &str, system: &str) -> Vec<u8> {
    resources(body, kind, |resource| {
        if let Some(identifiers) = resource["identifier"].as_array_mut() {
            identifiers.retain(|identifier| identifier["system"] != system);
        }
    })
}

fn identified(body: &[u8], kind: &str, system: &str, value: &str) -> Vec<u8> {
    resources(body, kind, |resource| {
        let identifiers = resource["identifier"].as_array_mut().into_iter().flatten();
        for identifier in identifiers.filter(|identifier| identifier["system"] == system) {
            identifier["value"] = json!(value);
        }
    })
}

fn address(name: &str, spoil: fn(&str) -> String) -> Fault {
    let alter = move |body: &[u8]| {
        resources(body, "Endpoint", |endpoint| {
            endpoint["address"] = json!(spoil(endpoint["address"].as_str().unwrap_or_default()));
        })
    };
    Fault::new("F-38", format!("address-{name}"), Behaviour::altered(alter))
}

/// The address at another host.
fn hosted(address: &str, host: &str) -> String {
    let path = address.splitn(4, '/').nth(3).unwrap_or_default();
    format!("https://{host}/{path}")
}

/// The address with another practice's code as the first segment of its path.
fn segment(address: &str, code: &str) -> String {
    let mut parts: Vec<&str> = address.split('/').collect();
    if let Some(part) = parts.get_mut(3) {
        *part = code;
    }
    parts.join("/")
}
