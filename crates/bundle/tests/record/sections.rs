//! What may be concluded of each area: states, warnings, and the day before which something may be missing
//! (`bundle` sheet, sections 8 and 9; `retrieve` sheet, section 8). `metamorphic` holds the whole table of states.

use bedside_bundle::Options;
use bedside_model::ClinicalArea;
use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::*;
use crate::support::options;

fn warned(list: Value, codes: &[&str], note: &str) -> Value {
    let warnings: Vec<Value> = codes.iter().map(|code| warning(code)).collect();
    with(list, json!({"extension": warnings, "note": [{"text": note}]}))
}

fn outcome(issues: &[Value]) -> Value {
    json!({"resourceType": "OperationOutcome", "issue": issues})
}

fn said(severity: &str, code: Value, text: &str, diagnostics: &str) -> Value {
    json!({"severity": severity, "code": "not-supported",
        "details": {"coding": [{"code": code}], "text": text}, "diagnostics": diagnostics})
}

#[test]
fn warnings_of_the_ended_list_are_united_with_those_of_the_active_one() {
    let answer = Answer::synthetic(vec![
        warned(list(ALLERGIES, &["AllergyIntolerance/a"]), &["data-in-transit"], "active before 01-Jan-2020"),
        warned(
            list(ENDED_ALLERGIES, &[]),
            &["confidential-items", "data-in-transit"],
            "ended before 02-Jan-2021",
        ),
    ]);
    assert_row(
        &answer.section("allergies"),
        json!({"warnings": ["data-in-transit", "confidential-items"], "state": "returned_with_exclusions",
            "warning_text": "active before 01-Jan-2020\nended before 02-Jan-2021", "incomplete": true,
            "incomplete_before": "02-Jan-2021", "incomplete_before_from": "2021-01-02", "entries": 1}),
    );
}

#[test]
fn the_note_of_an_ended_list_without_a_warning_says_nothing_of_the_area() {
    let answer = Answer::synthetic(vec![
        warned(list(ALLERGIES, &[]), &[], "Information not available"),
        warned(list(ENDED_ALLERGIES, &[]), &[], "No ended ones"),
    ]);
    assert_row(
        &answer.section("allergies"),
        json!({"state": "empty_no_content", "warning_text": "Information not available", "incomplete": false}),
    );
}

#[test]
fn what_awaits_filing_or_is_in_transit_leaves_an_area_incomplete_and_what_is_withheld_does_not() {
    for (code, incomplete) in [
        ("data-in-transit", true),
        ("data-awaiting-filing", true),
        ("data-awaiting-filing ", true),
        ("confidential-items", false),
        ("something-new", false),
    ] {
        let answer = Answer::synthetic(vec![warned(list(PROBLEMS, &[]), &[code], "before 3-Feb-2020")]);
        let before = if incomplete { json!("3-Feb-2020") } else { Value::Null };
        assert_row(
            &answer.section("problems"),
            json!({"warnings": [code], "incomplete": incomplete, "incomplete_before": before}),
        );
        let known = code != "something-new";
        assert_eq!(answer.notices("unknown_code").is_empty(), known, "{code}");
        let noticed = answer.notices(code);
        assert_row(
            &noticed[0],
            json!({"severity": "warning", "origin": "provider", "area": "problems", "text": "before 3-Feb-2020"}),
        );
    }
}

#[test]
fn a_code_of_withholding_is_known_whatever_its_outer_spaces() {
    let some = warned(list(MEDICATIONS, &["MedicationStatement/m"]), &[" confidential-items"], "withheld");
    assert_row(
        &Answer::synthetic(vec![some]).section("medications"),
        json!({"state": "returned_with_exclusions"}),
    );
    let all = warned(list(MEDICATIONS, &[]), &["confidential-items "], "withheld");
    assert_row(&Answer::synthetic(vec![all]).section("medications"), json!({"state": "empty_confidential"}));
}

#[test]
fn two_lists_of_one_area_are_added_up_and_the_latest_day_counts() {
    let answer = Answer::synthetic(vec![
        warned(list(PROBLEMS, &["Condition/p", "Condition/q"]), &["data-in-transit"], "before 02-Feb-2021"),
        warned(list(PROBLEMS, &["Condition/r"]), &["data-in-transit"], "before 28 Jan 2020"),
    ]);
    assert_row(
        &answer.section("problems"),
        json!({"entries": 3, "warnings": ["data-in-transit"], "incomplete_before": "02-Feb-2021",
            "incomplete_before_to": "2021-02-02", "warning_text": "before 02-Feb-2021\nbefore 28 Jan 2020"}),
    );
}

