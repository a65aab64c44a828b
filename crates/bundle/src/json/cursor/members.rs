//! Objects and arrays under a cursor: their members and items, and passing over them.

use super::{Cursor, Kind, Lexeme, plain};
use crate::json::canonical::{ItemsHash, MembersHash};
use crate::json::keys::{Key, Seen};
use crate::json::{Fault, FaultKind};

/// An object being read: hand it back to [`Cursor::next_member`] until that gives nothing.
pub(crate) struct Members {
    /// What stands before the next key: the brace, which is not passed before the first key is, or a comma.
    before: u8,
    first_key: usize,
    seen: Seen,
    hash: MembersHash,
}

/// An array being read: hand it back to [`Cursor::next_item`] until that says no.
pub(crate) struct Items {
    begun: bool,
    hash: ItemsHash,
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
    fn object(&mut self) -> Result<Members, Fault> {
        self.deepen()?;
        // The brace is passed with the first key.
        let (seen, hash) = (Seen::default(), MembersHash::default());
        Ok(Members { before: b'{', first_key: self.keys.len(), seen, hash })
    }

    /// As [`Cursor::enter_object`] where its first member is a plain string under a name: enters, passes the member, and
    /// says what it is. Else the cursor stays.
    #[inline(always)]
    pub(crate) fn enter_object_with(&mut self, name: &str) -> Result<Option<(Members, Lexeme)>, Fault> {
        let Some([before, open, close, colon, value, value_end]) = self.tokens.ahead() else {
            return Ok(None);
        };
        let is_so = self.byte_at(before) == b'{'
            && self.byte_at(colon) == b':'
            && self.is_plain_string(open, close)
            && self.is_plain_string(value, value_end)
            && self.text.as_bytes()[open as usize + 1..close as usize] == *name.as_bytes();
        if !is_so {
            return Ok(None);
        }
        let mut members = self.object()?;
        self.pass_key(&mut members, Key::new(open + 1, close))?;
        self.pass_plain_string(value, value_end)?;
        Ok(Some((members, plain(value, value_end))))
    }

    /// The next key of the object, the cursor before its value; nothing at the end, the cursor behind it.
    #[inline(always)]
    pub(crate) fn next_member(&mut self, members: &mut Members) -> Result<Option<Lexeme>, Fault> {
        if let Some(key) = self.plain_key(members) {
            self.pass_key(members, key)?;
            return Ok(Some(Lexeme { start: key.start, end: key.end, escaped: false }));
        }
        match self.leave_if_over(members) {
            true => Ok(None),
            false => self.any_next_member(members),
        }
    }

    /// The next key of the object where its tokens are at hand and it needs no second look, as nearly always; it is
    /// for [`Cursor::pass_key`]. Nothing at the end or where [`Cursor::any_next_member`] has to look.
    #[inline(always)]
    pub(crate) fn plain_key(&self, members: &Members) -> Option<Key> {
        let [before, open, close, colon] = self.tokens.ahead()?;
        let is_plain = self.byte_at(before) == members.before
            && self.byte_at(colon) == b':'
            && self.is_plain_string(open, close);
        is_plain.then_some(Key::new(open.wrapping_add(1), close))
    }

    /// Passes the key that [`Cursor::plain_key`] has found.
    #[inline(always)]
    pub(crate) fn pass_key(&mut self, members: &mut Members, key: Key) -> Result<(), Fault> {
        if self.hashing {
            self.hash_key(members, key.written(self.text));
        }
        let is_new = members.seen.is_new(key, self.text);
        self.remember_key(members, key, is_new)?;
        self.tokens.pass(4);
        Ok(())
    }

