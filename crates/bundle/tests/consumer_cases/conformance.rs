//! The parts of the `conformance-tests` sheet, sections 4 to 7, that the normaliser alone can show and that no
//! official record holds. All bundles are synthetic.

use bedside_model::ClinicalArea;
use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::{
    ALLERGIES, Answer, CONSULTATIONS, ENDED_ALLERGIES, MEDICATIONS, PROBLEMS, SNOMED, allergy, assert_row,
    concept, content, issue, list, medicine, problem, secondary_list, string, texts, warning, with,
};

const CONFIDENTIAL: &str = "Items excluded due to confidentiality and/or patient preferences.";
const IN_TRANSIT: &str = "Patient record transfer from previous GP practice not yet complete; information recorded \
     before 26-Mar-2019 may be missing.";

/// A list with these warnings and their words.
fn warned(list: Value, warnings: &[&str], note: &str) -> Value {
    let extensions: Vec<Value> = warnings.iter().map(|code| warning(code)).collect();
    with(list, json!({"extension": extensions, "note": [{"text": note}]}))
}

fn tablets(id: &str) -> Vec<Value> {
    medicine(id, concept("322280009", "Tablets"), json!({"status": "active"}), json!({"status": "active"}))
}

#[test]
fn gen_17_data_in_transit_is_told_for_every_area_with_its_date_and_words() {
    let lists = [MEDICATIONS, ALLERGIES, PROBLEMS, CONSULTATIONS];
    let lists = lists.map(|code| warned(list(code, &[]), &["data-in-transit"], IN_TRANSIT));
    let answer = Answer::synthetic(lists.into());
    for area in ["medications", "allergies", "problems", "consultations"] {
        assert_row(
            &answer.section(area),
            json!({"warnings": ["data-in-transit"], "warning_text": IN_TRANSIT,
            "incomplete": true, "incomplete_before": "26-Mar-2019", "incomplete_before_from": "2019-03-26"}),
        );
    }
    let notices = answer.notices("data-in-transit");
    assert_eq!(notices.len(), 4);
    assert!(notices.iter().all(|notice| notice["origin"] == "provider" && notice["severity"] == "warning"));
}

#[test]
fn gen_18_confidential_allergies_are_told_beside_some_and_instead_of_all() {
    let peanut = allergy("peanut", concept("91935009", "Allergy to peanut"), json!({}));
    let some = warned(list(ALLERGIES, &["AllergyIntolerance/peanut"]), &["confidential-items"], CONFIDENTIAL);
    let answer = Answer::synthetic(vec![peanut, some]);
    assert_row(
        &answer.section("allergies"),
        json!({"state": "returned_with_exclusions", "warning_text": CONFIDENTIAL}),
    );
    assert_eq!(answer.section("medications")["warnings"], Value::Null);
    let all = warned(list(ALLERGIES, &[]), &["confidential-items"], CONFIDENTIAL);
    assert_eq!(Answer::synthetic(vec![all]).section("allergies")["state"], "empty_confidential");
}

#[test]
fn gen_24_ids_and_every_identifier_of_every_row_are_kept() {
    let identifier = json!([{"system": "https://supplier.example/id", "value": "one"}, {"system": "https://another.example/id", "value": "two"}]);
    let identified = || json!({"identifier": identifier});
    let mut resources = medicine("m", concept("322280009", "Tablets"), identified(), json!({}));
    resources.push(issue("i", "m", identified()));
    resources.push(allergy("a", json!({"text": "Peanut"}), identified()));
    resources.push(problem("p", identified()));
    resources.push(with(json!({"resourceType": "Encounter", "id": "e"}), identified()));
    let answer = Answer::synthetic(resources);
    let rows = [
        (Table::Medications, "m"),
        (Table::MedicationIssues, "i"),
        (Table::Allergies, "a"),
        (Table::Problems, "p"),
        (Table::Consultations, "e"),
    ];
    for (table, id) in rows {
        assert_eq!(answer.row(table, id)["identifiers"], identifier, "{id}");
    }
}

