use std::fs;
use std::io::{self, Read};
use std::path::Path;

use bedside_audit::{
    ANCHORS, Access, Anchor, AnchorError, AnchorKey, Clock, Head, Pepper, PublicKey, SystemClock, accesses,
    audit_event,
};
use bedside_model::NhsNumber;

use crate::args::{AnchorArgs, VerifyArgs};
use crate::config::{Anchors, Config, holds_a_key};
use crate::exit::{Exit, Stopped};
use crate::output::{Output, tell};
use crate::render::{ward_time, words_table};

/// `bedside audit verify`. It needs nothing of an installation but the log, so that a copy can be checked anywhere. The
/// configured log is held to the anchors that it signed by itself, and to those that are named.
pub(crate) fn verify(
    config: impl FnOnce() -> Result<Config, Stopped>,
    args: &VerifyArgs,
) -> Result<Exit, Stopped> {
    let (log, heads) = match &args.log {
        Some(log) => (log.clone(), named(args)?),
        None => {
            let config = config()?;
            let heads = heads(&config, args)?;
            (config.audit.directory, heads)
        }
    };
    let verified = bedside_audit::verify(&log, &heads).map_err(Stopped::failed)?;
    let anchors = if heads.is_empty() { String::new() } else { format!("{} anchors, ", heads.len()) };
    Output::new().text(&format!(
        "the chain holds: {} records, {anchors}{} intents without an outcome, head {}\n",
        verified.records, verified.unfinished, verified.head
    ))?;
    Ok(Exit::Done)
}

/// `bedside audit anchor`. Only the head of a chain that holds is signed.
pub(crate) fn anchor(
    config: impl FnOnce() -> Result<Config, Stopped>,
    args: &AnchorArgs,
) -> Result<Exit, Stopped> {
    if holds_a_key(&args.key) {
        return Err(Stopped::usage(
            "--key holds a key: it must name the file that holds it; make another, this one is known",
        ));
    }
    let key = AnchorKey::from_file(&args.key).map_err(Stopped::usage)?;
    if args.public_key {
        Output::new().text(&key.public_key().to_string())?;
        return Ok(Exit::Done);
    }
    let verified = bedside_audit::verify(&config()?.audit.directory, None).map_err(Stopped::failed)?;
    Output::new().text(&format!("{}\n", key.sign(verified.head, SystemClock.now())))?;
    Ok(Exit::Done)
}

/// The heads that a log must go through: those that the installation signed by itself, unless another log is named, and
/// those that are named.
fn heads(config: &Config, args: &VerifyArgs) -> Result<Vec<Head>, Stopped> {
    let signed = config.audit.anchors.as_ref().filter(|_| args.log.is_none());
    let mut heads = signed.map_or(Ok(Vec::new()), kept)?;
    heads.extend(named(args)?);
    Ok(heads)
}

/// Those of the configured folder. It may have none yet.
fn kept(anchors: &Anchors) -> Result<Vec<Head>, Stopped> {
    let key = AnchorKey::from_file(&anchors.key).map_err(Stopped::usage)?.public_key();
    let path = anchors.folder.join(ANCHORS);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.map_err(|error| Stopped::failed(format!("cannot read {}: {error}", path.display())))?,
    };
    text.lines().map(|line| head(line, Some(&key))).collect()
}

/// Those of `--anchor`: one, or every line of a file, because the last of a log that was cut and went on covers what it
/// became.
fn named(args: &VerifyArgs) -> Result<Vec<Head>, Stopped> {
    let Some(given) = &args.anchor else { return Ok(Vec::new()) };
    let key = args.anchor_key.as_deref().map(read_public_key).transpose()?;
    let text = match given.parse::<Head>().is_ok() || given.parse::<Anchor>().is_ok() {
        true => given.clone(),
        false => read(Path::new(given))?,
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let heads: Vec<Head> = lines.map(|line| head(line, key.as_ref())).collect::<Result<_, _>>()?;
    if heads.is_empty() { Err(Stopped::usage(AnchorError::Format)) } else { Ok(heads) }
}

/// A signed head counts with its key alone.
fn head(line: &str, key: Option<&PublicKey>) -> Result<Head, Stopped> {
    match (line.parse::<Anchor>(), key) {
        (Ok(anchor), Some(key)) => anchor.verify(key).map_err(Stopped::failed),
        (Ok(_), None) => Err(Stopped::usage("a signed anchor is checked with --anchor-key")),
        (Err(AnchorError::Format), None) => line.parse().map_err(Stopped::usage),
        (Err(error), _) => Err(Stopped::usage(error)),
    }
}

fn read_public_key(path: &Path) -> Result<PublicKey, Stopped> {
    read(path)?.parse().map_err(|error| Stopped::usage(format!("{}: {error}", path.display())))
}

fn read(path: &Path) -> Result<String, Stopped> {
    fs::read_to_string(path)
        .map_err(|error| Stopped::usage(format!("cannot read {}: {error}", path.display())))
}

/// `bedside audit who-saw`. The number comes from standard input: an argument would stand in the process list.
pub(crate) fn who_saw(config: &Config, args: &VerifyArgs) -> Result<Exit, Stopped> {
    let pepper = Pepper::from_file(&config.audit.pepper).map_err(Stopped::usage)?;
    let patient = pepper.pseudonym(&number()?);
    let log = args.log.as_ref().unwrap_or(&config.audit.directory);
    let heads = heads(config, args)?;
    let (found, verified) = bedside_audit::who_saw(log, &heads, &patient).map_err(Stopped::failed)?;
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
    let log = args.log.as_ref().unwrap_or(&config.audit.directory);
    let verified = accesses(log, &heads(config, args)?, each).map_err(Stopped::failed)?;
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
