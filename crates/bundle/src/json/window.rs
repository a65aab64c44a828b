//! The tokens of one window of JSON text, found from what its blocks hold.

use std::ops::Range;

use super::block::{BLOCK, Body, Classes, Kernel, fetch_behind};

/// Bytes of text whose tokens are found at once, unless they are more than there is room for: they and their positions stay
/// in the first cache, and most resources are within one window.
pub(crate) const WINDOW: usize = 256 * BLOCK;

/// More than any number of a token of a window: with a number's remainder by it no place needs another check.
const ROOM: usize = 4096;

/// Text with a token in fewer bytes is dense.
const DENSE: usize = 6;

/// How far ahead of what is looked at memory is asked for.
pub(crate) const FETCHED: usize = 128 * BLOCK;

/// With more tokens a window has no room for another block, which may have as many as bytes.
const MOST: usize = ROOM - 2 * BLOCK;

/// How many tokens may be looked at together.
pub(super) const AHEAD: usize = 16;

/// The position of no token.
const NOWHERE: u32 = u32::MAX;

/// The tokens of a window, and what the next window has to know of it.
pub(crate) struct Window {
    kernel: Kernel,
    /// Positions in the text, `count` of them, and then as many that are nowhere as are looked at together.
    positions: [u32; ROOM + BLOCK],
    /// The byte at each position, zero at those that are nowhere. A fault can be zero as well, a token cannot.
    kinds: [u8; ROOM + BLOCK],
    count: usize,
    /// The position of the last token before those of the window.
    pub(super) last_of_before: usize,
    /// How much of the text has been looked at.
    scanned: usize,
    /// How far behind it memory is asked for.
    ahead: usize,
    carry: Carry,
    /// Whether what was looked at last had so many tokens that some of its blocks had many.
    is_dense: bool,
    /// Backslashes inside strings since they were last forgotten.
    pub(super) backslashes: Vec<u32>,
    /// The first control character inside a string, which makes that string a fault.
    pub(super) control: usize,
}

/// What one block has to know of the one before.
#[derive(Clone, Copy)]
struct Carry {
    /// All ones inside a string.
    in_string: u64,
    /// One where the first byte is escaped.
    escaped: u64,
    /// One where the last byte was no part of a number or word.
    apart: u64,
}

impl Carry {
    /// What there is to know where nothing stands before.
    const NOTHING: Self = Self { in_string: 0, escaped: 0, apart: 1 };
}

/// Where the tokens of one block are written.
pub(super) struct Room<'w> {
    pub(super) positions: &'w mut [u32; BLOCK],
    pub(super) kinds: &'w mut [u8; BLOCK],
}

impl Window {
    pub(super) fn new(kernel: Kernel) -> Self {
        Self {
            kernel,
            positions: [NOWHERE; ROOM + BLOCK],
            kinds: [0; ROOM + BLOCK],
            count: 0,
            last_of_before: 0,
            scanned: 0,
            ahead: FETCHED,
            carry: Carry::NOTHING,
            is_dense: false,
            backslashes: Vec::new(),
            control: usize::MAX,
        }
    }

    /// Begins anew at a token, to which nothing is carried over.
    pub(super) fn start_at(&mut self, at: usize) {
        self.count = 0;
        self.end_tokens();
        self.scanned = at;
        self.carry = Carry::NOTHING;
        self.backslashes.clear();
        self.control = usize::MAX;
    }

    /// Forgets the backslashes, and gives back the room for more than so many.
    pub(super) fn shrink_to(&mut self, most: usize) {
        self.backslashes.clear();
        self.backslashes.shrink_to(most);
    }

    /// An empty window for the same processor.
    pub(super) fn empty(&self) -> Self {
        Self::new(self.kernel)
    }

    /// Becomes empty, and goes on behind another window, of whose backslashes so many have been passed.
    pub(super) fn follow(&mut self, before: &Self, passed_backslashes: usize) {
        let last = before.count.checked_sub(1).map(|last| before.positions[last % ROOM] as usize);
        self.last_of_before = last.unwrap_or(before.last_of_before);
        (self.count, self.scanned, self.carry) = (0, before.scanned, before.carry);
        self.control = before.control;
        self.backslashes.clear();
        self.backslashes.extend_from_slice(&before.backslashes[passed_backslashes..]);
    }

    /// The position of a token of the window.
    #[inline(always)]
    pub(super) fn position(&self, number: usize) -> Option<usize> {
        match self.positions[number % ROOM] {
            NOWHERE => None,
            at => Some(at as usize),
        }
    }

