//! One test for each defect that fuzzing, generated bundles and an independent reading of the contract found, named
//! after what went wrong. Each body is read whole and in pieces, which is the same.

#[path = "../consumer_cases/sheet.rs"]
mod sheet;
#[path = "../support/mod.rs"]
mod support;

mod awkward;
mod multiplied;

use bedside_bundle::{BundleError, Feed, Record, normalise};
use bedside_model::schema::Table;
use support::{bundle, column, options, rows};

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

#[test]
fn what_is_wrong_with_a_contained_item_is_not_said_of_the_one_before() {
    let second = [r#""text""#, r#"{"resourceType":["Observation"],"id":"d"}"#];
    for second in second {
        let contained = format!(r#""contained":[{{"resourceType":"Observation","id":"c"}},{second}]"#);
        let record = read(&bundle([format!(r#"{{"resourceType":"List","id":"l",{contained}}}"#)]));
        let notices = rows(record.table(Table::Notices));
        let wrong: Vec<_> = notices.iter().filter(|notice| notice["code"] == "wrong_json_type").collect();
        assert!(!wrong.is_empty() && wrong.iter().all(|notice| notice["resource_id"] != "c"), "{wrong:?}");
    }
}

#[test]
fn what_is_wrong_with_the_second_resource_of_an_entry_is_not_said_of_the_first() {
    let both = r#"[{"resourceType":"Condition","id":"1"},{"resourceType":["Condition"],"id":"2"}]"#;
    let notices = rows(read(&bundle([both.to_owned()])).table(Table::Notices));
    assert!(notices.iter().all(|notice| notice["resource_id"] != "1" || notice["code"] != "wrong_json_type"));
}

#[test]
fn a_resource_that_repeats_the_second_of_its_id_is_one_row_with_it() {
    let condition = |status: &str| {
        format!(
            r#"{{"resourceType":"Condition","id":"b","clinicalStatus":"{status}","code":{{"text":"x"}}}}"#
        )
    };
    let record = read(&bundle(["active", "inactive", "inactive", "active"].map(condition)));
    assert_eq!(record.table(Table::Problems).num_rows(), 2);
    let codes: Vec<_> = column(record.table(Table::Notices), "code").flatten().collect();
    assert_eq!(codes.iter().filter(|code| *code == "conflicting_duplicate").count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| *code == "duplicate_resource").count(), 2, "{codes:?}");
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

#[test]
fn a_warning_in_capitals_left_its_area_complete() {
    let warning = |code: &str| {
        let extension = format!(r#"{{"url":"ListWarningCode-1","valueCode":"{code}"}}"#);
        read(&bundle([list("l", "933361000000108", &format!(r#""extension":[{extension}]"#))]))
    };
    let medications = |record: &Record| rows(record.table(Table::Sections)).swap_remove(1);
    assert_eq!(medications(&warning("Data-In-Transit "))["incomplete"], true);
    assert_eq!(medications(&warning("CONFIDENTIAL-ITEMS"))["state"], "empty_confidential");
}

#[test]
fn a_plan_without_an_id_lost_its_therapy() {
    let plan = r#"{"resourceType":"MedicationRequest","intent":"plan","priorPrescription":{"reference":"MedicationRequest/first"}}"#;
    let record = read(&bundle([plan.to_owned()]));
    let therapy = column(record.table(Table::Medications), "therapy_id").next().flatten();
    assert_eq!(therapy.as_deref(), Some("first"));
}

#[test]
fn what_named_a_plan_that_is_not_in_the_bundle_counted_for_nothing() {
    let plan = r#"{"reference":"MedicationRequest/lost"}"#;
    let place = r#""encounter":{"reference":"Encounter/e"}"#;
    let content = format!(r#""extension":[{{"url":"RelatedClinicalContent-1","valueReference":{plan}}}]"#);
    let record = read(&bundle([
        list("m", "933361000000108", &format!(r#""entry":[{{"item":{plan}}}]"#)),
        list("c", "25851000000105", &format!(r#"{place},"entry":[{{"item":{plan}}}]"#)),
        format!(r#"{{"resourceType":"Condition","id":"p",{content}}}"#),
        r#"{"resourceType":"Encounter","id":"e"}"#.to_owned(),
        format!(r#"{{"resourceType":"MedicationStatement","id":"s","basedOn":[{plan}]}}"#),
        r#"{"resourceType":"MedicationStatement","id":"t","basedOn":[{"reference":"MedicationRequest/other"}]}"#.to_owned(),
    ]));
    let statements = rows(record.table(Table::Medications));
    assert_eq!(statements[0]["membership"], "primary");
    assert_eq!(statements[0]["problem_ids"], serde_json::json!(["p"]));
    assert_eq!(statements[0]["consultation_id"], "e");
    assert_eq!(statements[0]["consultation_link"], "structure");
    assert_eq!(statements[1]["membership"], "none");
    let lost = rows(record.table(Table::Links)).into_iter().filter(|link| link["to_id"] == "lost");
    assert_eq!(lost.map(|link| link["resolved"].clone()).collect::<Vec<_>>(), [false, false]);
}
