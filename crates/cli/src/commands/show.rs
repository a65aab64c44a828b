use std::num::NonZeroU8;

use bedside_audit::EventKind;
use bedside_cache::{CacheError, Generations, Grant, Stale};

use super::reader::{reader, stopped};
use crate::args::{Format, ShowArgs, ViewName};
use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::installation::Installation;
use crate::output::{Output, tell};
use crate::render::{self, DataFormat, Page, Record, escape_lines};

/// `bedside show`
pub(crate) fn show(config: &Config, args: &ShowArgs) -> Result<Exit, Stopped> {
    let mut output = Output::new();
    if args.id.is_some() && args.view != Some(ViewName::Consultation) {
        return Err(Stopped::usage("only the view consultation takes an ID"));
    }
    let format = data_format(args, &output)?;
    let installation = Installation::open(config)?;
    let assertion = reader(&args.reader, &installation, (EventKind::Read, &args.episode))?;
    let grant = installation.cache.grant(&assertion, &args.episode).map_err(stopped)?;
    let opened = open(args, &installation, &grant).map_err(stopped)?;
    let record = Record::of(args.episode.clone(), &opened.current).map_err(Stopped::failed)?;
    let page = Page { width: output.width(), now: installation.clock.now() };
    match (args.view, args.table) {
        _ if args.html => output.bytes(render::html(&record, page.now).as_bytes())?,
        (Some(name), _) => view((&record, &opened), (name, args.id.as_deref()), format, page, &mut output)?,
        (None, Some(table)) => match format {
            None => output.text(&render::table(&record, table, page))?,
            Some(format) => hand_on(format, &mut output, |out, people| {
                render::data(&record, (table, format), page, out, people)
            })?,
        },
        (None, None) => output.text(&render::summary(&record, page))?,
    }
    Ok(Exit::Done)
}

/// The record, and the one before it where it is asked for: each that is opened is on record.
fn open(args: &ShowArgs, installation: &Installation, grant: &Grant) -> Result<Generations, CacheError> {
    let cache = &installation.cache;
    let stale = if args.accept_stale { Stale::Accepted } else { Stale::Refused };
    if args.view == Some(ViewName::Changes) {
        return cache.read_with_earlier(grant, NonZeroU8::MIN, stale);
    }
    let current = match stale {
        Stale::Refused => cache.read(grant)?,
        Stale::Accepted => cache.read_accepting_stale(grant)?,
    };
    Ok(Generations { current, earlier: None })
}

/// How to hand rows on; `None` to show them to a person. Told apart before anything is opened.
fn data_format(args: &ShowArgs, output: &Output) -> Result<Option<DataFormat>, Stopped> {
    let format = match args.format {
        Format::Text => return Ok(None),
        Format::Ndjson => DataFormat::Ndjson,
        Format::Csv => DataFormat::Csv,
        Format::Json => DataFormat::Json,
        Format::Arrow if output.is_terminal() => {
            return Err(Stopped::usage(
                "an Arrow stream is no text for a terminal: redirect it to a file or a program",
            ));
        }
        Format::Arrow => DataFormat::Arrow,
    };
    match (args.view, args.table) {
        (Some(ViewName::Consultation), _) if args.id.is_none() => {
            Err(Stopped::usage("name the consultation to hand on; without a format, all are listed"))
        }
        (None, None) => Err(Stopped::usage(
            "name a view, or a table as in --table medications, to hand on in that format",
        )),
        _ => Ok(Some(format)),
    }
}

/// Writes rows to standard output and what people must know beside them to standard error.
fn hand_on(
    format: DataFormat,
    output: &mut Output,
    write: impl FnOnce(&mut Vec<u8>, &mut dyn std::io::Write) -> Result<(), arrow_schema::ArrowError>,
) -> Result<(), Stopped> {
    let (mut bytes, mut words) = (Vec::new(), Vec::new());
    let written = write(&mut bytes, &mut words);
    tell(&escape_lines(&String::from_utf8_lossy(&words)));
    written.map_err(|error| Stopped::failed(format!("the rows could not be written: {error}")))?;
    if format == DataFormat::Arrow {
        output.bytes(&bytes)
    } else {
        output.text(&String::from_utf8_lossy(&bytes))
    }
}

#[cfg(feature = "frames")]
fn view(
    (record, generations): (&Record, &Generations),
    (name, id): (ViewName, Option<&str>),
    format: Option<DataFormat>,
    page: Page,
    output: &mut Output,
) -> Result<(), Stopped> {
    use bedside_frames as frames;
    use render::Subject;

    let opened = &generations.current;
    let (subject, view) = match name {
        ViewName::CurrentMedication => (Subject::Medication, frames::current_medication(opened)),
        ViewName::MedicinesReconciliation => (Subject::Medication, frames::medicines_reconciliation(opened)),
        ViewName::Allergies => (Subject::Allergies, frames::allergies(opened)),
        ViewName::Problems => (Subject::Problems, frames::problems(opened)),
        ViewName::Changes => (Subject::Changes, frames::changes(generations)),
        ViewName::Completeness => (Subject::Completeness, frames::completeness(opened)),
        ViewName::Consultation => match id {
            Some(id) => {
                let id = consultation(record, id)?;
                (Subject::Consultation, frames::consultation(opened, &id))
            }
            None => return output.text(&render::consultations(record, page)),
        },
    };
    let failed = |error: frames::FrameError| Stopped::failed(crate::exit::with_causes(&error));
    let collected = view.and_then(frames::View::collect).map_err(failed)?;
    match format {
        None => output.text(&render::view(record, subject, &collected, page)),
        Some(format) => hand_on(format, output, |out, people| {
            render::view_data(record, (&collected, format), page, out, people)
        }),
    }
}

/// The one consultation whose id begins with those characters.
#[cfg(feature = "frames")]
fn consultation(record: &Record, start: &str) -> Result<String, Stopped> {
    match render::consultations_from(record, start).as_slice() {
        [id] => Ok(id.clone()),
        [] => {
            Err(Stopped::failed("the record has no consultation of that id; without an id, all are listed"))
        }
        several => Err(Stopped::usage(format!(
            "{} consultations have an id that begins so: give more of it",
            several.len()
        ))),
    }
}

#[cfg(not(feature = "frames"))]
fn view(
    _: (&Record, &Generations),
    _: (ViewName, Option<&str>),
    _: Option<DataFormat>,
    _: Page,
    _: &mut Output,
) -> Result<(), Stopped> {
    Err(Stopped::usage("this program was built without its views; build it with the feature frames"))
}
