//! What references point at (`bundle` sheet, section 5; contract, settled cases, Bare id).

use std::collections::BTreeMap;

use super::bundle::{Bundle, Content, Resource, may_come};
use super::elements::Reference;
use super::findings::Findings;
use super::support::Named;
use super::text::trimmed;

/// What a reference points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Nothing stands there.
    Absent,
    Resource(usize),
    /// Well-formed, and not in the bundle.
    Elsewhere(String, String),
    /// Words alone.
    Display,
    /// An identifier alone.
    Identifier,
    Malformed,
}

/// A reference followed.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub target: Target,
    /// Whether its form is wrong, though what is meant may be known.
    pub is_malformed: bool,
    pub display: Option<String>,
}

/// Every resource by type and id.
pub struct Graph<'a> {
    pub bundle: &'a Bundle,
    top: BTreeMap<(String, String), usize>,
    contained: BTreeMap<(String, String), usize>,
    inside: BTreeMap<(usize, String), usize>,
}

const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";

impl<'a> Graph<'a> {
    pub fn new(bundle: &'a Bundle) -> Self {
        let mut graph =
            Self { bundle, top: BTreeMap::new(), contained: BTreeMap::new(), inside: BTreeMap::new() };
        for (number, resource) in bundle.resources.iter().enumerate() {
            let Some(id) = resource.id.clone().filter(|_| !resource.repeated) else { continue };
            let named = (resource.kind.clone(), id.clone());
            match resource.container {
                None => {
                    graph.top.entry(named).or_insert(number);
                }
                Some(container) => {
                    graph.contained.entry(named).or_insert(number);
                    graph.inside.entry((container, id)).or_insert(number);
                }
            }
        }
        graph
    }

    pub fn resource(&self, number: usize) -> &'a Resource {
        &self.bundle.resources[number]
    }

    /// The resources of which rows are made, with their numbers.
    pub fn counted(&self) -> impl Iterator<Item = (usize, &'a Resource)> + use<'a> {
        self.bundle.resources.iter().enumerate().filter(|(_, resource)| !resource.repeated)
    }

    /// The first top-level resource of a type and id.
    pub fn top(&self, kind: &str, id: &str) -> Option<usize> {
        self.top.get(&(kind.to_owned(), id.to_owned())).copied()
    }

    /// The first resource that shares type and id with one: what is said by id is said of that one.
    pub fn first(&self, number: usize) -> usize {
        let resource = self.resource(number);
        match &resource.id {
            Some(id) if resource.container.is_none() => self.top(&resource.kind, id).unwrap_or(number),
            _ => number,
        }
    }

    fn any(&self, kind: &str, id: &str) -> Option<usize> {
        let named = (kind.to_owned(), id.to_owned());
        self.top.get(&named).or_else(|| self.contained.get(&named)).copied()
    }

    fn only(&self, id: &str) -> Option<usize> {
        let mut found = self.top.iter().filter(|((_, known), _)| known == id).map(|(_, number)| *number);
        found.next().filter(|_| found.next().is_none())
    }

    fn only_contained(&self, id: &str) -> Option<usize> {
        let mut found = self.inside.iter().filter(|((_, known), _)| known == id).map(|(_, number)| *number);
        found.next().filter(|_| found.next().is_none())
    }

    /// Follows a reference of a resource.
    pub fn resolve(&self, reference: &Reference, holder: usize) -> Resolved {
        let display = reference.display.clone();
        let Some(text) = reference.reference.as_deref().filter(|text| !text.is_empty()) else {
            let target = match (&display, reference.is_by_identifier()) {
                (Some(_), _) => Target::Display,
                (None, true) => Target::Identifier,
                (None, false) => Target::Absent,
            };
            return Resolved { target, is_malformed: false, display };
        };
        let (target, is_malformed) = self.follow(text, holder);
        // Words in the place of a reference are shown as its display.
        let words = Some(text.to_owned()).filter(|_| target == Target::Malformed);
        Resolved { target, is_malformed, display: display.or(words) }
    }

    fn follow(&self, text: &str, holder: usize) -> (Target, bool) {
        let plain = text.split_once('/').and_then(|(kind, id)| self.any(kind, id));
        if let Some(number) = plain {
            return (Target::Resource(number), false);
        }
        if let Some((before, id)) = text.split_once('#') {
            return self.follow_contained(before, id, holder);
        }
        if let Some(urn) = text.strip_prefix("urn:") {
            let id = urn.rsplit(':').next().unwrap_or_default();
            return self
                .only(id)
                .map_or((Target::Malformed, true), |number| (Target::Resource(number), false));
        }
        self.follow_path(text)
    }

    fn follow_contained(&self, before: &str, id: &str, holder: usize) -> (Target, bool) {
        let container = self.resource(holder).container.unwrap_or(holder);
        if let Some(number) = self.inside.get(&(container, id.to_owned())).filter(|_| before.is_empty()) {
            return (Target::Resource(*number), false);
        }
        // Against the rules one list names what another contains.
        (self.only_contained(id).map_or(Target::Malformed, Target::Resource), true)
    }

    /// A path whose last two parts are type and id, before a version; else the only resource of an id.
    fn follow_path(&self, text: &str) -> (Target, bool) {
        let current = text.split_once("/_history/").map_or(text, |(current, _)| current);
        let parts: Vec<&str> = current.trim().split('/').filter(|part| !part.is_empty()).collect();
        let is_word = |part: &str| !part.contains(char::is_whitespace);
        let (kind, id) = match parts.as_slice() {
            [.., kind, id] if is_word(kind) && is_word(id) => (*kind, *id),
            _ => return self.only_or_malformed(text.trim()),
        };
        let has_come = self.bundle.resources.iter().any(|resource| resource.kind == kind);
        if !is_fhir_type(kind) && !has_come {
            return self.only_or_malformed(id);
        }
        let is_plain = current == format!("{kind}/{id}");
        let is_absolute = text.contains("://");
        match self.any(kind, id) {
            Some(number) => (Target::Resource(number), !is_absolute && !is_plain),
            None if is_plain => (Target::Elsewhere(kind.to_owned(), id.to_owned()), false),
            None => (Target::Malformed, true),
        }
    }

    fn only_or_malformed(&self, id: &str) -> (Target, bool) {
        (self.only(id).map_or(Target::Malformed, Target::Resource), true)
    }

    /// Follows a reference and says what is wrong with it.
    pub fn resolve_noticed(&self, reference: &Reference, holder: usize, findings: &mut Findings) -> Resolved {
        let resolved = self.resolve(reference, holder);
        if resolved.is_malformed {
            findings.say(holder, "malformed_reference");
        } else if matches!(resolved.target, Target::Elsewhere(..) | Target::Identifier) {
            findings.say(holder, "unresolved_reference");
        }
        resolved
    }

    /// The resource that a reference points at, where it is of a type.
    pub fn find(&self, reference: &Reference, holder: usize, kind: &str) -> Option<usize> {
        match self.resolve(reference, holder).target {
            Target::Resource(number) if self.resource(number).kind == kind => Some(number),
            _ => None,
        }
    }

    /// Type and id of a target, known or not.
    pub fn named(&self, target: &Target) -> Option<(String, String)> {
        match target {
            Target::Resource(number) => {
                let resource = self.resource(*number);
                Some((resource.kind.clone(), resource.id.clone()?))
            }
            Target::Elsewhere(kind, id) => Some((kind.clone(), id.clone())),
            _ => None,
        }
    }

    /// The id of a target, where it is of a type.
    pub fn id_of(&self, target: &Target, kind: &str) -> Option<String> {
        self.named(target).filter(|(named, _)| named == kind).map(|(_, id)| id)
    }

    /// The name of whom or what a reference points at, else its display (contract, settled cases).
    pub fn name(&self, reference: &Reference, holder: usize) -> Option<String> {
        let resolved = self.resolve(reference, holder);
        let name = match resolved.target {
            Target::Resource(number) => match &self.resource(number).content {
                Content::Role(practitioner) => self.practitioner_name(practitioner, number),
                _ => self.own_name(number),
            },
            _ => None,
        };
        name.or(resolved.display)
    }

    fn practitioner_name(&self, practitioner: &Reference, role: usize) -> Option<String> {
        let resolved = self.resolve(practitioner, role);
        match resolved.target {
            Target::Resource(person) => self.own_name(person),
            _ => resolved.display,
        }
    }

    fn own_name(&self, number: usize) -> Option<String> {
        match &self.resource(number).content {
            Content::Patient(named) | Content::Named(named) => named.name.clone(),
            _ => None,
        }
    }

    /// The ODS code of the organisation that a reference points at or names by it.
    pub fn ods(&self, reference: &Reference, holder: usize) -> Option<String> {
        match self.find(reference, holder, "Organization").map(|number| &self.resource(number).content) {
            Some(Content::Named(Named { identifiers, .. })) => {
                let found = identifiers.iter().find(|identifier| trimmed(&identifier.system) == ODS);
                found.and_then(|identifier| identifier.value.clone())
            }
            _ => own_ods(reference),
        }
    }
}

