//! Section 2 of the sheet: the medicines of patient 2, all from EMIS, retrieved on 8 September 2021.

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::{
    Answer, MEDICATIONS, assert_flags, assert_row, assert_verbatim, concept, extension, last_issue, list,
    medicine, prescription, string, texts, value_of,
};

fn patient_2() -> Option<Answer> {
    Answer::official("official-meds-part2", (2021, 9, 8))
}

/// The medicines whose term begins like this, in the order of the bundle.
fn courses(answer: &Answer, term: &str) -> Vec<Value> {
    let rows = answer.rows(Table::Medications).into_iter();
    rows.filter(|row| string(row, "medication_term").is_some_and(|found| found.starts_with(term))).collect()
}

/// The reason of a plan's status as it was sent.
fn reason<'a>(answer: &'a Answer, row: &Value) -> &'a Value {
    value_of(extension(extension(answer.plan(row), "MedicationStatusReason"), "statusReason"))
}

/// In the older record alone.
#[test]
fn p2_1_a_generic_that_was_replaced_knows_nothing_of_it() {
    let answer = replaced_without_an_issue();
    let generic = answer.row(Table::Medications, "generic");
    assert_row(&generic, json!({"status": "completed", "class": "past", "prior_plan_id": null}));
    assert_eq!(answer.links("replaces").len(), 1);
}

/// In the older record alone.
#[test]
fn p2_2_a_last_issue_without_an_issue_is_kept_and_none_is_invented() {
    let answer = replaced_without_an_issue();
    let trade = answer.row(Table::Medications, "trade");
    assert_row(
        &trade,
        json!({"prior_plan_id": "generic-plan", "status": "completed", "class": "past",
        "issue_count": 0, "last_issue": "2010-03-23"}),
    );
    assert!(answer.rows(Table::MedicationIssues).is_empty());
}

#[test]
fn p2_3_a_cancelled_acute_has_a_cancelled_issue() {
    let Some(answer) = patient_2() else { return };
    let row = answer.medicine("Atenolol");
    assert_row(&row, json!({"status": "stopped", "plan_status": "stopped", "class": "stopped"}));
    assert_flags(&row, &["last_issue_cancelled"]);
    let issues = answer.issues(&row);
    assert_eq!(issues.len(), 1);
    assert_row(&issues[0], json!({"status": "stopped"}));
}

/// The sheet says that there is no last issue date; the record sends one, and it is kept beside the flag.
#[test]
fn p2_4_a_cancelled_issue_counts_for_nothing_and_both_reasons_are_kept() {
    let Some(answer) = patient_2() else { return };
    let row = answer.medicine("Cetirizine");
    assert_row(
        &row,
        json!({"class": "stopped", "repeats_issued": 0, "repeats_allowed": 12, "issue_count": 1}),
    );
    assert_flags(&row, &["last_issue_cancelled"]);
    assert_verbatim(&row, "status_reason", &reason(&answer, &row)["text"]);
    let issues = answer.issues(&row);
    assert_row(&issues[0], json!({"status": "stopped"}));
    let note = texts(&issues[0], "notes");
    assert!(note.len() == 1 && !note[0].contains(string(&row, "status_reason").expect("a reason")));
    let stated = value_of(extension(answer.statement(&row), "MedicationStatementLastIssueDate"));
    assert_verbatim(&row, "last_issue", stated);
}

/// The sheet also asks for the code of the reason; the record has its text alone.
#[test]
fn p2_5_a_re_authorised_repeat_is_two_rows_of_one_therapy() {
    let Some(answer) = patient_2() else { return };
    let rows = courses(&answer, "Citalopram");
    let [old, new] = rows.as_slice() else { panic!("two rows, {} found", rows.len()) };
    assert_row(old, json!({"class": "past", "repeats_issued": 3, "repeats_allowed": 3, "issue_count": 3}));
    assert_row(
        new,
        json!({"class": "stopped", "repeats_issued": 2, "issue_count": 2, "prior_plan_id": old["plan_id"],
        "therapy_id": old["plan_id"]}),
    );
    let reason = reason(&answer, new);
    assert_verbatim(new, "status_reason", &reason["text"]);
    assert_eq!(new["status_reason_codings"][0]["code"], reason["coding"][0]["code"]);
    assert!(answer.rows(Table::Allergies).is_empty(), "a reason is no allergy");
    let issue = &answer.issues(old)[0];
    assert!(old["recorder"].is_string() && issue["recorder"].is_string());
    assert_ne!(old["recorder"], issue["recorder"], "who recorded plan and order are kept apart");
}

#[test]
fn p2_6_repeat_dispensing_without_an_issue_is_active_and_unissued() {
    let Some(answer) = patient_2() else { return };
    let row = answer.medicine("Doxazosin");
    assert_row(
        &row,
        json!({"prescription_type": "repeat-dispensing", "status": "active", "class": "current",
        "repeats_issued": 0, "repeats_allowed": 6, "issue_count": 0, "last_issue": null}),
    );
    assert_flags(&row, &["unissued"]);
}

