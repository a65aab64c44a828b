//! The systems of the suppliers, from an admission to the sealed record: what they answer, what they do not, and what
//! stands in the record of that.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_lab::generate::Supplier;
use bedside_lab::provider::{
    Behaviour, Config, Manner, NationalRecord, Practice, SimulatedSpine, Version, synthetic,
};
use bedside_spine::Tracer;
use bedside_warm::{Admissions, Outcome, Report};
use jiff::Timestamp;

use crate::support::{admission, asid, brisk, ods, patient, pipeline, site, warmer};

/// A practice for each manner, a patient at each.
async fn warm(manners: Vec<Manner>) -> Report {
    let practices: Vec<Practice> = manners
        .into_iter()
        .enumerate()
        .map(|(index, manner)| Practice {
            manner: Some(manner),
            ..Practice::new(&ods(index), &asid(index), Behaviour::Normal)
        })
        .collect();
    let count = practices.len();
    let patients = (0..count).map(patient).collect();
    let records_of = Some(synthetic(&practices, patients, Arc::new(|_| None)));
    let config = Config {
        records_of,
        national_record: NationalRecord::default(),
        ..Config::new(practices, BTreeMap::new())
    };
    let spine = SimulatedSpine::start(config).await.expect("starts");
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path(), &spine);
    let list: String = (0..count).map(|index| format!("{}\n", admission(index, &ods(index)))).collect();
    let lines = Admissions::new(list.as_bytes(), Timestamp::now());
    let warmer = warmer(&site, &spine.ssp_root(), (brisk(), Tracer::Callers, 4));
    let report = warmer.run("suppliers", lines, &pipeline(), &mut |_| {}).await;
    assert!(spine.requests().iter().all(|seen| seen.problem.is_none()));
    report
}

/// The states of the areas of an admission, by area.
fn states(report: &Report, index: usize) -> &BTreeMap<&'static str, String> {
    let id = format!("EP-{index}");
    let episode = report.episodes.iter().find(|episode| episode.episode == id).expect("an episode");
    let Outcome::Warmed(warmed) = &episode.outcome else { panic!("{}", report.to_json()) };
    &warmed.areas
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_every_supplier_is_warmed_with_its_four_areas() {
    let report = warm(Supplier::ALL.map(Manner::of).into()).await;
    assert!(report.all_warmed(), "{}", report.to_json());
    for (index, supplier) in Supplier::ALL.into_iter().enumerate() {
        let states = states(&report, index);
        for area in ["allergies", "medications", "problems", "consultations"] {
            assert!(states[area].starts_with("returned"), "{supplier:?}: {states:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_practice_does_not_answer_is_never_taken_for_nothing_recorded() {
    let problems = || vec!["includeProblems".to_owned()];
    let manners = vec![
        Manner { version: Version::V1_2, ..Manner::of(Supplier::Emis) },
        Manner { disabled: problems(), ..Manner::of(Supplier::Tpp) },
        Manner { withheld: problems(), ..Manner::of(Supplier::Medicus) },
    ];
    let report = warm(manners).await;
    assert!(report.all_warmed(), "{}", report.to_json());
    let found: Vec<String> = (0..3).map(|index| states(&report, index)["problems"].clone()).collect();
    assert_eq!(found, ["unsupported", "disabled", "empty_confidential"]);
}
