//! Ratios that should hold on any machine: each pair takes turns on the same thread, so that what else the machine
//! does befalls both, and the median of their quotients is told with its quartiles.
//!
//! `cargo bench -p bedside-benches --bench ratios`

use std::hint::black_box;
use std::time::{Duration, Instant};

use bedside_benches::{
    fed, minified, options, published, sharing_one_medication, twins, whole, with_keys_in_another_order,
};
use bedside_bundle::Options;
use bedside_lab::generate::Supplier;
use rayon::prelude::*;

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

/// Two bundles one after the other beside both at once.
fn threads() {
    let options = options();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
    for supplier in [Supplier::Emis, Supplier::Tpp] {
        let [input, _] = twins(supplier, 3_000_000);
        let both = [&input.bytes, &input.bytes];
        let at_once = || {
            pool.install(|| {
                timed(|| both.par_iter().for_each(|bytes| drop(whole(black_box(bytes), &options))))
            })
        };
        let in_turn = || timed(|| both.iter().for_each(|bytes| drop(whole(black_box(bytes), &options))));
        told(&format!("speed of two threads over one, {}", input.name), in_turn, at_once);
    }
    // What two threads of this machine can gain at all: they may be one core's.
    let both = [1_u64, 2];
    let at_once = || pool.install(|| timed(|| both.par_iter().map(|seed| adding(*seed)).max()));
    let in_turn = || timed(|| both.iter().map(|seed| adding(*seed)).max());
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

fn per_byte(name: &str, one: &[u8], other: &[u8]) {
    let options: Options = options();
    let time = |bytes: &[u8]| timed(|| whole(black_box(bytes), &options)) / bytes.len() as f64;
    told(name, || time(one), || time(other));
}

/// Takes turns, and prints how many times `other` goes into `one`.
fn told(name: &str, mut one: impl FnMut() -> f64, mut other: impl FnMut() -> f64) {
    let end = Instant::now() + EACH;
    let mut quotients = Vec::new();
    while quotients.len() < ROUNDS || Instant::now() < end {
        quotients.push(one() / other());
    }
    quotients.sort_unstable_by(f64::total_cmp);
    let at = |quarter: usize| quotients[quotients.len() * quarter / 4];
    println!("{name:<66} {:>6.2}x  {:>6.2}x {:>6.2}x", at(2), at(1), at(3));
}

fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let begun = Instant::now();
    let made = black_box(work());
    let took = begun.elapsed();
    drop(made);
    took.as_secs_f64()
}
