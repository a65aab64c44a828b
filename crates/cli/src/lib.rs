//! The program `bedside`: arguments, configuration, output, exit status. What it does is in the crates below;
//! here is how it is asked for and how it is shown.
//!
//! [`render`] shows an opened record to a person or hands it to a program, and is used by whoever else has one
//! to show. [`run`] is the whole program.

mod args;
mod commands;
mod config;
mod events;
mod exit;
mod installation;
mod log;
mod metrics;
mod output;
mod policy;
mod progress;
pub mod render;

use std::ffi::OsString;
use std::panic;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, AuditCommand, Command, ConfigCommand, KeysCommand, PipelineCommand};
use crate::exit::{Exit, Stopped};
use crate::log::Log;
use crate::output::tell;

/// Runs the program with those arguments, the first being its name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    panic::set_hook(Box::new(tell_place));
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let log = Log::start(matches!(args.command, Command::Warm(_)));
    let ended = dispatch(&args);
    log.end();
    match ended {
        Ok(exit) => exit.into(),
        Err(Stopped { exit, message }) => {
            tell(&format!("bedside: {message}"));
            exit.into()
        }
    }
}

fn dispatch(args: &Args) -> Result<Exit, Stopped> {
    let config = || config::Config::read(args.config.as_deref(), &args.set).map_err(Stopped::usage);
    match &args.command {
        Command::Warm(warm) => commands::warm(&config()?, warm),
        Command::Check(check) => commands::check(args, check),
        Command::List(list) => commands::list(&config()?, list),
        Command::Show(show) => commands::show(&config()?, show),
        Command::Serve(serve) => commands::serve(&config()?, serve),
        Command::Bundle(episode) => commands::bundle(&config()?, episode),
        Command::Purge(purge) => commands::purge(&config()?, purge),
        Command::Discharge(episode) => commands::discharge(&config()?, episode),
        Command::Confirm(episode) => commands::confirm(&config()?, episode),
        Command::Hold(hold) => commands::hold(&config()?, hold),
        Command::Sweep(sweep) => commands::sweep(&config()?, sweep),
        Command::Keys(KeysCommand::Rotate) => commands::rotate_keys(&config()?),
        Command::Keys(KeysCommand::List) => commands::list_keys(&config()?),
        Command::Audit(AuditCommand::Verify(verify)) => commands::verify(config, verify),
        Command::Audit(AuditCommand::Anchor(anchor)) => commands::anchor(config, anchor),
        Command::Audit(AuditCommand::WhoSaw(log)) => commands::who_saw(&config()?, log),
        Command::Audit(AuditCommand::Export(log)) => commands::export(&config()?, log),
        Command::Pipeline(PipelineCommand::Check(check)) => commands::check_pipelines(check),
        Command::Config(ConfigCommand::Show(show)) => commands::show_config(args, show),
        Command::Config(ConfigCommand::Example) => commands::print_example(),
        Command::Completions(completions) => commands::completions(completions),
        Command::Man(man) => commands::man(man),
    }
}

/// Help and version are what was asked for; anything else is a slip of the keyboard. Whether they could be
/// printed does not change that.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

/// The words of a panic may hold what it was about, so only its place is told.
fn tell_place(panic: &panic::PanicHookInfo<'_>) {
    match panic.location() {
        Some(place) => tell(&format!("bedside: a defect at {}:{}", place.file(), place.line())),
        None => tell("bedside: a defect at an unknown place"),
    }
}
