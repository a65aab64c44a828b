use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use bedside_model::NhsNumber;
use jiff::{SignedDuration, Timestamp};

use crate::anchoring::Anchors;
use crate::chain::{Head, MAX_LINE};
use crate::disk::{self, Disk, LocalDisk};
use crate::event::{Detail, Event, EventKind, Outcome, SystemEvent};
use crate::group::Group;
use crate::record::Record;
use crate::segment;
use crate::tail::{Lines, Tail};
use crate::{Clock, Pepper, Pseudonym};

/// Room that is given up, piece by piece, to record refusals when the volume is full.
const RESERVE: &str = "reserve";
const RESERVE_BYTES: u64 = 64 * 1024;
const RESERVE_PIECE: u64 = 8 * 1024;

/// How far the clock may be behind the last record (`security` sheet, T-22).
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// Ten years after this release, 1 December 2036: a clock beyond it is wrong (`security` sheet, T-22).
const LATEST: Timestamp = Timestamp::constant(2_111_702_400, 0);

/// What the frame and the stamp add to a body, at most.
const FRAME: usize = 512;

/// The log of one directory.
///
/// Several threads and several processes may append to one log: each append takes the file's lock and first
/// reads what others have added, so that the chain never forks. Threads that append at the same time share one
/// write and one sync.
pub struct AuditLog {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) device: Option<String>,
    pepper: Pepper,
    segment_bytes: u64,
    pub(crate) anchors: Option<Anchors>,
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
    /// The clock is more than ten years ahead of this release: by it every record would be over, and be purged.
    #[error(
        "the clock is more than ten years ahead of this release, so nothing may be fetched, shown or purged; set the clock"
    )]
    ClockAhead,
    /// An earlier append failed and this handle will not go on, because a failed sync cannot be tried again.
    #[error("an earlier write to the audit log failed; mend the cause and start again")]
    Stopped,
    /// The folder of the signed heads cannot be read or added to, or was begun with another key.
    #[error("the folder of the audit log's anchors cannot be used: {0}")]
    Anchors(io::Error),
}

impl AuditError {
    /// The same again, for each of those whose records were to be written together.
    fn again(&self) -> Self {
        match self {
            Self::Unwritable(error) => Self::Unwritable(alike(error)),
            Self::Anchors(error) => Self::Anchors(alike(error)),
            Self::Full => Self::Full,
            Self::Damaged => Self::Damaged,
            Self::ClockBack => Self::ClockBack,
            Self::ClockAhead => Self::ClockAhead,
            Self::Stopped => Self::Stopped,
        }
    }
}

/// A record to be appended, and the one in its place when there is no room for it; number and time come later.
pub(crate) struct Pending {
    body: Vec<u8>,
    if_full: Vec<u8>,
}

