//! Section 4 of the sheet: the records that come without a description, by their counts and structures.

use bedside_bundle::{BundleError, normalise};
use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::{Answer, extension, list, problem, secondary_list, string, texts, value_of};
use crate::support;

fn problems() -> Option<Answer> {
    Answer::official("official-problems", (2021, 6, 16))
}

fn consultations() -> Option<Answer> {
    Answer::official("official-consultations", (2021, 7, 26))
}

#[test]
fn problems_seventeen_headers_with_their_links() {
    let Some(answer) = problems() else { return };
    assert_eq!(answer.rows(Table::Problems).len(), 17);
    let count = |relation: &str| answer.links(relation).len();
    assert_eq!(count("parent") + count("child") + count("sibling"), 22);
    assert_eq!(count("problem-content"), 79);
    assert!(answer.rows(Table::Problems).iter().all(|row| row["membership"] == "primary"));
}

#[test]
fn problems_header_relations_hold_both_ways() {
    let Some(answer) = problems() else { return };
    let edges = |relation: &str| -> Vec<(String, String)> {
        let end = |link: &Value, column: &str| string(link, column).expect("an id").to_owned();
        let mut edges: Vec<_> =
            answer.links(relation).iter().map(|link| (end(link, "from_id"), end(link, "to_id"))).collect();
        edges.sort();
        edges
    };
    let turned = |edges: Vec<(String, String)>| {
        let mut turned: Vec<_> = edges.into_iter().map(|(from, to)| (to, from)).collect();
        turned.sort();
        turned
    };
    assert_eq!(edges("parent"), turned(edges("child")));
    assert_eq!(edges("sibling"), turned(edges("sibling")));
    let listed = |column: &str| -> usize {
        answer.rows(Table::Problems).iter().map(|row| texts(row, column).len()).sum()
    };
    assert_eq!((listed("parent_ids"), listed("child_ids"), listed("sibling_ids")), (8, 8, 6));
}

#[test]
fn problems_links_to_absent_topic_lists_are_kept_and_noticed() {
    let Some(answer) = problems() else { return };
    let links = answer.links("problem-content");
    let absent: Vec<&Value> = links.iter().filter(|link| link["resolved"] == false).collect();
    assert_eq!(absent.len(), 10);
    assert!(absent.iter().all(|link| link["to_type"] == "List" && link["to_id"].is_string()));
    let notices = answer.notices("unresolved_reference");
    let of_problems = notices.iter().filter(|notice| notice["resource_type"] == "Condition");
    assert_eq!(of_problems.count(), 10);
}

#[test]
fn problems_an_allergy_and_an_immunisation_may_be_the_actual_problem() {
    let Some(answer) = problems() else { return };
    let rows = answer.rows(Table::Problems);
    for (kind, count) in [("AllergyIntolerance", 1), ("Immunization", 1), ("Observation", 15)] {
        let of_kind: Vec<_> = rows.iter().filter(|row| row["actual_problem_type"] == kind).collect();
        assert_eq!(of_kind.len(), count, "{kind}");
        for row in of_kind {
            assert_eq!(row["actual_problem_resolved"], true);
            let sent = answer.sent("Condition", &row["problem_id"]);
            let reference = value_of(extension(sent, "ActualProblem"))["reference"].as_str();
            assert_eq!(
                reference.and_then(|path| path.split_once('/')).map(|(_, id)| id),
                string(row, "actual_problem_id")
            );
        }
    }
}

#[test]
fn problems_what_comes_with_them_is_linked_and_no_complete_view() {
    let Some(answer) = problems() else { return };
    let counts = [
        (Table::Medications, 4),
        (Table::MedicationIssues, 13),
        (Table::Allergies, 2),
        (Table::Consultations, 8),
    ];
    for (table, count) in counts {
        let rows = answer.rows(table);
        assert_eq!(rows.len(), count, "{}", table.as_str());
        assert!(rows.iter().all(|row| row["membership"] == "linked"), "{}", table.as_str());
    }
    assert!(answer.rows(Table::Medications).iter().all(|row| row["class"] == "context_only"));
    for area in ["medications", "allergies", "consultations"] {
        assert_eq!(answer.section(area)["state"], "not_requested", "{area}");
    }
}

#[test]
fn problems_of_the_linked_problems_list_are_linked_alone() {
    let Some(answer) = consultations() else { return };
    let rows = answer.rows(Table::Problems);
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row["membership"] == "linked"));
    assert_eq!(answer.section("problems")["state"], "not_requested");
}

