//! Log lines for engineers, on standard error, and where that is built in and asked for, traces of a run for a collector.
//! Neither holds a word of a record, a person or an episode (`security` sheet, section 7).

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

#[cfg(feature = "otel")]
mod traces;

/// What has been begun with the process and ends with it.
pub(crate) struct Log {
    #[cfg(feature = "otel")]
    traces: Option<traces::Traces>,
}

impl Log {
    /// Begins: warnings, or what `BEDSIDE_LOG` asks for, as text or, with `BEDSIDE_LOG_FORMAT=json`, one object a line.
    /// A run is traced where `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector.
    pub(crate) fn start(is_run: bool) -> Self {
        #[cfg(feature = "otel")]
        let traces = if is_run { traces::Traces::from_environment() } else { None };
        #[cfg(not(feature = "otel"))]
        let _ = is_run;
        let subscriber = Registry::default();
        #[cfg(feature = "otel")]
        let subscriber = subscriber.with(traces.as_ref().map(traces::Traces::layer));
        // A second start, as in a test, keeps the first.
        let _ = subscriber.with(lines()).try_init();
        Self {
            #[cfg(feature = "otel")]
            traces,
        }
    }

    /// Ends: what has not been sent is sent now, or told to be lost.
    pub(crate) fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(traces) = self.traces {
            traces.end();
        }
    }
}

/// The lines.
fn lines<S>() -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let filter = EnvFilter::try_from_env("BEDSIDE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let lines = fmt::layer().with_writer(std::io::stderr);
    match std::env::var_os("BEDSIDE_LOG_FORMAT").is_some_and(|format| format == "json") {
        true => lines.json().with_filter(filter).boxed(),
        false => lines.with_filter(filter).boxed(),
    }
}
