//! Bytes to record batches, over generated bundles of both suppliers, with white space and without, whole and in
//! the pieces a network hands over; beside a tree of `serde_json::Value`.
//!
//! `cargo bench -p bedside-benches`

use std::hint::black_box;

use bedside_bundle::{Feed, Limits, Options, normalise};
use bedside_lab::generate::{Patient, Recipe, Supplier, bundle};
use bedside_model::Day;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// What a socket gives at once.
const PIECE: usize = 16 * 1024;

fn inputs() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Vec::new();
    for supplier in [Supplier::Emis, Supplier::Tpp] {
        for bytes in [25_000, 400_000, 3_000_000] {
            for minified in [false, true] {
                let recipe = Recipe { bytes, seed: 1, supplier, minified, patient: Patient::synthetic(1) };
                let form = if minified { "minified" } else { "pretty" };
                inputs.push((format!("{}-{bytes}-{form}", supplier.as_str()), bundle(&recipe)));
            }
        }
    }
    inputs
}

fn options() -> Options {
    let day = Day::new(2026, 1, 15).expect("a day of the calendar");
    Options { limits: Limits { body_bytes: 1 << 30, ..Limits::default() }, ..Options::new(day) }
}

fn feed(pieces: &[u8], options: &Options) -> usize {
    let mut feed = Feed::new(options.clone());
    for piece in pieces.chunks(PIECE) {
        feed.push(piece).expect("a readable bundle");
    }
    feed.finish().expect("a readable bundle").envelope.bytes
}

fn whole(criterion: &mut Criterion) {
    let options = options();
    let mut group = criterion.benchmark_group("normalise");
    for (name, bytes) in inputs() {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_with_input(BenchmarkId::new("whole", &name), &bytes, |bencher, bytes| {
            bencher.iter(|| normalise(black_box(bytes), &options).expect("a readable bundle"));
        });
        group.bench_with_input(BenchmarkId::new("fed", &name), &bytes, |bencher, bytes| {
            bencher.iter(|| feed(black_box(bytes), &options));
        });
        group.bench_with_input(BenchmarkId::new("serde_json_value", &name), &bytes, |bencher, bytes| {
            bencher.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(bytes)).expect("JSON"));
        });
    }
    group.finish();
}

criterion_group!(benches, whole);
criterion_main!(benches);
