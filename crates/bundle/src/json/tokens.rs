//! Where the tokens of a JSON text are, found a window at a time ahead of the cursor.
//!
//! A token is a bracket, brace, comma or colon outside strings, either quote of a string, or the first byte of
//! anything else that is not white space. White space and the insides of strings are passed over here, 64 bytes
//! at a time, and never looked at again.

use super::block::{Body, Kernel};
use super::canonical::{self, Around, Canonical};
use super::window::Window;

/// How many tokens [`Tokens::chunks_at_hand`] gives together.
pub(crate) const CHUNK: usize = 8;

/// The tokens of a text, those of one window at hand.
pub(crate) struct Tokens {
    window: Box<Window>,
    /// The window before this one or behind it, so that to go back, and on again, nothing has to be found twice.
    other: Option<Box<Window>>,
    is_other: Other,
    next: usize,
    /// The number of the window.
    windows: u32,
    /// Which backslash of a string that the cursor has not passed is next.
    next_backslash: usize,
    /// A string that ends here or later has to be looked at: something odd stands before, or the text ends.
    odd_from: usize,
    /// Whether a string within one window may be longer than strings may be, or keys have to be counted: then each has to be
    /// looked at.
    all_odd: bool,
    /// The hash of a value that is being passed, and the first token of the window that is not taken in.
    canonical: Canonical,
    unhashed: usize,
}

/// What the other window is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Other {
    /// Nothing that is needed, nor is the window at hand once it is passed.
    Nothing,
    /// Nothing, but somebody may come back to the window at hand.
    Wanted,
    /// The window of this number, which somebody may come back to.
    Before(u32),
    /// The next window.
    Next,
}

/// A place to come back to.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    next: usize,
    windows: u32,
    next_backslash: usize,
    at: usize,
    mark: canonical::Mark,
}

