//! MedicationStatement, MedicationRequest and Medication as sent (`medications` sheet, sections 2 to 7).

use super::concepts::preferred;
use super::elements::{Concept, Dosage, Head, Identifier, Reference, keep_first};
use super::json::{Json, Members, get};
use super::reader::{Extension, Reader};

/// `medication[x]`.
#[derive(Debug, Clone, Default)]
pub struct Medicine {
    pub reference: Reference,
    pub concept: Concept,
}

#[derive(Debug, Clone, Default)]
pub struct Statement {
    pub head: Head,
    pub agency: Concept,
    pub last_issue: Option<String>,
    pub dosage_changed: Option<String>,
    pub based_on: Vec<Reference>,
    pub context: Reference,
    pub status: Option<String>,
    pub medicine: Medicine,
    pub start: Option<String>,
    pub end: Option<String>,
    pub asserted: Option<String>,
    pub dosage: Dosage,
}

/// A plan or an issue.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub head: Head,
    pub intent: Option<String>,
    pub status: Option<String>,
    pub prescription_type: Option<String>,
    pub based_on: Vec<Reference>,
    pub prior: Reference,
    pub context: Reference,
    pub medicine: Medicine,
    pub authored_on: Option<String>,
    pub requester: Reference,
    pub on_behalf_of: Reference,
    pub recorder: Reference,
    pub performer: Reference,
    pub dosage: Dosage,
    /// Of the validity period.
    pub start: Option<String>,
    pub end: Option<String>,
    pub quantity_value: Option<String>,
    pub quantity_unit: Option<String>,
    pub quantity_text: Option<String>,
    pub supply: Duration,
    pub group: Identifier,
    pub allowed: Option<u32>,
    pub issued: Option<u32>,
    pub expiry: Option<String>,
    pub reason: Concept,
    pub status_changed: Option<String>,
}

/// A number of something.
#[derive(Debug, Clone, Default)]
pub struct Duration {
    pub value: Option<String>,
    pub unit: Option<String>,
    pub code: Option<String>,
}

impl Duration {
    /// Whether it is in a unit, as its code says, else its unit; where neither says anything it is.
    pub fn is_in(&self, says_so: fn(&str) -> bool) -> bool {
        let trimmed = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_lowercase();
        let (code, unit) = (trimmed(&self.code), trimmed(&self.unit));
        match (code.is_empty(), unit.is_empty()) {
            (false, _) => says_so(&code),
            (true, false) => says_so(&unit),
            (true, true) => true,
        }
    }
}

impl Request {
    pub fn is_plan(&self) -> bool {
        super::text::word(&self.intent) == "plan"
    }

    /// The supply in days; none in another unit.
    pub fn supply_days(&self) -> Option<String> {
        self.supply.value.clone().filter(|_| self.supply.is_in(says_days))
    }
}

pub fn says_days(unit: &str) -> bool {
    unit == "d" || unit.starts_with("day")
}

