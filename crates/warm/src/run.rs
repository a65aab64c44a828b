use std::collections::HashMap;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bedside_audit::{AuditLog, Clock};
use bedside_cache::Cache;
use bedside_model::Asid;
use bedside_spine::{Directory, Transport};
use jiff::Timestamp;
use tokio::task::{Id, JoinError, JoinSet};

use crate::episode::Episode;
use crate::event::{EpisodeReport, Event, LineRefused, Outcome, What};
use crate::{Admission, Line, Pipeline, Refused, Report};

/// Everything that warming needs, each part behind what faults can be played through.
pub struct Parts<T, D> {
    /// Sends a call: a [`bedside_spine::Client`] in the product.
    pub transport: T,
    /// Tells where a practice's system is.
    pub directory: D,
    /// Our accredited system id, for the audit log.
    pub asid: Asid,
    /// Where records are sealed.
    pub cache: Arc<Cache>,
    /// Who asked for what, and why.
    pub audit: Arc<AuditLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Episodes in flight at most.
    pub concurrency: NonZeroUsize,
}

/// Warms a cache from a list of admissions.
pub struct Warmer<T, D> {
    parts: Arc<Parts<T, D>>,
}

impl<T, D> Warmer<T, D>
where
    T: Transport + Send + Sync + 'static,
    D: Directory + Send + Sync + 'static,
{
    /// A warmer of those parts.
    pub fn new(parts: Parts<T, D>) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Runs a list to its end and tells `on_event` what happens as it happens. `run` names the run in its
    /// events. Admissions that end in a failure do not stop the others, and neither does a list that breaks
    /// off: the report says so.
    ///
    /// Reading the list and everything that touches a disk happens on the calling task or beside it, so this
    /// needs Tokio's multi-threaded runtime.
    pub async fn run(
        &self,
        run: &str,
        admissions: impl Iterator<Item = io::Result<Line>>,
        pipeline: &Pipeline,
        on_event: &mut dyn FnMut(&Event),
    ) -> Report {
        let pipeline = Arc::new(pipeline.clone());
        let mut course = Course::new(run, Arc::clone(&self.parts.clock), on_event);
        course.tell(What::RunStarted {
            pipeline: pipeline.name().to_owned(),
            areas: pipeline.areas().iter().map(|area| area.as_str()).collect(),
            concurrency: self.parts.concurrency.get(),
            software_version: env!("CARGO_PKG_VERSION"),
        });
        let mut lines = admissions.fuse();
        while let Some(line) = tokio::task::block_in_place(|| lines.next()) {
            match line {
                Ok(Line::Admission(admission)) => {
                    if course.flying.len() == self.parts.concurrency.get() {
                        course.land_one().await;
                    }
                    self.start(&mut course, *admission, &pipeline);
                }
                Ok(Line::Refused(refused)) => self.refuse(&mut course, refused),
                Err(error) => {
                    course.break_off(&error);
                    break;
                }
            }
        }
        while !course.flying.is_empty() {
            course.land_one().await;
        }
        course.finish()
    }

    fn start(&self, course: &mut Course<'_>, admission: Admission, pipeline: &Arc<Pipeline>) {
        let ticket = Ticket {
            episode: admission.episode.to_string(),
            practice: admission.demographics.practice.to_string(),
            started: self.parts.clock.now(),
        };
        course.tell(What::EpisodeStarted {
            episode: ticket.episode.clone(),
            practice: ticket.practice.clone(),
        });
        let (parts, pipeline) = (Arc::clone(&self.parts), Arc::clone(pipeline));
        let task =
            async move { Episode { parts: &parts, pipeline: &pipeline, admission: &admission }.warm().await };
        let handle = course.flying.spawn(task);
        course.tickets.insert(handle.id(), ticket);
    }

    fn refuse(&self, course: &mut Course<'_>, refused: Refused) {
        let mut line = LineRefused {
            line: refused.line,
            episode: refused.episode.as_ref().map(ToString::to_string),
            by_policy: refused.by_policy(),
            problems: refused.problems,
        };
        if let Some(attempt) = refused.attempt.filter(|_| line.by_policy)
            && let Err(error) =
                tokio::task::block_in_place(|| crate::trail::refused_line(&self.parts, &attempt))
        {
            // Nothing is fetched for the line either way, but that the attempt is not on record is a failure.
            line.by_policy = false;
            line.problems.push(crate::strict::Problem::malformed("", error.to_string()));
        }
        course.tell(What::LineRefused(line.clone()));
        course.report.lines_refused.push(line);
    }
}

/// The state of one run.
struct Course<'a> {
    clock: Arc<dyn Clock>,
    on_event: &'a mut dyn FnMut(&Event),
    report: Report,
    flying: JoinSet<Outcome>,
    tickets: HashMap<Id, Ticket>,
}

/// What is known of an episode before it has an outcome.
struct Ticket {
    episode: String,
    practice: String,
    started: Timestamp,
}

impl<'a> Course<'a> {
    fn new(run: &str, clock: Arc<dyn Clock>, on_event: &'a mut dyn FnMut(&Event)) -> Self {
        let report = Report { run: run.to_owned(), ..Report::default() };
        Self { clock, on_event, report, flying: JoinSet::new(), tickets: HashMap::new() }
    }

    fn tell(&mut self, what: What) {
        (self.on_event)(&Event { what, ts: self.clock.now().to_string(), run: self.report.run.clone() });
    }

    async fn land_one(&mut self) {
        let Some(landed) = self.flying.join_next_with_id().await else { return };
        let (id, outcome) = match landed {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => (error.id(), crashed(&error)),
        };
        // Every task was given its ticket when it was spawned.
        let Some(ticket) = self.tickets.remove(&id) else { return };
        let elapsed = self.clock.now().duration_since(ticket.started).as_millis();
        let report = EpisodeReport {
            episode: ticket.episode,
            practice: ticket.practice,
            milliseconds: u64::try_from(elapsed).unwrap_or(0),
            outcome,
        };
        self.tell(What::EpisodeFinished(report.clone()));
        self.report.episodes.push(report);
    }

    fn break_off(&mut self, error: &io::Error) {
        let problem = format!("the list of admissions cannot be read further: {}", error.kind());
        self.tell(What::InputFailed { problem: problem.clone() });
        self.report.input_problem = Some(problem);
    }

    fn finish(mut self) -> Report {
        self.tell(What::RunFinished(self.report.totals()));
        self.report
    }
}

/// A panic's own words may hold what it was about, so they are not repeated.
fn crashed(error: &JoinError) -> Outcome {
    let how = if error.is_panic() { "a defect of this software" } else { "the run was stopped" };
    Outcome::Failed { problem: format!("{how}: nothing more is known of the episode; see the audit log") }
}
