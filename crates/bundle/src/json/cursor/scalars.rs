//! Texts, numbers and words under a cursor.

use super::members::STRING;
use super::{Cursor, Lexeme, plain};
use crate::json::escape::hex_value;
use crate::json::{Fault, FaultKind};

impl Cursor<'_> {
    /// Reads the string at the cursor, a key or a value.
    #[inline(never)]
    pub(crate) fn string(&mut self) -> Result<Lexeme, Fault> {
        let at = self.at();
        if self.byte(at) != b'"' {
            return Err(self.expected("a string"));
        }
        self.tokens.pass(1);
        let start = at + 1;
        // Nothing inside a string is a token, so the next one is its closing quote.
        let end = self.at();
        let odd = self.tokens.is_odd(end) || end - start > self.limits.string_bytes;
        let escaped = odd && self.check_string(start, end)?;
        self.tokens.pass(1);
        Ok(Lexeme { start: start as u32, end: end as u32, escaped })
    }

    /// Reads the number at the cursor.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<Lexeme, Fault> {
        match self.plain_number() {
            Some(number) => Ok(number),
            None => self.any_number(),
        }
    }

    /// Reads the number at the cursor where it is a few digits and what may follow them; else the cursor stays.
    #[inline(always)]
    pub(crate) fn plain_number(&mut self) -> Option<Lexeme> {
        let [start] = self.tokens.ahead();
        let number = self.plain_number_at(start)?;
        self.values_left = self.values_left.checked_sub(1)?;
        self.tokens.pass(1);
        Some(number)
    }

    /// As [`Cursor::plain_number`] of the token at a position, which is not passed.
    #[inline(always)]
    pub(super) fn plain_number_at(&self, start: u32) -> Option<Lexeme> {
        const MOST: usize = 8;
        let head: &[u8; MOST] = self.bytes().get(start as usize..)?.first_chunk()?;
        let digits = head.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = head.get(digits)?;
        let is_plain =
            digits > 0 && (head[0] != b'0' || digits == 1) && self.limits.number_characters >= MOST;
        if !is_plain || !matches!(end, b' ' | b'\n' | b'\r' | b'\t' | b',' | b']' | b'}') {
            return None;
        }
        Some(Lexeme { start, end: start + digits as u32, escaped: false })
    }

    #[inline(never)]
    fn any_number(&mut self) -> Result<Lexeme, Fault> {
        let bytes = self.bytes();
        let start = self.at();
        let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
        at = match bytes.get(at) {
            Some(b'0') => at + 1,
            _ => self.digits(at)?,
        };
        if bytes.get(at) == Some(&b'.') {
            at = self.digits(at + 1)?;
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            at += 1;
            at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
            at = self.digits(at)?;
        }
        if at - start > self.limits.number_characters {
            return Err(Fault::new(at, FaultKind::NumberTooLong(self.limits.number_characters)));
        }
        self.end_word(start, at, FaultKind::Number)
    }

    /// Reads `true`, `false` or `null` at the cursor.
    pub(crate) fn literal(&mut self) -> Result<Lexeme, Fault> {
        let start = self.at();
        let rest = &self.bytes()[start..];
        let length = if rest.starts_with(b"true") || rest.starts_with(b"null") {
            4
        } else if rest.starts_with(b"false") {
            5
        } else {
            return Err(self.fault(FaultKind::Unexpected("a value")));
        };
        self.end_word(start, start + length, FaultKind::Unexpected("a value"))
    }

    /// Reads the string at the cursor as a value, which counts, where a key does not.
    pub(crate) fn string_value(&mut self) -> Result<Lexeme, Fault> {
        self.count_value()?;
        self.string()
    }

    /// As [`Cursor::string_value`], where the string is at hand and needs no second look; else the cursor stays.
    #[inline(always)]
    pub(crate) fn plain_string_value(&mut self) -> Option<Lexeme> {
        let (open, close) = self.plain_string()?;
        self.values_left = self.values_left.checked_sub(1)?;
        self.tokens.pass(2);
        Some(plain(open, close))
    }

    /// The quotes of the string at the cursor where they are at hand and it needs no second look: nothing inside a
    /// string is a token, so that the one after its opening quote is its closing quote.
    #[inline(always)]
    fn plain_string(&self) -> Option<(u32, u32)> {
        let kinds = u16::from_le_bytes(self.tokens.kinds_ahead());
        let [open, close] = self.tokens.ahead();
        let is_plain = kinds == STRING && !self.tokens.is_odd(close as usize);
        is_plain.then_some((open, close))
    }

    /// One or more digits from `at`; the offset behind them.
    fn digits(&self, at: usize) -> Result<usize, Fault> {
        let digits = self.bytes()[at.min(self.bytes().len())..].iter();
        match digits.take_while(|byte| byte.is_ascii_digit()).count() {
            0 => Err(Fault::new(at.min(self.bytes().len()), FaultKind::Number)),
            count => Ok(at + count),
        }
    }

    /// Ends a number or word that has been read up to `end`: nothing may be attached to it.
    #[inline]
    fn end_word(&mut self, start: usize, end: usize, kind: FaultKind) -> Result<Lexeme, Fault> {
        match self.bytes().get(end) {
            None | Some(b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' | b']' | b'}' | b'[' | b'{' | b'"') => {}
            Some(_) => return Err(Fault::new(end, kind)),
        }
        self.tokens.pass(1);
        self.count_value()?;
        Ok(Lexeme { start: start as u32, end: end as u32, escaped: false })
    }

    /// Checks the inside of a string that is escaped, too long or broken, byte by byte where it matters; whether it
    /// is escaped.
    #[cold]
    fn check_string(&mut self, start: usize, end: usize) -> Result<bool, Fault> {
        let bytes = self.bytes();
        let escaped = self.tokens.pass_backslashes(end, bytes);
        let longest = self.limits.string_bytes;
        let (mut at, last) = (start, end.min(start + longest + 1));
        while at < last {
            if is_eight_plain(&bytes[at..last]) {
                at += 8;
                continue;
            }
            match bytes[at] {
                b'\\' => at += self.escape(at)?,
                0..=0x1F => return Err(Fault::new(at, FaultKind::ControlCharacter)),
                _ => at += 1,
            }
        }
        if end - start > longest {
            return Err(Fault::new(start + longest, FaultKind::StringTooLong(longest)));
        }
        if end == bytes.len() {
            return Err(Fault::new(end, FaultKind::UnexpectedEnd));
        }
        Ok(escaped)
    }

    /// The length of the escape that begins at `at`.
    fn escape(&self, at: usize) -> Result<usize, Fault> {
        let bytes = self.bytes();
        let lone = || Err(Fault::new(at, FaultKind::LoneSurrogate));
        match bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
            Some(b'u') => match self.hex(at, at + 2)? {
                0xD800..=0xDBFF if bytes.get(at + 6..at + 8) != Some(b"\\u") => lone(),
                0xD800..=0xDBFF => match self.hex(at, at + 8)? {
                    0xDC00..=0xDFFF => Ok(12),
                    _ => lone(),
                },
                0xDC00..=0xDFFF => lone(),
                _ => Ok(6),
            },
            Some(_) => Err(Fault::new(at, FaultKind::Escape)),
            None => Err(Fault::new(bytes.len(), FaultKind::UnexpectedEnd)),
        }
    }

    fn hex(&self, escape: usize, at: usize) -> Result<u32, Fault> {
        let Some(digits) = self.bytes().get(at..at + 4) else {
            return Err(Fault::new(self.bytes().len(), FaultKind::UnexpectedEnd));
        };
        hex_value(digits).ok_or_else(|| Fault::new(escape, FaultKind::Escape))
    }
}

/// Whether eight bytes follow of which none is a backslash or a control character.
#[inline(always)]
fn is_eight_plain(bytes: &[u8]) -> bool {
    const EACH: u64 = u64::MAX / 0xFF;
    let Some(eight) = bytes.first_chunk() else { return false };
    let eight = u64::from_le_bytes(*eight);
    let not_backslashes = eight ^ (EACH * b'\\' as u64);
    // The highest bit of a byte of these is set where one of them is zero, or below a space; a borrow only follows such a one.
    let backslash = not_backslashes.wrapping_sub(EACH) & !not_backslashes;
    let control = eight.wrapping_sub(EACH * b' ' as u64) & !eight;
    (backslash | control) & (EACH << 7) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_are_plain_without_backslash_and_control_character() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                for around in [b' ', b'!', b'[', b']', 0x7F, 0x80, 0xA0, 0xDC, 0xFF] {
                    let mut eight = [around; 8];
                    eight[at] = byte;
                    assert_eq!(is_eight_plain(&eight), byte >= b' ' && byte != b'\\', "{eight:?}");
                }
            }
        }
        assert!(!is_eight_plain(b"1234567"));
    }
}
