//! Coded concepts: which coding is preferred, what a clinician reads, and where the words come from (`coding` sheet,
//! sections 1 to 4; contract, rule 4).

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::*;

const LOCAL: &str = "https://fhir.hl7.org.uk/Id/egton-codes";

/// The row of a problem of this code.
fn coded(code: Value) -> Value {
    Answer::synthetic(vec![problem("p", json!({"code": code}))]).row(Table::Problems, "p")
}

fn coding(system: &str, code: &str, more: Value) -> Value {
    with(json!({"system": system, "code": code, "display": format!("{code} display")}), more)
}

fn described(host: &str, words: &str) -> Value {
    let parts = json!([{"url": "descriptionId", "valueId": "11"}, {"url": "descriptionDisplay", "valueString": words}]);
    json!({"extension": [{"url": format!("{host}/STU3/StructureDefinition/Extension-coding-sctdescid"), "extension": parts}]})
}

#[test]
fn the_preferred_coding_is_of_snomed_and_among_those_the_one_the_user_chose() {
    let chosen = || json!({"userSelected": true});
    let none = || json!({});
    for (codings, code) in [
        (vec![coding(LOCAL, "l", chosen()), coding(SNOMED, "s", none())], "s"),
        (
            vec![coding(SNOMED, "s", none()), coding(SNOMED, "t", chosen()), coding(SNOMED, "u", chosen())],
            "t",
        ),
        (vec![coding("http://snomed.info/sct ", "s", none()), coding(LOCAL, "l", none())], "s"),
        (vec![coding(LOCAL, "l", none()), coding(LOCAL, "m", chosen()), coding(LOCAL, "n", chosen())], "m"),
        (vec![coding(LOCAL, "l", none()), coding(LOCAL, "m", json!({"userSelected": false}))], "l"),
    ] {
        let row = coded(json!({"coding": codings}));
        assert_row(&row, json!({"problem_code": code, "problem_display": format!("{code} display")}));
        assert_eq!(row["problem_codings"].as_array().map(Vec::len), Some(codings.len()));
    }
}

#[test]
fn what_is_read_is_the_text_then_the_words_the_user_chose_then_whatever_there_is() {
    let chosen = |more: Value| with(json!({"userSelected": true}), more);
    let words = || described("https://fhir.hl7.org.uk", "as described");
    let silent = || json!({"display": null});
    for (code, term, source) in [
        (
            json!({"text": " As typed ", "coding": [coding(SNOMED, "s", words())]}),
            json!(" As typed "),
            "text",
        ),
        (json!({"text": "", "coding": [coding(SNOMED, "s", words())]}), json!("as described"), "description"),
        (json!({"coding": [coding(SNOMED, "s", json!({}))]}), json!("s display"), "display"),
        (
            json!({"coding": [coding(SNOMED, "s", words()), coding(LOCAL, "l", chosen(json!({})))]}),
            json!("l display"),
            "display",
        ),
        (
            json!({"coding": [coding(LOCAL, "l", json!({})), coding(SNOMED, "s", chosen(words()))]}),
            json!("as described"),
            "description",
        ),
        (
            json!({"coding": [coding(LOCAL, "l", json!({})), coding(SNOMED, "s", words())]}),
            json!("s display"),
            "fallback",
        ),
        (
            json!({"coding": [coding(LOCAL, "l", json!({})), coding(SNOMED, "s", silent())]}),
            json!("l display"),
            "fallback",
        ),
        (
            json!({"coding": [coding(LOCAL, "l", silent()), coding(SNOMED, "s", silent())]}),
            json!("s"),
            "fallback",
        ),
        (json!({"coding": [coding(LOCAL, "l", silent())]}), json!("l"), "fallback"),
    ] {
        assert_row(&coded(code), json!({"problem_term": term, "problem_term_source": source}));
    }
    for nothing in
        [json!({}), json!({"coding": []}), json!({"text": ""}), json!({"coding": [{}]}), Value::Null]
    {
        assert_row(&coded(nothing), json!({"problem_term": null, "problem_term_source": null}));
    }
}

#[test]
fn a_description_is_read_under_both_hosts_http_capitals_and_the_misspelling() {
    let parts =
        |id: &str, words: &str| json!([{"url": id, "valueString": "11"}, {"url": words, "valueString": "w"}]);
    for url in [
        "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-coding-sctdescid",
        "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-coding-sctdescid",
        "http://fhir.hl7.org.uk/STU3/StructureDefinition/extension-coding-sctdescid/",
        "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-coding-sctdecsid",
    ] {
        for (id, words) in [("descriptionId", "descriptionDisplay"), ("DescriptionID", "DescriptionDisplay")]
        {
            let extension = json!({"extension": [{"url": url, "extension": parts(id, words)}]});
            let row = coded(json!({"coding": [coding(SNOMED, "s", extension)]}));
            let kept = json!({"description_id": "11", "description_display": "w"});
            assert_row(&row["problem_codings"][0], kept);
        }
    }
}

#[test]
fn what_the_user_chose_is_true_false_or_unsaid() {
    for (sent, kept) in [
        (json!(true), json!(true)),
        (json!(false), json!(false)),
        (json!("true"), json!(true)),
        (json!("false"), json!(false)),
        (json!("yes"), Value::Null),
        (Value::Null, Value::Null),
    ] {
        let row = coded(json!({"coding": [coding(SNOMED, "s", json!({"userSelected": sent}))]}));
        assert_row(&row["problem_codings"][0], json!({"user_selected": kept}));
        assert_eq!(texts(&row, "flags").contains(&"malformed"), sent == "yes");
    }
}
