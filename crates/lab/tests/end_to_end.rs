//! From admissions over the wire into the cache, with practices that do not behave.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use bedside_audit::EventKind;
use bedside_cache::{CacheError, NotReadable};
use bedside_lab::demo::{Site, fixtures};
use bedside_lab::provider::{Behaviour, SimulatedSpine};
use bedside_model::EpisodeId;
use bedside_spine::{RetryPolicy, Settings, london_day};
use bedside_warm::{Outcome, Pipeline, Report};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The admissions of the fixtures on a ward of their own, against practices that answer at once but for one.
struct Ward {
    spine: SimulatedSpine,
    site: Site,
    _folder: TempDir,
}

impl Ward {
    async fn new(odd: &str, behaviour: Behaviour) -> Self {
        let mut scene = fixtures(Timestamp::now());
        for surgery in &mut scene.practices {
            let is_odd = surgery.practice.ods == odd;
            surgery.practice.behaviour = if is_odd { behaviour.clone() } else { Behaviour::Normal };
        }
        let spine = SimulatedSpine::start(scene.config(0)).await.expect("starts");
        let folder = tempfile::tempdir().expect("a folder");
        let site = Site::create(folder.path(), &spine, &scene.admissions).expect("a site");
        Self { spine, site, _folder: folder }
    }

    async fn warm(&self) -> Report {
        self.warm_with(&Pipeline::admission(london_day(Timestamp::now())).expect("keeps the rules")).await
    }

    /// Each call once: that and when it is made again is the client's own affair.
    async fn warm_with(&self, pipeline: &Pipeline) -> Report {
        let retry = RetryPolicy { backoff: Vec::new(), ..RetryPolicy::default() };
        let concurrency = NonZeroUsize::new(4).expect("not zero");
        let settings = Settings { retry, ..Settings::default() };
        let warmer = self.site.warmer(&self.spine, settings, concurrency).expect("a warmer");
        warmer.run("run", self.site.admissions().expect("a list"), pipeline, &mut |_| {}).await
    }

    /// That the log's chain holds, with an outcome to every intent.
    fn assert_audited(&self) {
        let verified = bedside_audit::verify(&self.site.path("audit"), None).expect("the chain holds");
        assert_eq!(verified.unfinished, 0);
    }

    /// Folders of episodes in the cache.
    fn stored(&self) -> usize {
        fs::read_dir(self.site.path("cache/episodes")).expect("a folder").count()
    }

    fn not_readable(&self, episode: &EpisodeId) -> NotReadable {
        let reader = self.site.reader(EventKind::Read, episode).expect("a reader");
        match self.site.cache.grant(&reader, episode) {
            Err(CacheError::NotReadable(why)) => why,
            other => panic!("{other:?}"),
        }
    }
}

fn episode(number: u32) -> EpisodeId {
    format!("EP-2026-{number:04}").parse().expect("an id")
}

fn outcome(report: &Report, number: u32) -> &Outcome {
    let id = episode(number);
    let mut reports = report.episodes.iter();
    &reports.find(|report| report.episode == id.as_str()).expect("an outcome").outcome
}

