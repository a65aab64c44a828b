//! The stages of [`normalise`](crate::normalise()), for whoever measures them: the feature `stages`.
//!
//! [`observed`] is the way every record goes, told stage by stage; nothing is done twice or in another order for it.
//! Finding tokens has no end of its own on that way, since it runs ahead of the reading window by window; [`tokens`] is
//! that work alone. No clock is here: who observes has one.
#![cfg_attr(not(feature = "stages"), allow(unreachable_pub))]

#[cfg(feature = "stages")]
use std::cell::Cell;

use bedside_model::schema::Table;

#[cfg(feature = "stages")]
use crate::{BundleError, Options, Record, json};

/// A part of the way from bytes to the record, in this order but for the tables' own. What is left after the last is
/// accounting, and giving back what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Every entry has been read, and all JSON validated.
    Entries,
    /// Resources are told from those that repeat them, and found by type and id.
    Index,
    /// It is known which lists, problems and consultations name a record, and which requests belong together.
    Relations,
    /// A table is made.
    Table(Table),
}

#[cfg(feature = "stages")]
impl Stage {
    /// The name that measurements call it by: `entries`, `index`, `relations`, or the name of the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Index => "index",
            Self::Relations => "relations",
            Self::Table(table) => table.as_str(),
        }
    }
}

#[cfg(feature = "stages")]
thread_local! {
    static OBSERVER: Cell<Option<fn(Stage)>> = const { Cell::new(None) };
}

/// Normalises a bundle and tells each stage of it as it ends, on this thread.
///
/// # Errors
/// As [`normalise`](crate::normalise()); the stages that were reached have been told.
#[cfg(feature = "stages")]
pub fn observed(bytes: &[u8], options: &Options, ended: fn(Stage)) -> Result<Record, BundleError> {
    OBSERVER.set(Some(ended));
    let record = crate::normalise(bytes, options);
    OBSERVER.set(None);
    record
}

/// Finds the tokens of a text as the reading of entries does, window by window, and says how many there are.
#[cfg(feature = "stages")]
pub fn tokens(text: &str) -> usize {
    json::count_tokens(text.as_bytes())
}

/// Says that a stage has ended.
#[inline]
pub(crate) fn ended(stage: Stage) {
    #[cfg(feature = "stages")]
    if let Some(observer) = OBSERVER.get() {
        observer(stage);
    }
    #[cfg(not(feature = "stages"))]
    let _ = stage;
}
