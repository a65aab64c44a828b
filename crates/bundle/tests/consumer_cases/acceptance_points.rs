//! Section 6 of the sheet: what the set teaches, held against every row of the five records.

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::{Answer, string, texts};

fn records() -> Vec<Answer> {
    let stems = ["meds-part1", "meds-part2", "allergies", "problems", "consultations"];
    stems.iter().filter_map(|stem| Answer::official(&format!("official-{stem}"), (2021, 9, 20))).collect()
}

const ROWS: [(Table, &str); 4] = [
    (Table::Medications, "MedicationStatement"),
    (Table::Allergies, "AllergyIntolerance"),
    (Table::Problems, "Condition"),
    (Table::Consultations, "Encounter"),
];

#[test]
fn point_1_count_in_is_count_out_per_type_and_per_list() {
    for answer in records() {
        for (table, kind) in ROWS {
            assert_eq!(
                answer.rows(table).len(),
                answer.all_sent(kind).len(),
                "{kind}, contained ones included"
            );
        }
        for account in answer.record.accounting.values() {
            assert_eq!(account.normalised + account.context + account.unmapped, account.seen);
        }
        for (code, area) in LISTS {
            let lists = answer.all_sent("List");
            let mut lists = lists.iter().filter(|list| list["code"]["coding"][0]["code"] == code);
            let Some(list) = lists.next() else { continue };
            let entries = list["entry"].as_array().map_or(0, Vec::len);
            assert_eq!(answer.section(area)["entries"], entries, "{area}");
        }
    }
}

const LISTS: [(&str, &str); 4] = [
    (crate::sheet::MEDICATIONS, "medications"),
    (crate::sheet::ALLERGIES, "allergies"),
    (crate::sheet::PROBLEMS, "problems"),
    (crate::sheet::CONSULTATIONS, "consultations"),
];

#[test]
fn point_2_every_statement_is_a_row_with_its_plan_and_its_orders() {
    for answer in records() {
        let rows = answer.rows(Table::Medications);
        for statement in answer.all_sent("MedicationStatement") {
            let row = rows.iter().find(|row| row["medication_id"] == statement["id"]).expect("a row");
            let plan = statement["basedOn"][0]["reference"].as_str().and_then(|path| path.split_once('/'));
            assert_eq!(string(row, "plan_id"), plan.map(|(_, id)| id));
            let orders = answer.all_sent("MedicationRequest");
            let orders = orders.iter().filter(|order| order["basedOn"][0] == statement["basedOn"][0]).count();
            assert_eq!((answer.issues(row).len(), &row["issue_count"]), (orders, &json!(orders)));
        }
    }
}

#[test]
fn point_3_no_status_is_changed_by_a_date_or_a_counter() {
    for answer in records() {
        for (table, kind) in ROWS {
            let column = match table {
                Table::Medications | Table::Consultations => "status",
                _ => "clinical_status",
            };
            let element = if column == "status" { "status" } else { "clinicalStatus" };
            let rows = answer.rows(table);
            for (row, sent) in rows.iter().zip(in_order(&answer, kind)) {
                assert_eq!(row[column], sent[element], "{kind}");
            }
        }
    }
}

/// The resources of a type in the order of the rows.
fn in_order<'a>(answer: &'a Answer, kind: &str) -> Vec<&'a Value> {
    answer.all_sent(kind)
}

#[test]
fn point_4_the_text_is_shown_before_any_display() {
    let mut shown = 0;
    for answer in records() {
        for (table, prefix) in
            [(Table::Medications, "medication"), (Table::Allergies, "allergy"), (Table::Problems, "problem")]
        {
            for row in answer.rows(table) {
                let column = |part: &str| row[format!("{prefix}_{part}")].clone();
                assert!(column("term").is_string(), "every drug, allergy and problem can be read");
                if column("text").is_string() {
                    assert_eq!((column("term"), column("term_source")), (column("text"), json!("text")));
                    shown += 1;
                }
            }
        }
    }
    assert!(shown > 0 || records().is_empty());
}

#[test]
fn point_6_links_are_kept_and_no_rows_are_merged() {
    for answer in records() {
        let priors = answer.all_sent("MedicationRequest").into_iter();
        let priors = priors.filter(|request| request["priorPrescription"].is_object()).count();
        assert_eq!(answer.links("replaces").len(), priors);
        let ids: Vec<Value> =
            answer.rows(Table::Medications).into_iter().map(|row| row["medication_id"].clone()).collect();
        let sent: Vec<Value> =
            in_order(&answer, "MedicationStatement").into_iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, sent);
    }
}

#[test]
fn point_7_no_ended_or_foreign_allergy_looks_like_an_active_one_of_this_patient() {
    for answer in records() {
        let patients = answer.all_sent("Patient");
        let ours = format!("Patient/{}", patients[0]["id"].as_str().expect("an id"));
        let mismatched = answer.notices("patient_mismatch");
        for (row, sent) in answer.rows(Table::Allergies).iter().zip(in_order(&answer, "AllergyIntolerance")) {
            assert_eq!(row["allergy_id"], sent["id"]);
            assert_eq!(sent["clinicalStatus"] == "resolved", row["derived_status"] == "ended");
            let noticed = mismatched.iter().any(|notice| {
                notice["entry_index"] == row["entry_index"] && notice["resource_id"] == row["allergy_id"]
            });
            assert_eq!(sent["patient"]["reference"] != ours.as_str(), noticed);
        }
    }
}

/// Points 5 and 8, the quantities and the dates, are in the key data of each record.
#[test]
fn point_8_a_partial_date_is_an_interval_and_not_a_day() {
    for answer in records() {
        for (table, columns) in DATES {
            for row in answer.rows(table) {
                for column in columns {
                    let Some(sent) = string(&row, column) else { continue };
                    let bounds =
                        (row[format!("{column}_from")].as_str(), row[format!("{column}_to")].as_str());
                    let (from, to) = (bounds.0.expect("readable"), bounds.1.expect("readable"));
                    match sent.len() {
                        4 => assert_eq!((from, to), (&*format!("{sent}-01-01"), &*format!("{sent}-12-31"))),
                        7 => assert!(from == format!("{sent}-01") && to.starts_with(sent) && to > from),
                        _ => assert_eq!((from, to), (&sent[..10], &sent[..10])),
                    }
                }
            }
        }
        assert!(answer.notices("unreadable_date").is_empty());
    }
}

const DATES: [(Table, &[&str]); 5] = [
    (
        Table::Medications,
        &[
            "effective_start",
            "effective_end",
            "date_asserted",
            "last_issue",
            "authored_on",
            "authorisation_expiry",
            "status_changed",
        ],
    ),
    (Table::MedicationIssues, &["issued", "issue_end", "authored_on"]),
    (Table::Allergies, &["onset", "asserted", "last_occurrence", "ended"]),
    (Table::Problems, &["onset", "abatement", "asserted"]),
    (Table::Consultations, &["start", "end", "recorded"]),
];

/// No flag or class is lost for want of SNOMED, issue, end date or encounter.
#[test]
fn point_2_a_gap_costs_no_row_and_no_class() {
    for answer in records() {
        for row in answer.rows(Table::Medications) {
            assert!(row["class"].is_string());
            assert!(!texts(&row, "flags").contains(&"malformed"));
        }
    }
}
