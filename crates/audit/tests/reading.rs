//! The log as it is read back: who saw a patient's record, and export. And the log on a full volume, which still
//! records that it refused.

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/memory.rs"]
mod memory;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedside_audit::disk::Disk;
use bedside_audit::{
    Access, AuditError, AuditLog, Clock, Detail, Event, EventKind, Outcome, Pepper, Pseudonym, Secret,
    SystemEvent, VerifyError, accesses, audit_event, verify, who_saw,
};
use bedside_model::{NhsNumber, Requester};
use jiff::Timestamp;
use memory::MemoryDisk;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        "2026-01-15T10:30:00Z".parse().expect("a timestamp")
    }
}

fn requester(family: &str) -> Requester {
    Requester {
        user_id: "u-17".into(),
        sds_user_id: "UNK".into(),
        sds_role_profile_id: "UNK".into(),
        family: family.into(),
        given: "Ann".into(),
        prefix: None,
        role: "Pharmacist".into(),
        organisation: "RXX01".parse().expect("ODS code"),
        organisation_name: "Example Hospital".into(),
    }
}

fn pepper() -> Pepper {
    Pepper::new(Secret::from_bytes(&[5; 32]))
}

fn number(text: &str) -> NhsNumber {
    text.parse().expect("test number")
}

fn event<'a>(
    kind: EventKind,
    requester: &'a Requester,
    (episode, patient): (&'a str, Option<Pseudonym>),
) -> Event<'a> {
    Event {
        kind,
        requester,
        purpose: "directcare",
        relationship: Some("admitting team"),
        episode: Some(episode),
        patient,
        detail: Detail::default(),
    }
}

/// A log of two patients: a fetch, reads, a refusal that knows no patient, a purge by a rule, a crash.
fn lived(directory: &Path) -> (Pseudonym, Pseudonym) {
    let log = AuditLog::open(directory, pepper(), Arc::new(Fixed)).expect("opened").on_device("WARD-1");
    let (one, two) = (log.pseudonym(&number("9990000018")), log.pseudonym(&number("9990000026")));
    let (ann, bob) = (requester("Example"), requester("Other"));
    let done = |event: &Event<'_>, detail| {
        log.intent(event).expect("recorded").outcome(Outcome::ok(detail)).expect("recorded");
    };
    done(&event(EventKind::Fetch, &ann, ("tag-one", Some(one.clone()))), Detail::default());
    let rows = [("allergies", 2)].into();
    done(
        &event(EventKind::Read, &bob, ("tag-one", Some(one.clone()))),
        Detail { rows, age_s: Some(60), ..Detail::default() },
    );
    done(&event(EventKind::Read, &ann, ("tag-two", Some(two.clone()))), Detail::default());
    let refused = event(EventKind::Grant, &bob, ("tag-one", None));
    log.record(&refused, &Outcome::blocked("organisation")).expect("recorded");
    let rule = Detail { cause: Some("discharged"), ..Detail::default() };
    let purge = SystemEvent { kind: EventKind::Purge, episode: Some("tag-one"), patient: None, detail: rule };
    let purged = Detail { receipt: Some([7; 16]), ..Detail::default() };
    log.system_intent(&purge).expect("recorded").outcome(Outcome::ok(purged)).expect("recorded");
    drop(log.intent(&event(EventKind::Read, &ann, ("tag-one", Some(one.clone())))).expect("recorded"));
    (one, two)
}

fn directory() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().expect("temporary directory");
    let audit = home.path().join("audit");
    (home, audit)
}

#[test]
fn a_patient_is_told_who_saw_their_record_and_who_was_refused() {
    let (_home, audit) = directory();
    let (one, two) = lived(&audit);
    let told = |patient: &Pseudonym| -> Vec<(String, String, Option<String>)> {
        let (found, _) = who_saw(&audit, None, patient).expect("whole");
        let row = |access: &Access| {
            let who = access.entry.user.as_ref().map(|user| user.name.clone());
            (access.entry.event.clone(), access.verdict().to_owned(), who)
        };
        found.iter().map(row).collect()
    };
    let row = |event: &str, verdict: &str, who: Option<&str>| {
        (event.to_owned(), verdict.to_owned(), who.map(str::to_owned))
    };
    let expected = [
        row("fetch", "ok", Some("Ann Example")),
        row("read", "ok", Some("Ann Other")),
        row("grant", "blocked", Some("Ann Other")),
        row("purge", "ok", None),
        row("read", "unknown", Some("Ann Example")),
    ];
    assert_eq!(told(&one), expected);
    assert_eq!(told(&two), [row("read", "ok", Some("Ann Example"))]);
    let other_pepper = Pepper::new(Secret::from_bytes(&[6; 32])).pseudonym(&number("9990000018"));
    assert!(told(&other_pepper).is_empty(), "without the pepper the log tells nothing");
}

#[test]
fn a_broken_log_is_not_read_out_as_if_it_were_whole() {
    let (_home, audit) = directory();
    let (one, _) = lived(&audit);
    let file = audit.join("audit.ndjson");
    let text = fs::read_to_string(&file).expect("read").replacen("Ann Other", "Ann Othes", 1);
    fs::write(&file, text).expect("written");
    assert!(matches!(who_saw(&audit, None, &one), Err(VerifyError::Broken(_))));
}

