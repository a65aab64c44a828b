//! Passing over values under a cursor: all of them are validated.

use super::members::{FIRST, Members, NEXT, STRING};
use super::{Cursor, Kind, Lexeme};
use crate::json::Fault;
use crate::json::keys::{Key, Seen};

/// The tokens of objects of one, two and three members that are strings; of the last, the first 16 and those behind them.
const ONE: u128 = u128::from_le_bytes(*b"{\"\":\"\"}\0\0\0\0\0\0\0\0\0");
const TWO: u128 = u128::from_le_bytes(*b"{\"\":\"\",\"\":\"\"}\0\0\0");
const THREE: (u128, [u8; 3]) = (u128::from_le_bytes(*b"{\"\":\"\",\"\":\"\",\"\":"), *b"\"\"}");

/// As many levels and values as any object that is passed over at one go has at most.
const MOST_LEVELS: u32 = 3;
const MOST_VALUES: u32 = 6;

/// A value that holds nothing but strings: how many tokens and values it is.
#[derive(Clone, Copy)]
struct Small {
    tokens: usize,
    values: u32,
}

impl Small {
    /// A value around this one that begins and ends with so many tokens.
    fn within(self, tokens: usize, values: u32) -> Self {
        Self { tokens: self.tokens + tokens, values: self.values + values }
    }
}

