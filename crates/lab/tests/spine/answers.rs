//! What comes back and is no record, or is one in odd clothes.

use std::io::Write;
use std::time::Duration;

use bedside_lab::provider::{Behaviour, Practice};
use bedside_spine::{
    ContentType, Decision, Defect, Limit, Malformed, ProviderFault, Settings, Unavailability,
};

use crate::support::{
    ASID, ODS, OTHER_PATIENT, Scripted, Then, bundle, call, canned, client_with, consumer, fetch, fetch_from,
    start, start_one, tls,
};

#[tokio::test]
async fn broken_http_is_told_from_an_answer_that_was_cut() {
    let malformed = Decision::Malformed(Malformed::Http);
    let (reset, cut) = (Unavailability::Reset, Unavailability::Cut);
    let chunked = |body: &str| format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{body}");
    let headed = |headers: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n{{}}");
    for (answer, expected) in [
        (String::new(), Decision::Unavailable(reset)),
        ("HTTP/1.1 200 OK\r\ncontent-le".to_owned(), Decision::Unavailable(reset)),
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), malformed),
        ("HTTP/1.1 2x0 OK\r\n\r\n".to_owned(), malformed),
        ("HTTP/2.0 200 OK\r\n\r\n".to_owned(), malformed),
        (headed("content-length: 10\r\n"), Decision::Unavailable(cut)),
        (headed("content-length: -2\r\n"), malformed),
        (headed("content-length: 2\r\ncontent-length: 3\r\n"), malformed),
        (headed("x-folded: a\r\n b\r\ncontent-length: 2\r\n"), malformed),
        (headed("x-nul: \0\r\ncontent-length: 2\r\n"), malformed),
        (headed(&format!("x-long: {}\r\n", "x".repeat(1 << 20))), malformed),
        (headed(&"x-many: 1\r\n".repeat(10_000)), malformed),
        (chunked("2\r\n{}\r\n"), Decision::Unavailable(cut)),
        (chunked("5\r\n{}"), Decision::Unavailable(cut)),
        (chunked("xyz\r\n{}\r\n0\r\n\r\n"), malformed),
        (chunked("fffffffffffffffff\r\n{}"), malformed),
        (chunked(&format!("2;{}\r\n{{}}", "x".repeat(1 << 20))), malformed),
        (chunked(&format!("0\r\n{}\r\n", "x-many: 1\r\n".repeat(10_000))), malformed),
    ] {
        let shown: String = answer.chars().take(90).collect();
        let server = Scripted::start(answer, Then::Close).await;
        assert_eq!(server.decide().await, Err(expected), "{shown:?}");
    }
}

#[tokio::test]
async fn a_body_that_stalls_is_slow() {
    let server = Scripted::start("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{", Then::Wait).await;
    let error = server.fetch(|settings| settings.budgets.idle = Duration::from_millis(20)).await;
    assert_eq!(error.expect_err("slow").decision, Decision::Unavailable(Unavailability::Slow));
}

#[tokio::test]
async fn a_gzip_bomb_is_stopped() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![b' '; 64 << 20]).expect("in memory");
    let bomb = encoder.finish().expect("in memory");
    let (result, requests) = fetch_from(canned(200, &[("content-encoding", "gzip")], bomb)).await;
    assert_eq!(result.expect_err("stopped").decision, Decision::Limit(Limit::CompressionRatio));
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn a_body_over_the_limit_is_stopped() {
    let spine = start_one(Behaviour::GzipChunked).await;
    let mut settings = Settings::default();
    settings.body.bytes = bundle("one").len() - 1;
    let client = client_with(consumer(spine.ssp_root()), &tls(&spine), settings);
    let error = client.get_structured_record(&call()).await.expect_err("too large");
    assert_eq!(error.decision, Decision::Limit(Limit::BodySize));
}

#[tokio::test]
async fn headers_over_the_limit_are_stopped() {
    let long = "x".repeat(40 << 10);
    let (result, requests) = fetch_from(canned(200, &[("x-long", &long)], "{}")).await;
    assert_eq!(result.expect_err("too large").decision, Decision::Malformed(Malformed::Http));
    assert_eq!(requests.len(), 1);
    let many = vec![("x-many", "1"); 101];
    let (result, _) = fetch_from(canned(200, &many, "{}")).await;
    assert_eq!(result.expect_err("too many").decision, Decision::Malformed(Malformed::Http));
}

#[tokio::test]
async fn answers_that_are_no_record_are_told_apart() {
    let json = ("content-type", "application/fhir+json");
    let error = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"processing"}]}"#;
    let cases = [
        (canned(200, &[json], error), Decision::ProviderFault(ProviderFault::ErrorInSuccess)),
        (canned(200, &[json], "<html>"), Decision::Malformed(Malformed::NotFhir)),
        (canned(200, &[json], ""), Decision::Malformed(Malformed::NotFhir)),
        (
            canned(200, &[("content-type", "text/html")], "<html>"),
            Decision::Malformed(Malformed::ContentType),
        ),
        (
            canned(200, &[("content-type", "application/fhir+xml")], "<Bundle/>"),
            Decision::Malformed(Malformed::ContentType),
        ),
        (canned(200, &[json, ("content-encoding", "br")], "x"), Decision::Malformed(Malformed::Encoding)),
        (
            canned(200, &[json, ("content-encoding", "gzip")], "this is not gzip at all"),
            Decision::Malformed(Malformed::Encoding),
        ),
        (canned(204, &[], ""), Decision::Malformed(Malformed::Status)),
        (canned(400, &[], "<html>"), Decision::OurDefect(Defect::BadRequest)),
        (canned(500, &[json], error), Decision::ProviderFault(ProviderFault::Internal)),
        (canned(500, &[], ""), Decision::ProviderFault(ProviderFault::Internal)),
        (canned(501, &[], "null"), Decision::ProviderFault(ProviderFault::NotImplemented)),
    ];
    for (behaviour, expected) in cases {
        let shown = format!("{behaviour:?}");
        let (result, requests) = fetch_from(behaviour).await;
        assert_eq!(result.expect_err("no record").decision, expected, "{shown}");
        assert_eq!(requests.len(), 1, "{shown}");
    }
}

#[tokio::test]
async fn json_by_another_name_is_accepted_and_noted() {
    let (result, _) = fetch_from(canned(200, &[("content-type", "application/json")], bundle("one"))).await;
    assert_eq!(result.expect("a record").0.content_type, ContentType::OtherJson);
}

#[tokio::test]
async fn another_patients_record_is_served_as_it_is() {
    let (result, _) = fetch_from(Behaviour::WrongPatient(OTHER_PATIENT.to_owned())).await;
    assert!(result.expect("a record").1 == bundle("two"), "the identity gate is further on");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let spine = start(vec![Practice::new(
            ODS,
            ASID,
            canned(status, &[("location", "/spine-directory/FHIR/R4/Endpoint")], ""),
        )])
        .await;
        let error = fetch(&spine).await.expect_err("not followed");
        assert_eq!(error.decision, Decision::Malformed(Malformed::Redirect), "{status}");
        assert_eq!(spine.requests().len(), 1, "{status}");
    }
}
