//! AVX-512 with bytes that are compressed: what a comparison says is a mask at once, and of a block the places and the
//! bytes of its tokens are put together by one instruction each.
//!
//! What is `unsafe`: a load of 64 bytes from an array of 64 bytes, and stores of 64, 32 or 16 bytes to arrays of that length.
//! None of them wants an alignment.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::super::window::{Room, Window};
use super::{BLOCK, Classes};

pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("pclmulqdq")
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi1,popcnt,pclmulqdq")]
pub(super) fn scan(blocks: &[[u8; BLOCK]], window: &mut Window) -> bool {
    // Which it is stays apart from how many tokens a block has: they would become one branch, which nobody foresees.
    match window.is_dense() {
        true => find_tokens::<true>(blocks, window),
        false => find_tokens::<false>(blocks, window),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi1,popcnt,pclmulqdq")]
fn find_tokens<const DENSE: bool>(blocks: &[[u8; BLOCK]], window: &mut Window) -> bool {
    let mut any = _mm512_setzero_si512();
    // Counted on in a vector: to put a number into one takes as long as several other things.
    let mut start = _mm512_set1_epi32(window.scanned() as i32);
    window.find_tokens(
        blocks,
        |block| {
            any = _mm512_or_si512(any, load(block));
            classify(block)
        },
        |bits| super::avx2::parity(bits),
        |tokens, block, _, room| {
            write::<DENSE>(tokens, block, start, room);
            start = _mm512_add_epi32(start, _mm512_set1_epi32(BLOCK as i32));
        },
    );
    _mm512_movepi8_mask(any) == 0
}

/// Each byte is looked up by its low seven bits; those above ASCII as the last of them, which is of no class.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn classify(block: &[u8; BLOCK]) -> Classes {
    const CLASSES: [[u8; BLOCK]; 2] = classes();
    let bytes = load(block);
    let ascii = _mm512_min_epu8(bytes, all(0x7F));
    let classes = _mm512_permutex2var_epi8(load(&CLASSES[0]), ascii, load(&CLASSES[1]));
    Classes {
        quote: _mm512_cmpeq_epi8_mask(bytes, all(b'"')),
        structural: _mm512_test_epi8_mask(classes, all(STRUCTURAL)),
        whitespace: _mm512_test_epi8_mask(classes, all(WHITESPACE)),
        odd: _mm512_test_epi8_mask(classes, all(ODD)),
    }
}

const STRUCTURAL: u8 = 1;
const WHITESPACE: u8 = 2;
const ODD: u8 = 4;

/// The classes of each byte of ASCII, quotes apart.
const fn classes() -> [[u8; BLOCK]; 2] {
    let mut classes = [[0; BLOCK]; 2];
    let mut byte = 0;
    while byte < 2 * BLOCK {
        classes[byte / BLOCK][byte % BLOCK] = match byte as u8 {
            b'\t' | b'\n' | b'\r' => WHITESPACE | ODD,
            b' ' => WHITESPACE,
            b'{' | b'}' | b'[' | b']' | b',' | b':' => STRUCTURAL,
            b'\\' | 0..=0x1F => ODD,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

/// As many are written as nearly all blocks have: in dense text twice as many, whether the block has them or not, since
/// nobody foresees it. What is written behind the last token is overwritten or never read.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
fn write<const DENSE: bool>(tokens: u64, block: &[u8; BLOCK], start: __m512i, room: Room<'_>) {
    const PLACES: [u8; BLOCK] = places();
    let places = _mm512_maskz_compress_epi8(tokens, load(&PLACES));
    let kinds = _mm512_permutexvar_epi8(places, load(block));
    let at = |places| _mm512_add_epi32(_mm512_cvtepu8_epi32(places), start);
    let (positions, _) = room.positions.as_chunks_mut::<16>();
    store_positions(at(_mm512_castsi512_si128(places)), &mut positions[0]);
    let found = tokens.count_ones();
    if !DENSE && found <= 16 {
        let (first, _) = room.kinds.as_chunks_mut::<16>();
        store_sixteen(_mm512_castsi512_si128(kinds), &mut first[0]);
        return;
    }
    store_positions(at(_mm512_extracti32x4_epi32::<1>(places)), &mut positions[1]);
    if found <= 32 {
        let (first, _) = room.kinds.as_chunks_mut::<32>();
        store_thirty_two(_mm512_castsi512_si256(kinds), &mut first[0]);
        return;
    }
    store(kinds, room.kinds);
    store_positions(at(_mm512_extracti32x4_epi32::<2>(places)), &mut positions[2]);
    store_positions(at(_mm512_extracti32x4_epi32::<3>(places)), &mut positions[3]);
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

/// A store of 64 bytes goes over two lines of the cache nearly always, one of 32 every other time, one of 16 seldom.
#[inline]
#[target_feature(enable = "sse2")]
fn store_sixteen(bytes: __m128i, room: &mut [u8; 16]) {
    // SAFETY: 16 bytes are written to an array of 16 bytes; this store wants no alignment.
    unsafe { _mm_storeu_si128(room.as_mut_ptr().cast(), bytes) }
}

#[inline]
#[target_feature(enable = "avx")]
fn store_thirty_two(bytes: __m256i, room: &mut [u8; 32]) {
    // SAFETY: 32 bytes are written to an array of 32 bytes; this store wants no alignment.
    unsafe { _mm256_storeu_si256(room.as_mut_ptr().cast(), bytes) }
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
