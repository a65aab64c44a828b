//! Patients whom the hospital has not traced: the national record decides whether and about whom the practice is asked
//! (GPC-CORE01 to CORE09). What the national record may say is in `look_up`.

use bedside_lab::demo::Site;
use bedside_lab::provider::{Behaviour, NationalRecord, Practice, SimulatedSpine};
use bedside_spine::{PdsFhir, Tracer};
use bedside_warm::{Admissions, Outcome, Report};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{admission, asid, brisk, national, ods, patient, pipeline, site, start, tls, warmer};

struct World {
    spine: SimulatedSpine,
    site: Site,
    _folder: tempfile::TempDir,
}

impl World {
    /// Two practices; the hospital believes patient 0 to be of the first.
    async fn new(found: NationalRecord) -> Self {
        let practices =
            (0..2).map(|index| Practice::new(&ods(index), &asid(index), Behaviour::Normal)).collect();
        let spine = start(practices, 2, found).await;
        let folder = tempfile::tempdir().expect("a folder");
        let site = site(folder.path(), &spine);
        Self { spine, site, _folder: folder }
    }

    async fn warm(&self, line: &Value) -> Report {
        let pds =
            PdsFhir::new(&self.spine.pds_base(), &tls(&self.site), None, Timestamp::now).expect("a base");
        let tracer = Tracer::Pds(Box::new(pds));
        let warmer = warmer(&self.site, &self.spine.ssp_root(), (brisk(), tracer, 1));
        let text = line.to_string();
        let lines = Admissions::new(text.as_bytes(), Timestamp::now()).traced_here();
        warmer.run("trace", lines, &pipeline(), &mut |_| {}).await
    }

    /// How often a practice was asked.
    fn asked(&self) -> usize {
        self.spine.requests().iter().filter(|seen| seen.method == "POST").count()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.site.path("audit/audit.ndjson")).expect("a log")
    }
}

/// Patient 0 as the hospital knows them, not traced.
fn untraced() -> Value {
    let mut line = admission(0, &ods(0));
    line["demographics"].as_object_mut().expect("an object").remove("traced_at");
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untraced_patient_is_traced_and_the_registered_practice_is_asked() {
    let world = World::new(NationalRecord::of([national(0, &ods(1))])).await;
    let report = world.warm(&untraced()).await;
    assert!(report.all_warmed(), "{report:?}");
    let requests = world.spine.requests();
    assert!(requests.iter().all(|seen| seen.problem.is_none()));
    assert_eq!((requests.len(), world.asked()), (2, 1), "one trace, one call");
    assert_eq!(requests[0].header("nhsd-end-user-organisation-ods"), Some("RX999"));
    assert!(requests[1].target.contains(&ods(1)), "the practice of the national record");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_of_today_is_the_callers_and_is_not_made_again() {
    let world = World::new(NationalRecord::default()).await;
    assert!(world.warm(&admission(0, &ods(0))).await.all_warmed());
    assert_eq!(world.spine.requests().len(), 1, "nobody was traced");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superseded_number_is_replaced_and_that_is_on_record() {
    let current = patient(1);
    let mut line = untraced();
    // The practice has the same person under the current number.
    let superseding = json!(national(1, &ods(1)));
    let known = NationalRecord::patient(patient(0).nhs_number.expose(), ("", "", ""), "", "");
    let found = Behaviour::altered(move |_| superseding.to_string().into_bytes());
    let world = World::new(NationalRecord::default().with(known, found)).await;
    let (family, given, born) = (&current.family, &current.given, &current.birth_date);
    for (field, value) in [("family", family), ("given", given), ("birth_date", born)] {
        line["demographics"][field] = json!(value);
    }
    let report = world.warm(&line).await;
    let Outcome::Warmed(warmed) = &report.episodes[0].outcome else { panic!("{report:?}") };
    assert!(warmed.superseded);
    let bodies: Vec<_> = world.spine.requests().into_iter().filter_map(|seen| seen.body).collect();
    assert!(bodies[0].to_string().contains(current.nhs_number.expose()), "the current number was sent");
    assert!(world.log().contains("number_superseded"));
}
