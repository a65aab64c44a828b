//! Faults of the national record, each under the requirement of the `hazards-and-governance` sheet, section 2, that it
//! plays: they strike the patient's record as it would have been sent. Those of the connection and of whole answers are
//! the practices' own.

use serde_json::{Value, json};

use super::Fault;
use super::edit::edit;
use super::error::spine_outcome;
use crate::provider::{Behaviour, Canned};

/// The number that supersedes every other: of the test range.
const CURRENT_NUMBER: &str = "9990000026";

pub(super) fn faults() -> Vec<Fault> {
    [findings(), restrictions(), practices(), demographics(), answers()].concat()
}

fn altered(row: &'static str, name: &str, alter: fn(&[u8]) -> Vec<u8>) -> Fault {
    Fault::new(row, name, Behaviour::altered(alter))
}

fn canned(row: &'static str, name: impl Into<String>, status: u16, body: String) -> Fault {
    let headers = vec![("content-type", "application/fhir+json".to_owned())];
    Fault::new(row, name, Behaviour::Canned(Canned { status, headers, body: body.into() }))
}

/// The number itself: GPC-CORE05, 06 and 08.
fn findings() -> Vec<Fault> {
    vec![
        altered("CORE05", "number-superseded", |body| {
            edit(body, |patient| {
                patient["id"] = json!(CURRENT_NUMBER);
                patient["identifier"][0]["value"] = json!(CURRENT_NUMBER);
            })
        }),
        canned("CORE06", "number-invalidated", 404, spine_outcome("not_found", "INVALIDATED_RESOURCE")),
        canned("CORE06", "number-refused", 400, spine_outcome("value", "INVALID_RESOURCE_ID")),
        altered("CORE06", "number-malformed", |body| {
            edit(body, |patient| patient["id"] = json!("9990000019"))
        }),
        canned("CORE08", "patient-not-found", 404, spine_outcome("not_found", "RESOURCE_NOT_FOUND")),
    ]
}

/// GPC-CORE04 and 07.
fn restrictions() -> Vec<Fault> {
    vec![
        altered("CORE04", "restricted", |body| {
            labelled(body, json!([{ "code": "R", "display": "restricted" }]))
        }),
        altered("CORE04", "very-restricted", |body| labelled(body, json!([{ "code": "V" }]))),
        altered("CORE04", "redacted", |body| labelled(body, json!([{ "code": "REDACTED" }]))),
        altered("CORE04", "restricted-among-others", |body| {
            labelled(body, json!([{ "code": "U" }, { "code": "R" }]))
        }),
        altered("CORE04", "label-missing", |body| edit(body, |patient| drop(patient["meta"].take()))),
        altered("CORE07", "deceased-on-a-day", |body| {
            edit(body, |patient| patient["deceasedDateTime"] = json!("2026-01-01"))
        }),
        altered("CORE07", "deceased", |body| edit(body, |patient| patient["deceasedBoolean"] = json!(true))),
    ]
}

/// GPC-CORE03.
fn practices() -> Vec<Fault> {
    vec![
        altered("CORE03", "practice-none", |body| {
            edit(body, |patient| patient["generalPractitioner"] = json!([]))
        }),
        altered("CORE03", "practice-ended", |body| {
            edit(body, |patient| {
                patient["generalPractitioner"][0]["identifier"]["period"]["end"] = json!("2020-01-01");
            })
        }),
        altered("CORE03", "practice-two", |body| {
            edit(body, |patient| {
                let mut second = patient["generalPractitioner"][0].clone();
                second["identifier"]["value"] = json!("Z99999");
                let both = json!([patient["generalPractitioner"][0], second]);
                patient["generalPractitioner"] = both;
            })
        }),
        altered("CORE03", "practice-malformed", |body| {
            edit(body, |patient| patient["generalPractitioner"][0]["identifier"]["value"] = json!("../etc"))
        }),
    ]
}

/// GPC-CORE02.
fn demographics() -> Vec<Fault> {
    vec![
        altered("CORE02", "birth-date-differs", |body| {
            edit(body, |patient| patient["birthDate"] = json!("1801-01-01"))
        }),
        altered("CORE02", "birth-date-missing", |body| {
            edit(body, |patient| drop(patient["birthDate"].take()))
        }),
        altered("CORE02", "family-differs", |body| {
            edit(body, |patient| patient["name"][0]["family"] = json!("Otherton"))
        }),
        altered("CORE02", "name-missing", |body| edit(body, |patient| drop(patient["name"].take()))),
        altered("CORE02", "name-ended", |body| {
            edit(body, |patient| patient["name"][0]["period"]["end"] = json!("1991-01-01"))
        }),
    ]
}

/// Answers that are none (GPC-CORE01: without a trace there is no call).
fn answers() -> Vec<Fault> {
    let outcome = spine_outcome("processing", "PROCESSING_ERROR");
    let mut faults = vec![
        altered("CORE01", "type-other", |body| {
            edit(body, |patient| patient["resourceType"] = json!("Person"))
        }),
        altered("CORE01", "bundle-in-200", |body| {
            let patient: Value = serde_json::from_slice(body).unwrap_or_default();
            let entry = json!([{ "resource": patient }]);
            json!({ "resourceType": "Bundle", "type": "searchset", "entry": entry }).to_string().into_bytes()
        }),
        canned("CORE01", "outcome-in-200", 200, outcome.clone()),
    ];
    faults.extend(
        [401, 403, 408, 429, 500, 502, 503, 504]
            .map(|status| canned("CORE01", format!("status-{status}"), status, outcome.clone())),
    );
    faults
}

fn labelled(body: &[u8], labels: Value) -> Vec<u8> {
    edit(body, |patient| patient["meta"]["security"] = labels)
}
