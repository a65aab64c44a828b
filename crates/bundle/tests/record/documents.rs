//! JSON as it comes: around the entries, in odd entries, and extensions under every host and spelling (contract,
//! rule 1; `real-data` sheet, sections 2, 10 and 13).

use bedside_bundle::{Feed, Record, normalise};
use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::*;
use crate::support;

/// The record of a document, read whole and byte by byte, which is the same.
fn read(document: &str) -> Record {
    let whole = normalise(document.as_bytes(), &support::options()).expect("a bundle");
    let mut feed = Feed::new(support::options());
    document.as_bytes().chunks(1).for_each(|byte| feed.push(byte).expect("a bundle"));
    let fed = feed.finish().expect("a bundle");
    assert!(whole.tables().eq(fed.tables()) && whole.accounting == fed.accounting, "{document}");
    assert_eq!(whole.envelope, fed.envelope);
    whole
}

fn codes(record: &Record) -> Vec<String> {
    let notices = support::column(record.table(Table::Notices), "code").flatten();
    notices.filter(|code| code != "missing_element").collect()
}

#[test]
fn what_stands_around_the_entries_counts_for_nothing_in_any_order() {
    let entries = r#"[{"fullUrl":"urn:x","search":{"mode":"match"},"resource":{"id":"c","resourceType":"Condition"},"link":[]}]"#;
    for document in [
        format!(r#"{{"resourceType":"Bundle","type":"collection","entry":{entries}}}"#),
        format!(
            r#"{{"entry":{entries},"type":"searchset","total":1,"resourceType":"Bundle","id":"trace","meta":{{"entry":[1]}}}}"#
        ),
        format!(
            "\u{feff}\r\n{{\"\\u0065ntry\"\r\n:\t{entries},\"signature\":{{}},\"resourceType\":\"Bundle\",\"link\":[\"entry\"]}}\r\n"
        ),
    ] {
        let record = read(&document);
        assert_eq!(
            support::column(record.table(Table::Problems), "problem_id").next(),
            Some(Some("c".into()))
        );
        assert_eq!((record.envelope.entries, record.envelope.bytes), (1, document.len()));
    }
    let named =
        read(&format!(r#"{{"id":"trace","resourceType":"Bundle","type":"searchset","entry":{entries}}}"#));
    assert_eq!(named.envelope.bundle_id.as_deref(), Some("trace"));
    assert_eq!(named.envelope.bundle_type.as_deref(), Some("searchset"));
}

#[test]
fn wherever_it_is_cut_in_two_it_is_the_same_record() {
    let resource = r#"{"resourceType":"AllergyIntolerance","id":"a\u0061\ud83d\ude00","code":{"text":"é😀 \"[{\\"},
        "note":[{"text":["x"]},{"text":-1.5e3}],"onsetDateTime":null,"contained":[{"id":"in","resourceType":"New"}]}"#;
    let entries = [
        format!(r#"{{"fullUrl":"urn:x" , "resource" :{resource}}}"#),
        " 12 ".to_owned(),
        "null".to_owned(),
        r#""text\u00e9""#.to_owned(),
        format!(r#"{{"resource":[{resource}]}}"#),
        "[{}]".to_owned(),
        resource.to_owned(),
    ];
    let entries = entries.join("\n, ");
    let document = format!(
        r#"{{"id":"é","resourceType":"Bundle","entry":[ {entries}],"type":"collection","link":[{{"relation":"self"}}]}} "#
    );
    let whole = read(&document);
    assert_eq!(whole.accounting["AllergyIntolerance"].normalised, 3);
    for cut in 1..document.len() {
        let (one, two) = document.as_bytes().split_at(cut);
        let mut feed = Feed::new(support::options());
        let pushed = feed.push(one).and_then(|()| feed.push(two)).and_then(|()| feed.finish());
        let fed = pushed.expect("a bundle");
        assert!(whole.tables().eq(fed.tables()) && whole.accounting == fed.accounting, "cut at {cut}");
        assert_eq!(whole.envelope, fed.envelope, "cut at {cut}");
    }
}

#[test]
fn a_bundle_without_entries_is_an_empty_record() {
    for entries in ["", r#","entry":[]"#, r#","entry":null"#] {
        let record = read(&format!(r#"{{"resourceType":"Bundle","type":"collection"{entries}}}"#));
        assert_eq!((record.envelope.entries, record.accounting.len()), (0, 0));
        assert_eq!(record.table(Table::Sections).num_rows(), 10);
    }
}

#[test]
fn an_entry_that_is_no_entry_costs_the_others_nothing_and_is_noticed() {
    let problem = r#"{"resourceType":"Condition","id":"c"}"#;
    for (odd, notices, rows) in [
        (format!(r#"{{"resource":[{problem}]}}"#), &["wrong_json_type"][..], 2),
        (problem.to_owned(), &[], 2),
        (r#"{"resource":"text"}"#.to_owned(), &["wrong_json_type"], 1),
        (r#""text""#.to_owned(), &["wrong_json_type"], 1),
        (r#"{"resource":{}}"#.to_owned(), &["unknown_resource_type"], 1),
        ("{}".to_owned(), &[], 1),
    ] {
        let other = r#"{"resource":{"resourceType":"Condition","id":"other"}}"#;
        let record =
            read(&format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{odd},{other}]}}"#));
        assert_eq!(codes(&record), notices, "{odd}");
        assert_eq!(record.table(Table::Problems).num_rows(), rows, "{odd}");
    }
    let alone =
        read(&format!(r#"{{"resourceType":"Bundle","type":"collection","entry":{{"resource":{problem}}}}}"#));
    assert_eq!(
        (codes(&alone), alone.table(Table::Problems).num_rows()),
        (vec!["wrong_json_type".to_owned()], 1)
    );
}

#[test]
fn every_type_is_counted_as_rows_as_context_or_as_unmapped() {
    let roles: [(&[&str], [u32; 3]); 3] = [
        (
            &["MedicationStatement", "MedicationRequest", "AllergyIntolerance", "Condition", "Encounter"],
            [1, 0, 0],
        ),
        (
            &[
                "Patient",
                "Practitioner",
                "PractitionerRole",
                "Organization",
                "Location",
                "HealthcareService",
                "RelatedPerson",
                "Medication",
                "List",
                "OperationOutcome",
            ],
            [0, 1, 0],
        ),
        (
            &[
                "Observation",
                "Immunization",
                "DiagnosticReport",
                "Specimen",
                "ProcedureRequest",
                "ReferralRequest",
                "DocumentReference",
                "QuestionnaireResponse",
                "Flag",
                "Basic",
                "Nonsense",
            ],
            [0, 0, 1],
        ),
    ];
    for (kinds, role) in roles {
        for kind in kinds {
            let record = read(&format!(
                r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{{"resourceType":"{kind}","id":"1"}}}}]}}"#
            ));
            let account = record.accounting[*kind];
            assert_eq!(account.seen, 1, "{kind}");
            assert_eq!([account.normalised, account.context, account.unmapped], role, "{kind}");
            let unknown = ["Basic", "Nonsense"].contains(kind);
            assert_eq!(codes(&record).contains(&"unknown_resource_type".to_owned()), unknown, "{kind}");
        }
    }
}

#[test]
fn digits_are_kept_as_sent_and_a_truth_value_is_no_number() {
    let digits = "0.1234567890123456789012345678901234567890123456789012345";
    for (sent, kept, malformed) in [
        (digits, json!(digits), false),
        ("-0.0", json!("-0.0"), false),
        ("1E400", json!("1E400"), false),
        ("\" 28.50 \"", json!(" 28.50 "), false),
        ("[28.0]", json!("28.0"), false),
        ("true", Value::Null, true),
        ("[1,2]", Value::Null, true),
        ("{}", Value::Null, true),
        ("null", Value::Null, false),
    ] {
        let record = read(&format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{{"resourceType":"Encounter","id":"e",
            "length":{{"value":{sent}}}}}}}]}}"#
        ));
        let row = support::rows(record.table(Table::Consultations)).remove(0);
        assert_row(&row, json!({"length_minutes": kept}));
        assert_eq!(texts(&row, "flags").contains(&"malformed"), malformed, "{sent}");
    }
}

