//! Tables held against what was expected of them, and against each other.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, UInt32Type};
use arrow_array::{Array, RecordBatch};
use bedside_bundle::Record;
use bedside_model::day_interval;
use bedside_model::schema::Table;

use super::generate::{Expected, Generated, Held};

/// Every cell that a generated bundle expects is there, byte for byte, and no repeated entry has a row.
pub fn assert_held(record: &Record, generated: &Generated) {
    let rows = Table::ALL.map(|table| rows_by_entry(record.table(table)));
    for expected in &generated.expected {
        let row = rows[expected.table as usize].iter().find(|(entry, _)| *entry == Some(expected.entry));
        let Some((_, row)) = row else {
            panic!("entry {} has no row in {}", expected.entry, expected.table.as_str())
        };
        assert_cell(record.table(expected.table), *row, expected);
    }
    let clinical = [
        Table::Medications,
        Table::MedicationIssues,
        Table::Allergies,
        Table::Problems,
        Table::Consultations,
    ];
    for table in clinical {
        for (entry, _) in &rows[table as usize] {
            let again = entry.is_some_and(|entry| generated.repeated.contains(&entry));
            assert!(!again, "repeated entry {entry:?} has a row in {}", table.as_str());
        }
    }
}

fn rows_by_entry(batch: &RecordBatch) -> Vec<(Option<u32>, usize)> {
    let entries = batch.column_by_name("entry_index").expect("a column of every table");
    entries.as_primitive::<UInt32Type>().iter().enumerate().map(|(row, entry)| (entry, row)).collect()
}

fn assert_cell(batch: &RecordBatch, row: usize, expected: &Expected) {
    let column = batch.column_by_name(&expected.column).unwrap_or_else(|| panic!("no {}", expected.column));
    let text = |column: &dyn Array, row: usize| {
        let column = column.as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    match &expected.held {
        Held::Text(held) => assert_eq!(text(column, row), *held, "{expected:?}"),
        Held::Date(held) => {
            assert_eq!(text(column, row), *held, "{expected:?}");
            let interval = held.as_deref().and_then(day_interval);
            let ends = [("_from", interval.map(|it| it.0.0)), ("_to", interval.map(|it| it.1.0))];
            for (part, day) in ends {
                let days = batch.column_by_name(&format!("{}{part}", expected.column)).expect("a day");
                let days = days.as_primitive::<Date32Type>();
                assert_eq!(days.is_valid(row).then(|| days.value(row)), day, "{expected:?}");
            }
        }
        Held::Texts(held) => {
            let items = column.as_list::<i32>().value(row);
            let items: Vec<_> =
                items.as_string::<i32>().iter().map(|item| item.unwrap_or_default()).collect();
            assert_eq!(items, *held, "{expected:?}");
        }
        Held::Field(field, held) => {
            let items = column.as_list::<i32>().value(row);
            let items = items.as_struct().column_by_name(field).expect("a field");
            let items: Vec<_> = items.as_string::<i32>().iter().map(|item| item.map(str::to_owned)).collect();
            assert_eq!(items, *held, "{expected:?}");
        }
    }
}

/// Every resource that was put in has been seen, as its type.
pub fn assert_seen(record: &Record, generated: &Generated) {
    for (kind, account) in &record.accounting {
        let sent = generated.types.iter().filter(|(sent, _)| sent == kind).count();
        assert_eq!(account.seen as usize, sent, "{kind}");
    }
    let seen: u32 = record.accounting.values().map(|account| account.seen).sum();
    assert_eq!(seen as usize, generated.types.len());
}

/// Two readings agree in every table but `notices`, whose order within an entry follows that of the keys: there
/// the same is said of the same, as often.
pub fn assert_equal_but_for_order_of_notices(one: &Record, other: &Record) {
    assert_eq!(one.accounting, other.accounting);
    for ((table, one), (_, other)) in one.tables().zip(other.tables()) {
        if table == Table::Notices {
            assert_eq!(told(one), told(other));
        } else {
            assert!(one == other, "{}", table.as_str());
        }
    }
}

/// What each notice says, sorted.
pub fn told(notices: &RecordBatch) -> Vec<String> {
    let names = ["area", "severity", "code", "text", "resource_type", "resource_id", "element", "origin"];
    let columns = names.map(|name| notices.column_by_name(name).expect("a column").as_string::<i32>());
    let entries = notices.column_by_name("entry_index").expect("a column").as_primitive::<UInt32Type>();
    let mut told: Vec<String> = (0..notices.num_rows())
        .map(|row| {
            let entry = entries.is_valid(row).then(|| entries.value(row));
            let said = columns.map(|column| column.is_valid(row).then(|| column.value(row)));
            format!("{entry:?} {said:?}")
        })
        .collect();
    told.sort_unstable();
    told
}
