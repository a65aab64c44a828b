//! The views of `bedside-frames` for a person, or as data for a program.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use bedside_frames::{AreaCaveats, Caveats, Collected};
use bedside_model::ClinicalArea;
use bedside_model::schema::Table;

use super::data::{DataFormat, metadata, rows};
use super::escape::escape;
use super::grid::{records, wrapped};
use super::page::{Page, ward_time};
use super::record::Record;
use super::rows::Rows;
use super::sections::Section;
use super::summary::{caveat_lines, heading, section_lines};
use super::{tree, views};

/// The consultations of a record, the latest first, each with the id that names it.
pub fn consultations(record: &Record, page: Page) -> String {
    let sections = record.sections();
    let section = sections.iter().find(|section| section.is(ClinicalArea::Consultations));
    let table = record.table(Table::Consultations);
    let rows = Rows(&table);
    let mut text = heading(record, page);
    text.push_str(&caveat_lines("Consultations", section, rows.len(), page.width));
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|row| std::cmp::Reverse(rows.day(*row, "start_from")));
    for row in order {
        let id = escape(rows.text(row, "consultation_id").unwrap_or("(without id)"));
        text.push_str(&format!("{id}  {}\n", tree::header(rows, row)));
    }
    text
}

/// The ids of consultations that begin with those characters.
pub fn consultations_from<'a>(record: &'a Record, start: &'a str) -> Vec<String> {
    let table = record.table(Table::Consultations);
    let rows = Rows(&table);
    let ids = (0..rows.len()).filter_map(|row| rows.text(row, "consultation_id"));
    let mut ids: Vec<String> = ids.filter(|id| id.starts_with(start)).map(str::to_owned).collect();
    ids.sort();
    ids.dedup();
    // A whole id is meant even where another begins with it.
    if ids.iter().any(|id| id == start) { vec![start.to_owned()] } else { ids }
}

/// What a view is about, which decides how its rows are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Rows of `medications`.
    Medication,
    /// Rows of `allergies`.
    Allergies,
    /// Rows of `problems`.
    Problems,
    /// The nodes of one consultation.
    Consultation,
    /// What differs from an earlier generation.
    Changes,
    /// Areas and notices.
    Completeness,
}

/// A view for a person: where the record is from, what may be concluded of the areas of the view, its groups,
/// and what it leaves out.
pub fn view(record: &Record, subject: Subject, collected: &Collected, page: Page) -> String {
    let sections = sections_of(record, collected);
    let mut text = heading(record, page);
    if subject != Subject::Completeness {
        text.push_str(&section_lines(&sections, page.width));
    }
    text.push_str(&earlier_lines(collected, page));
    if collected.rows.num_rows() == 0 && subject != Subject::Medication {
        text.push_str(&caveat_lines("This view", sections.first(), 0, page.width));
    }
    for (number, (name, rows)) in groups(subject, collected).into_iter().enumerate() {
        text.push_str(&match subject {
            Subject::Consultation => tree::consultation(Rows(&rows), page.width),
            Subject::Changes => changes(&name, Rows(&rows), page.width),
            Subject::Completeness => completeness(&name, Rows(&rows), page.width),
            // The warnings stand above the first list; those below it are of the same area.
            _ => list(record, subject, (&name, &rows), (sections.first(), number == 0, page.width)),
        });
    }
    let left_out: Vec<_> = collected
        .left_out
        .iter()
        .map(|(kind, count)| format!("{count} {}", escape(kind).replace('_', " ")))
        .collect();
    if !left_out.is_empty() {
        text.push_str(&wrapped("\nNot in this view: ", &left_out.join(", "), page.width));
    }
    text
}

/// Writes the rows of a view as data to `out`, and its caveats to `people`. The caveats are in every row, too.
///
/// # Errors
/// What a writer says; the rows themselves can always be written.
pub fn view_data(
    record: &Record,
    (collected, format): (&Collected, DataFormat),
    page: Page,
    out: impl Write,
    people: &mut dyn Write,
) -> Result<(), ArrowError> {
    let sections = sections_of(record, collected);
    people.write_all(heading(record, page).as_bytes())?;
    people.write_all(section_lines(&sections, page.width).as_bytes())?;
    people.write_all(earlier_lines(collected, page).as_bytes())?;
    rows(&collected.rows, format, metadata(record, &sections), out)
}

