//! The program `bedside`; see the library of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    bedside_cli::run(std::env::args_os())
}
