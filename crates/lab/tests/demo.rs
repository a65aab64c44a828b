//! The demo as a newcomer runs it, and what it leaves behind.

mod support;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use bedside_cli::render::{Page, summary};
use bedside_lab::demo::Site;
use bedside_lab::generate::{Patient, Recipe, Supplier, bundle};
use bedside_lab::provider::PROVIDER_HOSTS;
use bedside_spine::{AllowedHosts, Directory, SdsFhirDirectory, Tls, TlsFiles};
use jiff::Timestamp;
use serde_json::Value;
use support::{fixture, lab, text};
use tempfile::TempDir;

/// The episodes of the fixtures that are warmed.
const WARMED: std::ops::RangeInclusive<u32> = 1..=9;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The demo kept in a folder, and what it printed.
fn kept(arguments: &[&str]) -> (TempDir, PathBuf, String) {
    let outer = folder();
    let inner = outer.path().join("kept");
    let ran = lab(&["demo", "--keep", inner.to_str().expect("text")]).args(arguments).output().expect("runs");
    let (out, err) = (text(&ran.stdout), text(&ran.stderr));
    assert_eq!(ran.status.code(), Some(0), "{out}{err}");
    (outer, inner, out)
}

/// Every file and folder below one.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(below(&path));
        }
        found.push(path);
    }
    found
}

#[test]
fn every_admission_and_one_record_are_shown_and_nothing_is_left() {
    let (here, temporary) = (folder(), folder());
    let ran = lab(&["demo"]).current_dir(here.path()).env("TMPDIR", temporary.path()).output().expect("runs");
    let out = text(&ran.stdout);
    assert_eq!((ran.status.code(), text(&ran.stderr).as_str()), (Some(0), ""), "{out}");
    for number in WARMED {
        let row = format!("EP-2026-{number:04}  TEST00");
        assert!(out.lines().any(|line| line.starts_with(&row) && line.contains(" 4/4 ")), "{row}:\n{out}");
    }
    for part in [
        "EP-2026-0010  wrong_patient, as intended",
        "EP-2026-0011  not_fetched, as intended",
        "denied/patient_consent",
        "9 of 11 warmed, the others as intended",
        "answered at attempt 2",
        "GP record of episode EP-2026-0002",
        "\nCurrent medication: ",
        "\nAllergies: ",
        "\nProblems: ",
        "\n! Patient record transfer from previous GP practice not yet complete",
        "Doxazosin",
        "The audit log's chain holds",
    ] {
        assert!(out.contains(part), "{part}:\n{out}");
    }
    assert!(!out.contains("NOT AS INTENDED"), "{out}");
    assert_eq!(below(here.path()), Vec::<PathBuf>::new());
    assert_eq!(below(temporary.path()), Vec::<PathBuf>::new());
}

#[test]
fn the_report_fits_a_hundred_columns() {
    let ran = lab(&["demo"]).output().expect("runs");
    let out = text(&ran.stdout);
    let (report, _) = out.split_once("GP record of episode").expect("a record");
    for line in report.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn a_kept_cache_is_read_through_a_grant_and_holds_only_what_was_warmed() {
    let (_outer, kept, _) = kept(&[]);
    let site = Site::open(&kept).expect("a site");
    let episode = |number: u32| format!("EP-2026-{number:04}").parse().expect("an id");
    assert_eq!(site.cache.list().expect("listed").len(), WARMED.count());
    for number in WARMED {
        let record = site.read(&episode(number)).expect("readable");
        let shown = summary(&record, Page { width: 100, now: Timestamp::now() });
        assert!(
            shown.contains("Current medication: ") && !shown.contains("Current medication: 0"),
            "{shown}"
        );
    }
    for number in [10, 11] {
        let Err(stopped) = site.read(&episode(number)) else { panic!("{number} is stored") };
        assert!(stopped.message.contains("not in the cache"), "{}", stopped.message);
    }
    let verified = bedside_audit::verify(&kept.join("audit"), None).expect("the chain holds");
    assert_eq!(verified.unfinished, 0);
}

#[test]
fn neither_cache_nor_audit_log_holds_a_number_a_name_or_a_drug() {
    let (_outer, kept, _) = kept(&[]);
    let secrets = secrets();
    let mut searched = 0;
    for path in
        below(&kept.join("cache")).iter().chain(&below(&kept.join("audit"))).filter(|path| path.is_file())
    {
        let bytes = fs::read(path).expect("readable").to_ascii_lowercase();
        for secret in &secrets {
            assert!(
                memchr::memmem::find(&bytes, secret.as_bytes()).is_none(),
                "{secret} in {}",
                path.display()
            );
        }
        let name = path.to_str().expect("text");
        assert!(!secrets.iter().any(|secret| name.contains(secret)), "{name}");
        searched += bytes.len();
    }
    assert!(searched > 500_000, "{searched} bytes");
    let list = fs::read_to_string(kept.join("admissions.ndjson")).expect("a list").to_lowercase();
    assert!(secrets.iter().any(|secret| list.contains(secret)), "what is searched for is what was fetched");
}

/// In lower case: the NHS numbers and family names of the admissions, and the first word of every drug served.
fn secrets() -> BTreeSet<String> {
    let mut secrets = BTreeSet::new();
    let mut keep = |text: &Value| secrets.insert(text.as_str().expect("text").to_lowercase());
    for name in ["admissions.ndjson", "admission-mismatch.ndjson"] {
        for line in fs::read_to_string(fixture(name)).expect("a list").lines() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            keep(&line["nhs_number"]);
            keep(&line["demographics"]["family"]);
        }
    }
    let generated = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).expect("text");
        name.starts_with("emis-") || name.starts_with("tpp-")
    };
    for path in below(&fixture("bundles")).into_iter().filter(generated) {
        let bundle: Value = serde_json::from_slice(&fs::read(path).expect("a bundle")).expect("JSON");
        for entry in bundle["entry"].as_array().expect("entries") {
            let resource = &entry["resource"];
            for coding in resource["code"]["coding"].as_array().into_iter().flatten() {
                let drug = coding["display"].as_str().filter(|_| resource["resourceType"] == "Medication");
                let word = drug.and_then(|drug| drug.split_whitespace().next()).unwrap_or_default();
                if word.len() > 5 {
                    secrets.insert(word.to_lowercase());
                }
            }
        }
    }
    assert!(secrets.len() > 20 && secrets.contains("doxazosin"), "{secrets:?}");
    secrets
}

