//! Admissions as hospital systems announce them: HL7 v2 ADT messages and FHIR Encounters.
//!
//! A message is turned into what a line of an admissions list says, by the mapping of the pipeline's section `feed`,
//! and is then held to the same rules. Nothing is guessed: a place that holds two values, a code that the pipeline
//! does not map, or a person who is not in the site's list of staff refuses the admission. A message that speaks of
//! the end of a stay becomes a [`Stay`](crate::Stay).

mod draft;
mod fhir;
mod hl7v2;
mod rules;
mod staff;

use std::io::{self, BufRead};
use std::path::PathBuf;
use std::sync::Arc;

use bedside_audit::Clock;
use bedside_model::EpisodeId;

use crate::Pipeline;
use crate::admissions::{Line, PassedOver, Refused, Why};
use crate::strict::{Problem, join};

pub(crate) use rules::{FeedRules, Update};
use staff::Staff;

/// The forms in which admissions come, beside an admissions list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// HL7 version 2 ADT messages in their vertical bar encoding.
    Hl7v2,
    /// FHIR resources, one a line: Encounter, Patient, and what they refer to; or Bundles of them. STU3 and R4.
    Fhir,
}

/// Why a feed cannot be read at all. The messages hold no value of a message or of the list of staff.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The pipeline does not say where a message holds what an admission needs: take one that does.
    #[error(
        "the pipeline {pipeline} has no section feed.{form}, which says where a message holds what is needed"
    )]
    NotMapped {
        /// Name of the pipeline.
        pipeline: String,
        /// Name of the missing section.
        form: &'static str,
    },
    /// The list of staff cannot be read: look at its path and permissions.
    #[error("cannot read the list of staff {}", .path.display())]
    StaffUnread {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The list of staff is not usable: correct that line of it.
    #[error("line {line} of the list of staff {} is not usable: {}", .path.display(), join(.problems))]
    Staff {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
    },
}

/// The messages of a file or a pipe, as what they say of admissions and stays, in their order.
pub struct Feed<R> {
    messages: Messages<R>,
    context: Context,
}

enum Messages<R> {
    Hl7v2(Box<hl7v2::Messages<R>>),
    Fhir(Box<fhir::Resources<R>>),
}

/// What every message is read with.
struct Context {
    rules: Arc<FeedRules>,
    staff: Staff,
    clock: Arc<dyn Clock>,
    traces_here: bool,
}

impl<R: BufRead> Feed<R> {
    /// Reads messages of that form from `input` as the pipeline says. Ages and ends are judged when a message is
    /// read.
    ///
    /// # Errors
    /// [`FeedError`].
    pub fn open(
        form: Form,
        input: R,
        (pipeline, clock): (&Pipeline, Arc<dyn Clock>),
    ) -> Result<Self, FeedError> {
        let name = match form {
            Form::Hl7v2 => "hl7v2",
            Form::Fhir => "fhir",
        };
        let not_mapped = || FeedError::NotMapped { pipeline: pipeline.name().to_owned(), form: name };
        let rules = Arc::clone(pipeline.feed().ok_or_else(not_mapped)?);
        let messages = match form {
            Form::Hl7v2 => hl7v2::Messages::new(input, rules.hl7v2.clone().ok_or_else(not_mapped)?).into(),
            Form::Fhir => fhir::Resources::new(input, rules.fhir.clone().ok_or_else(not_mapped)?).into(),
        };
        let staff = Staff::read(&pipeline.folder().join(&rules.staff))?;
        Ok(Self { messages, context: Context { rules, staff, clock, traces_here: false } })
    }

    /// The same feed where patients are traced here: a message need not say when the patient was traced.
    #[must_use]
    pub fn traced_here(mut self) -> Self {
        self.context.traces_here = true;
        self
    }
}

impl<R> From<hl7v2::Messages<R>> for Messages<R> {
    fn from(messages: hl7v2::Messages<R>) -> Self {
        Self::Hl7v2(Box::new(messages))
    }
}

impl<R> From<fhir::Resources<R>> for Messages<R> {
    fn from(resources: fhir::Resources<R>) -> Self {
        Self::Fhir(Box::new(resources))
    }
}

impl<R: BufRead> Iterator for Feed<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.messages {
            Messages::Hl7v2(messages) => messages.next(&self.context),
            Messages::Fhir(resources) => resources.next(&self.context),
        }
        .transpose()
    }
}

/// A message that is not acceptable.
fn refused(line: u64, episode: Option<EpisodeId>, problems: Vec<Problem>) -> Line {
    Line::Refused(Refused { line, episode, problems, attempt: None })
}

/// A message that asks for nothing that is done here.
fn passed_over(line: u64, event: impl Into<String>, why: Why) -> Line {
    Line::PassedOver(PassedOver { line: Some(line), episode: None, event: Some(event.into()), why })
}
