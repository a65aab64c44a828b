use std::io::{self, IsTerminal, Write};

use crate::exit::{Exit, Stopped};
use crate::render;

/// Widest page in characters when nobody can be asked.
const PAGE: u16 = 120;

/// A line for people. Where nobody listens to standard error, nothing is lost that the exit status does not say.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{}", line.trim_end_matches('\n'));
}

/// Standard output: data. A reader that went away (`| head`) has had what it wanted, which is a success.
pub(crate) struct Output {
    out: io::Stdout,
    terminal: bool,
    closed: bool,
}

impl Output {
    pub(crate) fn new() -> Self {
        let out = io::stdout();
        Self { terminal: out.is_terminal(), out, closed: false }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Width of a page in characters: the terminal's, or 120 where there is none.
    pub(crate) fn width(&self) -> u16 {
        terminal_size::terminal_size_of(&self.out).map_or(PAGE, |(width, _)| width.0.max(40))
    }

    /// Writes text; what would steer a terminal is spelt out when one is there.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Stopped> {
        if self.terminal {
            self.bytes(render::escape_lines(text).as_bytes())
        } else {
            self.bytes(text.as_bytes())
        }
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        if self.closed {
            return Ok(());
        }
        match self.out.write_all(bytes).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(Stopped {
                exit: Exit::Failed,
                message: format!("standard output cannot be written: {}", error.kind()),
            }),
            Ok(()) => Ok(()),
        }
    }
}
