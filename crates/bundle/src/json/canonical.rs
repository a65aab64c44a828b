//! A hash of what a JSON text says, not of how it is laid out: two copies of a resource that differ in white
//! space, order of keys or escapes are the same copy. Numbers count as written: `28.0` is not `28`.
//!
//! It is a sum, which forgets the order of members, over all texts, numbers, words, arrays and empty objects of a value: of
//! each, a hash of what it says and of the keys and items on the way to it. It is made of the tokens of a window at a time,
//! once the cursor has passed and thereby validated them: whoever reads needs to know nothing of it.

use std::ops::Range;

use super::Fault;
use super::cursor::{Cursor, FIRST, NEXT, STRING};
use super::escape::unescaped;
use super::seeds::{FACTOR, Seeds};
use super::window::Window;

/// The hash of the value at the cursor, which is behind it then.
///
/// # Errors
/// The fault of a text that is not a JSON value; one that a cursor has passed has none.
pub(crate) fn canonical_hash(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    let around = cursor.begin_hash();
    cursor.skip()?;
    Ok(cursor.end_hash(around))
}

/// The hash of a value in progress: of as many of its tokens as have been passed.
pub(super) struct Canonical {
    seeds: Seeds,
    is_begun: bool,
    sum: u64,
    /// Where the next value stands: a hash of the keys and items on the way to it.
    place: u64,
    /// Where the innermost container that is open stands, or the item of it if it is an array; and of those around it, so many
    /// of them.
    inner: u64,
    around: Vec<u64>,
    depth: usize,
    /// The opening quote of a string whose closing quote is in the next window.
    cut: Option<u32>,
    /// Whether a brace or comma has been taken in by itself, and a key follows.
    is_key_due: bool,
}

/// In the place of an item of an array; in that of an object it is not.
const ARRAY: u64 = 1;

/// What a hash is part of.
pub(crate) struct Around {
    is_begun: bool,
    sum: u64,
    place: u64,
}

/// How far a hash has come, before a value.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    sum: u64,
    place: u64,
    inner: u64,
    depth: usize,
}

impl Canonical {
    /// No hash.
    pub(super) fn new() -> Self {
        Self {
            seeds: Seeds::get(),
            is_begun: false,
            sum: 0,
            place: 0,
            inner: 0,
            around: Vec::new(),
            depth: 0,
            cut: None,
            is_key_due: false,
        }
    }

    /// Forgets what has been begun.
    pub(super) fn restart(&mut self) {
        (self.is_begun, self.depth, self.cut, self.is_key_due) = (false, 0, None, false);
    }

    /// Whether there is a hash in progress.
    pub(super) fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Begins the hash of the next value by itself.
    pub(super) fn begin(&mut self) -> Around {
        let around = Around { is_begun: self.is_begun, sum: self.sum, place: self.place };
        (self.is_begun, self.sum, self.place) = (true, 0, self.seeds.start);
        around
    }

    /// Ends the hash of a value, which counts in what is around it.
    pub(super) fn end(&mut self, around: Around) -> u64 {
        let hash = self.sum;
        self.sum = around.sum.wrapping_add(self.seeds.mix(around.place, [hash, 0]));
        (self.is_begun, self.place) = (around.is_begun, around.place);
        hash
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { sum: self.sum, place: self.place, inner: self.inner, depth: self.depth }
    }

    /// Goes back to a mark: nothing that was open then has been left since.
    pub(super) fn go_back(&mut self, mark: Mark) {
        (self.sum, self.place, self.inner, self.depth) = (mark.sum, mark.place, mark.inner, mark.depth);
        (self.cut, self.is_key_due) = (None, false);
    }

    /// Takes in tokens of a window, which make up JSON with those taken in before.
    #[inline(never)]
    pub(super) fn take(&mut self, window: &mut Window, passed: Range<usize>, text: &[u8]) {
        let mut number = passed.start;
        if let (Some(open), false) = (self.cut, passed.is_empty()) {
            self.cut = None;
            let [close] = window.positions(number);
            self.string(open, close, window, text);
            number += 1;
        }
        while number < passed.end {
            if !self.is_key_due {
                let end = window.first_escaped(number..passed.end);
                let behind = window.replace_kind(end, 0);
                number = self.take_plain(window, number, text);
                window.replace_kind(end, behind);
            }
            if number < passed.end {
                number += self.take_token(window, number..passed.end, text);
            }
        }
    }

