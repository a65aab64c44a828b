//! The work whose instructions `instructions.py` counts: `bedside-instructions whole|fed FILE PASSES` makes the record
//! of a bundle so many times, of the whole body or of one that arrives in pieces of 16 KiB.

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::ExitCode;

use bedside_bundle::{BundleError, Feed, Limits, Options, Record, normalise};
use bedside_model::Day;

/// What a socket gives at once, in bytes.
const PIECE: usize = 16 * 1024;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["whole", file, passes] => read(normalise, file, passes),
        ["fed", file, passes] => read(fed, file, passes),
        _ => Err("usage: whole|fed FILE PASSES".to_owned()),
    };
    done.map_or_else(
        |why| {
            eprintln!("bedside-instructions: {why}");
            ExitCode::from(2)
        },
        |()| ExitCode::SUCCESS,
    )
}

type Way = fn(&[u8], &Options) -> Result<Record, BundleError>;

fn read(way: Way, file: &str, passes: &str) -> Result<(), String> {
    let bytes = fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let passes: u32 = passes.parse().map_err(|_| "PASSES is a number")?;
    let options = options();
    for _ in 0..passes {
        let record = way(black_box(&bytes), &options).map_err(|error| format!("{file}: {error}"))?;
        drop(black_box(record));
    }
    Ok(())
}

fn fed(bytes: &[u8], options: &Options) -> Result<Record, BundleError> {
    let mut feed = Feed::new(options.clone());
    bytes.chunks(PIECE).try_for_each(|piece| feed.push(piece))?;
    feed.finish()
}

/// A fixed day, and limits that let the longest bundle through.
fn options() -> Options {
    let limits = Limits {
        body_bytes: 1 << 30,
        values: 100_000_000,
        entries: 5_000_000,
        notices: 25_000_000,
        ..Limits::default()
    };
    // A day of the calendar.
    Options { limits, ..Options::new(Day::new(2026, 1, 15).unwrap_or(Day(0))) }
}
