//! The shapes in which the suppliers send one medicine, with what each gives (`real-data` sheet, sections 3 to 5, 8,
//! 10 and 11; `bundle` sheet, section 4).

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::*;

fn to(reference: &str) -> Value {
    json!({"reference": reference})
}

fn prescription_type(concept: Value) -> Value {
    json!([{"url": format!("{GPC}PrescriptionType-1"), "valueCodeableConcept": concept}])
}

fn list_of_structure(id: &str, code: &str, items: &[Value]) -> Value {
    let entries: Vec<Value> = items.iter().map(|item| json!({"item": item})).collect();
    json!({"resourceType": "List", "id": id, "code": {"coding": [{"system": SNOMED, "code": code}]},
        "encounter": to("Encounter/E"), "entry": entries})
}

#[test]
fn emis_sends_its_own_code_first_and_ties_an_order_to_its_consultation_by_the_lists() {
    let drug = json!({"coding": [
        {"system": "https://fhir.hl7.org.uk/Id/emis-drug-codes", "code": "AMTA2", "display": "Amoxicillin 250mg capsules", "userSelected": true},
        {"system": SNOMED, "code": "323509004", "display": "Amoxicillin 250 mg oral capsule"}]});
    let plan = json!({"id": "A1", "status": "active", "extension": prescription_type(json!({"coding": [{"code": "acute"}]})),
        "dispenseRequest": {"quantity": {"value": 21.000, "unit": "capsule"}}});
    let mut resources = vec![
        json!({"resourceType": "Medication", "id": "D", "code": drug}),
        json!({"resourceType": "MedicationStatement", "id": "A1-MS", "status": "active", "basedOn": [to("MedicationRequest/A1")],
            "medicationReference": to("Medication/D")}),
        with(
            json!({"resourceType": "MedicationRequest", "intent": "plan", "medicationReference": to("Medication/D")}),
            plan,
        ),
        json!({"resourceType": "MedicationRequest", "id": "A1-FI-1", "status": "completed", "intent": "order",
            "basedOn": [to("MedicationRequest/A1")], "medicationReference": to("Medication/D")}),
        json!({"resourceType": "Encounter", "id": "E", "status": "finished"}),
    ];
    resources.extend([
        list_of_structure("C", "325851000000107", &[to("List/T")]),
        list_of_structure("T", "25851000000105", &[to("List/H")]),
        list_of_structure("H", "24781000000107", &[to("MedicationRequest/A1-FI-1")]),
        list(MEDICATIONS, &["MedicationStatement/A1-MS"]),
    ]);
    let answer = Answer::synthetic(resources);
    assert_row(
        &answer.row(Table::Medications, "A1-MS"),
        json!({"medication_code": "323509004", "medication_term": "Amoxicillin 250mg capsules", "medication_term_source": "display",
            "quantity_value": "21.0", "quantity_unit": "capsule", "quantity_text": null, "consultation_id": null, "issue_count": 1}),
    );
    assert_row(
        &answer.row(Table::MedicationIssues, "A1-FI-1"),
        json!({"consultation_id": "E", "consultation_link": "structure", "plan_id": "A1"}),
    );
    assert_row(&answer.row(Table::Consultations, "E"), json!({"medication_count": 0, "issue_count": 1}));
}

