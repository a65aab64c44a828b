use arrow_array::RecordBatch;
use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, reading};

use super::super::record::Record;
use super::super::rows::Rows;
use super::super::sections::Section;
use super::super::views::{self, Listing};
use super::markup::Html;
use super::{conclusion, listing, timeline};

/// Current medication as a list, and all of it over time.
pub(super) fn section(html: &mut Html, record: &Record, sections: &[Section]) {
    let medications = record.table(Table::Medications);
    html.raw("<section id=\"medication\" aria-labelledby=\"medication-title\">\n");
    html.raw("<h2 id=\"medication-title\">Medication</h2>\n");
    conclusion(html, sections, ClinicalArea::Medications);
    let problems = record.table(Table::Problems);
    let elsewhere =
        |rows: Rows<'_>, row| rows.text(row, "prescribing_agency") == Some(reading::PRESCRIBED_ELSEWHERE);
    let is_current = |rows: Rows<'_>, row| reading::is_shown_as_current(rows.text(row, "class"));
    let at_practice = views::medication_rows(&medications, &problems, |rows, row| {
        is_current(rows, row) && !elsewhere(rows, row)
    });
    listing(html, "Current medication", &at_practice);
    let others = views::medication_rows(&medications, &problems, |rows, row| {
        is_current(rows, row) && elsewhere(rows, row)
    });
    if !others.rows.is_empty() {
        listing(html, "Prescribed elsewhere, as the practice recorded it", &others);
    }
    let over = not_current(record, Rows(&medications), &problems);
    if !over.rows.is_empty() || !over.others.is_empty() {
        listing(html, "Stopped, over for less than a year, or not begun", &over);
    }
    timeline::figure(html, record);
    html.raw("</section>\n");
}

/// Months for which what came to its end is listed (`admission-use-case` sheet, section 3, the longer of its
/// windows). What somebody stopped is listed whenever that was: the reason may hold for ever.
const PAST_MONTHS: u32 = 12;

/// What is not current, the latest end first; what ended long ago, or came as context alone, is counted.
fn not_current(record: &Record, rows: Rows<'_>, problems: &RecordBatch) -> Listing {
    let issues = record.table(Table::MedicationIssues);
    let since =
        timeline::retrieval_day(record, Rows(&issues), rows).map(|day| day.months_before(PAST_MONTHS));
    let end = |row| rows.day(row, "status_changed_to").or(rows.day(row, "effective_end_to"));
    let is_listed = |row: &usize| match rows.text(*row, "class") {
        Some("stopped" | "future") => true,
        Some("past") => end(*row).max(rows.day(*row, "last_issue_to")).is_none_or(|last| Some(last) >= since),
        _ => false,
    };
    let over = (0..rows.len()).filter(|row| !reading::is_shown_as_current(rows.text(*row, "class")));
    let (mut listed, counted): (Vec<usize>, Vec<usize>) = over.partition(is_listed);
    listed.sort_by_key(|row| std::cmp::Reverse(end(*row)));
    let mut listing = views::medication_list(rows, problems, listed.into_iter());
    for row in counted {
        listing.count(rows.text(row, "class").unwrap_or_default());
    }
    listing
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::testing::record;
    use super::*;

    #[test]
    fn what_was_stopped_is_listed_with_its_reason_and_what_ended_long_ago_is_counted() {
        let over = |term: &str, class: &str, end: &str| {
            json!({"medication_term": term, "class": class, "effective_end": end, "effective_end_from": end,
                "effective_end_to": end})
        };
        let mut stopped = over("Lisinopril", "stopped", "2019-03-01");
        stopped["status_reason"] = json!("Swollen tongue");
        let rows = vec![
            over("Old antibiotic", "past", "2019-03-01"),
            stopped,
            over("Recent antibiotic", "past", "2025-12-01"),
            json!({"medication_term": "Delayed", "class": "future", "effective_start": "2026-02-01",
                "effective_start_from": "2026-02-01"}),
            json!({"medication_term": "Context", "class": "context_only"}),
        ];
        let mut html = Html::new();
        section(&mut html, &record(&[(Table::Medications, rows)]), &[]);
        let text = html.into_string();
        let (_, listed) = text.split_once("or not begun: 3 shown").expect("a list");
        let (listed, _) = listed.split_once("</table>").expect("its end");
        let place = |part: &str| listed.find(part).unwrap_or_else(|| panic!("{part} not in {listed}"));
        assert!(place("Recent antibiotic") < place("Lisinopril") && place("Lisinopril") < place("Delayed"));
        assert!(place("ended 01-Mar-2019; Swollen tongue") < place("NOT BEGUN; starts 01-Feb-2026"));
        assert!(text.contains("Not in this list: 1 context only, 1 past."), "{text}");
    }

    #[test]
    fn what_others_prescribe_stands_apart_and_what_is_past_is_counted_once() {
        let elsewhere = json!({"medication_term": "Warfarin", "class": "current",
            "prescribing_agency": "prescribed-by-another-organisation"});
        let rows = vec![
            elsewhere,
            json!({"medication_term": "Ramipril", "class": "current"}),
            json!({"medication_term": "Amoxicillin", "class": "past", "effective_end_to": "2019-01-01"}),
        ];
        let mut html = Html::new();
        section(&mut html, &record(&[(Table::Medications, rows)]), &[]);
        let text = html.into_string();
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} not in {text}"));
        assert!(place("Current medication: 1 shown") < place("Ramipril"));
        assert!(place("Ramipril") < place("Prescribed elsewhere, as the practice recorded it: 1 shown"));
        assert!(place("Prescribed elsewhere") < place("Warfarin"));
        assert_eq!(text.matches("Not in this list: 1 past.").count(), 1);
    }
}
