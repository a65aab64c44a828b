use bedside_model::Day;

use super::calendar::{Moment, RETRIEVAL_DAY};
use super::ids::{Ids, Of};
use super::json::Json;
use super::plan::{Item, OtherKind, Plan, Scope};
use super::terms::Term;
use super::{Recipe, Supplier};

pub(super) const STRUCTURE: &str = "https://fhir.nhs.uk/STU3/StructureDefinition/";
pub(super) const SYSTEM: &str = "https://fhir.nhs.uk/STU3/CodeSystem/";
pub(super) const SNOMED: &str = "http://snomed.info/sct";

/// Writes a plan as the resources of one supplier. This file holds what all resources share and the order of
/// the entries; the resources are in the files beside it.
pub(super) struct Scribe<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) plan: &'a Plan,
    ids: Ids,
}

impl<'a> Scribe<'a> {
    pub(super) fn new(recipe: &'a Recipe, plan: &'a Plan) -> Self {
        Self { recipe, plan, ids: Ids::new(recipe.seed, recipe.supplier) }
    }

    pub(super) fn emis(&self) -> bool {
        self.recipe.supplier == Supplier::Emis
    }

    pub(super) fn tpp(&self) -> bool {
        self.recipe.supplier == Supplier::Tpp
    }

    pub(super) fn vision(&self) -> bool {
        self.recipe.supplier == Supplier::Vision
    }

    pub(super) fn medicus(&self) -> bool {
        self.recipe.supplier == Supplier::Medicus
    }

    /// The whole bundle. Returns where free text may be put in to reach a size.
    pub(super) fn bundle(&self, j: &mut Json) -> usize {
        let mut filler = 0;
        j.root(|j| {
            j.text("resourceType", "Bundle");
            if !self.emis() {
                j.text("id", &self.uuid());
            }
            j.object("meta", |j| {
                let profile = format!("{STRUCTURE}GPConnect-StructuredRecord-Bundle-1");
                j.array("profile", |j| j.text_element(&profile));
            });
            j.text("type", "collection");
            j.array("entry", |j| {
                filler = match self.recipe.supplier {
                    Supplier::Emis => self.emis_entries(j),
                    Supplier::Tpp => self.tpp_entries(j),
                    Supplier::Vision | Supplier::Medicus => self.plain_entries(j),
                }
            });
        });
        filler
    }

    /// Lists first, people in the middle, Medication after its users.
    fn emis_entries(&self, j: &mut Json) -> usize {
        self.primary_lists(j);
        self.consultation_lists(j);
        self.patient(j);
        let mut filler = self.therapies(j);
        self.problems(j);
        self.allergies(j);
        self.encounters(j);
        filler = self.observations(j).unwrap_or(filler);
        self.others(j);
        self.topic_lists(j);
        self.practice(j);
        self.practitioners(j);
        self.medications(j);
        self.category_lists(j);
        self.secondary_lists(j);
        filler
    }

    /// Patient first, what is used before who uses it, except the medicines.
    fn tpp_entries(&self, j: &mut Json) -> usize {
        self.patient(j);
        self.allergies(j);
        let mut filler = self.therapies(j);
        filler = self.observations(j).unwrap_or(filler);
        self.encounters(j);
        self.others(j);
        self.secondary_lists(j);
        self.consultation_lists(j);
        self.topic_lists(j);
        self.problems(j);
        self.primary_lists(j);
        if self.plan.scope == Scope::Whole {
            self.investigations_not_implemented(j);
        }
        self.practice(j);
        self.practitioners(j);
        filler
    }

    /// Patient first; problems before what they point at.
    fn plain_entries(&self, j: &mut Json) -> usize {
        self.patient(j);
        self.practice(j);
        let mut filler = self.therapies(j);
        self.allergies(j);
        self.problems(j);
        filler = self.observations(j).unwrap_or(filler);
        self.practitioners(j);
        self.encounters(j);
        self.others(j);
        self.primary_lists(j);
        self.consultation_lists(j);
        self.topic_lists(j);
        self.category_lists(j);
        self.secondary_lists(j);
        filler
    }

    /// One entry with its resource: type, id, profile, then what `members` writes.
    pub(super) fn resource(
        &self,
        j: &mut Json,
        kind: &str,
        id: Option<&str>,
        members: impl FnOnce(&mut Json),
    ) {
        j.element(|j| j.object("resource", |j| self.resource_members(j, kind, id, members)));
    }

    /// As [`Scribe::resource`], for a resource that is contained in another.
    pub(super) fn resource_members(
        &self,
        j: &mut Json,
        kind: &str,
        id: Option<&str>,
        members: impl FnOnce(&mut Json),
    ) {
        j.text("resourceType", kind);
        if let Some(id) = id {
            j.text("id", id);
        }
        let administrative =
            matches!(kind, "Patient" | "Organization" | "Practitioner" | "PractitionerRole" | "Location");
        j.object("meta", |j| {
            if administrative {
                j.text("versionId", &self.version(id.unwrap_or_default()));
                if self.tpp() {
                    j.text("lastUpdated", &Moment { day: RETRIEVAL_DAY, second: 30_000 }.text());
                }
            }
            let name = if kind == "Condition" { "ProblemHeader-Condition" } else { kind };
            j.array("profile", |j| j.text_element(&format!("{STRUCTURE}CareConnect-GPC-{name}-1")));
        });
        members(j);
    }

