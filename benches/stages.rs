//! What comes after the record batches: Parquet in the clear, the sealed generation of an episode, and opening it.
//!
//! `cargo bench -p bedside-benches --bench stages`; every file and every sync goes to a folder below `TMPDIR`, so
//! `TMPDIR=/dev/shm` leaves the disk out of the figures.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bedside_audit::{AuditLog, Pepper};
use bedside_benches::{Input, options, twins, whole};
use bedside_bundle::Record;
use bedside_cache::{Cache, Contents, Grant, KeyFile, ReaderAssertion, Secret, SystemClock};
use bedside_lab::generate::Supplier;
use bedside_lab::output::{Format, write_table};
use bedside_model::{EpisodeId, NhsNumber, Requester};
use bedside_warm::{Manifest, Provenance};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};

fn stages(criterion: &mut Criterion) {
    for (supplier, bytes) in [
        (Supplier::Emis, 25_000),
        (Supplier::Emis, 250_000),
        (Supplier::Emis, 3_000_000),
        (Supplier::Tpp, 3_000_000),
    ] {
        let [pretty, _] = twins(supplier, bytes);
        one(criterion, &pretty);
    }
}

fn one(criterion: &mut Criterion, Input { name, bytes }: &Input) {
    let record = whole(bytes, &options());
    let manifest = Manifest::new(&record, bytes, Provenance::default(), Timestamp::now()).to_json();
    let folder = tempfile::tempdir().expect("a folder");
    let site = Site::open(folder.path());
    let mut group = criterion.benchmark_group(format!("stages-{name}"));
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.sampling_mode(SamplingMode::Flat).sample_size(15);
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group.bench_function(BenchmarkId::from_parameter("normalise"), |bencher| {
        bencher.iter(|| whole(black_box(bytes), &options()));
    });
    group.bench_function(BenchmarkId::from_parameter("parquet"), |bencher| {
        bencher.iter(|| parquet(folder.path(), &record, &manifest));
    });
    group.bench_function(BenchmarkId::from_parameter("seal"), |bencher| {
        bencher.iter(|| site.seal(&record, &manifest));
    });
    site.seal(&record, &manifest);
    let grant = site.grant();
    group.bench_function(BenchmarkId::from_parameter("open"), |bencher| {
        bencher.iter(|| site.cache.read(&grant).expect("it opens"));
    });
    group.finish();
}

fn parquet(folder: &Path, record: &Record, manifest: &str) {
    for (table, batch) in record.tables() {
        let path = folder.join(table.as_str());
        write_table(&path, batch, manifest, Format::Parquet).expect("room");
    }
}

/// A cache and its audit log below a folder.
struct Site {
    cache: Cache,
    requester: Requester,
    patient: NhsNumber,
    episode: EpisodeId,
}

impl Site {
    fn open(home: &Path) -> Self {
        let pepper = Pepper::new(Secret::from_bytes(&[2; 32]));
        let audit = AuditLog::open(&home.join("audit"), pepper, Arc::new(SystemClock)).expect("a log");
        let kek = Box::new(KeyFile::new(Secret::from_bytes(&[1; 32])));
        let cache = Cache::open(&home.join("cache"), kek, Arc::new(audit), Arc::new(SystemClock));
        Self {
            cache: cache.expect("a cache"),
            requester: requester(),
            patient: "9990000018".parse().expect("a number of the test range"),
            episode: "EP-1".parse().expect("an episode"),
        }
    }

    fn seal(&self, record: &Record, manifest: &str) {
        let tables: Vec<_> = record.tables().collect();
        let contents = Contents {
            manifest,
            tables: &tables,
            expires: Timestamp::now() + SignedDuration::from_hours(1),
            requester: &self.requester,
            patient: &self.patient,
        };
        self.cache.write(&self.episode, &contents).expect("it is sealed");
    }

    fn grant(&self) -> Grant {
        let assertion = ReaderAssertion {
            requester: self.requester.clone(),
            reason: "directcare".into(),
            relationship: "admitting team".into(),
        };
        self.cache.grant(&assertion, &self.episode).expect("a grant")
    }
}

fn requester() -> Requester {
    Requester {
        user_id: "u-17".into(),
        sds_user_id: "UNK".into(),
        sds_role_profile_id: "UNK".into(),
        family: "Example".into(),
        given: "Ann".into(),
        prefix: None,
        role: "Pharmacist".into(),
        organisation: "RXX01".parse().expect("an ODS code"),
        organisation_name: "Example Hospital".into(),
    }
}

criterion_group!(benches, stages);
criterion_main!(benches);
