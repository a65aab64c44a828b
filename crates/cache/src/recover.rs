//! Mending what a crash or a restored backup left. Readers need none of it: they are told a state or get a whole
//! generation whatever lies about. It removes what nobody will use, and finishes purges.

use bedside_audit::disk;

use crate::cache::Cache;
use crate::error::{CacheError, NotReadable};
use crate::layout;
use crate::purge::PurgeReceipt;
use crate::standing::Standing;
use crate::state::Current;
use crate::tag::EpisodeTag;
use crate::write::Removed;

/// A purge that was cut short.
const CUT_SHORT: &str = "cut_short";
/// Files of a purged episode that were put back.
const PUT_BACK: &str = "put_back";

/// What a recovery found and mended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Episodes that were looked at.
    pub episodes: u64,
    /// Episodes that somebody else is writing or purging at the moment; they are left to them.
    pub busy: u64,
    /// Files of half-written or replaced generations that were removed.
    pub strays: u64,
    /// High-water marks that a crash had left behind.
    pub marks: u64,
    /// Keys of episodes whose first record was never committed, destroyed.
    pub unused_keys: u64,
    /// Purges that a crash had cut short, or a restored backup undone.
    pub purges: Vec<PurgeReceipt>,
    /// Episodes in which nothing could be mended, by their state.
    pub unreadable: Vec<(EpisodeTag, NotReadable)>,
}

impl Recovered {
    /// Does something to one episode. A state in which it cannot be used is told, once, and the others go on.
    pub(crate) fn unless_unusable(
        &mut self,
        tag: &EpisodeTag,
        act: impl FnOnce(&mut Self) -> Result<(), CacheError>,
    ) -> Result<(), CacheError> {
        let Err(error) = act(self) else { return Ok(()) };
        let state = error.of_one_episode()?;
        self.is_unreadable(tag, state);
        Ok(())
    }

    pub(crate) fn is_unreadable(&mut self, tag: &EpisodeTag, state: NotReadable) {
        if self.unreadable.last().is_none_or(|(told, _)| told != tag) {
            self.unreadable.push((tag.clone(), state));
        }
    }
}

impl Cache {
    /// Mends what crashes left, episode by episode, each under its lock; those in use are passed over. A second
    /// recovery finds nothing to do.
    ///
    /// # Errors
    /// [`CacheError::Audit`] when a purge could not be recorded, and the errors of disk and key provider. What was
    /// mended stays so.
    pub fn recover(&self) -> Result<Recovered, CacheError> {
        let mut recovered = Recovered::default();
        for tag in self.tags()? {
            recovered.unless_unusable(&tag, |recovered| {
                match self.disk.try_lock(&layout::episode_lock(&tag))? {
                    Some(_lock) => self.recover_locked(&tag, recovered)?,
                    None => recovered.busy += 1,
                }
                Ok(())
            })?;
        }
        Ok(recovered)
    }

    /// Mends one episode, whose lock the caller holds.
    pub(crate) fn recover_locked(
        &self,
        tag: &EpisodeTag,
        recovered: &mut Recovered,
    ) -> Result<(), CacheError> {
        recovered.episodes += 1;
        recovered.unless_unusable(tag, |recovered| self.mend(tag, recovered))
    }

    fn mend(&self, tag: &EpisodeTag, recovered: &mut Recovered) -> Result<(), CacheError> {
        let (current, has_key) = (self.current(tag)?, self.has_key(tag)?);
        if self.tombstone(tag)?.is_some() {
            let going = disk::if_there(self.disk.length(&layout::wrap_going(tag)))?.is_some();
            let names = self.disk.names(&layout::episode(tag))?;
            let generations = names.iter().any(|name| layout::is_generation(name));
            if has_key || going || generations || current != Current::Absent {
                let cause = if has_key { PUT_BACK } else { CUT_SHORT };
                recovered.purges.push(self.purge_by_rule(tag, None, cause)?);
            }
            return Ok(());
        }
        // A purge leaves `CURRENT` to the end; without a key it can be nothing else.
        if !has_key && current != Current::Absent {
            recovered.purges.push(self.purge_by_rule(tag, None, CUT_SHORT)?);
            return Ok(());
        }
        self.remove_small_strays(tag, recovered)?;
        match current {
            Current::Generation(number) => self.mend_record(tag, number, recovered),
            Current::Absent => self.drop_what_was_never_committed(tag, has_key, recovered),
            Current::Damaged => Ok(()),
        }
    }

    fn mend_record(
        &self,
        tag: &EpisodeTag,
        number: u64,
        recovered: &mut Recovered,
    ) -> Result<(), CacheError> {
        // An older one was put back: what the mark says was the last stays for whoever puts that right.
        let standing = disk::if_there(self.disk.read(&layout::standing(tag), 0))?;
        if standing.as_deref().and_then(Standing::claimed).is_some_and(|standing| standing.mark > number) {
            return Ok(());
        }
        // What was never committed can be told without the key, what was replaced cannot.
        recovered.strays += self.drop_strays(tag, |other| other <= number)?.files;
        let Some(key) = self.episode_key(tag)? else { return Ok(()) };
        let current = self.generation(tag, &key, number)?;
        let link = current.as_ref().and_then(|current| current.manifest.earlier.as_ref());
        let kept = self.kept((tag, &key), number, link)?;
        recovered.strays += self.drop_strays(tag, |other| kept.contains(&other))?.files;
        if let Some(standing) = self.standing(tag, &key)?.filter(|standing| standing.mark < number) {
            self.set_standing(tag, &key, &Standing { mark: number, ..standing })?;
            recovered.marks += 1;
        }
        Ok(())
    }

    /// The first write died before its commit: what it sealed is of no use, and neither is its key. The key goes
    /// last, so that a crash in between leaves what the next recovery takes for the same.
    fn drop_what_was_never_committed(
        &self,
        tag: &EpisodeTag,
        has_key: bool,
        recovered: &mut Recovered,
    ) -> Result<(), CacheError> {
        let standing = disk::if_there(self.disk.read(&layout::standing(tag), 0))?;
        if has_key && standing.as_deref().and_then(Standing::claimed).is_none_or(|it| it.mark > 0) {
            return Ok(());
        }
        recovered.strays += self.drop_strays(tag, |_| false)?.files;
        if has_key || standing.is_some() {
            self.destroy_key(tag)?;
            recovered.unused_keys += 1;
        }
        Ok(())
    }

    fn drop_strays(&self, tag: &EpisodeTag, stays: impl Fn(u64) -> bool) -> Result<Removed, CacheError> {
        let removed = self.drop_replaced(tag, stays)?;
        if removed.directories > 0 {
            self.disk.sync_dir(&layout::episode(tag))?;
        }
        Ok(removed)
    }

    /// Small files that were to take the place of others, or were on their way out. Wrapped keys among them.
    fn remove_small_strays(&self, tag: &EpisodeTag, recovered: &mut Recovered) -> Result<(), CacheError> {
        let mut strays = 0;
        for path in [layout::beside(&layout::wrap(tag)), layout::wrap_going(tag)] {
            strays += u64::from(disk::if_there(self.disk.shred(&path))?.is_some());
        }
        for path in [layout::standing(tag), layout::current(tag), layout::tombstone(tag), layout::held(tag)] {
            let beside = layout::beside(&path);
            strays += u64::from(disk::if_there(self.disk.remove_file(&beside))?.is_some());
        }
        if strays > 0 {
            self.disk.sync_dir(layout::KEYS)?;
            self.disk.sync_dir(&layout::episode(tag))?;
        }
        recovered.strays += strays;
        Ok(())
    }
}
