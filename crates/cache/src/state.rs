//! What an episode's files say about its state. Nothing here takes a lock: a writer replaces each small file
//! as a whole, and whoever finds the files changed under its hands looks again.

use bedside_audit::Secret;
use bedside_audit::disk;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::error::{CacheError, Damage, HoldReason, NotReadable};
use crate::generations::Generation;
use crate::keys::{KeyError, WrapFile};
use crate::layout;
use crate::manifest::Manifest;
use crate::standing::Standing;
use crate::tag::EpisodeTag;

/// How often a reader looks again when a writer replaced the generation under its hands.
const ATTEMPTS: usize = 8;

/// The generation that counts, its manifest opened and its key at hand. Not yet its tables.
pub(crate) struct Located {
    pub(crate) key: Secret,
    pub(crate) standing: Standing,
    pub(crate) current: Generation,
}

/// What `CURRENT` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Current {
    Absent,
    Generation(u64),
    Damaged,
}

impl Current {
    pub(crate) fn generation(self) -> Option<u64> {
        match self {
            Self::Generation(number) => Some(number),
            Self::Absent | Self::Damaged => None,
        }
    }
}

/// What is remembered of a purged episode.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tombstone {
    pub(crate) at: String,
    pub(crate) receipt: String,
    pub(crate) generation: Option<u64>,
    pub(crate) generations: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Id of the key-encryption key that had wrapped the episode's key, where that is known.
    pub(crate) key_id: Option<String>,
}

impl Tombstone {
    pub(crate) fn at(&self) -> Option<Timestamp> {
        self.at.parse().ok()
    }
}

impl Cache {
    /// Finds an episode's generation and hands it to `then`; once more when a writer replaced it meanwhile.
    /// Whether it is over, held or stale is the caller's question.
    pub(crate) fn locate<T>(
        &self,
        tag: &EpisodeTag,
        then: impl Fn(&Located) -> Result<T, CacheError>,
    ) -> Result<(Located, T), CacheError> {
        let mut result = Err(Damage::Current.into());
        for _ in 0..ATTEMPTS {
            let before = self.current(tag)?;
            result = self.locate_once(tag).and_then(|located| then(&located).map(|value| (located, value)));
            let damaged = matches!(result, Err(CacheError::NotReadable(NotReadable::Damaged { .. })));
            if !damaged {
                return result;
            }
            // A purge takes the wrapped key first, so that what follows reads as damage for a moment.
            if !self.has_key(tag)? {
                return Err(self.without_key(tag)?.into());
            }
            if self.current(tag)? == before {
                break;
            }
        }
        result
    }

    /// Steps R2 to R5. The standing is read before `CURRENT`: a writer moves `CURRENT` first, so that a mark above
    /// it can only mean that an older one was put back.
    fn locate_once(&self, tag: &EpisodeTag) -> Result<Located, CacheError> {
        if let Some(tombstone) = self.tombstone(tag)? {
            return Err(purged(&tombstone)?.into());
        }
        let standing = disk::if_there(self.disk.read(&layout::standing(tag), 0))?;
        let generation = match self.current(tag)? {
            Current::Generation(number) => number,
            Current::Damaged => return Err(Damage::Current.into()),
            Current::Absent => return Err(self.without_current(tag, standing.as_deref())?.into()),
        };
        let Some(key) = self.episode_key(tag)? else { return Err(self.without_key(tag)?.into()) };
        let standing = self.open_standing(tag, &key, standing)?.ok_or(Damage::Standing)?;
        if generation < standing.mark {
            return Err(Damage::RolledBack.into());
        }
        match self.generation(tag, &key, generation)? {
            Some(current) => Ok(Located { key, standing, current }),
            None => Err(self.without_manifest(tag, &key, generation)?.into()),
        }
    }

    pub(crate) fn current(&self, tag: &EpisodeTag) -> Result<Current, CacheError> {
        let Some(bytes) = disk::if_there(self.disk.read(&layout::current(tag), 0))? else {
            return Ok(Current::Absent);
        };
        let text = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n'));
        Ok(text.and_then(layout::number).map_or(Current::Damaged, Current::Generation))
    }

    /// The standing; `None` when it is missing or not authentic.
    pub(crate) fn standing(&self, tag: &EpisodeTag, key: &Secret) -> Result<Option<Standing>, CacheError> {
        let bytes = disk::if_there(self.disk.read(&layout::standing(tag), 0))?;
        self.open_standing(tag, key, bytes)
    }

    /// What those bytes say, and the hold that lies beside the episode.
    fn open_standing(
        &self,
        tag: &EpisodeTag,
        key: &Secret,
        bytes: Option<Vec<u8>>,
    ) -> Result<Option<Standing>, CacheError> {
        let standing = bytes.and_then(|bytes| Standing::open(&bytes, key, tag));
        let Some(Standing { held: None, .. }) = &standing else { return Ok(standing) };
        let held = self.held_beside(tag)?;
        Ok(standing.map(|standing| Standing { held, ..standing }))
    }