    /// The positions of a token of the window and of those after it; behind the last of the window, [`NOWHERE`].
    #[inline(always)]
    pub(super) fn positions<const N: usize>(&self, number: usize) -> [u32; N] {
        const { assert!(N <= AHEAD) };
        std::array::from_fn(|ahead| self.positions[number % ROOM + ahead])
    }

    /// The bytes at a token of the window and at those after it; behind the last of the window, zero.
    #[inline(always)]
    pub(super) fn kinds<const N: usize>(&self, number: usize) -> [u8; N] {
        const { assert!(N <= AHEAD) };
        std::array::from_fn(|ahead| self.kinds[number % ROOM + ahead])
    }

    /// The byte at a token of the window; zero at none.
    #[inline(always)]
    pub(super) fn kind(&self, number: usize) -> u8 {
        self.kinds[number % ROOM]
    }

    /// The bytes at the tokens of the window from one on; behind the last, at least one of zero.
    pub(super) fn kinds_from(&self, number: usize) -> &[u8] {
        &self.kinds[number % ROOM..]
    }

    /// The bytes and positions of the tokens of the window from one on, and of fewer than [`AHEAD`] that are none.
    pub(super) fn tokens_from(&self, number: usize) -> (&[u8], &[u32]) {
        let end = number.max(self.count) + AHEAD;
        (&self.kinds[number..end], &self.positions[number..end])
    }

    /// The bytes and positions of some tokens of the window.
    pub(super) fn tokens(&self, numbers: Range<usize>) -> (&[u8], &[u32]) {
        (&self.kinds[numbers.clone()], &self.positions[numbers])
    }

    /// Whether no string of some tokens holds a backslash.
    pub(super) fn is_plain(&self, numbers: Range<usize>) -> bool {
        let ends = |ends: (&u32, &u32)| self.next_backslash(*ends.0) > *ends.1;
        let positions = &self.positions[numbers];
        positions.first().zip(positions.last()).is_none_or(ends)
    }

    /// The first backslash inside strings that stands behind a position, [`NOWHERE`] where none does.
    pub(super) fn next_backslash(&self, position: u32) -> u32 {
        let passed = self.backslashes.partition_point(|at| *at <= position);
        self.backslashes.get(passed).copied().unwrap_or(NOWHERE)
    }

    /// How much of the text has been looked at.
    pub(super) fn scanned(&self) -> usize {
        self.scanned
    }

