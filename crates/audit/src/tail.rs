//! Where a log ends: found when it is opened, followed while others append, mended when one of them died.

use jiff::Timestamp;
use ring::digest;

use crate::anchoring::Anchored;
use crate::chain::{self, Head, Line, MAX_LINE};
use crate::disk;
use crate::entry::Numbers;
use crate::event::Detail;
use crate::log::{AuditError, AuditLog, Pending};
use crate::record::{Record, stamped};
use crate::segment;

/// How far the log has been read and found whole.
pub(crate) struct Tail {
    /// Number of the file in which the log goes on.
    pub(crate) segment: u64,
    /// Its bytes so far.
    pub(crate) end: u64,
    pub(crate) head: Head,
    /// The latest time that this handle knows of.
    pub(crate) at: Option<Timestamp>,
    pub(crate) stopped: bool,
    pub(crate) anchored: Option<Anchored>,
}

impl Tail {
    pub(crate) fn new() -> Self {
        Self { segment: 1, end: 0, head: Head::GENESIS, at: None, stopped: false, anchored: None }
    }

    /// The file in which the log goes on.
    pub(crate) fn file(&self) -> String {
        segment::name(self.segment)
    }

    /// The log goes on in the file of that number, which is empty.
    pub(crate) fn go_on_in(&mut self, segment: u64) {
        (self.segment, self.end) = (segment, 0);
    }
}

/// Lines that continue the chain, made before they are written.
pub(crate) struct Lines {
    pub(crate) bytes: Vec<u8>,
    head: Head,
    at: Timestamp,
}

impl Lines {
    pub(crate) fn after<'b>(head: &Head, at: Timestamp, bodies: impl Iterator<Item = &'b Vec<u8>>) -> Self {
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
    pub(crate) fn stand(self, tail: &mut Tail) {
        tail.end += self.bytes.len() as u64;
        tail.head = self.head;
        tail.at = tail.at.max(Some(self.at));
    }
}

/// The last whole record of a file.
struct Last {
    end: u64,
    head: Head,
    body: Numbers,
}

impl AuditLog {
    /// Finds the last whole record without reading the log from its beginning, which is `verify`'s work. Behind
    /// the file that it stands in there may be an empty one, whose predecessor was not closed before a crash.
    pub(crate) fn find_last(&self, tail: &mut Tail) -> Result<(), AuditError> {
        let newest = self.newest_file()?;
        for number in (1..=newest).rev() {
            let Some(last) = self.last_of(number)? else { continue };
            let next = last.body.segment;
            if next.is_some_and(|next| next > newest)
                || (next.is_none() && self.anything_after(number, newest)?)
            {
                return Err(AuditError::Damaged);
            }
            (tail.segment, tail.end, tail.head, tail.at) = (number, last.end, last.head, last.body.at());
            if let Some(next) = next {
                tail.go_on_in(next);
            }
            break;
        }
        Ok(())
    }

    /// The number of the last file; all before it must be there. The first, whose lock has just been taken, was made
    /// by that when it was missing.
    fn newest_file(&self) -> Result<u64, AuditError> {
        let names = self.disk.names("")?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| segment::number(name)).collect();
        numbers.sort_unstable();
        let newest = numbers.len() as u64;
        let begun = newest <= 1 || self.disk.length(segment::FIRST)? > 0;
        if begun && numbers.into_iter().eq(1..=newest) { Ok(newest) } else { Err(AuditError::Damaged) }
    }

    fn anything_after(&self, number: u64, newest: u64) -> Result<bool, AuditError> {
        for later in number + 1..=newest {
            if disk::if_there(self.disk.length(&segment::name(later)))?.is_some_and(|length| length > 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn last_of(&self, number: u64) -> Result<Option<Last>, AuditError> {
        let file = segment::name(number);
        let length = self.disk.length(&file)?;
        // Enough for one whole line and a torn group of them, wherever the window begins.
        let start = length.saturating_sub(4 * MAX_LINE as u64);
        let bytes = self.disk.read(&file, start)?;
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n').map(|index| index + 1) else {
            return if start == 0 { Ok(None) } else { Err(AuditError::Damaged) };
        };
        let begin = bytes[..end - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        let line = Line::parse(&bytes[begin..end]).filter(Line::is_consistent);
        let body = line.and_then(|line| serde_json::from_slice::<Numbers>(line.body).ok());
        let (Some(line), Some(body)) = (line, body) else { return Err(AuditError::Damaged) };
        let head = Head { seq: body.seq, hash: line.hash };
        Ok(Some(Last { end: start + end as u64, head, body }))
    }

    /// Reads what other processes added since, and removes a record that one of them died in writing. The
    /// caller holds the log's lock.
    pub(crate) fn catch_up(&self, tail: &mut Tail) -> Result<(), AuditError> {
        while self.catch_up_in_file(tail)? {}
        Ok(())
    }

    /// The same in the file in which the log went on when this handle last looked; whether it was closed since.
    fn catch_up_in_file(&self, tail: &mut Tail) -> Result<bool, AuditError> {
        let file = tail.file();
        let length = disk::if_there(self.disk.length(&file))?.ok_or(AuditError::Damaged)?;
        if length < tail.end {
            return Err(AuditError::Damaged);
        }
        if length == tail.end {
            return Ok(false);
        }
        let added = self.disk.read(&file, tail.end)?;
        let mut rest = added.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n').map(|index| index + 1) {
            let body;
            (tail.head, body) = follows(&tail.head, &rest[..end]).ok_or(AuditError::Damaged)?;
            tail.at = tail.at.max(body.at());
            tail.end += end as u64;
            rest = &rest[end..];
            if let Some(next) = body.segment {
                // A record that closes a file is its last.
                let good = rest.is_empty() && next == tail.segment + 1;
                tail.go_on_in(next);
                return if good { Ok(true) } else { Err(AuditError::Damaged) };
            }
        }
        match rest {
            [] => {}
            torn if chain::is_torn(torn) => self.remove_torn(tail, torn)?,
            _ => return Err(AuditError::Damaged),
        }
        Ok(false)
    }

    fn remove_torn(&self, tail: &mut Tail, torn: &[u8]) -> Result<(), AuditError> {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, torn).as_ref());
        let detail =
            Detail { bytes: Some(torn.len() as u64), removed_sha256: Some(hash), ..Detail::default() };
        if let Err(error) = self.disk.truncate(&tail.file(), tail.end) {
            tail.stopped = true;
            return Err(error.into());
        }
        let repair = Pending::of(Record::of_repair(self.device.as_deref(), &detail))?;
        self.write(tail, &[repair]).map(drop)
    }
}

/// The head after that line, and what it says, when the line continues the chain.
fn follows(head: &Head, line: &[u8]) -> Option<(Head, Numbers)> {
    let line = Line::parse(line).filter(Line::is_consistent)?;
    let body: Numbers = serde_json::from_slice(line.body).ok()?;
    let next = line.previous == head.hash && body.seq == head.seq + 1;
    next.then_some((Head { seq: body.seq, hash: line.hash }, body))
}
