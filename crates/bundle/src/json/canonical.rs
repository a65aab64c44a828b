//! A hash of what a JSON text says, not of how it is laid out: two copies of a resource that differ in white
//! space, order of keys or escapes are the same copy.

use super::Fault;
use super::cursor::{Cursor, Kind, Workspace};
use crate::Limits;

/// The hash of a JSON value. Numbers count as written: `28.0` is not `28`.
///
/// # Errors
/// The fault of a text that is not one JSON value; one that a cursor has passed has none.
pub(crate) fn canonical_hash(text: &str, limits: Limits) -> Result<u128, Fault> {
    let mut cursor = Cursor::new(text, 0, 0, limits, Workspace::new());
    let hash = value(&mut cursor)?;
    Ok(hash)
}

fn value(cursor: &mut Cursor<'_>) -> Result<u128, Fault> {
    match cursor.peek()? {
        Kind::String => {
            let lexeme = cursor.string_value()?;
            Ok(bytes(1, cursor.unescape(lexeme).as_bytes()))
        }
        Kind::Number => {
            let lexeme = cursor.number()?;
            Ok(bytes(2, cursor.written(lexeme).as_bytes()))
        }
        Kind::Boolean | Kind::Null => {
            let lexeme = cursor.literal()?;
            Ok(bytes(3, cursor.written(lexeme).as_bytes()))
        }
        Kind::Object => {
            let mut sum = 0u128;
            let mut members = cursor.enter_object()?;
            while let Some(key) = cursor.next_member(&mut members)? {
                let key = bytes(4, cursor.unescape(key).as_bytes());
                // Addition forgets the order of members and nothing else.
                sum = sum.wrapping_add(mix(key, value(cursor)?));
            }
            Ok(mix(5, sum))
        }
        Kind::Array => {
            let mut hash = 6;
            let mut items = cursor.enter_array()?;
            while cursor.next_item(&mut items)? {
                hash = mix(hash, value(cursor)?);
            }
            Ok(hash)
        }
    }
}

fn bytes(seed: u128, bytes: &[u8]) -> u128 {
    let (words, rest) = bytes.as_chunks::<16>();
    let hash = words.iter().fold(seed, |hash, word| mix(hash, u128::from_le_bytes(*word)));
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    mix(mix(hash, u128::from_le_bytes(last)), bytes.len() as u128)
}

fn mix(hash: u128, word: u128) -> u128 {
    // Turning the hash before the word meets it keeps the two apart; an odd 128-bit multiplier of no special
    // structure spreads them, a fold lets high bits reach low ones.
    const MULTIPLIER: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
    let product = (hash.rotate_left(47) ^ word).wrapping_add(MULTIPLIER).wrapping_mul(MULTIPLIER);
    (product ^ (product >> 67)).wrapping_mul(MULTIPLIER) ^ hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> u128 {
        canonical_hash(text, Limits::default()).expect("valid")
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
