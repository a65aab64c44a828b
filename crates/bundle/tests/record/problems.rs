//! Problems: their status, what they link, and how problems relate (`problems` sheet).

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::*;

const CARE_CONNECT: &str = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-";

fn extended(id: &str, extensions: &[Value]) -> Value {
    problem(id, json!({"extension": extensions}))
}

fn actual(url: &str, target: Value) -> Value {
    json!({"url": url, "valueReference": target})
}

/// A relation in the shape of the specification, its parts in this order.
fn header(kind: &str, target: Value, target_first: bool) -> Value {
    let mut parts =
        vec![json!({"url": "type", "valueCode": kind}), json!({"url": "target", "valueReference": target})];
    if target_first {
        parts.reverse();
    }
    json!({"url": format!("{CARE_CONNECT}RelatedProblemHeader-1"), "extension": parts})
}

#[test]
fn the_actual_problem_is_read_under_both_urls_whatever_it_is() {
    let urls = [format!("{CARE_CONNECT}ActualProblem-1"), format!("{GPC}ActualProblem-1")];
    for url in &urls {
        for (target, kind, id, resolved) in [
            (
                json!({"reference": "AllergyIntolerance/a"}),
                json!("AllergyIntolerance"),
                json!("a"),
                json!(true),
            ),
            (json!({"reference": "Immunization/gone"}), json!("Immunization"), json!("gone"), json!(false)),
            (
                json!({"display": "Family history items are not supported by the provider system"}),
                Value::Null,
                Value::Null,
                json!(false),
            ),
            (
                json!({"reference": "Referral items are not supported"}),
                Value::Null,
                Value::Null,
                json!(false),
            ),
        ] {
            let answer = Answer::synthetic(vec![
                extended("p", &[actual(url, target.clone())]),
                allergy("a", json!({"text": "Latex"}), json!({})),
            ]);
            assert_row(
                &answer.row(Table::Problems, "p"),
                json!({"actual_problem_type": kind, "actual_problem_id": id, "actual_problem_resolved": resolved}),
            );
            let words =
                [&target["display"], &target["reference"]].into_iter().find(|words| words.is_string());
            let display = if kind.is_null() { words.cloned() } else { None };
            let link = &answer.links("actual-problem")[0];
            assert_row(link, json!({"to_type": kind, "to_id": id, "resolved": resolved, "display": display}));
        }
    }
    let without = Answer::synthetic(vec![problem("p", json!({}))]).row(Table::Problems, "p");
    assert_row(&without, json!({"actual_problem_type": null, "actual_problem_resolved": null}));
}

#[test]
fn of_several_actual_problems_the_first_is_the_column_and_all_are_links() {
    let url = format!("{CARE_CONNECT}ActualProblem-1");
    let to = |id: &str| actual(&url, json!({"reference": format!("Observation/{id}")}));
    let answer = Answer::synthetic(vec![extended("p", &[to("one"), to("two")])]);
    assert_eq!(answer.row(Table::Problems, "p")["actual_problem_id"], "one");
    assert_eq!(answer.links("actual-problem").len(), 2);
}

#[test]
fn relations_between_problems_are_read_in_any_case_and_order_of_their_parts() {
    let to = |id: &str| json!({"reference": format!("Condition/{id}")});
    let answer = Answer::synthetic(vec![
        extended(
            "p",
            &[
                header("Parent", to("up"), true),
                header("child", to("down"), false),
                header("SIBLING", to("gone"), true),
            ],
        ),
        problem("up", json!({})),
        problem("down", json!({})),
    ]);
    assert_row(
        &answer.row(Table::Problems, "p"),
        json!({"parent_ids": ["up"], "child_ids": ["down"], "sibling_ids": ["gone"]}),
    );
    for (relation, id, resolved) in
        [("parent", "up", true), ("child", "down", true), ("sibling", "gone", false)]
    {
        assert_row(&answer.links(relation)[0], json!({"to_id": id, "resolved": resolved}));
    }
    assert_eq!(answer.row(Table::Problems, "up")["membership"], "linked");
}

