//! Arrow arrays from values. The buffers of a table's arrays are parts of a few blocks of memory: a record has some
//! three hundred arrays, and most are short.

mod ascii;

use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, Date32Type, UInt32Type};
use arrow_array::{ArrayRef, BooleanArray, ListArray, PrimitiveArray, StringArray, StructArray};
use arrow_buffer::bit_util::ceil;
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, FieldRef};

use crate::collected::TextBudget;

/// Where the buffers of a table's arrays are written until all are there.
pub(crate) struct Blocks {
    blocks: Vec<Vec<u8>>,
    /// The one that short arrays are written to.
    open: usize,
    /// How large the first of them is.
    first: usize,
    /// What lists hold, list after list: an array for each, or one for each field of its structs.
    items: Vec<Values>,
}

/// What is kept of an array until its table is whole.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Values(Values),
    Lists {
        ends: Place,
        length: usize,
        /// Which of the items are theirs.
        first_item: usize,
        last_item: usize,
    },
}

/// The values of an array: for texts their offsets and then themselves; and behind them, where not all are there,
/// which are.
#[derive(Clone, Copy)]
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
pub(crate) struct Buffers {
    blocks: Vec<Buffer>,
    items: Vec<Values>,
}

/// Texts of an array, and what has to be known of all before the first is written.
pub(crate) struct Texts<'t> {
    values: Vec<Option<&'t [u8]>>,
    present: usize,
    bytes: usize,
}

/// Memory for the texts of one array after another.
pub(crate) type SpareTexts = Vec<Option<&'static [u8]>>;

impl<'t> Texts<'t> {
    /// No texts yet.
    pub(crate) fn new(spare: SpareTexts) -> Self {
        Self { values: spare, present: 0, bytes: 0 }
    }

    /// Texts, or nulls in their place where they are more than the budget allows.
    pub(crate) fn of(
        spare: SpareTexts,
        values: impl Iterator<Item = Option<&'t [u8]>>,
        budget: &TextBudget,
    ) -> Self {
        let mut texts = Self::new(spare);
        texts.extend(values);
        texts.within(budget)
    }

    /// Adds texts, of which each may be absent.
    #[inline]
    pub(crate) fn extend(&mut self, values: impl Iterator<Item = Option<&'t [u8]>>) {
        let (mut present, mut bytes) = (self.present, self.bytes);
        self.values.extend(values.map(|value| {
            value.inspect(|text| {
                present += 1;
                bytes += text.len();
            })
        }));
        (self.present, self.bytes) = (present, bytes);
    }

    /// These texts, or nulls in their place where they are more than the budget allows.
    pub(crate) fn within(mut self, budget: &TextBudget) -> Self {
        if !budget.allows(self.bytes) {
            self.values.fill(None);
            (self.present, self.bytes) = (0, 0);
        }
        self
    }

    /// Whether there is none but nulls.
    pub(crate) fn are_absent(&self) -> bool {
        self.present == 0
    }

    /// How many there are, nulls among them.
    pub(crate) fn count(&self) -> usize {
        self.values.len()
    }

    /// The memory, for texts of another lifetime. The standard library collects a list in the place of the one that it
    /// consumes.
    pub(crate) fn emptied(mut self) -> SpareTexts {
        self.values.clear();
        self.values.into_iter().map(|_| None).collect()
    }
}

/// A table of a small record takes little, and what a large one leaves of its last block is little beside it.
const FIRST_BLOCK: usize = 4 << 10;
const LARGEST_BLOCK: usize = 16 << 10;
/// About as many bytes as a row of a table takes.
const BYTES_A_ROW: usize = 512;
/// What numbers of four bytes, and the processors that compare eight, want.
const ALIGNMENT: usize = align_of::<u64>();

impl Blocks {
    /// For the arrays of a table of so many rows.
    pub(crate) fn of_rows(rows: usize) -> Self {
        let first = (rows * BYTES_A_ROW).clamp(FIRST_BLOCK, LARGEST_BLOCK);
        Self { blocks: Vec::new(), open: 0, first, items: Vec::new() }
    }

