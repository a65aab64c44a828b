//! The lists of an answer: their warnings, and what they look like when there is nothing in them (`bundle` sheet,
//! sections 6 to 9).

use jiff::civil::Date;
use serde_json::{Value, json};

use super::answer::Resource;
use super::{Area, Scope};
use crate::generate::Supplier;

const STRUCTURE: &str = "https://fhir.nhs.uk/STU3/StructureDefinition/";
const WITHHELD: &str = "Items excluded due to confidentiality and/or patient preferences.";

/// Puts into a list that answers a query what the practice has to say of it. Whether anything was changed.
pub(super) fn answered(list: &mut Value, scope: &Scope<'_>) -> bool {
    if list["resourceType"] != "List" || !list["id"].is_null() {
        return false;
    }
    let area = scope.list(list["code"]["coding"][0]["code"].as_str().unwrap_or_default());
    let withheld = area.is_some_and(|area| scope.withholds(area));
    if withheld {
        empty(list, scope.manner.supplier);
    }
    let warnings = warnings(scope, withheld);
    for (code, words) in &warnings {
        warn(list, code, words);
    }
    withheld || !warnings.is_empty()
}

/// The lists that were asked for and that the record does not have, empty: there is exactly one for each area.
pub(super) fn missing(resources: &[Resource<'_>], scope: &Scope<'_>) -> Vec<Value> {
    let has = |area: &Area| {
        resources.iter().any(|resource| resource.is_query_list() && resource.code() == area.code)
    };
    let patient = resources.iter().find(|resource| resource.kind() == "Patient");
    let patient = patient.and_then(|patient| patient.read["id"].as_str()).unwrap_or_default();
    let lists = scope.lists.iter().filter(|area| !has(area));
    lists
        .map(|area| {
            let mut list = nothing(area, patient, scope.manner.supplier);
            for (code, words) in warnings(scope, scope.withholds(area)) {
                warn(&mut list, code, &words);
            }
            list
        })
        .collect()
}

/// What is said of a list: on its way and awaiting filing of all, withheld of its own area's.
fn warnings(scope: &Scope<'_>, withheld: bool) -> Vec<(&'static str, String)> {
    let mut warnings = Vec::new();
    if let Some(day) = scope.manner.in_transit {
        let words = format!(
            "Patient record transfer from previous GP practice not yet complete; information recorded before {} may be \
             missing.",
            written(day)
        );
        warnings.push(("data-in-transit", words));
    }
    if let Some(day) = scope.manner.awaiting_filing {
        let words = format!(
            "Patient record contains some items in the GP practice workflow that have not been reviewed for inclusion in \
             this message; information recorded before {} may be missing.",
            written(day)
        );
        warnings.push(("data-awaiting-filing", words));
    }
    if withheld {
        warnings.push(("confidential-items", WITHHELD.to_owned()));
    }
    warnings
}

/// `dd-Mmm-yyyy`.
fn written(day: Date) -> String {
    day.strftime("%d-%b-%Y").to_string()
}

/// Adds a warning, unless it is there: the code as an extension, its words before whatever the note says.
fn warn(list: &mut Value, code: &str, words: &str) {
    let url = format!("{STRUCTURE}Extension-CareConnect-GPC-ListWarningCode-1");
    let mut extensions = list["extension"].as_array().cloned().unwrap_or_default();
    if extensions.iter().any(|extension| extension["valueCode"] == code) {
        return;
    }
    extensions.push(json!({ "url": url, "valueCode": code }));
    list["extension"] = json!(extensions);
    let note = match list["note"][0]["text"].as_str() {
        Some(note) => format!("{words} {note}"),
        None => words.to_owned(),
    };
    list["note"] = json!([{ "text": note }]);
}

/// Takes everything out of a list.
fn empty(list: &mut Value, supplier: Supplier) {
    let Some(members) = list.as_object_mut() else { return };
    let held = members.remove("entry").is_some();
    members.remove("contained");
    if held {
        members.insert("emptyReason".to_owned(), empty_reason());
        // What the note has said stays: it was of what is there no more, too.
        let said = members.get("note").and_then(|note| note[0]["text"].as_str());
        let note = said.into_iter().chain([supplier.empty_note()]).collect::<Vec<_>>().join(" ");
        members.insert("note".to_owned(), json!([{ "text": note }]));
    }
}

fn empty_reason() -> Value {
    let system = "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-ListEmptyReasonCode-1";
    json!({ "coding": [{ "system": system, "code": "no-content-recorded", "display": "No Content Recorded" }] })
}

fn nothing(area: &Area, patient: &str, supplier: Supplier) -> Value {
    let plural = supplier == Supplier::Medicus && area.title == "Uncategorised data";
    let display = if plural { "Miscellaneous records" } else { area.display };
    let mut list = json!({
        "resourceType": "List",
        "meta": { "profile": [format!("{STRUCTURE}CareConnect-GPC-List-1")] },
        "status": "current",
        "mode": "snapshot",
        "title": area.title,
        "code": { "coding": [{ "system": "http://snomed.info/sct", "code": area.code, "display": display }] },
        "subject": { "reference": format!("Patient/{patient}") },
        "note": [{ "text": supplier.empty_note() }],
        "emptyReason": empty_reason(),
    });
    // TPP and Medicus give their query lists no order (`real-data` sheet, section 8).
    if supplier == Supplier::Emis {
        let system = "http://hl7.org/fhir/list-order";
        list["orderedBy"] = json!({ "coding": [{ "system": system, "code": "event-date" }] });
    }
    list
}
