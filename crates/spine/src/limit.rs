use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bedside_model::Asid;
use tokio::sync::Semaphore;

use crate::{Answer, BodySink, Call, FetchError, Transport, Witness};

/// How many calls may be in flight (`reliability` sheet, section 3).
#[derive(Debug, Clone, Copy)]
pub struct Concurrency {
    /// To one practice's system; 4 by default.
    pub per_practice: usize,
    /// In all; 32 by default.
    pub overall: usize,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self { per_practice: 4, overall: 32 }
    }
}

/// Lets only so many calls be in flight; the others wait in order of arrival.
///
/// A practice's system is known by its ASID. A call counts from its first attempt to its last, so that a
/// practice in trouble is not met by more callers while some wait to try again.
pub struct Limited<T> {
    inner: T,
    per_practice: usize,
    overall: Semaphore,
    // One small entry for each practice ever called: a few thousand at most.
    practices: Mutex<HashMap<Asid, Arc<Semaphore>>>,
}

impl<T: Transport> Limited<T> {
    /// Wraps a transport. A limit of zero is taken as one.
    pub fn new(inner: T, concurrency: Concurrency) -> Self {
        Self {
            inner,
            per_practice: concurrency.per_practice.max(1),
            overall: Semaphore::new(concurrency.overall.max(1)),
            practices: Mutex::default(),
        }
    }

    fn practice(&self, asid: &Asid) -> Arc<Semaphore> {
        // A map of semaphores is whole after any panic.
        let mut practices = self.practices.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(Semaphore::new(self.per_practice));
        practices.entry(asid.clone()).or_insert_with(fresh).clone()
    }
}

impl<T: Transport> Transport for Limited<T> {
    async fn fetch(
        &self,
        call: &Call,
        witness: &dyn Witness,
        body: &mut dyn BodySink,
    ) -> Result<Answer, FetchError> {
        let practice = self.practice(&call.provider.asid);
        // The practice first: those who queue for a slow one must not hold the places of others. Neither
        // semaphore is ever closed, which is the only error.
        let _practice = practice.acquire().await;
        let _overall = self.overall.acquire().await;
        self.inner.fetch(call, witness, body).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::task::JoinSet;
    use tokio::time::sleep;

    use super::*;
    use crate::transport::tests::call;
    use crate::{Decision, Evidence};

    /// Counts how many calls are in flight, in all and to the practice with the lowest ASID.
    #[derive(Default)]
    struct Counter {
        now: [AtomicUsize; 2],
        most: [AtomicUsize; 2],
    }

    impl Transport for Arc<Counter> {
        async fn fetch(
            &self,
            call: &Call,
            _: &dyn Witness,
            _: &mut dyn BodySink,
        ) -> Result<Answer, FetchError> {
            let counted = if call.provider.asid.as_str() == "200000000000" { 2 } else { 1 };
            for index in 0..counted {
                let now = self.now[index].fetch_add(1, Ordering::SeqCst) + 1;
                self.most[index].fetch_max(now, Ordering::SeqCst);
            }
            sleep(Duration::from_secs(1)).await;
            for index in 0..counted {
                self.now[index].fetch_sub(1, Ordering::SeqCst);
            }
            Err(FetchError { decision: Decision::NotFound, evidence: Evidence::default() })
        }
    }

    async fn most(practices: u64, calls_each: usize) -> [usize; 2] {
        let counter = Arc::new(Counter::default());
        let limited = Arc::new(Limited::new(counter.clone(), Concurrency::default()));
        let mut tasks = JoinSet::new();
        for practice in 0..practices {
            for _ in 0..calls_each {
                let (limited, mut call) = (limited.clone(), call());
                call.provider.asid = format!("{}", 200_000_000_000 + practice).parse().expect("an ASID");
                tasks.spawn(async move { limited.fetch(&call, &(), &mut Vec::new()).await.map(|_| ()) });
            }
        }
        assert_eq!(tasks.join_all().await.len(), practices as usize * calls_each);
        [0, 1].map(|index| counter.most[index].load(Ordering::SeqCst))
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_four_calls_are_in_flight_to_a_practice() {
        assert_eq!(most(1, 20).await, [4, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_thirty_two_calls_are_in_flight_in_all() {
        assert_eq!(most(20, 5).await[0], 32);
    }
}
