use std::collections::VecDeque;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::Response;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use serde_json::{Value, json};

use super::{Canned, Dressed};

/// Small enough that a body of any size goes out in several pieces.
const PIECE: usize = 16 << 10;

/// A body that can be whole, chunked or broken off.
pub(super) struct Payload {
    pieces: VecDeque<Bytes>,
    /// The length that is declared; `None` is chunked.
    declared: Option<u64>,
    /// Whether it breaks off when the pieces are out.
    breaks: bool,
    /// Whether what came before the break has had its chance to leave.
    flushed: bool,
    dead: Arc<AtomicBool>,
}

impl Payload {
    fn new(bytes: &Bytes) -> Self {
        Self {
            pieces: pieces(bytes),
            declared: Some(bytes.len() as u64),
            breaks: false,
            flushed: false,
            dead: Arc::default(),
        }
    }

    /// An empty body.
    pub(super) fn nothing() -> Self {
        Self::new(&Bytes::new())
    }

    fn chunked(bytes: &Bytes) -> Self {
        Self { declared: None, ..Self::new(bytes) }
    }

    fn cut_half_way(bytes: &Bytes) -> Self {
        Self { pieces: pieces(&bytes.slice(..bytes.len() / 2)), breaks: true, ..Self::new(bytes) }
    }

    fn dying_with(self, dead: &Arc<AtomicBool>) -> Self {
        Self { dead: Arc::clone(dead), ..self }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let dead = self.dead.load(Ordering::SeqCst);
        if !dead && let Some(piece) = self.pieces.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if !dead && !self.breaks {
            return Poll::Ready(None);
        }
        if !self.flushed {
            // Once pending, hyper flushes what it has; an error at once would throw it away.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }

    fn size_hint(&self) -> SizeHint {
        self.declared.map(SizeHint::with_exact).unwrap_or_default()
    }
}

/// The record with its length declared.
pub(super) fn record(bytes: &Bytes, dead: &Arc<AtomicBool>) -> Response<Payload> {
    fhir(200, Payload::new(bytes).dying_with(dead))
}

/// The record gzipped and chunked.
pub(super) fn gzipped_record(bytes: &Bytes, dead: &Arc<AtomicBool>) -> Response<Payload> {
    let mut response = fhir(200, Payload::chunked(&gzip(bytes)).dying_with(dead));
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_ENCODING, hyper::header::HeaderValue::from_static("gzip"));
    response
}

/// Half the record under the whole one's length.
pub(super) fn half_record(bytes: &Bytes) -> Response<Payload> {
    fhir(200, Payload::cut_half_way(bytes))
}

/// JSON with a status.
pub(super) fn json(status: u16, body: &Value) -> Response<Payload> {
    fhir(status, Payload::new(&Bytes::from(body.to_string())))
}

/// An answer written out by a test.
pub(super) fn canned(canned: &Canned) -> Response<Payload> {
    let mut builder = Response::builder().status(canned.status);
    for (name, value) in &canned.headers {
        builder = builder.header(*name, value);
    }
    // Only a status or a header that HTTP does not have fails to build: that is the test's own mistake.
    builder
        .body(Payload::new(&canned.body))
        .unwrap_or_else(|_| json(500, &json!({ "error": "the canned answer is no HTTP" })))
}

/// The record in another form, under other headers.
pub(super) fn dressed(dressed: &Dressed, record: &Bytes) -> Response<Payload> {
    let headers = dressed.headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    canned(&Canned { status: 200, headers, body: (dressed.body)(record).into() })
}

/// An error of a practice's system (`retrieve` sheet, section 9).
pub(super) fn provider_error(status: u16, issue: &str, code: &str, diagnostics: &str) -> Response<Payload> {
    let system = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1";
    let profile = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-OperationOutcome-1";
    json(
        status,
        &json!({ "resourceType": "OperationOutcome", "meta": { "profile": [profile] }, "issue": [{
            "severity": "error", "code": issue, "diagnostics": diagnostics,
            "details": { "coding": [{ "system": system, "code": code, "display": code }] },
        }] }),
    )
}

/// An error of the proxy itself, which says why only in words.
pub(super) fn proxy_error(status: u16, issue: &str, display: &str) -> Response<Payload> {
    let system = "http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0";
    json(
        status,
        &json!({ "resourceType": "OperationOutcome", "issue": [{ "severity": "error", "code": issue,
            "details": { "coding": [{ "system": system, "code": status.to_string(), "display": display }] },
        }] }),
    )
}

fn fhir(status: u16, payload: Payload) -> Response<Payload> {
    let mut response = Response::new(payload);
    // Every status of the callers is one that HTTP has.
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    let headers = response.headers_mut();
    let value = hyper::header::HeaderValue::from_static;
    headers.insert(hyper::header::CONTENT_TYPE, value("application/fhir+json; charset=utf-8"));
    headers.insert(hyper::header::CACHE_CONTROL, value("no-store"));
    response
}

fn pieces(bytes: &Bytes) -> VecDeque<Bytes> {
    (0..bytes.len()).step_by(PIECE).map(|start| bytes.slice(start..bytes.len().min(start + PIECE))).collect()
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    Bytes::from(encoder.finish().unwrap_or_default())
}
