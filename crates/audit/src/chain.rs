//! The frame of a record and the chain.
//!
//! A record is one line of ASCII framing around the canonical bytes, which are the JSON object as it stands in
//! the line: `{"len":N,"prev":"<64 hex>","hash":"<64 hex>","record":<N bytes>}` and a line feed, with
//! `hash = SHA-256(prev || N as 8 bytes big-endian || the N bytes)`. The first record's `prev` is zeros. The
//! length stands first so that a line that a crash cut short proves it: fewer bytes than it announces.

use std::fmt;
use std::str::FromStr;

use ring::digest;

use crate::hex;

/// No line is longer; a record of the closed set of fields is far below.
pub(crate) const MAX_LINE: usize = 64 * 1024;

const LENGTH: &str = r#"{"len":"#;
const PREVIOUS: &str = r#","prev":""#;
const HASH: &str = r#"","hash":""#;
const RECORD: &str = r#"","record":"#;
const END: &str = "}\n";

/// A place in the chain: the number of a record, from 1, and its hash. Kept elsewhere, it is the anchor that
/// shows a cut tail. Written `17:9f86...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of the record; 0 before the first.
    pub seq: u64,
    /// SHA-256 over the chain up to it.
    pub hash: [u8; 32],
}

impl Head {
    /// The head of an empty log.
    pub const GENESIS: Self = Self { seq: 0, hash: [0; 32] };
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, hex::encode(&self.hash))
    }
}

/// The text is not a number, a colon and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an audit head is a record's number, a colon and 64 hexadecimal digits")]
pub struct HeadFormat;

impl FromStr for Head {
    type Err = HeadFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (seq, hash) = text.split_once(':').ok_or(HeadFormat)?;
        Ok(Self { seq: seq.parse().map_err(|_| HeadFormat)?, hash: hex::decode(hash).ok_or(HeadFormat)? })
    }
}

/// A line of the log, taken apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) previous: [u8; 32],
    pub(crate) hash: [u8; 32],
    pub(crate) body: &'a [u8],
}

impl<'a> Line<'a> {
    /// Takes apart a line, its line feed included; `None` when it is not framed exactly as [`frame`] does it.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let (length, rest) = announced(line)?;
        let rest = rest.strip_prefix(PREVIOUS.as_bytes())?;
        let (previous, rest) = rest.split_at_checked(64)?;
        let rest = rest.strip_prefix(HASH.as_bytes())?;
        let (hash, rest) = rest.split_at_checked(64)?;
        let rest = rest.strip_prefix(RECORD.as_bytes())?;
        let (body, end) = rest.split_at_checked(length)?;
        (end == END.as_bytes()).then_some(())?;
        let bytes = |digits| hex::decode(std::str::from_utf8(digits).ok()?);
        Some(Self { previous: bytes(previous)?, hash: bytes(hash)?, body })
    }

    /// Whether the hash is the one of what the line says.
    pub(crate) fn is_consistent(&self) -> bool {
        self.hash == link(&self.previous, self.body)
    }
}

/// The line of a record after that head, and its hash.
pub(crate) fn frame(previous: &[u8; 32], body: &[u8]) -> (Vec<u8>, [u8; 32]) {
    let hash = link(previous, body);
    let (previous, hex_hash) = (hex::encode(previous), hex::encode(&hash));
    let mut line = format!("{LENGTH}{}{PREVIOUS}{previous}{HASH}{hex_hash}{RECORD}", body.len()).into_bytes();
    line.extend_from_slice(body);
    line.extend_from_slice(END.as_bytes());
    (line, hash)
}

/// Whether bytes at the end of the log, without a line feed, are a record whose writing was cut short: they
/// begin as a line does and are fewer than it announces. Zeros behind them do not count: a file system that had
/// made the file longer and not yet written into it leaves zeros, and no record holds one. Anything else is
/// damage and not ours to cut.
pub(crate) fn is_torn(tail: &[u8]) -> bool {
    let written = tail.iter().rposition(|byte| *byte != 0).map_or(0, |index| index + 1);
    let tail = &tail[..written];
    match announced(tail) {
        Some((length, rest)) if !rest.is_empty() => {
            let frame = PREVIOUS.len() + 64 + HASH.len() + 64 + RECORD.len() + END.len();
            let started = rest.len().min(PREVIOUS.len());
            rest.len() < frame + length && rest[..started] == PREVIOUS.as_bytes()[..started]
        }
        Some(_) => true,
        None => LENGTH.as_bytes().starts_with(tail),
    }
}

fn link(previous: &[u8; 32], body: &[u8]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(previous);
    context.update(&(body.len() as u64).to_be_bytes());
    context.update(body);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The announced length and what follows its digits.
fn announced(line: &[u8]) -> Option<(usize, &[u8])> {
    let rest = line.strip_prefix(LENGTH.as_bytes())?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (length, rest) = rest.split_at_checked(digits)?;
    let text = std::str::from_utf8(length).ok()?;
    let value: usize = text.parse().ok()?;
    // One spelling only, so that the frame can hold nothing that the hash does not cover.
    (value <= MAX_LINE && value.to_string() == text).then_some((value, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_link_is_what_another_implementation_computes() {
        // Python: hashlib.sha256(bytes(32) + (11).to_bytes(8, "big") + b'{"seq":1.0}').hexdigest()
        let (line, hash) = frame(&[0; 32], br#"{"seq":1.0}"#);
        assert_eq!(hex::encode(&hash), "f1985c81f8a5b35999f84b763ada60e6641b1d7dfc789a000455097f8e5ff76b");
        assert!(line.starts_with(br#"{"len":11,"prev":"0000"#));
        assert_eq!(Head::GENESIS.to_string().parse(), Ok(Head::GENESIS));
        assert_eq!("1:AB".parse::<Head>(), Err(HeadFormat));
    }

    #[test]
    fn every_strict_prefix_of_a_line_is_torn_and_the_whole_is_not() {
        let (line, _) = frame(&[3; 32], br#"{"seq":12,"event":"read"}"#);
        for cut in 0..line.len() {
            assert!(is_torn(&line[..cut]), "{cut}");
            assert!(is_torn(&[&line[..cut], &[0; 9][..]].concat()), "{cut} and zeros");
        }
        assert!(!is_torn(&line));
        assert!(Line::parse(&line).is_some_and(|parsed| parsed.is_consistent()));
    }

    #[test]
    fn a_tail_that_does_not_begin_as_a_line_is_damage() {
        for tail in [
            &b"x"[..],
            b"\0x",
            b"{\"len\":5,\0\"prev",
            b"{\"len\":x",
            b"{\"len\":05",
            b"{\"len\":5,\"other",
            b"{\"len\":99999999,",
        ] {
            assert!(!is_torn(tail), "{tail:?}");
        }
    }

    proptest! {
        #[test]
        fn no_byte_of_a_line_can_change_unseen(body in "[ -~]{0,80}", position in any::<prop::sample::Index>(), mask in 1u8..) {
            let (mut line, _) = frame(&[9; 32], body.as_bytes());
            let position = position.index(line.len());
            line[position] ^= mask;
            prop_assert!(!Line::parse(&line).is_some_and(|parsed| parsed.is_consistent()), "position {position}");
        }
    }
}
