//! Reads resources into [`Collected`], tolerant of JSON types that can be read without guessing.
//!
//! One object stands for a list of one, a list of one for its item, a number or boolean for its text and the
//! reverse; each is noticed as `wrong_json_type`. Anything else of a wrong type is absent and noticed (contract
//! rule 1). `null` is absent without a word.

mod elements;
mod extensions;
mod names;
mod resource;
mod said;

use std::borrow::Cow;

use bedside_model::NoticeCode;

use crate::collected::{Collected, NOBODY};
use crate::json::{Cursor, Fault, Items, Kind, LeafName, LeafString, Lexeme, Members};
use crate::text::{Text, trimmed};
use said::LastSaid;

pub(crate) use names::Name;

pub(crate) type Read<T> = Result<T, Fault>;

/// A cursor and what it fills.
pub(crate) struct Reader<'a, 'c, 's> {
    pub(crate) cursor: Cursor<'a>,
    pub(crate) out: &'c mut Collected<'s>,
    /// Where the cursor's text begins in the body.
    base: usize,
    /// Whether the text stays, so that content can be compared later.
    held: bool,
    entry: u32,
    resource: u32,
    in_entry: bool,
    /// Whether no table reads anything of the last resource whose type did not come first.
    was_unmapped: bool,
    /// The object at the cursor where its first member has been read already: the one that says what it is.
    begun: Option<Name>,
    last_said: LastSaid,
}

impl<'a, 'c, 's> Reader<'a, 'c, 's> {
    /// A reader of text that begins at byte `base` of the body; `held` when the body is held whole.
    pub(crate) fn new(cursor: Cursor<'a>, base: usize, held: bool, out: &'c mut Collected<'s>) -> Self {
        let last_said = LastSaid::default();
        Self {
            cursor,
            out,
            base,
            held,
            entry: 0,
            resource: NOBODY,
            in_entry: false,
            was_unmapped: false,
            begun: None,
            last_said,
        }
    }

    /// Reads one item of `Bundle.entry`.
    pub(crate) fn entry(&mut self) -> Read<()> {
        self.entry = self.out.entries;
        self.out.entries += 1;
        self.in_entry = true;
        self.read_entry()?;
        self.in_entry = false;
        self.resource = NOBODY;
        Ok(())
    }

    fn read_entry(&mut self) -> Read<()> {
        if self.cursor.begin_object_of_object(Name::Resource.as_str())? {
            self.read_resource(NOBODY)?;
            if self.cursor.leave_begun() {
                return Ok(());
            }
            self.begun = Some(Name::Resource);
            return self.members(|reader, _| reader.cursor.skip());
        }
        self.read_any_entry()
    }

    #[inline(never)]
    fn read_any_entry(&mut self) -> Read<()> {
        let checkpoint = self.cursor.checkpoint();
        let (mut found, mut bare) = (false, false);
        self.object("entry", |reader, key| match key {
            Name::Resource if reader.cursor.peek()? != Kind::Null => {
                found = true;
                reader.read_resource(NOBODY)
            }
            _ => {
                bare |= key == Name::ResourceType;
                reader.cursor.skip()
            }
        })?;
        if found {
            return Ok(());
        }
        self.notice_entry(NoticeCode::MissingElement, "entry.resource");
        if bare {
            // The resource was written straight into the entry (`real-data` sheet, section 2).
            self.cursor.restore(checkpoint);
            self.read_resource(NOBODY)?;
        }
        Ok(())
    }

    /// The entry that is being read, or none.
    pub(crate) fn in_entry(&self) -> Option<u32> {
        self.in_entry.then_some(self.entry)
    }

    /// Says something about the resource that is being read.
    pub(crate) fn notice(&mut self, code: NoticeCode, element: &'static str) {
        if self.resource == NOBODY && self.in_entry {
            self.notice_entry(code, element);
        } else {
            self.out.notices.add(self.resource, code, element);
        }
    }

    /// Says that an element is there and cannot be read.
    pub(crate) fn unreadable(&mut self, element: &'static str) {
        self.notice(NoticeCode::WrongJsonType, element);
        self.mark_malformed();
    }

    /// Reads the members of an object.
    #[inline]
    pub(crate) fn members(&mut self, member: impl FnMut(&mut Self, Name) -> Read<()>) -> Read<()> {
        let members = self.enter_object()?;
        self.members_of(members, member)
    }

    /// Enters the object at the cursor, unless it is begun.
    #[inline(always)]
    pub(crate) fn enter_object(&mut self) -> Read<Members> {
        match self.begun.take() {
            Some(Name::ResourceType) => Ok(self.cursor.begun_object(Name::ResourceType as u8)),
            begun => self.enter_other_object(begun),
        }
    }