impl Reader<'_> {
    pub fn statement(&mut self, members: Members<'_, '_>) -> Statement {
        let (start, end) = self.period(get(members, "effectivePeriod"));
        let moment = self.text(get(members, "effectiveDateTime"));
        let mut statement = Statement {
            head: self.head(members),
            based_on: self.references(get(members, "basedOn")),
            context: self.reference(get(members, "context")),
            status: self.text(get(members, "status")),
            medicine: self.medicine(members),
            start: start.or(moment),
            end,
            asserted: self.text(get(members, "dateAsserted")),
            dosage: self.dosages(get(members, "dosage")),
            ..Statement::default()
        };
        for extension in self.extensions(members) {
            match extension.name.as_str() {
                "medicationstatementlastissuedate" => {
                    keep_first(&mut statement.last_issue, self.value_text(&extension));
                }
                "dosagelastchanged"
                | "medicationdosagelastchanged"
                | "medicationstatementdosagelastchanged" => {
                    keep_first(&mut statement.dosage_changed, self.value_text(&extension));
                }
                "prescribingagency" => {
                    let agency = self.value_concept(&extension);
                    if statement.agency.is_empty() {
                        statement.agency = agency;
                    }
                }
                _ => {}
            }
        }
        statement
    }

    fn medicine(&mut self, members: Members<'_, '_>) -> Medicine {
        Medicine {
            reference: self.reference(get(members, "medicationReference")),
            concept: self.concept(get(members, "medicationCodeableConcept")),
        }
    }

    pub fn request(&mut self, members: Members<'_, '_>) -> Request {
        let requester = self.object(get(members, "requester"));
        let mut request = Request {
            head: self.head(members),
            intent: self.text(get(members, "intent")),
            status: self.text(get(members, "status")),
            based_on: self.references(get(members, "basedOn")),
            prior: self.reference(get(members, "priorPrescription")),
            context: self.reference(get(members, "context")),
            medicine: self.medicine(members),
            authored_on: self.text(get(members, "authoredOn")),
            requester: self.reference(get(requester, "agent")),
            on_behalf_of: self.reference(get(requester, "onBehalfOf")),
            recorder: self.reference(get(members, "recorder")),
            dosage: self.dosages(get(members, "dosageInstruction")),
            group: self.identifier(get(members, "groupIdentifier")),
            ..Request::default()
        };
        self.dispense(get(members, "dispenseRequest"), &mut request);
        for extension in self.extensions(members) {
            match extension.name.as_str() {
                "prescriptiontype" => {
                    let kind = self.prescription_type(&extension);
                    keep_first(&mut request.prescription_type, kind);
                }
                "medicationrepeatinformation" => self.repeats(&extension, &mut request),
                "medicationstatusreason" => self.status_reason(&extension, &mut request),
                _ => {}
            }
        }
        request
    }

    fn prescription_type(&mut self, extension: &Extension<'_, '_>) -> Option<String> {
        let concept = self.value_concept(extension);
        let text = concept.text.clone().filter(|_| concept.codings.is_empty());
        preferred(&concept).code.or(text)
    }

    fn dispense(&mut self, value: Option<&Json<'_>>, request: &mut Request) {
        let members = self.object(value);
        (request.start, request.end) = self.period(get(members, "validityPeriod"));
        let quantity = self.object(get(members, "quantity"));
        request.quantity_value = self.number(get(quantity, "value"));
        request.quantity_unit = self.text(get(quantity, "unit"));
        // The specification's page puts the text beside the quantity, all data inside it.
        let inside = self.quantity_text(quantity);
        request.quantity_text = inside.or(self.quantity_text(members));
        request.supply = self.duration(get(members, "expectedSupplyDuration"));
        request.performer = self.reference(get(members, "performer"));
    }

    fn quantity_text(&mut self, members: Members<'_, '_>) -> Option<String> {
        let mut text = None;
        for extension in self.extensions(members) {
            if extension.name == "medicationquantitytext" {
                keep_first(&mut text, self.value_text(&extension));
            }
        }
        text
    }

    pub fn duration(&mut self, value: Option<&Json<'_>>) -> Duration {
        let members = self.object(value);
        Duration {
            value: self.number(get(members, "value")),
            unit: self.text(get(members, "unit")),
            code: self.text(get(members, "code")),
        }
    }

    fn repeats(&mut self, extension: &Extension<'_, '_>, request: &mut Request) {
        for part in self.extensions(extension.members) {
            for (_, value) in part.values() {
                if part.is_named(&["numberOfRepeatPrescriptionsAllowed"]) {
                    keep_first(&mut request.allowed, self.count(Some(value)));
                } else if part.is_named(&["numberOfRepeatPrescriptionsIssued"]) {
                    keep_first(&mut request.issued, self.count(Some(value)));
                } else if part.is_named(&["authorisationExpiryDate"]) {
                    keep_first(&mut request.expiry, self.text(Some(value)));
                }
            }
        }
    }

    fn status_reason(&mut self, extension: &Extension<'_, '_>, request: &mut Request) {
        for part in self.extensions(extension.members) {
            for (key, value) in part.values() {
                if part.is_named(&["statusChangeDate", "date"]) {
                    keep_first(&mut request.status_changed, self.text(Some(value)));
                } else if part.is_named(&["statusReason", "reason"]) {
                    if key != "valueCodeableConcept" {
                        keep_first(&mut request.reason.text, self.text(Some(value)));
                        continue;
                    }
                    let reason = self.concept(Some(value));
                    if request.reason.is_empty() {
                        request.reason = reason;
                    }
                }
            }
        }
    }
}
