//! An installation in a temporary folder, and the program run on it.

#[path = "../../../frames/src/testing/rows.rs"]
mod rows;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use bedside_audit::{AuditLog, Pepper, Secret, SystemClock, SystemRandomness};
use bedside_cache::{Cache, Contents, KeyFile};
use bedside_model::Requester;
use bedside_model::schema::Table;
use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, KeyPair};
use rows::batch;
use serde_json::{Value, json};

/// The episode that is in the cache of every installation here.
pub(crate) const EPISODE: &str = "EP-1";

/// A folder with everything that a configuration names, and one sealed episode.
pub(crate) struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with_notices(1)
    }

    /// The episode has so many notices.
    pub(crate) fn with_notices(notices: usize) -> Self {
        Self::with(|table| rows(table, notices))
    }

    /// The episode has that one allergy.
    pub(crate) fn with_allergy(allergy: Value) -> Self {
        Self::with(|table| match table {
            Table::Allergies => vec![allergy.clone()],
            other => rows(other, 1),
        })
    }

    fn with(rows: impl Fn(Table) -> Vec<Value>) -> Self {
        let site = Self { folder: tempfile::tempdir().expect("a folder") };
        for name in ["cache.key", "audit.pepper"] {
            let secret = Secret::random(&SystemRandomness).expect("randomness");
            secret.to_new_file(&site.path(name)).expect("written");
        }
        site.write_tls();
        site.write("practices.toml", "");
        site.write("config.toml", CONFIG);
        site.write("reader.json", &reader().to_string());
        site.seal(rows);
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    /// Writes a file that its owner alone can read.
    pub(crate) fn write_private(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect("allowed");
    }

    /// Runs the program on this configuration, in this folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program runs")
    }

    /// Runs it with that standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().expect("the program runs");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("read");
        child.wait_with_output().expect("the program ends")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedside"));
        command
            .current_dir(self.folder.path())
            .env("BEDSIDE_CONFIG", self.path("config.toml"))
            .args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn write_tls(&self) {
        let key = KeyPair::generate().expect("a key");
        let certificate =
            CertificateParams::new(["ward.example".to_owned()]).and_then(|params| params.self_signed(&key));
        let certificate = certificate.expect("a certificate").pem();
        self.write("ca.pem", &certificate);
        self.write("client.pem", &certificate);
        self.write_private("client.key", &key.serialize_pem());
    }

    fn seal(&self, rows: impl Fn(Table) -> Vec<Value>) {
        let clock = Arc::new(SystemClock);
        let pepper = Pepper::from_file(&self.path("audit.pepper")).expect("a pepper");
        let audit = Arc::new(AuditLog::open(&self.path("audit"), pepper, clock.clone()).expect("a log"));
        let key = Box::new(KeyFile::open(&self.path("cache.key")).expect("a key"));
        let cache = Cache::open(&self.path("cache"), key, audit, clock).expect("a cache");
        let batches = Table::ALL.map(|table| (table, batch(table, &rows(table))));
        let contents = Contents {
            manifest: &manifest().to_string(),
            tables: &batches.each_ref().map(|(table, batch)| (*table, batch)),
            expires: in_hours(24).parse().expect("a time"),
            requester: &requester(),
            patient: &"9990000018".parse().expect("a test number"),
        };
        cache.write(&EPISODE.parse().expect("an id"), &contents).expect("sealed");
    }
}

/// A reader who may read the episode.
pub(crate) fn reader() -> Value {
    json!({
        "user_id": "user-18", "sds_user_id": "UNK", "sds_role_profile_id": "UNK", "family": "Other", "given": "Sam",
        "role": "Pharmacist", "organisation_ods": "RX999", "organisation_name": "Test Hospital",
        "reason": "directcare", "relationship": "admitting team"
    })
}

/// An admission line that may be warmed now, of a practice that the directory does not know.
pub(crate) fn admission(episode: &str) -> Value {
    let mut requester = reader();
    let fields = requester.as_object_mut().expect("an object");
    fields.retain(|name, _| name != "reason" && name != "relationship");
    json!({
        "episode": episode, "nhs_number": "9990000018", "practice_ods": "A99001",
        "demographics": {"family": "Sampleton", "given": "Edith", "gender": "female", "birth_date": "1950-02-28",
            "traced_at": in_hours(-1)},
        "requester": requester, "reason": "directcare", "episode_ends": in_hours(24)
    })
}

/// The value with a field set, or removed for null.
pub(crate) fn with(mut value: Value, field: &str, new: Value) -> Value {
    let object = value.as_object_mut().expect("an object");
    match new {
        Value::Null => object.remove(field),
        new => object.insert(field.to_owned(), new),
    };
    value
}

pub(crate) fn exists(path: &Path) -> bool {
    path.try_exists().expect("readable")
}

fn in_hours(hours: i64) -> String {
    (Timestamp::now() + SignedDuration::from_hours(hours)).to_string()
}

fn requester() -> Requester {
    Requester {
        user_id: "user-17".into(),
        sds_user_id: "UNK".into(),
        sds_role_profile_id: "UNK".into(),
        family: "Example".into(),
        given: "Robin".into(),
        prefix: None,
        role: "Clinical Practitioner".into(),
        organisation: "RX999".parse().expect("an ODS code"),
        organisation_name: "Test Hospital".into(),
    }
}

fn rows(table: Table, notices: usize) -> Vec<Value> {
    match table {
        Table::Allergies => vec![json!({"allergy_term": "Zanthoxylum", "derived_status": "active"})],
        Table::Sections => [
            "allergies",
            "medications",
            "problems",
            "consultations",
            "immunisations",
            "uncategorised",
            "investigations",
            "referrals",
            "diary",
            "documents",
        ]
        .map(|area| {
            let state = match area {
                "immunisations" => "failed",
                "uncategorised" | "investigations" | "referrals" | "diary" | "documents" => "not_requested",
                _ => "returned",
            };
            json!({"area": area, "requested": state != "not_requested", "state": state, "entries": 1,
                        "incomplete": false})
        })
        .to_vec(),
        Table::Notices => vec![json!({"severity": "warning", "text": "something ".repeat(20)}); notices],
        _ => Vec::new(),
    }
}

fn manifest() -> Value {
    json!({
        "schema_version": "1", "software_version": "0.1.0",
        "source": {"practice": "A99001", "asid": "200000000001", "supplier": null, "spec_version": null},
        "request": null, "bundle": {"sha256": "00", "bytes": 1, "entries": 1}, "patient_check": null,
        "accounting": {}, "rows": {}, "notices": {}, "retrieved_at": in_hours(-1), "normalised_at": in_hours(-1)
    })
}

const CONFIG: &str = r#"
[spine]
ssp = "https://localhost:1"
asid = "200000000001"
issuer = "https://hospital.example"
user_id_system = "https://supplier.example/Id/user-guid"
ca = "ca.pem"
certificate = "client.pem"
key = "client.key"

[spine.device]
identifier_system = "https://supplier.example/Id/device-identifier"
identifier = "ward-1"
model = "bedside"
version = "0.1.0"

[directory]
file = "practices.toml"

[cache]
root = "cache"
key = "cache.key"

[audit]
directory = "audit"
pepper = "audit.pepper"
"#;
