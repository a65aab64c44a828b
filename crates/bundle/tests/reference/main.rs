//! The reference path as the oracle: by `serde_json`, from the record contract alone, it gives the same rows as the
//! product on every bundle, generated ones, mutants and the inputs of fuzzing included.
//!
//! `BEDSIDE_SEED`, `BEDSIDE_CASES` and, for one case again, `BEDSIDE_CASE` choose other cases. What fails is shown
//! as small as it can be made.

mod mutants;
mod oracle;
#[allow(dead_code, unreachable_pub)]
#[path = "../support"]
mod support {
    pub mod cases;
    pub mod generate;
    pub mod json;
    pub mod random;
}

use std::cell::RefCell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, StringArray};
use bedside_bundle::{Options, normalise};
use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, Day};
use oracle::compare::{Counts, Difference, check, compare};
use support::cases::run;
use support::generate::{Shapes, generate};
use support::json::{Json, Layout};
use support::random::Random;

const ANY: Layout = Layout { shuffled: true, spaced: true, escaped: true };

fn options() -> Options {
    Options::new(Day::new(2026, 1, 15).expect("a day of the calendar"))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("a folder of the repository");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    let read = |file: PathBuf| {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        (name, std::fs::read(&file).expect("readable"))
    };
    files.into_iter().map(read).collect()
}

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let fixtures = files(&repository().join("fixtures/bundles"));
    assert!(fixtures.len() > 30, "the fixtures are there");
    fixtures
}

/// What was asked for where a fixture says so.
fn options_of(fixture: &str) -> Options {
    let requested = std::fs::read_to_string(repository().join("fixtures/requested.json"));
    let requested: serde_json::Value =
        serde_json::from_str(&requested.expect("part of the repository")).expect("JSON");
    let areas = requested[fixture.trim_end_matches(".json")].as_array().map(|areas| {
        let area = |area: &serde_json::Value| ClinicalArea::from_name(area.as_str()?);
        areas.iter().map(|name| area(name).expect("an area")).collect()
    });
    Options { requested: areas, ..options() }
}

/// Says what has been compared, past the capture of tests that pass.
fn tell(what: &str, counts: &Counts) {
    let _ = writeln!(std::io::stderr(), "reference path, {what}: {counts}");
}

fn told(differences: &[Difference]) -> String {
    let lines: Vec<String> = differences.iter().take(10).map(Difference::to_string).collect();
    format!("{} differences:\n{}", differences.len(), lines.join("\n"))
}

fn check_files(what: &str, files: Vec<(String, Vec<u8>)>, options: fn(&str) -> Options) {
    let mut counts = Counts::default();
    let mut failed = Vec::new();
    for (name, bytes) in files {
        match check(&bytes, &options(&name)) {
            Ok(compared) => counts.add(compared),
            Err(differences) => failed.push(format!("{name}: {}", told(&differences))),
        }
    }
    tell(what, &counts);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Checks a tree as it is written, wherever in it a window of tokens (16 KiB of text) may end; what fails is made small and
/// shown.
fn check_tree(tree: &Json, layout: Layout, random: &mut Random) -> Counts {
    let space = " ".repeat(random.below(16 << 10));
    let body = space + &tree.write(layout, random);
    let differences = match check(body.as_bytes(), &options()) {
        Ok(compared) => return compared,
        Err(differences) => differences,
    };
    let plain = |tree: &Json| tree.write(Layout::default(), &mut Random::of_case(0, 0));
    let still = |tree: &Json| check(plain(tree).as_bytes(), &options()).is_err();
    if still(tree) {
        let small = plain(&mutants::shrunk(tree.clone(), still));
        let differences = check(small.as_bytes(), &options()).expect_err("it fails still");
        panic!("{}\n{small}", told(&differences));
    }
    panic!("{}\n{body}", told(&differences));
}

#[test]
fn fixtures_give_the_same_rows() {
    check_files("fixtures", fixtures(), options_of);
}

#[test]
fn inputs_of_fuzzing_give_the_same_rows() {
    check_files("corpus of bundles", files(&repository().join("fuzz/corpus/bundle_to_rows")), |_| options());
    let mut framed = files(&repository().join("fuzz/corpus/scanner"));
    for (_, bytes) in &mut framed {
        *bytes = [br#"{"resourceType":"Bundle","type":"collection","x":"#.as_slice(), bytes, b"}"].concat();
    }
    check_files("corpus of JSON", framed, |_| options());
}

#[test]
fn real_bundles_give_the_same_rows() {
    let folder = repository().join("../shared/bundles");
    if !folder.is_dir() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no real bundles at ../shared/bundles beside the repository"
        );
        return;
    }
    let mut bundles = files(&folder);
    bundles.retain(|(name, _)| name.ends_with(".json"));
    check_files("real bundles", bundles, |_| options());
}

#[test]
fn generated_bundles_give_the_same_rows() {
    let counts = RefCell::new(Counts::default());
    run("the reference path on generated bundles", 4, |random| {
        let mut bundle = generate(random, Shapes::ALL).bundle();
        if random.chance(50) {
            bundle = mutants::of_meaning(&bundle, random);
        }
        let compared = check_tree(&bundle, ANY, random);
        counts.borrow_mut().add(compared);
    });
    tell("generated bundles", &counts.borrow());
}

/// The trees of the small fixtures, of which mutants are made.
fn trees() -> Vec<Json> {
    trees_of_fixtures(20_000)
}

