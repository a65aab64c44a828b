//! Section 1 of the sheet: the medicines of patient 1, retrieved on 5 March 2020.

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::{
    Answer, MEDICATIONS, SNOMED, assert_flags, assert_row, assert_verbatim, coding_of, concept, extension,
    issue, last_issue, list, medicine, prescription, string, texts, value_of,
};

fn patient_1() -> Option<Answer> {
    retrieved_on((2020, 3, 5))
}

fn retrieved_on(day: (i32, u32, u32)) -> Option<Answer> {
    Answer::official("official-meds-part1", day)
}

/// A sub-extension of the plan's repeat information or status reason.
fn part<'v>(resource: &'v Value, outer: &str, inner: &str) -> &'v Value {
    value_of(extension(extension(resource, outer), inner))
}

#[test]
fn p1_1_lapsed_repeat_stays_active_and_is_flagged() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Atorvastatin 30mg");
    assert_row(&row, json!({"status": "active", "plan_status": "active", "class": "current"}));
    assert_eq!(row["authorisation_expiry"], "2019-12-31");
    assert_eq!(row["effective_end"], Value::Null, "an expiry is no end");
    assert_eq!(row["status_changed"], Value::Null, "an expiry is no stop");
    assert_flags(&row, &["authorisation_lapsed"]);
    let other_strength = answer.medicine("Atorvastatin 20mg");
    assert_ne!(other_strength["therapy_id"], row["therapy_id"], "P1_21 is another therapy");
    assert_flags(&other_strength, &[]);
}

#[test]
fn p1_2_dosage_warning_and_first_issue_that_differs_from_its_plan() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Clarithromycin");
    let (statement, plan) = (answer.statement(&row), answer.plan(&row));
    assert_verbatim(&row, "statement_dosage_text", &statement["dosage"][0]["text"]);
    assert!(string(&row, "statement_dosage_text").is_some_and(|text| text.contains("WARNING")));
    assert_verbatim(&row, "dosage_text", &plan["dosageInstruction"][0]["text"]);
    assert!(string(&row, "dosage_text").is_some_and(|text| !text.contains("WARNING")));
    assert_eq!(row["dosage_changed_on_from"], "2020-01-28");
    assert_verbatim(&row, "patient_instruction", &plan["dosageInstruction"][0]["patientInstruction"]);
    assert_eq!(row["notes"], json!([statement["note"][0]["text"], plan["note"][0]["text"]]));
    let issues = answer.issues(&row);
    assert_eq!(issues.len(), 1);
    assert_row(&row, json!({"quantity_value": "14", "supply_days": "14"}));
    assert_eq!((&issues[0]["quantity_value"], &issues[0]["supply_days"]), (&json!("28"), &json!("28")));
}

#[test]
fn p1_3_two_issues_without_a_limit_and_a_review_date_to_come() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Salbutamol");
    assert_eq!(row["authorisation_expiry"], "2020-07-28");
    assert_row(&row, json!({"repeats_issued": 2, "repeats_allowed": null}));
    let quantity = &answer.plan(&row)["dispenseRequest"]["quantity"];
    assert_verbatim(&row, "quantity_text", value_of(extension(quantity, "MedicationQuantityText")));
    assert_eq!(row["quantity_unit"], Value::Null, "the unit was sent as text and stays there");
    assert_eq!(row["class"], "current");
    assert_flags(&row, &[]);
}

#[test]
fn p1_4_used_up_counters_are_no_stop() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Furosemide");
    assert_row(&row, json!({"repeats_issued": 2, "repeats_allowed": 2}));
    assert_row(&row, json!({"status": "active", "plan_status": "active", "class": "current"}));
    assert_flags(&row, &["authorisation_lapsed"]);
    let issues = answer.issues(&row);
    let statuses: Vec<_> = issues.iter().filter_map(|issue| string(issue, "status")).collect();
    assert_eq!(statuses, ["completed", "active"]);
    assert_eq!(issues[1]["issue_end"], "2020-03-05", "the last issue is still in use on the day");
}

#[test]
fn p1_5_stopped_with_its_whole_reason_and_its_date() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Rosuvastatin");
    assert_row(&row, json!({"status": "stopped", "plan_status": "stopped", "class": "stopped"}));
    let reason = part(answer.plan(&row), "MedicationStatusReason", "statusReason");
    assert_verbatim(&row, "status_reason", &reason["text"]);
    assert!(string(&row, "status_reason").is_some_and(|text| text.contains('(')), "pick list and free text");
    assert_row(&row, json!({"status_changed": "2020-02-10", "effective_end": "2020-02-10"}));
    assert_eq!(row["authorisation_expiry"], "2020-08-10", "the expiry lies after the stop and says nothing");
    assert_flags(&row, &[]);
}

