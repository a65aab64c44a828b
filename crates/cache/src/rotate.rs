//! New epochs of the key-encryption key: every episode's key is wrapped again, no record is touched.

use bedside_audit::disk;
use bedside_audit::{Detail, EventKind, Outcome, SystemEvent};

use crate::cache::Cache;
use crate::error::{CacheError, NotReadable};
use crate::layout;
use crate::tag::EpisodeTag;
use std::collections::BTreeMap;

/// What a rotation did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Keys that were wrapped again.
    pub rewrapped: u64,
    /// Keys that the current key-encryption key wrapped already.
    pub current: u64,
    /// Keys that no key-encryption key at hand opens, or that are damaged: by their state. Once every episode
    /// that matters is wrapped again, the older key-encryption key can be destroyed, and these with it.
    pub unreadable: Vec<(EpisodeTag, NotReadable)>,
}

impl Cache {
    /// Wraps every episode's key with the current key-encryption key, where an older one did. An episode is read
    /// with the old wrap or the new one at every moment, and after a crash the next rotation goes on. Once nothing
    /// is left on an older key, that key can be destroyed; then no copy of an older wrap opens any more.
    ///
    /// # Errors
    /// [`CacheError::Audit`] when a new wrap could not be recorded, [`CacheError::Busy`], and the errors of disk, key provider and
    /// randomness. What was wrapped again stays so.
    pub fn rotate(&self) -> Result<Rotated, CacheError> {
        let mut rotated = Rotated::default();
        for tag in self.tags()? {
            match self.lock_and_rewrap(&tag) {
                Ok(Some(true)) => rotated.rewrapped += 1,
                Ok(Some(false)) => rotated.current += 1,
                Ok(None) => {}
                Err(error) => rotated.unreadable.push((tag, error.of_one_episode()?)),
            }
        }
        Ok(rotated)
    }

    /// How many episodes' keys each key-encryption key wraps, by its id.
    ///
    /// # Errors
    /// [`CacheError::Disk`].
    pub fn keys_in_use(&self) -> Result<BTreeMap<String, u64>, CacheError> {
        let mut used = BTreeMap::from([(self.keys.current().id().to_owned(), 0)]);
        for tag in self.tags_with_keys()? {
            match self.wrap_file(&tag) {
                Ok(Some(file)) => *used.entry(file.kek).or_default() += 1,
                Ok(None) => {}
                Err(error) => drop(error.of_one_episode()?),
            }
        }
        Ok(used)
    }

    fn lock_and_rewrap(&self, tag: &EpisodeTag) -> Result<Option<bool>, CacheError> {
        self.lock(tag)?.map_or(Ok(None), |_lock| self.rewrap(tag))
    }

    /// Whether the key was wrapped again; `None` when the episode has none. The caller holds the episode's lock.
    fn rewrap(&self, tag: &EpisodeTag) -> Result<Option<bool>, CacheError> {
        let Some(old) = self.wrap_file(tag)? else { return Ok(None) };
        let current = self.keys.current();
        if old.kek == current.id() {
            return Ok(Some(false));
        }
        let Some(key) = self.episode_key(tag)? else { return Ok(None) };
        let detail = Detail { key_id: Some(current.id().to_owned()), ..Detail::default() };
        let event =
            SystemEvent { kind: EventKind::Rewrap, episode: Some(tag.as_str()), patient: None, detail };
        let intent = self.audit.system_intent(&event)?;
        let rewrapped = old
            .rewrap(&key, tag, current, self.randomness.as_ref())
            .map_err(CacheError::from)
            .and_then(|file| Ok(serde_json::to_vec(&file).map_err(std::io::Error::from)?))
            .and_then(|bytes| Ok(disk::replace(self.disk.as_ref(), &layout::wrap(tag), &bytes)?));
        let outcome = match &rewrapped {
            Ok(()) => Outcome::ok(Detail::default()),
            Err(error) => error.outcome(),
        };
        intent.outcome(outcome)?;
        rewrapped.map(|()| Some(true))
    }
}
