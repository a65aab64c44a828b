use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bedside_model::Asid;
use tokio::time::{Instant, sleep};

use crate::{Answer, BodySink, Call, Exchange, FetchError};

/// How often something may happen: some times at once, then once every so long.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// How many at once after a silence. Zero is taken as one.
    pub burst: u32,
    /// Then one every so long.
    pub every: Duration,
}

/// How often attempts may begin. No sheet gives figures; these let an admissions peak through and keep a loop
/// that has gone wrong from being noticed at a practice.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// At one practice's system; by default 4 at once, then 4 a second.
    pub per_practice: Rate,
    /// In all; by default 32 at once, then 50 a second.
    pub overall: Rate,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            per_practice: Rate { burst: 4, every: Duration::from_millis(250) },
            overall: Rate { burst: 32, every: Duration::from_millis(20) },
        }
    }
}

/// Lets attempts begin no faster than a pace, retries among them; each waits for its turn.
pub struct Paced<E> {
    inner: E,
    pace: Pace,
    // `None` is all practices together. One small entry for each practice ever called.
    next: Mutex<HashMap<Option<Asid>, Instant>>,
}

impl<E: Exchange> Paced<E> {
    /// Wraps an exchange.
    pub fn new(inner: E, pace: Pace) -> Self {
        Self { inner, pace, next: Mutex::default() }
    }

    /// Takes the next turn; gives the time until then.
    fn turn(&self, practice: &Asid, now: Instant) -> Duration {
        // A map of instants is whole after any panic.
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let rates = [(Some(practice.clone()), self.pace.per_practice), (None, self.pace.overall)];
        let waits = rates.map(|(key, rate)| rate.take(next.entry(key).or_insert(now), now));
        waits.into_iter().max().unwrap_or_default()
    }
}

impl Rate {
    /// The generic cell rate algorithm: `next` is when a steady stream would have its next turn.
    fn take(self, next: &mut Instant, now: Instant) -> Duration {
        let ahead = next.saturating_duration_since(now);
        *next = now + ahead + self.every;
        ahead.saturating_sub(self.every * (self.burst.max(1) - 1))
    }
}

impl<E: Exchange> Exchange for Paced<E> {
    async fn exchange(
        &self,
        call: &Call,
        trace_id: &str,
        body: &mut dyn BodySink,
    ) -> Result<Answer, FetchError> {
        let wait = self.turn(&call.provider.asid, Instant::now());
        if !wait.is_zero() {
            sleep(wait).await;
        }
        self.inner.exchange(call, trace_id, body).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinSet;

    use super::*;
    use crate::transport::tests::{answer, call};

    /// Notes when each attempt began, in milliseconds.
    struct Stopwatch {
        start: Instant,
        began: Mutex<Vec<u128>>,
    }

    impl Exchange for Stopwatch {
        async fn exchange(
            &self,
            _: &Call,
            trace_id: &str,
            _: &mut dyn BodySink,
        ) -> Result<Answer, FetchError> {
            self.began.lock().expect("whole").push(self.start.elapsed().as_millis());
            Ok(answer(trace_id))
        }
    }

    /// When attempts begin that all come at once, `each` at every one of so many practices.
    async fn began(practices: u64, each: usize) -> Vec<u128> {
        let stopwatch = Stopwatch { start: Instant::now(), began: Mutex::default() };
        let paced = Arc::new(Paced::new(stopwatch, Pace::default()));
        let mut tasks = JoinSet::new();
        for practice in 0..practices {
            for _ in 0..each {
                let (paced, mut call) = (Arc::clone(&paced), call());
                call.provider.asid = format!("{}", 200_000_000_000 + practice).parse().expect("an ASID");
                tasks.spawn(async move { paced.exchange(&call, "t", &mut Vec::new()).await.map(drop) });
            }
        }
        tasks.join_all().await;
        let mut began = paced.inner.began.lock().expect("whole").clone();
        began.sort_unstable();
        began
    }

    #[tokio::test(start_paused = true)]
    async fn a_practice_sees_four_at_once_and_then_four_a_second() {
        assert_eq!(began(1, 8).await, [0, 0, 0, 0, 250, 500, 750, 1000]);
    }

    #[tokio::test(start_paused = true)]
    async fn all_practices_together_see_thirty_two_at_once_and_then_fifty_a_second() {
        let began = began(35, 1).await;
        assert_eq!(began[..32], [0; 32]);
        assert_eq!(began[32..], [20, 40, 60]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silence_gives_the_burst_back_and_no_more() {
        let paced = Paced::new(Stopwatch { start: Instant::now(), began: Mutex::default() }, Pace::default());
        for _ in 0..5 {
            paced.exchange(&call(), "t", &mut Vec::new()).await.map(drop).expect("answered");
        }
        tokio::time::advance(Duration::from_secs(3600)).await;
        for _ in 0..5 {
            paced.exchange(&call(), "t", &mut Vec::new()).await.map(drop).expect("answered");
        }
        let began = paced.inner.began.lock().expect("whole").clone();
        assert_eq!(began[4..], [250, 3_600_250, 3_600_250, 3_600_250, 3_600_250, 3_600_500]);
    }
}
