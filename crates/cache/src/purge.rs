//! Destroying an episode: the wrapped key first, because without it no copy of the data opens any more; then a
//! tombstone with the receipt, so that the episode stays gone; then the data, of every generation.

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
    /// How many generations were destroyed: that one and the earlier ones, and any that was never committed.
    pub generations: u64,
    /// Their files, beside the wrapped key.
    pub files: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Id of the key-encryption key that had wrapped the episode's key: a copy that was made before, of the wrapped key
    /// and the data, opens until that one is destroyed. `None` when the wrapped key was gone already, or damaged.
    pub key_id: Option<String>,
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
    /// purge; [`CacheError::Busy`], and then nothing is destroyed; [`CacheError::Audit`] when the audit log does not take the intent, and then nothing is destroyed,
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
        let Some(_lock) = self.lock(&tag).map_err(refuse)? else {
            return Err(refuse(NotReadable::NotWarmed.into()));
        };
        let located = self.locate(&tag, |_| Ok(())).ok().map(|(located, ())| located);
        if let Some(located) = &located {
            let allowed = assertion.check_organisation(&located.current.manifest.organisation);
            allowed.map_err(|refused| refuse(refused.into()))?;
        }
        let detail = self.about_to_destroy(&tag, located.as_ref(), None);
        let patient = located.map(|located| located.current.manifest.patient);
        let event = event(EventKind::Purge, assertion, &tag);
        self.purge_intended(&tag, self.audit.intent(&Event { patient, detail, ..event })?)
    }

    /// A purge by a rule and for nobody: the episode's time is over, or one was cut short. The caller holds the
    /// episode's lock.
    pub(crate) fn purge_by_rule(
        &self,
        tag: &EpisodeTag,
        located: Option<Located>,
        cause: &'static str,
    ) -> Result<PurgeReceipt, CacheError> {
        let detail = self.about_to_destroy(tag, located.as_ref(), Some(cause));
        let patient = located.map(|located| located.current.manifest.patient);
        let event = SystemEvent { kind: EventKind::Purge, episode: Some(tag.as_str()), patient, detail };
        self.purge_intended(tag, self.audit.system_intent(&event)?)
    }

    /// What the audit log says before anything is destroyed: afterwards nothing could tell it any more. What cannot be
    /// looked at is left out: a purge is not refused for the state of what it destroys.
    fn about_to_destroy(
        &self,
        tag: &EpisodeTag,
        located: Option<&Located>,
        cause: Option<&'static str>,
    ) -> Detail {
        Detail {
            cause,
            generation: self.current(tag).ok().and_then(Current::generation),
            bytes: self.there(tag).ok().map(|there| there.bytes),
            manifest_sha256: located.map(|located| located.current.manifest_sha256),
            key_id: self.wrapping_key(tag),
            ..Detail::default()
        }
    }

    /// Id of the key-encryption key of the wrapped key, where there is one that says it.
    fn wrapping_key(&self, tag: &EpisodeTag) -> Option<String> {
        self.wrap_file(tag).ok().flatten().map(|file| file.kek)
    }

    fn purge_intended(&self, tag: &EpisodeTag, intent: Intent<'_>) -> Result<PurgeReceipt, CacheError> {
        match self.destroy(tag) {
            Ok((receipt, anew)) => {
                // A purge that is repeated destroyed nothing a second time.
                intent.outcome(Outcome::ok(Detail {
                    generation: receipt.generation.filter(|_| anew),
                    bytes: anew.then_some(receipt.bytes),
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
    /// last: as long as it stands without a wrapped key, the episode is not begun anew. What somebody spoiled keeps the
    /// key from being destroyed in no way: it counts as damaged. The receipt, and whether it is a new one.
    fn destroy(&self, tag: &EpisodeTag) -> Result<(PurgeReceipt, bool), CacheError> {
        let tombstone = or_spoiled(self.tombstone(tag), None)?;
        let current = or_spoiled(self.current(tag), Current::Damaged)?;
        let key_id = self.wrapping_key(tag);
        let had_key = self.destroy_key(tag)?;
        let (there, anew) = (self.there(tag)?, tombstone.is_none());
        if tombstone.is_none() && current == Current::Absent && !had_key && there.generations == 0 {
            return Err(NotReadable::NotWarmed.into());
        }
        let tombstone = match tombstone {
            Some(tombstone) => tombstone,
            None => self.bury(tag, (current, there), key_id)?,
        };
        self.drop_all(tag)?;
        self.disk.sync_dir(&layout::episode(tag))?;
        for path in [layout::held(tag), layout::current(tag)] {
            if disk::if_there(self.disk.remove_file(&path))?.is_some() {
                self.disk.sync_dir(&layout::episode(tag))?;
            }
        }
        let receipt = tombstone.receipt(tag).ok_or(Damage::Tombstone)?;
        Ok((receipt, anew))
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
        (current, there): (Current, There),
        key_id: Option<String>,
    ) -> Result<Tombstone, CacheError> {
        let (generation, There { generations, files, bytes }) = (current.generation(), there);
        let (at, receipt) = (self.clock.now().to_string(), hex::encode(&self.random::<16>()?));
        let tombstone = Tombstone { at, receipt, generation, generations, files, bytes, key_id };
        let text = serde_json::to_vec(&tombstone).map_err(std::io::Error::from)?;
        disk::replace(self.disk.as_ref(), &layout::tombstone(tag), &text)?;
        Ok(tombstone)
    }

    /// The generations of an episode, committed or not, before they are removed. What somebody spoiled counts no bytes.
    fn there(&self, tag: &EpisodeTag) -> Result<There, CacheError> {
        let (episode, mut there) = (layout::episode(tag), There::default());
        let names = |path: &str| or_spoiled(self.disk.names(path).map_err(CacheError::from), Vec::new());
        let length = |path: &str| or_spoiled(self.disk.length(path).map_err(CacheError::from), 0);
        for name in names(&episode)?.iter().filter(|name| layout::is_generation(name)) {
            let directory = format!("{episode}/{name}");
            there.generations += 1;
            for file in names(&directory)? {
                there.files += 1;
                there.bytes += length(&format!("{directory}/{file}"))?;
            }
        }
        Ok(there)
    }
}

/// What a file says, or what stands for it when somebody spoiled it.
fn or_spoiled<T>(read: Result<T, CacheError>, spoiled: T) -> Result<T, CacheError> {
    read.or_else(|error| error.of_one_episode().map(|_| spoiled))
}

/// What there is of an episode beside its key.
#[derive(Debug, Clone, Copy, Default)]
struct There {
    generations: u64,
    files: u64,
    bytes: u64,
}

impl Tombstone {
    /// What was purged; `None` when the tombstone does not say when.
    fn receipt(self, tag: &EpisodeTag) -> Option<PurgeReceipt> {
        let (at, episode) = (self.at()?, tag.clone());
        let Self { receipt: id, generation, generations, files, bytes, key_id, .. } = self;
        Some(PurgeReceipt { id, episode, at, generation, generations, files, bytes, key_id })
    }
}
