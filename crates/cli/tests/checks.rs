//! `bedside check`: what is told of certificate, keys, clock, directory and handshake, whatever else is wrong.

#[path = "support/lab.rs"]
mod lab;
#[allow(dead_code, reason = "each test program uses a part of it")]
mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use serde_json::Value;
use support::Site;

/// What is told of one thing, level first; the words after its name.
fn told<'a>(output: &'a str, what: &str) -> Vec<(&'a str, &'a str)> {
    let lines = output.lines().filter_map(|line| line.split_at_checked(9));
    let of = lines.filter_map(|(level, rest)| Some((level.trim(), rest.strip_prefix(what)?.trim())));
    of.collect()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// A certificate authority, and what it signs.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

const SERVER: u64 = 7;

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Certificate and key for a name, until a day.
    fn issue(&self, name: &str, until: Timestamp) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("parameters");
        let day = until.to_zoned(jiff::tz::TimeZone::UTC).date();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(day.year().into(), day.month() as u8, day.day() as u8);
        params.serial_number = Some(SerialNumber::from(SERVER));
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }

    fn list(&self, withdrawn: Option<u64>, due: i32) -> String {
        let revoked = withdrawn.map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(due, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.into_iter().collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("a list").pem().expect("PEM")
    }
}

fn in_days(days: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(24 * days)
}

/// A site whose identity is of an authority, which its servers are of too.
fn site_of(authority: &Authority, until: Timestamp) -> Site {
    let site = Site::new();
    let (certificate, key) = authority.issue("ward.example", until);
    site.write("ca.pem", &authority.pem);
    site.write("client.pem", &certificate);
    site.write_private("client.key", &key);
    site
}

/// OpenSSL's own server, which answers whoever comes first with a clock of that time, over TLS 1.2.
struct OpenSsl {
    child: Child,
    root: String,
}

