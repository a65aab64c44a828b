//! `bedside-lab normalise`: the offline surface of the record contract.

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use arrow_array::RecordBatch;
use bedside_model::schema::Table;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use support::{fixture, lab, text};
use tempfile::TempDir;

/// A folder of inputs and the folder of outputs in it.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, bytes).expect("written");
        path
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Exit status and lines on standard error.
    fn run(&self, files: &[PathBuf], arguments: &[&str]) -> (i32, Vec<String>) {
        let mut command = lab(&["normalise"]);
        let ran = command.args(files).arg("--out").arg(self.out()).args(arguments).output().expect("runs");
        assert!(ran.stdout.is_empty(), "tables go to files");
        (ran.status.code().expect("a status"), text(&ran.stderr).lines().map(str::to_owned).collect())
    }

    /// Folders that were written.
    fn stems(&self) -> BTreeSet<String> {
        let Ok(entries) = fs::read_dir(self.out()) else { return BTreeSet::new() };
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect()
    }

    fn manifest(&self, stem: &str) -> Value {
        let bytes = fs::read(self.out().join(stem).join("manifest.json")).expect("a manifest");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// A table as it was written in that format; `None` for one without rows.
    fn read(&self, stem: &str, table: Table, format: &str) -> Option<RecordBatch> {
        let path = self.out().join(stem).join(table.as_str()).with_extension(format);
        let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut batches: Vec<RecordBatch> = match format {
            "parquet" => {
                let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet").build();
                reader.expect("a reader").map(|batch| batch.expect("rows")).collect()
            }
            "arrow" => {
                let reader = arrow_ipc::reader::FileReader::try_new(file, None).expect("an Arrow file");
                reader.map(|batch| batch.expect("rows")).filter(|batch| batch.num_rows() > 0).collect()
            }
            _ => {
                let reader = arrow_json::ReaderBuilder::new(table.schema()).with_batch_size(1 << 20);
                let reader = reader.build(BufReader::new(file)).expect("a reader");
                reader.map(|batch| batch.expect("rows")).collect()
            }
        };
        assert!(batches.len() <= 1, "small enough for one batch");
        batches.pop()
    }
}

fn bundle(stem: &str) -> PathBuf {
    fixture(&format!("bundles/{stem}.json"))
}

#[test]
fn every_format_holds_the_same_rows() {
    const STEMS: [&str; 4] = ["emis-106", "tpp-104", "dosage-structured", "allergy-reactions"];
    let bench = Bench::new();
    for format in ["parquet", "arrow", "ndjson"] {
        let files = STEMS.map(bundle);
        let arguments = ["--retrieved-on", "2026-01-15", "--format", format];
        assert_eq!(bench.run(&files, &arguments), (0, Vec::new()));
    }
    for stem in STEMS {
        let rows = &bench.manifest(stem)["rows"];
        for table in Table::ALL {
            let parquet = bench.read(stem, table, "parquet");
            assert_eq!(bench.read(stem, table, "arrow"), parquet, "{stem} {}", table.as_str());
            assert_eq!(bench.read(stem, table, "ndjson"), parquet, "{stem} {}", table.as_str());
            let count = parquet.map_or(0, |batch| batch.num_rows());
            assert_eq!(rows[table.as_str()], count, "{stem} {}", table.as_str());
        }
    }
}

#[test]
fn every_file_carries_the_manifest_and_its_accounting_adds_up() {
    let bench = Bench::new();
    assert_eq!(bench.run(&[bundle("emis-106")], &[]), (0, Vec::new()));
    let manifest = bench.manifest("emis-106");
    assert_accounted(&manifest);
    assert_eq!(manifest["source"], Value::Null, "a file has no practice");
    let length = bundle("emis-106").metadata().expect("there").len();
    assert_eq!(manifest["bundle"]["bytes"], length);
    let file = File::open(bench.out().join("emis-106/allergies.parquet")).expect("a table");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    let metadata = reader.metadata().file_metadata().key_value_metadata().expect("metadata");
    let carried = metadata.iter().find(|pair| pair.key == "manifest").and_then(|pair| pair.value.clone());
    assert_eq!(serde_json::from_str::<Value>(&carried.expect("carried")).expect("JSON"), manifest);
}

/// That each resource seen became something, and something was seen.
fn assert_accounted(manifest: &Value) {
    let accounting = manifest["accounting"].as_object().expect("by resource type");
    for (kind, account) in accounting {
        let count = |name: &str| account[name].as_u64().expect("a number");
        let ended = count("normalised") + count("context") + count("unmapped");
        assert_eq!(ended, count("seen"), "{kind}");
        assert_eq!(account.as_object().expect("an object").len(), 4);
    }
    assert!(!accounting.is_empty());
}

#[test]
fn the_day_and_the_areas_are_those_asked_for() {
    let bench = Bench::new();
    let arguments = ["--format", "ndjson", "--requested", "allergies,diary", "--retrieved-on"];
    let classes = |day: &str| {
        let arguments: Vec<&str> = arguments.iter().copied().chain([day]).collect();
        assert_eq!(bench.run(&[bundle("repeat-authorisation-lapsed")], &arguments), (0, Vec::new()));
        fs::read_to_string(bench.out().join("repeat-authorisation-lapsed/medications.ndjson"))
            .expect("a table")
    };
    assert_ne!(classes("2026-01-15"), classes("2019-01-01"), "the day decides what is current");
    let path = bench.out().join("repeat-authorisation-lapsed/sections.ndjson");
    let sections = fs::read_to_string(path).expect("a table");
    let state = |area: &str| {
        let rows = sections.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        rows.into_iter().find(|row| row["area"] == area).expect("always all ten")["state"].clone()
    };
    assert_eq!((state("allergies"), state("diary")), ("missing_list".into(), "missing_list".into()));
    assert_eq!(state("problems"), "not_requested");
}

