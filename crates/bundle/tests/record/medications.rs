//! What a medicine's row takes from its statement, its plan, its issues and its drug (`medications` sheet).

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::*;

/// The medicine `m` with these members of its statement and of its plan.
fn tablets(statement: Value, plan: Value) -> Vec<Value> {
    medicine("m", concept("322280009", "Tablets"), with(json!({"status": "active"}), statement), plan)
}

fn row_of(resources: Vec<Value>) -> Value {
    Answer::synthetic(resources).row(Table::Medications, "m")
}

fn request(id: &str, intent: &str, members: Value) -> Value {
    with(json!({"resourceType": "MedicationRequest", "id": id, "intent": intent}), members)
}

fn plan_extension(name: &str, parts: Value) -> Value {
    json!([{"url": format!("{GPC}{name}-1"), "extension": parts}])
}

#[test]
fn the_plan_is_the_first_request_that_a_statement_is_based_on() {
    let on = |references: Value| json!({"basedOn": references});
    let to = |reference: &str| json!({"reference": reference});
    for (based_on, plan_id) in [
        (json!([to("Condition/c"), to("MedicationRequest/m-plan")]), json!("m-plan")),
        (json!([to("Condition/gone"), to("MedicationRequest/gone")]), json!("gone")),
        (json!([to("MedicationRequest/gone"), to("MedicationRequest/m-plan")]), json!("gone")),
        (json!([to("MedicationRequest/m-plan"), to("MedicationRequest/other")]), json!("m-plan")),
        (json!([{"display": "a plan"}]), Value::Null),
    ] {
        let mut resources = tablets(on(based_on.clone()), json!({}));
        resources.push(problem("c", json!({})));
        resources.push(request("other", "plan", json!({})));
        resources.push(request("i", "order", on(based_on.clone())));
        let answer = Answer::synthetic(resources);
        assert_row(&answer.row(Table::Medications, "m"), json!({"plan_id": plan_id}));
        assert_row(&answer.row(Table::MedicationIssues, "i"), json!({"plan_id": plan_id}));
    }
}

#[test]
fn what_stands_in_the_place_of_a_plan_and_is_none_is_joined_and_flagged() {
    let mut resources = tablets(json!({}), json!({"intent": "order", "authoredOn": "2020"}));
    resources.push(issue("i", "m", json!({})));
    let answer = Answer::synthetic(resources);
    let row = answer.row(Table::Medications, "m");
    assert_row(&row, json!({"plan_id": "m-plan", "authored_on": "2020"}));
    assert!(texts(&row, "flags").contains(&"malformed"));
    assert_flags(&answer.row(Table::MedicationIssues, "i"), &["malformed"]);
    assert_flags(&answer.row(Table::MedicationIssues, "m-plan"), &[]);
}

#[test]
fn what_cannot_be_read_of_a_plan_flags_the_row_of_its_statement() {
    for plan in [json!({"authoredOn": "soon"}), json!({"status": {}}), json!({"dispenseRequest": "x"})] {
        let row = row_of(tablets(json!({}), plan.clone()));
        assert!(texts(&row, "flags").contains(&"malformed"), "{plan}");
    }
}

#[test]
fn the_consultation_is_the_statements_own_then_the_plans_then_the_first_list_that_holds_either() {
    let at = |id: &str| json!({"context": {"reference": format!("Encounter/{id}")}});
    let lists = |items: [&str; 2]| {
        let [first, second] = items;
        [("one", first), ("two", second)].map(|(encounter, item)| {
            let encounter = json!({"reference": format!("Encounter/{encounter}")});
            with(
                list("25851000000105", &[item]),
                json!({"id": item.replace('/', "-"), "encounter": encounter}),
            )
        })
    };
    let cases = [
        (json!({}), json!({}), ["MedicationStatement/m", "MedicationRequest/m-plan"], "one", "structure"),
        (json!({}), json!({}), ["MedicationRequest/m-plan", "MedicationStatement/m"], "one", "structure"),
        (json!({}), json!({}), ["Observation/x", "MedicationRequest/m-plan"], "two", "structure"),
        (json!({}), at("three"), ["MedicationStatement/m", "Observation/x"], "three", "context"),
        (at("absent"), at("three"), ["MedicationStatement/m", "Observation/x"], "absent", "context"),
    ];
    for (statement, plan, items, consultation, link) in cases {
        let mut resources = tablets(statement, plan);
        resources.extend(lists(items));
        resources.extend(["one", "two", "three"].map(|id| json!({"resourceType": "Encounter", "id": id})));
        assert_row(&row_of(resources), json!({"consultation_id": consultation, "consultation_link": link}));
    }
}

