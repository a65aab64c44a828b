use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use bedside_audit::{Randomness, SystemRandomness, hex};
use bedside_spine::{Tracer, london_day};
use bedside_warm::{
    Admissions, AdmittedFirst, Control, EPISODE_DEADLINE, Journal, Parts, Pipeline, Report, RunId, Stop,
    Warmer,
};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::WarmArgs;
use crate::config::Config;
use crate::events;
use crate::exit::{Exit, Stopped};
use crate::installation::{Connection, Installation, connect};
use crate::output::{Output, tell};
use crate::progress::Progress;

/// `bedside warm`
pub(crate) fn warm(config: &Config, args: &WarmArgs) -> Result<Exit, Stopped> {
    let installation = Installation::open(config)?;
    // What an earlier run that was killed has left is mended before this one adds to it.
    installation.cache.recover().map_err(Stopped::failed)?;
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
        tracer: Tracer::Callers,
        asid,
        cache,
        audit,
        clock: Arc::clone(&clock),
        concurrency,
        deadline: EPISODE_DEADLINE,
    });
    let run = args.run_id.clone().map_or_else(fresh_run_id, Ok)?;
    let runs = config.cache.root.with_file_name("runs");
    let journal = Journal::open(&runs, &run, pipeline.name(), now).map_err(Stopped::failed)?;
    let stop = Stop::new();
    let control = Control { run: run.to_string(), journal: Some(journal), stop: stop.clone() };
    let admissions = AdmittedFirst::new(admissions, if lines.is_some() { LOOK_AHEAD } else { 1 });
    let (mut output, progress) = (Output::new(), Progress::new(lines));
    let mut unwritten = Ok(());
    let runtime = runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stopped::failed(format!("no threads to run on: {error}")))?;
    let _guard = runtime.enter();
    runtime.spawn(end_when_told(stop, run.clone()));
    let report = runtime.block_on(warmer.run(control, admissions, &pipeline, &mut |event| {
        progress.tell(event);
        if args.json && unwritten.is_ok() {
            unwritten = output.text(&format!("{}\n", events::line(event)));
        }
    }));
    if args.run_id.is_none() && !report.stopped {
        // Nobody knows its name, so nobody will go on with it; what cannot be removed is a few kilobytes.
        let _ = fs::remove_file(runs.join(format!("{run}.journal")));
    }
    args.report.iter().try_for_each(|path| write_report(&report, path))?;
    unwritten.map(|()| exit(&report))
}

/// How many admissions of a file are put in order at a time; a line is about a kilobyte.
const LOOK_AHEAD: usize = 10_000;

/// The first signal lets the run come to its end, a second one ends it at once.
async fn end_when_told(stop: Stop, run: RunId) {
    let signals =
        signal(SignalKind::terminate()).and_then(|term| Ok((term, signal(SignalKind::interrupt())?)));
    // Without signals to listen to, they do what they do by themselves.
    let Ok((mut terminate, mut interrupt)) = signals else { return };
    let mut told = async || tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} };
    told().await;
    stop.request();
    tell(&format!("finishing what was begun; go on with --run-id {run}; a second signal ends at once"));
    told().await;
    std::process::exit(Exit::Failed.status().into());
}

/// Writes the report as its file's ending says.
fn write_report(report: &Report, path: &Path) -> Result<(), Stopped> {
    let text = match path.extension().and_then(|ending| ending.to_str()) {
        Some("html") => report.to_html(),
        Some("json") => report.to_json(),
        _ => return Err(Stopped::usage(format!("{}: a report is .html or .json", path.display()))),
    };
    fs::write(path, text)
        .map_err(|error| Stopped::failed(format!("the report {} cannot be written: {error}", path.display())))
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

fn fresh_run_id() -> Result<RunId, Stopped> {
    let mut bytes = [0; 8];
    SystemRandomness.fill(&mut bytes).map_err(Stopped::failed)?;
    hex::encode(&bytes).parse().map_err(Stopped::failed)
}
