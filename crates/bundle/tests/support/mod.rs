//! What the tests of the record share.
#![allow(dead_code, unreachable_pub)]

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_json::LineDelimitedWriter;
use arrow_json::writer::{LineDelimited, WriterBuilder};
use bedside_bundle::Options;
use bedside_model::Day;
use bedside_model::schema::Table;
use serde_json::Value;

/// The day for which every test computes classes.
pub fn options() -> Options {
    Options::new(Day::new(2026, 1, 15).expect("a day of the calendar"))
}

/// The texts of a column.
pub fn column<'b>(batch: &'b RecordBatch, name: &str) -> impl Iterator<Item = Option<String>> + 'b {
    let column = batch.column_by_name(name).expect("a column of the table").as_string::<i32>();
    column.iter().map(|text| text.map(str::to_owned))
}

/// The booleans of a column.
pub fn flags<'b>(batch: &'b RecordBatch, name: &str) -> impl Iterator<Item = Option<bool>> + 'b {
    batch.column_by_name(name).expect("a column of the table").as_boolean().iter()
}

/// The text of a bundle of these resources, each the text of one.
pub fn bundle(resources: impl IntoIterator<Item = String>) -> String {
    let entries: Vec<String> =
        resources.into_iter().map(|resource| format!("{{\"resource\":{resource}}}")).collect();
    format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","))
}

/// So many items with commas between them.
pub fn joined(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

/// A table as JSON objects, nulls and empty lists left out.
pub fn rows(batch: &RecordBatch) -> Vec<Value> {
    let mut text = Vec::new();
    let mut writer: LineDelimitedWriter<_> = WriterBuilder::new().build::<_, LineDelimited>(&mut text);
    writer.write(batch).expect("rows");
    writer.finish().expect("rows");
    drop(writer);
    let lines = std::str::from_utf8(&text).expect("JSON is UTF-8").lines();
    lines.map(|line| without_gaps(serde_json::from_str(line).expect("JSON"))).collect()
}

fn without_gaps(mut row: Value) -> Value {
    if let Some(row) = row.as_object_mut() {
        row.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
    }
    row
}

/// The rows with every list sorted, and of the tables whose order within an entry is not that of the bundle
/// the rows too.
pub fn sorted(rows: &[Value], table: Table) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(|row| sorted_value(row).to_string()).collect();
    if matches!(table, Table::Links | Table::Notices) {
        rows.sort_unstable();
    }
    rows
}

fn sorted_value(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(sorted_value).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(members) => {
            Value::Object(members.iter().map(|(key, value)| (key.clone(), sorted_value(value))).collect())
        }
        other => other.clone(),
    }
}

/// The same JSON with the members of every object in another order and no white space. Numbers stay as written.
pub fn shuffled(text: &str, seed: u64) -> String {
    let raw: &serde_json::value::RawValue =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).expect("JSON");
    let mut state = seed;
    let mut out = String::new();
    shuffle(raw.get(), &mut state, &mut out);
    out
}

fn shuffle(text: &str, state: &mut u64, out: &mut String) {
    use serde_json::value::RawValue;
    match text.as_bytes()[0] {
        b'{' => {
            let members: Vec<(String, Box<RawValue>)> = members(text);
            let mut order: Vec<usize> = (0..members.len()).collect();
            for last in (1..order.len()).rev() {
                *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                order.swap(last, (*state >> 33) as usize % (last + 1));
            }
            out.push('{');
            for (position, member) in order.into_iter().enumerate() {
                out.push_str(if position > 0 { "," } else { "" });
                out.push_str(&Value::String(members[member].0.clone()).to_string());
                out.push(':');
                shuffle(members[member].1.get(), state, out);
            }
            out.push('}');
        }
        b'[' => {
            let items: Vec<Box<RawValue>> = serde_json::from_str(text).expect("an array");
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                out.push_str(if position > 0 { "," } else { "" });
                shuffle(item.get(), state, out);
            }
            out.push(']');
        }
        _ => out.push_str(text),
    }
}

fn members(text: &str) -> Vec<(String, Box<serde_json::value::RawValue>)> {
    struct Members;
    impl<'de> serde::de::Visitor<'de> for Members {
        type Value = Vec<(String, Box<serde_json::value::RawValue>)>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    use serde::Deserializer;
    serde_json::Deserializer::from_str(text).deserialize_map(Members).expect("an object")
}
