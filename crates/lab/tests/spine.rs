//! The GP Connect client against the simulated Spine, over real TLS sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bedside_lab::provider::{
    Behaviour, Bytes, CONSUMER_ASID, Canned, Config, PROVIDER_HOSTS, Practice, Seen, SimulatedSpine,
};
use bedside_model::Requester;
use bedside_spine::{
    AllowedHosts, Answer, Call, Client, Configuration, Consumer, ContentType, Decision, Defect, Device,
    Directory, DirectoryError, EndpointProblem, ErrorCode, FetchError, Limit, Malformed, Parameters,
    ParametersFile, Provider, ProviderFault, Refusal, SdsFhirDirectory, ServiceRoot, Settings,
    StaticDirectory, Tls, Unavailability, london_day,
};
use jiff::{SignedDuration, Timestamp};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{CipherSuite, ServerConfig, SupportedProtocolVersion, version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

const PATIENT: &str = "9990000018";
const OTHER_PATIENT: &str = "9990000026";
const ODS: &str = "A20001";
const ASID: &str = "200000000002";

/// A bundle of some 200 kB, so that it crosses the socket in many pieces, with a mark of its own.
fn bundle(mark: &str) -> Bytes {
    let entries: Vec<String> = (0..4000_u64)
        .map(|n| format!(r#"{{"fullUrl":"{mark}-{:016x}"}}"#, n.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        .collect();
    format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(",")).into()
}

async fn start(practices: Vec<Practice>) -> SimulatedSpine {
    let records =
        BTreeMap::from([(PATIENT.to_owned(), bundle("one")), (OTHER_PATIENT.to_owned(), bundle("two"))]);
    SimulatedSpine::start(Config::new(practices, records)).await.expect("starts")
}

async fn start_one(behaviour: Behaviour) -> SimulatedSpine {
    start(vec![Practice::new(ODS, ASID, behaviour)]).await
}

fn tls(spine: &SimulatedSpine) -> Tls {
    tls_of(spine, spine)
}

/// The identity of one authority, trusting another.
fn tls_of(identity: &SimulatedSpine, authority: &SimulatedSpine) -> Tls {
    let pem = identity.client_identity();
    Tls::from_pem(
        pem.certificate_pem.as_bytes(),
        pem.key_pem.as_bytes(),
        authority.authority_pem().as_bytes(),
    )
    .expect("fits")
}

fn consumer(ssp_root: String) -> Consumer {
    Consumer {
        ssp_root,
        asid: CONSUMER_ASID.parse().expect("an ASID"),
        device: Device {
            identifier_system: "https://supplier.example/Id/device-identifier".into(),
            identifier: "device-1".into(),
            model: "bedside".into(),
            version: "0.1.0".into(),
        },
        token_issuer: "https://hospital.example/spine".into(),
        user_id_system: "https://supplier.example/Id/user-guid".into(),
    }
}

fn client(spine: &SimulatedSpine) -> Client {
    client_with(consumer(spine.ssp_root()), &tls(spine), Settings::default())
}

/// A client whose trace ids are all different, whose jitter is nothing, and whose clock moves one second between
/// tokens.
fn client_with(consumer: Consumer, tls: &Tls, settings: Settings) -> Client {
    let (ticks, draws) = (AtomicI64::new(0), AtomicU64::new(0));
    let start = Timestamp::now() - SignedDuration::from_secs(60);
    let clock = move || start + SignedDuration::from_secs(ticks.fetch_add(1, Ordering::SeqCst));
    let entropy = move || u128::from(draws.fetch_add(1, Ordering::SeqCst)) << 96;
    Client::with(consumer, tls, settings, clock, entropy).expect("fit")
}

fn requester() -> Requester {
    Requester {
        user_id: "user-7".into(),
        sds_user_id: "UNK".into(),
        sds_role_profile_id: "UNK".into(),
        family: "Example".into(),
        given: "Ada".into(),
        prefix: Some("Dr".into()),
        role: "Admitting doctor".into(),
        organisation: "RXX01".parse().expect("an ODS code"),
        organisation_name: "Test Hospital".into(),
    }
}

fn hosts() -> AllowedHosts {
    AllowedHosts::new([PROVIDER_HOSTS])
}

fn provider(practice: &Practice) -> Provider {
    let ods = practice.ods.parse().expect("an ODS code");
    Provider {
        service_root: ServiceRoot::new(&practice.service_root, &ods, &hosts()).expect("allowed"),
        asid: practice.asid.parse().expect("an ASID"),
    }
}

fn parameters(text: &str) -> Result<Parameters, Vec<String>> {
    let file: ParametersFile = toml::from_str(text).expect("a request section");
    Parameters::try_from((&file, london_day(Timestamp::now()))).map_err(|problems| problems.0)
}

fn call() -> Call {
    call_to(&Practice::new(ODS, ASID, Behaviour::Normal))
}

fn call_to(practice: &Practice) -> Call {
    let text = "includeAllergies.includeResolvedAllergies = true
        includeMedication.includePrescriptionIssues = true
        includeProblems = {}
        includeConsultations = {}";
    Call {
        nhs_number: PATIENT.parse().expect("a test number"),
        provider: provider(practice),
        requester: requester(),
        parameters: parameters(text).expect("allowed"),
    }
}

async fn fetch(spine: &SimulatedSpine) -> Result<Answer, FetchError> {
    client(spine).get_structured_record(&call()).await
}

async fn fetch_from(behaviour: Behaviour) -> (Result<Answer, FetchError>, Vec<Seen>) {
    let spine = start_one(behaviour).await;
    let result = fetch(&spine).await;
    (result, spine.requests())
}

fn canned(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Behaviour {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Behaviour::Canned(Canned { status, headers, body: body.into() })
}

/// A server that speaks TLS under a certificate of its own, then answers every request with the same bytes,
/// right or wrong.
struct Scripted {
    root: String,
    tls: Tls,
    heard: Arc<Heard>,
    _server: JoinSet<()>,
}

/// What a scripted server has to tell.
#[derive(Default)]
struct Heard {
    /// A request has come, and its answer is sent.
    asked: Notify,
    /// The client has closed a connection that was kept open.
    left: Notify,
}

/// What follows the bytes of an answer.
#[derive(Clone, Copy)]
enum Then {
    Close,
    Wait,
}

impl Scripted {
    async fn start(answer: impl Into<Vec<u8>>, then: Then) -> Self {
        Self::start_with(answer, then, ring::default_provider(), &[&version::TLS13, &version::TLS12]).await
    }

    async fn start_with(
        answer: impl Into<Vec<u8>>,
        then: Then,
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], own.signing_key.into())
            .expect("an identity");
        let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes(), certificate.as_bytes());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let root = format!("https://localhost:{}", listener.local_addr().expect("bound").port());
        let heard = Arc::new(Heard::default());
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::new(config), answer.into(), then, Arc::clone(&heard)));
        Self { root, tls: tls.expect("fits"), heard, _server: server }
    }

    /// One attempt; `set` changes the default settings.
    async fn fetch(&self, set: impl FnOnce(&mut Settings)) -> Result<Answer, FetchError> {
        let mut settings = Settings::default();
        settings.retry.backoff.clear();
        set(&mut settings);
        client_with(consumer(self.root.clone()), &self.tls, settings).get_structured_record(&call()).await
    }

    async fn decide(&self) -> Result<u16, Decision> {
        self.fetch(|_| {}).await.map(|answer| answer.status).map_err(|error| error.decision)
    }
}

