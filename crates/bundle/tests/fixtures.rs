//! The hand-made bundles of `fixtures/`, one for each trap, held against tables worked out by hand.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bedside_bundle::{Feed, Options, Record, normalise};
use bedside_model::ClinicalArea;
use bedside_model::schema::Table;
use serde_json::Value;
use support::{options, rows, shuffled};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// The hand-made bundles: those with expected tables.
fn stems() -> Vec<String> {
    let folders = fs::read_dir(fixtures().join("expected")).expect("the fixtures are part of the repository");
    let mut stems: Vec<String> = folders
        .map(|folder| folder.expect("readable").file_name().into_string().expect("a plain name"))
        .collect();
    stems.sort();
    assert!(stems.len() > 30, "the traps are there");
    stems
}

fn bundle(stem: &str) -> Vec<u8> {
    fs::read(fixtures().join("bundles").join(stem).with_extension("json")).expect("each has its bundle")
}

fn options_of(stem: &str) -> Options {
    let requested = fs::read_to_string(fixtures().join("requested.json")).expect("part of the repository");
    let requested: Value = serde_json::from_str(&requested).expect("JSON");
    let areas = requested[stem].as_array().map(|areas| {
        areas
            .iter()
            .map(|area| ClinicalArea::from_name(area.as_str().expect("a name")).expect("an area"))
            .collect()
    });
    Options { requested: areas, ..options() }
}

fn expected(stem: &str, table: Table) -> Vec<Value> {
    let file = fixtures().join("expected").join(stem).join(table.as_str()).with_extension("ndjson");
    let Ok(text) = fs::read_to_string(file) else { return Vec::new() };
    text.lines().map(|line| without_gaps(serde_json::from_str(line).expect("a row"))).collect()
}

/// A column that is not there is null or an empty list, inside structs too.
fn without_gaps(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, without_gaps(value)));
            let kept = members.filter(|(_, value)| {
                !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_gaps).collect()),
        other => other,
    }
}

/// `flags` and `warnings` are sets.
fn with_sets(mut row: Value) -> Value {
    for name in ["flags", "warnings"] {
        if let Some(list) = row.get_mut(name).and_then(Value::as_array_mut) {
            list.sort_by_key(Value::to_string);
        }
    }
    row
}

/// What a notice must say, its wording apart; nothing for one that an incomplete bundle brings with it.
fn told(notice: &Value, stem: &str) -> Option<String> {
    if notice["code"] == "missing_element" && stem != "missing-elements" {
        return None;
    }
    let names: &[&str] = match notice["origin"].as_str() {
        Some("provider") if notice["resource_type"] == "OperationOutcome" => {
            &["origin", "area", "code", "resource_type", "entry_index", "text"]
        }
        Some("provider") => &["origin", "area", "code", "resource_type", "entry_index"],
        _ => &["origin", "code", "resource_type", "resource_id", "entry_index"],
    };
    Some(names.iter().map(|name| format!("{name}={} ", notice[name])).collect())
}

fn check(stem: &str, record: &Record, differences: &mut Vec<String>) {
    for (table, batch) in record.tables() {
        let (expected, found) = (expected(stem, table), rows(batch));
        if table == Table::Notices {
            let told =
                |rows: &[Value]| rows.iter().filter_map(|row| told(row, stem)).collect::<BTreeSet<_>>();
            let (expected, found) = (told(&expected), told(&found));
            differences
                .extend(expected.difference(&found).map(|notice| format!("{stem}: not told: {notice}")));
            differences.extend(found.difference(&expected).map(|notice| format!("{stem}: told: {notice}")));
            continue;
        }
        let prepared = |rows: Vec<Value>| {
            let mut rows: Vec<String> =
                rows.into_iter().map(|row| with_sets(without_gaps(row)).to_string()).collect();
            if table == Table::Links {
                rows.sort_unstable();
            }
            rows
        };
        let (expected, found) = (prepared(expected), prepared(found));
        let name = table.as_str();
        for row in 0..expected.len().max(found.len()) {
            let (expected, found) = (expected.get(row), found.get(row));
            if expected != found {
                let text = |row: Option<&String>| row.map_or("(no row)", String::as_str).to_owned();
                differences.push(format!(
                    "{stem}/{name} row {row}\n    expected {}\n    found    {}",
                    text(expected),
                    text(found)
                ));
            }
        }
    }
}

#[test]
fn every_trap_gives_the_tables_worked_out_by_hand() {
    let mut differences = Vec::new();
    for stem in stems() {
        let record = normalise(&bundle(&stem), &options_of(&stem)).expect("a readable bundle");
        check(&stem, &record, &mut differences);
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn every_fixture_reads_the_same_in_pieces_and_with_shuffled_keys() {
    for stem in stems() {
        let (bytes, options) = (bundle(&stem), options_of(&stem));
        let whole = normalise(&bytes, &options).expect("a readable bundle");
        let mut feed = Feed::new(options.clone());
        bytes.chunks(11).for_each(|piece| feed.push(piece).expect("a readable bundle"));
        let fed = feed.finish().expect("a readable bundle");
        assert!(whole.tables().eq(fed.tables()), "{stem} in pieces");
        let shuffled = shuffled(std::str::from_utf8(&bytes).expect("UTF-8"), 99);
        let shuffled = normalise(shuffled.as_bytes(), &options).expect("the same bundle");
        for ((table, sent), (_, again)) in whole.tables().zip(shuffled.tables()) {
            if table != Table::Medications && table != Table::MedicationIssues {
                assert_eq!(
                    support::sorted(&rows(sent), table),
                    support::sorted(&rows(again), table),
                    "{stem}"
                );
            }
        }
    }
}
