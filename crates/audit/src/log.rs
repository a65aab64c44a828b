use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use bedside_model::NhsNumber;
use ring::digest;

use crate::chain::{self, Head, Line, MAX_LINE};
use crate::disk::{Disk, LocalDisk};
use crate::event::{Detail, Event, EventKind, Outcome};
use crate::record::{Numbers, Record, Stamp};
use crate::{Clock, Pepper, Pseudonym};

/// The file of the log, inside its directory.
pub(crate) const FILE: &str = "audit.ndjson";

/// The log of one directory.
///
/// Several threads and several processes may append to one log: each append takes the file's lock and first
/// reads what others have added, so that the chain never forks.
pub struct AuditLog {
    disk: Arc<dyn Disk>,
    pepper: Pepper,
    clock: Arc<dyn Clock>,
    device: Option<String>,
    tail: Mutex<Tail>,
}

/// Why nothing may happen now: the log did not take the record. The caller must not fetch, show or destroy.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log cannot be opened or written: a full disk, a mode looser than 0700 or 0600, a lost volume.
    #[error("the audit log cannot be written, so nothing may be fetched or shown: {0}")]
    Unwritable(#[from] io::Error),
    /// What stands in the log is not what was written.
    #[error("the audit log is damaged, so nothing may be fetched or shown; `audit verify` says where")]
    Damaged,
    /// An earlier append failed and this handle will not go on, because a failed sync cannot be tried again.
    #[error("an earlier write to the audit log failed; mend the cause and start again")]
    Stopped,
}

/// How far the log has been read and found whole.
struct Tail {
    end: u64,
    head: Head,
    stopped: bool,
}

impl AuditLog {
    /// Opens the log of a directory, which is made with mode 0700 when it is missing. A last record that a crash
    /// cut short is removed, and the log says so.
    ///
    /// # Errors
    /// [`AuditError::Unwritable`] when directory or file cannot be used or are open to others,
    /// [`AuditError::Damaged`] when the end of the log is neither whole nor provably torn.
    pub fn open(directory: &Path, pepper: Pepper, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        Self::open_on(Arc::new(LocalDisk::open(directory)?), pepper, clock)
    }

    /// [`AuditLog::open`] on another disk, whose root is the log's directory.
    ///
    /// # Errors
    /// As [`AuditLog::open`].
    pub fn open_on(disk: Arc<dyn Disk>, pepper: Pepper, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        let log = Self {
            tail: Mutex::new(Tail { end: 0, head: Head::GENESIS, stopped: false }),
            device: None,
            disk,
            pepper,
            clock,
        };
        {
            let mut tail = log.tail()?;
            let _lock = log.disk.lock(FILE)?;
            log.disk.sync_dir("")?;
            log.find_last(&mut tail)?;
            log.catch_up(&mut tail)?;
        }
        Ok(log)
    }

    /// Names the device or system in every record to come (`retrieve` sheet: audit should hold it).
    #[must_use]
    pub fn on_device(self, device: impl Into<String>) -> Self {
        Self { device: Some(device.into()), ..self }
    }

    /// The patient as this log names one.
    pub fn pseudonym(&self, number: &NhsNumber) -> Pseudonym {
        self.pepper.pseudonym(number)
    }

    /// Records what is about to happen; durable when this returns.
    ///
    /// # Errors
    /// [`AuditError`]; the caller must then not do it.
    pub fn intent(&self, event: &Event<'_>) -> Result<Intent<'_>, AuditError> {
        let seq = self.append(|stamp| Record::of_event(stamp, event, None).to_bytes())?;
        Ok(Intent { log: self, seq, kind: event.kind, episode: event.episode.map(str::to_owned) })
    }

    /// Records something that was decided before anything was intended, such as a refusal.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn record(&self, event: &Event<'_>, outcome: &Outcome) -> Result<(), AuditError> {
        self.append(|stamp| Record::of_event(stamp, event, Some(outcome)).to_bytes()).map(drop)
    }

    /// The head of the chain as this handle knows it. Kept outside, it is the anchor for [`verify`](crate::verify).
    ///
    /// # Errors
    /// [`AuditError::Stopped`] after a failed append.
    pub fn head(&self) -> Result<Head, AuditError> {
        self.tail().map(|tail| tail.head)
    }

    /// One record: lock, read what others wrote, chain, write, sync.
    fn append(
        &self,
        body: impl FnOnce(&Stamp<'_>) -> serde_json::Result<Vec<u8>>,
    ) -> Result<u64, AuditError> {
        let mut tail = self.tail()?;
        let _lock = self.disk.lock(FILE)?;
        self.catch_up(&mut tail)?;
        self.write(&mut tail, body)
    }

    /// The lock on the tail. A thread that panicked while it held the lock may have left it half-read, so
    /// nothing is built on it.
    fn tail(&self) -> Result<MutexGuard<'_, Tail>, AuditError> {
        let tail = self.tail.lock().map_err(|_| AuditError::Stopped)?;
        if tail.stopped { Err(AuditError::Stopped) } else { Ok(tail) }
    }

