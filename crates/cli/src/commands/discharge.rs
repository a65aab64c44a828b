use bedside_audit::EventKind;
use bedside_cache::{CacheError, EpisodeSummary, HoldReason, NotReadable, ReaderAssertion};
use bedside_model::EpisodeId;

use super::reader::{reader, stopped};
use crate::args::{HoldArgs, PurgeArgs, ReaderArgs};
use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::installation::Installation;
use crate::output::Output;
use crate::render::ward_time;

/// `bedside discharge`
pub(crate) fn discharge(config: &Config, args: &PurgeArgs) -> Result<Exit, Stopped> {
    report(config, (&args.episode, &args.reader), EventKind::Discharge, |installation, assertion| {
        installation.cache.discharge(&args.episode, assertion)
    })
}

/// `bedside confirm`
pub(crate) fn confirm(config: &Config, args: &PurgeArgs) -> Result<Exit, Stopped> {
    report(config, (&args.episode, &args.reader), EventKind::Confirm, |installation, assertion| {
        installation.cache.confirm(&args.episode, assertion)
    })
}

/// `bedside hold`
pub(crate) fn hold(config: &Config, args: &HoldArgs) -> Result<Exit, Stopped> {
    report(config, (&args.episode, &args.reader), EventKind::Hold, |installation, assertion| {
        match args.because {
            Some(reason) => installation.cache.hold(&args.episode, assertion, reason),
            None => installation.cache.release(&args.episode, assertion),
        }
    })
}

/// Reports something of an episode and says in what state it is now.
fn report(
    config: &Config,
    (episode, who): (&EpisodeId, &ReaderArgs),
    kind: EventKind,
    tell: impl Fn(&Installation, &ReaderAssertion) -> Result<EpisodeSummary, CacheError>,
) -> Result<Exit, Stopped> {
    let installation = Installation::open(config)?;
    let assertion = reader(who, &installation, (kind, episode))?;
    let summary = tell(&installation, &assertion).map_err(stopped)?;
    let time = |at: Option<jiff::Timestamp>| at.map_or_else(|| "unknown".to_owned(), ward_time);
    let shown = match summary.not_readable {
        Some(NotReadable::Held { reason: HoldReason::Unconfirmed }) => {
            "shown to nobody until it is fetched again".to_owned()
        }
        Some(_) => "shown to nobody".to_owned(),
        None => format!("shown until {}", time(summary.expires)),
    };
    let purge = time(summary.purge_due);
    Output::new().text(&format!("{}: {shown}, purged by a sweep from {purge}\n", summary.state()))?;
    Ok(Exit::Done)
}
