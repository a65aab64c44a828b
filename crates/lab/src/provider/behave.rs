//! What a behaviour makes of an answer: of a practice's record, a look-up or a trace alike.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::time::sleep;

use super::server::Reply;
use super::{Behaviour, reply};

/// What is made of a body.
#[derive(Clone)]
pub struct Alteration(Arc<Alter>);

type Alter = dyn Fn(&[u8]) -> Vec<u8> + Send + Sync;

impl Alteration {
    pub(super) fn of(&self, body: &[u8]) -> Bytes {
        (self.0)(body).into()
    }
}

impl fmt::Debug for Alteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alteration(..)")
    }
}

impl Behaviour {
    /// Answers with what this makes of the record.
    pub fn altered(alter: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::Altered(Alteration(Arc::new(alter)))
    }

    /// How long it waits before anything else.
    pub(super) fn wait(&self) -> Duration {
        if let Self::Slow(time) = self { *time } else { Duration::ZERO }
    }
}

/// The answer with that body, as the behaviour has it, its connection to break when the sender dies. What a behaviour
/// refuses is not known here: those are a practice's, and whoever has no patients to refuse answers as usual.
pub(super) async fn answer(behaviour: &Behaviour, body: &Bytes, dead: &Arc<AtomicBool>) -> Reply {
    if !behaviour.wait().is_zero() {
        sleep(behaviour.wait()).await;
    }
    Reply::Http(match behaviour {
        Behaviour::Canned(canned) => reply::canned(canned),
        Behaviour::GzipChunked => reply::gzipped_record(body, dead),
        Behaviour::CutHalfWay => reply::half_record(body),
        Behaviour::Dressed(dressed) => reply::dressed(dressed, body),
        Behaviour::Altered(alteration) => reply::record(&alteration.of(body), dead),
        Behaviour::Scripted(script) => return Reply::Script(script(body)),
        Behaviour::Normal
        | Behaviour::Slow(_)
        | Behaviour::Refuses(_)
        | Behaviour::NotFound
        | Behaviour::Unreachable502
        | Behaviour::WrongPatient(_)
        | Behaviour::FlakyThenOk(_) => reply::record(body, dead),
    })
}
