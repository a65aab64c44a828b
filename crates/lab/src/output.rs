//! Writes the tables of a record as files in the clear: for test data and benchmarks, never for a patient.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_json::LineDelimitedWriter;
use arrow_json::writer::{LineDelimited, WriterBuilder};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

/// A format of table files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Parquet, compressed with Zstandard.
    Parquet,
    /// Arrow IPC file.
    Arrow,
    /// One JSON object a line, nulls written out.
    Ndjson,
}

impl Format {
    /// The ending of the format's files.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Ndjson => "ndjson",
        }
    }
}

/// Writes one table to `path`, with the manifest in its metadata where the format has any.
///
/// # Errors
/// When the file cannot be created or written.
pub fn write_table(path: &Path, batch: &RecordBatch, manifest: &str, format: Format) -> io::Result<()> {
    let file = BufWriter::new(File::create(path)?);
    match format {
        Format::Parquet => write_parquet(file, batch, manifest),
        Format::Arrow => write_arrow(file, batch, manifest),
        Format::Ndjson => write_ndjson(file, batch),
    }
}

/// The key under which every file carries its manifest.
const MANIFEST_KEY: &str = "manifest";

fn write_parquet(file: BufWriter<File>, batch: &RecordBatch, manifest: &str) -> io::Result<()> {
    let metadata = KeyValue::new(MANIFEST_KEY.to_owned(), manifest.to_owned());
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(vec![metadata]))
        .build();
    let mut writer =
        ArrowWriter::try_new(file, batch.schema(), Some(properties)).map_err(io::Error::other)?;
    writer.write(batch).map_err(io::Error::other)?;
    let mut file = writer.into_inner().map_err(io::Error::other)?;
    file.flush()
}

fn write_arrow(file: BufWriter<File>, batch: &RecordBatch, manifest: &str) -> io::Result<()> {
    let mut writer = FileWriter::try_new(file, &batch.schema()).map_err(io::Error::other)?;
    writer.write_metadata(MANIFEST_KEY, manifest);
    writer.write(batch).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    writer.into_inner().map_err(io::Error::other)?.flush()
}

fn write_ndjson(file: BufWriter<File>, batch: &RecordBatch) -> io::Result<()> {
    let mut writer: LineDelimitedWriter<_> =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(file);
    writer.write(batch).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    writer.into_inner().flush()
}
