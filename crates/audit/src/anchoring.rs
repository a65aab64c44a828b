//! Heads that the log signs by itself: every thousand records, at the first record after a minute, and when it is closed
//! (`security` sheet, section 6). They go to a folder of their own, which belongs on another volume or machine that
//! takes additions alone: somebody who can write the log and take anchors away can still cut the log's end.

use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::disk::{self, Disk, LocalDisk};
use crate::log::{AuditError, AuditLog};
use crate::segment;
use crate::tail::Tail;
use crate::{Anchor, AnchorKey, Head};

/// The file of a folder of anchors: one [`Anchor`] a line, the oldest first.
pub const ANCHORS: &str = "anchors.txt";

/// How many records and how much time may follow a signed head before the next is signed.
const RECORDS: u64 = 1_000;
const INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// More than the longest line of the file, which has 230 bytes.
const WINDOW: u64 = 512;

/// Where signed heads are kept, and the key that signs them.
pub struct Anchors {
    disk: Arc<dyn Disk>,
    key: AnchorKey,
    records: u64,
}

impl Anchors {
    /// Keeps them in a folder, which is made with mode 0700 when it is missing. It may lie on any file system, because
    /// whoever adds to it holds the log's lock.
    ///
    /// # Errors
    /// The system's, and [`io::ErrorKind::PermissionDenied`] for a link, a mode looser than 0700 or another owner.
    pub fn open(folder: &Path, key: AnchorKey) -> io::Result<Self> {
        Ok(Self::open_on(Arc::new(LocalDisk::open_on_any_file_system(folder)?), key))
    }

    /// [`Anchors::open`] on another disk, whose root is the folder.
    pub fn open_on(disk: Arc<dyn Disk>, key: AnchorKey) -> Self {
        Self { disk, key, records: RECORDS }
    }

    /// With another number of records than 1,000 after which a head is signed.
    #[must_use]
    pub fn every(self, records: u64) -> Self {
        Self { records, ..self }
    }

    /// The last head that was signed. A line whose writing was cut short is removed.
    fn last(&self) -> io::Result<Option<Head>> {
        let Some(length) = disk::if_there(self.disk.length(ANCHORS))? else {
            self.disk.write_new(ANCHORS, &[])?;
            self.disk.sync_dir("")?;
            return Ok(None);
        };
        let start = length.saturating_sub(WINDOW);
        let bytes = self.disk.read(ANCHORS, start)?;
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        if end < bytes.len() {
            self.disk.truncate(ANCHORS, start + end as u64)?;
        }
        let Some(line) = bytes[..end].strip_suffix(b"\n") else { return Ok(None) };
        let begin = line.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        let anchor = std::str::from_utf8(&line[begin..]).ok().and_then(|line| line.parse::<Anchor>().ok());
        let head = anchor.and_then(|anchor| anchor.verify(&self.key.public_key()).ok());
        let reason = "its last line was not signed with this key; a new key begins a new folder";
        head.map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, reason))
    }

    fn add(&self, head: Head, at: Timestamp) -> io::Result<()> {
        self.disk.append(ANCHORS, format!("{}\n", self.key.sign(head, at)).as_bytes())
    }
}

/// The last head that is known to be signed, and when that was looked at.
#[derive(Clone, Copy)]
pub(crate) struct Anchored {
    seq: u64,
    at: Timestamp,
}

impl AuditLog {
    /// Signs heads by itself from now on: see [`Anchors`]. An anchor that cannot be added is due again with the next
    /// record, which is not refused for it; [`AuditLog::anchor`] tells.
    ///
    /// # Errors
    /// [`AuditError::Anchors`] when the folder cannot be used or was begun with another key, [`AuditError::Damaged`]
    /// when the log ends before the last head that was signed or with another one, and as [`AuditLog::open`].
    pub fn with_anchors(mut self, anchors: Anchors) -> Result<Self, AuditError> {
        let signed = self.at_its_end(|tail| anchors.behind(&tail.head).map(|last| last.seq))?;
        self.tail()?.anchored = Some(Anchored { seq: signed, at: self.clock.now() });
        self.anchors = Some(anchors);
        Ok(self)
    }

    /// Signs the head as it is now, unless it is signed already or the log keeps no anchors. Dropping the log does the
    /// same and tells nobody when it fails.
    ///
    /// # Errors
    /// As [`AuditLog::with_anchors`].
    pub fn anchor(&self) -> Result<(), AuditError> {
        let Some(anchors) = &self.anchors else { return Ok(()) };
        self.at_its_end(|tail| self.sign_head(anchors, tail))
    }

    /// Whether a record could be written now: the log is there, private, whole at its end and free to lock. What a crash
    /// cut short is mended on the way.
    ///
    /// # Errors
    /// As [`AuditLog::open`], and [`AuditError::Stopped`].
    pub fn check(&self) -> Result<(), AuditError> {
        self.at_its_end(|_| Ok(()))
    }

    /// Signs the head when enough records or enough time have followed the last that was signed.
    pub(crate) fn anchor_if_due(&self, tail: &mut Tail) {
        let (Some(anchors), Some(last)) = (&self.anchors, tail.anchored) else { return };
        let due = tail.head.seq.saturating_sub(last.seq) >= anchors.records
            || self.clock.now().duration_since(last.at) >= INTERVAL;
        if due && matches!(self.sign_head(anchors, tail), Err(AuditError::Damaged)) {
            tail.stopped = true;
        }
    }

    /// Under the log's lock, so that the file's order is the chain's.
    fn sign_head(&self, anchors: &Anchors, tail: &mut Tail) -> Result<(), AuditError> {
        let (last, at) = (anchors.behind(&tail.head)?, self.clock.now());
        if last.seq < tail.head.seq {
            anchors.add(tail.head, at).map_err(AuditError::Anchors)?;
        }
        tail.anchored = Some(Anchored { seq: tail.head.seq, at });
        Ok(())
    }

    /// Does something under the log's lock, once everything is known that others wrote.
    fn at_its_end<T>(&self, act: impl FnOnce(&mut Tail) -> Result<T, AuditError>) -> Result<T, AuditError> {
        let mut tail = self.tail()?;
        let _lock = self.disk.lock(segment::FIRST)?;
        self.catch_up(&mut tail)?;
        act(&mut tail)
    }
}

impl Anchors {
    /// The last head that was signed, which the log must have reached.
    fn behind(&self, head: &Head) -> Result<Head, AuditError> {
        let last = self.last().map_err(AuditError::Anchors)?.unwrap_or(Head::GENESIS);
        let reached = last.seq < head.seq || last == *head;
        if reached { Ok(last) } else { Err(AuditError::Damaged) }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        // Nobody is left to be told; the next process that opens the log signs what this one could not.
        let _ = self.anchor();
    }
}
