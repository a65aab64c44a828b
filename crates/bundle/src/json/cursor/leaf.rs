//! Small objects that hold nothing but strings, under a cursor: read at one go, without a member at a time.

use super::members::{FIRST, NEXT, STRING};
use super::{Cursor, Lexeme, plain};

/// The tokens of a member that is a string.
const MEMBER: u32 = 6;

/// The most names that are looked for in one object: so many keys are too many only where hardly any are allowed.
const MOST_NAMES: usize = 8;

/// The strings of an object by the place of their names, and how many tokens stand before its end.
type Strings<const N: usize> = ([Option<Lexeme>; N], u32);

impl Cursor<'_> {
    /// The strings of the object at the cursor where it has nothing else, each under one of `names` in their order, all at
    /// hand and without need of a second look. Else the cursor stays.
    #[inline(always)]
    pub(crate) fn strings<const N: usize>(&mut self, names: [&str; N]) -> Option<[Option<Lexeme>; N]> {
        let (strings, end) = self.find_members(0, FIRST, names)?;
        self.pass_object(end + 1, 1 + end / MEMBER, 1)?;
        Some(strings)
    }

    /// As [`Cursor::strings`] of an object that is the only member of the object at the cursor, under a name.
    #[inline(always)]
    pub(crate) fn strings_in<const N: usize>(
        &mut self,
        name: &str,
        names: [&str; N],
    ) -> Option<[Option<Lexeme>; N]> {
        let [_, open, close] = self.tokens.ahead();
        if u32::from_le_bytes(self.tokens.kinds_ahead()) != FIRST || !self.is_name(open, close, name) {
            return None;
        }
        let (strings, end) = self.find_members(4, FIRST, names)?;
        let [_, b'}'] = self.tokens.kinds_behind(end as usize) else { return None };
        self.pass_object(end + 2, 2 + (end - 4) / MEMBER, 2)?;
        Some(strings)
    }

    /// The object at the cursor where it has a list under a name, and perhaps a string `beside` it: the strings of the
    /// only object of the list, as [`Cursor::strings`], and that string.
    #[inline(always)]
    pub(crate) fn strings_in_list<const N: usize>(
        &mut self,
        name: &str,
        names: [&str; N],
        beside: &str,
    ) -> Option<([Option<Lexeme>; N], Option<Lexeme>)> {
        const LIST: u64 = b'[' as u64;
        let [_, open, close] = self.tokens.ahead();
        let kinds = u64::from_le_bytes(self.tokens.kinds_ahead());
        if kinds << 24 >> 24 != u64::from(FIRST) | LIST << 32 || !self.is_name(open, close, name) {
            return None;
        }
        let (strings, end) = self.find_members(5, FIRST, names)?;
        let [_, b']'] = self.tokens.kinds_behind(end as usize) else { return None };
        let (found, end) = self.find_members(end + 2, NEXT, [beside])?;
        self.pass_object(end + 1, 3 + (end - 7) / MEMBER, 3)?;
        Some((strings, found[0]))
    }

    /// The strings of the members that begin at a token, each under one of `names` in their order, up to the end of their
    /// object. The first begins with the tokens `begin`, any other with a comma.
    #[inline(always)]
    fn find_members<const N: usize>(&self, start: u32, begin: u32, names: [&str; N]) -> Option<Strings<N>> {
        const { assert!(N < MOST_NAMES) };
        let mut strings = [None; N];
        let (mut at, mut begin) = (start, u64::from(begin));
        for (name, string) in names.iter().zip(&mut strings) {
            let kinds = u64::from_le_bytes(self.tokens.kinds_behind(at as usize));
            if kinds << 16 >> 16 != begin | u64::from(STRING) << 32 {
                break;
            }
            let [_, open, close, _, value, value_end] = self.tokens.behind(at as usize);
            if self.is_name(open, close, name) {
                *string = Some(plain(value, value_end));
                at += MEMBER;
                begin = u64::from(NEXT);
            }
        }
        // Without a first member nobody has looked at the brace that the object has to begin with.
        if begin == u64::from(FIRST) {
            return None;
        }
        let [b'}'] = self.tokens.kinds_behind(at as usize) else { return None };
        // What is odd in any of them is before the end of all.
        let [end] = self.tokens.behind(at as usize);
        (!self.tokens.is_odd(end as usize)).then_some((strings, at))
    }

    #[inline(always)]
    pub(super) fn is_name(&self, open: u32, close: u32, name: &str) -> bool {
        self.bytes().get(open as usize + 1..close as usize) == Some(name.as_bytes())
    }

    /// Passes tokens that hold so many values at so many levels, unless those are too many: then whoever reads one after the
    /// other says so.
    #[inline(always)]
    fn pass_object(&mut self, tokens: u32, values: u32, levels: u32) -> Option<()> {
        if self.depth_left < levels || self.limits.keys < MOST_NAMES {
            return None;
        }
        self.values_left = self.values_left.checked_sub(values)?;
        self.tokens.pass(tokens as usize);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::json::Workspace;

    fn at_start(text: &str) -> Cursor<'_> {
        Cursor::new(text, 0, 0, Limits::default(), Workspace::new())
    }

    /// What is read of a text at one go, which passes all of it or nothing.
    fn read<'t, T>(text: &'t str, read: impl Fn(&mut Cursor<'t>) -> Option<T>) -> Option<T> {
        let mut cursor = at_start(text);
        cursor.peek().expect("a value, whose tokens are at hand now");
        let found = read(&mut cursor);
        if found.is_some() {
            let mut other = at_start(text);
            other.skip().expect("valid");
            assert_eq!(cursor.values(), other.values(), "{text}");
            cursor.finish().expect("all passed");
        } else {
            assert_eq!((cursor.at(), cursor.values()), (0, 0), "{text}");
        }
        found
    }

    fn written(text: &str, lexeme: Option<Lexeme>) -> &str {
        lexeme.map_or("-", |lexeme| &text[lexeme.start as usize..lexeme.end as usize])
    }

    #[test]
    fn strings_are_read_under_the_names_that_there_are() {
        for (text, expected) in [
            (r#"{"a":"1","b":"2"}"#, ["1", "2"]),
            ("{ \"b\" : \"\" }", ["-", ""]),
            (r#"{"a":"1"}"#, ["1", "-"]),
        ] {
            let found = read(text, |cursor| cursor.strings(["a", "b"])).expect("plain");
            assert_eq!(found.map(|lexeme| written(text, lexeme)), expected, "{text}");
            let text = format!("{{\"in\": {text}}}");
            let found = read(&text, |cursor| cursor.strings_in("in", ["a", "b"])).expect("plain");
            assert_eq!(found.map(|lexeme| written(&text, lexeme)), expected, "{text}");
        }
    }

    #[test]
    fn whatever_else_an_object_holds_is_left_to_others() {
        for text in [
            "{}",
            r#"{"b":"1","a":"2"}"#,
            r#"{"a":"1","a":"2"}"#,
            r#"{"a":"1","b":"2","b":"3"}"#,
            r#"{"a":"1","c":"2"}"#,
            r#"{"a":1}"#,
            r#"{"a":{}}"#,
            r#"{"a":"\u0031"}"#,
            r#"{"a":"1","b":"2\""#,
            r#"{"a":"1""#,
            r#"{"a":"1"]"#,
            r#"{"a":"1",}"#,
            r#"["a"]"#,
        ] {
            assert!(read(text, |cursor| cursor.strings(["a", "b"])).is_none(), "{text}");
            let text = format!("{{\"in\": {text}}}");
            assert!(read(&text, |cursor| cursor.strings_in("in", ["a", "b"])).is_none(), "{text}");
        }
        for text in [r#"{"in":{"a":"1"},"on":1}"#, r#"{"on":{"a":"1"}}"#, r#"{"in":{"a":"1"}"#, r#"{"in":}}"#]
        {
            assert!(read(text, |cursor| cursor.strings_in("in", ["a", "b"])).is_none(), "{text}");
        }
    }

    #[test]
    fn a_list_of_one_is_read_with_what_is_beside_it() {
        for (text, expected) in [
            (r#"{"in":[{"a":"1","b":"2"}],"on":"3"}"#, Some(["1", "2", "3"])),
            (r#"{"in":[{"b":"2"}]}"#, Some(["-", "2", "-"])),
            (r#"{"in":[{"a":"1"},{"a":"1"}]}"#, None),
            (r#"{"in":[{"a":"1"}],"in":"3"}"#, None),
            (r#"{"in":[{"a":"1"}],"on":3}"#, None),
            (r#"{"in":[]}"#, None),
            (r#"{"in":[}]}"#, None),
            (r#"{"in":{"a":"1"}}"#, None),
        ] {
            let found = read(text, |cursor| cursor.strings_in_list("in", ["a", "b"], "on"));
            let found = found.map(|([a, b], on)| [a, b, on].map(|lexeme| written(text, lexeme)));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_too_much_is_left_to_whoever_says_so() {
        let text = r#"{"a":"1"}"#;
        for limits in [
            Limits { values: 1, ..Limits::default() },
            Limits { depth: 0, ..Limits::default() },
            Limits { keys: 0, ..Limits::default() },
        ] {
            let mut cursor = Cursor::new(text, 0, 0, limits, Workspace::new());
            cursor.peek().expect("a value, whose tokens are at hand now");
            assert!(cursor.strings(["a"]).is_none(), "{limits:?}");
        }
    }
}
