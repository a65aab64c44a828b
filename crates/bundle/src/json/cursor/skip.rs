//! Passing over values under a cursor: all of them are validated.

use super::members::{FIRST, Members, NEXT, STRING};
use super::{Cursor, Kind, Lexeme};
use crate::json::Fault;
use crate::json::keys::{Key, Seen};

impl Cursor<'_> {
    /// Passes over the value at the cursor, validating all of it.
    #[inline(always)]
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
        if let Some((open, close)) = self.plain_string() {
            return self.pass_plain_string(open, close);
        }
        self.skip_by_kind(self.tokens.kinds_ahead()[0])
    }

    /// Passes over the value at the cursor that begins with a byte, if it is at hand.
    #[inline(always)]
    fn skip_by_kind(&mut self, kind: u8) -> Result<(), Fault> {
        match kind {
            b'{' => self.skip_object(),
            b'[' => self.skip_array(),
            _ => self.skip_other(),
        }
    }

    #[inline(never)]
    fn skip_other(&mut self) -> Result<(), Fault> {
        match self.peek()? {
            Kind::String => self.string_value().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::Boolean | Kind::Null => self.literal().map(drop),
            Kind::Object => self.skip_object(),
            Kind::Array => self.skip_array(),
        }
    }

    fn skip_object(&mut self) -> Result<(), Fault> {
        self.deepen()?;
        let first_key = self.keys.len();
        if self.hashing {
            return self.skip_members(Members::new(FIRST, first_key, Seen::default()));
        }
        // Apart from each other, so that they stay in registers.
        let (mut begin, mut seen) = (FIRST, Seen::default());
        loop {
            let kinds = u64::from_le_bytes(self.tokens.kinds_ahead());
            let [_, open, close, _, _, value_end] = self.tokens.ahead();
            if kinds as u32 == begin && !self.tokens.is_odd(close as usize) {
                let key = Key::new(open + 1, close);
                let is_new = seen.is_new(key, self.text);
                self.remember_key(first_key, seen, key, is_new)?;
                begin = NEXT;
                self.tokens.pass(4);
                let value = (kinds >> 32) as u16;
                if value == STRING && !self.tokens.is_odd(value_end as usize) {
                    self.count_value()?;
                    self.tokens.pass(2);
                } else {
                    self.skip_by_kind(value as u8)?;
                }
            } else if kinds as u8 == b'}' && begin == NEXT {
                self.keys.truncate(first_key);
                self.leave();
                return Ok(());
            } else {
                return self.skip_members(Members::new(begin, first_key, seen));
            }
        }
    }

    /// Passes over the members of an object that are left, whatever they are.
    #[inline(never)]
    fn skip_members(&mut self, mut members: Members) -> Result<(), Fault> {
        self.pass_members(&mut members, |_| false).map(drop)
    }

    fn skip_array(&mut self) -> Result<(), Fault> {
        let mut items = self.array()?;
        while self.next_item(&mut items)? {
            self.skip()?;
        }
        Ok(())
    }

    /// Passes over members of an object up to one whose key is wanted: that key, the cursor before its value. Nothing
    /// at the end, the cursor behind it.
    #[inline(always)]
    pub(crate) fn pass_members(
        &mut self,
        members: &mut Members,
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Lexeme>, Fault> {
        loop {
            if let Some(key) = self.plain_key(members) {
                self.pass_key(members, key)?;
                if is_wanted(&self.text.as_bytes()[key.start as usize..key.end as usize]) {
                    return Ok(Some(Lexeme { start: key.start, end: key.end, escaped: false }));
                }
                self.skip()?;
                continue;
            }
            if self.leave_if_over(members) {
                return Ok(None);
            }
            match self.any_next_member(members)? {
                Some(key) if is_wanted(self.unescape(key).as_bytes()) => return Ok(Some(key)),
                Some(_) => self.skip()?,
                None => return Ok(None),
            }
        }
    }
}
