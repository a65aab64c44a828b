//! Every resource of a bundle, in the order of the bundle (contract rules 1 and 10).

use std::collections::BTreeMap;

use super::elements::{Concept, Head, Reference};
use super::findings::{About, Findings};
use super::json::{Json, Members, Refusal, Value, get, is_same};
use super::medicines::{Request, Statement};
use super::reader::Reader;
use super::records::{Allergy, Condition, Encounter};
use super::support::{Issue, List, Named};
use super::text::trimmed;

/// A resource, top level or contained.
pub struct Resource {
    /// Its type; empty where it names none.
    pub kind: String,
    pub id: Option<String>,
    pub entry: u32,
    pub container: Option<usize>,
    /// Whether an earlier one says the same: then it has no row.
    pub repeated: bool,
    pub content: Content,
}

/// What was read of a resource.
pub enum Content {
    Statement(Statement),
    Request(Box<Request>),
    Allergy(Allergy),
    Condition(Condition),
    Encounter(Encounter),
    List(List),
    Patient(Named),
    Named(Named),
    Role(Reference),
    Medication(Concept),
    Outcome(Vec<Issue>),
    Other,
}

impl Resource {
    /// What every clinical record has.
    pub fn head(&self) -> Option<&Head> {
        match &self.content {
            Content::Statement(it) => Some(&it.head),
            Content::Request(it) => Some(&it.head),
            Content::Allergy(it) => Some(&it.head),
            Content::Condition(it) => Some(&it.head),
            Content::Encounter(it) => Some(&it.head),
            _ => None,
        }
    }
}

/// A bundle as read.
pub struct Bundle {
    pub resources: Vec<Resource>,
    pub findings: Findings,
    /// Whether it says that there is another page of it.
    pub more_pages: bool,
}

/// How a resource is accounted for.
pub fn account(kind: &str) -> &'static str {
    match kind {
        "MedicationStatement" | "MedicationRequest" | "AllergyIntolerance" | "Condition" | "Encounter" => {
            "normalised"
        }
        "Patient" | "Practitioner" | "PractitionerRole" | "Organization" | "Location" | "Medication"
        | "List" | "HealthcareService" | "OperationOutcome" | "RelatedPerson" => "context",
        _ => "unmapped",
    }
}

/// Whether a resource of the type may come (`bundle` sheet, section 2; contract, settled cases, Accounting).
pub fn may_come(kind: &str) -> bool {
    const UNMAPPED: [&str; 9] = [
        "Observation",
        "Immunization",
        "DiagnosticReport",
        "Specimen",
        "ProcedureRequest",
        "ReferralRequest",
        "DocumentReference",
        "QuestionnaireResponse",
        "Flag",
    ];
    account(kind) != "unmapped" || UNMAPPED.contains(&kind)
}

/// Reads a document.
pub fn read(document: &Json<'_>) -> Result<Bundle, Refusal> {
    let mut collector = Collector::default();
    let Value::Object(members) = &document.value else { return Err(Refusal::NotABundle) };
    let mut reader = Reader { findings: &mut collector.findings, about: About::default() };
    let kind = reader.text(get(members, "resourceType"));
    let bundle_type = reader.text(get(members, "type"));
    reader.text(get(members, "id"));
    let mut more_pages = false;
    for link in reader.each(get(members, "link")) {
        let link = reader.object(Some(link));
        let relation = reader.text(get(link, "relation"));
        more_pages |= trimmed(&relation).eq_ignore_ascii_case("next");
    }
    // Old examples are search sets (`real-data` sheet, section 2).
    let known_type = matches!(bundle_type.as_deref(), None | Some("collection" | "searchset"));
    if kind.as_deref() != Some("Bundle") || !known_type {
        return Err(Refusal::NotABundle);
    }
    // A type that is absent, and a page that is missing.
    for _ in 0..usize::from(bundle_type.is_none()) + usize::from(more_pages) {
        collector.findings.say_of(About::default(), "missing_element");
    }
    collector.entries(get(members, "entry"));
    collector.mark_repeated();
    Ok(Bundle { resources: collector.resources, findings: collector.findings, more_pages })
}

#[derive(Default)]
struct Collector<'j, 'b> {
    resources: Vec<Resource>,
    sources: Vec<&'j Json<'b>>,
    findings: Findings,
    entries: u32,
}

