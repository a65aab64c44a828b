//! A bundle fed as it arrives, in pieces of any size.
//!
//! Each item of `entry` is read as soon as its last byte is there, and then forgotten: what stays in memory is
//! the entry in progress and the records kept. What stands around the entries is gathered with a placeholder for
//! each of them and read at the end, by the reader that reads a whole body.

use crate::collected::Collected;
use crate::envelope::{count_entry, read_document};
use crate::error::BundleError;
use crate::json::{Cursor, Nesting, Workspace};
use crate::normalise::{BYTE_ORDER_MARK, MOST_BYTES, Options, complete, utf8};
use crate::reader::Reader;
use crate::record::Record;
use crate::repeated::mark_repeated;
use crate::text::Store;

/// A bundle in progress.
pub struct Feed {
    options: Options,
    all: Collected<'static>,
    /// Bytes taken so far, byte order mark included.
    taken: usize,
    /// Values read so far.
    values: u32,
    /// The document around the entries, white space cut to single spaces, each entry a `0`.
    frame: Vec<u8>,
    /// For each piece of the frame that is contiguous in the body: where it starts in both.
    pieces: Vec<(usize, usize)>,
    /// The entry in progress, and where it starts in the body.
    entry: Vec<u8>,
    entry_start: usize,
    entries_framed: bool,
    scan: Scan,
    workspace: Option<Workspace>,
}

/// Where the scan stands between two bytes.
#[derive(Default)]
struct Scan {
    /// Open brackets around the document's members.
    depth: u32,
    /// Where the entry in progress stands.
    entry: Nesting,
    in_string: bool,
    escaped: bool,
    /// Whether the array of entries is open, and whether an item of it is.
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
            taken: 0,
            values: 0,
            frame: Vec::new(),
            pieces: Vec::new(),
            entry: Vec::new(),
            entry_start: 0,
            entries_framed: false,
            scan: Scan::default(),
            workspace: None,
        }
    }

    /// Takes the next bytes of the body.
    ///
    /// # Errors
    /// As [`normalise`](crate::normalise()), as soon as an entry shows it or the body is too long. After an error
    /// the feed is of no more use.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), BundleError> {
        let limit = self.options.limits.body_bytes.min(MOST_BYTES);
        if self.taken + chunk.len() > limit {
            return Err(BundleError::BodyTooLong { limit });
        }
        let mut at = 0;
        while at < chunk.len() {
            at = if self.scan.in_entry { self.scan_entry(chunk, at)? } else { self.scan_frame(chunk, at) };
        }
        self.taken += chunk.len();
        Ok(())
    }

    /// Makes the record; the body has ended.
    ///
    /// # Errors
    /// As [`normalise`](crate::normalise()).
    pub fn finish(mut self) -> Result<Record, BundleError> {
        if self.scan.in_entry {
            // What is there of the entry tells better what is wrong than that it ended.
            let entry = std::mem::take(&mut self.entry);
            self.read_entry(&entry)?;
            return Err(BundleError::ended_early(self.taken));
        }
        let limits = self.options.limits;
        let frame = std::mem::take(&mut self.frame);
        let text =
            utf8(&frame).map_err(|error| BundleError::not_utf8(self.body_offset(error.valid_up_to())))?;
        let cursor = Cursor::new(text, 0, self.values, limits, Workspace::new());
        let mut all = self.all;
        let mut reader = Reader::new(cursor, 0, false, &mut all);
        let top = read_document(&mut reader, limits, self.entries_framed);
        let entry = reader.in_entry();
        let top = top.map_err(|fault| {
            // Of white space before the end the frame holds one space.
            let ended = fault.at() == frame.len();
            let offset = if ended { self.taken } else { body_offset(&self.pieces, fault.at(), self.taken) };
            let base = offset - fault.at();
            BundleError::from_fault(fault, base, entry)
        })?;
        let envelope = top.envelope(&mut reader, self.taken)?;
        mark_repeated(&mut all, "", limits);
        complete(all, envelope, &self.options)
    }

    /// Scans the document around the entries up to the next entry or the end of the chunk.
    fn scan_frame(&mut self, chunk: &[u8], mut at: usize) -> usize {
        while let Some(byte) = chunk.get(at) {
            let offset = self.taken + at;
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
                self.scan.entry = Nesting::default();
                self.entry_start = offset;
                return at;
            }
            self.frame_byte(*byte, offset);
            at += 1;
            if is_space(*byte) {
                // What follows of it is kept no more than once.
                at += chunk[at..].iter().take_while(|byte| is_space(**byte)).count();
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

    /// Scans the entry in progress up to its end, and reads it, or up to the end of the chunk.
    fn scan_entry(&mut self, chunk: &[u8], start: usize) -> Result<usize, BundleError> {
        if let Some(end) = self.scan.entry.pass(&chunk[start..]) {
            return self.end_entry(&chunk[start..start + end], start + end);
        }
        self.entry.extend_from_slice(&chunk[start..]);
        Ok(chunk.len())
    }

    fn end_entry(&mut self, rest: &[u8], next: usize) -> Result<usize, BundleError> {
        self.scan.in_entry = false;
        self.keep(b'0', self.entry_start);
        if self.entry.is_empty() {
            self.read_entry(rest)?;
            return Ok(next);
        }
        self.entry.extend_from_slice(rest);
        let mut entry = std::mem::take(&mut self.entry);
        self.read_entry(&entry)?;
        entry.clear();
        self.entry = entry;
        Ok(next)
    }

    fn read_entry(&mut self, bytes: &[u8]) -> Result<(), BundleError> {
        let (limits, base) = (self.options.limits, self.entry_start);
        let number = self.all.entries;
        let text = utf8(bytes).map_err(|error| BundleError::not_utf8(base + error.valid_up_to()))?;
        // The document and its array of entries are open around it.
        let workspace = self.workspace.take().unwrap_or_else(Workspace::new);
        let cursor = Cursor::new(text, 2, self.values, limits, workspace);
        let mut reader = Reader::new(cursor, base, false, &mut self.all);
        let read = count_entry(&mut reader, limits)
            .and_then(|()| reader.entry())
            .and_then(|()| reader.cursor.finish());
        self.values = reader.cursor.values();
        self.workspace = Some(reader.cursor.into_workspace());
        read.map_err(|fault| BundleError::from_fault(fault, base, Some(number)))
    }

    fn body_offset(&self, frame_offset: usize) -> usize {
        body_offset(&self.pieces, frame_offset, self.taken)
    }
}

impl Scan {
    fn string_byte(&mut self, byte: u8) {
        self.in_string = byte != b'"' || self.escaped;
        self.escaped = byte == b'\\' && !self.escaped;
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
