//! Rows F-03 and F-04 of the fault matrix, with real certificates and, where rustls is too modern to be wrong, with
//! OpenSSL's own server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener as Port};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bedside_spine::{Configuration, Decision, Settings, Tls, Unavailability};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::TcpListener;

use crate::support::{call, client_with, consumer};

const NOT_TRUSTED: Decision = Decision::Configuration(Configuration::ServerNotTrusted);
const POLICY: Decision = Decision::Configuration(Configuration::TlsPolicy);

/// An authority, and a certificate of it for `localhost` unless `change` makes it otherwise.
struct Issued {
    authority_pem: String,
    certificate: rcgen::Certificate,
    key: KeyPair,
}

fn issue(change: impl FnOnce(&mut CertificateParams)) -> Issued {
    issue_with(KeyPair::generate().expect("a key"), change)
}

fn issue_with(key: KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Issued {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new([]).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).expect("a certificate").pem();
    let issuer = Issuer::new(authority, authority_key);
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
    change(&mut params);
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    Issued { authority_pem, certificate, key }
}

impl Issued {
    /// A client that uses this very identity and trusts that authority.
    fn trusting(&self, authority_pem: &str) -> Tls {
        let (certificate, key) = (self.certificate.pem(), self.key.serialize_pem());
        Tls::from_pem(certificate.as_bytes(), key.as_bytes(), authority_pem.as_bytes()).expect("fits")
    }
}

/// What a client decides on a server of that certificate, and whether the server was sent anything but a handshake.
async fn meet(server: Issued, authority_pem: &str) -> (Decision, u32, bool) {
    let tls = server.trusting(authority_pem);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![server.certificate.der().clone()],
            PrivatePkcs8KeyDer::from(server.key.serialize_der()).into(),
        )
        .expect("an identity");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let root = format!("https://localhost:{}", listener.local_addr().expect("bound").port());
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        acceptor.accept(stream).await.is_ok()
    });
    let client = client_with(consumer(root), &tls, Settings::default());
    let error = client.get_structured_record(&call()).await.expect_err("not trusted");
    (error.decision, error.evidence.attempts, heard.await.expect("served"))
}

#[tokio::test]
async fn a_server_that_does_not_verify_is_sent_nothing_and_not_tried_again() {
    let other = issue(|_| {});
    let ours = |change: fn(&mut CertificateParams)| {
        let issued = issue(change);
        let authority = issued.authority_pem.clone();
        (issued, authority)
    };
    let cases: [(&str, (Issued, String)); 5] = [
        ("of another authority", (issue(|_| {}), other.authority_pem.clone())),
        (
            "of another name",
            ours(|params| {
                params.subject_alt_names =
                    vec![rcgen::SanType::DnsName("elsewhere.example".try_into().expect("a name"))];
            }),
        ),
        ("expired", ours(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1))),
        (
            "not yet valid",
            ours(|params| {
                params.not_before = rcgen::date_time_ymd(2090, 1, 1);
                params.not_after = rcgen::date_time_ymd(2099, 1, 1);
            }),
        ),
        ("an authority itself", ours(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))),
    ];
    for (name, (issued, authority)) in cases {
        let (decision, attempts, handshake) = meet(issued, &authority).await;
        assert_eq!((decision, attempts, handshake), (NOT_TRUSTED, 1, false), "{name}");
        println!("F-03  {name:38} {decision}");
    }
}

/// OpenSSL's server, which goes when this is dropped, and what it prints.
struct OpenSsl {
    server: Child,
    printed: BufReader<ChildStdout>,
    port: u16,
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl OpenSsl {
    fn start(issued: &Issued, folder: &tempfile::TempDir, arguments: &[&str]) -> Self {
        let path = |name: &str| folder.path().join(name).display().to_string();
        for (name, text) in [
            ("server.pem", issued.certificate.pem()),
            ("server.key", issued.key.serialize_pem()),
            ("ca.pem", issued.authority_pem.clone()),
        ] {
            std::fs::write(path(name), text).expect("written");
        }
        // A port that was free a moment ago.
        let port = Port::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("bound").port();
        let server = Command::new("openssl")
            .args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-no_dhe", "-naccept", "3"])
            .args(["-cert", &path("server.pem"), "-key", &path("server.key")])
            .args(["-CAfile", &path("ca.pem"), "-Verify", "3", "-verify_return_error"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut server = server.expect("starts");
        let mut printed = BufReader::new(server.stdout.take().expect("piped"));
        let mut line = String::new();
        while !line.starts_with("ACCEPT") {
            line.clear();
            assert!(printed.read_line(&mut line).expect("text") > 0, "it does not listen: {arguments:?}");
        }
        Self { server, printed, port }
    }

    /// What a client decides, and what the server has printed of it.
    async fn meet(mut self, tls: &Tls) -> (Decision, String) {
        let mut settings = Settings::default();
        // It never answers: when the handshake is done and the request is out, this time runs.
        settings.budgets.headers = Duration::from_millis(300);
        settings.retry.backoff.clear();
        let client = client_with(consumer(format!("https://localhost:{}", self.port)), tls, settings);
        let decision = client.get_structured_record(&call()).await.expect_err("no answer").decision;
        let _ = self.server.kill();
        let mut printed = String::new();
        self.printed.read_to_string(&mut printed).expect("text");
        (decision, printed)
    }
}

/// An identity with an RSA key, as Spine's are; `None` where OpenSSL is not at hand.
fn rsa() -> Option<Issued> {
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
        .output();
    let Ok(made) = made else {
        // Past the capture of tests that pass, so that it is seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no openssl");
        return None;
    };
    let key = String::from_utf8(made.stdout).expect("PEM");
    Some(issue_with(KeyPair::from_pem_and_sign_algo(&key, &PKCS_RSA_SHA256).expect("a key"), |_| {}))
}

#[tokio::test]
async fn openssl_agrees_on_the_suites_of_spine_and_on_no_other() {
    let Some(issued) = rsa() else { return };
    let tls = issued.trusting(&issued.authority_pem);
    let sent = Decision::Unavailable(Unavailability::Timeout);
    for (arguments, expected, suite) in [
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"][..], sent, "ECDHE-RSA-AES256-GCM-SHA384"),
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], sent, "ECDHE-RSA-AES128-GCM-SHA256"),
        (&["-tls1_3"], sent, "TLS_AES_"),
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384"], POLICY, ""),
        (&["-tls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"], POLICY, ""),
        (&["-tls1_2", "-cipher", "AES256-GCM-SHA384"], POLICY, ""),
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], POLICY, ""),
        (&["-tls1", "-cipher", "ALL:@SECLEVEL=0"], POLICY, ""),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (decision, printed) = OpenSsl::start(&issued, &folder, arguments).meet(&tls).await;
        assert_eq!(decision, expected, "{arguments:?}: {printed}");
        assert!(printed.contains(suite), "{arguments:?}: {printed}");
        assert_eq!(printed.contains("POST /https://"), expected == sent, "{arguments:?}: {printed}");
        println!("F-04  {:60} {decision}", arguments.join(" "));
    }
}
