use super::Supplier;
use super::calendar::{Moment, RETRIEVAL_DAY, days_before};
use super::ids::Of;
use super::json::Json;
use super::scribe::{SNOMED, STRUCTURE, SYSTEM, Scribe};
use super::terms::{Drug, MIXTURE};
use super::therapy::{Kind, Status, Therapy};

impl Scribe<'_> {
    /// Statements, plans and orders. EMIS writes all requests before all statements; TPP writes each statement
    /// before its plan, its orders and its Medication, the others each before its Medication, plan and orders.
    /// Returns where the last statement's note may grow.
    pub(super) fn therapies(&self, j: &mut Json) -> usize {
        let mut filler = 0;
        let all = 0..self.plan.therapies.len();
        if self.emis() {
            all.clone().for_each(|index| self.requests(j, index));
            all.for_each(|index| filler = self.statement(j, index));
        } else {
            for index in all {
                filler = self.statement(j, index);
                if self.tpp() {
                    self.requests(j, index);
                    self.medication(j, index);
                } else {
                    self.medication(j, index);
                    self.requests(j, index);
                }
            }
        }
        filler
    }

    /// All Medications, EMIS; each once, though the parts of a split plan share it.
    pub(super) fn medications(&self, j: &mut Json) {
        (0..self.plan.therapies.len()).for_each(|index| self.medication(j, index));
    }

    /// EMIS: the stem, a suffix for an earlier part. TPP: the statement's id and `_plan`. Vision: that and `-p`.
    /// Medicus: an id of its own.
    pub(super) fn plan_id(&self, index: usize) -> String {
        let therapy = &self.plan.therapies[index];
        match self.recipe.supplier {
            Supplier::Emis => format!("{}{}", self.id(Of::Therapy, therapy.stem), therapy.suffix),
            Supplier::Tpp => format!("{}_plan", self.id(Of::Therapy, index)),
            Supplier::Vision => format!("{}-p", self.id(Of::Therapy, index)),
            Supplier::Medicus => self.id(Of::Plan, index),
        }
    }

    pub(super) fn statement_id(&self, index: usize) -> String {
        if self.emis() { format!("{}-MS", self.plan_id(index)) } else { self.id(Of::Therapy, index) }
    }

    pub(super) fn order_id(&self, index: usize, issue: usize) -> String {
        let id = self.id(Of::Order, index * 64 + issue);
        if self.tpp() { format!("{id}_order") } else { id }
    }

    fn medication(&self, j: &mut Json, index: usize) {
        let therapy = &self.plan.therapies[index];
        if therapy.stem != self.earliest_with_stem(index) {
            return;
        }
        let drug = therapy.drug;
        self.resource(j, "Medication", Some(&self.id(Of::Medication, therapy.stem)), |j| {
            j.object("code", |j| {
                j.array("coding", |j| {
                    let degraded = drug.dmd == MIXTURE.dmd;
                    if !degraded {
                        self.local_drug_code(j, drug);
                    }
                    let display = if degraded { "Transfer-degraded medication entry" } else { drug.name };
                    j.element(|j| self.coding(j, SNOMED, drug.dmd, display));
                });
                // Vision's text is neither of its displays.
                if drug.dmd == MIXTURE.dmd {
                    j.text("text", drug.name);
                } else if self.vision() {
                    j.text("text", &drug.name.to_uppercase());
                }
            });
        });
    }

    /// The supplier's own code before that of dm+d: EMIS' as the user picked it, Vision's Gemscript.
    fn local_drug_code(&self, j: &mut Json, drug: &Drug) {
        match self.recipe.supplier {
            Supplier::Emis => j.element(|j| {
                self.coding(j, "https://fhir.hl7.org.uk/Id/emis-drug-codes", drug.emis, drug.name);
                j.literal("userSelected", "true");
            }),
            Supplier::Vision => j.element(|j| {
                let digits: u32 = drug.dmd.bytes().take(8).fold(0, |sum, digit| sum * 7 + u32::from(digit));
                let code = format!("{:08}", digits % 100_000_000);
                let system = "https://fhir.hl7.org.uk/Id/resipuk-gemscript-drug-codes";
                self.coding(j, system, &code, &format!("{} (Gemscript)", drug.name));
            }),
            Supplier::Tpp | Supplier::Medicus => {}
        }
    }

    /// The stem of the first therapy that shares this one's, and `usize::MAX` for the others that do.
    fn earliest_with_stem(&self, index: usize) -> usize {
        let stem = self.plan.therapies[index].stem;
        let shared = index > 0 && self.plan.therapies[index - 1].stem == stem;
        if shared { usize::MAX } else { stem }
    }

    fn statement(&self, j: &mut Json, index: usize) -> usize {
        let therapy = &self.plan.therapies[index];
        let id = self.statement_id(index);
        let last = index + 1 == self.plan.therapies.len();
        let mut filler = 0;
        self.resource(j, "MedicationStatement", Some(&id), |j| {
            if self.emis() {
                self.statement_extensions(j, therapy);
            }
            self.identifier(j, &id);
            j.array_of_one("basedOn", |j| {
                j.text("reference", &format!("MedicationRequest/{}", self.plan_id(index)));
            });
            if let Some(consultation) = self.authorised_in(therapy, index) {
                self.reference(j, "context", &self.encounter(consultation));
            }
            j.text("status", therapy.status.code());
            self.medication_reference(j, therapy);
            j.object("effectivePeriod", |j| period(j, therapy.start, therapy.end));
            j.text("dateAsserted", &self.authored(therapy, index));
            self.subject(j, "subject");
            j.text("taken", "unk");
            if last || (self.emis() && index.is_multiple_of(3)) {
                j.array_of_one("note", |j| {
                    j.text("text", "Prescriber Notes: synthetic record. ");
                    filler = j.inside_last_string();
                });
            }
            j.array_of_one("dosage", |j| self.dosage(j, therapy, index));
            if !self.emis() {
                self.statement_extensions(j, therapy);
            }
        });
        filler
    }

    /// The consultation that statement and plan name.
    fn authorised_in(&self, therapy: &Therapy, index: usize) -> Option<usize> {
        therapy.consultation.filter(|_| self.recipe.supplier.ties_statement(index))
    }

    /// When the plan was authored: its start, unless that is still to come.
    fn authored(&self, therapy: &Therapy, index: usize) -> String {
        self.recorded(therapy.start.min(days_before(RETRIEVAL_DAY, 1)), index * 37)
    }

    fn statement_extensions(&self, j: &mut Json, therapy: &Therapy) {
        let (code, display) = if therapy.elsewhere {
            ("prescribed-by-another-organisation", "Prescribed by another organisation")
        } else {
            ("prescribed-at-gp-practice", "Prescribed at GP practice")
        };
        j.array("extension", |j| {
            j.element(|j| {
                j.text("url", &format!("{STRUCTURE}Extension-CareConnect-GPC-PrescribingAgency-1"));
                j.object("valueCodeableConcept", |j| {
                    let system = format!("{SYSTEM}CareConnect-PrescribingAgency-1");
                    j.array_of_one("coding", |j| self.coding(j, &system, code, display));
                    if therapy.elsewhere {
                        j.text("text", "Hospital");
                    }
                });
            });
            let Some(day) = therapy.last_issue() else { return };
            // EMIS sends midnight, TPP the day: both mean the day.
            let text = if self.emis() { Moment::midnight(day).text() } else { day.to_string() };
            j.element(|j| {
                j.text(
                    "url",
                    &format!("{STRUCTURE}Extension-CareConnect-GPC-MedicationStatementLastIssueDate-1"),
                );
                j.text("valueDateTime", &text);
            });
        });
    }

    /// The plan, then its orders.
    fn requests(&self, j: &mut Json, index: usize) {
        self.request(j, index, None);
        (0..self.plan.therapies[index].issues.len()).for_each(|issue| self.request(j, index, Some(issue)));
    }

    fn request(&self, j: &mut Json, index: usize, issue: Option<usize>) {
        let therapy = &self.plan.therapies[index];
        let order = issue.map(|issue| &therapy.issues[issue]);
        let plan_id = self.plan_id(index);
        let id = issue.map_or_else(|| plan_id.clone(), |issue| self.order_id(index, issue));
        self.resource(j, "MedicationRequest", Some(&id), |j| {
            self.request_extensions(j, therapy, index, issue.is_none());
            self.identifier(j, &id);
            if order.is_some() {
                let plan = format!("MedicationRequest/{plan_id}");
                j.array_of_one("basedOn", |j| j.text("reference", &plan));
            } else if let Some(prior) = therapy.prior {
                let prior = format!("MedicationRequest/{}", self.plan_id(prior));
                self.reference(j, "priorPrescription", &prior);
            }
            j.object("groupIdentifier", |j| j.text("value", &plan_id.to_lowercase()));
            j.text("status", order.map_or(therapy.status, |order| order.status).code());
            j.text("intent", if order.is_some() { "order" } else { "plan" });
            self.medication_reference(j, therapy);
            self.subject(j, "subject");
            self.request_context(j, therapy, index, issue);
            j.text("authoredOn", &self.authored(therapy, index));
            if self.emis() || self.medicus() {
                j.object("requester", |j| self.person(j, "agent", therapy.clinician));
            }
            self.person(j, "recorder", therapy.clinician);
            self.request_note(j, therapy, issue);
            j.array_of_one("dosageInstruction", |j| self.dosage(j, therapy, index));
            self.dispense_request(j, therapy, issue);
        });
    }

    fn request_context(&self, j: &mut Json, therapy: &Therapy, index: usize, issue: Option<usize>) {
        let consultation = match issue {
            Some(issue) => therapy.issues[issue].consultation.filter(|_| therapy.issues[issue].has_context),
            None => self.authorised_in(therapy, index),
        };
        if let Some(consultation) = consultation {
            self.reference(j, "context", &self.encounter(consultation));
        }
    }

    /// A cancelled issue gives its reason in a note alone.
    fn request_note(&self, j: &mut Json, therapy: &Therapy, issue: Option<usize>) {
        let Some(issue) = issue.filter(|_| self.emis()) else { return };
        let cancelled = therapy.issues[issue].status == Status::Stopped;
        let text = if cancelled {
            "Cancellation Reason: Prescribed in error".to_owned()
        } else {
            format!("Patient Notes:Issue number {}", issue + 1)
        };
        j.array_of_one("note", |j| j.text("text", &text));
    }

    fn request_extensions(&self, j: &mut Json, therapy: &Therapy, index: usize, plan: bool) {
        let (code, display) = therapy.kind.code();
        let repeats =
            plan && !therapy.elsewhere && matches!(therapy.kind, Kind::Repeat | Kind::RepeatDispensing);
        j.array("extension", |j| {
            if repeats {
                j.element(|j| self.repeat_information(j, therapy));
            }
            if let Some((reason, day)) = therapy.reason.filter(|_| plan) {
                j.element(|j| self.status_reason(j, reason, &day.to_string()));
            }
            j.element(|j| {
                j.text("url", &format!("{STRUCTURE}Extension-CareConnect-GPC-PrescriptionType-1"));
                let system = format!("{SYSTEM}CareConnect-PrescriptionType-1");
                // Medicus sometimes has no code for it.
                if self.medicus() && index.is_multiple_of(4) {
                    j.object("valueCodeableConcept", |j| j.text("text", "No information available"));
                } else {
                    self.plain_concept(j, "valueCodeableConcept", &system, code, display);
                }
            });
        });
    }

    fn repeat_information(&self, j: &mut Json, therapy: &Therapy) {
        j.text("url", &format!("{STRUCTURE}Extension-CareConnect-GPC-MedicationRepeatInformation-1"));
        j.array("extension", |j| {
            if let Some(allowed) = therapy.allowed {
                let name = if self.tpp() { "valuePositiveInt" } else { "valueUnsignedInt" };
                j.element(|j| {
                    j.text("url", "numberOfRepeatPrescriptionsAllowed");
                    j.literal(name, &allowed.to_string());
                });
            }
            j.element(|j| {
                j.text("url", "numberOfRepeatPrescriptionsIssued");
                j.literal("valueUnsignedInt", &therapy.issues.len().to_string());
            });
            if let Some(expiry) = therapy.expiry {
                j.element(|j| {
                    j.text("url", "authorisationExpiryDate");
                    j.text("valueDateTime", &Moment::midnight(expiry).text());
                });
            }
        });
    }

    fn status_reason(&self, j: &mut Json, reason: &str, day: &str) {
        j.text("url", &format!("{STRUCTURE}Extension-CareConnect-GPC-MedicationStatusReason-1"));
        j.array("extension", |j| {
            j.element(|j| {
                j.text("url", "statusReason");
                j.object("valueCodeableConcept", |j| j.text("text", reason));
            });
            j.element(|j| {
                j.text("url", "statusChangeDate");
                j.text("valueDateTime", day);
            });
        });
    }

    fn medication_reference(&self, j: &mut Json, therapy: &Therapy) {
        let medication = format!("Medication/{}", self.id(Of::Medication, therapy.stem));
        self.reference(j, "medicationReference", &medication);
    }

    fn dosage(&self, j: &mut Json, therapy: &Therapy, index: usize) {
        j.text("text", therapy.drug.dosage);
        if index % 4 == 1 {
            j.text("patientInstruction", "Swallow whole with a glass of water");
        }
    }

    /// TPP gives a value and a text that holds only the unit, the others a value with its unit. Vision gives no
    /// duration.
    fn dispense_request(&self, j: &mut Json, therapy: &Therapy, issue: Option<usize>) {
        let (start, end) = match issue.map(|issue| therapy.issues[issue].day) {
            Some(day) => (day, Some(days_before(day, -therapy.drug.days))),
            None => (therapy.start, therapy.end),
        };
        j.object("dispenseRequest", |j| {
            j.object("validityPeriod", |j| period(j, start, end));
            j.object("quantity", |j| {
                let value = therapy.drug.quantity.to_string();
                if !self.tpp() {
                    j.literal("value", &value);
                    j.text("unit", therapy.drug.unit);
                } else {
                    j.array_of_one("extension", |j| {
                        j.text(
                            "url",
                            &format!("{STRUCTURE}Extension-CareConnect-GPC-MedicationQuantityText-1"),
                        );
                        j.text("valueString", therapy.drug.unit);
                    });
                    j.literal("value", &value);
                }
            });
            if self.vision() {
                return;
            }
            j.object("expectedSupplyDuration", |j| {
                j.literal("value", &therapy.drug.days.to_string());
                j.text("unit", "day");
                j.text("system", "http://unitsofmeasure.org");
                j.text("code", "d");
            });
        });
    }
}

fn period(j: &mut Json, start: bedside_model::Day, end: Option<bedside_model::Day>) {
    j.text("start", &start.to_string());
    if let Some(end) = end {
        j.text("end", &end.to_string());
    }
}
