use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OnceCell;

/// Lets whoever asks for the same thing at the same time wait for the one who asked first (`reliability` sheet,
/// section 3): a practice is not asked twice for one episode because two wards are in a hurry.
///
/// If the first one gives up, another of those who wait takes over. Nothing is kept once all have their answer.
pub(crate) struct SingleFlight<K, V> {
    flights: Mutex<HashMap<K, Weak<OnceCell<V>>>>,
}

impl<K: Eq + Hash, V: Clone> SingleFlight<K, V> {
    pub(crate) fn new() -> Self {
        Self { flights: Mutex::default() }
    }

    /// Does the work, or waits for who is at it already.
    pub(crate) async fn run(&self, key: K, work: impl Future<Output = V>) -> V {
        let flight = self.flight(key);
        flight.get_or_init(|| work).await.clone()
    }

    fn flight(&self, key: K) -> Arc<OnceCell<V>> {
        // A map of weak handles is whole after any panic.
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| flight.strong_count() > 0);
        if let Some(flight) = flights.get(&key).and_then(Weak::upgrade) {
            return flight;
        }
        let flight = Arc::new(OnceCell::new());
        flights.insert(key, Arc::downgrade(&flight));
        flight
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    /// A second of work that counts how often it is begun.
    async fn work(begun: &AtomicUsize) -> usize {
        let turn = begun.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_secs(1)).await;
        turn
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_meanwhile_gets_the_same_answer_and_later_ones_a_new_one() {
        let (flights, begun) = (SingleFlight::new(), AtomicUsize::new(0));
        let ask = |key: &'static str| flights.run(key, work(&begun));
        assert_eq!(tokio::join!(ask("a"), ask("a"), ask("a")), (0, 0, 0));
        assert_eq!(ask("a").await, 1, "nothing is kept");
        let (one, other) = tokio::join!(ask("a"), ask("b"));
        assert_ne!(one, other);
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_first_gives_up_another_takes_over() {
        let (flights, begun) = (SingleFlight::new(), AtomicUsize::new(0));
        let impatient = timeout(Duration::from_millis(1), flights.run("a", work(&begun)));
        let (first, second) = tokio::join!(impatient, flights.run("a", work(&begun)));
        assert!(first.is_err());
        assert_eq!(second, 1);
    }
}
