use std::time::Duration;

use tokio::time::Instant;

use crate::fault::Fault;

/// The least speed of a body (`reliability` sheet, section 3): one that trickles holds a place that another
/// patient's call needs.
#[derive(Debug, Clone, Copy)]
pub struct SpeedFloor {
    /// Bytes a second, as received; 1 KiB by default.
    pub bytes_per_second: u64,
    /// Over any such time; 10 s by default. Zero means no floor.
    pub over: Duration,
}

impl Default for SpeedFloor {
    fn default() -> Self {
        Self { bytes_per_second: 1 << 10, over: Duration::from_secs(10) }
    }
}

/// What has come in the stretch of time that is being measured.
pub(crate) struct Speed {
    floor: SpeedFloor,
    since: Instant,
    bytes: u64,
}

impl Speed {
    pub(crate) fn new(floor: SpeedFloor, now: Instant) -> Self {
        Self { floor, since: now, bytes: 0 }
    }

    pub(crate) fn received(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// When the stretch ends.
    pub(crate) fn ends(&self) -> Option<Instant> {
        (!self.floor.over.is_zero()).then(|| self.since + self.floor.over)
    }

    /// Judges the stretch, if it is over, and begins the next.
    pub(crate) fn judge(&mut self, now: Instant) -> Result<(), Fault> {
        if self.ends().is_none_or(|ends| now < ends) {
            return Ok(());
        }
        let needed = u128::from(self.floor.bytes_per_second) * now.duration_since(self.since).as_millis();
        if u128::from(self.bytes) * 1000 < needed {
            return Err(Fault::Slow);
        }
        *self = Self::new(self.floor, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a body of so many bytes every so many milliseconds is let through for a minute.
    fn passes(bytes: usize, every: u64) -> bool {
        let start = Instant::now();
        let mut speed = Speed::new(SpeedFloor::default(), start);
        (0..60_000 / every).all(|turn| {
            let now = start + Duration::from_millis(turn * every);
            let judged = speed.judge(now);
            speed.received(bytes);
            judged.is_ok()
        })
    }

    #[test]
    fn one_kibibyte_a_second_is_enough_and_less_is_not() {
        assert!(passes(1024, 1000));
        assert!(!passes(1000, 1000));
        assert!(passes(4 * 1024, 4000));
        assert!(!passes(100, 1000), "a hundred bytes a second");
    }

    #[test]
    fn a_body_that_begins_fast_and_then_trickles_is_stopped() {
        let start = Instant::now();
        let mut speed = Speed::new(SpeedFloor::default(), start);
        speed.received(1 << 20);
        assert!(speed.judge(start + Duration::from_secs(10)).is_ok());
        speed.received(100);
        assert_eq!(speed.judge(start + Duration::from_secs(20)), Err(Fault::Slow));
    }

    #[test]
    fn nothing_is_judged_before_its_time_is_over() {
        let start = Instant::now();
        let mut speed = Speed::new(SpeedFloor::default(), start);
        assert!(speed.judge(start + Duration::from_millis(9_999)).is_ok());
    }
}
