//! Arrow arrays from values. The buffers of a table's arrays are parts of a few blocks of memory: a record has some
//! three hundred arrays, and most are short.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Date32Type, UInt32Type};
use arrow_array::{ArrayRef, BooleanArray, ListArray, PrimitiveArray, StringArray, StructArray};
use arrow_buffer::bit_util::ceil;
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, FieldRef};

use crate::collected::TextBudget;

/// Where the buffers of a table's arrays are written until all are there.
#[derive(Default)]
pub(crate) struct Blocks {
    blocks: Vec<Vec<u8>>,
    /// The one that short arrays are written to.
    open: usize,
}

/// What is kept of an array until its table is whole.
pub(crate) enum Part {
    Values(Values),
    /// Lists, their items being an array or the fields of structs; without either, empty lists.
    Lists {
        ends: Place,
        length: usize,
        items: Vec<Part>,
    },
}

/// The values of an array: for texts their offsets and then themselves; and behind them, where not all are there,
/// which are.
pub(crate) struct Values {
    place: Place,
    bytes: usize,
    length: usize,
    some_absent: bool,
}

/// Where a buffer begins.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    block: usize,
    start: usize,
}

/// The blocks of a table that is whole.
pub(crate) struct Buffers(Vec<Buffer>);

/// A table of a small record takes little, and what a large one leaves of its last block is little beside it.
const FIRST_BLOCK: usize = 4 << 10;
const LARGEST_BLOCK: usize = 16 << 10;
/// What numbers of four bytes, and the processors that compare eight, want.
const ALIGNMENT: usize = align_of::<u64>();

impl Blocks {
    /// Writes texts; nulls where they are more than the budget allows.
    pub(crate) fn texts(&mut self, budget: &TextBudget, values: &[Option<&str>]) -> Part {
        let (mut present, mut bytes) = (0, 0);
        for value in values.iter().flatten() {
            present += 1;
            bytes += value.len();
        }
        if !budget.allows(bytes) {
            return self.texts(&TextBudget::of_words(), &vec![None; values.len()]);
        }
        let offsets = (values.len() + 1) * size_of::<i32>();
        let (part, room) = self.values(offsets + bytes, values, present);
        let (ends, mut rest) = room.split_at_mut(offsets);
        // The budget is below what an offset can say.
        let mut end = 0_i32;
        for (offset, value) in ends.as_chunks_mut().0[1..].iter_mut().zip(values) {
            if let Some(text) = value {
                let (place, behind) = rest.split_at_mut(text.len());
                place.copy_from_slice(text.as_bytes());
                rest = behind;
                end += text.len() as i32;
            }
            *offset = end.to_ne_bytes();
        }
        part
    }

    /// Writes numbers of four bytes: counts, or days.
    pub(crate) fn numbers(&mut self, values: &[Option<i32>]) -> Part {
        let present = values.iter().flatten().count();
        let (part, room) = self.values(values.len() * size_of::<i32>(), values, present);
        for (place, value) in room.as_chunks_mut().0.iter_mut().zip(values) {
            *place = value.unwrap_or_default().to_ne_bytes();
        }
        part
    }

    /// Writes booleans.
    pub(crate) fn booleans(&mut self, values: &[Option<bool>]) -> Part {
        let present = values.iter().flatten().count();
        let (part, room) = self.values(ceil(values.len(), 8), values, present);
        set_bits(room, values, |value| *value == Some(true));
        part
    }

    /// Writes the ends of lists, before each of which the one before it ends.
    pub(crate) fn lists(&mut self, ends: &[i32], items: Vec<Part>) -> Part {
        let (place, room) = self.take((ends.len() + 1) * size_of::<i32>());
        for (place, end) in room.as_chunks_mut().0[1..].iter_mut().zip(ends) {
            *place = end.to_ne_bytes();
        }
        Part::Lists { ends: place, length: ends.len(), items }
    }

