//! Records that are JSON and are not as they should be: rows F-20, F-21, F-25 to F-35, F-37.

use serde_json::{Value, json};

use super::Fault;
use super::edit::edit;
use crate::provider::Behaviour;

pub(super) fn faults() -> Vec<Fault> {
    [limits(), duplicates(), warnings(), patients(), demographics(), bundles(), resources()].concat()
}

fn altered(row: &'static str, name: &str, alter: fn(&[u8]) -> Vec<u8>) -> Fault {
    Fault::new(row, name, Behaviour::altered(alter))
}

fn limits() -> Vec<Fault> {
    vec![
        altered("F-20", "depth-65", |body| with_note(body, &format!("{}{}", "[".repeat(65), "]".repeat(65)))),
        altered("F-20", "tokens-2000001", |body| with_note(body, &format!("[{}0]", "0,".repeat(2_000_000)))),
        altered("F-20", "string-over-1mb", |body| {
            with_note(body, &format!("\"{}\"", "x".repeat((1 << 20) + 1)))
        }),
        altered("F-20", "keys-513", |body| {
            let keys: Vec<String> = (0..513).map(|key| format!("\"k{key}\":0")).collect();
            with_note(body, &format!("{{{}}}", keys.join(",")))
        }),
        altered("F-20", "entries-50001", |body| {
            edit(body, |bundle| {
                let flag = json!({ "resource": { "resourceType": "Flag" } });
                entries(bundle).extend(vec![flag; 50_001]);
            })
        }),
    ]
}

