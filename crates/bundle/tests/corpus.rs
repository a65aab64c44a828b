//! The corpora of the fuzz targets, each file through the check of its target: what fuzzing has found stays found
//! where there is no fuzzer. Mutants of them are a short run of fuzzing, other ones each time; the seed of a failure is
//! printed, and proptest keeps it.

#[path = "../../../fuzz/src/checks.rs"]
mod checks;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn each_file(target: &str, check: fn(&[u8])) {
    for (file, bytes) in corpus(target) {
        println!("{}", file.display());
        check(&bytes);
    }
}

/// The files of a corpus, in the order of their names.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).expect("the corpus is part of the repository");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
    files.sort();
    assert!(files.len() > 20, "the corpus is there");
    let read = |file: PathBuf| {
        let bytes = std::fs::read(&file).expect("readable");
        (file, bytes)
    };
    files.into_iter().map(read).collect()
}

/// What is done to a text to make a mutant of it; places are parts of the length.
#[derive(Debug, Clone)]
enum Change {
    Replace(f64, u8),
    Remove(f64, f64),
    Repeat(f64, f64),
    /// A piece of another text of the corpus is put in.
    Graft(f64, usize, f64, f64),
}

fn change() -> impl Strategy<Value = Change> {
    let part = || 0.0..1.0f64;
    let telling = proptest::sample::select(&b"{}[],:\"\\ 0-.eun#/\xBF\xC3"[..]);
    prop_oneof![
        (part(), prop_oneof![telling, any::<u8>()]).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (part(), part()).prop_map(|(from, to)| Change::Remove(from, to)),
        (part(), part()).prop_map(|(from, to)| Change::Repeat(from, to)),
        (part(), any::<usize>(), part(), part())
            .prop_map(|(at, other, from, to)| Change::Graft(at, other, from, to)),
    ]
}

fn mutant(texts: &[(PathBuf, Vec<u8>)], first: usize, changes: &[Change]) -> Vec<u8> {
    let text = |number: usize| &texts[number % texts.len()].1;
    let mut mutant = text(first).clone();
    for change in changes {
        let place = |part: f64, length: usize| (part * length as f64) as usize;
        let piece = |from: f64, to: f64, length: usize| {
            let (from, to) = (place(from, length), place(to, length));
            // A short piece more often than a long one says something new.
            from.min(to)..from.max(to).min(from.min(to) + 200)
        };
        let length = mutant.len();
        match change {
            Change::Replace(at, byte) if length > 0 => mutant[place(*at, length)] = *byte,
            Change::Replace(_, byte) => mutant.push(*byte),
            Change::Remove(from, to) => drop(mutant.drain(piece(*from, *to, length))),
            Change::Repeat(from, to) => mutant.extend_from_within(piece(*from, *to, length)),
            Change::Graft(at, other, from, to) => {
                let other = text(*other);
                let piece = &other[piece(*from, *to, other.len())];
                let at = place(*at, length);
                mutant.splice(at..at, piece.iter().copied());
            }
        }
    }
    mutant
}

/// Checks mutants of a corpus, `cases` of them.
fn mutants(target: &str, cases: u32, check: fn(&[u8])) {
    let texts = corpus(target);
    let strategy = (any::<usize>(), proptest::collection::vec(change(), 1..6));
    let mut runner = TestRunner::new(Config { cases, source_file: Some(file!()), ..Config::default() });
    let ran = runner.run(&strategy, |(first, changes)| {
        check(&mutant(&texts, first, &changes));
        Ok(())
    });
    ran.unwrap_or_else(|failure| panic!("{failure}"));
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

#[test]
fn mutants_are_taken_and_refused_as_serde_json_and_the_policy_say() {
    mutants("scanner", 20_000, checks::scanner);
}

#[test]
fn mutants_of_dates_are_read_where_they_are_dates() {
    mutants("dates", 20_000, checks::dates);
}

#[test]
fn mutants_of_bundles_are_the_same_whole_and_in_pieces_and_accounted_for() {
    mutants("bundle_to_rows", 5_000, checks::bundle_to_rows);
}
