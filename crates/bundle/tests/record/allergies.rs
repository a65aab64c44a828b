//! Allergies: what ends one, what conflicts, what asserts that there is none, and reactions (`allergies` sheet).

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::*;

fn agent() -> Value {
    concept("387458008", "Aspirin")
}

fn end(parts: Value) -> Value {
    json!({"extension": [{"url": format!("{GPC}AllergyIntoleranceEnd-1"), "extension": parts}]})
}

/// The Ended list with the allergy `a`, which it contains.
fn contained_ended(status: &str) -> Value {
    let contained = allergy("a", agent(), json!({"clinicalStatus": status}));
    with(list(ENDED_ALLERGIES, &["#a"]), json!({"contained": [contained]}))
}

/// The allergy `a` of this status, with these members, and lists that name it.
fn derived(status: Value, members: Value, lists: &[&str]) -> String {
    let allergy = with(allergy("a", agent(), json!({"clinicalStatus": status})), members);
    let mut resources = vec![allergy];
    resources.extend(lists.iter().map(|code| list(code, &["AllergyIntolerance/a"])));
    let answer = Answer::synthetic(resources);
    let row = answer.row(Table::Allergies, "a");
    let derived = string(&row, "derived_status").expect("always one").to_owned();
    assert_eq!(texts(&row, "flags").contains(&"status_conflict"), derived == "conflict");
    derived
}

#[test]
fn an_allergy_is_active_unless_something_says_that_it_ended_and_a_conflict_when_both_are_said() {
    let ended = || end(json!([{"url": "endDate", "valueDateTime": "2020"}]));
    for (status, members, lists, expected) in [
        (json!("active"), json!({}), &[][..], "active"),
        (Value::Null, json!({}), &[], "active"),
        (json!("Active "), json!({}), &[ALLERGIES], "active"),
        (json!("zz"), json!({}), &[], "active"),
        (json!("resolved"), json!({}), &[], "ended"),
        (json!("Resolved"), json!({}), &[ENDED_ALLERGIES], "ended"),
        (json!("inactive"), json!({}), &[], "ended"),
        (Value::Null, ended(), &[], "ended"),
        (Value::Null, end(json!([])), &[], "ended"),
        (Value::Null, json!({}), &[ENDED_ALLERGIES], "ended"),
        (json!("active"), ended(), &[], "conflict"),
        (json!("active"), json!({}), &[ENDED_ALLERGIES], "conflict"),
        (json!("resolved"), json!({}), &[ALLERGIES], "conflict"),
        (json!("resolved"), json!({}), &[ALLERGIES, ENDED_ALLERGIES], "conflict"),
        (Value::Null, ended(), &[ALLERGIES], "conflict"),
    ] {
        assert_eq!(derived(status.clone(), members.clone(), lists), expected, "{status} {members} {lists:?}");
    }
}

#[test]
fn what_the_ended_list_contains_has_ended_whether_an_item_names_it_or_not() {
    let contained = |id: &str, status: Value| allergy(id, agent(), json!({"clinicalStatus": status}));
    let holder = with(
        list(ENDED_ALLERGIES, &["#named"]),
        json!({"contained": [contained("named", json!("resolved")), contained("unnamed", Value::Null), contained("active", json!("active"))]}),
    );
    let answer = Answer::synthetic(vec![holder, list(ALLERGIES, &[])]);
    for (id, derived) in [("named", "ended"), ("unnamed", "ended"), ("active", "conflict")] {
        assert_row(
            &answer.row(Table::Allergies, id),
            json!({"membership": "ended", "source_container": "ended_list", "derived_status": derived}),
        );
    }
}

#[test]
fn what_another_resource_contains_has_not_ended_by_that() {
    let elsewhere =
        json!({"resourceType": "Observation", "id": "o", "contained": [allergy("a", agent(), json!({}))]});
    let row = Answer::synthetic(vec![elsewhere]).row(Table::Allergies, "a");
    assert_row(&row, json!({"source_container": "entry", "derived_status": "active", "membership": "none"}));
}

#[test]
fn a_contained_allergy_and_its_twin_at_top_level_are_two_rows_of_one_verdict() {
    let twins = |status: &str, contained: &str, listed: bool| {
        let top_level = allergy("a", agent(), json!({"clinicalStatus": status}));
        let mut resources = vec![top_level, contained_ended(contained)];
        resources.extend(listed.then(|| list(ALLERGIES, &["AllergyIntolerance/a"])));
        let rows = Answer::synthetic(resources).rows(Table::Allergies);
        let column = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
        (column("derived_status"), column("membership"))
    };
    let both = |text: &str| vec![json!(text), json!(text)];
    let listed = || vec![json!("primary"), json!("ended")];
    assert_eq!(twins("resolved", "resolved", false), (both("ended"), both("ended")));
    assert_eq!(twins("active", "resolved", false), (both("conflict"), both("ended")));
    assert_eq!(twins("resolved", "active", false), (both("conflict"), both("ended")));
    assert_eq!(twins("active", "resolved", true), (both("conflict"), listed()));
    assert_eq!(twins("resolved", "resolved", true), (both("conflict"), listed()));
}

#[test]
fn an_end_is_read_under_either_name_of_its_reason() {
    for (date, reason) in [("endDate", "reasonEnded"), ("EndDate", "endReason")] {
        let parts = json!([{"url": reason, "valueString": "Challenge negative "}, {"url": date, "valueDateTime": "2020-03"}]);
        let answer = Answer::synthetic(vec![allergy("a", agent(), end(parts))]);
        assert_row(
            &answer.row(Table::Allergies, "a"),
            json!({"ended": "2020-03", "ended_from": "2020-03-01", "ended_to": "2020-03-31", "ended_reason": "Challenge negative "}),
        );
    }
}

