//! Bundles made to be dear (`security` sheet, T-03 to T-06): each ends, as a record or refused, with work in
//! proportion to its length.
//!
//! Nothing is timed. Each pattern is of a size at which work that grows with the square of it, 10^10 steps or more,
//! would not end while a person waits: that the test ends is what it shows. Patterns that the default limits would
//! refuse are read with those limits lifted, so that the work behind them is done.

mod support;

use bedside_bundle::{BundleError, Feed, Limits, Options, Record, normalise};
use bedside_model::schema::Table;
use support::{bundle, joined, options};

/// How often the thing that repeats does.
const MANY: usize = 100_000;

/// No limits but those of depth and of keys in one object, by which the work on both is bounded.
fn lifted() -> Options {
    let limits = Limits {
        body_bytes: 1 << 30,
        values: u32::MAX,
        entries: u32::MAX,
        string_bytes: 1 << 30,
        number_characters: 1 << 30,
        notices: usize::MAX,
        ..Limits::default()
    };
    Options { limits, ..options() }
}

/// Reads whole and in pieces, which is the same, a refusal for a limit included.
fn read(body: &str, options: &Options) -> Result<Record, BundleError> {
    let whole = normalise(body.as_bytes(), options);
    let mut feed = Feed::new(options.clone());
    let pushed = body.as_bytes().chunks(65_536).try_for_each(|piece| feed.push(piece));
    let fed = pushed.and_then(|()| feed.finish());
    match (&whole, &fed) {
        (Ok(whole), Ok(fed)) => assert_eq!(whole.accounting, fed.accounting),
        (Err(whole), Err(fed)) => assert_eq!(std::mem::discriminant(whole), std::mem::discriminant(fed)),
        _ => panic!("whole {:?}, in pieces {:?}", whole.err(), fed.err()),
    }
    whole
}

fn is_limit<T>(read: &Result<T, BundleError>) -> bool {
    matches!(
        read,
        Err(BundleError::Limit { .. } | BundleError::RecordTooLarge { .. } | BundleError::BodyTooLong { .. })
    )
}

#[test]
fn tiny_values_by_the_million_are_passed_over() {
    for tiny in ["[]", "0", "[[]]", "{\"\":0}", "\"\"", "null"] {
        let body = bundle([format!(
            r#"{{"resourceType":"Observation","x":[{}]}}"#,
            joined(10 * MANY, |_| tiny.to_owned())
        )]);
        assert_eq!(read(&body, &lifted()).expect("read").accounting["Observation"].unmapped, 1);
    }
}

#[test]
fn tiny_values_where_elements_are_read_are_noticed_or_refused() {
    for tiny in ["[]", "0", "{}", "[[]]", "\"\""] {
        for element in ["note", "category", "identifier", "reaction", "extension", "contained"] {
            let body = bundle([format!(
                r#"{{"resourceType":"AllergyIntolerance","id":"a","{element}":[{}]}}"#,
                joined(MANY, |_| tiny.to_owned())
            )]);
            let read = read(&body, &lifted());
            assert!(
                is_limit(&read) || read.is_ok_and(|record| record.accounting["AllergyIntolerance"].seen == 1)
            );
        }
    }
}

