//! Where the text of the record lives while it is being normalised.
//!
//! A body held whole is borrowed: a [`Text`] is then a position in it and costs no copy. A body fed in chunks
//! is gone once an entry has been read, so what is kept of it is copied. Unescaped strings are copied always.

use std::ops::Range;

use bedside_model::Day;

use crate::words::{self, Word};

/// A kept piece of text, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Text {
    start: u32,
    length: u32,
}

/// A range of one of the pools of [`Collected`](crate::collected::Collected).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) length: u32,
}

/// The days that a date may mean, `None` for one that cannot be read or is absent.
pub(crate) type Interval = Option<(Day, Day)>;

impl Text {
    pub(crate) const NONE: Self = Self { start: u32::MAX, length: 0 };

    /// A text that is known beforehand.
    #[inline]
    pub(crate) fn known(text: &[u8]) -> Option<Self> {
        let place = words::known(text)?;
        Some(Self { start: u32::MAX - 1 - place as u32, length: text.len() as u32 })
    }

    /// As one number, which a function gives back in a register: two in memory would be waited for by whoever copies them as one.
    #[inline(always)]
    pub(crate) fn packed(self) -> u64 {
        u64::from(self.start) | u64::from(self.length) << u32::BITS
    }

    /// The text that is packed in a number.
    #[inline(always)]
    pub(crate) fn unpacked(packed: u64) -> Self {
        Self { start: packed as u32, length: (packed >> u32::BITS) as u32 }
    }

    pub(crate) fn is_none(self) -> bool {
        self.start == u32::MAX
    }

    pub(crate) fn is_some(self) -> bool {
        self.start != u32::MAX
    }

    /// Its place among the texts known beforehand, beyond them where it is none of them.
    #[inline]
    fn known_place(self) -> usize {
        (u32::MAX - 1).wrapping_sub(self.start) as usize
    }

    /// Where it stands in the body, or in what is kept of it, where it is no copy.
    pub(crate) fn place_in_body(self) -> Option<Range<usize>> {
        let start = self.start as usize;
        (self.start & COPIED == 0).then_some(start..start + self.length())
    }

    /// Its last bytes.
    pub(crate) fn last(self, bytes: usize) -> Self {
        Self { start: self.start + self.length - bytes as u32, length: bytes as u32 }
    }

    /// So many bytes of it from one on.
    pub(crate) fn part(self, start: usize, bytes: usize) -> Self {
        Self { start: self.start + start as u32, length: bytes as u32 }
    }

    /// The same text with so many bytes more that stand before it.
    pub(crate) fn with_before(self, bytes: usize) -> Self {
        Self { start: self.start - bytes as u32, length: self.length + bytes as u32 }
    }

    /// How many bytes it has.
    pub(crate) fn length(self) -> usize {
        self.length as usize
    }

    /// Whether there is no character of it.
    pub(crate) fn is_empty(self) -> bool {
        self.length == 0
    }

    /// Keeps what is there already: of what may come once and comes again, the first counts (contract, settled
    /// cases).
    pub(crate) fn keep_first(&mut self, later: Self) {
        *self = self.or(later);
    }

    /// This text, or another where this is none.
    pub(crate) fn or(self, other: Self) -> Self {
        if self.is_some() { self } else { other }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::NONE
    }
}

impl Span {
    /// What a pool has gained since it was `start` long.
    pub(crate) fn since<T>(start: usize, pool: &[T]) -> Self {
        Self { start: start as u32, length: (pool.len() - start) as u32 }
    }

    /// The span's part of its pool.
    pub(crate) fn of<T>(self, pool: &[T]) -> &[T] {
        &pool[self.start as usize..(self.start + self.length) as usize]
    }
}

/// Where a phrase of two or more letters of ASCII stands in a text, whatever the case of either.
pub(crate) fn find_ignoring_case(text: &[u8], phrase: &str) -> Option<usize> {
    // Nearly every place is no beginning of it, which its first two letters tell.
    let letters = |bytes: &[u8; 2]| u16::from_le_bytes(*bytes) | 0x2020;
    let start = letters(phrase.as_bytes().first_chunk()?);
    let is_phrase = |bytes: &[u8]| {
        bytes.first_chunk().is_some_and(|first| letters(first) == start)
            && bytes.eq_ignore_ascii_case(phrase.as_bytes())
    };
    text.windows(phrase.len()).position(is_phrase)
}

