//! The journal of a run: what has been begun and how it ended, so that a run that was killed goes on where it was.
//!
//! One file a run in a private directory, one JSON object a line, each durable before what it speaks of goes on. It
//! names episodes by their opaque tags and holds neither ids nor patients.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;

use bedside_audit::disk::{Disk, LocalDisk, Lock};
use bedside_cache::{EpisodeTag, Retention};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The name of a run, which is also the name of its journal: 1 to 64 ASCII letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunId(String);

/// A text is not the name of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run's id is 1 to 64 letters, digits, - and _")]
pub struct NotARunId;

impl FromStr for RunId {
    type Err = NotARunId;

    fn from_str(text: &str) -> Result<Self, NotARunId> {
        let named = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if named && (1..=64).contains(&text.len()) { Ok(Self(text.to_owned())) } else { Err(NotARunId) }
    }
}

impl RunId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a run has no journal to go on with.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read or written, or its directory is open to others.
    #[error("the journal of the run cannot be used: {0}")]
    Disk(#[from] io::Error),
    /// It is of another request: one run asks for one thing.
    #[error("the run was begun with the pipeline {0}; go on with that one, or begin another run")]
    OtherPipeline(String),
    /// It is not a journal.
    #[error("line {0} of the run's journal is not what was written")]
    Damaged(usize),
}

/// The open journal of a run. While it is open, no other process has it.
pub struct Journal {
    disk: LocalDisk,
    file: String,
    left: HashMap<String, Left>,
    _lock: Lock,
}

/// How far an earlier part of the run came with an episode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    /// Begun at that time, and no end is known.
    Begun(Timestamp),
    /// Ended with that outcome.
    Ended {
        /// Its name.
        outcome: String,
        /// Whether another try makes sense.
        again: bool,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pipeline: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    episode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    again: bool,
    /// The list has been gone through.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    finished: bool,
    /// RFC 3339.
    at: String,
}

impl Journal {
    /// Opens the journal of a run, a new one or one that a killed run left, in a directory that is made with mode 0700
    /// when it is missing. Waits for a process that has it.
    ///
    /// # Errors
    /// [`JournalError`]; the run must not go on then.
    pub fn open(directory: &Path, run: &RunId, pipeline: &str, now: Timestamp) -> Result<Self, JournalError> {
        let disk = LocalDisk::open(directory)?;
        let file = format!("{run}{ENDING}");
        let lock = lock(&disk, &file)?;
        disk.sync_dir("")?;
        let bytes = disk.read(&file, 0)?;
        // A line that a crash cut short tells of something that had not begun, or whose end the cache knows.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < bytes.len() {
            disk.truncate(&file, whole as u64)?;
        }
        let left = read(&bytes[..whole], pipeline)?;
        let journal = Self { disk, file, left, _lock: lock };
        if whole == 0 {
            journal.append(&Entry { pipeline: Some(pipeline.to_owned()), ..Entry::at(now) })?;
        }
        Ok(journal)
    }

    /// How far an earlier part of the run came with an episode.
    pub(crate) fn left(&self, episode: &EpisodeTag) -> Option<&Left> {
        self.left.get(episode.as_str())
    }

    /// Whether there is an episode of which no end is known.
    pub(crate) fn has_begun(&self) -> bool {
        self.left.values().any(|left| matches!(left, Left::Begun(_)))
    }

    /// Notes that work on an episode begins; durable when this returns.
    pub(crate) fn begins(&self, episode: &EpisodeTag, now: Timestamp) -> io::Result<()> {
        self.append(&Entry { episode: Some(episode.to_string()), ..Entry::at(now) })
    }

    /// Notes how it ended; durable when this returns.
    pub(crate) fn ends(
        &self,
        episode: &EpisodeTag,
        (outcome, again): (&str, bool),
        now: Timestamp,
    ) -> io::Result<()> {
        let (episode, outcome) = (Some(episode.to_string()), Some(outcome.to_owned()));
        self.append(&Entry { episode, outcome, again, ..Entry::at(now) })
    }

    /// Notes that the run has come to the end of its list; durable when this returns.
    pub(crate) fn finishes(&self, now: Timestamp) -> io::Result<()> {
        self.append(&Entry { finished: true, ..Entry::at(now) })
    }

    fn append(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.disk.append(&self.file, &line)
    }
}

/// What a sweep of journals did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalsSwept {
    /// Removed, because nothing can be gone on with any more.
    pub removed: u64,
    /// Not yet old enough.
    pub kept: u64,
    /// Of runs that are under way.
    pub in_use: u64,
    /// Not journals; a person has to look.
    pub unreadable: u64,
}

