//! Values of the right and of the wrong JSON type, each with what a column must hold because of it.

use super::super::json::Json;
use super::Maker;

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

pub(super) const DATES: [&str; 24] = [
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

pub(super) const STATUSES: [&str; 10] = [
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

impl Maker<'_> {
    pub(super) fn words(&mut self) -> String {
        (0..self.random.below(5)).map(|_| self.random.pick(&PIECES)).collect()
    }

    /// A scalar and what its column holds.
    pub(super) fn scalar(&mut self, text: String) -> (Option<Json>, Option<String>) {
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

    pub(super) fn number(&mut self) -> (Option<Json>, Option<String>) {
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
    pub(super) fn object(&mut self, object: Json) -> (Json, bool) {
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
    pub(super) fn list(&mut self, mut items: Vec<Json>) -> Json {
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
}
