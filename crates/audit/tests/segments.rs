//! A log in several files: one chain, whoever writes and whatever fails, and no file changed, exchanged, moved or
//! taken away unseen.

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
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedside_audit::{
    AuditError, AuditLog, Broken, Damage, Detail, Outcome, Verified, accesses, audit_event, verify, who_saw,
};
use faults::{Fault, Plan};
use home::{Fixed, Home, append, event, number, open, pepper, requester};
use memory::MemoryDisk;

/// Room for two records and the one that closes the file.
const SMALL: u64 = 1_200;

fn file(home: &Home, segment: u64) -> PathBuf {
    let name = if segment == 1 { "audit.ndjson".into() } else { format!("audit-{segment:06}.ndjson") };
    home.audit().join(name)
}

fn files(home: &Home) -> u64 {
    (1..).take_while(|segment| file(home, *segment).exists()).count() as u64
}

/// A log of that many decided reads, the first of which released so many bytes.
fn in_files_of(bytes: u64, records: u64, first: u64) -> Home {
    let home = Home::new();
    let log = open(&home.audit()).expect("opened").with_segments_of(bytes);
    let requester = requester();
    for number in first..first + records {
        let outcome = Outcome::ok(Detail { bytes: Some(number), ..Detail::default() });
        log.record(&event(&log, &requester), &outcome).expect("recorded");
    }
    home
}

fn lines(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).expect("read");
    bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Numbers of the first and the last record of a file.
fn span(home: &Home, segment: u64) -> (u64, u64) {
    let records: Vec<u64> = lines(&file(home, segment))
        .iter()
        .map(|line| record(line)["seq"].as_u64().expect("a number"))
        .collect();
    (records[0], records[records.len() - 1])
}

fn record(line: &[u8]) -> serde_json::Value {
    serde_json::from_slice::<serde_json::Value>(line).expect("JSON")["record"].clone()
}

#[test]
fn a_log_goes_on_in_the_next_file_and_is_read_as_one() {
    let home = in_files_of(SMALL, 12, 10);
    // Another handle goes on where the first one ended, and in the next file.
    append(&open(&home.audit()).expect("opened").with_segments_of(SMALL), 4);
    let count = files(&home);
    assert!(count >= 5, "{count} files");
    let verified = home.verify().expect("whole");
    assert_eq!((verified.records, verified.unfinished), (12 + 8 + count - 1, 0));
    for segment in 1..count {
        let last = record(lines(&file(&home, segment)).last().expect("a line"));
        let said = (last["event"].as_str(), last["segment"].as_u64(), last["reason"].as_str());
        assert_eq!(said, (Some("segment"), Some(segment + 1), Some("segment_closed")));
    }
    let (seen, _) = who_saw(&home.audit(), None, &open(&home.audit()).expect("opened").pseudonym(&number()))
        .expect("whole");
    assert_eq!(seen.len(), 16, "every read, in whichever file it begins and ends");
    let mut exported = Vec::new();
    accesses(&home.audit(), None, |access| {
        exported.push(audit_event(&access)["subtype"][0]["code"].as_str().expect("a code").to_owned());
        Ok(())
    })
    .expect("whole");
    assert_eq!(exported.iter().filter(|code| *code == "read").count(), 16);
    assert_eq!(exported.iter().filter(|code| *code == "segment").count() as u64, count - 1);
}

#[test]
fn a_missing_file_is_named_and_closes_the_log() {
    let whole = in_files_of(SMALL, 9, 10);
    for segment in 1..=files(&whole) {
        let home = in_files_of(SMALL, 9, 10);
        let first = span(&home, segment).0;
        fs::remove_file(file(&home, segment)).expect("removed");
        assert_eq!(home.verify(), Err(Broken { segment, seq: first, kind: Damage::Missing }));
        assert!(matches!(open(&home.audit()), Err(AuditError::Damaged)), "{segment}");
    }
}

