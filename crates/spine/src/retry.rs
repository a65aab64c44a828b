use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tracing::field::Empty;
use tracing::{Instrument, info_span};

use crate::{
    Answer, BodySink, Call, Decision, Evidence, Exchange, FetchError, Transport, Unavailability, Witness,
};

/// When to try again, and for how long (`reliability` sheet, section 3).
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// The whole call, attempts and waits together; 90 s by default.
    pub budget: Duration,
    /// The longest wait before each further attempt; the actual one is drawn between zero and it. There is one
    /// attempt more than there are waits. 0.5 s and 2 s by default.
    pub backoff: Vec<Duration>,
    /// The longest `Retry-After` that is waited for; 30 s by default. A longer one ends the call.
    pub longest_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            budget: Duration::from_secs(90),
            backoff: vec![Duration::from_millis(500), Duration::from_secs(2)],
            longest_retry_after: Duration::from_secs(30),
        }
    }
}

/// Tries an exchange again when nothing was refused and nothing was wrong but the way there.
///
/// It wraps the making of the request, so each attempt has its own token and trace id.
pub struct Retry<E> {
    inner: E,
    policy: RetryPolicy,
    entropy: Box<dyn Fn() -> u128 + Send + Sync>,
}

impl<E: Exchange> Retry<E> {
    /// Wraps an exchange. `entropy` gives 128 random bits for each trace id and each jittered wait.
    pub fn new(inner: E, policy: RetryPolicy, entropy: impl Fn() -> u128 + Send + Sync + 'static) -> Self {
        Self { inner, policy, entropy: Box::new(entropy) }
    }

    /// How long to wait before another attempt, or `None` to stop.
    fn wait(&self, error: &FetchError, retries: usize, until: Instant) -> Option<Duration> {
        let longest = *self.policy.backoff.get(retries).filter(|_| error.retryable())?;
        if error.decision.retryable_once() && retries > 0 {
            return None;
        }
        let asked = error.evidence.retry_after.unwrap_or_default();
        let wait = self.jitter(longest).max(asked);
        (asked <= self.policy.longest_retry_after && wait < until.duration_since(Instant::now()))
            .then_some(wait)
    }

    fn fresh_trace_id(&self) -> String {
        // v4 sets version and variant; `Uuid` prints in lower case.
        uuid::Builder::from_random_bytes((self.entropy)().to_be_bytes()).into_uuid().to_string()
    }

    /// Full jitter: anything from nothing to the longest.
    fn jitter(&self, longest: Duration) -> Duration {
        // The low 53 bits, all of them random in the bits of a UUID, are a fraction of one.
        let bits = (self.entropy)() as u64 & ((1 << 53) - 1);
        longest.mul_f64(bits as f64 / (1_u64 << 53) as f64)
    }
}

impl<E: Exchange> Transport for Retry<E> {
    async fn fetch(
        &self,
        call: &Call,
        witness: &dyn Witness,
        body: &mut dyn BodySink,
    ) -> Result<Answer, FetchError> {
        let until = Instant::now() + self.policy.budget;
        let mut earlier = Vec::new();
        loop {
            let trace_id = self.fresh_trace_id();
            let span = info_span!("attempt", ssp_trace_id = trace_id, outcome = Empty);
            let exchange = self.inner.exchange(call, &trace_id, body).instrument(span.clone());
            let result = timeout_at(until, exchange).await.unwrap_or_else(|_| Err(time_up(&trace_id)));
            span.record("outcome", result.as_ref().map_or_else(FetchError::name, |_| "answered"));
            let error = match result {
                Ok(answer) => return Ok(answer.after(earlier)),
                Err(error) => error,
            };
            let wait = self.wait(&error, earlier.len(), until);
            let Some(wait) = wait.filter(|_| witness.may_try_again(&error)) else {
                return Err(error.after(earlier));
            };
            let wait_ms = wait.as_millis() as u64;
            tracing::debug!(trace_id, outcome = error.name(), wait_ms, "trying again");
            earlier.push(trace_id);
            sleep(wait).await;
        }
    }
}

fn time_up(trace_id: &str) -> FetchError {
    FetchError {
        decision: Decision::Unavailable(Unavailability::TimeUp),
        evidence: Evidence { trace_id: trace_id.to_owned(), attempts: 1, ..Evidence::default() },
    }
}

impl Answer {
    fn after(self, earlier: Vec<String>) -> Self {
        Self { attempts: self.attempts + earlier.len() as u32, earlier_trace_ids: earlier, ..self }
    }
}

