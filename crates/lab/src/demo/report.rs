//! The pages of the demo: what is about to happen, what became of every admission, where things lie, and how to
//! go on.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use bedside_audit::Verified;
use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, EpisodeId, SectionState};
use bedside_warm::{EpisodeReport, LineRefused, Outcome, Report, Warmed};

use super::Folder;
use super::layout::{columns, grouped, wrap};
use super::scene::Scene;

/// Who plays.
pub(super) fn opening(scene: &Scene, spine: &str, width: usize) -> String {
    let mut text = heading("bedside: GP records at the bedside, a demonstration", width);
    let words = format!(
        "A simulated Spine answers on {spine}: its own authority, TLS with client certificates, a directory of {} \
         practices. {}",
        scene.practices.len(),
        scene.about
    );
    text.push_str(&wrap("", &words, width));
    text.push('\n');
    let known = scene.practices.iter().filter(|surgery| !surgery.words.is_empty());
    let known: Vec<_> =
        known.map(|surgery| format!("  {}  {}", surgery.practice.ods, surgery.words)).collect();
    for pair in known.chunks(if width < 90 { 1 } else { 2 }) {
        let (left, right) = (pair[0].as_str(), pair.get(1).map_or("", String::as_str));
        text.push_str(format!("{left:<44}{right}").trim_end());
        text.push('\n');
    }
    text
}

/// A run that is over.
pub(super) struct Ran<'a> {
    pub(super) scene: &'a Scene,
    pub(super) report: &'a Report,
    /// The areas that were asked for.
    pub(super) asked: &'a [ClinicalArea],
    pub(super) took: Duration,
}

impl Ran<'_> {
    /// What became of every admission.
    pub(super) fn page(&self, width: usize) -> String {
        let mut text = heading("What became of each admission", width);
        let mut rows = vec![header()];
        rows.extend(self.warmed().map(|(report, warmed)| self.row(report, warmed)));
        if rows.len() > 1 {
            text.push_str(&columns(&rows, 3, width));
            text.push('\n');
            text.push_str(&legend(width));
        }
        text.push_str(&self.notes(width));
        text.push_str(&self.not_warmed(width));
        text.push_str(&self.totals(width));
        text
    }

    /// The report of an episode that was not refused when its line was read.
    fn of(&self, episode: &str) -> Option<&EpisodeReport> {
        self.report.episodes.iter().find(|report| report.episode == episode)
    }

    /// The warmed ones, in the order of the list.
    fn warmed(&self) -> impl Iterator<Item = (&EpisodeReport, &Warmed)> {
        self.scene.episodes.iter().filter_map(|episode| match self.of(episode) {
            Some(report @ EpisodeReport { outcome: Outcome::Warmed(warmed), .. }) => {
                Some((report, &**warmed))
            }
            _ => None,
        })
    }

    fn row(&self, report: &EpisodeReport, warmed: &Warmed) -> Vec<String> {
        let state = |area: &&ClinicalArea| warmed.areas.get(area.as_str()).map_or("", String::as_str);
        let answered = self.asked.iter().filter(|area| is_answered(state(area))).count();
        let areas = format!("{answered}/{}", self.asked.len());
        let mut row = vec![report.episode.clone(), report.practice.clone(), areas];
        row.extend(Table::ALL.map(|table| warmed.rows.get(table.as_str()).copied().unwrap_or(0).to_string()));
        let warnings = warmed.notices.get("warning").copied().unwrap_or(0);
        let bytes = grouped(warmed.bundle_bytes as u64);
        row.extend([warnings.to_string(), bytes, report.milliseconds.to_string()]);
        row
    }

    /// What is out of the ordinary about records that were warmed.
    fn notes(&self, width: usize) -> String {
        let mut text = String::new();
        for (report, warmed) in self.warmed() {
            let mut notes: Vec<String> =
                self.scene.remarks.get(&report.episode).cloned().into_iter().collect();
            if warmed.attempts > 1 {
                notes.push(format!("answered at attempt {}", warmed.attempts));
            }
            let (asked, unasked): (Vec<_>, Vec<_>) = warmed
                .areas
                .iter()
                .partition(|(area, _)| self.asked.iter().any(|asked| asked.as_str() == **area));
            let unusual = asked.into_iter().filter(|(_, state)| *state != SectionState::Returned.as_str());
            notes.extend(unusual.map(|(area, state)| format!("{area} {}", state.replace('_', " "))));
            let unasked = unasked.iter().filter(|(_, state)| is_answered(state)).count();
            if unasked > 0 {
                notes.push(format!("{unasked} areas came unasked"));
            }
            if !notes.is_empty() {
                text.push_str(&wrap(&format!("  {}  ", report.episode), &notes.join("; "), width));
            }
        }
        if text.is_empty() { text } else { format!("\n{text}") }
    }

    /// What was not warmed, in full.
    fn not_warmed(&self, width: usize) -> String {
        let mut text = String::new();
        for episode in &self.scene.episodes {
            let mut lines = self.report.lines_refused.iter();
            let refused = lines.find(|line| line.episode.as_ref() == Some(episode)).map(refused);
            let Some((name, message)) = refused.or_else(|| self.of(episode).and_then(ended)) else {
                continue;
            };
            let words = format!("{name}, {}{message}", self.meant(episode, name));
            text.push_str(&wrap(&format!("  {episode}  "), &words, width));
        }
        if text.is_empty() { text } else { format!("\nNot warmed, and nothing stored:\n{text}") }
    }

    /// Whether that outcome was meant; where nobody knows, which file it is about.
    fn meant(&self, episode: &str, outcome: &str) -> String {
        match self.scene.intention(episode) {
            Some(intention) if intention.outcome == outcome => format!("as intended ({}): ", intention.why),
            _ if self.scene.intended.is_some() => "NOT AS INTENDED: ".to_owned(),
            _ => self.scene.remarks.get(episode).map(|file| format!("{file}: ")).unwrap_or_default(),
        }
    }

    fn totals(&self, width: usize) -> String {
        let totals = self.report.totals();
        let meant = match self.scene.is_as_intended(self.report) {
            true if self.scene.intended.is_some() => ", the others as intended",
            true => "",
            false => ", NOT ALL AS INTENDED",
        };
        let words = format!(
            "{} of {} warmed{meant}: {} rows, {} bytes fetched, {} bytes sealed, in {:.2} s",
            totals.warmed,
            totals.lines,
            grouped(totals.rows as u64),
            grouped(totals.bundle_bytes as u64),
            grouped(totals.sealed_bytes),
            self.took.as_secs_f64()
        );
        format!("\n{}", wrap("Totals     ", &words, width))
    }
}

