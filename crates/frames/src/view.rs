use arrow_array::{Array, RecordBatch, StringArray, UInt32Array};
use bedside_cache::OpenEpisode;
use bedside_model::ClinicalArea;
use polars::prelude::{Expr, IntoLazy, LazyFrame, SortMultipleOptions, by_name, col, len, lit, when};

use crate::caveats::{Caveats, column};
use crate::frames::{FrameError, to_batch};

/// Rows that answer one question, with what may be concluded of them and how many rows of the table do not
/// answer it.
///
/// There is no way to the rows but through [`View::into_parts`] and [`View::collect`], which hand the caveats
/// over with them; and they stand in every row, for whoever looks at nothing else. The rows alone cannot be had:
///
/// ```compile_fail,E0616
/// fn rows(view: bedside_frames::View) -> bedside_frames::polars::prelude::LazyFrame {
///     view.rows
/// }
/// ```
#[derive(Clone)]
pub struct View {
    caveats: Caveats,
    groups: Vec<String>,
    rows: LazyFrame,
    left_out: LazyFrame,
}

/// A view taken apart for further queries.
pub struct Parts {
    /// What may be concluded of the areas, also where there is no row.
    pub caveats: Caveats,
    /// The rows: the columns of the table, those that the view adds, `group`, and the caveats.
    pub rows: LazyFrame,
    /// What is in the table and not in the rows: `kind` and `count`.
    pub left_out: LazyFrame,
}

/// A view that has been run.
#[derive(Debug, Clone)]
pub struct Collected {
    /// What may be concluded of the areas, also where there is no row.
    pub caveats: Caveats,
    /// The groups that the view looks for, in order: that one has no row is an answer, too.
    pub looked_for: Vec<String>,
    /// The rows in the types of the record contract.
    pub rows: RecordBatch,
    /// How many rows of each kind are in the table and not here.
    pub left_out: Vec<(String, u32)>,
}

impl View {
    /// A view of the rows of `grouped` whose column `group` is one of `groups`, in that order; rows of the same
    /// group stay in the order of their column `row`, or of `order` where it is given. The others are counted by
    /// their column `kind`.
    pub(crate) fn of(
        episode: &OpenEpisode,
        areas: &[ClinicalArea],
        grouped: LazyFrame,
        (groups, order): (&[&str], Option<Expr>),
    ) -> Result<Self, FrameError> {
        let caveats = Caveats::of(episode, areas)?;
        let stamp = caveats.columns();
        Ok(Self::stamped(caveats, &stamp, grouped, (groups, order)))
    }

    /// The same with the columns that are put into every row.
    pub(crate) fn stamped(
        caveats: Caveats,
        stamp: &[Expr],
        grouped: LazyFrame,
        (groups, order): (&[&str], Option<Expr>),
    ) -> Self {
        let rank = groups.iter().zip(0_i32..).fold(lit(i32::MAX), |rank, (group, number)| {
            when(col("group").eq(lit(*group))).then(lit(number)).otherwise(rank)
        });
        let order = order.unwrap_or(lit(0_i32));
        let ranked = grouped.with_columns([rank.alias("rank"), order.alias("order")]);
        let shown = || col("rank").lt(lit(i32::MAX));
        let rows = ranked.clone().filter(shown());
        let rows =
            rows.sort_by_exprs([col("rank"), col("order"), col("row")], SortMultipleOptions::default());
        let rows = rows.drop(by_name(["rank", "order", "row", "kind"], true, false));
        let left_out = ranked.filter(shown().not()).group_by_stable([col("kind")]);
        let left_out = left_out.agg([len().alias("count"), col("row").min()]);
        let left_out = left_out.sort(["row"], SortMultipleOptions::default());
        let left_out = left_out.drop(by_name(["row"], true, false));
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Self { rows: rows.with_columns(stamp), left_out, caveats, groups }
    }

    /// What may be concluded of the areas, also where there is no row.
    pub fn caveats(&self) -> &Caveats {
        &self.caveats
    }

    /// The view for further queries, nothing of which has been run.
    pub fn into_parts(self) -> Parts {
        Parts { caveats: self.caveats, rows: self.rows, left_out: self.left_out }
    }