    /// Whether the text is dense, as far as is known.
    #[inline(always)]
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "all processors but one take dense text as any other")
    )]
    pub(super) fn is_dense(&self) -> bool {
        self.is_dense
    }

    /// Of some tokens the first that begins a string which holds a backslash, their end where none begins and ends among them.
    pub(super) fn first_escaped(&self, tokens: Range<usize>) -> usize {
        let Some(positions @ [first, ..]) = self.positions.get(tokens.clone()) else { return tokens.end };
        let backslash = self.next_backslash(*first);
        let before = match backslash {
            NOWHERE => positions.len(),
            _ => positions.partition_point(|at| *at < backslash),
        };
        match before < positions.len() {
            true => tokens.start + before.saturating_sub(1),
            false => tokens.end,
        }
    }

    /// Puts a byte in the place of that of a token, or of what is behind the last; which it was.
    pub(super) fn replace_kind(&mut self, number: usize, kind: u8) -> u8 {
        std::mem::replace(&mut self.kinds[number % ROOM], kind)
    }

    /// How many tokens the window has.
    #[cfg(feature = "stages")]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Finds the tokens of the next window that has any; none are left when it has none. What is not UTF-8 has none, nor
    /// has what follows it.
    pub(super) fn fill(&mut self, body: &mut Body<'_>) {
        if let Some(last) = self.count.checked_sub(1) {
            self.last_of_before = self.positions[last % ROOM] as usize;
        }
        self.count = 0;
        self.ahead = body.ahead();
        let length = body.bytes().len();
        while self.count == 0 && self.scanned < length {
            let start = self.scanned;
            let is_utf8 = self.kernel.scan(body, start, length.min(start + WINDOW), self);
            // White space behind the end was looked at as well.
            self.scanned = self.scanned.min(length);
            self.is_dense = self.count * DENSE > self.scanned - start;
            if !is_utf8 {
                (self.count, self.scanned) = (0, length);
            }
        }
        self.end_tokens();
    }

    fn end_tokens(&mut self) {
        self.positions[self.count..self.count + AHEAD].fill(NOWHERE);
        self.kinds[self.count..self.count + AHEAD].fill(0);
    }

    /// Finds the tokens of blocks, as many as there is room for. `parity` says of each bit whether an odd number of bits is
    /// set up to and with it; `write` writes the tokens of a block, what follows the last being overwritten or never read.
    /// Inlined into each kernel, to be compiled for its processor.
    #[inline(always)]
    pub(super) fn find_tokens(
        &mut self,
        blocks: &[[u8; BLOCK]],
        mut classify: impl FnMut(&[u8; BLOCK]) -> Classes,
        parity: impl Fn(u64) -> u64,
        mut write: impl FnMut(u64, &[u8; BLOCK], u32, Room<'_>),
    ) {
        // Kept here rather than in the window, so that they stay in registers.
        let (mut scanned, mut count, mut carry) = (self.scanned, self.count, self.carry);
        let ahead = self.ahead;
        for block in blocks {
            if count > MOST {
                break;
            }
            // What is read next comes from memory while this is.
            fetch_behind(block, ahead);
            let Classes { quote, structural, whitespace, odd } = classify(block);
            let mut quotes = quote;
            // From each opening quote up to its closing quote, that one left out.
            let mut strings = parity(quotes) ^ carry.in_string;
            // Up to the first backslash of a string that is so; one outside of strings is a fault, whatever follows it.
            if (odd & strings) | carry.escaped != 0 {
                let backslashes = backslashes(block);
                quotes = quote & !escaped(backslashes, &mut carry.escaped);
                strings = parity(quotes) ^ carry.in_string;
                self.note_oddities(scanned, odd & !backslashes & strings, backslashes & strings);
            }
            carry.in_string = 0u64.wrapping_sub(strings >> 63);
            let apart = structural | whitespace | strings | quotes;
            let word_starts = !apart & (apart << 1).wrapping_add(carry.apart);
            carry.apart = apart >> 63;
            let tokens = (structural & !strings) | quotes | word_starts;
            write(tokens, block, scanned as u32, self.room(count));
            count += tokens.count_ones() as usize;
            scanned += BLOCK;
        }
        (self.scanned, self.count, self.carry) = (scanned, count, carry);
    }

    #[inline(always)]
    fn room(&mut self, count: usize) -> Room<'_> {
        let start = count % ROOM;
        let (positions, _) = self.positions[start..start + BLOCK].as_chunks_mut();
        let (kinds, _) = self.kinds[start..start + BLOCK].as_chunks_mut();
        Room { positions: &mut positions[0], kinds: &mut kinds[0] }
    }

    /// Notes control characters and backslashes inside the strings of the block at `start`.
    #[cold]
    fn note_oddities(&mut self, start: usize, control: u64, mut backslashes: u64) {
        if control != 0 {
            self.control = self.control.min(start + control.trailing_zeros() as usize);
        }
        while backslashes != 0 {
            self.backslashes.push(start as u32 + backslashes.trailing_zeros());
            backslashes &= backslashes - 1;
        }
    }
}

/// Which bytes of a block are backslashes.
#[cold]
fn backslashes(block: &[u8; BLOCK]) -> u64 {
    block.iter().rev().fold(0, |bits, byte| bits << 1 | u64::from(*byte == b'\\'))
}

/// Which bytes a backslash before them escapes; `carry` is one where the first byte is. Backslashes are rare enough to
/// be taken one by one.
#[cold]
pub(super) fn escaped(backslashes: u64, carry: &mut u64) -> u64 {
    let mut escaped = *carry;
    let mut rest = backslashes & !escaped;
    *carry = 0;
    while rest != 0 {
        let at = rest.trailing_zeros();
        if at == 63 {
            *carry = 1;
            break;
        }
        escaped |= 2 << at;
        rest &= !(3 << at);
    }
    escaped
}

/// Writes the tokens of the block at `start`, for [`Window::find_tokens`]: with instructions that every processor has.
#[inline(always)]
pub(super) fn write_tokens(mut tokens: u64, block: &[u8; BLOCK], start: u32, room: Room<'_>) {
    let (positions, _) = room.positions.as_chunks_mut::<2>();
    let (kinds, _) = room.kinds.as_chunks_mut::<2>();
    // With one byte more, for what is written behind the last token: that spares a comparison of each.
    let mut bytes = [0; BLOCK + 1];
    bytes[..BLOCK].copy_from_slice(block);
    // Two at a time, so that their end is looked for once.
    for (positions, kinds) in positions.iter_mut().zip(kinds) {
        if tokens == 0 {
            break;
        }
        for (position, kind) in positions.iter_mut().zip(kinds) {
            let at = tokens.trailing_zeros();
            *position = start.wrapping_add(at);
            *kind = bytes[at as usize];
            tokens &= tokens.wrapping_sub(1);
        }
    }
}

/// [`Window::find_tokens`] needs it: in shifts, for processors without an instruction that does it.
#[inline(always)]
pub(super) fn parity_by_shifts(mut bits: u64) -> u64 {
    for step in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << step;
    }
    bits
}
