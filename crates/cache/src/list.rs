use bedside_model::EpisodeId;
use jiff::Timestamp;

use crate::cache::Cache;
use crate::error::{CacheError, NotReadable};
use crate::layout;
use crate::retention::Freshness;
use crate::state::{Current, Located};
use crate::tag::EpisodeTag;

/// What may be told about an episode without reading it: nothing that says whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpisodeSummary {
    /// Opaque name.
    pub episode: EpisodeTag,
    /// Why it cannot be read; `None` when it can.
    pub not_readable: Option<NotReadable>,
    /// Number of the generation.
    pub generation: Option<u64>,
    /// When the generation was written.
    pub created: Option<Timestamp>,
    /// How old its record is.
    pub freshness: Option<Freshness>,
    /// When its discharge was reported.
    pub discharged: Option<Timestamp>,
    /// From when on it is not shown any more.
    pub expires: Option<Timestamp>,
    /// From when on the next sweep purges it.
    pub purge_due: Option<Timestamp>,
    /// Earlier generations that are kept to compare with.
    pub earlier_generations: u64,
    /// Bytes of its files on disk, those of earlier generations among them.
    pub bytes: u64,
}

impl EpisodeSummary {
    /// `ready`, `discharged` while it can still be read, or the name of the state in which it cannot be read.
    pub fn state(&self) -> &'static str {
        let readable = if self.discharged.is_some() { "discharged" } else { "ready" };
        self.not_readable.map_or(readable, |state| state.as_str())
    }
}

impl Cache {
    /// All episodes, in the order of their opaque names. Their tables are not opened; an episode's own defects
    /// are its state and not an error.
    ///
    /// # Errors
    /// [`CacheError::Disk`] and [`CacheError::Key`].
    pub fn list(&self) -> Result<Vec<EpisodeSummary>, CacheError> {
        self.tags()?.into_iter().map(|tag| self.summary(tag)).collect()
    }

    /// One episode, of which nothing may be known: then it is `not_warmed`.
    ///
    /// # Errors
    /// As [`Cache::list`].
    pub fn state(&self, episode: &EpisodeId) -> Result<EpisodeSummary, CacheError> {
        self.summary(self.episode_tag(episode))
    }

    fn summary(&self, tag: EpisodeTag) -> Result<EpisodeSummary, CacheError> {
        let (bytes, generations) = self.on_disk(&tag);
        let unread = EpisodeSummary {
            episode: tag,
            not_readable: None,
            generation: None,
            created: None,
            freshness: None,
            discharged: None,
            expires: None,
            purge_due: None,
            earlier_generations: 0,
            bytes,
        };
        match self.locate(&unread.episode, |_| Ok(())) {
            Ok((located, ())) => Ok(self.summary_of(unread, &located, &generations)),
            Err(error) => {
                let state = error.of_one_episode()?;
                let generation = self.current(&unread.episode).ok().and_then(Current::generation);
                Ok(EpisodeSummary { generation, not_readable: Some(state), ..unread })
            }
        }
    }

    fn summary_of(&self, unread: EpisodeSummary, located: &Located, generations: &[u64]) -> EpisodeSummary {
        let earlier = |number: &&u64| **number < located.current.number;
        let Located { standing, current, .. } = located;
        let (manifest, times) = (&current.manifest, &self.policy.retention);
        EpisodeSummary {
            not_readable: self.over(located).or_else(|| self.stale(located)),
            generation: Some(current.number),
            created: Some(manifest.created),
            freshness: Some(times.freshness(manifest.created, self.clock.now())),
            discharged: standing.discharged,
            expires: Some(times.closes(standing, manifest.expires).0),
            purge_due: Some(times.purge_due(standing, Some(manifest.expires)).0),
            earlier_generations: generations.iter().filter(earlier).count() as u64,
            ..unread
        }
    }

    /// Bytes of an episode's files, and the numbers of its generations. What is removed meanwhile, or cannot be looked
    /// at, counts nothing.
    fn on_disk(&self, tag: &EpisodeTag) -> (u64, Vec<u64>) {
        let episode = layout::episode(tag);
        let (mut bytes, mut generations) = (0, Vec::new());
        let names = |path: &str| self.disk.names(path).unwrap_or_default();
        let length = |path: &str| self.disk.length(path).unwrap_or(0);
        for name in names(&episode) {
            let path = format!("{episode}/{name}");
            if layout::is_generation(&name) {
                generations.extend(layout::generation_number(&name));
                bytes += names(&path).iter().map(|file| length(&format!("{path}/{file}"))).sum::<u64>();
            } else {
                bytes += length(&path);
            }
        }
        (bytes, generations)
    }
}
