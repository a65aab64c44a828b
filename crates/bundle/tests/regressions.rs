//! One test for each defect that fuzzing, generated bundles and an independent reading of the contract found, named
//! after what went wrong. Each body is read whole and in pieces, which is the same.

#[path = "consumer_cases/sheet.rs"]
mod sheet;
mod support;

use bedside_bundle::{BundleError, Feed, Record, normalise};
use bedside_model::schema::Table;
use serde_json::{Value, json};
use sheet::{
    Answer, GPC, allergy, assert_flags, assert_row, content, list as list_of, medicine, problem, texts, with,
};
use support::{bundle, column, joined, options, rows};

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

#[test]
fn a_refused_filter_before_it_hid_that_an_area_is_disabled() {
    let said = |parameter: &str, text: &str| {
        let details = json!({"coding": [{"code": "NOT_IMPLEMENTED"}], "text": format!("{parameter} {text}")});
        json!({"severity": "warning", "code": "not-supported", "details": details, "diagnostics": parameter})
    };
    let issues = [
        said("includeProblems.filterStatus", "is an unrecognised parameter"),
        said("includeProblems", "has been disabled"),
    ];
    let answer = Answer::synthetic(vec![json!({"resourceType": "OperationOutcome", "issue": issues})]);
    assert_row(&answer.section("problems"), json!({"state": "disabled", "requested": true}));
    assert!(answer.notices("missing_list").is_empty());
}