/// Whether a text starts with some ASCII, whatever the case of either.
pub(crate) fn starts_ignoring_case(text: &[u8], start: &str) -> bool {
    let beginning = text.get(..start.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(start.as_bytes()))
}

/// Marks a position in the copies, as opposed to one in the body.
const COPIED: u32 = 1 << 31;

/// The last position in the copies. Those behind it are of texts known beforehand, counted down to that of no text.
const LAST_COPY: u32 = u32::MAX - 256;

/// Up to so many bytes what is kept of a body in pieces moves to four times the room when it has none left.
const MOST_ROOM: usize = 4 << 20;

/// The body, where it is whole, else what is kept of it; and the copies.
pub(crate) struct Store<'a> {
    body: &'a [u8],
    /// The body, once all of it is known to be UTF-8.
    text: &'a str,
    borrows: bool,
    kept: String,
    copies: String,
}

impl<'a> Store<'a> {
    /// A store that borrows from a whole body of less than 2 GiB.
    pub(crate) fn borrowing(body: &'a [u8]) -> Self {
        Self { body, text: "", borrows: true, kept: String::new(), copies: String::new() }
    }

    /// A store that copies what it keeps.
    pub(crate) fn copying() -> Self {
        Self { body: &[], text: "", borrows: false, kept: String::new(), copies: String::new() }
    }

    /// A text that stands unescaped at a byte offset of the body; nothing where the body will be gone.
    #[inline(always)]
    pub(crate) fn borrow(&self, offset: usize, length: u32) -> Option<Text> {
        self.borrows.then_some(Text { start: offset as u32, length })
    }

    /// Keeps a text of a body in pieces: apart from the copies, so that the addresses among those stand side by side.
    pub(crate) fn keep(&mut self, text: &str) -> Text {
        let start = self.kept.len() as u32;
        if text.len() > self.kept.capacity() - self.kept.len() {
            self.make_room(text.len());
        }
        self.kept.push_str(text);
        Text { start, length: text.len() as u32 }
    }

    /// Makes room for what is kept. All of it moves each time, into memory that is new from the system, which takes longer than
    /// reading what is kept.
    #[cold]
    fn make_room(&mut self, bytes: usize) {
        let room = (3 * self.kept.capacity()).min(MOST_ROOM - MOST_ROOM.min(self.kept.capacity()));
        self.kept.reserve(room.max(bytes));
    }

    /// Keeps a copy of a text.
    pub(crate) fn copy(&mut self, text: &str) -> Text {
        let start = self.copies.len() as u32 | COPIED;
        self.copies.push_str(text);
        Text { start, length: text.len() as u32 }
    }

    /// Keeps texts as they are, all as one.
    pub(crate) fn adopt(&mut self, texts: String) -> Text {
        let start = self.copies.len() as u32 | COPIED;
        let length = texts.len() as u32;
        if self.copies.is_empty() {
            self.copies = texts;
        } else {
            self.copies.push_str(&texts);
        }
        Text { start, length }
    }

    /// Takes in that the body is UTF-8.
    pub(crate) fn know(&mut self, text: &'a str) {
        self.text = text;
    }

    /// How long the body is, as far as it is known.
    pub(crate) fn body_length(&self) -> usize {
        self.body.len()
    }

    /// Gives back the room that the copies took and do not need.
    pub(crate) fn trim(&mut self) {
        self.kept.shrink_to_fit();
        self.copies.shrink_to_fit();
    }

    /// The kept text.
    #[inline]
    pub(crate) fn get(&self, text: Text) -> Option<&str> {
        if text.is_none() {
            return None;
        }
        let (from, start) = self.place(text);
        match from.get(start..start + text.length as usize) {
            Some(text) => Some(text),
            None => self.get_while_reading(text),
        }
    }

    /// As [`Store::get`], while it is not yet known of all the body that it is UTF-8: of what is kept it is.
    #[cold]
    fn get_while_reading(&self, text: Text) -> Option<&str> {
        str::from_utf8(self.bytes(text)?).ok()
    }

    /// The bytes of a kept text. Nothing is read of them, not even where a character ends: a column is told where all its
    /// texts are before the first is fetched from memory.
    #[inline]
    pub(crate) fn bytes(&self, text: Text) -> Option<&[u8]> {
        if text.is_none() {
            return None;
        }
        let (from, start) = match text.start & COPIED {
            0 if self.borrows => (self.body, text.start as usize),
            0 => (self.kept.as_bytes(), text.start as usize),
            _ => {
                let (from, start) = self.place(text);
                (from.as_bytes(), start)
            }
        };
        Some(&from[start..start + text.length as usize])
    }

