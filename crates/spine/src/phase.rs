//! How far a connection has come, which reqwest does not tell: to it, TCP and TLS are one phase, while "no
//! network" and "no TLS" are two findings (`reliability` sheet, F-01 and F-02).

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use tokio::sync::watch::Sender;

/// A phase before there is an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Phase {
    /// Name look-up and TCP connection.
    Connect,
    /// TLS handshake.
    Tls,
    /// Request, and the headers of the answer.
    Headers,
}

/// Keeps no session. rustls asks for one as a handshake begins, which moves the phase on.
#[derive(Debug)]
pub(crate) struct NoSessions(pub(crate) Sender<Phase>);

impl ClientSessionStore for NoSessions {
    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.send_replace(Phase::Tls);
        None
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}
}