#[test]
fn gen_25_transit_stays_on_all_areas_and_confidential_on_medications() {
    let both = format!("{CONFIDENTIAL} {IN_TRANSIT}");
    let mut resources = tablets("m");
    let medications = list(MEDICATIONS, &["MedicationStatement/m"]);
    resources.push(warned(medications, &["confidential-items", "data-in-transit"], &both));
    resources.push(warned(list(ALLERGIES, &[]), &["data-in-transit"], IN_TRANSIT));
    resources.push(warned(list(PROBLEMS, &[]), &["data-in-transit"], IN_TRANSIT));
    let answer = Answer::synthetic(resources);
    assert_row(
        &answer.section("medications"),
        json!({"state": "returned_with_exclusions",
        "warnings": ["confidential-items", "data-in-transit"], "warning_text": both, "incomplete": true}),
    );
    for area in ["allergies", "problems"] {
        assert_row(
            &answer.section(area),
            json!({"state": "empty_no_content", "warnings": ["data-in-transit"], "incomplete": true}),
        );
    }
}

#[test]
fn gen_26_an_unsupported_area_is_told_and_costs_the_others_nothing() {
    let outcome = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-supported",
        "details": {"coding": [{"code": "NOT_IMPLEMENTED"}], "text": "includeConsultations is an unrecognised parameter"},
        "diagnostics": "includeConsultations"}]});
    let mut resources = tablets("m");
    resources.extend([list(MEDICATIONS, &["MedicationStatement/m"]), outcome]);
    let asked = [ClinicalArea::Medications, ClinicalArea::Consultations];
    let answer = Answer::requested(&asked, resources);
    assert_eq!(answer.section("medications")["state"], "returned");
    assert_row(&answer.section("consultations"), json!({"state": "unsupported", "requested": true}));
    let notices = answer.notices("NOT_IMPLEMENTED");
    assert_eq!(notices.len(), 1);
    assert_row(&notices[0], json!({"area": "consultations", "origin": "provider"}));
}

#[test]
fn gen_27_content_of_a_newer_provider_is_passed_over_and_counted() {
    let mut resources = tablets("m");
    resources[1]["dosageInstructionOfTomorrow"] = json!({"deep": [{"er": true}]});
    resources[1]["extension"] = json!([{"url": "https://example.org/unknown", "valueString": "x"}]);
    resources.push(json!({"resourceType": "GenomicStudy", "id": "g", "note": [{"text": "x"}]}));
    resources.push(list(MEDICATIONS, &["MedicationStatement/m"]));
    let answer = Answer::synthetic(resources);
    assert_row(
        &answer.row(Table::Medications, "m"),
        json!({"status": "active", "class": "current", "membership": "primary"}),
    );
    assert_eq!(answer.record.accounting["GenomicStudy"].unmapped, 1);
    assert_eq!(answer.noticed("unknown_resource_type"), ["g"]);
}

#[test]
fn med_07_an_empty_list_is_known_by_its_reason() {
    let nothing = with(list(MEDICATIONS, &[]), json!({"note": [{"text": "Information not available"}]}));
    let answer = Answer::synthetic(vec![nothing]);
    assert_row(
        &answer.section("medications"),
        json!({"state": "empty_no_content", "entries": 0,
        "warning_text": "Information not available", "incomplete": false}),
    );
    assert_eq!(answer.notices("no-content-recorded").len(), 1);
    let absent = Answer::requested(&[ClinicalArea::Medications], vec![]);
    assert_eq!(absent.section("medications")["state"], "missing_list");
}

#[test]
fn alg_03_ended_allergies_are_labelled_and_apart_from_active_ones() {
    let ended = json!({"resourceType": "AllergyIntolerance", "id": "ended", "clinicalStatus": "resolved",
        "code": concept("387458008", "Aspirin")});
    let answer = Answer::synthetic(vec![
        allergy("active", concept("91935009", "Allergy to peanut"), json!({})),
        list(ALLERGIES, &["AllergyIntolerance/active"]),
        with(list(ENDED_ALLERGIES, &["#ended"]), json!({"contained": [ended]})),
    ]);
    assert_row(
        &answer.row(Table::Allergies, "active"),
        json!({"derived_status": "active", "membership": "primary"}),
    );
    assert_row(
        &answer.row(Table::Allergies, "ended"),
        json!({"derived_status": "ended", "membership": "ended"}),
    );
}

