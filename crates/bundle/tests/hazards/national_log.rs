//! Rows of the national hazard log: what the tables hold, and the areas outside them.

use bedside_bundle::{Options, normalise};
use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, Day};
use serde_json::{Value, json};

use crate::sheet::*;
use crate::{fixtures, state_of, support, tablets};

const READ: &str = "http://read.info/readv2";

#[test]
fn h2_every_coding_of_an_allergy_is_kept_in_order_and_none_is_filtered() {
    let systems = [
        READ,
        "https://fhir.hl7.org.uk/Id/egton-codes",
        "https://fhir.hl7.org.uk/Id/resipuk-gemscript-drug-codes",
    ];
    let mut resources: Vec<Value> = systems
        .iter()
        .map(|system| {
            let local =
                json!({"system": system, "code": " C0de.00", "display": "As typed", "userSelected": true});
            let snomed = json!({"system": SNOMED, "code": "91936005", "display": "Allergy to penicillin"});
            allergy(system, json!({"coding": [local, snomed]}), json!({}))
        })
        .collect();
    resources.push(allergy("text", json!({"text": "Only words"}), json!({})));
    let answer = Answer::synthetic(resources);
    assert_eq!(answer.rows(Table::Allergies).len(), 4);
    for system in systems {
        let row = answer.row(Table::Allergies, system);
        let kept = row["allergy_codings"].as_array().expect("codings");
        assert_row(
            &kept[0],
            json!({"system": system, "code": " C0de.00", "display": "As typed", "user_selected": true}),
        );
        assert_row(&kept[1], json!({"system": SNOMED, "code": "91936005"}));
    }
    assert_row(
        &answer.row(Table::Allergies, "text"),
        json!({"allergy_code": null, "allergy_term": "Only words"}),
    );
}

#[test]
fn h11_every_resource_of_every_bundle_is_accounted_for_once() {
    for (stem, answer) in fixtures() {
        for (kind, account) in &answer.record.accounting {
            assert_eq!(account.seen as usize, answer.all_sent(kind).len(), "{stem} {kind}");
            assert_eq!(
                account.normalised + account.context + account.unmapped,
                account.seen,
                "{stem} {kind}"
            );
        }
    }
}

#[test]
fn h16_an_area_that_was_not_asked_for_is_not_an_empty_one_and_labels_stay() {
    let secret = json!({"meta": {"security": [{"code": "NOPAT"}]}});
    let mut resources = tablets("m", secret);
    resources.push(list(MEDICATIONS, &["MedicationStatement/m"]));
    let answer = Answer::requested(&[ClinicalArea::Medications], resources);
    assert_row(&answer.section("allergies"), json!({"requested": false, "state": "not_requested"}));
    assert_eq!(answer.section("medications")["state"], "returned");
    assert_eq!(texts(&answer.row(Table::Medications, "m"), "security"), ["NOPAT"]);
}

#[test]
fn h18_text_notes_and_links_travel_on_the_row() {
    let mut resources = tablets(
        "m",
        json!({"note": [{"text": "Of the statement"}], "context": {"reference": "Encounter/e"}}),
    );
    resources[2]["note"] = json!([{"text": "Of the plan"}]);
    resources.push(json!({"resourceType": "Encounter", "id": "e"}));
    resources.push(problem(
        "p",
        json!({"extension": content(&[json!({"reference": "MedicationRequest/m-plan"})])}),
    ));
    let answer = Answer::synthetic(resources);
    assert_row(
        &answer.row(Table::Medications, "m"),
        json!({"notes": ["Of the statement", "Of the plan"],
        "consultation_id": "e", "consultation_link": "context", "problem_ids": ["p"]}),
    );
}

#[test]
fn h19_h48_fetched_twice_is_the_same_record_and_look_alikes_stay_two() {
    let mut resources = tablets("one", json!({"effectivePeriod": {"start": "2025-01-01"}}));
    resources.extend(tablets("two", json!({"effectivePeriod": {"start": "2025-01-01"}})));
    let (first, again) = (Answer::synthetic(resources.clone()), Answer::synthetic(resources));
    assert_eq!(first.rows(Table::Medications).len(), 2, "the same drug on the same day");
    assert!(first.record.tables().eq(again.record.tables()));
}