    /// Where the bytes of kept texts are.
    pub(crate) fn kept_bytes(&self) -> KeptBytes<'_> {
        let sent = if self.borrows { self.body } else { self.kept.as_bytes() };
        KeptBytes { sent, copies: self.copies.as_bytes() }
    }

    /// The kept text, empty where there is none.
    #[inline]
    pub(crate) fn str(&self, text: Text) -> &str {
        self.get(text).unwrap_or_default()
    }

    /// What a text stands in, and where.
    fn place(&self, text: Text) -> (&str, usize) {
        match text.start & COPIED {
            0 if self.borrows => (self.text, text.start as usize),
            0 => (self.kept.as_str(), text.start as usize),
            _ if text.start > LAST_COPY => (words::text_at(text.known_place()), 0),
            _ => (self.copies.as_str(), (text.start & !COPIED) as usize),
        }
    }

    /// Whether the kept text is the system of SNOMED CT.
    #[inline]
    pub(crate) fn is_snomed(&self, system: Text) -> bool {
        match system.known_place() {
            words::SNOMED_PLACE => true,
            _ if system.is_none() => false,
            _ => self.code(system) == words::text_at(words::SNOMED_PLACE),
        }
    }

    /// The same text; where it is one of those known beforehand, without a place in the body, so that nobody has to go
    /// back there to compare it.
    #[inline]
    pub(crate) fn known(&self, text: Text) -> Text {
        self.bytes(text).and_then(Text::known).unwrap_or(text)
    }

    /// The kept word of an enumeration as it is compared: without white space around it and whatever its case
    /// (`coding` sheet, section 8).
    #[inline(always)]
    pub(crate) fn word(&self, text: Text) -> Word {
        Word::at(text.known_place()).unwrap_or_else(|| self.other_word(text))
    }

    #[inline(never)]
    fn other_word(&self, text: Text) -> Word {
        if text.is_none() { Word::Absent } else { Word::of(self.code(text)) }
    }

    /// Whether the kept text is a code, white space around it apart. One that is shorter is not looked into.
    #[inline]
    pub(crate) fn says(&self, text: Text, code: &str) -> bool {
        text.length() >= code.len() && self.code_bytes(text) == code.as_bytes()
    }

    /// The bytes of [`Store::code`], at hand while the body is being read.
    pub(crate) fn code_bytes(&self, text: Text) -> &[u8] {
        match self.bytes(text) {
            None => &[],
            Some(code) if is_trimmed(code) => code,
            Some(_) => self.code(text).as_bytes(),
        }
    }

    /// The kept text without white space around it, as codes are compared.
    pub(crate) fn code(&self, text: Text) -> &str {
        trimmed(self.str(text))
    }
}

/// Where the bytes of kept texts are, found out once for all of a column.
pub(crate) struct KeptBytes<'a> {
    sent: &'a [u8],
    copies: &'a [u8],
}

impl<'a> KeptBytes<'a> {
    /// The bytes of a text that is there.
    #[inline]
    pub(crate) fn of(&self, text: Text) -> &'a [u8] {
        let (from, start) = match text.start & COPIED {
            0 => (self.sent, text.start as usize),
            _ if text.start > LAST_COPY => (words::text_at(text.known_place()).as_bytes(), 0),
            _ => (self.copies, (text.start & !COPIED) as usize),
        };
        &from[start..start + text.length()]
    }

    /// The first bytes of a text and whatever stands behind them, where it was sent and there are so many: what is no text, or a
    /// copy, has its place far behind.
    #[inline(always)]
    pub(crate) fn beginning<const BYTES: usize>(&self, text: Text) -> Option<&'a [u8; BYTES]> {
        self.sent.get(text.start as usize..text.start as usize + BYTES)?.first_chunk()
    }
}

/// A text without white space around it.
pub(crate) fn trimmed(code: &str) -> &str {
    // Hardly any has white space around it, and looking for it character by character is dear.
    if is_trimmed(code.as_bytes()) { code } else { code.trim() }
}

/// Whether a text plainly has no white space around it.
#[inline]
fn is_trimmed(code: &[u8]) -> bool {
    code.first().is_none_or(u8::is_ascii_graphic) && code.last().is_none_or(u8::is_ascii_graphic)
}
