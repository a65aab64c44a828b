//! The cache over a socket: a grant goes in, one table of one episode comes out, and the audit log has both before a
//! byte leaves. For care systems that would rather ask a running process than start one for every table.
//!
//! # What can be asked
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /v1/episodes/EPISODE/tables/TABLE`, `Authorization: Bearer TOKEN` | the table, for the person whom the host system's token names |
//! | `POST` of the same, the reader's assertion as its body | the same, from the owner of the Unix socket alone |
//! | `GET /health` | 200 while records can be handed over, 503 when not |
//! | `GET /metrics` | counts for Prometheus, without any label but the status |
//!
//! `Accept: application/vnd.apache.arrow.stream` asks for an Arrow IPC stream, anything else that permits it for JSON.
//! `?accept_stale=true` takes a record that is older than the site's limit, which is recorded. What is refused is
//! answered with a status and one JSON object, `error` and `message`, neither of which says anything of a record.
//!
//! # What it takes
//!
//! A connection is one request, has a time in which all of it must be over, and takes one of a fixed number of places;
//! whoever comes when all are taken waits before the door. On the Unix socket the word of its owner for who reads is
//! taken as it is on the command line. Nobody else can open it, unless a [`Group`] is let in, whose members need a token;
//! and so does everybody on loopback TLS, which is open to every user of the machine.

mod credentials;
mod group;
mod listener;
mod metrics;
mod refusal;
mod request;
mod server;
mod table;

pub use group::Group;
pub use listener::{ListenError, Listener};
pub use server::{Limits, Parts, Server};
pub use table::{Format, NotWritten, WriteTable};
