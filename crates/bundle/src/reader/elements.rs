//! FHIR elements that several resources share.

use super::{Name, Read, Reader};
use std::num::NonZeroU32;

use crate::addresses::AddressNumber;
use crate::elements::{
    Besides, Coding, Concept, Dosage, Duration, Extension, HumanName, Identifier, Reference, warns_of_change,
};
use crate::json::{LeafName, LeafString, Lexeme};
use crate::text::{Span, Text};

impl Reader<'_, '_, '_> {
    /// Reads a list of strings.
    pub(crate) fn texts(&mut self, element: &'static str) -> Read<Span> {
        let start = self.out.texts.len();
        self.each(element, |reader| {
            let text = reader.text(element)?;
            if text.is_some() {
                reader.out.texts.push(text);
            }
            Ok(())
        })?;
        Ok(Span::since(start, &self.out.texts))
    }

    /// Reads a Reference.
    #[inline(always)]
    pub(crate) fn reference(&mut self, element: &'static str) -> Read<Reference> {
        self.packed_reference(element).map(Reference::unpacked)
    }

    #[inline(never)]
    fn packed_reference(&mut self, element: &'static str) -> Read<u64> {
        match self.cursor.only_string("reference") {
            Some(said) => Ok(Reference { address: Some(self.address_of(said)), besides: None }.packed()),
            None => self.reference_that_says_more(element),
        }
    }

    #[inline(never)]
    fn reference_that_says_more(&mut self, element: &'static str) -> Read<u64> {
        match self.cursor.strings(&REFERENCE) {
            Some(strings) => Ok(self.plain_reference(strings).packed()),
            None => self.any_reference(element).map(Reference::packed),
        }
    }

    #[inline(never)]
    fn any_reference(&mut self, element: &'static str) -> Read<Reference> {
        let (mut address, mut besides) = (None, Besides::default());
        self.object(element, |reader, key| {
            match key {
                Name::Reference => address = reader.address(element)?,
                Name::Display => besides.display = reader.text(element)?,
                Name::Identifier => besides.identifier = reader.identifier(element)?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        Ok(self.reference_of(address, besides))
    }

    /// A Reference of what has been read.
    fn reference_of(&mut self, address: Option<AddressNumber>, besides: Besides) -> Reference {
        if besides.display.is_none() && besides.identifier.value.is_none() {
            return Reference { address, besides: None };
        }
        self.out.besides.push(besides);
        Reference { address, besides: NonZeroU32::new(self.out.besides.len() as u32) }
    }

    /// Reads the Reference that is the only member of the object at the cursor, where nothing about either is out of the
    /// ordinary.
    pub(crate) fn reference_under(&mut self, name: Name) -> Option<Reference> {
        if let Some(said) = self.cursor.only_string_in(name.as_str(), "reference") {
            // What lists name comes once.
            return Some(Reference { address: Some(self.new_address_of(said)), besides: None });
        }
        let strings = self.cursor.strings_in(name.as_str(), &REFERENCE)?;
        Some(self.plain_reference(strings))
    }

    #[inline(always)]
    fn plain_reference(&mut self, [said, display]: [LeafString; REFERENCE.len()]) -> Reference {
        let address = said.lexeme().map(|said| self.address_of(said));
        let besides = Besides { display: self.keep_leaf(display), ..Besides::default() };
        self.reference_of(address, besides)
    }

    /// Reads what a Reference says.
    fn address(&mut self, element: &'static str) -> Read<Option<AddressNumber>> {
        Ok(self.passing_text(element)?.map(|text| self.out.addresses.of_reference(&text)))
    }

    /// The address that a reference says, often the one that the last of its kind said.
    #[inline(always)]
    fn address_of(&mut self, said: Lexeme) -> AddressNumber {
        let part = said.start..said.end;
        match self.last_said.address(self.cursor.bytes(), part.clone()) {
            Some(address) => address,
            None => {
                let address = self.new_address_of(said);
                self.last_said.remember(self.cursor.bytes(), part, address);
                address
            }
        }
    }

    #[inline(never)]
    fn new_address_of(&mut self, said: Lexeme) -> AddressNumber {
        let text = &self.cursor.bytes()[said.start as usize..said.end as usize];
        match self.out.addresses.said(text) {
            Ok(address) => address,
            Err(new) => {
                let at = self.place_of(said);
                self.out.addresses.add_reference(self.cursor.written(said), at, new)
            }
        }
    }

    /// Reads a list of References into their pool.
    pub(crate) fn references(&mut self, element: &'static str) -> Read<Span> {
        let start = self.out.references.len();
        if let Some(said) = self.cursor.only_string_in_list("reference") {
            let address = Some(self.address_of(said));
            self.out.references.push(Reference { address, besides: None });
            return Ok(Span::since(start, &self.out.references));
        }
        self.each(element, |reader| {
            let reference = reader.reference(element)?;
            reader.out.references.push(reference);
            Ok(())
        })?;
        Ok(Span::since(start, &self.out.references))
    }

    /// Reads an Identifier.
    fn identifier(&mut self, element: &'static str) -> Read<Identifier> {
        match self.strings(&IDENTIFIER) {
            Some([system, value, _]) => Ok(Identifier { system, value }),
            None => self.any_identifier(element),
        }
    }

    #[inline(never)]
    fn any_identifier(&mut self, element: &'static str) -> Read<Identifier> {
        let mut this = Identifier::default();
        self.object(element, |reader, key| {
            match key {
                Name::System => this.system = reader.text(element)?,
                Name::Value => this.value = reader.text(element)?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        Ok(this)
    }

    /// Reads a list of Identifiers into their pool.
    pub(crate) fn identifiers(&mut self, element: &'static str) -> Read<Span> {
        let start = self.out.identifiers.len();
        if let Some(strings) = self.cursor.strings_of_only(&IDENTIFIER) {
            let [system, value, _] = self.keep_all(strings);
            self.out.identifiers.push(Identifier { system, value });
            return Ok(Span::since(start, &self.out.identifiers));
        }
        self.each(element, |reader| {
            let identifier = reader.identifier(element)?;
            reader.out.identifiers.push(identifier);
            Ok(())
        })?;
        Ok(Span::since(start, &self.out.identifiers))
    }

    /// Reads a single Identifier, such as a group identifier.
    pub(crate) fn one_identifier(&mut self, element: &'static str) -> Read<Identifier> {
        self.identifier(element)
    }

    /// Reads a CodeableConcept, its codings into their pool.
    pub(crate) fn concept(&mut self, element: &'static str) -> Read<Concept> {
        match self.cursor.three_in_list("coding", &CODING) {
            Some(coding) => Ok(self.concept_of(coding, Text::NONE)),
            None => self.concept_with_text(element),
        }
    }

    #[inline(never)]
    fn concept_with_text(&mut self, element: &'static str) -> Read<Concept> {
        let Some((coding, text)) = self.cursor.strings_in_list("coding", &CODING, &TEXT) else {
            return self.any_concept(element);
        };
        let text = self.keep_leaf(text);
        Ok(self.concept_of(coding, text))
    }

    /// A CodeableConcept of one coding.
    #[inline(always)]
    fn concept_of(&mut self, coding: [LeafString; CODING.len()], text: Text) -> Concept {
        let start = self.out.codings.len();
        let coding = self.plain_coding(coding);
        self.out.codings.push(coding);
        Concept { codings: Span::since(start, &self.out.codings), text }
    }

    /// Reads a Duration, of which a notice calls itself, its value, unit and code by these names.
    pub(crate) fn duration(&mut self, elements: [&'static str; 4], this: &mut Duration) -> Read<()> {
        match self.cursor.number_and_strings("value", &DURATION) {
            Some((value, strings)) => {
                this.value = self.keep_plain(value);
                [this.unit, _, this.code] = self.keep_all(strings);
                Ok(())
            }
            None => self.any_duration(elements, this),
        }
    }

    #[inline(never)]
    fn any_duration(&mut self, elements: [&'static str; 4], this: &mut Duration) -> Read<()> {
        let [element, value, unit, code] = elements;
        self.object(element, |reader, key| {
            match key {
                Name::Value => this.value = reader.number(value)?,
                Name::Unit => this.unit = reader.text(unit)?,
                Name::Code => this.code = reader.text(code)?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })
    }

    #[inline(never)]
    fn any_concept(&mut self, element: &'static str) -> Read<Concept> {
        let mut this = Concept::default();
        self.object(element, |reader, key| {
            match key {
                Name::Coding => this.codings = reader.codings(element)?,
                Name::Text => this.text = reader.text(element)?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        Ok(this)
    }

    /// Reads a list of CodeableConcepts into their pool.
    pub(crate) fn concepts(&mut self, element: &'static str) -> Read<Span> {
        let start = self.out.concepts.len();
        self.each(element, |reader| {
            let concept = reader.concept(element)?;
            reader.out.concepts.push(concept);
            Ok(())
        })?;
        Ok(Span::since(start, &self.out.concepts))
    }

    /// Reads concepts, or one, of which nothing is kept but what is told here.
    pub(crate) fn in_passing<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        let (codings, concepts) = (self.out.codings.len(), self.out.concepts.len());
        let told = read(self)?;
        self.out.codings.truncate(codings);
        self.out.concepts.truncate(concepts);
        Ok(told)
    }

    fn codings(&mut self, element: &'static str) -> Read<Span> {
        let start = self.out.codings.len();
        self.each(element, |reader| {
            let coding = reader.coding(element)?;
            reader.out.codings.push(coding);
            Ok(())
        })?;
        Ok(Span::since(start, &self.out.codings))
    }

    pub(super) fn coding(&mut self, element: &'static str) -> Read<Coding> {
        match self.cursor.strings(&CODING) {
            Some(strings) => Ok(self.plain_coding(strings)),
            None => self.any_coding(element),
        }
    }

    #[inline(never)]
    fn any_coding(&mut self, element: &'static str) -> Read<Coding> {
        let mut this = Coding::default();
        self.object(element, |reader, key| {
            match key {
                Name::System => {
                    let system = reader.text(element)?;
                    this.system = reader.out.store.known(system);
                }
                Name::Code => this.code = reader.text(element)?,
                Name::Display => this.display = reader.text(element)?,
                Name::UserSelected => this.user_selected = reader.boolean("coding.userSelected")?,
                Name::Extension => reader.extensions(|reader, extension| match extension {
                    Extension::SnomedDescription => reader.snomed_description(&mut this),
                    _ => reader.skip_extension(),
                })?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        Ok(this)
    }

    #[inline(always)]
    fn plain_coding(&mut self, strings: [LeafString; CODING.len()]) -> Coding {
        let [system, code, display, _] = strings;
        let system = self.keep_known(system);
        let [code, display] = self.keep_all([code, display]);
        Coding { system, code, display, ..Coding::default() }
    }

    fn snomed_description(&mut self, coding: &mut Coding) -> Read<()> {
        self.sub_extensions(|reader, part, key| {
            let value = match key {
                Name::ValueId | Name::ValueString => reader.text("coding.extension")?,
                _ => return reader.cursor.skip(),
            };
            match part {
                Extension::DescriptionId => coding.description_id.keep_first(value),
                Extension::DescriptionDisplay => coding.description_display.keep_first(value),
                _ => {}
            }
            Ok(())
        })
    }

    /// Reads a Period's start and end into their places.
    pub(crate) fn period(&mut self, element: &'static str, start: &mut Text, end: &mut Text) -> Read<()> {
        match self.strings(&PERIOD) {
            Some(both) => {
                [*start, *end] = both;
                Ok(())
            }
            None => self.any_period(element, start, end),
        }
    }

    #[inline(never)]
    fn any_period(&mut self, element: &'static str, start: &mut Text, end: &mut Text) -> Read<()> {
        self.object(element, |reader, key| {
            match key {
                Name::Start => *start = reader.text(element)?,
                Name::End => *end = reader.text(element)?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })
    }

    /// Reads a list of Annotations into the pool of texts.
    pub(crate) fn notes(&mut self, element: &'static str) -> Read<Span> {
        let start = self.out.texts.len();
        if let Some(text) = self.cursor.only_string_in_list("text") {
            let text = self.keep_plain(text);
            self.out.texts.push(text);
            return Ok(Span::since(start, &self.out.texts));
        }
        self.each(element, |reader| {
            if let Some([text, _, _]) = reader.strings(&ANNOTATION) {
                reader.out.texts.extend(text.is_some().then_some(text));
                return Ok(());
            }
            reader.object(element, |reader, key| {
                if key != Name::Text {
                    return reader.cursor.skip();
                }
                let text = reader.text(element)?;
                if text.is_some() {
                    reader.out.texts.push(text);
                }
                Ok(())
            })
        })?;
        Ok(Span::since(start, &self.out.texts))
    }

    /// Reads a list of Dosages: the first fills the texts; the compact JSON is kept where it says more.
    pub(crate) fn dosage(&mut self, element: &'static str, this: &mut Dosage) -> Read<()> {
        match self.cursor.strings_of_only(&DOSAGE) {
            Some(strings) => [this.text, this.patient_instruction] = self.keep_all(strings),
            None => self.any_dosage(element, this)?,
        }
        // It is in the processor's cache now.
        this.warns = self.out.store.bytes(this.text).is_some_and(warns_of_change);
        Ok(())
    }

    #[inline(never)]
    fn any_dosage(&mut self, element: &'static str, this: &mut Dosage) -> Read<()> {
        let (mut count, mut more) = (0, false);
        let all = self.cursor.at();
        let mut first = (all, all);
        self.each(element, |reader| {
            count += 1;
            let start = reader.cursor.at();
            reader.object(element, |reader, key| {
                match key {
                    Name::Text if count == 1 => this.text = reader.text(element)?,
                    Name::PatientInstruction if count == 1 => {
                        this.patient_instruction = reader.text(element)?
                    }
                    _ => {
                        more |= count == 1;
                        reader.cursor.skip()?;
                    }
                }
                Ok(())
            })?;
            if count == 1 {
                first = (start, reader.cursor.end());
            }
            Ok(())
        })?;
        if more || count > 1 {
            // One is told as its Dosage, so that one and several are told apart by their brackets.
            let (start, end) = if count == 1 { first } else { (all, self.cursor.end()) };
            this.structured = self.out.store.copy(&compact(self.cursor.slice(start, end)));
        }
        Ok(())
    }

    /// Reads a HumanName.
    pub(crate) fn human_name(&mut self, element: &'static str) -> Read<HumanName> {
        let mut this = HumanName::default();
        self.object(element, |reader, key| {
            match key {
                Name::Prefix => this.prefix = reader.texts(element)?,
                Name::Given => this.given = reader.texts(element)?,
                Name::Family => this.family = reader.text(element)?,
                Name::Text => this.text = reader.text(element)?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        Ok(this)
    }
}

/// The elements of small types that are strings, those that nearly all records have before others.
const ANNOTATION: [LeafName; 3] = LeafName::all(["text", "time", "authorString"]);
const CODING: [LeafName; 4] = LeafName::all(["system", "code", "display", "version"]);
const DOSAGE: [LeafName; 2] = LeafName::all(["text", "patientInstruction"]);
const DURATION: [LeafName; 3] = LeafName::all(["unit", "system", "code"]);
const IDENTIFIER: [LeafName; 3] = LeafName::all(["system", "value", "use"]);
const PERIOD: [LeafName; 2] = LeafName::all(["start", "end"]);
const REFERENCE: [LeafName; 2] = LeafName::all(["reference", "display"]);

/// What a CodeableConcept may have beside its codings.
const TEXT: [LeafName; 1] = LeafName::all(["text"]);

/// JSON without the white space between its tokens, which the cursor has validated.
fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for character in json.chars() {
        if in_string || !matches!(character, ' ' | '\n' | '\r' | '\t') {
            out.push(character);
        }
        in_string = match character {
            '"' if !escaped => !in_string,
            _ => in_string,
        };
        escaped = in_string && character == '\\' && !escaped;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_json_keeps_what_strings_hold() {
        assert_eq!(
            compact("{ \"a \\\" b\" :\n[ 1 , \"\\\\\" , \" \" ] }"),
            r#"{"a \" b":["1","\\"," "]}"#.replace("\"1\"", "1")
        );
    }
}
