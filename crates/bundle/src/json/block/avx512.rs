//! AVX-512 with bytes that are compressed: what a comparison says is a mask at once, and of a block the places and the
//! bytes of its tokens are put together by one instruction each.
//!
//! What is `unsafe`: a load of 64 bytes from an array of 64 bytes, and stores of 64 or 16 bytes to arrays of that length.
//! None of them wants an alignment.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::super::window::{Room, Window};
use super::{BLOCK, Classes, by_low_bits};

pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("pclmulqdq")
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,popcnt,pclmulqdq")]
pub(super) fn scan(blocks: &[[u8; BLOCK]], window: &mut Window) -> bool {
    let mut any = _mm512_setzero_si512();
    window.find_tokens(
        blocks,
        |block| {
            any = _mm512_or_si512(any, load(block));
            classify(block)
        },
        |bits| super::avx2::parity(bits),
        |tokens, block, start, room| write(tokens, block, start, room),
    );
    _mm512_movepi8_mask(any) == 0
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn classify(block: &[u8; BLOCK]) -> Classes {
    const SPACES: [u8; 16] = by_low_bits(b" \t\n\r");
    const FOLDED: [u8; 16] = by_low_bits(b"{},:");
    let bytes = load(block);
    let folded = _mm512_or_si512(bytes, all(0x20));
    let control = _mm512_cmplt_epu8_mask(bytes, all(0x20));
    Classes {
        quote: _mm512_cmpeq_epi8_mask(bytes, all(b'"')),
        backslash: _mm512_cmpeq_epi8_mask(bytes, all(b'\\')),
        // Two control characters differ from a comma and a colon in bit 5 alone.
        structural: _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(table(FOLDED), bytes), folded) & !control,
        whitespace: _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(table(SPACES), bytes), bytes),
        control,
    }
}

/// As many are written at once as most blocks have; what is written behind the last token is overwritten or never read.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
fn write(tokens: u64, block: &[u8; BLOCK], start: u32, room: Room<'_>) {
    const PLACES: [u8; BLOCK] = places();
    let kinds = _mm512_maskz_compress_epi8(tokens, load(block));
    let places = _mm512_maskz_compress_epi8(tokens, load(&PLACES));
    let start = _mm512_set1_epi32(start as i32);
    let at = |places| _mm512_add_epi32(_mm512_cvtepu8_epi32(places), start);
    let (positions, _) = room.positions.as_chunks_mut::<16>();
    store_positions(at(_mm512_castsi512_si128(places)), &mut positions[0]);
    let found = tokens.count_ones();
    if found <= 16 {
        let (first, _) = room.kinds.as_chunks_mut::<16>();
        store_first(_mm512_castsi512_si128(kinds), &mut first[0]);
        return;
    }
    store(kinds, room.kinds);
    store_positions(at(_mm512_extracti32x4_epi32::<1>(places)), &mut positions[1]);
    if found > 32 {
        store_positions(at(_mm512_extracti32x4_epi32::<2>(places)), &mut positions[2]);
        store_positions(at(_mm512_extracti32x4_epi32::<3>(places)), &mut positions[3]);
    }
}

const fn places() -> [u8; BLOCK] {
    let mut places = [0; BLOCK];
    let mut at = 0;
    while at < BLOCK {
        places[at] = at as u8;
        at += 1;
    }
    places
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; BLOCK]) -> __m512i {
    // SAFETY: 64 bytes are read from an array of 64 bytes; this load wants no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(bytes: __m512i, room: &mut [u8; BLOCK]) {
    // SAFETY: 64 bytes are written to an array of 64 bytes; this store wants no alignment.
    unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), bytes) }
}

/// A store of 64 bytes goes over two lines of the cache nearly always, one of 16 seldom.
#[inline]
#[target_feature(enable = "sse2")]
fn store_first(bytes: __m128i, room: &mut [u8; 16]) {
    // SAFETY: 16 bytes are written to an array of 16 bytes; this store wants no alignment.
    unsafe { _mm_storeu_si128(room.as_mut_ptr().cast(), bytes) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_positions(positions: __m512i, room: &mut [u32; 16]) {
    // SAFETY: 16 numbers are written to an array of 16 numbers; this store wants no alignment.
    unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), positions) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn all(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte as i8)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn table(bytes: [u8; 16]) -> __m512i {
    let words = u128::from_le_bytes(bytes);
    _mm512_broadcast_i32x4(_mm_set_epi64x((words >> 64) as i64, words as i64))
}
