//! The read protocol: steps R1 to R8 of the `reliability` sheet, section 4. A generation is read whole into
//! memory and checked before anything is released, so that no lease on its files is needed (R3): a writer may
//! remove them as soon as they are read.

use arrow_array::RecordBatch;
use bedside_audit::{Detail, Event, EventKind, Outcome};
use bedside_model::EpisodeId;
use bedside_model::schema::Table;
use jiff::Timestamp;

use crate::cache::Cache;
use crate::error::{CacheError, NotReadable};
use crate::layout;
use crate::policy::{Grant, ReaderAssertion};
use crate::state::Located;
use crate::table::TableFiles;
use crate::tag::EpisodeTag;

/// One episode's record, whole and checked.
pub struct OpenEpisode {
    generation: u64,
    created: Timestamp,
    expires: Timestamp,
    manifest: String,
    tables: Vec<RecordBatch>,
}

impl OpenEpisode {
    /// The manifest of the record contract, as it was handed to [`Cache::write`].
    pub fn manifest(&self) -> &str {
        &self.manifest
    }

    /// A table.
    pub fn table(&self, table: Table) -> &RecordBatch {
        // The sealed manifest lists every table in the contract's order, or it does not open.
        &self.tables[table as usize]
    }

    /// Number of the generation, from 1.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// When the generation was written; its age is what a reader must be shown.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// From when on it is not shown any more.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }
}

impl Cache {
    /// Mints the permission to read one episode, when the assertion is for direct care, complete, and made by
    /// somebody of the organisation that the record was fetched for. A refusal is audited.
    ///
    /// # Errors
    /// [`CacheError::Refused`] with all that is wrong, [`CacheError::NotReadable`] for an episode that cannot be
    /// read, [`CacheError::Audit`] when a refusal could not be recorded, and the errors of disk and key provider.
    pub fn grant(&self, assertion: &ReaderAssertion, episode: &EpisodeId) -> Result<Grant, CacheError> {
        let tag = self.episode_tag(episode);
        self.mint(assertion, &tag).map_err(|error| self.refuse(EventKind::Grant, assertion, &tag, error))
    }

    /// Opens the episode that the grant names. The intent is in the audit log before a file of the episode is
    /// opened, the outcome before a row is released.
    ///
    /// # Errors
    /// As [`Cache::grant`], and [`CacheError::Audit`] when intent or outcome could not be recorded; nothing is
    /// released then.
    pub fn read(&self, grant: &Grant) -> Result<OpenEpisode, CacheError> {
        let event = event(EventKind::Read, grant.assertion(), grant.episode());
        let intent = self.audit.intent(&Event { patient: Some(grant.patient().clone()), ..event })?;
        match self.open_granted(grant) {
            Ok((located, tables)) => {
                intent.outcome(Outcome::ok(detail(&located)))?;
                let Located { generation, manifest, .. } = located;
                let (created, expires) = (manifest.created, manifest.expires);
                Ok(OpenEpisode { generation, created, expires, manifest: manifest.record, tables })
            }
            Err(error) => {
                // Nothing is released; an outcome that cannot be written shows as an unfinished intent.
                let _ = intent.outcome(error.outcome());
                Err(error)
            }
        }
    }

    fn mint(&self, assertion: &ReaderAssertion, tag: &EpisodeTag) -> Result<Grant, CacheError> {
        assertion.check()?;
        let (located, ()) = self.locate(tag, |located| self.require_live(located))?;
        let (organisation, patient) = (&located.manifest.organisation, &located.manifest.patient);
        Ok(Grant::mint(assertion, tag, (organisation, patient), self.clock.now())?)
    }

    fn open_granted(&self, grant: &Grant) -> Result<(Located, Vec<RecordBatch>), CacheError> {
        let tag = grant.episode();
        self.locate(tag, |located| {
            grant.check(&located.manifest.organisation, self.clock.now())?;
            self.require_live(located)?;
            let directory = layout::generation(tag, located.generation);
            let (key, generation) = (&located.key, located.generation);
            let files = TableFiles { disk: self.disk.as_ref(), key, tag, generation, directory: &directory };
            files.read(&located.manifest.files)
        })
    }

    pub(crate) fn expired(&self, located: &Located) -> Option<NotReadable> {
        let since = located.manifest.expires;
        (self.clock.now() >= since).then_some(NotReadable::Expired { since })
    }

    fn require_live(&self, located: &Located) -> Result<(), CacheError> {
        self.expired(located).map_or(Ok(()), |state| Err(state.into()))
    }

    /// Records a refusal that came before any intent, and gives it back.
    pub(crate) fn refuse(
        &self,
        kind: EventKind,
        assertion: &ReaderAssertion,
        tag: &EpisodeTag,
        error: CacheError,
    ) -> CacheError {
        match self.audit.record(&event(kind, assertion, tag), &error.outcome()) {
            Ok(()) => error,
            Err(audit) => audit.into(),
        }
    }
}

/// What a person does to an episode; the patient is added where it is known.
pub(crate) fn event<'a>(kind: EventKind, assertion: &'a ReaderAssertion, tag: &'a EpisodeTag) -> Event<'a> {
    Event {
        kind,
        requester: &assertion.requester,
        purpose: &assertion.reason,
        relationship: Some(&assertion.relationship),
        episode: Some(tag.as_str()),
        patient: None,
        detail: Detail::default(),
    }
}

fn detail(located: &Located) -> Detail {
    let files = &located.manifest.files;
    Detail {
        generation: Some(located.generation),
        bytes: Some(files.iter().map(|file| file.length).sum()),
        manifest_sha256: Some(located.manifest_sha256),
        rows: files.iter().map(|file| (file.table.as_str(), file.rows)).collect(),
        ..Detail::default()
    }
}
