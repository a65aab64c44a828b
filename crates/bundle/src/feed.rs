//! A bundle fed as it arrives, in pieces of any size.
//!
//! What has arrived is read as a whole body is, up to the entry that is cut: what was read of that one is taken back, and it is
//! read again when more is there. What stays in memory is the records kept and what has not been read. What stands
//! around the entries is gathered with a placeholder for those read at once, and read at the end, by the reader that
//! reads a whole body.

use crate::collected::Collected;
use crate::envelope::{count_entry, read_document};
use crate::error::BundleError;
use crate::json::{Body, Cursor, Fault, Workspace};
use crate::limits::Limits;
use crate::normalise::{BYTE_ORDER_MARK, MOST_BYTES, Options, complete, utf8};
use crate::reader::Reader;
use crate::record::Record;
use crate::repeated::mark_repeated;
use crate::text::Store;

/// How much of a large body is gathered before it is read, in bytes: it stays in the caches, and few of its entries are
/// cut.
const GATHERED: usize = 128 << 10;

/// A fault is found by the bytes before it and at most so many behind: both halves of an escaped surrogate pair are 12.
const FAULT_BYTES: usize = 12;

/// A bundle in progress.
pub struct Feed {
    options: Options,
    all: Collected<'static>,
    /// Bytes read so far, byte order mark included.
    read: usize,
    /// Values read so far.
    values: u32,
    /// The document around the entries, white space cut to single spaces, entries that were read at once a `0`.
    frame: Vec<u8>,
    /// For each piece of the frame that is contiguous in the body: where it starts in both.
    pieces: Vec<(usize, usize)>,
    /// What has arrived and is not read yet.
    waiting: Vec<u8>,
    /// How many bytes have to wait before they are read.
    enough: usize,
    entries_framed: bool,
    scan: Scan,
    workspace: Option<Workspace>,
}

/// Where the scan stands between two bytes.
#[derive(Default)]
struct Scan {
    /// Open brackets around the document's members.
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// Whether the array of entries is open, and whether an item of it is due.
    in_entries: bool,
    in_entry: bool,
    /// Where the last string of the document's top level starts in the frame.
    key_start: usize,
    /// Whether that string is the key `entry`, its value due.
    entries_due: bool,
}

impl Feed {
    /// A bundle of which nothing has arrived.
    pub fn new(options: Options) -> Self {
        Self {
            all: Collected::new(Store::copying(), options.limits),
            options,
            read: 0,
            values: 0,
            frame: Vec::new(),
            pieces: Vec::new(),
            waiting: Vec::new(),
            enough: 0,
            entries_framed: false,
            scan: Scan::default(),
            workspace: None,
        }
    }

    /// Takes the next bytes of the body.
    ///
    /// # Errors
    /// As [`normalise`](crate::normalise()), soon after an entry shows it, or at once where the body is too long. After an
    /// error the feed is of no more use.
    pub fn push(&mut self, mut chunk: &[u8]) -> Result<(), BundleError> {
        let limit = self.options.limits.body_bytes.min(MOST_BYTES);
        if self.read + self.waiting.len() + chunk.len() > limit {
            return Err(BundleError::BodyTooLong { limit });
        }
        while !chunk.is_empty() {
            let room = self.enough.max(GATHERED) - self.waiting.len();
            let (now, later) = chunk.split_at(room.min(chunk.len()));
            self.waiting.extend_from_slice(now);
            chunk = later;
            if self.waiting.len() >= self.enough {
                self.read_waiting(chunk, false)?;
            }
        }
        Ok(())
    }

