use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Manner, Scope, lists, reach};
use crate::generate::Supplier;
use crate::provider::check::Asked;

/// A record, its resources as they were written.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    entry: Vec<Written<'a>>,
}

#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    resource: &'a RawValue,
}

/// A resource, read and as it was written.
pub(super) struct Resource<'a> {
    pub(super) read: Value,
    text: &'a str,
}

impl Resource<'_> {
    /// Its type.
    pub(super) fn kind(&self) -> &str {
        self.read["resourceType"].as_str().unwrap_or_default()
    }

    /// The code of a list.
    pub(super) fn code(&self) -> &str {
        self.read["code"]["coding"][0]["code"].as_str().unwrap_or_default()
    }

    /// Whether it is a list that answers a query, which has no id (`bundle` sheet, section 6).
    pub(super) fn is_query_list(&self) -> bool {
        self.kind() == "List" && self.read["id"].is_null()
    }
}

/// What the system answers out of a whole record: the lists of the areas that were asked for, what they lead to, and a
/// warning for each area that is not answered. Filters by date or number are checked and not applied. What is no record
/// is sent as it is.
pub(in super::super) fn answer(record: &[u8], asked: &Asked, manner: &Manner, trace_id: &str) -> Vec<u8> {
    let Ok(whole) = serde_json::from_slice::<Record<'_>>(record) else { return record.to_vec() };
    let scope = Scope::of(asked, manner);
    let resources = whole.entry.iter().map(|entry| entry.resource.get());
    let mut resources: Vec<Resource<'_>> = resources
        .map(|text| Resource { read: serde_json::from_str(text).unwrap_or_default(), text })
        .filter(|resource| resource.kind() != "OperationOutcome")
        .collect();
    let changed: Vec<bool> =
        resources.iter_mut().map(|resource| lists::answered(&mut resource.read, &scope)).collect();
    let kept = reach::kept(&resources, &scope);
    let mut entries: Vec<String> = Vec::new();
    for ((resource, changed), kept) in resources.iter().zip(changed).zip(kept) {
        match (kept, changed) {
            (true, true) => entries.push(resource.read.to_string()),
            (true, false) => entries.push(resource.text.to_owned()),
            (false, _) => {}
        }
    }
    entries.extend(lists::missing(&resources, &scope).iter().map(Value::to_string));
    entries.extend(warnings(&scope).map(|outcome| outcome.to_string()));
    bundle(manner.supplier, trace_id, &entries).into_bytes()
}

fn bundle(supplier: Supplier, trace_id: &str, entries: &[String]) -> String {
    let id = if echoes(supplier, trace_id) { format!(r#""id":"{trace_id}","#) } else { String::new() };
    let profile = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-StructuredRecord-Bundle-1";
    let entries: Vec<String> = entries.iter().map(|text| format!("{{\"resource\":{text}}}")).collect();
    format!(
        r#"{{"resourceType":"Bundle",{id}"meta":{{"profile":["{profile}"]}},"type":"collection","entry":[{}]}}"#,
        entries.join(",")
    )
}

/// Whether the bundle's id is the request's trace id: it always should be, and is in 18 of 32 answers of EMIS
/// (`real-data` sheet, section 2). Which ones follows from the id, so that an answer can be had again.
fn echoes(supplier: Supplier, trace_id: &str) -> bool {
    let sum = trace_id.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    supplier != Supplier::Emis || sum % 32 < 18
}

/// One issue for each thing that is not answered, in at most one OperationOutcome (`retrieve` sheet, section 8).
fn warnings(scope: &Scope<'_>) -> Option<Value> {
    let system = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1";
    let issue = |(name, words): &(String, String)| {
        json!({ "severity": "warning", "code": "not-supported", "diagnostics": name, "details": { "text": words,
            "coding": [{ "system": system, "code": "NOT_IMPLEMENTED", "display": "Not implemented" }] } })
    };
    let issues: Vec<Value> = scope.denied.iter().map(issue).collect();
    let profile = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-OperationOutcome-1";
    (!issues.is_empty()).then(
        || json!({ "resourceType": "OperationOutcome", "meta": { "profile": [profile] }, "issue": issues }),
    )
}
