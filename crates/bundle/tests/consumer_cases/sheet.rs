//! One answer of a GP system, as it was sent and as it was normalised, and small synthetic ones.
#![allow(dead_code, unreachable_pub)]

use std::io::Write;
use std::path::Path;
use std::sync::Once;

use bedside_bundle::{Options, Record, normalise};
use bedside_model::schema::{Table, coding_fields, reaction_fields};
use bedside_model::{ClinicalArea, Day};
use serde_json::{Value, json};

use crate::support;

/// The folder of the extensions that GP Connect defines.
pub const GPC: &str = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-";
/// SNOMED CT as a code system.
pub const SNOMED: &str = "http://snomed.info/sct";
/// The list of medicines that answers a query.
pub const MEDICATIONS: &str = "933361000000108";
/// The list of active allergies.
pub const ALLERGIES: &str = "886921000000105";
/// The list that holds ended allergies.
pub const ENDED_ALLERGIES: &str = "1103671000000101";
/// The list of problems.
pub const PROBLEMS: &str = "717711000000103";
/// The list of consultations.
pub const CONSULTATIONS: &str = "1149501000000101";

/// An answer, as it was sent and as it was normalised.
pub struct Answer {
    /// The bundle read by a general JSON reader: what the tables are held against.
    pub sent: Value,
    /// The bundle as normalised.
    pub record: Record,
}

impl Answer {
    /// An official test record, normalised for a day of retrieval. The records are not part of the repository:
    /// without them this says so, and the case shows nothing.
    pub fn official(stem: &str, retrieved_on: (i32, u32, u32)) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/bundles");
        let Ok(bytes) = std::fs::read(folder.join(stem).with_extension("json")) else {
            static ONCE: Once = Once::new();
            ONCE.call_once(|| {
                say(&format!(
                    "SKIPPED: no {stem}.json at ../shared/bundles beside the repository, nor others"
                ))
            });
            return None;
        };
        let (year, month, day) = retrieved_on;
        let day = Day::new(year, month, day).expect("a day of the calendar");
        Some(Self::read(&bytes, &Options::new(day)))
    }

    /// A hand-made bundle of `fixtures/`, for the day of its expected tables.
    pub fn fixture(stem: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/bundles");
        let bytes = std::fs::read(folder.join(stem).with_extension("json")).expect("part of the repository");
        Self::read(&bytes, &support::options())
    }

    /// A collection of these resources.
    pub fn synthetic(resources: Vec<Value>) -> Self {
        Self::read(bundle(&resources).as_bytes(), &support::options())
    }

    /// A collection of these resources in answer to a request for these areas.
    pub fn requested(areas: &[ClinicalArea], resources: Vec<Value>) -> Self {
        let options = Options { requested: Some(areas.to_vec()), ..support::options() };
        Self::read(bundle(&resources).as_bytes(), &options)
    }

    /// A bundle as it stands.
    pub fn read(bytes: &[u8], options: &Options) -> Self {
        let text = std::str::from_utf8(bytes).expect("UTF-8").trim_start_matches('\u{feff}');
        let sent = serde_json::from_str(text).expect("JSON");
        Self { sent, record: normalise(bytes, options).expect("a readable bundle") }
    }

    /// The rows of a table as JSON objects; a null column and an empty list are absent.
    pub fn rows(&self, table: Table) -> Vec<Value> {
        support::rows(self.record.table(table))
    }

    /// The one row of a table whose id begins like this.
    pub fn row(&self, table: Table, id: &str) -> Value {
        self.only(table, id, |row| string(row, id_column(table)).is_some_and(|found| found.starts_with(id)))
    }

    /// The one medicine whose term begins like this.
    pub fn medicine(&self, term: &str) -> Value {
        self.only(Table::Medications, term, |row| {
            string(row, "medication_term").is_some_and(|found| found.starts_with(term))
        })
    }

    fn only(&self, table: Table, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let mut found: Vec<Value> = self.rows(table).into_iter().filter(is_it).collect();
        assert_eq!(found.len(), 1, "rows of {} that are {what}", table.as_str());
        found.remove(0)
    }

    /// The issues under the plan of a medicine, in the order of the bundle.
    pub fn issues(&self, medicine: &Value) -> Vec<Value> {
        let issues = self.rows(Table::MedicationIssues).into_iter();
        issues.filter(|issue| issue["plan_id"] == medicine["plan_id"]).collect()
    }

    /// The notices of a code.
    pub fn notices(&self, code: &str) -> Vec<Value> {
        self.rows(Table::Notices).into_iter().filter(|notice| notice["code"] == code).collect()
    }

    /// What the notices of a code are about.
    pub fn noticed(&self, code: &str) -> Vec<String> {
        let notices = self.notices(code);
        notices.iter().filter_map(|notice| string(notice, "resource_id").map(str::to_owned)).collect()
    }

    /// The section of an area.
    pub fn section(&self, area: &str) -> Value {
        self.only(Table::Sections, area, |row| row["area"] == area)
    }

    /// The links of a relation.
    pub fn links(&self, relation: &str) -> Vec<Value> {
        self.rows(Table::Links).into_iter().filter(|link| link["relation"] == relation).collect()
    }

    /// The resources of a type in the order of the bundle, contained ones in the place of their container.
    pub fn all_sent(&self, kind: &str) -> Vec<&Value> {
        let entries = self.sent["entry"].as_array().into_iter().flatten().map(|entry| &entry["resource"]);
        let each = entries.flat_map(|resource| {
            [resource].into_iter().chain(resource["contained"].as_array().into_iter().flatten())
        });
        each.filter(|resource| resource["resourceType"] == kind).collect()
    }

    /// The first resource of a type and id as it was sent.
    pub fn sent(&self, kind: &str, id: &Value) -> &Value {
        let mut found = self.all_sent(kind).into_iter().filter(|resource| resource["id"] == *id);
        found.next().unwrap_or_else(|| panic!("no {kind} {id} was sent"))
    }

    /// The resource that a reference names, null when it was not sent.
    pub fn target(&self, reference: &Value) -> &Value {
        let Some((kind, id)) = reference["reference"].as_str().and_then(|path| path.split_once('/')) else {
            return &Value::Null;
        };
        let found = self.all_sent(kind).into_iter().find(|resource| resource["id"] == id);
        found.unwrap_or(&Value::Null)
    }

    /// The statement of a medicine as it was sent.
    pub fn statement(&self, medicine: &Value) -> &Value {
        self.sent("MedicationStatement", &medicine["medication_id"])
    }

    /// The plan of a medicine as it was sent.
    pub fn plan(&self, medicine: &Value) -> &Value {
        self.sent("MedicationRequest", &medicine["plan_id"])
    }

    /// The code of a medicine's drug as it was sent.
    pub fn drug(&self, medicine: &Value) -> &Value {
        &self.target(&self.statement(medicine)["medicationReference"])["code"]
    }
}

