//! JSON as `serde_json` takes it, held to the policy of the `security` sheet (T-03 to T-06): each way in which a
//! document is refused that `serde_json` would take has a name here.

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// A value, with the text it was written in: numbers and dosages are kept as sent.
pub struct Json<'b> {
    pub raw: &'b str,
    pub value: Value<'b>,
}

/// What a value is.
pub enum Value<'b> {
    Null,
    Boolean(bool),
    Number,
    Text(String),
    List(Vec<Json<'b>>),
    Object(Vec<(String, Json<'b>)>),
}

/// The members of an object, in the order sent.
pub type Members<'j, 'b> = &'j [(String, Json<'b>)];

/// Why a document is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `serde_json` refuses it, or it is not UTF-8, or it holds a lone surrogate.
    NotJson,
    /// A key twice in one object, which `serde_json` takes: T-06.
    KeyTwice,
    /// More than 64 levels, of which `serde_json` takes 127: T-03.
    TooDeep,
    /// More than 512 keys in an object: T-04.
    TooManyKeys,
    /// A string of more than 1 MiB: T-05.
    StringTooLong,
    /// A number of more than 64 characters: T-05.
    NumberTooLong,
    /// JSON of something else than a bundle.
    NotABundle,
}

/// The tree of a document.
pub fn parse(bytes: &[u8]) -> Result<Json<'_>, Refusal> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::NotJson)?;
    let whole: &RawValue = serde_json::from_str(text).map_err(|_| Refusal::NotJson)?;
    tree(whole.get(), 1)
}

fn tree(raw: &str, depth: u32) -> Result<Json<'_>, Refusal> {
    let value = match raw.as_bytes()[0] {
        b'{' | b'[' if depth > 64 => return Err(Refusal::TooDeep),
        b'{' => Value::Object(object(raw, depth)?),
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| Refusal::NotJson)?;
            Value::List(items.into_iter().map(|item| tree(item.get(), depth + 1)).collect::<Result<_, _>>()?)
        }
        b'"' if raw.len() - 2 > 1 << 20 => return Err(Refusal::StringTooLong),
        b'"' => Value::Text(serde_json::from_str(raw).map_err(|_| Refusal::NotJson)?),
        b't' | b'f' => Value::Boolean(raw == "true"),
        b'n' => Value::Null,
        _ if raw.len() > 64 => return Err(Refusal::NumberTooLong),
        _ => Value::Number,
    };
    Ok(Json { raw, value })
}

fn object(raw: &str, depth: u32) -> Result<Vec<(String, Json<'_>)>, Refusal> {
    let sent =
        serde_json::Deserializer::from_str(raw).deserialize_map(Shallow).map_err(|_| Refusal::NotJson)?;
    let mut members: Vec<(String, Json<'_>)> = Vec::new();
    for (key, value) in sent {
        if members.iter().any(|(known, _)| *known == key) {
            return Err(Refusal::KeyTwice);
        }
        members.push((key, tree(value.get(), depth + 1)?));
        if members.len() > 512 {
            return Err(Refusal::TooManyKeys);
        }
    }
    Ok(members)
}

/// The members of one object, their values unread.
struct Shallow;

impl<'de> Visitor<'de> for Shallow {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

/// The member of an object, null or not.
pub fn get<'j, 'b>(members: Members<'j, 'b>, key: &str) -> Option<&'j Json<'b>> {
    members.iter().find(|(known, _)| known == key).map(|(_, value)| value)
}

/// Whether two values say the same: the order of members does not count, and a number counts as written.
pub fn is_same(one: &Json<'_>, other: &Json<'_>) -> bool {
    match (&one.value, &other.value) {
        (Value::Text(one), Value::Text(other)) => one == other,
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has_same = |(key, value): &(String, Json<'_>)| {
                get(other, key).is_some_and(|of_other| is_same(value, of_other))
            };
            one.len() == other.len() && one.iter().all(has_same)
        }
        (
            Value::Number | Value::Boolean(_) | Value::Null,
            Value::Number | Value::Boolean(_) | Value::Null,
        ) => one.raw == other.raw,
        _ => false,
    }
}

/// The text of a value without the white space between its tokens.
pub fn compact(raw: &str) -> String {
    let mut out = String::new();
    let (mut inside, mut after_backslash) = (false, false);
    for character in raw.chars() {
        if !inside && " \t\r\n".contains(character) {
            continue;
        }
        out.push(character);
        if after_backslash {
            after_backslash = false;
        } else if character == '"' {
            inside = !inside;
        } else if inside && character == '\\' {
            after_backslash = true;
        }
    }
    out
}