#[test]
fn p1_6_issues_made_in_advance_stay_in_the_future() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Contour");
    assert_eq!(row["prescription_type"], "repeat-dispensing");
    assert_row(&row, json!({"repeats_issued": 6, "issue_count": 6}));
    assert_eq!(row["last_issue_from"], "2020-06-16");
    assert_eq!(row["class"], "current");
    assert_flags(&row, &["authorisation_lapsed", "future_issue"]);
    let issues = answer.issues(&row);
    let future = issues.iter().filter(|issue| texts(issue, "flags") == ["future_issue"]);
    assert_eq!(future.count(), 4);
    assert!(
        issues.iter().all(|issue| (string(issue, "issued") > Some("2020-03-05")) != issue["flags"].is_null())
    );
    let noticed = answer.rows(Table::Notices);
    assert!(noticed.iter().all(|notice| notice["element"] == "context" || notice["code"] == "degraded_code"));
}

#[test]
fn p1_7_two_issues_of_one_day_are_two_rows() {
    let Some(answer) = patient_1() else { return };
    let issues = answer.issues(&answer.medicine("Ascorbic acid"));
    assert_eq!(issues.len(), 2);
    assert_eq!(issues[0]["issued"], issues[1]["issued"]);
    assert_ne!(issues[0]["issue_id"], issues[1]["issue_id"]);
}

#[test]
fn p1_8_a_product_pack_is_named_by_its_text_and_counted_in_packs() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Cocois");
    assert_shown_by_text(&answer, &row);
    let quantity = &answer.plan(&row)["dispenseRequest"]["quantity"];
    assert_verbatim(&row, "quantity_text", value_of(extension(quantity, "MedicationQuantityText")));
    assert!(string(&row, "quantity_text").is_some_and(|text| text.starts_with("pack of 40")));
    assert_row(&row, json!({"quantity_value": "1", "quantity_unit": null}));
    assert_eq!(row["prescription_type"], "repeat-dispensing");
}

#[test]
fn p1_9_a_product_with_a_dosage_warning() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Priadel");
    assert_verbatim(&row, "statement_dosage_text", &answer.statement(&row)["dosage"][0]["text"]);
    assert_verbatim(&row, "dosage_text", &answer.plan(&row)["dosageInstruction"][0]["text"]);
    assert_row(&row, json!({"dosage_changed_on": "25 Feb 2020", "dosage_changed_on_from": "2020-02-25"}));
    assert_verbatim(&row, "medication_code", &coding_of(answer.drug(&row), SNOMED)["code"]);
}

/// In the older record alone.
#[test]
fn p1_10_a_delayed_prescription_starts_when_it_is_valid_and_not_when_asserted() {
    let statement = json!({"status": "completed", "dateAsserted": "2019-09-30",
        "effectivePeriod": {"start": "2020-01-28", "end": "2020-02-04"}, "extension": last_issue("2020-01-28")});
    let plan = json!({"status": "completed", "authoredOn": "2019-09-30",
        "extension": prescription("delayed-prescribing", None, None)});
    let answer =
        in_the_list(medicine("delayed", concept("323510009", "Capsules"), statement, plan), &["delayed"]);
    let row = answer.row(Table::Medications, "delayed");
    assert_eq!(row["prescription_type"], "delayed-prescribing");
    assert_row(&row, json!({"date_asserted": "2019-09-30", "effective_start": "2020-01-28"}));
    assert_eq!(row["class"], "past");
}

#[test]
fn p1_11_a_historical_acute_is_past() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Paracetamol");
    assert_row(&row, json!({"prescription_type": "acute", "status": "completed", "class": "past"}));
    assert_eq!(row["effective_end"], "2020-01-28");
}

#[test]
fn p1_12_prescribed_elsewhere_without_an_issue_is_not_never_taken() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Co-codamol");
    let agency = value_of(extension(answer.statement(&row), "PrescribingAgency"));
    assert_eq!(row["prescribing_agency"], "prescribed-by-another-organisation");
    assert_verbatim(&row, "prescribing_agency_text", &agency["text"]);
    assert_row(&row, json!({"issue_count": 0, "last_issue": "2020-01-28"}));
    assert!(!texts(&row, "flags").contains(&"unissued"));
}

