//! The section `serve`: where tables are handed over, and to whom.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use bedside_warm::strict::Fields;

use super::path;

/// Seconds that fit what a connection may take.
const MOST_SECONDS: u32 = 3600;

/// Where `bedside serve` listens and whose word counts. Flags go before it.
#[derive(Debug, Default)]
pub(crate) struct Serve {
    pub(crate) socket: Option<PathBuf>,
    /// The group whose members may open the socket, too.
    pub(crate) group: Option<String>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) token_key: Option<PathBuf>,
    pub(crate) audience: Option<String>,
    pub(crate) connections: Option<NonZeroUsize>,
    pub(crate) seconds: Option<u16>,
}

/// Reads the section. What is missing may come from flags, so that nothing of it must be there.
pub(super) fn serve(fields: &mut Fields<'_>, folder: &Path) -> Option<Serve> {
    let mut file = |name| if fields.has(name) { path(fields, name, folder) } else { None };
    let (socket, certificate, tls_key, token_key) =
        (file("socket"), file("certificate"), file("tls_key"), file("token_key"));
    let group = fields.optional_text("group").map(str::to_owned);
    let listen = fields.optional_parsed("listen", str::parse::<SocketAddr>);
    if socket.is_some() && listen.is_some() {
        fields.malformed("listen", "name either it or socket");
    }
    let audience = fields.optional_text("audience").map(str::to_owned);
    let connections = fields.optional_count("connections", 1).and_then(|count| usize::try_from(count).ok());
    let seconds = fields.optional_count("seconds", 1);
    if seconds.is_some_and(|seconds| seconds > MOST_SECONDS) {
        fields.malformed("seconds", format!("must be at most {MOST_SECONDS}"));
    }
    Some(Serve {
        socket,
        group,
        listen,
        certificate,
        tls_key,
        token_key,
        audience,
        connections: connections.and_then(NonZeroUsize::new),
        seconds: seconds.and_then(|seconds| u16::try_from(seconds).ok()),
    })
}
