//! TLS and TCP: who is trusted, what is spoken, what happens when nobody is there.

use std::sync::Arc;
use std::time::Duration;

use bedside_lab::provider::Behaviour;
use bedside_spine::{Configuration, Decision, Settings, Unavailability};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{CipherSuite, version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::support::{Scripted, Then, call, client, client_with, consumer, start_one, tls, tls_of};

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
async fn a_proxy_that_is_gone_is_retried_then_reported() {
    let spine = start_one(Behaviour::Normal).await;
    let client = client(&spine);
    spine.stop().await;
    let error = client.get_structured_record(&call()).await.expect_err("gone");
    assert_eq!(error.decision, Decision::Unavailable(Unavailability::Network));
    assert_eq!(error.evidence.attempts, 3);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_retried_then_reported() {
    let spine = start_one(Behaviour::Normal).await;
    // RFC 2606 keeps the domain `invalid` from ever being anybody's.
    let root = "https://proxy.invalid".to_owned();
    let client = client_with(consumer(root), &tls(&spine), Settings::default());
    let error = client.get_structured_record(&call()).await.expect_err("nowhere");
    assert_eq!(error.decision, Decision::Unavailable(Unavailability::Network));
    assert_eq!(error.evidence.attempts, 3);
    assert!(spine.requests().is_empty());
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