#[test]
fn entries_that_are_nothing_are_counted() {
    let entries = |nothing: &str, count| {
        format!(r#"{{"resourceType":"Bundle","entry":[{}]}}"#, joined(count, |_| nothing.to_owned()))
    };
    for nothing in ["{}", "0", "null", "[]"] {
        let record = read(&entries(nothing, MANY / 10), &options()).expect("read");
        assert_eq!(record.envelope.entries as usize, MANY / 10);
        assert!(is_limit(&read(&entries(nothing, MANY), &options())));
    }
}

#[test]
fn arrays_nested_as_deep_as_may_be_are_read_at_every_place() {
    // A list of one stands for its item at every level, and a resource is looked through for its type.
    let nested = format!("{}\"x\"{}", "[".repeat(55), "]".repeat(55));
    let body = bundle((0..100).map(|id| {
        format!(r#"{{"id":"{id}","code":{{"text":{nested},"coding":{nested}}},"note":{nested},"resourceType":"Condition"}}"#)
    }));
    assert_eq!(read(&body, &options()).expect("read").table(Table::Problems).num_rows(), 100);
    let contained = (0..25).fold("{\"resourceType\":\"Observation\"}".to_owned(), |inside, _| {
        format!(r#"{{"contained":[{inside}],"resourceType":"Observation"}}"#)
    });
    let body = bundle((0..1000).map(|_| contained.clone()));
    assert_eq!(read(&body, &options()).expect("read").accounting["Observation"].seen, 26_000);
}

#[test]
fn brackets_without_end_are_refused() {
    for open in ["[", "{\"a\":"] {
        for before in
            ["", r#"{"resourceType":"Bundle","entry":"#, r#"{"resourceType":"Bundle","entry":[{"x":"#]
        {
            let body = format!("{before}{}", open.repeat(10 * MANY));
            assert!(is_limit(&read(&body, &options())));
        }
    }
}

#[test]
fn a_huge_string_of_escapes_and_a_huge_number_are_read_or_refused() {
    for inside in ["\\u0041", "\\\\", "\\\"", "x", "\u{10ffff}"] {
        let body = bundle([format!(
            r#"{{"resourceType":"Condition","id":"c","code":{{"text":"{}"}}}}"#,
            inside.repeat(10 * MANY)
        )]);
        assert_eq!(read(&body, &lifted()).expect("read").table(Table::Problems).num_rows(), 1);
        // The text fits the limit only where it is one byte a time.
        assert_eq!(is_limit(&read(&body, &options())), inside.len() > 1);
    }
    let body =
        bundle([format!(r#"{{"resourceType":"Encounter","length":{{"value":{}}}}}"#, "1".repeat(10 * MANY))]);
    assert!(read(&body, &lifted()).is_ok());
    assert!(is_limit(&read(&body, &options())));
}

#[test]
fn objects_of_as_many_keys_as_may_be_are_read_and_of_more_refused() {
    let object =
        |keys: usize| format!("{{{}}}", joined(keys, |key| format!("\"same start {key:05} same end\":0")));
    let body =
        bundle([format!(r#"{{"resourceType":"Observation","x":[{}]}}"#, joined(400, |_| object(512)))]);
    assert!(read(&body, &options()).is_ok());
    assert!(is_limit(&read(&bundle([object(MANY)]), &options())));
}

#[test]
fn many_references_to_one_medication_are_resolved() {
    let statement = |id: usize| {
        format!(
            r#"{{"resourceType":"MedicationStatement","id":"{id}","medicationReference":{{"reference":"Medication/m"}}}}"#
        )
    };
    let drug = r#"{"resourceType":"Medication","id":"m","code":{"text":"Paracetamol"}}"#.to_owned();
    let body = bundle((0..MANY).map(statement).chain([drug]));
    let record = read(&body, &lifted()).expect("read");
    assert_eq!(record.table(Table::Medications).num_rows(), MANY);
}

#[test]
fn one_long_text_that_every_record_repeats_is_refused() {
    let long = "x".repeat(1 << 20);
    let body = bundle(
        (0..10_000)
            .map(|id| {
                format!(r#"{{"resourceType":"MedicationStatement","id":"{id}","medicationReference":{{"reference":"Medication/m"}}}}"#)
            })
            .chain([format!(r#"{{"resourceType":"Medication","id":"m","code":{{"text":"{long}"}}}}"#)]),
    );
    assert!(is_limit(&read(&body, &options())));
}

#[test]
fn many_notices_of_one_long_id_are_bounded() {
    let long = "x".repeat(1 << 20);
    let body = bundle([format!(
        r#"{{"resourceType":"AllergyIntolerance","id":"{long}","category":[{}]}}"#,
        joined(10_000, |_| "1".to_owned())
    )]);
    assert!(is_limit(&read(&body, &options())));
}

#[test]
fn many_contained_resources_named_by_their_container_are_found() {
    let contained = joined(MANY, |id| format!(r#"{{"resourceType":"AllergyIntolerance","id":"{id}"}}"#));
    let items = joined(MANY, |id| format!(r##"{{"item":{{"reference":"#{}"}}}}"##, MANY - 1 - id));
    let body = bundle([format!(
        r#"{{"resourceType":"List","code":{{"coding":[{{"code":"1103671000000101"}}]}},"contained":[{contained}],"entry":[{items}]}}"#
    )]);
    let record = read(&body, &lifted()).expect("read");
    assert_eq!(record.table(Table::Allergies).num_rows(), MANY);
    // What is named and is not there is looked for as long.
    let lost = joined(MANY, |id| format!(r##"{{"item":{{"reference":"#lost{id}"}}}}"##));
    let other = format!(
        r#"{{"resourceType":"List","code":{{"coding":[{{"code":"886921000000105"}}]}},"entry":[{lost}]}}"#
    );
    let holder = format!(r#"{{"resourceType":"List","contained":[{contained}]}}"#);
    assert!(read(&bundle([holder, other]), &lifted()).is_ok());
}

#[test]
fn many_containers_of_one_contained_id_are_kept_apart() {
    let body = bundle((0..MANY).map(|_| {
        r#"{"resourceType":"List","contained":[{"resourceType":"AllergyIntolerance","id":"1"}]}"#.to_owned()
    }));
    assert_eq!(read(&body, &lifted()).expect("read").table(Table::Allergies).num_rows(), MANY);
}

#[test]
fn many_extensions_of_distinct_urls_are_passed_over() {
    let extensions =
        joined(MANY, |url| format!(r#"{{"valueString":"v","url":"https://example.org/{url}"}}"#));
    let body = bundle([format!(r#"{{"resourceType":"Condition","id":"c","extension":[{extensions}]}}"#)]);
    assert_eq!(read(&body, &lifted()).expect("read").table(Table::Problems).num_rows(), 1);
}

#[test]
fn many_items_of_one_list_are_members_of_it() {
    for code in
        ["717711000000103", "325851000000107", "problems-linked-problems-not-relating-to-the-primary-query"]
    {
        let items = joined(MANY, |id| format!(r#"{{"item":{{"reference":"Condition/{id}"}}}}"#));
        let list = format!(
            r#"{{"resourceType":"List","id":"l","code":{{"coding":[{{"code":"{code}"}}]}},"encounter":{{"reference":"Encounter/e"}},"entry":[{items}]}}"#
        );
        let problems = (0..MANY).map(|id| format!(r#"{{"resourceType":"Condition","id":"{id}"}}"#));
        let record = read(&bundle(problems.chain([list])), &lifted()).expect("read");
        assert_eq!(record.table(Table::Problems).num_rows(), MANY);
    }
}

#[test]
fn many_distinct_warnings_and_notes_are_united() {
    let warnings = joined(MANY, |code| format!(r#"{{"url":"ListWarningCode-1","valueCode":"w{code}"}}"#));
    let list = format!(
        r#"{{"resourceType":"List","code":{{"coding":[{{"code":"886921000000105"}}]}},"extension":[{warnings}]}}"#
    );
    assert!(read(&bundle([list]), &lifted()).is_ok());
    let notes = |of: char| joined(MANY, |note| format!(r#"{{"text":"{of}{note}"}}"#));
    let record = read(
        &bundle([
            format!(
                r#"{{"resourceType":"MedicationStatement","id":"s","basedOn":[{{"reference":"MedicationRequest/p"}}],"note":[{}]}}"#,
                notes('s')
            ),
            format!(
                r#"{{"resourceType":"MedicationRequest","id":"p","intent":"plan","note":[{}]}}"#,
                notes('p')
            ),
        ]),
        &lifted(),
    );
    assert_eq!(record.expect("read").table(Table::Medications).num_rows(), 1);
}

#[test]
fn deep_chains_and_circles_of_prior_plans_end() {
    let plan = |id: usize, prior: usize| {
        format!(
            r#"{{"resourceType":"MedicationRequest","id":"{id}","intent":"plan","priorPrescription":{{"reference":"MedicationRequest/{prior}"}}}}"#
        )
    };
    let chains: [Vec<String>; 4] = [
        (0..MANY).map(|id| plan(id, id + 1)).collect(),
        (0..MANY).map(|id| plan(id, id.saturating_sub(1))).collect(),
        (0..MANY).map(|id| plan(id, (id + 1) % MANY)).collect(),
        // Half of them lead into a circle of the other half.
        (0..MANY).map(|id| plan(id, if id + 1 == MANY { MANY / 2 } else { id + 1 })).collect(),
    ];
    for chain in chains {
        assert_eq!(read(&bundle(chain), &lifted()).expect("read").table(Table::Medications).num_rows(), MANY);
    }
}

#[test]
fn lists_in_a_long_chain_find_their_consultation() {
    let count = MANY / 2;
    let list = |id: usize, next: usize| {
        format!(
            r#"{{"resourceType":"List","id":"{id}","code":{{"coding":[{{"code":"25851000000105"}}]}},"entry":[{{"item":{{"reference":"List/{next}"}}}}]}}"#
        )
    };
    let top = format!(
        r#"{{"resourceType":"List","id":"top","code":{{"coding":[{{"code":"325851000000107"}}]}},"encounter":{{"reference":"Encounter/e"}},"entry":[{{"item":{{"reference":"List/{}"}}}}]}}"#,
        count - 1
    );
    // Each names the one before it, so that one pass in order places one list alone.
    let backwards = (0..count).map(|id| list(id, id.wrapping_sub(1) % count));
    assert!(read(&bundle(backwards.chain([top])), &lifted()).is_ok());
}

#[test]
fn many_duplicates_of_one_id_are_one_row_or_all_of_them() {
    let same = bundle((0..MANY).map(|_| r#"{"resourceType":"Condition","id":"c"}"#.to_owned()));
    assert_eq!(read(&same, &lifted()).expect("read").table(Table::Problems).num_rows(), 1);
    let unlike = bundle((0..MANY).map(|n| format!(r#"{{"resourceType":"Condition","id":"c","x":{n}}}"#)));
    assert_eq!(read(&unlike, &lifted()).expect("read").table(Table::Problems).num_rows(), MANY);
    // The first is long, and each of the others is compared with it.
    let long = format!(
        r#"{{"resourceType":"Observation","id":"o","x":[{}]}}"#,
        joined(5 * MANY, |_| "0".to_owned())
    );
    let short = (0..MANY).map(|_| r#"{"resourceType":"Observation","id":"o"}"#.to_owned());
    assert!(read(&bundle([long].into_iter().chain(short)), &lifted()).is_ok());
}

#[test]
fn many_unknown_types_are_counted_each() {
    // More than two bytes can number.
    let types = 70_000;
    let body = bundle((0..types).map(|kind| format!(r#"{{"resourceType":"Type{kind}","id":"1"}}"#)));
    let record = read(&body, &lifted()).expect("read");
    assert_eq!(record.accounting.len(), types);
    assert!(record.accounting.values().all(|account| account.seen == 1 && account.unmapped == 1));
}

/// The `reliability` sheet, section 8, numbers of use.
#[test]
fn ten_thousand_issues_under_one_plan_are_rows_of_it() {
    let issue = |id: usize| {
        format!(
            r#"{{"resourceType":"MedicationRequest","id":"i{id}","intent":"order","basedOn":[{{"reference":"MedicationRequest/p"}}]}}"#
        )
    };
    let statement =
        r#"{"resourceType":"MedicationStatement","id":"s","basedOn":[{"reference":"MedicationRequest/p"}]}"#;
    let plan = r#"{"resourceType":"MedicationRequest","id":"p","intent":"plan"}"#;
    let others = [statement.to_owned(), plan.to_owned()];
    let record = read(&bundle(others.into_iter().chain((0..10_000).map(issue))), &options()).expect("read");
    assert_eq!(record.table(Table::MedicationIssues).num_rows(), 10_000);
}

#[test]
fn many_records_that_share_one_plan_end() {
    // The square of the number of statements and issues would be 2.5 times 10^9.
    let half = MANY / 2;
    let of_plan = |kind: &str, id: usize| {
        format!(
            r#"{{"resourceType":"{kind}","id":"{kind}{id}","intent":"order","basedOn":[{{"reference":"MedicationRequest/p"}}]}}"#
        )
    };
    let statements = (0..half).map(|id| of_plan("MedicationStatement", id));
    let issues = (0..half).map(|id| of_plan("MedicationRequest", id));
    let plan = r#"{"resourceType":"MedicationRequest","id":"p","intent":"plan"}"#.to_owned();
    // What is shared counts against the limit of values, so that one stays.
    let limits = Limits { values: Limits::default().values, ..lifted().limits };
    let read = read(&bundle(statements.chain(issues).chain([plan])), &Options { limits, ..options() });
    assert!(is_limit(&read));
}

#[test]
fn many_problems_of_many_records_end() {
    let count = 1000;
    let links = |problem: usize| {
        let links = joined(count, |id| {
            format!(
                r#"{{"url":"RelatedClinicalContent-1","valueReference":{{"reference":"AllergyIntolerance/a{id}"}}}}"#
            )
        });
        format!(r#"{{"resourceType":"Condition","id":"p{problem}","extension":[{links}]}}"#)
    };
    let allergies = (0..count).map(|id| format!(r#"{{"resourceType":"AllergyIntolerance","id":"a{id}"}}"#));
    let record = read(&bundle((0..count).map(links).chain(allergies)), &lifted()).expect("read");
    assert_eq!(record.table(Table::Links).num_rows(), count * count);
}