#[test]
fn alg_05_an_unrecognised_allergy_has_its_codes_and_its_name_as_given() {
    let codings = json!([{"system": "https://unknown.example/codes", "code": "zz 1 ", "display": "Odd thing", "userSelected": true},
        {"system": SNOMED, "code": "999999999999999", "display": "Not in any edition"}]);
    let answer = Answer::synthetic(vec![allergy(
        "a",
        json!({"coding": codings, "text": "Odd thing, as typed"}),
        json!({}),
    )]);
    let row = answer.row(Table::Allergies, "a");
    assert_row(
        &row,
        json!({"allergy_term": "Odd thing, as typed", "derived_status": "active", "allergy_degraded": null}),
    );
    let kept = row["allergy_codings"].as_array().expect("codings");
    assert_row(
        &kept[0],
        json!({"system": "https://unknown.example/codes", "code": "zz 1 ", "display": "Odd thing", "user_selected": true}),
    );
    assert_row(&kept[1], json!({"code": "999999999999999", "display": "Not in any edition"}));
}

#[test]
fn alg_07_an_empty_list_does_not_say_that_there_is_no_allergy() {
    let answer = Answer::synthetic(vec![list(ALLERGIES, &[])]);
    assert!(answer.rows(Table::Allergies).is_empty());
    assert_row(&answer.section("allergies"), json!({"state": "empty_no_content", "entries": 0}));
}

#[test]
fn alg_08_a_coded_no_known_allergy_is_an_assertion_and_no_allergy() {
    let codes = ["716186003", "409137002", "428607008", "429625007", "428197003", "716184000", "716220001"];
    for code in codes {
        let nothing = allergy("nka", concept(code, "No known allergy"), json!({}));
        let answer = Answer::synthetic(vec![nothing, list(ALLERGIES, &["AllergyIntolerance/nka"])]);
        assert_row(
            &answer.row(Table::Allergies, "nka"),
            json!({"derived_status": "no_known_allergy", "allergy_code": code}),
        );
        assert_row(&answer.section("allergies"), json!({"state": "returned", "entries": 1}));
    }
}

#[test]
fn prb_04_no_problem_is_told_by_the_state_of_the_area() {
    let answer = Answer::synthetic(vec![list(PROBLEMS, &[])]);
    assert!(answer.rows(Table::Problems).is_empty());
    assert_row(&answer.section("problems"), json!({"state": "empty_no_content", "requested": true}));
}

#[test]
fn prb_06_a_confidential_problem_leaves_its_warning_on_the_problems() {
    let listed = warned(list(PROBLEMS, &["Condition/p"]), &["confidential-items"], CONFIDENTIAL);
    let answer = Answer::synthetic(vec![problem("p", json!({})), listed]);
    assert_row(
        &answer.section("problems"),
        json!({"state": "returned_with_exclusions", "entries": 1, "warning_text": CONFIDENTIAL}),
    );
    assert_eq!(answer.rows(Table::Problems).len(), 1);
}

#[test]
fn prb_07_a_confidential_item_of_a_problem_is_told_under_its_own_area() {
    let withheld = secondary_list("problems-medications-related-to-problems", &[]);
    let answer = Answer::synthetic(vec![
        problem("p", json!({})),
        list(PROBLEMS, &["Condition/p"]),
        warned(withheld, &["confidential-items"], CONFIDENTIAL),
    ]);
    let notices = answer.notices("confidential-items");
    assert_eq!(notices.len(), 1);
    assert_row(&notices[0], json!({"area": "medications", "severity": "warning", "origin": "provider"}));
    assert_row(
        &answer.row(Table::Problems, "p"),
        json!({"membership": "primary", "clinical_status": "active"}),
    );
    assert_row(&answer.section("problems"), json!({"state": "returned", "warnings": null}));
    assert_eq!(answer.section("medications")["state"], "not_requested");
}

#[test]
fn prb_08_a_provider_without_problems_says_so() {
    let outcome = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-supported",
        "details": {"coding": [{"code": "NOT_IMPLEMENTED"}]}, "diagnostics": "includeProblems"}]});
    let asked = [ClinicalArea::Allergies, ClinicalArea::Problems];
    let answer = Answer::requested(&asked, vec![list(ALLERGIES, &[]), outcome]);
    assert_eq!(answer.section("problems")["state"], "unsupported");
    assert_eq!(answer.section("allergies")["state"], "empty_no_content");
}

#[test]
fn enc_06_no_consultation_is_told_by_the_state_of_the_area() {
    let answer = Answer::synthetic(vec![list(CONSULTATIONS, &[])]);
    assert!(answer.rows(Table::Consultations).is_empty());
    assert_row(&answer.section("consultations"), json!({"state": "empty_no_content", "requested": true}));
}

