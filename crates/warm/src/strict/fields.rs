use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::problem::Problem;

/// Longest text that a field may hold, in bytes: every one of them travels in a header or an audit record.
const TEXT_BYTES: usize = 256;

/// An object read field by field. Every method that finds nothing usable notes why and gives `None`, so that
/// reading goes on; what was never asked for is noted as unknown at the end.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: String,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// Reads a whole object with `read` and gives what it made and all problems.
    pub fn read<T>(
        object: &'a Map<String, Value>,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> (Option<T>, Vec<Problem>) {
        Self::read_at(object, String::new(), read)
    }

    /// A text that must be there: not blank, at most 256 bytes, no control character.
    pub fn text(&mut self, name: &'static str) -> Option<&'a str> {
        let text = self.raw_text(name)?;
        if text.trim().is_empty() {
            self.malformed(name, "must not be empty");
            return None;
        }
        self.shaped(name, text)
    }

    /// A text that must be there and may be blank: whoever asks decides what a blank means.
    pub fn text_or_blank(&mut self, name: &'static str) -> Option<&'a str> {
        let text = self.raw_text(name)?;
        self.shaped(name, text)
    }

    /// A text that may be absent or null.
    pub fn optional_text(&mut self, name: &'static str) -> Option<&'a str> {
        self.has(name).then(|| self.text(name)).flatten()
    }

    /// A text that must be there and that `parse` understands; its error must not repeat the text.
    pub fn parsed<T, E: fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.text(name)?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.malformed(name, error.to_string());
                None
            }
        }
    }

    /// A text that may be absent and that `parse` understands otherwise.
    pub fn optional_parsed<T, E: fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.has(name).then(|| self.parsed(name, parse)).flatten()
    }

    /// A list of texts, which may be absent.
    pub fn optional_texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        self.known.push(name);
        let items = match self.object.get(name) {
            None | Some(Value::Null) => return None,
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.malformed(name, "must be a list of texts");
                return None;
            }
        };
        let texts: Option<Vec<_>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        if texts.is_none() {
            self.malformed(name, "must be a list of texts");
        }
        texts
    }

    /// A whole number of at least `least`, which may be absent.
    pub fn optional_count(&mut self, name: &'static str, least: u32) -> Option<u32> {
        self.known.push(name);
        let value = self.object.get(name).filter(|value| !value.is_null())?;
        let count =
            value.as_u64().and_then(|count| u32::try_from(count).ok()).filter(|count| *count >= least);
        if count.is_none() {
            self.malformed(name, format!("must be a whole number of at least {least}"));
        }
        count
    }

    /// An instant with its offset, such as `2026-01-15T09:30:00Z`.
    pub fn instant(&mut self, name: &'static str) -> Option<Timestamp> {
        self.parsed(name, |text| {
            text.parse::<Timestamp>()
                .map_err(|_| "must be a time with its offset, such as 2026-01-15T09:30:00Z")
        })
    }

    /// An object that must be there, read with `read`.
    pub fn object<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.known.push(name);
        match self.object.get(name) {
            None | Some(Value::Null) => {
                self.malformed(name, "is missing");
                None
            }
            Some(Value::Object(inner)) => {
                let (value, problems) = Self::read_at(inner, format!("{}{name}.", self.path), read);
                self.problems.extend(problems);
                value
            }
            Some(_) => {
                self.malformed(name, "must be an object");
                None
            }
        }
    }

    /// An object that may be absent, read with `read`.
    pub fn optional_object<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        self.has(name).then(|| self.object(name, read)).flatten()
    }

    /// Whether the field is there and not null; asking does not make it known.
    pub fn has(&mut self, name: &'static str) -> bool {
        let present = self.object.get(name).is_some_and(|value| !value.is_null());
        if !present {
            // A null stands for absence, so it is not an unknown field either.
            self.known.push(name);
        }
        present
    }

    /// Notes a defect of a field.
    pub fn malformed(&mut self, name: &str, problem: impl Into<Cow<'static, str>>) {
        self.problems.push(Problem::malformed(format!("{}{name}", self.path), problem));
    }

    /// Notes a rule that a field breaks.
    pub fn policy(&mut self, name: &str, problem: impl Into<Cow<'static, str>>) {
        self.problems.push(Problem::policy(format!("{}{name}", self.path), problem));
    }

    fn read_at<T>(
        object: &'a Map<String, Value>,
        path: String,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> (Option<T>, Vec<Problem>) {
        let mut fields = Self { object, path, known: Vec::new(), problems: Vec::new() };
        let value = read(&mut fields);
        fields.note_unknown();
        (value, fields.problems)
    }

    fn raw_text(&mut self, name: &'static str) -> Option<&'a str> {
        self.known.push(name);
        match self.object.get(name) {
            Some(Value::String(text)) => Some(text),
            None | Some(Value::Null) => {
                self.malformed(name, "is missing");
                None
            }
            Some(_) => {
                self.malformed(name, "must be a text");
                None
            }
        }
    }

    fn shaped(&mut self, name: &'static str, text: &'a str) -> Option<&'a str> {
        if text.len() > TEXT_BYTES {
            self.malformed(name, format!("must have at most {TEXT_BYTES} bytes"));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.malformed(name, "must not hold a control character");
            return None;
        }
        Some(text)
    }

    fn note_unknown(&mut self) {
        for key in self.object.keys() {
            if self.known.contains(&key.as_str()) {
                continue;
            }
            // A key that is not shaped like a name may be a misplaced value: it is not repeated.
            let is_name =
                key.len() <= 32 && key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'-'));
            if is_name {
                self.problems.push(Problem::malformed(format!("{}{key}", self.path), "is not a known field"));
            } else {
                let field = self.path.trim_end_matches('.');
                self.problems.push(Problem::malformed(field, "holds a field of an unknown name"));
            }
        }
    }
}
