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
use std::io::{Read, Seek};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use snapbox::{Assert, IntoData};

/// Pages that are made from declarations or are tables of tests, which other tests hold to what they say.
const OTHERS: [&str; 4] = ["conformance.md", "crash-matrix.md", "data-dictionary.md", "hazards.md"];

macro_rules! pages {
    ($($test:ident $page:literal;)*) => {
        const PAGES: &[&str] = &[$($page),*];
        $(#[test] fn $test() { check(&root().join("docs").join($page)); })*
    };
}

pages! {
    the_page_on_admission_feeds_is_true "admission-feeds.md";
    the_page_on_benchmarks_is_true "benchmarks.md";
    the_command_line_page_is_true "command-line.md";
    the_configuration_page_is_true "configuration.md";
    the_page_on_data_for_programs_is_true "data-for-programs.md";
    the_page_on_ending_an_episode_is_true "ending-an-episode.md";
    the_page_on_events_is_true "events.md";
    the_page_on_limits_is_true "limits.md";
    the_page_on_operating_is_true "operating.md";
    the_page_on_parsing_is_true "parsing.md";
    the_quickstart_of_engineers_is_true "quickstart-engineer.md";
    the_quickstart_of_integrators_is_true "quickstart-integrator.md";
    the_quickstart_of_operators_is_true "quickstart-operator.md";
    the_runbook_is_true "runbook.md";
    the_runbook_for_tired_humans_is_true "runbook-at-night.md";
    the_page_on_serving_is_true "serving.md";
    the_aid_to_safety_and_privacy_is_true "safety-and-privacy.md";
    the_page_on_the_simulated_spine_is_true "simulated-spine.md";
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

#[test]
fn what_no_page_shows_is_as_it_was_written_down() {
    check(&transcripts());
}

#[test]
fn every_verb_is_shown_when_it_goes_well_and_when_it_does_not() {
    let manual = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedside"));
    assert!(command.arg("man").arg(manual.path()).output().expect("it runs").status.success());
    let names = fs::read_dir(&manual).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let pages: Vec<String> =
        names.map(|name| name.to_string_lossy().trim_end_matches(".1").to_owned()).collect();
    let is_verb = |page: &&String| !pages.iter().any(|other| other.starts_with(&format!("{page}-")));
    let shown = PAGES.iter().map(|page| root().join("docs").join(page)).chain([transcripts()]);
    let shown: Vec<Step> = shown.flat_map(|file| steps(&fs::read_to_string(file).expect("there"))).collect();
    // A name of two words is one page of the manual and one verb; `who-saw` is one word.
    let line_of =
        |page: &str| format!("{} ", page.replacen('-', " ", if page.contains("who-saw") { 2 } else { 9 }));
    let mut unseen = Vec::new();
    for page in pages.iter().filter(is_verb) {
        let named = |step: &&Step| format!("{} ", step.line).contains(&line_of(page));
        let (well, badly): (Vec<_>, Vec<_>) = shown.iter().filter(named).partition(|step| step.status == 0);
        if well.is_empty() || badly.is_empty() {
            unseen.push(format!("{page}: {} go well, {} do not", well.len(), badly.len()));
        }
    }
    assert!(unseen.is_empty(), "{unseen:#?}");
}

fn transcripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts.md")
}

/// The README is for who has cloned the repository and built nothing. Here all is built, so that its `cargo run` is
/// the program itself, and its folder is another.
#[test]
fn the_commands_of_the_readme_run() {
    let outer = tempfile::tempdir().expect("a folder");
    let (bin, work) = (outer.path().join("bin"), outer.path().join("work"));
    fs::create_dir_all(work.join("target/debug")).expect("made");
    fs::create_dir(&bin).expect("made");
    let lab = lab::lab();
    let shim = format!(
        "#!/bin/sh\ncase \"$*\" in\n'run -p bedside-lab -- '*) shift 4; exec '{}' \"$@\" ;;\nbuild\\ *|test\\ *) ;;\n\
         *) echo \"not expected: cargo $*\" >&2; exit 1 ;;\nesac\n",
        lab.display()
    );
    fs::write(bin.join("cargo"), shim).expect("written");
    fs::set_permissions(bin.join("cargo"), fs::Permissions::from_mode(0o755)).expect("allowed");
    symlink(env!("CARGO_BIN_EXE_bedside"), work.join("target/debug/bedside")).expect("linked");
    symlink(root().join("fixtures"), work.join("fixtures")).expect("linked");
    let path =
        env::join_paths([bin].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())));
    let readme = fs::read_to_string(root().join("README.md")).expect("there");
    let blocks: Vec<&str> = readme
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```"))
        .map(|(block, _)| block)
        .collect();
    assert!(blocks.len() >= 4, "the README shows what to run");
    let path = path.expect("folders");
    for block in blocks {
        let script = block.replace("/tmp/bedside-demo", &outer.path().join("demo").display().to_string());
        let mut command = Command::new("sh");
        command.args(["-e", "-c", &script]).current_dir(&work).env("PATH", &path).stdin(Stdio::null());
        let ran = command.env_remove("BEDSIDE_CONFIG").output().expect("a shell runs");
        assert!(ran.status.success(), "{block}\n{}", String::from_utf8_lossy(&ran.stderr));
    }
    assert!(outer.path().join("demo/record.html").is_file());
}

/// A command of a page and what it says that comes of it.
#[derive(Default)]
struct Step {
    line: String,
    status: i32,
    printed: String,
}

fn check(file: &Path) {
    let page = file.display();
    let steps = steps(&fs::read_to_string(file).expect("the page is there"));
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
            symlink(root().join(shared), folder.join(shared)).expect("linked");
        }
        let programs = Path::new(env!("CARGO_BIN_EXE_bedside")).parent().expect("a folder").to_owned();
        let rest = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([programs].into_iter().chain(env::split_paths(&rest))).expect("folders");
        Self { _spine: spine, _outer: outer, folder, path }
    }

    /// The processes that a page has left running: their numbers are in files.
    fn left_running(&self) -> Vec<String> {
        let files =
            fs::read_dir(&self.folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let named = files.filter(|path| path.extension().is_some_and(|ending| ending == "pid"));
        named.filter_map(|path| fs::read_to_string(path).ok()).map(|text| text.trim().to_owned()).collect()
    }

    /// Status, and what was printed on both streams.
    fn run(&self, line: &str) -> (i32, String) {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{{ {line}\n}} 2>&1")).current_dir(&self.folder);
        command.env_clear().env("PATH", &self.path).env("HOME", &self.folder).env("LC_ALL", "C.UTF-8");
        // A file, not a pipe, which a process that goes on in the background would hold open.
        let mut printed = tempfile::tempfile().expect("a file");
        command.env("BEDSIDE_CONFIG", "config.toml").stdin(Stdio::null());
        let status = command.stdout(printed.try_clone().expect("a handle")).status().expect("a shell runs");
        let mut text = String::new();
        printed.rewind().and_then(|()| printed.read_to_string(&mut text)).expect("text");
        (status.code().unwrap_or(-1), text)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // A page that was followed to its end has ended them itself, and their numbers may be others' by now.
        for id in self.left_running().into_iter().filter(|_| std::thread::panicking()) {
            let _ = Command::new("kill").arg(id).stderr(Stdio::null()).status();
        }
    }
}
