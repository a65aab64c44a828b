//! The GP Connect client against the simulated Spine, over real TLS sockets.

mod answers;
mod check;
mod connection;
#[path = "../support/consumer.rs"]
mod consumer;
mod directory;
mod request;
mod retries;
mod streaming;
mod strict;
mod support;
mod tls;
