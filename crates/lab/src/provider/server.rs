use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::reply::Payload;
use super::tap::{FirstLine, Mute, Tap};
use super::{Config, Practice, Script, Seen, directory, pds, proxy};

/// What all connections share.
pub(super) struct State {
    pub(super) config: Config,
    systems: Vec<System>,
    seen: Mutex<Vec<Seen>>,
    trace_ids: Mutex<HashSet<String>>,
    calls: AtomicU64,
}

/// The changing part of a practice, in the order of the configuration.
#[derive(Default)]
pub(super) struct System {
    /// Shared with the bodies on their way, which stop when it is set.
    pub(super) dead: Arc<AtomicBool>,
    /// Calls that reached it.
    calls: AtomicUsize,
    in_flight: AtomicUsize,
    most: AtomicUsize,
}

/// A request with its body read, which is what the checks work on.
pub(super) struct Received {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl State {
    pub(super) fn new(config: Config) -> Self {
        let systems = config.practices.iter().map(|_| System::default()).collect();
        Self {
            config,
            systems,
            seen: Mutex::default(),
            trace_ids: Mutex::default(),
            calls: AtomicU64::new(0),
        }
    }

    pub(super) fn practices(&self) -> impl Iterator<Item = &Practice> {
        self.config.practices.iter()
    }

    /// The practices, each with its changing part.
    pub(super) fn systems(&self) -> impl Iterator<Item = (&Practice, &System)> {
        self.practices().zip(&self.systems)
    }

    pub(super) fn kill(&self, ods: &str) {
        for (_, system) in self.systems().filter(|(practice, _)| practice.ods == ods) {
            system.dead.store(true, Ordering::SeqCst);
        }
    }

    pub(super) fn requests(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    pub(super) fn record(&self, seen: Seen) {
        lock(&self.seen).push(seen);
    }

    /// Counts a call to any practice; gives how many came before it.
    pub(super) fn count_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::SeqCst)
    }

    /// Whether no request has borne this trace id before.
    pub(super) fn is_fresh(&self, trace_id: &str) -> bool {
        lock(&self.trace_ids).insert(trace_id.to_owned())
    }
}

impl System {
    /// Counts a call; gives how many came before it.
    pub(super) fn count_call(&self) -> usize {
        self.calls.fetch_add(1, Ordering::SeqCst)
    }

    /// One more call is being worked on; gives what ends that.
    pub(super) fn enter(&self) -> InFlight<'_> {
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        InFlight(&self.in_flight)
    }

    /// The most calls that were ever worked on at once.
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// A call that is being worked on.
pub(super) struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Binds a loopback port and serves until told to stop.
pub(super) async fn spawn(
    port: u16,
    tls: Arc<ServerConfig>,
    state: Arc<State>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    Ok((address, tokio::spawn(accept(listener, TlsAcceptor::from(tls), state, stopped))))
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    state: Arc<State>,
    mut stopped: oneshot::Receiver<()>,
) {
    // Dropping the set, as an abort of this task does, ends every connection.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                // A peer that is gone before it is accepted is no reason to stop.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, acceptor.clone(), Arc::clone(&state)));
                }
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, state: Arc<State>) {
    match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => {
            let (stream, line, mute) = Tap::new(stream);
            let service =
                service_fn(|request| respond(Arc::clone(&state), (line.clone(), mute.clone()), request));
            let connection =
                http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
            // An error here is a peer that went away, or a body that was to break.
            let Ok(parts) = connection.without_shutdown().await else { return };
            let mut stream = parts.io.into_inner().into_inner();
            match mute.script() {
                Some(script) => script.play(stream).await,
                None => drop(stream.shutdown().await),
            }
        }
        Err((_, mut stream)) => {
            // Closing with the peer's bytes unread would reset the connection and could lose the alert.
            let mut sink = tokio::io::sink();
            let _ = timeout(Duration::from_secs(2), tokio::io::copy(&mut stream, &mut sink)).await;
        }
    }
}

async fn respond(
    state: Arc<State>,
    (line, mute): (FirstLine, Mute),
    request: Request<Incoming>,
) -> Result<Response<Payload>, Infallible> {
    let received = receive(&line, request).await;
    let reply = if received.target.starts_with(directory::BASE) {
        directory::respond(&state, &received).await
    } else if received.target.starts_with(pds::BASE) {
        pds::respond(&state, &received).await
    } else {
        proxy::respond(&state, &received).await
    };
    Ok(match reply {
        Reply::Http(response) => response,
        Reply::Script(script) => {
            mute.play(script);
            Response::new(Payload::nothing())
        }
    })
}

/// What a service has to say.
pub(super) enum Reply {
    Http(Response<Payload>),
    Script(Script),
}

async fn receive(line: &FirstLine, request: Request<Incoming>) -> Received {
    let (head, body) = request.into_parts();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Received {
        method: head.method.to_string(),
        // Between the method and the version, which hold no spaces.
        target: line.text().split(' ').nth(1).unwrap_or_default().to_owned(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
            .collect(),
        // A body that did not come whole fails the checks as no JSON.
        body: body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default(),
    }
}

/// What the locks guard is whole after any panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
