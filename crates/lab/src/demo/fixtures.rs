use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::admission::{Traced, traced_at};
use super::scene::{Intention, Scene, Surgery};
use crate::generate::Patient;
use crate::provider::{Behaviour, Bytes, Practice};

/// A file of the fixtures, which are part of the program so that the demo runs in any folder.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../fixtures/", $name))
    };
}

/// The generated bundles, each with the seed of its patient.
const BUNDLES: [(u64, &str); 9] = [
    (100, fixture!("bundles/emis-100.json")),
    (101, fixture!("bundles/emis-101.json")),
    (102, fixture!("bundles/emis-102.json")),
    (103, fixture!("bundles/tpp-103.json")),
    (104, fixture!("bundles/tpp-104.json")),
    (105, fixture!("bundles/emis-105.json")),
    (106, fixture!("bundles/emis-106.json")),
    (108, fixture!("bundles/tpp-108.json")),
    (109, fixture!("bundles/tpp-109.json")),
];

const MISMATCH_BUNDLE: &str = fixture!("bundles/demographics-given-name-differs.json");

const ADMISSIONS: &str = concat!(fixture!("admissions.ndjson"), fixture!("admission-mismatch.ndjson"));

/// An episode with medication, allergies and problems, and warnings on all of them.
const SHOWN: &str = "EP-2026-0002";

/// The episode of `admission-mismatch.ndjson`.
const MISMATCH: &str = "EP-2026-0010";

/// The episode of a patient who does not want the record to be shared; not a fixture, because no bundle is sent.
const DISSENT: &str = "EP-2026-0011";
const DISSENT_SEED: u64 = 111;
const DISSENT_PRACTICE: &str = "TEST006";

/// The admissions of the fixtures, traced at `now`, and practices that answer with their bundles; and two
/// admissions that are meant not to be warmed.
pub fn fixtures(now: Timestamp) -> Scene {
    let mut lines = lines(now);
    let (mismatch, records) = (text(&lines, MISMATCH, "nhs_number"), records());
    let records = records.into_iter().chain([(mismatch, Bytes::from_static(MISMATCH_BUNDLE.as_bytes()))]);
    let records: BTreeMap<String, Bytes> = records.collect();
    lines.push(dissenting().admission(DISSENT, now));
    Scene {
        about: "All patients are invented.",
        practices: practices(),
        records: Arc::new(move |nhs_number| records.get(nhs_number).cloned()),
        patients: BUNDLES.iter().map(|(seed, _)| Patient::synthetic(*seed)).collect(),
        admissions: lines.iter().map(|line| format!("{line}\n")).collect(),
        episodes: lines.iter().filter_map(|line| line["episode"].as_str().map(str::to_owned)).collect(),
        shown: Some(SHOWN),
        remarks: BTreeMap::new(),
        intended: Some(BTreeMap::from([
            (
                MISMATCH.to_owned(),
                Intention { outcome: "wrong_patient", why: "the traced given name is not the practice's" },
            ),
            (
                DISSENT.to_owned(),
                Intention { outcome: "not_fetched", why: "the practice refuses for lack of consent" },
            ),
        ])),
        concurrency: NonZeroUsize::new(8).unwrap_or(NonZeroUsize::MIN),
        turn: Arc::default(),
    }
}

fn practices() -> Vec<Surgery> {
    let behaviours = [
        (Behaviour::Normal, "answers at once"),
        (Behaviour::GzipChunked, "answers gzipped, in chunks"),
        (Behaviour::Slow(Duration::from_millis(150)), "takes 150 ms to answer"),
        (Behaviour::FlakyThenOk(1), "is out of reach once, then answers"),
        (Behaviour::Slow(Duration::from_millis(400)), "takes 400 ms to answer"),
        (Behaviour::Refuses("NO_PATIENT_CONSENT"), "refuses: no consent of the patient"),
    ];
    let surgery = |(number, (behaviour, words)): (u64, (Behaviour, &'static str))| Surgery {
        practice: Practice::new(&format!("TEST{number:03}"), &format!("2000000001{number:02}"), behaviour),
        words,
    };
    (1..).zip(behaviours).map(surgery).collect()
}

fn records() -> BTreeMap<String, Bytes> {
    let record = |(seed, text): (u64, &'static str)| {
        (Patient::synthetic(seed).nhs_number.expose().to_owned(), Bytes::from_static(text.as_bytes()))
    };
    BUNDLES.into_iter().map(record).collect()
}

/// The lines of the fixtures, which a test holds to be JSON.
fn lines(now: Timestamp) -> Vec<Value> {
    let lines = ADMISSIONS.lines().map(|line| serde_json::from_str(line).unwrap_or_default());
    lines.map(|line| traced_at(line, now)).collect()
}

fn text(lines: &[Value], episode: &str, field: &str) -> String {
    let line = lines.iter().find(|line| line["episode"] == episode);
    line.and_then(|line| line[field].as_str()).unwrap_or_default().to_owned()
}

fn dissenting() -> Traced {
    let patient = Patient::synthetic(DISSENT_SEED);
    Traced {
        nhs_number: patient.nhs_number.expose().to_owned(),
        family: patient.family,
        given: patient.given,
        gender: patient.gender.as_str().to_owned(),
        birth_date: patient.birth_date,
        practice: DISSENT_PRACTICE.to_owned(),
    }
}
