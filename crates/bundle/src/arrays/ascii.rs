//! Arrays of texts.
//!
//! What is `unsafe`: where a column's texts are ASCII, as most are, Arrow does not look whether they are UTF-8 and begin where
//! characters begin, which takes it some thirty instructions a text. The invariant is what [`texts`] finds out itself right
//! before, by vectors and at once for all of them: in ASCII a character begins at every byte, so that whatever stands
//! between two offsets is text. Nothing depends on who wrote the bytes.
//!
//! Its safe twin is Arrow's own check: all other texts go through it, and tests compare with it.
#![allow(unsafe_code)]

use arrow_array::StringArray;
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::ArrowError;

/// The texts between offsets of some bytes.
///
/// # Errors
/// Those of [`StringArray::try_new`]: the bytes are not UTF-8, an offset is beyond them or in a character, or there is not a
/// bit for each text.
///
/// # Panics
/// As [`OffsetBuffer::new`]: there is no offset, they are not in order, or below zero.
pub(super) fn texts(
    offsets: ScalarBuffer<i32>,
    bytes: Buffer,
    nulls: Option<NullBuffer>,
) -> Result<StringArray, ArrowError> {
    let are_as_many = nulls.as_ref().is_none_or(|nulls| nulls.len() + 1 == offsets.len());
    if !(are_as_many && are_within(&offsets, bytes.len()) && are_ascii(&bytes)) {
        return StringArray::try_new(OffsetBuffer::new(offsets), bytes, nulls);
    }
    // SAFETY: offsets go up from zero or more to no more than there are bytes, the bytes are ASCII, so that they are UTF-8 and
    // a character begins at each, and there is a bit for each text.
    Ok(unsafe { StringArray::new_unchecked(OffsetBuffer::new_unchecked(offsets), bytes, nulls) })
}

/// Whether there are offsets, in order, and none of them is below zero or beyond so many bytes.
fn are_within(offsets: &[i32], bytes: usize) -> bool {
    let ([first, ..], [.., last]) = (offsets, offsets) else { return false };
    // All of them are looked at, since a loop that may end early is none over vectors.
    let are_in_order = offsets.iter().zip(&offsets[1..]).fold(true, |are, (start, end)| are & (start <= end));
    are_in_order && *first >= 0 && last.cast_unsigned() as usize <= bytes
}

/// Whether all bytes are ASCII. They are put together first, so that it is asked once; the last of them with some before them.
fn are_ascii(bytes: &[u8]) -> bool {
    const WIDTH: usize = 64;
    let Some(last) = bytes.last_chunk::<WIDTH>() else { return bytes.is_ascii() };
    let together =
        |all: [u8; WIDTH], part: &[u8; WIDTH]| std::array::from_fn(|place| all[place] | part[place]);
    bytes.as_chunks().0.iter().fold(*last, together).is_ascii()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arrays_are_those_that_arrow_makes(
            text in prop_oneof!["[a-z]{0,200}", "[a-z\u{e9}\u{20ac}\u{10348}]{0,90}"],
            bad in prop_oneof![3 => Just(None), 1 => (any::<prop::sample::Index>(), 0x80u8..).prop_map(Some)],
            mut ends in prop::collection::vec(0i32..220, 0..20),
            present in prop::option::of(prop::collection::vec(any::<bool>(), 0..20)),
            inside in any::<bool>(),
        ) {
            let mut bytes = text.into_bytes();
            if let (Some((at, byte)), false) = (bad, bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            ends.push(0);
            if inside {
                ends.iter_mut().for_each(|end| *end = (*end).min(bytes.len() as i32));
            }
            ends.sort_unstable();
            let nulls = present.map(|mut present| {
                if inside {
                    present.resize(ends.len() - 1, true);
                }
                NullBuffer::from(present)
            });
            let offsets = || ScalarBuffer::from(ends.clone());
            let bytes = Buffer::from_vec(bytes);
            let twin = StringArray::try_new(OffsetBuffer::new(offsets()), bytes.clone(), nulls.clone());
            let made = texts(offsets(), bytes, nulls);
            prop_assert_eq!(made.is_ok(), twin.is_ok());
            if let (Ok(made), Ok(twin)) = (made, twin) {
                prop_assert_eq!(made.iter().collect::<Vec<_>>(), twin.iter().collect::<Vec<_>>());
            }
        }
    }
    #[test]
    #[should_panic(expected = "monotonically increasing")]
    fn offsets_out_of_order_make_no_array() {
        let _ = texts(vec![0, 3, 1, 4].into(), Buffer::from(b"text"), None);
    }

    #[test]
    #[should_panic(expected = "greater than 0")]
    fn offsets_below_zero_make_no_array() {
        let _ = texts(vec![-1, 4].into(), Buffer::from(b"text"), None);
    }
}