impl Pending {
    pub(crate) fn of(record: Record<'_>) -> Result<Self, AuditError> {
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
            tail: Mutex::new(Tail::new()),
            group: Group::new(),
            device: None,
            segment_bytes: segment::BYTES,
            anchors: None,
            disk,
            pepper,
            clock,
        };
        {
            let mut tail = log.tail()?;
            let _lock = log.disk.lock(segment::FIRST)?;
            log.fill_reserve()?;
            log.disk.sync_dir("")?;
            log.find_last(&mut tail)?;
            log.catch_up(&mut tail)?;
        }
        Ok(log)
    }

    /// Names the device or system in every record to come (`retrieve` sheet: audit should hold it).
    #[must_use]
    pub fn on_device(mut self, device: impl Into<String>) -> Self {
        self.device = Some(device.into());
        self
    }

    /// With another size than 64 MiB after which the log goes on in its next file.
    #[must_use]
    pub fn with_segments_of(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
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

    pub(crate) fn append(&self, record: Record<'_>) -> Result<u64, AuditError> {
        let answer = self.group.submit(Pending::of(record)?, fitting, |batch| self.write_batch(batch));
        answer.unwrap_or(Err(AuditError::Stopped))
    }

    /// Lock, read what others wrote, chain, write, sync; the same answer for all when it fails.
    fn write_batch(&self, batch: &[Pending]) -> Vec<Result<u64, AuditError>> {
        let written = self.tail().and_then(|mut tail| {
            let _lock = self.disk.lock(segment::FIRST)?;
            self.catch_up(&mut tail)?;
            let first = self.write(&mut tail, batch)?;
            self.anchor_if_due(&mut tail);
            Ok(first)
        });
        match written {
            Ok(first) => (first..).take(batch.len()).map(Ok).collect(),
            Err(error) => batch.iter().map(|_| Err(error.again())).collect(),
        }
    }

    /// The lock on the tail. A thread that panicked while it held the lock may have left it half-read, so
    /// nothing is built on it.
    pub(crate) fn tail(&self) -> Result<MutexGuard<'_, Tail>, AuditError> {
        let tail = self.tail.lock().map_err(|_| AuditError::Stopped)?;
        if tail.stopped { Err(AuditError::Stopped) } else { Ok(tail) }
    }

    /// Appends records in one write; the number of the first. Where there is no room for them, that they were
    /// refused is recorded in their place.
    pub(crate) fn write(&self, tail: &mut Tail, batch: &[Pending]) -> Result<u64, AuditError> {
        let at = self.clock.now();
        if tail.at.is_some_and(|last| last.duration_since(at) > CLOCK_TOLERANCE) {
            return Err(AuditError::ClockBack);
        }
        if at > LATEST {
            return Err(AuditError::ClockAhead);
        }
        // A write or a sync that failed is not tried again, whichever way this is left.
        tail.stopped = true;
        let bodies = batch.iter().map(|pending| &pending.body);
        let written = self.begin_segment_if_due(tail, at).and_then(|()| self.write_lines(tail, at, bodies));
        let answer = match written {
            Err(AuditError::Unwritable(error)) if is_full(&error) => {
                let refused = Lines::after(&tail.head, at, batch.iter().map(|pending| &pending.if_full));
                self.refuse_for_room(tail, refused)?;
                Err(AuditError::Full)
            }
            written => Ok(written?),
        };
        tail.stopped = false;
        answer
    }

    fn write_lines<'b>(
        &self,
        tail: &mut Tail,
        at: Timestamp,
        bodies: impl Iterator<Item = &'b Vec<u8>>,
    ) -> Result<u64, AuditError> {
        let first = tail.head.seq + 1;
        let lines = Lines::after(&tail.head, at, bodies);
        self.disk.append(&tail.file(), &lines.bytes)?;
        lines.stand(tail);
        Ok(first)
    }

    /// Goes on in the next file when this one has grown to its size. The next is there, empty and durable, before
    /// this one is closed: a crash in between leaves an empty file, which the next attempt takes.
    fn begin_segment_if_due(&self, tail: &mut Tail, at: Timestamp) -> Result<(), AuditError> {
        if tail.end == 0 || tail.end < self.segment_bytes {
            return Ok(());
        }
        let next = tail.segment + 1;
        let file = segment::name(next);
        match self.disk.write_new(&file, &[]) {
            Err(error) if is_full(&error) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if self.disk.length(&file)? > 0 {
                    return Err(AuditError::Damaged);
                }
            }
            made => made?,
        }
        self.disk.sync_dir("")?;
        let detail = Detail { segment: Some(next), ..Detail::default() };
        let closing = Pending::of(Record::of_segment(self.device.as_deref(), &detail))?;
        self.write_lines(tail, at, [&closing.body].into_iter())?;
        tail.go_on_in(next);
        Ok(())
    }

    /// Cuts off what of a record had room, gives up a piece of the reserve, and records the refusal there.
    fn refuse_for_room(&self, tail: &mut Tail, refused: Lines) -> Result<(), AuditError> {
        self.disk.truncate(&tail.file(), tail.end)?;
        if let Some(left) = disk::if_there(self.disk.length(RESERVE))? {
            let needed = (refused.bytes.len() as u64).next_multiple_of(RESERVE_PIECE);
            self.disk.truncate(RESERVE, left.saturating_sub(needed))?;
        }
        self.disk.append(&tail.file(), &refused.bytes)?;
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

fn alike(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
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
