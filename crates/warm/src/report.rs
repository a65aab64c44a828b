use crate::event::{EpisodeReport, LineRefused, Outcome, Totals};

/// What became of a whole list, in the order in which things ended.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The run's id, as in its events.
    pub run: String,
    /// Lines that were not accepted.
    pub lines_refused: Vec<LineRefused>,
    /// What became of each admission.
    pub episodes: Vec<EpisodeReport>,
    /// Why the list could not be read to its end, if so.
    pub input_problem: Option<String>,
}

impl Report {
    /// How many ended how.
    pub fn totals(&self) -> Totals {
        let mut totals =
            Totals { lines: self.lines_refused.len() + self.episodes.len(), ..Totals::default() };
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
                _ => totals.failed += 1,
            }
        }
        totals
    }

    /// Whether every line was warmed and the list was read to its end.
    pub fn all_warmed(&self) -> bool {
        let totals = self.totals();
        self.input_problem.is_none() && totals.warmed == totals.lines
    }

    /// Whether policy alone kept something from being warmed.
    pub fn refused_by_policy_only(&self) -> bool {
        let totals = self.totals();
        self.input_problem.is_none() && totals.failed == 0 && totals.refused > 0
    }
}
