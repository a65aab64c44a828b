//! A cache and its audit log, on real disks or in memory, with a clock that tests set.

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow_array::RecordBatch;
use bedside_audit::disk::Disk;
use bedside_audit::{AuditLog, Pepper};
use bedside_cache::{
    Cache, CacheError, Clock, Committed, Contents, KeyEncryption, KeyFile, OpenEpisode, ReaderAssertion,
    Secret, Stale, SystemRandomness,
};
use bedside_model::schema::Table;
use bedside_model::{EpisodeId, NhsNumber, Requester};
use jiff::{SignedDuration, Timestamp};

use crate::memory::MemoryDisk;
use crate::record;

/// A clock that stands still until it is set, or steps when it is read for the n-th time.
pub(crate) struct TestClock {
    milliseconds: AtomicI64,
    readings_left: AtomicI64,
    step: AtomicI64,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        let (milliseconds, none) = (AtomicI64::new(1_768_473_000_000), || AtomicI64::new(0));
        Self { milliseconds, readings_left: none(), step: none() }
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        self.milliseconds.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    pub(crate) fn set(&self, to: Timestamp) {
        self.milliseconds.store(to.as_millisecond(), Ordering::SeqCst);
    }

    /// Steps just before the n-th reading from now on, counted from 1.
    pub(crate) fn step_at(&self, reading: i64, by: SignedDuration) {
        self.readings_left.store(reading, Ordering::SeqCst);
        self.step.store(by.as_millis() as i64, Ordering::SeqCst);
    }

    pub(crate) fn has_stepped(&self) -> bool {
        self.readings_left.load(Ordering::SeqCst) <= 0
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        if self.readings_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.milliseconds.fetch_add(self.step.load(Ordering::SeqCst), Ordering::SeqCst);
        }
        Timestamp::from_millisecond(self.milliseconds.load(Ordering::SeqCst)).expect("in range")
    }
}

pub(crate) const MANIFEST: &str = "{\n  \"rows\": {\"allergies\": 2}\n}\n";

/// Where a cache and its log lie.
#[derive(Clone)]
pub(crate) struct Disks {
    pub(crate) cache: Arc<MemoryDisk>,
    pub(crate) audit: Arc<MemoryDisk>,
    /// What the test record of a version is.
    pub(crate) tables: fn(u32) -> Vec<(Table, RecordBatch)>,
    /// The key-encryption key, and the one of the epoch before.
    pub(crate) kek: [u8; 32],
    pub(crate) older: Option<[u8; 32]>,
}

impl Disks {
    pub(crate) fn new() -> Self {
        let (cache, audit) = (Arc::default(), Arc::default());
        Self { cache, audit, tables: record::tables, kek: [11; 32], older: None }
    }

    /// With the smallest records, where there are many.
    pub(crate) fn tiny() -> Self {
        Self { tables: record::tiny, ..Self::new() }
    }

    pub(crate) fn copy(&self) -> Self {
        Self { cache: self.cache.copy(), audit: self.audit.copy(), ..*self }
    }

    pub(crate) fn world(&self) -> World {
        self.try_world(|disk| disk).expect("opened")
    }

    /// The same on disks that are wrapped into others.
    pub(crate) fn try_world(
        &self,
        wrap: impl Fn(Arc<dyn Disk>) -> Arc<dyn Disk>,
    ) -> Result<World, CacheError> {
        self.world_on(wrap(self.cache.clone()), wrap(self.audit.clone()))
    }

    pub(crate) fn world_on(&self, cache: Arc<dyn Disk>, audit: Arc<dyn Disk>) -> Result<World, CacheError> {
        let clock = Arc::new(TestClock::new());
        let audit = AuditLog::open_on(audit, Pepper::new(Secret::from_bytes(&[12; 32])), clock.clone())?;
        let key =
            |bytes: &[u8; 32]| Box::new(KeyFile::new(Secret::from_bytes(bytes))) as Box<dyn KeyEncryption>;
        let (kek, randomness) = (key(&self.kek), Arc::new(SystemRandomness));
        let cache = Cache::open_on(cache, randomness, kek, Arc::new(audit), clock.clone())?;
        let cache = cache.with_older_keys(self.older.iter().map(key).collect());
        Ok(World { cache, clock, tables: self.tables })
    }
}

