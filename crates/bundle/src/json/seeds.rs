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

    /// The hash of what stands in a part of a text, at a place.
    #[inline(always)]
    pub(super) fn hash(self, place: u64, text: &[u8], part: Range<usize>) -> u64 {
        let length = part.end.wrapping_sub(part.start);
        if length > PAIR {
            return self.hash_long(place, &text[part]);
        }
        let pair = match text.get(part.start..part.start + PAIR).and_then(|pair| pair.first_chunk()) {
            Some(pair) => u128::from_le_bytes(*pair) & MASKS[length],
            None => text[part].iter().rev().fold(0, |pair, byte| pair << 8 | u128::from(*byte)),
        };
        self.mix(place, pair)
    }

    /// The hash of more bytes than a pair, the last of them perhaps twice.
    #[inline(always)]
    fn hash_long(self, place: u64, bytes: &[u8]) -> u64 {
        let mut hash = place ^ (bytes.len() as u64).wrapping_mul(FACTOR);
        let mut rest = bytes;
        while let Some((pair, behind)) = rest.split_first_chunk()
            && !behind.is_empty()
        {
            hash = self.mix(hash, u128::from_le_bytes(*pair));
            rest = behind;
        }
        let last = bytes.last_chunk().copied().unwrap_or_default();
        self.mix(hash, u128::from_le_bytes(last))
    }

    /// Takes in two words: both halves of a product, of which neither factor is known outside the process.
    #[inline(always)]
    pub(super) fn mix(self, hash: u64, pair: u128) -> u64 {
        let (one, two) = (pair as u64, (pair >> 64) as u64);
        let product = u128::from(hash ^ one) * u128::from(self.factor ^ two);
        product as u64 ^ (product >> 64) as u64
    }
}

/// The golden ratio, of 64 bits.
pub(super) const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// The bytes of two words.
const PAIR: usize = size_of::<u128>();

/// For each length of a text what is its of the pair of words that begin with it.
static MASKS: [u128; PAIR + 1] = masks();

const fn masks() -> [u128; PAIR + 1] {
    let mut masks = [u128::MAX; PAIR + 1];
    let mut length = 0;
    while length < PAIR {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
}
