//! The files of a log. The first is `audit.ndjson`. One that has grown to its size ends with a record that closes
//! it and names the next, `audit-000002.ndjson`, whose first record continues the chain (`security` sheet,
//! section 6). A closed file never changes again: it may be copied away at once, and it stays where it is, because
//! the chain is checked from its beginning.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Take};
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags};

use crate::chain::MAX_LINE;
use crate::disk;
use crate::waiting::{self, PATIENCE};

/// The first file. Its lock is the lock of the whole log.
pub(crate) const FIRST: &str = "audit.ndjson";

/// How large a file becomes before the log goes on in the next.
pub(crate) const BYTES: u64 = 64 * 1024 * 1024;

/// The name of the file of that number, from 1.
pub(crate) fn name(number: u64) -> String {
    if number <= 1 { FIRST.to_owned() } else { format!("audit-{number:06}.ndjson") }
}

/// The number of the file of that name; `None` for what is no part of a log.
pub(crate) fn number(file: &str) -> Option<u64> {
    let digits = file.strip_prefix("audit-").and_then(|rest| rest.strip_suffix(".ndjson"));
    let number = if file == FIRST { 1 } else { digits?.parse().ok()? };
    (name(number) == file).then_some(number)
}

/// A log's files as they were at one moment, read line by line from the first to the last.
pub(crate) struct Segments {
    files: VecDeque<(u64, BufReader<Take<File>>)>,
    /// Number of the first file that is missing while a later one is there.
    pub(crate) gap: Option<u64>,
    /// Number of the last file before the gap, or of all.
    pub(crate) last: u64,
}

impl Segments {
    /// Opens the files of a directory, up to their lengths between two appends. Works on a read-only copy.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let first = match open(&directory.join(FIRST)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            first => Some(first?),
        };
        if let Some(first) = &first {
            waiting::lock_as(FlockOperation::NonBlockingLockShared, first, PATIENCE)?;
        }
        let numbers = disk::if_there(numbers(directory))?.unwrap_or_default();
        if numbers.is_empty() {
            let problem = format!("there is none in {}", directory.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, problem));
        }
        let mut segments = Self { files: VecDeque::new(), gap: None, last: 0 };
        for number in numbers {
            if number != segments.last + 1 {
                segments.gap = Some(segments.last + 1);
                break;
            }
            let file = open(&directory.join(name(number)))?;
            let length = file.metadata()?.len();
            segments.files.push_back((number, BufReader::new(file.take(length))));
            segments.last = number;
        }
        Ok(segments)
    }

    /// The next line with its line feed, at most one byte longer than a line may be, and the number of its file;
    /// `None` at the end.
    pub(crate) fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
        while let Some((number, reader)) = self.files.front_mut() {
            line.clear();
            reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', line)?;
            if !line.is_empty() {
                return Ok(Some(*number));
            }
            self.files.pop_front();
        }
        Ok(None)
    }
}

/// A file of a log, which may be a link to a copy. Nothing else is waited for or taken for one.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let reason = "it is not a regular file";
    let regular = file.metadata()?.is_file();
    if regular { Ok(file) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, reason)) }
}

fn numbers(directory: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        numbers.extend(entry?.file_name().to_str().and_then(number));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_no_log_the_folder_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        for folder in [dir.path().to_owned(), dir.path().join("absent")] {
            let error = Segments::open(&folder).err().expect("none");
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            assert_eq!(error.to_string(), format!("there is none in {}", folder.display()));
        }
    }

    #[test]
    fn a_number_has_one_name() {
        for (number_of, file) in
            [(1, "audit.ndjson"), (2, "audit-000002.ndjson"), (1_000_000, "audit-1000000.ndjson")]
        {
            assert_eq!((name(number_of).as_str(), number(file)), (file, Some(number_of)));
        }
        for file in
            ["audit-000001.ndjson", "audit-2.ndjson", "audit-0000002.ndjson", "audit-.ndjson", "reserve"]
        {
            assert_eq!(number(file), None, "{file}");
        }
    }
}
