use clap::CommandFactory;

use crate::args::{Args, ManArgs};
use crate::exit::{Exit, Stopped};
use crate::output::tell;

/// `bedside man`
pub(crate) fn man(args: &ManArgs) -> Result<Exit, Stopped> {
    let folder = &args.folder;
    if !folder.is_dir() {
        return Err(Stopped::usage(format!("{} is not a folder", folder.display())));
    }
    let written = clap_mangen::generate_to(Args::command(), folder);
    written.map_err(|error| Stopped::failed(format!("cannot write to {}: {error}", folder.display())))?;
    tell(&format!(
        "the manual is in {}; read it with man -l {}",
        folder.display(),
        folder.join("bedside.1").display()
    ));
    Ok(Exit::Done)
}
