//! Traces over OTLP, as JSON over HTTP, to a collector on this machine: it hands them on over whatever TLS the site
//! wants, and this program keeps trusting Spine's authority alone.

use std::env;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use reqwest::blocking::Client;
use reqwest::{Url, redirect};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::{Layer, Registry};

use crate::output::tell;

/// The variable that every program with OpenTelemetry takes.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// How long the end of a run waits for a collector that does not answer.
const LAST_EXPORT: Duration = Duration::from_secs(5);

/// Spans on their way to the collector.
pub(super) struct Traces {
    provider: SdkTracerProvider,
    lost: Arc<AtomicBool>,
}

impl Traces {
    /// Spans for the collector that the environment names. One that cannot be used is told and does without: no patient
    /// waits for a trace.
    pub(super) fn from_environment() -> Option<Self> {
        let endpoint = env::var(ENDPOINT).ok().filter(|endpoint| !endpoint.is_empty())?;
        let lost = Arc::new(AtomicBool::new(false));
        match provider(&endpoint, Arc::clone(&lost)) {
            Ok(provider) => Some(Self { provider, lost }),
            Err(problem) => {
                tell(&format!("bedside: no traces: {ENDPOINT} {problem}"));
                None
            }
        }
    }

    /// Our own spans and what they are told. A library below may say more than it should, so none of its are taken; and
    /// of ours, neither place in the source nor thread.
    pub(super) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let ours = Targets::new()
            .with_target("bedside_warm", LevelFilter::DEBUG)
            .with_target("bedside_spine", LevelFilter::DEBUG);
        let layer = tracing_opentelemetry::layer().with_tracer(self.provider.tracer("bedside"));
        layer
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_filter(ours)
            .boxed()
    }

    pub(super) fn end(self) {
        let ended = self.provider.shutdown_with_timeout(LAST_EXPORT);
        if ended.is_err() || self.lost.load(Ordering::Relaxed) {
            tell(&format!("bedside: traces are missing: the collector of {ENDPOINT} did not take them"));
        }
    }
}

/// Sends spans, and remembers when that failed: the processor that sends batches keeps it to itself.
#[derive(Debug)]
struct Remembering {
    exporter: opentelemetry_otlp::SpanExporter,
    lost: Arc<AtomicBool>,
}

impl SpanExporter for Remembering {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        self.lost.fetch_or(sent.is_err(), Ordering::Relaxed);
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

fn provider(endpoint: &str, lost: Arc<AtomicBool>) -> Result<SdkTracerProvider, &'static str> {
    let endpoint = local(endpoint).ok_or("must be http to this machine, such as http://127.0.0.1:4318")?;
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client().ok_or("cannot be asked: no client could be made")?)
        .with_protocol(Protocol::HttpJson)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()
        .map_err(|_| "is not one that spans can be sent to")?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_service_name("bedside").with_attribute(version).build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(Remembering { exporter, lost })
        .with_resource(resource)
        .build())
}

/// The address, if it is one of this machine: spans go over it in the clear.
fn local(endpoint: &str) -> Option<&str> {
    let url = Url::parse(endpoint).ok().filter(|url| url.scheme() == "http")?;
    let host = url.host_str()?.trim_matches(['[', ']']);
    let is_local = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    is_local.then_some(endpoint)
}

/// A client that goes nowhere else, and has no TLS to speak: it trusts nobody.
fn client() -> Option<Client> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let client =
        Client::builder().tls_backend_preconfigured(tls).no_proxy().redirect(redirect::Policy::none());
    client.timeout(LAST_EXPORT).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_stay_on_this_machine() {
        for here in ["http://127.0.0.1:4318", "http://localhost:4318/", "http://[::1]:4318"] {
            assert_eq!(local(here), Some(here));
        }
        for elsewhere in [
            "https://127.0.0.1:4318",
            "http://collector.example:4318",
            "http://localhost.example",
            "http://127.0.0.1@collector.example",
            "http://192.0.2.1",
            "4318",
        ] {
            assert_eq!(local(elsewhere), None, "{elsewhere}");
        }
    }
}
