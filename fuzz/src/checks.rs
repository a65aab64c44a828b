//! What each fuzz target promises for every input, and the corpus test of `crates/bundle` with it.
//!
//! A promise that does not hold is a panic.
#![allow(dead_code, unreachable_pub)]

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{RecordBatch, UInt32Array};
use bedside_bundle::{BundleError, Feed, Options, Record, normalise};
use bedside_model::schema::Table;
use bedside_model::{Day, day_interval};
use serde::Deserializer;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Any bytes, as the body of an answer: whole, in pieces and behind white space it is the same record or refused each time,
/// and every resource is accounted for.
pub fn bundle_to_rows(bytes: &[u8]) {
    let whole = normalise(bytes, &options());
    let pieces = 1 + bytes.iter().fold(0usize, |sum, byte| sum.wrapping_mul(31) ^ usize::from(*byte)) % 97;
    let fed = in_pieces(bytes, pieces);
    match (&whole, normalise(&across_windows(bytes), &options())) {
        (Ok(whole), Ok(mut moved)) => {
            moved.envelope.bytes = whole.envelope.bytes;
            assert_same(whole, &moved);
        }
        (whole, moved) => assert_eq!(whole.is_ok(), moved.is_ok(), "behind white space"),
    }
    match (whole, fed) {
        (Ok(whole), Ok(fed)) => {
            assert_same(&whole, &fed);
            assert_accounted(&whole);
        }
        (Err(whole), Err(fed)) => {
            assert!(!whole.to_string().contains('\n'), "one line: {whole}");
            assert!(!fed.to_string().contains('\n'), "one line: {fed}");
        }
        (Ok(_), Err(error)) => panic!("read whole and refused in pieces of {pieces}: {error}"),
        (Err(error), Ok(_)) => panic!("refused whole and read in pieces of {pieces}: {error}"),
    }
}

/// Any bytes, as a member of a bundle that no table reads: accepted and refused as `serde_json` does, but for the
/// differences that are policy (`security` sheet, T-03 to T-06): a key twice in one object, depth and the caps.
pub fn scanner(bytes: &[u8]) {
    let body = [br#"{"resourceType":"Bundle","type":"collection","x":"#.as_slice(), bytes, b"}"].concat();
    let verdict = verdict(&body);
    let said = normalise(&body, &options());
    match (&verdict, &said) {
        (Verdict::Json, Ok(_)) | (Verdict::NotJson, Err(BundleError::NotJson { .. })) => {}
        (Verdict::Refused, Err(_)) => {}
        // What no reader of JSON alone can know: lists that hold each other too often.
        (_, Err(BundleError::Limit { what, .. })) if what.starts_with("consultations") => {}
        _ => panic!("{verdict:?} by serde_json and the policy, found {:?}", said.err()),
    }
    assert_eq!(in_pieces(&body, 7).is_ok(), said.is_ok(), "whole and in pieces");
    assert_eq!(normalise(&across_windows(&body), &options()).is_ok(), said.is_ok(), "behind white space");
}

/// Any text, as a date: read where a date of FHIR is, as the days it names.
pub fn dates(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let found = day_interval(text);
    assert_eq!(found.is_some(), is_fhir_date(text), "{text:?}");
    let Some((from, to)) = found else { return };
    assert!(from <= to);
    let (from, to) = (from.to_string(), to.to_string());
    let day = text.get(..text.len().min(10)).unwrap_or_default();
    assert!(from.starts_with(day) && to.starts_with(day), "{text:?} gives {from} to {to}");
    match day.len() {
        4 => assert_eq!((&from[4..], &to[4..]), ("-01-01", "-12-31")),
        7 => assert!(from.ends_with("-01") && to == last_of_month(day), "{text:?} ends {to}"),
        _ => assert_eq!(from, to),
    }
}

/// The day for which every check computes classes.
pub fn options() -> Options {
    Options::new(Day::new(2026, 1, 15).expect("a day of the calendar"))
}

/// The body behind so much white space that an end of a window, of which the parser looks at 16 KiB at a time, falls
/// anywhere in it.
fn across_windows(bytes: &[u8]) -> Vec<u8> {
    let sum = bytes.iter().fold(0usize, |sum, byte| sum.wrapping_mul(33) ^ usize::from(*byte));
    let space = (16 << 10) - sum % bytes.len().clamp(1, 16 << 10);
    let (mark, text) = bytes.split_at(if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 });
    [mark, &vec![b' '; space], text].concat()
}

