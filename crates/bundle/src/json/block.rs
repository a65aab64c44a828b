//! What 64 bytes of JSON text hold, one bit a byte.
//!
//! The kernels are the only `unsafe` of the crate, and all that is unsafe about them is that they may run only
//! where the processor has their instructions:
//!
//! - AVX2 is asked for at run time before its kernel is entered;
//! - SSE2 is part of x86-64.
//!
//! They read through array references and write nothing. Elsewhere 64-bit words do the same work; a test holds
//! every kernel against a plain loop. What they gain is in `benches/RESULTS.md`.
#![allow(unsafe_code)]

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

/// Classifies blocks, each into its place.
///
/// The classes go through memory on purpose: where they stay in registers the compiler takes the vectors apart
/// byte by byte to combine them with what follows, at six times the instructions.
pub(crate) fn classify(blocks: &[[u8; BLOCK]], classes: &mut [Classes]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has just said that it has AVX2.
        unsafe { avx2::classify(blocks, classes) }
    } else {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { sse2::classify(blocks, classes) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    words::classify(blocks, classes);
}

/// A kernel of vectors: the same comparisons, in the vectors' own width.
#[cfg(target_arch = "x86_64")]
macro_rules! kernel {
    ($name:ident, $feature:literal, $lanes:literal, $vector:ident, $bits:ident,
     $equal:ident, $smaller:ident, $mask:ident, $or:ident, $all:ident, $load:expr) => {
        mod $name {
            use std::arch::x86_64::*;

            use super::{BLOCK, Classes};

            #[target_feature(enable = $feature)]
            pub(super) fn classify(blocks: &[[u8; BLOCK]], classes: &mut [Classes]) {
                for (block, classes) in blocks.iter().zip(classes) {
                    *classes = classify_block(block);
                }
            }

            #[inline]
            #[target_feature(enable = $feature)]
            fn classify_block(block: &[u8; BLOCK]) -> Classes {
                let mut classes = Classes::default();
                let (parts, _) = block.as_chunks::<$lanes>();
                for (part, bytes) in parts.iter().enumerate() {
                    let found = classify_part($load(bytes));
                    let shift = part * $lanes;
                    classes.quote |= found.quote << shift;
                    classes.backslash |= found.backslash << shift;
                    classes.structural |= found.structural << shift;
                    classes.whitespace |= found.whitespace << shift;
                    classes.control |= found.control << shift;
                }
                classes
            }

            #[inline]
            #[target_feature(enable = $feature)]
            fn classify_part(bytes: $vector) -> Classes {
                // Bit 5 is all that tells a bracket from a brace, so each pair is one comparison.
                let folded = $or(bytes, $all(0x20));
                let braces = $or(equal(folded, b'{'), equal(folded, b'}'));
                let separators = $or(equal(bytes, b','), equal(bytes, b':'));
                let blanks = $or(equal(bytes, b' '), equal(bytes, b'\t'));
                let line_ends = $or(equal(bytes, b'\n'), equal(bytes, b'\r'));
                let control = $equal($smaller(bytes, $all(0x1F)), bytes);
                Classes {
                    quote: bits(equal(bytes, b'"')),
                    backslash: bits(equal(bytes, b'\\')),
                    structural: bits($or(braces, separators)),
                    whitespace: bits($or(blanks, line_ends)),
                    control: bits(control),
                }
            }

            #[inline]
            #[target_feature(enable = $feature)]
            fn equal(bytes: $vector, byte: u8) -> $vector {
                $equal(bytes, $all(byte as i8))
            }

            #[inline]
            #[target_feature(enable = $feature)]
            fn bits(mask: $vector) -> u64 {
                u64::from($mask(mask) as $bits)
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
kernel!(
    sse2,
    "sse2",
    16,
    __m128i,
    u16,
    _mm_cmpeq_epi8,
    _mm_min_epu8,
    _mm_movemask_epi8,
    _mm_or_si128,
    _mm_set1_epi8,
    |bytes: &[u8; 16]| {
        let words = u128::from_le_bytes(*bytes);
        _mm_set_epi64x((words >> 64) as i64, words as i64)
    }
);

#[cfg(target_arch = "x86_64")]
kernel!(
    avx2,
    "avx2",
    32,
    __m256i,
    u32,
    _mm256_cmpeq_epi8,
    _mm256_min_epu8,
    _mm256_movemask_epi8,
    _mm256_or_si256,
    _mm256_set1_epi8,
    |bytes: &[u8; 32]| {
        let (words, _) = bytes.as_chunks::<8>();
        let word = |at: usize| i64::from_le_bytes(words[at]);
        // Words from adjacent bytes are one unaligned load once compiled.
        _mm256_set_epi64x(word(3), word(2), word(1), word(0))
    }
);

#[cfg(any(test, not(target_arch = "x86_64")))]
mod words {
    use super::{BLOCK, Classes};

    const LOW: u64 = 0x0101_0101_0101_0101;
    const SEVEN: u64 = LOW * 0x7F;
    const HIGH: u64 = LOW * 0x80;

    pub(super) fn classify(blocks: &[[u8; BLOCK]], classes: &mut [Classes]) {
        for (block, classes) in blocks.iter().zip(classes) {
            *classes = classify_block(block);
        }
    }

    fn classify_block(block: &[u8; BLOCK]) -> Classes {
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
        let mut said = vec![Classes::default(); 3];
        words::classify(&[*block], &mut said[..1]);
        #[cfg(target_arch = "x86_64")]
        {
            // SAFETY: every x86-64 processor has SSE2.
            unsafe { sse2::classify(&[*block], &mut said[1..2]) };
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has just said that it has AVX2.
                unsafe { avx2::classify(&[*block], &mut said[2..]) };
                return said;
            }
        }
        said.truncate(if cfg!(target_arch = "x86_64") { 2 } else { 1 });
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
