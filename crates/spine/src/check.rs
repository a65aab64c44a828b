//! What can be found out about an identity and a proxy before a patient waits: whether the certificate holds and for
//! how long, what TLS is agreed on, and how far the clocks are apart. No patient, practice or interaction is touched.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConnection, Stream};
use tokio::sync::watch;

use crate::fault::Fault;
use crate::phase::Phase;
use crate::validity::validity;
use crate::{Decision, Tls, outcome};

/// How long a connection, and each reading from it, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client certificate on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Until when it holds; absent where its dates cannot be read.
    pub until: Option<Timestamp>,
    /// Whether it chains to the configured authority and holds now.
    pub chains: bool,
}

/// A connection that came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// Version of TLS, such as `TLSv1_3`.
    pub version: String,
    /// Cipher suite, such as `TLS13_AES_256_GCM_SHA384`.
    pub suite: String,
    /// How far the server's clock is ahead of ours, by the `Date` of an answer, which has whole seconds; absent without
    /// one.
    pub clock_ahead: Option<SignedDuration>,
}

impl CertificateFacts {
    /// Whole days that are left; negative once they are over.
    pub fn days_left(&self, now: Timestamp) -> Option<i64> {
        self.until.map(|until| until.duration_since(now).as_secs().div_euclid(24 * 60 * 60))
    }
}

impl Tls {
    /// What can be told of the client certificate. That a proxy's authority is another than that of the clients is
    /// possible; then the chain is not for us to judge.
    pub fn certificate_facts(&self) -> CertificateFacts {
        let (chain, roots) = self.identity();
        let Some((own, intermediates)) = chain.split_first() else {
            return CertificateFacts { until: None, chains: false };
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider).build();
        let chains = verifier
            .is_ok_and(|verifier| verifier.verify_client_cert(own, intermediates, UnixTime::now()).is_ok());
        CertificateFacts { until: validity(own).map(|(_, until)| until), chains }
    }

    /// Connects to a root, shakes hands and asks for nothing but the headers of its front page. Blocks.
    ///
    /// # Errors
    /// The decision on what stands in the way.
    pub fn shake_hands(&self, root: &str) -> Result<Handshake, Decision> {
        let network = outcome::of_fault(Fault::Connect);
        let url = Url::parse(root).map_err(|_| network)?;
        let (host, port) = url.host_str().zip(url.port_or_known_default()).ok_or(network)?;
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|_| network)?;
        let mut tcp = connect(host, port).ok_or(network)?;
        let config = Arc::new(self.config(watch::channel(Phase::Connect).0));
        let broken = |error: &rustls::Error| outcome::of_fault(Fault::of(error, Fault::TlsPolicy));
        let mut tls = ClientConnection::new(config, name).map_err(|error| broken(&error))?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)
                .map_err(|error| outcome::of_fault(Fault::of(&error, Fault::TlsTimeout)))?;
        }
        let date = front_page(&mut Stream::new(&mut tls, &mut tcp), host)?;
        Ok(Handshake {
            version: tls.protocol_version().map(|version| format!("{version:?}")).unwrap_or_default(),
            suite: tls
                .negotiated_cipher_suite()
                .map(|suite| format!("{:?}", suite.suite()))
                .unwrap_or_default(),
            clock_ahead: date.map(|date| date.duration_since(Timestamp::now())),
        })
    }
}

fn connect(host: &str, port: u16) -> Option<TcpStream> {
    let mut addresses = (host.trim_matches(['[', ']']), port).to_socket_addrs().ok()?;
    let tcp = addresses.find_map(|address| TcpStream::connect_timeout(&address, PATIENCE).ok())?;
    tcp.set_read_timeout(Some(PATIENCE)).ok()?;
    tcp.set_write_timeout(Some(PATIENCE)).ok()?;
    Some(tcp)
}

/// The `Date` of the answer to a `HEAD /`. In TLS 1.3 this is also where a server says that it does not accept our
/// certificate.
fn front_page(stream: &mut (impl Read + Write), host: &str) -> Result<Option<Timestamp>, Decision> {
    let request = format!("HEAD / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let exchanged =
        stream.write_all(request.as_bytes()).and_then(|()| stream.take(16 << 10).read_to_end(&mut answer));
    if answer.is_empty()
        && let Err(error) = exchanged
    {
        return Err(outcome::of_fault(Fault::of(&error, Fault::Reset)));
    }
    let text = String::from_utf8_lossy(&answer);
    let headers = text.lines().filter_map(|line| line.split_once(':'));
    let date = headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("date"));
    Ok(date.and_then(|(_, value)| rfc2822::parse(value.trim()).ok()).map(|date| date.timestamp()))
}
