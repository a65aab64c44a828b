//! Answers that are whole and are no record, or are a record in odd clothes: rows F-11 to F-19, F-36.

use std::io::Write;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

use super::Fault;
use crate::provider::{Behaviour, Bytes, Canned, Dressed};

const FHIR: &str = "application/fhir+json;charset=utf-8";

/// Ten megabytes in ten kilobytes, which take a while to make.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| gzip(&vec![b' '; 10 << 20]));

pub(super) fn faults() -> Vec<Fault> {
    [busy(), redirects(), no_record(), content_types(), encodings(), bombs()].concat()
}

fn canned(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Behaviour {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Behaviour::Canned(Canned { status, headers, body: body.into() })
}

/// The record, with other headers and in another form.
fn dressed(headers: &[(&'static str, &'static str)], body: fn(&[u8]) -> Vec<u8>) -> Behaviour {
    Behaviour::Dressed(Dressed { headers: headers.to_vec(), body })
}

fn busy() -> Vec<Fault> {
    let after = [
        ("none", None),
        ("0", Some("0")),
        ("3600", Some("3600")),
        ("past", Some("Tue, 15 Nov 1994 08:12:31 GMT")),
        ("future", Some("Fri, 15 Jan 2100 08:12:31 GMT")),
        ("negative", Some("-1")),
        ("no-number", Some("abc")),
        ("endless", Some("100000000000000000000")),
    ];
    let mut faults: Vec<Fault> = after
        .into_iter()
        .map(|(name, value)| {
            let headers: Vec<_> = value.map(|value| ("retry-after", value)).into_iter().collect();
            Fault::new("F-11", format!("busy-503-after-{name}"), canned(503, &headers, "<html>busy</html>"))
        })
        .collect();
    faults.extend(
        [408, 429, 504].map(|status| Fault::new("F-11", format!("busy-{status}"), canned(status, &[], ""))),
    );
    faults
}

fn redirects() -> Vec<Fault> {
    let to = [
        (301, "https://elsewhere.example/"),
        (302, "http://localhost/"),
        (307, "file:///etc/passwd"),
        (308, "/spine-directory/FHIR/R4/Endpoint"),
    ];
    to.map(|(status, to)| {
        Fault::new("F-12", format!("redirect-{status}"), canned(status, &[("location", to)], ""))
    })
    .into()
}

fn no_record() -> Vec<Fault> {
    let mut faults = vec![Fault::new(
        "F-13",
        "json-truncated",
        dressed(&[("content-type", FHIR)], |body| body[..body.len() / 2].to_vec()),
    )];
    for (name, kind, body) in [
        ("html", "text/html", "<html>Sign in</html>"),
        ("html-as-fhir", FHIR, "<html>Sign in</html>"),
        ("empty", FHIR, ""),
        ("null", FHIR, "null"),
        ("empty-object", FHIR, "{}"),
        ("empty-array", FHIR, "[]"),
    ] {
        faults.push(Fault::new("F-14", name, canned(200, &[("content-type", kind)], body)));
    }
    faults.push(Fault::new("F-14", "status-204", canned(204, &[], "")));
    faults
}

fn content_types() -> Vec<Fault> {
    let as_it_is: fn(&[u8]) -> Vec<u8> = <[u8]>::to_vec;
    let mut faults: Vec<Fault> = [
        ("type-missing", None),
        ("type-json", Some("application/json")),
        ("type-json-fhir", Some("application/json+fhir")),
        ("type-xml", Some("application/fhir+xml")),
        ("type-latin-1", Some("application/fhir+json;charset=ISO-8859-1")),
        ("type-utf-16", Some("application/fhir+json;charset=utf-16")),
    ]
    .into_iter()
    .map(|(name, kind)| {
        let headers: Vec<_> = kind.map(|kind| ("content-type", kind)).into_iter().collect();
        Fault::new("F-15", name, dressed(&headers, as_it_is))
    })
    .collect();
    let fhir = [("content-type", FHIR)];
    faults.push(Fault::new(
        "F-16",
        "byte-order-mark",
        dressed(&fhir, |body| [b"\xEF\xBB\xBF", body].concat()),
    ));
    faults.push(Fault::new(
        "F-16",
        "byte-order-mark-twice",
        dressed(&fhir, |body| [b"\xEF\xBB\xBF\xEF\xBB\xBF", body].concat()),
    ));
    for (name, spoil) in [
        ("utf-8-invalid", (|body| spoilt(body, b"\xFF\xFE")) as fn(&[u8]) -> Vec<u8>),
        ("utf-8-overlong", |body| spoilt(body, b"\xC0\xAF")),
        ("surrogate-alone", |body| spoilt(body, b"\\ud800")),
    ] {
        faults.push(Fault::new("F-17", name, dressed(&fhir, spoil)));
    }
    let yesterday = [("content-type", FHIR), ("date", "Wed, 14 Jan 2026 09:30:00 GMT")];
    faults.push(Fault::new("F-36", "date-off", dressed(&yesterday, as_it_is)));
    faults
}

fn encodings() -> Vec<Fault> {
    const GZIP: [(&str, &str); 2] = [("content-type", FHIR), ("content-encoding", "gzip")];
    const NONE: [(&str, &str); 1] = [("content-type", FHIR)];
    type Form = (&'static str, &'static [(&'static str, &'static str)], fn(&[u8]) -> Vec<u8>);
    let forms: [Form; 10] = [
        ("gzip-no-magic", &GZIP, |body| altered(gzip(body), 0)),
        ("gzip-bad-crc", &GZIP, |body| altered(gzip(body), gzip(body).len() - 8)),
        ("gzip-bad-length", &GZIP, |body| altered(gzip(body), gzip(body).len() - 1)),
        ("gzip-truncated", &GZIP, |body| gzip(body)[..gzip(body).len() / 2].to_vec()),
        ("gzip-twice", &GZIP, |body| gzip(&gzip(body))),
        ("gzip-two-members", &GZIP, |body| [gzip(body), gzip(body)].concat()),
        ("gzip-trailing-bytes", &GZIP, |body| [gzip(body), b"x".to_vec()].concat()),
        ("deflate", &[("content-type", FHIR), ("content-encoding", "deflate")], deflate),
        ("brotli", &[("content-type", FHIR), ("content-encoding", "br")], <[u8]>::to_vec),
        ("gzip-unlabelled", &NONE, gzip),
    ];
    forms.into_iter().map(|(name, headers, body)| Fault::new("F-18", name, dressed(headers, body))).collect()
}

fn bombs() -> Vec<Fault> {
    let gzip_headers = [("content-type", FHIR), ("content-encoding", "gzip")];
    vec![
        Fault::new("F-19", "gzip-bomb", dressed(&gzip_headers, |_| BOMB.clone())),
        Fault::new(
            "F-19",
            "body-33mb",
            dressed(&[("content-type", FHIR)], |body| [vec![b' '; 33 << 20].as_slice(), body].concat()),
        ),
    ]
}

/// The record with these bytes inside its first text.
fn spoilt(body: &[u8], bytes: &[u8]) -> Vec<u8> {
    let at = body.windows(10).position(|window| window == b"collection").unwrap_or(0);
    [&body[..at], bytes, &body[at..]].concat()
}

fn altered(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] ^= 0x55;
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
