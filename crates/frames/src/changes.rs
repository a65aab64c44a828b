use arrow_array::{Array, RecordBatch, StringArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::ArrowError;
use bedside_cache::{Generations, OpenEpisode};
use bedside_model::ClinicalArea;
use bedside_model::schema::Table;
use polars::prelude::col;

use crate::caveats::{Caveats, column};
use crate::frames::FrameError;
use crate::view::{View, texts};

const AREAS: [ClinicalArea; 4] =
    [ClinicalArea::Medications, ClinicalArea::Allergies, ClinicalArea::Problems, ClinicalArea::Consultations];

/// A table that is compared: the columns of which the first that says something is a row's id, and likewise its term.
struct Compared {
    table: Table,
    ids: &'static [&'static str],
    terms: &'static [&'static str],
}

const COMPARED: [Compared; 5] = [
    Compared {
        table: Table::Medications,
        ids: &["medication_id", "plan_id"],
        terms: &["medication_term", "medication_text"],
    },
    Compared {
        table: Table::MedicationIssues,
        ids: &["issue_id"],
        terms: &["medication_term", "medication_text"],
    },
    Compared { table: Table::Allergies, ids: &["allergy_id"], terms: &["allergy_term", "allergy_text"] },
    Compared { table: Table::Problems, ids: &["problem_id"], terms: &["problem_term", "problem_text"] },
    Compared { table: Table::Consultations, ids: &["consultation_id"], terms: &["type_term", "start"] },
];

/// What differs between the record of an episode and the one that it replaced, by the ids of the records.
///
/// Groups: `area` (what may be concluded of an area has changed), `new`, `changed` (a row for each column that
/// differs) and `gone`. Columns: `table`, `id`, `term`, `column`, `before` and `after`, the values as text. That a
/// record is gone says that the practice does not send it any more, and where its area is not whole, not even that:
/// the caveats are of both generations.
///
/// # Errors
/// [`FrameError::NoEarlierGeneration`], and the others; without the caveats of both generations there is no view.
pub fn changes(generations: &Generations) -> Result<View, FrameError> {
    let earlier = generations.earlier.as_ref().ok_or(FrameError::NoEarlierGeneration)?;
    let before = Caveats::of(earlier, &AREAS)?;
    let after = Caveats::of(&generations.current, &AREAS)?;
    let mut rows = areas(&before, &after);
    for compared in &COMPARED {
        compare(generations, earlier, compared, &mut rows).map_err(FrameError::Collected)?;
    }
    let caveats = Caveats { earlier: Some(Box::new(before)), ..after };
    let stamp = caveats.columns();
    let rows = frame(rows)?.with_columns([col("group").alias("kind")]).with_row_index("row", None);
    Ok(View::stamped(caveats, &stamp, rows, (&["area", "new", "changed", "gone"], None)))
}

