use std::fmt;

/// A calendar day, as days since 1970-01-01 (Arrow's Date32), proleptic Gregorian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// From the first of January of the year -399.
const DAYS_TO_1970: i32 = 865_259;

impl Day {
    /// The day of a year (0 to 9999), month and day of month; `None` where the calendar has no such day.
    pub fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        const DAYS_BEFORE: [i32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        // From the first day of a year that is a whole number of four centuries before every year that there is.
        let whole_years = year + 399;
        let leap_days = whole_years / 4 - whole_years / 100 + whole_years / 400;
        let this_leap_day = i32::from(month > 2 && is_leap(year));
        let of_year = DAYS_BEFORE[month as usize - 1] + this_leap_day + day as i32 - 1;
        Some(Self(whole_years * 365 + leap_days + of_year - DAYS_TO_1970))
    }

    /// Year, month (1 to 12) and day of month.
    pub fn civil(self) -> (i32, u32, u32) {
        let shifted = self.0 + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (year, month) = if month < 10 { (year_of_era, month + 3) } else { (year_of_era + 1, month - 9) };
        (year + era * 400, month as u32, day as u32)
    }

    /// The same day of the month `months` earlier, or that month's last day where it is shorter.
    pub fn months_before(self, months: u32) -> Self {
        let (year, month, day) = self.civil();
        let index = year * 12 + month as i32 - 1 - months as i32;
        let (year, month) = (index.div_euclid(12), index.rem_euclid(12) as u32 + 1);
        Self::new(year, month, day.min(days_in_month(year, month))).unwrap_or(self)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// The first and last calendar day that a FHIR date or dateTime may mean, as written: never shifted by its
/// offset, never given a default (contract rule 3; `coding` sheet, section 6).
///
/// `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, and a day followed by `T` and a time of hours and minutes, with or without
/// seconds, fraction and offset. Anything else is `None`: day 31 of a short month, `24:00`, text after the day. Bytes will
/// do as well as a text: no date has any that are not ASCII.
pub fn day_interval(text: impl AsRef<[u8]>) -> Option<(Day, Day)> {
    let bytes = text.as_ref();
    // Nearly every date says the day.
    match bytes.split_first_chunk::<10>() {
        Some((written, [])) => written_day(*written).map(|day| (day, day)),
        Some((written, time)) => written_day(*written).filter(|_| is_time(time)).map(|day| (day, day)),
        None => short_interval(bytes),
    }
}

/// The days of a year or of a month.
fn short_interval(bytes: &[u8]) -> Option<(Day, Day)> {
    let year = named_year(number(bytes.get(..4)?)?)?;
    match bytes[4..] {
        [] => Some((Day::new(year, 1, 1)?, Day::new(year, 12, 31)?)),
        [b'-', tens, ones] => {
            let month = number(&[tens, ones])?;
            let first = Day::new(year, month, 1)?;
            Some((first, Day::new(year, month, days_in_month(year, month))?))
        }
        _ => None,
    }
}

/// The days named inside the text of a list warning or a dosage warning, `dd-Mmm-yyyy` or `dd Mmm yyyy`, in
/// order, each as written and as a day (`bundle` sheet, section 9; `medications` sheet, section 7). A day of
/// one digit is read too.
pub fn warning_dates(text: &str) -> impl Iterator<Item = (&str, Day)> {
    let bytes = text.as_bytes();
    (0..bytes.len()).filter_map(move |start| {
        // Few characters are the beginning of any.
        if !bytes[start].is_ascii_digit() || start > 0 && bytes[start - 1].is_ascii_alphanumeric() {
            return None;
        }
        [2, 1].into_iter().find_map(|digits| {
            let end = start + digits + 9;
            let day = named_month_day(bytes.get(start..end)?, digits)?;
            let clear_after = !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
            clear_after.then(|| (&text[start..end], day))
        })
    })
}

fn named_month_day(bytes: &[u8], digits: usize) -> Option<Day> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (day, rest) = bytes.split_at(digits);
    if !matches!(rest[0], b'-' | b' ') || rest[4] != rest[0] {
        return None;
    }
    let month = MONTHS.iter().position(|name| name.as_bytes().eq_ignore_ascii_case(&rest[1..4]))?;
    Day::new(number(&rest[5..9])? as i32, month as u32 + 1, number(day)?)
}

fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// There is no year 0.
fn named_year(year: u32) -> Option<i32> {
    (year > 0).then_some(year as i32)
}

/// The day of `YYYY-MM-DD`.
fn written_day(written: [u8; 10]) -> Option<Day> {
    let [start @ .., tens, ones] = written;
    let [century, _, year, _, _, month, _, _] = digit_pairs::<{ u64::from_le_bytes(*b"0000-00-") }>(start)?;
    Day::new(named_year(century * 100 + year)?, month, number(&[tens, ones])?)
}

/// The number that each byte begins together with the next where both are digits. Digits and marks must stand where the
/// form has zeros and those marks. Eight bytes are looked at together: of all that is read, only dates are more than copied
/// in every row.
#[inline]
fn digit_pairs<const FORM: u64>(written: [u8; 8]) -> Option<[u32; 8]> {
    const HIGHEST: u64 = u64::from_le_bytes([0x80; 8]);
    let digits = u64::from_le_bytes(written) ^ FORM;
    let reaching = const { reaching(FORM) };
    if (digits | digits.wrapping_add(reaching)) & HIGHEST != 0 {
        return None;
    }
    // In each byte ten times its digit and once the next.
    Some((digits * 10 + (digits >> 8)).to_le_bytes().map(u32::from))
}

/// What, added to a byte that is no digit or not the mark of a form once the form is taken off, reaches its highest bit.
const fn reaching(form: u64) -> u64 {
    let mut bytes = form.to_le_bytes();
    let mut place = 0;
    while place < bytes.len() {
        bytes[place] = if bytes[place] == b'0' { 0x80 - 10 } else { 0x80 - 1 };
        place += 1;
    }
    u64::from_le_bytes(bytes)
}

/// A number of a few digits.
#[inline]
fn number(digits: &[u8]) -> Option<u32> {
    let (mut value, mut all_digits) = (0, true);
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        all_digits &= digit < 10;
        value = value * 10 + u32::from(digit);
    }
    all_digits.then_some(value)
}