/// The column that holds the id of a table's rows.
fn id_column(table: Table) -> &'static str {
    match table {
        Table::Medications => "medication_id",
        Table::MedicationIssues => "issue_id",
        Table::Allergies => "allergy_id",
        Table::Problems => "problem_id",
        _ => "consultation_id",
    }
}

/// A text column, `None` when it is null.
pub fn string<'r>(row: &'r Value, column: &str) -> Option<&'r str> {
    row[column].as_str()
}

/// A list of texts, empty when it is absent.
pub fn texts<'r>(row: &'r Value, column: &str) -> Vec<&'r str> {
    row[column].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Asserts that a column holds, byte for byte, a text that was sent and is not empty.
#[track_caller]
pub fn assert_verbatim(row: &Value, column: &str, sent: &Value) {
    assert!(sent.as_str().is_some_and(|text| !text.is_empty()), "nothing was sent for {column}");
    assert_eq!(row[column], *sent, "{column}");
}

/// Asserts these columns of a row; null is an absent scalar or an empty list.
#[track_caller]
pub fn assert_row(row: &Value, columns: Value) {
    for (column, expected) in columns.as_object().into_iter().flatten() {
        assert!(is_column(column), "{column} is no column, so that it is always null");
        assert_eq!(row[column], *expected, "{column}");
    }
}

/// Whether a table, or a struct inside one, has a column of that name.
fn is_column(name: &str) -> bool {
    let of_a_table = Table::ALL.iter().any(|table| table.schema().column_with_name(name).is_some());
    of_a_table || coding_fields().find(name).is_some() || reaction_fields().find(name).is_some()
}

/// Asserts the flags of a row, in any order.
#[track_caller]
pub fn assert_flags(row: &Value, flags: &[&str]) {
    let (mut found, mut flags) = (texts(row, "flags"), flags.to_vec());
    found.sort_unstable();
    flags.sort_unstable();
    assert_eq!(found, flags);
}

/// The extension whose URL ends like this, null without one.
pub fn extension<'v>(resource: &'v Value, ending: &str) -> &'v Value {
    let extensions = resource["extension"].as_array().into_iter().flatten();
    let mut found = extensions.filter(|extension| {
        extension["url"].as_str().is_some_and(|url| url.trim_end_matches("-1").ends_with(ending))
    });
    found.next().unwrap_or(&Value::Null)
}

/// The value of an extension, whatever its type.
pub fn value_of(extension: &Value) -> &Value {
    let members = extension.as_object().into_iter().flatten();
    members
        .filter(|(name, _)| name.starts_with("value"))
        .map(|(_, value)| value)
        .next()
        .unwrap_or(&Value::Null)
}

/// The coding of a concept in one system, null without one.
pub fn coding_of<'v>(concept: &'v Value, system: &str) -> &'v Value {
    let mut codings = concept["coding"].as_array().into_iter().flatten();
    codings.find(|coding| coding["system"] == system).unwrap_or(&Value::Null)
}

