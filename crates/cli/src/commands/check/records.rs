use bedside_audit::{Pepper, harden_process};

use super::finding::Finding;
use crate::config::{Audit, Cache, KeySource, Sections};
use crate::exit::Stopped;
use crate::installation::{Installation, open_key};

/// Audit log, keys and cache, opened as every other command opens them; where that does not go, each key and the policy
/// by itself, so that all of them are told that are wrong.
pub(super) fn look_at(sections: &Sections) -> Vec<Finding> {
    const WHAT: &str = "audit log, keys and cache";
    let (Some(cache), Some(audit)) = (&sections.cache, &sections.audit) else { return parts(sections) };
    match Installation::of((cache, audit), sections.spine.as_ref()) {
        Ok(_) => {
            let mut found = beside_the_data(cache, audit);
            found.insert(0, Finding::good(WHAT, "in order"));
            found
        }
        Err(stopped) => match parts(sections) {
            parts if parts.is_empty() => vec![Finding::bad(WHAT, stopped.message)],
            parts => parts,
        },
    }
}

/// Keys that a backup of the records would take along.
fn beside_the_data(cache: &Cache, audit: &Audit) -> Vec<Finding> {
    let of_cache = [&cache.key].into_iter().chain(&cache.older_keys).filter_map(|key| match key {
        KeySource::File(path) => Some(("cache key", path)),
        _ => None,
    });
    let keys = of_cache.chain([("audit pepper", &audit.pepper)]);
    let told =
        "lies in the folder of the records or of the log: one backup would hold both; move it elsewhere";
    keys.filter(|(_, path)| {
        [&cache.root, &audit.directory].into_iter().any(|folder| path.starts_with(folder))
    })
    .map(|(what, _)| Finding::warning(what, told))
    .collect()
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
