use arrow_array::StringArray;
use bedside_cache::OpenEpisode;
use bedside_model::ClinicalArea;
use bedside_model::schema::Table;
use polars::prelude::{JoinArgs, JoinType, LazyFrame, UnionArgs, coalesce, col, concat, lit};

use crate::caveats::column;
use crate::frames::{FrameError, numbered, table};
use crate::view::View;

/// One consultation as it was recorded: a row for each heading and each item, in order, in one group `node`.
///
/// Added columns: `term` and `detail` of the item where it is a medication, an issue, an allergy or a problem of
/// the record, and `consultation_*` of the consultation itself. Items of other kinds have their type and what
/// the practice displays for them.
///
/// # Errors
/// [`FrameError::NoSuchConsultation`], and the others; without the caveats of its areas there is no view.
pub fn consultation(episode: &OpenEpisode, id: &str) -> Result<View, FrameError> {
    let ids = column::<StringArray>(episode.table(Table::Consultations), "consultation_id");
    if !ids.is_some_and(|ids| ids.iter().any(|of| of == Some(id))) {
        return Err(FrameError::NoSuchConsultation);
    }
    let nodes = numbered(episode, Table::ConsultationNodes)?.filter(col("consultation_id").eq(lit(id)));
    let on = [col("item_type"), col("item_id")];
    let rows = nodes.join(items(episode)?, on.clone(), on, JoinArgs::new(JoinType::Left));
    let rows = rows.join(
        header(episode, id)?,
        [col("consultation_id")],
        [col("consultation_id")],
        JoinArgs::new(JoinType::Left),
    );
    let rows = rows.with_columns([lit("node").alias("group"), lit("node").alias("kind")]);
    let areas = [
        ClinicalArea::Consultations,
        ClinicalArea::Medications,
        ClinicalArea::Allergies,
        ClinicalArea::Problems,
    ];
    View::of(episode, &areas, rows, (&["node"], Some(col("node"))))
}

/// The consultation's own row; of several with one id, the first.
fn header(episode: &OpenEpisode, id: &str) -> Result<LazyFrame, FrameError> {
    let row = table(episode, Table::Consultations)?.filter(col("consultation_id").eq(lit(id)));
    let named = |name: &str| col(name).alias(format!("consultation_{name}"));
    let type_term = coalesce(&[col("type_term"), col("type_text")]).alias("consultation_type");
    let columns = [
        col("consultation_id"),
        named("start"),
        named("clinician"),
        named("organisation"),
        named("draft"),
        type_term,
    ];
    Ok(row.select(columns).limit(1))
}

/// What an item of a consultation is: its term, and the words that qualify it. A request is an issue or a plan.
fn items(episode: &OpenEpisode) -> Result<LazyFrame, FrameError> {
    let of = |from: Table, kind: &str, id: &str, concept: &str, detail: &str| {
        let term = coalesce(&[col(format!("{concept}_term")), col(format!("{concept}_text"))]);
        let columns = [
            lit(kind).alias("item_type"),
            col(id).alias("item_id"),
            term.alias("term"),
            col(detail).alias("detail"),
        ];
        Ok(table(episode, from)?.filter(col(id).is_not_null()).select(columns))
    };
    let all = [
        of(Table::Medications, "MedicationStatement", "medication_id", "medication", "dosage_text")?,
        of(Table::Medications, "MedicationRequest", "plan_id", "medication", "dosage_text")?,
        of(Table::MedicationIssues, "MedicationRequest", "issue_id", "medication", "dosage_text")?,
        of(Table::Allergies, "AllergyIntolerance", "allergy_id", "allergy", "reaction_term")?,
        of(Table::Problems, "Condition", "problem_id", "problem", "significance")?,
    ];
    let all = concat(all, UnionArgs::default()).map_err(FrameError::Query)?;
    // Two records of one id must not make two nodes of one: the first stands for it.
    let keys = [col("item_type"), col("item_id")];
    Ok(all.group_by_stable(keys).agg([col("term").first(), col("detail").first()]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{collected, opened, sections, texts};

    #[test]
    fn a_consultation_is_told_in_its_order_with_what_was_recorded_in_it() {
        let node = |consultation: &str, node: u32, level: &str, item: Option<(&str, &str)>| {
            json!({"consultation_id": consultation, "node": node, "level": level,
                "item_type": item.map(|(kind, _)| kind), "item_id": item.map(|(_, id)| id)})
        };
        let episode = opened(&[
            (Table::Sections, sections()),
            (
                Table::Consultations,
                vec![
                    json!({"consultation_id": "c1", "clinician": "Dr Example", "start": "2026-01-05T10:00:00Z"}),
                ],
            ),
            (
                Table::ConsultationNodes,
                vec![
                    node("c1", 0, "consultation", None),
                    node("c1", 1, "topic", None),
                    node("c1", 2, "item", Some(("MedicationRequest", "plan"))),
                    node("c2", 0, "consultation", None),
                    node("c1", 3, "item", Some(("MedicationRequest", "order"))),
                    node("c1", 4, "item", Some(("AllergyIntolerance", "twice"))),
                    node("c1", 5, "item", Some(("Observation", "o1"))),
                ],
            ),
            (
                Table::Medications,
                vec![json!({"plan_id": "plan", "medication_term": "Ramipril", "dosage_text": "One daily"})],
            ),
            (Table::MedicationIssues, vec![json!({"issue_id": "order", "medication_text": "Aspirin"})]),
            (
                Table::Allergies,
                vec![
                    json!({"allergy_id": "twice", "allergy_term": "Penicillin", "reaction_term": "Rash"}),
                    json!({"allergy_id": "twice", "allergy_term": "Penicillin, copied"}),
                ],
            ),
        ]);
        let view = collected(consultation(&episode, "c1")).rows;
        assert_eq!(texts(&view, "node"), ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(texts(&view, "term"), ["", "", "Ramipril", "Aspirin", "Penicillin", ""]);
        assert_eq!(texts(&view, "detail"), ["", "", "One daily", "", "Rash", ""]);
        assert_eq!(texts(&view, "consultation_clinician"), ["Dr Example"; 6]);
        assert_eq!(texts(&view, "consultations_state"), ["returned"; 6]);
        assert!(matches!(consultation(&episode, "c3"), Err(FrameError::NoSuchConsultation)));
    }
}
