//! A run that is killed again and again at random points: row F-40 of the fault matrix, and what `--run-id` promises.
//! A failure is played again with the seed that it prints, and more points are tried with `KILLS`:
//!
//! `KILLS=100 KILL_SEED=7 cargo test -p bedside-lab --test admissions kill -- --nocapture`

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bedside_lab::demo::Site;
use bedside_lab::provider::{Behaviour, Latency, NationalRecord, Practice, SimulatedSpine};
use bedside_spine::Tracer;
use bedside_warm::{Admissions, Control, Journal, Stop};
use jiff::Timestamp;

use crate::support::{admission, asid, brisk, ods, patient, pipeline, site, start, warmer};

const SITE: &str = "BEDSIDE_TEST_SITE";
const ROOT: &str = "BEDSIDE_TEST_ROOT";
const PRACTICES: usize = 6;
const IN_FLIGHT: usize = 3;

/// How often the run is killed, by default and where the environment says so.
fn kills() -> usize {
    number("KILLS").map_or(8, |kills| usize::try_from(kills).expect("small"))
}

/// Enough for every kill to find work under way.
fn admissions() -> usize {
    4 * kills()
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Numbers that look random and follow from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// The run as a process of its own. Only with the two variables it is one; otherwise there is nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_is_killed() {
    let (Some(folder), Ok(root)) = (env::var_os(SITE), env::var(ROOT)) else { return };
    let site = Site::open(Path::new(&folder)).expect("a site");
    let run = "night-1".parse().expect("a run");
    let journal = Journal::open(&site.path("runs"), &run, "admission", Timestamp::now()).expect("a journal");
    let control = Control { run: run.to_string(), journal: Some(journal), stop: Stop::new() };
    let list: String =
        (0..admissions()).map(|index| format!("{}\n", admission(index, &ods(index % PRACTICES)))).collect();
    let lines = Admissions::new(list.as_bytes(), Timestamp::now());
    let warmer = warmer(&site, &root, (brisk(), Tracer::Callers, IN_FLIGHT));
    let report = warmer.run(control, lines, &pipeline(), &mut |_| {}).await;
    assert!(report.all_warmed(), "{}", report.to_json());
}

fn process(site: &Site, spine: &SimulatedSpine) -> Child {
    Command::new(env::current_exe().expect("this test"))
        .args(["--exact", "kill::the_process_that_is_killed"])
        .env(SITE, site.path(""))
        .env(ROOT, spine.ssp_root())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("starts")
}

/// How often each patient's record was asked for.
fn asked(spine: &SimulatedSpine) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for seen in spine.requests() {
        let body = seen.body.expect("a body");
        let number = body["parameter"][0]["valueIdentifier"]["value"].as_str().expect("a number").to_owned();
        *asked.entry(number).or_default() += 1;
    }
    asked
}

/// The patients whose records are sealed, read anew from what other processes have written.
fn sealed(folder: &Path) -> BTreeSet<String> {
    let site = Site::open(folder).expect("a site");
    let list = site.cache.list().expect("listed");
    let whole: BTreeSet<_> =
        list.iter().filter(|one| one.generation.is_some()).map(|one| &one.episode).collect();
    let is_sealed = |index: &usize| {
        whole.contains(&site.cache.episode_tag(&format!("EP-{index}").parse().expect("an id")))
    };
    let sealed = (0..admissions()).filter(is_sealed);
    sealed.map(|index| patient(index).nhs_number.expose().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_goes_on_and_fetches_nothing_twice_that_was_sealed() {
    let seed = number("KILL_SEED").unwrap_or_else(|| Timestamp::now().as_millisecond().unsigned_abs());
    println!("KILL_SEED={seed}");
    let mut random = Random(seed);
    let latency = Latency::Between(Duration::from_millis(5), Duration::from_millis(40));
    let practices = (0..PRACTICES)
        .map(|index| Practice { latency, ..Practice::new(&ods(index), &asid(index), Behaviour::Normal) });
    let spine = start(practices.collect(), admissions(), NationalRecord::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path(), &spine);
    let mut struck = 0;
    // What was sealed when the run was killed, and how often it had been asked for by then.
    let mut settled: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..kills() {
        let mut run = process(&site, &spine);
        let enough = spine.requests().len() + usize::try_from(random.below(4)).expect("small");
        while spine.requests().len() < enough && run.try_wait().expect("alive or not").is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(random.below(60_000))).await;
        struck += usize::from(run.try_wait().expect("alive or not").is_none());
        run.kill().expect("killed");
        run.wait().expect("gone");
        let asked = asked(&spine);
        for number in sealed(&site.path("")) {
            let times = asked[&number];
            assert_eq!(
                *settled.entry(number).or_insert(times),
                times,
                "asked for again, though it was sealed"
            );
        }
    }
    let ended = process(&site, &spine).wait().expect("ran");
    assert!(ended.success(), "the last part of the run warmed what was left");
    let (asked, sealed) = (asked(&spine), sealed(&site.path("")));
    assert_eq!(sealed.len(), admissions(), "nothing is missing");
    for (number, times) in settled {
        assert_eq!(asked[&number], times, "asked for again, though it was sealed");
    }
    let site = Site::open(&site.path("")).expect("a site");
    for episode in site.cache.list().expect("listed") {
        assert_eq!((episode.generation, episode.not_readable), (Some(1), None), "nothing was sealed twice");
    }
    let requests = spine.requests().len();
    println!("{struck} kills, {requests} requests for {} admissions", admissions());
    assert!(struck >= kills() / 2 && requests <= admissions() + struck * IN_FLIGHT, "{requests}, {struck}");
    let verified = bedside_audit::verify(&site.path("audit"), None).expect("the chain holds");
    assert!(verified.unfinished as usize <= 2 * struck * IN_FLIGHT, "{} unfinished", verified.unfinished);
}
