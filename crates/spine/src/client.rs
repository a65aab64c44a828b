use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    Answer, BodyLimits, Budgets, Call, Concurrency, Consumer, ConsumerError, FetchError, Limited, Retry,
    RetryPolicy, SecureProxy, Tls, Transport,
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
    /// How many calls may be in flight.
    pub concurrency: Concurrency,
}

/// The GP Connect client: attempts, wrapped in retries, wrapped in concurrency limits.
///
/// Share one among all tasks, so that its limits are those of the process.
pub struct Client {
    inner: Limited<Retry<SecureProxy>>,
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
        let retry = Retry::new(proxy, settings.retry, entropy);
        Ok(Self { inner: Limited::new(retry, settings.concurrency) })
    }

    /// Gets the structured record of the call's patient.
    ///
    /// # Errors
    /// As [`Transport::get_structured_record`].
    pub async fn get_structured_record(&self, call: &Call) -> Result<Answer, FetchError> {
        self.inner.get_structured_record(call).await
    }
}

impl Transport for Client {
    async fn get_structured_record(&self, call: &Call) -> Result<Answer, FetchError> {
        self.inner.get_structured_record(call).await
    }
}

/// 128 bits from the operating system. The version and variant bits of the UUID they come from are fixed, and
/// are the very ones that a trace id fixes too.
fn os_entropy() -> u128 {
    Uuid::new_v4().as_u128()
}
