//! `notices`: one row per thing a reader must know about completeness or quality.

use arrow_array::RecordBatch;
use bedside_model::ClinicalArea;
use bedside_model::schema::Table;

use crate::collected::NOBODY;
use crate::columns::{Columns, empty};
use crate::graph::Graph;
use crate::kinds;
use crate::notices::{Notice, Notices, Words};
use crate::relations::Relations;

/// Makes the table, in the order of the bundle; what is about no entry comes last.
pub(crate) fn table(graph: &Graph<'_, '_>, relations: &Relations<'_>, mut notices: Notices) -> RecordBatch {
    let entry = |notice: &Notice| match notice.resource {
        NOBODY => notice.entry,
        resource => Some(graph.entry(resource)),
    };
    notices.0.sort_by_key(|notice| entry(notice).unwrap_or(u32::MAX));
    let rows = &notices.0;
    let resource = |notice: &Notice| (notice.resource != NOBODY).then_some(notice.resource);
    if rows.is_empty() {
        return empty(Table::Notices);
    }
    let mut columns = Columns::new(Table::Notices, graph.all);
    columns.count("entry_index", rows.iter().map(entry));
    columns.text("area", rows.iter().map(|notice| area(graph, relations, notice).map(ClinicalArea::as_str)));
    columns.text("severity", rows.iter().map(|notice| Some(notice.severity.as_str())));
    columns.text("code", rows.iter().map(|notice| Some(&*notice.code)));
    columns.text("text", rows.iter().map(|notice| notice.text.as_ref().map(Words::as_str)));
    let kind = |notice: &Notice| resource(notice).map(|number| graph.type_name(number));
    columns.text("resource_type", rows.iter().map(kind).collect::<Vec<_>>().into_iter());
    let id =
        |notice: &Notice| resource(notice).and_then(|number| graph.all.store.get(graph.resource(number).id));
    columns.text("resource_id", rows.iter().map(id).collect::<Vec<_>>().into_iter());
    columns.text("element", rows.iter().map(|notice| Some(notice.element)));
    columns.text("origin", rows.iter().map(|notice| Some(notice.origin.as_str())));
    columns.finish()
}

/// The area a notice concerns: as it was said, else that of its resource's type.
fn area(graph: &Graph<'_, '_>, relations: &Relations<'_>, notice: &Notice) -> Option<ClinicalArea> {
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
        kinds::LIST => relations.purposes[resource.row as usize].area(),
        kinds::IMMUNIZATION => Some(ClinicalArea::Immunisations),
        kinds::OBSERVATION => Some(ClinicalArea::Uncategorised),
        kinds::DIAGNOSTIC_REPORT | kinds::SPECIMEN => Some(ClinicalArea::Investigations),
        kinds::REFERRAL_REQUEST => Some(ClinicalArea::Referrals),
        kinds::PROCEDURE_REQUEST => Some(ClinicalArea::Diary),
        kinds::DOCUMENT_REFERENCE => Some(ClinicalArea::Documents),
        _ => None,
    }
}