    /// Runs the query.
    ///
    /// # Errors
    /// [`FrameError::Query`] and [`FrameError::Collected`].
    pub fn collect(self) -> Result<Collected, FrameError> {
        let rows = to_batch(self.rows.collect().map_err(FrameError::Query)?)?;
        let left_out = to_batch(self.left_out.collect().map_err(FrameError::Query)?)?;
        let left_out = counts(&left_out);
        Ok(Collected { caveats: self.caveats, looked_for: self.groups, rows, left_out })
    }
}

impl Collected {
    /// The groups that have rows, in their order, each with the rows that belong to it.
    pub fn groups(&self) -> Vec<(String, RecordBatch)> {
        let Some(names) = column::<StringArray>(&self.rows, "group") else { return Vec::new() };
        let mut groups: Vec<(String, RecordBatch)> = Vec::new();
        let mut start = 0;
        for row in 1..=names.len() {
            if row == names.len() || names.value(row) != names.value(start) {
                groups.push((names.value(start).to_owned(), self.rows.slice(start, row - start)));
                start = row;
            }
        }
        groups
    }
}

fn counts(left_out: &RecordBatch) -> Vec<(String, u32)> {
    let kinds = column::<StringArray>(left_out, "kind");
    let counts = column::<UInt32Array>(left_out, "count");
    let (Some(kinds), Some(counts)) = (kinds, counts) else { return Vec::new() };
    kinds
        .iter()
        .zip(counts)
        .map(|(kind, count)| (kind.unwrap_or("unknown").to_owned(), count.unwrap_or(0)))
        .collect()
}

/// A frame of text columns that are made here, not queried.
pub(crate) fn texts(columns: Vec<(&str, Vec<Option<String>>)>) -> Result<LazyFrame, FrameError> {
    let height = columns.first().map_or(0, |(_, texts)| texts.len());
    let columns = columns
        .into_iter()
        .map(|(name, texts)| polars::prelude::Column::new(name.into(), texts))
        .collect::<Vec<_>>();
    Ok(polars::prelude::DataFrame::new(height, columns).map_err(FrameError::Query)?.lazy())
}

#[cfg(test)]
mod tests {
    use bedside_model::schema::Table;
    use serde_json::json;

    use crate::testing::{by_group, collected, opened, section, sections, texts};
    use crate::{FrameError, allergies, completeness, current_medication, problems, table};

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
    fn the_rows_of_a_view_have_the_types_of_the_contract() {
        let row = json!({"allergy_id": "a1", "derived_status": "active", "notes": ["one", "two"],
            "onset": "2010-06", "onset_from": "2010-06-01", "reactions": [{"manifestation_term": "Rash"}]});
        let episode = opened(&[(Table::Sections, sections()), (Table::Allergies, vec![row])]);
        let view = collected(allergies(&episode));
        let schema = view.rows.schema();
        for field in Table::Allergies.schema().fields() {
            let of_view = schema.field_with_name(field.name()).expect("every column of the table");
            assert_eq!(of_view.data_type(), field.data_type(), "{}", field.name());
        }
        assert_eq!(texts(&view.rows, "onset_from"), ["2010-06-01"]);
        assert!(texts(&view.rows, "reactions")[0].contains("Rash"));
    }

    #[test]
    fn the_caveats_are_in_every_row_and_beside_an_empty_view() {
        let row = json!({"allergy_id": "a1", "derived_status": "active"});
        let caveats = vec![section("allergies", "returned"), section("problems", "disabled")];
        let episode = opened(&[(Table::Sections, caveats), (Table::Allergies, vec![row])]);
        let view = collected(allergies(&episode));
        for (column, expected) in [
            ("practice", "A99001"),
            ("retrieved_at", "2026-05-01T23:30:00Z"),
            ("freshness", "fresh"),
            ("generation", "1"),
            ("allergies_state", "returned"),
            ("allergies_warnings", "confidential-items; data-in-transit"),
            ("allergies_warning_text", "something is missing"),
            ("allergies_incomplete", "true"),
        ] {
            assert_eq!(texts(&view.rows, column), [expected], "{column}");
        }
        let empty = collected(problems(&episode));
        assert_eq!((empty.rows.num_rows(), empty.groups().len()), (0, 0));
        assert_eq!(empty.caveats.areas[0].state, "disabled");
        assert!(empty.caveats.areas[0].incomplete);
        let later = "2026-05-02T00:30:00Z".parse().expect("a time");
        assert_eq!(empty.caveats.age(later).as_mins(), 60);
    }

