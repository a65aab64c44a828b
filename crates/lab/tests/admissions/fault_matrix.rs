//! The fault matrix of the `reliability` sheet, section 3, row by row, through the whole of the product: an admission,
//! the client over real TLS sockets, the parser, the identity gate, the sealed cache and the audit log.
//!
//! `cargo test -p bedside-lab --test admissions fault_matrix -- --nocapture` prints the matrix.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bedside_lab::demo::Site;
use bedside_lab::provider::{Fault, NationalRecord, Practice, SimulatedSpine};
use bedside_spine::{Settings, SpeedFloor, Tracer};
use bedside_warm::{Admissions, Outcome};
use jiff::Timestamp;
use serde_json::json;

use crate::support::{admission, asid, fetches, ods, pipeline, site, start, stored, warmer};

/// What a fault leads to: outcome with its reason, and attempts.
type Expected = (&'static str, u32);

const WARMED: Expected = ("warmed", 1);
const UNREADABLE: Expected = ("unreadable", 1);
const WRONG_PATIENT: Expected = ("wrong_patient", 1);
const HTTP: Expected = ("not_fetched malformed/http", 1);
const CUT: Expected = ("not_fetched unavailable/cut", 3);
const RESET: Expected = ("not_fetched unavailable/reset", 3);
/// A reset throws away what has arrived and has not been read: on a busy machine that may be the headers too.
const CUT_OR_RESET: Expected = ("not_fetched unavailable/cut or reset", 3);
const BUSY: Expected = ("not_fetched unavailable/busy", 3);
const BUSY_ONCE: Expected = ("not_fetched unavailable/busy", 1);
const REDIRECT: Expected = ("not_fetched malformed/redirect", 1);
const NOT_FHIR: Expected = ("not_fetched malformed/not_fhir", 1);
const CONTENT_TYPE: Expected = ("not_fetched malformed/content_type", 1);
const ENCODING: Expected = ("not_fetched malformed/encoding", 1);
const BAD_REQUEST: Expected = ("not_fetched defect/bad_request", 1);
const INVALID_REQUEST: Expected = ("not_fetched defect/invalid_request", 1);
const WRONG_ROUTE: Expected = ("not_fetched defect/wrong_route", 1);
const MEDIA_TYPE: Expected = ("not_fetched defect/media_type", 1);
const METHOD: Expected = ("not_fetched defect/method", 1);
const UNEXPECTED: Expected = ("not_fetched defect/unexpected", 1);
const NOT_FOUND: Expected = ("not_fetched not_found", 1);
const DISSENT: Expected = ("not_fetched denied/patient_consent", 1);
const NOT_SHARED: Expected = ("not_fetched denied/organisation_consent", 1);
const SWITCHED_OFF: Expected = ("not_fetched denied/access_disabled", 1);
const INTERNAL: Expected = ("not_fetched provider_error/internal", 1);
const NOT_IMPLEMENTED: Expected = ("not_fetched provider_error/not_implemented", 1);
const CERTIFICATE: Expected = ("not_fetched unavailable/tls_client_certificate", 1);
const UNREACHABLE: Expected = ("not_fetched unavailable/practice_unreachable", 3);

/// Every fault that has a name, with what it leads to. Waits between attempts are nothing here; how long they are is
/// tested on a virtual clock beside [`bedside_spine::Retry`].
const MATRIX: &[(&str, Expected)] = &[
    ("headers-never", ("not_fetched unavailable/timeout", 3)),
    ("headers-dribble", ("not_fetched unavailable/timeout", 3)),
    ("headers-1mb", HTTP),
    ("headers-10000", HTTP),
    ("headers-folded", HTTP),
    ("headers-bare-cr", HTTP),
    ("no-http", HTTP),
    ("reset-before-headers", RESET),
    ("close-before-headers", RESET),
    ("body-cut-at-0", CUT),
    ("body-cut-at-1", CUT),
    ("body-cut-half", CUT),
    ("body-cut-last-byte", CUT),
    ("body-reset-half", CUT_OR_RESET),
    ("length-larger", CUT),
    ("length-smaller", ("not_fetched malformed/json", 2)),
    ("length-negative", HTTP),
    ("length-no-number", HTTP),
    ("length-twice", HTTP),
    ("length-and-chunked", HTTP),
    ("chunk-bad-size", HTTP),
    ("chunk-huge-size", HTTP),
    ("chunk-no-terminator", CUT),
    ("chunk-trailer-flood", HTTP),
    ("chunk-extension-flood", HTTP),
    ("body-dribble", ("not_fetched unavailable/slow", 2)),
    ("body-stall-90", ("not_fetched unavailable/slow", 2)),
    ("busy-503-after-none", BUSY),
    ("busy-503-after-0", BUSY),
    ("busy-503-after-3600", BUSY_ONCE),
    ("busy-503-after-past", BUSY),
    ("busy-503-after-future", BUSY_ONCE),
    ("busy-503-after-negative", BUSY),
    ("busy-503-after-no-number", BUSY),
    ("busy-503-after-endless", BUSY_ONCE),
    ("busy-408", BUSY),
    ("busy-429", BUSY),
    ("busy-504", BUSY),
    ("redirect-301", REDIRECT),
    ("redirect-302", REDIRECT),
    ("redirect-307", REDIRECT),
    ("redirect-308", REDIRECT),
    ("json-truncated", ("not_fetched malformed/json", 2)),
    ("html", CONTENT_TYPE),
    ("html-as-fhir", NOT_FHIR),
    ("empty", NOT_FHIR),
    ("null", NOT_FHIR),
    ("empty-object", NOT_FHIR),
    ("empty-array", NOT_FHIR),
    ("status-204", ("not_fetched malformed/status", 1)),
    ("type-missing", WARMED),
    ("type-json", WARMED),
    ("type-json-fhir", WARMED),
    ("type-xml", CONTENT_TYPE),
    ("type-latin-1", CONTENT_TYPE),
    ("type-utf-16", CONTENT_TYPE),
    ("byte-order-mark", WARMED),
    ("byte-order-mark-twice", NOT_FHIR),
    ("utf-8-invalid", UNREADABLE),
    ("utf-8-overlong", UNREADABLE),
    ("surrogate-alone", UNREADABLE),
    ("gzip-no-magic", ENCODING),
    ("gzip-bad-crc", ENCODING),
    ("gzip-bad-length", ENCODING),
    ("gzip-truncated", CUT),
    ("gzip-twice", NOT_FHIR),
    ("gzip-two-members", ENCODING),
    ("gzip-trailing-bytes", ENCODING),
    ("deflate", ENCODING),
    ("brotli", ENCODING),
    ("gzip-unlabelled", NOT_FHIR),
    ("gzip-bomb", ("not_fetched limit/compression_ratio", 1)),
    ("body-33mb", ("not_fetched limit/body_size", 1)),
    ("depth-65", UNREADABLE),
    ("tokens-2000001", UNREADABLE),
    ("string-over-1mb", UNREADABLE),
    ("keys-513", UNREADABLE),
    ("entries-50001", UNREADABLE),
    ("key-twice-at-the-top", UNREADABLE),
    ("type-twice", UNREADABLE),
    ("status-twice", UNREADABLE),
    ("error-in-200", ("not_fetched provider_error/error_in_success", 1)),
    ("error-400-INVALID_NHS_NUMBER", ("not_fetched patient_data/nhs_number", 1)),
    ("error-400-INVALID_IDENTIFIER_SYSTEM", BAD_REQUEST),
    ("error-400-INVALID_IDENTIFIER_VALUE", BAD_REQUEST),
    ("error-400-INVALID_PATIENT_DEMOGRAPHICS", ("not_fetched patient_data/demographics", 1)),
    ("error-400-BAD_REQUEST", BAD_REQUEST),
    ("error-400-CONFLICTING_VALUES", BAD_REQUEST),
    ("error-403-NO_PATIENT_CONSENT", DISSENT),
    ("error-403-NO_RELATIONSHIP", ("not_fetched denied/no_relationship", 1)),
    ("error-404-PATIENT_NOT_FOUND", NOT_FOUND),
    ("error-404-NO_RECORD_FOUND", WRONG_ROUTE),
    ("error-404-ORGANISATION_NOT_FOUND", WRONG_ROUTE),
    ("error-404-PRACTITIONER_NOT_FOUND", WRONG_ROUTE),
    ("error-409-DUPLICATE_REJECTED", UNEXPECTED),
    ("error-415-BAD_REQUEST", MEDIA_TYPE),
    ("error-422-INVALID_RESOURCE", INVALID_REQUEST),
    ("error-422-INVALID_PARAMETER", INVALID_REQUEST),
    ("error-422-REFERENCE_NOT_FOUND", INVALID_REQUEST),
    ("error-422-BAD_REQUEST", INVALID_REQUEST),
    ("error-404-code-as-display", NOT_FOUND),
    ("error-501-NOT_IMPLEMENTED", NOT_IMPLEMENTED),
    ("error-500-INTERNAL_SERVER_ERROR", INTERNAL),
    ("error-500-exception", INTERNAL),
    ("proxy-400-endpoint", ("not_fetched configuration/endpoint_varies", 1)),
    ("proxy-403-sender", ("not_fetched configuration/sender_not_allowed", 1)),
    ("proxy-403-receiver", ("not_fetched configuration/practice_not_registered", 1)),
    ("proxy-403-sharing", ("not_fetched denied/no_sharing_agreement", 1)),
    ("proxy-405-method", METHOD),
    ("proxy-405-sample", METHOD),
    ("proxy-415-media", MEDIA_TYPE),
    ("proxy-502-unreachable", UNREACHABLE),
    ("html-400", BAD_REQUEST),
    ("html-401", ("not_fetched defect/unauthorised", 1)),
    ("html-403", ("not_fetched denied/unspecified", 1)),
    ("html-404", NOT_FOUND),
    ("html-405", METHOD),
    ("html-409", UNEXPECTED),
    ("html-415", MEDIA_TYPE),
    ("html-418", UNEXPECTED),
    ("html-422", INVALID_REQUEST),
    ("html-495", CERTIFICATE),
    ("html-496", CERTIFICATE),
    ("html-500", INTERNAL),
    ("html-501", NOT_IMPLEMENTED),
    ("html-502", UNREACHABLE),
    ("nothing-400", BAD_REQUEST),
    ("nothing-403", ("not_fetched denied/unspecified", 1)),
    ("nothing-404", NOT_FOUND),
    ("nothing-422", INVALID_REQUEST),
    ("nothing-500", INTERNAL),
    ("nothing-502", UNREACHABLE),
    ("error-403-comma", ("not_fetched denied/unspecified", 1)),
    ("error-403-NO_ORGANISATION_CONSENT", NOT_SHARED),
    ("error-403-NO_ORGANISATIONAL_CONSENT", NOT_SHARED),
    ("error-403-ACCESS-space-DENIED", SWITCHED_OFF),
    ("error-403-ACCESS_DENIED", SWITCHED_OFF),
    ("one-area-unsupported", WARMED),
    ("one-area-disabled", WARMED),
    ("part-unsupported", WARMED),
    ("part-misplaced", WARMED),
    ("documents-disabled", WARMED),
    ("one-unsupported-one-disabled", WARMED),
    ("blank-with-warning", WARMED),
    ("all-areas-unsupported", WARMED),
    ("patient-missing", WRONG_PATIENT),
    ("patient-twice", WRONG_PATIENT),
    ("patient-other-number", WRONG_PATIENT),
    ("patient-no-number", WRONG_PATIENT),
    ("patient-number-spaced", WRONG_PATIENT),
    ("patient-number-invalid", WRONG_PATIENT),
    ("patient-number-unk", WRONG_PATIENT),
    ("family-differs", WRONG_PATIENT),
    ("given-differs", WRONG_PATIENT),
    ("gender-differs", WRONG_PATIENT),
    ("birth-date-differs", WRONG_PATIENT),
    ("birth-date-partial", WRONG_PATIENT),
    ("birth-date-missing", WRONG_PATIENT),
    ("practice-differs", WRONG_PATIENT),
    ("name-case-differs", WARMED),
    ("searchset", UNREADABLE),
    ("total-and-next", WARMED),
    ("id-twice", WARMED),
    ("id-hostile", WARMED),
    ("list-names-what-is-not-there", WARMED),
    ("list-missing", WARMED),
    ("foreign-subject", WARMED),
    ("reference-to-itself", WARMED),
    ("unknown-type", WARMED),
    ("status-unknown", WARMED),
    ("date-off", WARMED),
    ("bundle-id-other", WARMED),
];

/// A practice for each fault, and one ward that asks them all.
struct Ward {
    spine: SimulatedSpine,
    site: Site,
    _folder: tempfile::TempDir,
}

/// What came of one admission.
struct Ended {
    outcome: String,
    requests: usize,
    audited: Vec<String>,
    message: String,
}

impl Ward {
    async fn new(faults: &[Fault]) -> Self {
        let practices = faults
            .iter()
            .enumerate()
            .map(|(index, fault)| Practice::new(&ods(index), &asid(index), fault.behaviour.clone()));
        let spine = start(practices.collect(), 1, NationalRecord::default()).await;
        let folder = tempfile::tempdir().expect("a folder");
        let site = site(folder.path(), &spine);
        Self { spine, site, _folder: folder }
    }

    async fn admit(&self, index: usize, name: &str) -> Ended {
        let warmer = warmer(&self.site, &self.spine.ssp_root(), (settings(name), Tracer::Callers, 1));
        let (requests, records) = (self.spine.requests().len(), fetches(&self.site).len());
        let mut line = admission(0, &ods(index));
        line["episode"] = json!(format!("EP-{index}"));
        let list = line.to_string();
        let lines = Admissions::new(list.as_bytes(), Timestamp::now());
        let report = warmer.run("matrix", lines, &pipeline(), &mut |_| {}).await;
        let [episode] = &report.episodes[..] else { panic!("{name}: {report:?}") };
        let outcome = match &episode.outcome {
            Outcome::NotFetched(trouble) => format!("not_fetched {}", trouble.reason),
            outcome => outcome.name().to_owned(),
        };
        Ended {
            outcome,
            requests: self.spine.requests().len() - requests,
            audited: fetches(&self.site).split_off(records).into_iter().map(|(_, verdict)| verdict).collect(),
            message: episode.outcome.message(),
        }
    }
}

/// The product's own settings, but that nobody waits between attempts, and that what never comes is waited for briefly.
fn settings(name: &str) -> Settings {
    let mut settings = Settings::default();
    settings.retry.backoff.fill(Duration::ZERO);
    match name {
        "headers-never" | "headers-dribble" => settings.budgets.headers = Duration::from_millis(60),
        "body-stall-90" => settings.budgets.idle = Duration::from_millis(60),
        "body-dribble" => {
            let floor = SpeedFloor { bytes_per_second: 1 << 10, over: Duration::from_millis(400) };
            settings.budgets.floor = floor;
        }
        _ => {}
    }
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn every_named_fault_ends_as_the_matrix_says() {
    let faults = Fault::all();
    let expected: BTreeMap<&str, Expected> = MATRIX.iter().copied().collect();
    let names: BTreeSet<&str> = faults.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(names, expected.keys().copied().collect(), "every fault has a row and every row a fault");
    let ward = Ward::new(&faults).await;
    let (mut before, mut wrong) = (0, Vec::new());
    for (index, fault) in faults.iter().enumerate() {
        let (outcome, attempts) = expected[fault.name.as_str()];
        let ended = ward.admit(index, &fault.name).await;
        let stored = stored(&ward.site);
        println!(
            "{}  {:38} {:48} {} {}",
            fault.row,
            fault.name,
            ended.outcome,
            ended.requests,
            ended.audited.join(" ")
        );
        let pairs = ended.audited.chunks(2).filter(|pair| pair[0] == "intent" && pair.len() == 2).count();
        let either = outcome == CUT_OR_RESET.0 && [CUT.0, RESET.0].contains(&ended.outcome.as_str());
        let as_it_should = (ended.outcome == outcome || either)
            && ended.requests == attempts as usize
            && pairs == attempts as usize
            && ended.audited.len() == 2 * pairs
            && ended.audited.last().is_some_and(|last| (last == "ok") == (outcome == "warmed"))
            && stored == before + usize::from(outcome == "warmed");
        before = stored;
        if !as_it_should {
            wrong.push(format!(
                "{}: {outcome} in {attempts} expected, {} in {}: {}",
                fault.name, ended.outcome, ended.requests, ended.message
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let verified = bedside_audit::verify(&ward.site.path("audit"), None).expect("the chain holds");
    assert_eq!(verified.unfinished, 0);
    assert!(ward.spine.requests().iter().all(|seen| seen.problem.is_none()), "every request was right");
}
