use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bedside_model::Asid;
use tokio::time::Instant;

use crate::{Answer, BodySink, Call, Decision, Evidence, Exchange, FetchError, Unavailability};

/// When to leave a system alone that does not answer (`reliability` sheet, section 3).
#[derive(Debug, Clone, Copy)]
pub struct BreakerPolicy {
    /// So many failures open the circuit; 5 by default. Zero is taken as one.
    pub failures: usize,
    /// Within this time; 60 s by default.
    pub within: Duration,
    /// How long nothing is sent once it is open; 60 s by default. Then one attempt finds out.
    pub rest: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 5, within: Duration::from_secs(60), rest: Duration::from_secs(60) }
    }
}

/// Leaves a system alone for a while when attempt after attempt fails, so that one in trouble is not kept there,
/// and a patient's admission is not kept waiting for it.
///
/// Each practice's system has a circuit, known by its ASID, and the Spine Secure Proxy has one: whether it cannot be
/// connected to is no practice's affair. A refusal, a defect of ours or an error for one patient's record is an
/// answer, and opens none.
pub struct Breaker<E> {
    inner: E,
    policy: BreakerPolicy,
    // `None` is the proxy. One small entry for each practice ever called: a few thousand at most.
    circuits: Mutex<HashMap<Option<Asid>, Circuit>>,
}

/// Closed, open until a time, or open with a probe on its way.
#[derive(Default)]
struct Circuit {
    failures: VecDeque<Instant>,
    open_until: Option<Instant>,
    probing: bool,
}

/// What an attempt tells of one circuit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Worked,
    Failed,
    /// It was abandoned, or broke before it came so far.
    Unknown,
}

impl<E: Exchange> Breaker<E> {
    /// Wraps an exchange.
    pub fn new(inner: E, policy: BreakerPolicy) -> Self {
        Self { inner, policy, circuits: Mutex::default() }
    }

    fn admit(&self, system: Option<&Asid>) -> Option<Permit<'_, E>> {
        let mut circuits = self.circuits();
        let probe = circuits.entry(system.cloned()).or_default().admit(Instant::now())?;
        Some(Permit { breaker: self, system: system.cloned(), probe, verdict: Verdict::Unknown })
    }

    /// A map of circuits is whole after any panic.
    fn circuits(&self) -> MutexGuard<'_, HashMap<Option<Asid>, Circuit>> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Exchange> Exchange for Breaker<E> {
    async fn exchange(
        &self,
        call: &Call,
        trace_id: &str,
        body: &mut dyn BodySink,
    ) -> Result<Answer, FetchError> {
        let practice = self.admit(Some(&call.provider.asid));
        let (Some(mut practice), Some(mut proxy)) = (practice, self.admit(None)) else {
            let decision = Decision::Unavailable(Unavailability::Resting);
            return Err(FetchError { decision, evidence: Evidence::default() });
        };
        let result = self.inner.exchange(call, trace_id, body).await;
        (proxy.verdict, practice.verdict) = match result.as_ref().err().map(|error| error.decision) {
            Some(Decision::Unavailable(Unavailability::Network | Unavailability::TlsTimeout)) => {
                (Verdict::Failed, Verdict::Unknown)
            }
            Some(Decision::Unavailable(_)) => (Verdict::Worked, Verdict::Failed),
            _ => (Verdict::Worked, Verdict::Worked),
        };
        result
    }
}

/// Leave to make an attempt. It settles its circuit when it is dropped, so that an attempt that is abandoned does
/// not leave a probe behind that nobody awaits.
struct Permit<'a, E: Exchange> {
    breaker: &'a Breaker<E>,
    system: Option<Asid>,
    probe: bool,
    verdict: Verdict,
}

impl<E: Exchange> Drop for Permit<'_, E> {
    fn drop(&mut self) {
        let mut circuits = self.breaker.circuits();
        if let Some(circuit) = circuits.get_mut(&self.system) {
            circuit.settle(self.probe, self.verdict, self.breaker.policy, Instant::now());
        }
    }
}

impl Circuit {
    /// Whether an attempt may be made, and then whether it is the probe.
    fn admit(&mut self, now: Instant) -> Option<bool> {
        match self.open_until {
            None => Some(false),
            Some(until) if until <= now && !self.probing => {
                self.probing = true;
                Some(true)
            }
            Some(_) => None,
        }
    }