/// A place in a window.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    next: usize,
    windows: u32,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self::of(Kernel::fastest())
    }

    fn of(kernel: Kernel) -> Self {
        let window = Box::new(Window::new(kernel));
        let canonical = Canonical::new();
        Self {
            window,
            other: None,
            is_other: Other::Nothing,
            next: 0,
            windows: 0,
            next_backslash: 0,
            odd_from: 0,
            all_odd: false,
            canonical,
            unhashed: 0,
        }
    }

    /// Begins a new text. Where a string may have so few bytes, or an object so few keys, that a window holds more, each string has to be
    /// looked at.
    pub(crate) fn restart(&mut self, all_odd: bool) {
        self.all_odd = all_odd;
        self.canonical.restart();
        self.start_at(0);
    }

    /// Gives back the room for more backslashes than so many.
    pub(crate) fn shrink_to(&mut self, most: usize) {
        self.window.shrink_to(most);
        if let Some(other) = &mut self.other {
            other.shrink_to(most);
        }
    }

    /// Begins the hash of the value at the next token by itself.
    pub(crate) fn begin_hash(&mut self, body: &mut Body<'_>) -> Around {
        self.peek(body);
        self.hash_passed(body.bytes());
        self.canonical.begin()
    }

    /// The hash of the value that was begun and has been passed.
    pub(crate) fn end_hash(&mut self, around: Around, text: &[u8]) -> u64 {
        self.hash_passed(text);
        self.canonical.end(around)
    }

    /// Takes in what has been passed, while it is at hand.
    fn hash_passed(&mut self, text: &[u8]) {
        if self.canonical.is_begun() {
            self.canonical.take(&mut self.window, self.unhashed..self.next, text);
        }
        self.unhashed = self.next;
    }

    /// The position of the next token, the length of the text at its end.
    #[inline(always)]
    pub(crate) fn peek(&mut self, body: &mut Body<'_>) -> usize {
        match self.window.position(self.next) {
            Some(at) => at,
            None => self.fill(body),
        }
    }

    /// The byte at the next token, zero at the end of the text.
    #[inline(always)]
    pub(crate) fn peek_kind(&mut self, body: &mut Body<'_>) -> u8 {
        match self.window.kind(self.next) {
            0 => self.find_kind(body),
            kind => kind,
        }
    }

    #[cold]
    fn find_kind(&mut self, body: &mut Body<'_>) -> u8 {
        let at = self.peek(body);
        body.bytes().get(at).copied().unwrap_or_default()
    }

    /// The bytes at the next tokens, as far as they are at hand; zero for any other.
    #[inline(always)]
    pub(crate) fn kinds_ahead<const N: usize>(&self) -> [u8; N] {
        self.window.kinds(self.next)
    }

    /// The positions of the next tokens, as far as they are at hand; of any other, one that no text reaches.
    #[inline(always)]
    pub(crate) fn ahead<const N: usize>(&self) -> [u32; N] {
        self.window.positions(self.next)
    }

    /// The bytes at the tokens that follow the next `passed`, all of which are at hand, as [`Tokens::kinds_ahead`].
    #[inline(always)]
    pub(crate) fn kinds_behind<const N: usize>(&self, passed: usize) -> [u8; N] {
        self.window.kinds(self.next + passed)
    }

    /// The positions of the tokens that follow the next `passed`, all of which are at hand, as [`Tokens::ahead`].
    #[inline(always)]
    pub(crate) fn behind<const N: usize>(&self, passed: usize) -> [u32; N] {
        self.window.positions(self.next + passed)
    }

    /// The bytes of the next tokens that are at hand.
    pub(crate) fn kinds_at_hand(&self) -> &[u8] {
        self.window.kinds_from(self.next)
    }

    /// Some of the tokens that are at hand after the other, from the next on: their bytes, their positions and those of the
    /// tokens behind each of them. The last may be none.
    #[inline(always)]
    pub(crate) fn chunks_at_hand(
        &self,
    ) -> impl Iterator<Item = (&[u8; CHUNK], &[u32; CHUNK], &[u32; CHUNK])> {
        let (kinds, positions) = self.window.tokens_from(self.next);
        let behind = positions.get(1..).unwrap_or_default().as_chunks().0;
        let chunks = kinds.as_chunks().0.iter().zip(positions.as_chunks().0).zip(behind);
        chunks.map(|((kinds, positions), behind)| (kinds, positions, behind))
    }

    /// The place of the next token while its window is at hand.
    pub(crate) fn mark(&self) -> Mark {
        Mark { next: self.next, windows: self.windows }
    }

    /// The tokens that have been passed since, their bytes and their positions, if all are at hand and no string is escaped.
    pub(crate) fn passed_since(&self, mark: Mark) -> Option<(&[u8], &[u32])> {
        let is_at_hand = mark.windows == self.windows && self.window.is_plain(mark.next..self.next);
        is_at_hand.then(|| self.window.tokens(mark.next..self.next))
    }

    /// Goes back by some tokens of the window that have been passed and hold no escape.
    pub(crate) fn pass_back(&mut self, count: usize) {
        self.next -= count;
    }

    /// The position of the token that was passed last.
    pub(crate) fn last(&self) -> usize {
        let before = || self.window.last_of_before;
        self.next.checked_sub(1).and_then(|last| self.window.position(last)).unwrap_or_else(before)
    }

    /// Passes the next tokens.
    #[inline(always)]
    pub(crate) fn pass(&mut self, count: usize) {
        self.next += count;
    }

    /// Whether a string that ends at `end` may hold a backslash or a control character, may be longer than strings may
    /// be or may not end at all. One that is not odd is within a window.
    #[inline(always)]
    pub(crate) fn is_odd(&self, end: usize) -> bool {
        end >= self.odd_from
    }

    /// Whether the string that ends at `end`, the cursor's last, holds a backslash; it is passed.
    pub(crate) fn pass_backslashes(&mut self, end: usize, text: &[u8]) -> bool {
        let rest = &self.window.backslashes[self.next_backslash..];
        let passed = rest.iter().take_while(|at| (**at as usize) < end).count();
        self.next_backslash += passed;
        self.find_odd(text);
        passed > 0
    }

    /// The place of the next token.
    pub(crate) fn place(&mut self, body: &mut Body<'_>) -> Place {
        let at = self.peek(body);
        self.hash_passed(body.bytes());
        let mark = self.canonical.mark();
        if self.is_other != Other::Next {
            self.is_other = Other::Wanted;
        }
        Place { next: self.next, windows: self.windows, next_backslash: self.next_backslash, at, mark }
    }

    /// Goes back to a place.
    pub(crate) fn go_back(&mut self, place: Place, text: &[u8]) {
        self.canonical.go_back(place.mark);
        match self.is_other {
            Other::Before(number) if number == place.windows => {
                let is_next = self.windows == number + 1;
                self.is_other = if is_next { Other::Next } else { Other::Nothing };
                self.windows = number;
                self.swap();
            }
            _ if self.windows == place.windows => {}
            _ => return self.start_at(place.at),
        }
        (self.next, self.unhashed) = (place.next, place.next);
        self.next_backslash = place.next_backslash;
        self.find_odd(text);
    }

    fn start_at(&mut self, at: usize) {
        self.window.start_at(at);
        self.is_other = Other::Nothing;
        (self.next, self.unhashed) = (0, 0);
        self.windows += 1;
        self.next_backslash = 0;
        self.odd_from = 0;
    }

    #[cold]
    fn fill(&mut self, body: &mut Body<'_>) -> usize {
        self.hash_passed(body.bytes());
        match self.is_other {
            Other::Next => {
                self.is_other = Other::Before(self.windows);
                self.swap();
            }
            Other::Wanted => {
                self.is_other = Other::Before(self.windows);
                self.window_behind().fill(body);
            }
            Other::Nothing | Other::Before(_) => {
                self.window.backslashes.drain(..self.next_backslash);
                self.window.fill(body);
            }
        }
        (self.next, self.unhashed, self.next_backslash) = (0, 0, 0);
        self.windows += 1;
        self.find_odd(body.bytes());
        self.window.position(0).unwrap_or(body.bytes().len())
    }

    /// A window, to be filled, that goes on where this one ends. This one is the other now.
    fn window_behind(&mut self) -> &mut Window {
        let mut behind = self.other.take().unwrap_or_else(|| Box::new(self.window.empty()));
        behind.follow(&self.window, self.next_backslash);
        self.other = Some(std::mem::replace(&mut self.window, behind));
        &mut self.window
    }

    fn swap(&mut self) {
        if let Some(other) = &mut self.other {
            std::mem::swap(&mut self.window, other);
        }
    }

    fn find_odd(&mut self, text: &[u8]) {
        let backslash = self.window.backslashes.get(self.next_backslash);
        let backslash = backslash.map_or(usize::MAX, |at| *at as usize);
        self.odd_from = match self.all_odd {
            true => 0,
            false => text.len().min(backslash).min(self.window.control),
        };
    }
}

