//! Small objects that hold nothing but strings, under a cursor: read at one go, without a member at a time.

use super::members::{FIRST, NEXT, STRING, UNCOUNTED};
use super::{Cursor, Lexeme, plain};

/// The tokens of a member that is a string.
const MEMBER: u32 = 6;

/// The bytes of a name that are compared as one number.
const HEAD: usize = size_of::<u64>();

/// A name that is looked for in a small object.
#[derive(Clone, Copy)]
pub(crate) struct LeafName {
    /// Its first bytes, of a shorter one its closing quote as well, and which of them count.
    head: u64,
    mask: u64,
    text: &'static str,
}

/// The string that a small object has under a name, or none.
#[derive(Clone, Copy)]
pub(crate) struct LeafString {
    /// Where it begins, which no string does at zero: its quote is before it.
    start: u32,
    end: u32,
}

/// The strings of an object by the place of their names, and how many tokens stand before its end.
type Strings<const N: usize> = ([LeafString; N], u32);

impl LeafName {
    /// The names of these texts.
    pub(crate) const fn all<const N: usize>(texts: [&'static str; N]) -> [Self; N] {
        let mut names = [Self { head: 0, mask: 0, text: "" }; N];
        let mut place = 0;
        while place < N {
            names[place] = Self::new(texts[place]);
            place += 1;
        }
        names
    }

    const fn new(text: &'static str) -> Self {
        let (mut head, mut mask, mut at) = (0, 0, 0);
        while at <= text.len() && at < HEAD {
            let byte = if at < text.len() { text.as_bytes()[at] } else { b'"' };
            head |= (byte as u64) << (8 * at);
            mask |= 0xFF << (8 * at);
            at += 1;
        }
        Self { head, mask, text }
    }

    /// Whether it is what stands between two offsets.
    #[inline(always)]
    fn is_at(&self, text: &[u8], start: usize, end: usize) -> bool {
        match text.get(start..start + HEAD).and_then(|head| head.first_chunk()) {
            Some(head) if self.text.len() < HEAD => (u64::from_le_bytes(*head) ^ self.head) & self.mask == 0,
            _ => text.get(start..end) == Some(self.text.as_bytes()),
        }
    }
}

impl LeafString {
    const NONE: Self = Self { start: 0, end: 0 };

    /// The string as it stands in the text, where there is one.
    #[inline(always)]
    pub(crate) fn lexeme(self) -> Option<Lexeme> {
        (self.start > 0).then_some(Lexeme { start: self.start, end: self.end, escaped: false })
    }
}

impl Cursor<'_> {
    /// The strings of the object at the cursor where it has nothing else, each under one of `names`, all at hand and without
    /// need of a second look. Else the cursor stays.
    #[inline(always)]
    pub(crate) fn strings<const N: usize>(&mut self, names: &[LeafName; N]) -> Option<[LeafString; N]> {
        let (strings, end) = self.find_members(0, FIRST, names)?;
        self.pass_object(end + 1, 1 + end / MEMBER, 1)?;
        Some(strings)
    }

    /// The string of the object at the cursor where it is the only member, under a name. Else the cursor stays.
    #[inline(always)]
    pub(crate) fn only_string(&mut self, name: &str) -> Option<Lexeme> {
        const ONLY: u64 = u64::from_le_bytes(*b"{\"\":\"\"}\0");
        let kinds = u64::from_le_bytes(self.tokens.kinds_ahead());
        let [_, open, close, _, value, end] = self.tokens.ahead();
        if kinds << 8 != ONLY << 8 || self.tokens.is_odd(end as usize) || !self.is_name(open, close, name) {
            return None;
        }
        self.pass_object(7, 2, 1)?;
        Some(plain(value, end))
    }

    /// As [`Cursor::only_string`] of the only object in the list at the cursor.
    #[inline(always)]
    pub(crate) fn only_string_in_list(&mut self, name: &str) -> Option<Lexeme> {
        const ONLY: u128 = u128::from_le_bytes(*b"[{\"\":\"\"}]\0\0\0\0\0\0\0");
        let kinds = u128::from_le_bytes(self.tokens.kinds_ahead());
        let [_, _, open, close, _, value, end] = self.tokens.ahead();
        let is_so =
            kinds << 56 == ONLY << 56 && !self.tokens.is_odd(end as usize) && self.is_name(open, close, name);
        if !is_so {
            return None;
        }
        self.pass_object(9, 3, 2)?;
        Some(plain(value, end))
    }

