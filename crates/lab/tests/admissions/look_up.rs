//! What may befall a look-up in the directory and a trace in the national record, through the whole of the product: one
//! admission for each named fault, over real TLS sockets. Row F-38 of the fault matrix, and GPC-CORE01 to CORE08.
//!
//! `cargo test -p bedside-lab --test admissions look_up -- --nocapture` prints the tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bedside_lab::demo::Site;
use bedside_lab::generate::Patient;
use bedside_lab::provider::{
    Behaviour, Config, Fault, NationalRecord, PROVIDER_HOSTS, Practice, Seen, Service, SimulatedSpine,
};
use bedside_spine::{AllowedHosts, Budgets, PdsFhir, SdsFhirDirectory, SpeedFloor, Tracer};
use bedside_warm::{Admissions, Outcome, Report};
use jiff::Timestamp;
use serde_json::Value;

use crate::support::{
    admission, asid, brisk, fetches, national, ods, patient, pipeline, record, site, start, stored, tls,
    warmer, warmer_with,
};

/// What a fault leads to: outcome with its reason, and requests to the service.
type Expected = (&'static str, usize);

const NOT_ENABLED: Expected = ("no_endpoint directory/not_enabled", 1);
/// The endpoint is found, and then it is the device that is not as it should be.
const NO_DEVICE: Expected = ("no_endpoint directory/malformed", 2);
const AMBIGUOUS: Expected = ("no_endpoint directory/ambiguous", 1);
const MALFORMED: Expected = ("no_endpoint directory/malformed", 1);
const REFUSED: Expected = ("no_endpoint directory/endpoint_refused", 1);
const DOWN: Expected = ("no_endpoint directory/unavailable", 1);
/// Asked once more, and not a third time.
const DOWN_TWICE: Expected = ("no_endpoint directory/unavailable", 2);

/// Every fault of the directory's own, then those of the connection and of whole answers that it shares with practices.
const DIRECTORY: &[(&str, Expected)] = &[
    ("endpoint-none", NOT_ENABLED),
    ("endpoint-two", AMBIGUOUS),
    ("endpoint-fifty", AMBIGUOUS),
    ("device-none", NO_DEVICE),
    ("device-two", ("no_endpoint directory/ambiguous", 2)),
    ("entries-of-another-type", NOT_ENABLED),
    ("page-of-more", MALFORMED),
    ("address-missing", MALFORMED),
    ("party-key-missing", MALFORMED),
    ("asid-missing", NO_DEVICE),
    ("asid-malformed", NO_DEVICE),
    ("endpoint-of-another-interaction", MALFORMED),
    ("endpoint-of-another-organisation", MALFORMED),
    ("device-of-another-organisation", NO_DEVICE),
    ("device-of-another-party-key", NO_DEVICE),
    ("address-http", REFUSED),
    ("address-upper-case-scheme", REFUSED),
    ("address-file", REFUSED),
    ("address-empty", REFUSED),
    ("address-user", REFUSED),
    ("address-query", REFUSED),
    ("address-fragment", REFUSED),
    ("address-trailing-slash", REFUSED),
    ("address-other-host", REFUSED),
    ("address-look-alike-host", REFUSED),
    ("address-host-as-prefix", REFUSED),
    ("address-loopback", REFUSED),
    ("address-metadata-service", REFUSED),
    ("address-strange-port", REFUSED),
    ("address-other-practice", REFUSED),
    ("address-dot-dot", REFUSED),
    ("address-encoded-dots", REFUSED),
    ("address-encoded-slash", REFUSED),
    ("address-empty-segment", REFUSED),
    ("address-line-break", REFUSED),
    ("address-nul", REFUSED),
    ("address-space", REFUSED),
    ("address-backslash", REFUSED),
    ("address-not-ascii", REFUSED),
    ("address-over-512-bytes", REFUSED),
    ("address-other-version", REFUSED),
    ("address-other-release", REFUSED),
    ("outcome-in-200", MALFORMED),
    ("status-400", DOWN),
    ("status-401", DOWN),
    ("status-403", DOWN),
    ("status-404", DOWN),
    ("status-429", DOWN_TWICE),
    ("status-500", DOWN),
    ("status-502", DOWN_TWICE),
    ("status-503", DOWN_TWICE),
    ("status-504", DOWN_TWICE),
    ("headers-never", DOWN_TWICE),
    ("headers-1mb", DOWN),
    ("no-http", DOWN),
    ("reset-before-headers", DOWN_TWICE),
    ("close-before-headers", DOWN_TWICE),
    ("body-cut-half", DOWN_TWICE),
    ("body-stall-90", DOWN_TWICE),
    ("body-dribble", DOWN_TWICE),
    ("length-larger", DOWN_TWICE),
    ("chunk-bad-size", DOWN),
    ("redirect-302", DOWN),
    ("redirect-308", DOWN),
    ("html", MALFORMED),
    ("html-as-fhir", MALFORMED),
    ("empty", MALFORMED),
    ("null", MALFORMED),
    ("empty-object", MALFORMED),
    ("json-truncated", MALFORMED),
    ("gzip-bomb", DOWN),
    ("body-33mb", DOWN),
    ("gzip-truncated", DOWN_TWICE),
    ("brotli", DOWN),
];

const UNAVAILABLE: Expected = ("not_traced trace/unavailable", 1);
const NO_TRACE: Expected = ("not_traced trace/malformed", 1);
const NOT_PERMITTED: Expected = ("not_traced trace/not_permitted", 1);
const INVALID: Expected = ("not_traced trace/invalid", 1);
const NO_PRACTICE: Expected = ("not_traced trace/no_practice", 1);

/// Every fault of the national record's own, then those that it shares.
const NATIONAL_RECORD: &[(&str, Expected)] = &[
    ("type-other", NO_TRACE),
    ("bundle-in-200", NO_TRACE),
    ("outcome-in-200", NO_TRACE),
    ("status-401", UNAVAILABLE),
    ("status-403", UNAVAILABLE),
    ("status-408", UNAVAILABLE),
    ("status-429", UNAVAILABLE),
    ("status-500", UNAVAILABLE),
    ("status-502", UNAVAILABLE),
    ("status-503", UNAVAILABLE),
    ("status-504", UNAVAILABLE),
    ("birth-date-differs", ("not_traced trace/not_verified", 1)),
    ("birth-date-missing", NO_TRACE),
    // The date of birth alone verifies the number (GPC-CORE02); then the practice's record is another person's.
    ("family-differs", ("wrong_patient", 1)),
    ("name-missing", NO_TRACE),
    ("name-ended", NO_TRACE),
    ("practice-none", NO_PRACTICE),
    ("practice-ended", NO_PRACTICE),
    ("practice-two", NO_PRACTICE),
    ("practice-malformed", NO_PRACTICE),
    ("restricted", NOT_PERMITTED),
    ("very-restricted", NOT_PERMITTED),
    ("redacted", NOT_PERMITTED),
    ("restricted-among-others", NOT_PERMITTED),
    ("label-missing", NO_TRACE),
    ("number-superseded", ("warmed", 1)),
    ("number-invalidated", INVALID),
    ("number-refused", INVALID),
    ("number-malformed", NO_TRACE),
    ("deceased-on-a-day", ("not_traced trace/deceased", 1)),
    ("deceased", ("not_traced trace/deceased", 1)),
    ("patient-not-found", ("not_traced trace/not_found", 1)),
    ("headers-never", UNAVAILABLE),
    ("no-http", UNAVAILABLE),
    ("reset-before-headers", UNAVAILABLE),
    ("body-cut-half", UNAVAILABLE),
    ("body-stall-90", UNAVAILABLE),
    ("redirect-302", UNAVAILABLE),
    ("html-as-fhir", NO_TRACE),
    ("empty", NO_TRACE),
    ("null", NO_TRACE),
    ("json-truncated", NO_TRACE),
    ("gzip-bomb", UNAVAILABLE),
    ("body-33mb", UNAVAILABLE),
];

/// A look-up is waited for briefly, because what never comes is a case here.
fn budgets() -> Budgets {
    Budgets {
        headers: Duration::from_secs(3),
        idle: Duration::from_secs(1),
        floor: SpeedFloor { bytes_per_second: 1 << 10, over: Duration::from_secs(1) },
        ..Budgets::default()
    }
}

/// The faults of a table in its order; every one that the service has of its own is in it.
fn faults(service: Service, table: &[(&str, Expected)]) -> Vec<Fault> {
    let named: BTreeSet<String> = table.iter().map(|(name, _)| (*name).to_owned()).collect();
    let own: BTreeSet<String> = Fault::of(service).into_iter().map(|fault| fault.name).collect();
    let lacking: Vec<&String> = own.difference(&named).collect();
    assert!(lacking.is_empty(), "without a row: {lacking:?}");
    table.iter().map(|(name, _)| Fault::of_service(service, name).expect(name)).collect()
}

/// What came of an admission.
fn ended(report: &Report, index: usize) -> String {
    let id = format!("EP-{index}");
    let episode = report.episodes.iter().find(|episode| episode.episode == id).expect("an episode");
    let outcome = &episode.outcome;
    let told = |trouble: &bedside_warm::Trouble| {
        assert!(!trouble.message.is_empty() && !trouble.advice.is_empty(), "{trouble:?}");
        format!("{} {}", outcome.name(), trouble.reason)
    };
    match outcome {
        Outcome::NoEndpoint(trouble) | Outcome::NotTraced(trouble) | Outcome::NotFetched(trouble) => {
            told(trouble)
        }
        outcome => outcome.name().to_owned(),
    }
}

/// Holds what happened to the table: outcome, requests to the service, calls to the practice, audit records; and that
/// nothing is stored but what was warmed.
fn hold(
    (table, faults): (&[(&str, Expected)], &[Fault]),
    report: &Report,
    (spine, site): (&SimulatedSpine, &Site),
    of_service: impl Fn(&Seen, usize) -> bool,
) {
    let requests = spine.requests();
    let mut audited: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (practice, verdict) in fetches(site) {
        audited.entry(practice).or_default().push(verdict);
    }
    let mut wrong = Vec::new();
    for (index, ((name, (outcome, asked)), fault)) in table.iter().zip(faults).enumerate() {
        let (ended, ods) = (ended(report, index), ods(index));
        let count = |counted: &dyn Fn(&Seen) -> bool| requests.iter().filter(|seen| counted(seen)).count();
        let to_service = count(&|seen| of_service(seen, index));
        let calls = count(&|seen| seen.method == "POST" && seen.target.contains(&ods));
        let trail = audited.get(&ods).cloned().unwrap_or_default();
        println!("{:6}  {name:32} {ended:44} {to_service} {calls} {}", fault.row, trail.join(" "));
        let called = ["warmed", "wrong_patient"].contains(outcome);
        let verdict = trail.last().is_some_and(|last| (last == "ok") == (*outcome == "warmed"));
        if ended != *outcome
            || to_service != *asked
            || calls != usize::from(called)
            || trail.len() != 2
            || trail[0] != "intent"
            || !verdict
        {
            wrong.push(format!(
                "{name}: {outcome} in {asked} expected, {ended} in {to_service}, {calls} calls, {trail:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let warmed = table.iter().filter(|(_, (outcome, _))| *outcome == "warmed").count();
    assert_eq!(stored(site), warmed);
    let verified = bedside_audit::verify(&site.path("audit"), None).expect("the chain holds");
    assert_eq!(verified.unfinished, 0);
    assert!(requests.iter().all(|seen| seen.problem.is_none()), "every request was right");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_directory_ends_as_the_table_says() {
    let faults = faults(Service::Directory, DIRECTORY);
    let practices = faults.iter().enumerate().map(|(index, fault)| Practice {
        directory: fault.behaviour.clone(),
        ..Practice::new(&ods(index), &asid(index), Behaviour::Normal)
    });
    let spine = start(practices.collect(), faults.len(), NationalRecord::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path(), &spine);
    let hosts = AllowedHosts::new([PROVIDER_HOSTS]);
    let directory = SdsFhirDirectory::new(&spine.directory_base(), &tls(&site), hosts, None).expect("a base");
    let how = (brisk(), Tracer::Callers, 8);
    let warmer = warmer_with(&site, &spine.ssp_root(), directory.within(budgets()), how);
    let list: String =
        (0..faults.len()).map(|index| format!("{}\n", admission(index, &ods(index)))).collect();
    let lines = Admissions::new(list.as_bytes(), Timestamp::now());
    let report = warmer.run("look-up", lines, &pipeline(), &mut |_| {}).await;
    hold((DIRECTORY, &faults), &report, (&spine, &site), |seen, index| {
        seen.method == "GET" && seen.target.contains(&format!("%7C{}&", ods(index)))
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_national_record_ends_as_the_table_says() {
    let faults = faults(Service::NationalRecord, NATIONAL_RECORD);
    let practices =
        (0..faults.len()).map(|index| Practice::new(&ods(index), &asid(index), Behaviour::Normal));
    let national =
        faults.iter().enumerate().fold(NationalRecord::default(), |national_record, (index, fault)| {
            national_record.with(national(index, &ods(index)), fault.behaviour.clone())
        });
    // A practice has its one patient under whichever number is current.
    let known = |ods: &str, number: &str| {
        let index: usize = ods[1..].parse().ok()?;
        Some(record(&Patient { nhs_number: number.parse().ok()?, ..patient(index - 1) }, ods))
    };
    let config = Config::new(practices.collect(), BTreeMap::new());
    let config = Config { records_of: Some(Arc::new(known)), national_record: national, ..config };
    let spine = SimulatedSpine::start(config).await.expect("starts");
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path(), &spine);
    let pds = PdsFhir::new(&spine.pds_base(), &tls(&site), None, Timestamp::now).expect("a base");
    let tracer = Tracer::Pds(Box::new(pds.within(budgets())));
    let warmer = warmer(&site, &spine.ssp_root(), (brisk(), tracer, 8));
    let list: String = (0..faults.len()).map(|index| format!("{}\n", untraced(index))).collect();
    let lines = Admissions::new(list.as_bytes(), Timestamp::now()).traced_here();
    let report = warmer.run("trace", lines, &pipeline(), &mut |_| {}).await;
    hold((NATIONAL_RECORD, &faults), &report, (&spine, &site), |seen, index| {
        seen.method == "GET" && seen.target.ends_with(patient(index).nhs_number.expose())
    });
}

/// A patient as the hospital knows them, not traced.
fn untraced(index: usize) -> Value {
    let mut line = admission(index, &ods(index));
    line["demographics"].as_object_mut().expect("an object").remove("traced_at");
    line
}
