//! References in all their forms, duplicates, people, and other patients (`bundle` sheet, sections 1 to 5).

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::*;

fn to(reference: &str) -> Value {
    json!({"reference": reference})
}

/// The problem-content link of a problem to this, beside an Encounter `e`, an Observation `o` and two resources `x`.
fn link(reference: &Value) -> (Value, Vec<Value>) {
    let answer = Answer::synthetic(vec![
        problem("p", json!({"extension": content(std::slice::from_ref(reference))})),
        json!({"resourceType": "Encounter", "id": "e", "status": "finished"}),
        json!({"resourceType": "Observation", "id": "o"}),
        json!({"resourceType": "Observation", "id": "x"}),
        json!({"resourceType": "Immunization", "id": "x"}),
    ]);
    let notices = answer.rows(Table::Notices).into_iter().map(|notice| notice["code"].clone());
    let notices = notices.filter(|code| code != "missing_element").collect();
    (answer.links("problem-content").remove(0), notices)
}

#[test]
fn a_reference_of_any_form_resolves_where_one_thing_alone_can_be_meant() {
    for (form, kind, id, notice) in [
        ("Encounter/e", "Encounter", "e", None),
        ("Encounter/e/_history/2", "Encounter", "e", None),
        ("https://example.org/STU3/Encounter/e", "Encounter", "e", None),
        ("https://example.org/STU3/Encounter/e/_history/2", "Encounter", "e", None),
        ("https://example.org/Practioner/e", "Encounter", "e", Some("malformed_reference")),
        ("urn:uuid:e", "Encounter", "e", None),
        ("e", "Encounter", "e", Some("malformed_reference")),
        ("Encouter/e", "Encounter", "e", Some("malformed_reference")),
        ("encounter/e", "Encounter", "e", Some("malformed_reference")),
    ] {
        let (link, notices) = link(&to(form));
        assert_row(&link, json!({"to_type": kind, "to_id": id, "resolved": true, "display": null}));
        assert_eq!(notices, Vec::from_iter(notice.map(Value::from)), "{form}");
    }
}

#[test]
fn a_reference_that_cannot_be_followed_keeps_its_text_and_names_nothing() {
    for form in [
        "x",
        "urn:uuid:x",
        "urn:uuid:gone",
        "gone",
        "Encouter/gone",
        "#gone",
        "https://example.org/Encounter/gone",
        "words with spaces",
    ] {
        let (link, notices) = link(&to(form));
        assert_row(&link, json!({"to_type": null, "to_id": null, "resolved": false, "display": form}));
        assert_eq!(notices, ["malformed_reference"], "{form}");
    }
    let (link, notices) = link(&json!({"reference": "words", "display": "what it says"}));
    assert_row(&link, json!({"to_id": null, "display": "what it says"}));
    assert_eq!(notices, ["malformed_reference"]);
}

#[test]
fn a_reference_that_says_nothing_is_no_link() {
    for nothing in [json!({"reference": ""}), json!({"reference": null}), json!({}), Value::Null] {
        let answer = Answer::synthetic(vec![problem(
            "p",
            json!({"context": nothing, "extension": content(std::slice::from_ref(&nothing))}),
        )]);
        assert!(answer.rows(Table::Links).is_empty(), "{nothing}");
        assert_row(
            &answer.row(Table::Problems, "p"),
            json!({"consultation_id": null, "consultation_link": null}),
        );
    }
}

#[test]
fn a_reference_to_what_is_not_in_the_answer_keeps_type_and_id() {
    for (form, kind, id) in [
        ("Encounter/gone", "Encounter", "gone"),
        ("Encounter/gone/_history/3", "Encounter", "gone"),
        ("Location/o", "Location", "o"),
        ("DeviceRequest/d", "DeviceRequest", "d"),
    ] {
        let (link, notices) = link(&to(form));
        assert_row(&link, json!({"to_type": kind, "to_id": id, "resolved": false}));
        assert_eq!(notices, ["unresolved_reference"], "{form}");
    }
}

#[test]
fn a_contained_resource_is_named_inside_its_container_and_noticed_where_it_is_named_from_outside() {
    let contained = |id: &str, text: &str| allergy(id, json!({"text": text}), json!({}));
    let from = |holder: Value, reference: &str, other: Value| {
        let mut holder = holder;
        holder["extension"] = content(&[to(reference)]);
        let answer = Answer::synthetic(vec![holder, other]);
        (answer.links("problem-content").remove(0), answer.notices("malformed_reference").len())
    };
    let holder = || problem("p", json!({"contained": [contained("a", "inside")]}));
    let other = || json!({"resourceType": "Observation", "id": "o", "contained": [contained("a", "other")]});
    let nothing = || json!({"resourceType": "Observation", "id": "o"});
    // Inside, its own is meant, however many there are.
    let (link, malformed) = from(holder(), "#a", other());
    assert_eq!((link["resolved"].clone(), malformed), (json!(true), 0));
    let (link, malformed) = from(problem("p", json!({})), "#a", other());
    assert_eq!((link["resolved"].clone(), malformed), (json!(true), 1));
    let (link, malformed) = from(problem("p", json!({})), "List/ended-allergies#a", other());
    assert_eq!((link["to_id"].clone(), malformed), (json!("a"), 1));
    let (link, malformed) = from(holder(), "#b", nothing());
    assert_eq!((link["resolved"].clone(), malformed), (json!(false), 1));
}