/// Each extension that is read: a resource that holds it under the URL `URL`, and the column that shows it.
const EXTENSIONS: [(&str, &str, Table, &str); 14] = [
    (
        "ActualProblem",
        r#""Condition","extension":[{"url":"URL","valueReference":{"reference":"Observation/w"}}]"#,
        Table::Problems,
        "actual_problem_id",
    ),
    (
        "ProblemSignificance",
        r#""Condition","extension":[{"url":"URL","valueCode":"w"}]"#,
        Table::Problems,
        "significance",
    ),
    (
        "RelatedProblemHeader",
        r#""Condition","extension":[{"url":"URL","extension":[
            {"url":"type","valueCode":"child"},{"url":"target","valueReference":{"reference":"Condition/w"}}]}]"#,
        Table::Problems,
        "child_ids",
    ),
    (
        "AllergyIntoleranceEnd",
        r#""AllergyIntolerance","extension":[{"url":"URL","extension":[{"url":"reasonEnded","valueString":"w"}]}]"#,
        Table::Allergies,
        "ended_reason",
    ),
    (
        "associatedEncounter",
        r#""AllergyIntolerance","extension":[{"url":"URL","valueReference":{"reference":"Encounter/w"}}]"#,
        Table::Allergies,
        "consultation_id",
    ),
    (
        "PrescriptionType",
        r#""MedicationRequest","intent":"plan","extension":[{"url":"URL","valueCodeableConcept":{"coding":[{"code":"w"}]}}]"#,
        Table::Medications,
        "prescription_type",
    ),
    (
        "MedicationStatusReason",
        r#""MedicationRequest","intent":"plan","extension":[{"url":"URL","extension":[
            {"url":"statusReason","valueCodeableConcept":{"text":"w"}}]}]"#,
        Table::Medications,
        "status_reason",
    ),
    (
        "MedicationRepeatInformation",
        r#""MedicationRequest","intent":"plan","extension":[{"url":"URL","extension":[
            {"url":"authorisationExpiryDate","valueDateTime":"w"}]}]"#,
        Table::Medications,
        "authorisation_expiry",
    ),
    (
        "MedicationQuantityText",
        r#""MedicationRequest","intent":"plan","dispenseRequest":{"quantity":{"extension":[{"url":"URL","valueString":"w"}]}}"#,
        Table::Medications,
        "quantity_text",
    ),
    (
        "PrescribingAgency",
        r#""MedicationStatement","extension":[{"url":"URL","valueCodeableConcept":{"coding":[{"code":"w"}]}}]"#,
        Table::Medications,
        "prescribing_agency",
    ),
    ("MedicationStatementLastIssueDate", A_DAY, Table::Medications, "last_issue"),
    ("MedicationStatementDosageLastChanged", A_DAY, Table::Medications, "dosage_changed_on"),
    ("MedicationDosageLastChanged", A_DAY, Table::Medications, "dosage_changed_on"),
    ("DosageLastChanged", A_DAY, Table::Medications, "dosage_changed_on"),
];

