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

/// An installation whose log signs heads by itself.
fn signing() -> Site {
    let site = Site::new();
    site.write_private("anchor.key", KEY);
    let config = fs::read_to_string(site.path("config.toml")).expect("text");
    let signing = "[audit]\nanchors = \"elsewhere\"\nanchor_key = \"anchor.key\"";
    site.write("config.toml", &config.replace("[audit]", signing));
    site
}

fn show(site: &Site) -> Option<i32> {
    site.run(&["show", EPISODE, "--reader", "reader.json"]).status.code()
}

#[test]
fn a_log_that_signs_by_itself_is_held_to_what_it_signed() {
    let site = signing();
    let verify = || {
        let ran = site.run(&["audit", "verify"]);
        (ran.status.code(), text(&ran), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    assert_eq!((show(&site), show(&site)), (Some(0), Some(0)));
    let (status, told, _) = verify();
    assert!(status == Some(0) && told.contains("6 records, 2 anchors, 0 intents"), "{told}");
    // With the public key alone, of a copy of both.
    let public = site.run(&["audit", "anchor", "--key", "anchor.key", "--public-key"]);
    site.write("anchor.pub", &text(&public));
    fs::copy(site.path("elsewhere/anchors.txt"), site.path("anchors.txt")).expect("copied");
    assert_eq!(self::verify(&site, "audit").status.code(), Some(0));
    // Its last record is cut off: named, and nothing is shown any more.
    let log = fs::read_to_string(site.path("audit/audit.ndjson")).expect("text");
    let cut: String = log.split_inclusive('\n').take(5).collect();
    fs::write(site.path("audit/audit.ndjson"), cut).expect("written");
    let (status, _, told) = verify();
    assert!(status == Some(3) && told.contains("record 6, in audit.ndjson: it was cut off"), "{told}");
    assert_eq!(self::verify(&site, "audit").status.code(), Some(3));
    assert_eq!(show(&site), Some(3));
    // Anchors that cannot be reached close the log, too.
    fs::write(site.path("audit/audit.ndjson"), log).expect("written");
    assert_eq!(show(&site), Some(0));
    fs::set_permissions(site.path("elsewhere"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("mode");
    assert_eq!(show(&site), Some(3));
}

#[test]
fn a_sweep_signs_what_others_left_unsigned() {
    let site = signing();
    assert_eq!(site.run(&["sweep"]).status.code(), Some(0));
    let anchors = fs::read_to_string(site.path("elsewhere/anchors.txt")).expect("text");
    assert_eq!((anchors.lines().count(), anchors.contains(" 2:")), (1, true), "{anchors}");
}

#[test]
fn a_folder_of_anchors_and_its_key_are_configured_together() {
    let site = signing();
    let ran = site.run(&["list", "--set", "audit.anchor_key="]);
    assert_eq!(ran.status.code(), Some(2), "{}", text(&ran));
    let config = fs::read_to_string(site.path("config.toml")).expect("text");
    site.write("config.toml", &config.replace("anchor_key = \"anchor.key\"", ""));
    let ran = site.run(&["list"]);
    let told = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.code() == Some(2) && told.contains("anchors: needs anchor_key"), "{told}");
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
