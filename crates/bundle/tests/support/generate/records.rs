//! Resources of every kind but those of medicines.

use bedside_model::schema::Table;

use super::super::json::Json;
use super::{Held, Maker};

impl Maker<'_> {
    pub(super) fn person(&mut self) {
        self.made.types.push(("Patient", 0));
        let name =
            Json::object([("family", Json::text("Ward")), ("given", Json::List(vec![Json::text("Ada")]))]);
        let patient = Json::object([
            ("resourceType", Json::text("Patient")),
            ("id", Json::text("p")),
            ("name", Json::List(vec![name])),
            ("birthDate", Json::text("1950-01-01")),
        ]);
        self.push(patient);
    }

    pub(super) fn resource(&mut self) {
        match self.random.below(12) {
            0..3 => self.allergy(),
            3..5 => self.problem(),
            5..6 => self.encounter(),
            6..8 => self.statement_and_plan(),
            8..9 => self.lone_plan(),
            9..11 => self.issue(),
            _ => self.other(),
        }
    }

    pub(super) fn allergy(&mut self) {
        let mut allergy = self.begin("AllergyIntolerance", Table::Allergies);
        self.identity(&mut allergy, "allergy_id");
        self.code(&mut allergy, "clinicalStatus", "clinical_status");
        self.text(&mut allergy, "verificationStatus", "verification_status");
        self.text(&mut allergy, "type", "type");
        self.text(&mut allergy, "criticality", "criticality");
        self.date(&mut allergy, "onsetDateTime", "onset");
        self.date(&mut allergy, "assertedDate", "asserted");
        self.date(&mut allergy, "lastOccurrence", "last_occurrence");
        if self.random.chance(80) {
            let code = self.concept("allergy");
            allergy.put("code", code);
        }
        if self.random.chance(40) {
            let mut end = Vec::new();
            let (mut date, mut reason) = (
                Json::object([("url", Json::text("endDate"))]),
                Json::object([("url", Json::text("reasonEnded"))]),
            );
            self.date(&mut date, "valueDateTime", "ended");
            self.text(&mut reason, "valueString", "ended_reason");
            end.extend([date, reason]);
            let extension = self.extension("AllergyIntoleranceEnd", "extension", Some(Json::List(end)));
            allergy.put("extension", Json::List(vec![extension]));
        }
        if self.random.chance(60) {
            self.reactions(&mut allergy);
        }
        self.common(&mut allergy);
        self.push(allergy);
    }

    pub(super) fn reactions(&mut self, allergy: &mut Json) {
        let (mut sent, mut severities, mut descriptions) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..1 + self.random.below(2) {
            let mut reaction = Json::object([]);
            severities.push(self.member(&mut reaction, "severity"));
            descriptions.push(self.member(&mut reaction, "description"));
            sent.push(reaction);
        }
        allergy.put("reaction", self.list(sent));
        self.expect("reactions", Held::Field("severity", severities));
        self.expect("reactions", Held::Field("description", descriptions));
    }

    pub(super) fn problem(&mut self) {
        let mut problem = self.begin("Condition", Table::Problems);
        self.identity(&mut problem, "problem_id");
        self.code(&mut problem, "clinicalStatus", "clinical_status");
        self.date(&mut problem, "onsetDateTime", "onset");
        self.date(&mut problem, "abatementDateTime", "abatement");
        self.date(&mut problem, "assertedDate", "asserted");
        let code = self.concept("problem");
        problem.put("code", code);
        let mut significance = self.extension("ProblemSignificance", "valueCode", None);
        self.text(&mut significance, "valueCode", "significance");
        let mut extensions = vec![significance];
        if self.random.chance(60) {
            let target = self.any_reference();
            let name = self.random.pick(&["ActualProblem", "RelatedClinicalContent"]);
            extensions.push(self.extension(name, "valueReference", Some(target)));
        }
        let extensions = self.list(extensions);
        problem.put("extension", extensions);
        if self.random.chance(40) {
            problem.put("context", self.any_reference());
        }
        self.common(&mut problem);
        self.push(problem);
    }

    pub(super) fn encounter(&mut self) {
        let mut encounter = self.begin("Encounter", Table::Consultations);
        self.identity(&mut encounter, "consultation_id");
        self.code(&mut encounter, "status", "status");
        let kind = self.concept("type");
        encounter.put("type", Json::List(vec![kind]));
        let period = self.period("start", "end");
        encounter.put("period", period);
        let mut length = Json::object([("unit", Json::text("min"))]);
        let minutes = self.count(&mut length, "value");
        let (length, readable) = self.object(length);
        encounter.put("length", length);
        self.expect("length_minutes", Held::Text(minutes.filter(|_| readable)));
        self.common(&mut encounter);
        self.push(encounter);
    }

    /// A resource that supports rows, or one that no table shows.
    pub(super) fn other(&mut self) {
        let kind = self.random.pick(&[
            "Observation",
            "Immunization",
            "Practitioner",
            "Organization",
            "PractitionerRole",
            "Medication",
            "OperationOutcome",
            "Flag",
            "Basic",
            "Nonsense",
            "",
        ]);
        self.made.types.push((if kind.is_empty() { "unknown" } else { kind }, self.made.entries.len()));
        let mut resource = Json::object([("resourceType", Json::text(kind))]);
        if self.random.chance(80) {
            self.id += 1;
            resource.put("id", Json::Text(format!("o-{}", self.id)));
        }
        let text = Json::Text(self.words());
        resource
            .put("x-text", Json::object([("status", text), ("values", Json::List(vec![Json::raw("1.10")]))]));
        self.push(resource);
    }
}
