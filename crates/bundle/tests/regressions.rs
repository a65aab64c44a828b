//! One test for each defect that fuzzing and generated bundles found, named after what went wrong.
mod support;
use bedside_bundle::{BundleError, Feed, Record, normalise};
use bedside_model::schema::Table;
use support::{column, options, rows};

fn bundle(resources: &[String]) -> String {
    let entries: Vec<String> =
        resources.iter().map(|resource| format!("{{\"resource\":{resource}}}")).collect();
    format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","))
}
fn read(body: &str) -> Record {
    normalise(body.as_bytes(), &options()).expect("read")
}
fn joined(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

#[test]
fn a_notice_about_the_bundle_is_of_no_entry_and_the_same_in_pieces() {
    let body = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient"}},{"resource":{"resourceType":"Basic"}}]}"#;
    let mut feed = Feed::new(options());
    feed.push(body.as_bytes()).expect("read");
    let (whole, fed) = (read(body), feed.finish().expect("read"));
    assert!(whole.table(Table::Notices) == fed.table(Table::Notices));
    let of_type =
        rows(whole.table(Table::Notices)).into_iter().find(|row| row["element"] == "type").expect("told");
    assert!(of_type.get("entry_index").is_none(), "{of_type}");
}

#[test]
fn the_id_of_an_extension_is_not_its_value() {
    let body = bundle(&[r#"{"resourceType":"MedicationRequest","id":"p","intent":"plan","extension":[{"url":"MedicationStatusReason-1","extension":[
        {"url":"statusReason","valueCodeableConcept":{"text":"Changed"},"id":"e1"},{"url":"statusChangeDate","valueDateTime":"2020-01-01","id":"e2"}]}]}"#.to_owned()]);
    let record = read(&body);
    let plans = record.table(Table::Medications);
    assert_eq!(column(plans, "status_reason").next(), Some(Some("Changed".into())));
    assert_eq!(column(plans, "status_changed").next(), Some(Some("2020-01-01".into())));
}

#[test]
fn a_list_of_one_stands_for_its_scalar_in_types_urls_and_booleans_too() {
    let record = read(&bundle(&[
        r#"{"resourceType":["Condition"],"id":"c","code":{"coding":[{"code":"1","userSelected":[true]}]},
        "extension":[{"url":["ProblemSignificance-1"],"valueCode":"major"}]}"#
            .to_owned(),
    ]));
    let problems = record.table(Table::Problems);
    assert_eq!(problems.num_rows(), 1);
    assert_eq!(column(problems, "significance").next(), Some(Some("major".into())));
    assert_eq!(rows(problems)[0]["problem_codings"][0]["user_selected"], true);
}

#[test]
fn two_resources_in_one_entry_are_both_seen() {
    let record = read(&bundle(&[
        r#"[{"resourceType":"Condition","id":"1"},{"resourceType":"Condition","id":"2"}]"#.to_owned(),
    ]));
    assert_eq!(record.accounting.values().map(|account| account.seen).sum::<u32>(), 2);
}

#[test]
fn order_of_keys_decides_nothing_between_rival_elements() {
    for (one, other, table) in [
        (r#""effectivePeriod":{"start":"2020"}"#, r#""effectiveDateTime":"2021""#, Table::Medications),
        (r#""patient":{"reference":"Patient/p"}"#, r#""subject":{"reference":"Patient/q"}"#, Table::Notices),
    ] {
        let body = |a: &str, b: &str| {
            let kind = if table == Table::Notices { "AllergyIntolerance" } else { "MedicationStatement" };
            bundle(&[
                r#"{"resourceType":"Patient","id":"p"}"#.to_owned(),
                format!(r#"{{"resourceType":"{kind}","id":"s",{a},{b}}}"#),
            ])
        };
        assert_eq!(rows(read(&body(one, other)).table(table)), rows(read(&body(other, one)).table(table)));
    }
}

#[test]
fn lists_deeper_than_any_consultation_are_rows_or_noticed() {
    let top = r#"{"resourceType":"List","id":"0","code":{"coding":[{"code":"325851000000107"}]},"entry":[{"item":{"reference":"List/1"}}]}"#.to_owned();
    let lists = (1..40).map(|id| format!(r#"{{"resourceType":"List","id":"{id}","code":{{"coding":[{{"code":"25851000000105"}}]}},"entry":[{{"item":{{"reference":"List/{}"}}}}]}}"#, id + 1));
    let record = read(&bundle(&[top].into_iter().chain(lists).collect::<Vec<_>>()));
    assert_eq!(record.table(Table::ConsultationNodes).num_rows(), 41);
}

// Bundles made to multiply: each took seconds to minutes, and gigabytes, before it was bounded. Nothing is timed; a test
// that does not end has failed.

#[test]
fn many_warnings_of_a_list_with_a_long_note_are_bounded() {
    let body = bundle(&[format!(
        r#"{{"resourceType":"List","code":{{"coding":[{{"code":"886921000000105"}}]}},"note":[{{"text":"{}"}}],"extension":[{}]}}"#,
        "x".repeat(1 << 20),
        joined(10_000, |code| format!(r#"{{"url":"ListWarningCode-1","valueCode":"w{code}"}}"#))
    )]);
    assert!(matches!(normalise(body.as_bytes(), &options()), Err(BundleError::Limit { .. })));
}

#[test]
fn a_list_of_many_codings_and_many_lost_items_ends() {
    let body = bundle(&[format!(
        r#"{{"resourceType":"List","code":{{"coding":[{}]}},"entry":[{}]}}"#,
        joined(20_000, |_| r#"{"code":"TBD"}"#.into()),
        joined(20_000, |_| r#"{"item":{"reference":"Condition/x"}}"#.into())
    )]);
    assert!(normalise(body.as_bytes(), &options()).is_ok());
}

#[test]
fn a_list_of_many_headers_held_many_times_is_bounded() {
    let header = r#"{"url":"RelatedProblemHeader-1","extension":[{"url":"target","valueReference":{"reference":"Condition/x"}}]}"#;
    let body = bundle(&[
        format!(
            r#"{{"resourceType":"List","id":"t","code":{{"coding":[{{"code":"24781000000107"}}]}},"extension":[{}]}}"#,
            joined(2000, |_| header.into())
        ),
        format!(
            r#"{{"resourceType":"List","id":"c","code":{{"coding":[{{"code":"325851000000107"}}]}},"entry":[{}]}}"#,
            joined(100_000, |_| r#"{"item":{"reference":"List/t"}}"#.into())
        ),
    ]);
    assert!(matches!(normalise(body.as_bytes(), &options()), Err(BundleError::Limit { .. })));
}

#[test]
fn keys_alike_at_both_ends_and_escaped_are_told_apart_in_time() {
    let object = format!(
        "{{{}}}",
        joined(512, |key| format!("\"aaaaaaaa{}{key:03}bbbbbbbb\":0", "\\u0061".repeat(9900)))
    );
    let body = bundle(&[format!(r#"{{"resourceType":"Observation","x":{object}}}"#)]);
    assert!(normalise(body.as_bytes(), &options()).is_ok());
}

#[test]
fn the_last_byte_of_a_mark_after_other_bytes_is_not_a_mark() {
    let body = [b"!(\xBF".as_slice(), bundle(&[]).as_bytes()].concat();
    let mut feed = Feed::new(options());
    let fed = feed.push(&body).and_then(|()| feed.finish().map(drop));
    assert!(matches!(fed, Err(BundleError::NotJson { .. })));
    assert!(matches!(normalise(&body, &options()), Err(BundleError::NotJson { .. })));
}