#[test]
fn p1_13_a_delayed_prescription_of_april_has_not_begun_in_march() {
    let before = retrieved_on((2020, 3, 5));
    let (Some(before), Some(on_the_day)) = (before, retrieved_on((2020, 4, 1))) else { return };
    let row = before.medicine("Bendroflumethiazide");
    assert_row(&row, json!({"prescription_type": "delayed-prescribing", "effective_start": "2020-04-01"}));
    assert_row(&row, json!({"status": "active", "class": "future"}));
    assert!(texts(&row, "flags").contains(&"future_issue"));
    assert_eq!(on_the_day.medicine("Bendroflumethiazide")["class"], "current_acute");
}

/// In the older record alone.
#[test]
fn p1_14_a_degraded_drug_is_shown_by_its_text_and_marked() {
    let degraded = |text: &str| with_text("196421000000109", "Transfer-degraded medication entry", text);
    let mut resources =
        medicine("one", degraded("Ointment of the hospital"), json!({"status": "active"}), json!({}));
    resources.extend(medicine("two", degraded("Another mixture"), json!({"status": "active"}), json!({})));
    let answer = in_the_list(resources, &["one", "two"]);
    let row = answer.row(Table::Medications, "one");
    assert_row(
        &row,
        json!({"medication_term": "Ointment of the hospital", "medication_term_source": "text"}),
    );
    assert_eq!(row["medication_degraded"], "medication", "no decision support on it");
    assert!(answer.noticed("degraded_code").contains(&"one".to_owned()));
    assert_eq!(
        answer.row(Table::Medications, "two")["medication_term"],
        "Another mixture",
        "one code, two drugs"
    );
}

#[test]
fn p1_15_a_free_text_drug_under_an_opaque_id() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Magic Tincture");
    let reference = &answer.statement(&row)["medicationReference"]["reference"];
    assert!(reference.as_str().is_some_and(|reference| reference.ends_with('=')), "its id is base64");
    assert_shown_by_text(&answer, &row);
    assert_eq!(row["medication_degraded"], "medication");
    assert_row(&row, json!({"quantity_value": "1", "quantity_text": "bottle"}));
}

/// In the older record alone.
#[test]
fn p1_16_a_pack_of_the_same_name_and_another_code_is_a_row_of_its_own() {
    let acute = || json!({"status": "completed", "extension": prescription("acute", None, None)});
    let packs = json!({"status": "completed", "extension": prescription("acute", None, None),
        "dispenseRequest": {"quantity": {"value": 1,
            "extension": [{"url": format!("{}MedicationQuantityText-1", crate::sheet::GPC), "valueString": "pack of 100 capsules"}]}}});
    let mut resources =
        medicine("single", concept("322280009", "Capsules"), json!({"status": "completed"}), acute());
    let pack = with_text("999000000000100", "Capsules 100 capsule", "Capsules");
    resources.extend(medicine("pack", pack, json!({"status": "completed"}), packs));
    let answer = in_the_list(resources, &["single", "pack"]);
    let (single, pack) = (answer.row(Table::Medications, "single"), answer.row(Table::Medications, "pack"));
    assert_eq!(single["medication_term"], pack["medication_term"]);
    assert_ne!(single["medication_code"], pack["medication_code"]);
    assert_row(&pack, json!({"quantity_value": "1", "quantity_text": "pack of 100 capsules"}));
}

#[test]
fn p1_17_a_pack_of_eye_drops_is_one_pack() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Timolol");
    assert_shown_by_text(&answer, &row);
    assert_row(&row, json!({"quantity_value": "1", "quantity_text": "pack of 5 mls"}));
}

#[test]
fn p1_18_a_repeat_never_issued_is_shown_as_such() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Lansoprazole");
    assert_row(&row, json!({"issue_count": 0, "repeats_issued": 0}));
    assert_row(&row, json!({"last_issue": null, "class": "current"}));
    assert_flags(&row, &["unissued"]);
    assert_eq!(
        row["notes"],
        json!([answer.statement(&row)["note"][0]["text"]]),
        "the plan's note is the same"
    );
    assert_verbatim(
        &row,
        "patient_instruction",
        &answer.plan(&row)["dosageInstruction"][0]["patientInstruction"],
    );
}