    /// The buffers, of just the size that was written.
    pub(crate) fn finish(self) -> Buffers {
        let shrunk = self.blocks.into_iter().map(|mut block| {
            block.shrink_to_fit();
            aligned(block)
        });
        Buffers(shrunk.collect())
    }

    /// Room for values that take so many bytes. Which of them are there is written behind it.
    fn values<T>(&mut self, bytes: usize, values: &[Option<T>], present: usize) -> (Part, &mut [u8]) {
        let (length, some_absent) = (values.len(), present < values.len());
        let bits = if some_absent { ceil(length, 8) } else { 0 };
        let (place, room) = self.take(bytes + bits);
        let (room, bits) = room.split_at_mut(bytes);
        set_bits(bits, values, Option::is_some);
        (Part::Values(Values { place, bytes, length, some_absent }), room)
    }

    /// So many bytes of zero.
    fn take(&mut self, bytes: usize) -> (Place, &mut [u8]) {
        let block = self.block_with_room(bytes);
        let room = &mut self.blocks[block];
        let start = room.len().next_multiple_of(ALIGNMENT);
        room.resize(start + bytes, 0);
        (Place { block, start }, &mut room[start..])
    }

    /// The open block, or a new one: a long array has one to itself, and the open one stays open for short ones.
    fn block_with_room(&mut self, bytes: usize) -> usize {
        let fits = |block: &Vec<u8>| block.len().next_multiple_of(ALIGNMENT) + bytes <= block.capacity();
        if self.blocks.get(self.open).is_some_and(fits) {
            return self.open;
        }
        let new = self.blocks.len();
        let mut room = bytes;
        if bytes < LARGEST_BLOCK / 4 {
            self.open = new;
            room = LARGEST_BLOCK.min(FIRST_BLOCK << new.min(8)).max(bytes);
        }
        self.blocks.push(Vec::with_capacity(room));
        new
    }
}

impl Buffers {
    /// The array that was written as a part; `empty` is one of its type without rows.
    pub(crate) fn array(&self, of: &DataType, part: &Part, empty: &ArrayRef) -> ArrayRef {
        match (of, part) {
            (DataType::Utf8, Part::Values(values)) => Arc::new(self.texts(values)),
            (DataType::UInt32, Part::Values(values)) => Arc::new(self.numbers::<UInt32Type>(values)),
            (DataType::Date32, Part::Values(values)) => Arc::new(self.numbers::<Date32Type>(values)),
            (DataType::Boolean, Part::Values(values)) => Arc::new(self.booleans(values)),
            (DataType::List(item), Part::Lists { ends, length, items }) => {
                let ends = OffsetBuffer::new(self.numbers_at(*ends, length + 1));
                let items = self.items(item.data_type(), items, empty.as_list::<i32>().values());
                Arc::new(ListArray::new(Arc::clone(item), ends, items, None))
            }
            _ => unreachable!("columns are filled as their schema declares"),
        }
    }

    /// The items of lists.
    fn items(&self, of: &DataType, parts: &[Part], empty: &ArrayRef) -> ArrayRef {
        match (of, parts) {
            (_, []) => Arc::clone(empty),
            (DataType::Struct(fields), parts) => {
                let field = |(field, part): (&FieldRef, &Part)| self.array(field.data_type(), part, empty);
                let arrays = fields.iter().zip(parts).map(field).collect();
                Arc::new(StructArray::new(fields.clone(), arrays, None))
            }
            (of, [texts, ..]) => self.array(of, texts, empty),
        }
    }

    fn texts(&self, values: &Values) -> StringArray {
        let offsets = (values.length + 1) * size_of::<i32>();
        let ends = OffsetBuffer::new(self.numbers_at(values.place, values.length + 1));
        let start = values.place.start + offsets;
        let texts = self.0[values.place.block].slice_with_length(start, values.bytes - offsets);
        // Each offset is the end of a text.
        StringArray::try_new(ends, texts, self.nulls(values)).expect("offsets at the ends of texts")
    }

    fn numbers<T: ArrowPrimitiveType>(&self, values: &Values) -> PrimitiveArray<T> {
        PrimitiveArray::new(self.numbers_at(values.place, values.length), self.nulls(values))
    }

