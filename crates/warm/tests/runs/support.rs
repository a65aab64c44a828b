//! A ward in a temporary folder: a cache, an audit log, a directory of two practices, and a Spine that answers as
//! it is told.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedside_audit::{AuditLog, Clock, Pepper, Secret, SystemRandomness};
use bedside_cache::{Cache, KeyFile, SitePolicy};
use bedside_spine::{
    AllowedHosts, Answer, BodySink, Call, ContentType, Decision, Evidence, FetchError, StaticDirectory,
    Tracer, Transport, Witness,
};
use bedside_warm::{Admissions, Control, EPISODE_DEADLINE, Event, Line, Parts, Pipeline, Report, Warmer};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) const NOW: &str = "2026-01-15T09:30:00Z";
/// Test-range NHS numbers with right check digits.
pub(crate) const NUMBERS: [&str; 6] =
    ["9990000018", "9990000026", "9990000034", "9990000042", "9990000050", "9990000069"];

pub(crate) struct FixedClock(pub(crate) Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// What the Spine does with a call.
#[derive(Clone)]
pub(crate) enum Reply {
    Body(String),
    Error(Decision),
    /// The body in pieces of that length, after an attempt that broke off in the middle of another.
    Pieces(String, usize),
    /// Two attempts end so, the third with the body.
    FailsTwice(Decision, String),
    Never,
    Panic,
}

/// A transport that answers by NHS number. It counts its calls, and lets two in at a time when told to wait.
#[derive(Default)]
pub(crate) struct FakeSpine {
    pub(crate) replies: HashMap<String, Reply>,
    pub(crate) calls: AtomicUsize,
    pub(crate) bodies: Mutex<Vec<Value>>,
    pub(crate) pairs: Option<tokio::sync::Barrier>,
    /// What each call waits for, if it waits.
    pub(crate) gate: Option<tokio::sync::Notify>,
}

impl FakeSpine {
    fn answering(replies: impl IntoIterator<Item = (usize, Reply)>) -> Self {
        let replies =
            replies.into_iter().map(|(patient, reply)| (NUMBERS[patient].to_owned(), reply)).collect();
        Self { replies, ..Self::default() }
    }
}

impl Transport for Shared {
    async fn fetch(
        &self,
        call: &Call,
        witness: &dyn Witness,
        sink: &mut dyn BodySink,
    ) -> Result<Answer, FetchError> {
        let spine = &self.0;
        spine.calls.fetch_add(1, Ordering::SeqCst);
        if let Some(pairs) = &spine.pairs {
            pairs.wait().await;
        }
        if let Some(gate) = &spine.gate {
            gate.notified().await;
        }
        let body = call.parameters.to_body(&call.nhs_number);
        spine.bodies.lock().expect("whole").push(serde_json::from_slice(&body).expect("JSON"));
        let evidence = Evidence {
            trace_id: "11111111-2222-4333-8444-555555555555".into(),
            attempts: 1,
            ..Evidence::default()
        };
        match spine.replies[call.nhs_number.expose()].clone() {
            Reply::Body(body) => Ok(answer(&body, &evidence.trace_id, sink)),
            Reply::Pieces(body, length) => {
                sink.begin();
                sink.take(b"{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\"");
                let answer = answer("", &evidence.trace_id, sink);
                body.as_bytes().chunks(length).for_each(|piece| sink.take(piece));
                Ok(Answer { bytes: body.len(), ..answer })
            }
            Reply::Error(decision) => Err(FetchError { decision, evidence }),
            Reply::FailsTwice(error, body) => {
                for _ in 0..2 {
                    let failed = FetchError { decision: error, evidence: evidence.clone() };
                    if !witness.may_try_again(&failed) {
                        return Err(failed);
                    }
                }
                Ok(answer(&body, &evidence.trace_id, sink))
            }
            Reply::Never => std::future::pending().await,
            Reply::Panic => panic!("a defect, with {} in its words", call.nhs_number.expose()),
        }
    }
}

fn answer(body: &str, trace_id: &str, sink: &mut dyn BodySink) -> Answer {
    sink.begin();
    sink.take(body.as_bytes());
    Answer {
        received: body.len(),
        bytes: body.len(),
        status: 200,
        content_type: ContentType::FhirJson,
        trace_id: trace_id.to_owned(),
        earlier_trace_ids: Vec::new(),
        attempts: 1,
    }
}

/// A handle on the Spine, one for the run and one for the test.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<FakeSpine>);

pub(crate) struct Ward {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) cache: Arc<Cache>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) spine: Shared,
    pub(crate) deadline: Duration,
    pub(crate) requires_trace_echo: bool,
    clock: Arc<dyn Clock>,
}

