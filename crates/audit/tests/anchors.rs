//! Heads that the log signs by itself: when, and what they show of a log that was cut or written anew.

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/faults.rs"]
mod faults;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/home.rs"]
mod home;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/memory.rs"]
mod memory;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bedside_audit::disk::{Disk, LocalDisk};
use bedside_audit::{
    ANCHORS, Anchor, AnchorKey, Anchors, AuditError, AuditLog, Broken, Clock, Damage, Head, Secret,
};
use faults::{Fault, FaultDisk, Plan};
use home::{Fixed, Home, append, open, pepper};
use jiff::Timestamp;
use memory::MemoryDisk;

/// A home with a key that signs and a folder for what it signs.
struct Site {
    home: Home,
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary directory");
        for (name, byte) in [("key", 7), ("other", 8)] {
            Secret::from_bytes(&[byte; 32]).to_new_file(&folder.path().join(name)).expect("written");
        }
        Self { home: Home::new(), folder }
    }

    fn key(&self, name: &str) -> AnchorKey {
        AnchorKey::from_file(&self.folder.path().join(name)).expect("a key")
    }

    fn kept(&self) -> PathBuf {
        self.folder.path().join("anchors")
    }

    fn open_with(&self, anchors: Anchors) -> Result<AuditLog, AuditError> {
        open(&self.home.audit())?.with_anchors(anchors)
    }

    /// A log of which every fifth head is signed.
    fn open(&self) -> Result<AuditLog, AuditError> {
        self.open_with(Anchors::open(&self.kept(), self.key("key")).expect("a folder").every(5))
    }

    fn lines(&self) -> String {
        fs::read_to_string(self.kept().join(ANCHORS)).expect("text")
    }

    /// The signed heads, which the key signed every one.
    fn heads(&self) -> Vec<Head> {
        let key = self.key("key").public_key();
        let head =
            |line: &str| line.parse::<Anchor>().and_then(|anchor| anchor.verify(&key)).expect("signed");
        self.lines().lines().map(head).collect()
    }

    fn numbers(&self) -> Vec<u64> {
        self.heads().iter().map(|head| head.seq).collect()
    }

    fn verify(&self) -> Result<u64, Broken> {
        let verified = bedside_audit::verify(&self.home.audit(), &self.heads());
        verified.map(|verified| verified.records).map_err(|error| match error {
            bedside_audit::VerifyError::Broken(broken) => broken,
            bedside_audit::VerifyError::Unreadable(error) => panic!("unreadable: {error}"),
        })
    }
}

/// What verifying says of a log that is broken there.
fn broken_at(seq: u64, kind: Damage) -> Result<u64, Broken> {
    Err(Broken { segment: 1, seq, kind })
}

#[test]
fn every_so_many_records_and_at_its_end_a_log_signs_its_head() {
    let site = Site::new();
    let log = site.open().expect("opened");
    append(&log, 6);
    assert_eq!(site.numbers(), [5, 10]);
    drop(log);
    assert_eq!(site.numbers(), [5, 10, 12], "and when it is closed");
    drop(site.open().expect("opened"));
    assert_eq!(site.numbers(), [5, 10, 12], "once");
    assert_eq!(site.verify(), Ok(12));
}

#[test]
fn a_log_whose_end_was_cut_off_before_its_last_signed_head_is_named_and_closed() {
    let whole = Site::new();
    append(&whole.open().expect("opened"), 6);
    let lines = whole.home.lines();
    for left in 0..lines.len() {
        for torn in [0, 1, lines[left].len() - 1] {
            let site = Site::new();
            append(&site.open().expect("opened"), 6);
            site.home.write(&[lines[..left].to_vec(), vec![lines[left][..torn].to_vec()]].concat());
            let (seq, kind) = (left as u64 + 1, if torn > 0 { Damage::Torn } else { Damage::Truncated });
            assert_eq!(site.verify(), broken_at(seq, kind), "{left} records and {torn} bytes");
            assert!(matches!(site.open(), Err(AuditError::Damaged)), "{left} records and {torn} bytes");
            // What a crash may leave is mended, and then the log is short.
            assert!(site.home.verify_from(None).is_ok());
            assert!(matches!(site.verify(), Err(Broken { kind: Damage::Truncated | Damage::Rewritten, .. })));
        }
    }
}

#[test]
fn a_log_that_was_cut_and_went_on_is_told_though_its_new_end_is_signed() {
    let site = Site::new();
    append(&site.open().expect("opened"), 6);
    let lines = site.home.lines();
    site.home.write(&lines[..8]);
    // A process that keeps no anchors writes it anew, beyond the last that was signed.
    append(&open(&site.home.audit()).expect("opened").on_device("ward-9"), 4);
    append(&site.open().expect("nothing is seen at the end"), 1);
    assert_eq!(site.numbers().last(), Some(&18));
    assert_eq!(site.verify(), broken_at(10, Damage::Rewritten));
    let last = site.heads().pop().expect("a head");
    assert!(site.home.verify_from(Some(&last)).is_ok(), "the last alone does not show it");
}

#[test]
fn a_log_that_was_written_anew_to_its_length_is_closed() {
    let site = Site::new();
    append(&site.open().expect("opened"), 5);
    let mut lines = site.home.lines();
    lines.truncate(8);
    site.home.write(&lines);
    let log = open(&site.home.audit()).expect("opened").on_device("ward-9");
    append(&log, 1);
    assert!(matches!(site.open(), Err(AuditError::Damaged)));
    assert_eq!(site.verify(), broken_at(10, Damage::Rewritten));
}

