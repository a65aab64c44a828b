//! What 64 bytes of JSON text hold, one bit a byte.
//!
//! The kernels are the only `unsafe` of the crate. What is unsafe about them is that they may run only where the
//! processor has their instructions, and one load:
//!
//! - AVX2 and what comes with it are asked for at run time before that kernel is entered;
//! - SSE2 is part of x86-64, NEON of aarch64.
//!
//! They read through array references, and what they write is checked. Elsewhere 64-bit words
//! do the same work; a test holds every kernel against a plain loop. What they gain is in `benches/RESULTS.md`.
#![allow(unsafe_code)]

use super::nesting::Nesting;
use super::window::{Window, parity_by_shifts};

/// How many bytes are classified at once.
pub(crate) const BLOCK: usize = 64;

/// Which bytes of a block are what; bit 0 is the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Classes {
    pub(crate) quote: u64,
    pub(crate) backslash: u64,
    /// Brackets, braces, commas and colons.
    pub(crate) structural: u64,
    /// Space, tab, line feed and carriage return.
    pub(crate) whitespace: u64,
    /// Bytes below 0x20.
    pub(crate) control: u64,
}

/// Classifies blocks and finds the tokens in them, in a window that follows on from those before.
pub(crate) fn scan(blocks: &[[u8; BLOCK]], window: &mut Window) {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_there() {
        // SAFETY: the processor has just said that it has what the kernel needs.
        unsafe { avx2::scan(blocks, window) }
    } else {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { sse2::scan(blocks, window) }
    }
    #[cfg(target_arch = "aarch64")]
    neon::scan(blocks, window);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    words::scan(blocks, window);
}

/// Where the brackets and braces of a block are, and what is needed to tell those inside strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Brackets {
    pub(crate) quote: u64,
    pub(crate) backslash: u64,
    pub(crate) open: u64,
    pub(crate) close: u64,
}

/// Where a value that is in progress ends within blocks.
pub(crate) fn find_end(blocks: &[[u8; BLOCK]], value: &mut Nesting) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_there() {
        // SAFETY: the processor has just said that it has what the kernel needs.
        return unsafe { avx2::find_end(blocks, value) };
    }
    value.pass_blocks(blocks, brackets_of_classes, parity_by_shifts)
}

