use super::calendar::days_before;
use super::ids::Of;
use super::json::Json;
use super::plan::{Observation, ObservationKind, Other, OtherKind};
use super::scribe::{SNOMED, STRUCTURE, SYSTEM, Scribe, other_type};
use super::terms::{
    BLOOD_PRESSURE, DIASTOLIC, FINDINGS, INFLUENZA_VACCINATION, MEASURES, MEDICATION_REVIEW, PROBLEMS,
    REFERRAL, SENTENCES, SYSTOLIC, Term,
};

impl Scribe<'_> {
    /// All observations. Returns where the comment of the last may grow, `None` without observations.
    pub(super) fn observations(&self, j: &mut Json) -> Option<usize> {
        let mut filler = None;
        for (index, observation) in self.plan.observations.iter().enumerate() {
            let id = self.id(Of::Observation, index);
            self.resource(j, "Observation", Some(&id), |j| {
                self.identifier(j, &id);
                j.text("status", "final");
                self.observation_code(j, observation);
                self.subject(j, "subject");
                let consultation = &self.plan.consultations[observation.consultation];
                if self.recipe.supplier.ties_observation(index) {
                    self.reference(j, "context", &self.encounter(observation.consultation));
                }
                j.text("effectiveDateTime", &self.clinical_time(consultation.at, index));
                j.text("issued", &self.recorded(consultation.at.day, observation.draw));
                j.array("performer", |j| self.performer(j, consultation.clinician));
                self.value(j, observation);
                if index + 1 == self.plan.observations.len() {
                    j.text("comment", "Synthetic narrative. ");
                    filler = Some(j.inside_last_string());
                } else {
                    self.comment(j, observation);
                }
            });
        }
        filler
    }

    fn performer(&self, j: &mut Json, clinician: usize) {
        j.element(|j| {
            if !self.tpp() {
                j.text("reference", &format!("Practitioner/{}", self.id(Of::Practitioner, clinician)));
            } else {
                j.text("display", &self.clinician_name(clinician));
            }
        });
    }

    fn observation_code(&self, j: &mut Json, observation: &Observation) {
        let term = match observation.kind {
            ObservationKind::Problem(term) => &PROBLEMS[term],
            ObservationKind::Finding(finding) => &FINDINGS[finding],
            ObservationKind::Measure(measure) => &MEASURES[measure].term,
            ObservationKind::BloodPressure => &BLOOD_PRESSURE,
            ObservationKind::Comment => {
                return self.plain_concept(j, "code", SNOMED, "37331000000100", "Comment note");
            }
        };
        self.concept(j, "code", term, None);
    }

    fn value(&self, j: &mut Json, observation: &Observation) {
        match observation.kind {
            ObservationKind::Measure(measure) => {
                let measure = &MEASURES[measure];
                let whole = between(measure.low, measure.high, observation.draw);
                // EMIS writes three decimals whatever the precision, Medicus some numbers as strings.
                let digits = if self.emis() {
                    format!("{whole}.{:03}", observation.draw % 10 * 100)
                } else {
                    whole.to_string()
                };
                let quoted = self.medicus() && observation.draw.is_multiple_of(2);
                let digits = if quoted { format!("\"{digits}\"") } else { digits };
                j.object("valueQuantity", |j| quantity(j, &digits, measure.unit));
            }
            ObservationKind::BloodPressure => j.array("component", |j| {
                let systolic = between(100, 170, observation.draw);
                j.element(|j| self.component(j, &SYSTOLIC, systolic));
                j.element(|j| self.component(j, &DIASTOLIC, systolic - 50));
            }),
            _ => {}
        }
    }

    fn component(&self, j: &mut Json, term: &Term, value: i32) {
        self.concept(j, "code", term, None);
        let digits = if self.emis() { format!("{value}.000") } else { value.to_string() };
        j.object("valueQuantity", |j| quantity(j, &digits, "mmHg"));
    }

    fn comment(&self, j: &mut Json, observation: &Observation) {
        let sentences = match observation.kind {
            ObservationKind::Comment => 1 + observation.draw % 4,
            ObservationKind::Finding(_) => observation.draw % 2,
            _ => 0,
        };
        if sentences > 0 {
            let text: String = (0..sentences)
                .map(|turn| SENTENCES[(observation.draw / 7 + turn) % SENTENCES.len()])
                .collect();
            j.text("comment", &text);
        }
    }

    /// Resources outside the tables: immunisations, diary entries, documents, referrals, reports.
    pub(super) fn others(&self, j: &mut Json) {
        for (index, other) in self.plan.others.iter().enumerate() {
            let id = self.id(Of::Other, index);
            self.resource(j, other_type(other.kind), Some(&id), |j| {
                self.identifier(j, &id);
                match other.kind {
                    OtherKind::Immunisation => self.immunisation(j, other, index),
                    OtherKind::Diary => self.diary_entry(j, other),
                    OtherKind::Document => self.document(j, other, index),
                    OtherKind::Referral => self.referral(j, other),
                    OtherKind::Report => self.report(j, other),
                }
            });
        }
    }

    fn immunisation(&self, j: &mut Json, other: &Other, index: usize) {
        let consultation = &self.plan.consultations[other.consultation];
        j.text("status", "completed");
        j.literal("notGiven", "false");
        j.object("vaccineCode", |j| j.text("text", "Synthetic influenza vaccine"));
        self.subject(j, "patient");
        self.reference(j, "encounter", &self.encounter(other.consultation));
        j.text("date", &consultation.at.text());
        j.literal("primarySource", "true");
        j.text("lotNumber", &format!("SYN{index:05}"));
        j.array_of_one("practitioner", |j| self.person(j, "actor", consultation.clinician));
        j.array_of_one("extension", |j| {
            let url = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-VaccinationProcedure-1";
            j.text("url", url);
            self.concept(j, "valueCodeableConcept", &INFLUENZA_VACCINATION, None);
        });
    }

    fn diary_entry(&self, j: &mut Json, other: &Other) {
        let consultation = &self.plan.consultations[other.consultation];
        j.text("status", "active");
        j.text("intent", "plan");
        self.concept(j, "code", &MEDICATION_REVIEW, None);
        self.subject(j, "subject");
        self.reference(j, "context", &self.encounter(other.consultation));
        j.text("occurrenceDateTime", &days_before(consultation.at.day, -365).to_string());
        j.text("authoredOn", &consultation.at.text());
        j.array_of_one("note", |j| j.text("text", "Status: Pending, synthetic recall"));
    }

    fn document(&self, j: &mut Json, other: &Other, index: usize) {
        let consultation = &self.plan.consultations[other.consultation];
        j.text("status", "current");
        j.object("type", |j| j.text("text", "Synthetic clinic letter"));
        self.subject(j, "subject");
        j.text("created", &consultation.at.text());
        j.text("indexed", &self.recorded(consultation.at.day, index * 47));
        self.reference(j, "custodian", &self.practice_reference());
        j.array_of_one("content", |j| {
            j.object("attachment", |j| {
                j.text("contentType", "application/pdf");
                j.literal("size", "25000");
            })
        });
        j.object("context", |j| self.reference(j, "encounter", &self.encounter(other.consultation)));
    }

    fn referral(&self, j: &mut Json, other: &Other) {
        let consultation = &self.plan.consultations[other.consultation];
        j.text("status", "unknown");
        j.text("intent", "order");
        j.text("priority", "routine");
        self.subject(j, "subject");
        self.reference(j, "context", &self.encounter(other.consultation));
        j.text("authoredOn", &consultation.at.text());
        j.object("requester", |j| self.person(j, "agent", consultation.clinician));
        j.array("reasonCode", |j| {
            // An element is a whole concept here, so the concept's members stand in the element itself.
            j.element(|j| {
                j.array_of_one("coding", |j| self.coding(j, SNOMED, REFERRAL.snomed, REFERRAL.display))
            });
        });
        j.array_of_one("note", |j| j.text("text", "Mode:Written\r\nTransport:None Required"));
    }

    fn report(&self, j: &mut Json, other: &Other) {
        let consultation = &self.plan.consultations[other.consultation];
        j.text("status", "unknown");
        self.plain_concept(j, "code", SNOMED, "721981007", "Diagnostic studies report");
        self.subject(j, "subject");
        self.reference(j, "context", &self.encounter(other.consultation));
        j.text("issued", &consultation.at.text());
    }

    /// TPP answers a whole-record request with a warning among the entries: it does not do investigations.
    pub(super) fn investigations_not_implemented(&self, j: &mut Json) {
        j.element(|j| {
            j.object("resource", |j| {
                j.text("resourceType", "OperationOutcome");
                let profile = format!("{STRUCTURE}GPConnect-OperationOutcome-1");
                j.object("meta", |j| j.array("profile", |j| j.text_element(&profile)));
                j.array_of_one("issue", |j| {
                    j.text("severity", "warning");
                    j.text("code", "not-supported");
                    j.object("details", |j| {
                        let system = format!("{SYSTEM}Spine-ErrorOrWarningCode-1");
                        j.array_of_one("coding", |j| {
                            self.coding(j, &system, "NOT_IMPLEMENTED", "Not implemented")
                        });
                        j.text("text", "includeInvestigations is an unrecognised parameter");
                    });
                    j.text("diagnostics", "includeInvestigations");
                });
            })
        });
    }
}

fn between(low: i32, high: i32, draw: usize) -> i32 {
    low + (draw % (high - low + 1).max(1) as usize) as i32
}

fn quantity(j: &mut Json, digits: &str, unit: &str) {
    j.literal("value", digits);
    j.text("unit", unit);
}
