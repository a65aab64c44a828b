//! How commands end.

use std::process::ExitCode;

/// How a command ended: the one place where outcomes become exit statuses. The later, the worse; the worst that
/// happened to any input is that of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything that was asked for was done.
    Done,
    /// The arguments do not fit together; nothing was done.
    Usage,
    /// Something did not end as it should.
    Failed,
    /// An input is not a readable bundle; nothing was written for it, the others were.
    Unreadable,
    /// An output could not be written.
    Unwritable,
}

/// Why a command stopped before its end: the status, and one line for people.
#[derive(Debug)]
pub struct Stopped {
    /// The status.
    pub exit: Exit,
    /// What, where, and what to do.
    pub message: String,
}

impl Exit {
    /// The number; the last two are `EX_DATAERR` and `EX_IOERR` of sysexits(3).
    pub fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Unreadable => 65,
            Self::Unwritable => 74,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

impl Stopped {
    /// The arguments are at fault.
    pub fn usage(message: impl ToString) -> Self {
        Self { exit: Exit::Usage, message: message.to_string() }
    }

    /// Something failed on the way.
    pub fn failed(message: impl ToString) -> Self {
        Self { exit: Exit::Failed, message: message.to_string() }
    }

    /// An output cannot be written.
    pub fn unwritable(message: impl ToString) -> Self {
        Self { exit: Exit::Unwritable, message: message.to_string() }
    }
}