#[test]
fn p1_19_a_split_plan_is_one_therapy_of_two_rows() {
    let Some(answer) = patient_1() else { return };
    let rows = answer.rows(Table::Medications).into_iter();
    let parts: Vec<Value> = rows
        .filter(|row| string(row, "medication_term").is_some_and(|term| term.starts_with("Omeprazole")))
        .collect();
    let [new, old] = parts.as_slice() else { panic!("two parts, {} found", parts.len()) };
    assert_row(new, json!({"status": "active", "class": "current"}));
    assert_row(old, json!({"status": "completed", "class": "past"}));
    assert!(string(old, "plan_id").is_some_and(|id| id.ends_with("-HD-1")));
    assert_eq!((&new["prior_plan_id"], &new["therapy_id"]), (&old["plan_id"], &old["plan_id"]));
    assert_eq!(old["therapy_id"], old["plan_id"]);
    assert_eq!((&new["quantity_value"], &old["quantity_value"]), (&json!("14"), &json!("28")));
    assert_eq!(
        (&new["issue_count"], &old["issue_count"]),
        (&json!(0), &json!(1)),
        "the issue stays on the old part"
    );
    assert_eq!((&new["last_issue"], &old["last_issue_from"]), (&Value::Null, &json!("2019-09-30")));
    let replaced = answer.links("replaces");
    assert_eq!((replaced.len(), &replaced[0]["to_id"]), (1, &old["plan_id"]));
}

#[test]
fn p1_20_the_text_is_shown_and_every_code_is_kept() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("LORATADINE");
    assert_shown_by_text(&answer, &row);
    let systems = answer.drug(&row)["coding"].as_array().map_or(0, Vec::len);
    assert_eq!((systems, row["medication_codings"].as_array().map(Vec::len)), (2, Some(2)));
    assert_verbatim(&row, "medication_display", &coding_of(answer.drug(&row), SNOMED)["display"]);
    assert_row(&row, json!({"effective_end": null, "supply_days": null}));
    assert_flags(&row, &["ended_no_end_date"]);
}

#[test]
fn p1_21_no_stated_limit_is_not_none_allowed() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Atorvastatin 20mg");
    assert_row(&row, json!({"repeats_issued": 1, "repeats_allowed": null}));
    assert_eq!(row["class"], "current");
    assert_flags(&row, &[]);
}

/// In the older record alone; the newer one has the pair with patient 2.
#[test]
fn p1_22_the_generic_of_a_switch_is_shown_and_linked_from_the_other_side() {
    let answer = switched_acute();
    let generic = answer.row(Table::Medications, "generic");
    assert_row(&generic, json!({"prior_plan_id": null, "class": "past"}));
    let replaced = answer.links("replaces");
    assert_eq!(
        (&replaced[0]["from_id"], &replaced[0]["to_id"]),
        (&json!("trade-plan"), &json!("generic-plan"))
    );
}

/// In the older record alone; the newer one has the pair with patient 2.
#[test]
fn p1_23_the_trade_product_of_a_switch_is_stopped_and_names_the_generic() {
    let answer = switched_acute();
    let (trade, generic) =
        (answer.row(Table::Medications, "trade"), answer.row(Table::Medications, "generic"));
    assert_eq!(
        (&trade["prior_plan_id"], &trade["therapy_id"]),
        (&generic["plan_id"], &generic["therapy_id"])
    );
    assert_row(&trade, json!({"class": "stopped", "status_reason": "End of course"}));
    assert_ne!(trade["medication_code"], generic["medication_code"]);
}

#[test]
fn p1_24_an_acute_stopped_together_with_its_issue() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Fluoxetine");
    assert_row(&row, json!({"status": "stopped", "plan_status": "stopped", "class": "stopped"}));
    assert_verbatim(
        &row,
        "status_reason",
        &part(answer.plan(&row), "MedicationStatusReason", "statusReason")["text"],
    );
    assert_eq!(row["status_changed_from"], "2010-10-01");
    assert_flags(&row, &["last_issue_cancelled"]);
    let issues = answer.issues(&row);
    assert_eq!((issues.len(), &issues[0]["status"]), (1, &json!("stopped")));
    let order = answer.sent("MedicationRequest", &issues[0]["issue_id"]);
    assert_eq!(issues[0]["notes"], json!([order["note"][0]["text"]]), "the reason of the cancellation");
}

#[test]
fn p1_25_an_acute_that_was_authorised_and_never_issued() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Amoxicillin");
    assert_row(&row, json!({"prescription_type": "acute", "status": "active", "class": "unissued"}));
    assert_row(&row, json!({"issue_count": 0, "last_issue": null}));
    assert_flags(&row, &["unissued", "long_open_acute"]);
}