/// The episodes that were warmed, by number.
fn warmed(report: &Report) -> Vec<u32> {
    (1..=11).filter(|number| outcome(report, *number).name() == "warmed").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_killed_half_way_through_a_body_fails_its_own_episode_alone() {
    let ward = Ward::new("TEST003", Behaviour::CutHalfWay).await;
    let report = ward.warm().await;
    let Outcome::NotFetched(trouble) = outcome(&report, 3) else { panic!("{:?}", outcome(&report, 3)) };
    assert!(!trouble.refused && trouble.attempts == 1 && trouble.trace_id.is_some(), "{trouble:?}");
    assert_eq!(trouble.reason, "unavailable/cut");
    assert!(!trouble.message.is_empty() && !trouble.advice.is_empty());
    assert_eq!(warmed(&report), [1, 2, 4, 5, 6, 7, 8, 9]);
    assert_eq!(ward.stored(), 8, "half a record leaves nothing behind");
    assert!(matches!(ward.not_readable(&episode(3)), NotReadable::NotWarmed));
    ward.assert_audited();
    let log = fs::read_to_string(ward.site.path("audit/audit.ndjson")).expect("a log");
    assert!(log.contains(trouble.trace_id.as_deref().expect("sent")), "the failed attempt is on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_practice_fails_its_own_episodes_alone_and_a_later_run_mends_it() {
    let ward = Ward::new("TEST002", Behaviour::FlakyThenOk(2)).await;
    assert_eq!(warmed(&ward.warm().await), [1, 3, 4, 6, 7, 8, 9]);
    assert_eq!(warmed(&ward.warm().await), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let generations: Vec<_> =
        ward.site.cache.list().expect("listed").iter().map(|episode| episode.generation).collect();
    assert_eq!(generations.iter().filter(|generation| **generation == Some(2)).count(), 7, "{generations:?}");
    assert_eq!(ward.stored(), 9);
    ward.assert_audited();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consultation_pipeline_asks_for_the_days_of_the_admission_alone() {
    let ward = Ward::new("", Behaviour::Normal).await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/consultation.toml");
    let pipeline = Pipeline::read(&path, london_day(Timestamp::now())).expect("a pipeline");
    let report = ward.warm_with(&pipeline).await;
    assert_eq!(warmed(&report), [1, 6]);
    for number in [2, 3, 4, 5, 7, 8, 9, 10, 11] {
        assert_eq!(outcome(&report, number).name(), "not_applicable");
    }
    let requests = ward.spine.requests();
    assert!(requests.iter().all(|seen| seen.problem.is_none()), "as the specification wants them");
    let bodies: Vec<Value> = requests.into_iter().filter_map(|seen| seen.body).collect();
    assert_eq!(bodies.len(), 2, "nothing was sent for the others");
    for (number, (start, end)) in
        [("9992926457", ("2026-01-04", "2026-01-06")), ("9991058923", ("2026-01-11", "2026-01-13"))]
    {
        let asked = json!([
            {"name": "patientNHSNumber", "valueIdentifier":
                {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}},
            {"name": "includeConsultations", "part": [
                {"name": "consultationSearchPeriod", "valuePeriod": {"start": start, "end": end}}]},
        ]);
        assert!(bodies.iter().any(|body| body["parameter"] == asked), "{asked} not in {bodies:?}");
    }
    ward.assert_audited();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_patients_record_is_not_stored() {
    let other = fixtures(Timestamp::now()).admissions.lines().nth(1).map(number_of).expect("a second line");
    let ward = Ward::new("TEST003", Behaviour::WrongPatient(other)).await;
    let report = ward.warm().await;
    let Outcome::WrongPatient { differing, problem } = outcome(&report, 3) else { panic!("stored") };
    assert!(differing.is_empty() && problem.contains("another NHS number"), "{problem}");
    let Outcome::WrongPatient { differing, .. } = outcome(&report, 10) else { panic!("stored") };
    assert_eq!(differing, &["given"]);
    assert_eq!(ward.stored(), warmed(&report).len());
    for number in [3, 10] {
        assert!(matches!(ward.not_readable(&episode(number)), NotReadable::NotWarmed));
    }
    ward.assert_audited();
}

fn number_of(line: &str) -> String {
    let line: Value = serde_json::from_str(line).expect("JSON");
    line["nhs_number"].as_str().expect("a number").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_record_is_gone_and_says_so_and_the_others_stay() {
    let ward = Ward::new("", Behaviour::Normal).await;
    ward.warm().await;
    let reader = ward.site.reader(EventKind::Purge, &episode(2)).expect("a reader");
    let receipt = ward.site.cache.purge(&episode(2), &reader).expect("purged");
    assert!(receipt.files >= 10, "nine tables and a manifest: {receipt:?}");
    assert!(matches!(ward.not_readable(&episode(2)), NotReadable::Purged { at } if at == receipt.at));
    let Err(stopped) = ward.site.read(&episode(2)) else { panic!("readable") };
    assert!(stopped.message.contains("was purged at"), "{}", stopped.message);
    assert!(ward.site.read(&episode(1)).is_ok());
    ward.assert_audited();
}
