use std::collections::VecDeque;
use std::io::{self, BufRead};

use crate::admissions::without_mark;

/// Longest message read, in bytes; an admission has about two thousand.
const MESSAGE_BYTES: usize = 256 * 1024;

/// Around a message in MLLP, which some interfaces also write into files.
const BLOCK_START: u8 = 0x0b;
const BLOCK_END: u8 = 0x1c;

/// Segments of a batch's envelope, which say nothing of a patient.
const ENVELOPE: [&[u8]; 4] = [b"FHS", b"BHS", b"BTS", b"FTS"];

/// The messages of a file or a pipe, each from its `MSH` up to the next one, the end of its MLLP block, or the end
/// of the input. Segments end with a carriage return, as HL7 wants, with a line feed, or with both.
pub(super) struct Stream<R> {
    input: R,
    /// What has been read of the message in progress, each segment ended by a carriage return.
    message: Vec<u8>,
    /// Whether what comes up to the next message belongs to none.
    skipping: bool,
    /// Whether the last segment ended with a carriage return: a line feed after it belongs to it.
    after_return: bool,
    framed: VecDeque<Framed>,
}

/// A message as it came, or why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framed {
    /// Its segments, each ended by a carriage return.
    Message(Vec<u8>),
    /// Something that does not begin with `MSH`; up to the next message it is passed over.
    NoHeader,
    /// A message longer than what is read; the rest of it is passed over.
    TooLong,
}

impl<R: BufRead> Stream<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, message: Vec::new(), skipping: false, after_return: false, framed: VecDeque::new() }
    }

    /// The next message.
    pub(super) fn next(&mut self) -> io::Result<Option<Framed>> {
        while self.framed.is_empty() {
            let mut line = Vec::new();
            if !self.segment(&mut line)? {
                self.end_message();
                break;
            }
            self.take(&line);
        }
        Ok(self.framed.pop_front())
    }

    fn take(&mut self, line: &[u8]) {
        let line = without_mark(line);
        let begins = line.strip_prefix(&[BLOCK_START]);
        let line = begins.unwrap_or(line);
        let ends = line.strip_suffix(&[BLOCK_END]);
        let line = ends.unwrap_or(line);
        if begins.is_some() || line.starts_with(b"MSH") {
            self.end_message();
        }
        self.add(line);
        if ends.is_some() {
            self.end_message();
        }
    }

    fn add(&mut self, line: &[u8]) {
        if line.is_empty() || self.skipping || ENVELOPE.iter().any(|name| line.starts_with(name)) {
            return;
        }
        let refused = if self.message.is_empty() && !line.starts_with(b"MSH") {
            Framed::NoHeader
        } else if self.message.len() + line.len() > MESSAGE_BYTES {
            Framed::TooLong
        } else {
            self.message.extend_from_slice(line);
            self.message.push(b'\r');
            return;
        };
        self.message.clear();
        self.skipping = true;
        self.framed.push_back(refused);
    }

    fn end_message(&mut self) {
        self.skipping = false;
        if !self.message.is_empty() {
            self.framed.push_back(Framed::Message(std::mem::take(&mut self.message)));
        }
    }

    /// Reads up to the end of a segment, and keeps no more of it than shows that it is too long. Whether there was
    /// anything to read.
    fn segment(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        let mut any = false;
        loop {
            let available = self.input.fill_buf()?;
            let Some(first) = available.first() else { return Ok(any) };
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                self.input.consume(1);
                continue;
            }
            any = true;
            let end = available.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let piece = &available[..end.unwrap_or(available.len())];
            let room = (MESSAGE_BYTES + 1).saturating_sub(line.len());
            line.extend_from_slice(&piece[..piece.len().min(room)]);
            let used = piece.len() + usize::from(end.is_some());
            self.after_return = end.is_some_and(|end| available[end] == b'\r');
            self.input.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn framed(input: &[u8]) -> Vec<Framed> {
        // Three bytes at a time, so that every boundary falls everywhere.
        let mut stream = Stream::new(BufReader::with_capacity(3, input));
        std::iter::from_fn(|| stream.next().expect("memory can be read")).collect()
    }

    fn message(text: &str) -> Framed {
        Framed::Message(text.as_bytes().to_vec())
    }

    #[test]
    fn segments_may_end_as_hl7_wants_or_as_files_do() {
        for end in ["\r", "\n", "\r\n"] {
            let text = ["MSH|1", "PID|1", "MSH|2", "", "PID|2"].join(end);
            assert_eq!(framed(text.as_bytes()), [message("MSH|1\rPID|1\r"), message("MSH|2\rPID|2\r")]);
        }
    }

    #[test]
    fn a_block_ends_its_message_before_the_next_has_come() {
        let blocks = b"\x0bMSH|1\rPID|1\r\x1c\r\x0bMSH|2\r\x1c\r";
        assert_eq!(framed(blocks), [message("MSH|1\rPID|1\r"), message("MSH|2\r")]);
        let mut stream = Stream::new(&blocks[..]);
        assert_eq!(stream.next().expect("read"), Some(message("MSH|1\rPID|1\r")));
        assert!(!stream.input.is_empty(), "what comes after the block was not waited for");
    }

    #[test]
    fn the_envelope_of_a_batch_is_no_message() {
        let text = "FHS|1\rBHS|1\rMSH|1\rPID|1\rBTS|1\rFTS|1\r";
        assert_eq!(framed(text.as_bytes()), [message("MSH|1\rPID|1\r")]);
    }

    #[test]
    fn what_belongs_to_no_message_is_told_once_and_the_next_message_is_read() {
        let text = "PID|1\rPV1|1\rMSH|2\r";
        assert_eq!(framed(text.as_bytes()), [Framed::NoHeader, message("MSH|2\r")]);
    }

    #[test]
    fn an_overlong_message_is_passed_over_whole() {
        let long = "x".repeat(MESSAGE_BYTES);
        for text in
            [format!("MSH|1\rOBX|{long}\rPID|1\rMSH|2\r"), format!("MSH|{long}{long}\rPID|1\rMSH|2\r")]
        {
            assert_eq!(framed(text.as_bytes()), [Framed::TooLong, message("MSH|2\r")]);
        }
    }
}
