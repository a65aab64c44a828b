//! The work whose instructions are counted: `bedside-instructions WAY FILE` does it once, so that nothing is done for
//! the first time, and then again to be counted.
//!
//! A way is `whole`, `fed` (a body that arrives in pieces of 16 KiB), `scan` (finding tokens
//! alone), or a stage of the whole way by its name, after which the program ends.

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::{self, ExitCode};
use std::sync::OnceLock;

use bedside_bundle::stages::{Stage, observed, tokens};
use bedside_bundle::{BundleError, Feed, Limits, Options, Record, normalise};
use bedside_model::Day;
use bedside_model::schema::Table;

/// What a socket gives at once, in bytes.
const PIECE: usize = 16 * 1024;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [way, file] => fs::read(file).map_err(|error| error.to_string()).and_then(|bytes| go(way, &bytes)),
        _ => Err("usage: whole|fed|scan|STAGE FILE".to_owned()),
    };
    done.map_or_else(
        |why| {
            eprintln!("bedside-instructions: {why}");
            ExitCode::from(2)
        },
        |()| ExitCode::SUCCESS,
    )
}

fn go(way: &str, bytes: &[u8]) -> Result<(), String> {
    let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let options = options();
    let read = |way: fn(&[u8], &Options) -> Result<Record, BundleError>| {
        twice(|| way(black_box(bytes), &options)).map_err(|error| error.to_string())
    };
    match way {
        "whole" => read(normalise),
        "fed" => read(fed),
        "scan" => twice(|| Ok(tokens(black_box(text)))),
        stage => to_the_end_of(stage, bytes, &options),
    }
}

/// Does the work, and does it again and counts it.
fn twice<T, E>(work: impl Fn() -> Result<T, E>) -> Result<(), E> {
    drop(black_box(work()?));
    counted(&|| drop(black_box(work())))
}

/// Callgrind counts from where this is called (`--toggle-collect`) to where [`done`] is.
#[inline(never)]
fn counted(work: &dyn Fn()) -> ! {
    work();
    done()
}

/// What the program does to end is not counted: threads give back what they keep for the next record.
#[inline(never)]
fn done() -> ! {
    process::exit(0)
}

/// Callgrind sets its counters to zero as this is called (`--zero-before`).
#[inline(never)]
fn stage_begins() {
    black_box(());
}

fn fed(bytes: &[u8], options: &Options) -> Result<Record, BundleError> {
    let mut feed = Feed::new(options.clone());
    bytes.chunks(PIECE).try_for_each(|piece| feed.push(piece))?;
    feed.finish()
}

/// The stage whose end is the program's; none where `rest` is counted, which ends with the way.
static LAST: OnceLock<Option<Stage>> = OnceLock::new();

fn to_the_end_of(name: &str, bytes: &[u8], options: &Options) -> Result<(), String> {
    let parts = [Stage::Entries, Stage::Index, Stage::Relations];
    let mut stages = parts.into_iter().chain(Table::ALL.map(Stage::Table));
    let stage = stages.find(|stage| name == stage.as_str());
    if stage.is_none() && name != "rest" {
        return Err(format!("no stage is called {name}"));
    }
    LAST.get_or_init(|| stage);
    drop(black_box(normalise(bytes, options).map_err(|error| error.to_string())?));
    counted(&|| drop(black_box(observed(black_box(bytes), options, ended))))
}

/// Counting begins anew with each stage, and the program ends with the one that is asked for.
fn ended(stage: Stage) {
    if LAST.get() == Some(&Some(stage)) {
        done();
    }
    stage_begins();
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
