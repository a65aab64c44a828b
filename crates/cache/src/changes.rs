//! What differs between two generations of one episode's record, row by row. Not public as a function: two tables may
//! be compared only by who has two generations of one episode in hand.

use std::collections::{BTreeMap, HashMap, VecDeque};

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use bedside_model::schema::Table;

/// Counts by table name.
pub type Changes = BTreeMap<&'static str, ChangeCounts>;

/// How many rows of a table a refresh changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChangeCounts {
    /// Rows whose id was not there before.
    pub new: u64,
    /// Rows whose id is not there any more.
    pub gone: u64,
    /// Rows of the same id and another content.
    pub changed: u64,
}

/// Which rows of a table differ. A row that is not named is the same in both, but for its place in the bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableChanges {
    /// Rows of the later generation whose id was not there before, in order.
    pub new: Vec<usize>,
    /// Rows of the earlier generation whose id is not there any more, in order.
    pub gone: Vec<usize>,
    /// Rows of the same id and another content: the earlier row, the later row, in the order of the later.
    pub changed: Vec<(usize, usize)>,
}

impl TableChanges {
    /// How many they are.
    pub fn counts(&self) -> ChangeCounts {
        let count = |rows: usize| rows as u64;
        ChangeCounts {
            new: count(self.new.len()),
            gone: count(self.gone.len()),
            changed: count(self.changed.len()),
        }
    }
}

/// Compares a table of two generations. Rows belong together by what [`known_by`] names; copies of one id by equal
/// content first and then in order. A row without an id is the same as an equal one, or new, or gone.
///
/// The first column of every table is the place in the bundle, which the practice may change at will: it is not
/// compared.
pub(crate) fn changes(table: Table, before: &RecordBatch, after: &RecordBatch) -> TableChanges {
    if before.columns()[1..] == after.columns()[1..] {
        return TableChanges::default();
    }
    let mut unmatched: HashMap<Vec<String>, VecDeque<usize>> = HashMap::new();
    for row in 0..before.num_rows() {
        unmatched.entry(identity(table, before, row)).or_default().push_back(row);
    }
    let mut left: Vec<(Vec<String>, usize)> = Vec::new();
    for row in 0..after.num_rows() {
        let id = identity(table, after, row);
        let same = unmatched.get_mut(&id).and_then(|rows| {
            let place = rows.iter().position(|earlier| same_content((before, *earlier), (after, row)))?;
            rows.remove(place)
        });
        if same.is_none() {
            left.push((id, row));
        }
    }
    let mut changes = TableChanges::default();
    for (id, row) in left {
        let earlier = if id.is_empty() { None } else { unmatched.get_mut(&id).and_then(VecDeque::pop_front) };
        match earlier {
            Some(earlier) => changes.changed.push((earlier, row)),
            None => changes.new.push(row),
        }
    }
    changes.gone = unmatched.into_values().flatten().collect();
    changes.gone.sort_unstable();
    changes
}

/// What a row is known by in both generations; empty for one that has nothing to be known by.
fn identity(table: Table, batch: &RecordBatch, row: usize) -> Vec<String> {
    let values = |names: &&[&str]| names.iter().map(|name| value(batch, name, row)).collect::<Option<_>>();
    known_by(table).iter().find_map(values).unwrap_or_default()
}

/// The columns that name a row; where one of the first is null, the next ones do. Without any, a row is known by all
/// that it says.
fn known_by(table: Table) -> &'static [&'static [&'static str]] {
    match table {
        // A plan that no statement is based on has no statement's id.
        Table::Medications => &[&["medication_id"], &["plan_id"]],
        Table::MedicationIssues => &[&["issue_id"]],
        Table::Allergies => &[&["allergy_id"]],
        Table::Problems => &[&["problem_id"]],
        Table::Consultations => &[&["consultation_id"]],
        Table::ConsultationNodes => &[&["consultation_id", "node"]],
        Table::Sections => &[&["area"]],
        Table::Links | Table::Notices => &[],
    }
}

fn value(batch: &RecordBatch, name: &str, row: usize) -> Option<String> {
    let column = batch.column_by_name(name).filter(|column| column.is_valid(row))?;
    match column.as_string_opt::<i32>() {
        Some(texts) => Some(texts.value(row).to_owned()),
        None => Some(column.as_primitive_opt::<UInt32Type>()?.value(row).to_string()),
    }
}

