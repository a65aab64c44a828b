//! Generated bundles, with what must stand in the tables because of them.
//!
//! A record is generated element by element: each is sent as it should be, in a JSON type that is read all the
//! same, in one that cannot be read, as null, or not at all; what its column must hold is noted beside it.

use std::borrow::Cow;

use bedside_model::schema::Table;

use super::json::Json;
use super::random::Random;

/// What a column must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Held {
    Text(Option<String>),
    /// As text, with the two days that it names.
    Date(Option<String>),
    Texts(Vec<String>),
    /// One field of a list of structs.
    Field(&'static str, Vec<Option<String>>),
}

/// A cell that must be so: the row is the one of a table that an entry of the bundle gives.
#[derive(Debug, Clone)]
pub struct Expected {
    pub table: Table,
    pub entry: u32,
    pub column: Cow<'static, str>,
    pub held: Held,
}

/// A generated bundle.
#[derive(Debug, Clone)]
pub struct Generated {
    /// Each item of `Bundle.entry`.
    pub entries: Vec<Json>,
    pub expected: Vec<Expected>,
    /// Entries that repeat an earlier one and give no row of their own.
    pub repeated: Vec<u32>,
    pub types: Vec<(&'static str, usize)>,
}

impl Generated {
    /// The document around the entries.
    pub fn bundle(&self) -> Json {
        bundle_of(self.entries.clone())
    }
}

/// A bundle of these entries.
pub fn bundle_of(entries: Vec<Json>) -> Json {
    Json::object([
        ("resourceType", Json::text("Bundle")),
        ("id", Json::text("b")),
        ("type", Json::text("collection")),
        ("entry", Json::List(entries)),
    ])
}

/// What may be generated.
#[derive(Clone, Copy)]
pub struct Shapes {
    /// Elements of wrong JSON types.
    pub wrong_types: bool,
    /// Entries that repeat others, and those that contradict them.
    pub repeats: bool,
}

impl Shapes {
    pub const ALL: Self = Self { wrong_types: true, repeats: true };
    pub const WELL_FORMED: Self = Self { wrong_types: false, repeats: false };
}

/// A bundle.
pub fn generate(random: &mut Random, shapes: Shapes) -> Generated {
    let mut maker = Maker { random, shapes, made: Generated::empty(), row: (Table::Medications, 0), id: 0 };
    maker.person();
    for _ in 0..1 + maker.random.below(5) {
        maker.resource();
    }
    maker.lists();
    if shapes.repeats && maker.random.chance(15) {
        maker.repeat();
    }
    maker.made
}

impl Generated {
    fn empty() -> Self {
        Self { entries: Vec::new(), expected: Vec::new(), repeated: Vec::new(), types: Vec::new() }
    }
}

/// Pieces of text that have gone wrong somewhere: white space, controls, scripts, look-alikes, fragments.
const PIECES: [&str; 40] = [
    "one tablet",
    "28",
    " ",
    "  ",
    "\r\n",
    "\n",
    "\t",
    "\u{0}",
    "\u{1}",
    "\u{8}",
    "\u{c}",
    "\u{1b}[31m",
    "\u{1f}",
    "\u{7f}",
    "\"",
    "\\",
    "\\\\",
    "\\u0041",
    "/",
    "</script>",
    "&amp;",
    "=cmd|",
    "'; --",
    "{}",
    "[1]",
    "null",
    "½",
    "µg",
    "μg",
    "é",
    "e\u{301}",
    "\u{200d}",
    "\u{202e}",
    "\u{feff}",
    "\u{2028}",
    "\u{fffd}",
    "😀",
    "𝄞",
    "\u{10ffff}",
    "a long run of plain text that reaches over the edge of one block of sixty-four bytes and then some",
];

const DATES: [&str; 24] = [
    "2010",
    "2010-06",
    "2010-06-09",
    "2012-02-29",
    "2010-06-09T10:00:00+01:00",
    "2010-06-09T10:00:00.123Z",
    "2010-06-09T10:00",
    "2025-12-31",
    "2026-01-15",
    "2027-03-01",
    "1900-02-29",
    "2010-13",
    "2010-02-30",
    "0000",
    "2010-06-09T24:00:00Z",
    "2010/06/09",
    " 2010-06-09",
    "2010-06-09 ",
    "40338",
    "yesterday",
    "",
    "2010-6-9",
    "2010-06-09T10:00:00+14:01",
    "２０１０",
];

const NUMBERS: [&str; 16] = [
    "0",
    "-0",
    "28",
    "28.0",
    "28.000",
    "0.10",
    "1e3",
    "1E+03",
    "1e-400",
    "1e309",
    "-1.50",
    "12345678901234567890123",
    "0.1234567890123456789012345678901234567890123456789012345",
    "100.00",
    "9007199254740993",
    "3.14159",
];

const STATUSES: [&str; 10] = [
    "active",
    "completed",
    "stopped",
    "resolved",
    "inactive",
    "finished",
    "unknown",
    "Active ",
    "",
    "planned",
];

struct Maker<'r> {
    random: &'r mut Random,
    shapes: Shapes,
    made: Generated,
    /// Where the cells of the record being made stand.
    row: (Table, u32),
    id: u32,
}