/// The record of a body that arrives in pieces of a size.
pub fn in_pieces(bytes: &[u8], size: usize) -> Result<Record, BundleError> {
    let mut feed = Feed::new(options());
    bytes.chunks(size).try_for_each(|piece| feed.push(piece))?;
    feed.finish()
}

/// Two readings of one body are one record.
pub fn assert_same(one: &Record, other: &Record) {
    assert_eq!(one.accounting, other.accounting);
    assert_eq!(one.envelope, other.envelope);
    assert_eq!(one.notices, other.notices);
    for ((table, one), (_, other)) in one.tables().zip(other.tables()) {
        assert!(one == other, "{}", table.as_str());
    }
}

fn entries_of(batch: &RecordBatch) -> &UInt32Array {
    batch.column_by_name("entry_index").expect("a column of every table").as_primitive::<UInt32Type>()
}

/// Contract rule 1: every resource seen is a row, context or outside the tables, and none is dropped.
pub fn assert_accounted(record: &Record) {
    for (kind, account) in &record.accounting {
        assert_eq!(account.normalised + account.context + account.unmapped, account.seen, "{kind}");
    }
    let rows = |table| record.table(table).num_rows() as u32;
    let normalised = |kind: &str| record.accounting.get(kind).map_or(0, |account| account.normalised);
    let notices = record.table(Table::Notices);
    let mut codes = notices.column_by_name("code").expect("a column").as_string::<i32>().iter().flatten();
    if codes.all(|code| code != "duplicate_resource") {
        assert_eq!(rows(Table::Allergies), normalised("AllergyIntolerance"));
        assert_eq!(rows(Table::Problems), normalised("Condition"));
        assert_eq!(rows(Table::Consultations), normalised("Encounter"));
        assert!(rows(Table::Medications) >= normalised("MedicationStatement"));
        let authorised = rows(Table::MedicationIssues) + rows(Table::Medications);
        assert!(authorised <= normalised("MedicationStatement") + normalised("MedicationRequest"));
    }
    assert_eq!(rows(Table::Sections), 10);
    assert_eq!(record.notices.values().sum::<usize>(), notices.num_rows());
    for (table, batch) in record.tables() {
        let inside = entries_of(batch).iter().flatten().all(|entry| entry < record.envelope.entries);
        assert!(inside, "an entry of {} is beyond the bundle", table.as_str());
    }
}

/// What a document is, by `serde_json` and the policy.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Json,
    NotJson,
    /// JSON, but for a limit; or both broken and beyond a limit, where either may be met first.
    Refused,
}

fn verdict(body: &[u8]) -> Verdict {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut limited = false;
    let grammar = std::str::from_utf8(body)
        .ok()
        .and_then(|text| serde_json::from_str::<&RawValue>(text).ok())
        .is_some_and(|value| is_sound(value.get(), 1, &mut limited));
    match (grammar, limited || exceeds_a_cap(body)) {
        (_, true) => Verdict::Refused,
        (true, false) => Verdict::Json,
        (false, false) => Verdict::NotJson,
    }
}

/// A text that is broken may still be found too deep first, or a number in it too long.
fn exceeds_a_cap(body: &[u8]) -> bool {
    let digits = |byte: &u8| b"+-.eE0123456789".contains(byte);
    let long_number = body.chunk_by(|one, next| digits(one) == digits(next)).any(|run| run.len() > 64);
    let opened = body.iter().filter(|byte| b"[{".contains(byte)).count();
    let separators = body.iter().filter(|byte| b",".contains(byte)).count();
    let broken = serde_json::from_slice::<&RawValue>(body).is_err();
    broken && (long_number || opened > 64 || separators > 511)
}

