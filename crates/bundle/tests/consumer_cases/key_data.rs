//! The key data of every row of the five official records, element by element against the JSON that was sent:
//! MED-02, ALG-04, PRB-09 and ENC-07 of the `conformance-tests` sheet.

use bedside_model::schema::Table;
use serde_json::{Map, Value, json};

use crate::sheet::{Answer, extension, string, texts, value_of};

fn records() -> Vec<Answer> {
    let stems = ["meds-part1", "meds-part2", "allergies", "problems", "consultations"];
    stems.iter().filter_map(|stem| Answer::official(&format!("official-{stem}"), (2021, 9, 20))).collect()
}

/// Holds the rows of a table against what each resource says; every column that is named counts.
fn compare(table: Table, kind: &str, is_row: fn(&Value) -> bool, key_data: fn(&Answer, &Value) -> Value) {
    let mut compared = 0;
    for answer in records() {
        let rows = answer.rows(table);
        let sent: Vec<&Value> =
            answer.all_sent(kind).into_iter().filter(|resource| is_row(resource)).collect();
        assert_eq!(rows.len(), sent.len(), "{kind}");
        for (row, resource) in rows.iter().zip(sent) {
            for (column, expected) in key_data(&answer, resource).as_object().into_iter().flatten() {
                assert_eq!(
                    row[column],
                    without_gaps(expected.clone()),
                    "{kind} {}: {column}",
                    resource["id"]
                );
                compared += usize::from(!expected.is_null());
            }
        }
    }
    assert!(compared > 50 || records().is_empty(), "{kind}");
}

#[test]
fn med_02_key_data_of_every_authorisation_is_carried_as_sent() {
    compare(Table::Medications, "MedicationStatement", |_| true, authorisation);
}

fn authorisation(answer: &Answer, statement: &Value) -> Value {
    let plan = answer.target(&statement["basedOn"][0]);
    let repeats = extension(plan, "MedicationRepeatInformation");
    let reason = extension(plan, "MedicationStatusReason");
    let agency = value_of(extension(statement, "PrescribingAgency"));
    let notes = [texts_of(&statement["note"]), texts_of(&plan["note"])].concat();
    let mut row = merged([
        request(answer, plan),
        concept("medication", &answer.target(&statement["medicationReference"])["code"]),
        json!({
            "medication_id": statement["id"],
            "plan_id": plan["id"],
            "prior_plan_id": id_of(&plan["priorPrescription"]),
            "identifiers": identifiers(statement),
            "status": statement["status"],
            "plan_status": plan["status"],
            "prescribing_agency": agency["coding"][0]["code"],
            "prescribing_agency_text": either(&agency["text"], &agency["coding"][0]["display"]),
            "effective_start": statement["effectivePeriod"]["start"],
            "effective_end": statement["effectivePeriod"]["end"],
            "date_asserted": statement["dateAsserted"],
            "last_issue": value_of(extension(statement, "MedicationStatementLastIssueDate")),
            "statement_dosage_text": statement["dosage"][0]["text"],
            "repeats_allowed": value_of(extension(repeats, "numberOfRepeatPrescriptionsAllowed")),
            "repeats_issued": value_of(extension(repeats, "numberOfRepeatPrescriptionsIssued")),
            "authorisation_expiry": value_of(extension(repeats, "authorisationExpiryDate")),
            "status_reason": value_of(extension(reason, "statusReason"))["text"],
            "status_changed": value_of(extension(reason, "statusChangeDate")),
            "notes": distinct(notes),
        }),
    ]);
    if let Some(context) = id_of(&statement["context"]).as_str() {
        row["consultation_id"] = json!(context);
    }
    row
}

#[test]
fn med_02_key_data_of_every_issue_is_carried_as_sent() {
    compare(Table::MedicationIssues, "MedicationRequest", |request| request["intent"] != "plan", issue);
}

fn issue(answer: &Answer, order: &Value) -> Value {
    let period = &order["dispenseRequest"]["validityPeriod"];
    merged([
        request(answer, order),
        concept("medication", &answer.target(&order["medicationReference"])["code"]),
        json!({
            "issue_id": order["id"],
            "intent": order["intent"],
            "plan_id": id_of(&order["basedOn"][0]),
            "identifiers": identifiers(order),
            "status": order["status"],
            "issued": period["start"],
            "issue_end": period["end"],
            "notes": texts_of(&order["note"]),
        }),
    ])
}

