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

#[test]
fn the_page_names_every_case_and_every_test_it_names_is_there() {
    let files = [
        "patient_1_medicines",
        "patient_2_medicines",
        "patient_3_allergies",
        "other_records",
        "acceptance_points",
        "key_data",
        "conformance",
    ];
    let files = files.map(|file| format!("consumer_cases/{file}.rs"));
    page::assert_names_tests("conformance.md", &files.each_ref().map(String::as_str));
}