#[test]
fn an_outcome_without_a_code_had_the_empty_one() {
    let answer = Answer::synthetic(vec![
        json!({"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}),
    ]);
    let notices = answer.rows(Table::Notices);
    let told = notices.iter().find(|notice| notice["origin"] == "provider").expect("told");
    assert_row(told, json!({"code": null, "severity": "warning"}));
}

#[test]
fn words_that_an_item_is_not_supplied_were_missed_in_capitals_and_beside_a_display() {
    for (item, availability) in [
        (json!({"reference": "Test Request items are not supported", "display": "shown"}), "unsupported"),
        (json!({"display": "Items Not Supported"}), "unsupported"),
        (json!({"display": "DISABLED"}), "disabled"),
    ] {
        let list = with(list_of("325851000000107", &[]), json!({"id": "c", "entry": [{"item": item}]}));
        let nodes = Answer::synthetic(vec![list]).rows(Table::ConsultationNodes);
        assert_eq!(nodes[1]["availability"], availability, "{item}");
    }
}

#[test]
fn an_identifier_of_any_system_was_taken_for_an_ods_code() {
    for system in [json!("https://example.org/site"), Value::Null] {
        let provider = json!({"identifier": {"system": system, "value": "X1"}, "display": "Hub"});
        let answer = Answer::synthetic(vec![
            json!({"resourceType": "Encounter", "id": "e", "serviceProvider": provider}),
        ]);
        let row = answer.row(Table::Consultations, "e");
        assert_row(&row, json!({"organisation": "Hub", "organisation_ods": null}));
    }
}

#[test]
fn a_reference_by_identifier_alone_was_lost_without_a_word() {
    let by_identifier = || json!({"identifier": {"system": "https://example.org/x", "value": "1"}});
    let members = json!({"asserter": by_identifier(), "extension": content(&[by_identifier()])});
    let answer = Answer::synthetic(vec![problem("p", members)]);
    let elements: Vec<_> =
        answer.notices("unresolved_reference").into_iter().map(|notice| notice["element"].clone()).collect();
    assert_eq!(elements.len(), 2, "{elements:?}");
    assert!(elements.contains(&json!("asserter")) && elements.contains(&json!("extension")));
    let list =
        with(list_of("325851000000107", &[]), json!({"id": "c", "entry": [{"item": by_identifier()}]}));
    let nodes = Answer::synthetic(vec![list]).rows(Table::ConsultationNodes);
    assert_row(&nodes[1], json!({"availability": "unresolved", "item_id": null}));
}

#[test]
fn a_misspelt_reference_that_resolves_went_unnoticed_or_did_not_resolve() {
    for form in [
        "Encounter/Encounter/e",
        "/Encounter/e",
        "../Encounter/e",
        "Encounter/e/",
        "Encounter//e",
        " Encounter/e",
    ] {
        let context = json!({"context": {"reference": form}});
        let answer =
            Answer::synthetic(vec![json!({"resourceType": "Encounter", "id": "e"}), problem("p", context)]);
        assert_eq!(answer.row(Table::Problems, "p")["consultation_id"], "e", "{form}");
        assert_eq!(answer.noticed("malformed_reference"), ["p"], "{form}");
    }
}

#[test]
fn a_significance_that_was_sent_as_a_concept_or_in_capitals_was_none() {
    for (value, significance) in [
        (json!({"valueCodeableConcept": {"coding": [{"code": "major"}]}}), "major"),
        (json!({"valueCodeableConcept": {"text": "minor"}}), "minor"),
        (json!({"valueCode": "Major "}), "Major "),
    ] {
        let extension = with(json!({"url": format!("{GPC}ProblemSignificance-1")}), value);
        let answer = Answer::synthetic(vec![problem("p", json!({"extension": [extension]}))]);
        assert_row(&answer.row(Table::Problems, "p"), json!({"significance": significance, "flags": null}));
        assert!(answer.notices("unknown_code").is_empty(), "{significance}");
    }
}

#[test]
fn a_drug_without_a_name_hid_the_one_of_the_plan() {
    for (statement, nameless) in [
        (json!({"medicationReference": {"reference": "Medication/nameless"}}), json!({"code": null})),
        (json!({"medicationReference": {"reference": "Medication/nameless"}}), json!({"code": {}})),
        (json!({"medicationReference": null, "medicationCodeableConcept": {}}), json!({})),
        (json!({"medicationReference": {"display": ""}}), json!({})),
    ] {
        let mut resources = medicine("m", json!({"text": "Tablets"}), statement, json!({}));
        resources.push(with(json!({"resourceType": "Medication", "id": "nameless"}), nameless));
        let row = Answer::synthetic(resources).row(Table::Medications, "m");
        assert_row(&row, json!({"medication_term": "Tablets", "medication_term_source": "text"}));
    }
}

#[test]
fn a_concept_came_before_the_medication_that_is_referred_to() {
    let both = json!({"medicationCodeableConcept": {"text": "Concept"}});
    let row = Answer::synthetic(medicine("m", json!({"text": "Tablets"}), both, json!({})))
        .row(Table::Medications, "m");
    assert_eq!(row["medication_term"], "Tablets");
}

#[test]
fn the_second_of_two_records_with_one_id_lost_its_consultation() {
    let topic = with(
        list_of("25851000000105", &["AllergyIntolerance/a"]),
        json!({"id": "t", "encounter": {"reference": "Encounter/e"}}),
    );
    let answer = Answer::synthetic(vec![
        allergy("a", json!({"text": "Serum"}), json!({})),
        allergy("a", json!({"text": "Serum"}), json!({"onsetDateTime": "2019"})),
        topic,
        json!({"resourceType": "Encounter", "id": "e"}),
    ]);
    let rows = answer.rows(Table::Allergies);
    assert_eq!([&rows[0]["consultation_id"], &rows[1]["consultation_id"]], ["e", "e"]);
    assert_eq!(answer.links("listed-in").len(), 2);
    assert_eq!(answer.row(Table::Consultations, "e")["allergy_count"], 2);
}

#[test]
fn a_null_before_the_only_dosage_made_json_of_half_a_list() {
    let dosage = json!([null, {"text": "x", "timing": {"code": "BD"}}]);
    let plan = json!({"dosageInstruction": dosage});
    let row = Answer::synthetic(medicine("m", json!({"text": "Drug"}), json!({}), plan))
        .row(Table::Medications, "m");
    let structured: Value =
        serde_json::from_str(row["dosage_structured"].as_str().expect("structured")).expect("JSON");
    assert_eq!(structured, json!({"text": "x", "timing": {"code": "BD"}}));
}

#[test]
fn a_changed_dosage_whose_day_cannot_be_read_went_unnoticed() {
    let warning = "1 od - WARNING - Dosage has changed during the effective period. The latest change was made on 31-Feb-2020";
    let plan = json!({"dosageInstruction": [{"text": warning}]});
    let answer = Answer::synthetic(medicine("m", json!({"text": "Drug"}), json!({}), plan));
    assert_eq!(answer.noticed("unreadable_date"), ["m"]);
}

#[test]
fn an_entry_whose_resource_is_null_went_unnoticed() {
    let record = read(r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":null}]}"#);
    let notices = rows(record.table(Table::Notices));
    assert_row(
        &notices[0],
        json!({"code": "missing_element", "element": "entry.resource", "entry_index": 0}),
    );
}

#[test]
fn a_list_without_a_code_went_unnoticed() {
    let answer = Answer::synthetic(vec![
        json!({"resourceType": "List", "entry": [{"item": {"reference": "Condition/p"}}]}),
    ]);
    let notices = answer.notices("missing_element");
    assert!(notices.iter().any(|notice| notice["resource_type"] == "List" && notice["element"] == "code"));
}

#[test]
fn what_is_no_plan_was_taken_for_the_plan_that_was_replaced() {
    for prior in ["Condition/x", "MedicationStatement/m"] {
        let plan = json!({"priorPrescription": {"reference": prior}});
        let row = Answer::synthetic(medicine("m", json!({"text": "Drug"}), json!({}), plan))
            .row(Table::Medications, "m");
        assert_row(&row, json!({"prior_plan_id": null, "therapy_id": "m-plan"}));
    }
}

#[test]
fn the_parts_of_a_relation_were_not_known_in_capitals() {
    let parts = json!([{"url": "Type", "valueCode": "Child"}, {"url": "Target", "valueReference": {"reference": "Condition/c"}}]);
    let header = json!({"url": format!("{GPC}RelatedProblemHeader-1"), "extension": parts});
    let row = Answer::synthetic(vec![problem("p", json!({"extension": [header]}))]).row(Table::Problems, "p");
    assert_eq!(texts(&row, "child_ids"), ["c"]);
}

#[test]
fn an_empty_part_of_a_name_was_a_space_and_an_empty_name_no_name() {
    for (names, told) in [
        (json!([{"given": ["Re", "La"], "family": ""}]), "Re La"),
        (json!([{}, {"text": "Second"}]), "Second"),
    ] {
        let answer = Answer::synthetic(vec![
            json!({"resourceType": "Practitioner", "id": "d", "name": names}),
            problem("p", json!({"asserter": {"reference": "Practitioner/d"}})),
        ]);
        assert_eq!(answer.row(Table::Problems, "p")["asserter"], told);
    }
}

#[test]
fn the_last_of_an_extension_that_came_twice_was_the_one_that_counted() {
    let of = |name: &str, value: Value| with(json!({"url": format!("{GPC}{name}-1")}), value);
    let extensions = ["minor", "major"].map(|code| of("ProblemSignificance", json!({"valueCode": code})));
    let row =
        Answer::synthetic(vec![problem("p", json!({"extension": extensions}))]).row(Table::Problems, "p");
    assert_eq!(row["significance"], "minor");
    let days =
        ["2020", "2021"].map(|day| of("MedicationStatementLastIssueDate", json!({"valueDateTime": day})));
    let statement = json!({"resourceType": "MedicationStatement", "id": "m", "extension": days});
    assert_eq!(Answer::synthetic(vec![statement]).row(Table::Medications, "m")["last_issue"], "2020");
}

#[test]
fn a_label_without_a_code_was_dropped() {
    let labels = json!({"security": [{"code": "NOPAT"}, {"display": "Restricted"}]});
    let answer = Answer::synthetic(vec![allergy("a", json!({"text": "Latex"}), json!({"meta": labels}))]);
    let row = answer.row(Table::Allergies, "a");
    assert_eq!(texts(&row, "security"), ["NOPAT", "Restricted"]);
    assert_flags(&row, &[]);
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
