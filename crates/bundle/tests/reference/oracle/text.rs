//! How texts are compared (`coding` sheet, section 8), and the days that they name.

/// A text as codes are compared: without white space around it, empty where there is none.
pub fn trimmed(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default().trim()
}

/// A word of an enumeration as it is compared.
pub fn word(text: &Option<String>) -> String {
    trimmed(text).to_ascii_lowercase()
}

/// The text where it has a character.
pub fn filled(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}

/// The first and last day that a date or dateTime may mean, as days since 1970 (contract rule 3 and settled cases).
pub fn days(text: &str) -> Option<(i32, i32)> {
    if !text.is_ascii() {
        return None;
    }
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    if time.is_some_and(|time| date.len() != 10 || !is_time(time)) {
        return None;
    }
    let parts: Vec<&str> = date.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let numbers: Option<Vec<i32>> = parts.iter().map(|part| number(part)).collect();
    match (lengths.as_slice(), numbers?.as_slice()) {
        ([4], [year]) if *year > 0 => Some((day(*year, 1, 1)?, day(*year, 12, 31)?)),
        ([4, 2], [year, month]) if *year > 0 => {
            Some((day(*year, *month, 1)?, day(*year, *month, month_length(*year, *month))?))
        }
        ([4, 2, 2], [year, month, of_month]) if *year > 0 => {
            let day = day(*year, *month, *of_month)?;
            Some((day, day))
        }
        _ => None,
    }
}

/// `hh:mm`, then seconds with or without a fraction, then `Z` or an offset; the last two may be absent.
fn is_time(time: &str) -> bool {
    let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone);
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, part)| (clock, Some(part)));
    let parts: Vec<&str> = clock.split(':').collect();
    let clock = match two_digits(&parts).as_deref() {
        Some([hour, minute]) => *hour < 24 && *minute < 60 && fraction.is_none(),
        // Second 60 is a leap second.
        Some([hour, minute, second]) => *hour < 24 && *minute < 60 && *second <= 60,
        _ => false,
    };
    let fraction =
        fraction.is_none_or(|part| !part.is_empty() && part.chars().all(|digit| digit.is_ascii_digit()));
    clock && fraction && is_zone(zone)
}

/// Offsets reach from -14:00 to +14:00.
fn is_zone(zone: &str) -> bool {
    if zone.is_empty() || zone == "Z" {
        return true;
    }
    let parts: Vec<&str> = zone[1..].split(':').collect();
    match two_digits(&parts).as_deref() {
        Some([hour, minute]) => *minute < 60 && hour * 60 + minute <= 14 * 60,
        _ => false,
    }
}

fn two_digits(parts: &[&str]) -> Option<Vec<i32>> {
    parts.iter().map(|part| number(part).filter(|_| part.len() == 2)).collect()
}

fn number(digits: &str) -> Option<i32> {
    let all_digits = !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit());
    if all_digits { digits.parse().ok() } else { None }
}

/// A day of the calendar, as days since 1970.
pub fn day(year: i32, month: i32, of_month: i32) -> Option<i32> {
    if !(1..=12).contains(&month) || !(1..=month_length(year, month)).contains(&of_month) {
        return None;
    }
    // The days before 1 January of a year of the calendar that begins with year 0, a leap year.
    let before = |year: i32| year * 365 + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    let months: i32 = (1..month).map(|month| month_length(year, month)).sum();
    Some(before(year) + months + of_month - 1 - before(1970))
}

fn month_length(year: i32, month: i32) -> i32 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days that a text names as `dd-Mmm-yyyy`, also with spaces and with one digit: as written, and as a day
/// (`bundle` sheet, section 9; `medications` sheet, section 7).
pub fn named_days(text: &str) -> Vec<(String, i32)> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    for start in 0..characters.len() {
        let after_word = start > 0 && characters[start - 1].is_ascii_alphanumeric();
        for length in [11, 10] {
            let Some(piece) = characters.get(start..start + length).filter(|_| !after_word) else { continue };
            let before_word = characters.get(start + length).is_some_and(char::is_ascii_alphanumeric);
            let piece: String = piece.iter().collect();
            if let Some(day) = named_day(&piece).filter(|_| !before_word) {
                found.push((piece, day));
                break;
            }
        }
    }
    found
}

fn named_day(piece: &str) -> Option<i32> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let parts: Vec<&str> = piece.split(if piece.contains('-') { '-' } else { ' ' }).collect();
    let [of_month, month, year] = parts[..] else { return None };
    let month = MONTHS.iter().position(|name| month.eq_ignore_ascii_case(name))?;
    let is_length = (1..=2).contains(&of_month.len()) && year.len() == 4;
    day(number(year)?, month as i32 + 1, number(of_month)?).filter(|_| is_length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(day(1970, 1, 1), Some(0));
        assert_eq!(day(2000, 2, 29), Some(11_016));
        assert_eq!(day(2026, 1, 15), Some(20_468));
        assert_eq!(day(1900, 2, 29), None);
        assert_eq!(days("2010-06"), Some((14_761, 14_790)));
    }
}
