//! The wire types of a run: what `bedside warm --json` prints, one object a line, each with `type`, `ts` and
//! `run`. They are written and never read here, so there is no deserializer; a test reads them back with
//! strict types of its own.
//!
//! An event may name an episode and a practice. It never holds an NHS number, a name or a word of a record.

use std::collections::BTreeMap;

use bedside_cache::ChangeCounts;
use serde::Serialize;

use crate::admissions::{PassedOver, StayEvent};
use crate::strict::Problem;

/// One event.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// What happened.
    #[serde(flatten)]
    pub what: What,
    /// When, RFC 3339 in UTC.
    pub ts: String,
    /// The run it belongs to.
    pub run: String,
}

/// What happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// The run begins.
    RunStarted {
        /// Name of the pipeline.
        pipeline: String,
        /// Areas that it asks for.
        areas: Vec<&'static str>,
        /// Episodes in flight at most.
        concurrency: usize,
        /// Version of this software.
        software_version: &'static str,
    },
    /// A line of the list is not accepted; the others go on.
    LineRefused(LineRefused),
    /// The list could not be read further; what was read goes on.
    InputFailed {
        /// What the system says.
        problem: String,
    },
    /// Work on an episode begins.
    EpisodeStarted {
        /// The host system's id of it.
        episode: String,
        /// ODS code of the practice.
        practice: String,
    },
    /// An episode has its outcome.
    EpisodeFinished(EpisodeReport),
    /// What a message reports of a stay has been done, or not.
    StayReported(StayReported),
    /// Nothing is done for a message.
    MessagePassedOver(PassedOver),
    /// The run is over.
    RunFinished(Totals),
}

/// Why a line of the list was not accepted.
#[derive(Debug, Clone, Serialize)]
pub struct LineRefused {
    /// Number of the line, from 1.
    pub line: u64,
    /// The episode, where it could be read.
    pub episode: Option<String>,
    /// Whether policy alone stands against it.
    pub by_policy: bool,
    /// Everything that is wrong with it.
    pub problems: Vec<Problem>,
}

/// What a message reports of a stay, and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct StayReported {
    /// Number of the message, from 1.
    pub line: u64,
    /// The host system's id of the episode.
    pub episode: String,
    /// What has become of the stay.
    pub says: StayEvent,
    /// What came of the report.
    #[serde(flatten)]
    pub outcome: StayOutcome,
}

/// What came of a report on a stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum StayOutcome {
    /// The cache holds to it from now on.
    Done,
    /// There is no record of the episode, or none any more.
    NothingHeld,
    /// Whoever reports it may not.
    Refused {
        /// Why.
        problem: String,
    },
    /// It could not be done; report it again.
    NotDone {
        /// Why.
        problem: String,
    },
}

/// What became of one admission.
#[derive(Debug, Clone, Serialize)]
pub struct EpisodeReport {
    /// The host system's id of the episode.
    pub episode: String,
    /// ODS code of the practice.
    pub practice: String,
    /// How long it took.
    pub milliseconds: u64,
    /// The one outcome.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The outcomes of an admission. Every one ends in exactly one of them, and only `warmed` stores a record.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Fetched, checked and sealed.
    Warmed(Box<Warmed>),
    /// Policy forbids it at the moment of the call, such as a trace that has become too old. Nothing was sent.
    Refused {
        /// What stands against it.
        problems: Vec<Problem>,
    },
    /// The pipeline cannot be run for this admission. Nothing was sent.
    NotApplicable {
        /// Why.
        problem: String,
    },
    /// The audit log did not take the intent, so nothing was sent; or it did not take the outcome.
    NotAudited {
        /// Why.
        problem: String,
    },
    /// The patient could not be traced, or by the national record nothing may be fetched.
    NotTraced(Trouble),
    /// The directory does not tell where the practice's system is.
    NoEndpoint(Trouble),
    /// The practice or Spine gave no record.
    NotFetched(Trouble),
    /// What came is not a bundle that can be read.
    Unreadable {
        /// Where and why, without content.
        problem: String,
    },
    /// The patient who came back is not the one who was traced, or cannot be told to be. Nothing was stored; a
    /// person has to look.
    WrongPatient {
        /// Names of the fields that differ.
        differing: Vec<String>,
        /// What the identity check says.
        problem: String,
    },
    /// The record could not be sealed.
    NotStored {
        /// Why.
        problem: String,
    },
    /// This software failed.
    Failed {
        /// Where.
        problem: String,
    },
    /// The run was asked to stop before this admission was begun. Nothing was sent.
    HandedBack,
    /// An earlier part of the same run is done with it, so nothing was sent now.
    Earlier {
        /// Name of the outcome that it had.
        earlier: String,
    },
}

