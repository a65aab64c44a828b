//! A table as an encrypted Parquet file.

use arrow_array::RecordBatch;
use bedside_audit::Secret;
use bedside_audit::disk::{self, Disk};
use bedside_model::schema::Table;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::encryption::decrypt::FileDecryptionProperties;
use parquet::encryption::encrypt::FileEncryptionProperties;
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::error::{CacheError, Damage};
use crate::manifest::{self, SALT, TableFile};
use crate::tag::EpisodeTag;
use crate::{layout, seal};

/// The tables' files of one generation, which lie in one directory.
pub(crate) struct TableFiles<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) key: &'a Secret,
    pub(crate) tag: &'a EpisodeTag,
    pub(crate) generation: u64,
    pub(crate) directory: &'a str,
}

impl TableFiles<'_> {
    /// Seals a table into its file. The salt must be fresh.
    pub(crate) fn write(
        &self,
        table: Table,
        batch: &RecordBatch,
        record: &str,
        salt: [u8; SALT],
    ) -> Result<TableFile, CacheError> {
        let (key, binding) = self.key_and_binding(table, &salt);
        let bytes = encode(batch, &key, &binding, record).map_err(|_| CacheError::Seal(table.as_str()))?;
        self.disk.write_new(&layout::table(self.directory, table), &bytes)?;
        let (length, rows) = (bytes.len() as u64, batch.num_rows() as u64);
        Ok(TableFile { table, length, sha256: seal::sha256(&bytes), salt, rows })
    }

    /// Opens tables. Every file's length and hash are checked before a byte of any is parsed, the rows are
    /// counted after.
    pub(crate) fn read(&self, files: &[TableFile]) -> Result<Vec<RecordBatch>, CacheError> {
        let checked = files.iter().map(|file| self.checked(file)).collect::<Result<Vec<_>, _>>()?;
        let opened = files.iter().zip(checked).map(|(file, bytes)| {
            let (key, binding) = self.key_and_binding(file.table, &file.salt);
            decode(bytes, &key, &binding, file.table, file.rows)
                .ok_or_else(|| Damage::Table(file.table).into())
        });
        opened.collect()
    }

    fn checked(&self, file: &TableFile) -> Result<Vec<u8>, CacheError> {
        let damage = Damage::Table(file.table);
        let path = layout::table(self.directory, file.table);
        // Asked for first, so that a file that was blown up is not read into memory.
        if disk::if_there(self.disk.length(&path))? != Some(file.length) {
            return Err(damage.into());
        }
        let bytes = disk::if_there(self.disk.read(&path, 0))?.ok_or(damage)?;
        let as_sealed = bytes.len() as u64 == file.length && seal::sha256(&bytes) == file.sha256;
        if as_sealed { Ok(bytes) } else { Err(damage.into()) }
    }

    fn key_and_binding(&self, table: Table, salt: &[u8; SALT]) -> (Secret, String) {
        let binding = manifest::binding(self.tag, self.generation, table.as_str());
        (seal::derive(self.key, salt, binding.as_bytes()), binding)
    }
}

/// From that many rows on a page of distinct values pays: below, its header and its seal cost more.
const DICTIONARY_ROWS: usize = 64;

/// The file's bytes. The key must be this file's alone; the library starts from a random nonce and counts.
///
/// It keeps its own copies of the key, which it does not wipe.
fn encode(batch: &RecordBatch, key: &Secret, binding: &str, record: &str) -> Result<Vec<u8>> {
    let encryption = FileEncryptionProperties::builder(key.expose().to_vec())
        .with_aad_prefix(binding.as_bytes().to_vec())
        .with_aad_prefix_storage(false)
        .build()?;
    // A record is read whole, so that what helps to skip parts of a file would be bytes for nothing; and it has
    // few rows, so that each page more costs more than it saves.
    let properties = WriterProperties::builder()
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_dictionary_enabled(batch.num_rows() >= DICTIONARY_ROWS)
        .set_compression(Compression::ZSTD(Default::default()))
        .set_key_value_metadata(Some(vec![KeyValue::new("manifest".to_owned(), record.to_owned())]))
        .with_file_encryption_properties(encryption)
        .build();
    // Parquet's own types say all that the contract's do; the Arrow schema beside them would be half of the file.
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options)?;
    writer.write(batch)?;
    writer.into_inner()
}

/// The table of a file whose length and hash were checked; `None` when it does not open with key and binding,
/// or holds another table or another number of rows.
fn decode(file: Vec<u8>, key: &Secret, binding: &str, table: Table, rows: u64) -> Option<RecordBatch> {
    let rows = usize::try_from(rows).ok()?;
    let decryption = FileDecryptionProperties::builder(key.expose().to_vec())
        .with_aad_prefix(binding.as_bytes().to_vec())
        .build()
        .ok()?;
    let options =
        ArrowReaderOptions::new().with_schema(table.schema()).with_file_decryption_properties(decryption);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(Bytes::from(file), options).ok()?;
    if reader.schema().fields() != table.schema().fields()
        || reader.metadata().file_metadata().num_rows() != rows as i64
    {
        return None;
    }
    // One row more than there are, so that all of them come as one batch and a surplus would show.
    let mut batches = reader.with_batch_size(rows + 1).build().ok()?;
    let batch = match batches.next() {
        Some(batch) => batch.ok()?,
        None => RecordBatch::new_empty(table.schema()),
    };
    if batch.num_rows() != rows || batches.next().is_some() {
        return None;
    }
    RecordBatch::try_new(table.schema(), batch.columns().to_vec()).ok()
}
