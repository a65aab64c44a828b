//! What the log promises: durable before it returns, one chain whoever writes, nothing changed unseen, closed
//! when it cannot be written.

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/faults.rs"]
mod faults;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/home.rs"]
mod home;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bedside_audit::{AuditError, AuditLog, Broken, Damage, Detail, Event, EventKind, Outcome};
use bedside_model::{ClinicalArea, Requester};
use faults::{Fault, Plan};
use home::{Fixed, Home, append, event, number, open, pepper, requester};

#[test]
fn a_record_holds_the_fields_of_the_sheet_and_no_number() {
    let home = Home::new();
    let log = open(&home.audit()).expect("opened").on_device("BEDSIDE-01");
    let requester = requester();
    let detail = Detail {
        trace_id: Some("3f0e1c52-97a5-4c0a-9d9f-5b1d3f1b7c11".into()),
        from_asid: Some("200000000359".parse().expect("ASID")),
        to_asid: Some("918999198738".parse().expect("ASID")),
        practice: Some("A82038".parse().expect("ODS code")),
        interaction_id: Some("urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"),
        areas_asked: vec![ClinicalArea::Allergies, ClinicalArea::Medications],
        ..Detail::default()
    };
    let event = Event { kind: EventKind::Fetch, detail, ..event(&log, &requester) };
    let intent = log.intent(&event).expect("recorded");
    assert_eq!(intent.seq(), 1);
    let outcome = Detail {
        http_status: Some(200),
        bytes: Some(812),
        rows: BTreeMap::from([("allergies", 2)]),
        generation: Some(3),
        manifest_sha256: Some([0xab; 32]),
        ..Detail::default()
    };
    intent.outcome(Outcome::ok(outcome)).expect("recorded");

    let text = fs::read_to_string(home.file()).expect("read");
    let bodies: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["record"].clone())
        .collect();
    let expected = serde_json::json!({
        "seq": 1, "ts_utc": "2026-01-15T10:30:00.25Z", "event": "fetch",
        "software": concat!("bedside/", env!("CARGO_PKG_VERSION")), "device": "BEDSIDE-01",
        "user": {
            "id": "u-17", "sds_id": "UNK", "name": "Dr Ann Example", "role": "Pharmacist", "role_profile": "UNK",
            "organisation": "RXX01", "organisation_name": "Example Hospital"
        },
        "patient": pepper().pseudonym(&number()).as_str(), "episode": "abcdefghijklmnopqrstuvwxyz",
        "purpose": "directcare", "relationship": "admitting team",
        "trace_id": "3f0e1c52-97a5-4c0a-9d9f-5b1d3f1b7c11", "from_asid": "200000000359", "to_asid": "918999198738",
        "practice": "A82038",
        "interaction_id": "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1",
        "areas_asked": ["allergies", "medications"]
    });
    assert_eq!(bodies[0], expected);
    let expected = serde_json::json!({
        "seq": 2, "ts_utc": "2026-01-15T10:30:00.25Z", "event": "fetch", "intent": 1, "outcome": "ok",
        "software": concat!("bedside/", env!("CARGO_PKG_VERSION")), "device": "BEDSIDE-01",
        "episode": "abcdefghijklmnopqrstuvwxyz", "http_status": 200, "bytes": 812, "rows": {"allergies": 2},
        "generation": 3, "manifest_sha256": "ab".repeat(32)
    });
    assert_eq!(bodies[1], expected);
    assert!(!text.contains("9990000018"));
}

#[test]
fn directory_and_file_are_private_and_looser_ones_are_refused() {
    let home = Home::with_records(1);
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&home.audit()), mode(&home.file())), (0o700, 0o600));
    let log = open(&home.audit()).expect("opened");
    set(&home.file(), 0o640);
    assert!(matches!(open(&home.audit()), Err(AuditError::Unwritable(_))));
    let requester = requester();
    assert!(matches!(log.intent(&event(&log, &requester)), Err(AuditError::Unwritable(_))));
    set(&home.file(), 0o600);
    set(&home.audit(), 0o750);
    assert!(matches!(open(&home.audit()), Err(AuditError::Unwritable(_))));
}

