//! The page of `bedside show --html` in a real browser, where there is one: a record full of markup makes it run
//! nothing and fetch nothing, and axe finds no barrier in it.

#[path = "support/lab.rs"]
mod lab;
#[path = "support/mod.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use support::{EPISODE, Site};

/// What would show in the document or on the network if a browser took it for more than text.
const HOSTILE: &str = "<script>document.title='ran'</script><img src=https://attacker.example/i onerror=\"document.title='ran'\">\
    </td></table><link rel=stylesheet href=https://attacker.example/s><iframe src=https://attacker.example/f></iframe>\
    \u{202e}gm 01\u{1b}[2J";

#[test]
fn a_record_full_of_markup_is_text_in_a_browser() {
    let Some(browser) = browser() else { return };
    let site =
        Site::with_allergy(json!({"allergy_term": HOSTILE, "derived_status": "active", "notes": [HOSTILE]}));
    let page = site.run(&["show", EPISODE, "--html", "--reader", "reader.json"]);
    site.write("page.html", &String::from_utf8(page.stdout).expect("text"));
    let (document, network) = visit(browser, site.path(""), "page.html");
    assert!(document.contains(&format!("<title>GP record of episode {EPISODE}</title>")), "{document}");
    for element in ["<script", "<img", "<iframe", "<link"] {
        assert!(!document.contains(element), "{element}:\n{document}");
    }
    assert!(document.contains("&lt;script&gt;document.title="), "it is there, as text");
    assert!(document.contains("\\u{202e}gm 01\\u{1b}[2J"));
    assert!(!network.contains("attacker.example"), "something was fetched");
    // Were it markup, it would show.
    site.write("control.html", &format!("<!doctype html><title>x</title>{HOSTILE}"));
    let (document, network) = visit(browser, site.path(""), "control.html");
    assert!(document.contains("<title>ran</title>") && network.contains("attacker.example"), "{document}");
}

#[test]
fn axe_finds_no_barrier_in_the_page_of_a_whole_record() {
    let (Some(browser), Some(axe)) = (browser(), axe()) else { return };
    let outer = tempfile::tempdir().expect("a folder");
    let folder = outer.path().join("demo");
    let _spine = lab::Spine::start(&folder);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedside"));
        command.current_dir(&folder).env("BEDSIDE_CONFIG", "config.toml").args(arguments);
        command.output().expect("the program runs").stdout
    };
    run(&["warm", "--admissions", "admissions.ndjson"]);
    let page = run(&["show", "EP-2026-0002", "--html", "--reader", "reader.json"]);
    let page = String::from_utf8(page).expect("text");
    let found = violations(browser, &folder, (&page, &axe));
    assert!(found.starts_with("0 violations []"), "{found}");
    // It is axe that looks, and it can find something.
    let barred = page.replacen("</h1>", "</h1><img src=\"data:,\"><p style=\"color:#bbb\">grey</p>", 1);
    let found = violations(browser, &folder, (&barred, &axe));
    assert!(found.contains("image-alt") && found.contains("color-contrast"), "{found}");
}

/// What axe says of the page, of which only the policy that forbids scripts is taken out: it is one itself.
fn violations(browser: &str, folder: &Path, (page, axe): (&str, &str)) -> String {
    let start = page.find("<meta http-equiv=\"Content-Security-Policy\"").expect("a policy");
    let end = start + page[start..].find('>').expect("its end") + 1;
    let script = "axe.run().then(found => { const ids = found.violations.map(violation => violation.id); \
        document.title = `${ids.length} violations [${ids}], ${found.passes.length} rules kept`; })";
    let looked_at = format!("<script>{axe}</script><script>{script}</script></body>");
    let page = [&page[..start], &page[end..]].concat().replacen("</body>", &looked_at, 1);
    fs::write(folder.join("axe.html"), page).expect("written");
    let (document, _) = visit(browser, folder.to_owned(), "axe.html");
    let (_, title) = document.split_once("<title>").expect("a title");
    title.split("</title>").next().unwrap_or_default().to_owned()
}

/// The rules of axe-core, `BEDSIDE_AXE` or those of `.ci/run`.
fn axe() -> Option<String> {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/ci-axe/package/axe.min.js");
    let file = env::var_os("BEDSIDE_AXE").map_or(usual, PathBuf::from);
    let rules = fs::read_to_string(file).ok();
    if rules.is_none() {
        skipped("no axe-core");
    }
    rules
}

/// Past the capture of tests that pass, so that it is seen.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// The document as the browser has it in the end, and its log of the network.
fn visit(browser: &str, folder: PathBuf, page: &str) -> (String, String) {
    let log = folder.join("net.json");
    let mut command = Command::new(browser);
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args(["--disable-component-update", "--disable-sync", "--virtual-time-budget=20000", "--dump-dom"])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!("file://{}", folder.join(page).display()));
    let ran = command.stdin(Stdio::null()).output().expect("it runs");
    (String::from_utf8(ran.stdout).expect("text"), fs::read_to_string(log).expect("a log of the network"))
}

fn browser() -> Option<&'static str> {
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        let tried = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    });
    if found.is_none() {
        skipped("no Chromium");
    }
    found
}
