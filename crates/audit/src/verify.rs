use std::collections::HashSet;
use std::io;
use std::path::Path;

use crate::chain::{self, Head, Line};
use crate::entry::Numbers;
use crate::segment::{self, Segments};

/// A log whose chain holds from the first record to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Number of records.
    pub records: u64,
    /// The last one: the anchor to keep elsewhere.
    pub head: Head,
    /// Intents without an outcome: work that was going on, or that a crash cut off.
    pub unfinished: u64,
}

/// The first place at which the chain does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit log is broken at record {seq}, in {}: {kind}", segment::name(*.segment))]
pub struct Broken {
    /// Number of the file in which it stands or should stand, from 1: `audit.ndjson`, `audit-000002.ndjson`.
    pub segment: u64,
    /// Number of the first record that is wrong or missing.
    pub seq: u64,
    /// What was done there, as far as the log can tell.
    pub kind: Damage,
}

/// What kind of damage the chain shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The record is not what was written.
    #[error("it was edited")]
    Edited,
    /// Records are missing from here on, others follow.
    #[error("it was deleted")]
    Deleted,
    /// A record stands here that does not belong here.
    #[error("a record was inserted")]
    Inserted,
    /// The record stands further on.
    #[error("records were reordered")]
    Reordered,
    /// It stands in another file than it was written to.
    #[error("it was moved to another file of the log")]
    Moved,
    /// The file that should follow is not there, while records or the file before say that it was.
    #[error("its file is missing")]
    Missing,
    /// A file does not continue the one before it: one of the two is of another log.
    #[error("its file does not continue the one before: one of the two was replaced")]
    Replaced,
    /// The last record was never completed; the next append removes it and says so.
    #[error("it is torn: its writing was cut short")]
    Torn,
    /// The log ends before the anchor.
    #[error("it was cut off: the log ends before the expected head")]
    Truncated,
    /// The chain holds, and is not the one that the anchor was taken from.
    #[error("the log was written anew: its hash is not that of the expected head")]
    Rewritten,
}

/// Why a log is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log was read and is not whole.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The log cannot be read.
    #[error("the audit log cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Reads a log from its first record to its last, in all its files, and compares it with every head that was kept. Each
/// counts, not the last alone: a log that was cut and then went on is signed anew behind the cut. Records that are added meanwhile are left out. A copy on a read-only volume can be verified too.
///
/// Without an anchor a cut tail, and a log written anew from some record on, cannot be told from a good one.
///
/// # Errors
/// [`VerifyError::Broken`] with the first bad record, [`VerifyError::Unreadable`] when there is no log or it
/// cannot be read.
pub fn verify<'h>(
    directory: &Path,
    anchors: impl IntoIterator<Item = &'h Head>,
) -> Result<Verified, VerifyError> {
    verify_each(directory, anchors, &mut |_| Ok(()))
}

/// [`verify`], which hands the bytes of every good record to `each` on the way.
pub(crate) fn verify_each<'h>(
    directory: &Path,
    anchors: impl IntoIterator<Item = &'h Head>,
    each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<Verified, VerifyError> {
    let mut segments = Segments::open(directory)?;
    let anchors = Expected::of(anchors);
    let mut walk = Walk { head: Head::GENESIS, at: 0, place: 1, open: HashSet::new(), anchors };
    let mut line = Vec::new();
    while let Some(segment) = segments.next_line(&mut line)? {
        match Checked::parse(&line) {
            Some(record) if record.follows(&walk.head) => {
                walk.take(segment, &record)?;
                each(record.body)?;
            }
            record => return Err(walk.diagnose(segment, &line, record, &mut segments)?.into()),
        }
    }
    Ok(walk.end(&segments)?)
}

/// How far the chain holds.
struct Walk {
    head: Head,
    /// The file of the last record.
    at: u64,
    /// The file in which the next record must stand.
    place: u64,
    open: HashSet<u64>,
    anchors: Expected,
}

impl Walk {
    /// The next record of the chain, which stands in that file.
    fn take(&mut self, segment: u64, record: &Checked<'_>) -> Result<(), Broken> {
        let broken = |kind| Err(Broken { segment, seq: record.seq, kind });
        if segment != self.place {
            return broken(Damage::Moved);
        }
        self.at = segment;
        self.place = record.goes_on_in.unwrap_or(segment);
        self.head = Head { seq: record.seq, hash: record.hash };
        match record.intent {
            Some(intent) => self.open.remove(&intent),
            None => !record.decided && self.open.insert(record.seq),
        };
        if self.anchors.pass(&self.head) { Ok(()) } else { broken(Damage::Rewritten) }
    }