struct Steps(AtomicI64);

impl Clock for Steps {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).expect("in range")
    }
}

#[test]
fn the_first_record_after_a_minute_is_signed() {
    let site = Site::new();
    let clock = Arc::new(Steps(AtomicI64::new(1_768_473_000)));
    let log = AuditLog::open(&site.home.audit(), pepper(), clock.clone()).expect("opened");
    let log =
        log.with_anchors(Anchors::open(&site.kept(), site.key("key")).expect("a folder")).expect("opened");
    append(&log, 1);
    clock.0.fetch_add(59, Ordering::SeqCst);
    append(&log, 1);
    assert!(site.numbers().is_empty());
    clock.0.fetch_add(1, Ordering::SeqCst);
    append(&log, 1);
    assert_eq!(site.numbers(), [5]);
    clock.0.fetch_add(60, Ordering::SeqCst);
    append(&log, 1);
    assert_eq!(site.numbers(), [5, 7]);
}

#[test]
fn handles_that_write_by_turns_sign_in_the_order_of_the_chain() {
    let site = Site::new();
    let logs = [site.open().expect("opened"), site.open().expect("opened")];
    for _ in 0..8 {
        logs.iter().for_each(|log| append(log, 1));
    }
    drop(logs);
    let numbers = site.numbers();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] <= 5), "{numbers:?}");
    assert_eq!(numbers.last(), Some(&32));
    assert_eq!(site.verify(), Ok(32));
}

#[test]
fn an_anchor_that_cannot_be_added_refuses_no_record_and_is_made_up_for() {
    for fault in [Fault::Before, Fault::Half, Fault::After] {
        for at in 1.. {
            let site = Site::new();
            drop(site.open().expect("opened"));
            let plan = Plan::new(at, fault, false);
            let disk: Arc<dyn Disk> = Arc::new(LocalDisk::open(&site.kept()).expect("a folder"));
            let disk = Arc::new(FaultDisk::new(disk, Arc::clone(&plan)));
            let log = match site.open_with(Anchors::open_on(disk, site.key("key")).every(5)) {
                Ok(log) => log,
                Err(AuditError::Anchors(_)) => continue,
                Err(error) => panic!("{error}"),
            };
            append(&log, 6);
            log.anchor().ok();
            drop(log);
            let failed = plan.operations() >= at;
            assert_eq!(site.numbers().last(), Some(&12), "{fault:?} at {at}");
            assert_eq!(site.verify(), Ok(12), "{fault:?} at {at}");
            if !failed {
                assert!(at > 6, "{at} operations");
                break;
            }
        }
    }
}

#[test]
fn whoever_asks_for_an_anchor_that_cannot_be_added_is_told() {
    let site = Site::new();
    let disk = Arc::new(MemoryDisk::default());
    let log = site.open_with(Anchors::open_on(disk.clone(), site.key("key"))).expect("opened");
    append(&log, 1);
    disk.limit(100);
    let told = log.anchor().expect_err("there is no room");
    assert!(matches!(told, AuditError::Anchors(_)), "{told}");
    append(&log, 1);
    disk.limit(10_000);
    log.anchor().expect("there is room now");
    assert_eq!(
        disk.files()[ANCHORS].iter().filter(|byte| **byte == b'\n').count(),
        1,
        "no part of a line is left"
    );
}

#[test]
fn a_folder_of_another_key_or_open_to_others_is_refused() {
    let site = Site::new();
    append(&site.open().expect("opened"), 3);
    let other = Anchors::open(&site.kept(), site.key("other")).expect("a folder");
    let told = site.open_with(other).map(drop).expect_err("of another key").to_string();
    assert!(told.contains("was not signed with this key"), "{told}");
    let mut changed = site.lines().into_bytes();
    let last = changed.len() - 20;
    changed[last] ^= 1;
    fs::write(site.kept().join(ANCHORS), changed).expect("written");
    assert!(matches!(site.open(), Err(AuditError::Anchors(_))));
    fs::set_permissions(site.kept(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("mode");
    assert!(Anchors::open(&site.kept(), site.key("key")).is_err());
}

#[test]
fn a_line_that_a_crash_cut_short_is_removed_at_every_length() {
    let site = Site::new();
    append(&site.open().expect("opened"), 6);
    let whole = site.lines();
    let first = whole.len() - whole.lines().last().expect("a line").len() - 1;
    for length in first..whole.len() {
        fs::write(site.kept().join(ANCHORS), &whole[..length]).expect("written");
        drop(site.open().expect("opened"));
        assert_eq!(site.lines(), whole, "{length}");
    }
}

#[test]
fn without_a_key_nothing_is_signed() {
    let home = Home::new();
    let log = AuditLog::open(&home.audit(), pepper(), Arc::new(Fixed)).expect("opened");
    append(&log, 1);
    log.anchor().expect("nothing to do");
    drop(log);
    let mut names: Vec<_> =
        fs::read_dir(home.audit()).expect("read").map(|file| file.expect("a file").file_name()).collect();
    names.sort();
    assert_eq!(names, ["audit.ndjson", "reserve"]);
}