    /// Writes texts.
    pub(crate) fn texts(&mut self, texts: &Texts<'_>) -> Values {
        let values = &texts.values;
        let offsets = (values.len() + 1) * size_of::<i32>();
        let (written, room, bits) = self.room(offsets + texts.bytes, values.len(), texts.present);
        let (ends, mut free) = room.split_at_mut(offsets);
        // The budget is below what an offset can say.
        let mut end = 0_i32;
        for (place, value) in ends.as_chunks_mut().0[1..].iter_mut().zip(values) {
            if let Some(text) = value {
                let (to, rest) = free.split_at_mut(text.len());
                copy(text, to);
                free = rest;
                end += text.len() as i32;
            }
            *place = end.to_ne_bytes();
        }
        write_bits(bits, values, Option::is_some);
        written
    }

    /// Writes numbers of four bytes, counts or days, of which so many are present.
    pub(crate) fn numbers(&mut self, values: &[Option<i32>], present: usize) -> Values {
        let (written, room, bits) = self.room(values.len() * size_of::<i32>(), values.len(), present);
        for (place, value) in room.as_chunks_mut().0.iter_mut().zip(values) {
            *place = value.unwrap_or_default().to_ne_bytes();
        }
        write_bits(bits, values, Option::is_some);
        written
    }

    /// Writes booleans, of which so many are present.
    pub(crate) fn booleans(&mut self, values: &[Option<bool>], present: usize) -> Values {
        let (written, room, bits) = self.room(ceil(values.len(), 8), values.len(), present);
        write_bits(room, values, |value| *value == Some(true));
        write_bits(bits, values, Option::is_some);
        written
    }

    /// Keeps values as items of lists.
    pub(crate) fn keep_items(&mut self, values: Values) {
        self.items.push(values);
    }

    /// How many arrays of items there are.
    pub(crate) fn count_items(&self) -> usize {
        self.items.len()
    }

    /// Writes the ends of lists, before each of which the one before it ends. Their items are those kept since there were
    /// `first_item`.
    pub(crate) fn lists(&mut self, ends: &[i32], first_item: usize) -> Part {
        let bytes = (ends.len() + 1) * size_of::<i32>();
        let (place, room) = self.take(bytes);
        for (place, end) in room.as_chunks_mut().0[1..].iter_mut().zip(ends) {
            *place = end.to_ne_bytes();
        }
        Part::Lists { ends: place, length: ends.len(), first_item, last_item: self.items.len() }
    }

    /// The buffers, of just the size that was written.
    pub(crate) fn finish(self) -> Buffers {
        let shrunk = self.blocks.into_iter().map(|mut block| {
            block.shrink_to_fit();
            aligned(block)
        });
        Buffers { blocks: shrunk.collect(), items: self.items }
    }

    /// Room of zeros for values that take so many bytes, and behind them for which of them are there, unless all are.
    fn room(&mut self, bytes: usize, length: usize, present: usize) -> (Values, &mut [u8], &mut [u8]) {
        let some_absent = present < length;
        let bits = if some_absent { ceil(length, 8) } else { 0 };
        let (place, room) = self.take(bytes + bits);
        let (room, bits) = room.split_at_mut(bytes);
        (Values { place, bytes, length, some_absent }, room, bits)
    }

    /// So many bytes of zero: of the open block, or of a new one. A long array has one to itself, and the open one stays open
    /// for short ones.
    fn take(&mut self, bytes: usize) -> (Place, &mut [u8]) {
        let fits = |block: &Vec<u8>| block.len().next_multiple_of(ALIGNMENT) + bytes <= block.capacity();
        let new = self.blocks.len();
        if !self.blocks.get(self.open).is_some_and(fits) {
            if bytes >= LARGEST_BLOCK / 4 {
                // Fresh memory of such a size is zeros as it comes.
                self.blocks.push(vec![0; bytes]);
                return (Place { block: new, start: 0 }, &mut self.blocks[new]);
            }
            self.blocks.push(Vec::with_capacity(LARGEST_BLOCK.min(self.first << new.min(8)).max(bytes)));
            self.open = new;
        }
        let room = &mut self.blocks[self.open];
        let start = room.len().next_multiple_of(ALIGNMENT);
        room.resize(start + bytes, 0);
        (Place { block: self.open, start }, &mut room[start..])
    }
}