impl FetchError {
    fn after(mut self, mut earlier: Vec<String>) -> Self {
        if self.evidence.attempts == 0 {
            // Nothing more was sent: the last trace id is that of the attempt before.
            self.evidence.trace_id = earlier.pop().unwrap_or_default();
            self.evidence.attempts = u32::from(!self.evidence.trace_id.is_empty());
        }
        self.evidence.attempts += earlier.len() as u32;
        self.evidence.earlier_trace_ids = earlier;
        self
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::decision::{Configuration, Limit, Malformed, ProviderFault, Refusal};
    use crate::transport::tests::{answer, call};

    /// Plays a list of outcomes, each after a time, and records when each attempt began.
    struct Script {
        steps: Mutex<Vec<(Duration, Result<(), FetchError>)>>,
        began: Mutex<Vec<Duration>>,
        start: Instant,
    }

    impl Exchange for Script {
        async fn exchange(
            &self,
            _: &Call,
            trace_id: &str,
            _: &mut dyn BodySink,
        ) -> Result<Answer, FetchError> {
            self.began.lock().expect("sound").push(self.start.elapsed());
            let (takes, outcome) = self.steps.lock().expect("sound").remove(0);
            sleep(takes).await;
            outcome.map(|()| answer(trace_id)).map_err(|mut error| {
                if error.decision != RESTING {
                    error.evidence.trace_id = trace_id.to_owned();
                    error.evidence.attempts = 1;
                }
                error
            })
        }
    }

    fn failed(decision: Decision) -> Result<(), FetchError> {
        Err(FetchError { decision, evidence: Evidence::default() })
    }

    fn busy(retry_after: u64) -> Result<(), FetchError> {
        let retry_after = Some(Duration::from_secs(retry_after));
        let evidence = Evidence { retry_after, ..Evidence::default() };
        Err(FetchError { decision: Decision::Unavailable(Unavailability::Busy), evidence })
    }

    /// Different bits each time, of which the jitter sees only ones.
    fn largest_jitter() -> impl Fn() -> u128 {
        let drawn = AtomicU64::new(0);
        move || u128::from(drawn.fetch_add(1, Ordering::SeqCst)) << 96 | u128::from(u64::MAX)
    }

    /// The trace id of the n-th draw of bits: an attempt and the wait before the next draw once each.
    fn trace(draw: u64) -> String {
        format!("{draw:08x}-0000-4000-bfff-ffffffffffff")
    }

    const RESET: Decision = Decision::Unavailable(Unavailability::Reset);
    const RESTING: Decision = Decision::Unavailable(Unavailability::Resting);

    /// Runs the script with the largest jitter; gives the result and the seconds at which attempts began.
    async fn run(steps: Vec<(u64, Result<(), FetchError>)>) -> (Result<Answer, FetchError>, Vec<f64>) {
        let script = Script {
            steps: Mutex::new(
                steps.into_iter().map(|(s, outcome)| (Duration::from_secs(s), outcome)).collect(),
            ),
            began: Mutex::default(),
            start: Instant::now(),
        };
        let retry = Retry::new(script, RetryPolicy::default(), largest_jitter());
        let result = retry.fetch(&call(), &(), &mut Vec::new()).await;
        let began = retry.inner.began.lock().expect("sound").iter().map(Duration::as_secs_f64).collect();
        (result, began)
    }

    fn about(began: &[f64], expected: &[f64]) -> bool {
        // tokio's timer counts in whole milliseconds.
        began.len() == expected.len() && began.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01)
    }