#[test]
fn the_four_dates_of_an_allergy_stay_apart() {
    let dates = json!({"onsetDateTime": "2001", "assertedDate": "2002", "lastOccurrence": "2003"});
    let members = with(end(json!([{"url": "endDate", "valueDateTime": "2004"}])), dates);
    let row = Answer::synthetic(vec![allergy("a", agent(), members)]).row(Table::Allergies, "a");
    assert_row(
        &row,
        json!({"onset": "2001", "asserted": "2002", "last_occurrence": "2003", "ended": "2004"}),
    );
    assert_row(&row, json!({"last_occurrence_from": "2003-01-01", "ended_to": "2004-12-31"}));
}

/// Derived status and flags of the assertion `n` and of the allergy `a`, and whom the notice names.
fn beside(assertion: Value, real: Value) -> (Value, Vec<String>, Vec<String>) {
    let answer = Answer::synthetic(vec![assertion, real]);
    let (assertion, real) = (answer.row(Table::Allergies, "n"), answer.row(Table::Allergies, "a"));
    let flagged =
        [assertion.clone(), real].into_iter().filter(|row| texts(row, "flags").contains(&"nka_conflict"));
    let flagged = flagged.map(|row| string(&row, "allergy_id").expect("an id").to_owned()).collect();
    (assertion["derived_status"].clone(), flagged, answer.noticed("no_known_allergy_conflict"))
}

#[test]
fn only_the_general_assertion_of_no_allergy_conflicts_with_one() {
    let real = |status: &str| allergy("a", agent(), json!({"clinicalStatus": status}));
    let none = |code: Value, status: &str| allergy("n", code, json!({"clinicalStatus": status}));
    let general = || concept(" 716186003", "No known allergy");
    let nobody = Vec::<String>::new;
    let (both, named) = (vec!["n".to_owned(), "a".to_owned()], vec!["n".to_owned()]);
    let asserts = json!("no_known_allergy");
    assert_eq!(beside(none(general(), "active"), real("active")), (asserts.clone(), both, named));
    assert_eq!(beside(none(general(), "active"), real("resolved")), (asserts.clone(), nobody(), nobody()));
    assert_eq!(beside(none(general(), "resolved"), real("active")), (json!("ended"), nobody(), nobody()));
    let scoped = none(concept("409137002", "No known drug allergy"), "active");
    assert_eq!(beside(scoped, real("active")), (asserts, nobody(), nobody()));
}

#[test]
fn an_assertion_of_no_allergy_is_known_by_its_snomed_code_and_by_nothing_else() {
    let local =
        json!({"system": "http://read.info/readv2", "code": "1151.", "display": "No known allergies"});
    let same_digits = json!({"system": "https://example.org/local", "code": "716186003"});
    let snomed = json!({"system": SNOMED, "code": "716186003"});
    for (codings, derived) in [
        (json!([local, snomed]), "no_known_allergy"),
        (json!([local]), "active"),
        (json!([same_digits]), "active"),
    ] {
        let code = json!({"coding": codings, "text": "No known allergies"});
        let row = Answer::synthetic(vec![allergy("a", code, json!({}))]).row(Table::Allergies, "a");
        assert_eq!(row["derived_status"], derived, "{row}");
    }
}

#[test]
fn a_null_flavour_is_told_by_its_words_and_never_as_a_reaction() {
    for system in
        ["http://hl7.org/fhir/v3/NullFlavor", "http://terminology.hl7.org/CodeSystem/v3-NullFlavor "]
    {
        let reaction = |words: Value, description: Value| {
            let coding = json!({"system": system, "code": "UNC", "display": "un-encoded"});
            let manifestation = json!([{"coding": [coding], "text": words}]);
            let reaction =
                json!([{"manifestation": manifestation, "description": description, "severity": "severe"}]);
            Answer::synthetic(vec![allergy("a", agent(), json!({"reaction": reaction}))])
                .row(Table::Allergies, "a")
        };
        for (words, description, term) in [
            (json!("Hives"), json!("worse at night"), json!("Hives")),
            (Value::Null, json!("worse at night"), json!("worse at night")),
            (Value::Null, Value::Null, Value::Null),
        ] {
            let row = reaction(words, description);
            assert_row(&row, json!({"reaction_term": term, "reaction_severity": "severe"}));
            assert_row(
                &row["reactions"][0],
                json!({"null_flavor": "UNC", "manifestation_code": null, "manifestation_term": term}),
            );
        }
    }
}

#[test]
fn each_reaction_and_manifestation_is_an_item_and_the_first_is_told_on_the_row() {
    let oral = json!({"coding": [{"code": "26643006", "display": "Oral"}]});
    let reactions = json!([
        {"severity": "mild", "description": "alone", "exposureRoute": oral},
        {"severity": "severe", "manifestation": [concept("247472004", "Weal"), {"text": "Rash"}]}]);
    let row = Answer::synthetic(vec![allergy("a", agent(), json!({"reaction": reactions}))])
        .row(Table::Allergies, "a");
    let items = row["reactions"].as_array().expect("reactions");
    assert_eq!(items.len(), 3);
    assert_row(
        &items[0],
        json!({"manifestation_term": null, "severity": "mild", "description": "alone", "exposure_route": "Oral"}),
    );
    assert_row(
        &items[1],
        json!({"manifestation_code": "247472004", "manifestation_system": SNOMED, "manifestation_term": "Weal", "severity": "severe"}),
    );
    assert_row(
        &items[2],
        json!({"manifestation_term": "Rash", "manifestation_code": null, "severity": "severe"}),
    );
    assert_row(&row, json!({"reaction_term": null, "reaction_severity": "mild"}));
}
