//! One HTTP/1.1 exchange with reqwest, over one fresh mutual-TLS connection, each phase under its own budget.
//!
//! Each exchange has a reqwest client of its own: it costs little beside a handshake, and leaves two exchanges
//! nothing that they could share.

use std::mem;
use std::pin::pin;
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use reqwest::{Client, Request, Response, redirect, retry};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tower::util::MapResponseLayer;

use crate::body::{BodyLimits, Decoder};
use crate::fault::Fault;
use crate::floor::Speed;
use crate::phase::Phase;
use crate::{BodySink, SpeedFloor, Tls};

/// How long each phase may take (`reliability` sheet, section 3). All are monotonic, so that a clock step during
/// a call changes nothing.
#[derive(Debug, Clone, Copy)]
pub struct Budgets {
    /// Name look-up and TCP connection; 5 s by default.
    pub connect: Duration,
    /// TLS handshake; 5 s.
    pub tls: Duration,
    /// From the request's first byte to the end of the response headers; 20 s.
    pub headers: Duration,
    /// Between two pieces of the body; 5 s.
    pub idle: Duration,
    /// How fast the body has to come.
    pub floor: SpeedFloor,
    /// One attempt as a whole; 45 s.
    pub attempt: Duration,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            tls: Duration::from_secs(5),
            headers: Duration::from_secs(20),
            idle: Duration::from_secs(5),
            floor: SpeedFloor::default(),
            attempt: Duration::from_secs(45),
        }
    }
}

const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 32 << 10;

/// How to speak to a server.
pub(crate) struct Https {
    tls: Tls,
    budgets: Budgets,
    limits: BodyLimits,
}

/// What came back, its body still to come.
pub(crate) struct Head<'a> {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    response: Response,
    deadline: Instant,
    https: &'a Https,
}

/// What came back. A body that broke leaves the status standing: a refusal stays one.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Result<Vec<u8>, Fault>,
}

impl Https {
    pub(crate) fn new(tls: &Tls, budgets: Budgets, limits: BodyLimits) -> Self {
        Self { tls: tls.clone(), budgets, limits }
    }

    pub(crate) fn within(self, budgets: Budgets) -> Self {
        Self { budgets, ..self }
    }

    /// Connects, sends, reads to the end, closes.
    pub(crate) async fn exchange(&self, request: Request) -> Result<Reply, Fault> {
        Ok(self.begin(request).await?.whole().await)
    }

    /// Connects, sends, reads the headers.
    pub(crate) async fn begin(&self, request: Request) -> Result<Head<'_>, Fault> {
        let deadline = Instant::now() + self.budgets.attempt;
        let mut response = self.send(request).await?;
        let headers = mem::take(response.headers_mut());
        // Until here hyper bounds what is held: a buffer of 408 KiB, and no more headers than it was told.
        // Two statements of where the body ends are one too many: whoever stands between us may believe the other.
        let framed_twice = headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH);
        if header_bytes(&headers) > MAX_HEADER_BYTES || framed_twice {
            return Err(Fault::Http);
        }
        Ok(Head { status: response.status().as_u16(), headers, response, deadline, https: self })
    }

    async fn send(&self, request: Request) -> Result<Response, Fault> {
        let (sender, mut phase) = watch::channel(Phase::Connect);
        let mut answer = pin!(self.client(&sender)?.execute(request));
        loop {
            let (budget, late) = match *phase.borrow_and_update() {
                Phase::Connect => (self.budgets.connect, Fault::Connect),
                Phase::Tls => (self.budgets.tls, Fault::TlsTimeout),
                Phase::Headers => (self.budgets.headers, Fault::HeadersTimeout),
            };
            select! {
                biased;
                answer = &mut answer => return answer.map_err(|error| match *phase.borrow() {
                    Phase::Connect => Fault::Connect,
                    Phase::Tls | Phase::Headers => Fault::of(&error, Fault::Reset),
                }),
                _ = phase.changed() => {}
                () = sleep(budget) => return Err(late),
            }
        }
    }

    /// A client of nothing but what is listed here.
    fn client(&self, phase: &watch::Sender<Phase>) -> Result<Client, Fault> {
        let connected = phase.clone();
        let client = Client::builder()
            .tls_backend_preconfigured(self.tls.config(phase.clone()))
            .connector_layer(MapResponseLayer::new(move |connection| {
                connected.send_replace(Phase::Headers);
                connection
            }))
            .https_only(true)
            .http1_only()
            .http1_max_headers(MAX_HEADERS)
            .pool_max_idle_per_host(0)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            // We decode, under caps. Another crate's features must not make reqwest do so.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd();
        // It fails for a TLS configuration of another rustls than reqwest's, and for no other reason.
        client.build().map_err(|_| Fault::TlsPolicy)
    }
}

impl Head<'_> {
    /// Reads the body to its end and closes.
    pub(crate) async fn whole(mut self) -> Reply {
        let mut bytes = Vec::new();
        let body = self.stream(&mut bytes).await.map(|_| bytes);
        Reply { status: self.status, body }
    }

    /// Hands the decoded body on as it arrives; gives its bytes as received, before decoding.
    pub(crate) async fn stream(&mut self, sink: &mut dyn BodySink) -> Result<usize, Fault> {
        let Https { budgets, limits, .. } = self.https;
        let mut decoder = Decoder::new(&self.headers, *limits, sink)?;
        let mut speed = Speed::new(budgets.floor, Instant::now());
        let mut idle_until = Instant::now() + budgets.idle;
        loop {
            let late = self.deadline.min(idle_until);
            let until = speed.ends().map_or(late, |ends| late.min(ends));
            match timeout_at(until, self.response.chunk()).await {
                Err(_) if until == late => return Err(Fault::Slow),
                Err(_) => {}
                Ok(Err(error)) => return Err(Fault::of(&error, Fault::Cut)),
                Ok(Ok(None)) => return decoder.finish(),
                Ok(Ok(Some(chunk))) => {
                    decoder.take(&chunk)?;
                    speed.received(chunk.len());
                    idle_until = Instant::now() + budgets.idle;
                }
            }
            speed.judge(Instant::now())?;
        }
    }
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}