#[test]
fn siblings_in_one_container_name_each_other() {
    let statement =
        json!({"resourceType": "MedicationStatement", "id": "s", "medicationReference": to("#d")});
    let drug = |text: &str| json!({"resourceType": "Medication", "id": "d", "code": {"text": text}});
    let answer = Answer::synthetic(vec![
        json!({"resourceType": "Observation", "id": "o", "contained": [statement, drug("Its own")]}),
        json!({"resourceType": "Observation", "id": "q", "contained": [drug("Another")]}),
    ]);
    assert_eq!(answer.row(Table::Medications, "s")["medication_term"], "Its own");
}

#[test]
fn one_id_under_two_types_is_two_things() {
    let answer = Answer::synthetic(vec![
        json!({"resourceType": "Location", "id": "1", "name": "Room"}),
        json!({"resourceType": "Organization", "id": "1", "name": "Practice"}),
        json!({"resourceType": "Encounter", "id": "1", "serviceProvider": to("Organization/1"), "location": [{"location": to("Location/1")}]}),
    ]);
    assert_row(
        &answer.row(Table::Consultations, "1"),
        json!({"organisation": "Practice", "location": "Room"}),
    );
    assert!(answer.notices("conflicting_duplicate").is_empty());
}

#[test]
fn of_two_resources_with_one_id_the_first_is_meant() {
    let named = |name: &str| json!({"resourceType": "Practitioner", "id": "d", "name": [{"text": name}]});
    let answer = Answer::synthetic(vec![
        problem("p", json!({"asserter": to("Practitioner/d")})),
        named("First"),
        named("Second"),
    ]);
    assert_eq!(answer.row(Table::Problems, "p")["asserter"], "First");
    assert_eq!(answer.noticed("conflicting_duplicate"), ["d"]);
}

#[test]
fn what_a_repeated_container_contains_has_no_row_of_its_own() {
    let holder = || json!({"resourceType": "Observation", "id": "o", "contained": [allergy("a", json!({"text": "Agent"}), json!({}))]});
    let answer = Answer::synthetic(vec![holder(), holder()]);
    assert_eq!(answer.rows(Table::Allergies).len(), 1);
    let account = answer.record.accounting["AllergyIntolerance"];
    assert_eq!((account.seen, account.normalised), (2, 2));
}

#[test]
fn a_name_is_its_parts_and_else_its_text_and_else_the_display() {
    let practitioner = |name: Value| json!({"resourceType": "Practitioner", "id": "d", "name": name});
    let parts = json!([{"family": "Ward", "given": ["Ada", "B"], "prefix": ["Dr"], "text": "ignored", "suffix": ["MBE"]}]);
    let asserter = |resources: Vec<Value>, reference: Value| {
        let mut resources = resources;
        resources.push(problem("p", json!({"asserter": reference})));
        Answer::synthetic(resources).row(Table::Problems, "p")["asserter"].clone()
    };
    let shown = |name: Value| {
        asserter(vec![practitioner(name)], json!({"reference": "Practitioner/d", "display": "outer"}))
    };
    assert_eq!(shown(parts), "Dr Ada B Ward");
    assert_eq!(shown(json!([{"text": "A. Ward"}])), "A. Ward");
    assert_eq!(shown(json!([])), "outer");
    assert_eq!(asserter(vec![], json!({"display": "Unknown"})), "Unknown");
    assert_eq!(asserter(vec![], json!({"reference": "Practitioner/d", "display": "Unknown"})), "Unknown");
    assert_eq!(asserter(vec![], to("Practitioner/d")), Value::Null);
}

#[test]
fn a_role_is_told_by_whoever_holds_it() {
    let role = |holder: Value| {
        let answer = Answer::synthetic(vec![
            json!({"resourceType": "PractitionerRole", "id": "r", "practitioner": holder}),
            json!({"resourceType": "Practitioner", "id": "d", "name": [{"family": "Ward"}]}),
            problem("p", json!({"asserter": {"reference": "PractitionerRole/r", "display": "outer"}})),
        ]);
        answer.row(Table::Problems, "p")["asserter"].clone()
    };
    assert_eq!(role(to("Practitioner/d")), "Ward");
    assert_eq!(role(json!({"display": "Dr Display"})), "Dr Display");
    assert_eq!(role(Value::Null), "outer");
}

