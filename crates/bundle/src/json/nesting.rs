//! Where a value ends, found by its brackets alone, in pieces of any size. What stands between them is not looked at:
//! whoever reads the value validates it.

use super::block::{BLOCK, Classes, classify};
use super::window::{escaped, parity_by_shifts};

/// Blocks that are classified at once: an entry is often not much longer.
const BATCH: usize = 16;

/// How far into a value a scan has come.
#[derive(Default)]
pub(crate) struct Nesting {
    depth: u32,
    in_string: bool,
    /// Whether the next byte follows a backslash of a string.
    escaped: bool,
}

impl Nesting {
    /// Scans a piece of the value up to its end: the offset behind the bracket that closes it, or that of the comma or
    /// bracket behind a number or word. Nothing where the value goes on behind the piece.
    pub(crate) fn pass(&mut self, piece: &[u8]) -> Option<usize> {
        let (blocks, rest) = piece.as_chunks::<BLOCK>();
        let mut classes = [Classes::default(); BATCH];
        for (number, blocks) in blocks.chunks(BATCH).enumerate() {
            classify(blocks, &mut classes);
            for (place, (block, classes)) in blocks.iter().zip(&classes).enumerate() {
                if let Some(end) = self.pass_block(block, *classes) {
                    return Some((number * BATCH + place) * BLOCK + end);
                }
            }
        }
        rest.iter()
            .enumerate()
            .find_map(|(at, byte)| self.pass_byte(at, *byte))
            .map(|end| piece.len() - rest.len() + end)
    }

    fn pass_block(&mut self, block: &[u8; BLOCK], classes: Classes) -> Option<usize> {
        let mut carry = u64::from(self.escaped);
        let escapes = match classes.backslash | carry {
            0 => 0,
            _ => escaped(classes.backslash, &mut carry),
        };
        self.escaped = carry != 0;
        let quotes = classes.quote & !escapes;
        let strings = parity_by_shifts(quotes) ^ 0u64.wrapping_sub(u64::from(self.in_string));
        self.in_string = strings >> 63 != 0;
        let mut brackets = classes.structural & !strings;
        while brackets != 0 {
            let at = brackets.trailing_zeros() as usize;
            if let Some(end) = self.pass_structural(at, block[at]) {
                return Some(end);
            }
            brackets &= brackets - 1;
        }
        None
    }

    fn pass_byte(&mut self, at: usize, byte: u8) -> Option<usize> {
        if self.in_string {
            self.in_string = byte != b'"' || self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            return None;
        }
        // Outside a string a backslash is a fault that the reader will find.
        self.in_string = byte == b'"';
        self.pass_structural(at, byte)
    }

    #[inline]
    fn pass_structural(&mut self, at: usize, byte: u8) -> Option<usize> {
        match byte {
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 1 => self.depth -= 1,
            b'}' | b']' if self.depth == 1 => return Some(at + 1),
            b'}' | b']' | b',' if self.depth == 0 => return Some(at),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Where the value at the start of a text ends, one byte at a time.
    fn end_plainly(text: &[u8]) -> Option<usize> {
        let mut nesting = Nesting::default();
        text.iter().enumerate().find_map(|(at, byte)| nesting.pass_byte(at, *byte))
    }

    proptest! {
        #[test]
        fn a_value_ends_at_the_same_place_in_pieces_of_any_size(
            text in r#"([\[{]|"([a-z{}]|\\\\|\\")*"|[ ,:1]|[\]}]){0,90}"#,
            piece in 1usize..200,
        ) {
            let (mut nesting, mut before, mut found) = (Nesting::default(), 0, None);
            for piece in text.as_bytes().chunks(piece) {
                if let Some(end) = nesting.pass(piece) {
                    found = Some(before + end);
                    break;
                }
                before += piece.len();
            }
            prop_assert_eq!(found, end_plainly(text.as_bytes()));
        }
    }
}
