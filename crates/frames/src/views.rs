use bedside_cache::OpenEpisode;
use bedside_model::ClinicalArea;
use bedside_model::schema::Table;
use polars::prelude::{Expr, LazyFrame, col, lit};

use crate::caveats::Caveats;
use crate::frames::{FrameError, table};

/// The rows of a view, with what may be concluded of them.
#[derive(Clone)]
pub struct View {
    caveats: Caveats,
    rows: LazyFrame,
}

impl View {
    /// What may be concluded of the area, also where there is no row.
    pub fn caveats(&self) -> &Caveats {
        &self.caveats
    }

    /// The rows, all columns of the table and the four `section_*` columns of the caveats.
    pub fn into_rows(self) -> LazyFrame {
        self.rows
    }
}

/// Medication that a reader must reckon with on the retrieval date (`medications` sheet, section 10): current,
/// never issued, contradicting itself, or not classed. Past, stopped and future ones are in the table.
///
/// # Errors
/// [`FrameError`]; without the caveats of the area there is no view.
pub fn current_medication(episode: &OpenEpisode) -> Result<View, FrameError> {
    const SHOWN: [&str; 5] = ["current", "current_acute", "unissued", "past_status_conflict", "unknown"];
    let class = || col("class");
    let shown = SHOWN.iter().map(|name| class().eq(lit(*name))).fold(class().is_null(), Expr::or);
    view(episode, Table::Medications, ClinicalArea::Medications, shown)
}

/// Allergies that nothing says have ended, assertions of no known allergy among them.
///
/// # Errors
/// [`FrameError`]; without the caveats of the area there is no view.
pub fn allergies(episode: &OpenEpisode) -> Result<View, FrameError> {
    let status = || col("derived_status");
    let shown = status().is_null().or(status().neq(lit("ended")));
    view(episode, Table::Allergies, ClinicalArea::Allergies, shown)
}

/// Problems of the problem list that are not inactive.
///
/// # Errors
/// [`FrameError`]; without the caveats of the area there is no view.
pub fn problems(episode: &OpenEpisode) -> Result<View, FrameError> {
    let status = || col("clinical_status");
    let active = status().is_null().or(status().neq(lit("inactive")));
    view(episode, Table::Problems, ClinicalArea::Problems, col("membership").eq(lit("primary")).and(active))
}