impl<'j, 'b> Collector<'j, 'b> {
    fn reader(&mut self, about: About) -> Reader<'_> {
        Reader { findings: &mut self.findings, about }
    }

    fn entries(&mut self, value: Option<&'j Json<'b>>) {
        match value.map(|value| (value, &value.value)) {
            Some((_, Value::List(items))) => items.iter().for_each(|item| self.entry(item)),
            Some((_, Value::Null)) | None => {}
            Some((value, _)) => {
                self.findings.say_of(About::default(), "wrong_json_type");
                self.entry(value);
            }
        }
    }

    fn entry(&mut self, item: &'j Json<'b>) {
        let about = About { resource: None, entry: Some(self.entries) };
        self.entries += 1;
        let members = self.reader(about).object(Some(item));
        if let Some(resource) = get(members, "resource").filter(|value| !matches!(value.value, Value::Null)) {
            return self.resource(resource, None, about);
        }
        self.findings.say_of(about, "missing_element");
        // Specification examples write the resource straight into the entry (`real-data` sheet, section 2).
        if get(members, "resourceType").is_some() {
            self.resource(item, None, about);
        }
    }

    fn resource(&mut self, value: &'j Json<'b>, container: Option<usize>, about: About) {
        match &value.value {
            Value::Object(members) => self.known(value, members, container, about),
            Value::List(items) => {
                self.findings.say_of(about, "wrong_json_type");
                for item in items {
                    match &item.value {
                        Value::Object(members) => self.known(item, members, container, about),
                        _ => drop(self.push(item, String::new(), container)),
                    }
                }
            }
            _ => {
                self.findings.say_of(about, "wrong_json_type");
                self.push(value, String::new(), container);
            }
        }
    }

    fn push(&mut self, value: &'j Json<'b>, kind: String, container: Option<usize>) -> About {
        let entry = self.entries - 1;
        let content = Content::Other;
        self.resources.push(Resource { kind, id: None, entry, container, repeated: false, content });
        self.sources.push(value);
        About { resource: Some(self.resources.len() - 1), entry: None }
    }

    fn known(
        &mut self,
        value: &'j Json<'b>,
        members: Members<'j, 'b>,
        container: Option<usize>,
        about: About,
    ) {
        // What tells the type of a resource is read as what tells the kind of an extension.
        let kind = self.reader(about).url(get(members, "resourceType")).unwrap_or_default();
        let about = self.push(value, kind.clone(), container);
        let number = self.resources.len() - 1;
        let mut reader = self.reader(about);
        let content = content(&mut reader, &kind, members);
        let id = reader.text(get(members, "id"));
        let contained = reader.each(get(members, "contained"));
        if account(&kind) == "normalised" && id.is_none() {
            reader.findings.say_of(about, "missing_element");
            reader.findings.mark(about);
        }
        if !may_come(&kind) {
            reader.findings.say_of(about, "unknown_resource_type");
        }
        (self.resources[number].id, self.resources[number].content) = (id, content);
        for item in contained {
            self.resource(item, Some(number), about);
        }
    }

    /// Marks what an earlier resource of the same place, type and id says already.
    fn mark_repeated(&mut self) {
        let mut known: BTreeMap<(Option<usize>, String, String), Vec<usize>> = BTreeMap::new();
        for number in 0..self.resources.len() {
            let resource = &self.resources[number];
            if let Some(id) = &resource.id {
                let place = (resource.container, resource.kind.clone(), id.clone());
                let earlier = known.entry(place).or_default();
                let same = |other: &usize| is_same(self.sources[*other], self.sources[number]);
                let is_repeat = earlier.iter().any(same);
                if is_repeat {
                    self.findings.say(number, "duplicate_resource");
                } else if !earlier.is_empty() {
                    self.findings.say(number, "conflicting_duplicate");
                }
                earlier.push(number);
                self.resources[number].repeated = is_repeat;
            }
            let container = self.resources[number].container;
            // What a repeated container contains has been seen with the first.
            if container.is_some_and(|container| self.resources[container].repeated) {
                self.resources[number].repeated = true;
            }
        }
    }
}

fn content(reader: &mut Reader<'_>, kind: &str, members: Members<'_, '_>) -> Content {
    match kind {
        "MedicationStatement" => Content::Statement(reader.statement(members)),
        "MedicationRequest" => Content::Request(Box::new(reader.request(members))),
        "AllergyIntolerance" => Content::Allergy(reader.allergy(members)),
        "Condition" => Content::Condition(reader.condition(members)),
        "Encounter" => Content::Encounter(reader.encounter(members)),
        "List" => Content::List(reader.list(members)),
        "Patient" => Content::Patient(reader.patient(members)),
        "Practitioner" | "RelatedPerson" => Content::Named(reader.person(members)),
        "Organization" | "Location" | "HealthcareService" => Content::Named(reader.place(members)),
        "PractitionerRole" => Content::Role(reader.reference(get(members, "practitioner"))),
        "Medication" => Content::Medication(reader.concept(get(members, "code"))),
        "OperationOutcome" => Content::Outcome(reader.outcome(members)),
        _ => Content::Other,
    }
}
