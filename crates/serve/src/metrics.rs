//! What an operator counts. The one label is the status of an answer: anything of a patient, a practice, an episode or
//! a reader would tell who is in the hospital (`security` sheet, T-31).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::StatusCode;

/// Counts since the process started.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Answers to requests for tables, by status.
    answers: BTreeMap<u16, u64>,
    bytes: u64,
    seconds: f64,
    timed_out: u64,
}

impl Metrics {
    /// A request for a table was answered.
    pub(crate) fn answered(&self, status: StatusCode, bytes: usize, took: Duration) {
        let mut counts = self.counts();
        *counts.answers.entry(status.as_u16()).or_default() += 1;
        if status == StatusCode::OK {
            counts.bytes += bytes as u64;
        }
        counts.seconds += took.as_secs_f64();
    }

    /// A connection was ended because its time was over.
    pub(crate) fn timed_out(&self) {
        self.counts().timed_out += 1;
    }

    /// The text format of Prometheus, version 0.0.4. `connections` are open now, this one included.
    pub(crate) fn text(&self, connections: usize) -> String {
        let counts = self.counts();
        let mut text = String::new();
        head(
            &mut text,
            "bedside_serve_answers_total",
            "counter",
            "Answers to requests for tables, by status.",
        );
        for (status, count) in &counts.answers {
            line(&mut text, &format!("bedside_serve_answers_total{{status=\"{status}\"}}"), count);
        }
        let all: u64 = counts.answers.values().sum();
        head(&mut text, "bedside_serve_answer_seconds", "summary", "Time from a request to its answer.");
        line(&mut text, "bedside_serve_answer_seconds_sum", counts.seconds);
        line(&mut text, "bedside_serve_answer_seconds_count", all);
        let singles: [(&str, &str, &str, u64); 3] = [
            ("bedside_serve_bytes_total", "counter", "Bytes of tables that were handed over.", counts.bytes),
            (
                "bedside_serve_timeouts_total",
                "counter",
                "Connections that were ended because their time was over.",
                counts.timed_out,
            ),
            ("bedside_serve_connections", "gauge", "Connections that are open.", connections as u64),
        ];
        for (name, kind, help, value) in singles {
            head(&mut text, name, kind, help);
            line(&mut text, name, value);
        }
        text
    }

    /// What the lock guards is whole after any panic.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_status_and_bytes_only_where_something_was_handed_over() {
        let metrics = Metrics::default();
        metrics.answered(StatusCode::OK, 100, Duration::from_millis(250));
        metrics.answered(StatusCode::OK, 20, Duration::from_millis(500));
        metrics.answered(StatusCode::FORBIDDEN, 77, Duration::from_millis(250));
        metrics.timed_out();
        let text = metrics.text(3);
        for expected in [
            "bedside_serve_answers_total{status=\"200\"} 2\n",
            "bedside_serve_answers_total{status=\"403\"} 1\n",
            "bedside_serve_answer_seconds_sum 1\n",
            "bedside_serve_answer_seconds_count 3\n",
            "bedside_serve_bytes_total 120\n",
            "bedside_serve_timeouts_total 1\n",
            "bedside_serve_connections 3\n",
        ] {
            assert!(text.contains(expected), "{expected}{text}");
        }
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let labels: Vec<_> = samples.filter_map(|line| line.split_once('{')).map(|(_, rest)| rest).collect();
        assert!(labels.iter().all(|label| label.starts_with("status=\"")), "{labels:?}");
    }
}
