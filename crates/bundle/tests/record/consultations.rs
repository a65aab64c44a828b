//! Consultations: who, when and how long, drafts, what was recorded in each, and their structure (`consultations`
//! sheet).

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::*;

fn encounter(id: &str, members: Value) -> Value {
    with(json!({"resourceType": "Encounter", "id": id, "status": "finished"}), members)
}

/// A list of a consultation's structure, of the Encounter `e`.
fn structure(id: &str, code: &str, items: Value, members: Value) -> Value {
    let entries: Vec<Value> =
        items.as_array().into_iter().flatten().map(|item| json!({"item": item})).collect();
    with(
        json!({"resourceType": "List", "id": id, "encounter": {"reference": "Encounter/e"},
            "code": {"coding": [{"system": SNOMED, "code": code}]}, "entry": entries}),
        members,
    )
}

const CONSULTATION: &str = "325851000000107";
const TOPIC: &str = "25851000000105";
const HEADING: &str = "24781000000107";

fn to(reference: &str) -> Value {
    json!({"reference": reference})
}

#[test]
fn a_draft_is_told_by_its_status_and_flagged() {
    for (status, draft) in [("unknown", true), ("Unknown ", true), ("finished", false), ("planned", false)] {
        let row =
            Answer::synthetic(vec![encounter("e", json!({"status": status}))]).row(Table::Consultations, "e");
        assert_row(&row, json!({"status": status, "draft": draft}));
        assert_flags(&row, if draft { &["draft"] } else { &[] });
    }
}

#[test]
fn the_clinician_is_the_main_performer_and_without_one_the_recorder() {
    let who = |code: &str, name: &str| json!({"type": [{"coding": [{"code": code}]}], "individual": {"display": name}});
    let nameless = json!({"type": [{"coding": [{"code": "PPRF"}]}]});
    for (participants, clinician, recorder) in [
        (json!([who("REC", "Rec"), who("PART", "Part"), who("PPRF", "Main")]), json!("Main"), json!("Rec")),
        (json!([who("PART", "Part"), who("rec", "Rec")]), json!("Rec"), json!("Rec")),
        (json!([nameless, who("REC", "Rec")]), json!("Rec"), json!("Rec")),
        (json!([who("pprf ", "Main")]), json!("Main"), Value::Null),
        (json!([who("PART", "Part")]), Value::Null, Value::Null),
    ] {
        let row = Answer::synthetic(vec![encounter("e", json!({"participant": participants}))])
            .row(Table::Consultations, "e");
        assert_row(&row, json!({"clinician": clinician, "recorder": recorder}));
    }
}

#[test]
fn a_participants_role_is_its_code_and_where_there_is_none_its_text() {
    let participants = json!([
        {"type": [{"text": "Chaperone"}], "individual": {"display": "One"}},
        {"type": [{"coding": [{"code": "PART"}], "text": "Other"}], "individual": {"display": "Two"}},
        {"individual": {"display": "Three"}}]);
    let row = Answer::synthetic(vec![encounter("e", json!({"participant": participants}))])
        .row(Table::Consultations, "e");
    let shown =
        json!([{"name": "One", "role": "Chaperone"}, {"name": "Two", "role": "PART"}, {"name": "Three"}]);
    assert_row(&row, json!({"participants": shown}));
}

#[test]
fn a_length_is_told_in_minutes_or_not_at_all() {
    for (length, minutes) in [
        (json!({"value": 10, "unit": "min"}), json!("10")),
        (json!({"value": 10, "unit": "Minutes"}), json!("10")),
        (json!({"value": 10, "code": "min", "unit": "h"}), json!("10")),
        (json!({"value": 10}), json!("10")),
        (json!({"value": 1, "unit": "hour"}), Value::Null),
        (json!({"value": 1, "code": "h", "unit": "min"}), Value::Null),
    ] {
        let answer = Answer::synthetic(vec![encounter("e", json!({"length": length}))]);
        assert_row(&answer.row(Table::Consultations, "e"), json!({"length_minutes": minutes}));
        assert_eq!(answer.noticed("unknown_code").is_empty(), !minutes.is_null(), "{length}");
    }
}