#[test]
fn threads_and_handles_write_one_chain() {
    let home = Home::new();
    open(&home.audit()).expect("opened");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let log = open(&home.audit()).expect("opened");
                std::thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| append(&log, 10));
                    }
                });
            });
        }
    });
    let verified = home.verify().expect("whole");
    assert_eq!((verified.records, verified.unfinished), (160, 0));
}

const CHILD: &str = "BEDSIDE_AUDIT_CHILD";

/// Not a test of its own: what each process of the next test does.
#[test]
fn child_process_appends() {
    if let Some(directory) = std::env::var_os(CHILD) {
        append(&open(Path::new(&directory)).expect("opened"), 25);
    }
}

#[test]
fn processes_write_one_chain() {
    let home = Home::new();
    let mut children: Vec<_> = (0..4)
        .map(|_| {
            Command::new(std::env::current_exe().expect("this program"))
                .args(["--exact", "child_process_appends"])
                .env(CHILD, home.audit())
                .stdout(Stdio::null())
                .spawn()
                .expect("started")
        })
        .collect();
    for child in &mut children {
        assert!(child.wait().expect("ended").success());
    }
    let verified = home.verify().expect("whole");
    assert_eq!((verified.records, verified.unfinished), (200, 0));
}

#[test]
fn an_intent_that_nobody_finished_is_counted() {
    let home = Home::new();
    let log = open(&home.audit()).expect("opened");
    let requester = requester();
    drop(log.intent(&event(&log, &requester)).expect("recorded"));
    append(&log, 1);
    assert_eq!(home.verify().expect("whole").unfinished, 1);
}

#[test]
fn every_changed_byte_is_an_edit_of_its_record() {
    let home = Home::with_records(4);
    let lines = home.lines();
    for (index, line) in lines.iter().enumerate() {
        for position in 0..line.len() {
            // The last line without its end is a torn record, which the test of torn records covers.
            if index + 1 == lines.len() && position + 1 == line.len() {
                continue;
            }
            let mut changed = lines.clone();
            changed[index][position] ^= 1;
            home.write(&changed);
            let broken = home.verify().expect_err("noticed");
            assert_eq!(
                broken,
                Broken { segment: 1, seq: index as u64 + 1, kind: Damage::Edited },
                "byte {position}"
            );
        }
    }
}

#[test]
fn an_edit_with_a_new_hash_is_found_by_its_successor() {
    let home = Home::with_records(6);
    let other = Home::with_records(6);
    let lines = home.lines();
    for index in 0..5 {
        // A forged record that is consistent in itself: framed anew over another body.
        let mut changed = lines.clone();
        changed[index] = reframed(&lines[index], "\"outcome\":\"ok\"", "\"outcome\":\"no\"");
        other.write(&changed);
        let broken = other.verify().expect_err("noticed");
        assert_eq!(broken, Broken { segment: 1, seq: index as u64 + 1, kind: Damage::Edited });
    }
}

/// The line with another text in its body and the hash that then is right.
fn reframed(line: &[u8], from: &str, to: &str) -> Vec<u8> {
    let value: serde_json::Value = serde_json::from_slice(line).expect("JSON");
    let text = String::from_utf8(line.to_vec()).expect("text");
    let start = text.find("\"record\":").expect("a record") + 9;
    let body = text[start..text.len() - 2].replace(from, to);
    assert_eq!(body.len(), text.len() - 2 - start, "the same length keeps the test simple");
    let previous = value["prev"].as_str().expect("hash");
    let mut bytes = bedside_audit::hex::decode::<32>(previous).expect("hexadecimal").to_vec();
    bytes.extend((body.len() as u64).to_be_bytes());
    bytes.extend(body.as_bytes());
    let hash = bedside_audit::hex::encode(ring::digest::digest(&ring::digest::SHA256, &bytes).as_ref());
    format!("{{\"len\":{},\"prev\":\"{previous}\",\"hash\":\"{hash}\",\"record\":{body}}}\n", body.len())
        .into_bytes()
}

