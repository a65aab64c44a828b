use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_json::writer::{EncoderOptions, JsonArray, JsonFormat, LineDelimited, WriterBuilder, make_encoder};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use bedside_model::schema::Table;
use bedside_serve::Format;

use super::page::Page;
use super::record::Record;
use super::sections::Section;
use super::table::{caveats, sections_of};

/// How a table is handed on to a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataFormat {
    /// One JSON object a line, nulls spelt out so that every row has every column.
    Ndjson,
    /// One JSON object: `caveats` as the schema of an Arrow stream has them, and `rows`.
    Json,
    /// CSV with a header. Lists and structs, which CSV has not, are compact JSON in their cell.
    Csv,
    /// An Arrow IPC stream whose schema carries the state of the table's areas in its metadata.
    Arrow,
}

/// Writes a table as data to `out`, and to `people` what they must know before they use it: source, retrieval
/// time and what may be concluded of the table's areas.
///
/// # Errors
/// What a writer says; the record itself can always be written.
pub fn data(
    record: &Record,
    (table, format): (Table, DataFormat),
    page: Page,
    out: impl Write,
    people: &mut dyn Write,
) -> Result<(), ArrowError> {
    people.write_all(caveats(record, table, page).as_bytes())?;
    rows(&record.table(table), format, metadata(record, &sections_of(record, table)), out)
}

/// A table in a format that carries its caveats in itself, so that nobody needs to be told beside it.
///
/// # Errors
/// What a writer says; the record itself can always be written.
pub fn document(record: &Record, (table, format): (Table, Format)) -> Result<Vec<u8>, ArrowError> {
    let format = match format {
        Format::Arrow => DataFormat::Arrow,
        Format::Json => DataFormat::Json,
    };
    let mut out = Vec::new();
    rows(&record.table(table), format, metadata(record, &sections_of(record, table)), &mut out)?;
    Ok(out)
}

/// Writes rows as data. `metadata` goes into the schema of an Arrow stream or beside the rows of a JSON object; the
/// other formats have no place for it.
pub(super) fn rows(
    batch: &RecordBatch,
    format: DataFormat,
    metadata: HashMap<String, String>,
    out: impl Write,
) -> Result<(), ArrowError> {
    match format {
        DataFormat::Ndjson => json_rows::<LineDelimited>(batch, out),
        DataFormat::Json => json(batch, metadata, out),
        DataFormat::Csv => csv(batch, out),
        DataFormat::Arrow => arrow(batch, metadata, out),
    }
}

/// What the schema of an Arrow stream says of the record that its rows are from.
pub(super) fn metadata(record: &Record, sections: &[Section]) -> HashMap<String, String> {
    let mut metadata = HashMap::new();
    for section in sections {
        metadata.insert(format!("bedside.section.{}", section.area()), section.conclusion());
        let warnings = section.warnings().join("\n");
        metadata.insert(format!("bedside.warnings.{}", section.area()), warnings);
    }
    let manifest = record.manifest();
    metadata.insert("bedside.schema_version".to_owned(), manifest.schema_version.clone());
    metadata.insert("bedside.retrieved_at".to_owned(), manifest.retrieved_at.clone().unwrap_or_default());
    metadata.insert("bedside.freshness".to_owned(), record.freshness().as_str().to_owned());
    let practice = manifest.source.as_ref().map(|source| source.practice.clone());
    metadata.insert("bedside.practice".to_owned(), practice.unwrap_or_default());
    metadata
}

fn json(
    batch: &RecordBatch,
    metadata: HashMap<String, String>,
    mut out: impl Write,
) -> Result<(), ArrowError> {
    // In an order that is the same each time.
    let caveats = serde_json::to_string(&BTreeMap::from_iter(metadata));
    let caveats = caveats.map_err(|error| ArrowError::JsonError(error.to_string()))?;
    write!(out, "{{\"caveats\":{caveats},\"rows\":")?;
    json_rows::<JsonArray>(batch, &mut out)?;
    Ok(out.write_all(b"}\n")?)
}

fn json_rows<F: JsonFormat>(batch: &RecordBatch, out: impl Write) -> Result<(), ArrowError> {
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, F>(out);
    writer.write(batch)?;
    writer.finish()
}

fn csv(batch: &RecordBatch, out: impl Write) -> Result<(), ArrowError> {
    let (mut fields, mut columns) = (Vec::new(), Vec::<ArrayRef>::new());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.data_type().is_nested() {
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(Arc::new(as_json(field, column)?));
        } else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    let flat = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
    arrow_csv::WriterBuilder::new().with_header(true).build(out).write(&flat)
}

fn arrow(batch: &RecordBatch, metadata: HashMap<String, String>, out: impl Write) -> Result<(), ArrowError> {
    let schema = Arc::new(Schema::clone(&batch.schema()).with_metadata(metadata));
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(out, &schema)?;
    writer.write(&batch.clone().with_schema(schema)?)?;
    writer.finish()
}

