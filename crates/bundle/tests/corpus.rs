//! The corpora of the fuzz targets, each file through the check of its target: what fuzzing has found stays found
//! where there is no fuzzer.

#[path = "../../../fuzz/src/checks.rs"]
mod checks;

use std::path::Path;

fn each_file(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).expect("the corpus is part of the repository");
    let mut count = 0;
    for file in files {
        let file = file.expect("readable").path();
        println!("{}", file.display());
        check(&std::fs::read(&file).expect("readable"));
        count += 1;
    }
    assert!(count > 20, "the corpus is there");
}

#[test]
fn the_scanner_takes_and_refuses_what_serde_json_does_and_the_policy_says() {
    each_file("scanner", checks::scanner);
}

#[test]
fn dates_are_read_where_they_are_dates() {
    each_file("dates", checks::dates);
}

#[test]
fn bundles_are_the_same_whole_and_in_pieces_and_accounted_for() {
    each_file("bundle_to_rows", checks::bundle_to_rows);
}