#[test]
fn the_drug_is_the_statements_then_the_plans_then_the_words_of_either_reference() {
    let to = |id: &str, display: Value| json!({"medicationReference": {"reference": id, "display": display}});
    let known = || to("Medication/m-drug", Value::Null);
    let other = || to("Medication/other", Value::Null);
    let gone = |display: &str| to("Medication/gone", json!(display));
    for (statement, plan, term, source) in [
        (known(), other(), "Tablets", "display"),
        (other(), known(), "Capsules", "text"),
        (gone("Drops"), known(), "Tablets", "display"),
        (gone("Drops"), gone("Cream"), "Drops", "fallback"),
        (json!({"medicationReference": null}), gone("Cream"), "Cream", "fallback"),
    ] {
        let mut resources = tablets(statement, plan);
        let capsules = json!({"coding": [{"system": SNOMED, "code": "1"}], "text": "Capsules"});
        resources.push(json!({"resourceType": "Medication", "id": "other", "code": capsules}));
        assert_row(&row_of(resources), json!({"medication_term": term, "medication_term_source": source}));
    }
}

#[test]
fn an_issue_without_a_drug_takes_its_plans() {
    let mut resources = tablets(json!({}), json!({}));
    let gone = json!({"reference": "Medication/gone", "display": "Drops"});
    resources.push(issue("without", "m", json!({"medicationReference": null})));
    resources.push(issue("lost", "m", json!({"medicationReference": gone})));
    resources.push(request("alone", "order", json!({"medicationReference": {"display": "Cream"}})));
    let answer = Answer::synthetic(resources);
    for (id, term) in [("without", "Tablets"), ("lost", "Tablets"), ("alone", "Cream")] {
        assert_eq!(answer.row(Table::MedicationIssues, id)["medication_term"], term, "{id}");
    }
}

#[test]
fn the_dosage_is_the_plans_and_what_the_statement_says_stands_beside_it() {
    let (own, planned) =
        (json!([{"text": "own", "patientInstruction": "mine"}]), json!([{"text": "planned"}]));
    let row = row_of(tablets(json!({"dosage": own}), json!({"dosageInstruction": planned})));
    let shown =
        json!({"dosage_text": "planned", "patient_instruction": null, "statement_dosage_text": "own"});
    assert_row(&row, shown);
    let row = row_of(tablets(json!({"dosage": own}), json!({})));
    assert_row(
        &row,
        json!({"dosage_text": "own", "patient_instruction": "mine", "statement_dosage_text": "own"}),
    );
}

