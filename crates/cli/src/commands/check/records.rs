use bedside_audit::{Pepper, harden_process};

use super::finding::Finding;
use crate::config::Sections;
use crate::exit::Stopped;
use crate::installation::{Installation, open_key};

/// Audit log, keys and cache, opened as every other command opens them; where that does not go, each key and the policy
/// by itself, so that all of them are told that are wrong.
pub(super) fn look_at(sections: &Sections) -> Vec<Finding> {
    const WHAT: &str = "audit log, keys and cache";
    let (Some(cache), Some(audit)) = (&sections.cache, &sections.audit) else { return parts(sections) };
    match Installation::of(cache, audit) {
        Ok(_) => vec![Finding::good(WHAT, "in order")],
        Err(stopped) => match parts(sections) {
            parts if parts.is_empty() => vec![Finding::bad(WHAT, stopped.message)],
            parts => parts,
        },
    }
}

/// What is wrong with each part that can be looked at by itself.
fn parts(sections: &Sections) -> Vec<Finding> {
    // Before the first key is read; whether it goes is told by whoever opens them all.
    let _ = harden_process();
    let mut found = Vec::new();
    let mut note = |what, stopped: Option<Stopped>| found.extend(stopped.map(|stopped| (what, stopped)));
    if let Some(audit) = &sections.audit {
        note("audit pepper", Pepper::from_file(&audit.pepper).map_err(Stopped::usage).err());
    }
    if let Some(cache) = &sections.cache {
        note("cache key", open_key(&cache.key).err());
        for key in &cache.older_keys {
            note("older cache key", open_key(key).err());
        }
        note("cache policy", cache.policy.as_deref().and_then(|path| crate::policy::read(path).err()));
    }
    found.into_iter().map(|(what, stopped)| Finding::bad(what, stopped.message)).collect()
}
