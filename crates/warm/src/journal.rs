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
use bedside_cache::EpisodeTag;
use jiff::Timestamp;
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
        let file = format!("{run}.journal");
        let lock = disk.lock(&file)?;
        disk.sync_dir("")?;
        let bytes = disk.read(&file, 0)?;
        // A line that a crash cut short tells of something that had not begun.
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

    fn append(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.disk.append(&self.file, &line)
    }
}

impl Entry {
    fn at(now: Timestamp) -> Self {
        Self { pipeline: None, episode: None, outcome: None, again: false, at: now.to_string() }
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
