//! What holds for every real bundle. They are not part of the repository: where the folder is absent this says
//! so and shows nothing.

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};

use bedside_bundle::{Feed, Record, normalise};
use bedside_model::schema::Table;
use serde_json::Value;
use support::{column, options, shuffled};

fn real_bundles() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/bundles");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        // Past the capture of tests that pass, so that it is seen.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no real bundles at ../shared/bundles beside the repository"
        );
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).expect("readable"))).collect()
}

fn readable() -> Vec<(PathBuf, Vec<u8>, Record)> {
    let bundles = real_bundles();
    bundles
        .into_iter()
        .filter_map(|(file, bytes)| Some((file, bytes.clone(), normalise(&bytes, &options()).ok()?)))
        .collect()
}

#[test]
fn error_answers_and_broken_json_are_refused_and_nothing_else_is() {
    for (file, bytes) in real_bundles() {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let refused = name.starts_with("error-") || name.starts_with("malformed-not-json");
        assert_eq!(normalise(&bytes, &options()).is_err(), refused, "{name}");
    }
}

#[test]
fn every_resource_is_accounted_for_and_every_record_is_a_row() {
    for (file, bytes, record) in readable() {
        let mut seen: std::collections::BTreeMap<String, u32> = Default::default();
        count_resources(&serde_json::from_slice(&bytes).expect("JSON"), &mut seen);
        for (kind, count) in &seen {
            let account = record.accounting[kind];
            assert_eq!(account.seen, *count, "{} {kind}", file.display());
            assert_eq!(account.normalised + account.context + account.unmapped, account.seen);
        }
        assert_eq!(seen.len(), record.accounting.len(), "{}", file.display());
        let dropped = repeated(&record);
        let rows = |table| record.table(table).num_rows() as u32;
        let normalised = |kind: &str| record.accounting.get(kind).map_or(0, |account| account.normalised);
        assert_eq!(rows(Table::Allergies) + dropped("AllergyIntolerance"), normalised("AllergyIntolerance"));
        assert_eq!(rows(Table::Problems) + dropped("Condition"), normalised("Condition"));
        assert_eq!(rows(Table::Consultations) + dropped("Encounter"), normalised("Encounter"));
        let lone =
            column(record.table(Table::Medications), "medication_id").filter(Option::is_none).count() as u32;
        assert_eq!(
            rows(Table::Medications) - lone + dropped("MedicationStatement"),
            normalised("MedicationStatement")
        );
        assert_eq!(record.table(Table::Sections).num_rows(), 10);
    }
}

/// How many resources of a type repeat an earlier one and are no row of their own.
fn repeated(record: &Record) -> impl Fn(&str) -> u32 {
    let notices = record.table(Table::Notices);
    let codes = column(notices, "code").zip(column(notices, "resource_type"));
    let repeated: Vec<String> = codes
        .filter(|(code, _)| code.as_deref() == Some("duplicate_resource"))
        .filter_map(|(_, kind)| kind)
        .collect();
    move |kind| repeated.iter().filter(|repeated| *repeated == kind).count() as u32
}

fn count_resources(value: &Value, seen: &mut std::collections::BTreeMap<String, u32>) {
    for entry in value["entry"].as_array().into_iter().flatten() {
        count_resource(&entry["resource"], seen);
    }
}

fn count_resource(resource: &Value, seen: &mut std::collections::BTreeMap<String, u32>) {
    if let Some(kind) = resource["resourceType"].as_str() {
        *seen.entry(kind.to_owned()).or_default() += 1;
    }
    for contained in resource["contained"].as_array().into_iter().flatten() {
        count_resource(contained, seen);
    }
}

#[test]
fn every_reference_of_a_record_is_resolved_or_noticed() {
    for (file, _, record) in readable() {
        let links = record.table(Table::Links);
        let resolved = support::flags(links, "resolved");
        let named = column(links, "to_id").zip(column(links, "from_id"));
        let notices = record.table(Table::Notices);
        let noticed: std::collections::HashSet<String> = column(notices, "resource_id").flatten().collect();
        for (resolved, (to, from)) in resolved.zip(named) {
            if resolved != Some(true) && to.is_some() {
                assert!(from.is_some_and(|from| noticed.contains(&from)), "{}", file.display());
            }
        }
    }
}

#[test]
fn a_second_reading_gives_the_same_record() {
    for (file, bytes, record) in readable() {
        let again = normalise(&bytes, &options()).expect("read once already");
        assert!(record.tables().eq(again.tables()), "{}", file.display());
    }
}

#[test]
fn fed_in_pieces_of_any_size_gives_the_same_record() {
    for (file, bytes, record) in readable() {
        for size in [1, 7, 4096, 65536] {
            let mut feed = Feed::new(options());
            for piece in bytes.chunks(size) {
                feed.push(piece).expect("a readable bundle");
            }
            let fed = feed.finish().expect("a readable bundle");
            for ((table, whole), (_, fed)) in record.tables().zip(fed.tables()) {
                assert!(whole == fed, "{} in pieces of {size}: {}", file.display(), table.as_str());
            }
            assert_eq!(record.accounting, fed.accounting);
            assert_eq!(record.envelope, fed.envelope);
        }
    }
}

#[test]
fn order_of_keys_and_white_space_change_nothing() {
    for (file, bytes, record) in readable() {
        let shuffled = shuffled(std::str::from_utf8(&bytes).expect("UTF-8"), 7);
        let again = normalise(shuffled.as_bytes(), &options()).expect("the same bundle");
        for ((table, sent), (_, again)) in record.tables().zip(again.tables()) {
            let (sent, again) = (support::rows(sent), support::rows(again));
            // Lists that follow the order of members inside a resource keep their items, not their order.
            assert_eq!(support::sorted(&sent, table), support::sorted(&again, table), "{}", file.display());
        }
    }
}

#[test]
fn a_truncated_bundle_is_never_a_record() {
    for (file, bytes, _) in readable() {
        let end = bytes.trim_ascii_end().len();
        for cut in (0..end).step_by((end / 199).max(1)) {
            assert!(normalise(&bytes[..cut], &options()).is_err(), "{} cut at {cut}", file.display());
            let mut feed = Feed::new(options());
            assert!(feed.push(&bytes[..cut]).and_then(|()| feed.finish().map(drop)).is_err());
        }
    }
}