async fn serve(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    answer: Vec<u8>,
    then: Then,
    heard: Arc<Heard>,
) {
    let acceptor = tokio_rustls::TlsAcceptor::from(config);
    while let Ok((stream, _)) = listener.accept().await {
        // A handshake that fails is the client's to report.
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        let mut request = Vec::new();
        // The body is JSON, whose last byte is a brace.
        while !request.ends_with(b"}") && stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {}
        let _ = stream.write_all(&answer).await;
        let _ = stream.flush().await;
        heard.asked.notify_one();
        match then {
            Then::Close => drop(stream.shutdown().await),
            Then::Wait => {
                let _ = stream.read_to_end(&mut request).await;
                heard.left.notify_one();
            }
        }
    }
}

fn assert_all_accepted(requests: &[Seen]) {
    for seen in requests {
        assert_eq!(seen.problem, None);
    }
}

fn distinct<'a>(requests: &'a [Seen], header: &str) -> BTreeSet<&'a str> {
    requests.iter().filter_map(|seen| seen.header(header)).collect()
}

#[tokio::test]
async fn a_record_comes_back_byte_for_byte() {
    let (result, requests) = fetch_from(Behaviour::Normal).await;
    let answer = result.expect("a record");
    assert!(answer.body == bundle("one"), "the bytes as served");
    assert_eq!((answer.status, answer.attempts, answer.received), (200, 1, answer.body.len()));
    assert_eq!(answer.content_type, ContentType::FhirJson);
    assert_all_accepted(&requests);
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("ssp-traceid"), Some(answer.trace_id.as_str()));
}

