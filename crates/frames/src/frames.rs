use std::io::Cursor;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use bedside_cache::OpenEpisode;
use bedside_model::schema::Table;
use polars::prelude::{IntoLazy, IpcStreamReader, LazyFrame, PolarsError, SerReader};

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The table could not be written as an Arrow stream: a defect of this software.
    #[error("the table {} could not be handed over as an Arrow stream", .table.as_str())]
    Written {
        /// The table.
        table: Table,
        /// What Arrow says.
        source: ArrowError,
    },
    /// Polars does not read the stream: a defect of this software.
    #[error("Polars does not read the table {}", .table.as_str())]
    Read {
        /// The table.
        table: Table,
        /// What Polars says.
        source: PolarsError,
    },
    /// The record does not say what may be concluded of an area, so no view of it may be given.
    #[error("the record does not say what may be concluded of {area}, so there is no view of it")]
    NoCaveats {
        /// The area.
        area: &'static str,
    },
}

/// A table of the episode as a lazy frame: all columns, in the order of the bundle.
///
/// # Errors
/// [`FrameError::Written`] and [`FrameError::Read`].
pub fn table(episode: &OpenEpisode, table: Table) -> Result<LazyFrame, FrameError> {
    let stream = ipc_stream(episode.table(table)).map_err(|source| FrameError::Written { table, source })?;
    let frame = IpcStreamReader::new(Cursor::new(stream)).finish();
    Ok(frame.map_err(|source| FrameError::Read { table, source })?.lazy())
}

fn ipc_stream(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(batch)?;
    writer.into_inner()
}
