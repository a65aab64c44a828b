use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use bedside_cache::{Freshness, OpenEpisode};
use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, EpisodeId};
use bedside_warm::Manifest;
use jiff::Timestamp;

use super::escape::escape;
use super::page::ward_time;
use super::rows::Rows;
use super::sections::{Section, sections};

/// An opened record, ready to be shown: what it is a copy of, and the tables that were read. `Debug` shows
/// none of it.
pub struct Record {
    episode: EpisodeId,
    manifest: Manifest,
    tables: BTreeMap<Table, RecordBatch>,
    freshness: Freshness,
}

/// The manifest of an episode was written by another version of this software: fetch the record again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the manifest of the episode is of another version of this software; fetch the record again")]
pub struct ForeignManifest;

impl Record {
    /// A record of those tables. Without `sections` and `notices` among them nothing can be concluded, and
    /// every view says so.
    pub fn new(episode: EpisodeId, manifest: Manifest, tables: BTreeMap<Table, RecordBatch>) -> Self {
        Self { episode, manifest, tables, freshness: Freshness::Fresh }
    }

    /// The record of an episode that the cache has opened, all its tables.
    ///
    /// # Errors
    /// [`ForeignManifest`] when its manifest is not one that this version writes.
    pub fn of(episode: EpisodeId, opened: &OpenEpisode) -> Result<Self, ForeignManifest> {
        let manifest = serde_json::from_str(opened.manifest()).map_err(|_| ForeignManifest)?;
        let tables = Table::ALL.into_iter().map(|table| (table, opened.table(table).clone())).collect();
        Ok(Self { freshness: opened.freshness(), ..Self::new(episode, manifest, tables) })
    }

    /// A table; an empty one where it was not read.
    pub(super) fn table(&self, table: Table) -> RecordBatch {
        self.tables.get(&table).cloned().unwrap_or_else(|| RecordBatch::new_empty(table.schema()))
    }

    /// What the record says of every clinical area; an area it does not speak of counts as failed.
    pub(super) fn sections(&self) -> Vec<Section> {
        let mut said = sections(&self.table(Table::Sections));
        for area in ClinicalArea::ALL {
            if !said.iter().any(|section| section.is(area)) {
                said.push(Section::absent(area));
            }
        }
        said
    }

    /// The errors among the notices, each once with the areas that it is about: what a reader must know first.
    pub(super) fn errors(&self) -> Vec<String> {
        let notices = self.table(Table::Notices);
        let rows = Rows(&notices);
        let mut told: Vec<(&str, Vec<&str>)> = Vec::new();
        let is_error = |row: &usize| !matches!(rows.text(*row, "severity"), Some("information" | "warning"));
        for row in (0..rows.len()).filter(is_error) {
            let words = rows.text(row, "text").or(rows.text(row, "code")).unwrap_or_default();
            let area = rows.text(row, "area").unwrap_or("whole record");
            match told.iter_mut().find(|(said, _)| *said == words) {
                Some((_, areas)) if areas.contains(&area) => {}
                Some((_, areas)) => areas.push(area),
                None => told.push((words, vec![area])),
            }
        }
        told.iter()
            .map(|(words, areas)| format!("{}: {}", escape(&areas.join(", ")), escape(words)))
            .collect()
    }

    /// Where the record is from and how old it is (GPC-STR02, GPC-STR03), one line each, with its age as `age` tells it.
    pub(super) fn provenance(&self, age: impl Fn(Timestamp) -> String) -> [String; 2] {
        let practice = self.manifest.source.as_ref().map_or("unknown", |source| source.practice.as_str());
        let retrieved = match self.manifest.retrieved_at.as_deref().map(str::parse) {
            Some(Ok(at)) => format!("{}, {}", ward_time(at), age(at)),
            _ => "at an unknown time".to_owned(),
        };
        let freshness = match self.freshness {
            Freshness::Fresh => "",
            Freshness::Ageing => ", no longer fresh by the site's policy",
            Freshness::Stale => ", STALE by the site's policy and shown because the reader accepted that",
        };
        [
            format!("Source: the GP practice record of the patient, practice {}", escape(practice)),
            format!("Retrieved: {retrieved}{freshness}; what changed at the practice since then is not here"),
        ]
    }

    pub(super) fn episode(&self) -> String {
        escape(self.episode.as_str()).into_owned()
    }

    pub(super) fn freshness(&self) -> Freshness {
        self.freshness
    }

    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{page, record};
    use super::*;

    #[test]
    fn a_record_that_is_not_fresh_says_so_wherever_it_is_from() {
        for (freshness, words) in [
            (Freshness::Fresh, "2 hours ago; "),
            (Freshness::Ageing, "no longer fresh"),
            (Freshness::Stale, "STALE"),
        ] {
            let record = Record { freshness, ..record(&[]) };
            let [_, retrieved] = record.provenance(|at| page(120).age(at));
            assert!(retrieved.contains(words), "{retrieved}");
        }
    }
}
