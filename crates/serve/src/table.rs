use std::error::Error;

use bedside_cache::OpenEpisode;
use bedside_model::EpisodeId;
use bedside_model::schema::Table;

/// How a table is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An Arrow IPC stream.
    Arrow,
    /// One JSON object.
    Json,
}

impl Format {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Json => "application/json",
        }
    }
}

/// Writes a table of an opened episode in a format, with what may be concluded of it: the rows alone must not leave.
/// Whoever shows records knows how, so that a table is the same over a socket and on the command line.
pub type WriteTable = fn(&EpisodeId, &OpenEpisode, Table, Format) -> Result<Vec<u8>, NotWritten>;

/// A table was opened and could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the table could not be written: {0}")]
pub struct NotWritten(#[source] pub Box<dyn Error + Send + Sync>);
