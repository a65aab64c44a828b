//! `bedside-lab bench`, as the record contract describes its output.

mod support;

use serde::Deserialize;
use support::{fixture, lab, text};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Figures {
    file: String,
    bytes: u64,
    threads: u16,
    bytes_per_second: Speeds,
    ratio: Ratios,
    peak_ratio: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Speeds {
    ours: f64,
    scan: f64,
    serde_json_value: f64,
    serde_json_typed: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ratios {
    scan: f64,
    serde_json_value: f64,
    serde_json_typed: Option<f64>,
}

#[test]
fn the_figures_are_those_of_the_contract_and_fit_together() {
    let files = ["bundles/emis-105.json", "bundles/tpp-108.json"].map(fixture);
    let ran =
        lab(&["bench", "--seconds", "0", "--threads", "2", "--json"]).args(&files).output().expect("runs");
    assert_eq!((ran.status.code(), text(&ran.stderr).as_str()), (Some(0), ""));
    let measured: Vec<Figures> = serde_json::from_slice(&ran.stdout).expect("the contract's shape");
    assert_eq!(measured.len(), 2);
    for (figures, file) in measured.iter().zip(&files) {
        assert_eq!(figures.file, file.display().to_string());
        assert_eq!(figures.bytes, file.metadata().expect("there").len());
        assert_eq!(figures.threads, 2);
        let (speeds, ratio) = (&figures.bytes_per_second, &figures.ratio);
        let typed = speeds.serde_json_typed.expect("the generator's bundles fit the structs");
        for (speed, ratio) in [
            (speeds.scan, ratio.scan),
            (speeds.serde_json_value, ratio.serde_json_value),
            (typed, ratio.serde_json_typed.expect("with its speed")),
        ] {
            assert!(speed > 0.0 && (speeds.ours / speed / ratio - 1.0).abs() < 1e-9);
        }
        assert!(figures.peak_ratio > 0.1, "a record takes memory: {}", figures.peak_ratio);
    }
}

#[test]
fn the_page_holds_every_figure_of_the_json_and_needs_nothing_but_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("page.html");
    let hostile = folder.path().join("<script>&.json");
    std::fs::copy(fixture("bundles/emis-105.json"), &hostile).expect("copied");
    let mut command = lab(&["bench", "--seconds", "0", "--json", "--html"]);
    let ran = command.arg(&page).args([&hostile, &fixture("bundles/tpp-108.json")]).output().expect("runs");
    assert_eq!((ran.status.code(), text(&ran.stderr).as_str()), (Some(0), ""));
    let page = std::fs::read_to_string(&page).expect("a page");
    let told: Vec<f64> = text(&ran.stdout)
        .lines()
        .filter_map(|line| line.rsplit_once(": ")?.1.trim_end_matches(',').parse().ok())
        .collect();
    let shown: Vec<f64> = page
        .split("<data value=\"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"')?.0.parse().ok())
        .collect();
    assert_eq!(told.len(), 2 * 10);
    for figure in told {
        assert!(shown.contains(&figure), "{figure} is not on the page");
    }
    assert!(page.contains("&lt;script&gt;&amp;.json") && page.contains("tpp-108.json"));
    // Two files: three approaches, five parts of the way, and the memory of each.
    assert!(page.matches("<svg ").count() >= 4 && page.matches("<rect ").count() == 2 * (3 + 5 + 1));
    for stage in ["entries", "relations", "medications", "consultation nodes", "tokens"] {
        assert!(page.contains(stage), "the page tells nothing of {stage}");
    }
    for foreign in ["<script", "://", " src=", "href=", "url(", "@import", "<link", "<iframe", " onload="] {
        assert!(!page.contains(foreign), "the page has {foreign}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_said_and_the_figures_are_printed_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("absent/page.html");
    let mut command = lab(&["bench", "--seconds", "0", "--html"]);
    let ran = command.arg(&page).arg(fixture("bundles/nka-alone.json")).output().expect("runs");
    assert_eq!(ran.status.code(), Some(74));
    assert!(text(&ran.stderr).contains("absent/page.html: cannot be written"), "{}", text(&ran.stderr));
    assert!(text(&ran.stdout).contains("nka-alone.json"));
}

#[test]
fn a_file_that_cannot_be_measured_is_a_line_and_the_others_are_measured() {
    let (good, absent) = (fixture("bundles/nka-alone.json"), fixture("bundles/absent.json"));
    for json in [true, false] {
        let mut command = lab(&["bench", "--seconds", "0"]);
        let ran = command.args(json.then_some("--json")).args([&absent, &good]).output().expect("runs");
        assert_eq!(ran.status.code(), Some(65));
        let told = text(&ran.stderr);
        assert!(told.lines().count() == 1 && told.contains("absent.json"), "{told}");
        let out = text(&ran.stdout);
        assert!(out.contains("nka-alone.json") && out.contains("serde_json_value"), "{out}");
    }
}
