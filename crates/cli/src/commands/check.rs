mod finding;
mod network;
mod records;

use bedside_model::OdsCode;
use bedside_spine::{AnyDirectory, Client, Directory as _};
use tokio::runtime;

use crate::args::{Args, CheckArgs};
use crate::config::{Config, DirectorySource, Sections, Told, in_words};
use crate::exit::{Exit, Stopped};
use crate::installation::{open_directory, open_tls, open_tracer};
use crate::output::Output;
use finding::Finding;

/// `bedside check`: everything that has to be right before a patient waits, all of it at once. What cannot be looked at
/// because something before it is wrong is left out; the rest goes on.
pub(crate) fn check(args: &Args, check: &CheckArgs) -> Result<Exit, Stopped> {
    let read = Config::read_in_part(args.config.as_deref(), &args.set);
    let (sections, problems) = read.map_err(Stopped::usage)?;
    let mut findings = settings(&problems);
    findings.extend(records::look_at(&sections));
    findings.extend(spine(&sections));
    findings.extend(directory(&sections, check.practice.as_ref())?);
    findings.extend(national_record(&sections));
    let mut output = Output::new();
    for finding in &findings {
        output.text(&format!("{finding}\n"))?;
    }
    Ok(match findings.iter().any(Finding::is_bad) {
        _ if !problems.is_empty() => Exit::Usage,
        true => Exit::Failed,
        false => Exit::Done,
    })
}

fn settings(problems: &[Told]) -> Vec<Finding> {
    const WHAT: &str = "settings";
    match problems {
        [] => vec![Finding::good(WHAT, "in order")],
        problems => problems.iter().map(|told| Finding::bad(WHAT, in_words(told))).collect(),
    }
}

/// Our identity, and the proxy that it is for.
fn spine(sections: &Sections) -> Vec<Finding> {
    const IDENTITY: &str = "identity on Spine";
    let Some(spine) = &sections.spine else {
        return match &sections.directory {
            Some(_) => vec![Finding::bad(IDENTITY, "to warm, the section spine is needed beside directory")],
            None => vec![Finding::warning(IDENTITY, "none: this installation reads and fetches nothing")],
        };
    };
    let broken = spine.tls.problems();
    if !broken.is_empty() {
        return broken.iter().map(Finding::broken_file).collect();
    }
    let mut findings = network::client_certificate(spine);
    match open_tls(spine, None) {
        Ok(tls) => {
            let client = Client::new(spine.consumer.clone(), &tls, jiff::Timestamp::now);
            findings.push(Finding::of(IDENTITY, client.map_err(Stopped::usage).as_ref().err()));
            findings.extend(network::revocation_lists(&tls, spine.revocation.stale));
            findings.extend(network::proxy(&tls, &spine.consumer.ssp_root));
        }
        Err(stopped) => findings.push(Finding::bad("revocation lists", stopped.message)),
    }
    findings
}

fn directory(sections: &Sections, practice: Option<&OdsCode>) -> Result<Vec<Finding>, Stopped> {
    const WHAT: &str = "directory";
    let Some(section) = &sections.directory else { return Ok(Vec::new()) };
    let directory = match open_directory(section, sections.spine.as_ref()) {
        Ok(directory) => directory,
        Err(stopped) => return Ok(vec![Finding::bad(WHAT, stopped.message)]),
    };
    let mut findings = match (&section.source, &sections.spine) {
        (DirectorySource::Sds { url, authority, .. }, Some(spine)) => {
            vec![network::service(WHAT, url, open_tls(spine, authority.as_deref()))]
        }
        _ => vec![Finding::good(WHAT, "in order")],
    };
    if let Some(practice) = practice {
        findings.push(look_up(&directory, practice)?);
    }
    Ok(findings)
}

fn look_up(directory: &AnyDirectory, practice: &OdsCode) -> Result<Finding, Stopped> {
    const WHAT: &str = "look-up of the practice";
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stopped::failed(format!("no thread to run on: {error}")))?;
    Ok(match runtime.block_on(directory.look_up(practice)) {
        Ok(provider) => Finding::good(WHAT, format!("ASID {}", provider.asid)),
        Err(error) => Finding::bad(WHAT, error.support_advice()),
    })
}

/// The service that traces patients; nobody is traced.
fn national_record(sections: &Sections) -> Option<Finding> {
    const WHAT: &str = "national record";
    let pds = sections.pds.as_ref()?;
    let Some(spine) = &sections.spine else {
        return Some(Finding::bad(WHAT, "to trace, the section spine is needed beside pds"));
    };
    Some(match open_tracer(pds, spine) {
        Ok(_) => network::service(WHAT, &pds.url, open_tls(spine, pds.authority.as_deref())),
        Err(stopped) => Finding::bad(WHAT, stopped.message),
    })
}
