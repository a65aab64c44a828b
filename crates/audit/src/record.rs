//! The JSON object of a record: the field names and their order are the format of the log.

use std::collections::BTreeMap;

use bedside_model::{Asid, ClinicalArea, NhsNumber, OdsCode, Requester};
use jiff::Timestamp;
use serde::Serialize;

use crate::event::{Detail, Event, EventKind, Outcome, SystemEvent, Verdict};
use crate::hex;

/// Longest text of a user, a purpose or a relationship that a record keeps, in bytes; the rest is cut off.
const MAX_TEXT: usize = 256;

/// A record as it is written, but for its number and time, which [`stamped`] puts first. An intent has no
/// `outcome`; an outcome names its `intent`; what was refused before anything was intended has an `outcome` alone.
#[derive(Serialize)]
pub(crate) struct Record<'a> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    software: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    episode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relationship: Option<&'a str>,
    #[serde(flatten)]
    detail: Facts<'a>,
}

/// Who writes: what the records of one handle have in common.
pub(crate) type Device<'a> = Option<&'a str>;

/// The reason of what the log's volume had no room for.
const LOG_FULL: &str = "log_full";

impl<'a> Record<'a> {
    /// The record of an event, decided already when it has an outcome.
    pub(crate) fn of_event(device: Device<'a>, event: &'a Event<'a>, outcome: Option<&'a Outcome>) -> Self {
        Self {
            outcome: outcome.map(|outcome| outcome.verdict.as_str()),
            reason: outcome.and_then(|outcome| outcome.reason),
            user: Some(User::of(event.requester)),
            patient: event.patient.as_ref().map(|patient| patient.as_str()),
            episode: event.episode,
            purpose: Some(screened(event.purpose)),
            relationship: event.relationship.map(screened),
            ..Self::bare(device, event.kind, outcome.map_or(&event.detail, |outcome| &outcome.detail))
        }
    }

    /// The record of what the system is about to do.
    pub(crate) fn of_system(device: Device<'a>, event: &'a SystemEvent<'a>) -> Self {
        Self {
            patient: event.patient.as_ref().map(|patient| patient.as_str()),
            episode: event.episode,
            ..Self::bare(device, event.kind, &event.detail)
        }
    }

    /// The record of how an intent ended.
    pub(crate) fn of_outcome(
        device: Device<'a>,
        (kind, intent): (EventKind, u64),
        episode: Option<&'a str>,
        outcome: &'a Outcome,
    ) -> Self {
        Self {
            intent: Some(intent),
            outcome: Some(outcome.verdict.as_str()),
            reason: outcome.reason,
            episode,
            ..Self::bare(device, kind, &outcome.detail)
        }
    }

    /// The record that a torn one was removed: how many bytes, and their hash.
    pub(crate) fn of_repair(device: Device<'a>, detail: &'a Detail) -> Self {
        let outcome = Some(Verdict::Ok.as_str());
        Self { outcome, reason: Some("torn_record_removed"), ..Self::bare(device, EventKind::Repair, detail) }
    }

    /// The record that closes a file and names the next.
    pub(crate) fn of_segment(device: Device<'a>, detail: &'a Detail) -> Self {
        let outcome = Some(Verdict::Ok.as_str());
        Self { outcome, reason: Some("segment_closed"), ..Self::bare(device, EventKind::Segment, detail) }
    }

    /// What is recorded in its place when there is no room for it: that it was not permitted, and so not done.
    pub(crate) fn refused_for_room(self) -> Self {
        Self { outcome: Some(Verdict::Blocked.as_str()), reason: Some(LOG_FULL), ..self }
    }

    /// The canonical bytes.
    pub(crate) fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    fn bare(device: Device<'a>, kind: EventKind, detail: &'a Detail) -> Self {
        Self {
            event: kind.as_str(),
            intent: None,
            outcome: None,
            reason: None,
            software: concat!("bedside/", env!("CARGO_PKG_VERSION")),
            device,
            user: None,
            patient: None,
            episode: None,
            purpose: None,
            relationship: None,
            detail: Facts::of(detail),
        }
    }
}

/// The canonical bytes of a record that takes that place in the log at that time.
pub(crate) fn stamped(body: &[u8], seq: u64, at: Timestamp) -> Vec<u8> {
    let mut bytes = format!("{{\"seq\":{seq},\"ts_utc\":\"{at}\",").into_bytes();
    // A body is an object that is not empty: its brace is the one that was just written.
    bytes.extend_from_slice(body.strip_prefix(b"{").unwrap_or(body));
    bytes
}

