//! The body goes to its reader as it arrives, and only if it may be a record.

use std::sync::Arc;
use std::time::Duration;

use bedside_lab::provider::Behaviour;
use bedside_spine::{
    Answer, BodySink, Decision, FetchError, Limit, Settings, Tls, Transport, Unavailability,
};
use tokio::sync::Notify;

use crate::support::{Scripted, Then, bundle, call, canned, client, client_with, consumer, start_one, tls};

/// Keeps what it is given, and how.
#[derive(Default)]
struct Pieces {
    begun: usize,
    /// What each attempt gave.
    bodies: Vec<Vec<u8>>,
    largest: usize,
    arrived: Arc<Notify>,
}

impl BodySink for Pieces {
    fn begin(&mut self) {
        self.begun += 1;
        self.bodies.push(Vec::new());
    }

    fn take(&mut self, piece: &[u8]) {
        self.bodies.last_mut().expect("begun").extend_from_slice(piece);
        self.largest = self.largest.max(piece.len());
        self.arrived.notify_one();
    }
}

async fn fetch(
    (root, tls): (String, &Tls),
    set: impl FnOnce(&mut Settings),
) -> (Result<Answer, FetchError>, Pieces) {
    let mut settings = Settings::default();
    settings.retry.backoff = vec![Duration::ZERO; 2];
    set(&mut settings);
    let mut pieces = Pieces::default();
    let client = client_with(consumer(root), tls, settings);
    let result = client.fetch(&call(), &(), &mut pieces).await;
    (result, pieces)
}

async fn fetch_from(behaviour: Behaviour) -> (Result<Answer, FetchError>, Pieces) {
    let spine = start_one(behaviour).await;
    fetch((spine.ssp_root(), &tls(&spine)), |_| {}).await
}

#[tokio::test]
async fn the_beginning_is_there_while_the_end_is_not_sent() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{\"resourceType\":\"Bundle\",";
    let server = Scripted::start(answer, Then::Wait).await;
    let arrived = Arc::new(Notify::new());
    let mut pieces = Pieces { arrived: Arc::clone(&arrived), ..Pieces::default() };
    let client = client_with(consumer(server.root.clone()), &server.tls, Settings::default());
    let call = call();
    tokio::select! {
        _ = client.fetch(&call, &(), &mut pieces) => panic!("the body has not ended"),
        () = arrived.notified() => {}
    }
    assert_eq!(pieces.bodies, [b"{\"resourceType\":\"Bundle\","]);
}

#[tokio::test]
async fn pieces_put_together_are_the_body_packed_or_not() {
    for behaviour in [Behaviour::Normal, Behaviour::GzipChunked] {
        let (result, pieces) = fetch_from(behaviour).await;
        let answer = result.expect("a record");
        assert_eq!(answer.bytes, bundle("one").len());
        assert!(pieces.bodies == [bundle("one").to_vec()]);
        assert!(pieces.largest < bundle("one").len(), "it came at once");
    }
}

#[tokio::test]
async fn each_attempt_begins_anew() {
    let (result, pieces) = fetch_from(Behaviour::CutHalfWay).await;
    let error = result.expect_err("cut thrice");
    assert_eq!(error.decision, Decision::Unavailable(Unavailability::Cut));
    assert_eq!(pieces.begun, 3);
    for body in &pieces.bodies {
        assert!(!body.is_empty() && bundle("one").starts_with(body), "{} bytes", body.len());
    }
    let (result, pieces) = fetch_from(Behaviour::FlakyThenOk(2)).await;
    assert_eq!((result.expect("the third time").attempts, pieces.begun), (3, 3));
    assert!(pieces.bodies == [Vec::new(), Vec::new(), bundle("one").to_vec()]);
}

#[tokio::test]
async fn nothing_is_handed_over_of_what_cannot_be_a_record() {
    let fhir = ("content-type", "application/fhir+json");
    for (status, headers) in [
        (200, vec![("content-type", "text/html")]),
        (200, vec![("content-type", "application/fhir+xml")]),
        (200, vec![("content-type", "application/fhir+json;charset=utf-16")]),
        (200, vec![fhir, ("content-encoding", "br")]),
        (201, vec![fhir]),
        (301, vec![fhir, ("location", "https://localhost/")]),
        (403, vec![fhir]),
        (404, vec![fhir]),
        (500, vec![fhir]),
    ] {
        let (result, pieces) = fetch_from(canned(status, &headers, bundle("one"))).await;
        assert!(result.is_err());
        assert_eq!(pieces.bodies, [b""], "{status} {headers:?}");
    }
}

#[tokio::test]
async fn no_more_than_the_limit_is_handed_over() {
    let spine = start_one(Behaviour::GzipChunked).await;
    let limit = bundle("one").len() / 2;
    let (result, pieces) = fetch((spine.ssp_root(), &tls(&spine)), |set| set.body.bytes = limit).await;
    assert_eq!(result.expect_err("too large").decision, Decision::Limit(Limit::BodySize));
    assert!(pieces.begun == 1 && pieces.bodies[0].len() <= limit, "{}", pieces.bodies[0].len());
}

#[tokio::test]
async fn a_megabyte_comes_in_pieces_of_a_socket_and_not_at_once() {
    let body = format!("{{\"resourceType\":\"Bundle\",\"entry\":[\"{}\"]}}", "x".repeat(4 << 20));
    let spine = start_one(canned(200, &[("content-type", "application/fhir+json")], body.clone())).await;
    let mut pieces = Pieces::default();
    let answer = client(&spine).fetch(&call(), &(), &mut pieces).await.expect("a bundle");
    assert_eq!((answer.bytes, pieces.bodies[0].len()), (body.len(), body.len()));
    assert!(pieces.largest <= 512 << 10, "{} bytes at once", pieces.largest);
}
