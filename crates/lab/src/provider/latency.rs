use std::str::FromStr;
use std::time::Duration;

/// How long answers take.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Latency {
    /// No time.
    #[default]
    None,
    /// Anything between the two, all equally likely: `200ms..3s`.
    Between(Duration, Duration),
    /// Log-normal, as services are: half of the answers are faster than the first, one in a hundred slower than the
    /// second, none slower than twice that: `300ms~3s`.
    Tailed(Duration, Duration),
}

/// A text that is no latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoLatency;

impl Latency {
    /// Whether the second time, where there is one, is no shorter than the first.
    fn rises(&self) -> bool {
        match self {
            Self::None => true,
            Self::Between(from, to) | Self::Tailed(from, to) => from <= to,
        }
    }

    /// The time for a draw of 64 random bits.
    pub(super) fn of(self, bits: u64) -> Duration {
        // The upper and the lower half as fractions of one, never quite nothing.
        let fractions =
            [bits >> 32, bits & u64::from(u32::MAX)].map(|half| (half as f64 + 0.5) / 2_f64.powi(32));
        match self {
            Self::None => Duration::ZERO,
            Self::Between(from, to) => from + to.saturating_sub(from).mul_f64(fractions[0]),
            Self::Tailed(median, slow) => {
                // Box and Muller; 2.326 deviations have one in a hundred above them.
                let normal = (-2.0 * fractions[0].ln()).sqrt() * (std::f64::consts::TAU * fractions[1]).cos();
                let spread = (slow.as_secs_f64() / median.as_secs_f64().max(1e-6)).max(1.0).ln() / 2.326;
                median.mul_f64((spread * normal).exp()).min(slow * 2)
            }
        }
    }
}

/// The random bits of a call, the same in every run: SplitMix64 of its number.
pub(super) fn draw(call: u64) -> u64 {
    let mut bits = call.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

impl FromStr for Latency {
    type Err = NoLatency;

    fn from_str(text: &str) -> Result<Self, NoLatency> {
        let two = |separator| {
            let (one, other) = text.split_once(separator)?;
            Some((duration(one)?, duration(other)?))
        };
        let latency = two("..")
            .map(|(from, to)| Self::Between(from, to))
            .or_else(|| two("~").map(|(median, slow)| Self::Tailed(median, slow)))
            .or_else(|| duration(text).map(|always| Self::Between(always, always)));
        latency.filter(|latency| latency.rises()).ok_or(NoLatency)
    }
}

impl std::fmt::Display for NoLatency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "a latency is 300ms, 200ms..3s (all alike) or 300ms~3s (median and slowest in a hundred), the shorter first",
        )
    }
}

impl std::error::Error for NoLatency {}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s')?, 1.0),
    };
    let number: f64 = number.parse().ok().filter(|number| (0.0..=3600.0).contains(number))?;
    Some(Duration::from_secs_f64(number * unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_read_and_others_refused() {
        let ms = Duration::from_millis;
        assert_eq!("200ms..3s".parse(), Ok(Latency::Between(ms(200), ms(3000))));
        assert_eq!("0.3s~3s".parse(), Ok(Latency::Tailed(ms(300), ms(3000))));
        assert_eq!("50ms".parse(), Ok(Latency::Between(ms(50), ms(50))));
        for text in ["", "fast", "3", "-1s", "1s..", "99999s", "NaNs"] {
            assert_eq!(text.parse::<Latency>(), Err(NoLatency), "{text}");
        }
    }

    #[test]
    fn a_latency_whose_times_were_the_wrong_way_round_was_taken() {
        for text in ["3s..200ms", "3s~300ms", "200.5ms..200ms"] {
            assert_eq!(text.parse::<Latency>(), Err(NoLatency), "{text}");
        }
        assert!("0s..0s".parse::<Latency>().is_ok() && "1s~1s".parse::<Latency>().is_ok());
    }

    #[test]
    fn draws_lie_where_they_should() {
        let draws = |latency: Latency| {
            let mut drawn: Vec<Duration> = (0..10_000).map(|call| latency.of(draw(call))).collect();
            drawn.sort_unstable();
            drawn
        };
        let (low, high) = (Duration::from_millis(200), Duration::from_secs(3));
        let between = draws(Latency::Between(low, high));
        assert!(between[0] >= low && between[9_999] <= high);
        assert!(between[5_000].abs_diff(Duration::from_millis(1_600)) < Duration::from_millis(80));
        let tailed = draws(Latency::Tailed(low, high));
        assert!(tailed[5_000].abs_diff(low) < Duration::from_millis(20), "{:?}", tailed[5_000]);
        let slower = tailed.iter().filter(|took| **took > high).count();
        assert!((60..=140).contains(&slower), "{slower} in ten thousand");
        assert!(tailed[9_999] <= high * 2);
    }
}
