//! What an object says under one of its own keys, wherever that stands, without a look at what stands before it.

use super::{Cursor, Lexeme, plain};
use crate::json::tokens::CHUNK;

/// One in each byte, and the highest bit of each.
const EACH: u64 = u64::MAX / 0xFF;
const HIGH: u64 = EACH << 7;

/// Deeper than this nothing is looked for, so that each depth is a byte.
const DEEPEST: u64 = 128;

/// The tokens of a member that is a string, up to its value.
const STRING_MEMBER: [u8; 4] = *b"\"\":\"";

impl Cursor<'_> {
    /// The string under a key of the object at the cursor, where all up to it is at hand and neither is escaped. What stands
    /// before them need not be JSON, which is for who reads the object to say. The cursor stays.
    pub(crate) fn own_string(&self, key: &str) -> Option<Lexeme> {
        let between_quotes = key.len() as u32 + 1;
        let is_as_long = |(open, close): (&u32, &u32)| close.wrapping_sub(*open) == between_quotes;
        let (mut passed, mut depth) = (0, 0);
        for (kinds, positions, behind) in self.tokens.chunks_at_hand() {
            let depths = depths(*kinds, depth);
            // Not one after the other, so that the compiler takes them together.
            if positions.iter().zip(behind).fold(false, |any, pair| any | is_as_long(pair)) {
                let own = depths.to_le_bytes().into_iter().take_while(|depth| *depth > 0).enumerate();
                let mut found = own.filter(|(_, depth)| *depth == 1).map(|(at, _)| passed + at);
                if let Some(found) = found.find_map(|token| self.string_of_member(token, key)) {
                    return Some(found);
                }
            }
            depth = depths >> (u64::BITS - 8);
            if has_zero(depths) || depth > DEEPEST {
                return None;
            }
            passed += CHUNK;
        }
        None
    }

    /// The string of the member behind so many tokens, where it is one and has that key.
    fn string_of_member(&self, tokens: usize, key: &str) -> Option<Lexeme> {
        let [open, close, _, start, end] = self.tokens.behind(tokens);
        let is_so = self.tokens.kinds_behind(tokens) == STRING_MEMBER && self.is_name(open, close, key);
        let value = self.bytes().get(start as usize + 1..end as usize).filter(|_| is_so)?;
        let is_plain = !self.tokens.is_odd(end as usize) || value.iter().all(u8::is_ascii_alphanumeric);
        is_plain.then(|| plain(start, end))
    }
}

/// How deep the text is behind each of some tokens, a byte each, up to the first where it is not: before them it is so deep.
#[inline(always)]
fn depths(kinds: [u8; CHUNK], before: u64) -> u64 {
    // A bracket and a brace differ in this bit alone.
    let folded = u64::from_le_bytes(kinds) | (EACH * 0x20);
    let count_up_to = |byte: u8| (zeros(folded ^ (EACH * u64::from(byte))) >> 7).wrapping_mul(EACH);
    (EACH.wrapping_mul(before) + count_up_to(b'{')).wrapping_sub(count_up_to(b'}'))
}

/// The highest bit of each byte that is zero: adding to seven bits carries into no other byte.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    !(((word & !HIGH) + !HIGH) | word) & HIGH
}

/// Whether a byte is zero, the lowest that is so not being told from those above it.
#[inline(always)]
fn has_zero(word: u64) -> bool {
    word.wrapping_sub(EACH) & !word & HIGH != 0
}

#[cfg(test)]
mod tests {
    use super::super::Workspace;
    use super::*;
    use crate::Limits;
    use proptest::prelude::*;

    fn own(text: &str) -> Option<String> {
        let mut cursor = Cursor::new(text, 0, 0, Limits::default(), Workspace::of_thread());
        cursor.peek().ok()?;
        let own = cursor.own_string("kind")?;
        Some(cursor.written(own).to_owned())
    }

    /// The member of an object that is JSON, or nothing.
    fn own_of_tree(text: &str) -> Option<String> {
        let tree: serde_json::Value = serde_json::from_str(text).ok()?;
        Some(tree.get("kind")?.as_str()?.to_owned())
    }

    #[test]
    fn a_key_is_found_wherever_it_stands() {
        for before in 0..40 {
            let before = r#""a":[{"kind":"x"},{}],"#.repeat(before);
            let text = format!(r#"{{{before}"b":{{"c":"kind"}},"kind":"own","d":1}}"#);
            assert_eq!(own(&text).as_deref(), Some("own"), "{text}");
        }
    }

    #[test]
    fn what_another_object_says_or_what_is_escaped_is_not_found() {
        for text in [
            r#"{"a":{"kind":"x"}}"#,
            r#"{},{"kind":"x"}"#,
            r#"{"a":"b"}},{"resource":{"kind":"x"}}"#,
            r#"{"kind":1}"#,
            r#"{"kind":["x"]}"#,
            r#"{"a":"kind"}"#,
            r#"{"kin\u0064":"x"}"#,
            r#"{"kind":"x\n"}"#,
            r#"{"kind":"x"#,
        ] {
            assert_eq!(own(text), None, "{text}");
        }
        assert_eq!(own(r#"{"a":"\n","kind":"x"}"#).as_deref(), Some("x"));
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_the_object_says(
            members in prop::collection::vec(prop_oneof![
                r#""[a-d]{1,5}":("[a-c]{0,3}"|-?1|true|\{("kind":"x")?\}|\[("kind"|\{"kind":"y"\}|\[\])\])"#,
                r#""kind":"[a-c]{0,3}""#,
                r#""b":(\{"a":){3}\[\{"kind":"z"\}\](\}){3}"#,
            ], 0..9),
            behind in r#"(\}?,\{"kind":"w"\})?"#,
        ) {
            let text = format!("{{{}}}", members.join(","));
            let found = own(&format!("{text}{behind}"));
            let kinds = members.iter().filter(|member| member.starts_with(r#""kind""#)).count();
            if kinds < 2 {
                prop_assert_eq!(found, own_of_tree(&text), "{}", text);
            }
        }
    }
}