    #[tokio::test(start_paused = true)]
    async fn three_attempts_with_growing_waits_then_the_last_error() {
        let (result, began) = run(vec![(0, failed(RESET)), (0, failed(RESET)), (0, failed(RESET))]).await;
        let error = result.expect_err("failed thrice");
        assert_eq!((error.decision, error.evidence.attempts), (RESET, 3));
        assert_eq!(error.evidence.trace_id, trace(4));
        assert_eq!(error.evidence.earlier_trace_ids, [trace(0), trace(2)]);
        assert!(about(&began, &[0.0, 0.5, 2.5]), "{began:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn success_after_failures_names_all_attempts() {
        let (result, _) = run(vec![(1, failed(RESET)), (1, Ok(()))]).await;
        let answer = result.expect("succeeded");
        assert_eq!((answer.attempts, answer.trace_id.as_str()), (2, trace(2).as_str()));
        assert_eq!(answer.earlier_trace_ids, [trace(0)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_wrong_or_over_a_limit_is_never_retried() {
        for decision in [
            Decision::Refused(Refusal::PatientConsent),
            Decision::NotFound,
            Decision::ProviderFault(ProviderFault::Internal),
            Decision::Configuration(Configuration::ServerNotTrusted),
            Decision::Malformed(Malformed::NotFhir),
            Decision::Limit(Limit::CompressionRatio),
        ] {
            let (result, began) = run(vec![(0, failed(decision))]).await;
            assert_eq!(result.expect_err("failed").evidence.attempts, 1);
            assert_eq!(began.len(), 1, "{decision:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_and_a_truncated_one_are_tried_once_more_only() {
        for decision in
            [Decision::Unavailable(Unavailability::Slow), Decision::Malformed(Malformed::Truncated)]
        {
            let (result, began) = run(vec![(5, failed(decision)), (5, failed(decision))]).await;
            assert_eq!((result.expect_err("failed").evidence.attempts, began.len()), (2, 2));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_system_at_rest_is_not_waited_for_and_what_was_sent_before_is_named() {
        let (result, began) = run(vec![(0, failed(RESTING))]).await;
        let error = result.expect_err("not asked");
        assert_eq!((error.decision, error.evidence.attempts, began.len()), (RESTING, 0, 1));
        let (result, _) = run(vec![(0, failed(RESET)), (0, failed(RESET)), (0, failed(RESTING))]).await;
        let evidence = result.expect_err("not asked any more").evidence;
        assert_eq!((evidence.attempts, evidence.trace_id), (2, trace(2)));
        assert_eq!(evidence.earlier_trace_ids, [trace(0)]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_leave_of_the_witness_there_is_no_further_attempt() {
        struct Never;
        impl Witness for Never {
            fn may_try_again(&self, failed: &FetchError) -> bool {
                assert_eq!(failed.decision, RESET);
                false
            }
        }
        let steps = Mutex::new(vec![(Duration::ZERO, failed(RESET))]);
        let script = Script { steps, began: Mutex::default(), start: Instant::now() };
        let retry = Retry::new(script, RetryPolicy::default(), largest_jitter());
        let error = retry.fetch(&call(), &Never, &mut Vec::new()).await.expect_err("ended");
        assert_eq!((error.decision, error.evidence.attempts), (RESET, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_honoured_up_to_thirty_seconds() {
        let (result, began) = run(vec![(0, busy(30)), (0, busy(0)), (0, Ok(()))]).await;
        assert_eq!(result.expect("succeeded").attempts, 3);
        assert!(about(&began, &[0.0, 30.0, 32.0]), "{began:?}");
        let (result, began) = run(vec![(0, busy(31))]).await;
        assert_eq!((result.expect_err("too long").evidence.attempts, began.len()), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_whole_call_ends_at_ninety_seconds() {
        let timeout = Decision::Unavailable(Unavailability::Timeout);
        let start = Instant::now();
        let (result, began) = run(vec![(45, failed(timeout)), (600, Ok(()))]).await;
        let error = result.expect_err("out of time");
        assert_eq!(error.decision, Decision::Unavailable(Unavailability::TimeUp));
        assert_eq!((error.evidence.attempts, began.len()), (2, 2));
        assert_eq!((error.evidence.earlier_trace_ids, error.evidence.trace_id), (vec![trace(0)], trace(2)));
        assert_eq!(start.elapsed().as_secs(), 90);
    }

    #[tokio::test(start_paused = true)]
    async fn no_attempt_starts_when_its_wait_would_pass_the_budget() {
        let (result, began) = run(vec![(70, busy(25))]).await;
        assert_eq!(result.expect_err("out of time").decision, Decision::Unavailable(Unavailability::Busy));
        assert_eq!(began.len(), 1);
    }

    #[test]
    fn jitter_spans_nothing_to_the_longest() {
        for (bits, expected) in [(0, 0), (u128::MAX, 2_000), (1 << 52, 1_000)] {
            let script = Script { steps: Mutex::default(), began: Mutex::default(), start: Instant::now() };
            let retry = Retry::new(script, RetryPolicy::default(), move || bits);
            let wait = retry.jitter(Duration::from_secs(2)).as_micros();
            assert!(wait.abs_diff(expected * 1000) <= 1, "{bits}: {wait}");
        }
    }
}
