//! `notices`: one row per thing a reader must know about completeness or quality.

use std::borrow::Cow;

use bedside_model::ClinicalArea;
use bedside_model::schema::Table;

use super::Batch;
use crate::collected::NOBODY;
use crate::columns::Columns;
use crate::graph::Graph;
use crate::kinds;
use crate::notices::{Notice, Notices, Words};
use crate::order::by_number;

/// Makes the table, in the order of the bundle; what is about no entry comes last.
pub(crate) fn table(graph: &Graph<'_, '_>, notices: &Notices) -> Batch {
    let entry = |notice: &Notice| match notice.resource {
        NOBODY => notice.entry,
        resource => Some(graph.entry(resource)),
    };
    let entries = graph.all.entries;
    let numbers = notices.all.iter().map(|notice| entry(notice).unwrap_or(entries));
    let order = by_number(numbers, entries as usize + 1);
    let rows: Vec<&Notice> = order.iter().map(|place| &notices.all[*place as usize]).collect();
    let resource = |notice: &Notice| (notice.resource != NOBODY).then_some(notice.resource);
    if rows.is_empty() {
        return None;
    }
    if !graph.all.text.allows(notices.all.iter().map(told_by_others).sum()) {
        return None;
    }
    let mut columns = Columns::new(Table::Notices, rows.len(), graph.all);
    columns.count("entry_index", rows.iter().map(|notice| entry(notice)));
    columns.words("area", rows.iter().map(|notice| area(graph, notice).map(ClinicalArea::as_str)));
    columns.words("severity", rows.iter().map(|notice| Some(notice.severity.as_str())));
    columns.words("code", rows.iter().map(|notice| notice.code.as_deref()));
    columns.words("text", rows.iter().map(|notice| notice.text.as_ref().map(Words::as_str)));
    let kind = |notice: &Notice| {
        let named = resource(notice).map(|number| graph.type_name(number));
        // A resource without a type has no type, not one of no letters.
        named.filter(|name| !name.is_empty())
    };
    columns.text("resource_type", rows.iter().map(|notice| kind(notice)));
    let id = |notice: &Notice| resource(notice).and_then(|number| graph.all.store.get(graph.id_text(number)));
    columns.text("resource_id", rows.iter().map(|notice| id(notice)));
    columns.words("element", rows.iter().map(|notice| Some(notice.element)));
    columns.words("origin", rows.iter().map(|notice| Some(notice.origin.as_str())));
    Some(columns.finish())
}

/// How much of a notice is the bundle's own text, which many notices may tell again.
fn told_by_others(notice: &Notice) -> usize {
    let text = match &notice.text {
        Some(Words::Theirs(words)) => words.len(),
        _ => 0,
    };
    text + if let Some(Cow::Owned(code)) = &notice.code { code.len() } else { 0 }
}

/// The area a notice concerns: as it was said, else that of its resource's type.
fn area(graph: &Graph<'_, '_>, notice: &Notice) -> Option<ClinicalArea> {
    if notice.area.is_some() || notice.resource == NOBODY {
        return notice.area;
    }
    let resource = graph.resource(notice.resource);
    match resource.kind {
        kinds::MEDICATION_STATEMENT | kinds::MEDICATION_REQUEST | kinds::MEDICATION => {
            Some(ClinicalArea::Medications)
        }
        kinds::ALLERGY_INTOLERANCE => Some(ClinicalArea::Allergies),
        kinds::CONDITION => Some(ClinicalArea::Problems),
        kinds::ENCOUNTER => Some(ClinicalArea::Consultations),
        kinds::LIST => graph.all.purposes[resource.row as usize].area(),
        kinds::IMMUNIZATION => Some(ClinicalArea::Immunisations),
        kinds::OBSERVATION => Some(ClinicalArea::Uncategorised),
        kinds::DIAGNOSTIC_REPORT | kinds::SPECIMEN => Some(ClinicalArea::Investigations),
        kinds::REFERRAL_REQUEST => Some(ClinicalArea::Referrals),
        kinds::PROCEDURE_REQUEST => Some(ClinicalArea::Diary),
        kinds::DOCUMENT_REFERENCE => Some(ClinicalArea::Documents),
        _ => None,
    }
}
