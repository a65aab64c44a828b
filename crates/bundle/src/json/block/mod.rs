//! What 64 bytes of JSON text hold, one bit a byte, and where the tokens in them are: one kernel a file.
//!
//! The kernels are the only `unsafe` of the crate but for asking for memory ahead of them, for taking what they found to
//! be text for it (`body.rs`), and for columns of ASCII (`arrays/ascii.rs`). This is where they are chosen. What is unsafe about that: they
//! may run only where the processor has their instructions. Hence the invariant that a [`Kernel`] is made in this file
//! alone, and only once the processor has been asked; SSE2 is part of x86-64, NEON of aarch64. What else a kernel has
//! of it is written above it.
//!
//! They read through array references, and what they write is checked. Elsewhere 64-bit words
//! do the same work; tests hold every kernel against a plain loop. What they gain is in `benches/RESULTS.md`.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod body;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod sse2;
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod words;

pub(crate) use body::Body;

use super::window::Window;

/// How many bytes are classified at once.
pub(crate) const BLOCK: usize = 64;

/// Which bytes of a block are what; bit 0 is the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Classes {
    pub(crate) quote: u64,
    /// Brackets, braces, commas and colons.
    pub(crate) structural: u64,
    /// Space, tab, line feed and carriage return.
    pub(crate) whitespace: u64,
    /// Backslashes, and bytes below 0x20.
    pub(crate) odd: u64,
}

/// A kernel that this processor has the instructions for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernel(Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Sse2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    Words,
}

impl Instructions {
    /// The fastest first; every processor has the last.
    const ALL: &[Self] = &[
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::Sse2,
        #[cfg(target_arch = "aarch64")]
        Self::Neon,
        #[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
        Self::Words,
    ];

    fn are_there(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            // Miri lacks instructions of it, whatever features a program is compiled with.
            Self::Avx512 => !cfg!(miri) && avx512::is_there(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::is_there(),
            _ => true,
        }
    }
}

impl Kernel {
    /// The fastest that this processor has the instructions for.
    pub(crate) fn fastest() -> Self {
        #[cfg(target_arch = "x86_64")]
        let slowest = Instructions::Sse2;
        #[cfg(target_arch = "aarch64")]
        let slowest = Instructions::Neon;
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let slowest = Instructions::Words;
        Self(Instructions::ALL.iter().copied().find(|one| one.are_there()).unwrap_or(slowest))
    }

    /// All that this processor has the instructions for.
    #[cfg(test)]
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Instructions::ALL.iter().copied().filter(|one| one.are_there()).map(Self)
    }

    /// Finds the tokens of a body between two offsets, in a window that follows on from those before, or up to where that has
    /// room for no more, and takes it for text that far. Whether it is UTF-8.
    pub(crate) fn scan(self, body: &mut Body<'_>, start: usize, end: usize, window: &mut Window) -> bool {
        let (blocks, rest) = body.bytes()[start..end].as_chunks::<BLOCK>();
        let mut are_ascii = self.scan_blocks(blocks, window);
        let is_whole = window.scanned() == end - rest.len();
        if is_whole && !rest.is_empty() {
            // A window is whole blocks, so this is the end of the body; white space adds no token to it.
            let mut last = [b' '; BLOCK];
            last[..rest.len()].copy_from_slice(rest);
            are_ascii &= self.scan_blocks(&[last], window);
        }
        body.take_in(start, end.min(window.scanned()), are_ascii)
    }

    /// Finds the tokens of blocks; whether they are ASCII.
    fn scan_blocks(self, blocks: &[[u8; BLOCK]], window: &mut Window) -> bool {
        // SAFETY, of each: a kernel is only made where the processor has what it needs.
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => unsafe { avx512::scan(blocks, window) },
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => unsafe { avx2::scan(blocks, window) },
            #[cfg(target_arch = "x86_64")]
            Instructions::Sse2 => unsafe { sse2::scan(blocks, window) },
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => unsafe { neon::scan(blocks, window) },
            #[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
            Instructions::Words => words::scan(blocks, window),
        }
    }

    /// What a block holds.
    #[cfg(test)]
    fn classify(self, block: &[u8; BLOCK]) -> Classes {
        // SAFETY, of each: a kernel is only made where the processor has what it needs.
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => unsafe { avx512::classify(block) },
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => unsafe { avx2::classify(block) },
            #[cfg(target_arch = "x86_64")]
            Instructions::Sse2 => unsafe { sse2::classify(block) },
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => unsafe { neon::classify(block) },
            #[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
            Instructions::Words => words::classify(block),
        }
    }
}

/// Asks for the memory that is so many bytes behind the start of a block, where the processor can be asked: it comes
/// while other work is done.
#[inline(always)]
pub(crate) fn fetch_behind(block: &[u8; BLOCK], bytes: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: nothing is read by the program, so that any address will do, also one where no memory is.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(block.as_ptr().wrapping_add(bytes).cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = (block, bytes);
}

/// A table of bytes by their low four bits, for instructions that look bytes up: at most one of those in it has the low
/// bits of any byte. Elsewhere it holds a byte that never equals what is looked up: one with its high bit set is looked
/// up as zero.
#[cfg(target_arch = "x86_64")]
const fn by_low_bits(bytes: &[u8]) -> [u8; 16] {
    let mut table = [0xFF; 16];
    let mut at = 0;
    while at < bytes.len() {
        table[(bytes[at] & 15) as usize] = bytes[at];
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every place of a block is tried, and under Miri, which takes a thousand times as long, one in each word.
    const STEP: usize = if cfg!(miri) { 9 } else { 1 };

    fn plainly(block: &[u8; BLOCK]) -> Classes {
        let of = |is: &dyn Fn(u8) -> bool| {
            block.iter().enumerate().fold(0, |bits, (at, byte)| bits | u64::from(is(*byte)) << at)
        };
        Classes {
            quote: of(&|byte| byte == b'"'),
            structural: of(&|byte| b"{}[],:".contains(&byte)),
            whitespace: of(&|byte| b" \n\r\t".contains(&byte)),
            odd: of(&|byte| byte == b'\\' || byte < 0x20),
        }
    }

    #[test]
    fn every_byte_is_classified_alike_at_every_place() {
        for byte in 0..=255 {
            for place in (0..BLOCK).step_by(STEP) {
                let mut block = [b'a'; BLOCK];
                block[place] = byte;
                for kernel in Kernel::all() {
                    assert_eq!(kernel.classify(&block), plainly(&block), "{byte} at {place}, {kernel:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn blocks_of_any_bytes_are_classified_alike(bytes in proptest::collection::vec(any::<u8>(), BLOCK)) {
            let block: [u8; BLOCK] = bytes.try_into().expect("a block");
            for kernel in Kernel::all() {
                prop_assert_eq!(kernel.classify(&block), plainly(&block), "{:?}", kernel);
            }
        }
    }
}
