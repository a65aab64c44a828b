//! Patients whom the hospital has not traced: the national record decides whether and about whom the practice is asked
//! (GPC-CORE01 to CORE09).

use std::collections::BTreeMap;

use bedside_lab::demo::Site;
use bedside_lab::provider::{Behaviour, NationalRecord, Practice, SimulatedSpine};
use bedside_spine::{PdsFhir, Tracer};
use bedside_warm::{Admissions, Outcome, Report};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{admission, asid, brisk, ods, patient, pipeline, site, start, tls, warmer};

/// The national record of patient 0, changed.
fn changed(change: impl FnOnce(&mut Value)) -> Result<Value, &'static str> {
    let patient = patient(0);
    let names = (patient.family.as_str(), patient.given.as_str());
    let mut found = NationalRecord::patient(patient.nhs_number.expose(), names, &patient.birth_date, &ods(1));
    change(&mut found);
    Ok(found)
}

struct World {
    spine: SimulatedSpine,
    site: Site,
    _folder: tempfile::TempDir,
}

impl World {
    /// Two practices; the hospital believes patient 0 to be of the first.
    async fn new(found: Result<Value, &'static str>) -> Self {
        let practices =
            (0..2).map(|index| Practice::new(&ods(index), &asid(index), Behaviour::Normal)).collect();
        let national = BTreeMap::from([(patient(0).nhs_number.expose().to_owned(), found)]);
        let spine = start(practices, 2, NationalRecord(national)).await;
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
    let world = World::new(changed(|_| ())).await;
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
    let world = World::new(Err("RESOURCE_NOT_FOUND")).await;
    assert!(world.warm(&admission(0, &ods(0))).await.all_warmed());
    assert_eq!(world.spine.requests().len(), 1, "nobody was traced");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superseded_number_is_replaced_and_that_is_on_record() {
    let current = patient(1);
    let mut line = untraced();
    // The practice has the same person under the current number.
    let (family, given, born) = (&current.family, &current.given, &current.birth_date);
    let mut national = NationalRecord::patient(current.nhs_number.expose(), (family, given), born, &ods(1));
    national["gender"] = json!(current.gender.as_str());
    let world = World::new(Ok(national)).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_be_asked_about_is_not_and_the_attempt_is_on_record() {
    for (found, reason, again) in [
        (Err("RESOURCE_NOT_FOUND"), "trace/not_found", false),
        (Err("INVALIDATED_RESOURCE"), "trace/invalid", false),
        (Err("INVALID_RESOURCE_ID"), "trace/invalid", false),
        (Err("TOO_MANY_REQUESTS"), "trace/unavailable", true),
        (changed(|found| found["meta"]["security"][0]["code"] = json!("R")), "trace/not_permitted", false),
        (changed(|found| found["meta"]["security"][0]["code"] = json!("V")), "trace/not_permitted", false),
        (changed(|found| drop(found["meta"].take())), "trace/malformed", true),
        (changed(|found| found["deceasedDateTime"] = json!("2026-01-01")), "trace/deceased", false),
        (changed(|found| found["generalPractitioner"] = json!([])), "trace/no_practice", false),
        (
            changed(|found| {
                found["generalPractitioner"][0]["identifier"]["period"]["end"] = json!("2020-01-01")
            }),
            "trace/no_practice",
            false,
        ),
        (changed(|found| found["birthDate"] = json!("1801-01-01")), "trace/not_verified", false),
        (changed(|found| drop(found["name"].take())), "trace/malformed", true),
        (changed(|found| found["resourceType"] = json!("Person")), "trace/malformed", true),
    ] {
        let world = World::new(found).await;
        let report = world.warm(&untraced()).await;
        let Outcome::NotTraced(trouble) = &report.episodes[0].outcome else { panic!("{reason}: {report:?}") };
        assert_eq!((trouble.reason, trouble.again, trouble.refused), (reason, again, !again));
        assert!(!trouble.message.is_empty() && !trouble.advice.is_empty());
        assert_eq!(world.asked(), 0, "{reason}");
        assert!(world.log().contains(reason), "{reason}");
        assert_eq!(report.refused_by_policy_only(), !again, "{reason}");
    }
}