    /// As [`Cursor::next_member`], in any case.
    #[inline(never)]
    pub(crate) fn any_next_member(&mut self, members: &mut Members) -> Result<Option<Lexeme>, Fault> {
        if self.leave_if_over(members) {
            return Ok(None);
        }
        if !self.is_at(members.before) {
            return Err(self.expected("a comma or the end of the object"));
        }
        self.tokens.pass(1);
        if members.before == b'{' && self.leave_if_over(members) {
            return Ok(None);
        }
        let name = self.string()?;
        let key = Key::new(name.start, name.end);
        if name.escaped {
            members.seen.add_escaped();
        }
        if self.hashing {
            self.hash_key(members, &self.unescape(name));
        }
        let is_new = members.seen.is_new(key, self.text);
        self.remember_key(members, key, is_new)?;
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
    fn array(&mut self) -> Result<Items, Fault> {
        self.deepen()?;
        self.tokens.pass(1);
        Ok(Items { begun: false, hash: ItemsHash::default() })
    }

    /// Whether another item follows, the cursor before it; the cursor is behind the array when not.
    #[inline(always)]
    pub(crate) fn next_item(&mut self, items: &mut Items) -> Result<bool, Fault> {
        let at = self.at();
        let byte = self.byte(at);
        if self.hashing && items.begun {
            items.hash.end_item(self.hash);
        }
        if byte == b']' {
            self.leave();
            self.hash = items.hash.whole();
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

    /// Passes over the value at the cursor, validating all of it.
    #[inline(always)]
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
        match self.tokens.ahead() {
            Some([open, close]) if self.is_plain_string(open, close) => self.pass_plain_string(open, close),
            Some([first, _]) if self.byte_at(first) == b'{' => self.skip_object(),
            Some([first, _]) if self.byte_at(first) == b'[' => self.skip_array(),
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
        let mut members = self.object()?;
        self.pass_members(&mut members, |_| false).map(drop)
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

    fn skip_array(&mut self) -> Result<(), Fault> {
        let mut items = self.array()?;
        while self.next_item(&mut items)? {
            self.skip()?;
        }
        Ok(())
    }

    /// Counts the object or array at the cursor and the level in it.
    #[inline(always)]
    fn deepen(&mut self) -> Result<(), Fault> {
        let Some(left) = self.depth_left.checked_sub(1) else {
            return Err(self.fault(FaultKind::TooDeep(self.limits.depth)));
        };
        self.depth_left = left;
        self.count_value()
    }

    /// Leaves the object where its end is at the cursor.
    #[inline(always)]
    pub(crate) fn leave_if_over(&mut self, members: &mut Members) -> bool {
        let is_over = self.is_at(b'}');
        if is_over {
            self.leave();
            self.keys.truncate(members.first_key);
            if self.hashing {
                self.hash_object(members);
            }
        }
        is_over
    }

    /// Takes in the member that a key begins, and with it the value of the one before.
    #[inline(never)]
    fn hash_key(&self, members: &mut Members, key: &str) {
        if members.before == b',' {
            members.hash.end_member(self.hash);
        }
        members.hash.begin_member(key);
    }

    #[inline(never)]
    fn hash_object(&mut self, members: &mut Members) {
        if members.before == b',' {
            members.hash.end_member(self.hash);
        }
        self.hash = members.hash.whole();
    }

    /// Passes the end of an object or array.
    #[inline(always)]
    fn leave(&mut self) {
        self.tokens.pass(1);
        self.depth_left += 1;
    }

    /// Refuses a key that its object already has.
    #[inline(always)]
    fn remember_key(&mut self, members: &mut Members, key: Key, is_new: bool) -> Result<(), Fault> {
        if !is_new || self.keys.len() - members.first_key >= self.limits.keys {
            self.compare_key(members, key)?;
        }
        members.before = b',';
        self.keys.push(key);
        Ok(())
    }

    /// Compares a key with those of its object.
    #[inline(never)]
    fn compare_key(&mut self, members: &Members, key: Key) -> Result<(), Fault> {
        let open = &mut self.keys[members.first_key..];
        if members.seen.has(key, open, self.text) {
            return Err(Fault::new(key.start as usize, FaultKind::DuplicateKey));
        }
        if open.len() >= self.limits.keys {
            return Err(self.fault(FaultKind::TooManyKeys(self.limits.keys)));
        }
        Ok(())
    }
}
