//! A hash of what a JSON text says, not of how it is laid out: two copies of a resource that differ in white
//! space, order of keys or escapes are the same copy. Numbers count as written: `28.0` is not `28`.

use super::Fault;
use super::cursor::Cursor;

/// The hash of the value at the cursor, which is behind it then.
///
/// # Errors
/// The fault of a text that is not a JSON value; one that a cursor has passed has none.
pub(crate) fn canonical_hash(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    cursor.start_hashing();
    cursor.skip()?;
    Ok(cursor.hash_of_last())
}

/// What kind of value a hash is of.
#[derive(Clone, Copy)]
pub(crate) enum Said {
    Text = 1,
    Number,
    Word,
    Key,
    Object,
    Array,
}

/// The hash of an object of which each member is taken in when the next comes.
#[derive(Default)]
pub(crate) struct MembersHash {
    sum: u64,
    /// The key whose value is not taken in yet.
    key: u64,
}

impl MembersHash {
    pub(crate) fn begin_member(&mut self, key: &str) {
        self.key = hash(Said::Key, key.as_bytes());
    }

    pub(crate) fn end_member(&mut self, value: u64) {
        // Addition forgets the order of members and nothing else.
        self.sum = self.sum.wrapping_add(mix(self.key, 0, value));
    }

    pub(crate) fn whole(&self) -> u64 {
        mix(self.sum, 0, Said::Object as u64)
    }
}

/// The hash of an array of which each item is taken in when the next comes.
#[derive(Default)]
pub(crate) struct ItemsHash(u64);

impl ItemsHash {
    pub(crate) fn end_item(&mut self, item: u64) {
        self.0 = mix(self.0, 1, item);
    }

    pub(crate) fn whole(&self) -> u64 {
        mix(self.0, 0, Said::Array as u64)
    }
}

/// The hash of what a text, number, word or key says.
pub(crate) fn hash(said: Said, bytes: &[u8]) -> u64 {
    let start = (said as u64).wrapping_mul(SECOND) ^ (bytes.len() as u64).wrapping_mul(FIRST);
    let (pairs, rest) = bytes.as_chunks::<16>();
    let pairs = pairs.iter().map(|pair| u128::from_le_bytes(*pair));
    let hash = pairs.fold(start, |hash, pair| mix(hash, pair as u64, (pair >> 64) as u64));
    let (one, two) = last_words(rest);
    mix(hash, one, two)
}

/// Takes in two words: both halves of a product. One is added, so that a product of zero does not lose it.
fn mix(hash: u64, one: u64, two: u64) -> u64 {
    let product = u128::from(hash ^ one ^ FIRST) * u128::from(two ^ SECOND);
    (product as u64 ^ (product >> 64) as u64).wrapping_add(two)
}

/// Odd numbers without structure: the golden ratio and the square root of two, of 64 bits.
const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND: u64 = 0xB504_F333_F9DE_6485;

/// Fewer than 16 bytes as two words; with their number, which the hash has, they can be told back.
fn last_words(rest: &[u8]) -> (u64, u64) {
    if let (Some(head), Some(tail)) = (rest.first_chunk(), rest.last_chunk()) {
        return (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
    }
    if let (Some(head), Some(tail)) = (rest.first_chunk(), rest.last_chunk()) {
        return (u32::from_le_bytes(*head).into(), u32::from_le_bytes(*tail).into());
    }
    (rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0)
}

#[cfg(test)]
mod tests {
    use super::super::Workspace;
    use super::*;
    use crate::Limits;

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
}
