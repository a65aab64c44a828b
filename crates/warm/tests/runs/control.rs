//! How a run is joined, resumed, stopped and bounded, and what each attempt leaves in the audit log.

use std::io;
use std::time::Duration;

use crate::support::{FakeSpine, NOW, NUMBERS, Reply, Ward, bundle, line, list};
use bedside_audit::verify;
use bedside_spine::{Decision, Unavailability};
use bedside_warm::{Admissions, Control, Journal, Line, Pipeline, Stop};
use serde_json::{Value, json};

const CUT: Decision = Decision::Unavailable(Unavailability::Cut);

fn pipeline() -> Pipeline {
    Pipeline::admission(jiff::civil::date(2026, 1, 15)).expect("keeps the rules")
}

fn admissions(list: &str) -> impl Iterator<Item = io::Result<Line>> {
    Admissions::new(list.as_bytes(), NOW.parse().expect("a time"))
}

/// A run of that name with its journal in the ward's folder.
fn journalled(ward: &Ward, stop: &Stop) -> Control {
    let run = "night-1".parse().expect("a run");
    let now = NOW.parse().expect("a time");
    let journal = Journal::open(&ward.folder.path().join("runs"), &run, "admission", now).expect("a journal");
    Control { run: run.to_string(), journal: Some(journal), stop: stop.clone() }
}

