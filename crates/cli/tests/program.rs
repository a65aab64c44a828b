//! The built program: exit statuses, and what goes to which stream.

mod support;

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use support::{EPISODE, Site, admission, exists, reader, with};

/// Runs a case on an installation of its own. `files` are written first; standard error must hold `told`.
struct Case {
    arguments: &'static [&'static str],
    files: Vec<(&'static str, String)>,
    status: i32,
    told: &'static str,
}

fn case(
    arguments: &'static [&'static str],
    files: impl Into<Vec<(&'static str, String)>>,
    status: i32,
    told: &'static str,
) -> Case {
    Case { arguments, files: files.into(), status, told }
}

fn check(cases: Vec<Case>) {
    for case in cases {
        let site = Site::new();
        for (name, text) in &case.files {
            site.write(name, text);
        }
        let ran = site.run(case.arguments);
        let told = String::from_utf8(ran.stderr).expect("text");
        assert_eq!(ran.status.code(), Some(case.status), "{:?}: {told}", case.arguments);
        assert!(told.contains(case.told), "{:?}: {told}", case.arguments);
        for secret in ["9990000018", "Sampleton", "Edith"] {
            assert!(!told.contains(secret), "{:?}: {told}", case.arguments);
        }
    }
}

#[test]
fn warming_ends_with_the_documented_status() {
    const WARM: &[&str] = &["warm", "--admissions", "list.ndjson"];
    const WITH_PIPELINE: &[&str] = &["warm", "--admissions", "list.ndjson", "--pipeline", "p.toml"];
    let list = |lines: &[Value]| [("list.ndjson", lines.iter().map(|line| format!("{line}\n")).collect())];
    let forbidden = || with(admission("EP-2"), "reason", json!("research"));
    let malformed = || with(admission("EP-3"), "nhs_number", json!("999"));
    check(vec![
        case(WARM, list(&[]), 0, "0 of 0 warmed"),
        case(WARM, [], 2, "cannot read the admissions"),
        case(WARM, list(&[admission("EP-4")]), 3, "EP-4: no_endpoint"),
        case(WARM, list(&[malformed()]), 3, "line 1 refused, malformed: nhs_number"),
        case(WARM, list(&[forbidden()]), 4, "line 1 refused, policy: reason"),
        case(WARM, list(&[forbidden(), malformed()]), 3, "line 2 refused"),
        case(WITH_PIPELINE, list(&[]), 2, "cannot read the pipeline p.toml"),
        case(
            WITH_PIPELINE,
            [list(&[]), [("p.toml", "name = 'p'\n[request]\nincludeAllergies = {}".to_owned())]].concat(),
            2,
            "p.toml cannot be run: includeAllergies.includeResolvedAllergies is missing",
        ),
        case(WARM, [list(&[]), [("client.pem", String::new())]].concat(), 2, "client certificate"),
        case(WARM, [list(&[]), [("practices.toml", "x = 1".to_owned())]].concat(), 2, "directory file"),
        case(&["warm"], [], 2, "--admissions"),
    ]);
}

#[test]
fn showing_ends_with_the_documented_status() {
    const SHOW: &[&str] = &["show", EPISODE, "--reader", "reader.json"];
    let by = |field: &str, value: Value| [("reader.json", with(reader(), field, value).to_string())];
    check(vec![
        case(SHOW, [], 0, ""),
        case(&["show", EPISODE, "allergies", "--reader", "reader.json"], [], 0, ""),
        case(&["show", "EP-9", "--reader", "reader.json"], [], 3, "not in the cache"),
        case(&["show", EPISODE], [], 4, "--reader FILE"),
        case(SHOW, by("reason", json!("research")), 4, "reason: must be directcare"),
        case(SHOW, by("relationship", json!(null)), 4, "relationship: must say"),
        case(SHOW, by("family", json!("")), 4, "family: must name the real person"),
        case(SHOW, by("organisation_ods", json!("RX998")), 4, "another organisation"),
        case(SHOW, by("role", json!(null)), 2, "role: is missing"),
        case(SHOW, [("reader.json", "{".to_owned())], 2, "not JSON"),
        case(&["show", EPISODE, "--reader", "absent.json"], [], 2, "cannot read the reader file"),
        case(&["show", EPISODE, "socks", "--reader", "reader.json"], [], 2, "the tables are medications"),
        case(&["show", EPISODE, "--reader", "reader.json", "--format", "csv"], [], 2, "name the table"),
        case(&["show", "", "--reader", "reader.json"], [], 2, "1 to 128 bytes"),
    ]);
}

#[test]
fn configuration_is_checked_before_anything_is_done() {
    check(vec![
        case(
            &["list"],
            [("config.toml", "[cache]\nroot = 'c'\nsurprise = 1".to_owned())],
            2,
            "cache.surprise",
        ),
        case(&["list", "--config", "absent.toml"], [], 2, "cannot read the configuration"),
        case(&["list"], [("cache.key", "not a key".to_owned())], 2, "does not hold 64"),
        case(&["dance"], [], 2, "unrecognized subcommand"),
        case(&["audit", "verify", "--anchor", "x"], [], 2, "an audit head is"),
    ]);
    let site = Site::new();
    let ran = site.command(&["list"]).env_remove("BEDSIDE_CONFIG").output().expect("the program runs");
    assert_eq!(ran.status.code(), Some(2));
    fs::set_permissions(site.path("audit.pepper"), fs::Permissions::from_mode(0o644)).expect("allowed");
    assert_eq!(site.run(&["list"]).status.code(), Some(2), "a key that others may read");
}

