//! The read protocol: steps R1 to R8 of the `reliability` sheet, section 4. A generation is read whole into
//! memory and checked before anything is released, so that no lease on its files is needed (R3): a writer may
//! remove them as soon as they are read.

use std::num::NonZeroU8;

use arrow_array::RecordBatch;
use bedside_audit::{Detail, Event, EventKind, Outcome};
use bedside_model::EpisodeId;
use bedside_model::schema::Table;
use jiff::{SignedDuration, Timestamp};

use crate::bundle::BundleSeal;
use crate::cache::Cache;
use crate::error::{CacheError, NotReadable};
use crate::generations::{Generation, Generations};
use crate::layout;
use crate::manifest::Manifest;
use crate::policy::{Grant, ReaderAssertion, Readers};
use crate::retention::Freshness;
use crate::state::Located;
use crate::tag::EpisodeTag;

/// One episode's record, whole and checked.
pub struct OpenEpisode {
    generation: u64,
    created: Timestamp,
    expires: Timestamp,
    age: SignedDuration,
    freshness: Freshness,
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

    /// From when on it is not shown any more: the first of the times of the site's policy.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// How old the record was when it was opened; what a reader must be shown. Not below zero: a clock that is
    /// more than five seconds behind closes the audit log, and with it the cache.
    pub fn age(&self) -> SignedDuration {
        self.age
    }

    /// Whether it was fresh when it was opened. A stale one was accepted as that.
    pub fn freshness(&self) -> Freshness {
        self.freshness
    }
}

/// Whether a reader takes a record that is older than the site's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// It is not shown.
    Refused,
    /// The reader was told that it is stale and wants it all the same; the audit log says so.
    Accepted,
}

