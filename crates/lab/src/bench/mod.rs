//! `bedside-lab bench`: how fast bytes become record batches, beside what people use today, in one process.
//!
//! The approaches take turns on the same bytes, so that a machine whose speed drifts drifts for all of them; the
//! median of each is told. A turn is as many readings as take some 20 milliseconds, at least one: what a tree of the same
//! bytes leaves of caches and branch prediction is no part of what is measured. All of them run under one counting
//! allocator, which costs each allocation a little.

mod chart;
mod page;
mod plot;
pub mod stages;
mod typed;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bedside_bundle::{Options, normalise};
use peak_alloc::PeakAlloc;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

use crate::console::{print, tell};
use crate::exit::{Exit, Stopped};
use crate::normalise::{offline_limits, read, today_in_london};

pub use chart::draw;
use stages::{Rounds, Stages};

/// What to measure, and for how long.
#[derive(Debug, Clone, clap::Args)]
pub struct BenchArgs {
    /// Bundles; each is held in memory
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How long to measure each file, in seconds
    #[arg(long, value_name = "N", default_value_t = 3.0)]
    pub seconds: f64,
    /// How many threads work at once, each on a bundle of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: u16,
    /// Write the figures as JSON to standard output
    #[arg(long)]
    pub json: bool,
    /// Write plots and all figures to a page for a browser, which loads nothing
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// The figures of one file.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// The file as it was named.
    pub file: String,
    /// Its length in bytes.
    pub bytes: usize,
    /// Threads that worked at once.
    pub threads: u16,
    /// Median bytes per second of all threads together.
    pub bytes_per_second: Speeds,
    /// Speed of `ours` over that of each other.
    pub ratio: Ratios,
    /// Most bytes that `ours` had allocated at once, per byte of input.
    pub peak_ratio: f64,
    /// What each stage of `ours` costs. The contract's JSON has no place for it; the page shows it.
    #[serde(skip)]
    pub stages: Stages,
}

/// Bytes per second of each approach.
#[derive(Debug, Clone, Serialize)]
pub struct Speeds {
    /// Bytes to the record batches of every table.
    pub ours: f64,
    /// One pass of memchr over the same bytes.
    pub scan: f64,
    /// A tree of `serde_json::Value`.
    pub serde_json_value: f64,
    /// Owned structs of the same resources; absent where the bundle does not fit them.
    pub serde_json_typed: Option<f64>,
}

/// Speed of `ours` over that of each other approach.
#[derive(Debug, Clone, Serialize)]
pub struct Ratios {
    /// Over the memchr pass.
    pub scan: f64,
    /// Over the tree.
    pub serde_json_value: f64,
    /// Over the structs; absent where the bundle does not fit them.
    pub serde_json_typed: Option<f64>,
}

/// What takes turns, in the order of the figures.
#[derive(Clone, Copy)]
enum Approach {
    Ours,
    Scan,
    SerdeJsonValue,
    SerdeJsonTyped,
}

const APPROACHES: [Approach; 4] =
    [Approach::Ours, Approach::Scan, Approach::SerdeJsonValue, Approach::SerdeJsonTyped];

impl Approach {
    /// Does the work once; what it gives only keeps the work from being left out.
    fn work(self, bytes: &[u8], options: &Options) -> usize {
        let bytes = black_box(bytes);
        match self {
            Self::Ours => black_box(normalise(bytes, options)).map_or(0, |record| record.envelope.bytes),
            Self::Scan => memchr::memchr_iter(b'"', bytes).count(),
            Self::SerdeJsonValue => usize::from(black_box(serde_json::from_slice::<Value>(bytes)).is_ok()),
            Self::SerdeJsonTyped => {
                usize::from(black_box(serde_json::from_slice::<typed::Bundle>(bytes)).is_ok())
            }
        }
    }
}