/// Where cache and audit log are.
pub(super) fn places(folder: &Folder, width: usize) -> String {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let fate = if folder.is_kept() { "" } else { "; gone when the demo ends" };
    wrap("Cache      ", &format!("{} (sealed: one key an episode{fate})", path("cache")), width)
        + &wrap("Audit log  ", &format!("{} (chained by hash{fate})", path("audit/audit.ndjson")), width)
}

/// What stands above the record.
pub(super) fn before_record(episode: &EpisodeId, width: usize) -> String {
    heading("One of them at the bedside", width)
        + &wrap(
            "",
            &format!(
                "Read through a grant and audited, as `bedside show {episode}` shows it: where it is from and what is \
                 not in it stands above every list."
            ),
            width,
        )
        + "\n"
}

/// The state of the audit log, and how to go on.
pub(super) fn closing(
    folder: &Folder,
    shown: Option<&EpisodeId>,
    verified: &Verified,
    width: usize,
) -> String {
    let mut text = heading("In the end", width);
    let Verified { records, unfinished, .. } = verified;
    text.push_str(&wrap(
        "",
        &format!("The audit log's chain holds: {records} records, {unfinished} intents without an outcome."),
        width,
    ));
    match folder {
        Folder::Temporary(_) => {
            text.push_str(
                "Nothing is kept. To go on by hand:\n\n  cargo run -q -p bedside-lab -- demo --keep DIR\n",
            );
        }
        Folder::Kept(folder) => text.push_str(&commands(folder, shown)),
    }
    text
}

/// The commands to try on a folder.
pub(crate) fn commands(folder: &Path, shown: Option<&EpisodeId>) -> String {
    let (config, reader) = (quoted(&folder.join("config.toml")), quoted(&folder.join("reader.json")));
    let bedside = format!("  cargo run -q -p bedside-cli -- --config {config}");
    let mut text = format!("Everything is in {}. Try:\n\n{bedside} list\n", folder.display());
    if let Some(episode) = shown {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{bedside} show {episode} --reader {reader}");
        let _ = writeln!(text, "{bedside} show {episode} --table medications --reader {reader} --format csv");
        let _ = writeln!(text, "{bedside} purge {episode} --reader {reader}");
    }
    let _ = writeln!(text, "{bedside} audit verify");
    text
}

/// A path as a shell reads it back.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn heading(title: &str, width: usize) -> String {
    let line = "─".repeat(width.saturating_sub(title.chars().count() + 4));
    format!("\n── {title} {line}\n\n")
}

/// Short names of the tables, in the order of the contract.
const SHORT: [&str; 9] = ["med", "iss", "all", "pro", "con", "nod", "lnk", "sec", "not"];

fn header() -> Vec<String> {
    let before = ["Episode", "Practice", "Areas"].into_iter();
    before.chain(SHORT).chain(["warn", "bytes", "ms"]).map(str::to_owned).collect()
}

fn legend(width: usize) -> String {
    let names: Vec<_> = SHORT
        .into_iter()
        .zip(Table::ALL)
        .map(|(short, table)| format!("{short} {}", table.as_str()))
        .collect();
    wrap(
        "  ",
        &format!(
            "Areas: answered of those asked for. Rows of the tables {}. warn: warnings among the notices; bytes: \
             fetched; ms: from look-up to seal.",
            names.join(", ")
        ),
        width,
    )
}

fn is_answered(state: &str) -> bool {
    state.starts_with("returned") || state.starts_with("empty")
}

/// Name and message of a line that was not accepted.
fn refused(line: &LineRefused) -> (&'static str, String) {
    let name = if line.by_policy { "line refused by policy" } else { "line refused" };
    let problems: Vec<_> = line.problems.iter().map(ToString::to_string).collect();
    (name, problems.join("; "))
}

/// Name and message of an outcome that is not `warmed`.
fn ended(report: &EpisodeReport) -> Option<(&'static str, String)> {
    match &report.outcome {
        Outcome::Warmed(_) => None,
        outcome => Some((outcome.name(), outcome.message())),
    }
}