    /// Takes in keys, strings, beginnings and ends, as nearly all tokens are, from one token up to one that is something else or
    /// is cut; which that is. No string before it is escaped.
    #[inline(always)]
    fn take_plain(&mut self, window: &Window, first: usize, text: &[u8]) -> usize {
        // Here, so that they stay in registers.
        let mut around = std::mem::take(&mut self.around);
        let (seeds, mut depth, mut inner, mut place, mut sum) =
            (self.seeds, self.depth, self.inner, self.place, self.sum);
        let mut number = first;
        loop {
            let mut kinds = u64::from_le_bytes(window.kinds(number));
            if matches!(kinds as u32, FIRST | NEXT) {
                if kinds as u32 == FIRST {
                    open(&mut around, depth, inner);
                    depth += 1;
                    inner = place & !ARRAY;
                }
                let [_, open, close] = window.positions(number);
                place = seeds.hash(inner, text, inside(open, close));
                number += 4;
                kinds >>= 32;
            }
            if kinds as u16 == STRING {
                let [open, close] = window.positions(number);
                sum = sum.wrapping_add(seeds.hash(place, text, inside(open, close)));
                number += 2;
            } else if matches!(kinds as u8, b'}' | b']') {
                depth -= 1;
                inner = around.get(depth).copied().unwrap_or_default();
                number += 1;
            } else if kinds as u8 == b'[' {
                // Or the first item of the first would stand where the second does.
                let array = seeds.mix(place, [b'['.into(), 0]);
                sum = sum.wrapping_add(array);
                open(&mut around, depth, inner);
                depth += 1;
                inner = next_item(array);
                place = inner;
                number += 1;
            } else if kinds as u8 == b',' && inner & ARRAY != 0 {
                inner = next_item(inner);
                place = inner;
                number += 1;
            } else if kinds as u32 != FIRST {
                break;
            }
        }
        self.around = around;
        (self.depth, self.inner, self.place, self.sum) = (depth, inner, place, sum);
        number
    }

    /// Takes in one token, or a string's two; how many.
    fn take_token(&mut self, window: &Window, tokens: Range<usize>, text: &[u8]) -> usize {
        let [kind] = window.kinds(tokens.start);
        let [at, next] = window.positions(tokens.start);
        match kind {
            b'"' if tokens.len() == 1 => self.cut = Some(at),
            b'"' => {
                self.string(at, next, window, text);
                return 2;
            }
            b'{' => {
                self.open(self.place & !ARRAY);
                self.is_key_due = true;
            }
            b'[' => {
                let array = self.seeds.mix(self.place, [b'['.into(), 0]);
                self.sum = self.sum.wrapping_add(array);
                self.place = next_item(array);
                self.open(self.place);
            }
            b'}' | b']' => self.close(),
            b',' => self.comma(),
            b':' => self.is_key_due = false,
            _ => self.word(at as usize, text),
        }
        1
    }

    fn open(&mut self, container: u64) {
        open(&mut self.around, self.depth, self.inner);
        self.depth += 1;
        self.inner = container;
    }

    fn close(&mut self) {
        if self.is_key_due {
            // An object of nothing.
            self.sum = self.sum.wrapping_add(self.seeds.mix(self.place, [b'{'.into(), 0]));
            self.is_key_due = false;
        }
        self.depth -= 1;
        self.inner = self.around[self.depth];
    }

    fn comma(&mut self) {
        let is_array = self.inner & ARRAY != 0;
        if is_array {
            self.inner = next_item(self.inner);
            self.place = self.inner;
        }
        self.is_key_due = !is_array;
    }

