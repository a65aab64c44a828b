use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bedside_audit::disk::{self, Disk, LocalDisk, Lock};
use bedside_audit::{AuditLog, Clock, Randomness, Secret, SystemRandomness, hex};
use bedside_model::EpisodeId;
use zeroize::Zeroizing;

use crate::error::CacheError;
use crate::generations::MOST_EARLIER_GENERATIONS;
use crate::keys::{KeyEncryption, KeyRing};
use crate::policy::SitePolicy;
use crate::tag::EpisodeTag;
use crate::{layout, seal};

/// The cache of one directory. Several threads and processes may use one directory at once.
pub struct Cache {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) randomness: Arc<dyn Randomness>,
    pub(crate) keys: KeyRing,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: SitePolicy,
    pepper: Secret,
}

impl Cache {
    /// Opens the cache of a directory, which is made with mode 0700 when it is missing.
    ///
    /// # Errors
    /// [`CacheError::Disk`] when the directory cannot be used or is open to others,
    /// [`CacheError::PathPepper`] when episodes are there and the key of their names is not.
    pub fn open(
        root: &Path,
        kek: Box<dyn KeyEncryption>,
        audit: Arc<AuditLog>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CacheError> {
        Self::open_on(Arc::new(LocalDisk::open(root)?), Arc::new(SystemRandomness), kek, audit, clock)
    }

    /// [`Cache::open`] on another disk, whose root is the cache's directory, with another source of randomness.
    ///
    /// # Errors
    /// As [`Cache::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        randomness: Arc<dyn Randomness>,
        kek: Box<dyn KeyEncryption>,
        audit: Arc<AuditLog>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CacheError> {
        disk.create_dir(layout::KEYS)?;
        disk.create_dir(layout::EPISODES)?;
        disk.sync_dir("")?;
        let pepper = path_pepper(disk.as_ref(), randomness.as_ref())?;
        let (keys, policy) = (KeyRing::new(kek), SitePolicy::default());
        Ok(Self { disk, randomness, keys, audit, clock, policy, pepper })
    }

    /// With the rules of a site in place of the defaults. More earlier generations than
    /// [`MOST_EARLIER_GENERATIONS`] are not kept.
    #[must_use]
    pub fn with_policy(self, policy: SitePolicy) -> Self {
        let earlier_generations = policy.earlier_generations.min(MOST_EARLIER_GENERATIONS);
        Self { policy: SitePolicy { earlier_generations, ..policy }, ..self }
    }

    /// With key-encryption keys of earlier epochs, which open what they wrapped and wrap nothing any more.
    #[must_use]
    pub fn with_older_keys(self, older: Vec<Box<dyn KeyEncryption>>) -> Self {
        Self { keys: self.keys.with_older(older), ..self }
    }

    /// The rules of the site.
    pub fn policy(&self) -> &SitePolicy {
        &self.policy
    }

    /// The episode's opaque name.
    pub fn episode_tag(&self, episode: &EpisodeId) -> EpisodeTag {
        EpisodeTag::of(&self.pepper, episode)
    }

    /// The lock under which an episode is changed; `None` where it has no directory.
    ///
    /// # Errors
    /// [`CacheError::Busy`] when whoever has it does not give it back, and the disk's.
    pub(crate) fn lock(&self, tag: &EpisodeTag) -> Result<Option<Lock>, CacheError> {
        match disk::if_there(self.disk.lock(&layout::episode_lock(tag))) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(CacheError::Busy(error)),
            locked => Ok(locked?),
        }
    }

    /// The names of all episodes that have a directory.
    pub(crate) fn tags(&self) -> Result<Vec<EpisodeTag>, CacheError> {
        let names = self.disk.names(layout::EPISODES)?;
        Ok(names.iter().filter_map(|name| EpisodeTag::from_name(name)).collect())
    }

    /// The names of all episodes that have something among the keys.
    pub(crate) fn tags_with_keys(&self) -> Result<BTreeSet<EpisodeTag>, CacheError> {
        Ok(self.disk.names(layout::KEYS)?.iter().filter_map(|name| layout::key_of(name)).collect())
    }

    /// That many unpredictable bytes.
    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], CacheError> {
        let mut bytes = [0; N];
        self.randomness.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// Reads the key of the directory names, or makes it in a cache that has no episode yet. Made anew beside
/// episodes it would hide them: they could neither be read nor purged.
fn path_pepper(disk: &dyn Disk, randomness: &dyn Randomness) -> Result<Secret, CacheError> {
    let kept = || -> Result<Option<Secret>, CacheError> {
        let Some(bytes) = disk::if_there(disk.read(layout::PEPPER, 0))? else { return Ok(None) };
        read_pepper(&Zeroizing::new(bytes)).map(Some).ok_or(CacheError::PathPepper)
    };
    // Before the lock, which cannot be taken where nothing can be written: what is there can be read all the same.
    if let Some(pepper) = kept()? {
        return Ok(pepper);
    }
    let _lock = disk.lock(layout::LOCK)?;
    if let Some(pepper) = kept()? {
        return Ok(pepper);
    }
    if !disk.names(layout::EPISODES)?.is_empty() {
        return Err(CacheError::PathPepper);
    }
    let pepper = Secret::random(randomness)?;
    let text =
        Zeroizing::new(format!("{} {}\n", *Zeroizing::new(hex::encode(pepper.expose())), check(&pepper)));
    disk::replace(disk, layout::PEPPER, text.as_bytes())?;
    Ok(pepper)
}

fn read_pepper(bytes: &[u8]) -> Option<Secret> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (digits, written) = text.split_once(' ')?;
    let pepper = Secret::from_bytes(&Zeroizing::new(hex::decode(digits)?));
    (written == check(&pepper)).then_some(pepper)
}

/// Tells a damaged pepper from another one.
fn check(pepper: &Secret) -> String {
    hex::encode(&seal::mac(pepper, b"bedside1|path-pepper")[..8])
}
