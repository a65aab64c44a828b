//! Typed access to JSON, tolerant of what can be read without guessing (contract rule 1): one object for a list of
//! one, a list of one for its item, a number or boolean for its text and the reverse. Each is a notice
//! `wrong_json_type`; what cannot be read is absent, noticed, and marks its resource as malformed.

use super::findings::{About, Findings};
use super::json::{Json, Members, Value, get};

/// Reads the elements of one resource.
pub struct Reader<'f> {
    pub findings: &'f mut Findings,
    pub about: About,
}

impl Reader<'_> {
    fn read_all_the_same(&mut self) {
        self.findings.say_of(self.about, "wrong_json_type");
    }

    fn cannot_read(&mut self) {
        self.read_all_the_same();
        self.findings.mark(self.about);
    }

    /// The item of a list of one, noticed; nothing of a longer or an empty list.
    fn only<'j, 'b>(&mut self, items: &'j [Json<'b>]) -> Option<&'j Json<'b>> {
        match items {
            [only] => {
                self.read_all_the_same();
                Some(only)
            }
            _ => {
                self.cannot_read();
                None
            }
        }
    }

    /// A string.
    pub fn text(&mut self, value: Option<&Json<'_>>) -> Option<String> {
        let value = value?;
        match &value.value {
            Value::Text(text) => Some(text.clone()),
            Value::Number | Value::Boolean(_) => {
                self.read_all_the_same();
                Some(value.raw.to_owned())
            }
            Value::List(items) => {
                let only = self.only(items);
                self.text(only)
            }
            Value::Null => None,
            Value::Object(_) => {
                self.cannot_read();
                None
            }
        }
    }

    /// A number, its characters as sent.
    pub fn number(&mut self, value: Option<&Json<'_>>) -> Option<String> {
        let value = value?;
        match &value.value {
            Value::Number => Some(value.raw.to_owned()),
            Value::Text(text) => {
                self.read_all_the_same();
                Some(text.clone())
            }
            Value::List(items) => {
                let only = self.only(items);
                self.number(only)
            }
            Value::Null => None,
            Value::Boolean(_) | Value::Object(_) => {
                self.cannot_read();
                None
            }
        }
    }

    /// A count: a whole number, also one written with a fraction of nothing.
    pub fn count(&mut self, value: Option<&Json<'_>>) -> Option<u32> {
        let text = self.number(value)?;
        let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
        let is_whole = !fraction.is_empty() && fraction.chars().all(|digit| digit == '0');
        let count = whole.parse().ok().filter(|_| is_whole);
        if count.is_none() {
            self.cannot_read();
        }
        count
    }

    /// A boolean.
    pub fn boolean(&mut self, value: Option<&Json<'_>>) -> Option<bool> {
        match &value?.value {
            Value::Boolean(value) => Some(*value),
            Value::Text(text) if text == "true" || text == "false" => {
                self.read_all_the_same();
                Some(text == "true")
            }
            Value::List(items) => {
                let only = self.only(items);
                self.boolean(only)
            }
            Value::Null => None,
            Value::Text(_) | Value::Number | Value::Object(_) => {
                self.cannot_read();
                None
            }
        }
    }

    /// The members of an object; none of one that is absent or cannot be read.
    pub fn object<'j, 'b>(&mut self, value: Option<&'j Json<'b>>) -> Members<'j, 'b> {
        match value.map(|value| &value.value) {
            Some(Value::Object(members)) => members,
            Some(Value::List(items)) => match self.only(items).map(|only| &only.value) {
                Some(Value::Object(members)) => members,
                Some(Value::Null) | None => &[],
                Some(_) => {
                    self.cannot_read();
                    &[]
                }
            },
            Some(Value::Null) | None => &[],
            Some(_) => {
                self.cannot_read();
                &[]
            }
        }
    }

    /// The items of a list, nulls passed over.
    pub fn each<'j, 'b>(&mut self, value: Option<&'j Json<'b>>) -> Vec<&'j Json<'b>> {
        match value.map(|value| (value, &value.value)) {
            Some((_, Value::List(items))) => {
                items.iter().filter(|item| !matches!(item.value, Value::Null)).collect()
            }
            Some((_, Value::Null)) | None => Vec::new(),
            Some((value, _)) => {
                self.read_all_the_same();
                vec![value]
            }
        }
    }

    /// The items of a list of strings.
    pub fn texts(&mut self, value: Option<&Json<'_>>) -> Vec<String> {
        let items = self.each(value);
        items.into_iter().filter_map(|item| self.text(Some(item))).collect()
    }

    /// The extensions of an element, each with the name that its URL ends in and its members.
    pub fn extensions<'j, 'b>(&mut self, element: Members<'j, 'b>) -> Vec<Extension<'j, 'b>> {
        let mut extensions = Vec::new();
        for item in self.each(get(element, "extension")) {
            let Value::Object(members) = &item.value else {
                self.cannot_read();
                continue;
            };
            if let Some(url) = self.url(get(members, "url")) {
                extensions.push(Extension { name: extension_name(&url), url, members });
            }
        }
        extensions
    }

    /// The URL of an extension. Without one an extension means nothing, so nothing is said of one that is no text.
    pub fn url(&mut self, value: Option<&Json<'_>>) -> Option<String> {
        match &value?.value {
            Value::Text(url) => Some(url.clone()),
            Value::List(items) => match items.first().map(|item| &item.value) {
                Some(Value::Text(url)) => {
                    self.read_all_the_same();
                    (items.len() == 1).then(|| url.clone())
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// An extension that has a URL.
pub struct Extension<'j, 'b> {
    /// The last part of the URL, in lower case, without prefixes and version (`bundle` sheet, section 12).
    pub name: String,
    url: String,
    pub members: Members<'j, 'b>,
}

impl<'j, 'b> Extension<'j, 'b> {
    /// Its values with their keys: there should be one.
    pub fn values(&self) -> impl Iterator<Item = (&'j str, &'j Json<'b>)> + use<'j, 'b> {
        let values = self.members.iter().filter(|(key, _)| key.starts_with("value"));
        values.map(|(key, value)| (key.as_str(), value))
    }

    /// Whether the URL is a name inside another extension.
    pub fn is_named(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.url.eq_ignore_ascii_case(name))
    }
}

fn extension_name(url: &str) -> String {
    let last = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default().trim().to_ascii_lowercase();
    // What stands before the name ends in a hyphen, and so does the name where a version follows.
    let has_letters = |part: &&str| part.contains(|character: char| character.is_ascii_alphabetic());
    last.rsplit('-').find(has_letters).unwrap_or_default().to_owned()
}
