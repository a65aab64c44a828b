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
    /// All of them, by status.
    pub(crate) const ALL: [Self; 4] = [Self::Done, Self::Usage, Self::Failed, Self::Refused];

    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Refused => 4,
        }
    }

    /// What it means, as `--help`, the manual and `docs/command-line.md` say it.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done: every admission warmed, the record shown, nothing wrong found",
            Self::Usage => "usage or configuration: correct the command or the file; nothing was done",
            Self::Failed => "some episodes failed; or there is no readable record, or the log is broken",
            Self::Refused => {
                "refused by policy: purpose, relationship, age of the trace, or no real person who asks"
            }
        }
    }
}

/// The exit statuses and what goes where, below the help of the program.
pub(crate) fn help() -> String {
    let mut text = "Exit status:\n".to_owned();
    for exit in Exit::ALL {
        text.push_str(&format!("  {}  {}\n", exit.status(), exit.meaning()));
    }
    text.push_str(
        "\nData goes to standard output, words for people to standard error. An NHS number is never an argument.",
    );
    text
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

/// An error and what caused it, on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(&format!(": {error}"));
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_lists_the_statuses_that_there_are() {
        let page = include_str!("../../../docs/command-line.md");
        let (_, table) = page.split_once("| status | meaning |\n| ---: | --- |\n").expect("the table");
        let rows: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
        let expected = Exit::ALL.map(|exit| format!("| {} | {} |", exit.status(), exit.meaning()));
        assert_eq!(rows, expected);
    }
}
