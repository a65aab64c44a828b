use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one JSON object in which no field is given twice: with two `nhs_number`s, the one that a reader
/// happens to keep decides whose record is fetched.
///
/// # Errors
/// What is wrong and in which column, never a value.
pub fn json_object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(bytes) {
        Ok(Strict(Value::Object(object))) => Ok(object),
        Ok(_) => Err("must be a JSON object".to_owned()),
        // The message of the parser may quote what it read; its position does not.
        Err(error) if error.is_data() => Err(format!("a field is given twice, at column {}", error.column())),
        Err(error) => Err(format!("not JSON from column {}", error.column())),
    }
}

/// Reads a TOML document as an object; TOML itself refuses a key that is given twice.
///
/// # Errors
/// What is wrong and in which line, never a value.
pub fn toml_table(text: &str) -> Result<Map<String, Value>, String> {
    let table = text.parse::<toml::Table>().map_err(|error| {
        let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or_default());
        format!("not TOML in line {}", before.matches('\n').count() + 1)
    })?;
    match serde_json::to_value(table) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err("must be a TOML table".to_owned()),
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("repeated"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_field_is_refused_at_any_depth_without_its_name_or_value() {
        for text in [r#"{"secret":"x","secret":"y"}"#, r#"{"a":[{"secret":1,"b":2,"secret":1}]}"#] {
            let problem = json_object(text.as_bytes()).expect_err("repeated");
            assert!(problem.starts_with("a field is given twice"), "{problem}");
            assert!(!problem.contains("secret"));
        }
    }

    #[test]
    fn a_toml_error_gives_its_line() {
        assert_eq!(toml_table("[a]\nb = 1\nb = 2\n"), Err("not TOML in line 3".to_owned()));
        assert_eq!(toml_table("[a]\nb = 1").map(|table| table["a"]["b"].clone()), Ok(Value::from(1)));
    }

    #[test]
    fn what_is_not_an_object_is_refused_with_its_column() {
        assert_eq!(json_object(b"[1]"), Err("must be a JSON object".to_owned()));
        let problem = json_object(br#"{"family": Smith}"#).expect_err("not JSON");
        assert!(problem.starts_with("not JSON from column 1"), "{problem}");
        assert!(!problem.contains("Smith"));
        assert!(json_object(br#"{"a":1} {"b":2}"#).is_err(), "two objects on one line");
    }
}
