//! NEON, which every aarch64 processor has that Rust has a target with a standard library for.

use std::arch::aarch64::*;

use super::super::window::{Window, parity_by_shifts, write_tokens};
use super::{BLOCK, Classes};

#[target_feature(enable = "neon")]
pub(super) fn scan(blocks: &[[u8; BLOCK]], window: &mut Window) -> bool {
    window.find_tokens(blocks, |block| classify(block), parity_by_shifts, write_tokens);
    blocks.as_flattened().is_ascii()
}

#[inline]
#[target_feature(enable = "neon")]
pub(super) fn classify(block: &[u8; BLOCK]) -> Classes {
    let (parts, _) = block.as_chunks::<16>();
    let parts = [load(&parts[0]), load(&parts[1]), load(&parts[2]), load(&parts[3])];
    let equal = |bytes, byte| vceqq_u8(bytes, vdupq_n_u8(byte));
    let folded = |bytes| vorrq_u8(bytes, vdupq_n_u8(0x20));
    Classes {
        quote: bits(parts.map(|bytes| equal(bytes, b'"'))),
        structural: bits(parts.map(|bytes| {
            let braces = vorrq_u8(equal(folded(bytes), b'{'), equal(folded(bytes), b'}'));
            vorrq_u8(braces, vorrq_u8(equal(bytes, b','), equal(bytes, b':')))
        })),
        whitespace: bits(parts.map(|bytes| {
            let blanks = vorrq_u8(equal(bytes, b' '), equal(bytes, b'\t'));
            vorrq_u8(blanks, vorrq_u8(equal(bytes, b'\n'), equal(bytes, b'\r')))
        })),
        odd: bits(parts.map(|bytes| vorrq_u8(vcltq_u8(bytes, vdupq_n_u8(0x20)), equal(bytes, b'\\')))),
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; 16]) -> uint8x16_t {
    let words = u128::from_le_bytes(*bytes);
    vcombine_u8(vcreate_u8(words as u64), vcreate_u8((words >> 64) as u64))
}

/// One bit of each byte of four masks: each byte keeps the bit of its place among eight, and neighbours are
/// added until eight are one byte.
#[inline]
#[target_feature(enable = "neon")]
fn bits(masks: [uint8x16_t; 4]) -> u64 {
    let place = vcreate_u8(0x8040_2010_0804_0201);
    let places = vcombine_u8(place, place);
    let [first, second, third, fourth] = masks.map(|mask| vandq_u8(mask, places));
    let sums = vpaddq_u8(vpaddq_u8(first, second), vpaddq_u8(third, fourth));
    vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)))
}
