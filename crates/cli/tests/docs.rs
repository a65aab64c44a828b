//! The documents, word for word: every command that a page of `docs/` shows is run in the folder of a simulated
//! Spine, as `docs/README.md` tells the reader to, and prints what the page says it prints.
//!
//! A block of language `console` is a session: a line that begins with `$ ` is given to the shell, `? N` is its
//! exit status where that is not 0, and what follows is what it prints on both streams. `...` stands for any
//! lines, `[..]` for anything within a line.

#[path = "support/lab.rs"]
mod lab;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use snapbox::{Assert, IntoData};

/// Pages that are made from declarations or are tables of tests, which other tests hold to what they say.
const OTHERS: [&str; 3] = ["conformance.md", "data-dictionary.md", "hazards.md"];

macro_rules! pages {
    ($($test:ident $page:literal;)*) => {
        const PAGES: &[&str] = &[$($page),*];
        $(#[test] fn $test() { check($page); })*
    };
}

pages! {
    the_page_on_benchmarks_is_true "benchmarks.md";
    the_command_line_page_is_true "command-line.md";
    the_configuration_page_is_true "configuration.md";
    the_page_on_data_for_programs_is_true "data-for-programs.md";
    the_page_on_ending_an_episode_is_true "ending-an-episode.md";
    the_page_on_events_is_true "events.md";
    the_page_on_limits_is_true "limits.md";
    the_page_on_parsing_is_true "parsing.md";
    the_quickstart_of_engineers_is_true "quickstart-engineer.md";
    the_quickstart_of_integrators_is_true "quickstart-integrator.md";
    the_quickstart_of_operators_is_true "quickstart-operator.md";
    the_runbook_is_true "runbook.md";
    the_runbook_for_tired_humans_is_true "runbook-at-night.md";
    the_aid_to_safety_and_privacy_is_true "safety-and-privacy.md";
}

#[test]
fn every_page_is_run_and_found_from_the_index() {
    let folder = root().join("docs");
    let index = fs::read_to_string(folder.join("README.md")).expect("an index");
    for entry in fs::read_dir(folder).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("text");
        if name == "README.md" || !name.ends_with(".md") {
            continue;
        }
        assert!(PAGES.contains(&&*name) || OTHERS.contains(&&*name), "{name} is not run");
        assert!(index.contains(&format!("]({name})")), "{name} is not in the index");
    }
}

/// A command of a page and what it says that comes of it.
#[derive(Default)]
struct Step {
    line: String,
    status: i32,
    printed: String,
}

fn check(page: &str) {
    let text = fs::read_to_string(root().join("docs").join(page)).expect("the page is there");
    let steps = steps(&text);
    assert!(!steps.is_empty(), "{page} names no command that can be run");
    let site = Site::new();
    if !steps.iter().any(|step| step.line.starts_with("bedside warm ")) {
        site.run("bedside warm --admissions admissions.ndjson");
    }
    for step in steps {
        let (status, printed) = site.run(&step.line);
        assert_eq!(status, step.status, "{page}: {}\n{printed}", step.line);
        Assert::new().normalize_paths(false).eq(printed, step.printed.into_data());
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").expect("a block ends");
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step { line: command.to_owned(), ..Step::default() });
                continue;
            }
            let step = steps.last_mut().expect("a block begins with a command");
            match line.strip_prefix("? ") {
                Some(status) => step.status = status.parse().expect("a status"),
                None => step.printed.push_str(&format!("{line}\n")),
            }
        }
    }
    steps
}

/// The folder of a simulated Spine that runs.
struct Site {
    _spine: lab::Spine,
    _outer: tempfile::TempDir,
    folder: PathBuf,
    path: OsString,
}

impl Site {
    fn new() -> Self {
        let outer = tempfile::tempdir().expect("a folder");
        let folder = outer.path().join("bedside-demo");
        let spine = lab::Spine::start(&folder);
        for shared in ["examples", "fixtures", "pipelines"] {
            std::os::unix::fs::symlink(root().join(shared), folder.join(shared)).expect("linked");
        }
        let programs = Path::new(env!("CARGO_BIN_EXE_bedside")).parent().expect("a folder").to_owned();
        let rest = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([programs].into_iter().chain(env::split_paths(&rest))).expect("folders");
        Self { _spine: spine, _outer: outer, folder, path }
    }

    /// Status, and what was printed on both streams.
    fn run(&self, line: &str) -> (i32, String) {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{{ {line}\n}} 2>&1")).current_dir(&self.folder);
        command.env_clear().env("PATH", &self.path).env("HOME", &self.folder).env("LC_ALL", "C.UTF-8");
        command.env("BEDSIDE_CONFIG", "config.toml").stdin(Stdio::null());
        let ran = command.output().expect("a shell runs");
        (ran.status.code().unwrap_or(-1), String::from_utf8(ran.stdout).expect("text"))
    }
}
