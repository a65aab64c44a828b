use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::chain::{self, Head, Line, MAX_LINE};
use crate::entry::Numbers;
use crate::log::FILE;

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
#[error("the audit log is broken at record {seq}: {kind}")]
pub struct Broken {
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

/// Reads a log from its first record to its last, and compares it with an anchor when one was kept. Records
/// that are added meanwhile are left out. A copy on a read-only volume can be verified too.
///
/// Without an anchor a cut tail, and a log written anew from some record on, cannot be told from a good one.
///
/// # Errors
/// [`VerifyError::Broken`] with the first bad record, [`VerifyError::Unreadable`] when there is no log or it
/// cannot be read.
pub fn verify(directory: &Path, anchor: Option<&Head>) -> Result<Verified, VerifyError> {
    verify_each(directory, anchor, &mut |_| Ok(()))
}

/// [`verify`], which hands the bytes of every good record to `each` on the way.
pub(crate) fn verify_each(
    directory: &Path,
    anchor: Option<&Head>,
    each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<Verified, VerifyError> {
    let file = File::open(directory.join(FILE))?;
    // Between two appends the last record is whole; a lock for the moment of asking for the length is enough.
    flock(&file, FlockOperation::LockShared).map_err(io::Error::from)?;
    let length = file.metadata()?.len();
    flock(&file, FlockOperation::Unlock).map_err(io::Error::from)?;
    let mut reader = BufReader::new(file.take(length));
    let verified = walk(&mut reader, anchor, each)?;
    match anchor {
        Some(anchor) if anchor.seq > verified.head.seq => {
            Err(Broken { seq: verified.head.seq + 1, kind: Damage::Truncated }.into())
        }
        _ => Ok(verified),
    }
}

fn walk(
    reader: &mut impl BufRead,
    anchor: Option<&Head>,
    each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<Verified, VerifyError> {
    let mut head = Head::GENESIS;
    let mut open = HashSet::new();
    let mut line = Vec::new();
    while read_line(reader, &mut line)? {
        let record = Checked::parse(&line);
        let Some(record) = record.filter(|record| record.follows(&head)) else {
            return Err(diagnose(&head, &line, record, reader)?.into());
        };
        head = Head { seq: record.seq, hash: record.hash };
        match record.intent {
            Some(intent) => open.remove(&intent),
            None => !record.decided && open.insert(record.seq),
        };
        if anchor.is_some_and(|anchor| anchor.seq == head.seq && anchor.hash != head.hash) {
            return Err(Broken { seq: head.seq, kind: Damage::Rewritten }.into());
        }
        each(record.body)?;
    }
    Ok(Verified { records: head.seq, head, unfinished: open.len() as u64 })
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
}

impl<'a> Checked<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let Line { previous, hash, body } = Line::parse(line).filter(Line::is_consistent)?;
        let Numbers { seq, intent, outcome, .. } = serde_json::from_slice(body).ok()?;
        Some(Self { body, seq, previous, hash, intent, decided: outcome.is_some() })
    }

    fn follows(&self, head: &Head) -> bool {
        self.seq == head.seq + 1 && self.previous == head.hash
    }
}

/// Names the damage at the first record that does not continue the chain, looking at what comes after it.
fn diagnose(
    head: &Head,
    line: &[u8],
    record: Option<Checked<'_>>,
    rest: &mut impl BufRead,
) -> io::Result<Broken> {
    let expected = head.seq + 1;
    let Some(record) = record else {
        let torn = line.last() != Some(&b'\n') && chain::is_torn(line);
        return Ok(Broken { seq: expected, kind: if torn { Damage::Torn } else { Damage::Edited } });
    };
    let later = Later::read(rest, expected, &record)?;
    Ok(match record.seq {
        // Two records of one number: which of the two is the forged one, the log alone cannot tell.
        seq if seq < expected => {
            Broken { seq: if seq == head.seq { seq } else { expected }, kind: Damage::Inserted }
        }
        seq if seq > expected && later.same => Broken { seq: expected, kind: Damage::Inserted },
        seq if seq > expected && later.expected => Broken { seq: expected, kind: Damage::Reordered },
        seq if seq > expected => Broken { seq: expected, kind: Damage::Deleted },
        // The number is right and the link is wrong: the record before was given a new hash, unless this one
        // was given a new link, which its successor does not know.
        _ if later.linked => Broken { seq: head.seq.max(1), kind: Damage::Edited },
        _ => Broken { seq: expected, kind: Damage::Edited },
    })
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
    fn read(rest: &mut impl BufRead, expected: u64, displaced: &Checked<'_>) -> io::Result<Self> {
        let mut later = Self { linked: true, ..Self::default() };
        let mut line = Vec::new();
        let mut first = true;
        while read_line(rest, &mut line)? {
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

/// The next line with its line feed, at most one byte longer than a line may be; `false` at the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', line)?;
    Ok(!line.is_empty())
}
