//! Objects and arrays under a cursor: their members and items.

use super::{Cursor, Lexeme, plain};
use crate::json::keys::{Key, Known, Seen};
use crate::json::{Fault, FaultKind};

/// An object being read: hand it back to [`Cursor::any_next_member`] until that gives nothing.
pub(crate) struct Members {
    /// The tokens that the next member begins with: the brace, which is not passed before the first key is, or a comma.
    /// As wide as what stands beside it: an object is copied once it has been entered, word by word.
    pub(super) begin: u64,
    pub(super) first_key: usize,
    /// How many more keys there may be, but for those that are known.
    keys_left: usize,
    pub(super) seen: Seen,
    pub(super) known: Known,
}

/// An array being read: hand it back to [`Cursor::next_item`] until that says no.
pub(crate) struct Items {
    begun: bool,
}

/// The tokens that the first and any other member begins with.
pub(in crate::json) const FIRST: u32 = u32::from_le_bytes(*b"{\"\":");
pub(in crate::json) const NEXT: u32 = u32::from_le_bytes(*b",\"\":");

/// In place of [`NEXT`] where the next key has to be counted: no tokens are like that.
const COUNTED: u64 = NEXT as u64 | 1 << u32::BITS;

/// How many more keys there may be at least where known ones are not counted, which are fewer.
pub(super) const UNCOUNTED: usize = 128;

/// A string.
pub(in crate::json) const STRING: u16 = u16::from_le_bytes(*b"\"\"");

impl Members {
    /// An object that may have so many more keys.
    pub(super) fn new(begin: u32, first_key: usize, keys_left: usize, seen: Seen) -> Self {
        Self { begin: u64::from(begin), first_key, keys_left, seen, known: Known::default() }
    }

    /// What stands before the next key.
    fn before(&self) -> u8 {
        self.begin as u8
    }

    /// Takes in that the key at an offset, which has been passed, is one that its reader knows by a number below 128.
    ///
    /// # Errors
    /// The fault of one that the object already has.
    #[inline(always)]
    pub(crate) fn know(&mut self, at: u32, number: u8) -> Result<(), Fault> {
        // It is told by its bit from now on.
        self.keys_left += 1;
        match self.known.is_new(number) {
            true => Ok(()),
            false => Err(Fault::new(at as usize, FaultKind::DuplicateKey)),
        }
    }
}