/// A run's report and its events as they go over the wire.
pub(crate) struct Ran {
    pub(crate) report: Report,
    pub(crate) events: Vec<Value>,
}

impl Ward {
    pub(crate) fn new(replies: impl IntoIterator<Item = (usize, Reply)>) -> Self {
        Self::at(NOW, replies)
    }

    pub(crate) fn at(now: &str, replies: impl IntoIterator<Item = (usize, Reply)>) -> Self {
        Self::with(now, FakeSpine::answering(replies))
    }

    pub(crate) fn with(now: &str, spine: FakeSpine) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock: Arc<dyn Clock> = Arc::new(FixedClock(now.parse().expect("a time")));
        let secret = || Secret::random(&SystemRandomness).expect("randomness");
        let audit = AuditLog::open(&folder.path().join("audit"), Pepper::new(secret()), clock.clone());
        let audit = Arc::new(audit.expect("a log"));
        let key = Box::new(KeyFile::new(secret()));
        let cache = Cache::open(&folder.path().join("cache"), key, audit.clone(), clock.clone());
        let cache = Arc::new(cache.expect("a cache"));
        Self {
            folder,
            cache,
            audit,
            spine: Shared(Arc::new(spine)),
            deadline: EPISODE_DEADLINE,
            requires_trace_echo: false,
            clock,
        }
    }

    /// The same ward under a policy that keeps the practice's answer, or does not.
    pub(crate) fn keep(&mut self, keep_bundle: bool) {
        let key = Box::new(KeyFile::new(Secret::random(&SystemRandomness).expect("randomness")));
        let root = self.folder.path().join("kept");
        let cache = Cache::open(&root, key, self.audit.clone(), self.clock.clone()).expect("a cache");
        self.cache = Arc::new(cache.with_policy(SitePolicy { keep_bundle, ..SitePolicy::default() }));
    }

    /// What the Spine answers from now on.
    pub(crate) fn answers(&mut self, replies: impl IntoIterator<Item = (usize, Reply)>) {
        self.spine = Shared(Arc::new(FakeSpine::answering(replies)));
    }

    pub(crate) fn audit_folder(&self) -> PathBuf {
        self.folder.path().join("audit")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.audit_folder().join("audit.ndjson")).expect("a log")
    }

    pub(crate) fn calls(&self) -> usize {
        self.spine.0.calls.load(Ordering::SeqCst)
    }

    /// Runs a list, its lines judged as of [`NOW`], two at a time.
    pub(crate) async fn warm(&self, list: &str) -> Ran {
        self.warm_with(list, &Pipeline::admission(jiff::civil::date(2026, 1, 15)).expect("keeps the rules"))
            .await
    }

    pub(crate) async fn warm_with(&self, list: &str, pipeline: &Pipeline) -> Ran {
        let lines = Admissions::new(list.as_bytes(), NOW.parse().expect("a time"));
        self.run(lines, pipeline).await
    }

    pub(crate) async fn run(
        &self,
        lines: impl Iterator<Item = std::io::Result<Line>>,
        pipeline: &Pipeline,
    ) -> Ran {
        self.run_as("run-1", lines, pipeline).await
    }

    pub(crate) async fn run_as(
        &self,
        control: impl Into<Control>,
        lines: impl Iterator<Item = std::io::Result<Line>>,
        pipeline: &Pipeline,
    ) -> Ran {
        let mut events = Vec::new();
        let mut keep = |event: &Event| events.push(serde_json::to_value(event).expect("an event"));
        let report = self.warmer().run(control, lines, pipeline, &mut keep).await;
        Ran { report, events }
    }

    pub(crate) fn warmer(&self) -> Warmer<Shared, StaticDirectory> {
        Warmer::new(Parts {
            transport: self.spine.clone(),
            directory: directory(),
            tracer: Tracer::Callers,
            asid: "200000000002".parse().expect("an ASID"),
            cache: self.cache.clone(),
            audit: self.audit.clone(),
            clock: self.clock.clone(),
            concurrency: NonZeroUsize::new(2).expect("not zero"),
            deadline: self.deadline,
            requires_trace_echo: self.requires_trace_echo,
        })
    }
}

