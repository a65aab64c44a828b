mod leaf;
mod members;
mod own;
mod rest;
mod scalars;
mod shape;
mod skip;

use std::borrow::Cow;
use std::cell::Cell;
use std::hint::black_box;

pub(crate) use leaf::{LeafName, LeafString};
use members::UNCOUNTED;
pub(super) use members::{FIRST, NEXT, STRING};
pub(crate) use members::{Items, Members};
pub(crate) use shape::Shapes;

use super::canonical::Around;
use super::escape::unescaped;
use super::keys::Key;
use super::tokens::{Place, Tokens};
use super::window::WINDOW;
use super::{Body, Fault, FaultKind};
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

/// The working space of a cursor, handed from one to the next. It holds positions, the bytes of tokens and hashes, and no text.
pub(crate) struct Workspace {
    tokens: Tokens,
    keys: Vec<Key>,
}

/// How many keys or backslashes a thread keeps room for: more than any usual body needs.
const MOST_KEPT: usize = 1024;

/// Half as many bytes as the process may keep of what bundles gave back: the pools and tables of one of 35 MB take 6.
const KEPT_OF_HEAP: usize = 4 << 20;

thread_local! {
    /// A small bundle would pay for a new one with a thirtieth of its time.
    static KEPT: Cell<Option<Workspace>> = const { Cell::new(None) };
}

impl Workspace {
    /// The one that the thread kept, or a new one.
    pub(crate) fn of_thread() -> Self {
        KEPT.take().unwrap_or_else(Self::new)
    }

    /// A new one. Beside it a block is taken and given back, to which nothing is written: from then on glibc keeps what a bundle
    /// gives back, up to twice that block, for the next one. Until it has seen a block of more than 128 KiB it hands the top
    /// of the heap to the system after each, and has it cleared again.
    #[inline(never)]
    fn new() -> Self {
        drop(black_box(Vec::<u8>::with_capacity(KEPT_OF_HEAP)));
        Self { tokens: Tokens::new(), keys: Vec::new() }
    }

    /// Stays for the next bundle of the thread.
    pub(crate) fn keep(mut self) {
        self.keys.clear();
        self.keys.shrink_to(MOST_KEPT);
        self.tokens.shrink_to(MOST_KEPT);
        KEPT.set(Some(self));
    }
}

/// The cursor.
pub(crate) struct Cursor<'a> {
    body: Body<'a>,
    tokens: Tokens,
    /// How many more levels and values there may be.
    depth_left: u32,
    values_left: u32,
    /// The keys of all objects that are open.
    keys: Vec<Key>,
    limits: Limits,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of a text, `depth` levels and `values` values into its document.
    pub(crate) fn new(
        text: impl Into<Body<'a>>,
        depth: u32,
        values: u32,
        limits: Limits,
        mut workspace: Workspace,
    ) -> Self {
        workspace.tokens.restart(limits.string_bytes < WINDOW || limits.keys < UNCOUNTED);
        workspace.keys.clear();
        let Workspace { tokens, keys } = workspace;
        let depth_left = limits.depth.saturating_sub(depth);
        let values_left = limits.values.saturating_sub(values);
        let body = text.into();
        Self { body, tokens, depth_left, values_left, keys, limits }
    }

    /// Begins the hash of the value at the cursor by itself; what it is part of is for [`Cursor::end_hash`].
    pub(crate) fn begin_hash(&mut self) -> Around {
        self.tokens.begin_hash(&mut self.body)
    }

    /// The canonical hash of the value that was begun and has been passed.
    pub(crate) fn end_hash(&mut self, around: Around) -> u64 {
        self.tokens.end_hash(around, self.bytes())
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
        self.tokens.peek(&mut self.body)
    }

    /// The offset behind the object, array or string that was read last.
    pub(crate) fn end(&self) -> usize {
        self.tokens.last() + 1
    }

    /// Where the cursor is, to come back to with [`Cursor::restore`].
    pub(crate) fn checkpoint(&mut self) -> Checkpoint {
        let place = self.tokens.place(&mut self.body);
        Checkpoint {
            place,
            depth_left: self.depth_left,
            values_left: self.values_left,
            keys: self.keys.len(),
        }
    }

    /// Goes back, to read a value again in another way.
    pub(crate) fn restore(&mut self, checkpoint: Checkpoint) {
        self.tokens.go_back(checkpoint.place, self.bytes());
        self.depth_left = checkpoint.depth_left;
        self.values_left = checkpoint.values_left;
        self.keys.truncate(checkpoint.keys);
    }

    /// The bytes of the whole text.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.body.bytes()
    }

    /// As much of the text as is known to be UTF-8: all of it once [`Cursor::finish`] has found no fault, and what has been
    /// passed but for the end of a number or word.
    #[inline(always)]
    pub(crate) fn text(&self) -> &'a str {
        self.body.text()
    }

    /// The text between two offsets that has been passed.
    #[inline]
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a str {
        match self.text().get(start..end) {
            Some(text) => text,
            None => self.slice_of_word(start, end),
        }
    }

    /// A number or word that goes on behind what is known to be UTF-8: it is ASCII, or it would not have been passed.
    #[cold]
    fn slice_of_word(&self, start: usize, end: usize) -> &'a str {
        str::from_utf8(&self.bytes()[start..end]).unwrap_or_default()
    }

    /// A string or number as written.
    #[inline]
    pub(crate) fn written(&self, lexeme: Lexeme) -> &'a str {
        self.slice(lexeme.start as usize, lexeme.end as usize)
    }

    /// What stands at the cursor.
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> Result<Kind, Fault> {
        match self.kind() {
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
        self.kind() == byte
    }

    #[inline(always)]
    fn kind(&mut self) -> u8 {
        self.tokens.peek_kind(&mut self.body)
    }

    /// Nothing but white space may follow, and all must be UTF-8.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        let is_over = self.at() == self.bytes().len();
        if is_over && self.text().len() == self.bytes().len() {
            Ok(())
        } else {
            Err(self.fault(FaultKind::TrailingContent))
        }
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
        let is_end = self.at() == self.bytes().len();
        self.fault(if is_end { FaultKind::UnexpectedEnd } else { FaultKind::Unexpected(what) })
    }

    /// The byte at an offset; behind the text zero, which JSON has no place for either.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.bytes().get(at).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn count_value(&mut self) -> Result<(), Fault> {
        let (left, is_over) = self.values_left.overflowing_sub(1);
        self.values_left = left;
        if is_over {
            return Err(self.too_many_values());
        }
        Ok(())
    }

    #[cold]
    fn too_many_values(&mut self) -> Fault {
        self.values_left = 0;
        self.fault(FaultKind::TooManyValues(self.limits.values))
    }
}