#[test]
fn the_day_of_recording_is_that_of_the_first_list_of_the_consultation_level() {
    let answer = Answer::synthetic(vec![
        encounter("e", json!({})),
        structure("t", TOPIC, json!([to("Observation/o")]), json!({"date": "2019-01-01"})),
        structure("c", CONSULTATION, json!([to("List/t")]), json!({"date": "2020-02"})),
        structure("d", CONSULTATION, json!([to("List/t")]), json!({"date": "2021"})),
    ]);
    assert_row(
        &answer.row(Table::Consultations, "e"),
        json!({"recorded": "2020-02", "recorded_from": "2020-02-01", "recorded_to": "2020-02-29"}),
    );
}

#[test]
fn rows_are_counted_in_the_consultation_they_were_recorded_in_each_kind_apart() {
    let here = json!({"context": to("Encounter/e")});
    let mut resources = medicine("m", json!({"text": "Drug"}), here.clone(), json!({}));
    resources.extend(["i", "j"].map(|id| issue(id, "m", here.clone())));
    let url = "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter";
    let extension = json!([{"url": url, "valueReference": to("Encounter/e")}]);
    resources.extend(
        ["a", "b", "c"].map(|id| allergy(id, json!({"text": "Agent"}), json!({"extension": extension}))),
    );
    resources.extend(["p", "q", "r", "s"].map(|id| problem(id, here.clone())));
    resources.push(problem("elsewhere", json!({"context": to("Encounter/gone")})));
    resources.push(encounter("e", json!({})));
    let row = Answer::synthetic(resources).row(Table::Consultations, "e");
    assert_row(
        &row,
        json!({"medication_count": 1, "issue_count": 2, "allergy_count": 3, "problem_count": 4}),
    );
}

#[test]
fn each_copy_of_a_consultation_that_differs_has_the_counts_of_its_id() {
    let answer = Answer::synthetic(vec![
        encounter("e", json!({})),
        encounter("e", json!({"status": "unknown"})),
        problem("p", json!({"context": to("Encounter/e")})),
    ]);
    let counts: Vec<_> =
        answer.rows(Table::Consultations).iter().map(|row| row["problem_count"].clone()).collect();
    assert_eq!(counts, [1, 1]);
}

#[test]
fn a_record_of_two_consultations_is_listed_in_each_once_and_recorded_in_the_first() {
    let held = |id: &str, of: &str| {
        structure(
            id,
            TOPIC,
            json!([to("AllergyIntolerance/a"), to("AllergyIntolerance/a")]),
            json!({"encounter": to(of)}),
        )
    };
    let answer = Answer::synthetic(vec![
        allergy("a", json!({"text": "Agent"}), json!({})),
        held("two", "Encounter/second"),
        held("one", "Encounter/first"),
        held("again", "Encounter/second"),
        encounter("first", json!({})),
        encounter("second", json!({})),
    ]);
    let row = answer.row(Table::Allergies, "a");
    assert_row(
        &row,
        json!({"consultation_id": "second", "consultation_link": "structure", "membership": "linked"}),
    );
    let listed: Vec<_> = answer.links("listed-in").iter().map(|link| link["to_id"].clone()).collect();
    assert_eq!(listed, ["second", "first"]);
}

#[test]
fn a_list_without_an_encounter_is_of_the_consultation_that_holds_it() {
    let bare =
        |id: &str, code: &str, item: &str| structure(id, code, json!([to(item)]), json!({"encounter": null}));
    let answer = Answer::synthetic(vec![
        bare("h", HEADING, "Condition/p"),
        bare("t", TOPIC, "List/h"),
        structure("c", CONSULTATION, json!([to("List/t")]), json!({})),
        bare("alone", TOPIC, "Condition/q"),
        problem("p", json!({})),
        problem("q", json!({})),
        encounter("e", json!({})),
    ]);
    assert_row(
        &answer.row(Table::Problems, "p"),
        json!({"consultation_id": "e", "consultation_link": "structure"}),
    );
    assert_row(&answer.row(Table::Problems, "q"), json!({"consultation_id": null, "membership": "linked"}));
}

#[test]
fn a_consultation_that_is_not_in_the_answer_keeps_its_id_and_counts_nowhere() {
    let answer = Answer::synthetic(vec![problem("p", json!({"context": to("Encounter/gone")}))]);
    assert_row(
        &answer.row(Table::Problems, "p"),
        json!({"consultation_id": "gone", "consultation_link": "context"}),
    );
    assert_row(
        &answer.links("recorded-in")[0],
        json!({"to_type": "Encounter", "to_id": "gone", "resolved": false}),
    );
    assert_eq!(answer.noticed("unresolved_reference"), ["p"]);
}

