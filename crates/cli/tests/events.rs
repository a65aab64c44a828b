//! The wire format of `bedside warm --json`, read back by types that let no field pass that `docs/events.md` does
//! not name. Whoever adds a field adds it here and there.

#[path = "support/lab.rs"]
mod lab;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

type Counts = BTreeMap<String, u64>;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[allow(dead_code, reason = "that it can be read is what is tested")]
enum Event {
    RunStarted { pipeline: String, areas: Vec<String>, concurrency: u64, software_version: String },
    LineRefused { line: u64, episode: Option<String>, by_policy: bool, problems: Vec<Problem> },
    InputFailed { problem: String },
    EpisodeStarted { episode: String, practice: String },
    EpisodeFinished(Finished),
    StayReported { line: u64, episode: String, says: String, outcome: String, problem: Option<String> },
    MessagePassedOver { line: Option<u64>, episode: Option<String>, event: Option<String>, why: String },
    RunFinished(Totals),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "that it can be read is what is tested")]
struct Totals {
    lines: u64,
    warmed: u64,
    refused: u64,
    failed: u64,
    stays: u64,
    passed_over: u64,
    rows: u64,
    bundle_bytes: u64,
    sealed_bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "that it can be read is what is tested")]
struct Problem {
    field: String,
    problem: String,
    nature: String,
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
#[allow(dead_code, reason = "that it can be read is what is tested")]
enum Finished {
    Warmed {
        episode: String,
        practice: String,
        milliseconds: u64,
        generation: u64,
        areas: BTreeMap<String, String>,
        rows: Counts,
        notices: Counts,
        changes: Option<BTreeMap<String, Counts>>,
        bundle_bytes: u64,
        sealed_bytes: u64,
        trace_id: String,
        trace_echo: String,
        attempts: u64,
        superseded: bool,
    },
    NotFetched {
        episode: String,
        practice: String,
        milliseconds: u64,
        reason: String,
        refused: bool,
        message: String,
        advice: String,
        trace_id: Option<String>,
        attempts: u64,
        again: bool,
    },
    WrongPatient {
        episode: String,
        practice: String,
        milliseconds: u64,
        differing: Vec<String>,
        problem: String,
    },
}

#[test]
fn every_line_is_an_event_of_the_documented_schema() {
    let outer = tempfile::tempdir().expect("a folder");
    let folder = outer.path().join("spine");
    let _spine = lab::Spine::start(&folder);
    // One line that policy refuses beside those that the simulated practices answer in their several ways.
    let list = folder.join("admissions.ndjson");
    let mut lines = fs::read_to_string(&list).expect("a list");
    let mut forbidden: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    forbidden["reason"] = "research".into();
    lines.push_str(&format!("{forbidden}\n"));
    fs::write(&list, lines).expect("written");
    let messages = folder.join("adt.hl7");
    let traced = Timestamp::now().strftime("%Y%m%d%H%M%S+0000").to_string();
    let text = fs::read_to_string(root().join("fixtures/feeds/admissions.hl7")).expect("messages");
    fs::write(&messages, text.replace("TRACED", &traced)).expect("written");
    let mut text = warm(&folder, &[OsStr::new("--admissions"), list.as_os_str()], 3);
    let pipeline = root().join("pipelines/admission-hl7v2.toml");
    let arguments = ["--from", "hl7v2", "--admissions"].map(OsStr::new);
    let arguments =
        [&arguments[..], &[messages.as_os_str(), "--pipeline".as_ref(), pipeline.as_os_str()]].concat();
    text.push_str(&warm(&folder, &arguments, 4));
    let page = include_str!("../../../docs/events.md");
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        let fields: Map<String, Value> = serde_json::from_str(line).expect("an object");
        for name in ["type", "outcome"] {
            seen.extend(fields.get(name).and_then(Value::as_str).map(str::to_owned));
        }
        for name in fields.keys() {
            assert!(page.contains(&format!("`{name}`")), "docs/events.md does not name {name}");
        }
        read_strictly(fields);
    }
    for name in [
        "run_started",
        "line_refused",
        "episode_finished",
        "warmed",
        "not_fetched",
        "stay_reported",
        "message_passed_over",
        "run_finished",
    ] {
        assert!(seen.contains(name), "{name}: {seen:?}");
    }
    for name in &seen {
        assert!(page.contains(&format!("`{name}`")), "docs/events.md does not name {name}");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The events of a run that ends with that status.
fn warm(folder: &Path, arguments: &[&OsStr], status: i32) -> String {
    let mut warm = Command::new(env!("CARGO_BIN_EXE_bedside"));
    warm.arg("--config").arg(folder.join("config.toml")).args(["warm", "--json"]).args(arguments);
    let ran = warm.output().expect("the program runs");
    assert_eq!(ran.status.code(), Some(status), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text")
}

/// Takes what every event has, and reads the rest as what it says it is.
fn read_strictly(mut fields: Map<String, Value>) {
    assert_eq!(fields.remove("schema"), Some(1.into()));
    let ts = fields.remove("ts").expect("when");
    assert!(ts.as_str().expect("text").parse::<jiff::Timestamp>().is_ok(), "{ts}");
    let run = fields.remove("run").expect("which run");
    assert_eq!(run.as_str().map(str::len), Some(16));
    let told = Value::from(fields).to_string();
    if let Err(problem) = serde_json::from_str::<Event>(&told) {
        panic!("{problem}: {told}");
    }
}
