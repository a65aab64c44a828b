//! Awkward bundles that an independent reading of the contract read otherwise, and rightly.

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::read;
use crate::sheet::*;
use crate::support::{bundle, rows};

#[test]
fn a_refused_filter_before_it_hid_that_an_area_is_disabled() {
    let said = |parameter: &str, text: &str| {
        let details = json!({"coding": [{"code": "NOT_IMPLEMENTED"}], "text": format!("{parameter} {text}")});
        json!({"severity": "warning", "code": "not-supported", "details": details, "diagnostics": parameter})
    };
    let issues = [
        said("includeProblems.filterStatus", "is an unrecognised parameter"),
        said("includeProblems", "has been disabled"),
    ];
    let answer = Answer::synthetic(vec![json!({"resourceType": "OperationOutcome", "issue": issues})]);
    assert_row(&answer.section("problems"), json!({"state": "disabled", "requested": true}));
    assert!(answer.notices("missing_list").is_empty());
}

#[test]
fn an_outcome_without_a_code_had_the_empty_one() {
    let answer = Answer::synthetic(vec![
        json!({"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}),
    ]);
    let notices = answer.rows(Table::Notices);
    let told = notices.iter().find(|notice| notice["origin"] == "provider").expect("told");
    assert_row(told, json!({"code": null, "severity": "warning"}));
}

#[test]
fn words_that_an_item_is_not_supplied_were_missed_in_capitals_and_beside_a_display() {
    for (item, availability) in [
        (json!({"reference": "Test Request items are not supported", "display": "shown"}), "unsupported"),
        (json!({"display": "Items Not Supported"}), "unsupported"),
        (json!({"display": "DISABLED"}), "disabled"),
    ] {
        let list = with(list("325851000000107", &[]), json!({"id": "c", "entry": [{"item": item}]}));
        let nodes = Answer::synthetic(vec![list]).rows(Table::ConsultationNodes);
        assert_eq!(nodes[1]["availability"], availability, "{item}");
    }
}

#[test]
fn an_identifier_of_any_system_was_taken_for_an_ods_code() {
    for system in [json!("https://example.org/site"), Value::Null] {
        let provider = json!({"identifier": {"system": system, "value": "X1"}, "display": "Hub"});
        let answer = Answer::synthetic(vec![
            json!({"resourceType": "Encounter", "id": "e", "serviceProvider": provider}),
        ]);
        let row = answer.row(Table::Consultations, "e");
        assert_row(&row, json!({"organisation": "Hub", "organisation_ods": null}));
    }
}

#[test]
fn a_reference_by_identifier_alone_was_lost_without_a_word() {
    let by_identifier = || json!({"identifier": {"system": "https://example.org/x", "value": "1"}});
    let members = json!({"asserter": by_identifier(), "extension": content(&[by_identifier()])});
    let answer = Answer::synthetic(vec![problem("p", members)]);
    let elements: Vec<_> =
        answer.notices("unresolved_reference").into_iter().map(|notice| notice["element"].clone()).collect();
    assert_eq!(elements.len(), 2, "{elements:?}");
    assert!(elements.contains(&json!("asserter")) && elements.contains(&json!("extension")));
    let list = with(list("325851000000107", &[]), json!({"id": "c", "entry": [{"item": by_identifier()}]}));
    let nodes = Answer::synthetic(vec![list]).rows(Table::ConsultationNodes);
    assert_row(&nodes[1], json!({"availability": "unresolved", "item_id": null}));
}

#[test]
fn a_misspelt_reference_that_resolves_went_unnoticed_or_did_not_resolve() {
    for form in [
        "Encounter/Encounter/e",
        "/Encounter/e",
        "../Encounter/e",
        "Encounter/e/",
        "Encounter//e",
        " Encounter/e",
    ] {
        let context = json!({"context": {"reference": form}});
        let answer =
            Answer::synthetic(vec![json!({"resourceType": "Encounter", "id": "e"}), problem("p", context)]);
        assert_eq!(answer.row(Table::Problems, "p")["consultation_id"], "e", "{form}");
        assert_eq!(answer.noticed("malformed_reference"), ["p"], "{form}");
    }
}

#[test]
fn a_significance_that_was_sent_as_a_concept_or_in_capitals_was_none() {
    for (value, significance) in [
        (json!({"valueCodeableConcept": {"coding": [{"code": "major"}]}}), "major"),
        (json!({"valueCodeableConcept": {"text": "minor"}}), "minor"),
        (json!({"valueCode": "Major "}), "Major "),
    ] {
        let extension = with(json!({"url": format!("{GPC}ProblemSignificance-1")}), value);
        let answer = Answer::synthetic(vec![problem("p", json!({"extension": [extension]}))]);
        assert_row(&answer.row(Table::Problems, "p"), json!({"significance": significance, "flags": null}));
        assert!(answer.notices("unknown_code").is_empty(), "{significance}");
    }
}

#[test]
fn a_drug_without_a_name_hid_the_one_of_the_plan() {
    for (statement, nameless) in [
        (json!({"medicationReference": {"reference": "Medication/nameless"}}), json!({"code": null})),
        (json!({"medicationReference": {"reference": "Medication/nameless"}}), json!({"code": {}})),
        (json!({"medicationReference": null, "medicationCodeableConcept": {}}), json!({})),
        (json!({"medicationReference": {"display": ""}}), json!({})),
    ] {
        let mut resources = medicine("m", json!({"text": "Tablets"}), statement, json!({}));
        resources.push(with(json!({"resourceType": "Medication", "id": "nameless"}), nameless));
        let row = Answer::synthetic(resources).row(Table::Medications, "m");
        assert_row(&row, json!({"medication_term": "Tablets", "medication_term_source": "text"}));
    }
}

#[test]
fn a_concept_came_before_the_medication_that_is_referred_to() {
    let both = json!({"medicationCodeableConcept": {"text": "Concept"}});
    let row = Answer::synthetic(medicine("m", json!({"text": "Tablets"}), both, json!({})))
        .row(Table::Medications, "m");
    assert_eq!(row["medication_term"], "Tablets");
}

#[test]
fn the_second_of_two_records_with_one_id_lost_its_consultation() {
    let topic = with(
        list("25851000000105", &["AllergyIntolerance/a"]),
        json!({"id": "t", "encounter": {"reference": "Encounter/e"}}),
    );
    let answer = Answer::synthetic(vec![
        allergy("a", json!({"text": "Serum"}), json!({})),
        allergy("a", json!({"text": "Serum"}), json!({"onsetDateTime": "2019"})),
        topic,
        json!({"resourceType": "Encounter", "id": "e"}),
    ]);
    let rows = answer.rows(Table::Allergies);
    assert_eq!([&rows[0]["consultation_id"], &rows[1]["consultation_id"]], ["e", "e"]);
    assert_eq!(answer.links("listed-in").len(), 2);
    assert_eq!(answer.row(Table::Consultations, "e")["allergy_count"], 2);
}

#[test]
fn a_null_before_the_only_dosage_made_json_of_half_a_list() {
    let dosage = json!([null, {"text": "x", "timing": {"code": "BD"}}]);
    let plan = json!({"dosageInstruction": dosage});
    let row = Answer::synthetic(medicine("m", json!({"text": "Drug"}), json!({}), plan))
        .row(Table::Medications, "m");
    let structured: Value =
        serde_json::from_str(row["dosage_structured"].as_str().expect("structured")).expect("JSON");
    assert_eq!(structured, json!({"text": "x", "timing": {"code": "BD"}}));
}

#[test]
fn a_changed_dosage_whose_day_cannot_be_read_went_unnoticed() {
    let warning = "1 od - WARNING - Dosage has changed during the effective period. The latest change was made on 31-Feb-2020";
    let plan = json!({"dosageInstruction": [{"text": warning}]});
    let answer = Answer::synthetic(medicine("m", json!({"text": "Drug"}), json!({}), plan));
    assert_eq!(answer.noticed("unreadable_date"), ["m"]);
}

#[test]
fn an_entry_whose_resource_is_null_went_unnoticed() {
    let record = read(r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":null}]}"#);
    let notices = rows(record.table(Table::Notices));
    assert_row(
        &notices[0],
        json!({"code": "missing_element", "element": "entry.resource", "entry_index": 0}),
    );
}

#[test]
fn a_list_without_a_code_went_unnoticed() {
    let answer = Answer::synthetic(vec![
        json!({"resourceType": "List", "entry": [{"item": {"reference": "Condition/p"}}]}),
    ]);
    let notices = answer.notices("missing_element");
    assert!(notices.iter().any(|notice| notice["resource_type"] == "List" && notice["element"] == "code"));
}

#[test]
fn what_is_no_plan_was_taken_for_the_plan_that_was_replaced() {
    for prior in ["Condition/x", "MedicationStatement/m"] {
        let plan = json!({"priorPrescription": {"reference": prior}});
        let row = Answer::synthetic(medicine("m", json!({"text": "Drug"}), json!({}), plan))
            .row(Table::Medications, "m");
        assert_row(&row, json!({"prior_plan_id": null, "therapy_id": "m-plan"}));
    }
}

#[test]
fn the_parts_of_a_relation_were_not_known_in_capitals() {
    let parts = json!([{"url": "Type", "valueCode": "Child"}, {"url": "Target", "valueReference": {"reference": "Condition/c"}}]);
    let header = json!({"url": format!("{GPC}RelatedProblemHeader-1"), "extension": parts});
    let row = Answer::synthetic(vec![problem("p", json!({"extension": [header]}))]).row(Table::Problems, "p");
    assert_eq!(texts(&row, "child_ids"), ["c"]);
}

#[test]
fn an_empty_part_of_a_name_was_a_space_and_an_empty_name_no_name() {
    for (names, told) in [
        (json!([{"given": ["Re", "La"], "family": ""}]), "Re La"),
        (json!([{}, {"text": "Second"}]), "Second"),
    ] {
        let answer = Answer::synthetic(vec![
            json!({"resourceType": "Practitioner", "id": "d", "name": names}),
            problem("p", json!({"asserter": {"reference": "Practitioner/d"}})),
        ]);
        assert_eq!(answer.row(Table::Problems, "p")["asserter"], told);
    }
}

#[test]
fn the_last_of_an_extension_that_came_twice_was_the_one_that_counted() {
    let of = |name: &str, value: Value| with(json!({"url": format!("{GPC}{name}-1")}), value);
    let extensions = ["minor", "major"].map(|code| of("ProblemSignificance", json!({"valueCode": code})));
    let row =
        Answer::synthetic(vec![problem("p", json!({"extension": extensions}))]).row(Table::Problems, "p");
    assert_eq!(row["significance"], "minor");
    let days =
        ["2020", "2021"].map(|day| of("MedicationStatementLastIssueDate", json!({"valueDateTime": day})));
    let statement = json!({"resourceType": "MedicationStatement", "id": "m", "extension": days});
    assert_eq!(Answer::synthetic(vec![statement]).row(Table::Medications, "m")["last_issue"], "2020");
}

#[test]
fn a_label_without_a_code_was_dropped() {
    let labels = json!({"security": [{"code": "NOPAT"}, {"display": "Restricted"}]});
    let answer = Answer::synthetic(vec![allergy("a", json!({"text": "Latex"}), json!({"meta": labels}))]);
    let row = answer.row(Table::Allergies, "a");
    assert_eq!(texts(&row, "security"), ["NOPAT", "Restricted"]);
    assert_flags(&row, &[]);
}

#[test]
fn a_reference_whose_type_is_known_resolved_to_another_type() {
    for form in ["https://example.org/Encounter/x", "Encounter/x/", "Encounter/Encounter/x"] {
        let answer = Answer::synthetic(vec![
            json!({"resourceType": "Observation", "id": "x"}),
            problem("p", json!({"extension": content(&[json!({"reference": form})])})),
        ]);
        let link = &answer.links("problem-content")[0];
        assert_row(link, json!({"to_type": null, "to_id": null, "resolved": false, "display": form}));
        assert_eq!(answer.noticed("malformed_reference"), ["p"], "{form}");
    }
}

#[test]
fn records_that_share_an_id_were_named_once_for_each_of_them() {
    let pointing = |onset: &str| {
        let extension = content(&[json!({"reference": "Encounter/e"})]);
        problem("p", json!({"onsetDateTime": onset, "extension": extension}))
    };
    let answer = Answer::synthetic(vec![
        pointing("2019"),
        pointing("2020"),
        json!({"resourceType": "Encounter", "id": "e"}),
    ]);
    assert_row(&answer.row(Table::Consultations, "e"), json!({"problem_ids": ["p"]}));
}

#[test]
fn the_general_assertion_of_no_allergy_was_missed_behind_a_scoped_one() {
    let coding = |code: &str| json!({"system": "http://snomed.info/sct", "code": code});
    for codes in [["409137002", "716186003"], ["716186003", "409137002"]] {
        let answer = Answer::synthetic(vec![
            json!({"resourceType": "AllergyIntolerance", "id": "none", "code": {"coding": codes.map(coding)}}),
            json!({"resourceType": "AllergyIntolerance", "id": "real", "code": {"text": "Latex"}}),
        ]);
        assert_eq!(answer.notices("no_known_allergy_conflict").len(), 1);
        for row in answer.rows(Table::Allergies) {
            let flags = row["flags"].as_array().expect("flags");
            assert!(flags.contains(&json!("nka_conflict")), "{row}");
        }
    }
}

#[test]
fn a_prescription_type_that_is_a_bare_code_was_lost() {
    let plan = json!({"resourceType": "MedicationRequest", "id": "p", "intent": "plan", "extension": [
        {"url": "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-PrescriptionType-1",
         "valueCode": "repeat"}]});
    let statement = json!({"resourceType": "MedicationStatement", "id": "m", "basedOn": [{"reference": "MedicationRequest/p"}]});
    let answer = Answer::synthetic(vec![plan, statement]);
    assert_row(&answer.rows(Table::Medications)[0], json!({"prescription_type": "repeat"}));
}

#[test]
fn enumerations_were_compared_with_their_case() {
    let details = json!({"text": "includeMedication was not found"});
    let agency = json!({"coding": [{"code": "Prescribed-At-GP-Practice"}]});
    let answer = Answer::synthetic(vec![
        json!({"resourceType": "OperationOutcome", "issue": [{"severity": "Error", "details": details}]}),
        json!({"resourceType": "MedicationStatement", "id": "m", "status": "active", "extension": [
            {"url": "Extension-CareConnect-GPC-PrescribingAgency-1", "valueCodeableConcept": agency}]}),
    ]);
    assert_row(&answer.section("medications"), json!({"state": "failed"}));
    let notices = answer.rows(Table::Notices);
    let told = notices.iter().find(|notice| notice["origin"] == "provider").expect("told");
    assert_row(told, json!({"severity": "error"}));
    assert!(answer.notices("unknown_code").is_empty());
}

#[test]
fn the_clinician_of_a_consultation_was_missed_behind_another_coding() {
    let answer = Answer::synthetic(vec![json!({"resourceType": "Encounter", "id": "e", "participant": [
        {"type": [{"coding": [{"code": "XX"}, {"code": "PPRF"}]}], "individual": {"display": "Dr A"}}]})]);
    assert_row(&answer.rows(Table::Consultations)[0], json!({"clinician": "Dr A"}));
}

#[test]
fn a_reference_to_a_type_that_gp_connect_does_not_send_was_called_malformed() {
    let answer = Answer::synthetic(vec![
        json!({"resourceType": "Condition", "id": "c", "context": {"reference": "Media/x"}}),
    ]);
    assert!(answer.notices("malformed_reference").is_empty());
    assert_eq!(answer.notices("unresolved_reference").len(), 1);
}

#[test]
fn a_resource_without_a_type_was_told_as_one_of_an_empty_type() {
    let record = read(r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"id":"a"}}]}"#);
    let notices = rows(record.table(Table::Notices));
    let told = notices.iter().find(|row| row["code"] == "unknown_resource_type").expect("told");
    assert_eq!((told.get("resource_type"), &told["resource_id"]), (None, &Value::from("a")));
}

