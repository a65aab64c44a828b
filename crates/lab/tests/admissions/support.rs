//! A hospital: patients of practices on a simulated Spine, and a site that warms them.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bedside_audit::SystemClock;
use bedside_lab::demo::Site;
use bedside_lab::generate::Patient;
use bedside_lab::provider::{
    Bytes, CONSUMER_ASID, Config, NationalRecord, PROVIDER_HOSTS, Practice, SimulatedSpine,
};
use bedside_spine::{
    AllowedHosts, Client, Directory, Settings, StaticDirectory, Tls, TlsFiles, Tracer, london_day,
};
use bedside_warm::{EPISODE_DEADLINE, Parts, Pipeline, Warmer};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::consumer::consumer;

pub(crate) fn ods(practice: usize) -> String {
    format!("T{:05}", practice + 1)
}

pub(crate) fn asid(practice: usize) -> String {
    format!("{}", 200_000_001_000 + practice)
}

/// A simulated Spine with those practices, whose records are those of synthetic patients by their number.
pub(crate) async fn start(
    practices: Vec<Practice>,
    patients: usize,
    national_record: NationalRecord,
) -> SimulatedSpine {
    let known: BTreeMap<String, Patient> =
        (0..patients).map(patient).map(|patient| (patient.nhs_number.expose().to_owned(), patient)).collect();
    let config = Config::new(practices, BTreeMap::new());
    let records = move |ods: &str, number: &str| known.get(number).map(|patient| record(patient, ods));
    let config = Config { records_of: Some(Arc::new(records)), national_record, ..config };
    SimulatedSpine::start(config).await.expect("starts")
}

/// A synthetic patient with a test number that no other has.
pub(crate) fn patient(index: usize) -> Patient {
    Patient::numbered(index)
}

/// A patient as the national record has them, registered with a practice.
pub(crate) fn national(index: usize, practice: &str) -> Value {
    let patient = patient(index);
    let names = (patient.family.as_str(), patient.given.as_str(), patient.gender.as_str());
    NationalRecord::patient(patient.nhs_number.expose(), names, &patient.birth_date, practice)
}

/// The admission of a patient, traced now, at a practice.
pub(crate) fn admission(index: usize, practice: &str) -> Value {
    let (patient, now) =
        (patient(index), Timestamp::from_second(Timestamp::now().as_second()).expect("a second"));
    json!({
        "episode": format!("EP-{index}"), "nhs_number": patient.nhs_number.expose(), "practice_ods": practice,
        "demographics": { "family": patient.family, "given": patient.given, "gender": patient.gender.as_str(),
            "birth_date": patient.birth_date, "traced_at": now.to_string() },
        "requester": { "user_id": "user-17", "sds_user_id": "UNK", "sds_role_profile_id": "UNK",
            "family": "Example", "given": "Robin", "role": "Clinical Practitioner",
            "organisation_ods": "RX999", "organisation_name": "Test Hospital" },
        "reason": "directcare", "episode_ends": "2099-01-25T00:00:00Z",
    })
}

/// A small record: one allergy, and the lists of the four areas.
pub(crate) fn record(patient: &Patient, ods: &str) -> Bytes {
    let list = |code: &str, entries: Value| {
        json!({"resource": {"resourceType": "List", "id": format!("list-{code}"), "status": "current",
            "mode": "snapshot", "entry": entries,
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": code}]}}})
    };
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": {"resourceType": "Patient", "id": "p",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": patient.nhs_number.expose()}],
            "name": [{"use": "official", "family": patient.family, "given": [patient.given]}],
            "gender": patient.gender.as_str(), "birthDate": patient.birth_date,
            "managingOrganization": {"reference": "Organization/o"}}},
        {"resource": {"resourceType": "Organization", "id": "o", "name": "Test Surgery",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": ods}]}},
        {"resource": {"resourceType": "AllergyIntolerance", "id": "a1", "clinicalStatus": "active",
            "verificationStatus": "unconfirmed", "code": {"text": "Canaryxanthin"},
            "note": [{"text": "Came out in canary-yellow spots"}],
            "patient": {"reference": "Patient/p"}, "assertedDate": "2010-06"}},
        list("886921000000105", json!([{"item": {"reference": "AllergyIntolerance/a1"}}])),
        list("933361000000108", json!([])),
        list("717711000000103", json!([])),
        list("1149501000000101", json!([])),
    ]});
    bundle.to_string().into()
}