/// The ODS code by which a reference names an organisation that need not be in the bundle.
pub fn own_ods(reference: &Reference) -> Option<String> {
    let is_code = reference.reference.is_none() && trimmed(&reference.identifier.system) == ODS;
    reference.identifier.value.clone().filter(|_| is_code)
}

/// Whether a type is one of FHIR STU3, so that a reference to it is not misspelt.
fn is_fhir_type(kind: &str) -> bool {
    may_come(kind) || OTHER_TYPES.split_whitespace().any(|known| known == kind)
}

/// The types of FHIR STU3 that GP Connect does not send.
pub const OTHER_TYPES: &str = "Account ActivityDefinition AdverseEvent Appointment AppointmentResponse AuditEvent Basic \
    Binary BodySite Bundle CapabilityStatement CarePlan CareTeam ChargeItem Claim ClaimResponse ClinicalImpression \
    CodeSystem Communication CommunicationRequest CompartmentDefinition Composition ConceptMap Consent Contract \
    Coverage DataElement DetectedIssue Device DeviceComponent DeviceMetric DeviceRequest DeviceUseStatement \
    DocumentManifest EligibilityRequest EligibilityResponse Endpoint EnrollmentRequest EnrollmentResponse \
    EpisodeOfCare ExpansionProfile ExplanationOfBenefit FamilyMemberHistory Goal GraphDefinition Group \
    GuidanceResponse ImagingManifest ImagingStudy ImmunizationRecommendation ImplementationGuide Library Linkage \
    Measure MeasureReport Media MedicationAdministration MedicationDispense MessageDefinition MessageHeader \
    NamingSystem NutritionOrder OperationDefinition Parameters PaymentNotice PaymentReconciliation Person \
    PlanDefinition Procedure ProcessRequest ProcessResponse Provenance Questionnaire RequestGroup ResearchStudy \
    ResearchSubject RiskAssessment Schedule SearchParameter Sequence ServiceDefinition Slot StructureDefinition \
    StructureMap Subscription Substance SupplyDelivery SupplyRequest Task TestReport TestScript ValueSet \
    VisionPrescription";
