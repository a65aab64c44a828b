use arrow_array::{Array, BooleanArray, ListArray, RecordBatch, StringArray, UInt32Array};
use bedside_cache::{Freshness, OpenEpisode};
use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, Day};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use polars::prelude::{Expr, lit};
use serde::Deserialize;

use crate::frames::FrameError;

/// What must be known of the rows of a view before anything is concluded from them: where they are from, how old
/// they are, and what the practice says of the areas that the view is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caveats {
    /// ODS code of the practice; absent for a record that was read from a file.
    pub practice: Option<String>,
    /// When the practice's answer was complete; when it was sealed, for a record that was read from a file.
    pub retrieved_at: Timestamp,
    /// What the site's policy said of its age when the episode was opened.
    pub freshness: Freshness,
    /// Generation of the episode, from 1.
    pub generation: u64,
    /// The areas of the view, that of its rows first.
    pub areas: Vec<AreaCaveats>,
    /// The caveats of the generation that it is compared with, for a view that compares.
    pub earlier: Option<Box<Caveats>>,
}

/// What may be concluded of one clinical area: its row of `sections`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AreaCaveats {
    /// The area.
    pub area: ClinicalArea,
    /// State of the area (`bundle` sheet, section 8), such as `returned` or `not_requested`.
    pub state: String,
    /// Entries of its primary list, where there is one.
    pub entries: Option<u32>,
    /// Codes of the practice's warnings.
    pub warnings: Vec<String>,
    /// The warnings in the practice's words.
    pub warning_text: Option<String>,
    /// Whether something is known to be missing.
    pub incomplete: bool,
    /// The day before which something may be missing, as the practice writes it.
    pub incomplete_before: Option<String>,
}

impl Caveats {
    /// How old the record is at `now`. Negative when the clock of this machine cannot be right; it is stale then.
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.retrieved_at)
    }

    /// The caveats of a view that is made of those areas.
    pub(crate) fn of(episode: &OpenEpisode, areas: &[ClinicalArea]) -> Result<Self, FrameError> {
        // A manifest of another version says less, which is not a reason to show nothing.
        let origin: Origin = serde_json::from_str(episode.manifest()).unwrap_or_default();
        let retrieved_at = origin.retrieved_at.and_then(|at| at.parse().ok());
        let sections = episode.table(Table::Sections);
        let of = |area: &ClinicalArea| {
            AreaCaveats::of(*area, sections).ok_or(FrameError::NoCaveats { area: area.as_str() })
        };
        Ok(Self {
            practice: origin.source.map(|source| source.practice),
            retrieved_at: retrieved_at.unwrap_or(episode.created()),
            freshness: episode.freshness(),
            generation: episode.generation(),
            areas: areas.iter().map(of).collect::<Result<_, _>>()?,
            earlier: None,
        })
    }

    /// The day of retrieval in London: the one that the classes of medication are of.
    pub(crate) fn retrieval_day(&self) -> Day {
        // The zone is compiled into the program, so the fallback is never taken.
        let zone = TimeZoneDatabase::bundled().get("Europe/London").unwrap_or(TimeZone::UTC);
        let date = self.retrieved_at.to_zoned(zone).date();
        let day = Day::new(
            date.year().into(),
            date.month().unsigned_abs().into(),
            date.day().unsigned_abs().into(),
        );
        // Every day of the civil calendar is one.
        day.unwrap_or(Day(0))
    }

    /// The columns that put the caveats into every row of a view.
    pub(crate) fn columns(&self) -> Vec<Expr> {
        let areas = self.areas.iter().flat_map(AreaCaveats::columns);
        let columns = self.origin_columns().into_iter().chain(areas);
        let earlier = self.earlier.iter().flat_map(|earlier| earlier.columns());
        columns.chain(earlier.map(|column| column.name().prefix("earlier_"))).collect()
    }

    /// Those of them that say where a row is from.
    pub(crate) fn origin_columns(&self) -> [Expr; 4] {
        [
            lit(self.practice.clone().unwrap_or_default()).alias("practice"),
            lit(self.retrieved_at.to_string()).alias("retrieved_at"),
            lit(self.freshness.as_str()).alias("freshness"),
            lit(self.generation).alias("generation"),
        ]
    }
}

impl AreaCaveats {
    fn of(area: ClinicalArea, sections: &RecordBatch) -> Option<Self> {
        let areas = column::<StringArray>(sections, "area")?;
        let row = (0..areas.len()).find(|row| areas.is_valid(*row) && areas.value(*row) == area.as_str())?;
        let text = |name| {
            let array = column::<StringArray>(sections, name).filter(|array| array.is_valid(row))?;
            Some(array.value(row).to_owned())
        };
        let entries = column::<UInt32Array>(sections, "entries").filter(|array| array.is_valid(row));
        let warnings = column::<ListArray>(sections, "warnings")?.value(row);
        let warnings = warnings.as_any().downcast_ref::<StringArray>()?;
        let incomplete = column::<BooleanArray>(sections, "incomplete")?;
        Some(Self {
            area,
            state: text("state")?,
            entries: entries.map(|array| array.value(row)),
            warnings: warnings.iter().flatten().map(str::to_owned).collect(),
            warning_text: text("warning_text"),
            // Unknown completeness is not completeness.
            incomplete: !incomplete.is_valid(row) || incomplete.value(row),
            incomplete_before: text("incomplete_before"),
        })
    }

    fn columns(&self) -> [Expr; 5] {
        let name = |part: &str| format!("{}_{part}", self.area.as_str());
        [
            lit(self.state.clone()).alias(name("state")),
            lit(self.warnings.join("; ")).alias(name("warnings")),
            lit(self.warning_text.clone().unwrap_or_default()).alias(name("warning_text")),
            lit(self.incomplete).alias(name("incomplete")),
            lit(self.incomplete_before.clone().unwrap_or_default()).alias(name("incomplete_before")),
        ]
    }
}

/// What a manifest says of where a record is from (contract, section "Manifest").
#[derive(Default, Deserialize)]
struct Origin {
    source: Option<Source>,
    retrieved_at: Option<String>,
}

#[derive(Deserialize)]
struct Source {
    practice: String,
}

pub(crate) fn column<'a, T: 'static>(batch: &'a RecordBatch, name: &str) -> Option<&'a T> {
    batch.column_by_name(name)?.as_any().downcast_ref()
}
