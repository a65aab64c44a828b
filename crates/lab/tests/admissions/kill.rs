//! A run that is killed again and again: row F-40 of the fault matrix, and what `--run-id` promises.

use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bedside_lab::demo::Site;
use bedside_lab::provider::{Behaviour, Latency, NationalRecord, Practice, SimulatedSpine};
use bedside_spine::Tracer;
use bedside_warm::{Admissions, Control, Journal, Stop};
use jiff::Timestamp;

use crate::support::{admission, asid, brisk, ods, pipeline, site, start, warmer};

const SITE: &str = "BEDSIDE_TEST_SITE";
const ROOT: &str = "BEDSIDE_TEST_ROOT";
const ADMISSIONS: usize = 24;
const PRACTICES: usize = 6;
const IN_FLIGHT: usize = 3;

/// The run as a process of its own. Only with the two variables it is one; otherwise there is nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_is_killed() {
    let (Some(folder), Ok(root)) = (env::var_os(SITE), env::var(ROOT)) else { return };
    let site = Site::open(Path::new(&folder)).expect("a site");
    let run = "night-1".parse().expect("a run");
    let journal = Journal::open(&site.path("runs"), &run, "admission", Timestamp::now()).expect("a journal");
    let control = Control { run: run.to_string(), journal: Some(journal), stop: Stop::new() };
    let list: String =
        (0..ADMISSIONS).map(|index| format!("{}\n", admission(index, &ods(index % PRACTICES)))).collect();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_goes_on_and_fetches_nothing_twice_that_was_sealed() {
    let latency = Latency::Between(Duration::from_millis(5), Duration::from_millis(40));
    let practices = (0..PRACTICES)
        .map(|index| Practice { latency, ..Practice::new(&ods(index), &asid(index), Behaviour::Normal) });
    let spine = start(practices.collect(), ADMISSIONS, NationalRecord::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path(), &spine);
    let mut kills = 0;
    // Each time after another number of further calls, so that it strikes in different places.
    for further in [1, 3, 2, 5, 4] {
        let mut run = process(&site, &spine);
        let enough = spine.requests().len() + further;
        while spine.requests().len() < enough && run.try_wait().expect("alive or not").is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        kills += usize::from(run.try_wait().expect("alive or not").is_none());
        run.kill().expect("killed");
        run.wait().expect("gone");
    }
    let ended = process(&site, &spine).wait().expect("ran");
    assert!(ended.success(), "the last part of the run warmed what was left");
    // What another process has written is read anew.
    let site = Site::open(&site.path("")).expect("a site");
    let sealed = site.cache.list().expect("listed");
    assert_eq!(sealed.len(), ADMISSIONS, "nothing is missing");
    for episode in &sealed {
        assert_eq!((episode.generation, episode.not_readable), (Some(1), None), "nothing was sealed twice");
    }
    let requests = spine.requests().len();
    assert!(kills >= 4 && requests <= ADMISSIONS + kills * IN_FLIGHT, "{requests} requests, {kills} kills");
    let verified = bedside_audit::verify(&site.path("audit"), None).expect("the chain holds");
    assert!(verified.unfinished as usize <= 2 * kills * IN_FLIGHT, "{} unfinished", verified.unfinished);
}