#[test]
fn a_problem_without_an_id_was_named_by_an_empty_text() {
    let problem = |id: &str| {
        format!(
            r#"{{"resourceType":"Condition",{id}"extension":[{{"url":"Extension-CareConnect-RelatedClinicalContent-1",
                "valueReference":{{"reference":"MedicationStatement/m"}}}}]}}"#
        )
    };
    let statement = r#"{"resourceType":"MedicationStatement","id":"m"}"#;
    let record = read(&bundle([statement.to_owned(), problem(""), problem(r#""id":"p","#)]));
    assert_eq!(rows(record.table(Table::Medications))[0]["problem_ids"], json!(["p"]));
    assert_eq!(record.table(Table::Problems).num_rows(), 2);
}

#[test]
fn lists_in_a_circle_were_lost_where_a_repeat_or_another_list_reached_them_first() {
    let list = |id: &str, code: &str, items: &[&str]| {
        let entry: Vec<Value> = items.iter().map(|item| json!({"item": {"reference": item}})).collect();
        json!({"resourceType": "List", "id": id, "code": {"coding": [{"code": code}]}, "entry": entry})
    };
    let topic = list("t", "24781000000107", &["List/t", "Observation/o"]);
    let answer = Answer::synthetic(vec![topic.clone(), topic]);
    assert_eq!(answer.rows(Table::ConsultationNodes).len(), 2, "the list and its item");
    let answer = Answer::synthetic(vec![
        list("c", "325851000000107", &["List/x"]),
        list("x", "1", &["List/h"]),
        list("h", "24781000000107", &["List/h"]),
    ]);
    assert_eq!(answer.rows(Table::ConsultationNodes).len(), 3, "h is a root");
}

#[test]
fn a_list_whose_code_has_no_coding_took_the_codings_of_the_records_before_it() {
    for code in [r#"{"text":"Medication"}"#, "{}", "null", "5", r#"{"coding":[]}"#] {
        let record = read(&bundle([
            r#"{"resourceType":"Condition","id":"p","code":{"coding":[{"system":"http://snomed.info/sct","code":"22298006"}]}}"#
                .to_owned(),
            format!(r#"{{"resourceType":"List","id":"l","code":{code}}}"#),
        ]));
        assert_eq!(rows(record.table(Table::Problems))[0]["problem_code"], "22298006", "{code}");
    }
}
