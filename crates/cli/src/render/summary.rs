use bedside_model::ClinicalArea;
use bedside_model::schema::Table;

use super::grid::wrapped;
use super::page::Page;
use super::record::Record;
use super::rows::Rows;
use super::sections::Section;
use super::views;

/// One screen of a record: where it is from, what may be concluded of each of the ten areas, and the current
/// medication, allergies and problems. The caveats stand above the lists; there is no way to get the lists
/// alone.
pub fn summary(record: &Record, page: Page) -> String {
    let sections = record.sections();
    let mut text = heading(record, page);
    text.push_str(&section_lines(&sections, page.width));
    text.push_str(&notice_lines(record, page.width));
    let problems = record.table(Table::Problems);
    let medications = views::current_medications(&record.table(Table::Medications), &problems);
    let lists = [
        ("Current medication", ClinicalArea::Medications, medications),
        ("Allergies", ClinicalArea::Allergies, views::allergies(&record.table(Table::Allergies))),
        ("Problems", ClinicalArea::Problems, views::problems(&problems)),
    ];
    for (title, area, listing) in lists {
        let section = sections.iter().find(|section| section.is(area));
        text.push_str(&caveat_lines(title, section, listing.rows.len(), page.width));
        text.push_str(&listing.text(page.width));
    }
    text
}

/// Title and provenance.
pub(super) fn heading(record: &Record, page: Page) -> String {
    let mut text = format!("GP record of episode {}\n", record.episode());
    for line in record.provenance(|at| page.age(at)) {
        text.push_str(&wrapped("", &line, page.width));
    }
    text
}

/// One line for each area that was asked for, one for all that were not, and each warning once with the areas
/// that it is about.
pub(super) fn section_lines(sections: &[Section], width: u16) -> String {
    let (mut text, mut warnings) = (String::new(), Vec::<(String, Vec<String>)>::new());
    for section in sections.iter().filter(|section| section.was_requested()) {
        text.push_str(&wrapped(&format!("  {:<15} ", section.area()), &section.conclusion(), width));
        for warning in section.warnings() {
            match warnings.iter_mut().find(|(told, _)| *told == warning) {
                Some((_, areas)) => areas.push(section.area()),
                None => warnings.push((warning, vec![section.area()])),
            }
        }
    }
    let unasked: Vec<_> =
        sections.iter().filter(|section| !section.was_requested()).map(Section::area).collect();
    if !unasked.is_empty() {
        text.push_str(&wrapped("  not asked for   ", &unasked.join(", "), width));
    }
    for (warning, areas) in warnings {
        text.push_str(&wrapped("  ! ", &format!("{}: {warning}", areas.join(", ")), width));
    }
    text
}

/// The errors among the notices in full, the rest as counts.
fn notice_lines(record: &Record, width: u16) -> String {
    let notices = record.table(Table::Notices);
    let rows = Rows(&notices);
    let (mut warnings, mut information, mut text) = (0, 0, String::new());
    for row in 0..rows.len() {
        match rows.text(row, "severity") {
            Some("information") => information += 1,
            Some("warning") => warnings += 1,
            _ => {}
        }
    }
    for error in record.errors() {
        text.push_str(&wrapped("  ERROR           ", &error, width));
    }
    if warnings + information > 0 {
        let told = format!(
            "{warnings} of severity warning, {information} of severity information (view completeness)"
        );
        text.push_str(&wrapped("  notices         ", &told, width));
    }
    text
}

