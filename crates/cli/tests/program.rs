//! The built program: exit statuses, and what goes to which stream.

#[allow(dead_code, reason = "each test program uses a part of it")]
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
        case(&["show", EPISODE, "--table", "allergies", "--reader", "reader.json"], [], 0, ""),
        case(&["show", EPISODE, "--html", "--reader", "reader.json"], [], 0, ""),
        case(&["show", EPISODE, "consultation", "--reader", "reader.json"], [], 0, ""),
        case(&["show", EPISODE, "consultation", "x", "--reader", "reader.json"], [], 3, "no consultation"),
        case(&["show", "EP-9", "--reader", "reader.json"], [], 3, "not in the cache"),
        case(&["show", EPISODE], [], 4, "--reader FILE"),
        case(SHOW, by("reason", json!("research")), 4, "reason: must be directcare"),
        case(SHOW, by("relationship", json!(null)), 4, "relationship: must say"),
        case(SHOW, by("family", json!("")), 4, "family: must name the real person"),
        case(SHOW, by("organisation_ods", json!("RX998")), 4, "another organisation"),
        case(SHOW, by("role", json!(null)), 2, "role: is missing"),
        case(SHOW, [("reader.json", "{".to_owned())], 2, "not JSON"),
        case(&["show", EPISODE, "--reader", "absent.json"], [], 2, "cannot read the reader file"),
        case(&["show", EPISODE, "socks", "--reader", "reader.json"], [], 2, "current-medication"),
        case(&["show", EPISODE, "medications"], [], 2, "name it with --table medications"),
        case(&["show", EPISODE, "--table", "socks"], [], 2, "medication_issues"),
        case(&["show", EPISODE, "allergies", "--table", "allergies"], [], 2, "cannot be used with"),
        case(&["show", EPISODE, "--html", "--table", "allergies"], [], 2, "cannot be used with"),
        case(
            &["show", EPISODE, "--reader", "reader.json", "--format", "csv"],
            [],
            2,
            "name a view, or a table",
        ),
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
            "config.toml:3: cache.surprise",
        ),
        case(&["list", "--set", "cache.rot=x"], [], 2, "there is no setting"),
        case(&["list", "--set", "limits.concurrency=no"], [], 2, "flag --set: limits.concurrency"),
        case(&["pipeline", "check", "absent.toml"], [], 2, "cannot read the pipeline absent.toml"),
        case(&["pipeline", "check"], [], 2, "<FILE>"),
        case(&["man", "absent"], [], 2, "absent is not a folder"),
        case(&["completions", "tcsh"], [], 2, "possible values"),
        case(&["list", "--config", "absent.toml"], [], 2, "cannot read the configuration"),
        case(&["list"], [("cache.key", "not a key".to_owned())], 2, "does not hold 64"),
        case(&["dance"], [], 2, "unrecognized subcommand"),
        case(&["shwo"], [], 2, "a similar subcommand exists: 'show'"),
        case(&["audit", "verify", "--anchor", "x"], [], 2, "cannot read x"),
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
fn a_record_of_the_log_names_the_device() {
    let site = Site::new();
    assert_eq!(site.run(&["show", EPISODE, "--reader", "reader.json"]).status.code(), Some(0));
    let exported = String::from_utf8(site.run(&["audit", "export"]).stdout).expect("text");
    let read = exported.lines().find(|line| line.contains("\"read\"")).expect("on record");
    // The identifier of the device in the site's configuration.
    assert!(read.contains("ward-1"), "{read}");
}

#[test]
fn a_key_in_the_place_of_its_path_is_refused_and_not_repeated() {
    let site = Site::new();
    let key = fs::read_to_string(site.path("cache.key")).expect("a key");
    let key = key.trim();
    for arguments in [&["list"][..], &["check"], &["config", "show"], &["audit", "anchor", "--key", key]] {
        let mut command = site.command(arguments);
        let ran = command.env("BEDSIDE_CACHE_KEY", key).output().expect("the program runs");
        let words = String::from_utf8([ran.stdout, ran.stderr].concat()).expect("text");
        assert_ne!(ran.status.code(), Some(0), "{arguments:?}: {words}");
        assert!(words.contains("holds a key") && !words.contains(key), "{arguments:?}: {words}");
    }
}

#[test]
fn what_a_run_could_not_write_is_told_before_it() {
    let files = || [("list.ndjson", admission("EP-2").to_string())];
    check(vec![
        case(&["warm", "--admissions", "list.ndjson", "--report", "x.txt"], files(), 2, ".html or .json"),
        case(&["warm", "--admissions", "list.ndjson", "--report", "no/x.html"], files(), 2, "needs a folder"),
        case(&["warm", "--admissions", "list.ndjson", "--metrics-file", "no/x.prom"], files(), 2, "a folder"),
        case(&["warm", "--admissions", "."], files(), 2, "cannot read the admissions"),
        case(&["show", EPISODE, "problems", "12", "--reader", "reader.json"], files(), 2, "only the view"),
    ]);
    let site = Site::new();
    site.write("list.ndjson", &files()[0].1);
    let ran = site.run(&["warm", "--admissions", "list.ndjson", "--report", "no/x.json"]);
    assert_eq!((ran.status.code(), ran.stdout.len()), (Some(2), 0));
    assert!(!exists(&site.path("runs")), "nothing was begun");
}