#[test]
fn every_event_is_exported_once_as_a_fhir_audit_event() {
    let (_home, audit) = directory();
    lived(&audit);
    let mut exported = Vec::new();
    accesses(&audit, None, |access| {
        exported.push(audit_event(&access));
        Ok(())
    })
    .expect("whole");
    let of = |field: &str| -> Vec<String> {
        let text = |event: &serde_json::Value| {
            event.pointer(field).and_then(|value| value.as_str()).unwrap_or("-").to_owned()
        };
        exported.iter().map(text).collect()
    };
    assert_eq!(of("/subtype/0/code"), ["fetch", "read", "read", "grant", "purge", "read"]);
    assert_eq!(of("/type/code"), ["110112", "110110", "110110", "110110", "110110", "110110"]);
    assert_eq!(of("/action"), ["E", "R", "R", "E", "D", "R"]);
    assert_eq!(of("/outcome"), ["0", "0", "0", "4", "0", "12"]);
    assert_eq!(of("/outcomeDesc"), ["-", "-", "-", "organisation", "discharged", "-"]);
    assert_eq!(of("/purposeOfEvent/0/coding/0/code"), ["TREAT", "TREAT", "TREAT", "TREAT", "-", "TREAT"]);
    for event in &exported {
        // What STU3 requires of every AuditEvent.
        for field in ["/type", "/recorded", "/agent/0/requestor", "/source/identifier/value"] {
            assert!(event.pointer(field).is_some(), "{field} in {event}");
        }
        assert!(!event.to_string().contains("999000"));
        assert_eq!(event["source"]["identifier"]["value"], "WARD-1");
    }
    assert_eq!(exported[1]["agent"][0]["name"], "Ann Other");
    assert_eq!(exported[1]["extension"][1]["valueString"], "4");
    let details = exported[1]["entity"][1]["detail"].as_array().expect("details");
    assert!(details.iter().any(|detail| detail["type"] == "rows.allergies" && detail["value"] == "Mg=="));
    assert_eq!(exported[4]["agent"][0]["requestor"], true, "the system acted by itself");
    assert_eq!(exported[4]["entity"][0]["lifecycle"]["code"], "15");
}

/// The log's file as a program on a real disk sees it.
fn whole_chain(disk: &MemoryDisk) -> u64 {
    let (_home, audit) = directory();
    fs::create_dir(&audit).expect("made");
    fs::write(audit.join("audit.ndjson"), &disk.files()["audit.ndjson"]).expect("written");
    verify(&audit, None).expect("one whole chain").records
}

fn last(disk: &MemoryDisk) -> serde_json::Value {
    let text = String::from_utf8(disk.files()["audit.ndjson"].clone()).expect("text");
    let line: serde_json::Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
    line["record"].clone()
}

#[test]
fn on_a_full_volume_the_refusal_is_recorded_and_the_log_goes_on_when_there_is_room() {
    let disk = Arc::new(MemoryDisk::default());
    let open = || AuditLog::open_on(disk.clone(), pepper(), Arc::new(Fixed)).expect("opened");
    let log = open();
    let requester = requester("Example");
    let read = event(EventKind::Read, &requester, ("tag", None));
    // Room for none, for a part, and for all but the line's end.
    for room in [0, 1, 300, 400] {
        disk.limit(room);
        assert!(matches!(log.intent(&read), Err(AuditError::Full)), "{room}");
        let refusal = last(&disk);
        assert_eq!(
            (refusal["outcome"].as_str(), refusal["reason"].as_str()),
            (Some("blocked"), Some("log_full"))
        );
        whole_chain(&disk);
    }
    disk.limit(1 << 20);
    let intent = log.intent(&read).expect("recorded");
    disk.limit(100);
    assert!(matches!(intent.outcome(Outcome::ok(Detail::default())), Err(AuditError::Full)));
    assert_eq!((last(&disk)["reason"].as_str(), last(&disk)["intent"].as_u64()), (Some("log_full"), Some(5)));
    disk.limit(1 << 20);
    drop(log);
    open();
    assert_eq!(disk.length("reserve").expect("there"), 64 * 1024, "the reserve is made whole again");
    assert_eq!(whole_chain(&disk), 6);
}

#[test]
fn when_even_the_reserve_is_used_up_nothing_is_promised_and_nothing_is_broken() {
    let disk = Arc::new(MemoryDisk::default());
    let log = AuditLog::open_on(disk.clone(), pepper(), Arc::new(Fixed)).expect("opened");
    let requester = requester("Example");
    let read = event(EventKind::Read, &requester, ("tag", None));
    disk.limit(0);
    let mut refused = 0;
    loop {
        match log.intent(&read) {
            Err(AuditError::Full) => refused += 1,
            Err(AuditError::Unwritable(_)) => break,
            other => panic!("{:?}", other.map(|intent| intent.seq())),
        }
        disk.limit(0);
    }
    assert!(refused >= 8, "{refused} refusals found room");
    assert!(matches!(log.intent(&read), Err(AuditError::Stopped)));
    disk.limit(1 << 20);
    let log = AuditLog::open_on(disk.clone(), pepper(), Arc::new(Fixed)).expect("opens when there is room");
    drop(log.intent(&read).expect("recorded"));
    assert!(whole_chain(&disk) > refused);
}