/// The records of fetches in the audit log: verdict and reason of each outcome, `intent` for an intent.
fn fetches(ward: &Ward) -> Vec<String> {
    let text = ward.log();
    let records =
        text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["record"].take());
    let fetches = records.filter(|record| record["event"] == "fetch");
    fetches
        .map(|record| match (record["outcome"].as_str(), record["reason"].as_str()) {
            (None, _) => "intent".to_owned(),
            (Some(verdict), None) => verdict.to_owned(),
            (Some(verdict), Some(reason)) => format!("{verdict} {reason}"),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_has_an_intent_and_an_outcome_of_its_own() {
    let Reply::Body(body) = bundle(0, "Edith") else { panic!("a body") };
    let ward = Ward::new([(0, Reply::FailsTwice(CUT, body))]);
    let ran = ward.warm(&list([line(0)])).await;
    assert_eq!(ran.outcome("EP-0"), "warmed");
    let cut = "failed unavailable/cut";
    assert_eq!(fetches(&ward), ["intent", cut, "intent", cut, "intent", "ok"]);
    assert_eq!(verify(&ward.audit_folder(), None).expect("the chain holds").unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_episode_that_two_runs_ask_for_is_fetched_once_and_is_on_record_twice() {
    let replies = [(NUMBERS[0].to_owned(), bundle(0, "Edith"))].into();
    // A call that ends only when a second one has come: were there two, both would end, and be counted.
    let ward = Ward::with(
        NOW,
        FakeSpine { replies, gate: Some(tokio::sync::Notify::new()), ..FakeSpine::default() },
    );
    let (warmer, text, pipeline) = (ward.warmer(), list([line(0)]), pipeline());
    let (mut told, mut silent) = (0, |_: &_| {});
    let mut count = |_: &_| told += 1;
    let opened = async {
        while fetches(&ward).len() < 2 {
            tokio::task::yield_now().await;
        }
        ward.spine.0.gate.as_ref().expect("a gate").notify_one();
    };
    let (one, other, ()) = tokio::join!(
        warmer.run("run-1", admissions(&text), &pipeline, &mut silent),
        warmer.run("run-2", admissions(&text), &pipeline, &mut count),
        opened,
    );
    assert!(one.all_warmed() && other.all_warmed());
    assert_eq!(ward.calls(), 1);
    assert_eq!(fetches(&ward), ["intent", "intent", "ok", "ok"]);
    assert_eq!(ward.cache.list().expect("listed")[0].generation, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_episode_that_takes_too_long_ends_and_the_others_go_on() {
    let mut ward = Ward::new([(0, Reply::Never), (1, bundle(1, "Edith"))]);
    ward.deadline = Duration::from_millis(20);
    let ran = ward.warm(&list([line(0)])).await;
    let trouble = &ran.events.iter().find(|event| event["type"] == "episode_finished").expect("told");
    assert_eq!((&trouble["reason"], &trouble["again"]), (&json!("unavailable/deadline"), &json!(true)));
    assert_eq!(fetches(&ward), ["intent", "failed unavailable/deadline"]);
    ward.deadline = Duration::from_secs(3600);
    assert_eq!(ward.warm(&list([line(1)])).await.outcome("EP-1"), "warmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_run_does_what_is_left_and_what_may_be_tried_again() {
    let ward = Ward::new([
        (0, bundle(0, "Edith")),
        (1, Reply::Error(CUT)),
        (2, Reply::Error(Decision::NotFound)),
        (3, bundle(3, "Edith")),
    ]);
    let stop = Stop::new();
    ward.run_as(journalled(&ward, &stop), admissions(&list([line(0), line(1), line(2)])), &pipeline()).await;
    assert_eq!(ward.calls(), 3);
    let all = list((0..4).map(line));
    let ran = ward.run_as(journalled(&ward, &stop), admissions(&all), &pipeline()).await;
    assert_eq!(ward.calls(), 5, "the one that was cut, and the new one");
    let outcomes = [0, 1, 2, 3].map(|patient| ran.outcome(&format!("EP-{patient}")));
    assert_eq!(outcomes, ["earlier", "not_fetched", "earlier", "warmed"]);
    let totals = ran.report.totals();
    assert_eq!((totals.lines, totals.warmed, totals.failed), (4, 2, 2));
    let generations = ward.cache.list().expect("listed");
    assert!(generations.iter().all(|episode| episode.generation == Some(1)), "none was fetched twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_sealed_without_noting_it_is_not_fetched_again() {
    let ward = Ward::new([(0, bundle(0, "Edith")), (1, bundle(1, "Edith"))]);
    let stop = Stop::new();
    ward.run_as(journalled(&ward, &stop), admissions(&list([line(0)])), &pipeline()).await;
    // As a kill between the seal and the note leaves it: the first line names the pipeline, the second begins.
    let file = ward.folder.path().join("runs/night-1.journal");
    let text = std::fs::read_to_string(&file).expect("a journal");
    let begun: Vec<_> = text.lines().take(2).collect();
    std::fs::write(&file, format!("{}\n", begun.join("\n"))).expect("written");
    let ran = ward.run_as(journalled(&ward, &stop), admissions(&list([line(0), line(1)])), &pipeline()).await;
    assert_eq!((ran.outcome("EP-0"), ran.outcome("EP-1")), ("earlier", "warmed"));
    assert!(ran.report.all_warmed());
    assert_eq!(ward.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_asked_to_stop_begins_nothing_more_and_finishes_what_it_began() {
    let ward = Ward::new((0..4).map(|patient| (patient, bundle(patient, "Edith"))));
    let (stop, text) = (Stop::new(), list((0..4).map(line)));
    let control = journalled(&ward, &stop);
    // The wish comes while the third line is read.
    let lines = admissions(&text).enumerate().map(|(index, line)| {
        if index == 2 {
            stop.request();
        }
        line
    });
    let ran = ward.run_as(control, lines, &pipeline()).await;
    let outcomes = [0, 1, 2].map(|patient| ran.outcome(&format!("EP-{patient}")));
    assert_eq!(outcomes, ["warmed", "warmed", "handed_back"]);
    assert!(ran.report.stopped && !ran.report.all_warmed());
    assert_eq!((ward.calls(), ran.report.episodes.len()), (2, 3), "the fourth line was not read");
    let ran = ward.run_as(journalled(&ward, &Stop::new()), admissions(&text), &pipeline()).await;
    assert!(ran.report.all_warmed());
    assert_eq!(ward.calls(), 4);
}
