//! The independent checks of a request, in the order in which a practice's system meets its parts. They are
//! stricter than a practice: what the specification lets a provider answer with a warning is an error here,
//! because our client must never send it.

mod parameters;
mod token;

use hyper::Response;
use jiff::Timestamp;

use super::Practice;
use super::reply::{self, Payload};
use super::server::Received;

pub(super) use parameters::Asked;
pub(super) use token::claims;

const FHIR_JSON: &str = "application/fhir+json;charset=utf-8";
const INTERACTION: &str = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1";

/// The headers that a call has, in lower case; `None` is any value here, checked elsewhere or by hyper.
const HEADERS: [(&str, Option<&str>); 10] = [
    ("host", None),
    ("accept", Some(FHIR_JSON)),
    ("content-type", Some(FHIR_JSON)),
    ("accept-encoding", Some("gzip")),
    ("content-length", None),
    ("authorization", None),
    ("ssp-traceid", None),
    ("ssp-from", None),
    ("ssp-to", None),
    ("ssp-interactionid", Some(INTERACTION)),
];

/// One thing wrong with a request, and how it is answered.
#[derive(Debug)]
pub(super) struct Problem {
    status: u16,
    issue: &'static str,
    /// The Spine code; `None` is an error of the proxy, which has none.
    code: Option<&'static str>,
    text: String,
}

impl Problem {
    pub(super) fn proxy(status: u16, issue: &'static str, text: String) -> Self {
        Self { status, issue, code: None, text }
    }

    fn bad_request(text: impl Into<String>) -> Self {
        Self { status: 400, issue: "invalid", code: Some("BAD_REQUEST"), text: text.into() }
    }

    fn invalid(code: &'static str, text: impl Into<String>) -> Self {
        Self { status: 422, issue: "invalid", code: Some(code), text: text.into() }
    }

    fn nhs_number(code: &'static str, text: &str) -> Self {
        Self { status: 400, issue: "value", code: Some(code), text: text.to_owned() }
    }

    pub(super) fn text(&self) -> String {
        self.text.clone()
    }

    pub(super) fn response(&self) -> Response<Payload> {
        match self.code {
            Some(code) => reply::provider_error(self.status, self.issue, code, &self.text),
            None => reply::proxy_error(self.status, self.issue, &self.text),
        }
    }
}

/// What is asked for, or the first thing that is wrong. `is_fresh` tells whether a trace id is new.
pub(super) fn check(
    received: &Received,
    practice: &Practice,
    is_fresh: impl Fn(&str) -> bool,
) -> Result<Asked, Problem> {
    headers(received)?;
    let trace_id = received.header("ssp-traceid").unwrap_or_default();
    if !is_lower_case_uuid(trace_id) {
        return Err(Problem::bad_request("Ssp-TraceID is not a UUID in lower case"));
    }
    if !is_fresh(trace_id) {
        return Err(Problem::bad_request("Ssp-TraceID was used before"));
    }
    let now = Timestamp::now();
    token::check(received.header("authorization").unwrap_or_default(), practice, now.as_second())?;
    let body = received.json().ok_or_else(|| Problem::bad_request("the body is not JSON"))?;
    let unknown =
        if practice.manner.is_some() { parameters::Unknown::Noted } else { parameters::Unknown::Refused };
    parameters::check(&body, parameters::today(now)?, unknown)
}

fn headers(received: &Received) -> Result<(), Problem> {
    for (name, _) in &received.headers {
        if !HEADERS.iter().any(|(known, _)| known == name) {
            return Err(Problem::bad_request(format!("the header {name} has no place here")));
        }
    }
    // The proxy or the practice, whoever reads it first, calls this one a media type (`retrieve` sheet, section 9).
    if received.header("content-type").is_some_and(|kind| kind != FHIR_JSON) {
        let text = "the header content-type has another value than it must";
        return Err(Problem { status: 415, ..Problem::bad_request(text) });
    }
    for (name, wanted) in &HEADERS {
        let Some(value) = received.header(name) else {
            return Err(Problem::bad_request(format!("the header {name} does not come exactly once")));
        };
        if wanted.is_some_and(|wanted| wanted != value) {
            return Err(Problem::bad_request(format!("the header {name} has another value than it must")));
        }
    }
    Ok(())
}

fn is_lower_case_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let digits = |group: &&str| group.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(digits)
}

/// What a body asks of a practice that warns of what it does not know.
#[cfg(test)]
pub(super) fn asked(body: &serde_json::Value) -> Result<Asked, Problem> {
    parameters::check(body, jiff::civil::date(2026, 1, 15), parameters::Unknown::Noted)
}
