//! How long an episode is kept and shown, and when its record is old (`security` sheet, section 1).

use jiff::{SignedDuration, Timestamp};

use crate::standing::Standing;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The times of a site. [`Retention::default`] is what the sheet suggests; a site may shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// From the end of the episode, or its discharge, to its purge: a day, at most seven.
    pub after_end: SignedDuration,
    /// Without a sign that the stay goes on: seven days, at most that.
    pub without_heartbeat: SignedDuration,
    /// From the first fetch, or the last confirmation that the stay goes on: 90 days, at most that.
    pub ceiling: SignedDuration,
    /// Up to this age a record is fresh: four hours, at most that.
    pub fresh: SignedDuration,
    /// Beyond this age a record is stale and is shown to those only who accept that: 24 hours, at most that.
    pub stale: SignedDuration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { after_end: DAY, without_heartbeat: DAY * 7, ceiling: DAY * 90, fresh: HOUR * 4, stale: DAY }
    }
}

/// A site's time that is not permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be more than 0 and at most {hours} hours", hours = .most.as_hours())]
pub struct RetentionError {
    /// Which: the field's name.
    pub name: &'static str,
    /// The longest that is permitted.
    pub most: SignedDuration,
}

/// How old a record is, as a reader must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It can be taken for what the practice holds now.
    Fresh,
    /// It is shown with its age.
    Ageing,
    /// It is shown to those only who accept that it is stale.
    Stale,
}

impl Freshness {
    /// The name, as lists and manifests say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Ageing => "ageing",
            Self::Stale => "stale",
        }
    }
}

/// Which of the times was over first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The end of the episode that the host system had announced.
    EpisodeEnded,
    /// The reported discharge.
    Discharged,
    /// No sign that the stay goes on.
    NoHeartbeat,
    /// The hard ceiling.
    Ceiling,
}

impl Rule {
    /// The name, as the audit log says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EpisodeEnded => "episode_ended",
            Self::Discharged => "discharged",
            Self::NoHeartbeat => "no_heartbeat",
            Self::Ceiling => "ceiling",
        }
    }
}

impl Retention {
    /// The times, when none is longer than the sheet permits.
    ///
    /// # Errors
    /// [`RetentionError`] names the first that is.
    pub fn checked(self) -> Result<Self, RetentionError> {
        let most = Self { after_end: DAY * 7, ..Self::default() };
        let pairs = [
            ("after_end", self.after_end, most.after_end),
            ("without_heartbeat", self.without_heartbeat, most.without_heartbeat),
            ("ceiling", self.ceiling, most.ceiling),
            ("fresh", self.fresh, most.fresh),
            ("stale", self.stale, most.stale),
        ];
        let wrong = pairs.into_iter().find(|(_, time, most)| !time.is_positive() || time > most);
        wrong.map_or(Ok(self), |(name, _, most)| Err(RetentionError { name, most }))
    }

    /// How old a record is that was fetched then. A clock that is behind the fetch tells no age, so the record
    /// counts as stale.
    pub fn freshness(&self, fetched: Timestamp, now: Timestamp) -> Freshness {
        match now.duration_since(fetched) {
            age if age < -SignedDuration::from_secs(5) || age > self.stale => Freshness::Stale,
            age if age > self.fresh => Freshness::Ageing,
            _ => Freshness::Fresh,
        }
    }

    /// From when on it is not shown any more, and why. `ends` is the announced end of the episode.
    pub(crate) fn closes(&self, standing: &Standing, ends: Timestamp) -> (Timestamp, Rule) {
        self.first(standing, Some(ends))
    }

    /// From when on it is to be purged, and why. The announced end is not known of an episode that does not open.
    pub(crate) fn purge_due(&self, standing: &Standing, ends: Option<Timestamp>) -> (Timestamp, Rule) {
        self.first(standing, ends.map(|ends| later(ends, self.after_end)))
    }

    fn first(&self, standing: &Standing, ends: Option<Timestamp>) -> (Timestamp, Rule) {
        let times = [
            ends.map(|at| (at, Rule::EpisodeEnded)),
            standing.discharged.map(|at| (later(at, self.after_end), Rule::Discharged)),
            Some((later(standing.seen, self.without_heartbeat), Rule::NoHeartbeat)),
        ];
        let ceiling = (later(standing.confirmed, self.ceiling), Rule::Ceiling);
        times.into_iter().flatten().fold(ceiling, |first, next| if next.0 < first.0 { next } else { first })
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(count: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(count)
    }

    #[test]
    fn the_first_time_that_is_over_decides_and_gives_the_reason() {
        let times = Retention::default();
        let begun = Standing::begun(hours(0));
        let discharged = Standing { discharged: Some(hours(10)), ..begun.clone() };
        let seen = Standing { seen: hours(89 * 24), ..begun.clone() };
        let cases = [
            (&begun, 48, (48, Rule::EpisodeEnded), (72, Rule::EpisodeEnded)),
            (&begun, 1000, (168, Rule::NoHeartbeat), (168, Rule::NoHeartbeat)),
            (&discharged, 1000, (34, Rule::Discharged), (34, Rule::Discharged)),
            (&discharged, 20, (20, Rule::EpisodeEnded), (34, Rule::Discharged)),
            (&seen, 9000, (90 * 24, Rule::Ceiling), (90 * 24, Rule::Ceiling)),
        ];
        for (standing, ends, closes, purge) in cases {
            assert_eq!(times.closes(standing, hours(ends)), (hours(closes.0), closes.1));
            assert_eq!(times.purge_due(standing, Some(hours(ends))), (hours(purge.0), purge.1));
        }
        assert_eq!(times.purge_due(&begun, None), (hours(168), Rule::NoHeartbeat));
    }

    #[test]
    fn a_site_may_shorten_and_never_lengthen() {
        assert!(Retention::default().checked().is_ok());
        assert!(Retention { after_end: DAY * 7, ..Retention::default() }.checked().is_ok());
        for longer in [
            Retention { after_end: DAY * 8, ..Retention::default() },
            Retention { without_heartbeat: DAY * 8, ..Retention::default() },
            Retention { ceiling: DAY * 91, ..Retention::default() },
            Retention { fresh: HOUR * 5, ..Retention::default() },
            Retention { stale: HOUR * 25, ..Retention::default() },
            Retention { ceiling: SignedDuration::ZERO, ..Retention::default() },
        ] {
            assert!(longer.checked().is_err(), "{longer:?}");
        }
    }

    #[test]
    fn age_decides_freshness_and_a_clock_behind_the_fetch_makes_it_stale() {
        let times = Retention::default();
        let of = |seconds| times.freshness(hours(100), hours(100) + SignedDuration::from_secs(seconds));
        assert_eq!([of(0), of(4 * 3600), of(-5)], [Freshness::Fresh; 3]);
        assert_eq!([of(4 * 3600 + 1), of(24 * 3600)], [Freshness::Ageing; 2]);
        assert_eq!([of(24 * 3600 + 1), of(-6), of(-3600)], [Freshness::Stale; 3]);
    }
}
