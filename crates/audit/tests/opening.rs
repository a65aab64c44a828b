//! What a log is before it is gone on with or read: its last record is as it was written, nothing in it is a number of a
//! patient, and it is a file.

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/faults.rs"]
mod faults;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/home.rs"]
mod home;

use std::fs::{self, OpenOptions};

use bedside_audit::{AuditError, Event, Outcome, VerifyError, verify};
use home::{Home, append, event, open, requester};
use rustix::fs::{CWD, FileType, Mode, mknodat};

#[test]
fn a_log_whose_last_record_was_edited_is_not_gone_on_with() {
    let home = Home::with_records(3);
    let good = fs::read(home.file()).expect("read");
    let last = good[..good.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("a line") + 1;
    for position in (last..good.len()).step_by(7) {
        let mut edited = good.clone();
        edited[position] ^= 1;
        fs::write(home.file(), &edited).expect("written");
        let opened = open(&home.audit()).map(drop);
        assert!(matches!(opened, Err(AuditError::Damaged)), "byte {position}: {opened:?}");
    }
    fs::write(home.file(), &good).expect("written");
    append(&open(&home.audit()).expect("as it was"), 1);
}

#[test]
fn a_number_that_was_written_into_a_purpose_is_withheld() {
    let home = Home::new();
    let (log, requester) = (open(&home.audit()).expect("opened"), requester());
    for purpose in ["9990000018", "care of 999 000 0018", "999-000-0018"] {
        let asked = Event { purpose, ..event(&log, &requester) };
        log.record(&asked, &Outcome::blocked("purpose")).expect("recorded");
    }
    let text = fs::read_to_string(home.file()).expect("read");
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    assert!(!digits.contains("9990000018"), "{text}");
    assert_eq!(text.matches(r#""purpose":"withheld""#).count(), 3);
}

#[test]
fn a_pipe_is_no_log_and_is_not_waited_for() {
    for name in ["audit.ndjson", "audit-000002.ndjson"] {
        let home = Home::with_records(1);
        let path = home.audit().join(name);
        let _ = fs::remove_file(&path);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("made");
        // With a writer there, opening it would not wait: what is taken for a log shows at once.
        let _writer = OpenOptions::new().read(true).write(true).open(&path).expect("opened");
        assert!(matches!(verify(&home.audit(), None), Err(VerifyError::Unreadable(_))), "{name}");
    }
}