pub(crate) fn tls(site: &Site) -> Tls {
    Tls::from_files(&TlsFiles {
        certificate: site.path("tls/client.pem"),
        key: site.path("tls/client.key"),
        authority: site.path("tls/ca.pem"),
    })
    .expect("an identity")
}

/// What warms a site that was made of a simulated Spine, in this process or another.
pub(crate) fn warmer(
    site: &Site,
    ssp_root: &str,
    how: (Settings, Tracer, usize),
) -> Warmer<Client, StaticDirectory> {
    let practices = std::fs::read_to_string(site.path("practices.toml")).expect("a directory");
    let directory = StaticDirectory::from_toml(&practices, &AllowedHosts::new([PROVIDER_HOSTS]));
    warmer_with(site, ssp_root, directory.expect("usable"), how)
}

/// As [`warmer`], with a directory of one's own.
pub(crate) fn warmer_with<D: Directory + 'static>(
    site: &Site,
    ssp_root: &str,
    directory: D,
    (settings, tracer, concurrency): (Settings, Tracer, usize),
) -> Warmer<Client, D> {
    let consumer = consumer(ssp_root.to_owned());
    let client = Client::with(consumer, &tls(site), settings, Timestamp::now, || Uuid::new_v4().as_u128());
    Warmer::new(Parts {
        transport: client.expect("fit"),
        directory,
        tracer,
        asid: CONSUMER_ASID.parse().expect("an ASID"),
        cache: Arc::clone(&site.cache),
        audit: Arc::clone(&site.audit),
        clock: Arc::new(SystemClock),
        concurrency: NonZeroUsize::new(concurrency).expect("not zero"),
        deadline: EPISODE_DEADLINE,
        requires_trace_echo: false,
    })
}

/// What the audit log holds of fetches: the practice, and `intent` or the verdict of an outcome.
pub(crate) fn fetches(site: &Site) -> Vec<(String, String)> {
    let log = std::fs::read_to_string(site.path("audit/audit.ndjson")).expect("a log");
    let records = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["record"].take());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let verdict = |record: &Value| record["outcome"].as_str().unwrap_or("intent").to_owned();
    let fetches = records.filter(|record| record["event"] == "fetch");
    fetches.map(|record| (text(&record["practice"]), verdict(&record))).collect()
}

/// How many records the cache holds.
pub(crate) fn stored(site: &Site) -> usize {
    site.cache.list().expect("listed").iter().filter(|episode| episode.generation.is_some()).count()
}

pub(crate) fn pipeline() -> Pipeline {
    Pipeline::admission(london_day(Timestamp::now())).expect("keeps the rules")
}

/// The product's own settings, but that waits between attempts are a tenth.
pub(crate) fn brisk() -> Settings {
    let mut settings = Settings::default();
    for wait in &mut settings.retry.backoff {
        *wait /= 10;
    }
    settings
}

pub(crate) fn site(folder: &Path, spine: &SimulatedSpine) -> Site {
    Site::create(&folder.join("site"), spine, "").expect("a site")
}

/// Nothing is waited for that never comes.
pub(crate) fn impatient() -> Settings {
    let mut settings = brisk();
    settings.retry.backoff.fill(Duration::ZERO);
    settings.budgets.headers = Duration::from_millis(200);
    settings.budgets.idle = Duration::from_millis(200);
    settings
}
