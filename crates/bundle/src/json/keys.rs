//! Whether a key stands twice in one object.

use std::borrow::Cow;

use super::escape::unescaped;
use super::seeds::Seeds;

/// The most bytes of a key that is compared with many others as it stands. Of a longer one a hash is, or keys made
/// alike would be read over and over.
const SHORT: u32 = 64;

/// Where a key stands, quotes excluded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// A hash of its characters once somebody has asked for it, before that zero.
    hash: u64,
}

impl Key {
    #[inline(always)]
    pub(crate) fn new(start: u32, end: u32) -> Self {
        Self { start, end, hash: 0 }
    }

    fn hash(&mut self, text: &str) -> u64 {
        if self.hash == 0 {
            let (seeds, name) = (Seeds::get(), characters(self.written(text)));
            self.hash = seeds.hash(seeds.start, name.as_bytes(), 0..name.len()) | 1;
        }
        self.hash
    }

    fn length(self) -> u32 {
        self.end - self.start
    }

    #[inline(always)]
    pub(crate) fn written(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }

    /// One bit of 64 by the last three bytes of the key; of one of two, by the quote before it as well. Keys of one byte or
    /// none share a bit.
    #[inline(always)]
    fn bit(self, text: &[u8]) -> u64 {
        let last = text.get(self.end.wrapping_sub(3) as usize..).and_then(|rest| rest.first_chunk());
        match last {
            // The golden ratio, of 32 bits.
            Some(last) if self.length() >= 2 => {
                1 << (u32::from_le_bytes(*last).wrapping_mul(0x9E37_79B9) >> 26)
            }
            _ => 1,
        }
    }
}

/// What is known of the keys of one object without looking at them again: nearly every key is seen to be new by it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen(u64);

impl Seen {
    /// Whether a key that holds no escape is certainly new. It counts as seen from now on.
    #[inline(always)]
    pub(crate) fn is_new(&mut self, key: Key, text: &str) -> bool {
        let bit = key.bit(text.as_bytes());
        let is_new = self.0 & bit == 0;
        self.0 |= bit;
        is_new
    }

    /// Takes in a key that holds an escape, which hides what it is: no other is certainly new.
    pub(crate) fn add_escaped(&mut self) {
        self.0 = u64::MAX;
    }

    /// Whether a key is one of `earlier`, all of the same text. Keys are compared as characters: an escaped spelling
    /// is the same key.
    pub(crate) fn has(&self, mut key: Key, earlier: &mut [Key], text: &str) -> bool {
        let may_be_escaped = self.0 == u64::MAX;
        let length = key.length();
        let mut alike = earlier.iter_mut().filter(|other| may_be_escaped || other.length() == length);
        if !may_be_escaped && length <= SHORT {
            return alike.any(|other| other.written(text) == key.written(text));
        }
        let hash = key.hash(text);
        let name = characters(key.written(text));
        alike.any(|other| other.hash(text) == hash && characters(other.written(text)) == name)
    }
}

/// Which keys of one object its reader knows by a number below 128.
#[derive(Default)]
pub(crate) struct Known([u64; 2]);

impl Known {
    /// How many they are.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether a key is new. It counts as known from now on.
    #[inline(always)]
    pub(crate) fn is_new(&mut self, number: u8) -> bool {
        let word = &mut self.0[usize::from(number >> 6 & 1)];
        let with_it = *word | 1 << (number & 63);
        let is_new = *word != with_it;
        *word = with_it;
        is_new
    }
}

fn characters(written: &str) -> Cow<'_, str> {
    if written.contains('\\') { Cow::Owned(unescaped(written)) } else { Cow::Borrowed(written) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_a_key_does_not_count() {
        for key in ["", "a", "ab", "abcdefghijklmnopq"] {
            let (one, two) = (format!("{{  \"{key}\""), format!("xxx\"{key}\""));
            let end = one.len() as u32 - 1;
            let key = Key::new(end - key.len() as u32, end);
            assert_eq!(key.bit(one.as_bytes()), key.bit(two.as_bytes()), "{}", key.written(&one));
        }
    }
}