#[test]
fn what_a_consultation_cannot_show_says_why() {
    for (item, availability, code) in [
        (to("Observation/o"), "ok", None),
        (to("Observation/gone"), "unresolved", Some("unresolved_reference")),
        (
            json!({"display": "Referral items are not supported by the provider system"}),
            "unsupported",
            Some("unsupported_content"),
        ),
        (json!({"display": "Document items have been disabled"}), "disabled", Some("unsupported_content")),
        (
            to("Referral items are not supported by the provider system"),
            "unsupported",
            Some("malformed_reference"),
        ),
        (to("Document items have been disabled"), "disabled", Some("malformed_reference")),
        (json!({"display": "a letter"}), "unresolved", None),
        (to("no reference at all"), "malformed", Some("malformed_reference")),
        (json!({}), "malformed", Some("malformed_reference")),
    ] {
        let answer = Answer::synthetic(vec![
            structure("c", CONSULTATION, json!([item.clone()]), json!({})),
            encounter("e", json!({})),
            json!({"resourceType": "Observation", "id": "o"}),
        ]);
        let nodes = answer.rows(Table::ConsultationNodes);
        assert_row(&nodes[1], json!({"level": "item", "availability": availability}));
        let codes: Vec<_> =
            answer.rows(Table::Notices).into_iter().map(|notice| notice["code"].clone()).collect();
        let told = codes.iter().filter(|code| *code != "missing_element").map(|code| code.as_str());
        assert_eq!(told.collect::<Vec<_>>(), Vec::from_iter(code.map(Some)), "{item}");
    }
}

#[test]
fn the_problem_that_heads_a_topic_or_a_heading_is_read_in_either_shape() {
    let url = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-RelatedProblemHeader-1";
    let direct = json!({"url": url, "valueReference": to("Condition/p")});
    let nested = json!({"url": url, "extension": [{"url": "target", "valueReference": to("Condition/q")}]});
    let headed = |id: &str, code: &str, items: Value| {
        structure(id, code, items, json!({"extension": [direct, nested]}))
    };
    let answer = Answer::synthetic(vec![
        headed("t", TOPIC, json!([to("List/h")])),
        headed("h", HEADING, json!([to("Observation/o")])),
        problem("p", json!({})),
        encounter("e", json!({})),
    ]);
    let problems: Vec<_> =
        answer.rows(Table::ConsultationNodes).iter().map(|node| node["problem_ids"].clone()).collect();
    assert_eq!(problems, [json!(["p", "q"]), json!(["p", "q"]), Value::Null]);
    assert_row(&answer.row(Table::Problems, "p"), json!({"membership": "linked", "consultation_id": null}));
    assert_eq!(answer.notices("unresolved_reference").len(), 3, "the problem q, twice, and the item");
}

#[test]
fn nodes_are_numbered_anew_in_each_consultation_and_lists_nobody_holds_are_roots() {
    let of = |id: &str, code: &str, items: Value, encounter: &str| {
        structure(id, code, items, json!({"encounter": to(encounter), "title": id}))
    };
    let answer = Answer::synthetic(vec![
        of("orphan", HEADING, json!([to("Observation/x")]), "Encounter/e"),
        of("c", CONSULTATION, json!([to("List/t"), to("List/t"), to("List/c")]), "Encounter/e"),
        of("t", TOPIC, json!([]), "Encounter/e"),
        of("d", CONSULTATION, json!([to("List/d")]), "Encounter/f"),
        encounter("e", json!({})),
        encounter("f", json!({})),
    ]);
    let shown: Vec<String> = answer
        .rows(Table::ConsultationNodes)
        .iter()
        .map(|node| {
            let title = string(node, "title").or(string(node, "item_id")).expect("named");
            format!(
                "{} {} {} {} {title}",
                node["consultation_id"], node["node"], node["parent"], node["position"]
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            r#""e" 0 null 0 orphan"#,
            r#""e" 1 0 0 x"#,
            r#""e" 2 null 1 c"#,
            r#""e" 3 2 0 t"#,
            r#""e" 4 2 1 t"#,
            r#""f" 0 null 0 d"#,
        ]
    );
}
