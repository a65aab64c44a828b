//! Faults of the connection and of HTTP's framing: rows F-05 to F-10.

use std::time::Duration;

use super::Fault;
use crate::provider::{Behaviour, Script, Then};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json;charset=utf-8\r\n";

pub(super) fn faults() -> Vec<Fault> {
    [headers(), broken_off(), lengths(), chunks(), slow()].concat()
}

fn scripted(row: &'static str, name: &str, script: fn(&[u8]) -> Script) -> Fault {
    Fault::new(row, name, Behaviour::Scripted(script))
}

fn headers() -> Vec<Fault> {
    vec![
        scripted("F-05", "headers-never", |_| Script::new("", Then::Stall)),
        scripted("F-05", "headers-dribble", |body| Script {
            dribble: Some((1, Duration::from_millis(500))),
            ..Script::new(whole("", body), Then::Close)
        }),
        scripted("F-06", "headers-1mb", |body| {
            Script::new(whole(&format!("x-long: {}\r\n", "x".repeat(1 << 20)), body), Then::Close)
        }),
        scripted("F-06", "headers-10000", |body| {
            Script::new(whole(&"x-many: 1\r\n".repeat(10_000), body), Then::Close)
        }),
        scripted("F-06", "headers-folded", |body| {
            Script::new(whole("x-folded: a\r\n b\r\n", body), Then::Close)
        }),
        scripted("F-06", "headers-bare-cr", |body| {
            Script::new(whole("x-injected: a\rset-cookie: b\r\n", body), Then::Close)
        }),
        scripted("F-06", "no-http", |_| Script::new("SSH-2.0-OpenSSH_9.2\r\n", Then::Close)),
    ]
}

fn broken_off() -> Vec<Fault> {
    vec![
        scripted("F-07", "reset-before-headers", |_| Script::new("", Then::Reset)),
        scripted("F-07", "close-before-headers", |_| Script::new("", Then::Close)),
        scripted("F-07", "body-cut-at-0", |body| cut(body, 0, Then::Close)),
        scripted("F-07", "body-cut-at-1", |body| cut(body, 1, Then::Close)),
        scripted("F-07", "body-cut-half", |body| cut(body, body.len() / 2, Then::Close)),
        scripted("F-07", "body-cut-last-byte", |body| cut(body, body.len() - 1, Then::Close)),
        scripted("F-07", "body-reset-half", |body| cut(body, body.len() / 2, Then::Reset)),
    ]
}

fn lengths() -> Vec<Fault> {
    vec![
        scripted("F-08", "length-larger", |body| declared(&(body.len() + 1).to_string(), body)),
        scripted("F-08", "length-smaller", |body| declared(&(body.len() - 1).to_string(), body)),
        scripted("F-08", "length-negative", |body| declared("-2", body)),
        scripted("F-08", "length-no-number", |body| declared("many", body)),
        scripted("F-08", "length-twice", |body| {
            let second = format!("content-length: {}\r\n", body.len() + 1);
            Script::new(whole(&second, body), Then::Close)
        }),
        scripted("F-08", "length-and-chunked", |body| {
            let head = format!("{HEAD}content-length: {}\r\ntransfer-encoding: chunked\r\n\r\n", body.len());
            Script::new([head.as_bytes(), &chunk(body), b"0\r\n\r\n"].concat(), Then::Close)
        }),
    ]
}

fn chunks() -> Vec<Fault> {
    vec![
        scripted("F-09", "chunk-bad-size", |body| chunked(&[b"zz\r\n", body, b"\r\n0\r\n\r\n"])),
        scripted("F-09", "chunk-huge-size", |body| chunked(&[b"fffffffffffffffff\r\n", body])),
        scripted("F-09", "chunk-no-terminator", |body| chunked(&[&chunk(body)])),
        scripted("F-09", "chunk-trailer-flood", |body| {
            chunked(&[&chunk(body), b"0\r\n", "x-many: 1\r\n".repeat(10_000).as_bytes(), b"\r\n"])
        }),
        scripted("F-09", "chunk-extension-flood", |body| {
            let size = format!("{:x};{}\r\n", body.len(), "x".repeat(1 << 20));
            chunked(&[size.as_bytes(), body, b"\r\n0\r\n\r\n"])
        }),
    ]
}

fn slow() -> Vec<Fault> {
    vec![
        scripted("F-10", "body-dribble", |body| Script {
            dribble: Some((10, Duration::from_millis(100))),
            ..Script::new(whole("", body), Then::Close)
        }),
        scripted("F-10", "body-stall-90", |body| cut(body, body.len() * 9 / 10, Then::Stall)),
    ]
}

/// A whole answer with more header lines.
fn whole(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{HEAD}content-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The first bytes of a body under the whole one's length.
fn cut(body: &[u8], at: usize, then: Then) -> Script {
    let head = format!("{HEAD}content-length: {}\r\n\r\n", body.len());
    Script::new([head.as_bytes(), &body[..at]].concat(), then)
}

fn declared(length: &str, body: &[u8]) -> Script {
    let head = format!("{HEAD}content-length: {length}\r\n\r\n");
    Script::new([head.as_bytes(), body].concat(), Then::Close)
}

fn chunked(parts: &[&[u8]]) -> Script {
    let head = format!("{HEAD}transfer-encoding: chunked\r\n\r\n");
    Script::new([head.as_bytes(), &parts.concat()].concat(), Then::Close)
}

fn chunk(body: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat()
}
