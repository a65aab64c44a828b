use std::convert::Infallible;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bedside_audit::{AuditLog, Clock, EventKind};
use bedside_cache::{Cache, Grant, TokenIssuer};
use bedside_warm::read_assertion;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::credentials::{self, Credentials};
use crate::listener::{Listener, Visitor};
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::request::{Asked, Wanted};
use crate::table::WriteTable;

/// Bytes that the head of a request may have; a token has at most 8 KiB.
const MAX_HEAD: usize = 16 * 1024;

/// How long to wait when the system gives no connection, for want of file descriptors for one.
const PAUSE: Duration = Duration::from_millis(100);

/// What a server hands over from, and how.
pub struct Parts {
    /// The records.
    pub cache: Arc<Cache>,
    /// The log that the cache writes, asked whether it still can.
    pub audit: Arc<AuditLog>,
    /// What time it is, for metrics.
    pub clock: Arc<dyn Clock>,
    /// Whose tokens count; without one, only assertions over the Unix socket do.
    pub issuer: Option<TokenIssuer>,
    /// How a table is written.
    pub write: WriteTable,
    /// What connections may take.
    pub limits: Limits,
}

/// What connections may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open at once. Each holds one record in memory while it is answered.
    pub connections: NonZeroUsize,
    /// From a connection's first byte to its last.
    pub time: Duration,
}

impl Default for Limits {
    /// 32 connections of 30 seconds: a ward's screens at once, and a caller that hangs is gone within a minute.
    fn default() -> Self {
        Self { connections: NonZeroUsize::MIN.saturating_add(31), time: Duration::from_secs(30) }
    }
}

/// A process that hands records over.
pub struct Server(Arc<State>);

struct State {
    parts: Parts,
    metrics: Metrics,
    places: Arc<Semaphore>,
    open: AtomicUsize,
}

impl Server {
    /// Nobody can come in yet.
    pub fn new(parts: Parts) -> Self {
        let places = Arc::new(Semaphore::new(parts.limits.connections.get()));
        Self(Arc::new(State { parts, metrics: Metrics::default(), places, open: AtomicUsize::new(0) }))
    }

    /// Answers whoever comes until `stop` is there; then nobody comes in any more, what was begun is finished within
    /// the time that a connection has, and this returns.
    pub async fn run(self, listener: Listener, stop: impl Future<Output = ()>) {
        let Self(state) = self;
        let (stopping, _) = watch::channel(false);
        let mut stop = pin!(stop);
        loop {
            let (visitor, place) = tokio::select! {
                () = &mut stop => break,
                next = next(&listener, &state) => next,
            };
            tokio::spawn(receive(Arc::clone(&state), visitor, place, stopping.subscribe()));
        }
        drop(listener);
        stopping.send_replace(true);
        // When every place is free, every connection is over. The semaphore is never closed.
        let all = u32::try_from(state.parts.limits.connections.get()).unwrap_or(u32::MAX);
        let _ = state.places.acquire_many(all).await;
    }
}

/// The next visitor, once there is a place: until then they wait before the door.
async fn next(listener: &Listener, state: &State) -> (Visitor, OwnedSemaphorePermit) {
    loop {
        let place = Arc::clone(&state.places).acquire_owned().await;
        // A peer that is gone before it comes in is no reason to stop.
        match (listener.accept().await, place) {
            (Ok(visitor), Ok(place)) => return (visitor, place),
            _ => sleep(PAUSE).await,
        }
    }
}

async fn receive(
    state: Arc<State>,
    visitor: Visitor,
    _place: OwnedSemaphorePermit,
    stopping: watch::Receiver<bool>,
) {
    let _open = Open::count(&state.open);
    let conversation = async {
        match visitor {
            Visitor::Unix(stream) => {
                let from = From::of(&stream);
                converse(&state, stream, from, stopping).await;
            }
            Visitor::Tls(stream, acceptor) => {
                // Whoever does not speak TLS has been told so by it.
                if let Ok(stream) = acceptor.accept(stream).await {
                    converse(&state, stream, From::Anybody, stopping).await;
                }
            }
        }
    };
    if timeout(state.parts.limits.time, conversation).await.is_err() {
        state.metrics.timed_out();
    }
}

/// A connection that is counted as open until this is dropped.
struct Open<'a>(&'a AtomicUsize);

impl<'a> Open<'a> {
    fn count(open: &'a AtomicUsize) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who can be at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// The user that runs this, or root.
    Owner,
    /// Any user of the machine, or member of the socket's group.
    Anybody,
}

impl From {
    /// Who opened the Unix socket, by the word of the system.
    fn of(stream: &UnixStream) -> Self {
        let owner = rustix::process::geteuid().as_raw();
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == owner || peer.uid() == 0 => Self::Owner,
            _ => Self::Anybody,
        }
    }
}

