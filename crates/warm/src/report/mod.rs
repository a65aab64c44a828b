//! What a run came to: for the program's exit status, for a person's eyes and for another program.

mod html;

pub use html::escape_html;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::admissions::Why;
use crate::event::{EpisodeReport, LineRefused, Outcome, StayOutcome, StayReported, Totals};

/// What became of a whole list, in the order in which things ended.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The run's id, as in its events.
    pub run: String,
    /// Name of the pipeline.
    pub pipeline: String,
    /// When it began, RFC 3339.
    pub began: String,
    /// When it was over, RFC 3339.
    pub ended: String,
    /// Whether it was asked to stop: what of the list is not here was not begun.
    pub stopped: bool,
    /// Lines that were not accepted.
    pub lines_refused: Vec<LineRefused>,
    /// What became of each admission.
    pub episodes: Vec<EpisodeReport>,
    /// What messages reported of stays.
    pub stays: Vec<StayReported>,
    /// How many messages nothing was done for, by the reason.
    pub passed_over: BTreeMap<Why, usize>,
    /// Why the list could not be read to its end, if so.
    pub input_problem: Option<String>,
}

impl Report {
    /// How many ended how.
    pub fn totals(&self) -> Totals {
        let passed_over = self.passed_over.values().sum();
        let lines = self.lines_refused.len() + self.episodes.len() + self.stays.len() + passed_over;
        let mut totals = Totals { lines, passed_over, ..Totals::default() };
        for stay in &self.stays {
            match stay.outcome {
                StayOutcome::Done | StayOutcome::NothingHeld => totals.stays += 1,
                StayOutcome::Refused { .. } => totals.refused += 1,
                StayOutcome::NotDone { .. } => totals.failed += 1,
            }
        }
        for line in &self.lines_refused {
            if line.by_policy {
                totals.refused += 1;
            } else {
                totals.failed += 1;
            }
        }
        for episode in &self.episodes {
            match &episode.outcome {
                Outcome::Warmed(warmed) => {
                    totals.warmed += 1;
                    totals.rows += warmed.rows.values().sum::<usize>();
                    totals.bundle_bytes += warmed.bundle_bytes;
                    totals.sealed_bytes += warmed.sealed_bytes;
                }
                Outcome::Refused { .. } => totals.refused += 1,
                Outcome::NotTraced(trouble) if trouble.refused => totals.refused += 1,
                outcome if outcome.is_warmed() => totals.warmed += 1,
                Outcome::Earlier { earlier } if earlier == "refused" => totals.refused += 1,
                _ => totals.failed += 1,
            }
        }
        totals
    }

    /// Whether every admission was warmed, every report on a stay heeded, and the list read to its end.
    pub fn all_warmed(&self) -> bool {
        let totals = self.totals();
        self.is_whole() && totals.refused == 0 && totals.failed == 0
    }

    /// Whether policy alone kept something from being warmed.
    pub fn refused_by_policy_only(&self) -> bool {
        let totals = self.totals();
        self.is_whole() && totals.failed == 0 && totals.refused > 0
    }

    /// The report as JSON, with its totals.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct WithTotals<'a> {
            #[serde(flatten)]
            report: &'a Report,
            totals: Totals,
        }
        // Maps with text keys and plain values always have a JSON form.
        serde_json::to_string_pretty(&WithTotals { report: self, totals: self.totals() }).unwrap_or_default()
    }

    /// The report as a page of its own, without a script and without anything from elsewhere.
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// Whether the whole list was gone through.
    fn is_whole(&self) -> bool {
        self.input_problem.is_none() && !self.stopped
    }
}
