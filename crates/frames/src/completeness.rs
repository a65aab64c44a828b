use bedside_cache::OpenEpisode;
use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, reading};
use polars::prelude::{DataType, Expr, UnionArgs, col, concat, lit, when};

use crate::caveats::{AreaCaveats, Caveats};
use crate::frames::{FrameError, table};
use crate::view::{View, texts};

/// What the record says of its own completeness. Groups: `section` (one row for each of the ten areas) and the
/// notices by severity: `error`, `warning`, `information`, each with the number of times that it was given in
/// those words.
///
/// Columns: `area`, `code` (state of the area, or kind of the notice), `words`, `times`.
///
/// # Errors
/// [`FrameError`]; without the caveats of every area there is no view.
pub fn completeness(episode: &OpenEpisode) -> Result<View, FrameError> {
    let caveats = Caveats::of(episode, &ClinicalArea::ALL)?;
    let areas = &caveats.areas;
    let text = |words: &dyn Fn(&AreaCaveats) -> String| areas.iter().map(|area| Some(words(area))).collect();
    let sections = texts(vec![
        ("group", text(&|_| "section".to_owned())),
        ("area", text(&|caveats| caveats.area.as_str().to_owned())),
        ("code", text(&|caveats| caveats.state.clone())),
        ("words", text(&words)),
    ])?;
    let sections = sections.with_columns([once()]);
    let notices = table(episode, Table::Notices)?;
    // A severity that is not known is not a lesser one.
    let known = col("severity").eq(lit("warning")).or(col("severity").eq(lit("information")));
    let group = when(known.fill_null(lit(false))).then(col("severity")).otherwise(lit("error"));
    let keys = [group.alias("group"), col("area"), col("code"), col("text").alias("words")];
    let notices = notices.with_columns([once()]);
    let notices = notices.group_by_stable(keys).agg([col("times").sum().cast(DataType::UInt32)]);
    let all = concat([sections, notices], UnionArgs::default()).map_err(FrameError::Query)?;
    let all = all.with_columns([col("code").alias("kind")]).with_row_index("row", None);
    // The rows are themselves what the other views carry beside theirs.
    let stamp = caveats.origin_columns();
    Ok(View::stamped(caveats, &stamp, all, (&["section", "error", "warning", "information"], None)))
}

fn once() -> Expr {
    lit(1_u32).cast(DataType::UInt32).alias("times")
}

/// What may be concluded of an area, in words.
fn words(caveats: &AreaCaveats) -> String {
    let AreaCaveats { area, state, entries, .. } = caveats;
    let mut words = reading::conclusion(*area, state, *entries)
        .unwrap_or_else(|| format!("{state}: unknown to this version, do not read as empty"));
    if caveats.incomplete {
        words.push_str(", INCOMPLETE");
    }
    if caveats.warnings.is_empty() {
        return words;
    }
    // Two lists of one area often carry the same words.
    let lines = caveats.warning_text.iter().flat_map(|text| text.lines()).map(str::trim);
    let mut told: Vec<&str> = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        if !told.contains(&line) {
            told.push(line);
        }
    }
    if told.is_empty() {
        told = caveats.warnings.iter().map(String::as_str).collect();
    }
    format!("{words}; {}", told.join("; "))
}
