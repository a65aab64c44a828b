//! What is kept of a body that goes elsewhere, to tell whether it may be a record: its first bytes and its last.

use std::fmt;

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::BodySink;

/// How much of the beginning is kept. A bundle names its type in the first line, and an OperationOutcome fits.
const HEAD: usize = 64 << 10;

/// Hands a body on and watches it go by.
pub(crate) struct Watched<'a> {
    sink: &'a mut dyn BodySink,
    head: Vec<u8>,
    /// The last byte that is not white space.
    last: Option<u8>,
    bytes: usize,
}

/// What a body says that it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A resource of this type.
    Resource(String),
    /// No FHIR resource.
    Nothing,
    /// An object that had not said so when its beginning was over.
    NotYetSaid,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(sink: &'a mut dyn BodySink) -> Self {
        Self { sink, head: Vec::new(), last: None, bytes: 0 }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The whole body if it is no longer than what is kept, else its beginning.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whether an object begins and its last byte closes none. A body cut behind a closing brace passes; the parser,
    /// which reads it all, refuses that one.
    pub(crate) fn is_truncated(&self) -> bool {
        self.text().trim_ascii_start().first() == Some(&b'{') && self.last != Some(b'}')
    }

    /// The resource type, found without building the object and, in the usual order of keys, without reading past it.
    pub(crate) fn kind(&self) -> Kind {
        let mut found = None;
        // An early stop leaves the object unfinished, which the deserialiser reports and we do not mind.
        let read =
            serde_json::Deserializer::from_slice(self.text()).deserialize_map(ResourceType(&mut found));
        let is_cut = self.bytes > self.head.len() && read.is_err_and(|error| error.is_eof());
        match found {
            Some(found) => Kind::Resource(found),
            None if is_cut => Kind::NotYetSaid,
            None => Kind::Nothing,
        }
    }

    /// RFC 8259 lets a reader skip a byte order mark; the sink gets it.
    fn text(&self) -> &[u8] {
        self.head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.head)
    }
}

impl BodySink for Watched<'_> {
    fn begin(&mut self) {
        self.head.clear();
        self.last = None;
        self.bytes = 0;
        self.sink.begin();
    }

    fn take(&mut self, piece: &[u8]) {
        let room = HEAD - self.head.len();
        self.head.extend_from_slice(&piece[..piece.len().min(room)]);
        self.last = piece.trim_ascii_end().last().copied().or(self.last);
        self.bytes += piece.len();
        self.sink.take(piece);
    }
}

struct ResourceType<'a>(&'a mut Option<String>);

impl<'de> Visitor<'de> for ResourceType<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a FHIR resource")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "resourceType" {
                *self.0 = Some(map.next_value()?);
                return Ok(());
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(pieces: &[&[u8]]) -> (Kind, bool, Vec<u8>) {
        let mut body = Vec::new();
        let mut watched = Watched::new(&mut body);
        pieces.iter().for_each(|piece| watched.take(piece));
        let (kind, truncated) = (watched.kind(), watched.is_truncated());
        (kind, truncated, body)
    }

    #[test]
    fn the_same_is_told_of_a_body_in_pieces_of_any_size() {
        let body = b" {\"entry\":[{\"resourceType\":\"Patient\"}],\"resourceType\":\"Bundle\"} \r\n";
        for size in 1..=body.len() {
            let pieces: Vec<&[u8]> = body.chunks(size).collect();
            let bundle = Kind::Resource("Bundle".to_owned());
            assert_eq!(watched(&pieces), (bundle, false, body.to_vec()), "{size}");
        }
    }

    #[test]
    fn a_type_behind_many_entries_is_left_to_the_parser_and_what_is_no_object_is_not() {
        let entries = format!("{{\"entry\":[{}0]", "0,".repeat(HEAD));
        for end in [",\"resourceType\":\"Bundle\"}", "}"] {
            assert_eq!(watched(&[entries.as_bytes(), end.as_bytes()]).0, Kind::NotYetSaid);
        }
        let named = format!("{{\"resourceType\":\"Bundle\",\"entry\":[{}0]}}", "0,".repeat(HEAD));
        assert_eq!(watched(&[named.as_bytes()]).0, Kind::Resource("Bundle".to_owned()));
        let page = format!("<html>{}</html>", " ".repeat(HEAD));
        let broken = format!("{{\"entry\":]{}}}", " ".repeat(HEAD));
        for text in [page, broken] {
            assert_eq!(watched(&[text.as_bytes()]).0, Kind::Nothing);
        }
    }

    #[test]
    fn no_more_than_its_beginning_is_kept_of_a_body() {
        let mut body = Vec::new();
        let mut watched = Watched::new(&mut body);
        let piece = [b' '; 40_000];
        (0..10).for_each(|_| watched.take(&piece));
        assert_eq!((watched.head().len(), watched.bytes()), (HEAD, 400_000));
    }
}
