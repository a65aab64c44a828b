//! The page of `bedside show --html` in a real browser, where there is one: a record full of markup makes it run
//! nothing and fetch nothing.

#[path = "support/mod.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;
use support::{EPISODE, Site};

/// What would show in the document or on the network if a browser took it for more than text.
const HOSTILE: &str = "<script>document.title='ran'</script><img src=https://attacker.example/i onerror=\"document.title='ran'\">\
    </td></table><link rel=stylesheet href=https://attacker.example/s><iframe src=https://attacker.example/f></iframe>\
    \u{202e}gm 01\u{1b}[2J";

#[test]
fn a_record_full_of_markup_is_text_in_a_browser() {
    let Some(browser) = browser() else {
        // Past the capture of tests that pass, so that it is seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no Chromium");
        return;
    };
    let site =
        Site::with_allergy(json!({"allergy_term": HOSTILE, "derived_status": "active", "notes": [HOSTILE]}));
    let page = site.run(&["show", EPISODE, "--html", "--reader", "reader.json"]);
    site.write("page.html", &String::from_utf8(page.stdout).expect("text"));
    let (document, network) = visit(browser, &site, "page.html");
    assert!(document.contains(&format!("<title>GP record of episode {EPISODE}</title>")), "{document}");
    for element in ["<script", "<img", "<iframe", "<link"] {
        assert!(!document.contains(element), "{element}:\n{document}");
    }
    assert!(document.contains("&lt;script&gt;document.title="), "it is there, as text");
    assert!(document.contains("\\u{202e}gm 01\\u{1b}[2J"));
    assert!(!network.contains("attacker.example"), "something was fetched");
    // Were it markup, it would show.
    site.write("control.html", &format!("<!doctype html><title>x</title>{HOSTILE}"));
    let (document, network) = visit(browser, &site, "control.html");
    assert!(document.contains("<title>ran</title>") && network.contains("attacker.example"), "{document}");
}

/// The document as the browser has it in the end, and its log of the network.
fn visit(browser: &str, site: &Site, page: &str) -> (String, String) {
    let log = site.path("net.json");
    let mut command = Command::new(browser);
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args(["--disable-component-update", "--disable-sync", "--virtual-time-budget=2000", "--dump-dom"])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .arg(format!("--user-data-dir={}", site.path("profile").display()))
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!("file://{}", site.path(page).display()));
    let ran = command.stdin(Stdio::null()).output().expect("it runs");
    (String::from_utf8(ran.stdout).expect("text"), fs::read_to_string(log).expect("a log of the network"))
}

fn browser() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        let tried = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    })
}
