//! 64-bit words, for processors without vectors and as the twin without `unsafe` of all others.

use super::super::window::{Window, parity_by_shifts, write_tokens};
use super::{BLOCK, Classes};

const LOW: u64 = 0x0101_0101_0101_0101;
const SEVEN: u64 = LOW * 0x7F;
const HIGH: u64 = LOW * 0x80;

pub(super) fn scan(blocks: &[[u8; BLOCK]], window: &mut Window) -> bool {
    window.find_tokens(blocks, classify, parity_by_shifts, write_tokens);
    blocks.as_flattened().is_ascii()
}

pub(super) fn classify(block: &[u8; BLOCK]) -> Classes {
    let mut classes = Classes::default();
    let (words, _) = block.as_chunks::<8>();
    for (number, bytes) in words.iter().enumerate() {
        let (word, shift) = (u64::from_le_bytes(*bytes), number * 8);
        let folded = word | (LOW * 0x20);
        let structural = equal(folded, b'{') | equal(folded, b'}') | equal(word, b',') | equal(word, b':');
        let whitespace = equal(word, b' ') | equal(word, b'\n') | equal(word, b'\r') | equal(word, b'\t');
        // Below 0x20 is where none of the upper three bits is set.
        let control = zero((word >> 5) & (LOW * 7));
        classes.quote |= bits(equal(word, b'"')) << shift;
        classes.structural |= bits(structural) << shift;
        classes.whitespace |= bits(whitespace) << shift;
        classes.odd |= bits(control | equal(word, b'\\')) << shift;
    }
    classes
}

fn equal(word: u64, byte: u8) -> u64 {
    zero(word ^ (LOW * u64::from(byte)))
}

/// The high bit of each byte that is zero, exactly: adding to seven bits cannot carry into the next byte.
fn zero(word: u64) -> u64 {
    !(((word & SEVEN) + SEVEN) | word) & HIGH
}

/// The high bits of eight bytes as one byte.
fn bits(high: u64) -> u64 {
    (high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}
