//! Ending what is over: the site's retention, enforced. Safe to run from a timer, beside warmers and readers.

use bedside_audit::{Detail, EventKind, Outcome, SystemEvent};
use jiff::{SignedDuration, Timestamp};

use crate::cache::Cache;
use crate::error::{CacheError, NotReadable};
use crate::layout;
use crate::manifest::Manifest;
use crate::purge::PurgeReceipt;
use crate::recover::Recovered;
use crate::retention::Rule;
use crate::standing::Standing;
use crate::state::{Current, Located};
use crate::tag::EpisodeTag;

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// What was mended first.
    pub recovered: Recovered,
    /// What was purged, and by which rule.
    pub purged: Vec<(PurgeReceipt, Rule)>,
    /// Episodes whose time is not over.
    pub kept: u64,
    /// Events whose end nobody recorded, because a process died meanwhile: the audit log says now that it is unknown.
    pub unknown: u64,
}

/// Why a key is destroyed whose episode is not there.
const EPISODE_LOST: &str = "episode_lost";

/// No call of ours takes as long: a fetch ends after 90 seconds, a grant after a quarter of an hour.
const LONG_OVER: SignedDuration = SignedDuration::from_hours(1);

impl Cache {
    /// [`Cache::sweep_into`], from nothing.
    ///
    /// # Errors
    /// As [`Cache::sweep_into`].
    pub fn sweep(&self) -> Result<Swept, CacheError> {
        let mut swept = Swept::default();
        self.sweep_into(&mut swept)?;
        Ok(swept)
    }

    /// Mends what crashes left, and purges every episode whose time is over: so long after its end or discharge,
    /// without a sign of the stay, or at the ceiling. Each purge is in the audit log with its rule. An episode
    /// that does not open is purged by the times that its standing claims, or at the ceiling after its sealed manifest;
    /// until then, and where there is neither, it is told as unreadable. Episodes that somebody is writing at the moment
    /// are left to the next sweep. Last, the audit log is told of what began an hour ago or more and has no end
    /// (`reliability` sheet, section 3, case 40).
    ///
    /// # Errors
    /// [`CacheError::Audit`] when a purge could not be recorded, and the errors of disk and key provider that concern
    /// more than one episode. `swept` then says what was done until there, and the next sweep goes on.
    pub fn sweep_into(&self, swept: &mut Swept) -> Result<(), CacheError> {
        let tags = self.tags()?;
        for tag in &tags {
            match self.disk.try_lock(&layout::episode_lock(tag)) {
                Ok(Some(_lock)) => self.sweep_locked(tag, swept)?,
                Ok(None) => swept.recovered.busy += 1,
                Err(error) => {
                    swept.recovered.is_unreadable(tag, CacheError::from(error).of_one_episode()?);
                }
            }
        }
        // Where no episode lies at all, their volume may be away, and the keys wait for it.
        if !tags.is_empty() {
            for tag in self.tags_with_keys()?.into_iter().filter(|tag| !tags.contains(tag)) {
                self.destroy_key_without_episode(&tag, swept)?;
            }
        }
        swept.unknown = self.audit.close_unfinished(LONG_OVER)?;
        Ok(())
    }

    fn sweep_locked(&self, tag: &EpisodeTag, swept: &mut Swept) -> Result<(), CacheError> {
        self.recover_locked(tag, &mut swept.recovered)?;
        let located = match self.locate(tag, |_| Ok(())) {
            Ok((located, ())) => Some(located),
            Err(error) => {
                let state = error.of_one_episode()?;
                if !matches!(state, NotReadable::NotWarmed | NotReadable::Purged { .. }) {
                    swept.recovered.is_unreadable(tag, state);
                }
                None
            }
        };
        let Some((due, rule)) = self.time_to_end(tag, located.as_ref()) else { return Ok(()) };
        if self.clock.now() < due {
            swept.kept += 1;
            return Ok(());
        }
        let Swept { recovered, purged, .. } = swept;
        recovered.unless_unusable(tag, |_| {
            purged.push((self.purge_by_rule(tag, located, rule.as_str())?, rule));
            Ok(())
        })
    }

    /// When an episode's time is over: by its standing, authentic where the episode opens; where it does not, by what
    /// the standing claims, and no later than the ceiling after its sealed manifest. `None` when neither is there.
    fn time_to_end(&self, tag: &EpisodeTag, located: Option<&Located>) -> Option<(Timestamp, Rule)> {
        let times = &self.policy.retention;
        if let Some(Located { standing, current, .. }) = located {
            return Some(times.purge_due(standing, Some(current.manifest.expires)));
        }
        let bytes = self.disk.read(&layout::standing(tag), 0).ok();
        let claimed = bytes.and_then(|bytes| Standing::claimed(&bytes));
        let claimed = claimed.map(|standing| times.purge_due(&standing, None));
        let sealed = self.sealed_manifest(tag).map(|manifest| {
            // When the stay was last heard of is lost; it may have been just now.
            let standing = Standing { seen: self.clock.now(), ..Standing::begun(manifest.created) };
            times.purge_due(&standing, Some(manifest.expires))
        });
        claimed.into_iter().chain(sealed).min_by_key(|(due, _)| *due)
    }

    /// The manifest that counts, of an episode whose standing does not.
    fn sealed_manifest(&self, tag: &EpisodeTag) -> Option<Manifest> {
        let number = self.current(tag).ok()?.generation()?;
        let key = self.episode_key(tag).ok()??;
        Some(self.generation(tag, &key, number).ok()??.manifest)
    }

    /// Somebody took the episode's folder away. Its key would open every copy, and no time of the site ends it. That is
    /// no purge: the episode may be begun anew.
    fn destroy_key_without_episode(&self, tag: &EpisodeTag, swept: &mut Swept) -> Result<(), CacheError> {
        let recovered = &mut swept.recovered;
        recovered.unless_unusable(tag, |recovered| {
            self.disk.create_dir(&layout::episode(tag))?;
            let Some(_lock) = self.disk.try_lock(&layout::episode_lock(tag))? else { return Ok(()) };
            // A first write that began meanwhile is not one.
            if self.current(tag)? != Current::Absent {
                return Ok(());
            }
            let detail = Detail { cause: Some(EPISODE_LOST), ..Detail::default() };
            let (kind, episode) = (EventKind::Purge, Some(tag.as_str()));
            let intent = self.audit.system_intent(&SystemEvent { kind, episode, patient: None, detail })?;
            self.destroy_key(tag)?;
            recovered.unused_keys += 1;
            Ok(intent.outcome(Outcome::ok(Detail::default()))?)
        })
    }
}
