//! Both paths over the same bytes, compared cell by cell.

use std::fmt;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, UInt32Type};
use arrow_array::{Array, RecordBatch};
use bedside_bundle::{BundleError, Options, normalise};
use bedside_model::schema::Table;

use super::json::Refusal;
use super::rows::{Cell, Row};

/// How much has been compared.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub bundles: usize,
    /// Bundles that both refuse.
    pub refused: usize,
    pub rows: usize,
    pub cells: usize,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        self.bundles += other.bundles;
        self.refused += other.refused;
        self.rows += other.rows;
        self.cells += other.cells;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bundles, refused, rows, cells } = self;
        write!(f, "{bundles} bundles ({refused} refused by both), {rows} rows, {cells} cells")
    }
}

/// A cell in which the two differ, or something larger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub table: &'static str,
    pub row: usize,
    pub column: String,
    pub product: String,
    pub reference: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, row, column, product, reference } = self;
        write!(f, "{table}, row {row}, {column}: product {product}, reference {reference}")
    }
}

fn difference(
    table: &'static str,
    column: &str,
    product: impl fmt::Debug,
    reference: impl fmt::Debug,
) -> Difference {
    let (product, reference) = (format!("{product:?}"), format!("{reference:?}"));
    Difference { table, row: 0, column: column.to_owned(), product, reference }
}

/// Reads bytes both ways: how much agrees, or in what they differ.
pub fn check(bytes: &[u8], options: &Options) -> Result<Counts, Vec<Difference>> {
    let requested: Option<Vec<&str>> =
        options.requested.as_ref().map(|areas| areas.iter().map(|area| area.as_str()).collect());
    let Ok(product) = std::panic::catch_unwind(|| normalise(bytes, options)) else {
        return Err(vec![difference("bundle", "panicked", true, false)]);
    };
    let reference = super::read(bytes, options.retrieved_on.0, requested.as_deref());
    let mut counts = Counts { bundles: 1, ..Counts::default() };
    let (product, reference) = match (product, reference) {
        (Ok(product), Ok(reference)) => (product, reference),
        (Err(product), Err(reference)) if may_be_said(&product, reference) => {
            counts.refused = 1;
            return Ok(counts);
        }
        // Parts that refer to each other too often make a record far larger than its bundle: only the product, which
        // is to be bounded, refuses them (`security` sheet, T-04).
        (Err(BundleError::RecordTooLarge { .. }), Ok(_)) => return Ok(counts),
        (product, reference) => {
            let (product, reference) = (product.err(), reference.err());
            return Err(vec![difference("bundle", "refused", product, reference)]);
        }
    };
    let mut differences = Vec::new();
    let accounting = product.accounting.iter();
    let accounting: std::collections::BTreeMap<String, [u32; 4]> = accounting
        .map(|(kind, it)| (kind.clone(), [it.seen, it.normalised, it.context, it.unmapped]))
        .collect();
    if accounting != reference.accounting {
        differences.push(difference("bundle", "accounting", accounting, reference.accounting));
    }
    for (table, batch) in product.tables() {
        let found = compare(table, batch, &reference.tables[table.as_str()], &mut counts);
        differences.extend(found);
    }
    if differences.is_empty() { Ok(counts) } else { Err(differences) }
}

/// Whether an error of the product is one of those that a refusal allows. Of a text that is broken a limit may be met
/// before the place where it is broken, and of one that is beyond several limits any first.
fn may_be_said(product: &BundleError, reference: Refusal) -> bool {
    match reference {
        Refusal::NotABundle => matches!(product, BundleError::NotABundle { .. }),
        _ => !matches!(product, BundleError::NotABundle { .. }),
    }
}