impl Buffers {
    /// The array that was written as a part.
    pub(crate) fn array(&self, of: &DataType, part: Part) -> ArrayRef {
        match (of, part) {
            (DataType::List(item), Part::Lists { ends, length, first_item, last_item }) => {
                let ends = OffsetBuffer::new(self.numbers_at(ends, length + 1));
                let items = self.items(item.data_type(), &self.items[first_item..last_item]);
                Arc::new(ListArray::new(Arc::clone(item), ends, items, None))
            }
            (of, Part::Values(values)) => self.values(of, &values),
            _ => unreachable!("columns are filled as their schema declares"),
        }
    }

    /// The items of lists.
    fn items(&self, of: &DataType, items: &[Values]) -> ArrayRef {
        match (of, items) {
            (DataType::Struct(fields), items) => {
                let field = |(field, values): (&FieldRef, &Values)| self.values(field.data_type(), values);
                let arrays = fields.iter().zip(items).map(field).collect();
                Arc::new(StructArray::new(fields.clone(), arrays, None))
            }
            (of, [texts, ..]) => self.values(of, texts),
            (_, []) => unreachable!("lists of nothing are not written"),
        }
    }

    fn values(&self, of: &DataType, values: &Values) -> ArrayRef {
        match of {
            DataType::Utf8 => Arc::new(self.texts(values)),
            DataType::UInt32 => Arc::new(self.numbers::<UInt32Type>(values)),
            DataType::Date32 => Arc::new(self.numbers::<Date32Type>(values)),
            DataType::Boolean => Arc::new(self.booleans(values)),
            _ => unreachable!("columns are filled as their schema declares"),
        }
    }

    fn texts(&self, values: &Values) -> StringArray {
        let offsets = (values.length + 1) * size_of::<i32>();
        let ends = self.numbers_at(values.place, values.length + 1);
        let start = values.place.start + offsets;
        let texts = self.blocks[values.place.block].slice_with_length(start, values.bytes - offsets);
        // Each offset is the end of a text.
        ascii::texts(ends, texts, self.nulls(values)).expect("offsets at the ends of texts")
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

    #[inline(always)]
    fn numbers_at<T: ArrowNativeType>(&self, place: Place, length: usize) -> ScalarBuffer<T> {
        self.blocks[place.block].slice_with_length(place.start, length * size_of::<T>()).into()
    }

    fn bits_at(&self, place: Place, length: usize) -> BooleanBuffer {
        BooleanBuffer::new(self.blocks[place.block].clone(), place.start * 8, length)
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

/// Copies a text to a place of its length. Most are short, and done before a call would have found out how: from both ends,
/// so that what is between is copied twice and no length needs a loop.
#[inline(always)]
fn copy(text: &[u8], to: &mut [u8]) {
    match text.len() {
        0..4 => to.iter_mut().zip(text).for_each(|(to, byte)| *to = *byte),
        4..8 => copy_ends::<4>(text, to),
        8..16 => copy_ends::<8>(text, to),
        16..32 => copy_ends::<16>(text, to),
        32..=64 => copy_ends::<32>(text, to),
        _ => to.copy_from_slice(text),
    }
}

/// Copies the first and the last bytes of a text of at least so many.
#[inline(always)]
fn copy_ends<const BYTES: usize>(text: &[u8], to: &mut [u8]) {
    if let (Some(first), Some(last)) = (text.first_chunk::<BYTES>(), text.last_chunk::<BYTES>())
        && to.len() == text.len()
    {
        to[..BYTES].copy_from_slice(first);
        let before = to.len() - BYTES;
        to[before..].copy_from_slice(last);
    }
}

/// Writes one bit for each value, to as many bytes as there is room for.
fn write_bits<T>(room: &mut [u8], values: &[T], is_set: impl Fn(&T) -> bool) {
    let byte = |values: &[T]| values.iter().rev().fold(0, |byte, value| byte << 1 | u8::from(is_set(value)));
    let (eights, rest) = values.as_chunks::<8>();
    let (of_eights, of_rest) = room.split_at_mut(eights.len().min(room.len()));
    of_eights.iter_mut().zip(eights).for_each(|(place, eight)| *place = byte(eight));
    of_rest.iter_mut().for_each(|place| *place = byte(rest));
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    use super::*;

    fn texts<'t>(values: &[Option<&'t str>]) -> Texts<'t> {
        let mut texts = Texts::new(Vec::new());
        texts.extend(values.iter().map(|value| value.map(str::as_bytes)));
        texts
    }