#[test]
fn consultations_nineteen_of_which_three_are_drafts() {
    let Some(answer) = consultations() else { return };
    let rows = answer.rows(Table::Consultations);
    assert_eq!(rows.len(), 19);
    let drafts: Vec<_> = rows.iter().filter(|row| row["draft"] == true).collect();
    assert_eq!(drafts.len(), 3);
    assert!(drafts.iter().all(|row| row["status"] == "unknown" && texts(row, "flags") == ["draft"]));
    let counts = [(Table::Medications, 6), (Table::Allergies, 5), (Table::Problems, 4)];
    for (table, count) in counts {
        assert_eq!(answer.rows(table).len(), count, "{}", table.as_str());
    }
}

#[test]
fn consultations_four_levels_hold_every_list_and_leaf_once() {
    let Some(answer) = consultations() else { return };
    assert_eq!(answer.all_sent("List").len(), 149);
    let structure: Vec<&Value> =
        answer.all_sent("List").into_iter().filter(|list| list["encounter"].is_object()).collect();
    let nodes = answer.rows(Table::ConsultationNodes);
    for (level, code) in
        [("consultation", "325851000000107"), ("topic", "25851000000105"), ("heading", "24781000000107")]
    {
        let sent = structure.iter().filter(|list| list["code"]["coding"][0]["code"] == code).count();
        assert!(sent > 0);
        assert_eq!(nodes.iter().filter(|node| node["level"] == level).count(), sent, "{level}");
    }
    let entries: usize = structure.iter().filter_map(|list| list["entry"].as_array()).map(Vec::len).sum();
    let below_the_top = nodes.iter().filter(|node| node["level"] != "consultation").count();
    assert_eq!(below_the_top, entries, "every entry of a structure list is a node");
    assert!(nodes.iter().all(|node| node["availability"] == "ok"));
}

#[test]
fn consultations_hold_what_only_their_lists_name() {
    let Some(answer) = consultations() else { return };
    let nodes = answer.rows(Table::ConsultationNodes);
    let questionnaires: Vec<_> =
        nodes.iter().filter(|node| node["item_type"] == "QuestionnaireResponse").collect();
    assert_eq!(questionnaires.len(), 4);
    assert_eq!(answer.record.accounting["QuestionnaireResponse"].unmapped, 4);
    let listed = answer.links("listed-in");
    assert_eq!(listed.len(), 11, "six medication requests and five allergies");
    for link in &listed {
        let mut items = nodes.iter().filter(|node| node["item_id"] == link["from_id"]);
        assert_eq!(items.next().expect("an item")["consultation_id"], link["to_id"]);
    }
}

#[test]
fn consultations_count_what_was_recorded_in_each() {
    let Some(answer) = consultations() else { return };
    let tables = [
        (Table::Medications, "medication_count"),
        (Table::MedicationIssues, "issue_count"),
        (Table::Allergies, "allergy_count"),
        (Table::Problems, "problem_count"),
    ];
    let mut counted = 0;
    for (table, column) in tables {
        let rows = answer.rows(table);
        for consultation in answer.rows(Table::Consultations) {
            let recorded =
                rows.iter().filter(|row| row["consultation_id"] == consultation["consultation_id"]);
            let recorded = recorded.count();
            assert_eq!(consultation[column], recorded, "{column}");
            counted += recorded;
        }
    }
    assert!(counted > 10);
}

#[test]
fn other_areas_are_counted_as_unmapped_and_their_problems_as_linked() {
    let areas = [
        ("887191000000108", "DiagnosticReport"),
        ("1102181000000102", "Immunization"),
        ("792931000000107", "ReferralRequest"),
        ("714311000000108", "ProcedureRequest"),
        ("826501000000100", "Observation"),
    ];
    for (code, kind) in areas {
        let answer = Answer::synthetic(vec![
            json!({"resourceType": kind, "id": "item"}),
            problem("about", json!({})),
            list(code, &[&format!("{kind}/item")]),
            secondary_list(
                "problems-linked-problems-not-relating-to-the-primary-query",
                &["Condition/about"],
            ),
        ]);
        let account = answer.record.accounting[kind];
        assert_eq!((account.seen, account.unmapped, account.normalised), (1, 1, 0), "{kind}");
        assert_eq!(answer.row(Table::Problems, "about")["membership"], "linked");
        let states = answer.rows(Table::Sections);
        let returned: Vec<_> = states.iter().filter(|section| section["state"] == "returned").collect();
        assert_eq!(returned.len(), 1, "{kind}");
        assert_eq!(returned[0]["entries"], 1);
    }
}

#[test]
fn documents_a_binary_answer_is_refused() {
    let binary = br#"{"resourceType":"Binary","contentType":"application/pdf","content":"JVBERi0="}"#;
    assert!(matches!(normalise(binary, &support::options()), Err(BundleError::NotABundle { .. })));
}
