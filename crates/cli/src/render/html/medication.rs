use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, reading};

use super::super::record::Record;
use super::super::rows::Rows;
use super::super::sections::Section;
use super::super::views;
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
    // What is left out is told once, below the first list.
    let mut current = views::current_medications(&medications, &problems);
    let at_practice = views::medication_rows(&medications, &problems, |rows, row| {
        is_current(rows, row) && !elsewhere(rows, row)
    });
    current.rows = at_practice.rows;
    listing(html, "Current medication", &current);
    let others = views::medication_rows(&medications, &problems, |rows, row| {
        is_current(rows, row) && elsewhere(rows, row)
    });
    if !others.rows.is_empty() {
        listing(html, "Prescribed elsewhere, as the practice recorded it", &others);
    }
    timeline::figure(html, record);
    html.raw("</section>\n");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::testing::record;
    use super::*;

    #[test]
    fn what_others_prescribe_stands_apart_and_what_is_past_is_counted_once() {
        let elsewhere = json!({"medication_term": "Warfarin", "class": "current",
            "prescribing_agency": "prescribed-by-another-organisation"});
        let rows = vec![
            elsewhere,
            json!({"medication_term": "Ramipril", "class": "current"}),
            json!({"medication_term": "Amoxicillin", "class": "past"}),
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
