use std::borrow::Cow;

use super::escape::{hex_value, unescaped};
use super::tokens::{Place, Tokens};
use super::{Fault, FaultKind};
use crate::Limits;

/// What kind of value stands at the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

/// A string or number as it stands in the text, between `start` and `end`, quotes excluded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lexeme {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) escaped: bool,
}

impl Lexeme {
    /// Length as written, in bytes.
    pub(crate) fn length(self) -> u32 {
        self.end - self.start
    }
}

/// An object being read: hand it back to [`Cursor::next_member`] until that gives nothing.
pub(crate) struct Members {
    first_key: usize,
    begun: bool,
    /// One bit for the fingerprint of each key so far: most keys are seen to be new by it.
    seen: u64,
}

/// An array being read: hand it back to [`Cursor::next_item`] until that says no.
pub(crate) struct Items {
    begun: bool,
}

/// A place that a cursor can come back to.
pub(crate) struct Checkpoint {
    place: Place,
    depth: u32,
    values: u32,
    keys: usize,
}

impl Checkpoint {
    /// The offset of the token that stood at the cursor.
    pub(crate) fn at(&self) -> usize {
        self.place.at()
    }
}

/// A key seen in an object that is still open.
struct Key {
    fingerprint: u64,
    lexeme: Lexeme,
}

/// The working space of a cursor, handed from one to the next.
pub(crate) struct Workspace {
    tokens: Tokens,
    keys: Vec<Key>,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        Self { tokens: Tokens::new(), keys: Vec::new() }
    }
}

