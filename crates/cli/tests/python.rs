//! The examples in Python, on the Arrow streams that `bedside show` prints and `bedside serve` answers with. Each runs where there is a Python with
//! the packages it needs, `BEDSIDE_PYTHON` or the one of `.ci/run` or `python3`; where there is none it says so.

#[path = "support/served.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod served;
#[path = "support/mod.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use served::Served;
use support::{EPISODE, Site};

#[test]
fn a_table_is_read_with_what_must_be_known_of_it() {
    let table = ["show", EPISODE, "--table", "allergies", "--format", "arrow", "--reader", "reader.json"];
    let Some(printed) = run("read_table.py", &["pyarrow"], &table) else { return };
    for part in [
        "bedside.section.allergies: 1 entry",
        "bedside.practice: A99001",
        "1 rows of",
        "active | Zanthoxylum",
    ] {
        assert!(printed.contains(part), "{part}:\n{printed}");
    }
}

#[test]
fn a_view_is_queried_with_polars() {
    let view = ["show", EPISODE, "current-medication", "--format", "arrow", "--reader", "reader.json"];
    let Some(printed) = run("current_in_polars.py", &["polars"], &view) else { return };
    assert!(printed.contains("medications_incomplete"), "{printed}");
}

#[test]
fn issues_are_queried_with_duckdb() {
    let issues =
        ["show", EPISODE, "--table", "medication_issues", "--format", "arrow", "--reader", "reader.json"];
    let Some(printed) = run("issues_in_duckdb.py", &["duckdb", "pyarrow"], &issues) else { return };
    assert!(printed.contains("latest"), "{printed}");
}

#[test]
fn allergies_are_listed_with_pandas() {
    let table = ["show", EPISODE, "--table", "allergies", "--format", "arrow", "--reader", "reader.json"];
    let Some(printed) = run("allergies_in_pandas.py", &["pandas", "pyarrow"], &table) else { return };
    assert!(printed.starts_with("1 entry") && printed.contains("Zanthoxylum"), "{printed}");
}

#[test]
fn a_served_table_is_read_with_pyarrow_pandas_polars_and_duckdb() {
    let Some(python) = python(&["pyarrow", "pandas", "polars", "duckdb"]) else { return };
    let site = Site::new();
    let _served = Served::on_socket(&site, &[]);
    let ask = |table: &str| {
        let mut command = Command::new(&python);
        command.current_dir(site.path("")).arg(served::example("served_table.py"));
        let reader = std::fs::File::open(site.path("reader.json")).expect("a reader");
        command.args(["serve.sock", EPISODE, table]).stdin(reader).output().expect("it runs")
    };
    let ran = ask("allergies");
    let printed = String::from_utf8(ran.stdout).expect("text");
    let counted = ["pyarrow: 1 rows", "pandas: 1 rows", "Polars: 1 rows", "DuckDB: 1 rows"];
    for part in ["bedside.section.allergies: 1 entry"].into_iter().chain(counted) {
        assert!(printed.contains(part), "{part}:\n{printed}{}", String::from_utf8_lossy(&ran.stderr));
    }
    let refused = ask("socks");
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("404: "));
}

/// What the example prints of the stream that `bedside` prints with those arguments.
fn run(example: &str, packages: &[&str], arguments: &[&str]) -> Option<String> {
    let python = python(packages)?;
    let shown = Site::new().run(arguments);
    assert_eq!(shown.status.code(), Some(0), "{}", String::from_utf8_lossy(&shown.stderr));
    let mut command = Command::new(python);
    command.arg(root().join("examples").join(example)).env("PYTHONIOENCODING", "utf-8");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    child.stdin.take().expect("piped").write_all(&shown.stdout).expect("read");
    let ran = child.wait_with_output().expect("ends");
    assert!(ran.status.success(), "{example}: {}", String::from_utf8_lossy(&ran.stderr));
    Some(String::from_utf8(ran.stdout).expect("text"))
}

/// A Python that has all of the packages.
fn python(packages: &[&str]) -> Option<PathBuf> {
    let named = env::var_os("BEDSIDE_PYTHON").map(PathBuf::from);
    let candidates = named.into_iter().chain([root().join("target/ci-python/bin/python"), "python3".into()]);
    let imports = format!("import {}", packages.join(", "));
    let found = candidates.into_iter().find(|python| {
        let tried = Command::new(python).args(["-c", &imports]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    });
    if found.is_none() {
        // Past the capture of tests that pass, so that it is seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no Python with {}", packages.join(", "));
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
