use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;
use serde_json::{Value, json};

use super::*;
use crate::generate::{Patient, Recipe, bundle};
use crate::provider::check;

const TRACE: &str = "0b9e7d0e-93a9-4c6e-8b53-6f6ad0d7a001";

fn record(supplier: Supplier) -> Vec<u8> {
    let bytes = if supplier == Supplier::Medicus { 230_000 } else { 260_000 };
    bundle(&Recipe { bytes, seed: 5, supplier, minified: false, patient: Patient::synthetic(5) })
}

fn asked(areas: Value) -> Asked {
    let mut parameters = vec![json!({ "name": "patientNHSNumber", "valueIdentifier":
        { "system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018" } })];
    parameters.extend(areas.as_array().expect("a list").iter().cloned());
    let body = json!({ "resourceType": "Parameters", "parameter": parameters });
    check::asked(&body).expect("right")
}

fn everything() -> Asked {
    let areas = AREAS.iter().map(|area| match area.parameter {
        "includeAllergies" => allergies(true),
        name => json!({ "name": name }),
    });
    asked(areas.collect())
}

fn allergies(resolved: bool) -> Value {
    json!({ "name": "includeAllergies", "part": [{ "name": "includeResolvedAllergies", "valueBoolean": resolved }] })
}

fn answered(manner: &Manner, asked: &Asked) -> Vec<Value> {
    let bytes = answer(&record(manner.supplier), asked, manner, TRACE);
    let bundle: Value = serde_json::from_slice(&bytes).expect("JSON");
    bundle["entry"].as_array().expect("entries").iter().map(|entry| entry["resource"].clone()).collect()
}

fn kinds(resources: &[Value]) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    for resource in resources {
        *kinds.entry(resource["resourceType"].as_str().expect("a type")).or_default() += 1;
    }
    kinds
}

/// The primary lists by their titles.
fn lists(resources: &[Value]) -> BTreeMap<&str, &Value> {
    let codes: BTreeSet<&str> = AREAS.iter().chain([&ENDED]).map(|area| area.code).collect();
    let lists = resources.iter().filter(|resource| {
        let code = resource["code"]["coding"][0]["code"].as_str().unwrap_or_default();
        resource["resourceType"] == "List" && codes.contains(code)
    });
    let all: Vec<(&str, &Value)> =
        lists.map(|list| (list["title"].as_str().expect("a title"), list)).collect();
    let named: BTreeMap<&str, &Value> = all.iter().copied().collect();
    assert_eq!(named.len(), all.len(), "each once");
    named
}

fn warnings(list: &Value) -> Vec<&str> {
    let extensions = list["extension"].as_array().map(Vec::as_slice).unwrap_or_default();
    extensions.iter().filter_map(|extension| extension["valueCode"].as_str()).collect()
}

fn said(resources: &[Value]) -> Vec<&str> {
    let outcomes = resources.iter().filter(|resource| resource["resourceType"] == "OperationOutcome");
    let issues = outcomes.flat_map(|outcome| outcome["issue"].as_array().expect("issues"));
    issues.filter_map(|issue| issue["details"]["text"].as_str()).collect()
}

#[test]
fn who_asks_for_everything_gets_everything_as_it_was_written() {
    for supplier in Supplier::ALL {
        let whole: Value = serde_json::from_slice(&record(supplier)).expect("JSON");
        let whole = whole["entry"].as_array().expect("entries");
        let answered = answered(&Manner::of(supplier), &everything());
        for entry in whole.iter().filter(|entry| entry["resource"]["resourceType"] != "OperationOutcome") {
            assert!(answered.contains(&entry["resource"]), "{supplier:?}: {}", entry["resource"]);
        }
        let expected = if supplier == Supplier::Tpp { 9 } else { 10 };
        assert_eq!(lists(&answered).len(), expected, "{supplier:?}");
    }
}

