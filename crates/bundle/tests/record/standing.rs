//! `class` and the flags of a medicine, on 15 January 2026 (`medications` sheet, sections 9 and 10; contract, settled
//! cases). In each case what is not named is as in a repeat that was authorised in June 2025 and last issued before
//! Christmas, of which nothing is remarkable.

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::*;

/// What a case changes: members of `type`, `status`, `plan`, `start`, `end`, `expiry`, `allowed`, `issued`, `last`,
/// `agency`, and `issues` as triples of status, start and end.
fn sent(case: &Value) -> Vec<Value> {
    let or = |name: &str, default: Value| case.get(name).cloned().unwrap_or(default);
    let period = json!({"start": or("start", json!("2025-06-01")), "end": case["end"]});
    let agency = json!({"url": format!("{GPC}PrescribingAgency-1"), "valueCodeableConcept":
        {"coding": [{"code": or("agency", json!("prescribed-at-gp-practice"))}]}});
    let last =
        json!({"url": format!("{GPC}MedicationStatementLastIssueDate-1"), "valueDateTime": case["last"]});
    let statement = json!({"status": or("status", json!("active")), "effectivePeriod": period,
        "extension": [agency, last]});
    let repeats = json!([
        {"url": "numberOfRepeatPrescriptionsAllowed", "valuePositiveInt": case["allowed"]},
        {"url": "numberOfRepeatPrescriptionsIssued", "valueUnsignedInt": case["issued"]},
        {"url": "authorisationExpiryDate", "valueDateTime": case["expiry"]}]);
    let plan = json!({"status": or("plan", or("status", json!("active"))), "extension": [
        {"url": format!("{GPC}PrescriptionType-1"),
            "valueCodeableConcept": {"coding": [{"code": or("type", json!("repeat"))}]}},
        {"url": format!("{GPC}MedicationRepeatInformation-1"), "extension": repeats}]});
    let mut resources = medicine("m", concept("322280009", "Tablets"), statement, plan);
    let usual = json!([["completed", "2025-12-20", "2026-01-17"]]);
    for (number, one) in or("issues", usual).as_array().expect("issues").iter().enumerate() {
        let period = json!({"start": one[1], "end": one[2]});
        let members = json!({"status": one[0], "dispenseRequest": {"validityPeriod": period}});
        resources.push(issue(&format!("i{number}"), "m", members));
    }
    resources
}

/// Asserts class and flags of each case while its statement is in the primary list.
fn assert_cases(cases: &[(Value, &str, &[&str])]) {
    for (case, class, flags) in cases {
        let mut resources = sent(case);
        resources.push(list(MEDICATIONS, &["MedicationStatement/m"]));
        let row = Answer::synthetic(resources).row(Table::Medications, "m");
        let (mut found, mut flags) = (texts(&row, "flags"), flags.to_vec());
        found.sort_unstable();
        flags.sort_unstable();
        assert_eq!((string(&row, "class"), found), (Some(*class), flags), "{case}");
    }
}

#[test]
fn an_authorisation_lapses_after_its_expiry_or_with_its_last_issue_and_stays_current() {
    assert_cases(&[
        (json!({}), "current", &[]),
        (json!({"expiry": "2026-01-14"}), "current", &["authorisation_lapsed"]),
        (json!({"expiry": "2026-01-15"}), "current", &[]),
        (json!({"expiry": "2026-01"}), "current", &[]),
        (json!({"expiry": "2025-12"}), "current", &["authorisation_lapsed"]),
        (json!({"expiry": "2026"}), "current", &[]),
        (json!({"allowed": 6, "issued": 5}), "current", &[]),
        (json!({"allowed": 6, "issued": 6}), "current", &["authorisation_lapsed"]),
        (json!({"allowed": 6, "issued": 7}), "current", &["authorisation_lapsed", "counter_conflict"]),
        (json!({"issued": 7}), "current", &[]),
        (json!({"type": "repeat-dispensing", "expiry": "2026-01-14"}), "current", &["authorisation_lapsed"]),
    ]);
}

#[test]
fn only_an_active_repeat_can_have_lapsed() {
    let over =
        |more: Value| with(json!({"expiry": "2025-10-01", "status": "completed", "end": "2025-12-01"}), more);
    assert_cases(&[
        (over(json!({})), "past", &[]),
        (over(json!({"status": "stopped"})), "stopped", &[]),
        (over(json!({"allowed": 6, "issued": 7})), "past", &["counter_conflict"]),
        (json!({"type": "acute", "expiry": "2025-10-01"}), "current_acute", &[]),
        (json!({"type": "acute-handwritten", "expiry": "2025-10-01"}), "current", &[]),
        (json!({"type": "", "allowed": 1, "issued": 1}), "current", &[]),
    ]);
}