#[test]
fn p2_7_insulin_according_to_requirements_has_no_computed_dose() {
    let Some(answer) = patient_2() else { return };
    let row = answer.medicine("Insulin glargine");
    assert_verbatim(&row, "dosage_text", &answer.plan(&row)["dosageInstruction"][0]["text"]);
    assert_row(
        &row,
        json!({"medication_code": "38897011000001107", "dosage_structured": null,
        "repeats_issued": 2, "repeats_allowed": 50, "quantity_value": "5", "quantity_unit": "device"}),
    );
    let issues = answer.issues(&row);
    assert!(issues.len() == 2 && issues.iter().all(|issue| issue["requester"] != row["requester"]));
}

#[test]
fn p2_8_a_chain_of_three_plans_has_the_current_dose_on_its_active_row_alone() {
    let Some(answer) = patient_2() else { return };
    let mut rows = courses(&answer, "Lipitor");
    rows.sort_by_key(|row| string(row, "plan_id").map(str::len));
    let split = |ending: &str| {
        let mut found =
            rows.iter().filter(|row| string(row, "plan_id").is_some_and(|id| id.ends_with(ending)));
        found.next().unwrap_or_else(|| panic!("no plan -{ending}"))
    };
    let (first, second, current) = (split("-FD-2"), split("-HD-1"), &rows[0]);
    assert_eq!(rows.len(), 3);
    assert_row(
        current,
        json!({"class": "current", "status": "active", "issue_count": 0, "last_issue": null,
        "prior_plan_id": second["plan_id"], "therapy_id": first["plan_id"], "quantity_value": "56"}),
    );
    assert_flags(current, &["unissued"]);
    assert_row(
        second,
        json!({"class": "past", "prior_plan_id": first["plan_id"], "therapy_id": first["plan_id"]}),
    );
    assert_row(
        first,
        json!({"class": "past", "prior_plan_id": null, "therapy_id": first["plan_id"], "quantity_value": "28"}),
    );
    assert_eq!(current["dosage_text"], second["dosage_text"]);
    assert_ne!(current["dosage_text"], first["dosage_text"]);
    assert_eq!(rows.iter().filter(|row| row["class"] == "current").count(), 1);
}

#[test]
fn p2_9_a_new_course_of_the_same_drug_is_another_therapy() {
    let Some(answer) = patient_2() else { return };
    let rows = courses(&answer, "Lustral");
    let [restarted, stopped] = rows.as_slice() else { panic!("two courses, {} found", rows.len()) };
    assert_row(
        restarted,
        json!({"class": "current", "prior_plan_id": null, "therapy_id": restarted["plan_id"]}),
    );
    assert_row(stopped, json!({"class": "stopped", "prior_plan_id": null, "therapy_id": stopped["plan_id"]}));
    assert_eq!(restarted["medication_codings"], stopped["medication_codings"]);
    let note = &answer.statement(restarted)["note"][0]["text"];
    assert_eq!(restarted["notes"][0], *note);
    assert!(note.as_str().is_some_and(|note| note.contains("This is the restart")));
    assert_verbatim(stopped, "status_reason", &reason(&answer, stopped)["text"]);
}

#[test]
fn p2_10_two_acutes_of_one_contraceptive_keep_their_text_and_their_late_end() {
    let Some(answer) = patient_2() else { return };
    let rows = courses(&answer, "Microgynon");
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_verbatim(row, "dosage_text", &answer.plan(row)["dosageInstruction"][0]["text"]);
        assert_row(
            row,
            json!({"prescription_type": "acute", "class": "past", "effective_end": "2018-10-27"}),
        );
    }
    assert_row(&rows[1], json!({"quantity_value": "63", "supply_days": "84"}));
    assert_row(&answer.issues(&rows[1])[0], json!({"issued": "2010-11-09", "issue_end": "2011-02-01"}));
}

#[test]
fn p2_aspirin_and_its_trade_successor_that_moved_here_are_linked() {
    let Some(answer) = patient_2() else { return };
    let (generic, trade) = (answer.medicine("Aspirin 300mg"), answer.medicine("Nu-Seals"));
    assert!(
        string(&generic, "medication_id")
            .is_some_and(|id| id.starts_with("1458EF9E") && id.contains("-FI-1"))
    );
    assert_row(&generic, json!({"class": "past", "prior_plan_id": null}));
    assert_row(
        &trade,
        json!({"class": "stopped", "prior_plan_id": generic["plan_id"], "therapy_id": generic["therapy_id"]}),
    );
    assert_verbatim(&trade, "status_reason", &reason(&answer, &trade)["text"]);
}

/// A trade product that replaced a generic, completed and with a last issue, but without an issue.
fn replaced_without_an_issue() -> Answer {
    let acute = || prescription("acute", None, None);
    let done = || {
        json!({"status": "completed", "extension": last_issue("2010-03-23"),
        "effectivePeriod": {"start": "2010-03-23", "end": "2010-03-23"}})
    };
    let plan = json!({"status": "completed", "extension": acute()});
    let mut resources = medicine("generic", concept("318421004", "Generic tablets"), done(), plan);
    let plan = json!({"status": "completed", "extension": acute(),
        "priorPrescription": {"reference": "MedicationRequest/generic-plan"}});
    resources.extend(medicine("trade", concept("183311000001101", "Trade tablets"), done(), plan));
    resources.push(list(MEDICATIONS, &["MedicationStatement/generic", "MedicationStatement/trade"]));
    Answer::synthetic(resources)
}