/// The sheet also asks for the codes of the reason; the record has its text alone.
#[test]
fn p1_26_a_coded_allergy_as_reason_makes_no_allergy() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Prednisolone");
    let reason = part(answer.plan(&row), "MedicationStatusReason", "statusReason");
    let codes = |codings: &Value| -> Vec<Value> {
        codings.as_array().into_iter().flatten().map(|coding| coding["code"].clone()).collect()
    };
    assert_eq!(codes(&reason["coding"]).len(), 2, "the reason was coded");
    assert_eq!(codes(&row["status_reason_codings"]), codes(&reason["coding"]));
    assert_verbatim(&row, "status_reason", &reason["text"]);
    assert_eq!(
        (&row["plan_status"], &answer.issues(&row)[0]["status"]),
        (&json!("stopped"), &json!("completed"))
    );
    assert!(answer.rows(Table::Allergies).is_empty());
    assert_eq!(answer.section("allergies")["state"], "not_requested");
}

#[test]
fn p1_27_a_drug_without_a_snomed_code_is_a_row_like_any_other() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Benzoyl");
    assert_eq!(row["medication_codings"].as_array().map(Vec::len), Some(1));
    assert_verbatim(&row, "medication_system", &answer.drug(&row)["coding"][0]["system"]);
    assert_ne!(row["medication_system"], SNOMED);
    assert_verbatim(&row, "medication_term", &answer.drug(&row)["coding"][0]["display"]);
    assert_row(&row, json!({"repeats_issued": 3, "repeats_allowed": 3, "issue_count": 3}));
    assert_eq!(row["class"], "current");
}

/// In this record the two people are the requesters of plan and order; P2_5 has it in the recorders.
#[test]
fn p1_28_who_authorised_and_who_issued_are_kept_apart() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Cilazapril");
    let issues = answer.issues(&row);
    assert!(row["requester"].is_string() && issues[0]["requester"].is_string());
    assert_ne!(row["requester"], issues[0]["requester"]);
}

#[test]
fn p1_29_a_device_is_a_medicine_and_its_dosage_is_one_digit() {
    let Some(answer) = patient_1() else { return };
    let row = answer.medicine("Adjustable ostomy belt");
    assert_eq!(row["dosage_text"], "1");
    assert_row(&row, json!({"repeats_issued": 1, "repeats_allowed": 12}));
    assert_row(&row, json!({"quantity_value": "100", "quantity_unit": "device"}));
    assert_eq!(row["membership"], "primary");
}

fn assert_shown_by_text(answer: &Answer, row: &Value) {
    assert_verbatim(row, "medication_text", &answer.drug(row)["text"]);
    assert_eq!(
        (&row["medication_term"], &row["medication_term_source"]),
        (&row["medication_text"], &json!("text"))
    );
    assert_ne!(row["medication_term"], row["medication_display"]);
}

fn with_text(code: &str, display: &str, text: &str) -> Value {
    crate::sheet::with(concept(code, display), json!({"text": text}))
}

fn in_the_list(mut resources: Vec<Value>, ids: &[&str]) -> Answer {
    let references: Vec<String> = ids.iter().map(|id| format!("MedicationStatement/{id}")).collect();
    resources.push(list(MEDICATIONS, &references.iter().map(String::as_str).collect::<Vec<_>>()));
    Answer::synthetic(resources)
}

/// A generic acute that was issued, then switched to a trade product, which was stopped.
fn switched_acute() -> Answer {
    let acute = |status: &str| json!({"status": status, "extension": prescription("acute", None, None)});
    let done = json!({"status": "completed", "extension": last_issue("2011-11-15"),
        "effectivePeriod": {"start": "2011-11-15", "end": "2011-11-15"}});
    let mut resources =
        medicine("generic", concept("322225002", "Generic tablets"), done, acute("completed"));
    resources.push(issue("generic-issue", "generic", json!({"status": "completed"})));
    let mut plan = acute("stopped");
    plan["priorPrescription"] = json!({"reference": "MedicationRequest/generic-plan"});
    let reason = json!([{"url": "statusReason", "valueCodeableConcept": {"text": "End of course"}},
        {"url": "statusChangeDate", "valueDateTime": "2011-11-15"}]);
    if let Some(extensions) = plan["extension"].as_array_mut() {
        let url = format!("{}MedicationStatusReason-1", crate::sheet::GPC);
        extensions.push(json!({"url": url, "extension": reason}));
    }
    let stopped = json!({"status": "stopped", "extension": last_issue("2011-11-15")});
    resources.extend(medicine("trade", concept("183311000001101", "Trade tablets"), stopped, plan));
    in_the_list(resources, &["generic", "trade"])
}