    /// As [`Cursor::only_string`] of an object that is the only member of the object at the cursor, under the name `outer`.
    #[inline(always)]
    pub(crate) fn only_string_in(&mut self, outer: &str, name: &str) -> Option<Lexeme> {
        const ONLY: u128 = u128::from_le_bytes(*b"{\"\":{\"\":\"\"}}\0\0\0\0");
        let kinds = u128::from_le_bytes(self.tokens.kinds_ahead());
        let [_, outer_open, outer_close, _, _, open, close, _, value, end] = self.tokens.ahead();
        let is_so = kinds << 32 == ONLY << 32
            && !self.tokens.is_odd(end as usize)
            && self.is_name(outer_open, outer_close, outer)
            && self.is_name(open, close, name);
        if !is_so {
            return None;
        }
        self.pass_object(12, 3, 2)?;
        Some(plain(value, end))
    }

    /// As [`Cursor::strings`] of the only object in the list at the cursor.
    #[inline(always)]
    pub(crate) fn strings_of_only<const N: usize>(
        &mut self,
        names: &[LeafName; N],
    ) -> Option<[LeafString; N]> {
        let [b'['] = self.tokens.kinds_ahead() else { return None };
        let (strings, end) = self.find_members(1, FIRST, names)?;
        let [_, b']'] = self.tokens.kinds_behind(end as usize) else { return None };
        self.pass_object(end + 2, 2 + (end - 1) / MEMBER, 2)?;
        Some(strings)
    }

    /// As [`Cursor::strings`] of an object that is the only member of the object at the cursor, under a name.
    #[inline(always)]
    pub(crate) fn strings_in<const N: usize>(
        &mut self,
        name: &str,
        names: &[LeafName; N],
    ) -> Option<[LeafString; N]> {
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
        names: &[LeafName; N],
        beside: &[LeafName; 1],
    ) -> Option<([LeafString; N], LeafString)> {
        const LIST: u64 = b'[' as u64;
        let [_, open, close] = self.tokens.ahead();
        let kinds = u64::from_le_bytes(self.tokens.kinds_ahead());
        if kinds << 24 >> 24 != u64::from(FIRST) | LIST << 32 || !self.is_name(open, close, name) {
            return None;
        }
        let (strings, end) = self.find_members(5, FIRST, names)?;
        let [_, b']'] = self.tokens.kinds_behind(end as usize) else { return None };
        let ([found], end) = self.find_members(end + 2, NEXT, beside)?;
        self.pass_object(end + 1, 3 + (end - 7) / MEMBER, 3)?;
        Some((strings, found))
    }

    /// As [`Cursor::strings_in_list`] where the object says the first three of `names` in their order and nothing is beside the
    /// list, as nearly all concepts do: their tokens are compared at once.
    #[inline(always)]
    pub(crate) fn three_in_list<const N: usize>(
        &mut self,
        name: &str,
        names: &[LeafName; N],
    ) -> Option<[LeafString; N]> {
        const BEGIN: u128 = u128::from_le_bytes(*b"{\"\":[{\"\":\"\",\"\":\"");
        const END: [u8; 10] = *b"\",\"\":\"\"}]}";
        if u128::from_le_bytes(self.tokens.kinds_ahead()) != BEGIN || self.tokens.kinds_behind(16) != END {
            return None;
        }
        let ([_, open, close], [end]) = (self.tokens.ahead(), self.tokens.behind(25));
        if self.tokens.is_odd(end as usize) || !self.is_name(open, close, name) {
            return None;
        }
        let strings = self.named_members::<3, N>(5, names)?;
        self.pass_object(26, 6, 3)?;
        Some(strings)
    }

    /// The number that is the first member of the object at the cursor, under a name, and the strings behind it, as
    /// [`Cursor::strings`].
    #[inline(always)]
    pub(crate) fn number_and_strings<const N: usize>(
        &mut self,
        name: &str,
        names: &[LeafName; N],
    ) -> Option<(Lexeme, [LeafString; N])> {
        let [_, open, close, _, number] = self.tokens.ahead();
        if u32::from_le_bytes(self.tokens.kinds_ahead()) != FIRST || !self.is_name(open, close, name) {
            return None;
        }
        let number = self.plain_number_at(number)?;
        let (strings, end) = self.find_members(5, NEXT, names)?;
        self.pass_object(end + 1, 2 + (end - 5) / MEMBER, 1)?;
        Some((number, strings))
    }