#[test]
fn one_area_brings_what_it_leads_to_and_no_more() {
    for supplier in Supplier::ALL {
        let manner = Manner::of(supplier);
        let medicines = answered(&manner, &asked(json!([{ "name": "includeMedication" }])));
        let kinds = kinds(&medicines);
        for kind in ["MedicationStatement", "MedicationRequest", "Medication", "Patient", "Organization"] {
            assert!(kinds.contains_key(kind), "{supplier:?} without {kind}");
        }
        for kind in ["Encounter", "AllergyIntolerance", "Observation", "Immunization"] {
            assert!(!kinds.contains_key(kind), "{supplier:?} with {kind}");
        }
        assert_eq!(lists(&medicines).keys().collect::<Vec<_>>(), [&"Medications and medical devices"]);
        let orders = |resources: &[Value]| resources.iter().filter(|one| one["intent"] == "order").count();
        assert!(orders(&medicines) > 0, "{supplier:?}");
        let part = json!([{ "name": "includePrescriptionIssues", "valueBoolean": false }]);
        let without = answered(&manner, &asked(json!([{ "name": "includeMedication", "part": part }])));
        assert_eq!(orders(&without), 0, "{supplier:?}");
    }
}

#[test]
fn ended_allergies_come_when_they_are_asked_for() {
    for supplier in Supplier::ALL {
        let manner = Manner::of(supplier);
        for (resolved, expected) in [(true, 2), (false, 1)] {
            let answered = answered(&manner, &asked(json!([allergies(resolved)])));
            assert_eq!(lists(&answered).len(), expected, "{supplier:?}");
        }
    }
}

#[test]
fn consultations_bring_their_structure_and_problems_do_not() {
    for supplier in Supplier::ALL {
        let manner = Manner::of(supplier);
        let structure = |resources: &[Value]| {
            resources.iter().filter(|one| one["resourceType"] == "List" && one["id"].is_string()).count()
        };
        let consultations = answered(&manner, &asked(json!([{ "name": "includeConsultations" }])));
        assert!(
            structure(&consultations) > 0 && kinds(&consultations).contains_key("Encounter"),
            "{supplier:?}"
        );
        let problems = answered(&manner, &asked(json!([{ "name": "includeProblems" }])));
        assert_eq!(structure(&problems), 0, "{supplier:?}");
        assert!(kinds(&problems).contains_key("Condition") && kinds(&problems).contains_key("Encounter"));
    }
}

#[test]
fn what_a_version_or_a_supplier_does_not_know_is_warned_of_and_not_empty() {
    let old = Manner { version: Version::V1_2, ..Manner::of(Supplier::Emis) };
    let areas = json!([allergies(true), { "name": "includeProblems" }, { "name": "includeMedication" }]);
    let resources = answered(&old, &asked(areas));
    assert_eq!(said(&resources), ["includeProblems is an unrecognised parameter"]);
    assert!(!lists(&resources).contains_key("Problems") && lists(&resources).len() == 3);
    let resources =
        answered(&Manner::of(Supplier::Tpp), &asked(json!([{ "name": "includeInvestigations" }])));
    assert_eq!(said(&resources), ["includeInvestigations is an unrecognised parameter"]);
    assert!(lists(&resources).is_empty());
    assert!(said(&answered(&Manner::of(Supplier::Emis), &everything())).is_empty(), "EMIS never says so");
}

#[test]
fn a_part_of_another_version_is_warned_of_by_the_others() {
    let body = json!([{ "name": "includeProblems", "part": [{ "name": "filterSignificance", "valueCode": "major" }] }]);
    let at = |version| said_by(&Manner { version, ..Manner::of(Supplier::Vision) }, &body);
    assert_eq!(at(Version::V1_6), ["includeProblems.filterSignificance is an unrecognised parameter"]);
    assert!(at(Version::V1_5).is_empty());
}

fn said_by(manner: &Manner, areas: &Value) -> Vec<String> {
    let resources = answered(manner, &asked(areas.clone()));
    said(&resources).into_iter().map(str::to_owned).collect()
}

#[test]
fn what_is_switched_off_is_said_to_be() {
    let manner =
        Manner { disabled: vec!["includeConsultations".to_owned()], ..Manner::of(Supplier::Medicus) };
    let resources = answered(&manner, &everything());
    assert_eq!(said(&resources), ["includeConsultations has been disabled"]);
    assert!(!lists(&resources).contains_key("List of consultations"));
}

