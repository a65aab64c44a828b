//! Standard output for data and reports, standard error for words to people.

use std::io::{self, Write};

use crate::exit::Stopped;

/// Widest page in characters when nobody can be asked.
const PAGE: u16 = 100;

/// Writes to standard output. A reader that went away (`| head`) has had what it wanted, which is a success.
///
/// # Errors
/// When standard output cannot be written for another reason.
pub fn print(bytes: impl AsRef<[u8]>) -> Result<(), Stopped> {
    let mut out = io::stdout();
    match out.write_all(bytes.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            Err(Stopped::unwritable(format!("standard output cannot be written: {}", error.kind())))
        }
        Ok(()) => Ok(()),
    }
}

/// A line for people. Where nobody listens to standard error, nothing is lost that the exit status does not say.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Width of a page in characters: the terminal's, neither too narrow nor too wide to read, or 100 where there is
/// none.
pub fn width() -> u16 {
    terminal_size::terminal_size_of(io::stdout()).map_or(PAGE, |(width, _)| width.0.clamp(60, 120))
}
