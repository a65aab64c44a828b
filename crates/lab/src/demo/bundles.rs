use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bedside_bundle::{Options, PatientFacts, normalise};
use bedside_cli::render::escape;
use bedside_model::OdsCode;
use jiff::Timestamp;

use super::admission::Traced;
use super::scene::{Scene, Surgery, in_turn};
use crate::exit::Stopped;
use crate::generate::Patient;
use crate::normalise::{offline_limits, today_in_london};
use crate::provider::{Behaviour, Bytes, Practice};

/// One admission for each file, about the patient whom its bundle names, at the practice that it names. What a
/// bundle does not say is made up, and then differs at the identity gate.
pub(super) fn scene(files: &[PathBuf], now: Timestamp) -> Result<Scene, Stopped> {
    let (mut bundles, mut lines, mut episodes) = (Vec::new(), String::new(), Vec::new());
    let (mut practices, mut remarks) = (BTreeSet::new(), BTreeMap::new());
    for (index, file) in files.iter().enumerate() {
        let bytes = read(file)?;
        let episode = format!("BUNDLE-{:02}", index + 1);
        let patient = traced(&bytes, index as u64);
        lines.push_str(&format!("{}\n", patient.admission(&episode, now)));
        practices.extend(patient.practice.parse::<OdsCode>().ok());
        remarks.insert(episode.clone(), escape(&file.display().to_string()).into_owned());
        bundles.push(Bytes::from(bytes));
        episodes.push(episode);
    }
    let turn = Arc::new(AtomicUsize::new(0));
    Ok(Scene {
        about: "They answer with the files, one patient after the other.",
        practices: practices.into_iter().zip(100..).map(|(ods, number)| surgery(&ods, number)).collect(),
        records: in_turn(bundles, &turn),
        patients: Vec::new(),
        admissions: lines,
        episodes,
        shown: None,
        remarks,
        intended: None,
        concurrency: NonZeroUsize::MIN,
        turn,
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Stopped> {
    fs::read(file)
        .map_err(|error| Stopped::usage(format!("cannot read the bundle {}: {error}", file.display())))
}

fn surgery(ods: &OdsCode, number: u32) -> Surgery {
    let asid = format!("20000000{number:04}");
    Surgery { practice: Practice::new(ods.as_str(), &asid, Behaviour::Normal), words: "" }
}

/// The patient of a bundle. Without one, an invented patient is admitted, and gets the bundle as the answer.
fn traced(bytes: &[u8], index: u64) -> Traced {
    let options = Options { limits: offline_limits(), ..Options::new(today_in_london()) };
    let record = normalise(bytes, &options).ok();
    let facts = record.and_then(|record| record.patients.into_iter().next()).unwrap_or_default();
    let PatientFacts { nhs_number, family, given, gender, birth_date, practices, .. } = facts;
    let first = |values: Vec<String>| values.into_iter().find(|value| !value.trim().is_empty());
    let invented = || Patient::synthetic(index).nhs_number.expose().to_owned();
    Traced {
        nhs_number: nhs_number.unwrap_or_else(invented),
        family: first(family).unwrap_or_else(|| "Unnamed".to_owned()),
        given: first(given).unwrap_or_else(|| "Unnamed".to_owned()),
        gender: gender.unwrap_or_else(|| "unknown".to_owned()),
        birth_date: birth_date.unwrap_or_else(|| "1900-01-01".to_owned()),
        practice: first(practices).unwrap_or_else(|| "TEST001".to_owned()),
    }
}
