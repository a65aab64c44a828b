//! What a run or a sweep came to, as a file for the textfile collector of Prometheus's node exporter: nobody has to
//! listen on a port for a program that is over in minutes. Counts and times alone, by names that are in this program:
//! no label is an episode, a practice or a person (`security` sheet, T-31).

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bedside_cache::Swept;
use bedside_warm::Report;
use jiff::Timestamp;

use crate::exit::Stopped;

/// A run of `bedside warm`.
pub(crate) fn run(report: &Report) -> String {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let (began, ended) = (time(&report.began), time(&report.ended));
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::from([("warmed", 0), ("line_refused", 0)]);
    *outcomes.entry("line_refused").or_default() += report.lines_refused.len();
    for episode in &report.episodes {
        *outcomes.entry(episode.outcome.name()).or_default() += 1;
    }
    let totals = report.totals();
    let mut text = Text::default();
    text.labelled("bedside_run_admissions", "Admissions of the last run, by outcome.", "outcome", &outcomes);
    text.gauge("bedside_run_failed", "Admissions that failed, refusals of policy aside.", totals.failed);
    text.gauge("bedside_run_rows", "Rows sealed by the last run.", totals.rows);
    text.gauge("bedside_run_bundle_bytes", "Bytes fetched by the last run.", totals.bundle_bytes);
    text.gauge("bedside_run_sealed_bytes", "Bytes sealed by the last run.", totals.sealed_bytes);
    let cut = u8::from(report.stopped || report.input_problem.is_some());
    text.gauge("bedside_run_cut_short", "1 when the last run did not come to the end of its list.", cut);
    if let (Some(began), Some(ended)) = (began, ended) {
        let took = ended.duration_since(began).as_secs_f64();
        text.gauge("bedside_run_seconds", "How long the last run took.", took);
        text.finished("bedside_run", ended);
    }
    text.0
}

/// A sweep.
pub(crate) fn sweep(swept: &Swept, ended: Timestamp) -> String {
    let recovered = &swept.recovered;
    let mut text = Text::default();
    let purged = swept.purged.len() + recovered.purges.len();
    text.gauge("bedside_sweep_purged", "Episodes purged by the last sweep.", purged);
    text.gauge("bedside_sweep_kept", "Episodes that the last sweep kept.", swept.kept);
    text.gauge("bedside_sweep_busy", "Episodes that were in use and left to the next sweep.", recovered.busy);
    let unreadable = recovered.unreadable.len();
    text.gauge("bedside_sweep_unreadable", "Episodes that do not open and need somebody.", unreadable);
    text.finished("bedside_sweep", ended);
    text.0
}

/// Puts the text where the collector looks, whole or not at all. Anybody may read it.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Stopped> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let written = (|| -> io::Result<()> {
        fs::write(&beside, text)?;
        fs::set_permissions(&beside, Permissions::from_mode(0o644))?;
        fs::rename(&beside, path)
    })();
    written.map_err(|error| {
        Stopped::failed(format!("the metrics file {} cannot be written: {error}", path.display()))
    })
}

/// Samples in the text format of Prometheus.
#[derive(Default)]
struct Text(String);

impl Text {
    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
    }

    fn labelled(&mut self, name: &str, help: &str, label: &str, values: &BTreeMap<&str, usize>) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (of, value) in values {
            let _ = writeln!(self.0, "{name}{{{label}=\"{of}\"}} {value}");
        }
    }

    fn finished(&mut self, of: &str, at: Timestamp) {
        let name = format!("{of}_finished_timestamp_seconds");
        self.gauge(&name, "When it was over: alert when this is too long ago.", at.as_second());
    }
}
