//! An anchor of the audit log is made here and checked elsewhere: by this program on a copy, and by OpenSSL.

#[allow(dead_code, reason = "each test program uses a part of it")]
mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use support::{EPISODE, Site};

const KEY: &str = "4d1f0f6f0c9fe0d3a8c0a1b4b5fd0e6c0f3b5f2b1a0d9c8e7f6a5b4c3d2e1f00\n";

fn text(ran: &Output) -> String {
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

/// An installation whose log has an anchor in `anchors.txt`, the public key in `anchor.pub`, and grew since.
fn anchored() -> Site {
    let site = Site::new();
    site.write_private("anchor.key", KEY);
    let public = site.run(&["audit", "anchor", "--key", "anchor.key", "--public-key"]);
    site.write("anchor.pub", &text(&public));
    let anchors: String =
        (0..2).map(|_| text(&site.run(&["audit", "anchor", "--key", "anchor.key"]))).collect();
    assert!(anchors.starts_with("bedside-anchor1 "), "{anchors}");
    site.write("anchors.txt", &anchors);
    site.run(&["show", EPISODE, "--reader", "reader.json"]);
    site
}

fn verify(site: &Site, log: &str) -> Output {
    site.run(&["audit", "verify", "--anchor", "anchors.txt", "--anchor-key", "anchor.pub", "--log", log])
}

#[test]
fn a_copy_is_checked_against_an_anchor_with_no_installation_at_hand() {
    let site = anchored();
    fs::create_dir(site.path("copy")).expect("made");
    fs::copy(site.path("audit/audit.ndjson"), site.path("copy/audit.ndjson")).expect("copied");
    fs::remove_file(site.path("config.toml")).expect("removed");
    let ran = verify(&site, "copy");
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    // The log's end was cut to before the anchor; it holds by itself.
    let log = fs::read_to_string(site.path("copy/audit.ndjson")).expect("text");
    let first: String = log.split_inclusive('\n').take(1).collect();
    site.write("copy/audit.ndjson", &first);
    assert_eq!(site.run(&["audit", "verify", "--log", "copy"]).status.code(), Some(0));
    let ran = verify(&site, "copy");
    assert_eq!(ran.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("cut off"));
}

#[test]
fn an_anchor_of_another_key_or_changed_or_unsigned_proves_nothing() {
    let site = anchored();
    let anchors = fs::read_to_string(site.path("anchors.txt")).expect("text");
    assert_eq!(verify(&site, "audit").status.code(), Some(0));
    site.write_private("other.key", &KEY.replace('4', "5"));
    let other = text(&site.run(&["audit", "anchor", "--key", "other.key"]));
    let head = anchors.split(' ').nth(1).expect("a head").to_owned();
    for (kept, status) in [
        (format!("{anchors}{other}"), 3),
        (anchors.replace("bedside-anchor1 ", "bedside-anchor1 1"), 3),
        (head, 2),
        ("nothing".to_owned(), 2),
        (String::new(), 2),
    ] {
        site.write("anchors.txt", &kept);
        let ran = verify(&site, "audit");
        assert_eq!(ran.status.code(), Some(status), "{kept}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    // Without the public key a signature is not passed over, and a bare head counts as what it is.
    site.write("anchors.txt", &anchors);
    let verify = |anchor: &str| site.run(&["audit", "verify", "--anchor", anchor]).status.code();
    let head = anchors.split(' ').nth(1).expect("a head").to_owned();
    assert_eq!((verify("anchors.txt"), verify(&head)), (Some(2), Some(0)));
    site.write("anchor.key", KEY);
    fs::set_permissions(site.path("anchor.key"), std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .expect("mode");
    assert_eq!(
        site.run(&["audit", "anchor", "--key", "anchor.key"]).status.code(),
        Some(2),
        "others may read it"
    );
}

#[test]
fn only_a_chain_that_holds_is_signed() {
    let site = anchored();
    let log = site.path("audit/audit.ndjson");
    let changed = fs::read_to_string(&log).expect("text").replacen("RX999", "RX998", 1);
    fs::write(&log, changed).expect("written");
    let ran = site.run(&["audit", "anchor", "--key", "anchor.key"]);
    assert_eq!((ran.status.code(), text(&ran).as_str()), (Some(3), ""));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("record 1, in audit.ndjson"));
}

#[test]
fn openssl_checks_an_anchor_with_the_public_key() {
    let openssl = |arguments: &[&str], folder: &Path| {
        Command::new("openssl").args(arguments).current_dir(folder).output()
    };
    let site = anchored();
    let folder = site.path("");
    if openssl(&["version"], &folder).is_err() {
        // Not captured, so that it is seen when the test passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no openssl");
        return;
    }
    let anchors = fs::read_to_string(site.path("anchors.txt")).expect("text");
    let (statement, signature) =
        anchors.lines().next().and_then(|line| line.rsplit_once(' ')).expect("an anchor");
    site.write("signature.base64", &format!("{signature}\n"));
    let decoded = openssl(&["base64", "-d", "-A", "-in", "signature.base64", "-out", "signature"], &folder);
    assert!(decoded.expect("ran").status.success());
    let check = [
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "anchor.pub",
        "-rawin",
        "-in",
        "statement",
        "-sigfile",
        "signature",
    ];
    for (said, good) in [(statement.to_owned(), true), (statement.replacen(':', ":0", 1), false)] {
        site.write("statement", &said);
        assert_eq!(openssl(&check, &folder).expect("ran").status.success(), good, "{said}");
    }
}
