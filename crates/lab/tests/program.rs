//! What the program prints about itself, and what it refuses.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use bedside_lab::generate::Supplier;
use bedside_lab::provider::{Fault, Service};

use crate::support::{fixture, lab, text};

fn printed(arguments: &[&str]) -> String {
    let ran = lab(arguments).output().expect("runs");
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    text(&ran.stdout)
}

#[test]
fn every_fault_of_every_service_is_listed_with_its_flag() {
    let list = printed(&["provider", "--faults"]);
    for (service, flag) in [
        (Service::Practice, "--fault"),
        (Service::Directory, "--sds-fault"),
        (Service::NationalRecord, "--pds-fault"),
    ] {
        for fault in Fault::of(service) {
            let line = [fault.row, flag, &fault.name];
            assert!(list.lines().any(|listed| listed.split_whitespace().eq(line)), "{line:?} is not listed");
        }
    }
}

#[test]
fn every_supplier_is_listed_with_what_it_does_of_its_own_and_the_sheet() {
    let list = printed(&["provider", "--suppliers"]);
    for supplier in Supplier::ALL {
        let own = list.lines().filter(|line| line.starts_with(supplier.as_str()));
        assert!(own.filter(|line| line.contains(" [") && line.ends_with(']')).count() >= 5, "{supplier:?}");
    }
}

#[test]
fn what_is_not_known_is_refused_by_its_name() {
    for (arguments, problem) in [
        (["provider", "--fault", "restricted"], "restricted is no fault of a practice"),
        (["provider", "--sds-fault", "html-404"], "html-404 is no fault of the directory"),
        (["provider", "--pds-fault", "endpoint-two"], "endpoint-two is no fault of the national record"),
        (["provider", "--supplier", "cegedim"], "invalid value 'cegedim'"),
        (["provider", "--patients", "0"], "invalid value '0'"),
        (["man", "/no/such", ""], "unexpected argument"),
    ] {
        let ran = lab(&arguments).output().expect("runs");
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}");
        assert!(text(&ran.stderr).contains(problem), "{}", text(&ran.stderr));
    }
    assert_eq!(lab(&["man", "/no/such"]).output().expect("runs").status.code(), Some(2));
}

#[test]
fn completions_and_manual_name_every_command() {
    let commands = ["demo", "normalise", "bench", "generate", "provider", "completions", "man"];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        for command in commands {
            assert!(script.contains(command), "{shell}: {command}");
        }
        assert!(script.contains("sds-fault"), "{shell}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let ran = lab(&["man", &folder.path().display().to_string()]).output().expect("runs");
    assert_eq!(ran.status.code(), Some(0));
    for command in commands {
        let page = fs::read_to_string(folder.path().join(format!("bedside-lab-{command}.1")));
        assert!(page.expect(command).contains(".SH NAME"), "{command}");
    }
    assert!(folder.path().join("bedside-lab.1").is_file());
}

#[test]
fn a_crowd_is_admitted_and_known_to_the_practices_of_a_file() {
    let practices = fixture("../examples/spine-practices.toml").display().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("spine").display().to_string();
    let arguments = ["provider", "--practices", &practices, "--patients", "25", "--out", &out];
    let mut spine = lab(&arguments).spawn().expect("starts");
    let lines = BufReader::new(spine.stdout.take().expect("piped")).lines();
    let ready = lines.map(|line| line.expect("text")).any(|line| line == "Ctrl-C ends it.");
    let admissions = fs::read_to_string(Path::new(&out).join("admissions.ndjson"));
    spine.kill().expect("killed");
    spine.wait().expect("gone");
    let mut said = String::new();
    spine.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    assert!(ready, "{said}");
    let admissions = admissions.expect("a list");
    let mut numbers = Vec::new();
    for (index, line) in admissions.lines().enumerate() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(line["practice_ods"], ["TEST001", "TEST002"][index % 2]);
        numbers.push(line["nhs_number"].to_string());
    }
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 25);
}