    /// The strings of the members that begin at a token, each under one of `names`, up to the end of their object. The first
    /// begins with the tokens `begin`, any other with a comma. They nearly always come in the order of `names`.
    #[inline(always)]
    fn find_members<const N: usize>(
        &self,
        start: u32,
        begin: u32,
        names: &[LeafName; N],
    ) -> Option<Strings<N>> {
        const { assert!(N < UNCOUNTED) };
        if begin == FIRST
            && let Some(strings) = self.two_members(start, names)
        {
            return Some((strings, start + 2 * MEMBER));
        }
        let mut strings = [LeafString::NONE; N];
        let (mut at, mut next) = (start, begin);
        for (name, string) in names.iter().zip(&mut strings) {
            let Some((start, end, found)) = self.string_member(at, next) else { break };
            if name.is_at(self.bytes(), start, end) {
                *string = found;
                at += MEMBER;
                next = NEXT;
            }
        }
        if next == NEXT && self.string_member(at, NEXT).is_some() {
            let mut strings = [LeafString::NONE; N];
            at = self.find_in_any_order(start, begin, names, &mut strings)?;
            return self.is_end(at).then_some((strings, at));
        }
        // Without a first member nobody has looked at the brace that the object has to begin with.
        (next == NEXT && self.is_end(at)).then_some((strings, at))
    }

    /// As [`Cursor::find_members`] of an object that has the first two of `names` in their order and nothing else.
    #[inline(always)]
    fn two_members<const N: usize>(&self, start: u32, names: &[LeafName; N]) -> Option<[LeafString; N]> {
        const TWO: u128 = u128::from_le_bytes(*b"{\"\":\"\",\"\":\"\"}\0\0\0");
        let start = start as usize;
        if N < 2 || u128::from_le_bytes(self.tokens.kinds_behind(start)) << 24 != TWO << 24 {
            return None;
        }
        let [end] = self.tokens.behind(start + 2 * MEMBER as usize);
        self.named_members::<2, N>(start, names).filter(|_| !self.tokens.is_odd(end as usize))
    }

    /// The strings of the first members of the object that begins at a token, if they are the first of `names` in their order;
    /// that their tokens are those of strings is known.
    #[inline(always)]
    fn named_members<const M: usize, const N: usize>(
        &self,
        start: usize,
        names: &[LeafName; N],
    ) -> Option<[LeafString; N]> {
        let mut strings = [LeafString::NONE; N];
        let mut are_named = true;
        for place in 0..M {
            let [open, close, _, value, end] = self.tokens.behind(start + 1 + place * MEMBER as usize);
            are_named &= names[place].is_at(self.bytes(), open as usize + 1, close as usize);
            strings[place] = LeafString { start: value + 1, end };
        }
        are_named.then_some(strings)
    }

    /// As [`Cursor::find_members`]: how many tokens stand before the end of the members.
    #[inline(never)]
    fn find_in_any_order(
        &self,
        start: u32,
        begin: u32,
        names: &[LeafName],
        strings: &mut [LeafString],
    ) -> Option<u32> {
        let (mut at, mut next) = (start, begin);
        while let Some((start, end, found)) = self.string_member(at, next) {
            let place = names.iter().position(|name| name.is_at(self.bytes(), start, end))?;
            if strings[place].start > 0 {
                return None;
            }
            strings[place] = found;
            at += MEMBER;
            next = NEXT;
        }
        (next == NEXT).then_some(at)
    }

    /// The member at a token that begins with the tokens `begin` and is a string: where its key stands, and the string.
    #[inline(always)]
    fn string_member(&self, at: u32, begin: u32) -> Option<(usize, usize, LeafString)> {
        let kinds = u64::from_le_bytes(self.tokens.kinds_behind(at as usize));
        if kinds << 16 >> 16 != u64::from(begin) | u64::from(STRING) << 32 {
            return None;
        }
        let [_, open, close, _, value, end] = self.tokens.behind(at as usize);
        Some((open as usize + 1, close as usize, LeafString { start: value + 1, end }))
    }

