//! Bytes to record batches, over generated bundles of both suppliers and published ones, with white space and
//! without: whole, and in the pieces that a network hands over, beside a tree of `serde_json::Value`.
//!
//! `cargo bench -p bedside-benches --bench normalise`

use std::hint::black_box;
use std::time::Duration;

use bedside_benches::{Input, SIZES, fed, generated, options, published, whole};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use serde_json::Value;

fn all(criterion: &mut Criterion) {
    for Input { name, bytes } in generated(&SIZES).iter().chain(&published()) {
        one(criterion, name, bytes);
    }
}

fn one(criterion: &mut Criterion, name: &str, bytes: &[u8]) {
    let options = options();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.sampling_mode(SamplingMode::Flat).sample_size(15);
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group.bench_function(BenchmarkId::from_parameter("whole"), |bencher| {
        bencher.iter(|| whole(black_box(bytes), &options));
    });
    group.bench_function(BenchmarkId::from_parameter("fed"), |bencher| {
        bencher.iter(|| fed(black_box(bytes), &options));
    });
    group.bench_function(BenchmarkId::from_parameter("serde_json_value"), |bencher| {
        bencher.iter(|| serde_json::from_slice::<Value>(black_box(bytes)).expect("JSON"));
    });
    group.finish();
}

criterion_group!(benches, all);
criterion_main!(benches);
