//! A table from JSON rows, for the tests of whoever shows records.

use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_schema::DataType;
use bedside_model::schema::Table;
use serde_json::{Value, json};

/// The table with those rows, in which absent columns are null and absent lists empty. A column that the table does not
/// have is a mistake of the test.
pub(crate) fn batch(table: Table, rows: &[Value]) -> RecordBatch {
    let schema = table.schema();
    let mut lines = String::new();
    for (index, row) in rows.iter().enumerate() {
        let mut row = row.clone();
        row["entry_index"] = json!(index);
        for field in schema.fields() {
            if matches!(field.data_type(), DataType::List(_)) && row.get(field.name()).is_none() {
                row[field.name().as_str()] = json!([]);
            }
        }
        lines.push_str(&format!("{row}\n"));
    }
    let reader = ReaderBuilder::new(schema.clone()).with_strict_mode(true).with_batch_size(rows.len().max(1));
    let batch = reader.build(lines.as_bytes()).expect("a schema that JSON can fill").next();
    batch.map_or_else(|| RecordBatch::new_empty(schema), |batch| batch.expect("rows of the schema"))
}