#[test]
fn a_relation_of_another_kind_is_noticed_and_no_link() {
    let target = json!({"reference": "Condition/q"});
    let answer =
        Answer::synthetic(vec![extended("p", &[header("cousin", target, false)]), problem("q", json!({}))]);
    assert_eq!(answer.noticed("unknown_code"), ["p"]);
    assert!(answer.rows(Table::Links).is_empty());
}

#[test]
fn an_active_problem_that_has_ended_and_an_inactive_one_that_has_not() {
    for (status, abatement, flags) in [
        ("active", json!("2020"), &["status_conflict"][..]),
        (" Active", json!("2020"), &["status_conflict"]),
        ("active", Value::Null, &[]),
        ("inactive", json!("2020"), &[]),
        ("inactive", Value::Null, &[]),
    ] {
        let members = json!({"clinicalStatus": status, "abatementDateTime": abatement});
        let row = Answer::synthetic(vec![problem("p", members)]).row(Table::Problems, "p");
        assert_flags(&row, flags);
        assert_row(&row, json!({"clinical_status": status, "abatement": abatement}));
    }
}

#[test]
fn a_problem_of_the_linked_list_alone_is_linked_and_one_of_both_lists_is_primary() {
    let linked = "problems-linked-problems-not-relating-to-the-primary-query";
    let answer = Answer::synthetic(vec![
        problem("linked", json!({"clinicalStatus": "inactive"})),
        problem("both", json!({})),
        problem("unlisted", json!({})),
        list(PROBLEMS, &["Condition/both"]),
        secondary_list(linked, &["Condition/linked", "Condition/both"]),
    ]);
    for (id, membership) in [("linked", "linked"), ("both", "primary"), ("unlisted", "none")] {
        assert_eq!(answer.row(Table::Problems, id)["membership"], membership, "{id}");
    }
    assert_row(&answer.section("problems"), json!({"entries": 1, "state": "returned"}));
}

#[test]
fn a_category_is_its_code_and_where_there_is_none_its_text() {
    let category =
        json!([{"coding": [{"code": "problem-list-item"}], "text": "Problem"}, {"text": "Words alone"}, {}]);
    let row = Answer::synthetic(vec![problem("p", json!({"category": category}))]).row(Table::Problems, "p");
    assert_row(&row, json!({"category": ["problem-list-item", "Words alone"]}));
}

#[test]
fn a_problem_stands_where_its_context_says_before_where_a_list_holds_it() {
    let topic = |item: &str| {
        with(
            list("25851000000105", &[item]),
            json!({"id": "t", "encounter": {"reference": "Encounter/held"}}),
        )
    };
    let encounters = ["own", "held"].map(|id| json!({"resourceType": "Encounter", "id": id}));
    for (members, consultation, link) in [
        (json!({"context": {"reference": "Encounter/own"}}), "own", "context"),
        (json!({}), "held", "structure"),
    ] {
        let mut resources = vec![problem("p", members), topic("Condition/p")];
        resources.extend(encounters.clone());
        let row = Answer::synthetic(resources).row(Table::Problems, "p");
        assert_row(&row, json!({"consultation_id": consultation, "consultation_link": link}));
    }
    // The problem that heads a topic is not recorded in it by that.
    let mut headed = topic("Observation/o");
    headed["extension"] = json!([header("parent", json!({"reference": "Condition/p"}), false)]);
    let mut resources = vec![problem("p", json!({})), headed];
    resources.extend(encounters);
    let answer = Answer::synthetic(resources);
    assert_row(&answer.row(Table::Problems, "p"), json!({"consultation_id": null, "membership": "linked"}));
    assert_eq!(answer.rows(Table::ConsultationNodes)[0]["problem_ids"], json!(["p"]));
}
