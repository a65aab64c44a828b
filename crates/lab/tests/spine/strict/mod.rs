//! The rules of a request, each broken once over the wire by a client of its own, and what the simulated Spine says to
//! that. `docs/simulated-spine.md` lists the same rules, which is checked here too.
//!
//! `cargo test -p bedside-lab --test spine strict -- --nocapture` prints them.

mod body;
mod outside;
mod request;

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_lab::generate::{Patient, Supplier};
use bedside_lab::provider::{Behaviour, Config, Manner, Practice, SimulatedSpine, synthetic};
use serde_json::json;

use self::body::{
    BODY, DIARY, FILTER_STATUS, INVESTIGATIONS, MEDICATION, NOT_GIVEN, REFERRALS, STATUS, UNCATEGORISED,
    alone, predefined, with,
};
use self::outside::{OUTSIDE, TOKEN, practitioner};
use self::request::{Request, send};
use crate::support::{ASID, ODS, PATIENT, start};

/// A rule, the sheet and section that it is from, what breaks it, and what is said to that: status and Spine code, or the
/// proxy's words.
type Rule = (&'static str, &'static str, fn(&mut Request), u16, &'static str);

const BAD: (u16, &str) = (400, "BAD_REQUEST");
const RESOURCE: (u16, &str) = (422, "INVALID_RESOURCE");
const PARAMETER: (u16, &str) = (422, "INVALID_PARAMETER");

const fn rule(
    name: &'static str,
    sheet: &'static str,
    broken: fn(&mut Request),
    (status, code): (u16, &'static str),
) -> Rule {
    (name, sheet, broken, status, code)
}

async fn practice() -> SimulatedSpine {
    start(vec![Practice::new(ODS, ASID, Behaviour::Normal)]).await
}

#[tokio::test]
async fn every_rule_is_found_broken_and_answered_as_the_sheets_say() {
    let spine = practice().await;
    let (status, _, _) = send(&spine, &Request::good()).await;
    assert_eq!(status, 200, "{:?}", spine.requests()[0].problem);
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/simulated-spine.md"));
    let page = page.expect("a page");
    let mut wrong = Vec::new();
    let rules = OUTSIDE.iter().chain(TOKEN).chain(BODY);
    for (name, sheet, broken, expected, code) in rules.clone() {
        let mut request = Request::good();
        broken(&mut request);
        let (status, _, said) = send(&spine, &request).await;
        println!("{name:64} {sheet:32} {status} {said}");
        if status != *expected || !said.starts_with(code) {
            wrong.push(format!("{name}: {expected} {code} expected, {status} {said}"));
        }
        if !page.contains(&format!("| {name} | {sheet} | {expected} | `{code}` |")) {
            wrong.push(format!("the page lacks: | {name} | {sheet} | {expected} | `{code}` |"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let seen = spine.requests();
    assert_eq!(seen.len(), 1 + rules.count());
    assert!(seen.iter().skip(1).all(|seen| seen.problem.is_some()), "each was noted as wrong");
}

#[tokio::test]
async fn a_trace_id_is_used_once() {
    let spine = practice().await;
    let request = Request::good();
    assert_eq!(send(&spine, &request).await.0, 200);
    let (status, _, said) = send(&spine, &request).await;
    assert_eq!((status, said.as_str()), (400, "BAD_REQUEST"));
}

#[tokio::test]
async fn what_breaks_no_rule_is_answered() {
    let spine = practice().await;
    let filters =
        [MEDICATION, UNCATEGORISED, REFERRALS, INVESTIGATIONS, DIARY, NOT_GIVEN, STATUS, FILTER_STATUS];
    let alone = filters.map(|filter| json!([alone(filter)]));
    let mut wider = predefined(3, -365);
    wider
        .as_array_mut()
        .expect("a list")
        .extend([json!({ "name": "includeImmunisations" }), json!({ "name": "includeUncategorisedData" })]);
    for areas in alone.into_iter().chain([predefined(3, -365), wider]) {
        let mut request = Request::good();
        request.ask(areas.clone());
        assert_eq!(send(&spine, &request).await.0, 200, "{areas}");
    }
    let mut request = Request::good();
    // Where there is no smartcard (SPN-TST-11), and where there is no title.
    practitioner(&mut request)["name"][0].as_object_mut().expect("an object").remove("prefix");
    assert_eq!(send(&spine, &request).await.0, 200);
}

#[tokio::test]
async fn a_suppliers_system_warns_of_what_it_does_not_know_and_answers_the_rest() {
    let practices = vec![Practice {
        manner: Some(Manner::of(Supplier::Emis)),
        ..Practice::new(ODS, ASID, Behaviour::Normal)
    }];
    let patient = Patient { nhs_number: PATIENT.parse().expect("a number"), ..Patient::synthetic(7) };
    let records_of = Some(synthetic(&practices, vec![patient], Arc::new(|_| None)));
    let config = Config { records_of, ..Config::new(practices, BTreeMap::new()) };
    let spine = SimulatedSpine::start(config).await.expect("starts");
    let mut request = Request::good();
    let misplaced = with("includeProblems", "includePrescriptionIssues", "valueBoolean", json!(true));
    request.ask(json!([misplaced, { "name": "includeImmunizations" }]));
    let (status, body, _) = send(&spine, &request).await;
    assert_eq!(status, 200);
    let resources = body["entry"].as_array().expect("entries").iter().map(|entry| &entry["resource"]);
    let outcome = resources.clone().find(|resource| resource["resourceType"] == "OperationOutcome");
    let issues = outcome.expect("an outcome")["issue"].as_array().expect("issues");
    let said: Vec<&str> = issues.iter().filter_map(|issue| issue["details"]["text"].as_str()).collect();
    assert_eq!(
        said,
        [
            "includeProblems.includePrescriptionIssues is an unrecognised parameter",
            "includeImmunizations is an unrecognised parameter"
        ]
    );
    assert!(resources.clone().any(|resource| resource["title"] == "Problems"), "the rest is answered");
}
