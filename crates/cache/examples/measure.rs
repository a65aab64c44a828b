//! Measures the cache and the audit log on this machine: `cargo run --release -p bedside-cache --example measure`.
//!
//! Sealing and opening happen on a real disk with every sync (`TMPDIR` says where); ten thousand episodes lie in
//! memory (`/dev/shm`), where the program and not the disk is measured. Figures are of one thread unless they say
//! otherwise.

#[allow(dead_code, reason = "this program uses a part of it")]
#[path = "../tests/support/record.rs"]
mod record;

use std::error::Error;
use std::num::NonZeroU8;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use bedside_audit::{AuditLog, Detail, Event, EventKind, Outcome, Pepper, verify};
use bedside_cache::{Cache, Contents, Grant, KeyFile, ReaderAssertion, Secret, Stale, SystemClock};
use bedside_model::schema::Table;
use bedside_model::{NhsNumber, Requester};
use jiff::{SignedDuration, Timestamp};
use parquet::arrow::ArrowWriter;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Rows of each table but `links`, so that the texts of the record are about as many bytes as an answer of 900 KB.
const ROWS: usize = 120;
const ROUNDS: usize = 200;
const EPISODES: usize = 10_000;

fn main() -> Result<()> {
    let disk = tempfile::tempdir()?;
    let site = Site::open(disk.path())?;
    let tables = record::sized(ROWS);
    let (input, plain) = (in_memory(&tables), plain_parquet(&tables)?);
    let (mut seals, mut refreshes, mut opens, mut both, mut sealed) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 0..ROUNDS {
        let episode = format!("EP-1-{round}");
        let (took, committed) = timed(|| site.write(&episode, &tables))?;
        seals.push(took);
        sealed = committed;
        refreshes.push(timed(|| site.write(&episode, &tables))?.0);
        opens.push(timed(|| site.read(&episode))?.0);
        both.push(timed(|| site.read_both(&episode))?.0);
    }
    println!("record: {input} bytes in memory, {plain} as plain Parquet, {sealed} sealed (one generation)");
    println!("sealed / plain: {:.2}, sealed / memory: {:.2}", ratio(sealed, plain), ratio(sealed, input));
    println!("seal a first record, every sync: {}", percentiles(seals));
    println!("seal a refresh and compare it with the one before: {}", percentiles(refreshes));
    println!("open with both audit records: {}", percentiles(opens));
    println!("open with the generation before, three audit records: {}", percentiles(both));
    let empty = site.write("EP-2", &record::sized(0))?;
    println!("the smallest record, every table empty: {empty} bytes sealed");
    episodes()?;
    audit(disk.path())
}

fn episodes() -> Result<()> {
    let memory = tempfile::tempdir_in("/dev/shm")?;
    let site = Site::open(memory.path())?;
    let tables = record::sized(0);
    let (took, ()) = timed(|| {
        (0..EPISODES).try_for_each(|number| site.write(&format!("EP-{number}"), &tables).map(drop))
    })?;
    println!("{EPISODES} episodes of the smallest record written: {:.1} s", took.as_secs_f64());
    let (took, list) = timed(|| Ok(site.cache.list()?))?;
    println!("{} episodes listed: {:.2} s", list.len(), took.as_secs_f64());
    let (took, recovered) = timed(|| Ok(site.cache.recover()?))?;
    println!("{} episodes recovered: {:.2} s", recovered.episodes, took.as_secs_f64());
    let (took, swept) = timed(|| Ok(site.cache.sweep()?))?;
    println!("{} episodes swept: {:.2} s", swept.kept, took.as_secs_f64());
    Ok(())
}