#[derive(Serialize)]
struct User<'a> {
    id: &'a str,
    sds_id: &'a str,
    name: String,
    role: &'a str,
    role_profile: &'a str,
    organisation: &'a str,
    organisation_name: &'a str,
}

impl<'a> User<'a> {
    fn of(requester: &'a Requester) -> Self {
        let prefix =
            requester.prefix.as_deref().map(|prefix| format!("{} ", capped(prefix))).unwrap_or_default();
        Self {
            id: capped(&requester.user_id),
            sds_id: capped(&requester.sds_user_id),
            name: format!("{prefix}{} {}", capped(&requester.given), capped(&requester.family)),
            role: capped(&requester.role),
            role_profile: capped(&requester.sds_role_profile_id),
            organisation: requester.organisation.as_str(),
            organisation_name: capped(&requester.organisation_name),
        }
    }
}

#[derive(Serialize)]
struct Facts<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_asid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_asid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    practice: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interaction_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    areas_asked: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    areas_returned: Vec<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    rows: &'a BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<u64>,
}

impl<'a> Facts<'a> {
    fn of(detail: &'a Detail) -> Self {
        let names = |areas: &[ClinicalArea]| areas.iter().map(|area| area.as_str()).collect();
        Self {
            trace_id: detail.trace_id.as_deref().map(uuid_or_withheld),
            from_asid: detail.from_asid.as_ref().map(Asid::as_str),
            to_asid: detail.to_asid.as_ref().map(Asid::as_str),
            practice: detail.practice.as_ref().map(OdsCode::as_str),
            interaction_id: detail.interaction_id,
            http_status: detail.http_status,
            error_code: detail.error_code,
            attempts: detail.attempts,
            duration_ms: detail.duration_ms,
            bytes: detail.bytes,
            areas_asked: names(&detail.areas_asked),
            areas_returned: names(&detail.areas_returned),
            rows: &detail.rows,
            generation: detail.generation,
            manifest_sha256: detail.manifest_sha256.map(|hash| hex::encode(&hash)),
            removed_sha256: detail.removed_sha256.map(|hash| hex::encode(&hash)),
            receipt: detail.receipt.map(|receipt| hex::encode(&receipt)),
            cause: detail.cause,
            age_s: detail.age_s,
            key_id: detail.key_id.as_deref().map(screened),
            segment: detail.segment,
        }
    }
}

const WITHHELD: &str = "withheld";

/// A person's words, cut to size; withheld as a whole when they hold an NHS number.
fn screened(text: &str) -> &str {
    if holds_nhs_number(text) { WITHHELD } else { capped(text) }
}

fn capped(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Whether ten digits with a right check digit stand in a text, also when spaces or hyphens divide them.
fn holds_nhs_number(text: &str) -> bool {
    let close: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '\u{a0}' | '.')).collect();
    close
        .split(|c: char| !c.is_ascii_digit())
        .any(|digits| digits.len() == 10 && digits.parse::<NhsNumber>().is_ok())
}

fn uuid_or_withheld(text: &str) -> &str {
    let shaped = text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if shaped { text } else { WITHHELD }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_written_into_a_relationship_are_withheld() {
        for text in ["9990000018", "patient 999 000 0018", "NHS 999-000-0018.", "x9990000018y"] {
            assert_eq!(screened(text), WITHHELD, "{text:?}");
        }
        for text in ["admitting team", "ward 12, bed 9990000019", "call 07700900123 for 999", ""] {
            assert_eq!(screened(text), text);
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "é".repeat(MAX_TEXT);
        assert_eq!(capped(&text).len(), MAX_TEXT);
        assert_eq!(capped(&format!("a{text}")).len(), MAX_TEXT - 1);
    }

    #[test]
    fn a_trace_id_is_a_uuid_or_withheld() {
        let uuid = "3f0e1c52-97a5-4c0a-9d9f-5b1d3f1b7c11";
        assert_eq!(uuid_or_withheld(uuid), uuid);
        for text in
            ["", "9990000018", "3f0e1c52-97a5-4c0a-9d9f-5b1d3f1b7c1x", "3f0e1c5297a5-4c0a-9d9f-5b1d3f1b7c11-"]
        {
            assert_eq!(uuid_or_withheld(text), WITHHELD);
        }
    }
}
