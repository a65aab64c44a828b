use bedside_model::ClinicalArea;
use bedside_model::schema::Table;

use super::super::record::Record;
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
    let current = views::current_medications(&medications, &record.table(Table::Problems));
    listing(html, "Current medication", &current);
    timeline::figure(html, record);
    html.raw("</section>\n");
}