#[test]
fn exchanged_and_copied_files_are_named() {
    let whole = in_files_of(SMALL, 9, 10);
    let count = files(&whole);
    for one in 1..=count {
        for other in (1..=count).filter(|other| *other != one) {
            let home = in_files_of(SMALL, 9, 10);
            let (first, second) = (one.min(other), one.max(other));
            let seq = span(&home, first).0;
            let bytes = [first, second].map(|segment| fs::read(file(&home, segment)).expect("read"));
            fs::write(file(&home, first), &bytes[1]).expect("written");
            fs::write(file(&home, second), &bytes[0]).expect("written");
            assert_eq!(home.verify(), Err(Broken { segment: first, seq, kind: Damage::Reordered }));

            let home = in_files_of(SMALL, 9, 10);
            let seq = span(&home, other).0;
            fs::copy(file(&home, one), file(&home, other)).expect("copied");
            assert_eq!(
                home.verify(),
                Err(Broken { segment: other, seq, kind: Damage::Inserted }),
                "{one} {other}"
            );
        }
    }
}

#[test]
fn a_file_of_another_log_is_named_where_the_chain_leaves_it() {
    let count = files(&in_files_of(SMALL, 9, 10));
    for segment in 1..=count {
        // The same shape and other words.
        let (home, other) = (in_files_of(SMALL, 9, 10), in_files_of(SMALL, 9, 40));
        fs::copy(file(&other, segment), file(&home, segment)).expect("copied");
        let named = segment.max(2);
        let seq = span(&home, named).0;
        assert_eq!(home.verify(), Err(Broken { segment: named, seq, kind: Damage::Replaced }));
    }
}

#[test]
fn a_record_in_another_file_than_it_was_written_to_is_named() {
    // The first of the second file stands at the end of the first.
    let home = in_files_of(SMALL, 9, 10);
    let (one, two) = (lines(&file(&home, 1)), lines(&file(&home, 2)));
    fs::write(file(&home, 1), [&one[..], &two[..1]].concat().concat()).expect("written");
    fs::write(file(&home, 2), two[1..].concat()).expect("written");
    let seq = one.len() as u64 + 1;
    assert_eq!(home.verify(), Err(Broken { segment: 1, seq, kind: Damage::Moved }));
    // The last of the first file stands at the beginning of the second.
    let at = one.len() - 1;
    fs::write(file(&home, 1), one[..at].concat()).expect("written");
    fs::write(file(&home, 2), [&one[at..], &two[..]].concat().concat()).expect("written");
    assert_eq!(home.verify(), Err(Broken { segment: 2, seq: seq - 1, kind: Damage::Moved }));
}

#[test]
fn files_cut_off_together_with_the_record_that_names_them_show_against_an_anchor() {
    let home = in_files_of(SMALL, 9, 10);
    let head = home.verify().expect("whole").head;
    for segment in (2..=files(&home)).rev() {
        fs::remove_file(file(&home, segment)).expect("removed");
        let mut before = lines(&file(&home, segment - 1));
        before.pop();
        fs::write(file(&home, segment - 1), before.concat()).expect("written");
        let seq = home.verify().expect("whole by itself").records + 1;
        assert_eq!(
            home.verify_from(Some(&head)),
            Err(Broken { segment: segment - 1, seq, kind: Damage::Truncated })
        );
        open(&home.audit()).expect("and it can be gone on with");
    }
}

#[test]
fn every_changed_byte_and_every_cut_of_every_file_is_noticed() {
    let home = in_files_of(SMALL, 5, 10);
    let (count, mut changes) = (files(&home), 0);
    for segment in 1..=count {
        let path = file(&home, segment);
        let good = fs::read(&path).expect("read");
        for position in 0..good.len() {
            let mut changed = good.clone();
            changed[position] ^= 1;
            fs::write(&path, &changed).expect("written");
            let broken = home.verify().expect_err("noticed");
            assert_eq!(broken.segment, segment, "byte {position}: {broken}");
            // Cut between two records, the last file is a log that is shorter: an anchor shows that.
            let cut = &good[..position];
            if segment < count || cut.last().is_some_and(|byte| *byte != b'\n') {
                fs::write(&path, cut).expect("written");
                assert!(home.verify().is_err(), "cut at {position} of file {segment}");
            }
            changes += 2;
        }
        fs::write(&path, good).expect("written");
    }
    assert!(count >= 3 && changes > 5_000, "{changes} changes of {count} files");
}