    fn settle(&mut self, probe: bool, verdict: Verdict, policy: BreakerPolicy, now: Instant) {
        if probe {
            self.probing = false;
        }
        match verdict {
            Verdict::Worked if probe => *self = Self::default(),
            Verdict::Failed if probe => self.open_until = Some(now + policy.rest),
            Verdict::Failed if self.open_until.is_none() => {
                self.failures.push_back(now);
                self.failures.retain(|at| now.duration_since(*at) < policy.within);
                if self.failures.len() >= policy.failures.max(1) {
                    self.open_until = Some(now + policy.rest);
                }
            }
            // Attempts that began before the circuit opened tell nothing of now.
            Verdict::Worked | Verdict::Failed | Verdict::Unknown => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::{advance, sleep};

    use super::*;
    use crate::decision::{ProviderFault, Refusal};
    use crate::transport::tests::{answer, call};

    const RESTING: Decision = Decision::Unavailable(Unavailability::Resting);
    const BUSY: Decision = Decision::Unavailable(Unavailability::Busy);
    const NETWORK: Decision = Decision::Unavailable(Unavailability::Network);

    /// Ends every attempt in the same way after a second, and counts them.
    struct Always {
        decision: Mutex<Option<Decision>>,
        attempts: AtomicUsize,
    }

    impl Exchange for Always {
        async fn exchange(
            &self,
            _: &Call,
            trace_id: &str,
            _: &mut dyn BodySink,
        ) -> Result<Answer, FetchError> {
            self.attempts.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_secs(1)).await;
            let evidence = Evidence { attempts: 1, ..Evidence::default() };
            match *self.decision.lock().expect("whole") {
                Some(decision) => Err(FetchError { decision, evidence }),
                None => Ok(answer(trace_id)),
            }
        }
    }

    fn breaker(decision: Option<Decision>) -> Breaker<Always> {
        let always = Always { decision: Mutex::new(decision), attempts: AtomicUsize::new(0) };
        Breaker::new(always, BreakerPolicy::default())
    }

    impl Breaker<Always> {
        fn attempts(&self) -> usize {
            self.inner.attempts.load(Ordering::SeqCst)
        }

        fn then_always(&self, decision: Option<Decision>) {
            *self.inner.decision.lock().expect("whole") = decision;
        }

        /// One attempt at a practice by the last digit of its ASID.
        async fn attempt(&self, practice: u64) -> Option<Decision> {
            let mut call = call();
            call.provider.asid = format!("{}", 200_000_000_000 + practice).parse().expect("an ASID");
            self.exchange(&call, "t", &mut Vec::new()).await.err().map(|error| error.decision)
        }

        async fn fail(&self, times: usize, practice: u64) {
            for _ in 0..times {
                assert_ne!(self.attempt(practice).await, Some(RESTING));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_minute_give_a_practice_a_minute_of_rest_and_others_none() {
        let breaker = breaker(Some(BUSY));
        breaker.fail(5, 1).await;
        assert_eq!(breaker.attempt(1).await, Some(RESTING));
        assert_eq!(breaker.attempts(), 5, "nothing was sent");
        assert_eq!(breaker.attempt(2).await, Some(BUSY), "another practice");
        advance(Duration::from_secs(58)).await;
        assert_eq!(breaker.attempt(1).await, Some(RESTING), "59 seconds later");
        advance(Duration::from_secs(1)).await;
        assert_eq!(breaker.attempt(1).await, Some(BUSY), "the probe");
        assert_eq!(breaker.attempt(1).await, Some(RESTING), "which failed");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_further_apart_open_nothing() {
        let breaker = breaker(Some(BUSY));
        for _ in 0..20 {
            breaker.fail(1, 1).await;
            advance(Duration::from_secs(14)).await;
        }
        assert_eq!(breaker.attempts(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_at_a_time_and_its_success_closes_the_circuit() {
        let breaker = breaker(Some(BUSY));
        breaker.fail(5, 1).await;
        advance(Duration::from_secs(60)).await;
        breaker.then_always(None);
        let (probe, beside) = tokio::join!(breaker.attempt(1), breaker.attempt(1));
        assert_eq!((probe, beside), (None, Some(RESTING)));
        breaker.then_always(Some(BUSY));
        breaker.fail(4, 1).await;
        assert_eq!(breaker.attempt(1).await, Some(BUSY), "it counts from nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_abandoned_lets_another_go() {
        let breaker = breaker(Some(BUSY));
        breaker.fail(5, 1).await;
        advance(Duration::from_secs(60)).await;
        let abandoned = tokio::time::timeout(Duration::from_millis(1), breaker.attempt(1)).await;
        assert!(abandoned.is_err());
        assert_eq!(breaker.attempt(1).await, Some(BUSY));
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_are_no_record_open_nothing() {
        for decision in [
            Decision::Refused(Refusal::PatientConsent),
            Decision::NotFound,
            Decision::ProviderFault(ProviderFault::Internal),
        ] {
            let breaker = breaker(Some(decision));
            breaker.fail(20, 1).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_proxy_out_of_reach_rests_for_all_and_is_held_against_no_practice() {
        let breaker = breaker(Some(NETWORK));
        for practice in 0..5 {
            breaker.fail(1, practice).await;
        }
        assert_eq!(breaker.attempt(9).await, Some(RESTING));
        advance(Duration::from_secs(60)).await;
        breaker.then_always(None);
        for practice in 0..5 {
            assert_eq!(breaker.attempt(practice).await, None);
        }
    }
}