fn audit(home: &Path) -> Result<()> {
    const RECORDS: u32 = 2_000;
    const THREADS: u32 = 8;
    let (directory, requester) = (home.join("measured-audit"), requester()?);
    let pepper = Pepper::new(Secret::from_bytes(&[22; 32]));
    let log = AuditLog::open(&directory, pepper, Arc::new(SystemClock))?;
    let event = Event {
        kind: EventKind::Read,
        requester: &requester,
        purpose: "directcare",
        relationship: Some("admitting team"),
        episode: Some("abcdefghijklmnopqrstuvwxyz"),
        patient: Some(log.pseudonym(&number()?)),
        detail: Detail::default(),
    };
    let append = |count| (0..count).try_for_each(|_| log.record(&event, &Outcome::blocked("expired")));
    let (took, ()) = timed(|| Ok(append(RECORDS)?))?;
    println!("audit, one thread, a sync each: {:.0} records/s", f64::from(RECORDS) / took.as_secs_f64());
    let (took, done) = timed(|| {
        Ok(std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| append(RECORDS).is_ok())).collect();
            threads.into_iter().all(|thread| thread.join().is_ok_and(|done| done))
        }))
    })?;
    assert!(done, "every record was taken");
    let rate = f64::from(RECORDS * THREADS) / took.as_secs_f64();
    println!("audit, {THREADS} threads in one process: {rate:.0} records/s");
    let (took, verified) = timed(|| Ok(verify(&directory, None)?))?;
    println!("audit verified: {:.0} records/s", verified.records as f64 / took.as_secs_f64());
    Ok(())
}

/// A cache and its log below a folder.
struct Site {
    cache: Cache,
    requester: Requester,
}

impl Site {
    fn open(home: &Path) -> Result<Self> {
        let pepper = Pepper::new(Secret::from_bytes(&[22; 32]));
        let audit = Arc::new(AuditLog::open(&home.join("audit"), pepper, Arc::new(SystemClock))?);
        let kek = Box::new(KeyFile::new(Secret::from_bytes(&[21; 32])));
        let cache = Cache::open(&home.join("cache"), kek, audit, Arc::new(SystemClock))?;
        Ok(Self { cache, requester: requester()? })
    }

    fn write(&self, episode: &str, tables: &[(Table, RecordBatch)]) -> Result<u64> {
        let contents = Contents {
            manifest: "{\"made_for\": \"measuring\"}",
            tables: &record::borrowed(tables),
            expires: Timestamp::now() + SignedDuration::from_hours(1),
            requester: &self.requester,
            patient: &number()?,
        };
        Ok(self.cache.write(&episode.parse()?, &contents)?.bytes)
    }

    fn read(&self, episode: &str) -> Result<()> {
        self.cache.read(&self.grant(episode)?)?;
        Ok(())
    }

    fn read_both(&self, episode: &str) -> Result<()> {
        let grant = self.grant(episode)?;
        let both = self.cache.read_with_earlier(&grant, NonZeroU8::MIN, Stale::Refused)?;
        assert!(both.changes(Table::Allergies).is_some(), "the one before is kept");
        Ok(())
    }

    fn grant(&self, episode: &str) -> Result<Grant> {
        let assertion = ReaderAssertion {
            requester: self.requester.clone(),
            reason: "directcare".into(),
            relationship: "admitting team".into(),
        };
        Ok(self.cache.grant(&assertion, &episode.parse()?)?)
    }
}

fn requester() -> Result<Requester> {
    Ok(Requester {
        user_id: "u-17".into(),
        sds_user_id: "UNK".into(),
        sds_role_profile_id: "UNK".into(),
        family: "Example".into(),
        given: "Ann".into(),
        prefix: None,
        role: "Pharmacist".into(),
        organisation: "RXX01".parse()?,
        organisation_name: "Example Hospital".into(),
    })
}

fn number() -> Result<NhsNumber> {
    Ok("9990000018".parse()?)
}

fn in_memory(tables: &[(Table, RecordBatch)]) -> u64 {
    tables.iter().map(|(_, batch)| batch.get_array_memory_size() as u64).sum()
}

/// The same tables as anybody writes them who keeps nothing secret: the library's own properties, with zstd.
fn plain_parquet(tables: &[(Table, RecordBatch)]) -> Result<u64> {
    use parquet::basic::Compression;
    use parquet::file::properties::WriterProperties;
    let mut bytes = 0;
    for (_, batch) in tables {
        let zstd = WriterProperties::builder().set_compression(Compression::ZSTD(Default::default())).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(zstd))?;
        writer.write(batch)?;
        bytes += writer.into_inner()?.len() as u64;
    }
    Ok(bytes)
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(Duration, T)> {
    let begun = Instant::now();
    let value = work()?;
    Ok((begun.elapsed(), value))
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    format!("p50 {:.1} ms, p99 {:.1} ms of {}", at(50), at(99), times.len())
}

fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other as f64
}