async fn converse(
    state: &Arc<State>,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    from: From,
    mut stopping: watch::Receiver<bool>,
) {
    let service = service_fn(|request| {
        let state = Arc::clone(state);
        async move { Ok::<_, Infallible>(state.answer(request, from).await) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // An error is a peer that went away.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stopping| *stopping) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

impl State {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, from: From) -> Response<Full<Bytes>> {
        let begun = self.parts.clock.now();
        let (head, body) = request.into_parts();
        // Whatever is asked: who is still sending when the answer is there finds a closed connection in its place.
        let body = credentials::body(body).await;
        match Asked::of(&head) {
            Ok(Asked::Health) => self.health().await,
            Ok(Asked::Metrics) => {
                let text = self.metrics.text(self.open.load(Ordering::Relaxed));
                response(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text.into())
            }
            Ok(Asked::Table(wanted)) => {
                let credentials = match (wanted.asserted, from) {
                    (false, _) => credentials::token(&head.headers),
                    (true, From::Owner) => body.map(Credentials::Assertion),
                    (true, From::Anybody) => Err(Refusal::unauthorised(
                        "an assertion is taken from the owner of the Unix socket alone: say who asks with a token",
                    )),
                };
                let answered = match credentials {
                    Ok(credentials) => Arc::clone(&self).hand_over(wanted, credentials).await,
                    Err(refusal) => refused(&refusal),
                };
                let (status, bytes) = (answered.status(), body_length(&answered));
                let took = self.parts.clock.now().duration_since(begun);
                self.metrics.answered(status, bytes, took.unsigned_abs());
                answered
            }
            Err(refusal) => refused(&refusal),
        }
    }

    /// Looks at the log on its disk: what spoils it there spoils every table.
    async fn health(self: Arc<Self>) -> Response<Full<Bytes>> {
        match spawn_blocking(move || self.parts.audit.check()).await {
            Ok(Ok(())) => response(StatusCode::OK, "text/plain; charset=utf-8", "ok\n".into()),
            Ok(Err(error)) => refused(&Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "audit", error)),
            Err(_) => refused(&defect()),
        }
    }

    /// Reads from disk and waits for the audit log, and therefore not on a thread that others wait for.
    async fn hand_over(self: Arc<Self>, wanted: Wanted, credentials: Credentials) -> Response<Full<Bytes>> {
        let format = wanted.format;
        match spawn_blocking(move || self.table(&wanted, &credentials)).await {
            Ok(Ok(bytes)) => response(StatusCode::OK, format.media_type(), bytes.into()),
            Ok(Err(refusal)) => refused(&refusal),
            Err(_) => refused(&defect()),
        }
    }

    fn table(&self, wanted: &Wanted, credentials: &Credentials) -> Result<Vec<u8>, Refusal> {
        let grant = self.grant(wanted, credentials)?;
        let cache = &self.parts.cache;
        let opened = match wanted.accept_stale {
            false => cache.read(&grant)?,
            true => cache.read_accepting_stale(&grant)?,
        };
        Ok((self.parts.write)(&wanted.episode, &opened, wanted.table, wanted.format)?)
    }

    fn grant(&self, wanted: &Wanted, credentials: &Credentials) -> Result<Grant, Refusal> {
        let cache = &self.parts.cache;
        match (credentials, &self.parts.issuer) {
            (Credentials::Token(token), Some(issuer)) => {
                Ok(cache.grant_token(issuer, token, &wanted.episode)?)
            }
            (Credentials::Token(_), None) => Err(Refusal::unauthorised(
                "this server was given no key of a host system, and takes no tokens",
            )),
            (Credentials::Assertion(bytes), _) => {
                let tag = cache.episode_tag(&wanted.episode);
                let assertion = read_assertion(bytes, &self.parts.audit, (EventKind::Read, &tag))?;
                Ok(cache.grant(&assertion, &wanted.episode)?)
            }
        }
    }
}

fn defect() -> Refusal {
    let message = "a defect of this software; its place is on standard error";
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", message)
}

fn refused(refusal: &Refusal) -> Response<Full<Bytes>> {
    let mut answer = response(refusal.status, "application/json", refusal.body().into());
    match refusal.status {
        StatusCode::UNAUTHORIZED => {
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
        }
        _ => {}
    }
    answer
}

fn response(status: StatusCode, media_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    // What a proxy or a browser kept would outlive the episode.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    answer
}

fn body_length(answer: &Response<Full<Bytes>>) -> usize {
    use hyper::body::Body;
    // The length of a body that is in memory is known.
    answer.body().size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0)
}