    /// As [`Reader::enter_object`] of one that is no resource, or of a resource that does not say first what it is.
    #[inline(never)]
    fn enter_other_object(&mut self, begun: Option<Name>) -> Read<Members> {
        match begun {
            Some(name) => Ok(self.cursor.begun_object(name as u8)),
            None => self.cursor.enter_object(),
        }
    }

    #[inline(always)]
    fn members_of(
        &mut self,
        mut members: Members,
        mut member: impl FnMut(&mut Self, Name) -> Read<()>,
    ) -> Read<()> {
        while let Some(name) = self.next_name(&mut members)? {
            member(self, name)?;
        }
        Ok(())
    }

    /// The name of the object's next member, the cursor before its value; nothing at the end, the cursor behind it.
    #[inline(always)]
    pub(crate) fn next_name(&mut self, members: &mut Members) -> Read<Option<Name>> {
        match self.plain_name(members) {
            None if self.cursor.leave_if_over(members) => Ok(None),
            None => self.any_next_name(members),
            name => Ok(name),
        }
    }

    /// As [`Reader::next_name`] where it is a known one that needs no second look, as nearly always.
    #[inline(always)]
    fn plain_name(&mut self, members: &mut Members) -> Option<Name> {
        let key = self.cursor.plain_key(members)?;
        let name = Name::known_at(self.cursor.bytes(), key.start as usize, key.end as usize)?;
        self.cursor.pass_known_key(members, name as u8).then_some(name)
    }

    /// As [`Reader::next_name`], in any case.
    #[inline(never)]
    fn any_next_name(&mut self, members: &mut Members) -> Read<Option<Name>> {
        let Some(key) = self.cursor.any_next_member(members)? else { return Ok(None) };
        let name = match key.escaped {
            false => Name::at(self.cursor.bytes(), key.start as usize, key.end as usize),
            true => Name::of(self.cursor.unescape(key).as_bytes()),
        };
        if let Some(number) = name.number() {
            members.know(key.start, number)?;
        }
        Ok(Some(name))
    }

    /// Reads an object, or the object in a list of one.
    #[inline]
    pub(crate) fn object(
        &mut self,
        element: &'static str,
        member: impl FnMut(&mut Self, Name) -> Read<()>,
    ) -> Read<()> {
        let (members, list) = match self.cursor.enter_object_if_there()? {
            Some(members) => (members, None),
            None => match self.only_object(element)? {
                Some((members, list)) => (members, Some(list)),
                None => return Ok(()),
            },
        };
        self.members_of(members, member)?;
        match list {
            None => Ok(()),
            Some(list) => self.leave_only_item(list),
        }
    }

    /// Enters the object in the list of one that stands in its place; anything else is passed over.
    #[cold]
    fn only_object(&mut self, element: &'static str) -> Read<Option<(Members, Items)>> {
        if self.cursor.peek()? != Kind::Array {
            return self.wrong_type(element).map(|()| None);
        }
        let Some(list) = self.enter_only_item(element)? else { return Ok(None) };
        match self.cursor.enter_object_if_there()? {
            Some(members) => Ok(Some((members, list))),
            None => {
                self.wrong_type(element)?;
                self.leave_only_item(list).map(|()| None)
            }
        }
    }

    /// Reads each item of a list, or the one value that stands for a list of one.
    #[inline]
    pub(crate) fn each(
        &mut self,
        element: &'static str,
        mut item: impl FnMut(&mut Self) -> Read<()>,
    ) -> Read<()> {
        let Some(mut items) = self.cursor.enter_array_if_there()? else {
            if self.cursor.peek()? == Kind::Null {
                return self.cursor.skip();
            }
            self.notice(NoticeCode::WrongJsonType, element);
            return item(self);
        };
        while self.cursor.next_item(&mut items)? {
            if self.cursor.is_at(b'n') {
                self.cursor.skip()?;
                continue;
            }
            item(self)?;
        }
        Ok(())
    }

    /// Reads an object of nothing but plain strings, each under one of `names`; any other is left to whoever reads it member
    /// by member. Small objects are nearly all like that.
    #[inline(always)]
    pub(crate) fn strings<const N: usize>(&mut self, names: &[LeafName; N]) -> Option<[Text; N]> {
        let strings = self.cursor.strings(names)?;
        Some(self.keep_all(strings))
    }

    /// Keeps each of several strings of a small object that are there.
    #[inline(always)]
    fn keep_all<const N: usize>(&mut self, strings: [LeafString; N]) -> [Text; N] {
        let mut kept = [Text::NONE; N];
        for place in 0..N {
            kept[place] = self.keep_leaf(strings[place]);
        }
        kept
    }

    /// Keeps a string of a small object as [`Store::known`](crate::text::Store::known) gives it, so that what is known is not copied.
    #[inline(always)]
    fn keep_known(&mut self, string: LeafString) -> Text {
        let Some(lexeme) = string.lexeme() else { return Text::NONE };
        let written = &self.cursor.bytes()[lexeme.start as usize..lexeme.end as usize];
        match Text::known(written) {
            Some(text) => text,
            None => self.keep_plain(lexeme),
        }
    }

