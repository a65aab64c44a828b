//! Extensions: their URL is looked for before their value is read, wherever it stands.

use super::{Read, Reader};
use crate::elements::{Concept, Extension, Header, Reference};
use crate::json::{Kind, Lexeme};
use crate::text::Text;

impl Reader<'_, '_, '_> {
    /// Reads a list of Extensions: each is handed over with its URL, to be read or passed over as a whole by one of the
    /// methods below.
    pub(crate) fn extensions(
        &mut self,
        mut extension: impl FnMut(&mut Self, Extension, &str) -> Read<()>,
    ) -> Read<()> {
        self.each("extension", |reader| {
            if reader.cursor.peek()? != Kind::Object {
                return reader.wrong_type("extension");
            }
            match reader.begin_object("url")? {
                Some(url) => {
                    let known = reader.extension_of(url);
                    let url = reader.cursor.unescape(url);
                    extension(reader, known, &url)
                }
                None => reader.cursor.skip(),
            }
        })
    }

    /// Passes over the extension at the cursor.
    pub(crate) fn skip_extension(&mut self) -> Read<()> {
        self.members(|reader, _| reader.cursor.skip())
    }

    /// The extension of a URL in the text.
    fn extension_of(&mut self, lexeme: Lexeme) -> Extension {
        if lexeme.escaped {
            return Extension::from_url(&self.cursor.unescape(lexeme));
        }
        let url = self.cursor.written(lexeme);
        let all = &*self.out;
        let is_it = |known: &Text| known.length() == url.len() && all.store.str(*known) == url;
        if let Some((_, extension)) = all.extension_urls.iter().find(|(known, _)| is_it(known)) {
            return *extension;
        }
        let extension = Extension::from_url(url);
        // A text of ever new URLs is not worth remembering.
        if self.out.extension_urls.len() < 32 {
            let url = self.keep(lexeme);
            self.out.extension_urls.push((url, extension));
        }
        extension
    }

    /// Reads the members of the extension at the cursor that hold its value.
    pub(crate) fn extension_value(&mut self, mut value: impl FnMut(&mut Self, &str) -> Read<()>) -> Read<()> {
        self.members(|reader, key| match key {
            "url" => reader.cursor.skip(),
            _ => value(reader, key),
        })
    }

    /// Reads the extensions inside the extension at the cursor: name of each, and each key that holds a value.
    pub(crate) fn sub_extensions(
        &mut self,
        mut value: impl FnMut(&mut Self, &str, &str) -> Read<()>,
    ) -> Read<()> {
        self.extension_value(|reader, key| match key {
            "extension" => reader.extensions(|reader, _, name| {
                reader.extension_value(|reader, key| match key.starts_with("value") {
                    true => value(reader, name, key),
                    false => reader.cursor.skip(),
                })
            }),
            _ => reader.cursor.skip(),
        })
    }

    /// Reads the only value of the extension at the cursor as text: a string, code, date or number.
    pub(crate) fn extension_text(&mut self, element: &'static str) -> Read<Text> {
        let mut text = Text::NONE;
        self.extension_value(|reader, key| {
            if !key.starts_with("value") {
                return reader.cursor.skip();
            }
            text = reader.text(element)?;
            Ok(())
        })?;
        Ok(text)
    }

    /// Reads the CodeableConcept of the extension at the cursor.
    pub(crate) fn extension_concept(&mut self, element: &'static str) -> Read<Concept> {
        let mut concept = Concept::default();
        self.extension_value(|reader, key| {
            match key {
                "valueCodeableConcept" => concept = reader.concept(element)?,
                // A bare code or string in its place says the same thing as a concept of text alone.
                "valueCode" | "valueString" => concept.text = reader.text(element)?,
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
                "valueReference" => reference = reader.reference(element)?,
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
                "valueReference" => header.target = reader.reference(element)?,
                "extension" => reader.extensions(|reader, _, name| {
                    reader.extension_value(|reader, key| {
                        let named = |known| name.eq_ignore_ascii_case(known);
                        match key {
                            "valueCode" | "valueString" if named("type") => {
                                header.kind = reader.text(element)?
                            }
                            "valueReference" if named("target") => {
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
