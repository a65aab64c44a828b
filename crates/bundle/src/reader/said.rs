//! What references said last. A record names one patient, and mostly the encounter and the practitioner of the record before it.

use std::ops::Range;

use crate::addresses::{AddressNumber, is_same};

/// How many are remembered. Those to resources of one type are nearly all in one place.
const PLACES: usize = 32;

/// What references said last, each in its place.
#[derive(Default)]
pub(super) struct LastSaid([Said; PLACES]);

/// What a reference said, and where in the cursor's text.
#[derive(Clone, Copy, Default)]
struct Said {
    start: u32,
    end: u32,
    address: Option<AddressNumber>,
}

impl LastSaid {
    /// The address that a part of a text says, if it was the last that was said in its place.
    #[inline(always)]
    pub(super) fn address(&self, text: &[u8], part: Range<u32>) -> Option<AddressNumber> {
        let now = text.get(part.start as usize..part.end as usize)?;
        let last = &self.0[place(now)];
        let is_it = is_same(text.get(last.start as usize..last.end as usize)?, now);
        last.address.filter(|_| is_it)
    }

    /// Remembers what a part of a text says.
    pub(super) fn remember(&mut self, text: &[u8], part: Range<u32>, address: AddressNumber) {
        let now = &text[part.start as usize..part.end as usize];
        self.0[place(now)] = Said { start: part.start, end: part.end, address: Some(address) };
    }
}

/// The place of a text by two letters that tell the types apart which records name.
#[inline(always)]
fn place(text: &[u8]) -> usize {
    match text {
        [_, one, _, _, _, _, _, _, _, _, other, ..] => (3 * usize::from(*one) + usize::from(*other)) % PLACES,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_by_all_that_is_said() {
        let text = b"Patient/1234567890 Patient/1234567890 Patient/1234567891 Patient/123456789 Pat";
        let parts = [0..18, 19..37, 38..56, 57..74, 75..78];
        let mut last = LastSaid::default();
        assert!(parts.iter().all(|part| last.address(text, part.clone()).is_none()));
        for (number, again) in
            [(1, [true, true, false, false, false]), (2, [false, false, false, false, true])]
        {
            let address = AddressNumber::new(number);
            let said = if number == 1 { 0..18 } else { 75..78 };
            last.remember(text, said, address.expect("not zero"));
            let found = parts.clone().map(|part| last.address(text, part) == address);
            assert_eq!(found, again);
        }
    }
}