    /// Keeps a string of a small object, where there is one.
    #[inline(always)]
    fn keep_leaf(&mut self, string: LeafString) -> Text {
        match string.lexeme() {
            Some(lexeme) => self.keep_plain(lexeme),
            None => Text::NONE,
        }
    }

    /// Reads a string.
    #[inline(always)]
    pub(crate) fn text(&mut self, element: &'static str) -> Read<Text> {
        match self.cursor.plain_string_value() {
            Some(lexeme) => Ok(self.keep_plain(lexeme)),
            None => self.any_text(element),
        }
    }

    /// A kept text as codes are compared, before it is known of all the body that it is text.
    pub(crate) fn code(&self, text: Text) -> &str {
        match text.place_in_body() {
            Some(place) if self.held => {
                trimmed(self.cursor.slice(place.start - self.base, place.end - self.base))
            }
            _ => self.out.store.code(text),
        }
    }

    /// Reads a string that is not kept as it stands.
    #[inline]
    fn passing_text(&mut self, element: &'static str) -> Read<Option<Cow<'a, str>>> {
        let lexeme = match self.cursor.plain_string_value() {
            Some(lexeme) => lexeme,
            None if self.cursor.is_at(b'"') => self.cursor.string_value()?,
            None => {
                let text = self.any_text(element)?;
                return Ok(self.out.store.get(text).map(|text| Cow::Owned(text.to_owned())));
            }
        };
        Ok(Some(self.cursor.unescape(lexeme)))
    }

    /// Reads a number as the text it is written in.
    #[inline(always)]
    pub(crate) fn number(&mut self, element: &'static str) -> Read<Text> {
        self.packed_number(element).map(Text::unpacked)
    }

    #[inline(never)]
    fn packed_number(&mut self, element: &'static str) -> Read<u64> {
        match self.cursor.plain_number() {
            Some(lexeme) => Ok(self.keep_plain(lexeme).packed()),
            None => self.any_number(element).map(Text::packed),
        }
    }

    #[inline(never)]
    fn any_number(&mut self, element: &'static str) -> Read<Text> {
        match self.cursor.peek()? {
            Kind::Number => {
                let lexeme = self.cursor.number()?;
                Ok(self.keep(lexeme))
            }
            Kind::String => {
                self.notice(NoticeCode::WrongJsonType, element);
                self.text(element)
            }
            Kind::Array => {
                let Some(items) = self.enter_only_item(element)? else { return Ok(Text::NONE) };
                let text = self.number(element)?;
                self.leave_only_item(items).map(|()| text)
            }
            Kind::Null => self.cursor.skip().map(|()| Text::NONE),
            Kind::Boolean | Kind::Object => self.wrong_type(element).map(|()| Text::NONE),
        }
    }

    /// Reads a boolean; the strings `true` and `false` are read and noticed.
    pub(crate) fn boolean(&mut self, element: &'static str) -> Read<Option<bool>> {
        match self.cursor.peek()? {
            Kind::Boolean => {
                let lexeme = self.cursor.literal()?;
                Ok(Some(lexeme.end - lexeme.start == 4))
            }
            Kind::String => {
                self.notice(NoticeCode::WrongJsonType, element);
                let lexeme = self.cursor.string_value()?;
                Ok(match &*self.cursor.unescape(lexeme) {
                    "true" => Some(true),
                    "false" => Some(false),
                    _ => {
                        self.mark_malformed();
                        None
                    }
                })
            }
            Kind::Array => {
                let Some(items) = self.enter_only_item(element)? else { return Ok(None) };
                let value = self.boolean(element)?;
                self.leave_only_item(items).map(|()| value)
            }
            Kind::Null => self.cursor.skip().map(|()| None),
            _ => self.wrong_type(element).map(|()| None),
        }
    }

    /// The string value of the member that says what the object at the cursor is. It nearly always comes first: then
    /// the object is begun, for [`Reader::members`] to go on with; else the cursor stays before it.
    #[inline(always)]
    fn begin_object(&mut self, name: Name) -> Option<Lexeme> {
        self.begin_with_first(name).or_else(|| self.look_for(name))
    }

    /// As [`Reader::begin_object`], where it does come first.
    #[inline(always)]
    fn begin_with_first(&mut self, name: Name) -> Option<Lexeme> {
        let value = self.cursor.begin_object(name.as_str())?;
        self.begun = Some(name);
        Some(value)
    }

    /// The string value of a member of the object at the cursor, which stays there.
    #[inline(never)]
    fn look_for(&mut self, name: Name) -> Option<Lexeme> {
        self.cursor.own_string(name.as_str()).or_else(|| self.pass_to(name))
    }

    /// As [`Reader::look_for`], passing what stands before the member.
    #[cold]
    fn pass_to(&mut self, name: Name) -> Option<Lexeme> {
        let checkpoint = self.cursor.checkpoint();
        let found = match self.cursor.pass_to_member(name.as_str()) {
            Ok(true) => self.find_string(name.as_str()).ok().flatten(),
            // A fault on the way is told by who reads the object now: there may be another before it.
            Ok(false) | Err(_) => None,
        };
        self.cursor.restore(checkpoint);
        found
    }

    /// The string at the cursor, or in a list of one.
    fn find_string(&mut self, element: &'static str) -> Read<Option<Lexeme>> {
        match self.cursor.peek()? {
            Kind::String => self.cursor.string().map(Some),
            Kind::Array => {
                let mut items = self.cursor.enter_array()?;
                if !self.cursor.next_item(&mut items)? || self.cursor.peek()? != Kind::String {
                    return Ok(None);
                }
                let only = self.cursor.string()?;
                let more = self.cursor.next_item(&mut items)?;
                self.notice(NoticeCode::WrongJsonType, element);
                Ok((!more).then_some(only))
            }
            _ => Ok(None),
        }
    }

    /// Enters a list of one in the place of its item; a longer or an empty list is passed over. Noticed either
    /// way.
    #[cold]
    fn enter_only_item(&mut self, element: &'static str) -> Read<Option<Items>> {
        self.notice(NoticeCode::WrongJsonType, element);
        let checkpoint = self.cursor.checkpoint();
        let mut count = 0;
        let mut items = self.cursor.enter_array()?;
        while self.cursor.next_item(&mut items)? {
            self.cursor.skip()?;
            count += 1;
        }
        if count != 1 {
            self.mark_malformed();
            return Ok(None);
        }
        self.cursor.restore(checkpoint);
        let mut items = self.cursor.enter_array()?;
        self.cursor.next_item(&mut items)?;
        Ok(Some(items))
    }

    fn leave_only_item(&mut self, mut items: Items) -> Read<()> {
        self.cursor.next_item(&mut items).map(drop)
    }

    #[inline(never)]
    fn any_text(&mut self, element: &'static str) -> Read<Text> {
        match self.cursor.peek()? {
            Kind::String => {
                let lexeme = self.cursor.string_value()?;
                Ok(self.keep(lexeme))
            }
            Kind::Number => {
                self.notice(NoticeCode::WrongJsonType, element);
                let lexeme = self.cursor.number()?;
                Ok(self.keep(lexeme))
            }
            Kind::Boolean => {
                self.notice(NoticeCode::WrongJsonType, element);
                let lexeme = self.cursor.literal()?;
                Ok(self.keep(lexeme))
            }
            Kind::Array => {
                let Some(items) = self.enter_only_item(element)? else { return Ok(Text::NONE) };
                let text = self.text(element)?;
                self.leave_only_item(items).map(|()| text)
            }
            Kind::Null => self.cursor.skip().map(|()| Text::NONE),
            Kind::Object => self.wrong_type(element).map(|()| Text::NONE),
        }
    }

    #[cold]
    fn wrong_type(&mut self, element: &'static str) -> Read<()> {
        if self.cursor.peek()? != Kind::Null {
            self.notice(NoticeCode::WrongJsonType, element);
            self.mark_malformed();
        }
        self.cursor.skip()
    }

    fn mark_malformed(&mut self) {
        if (self.resource as usize) < self.out.resources.len() {
            self.out.malformed.push(self.resource);
        }
    }

    #[cold]
    fn notice_entry(&mut self, code: NoticeCode, element: &'static str) {
        self.out.notices.add_entry(self.entry, code, element);
    }

    #[inline(always)]
    fn keep(&mut self, lexeme: Lexeme) -> Text {
        match lexeme.escaped {
            true => self.copy_unescaped(lexeme),
            false => self.keep_plain(lexeme),
        }
    }

    /// Keeps a string without an escape.
    #[inline(always)]
    fn keep_plain(&mut self, lexeme: Lexeme) -> Text {
        match self.out.store.borrow(self.base + lexeme.start as usize, lexeme.length()) {
            Some(text) => text,
            None => self.copy(lexeme),
        }
    }

    /// Where a string without an escape stands in the body.
    #[inline(always)]
    fn place_of(&self, lexeme: Lexeme) -> Option<usize> {
        Some(self.base + lexeme.start as usize)
    }

    #[inline(never)]
    fn copy_unescaped(&mut self, lexeme: Lexeme) -> Text {
        self.out.store.copy(&self.cursor.unescape(lexeme))
    }

    #[inline(never)]
    fn copy(&mut self, lexeme: Lexeme) -> Text {
        self.out.store.keep(self.cursor.written(lexeme))
    }
}