#[test]
fn what_is_withheld_leaves_an_empty_list_with_a_warning() {
    for supplier in Supplier::ALL {
        let manner = Manner { withheld: vec!["includeAllergies".to_owned()], ..Manner::of(supplier) };
        let resources = answered(&manner, &asked(json!([allergies(true), { "name": "includeMedication" }])));
        assert!(!kinds(&resources).contains_key("AllergyIntolerance"), "{supplier:?}");
        let lists = lists(&resources);
        for title in ["Allergies and adverse reactions", "Ended allergies"] {
            let list = lists[title];
            assert!(list["entry"].is_null() && list["contained"].is_null());
            assert!(warnings(list).contains(&"confidential-items"));
            assert_eq!(list["emptyReason"]["coding"][0]["code"], "no-content-recorded");
            let note = list["note"][0]["text"].as_str().expect("a note");
            assert!(note.contains("Items excluded due to confidentiality"), "{note}");
            assert_eq!(note.ends_with("Information not available."), supplier == Supplier::Medicus, "{note}");
        }
        assert!(!warnings(lists["Medications and medical devices"]).contains(&"confidential-items"));
    }
}

#[test]
fn a_record_on_its_way_is_said_to_be_on_every_list() {
    for supplier in Supplier::ALL {
        let day = Some(date(2024, 12, 29));
        let manner = Manner { in_transit: day, awaiting_filing: day, ..Manner::of(supplier) };
        let resources = answered(&manner, &everything());
        for (title, list) in lists(&resources) {
            for code in ["data-in-transit", "data-awaiting-filing"] {
                assert!(warnings(list).contains(&code), "{supplier:?}: {title}");
            }
            let note = list["note"][0]["text"].as_str().expect("a note");
            assert!(note.contains("before 29-Dec-2024 may be missing."), "{note}");
        }
    }
}

#[test]
fn an_area_without_a_list_of_its_own_gets_an_empty_one() {
    let patient = Patient::synthetic(5);
    let recipe = Recipe { bytes: 20_000, seed: 5, supplier: Supplier::Medicus, minified: true, patient };
    let bytes = answer(&bundle(&recipe), &everything(), &Manner::of(Supplier::Medicus), TRACE);
    let bundle: Value = serde_json::from_slice(&bytes).expect("JSON");
    let entries = bundle["entry"].as_array().expect("entries");
    let resources: Vec<Value> = entries.iter().map(|entry| entry["resource"].clone()).collect();
    let lists = lists(&resources);
    assert_eq!(lists.len(), 10);
    assert_eq!(lists["Problems"]["note"][0]["text"], "Information not available.");
    assert_eq!(lists["Uncategorised data"]["code"]["coding"][0]["display"], "Miscellaneous records");
    assert!(lists["Problems"]["orderedBy"].is_null());
}

#[test]
fn the_trace_id_comes_back_as_often_as_it_does() {
    let echoed = |supplier| {
        let ids = (0..320).map(|n: u32| format!("0b9e7d0e-93a9-4c6e-8b53-{n:012x}"));
        ids.filter(|id| {
            let bytes = answer(br#"{"entry":[]}"#, &everything(), &Manner::of(supplier), id);
            serde_json::from_slice::<Value>(&bytes).expect("JSON")["id"] == id.as_str()
        })
        .count()
    };
    assert_eq!(echoed(Supplier::Tpp), 320);
    let of_emis = echoed(Supplier::Emis);
    assert!((160..=200).contains(&of_emis), "18 of 32, not {of_emis} of 320");
}

#[test]
fn what_is_no_record_is_sent_as_it_is() {
    for record in [&b"no JSON"[..], b"[]", b"{}"] {
        assert_eq!(answer(record, &everything(), &Manner::of(Supplier::Emis), TRACE), record);
    }
}

#[test]
fn every_supplier_has_its_differences_and_each_its_sheet() {
    for supplier in Supplier::ALL {
        let own: Vec<_> = DIFFERENCES.iter().filter(|one| one.supplier == supplier).collect();
        assert!(own.len() >= 5, "{supplier:?}");
        assert!(own.iter().all(|one| one.source.ends_with(|end: char| end.is_ascii_digit())));
    }
}