/// Removes the journals of a directory whose time is over: of a run that came to the end of its list, so long after
/// that as an episode is kept without a sign of its stay; of one that did not, at the ceiling. A run that is under
/// way keeps its journal, and one that is begun meanwhile waits.
///
/// # Errors
/// The directory cannot be used; what was removed stays so, and the next sweep goes on.
pub fn sweep_journals(
    directory: &Path,
    retention: &Retention,
    now: Timestamp,
) -> Result<JournalsSwept, JournalError> {
    let mut swept = JournalsSwept::default();
    if !directory.try_exists()? {
        return Ok(swept);
    }
    let disk = LocalDisk::open(directory)?;
    let _nobody_begins = disk.lock(LOCK)?;
    for file in disk.names("")?.into_iter().filter(|name| name.ends_with(ENDING)) {
        let Some(_lock) = disk.try_lock(&file)? else {
            swept.in_use += 1;
            continue;
        };
        match age(&disk.read(&file, 0)?, now) {
            Ok(age) if age.is_over(retention) => {
                disk.remove_file(&file)?;
                swept.removed += 1;
            }
            Ok(_) => swept.kept += 1,
            Err(_) => swept.unreadable += 1,
        }
    }
    disk.sync_dir("")?;
    Ok(swept)
}

/// The lock of the directory, held while a journal comes or goes.
const LOCK: &str = "lock";

const ENDING: &str = ".journal";

/// Takes the journal's own lock while no sweep can remove the file: whoever has waited for it asks again.
fn lock(disk: &LocalDisk, file: &str) -> io::Result<Lock> {
    loop {
        let no_sweep = disk.lock(LOCK)?;
        if let Some(lock) = disk.try_lock(file)? {
            return Ok(lock);
        }
        drop(no_sweep);
        drop(disk.lock(file)?);
    }
}

/// How long a journal has been left alone.
enum Age {
    /// Nothing was ever written.
    Empty,
    Finished(SignedDuration),
    Unfinished(SignedDuration),
}

impl Age {
    fn is_over(&self, retention: &Retention) -> bool {
        match self {
            Self::Empty => true,
            Self::Finished(age) => *age >= retention.without_heartbeat,
            Self::Unfinished(age) => *age >= retention.ceiling,
        }
    }
}

fn age(bytes: &[u8], now: Timestamp) -> Result<Age, JournalError> {
    // Whatever was cut short is later than what is whole, and then the age is that of the line before.
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let Some(last) = lines.next_back() else { return Ok(Age::Empty) };
    let damaged = || JournalError::Damaged(bytes.iter().filter(|byte| **byte == b'\n').count());
    let entry: Entry = serde_json::from_slice(last).map_err(|_| damaged())?;
    let age = now.duration_since(entry.at.parse().map_err(|_| damaged())?);
    Ok(if entry.finished { Age::Finished(age) } else { Age::Unfinished(age) })
}

impl Entry {
    fn at(now: Timestamp) -> Self {
        Self {
            pipeline: None,
            episode: None,
            outcome: None,
            again: false,
            finished: false,
            at: now.to_string(),
        }
    }
}

