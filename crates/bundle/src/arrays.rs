//! Arrow arrays from values. The buffers of an array are parts of one allocation of just the size it needs: a record
//! has some three hundred arrays, and most are short.

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{BooleanArray, PrimitiveArray, StringArray};
use arrow_buffer::bit_util::ceil;
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer, ToByteSlice};

use crate::collected::TextBudget;

/// An array of texts; of nulls where they are more than the budget allows.
pub(crate) fn strings(budget: &TextBudget, values: &[Option<&str>]) -> StringArray {
    let bytes = values.iter().flatten().map(|value| value.len()).sum();
    if !budget.allows(bytes) {
        return StringArray::new_null(values.len());
    }
    let offsets = (values.len() + 1) * size_of::<i32>();
    let mut buffer = room(offsets + bytes, values);
    let (ends, mut rest) = buffer.split_at_mut(offsets);
    // The budget is below what an offset can say.
    let mut end = 0_i32;
    for (offset, value) in ends.as_chunks_mut().0[1..].iter_mut().zip(values) {
        let text = value.unwrap_or_default().as_bytes();
        let (place, behind) = rest.split_at_mut(text.len());
        place.copy_from_slice(text);
        rest = behind;
        end += text.len() as i32;
        *offset = end.to_ne_bytes();
    }
    let (buffer, nulls) = with_nulls(buffer, offsets + bytes, values);
    let ends = OffsetBuffer::new(ScalarBuffer::new(buffer.clone(), 0, values.len() + 1));
    // Each offset is the end of a text.
    StringArray::try_new(ends, buffer.slice_with_length(offsets, bytes), nulls)
        .expect("offsets at the ends of texts")
}

/// An array of numbers or days.
pub(crate) fn numbers<T: ArrowPrimitiveType>(values: &[Option<T::Native>]) -> PrimitiveArray<T> {
    let bytes = values.len() * size_of::<T::Native>();
    let mut buffer = room(bytes, values);
    for (place, value) in buffer.chunks_exact_mut(size_of::<T::Native>()).zip(values) {
        place.copy_from_slice(value.unwrap_or_default().to_byte_slice());
    }
    let (buffer, nulls) = with_nulls(buffer, bytes, values);
    PrimitiveArray::new(ScalarBuffer::new(buffer, 0, values.len()), nulls)
}

/// An array of booleans.
pub(crate) fn booleans(values: &[Option<bool>]) -> BooleanArray {
    let bytes = ceil(values.len(), 8);
    let mut buffer = room(bytes, values);
    set_bits(&mut buffer[..bytes], values, |value| *value == Some(true));
    let (buffer, nulls) = with_nulls(buffer, bytes, values);
    BooleanArray::new(BooleanBuffer::new(buffer, 0, values.len()), nulls)
}

/// Room for values that take so many bytes and for which of them are there, all zero.
fn room<T>(bytes: usize, values: &[Option<T>]) -> Vec<u8> {
    vec![0; bytes + ceil(values.len(), 8)]
}

/// Says behind the values which of them are there, unless all are.
fn with_nulls<T>(mut buffer: Vec<u8>, end: usize, values: &[Option<T>]) -> (Buffer, Option<NullBuffer>) {
    if values.iter().all(Option::is_some) {
        return (aligned(buffer), None);
    }
    set_bits(&mut buffer[end..], values, Option::is_some);
    let buffer = aligned(buffer);
    let nulls = NullBuffer::new(BooleanBuffer::new(buffer.clone(), end * 8, values.len()));
    (buffer, Some(nulls))
}

/// The bytes as a buffer that numbers can stand in. Where allocators give bytes no more than the alignment that is
/// asked for, and none that is known does, they are copied.
fn aligned(bytes: Vec<u8>) -> Buffer {
    let buffer = Buffer::from_vec(bytes);
    match buffer.as_ptr().align_offset(align_of::<u64>()) {
        0 => buffer,
        _ => Buffer::from_slice_ref(buffer.as_slice()),
    }
}

fn set_bits<T>(bits: &mut [u8], values: &[T], is_set: impl Fn(&T) -> bool) {
    for (byte, eight) in bits.iter_mut().zip(values.chunks(8)) {
        *byte = eight.iter().rev().fold(0, |byte, value| byte << 1 | u8::from(is_set(value)));
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::types::UInt32Type;

    use super::*;

    #[test]
    fn arrays_hold_what_they_are_made_of() {
        let texts = [Some("a"), None, Some(""), Some("\u{e9}\u{10348}"), None];
        let array = strings(&TextBudget::of_words(), &texts);
        assert_eq!(array.iter().collect::<Vec<_>>(), texts);
        assert_eq!(array.null_count(), 2);
        let counts = [Some(7), None, Some(0)];
        assert_eq!(numbers::<UInt32Type>(&counts).iter().collect::<Vec<_>>(), counts);
        let answers = [Some(true), Some(false), None];
        assert_eq!(booleans(&answers).iter().collect::<Vec<_>>(), answers);
        assert_eq!(booleans(&answers[..2]).nulls(), None);
    }

    #[test]
    fn texts_beyond_the_budget_are_nulls_and_it_is_spent() {
        let budget = TextBudget::of_body(0);
        let long = "x".repeat((1 << 20) + 1);
        assert_eq!(strings(&budget, &[Some(&long), Some("x")]).null_count(), 2);
        assert!(budget.is_spent());
    }
}
