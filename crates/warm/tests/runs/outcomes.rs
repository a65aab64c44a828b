//! What a run does with each admission, and what it tells of it.

use std::collections::BTreeSet;
use std::io;

use crate::support::{FakeSpine, NOW, NUMBERS, Ran, Reply, Shared, Ward, bundle, line, list};
use bedside_audit::verify;
use bedside_cache::{HoldReason, NotReadable, ReaderAssertion};
use bedside_model::schema::Table;
use bedside_spine::{Decision, Refusal, Unavailability};
use bedside_warm::{Admissions, Manifest, Pipeline};
use serde_json::{Value, json};

fn reader() -> ReaderAssertion {
    ReaderAssertion {
        requester: bedside_model::Requester {
            user_id: "user-18".into(),
            sds_user_id: "UNK".into(),
            sds_role_profile_id: "UNK".into(),
            family: "Other".into(),
            given: "Sam".into(),
            prefix: None,
            role: "Pharmacist".into(),
            organisation: "RX999".parse().expect("an ODS code"),
            organisation_name: "Test Hospital".into(),
        },
        reason: "directcare".into(),
        relationship: "admitting team".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_for_an_episode_whose_record_the_cache_would_not_take() {
    let ward = Ward::new([(0, bundle(0, "Edith")), (1, bundle(1, "Edith"))]);
    ward.warm(&list([line(0), line(1)])).await;
    let (calls, id) = (ward.calls(), |text: &str| text.parse().expect("an id"));
    ward.cache.purge(&id("EP-0"), &reader()).expect("purged");
    ward.cache.hold(&id("EP-1"), &reader(), HoldReason::Dissent).expect("held");
    let ran = ward.warm(&list([line(0), line(1)])).await;
    assert_eq!((ran.outcome("EP-0"), ran.outcome("EP-1")), ("not_stored", "not_stored"));
    assert_eq!(ward.calls(), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warmed_record_can_be_read_by_who_may() {
    let ward = Ward::new([(0, bundle(0, "Edith"))]);
    let ran = ward.warm(&list([line(0)])).await;
    assert_eq!(ran.outcome("EP-0"), "warmed");
    assert!(ran.report.all_warmed() && !ran.report.refused_by_policy_only());

    let episode = "EP-0".parse().expect("an id");
    let grant = ward.cache.grant(&reader(), &episode).expect("granted");
    let opened = ward.cache.read(&grant).expect("opened");
    assert_eq!(opened.table(Table::Allergies).num_rows(), 1);
    assert_eq!(opened.table(Table::Sections).num_rows(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifest_says_how_and_never_who() {
    let ward = Ward::new([(0, bundle(0, "Edith"))]);
    ward.warm(&list([line(0)])).await;
    let assertion = bedside_warm::read_assertion(
        json!({"user_id": "u", "sds_user_id": "UNK", "sds_role_profile_id": "UNK", "family": "Other", "given": "Sam",
            "role": "Pharmacist", "organisation_ods": "RX999", "organisation_name": "Test Hospital",
            "reason": "directcare", "relationship": "admitting team"})
        .to_string()
        .as_bytes(),
        &ward.audit,
        (bedside_audit::EventKind::Read, &ward.cache.episode_tag(&"EP-0".parse().expect("an id"))),
    )
    .expect("a reader");
    let grant = ward.cache.grant(&assertion, &"EP-0".parse().expect("an id")).expect("granted");
    let opened = ward.cache.read(&grant).expect("opened");
    let text = opened.manifest();
    for secret in [NUMBERS[0], "Sampleton", "Edith", "1950", "Example", "Robin", "user-17", "Zanthoxylum"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let manifest: Manifest = serde_json::from_str(text).expect("a manifest");
    let request = manifest.request.expect("asked for");
    assert_eq!(request.areas, ["allergies", "medications", "problems", "consultations"]);
    assert_eq!(request.parameters.as_array().map(Vec::len), Some(4), "without the patient's number");
    assert_eq!((request.organisation.as_str(), request.purpose.as_str()), ("RX999", "directcare"));
    assert_eq!(manifest.source.expect("from a practice").asid, "200000000001");
    assert_eq!(manifest.patient_check.expect("checked").result, "match");
    assert_eq!(manifest.rows["allergies"], 1);
    assert_eq!(manifest.bundle.entries, 7);
    assert_eq!(manifest.retrieved_at.as_deref(), Some(NOW));
    for (kind, account) in manifest.accounting {
        assert_eq!(account.seen, account.normalised + account.context + account.unmapped, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_audit_log_nothing_is_fetched() {
    let ward = Ward::new([(0, bundle(0, "Edith")), (1, bundle(1, "Edith"))]);
    std::fs::remove_dir_all(ward.audit_folder()).expect("the volume is lost");
    let mut forbidden = line(2);
    forbidden["reason"] = json!("research");
    let ran = ward.warm(&list([line(0), line(1), forbidden])).await;
    assert_eq!((ran.outcome("EP-0"), ran.outcome("EP-1")), ("not_audited", "not_audited"));
    assert_eq!(ward.calls(), 0);
    assert!(ward.cache.list().expect("listed").is_empty());
    assert_eq!(ran.report.totals().failed, 3, "a refusal that is not on record is a failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_patient_is_never_stored() {
    let ward = Ward::new([(0, bundle(0, "Edna")), (1, bundle(2, "Edith"))]);
    let ran = ward.warm(&list([line(0), line(1)])).await;
    assert_eq!((ran.outcome("EP-0"), ran.outcome("EP-1")), ("wrong_patient", "wrong_patient"));
    assert!(ward.cache.list().expect("listed").is_empty());
    let told = |episode: &str| {
        let is_it = |event: &&Value| event["type"] == "episode_finished" && event["episode"] == episode;
        ran.events.iter().find(is_it).expect("told").clone()
    };
    assert_eq!(told("EP-0")["differing"], json!(["given"]));
    assert_eq!(told("EP-1")["differing"], json!([]), "another NHS number is no matter of opinion");
    assert_eq!(ward.log().matches(r#""blocked""#).count(), 2, "{}", ward.log());
}

/// Whether the record of a patient can be read, or the reason of its hold.
fn shown(ward: &Ward, episode: &str) -> Result<(), HoldReason> {
    let summary = ward.cache.state(&episode.parse().expect("an id")).expect("told");
    match summary.not_readable {
        None => Ok(()),
        Some(NotReadable::Held { reason }) => Err(reason),
        Some(other) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_was_shown_after_its_patient_had_dissented_at_the_practice() {
    let mut ward = Ward::new([(0, bundle(0, "Edith")), (1, bundle(1, "Edith"))]);
    ward.warm(&list([line(0), line(1)])).await;
    assert_eq!((shown(&ward, "EP-0"), shown(&ward, "EP-1")), (Ok(()), Ok(())));
    ward.answers([
        (0, Reply::Error(Decision::Refused(Refusal::PatientConsent))),
        (1, Reply::Error(Decision::Refused(Refusal::OrganisationConsent))),
    ]);
    let ran = ward.warm(&list([line(0), line(1)])).await;
    assert_eq!((ran.outcome("EP-0"), ran.outcome("EP-1")), ("not_fetched", "not_fetched"));
    assert_eq!(shown(&ward, "EP-0"), Err(HoldReason::Dissent));
    assert_eq!(shown(&ward, "EP-1"), Ok(()), "the practice's own refusal says nothing of the patient");
    let told = ran.events.iter().find(|event| event["episode"] == "EP-0" && event["message"].is_string());
    assert!(told.expect("told")["message"].as_str().expect("text").contains("held back"));
    assert!(ward.log().contains(r#""cause":"dissent""#), "{}", ward.log());
    assert_eq!(verify(&ward.audit_folder(), None).expect("the chain holds").unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_was_shown_when_its_hold_was_taken_off_while_the_practice_still_told_of_dissent() {
    let mut ward = Ward::new([(0, bundle(0, "Edith"))]);
    ward.warm(&list([line(0)])).await;
    ward.answers([(0, Reply::Error(Decision::Refused(Refusal::PatientConsent)))]);
    ward.warm(&list([line(0)])).await;
    let release = |ward: &Ward| {
        ward.cache.release(&"EP-0".parse().expect("an id"), &reader()).expect("released");
    };
    release(&ward);
    assert_eq!(shown(&ward, "EP-0"), Err(HoldReason::Unconfirmed));
    let ran = ward.warm(&list([line(0)])).await;
    assert_eq!((ran.outcome("EP-0"), shown(&ward, "EP-0")), ("not_fetched", Err(HoldReason::Dissent)));
    ward.answers([(0, bundle(0, "Edith"))]);
    release(&ward);
    let ran = ward.warm(&list([line(0)])).await;
    assert_eq!((ran.outcome("EP-0"), shown(&ward, "EP-0")), ("warmed", Ok(())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_was_shown_while_the_practice_answered_with_a_differing_patient() {
    let mut ward = Ward::new([(0, bundle(0, "Edith")), (1, bundle(1, "Edith"))]);
    ward.warm(&list([line(0), line(1)])).await;
    ward.answers([(0, bundle(0, "Edna")), (1, bundle(2, "Edith"))]);
    let ran = ward.warm(&list([line(0), line(1)])).await;
    assert_eq!((ran.outcome("EP-0"), ran.outcome("EP-1")), ("wrong_patient", "wrong_patient"));
    let told = ran.report.episodes.iter().find(|report| report.episode == "EP-0").expect("told");
    let told = told.outcome.message();
    assert!(
        told.starts_with("the record that was fetched before is held back; ") && told.ends_with(": given"),
        "{told}"
    );
    assert_eq!(shown(&ward, "EP-0"), Err(HoldReason::Identity));
    assert_eq!(shown(&ward, "EP-1"), Ok(()), "an answer about somebody else is refused whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_was_shown_after_the_list_had_said_that_it_must_not_be() {
    for (flag, reason) in [
        ("sensitive", HoldReason::Sensitive),
        ("deceased", HoldReason::Deceased),
        ("invalid", HoldReason::Identity),
        ("unverified", HoldReason::Identity),
    ] {
        let ward = Ward::new([(0, bundle(0, "Edith"))]);
        ward.warm(&list([line(0)])).await;
        let mut flagged = line(0);
        flagged["demographics"]["flags"] = json!([flag]);
        let ran = ward.warm(&list([flagged])).await;
        assert_eq!(shown(&ward, "EP-0"), Err(reason), "{flag}");
        let refused = &ran.report.lines_refused[0];
        assert!(refused.by_policy && refused.problems.iter().any(|problem| problem.field == "episode"));
    }
    let ward = Ward::new([(0, bundle(0, "Edith"))]);
    let mut dissenting = line(0);
    dissenting["permission"] = json!("refused");
    let ran = ward.warm(&list([dissenting.clone()])).await;
    assert_eq!(ran.report.lines_refused[0].problems.len(), 1, "nothing is held, so nothing is held back");
    ward.warm(&list([line(0)])).await;
    ward.warm(&list([dissenting])).await;
    assert_eq!(shown(&ward, "EP-0"), Err(HoldReason::Dissent));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_episode_does_not_stop_the_others() {
    let ward = Ward::new([
        (0, Reply::Error(Decision::Unavailable(Unavailability::Cut))),
        (1, Reply::Body(r#"{"resourceType":"Bundle","entry":["#.into())),
        (2, Reply::Error(Decision::Refused(Refusal::PatientConsent))),
        (3, Reply::Panic),
        (5, bundle(5, "Edith")),
    ]);
    let mut unknown = line(4);
    unknown["practice_ods"] = json!("A99002");
    let ran = ward.warm(&list([line(0), line(1), line(2), line(3), unknown, line(5)])).await;
    let outcomes = (0..6).map(|patient| ran.outcome(&format!("EP-{patient}"))).collect::<Vec<_>>();
    let expected = ["not_fetched", "unreadable", "not_fetched", "failed", "no_endpoint", "warmed"];
    assert_eq!(outcomes, expected);
    let totals = ran.report.totals();
    assert_eq!((totals.lines, totals.warmed, totals.refused, totals.failed), (6, 1, 0, 5));
    assert!(!ran.report.all_warmed() && !ran.report.refused_by_policy_only());
    let verified = verify(&ward.audit_folder(), None).expect("the chain holds");
    assert_eq!(verified.unfinished, 1, "the one that crashed");
    for (reason, verdict) in [("unavailable/cut", "failed"), ("denied/patient_consent", "blocked")] {
        let log = ward.log();
        let line = log.lines().find(|line| line.contains(reason)).expect(reason);
        assert!(line.contains(verdict), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_grows_old_before_the_call_is_refused_then() {
    let ward = Ward::at("2026-01-16T08:00:01Z", [(0, bundle(0, "Edith"))]);
    let ran = ward.warm(&list([line(0)])).await;
    assert_eq!(ran.outcome("EP-0"), "refused");
    assert_eq!(ward.calls(), 0);
    assert!(ran.report.refused_by_policy_only());
    assert_eq!(
        verify(&ward.audit_folder(), None).expect("the chain holds").records,
        1,
        "the attempt is on record"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_episode_that_ends_before_the_call_is_refused_then() {
    let ward = Ward::at("2026-01-15T12:00:00Z", [(0, bundle(0, "Edith"))]);
    let mut short = line(0);
    short["episode_ends"] = json!("2026-01-15T12:00:00Z");
    let ran = ward.warm(&list([short])).await;
    assert_eq!(ran.outcome("EP-0"), "refused");
    assert_eq!(ward.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_lines_are_told_and_attempts_among_them_audited() {
    let ward = Ward::new([(0, bundle(0, "Edith"))]);
    let mut forbidden = line(1);
    forbidden["reason"] = json!("research");
    let mut malformed = line(2);
    malformed["nhs_number"] = json!("9990000019");
    let ran = ward.warm(&list([forbidden, malformed, line(0)])).await;
    let told = &ran.report.lines_refused;
    assert_eq!(
        told.iter().map(|line| (line.line, line.by_policy)).collect::<Vec<_>>(),
        [(1, true), (2, false)]
    );
    assert_eq!(ran.outcome("EP-0"), "warmed");
    assert_eq!(ward.calls(), 1);
    assert!(ward.log().contains(r#""research""#), "the purpose as it was stated");
    assert!(!ran.report.refused_by_policy_only(), "one line is malformed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_policy_refusals_alone_says_so() {
    let ward = Ward::new([(0, bundle(0, "Edith"))]);
    let mut forbidden = line(1);
    forbidden["reason"] = json!("research");
    let ran = ward.warm(&list([forbidden, line(0)])).await;
    assert!(ran.report.refused_by_policy_only() && !ran.report.all_warmed());
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_are_in_flight_and_no_more() {
    let replies = (0..6).map(|patient| (NUMBERS[patient].to_owned(), bundle(patient, "Edith"))).collect();
    // Each call waits for a second one: alone in flight, none would ever return.
    let pairs = Some(tokio::sync::Barrier::new(2));
    let ward = Ward::with(NOW, FakeSpine { replies, pairs, ..FakeSpine::default() });
    let ran = ward.warm(&list((0..6).map(line))).await;
    assert_eq!(ran.report.totals().warmed, 6);
    let (mut in_flight, mut most) = (0, 0);
    for event in &ran.events {
        match event["type"].as_str() {
            Some("episode_started") => in_flight += 1,
            Some("episode_finished") => in_flight -= 1,
            _ => {}
        }
        most = most.max(in_flight);
    }
    assert_eq!(most, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consultation_is_asked_for_by_its_days_or_not_at_all() {
    let ward = Ward::new([(0, bundle(0, "Edith")), (1, bundle(1, "Edith"))]);
    let text = include_str!("../../../../pipelines/consultation.toml");
    let today = jiff::civil::date(2026, 1, 15);
    let pipeline = Pipeline::parse("consultation.toml", text, today).expect("keeps the rules");
    let mut with_consultation = line(0);
    with_consultation["consultation"] =
        json!({"reference": "visit-3", "period": {"start": "2025-12-01", "end": "2025-12-02"}});
    let ran = ward.warm_with(&list([with_consultation, line(1)]), &pipeline).await;
    assert_eq!((ran.outcome("EP-0"), ran.outcome("EP-1")), ("warmed", "not_applicable"));
    let bodies = ward.spine.0.bodies.lock().expect("whole");
    assert_eq!(bodies.len(), 1);
    let period = &bodies[0]["parameter"][1]["part"][0]["valuePeriod"];
    assert_eq!(*period, json!({"start": "2025-11-30", "end": "2025-12-03"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_breaks_off_is_reported_and_what_was_read_goes_on() {
    let ward = Ward::new([(0, bundle(0, "Edith"))]);
    let text = list([line(0)]);
    let lines = Admissions::new(text.as_bytes(), NOW.parse().expect("a time"))
        .chain([Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
    let pipeline = Pipeline::admission(jiff::civil::date(2026, 1, 15)).expect("keeps the rules");
    let ran = ward.run(lines, &pipeline).await;
    assert_eq!(ran.outcome("EP-0"), "warmed");
    assert!(ran.report.input_problem.is_some() && !ran.report.all_warmed());
    assert!(ran.events.iter().any(|event| event["type"] == "input_failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn warming_again_makes_the_next_generation_and_says_what_changed() {
    let mut ward = Ward::new([(0, bundle(0, "Edith"))]);
    let told = |ran: &Ran| {
        let finished = ran.events.iter().find(|event| event["type"] == "episode_finished");
        finished.expect("finished").clone()
    };
    assert_eq!(told(&ward.warm(&list([line(0)])).await)["changes"], Value::Null);
    let Reply::Body(body) = bundle(0, "Edith") else { panic!("a body") };
    let recorded = body.replace("Zanthoxylum", "Xanthosoma").replace("\"a1\"", "\"a2\"");
    for (body, new, gone, changed) in [
        (body.clone(), 0, 0, 0),
        (body.replace("2010-06", "2011-06"), 0, 0, 1),
        (recorded.replace("AllergyIntolerance/a1", "AllergyIntolerance/a2"), 1, 1, 0),
    ] {
        let spine = FakeSpine {
            replies: [(NUMBERS[0].to_owned(), Reply::Body(body))].into(),
            ..FakeSpine::default()
        };
        ward.spine = Shared(std::sync::Arc::new(spine));
        let ran = ward.warm(&list([line(0)])).await;
        let expected = json!({"new": new, "gone": gone, "changed": changed});
        assert_eq!(told(&ran)["changes"]["allergies"], expected);
        let words = ran.report.episodes[0].outcome.message();
        assert!(words.contains(&format!("{new} new, {gone} gone")), "{words}");
    }
    assert_eq!(told(&ward.warm(&list([line(0)])).await)["generation"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_pieces_is_the_same_record_and_is_kept_only_where_the_site_keeps_it() {
    let Reply::Body(body) = bundle(0, "Edith") else { panic!("a body") };
    for keep_bundle in [true, false] {
        let mut ward = Ward::new([(0, Reply::Pieces(body.clone(), 7))]);
        ward.keep(keep_bundle);
        assert_eq!(ward.warm(&list([line(0)])).await.outcome("EP-0"), "warmed");
        let grant = || ward.cache.grant(&reader(), &"EP-0".parse().expect("an id")).expect("granted");
        let manifest: Manifest =
            serde_json::from_str(ward.cache.read(&grant()).expect("opened").manifest()).expect("a manifest");
        let sha256 = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
        assert_eq!(manifest.bundle.sha256, bedside_audit::hex::encode(sha256.as_ref()));
        assert_eq!(manifest.bundle.bytes, body.len());
        let kept = ward.cache.bundle(&grant()).expect("told");
        assert_eq!(kept.as_deref(), keep_bundle.then_some(body.as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_may_require_the_trace_id_and_then_stores_nothing_without_it() {
    let Reply::Body(plain) = bundle(0, "Edith") else { panic!("a body") };
    let with_id = |id: &str| plain.replacen('{', &format!("{{\"id\":\"{id}\","), 1);
    for (body, echo) in [
        (with_id("11111111-2222-4333-8444-555555555555"), "same"),
        (with_id("99999999-2222-4333-8444-555555555555"), "other"),
        (plain.clone(), "absent"),
    ] {
        for required in [false, true] {
            let mut ward = Ward::new([(0, Reply::Body(body.clone()))]);
            ward.requires_trace_echo = required;
            let ran = ward.warm(&list([line(0)])).await;
            if required && echo != "same" {
                assert_eq!(ran.outcome("EP-0"), "unreadable", "{echo}");
                assert_eq!(ward.cache.list().expect("listed").len(), 0, "nothing is stored");
                assert!(ran.report.to_json().contains("trace id of its request"));
            } else {
                assert_eq!(ran.outcome("EP-0"), "warmed", "{echo}");
                assert!(ran.events.iter().any(|event| event["trace_echo"] == echo), "{echo}");
            }
        }
    }
}

/// The fields of each event, which programs read: a change here is a change for them.
#[tokio::test(flavor = "multi_thread")]
async fn events_have_these_fields_and_hold_no_identity() {
    const COMMON: [&str; 3] = ["type", "ts", "run"];
    let ward = Ward::new([(0, bundle(0, "Edith")), (1, Reply::Error(Decision::NotFound)), (3, Reply::Panic)]);
    let mut malformed = line(2);
    malformed["nhs_number"] = json!("999000001X");
    let ran = ward.warm(&list([line(0), line(1), malformed, line(3)])).await;
    let trouble = ["reason", "refused", "message", "advice", "trace_id", "attempts", "again"];
    let warmed = [
        "generation",
        "areas",
        "rows",
        "notices",
        "changes",
        "bundle_bytes",
        "sealed_bytes",
        "trace_id",
        "trace_echo",
        "attempts",
        "superseded",
    ];
    for event in &ran.events {
        let fields: Vec<&str> = match (event["type"].as_str(), event["outcome"].as_str()) {
            (Some("run_started"), _) => vec!["pipeline", "areas", "concurrency", "software_version"],
            (Some("episode_started"), _) => vec!["episode", "practice"],
            (Some("line_refused"), _) => vec!["line", "episode", "by_policy", "problems"],
            (Some("run_finished"), _) => {
                vec![
                    "lines",
                    "warmed",
                    "refused",
                    "failed",
                    "stays",
                    "passed_over",
                    "rows",
                    "bundle_bytes",
                    "sealed_bytes",
                ]
            }
            (Some("episode_finished"), outcome) => {
                let own = match outcome {
                    Some("warmed") => &warmed[..],
                    Some("not_fetched") => &trouble[..],
                    Some("failed") => &["problem"],
                    other => panic!("unexpected outcome {other:?}"),
                };
                [&["episode", "practice", "milliseconds", "outcome"], own].concat()
            }
            other => panic!("unknown event {other:?}"),
        };
        let expected: BTreeSet<_> = fields.into_iter().chain(COMMON).collect();
        let found: BTreeSet<_> = event.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(found, expected, "{event}");
        let text = event.to_string();
        for secret in ["999000", "Sampleton", "Edith", "Example", "Robin", "user-17", "Zanthoxylum"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let last = ran.events.last().expect("events");
    assert_eq!(
        (&last["type"], &last["lines"], &last["warmed"]),
        (&json!("run_finished"), &json!(4), &json!(1))
    );
}
