//! One file per table, all of one shape: the resource it reads, the rows, the rules between, the columns.

pub(crate) mod allergies;
pub(crate) mod consultation_nodes;
pub(crate) mod consultations;
pub(crate) mod links;
pub(crate) mod medication_issues;
pub(crate) mod medications;
pub(crate) mod notices;
pub(crate) mod problems;
pub(crate) mod sections;

use arrow_array::RecordBatch;

use crate::places::Consultation;

/// A table; nothing where it has no rows.
pub(crate) type Batch = Option<RecordBatch>;

/// A table of records, and what its rows tell the consultations.
pub(crate) struct RecordTable {
    pub(crate) batch: Batch,
    /// Number of the Encounter of each row.
    pub(crate) encounters: Vec<Option<u32>>,
}

/// The Encounters of some places.
fn encounters<'g>(places: impl Iterator<Item = Option<Consultation<'g>>>) -> Vec<Option<u32>> {
    places.map(|place| place?.encounter).collect()
}