#[test]
fn an_end_is_past_when_its_last_day_is() {
    assert_cases(&[
        (json!({"end": "2026-01-15"}), "current", &["active_with_end"]),
        (json!({"end": "2026-01-14"}), "past_status_conflict", &["active_with_end", "status_conflict"]),
        (json!({"end": "2026-01"}), "current", &["active_with_end"]),
        (json!({"end": "2026"}), "current", &["active_with_end"]),
        (json!({"end": "2025-12"}), "past_status_conflict", &["active_with_end", "status_conflict"]),
        (json!({"end": "soon"}), "current", &["active_with_end", "malformed"]),
    ]);
}

#[test]
fn a_start_is_to_come_when_its_first_day_is() {
    assert_cases(&[
        (json!({"start": "2026-01-15"}), "current", &[]),
        (json!({"start": "2026-01-16"}), "future", &[]),
        (json!({"start": "2026"}), "current", &[]),
        (json!({"start": "2026-02"}), "future", &[]),
        (json!({"start": "2026-02", "status": "stopped", "end": "2026-02"}), "stopped", &["status_conflict"]),
        (
            json!({"start": "2026-02", "status": "completed", "end": "2026-03-01"}),
            "future",
            &["status_conflict"],
        ),
        (json!({"start": null}), "current", &[]),
    ]);
}

#[test]
fn what_is_over_without_an_end_says_so() {
    assert_cases(&[
        (json!({"status": "completed"}), "past", &["ended_no_end_date"]),
        (json!({"status": "stopped"}), "stopped", &["ended_no_end_date"]),
        (json!({"status": "completed", "end": "2025-12-01"}), "past", &[]),
        (json!({"status": "stopped", "end": "2025-12-01"}), "stopped", &[]),
    ]);
}

#[test]
fn statement_and_plan_or_status_and_date_that_disagree_are_a_conflict() {
    assert_cases(&[
        (json!({"plan": "completed"}), "current", &["status_conflict"]),
        (json!({"plan": "stopped"}), "current", &["status_conflict"]),
        (json!({"plan": null}), "current", &[]),
        (json!({"status": null, "plan": "active"}), "unknown", &[]),
        (json!({"status": "completed", "end": "2026-01-16"}), "past", &["status_conflict"]),
        (json!({"status": "completed", "end": "2026-01-15"}), "past", &[]),
        (json!({"status": "stopped", "end": "2026-01-16"}), "stopped", &["status_conflict"]),
        (json!({"status": "completed", "end": "2026-01"}), "past", &["status_conflict"]),
        (json!({"status": "completed", "end": "2025"}), "past", &[]),
    ]);
}

#[test]
fn statuses_and_types_are_known_whatever_their_case_and_outer_spaces() {
    assert_cases(&[
        (json!({"status": " Active", "plan": "active"}), "current", &[]),
        (json!({"status": "STOPPED ", "plan": "stopped"}), "stopped", &["ended_no_end_date"]),
        (json!({"type": "Acute ", "issues": []}), "unissued", &["unissued"]),
        (json!({"status": "on-hold"}), "unknown", &[]),
    ]);
}

#[test]
fn an_authorisation_of_which_nothing_was_ever_issued_is_unissued() {
    let elsewhere = "prescribed-by-another-organisation";
    assert_cases(&[
        (json!({"issues": []}), "current", &["unissued"]),
        (json!({"issues": [], "last": "2025-12-20"}), "current", &[]),
        (json!({"issues": [], "agency": elsewhere}), "current", &[]),
        (json!({"issues": [], "agency": "prescribed-by-previous-practice"}), "current", &["unissued"]),
        (json!({"issues": [], "status": "completed", "end": "2025-12-01"}), "past", &[]),
        (json!({"issues": [], "type": "acute"}), "unissued", &["unissued"]),
        (json!({"issues": [], "type": "delayed-prescribing"}), "unissued", &["unissued"]),
        (json!({"issues": [], "type": "acute", "last": "2025-12-20"}), "current_acute", &[]),
        (json!({"issues": [], "type": "acute", "agency": elsewhere}), "current_acute", &[]),
        (
            json!({"issues": [], "type": "acute", "end": "2025-12-01"}),
            "unissued",
            &["unissued", "active_with_end", "status_conflict"],
        ),
    ]);
}

