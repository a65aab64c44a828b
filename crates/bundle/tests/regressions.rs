//! One test for each defect that fuzzing, generated bundles and an independent reading of the contract found, named
//! after what went wrong. Each body is read whole and in pieces, which is the same.

mod support;

use bedside_bundle::{BundleError, Feed, Record, normalise};
use bedside_model::schema::Table;
use support::{column, options, rows};

/// A bundle of these resources.
fn bundle(resources: impl IntoIterator<Item = String>) -> String {
    let entries: Vec<String> =
        resources.into_iter().map(|resource| format!("{{\"resource\":{resource}}}")).collect();
    format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","))
}

fn joined(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

/// A list of this code, with these members beside it.
fn list(id: &str, code: &str, members: &str) -> String {
    format!(r#"{{"resourceType":"List","id":"{id}","code":{{"coding":[{{"code":"{code}"}}]}},{members}}}"#)
}

fn try_read(body: &[u8]) -> Result<Record, BundleError> {
    let whole = normalise(body, &options());
    let mut feed = Feed::new(options());
    let pushed = body.chunks(65_521).try_for_each(|piece| feed.push(piece));
    match (&whole, pushed.and_then(|()| feed.finish())) {
        (Ok(whole), Ok(fed)) => assert!(whole.tables().eq(fed.tables())),
        (Err(whole), Err(fed)) => {
            assert_eq!(std::mem::discriminant(whole), std::mem::discriminant(&fed), "{whole} / {fed}");
        }
        (whole, fed) => panic!("whole {:?}, in pieces {:?}", whole.as_ref().err(), fed.err()),
    }
    whole
}

fn read(body: &str) -> Record {
    try_read(body.as_bytes()).expect("read")
}

fn assert_limit(body: &str) {
    assert!(matches!(
        try_read(body.as_bytes()),
        Err(BundleError::Limit { .. } | BundleError::RecordTooLarge { .. })
    ));
}

#[test]
fn a_notice_about_the_bundle_is_of_no_entry_and_the_same_in_pieces() {
    let record = read(
        r#"{"resourceType":"Bundle","id":5,"entry":[{"resource":{"resourceType":"Patient"}},{"resource":{"resourceType":"Basic"}}]}"#,
    );
    for element in ["type", "id"] {
        let notices = rows(record.table(Table::Notices));
        let of_bundle =
            |row: &&serde_json::Value| row["element"] == element && row.get("resource_type").is_none();
        let notice = notices.iter().find(of_bundle).expect("told");
        assert_eq!(notice.get("entry_index"), None, "{notice}");
    }
}

#[test]
fn the_id_of_an_extension_is_not_its_value() {
    let record =
        read(&bundle([r#"{"resourceType":"MedicationRequest","id":"p","intent":"plan","extension":[
        {"url":"MedicationStatusReason-1","extension":[
            {"url":"statusReason","valueCodeableConcept":{"text":"Changed"},"id":"e1"},
            {"url":"statusChangeDate","valueDateTime":"2020-01-01","id":"e2"}]}]}"#
            .to_owned()]));
    let plans = record.table(Table::Medications);
    assert_eq!(column(plans, "status_reason").next(), Some(Some("Changed".into())));
    assert_eq!(column(plans, "status_changed").next(), Some(Some("2020-01-01".into())));
}

#[test]
fn a_list_of_one_stands_for_its_scalar_in_types_urls_and_booleans_too() {
    let record = read(&bundle([
        r#"{"resourceType":["Condition"],"id":"c","code":{"coding":[{"code":"1","userSelected":[true]}]},
        "extension":[{"url":["ProblemSignificance-1"],"valueCode":"major"}]}"#
            .to_owned(),
    ]));
    let problems = rows(record.table(Table::Problems));
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0]["significance"], "major");
    assert_eq!(problems[0]["problem_codings"][0]["user_selected"], true);
    let codes: Vec<_> = column(record.table(Table::Notices), "code").flatten().collect();
    assert!(codes.iter().filter(|code| *code == "wrong_json_type").count() >= 3, "{codes:?}");
}