/// Title of a list, how many rows it shows, what may be concluded of its area, and each warning of it.
pub(super) fn caveat_lines(title: &str, section: Option<&Section>, shown: usize, width: u16) -> String {
    let conclusion = section.map_or_else(|| "not in the record".to_owned(), Section::conclusion);
    let mut text = format!("\n{title}: {shown} shown ({conclusion})\n");
    for warning in section.map(Section::warnings).unwrap_or_default() {
        text.push_str(&wrapped("! ", &warning, width));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{page, record, returned};
    use super::*;

    fn line<'a>(text: &'a str, part: &str) -> &'a str {
        text.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part:?} not in:\n{text}"))
    }

    #[test]
    fn lists_stand_below_where_they_are_from_and_what_may_be_concluded() {
        let text = summary(
            &record(&[
                (Table::Sections, returned(&[("medications", 2), ("problems", 1)])),
                (
                    Table::Medications,
                    vec![
                        json!({"medication_term": "Ramipril 5mg capsules", "class": "current", "dosage_text": "One daily",
                            "prescription_type": "repeat", "last_issue": "2026-01-02T10:00:00Z",
                            "last_issue_from": "2026-01-02", "last_issue_to": "2026-01-02", "problem_ids": ["p1"],
                            "flags": ["authorisation_lapsed"], "membership": "primary"}),
                        json!({"medication_term": "Old drug", "class": "past", "membership": "primary"}),
                    ],
                ),
                (
                    Table::Problems,
                    vec![
                        json!({"problem_id": "p1", "problem_term": "Hypertension", "clinical_status": "active",
                        "significance": "major", "membership": "primary"}),
                    ],
                ),
            ]),
            page(160),
        );
        assert!(text.starts_with(
            "GP record of episode EP-1\nSource: the GP practice record of the patient, practice A99001"
        ));
        assert!(line(&text, "Retrieved").contains("15-Jan-2026 09:30 GMT, 2 hours ago"));
        assert!(line(&text, "  medications ").contains("2 entries"));
        assert!(line(&text, "not asked for   ").contains("allergies, consultations, immunisations"));
        let row = line(&text, "Ramipril");
        for part in ["One daily", "repeat", "02-Jan-2026", "Hypertension", "authorisation lapsed"] {
            assert!(row.contains(part), "{part}: {row}");
        }
        assert!(!text.contains("Old drug"));
        assert_eq!(line(&text, "Not shown"), "Not shown: 1 past");
    }

    #[test]
    fn an_empty_list_of_allergies_is_never_just_empty() {
        let states = [
            ("empty_no_content", "NOT \"no known allergies\""),
            ("empty_confidential", "WITHHELD"),
            ("returned_with_exclusions", "WITHHELD"),
            ("disabled", "NOT AVAILABLE"),
            ("unsupported", "NOT AVAILABLE"),
            ("missing_list", "NOT ANSWERED"),
            ("not_requested", "not asked for"),
            ("failed", "FAILED"),
            ("a state of tomorrow", "do not read as empty"),
        ];
        for (state, words) in states {
            let section = json!({"area": "allergies", "state": state, "entries": 0});
            let text = summary(&record(&[(Table::Sections, vec![section])]), page(120));
            assert!(line(&text, "Allergies: 0 shown").contains(words), "{state}:\n{text}");
        }
        let text = summary(&record(&[]), page(120));
        assert!(line(&text, "Allergies: 0 shown").contains("FAILED"), "a record without sections:\n{text}");
    }

    #[test]
    fn a_warning_stands_above_once_and_again_with_each_list() {
        let section = json!({"area": "medications", "state": "returned", "entries": 0, "incomplete": true,
            "warnings": ["data-in-transit"], "warning_text": "recorded before 26-Mar-2019 may be missing.",
            "incomplete_before": "26-Mar-2019", "incomplete_before_from": "2019-03-26"});
        let mut allergies = section.clone();
        allergies["area"] = json!("allergies");
        let text = summary(&record(&[(Table::Sections, vec![allergies, section])]), page(120));
        assert!(
            line(&text, "  medications ").ends_with("0 entries, INCOMPLETE (before 26-Mar-2019)"),
            "{text}"
        );
        assert_eq!(
            text.matches("  ! allergies, medications: recorded before 26-Mar-2019").count(),
            1,
            "{text}"
        );
        assert_eq!(text.matches("\n! recorded before 26-Mar-2019").count(), 2, "{text}");
    }

    #[test]
    fn what_qualifies_a_row_is_in_its_row() {
        let text = summary(
            &record(&[
                (Table::Sections, returned(&[("medications", 3), ("allergies", 3)])),
                (
                    Table::Medications,
                    vec![
                        json!({"medication_term": "Amoxicillin", "class": "unissued", "flags": ["unissued"]}),
                        json!({"medication_term": "Warfarin", "class": "current", "dosage_changed_on": "28-Jan-2020",
                            "dosage_changed_on_from": "2020-01-28",
                            "prescription_type": "repeat", "prescribing_agency": "prescribed-by-another-organisation",
                            "prescribing_agency_text": "Prescribed by another organisation"}),
                        json!({"medication_term": "Salbutamol", "class": "past_status_conflict"}),
                    ],
                ),
                (
                    Table::Allergies,
                    vec![
                        json!({"allergy_term": "Penicillin", "derived_status": "active",
                            "allergy_degraded": "drug_allergy", "notes": ["Certainty: likely"]}),
                        json!({"allergy_term": "Latex", "derived_status": "conflict", "membership": "linked"}),
                        json!({"allergy_term": "Peanut", "derived_status": "ended"}),
                    ],
                ),
            ]),
            page(400),
        );
        assert!(line(&text, "Amoxicillin").contains("NOT ISSUED"));
        assert!(!line(&text, "Amoxicillin").contains("unissued"), "told once");
        assert!(line(&text, "Warfarin").contains("Prescribed by another organisation"));
        assert!(line(&text, "Warfarin").contains("dosage changed on 28-Jan-2020"));
        assert!(line(&text, "Salbutamol").contains("its end has passed"));
        assert!(line(&text, "Penicillin").contains("CODE LOST IN TRANSFER"));
        assert!(line(&text, "Penicillin").contains("Certainty: likely"));
        assert!(line(&text, "Latex").contains("POSSIBLY ENDED"));
        assert!(line(&text, "Latex").contains("known only from a consultation or problem"));
        assert_eq!(line(&text, "Not shown"), "Not shown: 1 ended");
    }

    #[test]
    fn nothing_in_a_record_can_steer_the_terminal() {
        let hostile = "\u{1b}[2Jx\u{9b}\u{202e}\r\n";
        let every_text = |table: Table| {
            let mut row = json!({});
            if table.schema().field_with_name("membership").is_ok() {
                row["membership"] = json!("primary");
            }
            for field in table.schema().fields() {
                if *field.data_type() == arrow_schema::DataType::Utf8 && field.name() != "membership" {
                    row[field.name().as_str()] = json!(hostile);
                }
            }
            for list in ["notes", "flags", "warnings"] {
                if table.schema().field_with_name(list).is_ok() {
                    row[list] = json!([hostile]);
                }
            }
            (table, vec![row])
        };
        let record = record(&Table::ALL.map(every_text));
        let mut shown = summary(&record, page(120));
        for table in Table::ALL {
            shown.push_str(&super::super::table(&record, table, page(120)));
        }
        let steering = |c: &char| c.is_control() && *c != '\n' || *c == '\u{202e}';
        assert_eq!(shown.chars().find(steering), None);
        assert!(shown.contains("\\u{1b}[2Jx"));
    }

    #[test]
    fn an_error_among_the_notices_is_told_in_full() {
        let notices = vec![
            json!({"severity": "error", "code": "patient_mismatch", "text": "a resource names another patient"}),
            json!({"severity": "warning", "code": "missing_list"}),
        ];
        let text = summary(&record(&[(Table::Notices, notices)]), page(120));
        assert!(line(&text, "ERROR").contains("a resource names another patient"));
        assert!(
            line(&text, "  notices ")
                .contains("1 of severity warning, 0 of severity information (view completeness)")
        );
    }
}
