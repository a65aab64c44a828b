//! The views of allergies and of problems.

use bedside_cache::OpenEpisode;
use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, reading};
use polars::prelude::{col, lit, when};

use crate::frames::{FrameError, numbered};
use crate::view::View;

/// All allergies. Groups: `active` (everything that nothing says has ended, wherever it was found),
/// `no_known_allergy` (assertions of the practice, which are not the same as an empty list) and `ended`.
///
/// # Errors
/// [`FrameError`]; without the caveats of the area there is no view.
pub fn allergies(episode: &OpenEpisode) -> Result<View, FrameError> {
    let status = || col("derived_status").fill_null(lit("unknown"));
    let group = when(status().eq(lit(reading::ALLERGY_ENDED)))
        .then(lit("ended"))
        .when(status().eq(lit("no_known_allergy")))
        .then(lit("no_known_allergy"))
        .otherwise(lit("active"));
    let rows =
        numbered(episode, Table::Allergies)?.with_columns([group.alias("group"), status().alias("kind")]);
    View::of(episode, &[ClinicalArea::Allergies], rows, (&["active", "no_known_allergy", "ended"], None))
}

/// Problems of the problem list that are not inactive, in one group `active`, the major ones first. Inactive
/// ones and those that came only as context are left out and counted.
///
/// # Errors
/// [`FrameError`]; without the caveats of the area there is no view.
pub fn problems(episode: &OpenEpisode) -> Result<View, FrameError> {
    let listed = || col("membership").eq(lit(reading::PROBLEM_LISTED)).fill_null(lit(false));
    let inactive = || col("clinical_status").eq(lit(reading::PROBLEM_INACTIVE)).fill_null(lit(false));
    let group = when(listed().and(inactive().not())).then(lit("active")).otherwise(lit("left_out"));
    let kind = when(listed()).then(lit("inactive")).otherwise(lit("context_only"));
    let minor = col("significance").eq(lit("major")).fill_null(lit(false)).not();
    let rows = numbered(episode, Table::Problems)?.with_columns([group.alias("group"), kind.alias("kind")]);
    View::of(episode, &[ClinicalArea::Problems], rows, (&["active"], Some(minor)))
}
