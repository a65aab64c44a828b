//! The log as it is read back: for the person who asks who saw a patient's record, and for export.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use crate::Pseudonym;
use crate::chain::Head;
use crate::verify::{Verified, VerifyError, verify_each};

/// What [`verify`](crate::verify) and the log itself need to read back.
#[derive(Deserialize)]
pub(crate) struct Numbers {
    pub(crate) seq: u64,
    #[serde(default)]
    pub(crate) intent: Option<u64>,
    #[serde(default)]
    pub(crate) outcome: Option<String>,
    /// Number of the file in which the log goes on, where this record closes one.
    #[serde(default)]
    pub(crate) segment: Option<u64>,
    #[serde(default)]
    ts_utc: String,
}

impl Numbers {
    /// When it was recorded; `None` when it does not say.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        self.ts_utc.parse().ok()
    }
}

/// One event of the log: what was intended, by whom, and how it ended.
#[derive(Debug, Clone)]
pub struct Access {
    /// The record of the intent, or of what was decided at once.
    pub entry: Entry,
    /// The record of how it ended; `None` when the first record says it, or a crash came between.
    pub outcome: Option<Entry>,
}

impl Access {
    /// `ok`, `blocked` or `failed`; `unknown` when nothing says how it ended.
    pub fn verdict(&self) -> &str {
        let ended = self.outcome.as_ref().unwrap_or(&self.entry);
        ended.outcome.as_deref().unwrap_or("unknown")
    }

    /// Why it was blocked or failed, or what rule it followed, as a code.
    pub fn reason(&self) -> Option<&str> {
        let ended = self.outcome.as_ref().unwrap_or(&self.entry);
        ended.reason.as_deref().or(ended.cause.as_deref()).or(self.entry.cause.as_deref())
    }
}

/// A record, as far as people and export need it. Every field is as it was written; see
/// [`Detail`](crate::Detail) for what the facts mean.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// Number of the record, from 1.
    pub seq: u64,
    /// When it was recorded, UTC, RFC 3339.
    pub ts_utc: String,
    /// What it is about; see [`EventKind`](crate::EventKind).
    pub event: String,
    /// Number of the intent whose end this is.
    pub intent: Option<u64>,
    /// `ok`, `blocked`, `failed`, or `unknown` when a crash cut it off; an intent has none.
    pub outcome: Option<String>,
    /// Why it was blocked or failed.
    pub reason: Option<String>,
    /// The program and its version.
    pub software: String,
    /// The device or system.
    pub device: Option<String>,
    /// Who acted; none for what the system did by itself, and for outcomes.
    pub user: Option<EntryUser>,
    /// The patient's pseudonym.
    pub patient: Option<String>,
    /// The episode's opaque tag.
    pub episode: Option<String>,
    /// The purpose as claimed.
    pub purpose: Option<String>,
    /// The relationship as asserted.
    pub relationship: Option<String>,
    /// `Ssp-TraceID` of a fetch.
    pub trace_id: Option<String>,
    /// ODS code of the practice that was asked.
    pub practice: Option<String>,
    /// The interaction that was asked for.
    pub interaction_id: Option<String>,
    /// Bytes received, written, released or destroyed.
    pub bytes: Option<u64>,
    /// Clinical areas asked for.
    #[serde(default)]
    pub areas_asked: Vec<String>,
    /// Rows by table.
    #[serde(default)]
    pub rows: BTreeMap<String, u64>,
    /// Generation of the episode.
    pub generation: Option<u64>,
    /// SHA-256 of the sealed manifest, hexadecimal.
    pub manifest_sha256: Option<String>,
    /// Receipt of a purge.
    pub receipt: Option<String>,
    /// The rule or decision behind it.
    pub cause: Option<String>,
    /// Age of the record that was shown, in seconds.
    pub age_s: Option<u64>,
}

impl Entry {
    /// When it was recorded.
    pub fn at(&self) -> Option<Timestamp> {
        self.ts_utc.parse().ok()
    }
}

/// The person of a record, as they were at the time.
#[derive(Debug, Clone, Deserialize)]
pub struct EntryUser {
    /// The user's id in the host system.
    pub id: String,
    /// SDS user id, or `UNK`.
    pub sds_id: String,
    /// Name as it was at the time.
    pub name: String,
    /// Role in which the user acted.
    pub role: String,
    /// ODS code of the organisation.
    pub organisation: String,
    /// Its name.
    pub organisation_name: String,
}

/// Reads a log from its first record to its last as [`verify`](crate::verify) does, and hands every event to
/// `each` as soon as its end is known; those that have none come last. Whoever acts on what it hands out must
/// wait for the verdict on the whole chain.
///
/// # Errors
/// As [`verify`](crate::verify), and [`VerifyError::Unreadable`] with what `each` returned, or when a record
/// lacks the fields of one.
pub fn accesses<'h>(
    directory: &Path,
    anchors: impl IntoIterator<Item = &'h Head>,
    mut each: impl FnMut(Access) -> io::Result<()>,
) -> Result<Verified, VerifyError> {
    let mut open: BTreeMap<u64, Entry> = BTreeMap::new();
    let verified = verify_each(directory, anchors, &mut |body| {
        let entry: Entry = serde_json::from_slice(body)?;
        match entry.intent.and_then(|intent| open.remove(&intent)) {
            Some(begun) => each(Access { entry: begun, outcome: Some(entry) }),
            None if entry.outcome.is_some() => each(Access { entry, outcome: None }),
            None => {
                open.insert(entry.seq, entry);
                Ok(())
            }
        }
    })?;
    for entry in open.into_values() {
        each(Access { entry, outcome: None })?;
    }
    Ok(verified)
}

/// Everything that was done, or refused, about a patient: what names the pseudonym, and what names an episode
/// that is known to be theirs. In the order in which it began.
///
/// # Errors
/// As [`accesses`].
pub fn who_saw<'h>(
    directory: &Path,
    anchors: impl IntoIterator<Item = &'h Head> + Clone,
    patient: &Pseudonym,
) -> Result<(Vec<Access>, Verified), VerifyError> {
    let mut episodes = HashSet::new();
    accesses(directory, anchors.clone(), |access| {
        if access.entry.patient.as_deref() == Some(patient.as_str()) {
            episodes.extend(access.entry.episode);
        }
        Ok(())
    })?;
    let mut found = Vec::new();
    let verified = accesses(directory, anchors, |access| {
        let theirs = access.entry.patient.as_deref() == Some(patient.as_str())
            || access.entry.episode.as_ref().is_some_and(|episode| episodes.contains(episode));
        if theirs {
            found.push(access);
        }
        Ok(())
    })?;
    found.sort_by_key(|access| access.entry.seq);
    Ok((found, verified))
}