#[test]
fn h21_h59_unknown_codes_are_kept_as_sent_and_noticed() {
    let odd = "zz-unknown ";
    let mut resources = medicine(
        "m",
        json!({"text": "Drug"}),
        json!({"status": odd}),
        json!({"status": odd, "extension": prescription(odd, None, None)}),
    );
    resources.push(list(MEDICATIONS, &["MedicationStatement/m"]));
    resources.push(issue("i", "m", json!({"status": odd})));
    resources.push(allergy("a", json!({"text": "Agent"}), json!({"clinicalStatus": odd})));
    resources.push(problem("p", json!({"clinicalStatus": odd})));
    resources.push(json!({"resourceType": "Encounter", "id": "e", "status": odd}));
    let answer = Answer::synthetic(resources);
    assert_row(
        &answer.row(Table::Medications, "m"),
        json!({"status": odd, "plan_status": odd, "prescription_type": odd, "class": "unknown"}),
    );
    assert_eq!(answer.row(Table::MedicationIssues, "i")["status"], odd);
    assert_eq!(answer.row(Table::Allergies, "a")["clinical_status"], odd);
    assert_eq!(answer.row(Table::Problems, "p")["clinical_status"], odd);
    assert_row(&answer.row(Table::Consultations, "e"), json!({"status": odd, "draft": false}));
    let noticed = answer.noticed("unknown_code");
    for id in ["m", "m-plan", "i", "a", "p", "e"] {
        assert!(noticed.iter().any(|noticed| noticed == id), "{id}");
    }
}

#[test]
fn h32_withheld_is_neither_nothing_nor_everything() {
    let withheld = |list: Value| with(list, json!({"extension": [warning("confidential-items")]}));
    let state = |lists: Vec<Value>| state_of(&Answer::synthetic(lists), "allergies");
    assert_eq!(state(vec![list(ALLERGIES, &[])]), "empty_no_content");
    assert_eq!(state(vec![withheld(list(ALLERGIES, &[]))]), "empty_confidential");
    let some = vec![
        allergy("a", json!({"text": "Agent"}), json!({})),
        withheld(list(ALLERGIES, &["AllergyIntolerance/a"])),
    ];
    assert_eq!(state(some), "returned_with_exclusions");
    let ended = vec![list(ALLERGIES, &[]), withheld(list(ENDED_ALLERGIES, &[]))];
    assert_eq!(Answer::synthetic(ended).section("allergies")["warnings"], json!(["confidential-items"]));
}

#[test]
fn h33_what_consultations_bring_is_no_list_of_medicines() {
    let mut resources = tablets("m", json!({}));
    resources.push(json!({"resourceType": "Encounter", "id": "e", "status": "finished"}));
    resources.push(list(CONSULTATIONS, &["Encounter/e"]));
    resources.push(secondary_list(
        "consultations-medications-contained-in-consultations",
        &["MedicationStatement/m"],
    ));
    let answer = Answer::synthetic(resources);
    assert_row(
        &answer.row(Table::Medications, "m"),
        json!({"membership": "linked", "class": "context_only"}),
    );
    assert_eq!(answer.section("medications")["state"], "not_requested");
}

#[test]
fn h36_a_cut_answer_is_never_a_record() {
    let whole =
        bundle(&[tablets("m", json!({})), vec![list(MEDICATIONS, &["MedicationStatement/m"])]].concat());
    for end in 0..whole.len() {
        assert!(normalise(&whole.as_bytes()[..end], &support::options()).is_err(), "cut at {end}");
    }
}

