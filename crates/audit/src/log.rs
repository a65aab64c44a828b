use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use bedside_model::NhsNumber;
use jiff::{SignedDuration, Timestamp};
use ring::digest;

use crate::chain::{self, Head, Line, MAX_LINE};
use crate::disk::{self, Disk, LocalDisk};
use crate::entry::Numbers;
use crate::event::{Detail, Event, EventKind, Outcome, SystemEvent};
use crate::group::Group;
use crate::record::{Record, stamped};
use crate::{Clock, Pepper, Pseudonym};

/// The file of the log, inside its directory.
pub(crate) const FILE: &str = "audit.ndjson";

/// Room that is given up, piece by piece, to record refusals when the volume is full.
const RESERVE: &str = "reserve";
const RESERVE_BYTES: u64 = 64 * 1024;
const RESERVE_PIECE: u64 = 8 * 1024;

/// How far the clock may be behind the last record (`security` sheet, T-22).
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// What the frame and the stamp add to a body, at most.
const FRAME: usize = 512;

/// The log of one directory.
///
/// Several threads and several processes may append to one log: each append takes the file's lock and first
/// reads what others have added, so that the chain never forks. Threads that append at the same time share one
/// write and one sync.
pub struct AuditLog {
    disk: Arc<dyn Disk>,
    pepper: Pepper,
    clock: Arc<dyn Clock>,
    device: Option<String>,
    tail: Mutex<Tail>,
    group: Group<Pending, Result<u64, AuditError>>,
}

/// Why nothing may happen now: the log did not take the record. The caller must not fetch, show or destroy.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log cannot be opened or written: a mode looser than 0700 or 0600, a lost volume, no room at all.
    #[error("the audit log cannot be written, so nothing may be fetched or shown: {0}")]
    Unwritable(#[from] io::Error),
    /// The log's volume is full. That this was refused stands in the log, in room that was kept for it.
    #[error(
        "the audit log's volume is full, so nothing may be fetched or shown; make room, the log goes on by itself"
    )]
    Full,
    /// What stands in the log is not what was written.
    #[error("the audit log is damaged, so nothing may be fetched or shown; `audit verify` says where")]
    Damaged,
    /// The clock is more than five seconds behind the last record, so no age and no expiry can be trusted.
    #[error(
        "the clock is behind the audit log's last record, so nothing may be fetched or shown; set the clock, or begin a new log directory if that record's time was wrong"
    )]
    ClockBack,
    /// An earlier append failed and this handle will not go on, because a failed sync cannot be tried again.
    #[error("an earlier write to the audit log failed; mend the cause and start again")]
    Stopped,
}

impl AuditError {
    /// The same again, for each of those whose records were to be written together.
    fn again(&self) -> Self {
        match self {
            Self::Unwritable(error) => Self::Unwritable(match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            }),
            Self::Full => Self::Full,
            Self::Damaged => Self::Damaged,
            Self::ClockBack => Self::ClockBack,
            Self::Stopped => Self::Stopped,
        }
    }
}

/// How far the log has been read and found whole.
struct Tail {
    end: u64,
    head: Head,
    /// The latest time that this handle knows of.
    at: Option<Timestamp>,
    stopped: bool,
}

/// A record to be appended, and the one in its place when there is no room for it; number and time come later.
struct Pending {
    body: Vec<u8>,
    if_full: Vec<u8>,
}