/// Compares one table: every column of either.
pub fn compare(table: Table, batch: &RecordBatch, reference: &[Row], counts: &mut Counts) -> Vec<Difference> {
    let name = table.as_str();
    let mut product = rows(batch);
    let mut reference = reference.to_vec();
    for row in &mut product {
        leave_open(table, row);
    }
    let mut differences = Vec::new();
    if matches!(table, Table::Links | Table::Notices) {
        // Within an entry their order is open; the entries follow that of the bundle, what is of none comes last.
        if !product.is_sorted_by_key(entry) {
            differences.push(difference(name, "entry_index", "not in order", "in order"));
        }
        product.sort();
        reference.sort();
    }
    if product.len() != reference.len() {
        differences.push(difference(name, "rows", product.len(), reference.len()));
        differences.extend(unmatched(name, &product, &reference));
        return differences;
    }
    counts.rows += product.len();
    for (number, (product, reference)) in product.iter().zip(&reference).enumerate() {
        counts.cells += product.len();
        let columns = product.keys().chain(reference.keys().filter(|column| !product.contains_key(*column)));
        for column in columns.filter(|column| product.get(*column) != reference.get(*column)) {
            let found = difference(name, column, product.get(column), reference.get(column));
            differences.push(Difference { row: number, ..found });
        }
    }
    differences
}

/// The rows that only one of the two has.
fn unmatched(name: &'static str, product: &[Row], reference: &[Row]) -> Vec<Difference> {
    let only = |these: &[Row], those: &[Row]| -> Vec<Row> {
        these.iter().filter(|row| !those.contains(row)).take(3).cloned().collect()
    };
    let lines = |rows: Vec<Row>| rows.iter().map(said).collect::<Vec<_>>();
    vec![difference(name, "rows of one", lines(only(product, reference)), lines(only(reference, product)))]
}

/// A row without what it leaves out.
fn said(row: &Row) -> String {
    let filled = row.iter().filter(|(_, cell)| !matches!(cell, Cell::Null));
    filled.map(|(column, cell)| format!("{column}={cell:?}")).collect::<Vec<_>>().join(" ")
}

fn entry(row: &Row) -> (bool, Cell) {
    let entry = row["entry_index"].clone();
    (entry == Cell::Null, entry)
}

/// Takes out what the contract leaves open: the order of flags; of a notice its element and, where it is the
/// normaliser's own, severity and words.
fn leave_open(table: Table, row: &mut Row) {
    if let Some(Cell::List(flags)) = row.get_mut("flags") {
        flags.sort();
    }
    if table != Table::Notices {
        return;
    }
    row.insert("element".to_owned(), Cell::Null);
    if row["origin"] == Cell::from("normaliser") {
        row.insert("severity".to_owned(), Cell::Null);
        row.insert("text".to_owned(), Cell::Null);
    }
}

/// The rows of a batch.
pub fn rows(batch: &RecordBatch) -> Vec<Row> {
    let schema = batch.schema();
    let columns: Vec<(&String, &dyn Array)> = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| (field.name(), column.as_ref()))
        .collect();
    let row =
        |number| columns.iter().map(|(name, column)| ((*name).clone(), cell(*column, number))).collect();
    (0..batch.num_rows()).map(row).collect()
}

fn cell(column: &dyn Array, row: usize) -> Cell {
    if column.is_null(row) {
        return Cell::Null;
    }
    if let Some(texts) = column.as_string_opt::<i32>() {
        return Cell::from(texts.value(row));
    }
    if let Some(flags) = column.as_boolean_opt() {
        return Cell::Flag(flags.value(row));
    }
    if let Some(counts) = column.as_primitive_opt::<UInt32Type>() {
        return Cell::Count(counts.value(row));
    }
    if let Some(days) = column.as_primitive_opt::<Date32Type>() {
        return Cell::Day(days.value(row));
    }
    if let Some(lists) = column.as_list_opt::<i32>() {
        let items = lists.value(row);
        return Cell::List((0..items.len()).map(|item| cell(items.as_ref(), item)).collect());
    }
    let structs = column.as_struct();
    let fields = structs.column_names().into_iter().zip(structs.columns());
    Cell::Struct(fields.map(|(name, field)| (name.to_owned(), cell(field.as_ref(), row))).collect())
}