#[test]
fn what_is_kept_is_for_its_owner_alone() {
    let (_outer, kept, _) = kept(&[]);
    let names: BTreeSet<OsString> =
        fs::read_dir(&kept).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    let expected = [
        "admissions.ndjson",
        "audit",
        "audit.pepper",
        "cache",
        "cache.key",
        "config.toml",
        "practices.toml",
        "reader.json",
        "tls",
    ];
    assert_eq!(names, expected.map(OsString::from).into());
    for path in below(&kept).iter().chain([&kept]) {
        let mode = fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}

#[test]
fn the_commands_that_are_printed_work_on_what_is_kept() {
    let (_outer, kept, out) = kept(&[]);
    let mut commands = Vec::new();
    for line in out.lines().filter_map(|line| line.trim().strip_prefix("cargo run -q -p bedside-cli -- ")) {
        assert!(line.contains(kept.to_str().expect("text")), "{line}");
        commands.push(line.split(' ').map(OsString::from).collect::<Vec<_>>());
    }
    assert_eq!(commands.len(), 5, "{out}");
    // The program tells the place of a panic alone; here the words are wanted too.
    let hook = std::panic::take_hook();
    // The two that say the least; the whole configuration, the keys and the reader's file are read for them.
    for verb in ["purge", "audit"] {
        let command =
            commands.iter().find(|command| command.iter().any(|word| word == verb)).expect("printed");
        let command = [OsString::from("bedside")].into_iter().chain(command.iter().cloned());
        let exit = bedside_cli::run(command);
        assert_eq!(exit, ExitCode::SUCCESS, "{verb}");
    }
    std::panic::set_hook(hook);
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone() {
    let folder = folder();
    fs::write(folder.path().join("mine"), "untouched").expect("written");
    let path = folder.path().to_str().expect("text");
    for command in [["demo", "--keep", path], ["provider", "--out", path]] {
        let ran = lab(&command).output().expect("runs");
        assert_eq!(ran.status.code(), Some(2), "{command:?}");
        assert!(text(&ran.stderr).contains("is not empty"), "{}", text(&ran.stderr));
        assert_eq!(below(folder.path()).len(), 1, "{command:?}");
    }
}

#[test]
fn files_are_served_one_admission_each_and_end_in_their_own_states() {
    let files = folder();
    let file = |name: &str, bytes: Vec<u8>| {
        let path = files.path().join(name);
        fs::write(&path, bytes).expect("written");
        path.into_os_string().into_string().expect("text")
    };
    let made = |seed| {
        let patient = Patient::synthetic(5);
        bundle(&Recipe { bytes: 30_000, seed, supplier: Supplier::Emis, minified: true, patient })
    };
    let number = Patient::synthetic(5).nhs_number.expose().to_owned();
    let unchecked = text(&made(5)).replace(&number, "9990000019").into_bytes();
    let bundles = [
        file("first.json", made(5)),
        file("same-patient.json", made(6)),
        file("unchecked.json", unchecked),
        file("cut.json", made(5)[..2_000].to_vec()),
        file("nobody.json", br#"{"resourceType":"Bundle","type":"collection","entry":[]}"#.to_vec()),
    ];
    let arguments: Vec<&str> = ["--bundles"].into_iter().chain(bundles.iter().map(String::as_str)).collect();
    let (_outer, kept, out) = kept(&arguments);
    let flat = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for (number, part) in [
        (3, "line refused, {}: nhs_number: the check digit of the NHS number is wrong"),
        (4, "not_fetched, {}: The answer of the GP practice's system could not be read"),
        (5, "wrong_patient, {}: the answer holds no Patient"),
    ] {
        let part = format!("BUNDLE-{number:02} {}", part.replace("{}", &bundles[number - 1]));
        assert!(flat.contains(&part), "{part}:\n{out}");
    }
    assert!(flat.contains("2 of 5 warmed") && out.contains("GP record of episode BUNDLE-01"), "{out}");
    let site = Site::open(&kept).expect("a site");
    let shown = |episode: &str| {
        let record = site.read(&episode.parse().expect("an id")).expect("readable");
        summary(&record, Page { width: 100, now: Timestamp::now() })
    };
    let lists = |text: String| text.split_once("Current medication").map(|(_, lists)| lists.to_owned());
    assert_ne!(lists(shown("BUNDLE-01")), lists(shown("BUNDLE-02")), "each got the answer of its own file");
}

#[test]
fn a_bundle_that_cannot_be_read_is_a_matter_of_usage() {
    let ran = lab(&["demo", "--bundles", "no-such-file.json"]).output().expect("runs");
    assert_eq!((ran.status.code(), text(&ran.stdout).as_str()), (Some(2), ""));
    assert!(text(&ran.stderr).contains("no-such-file.json"));
}

#[test]
fn a_generated_bundle_is_that_of_the_library_on_either_way_out() {
    let folder = folder();
    let path = folder.path().join("bundle.json");
    let arguments = ["generate", "--bytes", "40000", "--seed", "7", "--supplier", "tpp", "--minified"];
    let printed = lab(&arguments).output().expect("runs");
    let written = lab(&arguments).arg("--out").arg(&path).output().expect("runs");
    let patient = Patient::synthetic(7);
    let made = bundle(&Recipe { bytes: 40_000, seed: 7, supplier: Supplier::Tpp, minified: true, patient });
    assert!(printed.stdout == made && fs::read(&path).expect("written") == made);
    assert!(written.stdout.is_empty() && written.stderr.is_empty());
    let nowhere = lab(&arguments).args(["--out", "/no/such/folder/x"]).output().expect("runs");
    assert_eq!(nowhere.status.code(), Some(74));
    assert_eq!(lab(&["generate", "--seed", "1"]).status().expect("runs").code(), Some(2), "no size");
}

#[test]
fn a_reader_of_the_pipe_that_goes_away_is_a_success() {
    // Far more than a pipe holds, so that the program is still writing when its reader has gone.
    let mut child = lab(&["generate", "--bytes", "1000000", "--seed", "1"]).spawn().expect("runs");
    let mut output = child.stdout.take().expect("piped");
    output.read_exact(&mut [0; 10]).expect("the first bytes");
    drop(output);
    let ran = child.wait_with_output().expect("ends");
    assert_eq!((ran.status.code(), text(&ran.stderr).as_str()), (Some(0), ""));
}

#[tokio::test]
async fn the_provider_answers_whoever_has_what_it_left_and_ends_on_ctrl_c() {
    let folder = folder();
    let mut child = lab(&["provider", "--out"]).arg(folder.path()).spawn().expect("runs");
    let mut printed =
        BufReader::new(child.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    let base = printed.find_map(|line| line.strip_prefix("SDS FHIR API").map(|base| base.trim().to_owned()));
    assert!(printed.any(|line| line == "Ctrl-C ends it."));
    let file = |name: &str| folder.path().join("tls").join(name);
    let files =
        TlsFiles { certificate: file("client.pem"), key: file("client.key"), authority: file("ca.pem") };
    let tls = Tls::from_files(&files).expect("an identity");
    let hosts = AllowedHosts::new([PROVIDER_HOSTS]);
    let directory = SdsFhirDirectory::new(&base.expect("printed"), &tls, hosts, None).expect("a base");
    let provider = directory.look_up(&"TEST001".parse().expect("a code")).await.expect("known");
    let listed = fs::read_to_string(folder.path().join("practices.toml")).expect("a directory file");
    assert!(listed.contains(provider.asid.as_str()), "{listed}");
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.expect("kill runs").success());
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}

#[test]
fn every_command_has_help_with_an_example() {
    let commands = ["demo", "normalise", "bench", "generate", "provider"];
    let all = lab(&["--help"]).output().expect("runs");
    for command in commands {
        assert!(text(&all.stdout).contains(&format!("  {command} ")), "{command}");
        let ran = lab(&[command, "--help"]).output().expect("runs");
        assert_eq!((ran.status.code(), text(&ran.stderr).as_str()), (Some(0), ""));
        assert!(text(&ran.stdout).contains(&format!("  bedside-lab {command} ")), "{command}");
    }
    assert!(text(&all.stdout).contains("Exit status:"));
}
