use std::fmt;

use crate::json::Fault;

/// Why bytes are not a readable bundle. One line, without a word of their content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Not JSON, or not UTF-8: truncated on the way, or another kind of document. Fetch again, or report it to
    /// the provider.
    #[error("not JSON: {what} at byte {offset}{entry}")]
    NotJson {
        /// What is wrong.
        what: String,
        /// Byte offset in the body.
        offset: usize,
        /// The entry in which it stands, where it is in one.
        entry: InEntry,
    },
    /// JSON that breaks a limit of [`Limits`](crate::Limits). Nothing of it is used.
    #[error("limit: {what} at byte {offset}{entry}")]
    Limit {
        /// Which limit.
        what: String,
        /// Byte offset in the body.
        offset: usize,
        /// The entry in which it stands, where it is in one.
        entry: InEntry,
    },
    /// A bundle whose parts are within every limit and whose record is not, because they refer to each other too
    /// often. Nothing of it is used.
    #[error("limit: {what}, in the record as a whole")]
    RecordTooLarge {
        /// Which limit.
        what: String,
    },
    /// The body is larger than [`Limits::body_bytes`](crate::Limits::body_bytes).
    #[error("limit: a body of more than {limit} bytes")]
    BodyTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// JSON of something else, such as an OperationOutcome.
    #[error("not a bundle: {what}")]
    NotABundle {
        /// What it is instead.
        what: String,
    },
}

/// The entry of a fault, which may be none; its `Display` begins with a comma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InEntry(pub Option<u32>);

impl fmt::Display for InEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(entry) => write!(f, ", in entry {entry}"),
            None => Ok(()),
        }
    }
}

impl BundleError {
    /// The error of a fault that stands at `base` bytes into the body.
    pub(crate) fn from_fault(fault: Fault, base: usize, entry: Option<u32>) -> Self {
        let (what, offset, entry) = (fault.kind().to_string(), base + fault.at(), InEntry(entry));
        if fault.kind().is_limit() {
            Self::Limit { what, offset, entry }
        } else {
            Self::NotJson { what, offset, entry }
        }
    }

    pub(crate) fn not_utf8(offset: usize) -> Self {
        Self::NotJson { what: "this is not UTF-8".into(), offset, entry: InEntry(None) }
    }
}