fn as_json(field: &Arc<Field>, column: &ArrayRef) -> Result<StringArray, ArrowError> {
    let options = EncoderOptions::default();
    let mut encoder = make_encoder(field, column.as_ref(), &options)?;
    let mut texts = Vec::with_capacity(column.len());
    for row in 0..column.len() {
        let mut json = Vec::new();
        if column.is_valid(row) {
            encoder.encode(row, &mut json);
        }
        texts.push(column.is_valid(row).then(|| String::from_utf8_lossy(&json).into_owned()));
    }
    Ok(StringArray::from(texts))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{page, record, returned};
    use super::*;

    fn allergies() -> Record {
        let row = json!({"allergy_id": "a1", "allergy_term": "Nuts, \"mixed\"", "onset": "2010-06",
            "onset_from": "2010-06-01", "onset_to": "2010-06-30", "notes": ["one", "two"],
            "reactions": [{"manifestation_term": "Rash", "severity": "mild"}]});
        record(&[(Table::Sections, returned(&[("allergies", 1)])), (Table::Allergies, vec![row])])
    }

    fn written(format: DataFormat) -> (Vec<u8>, String) {
        let (mut out, mut people) = (Vec::new(), Vec::new());
        data(&allergies(), (Table::Allergies, format), page(120), &mut out, &mut people)
            .expect("memory can be written");
        (out, String::from_utf8(people).expect("text"))
    }

    #[test]
    fn ndjson_has_every_column_in_every_row() {
        let (out, _) = written(DataFormat::Ndjson);
        let row: Value = serde_json::from_slice(&out).expect("one line");
        let object = row.as_object().expect("an object");
        assert_eq!(object.len(), Table::Allergies.schema().fields().len());
        assert_eq!(row["onset_to"], "2010-06-30");
        assert_eq!(row["reactions"][0]["manifestation_term"], "Rash");
        assert!(row["ended"].is_null());
    }

    #[test]
    fn a_json_object_has_its_caveats_beside_the_rows_and_beside_none() {
        let (out, _) = written(DataFormat::Json);
        let object: Value = serde_json::from_slice(&out).expect("one object");
        assert_eq!(object["caveats"]["bedside.section.allergies"], "1 entry");
        assert_eq!(object["caveats"]["bedside.practice"], "A99001");
        assert_eq!(object["rows"].as_array().map(Vec::len), Some(1));
        assert_eq!(object["rows"][0]["onset_to"], "2010-06-30");
        assert!(object["rows"][0]["ended"].is_null() && object["rows"][0].get("ended").is_some());
        let empty = document(&record(&[]), (Table::Problems, Format::Json)).expect("memory can be written");
        let object: Value = serde_json::from_slice(&empty).expect("one object");
        assert_eq!(object["rows"], json!([]));
        assert_eq!(
            object["caveats"]["bedside.section.problems"],
            "FAILED: nothing may be concluded, INCOMPLETE"
        );
    }

    #[test]
    fn a_document_is_what_is_handed_on_in_that_format() {
        for (format, same) in [(Format::Arrow, DataFormat::Arrow), (Format::Json, DataFormat::Json)] {
            let bytes = document(&allergies(), (Table::Allergies, format)).expect("memory can be written");
            let (out, _) = written(same);
            assert_eq!(bytes.len(), out.len());
        }
    }

    #[test]
    fn csv_holds_lists_as_json() {
        let (out, _) = written(DataFormat::Csv);
        let text = String::from_utf8(out).expect("text");
        let header = text.lines().next().expect("a header");
        assert!(header.starts_with("entry_index,allergy_id,identifiers,"));
        assert_eq!(header.split(',').count(), Table::Allergies.schema().fields().len());
        assert!(text.contains(r#""Nuts, ""mixed""""#), "{text}");
        assert!(text.contains(r#""[""one"",""two""]""#), "{text}");
        assert!(text.contains("2010-06,2010-06-01,2010-06-30"), "{text}");
    }

    #[test]
    fn arrow_carries_the_section_in_its_schema() {
        let (out, _) = written(DataFormat::Arrow);
        let mut reader = arrow_ipc::reader::StreamReader::try_new(out.as_slice(), None).expect("a stream");
        let schema = reader.schema();
        assert_eq!(schema.metadata()["bedside.section.allergies"], "1 entry");
        assert_eq!(schema.metadata()["bedside.retrieved_at"], "2026-01-15T09:30:00Z");
        assert_eq!(reader.next().expect("a batch").expect("whole").num_rows(), 1);
    }

    #[test]
    fn people_are_told_beside_every_format() {
        for format in [DataFormat::Ndjson, DataFormat::Csv, DataFormat::Json, DataFormat::Arrow] {
            let (_, people) = written(format);
            assert!(people.contains("practice A99001") && people.contains("1 entry"), "{format:?}: {people}");
        }
    }
}