    /// Makes the record; the body has ended.
    ///
    /// # Errors
    /// As [`normalise`](crate::normalise()).
    pub fn finish(mut self) -> Result<Record, BundleError> {
        self.read_waiting(&[], true)?;
        if self.scan.in_entry {
            self.read_entries(&[], &[], true)?;
        }
        let limits = self.options.limits;
        let frame = std::mem::take(&mut self.frame);
        let text =
            utf8(&frame).map_err(|error| BundleError::not_utf8(self.body_offset(error.valid_up_to())))?;
        let workspace = self.workspace.unwrap_or_else(Workspace::of_thread);
        let cursor = Cursor::new(text, 0, self.values, limits, workspace);
        let mut all = self.all;
        let mut reader = Reader::new(cursor, 0, false, &mut all);
        let top = read_document(&mut reader, limits, self.entries_framed);
        let entry = reader.in_entry();
        let top = top.map_err(|fault| {
            // Of white space before the end the frame holds one space.
            let ended = fault.at() == frame.len();
            let offset = if ended { self.read } else { body_offset(&self.pieces, fault.at(), self.read) };
            let base = offset - fault.at();
            BundleError::from_fault(fault, base, entry)
        })?;
        let envelope = top.envelope(&mut reader, self.read)?;
        reader.cursor.into_workspace().keep();
        mark_repeated(&mut all, "", limits);
        complete(all, envelope, &self.options)
    }

    /// Reads what waits, up to an entry that is cut. What follows stands at `later`, if in memory at all; `is_last` says that nothing
    /// does.
    fn read_waiting(&mut self, later: &[u8], is_last: bool) -> Result<(), BundleError> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let (mut at, mut is_cut) = (0, false);
        while at < waiting.len() && !is_cut {
            let bytes = &waiting[at..];
            let read = match self.scan.in_entry {
                true => {
                    let read = self.read_entries(bytes, later, is_last)?;
                    is_cut = self.scan.in_entry;
                    read
                }
                false => self.scan_frame(bytes),
            };
            at += read;
            self.read += read;
        }
        waiting.drain(..at);
        // An entry that is cut is read again when twice as much of it is there, so that long ones are not read over and over.
        self.enough = (self.read / 8).min(GATHERED).max(waiting.len() * 2);
        self.waiting = waiting;
        Ok(())
    }

    /// Scans the document around the entries up to the next entry or the end of the bytes; how many they are.
    fn scan_frame(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let offset = self.read + at;
            if self.scan.in_string {
                self.keep(*byte, offset);
                self.scan.string_byte(*byte);
                if !self.scan.in_string && self.scan.depth == 1 {
                    self.scan.entries_due = &self.frame[self.scan.key_start..] == b"\"entry\"";
                }
                at += 1;
                continue;
            }
            if self.scan.in_entries && !is_space(*byte) && !matches!(byte, b',' | b']') {
                self.scan.in_entry = true;
                return at;
            }
            self.frame_byte(*byte, offset);
            at += 1;
            if is_space(*byte) {
                // What follows of it is kept no more than once.
                at += bytes[at..].iter().take_while(|byte| is_space(**byte)).count();
            }
        }
        at
    }

    fn frame_byte(&mut self, byte: u8, offset: usize) {
        let scan = &mut self.scan;
        match byte {
            _ if is_space(byte) => {
                // One space stands for all: without any, `1 2` would become a number.
                if self.frame.last() != Some(&b' ') {
                    self.keep(b' ', offset);
                }
                return;
            }
            b'"' => {
                scan.in_string = true;
                scan.key_start = self.frame.len();
            }
            b'[' if scan.depth == 1 && scan.entries_due && !self.entries_framed => {
                scan.depth += 1;
                scan.in_entries = true;
                self.entries_framed = true;
            }
            b'{' | b'[' => scan.depth += 1,
            b'}' | b']' => {
                scan.in_entries = false;
                scan.depth = scan.depth.saturating_sub(1);
            }
            _ => {}
        }
        self.scan.entries_due &= byte == b':';
        self.keep(byte, offset);
        // The mark is no part of the document; anywhere but at its start it is a fault like any other.
        if offset + 1 == BYTE_ORDER_MARK.len() && self.frame == BYTE_ORDER_MARK {
            self.frame.clear();
            self.pieces.clear();
        }
    }

    fn keep(&mut self, byte: u8, offset: usize) {
        let contiguous =
            self.pieces.last().is_some_and(|(frame, body)| offset - body == self.frame.len() - frame);
        if !contiguous {
            self.pieces.push((self.frame.len(), offset));
        }
        self.frame.push(byte);
    }

    /// Reads the entries at the start of the bytes with the commas between them, up to one that is cut; how many bytes
    /// they are.
    fn read_entries(&mut self, bytes: &[u8], later: &[u8], is_last: bool) -> Result<usize, BundleError> {
        let (limits, base) = (self.options.limits, self.read);
        let bytes = if is_last { bytes } else { whole_characters(bytes) };
        // The document and its array of entries are open around them.
        let workspace = self.workspace.take().unwrap_or_else(Workspace::of_thread);
        let cursor = Cursor::new(Body::before(bytes, later), 2, self.values, limits, workspace);
        let mut reader = Reader::new(cursor, base, false, &mut self.all);
        let run = read_run(&mut reader, bytes.len(), limits, is_last);
        let entry = reader.in_entry();
        if run.is_err() || reader.cursor.text().len() < bytes.len() {
            utf8(bytes).map_err(|error| BundleError::not_utf8(base + error.valid_up_to()))?;
        }
        self.workspace = Some(reader.cursor.into_workspace());
        let run = run.map_err(|fault| BundleError::from_fault(fault, base, entry))?;
        self.values = run.values;
        self.scan.in_entry = !run.is_over;
        if let Some((start, behind)) = run.last {
            self.keep(b'0', base + start);
            if is_space(bytes[behind - 1]) {
                // Or a number behind it would be one with it.
                self.keep(b' ', base + behind - 1);
            }
            if !run.is_over {
                self.keep(b',', base + behind);
            }
        }
        Ok(run.end)
    }

    fn body_offset(&self, frame_offset: usize) -> usize {
        body_offset(&self.pieces, frame_offset, self.read)
    }
}

