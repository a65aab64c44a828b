use super::*;
use crate::decision::{Limit, ProviderFault, Refusal, Unavailability};

const BUNDLE: &[u8] = br#"{"resourceType":"Bundle","entry":[]}"#;

fn reply(status: u16, headers: &[(&'static str, &str)], body: Result<&[u8], Fault>) -> (HeaderMap, Reply) {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).expect("a value"));
    }
    (map, Reply { status, body: body.map(<[u8]>::to_vec) })
}

/// As an exchange goes on once the headers are there.
fn read((headers, reply): (HeaderMap, Reply), mut evidence: Evidence) -> Result<Answer, FetchError> {
    evidence.status = Some(reply.status);
    let Some(content_type) = of_a_record(reply.status, &headers) else {
        return Err(no_record(reply, evidence));
    };
    let mut sink = Vec::new();
    let mut watched = Watched::new(&mut sink);
    let received = reply.body.map(|body| {
        watched.take(&body);
        body.len()
    });
    judge(&watched, received, content_type, evidence)
}

fn decide(reply: (HeaderMap, Reply)) -> Result<ContentType, Decision> {
    read(reply, Evidence::default()).map(|answer| answer.content_type).map_err(|error| error.decision)
}

fn with_content_type(value: &str) -> Result<ContentType, Decision> {
    decide(reply(200, &[("content-type", value)], Ok(BUNDLE)))
}

#[test]
fn json_by_any_of_its_names_is_accepted_and_noted() {
    for text in [
        "application/fhir+json",
        "application/fhir+json;charset=utf-8",
        "application/fhir+json; charset=UTF-8",
        "Application/FHIR+JSON ; charset=\"utf-8\"",
    ] {
        assert_eq!(with_content_type(text), Ok(ContentType::FhirJson), "{text}");
    }
    for text in ["application/json", "application/json+fhir", "application/json; charset=utf-8"] {
        assert_eq!(with_content_type(text), Ok(ContentType::OtherJson), "{text}");
    }
    assert_eq!(decide(reply(200, &[], Ok(BUNDLE))), Ok(ContentType::Missing));
}

#[test]
fn xml_html_and_other_charsets_are_refused() {
    for text in [
        "application/fhir+xml",
        "text/html",
        "",
        "application/fhir+json;charset=ISO-8859-1",
        "application/json; charset=utf-16",
    ] {
        assert_eq!(with_content_type(text), Err(Decision::Malformed(Malformed::ContentType)), "{text}");
    }
}

#[test]
fn a_success_that_is_no_bundle_is_refused() {
    for body in [
        &b""[..],
        b"<html>",
        b"null",
        b"{}",
        b"[]",
        b"\"Bundle\"",
        br#"{"resourceType":"Patient"}"#,
        br#"{"resourceType":7}"#,
        br#"{"entry":[{"resourceType":"Bundle"}]}"#,
        br#"{"resourceType":"OperationOutcome","issue":[{"severity":"warning"}]}"#,
        b"\x1f\x8b\x08\x00",
    ] {
        assert_eq!(
            decide(reply(200, &[], Ok(body))),
            Err(Decision::Malformed(Malformed::NotFhir)),
            "{body:?}"
        );
    }
}

#[test]
fn the_resource_type_is_found_wherever_it_stands() {
    for body in [
        BUNDLE,
        b"\xEF\xBB\xBF{\"resourceType\":\"Bundle\"}",
        b" \n{ \"id\" : {\"resourceType\":\"Patient\"}, \"entry\" : [[{}]], \"resourceType\" : \"Bundle\" }",
        // Reading stops at the type; whether the rest is JSON is for the parser to say.
        b"{\"resourceType\":\"Bundle\",\"entry\":[}",
    ] {
        assert!(decide(reply(200, &[], Ok(body))).is_ok());
    }
}

#[test]
fn an_object_without_its_end_is_told_from_what_never_was_one() {
    for end in 1..BUNDLE.len() {
        let decided = decide(reply(200, &[], Ok(&BUNDLE[..end])));
        assert_eq!(decided, Err(Decision::Malformed(Malformed::Truncated)), "{end}");
    }
    assert!(decide(reply(200, &[], Ok(&[BUNDLE, b" \r\n"].concat()))).is_ok());
}

#[test]
fn an_error_in_place_of_a_record_is_the_providers() {
    let body = br#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"processing"}]}"#;
    assert_eq!(
        decide(reply(200, &[], Ok(body))),
        Err(Decision::ProviderFault(ProviderFault::ErrorInSuccess))
    );
}

#[test]
fn a_refusal_whose_body_broke_is_still_a_refusal() {
    for fault in [Fault::Cut, Fault::Slow, Fault::BodySize, Fault::Encoding] {
        assert_eq!(decide(reply(403, &[], Err(fault))), Err(Decision::Refused(Refusal::Unspecified)));
    }
    assert_eq!(decide(reply(200, &[], Err(Fault::Cut))), Err(Decision::Unavailable(Unavailability::Cut)));
    assert_eq!(
        decide(reply(200, &[], Err(Fault::CompressionRatio))),
        Err(Decision::Limit(Limit::CompressionRatio))
    );
}

#[test]
fn error_text_never_holds_what_the_body_said() {
    let body = br#"{"issue":[{"severity":"error","details":{"coding":[{"code":"NO_PATIENT_CONSENT"}],
        "text":"canary 9990000018"},"diagnostics":"canary"}]}"#;
    let evidence = Evidence { trace_id: "t-1".into(), attempts: 1, ..Evidence::default() };
    let error = read(reply(403, &[], Ok(body)), evidence).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "denied/patient_consent, trace id t-1, attempt 1, status 403, code NO_PATIENT_CONSENT"
    );
    for text in [format!("{error:?}"), error.support_advice(), error.clinician_message().to_owned()] {
        assert!(!text.contains("canary") && !text.contains("9990000018"), "{text}");
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now: Timestamp = "2026-01-15T09:30:00Z".parse().expect("an instant");
    let asked = |value: &str| retry_after(&reply(503, &[("retry-after", value)], Ok(b"")).0, now);
    assert_eq!(asked("0"), Some(Duration::ZERO));
    assert_eq!(asked("2"), Some(Duration::from_secs(2)));
    assert_eq!(asked("3600"), Some(Duration::from_secs(3600)));
    assert_eq!(asked("100000000000000000000"), Some(Duration::MAX));
    assert_eq!(asked("Thu, 15 Jan 2026 09:30:07 GMT"), Some(Duration::from_secs(7)));
    assert_eq!(asked("Thu, 15 Jan 2026 09:29:00 GMT"), Some(Duration::ZERO));
    for text in ["-1", "abc", "", "1.5"] {
        assert_eq!(asked(text), None, "{text}");
    }
}
