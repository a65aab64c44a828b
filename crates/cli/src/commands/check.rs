use std::fmt;

use bedside_model::OdsCode;
use bedside_spine::{Directory, Handshake, Tls};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime;

use crate::args::CheckArgs;
use crate::config::{Config, Spine};
use crate::exit::{Exit, Stopped, with_causes};
use crate::installation::{Installation, connect};
use crate::output::Output;

/// From how few days on a certificate is warned about (`security` sheet, section 8).
const EXPIRY_WARNING_DAYS: i64 = 60;

/// How far apart the clocks may be: a token that is five seconds ahead is refused (`retrieve` sheet, section 4), and the
/// other clock is told in whole seconds.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(4);

/// One thing that was looked at.
struct Finding {
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

/// `bedside check`: everything that has to be right before a patient waits, all of it at once.
pub(crate) fn check(config: &Config, args: &CheckArgs) -> Result<Exit, Stopped> {
    let mut findings = vec![records(config)];
    let connected = connect(config);
    findings.push(Finding::of("directory and identity", connected.as_ref().err()));
    if let Some(spine) = &config.spine {
        match Tls::from_files(&spine.tls) {
            Ok(tls) => {
                findings.push(certificate(&tls, Timestamp::now()));
                findings.extend(proxy(&tls, spine));
            }
            Err(error) => findings.push(Finding::bad("client certificate", with_causes(&error))),
        }
    }
    if let (Some(practice), Ok(connection)) = (&args.practice, &connected) {
        findings.push(look_up(&connection.directory, practice)?);
    }
    let mut output = Output::new();
    for finding in &findings {
        output.text(&format!("{finding}\n"))?;
    }
    let good = findings.iter().all(|finding| finding.level != Level::Bad);
    Ok(if good { Exit::Done } else { Exit::Failed })
}

/// Audit log, keys and cache, opened as every other command opens them.
fn records(config: &Config) -> Finding {
    Finding::of("audit log, keys and cache", Installation::open(config).as_ref().err())
}

fn certificate(tls: &Tls, now: Timestamp) -> Finding {
    const WHAT: &str = "client certificate";
    let facts = tls.certificate_facts();
    match (facts.days_left(now), facts.until) {
        (Some(days), Some(until)) if days < 0 => Finding::bad(WHAT, format!("expired at {until}")),
        (Some(days), Some(until)) if days < EXPIRY_WARNING_DAYS => {
            Finding::warning(WHAT, format!("{days} days left, until {until}: ask for the next one"))
        }
        (Some(days), Some(until)) if facts.chains => {
            Finding::good(WHAT, format!("{days} days left, until {until}"))
        }
        (Some(_), Some(until)) => Finding::warning(
            WHAT,
            format!("holds until {until}; it does not chain to the configured authority"),
        ),
        _ => Finding::warning(WHAT, "its dates cannot be read".to_owned()),
    }
}

/// The handshake, and the clock of whoever answers.
fn proxy(tls: &Tls, spine: &Spine) -> Vec<Finding> {
    match tls.shake_hands(&spine.consumer.ssp_root) {
        Ok(handshake) => {
            let words = format!("{} {}", handshake.version, handshake.suite);
            vec![Finding::good("handshake with the proxy", words), clock(&handshake)]
        }
        Err(decision) => vec![Finding::bad("handshake with the proxy", decision.to_string())],
    }
}

fn clock(handshake: &Handshake) -> Finding {
    const WHAT: &str = "clock";
    match handshake.clock_ahead {
        None => Finding::warning(WHAT, "the proxy does not tell its time".to_owned()),
        Some(ahead) if ahead.abs() > CLOCK_TOLERANCE => Finding::bad(
            WHAT,
            format!("{} s apart from the proxy's: tokens would be refused", ahead.as_secs()),
        ),
        Some(_) => Finding::good(WHAT, "agrees with the proxy's".to_owned()),
    }
}

fn look_up(directory: &impl Directory, practice: &OdsCode) -> Result<Finding, Stopped> {
    const WHAT: &str = "look-up of the practice";
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stopped::failed(format!("no thread to run on: {error}")))?;
    Ok(match runtime.block_on(directory.look_up(practice)) {
        Ok(provider) => Finding::good(WHAT, format!("ASID {}", provider.asid)),
        Err(error) => Finding::bad(WHAT, error.support_advice()),
    })
}

impl Finding {
    fn good(what: &'static str, words: String) -> Self {
        Self { level: Level::Good, what, words }
    }

    fn warning(what: &'static str, words: String) -> Self {
        Self { level: Level::Warning, what, words }
    }

    fn bad(what: &'static str, words: String) -> Self {
        Self { level: Level::Bad, what, words }
    }

    /// Of something that works or says why not.
    fn of(what: &'static str, stopped: Option<&Stopped>) -> Self {
        match stopped {
            None => Self::good(what, "in order".to_owned()),
            Some(stopped) => Self::bad(what, stopped.message.clone()),
        }
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
