//! `notices`, as far as the contract says what stands in them, and those about patients (`bundle` sheet, section 3).

use super::Context;
use super::bundle::{Content, Resource};
use super::elements::Reference;
use super::findings::{About, Findings, Notice};
use super::graph::Graph;
use super::rows::{Cell, Row, put};
use super::text::trimmed;

pub fn table(context: &Context<'_>, findings: &Findings) -> Vec<Row> {
    findings.notices.iter().map(|notice| row(context, notice)).collect()
}

fn row(context: &Context<'_>, notice: &Notice) -> Row {
    let resource = notice.about.resource.map(|number| context.graph.resource(number));
    let area = notice.area.or_else(|| match resource?.kind.as_str() {
        // What the provider says is of the area that it names, or of none.
        _ if notice.provider.is_some() => None,
        "List" => context.relations.purposes[&notice.about.resource?].area(),
        kind => area_of(kind),
    });
    let mut row = Row::new();
    put(&mut row, "entry_index", resource.map_or(notice.about.entry, |resource| Some(resource.entry)));
    put(&mut row, "area", area);
    put(&mut row, "code", &notice.code);
    let kind = resource.map(|resource| resource.kind.clone()).filter(|kind| !kind.is_empty());
    put(&mut row, "resource_type", kind);
    put(&mut row, "resource_id", resource.and_then(|resource| resource.id.clone()));
    put(&mut row, "origin", if notice.provider.is_some() { "provider" } else { "normaliser" });
    let (severity, text) = notice.provider.clone().unzip();
    put(&mut row, "severity", severity);
    put(&mut row, "text", text.flatten());
    row.insert("element".to_owned(), Cell::Null);
    row
}

/// The area of a type (`bundle` sheet, section 7).
fn area_of(kind: &str) -> Option<&'static str> {
    match kind {
        "MedicationStatement" | "MedicationRequest" | "Medication" => Some("medications"),
        "AllergyIntolerance" => Some("allergies"),
        "Condition" => Some("problems"),
        "Encounter" => Some("consultations"),
        "Immunization" => Some("immunisations"),
        "Observation" => Some("uncategorised"),
        "DiagnosticReport" | "Specimen" => Some("investigations"),
        "ReferralRequest" => Some("referrals"),
        "ProcedureRequest" => Some("diary"),
        "DocumentReference" => Some("documents"),
        _ => None,
    }
}

/// Says which records name a patient who is not the one of the answer. Without a Patient nobody can be mistaken for
/// another: then the references dangle.
pub fn notice_patients(graph: &Graph<'_>, findings: &mut Findings) {
    let patient = graph.counted().find(|(_, resource)| resource.kind == "Patient");
    if patient.is_none() {
        findings.say_of(About::default(), "missing_element");
    }
    for (number, resource) in graph.counted() {
        let Some(head) = resource.head() else { continue };
        match patient {
            None => {
                graph.resolve_noticed(&head.subject, number, findings);
            }
            Some(patient) if !is_same(graph, patient, &head.subject, number) => {
                findings.say(number, "patient_mismatch");
            }
            Some(_) => {}
        }
    }
}

fn is_same(graph: &Graph<'_>, patient: (usize, &Resource), subject: &Reference, holder: usize) -> bool {
    const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
    if let Some(found) = graph.find(subject, holder, "Patient") {
        return graph.first(found) == graph.first(patient.0);
    }
    if subject.is_by_identifier() && trimmed(&subject.identifier.system) == NHS_NUMBER {
        let Content::Patient(named) = &patient.1.content else { return false };
        let number = named.identifiers.iter().rfind(|identifier| trimmed(&identifier.system) == NHS_NUMBER);
        return number.and_then(|number| number.value.clone()).unwrap_or_default()
            == subject.identifier.value.clone().unwrap_or_default();
    }
    subject.reference.is_none()
}
