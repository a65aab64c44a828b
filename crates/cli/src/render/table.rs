use bedside_model::ClinicalArea;
use bedside_model::schema::Table;

use super::escape::escape;
use super::grid::records;
use super::page::Page;
use super::record::Record;
use super::rows::Rows;
use super::sections::Section;
use super::summary::{heading, section_lines};

/// One table for a person: the caveats of its areas, then the columns that fit a page, then what was left out.
pub fn table(record: &Record, table: Table, page: Page) -> String {
    let batch = record.table(table);
    let rows = Rows(&batch);
    let cells = |column: &&str| -> Vec<String> {
        (0..rows.len()).map(|row| escape(&rows.cell(row, column)).into_owned()).collect()
    };
    let (shown, empty): (Vec<_>, Vec<_>) = page_columns(table)
        .iter()
        .map(|column| (*column, cells(column)))
        .partition(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()));
    let mut text = heading(record, page);
    text.push_str(&section_lines(&sections_of(record, table), page.width));
    text.push_str(&format!("\n{}: {} rows\n", table.as_str(), rows.len()));
    if rows.len() == 0 {
        return text;
    }
    let header: Vec<String> = shown.iter().map(|(column, _)| column.replace('_', " ")).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let body: Vec<Vec<String>> =
        (0..rows.len()).map(|row| shown.iter().map(|(_, cells)| cells[row].clone()).collect()).collect();
    text.push_str(&records(&header, &body, page.width));
    if !empty.is_empty() {
        let names: Vec<_> = empty.iter().map(|(column, _)| *column).collect();
        text.push_str(&format!("Empty in every row: {}\n", names.join(", ")));
    }
    text.push_str(&format!(
        "{} of {} columns; all of them with --format ndjson, csv or arrow\n",
        shown.len(),
        batch.num_columns()
    ));
    text
}

/// What must be said beside a table that is handed on as data: provenance and the state of its areas.
pub(super) fn caveats(record: &Record, table: Table, page: Page) -> String {
    let mut text = heading(record, page);
    text.push_str(&section_lines(&sections_of(record, table), page.width));
    text
}

/// The sections that say what may be concluded from a table: its own area, or all of them.
pub(super) fn sections_of(record: &Record, table: Table) -> Vec<Section> {
    let area = match table {
        Table::Medications | Table::MedicationIssues => Some(ClinicalArea::Medications),
        Table::Allergies => Some(ClinicalArea::Allergies),
        Table::Problems => Some(ClinicalArea::Problems),
        Table::Consultations | Table::ConsultationNodes => Some(ClinicalArea::Consultations),
        Table::Links | Table::Sections | Table::Notices => None,
    };
    let keep = |section: &Section| area.is_none_or(|area| section.is(area));
    record.sections().into_iter().filter(keep).collect()
}

/// The columns that a person reads first. Flags, membership and degradation are never left out.
fn page_columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::Medications => &[
            "medication_term",
            "medication_degraded",
            "class",
            "prescription_type",
            "dosage_text",
            "effective_start",
            "last_issue",
            "prescribing_agency_text",
            "membership",
            "flags",
        ],
        Table::MedicationIssues => &[
            "medication_term",
            "medication_degraded",
            "status",
            "issued",
            "issue_end",
            "dosage_text",
            "quantity_text",
            "membership",
            "flags",
        ],
        Table::Allergies => &[
            "allergy_term",
            "allergy_degraded",
            "derived_status",
            "reaction_term",
            "reaction_severity",
            "criticality",
            "onset",
            "ended",
            "notes",
            "membership",
            "flags",
        ],
        Table::Problems => &[
            "problem_term",
            "problem_degraded",
            "clinical_status",
            "significance",
            "onset",
            "abatement",
            "notes",
            "membership",
            "flags",
        ],
        Table::Consultations => &[
            "start",
            "type_term",
            "clinician",
            "organisation",
            "draft",
            "medication_count",
            "issue_count",
            "allergy_count",
            "problem_count",
            "membership",
            "flags",
        ],
        Table::ConsultationNodes => {
            &["consultation_id", "node", "parent", "level", "title", "item_type", "display", "availability"]
        }
        Table::Links => &["from_type", "from_id", "relation", "to_type", "to_id", "resolved", "display"],
        Table::Sections => {
            &["area", "requested", "state", "entries", "warnings", "warning_text", "incomplete"]
        }
        Table::Notices => &["severity", "area", "code", "text", "resource_type", "resource_id", "origin"],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{page, record, returned};
    use super::*;

    #[test]
    fn a_page_has_the_caveats_of_its_area_and_names_what_it_leaves_out() {
        let rows =
            vec![json!({"problem_term": "Hypertension", "membership": "primary", "flags": ["malformed"]})];
        let record = record(&[
            (Table::Sections, returned(&[("problems", 1), ("allergies", 9)])),
            (Table::Problems, rows),
        ]);
        let text = super::table(&record, Table::Problems, page(120));
        assert!(text.contains("practice A99001") && text.contains("  problems        1 entry\n"), "{text}");
        assert!(!text.contains("9 entries"), "another area");
        assert!(text.contains("Hypertension") && text.contains("malformed"));
        assert!(text.contains("Empty in every row: problem_degraded, clinical_status"), "{text}");
        let empty = super::table(&record, Table::Allergies, page(120));
        assert!(empty.contains("9 entries") && empty.ends_with("allergies: 0 rows\n"), "{empty}");
    }

    #[test]
    fn every_page_column_is_a_column_of_its_table() {
        for table in Table::ALL {
            let schema = table.schema();
            for column in page_columns(table) {
                assert!(schema.field_with_name(column).is_ok(), "{}.{column}", table.as_str());
            }
        }
    }

    #[test]
    fn clinical_pages_never_leave_out_what_qualifies_a_row() {
        for table in &Table::ALL[..5] {
            let columns = page_columns(*table);
            assert!(columns.ends_with(&["membership", "flags"]), "{}", table.as_str());
            // Whether a consultation's type lost its code decides nothing about a patient.
            let degraded = *table == Table::Consultations || columns[1].ends_with("_degraded");
            assert!(degraded, "{}", table.as_str());
        }
    }
}