    #[test]
    fn arrays_hold_what_they_are_made_of() {
        let words = [Some("a"), None, Some(""), Some("\u{e9}\u{10348}"), None];
        let counts = [Some(7), None, Some(0)];
        let answers = [Some(true), Some(false), None];
        let mut blocks = Blocks::of_rows(1);
        let text_values = blocks.texts(&texts(&words));
        let (count_values, answer_values) = (blocks.numbers(&counts, 2), blocks.booleans(&answers, 2));
        let all_there = blocks.booleans(&answers[..2], 2);
        let buffers = blocks.finish();
        let array = |of: DataType, values| buffers.array(&of, Part::Values(values));
        let made = array(DataType::Utf8, text_values);
        assert_eq!(made.as_string::<i32>().iter().collect::<Vec<_>>(), words);
        assert_eq!(made.null_count(), 2);
        let made = array(DataType::Date32, count_values);
        assert_eq!(made.as_primitive::<Date32Type>().iter().collect::<Vec<_>>(), counts);
        let made = array(DataType::Boolean, answer_values);
        assert_eq!(made.as_boolean().iter().collect::<Vec<_>>(), answers);
        assert_eq!(array(DataType::Boolean, all_there).nulls(), None);
    }

    #[test]
    fn texts_are_copied_at_every_length() {
        let long: String = (0..100).map(|place| char::from(b'0' + place % 71)).collect();
        let sent: Vec<Option<&str>> =
            (0..=long.len()).map(|length| Some(&long[long.len() - length..])).collect();
        let mut blocks = Blocks::of_rows(1);
        let values = blocks.texts(&texts(&sent));
        let made = blocks.finish().array(&DataType::Utf8, Part::Values(values));
        assert_eq!(made.as_string::<i32>().iter().collect::<Vec<_>>(), sent);
    }

    #[test]
    fn nulls_are_told_at_every_length() {
        for length in 0..40 {
            let answers: Vec<Option<bool>> =
                (0..length).map(|place| (place % 3 != 0).then_some(place % 5 == 1)).collect();
            let mut blocks = Blocks::of_rows(1);
            let values = blocks.booleans(&answers, answers.iter().flatten().count());
            let made = blocks.finish().array(&DataType::Boolean, Part::Values(values));
            assert_eq!(made.as_boolean().iter().collect::<Vec<_>>(), answers);
        }
    }

    #[test]
    fn long_and_short_arrays_take_turns() {
        let long = vec![Some("0123456789"); LARGEST_BLOCK / 8];
        let mut blocks = Blocks::of_rows(1);
        let parts: Vec<(usize, Values)> = (1..200)
            .map(|turn| if turn % 10 == 0 { long.len() } else { turn })
            .map(|length| (length, blocks.texts(&texts(&long[..length]))))
            .collect();
        assert!(blocks.blocks.len() < 40, "short arrays share blocks");
        let buffers = blocks.finish();
        for (length, values) in parts {
            let made = buffers.array(&DataType::Utf8, Part::Values(values));
            assert_eq!(made.as_string::<i32>().iter().collect::<Vec<_>>(), long[..length]);
        }
    }

    #[test]
    fn texts_beyond_the_budget_are_nulls_and_it_is_spent() {
        let budget = TextBudget::of_body(0);
        let long = "x".repeat((1 << 20) + 1);
        let texts = texts(&[Some(&long), Some("x")]).within(&budget);
        assert!(texts.are_absent());
        assert_eq!(texts.count(), 2);
        assert!(budget.is_spent());
    }
}
