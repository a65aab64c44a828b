//! What operators start from in `docs/operating/`, looked at by those who know: systemd, a linter of container files, the
//! schemas of Kubernetes. Each where it is there; where it is not, the test says so.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What a program of the machine, or of the Python of `.ci/run`, says; `None` where it is not there.
fn ask(program: &str, arguments: &[&str], files: &[PathBuf]) -> Option<Output> {
    let beside = root().join("target/ci-python/bin").join(program);
    let program = if beside.is_file() { beside } else { program.into() };
    match Command::new(&program).args(arguments).args(files).output() {
        Ok(output) => Some(output),
        Err(_) => {
            // Past the capture of tests that pass, so that it is seen.
            let _ = writeln!(std::io::stderr(), "SKIPPED: no {}", program.display());
            None
        }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// The units whose names end so.
fn units(ending: &str) -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("docs/operating")).expect("a folder");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|of| of == ending)).collect()
}

#[test]
fn the_units_are_ones_that_systemd_takes() {
    let folder = tempfile::tempdir().expect("a folder");
    let copies: Vec<PathBuf> = [units("service"), units("timer")]
        .concat()
        .iter()
        .map(|unit| {
            let copy = folder.path().join(unit.file_name().expect("a name"));
            // It is not installed here.
            let text = fs::read_to_string(unit).expect("text");
            fs::write(&copy, text.replace("/usr/bin/bedside", env!("CARGO_BIN_EXE_bedside")))
                .expect("written");
            copy
        })
        .collect();
    assert_eq!(copies.len(), 5);
    let Some(verified) = ask("systemd-analyze", &["verify", "--man=no"], &copies) else { return };
    assert!(verified.status.success() && verified.stderr.is_empty(), "{}", said(&verified));
}

#[test]
fn the_units_leave_as_little_open_as_the_page_says() {
    let page = fs::read_to_string(root().join("docs/operating.md")).expect("there");
    for unit in units("service") {
        let Some(judged) = ask("systemd-analyze", &["security", "--offline=true", "--no-pager"], &[unit])
        else {
            return;
        };
        let told = said(&judged);
        let exposure =
            told.rsplit_once(": ").and_then(|(_, rest)| rest.split(' ').next()).unwrap_or_default();
        let is_small = exposure.parse().is_ok_and(|level: f64| level < 2.0);
        assert!(judged.status.success() && is_small && page.contains(exposure), "{exposure}: {told}");
    }
}

#[test]
fn the_container_file_is_one_that_a_linter_takes() {
    let file = root().join("docs/operating/Containerfile");
    let Some(linted) = ask("hadolint", &["--failure-threshold", "style"], &[file]) else { return };
    assert!(linted.status.success(), "{}", said(&linted));
}

#[test]
fn the_manifest_is_one_that_kubernetes_takes() {
    let manifest = root().join("docs/operating/cronjob.yaml");
    let text = fs::read_to_string(&manifest).expect("there");
    let Some(checked) = ask("kubernetes-validate", &["--strict"], &[manifest]) else { return };
    assert!(checked.status.success(), "{}", said(&checked));
    // And a field that it does not have is seen.
    let folder = tempfile::tempdir().expect("a folder");
    let wrong = folder.path().join("cronjob.yaml");
    fs::write(&wrong, text.replace("restartPolicy", "restartPolicies")).expect("written");
    let refused = ask("kubernetes-validate", &["--strict"], &[wrong]).expect("it was there before");
    assert!(!refused.status.success(), "{}", said(&refused));
}
