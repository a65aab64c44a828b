//! Generations side by side: beside the current one, the few that it succeeded, for what changed since then.
//!
//! Each sealed manifest names the generation before by number and SHA-256, so that an earlier one is the one that
//! was committed then or it is refused. Those of another patient or organisation are never named, and what the site's
//! policy does not keep is removed after the next commit, by the sweep, and not read meanwhile.

use std::num::NonZeroU8;

use arrow_array::RecordBatch;
use bedside_audit::disk;
use bedside_audit::{Pseudonym, Secret};
use bedside_model::schema::Table;
use bedside_model::{EpisodeId, NhsNumber, OdsCode};

use crate::cache::Cache;
use crate::changes::{Changes, TableChanges, changed_columns, changes};
use crate::contents::ContentsError;
use crate::error::{CacheError, Damage, NotReadable};
use crate::layout;
use crate::manifest::{Earlier, Manifest};
use crate::read::OpenEpisode;
use crate::seal;
use crate::state::{Current, Located};
use crate::table::TableFiles;
use crate::tag::EpisodeTag;

/// The most earlier generations that a site may keep.
pub const MOST_EARLIER_GENERATIONS: u8 = 3;

/// The current record of an episode and an earlier one of the same episode, each whole and checked.
pub struct Generations {
    /// The one that counts.
    pub current: OpenEpisode,
    /// The one to compare it with; `None` when it is not kept.
    pub earlier: Option<OpenEpisode>,
}

impl Generations {
    /// Which rows of a table changed since the earlier one; `None` without an earlier one.
    pub fn changes(&self, table: Table) -> Option<TableChanges> {
        let earlier = self.earlier.as_ref()?;
        Some(changes(table, earlier.table(table), self.current.table(table)))
    }

    /// The names of the columns in which an earlier and a current row differ, in the table's order; none without an
    /// earlier generation. Compared as in [`Generations::changes`].
    ///
    /// # Panics
    /// When a table has no such row.
    pub fn changed_columns(&self, table: Table, (earlier_row, row): (usize, usize)) -> Vec<&str> {
        let (Some(earlier), current) = (&self.earlier, self.current.table(table)) else { return Vec::new() };
        let columns = changed_columns((earlier.table(table), earlier_row), (current, row));
        columns.into_iter().map(|column| current.schema_ref().field(column).name().as_str()).collect()
    }
}

/// A generation whose manifest was opened. Not yet its tables.
pub(crate) struct Generation {
    pub(crate) number: u64,
    pub(crate) manifest: Manifest,
    pub(crate) manifest_sha256: [u8; 32],
}

impl Generation {
    fn is_for(&self, patient: &Pseudonym, organisation: &OdsCode) -> bool {
        self.manifest.patient == *patient && self.manifest.organisation == *organisation
    }

    /// How the generation after it names it.
    fn as_earlier(&self) -> Earlier {
        Earlier { generation: self.number, manifest_sha256: self.manifest_sha256 }
    }
}

/// What a new generation follows.
pub(crate) struct Succession {
    /// The generation that was current; `None` when there is none that opens, is of the same patient and organisation,
    /// and was not put back.
    pub(crate) before: Option<Generation>,
    /// What stays until the commit: the current one and the earlier ones, newest first.
    pub(crate) kept: Vec<u64>,
}

impl Succession {
    /// What the new manifest names as the one before, where the policy keeps one.
    pub(crate) fn link(&self, policy_keeps: u8) -> Option<Earlier> {
        self.before.as_ref().filter(|_| policy_keeps > 0).map(Generation::as_earlier)
    }

    /// What stays after the commit of the new generation.
    pub(crate) fn kept_after(&self, new: u64, policy_keeps: u8) -> Vec<u64> {
        let earlier = if self.before.is_some() { self.kept.as_slice() } else { &[] };
        std::iter::once(new).chain(earlier.iter().copied().take(policy_keeps.into())).collect()
    }
}

