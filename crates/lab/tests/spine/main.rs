//! The GP Connect client against the simulated Spine, over real TLS sockets.

mod answers;
mod check;
mod connection;
mod directory;
mod fault_matrix;
mod request;
mod retries;
mod support;
mod tls;
