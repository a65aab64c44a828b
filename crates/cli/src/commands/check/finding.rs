use std::fmt;

use bedside_spine::TlsError;

use crate::exit::{Stopped, with_causes};

/// One thing that was looked at.
pub(super) struct Finding {
    level: Level,
    what: &'static str,
    words: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Good,
    Warning,
    Bad,
}

impl Finding {
    pub(super) fn good(what: &'static str, words: impl Into<String>) -> Self {
        Self { level: Level::Good, what, words: words.into() }
    }

    pub(super) fn warning(what: &'static str, words: impl Into<String>) -> Self {
        Self { level: Level::Warning, what, words: words.into() }
    }

    pub(super) fn bad(what: &'static str, words: impl Into<String>) -> Self {
        Self { level: Level::Bad, what, words: words.into() }
    }

    /// Of something that works or says why not.
    pub(super) fn of(what: &'static str, stopped: Option<&Stopped>) -> Self {
        match stopped {
            None => Self::good(what, "in order"),
            Some(stopped) => Self::bad(what, stopped.message.clone()),
        }
    }

    /// A file of our identity that cannot be used.
    pub(super) fn broken_file(error: &TlsError) -> Self {
        Self::bad("client certificate", with_causes(error))
    }

    pub(super) fn is_bad(&self) -> bool {
        self.level == Level::Bad
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Good => "good",
            Level::Warning => "warning",
            Level::Bad => "bad",
        };
        write!(f, "{level:7}  {:26}  {}", self.what, self.words)
    }
}
