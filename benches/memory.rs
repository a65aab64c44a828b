//! Memory of bytes to record batches, by a counting allocator; the figures repeat to the byte but for hash tables.
//!
//! `cargo bench -p bedside-benches --bench memory`

use bedside_benches::{Input, SIZES, fed, generated, options, published, whole};
use bedside_bundle::{Options, Record};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn main() {
    println!(
        "most bytes allocated at once, input not counted: of all, for each byte of input, and beyond the tables"
    );
    println!(
        "{:<36} {:>10} {:>10} {:>24} {:>35}",
        "input", "bytes", "tables", "whole", "fed in pieces of 16 KiB"
    );
    let options = options();
    for Input { name, bytes } in generated(&SIZES).iter().chain(&published()) {
        let (peak, tables) = peak_of(whole, bytes, &options);
        let (fed_peak, fed_tables) = peak_of(fed, bytes, &options);
        let ratio = |peak: usize| peak as f64 / bytes.len() as f64;
        println!(
            "{name:<36} {:>10} {tables:>10} {peak:>11} {:>6.3} {:>11} {fed_peak:>11} {:>6.3} {:>11}",
            bytes.len(),
            ratio(peak),
            peak - tables,
            ratio(fed_peak),
            fed_peak - fed_tables,
        );
    }
}

/// The most bytes allocated at once, and those that the record still holds at the end.
fn peak_of(make: fn(&[u8], &Options) -> Record, bytes: &[u8], options: &Options) -> (usize, usize) {
    // What is made once for a process is not this bundle's.
    drop(make(bytes, options));
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let record = make(bytes, options);
    let held = MEMORY.current_usage() - before;
    drop(record);
    (MEMORY.peak_usage() - before, held)
}