fn same_content((before, earlier): (&RecordBatch, usize), (after, later): (&RecordBatch, usize)) -> bool {
    let same = |(one, other): (&ArrayRef, &ArrayRef)| one.slice(earlier, 1) == other.slice(later, 1);
    before.columns()[1..].iter().zip(&after.columns()[1..]).all(same)
}

/// The numbers of the columns in which two rows differ.
pub(crate) fn changed_columns(
    (before, earlier): (&RecordBatch, usize),
    (after, later): (&RecordBatch, usize),
) -> Vec<usize> {
    let differs =
        |column: &usize| before.column(*column).slice(earlier, 1) != after.column(*column).slice(later, 1);
    (1..after.num_columns()).filter(differs).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, StringArray, UInt32Array, new_null_array};

    use super::*;

    /// A table whose rows are `id=status`, at places that count from `first`.
    fn allergies(first: u32, rows: &[(Option<&str>, &str)]) -> RecordBatch {
        let schema = Table::Allergies.schema();
        let columns = schema.fields().iter().map(|field| -> ArrayRef {
            match field.name().as_str() {
                "entry_index" => {
                    Arc::new(UInt32Array::from_iter_values((0..rows.len()).map(|row| first + row as u32)))
                }
                "allergy_id" => Arc::new(StringArray::from_iter(rows.iter().map(|(id, _)| *id))),
                "clinical_status" => {
                    Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, status)| *status)))
                }
                _ if field.is_nullable() => new_null_array(field.data_type(), rows.len()),
                _ => {
                    let nulls = new_null_array(field.data_type(), rows.len());
                    let data = nulls.to_data().into_builder().nulls(None).build().expect("empty lists");
                    arrow_array::make_array(data)
                }
            }
        });
        RecordBatch::try_new(Arc::clone(&schema), columns.collect()).expect("the table's schema")
    }

    fn compared(before: &[(Option<&str>, &str)], after: &[(Option<&str>, &str)]) -> TableChanges {
        changes(Table::Allergies, &allergies(0, before), &allergies(100, after))
    }

    #[test]
    fn rows_are_new_gone_changed_or_the_same_wherever_they_stand_in_the_bundle() {
        let before = [(Some("a"), "active"), (Some("b"), "active"), (Some("c"), "active")];
        assert_eq!(compared(&before, &before), TableChanges::default());
        let turned = [before[2], before[0], before[1]];
        assert_eq!(compared(&before, &turned), TableChanges::default(), "order says nothing");
        let after = [(Some("d"), "active"), (Some("c"), "resolved"), (Some("a"), "active")];
        let changes = compared(&before, &after);
        assert_eq!(changes, TableChanges { new: vec![0], gone: vec![1], changed: vec![(2, 1)] });
        assert_eq!(changes.counts(), ChangeCounts { new: 1, gone: 1, changed: 1 });
        let (before, after) = (allergies(0, &before), allergies(9, &after));
        let columns = changed_columns((&before, 2), (&after, 1));
        let names: Vec<_> = columns.iter().map(|column| before.schema_ref().field(*column).name()).collect();
        assert_eq!(names, ["clinical_status"]);
    }

    #[test]
    fn copies_of_one_id_are_matched_by_content_and_then_in_order() {
        let before = [(Some("a"), "active"), (Some("a"), "resolved")];
        let after = [(Some("a"), "resolved"), (Some("a"), "inactive"), (Some("a"), "active")];
        assert_eq!(compared(&before, &after), TableChanges { new: vec![1], ..TableChanges::default() });
        let after = [(Some("a"), "resolved"), (Some("a"), "inactive")];
        assert_eq!(
            compared(&before, &after),
            TableChanges { changed: vec![(0, 1)], ..TableChanges::default() }
        );
    }

    #[test]
    fn rows_without_an_id_are_never_taken_for_a_changed_one() {
        let changes =
            compared(&[(None, "active"), (None, "active")], &[(None, "active"), (None, "resolved")]);
        assert_eq!(changes, TableChanges { new: vec![1], gone: vec![1], changed: vec![] });
    }

    #[test]
    fn every_table_is_known_by_columns_that_it_has() {
        for table in Table::ALL {
            for name in known_by(table).iter().copied().flatten() {
                assert!(table.schema().column_with_name(name).is_some(), "{} {name}", table.as_str());
            }
        }
    }
}
