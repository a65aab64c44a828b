//! What each stage costs, a group for each: the stages from bytes to record batches as the way itself tells them, and
//! what comes after it: Parquet in the clear, the sealed generation of an episode, and opening it.
//!
//! `cargo bench -p bedside-benches --bench stages`, or `-- entries/` for one stage; every file and every sync goes to a
//! folder below `TMPDIR`, so `TMPDIR=/dev/shm` leaves the disk out of the figures.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bedside_audit::{AuditLog, Pepper};
use bedside_benches::{Input, SIZES, generated, options, published, whole};
use bedside_bundle::Record;
use bedside_bundle::stages::tokens;
use bedside_cache::{Cache, Contents, Grant, KeyFile, ReaderAssertion, Secret, SystemClock};
use bedside_lab::bench::stages::laps;
use bedside_lab::output::{Format, write_table};
use bedside_model::{EpisodeId, NhsNumber, Requester};
use bedside_warm::{Manifest, Provenance};
use criterion::{Bencher, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};

fn stages(criterion: &mut Criterion) {
    let inputs: Vec<Input> = generated(&SIZES).into_iter().chain(published()).collect();
    group(criterion, "whole", &inputs, |bencher, bytes| {
        let options = options();
        bencher.iter(|| whole(black_box(bytes), &options));
    });
    // It runs ahead of the reading, window by window, so it is measured by itself.
    group(criterion, "scan", &inputs, |bencher, bytes| {
        let text = str::from_utf8(bytes).expect("UTF-8");
        bencher.iter(|| tokens(black_box(text)));
    });
    for lap in laps(&inputs[0].bytes, &options()).expect("the input is readable") {
        group(criterion, lap.stage, &inputs, |bencher, bytes| one(bencher, lap.stage, bytes));
    }
    for (stage, work) in [("parquet", parquet as fn(&Sealed)), ("seal", seal), ("open", open)] {
        group(criterion, stage, &inputs, |bencher, bytes| {
            let sealed = Sealed::of(bytes);
            bencher.iter(|| work(&sealed));
        });
    }
}

/// One stage over every input.
fn group(criterion: &mut Criterion, stage: &str, inputs: &[Input], work: impl Fn(&mut Bencher<'_>, &[u8])) {
    let mut group = criterion.benchmark_group(stage);
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(500));
    for Input { name, bytes } in inputs {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| work(bencher, bytes));
    }
    group.finish();
}

/// The time of one stage, while the whole way is gone again and again.
fn one(bencher: &mut Bencher<'_>, stage: &str, bytes: &[u8]) {
    let options = options();
    let took = || {
        let laps = laps(bytes, &options).expect("the input is readable");
        laps.into_iter().find(|lap| lap.stage == stage).map_or(Duration::ZERO, |lap| lap.took)
    };
    bencher.iter_custom(|times| (0..times).map(|_| took()).sum());
}

fn parquet(sealed: &Sealed) {
    for (table, batch) in sealed.record.tables() {
        let path = sealed.folder.path().join(table.as_str());
        write_table(&path, batch, &sealed.manifest, Format::Parquet).expect("room");
    }
}

fn seal(sealed: &Sealed) {
    sealed.site.seal(&sealed.record, &sealed.manifest);
}

fn open(sealed: &Sealed) {
    sealed.site.cache.read(&sealed.grant).expect("it opens");
}

/// A record that lies in a cache.
struct Sealed {
    record: Record,
    manifest: String,
    site: Site,
    grant: Grant,
    folder: tempfile::TempDir,
}

impl Sealed {
    fn of(bytes: &[u8]) -> Self {
        let record = whole(bytes, &options());
        let manifest = Manifest::new(&record, bytes, Provenance::default(), Timestamp::now()).to_json();
        let folder = tempfile::tempdir().expect("a folder");
        let site = Site::open(folder.path());
        site.seal(&record, &manifest);
        Self { grant: site.grant(), record, manifest, site, folder }
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
