//! A simulated Spine, a client of it, a call, and a server that says what it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use bedside_lab::provider::{
    Behaviour, Bytes, Canned, Config, PROVIDER_HOSTS, Practice, Seen, SimulatedSpine,
};
use bedside_model::Requester;
use bedside_spine::{
    AllowedHosts, Answer, Call, Client, Consumer, Decision, FetchError, Parameters, ParametersFile, Provider,
    ServiceRoot, Settings, Tls, london_day,
};
use jiff::{SignedDuration, Timestamp};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ServerConfig, SupportedProtocolVersion, version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub(crate) use crate::consumer::consumer;

pub(crate) const PATIENT: &str = "9990000018";
pub(crate) const OTHER_PATIENT: &str = "9990000026";
pub(crate) const ODS: &str = "A20001";
pub(crate) const ASID: &str = "200000000002";

/// A bundle of some 200 kB, so that it crosses the socket in many pieces, with a mark of its own.
pub(crate) fn bundle(mark: &str) -> Bytes {
    let entries: Vec<String> = (0..4000_u64)
        .map(|n| format!(r#"{{"fullUrl":"{mark}-{:016x}"}}"#, n.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        .collect();
    format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(",")).into()
}

pub(crate) async fn start(practices: Vec<Practice>) -> SimulatedSpine {
    let records =
        BTreeMap::from([(PATIENT.to_owned(), bundle("one")), (OTHER_PATIENT.to_owned(), bundle("two"))]);
    SimulatedSpine::start(Config::new(practices, records)).await.expect("starts")
}

pub(crate) async fn start_one(behaviour: Behaviour) -> SimulatedSpine {
    start(vec![Practice::new(ODS, ASID, behaviour)]).await
}

pub(crate) fn tls(spine: &SimulatedSpine) -> Tls {
    tls_of(spine, spine)
}

/// The identity of one authority, trusting another.
pub(crate) fn tls_of(identity: &SimulatedSpine, authority: &SimulatedSpine) -> Tls {
    let pem = identity.client_identity();
    Tls::from_pem(
        pem.certificate_pem.as_bytes(),
        pem.key_pem.as_bytes(),
        authority.authority_pem().as_bytes(),
    )
    .expect("fits")
}

pub(crate) fn client(spine: &SimulatedSpine) -> Client {
    client_with(consumer(spine.ssp_root()), &tls(spine), Settings::default())
}

/// A client whose trace ids are all different, whose jitter is nothing, and whose clock moves one second between
/// tokens.
pub(crate) fn client_with(consumer: Consumer, tls: &Tls, settings: Settings) -> Client {
    let (ticks, draws) = (AtomicI64::new(0), AtomicU64::new(0));
    let start = Timestamp::now() - SignedDuration::from_secs(60);
    let clock = move || start + SignedDuration::from_secs(ticks.fetch_add(1, Ordering::SeqCst));
    let entropy = move || u128::from(draws.fetch_add(1, Ordering::SeqCst)) << 96;
    Client::with(consumer, tls, settings, clock, entropy).expect("fit")
}

pub(crate) fn requester() -> Requester {
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

pub(crate) fn hosts() -> AllowedHosts {
    AllowedHosts::new([PROVIDER_HOSTS])
}

pub(crate) fn provider(practice: &Practice) -> Provider {
    let ods = practice.ods.parse().expect("an ODS code");
    Provider {
        service_root: ServiceRoot::new(&practice.service_root, &ods, &hosts()).expect("allowed"),
        asid: practice.asid.parse().expect("an ASID"),
    }
}

pub(crate) fn parameters(text: &str) -> Result<Parameters, Vec<String>> {
    let file: ParametersFile = toml::from_str(text).expect("a request section");
    Parameters::try_from((&file, london_day(Timestamp::now()))).map_err(|problems| problems.0)
}

pub(crate) fn call() -> Call {
    call_to(&Practice::new(ODS, ASID, Behaviour::Normal))
}

pub(crate) fn call_to(practice: &Practice) -> Call {
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

/// What came of a call: the answer and its body.
pub(crate) type Fetched = Result<(Answer, Vec<u8>), FetchError>;

pub(crate) async fn fetch(spine: &SimulatedSpine) -> Fetched {
    client(spine).get_structured_record(&call()).await
}

pub(crate) async fn fetch_from(behaviour: Behaviour) -> (Fetched, Vec<Seen>) {
    let spine = start_one(behaviour).await;
    let result = fetch(&spine).await;
    (result, spine.requests())
}

pub(crate) fn canned(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Behaviour {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Behaviour::Canned(Canned { status, headers, body: body.into() })
}

/// A server that speaks TLS under a certificate of its own, then answers every request with the same bytes,
/// right or wrong.
pub(crate) struct Scripted {
    pub(crate) root: String,
    pub(crate) tls: Tls,
    pub(crate) heard: Arc<Heard>,
    _server: JoinSet<()>,
}

/// What a scripted server has to tell.
#[derive(Default)]
pub(crate) struct Heard {
    /// A request has come, and its answer is sent.
    pub(crate) asked: Notify,
    /// The client has closed a connection that was kept open.
    pub(crate) left: Notify,
}

/// What follows the bytes of an answer.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    Close,
    Wait,
}

impl Scripted {
    pub(crate) async fn start(answer: impl Into<Vec<u8>>, then: Then) -> Self {
        Self::start_with(answer, then, ring::default_provider(), &[&version::TLS13, &version::TLS12]).await
    }

    pub(crate) async fn start_with(
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
    pub(crate) async fn fetch(&self, set: impl FnOnce(&mut Settings)) -> Fetched {
        let mut settings = Settings::default();
        settings.retry.backoff.clear();
        set(&mut settings);
        client_with(consumer(self.root.clone()), &self.tls, settings).get_structured_record(&call()).await
    }

    pub(crate) async fn decide(&self) -> Result<u16, Decision> {
        self.fetch(|_| {}).await.map(|(answer, _)| answer.status).map_err(|error| error.decision)
    }
}

pub(crate) async fn serve(
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

pub(crate) fn assert_all_accepted(requests: &[Seen]) {
    for seen in requests {
        assert_eq!(seen.problem, None);
    }
}

pub(crate) fn distinct<'a>(requests: &'a [Seen], header: &str) -> BTreeSet<&'a str> {
    requests.iter().filter_map(|seen| seen.header(header)).collect()
}
