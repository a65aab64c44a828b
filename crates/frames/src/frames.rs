use std::io::Cursor;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use bedside_cache::OpenEpisode;
use bedside_model::schema::Table;
use polars::prelude::{
    DataFrame, IntoLazy, IpcStreamReader, IpcStreamWriter, LazyFrame, PolarsError, SerReader, SerWriter,
};

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
    /// The query of a view could not be run: a defect of this software.
    #[error("the query of the view could not be run")]
    Query(#[source] PolarsError),
    /// The rows of a view could not be brought back from Polars: a defect of this software.
    #[error("the rows of the view could not be handed over as Arrow")]
    Collected(#[source] ArrowError),
    /// The record does not say what may be concluded of an area, so no view of it may be given.
    #[error("the record does not say what may be concluded of {area}, so there is no view of it")]
    NoCaveats {
        /// The area.
        area: &'static str,
    },
    /// Only one generation of the episode is kept, so there is nothing to compare it with.
    #[error("no earlier generation of the episode is kept, so there is nothing to compare it with")]
    NoEarlierGeneration,
    /// The record has no consultation of that id: look for it in the table `consultations`.
    #[error("the record has no consultation of that id; the table consultations has them all")]
    NoSuchConsultation,
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

/// The same with a first column `row`, the row's number: a join may change the order.
pub(crate) fn numbered(episode: &OpenEpisode, of: Table) -> Result<LazyFrame, FrameError> {
    Ok(table(episode, of)?.with_row_index("row", None))
}

/// A frame as a record batch in the types of the record contract: Utf8 and List, where Polars writes LargeUtf8
/// and LargeList.
pub(crate) fn to_batch(mut frame: DataFrame) -> Result<RecordBatch, FrameError> {
    let mut stream = Vec::new();
    frame.rechunk_mut();
    IpcStreamWriter::new(&mut stream).finish(&mut frame).map_err(FrameError::Query)?;
    contract_batch(&stream).map_err(FrameError::Collected)
}

fn ipc_stream(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(batch)?;
    writer.into_inner()
}

fn contract_batch(stream: &[u8]) -> Result<RecordBatch, ArrowError> {
    let mut reader = StreamReader::try_new(stream, None)?;
    let fields: Vec<Field> = reader.schema().fields().iter().map(|field| contract_field(field)).collect();
    let contract = Arc::new(Schema::new(fields));
    // The frame is one chunk, so the stream is one batch, or none where there is no row.
    let Some(batch) = reader.next().transpose()? else {
        return Ok(RecordBatch::new_empty(contract));
    };
    let columns = batch.columns().iter().zip(contract.fields());
    let columns = columns.map(|(column, field)| arrow_cast::cast(column, field.data_type()));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(contract, columns)
}

fn contract_field(field: &Field) -> Field {
    Field::new(field.name(), contract_type(field.data_type()), field.is_nullable())
}

fn contract_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeList(item) | DataType::ListView(item) => {
            DataType::List(Arc::new(contract_field(item)))
        }
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| contract_field(field)).collect())
        }
        other => other.clone(),
    }
}
