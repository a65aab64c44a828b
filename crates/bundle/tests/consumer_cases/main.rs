//! The official consumer test cases, by their ids, in the order of the `consumer-test-cases` sheet.
//!
//! The records that the cases are about are not part of the repository; each case finds its item there by what the
//! sheet says of it, holds the row against the JSON that was sent, and says SKIPPED where the record is absent. An
//! item that only the older record holds (`126` in the sheet) is shown on a small synthetic bundle of the same
//! shape. `docs/conformance.md` lists them all.

#[path = "../support/mod.rs"]
mod support;

mod acceptance_points;
mod conformance;
mod key_data;
mod other_records;
mod page;
mod patient_1_medicines;
mod patient_2_medicines;
mod patient_3_allergies;
mod sheet;
