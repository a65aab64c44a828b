//! The simulated Spine: a Spine Secure Proxy, a directory and the practices behind them, in this process on a
//! loopback port, over real TLS with client certificates required.
//!
//! It holds requests to the specification with checks of its own (`retrieve` sheet, sections 2 to 5): nothing
//! here calls the client's code, so a mistake there is not repeated here. It is of use to whoever builds a consumer
//! of GP Connect (`docs/simulated-spine.md`): the faults of [`Fault::of`] each service can be had by name, a practice
//! each, with latencies and occasional faults, from a file; and practices answer as the systems of four suppliers do
//! ([`Manner`]), as far as the sheets say how. What it deliberately is not: a model of what a supplier's practices
//! hold, or a measure of speed.

mod authority;
mod behave;
mod check;
mod command;
mod directory;
mod fault;
mod latency;
mod manner;
mod pds;
mod practices;
mod proxy;
mod reply;
mod script;
mod server;
mod synthetic;
mod tap;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use authority::Authority;
use server::State;

pub use behave::Alteration;
pub use command::{ProviderArgs, run};
pub use fault::{Fault, Service};
pub use latency::Latency;
pub use manner::{DIFFERENCES, Difference, Manner, Version};
pub use pds::NationalRecord;
pub use script::{Script, Then};
pub use synthetic::synthetic;

/// The host suffix of every practice's service root.
pub const PROVIDER_HOSTS: &str = "provider.example";

/// The ASID that [`Config::new`] expects calls to come from.
pub const CONSUMER_ASID: &str = "200000000001";

/// A patient's record by NHS number, `None` for a patient whom the practice does not know. The bytes are served
/// as they are; their `id` is not rewritten.
pub type Records = Arc<dyn Fn(&str) -> Option<Bytes> + Send + Sync>;

/// A patient's record by the ODS code of the practice that is asked, and NHS number.
pub type RecordsOf = Arc<dyn Fn(&str, &str) -> Option<Bytes> + Send + Sync>;

/// What to simulate.
pub struct Config {
    /// The practices that the directory knows.
    pub practices: Vec<Practice>,
    /// What they answer with.
    pub records: Records,
    /// What each of them answers with instead, where that depends on the practice.
    pub records_of: Option<RecordsOf>,
    /// The only ASID that calls may come from.
    pub consumer_asid: String,
    /// The loopback port to listen on; 0 is any that is free.
    pub port: u16,
    /// What the national record holds; a patient who is not in it is not found.
    pub national_record: NationalRecord,
}

/// One practice's system.
#[derive(Debug, Clone)]
pub struct Practice {
    /// ODS code.
    pub ods: String,
    /// ASID of the system.
    pub asid: String,
    /// FHIR service root, as registered.
    pub service_root: String,
    /// How it behaves.
    pub behaviour: Behaviour,
    /// How it answers what it is asked; without it, the record is sent as it is, whatever is asked.
    pub manner: Option<Manner>,
    /// What befalls who looks it up in the directory.
    pub directory: Behaviour,
    /// How long it takes for every answer.
    pub latency: Latency,
    /// Of so many calls in a thousand, what happens instead: one of these in turn.
    pub faults: (u32, Vec<Behaviour>),
}

/// How a service behaves towards a request that passed every check. The directory and the national record have no
/// patients to refuse: what speaks of those is a practice's alone, and elsewhere as `Normal`.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Answers with the record, its length declared.
    Normal,
    /// Answers with the record gzipped, in chunks.
    GzipChunked,
    /// As `Normal`, after a time.
    Slow(Duration),
    /// Declares the whole length, sends half and closes.
    CutHalfWay,
    /// Refuses with this Spine code, such as `NO_PATIENT_CONSENT`, and status 403.
    Refuses(&'static str),
    /// Knows no patient.
    NotFound,
    /// Cannot be reached: the proxy says so with status 502.
    Unreachable502,
    /// Answers with the record of another patient, the one with this NHS number.
    WrongPatient(String),
    /// Cannot be reached so many times, then as `Normal`.
    FlakyThenOk(usize),
    /// Answers with exactly this.
    Canned(Canned),
    /// Answers with the record in another form, under these headers.
    Dressed(Dressed),
    /// Answers with the record altered.
    Altered(Alteration),
    /// Sends what becomes of the record over the wire in place of an answer.
    Scripted(fn(&[u8]) -> Script),
}

/// The record in another form.
#[derive(Debug, Clone)]
pub struct Dressed {
    /// Headers besides the length.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The body, made of the record.
    pub body: fn(&[u8]) -> Vec<u8>,
}

/// An answer written out.
#[derive(Debug, Clone)]
pub struct Canned {
    /// HTTP status.
    pub status: u16,
    /// Headers besides the length.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Bytes,
}

