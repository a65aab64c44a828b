use super::escape::unescape;
use super::place::{Place, Where};

/// Most segments of a message.
const SEGMENTS: usize = 1000;

/// The characters that a message says it is written with (MSH-1 and MSH-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Separators {
    pub(super) field: char,
    pub(super) component: char,
    pub(super) repetition: char,
    pub(super) escape: char,
    pub(super) subcomponent: char,
    pub(super) truncation: Option<char>,
}

/// Why bytes are not a message that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAMessage {
    #[error("MSH-1 and MSH-2 do not name four or five different separators")]
    Separators,
    #[error("MSH-18 names a character set that is not read: ASCII, UNICODE UTF-8 and 8859/1 are")]
    CharacterSet,
    #[error("the message is not in the character set that MSH-18 names (UTF-8 without one)")]
    Encoding,
    #[error("a message has at most {SEGMENTS} segments")]
    Segments,
}

/// Why a place of a message has no one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoValue {
    #[error("holds more than one value, and the pipeline does not say which to take")]
    Ambiguous,
    #[error("holds an escape sequence that cannot be read")]
    Escape,
}

/// A message of HL7 version 2 in its vertical bar encoding (ER7). It has no `Debug`: it says who a patient is.
pub(super) struct Message {
    text: String,
    separators: Separators,
}

impl Message {
    /// Reads a message whose segments end with carriage returns and whose first is `MSH`.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, NotAMessage> {
        if bytes.split(|byte| *byte == b'\r').count() > SEGMENTS {
            return Err(NotAMessage::Segments);
        }
        let separators = Separators::of(bytes).ok_or(NotAMessage::Separators)?;
        let text = decode(bytes, separators)?;
        Ok(Self { text, separators })
    }

    /// Whether it has a segment of that name.
    pub(super) fn has(&self, segment: &str) -> bool {
        self.segments(segment).next().is_some()
    }

    /// The one value at a place, without blanks at its end. Nothing where the place is not there, is empty, or holds
    /// the two quotation marks with which HL7 takes a value away.
    pub(super) fn value(&self, place: &Place, only: &Where) -> Result<Option<String>, NoValue> {
        let mut found: Option<String> = None;
        for field in self.segments(place.segment()).filter_map(|segment| self.field(segment, place)) {
            for repetition in field.split(self.separators.repetition) {
                if !self.is_meant(repetition, only)? {
                    continue;
                }
                let value = self.part(repetition, place.component, place.subcomponent)?;
                if value.is_empty() || value == "\"\"" {
                    continue;
                }
                if found.as_ref().is_some_and(|found| *found != value) {
                    return Err(NoValue::Ambiguous);
                }
                found = Some(value);
            }
        }
        Ok(found)
    }

    fn segments(&self, name: &str) -> impl Iterator<Item = &str> {
        let separator = self.separators.field;
        self.text.split('\r').filter(move |segment| {
            segment.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
        })
    }

    fn field<'m>(&self, segment: &'m str, place: &Place) -> Option<&'m str> {
        // The separator after MSH is itself the first field.
        let header = usize::from(place.segment() == "MSH");
        segment.split(self.separators.field).nth(place.field.checked_sub(header).filter(|index| *index > 0)?)
    }

    fn is_meant(&self, repetition: &str, only: &Where) -> Result<bool, NoValue> {
        for (component, allowed) in only {
            let value = self.part(repetition, *component, 1)?;
            if !allowed.contains(&value) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A part of a field by its numbers from 1. Where the field is not divided so far, its first part is the whole:
    /// so does HL7 let a field grow parts (section 2.8).
    fn part(&self, repetition: &str, component: usize, subcomponent: usize) -> Result<String, NoValue> {
        let nth = |text: &'_ str, separator, number: usize| {
            text.split(separator).nth(number - 1).map(str::to_owned)
        };
        let component = nth(repetition, self.separators.component, component).unwrap_or_default();
        let part = nth(&component, self.separators.subcomponent, subcomponent).unwrap_or_default();
        let plain = unescape(&part, &self.separators).ok_or(NoValue::Escape)?;
        Ok(plain.trim_end().to_owned())
    }
}

impl Separators {
    fn of(message: &[u8]) -> Option<Self> {
        let header = message.strip_prefix(b"MSH")?.split(|byte| *byte == b'\r').next()?;
        let (field, rest) = header.split_first()?;
        let others = rest.split(|byte| byte == field).next()?;
        let all: Vec<u8> = [&[*field], others].concat();
        let usable = all.iter().all(|byte| byte.is_ascii_punctuation());
        let differ = all.iter().enumerate().all(|(index, byte)| !all[..index].contains(byte));
        let as_char = |index: usize| all.get(index).map(|byte| char::from(*byte));
        if !usable || !differ || !(5..=6).contains(&all.len()) {
            return None;
        }
        Some(Self {
            field: as_char(0)?,
            component: as_char(1)?,
            repetition: as_char(2)?,
            escape: as_char(3)?,
            subcomponent: as_char(4)?,
            truncation: as_char(5),
        })
    }
}

/// The text of a message in the character set that its MSH-18 names (HL7 table 0211).
fn decode(bytes: &[u8], separators: Separators) -> Result<String, NotAMessage> {
    const MSH_18: usize = 17;
    let header = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let named = header.split(|byte| char::from(*byte) == separators.field).nth(MSH_18).unwrap_or_default();
    let first = named.split(|byte| char::from(*byte) == separators.repetition).next().unwrap_or_default();
    match first.trim_ascii() {
        b"" | b"UNICODE UTF-8" | b"UTF-8" => {
            String::from_utf8(bytes.to_vec()).map_err(|_| NotAMessage::Encoding)
        }
        b"ASCII" if bytes.is_ascii() => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
        b"ASCII" => Err(NotAMessage::Encoding),
        // Each byte of it is the character of that number.
        b"8859/1" => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
        _ => Err(NotAMessage::CharacterSet),
    }
}