#[test]
fn enc_09_a_confidential_consultation_leaves_its_warning_on_the_area() {
    let listed = warned(list(CONSULTATIONS, &["Encounter/e"]), &["confidential-items"], CONFIDENTIAL);
    let encounter = json!({"resourceType": "Encounter", "id": "e", "status": "finished"});
    let answer = Answer::synthetic(vec![encounter, listed]);
    assert_row(&answer.section("consultations"), json!({"state": "returned_with_exclusions", "entries": 1}));
    assert_eq!(answer.row(Table::Consultations, "e")["membership"], "primary");
}

#[test]
fn enc_10_a_confidential_item_of_a_consultation_is_told_under_its_own_area() {
    let withheld = secondary_list("consultations-allergies-contained-in-consultations", &[]);
    let answer = Answer::synthetic(vec![
        json!({"resourceType": "Encounter", "id": "e", "status": "finished"}),
        list(CONSULTATIONS, &["Encounter/e"]),
        warned(withheld, &["confidential-items"], CONFIDENTIAL),
    ]);
    let notices = answer.notices("confidential-items");
    assert_eq!(notices.len(), 1);
    assert_row(&notices[0], json!({"area": "allergies", "origin": "provider"}));
    assert_row(&answer.section("consultations"), json!({"state": "returned", "warnings": null}));
}

#[test]
fn enc_11_a_provider_without_consultations_says_so() {
    let answer = Answer::fixture("consultations-unrecognised");
    assert_row(&answer.section("consultations"), json!({"state": "unsupported", "requested": true}));
    assert_eq!(answer.section("problems")["state"], "empty_no_content");
}

/// What a problem may be linked to, in the order of LNK01 to LNK08.
const TARGETS: [&str; 8] = [
    "Immunization",
    "Observation",
    "Encounter",
    "DiagnosticReport",
    "ReferralRequest",
    "ProcedureRequest",
    "MedicationRequest",
    "AllergyIntolerance",
];

#[test]
fn lnk_01_to_08_links_of_a_problem_resolve_whatever_the_area() {
    for kind in TARGETS {
        let reference = json!({"reference": format!("{kind}/there")});
        let target = json!({"resourceType": kind, "id": "there"});
        let answer =
            Answer::synthetic(vec![problem("p", json!({"extension": content(&[reference])})), target]);
        let links = answer.links("problem-content");
        assert_eq!(links.len(), 1, "{kind}");
        assert_row(
            &links[0],
            json!({"from_type": "Condition", "from_id": "p", "to_type": kind, "to_id": "there", "resolved": true}),
        );
        assert!(answer.notices("unresolved_reference").is_empty(), "{kind}");
    }
}

#[test]
fn lnk_01_to_08_links_to_what_is_not_there_are_marked_unresolved() {
    for kind in TARGETS {
        let reference = json!({"reference": format!("{kind}/elsewhere")});
        let answer = Answer::synthetic(vec![problem("p", json!({"extension": content(&[reference])}))]);
        let links = answer.links("problem-content");
        assert_row(&links[0], json!({"to_type": kind, "to_id": "elsewhere", "resolved": false}));
        assert_eq!(answer.noticed("unresolved_reference"), ["p"], "{kind}");
    }
}

#[test]
fn lnk_01_to_08_links_that_the_provider_does_not_support_keep_its_words() {
    let words = "Referral items are not supported by the provider system.";
    for reference in [json!({"display": words}), json!({"reference": words})] {
        let answer = Answer::synthetic(vec![problem("p", json!({"extension": content(&[reference])}))]);
        let links = answer.links("problem-content");
        assert_eq!(links.len(), 1);
        assert_row(&links[0], json!({"to_id": null, "display": words, "resolved": false}));
    }
}

#[test]
fn lnk_07_a_problem_is_the_indication_of_a_medicine_by_its_plan_or_an_issue() {
    let mut resources = tablets("by-plan");
    resources.extend(tablets("by-issue"));
    resources.push(issue("i", "by-issue", json!({"status": "completed"})));
    let links = content(&[
        json!({"reference": "MedicationRequest/by-plan-plan"}),
        json!({"reference": "MedicationRequest/i"}),
    ]);
    resources.push(problem("p", json!({"extension": links})));
    let answer = Answer::synthetic(resources);
    for id in ["by-plan", "by-issue"] {
        assert_eq!(texts(&answer.row(Table::Medications, id), "problem_ids"), ["p"]);
    }
    assert_eq!(texts(&answer.row(Table::MedicationIssues, "i"), "problem_ids"), ["p"]);
    assert_eq!(string(&answer.row(Table::Medications, "by-plan"), "membership"), Some("linked"));
}
