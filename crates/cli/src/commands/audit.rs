use std::fs;
use std::io::{self, Read};
use std::path::Path;

use bedside_audit::{
    Access, Anchor, AnchorError, AnchorKey, AnchorPublicKey, Clock, Head, Pepper, SystemClock, accesses,
    audit_event,
};
use bedside_model::NhsNumber;

use crate::args::{AnchorArgs, VerifyArgs};
use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::output::{Output, tell};
use crate::render::{ward_time, words_table};

/// `bedside audit verify`. It needs nothing of an installation but the log, so that a copy can be checked anywhere.
pub(crate) fn verify(
    config: impl FnOnce() -> Result<Config, Stopped>,
    args: &VerifyArgs,
) -> Result<Exit, Stopped> {
    let configured;
    let log = match &args.log {
        Some(log) => log,
        None => {
            configured = config()?;
            &configured.audit.directory
        }
    };
    let verified = bedside_audit::verify(log, anchor_of(args)?.as_ref()).map_err(Stopped::failed)?;
    Output::new().text(&format!(
        "the chain holds: {} records, {} intents without an outcome, head {}\n",
        verified.records, verified.unfinished, verified.head
    ))?;
    Ok(Exit::Done)
}

/// `bedside audit anchor`. Only the head of a chain that holds is signed.
pub(crate) fn anchor(
    config: impl FnOnce() -> Result<Config, Stopped>,
    args: &AnchorArgs,
) -> Result<Exit, Stopped> {
    let key = AnchorKey::from_file(&args.key).map_err(Stopped::usage)?;
    if args.public_key {
        Output::new().text(&key.public_key().to_string())?;
        return Ok(Exit::Done);
    }
    let verified = bedside_audit::verify(&config()?.audit.directory, None).map_err(Stopped::failed)?;
    Output::new().text(&format!("{}\n", key.sign(verified.head, SystemClock.now())))?;
    Ok(Exit::Done)
}

/// The head that the log must go through. A signed one counts with its key alone; the last line of a file that
/// grows by one anchor at a time is the one that covers all before.
fn anchor_of(args: &VerifyArgs) -> Result<Option<Head>, Stopped> {
    let Some(given) = &args.anchor else { return Ok(None) };
    let key = args.anchor_key.as_deref().map(read_public_key).transpose()?;
    let kept = match given.parse::<Head>().is_ok() || given.parse::<Anchor>().is_ok() {
        true => given.clone(),
        false => read(Path::new(given))?,
    };
    let last = kept.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let head = match (last.parse::<Anchor>(), key) {
        (Ok(anchor), Some(key)) => anchor.verify(&key).map_err(Stopped::failed)?,
        (Ok(_), None) => return Err(Stopped::usage("a signed anchor is checked with --anchor-key")),
        (Err(AnchorError::Format), None) => last.parse().map_err(Stopped::usage)?,
        (Err(error), _) => return Err(Stopped::usage(error)),
    };
    Ok(Some(head))
}

fn read_public_key(path: &Path) -> Result<AnchorPublicKey, Stopped> {
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
    let (found, verified) =
        bedside_audit::who_saw(log, anchor_of(args)?.as_ref(), &patient).map_err(Stopped::failed)?;
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
    let verified = accesses(log, anchor_of(args)?.as_ref(), each).map_err(Stopped::failed)?;
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