impl Ran {
    /// Name of the outcome of an episode.
    pub(crate) fn outcome(&self, episode: &str) -> &'static str {
        let mut named = self.report.episodes.iter().filter(|report| report.episode == episode);
        let report = named.next().unwrap_or_else(|| panic!("{episode} has no outcome"));
        assert!(named.next().is_none(), "{episode} has two outcomes");
        report.outcome.name()
    }
}

fn directory() -> StaticDirectory {
    let text = r#"
        [[practice]]
        ods = "A99001"
        service_root = "https://provider.example/A99001/STU3/1/gpconnect/structured"
        asid = "200000000001"
    "#;
    StaticDirectory::from_toml(text, &AllowedHosts::new(["example"])).expect("a directory")
}

/// The admission line of a patient; the episode is `EP-` and the patient's index.
pub(crate) fn line(patient: usize) -> Value {
    json!({
        "episode": format!("EP-{patient}"),
        "nhs_number": NUMBERS[patient],
        "practice_ods": "A99001",
        "demographics": {
            "family": "Sampleton", "given": "Edith", "gender": "female", "birth_date": "1950-02-28",
            "traced_at": "2026-01-15T08:00:00Z"
        },
        "requester": {
            "user_id": "user-17", "sds_user_id": "UNK", "sds_role_profile_id": "UNK",
            "family": "Example", "given": "Robin", "prefix": "Dr", "role": "Clinical Practitioner",
            "organisation_ods": "RX999", "organisation_name": "Test Hospital"
        },
        "reason": "directcare",
        "episode_ends": "2026-01-25T00:00:00Z"
    })
}

pub(crate) fn list(lines: impl IntoIterator<Item = Value>) -> String {
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

/// The patient's record: one allergy, and the lists of the four areas.
pub(crate) fn bundle(patient: usize, given: &str) -> Reply {
    let list = |code: &str, entries: Value| {
        json!({"resource": {"resourceType": "List", "id": format!("list-{code}"), "status": "current", "mode": "snapshot",
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": code}]}, "entry": entries}})
    };
    Reply::Body(
        json!({"resourceType": "Bundle", "type": "collection", "entry": [
            {"resource": {"resourceType": "Patient", "id": "p",
                "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBERS[patient]}],
                "name": [{"use": "official", "family": "Sampleton", "given": [given]}],
                "gender": "female", "birthDate": "1950-02-28",
                "managingOrganization": {"reference": "Organization/o"}}},
            {"resource": {"resourceType": "Organization", "id": "o", "name": "Test Surgery",
                "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A99001"}]}},
            {"resource": {"resourceType": "AllergyIntolerance", "id": "a1", "clinicalStatus": "active",
                "verificationStatus": "unconfirmed", "code": {"text": "Zanthoxylum"},
                "patient": {"reference": "Patient/p"}, "assertedDate": "2010-06"}},
            list("886921000000105", json!([{"item": {"reference": "AllergyIntolerance/a1"}}])),
            list("933361000000108", json!([])),
            list("717711000000103", json!([])),
            list("1149501000000101", json!([])),
        ]})
        .to_string(),
    )
}
