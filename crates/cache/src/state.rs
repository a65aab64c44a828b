//! What an episode's files say about its state. Nothing here takes a lock: a writer replaces each small file
//! as a whole, and whoever finds the files changed under its hands looks again.

use bedside_audit::disk;
use bedside_audit::{Secret, hex};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::error::{CacheError, Damage, NotReadable};
use crate::keys::{KeyError, WrapFile};
use crate::layout;
use crate::manifest::Manifest;
use crate::seal;
use crate::tag::EpisodeTag;

/// How often a reader looks again when a writer replaced the generation under its hands.
const ATTEMPTS: usize = 8;

/// The generation that counts, its manifest opened and its key at hand. Not yet its tables.
pub(crate) struct Located {
    pub(crate) key: Secret,
    pub(crate) generation: u64,
    pub(crate) manifest: Manifest,
    pub(crate) manifest_sha256: [u8; 32],
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
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

impl Tombstone {
    pub(crate) fn at(&self) -> Option<Timestamp> {
        self.at.parse().ok()
    }
}

impl Cache {
    /// Finds an episode's generation and hands it to `then`; once more when a writer replaced it meanwhile.
    /// Whether it has expired is the caller's question.
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
            if disk::if_there(self.disk.length(&layout::wrap(tag)))?.is_none() {
                return Err(self.without_key(tag)?.into());
            }
            if self.current(tag)? == before {
                break;
            }
        }
        result
    }

    /// Steps R2 to R5. The mark is read before `CURRENT`: a writer moves `CURRENT` first, so that a mark above
    /// it can only mean that an older one was put back.
    fn locate_once(&self, tag: &EpisodeTag) -> Result<Located, CacheError> {
        if let Some(tombstone) = self.tombstone(tag)? {
            return Err(purged(&tombstone)?.into());
        }
        let mark = disk::if_there(self.disk.read(&layout::mark(tag), 0))?;
        let generation = match self.current(tag)? {
            Current::Generation(number) => number,
            Current::Damaged => return Err(Damage::Current.into()),
            Current::Absent => return Err(self.unless_purged(tag, NotReadable::NotWarmed)?.into()),
        };
        let Some(key) = self.episode_key(tag)? else { return Err(self.without_key(tag)?.into()) };
        let mark = mark.and_then(|bytes| read_mark(&bytes, &key, tag)).ok_or(Damage::Mark)?;
        if generation < mark {
            return Err(Damage::RolledBack.into());
        }
        let path = layout::manifest(&layout::generation(tag, generation));
        let sealed = disk::if_there(self.disk.read(&path, 0))?.ok_or(Damage::Manifest)?;
        let manifest = Manifest::open(&sealed, &key, tag, generation).ok_or(Damage::Manifest)?;
        Ok(Located { key, generation, manifest, manifest_sha256: seal::sha256(&sealed) })
    }

    pub(crate) fn current(&self, tag: &EpisodeTag) -> Result<Current, CacheError> {
        let Some(bytes) = disk::if_there(self.disk.read(&layout::current(tag), 0))? else {
            return Ok(Current::Absent);
        };
        let text = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n'));
        Ok(text.and_then(layout::number).map_or(Current::Damaged, Current::Generation))
    }

    /// The high-water mark; `None` when it is missing or not authentic.
    pub(crate) fn mark(&self, tag: &EpisodeTag, key: &Secret) -> Result<Option<u64>, CacheError> {
        let bytes = disk::if_there(self.disk.read(&layout::mark(tag), 0))?;
        Ok(bytes.and_then(|bytes| read_mark(&bytes, key, tag)))
    }

    /// The high-water mark lies beside the wrapped key and not in its file: a wrap file that were rewritten
    /// with each generation would leave copies of the wrapped key that no purge overwrites.
    pub(crate) fn set_mark(&self, tag: &EpisodeTag, key: &Secret, generation: u64) -> Result<(), CacheError> {
        let text = format!("{generation} {}\n", hex::encode(&mark_mac(key, tag, generation)));
        Ok(disk::replace(self.disk.as_ref(), &layout::mark(tag), text.as_bytes())?)
    }

    /// The episode's key, unwrapped; `None` when there is no wrapped key.
    pub(crate) fn episode_key(&self, tag: &EpisodeTag) -> Result<Option<Secret>, CacheError> {
        let Some(bytes) = disk::if_there(self.disk.read(&layout::wrap(tag), 0))? else { return Ok(None) };
        let file: WrapFile = read_exact_json(&bytes).ok_or(Damage::Wrap)?;
        match file.unwrap(tag, self.kek.as_ref()) {
            Ok(key) => Ok(Some(key)),
            Err(KeyError::Rejected) if file.kek != self.kek.id() => Err(NotReadable::KeyUnavailable.into()),
            Err(KeyError::Rejected) => Err(Damage::Wrap.into()),
            Err(KeyError::Unavailable) => Err(KeyError::Unavailable.into()),
        }
    }

    pub(crate) fn tombstone(&self, tag: &EpisodeTag) -> Result<Option<Tombstone>, CacheError> {
        let Some(bytes) = disk::if_there(self.disk.read(&layout::tombstone(tag), 0))? else {
            return Ok(None);
        };
        Ok(Some(read_exact_json(&bytes).ok_or(Damage::Tombstone)?))
    }

    /// The state of an episode whose wrapped key is gone: purged, or on the way there.
    fn without_key(&self, tag: &EpisodeTag) -> Result<NotReadable, CacheError> {
        self.unless_purged(tag, NotReadable::KeyUnavailable)
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

fn read_mark(bytes: &[u8], key: &Secret, tag: &EpisodeTag) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (number, mac) = text.split_once(' ')?;
    let generation = layout::number(number)?;
    let mac = hex::decode::<32>(mac)?;
    seal::is_mac(&mark_key(key, tag), &generation.to_be_bytes(), &mac).then_some(generation)
}

fn mark_mac(key: &Secret, tag: &EpisodeTag, generation: u64) -> [u8; 32] {
    seal::mac(&mark_key(key, tag), &generation.to_be_bytes())
}

fn mark_key(key: &Secret, tag: &EpisodeTag) -> Secret {
    seal::derive(key, &[], format!("bedside1|{tag}|mark").as_bytes())
}