/// An issue that is lost is beyond this control: nothing that is sent counts them.
#[test]
fn h36_a_record_that_its_list_names_is_never_missing_unnoticed() {
    let mut missed = 0;
    for (stem, answer) in
        fixtures().into_iter().filter(|(stem, _)| stem.starts_with("emis-") || stem.starts_with("tpp-"))
    {
        let before = answer.notices("unresolved_reference").len();
        let listed = listed_by_queries(&answer);
        let entries = answer.sent["entry"].as_array().expect("entries");
        for (position, entry) in entries.iter().enumerate() {
            let resource = &entry["resource"];
            let id = format!(
                "{}/{}",
                string(resource, "resourceType").unwrap_or_default(),
                string(resource, "id").unwrap_or_default()
            );
            if !listed.contains(&id) || missed > 200 {
                continue;
            }
            let mut without = answer.sent.clone();
            without["entry"].as_array_mut().expect("entries").remove(position);
            let cut = Answer::read(without.to_string().as_bytes(), &support::options());
            assert!(cut.notices("unresolved_reference").len() > before, "{stem}: {id}");
            missed += 1;
        }
    }
    assert!(missed > 50);
}

#[test]
fn h36_a_plan_that_is_lost_is_noticed_and_its_statement_stays() {
    let mut resources = tablets("m", json!({}));
    resources.push(issue("i", "m", json!({})));
    resources.push(list(MEDICATIONS, &["MedicationStatement/m"]));
    assert!(Answer::synthetic(resources.clone()).notices("unresolved_reference").is_empty());
    resources.retain(|resource| resource["intent"] != "plan");
    let answer = Answer::synthetic(resources);
    assert_eq!(answer.noticed("unresolved_reference"), ["m", "i"]);
    assert_row(&answer.row(Table::Medications, "m"), json!({"plan_id": "m-plan", "issue_count": 1}));
}

/// What the lists without an id name, as `Type/id`.
fn listed_by_queries(answer: &Answer) -> Vec<String> {
    let lists = answer.all_sent("List").into_iter().filter(|list| list["id"].is_null());
    let items = lists.flat_map(|list| list["entry"].as_array().into_iter().flatten());
    items.filter_map(|entry| entry["item"]["reference"].as_str().map(str::to_owned)).collect()
}

#[test]
fn h37_h38_h45_h86_who_prescribed_is_as_sent_and_unknown_where_it_is_not() {
    let agency = json!([{"url": format!("{GPC}PrescribingAgency-1"), "valueCodeableConcept":
        {"coding": [{"code": "prescribed-by-another-organisation", "display": "Prescribed by another organisation"}], "text": " Hospital "}}]);
    let mut resources = tablets("elsewhere", json!({"extension": agency}));
    resources.extend(tablets("unsaid", json!({})));
    let answer = Answer::synthetic(resources);
    assert_row(
        &answer.row(Table::Medications, "elsewhere"),
        json!({
        "prescribing_agency": "prescribed-by-another-organisation", "prescribing_agency_text": " Hospital "}),
    );
    assert_row(
        &answer.row(Table::Medications, "unsaid"),
        json!({"prescribing_agency": null, "prescribing_agency_text": null}),
    );
}

#[test]
fn h42_a_total_objection_that_arrives_as_a_blank_record_is_told_as_withheld() {
    let areas = [MEDICATIONS, ALLERGIES, PROBLEMS, CONSULTATIONS];
    let blank =
        areas.map(|code| with(list(code, &[]), json!({"extension": [warning("confidential-items")]})));
    let answer = Answer::synthetic(blank.into());
    for area in ["medications", "allergies", "problems", "consultations"] {
        assert_eq!(state_of(&answer, area), "empty_confidential", "{area}");
    }
}

#[test]
fn h28_h52_order_and_headings_of_a_consultation_are_as_sent() {
    let level = |id: &str, code: &str, title: &str, items: &[&str]| {
        with(list(code, items), json!({"id": id, "title": title, "encounter": {"reference": "Encounter/e"}}))
    };
    let answer = Answer::synthetic(vec![
        level("plan", "24781000000107", "Plan", &["Observation/z", "Observation/a"]),
        level("history", "24781000000107", "History", &["Observation/m"]),
        level("topic", "25851000000105", "Cough", &["List/history", "List/plan"]),
        level("top", "325851000000107", "Surgery", &["List/topic"]),
        json!({"resourceType": "Encounter", "id": "e"}),
    ]);
    let shown: Vec<String> = answer
        .rows(Table::ConsultationNodes)
        .iter()
        .map(|node| {
            format!(
                "{}:{}:{}",
                node["node"],
                node["parent"],
                string(node, "title").or(string(node, "item_id")).expect("named")
            )
        })
        .collect();
    assert_eq!(shown, ["0:null:Surgery", "1:0:Cough", "2:1:History", "3:2:m", "4:1:Plan", "5:4:z", "6:4:a"]);
}

