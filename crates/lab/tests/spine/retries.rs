//! What is tried again, how often, and what never is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bedside_lab::provider::{Behaviour, Practice};
use bedside_spine::{Client, Decision, Defect, ErrorCode, Refusal, Settings, Unavailability};
use jiff::{SignedDuration, Timestamp};

use crate::support::{
    assert_all_accepted, call, call_to, canned, client, client_with, consumer, distinct, fetch_from, start,
    start_one, tls,
};

#[tokio::test]
async fn a_slow_practice_is_waited_for() {
    let (result, _) = fetch_from(Behaviour::Slow(Duration::from_millis(20))).await;
    assert_eq!(result.expect("a record").0.attempts, 1);
}

#[tokio::test]
async fn a_cut_body_is_retried_with_new_tokens_and_trace_ids_then_reported() {
    let (result, requests) = fetch_from(Behaviour::CutHalfWay).await;
    let error = result.expect_err("cut thrice");
    assert_eq!(error.decision, Decision::Unavailable(Unavailability::Cut));
    assert_eq!((error.evidence.attempts, error.evidence.status), (3, Some(200)));
    assert_all_accepted(&requests);
    assert_eq!(requests.len(), 3);
    assert_eq!(distinct(&requests, "authorization").len(), 3);
    let mut reported = error.evidence.earlier_trace_ids.clone();
    reported.push(error.evidence.trace_id.clone());
    let sent: Vec<&str> = requests.iter().filter_map(|seen| seen.header("ssp-traceid")).collect();
    assert_eq!(reported, sent);
}

#[tokio::test]
async fn a_refusal_is_not_retried() {
    for (code, refusal, known) in [
        ("NO_PATIENT_CONSENT", Refusal::PatientConsent, Some(ErrorCode::NoPatientConsent)),
        ("NO_ORGANISATIONAL_CONSENT", Refusal::OrganisationConsent, Some(ErrorCode::NoOrganisationConsent)),
        ("ACCESS DENIED", Refusal::AccessDisabled, Some(ErrorCode::AccessDenied)),
        ("NO_RELATIONSHIP", Refusal::NoRelationship, Some(ErrorCode::NoRelationship)),
        ("SOMETHING_ELSE", Refusal::Unspecified, None),
    ] {
        let (result, requests) = fetch_from(Behaviour::Refuses(code)).await;
        let error = result.expect_err("refused");
        assert_eq!(error.decision, Decision::Refused(refusal), "{code}");
        assert_eq!((error.evidence.status, error.evidence.code), (Some(403), known));
        assert_eq!(requests.len(), 1, "{code}");
    }
}

#[tokio::test]
async fn an_unknown_patient_is_not_retried() {
    let (result, requests) = fetch_from(Behaviour::NotFound).await;
    assert_eq!(result.expect_err("not found").decision, Decision::NotFound);
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn an_unreachable_practice_is_retried() {
    let (result, requests) = fetch_from(Behaviour::FlakyThenOk(2)).await;
    let (answer, _) = result.expect("the third time");
    assert_eq!((answer.attempts, answer.earlier_trace_ids.len(), requests.len()), (3, 2, 3));
    assert_eq!(distinct(&requests, "ssp-traceid").len(), 3);
    let (result, requests) = fetch_from(Behaviour::Unreachable502).await;
    let error = result.expect_err("unreachable");
    assert_eq!(error.decision, Decision::Unavailable(Unavailability::PracticeUnreachable));
    assert_eq!((error.evidence.attempts, requests.len()), (3, 3));
}

#[tokio::test]
async fn a_practice_that_sends_no_headers_runs_out_of_time() {
    let spine = start_one(Behaviour::Slow(Duration::from_secs(3600))).await;
    let mut settings = Settings::default();
    settings.budgets.headers = Duration::from_millis(50);
    settings.retry.backoff.clear();
    let client = client_with(consumer(spine.ssp_root()), &tls(&spine), settings);
    let error = client.get_structured_record(&call()).await.expect_err("slow");
    assert_eq!(error.decision, Decision::Unavailable(Unavailability::Timeout));
}

#[tokio::test]
async fn busy_answers_are_retried() {
    for status in [408, 429, 503, 504] {
        let (result, requests) = fetch_from(canned(status, &[], "<html>")).await;
        let error = result.expect_err("busy");
        assert_eq!(error.decision, Decision::Unavailable(Unavailability::Busy), "{status}");
        assert_eq!(requests.len(), 3, "{status}");
    }
    let (_, requests) = fetch_from(canned(503, &[("retry-after", "31")], "")).await;
    assert_eq!(requests.len(), 1, "a longer wait than we are ready for ends the call");
}

#[tokio::test]
async fn a_killed_practice_takes_no_other_down() {
    let practices = vec![
        Practice::new("A20001", "200000000002", Behaviour::Normal),
        Practice::new("A20002", "200000000003", Behaviour::GzipChunked),
    ];
    let spine = start(practices.clone()).await;
    spine.kill("A20001");
    let client = client(&spine);
    let error = client.get_structured_record(&call_to(&practices[0])).await.expect_err("killed");
    assert_eq!(error.decision, Decision::Unavailable(Unavailability::PracticeUnreachable));
    assert!(client.get_structured_record(&call_to(&practices[1])).await.is_ok());
}

/// Row F-39 of the fault matrix. Deadlines are monotonic, so that a step moves none; each attempt's token is of the clock
/// as it stands then, and one that the step has spoilt is refused and not tried again.
#[tokio::test]
async fn a_clock_that_steps_during_a_call_moves_no_deadline_and_spoils_its_own_tokens_alone() {
    let year = 365 * 24 * 3600;
    for (step, expected) in [
        (-200, Ok(2)),
        (4, Ok(2)),
        (-3_600, Err((Decision::OurDefect(Defect::BadRequest), 2))),
        (3_600, Err((Decision::OurDefect(Defect::BadRequest), 2))),
        (-10 * year, Err((Decision::OurDefect(Defect::BadRequest), 2))),
        (10 * year, Err((Decision::OurDefect(Defect::BadRequest), 2))),
    ] {
        let spine = start_one(Behaviour::FlakyThenOk(1)).await;
        let (ticks, draws) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let clock = move || {
            let stepped = if ticks.fetch_add(1, Ordering::SeqCst) == 0 { 0 } else { step };
            Timestamp::now() + SignedDuration::from_secs(stepped)
        };
        let entropy = move || (draws.fetch_add(1, Ordering::SeqCst) as u128) << 96;
        let client =
            Client::with(consumer(spine.ssp_root()), &tls(&spine), Settings::default(), clock, entropy);
        let result = client.expect("fit").get_structured_record(&call()).await;
        let attempts = result
            .map(|(answer, _)| answer.attempts)
            .map_err(|error| (error.decision, error.evidence.attempts));
        assert_eq!(attempts, expected, "{step} seconds");
        let seen = spine.requests();
        assert_eq!(seen.len(), 2, "{step}");
        assert_eq!(
            (seen[0].problem.is_some(), seen[1].problem.is_some()),
            (false, expected.is_err()),
            "{step}"
        );
    }
}