#[test]
fn every_deletion_is_named() {
    let home = Home::with_records(6);
    let lines = home.lines();
    for first in 0..5 {
        for last in first..5 {
            let mut changed = lines.clone();
            changed.drain(first..=last);
            home.write(&changed);
            let broken = home.verify().expect_err("noticed");
            assert_eq!(
                broken,
                Broken { segment: 1, seq: first as u64 + 1, kind: Damage::Deleted },
                "{first} to {last}"
            );
        }
    }
}

#[test]
fn every_insertion_of_a_copy_is_named() {
    let home = Home::with_records(5);
    let lines = home.lines();
    for copy in 0..5 {
        for place in 0..=5 {
            let mut changed = lines.clone();
            changed.insert(place, lines[copy].clone());
            home.write(&changed);
            let broken = home.verify().expect_err("noticed");
            assert_eq!(broken.kind, Damage::Inserted, "copy of {copy} at {place}");
            // A record directly after its twin is the second of its number.
            let expected = if place == copy || place == copy + 1 { copy + 1 } else { place + 1 };
            assert_eq!(broken.seq, expected as u64, "copy of {copy} at {place}");
        }
    }
}

#[test]
fn a_forged_record_that_continues_the_chain_is_found_by_the_one_it_displaces() {
    let home = Home::with_records(5);
    let lines = home.lines();
    for place in 0..5 {
        let mut changed = lines.clone();
        changed.insert(place, reframed(&lines[place], "\"outcome\":\"ok\"", "\"outcome\":\"no\""));
        home.write(&changed);
        let broken = home.verify().expect_err("noticed");
        assert_eq!(broken, Broken { segment: 1, seq: place as u64 + 1, kind: Damage::Inserted });
    }
}

#[test]
fn every_exchange_of_two_records_is_named() {
    let home = Home::with_records(6);
    let lines = home.lines();
    for first in 0..6 {
        for second in first + 1..6 {
            let mut changed = lines.clone();
            changed.swap(first, second);
            home.write(&changed);
            let broken = home.verify().expect_err("noticed");
            assert_eq!(
                broken,
                Broken { segment: 1, seq: first as u64 + 1, kind: Damage::Reordered },
                "{first}, {second}"
            );
        }
    }
}

#[test]
fn a_cut_tail_and_a_log_written_anew_show_against_an_anchor() {
    let home = Home::with_records(6);
    let lines = home.lines();
    let anchor = home.verify().expect("whole").head;
    for kept in 0..6 {
        home.write(&lines[..kept]);
        assert_eq!(home.verify().expect("whole by itself").records, kept as u64);
        let broken = home.verify_from(Some(&anchor)).expect_err("noticed");
        assert_eq!(broken, Broken { segment: 1, seq: kept as u64 + 1, kind: Damage::Truncated });
    }
    home.write(&lines);
    append(&open(&home.audit()).expect("opened"), 3);
    assert_eq!(home.verify_from(Some(&anchor)).expect("grown").records, 12);

    let anew = Home::new();
    append(&open(&anew.audit()).expect("opened"), 6);
    let broken = anew.verify_from(Some(&anchor)).expect_err("noticed");
    assert_eq!(broken, Broken { segment: 1, seq: 6, kind: Damage::Rewritten });
}

#[test]
fn a_torn_last_record_is_removed_at_every_length_and_the_log_says_so() {
    let home = Home::with_records(3);
    let lines = home.lines();
    for cut in 1..lines[2].len() {
        let mut torn = lines.clone();
        torn[2].truncate(cut);
        home.write(&torn);
        assert_eq!(home.verify(), Err(Broken { segment: 1, seq: 3, kind: Damage::Torn }), "{cut}");
        let log = open(&home.audit()).expect("opened");
        assert_eq!(home.verify().expect("mended").records, 3);
        let repair: serde_json::Value = serde_json::from_slice(&home.lines()[2]).expect("JSON");
        assert_eq!(repair["record"]["event"], "repair");
        assert_eq!(repair["record"]["bytes"], cut);
        append(&log, 1);
        assert_eq!(home.verify().expect("whole").records, 5);
    }
}

