use super::calendar::Moment;
use super::ids::Of;
use super::json::Json;
use super::plan::{Consultation, Item};
use super::scribe::{SNOMED, STRUCTURE, SYSTEM, Scribe};
use super::terms::{EMIS_CONSULTATIONS, HEADINGS, TPP_CONSULTATIONS, UNSUPPORTED};

/// Most items under one EMIS heading.
const HEADING_ITEMS: usize = 3;

impl Scribe<'_> {
    pub(super) fn encounters(&self, j: &mut Json) {
        for (index, consultation) in self.plan.sent_consultations().iter().enumerate() {
            let id = self.id(Of::Encounter, index);
            self.resource(j, "Encounter", Some(&id), |j| {
                self.identifier(j, &id);
                j.text("status", if consultation.draft { "unknown" } else { "finished" });
                j.array_of_one("type", |j| j.text("text", self.consultation_type(consultation)));
                self.subject(j, "subject");
                self.participants(j, consultation);
                j.object("period", |j| j.text("start", &self.clinical_time(consultation.at, index)));
                j.array_of_one("location", |j| {
                    if !self.tpp() {
                        let site = format!("Location/{}", self.id(Of::Site, consultation.site));
                        self.reference(j, "location", &site);
                    } else {
                        j.object("location", |j| j.text("display", &self.site_name(consultation.site)));
                    }
                });
                if self.emis() {
                    self.reference(j, "serviceProvider", &self.practice_reference());
                }
            });
        }
    }

    fn participants(&self, j: &mut Json, consultation: &Consultation) {
        j.array("participant", |j| {
            j.element(|j| {
                let system = "http://hl7.org/fhir/v3/ParticipationType";
                j.array_of_one("type", |j| {
                    j.array_of_one("coding", |j| self.coding(j, system, "PPRF", "primary performer"));
                });
                self.person(j, "individual", consultation.clinician);
            });
            j.element(|j| {
                let system = format!("{SYSTEM}GPConnect-ParticipantType-1");
                j.array_of_one("type", |j| {
                    j.array_of_one("coding", |j| self.coding(j, &system, "REC", "recorder"));
                });
                // The usual GP is the one Practitioner whom TPP sends.
                let usual = format!("Practitioner/{}", self.id(Of::Practitioner, 0));
                self.reference(j, "individual", &usual);
            });
        });
    }

    /// Topmost lists of the structure.
    pub(super) fn consultation_lists(&self, j: &mut Json) {
        for (index, consultation) in self.plan.sent_consultations().iter().enumerate() {
            let id =
                format!("{}{}", self.id(Of::Encounter, index), if self.tpp() { "_Topics" } else { "-LST" });
            let title = self.consultation_type(consultation);
            self.structure_list(j, index, &id, "325851000000107", "Consultation", Some(title), None, |j| {
                self.list_item(j, &format!("List/{}", self.topic_id(index)));
            });
        }
    }

    /// One topic for each consultation. The topics of EMIS and Medicus hold headings, the others' hold the items.
    pub(super) fn topic_lists(&self, j: &mut Json) {
        for (index, consultation) in self.plan.sent_consultations().iter().enumerate() {
            let id = self.topic_id(index);
            let titled = self.medicus() || (self.emis() && index.is_multiple_of(7));
            let title = titled.then_some("Review");
            let problem = consultation.problem.filter(|_| self.emis());
            self.structure_list(j, index, &id, "25851000000105", "Topic (EHR)", title, problem, |j| {
                if self.has_headings() {
                    for heading in 0..consultation.items.chunks(HEADING_ITEMS).len() {
                        self.list_item(j, &format!("List/{id}-HD{heading}"));
                    }
                    return;
                }
                consultation.items.iter().for_each(|item| self.list_item(j, &self.target(*item)));
                if let Some(draw) = consultation.unsupported {
                    let display = UNSUPPORTED[draw % UNSUPPORTED.len()];
                    j.element(|j| j.object("item", |j| j.text("display", display)));
                }
            });
        }
    }

    /// Headings, the fourth level, where there is one.
    pub(super) fn category_lists(&self, j: &mut Json) {
        if !self.has_headings() {
            return;
        }
        for (index, consultation) in self.plan.sent_consultations().iter().enumerate() {
            for (heading, items) in consultation.items.chunks(HEADING_ITEMS).enumerate() {
                let id = format!("{}-HD{heading}", self.topic_id(index));
                let title = match items[0] {
                    Item::Plan(_) | Item::Order(..) => "Medication",
                    Item::Allergy(_) => "Allergy",
                    _ => HEADINGS[heading % HEADINGS.len()],
                };
                self.structure_list(
                    j,
                    index,
                    &id,
                    "24781000000107",
                    "Category (EHR)",
                    Some(title),
                    None,
                    |j| {
                        items.iter().for_each(|item| self.list_item(j, &self.target(*item)));
                    },
                );
            }
        }
    }

    fn has_headings(&self) -> bool {
        self.emis() || self.medicus()
    }

    pub(super) fn topic_id(&self, consultation: usize) -> String {
        format!("{}{}", self.id(Of::Encounter, consultation), if self.tpp() { "_NoTopic" } else { "-PG0" })
    }

    pub(super) fn list_item(&self, j: &mut Json, target: &str) {
        j.element(|j| self.reference(j, "item", target));
    }

    fn consultation_type(&self, consultation: &Consultation) -> &'static str {
        let types = if self.tpp() { TPP_CONSULTATIONS } else { EMIS_CONSULTATIONS };
        types[consultation.kind % types.len()]
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the eight things in which the three levels of list differ"
    )]
    fn structure_list(
        &self,
        j: &mut Json,
        consultation: usize,
        id: &str,
        code: &str,
        display: &str,
        title: Option<&str>,
        problem: Option<usize>,
        entries: impl FnOnce(&mut Json),
    ) {
        self.resource(j, "List", Some(id), |j| {
            if let Some(problem) = problem {
                j.array_of_one("extension", |j| self.related_problem(j, problem, None));
            }
            j.text("status", "current");
            j.text("mode", "snapshot");
            if let Some(title) = title {
                j.text("title", title);
            }
            self.plain_concept(j, "code", SNOMED, code, display);
            self.subject(j, "subject");
            self.reference(j, "encounter", &self.encounter(consultation));
            let at: Moment = self.plan.consultations[consultation].at;
            j.text("date", &self.recorded(at.day, consultation * 53));
            self.ordered_by(j, "system", "Sorted by System");
            j.array("entry", entries);
        });
    }

    pub(super) fn ordered_by(&self, j: &mut Json, code: &str, display: &str) {
        self.plain_concept(j, "orderedBy", "http://hl7.org/fhir/list-order", code, display);
    }

    /// The General practice service of every list that answers a query.
    pub(super) fn clinical_setting(&self, j: &mut Json) {
        j.element(|j| {
            j.text("url", &format!("{STRUCTURE}Extension-CareConnect-GPC-ClinicalSetting-1"));
            let display = "General practice service";
            self.plain_concept(j, "valueCodeableConcept", SNOMED, "1060971000000108", display);
        });
    }
}