#[test]
fn standard_input_is_called_stdin() {
    let bench = Bench::new();
    let mut child =
        lab(&["normalise", "-", "--out"]).arg(bench.out()).stdin(Stdio::piped()).spawn().expect("runs");
    let bytes = fs::read(bundle("nka-alone")).expect("a bundle");
    child.stdin.take().expect("piped").write_all(&bytes).expect("read");
    assert_eq!(child.wait().expect("ends").code(), Some(0));
    assert_eq!(bench.stems(), BTreeSet::from(["stdin".to_owned()]));
    assert_accounted(&bench.manifest("stdin"));
}

#[test]
fn a_message_about_standard_input_names_it() {
    let bench = Bench::new();
    let mut child = lab(&["normalise", "-", "--out"])
        .arg(bench.out())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    child.stdin.take().expect("piped").write_all(b"no JSON").expect("read");
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(65));
    assert!(output.stderr.starts_with(b"stdin: not JSON: "), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_stem_is_the_name_without_its_last_ending() {
    let bench = Bench::new();
    let bytes = fs::read(bundle("nka-alone")).expect("a bundle");
    let files = ["a.b.json", "plain", "with space.json"].map(|name| bench.file(name, &bytes));
    assert_eq!(bench.run(&files, &[]), (0, Vec::new()));
    assert_eq!(bench.stems(), ["a.b", "plain", "with space"].map(str::to_owned).into());
}

#[test]
fn what_does_not_fit_together_is_a_usage_error_and_nothing_is_written() {
    let bench = Bench::new();
    let bytes = fs::read(bundle("nka-alone")).expect("a bundle");
    let [one, two] = ["one/x.json", "two/x.txt"].map(|name| bench.file(name, &bytes));
    let stdin = [bench.file("stdin.json", &bytes), PathBuf::from("-")];
    let cases: [(&[PathBuf], &[&str]); 6] = [
        (&[one.clone(), two], &[]),
        (&stdin, &[]),
        (&[], &[]),
        (std::slice::from_ref(&one), &["--retrieved-on", "2026-02-30"]),
        (std::slice::from_ref(&one), &["--requested", "socks"]),
        (std::slice::from_ref(&one), &["--format", "xml"]),
    ];
    for (files, arguments) in cases {
        let (status, told) = bench.run(files, arguments);
        assert_eq!(status, 2, "{files:?} {arguments:?}");
        assert!(!told.is_empty());
        assert_eq!(bench.stems(), BTreeSet::new());
    }
}

#[test]
fn a_refused_input_is_one_line_and_leaves_nothing_and_the_others_are_written() {
    let bench = Bench::new();
    let files = [
        bench.file(
            "cut.json",
            br#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Zanthoxylum"#,
        ),
        bench.file("error.json", br#"{"resourceType":"OperationOutcome","issue":[]}"#),
        bench.file("empty.json", b""),
        bench.folder.path().join("absent.json"),
        bundle("nka-alone"),
    ];
    let (status, told) = bench.run(&files, &[]);
    assert_eq!((status, told.len()), (65, 4), "{told:?}");
    for (line, file) in told.iter().zip(&files) {
        assert!(line.starts_with(&format!("{}: ", file.display())), "{line}");
        assert!(!line.contains("Zanthoxylum"), "{line}");
    }
    assert!(told[0].contains("at byte "), "{}", told[0]);
    assert_eq!(bench.stems(), BTreeSet::from(["nka-alone".to_owned()]));
}

#[test]
fn an_output_that_cannot_be_written_has_its_own_status_even_beside_an_unreadable_input() {
    let bench = Bench::new();
    bench.file("out", b"a file where the folder should be");
    let (status, told) = bench.run(&[bundle("nka-alone"), bench.file("cut.json", b"{")], &[]);
    assert_eq!((status, told.len()), (74, 2), "{told:?}");
    assert!(told[0].contains("cannot be written"), "{told:?}");
}

/// On a checkout beside the shared bundles, which are not part of the repository.
#[test]
fn shared_bundles_are_all_normalised_but_errors_and_what_is_not_json() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/bundles");
    let Ok(entries) = fs::read_dir(&shared) else { return };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    let bench = Bench::new();
    let (status, told) = bench.run(&files, &["--retrieved-on", "2026-01-15"]);
    let refused: BTreeSet<&str> =
        told.iter().filter_map(|line| line.split(".json: ").next()?.rsplit('/').next()).collect();
    let expected = [
        "error-internal-server-error",
        "error-invalid-nhs-number",
        "error-no-relationship",
        "error-patient-not-found",
        "malformed-not-json-missing-comma",
        "malformed-not-json-template",
    ];
    assert_eq!((status, told.len(), refused), (65, 6, expected.into()));
    let stems = bench.stems();
    assert_eq!(stems.len(), files.len() - 6);
    for stem in stems {
        assert!(!expected.contains(&stem.as_str()));
        assert_accounted(&bench.manifest(&stem));
    }
}