impl Scan {
    fn string_byte(&mut self, byte: u8) {
        self.in_string = byte != b'"' || self.escaped;
        self.escaped = byte == b'\\' && !self.escaped;
    }
}

/// Entries that were read at once.
#[derive(Default)]
struct Run {
    /// How many bytes they and the commas between them are.
    end: usize,
    /// Values read up to their end.
    values: u32,
    /// Where the last of them starts, and the comma or bracket behind it.
    last: Option<(usize, usize)>,
    /// Whether what follows is no entry.
    is_over: bool,
}

/// Reads entries from the cursor of a text of so many bytes, up to one that is cut.
fn read_run(
    reader: &mut Reader<'_, '_, '_>,
    length: usize,
    limits: Limits,
    is_last: bool,
) -> Result<Run, Fault> {
    let mut run = Run { values: reader.cursor.values(), ..Run::default() };
    while !run.is_over {
        let (before, start) = (reader.out.lengths(), reader.cursor.at());
        let read = count_entry(reader, limits).and_then(|()| reader.entry());
        let next = reader.cursor.at();
        let seen = read.as_ref().map_or_else(|fault| fault.at() + FAULT_BYTES, |()| next + 1);
        if seen > length && !is_last {
            reader.out.take_back(before);
            // White space before it need not wait with it.
            return Ok(Run { end: start, ..run });
        }
        read?;
        run.is_over = !reader.cursor.pass_comma();
        (run.last, run.end, run.values) = (Some((start, next)), reader.cursor.at(), reader.cursor.values());
    }
    Ok(run)
}

/// Bytes of UTF-8 but for the first bytes of a character at their end.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    let behind = bytes.iter().rev().take(4).position(|byte| byte & 0xC0 != 0x80).unwrap_or_default();
    let (before, last) = bytes.split_at(bytes.len().saturating_sub(behind + 1));
    match str::from_utf8(last) {
        Err(error) if error.error_len().is_none() => before,
        _ => bytes,
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Where a byte of the frame stands in the body; the end of the body for one behind the frame.
fn body_offset(pieces: &[(usize, usize)], frame_offset: usize, end: usize) -> usize {
    let piece = pieces.partition_point(|(frame, _)| *frame <= frame_offset);
    match piece.checked_sub(1).map(|piece| pieces[piece]) {
        Some((frame, body)) => (body + frame_offset - frame).min(end),
        None => end,
    }
}
