use std::fs;
use std::path::PathBuf;

use super::{Patient, Recipe, Supplier, bundle};
use crate::console::print;
use crate::exit::{Exit, Stopped};

/// What to generate, and where to.
#[derive(Debug, Clone, clap::Args)]
pub struct GenerateArgs {
    /// Size of the bundle in bytes, met within 5 %; below some 18000 it is the smallest there is
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    pub bytes: u32,
    /// Chooses the patient and everything in the record
    #[arg(long, value_name = "S")]
    pub seed: u64,
    /// Whose answers it is like
    #[arg(long, value_enum, default_value_t = Supplier::Emis)]
    pub supplier: Supplier,
    /// Without white space, in place of the supplier's own layout
    #[arg(long)]
    pub minified: bool,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Generates a bundle about [`Patient::synthetic`] of the seed.
///
/// # Errors
/// When the file or standard output cannot be written.
pub fn run(args: &GenerateArgs) -> Result<Exit, Stopped> {
    let bytes = bundle(&Recipe {
        bytes: args.bytes as usize,
        seed: args.seed,
        supplier: args.supplier,
        minified: args.minified,
        patient: Patient::synthetic(args.seed),
    });
    match &args.out {
        None => print(bytes)?,
        Some(path) => fs::write(path, bytes).map_err(|error| {
            Stopped::unwritable(format!("{}: cannot be written: {error}", path.display()))
        })?,
    }
    Ok(Exit::Done)
}
