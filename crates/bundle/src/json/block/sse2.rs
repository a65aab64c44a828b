//! SSE2, which every x86-64 processor has.

use std::arch::x86_64::*;

use super::super::window::{Window, parity_by_shifts, write_tokens};
use super::{BLOCK, Classes};

#[target_feature(enable = "sse2")]
pub(super) fn scan(blocks: &[[u8; BLOCK]], window: &mut Window) -> bool {
    window.find_tokens(blocks, |block| classify(block), parity_by_shifts, write_tokens);
    blocks.as_flattened().is_ascii()
}

#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn classify(block: &[u8; BLOCK]) -> Classes {
    let mut classes = Classes::default();
    let (parts, _) = block.as_chunks::<16>();
    for (part, bytes) in parts.iter().enumerate() {
        let bytes = load(bytes);
        let folded = _mm_or_si128(bytes, all(0x20));
        let braces = _mm_or_si128(equal(folded, b'{'), equal(folded, b'}'));
        let separators = _mm_or_si128(equal(bytes, b','), equal(bytes, b':'));
        let blanks = _mm_or_si128(equal(bytes, b' '), equal(bytes, b'\t'));
        let line_ends = _mm_or_si128(equal(bytes, b'\n'), equal(bytes, b'\r'));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, all(0x1F)), bytes);
        let shift = part * 16;
        classes.quote |= bits(equal(bytes, b'"')) << shift;
        classes.structural |= bits(_mm_or_si128(braces, separators)) << shift;
        classes.whitespace |= bits(_mm_or_si128(blanks, line_ends)) << shift;
        classes.odd |= bits(_mm_or_si128(control, equal(bytes, b'\\'))) << shift;
    }
    classes
}

#[inline]
#[target_feature(enable = "sse2")]
fn load(bytes: &[u8; 16]) -> __m128i {
    let words = u128::from_le_bytes(*bytes);
    _mm_set_epi64x((words >> 64) as i64, words as i64)
}

#[inline]
#[target_feature(enable = "sse2")]
fn all(byte: u8) -> __m128i {
    _mm_set1_epi8(byte as i8)
}

#[inline]
#[target_feature(enable = "sse2")]
fn equal(bytes: __m128i, byte: u8) -> __m128i {
    _mm_cmpeq_epi8(bytes, all(byte))
}

#[inline]
#[target_feature(enable = "sse2")]
fn bits(mask: __m128i) -> u64 {
    u64::from(_mm_movemask_epi8(mask) as u16)
}
