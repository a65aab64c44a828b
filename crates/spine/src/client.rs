use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    Answer, BodyLimits, BodySink, Breaker, BreakerPolicy, Budgets, Call, Concurrency, Consumer,
    ConsumerError, FetchError, Limited, Pace, Paced, Retry, RetryPolicy, SecureProxy, Tls, Transport,
    Witness,
};

/// The knobs of a client. The defaults are those of the `reliability` sheet, section 3.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Time for each phase of an attempt.
    pub budgets: Budgets,
    /// How large a body may grow.
    pub body: BodyLimits,
    /// When to try again.
    pub retry: RetryPolicy,
    /// When to leave a system alone.
    pub breaker: BreakerPolicy,
    /// How often attempts may begin.
    pub pace: Pace,
    /// How many calls may be in flight.
    pub concurrency: Concurrency,
}

/// The GP Connect client: attempts at a pace, behind a breaker, wrapped in retries, wrapped in concurrency limits.
///
/// Share one among all tasks, so that its limits are those of the process.
pub struct Client {
    inner: Limited<Retry<Breaker<Paced<SecureProxy>>>>,
}

impl Client {
    /// A client with the default settings. `clock` is where tokens take their time from, usually
    /// `Timestamp::now`.
    ///
    /// # Errors
    /// [`ConsumerError`] with everything that is wrong with the consumer.
    pub fn new(
        consumer: Consumer,
        tls: &Tls,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, ConsumerError> {
        Self::with(consumer, tls, Settings::default(), clock, os_entropy)
    }

    /// A client with these settings, and with the source of its randomness: 128 bits for each trace id and for
    /// each jittered wait.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with(
        consumer: Consumer,
        tls: &Tls,
        settings: Settings,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        entropy: impl Fn() -> u128 + Send + Sync + 'static,
    ) -> Result<Self, ConsumerError> {
        let proxy = SecureProxy::new(consumer, tls, &settings, clock)?;
        let attempts = Breaker::new(Paced::new(proxy, settings.pace), settings.breaker);
        let retry = Retry::new(attempts, settings.retry, entropy);
        Ok(Self { inner: Limited::new(retry, settings.concurrency) })
    }

    /// Gets the structured record of the call's patient and its body as a whole, for a caller who does not account for
    /// attempts.
    ///
    /// # Errors
    /// As [`Transport::fetch`].
    pub async fn get_structured_record(&self, call: &Call) -> Result<(Answer, Vec<u8>), FetchError> {
        let mut body = Vec::new();
        let answer = self.fetch(call, &(), &mut body).await?;
        Ok((answer, body))
    }
}

impl Transport for Client {
    async fn fetch(
        &self,
        call: &Call,
        witness: &dyn Witness,
        body: &mut dyn BodySink,
    ) -> Result<Answer, FetchError> {
        self.inner.fetch(call, witness, body).await
    }
}

/// 128 bits from the operating system. The version and variant bits of the UUID they come from are fixed, and
/// are the very ones that a trace id fixes too.
fn os_entropy() -> u128 {
    Uuid::new_v4().as_u128()
}