impl Pending {
    fn of(record: Record<'_>) -> Result<Self, AuditError> {
        let body = record.to_bytes().map_err(io::Error::from)?;
        let if_full = record.refused_for_room().to_bytes().map_err(io::Error::from)?;
        if body.len().max(if_full.len()) + FRAME > MAX_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the record is too long").into());
        }
        Ok(Self { body, if_full })
    }
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
            tail: Mutex::new(Tail { end: 0, head: Head::GENESIS, at: None, stopped: false }),
            group: Group::new(),
            device: None,
            disk,
            pepper,
            clock,
        };
        {
            let mut tail = log.tail()?;
            let _lock = log.disk.lock(FILE)?;
            log.fill_reserve()?;
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
        let seq = self.append(Record::of_event(self.device.as_deref(), event, None))?;
        Ok(Intent { log: self, seq, kind: event.kind, episode: event.episode.map(str::to_owned) })
    }

    /// Records what the system is about to do by itself; durable when this returns.
    ///
    /// # Errors
    /// [`AuditError`]; the caller must then not do it.
    pub fn system_intent(&self, event: &SystemEvent<'_>) -> Result<Intent<'_>, AuditError> {
        let seq = self.append(Record::of_system(self.device.as_deref(), event))?;
        Ok(Intent { log: self, seq, kind: event.kind, episode: event.episode.map(str::to_owned) })
    }

    /// Records something that was decided before anything was intended, such as a refusal.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn record(&self, event: &Event<'_>, outcome: &Outcome) -> Result<(), AuditError> {
        self.append(Record::of_event(self.device.as_deref(), event, Some(outcome))).map(drop)
    }

    /// The head of the chain as this handle knows it. Kept outside, it is the anchor for [`verify`](crate::verify).
    ///
    /// # Errors
    /// [`AuditError::Stopped`] after a failed append.
    pub fn head(&self) -> Result<Head, AuditError> {
        self.tail().map(|tail| tail.head)
    }

    fn append(&self, record: Record<'_>) -> Result<u64, AuditError> {
        let answer = self.group.submit(Pending::of(record)?, fitting, |batch| self.write_batch(batch));
        answer.unwrap_or(Err(AuditError::Stopped))
    }

    /// Lock, read what others wrote, chain, write, sync; the same answer for all when it fails.
    fn write_batch(&self, batch: &[Pending]) -> Vec<Result<u64, AuditError>> {
        let written = self.tail().and_then(|mut tail| {
            let _lock = self.disk.lock(FILE)?;
            self.catch_up(&mut tail)?;
            self.write(&mut tail, batch)
        });
        match written {
            Ok(first) => (first..).take(batch.len()).map(Ok).collect(),
            Err(error) => batch.iter().map(|_| Err(error.again())).collect(),
        }
    }

    /// The lock on the tail. A thread that panicked while it held the lock may have left it half-read, so
    /// nothing is built on it.
    fn tail(&self) -> Result<MutexGuard<'_, Tail>, AuditError> {
        let tail = self.tail.lock().map_err(|_| AuditError::Stopped)?;
        if tail.stopped { Err(AuditError::Stopped) } else { Ok(tail) }
    }

    /// Appends records in one write; the number of the first.
    fn write(&self, tail: &mut Tail, batch: &[Pending]) -> Result<u64, AuditError> {
        let at = self.clock.now();
        if tail.at.is_some_and(|last| last.duration_since(at) > CLOCK_TOLERANCE) {
            return Err(AuditError::ClockBack);
        }
        let first = tail.head.seq + 1;
        let lines = Lines::after(&tail.head, at, batch.iter().map(|pending| &pending.body));
        match self.disk.append(FILE, &lines.bytes) {
            Ok(()) => {
                lines.stand(tail);
                Ok(first)
            }
            Err(error) if is_full(&error) => {
                tail.stopped = true;
                let refused = Lines::after(&tail.head, at, batch.iter().map(|pending| &pending.if_full));
                self.refuse_for_room(tail, refused)?;
                tail.stopped = false;
                Err(AuditError::Full)
            }
            Err(error) => {
                tail.stopped = true;
                Err(error.into())
            }
        }
    }

    /// Cuts off what of a record had room, gives up a piece of the reserve, and records the refusal there.
    fn refuse_for_room(&self, tail: &mut Tail, refused: Lines) -> Result<(), AuditError> {
        self.disk.truncate(FILE, tail.end)?;
        if let Some(left) = disk::if_there(self.disk.length(RESERVE))? {
            let needed = (refused.bytes.len() as u64).next_multiple_of(RESERVE_PIECE);
            self.disk.truncate(RESERVE, left.saturating_sub(needed))?;
        }
        self.disk.append(FILE, &refused.bytes)?;
        refused.stand(tail);
        Ok(())
    }

    /// Makes the reserve whole again; where there is no room for it, the log must do without.
    fn fill_reserve(&self) -> Result<(), AuditError> {
        let left = disk::if_there(self.disk.length(RESERVE))?;
        if left == Some(RESERVE_BYTES) {
            return Ok(());
        }
        if left.is_some() {
            self.disk.remove_file(RESERVE)?;
        }
        match self.disk.write_new(RESERVE, &vec![0; RESERVE_BYTES as usize]) {
            Err(error) if is_full(&error) => {
                // What could be written of it is kept: it is better than none.
                Ok(())
            }
            result => Ok(result?),
        }
    }

    /// Finds the last whole record without reading the log from its beginning, which is `verify`'s work.
    fn find_last(&self, tail: &mut Tail) -> Result<(), AuditError> {
        let length = self.disk.length(FILE)?;
        // Enough for one whole line and a torn group of them, wherever the window begins.
        let start = length.saturating_sub(4 * MAX_LINE as u64);
        let bytes = self.disk.read(FILE, start)?;
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n').map(|index| index + 1) else {
            return if start == 0 { Ok(()) } else { Err(AuditError::Damaged) };
        };
        let begin = bytes[..end - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        let line = Line::parse(&bytes[begin..end]).filter(Line::is_consistent);
        let body = line.and_then(|line| serde_json::from_slice::<Numbers>(line.body).ok());
        let (Some(line), Some(body)) = (line, body) else { return Err(AuditError::Damaged) };
        tail.end = start + end as u64;
        tail.head = Head { seq: body.seq, hash: line.hash };
        tail.at = body.at();
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
            let body;
            (tail.head, body) = follows(&tail.head, &rest[..end]).ok_or(AuditError::Damaged)?;
            tail.at = tail.at.max(body.at());
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
        let repair = Pending::of(Record::of_repair(self.device.as_deref(), &detail))?;
        self.write(tail, &[repair]).map(drop)
    }
}

