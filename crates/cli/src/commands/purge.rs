use bedside_audit::EventKind;

use super::reader::{reader, stopped};
use crate::args::PurgeArgs;
use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::installation::Installation;
use crate::output::Output;
use crate::render::ward_time;

/// `bedside purge`
pub(crate) fn purge(config: &Config, args: &PurgeArgs) -> Result<Exit, Stopped> {
    let installation = Installation::open(config)?;
    let assertion = reader(&args.reader, &installation, (EventKind::Purge, &args.episode))?;
    let receipt = installation.cache.purge(&args.episode, &assertion).map_err(stopped)?;
    let copies = receipt.key_id.map_or_else(String::new, |key| {
        format!("; a copy that was made before opens until the key {key} is destroyed, too")
    });
    Output::new().text(&format!(
        "purged at {}: key destroyed, {} files of {} bytes removed, receipt {}{copies}\n",
        ward_time(receipt.at),
        receipt.files,
        receipt.bytes,
        receipt.id
    ))?;
    Ok(Exit::Done)
}