#[test]
fn h55_what_decides_whether_a_repeat_is_current_stands_side_by_side() {
    let answer = Answer::fixture("repeat-authorisation-lapsed");
    let rows = answer.rows(Table::Medications);
    assert!(rows.len() >= 4);
    for row in &rows {
        let (statement, plan) = (answer.statement(row), answer.plan(row));
        assert_row(
            row,
            json!({"status": statement["status"], "plan_status": plan["status"], "class": "current"}),
        );
        assert_row(
            row,
            json!({"effective_start": statement["effectivePeriod"]["start"], "effective_end": null}),
        );
        assert!(row["last_issue"].is_string() && row["repeats_issued"].is_number());
    }
    let lapsed = rows.iter().filter(|row| texts(row, "flags").contains(&"authorisation_lapsed"));
    assert_eq!(lapsed.count(), 3, "on the very day of its expiry it has not lapsed");
}

#[test]
fn h85_the_last_issue_is_as_stated_and_never_derived_from_orders() {
    let mut resources = tablets("unstated", json!({}));
    resources.push(issue(
        "i",
        "unstated",
        json!({"status": "completed", "dispenseRequest": {"validityPeriod": {"start": "2025-12-01"}}}),
    ));
    resources.extend(tablets("stated", json!({"extension": last_issue("2025-11-01")})));
    let answer = Answer::synthetic(resources);
    assert_row(&answer.row(Table::Medications, "unstated"), json!({"last_issue": null, "issue_count": 1}));
    assert_row(
        &answer.row(Table::Medications, "stated"),
        json!({"last_issue": "2025-11-01", "issue_count": 0}),
    );
}

#[test]
fn h87_issues_of_repeat_dispensing_keep_their_own_dates() {
    let answer = Answer::fixture("repeat-dispensing-post-dated");
    let rows = answer.rows(Table::Medications);
    assert_row(
        &rows[0],
        json!({"prescription_type": "repeat-dispensing", "class": "current", "issue_count": 6}),
    );
    let issues = answer.issues(&rows[0]);
    for issue in &issues {
        let order = answer.sent("MedicationRequest", &issue["issue_id"]);
        assert_eq!(issue["issued"], order["dispenseRequest"]["validityPeriod"]["start"]);
        let future = string(issue, "issued_from") > Some("2026-01-15");
        assert_eq!(texts(issue, "flags").contains(&"future_issue"), future);
    }
    assert_eq!(issues.iter().filter(|issue| texts(issue, "flags").contains(&"future_issue")).count(), 4);
}

#[test]
fn h88_a_contained_ended_allergy_is_ended_and_never_active() {
    let answer = Answer::synthetic(vec![list(ALLERGIES, &[]), contained_ended("a")]);
    assert_row(
        &answer.row(Table::Allergies, "a"),
        json!({"derived_status": "ended", "membership": "ended", "source_container": "ended_list"}),
    );
}

#[test]
fn h88_lists_and_status_that_disagree_are_a_conflict_on_either_row() {
    let active = allergy("a", concept("387458008", "Aspirin"), json!({}));
    let answer =
        Answer::synthetic(vec![active, list(ALLERGIES, &["AllergyIntolerance/a"]), contained_ended("a")]);
    let rows = answer.rows(Table::Allergies);
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_eq!(row["derived_status"], "conflict");
        assert_flags(row, &["status_conflict"]);
    }
}

#[test]
fn h88_no_row_that_anything_calls_ended_is_plainly_active() {
    let mut ended = 0;
    for (stem, answer) in fixtures() {
        for row in answer.rows(Table::Allergies) {
            let called = row["clinical_status"] == "resolved"
                || row["membership"] == "ended"
                || !row["ended"].is_null();
            assert!(!called || row["derived_status"] != "active", "{stem}: {}", row["allergy_id"]);
            ended += usize::from(called);
        }
    }
    assert!(ended > 10);
}

