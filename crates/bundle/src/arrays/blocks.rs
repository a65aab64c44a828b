//! Where the arrays of a table are written.

use arrow_buffer::Buffer;
use arrow_buffer::bit_util::ceil;

use super::texts::{self, AT_LEAST, Gathered, Total, bits, write_bits};
use super::{Buffers, Part, Place, Values};
use crate::collected::TextBudget;
use crate::text::Store;

/// Where the buffers of a table's arrays are written until all are there.
pub(crate) struct Blocks {
    blocks: Vec<Vec<u8>>,
    draft: Draft,
    /// The one that short arrays are for, which is made of what is drafted once it is as long as one may be.
    open: usize,
    /// What lists hold, list after list: an array for each, or one for each field of its structs.
    items: Vec<Values>,
}

/// Memory in which short arrays are written side by side, the last of them before it is known how long it is. Nothing of a record
/// stays in it.
#[derive(Default)]
pub(crate) struct Draft {
    bytes: Vec<u8>,
    /// How much of it is of arrays that are whole.
    whole: usize,
    /// What is behind it was never written.
    written: usize,
}

/// What a large table leaves of its last block is little beside it.
const LARGEST_BLOCK: usize = 16 << 10;
/// An array that is longer has a block to itself.
const LONGEST_SHARED: usize = LARGEST_BLOCK / 4;
/// Longer arrays are written to their place at once, texts once it is known how long they are.
const LONGEST_DRAFTED: usize = 64 << 10;
/// More texts than that are too long, most likely.
const MOST_DRAFTED: usize = 1 << 10;
/// What numbers of four bytes, and the processors that compare eight, want.
const ALIGNMENT: usize = align_of::<u64>();
/// So many bytes are copied and cleared fastest: for more of them the processor's own loop is taken, which is slow to begin.
const A_FEW_LINES: usize = 1 << 10;

impl Blocks {
    /// For the arrays of a table.
    pub(crate) fn new(draft: Draft) -> Self {
        Self { blocks: vec![Vec::new()], draft: draft.ready(), open: 0, items: Vec::new() }
    }

    /// Writes texts; nothing where there are none, or more than the budget allows.
    pub(crate) fn texts<T: Gathered>(
        &mut self,
        texts: &[T],
        store: &Store<'_>,
        budget: &TextBudget,
    ) -> Option<Values> {
        if texts.iter().all(|text| text.length().is_none()) {
            return None;
        }
        let is_short = texts.len() <= MOST_DRAFTED;
        let drafted = is_short.then(|| texts::write(self.draft.room(), texts, store)).flatten();
        let total = drafted.unwrap_or_else(|| Total::of(texts));
        let bytes = (texts.len() + 1) * size_of::<i32>() + total.bytes;
        let bits = bits(texts.len(), total.present);
        self.draft.mark(if drafted.is_some() { bytes + bits } else { LONGEST_DRAFTED });
        if !budget.allows(total.bytes) {
            return None;
        }
        let place = match drafted {
            Some(_) => self.keep_draft(bytes + bits),
            None => self.write(bytes + bits, |room| {
                texts::write(room, texts, store);
            }),
        };
        Some(Values { place, bytes, length: texts.len(), some_absent: bits > 0 })
    }

    /// Writes texts of which none is there.
    pub(crate) fn no_texts(&mut self, length: usize) -> Values {
        let bytes = (length + 1) * size_of::<i32>();
        let bits = bits(length, 0);
        let place = self.write(bytes + bits, |room| room.fill(0));
        Values { place, bytes, length, some_absent: bits > 0 }
    }

    /// Writes numbers of four bytes, counts or days, of which so many are present.
    pub(crate) fn numbers(&mut self, values: &[Option<i32>], present: usize) -> Values {
        let bytes = values.len() * size_of::<i32>();
        self.values(bytes, values, present, |room| {
            for (place, value) in room.as_chunks_mut().0.iter_mut().zip(values) {
                *place = value.unwrap_or_default().to_ne_bytes();
            }
        })
    }

