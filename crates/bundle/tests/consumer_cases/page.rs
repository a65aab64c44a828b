//! What a page of `docs/` says of tests, held against the tests that there are.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Asserts that every test a page names is there, and that it names every test of these files.
pub fn assert_names_tests(page: &str, own: &[&str]) {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(crates.join("../docs").join(page)).expect("part of the repository");
    let named = named_in(&text);
    let mut all = Vec::new();
    sources(&crates, &mut all);
    let there: BTreeSet<String> = all.iter().flat_map(|file| tests_of(file)).collect();
    let missing: Vec<&String> = named.difference(&there).collect();
    assert!(missing.is_empty(), "docs/{page} names tests that are not there: {missing:?}");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let own: BTreeSet<String> = own.iter().flat_map(|file| tests_of(&tests.join(file))).collect();
    let unnamed: Vec<&String> = own.difference(&named).collect();
    assert!(unnamed.is_empty(), "docs/{page} does not name {unnamed:?}");
}

/// The words in backquotes that are long enough to be names of tests and not of columns or flags.
fn named_in(page: &str) -> BTreeSet<String> {
    let quoted = page.split('`').skip(1).step_by(2);
    let is_a_test = |word: &&str| {
        word.matches('_').count() >= 4 && word.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
    };
    quoted.filter(is_a_test).map(str::to_owned).collect()
}

/// Rust files of all crates.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|ending| ending == "rs") {
            found.push(entry);
        }
    }
}

/// The functions of a file that follow a test attribute.
fn tests_of(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("readable");
    let marked = text.split("#[test]").skip(1).chain(text.split("#[tokio::test").skip(1));
    let name = |after: &str| Some(after.split_once("fn ")?.1.split_once('(')?.0.to_owned());
    marked.filter_map(name).collect()
}