const A_DAY: &str = r#""MedicationStatement","extension":[{"url":"URL","valueDateTime":"w"}]"#;

/// The first text in the column that an extension gives, in a resource with these extensions for the one it has.
fn shown(
    (_, resource, table, column): (&str, &str, Table, &str),
    extensions: fn(&str) -> String,
    url: &str,
) -> Value {
    let start = resource.find(r#"{"url":"URL""#).expect("each has one");
    let end = resource.len() - if resource.ends_with("}]}}") { 3 } else { 1 };
    let extensions = extensions(&resource[start..end]);
    let resource = format!("{}{extensions}{}", &resource[..start], &resource[end..]).replace("URL", url);
    let resource = serde_json::from_str(&format!(r#"{{"id":"r","resourceType":{resource}}}"#)).expect("JSON");
    let rows = Answer::synthetic(vec![resource]).rows(table);
    let cell = &rows[0][column];
    if cell.is_array() { cell[0].clone() } else { cell.clone() }
}

#[test]
fn every_extension_is_known_under_every_host_prefix_version_and_case() {
    for extension in EXTENSIONS {
        let name = extension.0;
        for url in [
            format!("https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-{name}-1"),
            format!("https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-{name}-1"),
            format!("http://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-{name}-1"),
            format!("http://hl7.org/fhir/StructureDefinition/encounter-{name}"),
            format!("https://fhir.nhs.uk/STU3/StructureDefinition/Extensioncoding-CareConnect-GPC-{name}-2/"),
            format!(
                "https://fhir.nhs.uk/StructureDefinition/extension-careconnect-gpc-{}-1",
                name.to_lowercase()
            ),
        ] {
            assert_eq!(shown(extension, str::to_owned, &url), "w", "{url}");
        }
        let other = format!("https://example.org/Extension-Not{name}-1");
        assert_eq!(shown(extension, str::to_owned, &other), Value::Null, "{name}");
    }
}

#[test]
fn of_two_extensions_of_one_kind_the_first_is_told() {
    let twice = |one: &str| format!("{one},{}", one.replace(r#""w""#, r#""v""#).replace("/w\"", "/v\""));
    for extension in EXTENSIONS {
        assert_eq!(shown(extension, twice, &format!("{GPC}{}-1", extension.0)), "w", "{}", extension.0);
    }
}
