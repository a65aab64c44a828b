use super::calendar::Moment;
use super::ids::Of;
use super::json::Json;
use super::manner::Reaction;
use super::plan::{Allergy, Problem};
use super::scribe::{SNOMED, STRUCTURE, Scribe};
use super::terms::{AGENTS, ERUPTION, NO_KNOWN_ALLERGY, PROBLEMS};

const CARE_CONNECT: &str = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-";

impl Scribe<'_> {
    /// Top-level allergies: the active ones, and for TPP the ended ones as well, which it also contains in the
    /// Ended allergies list.
    pub(super) fn allergies(&self, j: &mut Json) {
        for (index, allergy) in self.plan.allergies.iter().enumerate() {
            if allergy.ended.is_none() || self.tpp() {
                let id = self.id(Of::Allergy, index);
                self.resource(j, "AllergyIntolerance", Some(&id), |j| self.allergy(j, &id, allergy, index));
            }
        }
    }

    /// The members of an allergy, top level or contained.
    pub(super) fn allergy(&self, j: &mut Json, id: &str, allergy: &Allergy, index: usize) {
        self.allergy_extensions(j, allergy);
        self.identifier(j, id);
        j.text("clinicalStatus", if allergy.ended.is_some() { "resolved" } else { "active" });
        j.text("verificationStatus", "unconfirmed");
        let environmental = matches!(allergy.agent, Some(3..=5 | 9..));
        j.array("category", |j| j.text_element(if environmental { "environment" } else { "medication" }));
        self.allergy_code(j, allergy);
        self.subject(j, "patient");
        if let Some(onset) = allergy.onset {
            let day = onset.to_string();
            j.text("onsetDateTime", if index % 5 == 2 { &day[..4] } else { &day });
        }
        let asserted = self.recorded(allergy.asserted, index * 41);
        j.text("assertedDate", if allergy.month_only { &asserted[..7] } else { &asserted });
        let usual = format!("Practitioner/{}", self.id(Of::Practitioner, 0));
        self.reference(j, "recorder", &usual);
        if let Some(note) = self.recipe.supplier.allergy_note(index) {
            j.array_of_one("note", |j| j.text("text", note));
        }
        let reaction = self.recipe.supplier.reaction(index).filter(|_| allergy.agent.is_some());
        if let Some(reaction) = reaction {
            j.array_of_one("reaction", |j| self.reaction(j, reaction));
        }
    }

    /// Coded as the supplier codes, or a null flavour that carries the severity alone.
    fn reaction(&self, j: &mut Json, reaction: Reaction) {
        j.array("manifestation", |j| {
            j.element(|j| match reaction {
                Reaction::Coded => self.concept_members(j, &ERUPTION, None),
                Reaction::NoInformation => {
                    let system = "http://hl7.org/fhir/v3/NullFlavor";
                    j.array_of_one("coding", |j| self.coding(j, system, "NI", "NoInformation"));
                }
            });
        });
        if self.vision() {
            j.text("severity", "moderate");
        }
    }

    fn allergy_extensions(&self, j: &mut Json, allergy: &Allergy) {
        if allergy.consultation.is_none() && allergy.ended.is_none() {
            return;
        }
        j.array("extension", |j| {
            if let Some(consultation) = allergy.consultation {
                j.element(|j| {
                    j.text("url", "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter");
                    self.reference(j, "valueReference", &self.encounter(consultation));
                });
            }
            if let Some(ended) = allergy.ended {
                j.element(|j| {
                    j.text("url", &format!("{STRUCTURE}Extension-CareConnect-GPC-AllergyIntoleranceEnd-1"));
                    j.array("extension", |j| {
                        j.element(|j| {
                            j.text("url", "endDate");
                            j.text("valueDateTime", &ended.to_string());
                        });
                        j.element(|j| {
                            j.text("url", "reasonEnded");
                            j.text("valueString", "No information available");
                        });
                    });
                });
            }
        });
    }

    fn allergy_code(&self, j: &mut Json, allergy: &Allergy) {
        let Some(agent) = allergy.agent else {
            return self.concept(j, "code", &NO_KNOWN_ALLERGY, None);
        };
        let term = &AGENTS[agent];
        if allergy.degraded {
            j.object("code", |j| {
                let display = "Transfer-degraded drug allergy";
                j.array_of_one("coding", |j| self.coding(j, SNOMED, "196461000000101", display));
                j.text("text", "Synthetic Elixir (unmapped)");
            });
        } else if self.tpp() || self.vision() {
            self.concept(j, "code", term, Some(&term.display.to_uppercase()));
        } else {
            self.concept(j, "code", term, None);
        }
    }

    pub(super) fn problems(&self, j: &mut Json) {
        for (index, problem) in self.plan.problems.iter().enumerate() {
            let id = self.problem_id(index);
            self.resource(j, "Condition", Some(&id), |j| {
                self.problem_extensions(j, problem, index);
                self.identifier(j, &id);
                j.text("clinicalStatus", if problem.abated.is_some() { "inactive" } else { "active" });
                j.array_of_one("category", |j| {
                    // Medicus has either of two systems.
                    let system = if self.medicus() && index.is_multiple_of(2) {
                        "http://hl7.org/fhir/condition-category"
                    } else {
                        "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-ConditionCategory-1"
                    };
                    let display = "Problem List Item";
                    j.array_of_one("coding", |j| self.coding(j, system, "problem-list-item", display));
                });
                self.concept(j, "code", &PROBLEMS[problem.term], None);
                self.subject(j, "subject");
                if self.recipe.supplier.ties_problem(index) {
                    self.reference(j, "context", &self.encounter(problem.consultation));
                }
                let onset = problem.onset.to_string();
                if !self.medicus() || index.is_multiple_of(2) {
                    j.text("onsetDateTime", if index % 6 == 1 { &onset[..7] } else { &onset });
                }
                if let Some(abated) = problem.abated {
                    j.text("abatementDateTime", &abated.to_string());
                }
                let seen = &self.plan.consultations[problem.consultation];
                j.text("assertedDate", &self.recorded(seen.at.day, index * 43));
                self.person(j, "asserter", seen.clinician);
                j.array_of_one("note", |j| j.text("text", "Synthetic problem, long duration"));
            });
        }
    }

    pub(super) fn problem_id(&self, index: usize) -> String {
        let id = self.id(Of::Problem, index);
        if self.emis() { format!("{id}-PROB") } else { id }
    }

    fn problem_extensions(&self, j: &mut Json, problem: &Problem, index: usize) {
        j.array("extension", |j| {
            if let Some(actual) = problem.actual {
                // EMIS uses either of two URLs.
                let url = if self.emis() && index % 5 == 4 {
                    format!("{STRUCTURE}Extension-CareConnect-GPC-ActualProblem-1")
                } else {
                    format!("{CARE_CONNECT}ActualProblem-1")
                };
                self.reference_extension(j, &url, &self.target(actual));
            }
            if let Some((other, role)) = problem.related {
                j.element(|j| self.related_problem(j, other, Some(role)));
            }
            let content = format!("{CARE_CONNECT}RelatedClinicalContent-1");
            self.reference_extension(j, &content, &self.encounter(problem.consultation));
            if self.emis() {
                let topic = format!("List/{}", self.topic_id(problem.consultation));
                self.reference_extension(j, &content, &topic);
            }
            for item in &problem.content {
                self.reference_extension(j, &content, &self.target(*item));
            }
            j.element(|j| {
                j.text("url", &format!("{CARE_CONNECT}ProblemSignificance-1"));
                j.text("valueCode", if problem.major { "major" } else { "minor" });
            });
        });
    }

    /// RelatedProblemHeader: on a problem with the other's role, on a topic without.
    pub(super) fn related_problem(&self, j: &mut Json, problem: usize, role: Option<&str>) {
        j.text("url", &format!("{CARE_CONNECT}RelatedProblemHeader-1"));
        j.array("extension", |j| {
            if let Some(role) = role {
                j.element(|j| {
                    j.text("url", "type");
                    j.text("valueCode", role);
                });
            }
            j.element(|j| {
                j.text("url", "target");
                self.reference(j, "valueReference", &format!("Condition/{}", self.problem_id(problem)));
            });
        });
    }

    fn reference_extension(&self, j: &mut Json, url: &str, target: &str) {
        j.element(|j| {
            j.text("url", url);
            self.reference(j, "valueReference", target);
        });
    }

    /// Clinical time: EMIS gives the minute, TPP often the day alone.
    pub(super) fn clinical_time(&self, at: Moment, index: usize) -> String {
        if !self.emis() && index.is_multiple_of(2) { at.day.to_string() } else { at.text() }
    }
}
