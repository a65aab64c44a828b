//! What can break between the first byte out and the last byte in, told from the errors of TLS and HTTP.

use std::error::Error;
use std::{io, iter};

use rustls::AlertDescription;

/// A transport fault. The mapping to a decision is in `outcome.rs`, beside that of statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No TCP connection: name, refusal, or time.
    Connect,
    /// No TLS in time.
    TlsTimeout,
    /// The server's certificate does not verify.
    ServerNotTrusted,
    /// The server says that our certificate does not.
    CertificateRefused,
    /// Any other failure of TLS.
    TlsPolicy,
    /// No headers in time.
    HeadersTimeout,
    /// Closed before the headers were complete.
    Reset,
    /// Closed before the body was complete.
    Cut,
    /// The body stalled or the attempt's time was up.
    Slow,
    /// Not HTTP.
    Http,
    /// A content encoding that we do not read, or broken gzip.
    Encoding,
    /// Over the size limit.
    BodySize,
    /// Over the ratio limit.
    CompressionRatio,
}

impl Fault {
    /// What an error of a connection means; `closed` is what an early end means at this stage.
    pub(crate) fn of(error: &(dyn Error + 'static), closed: Self) -> Self {
        let tls = causes(error).find_map(|cause| cause.downcast_ref()).map(Self::of_tls);
        tls.unwrap_or_else(|| if causes(error).any(is_no_http) { Self::Http } else { closed })
    }

    /// In TLS 1.3 the server judges our certificate after our handshake is over, so this is met on reading.
    fn of_tls(error: &rustls::Error) -> Self {
        match error {
            // A list of withdrawn certificates that its issuer did not sign tells nothing of the server.
            rustls::Error::InvalidCertificate(_)
            | rustls::Error::InvalidCertRevocationList(_)
            | rustls::Error::NoCertificatesPresented => Self::ServerNotTrusted,
            rustls::Error::AlertReceived(
                AlertDescription::NoCertificate
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::DecryptError
                | AlertDescription::CertificateRequired,
            ) => Self::CertificateRefused,
            _ => Self::TlsPolicy,
        }
    }
}

/// The errors from the outermost in. What an `io::Error` wraps is not its source.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as _),
        None => error.source(),
    })
}

fn is_no_http(error: &(dyn Error + 'static)) -> bool {
    // What a chunk's size or a length cannot be; an end or a reset is of another kind.
    let io = error.downcast_ref().map(io::Error::kind);
    matches!(io, Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
        || error.downcast_ref().is_some_and(hyper::Error::is_parse)
}

#[cfg(test)]
mod tests {
    use rustls::{CertificateError, PeerIncompatible};

    use super::*;

    /// As reqwest's connector wraps it.
    fn of_handshake(error: rustls::Error) -> Fault {
        let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error));
        Fault::of(&error, Fault::Reset)
    }

    #[test]
    fn a_server_that_does_not_verify_is_not_trusted() {
        for error in [
            CertificateError::UnknownIssuer,
            CertificateError::NotValidForName,
            CertificateError::Expired,
            CertificateError::NotValidYet,
            CertificateError::Revoked,
            CertificateError::BadSignature,
        ] {
            assert_eq!(of_handshake(rustls::Error::InvalidCertificate(error)), Fault::ServerNotTrusted);
        }
    }

    #[test]
    fn a_servers_word_against_our_certificate_is_heard() {
        for alert in [
            AlertDescription::UnknownCA,
            AlertDescription::BadCertificate,
            AlertDescription::CertificateExpired,
            AlertDescription::CertificateRevoked,
            AlertDescription::CertificateRequired,
            AlertDescription::DecryptError,
        ] {
            assert_eq!(of_handshake(rustls::Error::AlertReceived(alert)), Fault::CertificateRefused);
        }
    }

    #[test]
    fn no_common_ground_and_a_closed_connection_are_told_apart() {
        let version = PeerIncompatible::Tls12NotOfferedOrEnabled;
        assert_eq!(of_handshake(rustls::Error::PeerIncompatible(version)), Fault::TlsPolicy);
        let alert = AlertDescription::HandshakeFailure;
        assert_eq!(of_handshake(rustls::Error::AlertReceived(alert)), Fault::TlsPolicy);
        for closed in [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset] {
            assert_eq!(Fault::of(&io::Error::from(closed), Fault::Reset), Fault::Reset);
        }
    }
}
