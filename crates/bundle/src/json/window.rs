//! The tokens of one window of JSON text, found from what its blocks hold.

use super::block::{BLOCK, Classes, scan};

/// Bytes of text whose tokens are found at once: they and their positions stay in the first cache.
pub(crate) const WINDOW: usize = 4096;

/// How many tokens may be looked at together.
const AHEAD: usize = 8;

/// The position of no token.
const NOWHERE: u32 = u32::MAX;

/// The tokens of a window, and what the next window has to know of it.
pub(crate) struct Window {
    /// What each block holds. The classes go through memory on purpose: where they stay in registers the compiler
    /// takes the vectors apart byte by byte to combine them with what follows, at six times the instructions.
    pub(super) classes: [Classes; WINDOW / BLOCK],
    /// Positions in the text, `count` of them, and then as many that are nowhere as are looked at together.
    positions: [u32; WINDOW + AHEAD],
    count: usize,
    /// The position of the last token before those of the window.
    pub(super) last_of_before: usize,
    /// How much of the text has been looked at.
    scanned: usize,
    carry: Carry,
    /// Backslashes inside strings since they were last forgotten.
    pub(super) backslashes: Vec<u32>,
    /// The first control character inside a string, which makes that string a fault.
    pub(super) control: usize,
}

/// What one block has to know of the one before.
#[derive(Clone, Copy, Default)]
struct Carry {
    /// All ones inside a string.
    in_string: u64,
    /// One where the first byte is escaped.
    escaped: u64,
    /// One where the last byte was part of a number or word.
    word: u64,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            classes: [Classes::default(); WINDOW / BLOCK],
            positions: [NOWHERE; WINDOW + AHEAD],
            count: 0,
            last_of_before: 0,
            scanned: 0,
            carry: Carry::default(),
            backslashes: Vec::new(),
            control: usize::MAX,
        }
    }

    /// Begins anew at a token, to which nothing is carried over.
    pub(super) fn start_at(&mut self, at: usize) {
        self.count = 0;
        self.positions[..AHEAD].fill(NOWHERE);
        self.scanned = at;
        self.carry = Carry::default();
        self.backslashes.clear();
        self.control = usize::MAX;
    }

    /// The position of a token of the window.
    #[inline(always)]
    pub(super) fn position(&self, number: usize) -> Option<usize> {
        // The remainder spares a second comparison: a window has no more tokens than bytes.
        (number < self.count).then(|| self.positions[number % WINDOW] as usize)
    }

    /// The positions of a token of the window and of those after it; behind the last of the window, [`NOWHERE`].
    #[inline(always)]
    pub(super) fn positions<const N: usize>(&self, number: usize) -> Option<[u32; N]> {
        const { assert!(N <= AHEAD) };
        self.positions.get(number..).and_then(|rest| rest.first_chunk()).copied()
    }

    /// How many tokens the window has.
    #[cfg(feature = "stages")]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Finds the tokens of the next window that has any; none are left when it has none.
    pub(super) fn fill(&mut self, text: &[u8]) {
        if let Some(last) = self.count.checked_sub(1) {
            self.last_of_before = self.positions[last % WINDOW] as usize;
        }
        self.count = 0;
        while self.count == 0 && self.scanned < text.len() {
            let end = (self.scanned + WINDOW).min(text.len());
            let (blocks, rest) = text[self.scanned..end].as_chunks::<BLOCK>();
            scan(blocks, self);
            if !rest.is_empty() {
                // A window is whole blocks, so this is the end of the text; white space adds no token to it.
                let mut last = [b' '; BLOCK];
                last[..rest.len()].copy_from_slice(rest);
                scan(&[last], self);
                self.scanned = end;
            }
        }
        self.positions[self.count..self.count + AHEAD].fill(NOWHERE);
    }

    /// Finds the tokens of blocks that have been classified. `parity` says of each bit whether an odd number of
    /// bits is set up to and with it. Inlined into each kernel, to be compiled for its processor.
    #[inline(always)]
    pub(super) fn find_tokens(&mut self, blocks: usize, parity: impl Fn(u64) -> u64) {
        // Kept here rather than in the window, so that they stay in registers.
        let (mut scanned, mut count, mut carry) = (self.scanned, self.count, self.carry);
        for number in 0..blocks.min(WINDOW / BLOCK) {
            let Classes { quote, backslash, structural, whitespace, control } = self.classes[number];
            let escaped = match backslash | carry.escaped {
                0 => 0,
                _ => escaped(backslash, &mut carry.escaped),
            };
            let quotes = quote & !escaped;
            // From each opening quote up to its closing quote, that one left out.
            let strings = parity(quotes) ^ carry.in_string;
            carry.in_string = 0u64.wrapping_sub(strings >> 63);
            let words = !(structural | whitespace | strings | quotes);
            let word_starts = words & !(words << 1 | carry.word);
            carry.word = words >> 63;
            if (control | backslash) & strings != 0 {
                self.note_oddities(scanned, control & strings, backslash & strings);
            }
            let tokens = (structural & !strings) | quotes | word_starts;
            count += write_tokens(tokens, scanned as u32, &mut self.positions, count);
            scanned += BLOCK;
        }
        (self.scanned, self.count, self.carry) = (scanned, count, carry);
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

/// Writes the positions of the tokens of the block at `start`, and how many they are.
#[inline(always)]
fn write_tokens(mut tokens: u64, start: u32, positions: &mut [u32; WINDOW + AHEAD], count: usize) -> usize {
    let found = tokens.count_ones() as usize;
    let (room, _) = positions[count..count + BLOCK].as_chunks_mut::<4>();
    // Four at a time; what is written behind the last token is overwritten or never read.
    for four in &mut room[..found.div_ceil(4)] {
        for position in four {
            *position = start.wrapping_add(tokens.trailing_zeros());
            tokens &= tokens.wrapping_sub(1);
        }
    }
    found
}

/// [`Window::find_tokens`] needs it: in shifts, for processors without an instruction that does it.
#[inline(always)]
pub(super) fn parity_by_shifts(mut bits: u64) -> u64 {
    for step in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << step;
    }
    bits
}
