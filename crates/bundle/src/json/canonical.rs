//! A hash of what a JSON text says, not of how it is laid out: two copies of a resource that differ in white
//! space, order of keys or escapes are the same copy. Numbers count as written: `28.0` is not `28`.
//!
//! It is a sum, which forgets the order of members, over all texts, numbers, words, arrays and empty objects of a value: of
//! each, a hash of what it says and of the keys and items on the way to it. It is made of the tokens of a window at a time,
//! once the cursor has passed and thereby validated them: whoever reads needs to know nothing of it.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::LazyLock;

use super::Fault;
use super::cursor::{Cursor, FIRST, NEXT, STRING};
use super::escape::unescaped;
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

/// The hash of what a key says.
pub(super) fn hash_of_key(key: &[u8]) -> u64 {
    let seeds = Seeds::get();
    seeds.hash(seeds.start, key, 0..key.len())
}

/// The hash of a value in progress: of as many of its tokens as have been passed.
pub(super) struct Canonical {
    seeds: Seeds,
    is_begun: bool,
    sum: u64,
    /// Where the next value stands: a hash of the keys and items on the way to it.
    place: u64,
    /// The objects and arrays that are open, so many of them; what stands around all of them is the first.
    containers: Vec<Container>,
    depth: usize,
    /// The opening quote of a string whose closing quote is in the next window.
    cut: Option<u32>,
    /// Whether a brace or comma has been taken in by itself, and a key follows.
    is_key_due: bool,
}

/// An object or array that is open.
#[derive(Clone, Copy, Default)]
struct Container {
    /// Where the object stands, or the item of the array.
    place: u64,
    is_array: bool,
}

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
    top: Container,
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
            containers: vec![Container::default()],
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
        self.sum = around.sum.wrapping_add(self.seeds.mix(around.place, hash.into()));
        (self.is_begun, self.place) = (around.is_begun, around.place);
        hash
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { sum: self.sum, place: self.place, top: self.containers[self.depth], depth: self.depth }
    }

    /// Goes back to a mark: nothing that was open then has been left since.
    pub(super) fn go_back(&mut self, mark: Mark) {
        (self.sum, self.place, self.depth) = (mark.sum, mark.place, mark.depth);
        self.containers[self.depth] = mark.top;
        (self.cut, self.is_key_due) = (None, false);
    }

    /// Takes in tokens of a window, which make up JSON with those taken in before.
    #[inline(never)]
    pub(super) fn take(&mut self, window: &Window, passed: Range<usize>, text: &[u8]) {
        let mut number = passed.start;
        if let (Some(open), false) = (self.cut, passed.is_empty()) {
            self.cut = None;
            let [close] = window.positions(number);
            self.string((open, close), window, text);
            number += 1;
        }
        let escaped_from = window.backslashes.first().map_or(u32::MAX, |at| *at);
        // A member, its value if that is a string, and one token more are seven.
        let members_end = passed.end.saturating_sub(6);
        while number < passed.end {
            let kinds = window.kinds(number);
            let begin = u64::from_le_bytes(kinds) as u32;
            let [at, open, close, _, value, value_end] = window.positions(number);
            let is_member = matches!(begin, FIRST | NEXT) && number < members_end && value_end < escaped_from;
            number += match (is_member, kinds[0]) {
                (true, _) => self.take_member(kinds, (open, close), (value, value_end), text),
                (false, b'"') if number + 1 == passed.end => {
                    self.cut = Some(at);
                    1
                }
                (false, b'"') => {
                    self.string((at, open), window, text);
                    2
                }
                (false, kind) => {
                    self.take_token(kind, at, text);
                    1
                }
            };
        }
    }

    /// Takes in the key of a member, its value if that is a string, and the end of the object if it is the next token; how
    /// many tokens that is. Most tokens are such.
    #[inline(always)]
    fn take_member(&mut self, kinds: [u8; 8], key: (u32, u32), value: (u32, u32), text: &[u8]) -> usize {
        if kinds[0] == b'{' {
            self.enter(Container { place: self.place, is_array: false });
        }
        let place = self.seeds.hash(self.containers[self.depth].place, text, inside(key));
        if u16::from_le_bytes([kinds[4], kinds[5]]) != STRING {
            self.place = place;
            return 4;
        }
        self.sum = self.sum.wrapping_add(self.seeds.hash(place, text, inside(value)));
        let is_last = kinds[6] == b'}';
        self.depth -= usize::from(is_last);
        6 + usize::from(is_last)
    }

    #[inline(always)]
    fn take_token(&mut self, kind: u8, at: u32, text: &[u8]) {
        match kind {
            b'{' => {
                self.enter(Container { place: self.place, is_array: false });
                self.is_key_due = true;
            }
            b'[' => self.enter_array(),
            b'}' | b']' => self.leave(),
            b',' if self.containers[self.depth].is_array => self.next_item(),
            b',' => self.is_key_due = true,
            b':' => self.is_key_due = false,
            _ => self.word(at as usize, text),
        }
    }

    #[inline(always)]
    fn enter(&mut self, container: Container) {
        self.depth += 1;
        match self.containers.get_mut(self.depth) {
            Some(place) => *place = container,
            None => self.containers.push(container),
        }
    }

    #[inline(always)]
    fn enter_array(&mut self) {
        // Or the first item of the first would stand where the second does.
        let place = self.seeds.mix(self.place, b'['.into());
        self.sum = self.sum.wrapping_add(place);
        self.enter(Container { place, is_array: true });
        self.next_item();
    }

    #[inline(always)]
    fn leave(&mut self) {
        if self.is_key_due {
            // An object of nothing.
            self.sum = self.sum.wrapping_add(self.seeds.mix(self.place, b'{'.into()));
            self.is_key_due = false;
        }
        self.depth -= 1;
    }

    #[inline(always)]
    fn next_item(&mut self) {
        let array = &mut self.containers[self.depth];
        array.place = array.place.wrapping_mul(FACTOR).wrapping_add(1);
        self.place = array.place;
    }

    fn string(&mut self, quotes: (u32, u32), window: &Window, text: &[u8]) {
        let (open, close) = quotes;
        let backslash = window.backslashes.partition_point(|at| *at < open);
        match window.backslashes.get(backslash) {
            Some(at) if *at < close => {
                // A string of a text is text.
                let written = str::from_utf8(&text[open as usize + 1..close as usize]).unwrap_or_default();
                let said = unescaped(written) + "\"";
                self.said(said.as_bytes(), 0..said.len());
            }
            _ => self.said(text, inside(quotes)),
        }
    }

    fn word(&mut self, start: usize, text: &[u8]) {
        let is_inside =
            |byte: &&u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.');
        let length = text[start..].iter().take_while(is_inside).count();
        self.said(text, start..start + length);
    }

    fn said(&mut self, text: &[u8], part: Range<usize>) {
        match self.is_key_due {
            true => self.place = self.seeds.hash(self.containers[self.depth].place, text, part),
            false => self.sum = self.sum.wrapping_add(self.seeds.hash(self.place, text, part)),
        }
    }
}

