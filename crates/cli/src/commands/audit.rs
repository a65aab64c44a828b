use crate::args::VerifyArgs;
use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::output::Output;

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
