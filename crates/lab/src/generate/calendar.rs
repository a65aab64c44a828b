use bedside_model::Day;

/// The day on which every synthetic record is retrieved, 2026-01-15. All dates are counted from it, so that a
/// recipe gives the same bytes whenever it is run.
pub(super) const RETRIEVAL_DAY: Day = Day(20_468);

/// A day and a time of day in London.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) day: Day,
    /// Seconds since midnight.
    pub(super) second: u32,
}

impl Moment {
    pub(super) fn midnight(day: Day) -> Self {
        Self { day, second: 0 }
    }

    /// `YYYY-MM-DDThh:mm:ss` and the offset of that day in London.
    pub(super) fn text(self) -> String {
        format!("{}{}", self.local(), offset(self.day))
    }

    /// As [`Moment::text`] with a fraction of a second whose trailing zeros are dropped, as EMIS does.
    pub(super) fn with_milliseconds(self, milliseconds: u32) -> String {
        let fraction = format!("{milliseconds:03}");
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{}{point}{fraction}{}", self.local(), offset(self.day))
    }

    fn local(self) -> String {
        let (hours, minutes, seconds) = (self.second / 3600, self.second / 60 % 60, self.second % 60);
        format!("{}T{hours:02}:{minutes:02}:{seconds:02}", self.day)
    }
}

/// The day some days earlier, or later when negative.
pub(super) fn days_before(day: Day, days: i32) -> Day {
    Day(day.0 - days)
}

/// `dd-Mmm-yyyy`, the way dates stand in warning texts.
pub(super) fn warning_date(day: Day) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day) = day.civil();
    format!("{day:02}-{}-{year:04}", MONTHS[(month as usize - 1) % 12])
}

/// British Summer Time runs from the last Sunday of March to the last Sunday of October.
fn offset(day: Day) -> &'static str {
    let (year, _, _) = day.civil();
    let summer = last_sunday(year, 3)..last_sunday(year, 10);
    if summer.contains(&day.0) { "+01:00" } else { "+00:00" }
}

/// The last Sunday of a month of 31 days, in days since 1970-01-01, which was a Thursday.
fn last_sunday(year: i32, month: u32) -> i32 {
    let last = Day::new(year, month, 31).map_or(0, |day| day.0);
    last - (last + 4).rem_euclid(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> Day {
        Day::new(year, month, day).expect("a day of the calendar")
    }

    #[test]
    fn the_retrieval_day_is_the_fifteenth_of_january_2026() {
        assert_eq!(RETRIEVAL_DAY, day(2026, 1, 15));
    }

    #[test]
    fn summer_time_starts_and_ends_on_the_last_sunday() {
        let at_noon = |day| Moment { day, second: 43_200 }.text();
        assert_eq!(at_noon(day(2019, 3, 30)), "2019-03-30T12:00:00+00:00");
        assert_eq!(at_noon(day(2019, 3, 31)), "2019-03-31T12:00:00+01:00");
        assert_eq!(at_noon(day(2019, 10, 26)), "2019-10-26T12:00:00+01:00");
        assert_eq!(at_noon(day(2019, 10, 27)), "2019-10-27T12:00:00+00:00");
    }

    #[test]
    fn fractions_lose_their_trailing_zeros() {
        let moment = Moment { day: day(2020, 1, 2), second: 3_661 };
        assert_eq!(moment.with_milliseconds(120), "2020-01-02T01:01:01.12+00:00");
        assert_eq!(moment.with_milliseconds(7), "2020-01-02T01:01:01.007+00:00");
        assert_eq!(moment.with_milliseconds(0), "2020-01-02T01:01:01+00:00");
    }
}