/// One row of the view.
#[derive(Default)]
struct Row {
    group: &'static str,
    table: &'static str,
    id: Option<String>,
    term: Option<String>,
    column: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

fn frame(rows: Vec<Row>) -> Result<polars::prelude::LazyFrame, FrameError> {
    let column = |of: &dyn Fn(&Row) -> Option<String>| rows.iter().map(of).collect();
    texts(vec![
        ("group", column(&|row| Some(row.group.to_owned()))),
        ("table", column(&|row| Some(row.table.to_owned()))),
        ("id", column(&|row| row.id.clone())),
        ("term", column(&|row| row.term.clone())),
        ("column", column(&|row| row.column.clone())),
        ("before", column(&|row| row.before.clone())),
        ("after", column(&|row| row.after.clone())),
    ])
}

/// The areas of which something else may be concluded now. A count of entries is no such thing.
fn areas(before: &Caveats, after: &Caveats) -> Vec<Row> {
    let mut rows = Vec::new();
    for (before, after) in before.areas.iter().zip(&after.areas) {
        let said = [
            ("state", before.state.clone(), after.state.clone()),
            ("incomplete", before.incomplete.to_string(), after.incomplete.to_string()),
            ("warnings", before.warnings.join("; "), after.warnings.join("; ")),
        ];
        rows.extend(said.into_iter().filter(|(_, before, after)| before != after).map(
            |(column, before, after_words)| Row {
                group: "area",
                table: Table::Sections.as_str(),
                id: Some(after.area.as_str().to_owned()),
                column: Some(column.to_owned()),
                before: Some(before),
                after: Some(after_words),
                ..Row::default()
            },
        ));
    }
    rows
}

fn compare(
    generations: &Generations,
    earlier: &OpenEpisode,
    compared: &Compared,
    rows: &mut Vec<Row>,
) -> Result<(), ArrowError> {
    let (before, after) = (earlier.table(compared.table), generations.current.table(compared.table));
    let Some(changes) = generations.changes(compared.table) else { return Ok(()) };
    rows.extend(changes.new.iter().map(|row| compared.row("new", (after, *row))));
    rows.extend(changes.gone.iter().map(|row| compared.row("gone", (before, *row))));
    for (old, new) in changes.changed {
        for name in generations.changed_columns(compared.table, (old, new)) {
            rows.push(Row {
                column: Some(name.to_owned()),
                before: value(before, name, old)?,
                after: value(after, name, new)?,
                ..compared.row("changed", (after, new))
            });
        }
    }
    Ok(())
}

impl Compared {
    fn row(&self, group: &'static str, (batch, row): (&RecordBatch, usize)) -> Row {
        let first = |names: &[&str]| names.iter().find_map(|name| text(batch, name, row));
        Row {
            group,
            table: self.table.as_str(),
            id: first(self.ids),
            term: first(self.terms),
            ..Row::default()
        }
    }
}

fn text(batch: &RecordBatch, name: &str, row: usize) -> Option<String> {
    let texts = column::<StringArray>(batch, name).filter(|texts| texts.is_valid(row))?;
    Some(texts.value(row).to_owned())
}

/// A value in words; null stays null.
fn value(batch: &RecordBatch, name: &str, row: usize) -> Result<Option<String>, ArrowError> {
    let Some(values) = batch.column_by_name(name).filter(|values| values.is_valid(row)) else {
        return Ok(None);
    };
    let formatter = ArrayFormatter::try_new(values.as_ref(), &FormatOptions::default())?;
    Ok(Some(formatter.value(row).try_to_string()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{by_group, collected, generations, opened, section, sections, texts};

    #[test]
    fn what_is_new_gone_or_changed_is_told_by_its_id_and_its_columns() {
        let drug = |id: &str, term: &str, dose: &str| json!({"medication_id": id, "medication_term": term, "dosage_text": dose});
        let allergy = |id: &str, term: &str| json!({"allergy_id": id, "allergy_term": term});
        let both = generations([
            &[
                (Table::Sections, sections()),
                (Table::Medications, vec![drug("m1", "Ramipril", "One daily"), drug("m2", "Aspirin", "One")]),
                (Table::Allergies, vec![allergy("a1", "Penicillin")]),
            ],
            &[
                (Table::Sections, sections()),
                // In another place of the bundle, which says nothing.
                (
                    Table::Medications,
                    vec![drug("m3", "Metformin", "Two"), drug("m1", "Ramipril", "Two daily")],
                ),
                (Table::Allergies, vec![allergy("a1", "Penicillin")]),
            ],
        ]);
        let view = collected(changes(&both));
        let groups = by_group(&view, "id");
        let expected = [("new", "m3"), ("changed", "m1"), ("gone", "m2")];
        assert_eq!(groups, expected.map(|(group, id)| (group.to_owned(), vec![id.to_owned()])));
        assert_eq!(texts(&view.rows, "term"), ["Metformin", "Ramipril", "Aspirin"]);
        assert_eq!(texts(&view.rows, "column"), ["", "dosage_text", ""]);
        assert_eq!(texts(&view.rows, "before"), ["", "One daily", ""]);
        assert_eq!(texts(&view.rows, "after"), ["", "Two daily", ""]);
        assert_eq!(texts(&view.rows, "table"), ["medications"; 3]);
    }

    #[test]
    fn the_caveats_are_of_both_generations_and_stand_in_every_row() {
        let mut failed = sections();
        failed.retain(|row| row["area"] != "allergies");
        failed.push(section("allergies", "failed"));
        let both = generations([
            &[(Table::Sections, sections()), (Table::Allergies, vec![json!({"allergy_id": "a1"})])],
            &[(Table::Sections, failed)],
        ]);
        let view = collected(changes(&both));
        let earlier = view.caveats.earlier.as_ref().expect("compared with one");
        assert_eq!((earlier.generation, view.caveats.generation), (1, 2));
        assert_eq!(
            (earlier.areas[1].state.as_str(), view.caveats.areas[1].state.as_str()),
            ("returned", "failed")
        );
        let groups = by_group(&view, "column");
        assert_eq!(
            groups[0],
            ("area".to_owned(), ["state", "incomplete", "warnings"].map(String::from).to_vec())
        );
        assert_eq!(groups[1].0, "gone", "and every such row says that the area failed");
        assert_eq!(texts(&view.rows, "allergies_state"), ["failed"; 4]);
        assert_eq!(texts(&view.rows, "earlier_allergies_state"), ["returned"; 4]);
        assert_eq!(texts(&view.rows, "earlier_generation"), ["1"; 4]);
    }

    #[test]
    fn the_same_record_twice_has_no_changes_and_one_alone_has_no_such_view() {
        let tables: &[(Table, Vec<serde_json::Value>)] =
            &[(Table::Sections, sections()), (Table::Problems, vec![json!({"problem_id": "p1"})])];
        let view = collected(changes(&generations([tables, tables])));
        assert_eq!((view.rows.num_rows(), view.caveats.areas.len()), (0, 4));
        let alone = Generations { current: opened(tables), earlier: None };
        assert!(matches!(changes(&alone), Err(FrameError::NoEarlierGeneration)));
        let without: &[(Table, Vec<serde_json::Value>)] = &[];
        assert!(matches!(changes(&generations([without, tables])), Err(FrameError::NoCaveats { .. })));
    }
}