/// Which generation it is compared with, and what may be concluded of that.
fn earlier_lines(collected: &Collected, page: Page) -> String {
    let Some(earlier) = collected.caveats.earlier.as_deref() else { return String::new() };
    let Caveats { generation, retrieved_at, areas, .. } = earlier;
    let at = ward_time(*retrieved_at);
    let told = format!("Compared with generation {generation}, retrieved {at}, of which was said:");
    let sections: Vec<Section> = areas.iter().map(AreaCaveats::clone).map(Section::from).collect();
    wrapped("", &told, page.width) + &section_lines(&sections, page.width)
}

fn sections_of(record: &Record, collected: &Collected) -> Vec<Section> {
    let areas: Vec<ClinicalArea> = collected.caveats.areas.iter().map(|caveats| caveats.area).collect();
    let mut sections = record.sections();
    sections.retain(|section| areas.iter().any(|area| section.is(*area)));
    // That of the rows first.
    sections.sort_by_key(|section| areas.iter().position(|area| section.is(*area)));
    sections
}

/// The groups to show. Of medication all that were looked for: no repeat stopped of late is not the same as not asked.
fn groups(subject: Subject, collected: &Collected) -> Vec<(String, RecordBatch)> {
    let found = collected.groups();
    if subject != Subject::Medication {
        return found;
    }
    let of = |name: &String| {
        let rows = found.iter().find(|(group, _)| group == name).map(|(_, rows)| rows.clone());
        (name.clone(), rows.unwrap_or_else(|| collected.rows.slice(0, 0)))
    };
    collected.looked_for.iter().map(of).collect()
}

fn list(
    record: &Record,
    subject: Subject,
    (name, rows): (&str, &RecordBatch),
    (section, is_first, width): (Option<&Section>, bool, u16),
) -> String {
    let listing = match subject {
        Subject::Allergies => views::allergy_rows(rows, |_, _| true),
        Subject::Problems => views::problem_rows(rows, |_, _| true),
        _ => views::medication_rows(rows, &record.table(Table::Problems), |_, _| true),
    };
    let (title, shown) = (title(subject, name), listing.rows.len());
    let caveats = match is_first {
        true => caveat_lines(title, section, shown, width),
        false => format!("\n{title}: {shown} shown\n"),
    };
    if shown == 0 {
        return caveats;
    }
    caveats + &listing.text(width)
}

/// What a group of a view is called on a page. The name of a group is part of the view, never of the record.
fn title(subject: Subject, group: &str) -> &str {
    match (subject, group) {
        (_, "at_practice") => "Current medication",
        (_, "prescribed_elsewhere") => "Prescribed elsewhere, as the practice recorded it",
        (_, "current") => "Current",
        (_, "not_issued") => "Authorised and never issued: not to be taken as taken",
        (_, "recently_stopped") => "Repeats that ended or were last issued in the last 6 months",
        (_, "recent_acute") => "Acute medication of the last 12 months that is over",
        (Subject::Allergies, "active") => "Allergies",
        (_, "no_known_allergy") => "Assertions of no known allergy",
        (Subject::Allergies, "ended") => "Allergies that have ended",
        (_, "active") => "Problems",
        (_, other) => other,
    }
}

fn changes(group: &str, rows: Rows<'_>, width: u16) -> String {
    let cell =
        |row: usize, column: &str| escape(rows.text(row, column).unwrap_or_default()).replace('_', " ");
    let value = |row: usize, column: &str| escape(rows.text(row, column).unwrap_or_default()).into_owned();
    let what = |row: usize| value(row, if rows.text(row, "term").is_some() { "term" } else { "id" });
    let all = 0..rows.len();
    let (title, header, cells): (_, &[&str], Vec<Vec<String>>) = match group {
        "new" | "gone" => {
            let title = if group == "new" {
                "New"
            } else {
                "Not sent any more: look at the areas above before you say why"
            };
            (title, &["Table", "Record"], all.map(|row| vec![cell(row, "table"), what(row)]).collect())
        }
        _ => {
            let title = if group == "area" { "Something else may be concluded" } else { "Changed" };
            let cells = all.map(|row| {
                vec![
                    cell(row, "table"),
                    what(row),
                    cell(row, "column"),
                    value(row, "before"),
                    value(row, "after"),
                ]
            });
            (title, &["Table", "Record", "What", "Before", "Now"], cells.collect())
        }
    };
    format!("\n{title}\n{}", records(header, &cells, width))
}

