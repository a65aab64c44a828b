use clap::CommandFactory;

use crate::args::{Args, CompletionsArgs};
use crate::exit::{Exit, Stopped};
use crate::output::Output;

/// `bedside completions`
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Exit, Stopped> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "bedside", &mut script);
    Output::new().bytes(&script)?;
    Ok(Exit::Done)
}