/// What the audit log says of a read beyond the limit, of one of the raw bundle, and of one of an earlier generation.
const STALE_ACCEPTED: &str = "stale_accepted";
const RAW_BUNDLE: &str = "raw_bundle";
const EARLIER_GENERATION: &str = "earlier_generation";

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
    /// As [`Cache::grant`], [`CacheError::NotReadable`] with `Stale` for a record beyond the site's limit, and
    /// [`CacheError::Audit`] when intent or outcome could not be recorded; nothing is released then.
    pub fn read(&self, grant: &Grant) -> Result<OpenEpisode, CacheError> {
        self.read_audited(grant, Stale::Refused)
    }

    /// [`Cache::read`] for a reader who was told that the record is stale and wants it all the same; the audit
    /// log says so.
    ///
    /// # Errors
    /// As [`Cache::read`], but for `Stale`.
    pub fn read_accepting_stale(&self, grant: &Grant) -> Result<OpenEpisode, CacheError> {
        self.read_audited(grant, Stale::Accepted)
    }

    /// [`Cache::read`] with an earlier generation of the same episode beside it, to tell what changed: `back` is 1 for
    /// the one before. Both are of one moment, whoever refreshes meanwhile, and the audit log has a record of each. The
    /// age that counts is the current one's; the earlier one carries its own.
    ///
    /// # Errors
    /// As [`Cache::read`], and [`CacheError::NotReadable`] with [`Damage::Earlier`](crate::Damage::Earlier) when the
    /// earlier generation is there and is not the one that was committed.
    pub fn read_with_earlier(
        &self,
        grant: &Grant,
        back: NonZeroU8,
        stale: Stale,
    ) -> Result<Generations, CacheError> {
        let cause = (stale == Stale::Accepted).then_some(STALE_ACCEPTED);
        let tag = grant.episode();
        let (located, (tables, earlier)) = self.audited_read(grant, cause, || {
            self.locate(tag, |located| {
                self.require_granted(grant, located, stale)?;
                let earlier = self.open_earlier(tag, located, back)?;
                Ok((self.tables(tag, &located.key, &located.current)?, earlier))
            })
        })?;
        let closes = self.closes(&located);
        if let Some((generation, _)) = &earlier {
            let event = event(EventKind::Read, grant.assertion(), tag);
            let detail = Detail { cause: Some(EARLIER_GENERATION), ..self.detail(generation) };
            let event = Event { patient: Some(grant.patient().clone()), ..event };
            self.audit.record(&event, &Outcome::ok(detail))?;
        }
        let earlier = earlier.map(|(generation, tables)| self.opened(generation, tables, closes));
        Ok(Generations { current: self.opened(located.current, tables, closes), earlier })
    }

    /// The raw bundle of the episode that the grant names, byte for byte as it came; `None` where the site does
    /// not keep it. Audited as a read.
    ///
    /// # Errors
    /// As [`Cache::read_accepting_stale`]: who compares the bundle with its tables does not treat by it.
    pub fn bundle(&self, grant: &Grant) -> Result<Option<Vec<u8>>, CacheError> {
        self.audited_read(grant, Some(RAW_BUNDLE), || {
            self.locate(grant.episode(), |located| {
                self.require_granted(grant, located, Stale::Accepted)?;
                let Some(file) = &located.current.manifest.bundle else { return Ok(None) };
                let (key, generation) = (&located.key, located.current.number);
                let directory = layout::generation(grant.episode(), generation);
                let seal = BundleSeal { key, tag: grant.episode(), generation };
                seal.read(self.disk.as_ref(), &directory, file).map(Some)
            })
        })
        .map(|(_, bundle)| bundle)
    }

    fn read_audited(&self, grant: &Grant, stale: Stale) -> Result<OpenEpisode, CacheError> {
        let cause = (stale == Stale::Accepted).then_some(STALE_ACCEPTED);
        let tag = grant.episode();
        let (located, tables) = self.audited_read(grant, cause, || {
            self.locate(tag, |located| {
                self.require_granted(grant, located, stale)?;
                self.tables(tag, &located.key, &located.current)
            })
        })?;
        let closes = self.closes(&located);
        Ok(self.opened(located.current, tables, closes))
    }

    fn opened(&self, generation: Generation, tables: Vec<RecordBatch>, closes: Timestamp) -> OpenEpisode {
        let Generation { number, manifest, .. } = generation;
        let now = self.clock.now();
        OpenEpisode {
            generation: number,
            created: manifest.created,
            expires: closes,
            age: now.duration_since(manifest.created).max(SignedDuration::ZERO),
            freshness: self.policy.retention.freshness(manifest.created, now),
            manifest: manifest.record,
            tables,
        }
    }

    fn closes(&self, located: &Located) -> Timestamp {
        self.policy.retention.closes(&located.standing, located.current.manifest.expires).0
    }

    /// Intent, reading, outcome; what was read is given back when all three are done.
    fn audited_read<T>(
        &self,
        grant: &Grant,
        cause: Option<&'static str>,
        read: impl FnOnce() -> Result<(Located, T), CacheError>,
    ) -> Result<(Located, T), CacheError> {
        let event = event(EventKind::Read, grant.assertion(), grant.episode());
        let detail = Detail { cause, ..Detail::default() };
        let intent = self.audit.intent(&Event { patient: Some(grant.patient().clone()), detail, ..event })?;
        match read() {
            Ok((located, value)) => {
                intent.outcome(Outcome::ok(self.detail(&located.current)))?;
                Ok((located, value))
            }
            Err(error) => {
                // Nothing is released; an outcome that cannot be written shows as an unfinished intent.
                let _ = intent.outcome(error.outcome());
                Err(error)
            }
        }
    }

    pub(crate) fn mint(&self, assertion: &ReaderAssertion, tag: &EpisodeTag) -> Result<Grant, CacheError> {
        assertion.check()?;
        self.policy.check_role(assertion)?;
        let (located, ()) = self.locate(tag, |located| self.require_live(located))?;
        let Manifest { organisation, patient, .. } = &located.current.manifest;
        let readers = Readers { organisation, partners: &self.policy.partners };
        Ok(Grant::mint(assertion, tag, (&readers, patient), self.clock.now())?)
    }

    fn require_granted(&self, grant: &Grant, located: &Located, stale: Stale) -> Result<(), CacheError> {
        let organisation = &located.current.manifest.organisation;
        let readers = Readers { organisation, partners: &self.policy.partners };
        grant.check(&readers, self.clock.now())?;
        self.policy.check_role(grant.assertion())?;
        self.require_live(located)?;
        match self.stale(located) {
            Some(state) if stale == Stale::Refused => Err(state.into()),
            _ => Ok(()),
        }
    }

    /// The state of an episode that is there and whole, and not to be shown: held, or its time is over.
    pub(crate) fn over(&self, located: &Located) -> Option<NotReadable> {
        if let Some(reason) = located.standing.held {
            return Some(NotReadable::Held { reason });
        }
        let ends = located.current.manifest.expires;
        let (since, rule) = self.policy.retention.closes(&located.standing, ends);
        (self.clock.now() >= since).then_some(NotReadable::Expired { since, rule })
    }

    pub(crate) fn stale(&self, located: &Located) -> Option<NotReadable> {
        let fetched = located.current.manifest.created;
        let freshness = self.policy.retention.freshness(fetched, self.clock.now());
        (freshness == Freshness::Stale).then_some(NotReadable::Stale { fetched })
    }

    fn require_live(&self, located: &Located) -> Result<(), CacheError> {
        self.over(located).map_or(Ok(()), |state| Err(state.into()))
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

    fn detail(&self, generation: &Generation) -> Detail {
        let files = &generation.manifest.files;
        let age = self.clock.now().duration_since(generation.manifest.created).as_secs();
        Detail {
            generation: Some(generation.number),
            bytes: Some(files.iter().map(|file| file.length).sum()),
            manifest_sha256: Some(generation.manifest_sha256),
            rows: files.iter().map(|file| (file.table.as_str(), file.rows)).collect(),
            age_s: Some(u64::try_from(age).unwrap_or(0)),
            ..Detail::default()
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
