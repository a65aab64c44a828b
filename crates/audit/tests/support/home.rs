//! A log in a temporary directory, and what the tests put into one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedside_audit::disk::LocalDisk;
use bedside_audit::{
    AuditError, AuditLog, Broken, Clock, Detail, Event, EventKind, Head, Outcome, Pepper, Secret, Verified,
    VerifyError, verify,
};
use bedside_model::{NhsNumber, Requester};
use jiff::Timestamp;

use crate::faults::{FaultDisk, Plan};

pub(crate) struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        "2026-01-15T10:30:00.25Z".parse().expect("a timestamp")
    }
}

pub(crate) fn requester() -> Requester {
    Requester {
        user_id: "u-17".into(),
        sds_user_id: "UNK".into(),
        sds_role_profile_id: "UNK".into(),
        family: "Example".into(),
        given: "Ann".into(),
        prefix: Some("Dr".into()),
        role: "Pharmacist".into(),
        organisation: "RXX01".parse().expect("ODS code"),
        organisation_name: "Example Hospital".into(),
    }
}

pub(crate) fn number() -> NhsNumber {
    "9990000018".parse().expect("test number")
}

pub(crate) fn event<'a>(log: &AuditLog, requester: &'a Requester) -> Event<'a> {
    Event {
        kind: EventKind::Read,
        requester,
        purpose: "directcare",
        relationship: Some("admitting team"),
        episode: Some("abcdefghijklmnopqrstuvwxyz"),
        patient: Some(log.pseudonym(&number())),
        detail: Detail::default(),
    }
}

pub(crate) fn pepper() -> Pepper {
    Pepper::new(Secret::from_bytes(&[5; 32]))
}

pub(crate) fn open(directory: &Path) -> Result<AuditLog, AuditError> {
    AuditLog::open(directory, pepper(), Arc::new(Fixed))
}

/// A directory with a log in it.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary directory"))
    }

    pub(crate) fn audit(&self) -> PathBuf {
        self.0.path().join("audit")
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.audit().join("audit.ndjson")
    }

    /// A log of that many records, each a decided read.
    pub(crate) fn with_records(count: u64) -> Self {
        let home = Self::new();
        let log = open(&home.audit()).expect("opened");
        let requester = requester();
        for bytes in 0..count {
            let outcome = Outcome::ok(Detail { bytes: Some(bytes), ..Detail::default() });
            log.record(&event(&log, &requester), &outcome).expect("recorded");
        }
        home
    }

    pub(crate) fn failing(&self, plan: &Arc<Plan>) -> Arc<FaultDisk> {
        let disk = LocalDisk::open(&self.audit()).expect("opened");
        Arc::new(FaultDisk::new(Arc::new(disk), Arc::clone(plan)))
    }

    pub(crate) fn lines(&self) -> Vec<Vec<u8>> {
        let bytes = fs::read(self.file()).expect("read");
        bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    pub(crate) fn write(&self, lines: &[Vec<u8>]) {
        fs::write(self.file(), lines.concat()).expect("written");
    }

    pub(crate) fn verify(&self) -> Result<Verified, Broken> {
        self.verify_from(None)
    }

    pub(crate) fn verify_from(&self, anchor: Option<&Head>) -> Result<Verified, Broken> {
        verify(&self.audit(), anchor).map_err(|error| match error {
            VerifyError::Broken(broken) => broken,
            VerifyError::Unreadable(error) => panic!("unreadable: {error}"),
        })
    }
}

/// So many intents and their outcomes.
pub(crate) fn append(log: &AuditLog, pairs: usize) {
    let requester = requester();
    for _ in 0..pairs {
        let intent = log.intent(&event(log, &requester)).expect("recorded");
        intent.outcome(Outcome::blocked("expired")).expect("recorded");
    }
}
