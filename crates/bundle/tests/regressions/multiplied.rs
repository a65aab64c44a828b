//! Bundles made to multiply: each took seconds to minutes, and gigabytes, before it was bounded. Nothing is timed; a
//! test that does not end has failed. Those that no defect has passed are in `adversarial`.

use bedside_model::schema::Table;

use crate::support::{bundle, joined};
use crate::{assert_limit, list, read, try_read};

#[test]
fn many_warnings_of_a_list_with_a_long_note_are_bounded() {
    let warnings = joined(10_000, |code| format!(r#"{{"url":"ListWarningCode-1","valueCode":"w{code}"}}"#));
    let note = "x".repeat(1 << 20);
    let members = format!(r#""note":[{{"text":"{note}"}}],"extension":[{warnings}]"#);
    assert_limit(&bundle([list("l", "886921000000105", &members)]));
}

#[test]
fn a_list_of_many_codings_or_a_long_title_and_many_lost_items_is_read() {
    let lost = joined(20_000, |_| r#"{"item":{"reference":"Condition/lost"}}"#.to_owned());
    let codings = joined(20_000, |_| r#"{"code":"TBD"}"#.to_owned());
    let title = "x".repeat(1 << 20);
    for named in [format!(r#""code":{{"coding":[{codings}]}}"#), format!(r#""title":"{title}""#)] {
        let record = read(&bundle([format!(r#"{{"resourceType":"List",{named},"entry":[{lost}]}}"#)]));
        assert_eq!(record.accounting["List"].context, 1);
    }
}

#[test]
fn a_list_of_many_headers_that_is_held_many_times_is_bounded() {
    let target = r#"{"url":"target","valueReference":{"reference":"Condition/x"}}"#;
    let headers = joined(2000, |_| format!(r#"{{"url":"RelatedProblemHeader-1","extension":[{target}]}}"#));
    let items = joined(100_000, |_| r#"{"item":{"reference":"List/t"}}"#.to_owned());
    assert_limit(&bundle([
        list("t", "24781000000107", &format!(r#""extension":[{headers}]"#)),
        list("c", "325851000000107", &format!(r#""entry":[{items}]"#)),
    ]));
}

#[test]
fn long_keys_alike_at_both_ends_and_escaped_are_told_apart() {
    let middle = "\\u0061".repeat(9900);
    let object = joined(512, |key| format!("\"aaaaaaaa{middle}{key:03}bbbbbbbb\":0"));
    let record = read(&bundle([format!(r#"{{"resourceType":"Observation","x":{{{object}}}}}"#)]));
    assert_eq!(record.accounting["Observation"].unmapped, 1);
}

#[test]
fn one_long_dosage_that_many_statements_share_is_searched_once() {
    let statements = (0..20_000).map(|number| {
        format!(
            r#"{{"resourceType":"MedicationStatement","id":"{number}","basedOn":[{{"reference":"MedicationRequest/p"}}]}}"#
        )
    });
    let dosage = format!(r#""dosageInstruction":[{{"text":"{}"}}]"#, "d".repeat(1 << 20));
    let plan = format!(r#"{{"resourceType":"MedicationRequest","id":"p","intent":"plan",{dosage}}}"#);
    assert_limit(&bundle(statements.chain([plan])));
}

#[test]
fn one_drug_of_many_codings_that_many_issues_share_is_described_once() {
    let issues = (0..20_000).map(|number| {
        format!(
            r#"{{"resourceType":"MedicationRequest","id":"{number}","intent":"order","basedOn":[{{"reference":"MedicationRequest/p"}}]}}"#
        )
    });
    let codings = joined(200_000, |_| r#"{"code":"x"}"#.to_owned());
    let drug = format!(r#""medicationCodeableConcept":{{"coding":[{codings}]}}"#);
    let plan = format!(r#"{{"resourceType":"MedicationRequest","id":"p","intent":"plan",{drug}}}"#);
    assert_limit(&bundle(issues.chain([plan])));
}

#[test]
fn entries_that_are_nothing_do_not_spend_the_budget_of_texts() {
    let entries = joined(49_000, |_| "{}".to_owned());
    let body = format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{entries}]}}"#);
    assert!(read(&body).table(Table::Notices).num_rows() >= 49_000);
}

#[test]
fn notices_without_end_are_refused_by_their_number() {
    let codes = joined(300_000, |_| "7".to_owned());
    let refused = try_read(
        bundle([format!(r#"{{"resourceType":"Patient","name":[{{"given":[{codes}]}}]}}"#)]).as_bytes(),
    );
    let refused = refused.expect_err("more notices than a bundle may have");
    assert_eq!(refused.to_string(), "limit: more than 250000 notices, in the record as a whole");
}
