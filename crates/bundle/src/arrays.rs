//! Arrow arrays from values. The buffers of a table's arrays are parts of a few blocks of memory: a record has some
//! three hundred arrays, and most are short.

mod ascii;
mod blocks;
mod texts;

pub(crate) use blocks::{Blocks, Draft};
pub(crate) use texts::{Gathered, SpareTexts, emptied};

use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, Date32Type, UInt32Type};
use arrow_array::{ArrayRef, BooleanArray, ListArray, PrimitiveArray, StringArray, StructArray};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, FieldRef};

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

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    use super::*;
    use crate::collected::TextBudget;
    use crate::text::{Store, Text};

    const LONG: usize = 80 << 10;

    fn written(blocks: &mut Blocks, texts: &[Option<&str>]) -> Values {
        let texts: Vec<Option<&[u8]>> = texts.iter().map(|text| text.map(str::as_bytes)).collect();
        let written = blocks.texts(&texts, &Store::copying(), &TextBudget::of_words());
        written.unwrap_or_else(|| blocks.no_texts(texts.len()))
    }

    fn made(blocks: Blocks, of: DataType, values: Values) -> ArrayRef {
        blocks.finish().0.array(&of, Part::Values(values))
    }

    fn blocks() -> Blocks {
        Blocks::new(Draft::default())
    }

    #[test]
    fn arrays_hold_what_they_are_made_of() {
        let words = [Some("a"), None, Some(""), Some("\u{e9}\u{10348}"), None];
        let counts = [Some(7), None, Some(0)];
        let answers = [Some(true), Some(false), None];
        let mut blocks = blocks();
        let (text_values, no_texts) = (written(&mut blocks, &words), written(&mut blocks, &[None; 9]));
        let (count_values, answer_values) = (blocks.numbers(&counts, 2), blocks.booleans(&answers, 2));
        let all_there = blocks.booleans(&answers[..2], 2);
        let (buffers, _) = blocks.finish();
        let array = |of: DataType, values| buffers.array(&of, Part::Values(values));
        let made = array(DataType::Utf8, text_values);
        assert_eq!(made.as_string::<i32>().iter().collect::<Vec<_>>(), words);
        assert_eq!(made.null_count(), 2);
        assert_eq!(array(DataType::Utf8, no_texts).null_count(), 9);
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
        let mut blocks = blocks();
        let values = written(&mut blocks, &sent);
        let made = made(blocks, DataType::Utf8, values);
        assert_eq!(made.as_string::<i32>().iter().collect::<Vec<_>>(), sent);
    }

    #[test]
    fn kept_texts_are_copied_from_wherever_they_are() {
        let body: String = (0..100).map(|place| char::from(b'0' + place % 71)).collect();
        let mut store = Store::borrowing(body.as_bytes());
        let copy = store.copy("of other bytes");
        let mut kept = vec![Text::NONE, copy, Text::known(b"active").expect("a word")];
        let mut said = vec![None, Some("of other bytes"), Some("active")];
        for start in 0..=body.len() {
            // Up to the end of the body, and within it.
            for length in [body.len() - start, (body.len() - start) / 2] {
                kept.push(store.borrow(start, length as u32).expect("a body that is held"));
                said.push(Some(&body[start..start + length]));
            }
        }
        let mut blocks = blocks();
        let values = blocks.texts(&kept, &store, &TextBudget::of_words()).expect("texts");
        let made = made(blocks, DataType::Utf8, values);
        assert_eq!(made.as_string::<i32>().iter().collect::<Vec<_>>(), said);
    }

    #[test]
    fn nulls_are_told_at_every_length() {
        for length in 0..40 {
            let answers: Vec<Option<bool>> =
                (0..length).map(|place| (place % 3 != 0).then_some(place % 5 == 1)).collect();
            let mut blocks = blocks();
            let values = blocks.booleans(&answers, answers.iter().flatten().count());
            let made = made(blocks, DataType::Boolean, values);
            assert_eq!(made.as_boolean().iter().collect::<Vec<_>>(), answers);
        }
    }

    #[test]
    fn long_and_short_arrays_take_turns() {
        let long = vec![Some("0123456789"); LONG / 10];
        let mut blocks = blocks();
        let parts: Vec<(usize, Values)> = (1..200)
            .map(|turn| [turn, 100 * turn, long.len()][turn % 3])
            .map(|length| (length.min(long.len()), written(&mut blocks, &long[..length.min(long.len())])))
            .collect();
        let (buffers, _) = blocks.finish();
        for (length, values) in parts {
            let made = buffers.array(&DataType::Utf8, Part::Values(values));
            assert_eq!(made.as_string::<i32>().iter().collect::<Vec<_>>(), long[..length]);
        }
    }

    #[test]
    fn short_arrays_share_memory() {
        let mut blocks = blocks();
        let parts: Vec<Values> = (0..100).map(|_| written(&mut blocks, &[Some("text"), None])).collect();
        let (buffers, _) = blocks.finish();
        assert_eq!(buffers.blocks.len(), 1);
        assert!(parts.iter().all(|values| values.place.block == 0));
    }

    #[test]
    fn a_few_texts_may_be_long() {
        let long = "x".repeat(LONG);
        let sent = [Some("before"), Some(&*long), None, Some("behind")];
        let mut blocks = blocks();
        let values = written(&mut blocks, &sent);
        let made = made(blocks, DataType::Utf8, values);
        assert_eq!(made.as_string::<i32>().iter().collect::<Vec<_>>(), sent);
    }

    #[test]
    fn nothing_of_a_record_stays_in_the_draft() {
        let long = "x".repeat(LONG);
        for texts in [vec![Some("short"), None, Some("x")], vec![Some("x"), Some(&*long)]] {
            let mut blocks = blocks();
            written(&mut blocks, &texts);
            let (_, draft) = blocks.finish();
            assert!(draft.is_empty());
        }
    }

    #[test]
    fn texts_beyond_the_budget_are_nulls_and_it_is_spent() {
        let budget = TextBudget::of_body(0);
        let long = vec![b'x'; (1 << 20) + 1];
        let texts = [Some(&*long), Some(&b"x"[..])];
        assert!(blocks().texts(&texts, &Store::copying(), &budget).is_none());
        assert!(budget.is_spent());
    }
}