/// Measures each file and prints its figures, as bars or all together as JSON; where a page is asked for, it is
/// written at the end. A file that cannot be measured is one line on standard error.
///
/// # Errors
/// When standard output or the page cannot be written.
pub fn run(args: &BenchArgs, memory: &PeakAlloc) -> Result<Exit, Stopped> {
    let mut measured: Vec<Figures> = Vec::new();
    let mut exit = Exit::Done;
    for file in &args.files {
        match measure(file, args, memory) {
            Ok(figures) => {
                if !args.json {
                    print(draw(&figures) + "\n")?;
                }
                measured.push(figures);
            }
            Err(line) => {
                tell(&line);
                exit = Exit::Unreadable;
            }
        }
    }
    if args.json {
        let json = serde_json::to_string_pretty(&measured).map_err(Stopped::failed)?;
        print(json + "\n")?;
    }
    if let Some(path) = args.html.as_ref().filter(|_| !measured.is_empty()) {
        fs::write(path, page::page(&measured, args.seconds)).map_err(|error| {
            Stopped::unwritable(format!("{}: cannot be written: {error}", path.display()))
        })?;
    }
    Ok(exit)
}

/// Measures one file.
///
/// # Errors
/// One line: the file and why it cannot be measured.
pub fn measure(file: &Path, args: &BenchArgs, memory: &PeakAlloc) -> Result<Figures, String> {
    let told = |why: String| format!("{}: {why}", file.display());
    let bytes = read(file).map_err(|error| told(format!("cannot be read: {error}")))?;
    let options = Options { limits: offline_limits(), ..Options::new(today_in_london()) };
    normalise(&bytes, &options).map_err(|error| told(error.to_string()))?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.into()).build();
    let pool = pool.map_err(|error| told(format!("no threads: {error}")))?;
    let peak = peak_of(memory, &bytes, &options);
    let fits = serde_json::from_slice::<typed::Bundle>(&bytes).is_ok();
    let (medians, stages) = medians(&pool, args, &bytes, &options);
    let total = bytes.len() as f64 * f64::from(args.threads);
    let speed = |approach: Approach| total / medians[approach as usize].as_secs_f64();
    let speeds = Speeds {
        ours: speed(Approach::Ours),
        scan: speed(Approach::Scan),
        serde_json_value: speed(Approach::SerdeJsonValue),
        serde_json_typed: fits.then(|| speed(Approach::SerdeJsonTyped)),
    };
    Ok(Figures {
        file: file.display().to_string(),
        bytes: bytes.len(),
        threads: args.threads,
        ratio: Ratios {
            scan: speeds.ours / speeds.scan,
            serde_json_value: speeds.ours / speeds.serde_json_value,
            serde_json_typed: speeds.serde_json_typed.map(|typed| speeds.ours / typed),
        },
        bytes_per_second: speeds,
        peak_ratio: peak as f64 / bytes.len() as f64,
        stages,
    })
}

/// Bytes allocated at once, at most, while a bundle becomes a record; the record itself included.
fn peak_of(memory: &PeakAlloc, bytes: &[u8], options: &Options) -> usize {
    let before = memory.current_usage();
    memory.reset_peak_usage();
    drop(black_box(normalise(black_box(bytes), options)));
    memory.peak_usage().saturating_sub(before)
}

/// The median time of each approach and each stage, over as many rounds as fit the time and at least five.
fn medians(
    pool: &rayon::ThreadPool,
    args: &BenchArgs,
    bytes: &[u8],
    options: &Options,
) -> ([Duration; 4], Stages) {
    let end = Instant::now() + Duration::from_secs_f64(args.seconds.clamp(0.0, 3600.0));
    let mut times: [Vec<Duration>; 4] = Default::default();
    let mut rounds = Rounds::default();
    let turn = |approach: Approach, readings: u32| {
        let read = || {
            (0..readings).for_each(|_| {
                black_box(approach.work(bytes, options));
            })
        };
        let start = Instant::now();
        match args.threads {
            // Waking another thread takes as long as reading a small bundle.
            1 => read(),
            threads => pool.install(|| (0..threads).into_par_iter().for_each(|_| read())),
        }
        start.elapsed() / readings
    };
    let readings = APPROACHES.map(|approach| readings_of(turn(approach, 1)));
    while times[0].len() < 5 || Instant::now() < end {
        for ((approach, readings), times) in APPROACHES.into_iter().zip(readings).zip(&mut times) {
            times.push(turn(approach, readings));
        }
        rounds.turn(bytes, options, readings[Approach::Ours as usize]);
    }
    (times.map(median), rounds.medians())
}

/// How many readings make a turn, when one takes so long.
fn readings_of(one: Duration) -> u32 {
    const TURN: Duration = Duration::from_millis(20);
    (TURN.as_nanos() / one.as_nanos().max(1)).clamp(1, 10_000) as u32
}

/// The middle one; nothing where there is none.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