    fn booleans(&self, values: &Values) -> BooleanArray {
        BooleanArray::new(self.bits_at(values.place, values.length), self.nulls(values))
    }

    fn nulls(&self, values: &Values) -> Option<NullBuffer> {
        let behind = Place { start: values.place.start + values.bytes, ..values.place };
        values.some_absent.then(|| NullBuffer::new(self.bits_at(behind, values.length)))
    }

    fn numbers_at<T: ArrowNativeType>(&self, place: Place, length: usize) -> ScalarBuffer<T> {
        self.0[place.block].slice_with_length(place.start, length * size_of::<T>()).into()
    }

    fn bits_at(&self, place: Place, length: usize) -> BooleanBuffer {
        BooleanBuffer::new(self.0[place.block].clone(), place.start * 8, length)
    }
}

/// The bytes as a buffer that numbers can stand in. Where allocators give bytes no more than the alignment that is
/// asked for, and none that is known does, they are copied.
fn aligned(bytes: Vec<u8>) -> Buffer {
    let buffer = Buffer::from_vec(bytes);
    match buffer.as_ptr().align_offset(ALIGNMENT) {
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
    use arrow_array::{Array, new_empty_array};

    use super::*;

    fn array(blocks: Blocks, of: &DataType, part: &Part) -> ArrayRef {
        blocks.finish().array(of, part, &new_empty_array(of))
    }

    #[test]
    fn arrays_hold_what_they_are_made_of() {
        let texts = [Some("a"), None, Some(""), Some("\u{e9}\u{10348}"), None];
        let counts = [Some(7), None, Some(0)];
        let answers = [Some(true), Some(false), None];
        let mut blocks = Blocks::default();
        let text_part = blocks.texts(&TextBudget::of_words(), &texts);
        let (count_part, answer_part) = (blocks.numbers(&counts), blocks.booleans(&answers));
        let all_there = blocks.booleans(&answers[..2]);
        let buffers = blocks.finish();
        let array = |of: DataType, part| buffers.array(&of, part, &new_empty_array(&of));
        let made = array(DataType::Utf8, &text_part);
        assert_eq!(made.as_string::<i32>().iter().collect::<Vec<_>>(), texts);
        assert_eq!(made.null_count(), 2);
        let made = array(DataType::Date32, &count_part);
        assert_eq!(made.as_primitive::<Date32Type>().iter().collect::<Vec<_>>(), counts);
        let made = array(DataType::Boolean, &answer_part);
        assert_eq!(made.as_boolean().iter().collect::<Vec<_>>(), answers);
        assert_eq!(array(DataType::Boolean, &all_there).nulls(), None);
    }

    #[test]
    fn long_and_short_arrays_take_turns() {
        let long = vec![Some("0123456789"); LARGEST_BLOCK / 8];
        let mut blocks = Blocks::default();
        let budget = TextBudget::of_words();
        let parts: Vec<(usize, Part)> = (1..200)
            .map(|turn| if turn % 10 == 0 { long.len() } else { turn })
            .map(|length| (length, blocks.texts(&budget, &long[..length])))
            .collect();
        assert!(blocks.blocks.len() < 40, "short arrays share blocks");
        let buffers = blocks.finish();
        for (length, part) in &parts {
            let made = buffers.array(&DataType::Utf8, part, &new_empty_array(&DataType::Utf8));
            assert_eq!(made.as_string::<i32>().iter().collect::<Vec<_>>(), long[..*length]);
        }
    }

    #[test]
    fn texts_beyond_the_budget_are_nulls_and_it_is_spent() {
        let budget = TextBudget::of_body(0);
        let long = "x".repeat((1 << 20) + 1);
        let mut blocks = Blocks::default();
        let part = blocks.texts(&budget, &[Some(&long), Some("x")]);
        assert_eq!(array(blocks, &DataType::Utf8, &part).null_count(), 2);
        assert!(budget.is_spent());
    }
}
