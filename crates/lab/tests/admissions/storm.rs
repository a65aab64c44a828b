//! An admissions peak: many patients of fifty practices with latencies and occasional faults. What the figures of
//! `benches/RESULTS.md` were taken with:
//!
//! `STORM=1000 STORM_LATENCY=200ms..3s cargo test -p bedside-lab --test admissions storm -- --nocapture`

use std::collections::BTreeMap;
use std::env;
use std::time::{Duration, Instant};

use bedside_lab::provider::{Fault, Latency, NationalRecord, Practice};
use bedside_spine::{Rate, Settings, Tracer};
use bedside_warm::Admissions;
use jiff::Timestamp;

use crate::support::{admission, asid, brisk, ods, pipeline, site, start, warmer};

const PRACTICES: usize = 50;

/// Faults of every class: what is retried, what is refused, what is broken.
const FAULTS: [&str; 8] = [
    "proxy-502-unreachable",
    "body-cut-half",
    "busy-503-after-0",
    "reset-before-headers",
    "error-500-INTERNAL_SERVER_ERROR",
    "error-403-NO_PATIENT_CONSENT",
    "html-as-fhir",
    "error-404-PATIENT_NOT_FOUND",
];

/// Peak of this process's memory so far in MiB, the simulated Spine's included.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn every_admission_of_a_peak_ends_in_a_named_state_and_no_practice_is_pressed() {
    let admissions: usize = env::var("STORM").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    let latency = env::var("STORM_LATENCY").unwrap_or_else(|_| "1ms..20ms".to_owned());
    let latency: Latency = latency.parse().expect("a latency");
    let faults: Vec<_> = FAULTS.iter().map(|name| Fault::named(name).expect(name).behaviour).collect();
    let practices = (0..PRACTICES).map(|index| Practice {
        latency,
        faults: (50, faults.clone()),
        ..Practice::new(&ods(index), &asid(index), bedside_lab::provider::Behaviour::Normal)
    });
    let spine = start(practices.collect(), admissions, NationalRecord::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path(), &spine);
    let every = Duration::ZERO;
    let unpaced = Rate { burst: u32::MAX, every };
    // The pace is a limit on purpose and has tests of its own; here the question is what the rest can do.
    let pace = bedside_spine::Pace { per_practice: unpaced, overall: unpaced };
    let settings = Settings { pace, ..brisk() };
    // Eight in a row of each practice, so that its limit is met.
    let list: String =
        (0..admissions).map(|index| format!("{}\n", admission(index, &ods(index / 8 % PRACTICES)))).collect();
    let began = Instant::now();
    let warmer = warmer(&site, &spine.ssp_root(), (settings, Tracer::Callers, 32));
    let lines = Admissions::new(list.as_bytes(), Timestamp::now());
    let report = warmer.run("storm", lines, &pipeline(), &mut |_| {}).await;
    let took = began.elapsed();
    let mut ended = BTreeMap::new();
    for episode in &report.episodes {
        *ended.entry(episode.outcome.name()).or_insert(0_usize) += 1;
    }
    let mut times: Vec<u64> = report.episodes.iter().map(|episode| episode.milliseconds).collect();
    times.sort_unstable();
    println!(
        "{admissions} admissions in {:.1} s, {:.1} a second; {ended:?}; median {} ms, slowest {} ms; at most {} at once at \
         a practice; {} requests; peak {} MiB",
        took.as_secs_f64(),
        admissions as f64 / took.as_secs_f64(),
        times[times.len() / 2],
        times[times.len() - 1],
        spine.most_at_once(),
        spine.requests().len(),
        peak_mib(),
    );
    assert_eq!(report.episodes.len(), admissions);
    assert!(ended.keys().all(|name| ["warmed", "not_fetched"].contains(name)), "{ended:?}");
    assert!(ended["warmed"] > admissions * 8 / 10, "{ended:?}");
    assert!(spine.most_at_once() <= 4, "{}", spine.most_at_once());
    let sealed = site.cache.list().expect("listed").iter().filter(|one| one.generation == Some(1)).count();
    assert_eq!(sealed, ended["warmed"]);
    let verified = bedside_audit::verify(&site.path("audit"), None).expect("the chain holds");
    assert_eq!(verified.unfinished, 0);
    assert!(spine.requests().iter().all(|seen| seen.problem.is_none()), "every request was right");
}
