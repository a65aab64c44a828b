use std::borrow::Cow;

use super::escape::{hex_value, unescaped};
use super::keys::{Key, Seen};
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
    /// What stands before the next key: the brace, which is not passed before the first key is, or a comma.
    before: u8,
    first_key: usize,
    seen: Seen,
}

/// An array being read: hand it back to [`Cursor::next_item`] until that says no.
pub(crate) struct Items {
    begun: bool,
}

/// The string between two quotes that holds no escape.
#[inline(always)]
fn plain(open: u32, close: u32) -> Lexeme {
    Lexeme { start: open + 1, end: close, escaped: false }
}

/// A place that a cursor can come back to.
pub(crate) struct Checkpoint {
    place: Place,
    depth_left: u32,
    values_left: u32,
    keys: usize,
}

impl Checkpoint {
    /// The offset of the token that stood at the cursor.
    pub(crate) fn at(&self) -> usize {
        self.place.at()
    }
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
    /// How many more levels and values there may be.
    depth_left: u32,
    values_left: u32,
    /// The keys of all objects that are open.
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
        workspace.tokens.restart(limits.string_bytes);
        workspace.keys.clear();
        let Workspace { tokens, keys } = workspace;
        let depth_left = limits.depth.saturating_sub(depth);
        let values_left = limits.values.saturating_sub(values);
        Self { text, tokens, depth_left, values_left, keys, limits }
    }

    /// The working space, for the next cursor.
    pub(crate) fn into_workspace(self) -> Workspace {
        Workspace { tokens: self.tokens, keys: self.keys }
    }

    /// Values counted so far, those handed to [`Cursor::new`] included.
    pub(crate) fn values(&self) -> u32 {
        self.limits.values - self.values_left
    }

    /// The offset of the next token, the end of the text where there is none.
    #[inline(always)]
    pub(crate) fn at(&mut self) -> usize {
        self.tokens.peek(self.text.as_bytes())
    }

    /// The offset behind the object, array or string that was read last.
    pub(crate) fn end(&self) -> usize {
        self.tokens.last() + 1
    }

    /// Where the cursor is, to come back to with [`Cursor::restore`].
    pub(crate) fn checkpoint(&mut self) -> Checkpoint {
        let place = self.tokens.place(self.text.as_bytes());
        Checkpoint {
            place,
            depth_left: self.depth_left,
            values_left: self.values_left,
            keys: self.keys.len(),
        }
    }

    /// Goes back, to read a value again in another way.
    pub(crate) fn restore(&mut self, checkpoint: Checkpoint) {
        self.tokens.go_back(checkpoint.place, self.text.as_bytes());
        self.depth_left = checkpoint.depth_left;
        self.values_left = checkpoint.values_left;
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
            _ => Err(self.expected("a value")),
        }
    }

    /// Whether a byte stands at the cursor.
    #[inline(always)]
    pub(crate) fn is_at(&mut self, byte: u8) -> bool {
        let at = self.at();
        self.byte(at) == byte
    }

    /// Enters the object at the cursor.
    #[inline(always)]
    pub(crate) fn enter_object(&mut self) -> Result<Members, Fault> {
        match self.enter_object_if_there()? {
            Some(members) => Ok(members),
            None => Err(self.expected("an object")),
        }
    }

    /// Enters the object at the cursor, where one stands there.
    #[inline(always)]
    pub(crate) fn enter_object_if_there(&mut self) -> Result<Option<Members>, Fault> {
        if !self.is_at(b'{') {
            return Ok(None);
        }
        self.deepen()?;
        // The brace is passed with the first key.
        Ok(Some(Members { before: b'{', first_key: self.keys.len(), seen: Seen::default() }))
    }

    /// As [`Cursor::enter_object`] where its first member is a plain string under a name: enters, passes the member, and
    /// says what it is. Else the cursor stays.
    #[inline(always)]
    pub(crate) fn enter_object_with(&mut self, name: &str) -> Result<Option<(Members, Lexeme)>, Fault> {
        let Some([before, open, close, colon, value, value_end]) = self.tokens.ahead() else {
            return Ok(None);
        };
        let is_so = self.byte_at(before) == b'{'
            && self.byte_at(colon) == b':'
            && self.is_plain_string(open, close)
            && self.is_plain_string(value, value_end)
            && self.text.as_bytes()[open as usize + 1..close as usize] == *name.as_bytes();
        if !is_so {
            return Ok(None);
        }
        let mut members = self.enter_object()?;
        self.pass_key(&mut members, Key { start: open + 1, end: close })?;
        self.count_value()?;
        self.tokens.pass(2);
        Ok(Some((members, plain(value, value_end))))
    }

    /// The next key of the object, the cursor before its value; nothing at the end, the cursor behind it.
    #[inline(always)]
    pub(crate) fn next_member(&mut self, members: &mut Members) -> Result<Option<Lexeme>, Fault> {
        if let Some(key) = self.plain_key(members) {
            self.pass_key(members, key)?;
            return Ok(Some(Lexeme { start: key.start, end: key.end, escaped: false }));
        }
        match self.leave_if_over(members) {
            true => Ok(None),
            false => self.any_next_member(members),
        }
    }

    /// The next key of the object where its tokens are at hand and it needs no second look, as nearly always; it is
    /// for [`Cursor::pass_key`]. Nothing at the end or where [`Cursor::any_next_member`] has to look.
    #[inline(always)]
    pub(crate) fn plain_key(&self, members: &Members) -> Option<Key> {
        let [before, open, close, colon] = self.tokens.ahead()?;
        let is_plain = self.byte_at(before) == members.before
            && self.byte_at(colon) == b':'
            && self.is_plain_string(open, close);
        is_plain.then_some(Key { start: open.wrapping_add(1), end: close })
    }

    /// Passes the key that [`Cursor::plain_key`] has found.
    #[inline(always)]
    pub(crate) fn pass_key(&mut self, members: &mut Members, key: Key) -> Result<(), Fault> {
        let is_new = members.seen.is_new(key, self.text);
        self.remember_key(members, key, is_new)?;
        self.tokens.pass(4);
        Ok(())
    }

    /// Whether a string that needs no second look stands between two tokens that follow each other: nothing inside a
    /// string is a token, so that the one after its opening quote is its closing quote.
    #[inline(always)]
    fn is_plain_string(&self, open: u32, close: u32) -> bool {
        self.byte_at(open) == b'"' && !self.tokens.is_odd(close as usize)
    }

    /// As [`Cursor::next_member`], in any case.
    #[inline(never)]
    pub(crate) fn any_next_member(&mut self, members: &mut Members) -> Result<Option<Lexeme>, Fault> {
        if self.leave_if_over(members) {
            return Ok(None);
        }
        if !self.is_at(members.before) {
            return Err(self.expected("a comma or the end of the object"));
        }
        self.tokens.pass(1);
        if members.before == b'{' && self.leave_if_over(members) {
            return Ok(None);
        }
        let name = self.string()?;
        let key = Key { start: name.start, end: name.end };
        if name.escaped {
            members.seen.add_escaped();
        }
        let is_new = members.seen.is_new(key, self.text);
        self.remember_key(members, key, is_new)?;
        if !self.is_at(b':') {
            return Err(self.expected("a colon"));
        }
        self.tokens.pass(1);
        Ok(Some(name))
    }

    /// Enters the array at the cursor.
    #[inline(always)]
    pub(crate) fn enter_array(&mut self) -> Result<Items, Fault> {
        match self.enter_array_if_there()? {
            Some(items) => Ok(items),
            None => Err(self.expected("an array")),
        }
    }

    /// Enters the array at the cursor, where one stands there.
    #[inline(always)]
    pub(crate) fn enter_array_if_there(&mut self) -> Result<Option<Items>, Fault> {
        if !self.is_at(b'[') {
            return Ok(None);
        }
        self.deepen()?;
        self.tokens.pass(1);
        Ok(Some(Items { begun: false }))
    }

    /// Whether another item follows, the cursor before it; the cursor is behind the array when not.
    #[inline(always)]
    pub(crate) fn next_item(&mut self, items: &mut Items) -> Result<bool, Fault> {
        let at = self.at();
        let byte = self.byte(at);
        if byte == b']' {
            self.leave();
            return Ok(false);
        }
        if items.begun {
            if byte != b',' {
                return Err(self.expected("a comma or the end of the array"));
            }
            self.tokens.pass(1);
        }
        items.begun = true;
        Ok(true)
    }

    /// Reads the string at the cursor.
    #[inline(never)]
    pub(crate) fn string(&mut self) -> Result<Lexeme, Fault> {
        let at = self.at();
        if self.byte(at) != b'"' {
            return Err(self.expected("a string"));
        }
        self.tokens.pass(1);
        let start = at + 1;
        // Nothing inside a string is a token, so the next one is its closing quote.
        let end = self.at();
        let odd = self.tokens.is_odd(end) || end - start > self.limits.string_bytes;
        let escaped = odd && self.check_string(start, end)?;
        self.tokens.pass(1);
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
        match self.tokens.ahead() {
            Some([open, close]) if self.is_plain_string(open, close) => {
                self.count_value()?;
                self.tokens.pass(2);
                Ok(())
            }
            Some([first, _]) if self.byte_at(first) == b'{' => self.skip_object(),
            Some([first, _]) if self.byte_at(first) == b'[' => self.skip_array(),
            _ => self.skip_other(),
        }
    }

    #[inline(never)]
    fn skip_other(&mut self) -> Result<(), Fault> {
        match self.peek()? {
            Kind::String => self.string_value().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::Boolean | Kind::Null => self.literal().map(drop),
            Kind::Object => self.skip_object(),
            Kind::Array => self.skip_array(),
        }
    }

    fn skip_object(&mut self) -> Result<(), Fault> {
        let mut members = self.enter_object()?;
        self.pass_members(&mut members, |_| false).map(drop)
    }

    /// Passes over members of an object up to one whose key is wanted: that key, the cursor before its value. Nothing
    /// at the end, the cursor behind it.
    #[inline(always)]
    pub(crate) fn pass_members(
        &mut self,
        members: &mut Members,
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Lexeme>, Fault> {
        loop {
            if let Some(key) = self.plain_key(members) {
                self.pass_key(members, key)?;
                if is_wanted(&self.text.as_bytes()[key.start as usize..key.end as usize]) {
                    return Ok(Some(Lexeme { start: key.start, end: key.end, escaped: false }));
                }
                self.skip()?;
                continue;
            }
            if self.leave_if_over(members) {
                return Ok(None);
            }
            match self.any_next_member(members)? {
                Some(key) if is_wanted(self.unescape(key).as_bytes()) => return Ok(Some(key)),
                Some(_) => self.skip()?,
                None => return Ok(None),
            }
        }
    }

    fn skip_array(&mut self) -> Result<(), Fault> {
        let mut items = self.enter_array()?;
        while self.next_item(&mut items)? {
            self.skip()?;
        }
        Ok(())
    }

    /// Reads the string at the cursor as a value, which counts, where a key does not.
    pub(crate) fn string_value(&mut self) -> Result<Lexeme, Fault> {
        self.count_value()?;
        self.string()
    }

    /// As [`Cursor::string_value`], where the string is at hand and needs no second look; else the cursor stays.
    #[inline(always)]
    pub(crate) fn plain_string_value(&mut self) -> Result<Option<Lexeme>, Fault> {
        match self.tokens.ahead() {
            Some([open, close]) if self.is_plain_string(open, close) => {
                self.count_value()?;
                self.tokens.pass(2);
                Ok(Some(plain(open, close)))
            }
            _ => Ok(None),
        }
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

    /// The fault of something else than `what` at the cursor.
    #[cold]
    fn expected(&mut self, what: &'static str) -> Fault {
        let is_end = self.at() == self.text.len();
        self.fault(if is_end { FaultKind::UnexpectedEnd } else { FaultKind::Unexpected(what) })
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

    /// Counts the object or array at the cursor and the level in it.
    #[inline(always)]
    fn deepen(&mut self) -> Result<(), Fault> {
        let Some(left) = self.depth_left.checked_sub(1) else {
            return Err(self.fault(FaultKind::TooDeep(self.limits.depth)));
        };
        self.depth_left = left;
        self.count_value()
    }

    /// Leaves the object where its end is at the cursor.
    #[inline(always)]
    pub(crate) fn leave_if_over(&mut self, members: &Members) -> bool {
        let is_over = self.is_at(b'}');
        if is_over {
            self.leave();
            self.keys.truncate(members.first_key);
        }
        is_over
    }

    /// Passes the end of an object or array.
    #[inline(always)]
    fn leave(&mut self) {
        self.tokens.pass(1);
        self.depth_left += 1;
    }

    #[inline(always)]
    fn count_value(&mut self) -> Result<(), Fault> {
        match self.values_left.checked_sub(1) {
            Some(left) => {
                self.values_left = left;
                Ok(())
            }
            None => Err(self.fault(FaultKind::TooManyValues(self.limits.values))),
        }
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

    /// Refuses a key that its object already has.
    #[inline(always)]
    fn remember_key(&mut self, members: &mut Members, key: Key, is_new: bool) -> Result<(), Fault> {
        if !is_new || self.keys.len() - members.first_key >= self.limits.keys {
            self.compare_key(members, key)?;
        }
        members.before = b',';
        self.keys.push(key);
        Ok(())
    }

    /// Compares a key with those of its object.
    #[inline(never)]
    fn compare_key(&mut self, members: &Members, key: Key) -> Result<(), Fault> {
        let open = &self.keys[members.first_key..];
        if members.seen.has(key, open, self.text) {
            return Err(Fault::new(key.start as usize, FaultKind::DuplicateKey));
        }
        if open.len() >= self.limits.keys {
            return Err(self.fault(FaultKind::TooManyKeys(self.limits.keys)));
        }
        Ok(())
    }
}