#[test]
fn the_day_of_a_changed_dosage_is_the_warnings_before_it_is_the_extensions() {
    let warned = |day: &str| {
        format!(
            "1 od, since 01-Jan-2001 - WARNING - Dosage has changed during the effective period. The latest change was made on {day}"
        )
    };
    let changed = |own: &str, planned: &str, extension: Value| {
        let url = format!("{GPC}MedicationStatementDosageLastChanged-1");
        let extension = json!([{"url": url, "valueDateTime": extension}]);
        let statement = json!({"dosage": [{"text": own}], "extension": extension});
        row_of(tablets(statement, json!({"dosageInstruction": [{"text": planned}]})))
    };
    let row = changed(&warned("28-Jan-2020"), &warned("29 Jan 2020"), json!("2019"));
    assert_row(&row, json!({"dosage_changed_on": "28-Jan-2020", "dosage_changed_on_from": "2020-01-28"}));
    assert_eq!(row["dosage_text"], warned("29 Jan 2020"), "verbatim");
    let row = changed("1 od", &warned("29 Jan 2020"), json!("2019"));
    assert_row(&row, json!({"dosage_changed_on": "29 Jan 2020", "dosage_changed_on_to": "2020-01-29"}));
    let row = changed("1 od from 03-Mar-2020", "1 od", json!("2019-05"));
    assert_row(
        &row,
        json!({"dosage_changed_on": "2019-05", "dosage_changed_on_from": "2019-05-01", "dosage_changed_on_to": "2019-05-31"}),
    );
    let row = changed("1 od", "1 od", json!("last week"));
    assert_row(&row, json!({"dosage_changed_on": "last week", "dosage_changed_on_from": null}));
    assert!(texts(&row, "flags").contains(&"malformed"));
}

#[test]
fn problems_point_at_a_medicine_by_its_statement_its_plan_or_an_issue_and_count_once() {
    let pointing = |id: &str, at: &[&str]| {
        let references: Vec<Value> = at.iter().map(|at| json!({"reference": at})).collect();
        problem(id, json!({"extension": content(&references)}))
    };
    let mut resources = vec![
        pointing("by-issue", &["MedicationRequest/i"]),
        pointing("by-statement", &["MedicationStatement/m"]),
        pointing("by-all", &["MedicationRequest/m-plan", "MedicationStatement/m", "MedicationRequest/i"]),
        pointing("elsewhere", &["MedicationRequest/other"]),
    ];
    resources.extend(tablets(json!({}), json!({})));
    resources.push(issue("i", "m", json!({})));
    let answer = Answer::synthetic(resources);
    let all = ["by-issue", "by-statement", "by-all"];
    assert_row(&answer.row(Table::Medications, "m"), json!({"problem_ids": all}));
    assert_row(&answer.row(Table::MedicationIssues, "i"), json!({"problem_ids": ["by-issue", "by-all"]}));
}

#[test]
fn notes_and_labels_are_the_statements_and_then_those_of_the_plan_that_are_new() {
    let said = |notes: &[&str], labels: &[&str]| {
        let notes: Vec<Value> = notes.iter().map(|text| json!({"text": text})).collect();
        let labels: Vec<Value> = labels.iter().map(|code| json!({"code": code})).collect();
        json!({"note": notes, "meta": {"security": labels}})
    };
    let row = row_of(tablets(said(&["a", "a", "b"], &["NOPAT"]), said(&["c", "b", "a"], &["R", "NOPAT"])));
    assert_row(&row, json!({"notes": ["a", "a", "b", "c"], "security": ["NOPAT", "R"]}));
    let lone = with(request("lone", "plan", json!({})), said(&["x", "y"], &["R"]));
    let rows = Answer::synthetic(vec![lone]).rows(Table::Medications);
    assert_row(&rows[0], json!({"plan_id": "lone", "notes": ["x", "y"], "security": ["R"]}));
    assert_flags(&rows[0], &["no_statement"]);
}

#[test]
fn a_list_that_names_an_issue_names_its_authorisation_and_all_that_belongs_to_it() {
    for named in ["MedicationStatement/m", "MedicationRequest/m-plan", "MedicationRequest/i"] {
        let mut resources = tablets(json!({}), json!({}));
        resources.extend([
            issue("i", "m", json!({})),
            issue("j", "m", json!({})),
            list(MEDICATIONS, &[named]),
        ]);
        let answer = Answer::synthetic(resources);
        assert_eq!(answer.row(Table::Medications, "m")["membership"], "primary", "{named}");
        for id in ["i", "j"] {
            assert_eq!(answer.row(Table::MedicationIssues, id)["membership"], "primary", "{named} {id}");
        }
    }
}

