//! Dates as they are kept.

use std::num::NonZeroU32;

use bedside_model::{Day, day_interval};

use crate::text::{Interval, Store, Text};

/// A date as sent, and the days that it may mean. They are found when its resource has been read and is in the processor's
/// cache still: whoever asks later does not go back to the body.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Date {
    pub(crate) text: Text,
    days: Option<Days>,
}

/// The first of some days and how many follow it, in one number.
#[derive(Debug, Clone, Copy)]
struct Days(NonZeroU32);

/// Bits of a number of days below those of a year.
const BITS: u32 = 9;

/// The day before the first of the year 1, which is the first day that can be read.
const BEFORE_ALL: i32 = -719_163;

impl Date {
    /// Finds the days of some dates that have been read.
    pub(crate) fn find_days<const N: usize>(store: &Store<'_>, dates: [&mut Self; N]) {
        for date in dates {
            date.days = store.bytes(date.text).and_then(day_interval).and_then(Days::new);
        }
    }

    /// The days that it may mean.
    #[inline]
    pub(crate) fn days(self) -> Interval {
        self.days.map(Days::interval)
    }

    /// Whether there is one, be it readable or not.
    #[inline]
    pub(crate) fn is_some(self) -> bool {
        self.text.is_some()
    }
}

impl Days {
    fn new((first, last): (Day, Day)) -> Option<Self> {
        let following = (last.0 - first.0).cast_unsigned();
        NonZeroU32::new((first.0 - BEFORE_ALL).cast_unsigned() << BITS | following).map(Self)
    }

    #[inline]
    fn interval(self) -> (Day, Day) {
        let first = (self.0.get() >> BITS).cast_signed() + BEFORE_ALL;
        let following = (self.0.get() & ((1 << BITS) - 1)).cast_signed();
        (Day(first), Day(first + following))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_keep_their_days() {
        for written in ["0001", "0001-01-01", "1900-02", "2000", "2024-02-29", "9999", "9999-12-31"] {
            let mut date = Date { text: Text::NONE, days: None };
            let mut store = Store::copying();
            date.text = store.copy(written);
            Date::find_days(&store, [&mut date]);
            assert!(date.days().is_some());
            assert_eq!(date.days(), day_interval(written), "{written}");
        }
    }

    #[test]
    fn what_is_no_date_has_no_days() {
        let mut store = Store::copying();
        let mut dates = [Date::default(), Date { text: store.copy("2010-02-30"), days: None }];
        let [absent, unreadable] = &mut dates;
        Date::find_days(&store, [absent, unreadable]);
        assert_eq!(dates.map(Date::days), [None, None]);
        assert_eq!(dates.map(Date::is_some), [false, true]);
    }
}
