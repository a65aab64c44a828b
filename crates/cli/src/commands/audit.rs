use std::io::{self, Read};

use bedside_audit::{Access, Pepper, accesses, audit_event};
use bedside_model::NhsNumber;

use crate::args::VerifyArgs;
use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::output::{Output, tell};
use crate::render::{ward_time, words_table};

/// `bedside audit verify`
pub(crate) fn verify(config: &Config, args: &VerifyArgs) -> Result<Exit, Stopped> {
    let verified =
        bedside_audit::verify(&config.audit.directory, args.anchor.as_ref()).map_err(Stopped::failed)?;
    Output::new().text(&format!(
        "the chain holds: {} records, {} intents without an outcome, head {}\n",
        verified.records, verified.unfinished, verified.head
    ))?;
    Ok(Exit::Done)
}

/// `bedside audit who-saw`. The number comes from standard input: an argument would stand in the process list.
pub(crate) fn who_saw(config: &Config, args: &VerifyArgs) -> Result<Exit, Stopped> {
    let pepper = Pepper::from_file(&config.audit.pepper).map_err(Stopped::usage)?;
    let patient = pepper.pseudonym(&number()?);
    let (found, verified) = bedside_audit::who_saw(&config.audit.directory, args.anchor.as_ref(), &patient)
        .map_err(Stopped::failed)?;
    let header = ["When", "What", "Outcome", "Why", "Who", "Role", "Organisation", "Relationship"];
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    let mut output = Output::new();
    output.text(&words_table(&header, &rows, output.width()))?;
    tell(&format!("{} events; the chain holds: {} records", found.len(), verified.records));
    Ok(Exit::Done)
}

/// `bedside audit export`
pub(crate) fn export(config: &Config, args: &VerifyArgs) -> Result<Exit, Stopped> {
    let mut output = Output::new();
    let each = |access: Access| {
        let line = format!("{}\n", audit_event(&access));
        output.text(&line).map_err(|stopped| io::Error::other(stopped.message))
    };
    let verified = accesses(&config.audit.directory, args.anchor.as_ref(), each).map_err(Stopped::failed)?;
    tell(&format!("the chain holds: {} records", verified.records));
    Ok(Exit::Done)
}

fn number() -> Result<NhsNumber, Stopped> {
    let mut text = String::new();
    let read = io::stdin().take(64).read_to_string(&mut text);
    read.map_err(|_| Stopped::usage("the NHS number cannot be read from standard input"))?;
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits.parse().map_err(|_| Stopped::usage("standard input must hold one NHS number, 10 digits"))
}

fn row(access: &Access) -> Vec<String> {
    let entry = &access.entry;
    let person = |of: fn(&bedside_audit::EntryUser) -> &str| {
        entry.user.as_ref().map_or_else(|| "the system".to_owned(), |user| of(user).to_owned())
    };
    vec![
        entry.at().map_or_else(|| entry.ts_utc.clone(), ward_time),
        entry.event.clone(),
        access.verdict().to_owned(),
        access.reason().unwrap_or_default().to_owned(),
        person(|user| &user.name),
        person(|user| &user.role),
        person(|user| &user.organisation),
        entry.relationship.clone().unwrap_or_default(),
    ]
}
