//! The fixtures hold together: they are JSON, they name nobody real, the generated ones are what their recipes
//! give, the admissions are about their patients, and the expected tables use the columns of the record.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bedside_lab::generate::{Patient, Recipe, Supplier, bundle};
use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, Gender, NhsNumber, OdsCode};
use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn text(path: impl AsRef<Path>) -> String {
    let path = fixtures().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn lines(path: impl AsRef<Path>) -> Vec<Value> {
    let path = path.as_ref();
    let line = |(number, line): (usize, &str)| {
        serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{} line {}: {error}", path.display(), number + 1))
    };
    text(path).lines().enumerate().map(line).collect()
}

/// Names in a folder of the fixtures, without the ending given.
fn stems(folder: &str, ending: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fixtures().join(folder)).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .map(|name| name.strip_suffix(ending).unwrap_or_else(|| panic!("{name}")).to_owned())
        .collect()
}

fn bundles() -> BTreeMap<String, Value> {
    let read = |stem: String| {
        let path = format!("bundles/{stem}.json");
        let bundle = serde_json::from_str(&text(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        (stem, bundle)
    };
    stems("bundles", ".json").into_iter().map(read).collect()
}

fn patient(bundle: &Value) -> &Value {
    let entries = bundle["entry"].as_array().expect("entries");
    let mut patients =
        entries.iter().map(|entry| &entry["resource"]).filter(|r| r["resourceType"] == "Patient");
    let patient = patients.next().expect("a patient");
    assert!(patients.next().is_none(), "one patient");
    patient
}

fn nhs_number(patient: &Value) -> &str {
    patient["identifier"][0]["value"].as_str().expect("an NHS number")
}

fn practice(bundle: &Value) -> Option<&str> {
    let entries = bundle["entry"].as_array().expect("entries");
    let mut organisations =
        entries.iter().map(|entry| &entry["resource"]).filter(|r| r["resourceType"] == "Organization");
    organisations.find_map(|organisation| organisation["identifier"][0]["value"].as_str())
}

#[test]
fn every_patient_has_an_nhs_number_of_the_test_range_of_their_own() {
    let mut seen = BTreeSet::new();
    for (stem, bundle) in bundles() {
        let digits = nhs_number(patient(&bundle)).to_owned();
        let number: NhsNumber = digits.parse().unwrap_or_else(|error| panic!("{stem}: {error}"));
        assert!(number.is_test_range(), "{stem}");
        assert!(seen.insert(digits), "{stem}");
    }
}

#[test]
fn no_fixture_holds_an_nhs_number_outside_the_test_range() {
    for (stem, bundle) in bundles() {
        let text = bundle.to_string();
        let digits = text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
        for word in digits.filter(|word| word.len() == 10) {
            let stray = word.parse::<NhsNumber>().is_ok_and(|number| !number.is_test_range());
            assert!(!stray, "{stem}: a word of ten digits with a right check digit");
        }
    }
}

#[test]
fn generated_bundles_are_what_their_recipes_give() {
    for line in lines("recipes.ndjson") {
        let number = |name: &str| line[name].as_u64().expect("a number");
        let stem = line["stem"].as_str().expect("a stem");
        let supplier = line["supplier"].as_str().and_then(Supplier::from_name).expect("a supplier");
        let recipe = Recipe {
            bytes: number("bytes") as usize,
            seed: number("seed"),
            supplier,
            minified: line["minified"].as_bool().expect("a boolean"),
            patient: Patient::synthetic(number("seed")),
        };
        let stored = text(format!("bundles/{stem}.json")).into_bytes();
        assert!(stored == bundle(&recipe), "{stem}: make it again as fixtures/README.md says");
    }
}

#[test]
fn admissions_are_about_the_patients_of_the_generated_bundles() {
    let bundles = bundles();
    let mut generated: BTreeSet<&str> = BTreeSet::new();
    let recipes = lines("recipes.ndjson");
    for line in &recipes {
        generated.insert(nhs_number(patient(&bundles[line["stem"].as_str().expect("a stem")])));
    }
    for admission in lines("admissions.ndjson") {
        let digits = admission["nhs_number"].as_str().expect("an NHS number");
        let bundle = bundles.values().find(|bundle| nhs_number(patient(bundle)) == digits).expect("a bundle");
        assert_eq!(differences(&admission, bundle), Vec::<&str>::new(), "{}", admission["episode"]);
        assert!(generated.remove(digits), "{} is the only one of its patient", admission["episode"]);
    }
    assert!(generated.is_empty(), "each generated bundle has an admission");
}

#[test]
fn the_mismatch_is_in_the_given_name_alone() {
    let admissions = lines("admission-mismatch.ndjson");
    let bundle = &bundles()["demographics-given-name-differs"];
    assert_eq!(admissions.len(), 1);
    assert_eq!(admissions[0]["nhs_number"], nhs_number(patient(bundle)));
    assert_eq!(differences(&admissions[0], bundle), ["given"]);
}

/// Which of the five compared fields differ between an admission and its bundle.
fn differences(admission: &Value, bundle: &Value) -> Vec<&'static str> {
    let (traced, patient) = (&admission["demographics"], patient(bundle));
    let ods = admission["practice_ods"].as_str().expect("an ODS code");
    assert!(ods.parse::<OdsCode>().is_ok());
    assert!(traced["gender"].as_str().and_then(Gender::from_code).is_some());
    let fields = [
        ("family", traced["family"] == patient["name"][0]["family"]),
        ("given", traced["given"] == patient["name"][0]["given"][0]),
        ("gender", traced["gender"] == patient["gender"]),
        ("birth_date", traced["birth_date"] == patient["birthDate"]),
        ("practice_ods", practice(bundle) == Some(ods)),
    ];
    fields.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

#[test]
fn every_hand_made_bundle_has_expected_tables_and_no_other_has() {
    let generated: BTreeSet<String> = lines("recipes.ndjson")
        .iter()
        .map(|line| line["stem"].as_str().expect("a stem").to_owned())
        .collect();
    let hand_made: BTreeSet<String> = stems("bundles", ".json").difference(&generated).cloned().collect();
    assert_eq!(stems("expected", ""), hand_made);
    let readme = text("README.md");
    for stem in &hand_made {
        assert!(readme.contains(&format!("- `{stem}`:")), "{stem} is explained");
    }
    let requested: BTreeMap<String, Vec<String>> =
        serde_json::from_str(&text("requested.json")).expect("lists of areas");
    for (stem, areas) in requested {
        assert!(hand_made.contains(&stem), "{stem}");
        assert!(areas.iter().all(|area| ClinicalArea::from_name(area).is_some()), "{stem}");
    }
}

#[test]
fn expected_rows_use_the_columns_of_the_record() {
    for stem in stems("expected", "") {
        for name in stems(&format!("expected/{stem}"), ".ndjson") {
            let table = Table::from_name(&name).unwrap_or_else(|| panic!("{stem}: no table {name}"));
            let rows = lines(format!("expected/{stem}/{name}.ndjson"));
            assert!(!rows.is_empty(), "{stem} {name}: a table without rows has no file");
            for row in &rows {
                for column in row.as_object().expect("a row").keys() {
                    assert!(table.schema().field_with_name(column).is_ok(), "{stem} {name}: {column}");
                }
            }
            if table == Table::Sections {
                let areas: Vec<&str> = rows.iter().filter_map(|row| row["area"].as_str()).collect();
                assert_eq!(areas, ClinicalArea::ALL.map(ClinicalArea::as_str), "{stem}");
            }
        }
        assert!(fixtures().join(format!("expected/{stem}/sections.ndjson")).exists(), "{stem}");
    }
}
