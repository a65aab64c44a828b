//! Instructions of bytes to record batches, counted under callgrind: whole, in pieces, and stage by stage. A count more
//! than 5 % above that of `baseline.json` fails, of what gives memory back more than 15 %.
//!
//! `cargo bench -p bedside-instructions`; with `BASELINE=write` before it the counts become the baseline.

// The macros of gungraun make public items, and a benchmark is nobody's library.
#![allow(missing_docs, unreachable_pub)]

mod baseline;
mod inputs;

use std::path::Path;

use bedside_model::schema::Table;
use gungraun::{
    Bench, BinaryBenchmark, BinaryBenchmarkConfig, BinaryBenchmarkGroup, Callgrind, Command, EntryPoint,
    EventKind, binary_benchmark_group, main,
};

use baseline::Baseline;
use inputs::Input;

/// What runs ahead of the reading, and the parts of the whole way but for the tables, as the program knows them.
const STAGES: [&str; 5] = ["scan", "entries", "index", "relations", "rest"];

binary_benchmark_group!(name = reading, benchmarks = |group: &mut BinaryBenchmarkGroup| add_all(group));
main!(setup = inputs::write(); teardown = baseline::write_if_asked(); binary_benchmark_groups = reading);

fn add_all(group: &mut BinaryBenchmarkGroup) {
    let baseline = Baseline::read();
    for (way, inputs) in ways() {
        let mut benches = BinaryBenchmark::new(way);
        for input in inputs {
            benches.bench(bench(way, &input, baseline.most(way, &input)));
        }
        group.binary_benchmark(benches);
    }
}

/// Every way through a bundle that is counted, and the bundles.
fn ways() -> Vec<(&'static str, Vec<Input>)> {
    let those = |wanted: fn(&Input) -> bool| inputs::all().into_iter().filter(wanted).collect();
    let stages = STAGES.into_iter().chain(Table::ALL.map(Table::as_str));
    let whole = [("whole", inputs::all()), ("fed", those(Input::is_largest))];
    whole.into_iter().chain(stages.map(|stage| (stage, those(Input::is_staged)))).collect()
}

/// One way through one bundle, and how many instructions it may take.
fn bench(way: &str, input: &Input, most: Option<u64>) -> Bench {
    // A model of caches would double the time and tell nothing about this processor's.
    let mut callgrind =
        Callgrind::with_args(["--toggle-collect=*::done", "--zero-before=*::stage_begins", "--cache-sim=no"]);
    callgrind.entry_point(EntryPoint::Custom("*::counted".to_owned()));
    if let Some(most) = most {
        callgrind.hard_limits([(EventKind::Ir, most)]);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedside-instructions"));
    command.args([Path::new(way), &input.file]);
    let mut bench = Bench::new(&input.name);
    bench.command(command).config(BinaryBenchmarkConfig::default().tool(callgrind));
    bench
}
