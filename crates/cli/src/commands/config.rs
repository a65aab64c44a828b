use crate::args::{Args, ConfigShowArgs};
use crate::config::{Config, example};
use crate::exit::{Exit, Stopped};
use crate::output::Output;

/// `bedside config show`. What is printed is a configuration again, with or without the origins. It holds no
/// secret: those are in files of their own, and here are only their paths.
pub(crate) fn show(args: &Args, show: &ConfigShowArgs) -> Result<Exit, Stopped> {
    let (_, sources) =
        Config::read_with_sources(args.config.as_deref(), &args.set).map_err(Stopped::usage)?;
    Output::new().text(&sources.as_toml(show.origin))?;
    Ok(Exit::Done)
}

/// `bedside config example`
pub(crate) fn print_example() -> Result<Exit, Stopped> {
    Output::new().text(&example())?;
    Ok(Exit::Done)
}
