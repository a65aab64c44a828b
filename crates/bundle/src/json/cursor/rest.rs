//! What is left of an object that has been begun with the member that says what it is: nearly always one more member.

use super::members::{Members, NEXT};
use super::{Cursor, Lexeme, plain};
use crate::json::keys::{Key, Seen};
use crate::json::{Fault, FaultKind};

/// The tokens of a last member that is a string, and the end of its object.
const LAST_STRING: u64 = u64::from_le_bytes(*b",\"\":\"\"}\0");

impl Cursor<'_> {
    /// The key of the second member of the object that has been begun, where it needs no second look; it is for
    /// [`Cursor::pass_second_key`].
    #[inline(always)]
    pub(crate) fn second_key(&self) -> Option<Key> {
        let kinds = u32::from_le_bytes(self.tokens.kinds_ahead());
        let [_, open, close] = self.tokens.ahead();
        let is_plain = kinds == NEXT && !self.tokens.is_odd(close as usize);
        is_plain.then_some(Key::new(open.wrapping_add(1), close))
    }

    /// Passes the key that [`Cursor::second_key`] has found.
    #[inline(always)]
    pub(crate) fn pass_second_key(&mut self) {
        self.tokens.pass(4);
    }

    /// The key and the value of the second and last member of the object that has been begun, where it is a string and neither
    /// needs a second look; they are for [`Cursor::pass_second_string`].
    #[inline(always)]
    pub(crate) fn second_string(&self) -> Option<(Key, Lexeme)> {
        let kinds = u64::from_le_bytes(self.tokens.kinds_ahead());
        let [_, open, close, _, value, value_end] = self.tokens.ahead();
        let is_so =
            kinds << 8 >> 8 == LAST_STRING && !self.tokens.is_odd(value_end as usize) && self.values_left > 0;
        is_so.then(|| (Key::new(open + 1, close), plain(value, value_end)))
    }

    /// Passes the member that [`Cursor::second_string`] has found and the end of its object.
    #[inline(always)]
    pub(crate) fn pass_second_string(&mut self) {
        self.values_left -= 1;
        self.tokens.pass(6);
        self.leave();
    }

    /// Leaves the object that has been begun where its end is at the cursor.
    #[inline(always)]
    pub(crate) fn leave_begun(&mut self) -> bool {
        let is_over = self.is_at(b'}');
        if is_over {
            self.leave();
        }
        is_over
    }

    /// The object that has been begun, of two members so far; their names are those that its reader knows by these numbers
    /// below 128.
    ///
    /// # Errors
    /// The fault of two that are the same.
    #[cold]
    pub(crate) fn rest_of_object(&mut self, numbers: [u8; 2]) -> Result<Members, Fault> {
        let at = self.at() as u32;
        let mut members = Members::new(NEXT, self.keys.len(), self.limits.keys, Seen::default());
        let are_new = numbers.into_iter().all(|number| members.known.is_new(number));
        if !are_new {
            return Err(Fault::new(at as usize, FaultKind::DuplicateKey));
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Workspace;
    use super::*;
    use crate::Limits;

    fn begun(text: &str, limits: Limits) -> Cursor<'_> {
        let mut cursor = Cursor::new(text, 0, 0, limits, Workspace::of_thread());
        cursor.peek().expect("a value, whose tokens are at hand now");
        cursor.begin_object("url").expect("a url");
        cursor
    }

    #[test]
    fn a_second_string_is_read_where_it_is_the_last_member() {
        let text = r#"{"url":"1","valueCode":"2"}"#;
        let mut cursor = begun(text, Limits::default());
        let (key, value) = cursor.second_string().expect("plain");
        assert_eq!((key.written(text), cursor.written(value)), ("valueCode", "2"));
        cursor.pass_second_string();
        assert_eq!(cursor.values(), 3);
        cursor.finish().expect("all passed");
        for text in [
            r#"{"url":"1"}"#,
            r#"{"url":"1","a":"2","b":"3"}"#,
            r#"{"url":"1","a":2}"#,
            r#"{"url":"1","a":"\u0032"}"#,
            r#"{"url":"1","a":"2"]"#,
            r#"{"url":"1","a":"2""#,
        ] {
            assert!(begun(text, Limits::default()).second_string().is_none(), "{text}");
        }
        let limits = Limits { values: 2, ..Limits::default() };
        assert!(begun(text, limits).second_string().is_none(), "{limits:?}");
    }

    #[test]
    fn the_names_of_an_object_that_goes_on_are_known() {
        let mut cursor = begun(r#"{"url":"1","a":"2","b":"3"}"#, Limits::default());
        cursor.second_key().expect("plain");
        cursor.pass_second_key();
        cursor.skip().expect("valid");
        assert!(!cursor.leave_begun());
        let mut members = cursor.rest_of_object([1, 2]).expect("two names");
        assert!(members.know(0, 1).is_err() && members.know(0, 2).is_err() && members.know(0, 3).is_ok());
        assert!(cursor.rest_of_object([1, 1]).is_err());
    }
}
