//! What the Spine Secure Proxy does with a request, and then the practice's system behind it.

use std::sync::atomic::Ordering;

use hyper::Response;
use serde_json::Value;
use tokio::time::sleep;

use super::behave;
use super::check::{Asked, Problem, check};
use super::latency::draw;
use super::reply::{self, Payload};
use super::server::{Received, Reply, State, System};
use super::{Behaviour, Bytes, Practice, Seen, manner};

const OPERATION: &str = "/Patient/$gpc.getstructuredrecord";

/// Answers a call: proxy's checks, practice's checks, then its behaviour.
pub(super) async fn respond(state: &State, received: &Received) -> Reply {
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
        Ok((practice, system, asked)) => {
            let trace_id = received.header("ssp-traceid").unwrap_or_default();
            respond_as(state, (practice, system), &asked, trace_id).await
        }
        Err(problem) => Reply::Http(problem.response()),
    }
}

/// The practice that the request is for and what it asks, or the first thing that is wrong.
fn judge<'a>(state: &'a State, received: &Received) -> Result<(&'a Practice, &'a System, Asked), Problem> {
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
    let asked = check(received, practice, |trace_id| state.is_fresh(trace_id))?;
    Ok((practice, system, asked))
}

async fn respond_as(
    state: &State,
    (practice, system): (&Practice, &System),
    asked: &Asked,
    trace_id: &str,
) -> Reply {
    let earlier_calls = system.count_call();
    let _in_flight = system.enter();
    let latency = practice.latency.of(draw(state.count_call()));
    if !latency.is_zero() {
        sleep(latency).await;
    }
    if system.dead.load(Ordering::SeqCst) {
        return Reply::Http(unreachable(practice));
    }
    let behaviour = fault_of(practice, earlier_calls).unwrap_or(&practice.behaviour);
    let patient = match behaviour {
        Behaviour::WrongPatient(other) => other,
        _ => &asked.nhs_number,
    };
    let refusal = match behaviour {
        Behaviour::Refuses(code) => {
            reply::provider_error(403, "forbidden", code, "refused by the simulated practice")
        }
        Behaviour::Unreachable502 => unreachable(practice),
        Behaviour::FlakyThenOk(times) if earlier_calls < *times => unreachable(practice),
        Behaviour::NotFound => not_found(),
        Behaviour::Canned(canned) => reply::canned(canned),
        behaviour => {
            let Some(record) = state.config.record(practice, patient) else {
                return Reply::Http(not_found());
            };
            let record = match &practice.manner {
                Some(manner) => Bytes::from(manner::answer(&record, asked, manner, trace_id)),
                None => record,
            };
            return behave::answer(behaviour, &record, &system.dead).await;
        }
    };
    Reply::Http(refusal)
}

/// What happens to a call instead of the usual, if it is one of those: the same ones in every run.
fn fault_of(practice: &Practice, call: usize) -> Option<&Behaviour> {
    let (per_thousand, faults) = &practice.faults;
    // The practice's name makes another draw of the same call's number.
    let seed = practice.ods.bytes().fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let bits = draw(seed.wrapping_add(call as u64));
    let struck = bits % 1000 < u64::from(*per_thousand) && !faults.is_empty();
    struck.then(|| &faults[(bits / 1000) as usize % faults.len()])
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