#[test]
fn two_resources_in_one_entry_are_both_seen() {
    let both = r#"[{"resourceType":"Condition","id":"1"},{"resourceType":"Condition","id":"2"}]"#;
    let record = read(&bundle([both.to_owned()]));
    assert_eq!(record.accounting.values().map(|account| account.seen).sum::<u32>(), 2);
}

/// Where two elements stand for one thing, the same one counts in any order.
#[test]
fn order_of_keys_decides_nothing_between_rival_elements() {
    let rivals = [
        ("MedicationStatement", r#""effectivePeriod":{"start":"2020"}"#, r#""effectiveDateTime":"2021""#),
        ("MedicationStatement", r#""effectivePeriod":{}"#, r#""effectiveDateTime":"2021""#),
        (
            "AllergyIntolerance",
            r#""patient":{"reference":"Patient/p"}"#,
            r#""subject":{"reference":"Patient/q"}"#,
        ),
    ];
    for (kind, one, other) in rivals {
        let body = |first: &str, second: &str| {
            let record = format!(r#"{{"resourceType":"{kind}","id":"s",{first},{second}}}"#);
            bundle([r#"{"resourceType":"Patient","id":"p"}"#.to_owned(), record])
        };
        assert!(read(&body(one, other)).tables().eq(read(&body(other, one)).tables()), "{kind}");
    }
}

#[test]
fn lists_deeper_than_any_consultation_are_rows() {
    let holding = |id: usize, code: &str| {
        let next = id + 1;
        list(&id.to_string(), code, &format!(r#""entry":[{{"item":{{"reference":"List/{next}"}}}}]"#))
    };
    let top = holding(0, "325851000000107");
    let record = read(&bundle([top].into_iter().chain((1..40).map(|id| holding(id, "25851000000105")))));
    // Forty lists, and the one that is named and is not there.
    assert_eq!(record.table(Table::ConsultationNodes).num_rows(), 41);
}

#[test]
fn the_last_byte_of_a_mark_after_other_bytes_is_not_a_mark() {
    let body = [b"!(\xBF".as_slice(), bundle([]).as_bytes()].concat();
    assert!(matches!(try_read(&body), Err(BundleError::NotJson { .. })));
}

// Bundles made to multiply: each took seconds to minutes, and gigabytes, before it was bounded. Nothing is timed; a
// test that does not end has failed. Those that no defect has passed are in `adversarial`.

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

#[test]
fn a_count_of_repeats_with_a_fraction_of_nothing_is_read_and_any_other_is_not() {
    for (written, read_as) in [("6.0", Some(6)), ("6", Some(6)), ("6.5", None), ("6.", None)] {
        let repeats = format!(
            r#"{{"url":"https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-MedicationRepeatInformation-1","extension":[{{"url":"numberOfRepeatPrescriptionsAllowed","valueString":"{written}"}}]}}"#
        );
        let plan = format!(
            r#"{{"resourceType":"MedicationRequest","id":"p","intent":"plan","extension":[{repeats}]}}"#
        );
        let record = read(&bundle([plan]));
        let row = &rows(record.table(Table::Medications))[0];
        assert_eq!(row.get("repeats_allowed").and_then(serde_json::Value::as_u64), read_as, "{written}");
    }
}

#[test]
fn the_text_of_a_quantity_stands_before_the_one_beside_it_in_any_order() {
    let text = |words: &str| {
        format!(
            r#""extension":[{{"url":"https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-MedicationQuantityText-1","valueString":"{words}"}}]"#
        )
    };
    let (beside, inside) = (text("beside"), format!(r#""quantity":{{{}}}"#, text("inside")));
    for request in [format!("{beside},{inside}"), format!("{inside},{beside}")] {
        let plan = format!(
            r#"{{"resourceType":"MedicationRequest","id":"p","intent":"plan","dispenseRequest":{{{request}}}}}"#
        );
        let record = read(&bundle([plan]));
        let mut texts = column(record.table(Table::Medications), "quantity_text");
        assert_eq!(texts.next().flatten().as_deref(), Some("inside"));
    }
}
