//! Extensions: their URL is looked for before their value is read, wherever it stands.

use super::{Name, Read, Reader};
use crate::concepts;
use crate::elements::{Concept, Extension, Header, Reference};
use crate::json::{Kind, Lexeme};
use crate::text::Text;

impl Reader<'_, '_, '_> {
    /// Reads a list of Extensions: each is handed over as what it is, to be read or passed over as a whole by one of the
    /// methods below.
    pub(crate) fn extensions(
        &mut self,
        mut extension: impl FnMut(&mut Self, Extension) -> Read<()>,
    ) -> Read<()> {
        self.each("extension", |reader| {
            if reader.cursor.peek()? != Kind::Object {
                return reader.wrong_type("extension");
            }
            match reader.begin_object(Name::Url) {
                Some(url) => {
                    let known = reader.extension_of(url);
                    extension(reader, known)
                }
                None => reader.cursor.skip(),
            }
        })
    }

    /// Passes over the extension at the cursor.
    pub(crate) fn skip_extension(&mut self) -> Read<()> {
        match self.only_string() {
            Some(_) => Ok(()),
            None => self.extension_value(|reader, _| reader.cursor.skip()),
        }
    }

    /// Reads the extension at the cursor where it has been begun and has nothing but a plain string.
    #[inline(always)]
    fn only_string(&mut self) -> Option<Lexeme> {
        let (key, value) = self.cursor.second_string()?;
        let name = Name::at(self.cursor.bytes(), key.start as usize, key.end as usize);
        if self.begun.is_none() || !name.is_value() {
            return None;
        }
        self.begun = None;
        self.cursor.pass_second_string();
        Some(value)
    }

    /// Passes the key of the second member of the extension at the cursor, where it has been begun and the key is known
    /// and plain.
    #[inline(always)]
    fn second_name(&mut self) -> Option<(u8, Name)> {
        let key = self.cursor.second_key()?;
        let name = Name::at(self.cursor.bytes(), key.start as usize, key.end as usize);
        let number = name.number().filter(|_| name != Name::Url && self.begun.is_some())?;
        self.begun = None;
        self.cursor.pass_second_key();
        Some((number, name))
    }

    /// The extension of a URL in the text.
    #[inline(always)]
    fn extension_of(&mut self, url: Lexeme) -> Extension {
        match url.escaped {
            false => self.plain_extension_of(url.start, url.end),
            true => Extension::from_url(&self.cursor.unescape(url)),
        }
    }

    /// As [`Reader::extension_of`] of a URL between two offsets, which holds no escape.
    #[inline(never)]
    fn plain_extension_of(&mut self, start: u32, end: u32) -> Extension {
        let url = &self.cursor.bytes()[start as usize..end as usize];
        match self.out.extension_urls.first(url, &self.out.store) {
            Some(extension) => extension,
            None => self.rare_extension_of(start as usize, end as usize),
        }
    }

    #[inline(never)]
    fn rare_extension_of(&mut self, start: usize, end: usize) -> Extension {
        let url = self.cursor.slice(start, end);
        if let Some(extension) = self.out.extension_urls.get(url.as_bytes(), &self.out.store) {
            return extension;
        }
        let extension = Extension::from_url(url);
        let all = &mut *self.out;
        all.extension_urls.add(url, self.base + start, extension, &mut all.store);
        extension
    }

    /// Reads the members of the extension at the cursor that hold its value.
    pub(crate) fn extension_value(&mut self, mut value: impl FnMut(&mut Self, Name) -> Read<()>) -> Read<()> {
        let members = match self.second_name() {
            Some((number, name)) => {
                value(self, name)?;
                // Nearly every extension has one value alone.
                if self.cursor.leave_begun() {
                    return Ok(());
                }
                self.cursor.rest_of_object([Name::Url as u8, number])?
            }
            None => self.enter_object()?,
        };
        self.members_of(members, |reader, key| match key {
            Name::Url => reader.cursor.skip(),
            _ => value(reader, key),
        })
    }

    /// Reads the extensions inside the extension at the cursor: what each is, and each key that holds a value.
    pub(crate) fn sub_extensions(
        &mut self,
        mut value: impl FnMut(&mut Self, Extension, Name) -> Read<()>,
    ) -> Read<()> {
        self.extension_value(|reader, key| match key {
            Name::Extension => reader.extensions(|reader, part| {
                reader.extension_value(|reader, key| match key.is_value() {
                    true => value(reader, part, key),
                    false => reader.cursor.skip(),
                })
            }),
            _ => reader.cursor.skip(),
        })
    }

    /// Reads the only value of the extension at the cursor as text: a string, code, date or number.
    pub(crate) fn extension_text(&mut self, element: &'static str) -> Read<Text> {
        if let Some(value) = self.only_string() {
            return Ok(self.keep_plain(value));
        }
        let mut text = Text::NONE;
        self.extension_value(|reader, key| {
            if !key.is_value() {
                return reader.cursor.skip();
            }
            text = reader.text(element)?;
            Ok(())
        })?;
        Ok(text)
    }

    /// Reads the code of the extension at the cursor: of its concept, or a bare one.
    pub(crate) fn extension_code(&mut self, element: &'static str) -> Read<Text> {
        let (mut of_concept, mut bare) = (Text::NONE, Text::NONE);
        self.extension_value(|reader, key| {
            match key {
                Name::ValueCodeableConcept => {
                    of_concept = reader.in_passing(|reader| {
                        let concept = reader.concept(element)?;
                        Ok(concepts::code(reader.out, concept))
                    })?;
                }
                Name::ValueCode => bare = reader.text(element)?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        Ok(of_concept.or(bare))
    }

    /// Reads the CodeableConcept of the extension at the cursor.
    pub(crate) fn extension_concept(&mut self, element: &'static str) -> Read<Concept> {
        let mut concept = Concept::default();
        self.extension_value(|reader, key| {
            match key {
                Name::ValueCodeableConcept => concept = reader.concept(element)?,
                // A bare code or string in its place says the same thing as a concept of text alone.
                Name::ValueCode | Name::ValueString => concept.text = reader.text(element)?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        Ok(concept)
    }

    /// Reads the Reference of the extension at the cursor.
    pub(crate) fn extension_reference(&mut self, element: &'static str) -> Read<Reference> {
        let mut reference = Reference::default();
        self.extension_value(|reader, key| {
            match key {
                Name::ValueReference => reference = reader.reference(element)?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        Ok(reference)
    }

    /// Reads a RelatedProblemHeader in either of its shapes: nested type and target, or a direct reference.
    pub(crate) fn problem_header(&mut self, element: &'static str) -> Read<Header> {
        let mut header = Header::default();
        self.extension_value(|reader, key| {
            match key {
                Name::ValueReference => header.target = reader.reference(element)?,
                Name::Extension => reader.extensions(|reader, part| {
                    reader.extension_value(|reader, key| {
                        match (part, key) {
                            (Extension::HeaderType, Name::ValueCode | Name::ValueString) => {
                                header.kind = reader.text(element)?
                            }
                            (Extension::HeaderTarget, Name::ValueReference) => {
                                header.target = reader.reference(element)?
                            }
                            _ => reader.cursor.skip()?,
                        }
                        Ok(())
                    })
                })?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        Ok(header)
    }
}