pub(crate) struct World {
    pub(crate) cache: Cache,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) tables: fn(u32) -> Vec<(Table, RecordBatch)>,
}

impl World {
    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Writes that version of the test record, to expire in a week.
    pub(crate) fn write(&self, episode: &EpisodeId, version: u32) -> Result<Committed, CacheError> {
        let tables = (self.tables)(version);
        self.cache.write(episode, &self.contents(&record::borrowed(&tables)))
    }

    pub(crate) fn contents<'a>(&self, tables: &'a [(Table, &'a RecordBatch)]) -> Contents<'a> {
        Contents {
            manifest: MANIFEST,
            tables,
            expires: self.clock_now() + SignedDuration::from_hours(7 * 24),
            requester: &REQUESTER,
            patient: &NUMBER,
        }
    }

    pub(crate) fn read(&self, episode: &EpisodeId) -> Result<OpenEpisode, CacheError> {
        self.cache.read(&self.cache.grant(&assertion(), episode)?)
    }

    /// The version of an opened record, all of whose tables must be of that one version.
    pub(crate) fn whole(&self, opened: &OpenEpisode) -> u32 {
        let record = (0..10).map(self.tables).enumerate();
        let same =
            |(_, tables): &(usize, Vec<(Table, RecordBatch)>)| *opened.table(Table::Links) == tables[6].1;
        let (version, tables) = record.into_iter().find(same).expect("a version that was written");
        for (table, batch) in tables {
            assert_eq!(opened.table(table), &batch);
        }
        assert_eq!(opened.manifest(), MANIFEST);
        version as u32
    }

    /// The versions of the current record and of the one before, as one reader gets both.
    pub(crate) fn versions(&self, episode: &EpisodeId) -> Result<(u32, Option<u32>), CacheError> {
        let grant = self.cache.grant(&assertion(), episode)?;
        let both = self.cache.read_with_earlier(&grant, NonZeroU8::MIN, Stale::Refused)?;
        Ok((self.whole(&both.current), both.earlier.map(|earlier| self.whole(&earlier))))
    }

    /// The version of the record that a reader gets whole; anything but a named state is a failure.
    pub(crate) fn version(&self, episode: &EpisodeId) -> Result<u32, CacheError> {
        self.read(episode).map(|opened| self.whole(&opened))
    }
}

pub(crate) fn episode(name: &str) -> EpisodeId {
    name.parse().expect("an episode id")
}

pub(crate) fn assertion() -> ReaderAssertion {
    ReaderAssertion {
        requester: REQUESTER.clone(),
        reason: "directcare".into(),
        relationship: "admitting team".into(),
    }
}

pub(crate) static REQUESTER: std::sync::LazyLock<Requester> = std::sync::LazyLock::new(|| Requester {
    user_id: "u-17".into(),
    sds_user_id: "UNK".into(),
    sds_role_profile_id: "UNK".into(),
    family: "Example".into(),
    given: "Ann".into(),
    prefix: None,
    role: "Pharmacist".into(),
    organisation: "RXX01".parse().expect("ODS code"),
    organisation_name: "Example Hospital".into(),
});

pub(crate) static NUMBER: std::sync::LazyLock<NhsNumber> =
    std::sync::LazyLock::new(|| "9990000018".parse().expect("test number"));

/// The bodies of the audit records in memory.
pub(crate) fn audited(disk: &MemoryDisk) -> Vec<serde_json::Value> {
    let files: BTreeMap<String, Vec<u8>> = disk.files();
    let text = String::from_utf8(files["audit.ndjson"].clone()).expect("text");
    // A last record that a played fault cut short is not one.
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["record"].clone())
        .collect()
}
