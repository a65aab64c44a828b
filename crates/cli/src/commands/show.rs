use bedside_audit::EventKind;
use bedside_model::schema::Table;

use super::reader::{reader, stopped};
use crate::args::{Format, ShowArgs};
use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::installation::Installation;
use crate::output::{Output, tell};
use crate::render::{self, DataFormat, Page, Record, escape_lines};

/// `bedside show`
pub(crate) fn show(config: &Config, args: &ShowArgs) -> Result<Exit, Stopped> {
    let mut output = Output::new();
    let format = data_format(args, &output)?;
    let installation = Installation::open(config)?;
    let assertion = reader(&args.reader, &installation, (EventKind::Read, &args.episode))?;
    let grant = installation.cache.grant(&assertion, &args.episode).map_err(stopped)?;
    let opened = installation.cache.read(&grant).map_err(stopped)?;
    let record = Record::of(args.episode.clone(), &opened).map_err(Stopped::failed)?;
    let page = Page { width: output.width(), now: installation.clock.now() };
    match (args.table, format) {
        (None, _) => output.text(&render::summary(&record, page))?,
        (Some(table), None) => output.text(&render::table(&record, table, page))?,
        (Some(table), Some(format)) => data(&record, (table, format), page, &mut output)?,
    }
    Ok(Exit::Done)
}

/// How to hand the table on; `None` to show it to a person. Told apart before anything is opened.
fn data_format(args: &ShowArgs, output: &Output) -> Result<Option<DataFormat>, Stopped> {
    let format = match args.format {
        Format::Table => return Ok(None),
        Format::Ndjson => DataFormat::Ndjson,
        Format::Csv => DataFormat::Csv,
        Format::Arrow if output.is_terminal() => {
            return Err(Stopped::usage(
                "an Arrow stream is no text for a terminal: redirect it to a file or a program",
            ));
        }
        Format::Arrow => DataFormat::Arrow,
    };
    match args.table {
        Some(_) => Ok(Some(format)),
        None => Err(Stopped::usage("name the table to hand on in that format, such as medications")),
    }
}

fn data(record: &Record, what: (Table, DataFormat), page: Page, output: &mut Output) -> Result<(), Stopped> {
    let (mut bytes, mut words) = (Vec::new(), Vec::new());
    let written = render::data(record, what, page, &mut bytes, &mut words);
    tell(&escape_lines(&String::from_utf8_lossy(&words)));
    written.map_err(|error| Stopped::failed(format!("the table could not be written: {error}")))?;
    if what.1 == DataFormat::Arrow {
        output.bytes(&bytes)
    } else {
        output.text(&String::from_utf8_lossy(&bytes))
    }
}