fn read(bytes: &[u8], pipeline: &str) -> Result<HashMap<String, Left>, JournalError> {
    let mut left = HashMap::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
        let entry: Entry = serde_json::from_slice(line).map_err(|_| JournalError::Damaged(index + 1))?;
        match (entry.pipeline, entry.episode, entry.outcome) {
            (Some(begun_with), None, None) if begun_with != pipeline => {
                return Err(JournalError::OtherPipeline(begun_with));
            }
            (Some(_), None, None) => {}
            (None, None, None) if entry.finished => {}
            (None, Some(episode), None) => {
                let at = entry.at.parse().map_err(|_| JournalError::Damaged(index + 1))?;
                left.insert(episode, Left::Begun(at));
            }
            (None, Some(episode), Some(outcome)) => {
                left.insert(episode, Left::Ended { outcome, again: entry.again });
            }
            _ => return Err(JournalError::Damaged(index + 1)),
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn run() -> RunId {
        "night-1".parse().expect("a run")
    }

    fn open(folder: &tempfile::TempDir) -> Result<Journal, JournalError> {
        Journal::open(&folder.path().join("runs"), &run(), "admission", NOW)
    }

    fn file(folder: &tempfile::TempDir) -> std::path::PathBuf {
        folder.path().join("runs/night-1.journal")
    }

    /// The tags of a cache, which alone makes them.
    fn tags(folder: &tempfile::TempDir) -> [EpisodeTag; 2] {
        use std::sync::Arc;

        use bedside_audit::{AuditLog, Pepper, Secret, SystemClock, SystemRandomness};
        use bedside_cache::{Cache, KeyFile};
        let secret = || Secret::random(&SystemRandomness).expect("randomness");
        let clock = Arc::new(SystemClock);
        let audit = AuditLog::open(&folder.path().join("audit"), Pepper::new(secret()), clock.clone());
        let key = Box::new(KeyFile::new(secret()));
        let cache = Cache::open(&folder.path().join("cache"), key, Arc::new(audit.expect("a log")), clock);
        let cache = cache.expect("a cache");
        ["EP-1", "EP-2"].map(|episode| cache.episode_tag(&episode.parse().expect("an id")))
    }

    #[test]
    fn what_was_begun_and_how_it_ended_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let [one, other] = tags(&folder);
        let journal = open(&folder).expect("a journal");
        assert!(journal.left(&one).is_none() && !journal.has_begun());
        journal.begins(&one, NOW).expect("written");
        journal.begins(&other, NOW).expect("written");
        journal.ends(&other, ("not_fetched", true), NOW).expect("written");
        drop(journal);
        let journal = open(&folder).expect("a journal");
        assert_eq!(journal.left(&one), Some(&Left::Begun(NOW)));
        let ended = Left::Ended { outcome: "not_fetched".into(), again: true };
        assert_eq!(journal.left(&other), Some(&ended));
        assert!(journal.has_begun());
    }

    #[test]
    fn a_journal_cut_anywhere_is_read_up_to_its_last_whole_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let [one, other] = tags(&folder);
        let journal = open(&folder).expect("a journal");
        journal.begins(&one, NOW).expect("written");
        let whole = fs::read(file(&folder)).expect("a file").len();
        journal.begins(&other, NOW).expect("written");
        drop(journal);
        let bytes = fs::read(file(&folder)).expect("a file");
        for end in whole..bytes.len() {
            fs::write(file(&folder), &bytes[..end]).expect("cut");
            let journal = open(&folder).expect("a journal");
            assert!(journal.left(&one).is_some() && journal.left(&other).is_none(), "{end}");
            assert_eq!(fs::read(file(&folder)).expect("a file").len(), whole);
        }
    }

    #[test]
    fn a_sweep_removes_what_nobody_can_go_on_with_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let runs = folder.path().join("runs");
        let [one, _] = tags(&folder);
        let journal = |name: &str| {
            Journal::open(&runs, &name.parse().expect("a run"), "admission", NOW).expect("a journal")
        };
        journal("finished").finishes(NOW).expect("written");
        journal("killed").begins(&one, NOW).expect("written");
        for (name, text) in [("empty", ""), ("damaged", "x\n")] {
            drop(journal(name));
            fs::write(runs.join(format!("{name}.journal")), text).expect("written");
        }
        let under_way = journal("under-way");
        let retention = Retention::default();
        let sweep = |after: SignedDuration| {
            let swept = sweep_journals(&runs, &retention, NOW + after).expect("swept");
            (swept.removed, swept.kept, swept.in_use, swept.unreadable)
        };
        let moment = SignedDuration::from_secs(1);
        assert_eq!(sweep(retention.without_heartbeat - moment), (1, 2, 1, 1), "the empty one");
        assert_eq!(sweep(retention.without_heartbeat), (1, 1, 1, 1), "the finished one");
        assert_eq!(sweep(retention.ceiling - moment), (0, 1, 1, 1));
        assert_eq!(sweep(retention.ceiling), (1, 0, 1, 1), "the killed one");
        drop(under_way);
        assert_eq!(sweep(retention.ceiling), (1, 0, 0, 1));
        assert_eq!(
            sweep_journals(&runs.join("none"), &retention, NOW).expect("swept"),
            JournalsSwept::default()
        );
    }

    #[test]
    fn a_run_that_waits_for_a_journal_while_it_is_swept_gets_a_new_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let runs = folder.path().join("runs");
        drop(open(&folder).expect("a journal"));
        let late = NOW + Retention::default().ceiling;
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for _ in 0..50 {
                        let journal = open(&folder).expect("a journal");
                        journal.finishes(NOW).expect("the file that is locked is the one that is there");
                        assert!(file(&folder).exists());
                    }
                });
            }
            threads.spawn(|| {
                for _ in 0..200 {
                    sweep_journals(&runs, &Retention::default(), late).expect("swept");
                }
            });
        });
    }

    #[test]
    fn another_pipeline_and_a_damaged_line_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(open(&folder).expect("a journal"));
        let other = Journal::open(&folder.path().join("runs"), &run(), "consultation", NOW);
        assert!(matches!(other, Err(JournalError::OtherPipeline(name)) if name == "admission"));
        let mut text = fs::read_to_string(file(&folder)).expect("a file");
        text.push_str("{\"at\":\"1970-01-01T00:00:00Z\"}\n");
        fs::write(file(&folder), text).expect("written");
        assert!(matches!(open(&folder), Err(JournalError::Damaged(2))));
    }

    #[test]
    fn a_run_is_named_by_what_can_name_a_file() {
        for name in ["", "../x", "a b", "a.b", "é", &"x".repeat(65)] {
            assert_eq!(name.parse::<RunId>(), Err(NotARunId), "{name}");
        }
        assert!("2026-01-15_night".parse::<RunId>().is_ok());
    }
}
