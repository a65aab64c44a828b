//! A run: admissions in, each patient's record fetched, normalised, checked and sealed, and a report of what
//! became of every one of them.
//!
//! [`Admissions`] reads the list, [`Feed`] the messages of a hospital system, [`Pipeline`] says what to ask for, [`Warmer`] does it with bounded
//! concurrency and tells [`Event`]s as they happen, [`Report`] is what came of it. An admission ends in exactly
//! one [`Outcome`]. A run that was killed goes on from its [`Journal`], one that should end is told so by [`Stop`].
//!
//! Nothing is sent unless the audit log has taken the intent first, and nothing is stored unless the patient
//! who came back is the patient who was asked for. Nothing here knows of terminals, arguments or exit
//! statuses, and nothing here repeats an NHS number, a name or a word of a record.

mod access;
mod admission;
mod admissions;
mod episode;
mod event;
mod feed;
mod hold;
mod identity;
mod intake;
mod journal;
mod manifest;
mod order;
mod person;
mod pipeline;
mod reader;
mod report;
mod run;
mod sections;
mod single_flight;
mod stay;
mod stop;
pub mod strict;
#[cfg(test)]
mod testing;
mod trail;
mod trouble;

pub use admission::{Admission, Consultation};
pub use admissions::{Admissions, Line, PassedOver, Refused, Stay, StayEvent, Why};
pub use event::{
    ChangedRows, EpisodeReport, Event, LineRefused, Outcome, StayOutcome, StayReported, Totals, Trouble,
    Warmed, What,
};
pub use feed::{Feed, FeedError, Form};
pub use journal::{Journal, JournalError, JournalsSwept, NotARunId, RunId, sweep_journals};
pub use manifest::{AccountFacts, BundleFacts, Manifest, PatientCheckFacts, Provenance, Request, Source};
pub use order::AdmittedFirst;
pub use pipeline::{NotApplicable, Pipeline, PipelineError};
pub use reader::{ReaderError, read_assertion};
pub use report::{Report, escape_html};
pub use run::{Control, EPISODE_DEADLINE, Parts, Warmer};
pub use stop::Stop;
