//! Times `ours` beside JSON parsers for Rust, in turns on the same bytes: `bedside-peers FILE SECONDS`. One JSON
//! line for each approach: `{"peer": NAME, "seconds": [...], "error": null}`. A turn is as many readings as take some 20
//! milliseconds, as in `bedside-lab bench`.
//!
//! `ours` makes nine tables, `arrow-json` three; the others make a tree or a tape and no table. A parser that overwrites its input gets
//! a fresh copy for each reading, which is not timed.

mod arrow_tables;

use std::hint::black_box;
use std::time::{Duration, Instant};

use bedside_bundle::{Limits, Options, normalise};
use bedside_model::Day;

/// The least turns of each, and how long one is.
const TURNS: usize = 5;
const TURN: Duration = Duration::from_millis(20);

type Work = fn(&mut [u8]) -> Result<(), String>;

const PEERS: [(&str, Work); 6] = [
    ("ours", ours),
    ("serde_json Value", serde_json_value),
    ("simd-json tape", simd_json_tape),
    ("simd-json borrowed DOM", simd_json_dom),
    ("sonic-rs DOM", sonic_rs_dom),
    ("arrow-json", arrow_tables::three),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, seconds] = arguments.as_slice() else { panic!("usage: bedside-peers FILE SECONDS") };
    let bytes = std::fs::read(file).expect("the file can be read");
    let seconds: f64 = seconds.parse().expect("SECONDS is a number");
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut turns = vec![Turns::default(); PEERS.len()];
    while turns[0].taken < TURNS || Instant::now() < end {
        for ((_, work), turns) in PEERS.iter().zip(&mut turns) {
            turns.take(*work, &bytes);
        }
    }
    for ((name, _), turns) in PEERS.iter().zip(turns) {
        println!("{}", serde_json::json!({"peer": name, "seconds": turns.times, "error": turns.error}));
    }
}

/// What came of the turns of one peer.
#[derive(Clone, Default)]
struct Turns {
    taken: usize,
    times: Vec<f64>,
    error: Option<String>,
}

impl Turns {
    fn take(&mut self, work: Work, bytes: &[u8]) {
        self.taken += 1;
        let mut copy = bytes.to_vec();
        let mut read = Duration::ZERO;
        while read < TURN && self.error.is_none() {
            copy.copy_from_slice(bytes);
            let begun = Instant::now();
            let done = work(black_box(&mut copy));
            let took = begun.elapsed();
            read += took;
            match done {
                Ok(()) => self.times.push(took.as_secs_f64()),
                Err(error) => self.error = Some(error),
            }
        }
    }
}

fn ours(bytes: &mut [u8]) -> Result<(), String> {
    let day = Day::new(2026, 1, 15).expect("a day of the calendar");
    let limits = Limits {
        body_bytes: 1 << 30,
        values: 100_000_000,
        entries: 5_000_000,
        notices: 25_000_000,
        ..Limits::default()
    };
    kept(normalise(bytes, &Options { limits, ..Options::new(day) }))
}

fn serde_json_value(bytes: &mut [u8]) -> Result<(), String> {
    kept(serde_json::from_slice::<serde_json::Value>(bytes))
}

fn simd_json_tape(bytes: &mut [u8]) -> Result<(), String> {
    kept(simd_json::to_tape(bytes))
}

fn simd_json_dom(bytes: &mut [u8]) -> Result<(), String> {
    kept(simd_json::to_borrowed_value(bytes))
}

fn sonic_rs_dom(bytes: &mut [u8]) -> Result<(), String> {
    kept(sonic_rs::from_slice::<sonic_rs::Value>(bytes))
}

/// Dropping what was made is part of its price.
fn kept<T, E: ToString>(made: Result<T, E>) -> Result<(), String> {
    made.map(|made| drop(black_box(made))).map_err(|error| error.to_string())
}