#[test]
fn a_list_that_comes_twice_counts_once() {
    let twice = || with(list(PROBLEMS, &["Condition/p"]), json!({"id": "l"}));
    let answer = Answer::synthetic(vec![twice(), twice()]);
    assert_row(&answer.section("problems"), json!({"entries": 1}));
    assert_eq!(answer.notices("duplicate_resource").len(), 1);
}

#[test]
fn a_refused_filter_says_that_its_area_was_asked_for_and_nothing_of_its_state() {
    let part = said(
        "warning",
        json!("NOT_IMPLEMENTED"),
        "includeProblems.filterStatus is an unrecognised parameter",
        "includeProblems.filterStatus",
    );
    for (lists, state) in [
        (vec![list(PROBLEMS, &["Condition/p"])], "returned"),
        (vec![list(PROBLEMS, &[])], "empty_no_content"),
        (vec![], "missing_list"),
    ] {
        let mut resources = lists;
        resources.push(outcome(std::slice::from_ref(&part)));
        let answer = Answer::requested(&[], resources);
        assert_row(&answer.section("problems"), json!({"requested": true, "state": state}));
    }
}

#[test]
fn an_error_without_known_words_is_a_failure_and_with_them_what_they_say() {
    for (severity, code, text, state) in [
        ("error", json!(null), "includeReferrals could not be answered", "failed"),
        ("fatal", json!("INTERNAL_SERVER_ERROR"), "includeReferrals could not be answered", "failed"),
        ("error", json!(null), "includeReferrals has been disabled", "disabled"),
        ("error", json!(null), "includeReferrals is an unrecognised parameter", "unsupported"),
        ("error", json!("NOT_IMPLEMENTED"), "includeReferrals", "unsupported"),
        ("warning", json!("NOT_IMPLEMENTED"), "includeReferrals has been Disabled", "disabled"),
    ] {
        let answer = Answer::synthetic(vec![outcome(&[said(severity, code, text, "includeReferrals")])]);
        assert_row(&answer.section("referrals"), json!({"requested": true, "state": state}));
    }
}

#[test]
fn every_issue_of_an_outcome_is_told_with_its_severity_its_area_and_its_words() {
    let issues = [
        said("fatal", json!("A"), "includeAllergies failed", "includeAllergies"),
        said("error", json!("B"), "includeMedication: failed", ""),
        said("warning", json!("C"), "nothing we know", "trace 1"),
        said(
            "information",
            json!("D"),
            "DocumentReference is an unrecognised parameter",
            "DocumentReference",
        ),
    ];
    let answer = Answer::synthetic(vec![outcome(&issues)]);
    for (code, severity, area, text) in [
        ("A", "error", json!("allergies"), "includeAllergies failed"),
        ("B", "error", json!("medications"), "includeMedication: failed"),
        ("C", "warning", Value::Null, "nothing we know"),
        ("D", "information", json!("documents"), "DocumentReference is an unrecognised parameter"),
    ] {
        let notices = answer.notices(code);
        assert_eq!(notices.len(), 1, "{code}");
        assert_row(
            &notices[0],
            json!({"severity": severity, "area": area, "text": text, "origin": "provider"}),
        );
    }
}

#[test]
fn another_reason_for_an_empty_list_is_kept_and_noticed_as_unknown() {
    let nil = with(
        list(MEDICATIONS, &[]),
        json!({"emptyReason": {"coding": [{"code": "nil-known", "display": "Nil known"}]}}),
    );
    let answer = Answer::synthetic(vec![nil]);
    assert_row(&answer.section("medications"), json!({"state": "empty_no_content", "entries": 0}));
    assert_row(
        &answer.notices("nil-known")[0],
        json!({"severity": "information", "origin": "provider", "text": "Nil known"}),
    );
    assert_eq!(answer.notices("unknown_code").len(), 1);
    let usual = Answer::synthetic(vec![list(MEDICATIONS, &[])]);
    assert!(usual.notices("unknown_code").is_empty());
    assert_eq!(usual.notices("no-content-recorded").len(), 1);
}