fn trees_of_fixtures(most_bytes: usize) -> Vec<Json> {
    let small = fixtures().into_iter().filter(|(_, bytes)| bytes.len() < most_bytes);
    small.map(|(_, bytes)| mutants::tree(&oracle::json::parse(&bytes).expect("a fixture is JSON"))).collect()
}

#[test]
fn mutants_of_elements_give_the_same_rows() {
    let (trees, counts) = (trees(), RefCell::new(Counts::default()));
    run("the reference path on mutants of elements", 10, |random| {
        let (tree, other) = (&trees[random.below(trees.len())], &trees[random.below(trees.len())]);
        let compared = check_tree(&mutants::of_elements(tree, other, random), Layout::default(), random);
        counts.borrow_mut().add(compared);
    });
    tell("mutants of elements", &counts.borrow());
}

#[test]
fn mutants_of_meaning_give_the_same_rows() {
    let (trees, counts) = (trees(), RefCell::new(Counts::default()));
    run("the reference path on mutants of meaning", 10, |random| {
        let tree = &trees[random.below(trees.len())];
        let compared = check_tree(&mutants::of_meaning(tree, random), Layout::default(), random);
        counts.borrow_mut().add(compared);
    });
    tell("mutants of meaning", &counts.borrow());
}

#[test]
fn mutants_of_bytes_give_the_same_rows() {
    let mut texts = fixtures();
    texts.retain(|(_, bytes)| bytes.len() < 20_000);
    let counts = RefCell::new(Counts::default());
    run("the reference path on mutants of bytes", 10, |random| {
        let (_, text) = &texts[random.below(texts.len())];
        let mutant = [b" ".repeat(random.below(16 << 10)), mutants::of_bytes(text, random)].concat();
        match check(&mutant, &options()) {
            Ok(compared) => counts.borrow_mut().add(compared),
            Err(differences) => panic!("{}\n{}", told(&differences), String::from_utf8_lossy(&mutant)),
        }
    });
    tell("mutants of bytes", &counts.borrow());
}

/// What no table holds is passed over as one before it was that is built alike: so behind some of them comes one that is
/// nearly so.
#[test]
fn mutants_behind_resources_built_alike_give_the_same_rows() {
    let is_unmapped = |resource: &Json| {
        let Json::Object(members) = resource else { return false };
        let first = members.first().map(|(key, value)| (key.as_ref(), value));
        matches!(first, Some(("resourceType", Json::Text(name))) if name == "Observation")
    };
    let mut texts = Vec::new();
    for mut tree in trees_of_fixtures(usize::MAX) {
        tree.each_object(&mut |members| {
            let resources = members.iter().map(|(_, value)| value).filter(|value| is_unmapped(value));
            texts.extend(resources.map(|it| it.write(Layout::default(), &mut Random::of_case(0, 0))));
        });
    }
    assert!(texts.len() > 5, "fixtures hold observations");
    let counts = RefCell::new(Counts::default());
    run("the reference path on mutants behind resources built alike", 10, |random| {
        let text = texts[random.below(texts.len())].as_bytes();
        let mutant = mutants::of_bytes(text, random);
        let mut body =
            [b" ".repeat(random.below(16 << 10)), br#"{"resourceType":"Bundle","entry":["#.into()].concat();
        for resource in [text, text, text, &mutant, text] {
            let comma: &[u8] = if body.ends_with(b"[") { b"" } else { b"," };
            body.extend([comma, br#"{"resource":"#, resource, b"}"].concat());
        }
        body.extend(b"]}");
        match check(&body, &options()) {
            Ok(compared) => counts.borrow_mut().add(compared),
            Err(differences) => panic!("{}\n{}", told(&differences), String::from_utf8_lossy(&mutant)),
        }
    });
    tell("mutants behind resources built alike", &counts.borrow());
}

/// A batch in which one cell is another.
fn with_a_cell_changed(batch: &RecordBatch, column: &str, row: usize) -> RecordBatch {
    let place = batch.schema().index_of(column).expect("a column");
    let texts = batch.column(place).as_string::<i32>().iter().enumerate();
    let texts = texts.map(|(number, text)| if number == row { Some("another") } else { text });
    let mut columns = batch.columns().to_vec();
    columns[place] = Arc::new(StringArray::from_iter(texts));
    RecordBatch::try_new(batch.schema(), columns).expect("of the same types")
}

#[test]
fn a_cell_that_differs_is_told_by_table_row_and_column() {
    let (_, bytes) = fixtures()
        .into_iter()
        .find(|(name, _)| name == "delayed-cancelled-and-late-issues.json")
        .expect("a fixture");
    let product = normalise(&bytes, &options()).expect("a bundle");
    let reference = oracle::read(&bytes, options().retrieved_on.0, None).expect("a bundle");
    for (table, column, row) in [
        (Table::Medications, "class", 2),
        (Table::MedicationIssues, "issued", 1),
        (Table::Sections, "state", 9),
    ] {
        let changed = with_a_cell_changed(product.table(table), column, row);
        let reference = &reference.tables[table.as_str()];
        let found = compare(table, &changed, reference, &mut Counts::default());
        let found: Vec<_> = found.iter().map(|it| (it.table, it.column.as_str(), it.row)).collect();
        assert_eq!(found, [(table.as_str(), column, row)]);
        let fewer = changed.slice(1, changed.num_rows() - 1);
        let found = compare(table, &fewer, reference, &mut Counts::default());
        assert_eq!(found[0].column, "rows");
    }
}
