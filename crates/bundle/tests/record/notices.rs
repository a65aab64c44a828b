//! What is missing, unknown, lost or misdirected in a record is said of it, with its element.

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::*;

/// The elements that notices of a code name, of one resource, sorted.
fn elements(resource: Value, code: &str) -> Vec<String> {
    let notices = Answer::synthetic(vec![resource]).notices(code);
    let mut elements: Vec<String> = notices
        .iter()
        .filter(|notice| notice["entry_index"] == 0)
        .map(|notice| string(notice, "element").expect("named").to_owned())
        .collect();
    elements.sort();
    elements
}

fn resource(kind: &str, members: Value) -> Value {
    with(json!({"resourceType": kind, "id": "r"}), members)
}

#[test]
fn each_reference_of_a_record_that_dangles_is_noticed_by_its_element() {
    let gone = || json!({"reference": "Practitioner/gone"});
    let encounter = json!({"url": "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter", "valueReference": gone()});
    for (record, named) in [
        (
            resource(
                "MedicationStatement",
                json!({"basedOn": [gone()], "context": gone(), "medicationReference": gone()}),
            ),
            &["basedOn", "context", "medicationReference"][..],
        ),
        (
            resource(
                "MedicationRequest",
                json!({"intent": "order", "basedOn": [gone(), gone()], "priorPrescription": gone(), "context": gone(), "medicationReference": gone(),
                    "requester": {"agent": gone(), "onBehalfOf": gone()}, "recorder": gone(), "dispenseRequest": {"performer": gone()}}),
            ),
            &[
                "basedOn",
                "basedOn",
                "context",
                "dispenseRequest.performer",
                "medicationReference",
                "priorPrescription",
                "recorder",
                "requester.agent",
                "requester.onBehalfOf",
            ],
        ),
        (
            resource(
                "AllergyIntolerance",
                json!({"asserter": gone(), "recorder": gone(), "extension": [encounter]}),
            ),
            &["asserter", "extension", "recorder"],
        ),
        (
            resource(
                "Condition",
                json!({"asserter": gone(), "context": gone(), "extension": content(&[gone()])}),
            ),
            &["asserter", "context", "extension"],
        ),
        (
            resource(
                "Encounter",
                json!({"participant": [{"individual": gone()}], "location": [{"location": gone()}], "serviceProvider": gone()}),
            ),
            &["location.location", "participant.individual", "serviceProvider"],
        ),
        (
            with(
                list("25851000000105", &["Practitioner/gone"]),
                json!({"encounter": {"reference": "Encounter/gone"}}),
            ),
            &["encounter", "entry.item"],
        ),
    ] {
        assert_eq!(elements(record.clone(), "unresolved_reference"), named, "{record}");
    }
}

#[test]
fn what_a_record_must_have_and_has_not_is_named() {
    for (record, named) in [
        (json!({"resourceType": "MedicationStatement"}), &["basedOn", "id", "medication", "status"][..]),
        (
            json!({"resourceType": "MedicationRequest", "intent": "order"}),
            &["basedOn", "id", "medication", "status"],
        ),
        (
            json!({"resourceType": "MedicationRequest", "intent": "plan", "id": "r"}),
            &["medication", "status"],
        ),
        (
            json!({"resourceType": "MedicationRequest", "id": "r", "status": "active"}),
            &["basedOn", "intent", "medication"],
        ),
        (json!({"resourceType": "AllergyIntolerance"}), &["clinicalStatus", "code", "id"]),
        (json!({"resourceType": "Condition"}), &["clinicalStatus", "code", "id"]),
        (json!({"resourceType": "Encounter"}), &["id", "status"]),
        (json!({"resourceType": "Practitioner"}), &[]),
    ] {
        assert_eq!(elements(record.clone(), "missing_element"), named, "{record}");
        assert_eq!(
            Answer::synthetic(vec![record]).rows(Table::Notices).last().expect("one")["element"],
            "Patient"
        );
    }
}

