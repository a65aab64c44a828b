use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use bedside_spine::{Decision, Handshake, StaleLists, Tls, Unavailability};
use jiff::{SignedDuration, Timestamp};

use super::finding::Finding;
use crate::config::Spine;
use crate::exit::Stopped;

/// From how few days on a certificate is warned about (`security` sheet, section 8).
const EXPIRY_WARNING_DAYS: i64 = 60;

/// How far apart the clocks may be: a token that is five seconds ahead is refused (`retrieve` sheet, section 4), and the
/// other clock is told in whole seconds.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(4);

/// Chain and expiry of our certificate, whose files are in order.
pub(super) fn client_certificate(spine: &Spine) -> Vec<Finding> {
    match Tls::from_files(&spine.tls) {
        Ok(tls) => vec![certificate(&tls, Timestamp::now())],
        Err(error) => vec![Finding::broken_file(&error)],
    }
}

fn certificate(tls: &Tls, now: Timestamp) -> Finding {
    const WHAT: &str = "client certificate";
    let facts = tls.certificate_facts();
    match (facts.days_left(now), facts.until) {
        (Some(days), Some(until)) if days < 0 => Finding::bad(WHAT, format!("expired at {until}")),
        (Some(_), Some(until)) if !facts.chains => Finding::warning(
            WHAT,
            format!("holds until {until}; it does not chain to the configured authority"),
        ),
        (Some(days), Some(until)) if days < EXPIRY_WARNING_DAYS => {
            Finding::warning(WHAT, format!("{days} days left, until {until}: ask for the next one"))
        }
        (Some(days), Some(until)) => Finding::good(WHAT, format!("{days} days left, until {until}")),
        _ => Finding::warning(WHAT, "its dates cannot be read"),
    }
}

/// Whether each list of withdrawn certificates is the latest; nothing where there are none.
pub(super) fn revocation_lists(tls: &Tls, stale: StaleLists) -> Vec<Finding> {
    const WHAT: &str = "revocation list";
    let now = Timestamp::now();
    let of = |list: &bedside_spine::RevocationListFacts| {
        let due = list.next_update.map_or("an unknown time".to_owned(), |due| due.to_string());
        let words = format!("{}: the next is due at {due}", list.path.display());
        match (list.is_stale(now), stale) {
            (false, _) => Finding::good(WHAT, words),
            (true, StaleLists::Used) => {
                Finding::warning(WHAT, format!("{words}; this one is stale, and used"))
            }
            (true, StaleLists::Refused) => {
                Finding::bad(WHAT, format!("{words}; this one is stale, and no server is trusted by it"))
            }
        }
    };
    tls.revocation_lists().iter().map(of).collect()
}

/// The handshake, and the clock of whoever answers.
pub(super) fn proxy(tls: &Tls, root: &str) -> Vec<Finding> {
    const WHAT: &str = "handshake with the proxy";
    match tls.shake_hands(root) {
        Ok(handshake) => {
            vec![Finding::good(WHAT, agreed(&handshake)), clock(&handshake)]
        }
        Err(decision) => vec![Finding::bad(WHAT, in_words(decision, root))],
    }
}

/// A handshake with a service beside the proxy. Nothing is asked of it.
pub(super) fn service(what: &'static str, url: &str, tls: Result<Tls, Stopped>) -> Finding {
    match tls.map(|tls| tls.shake_hands(url)) {
        Ok(Ok(handshake)) => Finding::good(what, agreed(&handshake)),
        Ok(Err(decision)) => Finding::bad(what, in_words(decision, url)),
        Err(stopped) => Finding::bad(what, stopped.message),
    }
}

/// How long one more look at a way that does not go may take.
const LOOK: Duration = Duration::from_secs(5);

/// What stands in the way; where nobody was reached, whom to ring: a name that is not known, a port that is closed and a
/// silent network are three different calls.
fn in_words(decision: Decision, root: &str) -> String {
    let (Decision::Unavailable(Unavailability::Network), Some(place)) = (decision, place(root)) else {
        return decision.to_string();
    };
    let found = place.to_socket_addrs().map(|mut addresses| addresses.next());
    let told = match found {
        Err(_) | Ok(None) => "the name is not known: DNS".to_owned(),
        Ok(Some(address)) => match TcpStream::connect_timeout(&address, LOOK) {
            Ok(_) => "now somebody answers: try again".to_owned(),
            Err(error) => format!("{}: network, firewall, or the service itself", error.kind()),
        },
    };
    format!("{decision}: {place}: {told}")
}

/// Host and port of a root.
fn place(root: &str) -> Option<String> {
    let host = root.strip_prefix("https://")?.split('/').next()?;
    let has_port =
        host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    Some(if has_port { host.to_owned() } else { format!("{host}:443") })
}

fn agreed(handshake: &Handshake) -> String {
    format!("{} {}", handshake.version, handshake.suite)
}

fn clock(handshake: &Handshake) -> Finding {
    const WHAT: &str = "clock";
    match handshake.clock_ahead {
        None => Finding::warning(WHAT, "the proxy does not tell its time"),
        Some(ahead) if ahead.abs() > CLOCK_TOLERANCE => Finding::bad(
            WHAT,
            format!("{} s apart from the proxy's: tokens would be refused", ahead.as_secs()),
        ),
        Some(_) => Finding::good(WHAT, "agrees with the proxy's"),
    }
}