    /// The hold that lies beside the episode. It counts for as long as it lies there, whatever it says.
    pub(crate) fn held_beside(&self, tag: &EpisodeTag) -> Result<Option<HoldReason>, CacheError> {
        let Some(bytes) = disk::if_there(self.disk.read(&layout::held(tag), 0))? else { return Ok(None) };
        let name = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n'));
        Ok(Some(name.and_then(HoldReason::from_name).unwrap_or(HoldReason::Unknown)))
    }

    /// A hold stands beside the episode before it stands in its standing, and is taken off there last.
    pub(crate) fn set_standing(
        &self,
        tag: &EpisodeTag,
        key: &Secret,
        standing: &Standing,
    ) -> Result<(), CacheError> {
        if let Some(reason) = standing.held {
            let line = format!("{}\n", reason.as_str());
            disk::replace(self.disk.as_ref(), &layout::held(tag), line.as_bytes())?;
        }
        Ok(disk::replace(self.disk.as_ref(), &layout::standing(tag), &standing.seal(key, tag))?)
    }

    /// The episode's key, unwrapped; `None` when there is no wrapped key.
    pub(crate) fn episode_key(&self, tag: &EpisodeTag) -> Result<Option<Secret>, CacheError> {
        let Some(file) = self.wrap_file(tag)? else { return Ok(None) };
        let kek = self.keys.by_id(&file.kek).ok_or(NotReadable::KeyUnavailable)?;
        match file.unwrap(tag, kek) {
            Ok(key) => Ok(Some(key)),
            Err(KeyError::Rejected) => Err(Damage::Wrap.into()),
            Err(error @ KeyError::Unavailable) => Err(error.into()),
        }
    }

    pub(crate) fn wrap_file(&self, tag: &EpisodeTag) -> Result<Option<WrapFile>, CacheError> {
        let Some(bytes) = disk::if_there(self.disk.read(&layout::wrap(tag), 0))? else { return Ok(None) };
        Ok(Some(read_exact_json(&bytes).ok_or(Damage::Wrap)?))
    }

    pub(crate) fn has_key(&self, tag: &EpisodeTag) -> Result<bool, CacheError> {
        Ok(disk::if_there(self.disk.length(&layout::wrap(tag)))?.is_some())
    }

    pub(crate) fn tombstone(&self, tag: &EpisodeTag) -> Result<Option<Tombstone>, CacheError> {
        let Some(bytes) = disk::if_there(self.disk.read(&layout::tombstone(tag), 0))? else {
            return Ok(None);
        };
        Ok(Some(read_exact_json(&bytes).ok_or(Damage::Tombstone)?))
    }

    /// The state of an episode whose manifest does not open: of another version of this program, or damaged.
    fn without_manifest(
        &self,
        tag: &EpisodeTag,
        key: &Secret,
        generation: u64,
    ) -> Result<NotReadable, CacheError> {
        let path = layout::manifest(&layout::generation(tag, generation));
        let sealed = disk::if_there(self.disk.read(&path, 0))?.unwrap_or_default();
        let other = Manifest::is_of_another_version(&sealed, key, tag, generation);
        Ok(if other { NotReadable::OtherVersion } else { NotReadable::Damaged { what: Damage::Manifest } })
    }

    /// The state of an episode whose wrapped key is gone: purged, or on the way there.
    fn without_key(&self, tag: &EpisodeTag) -> Result<NotReadable, CacheError> {
        self.unless_purged(tag, NotReadable::KeyUnavailable)
    }

    /// The state of an episode without `CURRENT`: it has none yet, or it had one and somebody took it away.
    fn without_current(&self, tag: &EpisodeTag, standing: Option<&[u8]>) -> Result<NotReadable, CacheError> {
        let committed = standing.and_then(Standing::claimed).is_some_and(|standing| standing.mark > 0);
        let lost = committed && self.has_key(tag)?;
        let state =
            if lost { NotReadable::Damaged { what: Damage::Current } } else { NotReadable::NotWarmed };
        self.unless_purged(tag, state)
    }

    fn unless_purged(&self, tag: &EpisodeTag, state: NotReadable) -> Result<NotReadable, CacheError> {
        match self.tombstone(tag)? {
            Some(tombstone) => purged(&tombstone),
            None => Ok(state),
        }
    }
}

/// The state that a tombstone tells.
pub(crate) fn purged(tombstone: &Tombstone) -> Result<NotReadable, CacheError> {
    let at = tombstone.at().ok_or(Damage::Tombstone)?;
    Ok(NotReadable::Purged { at })
}

/// Reads JSON that we wrote; `None` when one byte is not as we would write it.
fn read_exact_json<T: Serialize + for<'a> Deserialize<'a>>(bytes: &[u8]) -> Option<T> {
    let value = serde_json::from_slice(bytes).ok()?;
    (serde_json::to_vec(&value).ok()? == bytes).then_some(value)
}
