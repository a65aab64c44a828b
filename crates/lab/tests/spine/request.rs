//! What leaves the socket: URL, headers, token, parameters, and nothing that is printed.

use std::collections::BTreeSet;

use bedside_lab::provider::{Behaviour, CONSUMER_ASID, Practice};
use bedside_model::Requester;
use bedside_spine::{
    Call, Client, Configuration, Consumer, ContentType, Decision, Defect, EndpointProblem, SdsFhirDirectory,
    ServiceRoot, Settings,
};
use jiff::Timestamp;

use crate::support::{
    ASID, ODS, PATIENT, assert_all_accepted, bundle, call, call_to, canned, client, client_with, consumer,
    fetch, fetch_from, hosts, parameters, requester, start, start_one, tls,
};

#[tokio::test]
async fn a_record_comes_back_byte_for_byte() {
    let (result, requests) = fetch_from(Behaviour::Normal).await;
    let (answer, body) = result.expect("a record");
    assert!(body == bundle("one"), "the bytes as served");
    assert_eq!((answer.status, answer.attempts, answer.received), (200, 1, answer.bytes));
    assert_eq!(answer.content_type, ContentType::FhirJson);
    assert_all_accepted(&requests);
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("ssp-traceid"), Some(answer.trace_id.as_str()));
}

#[tokio::test]
async fn a_gzipped_record_in_chunks_comes_back_byte_for_byte() {
    let (result, requests) = fetch_from(Behaviour::GzipChunked).await;
    let (answer, body) = result.expect("a record");
    assert!(body == bundle("one"), "the bytes before gzip");
    assert!(answer.received < answer.bytes);
    assert_all_accepted(&requests);
}

#[tokio::test]
async fn the_request_line_leaves_the_socket_as_it_was_put_together() {
    // Upper case, a port that is the default, percent-encodings in either case, also needless ones, dots that are
    // no dot segment, and all marks that a path may hold: whatever a normaliser might touch.
    for root in [
        "https://gp.provider.example/A20001/STU3/1/gpconnect/structured",
        "https://GP.Provider.Example:443/A20001/STU3/1/x%20y/gpconnect$/structured",
        "https://gp.provider.example:0443/A20001/STU3/1/%7Bx%7d/%41%7e/%7C",
        "https://gp.provider.example/A20001/STU3/1/.../..a/b./!$&()*+,;=:-._~",
    ] {
        let practice = Practice { service_root: root.into(), ..Practice::new(ODS, ASID, Behaviour::Normal) };
        let spine = start(vec![practice.clone()]).await;
        client(&spine).get_structured_record(&call_to(&practice)).await.expect("a record");
        let requests = spine.requests();
        assert_eq!(requests[0].method, "POST");
        assert_eq!(requests[0].target, format!("/{root}/Patient/$gpc.getstructuredrecord"));
    }
}

#[tokio::test]
async fn an_address_that_would_be_sent_as_another_is_refused_beforehand() {
    let ods = ODS.parse().expect("an ODS code");
    for (path, problem) in [
        ("./x", EndpointProblem::Path),
        ("../x", EndpointProblem::Path),
        ("x/..", EndpointProblem::Path),
        (".%2E/x", EndpointProblem::Path),
        ("x\\y", EndpointProblem::Character),
        ("{x}", EndpointProblem::Character),
        ("x y", EndpointProblem::Character),
    ] {
        let root = format!("https://gp.provider.example/A20001/STU3/1/{path}");
        assert_eq!(ServiceRoot::new(&root, &ods, &hosts()), Err(problem), "{path}");
    }
    let spine = start_one(Behaviour::Normal).await;
    for root in [
        "https://LOCALHOST",
        "https://localhost:443",
        "https://localhost/.",
        "https://localhost\\",
        "https://local%68ost",
        "https://{localhost}",
    ] {
        let refused = Client::new(consumer(root.to_owned()), &tls(&spine), Timestamp::now).err();
        let problems = refused.expect(root).0;
        assert!(problems.len() == 1 && problems[0].starts_with("ssp_root is not"), "{root}: {problems:?}");
        assert!(SdsFhirDirectory::new(&format!("{root}/.."), &tls(&spine), hosts(), None).is_err(), "{root}");
    }
}

#[tokio::test]
async fn the_headers_are_those_of_the_specification_and_no_others() {
    let spine = start_one(Behaviour::Normal).await;
    fetch(&spine).await.expect("a record");
    let seen = spine.requests().remove(0);
    let names: BTreeSet<&str> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        BTreeSet::from([
            "host",
            "accept",
            "content-type",
            "content-length",
            "accept-encoding",
            "authorization",
            "ssp-traceid",
            "ssp-from",
            "ssp-to",
            "ssp-interactionid",
        ])
    );
    let host = spine.ssp_root().replace("https://", "");
    for (name, value) in [
        ("host", host.as_str()),
        ("accept", "application/fhir+json;charset=utf-8"),
        ("content-type", "application/fhir+json;charset=utf-8"),
        ("accept-encoding", "gzip"),
        ("ssp-from", CONSUMER_ASID),
        ("ssp-to", ASID),
        ("ssp-interactionid", "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn the_token_names_the_real_requester() {
    let (_, requests) = fetch_from(Behaviour::Normal).await;
    assert_all_accepted(&requests);
    let claims = requests[0].claims.as_ref().expect("a token");
    assert_eq!(claims["sub"], "user-7");
    assert_eq!(claims["requesting_practitioner"]["id"], "user-7");
    assert_eq!(claims["requesting_practitioner"]["name"][0]["family"], "Example");
    assert_eq!(claims["requesting_organization"]["identifier"][0]["value"], "RXX01");
    assert_eq!(claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(exp, iat)| exp - iat), Some(300));
}

