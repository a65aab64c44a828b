//! Ratios that should hold on any machine: each pair takes turns on the same thread, so that what else the machine
//! does befalls both, and the median of their quotients is told with its quartiles.
//!
//! `cargo bench -p bedside-benches --bench ratios`

use std::hint::black_box;
use std::time::{Duration, Instant};

use bedside_benches::{
    Input, fed, minified, options, published, sharing_one_medication, twins, whole,
    with_keys_in_another_order,
};
use bedside_bundle::Options;
use bedside_lab::generate::Supplier;
use rayon::prelude::*;
use serde_json::Value;

/// How long each pair takes turns, and how often it does at least.
const EACH: Duration = Duration::from_secs(4);
const ROUNDS: usize = 9;

fn main() {
    // `cargo bench` hands every program `--bench` and the filter of criterion.
    println!("{:<66} {:>7}  {:>15}", "ratio", "median", "quartiles");
    sizes();
    key_orders();
    pieces();
    threads();
    sharing();
    after_other_work();
}

/// Time per byte of 35 MB beside 3 MB.
fn sizes() {
    for supplier in [Supplier::Emis, Supplier::Tpp] {
        for (small, large) in twins(supplier, 3_000_000).iter().zip(&twins(supplier, 35_000_000)) {
            let name = format!("time per byte, {} over {}", large.name, small.name);
            per_byte(&name, &large.bytes, &small.bytes);
        }
    }
}

/// Time per byte with keys in another order beside the order as sent, both minified.
fn key_orders() {
    let [emis, _] = twins(Supplier::Emis, 3_000_000);
    let [tpp, _] = twins(Supplier::Tpp, 3_000_000);
    let published = published().into_iter().filter(|input| input.name.ends_with("-pretty"));
    for input in [emis, tpp].into_iter().chain(published) {
        let sent = minified(&input.bytes);
        for (order, seed) in [("shuffled", Some(7)), ("resourceType last", None)] {
            let other = with_keys_in_another_order(&input.bytes, seed);
            per_byte(&format!("time per byte, keys {order}, {}", input.name), &other, &sent);
        }
    }
}

/// Speed in pieces of 16 KiB beside the whole body at once.
fn pieces() {
    let options = options();
    for bytes in [250_000, 3_000_000, 35_000_000] {
        for input in twins(Supplier::Emis, bytes) {
            let name = format!("speed in pieces over whole, {}", input.name);
            told(&name, || timed(|| whole(&input.bytes, &options)), || timed(|| fed(&input.bytes, &options)));
        }
    }
}

/// Bundles one after the other beside two at once: so many that waking a thread does not count, and an even number, or one thread
/// would end with nothing to read.
fn threads() {
    let options = options();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
    for (supplier, bytes) in
        [(Supplier::Emis, 25_000), (Supplier::Emis, 3_000_000), (Supplier::Tpp, 3_000_000)]
    {
        let [input, _] = twins(supplier, bytes);
        let bundles = vec![&input.bytes; (64_000_000 / bytes).next_multiple_of(64)];
        let read = |bytes: &&Vec<u8>| drop(whole(black_box(bytes), &options));
        let at_once = || pool.install(|| timed(|| bundles.par_iter().for_each(read)));
        let in_turn = || timed(|| bundles.iter().for_each(read));
        told(&format!("speed of two threads over one, {}", input.name), in_turn, at_once);
    }
    // What two threads of this machine can gain at all: they may be one core's.
    let seeds: Vec<u64> = (1..=16).collect();
    let at_once = || pool.install(|| timed(|| seeds.par_iter().map(|seed| adding(*seed)).max()));
    let in_turn = || timed(|| seeds.iter().map(|seed| adding(*seed)).max());
    told("speed of two threads over one, adding without memory", in_turn, at_once);
}

/// Some milliseconds of arithmetic that keeps every unit of a core busy and touches no memory.
fn adding(seed: u64) -> u64 {
    let mut sums = [seed; 8];
    for number in 0..black_box(2_000_000_u64) {
        for sum in &mut sums {
            *sum = sum.rotate_left(1) ^ number;
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}

/// Time per byte where ten times as many statements share one Medication.
fn sharing() {
    let (few, many) = (sharing_one_medication(10_000), sharing_one_medication(100_000));
    per_byte("time per byte, 100000 references to one over 10000", &many, &few);
}

/// A reading right after other work, a tree of the same bytes made and dropped, beside one right after a reading: what
/// caches, branch prediction and the allocator remember of the last one is in every other figure.
fn after_other_work() {
    let options = options();
    let generated = [25_000, 250_000, 3_000_000].into_iter().flat_map(|bytes| twins(Supplier::Emis, bytes));
    for Input { name, bytes } in generated.chain(published()) {
        let reading = || timed(|| whole(black_box(&bytes), &options));
        let tree = || drop(black_box(serde_json::from_slice::<Value>(black_box(&bytes))));
        let [after, hot] = told(
            &format!("time after other work over after itself, {name}"),
            || (tree(), reading()).1,
            || (reading(), reading()).1,
        );
        println!("{:<66} {:>6.1} us {:>5.1} us", "    the same, medians", after * 1e6, hot * 1e6);
    }
}

fn per_byte(name: &str, one: &[u8], other: &[u8]) {
    let options: Options = options();
    let time = |bytes: &[u8]| timed(|| whole(black_box(bytes), &options)) / bytes.len() as f64;
    told(name, || time(one), || time(other));
}

/// Takes turns, and prints how many times `other` goes into `one`; gives the medians of both.
fn told(name: &str, mut one: impl FnMut() -> f64, mut other: impl FnMut() -> f64) -> [f64; 2] {
    let end = Instant::now() + EACH;
    let [mut ones, mut others, mut quotients] = [const { Vec::new() }; 3];
    while quotients.len() < ROUNDS || Instant::now() < end {
        let turn = (one(), other());
        ones.push(turn.0);
        others.push(turn.1);
        quotients.push(turn.0 / turn.1);
    }
    let mut at = |quarter: usize| quarter_of(&mut quotients, quarter);
    println!("{name:<66} {:>6.2}x  {:>6.2}x {:>6.2}x", at(2), at(1), at(3));
    [quarter_of(&mut ones, 2), quarter_of(&mut others, 2)]
}

/// A quartile of them; the second is the median.
fn quarter_of(figures: &mut [f64], quarter: usize) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() * quarter / 4]
}

fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let begun = Instant::now();
    let made = black_box(work());
    let took = begun.elapsed();
    drop(made);
    took.as_secs_f64()
}
