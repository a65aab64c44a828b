//! Where the tokens of a JSON text are, found a window at a time ahead of the cursor.
//!
//! A token is a bracket, brace, comma or colon outside strings, either quote of a string, or the first byte of
//! anything else that is not white space. White space and the insides of strings are passed over here, 64 bytes
//! at a time, and never looked at again.

use super::block::{BLOCK, Classes, classify};

/// Bytes of text whose tokens are found at once: they and their positions stay in the first cache.
const WINDOW: usize = 4096;

/// The tokens of the current window.
pub(crate) struct Tokens {
    /// Positions in the text, `count` of them; never shorter than a window and a block.
    positions: Vec<u32>,
    count: usize,
    next: usize,
    /// How much of the text has been looked at.
    scanned: usize,
    /// How often windows have changed: a place is only known within its own.
    window: u32,
    carry: Carry,
    /// Backslashes of strings that the cursor has not passed, and which of them is next.
    backslashes: Vec<u32>,
    next_backslash: usize,
    /// The first control character inside a string, which makes that string a fault.
    control: usize,
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

/// A place to come back to.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    next: usize,
    window: u32,
    next_backslash: usize,
    at: usize,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self {
            positions: Vec::new(),
            count: 0,
            next: 0,
            scanned: 0,
            window: 0,
            carry: Carry::default(),
            backslashes: Vec::new(),
            next_backslash: 0,
            control: usize::MAX,
        }
    }

    /// Begins a new text.
    pub(crate) fn restart(&mut self) {
        self.start_at(0);
    }

    /// The position of the next token, none at the end of the text.
    #[inline(always)]
    pub(crate) fn peek(&mut self, text: &[u8]) -> Option<usize> {
        if self.next < self.count {
            return Some(self.positions[self.next] as usize);
        }
        self.fill(text)
    }

    /// Passes the next token.
    #[inline]
    pub(crate) fn pass(&mut self) {
        self.next += 1;
    }

    /// Whether the string that ends at `end`, the cursor's last, holds a backslash; it is passed.
    #[inline]
    pub(crate) fn pass_backslashes(&mut self, end: usize) -> bool {
        let mut found = false;
        while let Some(at) = self.backslashes.get(self.next_backslash) {
            if *at as usize >= end {
                break;
            }
            self.next_backslash += 1;
            found = true;
        }
        found
    }

    /// Whether a string that ends at `end` may hold a control character: one stands before there.
    #[inline]
    pub(crate) fn control_before(&self, end: usize) -> bool {
        self.control < end
    }

    /// The place of the next token.
    pub(crate) fn place(&mut self, text: &[u8]) -> Place {
        let at = self.peek(text).unwrap_or(text.len());
        Place { next: self.next, window: self.window, next_backslash: self.next_backslash, at }
    }

    /// Goes back to a place.
    pub(crate) fn go_back(&mut self, place: Place) {
        if place.window == self.window {
            self.next = place.next;
            self.next_backslash = place.next_backslash;
            return;
        }
        // A token begins there, so nothing is carried over to it.
        self.start_at(place.at);
    }

    fn start_at(&mut self, at: usize) {
        self.scanned = at;
        self.count = 0;
        self.next = 0;
        self.window += 1;
        self.carry = Carry::default();
        self.backslashes.clear();
        self.next_backslash = 0;
        self.control = usize::MAX;
    }

    /// Finds the tokens of the next window that has any, and gives the first.
    #[cold]
    fn fill(&mut self, text: &[u8]) -> Option<usize> {
        self.backslashes.drain(..self.next_backslash);
        self.next_backslash = 0;
        self.positions.resize(WINDOW + BLOCK, 0);
        self.count = 0;
        self.next = 0;
        self.window += 1;
        while self.count == 0 && self.scanned < text.len() {
            self.scan_window(text);
        }
        (self.count > 0).then(|| self.positions[0] as usize)
    }

    fn scan_window(&mut self, text: &[u8]) {
        let end = (self.scanned + WINDOW).min(text.len());
        let (blocks, rest) = text[self.scanned..end].as_chunks::<BLOCK>();
        let mut classes = [Classes::default(); WINDOW / BLOCK];
        classify(blocks, &mut classes);
        for classes in &classes[..blocks.len()] {
            self.scan_block(classes);
        }
        if !rest.is_empty() {
            // A window is whole blocks, so this is the end of the text; white space adds no token to it.
            let mut last = [b' '; BLOCK];
            last[..rest.len()].copy_from_slice(rest);
            classify(&[last], &mut classes);
            self.scan_block(&classes[0]);
            self.scanned = end;
        }
    }

    #[inline]
    fn scan_block(&mut self, classes: &Classes) {
        let escaped = self.escaped(classes.backslash);
        let quotes = classes.quote & !escaped;
        // From each opening quote up to its closing quote, that one left out.
        let strings = parity(quotes) ^ self.carry.in_string;
        self.carry.in_string = 0u64.wrapping_sub(strings >> 63);
        let words = !(classes.structural | classes.whitespace | strings | quotes);
        let word_starts = words & !(words << 1 | self.carry.word);
        self.carry.word = words >> 63;
        if (classes.control | classes.backslash) & strings != 0 {
            self.note_oddities(classes, strings);
        }
        self.push((classes.structural & !strings) | quotes | word_starts);
        self.scanned += BLOCK;
    }

    /// Which bytes a backslash before them escapes. Backslashes are rare enough to be taken one by one.
    #[inline]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        let mut escaped = self.carry.escaped;
        let mut rest = backslashes & !escaped;
        self.carry.escaped = 0;
        while rest != 0 {
            let at = rest.trailing_zeros();
            if at == 63 {
                self.carry.escaped = 1;
                break;
            }
            escaped |= 2 << at;
            rest &= !(3 << at);
        }
        escaped
    }

    #[cold]
    fn note_oddities(&mut self, classes: &Classes, strings: u64) {
        let control = classes.control & strings;
        if control != 0 {
            self.control = self.control.min(self.scanned + control.trailing_zeros() as usize);
        }
        let mut backslashes = classes.backslash & strings;
        while backslashes != 0 {
            self.backslashes.push(self.scanned as u32 + backslashes.trailing_zeros());
            backslashes &= backslashes - 1;
        }
    }

    #[inline]
    fn push(&mut self, mut tokens: u64) {
        let found = tokens.count_ones() as usize;
        let base = self.scanned as u32;
        let room = &mut self.positions[self.count..self.count + BLOCK];
        for position in room.iter_mut().take(found) {
            *position = base + tokens.trailing_zeros();
            tokens &= tokens.wrapping_sub(1);
        }
        self.count += found;
    }
}

