//! What messages report of stays, done in the cache, which audits it.

use bedside_cache::{Cache, CacheError, NotReadable};

use crate::admissions::{Stay, StayEvent};
use crate::event::StayOutcome;

/// Does what the report asks for.
pub(crate) fn heed(cache: &Cache, stay: &Stay) -> StayOutcome {
    let (episode, assertion) = (&stay.episode, &stay.assertion);
    let done = match stay.says {
        StayEvent::Discharged => cache.discharge(episode, assertion).map(drop),
        StayEvent::Cancelled => cache.purge(episode, assertion).map(drop),
        StayEvent::Continues => cache.confirm(episode, assertion).map(drop),
    };
    match done {
        Ok(()) => StayOutcome::Done,
        Err(CacheError::NotReadable(NotReadable::NotWarmed | NotReadable::Purged { .. })) => {
            StayOutcome::NothingHeld
        }
        Err(CacheError::Refused(refused)) => StayOutcome::Refused { problem: refused.to_string() },
        Err(error) => StayOutcome::NotDone { problem: error.to_string() },
    }
}