/// `Thh:mm`, `Thh:mm:ss`, a fraction of seconds, and `Z` or an offset; the offset may be absent.
fn is_time(bytes: &[u8]) -> bool {
    // Nearly every time says the second.
    if let Some(([b'T', clock @ ..], rest)) = bytes.split_first_chunk::<9>()
        && let Some(pairs) = digit_pairs::<{ u64::from_le_bytes(*b"00:00:00") }>(*clock)
    {
        let [hours, _, _, minutes, _, _, seconds, _] = pairs;
        // 60 is a leap second, which FHIR allows.
        return hours < 24 && minutes < 60 && seconds <= 60 && is_fraction_and_offset(rest);
    }
    let Some(([b'T', tens, ones, b':', clock @ ..], rest)) = bytes.split_first_chunk::<6>() else {
        return false;
    };
    let hours_and_minutes = number(&[*tens, *ones]).zip(number(clock));
    hours_and_minutes.is_some_and(|(hours, minutes)| hours < 24 && minutes < 60) && is_offset(rest)
}

fn is_fraction_and_offset(bytes: &[u8]) -> bool {
    match bytes {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            digits > 0 && is_offset(&fraction[digits..])
        }
        rest => is_offset(rest),
    }
}

fn is_offset(bytes: &[u8]) -> bool {
    match bytes {
        [] | b"Z" | b"+00:00" | b"+01:00" => true,
        [b'+' | b'-', hour_tens, hour_ones, b':', minute_tens, minute_ones] => {
            let minutes = number(&[*minute_tens, *minute_ones]).filter(|minutes| *minutes < 60);
            // The date line reaches no further than 14:00.
            let hours = number(&[*hour_tens, *hour_ones]);
            hours.zip(minutes).is_some_and(|(hours, minutes)| hours * 60 + minutes <= 14 * 60)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(text: &str) -> Option<(String, String)> {
        day_interval(text).map(|(from, to)| (from.to_string(), to.to_string()))
    }

    fn days(from: &str, to: &str) -> Option<(String, String)> {
        Some((from.to_owned(), to.to_owned()))
    }

    #[test]
    fn precision_decides_the_interval() {
        assert_eq!(interval("2010"), days("2010-01-01", "2010-12-31"));
        assert_eq!(interval("2010-06"), days("2010-06-01", "2010-06-30"));
        assert_eq!(interval("2012-02"), days("2012-02-01", "2012-02-29"));
        assert_eq!(interval("2010-06-09"), days("2010-06-09", "2010-06-09"));
    }

    #[test]
    fn the_offset_never_moves_the_day() {
        for text in [
            "2010-06-09T23:30:00-05:00",
            "2010-06-09T00:10:00+01:00",
            "2010-06-09T10:00:00Z",
            "2010-06-09T10:00:00.1234567+14:00",
            "2010-06-09T10:00:00",
            "2010-06-09T10:00",
            "2010-06-09T10:00+00:00",
            "2010-06-09T23:59:60Z",
        ] {
            assert_eq!(interval(text), days("2010-06-09", "2010-06-09"), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_date_gives_nothing() {
        for text in [
            "",
            "19",
            "201",
            "20100",
            "2010-",
            "2010-6",
            "2010-13",
            "2010-00",
            "2010-02-30",
            "2011-02-29",
            "1900-02-29",
            "2010-06-09T",
            "2010-06-09T24:00:00Z",
            "2010-06-09T10",
            "2010-06-09 10:00",
            "2010-06-09x",
            "2010/06/09",
            "2010-06-09T10:60",
            "2010-06-09T10:00:61Z",
            "2010-06-09T10:00:00.Z",
            "2010-06-09T10:00:00+15:00",
            "2010-06-09T10:00:00+1:00",
            "２０１０",
            " 2010",
            "2010 ",
        ] {
            assert_eq!(interval(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_day_has_digits_and_marks_in_their_places_and_nothing_else() {
        for (place, byte) in (0..10).flat_map(|place| (0..=u8::MAX).map(move |byte| (place, byte))) {
            let mut written = *b"2111-10-10";
            written[place] = byte;
            let fits = if matches!(place, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
            let part =
                |part: std::ops::Range<usize>| str::from_utf8(&written[part]).ok()?.parse::<u32>().ok();
            let of_calendar = || Day::new(part(0..4)? as i32, part(5..7)?, part(8..10)?);
            assert_eq!(written_day(written), fits.then(of_calendar).flatten(), "{byte} at {place}");
        }
    }

    #[test]
    fn a_time_has_digits_and_marks_in_their_places_and_nothing_else() {
        let in_place = |place, byte: u8| match place {
            0 => byte == b'T',
            3 | 6 | 12 => byte == b':',
            9 => matches!(byte, b'+' | b'-'),
            _ => byte.is_ascii_digit(),
        };
        for (place, byte) in (0..15).flat_map(|place| (0..=u8::MAX).map(move |byte| (place, byte))) {
            let mut written = *b"T11:11:11+11:11";
            written[place] = byte;
            let part = |from| str::from_utf8(&written[from..from + 2]).ok()?.parse::<u32>().ok();
            let within = |from, least: u32| part(from).is_some_and(|number| number < least);
            let possible = within(1, 24) && within(4, 60) && within(7, 61) && within(13, 60);
            let near = part(10).zip(part(13)).is_some_and(|(hours, minutes)| hours * 60 + minutes <= 14 * 60);
            let fits = in_place(place, byte) && possible && near;
            assert_eq!(is_time(&written), fits, "{byte} at {place}");
        }
    }

    #[test]
    fn leap_day_of_a_quadricentennial_year_exists() {
        assert_eq!(interval("2000-02-29"), days("2000-02-29", "2000-02-29"));
    }

    #[test]
    fn civil_round_trips_over_six_centuries() {
        for days in (-130_000..130_000).step_by(17) {
            let (year, month, day) = Day(days).civil();
            assert_eq!(Day::new(year, month, day), Some(Day(days)));
        }
        assert_eq!(Day::new(1970, 1, 1), Some(Day(0)));
    }

    #[test]
    fn months_before_stops_at_the_end_of_a_short_month() {
        let day = Day::new(2026, 3, 31).expect("exists");
        assert_eq!(day.months_before(1).to_string(), "2026-02-28");
        assert_eq!(day.months_before(12).to_string(), "2025-03-31");
    }

    #[test]
    fn dates_inside_warning_texts() {
        let named = |text| warning_dates(text).map(|(raw, day)| format!("{raw} = {day}")).collect::<Vec<_>>();
        let text = "Patient record transfer from previous GP practice not yet complete; information \
                    recorded before 26-Mar-2019 may be missing. Changed on 28 Jan 2020";
        assert_eq!(named(text), ["26-Mar-2019 = 2019-03-26", "28 Jan 2020 = 2020-01-28"]);
        assert_eq!(named("on 1-Mar-2019."), ["1-Mar-2019 = 2019-03-01"]);
        assert!(named("£ 31-feb-2019, 126-Mar-2019, 26-Mar-20199, 26-Mar 2019").is_empty());
        assert!(named("short").is_empty());
    }
}