#[test]
fn tpp_sends_ids_with_underscores_people_by_name_alone_and_the_unit_as_words() {
    let id = "9000000000000000_54bd000000000000";
    let plan = format!("{id}_plan");
    let words = json!([{"url": format!("{GPC}MedicationQuantityText-1"), "valueString": "tablets"}]);
    let display = json!({"display": "Dr Una Example"});
    let mut resources = vec![
        json!({"resourceType": "MedicationStatement", "id": id, "status": "active", "context": to("Encounter/E"),
            "basedOn": [to(&format!("MedicationRequest/{plan}"))], "medicationReference": to("Medication/D")}),
        json!({"resourceType": "MedicationRequest", "id": plan, "status": "active", "intent": "plan", "recorder": display,
            "context": to("Encounter/E"), "medicationReference": to("Medication/D"),
            "dispenseRequest": {"quantity": {"value": 28, "extension": words}}}),
        json!({"resourceType": "Medication", "id": "D", "code": {"coding": [{"system": SNOMED, "code": "196421000000109",
            "display": "Transfer-degraded medication entry"}], "text": "Old ointment"}}),
        json!({"resourceType": "Encounter", "id": "E", "status": "finished", "type": [{"text": "Admin - Administration note"}],
            "participant": [{"type": [{"coding": [{"code": "REC"}]}], "individual": display}], "location": [{"location": {"display": "Example Surgery"}}]}),
    ];
    resources.push(list_of_structure(
        "T",
        "25851000000105",
        &[
            to(&format!("MedicationRequest/{plan}")),
            json!({"display": "Communication items are not supported by the provider system"}),
        ],
    ));
    let answer = Answer::synthetic(resources);
    assert_row(
        &answer.row(Table::Medications, id),
        json!({"plan_id": plan, "recorder": "Dr Una Example", "requester": null, "medication_term": "Old ointment", "medication_degraded": "medication",
            "quantity_value": "28", "quantity_unit": null, "quantity_text": "tablets", "consultation_id": "E", "consultation_link": "context"}),
    );
    assert_row(
        &answer.row(Table::Consultations, "E"),
        json!({"clinician": "Dr Una Example", "location": "Example Surgery", "type_term": "Admin - Administration note", "start": null}),
    );
    let nodes = answer.rows(Table::ConsultationNodes);
    assert_row(&nodes[0], json!({"level": "topic", "title": null}));
    assert_row(&nodes[2], json!({"availability": "unsupported", "item_id": null}));
}

#[test]
fn vision_sends_short_ids_gemscript_codes_and_an_end_that_is_missing() {
    let gemscript = json!({"system": "https://fhir.hl7.org.uk/Id/resipuk-gemscript-drug-codes", "code": "02345001", "display": "Example 5mg tablets"});
    let answer = Answer::synthetic(vec![
        json!({"resourceType": "Medication", "id": "39-8498-m", "code": {"coding": [gemscript]}}),
        json!({"resourceType": "MedicationStatement", "id": "39-8498-s", "status": "completed", "basedOn": [to("MedicationRequest/39-8498-p")],
            "medicationReference": to("Medication/39-8498-m"), "effectivePeriod": {"start": "2019-01-01"}}),
        json!({"resourceType": "MedicationRequest", "id": "39-8498-p", "status": "completed", "intent": "plan", "medicationReference": to("Medication/39-8498-m")}),
        list(MEDICATIONS, &["MedicationStatement/39-8498-s"]),
    ]);
    let row = answer.row(Table::Medications, "39-8498-s");
    assert_row(
        &row,
        json!({"medication_code": "02345001", "medication_term": "Example 5mg tablets", "class": "past", "effective_end": null}),
    );
    assert_flags(&row, &["ended_no_end_date"]);
}

#[test]
fn medicus_sends_types_and_agencies_as_words_numbers_as_strings_and_plans_in_its_lists() {
    let nothing = json!({"text": "No information available"});
    let agency =
        json!([{"url": format!("{GPC}PrescribingAgency-1"), "valueCodeableConcept": {"text": "Hospital"}}]);
    let mut resources = vec![
        json!({"resourceType": "Medication", "id": "1", "code": {"coding": [{"system": SNOMED, "code": "322280009", "display": "Tablets"}]}}),
        json!({"resourceType": "MedicationStatement", "id": "1", "status": "active", "basedOn": [to("MedicationRequest/1")],
            "medicationReference": to("Medication/1"), "extension": agency}),
        json!({"resourceType": "MedicationRequest", "id": "1", "status": "completed", "intent": "plan", "extension": prescription_type(nothing),
            "medicationReference": to("Medication/1"), "dispenseRequest": {"quantity": {"value": "28.0", "unit": "tablet"}}}),
        json!({"resourceType": "Encounter", "id": "E", "status": "finished"}),
        list(MEDICATIONS, &["MedicationStatement/1"]),
    ];
    resources.push(list_of_structure("H", "24781000000107", &[to("MedicationRequest/1")]));
    let answer = Answer::synthetic(resources);
    let row = answer.row(Table::Medications, "1");
    assert_row(
        &row,
        json!({"prescription_type": null, "prescribing_agency": null, "prescribing_agency_text": "Hospital", "quantity_value": "28.0",
            "consultation_id": "E", "consultation_link": "structure", "class": "current"}),
    );
    assert_flags(&row, &["unissued", "status_conflict"]);
    assert_eq!(answer.noticed("wrong_json_type"), ["1"], "a number as a string is read and noticed");
}