/// Lines that continue the chain, made before they are written.
struct Lines {
    bytes: Vec<u8>,
    head: Head,
    at: Timestamp,
}

impl Lines {
    fn after<'b>(head: &Head, at: Timestamp, bodies: impl Iterator<Item = &'b Vec<u8>>) -> Self {
        let mut lines = Self { bytes: Vec::new(), head: *head, at };
        for body in bodies {
            let seq = lines.head.seq + 1;
            let (line, hash) = chain::frame(&lines.head.hash, &stamped(body, seq, at));
            lines.bytes.extend(line);
            lines.head = Head { seq, hash };
        }
        lines
    }

    /// They are durable: the log ends with them now.
    fn stand(self, tail: &mut Tail) {
        tail.end += self.bytes.len() as u64;
        tail.head = self.head;
        tail.at = tail.at.max(Some(self.at));
    }
}

/// How many of those who wait are written at once: no more than the longest line, so that whoever looks for the
/// last whole record knows how far back to look.
fn fitting(waiting: &VecDeque<(u64, Pending)>) -> usize {
    let mut room = MAX_LINE;
    let fits = |(_, pending): &&(u64, Pending)| {
        let length = pending.body.len().max(pending.if_full.len()) + FRAME;
        let fits = length <= room;
        room = room.saturating_sub(length);
        fits
    };
    waiting.iter().take_while(fits).count()
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The head after that line, and what it says, when the line continues the chain.
fn follows(head: &Head, line: &[u8]) -> Option<(Head, Numbers)> {
    let line = Line::parse(line).filter(Line::is_consistent)?;
    let body: Numbers = serde_json::from_slice(line.body).ok()?;
    let next = line.previous == head.hash && body.seq == head.seq + 1;
    next.then_some((Head { seq: body.seq, hash: line.hash }, body))
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
        let of = (self.kind, self.seq);
        let record = Record::of_outcome(self.log.device.as_deref(), of, self.episode.as_deref(), &outcome);
        self.log.append(record).map(drop)
    }
}