/// What `serde_json` leaves unchecked in a raw value: surrogates, and keys that stand twice. Says apart whether a
/// limit is broken.
fn is_sound(text: &str, depth: u32, limited: &mut bool) -> bool {
    match text.as_bytes()[0] {
        b'"' => serde_json::from_str::<String>(text).is_ok(),
        b'{' => {
            *limited |= depth > 64;
            *limited
                || serde_json::Deserializer::from_str(text).deserialize_map(Inside { depth, limited }).is_ok()
        }
        b'[' => {
            *limited |= depth > 64;
            *limited
                || serde_json::Deserializer::from_str(text).deserialize_seq(Inside { depth, limited }).is_ok()
        }
        b'-' | b'0'..=b'9' => {
            *limited |= text.len() > 64;
            true
        }
        _ => true,
    }
}

struct Inside<'l> {
    depth: u32,
    limited: &'l mut bool,
}

impl<'de> Visitor<'de> for Inside<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = std::collections::HashSet::new();
        while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
            if !keys.insert(key) || !is_sound(value.get(), self.depth + 1, self.limited) {
                return Err(A::Error::custom("unsound"));
            }
        }
        *self.limited |= keys.len() > 512;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element::<&RawValue>()? {
            if !is_sound(value.get(), self.depth + 1, self.limited) {
                return Err(A::Error::custom("unsound"));
            }
        }
        Ok(())
    }
}

/// The dates of contract rule 3, by their pattern alone: a second reading of the rule, not a copy of the first.
fn is_fhir_date(text: &str) -> bool {
    let shape: String =
        text.chars().map(|character| if character.is_ascii_digit() { '9' } else { character }).collect();
    let date = |length: usize| text.is_char_boundary(length) && is_calendar_date(&text[..length]);
    match shape.as_str() {
        "9999" => date(4),
        "9999-99" => date(7),
        "9999-99-99" => date(10),
        _ if shape.starts_with("9999-99-99T") => date(10) && is_fhir_time(&text[11..], &shape[11..]),
        _ => false,
    }
}

fn is_calendar_date(date: &str) -> bool {
    let parts: Vec<u32> = date.split('-').map(|part| part.parse().unwrap_or(0)).collect();
    let month = parts.get(1).copied().unwrap_or(1);
    let day = parts.get(2).copied().unwrap_or(1);
    parts[0] > 0 && (1..=12).contains(&month) && (1..=length_of_month(parts[0], month)).contains(&day)
}

fn is_fhir_time(time: &str, shape: &str) -> bool {
    let zone = shape.find(['Z', '+', '-']).unwrap_or(shape.len());
    let (clock, offset) = (&shape[..zone], &time[zone..]);
    let clock = match clock.split_once('.') {
        Some((clock, fraction)) => {
            clock == "99:99:99" && !fraction.is_empty() && fraction.chars().all(|digit| digit == '9')
        }
        None => clock == "99:99" || clock == "99:99:99",
    };
    let part =
        |text: &str, from: usize| text.get(from..from + 2).and_then(|part| part.parse().ok()).unwrap_or(0u32);
    let in_day = clock && part(time, 0) < 24 && part(time, 3) < 60 && part(time, 6) <= 60;
    let in_zone = match &shape[zone..] {
        "" | "Z" => true,
        "+99:99" | "-99:99" => part(offset, 4) < 60 && part(offset, 1) * 60 + part(offset, 4) <= 840,
        _ => false,
    };
    in_day && in_zone
}

fn length_of_month(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(400) || (year.is_multiple_of(4) && !year.is_multiple_of(100));
    [31, 28 + u32::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1]
}

fn last_of_month(month: &str) -> String {
    let (year, number) = month.split_once('-').unwrap_or((month, "1"));
    let last = length_of_month(year.parse().unwrap_or(0), number.parse().unwrap_or(1));
    format!("{month}-{last:02}")
}
