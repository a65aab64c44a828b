use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use bedside_audit::{Randomness, SystemRandomness, hex};
use bedside_spine::london_day;
use bedside_warm::{Admissions, Parts, Pipeline, Report, Warmer};
use tokio::runtime;

use crate::args::WarmArgs;
use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::installation::{Connection, Installation, connect};
use crate::output::Output;
use crate::progress::Progress;

/// `bedside warm`
pub(crate) fn warm(config: &Config, args: &WarmArgs) -> Result<Exit, Stopped> {
    let installation = Installation::open(config)?;
    let now = installation.clock.now();
    let pipeline = match &args.pipeline {
        Some(path) => Pipeline::read(path, london_day(now)),
        None => Pipeline::admission(london_day(now)),
    };
    let pipeline = pipeline.map_err(Stopped::usage)?;
    let (input, lines) = open(&args.admissions)?;
    let admissions = Admissions::new(input, now);
    let Connection { transport, directory, asid } = connect(config)?;
    let concurrency = NonZeroUsize::new(config.limits.concurrency).unwrap_or(NonZeroUsize::MIN);
    let Installation { audit, cache, clock } = installation;
    let warmer = Warmer::new(Parts {
        transport,
        directory,
        asid,
        cache,
        audit,
        clock: Arc::clone(&clock),
        concurrency,
    });
    let run = run_id()?;
    let (mut output, progress) = (Output::new(), Progress::new(lines));
    let mut unwritten = Ok(());
    let runtime = runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stopped::failed(format!("no threads to run on: {error}")))?;
    let report = runtime.block_on(warmer.run(&run, admissions, &pipeline, &mut |event| {
        progress.tell(event);
        if args.json && unwritten.is_ok() {
            let line = serde_json::to_string(event).unwrap_or_default();
            unwritten = output.text(&format!("{line}\n"));
        }
    }));
    unwritten.map(|()| exit(&report))
}

/// The one place where a run becomes an exit status.
fn exit(report: &Report) -> Exit {
    if report.all_warmed() {
        Exit::Done
    } else if report.refused_by_policy_only() {
        Exit::Refused
    } else {
        Exit::Failed
    }
}

/// The list, and how many lines it has where that can be known beforehand.
fn open(path: &Path) -> Result<(Box<dyn BufRead>, Option<u64>), Stopped> {
    if path == Path::new("-") {
        return Ok((Box::new(BufReader::new(io::stdin())), None));
    }
    let unreadable =
        |error| Stopped::usage(format!("cannot read the admissions {}: {error}", path.display()));
    let mut file = File::open(path).map_err(unreadable)?;
    // A pipe can be read once only.
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Ok((Box::new(BufReader::new(file)), None));
    }
    let lines = count_lines(&mut file).and_then(|lines| file.rewind().map(|()| lines)).map_err(unreadable)?;
    Ok((Box::new(BufReader::new(file)), Some(lines)))
}

fn count_lines(file: &mut File) -> io::Result<u64> {
    let mut lines = 0;
    for line in BufReader::new(file).split(b'\n') {
        lines += u64::from(!line?.trim_ascii().is_empty());
    }
    Ok(lines)
}

fn run_id() -> Result<String, Stopped> {
    let mut bytes = [0; 8];
    SystemRandomness.fill(&mut bytes).map_err(Stopped::failed)?;
    Ok(hex::encode(&bytes))
}
