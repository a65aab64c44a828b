//! What a crash cuts off between intent and outcome gets an outcome, once.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bedside_audit::disk::{Disk, LocalDisk};
use bedside_audit::{
    AuditError, AuditLog, Clock, Detail, Event, EventKind, Outcome, Pepper, Secret, SystemEvent, audit_event,
    verify, who_saw,
};
use bedside_model::Requester;
use jiff::{SignedDuration, Timestamp};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).expect("in range")
    }
}

struct Ward {
    _home: tempfile::TempDir,
    audit: PathBuf,
    clock: Arc<Set>,
}

impl Ward {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("temporary directory");
        let audit = home.path().join("audit");
        Self { _home: home, audit, clock: Arc::new(Set(AtomicI64::new(1_768_473_000))) }
    }

    fn open(&self) -> AuditLog {
        let pepper = Pepper::new(Secret::from_bytes(&[5; 32]));
        AuditLog::open(&self.audit, pepper, self.clock.clone()).expect("opened")
    }

    fn wait(&self, minutes: i64) {
        self.clock.0.fetch_add(60 * minutes, Ordering::SeqCst);
    }
}

fn requester() -> Requester {
    Requester {
        user_id: "u-17".into(),
        sds_user_id: "UNK".into(),
        sds_role_profile_id: "UNK".into(),
        family: "Example".into(),
        given: "Ann".into(),
        prefix: None,
        role: "Pharmacist".into(),
        organisation: "RXX01".parse().expect("ODS code"),
        organisation_name: "Example Hospital".into(),
    }
}

#[test]
fn what_had_no_outcome_for_an_hour_is_recorded_as_unknown_once() {
    let ward = Ward::new();
    let log = ward.open().with_segments_of(1_000);
    let requester = requester();
    let patient = log.pseudonym(&"9990000018".parse().expect("test number"));
    let fetch = Event {
        kind: EventKind::Fetch,
        requester: &requester,
        purpose: "directcare",
        relationship: Some("admitting team"),
        episode: Some("tag-one"),
        patient: Some(patient.clone()),
        detail: Detail::default(),
    };
    let detail = Detail { cause: Some("discharged"), ..Detail::default() };
    let purge = SystemEvent { kind: EventKind::Purge, episode: Some("tag-two"), patient: None, detail };
    drop(log.intent(&fetch).expect("recorded"));
    drop(log.system_intent(&purge).expect("recorded"));
    log.intent(&fetch).expect("recorded").outcome(Outcome::blocked("denied")).expect("recorded");
    drop(log);

    let log = ward.open();
    ward.wait(59);
    let alive = log.intent(&fetch).expect("recorded");
    assert_eq!(log.close_unfinished(HOUR).expect("closed"), 0, "they may still be going on");
    ward.wait(1);
    assert_eq!(log.close_unfinished(HOUR).expect("closed"), 2);
    assert_eq!(log.close_unfinished(HOUR).expect("closed"), 0, "once");
    assert_eq!(verify(&ward.audit, None).expect("whole").unfinished, 1, "what is going on is left alone");
    alive.outcome(Outcome::ok(Detail::default())).expect("recorded");

    let (seen, verified) = who_saw(&ward.audit, None, &patient).expect("whole");
    assert_eq!(verified.unfinished, 0);
    let told: Vec<_> = seen.iter().map(|access| (access.verdict(), access.reason())).collect();
    assert_eq!(told, [("unknown", Some("no_outcome")), ("blocked", Some("denied")), ("ok", None)]);
    assert_eq!(audit_event(&seen[0])["outcome"], "12");
}

#[test]
fn two_who_look_at_the_same_time_close_nothing_twice() {
    let ward = Ward::new();
    let log = ward.open();
    let event =
        SystemEvent { kind: EventKind::Purge, episode: None, patient: None, detail: Detail::default() };
    for _ in 0..20 {
        drop(log.system_intent(&event).expect("recorded"));
    }
    ward.wait(60);
    let closed: u64 = std::thread::scope(|scope| {
        let looking: Vec<_> =
            (0..4).map(|_| scope.spawn(|| ward.open().close_unfinished(HOUR).expect("closed"))).collect();
        looking.into_iter().map(|one| one.join().expect("no panic")).sum()
    });
    assert_eq!(closed, 20);
    let verified = verify(&ward.audit, None).expect("whole");
    assert_eq!((verified.records, verified.unfinished), (40, 0));

    drop(log.system_intent(&event).expect("recorded"));
    ward.wait(60);
    let disk = LocalDisk::open(&ward.audit).expect("opened");
    let busy = disk.lock("unfinished.lock").expect("locked");
    assert_eq!(log.close_unfinished(HOUR).expect("asked"), 0, "somebody else is at it");
    drop(busy);
    assert_eq!(log.close_unfinished(HOUR).expect("closed"), 1);
}

#[test]
fn a_clock_ten_years_ahead_closes_the_log() {
    let ward = Ward::new();
    let log = ward.open();
    let event =
        SystemEvent { kind: EventKind::Purge, episode: None, patient: None, detail: Detail::default() };
    drop(log.system_intent(&event).expect("recorded"));
    ward.wait(11 * 366 * 24 * 60);
    assert!(matches!(log.system_intent(&event), Err(AuditError::ClockAhead)));
    assert!(matches!(log.close_unfinished(HOUR), Err(AuditError::ClockAhead)));
    ward.wait(-11 * 366 * 24 * 60);
    drop(log.system_intent(&event).expect("set right, the log goes on"));
    assert_eq!(verify(&ward.audit, None).expect("whole").records, 2);
}
