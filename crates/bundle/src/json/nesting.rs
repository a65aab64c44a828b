//! Where a value ends, found by its brackets alone, in pieces of any size. What stands between them is not looked at:
//! whoever reads the value validates it.

use super::block::{BLOCK, Brackets, Kernel};
use super::window::escaped;

/// Blocks that are classified at once: an entry is often not much longer.
const BATCH: usize = 8;

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
        self.pass_by(Kernel::fastest(), piece)
    }

    fn pass_by(&mut self, kernel: Kernel, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while self.depth == 0 {
            if let Some(end) = self.pass_byte(at, *piece.get(at)?) {
                return Some(end);
            }
            at += 1;
        }
        let (blocks, rest) = piece[at..].as_chunks::<BLOCK>();
        if let Some(end) = kernel.find_end(blocks, self) {
            return Some(at + end);
        }
        let start = piece.len() - rest.len();
        rest.iter().enumerate().find_map(|(at, byte)| self.pass_byte(start + at, *byte))
    }

    /// Passes whole blocks inside the value, up to its end. `parity` says of each bit whether an odd number of bits is
    /// set up to and with it. Inlined into each kernel, to be compiled for its processor.
    #[inline(always)]
    pub(super) fn pass_blocks(
        &mut self,
        blocks: &[[u8; BLOCK]],
        brackets: impl Fn(&[u8; BLOCK]) -> Brackets,
        parity: impl Fn(u64) -> u64,
    ) -> Option<usize> {
        // Kept here rather than in the value, so that they stay in registers.
        let mut carry = u64::from(self.escaped);
        let mut in_string = 0u64.wrapping_sub(u64::from(self.in_string));
        let mut depth = self.depth;
        // Through memory, as the classes of a window are.
        let mut found = [Brackets::default(); BATCH];
        for (number, batch) in blocks.chunks(BATCH).enumerate() {
            for (block, found) in batch.iter().zip(&mut found) {
                *found = brackets(block);
            }
            for (place, found) in found.iter().enumerate().take(batch.len()) {
                let escapes = match found.backslash | carry {
                    0 => 0,
                    _ => escaped(found.backslash, &mut carry),
                };
                let strings = parity(found.quote & !escapes) ^ in_string;
                in_string = 0u64.wrapping_sub(strings >> 63);
                let (open, close) = (found.open & !strings, found.close & !strings);
                if close.count_ones() < depth {
                    depth = depth + open.count_ones() - close.count_ones();
                } else if let Some(end) = pass_brackets(&mut depth, open, close) {
                    return Some((number * BATCH + place) * BLOCK + end);
                }
            }
        }
        (self.escaped, self.in_string, self.depth) = (carry != 0, in_string != 0, depth);
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

/// Passes the brackets of a block one by one: among them may be the last, and then it is where the value ends.
fn pass_brackets(depth: &mut u32, open: u64, close: u64) -> Option<usize> {
    let mut brackets = open | close;
    while brackets != 0 {
        let at = brackets.trailing_zeros();
        if open >> at & 1 != 0 {
            *depth += 1;
        } else if *depth > 1 {
            *depth -= 1;
        } else {
            return Some(at as usize + 1);
        }
        brackets &= brackets - 1;
    }
    None
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
            for kernel in Kernel::all() {
                let (mut nesting, mut before, mut found) = (Nesting::default(), 0, None);
                for piece in text.as_bytes().chunks(piece) {
                    if let Some(end) = nesting.pass_by(kernel, piece) {
                        found = Some(before + end);
                        break;
                    }
                    before += piece.len();
                }
                prop_assert_eq!(found, end_plainly(text.as_bytes()), "{:?}", kernel);
            }
        }
    }
}
