//! Record batches of every table with a few rows, and words by which a leak would show.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, ListArray, RecordBatch, StringArray, StructArray, UInt32Array,
    new_empty_array,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use bedside_model::schema::Table;

/// Stands in every text column.
pub(crate) const CANARY: &str = "Canarizine 37.5mg";

/// All tables: two rows where something is recorded, none in `notices`.
pub(crate) fn tables(version: u32) -> Vec<(Table, RecordBatch)> {
    Table::ALL
        .map(|table| (table, batch(table, if table == Table::Notices { 0 } else { 2 }, version)))
        .to_vec()
}

/// All tables, rows only in the two narrow ones `links` and `sections`: the smallest sealed episode that is one.
pub(crate) fn tiny(version: u32) -> Vec<(Table, RecordBatch)> {
    let rows = |table| if matches!(table, Table::Links | Table::Sections) { 2 } else { 0 };
    Table::ALL.map(|table| (table, batch(table, rows(table), version))).to_vec()
}

/// All tables with so many rows, ten times as many in `links`: for measuring. Texts differ from row to row.
pub(crate) fn sized(rows: usize) -> Vec<(Table, RecordBatch)> {
    let rows_of = |table| if table == Table::Links { 10 * rows } else { rows };
    Table::ALL.map(|table| (table, batch(table, rows_of(table), 1))).to_vec()
}

/// The tables as `Contents` takes them.
pub(crate) fn borrowed(tables: &[(Table, RecordBatch)]) -> Vec<(Table, &RecordBatch)> {
    tables.iter().map(|(table, batch)| (*table, batch)).collect()
}

fn batch(table: Table, rows: usize, version: u32) -> RecordBatch {
    let schema = table.schema();
    let columns = schema.fields().iter().map(|field| column(field, rows, version)).collect();
    RecordBatch::try_new(schema, columns).expect("the table's own schema")
}

fn column(field: &Field, rows: usize, version: u32) -> ArrayRef {
    // The second row holds a null wherever one may stand.
    let some = |row: usize| row.is_multiple_of(2) || !field.is_nullable();
    match field.data_type() {
        DataType::Utf8 => {
            let text = format!("{CANARY} {} {version}", field.name());
            let text = |row| if row < 2 { text.clone() } else { format!("{text} {row}") };
            Arc::new(StringArray::from_iter((0..rows).map(|row| some(row).then(|| text(row)))))
        }
        DataType::Boolean => {
            Arc::new(BooleanArray::from_iter((0..rows).map(|row| some(row).then_some(true))))
        }
        DataType::UInt32 => {
            Arc::new(UInt32Array::from_iter((0..rows).map(|row| some(row).then_some(row as u32 + version))))
        }
        DataType::Date32 => {
            Arc::new(Date32Array::from_iter((0..rows).map(|row| some(row).then_some(14_769 + row as i32))))
        }
        DataType::List(item) => {
            // The first row has one item, the second none.
            let lengths: Vec<usize> = (0..rows).map(|row| usize::from(row == 0)).collect();
            let values = if rows == 0 { new_empty_array(item.data_type()) } else { column(item, 1, version) };
            Arc::new(ListArray::new(Arc::clone(item), OffsetBuffer::from_lengths(lengths), values, None))
        }
        DataType::Struct(fields) => {
            let children = fields.iter().map(|field| column(field, rows, version)).collect();
            Arc::new(StructArray::new(fields.clone(), children, None))
        }
        other => unreachable!("the contract has no column of type {other}"),
    }
}