    #[test]
    fn without_the_caveats_of_all_its_areas_there_is_no_view() {
        let medications = vec![section("medications", "returned")];
        let episode = opened(&[(Table::Sections, medications), (Table::Allergies, vec![json!({})])]);
        assert!(matches!(allergies(&episode), Err(FrameError::NoCaveats { area: "allergies" })));
        // Indications are of the problems, and none recorded is not none asked for.
        assert!(matches!(current_medication(&episode), Err(FrameError::NoCaveats { area: "problems" })));
        assert!(matches!(completeness(&episode), Err(FrameError::NoCaveats { .. })));
    }

    #[test]
    fn allergies_and_problems_show_what_a_reader_must_reckon_with() {
        let allergy =
            |id: &str, status: serde_json::Value| json!({"allergy_id": id, "derived_status": status});
        let problem = |id: &str, membership: &str, status: serde_json::Value, significance: &str| json!({"problem_id": id, "membership": membership, "clinical_status": status, "significance": significance});
        let episode = opened(&[
            (Table::Sections, sections()),
            (
                Table::Allergies,
                vec![
                    allergy("ended", json!("ended")),
                    allergy("none", json!("no_known_allergy")),
                    allergy("active", json!("active")),
                    allergy("unclear", json!(null)),
                    allergy("conflict", json!("conflict")),
                ],
            ),
            (
                Table::Problems,
                vec![
                    problem("minor", "primary", json!("active"), "minor"),
                    problem("inactive", "primary", json!("inactive"), "major"),
                    problem("major", "primary", json!("active"), "major"),
                    problem("linked", "linked", json!("active"), "major"),
                    problem("unclear", "primary", json!(null), "minor"),
                ],
            ),
        ]);
        let groups = |texts: &[(&str, &[&str])]| -> Vec<(String, Vec<String>)> {
            texts
                .iter()
                .map(|(name, ids)| ((*name).into(), ids.iter().map(|id| (*id).into()).collect()))
                .collect()
        };
        assert_eq!(
            by_group(&collected(allergies(&episode)), "allergy_id"),
            groups(&[
                ("active", &["active", "unclear", "conflict"]),
                ("no_known_allergy", &["none"]),
                ("ended", &["ended"]),
            ])
        );
        let view = collected(problems(&episode));
        assert_eq!(by_group(&view, "problem_id"), groups(&[("active", &["major", "minor", "unclear"])]));
        assert_eq!(view.left_out, [("inactive".to_owned(), 1), ("context_only".to_owned(), 1)]);
    }

    #[test]
    fn completeness_is_told_of_every_area_and_every_notice() {
        let mut areas = sections();
        areas[0] =
            json!({"area": "allergies", "state": "empty_no_content", "entries": 0, "incomplete": false});
        areas[1] = section("medications", "returned");
        let notice = |severity: &str, text: &str| json!({"severity": severity, "area": "medications", "code": "c", "text": text});
        let notices = vec![
            notice("information", "one"),
            notice("error", "two"),
            notice("information", "one"),
            notice("a severity of tomorrow", "three"),
        ];
        let episode = opened(&[(Table::Sections, areas), (Table::Notices, notices)]);
        let view = collected(completeness(&episode));
        let groups = by_group(&view, "words");
        assert_eq!(groups[0].1.len(), 10);
        assert!(groups[0].1[0].contains("NOT \"no known allergies\""));
        assert_eq!(groups[0].1[1], "1 entry, INCOMPLETE; something is missing");
        assert_eq!(
            groups[1..],
            [
                ("error".to_owned(), vec!["two".to_owned(), "three".to_owned()]),
                ("information".to_owned(), vec!["one".to_owned()]),
            ]
        );
        assert_eq!(by_group(&view, "times")[2].1, ["2"]);
        assert!(view.left_out.is_empty());
    }
}