impl OpenSsl {
    fn start(site: &Site, authority: &Authority, clock: Timestamp) -> Self {
        let (certificate, key) = authority.issue("localhost", in_days(90));
        site.write("server.pem", &certificate);
        site.write_private("server.key", &key);
        let mut command = Command::new("openssl");
        command
            .args(["s_server", "-accept", "localhost:0", "-tls1_2", "-naccept", "1"])
            .args(["-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384", "-Verify", "1"])
            .arg("-cert")
            .arg(site.path("server.pem"))
            .arg("-key")
            .arg(site.path("server.key"))
            .arg("-CAfile")
            .arg(site.path("ca.pem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("openssl runs");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let ports =
            lines.filter_map(|line| Some(line.ok()?.strip_prefix("ACCEPT ")?.rsplit_once(':')?.1.to_owned()));
        let port = ports.take(1).last().expect("it tells its port");
        let date =
            jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&clock).expect("a date");
        // It sends what it is given once somebody is there, and goes when there is no more.
        let mut answer = child.stdin.take().expect("piped");
        answer
            .write_all(format!("HTTP/1.1 204 No Content\r\ndate: {date}\r\n\r\n").as_bytes())
            .expect("taken");
        drop(answer);
        Self { child, root: format!("spine.ssp=https://localhost:{port}") }
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        // It may have gone with its one client.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn everything_is_in_order_at_the_simulated_spine_and_the_practice_is_found() {
    let outer = tempfile::tempdir().expect("a folder");
    let folder = outer.path().join("spine");
    let _spine = lab::Spine::start(&folder);
    let admissions = fs::read_to_string(folder.join("admissions.ndjson")).expect("a list");
    let line: Value = serde_json::from_str(admissions.lines().next().expect("a line")).expect("JSON");
    let practice = line["practice_ods"].as_str().expect("a practice");
    let config = fs::read_to_string(folder.join("config.toml")).expect("a configuration");
    let root =
        config.lines().find_map(|line| line.strip_prefix("ssp = \"")?.strip_suffix('"')).expect("a proxy");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedside"));
        command.env("BEDSIDE_CONFIG", folder.join("config.toml")).arg("check").args(arguments);
        command.output().expect("the program runs")
    };
    let pds = format!("pds.url={root}/personal-demographics/FHIR/R4");
    let ran = run(&["--practice", practice, "--set", &pds]);
    let output = text(&ran);
    assert_eq!(ran.status.code(), Some(0), "{output}");
    assert!(output.lines().all(|line| line.starts_with("good ")), "{output}");
    let agreed = [("good", "TLSv1_3 TLS13_AES_256_GCM_SHA384")];
    assert_eq!(told(&output, "handshake with the proxy"), agreed);
    assert_eq!(told(&output, "national record"), agreed);
    assert_eq!(told(&output, "clock"), [("good", "agrees with the proxy's")]);
    assert!(told(&output, "look-up of the practice")[0].1.starts_with("ASID "), "{output}");
    let ran = run(&["--practice", "A99999"]);
    assert_eq!((ran.status.code(), told(&text(&ran), "look-up of the practice")[0].0), (Some(3), "bad"));
    let ran = run(&["--set", "pds.url=https://localhost:1"]);
    let printed = text(&ran);
    let [(level, words)] = told(&printed, "national record")[..] else { panic!("{printed}") };
    assert!(level == "bad" && words.starts_with("unavailable/network: localhost:1"), "{words}");
    assert_eq!(told(&text(&ran), "clock").len(), 1, "the rest goes on");
}

#[test]
fn every_problem_is_told_at_once_and_what_can_be_looked_at_is() {
    let site = Site::new();
    fs::set_permissions(site.path("client.key"), fs::Permissions::from_mode(0o644)).expect("set");
    site.write("ca.pem", "no certificate");
    fs::remove_file(site.path("audit.pepper")).expect("removed");
    site.write("cache.key", "too short");
    fs::set_permissions(site.path("cache.key"), fs::Permissions::from_mode(0o600)).expect("set");
    let config = fs::read_to_string(site.path("config.toml")).expect("a configuration");
    let config = config.replace("practices.toml", "absent.toml");
    site.write("config.toml", &format!("{config}[limits]\nconcurrency = 0\nsurprise = 1\n"));
    let ran = site.run(&["check"]);
    let output = text(&ran);
    assert_eq!(ran.status.code(), Some(2), "{output}");
    let settings = told(&output, "settings");
    assert_eq!(settings.len(), 2, "{output}");
    assert!(settings[0].1.contains("limits.concurrency") && settings[1].1.contains("limits.surprise"));
    for (what, words) in [
        ("audit pepper", "audit.pepper"),
        ("cache key", "cache.key"),
        ("client certificate", "client.key may be used by group or others (mode 0644)"),
        ("client certificate", "authority holds none"),
        ("directory", "absent.toml"),
    ] {
        let found = told(&output, what);
        assert!(
            found.iter().any(|(level, told)| *level == "bad" && told.contains(words)),
            "{what}: {words}\n{output}"
        );
    }
}

#[test]
fn a_section_that_cannot_be_read_stops_no_other_check() {
    let site = Site::new();
    let ran = site.run(&["check", "--set", "spine.asid=1", "--set", "limits.concurrency=none"]);
    let output = text(&ran);
    assert_eq!(ran.status.code(), Some(2));
    assert_eq!(told(&output, "settings").len(), 2, "{output}");
    assert_eq!(told(&output, "audit log, keys and cache"), [("good", "in order")]);
    assert_eq!(told(&output, "directory"), [("good", "in order")]);
}

#[test]
fn an_installation_that_only_reads_is_in_order() {
    let site = Site::new();
    let config = fs::read_to_string(site.path("config.toml")).expect("a configuration");
    let (_, readers) = config.split_once("[cache]").expect("a section");
    site.write("config.toml", &format!("[cache]{readers}"));
    let ran = site.run(&["check"]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran));
    assert_eq!(told(&text(&ran), "identity on Spine")[0].0, "warning");
}

