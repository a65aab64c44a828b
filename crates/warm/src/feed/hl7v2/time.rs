//! Times as HL7 version 2 writes them: `YYYYMMDDHHMM[SS[.S[S[S[S]]]]][+/-ZZZZ]` (HL7 v2.5.1, section 2.A.22).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

/// The day of a date or a time, as FHIR writes a day.
pub(super) fn day(text: &str) -> Option<String> {
    let (time, _) = split_offset(text)?;
    let digits = time.split('.').next()?;
    date(digits).map(|date| date.to_string())
}

/// An instant that is exact to the minute at least, in RFC 3339; one without its offset is in `zone`. Of an hour that
/// comes twice when clocks go back it is the first: a trace is not younger than it may be.
pub(super) fn instant(text: &str, zone: &TimeZone) -> Option<String> {
    let (time, offset) = split_offset(text)?;
    let local = date_time(time)?;
    let at = match offset {
        Some(offset) => offset.to_timestamp(local).ok()?,
        // A time that clocks jump over when they go forward never was.
        None => match zone.to_ambiguous_timestamp(local) {
            never if matches!(never.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) => return None,
            once_or_twice => once_or_twice.earlier().ok()?,
        },
    };
    Some(at.to_string())
}

fn split_offset(text: &str) -> Option<(&str, Option<Offset>)> {
    let Some(sign) = text.find(['+', '-']) else { return Some((text, None)) };
    let (time, offset) = text.split_at_checked(sign)?;
    let digits = offset.get(1..)?;
    if digits.len() != 4 {
        return None;
    }
    let (hours, minutes) = (number(digits.get(..2)?)?, number(digits.get(2..)?)?);
    if minutes >= 60 {
        return None;
    }
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    let seconds = if offset.starts_with('-') { -seconds } else { seconds };
    Some((time, Some(Offset::from_seconds(seconds).ok()?)))
}

fn date_time(text: &str) -> Option<DateTime> {
    let (digits, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fraction_is_one = (1..=4).contains(&fraction.len()) && number(fraction).is_some();
    if !fraction_is_one || !(digits.len() == 12 || digits.len() == 14) {
        return None;
    }
    let part = |from| number(digits.get(from..from + 2)?)?.try_into().ok();
    let second = if digits.len() == 14 { part(12)? } else { 0 };
    let time = Time::new(part(8)?, part(10)?, second, 0).ok()?;
    Some(date(digits)?.to_datetime(time))
}

/// The date at the beginning of eight, twelve or fourteen digits.
fn date(digits: &str) -> Option<Date> {
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = (number(&digits[..4])?, number(&digits[4..6])?, number(&digits[6..8])?);
    Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()
}

/// A number of digits alone.
fn number(digits: &str) -> Option<i16> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZoneDatabase;

    use super::*;

    fn london(text: &str) -> Option<String> {
        instant(text, &TimeZoneDatabase::bundled().get("Europe/London").expect("bundled"))
    }

    #[test]
    fn a_time_without_its_offset_is_in_the_sites_zone() {
        for (text, at) in [
            ("202601150930", "2026-01-15T09:30:00Z"),
            ("20260715093005", "2026-07-15T08:30:05Z"),
            ("20260715093005.1234", "2026-07-15T08:30:05Z"),
            ("20260715093005+0000", "2026-07-15T09:30:05Z"),
            ("202607150930-0130", "2026-07-15T11:00:00Z"),
            // The hour that comes twice: the first.
            ("20261025013000", "2026-10-25T00:30:00Z"),
        ] {
            assert_eq!(london(text).as_deref(), Some(at), "{text}");
        }
    }

    #[test]
    fn what_is_less_exact_or_never_was_is_no_instant() {
        for text in [
            "",
            "2026",
            "20260115",
            "2026011509",
            "20260115093",
            "20261301093000",
            "20260115253000",
            "20260115093060",
            "20260329013000",
            "20260115 0930",
            "2026-01-15T09:30:00Z",
            "20260115093000+00",
            "20260115093000+0060",
            "20260115093000+9900",
            "20260115093000.",
            "20260115093000.12345",
            "+2026011509300",
            "２０２６０１１５０９３０",
        ] {
            assert_eq!(london(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_is_the_day_that_is_written() {
        for text in ["19500228", "195002282330", "19500228233000+0100"] {
            assert_eq!(day(text).as_deref(), Some("1950-02-28"));
        }
        for text in ["1950", "195002", "19500230", "1950-02-28", "0", "19500228x", "\u{e9}9500228"] {
            assert_eq!(day(text), None, "{text}");
        }
    }
}