#[test]
fn help_goes_to_standard_output_and_is_a_success() {
    let site = Site::new();
    for arguments in [&["--help"][..], &["--version"], &["show", "--help"]] {
        let ran = site.run(arguments);
        assert_eq!(ran.status.code(), Some(0), "{arguments:?}");
        assert!(!ran.stdout.is_empty() && ran.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_purged_episode_is_gone_and_says_so() {
    let site = Site::new();
    let show = || site.run(&["show", EPISODE, "--reader", "reader.json"]);
    assert_eq!(show().status.code(), Some(0));
    assert_eq!(site.run(&["purge", EPISODE]).status.code(), Some(4), "nobody asked");
    assert_eq!(show().status.code(), Some(0), "and nothing was destroyed");
    let purged = site.run(&["purge", EPISODE, "--reader", "reader.json"]);
    assert_eq!(purged.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&purged.stdout).contains("key destroyed"));
    let gone = show();
    assert_eq!(gone.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&gone.stderr).contains("was purged at"));
    let listed = site.run(&["list", "--json"]);
    let line: Value = serde_json::from_slice(&listed.stdout).expect("one line");
    assert_eq!(line["state"], "purged");
    assert_eq!(site.run(&["audit", "verify"]).status.code(), Some(0));
}

#[test]
fn a_refused_reader_is_on_record() {
    let site = Site::new();
    let records = || {
        let ran = site.run(&["audit", "verify"]);
        assert_eq!(ran.status.code(), Some(0));
        String::from_utf8(ran.stdout).expect("text")
    };
    let before = records();
    site.write("reader.json", &with(reader(), "reason", json!("research")).to_string());
    assert_eq!(site.run(&["show", EPISODE, "--reader", "reader.json"]).status.code(), Some(4));
    assert_ne!(records(), before);
}

#[test]
fn a_changed_audit_log_does_not_verify() {
    let site = Site::new();
    let log = site.path("audit/audit.ndjson");
    assert!(exists(&log));
    let changed = fs::read_to_string(&log).expect("readable").replacen("RX999", "RX998", 1);
    fs::write(&log, changed).expect("written");
    let ran = site.run(&["audit", "verify"]);
    assert_eq!(ran.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("broken at record 1"));
}

#[test]
fn a_summary_comes_with_its_caveats_and_data_goes_alone() {
    let site = Site::new();
    let summary = site.run(&["show", EPISODE, "--reader", "reader.json"]);
    let text = String::from_utf8(summary.stdout).expect("text");
    for part in
        ["practice A99001", "Zanthoxylum", "Allergies: 1 shown (1 entry)", "FAILED: nothing may be concluded"]
    {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let data = site.run(&["show", EPISODE, "allergies", "--reader", "reader.json", "--format", "ndjson"]);
    let row: Value = serde_json::from_slice(&data.stdout).expect("nothing but the row");
    assert_eq!(row["allergy_term"], "Zanthoxylum");
    assert!(String::from_utf8_lossy(&data.stderr).contains("practice A99001"), "people are told");
    let arrow = site.run(&["show", EPISODE, "allergies", "--reader", "reader.json", "--format", "arrow"]);
    let mut reader = arrow_ipc::reader::StreamReader::try_new(&arrow.stdout[..], None).expect("a stream");
    assert_eq!(reader.next().expect("a batch").expect("whole").num_rows(), 1);
}

#[test]
fn events_alone_are_on_standard_output() {
    let site = Site::new();
    let lines = format!("{}\n{{oops\n", admission("EP-5"));
    let ran = site.run_with_input(&["warm", "--admissions", "-", "--json"], &lines);
    assert_eq!(ran.status.code(), Some(3));
    let text = String::from_utf8(ran.stdout).expect("text");
    let types: Vec<String> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).expect("JSON")["type"].as_str().expect("a type").to_owned()
        })
        .collect();
    assert_eq!(types.first().map(String::as_str), Some("run_started"));
    assert_eq!(types.last().map(String::as_str), Some("run_finished"));
    assert_eq!(types.len(), 5, "{types:?}");
    let told = String::from_utf8(ran.stderr).expect("text");
    assert!(!told.contains('{'), "{told}");
    let quiet = site.run_with_input(&["warm", "--admissions", "-"], &lines);
    assert!(quiet.stdout.is_empty());
}

#[test]
fn a_reader_of_the_pipe_that_goes_away_is_a_success() {
    // Far more than a pipe holds, so that the program is still writing when its reader has gone.
    let site = Site::with_notices(2_000);
    let show = ["show", EPISODE, "notices", "--reader", "reader.json", "--format", "ndjson"];
    let mut child = site.command(&show).spawn().expect("the program runs");
    let mut first = [0; 10];
    let mut output = child.stdout.take().expect("piped");
    output.read_exact(&mut first).expect("the first bytes");
    drop(output);
    let ran = child.wait_with_output().expect("the program ends");
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(!String::from_utf8_lossy(&ran.stderr).contains("pipe"));
}