/// What plan and order have in common.
fn request(answer: &Answer, request: &Value) -> Value {
    let dosage = &request["dosageInstruction"][0];
    let dispense = &request["dispenseRequest"];
    json!({
        "prescription_type": value_of(extension(request, "PrescriptionType"))["coding"][0]["code"],
        "authored_on": request["authoredOn"],
        "dosage_text": dosage["text"],
        "patient_instruction": dosage["patientInstruction"],
        "quantity_value": digits(&dispense["quantity"]["value"]),
        "quantity_unit": dispense["quantity"]["unit"],
        "quantity_text": value_of(extension(&dispense["quantity"], "MedicationQuantityText")),
        "supply_days": digits(&dispense["expectedSupplyDuration"]["value"]),
        "requester": name(answer, &request["requester"]["agent"]),
        "recorder": name(answer, &request["recorder"]),
    })
}

#[test]
fn alg_04_key_data_of_every_allergy_is_carried_as_sent() {
    compare(Table::Allergies, "AllergyIntolerance", |_| true, allergy);
}

fn allergy(answer: &Answer, allergy: &Value) -> Value {
    let end = extension(allergy, "AllergyIntoleranceEnd");
    let reaction = &allergy["reaction"][0];
    merged([
        concept("allergy", &allergy["code"]),
        json!({
            "allergy_id": allergy["id"],
            "identifiers": identifiers(allergy),
            "clinical_status": allergy["clinicalStatus"],
            "verification_status": allergy["verificationStatus"],
            "type": allergy["type"],
            "criticality": allergy["criticality"],
            "category": allergy["category"],
            "onset": allergy["onsetDateTime"],
            "asserted": allergy["assertedDate"],
            "ended": value_of(extension(end, "endDate")),
            "ended_reason": value_of(extension(end, "reasonEnded")),
            "asserter": name(answer, &allergy["asserter"]),
            "recorder": name(answer, &allergy["recorder"]),
            "reaction_severity": reaction["severity"],
            "notes": texts_of(&allergy["note"]),
        }),
        match value_of(extension(allergy, "encounter-associatedEncounter")) {
            Value::Null => json!({}),
            encounter => json!({"consultation_id": id_of(encounter), "consultation_link": "context"}),
        },
    ])
}

#[test]
fn prb_09_header_elements_of_every_problem_are_carried_as_sent() {
    compare(Table::Problems, "Condition", |_| true, problem);
}

fn problem(answer: &Answer, problem: &Value) -> Value {
    let actual = value_of(extension(problem, "ActualProblem"));
    let categories: Vec<&Value> =
        problem["category"].as_array().into_iter().flatten().map(|one| &one["coding"][0]["code"]).collect();
    let related = |kind: &str| -> Vec<Value> {
        let headers = problem["extension"].as_array().into_iter().flatten();
        let headers = headers.filter(|header| *value_of(extension(header, "type")) == kind);
        headers.map(|header| id_of(value_of(extension(header, "target")))).collect()
    };
    merged([
        concept("problem", &problem["code"]),
        json!({
            "problem_id": problem["id"],
            "identifiers": identifiers(problem),
            "clinical_status": problem["clinicalStatus"],
            "significance": value_of(extension(problem, "ProblemSignificance")),
            "category": categories,
            "onset": problem["onsetDateTime"],
            "abatement": problem["abatementDateTime"],
            "asserted": problem["assertedDate"],
            "asserter": name(answer, &problem["asserter"]),
            "actual_problem_type": actual["reference"].as_str().and_then(|path| path.split_once('/')).map(|(kind, _)| kind),
            "actual_problem_id": id_of(actual),
            "parent_ids": related("parent"),
            "child_ids": related("child"),
            "sibling_ids": related("sibling"),
            "notes": texts_of(&problem["note"]),
        }),
    ])
}

#[test]
fn enc_07_elements_of_every_consultation_are_carried_as_sent() {
    compare(Table::Consultations, "Encounter", |_| true, consultation);
}

fn consultation(answer: &Answer, encounter: &Value) -> Value {
    let role = |participant: &Value| participant["type"][0]["coding"][0]["code"].clone();
    let participants = encounter["participant"].as_array().expect("participants");
    let named: Vec<Value> = participants
        .iter()
        .map(|one| json!({"role": role(one), "name": name(answer, &one["individual"])}))
        .collect();
    let of = |code: &str| {
        named.iter().find(|one| one["role"] == code).map_or(Value::Null, |one| one["name"].clone())
    };
    let lists = answer.all_sent("List");
    let mut own = lists.iter().filter(|list| {
        list["code"]["coding"][0]["code"] == "325851000000107" && id_of(&list["encounter"]) == encounter["id"]
    });
    merged([
        concept("type", &encounter["type"][0]),
        json!({
            "consultation_id": encounter["id"],
            "identifiers": identifiers(encounter),
            "status": encounter["status"],
            "draft": encounter["status"] == "unknown",
            "start": encounter["period"]["start"],
            "end": encounter["period"]["end"],
            "length_minutes": digits(&encounter["length"]["value"]),
            "recorded": own.next().map(|list| &list["date"]),
            "clinician": either(&of("PPRF"), &of("REC")),
            "recorder": of("REC"),
            "participants": named,
            "organisation": answer.target(&encounter["serviceProvider"])["name"],
        }),
    ])
}

