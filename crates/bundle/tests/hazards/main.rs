//! The hazards of the `hazards` sheet that the normaliser can control, by their ids: `h` is a row of the national
//! log, `n` a hazard of our own product. `docs/hazards.md` says what controls the others.

#[path = "../support/mod.rs"]
mod support;

#[path = "../consumer_cases/page.rs"]
mod page;
#[path = "../consumer_cases/sheet.rs"]
mod sheet;

mod national_log;
mod our_product;

use std::path::Path;

use serde_json::{Value, json};
use sheet::{Answer, concept, medicine, string, with};

#[test]
fn the_page_names_every_hazard_here_and_every_test_it_names_is_there() {
    page::assert_names_tests("hazards.md", &["hazards/national_log.rs", "hazards/our_product.rs"]);
}

/// Every bundle of the repository, hand-made and generated.
fn fixtures() -> Vec<(String, Answer)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/bundles");
    let files =
        std::fs::read_dir(folder).expect("part of the repository").map(|file| file.expect("readable").path());
    let mut stems: Vec<String> =
        files.map(|file| file.file_stem().expect("a name").to_string_lossy().into_owned()).collect();
    stems.sort();
    assert!(stems.len() > 40, "the bundles are there");
    stems.into_iter().map(|stem| (stem.clone(), Answer::fixture(&stem))).collect()
}

/// An active medicine and what it needs, the statement with these members.
fn tablets(id: &str, statement: Value) -> Vec<Value> {
    medicine(
        id,
        concept("322280009", "Tablets"),
        with(json!({"status": "active"}), statement),
        json!({"status": "active"}),
    )
}

/// The state of an area.
fn state_of(answer: &Answer, area: &str) -> String {
    string(&answer.section(area), "state").expect("a state").to_owned()
}
