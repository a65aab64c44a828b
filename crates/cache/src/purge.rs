//! Destroying an episode: the wrapped key first, because without it no copy of the data opens any more; then
//! the data; then a tombstone, so that the episode stays gone.

use bedside_audit::disk;
use bedside_audit::{Detail, Event, EventKind, Intent, Outcome, SystemEvent, hex};
use bedside_model::EpisodeId;
use jiff::Timestamp;

use crate::cache::Cache;
use crate::error::{CacheError, Damage, NotReadable};
use crate::layout;
use crate::policy::ReaderAssertion;
use crate::read::event;
use crate::state::{Current, Located, Tombstone};
use crate::tag::EpisodeTag;

/// What a purge destroyed. The same episode gives the same receipt, however often it is purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeReceipt {
    /// Number of the receipt, 32 hexadecimal digits; also in the audit log.
    pub id: String,
    /// Opaque name of the episode.
    pub episode: EpisodeTag,
    /// When.
    pub at: Timestamp,
    /// The generation that counted; `None` when there was none.
    pub generation: Option<u64>,
    /// Data files removed, beside the wrapped key.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Cache {
    /// Destroys an episode for good: overwrites and removes its wrapped key, then removes its data, and leaves a
    /// tombstone. A purge that was cut short is completed by the next; one that was complete gives its receipt
    /// again.
    ///
    /// An expired, damaged or unreadable episode can be purged too. The organisation is compared when the sealed
    /// manifest still opens; when it does not, nobody can read the episode and its removal harms nobody.
    ///
    /// On flash and copy-on-write storage the overwritten wrapped key may survive; it opens nothing without the
    /// key-encryption key, and once that is destroyed, nothing at all (`security` sheet, section 4.2).
    ///
    /// # Errors
    /// [`CacheError::Refused`], audited; [`CacheError::NotReadable`] with `NotWarmed` when there is nothing to
    /// purge; [`CacheError::Audit`] when the audit log does not take the intent, and then nothing is destroyed,
    /// or the outcome, and then it is; [`CacheError::Disk`], after which the purge must be repeated.
    pub fn purge(
        &self,
        episode: &EpisodeId,
        assertion: &ReaderAssertion,
    ) -> Result<PurgeReceipt, CacheError> {
        let tag = self.episode_tag(episode);
        let refuse = |error| self.refuse(EventKind::Purge, assertion, &tag, error);
        let allowed = assertion.check().and_then(|()| self.policy.check_role(assertion));
        allowed.map_err(|refused| refuse(refused.into()))?;
        let lock = disk::if_there(self.disk.lock(&layout::episode_lock(&tag)))?;
        let Some(_lock) = lock else { return Err(refuse(NotReadable::NotWarmed.into())) };
        let located = self.locate(&tag, |_| Ok(())).ok().map(|(located, ())| located);
        if let Some(located) = &located {
            let allowed = assertion.check_organisation(&located.manifest.organisation);
            allowed.map_err(|refused| refuse(refused.into()))?;
        }
        let patient = located.map(|located| located.manifest.patient);
        let event = event(EventKind::Purge, assertion, &tag);
        self.purge_intended(&tag, self.audit.intent(&Event { patient, ..event })?)
    }

    /// A purge by a rule and for nobody: the episode's time is over, or one was cut short. The caller holds the
    /// episode's lock.
    pub(crate) fn purge_by_rule(
        &self,
        tag: &EpisodeTag,
        located: Option<Located>,
        cause: &'static str,
    ) -> Result<PurgeReceipt, CacheError> {
        let patient = located.map(|located| located.manifest.patient);
        let detail = Detail { cause: Some(cause), ..Detail::default() };
        let event = SystemEvent { kind: EventKind::Purge, episode: Some(tag.as_str()), patient, detail };
        self.purge_intended(tag, self.audit.system_intent(&event)?)
    }

    fn purge_intended(&self, tag: &EpisodeTag, intent: Intent<'_>) -> Result<PurgeReceipt, CacheError> {
        match self.destroy(tag) {
            Ok(receipt) => {
                intent.outcome(Outcome::ok(Detail {
                    generation: receipt.generation,
                    bytes: Some(receipt.bytes),
                    receipt: hex::decode(&receipt.id),
                    ..Detail::default()
                }))?;
                Ok(receipt)
            }
            Err(error) => {
                // The caller hears the first cause; an outcome that cannot be written shows as an unfinished intent.
                let _ = intent.outcome(error.outcome());
                Err(error)
            }
        }
    }

    /// Every step may be the last of a crash, and the next purge goes through all of them again. `CURRENT` goes
    /// last: as long as it stands without a wrapped key, the episode is not begun anew.
    fn destroy(&self, tag: &EpisodeTag) -> Result<PurgeReceipt, CacheError> {
        let tombstone = self.tombstone(tag).or_else(|error| match error {
            CacheError::NotReadable(NotReadable::Damaged { what: Damage::Tombstone }) => Ok(None),
            error => Err(error),
        })?;
        let current = self.current(tag)?;
        let had_key = self.destroy_key(tag)?;
        let removed = self.drop_generations(tag, None)?;
        self.disk.sync_dir(&layout::episode(tag))?;
        if tombstone.is_none() && current == Current::Absent && !had_key && removed.files == 0 {
            return Err(NotReadable::NotWarmed.into());
        }
        let tombstone = match tombstone {
            Some(tombstone) => tombstone,
            None => self.bury(tag, current, removed.files, removed.bytes)?,
        };
        if disk::if_there(self.disk.remove_file(&layout::current(tag)))?.is_some() {
            self.disk.sync_dir(&layout::episode(tag))?;
        }
        let at = tombstone.at().ok_or(Damage::Tombstone)?;
        let Tombstone { receipt, generation, files, bytes, .. } = tombstone;
        Ok(PurgeReceipt { id: receipt, episode: tag.clone(), at, generation, files, bytes })
    }

    /// Destroys the wrapped key and what lies beside it; whether there was one. The key is renamed first, durably,
    /// so that a reader finds it whole or not at all, and never half overwritten, before and after a crash.
    pub(crate) fn destroy_key(&self, tag: &EpisodeTag) -> Result<bool, CacheError> {
        let (wrap, going) = (layout::wrap(tag), layout::wrap_going(tag));
        let left_by_a_crash = disk::if_there(self.disk.shred(&going))?.is_some();
        let had_key = disk::if_there(self.disk.rename(&wrap, &going))?.is_some();
        if had_key {
            self.disk.sync_dir(layout::KEYS)?;
            self.disk.shred(&going)?;
        }
        // What a crash left of a new wrap is a wrapped key, too.
        disk::if_there(self.disk.shred(&layout::beside(&wrap)))?;
        let standing = layout::standing(tag);
        for path in [layout::beside(&standing), standing] {
            disk::if_there(self.disk.remove_file(&path))?;
        }
        self.disk.sync_dir(layout::KEYS)?;
        Ok(had_key || left_by_a_crash)
    }

    fn bury(
        &self,
        tag: &EpisodeTag,
        current: Current,
        files: u64,
        bytes: u64,
    ) -> Result<Tombstone, CacheError> {
        let generation = current.generation();
        let receipt = hex::encode(&self.random::<16>()?);
        let tombstone = Tombstone { at: self.clock.now().to_string(), receipt, generation, files, bytes };
        let text = serde_json::to_vec(&tombstone).map_err(std::io::Error::from)?;
        disk::replace(self.disk.as_ref(), &layout::tombstone(tag), &text)?;
        Ok(tombstone)
    }
}