/// The brackets of a block by its classes, for kernels that have nothing better.
fn brackets_of_classes(block: &[u8; BLOCK]) -> Brackets {
    let mut classes = [Classes::default()];
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has SSE2.
    unsafe {
        sse2::classify_all(&[*block], &mut classes)
    };
    #[cfg(target_arch = "aarch64")]
    neon::classify_all(&[*block], &mut classes);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    words::classify_all(&[*block], &mut classes);
    let [Classes { quote, backslash, mut structural, .. }] = classes;
    let (mut open, mut close) = (0, 0);
    while structural != 0 {
        let at = structural.trailing_zeros();
        open |= u64::from(matches!(block[at as usize], b'{' | b'[')) << at;
        close |= u64::from(matches!(block[at as usize], b'}' | b']')) << at;
        structural &= structural - 1;
    }
    Brackets { quote, backslash, open, close }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{BLOCK, Brackets, Classes, Nesting, Window};

    pub(super) fn is_there() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("pclmulqdq")
    }

    #[target_feature(enable = "avx2,bmi1,popcnt,pclmulqdq")]
    pub(super) fn scan(blocks: &[[u8; BLOCK]], window: &mut Window) {
        classify_all(blocks, &mut window.classes);
        window.find_tokens(blocks.len(), |bits| parity(bits));
    }

    #[target_feature(enable = "avx2,bmi1,popcnt,pclmulqdq")]
    pub(super) fn find_end(blocks: &[[u8; BLOCK]], value: &mut Nesting) -> Option<usize> {
        value.pass_blocks(blocks, |block| brackets(block), |bits| parity(bits))
    }

    /// Bit 5 is all that tells a bracket from a brace.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn brackets(block: &[u8; BLOCK]) -> Brackets {
        let (parts, _) = block.as_chunks::<32>();
        let parts = [load(&parts[0]), load(&parts[1])];
        let equal = |[low, high]: [__m256i; 2], byte: u8| {
            let at = |bytes| u64::from(bits(_mm256_cmpeq_epi8(bytes, all(byte))));
            at(low) | at(high) << 32
        };
        let folded = parts.map(|bytes| _mm256_or_si256(bytes, all(0x20)));
        Brackets {
            quote: equal(parts, b'"'),
            backslash: equal(parts, b'\\'),
            open: equal(folded, b'{'),
            close: equal(folded, b'}'),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn classify_all(blocks: &[[u8; BLOCK]], classes: &mut [Classes]) {
        for (block, classes) in blocks.iter().zip(classes) {
            *classes = classify(block);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn classify(block: &[u8; BLOCK]) -> Classes {
        let (parts, _) = block.as_chunks::<32>();
        let (low, high) = (load(&parts[0]), load(&parts[1]));
        let both = |mask: fn(__m256i) -> u32| u64::from(mask(low)) | u64::from(mask(high)) << 32;
        let control = both(|bytes| bits(_mm256_cmpeq_epi8(_mm256_min_epu8(bytes, all(0x1F)), bytes)));
        Classes {
            quote: both(|bytes| bits(_mm256_cmpeq_epi8(bytes, all(b'"')))),
            backslash: both(|bytes| bits(_mm256_cmpeq_epi8(bytes, all(b'\\')))),
            // Two control characters differ from a comma and a colon in bit 5 alone.
            structural: both(|bytes| bits(structural(bytes))) & !control,
            whitespace: both(|bytes| bits(whitespace(bytes))),
            control,
        }
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

    /// A table of bytes by their low four bits. Elsewhere it holds a byte that never equals what is looked up: one
    /// with its high bit set is looked up as zero.
    const fn by_low_bits(bytes: &[u8]) -> [u8; 16] {
        let mut table = [0xFF; 16];
        let mut at = 0;
        while at < bytes.len() {
            table[(bytes[at] & 15) as usize] = bytes[at];
            at += 1;
        }
        table
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
        // SAFETY: 32 bytes are read from an array of 32 bytes; this load wants no alignment. Put together from words,
        // which needs no `unsafe`, the vector takes the compiler five instructions.
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
    fn parity(bits: u64) -> u64 {
        let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1));
        _mm_cvtsi128_si64(product) as u64
    }
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::*;

    use super::super::window::parity_by_shifts;
    use super::{BLOCK, Classes, Window};

    #[target_feature(enable = "sse2")]
    pub(super) fn scan(blocks: &[[u8; BLOCK]], window: &mut Window) {
        classify_all(blocks, &mut window.classes);
        window.find_tokens(blocks.len(), parity_by_shifts);
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn classify_all(blocks: &[[u8; BLOCK]], classes: &mut [Classes]) {
        for (block, classes) in blocks.iter().zip(classes) {
            *classes = classify(block);
        }
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
            classes.backslash |= bits(equal(bytes, b'\\')) << shift;
            classes.structural |= bits(_mm_or_si128(braces, separators)) << shift;
            classes.whitespace |= bits(_mm_or_si128(blanks, line_ends)) << shift;
            classes.control |= bits(control) << shift;
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
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::*;

    use super::super::window::parity_by_shifts;
    use super::{BLOCK, Classes, Window};

    pub(super) fn scan(blocks: &[[u8; BLOCK]], window: &mut Window) {
        classify_all(blocks, &mut window.classes);
        window.find_tokens(blocks.len(), parity_by_shifts);
    }

    pub(super) fn classify_all(blocks: &[[u8; BLOCK]], classes: &mut [Classes]) {
        for (block, classes) in blocks.iter().zip(classes) {
            // SAFETY: every aarch64 processor that Rust has a target with a standard library for has NEON.
            *classes = unsafe { classify(block) };
        }
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
            backslash: bits(parts.map(|bytes| equal(bytes, b'\\'))),
            structural: bits(parts.map(|bytes| {
                let braces = vorrq_u8(equal(folded(bytes), b'{'), equal(folded(bytes), b'}'));
                vorrq_u8(braces, vorrq_u8(equal(bytes, b','), equal(bytes, b':')))
            })),
            whitespace: bits(parts.map(|bytes| {
                let blanks = vorrq_u8(equal(bytes, b' '), equal(bytes, b'\t'));
                vorrq_u8(blanks, vorrq_u8(equal(bytes, b'\n'), equal(bytes, b'\r')))
            })),
            control: bits(parts.map(|bytes| vcltq_u8(bytes, vdupq_n_u8(0x20)))),
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
}

#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod words {
    use super::{BLOCK, Classes};

    const LOW: u64 = 0x0101_0101_0101_0101;
    const SEVEN: u64 = LOW * 0x7F;
    const HIGH: u64 = LOW * 0x80;

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn scan(blocks: &[[u8; BLOCK]], window: &mut super::Window) {
        classify_all(blocks, &mut window.classes);
        window.find_tokens(blocks.len(), super::super::window::parity_by_shifts);
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn classify_all(blocks: &[[u8; BLOCK]], classes: &mut [Classes]) {
        for (block, classes) in blocks.iter().zip(classes) {
            *classes = classify(block);
        }
    }

    pub(super) fn classify(block: &[u8; BLOCK]) -> Classes {
        let mut classes = Classes::default();
        let (words, _) = block.as_chunks::<8>();
        for (number, bytes) in words.iter().enumerate() {
            let (word, shift) = (u64::from_le_bytes(*bytes), number * 8);
            let folded = word | (LOW * 0x20);
            let structural =
                equal(folded, b'{') | equal(folded, b'}') | equal(word, b',') | equal(word, b':');
            let whitespace = equal(word, b' ') | equal(word, b'\n') | equal(word, b'\r') | equal(word, b'\t');
            // Below 0x20 is where none of the upper three bits is set.
            let control = zero((word >> 5) & (LOW * 7));
            classes.quote |= bits(equal(word, b'"')) << shift;
            classes.backslash |= bits(equal(word, b'\\')) << shift;
            classes.structural |= bits(structural) << shift;
            classes.whitespace |= bits(whitespace) << shift;
            classes.control |= bits(control) << shift;
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plainly(block: &[u8; BLOCK]) -> Classes {
        let of = |is: &dyn Fn(u8) -> bool| {
            block.iter().enumerate().fold(0, |bits, (at, byte)| bits | u64::from(is(*byte)) << at)
        };
        Classes {
            quote: of(&|byte| byte == b'"'),
            backslash: of(&|byte| byte == b'\\'),
            structural: of(&|byte| b"{}[],:".contains(&byte)),
            whitespace: of(&|byte| b" \n\r\t".contains(&byte)),
            control: of(&|byte| byte < 0x20),
        }
    }

    /// What every kernel that this processor can run says of a block.
    fn all_kernels(block: &[u8; BLOCK]) -> Vec<Classes> {
        let mut said = vec![words::classify(block)];
        #[cfg(target_arch = "x86_64")]
        {
            // SAFETY: every x86-64 processor has SSE2.
            said.push(unsafe { sse2::classify(block) });
            if avx2::is_there() {
                // SAFETY: the processor has just said that it has AVX2.
                said.push(unsafe { avx2::classify(block) });
            }
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: every aarch64 processor has NEON.
        said.push(unsafe { neon::classify(block) });
        said
    }

    #[test]
    fn every_byte_is_classified_alike_at_every_place() {
        for byte in 0..=255 {
            for place in 0..BLOCK {
                let mut block = [b'a'; BLOCK];
                block[place] = byte;
                for said in all_kernels(&block) {
                    assert_eq!(said, plainly(&block), "{byte} at {place}");
                }
            }
        }
    }

    #[test]
    fn brackets_are_found_alike_at_every_place() {
        for byte in 0..=255 {
            for place in 0..BLOCK {
                let mut block = [b'a'; BLOCK];
                block[place] = byte;
                #[cfg(target_arch = "x86_64")]
                if avx2::is_there() {
                    // SAFETY: the processor has just said that it has AVX2.
                    let brackets = unsafe { avx2::brackets(&block) };
                    assert_eq!(brackets, brackets_of_classes(&block), "{byte} at {place}");
                }
                let Brackets { open, close, .. } = brackets_of_classes(&block);
                assert_eq!(open, u64::from(b"{[".contains(&byte)) << place, "{byte} at {place}");
                assert_eq!(close, u64::from(b"}]".contains(&byte)) << place, "{byte} at {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn blocks_of_any_bytes_are_classified_alike(bytes in proptest::collection::vec(any::<u8>(), BLOCK)) {
            let block: [u8; BLOCK] = bytes.try_into().expect("a block");
            for said in all_kernels(&block) {
                prop_assert_eq!(said, plainly(&block));
            }
        }
    }
}
