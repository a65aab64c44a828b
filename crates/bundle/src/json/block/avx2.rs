//! AVX2 with bit instructions and carry-less multiplication.
//!
//! What is `unsafe`: a load of 32 bytes from an array of 32 bytes, which wants no alignment. Put together from words,
//! which needs no `unsafe`, the vector takes the compiler five instructions.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::super::window::{Window, write_tokens};
use super::{BLOCK, Classes, by_low_bits};

pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("pclmulqdq")
}

#[target_feature(enable = "avx2,bmi1,popcnt,pclmulqdq")]
pub(super) fn scan(blocks: &[[u8; BLOCK]], window: &mut Window) -> bool {
    let mut any = _mm256_setzero_si256();
    let classify = |block: &[u8; BLOCK]| {
        let (parts, _) = block.as_chunks::<32>();
        any = _mm256_or_si256(any, _mm256_or_si256(load(&parts[0]), load(&parts[1])));
        classify(block)
    };
    window.find_tokens(blocks, classify, |bits| parity(bits), write_tokens);
    // The high bit of a byte is that of its mask.
    bits(any) == 0
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn classify(block: &[u8; BLOCK]) -> Classes {
    let (parts, _) = block.as_chunks::<32>();
    let (low, high) = (load(&parts[0]), load(&parts[1]));
    let both = |mask: fn(__m256i) -> u32| u64::from(mask(low)) | u64::from(mask(high)) << 32;
    let odd = both(|bytes| bits(odd(bytes)));
    Classes {
        quote: both(|bytes| bits(_mm256_cmpeq_epi8(bytes, all(b'"')))),
        // Two control characters differ from a comma and a colon in bit 5 alone.
        structural: both(|bytes| bits(structural(bytes))) & !odd,
        whitespace: both(|bytes| bits(whitespace(bytes))),
        odd,
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn odd(bytes: __m256i) -> __m256i {
    let control = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, all(0x1F)), bytes);
    _mm256_or_si256(control, _mm256_cmpeq_epi8(bytes, all(b'\\')))
}

/// Each byte is looked up by its low four bits: at most one white space character has them.
#[inline]
#[target_feature(enable = "avx2")]
fn whitespace(bytes: __m256i) -> __m256i {
    const SPACES: [u8; 16] = by_low_bits(b" \t\n\r");
    _mm256_cmpeq_epi8(_mm256_shuffle_epi8(twice(SPACES), bytes), bytes)
}

/// As [`whitespace`]; bit 5 is all that tells a bracket from a brace.
#[inline]
#[target_feature(enable = "avx2")]
fn structural(bytes: __m256i) -> __m256i {
    const FOLDED: [u8; 16] = by_low_bits(b"{},:");
    _mm256_cmpeq_epi8(_mm256_shuffle_epi8(twice(FOLDED), bytes), _mm256_or_si256(bytes, all(0x20)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn twice(table: [u8; 16]) -> __m256i {
    let words = u128::from_le_bytes(table);
    _mm256_broadcastsi128_si256(_mm_set_epi64x((words >> 64) as i64, words as i64))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: 32 bytes are read from an array of 32 bytes; this load wants no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn all(byte: u8) -> __m256i {
    _mm256_set1_epi8(byte as i8)
}

#[inline]
#[target_feature(enable = "avx2")]
fn bits(mask: __m256i) -> u32 {
    _mm256_movemask_epi8(mask) as u32
}

/// Multiplying by all ones without carries adds, at each bit, all bits below it and itself.
#[inline]
#[target_feature(enable = "pclmulqdq,sse2")]
pub(super) fn parity(bits: u64) -> u64 {
    let product = _mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(bits as i64), _mm_set1_epi8(-1));
    _mm_cvtsi128_si64(product) as u64
}
