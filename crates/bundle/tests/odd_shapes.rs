//! Shapes of JSON that a generated bundle does not have, each with what must become of it.

mod support;

use bedside_bundle::{Feed, Record, normalise};
use bedside_model::schema::Table;
use support::{column, options, rows};

/// The record of a bundle of these resources.
fn record(resources: &[String]) -> Record {
    let entries: Vec<String> =
        resources.iter().map(|resource| format!("{{\"resource\":{resource}}}")).collect();
    let body = format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","));
    normalise(body.as_bytes(), &options()).expect("read")
}

#[test]
fn a_notice_about_the_bundle_is_of_no_entry_and_the_same_in_pieces() {
    let body = br#"{"resourceType":"Bundle","id":5,"entry":[{"resource":{"resourceType":"Patient"}},{"resource":{"resourceType":"Basic"}}]}"#;
    let whole = normalise(body, &options()).expect("read");
    let mut feed = Feed::new(options());
    feed.push(body).expect("read");
    assert!(whole.table(Table::Notices) == feed.finish().expect("read").table(Table::Notices));
    for element in ["type", "id"] {
        let notices = rows(whole.table(Table::Notices));
        let of_bundle =
            |row: &&serde_json::Value| row["element"] == element && row.get("resource_type").is_none();
        let notice = notices.iter().find(of_bundle).expect("told");
        assert_eq!(notice.get("entry_index"), None, "{notice}");
    }
}

#[test]
fn the_id_of_an_extension_is_not_its_value() {
    let record = record(&[r#"{"resourceType":"MedicationRequest","id":"p","intent":"plan","extension":[
        {"url":"MedicationStatusReason-1","extension":[
            {"url":"statusReason","valueCodeableConcept":{"text":"Changed"},"id":"e1"},
            {"url":"statusChangeDate","valueDateTime":"2020-01-01","id":"e2"}]}]}"#
        .to_owned()]);
    let plans = record.table(Table::Medications);
    assert_eq!(column(plans, "status_reason").next(), Some(Some("Changed".into())));
    assert_eq!(column(plans, "status_changed").next(), Some(Some("2020-01-01".into())));
}

#[test]
fn a_list_of_one_stands_for_its_scalar_in_types_urls_and_booleans_too() {
    let record = record(&[
        r#"{"resourceType":["Condition"],"id":"c","code":{"coding":[{"code":"1","userSelected":[true]}]},
        "extension":[{"url":["ProblemSignificance-1"],"valueCode":"major"}]}"#
            .to_owned(),
    ]);
    let problems = record.table(Table::Problems);
    assert_eq!(problems.num_rows(), 1);
    assert_eq!(column(problems, "significance").next(), Some(Some("major".into())));
    assert_eq!(rows(problems)[0]["problem_codings"][0]["user_selected"], true);
    let codes: Vec<_> = column(record.table(Table::Notices), "code").flatten().collect();
    assert!(codes.iter().filter(|code| *code == "wrong_json_type").count() >= 3, "{codes:?}");
}

#[test]
fn two_resources_in_one_entry_are_both_seen() {
    let both = r#"[{"resourceType":"Condition","id":"1"},{"resourceType":"Condition","id":"2"}]"#;
    let seen: u32 = record(&[both.to_owned()]).accounting.values().map(|account| account.seen).sum();
    assert_eq!(seen, 2);
}

#[test]
fn lists_deeper_than_any_consultation_are_rows() {
    let list = |id: u32, code: &str| {
        let item = format!(r#"{{"item":{{"reference":"List/{}"}}}}"#, id + 1);
        format!(
            r#"{{"resourceType":"List","id":"{id}","code":{{"coding":[{{"code":"{code}"}}]}},"entry":[{item}]}}"#
        )
    };
    let top = list(0, "325851000000107");
    let lists: Vec<String> = [top].into_iter().chain((1..40).map(|id| list(id, "25851000000105"))).collect();
    // Forty lists, and the one that is named and is not there.
    assert_eq!(record(&lists).table(Table::ConsultationNodes).num_rows(), 41);
}