/// What is added to the words of an outcome after which an earlier record is shown no more.
pub(crate) const RECORD_HELD: &str = "The record that was fetched before is held back: a person has to look.";

impl Outcome {
    /// The outcome, which says as well that the earlier record is held back now.
    pub(crate) fn with_record_held(mut self) -> Self {
        match &mut self {
            Self::NotTraced(Trouble { message, .. }) | Self::NotFetched(Trouble { message, .. }) => {
                *message = format!("{message} {RECORD_HELD}");
            }
            // The names of what differs are told behind it.
            Self::WrongPatient { problem, .. } => {
                *problem = format!("the record that was fetched before is held back; {problem}");
            }
            _ => {}
        }
        self
    }
}

/// Words for those who have to act on an outcome.
#[derive(Debug, Clone, Serialize)]
pub struct Trouble {
    /// A stable name, such as `denied/patient_consent`.
    pub reason: &'static str,
    /// Whether somebody with the right to say no has said no.
    pub refused: bool,
    /// For the clinician.
    pub message: String,
    /// For support.
    pub advice: String,
    /// `Ssp-TraceID` to quote, where something was sent.
    pub trace_id: Option<String>,
    /// Attempts made.
    pub attempts: u32,
    /// Whether trying again later may help.
    pub again: bool,
}

/// What was sealed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Warmed {
    /// Generation of the episode.
    pub generation: u64,
    /// State of each clinical area.
    pub areas: BTreeMap<&'static str, String>,
    /// Rows by table.
    pub rows: BTreeMap<&'static str, usize>,
    /// Notices by severity.
    pub notices: BTreeMap<&'static str, usize>,
    /// How many rows of each table are new, gone or changed since the generation before; `None` for a first
    /// generation, or where the one before does not open.
    pub changes: Option<BTreeMap<&'static str, ChangedRows>>,
    /// Bytes of the bundle.
    pub bundle_bytes: usize,
    /// Bytes on disk.
    pub sealed_bytes: u64,
    /// `Ssp-TraceID` of the attempt that was answered.
    pub trace_id: String,
    /// Whether the bundle bears that id, as it should: `same`, `other` or `absent`.
    pub trace_echo: &'static str,
    /// Attempts made.
    pub attempts: u32,
    /// Whether the patient's number had been superseded, and the current one was used.
    pub superseded: bool,
}

/// How many rows of a table a refresh changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ChangedRows {
    /// Rows whose id was not there before.
    pub new: u64,
    /// Rows whose id is not there any more.
    pub gone: u64,
    /// Rows of the same id and another content.
    pub changed: u64,
}

impl From<ChangeCounts> for ChangedRows {
    fn from(ChangeCounts { new, gone, changed }: ChangeCounts) -> Self {
        Self { new, gone, changed }
    }
}

