//! `bedside warm` with a national record to ask: who has not been traced is traced, and nobody else.

#[path = "support/lab.rs"]
mod lab;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

struct World {
    folder: PathBuf,
    pds: String,
    _spine: lab::Spine,
    _outer: tempfile::TempDir,
}

impl World {
    /// The simulated Spine, and one admission of a patient whom nobody has traced.
    fn new() -> Self {
        let outer = tempfile::tempdir().expect("a folder");
        let folder = outer.path().join("spine");
        let spine = lab::Spine::start(&folder);
        let config = fs::read_to_string(folder.join("config.toml")).expect("a configuration");
        let root = config.lines().find_map(|line| line.strip_prefix("ssp = \"")?.strip_suffix('"'));
        let pds = format!("pds.url={}/personal-demographics/FHIR/R4", root.expect("a proxy"));
        let list = fs::read_to_string(folder.join("admissions.ndjson")).expect("a list");
        let mut line: Value = serde_json::from_str(list.lines().next().expect("a line")).expect("JSON");
        line["demographics"].as_object_mut().expect("an object").remove("traced_at").expect("traced");
        fs::write(folder.join("untraced.ndjson"), line.to_string()).expect("written");
        Self { folder, pds, _spine: spine, _outer: outer }
    }

    fn warm(&self, settings: &[&str]) -> Output {
        self.warm_with(settings, &[])
    }

    fn warm_with(&self, settings: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedside"));
        command.current_dir(&self.folder).env("BEDSIDE_CONFIG", "config.toml");
        command.envs(environment.iter().copied());
        command.args(["warm", "--json", "--admissions", "untraced.ndjson"]);
        command.args(settings.iter().flat_map(|setting| ["--set", setting]));
        command.output().expect("the program runs")
    }
}

#[test]
fn who_has_not_been_traced_is_refused_or_traced_as_the_configuration_says() {
    let world = World::new();
    let refused = world.warm(&[]);
    assert_eq!(refused.status.code(), Some(3), "{}", String::from_utf8_lossy(&refused.stdout));
    assert!(String::from_utf8_lossy(&refused.stdout).contains("demographics.traced_at"));
    let traced = world.warm(&[&world.pds]);
    assert_eq!(traced.status.code(), Some(0), "{}", String::from_utf8_lossy(&traced.stderr));
    assert!(String::from_utf8_lossy(&traced.stdout).contains("\"outcome\":\"warmed\""));
    let absent = world.warm(&["pds.url=https://localhost:1"]);
    assert_eq!(absent.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&absent.stdout).contains("trace/unavailable"));
}

#[test]
fn proxies_of_the_environment_are_not_asked() {
    let world = World::new();
    // Nobody listens on port 1: whoever went that way would arrive nowhere.
    let proxies =
        ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].map(|name| (name, "http://127.0.0.1:1"));
    let warmed = world.warm_with(&[&world.pds], &proxies);
    assert_eq!(warmed.status.code(), Some(0), "{}", String::from_utf8_lossy(&warmed.stdout));
    assert!(String::from_utf8_lossy(&warmed.stdout).contains("\"outcome\":\"warmed\""));
}

#[test]
fn log_lines_are_objects_when_asked_for_and_name_nobody() {
    let world = World::new();
    let log = [("BEDSIDE_LOG", "bedside_warm=debug,bedside_spine=debug"), ("BEDSIDE_LOG_FORMAT", "json")];
    let failed = world.warm_with(&[&world.pds, "spine.ssp=https://localhost:1"], &log);
    assert_eq!(failed.status.code(), Some(3), "{}", String::from_utf8_lossy(&failed.stdout));
    let told = String::from_utf8_lossy(&failed.stderr).into_owned();
    let lines: Vec<&str> = told.lines().filter(|line| line.starts_with('{')).collect();
    let objects = lines.iter().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let again = objects.filter(|line| line["fields"]["message"] == "trying again");
    let spans = again.map(|line| line["spans"].to_string()).next().unwrap_or_default();
    assert!(spans.contains("\"run\"") && spans.contains("\"episode\""), "{told}");
    let list = fs::read_to_string(world.folder.join("untraced.ndjson")).expect("there");
    let line: Value = serde_json::from_str(&list).expect("JSON");
    for field in ["/episode", "/nhs_number", "/practice_ods", "/demographics/family", "/requester/user_id"] {
        let value = line.pointer(field).and_then(Value::as_str).unwrap_or_else(|| panic!("{field}"));
        assert!(!lines.iter().any(|line| line.contains(value)), "{field}: {told}");
    }
}

#[test]
fn a_token_that_others_may_read_is_not_used() {
    let world = World::new();
    let token = world.folder.join("pds.token");
    fs::write(&token, "Canarytoken\n").expect("written");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).expect("set");
    let setting = format!("pds.token={}", token.display());
    let refused = world.warm(&[&world.pds, &setting]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("pds.token may be used by group or others") && !told.contains("Canary"), "{told}");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).expect("set");
    assert_eq!(world.warm(&[&world.pds, &setting]).status.code(), Some(0));
}