#[test]
fn a_variable_that_is_empty_is_as_good_as_unset() {
    let site = Site::new();
    let mut command = site.command(&["list", "--config", "config.toml"]);
    let ran = command.env("BEDSIDE_CONFIG", "").env("BEDSIDE_CACHE_KEY", "").output().expect("it runs");
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
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
    let data =
        site.run(&["show", EPISODE, "--table", "allergies", "--reader", "reader.json", "--format", "ndjson"]);
    let row: Value = serde_json::from_slice(&data.stdout).expect("nothing but the row");
    assert_eq!(row["allergy_term"], "Zanthoxylum");
    assert!(String::from_utf8_lossy(&data.stderr).contains("practice A99001"), "people are told");
    let arrow =
        site.run(&["show", EPISODE, "--table", "allergies", "--reader", "reader.json", "--format", "arrow"]);
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
    let show = ["show", EPISODE, "--table", "notices", "--reader", "reader.json", "--format", "ndjson"];
    let mut child = site.command(&show).spawn().expect("the program runs");
    let mut first = [0; 10];
    let mut output = child.stdout.take().expect("piped");
    output.read_exact(&mut first).expect("the first bytes");
    drop(output);
    let ran = child.wait_with_output().expect("the program ends");
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(!String::from_utf8_lossy(&ran.stderr).contains("pipe"));
}

#[test]
fn every_view_is_told_with_its_caveats_and_its_rows_carry_them() {
    let site = Site::new();
    for view in ["current-medication", "medicines-reconciliation", "allergies", "problems", "completeness"] {
        let shown = site.run(&["show", EPISODE, view, "--reader", "reader.json"]);
        let text = String::from_utf8(shown.stdout).expect("text");
        assert!(text.contains("practice A99001") && text.contains(" ago; "), "{view}:\n{text}");
        let data = site.run(&["show", EPISODE, view, "--reader", "reader.json", "--format", "ndjson"]);
        assert_eq!(data.status.code(), Some(0), "{view}");
        for line in String::from_utf8(data.stdout).expect("text").lines() {
            let row: Value = serde_json::from_str(line).expect("a row");
            assert_eq!(row["practice"], "A99001", "{view}");
            assert!(row["retrieved_at"].is_string() && row["group"].is_string(), "{view}");
        }
    }
    let allergies = site.run(&["show", EPISODE, "allergies", "--reader", "reader.json", "--format", "arrow"]);
    let mut reader = arrow_ipc::reader::StreamReader::try_new(&allergies.stdout[..], None).expect("a stream");
    assert_eq!(reader.schema().metadata()["bedside.section.allergies"], "1 entry");
    assert_eq!(reader.next().expect("a batch").expect("whole").num_rows(), 1);
}

#[test]
fn the_page_for_a_browser_goes_to_standard_output_alone() {
    let site = Site::new();
    let ran = site.run(&["show", EPISODE, "--html", "--reader", "reader.json"]);
    let page = String::from_utf8(ran.stdout).expect("text");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.contains("Zanthoxylum") && ran.stderr.is_empty());
}

#[test]
fn completions_and_manual_cover_every_command() {
    let site = Site::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = String::from_utf8(site.run(&["completions", shell]).stdout).expect("text");
        // Fish, elvish and PowerShell are not told the values of an argument that has no name.
        let views = if ["bash", "zsh"].contains(&shell) { "medicines-reconciliation" } else { "show" };
        for word in ["warm", "show", views, "admissions"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    fs::create_dir(site.path("man")).expect("made");
    assert_eq!(site.run(&["man", "man"]).status.code(), Some(0));
    for page in ["bedside.1", "bedside-show.1", "bedside-audit-verify.1", "bedside-pipeline-check.1"] {
        let text = fs::read_to_string(site.path(&format!("man/{page}"))).expect(page);
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
    let manual = fs::read_to_string(site.path("man/bedside.1")).expect("there");
    assert!(manual.contains("refused by policy"), "the exit statuses");
}

#[test]
fn without_a_terminal_nothing_is_coloured() {
    let site = Site::new();
    for arguments in [&["--help"][..], &["shwo"], &["show", EPISODE, "--reader", "reader.json"], &["list"]] {
        let ran = site.run(arguments);
        assert!(![ran.stdout, ran.stderr].concat().contains(&0x1b), "{arguments:?}");
    }
}

#[test]
fn a_configuration_is_shown_with_where_each_setting_comes_from() {
    let site = Site::new();
    let mut command = site.command(&["config", "show", "--origin", "--set", "limits.concurrency=2"]);
    let ran = command.env("BEDSIDE_DIRECTORY_HOSTS", "a.example,b.example").output().expect("runs");
    let text = String::from_utf8(ran.stdout).expect("text");
    for (setting, origin) in [
        ("concurrency = 2 ", "# flag --set"),
        ("hosts = [\"a.example\",\"b.example\"]", "# environment, BEDSIDE_DIRECTORY_HOSTS"),
        ("asid = \"200000000001\"", "config.toml:4"),
    ] {
        let line =
            text.lines().find(|line| line.contains(setting)).unwrap_or_else(|| panic!("{setting}:\n{text}"));
        assert!(line.ends_with(origin), "{line}");
    }
    site.write("shown.toml", &text);
    assert_eq!(site.run(&["list", "--config", "shown.toml"]).status.code(), Some(0), "it is one again");
}

#[test]
fn pipelines_are_all_looked_at() {
    let site = Site::new();
    site.write("good.toml", "name = 'good'\n[request.includeProblems]\n");
    site.write("bad.toml", "name = 'bad'\n[request]\nincludeSocks = {}\n");
    let ran = site.run(&["pipeline", "check", "bad.toml", "absent.toml", "good.toml"]);
    assert_eq!(ran.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "good.toml: pipeline good asks for problems\n");
    let told = String::from_utf8(ran.stderr).expect("text");
    assert!(told.contains("bad.toml is not a pipeline: line 3") && told.contains("absent.toml"), "{told}");
}