#[test]
fn each_code_that_is_not_known_is_noticed_by_its_element() {
    let typed = |code: &str| json!([{"url": format!("{GPC}PrescriptionType-1"), "valueCodeableConcept": {"coding": [{"code": code}]}}]);
    let agency = |code: &str| json!([{"url": format!("{GPC}PrescribingAgency-1"), "valueCodeableConcept": {"coding": [{"code": code}]}}]);
    let significance = |code: &str| json!([{"url": "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-ProblemSignificance-1", "valueCode": code}]);
    for (record, named) in [
        (
            resource(
                "MedicationStatement",
                json!({"status": "zz", "extension": agency("prescribed-eleswhere")}),
            ),
            &["extension", "status"][..],
        ),
        (
            resource(
                "MedicationStatement",
                json!({"status": "active", "extension": agency("Prescribed-By-Another-Organisation")}),
            ),
            &[],
        ),
        (
            resource(
                "MedicationStatement",
                json!({"status": "stopped", "extension": agency("prescribed-by-previous-practice")}),
            ),
            &[],
        ),
        (
            resource(
                "MedicationRequest",
                json!({"intent": "proposal", "status": "zz", "extension": typed("acute-handwritten")}),
            ),
            &["extension", "intent", "status"],
        ),
        (
            resource(
                "MedicationRequest",
                json!({"intent": "order", "status": "completed", "extension": typed("delayed-prescribing")}),
            ),
            &[],
        ),
        (resource("AllergyIntolerance", json!({"clinicalStatus": "inactive"})), &["clinicalStatus"]),
        (resource("AllergyIntolerance", json!({"clinicalStatus": "resolved"})), &[]),
        (
            resource("Condition", json!({"clinicalStatus": "resolved", "extension": significance("severe")})),
            &["clinicalStatus", "extension"],
        ),
        (
            resource("Condition", json!({"clinicalStatus": "inactive", "extension": significance("minor")})),
            &[],
        ),
        (resource("Encounter", json!({"status": "planned"})), &["status"]),
    ] {
        assert_eq!(elements(record.clone(), "unknown_code"), named, "{record}");
    }
}

#[test]
fn a_code_that_was_lost_in_a_transfer_is_marked_by_its_kind_and_noticed() {
    for (code, kind) in [
        ("196461000000101", "drug_allergy"),
        ("196471000000108", "non_drug_allergy"),
        ("196421000000109", "medication"),
        ("196411000000103 ", "record_entry"),
        ("196451000000104", "other"),
        ("196431000000106", "other"),
        ("196441000000102", "other"),
    ] {
        let lost = json!({"coding": [{"system": SNOMED, "code": code}], "text": "As it was typed"});
        let answer = Answer::synthetic(vec![
            problem("p", json!({"code": lost})),
            allergy("a", lost.clone(), json!({})),
            json!({"resourceType": "MedicationStatement", "id": "m", "medicationCodeableConcept": lost}),
            json!({"resourceType": "MedicationRequest", "id": "i", "intent": "order", "medicationCodeableConcept": lost}),
        ]);
        for (table, id, column) in [
            (Table::Problems, "p", "problem_degraded"),
            (Table::Allergies, "a", "allergy_degraded"),
            (Table::Medications, "m", "medication_degraded"),
            (Table::MedicationIssues, "i", "medication_degraded"),
        ] {
            assert_eq!(answer.row(table, id)[column], kind, "{code}");
        }
        let mut noticed = answer.noticed("degraded_code");
        noticed.sort();
        assert_eq!(noticed, ["a", "i", "m", "p"]);
    }
}

#[test]
fn notices_stand_under_the_area_of_what_they_are_about() {
    for (kind, area) in [
        ("MedicationRequest", json!("medications")),
        ("Medication", json!("medications")),
        ("AllergyIntolerance", json!("allergies")),
        ("Condition", json!("problems")),
        ("Encounter", json!("consultations")),
        ("Immunization", json!("immunisations")),
        ("Observation", json!("uncategorised")),
        ("DiagnosticReport", json!("investigations")),
        ("ReferralRequest", json!("referrals")),
        ("ProcedureRequest", json!("diary")),
        ("DocumentReference", json!("documents")),
        ("Organization", Value::Null),
    ] {
        let twice = |more: Value| resource(kind, more);
        let answer = Answer::synthetic(vec![twice(json!({})), twice(json!({"x": 1}))]);
        assert_row(
            &answer.notices("conflicting_duplicate")[0],
            json!({"area": area, "resource_type": kind, "resource_id": "r"}),
        );
    }
}