#[test]
fn an_acute_lasts_until_the_last_day_of_its_period_or_of_its_last_supply() {
    let ended = |issues: Value| json!({"type": "acute", "end": "2025-12-24", "issues": issues});
    let flags: &[&str] = &["active_with_end", "status_conflict"];
    let cancelled: &[&str] = &["active_with_end", "status_conflict", "last_issue_cancelled"];
    assert_cases(&[
        (json!({"type": "acute", "end": "2026-01-15"}), "current_acute", &["active_with_end"]),
        (ended(json!([["completed", "2025-12-20", "2026-01-15"]])), "current_acute", flags),
        (ended(json!([["completed", "2025-12-20", "2026-01-14"]])), "past_status_conflict", flags),
        (ended(json!([["completed", "2025-12-20", "2026-01"]])), "current_acute", flags),
        (ended(json!([["stopped", "2025-12-20", "2026-01-20"]])), "past_status_conflict", cancelled),
        // The last that was not cancelled decides, not the one that ends last.
        (
            ended(json!([
                ["completed", "2025-12-20", "2026-01-20"],
                ["stopped", "2025-12-27", "2025-12-30"]
            ])),
            "current_acute",
            cancelled,
        ),
        (
            ended(json!([
                ["completed", "2025-12-27", "2025-12-30"],
                ["completed", "2025-12-20", "2026-01-20"]
            ])),
            "past_status_conflict",
            flags,
        ),
    ]);
}

#[test]
fn an_open_acute_is_long_open_after_twelve_months_and_stays_what_it_is() {
    let since = |start: &str| json!({"type": "acute", "start": start});
    assert_cases(&[
        (since("2025-01-15"), "current_acute", &[]),
        (since("2025-01-14"), "current_acute", &["long_open_acute"]),
        (since("2025-01"), "current_acute", &["long_open_acute"]),
        (since("2025-02"), "current_acute", &[]),
        (with(since("2024"), json!({"type": "delayed-prescribing"})), "current_acute", &["long_open_acute"]),
        (with(since("2024"), json!({"type": "repeat"})), "current", &[]),
        (with(since("2024"), json!({"end": "2026-02-01"})), "current_acute", &["active_with_end"]),
        (with(since("2024"), json!({"status": "completed"})), "past", &["ended_no_end_date"]),
    ]);
}

#[test]
fn an_issue_to_come_is_flagged_on_itself_and_on_its_authorisation() {
    for (start, flagged) in [("2026-01-15", false), ("2026-01-16", true), ("2026", false), ("2026-02", true)]
    {
        let answer = Answer::synthetic(sent(&json!({"issues": [["active", start, null]]})));
        for (table, id) in [(Table::Medications, "m"), (Table::MedicationIssues, "i0")] {
            let row = answer.row(table, id);
            assert_eq!(texts(&row, "flags").contains(&"future_issue"), flagged, "{start} {id}");
        }
    }
}

#[test]
fn the_issue_that_started_last_says_whether_the_last_one_was_cancelled() {
    let flagged: &[&str] = &["last_issue_cancelled"];
    assert_cases(&[
        (
            json!({"issues": [["stopped", "2025-12-20", null], ["completed", "2025-11-20", null]]}),
            "current",
            flagged,
        ),
        (
            json!({"issues": [["stopped", "2025-11-20", null], ["completed", "2025-12-20", null]]}),
            "current",
            &[],
        ),
        // On one day the later in the bundle; one without a start comes before all others.
        (
            json!({"issues": [["completed", "2025-12-20", null], ["stopped", "2025-12-20", null]]}),
            "current",
            flagged,
        ),
        (json!({"issues": [["completed", "2025-12-20", null], ["stopped", null, null]]}), "current", &[]),
        (json!({"issues": [["Stopped ", "2025-12-20", null]]}), "current", flagged),
    ]);
}

#[test]
fn only_the_primary_list_makes_a_claim_of_current_therapy() {
    let ended = list(ENDED_ALLERGIES, &["MedicationStatement/m"]);
    let linked = secondary_list("problems-medications-related-to-problems", &["MedicationStatement/m"]);
    for (named, membership) in [(Some(linked), "linked"), (Some(ended), "ended"), (None, "none")] {
        let mut resources = sent(&json!({"status": "stopped", "end": "2025-12-01"}));
        resources.extend(named);
        let row = Answer::synthetic(resources).row(Table::Medications, "m");
        assert_row(&row, json!({"membership": membership, "class": "context_only"}));
    }
}