#[tokio::test]
async fn a_requester_without_a_name_sends_nothing() {
    let spine = start_one(Behaviour::Normal).await;
    let call = Call { requester: Requester { family: " ".into(), ..requester() }, ..call() };
    let error = client(&spine).get_structured_record(&call).await.expect_err("refused here");
    assert_eq!(error.decision, Decision::OurDefect(Defect::RequesterIncomplete));
    assert_eq!(error.evidence.attempts, 0);
    assert!(spine.requests().is_empty());
}

#[tokio::test]
async fn the_proxy_knows_wrong_asids_and_wrong_roots() {
    let spine = start_one(Behaviour::Normal).await;
    let stranger = Consumer { asid: "200000000009".parse().expect("an ASID"), ..consumer(spine.ssp_root()) };
    let strange = client_with(stranger, &tls(&spine), Settings::default());
    let elsewhere = Practice::new("A20002", ASID, Behaviour::Normal);
    let misdirected = Practice::new(ODS, "200000000009", Behaviour::Normal);
    for (client, call, expected) in [
        (&strange, call(), Configuration::SenderNotAllowed),
        (&client(&spine), call_to(&elsewhere), Configuration::EndpointVaries),
        (&client(&spine), call_to(&misdirected), Configuration::PracticeNotRegistered),
    ] {
        let error = client.get_structured_record(&call).await.expect_err("refused");
        assert_eq!(error.decision, Decision::Configuration(expected));
    }
}

/// The filters of the first column of section 5.1 of the `retrieve` sheet.
const FILTERS: [&str; 7] = [
    "includeMedication.medicationSearchFromDate = 'today-30'",
    "includeUncategorisedData.uncategorisedDataSearchPeriod.start = '2025-01-01'",
    "includeProblems.filterStatus = 'active'",
    "includeReferrals.referralSearchPeriod.end = '2025-01-01'",
    "includeDiaryEntries.diaryEntriesSearchDate = 'today+90'",
    "includeImmunisations.includeNotGiven = true",
    "includeImmunisations.includeStatus = false",
];

#[tokio::test]
async fn what_can_be_built_is_accepted_and_every_forbidden_combination_cannot_be_built() {
    let spine = start_one(Behaviour::Normal).await;
    let client = client(&spine);
    for filter in FILTERS {
        for beside in ["", "includeConsultations = {}", "includeProblems = {}"] {
            let own_area = filter.starts_with("includeProblems") && beside.starts_with("includeProblems");
            if own_area {
                continue;
            }
            let built = parameters(&format!("{filter}\n{beside}"));
            assert_eq!(built.is_ok(), beside.is_empty(), "{filter} {beside}");
            if let Ok(parameters) = built {
                client.get_structured_record(&Call { parameters, ..call() }).await.expect(filter);
            }
        }
    }
    assert_all_accepted(&spine.requests());
}

#[tokio::test]
async fn every_permitted_shape_passes_the_independent_checks() {
    let predefined = "includeConsultations.includeNumberOfMostRecent = 3
        includeProblems = {}
        includeAllergies.includeResolvedAllergies = true
        includeMedication.medicationSearchFromDate = 'today-365'";
    let shapes = [
        predefined.to_owned(),
        format!("{predefined}\nincludeImmunisations = {{}}\nincludeUncategorisedData = {{}}"),
        "includeAllergies.includeResolvedAllergies = false
         includeMedication = {}
         includeProblems = {}
         includeConsultations = {}
         includeImmunisations = {}
         includeUncategorisedData = {}
         includeInvestigations = {}
         includeReferrals = {}
         includeDiaryEntries = {}"
            .to_owned(),
        "includeConsultations.consultationSearchPeriod = { start = 'today-90', end = 'today' }
         includeInvestigations = {}
         includeProblems = {}
         includeMedication.includePrescriptionIssues = false"
            .to_owned(),
        "includeInvestigations.investigationSearchPeriod.start = '2025-01-01'
         includeMedication = {}"
            .to_owned(),
    ];
    let spine = start_one(Behaviour::Normal).await;
    let client = client(&spine);
    for shape in shapes {
        let parameters = parameters(&shape).expect("permitted");
        client.get_structured_record(&Call { parameters, ..call() }).await.expect("a record");
    }
    assert_all_accepted(&spine.requests());
}

#[tokio::test]
async fn nothing_that_is_printed_holds_a_patient_or_a_person() {
    let canary = format!(r#"{{"issue":[{{"diagnostics":"{PATIENT} Canary"}}]}}"#);
    let spine = start_one(canned(403, &[("content-type", "application/fhir+json")], canary)).await;
    let call = call();
    let error = client(&spine).get_structured_record(&call).await.expect_err("refused");
    let answered = fetch_from(Behaviour::Normal).await.0.expect("a record");
    let printed = [
        error.to_string(),
        format!("{error:?}"),
        error.support_advice(),
        error.clinician_message().to_owned(),
        format!("{call:?}"),
        format!("{answered:?}"),
        format!("{:?}", tls(&spine)),
        format!("{:?}", spine.client_identity()),
    ];
    for text in printed {
        for secret in [PATIENT, "Canary", "Example", "Ada", "PRIVATE KEY", "fullUrl"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