/// How many tokens a text has: the windows of a cursor are filled one after the other, and nothing is read.
#[cfg(feature = "stages")]
pub(crate) fn count_tokens(text: &[u8]) -> usize {
    let mut body = Body::from(text);
    let mut tokens = Tokens::new();
    let mut count = 0;
    while tokens.fill(&mut body) < text.len() {
        count += tokens.window.count();
        tokens.next_backslash = tokens.window.backslashes.len();
    }
    count
}

#[cfg(test)]
mod tests {
    use super::super::window::WINDOW;
    use super::*;
    use proptest::prelude::*;

    fn rest_of(tokens: &mut Tokens, text: &[u8]) -> Vec<usize> {
        let mut body = Body::from(text);
        let mut found = Vec::new();
        while tokens.peek(&mut body) < text.len() {
            let at = tokens.peek(&mut body);
            found.push(at);
            assert_eq!(tokens.peek_kind(&mut body), text[at]);
            tokens.pass(1);
        }
        found
    }

    /// All tokens up to an offset: the end, or a backslash outside of strings, which is a fault, so that any tokens will do
    /// behind it.
    fn found_plainly(text: &[u8]) -> (Vec<usize>, usize) {
        let (mut found, mut in_string, mut escaped, mut in_word) = (Vec::new(), false, false, false);
        for (at, byte) in text.iter().enumerate() {
            if *byte == b'\\' && !in_string {
                return (found, at);
            }
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
        (found, text.len())
    }

    proptest! {
        #[test]
        fn tokens_of_every_kernel_are_those_of_a_byte_loop(text in "([ \n]{0,70}|[a\":,{}\\[\\]1\t]{0,12}|\"([a-z]{0,40}\\\\{1,3}[\"n]){0,3}[a-z]{0,90}\"){0,80}") {
            let text = text.as_bytes();
            for kernel in Kernel::all() {
                let (plainly, end) = found_plainly(text);
                let mut found = rest_of(&mut Tokens::of(kernel), text);
                found.retain(|at| *at < end);
                prop_assert_eq!(found, plainly, "{:?}", kernel);
            }
        }
    }

    /// The values and punctuation that follow, so many of them, and of each string whether it holds a backslash.
    fn read_on(tokens: &mut Tokens, body: &mut Body<'_>, count: usize) -> Vec<(usize, bool)> {
        let mut found = Vec::new();
        while found.len() < count && tokens.peek(body) < body.bytes().len() {
            let at = tokens.peek(body);
            tokens.pass(1);
            let mut is_escaped = false;
            if body.bytes()[at] == b'"' {
                let end = tokens.peek(body);
                is_escaped = tokens.is_odd(end) && tokens.pass_backslashes(end, body.bytes());
                tokens.pass(1);
            }
            assert!(tokens.last() >= at);
            found.push((at, is_escaped));
        }
        found
    }

    proptest! {
        #[test]
        fn what_is_read_again_is_the_same(
            steps in prop::collection::vec((0usize..1500, 0usize..900, 0usize..900), 0..12),
            part in "(\\[|,|1 |\"[a-z]{0,9}\"|\"x{0,3}\\\\[n\"]\"| {0,90}){1,20}",
        ) {
            let text = part.repeat(30_000 / part.len().max(1));
            let (mut body, mut plainly) = (Body::from(text.as_bytes()), Body::from(text.as_bytes()));
            let all = read_on(&mut Tokens::new(), &mut plainly, usize::MAX);
            let (mut tokens, mut at) = (Tokens::new(), 0);
            for (ahead, again, on) in steps {
                let place = tokens.place(&mut body);
                for count in [ahead, again, ahead.min(again)] {
                    let found = read_on(&mut tokens, &mut body, count);
                    prop_assert_eq!(&found[..], &all[at..all.len().min(at + count)]);
                    tokens.go_back(place, body.bytes());
                }
                at += read_on(&mut tokens, &mut body, on).len();
            }
            prop_assert_eq!(read_on(&mut tokens, &mut body, usize::MAX), &all[at..]);
        }
    }

    #[test]
    fn going_back_over_windows_finds_the_same_tokens() {
        let text = "[\"a\\n\", 1, {}]  ".repeat(WINDOW / 4);
        let text = text.as_bytes();
        let (all, _) = found_plainly(text);
        let (mut tokens, mut body) = (Tokens::new(), Body::from(text));
        for far in [1, 50, 5000] {
            let place = tokens.place(&mut body);
            for _ in 0..far {
                tokens.peek(&mut body);
                tokens.pass(1);
            }
            tokens.go_back(place, text);
            assert_eq!(tokens.peek(&mut body), all[0]);
        }
        assert_eq!(rest_of(&mut tokens, text), all);
    }
}