#[test]
fn enc_07_the_tree_of_every_consultation_can_be_rebuilt_from_its_nodes() {
    for answer in records() {
        let nodes = answer.rows(Table::ConsultationNodes);
        let lists = answer.all_sent("List");
        let tops = lists.iter().filter(|list| list["code"]["coding"][0]["code"] == "325851000000107");
        for top in tops {
            let own: Vec<&Value> =
                nodes.iter().filter(|node| node["consultation_id"] == id_of(&top["encounter"])).collect();
            assert_eq!(rebuilt(&own, &Value::Null), [sent_tree(&answer, top)]);
        }
    }
}

/// The nodes under a parent as nested titles and items.
fn rebuilt(nodes: &[&Value], parent: &Value) -> Vec<Value> {
    let mut children: Vec<&&Value> = nodes.iter().filter(|node| node["parent"] == *parent).collect();
    children.sort_by_key(|node| node["position"].as_u64());
    let tree = |node: &&&Value| match string(node, "item_id") {
        Some(id) => json!(format!("{}/{id}", string(node, "item_type").expect("a type"))),
        None => json!({"title": node["title"], "entries": rebuilt(nodes, &node["node"])}),
    };
    children.iter().map(tree).collect()
}

fn sent_tree(answer: &Answer, list: &Value) -> Value {
    let entries = list["entry"].as_array().into_iter().flatten();
    let entries: Vec<Value> = entries
        .map(|entry| match answer.target(&entry["item"]) {
            inner if inner["resourceType"] == "List" => sent_tree(answer, inner),
            _ => entry["item"]["reference"].clone(),
        })
        .collect();
    json!({"title": list["title"], "entries": entries})
}

/// `prefix given family` from the parts, else the text.
fn name(answer: &Answer, reference: &Value) -> Value {
    let name = &answer.target(reference)["name"][0];
    let parts: Vec<&str> =
        texts(name, "prefix").into_iter().chain(texts(name, "given")).chain(string(name, "family")).collect();
    match parts.is_empty() {
        true => either(&name["text"], &reference["display"]),
        false => json!(parts.join(" ")),
    }
}

fn concept(prefix: &str, concept: &Value) -> Value {
    let codings: Vec<Value> = concept["coding"].as_array().into_iter().flatten().map(coding).collect();
    json!({ format!("{prefix}_text"): concept["text"], format!("{prefix}_codings"): codings })
}

fn coding(coding: &Value) -> Value {
    let description = extension(coding, "coding-sctdescid");
    let members = json!({
        "system": coding["system"],
        "code": coding["code"],
        "display": coding["display"],
        "user_selected": coding["userSelected"],
        "description_id": value_of(extension(description, "descriptionId")),
        "description_display": value_of(extension(description, "descriptionDisplay")),
    });
    without_gaps(members)
}

fn identifiers(resource: &Value) -> Vec<Value> {
    let identifiers = resource["identifier"].as_array().into_iter().flatten();
    identifiers.map(|one| without_gaps(json!({"system": one["system"], "value": one["value"]}))).collect()
}

fn id_of(reference: &Value) -> Value {
    reference["reference"]
        .as_str()
        .and_then(|path| path.split_once('/'))
        .map_or(Value::Null, |(_, id)| json!(id))
}

fn texts_of(notes: &Value) -> Vec<Value> {
    notes.as_array().into_iter().flatten().map(|note| note["text"].clone()).collect()
}

fn distinct(notes: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for note in notes {
        if !kept.contains(&note) {
            kept.push(note);
        }
    }
    kept
}

fn digits(number: &Value) -> Value {
    if number.is_number() { json!(number.to_string()) } else { number.clone() }
}

fn either(first: &Value, second: &Value) -> Value {
    if first.is_null() { second.clone() } else { first.clone() }
}

fn merged<const N: usize>(parts: [Value; N]) -> Value {
    let mut all = Map::new();
    for part in parts {
        if let Value::Object(members) = part {
            all.extend(members);
        }
    }
    Value::Object(all)
}

/// As a row shows it: an empty list is absent, and so is a null member.
fn without_gaps(value: Value) -> Value {
    match value {
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Object(members) => members.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => other,
    }
}