impl Cache {
    /// Whether the record that is held of the episode is that patient's; `None` when no record is held, or none that
    /// opens. Tells nothing else, and is no read: to be asked before one is fetched.
    ///
    /// # Errors
    /// [`CacheError::Disk`] and [`CacheError::Key`].
    pub fn is_of(&self, episode: &EpisodeId, patient: &NhsNumber) -> Result<Option<bool>, CacheError> {
        match self.locate(&self.episode_tag(episode), |_| Ok(())) {
            Ok((located, ())) => Ok(Some(located.current.manifest.patient == self.audit.pseudonym(patient))),
            Err(CacheError::NotReadable(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the next generation of the episode follows. `mark` is the highest that was committed.
    pub(crate) fn succession(
        &self,
        (tag, key): (&EpisodeTag, &Secret),
        (current, mark): (Current, u64),
        (patient, organisation): (&Pseudonym, &OdsCode),
    ) -> Result<Succession, CacheError> {
        let Some(number) = current.generation() else {
            return Ok(Succession { before: None, kept: Vec::new() });
        };
        let before = self.generation(tag, key, number)?;
        if before.as_ref().is_some_and(|before| before.manifest.patient != *patient) {
            return Err(ContentsError::OtherPatient.into());
        }
        let link = before.as_ref().and_then(|before| before.manifest.earlier.as_ref());
        let kept = self.kept((tag, key), number, link)?;
        let before = before.filter(|before| number >= mark && before.is_for(patient, organisation));
        Ok(Succession { before, kept })
    }

    /// The numbers of the generations that stay: the current one, and those before it as far as the policy keeps them.
    /// Newest first. `before` is what the current one names.
    pub(crate) fn kept(
        &self,
        (tag, key): (&EpisodeTag, &Secret),
        current: u64,
        before: Option<&Earlier>,
    ) -> Result<Vec<u64>, CacheError> {
        let (mut kept, mut next) = (vec![current], before.cloned());
        for _ in 0..self.policy.earlier_generations {
            let Some(earlier) = next else { break };
            kept.push(earlier.generation);
            next = match self.earlier_generation(tag, key, &earlier) {
                Ok(generation) => generation.and_then(|generation| generation.manifest.earlier),
                // It stays for whoever asks for it to hear of the damage; what it followed cannot be known.
                Err(CacheError::NotReadable(_)) => None,
                Err(error) => return Err(error),
            };
        }
        Ok(kept)
    }

    /// How many rows of each table the new record changes; `None` when the one before does not open. A refresh never
    /// fails for that: what it brings is newer.
    pub(crate) fn changes_since(
        &self,
        (tag, key): (&EpisodeTag, &Secret),
        before: &Generation,
        tables: &[(Table, &RecordBatch)],
    ) -> Option<Changes> {
        let earlier = self.tables(tag, key, before).ok()?;
        let compared = |(before, (table, after)): (&RecordBatch, &(Table, &RecordBatch))| {
            (table.as_str(), changes(*table, before, after).counts())
        };
        Some(earlier.iter().zip(tables).map(compared).collect())
    }

    /// The generation so many steps before the current one, with its tables; `None` when it is not kept.
    pub(crate) fn open_earlier(
        &self,
        tag: &EpisodeTag,
        located: &Located,
        back: NonZeroU8,
    ) -> Result<Option<(Generation, Vec<RecordBatch>)>, CacheError> {
        let Some(mut link) = located.current.manifest.earlier.clone() else { return Ok(None) };
        if back.get() > self.policy.earlier_generations {
            return Ok(None);
        }
        for step in 1.. {
            let Some(generation) = self.earlier_generation(tag, &located.key, &link)? else {
                return self.unless_overtaken(tag, located);
            };
            if step == back.get() {
                return self.earlier_tables(tag, located, generation);
            }
            match &generation.manifest.earlier {
                Some(next) => link = next.clone(),
                None => break,
            }
        }
        Ok(None)
    }

    /// Its tables. A file that is missing means that it was removed; one that is another is damage.
    fn earlier_tables(
        &self,
        tag: &EpisodeTag,
        located: &Located,
        generation: Generation,
    ) -> Result<Option<(Generation, Vec<RecordBatch>)>, CacheError> {
        let Manifest { patient, organisation, .. } = &located.current.manifest;
        if !generation.is_for(patient, organisation) {
            return Err(Damage::Earlier.into());
        }
        match self.tables(tag, &located.key, &generation) {
            Ok(tables) => Ok(Some((generation, tables))),
            Err(CacheError::NotReadable(NotReadable::Damaged { .. })) => {
                if self.lacks_a_table(tag, &generation)? {
                    return self.unless_overtaken(tag, located);
                }
                Err(Damage::Earlier.into())
            }
            Err(error) => Err(error),
        }
    }

    /// It is not there, and that is final; or a writer or a purge took it away under the reader's hands, which
    /// [`Cache::locate`] finds out from an error.
    fn unless_overtaken<T>(&self, tag: &EpisodeTag, located: &Located) -> Result<Option<T>, CacheError> {
        let same = self.current(tag)? == Current::Generation(located.current.number) && self.has_key(tag)?;
        if same { Ok(None) } else { Err(Damage::Earlier.into()) }
    }

    fn lacks_a_table(&self, tag: &EpisodeTag, generation: &Generation) -> Result<bool, CacheError> {
        let directory = layout::generation(tag, generation.number);
        for file in &generation.manifest.files {
            if disk::if_there(self.disk.length(&layout::table(&directory, file.table)))?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The tables of a generation, each file checked before one is parsed.
    pub(crate) fn tables(
        &self,
        tag: &EpisodeTag,
        key: &Secret,
        generation: &Generation,
    ) -> Result<Vec<RecordBatch>, CacheError> {
        let directory = layout::generation(tag, generation.number);
        let (disk, generation, files) = (self.disk.as_ref(), generation.number, &generation.manifest.files);
        TableFiles { disk, key, tag, generation, directory: &directory }.read(files)
    }

    /// A generation's manifest, opened; `None` when it is missing or does not open.
    pub(crate) fn generation(
        &self,
        tag: &EpisodeTag,
        key: &Secret,
        number: u64,
    ) -> Result<Option<Generation>, CacheError> {
        let path = layout::manifest(&layout::generation(tag, number));
        let Some(sealed) = disk::if_there(self.disk.read(&path, 0))? else { return Ok(None) };
        let manifest_sha256 = seal::sha256(&sealed);
        let manifest = Manifest::open(&sealed, key, tag, number);
        Ok(manifest.map(|manifest| Generation { number, manifest, manifest_sha256 }))
    }

    /// The generation that a later one names; `None` when it is not there.
    ///
    /// # Errors
    /// [`Damage::Earlier`] when it is there and not the one that was named.
    fn earlier_generation(
        &self,
        tag: &EpisodeTag,
        key: &Secret,
        link: &Earlier,
    ) -> Result<Option<Generation>, CacheError> {
        let path = layout::manifest(&layout::generation(tag, link.generation));
        if disk::if_there(self.disk.length(&path))?.is_none() {
            return Ok(None);
        }
        let generation = self.generation(tag, key, link.generation)?;
        generation
            .filter(|generation| generation.manifest_sha256 == link.manifest_sha256)
            .map(Some)
            .ok_or_else(|| Damage::Earlier.into())
    }
}
