//! Hashes of texts, of two words at a time.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::LazyLock;

/// What hashes depend on, other in each process: nobody can make two values of one hash beforehand.
#[derive(Clone, Copy)]
pub(crate) struct Seeds {
    /// The hash of nothing, to begin with.
    pub(super) start: u64,
    factor: u64,
}

impl Seeds {
    /// Those of the process.
    pub(crate) fn get() -> Self {
        static SEEDS: LazyLock<Seeds> = LazyLock::new(|| {
            let random = RandomState::new();
            Seeds { start: random.hash_one(0), factor: random.hash_one(1) }
        });
        *SEEDS
    }

    /// The hash of some bytes by themselves.
    #[inline]
    pub(crate) fn hash_of(self, bytes: &[u8]) -> u64 {
        self.hash(self.start, bytes, 0..bytes.len())
    }

    /// As [`Seeds::hash_of`] of two texts, one behind the other, of which the second has 16 bytes at least: without putting them
    /// together, which would have to be waited for.
    #[inline]
    pub(crate) fn hash_of_joined(self, first: &Beginning, second: &[u8]) -> Option<u64> {
        let (head, last) = (second.first_chunk()?, second.last_chunk::<PAIR>()?);
        let length = first.length + second.len();
        let mut hash = self.start ^ (length as u64).wrapping_mul(FACTOR);
        let (whole, left) = (first.length / PAIR, first.length % PAIR);
        if whole > 0 {
            hash = self.mix(hash, halves(first.pairs[0]));
        }
        let mut rest = second;
        if left > 0 {
            let both = first.pairs[whole] | u128::from_le_bytes(*head) << (8 * left);
            hash = self.mix(hash, halves(both));
            rest = &second[PAIR - left..];
        }
        while let Some((pair, behind)) = rest.split_first_chunk::<PAIR>()
            && !behind.is_empty()
        {
            hash = self.mix(hash, words(pair));
            rest = behind;
        }
        Some(self.mix(hash, words(last)))
    }

    /// The hash of what stands in a part of a text, at a place.
    #[inline(always)]
    pub(super) fn hash(self, place: u64, text: &[u8], part: Range<usize>) -> u64 {
        let length = part.end.wrapping_sub(part.start);
        if length > PAIR {
            return self.hash_long(place, &text[part]);
        }
        match text.get(part.start..part.start + PAIR).map(words) {
            Some([one, two]) => self.mix(place, [one & MASKS[length][0], two & MASKS[length][1]]),
            None => {
                let mut pair = [0; PAIR];
                pair[..length].copy_from_slice(&text[part]);
                self.mix(place, words(&pair))
            }
        }
    }

    /// The hash of more bytes than a pair, the last of them perhaps twice.
    #[inline(always)]
    fn hash_long(self, place: u64, bytes: &[u8]) -> u64 {
        let mut hash = place ^ (bytes.len() as u64).wrapping_mul(FACTOR);
        let mut rest = bytes;
        while let Some((pair, behind)) = rest.split_first_chunk::<PAIR>()
            && !behind.is_empty()
        {
            hash = self.mix(hash, words(pair));
            rest = behind;
        }
        let last = bytes.last_chunk::<PAIR>().map(|pair| words(pair)).unwrap_or_default();
        self.mix(hash, last)
    }

    /// Takes in two words: both halves of a product, of which neither factor is known outside the process.
    #[inline(always)]
    pub(super) fn mix(self, hash: u64, [one, two]: [u64; 2]) -> u64 {
        let product = u128::from(hash ^ one) * u128::from(self.factor ^ two);
        product as u64 ^ (product >> 64) as u64
    }
}

/// A text of at most two pairs of words that others begin with.
pub(crate) struct Beginning {
    length: usize,
    pairs: [u128; 2],
}

impl Beginning {
    /// That text with a slash behind it.
    pub(crate) const fn with_slash(text: &str) -> Self {
        assert!(text.len() + 1 < 2 * PAIR);
        let (mut pairs, mut at) = ([0; 2], 0);
        while at <= text.len() {
            let byte = if at < text.len() { text.as_bytes()[at] } else { b'/' };
            pairs[at / PAIR] |= (byte as u128) << (8 * (at % PAIR));
            at += 1;
        }
        Self { length: at, pairs }
    }
}

/// The two words that a pair is.
#[inline(always)]
fn halves(pair: u128) -> [u64; 2] {
    [pair as u64, (pair >> 64) as u64]
}

/// The golden ratio, of 64 bits.
pub(super) const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// The two words that so many bytes are.
#[inline(always)]
fn words(bytes: &[u8]) -> [u64; 2] {
    let (words, _) = bytes.as_chunks();
    [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])]
}

/// The bytes of two words.
const PAIR: usize = 16;

/// For each length of a text what is its of the two words that begin with it.
static MASKS: [[u64; 2]; PAIR + 1] = masks();

const fn masks() -> [[u64; 2]; PAIR + 1] {
    let mut masks = [[u64::MAX; 2]; PAIR + 1];
    let mut length = 0;
    while length < PAIR {
        let mask = (1u128 << (8 * length)) - 1;
        masks[length] = [mask as u64, (mask >> 64) as u64];
        length += 1;
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_has_one_hash_whole_and_in_two(first in "[a-z]{0,30}", second in "[a-z0-9]{0,70}") {
            let seeds = Seeds::get();
            let whole = format!("{first}/{second}");
            let joined = seeds.hash_of_joined(&Beginning::with_slash(&first), second.as_bytes());
            prop_assert_eq!(joined.is_some(), second.len() >= PAIR);
            prop_assert!(joined.is_none_or(|joined| joined == seeds.hash_of(whole.as_bytes())));
        }
    }
}
