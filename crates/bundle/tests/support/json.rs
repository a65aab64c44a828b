//! JSON as a tree that is written in any of its layouts: order of keys, white space, escapes.

use std::borrow::Cow;

use super::random::Random;

/// A JSON value.
#[derive(Debug, Clone)]
pub enum Json {
    /// A string by its characters; how it is escaped is the writer's choice.
    Text(String),
    /// A number, a word or anything else that is written as it stands.
    Raw(Cow<'static, str>),
    List(Vec<Json>),
    Object(Vec<(Cow<'static, str>, Json)>),
}

/// How JSON is written.
#[derive(Clone, Copy, Default)]
pub struct Layout {
    /// Keys of every object in another order.
    pub shuffled: bool,
    /// White space between tokens.
    pub spaced: bool,
    /// Escapes where none are needed.
    pub escaped: bool,
}

impl Json {
    pub fn null() -> Self {
        Self::raw("null")
    }

    pub fn raw(text: &'static str) -> Self {
        Self::Raw(Cow::Borrowed(text))
    }

    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// An object of these members.
    pub fn object<const N: usize>(members: [(&'static str, Self); N]) -> Self {
        Self::Object(members.into_iter().map(|(key, value)| (Cow::Borrowed(key), value)).collect())
    }

    /// Puts a member into an object.
    pub fn put(&mut self, key: &'static str, value: Self) {
        if let Self::Object(members) = self {
            members.push((Cow::Borrowed(key), value));
        }
    }

    /// Does something to every object inside, this one first.
    pub fn each_object(&mut self, act: &mut impl FnMut(&mut Vec<(Cow<'static, str>, Self)>)) {
        match self {
            Self::Object(members) => {
                act(members);
                members.iter_mut().for_each(|(_, value)| value.each_object(act));
            }
            Self::List(items) => items.iter_mut().for_each(|item| item.each_object(act)),
            Self::Text(_) | Self::Raw(_) => {}
        }
    }

    /// The text of it.
    pub fn write(&self, layout: Layout, random: &mut Random) -> String {
        let mut out = String::with_capacity(4096);
        Writer { layout, random, out: &mut out }.value(self);
        out
    }
}

struct Writer<'w> {
    layout: Layout,
    random: &'w mut Random,
    out: &'w mut String,
}

impl Writer<'_> {
    fn value(&mut self, value: &Json) {
        match value {
            Json::Text(text) => self.text(text),
            Json::Raw(text) => self.out.push_str(text),
            Json::List(items) => {
                self.token('[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        self.token(',');
                    }
                    self.value(item);
                    self.space();
                }
                self.out.push(']');
            }
            Json::Object(members) => self.object(members),
        }
    }

    fn object(&mut self, members: &[(Cow<'static, str>, Json)]) {
        let mut order: Vec<&(Cow<'static, str>, Json)> = members.iter().collect();
        if self.layout.shuffled {
            self.random.shuffle(&mut order);
        }
        self.token('{');
        for (position, (key, value)) in order.into_iter().enumerate() {
            if position > 0 {
                self.token(',');
            }
            self.text(key);
            self.space();
            self.token(':');
            self.value(value);
            self.space();
        }
        self.out.push('}');
    }

    fn token(&mut self, token: char) {
        self.out.push(token);
        self.space();
    }

    fn space(&mut self) {
        if self.layout.spaced && self.random.chance(20) {
            let space = self.random.pick(&[" ", "\n", "\r\n", "\t", "    ", "\n\t\t "]);
            self.out.push_str(space);
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            let wanted = self.layout.escaped && self.random.chance(3);
            match character {
                '"' | '\\' | '\u{0}'..='\u{1f}' => self.escape(character),
                _ if wanted => self.escape(character),
                _ => self.out.push(character),
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, character: char) {
        let short = match character {
            '"' => Some('"'),
            '\\' => Some('\\'),
            '/' => Some('/'),
            '\u{8}' => Some('b'),
            '\u{c}' => Some('f'),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            _ => None,
        };
        if let Some(short) = short.filter(|_| self.random.chance(70)) {
            self.out.push('\\');
            self.out.push(short);
            return;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            let digits =
                if self.random.chance(50) { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
            self.out.push_str(&digits);
        }
    }
}
