//! Episodes to query in tests, each table from JSON rows.

mod rows;

use std::num::NonZeroU8;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bedside_audit::{AuditLog, Pepper, Secret, SystemClock, SystemRandomness};
use bedside_cache::{Cache, Contents, Generations, KeyFile, OpenEpisode, ReaderAssertion, Stale};
use bedside_model::Requester;
use bedside_model::schema::Table;
use rows::batch;
use serde_json::{Value, json};

use crate::{Collected, FrameError, View};

/// Retrieved half an hour into 2 May in London, which is 1 May in UTC.
const MANIFEST: &str = r#"{"retrieved_at": "2026-05-01T23:30:00Z", "source": {"practice": "A99001"}}"#;

/// An episode with those rows, sealed and opened as any reader would.
pub(crate) fn opened(tables: &[(Table, Vec<Value>)]) -> OpenEpisode {
    last_of(&[tables]).current
}

/// Two generations of an episode, the earlier first.
pub(crate) fn generations(tables: [&[(Table, Vec<Value>)]; 2]) -> Generations {
    last_of(&tables)
}

/// The last of those generations, and the one before it.
fn last_of(generations: &[&[(Table, Vec<Value>)]]) -> Generations {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = || Secret::random(&SystemRandomness).expect("randomness");
    let clock = Arc::new(SystemClock);
    let audit = AuditLog::open(&folder.path().join("audit"), Pepper::new(secret()), clock.clone());
    let audit = Arc::new(audit.expect("a log"));
    let key = Box::new(KeyFile::new(secret()));
    let cache = Cache::open(&folder.path().join("cache"), key, audit, clock).expect("a cache");
    let episode = "EP-1".parse().expect("an id");
    let requester = requester();
    for tables in generations {
        let rows = |table| tables.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, rows)| rows);
        let batches = Table::ALL.map(|table| (table, batch(table, rows(table))));
        let contents = Contents {
            manifest: MANIFEST,
            tables: &batches.each_ref().map(|(table, batch)| (*table, batch)),
            expires: "9990-01-01T00:00:00Z".parse().expect("a time"),
            requester: &requester,
            patient: &"9990000018".parse().expect("a test number"),
        };
        cache.write(&episode, &contents).expect("sealed");
    }
    let assertion =
        ReaderAssertion { requester, reason: "directcare".into(), relationship: "admitting team".into() };
    let grant = cache.grant(&assertion, &episode).expect("granted");
    cache.read_with_earlier(&grant, NonZeroU8::MIN, Stale::Refused).expect("opened")
}

fn requester() -> Requester {
    Requester {
        user_id: "user-17".into(),
        sds_user_id: "UNK".into(),
        sds_role_profile_id: "UNK".into(),
        family: "Example".into(),
        given: "Robin".into(),
        prefix: None,
        role: "Pharmacist".into(),
        organisation: "RX999".parse().expect("an ODS code"),
        organisation_name: "Test Hospital".into(),
    }
}

/// The row of `sections` of an area, of which something is missing.
pub(crate) fn section(area: &str, state: &str) -> Value {
    json!({"area": area, "requested": true, "state": state, "entries": 1, "incomplete": true,
        "warnings": ["confidential-items", "data-in-transit"], "warning_text": "something is missing"})
}

/// All ten areas, returned whole.
pub(crate) fn sections() -> Vec<Value> {
    let whole = |area: bedside_model::ClinicalArea| json!({"area": area.as_str(), "requested": true, "state": "returned", "entries": 1, "incomplete": false});
    bedside_model::ClinicalArea::ALL.map(whole).to_vec()
}

/// A view that has been run.
pub(crate) fn collected(view: Result<View, FrameError>) -> Collected {
    view.expect("a view").collect().expect("a query")
}

/// The column as text, row by row, null as an empty text.
pub(crate) fn texts(batch: &RecordBatch, column: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut writer = arrow_json::LineDelimitedWriter::new(&mut out);
    writer.write(batch).expect("written");
    writer.finish().expect("written");
    let lines = String::from_utf8(out).expect("text");
    lines
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).expect("JSON");
            match &row[column] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }
        })
        .collect()
}

/// Each group of the view with that column of its rows.
pub(crate) fn by_group(view: &Collected, column: &str) -> Vec<(String, Vec<String>)> {
    view.groups().into_iter().map(|(group, rows)| (group, texts(&rows, column))).collect()
}