#[test]
fn whichever_operation_of_going_on_fails_no_promised_record_is_lost() {
    let requester = requester();
    let mut plays = 0;
    for fault in [Fault::Before, Fault::Half, Fault::After] {
        for for_ever in [false, true] {
            for at in 1.. {
                let home = in_files_of(SMALL, 2, 10);
                let plan = Plan::new(at, fault, for_ever);
                let promised = play(&home, &plan, &requester);
                if plan.operations() < at {
                    assert_eq!(promised, 3, "nothing failed");
                    assert!(files(&home) >= 3, "it went on in other files");
                    break;
                }
                plays += 1;
                append(&open(&home.audit()).expect("opens again").with_segments_of(SMALL), 2);
                home.verify().expect("whole");
                let mut reads = 0;
                accesses(&home.audit(), None, |access| {
                    reads += u64::from(access.entry.event == "read");
                    Ok(())
                })
                .expect("whole");
                assert!(reads >= 2 + promised + 2, "{reads} of {promised}: a promised record is lost");
            }
        }
    }
    assert!(plays > 100, "{plays}");
    println!("{plays} faults played while a log went on in another file");
}

/// Adds three decided reads to a log of two, in small files; how many were promised durable.
fn play(home: &Home, plan: &Arc<Plan>, requester: &bedside_model::Requester) -> u64 {
    let Ok(log) = AuditLog::open_on(home.failing(plan), pepper(), Arc::new(Fixed)) else { return 0 };
    let log = log.with_segments_of(SMALL);
    let outcome = Outcome::ok(Detail::default());
    (0..3).filter(|_| log.record(&event(&log, requester), &outcome).is_ok()).count() as u64
}

#[test]
fn threads_and_handles_write_one_chain_through_many_files() {
    let home = Home::new();
    open(&home.audit()).expect("opened");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let log = open(&home.audit()).expect("opened").with_segments_of(2 * SMALL);
                std::thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| append(&log, 10));
                    }
                });
            });
        }
    });
    let count = files(&home);
    assert!(count > 10, "{count} files");
    let Verified { records, unfinished, .. } = home.verify().expect("whole");
    assert_eq!((records, unfinished), (160 + count - 1, 0));
}

#[test]
fn a_volume_that_is_full_when_the_next_file_is_due_still_takes_the_refusal() {
    let requester = requester();
    let mut refused = 0;
    for room in (0..3 * SMALL as usize).step_by(50) {
        let disk = Arc::new(MemoryDisk::default());
        let open = || {
            AuditLog::open_on(disk.clone(), pepper(), Arc::new(Fixed))
                .expect("opened")
                .with_segments_of(SMALL)
        };
        let log = open();
        log.record(&event(&log, &requester), &Outcome::ok(Detail::default())).expect("recorded");
        disk.limit(room);
        while log.record(&event(&log, &requester), &Outcome::ok(Detail::default())).is_ok() {}
        refused += u64::from(log.head().is_ok());
        disk.limit(1 << 20);
        drop(log);
        let log = open();
        append(&log, 2);
        assert_eq!(disk.files()["reserve"].len(), 64 * 1024, "the reserve is kept");
        let home = Home::new();
        fs::create_dir(home.audit()).expect("made");
        for (name, bytes) in disk.files() {
            fs::write(home.audit().join(name), bytes).expect("written");
        }
        verify(&home.audit(), None).expect("one whole chain");
        let text: String = (1..=files(&home))
            .map(|segment| fs::read_to_string(file(&home, segment)).expect("text"))
            .collect();
        assert_eq!(text.matches("\"reason\":\"log_full\"").count(), 1, "room for {room}");
    }
    assert_eq!(refused, (3 * SMALL).div_ceil(50), "each time the log goes on by itself");
}