#[test]
fn a_tail_that_is_not_provably_torn_is_left_alone_and_closes_the_log() {
    let home = Home::with_records(2);
    let lines = home.lines();
    let line = &lines[1];
    let mut long = line[..line.len() - 1].to_vec();
    long.extend([b' '; 9]);
    for tail in [b"garbage".to_vec(), b"\0\0x".to_vec(), long, b"x\n".to_vec()] {
        home.write(&[lines.clone(), vec![tail]].concat());
        let before = fs::read(home.file()).expect("read");
        assert!(matches!(open(&home.audit()), Err(AuditError::Damaged)));
        assert_eq!(fs::read(home.file()).expect("read"), before);
    }
}

#[test]
fn a_log_changed_under_an_open_handle_stops_it() {
    let requester = requester();
    for change in [b"".to_vec(), b"{}\n".to_vec()] {
        let home = Home::with_records(2);
        let log = open(&home.audit()).expect("opened");
        let kept = if change.is_empty() {
            home.lines()[..1].to_vec()
        } else {
            [home.lines(), vec![change]].concat()
        };
        home.write(&kept);
        assert!(matches!(log.intent(&event(&log, &requester)), Err(AuditError::Damaged)));
    }
    let home = Home::with_records(2);
    let log = open(&home.audit()).expect("opened");
    fs::remove_file(home.file()).expect("removed");
    assert!(log.intent(&event(&log, &requester)).is_err(), "a removed log is not begun anew");
}

#[test]
fn whichever_operation_fails_the_caller_is_told_and_the_log_stays_whole() {
    let requester = requester();
    let mut plays = 0;
    for fault in [Fault::Before, Fault::Half, Fault::After] {
        for for_ever in [false, true] {
            for at in 1.. {
                let home = Home::with_records(2);
                let plan = Plan::new(at, fault, for_ever);
                let promised = play(&home, &plan, &requester);
                if plan.operations() < at {
                    assert_eq!(promised, 4, "nothing failed");
                    break;
                }
                plays += 1;
                append(&open(&home.audit()).expect("opens again"), 1);
                let records = home.verify().expect("whole").records;
                assert!(records >= promised + 2, "{records} of {promised}: a promised record is lost");
            }
        }
    }
    assert!(plays > 50, "{plays}");
}

/// Opens a log of two records, adds an intent and its outcome; how many records were promised durable.
fn play(home: &Home, plan: &Arc<Plan>, requester: &Requester) -> u64 {
    let Ok(log) = AuditLog::open_on(home.failing(plan), pepper(), Arc::new(Fixed)) else { return 2 };
    let Ok(intent) = log.intent(&event(&log, requester)) else {
        return 2;
    };
    if intent.outcome(Outcome::ok(Detail::default())).is_ok() { 4 } else { 3 }
}

#[test]
fn after_a_failed_append_the_handle_never_goes_on() {
    let home = Home::with_records(1);
    let requester = requester();
    let plan = Plan::new(0, Fault::After, false);
    drop(AuditLog::open_on(home.failing(&plan), pepper(), Arc::new(Fixed)).expect("opened"));
    // A record takes the lock, asks for the length and appends: the append is its third operation.
    let plan = Plan::new(plan.operations() + 3, Fault::After, false);
    let log = AuditLog::open_on(home.failing(&plan), pepper(), Arc::new(Fixed)).expect("opened");
    assert!(matches!(log.intent(&event(&log, &requester)), Err(AuditError::Unwritable(_))));
    assert!(matches!(log.intent(&event(&log, &requester)), Err(AuditError::Stopped)));
    assert!(matches!(log.head(), Err(AuditError::Stopped)));
}