/// How many ended how. They add up: `lines` is `warmed`, `refused`, `failed`, `stays` and `passed_over`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Lines of the list that are not blank, or messages.
    pub lines: usize,
    /// Records sealed.
    pub warmed: usize,
    /// Refused by policy, when the line was read or at the moment of the call.
    pub refused: usize,
    /// Everything else: malformed lines, refusals of the practice, failures.
    pub failed: usize,
    /// Reports on stays that the cache holds to, or that there was nothing to do for.
    pub stays: usize,
    /// Messages that ask for nothing that is done here.
    pub passed_over: usize,
    /// Rows sealed.
    pub rows: usize,
    /// Bytes of the bundles.
    pub bundle_bytes: usize,
    /// Bytes on disk.
    pub sealed_bytes: u64,
}

impl Warmed {
    /// How many rows there are, and how many of them a refresh has changed.
    fn message(&self) -> String {
        let rows = self.rows.values().sum::<usize>();
        let Some(changes) = &self.changes else { return format!("{rows} rows sealed") };
        let sum = |count: fn(&ChangedRows) -> u64| changes.values().map(count).sum::<u64>();
        let (new, gone, changed) = (sum(|rows| rows.new), sum(|rows| rows.gone), sum(|rows| rows.changed));
        format!("{rows} rows sealed; since the record before: {new} new, {gone} gone, {changed} changed")
    }
}

impl StayOutcome {
    /// One line for people, where something is not as it should be.
    pub fn problem(&self) -> Option<&str> {
        match self {
            Self::Done | Self::NothingHeld => None,
            Self::Refused { problem } | Self::NotDone { problem } => Some(problem),
        }
    }
}

impl Outcome {
    /// Its name, as on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Warmed(_) => "warmed",
            Self::Refused { .. } => "refused",
            Self::NotApplicable { .. } => "not_applicable",
            Self::NotAudited { .. } => "not_audited",
            Self::NotTraced(_) => "not_traced",
            Self::NoEndpoint(_) => "no_endpoint",
            Self::NotFetched(_) => "not_fetched",
            Self::Unreadable { .. } => "unreadable",
            Self::WrongPatient { .. } => "wrong_patient",
            Self::NotStored { .. } => "not_stored",
            Self::Failed { .. } => "failed",
            Self::HandedBack => "handed_back",
            Self::Earlier { .. } => "earlier",
        }
    }

    /// Whether a record is sealed.
    pub fn is_warmed(&self) -> bool {
        match self {
            Self::Warmed(_) => true,
            Self::Earlier { earlier } => earlier == "warmed",
            _ => false,
        }
    }

    /// Whether the same admission may be tried again: nobody has refused, and what stood in the way may have gone.
    pub fn again(&self) -> bool {
        match self {
            Self::NotTraced(trouble) | Self::NoEndpoint(trouble) | Self::NotFetched(trouble) => trouble.again,
            Self::NotAudited { .. } | Self::NotStored { .. } | Self::Failed { .. } | Self::HandedBack => true,
            Self::Warmed(_)
            | Self::Refused { .. }
            | Self::NotApplicable { .. }
            | Self::Unreadable { .. }
            | Self::WrongPatient { .. }
            | Self::Earlier { .. } => false,
        }
    }

    /// One line for people: what happened, and what to do where there is something to do.
    pub fn message(&self) -> String {
        match self {
            Self::Warmed(warmed) => warmed.message(),
            Self::Refused { problems } => crate::strict::join(problems),
            Self::NotTraced(trouble) | Self::NoEndpoint(trouble) | Self::NotFetched(trouble) => {
                format!("{} [{}: {}]", trouble.message, trouble.reason, trouble.advice)
            }
            Self::WrongPatient { differing, problem } if differing.is_empty() => problem.clone(),
            Self::WrongPatient { differing, problem } => format!("{problem}: {}", differing.join(", ")),
            Self::HandedBack => "not begun: the run was asked to stop; go on with its --run-id".to_owned(),
            Self::Earlier { earlier } => format!("done in an earlier part of the run: {earlier}"),
            Self::NotApplicable { problem }
            | Self::NotAudited { problem }
            | Self::Unreadable { problem }
            | Self::NotStored { problem }
            | Self::Failed { problem } => problem.clone(),
        }
    }
}