fn duplicates() -> Vec<Fault> {
    vec![
        altered("F-21", "key-twice-at-the-top", |body| with_note(body, "1,\"note\":2")),
        altered("F-21", "type-twice", |body| replace(body, r#""resourceType":"Patient""#, 2)),
        altered("F-21", "status-twice", |body| replace(body, r#""status":"current""#, 2)),
    ]
}

fn warnings() -> Vec<Fault> {
    vec![
        altered("F-25", "one-area-unsupported", |body| {
            deny(
                body,
                &[("includeProblems", "includeProblems is an unrecognised parameter", "717711000000103")],
            )
        }),
        altered("F-25", "one-area-disabled", |body| {
            deny(body, &[("includeProblems", "includeProblems has been disabled", "717711000000103")])
        }),
        altered("F-25", "part-unsupported", |body| {
            deny(
                body,
                &[(
                    "includeMedication.includePrescriptionIssues",
                    "includeMedication.includePrescriptionIssues is an unrecognised parameter",
                    "",
                )],
            )
        }),
        altered("F-25", "part-misplaced", |body| {
            let words = "includeProblems.includePrescriptionIssues is an unrecognised parameter";
            deny(body, &[("includeProblems.includePrescriptionIssues", words, "")])
        }),
        altered("F-25", "documents-disabled", |body| {
            deny(body, &[("DocumentReferences", "DocumentReferences has been disabled", "")])
        }),
        altered("F-25", "one-unsupported-one-disabled", |body| {
            deny(
                body,
                &[
                    ("includeProblems", "includeProblems is an unrecognised parameter", "717711000000103"),
                    ("includeConsultations", "includeConsultations has been disabled", "1149501000000101"),
                ],
            )
        }),
        altered("F-25", "blank-with-warning", |body| edit(body, blank)),
        altered("F-25", "all-areas-unsupported", |body| {
            deny(
                body,
                &[
                    ("includeAllergies", "includeAllergies is an unrecognised parameter", "886921000000105"),
                    (
                        "includeMedication",
                        "includeMedication is an unrecognised parameter",
                        "933361000000108",
                    ),
                    ("includeProblems", "includeProblems is an unrecognised parameter", "717711000000103"),
                    (
                        "includeConsultations",
                        "includeConsultations is an unrecognised parameter",
                        "1149501000000101",
                    ),
                ],
            )
        }),
    ]
}

fn patients() -> Vec<Fault> {
    vec![
        altered("F-26", "patient-missing", |body| {
            edit(body, |bundle| {
                entries(bundle).retain(|entry| entry["resource"]["resourceType"] != "Patient")
            })
        }),
        altered("F-26", "patient-twice", |body| {
            edit(body, |bundle| {
                let mut second = patient(bundle).clone();
                second["id"] = json!("second");
                second["identifier"][0]["value"] = json!("9990000026");
                entries(bundle).push(json!({ "resource": second }));
            })
        }),
        altered("F-26", "patient-other-number", |body| numbered(body, json!("9990000026"))),
        altered("F-26", "patient-no-number", |body| {
            edit(body, |bundle| drop(patient(bundle)["identifier"].take()))
        }),
        altered("F-26", "patient-number-spaced", |body| {
            edit(body, |bundle| {
                let value = &mut patient(bundle)["identifier"][0]["value"];
                let number = value.as_str().unwrap_or_default();
                *value = json!(format!("{} {} {}", &number[..3], &number[3..6], &number[6..]));
            })
        }),
        altered("F-26", "patient-number-invalid", |body| numbered(body, json!("9990000019"))),
        altered("F-26", "patient-number-unk", |body| numbered(body, json!("UNK"))),
    ]
}

fn demographics() -> Vec<Fault> {
    vec![
        altered("F-27", "family-differs", |body| named(body, "family", json!("Otherton"))),
        altered("F-27", "given-differs", |body| named(body, "given", json!(["Olga"]))),
        altered("F-27", "gender-differs", |body| {
            edit(body, |bundle| patient(bundle)["gender"] = json!("other"))
        }),
        altered("F-27", "birth-date-differs", |body| born(body, json!("1901-01-01"))),
        altered("F-27", "birth-date-partial", |body| born(body, json!("1950"))),
        altered("F-27", "birth-date-missing", |body| born(body, Value::Null)),
        altered("F-27", "practice-differs", |body| {
            edit(body, |bundle| {
                for entry in entries(bundle) {
                    if entry["resource"]["resourceType"] == "Organization" {
                        entry["resource"]["identifier"][0]["value"] = json!("Z99999");
                    }
                }
            })
        }),
        altered("F-27", "name-case-differs", |body| {
            edit(body, |bundle| {
                let family = &mut patient(bundle)["name"][0]["family"];
                *family = json!(family.as_str().unwrap_or_default().to_uppercase());
            })
        }),
    ]
}

fn bundles() -> Vec<Fault> {
    vec![
        altered("F-28", "searchset", |body| edit(body, |bundle| bundle["type"] = json!("searchset"))),
        altered("F-28", "total-and-next", |body| {
            edit(body, |bundle| {
                bundle["total"] = json!(7);
                bundle["link"] = json!([{ "relation": "next", "url": "https://gp.provider.example/next" }]);
            })
        }),
        altered("F-37", "bundle-id-other", |body| {
            edit(body, |bundle| bundle["id"] = json!("11111111-2222-4333-8444-555555555555"))
        }),
    ]
}

fn resources() -> Vec<Fault> {
    vec![
        altered("F-29", "id-twice", |body| {
            edit(body, |bundle| {
                let again = entries(bundle).clone();
                entries(bundle).extend(again);
            })
        }),
        altered("F-29", "id-hostile", |body| {
            edit(body, |bundle| {
                for entry in
                    entries(bundle).iter_mut().filter(|entry| entry["resource"]["resourceType"] == "List")
                {
                    entry["resource"]["id"] = json!("../../%2f");
                }
            })
        }),
        altered("F-30", "list-names-what-is-not-there", |body| {
            edit(body, |bundle| {
                for entry in
                    entries(bundle).iter_mut().filter(|entry| entry["resource"]["resourceType"] == "List")
                {
                    entry["resource"]["entry"] =
                        json!([{ "item": { "reference": "AllergyIntolerance/gone" } }]);
                }
            })
        }),
        altered("F-31", "list-missing", |body| without_list(body, "717711000000103")),
        altered("F-32", "foreign-subject", |body| {
            with_entry(
                body,
                json!({ "resourceType": "AllergyIntolerance", "id": "foreign",
                "code": { "text": "Foreign" }, "patient": { "reference": "Patient/somebody-else" } }),
            )
        }),
        altered("F-33", "reference-to-itself", |body| {
            with_entry(
                body,
                json!({ "resourceType": "MedicationRequest", "id": "self", "intent": "plan",
                "basedOn": [{ "reference": "MedicationRequest/self" }],
                "priorPrescription": { "reference": "MedicationRequest/self" } }),
            )
        }),
        altered("F-34", "unknown-type", |body| {
            with_entry(
                body,
                json!({ "resourceType": "Spaceship", "id": "s", "modifierExtension": [{ "url": "x" }] }),
            )
        }),
        altered("F-35", "status-unknown", |body| {
            with_entry(
                body,
                json!({ "resourceType": "AllergyIntolerance", "id": "odd", "clinicalStatus": "perhaps",
                "verificationStatus": "entered-in-error", "code": { "text": "Odd" },
                "patient": { "reference": "Patient/p" } }),
            )
        }),
    ]
}

/// The entries, an empty list where there are none.
fn entries(bundle: &mut Value) -> &mut Vec<Value> {
    let entry = &mut bundle["entry"];
    if !entry.is_array() {
        *entry = json!([]);
    }
    // It is an array by now.
    entry.as_array_mut().expect("an array")
}

/// The first patient's resource, or nothing at all.
fn patient(bundle: &mut Value) -> &mut Value {
    let mut all = entries(bundle).iter().map(|entry| &entry["resource"]["resourceType"]);
    let index = all.position(|kind| kind == "Patient").unwrap_or(0);
    &mut bundle["entry"][index]["resource"]
}

fn numbered(body: &[u8], number: Value) -> Vec<u8> {
    edit(body, |bundle| patient(bundle)["identifier"][0]["value"] = number)
}

fn named(body: &[u8], part: &str, value: Value) -> Vec<u8> {
    edit(body, |bundle| patient(bundle)["name"][0][part] = value)
}

fn born(body: &[u8], date: Value) -> Vec<u8> {
    edit(body, |bundle| patient(bundle)["birthDate"] = date)
}

fn with_entry(body: &[u8], resource: Value) -> Vec<u8> {
    edit(body, |bundle| entries(bundle).push(json!({ "resource": resource })))
}

fn without_list(body: &[u8], code: &str) -> Vec<u8> {
    edit(body, |bundle| {
        entries(bundle).retain(|entry| entry["resource"]["code"]["coding"][0]["code"] != code);
    })
}

/// Without the lists of the areas, and with an OperationOutcome that says why.
fn deny(body: &[u8], denials: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut body = body.to_vec();
    for (_, _, list) in denials {
        body = without_list(&body, list);
    }
    let system = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1";
    let issues: Vec<Value> = denials
        .iter()
        .map(|(parameter, words, _)| {
            json!({ "severity": "warning", "code": "not-supported", "diagnostics": parameter,
                "details": { "text": words, "coding": [{ "system": system, "code": "NOT_IMPLEMENTED" }] } })
        })
        .collect();
    with_entry(&body, json!({ "resourceType": "OperationOutcome", "id": "oo", "issue": issues }))
}

/// What a dissent may look like in place of a refusal: no clinical content, and a warning on every list (`retrieve`
/// sheet, section 9).
fn blank(bundle: &mut Value) {
    let warning = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-ListWarningCode-1";
    let blank = ["Patient", "Organization", "Practitioner", "List"];
    entries(bundle).retain(|entry| blank.iter().any(|kind| entry["resource"]["resourceType"] == *kind));
    let lists = entries(bundle).iter_mut().map(|entry| &mut entry["resource"]);
    for list in lists.filter(|resource| resource["resourceType"] == "List") {
        list["entry"] = json!([]);
        list["extension"] = json!([{ "url": warning, "valueCode": "confidential-items" }]);
        let words = "Items excluded due to confidentiality and/or patient preferences.";
        list["note"] = json!([{ "text": words }]);
    }
}

/// The bundle with a member `note` of that JSON text.
fn with_note(body: &[u8], json: &str) -> Vec<u8> {
    let rest = body.iter().position(|byte| *byte == b'{').map_or(body, |start| &body[start + 1..]);
    [b"{\"note\":", json.as_bytes(), b",", rest].concat()
}

/// The record with the first such text standing so many times, commas between.
fn replace(body: &[u8], text: &str, times: usize) -> Vec<u8> {
    let record = edit(body, |_| ());
    String::from_utf8_lossy(&record).replacen(text, &vec![text; times].join(","), 1).into_bytes()
}