/// A request as it came, and what was wrong with it.
#[derive(Clone)]
pub struct Seen {
    /// HTTP method.
    pub method: String,
    /// The request target, byte for byte as it came off the socket.
    pub target: String,
    /// Header names in lower case, and values, in order.
    pub headers: Vec<(String, String)>,
    /// The token's claims, if there was a token that could be read.
    pub claims: Option<Value>,
    /// The body, if it was JSON.
    pub body: Option<Value>,
    /// What the checks found, `None` when the request is as the specification wants it.
    pub problem: Option<String>,
}

/// A client certificate and its key, PEM.
#[derive(Clone)]
pub struct Identity {
    /// Certificate.
    pub certificate_pem: String,
    /// Private key.
    pub key_pem: String,
}

/// A simulated Spine that runs until it is stopped or dropped.
pub struct SimulatedSpine {
    address: SocketAddr,
    authority_pem: String,
    identity: Identity,
    state: Arc<State>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Config {
    /// These practices, with records from a map by NHS number, called from [`CONSUMER_ASID`] on any free port.
    pub fn new(practices: Vec<Practice>, records: BTreeMap<String, Bytes>) -> Self {
        let records: Records = Arc::new(move |nhs_number| records.get(nhs_number).cloned());
        Self {
            practices,
            records,
            records_of: None,
            consumer_asid: CONSUMER_ASID.to_owned(),
            port: 0,
            national_record: NationalRecord::default(),
        }
    }
}

impl Config {
    fn record(&self, practice: &Practice, nhs_number: &str) -> Option<Bytes> {
        match &self.records_of {
            Some(records) => records(&practice.ods, nhs_number),
            None => (self.records)(nhs_number),
        }
    }
}

impl Practice {
    /// A practice with a service root of the usual form.
    pub fn new(ods: &str, asid: &str, behaviour: Behaviour) -> Self {
        Self {
            ods: ods.to_owned(),
            asid: asid.to_owned(),
            service_root: format!("https://gp.{PROVIDER_HOSTS}/{ods}/STU3/1/gpconnect/structured"),
            behaviour,
            manner: None,
            directory: Behaviour::Normal,
            latency: Latency::None,
            faults: (0, Vec::new()),
        }
    }
}

impl Seen {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl SimulatedSpine {
    /// Starts on a loopback port, with an authority, a server certificate and a client identity made for
    /// the occasion. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the port cannot be bound or no certificate made.
    pub async fn start(config: Config) -> io::Result<Self> {
        let authority = Authority::new().map_err(io::Error::other)?;
        let identity = authority.client_identity().map_err(io::Error::other)?;
        let tls = authority.server_config().map_err(io::Error::other)?;
        let port = config.port;
        let state = Arc::new(State::new(config));
        let (stop, stopped) = oneshot::channel();
        let (address, server) = server::spawn(port, tls, Arc::clone(&state), stopped).await?;
        Ok(Self { address, authority_pem: authority.pem(), identity, state, stop, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The root of the proxy, as a consumer configures it.
    pub fn ssp_root(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// The FHIR base of the directory.
    pub fn directory_base(&self) -> String {
        format!("{}{}", self.ssp_root(), directory::BASE)
    }

    /// The FHIR base of the Personal Demographics Service.
    pub fn pds_base(&self) -> String {
        format!("{}{}", self.ssp_root(), pds::BASE)
    }

    /// The authority that signed the server's certificate, PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// The identity that the server accepts.
    pub fn client_identity(&self) -> &Identity {
        &self.identity
    }

    /// The practices as the text of a directory file.
    pub fn directory_toml(&self) -> String {
        let entries = self.state.practices().map(|practice| {
            format!(
                "[[practice]]\nods = \"{}\"\nservice_root = \"{}\"\nasid = \"{}\"\n",
                practice.ods, practice.service_root, practice.asid
            )
        });
        entries.collect::<Vec<_>>().join("\n")
    }

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.state.requests()
    }

    /// The most calls that were worked on at once at any one practice.
    pub fn most_at_once(&self) -> usize {
        self.state.systems().map(|(_, system)| system.most()).max().unwrap_or(0)
    }

    /// Takes a practice down for good: bodies on their way are cut, later calls are answered with 502. A code
    /// that no practice has does nothing.
    pub fn kill(&self, ods: &str) {
        self.state.kill(ods);
    }

    /// Stops listening and waits for the answers on their way.
    pub async fn stop(mut self) {
        let (stop, _) = oneshot::channel();
        // The receiver is gone only if the server has ended by itself; then there is nothing to wait for.
        let _ = std::mem::replace(&mut self.stop, stop).send(());
        let _ = (&mut self.server).await;
    }
}

impl Drop for SimulatedSpine {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}