    /// Writes booleans, of which so many are present.
    pub(crate) fn booleans(&mut self, values: &[Option<bool>], present: usize) -> Values {
        self.values(ceil(values.len(), 8), values, present, |room| {
            write_bits(room, values, |value| *value == Some(true))
        })
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
        let place = self.write((ends.len() + 1) * size_of::<i32>(), |room| {
            let places = room.as_chunks_mut().0;
            places[0] = 0_i32.to_ne_bytes();
            for (place, end) in places[1..].iter_mut().zip(ends) {
                *place = end.to_ne_bytes();
            }
        });
        Part::Lists { ends: place, length: ends.len(), first_item, last_item: self.items.len() }
    }

    /// The buffers, of just the size that was written, and memory for the next table's.
    pub(crate) fn finish(mut self) -> (Buffers, Draft) {
        self.blocks[self.open] = self.draft.take();
        (
            Buffers { blocks: self.blocks.into_iter().map(aligned).collect(), items: self.items },
            self.draft.wiped(),
        )
    }

    /// Writes values that take so many bytes, and behind them which of them are there, unless all are.
    fn values<T>(
        &mut self,
        bytes: usize,
        values: &[Option<T>],
        present: usize,
        write: impl FnOnce(&mut [u8]),
    ) -> Values {
        let bits = bits(values.len(), present);
        let place = self.write(bytes + bits, |room| {
            let (room, bits) = room.split_at_mut(bytes);
            write(room);
            write_bits(bits, values, Option::is_some);
        });
        Values { place, bytes, length: values.len(), some_absent: bits > 0 }
    }

    /// Has so many bytes written, all of them.
    fn write(&mut self, bytes: usize, write: impl FnOnce(&mut [u8])) -> Place {
        match self.draft.room().get_mut(..bytes) {
            Some(room) => {
                write(room);
                self.draft.mark(bytes);
                self.keep_draft(bytes)
            }
            None => {
                let mut block = vec![0; bytes];
                write(&mut block);
                self.add_block(block)
            }
        }
    }

    /// Keeps an array of so many bytes that was drafted.
    fn keep_draft(&mut self, bytes: usize) -> Place {
        if bytes >= LONGEST_SHARED {
            let block = self.draft.room()[..bytes].to_vec();
            return self.add_block(block);
        }
        if self.draft.whole + bytes > LARGEST_BLOCK {
            let drafted = self.draft.whole..self.draft.whole + bytes;
            self.blocks[self.open] = self.draft.take();
            self.draft.bytes.copy_within(drafted, 0);
            self.open = self.add_block(Vec::new()).block;
        }
        let start = self.draft.whole;
        self.draft.keep(bytes);
        Place { block: self.open, start }
    }

    fn add_block(&mut self, block: Vec<u8>) -> Place {
        self.blocks.push(block);
        Place { block: self.blocks.len() - 1, start: 0 }
    }
}

impl Draft {
    /// This memory, taken if it is not yet.
    fn ready(mut self) -> Self {
        self.bytes.resize(LARGEST_BLOCK + LONGEST_DRAFTED, 0);
        self
    }

    /// Room for an array.
    fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.whole..]
    }

    /// Takes in that room was made for so many bytes, and that some behind them may have been written.
    fn mark(&mut self, bytes: usize) {
        self.written = self.written.max(self.whole + bytes + AT_LEAST).min(self.bytes.len());
    }

    /// Takes in that there is an array of so many bytes, not long ones. Zeros are between it and the next.
    fn keep(&mut self, bytes: usize) {
        let end = self.whole + bytes;
        self.bytes[end..end + ALIGNMENT].fill(0);
        self.whole = end.next_multiple_of(ALIGNMENT);
    }

    /// A block of the arrays that are whole.
    fn take(&mut self) -> Vec<u8> {
        let mut block = Vec::with_capacity(self.whole);
        self.bytes[..self.whole].chunks(A_FEW_LINES).for_each(|part| block.extend_from_slice(part));
        self.whole = 0;
        block
    }

    /// Whether there is nothing in it.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.iter().all(|byte| *byte == 0)
    }

    /// The memory without what was written to it.
    fn wiped(mut self) -> Self {
        let written = std::mem::take(&mut self.written);
        self.bytes[..written].chunks_mut(A_FEW_LINES).for_each(|part| part.fill(0));
        self
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
