//! FHIR elements that several resources share, as they were sent.

use super::json::{Json, Members, compact, get};
use super::reader::{Extension, Reader};

/// A Reference.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    pub reference: Option<String>,
    pub display: Option<String>,
    pub identifier: Identifier,
}

/// An Identifier.
#[derive(Debug, Clone, Default)]
pub struct Identifier {
    pub system: Option<String>,
    pub value: Option<String>,
}

/// A CodeableConcept.
#[derive(Debug, Clone, Default)]
pub struct Concept {
    pub codings: Vec<Coding>,
    pub text: Option<String>,
}

/// A Coding.
#[derive(Debug, Clone, Default)]
pub struct Coding {
    pub system: Option<String>,
    pub code: Option<String>,
    pub display: Option<String>,
    pub user_selected: Option<bool>,
    pub description_id: Option<String>,
    pub description_display: Option<String>,
}

/// The Dosages of a record.
#[derive(Debug, Clone, Default)]
pub struct Dosage {
    pub text: Option<String>,
    pub patient_instruction: Option<String>,
    pub structured: Option<String>,
}

/// What every clinical record has.
#[derive(Debug, Clone, Default)]
pub struct Head {
    pub identifiers: Vec<Identifier>,
    pub notes: Vec<String>,
    pub security: Vec<String>,
    pub subject: Reference,
}

impl Reference {
    /// Whether nothing stands there.
    pub fn is_absent(&self) -> bool {
        self.reference.is_none() && self.display.is_none() && self.identifier.value.is_none()
    }

    /// Whether an identifier is all that it has.
    pub fn is_by_identifier(&self) -> bool {
        self.reference.is_none() && self.display.is_none() && self.identifier.value.is_some()
    }
}

impl Concept {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.codings.is_empty() && self.text.is_none()
    }
}

impl Dosage {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.text.is_none() && self.patient_instruction.is_none() && self.structured.is_none()
    }
}

/// Keeps what is there already: of what may come once, the first counts (contract, settled cases).
pub fn keep_first<T>(kept: &mut Option<T>, later: Option<T>) {
    if kept.is_none() {
        *kept = later;
    }
}

