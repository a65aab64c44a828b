use bedside_audit::EventKind;

use super::reader::{reader, stopped};
use crate::args::PurgeArgs;
use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::installation::Installation;
use crate::output::Output;

/// `bedside bundle`
pub(crate) fn bundle(config: &Config, args: &PurgeArgs) -> Result<Exit, Stopped> {
    let mut output = Output::new();
    if output.is_terminal() {
        return Err(Stopped::usage("a bundle is no text for a terminal: redirect it to a program"));
    }
    let installation = Installation::open(config)?;
    let assertion = reader(&args.reader, &installation, (EventKind::Read, &args.episode))?;
    let grant = installation.cache.grant(&assertion, &args.episode).map_err(stopped)?;
    let bundle = installation.cache.bundle(&grant).map_err(stopped)?;
    let bundle = bundle.ok_or_else(|| {
        Stopped::failed("the bundle was not kept: the site's policy discards it, or did when it was fetched")
    })?;
    output.bytes(&bundle)?;
    Ok(Exit::Done)
}
