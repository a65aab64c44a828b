//! A forward cursor over JSON text that validates everything it passes, also what it skips: grammar, escapes,
//! surrogates, depth, duplicate keys and the caps of [`Limits`](crate::Limits). It builds no tree.

mod block;
mod canonical;
mod cursor;
mod escape;
mod keys;
mod seeds;
mod tokens;
mod window;

pub(crate) use block::Body;
pub(crate) use canonical::{Around, canonical_hash};
pub(crate) use cursor::{Cursor, Items, Kind, LeafName, LeafString, Lexeme, Members, Shapes, Workspace};
pub(crate) use seeds::{Beginning, Seeds};
#[cfg(feature = "stages")]
pub(crate) use tokens::count_tokens;

use std::fmt;

/// What is wrong with a text at one byte offset. In a box, so that the many results without a fault are small.
#[derive(Debug)]
pub(crate) struct Fault(Box<(usize, FaultKind)>);

impl Fault {
    #[cold]
    pub(crate) fn new(at: usize, kind: FaultKind) -> Self {
        Self(Box::new((at, kind)))
    }

    /// Byte offset in the text the cursor was given.
    pub(crate) fn at(&self) -> usize {
        self.0.0
    }

    pub(crate) fn kind(&self) -> FaultKind {
        self.0.1
    }
}

/// The closed list of reasons to refuse a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    UnexpectedEnd,
    Unexpected(&'static str),
    ControlCharacter,
    Escape,
    LoneSurrogate,
    Number,
    DuplicateKey,
    TrailingContent,
    TooDeep(u32),
    StringTooLong(usize),
    NumberTooLong(usize),
    TooManyKeys(usize),
    TooManyValues(u32),
    TooManyEntries(u32),
    TooManyNodes(usize),
    TooMuchShared(usize),
    TooMuchRepeated,
    TooManyNotices(usize),
}

impl FaultKind {
    /// Whether a place in the text breaks a stated limit, as opposed to not being JSON.
    pub(crate) fn is_limit(self) -> bool {
        matches!(
            self,
            Self::TooDeep(_)
                | Self::StringTooLong(_)
                | Self::NumberTooLong(_)
                | Self::TooManyKeys(_)
                | Self::TooManyValues(_)
                | Self::TooManyEntries(_)
        )
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEnd => f.write_str("the text ends too early"),
            Self::Unexpected(expected) => write!(f, "{expected} expected"),
            Self::ControlCharacter => f.write_str("a control character inside a string must be escaped"),
            Self::Escape => f.write_str("this is not an escape of JSON"),
            Self::LoneSurrogate => f.write_str("half of a surrogate pair is no character"),
            Self::Number => f.write_str("this is not a number of JSON"),
            Self::DuplicateKey => f.write_str("the same key stands twice in one object"),
            Self::TrailingContent => f.write_str("nothing may follow the document"),
            Self::TooDeep(limit) => write!(f, "nested deeper than {limit} levels"),
            Self::StringTooLong(limit) => write!(f, "a string of more than {limit} bytes"),
            Self::NumberTooLong(limit) => write!(f, "a number of more than {limit} characters"),
            Self::TooManyKeys(limit) => write!(f, "an object of more than {limit} keys"),
            Self::TooManyValues(limit) => write!(f, "more than {limit} values"),
            Self::TooManyEntries(limit) => write!(f, "more than {limit} entries"),
            Self::TooMuchShared(limit) => {
                write!(f, "records that share problems or issues more than {limit} times")
            }
            Self::TooMuchRepeated => {
                f.write_str("a text that records repeat to many times the body's length")
            }
            Self::TooManyNotices(limit) => write!(f, "more than {limit} notices"),
            Self::TooManyNodes(limit) => write!(f, "consultations of more than {limit} parts"),
        }
    }
}