#[test]
fn an_area_that_was_asked_for_without_a_list_is_a_defect_and_told_as_one() {
    let answer =
        Answer::requested(&[ClinicalArea::Medications, ClinicalArea::Problems], vec![list(PROBLEMS, &[])]);
    assert_row(
        &answer.section("medications"),
        json!({"requested": true, "state": "missing_list", "entries": 0}),
    );
    assert_row(&answer.notices("missing_list")[0], json!({"area": "medications", "severity": "error"}));
    assert_eq!(answer.notices("missing_list").len(), 1);
}

#[test]
fn an_older_ended_list_is_known_by_its_title_where_its_code_says_nothing() {
    let titled = |title: &str, code: Value| {
        let allergy = allergy("a", json!({"text": "Agent"}), json!({"clinicalStatus": null}));
        let list = json!({"resourceType": "List", "title": title, "code": code, "contained": [allergy],
            "entry": [{"item": {"reference": "#a"}}]});
        Answer::synthetic(vec![list]).row(Table::Allergies, "a")["membership"].clone()
    };
    let tbd = || json!({"coding": [{"code": "TBD"}]});
    assert_eq!(titled("Ended allergies", tbd()), "ended");
    assert_eq!(titled("Resolved Allergies", Value::Null), "ended");
    assert_eq!(titled("Active Allergies", tbd()), "none");
    assert_eq!(titled("Ended allergies", json!({"coding": [{"code": "999"}]})), "none");
}

#[test]
fn a_secondary_list_is_known_by_its_code_its_title_and_a_trailing_space() {
    for code in [
        "problems-medications-related-to-problems",
        "problems-medications-related-to-problems ",
        "Problems - medications related to problems",
    ] {
        let answer = Answer::synthetic(vec![
            json!({"resourceType": "MedicationStatement", "id": "m"}),
            warned(secondary_list(code, &["MedicationStatement/m"]), &["confidential-items"], "withheld"),
        ]);
        assert_eq!(answer.row(Table::Medications, "m")["membership"], "linked", "{code}");
        assert_row(&answer.notices("confidential-items")[0], json!({"area": "medications"}));
        assert_row(&answer.section("medications"), json!({"state": "not_requested", "warnings": null}));
    }
}

#[test]
fn a_list_of_an_unknown_code_makes_no_claim_and_is_noticed() {
    let answer = Answer::synthetic(vec![problem("p", json!({})), list("999", &["Condition/p"])]);
    assert_eq!(answer.row(Table::Problems, "p")["membership"], "none");
    assert_eq!(answer.notices("unknown_code").len(), 1);
}

#[test]
fn a_primary_list_speaks_for_the_records_of_its_own_area_alone() {
    let answer = Answer::synthetic(vec![
        problem("p", json!({})),
        allergy("a", json!({"text": "Agent"}), json!({})),
        list(MEDICATIONS, &["Condition/p"]),
        list(PROBLEMS, &["AllergyIntolerance/a"]),
    ]);
    assert_eq!(answer.row(Table::Problems, "p")["membership"], "none");
    assert_eq!(answer.row(Table::Allergies, "a")["membership"], "none");
}

#[test]
fn one_page_of_several_leaves_every_area_that_was_asked_for_incomplete() {
    let paged = |link: Value| {
        let mut sent: Value = serde_json::from_str(&bundle(&[list(ALLERGIES, &[])])).expect("JSON");
        sent["link"] = link;
        let options =
            Options { requested: Some(vec![ClinicalArea::Allergies, ClinicalArea::Problems]), ..options() };
        Answer::read(sent.to_string().as_bytes(), &options)
    };
    for link in [
        json!([{"relation": "self", "url": "https://x/1"}, {"relation": "next", "url": "https://x/2"}]),
        json!({"url": "https://x/2", "relation": " Next"}),
    ] {
        let answer = paged(link);
        for (area, incomplete) in [("allergies", true), ("problems", true), ("medications", false)] {
            assert_eq!(answer.section(area)["incomplete"], incomplete, "{area}");
        }
        let noticed = answer.notices("missing_element");
        let noticed = noticed.iter().find(|notice| notice["element"] == "link").expect("told");
        assert_row(
            noticed,
            json!({"severity": "error", "origin": "normaliser", "entry_index": null,
                "text": "the answer is one page of several; what the others hold is not here"}),
        );
    }
    let answer = paged(json!([{"relation": "self", "url": "https://x/1"}]));
    assert_eq!(answer.section("allergies")["incomplete"], false);
    assert!(answer.notices("missing_element").iter().all(|notice| notice["element"] != "link"));
}