/// The cursor.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    tokens: Tokens,
    /// Behind the last token passed.
    end: usize,
    depth: u32,
    values: u32,
    keys: Vec<Key>,
    limits: Limits,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `text`, `depth` levels and `values` values into its document.
    pub(crate) fn new(
        text: &'a str,
        depth: u32,
        values: u32,
        limits: Limits,
        mut workspace: Workspace,
    ) -> Self {
        workspace.tokens.restart();
        workspace.keys.clear();
        let Workspace { tokens, keys } = workspace;
        Self { text, tokens, end: 0, depth, values, keys, limits }
    }

    /// The working space, for the next cursor.
    pub(crate) fn into_workspace(self) -> Workspace {
        Workspace { tokens: self.tokens, keys: self.keys }
    }

    /// Values counted so far, those handed to [`Cursor::new`] included.
    pub(crate) fn values(&self) -> u32 {
        self.values
    }

    /// The offset of the next token, the end of the text where there is none.
    #[inline(always)]
    pub(crate) fn at(&mut self) -> usize {
        self.tokens.peek(self.text.as_bytes())
    }

    /// The offset behind what was read last.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Where the cursor is, to come back to with [`Cursor::restore`].
    pub(crate) fn checkpoint(&mut self) -> Checkpoint {
        let place = self.tokens.place(self.text.as_bytes());
        Checkpoint { place, depth: self.depth, values: self.values, keys: self.keys.len() }
    }

    /// Goes back, to read a value again in another way.
    pub(crate) fn restore(&mut self, checkpoint: Checkpoint) {
        self.tokens.go_back(checkpoint.place, self.text.as_bytes());
        self.depth = checkpoint.depth;
        self.values = checkpoint.values;
        self.keys.truncate(checkpoint.keys);
    }

    /// The text between two offsets.
    #[inline]
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a str {
        &self.text[start..end]
    }

    /// A string or number as written.
    #[inline]
    pub(crate) fn written(&self, lexeme: Lexeme) -> &'a str {
        self.slice(lexeme.start as usize, lexeme.end as usize)
    }

    /// What stands at the cursor.
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> Result<Kind, Fault> {
        let at = self.at();
        match self.byte(at) {
            b'{' => Ok(Kind::Object),
            b'[' => Ok(Kind::Array),
            b'"' => Ok(Kind::String),
            b'-' | b'0'..=b'9' => Ok(Kind::Number),
            b't' | b'f' => Ok(Kind::Boolean),
            b'n' => Ok(Kind::Null),
            _ => Err(self.unexpected(at, "a value")),
        }
    }

    /// Whether a string stands at the cursor.
    #[inline(always)]
    pub(crate) fn is_at_string(&mut self) -> bool {
        let at = self.at();
        self.byte(at) == b'"'
    }

    /// Enters the object at the cursor.
    #[inline(always)]
    pub(crate) fn enter_object(&mut self) -> Result<Members, Fault> {
        self.enter(b'{', "an object")?;
        Ok(Members { first_key: self.keys.len(), begun: false, seen: 0 })
    }

    /// The next key of the object, the cursor before its value; nothing at the end, the cursor behind it.
    #[inline(always)]
    pub(crate) fn next_member(&mut self, members: &mut Members) -> Result<Option<Lexeme>, Fault> {
        let (separator, passed, [before, open, close, colon]) = match members.begun {
            true => (b',', 4, self.tokens.ahead()),
            // The brace is passed already.
            false => (b'{', 3, self.tokens.ahead_of_last()),
        };
        let byte = self.byte_at(before);
        // Nearly always the tokens are at hand, and a key needs no second look.
        if byte == separator
            && self.byte_at(colon) == b':'
            && let Some(key) = self.plain_string(open, close)
        {
            self.tokens.pass(passed);
            members.begun = true;
            return self.remember_key(members, key).map(|()| Some(key));
        }
        if byte == b'}' {
            self.leave(before as usize);
            self.keys.truncate(members.first_key);
            return Ok(None);
        }
        self.any_next_member(members)
    }

    /// The string between two tokens, where the first is a quote and it needs no second look.
    #[inline(always)]
    fn plain_string(&self, open: u32, close: u32) -> Option<Lexeme> {
        let start = open.wrapping_add(1);
        // Nothing inside a string is a token, so the token after its opening quote is its closing quote.
        let plain = self.byte_at(open) == b'"'
            && !self.tokens.is_odd(close as usize)
            && (close.wrapping_sub(start) as usize) <= self.limits.string_bytes;
        plain.then_some(Lexeme { start, end: close, escaped: false })
    }

    #[inline(never)]
    fn any_next_member(&mut self, members: &mut Members) -> Result<Option<Lexeme>, Fault> {
        let Some(at) = self.advance(&mut members.begun, b'}', "a comma or the end of the object")? else {
            self.keys.truncate(members.first_key);
            return Ok(None);
        };
        let key = self.string_at(at)?;
        self.remember_key(members, key)?;
        self.expect(b':', "a colon")?;
        Ok(Some(key))
    }

    /// Enters the array at the cursor.
    #[inline(always)]
    pub(crate) fn enter_array(&mut self) -> Result<Items, Fault> {
        self.enter(b'[', "an array")?;
        Ok(Items { begun: false })
    }

    /// Whether another item follows, the cursor before it; the cursor is behind the array when not.
    #[inline(always)]
    pub(crate) fn next_item(&mut self, items: &mut Items) -> Result<bool, Fault> {
        Ok(self.advance(&mut items.begun, b']', "a comma or the end of the array")?.is_some())
    }

    /// Reads the string at the cursor.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Lexeme, Fault> {
        let [open, close] = self.tokens.ahead();
        match self.plain_string(open, close) {
            Some(lexeme) => {
                self.tokens.pass(2);
                self.end = close as usize + 1;
                Ok(lexeme)
            }
            None => {
                let at = self.at();
                self.string_at(at)
            }
        }
    }

    /// Reads the string at the cursor, which is at `at`.
    #[inline(never)]
    fn string_at(&mut self, at: usize) -> Result<Lexeme, Fault> {
        if self.byte(at) != b'"' {
            return Err(self.unexpected(at, "a string"));
        }
        self.tokens.pass(1);
        let start = at + 1;
        // Nothing inside a string is a token, so the next one is its closing quote.
        let end = self.at();
        let odd = self.tokens.is_odd(end) || end - start > self.limits.string_bytes;
        let escaped = odd && self.check_string(start, end)?;
        self.tokens.pass(1);
        self.end = end + 1;
        Ok(Lexeme { start: start as u32, end: end as u32, escaped })
    }

    /// Reads the number at the cursor.
    pub(crate) fn number(&mut self) -> Result<Lexeme, Fault> {
        let bytes = self.text.as_bytes();
        let start = self.at();
        let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
        at = match bytes.get(at) {
            Some(b'0') => at + 1,
            _ => self.digits(at)?,
        };
        if bytes.get(at) == Some(&b'.') {
            at = self.digits(at + 1)?;
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            at += 1;
            at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
            at = self.digits(at)?;
        }
        if at - start > self.limits.number_characters {
            return Err(Fault::new(at, FaultKind::NumberTooLong(self.limits.number_characters)));
        }
        self.end_word(start, at, FaultKind::Number)
    }

    /// Reads `true`, `false` or `null` at the cursor.
    pub(crate) fn literal(&mut self) -> Result<Lexeme, Fault> {
        let start = self.at();
        let rest = &self.text.as_bytes()[start..];
        let length = if rest.starts_with(b"true") || rest.starts_with(b"null") {
            4
        } else if rest.starts_with(b"false") {
            5
        } else {
            return Err(self.fault(FaultKind::Unexpected("a value")));
        };
        self.end_word(start, start + length, FaultKind::Unexpected("a value"))
    }

    /// Passes over the value at the cursor, validating all of it.
    #[inline(always)]
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
        if self.is_at_string() {
            return self.string_value().map(drop);
        }
        self.skip_other()
    }

    fn skip_other(&mut self) -> Result<(), Fault> {
        match self.peek()? {
            Kind::String => self.string_value().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::Boolean | Kind::Null => self.literal().map(drop),
            Kind::Object => {
                let mut members = self.enter_object()?;
                while self.next_member(&mut members)?.is_some() {
                    self.skip()?;
                }
                Ok(())
            }
            Kind::Array => {
                let mut items = self.enter_array()?;
                while self.next_item(&mut items)? {
                    self.skip()?;
                }
                Ok(())
            }
        }
    }

    /// Reads the string at the cursor as a value, which counts, where a key does not.
    #[inline(always)]
    pub(crate) fn string_value(&mut self) -> Result<Lexeme, Fault> {
        self.count_value()?;
        self.string()
    }

    /// Nothing but white space may follow.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        if self.at() == self.text.len() { Ok(()) } else { Err(self.fault(FaultKind::TrailingContent)) }
    }

    /// The characters of a string lexeme.
    #[inline(always)]
    pub(crate) fn unescape(&self, lexeme: Lexeme) -> Cow<'a, str> {
        let written = self.written(lexeme);
        if lexeme.escaped { Cow::Owned(unescaped(written)) } else { Cow::Borrowed(written) }
    }

    /// A fault at the cursor.
    #[cold]
    pub(crate) fn fault(&mut self, kind: FaultKind) -> Fault {
        Fault::new(self.at(), kind)
    }

    /// The fault of something else than `what` at an offset.
    #[cold]
    fn unexpected(&self, at: usize, what: &'static str) -> Fault {
        let kind = if at == self.text.len() { FaultKind::UnexpectedEnd } else { FaultKind::Unexpected(what) };
        Fault::new(at, kind)
    }

    /// The byte at an offset; behind the text zero, which JSON has no place for either.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn byte_at(&self, at: u32) -> u8 {
        self.byte(at as usize)
    }

    #[inline(always)]
    fn enter(&mut self, open: u8, what: &'static str) -> Result<(), Fault> {
        self.expect(open, what)?;
        if self.depth >= self.limits.depth {
            return Err(self.fault(FaultKind::TooDeep(self.limits.depth)));
        }
        self.depth += 1;
        self.count_value()
    }

    /// Passes a comma where one is due. Where something follows before `close`, the offset of that.
    #[inline(always)]
    fn advance(&mut self, begun: &mut bool, close: u8, what: &'static str) -> Result<Option<usize>, Fault> {
        let at = self.at();
        let byte = self.byte(at);
        if byte == close {
            self.leave(at);
            return Ok(None);
        }
        if !*begun {
            *begun = true;
            return Ok(Some(at));
        }
        if byte != b',' {
            return Err(self.unexpected(at, what));
        }
        self.tokens.pass(1);
        Ok(Some(self.at()))
    }

    /// Passes the end of an object or array.
    #[inline(always)]
    fn leave(&mut self, at: usize) {
        self.tokens.pass(1);
        self.end = at + 1;
        self.depth -= 1;
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Fault> {
        let at = self.at();
        if self.byte(at) != byte {
            return Err(self.unexpected(at, what));
        }
        self.tokens.pass(1);
        self.end = at + 1;
        Ok(())
    }

    #[inline(always)]
    fn count_value(&mut self) -> Result<(), Fault> {
        self.values += 1;
        if self.values > self.limits.values {
            return Err(self.fault(FaultKind::TooManyValues(self.limits.values)));
        }
        Ok(())
    }

    /// One or more digits from `at`; the offset behind them.
    fn digits(&self, at: usize) -> Result<usize, Fault> {
        let digits = self.text.as_bytes()[at.min(self.text.len())..].iter();
        match digits.take_while(|byte| byte.is_ascii_digit()).count() {
            0 => Err(Fault::new(at.min(self.text.len()), FaultKind::Number)),
            count => Ok(at + count),
        }
    }

    /// Ends a number or word that has been read up to `end`: nothing may be attached to it.
    #[inline]
    fn end_word(&mut self, start: usize, end: usize, kind: FaultKind) -> Result<Lexeme, Fault> {
        match self.text.as_bytes().get(end) {
            None | Some(b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' | b']' | b'}' | b'[' | b'{' | b'"') => {}
            Some(_) => return Err(Fault::new(end, kind)),
        }
        self.tokens.pass(1);
        self.end = end;
        self.count_value()?;
        Ok(Lexeme { start: start as u32, end: end as u32, escaped: false })
    }

    /// Checks the inside of a string that is escaped, too long or broken, byte by byte where it matters; whether it
    /// is escaped.
    #[cold]
    fn check_string(&mut self, start: usize, end: usize) -> Result<bool, Fault> {
        let bytes = self.text.as_bytes();
        let escaped = self.tokens.pass_backslashes(end, bytes);
        let longest = self.limits.string_bytes;
        let mut at = start;
        while at < end.min(start + longest + 1) {
            match bytes[at] {
                b'\\' => at += self.escape(at)?,
                0..=0x1F => return Err(Fault::new(at, FaultKind::ControlCharacter)),
                _ => at += 1,
            }
        }
        if end - start > longest {
            return Err(Fault::new(start + longest, FaultKind::StringTooLong(longest)));
        }
        if end == bytes.len() {
            return Err(Fault::new(end, FaultKind::UnexpectedEnd));
        }
        Ok(escaped)
    }

    /// The length of the escape that begins at `at`.
    fn escape(&self, at: usize) -> Result<usize, Fault> {
        let bytes = self.text.as_bytes();
        let lone = || Err(Fault::new(at, FaultKind::LoneSurrogate));
        match bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
            Some(b'u') => match self.hex(at, at + 2)? {
                0xD800..=0xDBFF if bytes.get(at + 6..at + 8) != Some(b"\\u") => lone(),
                0xD800..=0xDBFF => match self.hex(at, at + 8)? {
                    0xDC00..=0xDFFF => Ok(12),
                    _ => lone(),
                },
                0xDC00..=0xDFFF => lone(),
                _ => Ok(6),
            },
            Some(_) => Err(Fault::new(at, FaultKind::Escape)),
            None => Err(Fault::new(bytes.len(), FaultKind::UnexpectedEnd)),
        }
    }

    fn hex(&self, escape: usize, at: usize) -> Result<u32, Fault> {
        let Some(digits) = self.text.as_bytes().get(at..at + 4) else {
            return Err(Fault::new(self.text.len(), FaultKind::UnexpectedEnd));
        };
        hex_value(digits).ok_or_else(|| Fault::new(escape, FaultKind::Escape))
    }

    /// Refuses a key that its object already has. Keys are compared as characters, so an escaped spelling is the
    /// same key.
    #[inline(always)]
    fn remember_key(&mut self, members: &mut Members, lexeme: Lexeme) -> Result<(), Fault> {
        if lexeme.escaped {
            let fingerprint = fingerprint(self.unescape(lexeme).as_bytes());
            return self.remember(members, Key { fingerprint, lexeme });
        }
        let name = &self.text.as_bytes()[lexeme.start as usize..lexeme.end as usize];
        self.remember(members, Key { fingerprint: fingerprint(name), lexeme })
    }

    #[inline(always)]
    fn remember(&mut self, members: &mut Members, key: Key) -> Result<(), Fault> {
        let bit = 1 << (key.fingerprint.wrapping_mul(MULTIPLIER) >> 58);
        if members.seen & bit != 0 || self.keys.len() - members.first_key >= self.limits.keys {
            self.compare_key(members.first_key, &key)?;
        }
        members.seen |= bit;
        self.keys.push(key);
        Ok(())
    }

    /// Compares a key with those of its object.
    #[inline(never)]
    fn compare_key(&mut self, first_key: usize, key: &Key) -> Result<(), Fault> {
        let open = &self.keys[first_key..];
        let mut alike = open.iter().filter(|earlier| earlier.fingerprint == key.fingerprint);
        if alike.any(|earlier| self.unescape(earlier.lexeme) == self.unescape(key.lexeme)) {
            return Err(Fault::new(key.lexeme.start as usize, FaultKind::DuplicateKey));
        }
        if open.len() >= self.limits.keys {
            return Err(self.fault(FaultKind::TooManyKeys(self.limits.keys)));
        }
        Ok(())
    }
}

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// A number that differs for most different names. Short ones, which nearly all are, are their first and last
/// bytes and their length; a long one counts whole, or keys made alike at both ends would be compared in full.
#[inline(always)]
fn fingerprint(name: &[u8]) -> u64 {
    let length = name.len();
    if length > 16 {
        return long_fingerprint(name);
    }
    let (head, tail) = match (name.first_chunk(), name.last_chunk()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => match (name.first_chunk(), name.last_chunk()) {
            (Some(head), Some(tail)) => (u32::from_le_bytes(*head).into(), u32::from_le_bytes(*tail).into()),
            _ => (name.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
        },
    };
    head.wrapping_add(tail.rotate_left(31)) ^ (length as u64) << 56
}

fn long_fingerprint(name: &[u8]) -> u64 {
    let (words, rest) = name.as_chunks::<8>();
    let rest = rest.iter().fold(name.len() as u64, |word, byte| word << 8 | u64::from(*byte));
    let mix = |hash: u64, word: u64| (hash.rotate_left(29) ^ word).wrapping_mul(MULTIPLIER);
    words.iter().fold(mix(0, rest), |hash, word| mix(hash, u64::from_le_bytes(*word)))
}