    fn string(&mut self, open: u32, close: u32, window: &Window, text: &[u8]) {
        if window.next_backslash(open) > close {
            return self.said(text, inside(open, close));
        }
        // A string of a text is text.
        let written = str::from_utf8(&text[open as usize + 1..close as usize]).unwrap_or_default();
        let said = unescaped(written) + "\"";
        self.said(said.as_bytes(), 0..said.len());
    }

    fn word(&mut self, start: usize, text: &[u8]) {
        let is_inside =
            |byte: &&u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.');
        let length = text[start..].iter().take_while(is_inside).count();
        self.said(text, start..start + length);
    }

    fn said(&mut self, text: &[u8], part: Range<usize>) {
        match self.is_key_due {
            true => self.place = self.seeds.hash(self.inner, text, part),
            false => self.sum = self.sum.wrapping_add(self.seeds.hash(self.place, text, part)),
        }
    }
}

/// Where the next item of an array stands.
#[inline(always)]
fn next_item(place: u64) -> u64 {
    place.wrapping_mul(FACTOR).wrapping_add(2) | ARRAY
}

/// Keeps what is open around another.
#[inline(always)]
fn open(around: &mut Vec<u64>, depth: usize, container: u64) {
    match around.get_mut(depth) {
        Some(place) => *place = container,
        None => around.push(container),
    }
}

/// What stands between two quotes and the latter: by that a text is no number or word, and its end is known.
#[inline(always)]
fn inside(open: u32, close: u32) -> Range<usize> {
    open as usize + 1..close as usize + 1
}

#[cfg(test)]
mod tests {
    use super::super::Workspace;
    use super::*;
    use crate::Limits;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn hash(text: &str) -> u64 {
        canonical_hash(&mut Cursor::new(text, 0, 0, Limits::default(), Workspace::of_thread()))
            .expect("valid")
    }

