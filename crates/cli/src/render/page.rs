use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// What a view is made for: how wide it may be, and when it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Width in characters.
    pub width: u16,
    /// Now, from which the age of a record is told.
    pub now: Timestamp,
}

/// A time as a ward clock shows it, in London.
pub fn ward_time(at: Timestamp) -> String {
    // The zone is compiled into the program, so the fallback is never taken.
    let zone = TimeZoneDatabase::bundled().get("Europe/London").unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).strftime("%d-%b-%Y %H:%M %Z").to_string()
}

impl Page {
    /// How long ago that was, in the one unit that matters.
    pub(super) fn age(self, at: Timestamp) -> String {
        let minutes = self.now.duration_since(at).as_mins();
        let (count, unit) = match minutes {
            ..0 => return "in the future: check the clock of this machine".to_owned(),
            0 => return "just now".to_owned(),
            1..120 => (minutes, "minute"),
            120..2_880 => (minutes / 60, "hour"),
            _ => (minutes / 1_440, "day"),
        };
        format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ward_clock_knows_summer_time() {
        for (at, shown) in [
            ("2026-01-15T09:30:00Z", "15-Jan-2026 09:30 GMT"),
            ("2026-07-15T09:30:59Z", "15-Jul-2026 10:30 BST"),
        ] {
            assert_eq!(ward_time(at.parse().expect("a time")), shown);
        }
    }

    #[test]
    fn age_is_told_in_one_unit() {
        let page = Page { width: 120, now: "2026-01-15T12:00:00Z".parse().expect("a time") };
        for (at, age) in [
            ("2026-01-15T11:59:30Z", "just now"),
            ("2026-01-15T11:59:00Z", "1 minute ago"),
            ("2026-01-15T10:01:00Z", "119 minutes ago"),
            ("2026-01-15T10:00:00Z", "2 hours ago"),
            ("2026-01-13T12:00:00Z", "2 days ago"),
            ("2026-01-15T12:02:00Z", "in the future: check the clock of this machine"),
        ] {
            assert_eq!(page.age(at.parse().expect("a time")), age, "{at}");
        }
    }
}
