use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedside_audit::{Clock, Randomness, SystemRandomness, hex};
use bedside_spine::{AnyDirectory, Client, london_day};
use bedside_warm::{
    Admissions, AdmittedFirst, Control, Event, Feed, Form, Journal, Line, Parts, Pipeline, Report, RunId,
    Stop, Warmer,
};
use jiff::Timestamp;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{From, WarmArgs};
use crate::config::Config;
use crate::events;
use crate::exit::{Exit, Stopped, with_causes};
use crate::installation::{Connection, Installation, connect};
use crate::metrics;
use crate::output::{Output, tell};
use crate::progress::Progress;

/// `bedside warm`
pub(crate) fn warm(config: &Config, args: &WarmArgs) -> Result<Exit, Stopped> {
    args.report.iter().chain(&args.metrics_file).try_for_each(|path| require_folder(path))?;
    let installation = Installation::open(config)?;
    // What an earlier run that was killed has left is mended before this one adds to it.
    installation.cache.recover().map_err(Stopped::failed)?;
    let clock = Arc::clone(&installation.clock);
    let pipeline = pipeline(args, clock.now())?;
    let Input { reader, lines, is_whole } = open(&args.admissions)?;
    let connection = connect(config)?;
    let admissions = read(reader, args.from, (&pipeline, &clock, connection.tracer.traces()))?;
    let admissions = AdmittedFirst::new(admissions, if is_whole { LOOK_AHEAD } else { 1 });
    let run = args.run_id.clone().map_or_else(fresh_run_id, Ok)?;
    let journal =
        Journal::open(&runs(config), &run, pipeline.name(), clock.now()).map_err(Stopped::failed)?;
    let is_list = args.from == From::Ndjson;
    let (mut output, progress) = (Output::new(), Progress::new(lines.filter(|_| is_list), is_list));
    let mut unwritten = Ok(());
    let warmer = warmer(config, installation, connection);
    let report = run_to_its_end(&warmer, (&run, journal), (admissions, &pipeline), &mut |event| {
        progress.tell(event);
        if args.json && unwritten.is_ok() {
            unwritten = output.text(&format!("{}\n", events::line(event)));
        }
    })?;
    leave(&report, args, (&run, &runs(config)))?;
    unwritten.map(|()| exit(&report))
}

/// What is asked for: by the file that was named, or as at every admission.
fn pipeline(args: &WarmArgs, now: Timestamp) -> Result<Pipeline, Stopped> {
    let pipeline = match &args.pipeline {
        Some(path) => Pipeline::read(path, london_day(now)),
        None => Pipeline::admission(london_day(now)),
    };
    pipeline.map_err(|error| Stopped::usage(with_causes(&error)))
}

fn warmer(
    config: &Config,
    installation: Installation,
    connection: Connection,
) -> Warmer<Client, AnyDirectory> {
    let Installation { audit, cache, clock } = installation;
    let Connection { transport, directory, tracer, asid } = connection;
    Warmer::new(Parts {
        transport,
        directory,
        tracer,
        asid,
        cache,
        audit,
        clock,
        concurrency: NonZeroUsize::new(config.limits.concurrency).unwrap_or(NonZeroUsize::MIN),
        deadline: config.limits.episode,
        requires_trace_echo: config.spine.as_ref().is_some_and(|spine| spine.requires_trace_echo),
    })
}

/// Runs the list, to its end or until a signal comes.
fn run_to_its_end(
    warmer: &Warmer<Client, AnyDirectory>,
    (run, journal): (&RunId, Journal),
    (admissions, pipeline): (impl Iterator<Item = io::Result<Line>>, &Pipeline),
    on_event: &mut dyn FnMut(&Event),
) -> Result<Report, Stopped> {
    let stop = Stop::new();
    let control = Control { run: run.to_string(), journal: Some(journal), stop: stop.clone() };
    let runtime = runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stopped::failed(format!("no threads to run on: {error}")))?;
    let _guard = runtime.enter();
    runtime.spawn(end_when_told(stop, run.clone()));
    Ok(runtime.block_on(warmer.run(control, admissions, pipeline, on_event)))
}