#[test]
fn h89_whatever_its_code_an_allergy_is_an_allergy() {
    let odd = [
        (READ, "14L6.00", "H/O: serum allergy", "medication"),
        (SNOMED, "419056004", "Adverse reaction", "medication"),
        (SNOMED, "201551000000109", "Allergy to plasters", "environment"),
        (SNOMED, "38341003", "A disorder", "environment"),
    ];
    let resources = odd.iter().map(|(system, code, display, category)| {
        let coding = json!({"coding": [{"system": system, "code": code, "display": display}]});
        allergy(code, coding, json!({"category": [category]}))
    });
    let answer = Answer::synthetic(resources.collect());
    for (_, code, display, category) in odd {
        assert_row(
            &answer.row(Table::Allergies, code),
            json!({"allergy_term": display, "derived_status": "active", "category": [category]}),
        );
    }
}

#[test]
fn h99_what_a_problem_links_is_marked_as_linked() {
    let mut resources = tablets("m", json!({}));
    let links = content(&[
        json!({"reference": "MedicationRequest/m-plan"}),
        json!({"reference": "AllergyIntolerance/a"}),
    ]);
    resources.push(allergy("a", json!({"text": "Agent"}), json!({})));
    resources.push(problem("p", json!({"extension": links})));
    resources.push(list(PROBLEMS, &["Condition/p"]));
    let answer = Answer::synthetic(resources);
    assert_row(
        &answer.row(Table::Medications, "m"),
        json!({"membership": "linked", "class": "context_only"}),
    );
    assert_eq!(answer.row(Table::Allergies, "a")["membership"], "linked");
    assert_eq!(state_of(&answer, "medications"), "not_requested");
}

/// The day of retrieval is said by the caller; nothing in the normaliser reads a clock.
#[test]
fn h46_the_day_for_which_classes_hold_is_the_callers() {
    let mut resources = tablets("m", json!({"effectivePeriod": {"start": "2026-02-01"}}));
    resources.push(list(MEDICATIONS, &["MedicationStatement/m"]));
    let text = bundle(&resources);
    let class_on = |month, day| {
        let day = Day::new(2026, month, day).expect("a day of the calendar");
        Answer::read(text.as_bytes(), &Options::new(day)).row(Table::Medications, "m")["class"].clone()
    };
    assert_eq!((class_on(1, 31), class_on(2, 1)), (json!("future"), json!("current")));
}

#[test]
fn h13_h14_a_vaccine_among_the_medicines_stays_a_medicine() {
    let mut resources = medicine(
        "v",
        concept("34765811000001105", "Influenza vaccine"),
        json!({"status": "completed"}),
        json!({}),
    );
    resources.push(list(MEDICATIONS, &["MedicationStatement/v"]));
    let answer = Answer::synthetic(resources);
    assert_row(
        &answer.row(Table::Medications, "v"),
        json!({"medication_term": "Influenza vaccine", "class": "past"}),
    );
    assert_eq!(state_of(&answer, "immunisations"), "not_requested");
}

#[test]
fn h17_h73_h76_other_resources_are_counted_and_never_rows() {
    let kinds = [
        "Observation",
        "Immunization",
        "ReferralRequest",
        "ProcedureRequest",
        "DiagnosticReport",
        "DocumentReference",
        "Specimen",
        "QuestionnaireResponse",
        "Flag",
        "Appointment",
    ];
    let answer = Answer::synthetic(
        kinds.iter().map(|kind| json!({"resourceType": kind, "id": "x", "status": "active"})).collect(),
    );
    for kind in kinds {
        let account = answer.record.accounting[kind];
        assert_eq!((account.seen, account.unmapped), (1, 1), "{kind}");
    }
    for table in
        [Table::Medications, Table::MedicationIssues, Table::Allergies, Table::Problems, Table::Consultations]
    {
        assert!(answer.rows(table).is_empty(), "{}", table.as_str());
    }
}

fn contained_ended(id: &str) -> Value {
    let ended = allergy(id, concept("387458008", "Aspirin"), json!({"clinicalStatus": "resolved"}));
    with(list(ENDED_ALLERGIES, &[&format!("#{id}")]), json!({"contained": [ended]}))
}
