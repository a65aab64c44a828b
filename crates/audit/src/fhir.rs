//! Events of the log as FHIR STU3 `AuditEvent` resources, for an audit repository that speaks it (`security` sheet,
//! section 6). The log itself stays the evidence: the chain's numbers travel along as an extension.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Map, Value, json};

use crate::entry::{Access, Entry, EntryUser};

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
const OBJECT_TYPE: &str = "http://hl7.org/fhir/object-type";
const OBJECT_ROLE: &str = "http://hl7.org/fhir/object-role";
const LIFECYCLE: &str = "http://hl7.org/fhir/dicom-audit-lifecycle";
const ACT_REASON: &str = "http://hl7.org/fhir/v3/ActReason";
const SOURCE_TYPE: &str = "http://hl7.org/fhir/security-source-type";
const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
/// Names within this log: its events, pseudonyms, episodes and chain. They resolve to nothing and need not.
const EVENT: &str = "urn:bedside:audit:event";
const PSEUDONYM: &str = "urn:bedside:audit:patient-pseudonym";
const EPISODE: &str = "urn:bedside:audit:episode-tag";
const USER: &str = "urn:bedside:audit:user";
const CHAIN: &str = "urn:bedside:audit:record-number";

/// The event as one resource.
pub fn audit_event(access: &Access) -> Value {
    let entry = &access.entry;
    let mut resource = json!({
        "resourceType": "AuditEvent",
        "extension": chain(access),
        "type": type_of(&entry.event),
        "subtype": subtypes(entry),
        "action": action(&entry.event),
        "recorded": entry.ts_utc,
        "outcome": outcome(access.verdict()),
        "agent": agents(entry),
        "source": source(entry),
    });
    if let Value::Object(resource) = &mut resource {
        optional(resource, access);
    }
    resource
}

/// What an event need not have.
fn optional(resource: &mut Map<String, Value>, access: &Access) {
    if let Some(reason) = access.reason() {
        resource.insert("outcomeDesc".into(), json!(reason));
    }
    if access.entry.purpose.as_deref() == Some("directcare") {
        resource.insert("purposeOfEvent".into(), json!([{"coding": [coding(ACT_REASON, "TREAT")]}]));
    }
    let entities = entities(access);
    if !entities.is_empty() {
        resource.insert("entity".into(), Value::Array(entities));
    }
}

/// The numbers of the records that this event is made of.
fn chain(access: &Access) -> Vec<Value> {
    let numbers = [Some(access.entry.seq), access.outcome.as_ref().map(|outcome| outcome.seq)];
    // A JSON number holds 2^53 and FHIR's integer 2^31; the text holds them all.
    let extension = |seq: u64| json!({"url": CHAIN, "valueString": seq.to_string()});
    numbers.into_iter().flatten().map(extension).collect()
}

fn coding(system: &str, code: &str) -> Value {
    json!({"system": system, "code": code})
}

fn type_of(event: &str) -> Value {
    let (code, display) = match event {
        "fetch" => ("110112", "Query"),
        "commit" | "grant" | "read" | "purge" => ("110110", "Patient Record"),
        "repair" | "segment" => ("110101", "Audit Log Used"),
        _ => ("110100", "Application Activity"),
    };
    json!({"system": DICOM, "code": code, "display": display})
}

fn subtypes(entry: &Entry) -> Vec<Value> {
    let mut subtypes = vec![coding(EVENT, &entry.event)];
    if let Some(interaction) = &entry.interaction_id {
        subtypes.push(json!({"system": INTERACTION, "code": "operation", "display": interaction}));
    }
    subtypes
}

fn action(event: &str) -> &'static str {
    match event {
        "commit" => "C",
        "read" => "R",
        "purge" => "D",
        "discharge" | "confirm" | "hold" | "rewrap" => "U",
        _ => "E",
    }
}

/// Success; minor failure for what was refused, serious for what failed, major for what nobody knows the end of.
fn outcome(verdict: &str) -> &'static str {
    match verdict {
        "ok" => "0",
        "blocked" => "4",
        "failed" => "8",
        _ => "12",
    }
}

fn agents(entry: &Entry) -> Vec<Value> {
    let system = entry.device.as_deref().unwrap_or(&entry.software);
    let system =
        |requestor| json!({"userId": {"value": system}, "name": entry.software, "requestor": requestor});
    match &entry.user {
        Some(user) => vec![person(user), system(false)],
        None => vec![system(true)],
    }
}

fn person(user: &EntryUser) -> Value {
    json!({
        "role": [{"text": user.role}],
        "userId": {"system": USER, "value": user.id},
        "altId": user.sds_id,
        "name": user.name,
        "requestor": true,
        "location": {"identifier": {"system": ODS, "value": user.organisation}, "display": user.organisation_name}
    })
}

fn source(entry: &Entry) -> Value {
    let site = entry.user.as_ref().map(|user| user.organisation.as_str());
    let mut source = json!({
        "identifier": {"value": entry.device.as_deref().unwrap_or(&entry.software)},
        "type": [coding(SOURCE_TYPE, "4")],
    });
    if let (Value::Object(source), Some(site)) = (&mut source, site) {
        source.insert("site".into(), json!(site));
    }
    source
}

fn entities(access: &Access) -> Vec<Value> {
    let entry = &access.entry;
    let mut entities = Vec::new();
    if let Some(patient) = &entry.patient {
        entities.push(json!({
            "identifier": {"system": PSEUDONYM, "value": patient},
            "type": coding(OBJECT_TYPE, "1"),
            "role": coding(OBJECT_ROLE, "1"),
        }));
    }
    if let Some(episode) = &entry.episode {
        let mut record = json!({
            "identifier": {"system": EPISODE, "value": episode},
            "type": coding(OBJECT_TYPE, "2"),
            "role": coding(OBJECT_ROLE, "4"),
            "detail": details(access),
        });
        if let (Value::Object(record), "purge") = (&mut record, entry.event.as_str()) {
            record.insert("lifecycle".into(), coding(LIFECYCLE, "15"));
        }
        if let (Value::Object(record), Some(trace_id)) = (&mut record, &entry.trace_id) {
            record.insert("name".into(), json!(trace_id));
        }
        entities.push(record);
    }
    entities
}

/// Counts, hashes and codes; the values of details are base64 in STU3.
fn details(access: &Access) -> Vec<Value> {
    let ended = access.outcome.as_ref().unwrap_or(&access.entry);
    let rows = ended.rows.iter().map(|(table, rows)| (format!("rows.{table}"), rows.to_string()));
    let facts = [
        ("generation", ended.generation.map(|number| number.to_string())),
        ("bytes", ended.bytes.map(|bytes| bytes.to_string())),
        ("age_s", ended.age_s.map(|age| age.to_string())),
        ("manifest_sha256", ended.manifest_sha256.clone()),
        ("receipt", ended.receipt.clone()),
        ("trace_id", ended.trace_id.clone()),
        ("practice", access.entry.practice.clone()),
        ("relationship", access.entry.relationship.clone()),
    ];
    let facts = facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    facts
        .chain(rows)
        .map(|(name, value)| json!({"type": name, "value": BASE64_STANDARD.encode(value)}))
        .collect()
}