    /// The business identifier: a GUID prefix and the id without dashes for EMIS, the id for the others. Vision's
    /// system is not known; it is that of the specification's examples.
    pub(super) fn identifier(&self, j: &mut Json, id: &str) {
        let (system, value) = match self.recipe.supplier {
            Supplier::Emis => {
                let value = format!("{}{id}", self.patient_id()).replace('-', "");
                (format!("https://EMISWeb/{}", self.recipe.patient.practice_ods), value)
            }
            Supplier::Tpp => ("https://tpp-uk.com/Id/ccs-id".to_owned(), id.to_owned()),
            Supplier::Medicus => ("https://medicus.health".to_owned(), id.to_owned()),
            Supplier::Vision => ("https://provider.nhs.uk/data-identifier".to_owned(), id.to_owned()),
        };
        j.array("identifier", |j| {
            j.element(|j| {
                j.text("system", &system);
                j.text("value", &value);
            })
        });
    }

    pub(super) fn reference(&self, j: &mut Json, name: &str, target: &str) {
        j.object(name, |j| j.text("reference", target));
    }

    pub(super) fn subject(&self, j: &mut Json, name: &str) {
        self.reference(j, name, &format!("Patient/{}", self.patient_id()));
    }

    /// A person: a name alone for TPP, a Practitioner for the others.
    pub(super) fn person(&self, j: &mut Json, name: &str, clinician: usize) {
        if !self.tpp() {
            self.reference(j, name, &format!("Practitioner/{}", self.id(Of::Practitioner, clinician)));
        } else {
            j.object(name, |j| j.text("display", &self.clinician_name(clinician)));
        }
    }

    pub(super) fn coding(&self, j: &mut Json, system: &str, code: &str, display: &str) {
        j.text("system", system);
        j.text("code", code);
        j.text("display", display);
    }

    /// A CodeableConcept of one coding without extension.
    pub(super) fn plain_concept(&self, j: &mut Json, name: &str, system: &str, code: &str, display: &str) {
        j.object(name, |j| j.array_of_one("coding", |j| self.coding(j, system, code, display)));
    }

    /// A clinical concept: the Read code that the user picked and SNOMED CT for EMIS, both codes for Vision, SNOMED CT
    /// alone for TPP and Medicus.
    pub(super) fn concept(&self, j: &mut Json, name: &str, term: &Term, text: Option<&str>) {
        j.object(name, |j| self.concept_members(j, term, text));
    }

    /// What stands in such a concept.
    pub(super) fn concept_members(&self, j: &mut Json, term: &Term, text: Option<&str>) {
        j.array("coding", |j| {
            if self.emis() || self.vision() {
                j.element(|j| {
                    self.coding(j, "http://read.info/readv2", term.read, term.display);
                    if self.emis() {
                        j.literal("userSelected", "true");
                    }
                });
            }
            j.element(|j| {
                self.description(j, term);
                self.coding(j, SNOMED, term.snomed, term.display);
            });
        });
        if let Some(text) = text {
            j.text("text", text);
        }
    }

    /// The SNOMED CT description, under the host that the supplier uses; Medicus uses both.
    fn description(&self, j: &mut Json, term: &Term) {
        let other = self.tpp() || (self.medicus() && term.description.ends_with(['3', '4']));
        let host = if other { "fhir.hl7.org.uk" } else { "fhir.nhs.uk" };
        j.array_of_one("extension", |j| {
            j.text("url", &format!("https://{host}/STU3/StructureDefinition/Extension-coding-sctdescid"));
            j.array_of_one("extension", |j| {
                j.text("url", "descriptionId");
                j.text("valueId", term.description);
            });
        });
    }

    /// `Type/id` of an item.
    pub(super) fn target(&self, item: Item) -> String {
        match item {
            Item::Observation(index) => format!("Observation/{}", self.id(Of::Observation, index)),
            Item::Plan(index) => format!("MedicationRequest/{}", self.plan_id(index)),
            Item::Order(index, issue) => format!("MedicationRequest/{}", self.order_id(index, issue)),
            Item::Allergy(index) => format!("AllergyIntolerance/{}", self.id(Of::Allergy, index)),
            Item::Other(index) => {
                let kind = other_type(self.plan.others[index].kind);
                format!("{kind}/{}", self.id(Of::Other, index))
            }
        }
    }

    pub(super) fn encounter(&self, consultation: usize) -> String {
        format!("Encounter/{}", self.id(Of::Encounter, consultation))
    }

    pub(super) fn id(&self, of: Of, index: usize) -> String {
        self.ids.id(of, index)
    }

    pub(super) fn patient_id(&self) -> String {
        self.id(Of::Patient, 0)
    }

    /// When something of that day was typed in: EMIS keeps a fraction of a second, the others full seconds.
    pub(super) fn recorded(&self, day: Day, draw: usize) -> String {
        let moment = Moment { day, second: 30_000 + (draw % 30_000) as u32 };
        if self.emis() { moment.with_milliseconds((draw % 1_000) as u32) } else { moment.text() }
    }

    fn version(&self, id: &str) -> String {
        let sum =
            id.bytes().fold(self.recipe.seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        if self.tpp() { format!("{sum:016X}{:016X}", sum.rotate_left(17)) } else { sum.to_string() }
    }

    fn uuid(&self) -> String {
        Ids::new(self.recipe.seed, Supplier::Emis).id(Of::Practice, 1).to_lowercase()
    }
}

/// The FHIR type of a resource outside the tables.
pub(super) fn other_type(kind: OtherKind) -> &'static str {
    match kind {
        OtherKind::Immunisation => "Immunization",
        OtherKind::Diary => "ProcedureRequest",
        OtherKind::Document => "DocumentReference",
        OtherKind::Referral => "ReferralRequest",
        OtherKind::Report => "DiagnosticReport",
    }
}
