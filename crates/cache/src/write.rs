//! The write protocol: steps W0 to W14 of the `reliability` sheet, section 4. What comes in is normalised
//! already (W5).

use std::io;

use arrow_array::RecordBatch;
use bedside_audit::disk;
use bedside_audit::{Detail, Event, EventKind, Intent, Outcome, Pseudonym, Secret, SystemEvent};
use bedside_model::EpisodeId;
use bedside_model::schema::Table;
use jiff::Timestamp;

use crate::bundle::{BundleFile, BundleSeal};
use crate::cache::Cache;
use crate::contents::{Committed, Contents, ContentsError};
use crate::error::{CacheError, HoldReason, NotReadable};
use crate::keys::WrapFile;
use crate::layout;
use crate::manifest::{Earlier, Manifest};
use crate::policy::DIRECT_CARE;
use crate::seal;
use crate::standing::Standing;
use crate::state::{Current, purged};
use crate::table::TableFiles;
use crate::tag::EpisodeTag;

/// Why the audit log says that an episode is held by nobody.
const STANDING_LOST: &str = "standing_lost";

impl Cache {
    /// Seals a record as the next generation of its episode, in place of the one before. Readers see the old
    /// generation until the new one is whole and durable; then it stays beside it for [`Cache::read_with_earlier`], as
    /// far as the site's policy keeps earlier ones. Waits for others who write or purge the same episode.
    ///
    /// An episode whose standing is lost is held afterwards ([`HoldReason::Unknown`]); one that waits for a new record
    /// since its hold was taken off is shown again.
    ///
    /// # Errors
    /// [`CacheError::NotReadable`] with `Purged`: a purged episode does not come back, with `Held`, and with
    /// `KeyUnavailable` or `Damaged` when the episode's key cannot be had. [`CacheError::Contents`] for an
    /// incomplete record or another patient's, [`CacheError::Busy`] when one of those others hangs,
    /// [`CacheError::Audit`] when the audit log does not take it, and the errors of disk, key provider and randomness. After an error the episode is as it was, or the new generation is there whole:
    /// that is so when the error came after `CURRENT` was replaced.
    pub fn write(&self, episode: &EpisodeId, contents: &Contents<'_>) -> Result<Committed, CacheError> {
        self.write_with_bundle(episode, contents, None)
    }

    /// [`Cache::write`] with the raw bundle that the record was made of, which is sealed beside it where the site
    /// keeps it.
    ///
    /// # Errors
    /// As [`Cache::write`].
    pub fn write_with_bundle(
        &self,
        episode: &EpisodeId,
        contents: &Contents<'_>,
        bundle: Option<&[u8]>,
    ) -> Result<Committed, CacheError> {
        let bundle = bundle.filter(|_| self.policy.keep_bundle);
        let tables = contents.in_order()?;
        let tag = self.episode_tag(episode);
        self.disk.create_dir(&layout::episode(&tag))?;
        self.disk.sync_dir(layout::EPISODES)?;
        let _lock = self.lock(&tag)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let patient = self.audit.pseudonym(contents.patient);
        let intent = self.audit.intent(&Event {
            kind: EventKind::Commit,
            requester: contents.requester,
            purpose: DIRECT_CARE,
            relationship: None,
            episode: Some(tag.as_str()),
            patient: Some(patient.clone()),
            detail: Detail::default(),
        })?;
        match self.commit(&tag, (contents, bundle), &tables, patient) {
            Ok((committed, kept)) => {
                intent.outcome(Outcome::ok(detail(&committed)))?;
                // The commit stands whether or not what it replaced could be removed; the next write tries again.
                let _ = self.drop_replaced(&tag, |number| kept.contains(&number));
                Ok(committed)
            }
            Err(error) => {
                // The caller hears the first cause; an outcome that cannot be written shows as an unfinished intent.
                let _ = intent.outcome(error.outcome());
                Err(error)
            }
        }
    }