#[test]
fn whoever_is_not_reached_is_told_by_what_the_system_says() {
    let site = Site::new();
    for (root, expected) in [
        ("https://localhost:1", "localhost:1: connection refused"),
        ("https://nobody.invalid", "nobody.invalid:443: the name is not known"),
    ] {
        let output = text(&site.run(&["check", "--set", &format!("spine.ssp={root}")]));
        let [(level, words)] = told(&output, "handshake with the proxy")[..] else { panic!("{output}") };
        assert!(level == "bad" && words.contains(expected), "{output}");
    }
}

#[test]
fn a_key_that_a_backup_of_the_records_would_hold_is_told() {
    let site = Site::new();
    fs::rename(site.path("cache.key"), site.path("cache/cache.key")).expect("moved");
    let config = fs::read_to_string(site.path("config.toml")).expect("a configuration");
    site.write("config.toml", &config.replace("\"cache.key\"", "\"cache/cache.key\""));
    let output = text(&site.run(&["check"]));
    let [(level, words)] = told(&output, "cache key")[..] else { panic!("{output}") };
    assert!(level == "warning" && words.contains("one backup"), "{output}");
}

#[test]
fn a_certificate_is_told_by_its_days_and_its_chain() {
    let authority = Authority::new();
    for (days, level, words) in
        [(-2, "bad", "expired at"), (30, "warning", "ask for the next one"), (90, "good", "days left")]
    {
        let site = site_of(&authority, in_days(days));
        let output = text(&site.run(&["check"]));
        let [(found, told)] = told(&output, "client certificate")[..] else { panic!("{output}") };
        assert!(found == level && told.contains(words), "{days}: {output}");
    }
    let site = site_of(&authority, in_days(90));
    site.write("ca.pem", &Authority::new().pem);
    let output = text(&site.run(&["check"]));
    let [(level, words)] = told(&output, "client certificate")[..] else { panic!("{output}") };
    assert!(level == "warning" && words.contains("does not chain"), "{output}");
}

#[test]
fn openssls_server_is_shaken_hands_with_and_its_clock_is_compared() {
    let authority = Authority::new();
    for (offset, level, words) in [(0, "good", "agrees"), (3600, "bad", "tokens would be refused")] {
        let site = site_of(&authority, in_days(90));
        let clock = Timestamp::now() + SignedDuration::from_secs(offset);
        let server = OpenSsl::start(&site, &authority, clock);
        let output = text(&site.run(&["check", "--set", &server.root]));
        let suite = "TLSv1_2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
        assert_eq!(told(&output, "handshake with the proxy"), [("good", suite)], "{output}");
        let [(found, told)] = told(&output, "clock")[..] else { panic!("{output}") };
        assert!(found == level && told.contains(words), "{output}");
    }
}

#[test]
fn lists_of_withdrawn_certificates_are_told_of_and_a_withdrawn_server_is_not_trusted() {
    let authority = Authority::new();
    let check = |list: &str, stale: &str| {
        let site = site_of(&authority, in_days(90));
        site.write("spine.crl", list);
        let server = OpenSsl::start(&site, &authority, Timestamp::now());
        let crls = format!("spine.crls={}", site.path("spine.crl").display());
        let stale = format!("spine.stale_crls={stale}");
        text(&site.run(&["check", "--set", &server.root, "--set", &crls, "--set", &stale]))
    };
    let level = |output: &str, what: &str| {
        told(output, what).iter().map(|(level, _)| level.to_string()).collect::<Vec<_>>()
    };
    for (withdrawn, due, stale, list, handshake) in [
        (None, 2099, "refuse", "good", "good"),
        (None, 2025, "use", "warning", "good"),
        (None, 2025, "refuse", "bad", "bad"),
        (Some(SERVER), 2099, "use", "good", "bad"),
    ] {
        let output = check(&authority.list(withdrawn, due), stale);
        assert_eq!(level(&output, "revocation list "), [list], "{output}");
        assert_eq!(level(&output, "handshake with the proxy"), [handshake], "{output}");
    }
    let output = check("no list", "use");
    assert_eq!(level(&output, "revocation lists"), ["bad"], "{output}");
    assert_eq!(level(&output, "client certificate"), ["good"], "the rest goes on: {output}");
}