    fn write(
        &self,
        tail: &mut Tail,
        body: impl FnOnce(&Stamp<'_>) -> serde_json::Result<Vec<u8>>,
    ) -> Result<u64, AuditError> {
        let seq = tail.head.seq + 1;
        let stamp = Stamp { seq, at: self.clock.now(), device: self.device.as_deref() };
        let body = body(&stamp).map_err(io::Error::from)?;
        let (line, hash) = chain::frame(&tail.head.hash, &body);
        if line.len() > MAX_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the record is too long").into());
        }
        if let Err(error) = self.disk.append(FILE, &line) {
            tail.stopped = true;
            return Err(error.into());
        }
        tail.end += line.len() as u64;
        tail.head = Head { seq, hash };
        Ok(seq)
    }

    /// Finds the last whole record without reading the log from its beginning, which is `verify`'s work.
    fn find_last(&self, tail: &mut Tail) -> Result<(), AuditError> {
        let length = self.disk.length(FILE)?;
        // Two longest lines hold one whole line and a torn one, wherever the window begins.
        let start = length.saturating_sub(2 * MAX_LINE as u64);
        let bytes = self.disk.read(FILE, start)?;
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n').map(|index| index + 1) else {
            return if start == 0 { Ok(()) } else { Err(AuditError::Damaged) };
        };
        let begin = bytes[..end - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        let line = Line::parse(&bytes[begin..end]).filter(Line::is_consistent);
        let seq =
            line.and_then(|line| serde_json::from_slice::<Numbers>(line.body).ok()).map(|body| body.seq);
        let (Some(line), Some(seq)) = (line, seq) else { return Err(AuditError::Damaged) };
        tail.end = start + end as u64;
        tail.head = Head { seq, hash: line.hash };
        Ok(())
    }

    /// Reads what other processes added since, and removes a record that one of them died in writing. The
    /// caller holds the file's lock.
    fn catch_up(&self, tail: &mut Tail) -> Result<(), AuditError> {
        let length = self.disk.length(FILE)?;
        if length < tail.end {
            return Err(AuditError::Damaged);
        }
        if length == tail.end {
            return Ok(());
        }
        let added = self.disk.read(FILE, tail.end)?;
        let mut rest = added.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n').map(|index| index + 1) {
            tail.head = follows(&tail.head, &rest[..end]).ok_or(AuditError::Damaged)?;
            tail.end += end as u64;
            rest = &rest[end..];
        }
        match rest {
            [] => Ok(()),
            torn if chain::is_torn(torn) => self.remove_torn(tail, torn),
            _ => Err(AuditError::Damaged),
        }
    }

    fn remove_torn(&self, tail: &mut Tail, torn: &[u8]) -> Result<(), AuditError> {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, torn).as_ref());
        let detail =
            Detail { bytes: Some(torn.len() as u64), removed_sha256: Some(hash), ..Detail::default() };
        if let Err(error) = self.disk.truncate(FILE, tail.end) {
            tail.stopped = true;
            return Err(error.into());
        }
        self.write(tail, |stamp| Record::of_repair(stamp, &detail).to_bytes()).map(drop)
    }
}

/// The head after that line, when the line continues the chain.
fn follows(head: &Head, line: &[u8]) -> Option<Head> {
    let line = Line::parse(line).filter(Line::is_consistent)?;
    let seq = serde_json::from_slice::<Numbers>(line.body).ok()?.seq;
    (line.previous == head.hash && seq == head.seq + 1).then_some(Head { seq, hash: line.hash })
}

/// A recorded intent. Dropped without an outcome, it stands in the log as an intent without one, which is what
/// a crash leaves too.
#[must_use = "an intent without an outcome reads as a crash"]
pub struct Intent<'a> {
    log: &'a AuditLog,
    seq: u64,
    kind: EventKind,
    episode: Option<String>,
}

impl Intent<'_> {
    /// Number of the record.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Records how it ended; durable when this returns.
    ///
    /// # Errors
    /// [`AuditError`]; what was about to be released must then not be.
    pub fn outcome(self, outcome: Outcome) -> Result<(), AuditError> {
        self.log
            .append(|stamp| {
                let of = (self.kind, self.seq);
                Record::of_outcome(stamp, of, self.episode.as_deref(), &outcome).to_bytes()
            })
            .map(drop)
    }
}