fn view(episode: &OpenEpisode, of: Table, area: ClinicalArea, shown: Expr) -> Result<View, FrameError> {
    let caveats = Caveats::of(area, episode.table(Table::Sections))
        .ok_or(FrameError::NoCaveats { area: area.as_str() })?;
    let rows = table(episode, of)?.filter(shown).with_columns(caveats.columns());
    Ok(View { caveats, rows })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use arrow_array::RecordBatch;
    use arrow_json::ReaderBuilder;
    use arrow_schema::DataType;
    use bedside_audit::{AuditLog, Pepper, Secret, SystemClock, SystemRandomness};
    use bedside_cache::{Cache, Contents, KeyFile, ReaderAssertion};
    use bedside_model::Requester;
    use serde_json::{Value, json};

    use super::*;

    /// An episode with those rows, sealed and opened as any reader would.
    fn opened(tables: &[(Table, Vec<Value>)]) -> OpenEpisode {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = || Secret::random(&SystemRandomness).expect("randomness");
        let clock = Arc::new(SystemClock);
        let audit = AuditLog::open(&folder.path().join("audit"), Pepper::new(secret()), clock.clone());
        let audit = Arc::new(audit.expect("a log"));
        let key = Box::new(KeyFile::new(secret()));
        let cache = Cache::open(&folder.path().join("cache"), key, audit, clock).expect("a cache");
        let rows = |table| tables.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, rows)| rows);
        let batches = Table::ALL.map(|table| (table, batch(table, rows(table))));
        let episode = "EP-1".parse().expect("an id");
        let requester = requester();
        let contents = Contents {
            manifest: "{}",
            tables: &batches.each_ref().map(|(table, batch)| (*table, batch)),
            expires: "9990-01-01T00:00:00Z".parse().expect("a time"),
            requester: &requester,
            patient: &"9990000018".parse().expect("a test number"),
        };
        cache.write(&episode, &contents).expect("sealed");
        let assertion =
            ReaderAssertion { requester, reason: "directcare".into(), relationship: "admitting team".into() };
        let grant = cache.grant(&assertion, &episode).expect("granted");
        cache.read(&grant).expect("opened")
    }

    fn requester() -> Requester {
        Requester {
            user_id: "user-17".into(),
            sds_user_id: "UNK".into(),
            sds_role_profile_id: "UNK".into(),
            family: "Example".into(),
            given: "Robin".into(),
            prefix: None,
            role: "Pharmacist".into(),
            organisation: "RX999".parse().expect("an ODS code"),
            organisation_name: "Test Hospital".into(),
        }
    }

    fn batch(table: Table, rows: &[Value]) -> RecordBatch {
        let schema = table.schema();
        let mut lines = String::new();
        for (index, row) in rows.iter().enumerate() {
            let mut row = row.clone();
            row["entry_index"] = json!(index);
            for field in schema.fields() {
                if matches!(field.data_type(), DataType::List(_)) && row.get(field.name()).is_none() {
                    row[field.name().as_str()] = json!([]);
                }
            }
            lines.push_str(&format!("{row}\n"));
        }
        let reader = ReaderBuilder::new(schema.clone()).with_strict_mode(true).build(Cursor::new(lines));
        let batch = reader.expect("a schema that JSON can fill").next();
        batch.map_or_else(|| RecordBatch::new_empty(schema), |batch| batch.expect("rows of the schema"))
    }

    fn section(area: &str, state: &str) -> Value {
        json!({"area": area, "requested": true, "state": state, "entries": 1, "incomplete": true,
            "warnings": ["confidential-items", "data-in-transit"], "warning_text": "something is missing"})
    }

    fn texts(view: View, column: &str) -> Vec<Option<String>> {
        let frame = view.into_rows().collect().expect("a query");
        let column = frame.column(column).expect("a column").str().expect("text").clone();
        column.iter().map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn every_table_becomes_a_frame_of_the_same_shape() {
        let row = json!({"allergy_id": "a1", "onset": "2010-06", "onset_from": "2010-06-01", "onset_to": "2010-06-30",
            "notes": ["one", "two"], "reactions": [{"manifestation_term": "Rash"}]});
        let episode = opened(&[(Table::Allergies, vec![row])]);
        for of in Table::ALL {
            let frame = table(&episode, of).expect("a frame").collect().expect("rows");
            let schema = of.schema();
            assert_eq!(frame.height(), episode.table(of).num_rows(), "{}", of.as_str());
            let names: Vec<_> = frame.get_column_names().iter().map(|name| name.to_string()).collect();
            let expected: Vec<_> = schema.fields().iter().map(|field| field.name().clone()).collect();
            assert_eq!(names, expected);
        }
        let frame = table(&episode, Table::Allergies).expect("a frame").collect().expect("rows");
        let shown = frame.select(["onset_from", "notes", "reactions"]).expect("columns").to_string();
        for part in ["2010-06-01", r#"["one", "two"]"#, "Rash"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }

    #[test]
    fn views_show_what_a_reader_must_reckon_with() {
        let classed = |id: &str, class: Value| json!({"medication_id": id, "class": class});
        let problem = |id: &str, membership: &str, status: Value| json!({"problem_id": id, "membership": membership, "clinical_status": status});
        let episode = opened(&[
            (
                Table::Sections,
                ["medications", "allergies", "problems"].map(|area| section(area, "returned")).to_vec(),
            ),
            (
                Table::Medications,
                vec![
                    classed("current", json!("current")),
                    classed("past", json!("past")),
                    classed("conflict", json!("past_status_conflict")),
                    classed("context", json!("context_only")),
                    classed("none", json!(null)),
                ],
            ),
            (
                Table::Allergies,
                vec![
                    json!({"allergy_id": "active", "derived_status": "active"}),
                    json!({"allergy_id": "ended", "derived_status": "ended"}),
                    json!({"allergy_id": "none"}),
                ],
            ),
            (
                Table::Problems,
                vec![
                    problem("active", "primary", json!("active")),
                    problem("inactive", "primary", json!("inactive")),
                    problem("linked", "linked", json!("active")),
                    problem("none", "primary", json!(null)),
                ],
            ),
        ]);
        let ids = |ids: &[&str]| ids.iter().map(|id| Some((*id).to_owned())).collect::<Vec<_>>();
        let medication = current_medication(&episode).expect("a view");
        assert_eq!(texts(medication, "medication_id"), ids(&["current", "conflict", "none"]));
        assert_eq!(texts(allergies(&episode).expect("a view"), "allergy_id"), ids(&["active", "none"]));
        assert_eq!(texts(problems(&episode).expect("a view"), "problem_id"), ids(&["active", "none"]));
    }

    #[test]
    fn the_caveats_are_in_every_row_and_beside_an_empty_view() {
        let row = json!({"allergy_id": "a1", "derived_status": "active"});
        let sections = vec![section("allergies", "returned"), section("problems", "disabled")];
        let episode = opened(&[(Table::Sections, sections), (Table::Allergies, vec![row])]);
        let view = allergies(&episode).expect("a view");
        assert_eq!(texts(view.clone(), "section_state"), [Some("returned".to_owned())]);
        assert_eq!(texts(view, "section_warnings"), [Some("confidential-items; data-in-transit".to_owned())]);
        let empty = problems(&episode).expect("a view");
        assert_eq!(empty.caveats().state, "disabled");
        assert!(empty.caveats().incomplete);
        assert_eq!(texts(empty, "problem_id"), []);
    }

    #[test]
    fn without_its_caveats_there_is_no_view() {
        let episode = opened(&[(Table::Allergies, vec![json!({"derived_status": "active"})])]);
        assert!(matches!(allergies(&episode), Err(FrameError::NoCaveats { area: "allergies" })));
    }
}
