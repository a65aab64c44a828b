//! The GP Connect client: one patient's structured record from the practice's system, through the Spine
//! Secure Proxy, with mutual TLS (GP Connect Access Record: Structured 1.6.2; `retrieve` sheet).
//!
//! A [`Client`] sends a [`Call`], hands the FHIR JSON to a [`BodySink`] as the practice sends it, and gives an
//! [`Answer`], or a [`FetchError`] that says which decision is left to the caller. A [`Directory`] tells where a
//! practice's system is, a [`Trace`] who the patient is. [`Parameters`] are what a call asks for; a combination that the specification
//! forbids cannot be built.
//!
//! Policy wraps, it is not inside: [`SecureProxy`] makes one attempt, [`Paced`] and [`Breaker`] wrap any such
//! [`Exchange`], [`Retry`] makes it into a [`Transport`] of whole calls, and [`Limited`] wraps any transport.
//! [`Client`] is all of them put together; [`AskTwice`] does for a directory what is needed there.
//!
//! What is deliberately absent: no cache of endpoints or answers, no cookie, no redirect, no proxy from the
//! environment, no connection reuse, no system trust store, no reading of clinical content, and no way to
//! override a refusal.
//!
//! ```no_run
//! # async fn fetch(consumer: bedside_spine::Consumer, call: bedside_spine::Call)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! use bedside_spine::{Client, Tls, TlsFiles};
//!
//! let tls = Tls::from_files(&TlsFiles {
//!     certificate: "/etc/bedside/client.pem".into(),
//!     key: "/etc/bedside/client.key".into(),
//!     authority: "/etc/bedside/spine-ca.pem".into(),
//! })?;
//! let client = Client::new(consumer, &tls, jiff::Timestamp::now)?;
//! match client.get_structured_record(&call).await {
//!     Ok((answer, body)) => println!("{} bytes, trace id {}", body.len(), answer.trace_id),
//!     Err(error) => println!("{}", error.clinician_message()),
//! }
//! # Ok(())
//! # }
//! ```

mod body;
mod breaker;
mod call;
mod check;
mod client;
mod decision;
mod directory;
mod endpoint;
mod fault;
mod floor;
mod https;
mod limit;
mod outcome;
mod pace;
mod parameters;
mod phase;
mod proxy;
mod retry;
mod revocation;
mod secret;
mod tls;
mod token;
mod trace;
mod transport;
mod validity;
mod watch;
mod words;

pub use body::BodyLimits;
pub use breaker::{Breaker, BreakerPolicy};
pub use call::{Call, Consumer, ConsumerError, Device, INTERACTION, Provider};
pub use check::{CertificateFacts, Handshake};
pub use client::{Client, Settings};
pub use decision::{
    Configuration, Decision, Defect, Evidence, FetchError, Limit, Malformed, PatientData, ProviderFault,
    Refusal, Unavailability,
};
pub use directory::{
    AnyDirectory, ApiKey, AskTwice, Directory, DirectoryError, DirectoryFileError, SdsFhirDirectory,
    StaticDirectory,
};
pub use endpoint::{AllowedHosts, EndpointProblem, ServiceRoot};
pub use floor::SpeedFloor;
pub use https::Budgets;
pub use limit::{Concurrency, Limited};
pub use outcome::ErrorCode;
pub use pace::{Pace, Paced, Rate};
pub use parameters::{
    FilterStatus, IncludeAllergies, IncludeConsultations, IncludeDiaryEntries, IncludeImmunisations,
    IncludeInvestigations, IncludeMedication, IncludeProblems, IncludeReferrals, IncludeUncategorisedData,
    ParameterProblems, Parameters, ParametersFile, Period, RequestDay, london_day,
};
pub use proxy::SecureProxy;
pub use retry::{Retry, RetryPolicy};
pub use revocation::{RevocationListFacts, RevocationLists, StaleLists};
pub use tls::{Tls, TlsError, TlsFiles};
pub use trace::{PdsFhir, TokenFile, Trace, TraceError, Traced, Tracer};
pub use transport::{Answer, BodySink, ContentType, Exchange, Transport, Witness};
