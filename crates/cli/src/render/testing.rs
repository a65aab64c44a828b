//! Records to render in tests, each table from JSON rows.

#[path = "../../../frames/src/testing/rows.rs"]
mod rows;

use std::collections::BTreeMap;

use bedside_model::schema::Table;
use bedside_warm::Manifest;
use serde_json::{Value, json};

pub(super) use self::rows::batch;
use super::{Page, Record};

/// A record with those tables, retrieved from practice A99001.
pub(super) fn record(tables: &[(Table, Vec<Value>)]) -> Record {
    let tables: BTreeMap<_, _> = tables.iter().map(|(table, rows)| (*table, batch(*table, rows))).collect();
    Record::new("EP-1".parse().expect("an episode id"), manifest(), tables)
}

/// Sections that were asked for and returned with so many entries; the other areas were not asked for.
pub(super) fn returned(asked: &[(&str, u32)]) -> Vec<Value> {
    bedside_model::ClinicalArea::ALL
        .into_iter()
        .map(|area| match asked.iter().find(|(name, _)| *name == area.as_str()) {
            Some((name, entries)) => {
                json!({"area": name, "requested": true, "state": "returned", "entries": entries, "incomplete": false})
            }
            None => json!({"area": area.as_str(), "requested": false, "state": "not_requested", "incomplete": false}),
        })
        .collect()
}

fn manifest() -> Manifest {
    serde_json::from_value(json!({
        "schema_version": "1", "software_version": "0.1.0",
        "source": {"practice": "A99001", "asid": "200000000001", "supplier": null, "spec_version": null},
        "request": null,
        "bundle": {"sha256": "00", "bytes": 1, "entries": 1},
        "patient_check": null, "accounting": {}, "rows": {}, "notices": {},
        "retrieved_at": "2026-01-15T09:30:00Z", "normalised_at": "2026-01-15T09:30:00Z"
    }))
    .expect("a manifest")
}

/// A page of that width, looked at two hours after the record was retrieved.
pub(super) fn page(width: u16) -> Page {
    Page { width, now: "2026-01-15T11:30:00Z".parse().expect("a time") }
}
