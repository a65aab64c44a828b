//! Patients whom the hospital has traced today, and whom the practice does not find: the national record is asked once
//! (`retrieve` sheet, section 9, `PATIENT_NOT_FOUND`).

use bedside_cache::{HoldReason, NotReadable};
use bedside_lab::demo::Site;
use bedside_lab::provider::{Behaviour, NationalRecord, Practice, SimulatedSpine};
use bedside_spine::{PdsFhir, Tracer};
use bedside_warm::{Admissions, Outcome, Report};
use jiff::Timestamp;

use crate::support::{
    admission, asid, brisk, fetches, national, ods, pipeline, site, start, stored, tls, warmer,
};

struct World {
    spine: SimulatedSpine,
    site: Site,
    _folder: tempfile::TempDir,
}

impl World {
    /// Two practices, of which the first finds nobody.
    async fn new(found: NationalRecord) -> Self {
        let practices = vec![
            Practice::new(&ods(0), &asid(0), Behaviour::NotFound),
            Practice::new(&ods(1), &asid(1), Behaviour::Normal),
        ];
        let spine = start(practices, 1, found).await;
        let folder = tempfile::tempdir().expect("a folder");
        let site = site(folder.path(), &spine);
        Self { spine, site, _folder: folder }
    }

    /// Patient 0, traced now by the hospital, at the first practice.
    async fn warm(&self, tracer: Tracer) -> Report {
        self.warm_at(&ods(0), tracer).await
    }

    async fn warm_at(&self, practice: &str, tracer: Tracer) -> Report {
        let warmer = warmer(&self.site, &self.spine.ssp_root(), (brisk(), tracer, 1));
        let text = admission(0, practice).to_string();
        let lines = Admissions::new(text.as_bytes(), Timestamp::now());
        warmer.run("moved", lines, &pipeline(), &mut |_| {}).await
    }

    fn pds(&self) -> Tracer {
        let pds = PdsFhir::new(&self.spine.pds_base(), &tls(&self.site), None, Timestamp::now);
        Tracer::Pds(Box::new(pds.expect("a base")))
    }

    /// Who was asked, in order: `GET` is the national record, `POST` a practice.
    fn asked(&self) -> Vec<String> {
        self.spine.requests().into_iter().map(|seen| seen.method).collect()
    }
}

fn not_found(report: &Report) -> bool {
    matches!(&report.episodes[0].outcome, Outcome::NotFetched(trouble) if trouble.reason == "not_found")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_who_has_moved_is_asked_for_at_the_new_practice_and_both_calls_are_on_record() {
    let world = World::new(NationalRecord::of([national(0, &ods(1))])).await;
    let report = world.warm(world.pds()).await;
    assert!(report.all_warmed(), "{report:?}");
    assert_eq!(world.asked(), ["POST", "GET", "POST"]);
    let requests = world.spine.requests();
    assert!(requests[0].target.contains(&ods(0)) && requests[2].target.contains(&ods(1)));
    assert_ne!(requests[0].header("ssp-traceid"), requests[2].header("ssp-traceid"));
    let verdicts: Vec<String> = fetches(&world.site).into_iter().map(|(_, verdict)| verdict).collect();
    assert_eq!(verdicts, ["intent", "failed", "intent", "ok"], "one pair for each call");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_who_has_not_moved_is_asked_for_once() {
    let world = World::new(NationalRecord::of([national(0, &ods(0))])).await;
    let report = world.warm(world.pds()).await;
    assert!(not_found(&report), "{report:?}");
    assert_eq!(world.asked(), ["POST", "GET"]);
    assert_eq!(stored(&world.site), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_national_record_to_ask_the_practices_word_stands() {
    let world = World::new(NationalRecord::default()).await;
    assert!(not_found(&world.warm(Tracer::Callers).await));
    assert_eq!(world.asked(), ["POST"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_practice_that_does_not_find_the_patient_either_ends_it() {
    let world = World::new(NationalRecord::of([national(0, &ods(1))])).await;
    world.spine.kill(&ods(1));
    let report = world.warm(world.pds()).await;
    assert!(!report.all_warmed());
    assert_eq!(world.asked().iter().filter(|method| *method == "GET").count(), 1, "one trace");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_who_may_not_be_asked_about_any_more_is_not() {
    let mut restricted = national(0, &ods(1));
    restricted["meta"]["security"][0]["code"] = "R".into();
    let world = World::new(NationalRecord::of([restricted])).await;
    let report = world.warm(world.pds()).await;
    let Outcome::NotTraced(trouble) = &report.episodes[0].outcome else { panic!("{report:?}") };
    assert_eq!(trouble.reason, "trace/not_permitted");
    assert_eq!(world.asked(), ["POST", "GET"], "the new practice is not asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_was_shown_after_a_trace_had_said_that_it_must_not_be() {
    for (element, value, reason) in [
        ("/meta/security/0/code", "R".into(), HoldReason::Sensitive),
        ("/deceasedBoolean", true.into(), HoldReason::Deceased),
    ] {
        let mut patient = national(0, &ods(1));
        patient["deceasedBoolean"] = false.into();
        *patient.pointer_mut(element).expect("an element") = value;
        let world = World::new(NationalRecord::of([patient])).await;
        assert!(world.warm_at(&ods(1), Tracer::Callers).await.all_warmed());
        assert!(!world.warm(world.pds()).await.all_warmed());
        let episodes = world.site.cache.list().expect("listed");
        assert_eq!(episodes[0].not_readable, Some(NotReadable::Held { reason }));
    }
}