/// Each bit says whether an odd number of bits is set up to and with it.
#[inline]
fn parity(mut bits: u64) -> u64 {
    for step in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << step;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &[u8]) -> Vec<usize> {
        let mut tokens = Tokens::new();
        let mut found = Vec::new();
        while let Some(at) = tokens.peek(text) {
            tokens.pass();
            found.push(at);
        }
        found
    }

    fn found_plainly(text: &[u8]) -> Vec<usize> {
        let (mut found, mut in_string, mut escaped, mut in_word) = (Vec::new(), false, false, false);
        for (at, byte) in text.iter().enumerate() {
            let was_escaped = escaped;
            escaped = *byte == b'\\' && !was_escaped;
            if *byte == b'"' && !was_escaped {
                found.push(at);
                in_string = !in_string;
                in_word = false;
            } else if !in_string {
                let apart = b" \n\r\t{}[],:".contains(byte);
                let token = if apart { b"{}[],:".contains(byte) } else { !in_word };
                found.extend(token.then_some(at));
                in_word = !apart;
            }
        }
        found
    }

    proptest! {
        #[test]
        fn tokens_are_those_of_a_byte_loop(text in "([ \n]{0,70}|[a\"\\\\:,{}\\[\\]1\t]{0,12}|\"[a-z]{0,90}\"){0,80}") {
            prop_assert_eq!(found(text.as_bytes()), found_plainly(text.as_bytes()));
        }
    }

    #[test]
    fn going_back_over_windows_finds_the_same_tokens() {
        let text = "[\"a\\n\", 1, {}]  ".repeat(WINDOW / 4);
        let text = text.as_bytes();
        let all = found_plainly(text);
        let mut tokens = Tokens::new();
        for far in [1, 50, 5000] {
            let place = tokens.place(text);
            for _ in 0..far {
                tokens.peek(text);
                tokens.pass();
            }
            tokens.go_back(place);
            assert_eq!(tokens.peek(text), Some(all[0]));
        }
        let rest: Vec<usize> = std::iter::from_fn(|| {
            let at = tokens.peek(text);
            tokens.pass();
            at
        })
        .collect();
        assert_eq!(rest, all);
    }
}
