//! What a crash cut off between an intent and its outcome gets an outcome: `unknown` (`reliability` sheet, F-40).

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::chain::Line;
use crate::disk;
use crate::entry::Entry;
use crate::event::{EventKind, Outcome};
use crate::log::{AuditError, AuditLog};
use crate::record::Record;
use crate::segment;

/// Held by whoever looks for unfinished intents, so that none is closed twice.
const LOCK: &str = "unfinished.lock";

/// Why the outcome is unknown.
const NO_OUTCOME: &str = "no_outcome";

impl AuditLog {
    /// Records `unknown` as the outcome of every intent that is that old and has none, because the process that was
    /// to record it died; how many there were. Whoever asks knows how long anything may take. It looks at the file
    /// in which the log goes on and at the one before, so it is to be run regularly, as a sweep is. Run again, or by
    /// two processes at once, it closes nothing twice.
    ///
    /// # Errors
    /// [`AuditError`]; what was recorded until then stays so.
    pub fn close_unfinished(&self, older_than: SignedDuration) -> Result<u64, AuditError> {
        let Some(_lock) = self.disk.try_lock(LOCK)? else { return Ok(0) };
        let mut closed = 0;
        for begun in self.open_intents()?.into_values() {
            let (Some(kind), Some(at)) = (EventKind::from_name(&begun.event), begun.at()) else { continue };
            if self.clock.now().duration_since(at) >= older_than {
                let unknown = Outcome::unknown(NO_OUTCOME);
                let of = (kind, begun.seq);
                self.append(Record::of_outcome(
                    self.device.as_deref(),
                    of,
                    begun.episode.as_deref(),
                    &unknown,
                ))?;
                closed += 1;
            }
        }
        Ok(closed)
    }

    /// The intents without an outcome in the last two files, by number.
    fn open_intents(&self) -> Result<BTreeMap<u64, Entry>, AuditError> {
        let mut open = BTreeMap::new();
        let newest = self.newest_segment()?;
        for number in newest.saturating_sub(1).max(1)..=newest {
            let bytes =
                disk::if_there(self.disk.read(&segment::name(number), 0))?.ok_or(AuditError::Damaged)?;
            // A line that is being written at this moment is of somebody who lives.
            for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
                let body = Line::parse(line).ok_or(AuditError::Damaged)?.body;
                let entry: Entry = serde_json::from_slice(body).map_err(|_| AuditError::Damaged)?;
                match entry.intent {
                    Some(intent) => drop(open.remove(&intent)),
                    None if entry.outcome.is_none() => drop(open.insert(entry.seq, entry)),
                    None => {}
                }
            }
        }
        Ok(open)
    }

    /// Number of the file in which the log goes on, after what others added.
    fn newest_segment(&self) -> Result<u64, AuditError> {
        let mut tail = self.tail()?;
        let _lock = self.disk.lock(segment::FIRST)?;
        self.catch_up(&mut tail)?;
        Ok(tail.segment)
    }
}