    /// What was committed, and the generations that are to stay.
    fn commit(
        &self,
        tag: &EpisodeTag,
        (contents, bundle): (&Contents<'_>, Option<&[u8]>),
        tables: &[(Table, &RecordBatch)],
        patient: Pseudonym,
    ) -> Result<(Committed, Vec<u64>), CacheError> {
        let created = self.clock.now();
        if contents.expires <= created {
            return Err(ContentsError::Expired.into());
        }
        if let Some(tombstone) = self.tombstone(tag)? {
            return Err(purged(&tombstone)?.into());
        }
        let current = self.current(tag)?;
        let (key, standing) = self.key_for_writing(tag, current)?;
        let organisation = &contents.requester.organisation;
        let succession = self.succession((tag, &key), (current, standing.mark), (&patient, organisation))?;
        let confirms = standing.held == Some(HoldReason::Unconfirmed);
        let held = standing.held.filter(|_| !confirms);
        let hold = held.map(|_| self.hold_of_nobody_knows(tag, &patient)).transpose()?;
        self.drop_replaced(tag, |number| succession.kept.contains(&number))?;
        let generation = standing.mark.max(current.generation().unwrap_or(0)) + 1;
        let keeps = self.policy.earlier_generations;
        let earlier = succession.link(keeps);
        let next = Next { tag, key: &key, generation, contents, bundle, earlier, patient, created };
        let mut committed = self.write_generation(next, tables).inspect_err(|_| {
            // Room on a full disk; what stays is removed by the next write.
            let _ = self.disk.remove_tree(&layout::beside(&layout::generation(tag, generation)));
        })?;
        let before = succession.before.as_ref();
        committed.changes = before.and_then(|before| self.changes_since((tag, &key), before, tables));
        let line = format!("{generation}\n");
        disk::replace(self.disk.as_ref(), &layout::current(tag), line.as_bytes())?;
        self.set_standing(tag, &key, &Standing { mark: generation, seen: created, held, ..standing })?;
        if confirms {
            self.take_off_beside(tag)?;
        }
        hold.map_or(Ok(()), |hold| hold.outcome(Outcome::ok(Detail::default())))?;
        Ok((committed, succession.kept_after(generation, keeps)))
    }

    /// The intent to hold an episode of which nobody knows any more whether it was held.
    fn hold_of_nobody_knows(&self, tag: &EpisodeTag, patient: &Pseudonym) -> Result<Intent<'_>, CacheError> {
        Ok(self.audit.system_intent(&SystemEvent {
            kind: EventKind::Hold,
            episode: Some(tag.as_str()),
            patient: Some(patient.clone()),
            detail: Detail { cause: Some(STANDING_LOST), ..Detail::default() },
        })?)
    }

    /// Whether a record of the episode would be taken, to be asked before one is fetched: nothing is known of it
    /// yet, or what is there is open and its key at hand.
    ///
    /// # Errors
    /// Those that [`Cache::write`] would give: the episode was purged, is held, or its key cannot be had.
    pub fn takes(&self, episode: &EpisodeId) -> Result<(), CacheError> {
        let tag = self.episode_tag(episode);
        if let Some(tombstone) = self.tombstone(&tag)? {
            return Err(purged(&tombstone)?.into());
        }
        let Some(key) = self.episode_key(&tag)? else {
            let begun = self.current(&tag)? != Current::Absent;
            return if begun { Err(NotReadable::KeyUnavailable.into()) } else { Ok(()) };
        };
        match self.standing(&tag, &key)?.and_then(|standing| standing.held) {
            Some(reason) if reason != HoldReason::Unconfirmed => Err(NotReadable::Held { reason }.into()),
            _ => Ok(()),
        }
    }

    /// The episode's key and standing; new ones for a new episode. An episode that has a generation and no key is
    /// one whose purge was cut short, and is not begun anew. A standing that is damaged is begun anew, as the record that
    /// comes in is, and held: whether it was, somebody must find out who can take that off.
    ///
    /// # Errors
    /// [`NotReadable::Held`] when it is known to be held.
    fn key_for_writing(&self, tag: &EpisodeTag, current: Current) -> Result<(Secret, Standing), CacheError> {
        let begun = Standing::begun(self.clock.now());
        if let Some(key) = self.episode_key(tag)? {
            return match self.standing(tag, &key)? {
                Some(Standing { held: Some(reason), .. }) if reason != HoldReason::Unconfirmed => {
                    Err(NotReadable::Held { reason }.into())
                }
                Some(standing) => Ok((key, standing)),
                None => {
                    let beside = self.held_beside(tag)?.filter(|reason| *reason != HoldReason::Unconfirmed);
                    let reason = beside.unwrap_or(HoldReason::Unknown);
                    Ok((key, Standing { held: Some(reason), ..begun }))
                }
            };
        }
        if current != Current::Absent {
            return Err(NotReadable::KeyUnavailable.into());
        }
        let key = Secret::random(self.randomness.as_ref())?;
        self.set_standing(tag, &key, &begun)?;
        let file = WrapFile::wrap(&key, tag, self.keys.current(), self.randomness.as_ref())?;
        let bytes = serde_json::to_vec(&file).map_err(std::io::Error::from)?;
        disk::replace(self.disk.as_ref(), &layout::wrap(tag), &bytes)?;
        Ok((key, begun))
    }

