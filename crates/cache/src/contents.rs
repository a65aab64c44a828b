use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use bedside_model::schema::Table;
use bedside_model::{NhsNumber, Requester};
use jiff::Timestamp;

use crate::changes::Changes;
use crate::tag::EpisodeTag;

/// A whole record to be sealed as the next generation of an episode.
#[derive(Clone)]
pub struct Contents<'a> {
    /// The manifest of the record contract, JSON. Kept verbatim, and also put into each table's file, sealed.
    pub manifest: &'a str,
    /// Every table exactly once, in any order, in the contract's schema.
    pub tables: &'a [(Table, &'a RecordBatch)],
    /// From when on the episode is not shown any more.
    pub expires: Timestamp,
    /// On whose behalf the record was fetched; readers must belong to the same organisation.
    pub requester: &'a Requester,
    /// The patient, stored and audited as the audit log's pseudonym only.
    pub patient: &'a NhsNumber,
}

/// What [`Cache::write`](crate::Cache::write) committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Opaque name of the episode.
    pub episode: EpisodeTag,
    /// Number of the generation, from 1.
    pub generation: u64,
    /// Bytes on disk: tables and manifest, sealed.
    pub bytes: u64,
    /// SHA-256 of the sealed manifest, which stands for the whole generation.
    pub manifest_sha256: [u8; 32],
    /// Rows by table.
    pub rows: BTreeMap<&'static str, u64>,
    /// How many rows of each table differ from the generation before; `None` for a first one, and where the one before
    /// does not open.
    pub changes: Option<Changes>,
}

/// Why contents are not a whole record of the episode's patient. Most are defects of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContentsError {
    /// A table is missing; an absent table could not be told from an empty one.
    #[error("the table {} is missing", .0.as_str())]
    Missing(Table),
    /// A table is there twice.
    #[error("the table {} is there twice", .0.as_str())]
    Twice(Table),
    /// A table has not the contract's columns.
    #[error("the table {} has not the columns of the record contract", .0.as_str())]
    Schema(Table),
    /// The episode holds a record of another patient (`hazards` sheet, N-19). Nothing is stored; whose episode it is
    /// must be found out first, and it can be held meanwhile.
    #[error("the episode holds another patient's record, so nothing is stored: find out whose it is")]
    OtherPatient,
    /// The time at which it should expire has passed.
    #[error("the episode's end has passed, so nothing is stored")]
    Expired,
}

impl<'a> Contents<'a> {
    /// The tables in the contract's order.
    pub(crate) fn in_order(&self) -> Result<Vec<(Table, &'a RecordBatch)>, ContentsError> {
        Table::ALL
            .into_iter()
            .map(|table| {
                let mut named = self.tables.iter().filter(|(name, _)| *name == table);
                let (_, batch) = named.next().ok_or(ContentsError::Missing(table))?;
                if named.next().is_some() {
                    return Err(ContentsError::Twice(table));
                }
                if batch.schema_ref().fields() != table.schema().fields() {
                    return Err(ContentsError::Schema(table));
                }
                Ok((table, *batch))
            })
            .collect()
    }
}