#[tokio::test]
async fn a_gzipped_record_in_chunks_comes_back_byte_for_byte() {
    let (result, requests) = fetch_from(Behaviour::GzipChunked).await;
    let answer = result.expect("a record");
    assert!(answer.body == bundle("one"), "the bytes before gzip");
    assert!(answer.received < answer.body.len());
    assert_all_accepted(&requests);
}

#[tokio::test]
async fn a_slow_practice_is_waited_for() {
    let (result, _) = fetch_from(Behaviour::Slow(Duration::from_millis(20))).await;
    assert_eq!(result.expect("a record").attempts, 1);
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
async fn a_client_certificate_of_another_authority_is_refused() {
    let (spine, other) = (start_one(Behaviour::Normal).await, start_one(Behaviour::Normal).await);
    let client = client_with(consumer(spine.ssp_root()), &tls_of(&other, &spine), Settings::default());
    let error = client.get_structured_record(&call()).await.expect_err("refused");
    assert_eq!(error.decision, Decision::Configuration(Configuration::CertificateRefused));
    assert_eq!(error.evidence.attempts, 1, "a certificate does not get better by trying again");
    assert!(spine.requests().is_empty());
}

#[tokio::test]
async fn without_a_client_certificate_the_server_answers_nothing() {
    let spine = start_one(Behaviour::Normal).await;
    let mut roots = rustls::RootCertStore::empty();
    let authority = rustls::pki_types::pem::PemObject::from_pem_slice(spine.authority_pem().as_bytes());
    roots.add(authority.expect("a certificate")).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(spine.address()).await.expect("listens");
    let name = "localhost".try_into().expect("a name");
    let connected = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    // In TLS 1.3 the refusal comes after the client's own handshake is done, on the first read.
    if let Ok(mut stream) = connected {
        let mut answer = Vec::new();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        assert!(stream.read_to_end(&mut answer).await.is_err());
        assert!(answer.is_empty());
    }
    assert!(spine.requests().is_empty());
}

#[tokio::test]
async fn a_server_of_another_authority_gets_no_request() {
    let (spine, other) = (start_one(Behaviour::Normal).await, start_one(Behaviour::Normal).await);
    let client = client_with(consumer(spine.ssp_root()), &tls_of(&spine, &other), Settings::default());
    let error = client.get_structured_record(&call()).await.expect_err("not trusted");
    assert_eq!(error.decision, Decision::Configuration(Configuration::ServerNotTrusted));
    assert_eq!(error.evidence.attempts, 1);
    assert!(spine.requests().is_empty());
}

#[tokio::test]
async fn a_server_of_another_name_gets_no_request() {
    let spine = start_one(Behaviour::Normal).await;
    let root = format!("https://127.0.0.1:{}", spine.address().port());
    let client = client_with(consumer(root), &tls(&spine), Settings::default());
    let error = client.get_structured_record(&call()).await.expect_err("not trusted");
    assert_eq!(error.decision, Decision::Configuration(Configuration::ServerNotTrusted));
    assert!(spine.requests().is_empty());
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
    let answer = result.expect("the third time");
    assert_eq!((answer.attempts, answer.earlier_trace_ids.len(), requests.len()), (3, 2, 3));
    assert_eq!(distinct(&requests, "ssp-traceid").len(), 3);
    let (result, requests) = fetch_from(Behaviour::Unreachable502).await;
    let error = result.expect_err("unreachable");
    assert_eq!(error.decision, Decision::Unavailable(Unavailability::PracticeUnreachable));
    assert_eq!((error.evidence.attempts, requests.len()), (3, 3));
}

#[tokio::test]
async fn a_proxy_that_is_gone_is_retried_then_reported() {
    let spine = start_one(Behaviour::Normal).await;
    let client = client(&spine);
    spine.stop().await;
    let error = client.get_structured_record(&call()).await.expect_err("gone");
    assert_eq!(error.decision, Decision::Unavailable(Unavailability::Network));
    assert_eq!(error.evidence.attempts, 3);
}

#[tokio::test]
async fn a_port_that_speaks_no_tls_runs_out_of_time() {
    let spine = start_one(Behaviour::Normal).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let root = format!("https://localhost:{}", silent.local_addr().expect("bound").port());
    let mut settings = Settings::default();
    settings.budgets.tls = Duration::from_millis(20);
    settings.retry.backoff.clear();
    let client = client_with(consumer(root), &tls(&spine), settings);
    let error = client.get_structured_record(&call()).await.expect_err("silent");
    assert_eq!(error.decision, Decision::Unavailable(Unavailability::TlsTimeout));
}

#[tokio::test]
async fn a_port_that_accepts_nobody_is_no_network() {
    let spine = start_one(Behaviour::Normal).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let full = socket.listen(0).expect("listens");
    let address = full.local_addr().expect("bound");
    // The one place in the queue is taken, so that whoever comes next gets no answer.
    let _first = TcpStream::connect(address).await.expect("queued");
    let mut settings = Settings::default();
    settings.budgets.connect = Duration::from_millis(20);
    settings.retry.backoff.clear();
    let client = client_with(consumer(format!("https://{address}")), &tls(&spine), settings);
    let error = client.get_structured_record(&call()).await.expect_err("unanswered");
    assert_eq!(error.decision, Decision::Unavailable(Unavailability::Network));
}

#[tokio::test]
async fn a_port_that_speaks_something_else_is_no_tls() {
    let spine = start_one(Behaviour::Normal).await;
    for (greeting, expected) in [
        ("HTTP/1.1 200 OK\r\n\r\n", Decision::Configuration(Configuration::TlsPolicy)),
        ("", Decision::Unavailable(Unavailability::Reset)),
    ] {
        let plain = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let root = format!("https://localhost:{}", plain.local_addr().expect("bound").port());
        let mut server = JoinSet::new();
        server.spawn(async move {
            let (mut stream, _) = plain.accept().await.expect("a client");
            assert!(stream.read(&mut [0; 4096]).await.expect("a hello") > 0);
            stream.write_all(greeting.as_bytes()).await.expect("heard");
        });
        let mut settings = Settings::default();
        settings.retry.backoff.clear();
        let client = client_with(consumer(root), &tls(&spine), settings);
        let result = client.get_structured_record(&call()).await;
        assert_eq!(result.expect_err("no TLS").decision, expected, "{greeting:?}");
    }
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken_and_only_aes_gcm() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n{\"resourceType\":\"Bundle\"}";
    for version in [&version::TLS12, &version::TLS13] {
        let server = Scripted::start_with(answer, Then::Close, ring::default_provider(), &[version]).await;
        assert_eq!(server.decide().await, Ok(200), "{version:?}");
        let mut other = ring::default_provider();
        let chacha = [
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
            CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ];
        other.cipher_suites.retain(|suite| chacha.contains(&suite.suite()));
        let server = Scripted::start_with(answer, Then::Close, other, &[version]).await;
        let refused = Err(Decision::Configuration(Configuration::TlsPolicy));
        assert_eq!(server.decide().await, refused, "{version:?}");
    }
    assert!(CryptoProvider::get_default().is_none(), "none had to be installed for the process");
}

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
async fn an_attempt_that_is_abandoned_closes_its_connection() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"] {
        let server = Scripted::start(answer, Then::Wait).await;
        tokio::select! {
            _ = server.fetch(|_| {}) => panic!("it was not abandoned"),
            () = server.heard.asked.notified() => {}
        }
        server.heard.left.notified().await;
    }
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
async fn json_by_another_name_is_accepted_and_noted() {
    let (result, _) = fetch_from(canned(200, &[("content-type", "application/json")], bundle("one"))).await;
    assert_eq!(result.expect("a record").content_type, ContentType::OtherJson);
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

#[tokio::test]
async fn another_patients_record_is_served_as_it_is() {
    let (result, _) = fetch_from(Behaviour::WrongPatient(OTHER_PATIENT.to_owned())).await;
    assert!(result.expect("a record").body == bundle("two"), "the identity gate is further on");
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

#[tokio::test]
async fn the_directory_gives_endpoint_and_asid_and_keeps_nothing() {
    let spine = start(vec![
        Practice::new("A20001", "200000000002", Behaviour::Normal),
        Practice::new("A20002", "200000000003", Behaviour::Normal),
    ])
    .await;
    let directory =
        SdsFhirDirectory::new(&spine.directory_base(), &tls(&spine), hosts(), None).expect("a base");
    let ods = "A20002".parse().expect("an ODS code");
    let found = directory.look_up(&ods).await.expect("known");
    assert_eq!(found, provider(&Practice::new("A20002", "200000000003", Behaviour::Normal)));
    assert_eq!(directory.look_up(&ods).await.expect("known"), found);
    let requests = spine.requests();
    assert_all_accepted(&requests);
    assert_eq!(requests.len(), 4, "each look-up asks for the endpoint and the device anew");
    let record = client(&spine).get_structured_record(&Call { provider: found, ..call() }).await;
    assert!(record.is_ok());
    let unknown = directory.look_up(&"A20009".parse().expect("an ODS code")).await;
    assert_eq!(unknown, Err(DirectoryError::NotEnabled));
}

#[tokio::test]
async fn a_directory_entry_that_breaks_a_rule_is_refused_before_anything_is_sent() {
    for (service_root, problem) in [
        ("https://evil.example/A20001/STU3/1/gpconnect/structured", EndpointProblem::Host),
        ("https://gp.provider.example/A20002/STU3/1/gpconnect/structured", EndpointProblem::Practice),
        ("https://gp.provider.example/A20001/STU3/1/%2e%2e/structured", EndpointProblem::Path),
        ("http://gp.provider.example/A20001/STU3/1/gpconnect/structured", EndpointProblem::Scheme),
    ] {
        let practice =
            Practice { service_root: service_root.into(), ..Practice::new(ODS, ASID, Behaviour::Normal) };
        let spine = start(vec![practice]).await;
        let directory =
            SdsFhirDirectory::new(&spine.directory_base(), &tls(&spine), hosts(), None).expect("a base");
        let refused = directory.look_up(&ODS.parse().expect("an ODS code")).await;
        assert_eq!(refused, Err(DirectoryError::Endpoint(problem)));
    }
}

#[tokio::test]
async fn two_entries_for_one_practice_are_not_chosen_between() {
    let spine = start(vec![
        Practice::new(ODS, "200000000002", Behaviour::Normal),
        Practice::new(ODS, "200000000003", Behaviour::Normal),
    ])
    .await;
    let directory =
        SdsFhirDirectory::new(&spine.directory_base(), &tls(&spine), hosts(), None).expect("a base");
    let found = directory.look_up(&ODS.parse().expect("an ODS code")).await;
    assert_eq!(found, Err(DirectoryError::Ambiguous("endpoint")));
}

#[tokio::test]
async fn the_practices_can_be_written_to_a_directory_file() {
    let spine = start_one(Behaviour::Normal).await;
    let directory = StaticDirectory::from_toml(&spine.directory_toml(), &hosts()).expect("usable");
    let found = directory.look_up(&ODS.parse().expect("an ODS code")).await.expect("known");
    assert!(client(&spine).get_structured_record(&Call { provider: found, ..call() }).await.is_ok());
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
         includeInvestigations.investigationSearchPeriod.start = '2025-01-01'
         includeProblems = {}
         includeMedication.includePrescriptionIssues = false"
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