fn completeness(group: &str, rows: Rows<'_>, width: u16) -> String {
    let title = match group {
        "section" => "Areas",
        "error" => "Errors",
        "warning" => "Warnings",
        _ => "Information",
    };
    let mut text = format!("\n{title}\n");
    for row in 0..rows.len() {
        let area = rows.text(row, "area").unwrap_or("whole record");
        let words = rows.text(row, "words").or(rows.text(row, "code")).unwrap_or_default();
        let times = rows.count(row, "times").filter(|times| *times > 1);
        let times = times.map_or_else(String::new, |times| format!(" ({times} times)"));
        let told = format!("{}{times}", escape(words));
        text.push_str(&wrapped(&format!("  {:<15} ", escape(area)), &told, width));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Array, ArrayRef, StringArray, UInt32Array};
    use arrow_schema::{DataType, Field, Schema};
    use bedside_frames::{AreaCaveats, Caveats};
    use serde_json::{Value, json};

    use super::super::testing::{batch, page, record};
    use super::*;

    /// A view of those rows of a table, each in its group.
    fn collected(table: Table, rows: &[(&str, Value)], areas: &[ClinicalArea]) -> Collected {
        let values: Vec<Value> = rows.iter().map(|(_, row)| row.clone()).collect();
        let of_table = batch(table, &values);
        let groups: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|(group, _)| *group)));
        let mut fields: Vec<Field> =
            of_table.schema().fields().iter().map(|field| Field::clone(field)).collect();
        fields.push(Field::new("group", DataType::Utf8, false));
        let columns = of_table.columns().iter().cloned().chain([groups]).collect();
        let rows =
            RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns of one length");
        let looked_for = ["current", "not_issued", "recently_stopped"].map(str::to_owned).to_vec();
        let left_out = vec![("context_only".to_owned(), 2)];
        Collected { caveats: caveats(areas), looked_for, rows, left_out }
    }

    fn caveats(areas: &[ClinicalArea]) -> Caveats {
        let of = |area: &ClinicalArea| AreaCaveats {
            area: *area,
            state: "returned".to_owned(),
            entries: Some(1),
            warnings: Vec::new(),
            warning_text: None,
            incomplete: false,
            incomplete_before: None,
        };
        Caveats {
            practice: Some("A99001".to_owned()),
            retrieved_at: page(120).now,
            freshness: bedside_cache::Freshness::Fresh,
            generation: 1,
            areas: areas.iter().map(of).collect(),
            earlier: None,
        }
    }

    fn warned() -> Record {
        let section = |area: &str| {
            json!({"area": area, "state": "returned", "entries": 2, "incomplete": true,
                "warnings": ["data-in-transit"], "warning_text": "Some of it is on its way."})
        };
        record(&[(Table::Sections, vec![section("medications"), section("problems"), section("diary")])])
    }

    #[test]
    fn every_group_of_a_view_has_a_title() {
        for (subject, groups) in [
            (
                Subject::Medication,
                &[
                    "at_practice",
                    "prescribed_elsewhere",
                    "current",
                    "not_issued",
                    "recently_stopped",
                    "recent_acute",
                ][..],
            ),
            (Subject::Allergies, &["active", "no_known_allergy", "ended"]),
            (Subject::Problems, &["active"]),
        ] {
            for group in groups {
                assert_ne!(title(subject, group), *group);
            }
        }
    }

    #[test]
    fn groups_stand_apart_below_the_caveats_of_their_areas_and_the_rest_is_counted() {
        let stopped = json!({"medication_term": "Amlodipine", "class": "stopped", "status_reason": "Swollen ankles",
            "status_changed": "2025-12-01", "status_changed_from": "2025-12-01", "effective_start": "2019-06"});
        let rows = [
            ("current", json!({"medication_term": "Ramipril", "class": "current"})),
            ("recently_stopped", stopped),
        ];
        let areas = [ClinicalArea::Medications, ClinicalArea::Problems];
        let text =
            view(&warned(), Subject::Medication, &collected(Table::Medications, &rows, &areas), page(200));
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} not in:\n{text}"));
        assert!(place("2 hours ago") < place("! medications, problems: Some of it is on its way."));
        assert!(place("Some of it") < place("Current: 1 shown"));
        assert!(
            place("Ramipril") < place("Repeats that ended")
                && place("Repeats that ended") < place("Amlodipine")
        );
        assert!(
            text.contains("\nAuthorised and never issued: not to be taken as taken: 0 shown\n"),
            "{text}"
        );
        assert!(text.contains("started Jun-2019; ended 01-Dec-2025; Swollen ankles"), "{text}");
        assert!(text.ends_with("\nNot in this view: 2 context only\n"), "{text}");
        assert!(!text.contains("diary"), "an area that the view is not of:\n{text}");
        assert_eq!(text.matches("\n! Some of it is on its way.").count(), 1, "above the first list:\n{text}");
    }

    #[test]
    fn a_view_without_a_row_says_what_may_be_concluded() {
        let empty = Collected {
            left_out: Vec::new(),
            ..collected(Table::Medications, &[], &[ClinicalArea::Medications])
        };
        let text = view(&warned(), Subject::Medication, &empty, page(120));
        assert!(text.contains("\nCurrent: 0 shown (2 entries, INCOMPLETE)\n! Some of it"), "{text}");
        assert!(
            text.contains("\nRepeats that ended or were last issued in the last 6 months: 0 shown\n"),
            "{text}"
        );
        let text = view(&warned(), Subject::Problems, &empty, page(120));
        assert!(text.contains("This view: 0 shown (2 entries, INCOMPLETE)\n! Some of it"), "{text}");
    }

    #[test]
    fn a_consultation_is_drawn_as_a_tree_and_nothing_in_it_steers_the_terminal() {
        let node = |node: u32, parent: Option<u32>, level: &str, title: &str| {
            ("node", json!({"node": node, "parent": parent, "level": level, "title": title}))
        };
        let mut item = node(2, Some(1), "item", "");
        item.1["item_type"] = json!("Observation");
        item.1["display"] = json!("seen\u{1b}[2J \u{202e}today");
        item.1["availability"] = json!("ok");
        let rows = [node(0, None, "consultation", "Visit"), node(1, Some(0), "topic", "Cough\u{9b}"), item];
        let of = collected(Table::ConsultationNodes, &rows, &[ClinicalArea::Consultations]);
        let text = view(&warned(), Subject::Consultation, &of, page(120));
        let tree = "Visit\n  Cough\\u{9b}\n    - observation: seen\\u{1b}[2J \\u{202e}today\n";
        assert!(text.contains(tree), "{text}");
    }

    #[test]
    fn changes_stand_below_the_caveats_of_both_generations() {
        let columns = ["group", "table", "id", "term", "column", "before", "after"];
        let rows = [
            ["new", "problems", "p1", "Asthma", "", "", ""],
            ["changed", "medications", "m1", "Ramipril", "dosage_text", "One\u{1b}[2J", "Two"],
            ["gone", "allergies", "a1", "Penicillin", "", "", ""],
        ];
        let fields = columns.map(|name| Field::new(name, DataType::Utf8, true));
        let arrays = (0..columns.len()).map(|column| -> ArrayRef {
            let values = rows.iter().map(|row| Some(row[column]).filter(|text| !text.is_empty()));
            Arc::new(StringArray::from_iter(values))
        });
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), arrays.collect());
        let mut earlier = caveats(&[ClinicalArea::Allergies]);
        earlier.areas[0].state = "returned_with_exclusions".to_owned();
        let caveats = Caveats { earlier: Some(Box::new(earlier)), ..caveats(&[ClinicalArea::Medications]) };
        let (looked_for, left_out) = (Vec::new(), Vec::new());
        let of = Collected { caveats, looked_for, rows: rows.expect("columns"), left_out };
        let text = view(&warned(), Subject::Changes, &of, page(120));
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} not in:\n{text}"));
        assert!(place("medications     2 entries, INCOMPLETE") < place("Compared with generation 1"));
        assert!(place("Compared with") < place("allergies       1 entry, and items were WITHHELD"));
        assert!(place("WITHHELD") < place("\nNew\n") && place("\nNew\n") < place("\nChanged\n"));
        assert!(
            text.contains("dosage text") && text.contains("One\\u{1b}[2J") && text.contains("Two"),
            "{text}"
        );
        assert!(place("Not sent any more: look at the areas") < place("Penicillin"));
        let mut people = Vec::new();
        view_data(&warned(), (&of, DataFormat::Ndjson), page(120), Vec::new(), &mut people).expect("written");
        assert!(String::from_utf8(people).expect("text").contains("Compared with generation 1"));
    }

    #[test]
    fn completeness_tells_how_often_a_notice_was_given() {
        let texts = |texts: [&str; 2]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("group", texts(["section", "warning"])),
            ("area", texts(["allergies", "medications"])),
            ("code", texts(["returned", "c"])),
            ("words", texts(["1 entry", "told\u{7}"])),
            ("times", Arc::new(UInt32Array::from(vec![1, 3]))),
        ];
        let fields = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let rows = RecordBatch::try_new(schema, columns.into_iter().map(|(_, column)| column).collect());
        let (looked_for, left_out) = (Vec::new(), Vec::new());
        let of = Collected { caveats: caveats(&[]), looked_for, rows: rows.expect("columns"), left_out };
        let text = view(&warned(), Subject::Completeness, &of, page(120));
        assert!(text.contains("\nAreas\n  allergies       1 entry\n"), "{text}");
        assert!(text.contains("\nWarnings\n  medications     told\\u{7} (3 times)\n"), "{text}");
    }
}
