//! Completions and manual pages, made from the declaration of the command line.

use std::path::PathBuf;

use clap::{Command, ValueHint};

use crate::console::{print, tell};
use crate::exit::{Exit, Stopped};

/// For which shell.
#[derive(Debug, Clone, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Where to.
#[derive(Debug, Clone, clap::Args)]
pub struct ManArgs {
    /// The folder, which must be there
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
}

/// Prints the completions of a command line.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(args: &CompletionsArgs, command: &mut Command) -> Result<Exit, Stopped> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, name, &mut script);
    print(&script)?;
    Ok(Exit::Done)
}

/// Writes the manual of a command line.
///
/// # Errors
/// When the folder is none or cannot be written.
pub fn man(args: &ManArgs, command: Command) -> Result<Exit, Stopped> {
    let folder = &args.folder;
    if !folder.is_dir() {
        return Err(Stopped::usage(format!("{} is not a folder", folder.display())));
    }
    let first = folder.join(format!("{}.1", command.get_name()));
    clap_mangen::generate_to(command, folder).map_err(|error| {
        Stopped::unwritable(format!("the manual cannot be written to {}: {error}", folder.display()))
    })?;
    tell(&format!("the manual is in {}; read it with man -l {}", folder.display(), first.display()));
    Ok(Exit::Done)
}
