//! What must not change, and what must, when a bundle changes in a known way (`reliability` sheet, section 7).

mod support;
#[allow(dead_code, unreachable_pub)]
#[path = "support"]
mod generated {
    pub mod cases;
    pub mod generate;
    pub mod json;
    pub mod random;
}

use std::borrow::Cow;
use std::collections::BTreeMap;

use bedside_bundle::{Options, Record, normalise};
use bedside_model::ClinicalArea;
use bedside_model::schema::Table;
use generated::cases::run;
use generated::generate::{Generated, Shapes, bundle_of, generate};
use generated::json::{Json, Layout};
use generated::random::Random;
use serde_json::Value;
use support::{options, rows, sorted};

/// Two copies of a record that change apart are no copies any more.
const WITHOUT_REPEATS: Shapes = Shapes { wrong_types: true, repeats: false };

fn read(body: &str, options: &Options) -> Record {
    normalise(body.as_bytes(), options).unwrap_or_else(|error| panic!("{error}\n{body}"))
}

fn record(bundle: &Json, random: &mut Random) -> Record {
    read(&bundle.write(Layout::default(), random), &options())
}

fn assert_tables_equal(one: &Record, other: &Record) {
    for ((table, one), (_, other)) in one.tables().zip(other.tables()) {
        assert!(one == other, "{}\n{:#?}\n{:#?}", table.as_str(), rows(one), rows(other));
    }
    assert_eq!(one.accounting, other.accounting);
}

#[test]
fn an_unknown_element_anywhere_changes_no_table() {
    run("unknown element", 1, |random| {
        let mut bundle = generate(random, WITHOUT_REPEATS).bundle();
        let before = record(&bundle, random);
        let unknown = unknown_value(random);
        bundle.each_object(&mut |members| {
            if random.chance(30) {
                members.push((Cow::Borrowed("x-unknown"), unknown.clone()));
            }
        });
        assert_tables_equal(&before, &record(&bundle, random));
    });
}

fn unknown_value(random: &mut Random) -> Json {
    let values = [
        "null",
        "\"text\"",
        "[[{\"resourceType\":\"Condition\",\"id\":\"x\"}]]",
        "{\"url\":\"x\",\"extension\":[{}]}",
        "1.0e+10",
    ];
    Json::raw(random.pick(&values))
}

#[test]
fn an_unknown_extension_of_any_element_changes_no_table() {
    run("unknown extension", 1, |random| {
        let mut bundle = generate(random, WITHOUT_REPEATS).bundle();
        let before = record(&bundle, random);
        let value = unknown_value(random);
        bundle.each_object(&mut |members| {
            // An extension holds its value or extensions; one more beside a value would make another of it.
            let is_extension = members.iter().any(|(key, _)| key == "url");
            let place = members.iter_mut().find(|(key, _)| key == "extension");
            let unknown = Json::object([
                ("url", Json::text("https://example.org/Extension-Other-2")),
                ("valueAny", value.clone()),
            ]);
            match place {
                Some((_, Json::List(extensions))) => {
                    extensions.insert(random.below(extensions.len() + 1), unknown)
                }
                Some(_) => {}
                None if is_extension => {}
                None => members.push((Cow::Borrowed("extension"), Json::List(vec![unknown]))),
            }
        });
        assert_tables_equal(&before, &record(&bundle, random));
    });
}

#[test]
fn an_unknown_extension_in_a_dosage_shows_in_its_structured_form_alone() {
    let bundle = |extension: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{{
            "resourceType":"MedicationRequest","id":"p","intent":"plan","dosageInstruction":[{{{extension}
            "text":"one daily","patientInstruction":"with food"}}]}}}}]}}"#
        )
    };
    let extension = r#""extension":[{"url":"https://example.org/x","valueString":"y"}],"#;
    let mut plain = rows(read(&bundle(""), &options()).table(Table::Medications)).remove(0);
    let extended = rows(read(&bundle(extension), &options()).table(Table::Medications)).remove(0);
    let compact = format!(r#"{{{extension}"text":"one daily","patientInstruction":"with food"}}"#);
    plain["dosage_structured"] = Value::String(compact);
    assert_eq!(plain, extended);
}

#[test]
fn an_entry_left_out_is_one_less_seen_of_its_type_and_of_what_it_contains() {
    run("entry left out", 1, |random| {
        let generated = generate(random, Shapes::ALL);
        let place = random.below(generated.entries.len());
        let before = record(&generated.bundle(), random);
        let mut fewer = generated.entries.clone();
        fewer.remove(place);
        let after = record(&bundle_of(fewer), random);
        let mut expected: BTreeMap<&str, i64> = BTreeMap::new();
        for (kind, _) in generated.types.iter().filter(|(_, entry)| *entry == place) {
            *expected.entry(kind).or_default() -= 1;
        }
        for (kind, account) in &before.accounting {
            let now = after.accounting.get(kind).map_or(0, |account| i64::from(account.seen));
            let less = expected.get(kind.as_str()).copied().unwrap_or(0);
            assert_eq!(now - i64::from(account.seen), less, "{kind}");
        }
        assert!(after.accounting.keys().all(|kind| before.accounting.contains_key(kind)));
    });
}