impl Cursor<'_> {
    /// Passes over the value at the cursor, validating all of it.
    #[inline(always)]
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
        if self.plain_string_value().is_some() {
            return Ok(());
        }
        self.skip_by_kind(self.tokens.kinds_ahead::<1>()[0])
    }

    /// Passes over the object at the cursor where it has nothing but one member of a name, which holds one string or a small
    /// object, or a list of one of these. Else the cursor stays.
    pub(crate) fn skip_only_member(&mut self, name: &str) -> bool {
        let [_, open, close] = self.tokens.ahead();
        let kinds = u64::from_le_bytes(self.tokens.kinds_ahead());
        let is_so = kinds as u32 == FIRST && matches!((kinds >> 32) as u8, b'[' | b'{');
        is_so && self.is_name(open, close, name) && self.skip_small()
    }

    /// Passes over the value at the cursor that begins with a byte, if it is at hand.
    #[inline(always)]
    fn skip_by_kind(&mut self, kind: u8) -> Result<(), Fault> {
        match kind {
            b'{' | b'[' if self.skip_small() => Ok(()),
            b'{' => self.skip_any_object(),
            b'[' => self.skip_array(),
            _ => self.skip_other(),
        }
    }

    /// Passes over a small object or a list of one at one go: most objects and lists of a record are such, and their keys
    /// need not be kept. Whether one stands at the cursor that needs no second look and breaks no limit.
    #[inline(never)]
    fn skip_small(&mut self) -> bool {
        let is_within = self.depth_left >= MOST_LEVELS && self.values_left >= MOST_VALUES;
        let Some(small) = self.small().filter(|_| is_within) else { return false };
        let [.., end] = self.tokens.behind::<1>(small.tokens - 1);
        if self.tokens.is_odd(end as usize) {
            return false;
        }
        self.values_left -= small.values;
        self.tokens.pass(small.tokens);
        true
    }

    /// The small value at the cursor: one that holds strings alone, or one around it. What is odd about its strings is to
    /// be asked.
    #[inline(always)]
    fn small(&self) -> Option<Small> {
        let kinds = u64::from_le_bytes(self.tokens.kinds_ahead());
        let ends = |small: Small, end: &[u8; 2]| self.tokens.kinds_behind::<2>(small.tokens) == *end;
        let list = (kinds >> 32) as u8 == b'[';
        if kinds as u8 == b'[' {
            let small = self.small_at(1)?.within(1, 1);
            let [end] = self.tokens.kinds_behind(small.tokens);
            return (end == b']').then_some(small.within(1, 0));
        }
        if kinds as u32 == FIRST && list {
            let small = self.small_at(5)?.within(5, 2);
            return ends(small, b"]}").then_some(small.within(2, 0));
        }
        if kinds as u32 == FIRST && (kinds >> 32) as u8 == b'{' {
            let small = self.small_at(4)?.within(4, 1);
            let [end] = self.tokens.kinds_behind(small.tokens);
            return (end == b'}').then_some(small.within(1, 0));
        }
        self.small_at(0)
    }

    /// The string, or the object of up to three members that are strings, behind so many tokens. No key of it stands twice.
    #[inline(always)]
    fn small_at(&self, passed: usize) -> Option<Small> {
        let kinds = u128::from_le_bytes(self.tokens.kinds_behind(passed));
        if kinds as u16 == STRING {
            return Some(Small { tokens: 2, values: 1 });
        }
        if kinds << 72 == ONE << 72 {
            return Some(Small { tokens: 7, values: 2 });
        }
        let [_, a, a_end, _, _, _, _, b, b_end] = self.tokens.behind(passed);
        let (one, two) = ((a, a_end), (b, b_end));
        if kinds << 24 == TWO << 24 {
            return (!self.are_alike(one, two)).then_some(Small { tokens: 13, values: 3 });
        }
        if kinds != THREE.0 || self.tokens.kinds_behind(passed + 16) != THREE.1 {
            return None;
        }
        let three = self.tokens.behind::<2>(passed + 13).into();
        let is_twice = self.are_alike(one, two) || self.are_alike(one, three) || self.are_alike(two, three);
        (!is_twice).then_some(Small { tokens: 19, values: 4 })
    }

    /// Whether the strings between two quotes each are written alike.
    #[inline(always)]
    fn are_alike(&self, one: (u32, u32), other: (u32, u32)) -> bool {
        let written = |(open, close): (u32, u32)| self.bytes().get(open as usize..close as usize);
        one.1 - one.0 == other.1 - other.0 && written(one) == written(other)
    }

    #[inline(never)]
    fn skip_other(&mut self) -> Result<(), Fault> {
        match self.peek()? {
            Kind::String => self.string_value().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::Boolean | Kind::Null => self.literal().map(drop),
            Kind::Object => self.skip_any_object(),
            Kind::Array => self.skip_array(),
        }
    }

    #[inline(never)]
    fn skip_any_object(&mut self) -> Result<(), Fault> {
        self.deepen()?;
        let first_key = self.keys.len();
        // Apart from each other, so that they stay in registers.
        let (mut begin, mut seen) = (FIRST, Seen::default());
        loop {
            let kinds = u64::from_le_bytes(self.tokens.kinds_ahead());
            let [_, open, close, _, _, value_end] = self.tokens.ahead();
            if kinds as u32 == begin && !self.tokens.is_odd(close as usize) {
                let key = Key::new(open + 1, close);
                let is_new = seen.is_new(key, self.text());
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
                let keys_left = self.limits.keys - (self.keys.len() - first_key);
                return self.skip_members(Members::new(begin, first_key, keys_left, seen));
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

    /// Passes over members of the object at the cursor up to one of a name, the cursor before its value; whether there is one.
    /// Whether a key stands twice is for who reads the object afterwards.
    pub(crate) fn pass_to_member(&mut self, name: &str) -> Result<bool, Fault> {
        let mut members = self.enter_object()?;
        loop {
            while let Some(key) = self.plain_key(&members) {
                self.tokens.pass(4);
                if self.bytes().get(key.start as usize..key.end as usize) == Some(name.as_bytes()) {
                    return Ok(true);
                }
                members.begin = u64::from(NEXT);
                self.skip()?;
            }
            match self.any_next_member(&mut members)? {
                Some(key) if self.unescape(key) == name => return Ok(true),
                Some(_) => self.skip()?,
                None => return Ok(false),
            }
        }
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
                if is_wanted(&self.bytes()[key.start as usize..key.end as usize]) {
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

#[cfg(test)]
mod tests {
    use super::super::Workspace;
    use super::*;
    use crate::Limits;
    use proptest::prelude::*;

    /// What is found of a text: how many values it has and where it ends, or where which fault is.
    fn found(text: &str, limits: Limits, pass: fn(&mut Cursor<'_>) -> Result<(), Fault>) -> Found {
        let mut cursor = Cursor::new(text, 0, 0, limits, Workspace::of_thread());
        let passed = pass(&mut cursor).map(|()| (cursor.values(), cursor.at()));
        passed.map_err(|fault| format!("{} at {}", fault.kind(), fault.at()))
    }

    type Found = Result<(u32, usize), String>;

    /// Passes over a value member by member.
    fn pass_plainly(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        match cursor.peek()? {
            Kind::Object => {
                let mut members = cursor.enter_object()?;
                while cursor.pass_members(&mut members, |_| true)?.is_some() {
                    pass_plainly(cursor)?;
                }
            }
            Kind::Array => {
                let mut items = cursor.enter_array()?;
                while cursor.next_item(&mut items)? {
                    pass_plainly(cursor)?;
                }
            }
            _ => cursor.skip_other()?,
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn what_is_passed_over_at_one_go_is_found_token_by_token(
            text in r#"\[?\{("[ab]{0,4}" ?:("[a-c]{0,3}(\\n|\\u0061|\\x|\n)?"|-?1|true|\[\]|(\[|)\{("[ab]{0,2}":"x?",?){0,4}\}(\]|)),?){0,5}\}?\]?"#,
            depth in 0u32..4,
            values in 0u32..9,
            keys in 0usize..4,
            string_bytes in prop_oneof![Just(2usize), Just(1 << 20)],
        ) {
            let limits = Limits { depth, values, keys, string_bytes, ..Limits::default() };
            for limits in [limits, Limits::default()] {
                prop_assert_eq!(found(&text, limits, |cursor| cursor.skip()), found(&text, limits, pass_plainly));
            }
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_found_in_the_smallest_objects() {
        for (text, at) in [
            (r#"{"a":"1","a":"2"}"#, 10),
            (r#"{"":"","":""}"#, 8),
            (r#"{"a":"1","\u0061":"2"}"#, 10),
            (r#"{"a":"1","b":"2","a":"3"}"#, 18),
            (r#"{"x":[{"a":"1","b":"2","b":"3"}]}"#, 24),
        ] {
            let fault = format!("the same key stands twice in one object at {at}");
            assert_eq!(found(text, Limits::default(), |cursor| cursor.skip()), Err(fault), "{text}");
        }
        let two = r#"{"a":"1","b":"2"}"#;
        assert_eq!(found(two, Limits::default(), |cursor| cursor.skip()), Ok((3, two.len())));
    }
}