/// The text of a collection of these resources.
pub fn bundle(resources: &[Value]) -> String {
    let entries: Vec<Value> = resources.iter().map(|resource| json!({"resource": resource})).collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries}).to_string()
}

/// The members of `more` added to those of `base`, replacing those of the same name.
pub fn with(mut base: Value, more: Value) -> Value {
    if let (Some(members), Value::Object(more)) = (base.as_object_mut(), more) {
        members.extend(more);
    }
    base
}

/// A query's list of a SNOMED code.
pub fn list(code: &str, references: &[&str]) -> Value {
    let entries: Vec<Value> = references.iter().map(|to| json!({"item": {"reference": to}})).collect();
    let list = json!({"resourceType": "List", "code": {"coding": [{"system": SNOMED, "code": code}]}});
    match entries.is_empty() {
        true => with(list, json!({"emptyReason": {"coding": [{"code": "no-content-recorded"}]}})),
        false => with(list, json!({"entry": entries})),
    }
}

/// A secondary list, which is known by the slug of its title.
pub fn secondary_list(slug: &str, references: &[&str]) -> Value {
    let system = "https://fhir.hl7.org.uk/STU3/CodeSystem/GPConnect-SecondaryListValues-1";
    with(list("", references), json!({"code": {"coding": [{"system": system, "code": slug}]}}))
}

/// The extension that warns of what a list leaves out.
pub fn warning(code: &str) -> Value {
    json!({"url": format!("{GPC}ListWarningCode-1"), "valueCode": code})
}

/// A concept of one SNOMED code.
pub fn concept(code: &str, display: &str) -> Value {
    json!({"coding": [{"system": SNOMED, "code": code, "display": display}]})
}

/// The drug `<id>-drug`, the statement `<id>` with these members and its plan `<id>-plan` with those.
pub fn medicine(id: &str, code: Value, statement: Value, plan: Value) -> Vec<Value> {
    let drug = json!({"reference": format!("Medication/{id}-drug")});
    vec![
        json!({"resourceType": "Medication", "id": format!("{id}-drug"), "code": code}),
        with(
            json!({"resourceType": "MedicationStatement", "id": id, "medicationReference": drug.clone(),
                "basedOn": [{"reference": format!("MedicationRequest/{id}-plan")}]}),
            statement,
        ),
        with(
            json!({"resourceType": "MedicationRequest", "id": format!("{id}-plan"), "intent": "plan",
                "medicationReference": drug}),
            plan,
        ),
    ]
}

/// An issue `id` of a medicine, with these members.
pub fn issue(id: &str, of: &str, members: Value) -> Value {
    with(
        json!({"resourceType": "MedicationRequest", "id": id, "intent": "order",
            "basedOn": [{"reference": format!("MedicationRequest/{of}-plan")}],
            "medicationReference": {"reference": format!("Medication/{of}-drug")}}),
        members,
    )
}

/// The plan's extensions that say its type and, for repeats, its counters.
pub fn prescription(kind: &str, allowed: Option<u32>, issued: Option<u32>) -> Value {
    let mut extensions = vec![json!({"url": format!("{GPC}PrescriptionType-1"),
        "valueCodeableConcept": {"coding": [{"code": kind}]}})];
    let mut parts = Vec::new();
    parts.extend(
        allowed.map(|count| json!({"url": "numberOfRepeatPrescriptionsAllowed", "valueUnsignedInt": count})),
    );
    parts.extend(
        issued.map(|count| json!({"url": "numberOfRepeatPrescriptionsIssued", "valueUnsignedInt": count})),
    );
    if !parts.is_empty() {
        extensions.push(json!({"url": format!("{GPC}MedicationRepeatInformation-1"), "extension": parts}));
    }
    Value::Array(extensions)
}

/// The statement's extension of the last issue.
pub fn last_issue(day: &str) -> Value {
    json!([{"url": format!("{GPC}MedicationStatementLastIssueDate-1"), "valueDateTime": day}])
}

/// An active allergy of this code, with these members.
pub fn allergy(id: &str, code: Value, members: Value) -> Value {
    with(
        json!({"resourceType": "AllergyIntolerance", "id": id, "clinicalStatus": "active", "code": code}),
        members,
    )
}

/// An active problem, with these members.
pub fn problem(id: &str, members: Value) -> Value {
    with(
        json!({"resourceType": "Condition", "id": id, "clinicalStatus": "active", "code": {"text": "Problem"}}),
        members,
    )
}

/// The extensions of a problem that link it to these records.
pub fn content(references: &[Value]) -> Value {
    let url =
        "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-RelatedClinicalContent-1";
    references.iter().map(|to| json!({"url": url, "valueReference": to})).collect()
}

/// Says something that a test which passes would keep to itself: what is printed is shown of failures alone.
fn say(line: &str) {
    // Where nobody listens there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}