#[test]
fn without_a_statement_a_list_counts_for_the_plan_and_each_issue_is_its_own() {
    let based = json!({"basedOn": [{"reference": "MedicationRequest/lone"}]});
    let answer = Answer::synthetic(vec![
        request("lone", "plan", json!({})),
        request("named", "order", based.clone()),
        request("unnamed", "order", based),
        list(MEDICATIONS, &["MedicationRequest/named"]),
    ]);
    assert_row(&answer.rows(Table::Medications)[0], json!({"membership": "primary", "issue_count": 2}));
    assert_eq!(answer.row(Table::MedicationIssues, "named")["membership"], "primary");
    assert_eq!(answer.row(Table::MedicationIssues, "unnamed")["membership"], "none");
}

#[test]
fn supply_is_told_in_days_or_not_at_all() {
    for (supply, days) in [
        (json!({"value": 28, "unit": "day", "code": "d"}), json!("28")),
        (json!({"value": 28, "unit": "Days"}), json!("28")),
        (json!({"value": 28, "unit": "month", "code": "D "}), json!("28")),
        (json!({"value": 28}), json!("28")),
        (json!({"value": 4, "unit": "week", "code": "wk"}), Value::Null),
        (json!({"value": 4, "unit": "weeks"}), Value::Null),
    ] {
        let members = json!({"status": "active", "dispenseRequest": {"expectedSupplyDuration": supply}});
        let answer = Answer::synthetic(vec![request("i", "order", members)]);
        assert_row(&answer.row(Table::MedicationIssues, "i"), json!({"supply_days": days}));
        assert_eq!(answer.noticed("unknown_code").is_empty(), !days.is_null(), "{supply}");
    }
}

#[test]
fn quantity_is_kept_in_each_shape_that_suppliers_send() {
    let text = |words: &str| json!([{"url": format!("{GPC}MedicationQuantityText-1"), "valueString": words}]);
    for (dispense, value, unit, words) in [
        (json!({"quantity": {"value": 28, "unit": "tablet"}}), json!("28"), json!("tablet"), Value::Null),
        (
            json!({"quantity": {"value": 28, "extension": text("tablets")}}),
            json!("28"),
            Value::Null,
            json!("tablets"),
        ),
        (json!({"quantity": {"extension": text("1 op")}}), Value::Null, Value::Null, json!("1 op")),
        (json!({"extension": text("28 tablet")}), Value::Null, Value::Null, json!("28 tablet")),
        (json!({"quantity": {"value": "28.50"}}), json!("28.50"), Value::Null, Value::Null),
    ] {
        let answer = Answer::synthetic(vec![request("i", "order", json!({"dispenseRequest": dispense}))]);
        assert_row(
            &answer.row(Table::MedicationIssues, "i"),
            json!({"quantity_value": value, "quantity_unit": unit, "quantity_text": words}),
        );
    }
}

#[test]
fn an_eps_number_is_one_by_its_system_alone() {
    let ours = "https://fhir.nhs.uk/Id/prescription-order";
    let numbered = |group: &str, item: &str| {
        let members = json!({"groupIdentifier": {"system": group, "value": "G"},
            "identifier": [{"system": "https://example.org/x", "value": "X"}, {"system": item, "value": "I"}]});
        Answer::synthetic(vec![request("i", "order", members)]).row(Table::MedicationIssues, "i")
    };
    let row = numbered(&format!("{ours}-number"), &format!("{ours}-item-number"));
    assert_row(&row, json!({"eps_prescription_id": "G", "eps_item_id": "I"}));
    let row = numbered("https://example.org/group", "https://example.org/item");
    assert_row(&row, json!({"eps_prescription_id": null, "eps_item_id": null}));
}