    /// Steps W3 to W9: everything beside, durable and read again, then the rename.
    fn write_generation(
        &self,
        next: Next<'_>,
        tables: &[(Table, &RecordBatch)],
    ) -> Result<Committed, CacheError> {
        let Next { tag, key, generation, contents, bundle, earlier, patient, created } = next;
        let directory = layout::generation(tag, generation);
        let beside = layout::beside(&directory);
        self.disk.create_dir(&beside)?;
        let tables_of = TableFiles { disk: self.disk.as_ref(), key, tag, generation, directory: &beside };
        let bundle = self.seal_bundle(&BundleSeal { key, tag, generation }, &beside, bundle)?;
        let mut files = Vec::new();
        for (table, batch) in tables {
            files.push(tables_of.write(*table, batch, contents.manifest, self.random()?)?);
        }
        tables_of.read(&files)?;
        let rows = files.iter().map(|file| (file.table.as_str(), file.rows)).collect();
        let tables_bytes: u64 = files.iter().map(|file| file.length).sum();
        let (expires, record) = (contents.expires, contents.manifest.to_owned());
        let organisation = contents.requester.organisation.clone();
        let bundle_bytes = bundle.as_ref().map_or(0, |bundle| bundle.length);
        let manifest = Manifest { created, expires, organisation, patient, files, bundle, earlier, record };
        let sealed = manifest.seal(key, tag, generation, (self.random()?, self.random()?));
        let sealed = sealed.map_err(|_| CacheError::Seal("manifest"))?;
        self.disk.write_new(&layout::manifest(&beside), &sealed)?;
        self.disk.sync_dir(&beside)?;
        self.disk.rename(&beside, &directory)?;
        self.disk.sync_dir(&layout::episode(tag))?;
        let bytes = tables_bytes + bundle_bytes + sealed.len() as u64;
        let manifest_sha256 = seal::sha256(&sealed);
        let episode = tag.clone();
        Ok(Committed { episode, generation, bytes, manifest_sha256, rows, changes: None })
    }

    /// Step W4, where there is a bundle to keep: sealed, and opened again to see that it opens.
    fn seal_bundle(
        &self,
        seal: &BundleSeal<'_>,
        directory: &str,
        bundle: Option<&[u8]>,
    ) -> Result<Option<BundleFile>, CacheError> {
        let Some(bundle) = bundle else { return Ok(None) };
        let file = seal.write(self.disk.as_ref(), directory, bundle, self.random()?)?;
        let same = seal.read(self.disk.as_ref(), directory, &file)? == bundle;
        if same { Ok(Some(file)) } else { Err(CacheError::Seal("bundle")) }
    }

    /// Removes every generation that does not stay, and what is half-written; never the one that counts at this moment,
    /// which is another than the caller thinks where a lock was lost. The caller holds the episode's lock.
    pub(crate) fn drop_replaced(
        &self,
        tag: &EpisodeTag,
        stays: impl Fn(u64) -> bool,
    ) -> Result<Removed, CacheError> {
        let generations = self.generation_names(tag)?;
        let current = self.current(tag)?.generation();
        let stays = |number| Some(number) == current || stays(number);
        self.remove_generations(tag, &generations, stays)
    }

    /// Removes all generations of an episode, half-written ones too.
    pub(crate) fn drop_all(&self, tag: &EpisodeTag) -> Result<Removed, CacheError> {
        self.remove_generations(tag, &self.generation_names(tag)?, |_| false)
    }

    fn generation_names(&self, tag: &EpisodeTag) -> Result<Vec<String>, CacheError> {
        let names = self.disk.names(&layout::episode(tag))?;
        Ok(names.into_iter().filter(|name| layout::is_generation(name)).collect())
    }

    fn remove_generations(
        &self,
        tag: &EpisodeTag,
        names: &[String],
        stays: impl Fn(u64) -> bool,
    ) -> Result<Removed, CacheError> {
        let mut removed = Removed::default();
        for name in names.iter().filter(|name| !layout::generation_number(name).is_some_and(&stays)) {
            let directory = format!("{}/{name}", layout::episode(tag));
            removed.files += self.disk.remove_tree(&directory)?;
            removed.directories += 1;
        }
        Ok(removed)
    }
}

/// The generation that is about to be written.
struct Next<'a> {
    tag: &'a EpisodeTag,
    key: &'a Secret,
    generation: u64,
    contents: &'a Contents<'a>,
    bundle: Option<&'a [u8]>,
    earlier: Option<Earlier>,
    patient: Pseudonym,
    created: Timestamp,
}

/// How much was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) directories: u64,
    pub(crate) files: u64,
}

fn detail(committed: &Committed) -> Detail {
    Detail {
        generation: Some(committed.generation),
        bytes: Some(committed.bytes),
        manifest_sha256: Some(committed.manifest_sha256),
        rows: committed.rows.clone(),
        ..Detail::default()
    }
}