impl Cursor<'_> {
    /// Enters the object at the cursor.
    #[inline(always)]
    pub(crate) fn enter_object(&mut self) -> Result<Members, Fault> {
        match self.enter_object_if_there()? {
            Some(members) => Ok(members),
            None => Err(self.expected("an object")),
        }
    }

    /// Enters the object at the cursor, where one stands there.
    #[inline(always)]
    pub(crate) fn enter_object_if_there(&mut self) -> Result<Option<Members>, Fault> {
        match self.is_at(b'{') {
            true => self.object().map(Some),
            false => Ok(None),
        }
    }

    /// Enters the object that is known to stand at the cursor.
    #[inline(always)]
    pub(super) fn object(&mut self) -> Result<Members, Fault> {
        self.deepen()?;
        // The brace is passed with the first key.
        Ok(Members::new(FIRST, self.keys.len(), self.limits.keys, Seen::default()))
    }

    /// Begins the object at the cursor where its first member is a plain string under a name: passes the member, and
    /// says what it is. [`Cursor::begun_object`] is the object then. Else the cursor stays.
    #[inline(always)]
    pub(crate) fn begin_object(&mut self, name: &str) -> Option<Lexeme> {
        let kinds = u64::from_le_bytes(self.tokens.kinds_ahead());
        let [_, open, close, _, value, value_end] = self.tokens.ahead();
        let is_so = kinds as u32 == FIRST
            && (kinds >> 32) as u16 == STRING
            && !self.tokens.is_odd(value_end as usize)
            && self.is_name(open, close, name);
        if !is_so || self.depth_left == 0 {
            return None;
        }
        self.values_left = self.values_left.checked_sub(2)?;
        self.depth_left -= 1;
        self.tokens.pass(6);
        Some(plain(value, value_end))
    }

    /// Begins the object at the cursor where its first member is an object under a name: passes the key. Once the member has
    /// been read [`Cursor::begun_object`] is the object. Whether it is so; else the cursor stays.
    #[inline(always)]
    pub(crate) fn begin_object_of_object(&mut self, name: &str) -> Result<bool, Fault> {
        let kinds: [u8; 5] = self.tokens.kinds_ahead();
        let [_, open, close] = self.tokens.ahead();
        let is_so =
            kinds == *b"{\"\":{" && !self.tokens.is_odd(close as usize) && self.is_name(open, close, name);
        if is_so {
            self.deepen()?;
            self.tokens.pass(4);
        }
        Ok(is_so)
    }

    /// The object that has been begun with a name that its reader knows by a number below 128. Nothing
    /// of it has been kept meanwhile, since it is the same for all.
    #[inline(always)]
    pub(crate) fn begun_object(&self, number: u8) -> Members {
        let mut members = Members::new(NEXT, self.keys.len(), self.limits.keys, Seen::default());
        members.known.is_new(number);
        members
    }

    /// The next key of the object where its tokens are at hand and it needs no second look, as nearly always; it is
    /// for [`Cursor::pass_key`]. Nothing at the end or where [`Cursor::any_next_member`] has to look.
    #[inline(always)]
    pub(crate) fn plain_key(&self, members: &Members) -> Option<Key> {
        let kinds = u32::from_le_bytes(self.tokens.kinds_ahead());
        let [_, open, close] = self.tokens.ahead();
        let is_plain = u64::from(kinds) == members.begin && !self.tokens.is_odd(close as usize);
        is_plain.then_some(Key::new(open.wrapping_add(1), close))
    }

    /// Passes the key that [`Cursor::plain_key`] has found.
    #[inline(always)]
    pub(crate) fn pass_key(&mut self, members: &mut Members, key: Key) -> Result<(), Fault> {
        let is_new = members.seen.is_new(key, self.text());
        self.remember_key(members.first_key, members.seen, key, is_new)?;
        self.count_key(members)?;
        self.tokens.pass(4);
        Ok(())
    }

    /// As [`Cursor::pass_key`] for a key that its reader knows by a number below 128. Whether the object has it already
    /// is one bit of its own, so that nobody needs to know where it stands or to count it. Whether it is new: else the cursor stays, and
    /// [`Members::know`] says so.
    #[inline(always)]
    pub(crate) fn pass_known_key(&mut self, members: &mut Members, number: u8) -> bool {
        let is_new = members.known.is_new(number);
        if is_new {
            members.begin = u64::from(NEXT);
            self.tokens.pass(4);
        }
        is_new
    }

    /// The next key of the object, the cursor before its value; nothing at the end, the cursor behind it.
    #[inline(never)]
    pub(crate) fn any_next_member(&mut self, members: &mut Members) -> Result<Option<Lexeme>, Fault> {
        if self.leave_if_over(members) {
            return Ok(None);
        }
        if !self.is_at(members.before()) {
            return Err(self.expected("a comma or the end of the object"));
        }
        self.tokens.pass(1);
        if members.begin == u64::from(FIRST) && self.leave_if_over(members) {
            return Ok(None);
        }
        let name = self.string()?;
        let key = Key::new(name.start, name.end);
        if name.escaped {
            members.seen.add_escaped();
        }
        let is_new = members.seen.is_new(key, self.text());
        self.remember_key(members.first_key, members.seen, key, is_new)?;
        self.count_key(members)?;
        if !self.is_at(b':') {
            return Err(self.expected("a colon"));
        }
        self.tokens.pass(1);
        Ok(Some(name))
    }

    /// Enters the array at the cursor.
    #[inline(always)]
    pub(crate) fn enter_array(&mut self) -> Result<Items, Fault> {
        match self.enter_array_if_there()? {
            Some(items) => Ok(items),
            None => Err(self.expected("an array")),
        }
    }

    /// Enters the array at the cursor, where one stands there.
    #[inline(always)]
    pub(crate) fn enter_array_if_there(&mut self) -> Result<Option<Items>, Fault> {
        match self.is_at(b'[') {
            true => self.array().map(Some),
            false => Ok(None),
        }
    }

    /// Enters the array that is known to stand at the cursor.
    #[inline(always)]
    pub(super) fn array(&mut self) -> Result<Items, Fault> {
        self.deepen()?;
        self.tokens.pass(1);
        Ok(Items { begun: false })
    }

    /// Whether another item follows, the cursor before it; the cursor is behind the array when not.
    #[inline(always)]
    pub(crate) fn next_item(&mut self, items: &mut Items) -> Result<bool, Fault> {
        let byte = self.kind();
        if byte == b']' {
            self.leave();
            return Ok(false);
        }
        if items.begun {
            if byte != b',' {
                return Err(self.expected("a comma or the end of the array"));
            }
            self.tokens.pass(1);
        }
        items.begun = true;
        Ok(true)
    }

    /// Passes the comma at the cursor, where one stands there.
    pub(crate) fn pass_comma(&mut self) -> bool {
        let is_there = self.is_at(b',');
        self.tokens.pass(usize::from(is_there));
        is_there
    }

    /// Counts the object or array at the cursor and the level in it.
    #[inline(always)]
    pub(super) fn deepen(&mut self) -> Result<(), Fault> {
        let (left, is_over) = self.depth_left.overflowing_sub(1);
        self.depth_left = left;
        if is_over {
            self.depth_left = 0;
            return Err(self.fault(FaultKind::TooDeep(self.limits.depth)));
        }
        self.count_value()
    }

    /// Leaves the object where its end is at the cursor.
    #[inline(always)]
    pub(crate) fn leave_if_over(&mut self, members: &mut Members) -> bool {
        let is_over = self.is_at(b'}');
        if is_over {
            self.leave();
            self.keys.truncate(members.first_key);
        }
        is_over
    }

    /// Passes the end of an object or array.
    #[inline(always)]
    pub(super) fn leave(&mut self) {
        self.tokens.pass(1);
        self.depth_left += 1;
    }

    /// Refuses a key that its object, whose keys begin at `first_key`, already has.
    #[inline(always)]
    pub(super) fn remember_key(
        &mut self,
        first_key: usize,
        seen: Seen,
        key: Key,
        is_new: bool,
    ) -> Result<(), Fault> {
        if !is_new || self.keys.len() - first_key >= self.limits.keys {
            self.compare_key(first_key, seen, key)?;
        }
        self.keys.push(key);
        Ok(())
    }

    /// Counts a key of an object, after which any other stands behind a comma.
    #[inline(always)]
    fn count_key(&mut self, members: &mut Members) -> Result<(), Fault> {
        if members.keys_left <= UNCOUNTED {
            return self.count_all_keys(members);
        }
        members.keys_left -= 1;
        members.begin = u64::from(NEXT);
        Ok(())
    }

    /// As [`Cursor::count_key`] where the keys that are known would be too many with the others.
    #[cold]
    fn count_all_keys(&mut self, members: &mut Members) -> Result<(), Fault> {
        if members.keys_left <= members.known.count() {
            return Err(self.fault(FaultKind::TooManyKeys(self.limits.keys)));
        }
        members.keys_left -= 1;
        members.begin = COUNTED;
        Ok(())
    }

    /// Compares a key with those of its object.
    #[inline(never)]
    fn compare_key(&mut self, first_key: usize, seen: Seen, key: Key) -> Result<(), Fault> {
        let open = &mut self.keys[first_key..];
        if seen.has(key, open, self.body.text()) {
            return Err(Fault::new(key.start as usize, FaultKind::DuplicateKey));
        }
        if open.len() >= self.limits.keys {
            return Err(self.fault(FaultKind::TooManyKeys(self.limits.keys)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Workspace;
    use super::*;
    use crate::Limits;

    /// Reads an object whose keys are known by the number behind a `k`.
    fn pass_all(text: &str, keys: usize) -> Result<(), Fault> {
        let limits = Limits { keys, ..Limits::default() };
        let mut cursor = Cursor::new(text, 0, 0, limits, Workspace::of_thread());
        let number = |key: &str| key.strip_prefix('k').and_then(|number| number.parse().ok());
        let mut members = cursor.enter_object()?;
        loop {
            let plain = cursor.plain_key(&members).and_then(|key| number(key.written(text)));
            if !plain.is_some_and(|number| cursor.pass_known_key(&mut members, number)) {
                let Some(key) = cursor.any_next_member(&mut members)? else { return Ok(()) };
                if let Some(number) = number(cursor.written(key)) {
                    members.know(key.start, number)?;
                }
            }
            cursor.skip()?;
        }
    }

    #[test]
    fn known_keys_are_counted_with_the_others() {
        for (limit, known, others) in
            [(512, 100, 412), (200, 1, 199), (140, 100, 40), (100, 50, 50), (1, 1, 0)]
        {
            let object = |known: usize, others: usize, known_first: bool| {
                let known = (0..known).map(|number| format!("\"k{number}\":1"));
                let others = (0..others).map(|number| format!("\"o{number}\":1"));
                let keys: Vec<_> = match known_first {
                    true => known.chain(others).collect(),
                    false => others.chain(known).collect(),
                };
                format!("{{{}}}", keys.join(","))
            };
            for known_first in [true, false] {
                assert!(pass_all(&object(known, others, known_first), limit).is_ok(), "{limit}");
                for (known, others) in [(known + 1, others), (known, others + 1)] {
                    let fault = pass_all(&object(known, others, known_first), limit).expect_err("too many");
                    assert_eq!(fault.kind(), FaultKind::TooManyKeys(limit));
                }
            }
        }
    }
}
