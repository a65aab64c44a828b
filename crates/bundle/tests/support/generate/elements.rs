//! Elements that several records share, put into a resource and expected in a column.

use std::borrow::Cow;

use super::super::json::Json;
use super::values::{DATES, STATUSES};
use super::{Held, Maker};

impl Maker<'_> {
    pub(super) fn text(&mut self, into: &mut Json, key: &'static str, column: &'static str) {
        let text = self.words();
        self.text_of(into, key, column, text);
    }

    pub(super) fn code(&mut self, into: &mut Json, key: &'static str, column: &'static str) {
        let text = self.random.pick(&STATUSES).to_owned();
        self.text_of(into, key, column, text);
    }

    pub(super) fn text_of(&mut self, into: &mut Json, key: &'static str, column: &'static str, text: String) {
        let held = self.put(into, key, text);
        self.expect(column, Held::Text(held));
    }

    pub(super) fn date(&mut self, into: &mut Json, key: &'static str, column: &'static str) {
        let date = self.random.pick(&DATES).to_owned();
        let held = self.put(into, key, date);
        self.expect(column, Held::Date(held));
    }

    pub(super) fn count(&mut self, into: &mut Json, key: &'static str) -> Option<String> {
        let (sent, held) = self.number();
        sent.into_iter().for_each(|sent| into.put(key, sent));
        held
    }

    /// An id that no other record has, with any characters before its number.
    pub(super) fn identity(&mut self, into: &mut Json, column: &'static str) {
        self.id += 1;
        let id = format!("{}-{}", self.words(), self.id);
        into.put("id", Json::text(&id));
        self.expect(column, Held::Text(Some(id)));
    }

    /// Elements that every record has.
    pub(super) fn common(&mut self, into: &mut Json) {
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

    pub(super) fn member(&mut self, into: &mut Json, key: &'static str) -> Option<String> {
        let text = self.words();
        self.put(into, key, text)
    }

    /// Puts a scalar into a resource; what its column holds.
    pub(super) fn put(&mut self, into: &mut Json, key: &'static str, text: String) -> Option<String> {
        let (sent, held) = self.scalar(text);
        sent.into_iter().for_each(|sent| into.put(key, sent));
        held
    }

    pub(super) fn unknown_extension(&mut self) -> Json {
        let value = Json::Text(self.words());
        Json::List(vec![Json::object([
            ("url", Json::text("https://example.org/Extension-Unknown-1")),
            ("valueString", value),
        ])])
    }

    /// A concept of one or two codings, and the cells of it.
    pub(super) fn concept(&mut self, column: &'static str) -> Json {
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

    pub(super) fn period(&mut self, start: &'static str, end: &'static str) -> Json {
        let mark = self.made.expected.len();
        let mut period = Json::object([]);
        self.date(&mut period, "start", start);
        self.date(&mut period, "end", end);
        let (sent, readable) = self.object(period);
        self.forget_unless(readable, mark);
        sent
    }

    /// Cells expected since `mark` are empty after all, where what holds them cannot be read.
    pub(super) fn forget_unless(&mut self, readable: bool, mark: usize) {
        for expected in self.made.expected[mark..].iter_mut().filter(|_| !readable) {
            match &mut expected.held {
                Held::Text(held) | Held::Date(held) => *held = None,
                Held::Texts(held) => held.clear(),
                Held::Field(_, held) => held.clear(),
            }
        }
    }

    pub(super) fn extension(&mut self, name: &str, value: &'static str, sent: Option<Json>) -> Json {
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
    pub(super) fn dosage(&mut self) -> (Json, [Option<String>; 3]) {
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
}

/// A reference to something.
fn reference(to: &str) -> Json {
    Json::object([("reference", Json::text(to))])
}