    /// Whether an object ends at a token, and no string before is odd: what is odd in any is before the end of all.
    #[inline(always)]
    fn is_end(&self, at: u32) -> bool {
        let [end] = self.tokens.behind(at as usize);
        self.tokens.kinds_behind::<1>(at as usize) == *b"}" && !self.tokens.is_odd(end as usize)
    }

    #[inline(always)]
    pub(super) fn is_name(&self, open: u32, close: u32, name: &str) -> bool {
        self.bytes().get(open as usize + 1..close as usize) == Some(name.as_bytes())
    }

    /// Passes tokens that hold so many values at so many levels, unless those are too many: then whoever reads one after the
    /// other says so.
    #[inline(always)]
    fn pass_object(&mut self, tokens: u32, values: u32, levels: u32) -> Option<()> {
        if self.depth_left < levels {
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
        Cursor::new(text, 0, 0, Limits::default(), Workspace::of_thread())
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

    fn written(text: &str, string: LeafString) -> &str {
        string.lexeme().map_or("-", |lexeme| &text[lexeme.start as usize..lexeme.end as usize])
    }

    const A_AND_B: [LeafName; 2] = LeafName::all(["a", "b"]);
    const ON: [LeafName; 1] = LeafName::all(["on"]);

    #[test]
    fn strings_are_read_under_the_names_that_there_are() {
        for (text, expected) in [
            (r#"{"a":"1","b":"2"}"#, ["1", "2"]),
            ("{ \"b\" : \"\" }", ["-", ""]),
            (r#"{"a":"1"}"#, ["1", "-"]),
            (r#"{"b":"2","a":"1"}"#, ["1", "2"]),
        ] {
            let found = read(text, |cursor| cursor.strings(&A_AND_B)).expect("plain");
            assert_eq!(found.map(|lexeme| written(text, lexeme)), expected, "{text}");
            let list = format!("[ {text}]");
            let found = read(&list, |cursor| cursor.strings_of_only(&A_AND_B)).expect("plain");
            assert_eq!(found.map(|lexeme| written(&list, lexeme)), expected, "{list}");
            let text = format!("{{\"in\": {text}}}");
            let found = read(&text, |cursor| cursor.strings_in("in", &A_AND_B)).expect("plain");
            assert_eq!(found.map(|lexeme| written(&text, lexeme)), expected, "{text}");
        }
    }

    #[test]
    fn an_only_string_is_read_under_its_name() {
        let string = |found: Option<Lexeme>, text: &str| {
            found.map(|lexeme| text[lexeme.start as usize..lexeme.end as usize].to_owned())
        };
        for (text, expected) in [
            (r#"{"a":"1"}"#, Some("1")),
            (r#"{"b":"1"}"#, None),
            (r#"{"a":1}"#, None),
            (r#"{"a":"\u0031"}"#, None),
            (r#"{"a":"1","b":"2"}"#, None),
            (r#"{"a":"1"]"#, None),
            (r#"{"a":"1""#, None),
        ] {
            let found = read(text, |cursor| cursor.only_string("a"));
            assert_eq!(string(found, text).as_deref(), expected, "{text}");
            let list = format!("[ {text}]");
            let found = read(&list, |cursor| cursor.only_string_in_list("a"));
            assert_eq!(string(found, &list).as_deref(), expected, "{list}");
            let text = format!("{{\"in\": {text}}}");
            let found = read(&text, |cursor| cursor.only_string_in("in", "a"));
            assert_eq!(string(found, &text).as_deref(), expected, "{text}");
            assert!(read(&text, |cursor| cursor.only_string_in("on", "a")).is_none(), "{text}");
        }
    }

    #[test]
    fn whatever_else_an_object_holds_is_left_to_others() {
        for text in [
            "{}",
            r#"{"b":"1","a":"2","b":"3"}"#,
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
            assert!(read(text, |cursor| cursor.strings(&A_AND_B)).is_none(), "{text}");
            let list = format!("[{text}]");
            assert!(read(&list, |cursor| cursor.strings_of_only(&A_AND_B)).is_none(), "{list}");
            let text = format!("{{\"in\": {text}}}");
            assert!(read(&text, |cursor| cursor.strings_in("in", &A_AND_B)).is_none(), "{text}");
        }
        for text in [r#"[{"a":"1"},{"a":"1"}]"#, r#"[{"a":"1"}"#, r#"[{"a":"1"}}"#, "[}]", "[]"] {
            assert!(read(text, |cursor| cursor.strings_of_only(&A_AND_B)).is_none(), "{text}");
        }
        for text in [r#"{"in":{"a":"1"},"on":1}"#, r#"{"on":{"a":"1"}}"#, r#"{"in":{"a":"1"}"#, r#"{"in":}}"#]
        {
            assert!(read(text, |cursor| cursor.strings_in("in", &A_AND_B)).is_none(), "{text}");
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
            let found = read(text, |cursor| cursor.strings_in_list("in", &A_AND_B, &ON));
            let found = found.map(|([a, b], on)| [a, b, on].map(|lexeme| written(text, lexeme)));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn three_strings_in_a_list_are_read_in_their_order() {
        const NAMES: [LeafName; 4] = LeafName::all(["a", "b", "c", "d"]);
        for (text, expected) in [
            (r#"{"in":[{"a":"1","b":"2","c":"3"}]}"#, Some(["1", "2", "3", "-"])),
            (r#"{ "in" : [ { "a":"", "b":"2", "c":"" } ] }"#, Some(["", "2", "", "-"])),
            (r#"{"in":[{"a":"1","c":"2","b":"3"}]}"#, None),
            (r#"{"in":[{"a":"1","a":"2","c":"3"}]}"#, None),
            (r#"{"on":[{"a":"1","b":"2","c":"3"}]}"#, None),
            (r#"{"in":[{"a":"1","b":"2","c":"\u0033"}]}"#, None),
            (r#"{"in":[{"a":"1","b":"2","c":"3"}],"on":"4"}"#, None),
            (r#"{"in":[{"a":"1","b":"2","c":"3"}]]"#, None),
            (r#"{"in":[{"a":"1","b":"2","c":"3"}}}"#, None),
            (r#"{"in":[{"a":"1","b":"2","c":"3"}]"#, None),
            (r#"{"in":[{"a":"1","b":"2"}]}"#, None),
        ] {
            let found = read(text, |cursor| cursor.three_in_list("in", &NAMES));
            assert_eq!(found.map(|strings| strings.map(|string| written(text, string))), expected, "{text}");
        }
    }

    #[test]
    fn a_number_is_read_with_the_strings_behind_it() {
        for (text, expected) in [
            (r#"{"n":28,"a":"1","b":"2"}"#, Some(["28", "1", "2"])),
            (r#"{ "n" : 0 }"#, Some(["0", "-", "-"])),
            (r#"{"n":1,"b":"2"}"#, Some(["1", "-", "2"])),
            (r#"{"n":01,"b":"2"}"#, None),
            (r#"{"n":1.5}"#, None),
            (r#"{"n":"1","a":"1"}"#, None),
            (r#"{"n":,"a":"1"}"#, None),
            (r#"{"n":1"a":"1"}"#, None),
            (r#"{"n":1,"n":"1"}"#, None),
            (r#"{"n":1,"a":2}"#, None),
            (r#"{"n":1,}"#, None),
            (r#"{"n":1]"#, None),
            (r#"{"n":1"#, None),
            (r#"{"a":1}"#, None),
        ] {
            // Eight bytes are looked at together.
            let text = &format!("{text}        ");
            let found = read(text, |cursor| cursor.number_and_strings("n", &A_AND_B));
            let number = |number: Lexeme| &text[number.start as usize..number.end as usize];
            let found = found.map(|(n, [a, b])| [number(n), written(text, a), written(text, b)]);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_name_is_known_to_its_end() {
        const NAMES: [LeafName; 3] = LeafName::all(["text", "textbook", "patientInstruction"]);
        let text = r#"{"patientInstruction":"3","textbook":"2","text":"1"}"#;
        let found = read(text, |cursor| cursor.strings(&NAMES)).expect("plain");
        assert_eq!(found.map(|string| written(text, string)), ["1", "2", "3"]);
        for name in ["", "t", "tex", "textb", "textbooks", "patientInstructions", "patientinstruction"] {
            let text = format!(r#"{{"{name}":"and what is behind it"}}"#);
            assert!(read(&text, |cursor| cursor.strings(&NAMES)).is_none(), "{text}");
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
            let mut cursor = Cursor::new(text, 0, 0, limits, Workspace::of_thread());
            cursor.peek().expect("a value, whose tokens are at hand now");
            assert!(cursor.strings(&A_AND_B).is_none(), "{limits:?}");
        }
    }
}