#[test]
fn an_organisation_has_a_name_and_a_code_by_reference_and_a_code_by_identifier() {
    let ods = |code: &str| json!({"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": code});
    let site = json!({"system": "https://fhir.nhs.uk/Id/ods-site-code", "value": "S1"});
    let encounter = |provider: Value| {
        let answer = Answer::synthetic(vec![
            json!({"resourceType": "Organization", "id": "o", "name": "Practice", "identifier": [site, ods("A99999")]}),
            json!({"resourceType": "Encounter", "id": "e", "serviceProvider": provider}),
        ]);
        answer.row(Table::Consultations, "e")
    };
    assert_row(
        &encounter(to("Organization/o")),
        json!({"organisation": "Practice", "organisation_ods": "A99999"}),
    );
    assert_row(
        &encounter(json!({"identifier": ods("B99999"), "display": "Hub"})),
        json!({"organisation": "Hub", "organisation_ods": "B99999"}),
    );
    assert_row(&encounter(to("Organization/gone")), json!({"organisation": null, "organisation_ods": null}));
}

#[test]
fn the_patient_is_known_by_any_form_of_reference_and_another_is_noticed() {
    let nhs_number = "https://fhir.nhs.uk/Id/nhs-number";
    let patient = json!({"resourceType": "Patient", "id": "p", "identifier": [{"system": nhs_number, "value": "9990000018"}]});
    for (who, same) in [
        (to("Patient/p"), true),
        (to("https://example.org/Patient/p"), true),
        (json!({"identifier": {"system": nhs_number, "value": "9990000018"}}), true),
        (json!({"identifier": {"system": "https://example.org/x", "value": "9990000026"}}), true),
        (json!({"display": "the patient"}), true),
        (json!({"identifier": {"system": nhs_number, "value": "9990000026"}}), false),
        (to("Patient/q"), false),
        (to("Practitioner/p"), false),
    ] {
        let answer = Answer::synthetic(vec![patient.clone(), problem("c", json!({"subject": who}))]);
        assert_eq!(answer.notices("patient_mismatch").is_empty(), same, "{who}");
    }
    let both = json!({"patient": to("Patient/p"), "subject": to("Patient/q")});
    let answer = Answer::synthetic(vec![patient.clone(), allergy("a", json!({"text": "Latex"}), both)]);
    assert!(answer.notices("patient_mismatch").is_empty(), "an allergy is of its patient");
    let twice = with(patient.clone(), json!({"gender": "male"}));
    let answer = Answer::synthetic(vec![patient, twice, problem("c", json!({"subject": to("Patient/p")}))]);
    assert!(answer.notices("patient_mismatch").is_empty(), "two versions of one patient");
}

#[test]
fn without_a_patient_nobody_is_mistaken_and_the_references_dangle() {
    let answer = Answer::synthetic(vec![problem("c", json!({"subject": to("Patient/p")}))]);
    assert!(answer.notices("patient_mismatch").is_empty());
    assert_row(&answer.notices("unresolved_reference")[0], json!({"resource_id": "c", "element": "subject"}));
    assert_row(
        answer.notices("missing_element").last().expect("told"),
        json!({"element": "Patient", "entry_index": null}),
    );
}

#[test]
fn links_start_from_the_five_kinds_of_record_and_are_one_row_an_edge() {
    let topic = with(
        list("25851000000105", &["Observation/o", "Condition/p", "Condition/p"]),
        json!({"id": "t", "encounter": to("Encounter/e")}),
    );
    let mut resources =
        medicine("m", json!({"text": "Drug"}), json!({"context": to("Encounter/e")}), json!({}));
    resources[2]["priorPrescription"] = to("MedicationRequest/old");
    resources.extend([
        issue("i", "m", json!({"priorPrescription": to("MedicationRequest/old")})),
        problem("p", json!({"context": to("Encounter/e"), "extension": content(&[to("List/t"), to("MedicationRequest/i")])})),
        json!({"resourceType": "Observation", "id": "o", "context": to("Encounter/e")}),
        json!({"resourceType": "Encounter", "id": "e"}),
        topic,
    ]);
    let shown: Vec<String> = Answer::synthetic(resources)
        .rows(Table::Links)
        .iter()
        .map(|link| {
            format!("{} {} {}/{}", link["from_id"], link["relation"], link["to_type"], link["to_id"])
                .replace('"', "")
        })
        .collect();
    let mut sorted = shown.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [
            "i issued-under MedicationRequest/m-plan",
            "m authorised-by MedicationRequest/m-plan",
            "m recorded-in Encounter/e",
            "m-plan replaces MedicationRequest/old",
            "p listed-in Encounter/e",
            "p problem-content List/t",
            "p problem-content MedicationRequest/i",
            "p recorded-in Encounter/e",
        ]
    );
}