    #[test]
    fn layout_does_not_count() {
        assert_eq!(hash(r#"{"a":1,"b":["x",{}]}"#), hash("{ \"b\" : [ \"\\u0078\", { } ],\n\"a\": 1 }"));
        assert_eq!(hash(r#"{"a\n":1,"b":2}"#), hash(r#"{"b":2,"\u0061\u000a":1}"#));
    }

    #[test]
    fn content_counts() {
        let texts = [
            "[1,2]",
            "[2,1]",
            "[[1],2]",
            "[1,[2]]",
            "[[1,2]]",
            "\"1\"",
            "1",
            "1.0",
            "{}",
            "[]",
            "null",
            "[null]",
            r#"{"a":null}"#,
            r#"{"a":{"b":1},"c":{}}"#,
            r#"{"a":{},"c":{"b":1}}"#,
            r#"{"a":{"c":{},"b":1}}"#,
            r#"{"a":"b"}"#,
            r#"{"b":"a"}"#,
            r#"["a","b"]"#,
            "\"\"",
            "\"\\u0000\"",
            "[[]]",
            "[[],[]]",
            "\"12345678\"",
            "\"123456789012345\"",
            "\"1234567890123456\"",
            "\"12345678901234567\"",
        ];
        let mut hashes: Vec<u64> = texts.iter().map(|text| hash(text)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), texts.len());
    }

    #[test]
    fn what_changes_places_counts() {
        let texts = [
            r#"{"a":{"x":"1","y":"2"},"b":{"x":"3","y":"4"}}"#,
            r#"{"a":{"x":"3","y":"2"},"b":{"x":"1","y":"4"}}"#,
            r#"{"a":{"x":"1","y":"2"},"b":{"y":"3","x":"4"}}"#,
            r#"{"a":{"x":"2","y":"1"},"b":{"x":"3","y":"4"}}"#,
            r#"{"b":{"x":"1","y":"2"},"a":{"x":"3","y":"4"}}"#,
            r#"[{"x":"1","y":"2"},{"x":"3","y":"4"}]"#,
            r#"[{"x":"3","y":"4"},{"x":"1","y":"2"}]"#,
            r#"[{"x":"1"},{"y":"2"},{"x":"3"},{"y":"4"}]"#,
            r#"[["x","1"],["y","2"]]"#,
            r#"[["x","1","y"],["2"]]"#,
            r#"[{"x":"1","y":{}},"2"]"#,
            r#"[{"x":"1","y":[]},"2"]"#,
            r#"[{"x":"1","y":null},"2"]"#,
            r#"[{"x":"1","y":"null"},"2"]"#,
            r#"[{"x":"1"},"2"]"#,
            "[[],{}]",
            "[{},[]]",
            "[[],[],{}]",
            "[[[]],{}]",
        ];
        let mut hashes: Vec<u64> = texts.iter().map(|text| hash(text)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), texts.len());
    }

    /// A value of few words, so that two are often alike or nearly so.
    fn any_value() -> impl Strategy<Value = Value> {
        let word = || "(a|b|ab|\\n|\"é|seventeen of bytes|as long as it is and then some)?";
        let leaf = prop_oneof![word().prop_map(Value::from), (0..3).prop_map(Value::from), Just(json!(null))];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map(word(), inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// A value written with its members turned round, with every other character of strings escaped, and with so much white
    /// space here and there that it is in several windows.
    fn written_otherwise(value: &Value, space: usize) -> String {
        let space = " ".repeat(space);
        let string = |text: &str| {
            let escape = |(at, character): (usize, char)| match character {
                '"' | '\n' => format!("\\u{:04x}", u32::from(character)),
                _ if at % 2 == 0 => format!("\\u{:04x}", u32::from(character)),
                _ => character.to_string(),
            };
            format!("\"{}\"", text.chars().enumerate().map(escape).collect::<String>())
        };
        let other = |value: &Value| written_otherwise(value, space.len());
        match value {
            Value::String(text) => string(text),
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(other).collect();
                format!("[{}]", items.join(&format!("{space},")))
            }
            Value::Object(members) => {
                let member =
                    |(key, value): (&String, &Value)| format!("{}{space}:{}", string(key), other(value));
                let members: Vec<_> = members.iter().rev().map(member).collect();
                format!("{{{}{space}}}", members.join(","))
            }
            _ => value.to_string(),
        }
    }

    proptest! {
        #[test]
        fn values_are_of_one_hash_where_they_are_equal(
            one in any_value(),
            two in any_value(),
            space in prop_oneof![0usize..3, 300usize..5000],
        ) {
            prop_assert_eq!(hash(&one.to_string()), hash(&written_otherwise(&one, space)));
            prop_assert_eq!(one == two, hash(&one.to_string()) == hash(&two.to_string()));
        }
    }

    #[test]
    fn what_is_read_again_counts_once() {
        let text = format!(r#"[{{"a":"1"{}}},{{"b":["2"{}]}}]"#, " ".repeat(3000), " ".repeat(5000));
        let mut cursor = Cursor::new(&*text, 0, 0, Limits::default(), Workspace::of_thread());
        let around = cursor.begin_hash();
        let mut items = cursor.enter_array().expect("an array");
        while cursor.next_item(&mut items).expect("valid") {
            let checkpoint = cursor.checkpoint();
            cursor.skip().expect("valid");
            cursor.restore(checkpoint);
            cursor.skip().expect("valid");
        }
        assert_eq!(cursor.end_hash(around), hash(r#"[{"a":"1"},{"b":["2"]}]"#));
    }

    #[test]
    fn what_a_value_holds_has_a_hash_by_itself() {
        let (inner, outer) = (r#"{"b":["2",{}]}"#, r#"[{"b":["2",{}]},"3"]"#);
        let mut hashes = Vec::new();
        for (text, space) in [(outer, ""), (&outer.replace(',', " ,"), " ")] {
            let text = format!("{space}{text}");
            let mut cursor = Cursor::new(&*text, 0, 0, Limits::default(), Workspace::of_thread());
            let around = cursor.begin_hash();
            let mut items = cursor.enter_array().expect("an array");
            cursor.next_item(&mut items).expect("valid");
            assert_eq!(canonical_hash(&mut cursor).expect("valid"), hash(inner));
            while cursor.next_item(&mut items).expect("valid") {
                cursor.skip().expect("valid");
            }
            hashes.push(cursor.end_hash(around));
        }
        assert_eq!(hashes[0], hashes[1]);
    }
}
