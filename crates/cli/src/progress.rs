use std::cell::Cell;
use std::io::{self, IsTerminal};

use bedside_warm::strict::join;
use bedside_warm::{Event, Outcome, Totals, What};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::tell;
use crate::render::escape;

/// What a person at a terminal sees of a run: a bar, and a line for everything that did not go well. Without a
/// terminal there is no bar, only the lines.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// What an admission is called by its place in the list: a message may have many lines.
    entry: &'static str,
    /// Admissions that were not begun because the run was asked to stop.
    handed_back: Cell<usize>,
}

impl Progress {
    /// Progress over so many lines, or over nobody knows how many.
    pub(crate) fn new(lines: Option<u64>, is_lines: bool) -> Self {
        let (entry, handed_back) = (if is_lines { "line" } else { "message" }, Cell::new(0));
        if !io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden(), entry, handed_back };
        }
        let (bar, template) = match lines {
            Some(lines) => (ProgressBar::new(lines), "{wide_bar} {pos} of {len}, {eta} to go"),
            None => (ProgressBar::no_length(), "{spinner} {pos} done in {elapsed}"),
        };
        // Both templates are constants of this file, and the default style is no loss.
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Self { bar, entry, handed_back }
    }

    pub(crate) fn tell(&self, event: &Event) {
        match &event.what {
            What::RunStarted { .. } | What::EpisodeStarted { .. } => {}
            What::LineRefused(refused) => {
                self.bar.inc(1);
                let (nature, problems) =
                    (if refused.by_policy { "policy" } else { "malformed" }, join(&refused.problems));
                self.say(&format!("{} {} refused, {nature}: {problems}", self.entry, refused.line));
            }
            What::InputFailed { problem } => self.say(problem),
            What::EpisodeFinished(report) => {
                self.bar.inc(1);
                if matches!(report.outcome, Outcome::HandedBack) {
                    self.handed_back.update(|count| count + 1);
                }
                if !report.outcome.is_warmed() {
                    let (name, message) = (report.outcome.name(), report.outcome.message());
                    self.say(&format!("{}: {name}: {message}", escape(&report.episode)));
                }
            }
            What::StayReported(stay) => {
                self.bar.inc(1);
                if let Some(problem) = stay.outcome.problem() {
                    self.say(&format!(
                        "{}: the report on the stay was not heeded: {problem}",
                        escape(&stay.episode)
                    ));
                }
            }
            What::MessagePassedOver(_) => self.bar.inc(1),
            What::RunFinished(totals) => {
                self.bar.finish_and_clear();
                self.say(&conclusion(totals, self.handed_back.get()));
            }
        }
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| tell(line));
    }
}

fn conclusion(totals: &Totals, handed_back: usize) -> String {
    let Totals { lines, warmed, refused, failed, stays, passed_over, rows, bundle_bytes, sealed_bytes } =
        totals;
    let messages = match stays + passed_over {
        0 => String::new(),
        _ => format!(", {stays} reports on stays, {passed_over} passed over"),
    };
    let (failed, not_begun) = match handed_back {
        0 => (*failed, String::new()),
        count => (failed.saturating_sub(count), format!(", {count} not begun")),
    };
    format!(
        "{warmed} of {lines} warmed, {refused} refused by policy, {failed} failed{not_begun}{messages}; {rows} rows, \
         {bundle_bytes} bytes fetched, {sealed_bytes} bytes sealed"
    )
}
