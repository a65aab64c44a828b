//! A hash of what a JSON text says, not of how it is laid out: two copies of a resource that differ in white
//! space, order of keys or escapes are the same copy.

use super::Fault;
use super::cursor::{Cursor, Kind};

/// The hash of the value at the cursor, which is behind it then. Numbers count as written: `28.0` is not `28`.
///
/// # Errors
/// The fault of a text that is not a JSON value; one that a cursor has passed has none.
pub(crate) fn canonical_hash(cursor: &mut Cursor<'_>) -> Result<u128, Fault> {
    value(cursor).map(State::whole)
}

/// The hash of an object of which each member is handed over as it is read.
#[derive(Default)]
pub(crate) struct MemberHash(State);

impl MemberHash {
    /// Takes in a member, the cursor before its value.
    pub(crate) fn add(&mut self, key: &str, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        let member = State::of(4, key.as_bytes()).then(value(cursor)?);
        // Addition forgets the order of members and nothing else.
        self.0 = State(self.0.0.wrapping_add(member.0), self.0.1.wrapping_add(member.1));
        Ok(())
    }

    pub(crate) fn finish(self) -> u128 {
        State::of(5, b"").then(self.0).whole()
    }
}

fn value(cursor: &mut Cursor<'_>) -> Result<State, Fault> {
    match cursor.peek()? {
        Kind::String => {
            let lexeme = cursor.string_value()?;
            Ok(State::of(1, cursor.unescape(lexeme).as_bytes()))
        }
        Kind::Number => {
            let lexeme = cursor.number()?;
            Ok(State::of(2, cursor.written(lexeme).as_bytes()))
        }
        Kind::Boolean | Kind::Null => {
            let lexeme = cursor.literal()?;
            Ok(State::of(3, cursor.written(lexeme).as_bytes()))
        }
        Kind::Object => {
            let mut hash = MemberHash::default();
            let mut members = cursor.enter_object()?;
            while let Some(key) = cursor.next_member(&mut members)? {
                hash.add(&cursor.unescape(key), cursor)?;
            }
            Ok(State::of(5, b"").then(hash.0))
        }
        Kind::Array => {
            let mut hash = State::of(6, b"");
            let mut items = cursor.enter_array()?;
            while cursor.next_item(&mut items)? {
                hash = hash.then(value(cursor)?);
            }
            Ok(hash)
        }
    }
}

/// A hash in progress: two halves that take in the same words in different ways.
#[derive(Clone, Copy, Default)]
struct State(u64, u64);

impl State {
    /// The hash of some bytes of one kind.
    fn of(kind: u64, bytes: &[u8]) -> Self {
        let mut state = Self(kind.wrapping_mul(FIRST), (bytes.len() as u64).wrapping_mul(SECOND));
        let (words, rest) = bytes.as_chunks::<16>();
        for word in words {
            let word = u128::from_le_bytes(*word);
            state = state.then(Self(word as u64, (word >> 64) as u64));
        }
        state.then(last_words(rest))
    }

    fn whole(self) -> u128 {
        u128::from(self.0) << 64 | u128::from(self.1)
    }

    /// Takes in two words. Each is added after it has been multiplied, so that a product of zero loses neither.
    #[inline]
    fn then(self, words: Self) -> Self {
        let one = fold(self.0 ^ words.0, words.1 ^ FIRST).wrapping_add(words.1);
        let two = fold(self.1 ^ words.1, words.0 ^ SECOND).wrapping_add(words.0);
        Self(one ^ self.1.rotate_left(32), two ^ self.0)
    }
}

/// Odd numbers without structure: the golden ratio and the square root of two, of 64 bits.
const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND: u64 = 0xB504_F333_F9DE_6485;

/// Fewer than 16 bytes as two words; with their number, which the hash has, they can be told back.
fn last_words(rest: &[u8]) -> State {
    match (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        (Some(head), Some(tail)) => State(u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => State(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
    }
}

/// Both halves of a product.
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::super::Workspace;
    use super::*;
    use crate::Limits;

    fn hash(text: &str) -> u128 {
        canonical_hash(&mut Cursor::new(text, 0, 0, Limits::default(), Workspace::new())).expect("valid")
    }

    #[test]
    fn layout_does_not_count() {
        assert_eq!(hash(r#"{"a":1,"b":["x",{}]}"#), hash("{ \"b\" : [ \"\\u0078\", { } ],\n\"a\": 1 }"));
    }

    #[test]
    fn content_counts() {
        let texts = [
            "[1,2]",
            "[2,1]",
            "[[1],2]",
            "[1,[2]]",
            "\"1\"",
            "1",
            "1.0",
            "{}",
            "[]",
            "null",
            r#"{"a":null}"#,
            r#"{"a":{"b":1},"c":{}}"#,
            r#"{"a":{},"c":{"b":1}}"#,
            "\"\"",
            "\"\\u0000\"",
            "[[]]",
            "[[],[]]",
        ];
        let mut hashes: Vec<u128> = texts.iter().map(|text| hash(text)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), texts.len());
    }
}
