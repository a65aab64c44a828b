use std::fmt;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp};
use serde::de::{Deserialize, Deserializer, Error};

/// A day in a pipeline file: written out (`2025-11-22`) or counted from the day of the call (`today`,
/// `today-365`, `today+90`), because a file outlives the day on which its dates were right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestDay {
    /// That day.
    On(Date),
    /// So many days after today; negative for before.
    FromToday(i32),
}

impl RequestDay {
    /// The calendar day it means when today is `today`. Beyond the calendar it stops at its first or last day.
    pub fn resolve(self, today: Date) -> Date {
        match self {
            Self::On(date) => date,
            Self::FromToday(days) => today.saturating_add(Span::new().days(days)),
        }
    }

    fn read(text: &str) -> Option<Self> {
        if let Some(offset) = text.strip_prefix("today") {
            return match offset.as_bytes() {
                [] => Some(Self::FromToday(0)),
                // Four digits are 27 years: enough for any search, and far from any overflow.
                [b'+' | b'-', digits @ ..] if digits.len() <= 4 && all_digits(digits) => {
                    offset.parse().ok().map(Self::FromToday)
                }
                _ => None,
            };
        }
        // jiff reads more forms than FHIR's; only YYYY-MM-DD may pass.
        let shaped = text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
        if shaped { text.parse().ok().map(Self::On) } else { None }
    }
}

impl<'de> Deserialize<'de> for RequestDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| D::Error::custom("a day is YYYY-MM-DD, today, today-N or today+N"))
    }
}

/// The calendar day in England at an instant: GP Connect names no zone for "today", and the practices' systems
/// run on London time (`retrieve` sheet, section 5.3).
pub fn london_day(at: Timestamp) -> Date {
    // The zone is compiled into the program, so the fallback is never taken.
    let zone = TimeZoneDatabase::bundled().get("Europe/London").unwrap_or(TimeZone::UTC);
    zone.to_datetime(at).date()
}

impl fmt::Display for RequestDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On(date) => write!(f, "{date}"),
            Self::FromToday(0) => f.write_str("today"),
            Self::FromToday(days) => write!(f, "today{days:+}"),
        }
    }
}

fn all_digits(digits: &[u8]) -> bool {
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_are_written_out_or_counted_from_today() {
        let today = date(2026, 3, 1);
        for (text, expected) in [
            ("2025-11-22", date(2025, 11, 22)),
            ("today", today),
            ("today-1", date(2026, 2, 28)),
            ("today-365", date(2025, 3, 1)),
            ("today+90", date(2026, 5, 30)),
        ] {
            let day = RequestDay::read(text).expect(text);
            assert_eq!(day.resolve(today), expected, "{text}");
            assert_eq!(day.to_string(), text);
        }
    }

    #[test]
    fn other_forms_of_a_day_are_refused() {
        for text in [
            "",
            "2025",
            "2025-11",
            "20251122",
            "2025-11-22T10:00",
            "2025-02-30",
            "today-",
            "today -1",
            "today-99999",
            "Today",
        ] {
            assert_eq!(RequestDay::read(text), None, "{text}");
        }
    }

    #[test]
    fn the_day_changes_at_midnight_in_london_also_in_summer() {
        let at = |text: &str| london_day(text.parse().expect("an instant"));
        assert_eq!(at("2026-01-15T23:59:59Z"), date(2026, 1, 15));
        assert_eq!(at("2026-07-15T22:59:59Z"), date(2026, 7, 15));
        assert_eq!(at("2026-07-15T23:00:00Z"), date(2026, 7, 16));
    }
}