impl Reader<'_> {
    pub fn reference(&mut self, value: Option<&Json<'_>>) -> Reference {
        let members = self.object(value);
        Reference {
            reference: self.text(get(members, "reference")),
            display: self.text(get(members, "display")),
            identifier: self.identifier(get(members, "identifier")),
        }
    }

    pub fn references(&mut self, value: Option<&Json<'_>>) -> Vec<Reference> {
        self.each(value).into_iter().map(|item| self.reference(Some(item))).collect()
    }

    pub fn identifier(&mut self, value: Option<&Json<'_>>) -> Identifier {
        let members = self.object(value);
        Identifier { system: self.text(get(members, "system")), value: self.text(get(members, "value")) }
    }

    pub fn identifiers(&mut self, value: Option<&Json<'_>>) -> Vec<Identifier> {
        self.each(value).into_iter().map(|item| self.identifier(Some(item))).collect()
    }

    pub fn concept(&mut self, value: Option<&Json<'_>>) -> Concept {
        let members = self.object(value);
        let codings = self.each(get(members, "coding"));
        Concept {
            codings: codings.into_iter().map(|coding| self.coding(coding)).collect(),
            text: self.text(get(members, "text")),
        }
    }

    pub fn concepts(&mut self, value: Option<&Json<'_>>) -> Vec<Concept> {
        self.each(value).into_iter().map(|item| self.concept(Some(item))).collect()
    }

    fn coding(&mut self, value: &Json<'_>) -> Coding {
        let members = self.object(Some(value));
        let mut coding = Coding {
            system: self.text(get(members, "system")),
            code: self.text(get(members, "code")),
            display: self.text(get(members, "display")),
            user_selected: self.boolean(get(members, "userSelected")),
            ..Coding::default()
        };
        for extension in self.extensions(members) {
            // The second is a spelling of the specification's own examples.
            if matches!(extension.name.as_str(), "sctdescid" | "sctdecsid") {
                self.description(&extension, &mut coding);
            }
        }
        coding
    }

    fn description(&mut self, extension: &Extension<'_, '_>, coding: &mut Coding) {
        for part in self.extensions(extension.members) {
            for (key, value) in part.values() {
                if !matches!(key, "valueId" | "valueString") {
                    continue;
                }
                let text = self.text(Some(value));
                if part.is_named(&["descriptionId"]) {
                    keep_first(&mut coding.description_id, text);
                } else if part.is_named(&["descriptionDisplay"]) {
                    keep_first(&mut coding.description_display, text);
                }
            }
        }
    }

    /// Start and end of a Period.
    pub fn period(&mut self, value: Option<&Json<'_>>) -> (Option<String>, Option<String>) {
        let members = self.object(value);
        (self.text(get(members, "start")), self.text(get(members, "end")))
    }

    /// The texts of Annotations.
    pub fn notes(&mut self, value: Option<&Json<'_>>) -> Vec<String> {
        let mut notes = Vec::new();
        for note in self.each(value) {
            let note = self.object(Some(note));
            notes.extend(self.text(get(note, "text")));
        }
        notes
    }

    /// Dosages: the first fills the texts, and all are kept where they say more than those (contract, settled cases).
    pub fn dosages(&mut self, value: Option<&Json<'_>>) -> Dosage {
        let items = self.each(value);
        let (Some(value), Some(first)) = (value, items.first()) else { return Dosage::default() };
        let members = self.object(Some(first));
        for other in &items[1..] {
            self.object(Some(other));
        }
        let says_more = members.iter().any(|(key, _)| key != "text" && key != "patientInstruction");
        let structured = match items.len() {
            1 if !says_more => None,
            1 => Some(compact(first.raw)),
            _ => Some(compact(value.raw)),
        };
        Dosage {
            text: self.text(get(members, "text")),
            patient_instruction: self.text(get(members, "patientInstruction")),
            structured,
        }
    }

    pub fn head(&mut self, members: Members<'_, '_>) -> Head {
        let (subject, patient) =
            (self.reference(get(members, "subject")), self.reference(get(members, "patient")));
        Head {
            identifiers: self.identifiers(get(members, "identifier")),
            notes: self.notes(get(members, "note")),
            security: self.security(get(members, "meta")),
            subject: if patient.is_absent() { subject } else { patient },
        }
    }

    /// Security labels by code; one without a code by its words rather than lost.
    fn security(&mut self, meta: Option<&Json<'_>>) -> Vec<String> {
        let meta = self.object(meta);
        let labels: Vec<Coding> =
            self.each(get(meta, "security")).into_iter().map(|label| self.coding(label)).collect();
        labels.into_iter().filter_map(|label| label.code.or(label.display)).collect()
    }

    /// The value of an extension as text.
    pub fn value_text(&mut self, extension: &Extension<'_, '_>) -> Option<String> {
        extension.values().fold(None, |_, (_, value)| self.text(Some(value)))
    }

    /// The value of an extension as a concept. A bare string in its place is its text, a bare code too: whoever needs the
    /// code of either looks there.
    pub fn value_concept(&mut self, extension: &Extension<'_, '_>) -> Concept {
        let mut concept = Concept::default();
        for (key, value) in extension.values() {
            match key {
                "valueCodeableConcept" => concept = self.concept(Some(value)),
                "valueCode" | "valueString" => concept.text = self.text(Some(value)),
                _ => {}
            }
        }
        concept
    }

    /// The value of an extension as a Reference.
    pub fn value_reference(&mut self, extension: &Extension<'_, '_>) -> Reference {
        self.reference(get(extension.members, "valueReference"))
    }

    /// Type and target of a RelatedProblemHeader, nested or, as a page has it, the target alone.
    pub fn problem_header(&mut self, extension: &Extension<'_, '_>) -> (Option<String>, Reference) {
        let (mut kind, mut target) = (None, Reference::default());
        // Where both shapes are there the one sent last counts, as for any value that is sent twice.
        for (key, value) in extension.members {
            match key.as_str() {
                "valueReference" => target = self.reference(Some(value)),
                "extension" => self.problem_parts(extension, &mut kind, &mut target),
                _ => {}
            }
        }
        (kind, target)
    }

    fn problem_parts(
        &mut self,
        extension: &Extension<'_, '_>,
        kind: &mut Option<String>,
        target: &mut Reference,
    ) {
        for part in self.extensions(extension.members) {
            for (key, value) in part.values() {
                match key {
                    "valueCode" | "valueString" if part.is_named(&["type"]) => *kind = self.text(Some(value)),
                    "valueReference" if part.is_named(&["target"]) => *target = self.reference(Some(value)),
                    _ => {}
                }
            }
        }
    }
}
