//! Medicines: a statement and its plan, a plan alone, an issue.

use bedside_model::schema::Table;

use super::super::json::Json;
use super::{Held, Maker};

impl Maker<'_> {
    pub(super) fn statement_and_plan(&mut self) {
        let mut statement = self.begin("MedicationStatement", Table::Medications);
        let row = self.row;
        self.identity(&mut statement, "medication_id");
        self.code(&mut statement, "status", "status");
        self.date(&mut statement, "dateAsserted", "date_asserted");
        let period = self.period("effective_start", "effective_end");
        statement.put("effectivePeriod", period);
        let medicine = self.concept("medication");
        // An absent element would leave the plan's drug to show; one that cannot be read is this record's own.
        statement.put("medicationCodeableConcept", medicine);
        let mut last = self.extension("MedicationStatementLastIssueDate", "valueDateTime", None);
        self.date(&mut last, "valueDateTime", "last_issue");
        statement.put("extension", Json::List(vec![last]));
        let (dosage, own) = self.dosage();
        statement.put("dosage", dosage);
        self.expect("statement_dosage_text", Held::Text(own[0].clone()));
        let plan_id = format!("plan-{}", self.id);
        statement.put(
            "basedOn",
            Json::List(vec![Json::object([(
                "reference",
                Json::Text(format!("MedicationRequest/{plan_id}")),
            )])]),
        );
        self.expect("plan_id", Held::Text(Some(plan_id.clone())));
        self.common(&mut statement);
        self.push(statement);
        let mut plan = self.begin("MedicationRequest", Table::Medications);
        self.row = row;
        plan.put("id", Json::Text(plan_id));
        let planned = self.plan(&mut plan);
        let shown = if planned.iter().any(Option::is_some) { planned } else { own };
        self.expect_dosage(shown);
        self.push(plan);
    }

    pub(super) fn expect_dosage(&mut self, dosage: [Option<String>; 3]) {
        let [text, instruction, structured] = dosage;
        self.expect("dosage_text", Held::Text(text));
        self.expect("patient_instruction", Held::Text(instruction));
        self.expect("dosage_structured", Held::Text(structured));
    }

    /// What a plan says for itself; its dosage.
    pub(super) fn plan(&mut self, plan: &mut Json) -> [Option<String>; 3] {
        plan.put("intent", Json::text("plan"));
        self.code(plan, "status", "plan_status");
        self.date(plan, "authoredOn", "authored_on");
        let dispense = self.dispense_request(None);
        plan.put("dispenseRequest", dispense);
        let mut expiry = Json::object([("url", Json::text("authorisationExpiryDate"))]);
        self.date(&mut expiry, "valueDateTime", "authorisation_expiry");
        let mut changed = Json::object([("url", Json::text("statusChangeDate"))]);
        self.date(&mut changed, "valueDateTime", "status_changed");
        let mut reason = Json::object([("url", Json::text("statusReason"))]);
        let mut concept = Json::object([]);
        let text = self.member(&mut concept, "text");
        self.expect("status_reason", Held::Text(text));
        reason.put("valueCodeableConcept", concept);
        let extensions = vec![
            self.extension("MedicationRepeatInformation", "extension", Some(Json::List(vec![expiry]))),
            self.extension("MedicationStatusReason", "extension", Some(Json::List(vec![changed, reason]))),
        ];
        plan.put("extension", Json::List(extensions));
        if self.random.chance(40) {
            let prior = self.any_reference();
            plan.put("priorPrescription", prior);
        }
        if self.random.chance(70) {
            let (dosage, held) = self.dosage();
            plan.put("dosageInstruction", dosage);
            return held;
        }
        [None, None, None]
    }

    pub(super) fn dispense_request(&mut self, period: Option<(&'static str, &'static str)>) -> Json {
        let mark = self.made.expected.len();
        let mut request = Json::object([]);
        if let Some((start, end)) = period {
            let period = self.period(start, end);
            request.put("validityPeriod", period);
        }
        let within = self.made.expected.len();
        let mut quantity = Json::object([]);
        let value = self.count(&mut quantity, "value");
        self.expect("quantity_value", Held::Text(value));
        self.text(&mut quantity, "unit", "quantity_unit");
        let mut text = self.extension("MedicationQuantityText", "valueString", None);
        self.text(&mut text, "valueString", "quantity_text");
        quantity.put("extension", Json::List(vec![text]));
        let (quantity, readable) = self.object(quantity);
        self.forget_unless(readable, within);
        request.put("quantity", quantity);
        let mut supply = Json::object([("unit", Json::text("day"))]);
        let days = self.count(&mut supply, "value");
        self.expect("supply_days", Held::Text(days));
        request.put("expectedSupplyDuration", supply);
        let (request, readable) = self.object(request);
        self.forget_unless(readable, mark);
        request
    }

    /// Of the notes of a plan each is shown once.
    pub(super) fn expect_notes_once(&mut self, since: usize) {
        for expected in &mut self.made.expected[since..] {
            if let Held::Texts(notes) = &mut expected.held {
                let mut once: Vec<String> = Vec::new();
                for note in notes.drain(..) {
                    if !once.contains(&note) {
                        once.push(note);
                    }
                }
                *notes = once;
            }
        }
    }

    pub(super) fn lone_plan(&mut self) {
        let mut plan = self.begin("MedicationRequest", Table::Medications);
        self.expect("medication_id", Held::Text(None));
        self.identity(&mut plan, "plan_id");
        let dosage = self.plan(&mut plan);
        self.expect_dosage(dosage);
        let medicine = self.concept("medication");
        plan.put("medicationCodeableConcept", medicine);
        let since = self.made.expected.len();
        self.common(&mut plan);
        self.expect_notes_once(since);
        self.push(plan);
    }

    pub(super) fn issue(&mut self) {
        let mut issue = self.begin("MedicationRequest", Table::MedicationIssues);
        self.identity(&mut issue, "issue_id");
        let intent = self.random.pick(&["order", "Order", " order", "", "proposal"]).to_owned();
        self.text_of(&mut issue, "intent", "intent", intent);
        self.code(&mut issue, "status", "status");
        self.date(&mut issue, "authoredOn", "authored_on");
        let dispense = self.dispense_request(Some(("issued", "issue_end")));
        issue.put("dispenseRequest", dispense);
        let medicine = self.concept("medication");
        issue.put("medicationCodeableConcept", medicine);
        let (dosage, held) = self.dosage();
        issue.put("dosageInstruction", dosage);
        self.expect_dosage(held);
        let system = Json::text("https://fhir.nhs.uk/Id/prescription-order-number");
        let mut group = Json::object([("system", system)]);
        self.text(&mut group, "value", "eps_prescription_id");
        issue.put("groupIdentifier", group);
        if self.random.chance(60) {
            let plan = self.any_reference();
            issue.put("basedOn", Json::List(vec![plan]));
        }
        if self.random.chance(40) {
            issue.put("context", self.any_reference());
        }
        self.common(&mut issue);
        self.push(issue);
    }
}