#[test]
fn entries_in_reverse_give_the_same_rows() {
    run("reversed", 1, |random| {
        let generated = generate(random, WITHOUT_REPEATS);
        let Generated { mut entries, .. } = generated;
        let forward = record(&bundle_of(entries.clone()), random);
        entries.reverse();
        let backward = record(&bundle_of(entries), random);
        assert_eq!(forward.accounting, backward.accounting);
        for table in Table::ALL {
            let (one, other) = (without_places(&forward, table), without_places(&backward, table));
            assert_eq!(one, other, "{}", table.as_str());
        }
    });
}

/// The rows as a set, without what tells the place of an entry in the bundle, lists as sets.
fn without_places(record: &Record, table: Table) -> Vec<String> {
    let mut rows = rows(record.table(table));
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        for place in ["entry_index", "node", "parent", "position"] {
            row.remove(place);
        }
    }
    let mut rows = sorted(&rows, table);
    rows.sort_unstable();
    rows
}

/// One area's list: its warnings, and what it holds.
#[derive(Clone, Copy, PartialEq)]
enum ListSent {
    Absent,
    Empty,
    WithEntries,
}

#[test]
fn the_state_of_every_area_follows_from_warnings_list_outcome_and_request() {
    for area in ClinicalArea::ALL {
        for warnings in 0..8u32 {
            for list in [ListSent::Absent, ListSent::Empty, ListSent::WithEntries] {
                for said in ["", "is an unrecognised parameter", "has been disabled"] {
                    for requested in [false, true] {
                        check_section(area, warnings, list, said, requested);
                    }
                }
            }
        }
    }
}

const WARNINGS: [&str; 3] = ["confidential-items", "data-in-transit", "data-awaiting-filing"];

const NOTE: &str = "Patient record transfer not yet complete; recorded before 03-Feb-2020 may be missing.";

fn check_section(area: ClinicalArea, warnings: u32, list: ListSent, said: &str, requested: bool) {
    // Documents have no list of their own, so only what is said of them and whether they were asked for counts.
    let listed = area.primary_list_code().is_some() && list != ListSent::Absent;
    let sent: Vec<&str> = WARNINGS
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| warnings >> bit & 1 == 1)
        .map(|(_, code)| code)
        .collect();
    let mut entries = Vec::new();
    if let Some(code) = area.primary_list_code().filter(|_| listed) {
        entries.push(list_of(code, &sent, list == ListSent::WithEntries));
    }
    if !said.is_empty() {
        let parameter = area.request_parameter().unwrap_or("DocumentReferences");
        entries.push(format!(
            r#"{{"resource":{{"resourceType":"OperationOutcome","issue":[{{"severity":"warning","code":"not-supported",
            "details":{{"coding":[{{"code":"NOT_IMPLEMENTED"}}],"text":"{parameter} {said}"}},"diagnostics":"{parameter}"}}]}}}}"#
        ));
    }
    let body = format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","));
    let asked = if requested { vec![area] } else { Vec::new() };
    let options = Options { requested: Some(asked), ..options() };
    let found = &rows(read(&body, &options).table(Table::Sections))[area as usize];
    let late = listed && warnings & 0b110 != 0;
    let expected = serde_json::json!({
        "state": expected_state(warnings & 1 == 1, listed, listed && list == ListSent::WithEntries, said, requested),
        "requested": requested || !said.is_empty(),
        "entries": u32::from(listed && list == ListSent::WithEntries),
        "warnings": if listed { sent } else { Vec::new() },
        "incomplete": late,
        "incomplete_before": late.then_some("03-Feb-2020"),
        "incomplete_before_from": late.then_some("2020-02-03"),
        "incomplete_before_to": late.then_some("2020-02-03"),
        "warning_text": (listed && warnings > 0).then_some(NOTE),
    });
    for (column, value) in expected.as_object().expect("an object") {
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        let found = found.get(column).cloned();
        assert_eq!(found, (!empty).then(|| value.clone()), "{column} of {body} requested {requested}");
    }
}

/// The table of the `bundle` sheet, section 8, by hand: a list that holds something is what it says; else what the
/// provider says of the area; else the list; else whether it was asked for.
fn expected_state(
    confidential: bool,
    listed: bool,
    filled: bool,
    said: &str,
    requested: bool,
) -> &'static str {
    match (listed, filled, said, confidential, requested) {
        (true, true, _, true, _) => "returned_with_exclusions",
        (true, true, _, false, _) => "returned",
        (_, false, "has been disabled", _, _) => "disabled",
        (_, false, "is an unrecognised parameter", _, _) => "unsupported",
        (true, false, _, true, _) => "empty_confidential",
        (true, false, _, false, _) => "empty_no_content",
        (false, _, _, _, true) => "missing_list",
        (false, _, _, _, false) => "not_requested",
    }
}

fn list_of(code: &str, warnings: &[&str], filled: bool) -> String {
    let extension = |code: &&str| {
        format!(
            r#"{{"url":"https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-ListWarningCode-1","valueCode":"{code}"}}"#
        )
    };
    let extensions: Vec<String> = warnings.iter().map(extension).collect();
    let note = if warnings.is_empty() { String::new() } else { format!(r#""note":[{{"text":"{NOTE}"}}],"#) };
    let entry = r#""entry":[{"item":{"reference":"Observation/gone"}}]"#;
    let reason = r#""emptyReason":{"coding":[{"code":"no-content-recorded"}]}"#;
    format!(
        r#"{{"resource":{{"resourceType":"List","code":{{"coding":[{{"system":"http://snomed.info/sct","code":"{code}"}}]}},
        "extension":[{}],{note}{}}}}}"#,
        extensions.join(","),
        if filled { entry } else { reason }
    )
}
