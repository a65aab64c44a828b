use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use bedside_model::schema::Table;

use crate::nothing::empty;

/// A bundle as columnar records.
#[derive(Debug, Clone)]
pub struct Record {
    /// What stands around the entries.
    pub envelope: Envelope,
    /// How many resources of each type were seen, and what became of them.
    pub accounting: BTreeMap<String, Account>,
    /// Notices by severity: `information`, `warning`, `error`.
    pub notices: BTreeMap<&'static str, usize>,
    /// The patients of the bundle, for the identity gate.
    pub patients: Vec<PatientFacts>,
    /// Nothing for a table without rows.
    pub(crate) tables: Vec<Option<RecordBatch>>,
}

impl Record {
    /// One of the nine tables.
    pub fn table(&self, table: Table) -> &RecordBatch {
        self.tables[table as usize].as_ref().unwrap_or_else(|| empty(table))
    }

    /// All nine tables, in the order of the contract.
    pub fn tables(&self) -> impl Iterator<Item = (Table, &RecordBatch)> {
        Table::ALL.into_iter().map(|table| (table, self.table(table)))
    }
}

/// What stands around the entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// `Bundle.id`, the trace id of the request where the provider echoes it.
    pub bundle_id: Option<String>,
    /// `Bundle.type`.
    pub bundle_type: Option<String>,
    /// Items of `Bundle.entry`.
    pub entries: u32,
    /// Length of the body, in bytes.
    pub bytes: usize,
}

/// What became of the resources of one type (contract rule 1): the last three add up to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Resources seen, contained ones included.
    pub seen: u32,
    /// Resources that are rows.
    pub normalised: u32,
    /// Resources that support rows: people, places, drugs, lists.
    pub context: u32,
    /// Resources outside the tables.
    pub unmapped: u32,
}

/// What a Patient resource says of who it is. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PatientFacts {
    /// The one NHS number; none where there is none or more than one.
    pub nhs_number: Option<String>,
    /// Code of the number's verification status, `01` when present and verified.
    pub verification: Option<String>,
    /// Family name of each name.
    pub family: Vec<String>,
    /// First given name of each name.
    pub given: Vec<String>,
    /// Administrative gender as sent.
    pub gender: Option<String>,
    /// Date of birth as sent.
    pub birth_date: Option<String>,
    /// ODS codes of the organisations that the Patient names as its practice.
    pub practices: Vec<String>,
    /// Whether it says that the patient has died.
    pub deceased: bool,
}

impl std::fmt::Debug for PatientFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PatientFacts(..)")
    }
}
