//! What the Spine Secure Proxy does with a request, and then the practice's system behind it.

use std::sync::atomic::Ordering;

use hyper::Response;
use serde_json::Value;

use super::check::{Problem, check};
use super::reply::{self, Payload};
use super::server::{Received, State, System};
use super::{Behaviour, Practice, Seen};

const OPERATION: &str = "/Patient/$gpc.getstructuredrecord";

/// Answers a call: proxy's checks, practice's checks, then its behaviour.
pub(super) async fn respond(state: &State, received: &Received) -> Response<Payload> {
    let judged = judge(state, received);
    state.record(Seen {
        method: received.method.clone(),
        target: received.target.clone(),
        headers: received.headers.clone(),
        claims: received.header("authorization").and_then(super::check::claims),
        body: serde_json::from_slice(&received.body).ok(),
        problem: judged.as_ref().err().map(Problem::text),
    });
    match judged {
        Ok((practice, system, nhs_number)) => behave(state, practice, system, &nhs_number).await,
        Err(problem) => problem.response(),
    }
}

/// The practice that the request is for and the patient's NHS number, or the first thing that is wrong.
fn judge<'a>(state: &'a State, received: &Received) -> Result<(&'a Practice, &'a System, String), Problem> {
    if received.method != "POST" {
        return Err(Problem::proxy(405, "not-supported", "405: Method Not Allowed".to_owned()));
    }
    let from = received.header("ssp-from").unwrap_or_default();
    if from != state.config.consumer_asid {
        return Err(Problem::proxy(403, "forbidden", format!("ASID_CHECK_FAILED_MESSAGESENDER_{from}")));
    }
    // Byte for byte, as SSP compares with SDS: no normalising of case, ports or slashes.
    let root = received.target.strip_prefix('/').and_then(|target| target.strip_suffix(OPERATION));
    let Some((practice, system)) =
        state.systems().find(|(practice, _)| Some(&*practice.service_root) == root)
    else {
        let display = format!("ENDPOINT_none_CPAID_none_VARIES_FROM_TARGETURL_{}", received.target);
        return Err(Problem::proxy(400, "invalid", display));
    };
    let to = received.header("ssp-to").unwrap_or_default();
    if to != practice.asid {
        let display = format!("PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_{to}");
        return Err(Problem::proxy(403, "forbidden", display));
    }
    let nhs_number = check(received, practice, |trace_id| state.is_fresh(trace_id))?;
    Ok((practice, system, nhs_number))
}

async fn behave(state: &State, practice: &Practice, system: &System, nhs_number: &str) -> Response<Payload> {
    let earlier_calls = system.count_call();
    if system.dead.load(Ordering::SeqCst) {
        return unreachable(practice);
    }
    let patient = match &practice.behaviour {
        Behaviour::Refuses(code) => {
            return reply::provider_error(403, "forbidden", code, "refused by the simulated practice");
        }
        Behaviour::NotFound => return not_found(),
        Behaviour::Unreachable502 => return unreachable(practice),
        Behaviour::FlakyThenOk(times) if earlier_calls < *times => return unreachable(practice),
        Behaviour::Canned(canned) => return reply::canned(canned),
        Behaviour::WrongPatient(other) => other,
        Behaviour::Slow(latency) => {
            tokio::time::sleep(*latency).await;
            nhs_number
        }
        Behaviour::Normal | Behaviour::GzipChunked | Behaviour::CutHalfWay | Behaviour::FlakyThenOk(_) => {
            nhs_number
        }
    };
    let Some(record) = (state.config.records)(patient) else { return not_found() };
    match practice.behaviour {
        Behaviour::GzipChunked => reply::gzipped_record(&record, &system.dead),
        Behaviour::CutHalfWay => reply::half_record(&record),
        _ => reply::record(&record, &system.dead),
    }
}

fn not_found() -> Response<Payload> {
    reply::provider_error(404, "not-found", "PATIENT_NOT_FOUND", "no such patient at the simulated practice")
}

fn unreachable(practice: &Practice) -> Response<Payload> {
    let display = format!("ERROR_COMMUNICATING_TO_ENDPOINT_URL_{}", practice.service_root);
    reply::proxy_error(502, "transient", &display)
}

impl Received {
    /// The value of a header that comes exactly once, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}