impl Maker<'_> {
    fn expect(&mut self, column: impl Into<Cow<'static, str>>, held: Held) {
        let (table, entry) = self.row;
        self.made.expected.push(Expected { table, entry, column: column.into(), held });
    }

    fn push(&mut self, resource: Json) -> usize {
        self.made.entries.push(Json::object([("resource", resource)]));
        self.made.entries.len() - 1
    }

    fn begin(&mut self, kind: &'static str, table: Table) -> Json {
        self.row = (table, self.made.entries.len() as u32);
        self.made.types.push((kind, self.made.entries.len()));
        Json::object([("resourceType", Json::text(kind))])
    }

    // Values of the right and the wrong JSON type.

    fn words(&mut self) -> String {
        (0..self.random.below(5)).map(|_| self.random.pick(&PIECES)).collect()
    }

    /// A scalar and what its column holds.
    fn scalar(&mut self, text: String) -> (Option<Json>, Option<String>) {
        if !self.shapes.wrong_types {
            return (Some(Json::Text(text.clone())), Some(text));
        }
        match self.random.below(100) {
            0..6 => (None, None),
            6..9 => (Some(Json::null()), None),
            9..13 => {
                let number = self.random.pick(&NUMBERS);
                (Some(Json::raw(number)), Some(number.to_owned()))
            }
            13..15 => (Some(Json::raw("true")), Some("true".into())),
            15..18 => (Some(Json::List(vec![Json::Text(text.clone())])), Some(text)),
            18..19 => (Some(Json::List(vec![])), None),
            19..20 => (Some(Json::List(vec![Json::Text(text.clone()), Json::Text(text)])), None),
            20..21 => (Some(Json::object([("text", Json::Text(text))])), None),
            _ => (Some(Json::Text(text.clone())), Some(text)),
        }
    }

    fn number(&mut self) -> (Option<Json>, Option<String>) {
        let number = self.random.pick(&NUMBERS);
        let (sent, held) = (Json::raw(number), Some(number.to_owned()));
        if !self.shapes.wrong_types {
            return (Some(sent), held);
        }
        match self.random.below(100) {
            0..6 => (None, None),
            6..9 => (Some(Json::null()), None),
            9..16 => (Some(Json::text(number)), held),
            16..19 => (Some(Json::List(vec![sent])), held),
            19..21 => (Some(Json::raw("false")), None),
            21..22 => (Some(Json::List(vec![sent.clone(), sent])), None),
            _ => (Some(sent), held),
        }
    }

    /// An object as sent, and whether it can be read.
    fn object(&mut self, object: Json) -> (Json, bool) {
        if !self.shapes.wrong_types {
            return (object, true);
        }
        match self.random.below(100) {
            0..4 => (Json::List(vec![object]), true),
            4..5 => (Json::null(), false),
            5..6 => (Json::text("text"), false),
            6..7 => (Json::List(vec![object.clone(), object]), false),
            7..8 => (Json::raw("7"), false),
            _ => (object, true),
        }
    }

    /// A list as sent: one item may stand alone, nulls may stand between.
    fn list(&mut self, mut items: Vec<Json>) -> Json {
        if self.shapes.wrong_types {
            if items.len() == 1 && self.random.chance(10) {
                return items.remove(0);
            }
            if self.random.chance(5) {
                let place = self.random.below(items.len() + 1);
                items.insert(place, Json::null());
            }
        }
        Json::List(items)
    }

    // Elements: put into a resource, and expected in a column.

    fn text(&mut self, into: &mut Json, key: &'static str, column: &'static str) {
        let text = self.words();
        self.text_of(into, key, column, text);
    }

    fn code(&mut self, into: &mut Json, key: &'static str, column: &'static str) {
        let text = self.random.pick(&STATUSES).to_owned();
        self.text_of(into, key, column, text);
    }

    fn text_of(&mut self, into: &mut Json, key: &'static str, column: &'static str, text: String) {
        let (sent, held) = self.scalar(text);
        sent.into_iter().for_each(|sent| into.put(key, sent));
        self.expect(column, Held::Text(held));
    }

    fn date(&mut self, into: &mut Json, key: &'static str, column: &'static str) {
        let date = self.random.pick(&DATES).to_owned();
        let (sent, held) = self.scalar(date);
        sent.into_iter().for_each(|sent| into.put(key, sent));
        self.expect(column, Held::Date(held));
    }

    fn count(&mut self, into: &mut Json, key: &'static str) -> Option<String> {
        let (sent, held) = self.number();
        sent.into_iter().for_each(|sent| into.put(key, sent));
        held
    }

    /// An id that no other record has, with any characters before its number.
    fn identity(&mut self, into: &mut Json, column: &'static str) {
        self.id += 1;
        let id = format!("{}-{}", self.words(), self.id);
        into.put("id", Json::text(&id));
        self.expect(column, Held::Text(Some(id)));
    }

    /// Elements that every record has.
    fn common(&mut self, into: &mut Json) {
        if self.random.chance(50) {
            let (mut sent, mut systems, mut values) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..1 + self.random.below(2) {
                let mut identifier = Json::object([]);
                systems.push(self.member(&mut identifier, "system"));
                values.push(self.member(&mut identifier, "value"));
                sent.push(identifier);
            }
            into.put("identifier", self.list(sent));
            self.expect("identifiers", Held::Field("system", systems));
            self.expect("identifiers", Held::Field("value", values));
        }
        if self.random.chance(50) {
            let (mut sent, mut texts) = (Vec::new(), Vec::new());
            for _ in 0..1 + self.random.below(2) {
                let mut note = Json::object([]);
                texts.extend(self.member(&mut note, "text"));
                sent.push(note);
            }
            into.put("note", self.list(sent));
            self.expect("notes", Held::Texts(texts));
        }
        if self.random.chance(30) {
            let extension = self.unknown_extension();
            into.put("x-extension", extension);
        }
        if self.random.chance(60) {
            into.put("subject", reference("Patient/p"));
        }
    }

    fn member(&mut self, into: &mut Json, key: &'static str) -> Option<String> {
        let text = self.words();
        let (sent, held) = self.scalar(text);
        sent.into_iter().for_each(|sent| into.put(key, sent));
        held
    }

    fn unknown_extension(&mut self) -> Json {
        let value = Json::Text(self.words());
        Json::List(vec![Json::object([
            ("url", Json::text("https://example.org/Extension-Unknown-1")),
            ("valueString", value),
        ])])
    }

    /// A concept of one or two codings, and the cells of it.
    fn concept(&mut self, column: &'static str) -> Json {
        let mut concept = Json::object([]);
        let text = self.member(&mut concept, "text");
        let fields = ["system", "code", "display"];
        let mut held: [Vec<Option<String>>; 3] = Default::default();
        let mut codings = Vec::new();
        for _ in 0..1 + self.random.below(2) {
            let mut coding = Json::object([]);
            for (field, held) in fields.iter().zip(&mut held) {
                held.push(self.member(&mut coding, field));
            }
            codings.push(coding);
        }
        let sole = codings.len() == 1;
        concept.put("coding", self.list(codings));
        let (sent, readable) = self.object(concept);
        let text = text.filter(|_| readable);
        self.expect(format!("{column}_text"), Held::Text(text));
        for (field, held) in fields.into_iter().zip(held) {
            let held = if readable { held } else { Vec::new() };
            if sole {
                let only = held.first().cloned().flatten();
                self.expect(format!("{column}_{field}"), Held::Text(only));
            }
            self.expect(format!("{column}_codings"), Held::Field(field, held));
        }
        sent
    }

    fn period(&mut self, start: &'static str, end: &'static str) -> Json {
        let mark = self.made.expected.len();
        let mut period = Json::object([]);
        self.date(&mut period, "start", start);
        self.date(&mut period, "end", end);
        let (sent, readable) = self.object(period);
        self.forget_unless(readable, mark);
        sent
    }

    /// Cells expected since `mark` are empty after all, where what holds them cannot be read.
    fn forget_unless(&mut self, readable: bool, mark: usize) {
        for expected in self.made.expected[mark..].iter_mut().filter(|_| !readable) {
            match &mut expected.held {
                Held::Text(held) | Held::Date(held) => *held = None,
                Held::Texts(held) => held.clear(),
                Held::Field(_, held) => held.clear(),
            }
        }
    }

    fn extension(&mut self, name: &str, value: &'static str, sent: Option<Json>) -> Json {
        let host = self.random.pick(&[
            "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-",
            "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-",
            "http://fhir.hl7.org.uk/StructureDefinition/extension-careconnect-",
        ]);
        let mut extension = Json::object([("url", Json::Text(format!("{host}{name}-1")))]);
        sent.into_iter().for_each(|sent| extension.put(value, sent));
        extension
    }

    /// A Dosage, written as it stands so that its compact JSON is known.
    fn dosage(&mut self) -> (Json, [Option<String>; 3]) {
        let mut dosage = Json::object([]);
        let text = self.member(&mut dosage, "text");
        let instruction = self.member(&mut dosage, "patientInstruction");
        let more = self.random.chance(40);
        if more {
            let timing = Json::Text(self.words());
            dosage.put("timing", Json::object([("code", timing), ("value", Json::raw("1.50"))]));
        }
        let compact = dosage.write(Default::default(), self.random);
        let structured = more.then(|| compact.clone());
        (Json::Raw(Cow::Owned(format!("[{compact}]"))), [text, instruction, structured])
    }

    // Resources.

    fn person(&mut self) {
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

    fn resource(&mut self) {
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

    fn allergy(&mut self) {
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

    fn reactions(&mut self, allergy: &mut Json) {
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

    fn problem(&mut self) {
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

    fn encounter(&mut self) {
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

    fn statement_and_plan(&mut self) {
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

    fn expect_dosage(&mut self, dosage: [Option<String>; 3]) {
        let [text, instruction, structured] = dosage;
        self.expect("dosage_text", Held::Text(text));
        self.expect("patient_instruction", Held::Text(instruction));
        self.expect("dosage_structured", Held::Text(structured));
    }

    /// What a plan says for itself; its dosage.
    fn plan(&mut self, plan: &mut Json) -> [Option<String>; 3] {
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

    fn dispense_request(&mut self, period: Option<(&'static str, &'static str)>) -> Json {
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
    fn expect_notes_once(&mut self, since: usize) {
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

    fn lone_plan(&mut self) {
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

    fn issue(&mut self) {
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

    /// A resource that supports rows, or one that no table shows.
    fn other(&mut self) {
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

    /// References of every form: known, forward, dangling, contained, bare, malformed, display only.
    fn any_reference(&mut self) -> Json {
        let known = 1 + self.random.below(self.id as usize + 3);
        let words = self.words();
        match self.random.below(10) {
            0..3 => Json::object([("reference", Json::Text(format!("MedicationRequest/plan-{known}")))]),
            3 => Json::object([("reference", Json::Text(format!("Observation/o-{known}")))]),
            4 => Json::object([("reference", Json::text("Encounter/gone")), ("display", Json::Text(words))]),
            5 => Json::object([("reference", Json::Text(format!("#{words}")))]),
            6 => Json::object([("reference", Json::Text(format!("o-{known}")))]),
            7 => Json::object([("reference", Json::Text(words))]),
            8 => Json::object([("display", Json::Text(words))]),
            _ => self.random.pick(&["{}", "null", "[]", "\"Encounter/e\""]).into(),
        }
    }

    /// Lists of one area and of a consultation, naming what there is and what is not.
    fn lists(&mut self) {
        const CODES: [&str; 8] = [
            "886921000000105",
            "1103671000000101",
            "933361000000108",
            "717711000000103",
            "1149501000000101",
            "325851000000107",
            "826501000000100",
            "problems-medications-related-to-problems",
        ];
        for code in CODES {
            if self.random.chance(80) {
                continue;
            }
            let mut items = Vec::new();
            for _ in 0..self.random.below(4) {
                let item = self.any_reference();
                items.push(Json::object([("item", item)]));
            }
            let coding = Json::object([("code", Json::text(code))]);
            let mut list = Json::object([
                ("resourceType", Json::text("List")),
                ("code", Json::object([("coding", Json::List(vec![coding]))])),
                ("entry", Json::List(items)),
            ]);
            self.made.types.push(("List", self.made.entries.len()));
            if self.random.chance(40) {
                let id = self.id;
                self.made.types.push(("Observation", self.made.entries.len()));
                list.put(
                    "contained",
                    Json::List(vec![Json::object([
                        ("resourceType", Json::text("Observation")),
                        ("id", Json::Text(format!("c-{id}"))),
                    ])]),
                );
            }
            if self.random.chance(30) {
                let warning =
                    self.extension("ListWarningCode", "valueCode", Some(Json::text("data-in-transit")));
                list.put("extension", Json::List(vec![warning]));
            }
            self.push(list);
        }
    }

    /// The same entry again, or its id with another content.
    fn repeat(&mut self) {
        let place = self.random.below(self.made.entries.len());
        let again = self.made.entries[place].clone();
        let Json::Object(members) = &again else { return };
        let Some((_, Json::Object(resource))) = members.first() else { return };
        let known = resource.iter().any(|(key, _)| key == "id");
        let entry = self.made.entries.len();
        let kinds = self.made.types.iter().filter(|(_, sent)| *sent == place).map(|(kind, _)| (*kind, entry));
        let kinds: Vec<_> = kinds.collect();
        self.made.types.extend(kinds);
        if known {
            self.made.repeated.push(entry as u32);
        }
        self.made.entries.push(again);
    }
}

impl From<&'static str> for Json {
    fn from(text: &'static str) -> Self {
        Self::raw(text)
    }
}

/// A reference to something.
pub fn reference(to: &str) -> Json {
    Json::object([("reference", Json::text(to))])
}
