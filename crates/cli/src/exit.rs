use std::process::ExitCode;

/// How a command ended: the one place where outcomes become exit statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything that was asked for was done.
    Done,
    /// The arguments or the configuration are wrong: the status that clap gives, too.
    Usage,
    /// Some episodes failed; or what was asked for is not there, not readable or broken.
    Failed,
    /// Policy refused, and nothing else went wrong.
    Refused,
}

impl Exit {
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Refused => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

/// Why a command did not do what was asked: the status, and one message for people.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Stopped {
    pub(crate) fn usage(message: impl ToString) -> Self {
        Self { exit: Exit::Usage, message: message.to_string() }
    }

    pub(crate) fn failed(message: impl ToString) -> Self {
        Self { exit: Exit::Failed, message: message.to_string() }
    }

    pub(crate) fn refused(message: impl ToString) -> Self {
        Self { exit: Exit::Refused, message: message.to_string() }
    }
}