/// Leaves what the run came to where it was asked for, and of its journal what somebody may go on with.
fn leave(report: &Report, args: &WarmArgs, (run, runs): (&RunId, &Path)) -> Result<(), Stopped> {
    if report.stopped {
        tell(&format!("stopped: the rest of the list was not looked at; go on with --run-id {run}"));
    }
    if args.run_id.is_none() && !report.stopped {
        // Nobody knows its name, so nobody will go on with it; what cannot be removed is a few kilobytes.
        let _ = fs::remove_file(runs.join(format!("{run}.journal")));
    }
    args.report.iter().try_for_each(|path| write_report(report, path))?;
    args.metrics_file.iter().try_for_each(|path| metrics::write(path, &metrics::run(report)))
}

/// Where the journals of runs are: beside the cache.
pub(super) fn runs(config: &Config) -> PathBuf {
    config.cache.root.with_file_name("runs")
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

/// A file that could not be written after the run is told before it.
fn require_folder(path: &Path) -> Result<(), Stopped> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match folder.is_dir() && !path.is_dir() {
        true => Ok(()),
        false => Err(Stopped::usage(format!(
            "{} cannot be written: it needs a folder that is there",
            path.display()
        ))),
    }
}

/// Writes the report as its file's ending says.
fn write_report(report: &Report, path: &Path) -> Result<(), Stopped> {
    // The parser lets nothing else through.
    let is_page = path.extension().is_some_and(|ending| ending == "html");
    let text = if is_page { report.to_html() } else { report.to_json() };
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

/// A list that is open.
struct Input {
    reader: Box<dyn BufRead>,
    /// How many lines it has, where that can be known beforehand.
    lines: Option<u64>,
    /// Whether it is all there, and nobody goes on writing it.
    is_whole: bool,
}

impl Input {
    fn pipe(reader: impl BufRead + 'static) -> Self {
        Self { reader: Box::new(reader), lines: None, is_whole: false }
    }
}

fn open(path: &Path) -> Result<Input, Stopped> {
    if path == Path::new("-") {
        return Ok(Input::pipe(BufReader::new(io::stdin())));
    }
    let unreadable =
        |error| Stopped::usage(format!("cannot read the admissions {}: {error}", path.display()));
    let mut file = File::open(path).map_err(unreadable)?;
    // A pipe can be read once only.
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(unreadable(io::ErrorKind::IsADirectory.into()));
    }
    if !metadata.is_file() {
        return Ok(Input::pipe(BufReader::new(file)));
    }
    let lines = count_lines(&mut file).and_then(|lines| file.rewind().map(|()| lines)).map_err(unreadable)?;
    Ok(Input { reader: Box::new(BufReader::new(file)), lines: Some(lines), is_whole: true })
}

/// The admissions of the list, whatever it is written in.
fn read(
    reader: Box<dyn BufRead>,
    from: From,
    (pipeline, clock, traces_here): (&Pipeline, &Arc<dyn Clock>, bool),
) -> Result<Box<dyn Iterator<Item = io::Result<Line>>>, Stopped> {
    let form = match from {
        From::Ndjson => {
            let list = Admissions::by_clock(reader, Arc::clone(clock));
            return Ok(if traces_here { Box::new(list.traced_here()) } else { Box::new(list) });
        }
        From::Hl7v2 => Form::Hl7v2,
        From::Fhir => Form::Fhir,
    };
    let feed = Feed::open(form, reader, (pipeline, Arc::clone(clock)));
    let feed = feed.map_err(|error| Stopped::usage(with_causes(&error)))?;
    Ok(if traces_here { Box::new(feed.traced_here()) } else { Box::new(feed) })
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