/// What stands between two quotes and the latter: by that a text is no number or word, and its end is known.
#[inline(always)]
fn inside((open, close): (u32, u32)) -> Range<usize> {
    open as usize + 1..close as usize + 1
}

/// What hashes depend on, other in each process: nobody can make two values of one hash beforehand.
#[derive(Clone, Copy)]
struct Seeds {
    start: u64,
    factor: u64,
}

impl Seeds {
    fn get() -> Self {
        static SEEDS: LazyLock<Seeds> = LazyLock::new(|| {
            let random = RandomState::new();
            Seeds { start: random.hash_one(0), factor: random.hash_one(1) }
        });
        *SEEDS
    }

    /// The hash of what stands in a part of a text, at a place.
    #[inline(always)]
    fn hash(self, place: u64, text: &[u8], part: Range<usize>) -> u64 {
        let length = part.end.wrapping_sub(part.start);
        if length > PAIR {
            return self.hash_long(place, &text[part]);
        }
        let pair = match text.get(part.start..part.start + PAIR).and_then(|pair| pair.first_chunk()) {
            Some(pair) => u128::from_le_bytes(*pair) & MASKS[length],
            None => text[part].iter().rev().fold(0, |pair, byte| pair << 8 | u128::from(*byte)),
        };
        self.mix(place, pair)
    }

    /// The hash of more bytes than a pair, the last of them perhaps twice.
    #[inline(always)]
    fn hash_long(self, place: u64, bytes: &[u8]) -> u64 {
        let mut hash = place ^ (bytes.len() as u64).wrapping_mul(FACTOR);
        let mut rest = bytes;
        while let Some((pair, behind)) = rest.split_first_chunk()
            && !behind.is_empty()
        {
            hash = self.mix(hash, u128::from_le_bytes(*pair));
            rest = behind;
        }
        let last = bytes.last_chunk().copied().unwrap_or_default();
        self.mix(hash, u128::from_le_bytes(last))
    }

    /// Takes in two words: both halves of a product, of which neither factor is known outside the process.
    #[inline(always)]
    fn mix(self, hash: u64, pair: u128) -> u64 {
        let (one, two) = (pair as u64, (pair >> 64) as u64);
        let product = u128::from(hash ^ one) * u128::from(self.factor ^ two);
        product as u64 ^ (product >> 64) as u64
    }
}

/// The golden ratio, of 64 bits.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// The bytes of two words.
const PAIR: usize = size_of::<u128>();

/// For each length of a text what is its of the pair of words that begin with it.
static MASKS: [u128; PAIR + 1] = masks();

const fn masks() -> [u128; PAIR + 1] {
    let mut masks = [u128::MAX; PAIR + 1];
    let mut length = 0;
    while length < PAIR {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::super::Workspace;
    use super::*;
    use crate::Limits;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn hash(text: &str) -> u64 {
        canonical_hash(&mut Cursor::new(text, 0, 0, Limits::default(), Workspace::new())).expect("valid")
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
        let mut cursor = Cursor::new(&*text, 0, 0, Limits::default(), Workspace::new());
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
            let mut cursor = Cursor::new(&*text, 0, 0, Limits::default(), Workspace::new());
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