#[test]
fn a_reason_for_stopping_is_read_under_either_name_and_as_words_alone() {
    for (parts, reason, day) in [
        (
            json!([{"url": "statusReason", "valueCodeableConcept": {"text": "Ineffective"}}, {"url": "statusChangeDate", "valueDateTime": "2020-05-01"}]),
            "Ineffective",
            json!("2020-05-01"),
        ),
        (
            json!([{"url": "reason", "valueCodeableConcept": {"coding": [{"display": "Other"}]}}, {"url": "date", "valueDateTime": "2020-05"}]),
            "Other",
            json!("2020-05"),
        ),
        (json!([{"url": "StatusReason", "valueString": "Allergy"}]), "Allergy", Value::Null),
    ] {
        let row =
            row_of(tablets(json!({}), json!({"extension": plan_extension("MedicationStatusReason", parts)})));
        assert_row(&row, json!({"status_reason": reason, "status_changed": day}));
    }
}

#[test]
fn an_agency_that_is_sent_as_a_bare_word_is_told_by_it() {
    for key in ["valueString", "valueCode"] {
        let agency =
            json!([with(json!({"url": format!("{GPC}PrescribingAgency-1")}), json!({key: "Hospital"}))]);
        let row = row_of(tablets(json!({"extension": agency}), json!({})));
        assert_row(&row, json!({"prescribing_agency": null, "prescribing_agency_text": "Hospital"}));
    }
}

#[test]
fn counters_are_read_as_numbers_and_as_words_and_none_is_not_nothing() {
    for (sent, read) in [
        (json!(6), json!(6)),
        (json!("6"), json!(6)),
        (json!(" 6 "), json!(6)),
        (json!(0), json!(0)),
        (json!(null), Value::Null),
    ] {
        let parts = json!([{"url": "numberOfRepeatPrescriptionsAllowed", "valuePositiveInt": sent}]);
        let row = row_of(tablets(
            json!({}),
            json!({"extension": plan_extension("MedicationRepeatInformation", parts)}),
        ));
        assert_row(&row, json!({"repeats_allowed": read, "repeats_issued": null}));
    }
    for odd in [json!(-1), json!(1.5), json!("six"), json!(4_294_967_296_u64)] {
        let parts = json!([{"url": "numberOfRepeatPrescriptionsIssued", "valueUnsignedInt": odd}]);
        let plan = json!({"extension": plan_extension("MedicationRepeatInformation", parts)});
        let answer = Answer::synthetic(tablets(json!({}), plan));
        let row = answer.row(Table::Medications, "m");
        assert_eq!(row["repeats_issued"], Value::Null);
        assert!(texts(&row, "flags").contains(&"malformed"), "{odd}");
        assert!(answer.noticed("wrong_json_type").contains(&"m-plan".to_owned()), "{odd}");
    }
}

#[test]
fn a_therapy_is_its_oldest_plan_known_or_not_and_a_circle_ends() {
    let plan = |id: &str, prior: &str| {
        request(id, "plan", json!({"priorPrescription": {"reference": format!("MedicationRequest/{prior}")}}))
    };
    let answer = Answer::synthetic(vec![
        plan("new", "middle"),
        plan("middle", "outside"),
        plan("a", "b"),
        plan("b", "c"),
        plan("c", "a"),
        plan("self", "self"),
        plan("into", "a"),
        request("first", "plan", json!({})),
    ]);
    let rows = answer.rows(Table::Medications);
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (string(row, "plan_id"), string(row, "prior_plan_id"), string(row, "therapy_id")))
        .collect();
    let expected = [
        ("new", "middle", "outside"),
        ("middle", "outside", "outside"),
        ("a", "b", "c"),
        ("b", "c", "a"),
        ("c", "a", "b"),
        ("self", "self", "self"),
        ("into", "a", "c"),
    ];
    let expected: Vec<_> =
        expected.iter().map(|(plan, prior, therapy)| (Some(*plan), Some(*prior), Some(*therapy))).collect();
    assert_eq!(shown[..7], expected);
    assert_eq!(shown[7], (Some("first"), None, Some("first")));
}