    /// Nothing follows: whether that is the end of the log.
    fn end(self, segments: &Segments) -> Result<Verified, Broken> {
        let seq = self.head.seq + 1;
        let missing = segments.gap.or((self.place > segments.last).then_some(self.place));
        if let Some(segment) = missing {
            return Err(Broken { segment, seq, kind: Damage::Missing });
        }
        if self.anchors.are_ahead() {
            return Err(Broken { segment: self.place, seq, kind: Damage::Truncated });
        }
        Ok(Verified { records: self.head.seq, head: self.head, unfinished: self.open.len() as u64 })
    }

    /// Names the damage at the first record that does not continue the chain, looking at what comes after it.
    fn diagnose(
        &self,
        segment: u64,
        line: &[u8],
        record: Option<Checked<'_>>,
        rest: &mut Segments,
    ) -> io::Result<Broken> {
        let expected = self.head.seq + 1;
        let here = |kind| Broken { segment, seq: expected, kind };
        let Some(record) = record else {
            let torn = line.last() != Some(&b'\n') && chain::is_torn(line);
            let last = rest.next_line(&mut Vec::new())?.is_none();
            return Ok(here(if torn && last { Damage::Torn } else { Damage::Edited }));
        };
        let later = Later::read(rest, expected, &record)?;
        Ok(match record.seq {
            // Two records of one number: which of the two is the forged one, the log alone cannot tell.
            seq if seq == self.head.seq => Broken { seq, ..here(Damage::Inserted) },
            seq if seq < expected => here(Damage::Inserted),
            seq if seq > expected && later.same => here(Damage::Inserted),
            seq if seq > expected && later.expected => here(Damage::Reordered),
            seq if seq > expected => here(Damage::Deleted),
            _ if later.linked && self.at > 0 && segment != self.at => here(Damage::Replaced),
            // The number is right and the link is wrong: the record before was given a new hash, unless this one
            // was given a new link, which its successor does not know.
            _ if later.linked => {
                Broken { segment: self.at.max(1), seq: self.head.seq.max(1), kind: Damage::Edited }
            }
            _ => here(Damage::Edited),
        })
    }
}

/// The heads that the chain must go through, the next one last.
struct Expected(Vec<Head>);

impl Expected {
    fn of<'h>(heads: impl IntoIterator<Item = &'h Head>) -> Self {
        let mut heads: Vec<Head> = heads.into_iter().filter(|head| head.seq > 0).copied().collect();
        heads.sort_unstable_by_key(|head| std::cmp::Reverse(head.seq));
        Self(heads)
    }

    /// Whether a head of the chain is the one that was kept of its number, where one was.
    fn pass(&mut self, head: &Head) -> bool {
        while let Some(kept) = self.0.pop_if(|kept| kept.seq == head.seq) {
            if kept.hash != head.hash {
                return false;
            }
        }
        true
    }

    fn are_ahead(&self) -> bool {
        !self.0.is_empty()
    }
}

/// A line whose hash is right for what it says.
#[derive(Clone, Copy)]
struct Checked<'a> {
    body: &'a [u8],
    seq: u64,
    previous: [u8; 32],
    hash: [u8; 32],
    intent: Option<u64>,
    decided: bool,
    goes_on_in: Option<u64>,
}

impl<'a> Checked<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let Line { previous, hash, body } = Line::parse(line).filter(Line::is_consistent)?;
        let Numbers { seq, intent, outcome, segment, .. } = serde_json::from_slice(body).ok()?;
        Some(Self { body, seq, previous, hash, intent, decided: outcome.is_some(), goes_on_in: segment })
    }

    fn follows(&self, head: &Head) -> bool {
        self.seq == head.seq + 1 && self.previous == head.hash
    }
}

/// What the remaining records say about a displaced one.
#[derive(Default)]
struct Later {
    /// The expected number comes later.
    expected: bool,
    /// The displaced record's number comes again.
    same: bool,
    /// Some record links to the displaced one, or it is the last.
    linked: bool,
}

impl Later {
    fn read(rest: &mut Segments, expected: u64, displaced: &Checked<'_>) -> io::Result<Self> {
        let mut later = Self { linked: true, ..Self::default() };
        let mut line = Vec::new();
        let mut first = true;
        while rest.next_line(&mut line)?.is_some() {
            let record = Checked::parse(&line);
            if std::mem::take(&mut first) {
                later.linked = record.is_some_and(|record| record.previous == displaced.hash);
            }
            later.expected |= record.is_some_and(|record| record.seq == expected);
            later.same |= record.is_some_and(|record| record.seq == displaced.seq);
        }
        Ok(later)
    }
}
