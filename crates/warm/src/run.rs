use std::collections::{HashMap, HashSet};
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bedside_audit::{AuditLog, Clock};
use bedside_cache::{Cache, CacheError, EpisodeTag};
use bedside_model::Asid;
use bedside_spine::{AskTwice, Directory, Tracer, Transport};
use jiff::Timestamp;
use tokio::task::{Id, JoinError, JoinSet, block_in_place};
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span, instrument};

use crate::admissions::{Attempt, PassedOver, Stay, Why};
use crate::episode::{Episode, Flights};
use crate::event::{EpisodeReport, Event, LineRefused, Outcome, RECORD_HELD, StayReported, What};
use crate::feed::Update;
use crate::journal::{Journal, Left};
use crate::strict::Problem;
use crate::{Admission, Line, Pipeline, Refused, Report, Stop, hold, identity, stay, trail};

/// How long there is for one admission, from its first step to its last: twice a whole call.
pub const EPISODE_DEADLINE: Duration = Duration::from_secs(180);

/// Between the two look-ups of a practice, if the first could not be made.
const LOOK_UP_AGAIN: Duration = Duration::from_millis(500);

/// Everything that warming needs, each part behind what faults can be played through.
pub struct Parts<T, D> {
    /// Sends a call: a [`bedside_spine::Client`] in the product.
    pub transport: T,
    /// Tells where a practice's system is.
    pub directory: D,
    /// Traces the patients whose trace is too old, where that is done here.
    pub tracer: Tracer,
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
    /// How long there is for one admission; [`EPISODE_DEADLINE`] is the usual.
    pub deadline: Duration,
    /// Whether a bundle that does not bear the trace id of its request is refused; otherwise that is told.
    pub requires_trace_echo: bool,
}

impl<T, D: Directory> Parts<T, D> {
    fn asking_twice(self) -> Parts<T, AskTwice<D>> {
        Parts {
            directory: AskTwice::new(self.directory, LOOK_UP_AGAIN),
            transport: self.transport,
            tracer: self.tracer,
            asid: self.asid,
            cache: self.cache,
            audit: self.audit,
            clock: self.clock,
            concurrency: self.concurrency,
            deadline: self.deadline,
            requires_trace_echo: self.requires_trace_echo,
        }
    }
}

/// How one run is told apart from others, resumed and stopped.
#[derive(Default)]
pub struct Control {
    /// Names the run in its events and its report.
    pub run: String,
    /// What has been done, on disk; without one, a run that was killed cannot be resumed.
    pub journal: Option<Journal>,
    /// The wish that it should end.
    pub stop: Stop,
}

impl From<&str> for Control {
    /// A run of that name, which cannot be resumed and which nobody stops.
    fn from(run: &str) -> Self {
        Self { run: run.to_owned(), ..Self::default() }
    }
}

/// Warms a cache from lists of admissions. Two runs may go on at once; one that comes to an episode which the other
/// is fetching waits for it.
pub struct Warmer<T, D> {
    parts: Arc<Parts<T, AskTwice<D>>>,
    flights: Arc<Flights>,
}

impl<T, D> Warmer<T, D>
where
    T: Transport + Send + Sync + 'static,
    D: Directory + Send + Sync + 'static,
{
    /// A warmer of those parts.
    pub fn new(parts: Parts<T, D>) -> Self {
        let parts = parts.asking_twice();
        Self { parts: Arc::new(parts), flights: Arc::new(Flights::new()) }
    }

    /// Runs a list to its end, or until it is asked to stop, and tells `on_event` what happens as it happens.
    /// Admissions that end in a failure do not stop the others, and neither does a list that breaks off: the report
    /// says so. With the journal of an earlier part of the run, what that part has done is not done again.
    ///
    /// Reading the list and everything that touches a disk happens on the calling task or beside it, so this
    /// needs Tokio's multi-threaded runtime.
    ///
    /// The run is a `tracing` span, `run`, each admission one within it, `episode`, and each of its steps one within that:
    /// `trace`, `look_up`, `fetch` with an `attempt` for each, `seal`. They carry outcomes, counts and `Ssp-TraceID`s.
    #[instrument(name = "run", skip_all, fields(pipeline = pipeline.name()))]
    pub async fn run(
        &self,
        control: impl Into<Control>,
        admissions: impl Iterator<Item = io::Result<Line>>,
        pipeline: &Pipeline,
        on_event: &mut dyn FnMut(&Event),
    ) -> Report {
        let Control { run, journal, stop } = control.into();
        let pipeline = Arc::new(pipeline.clone());
        let mut course = Course::new(run, (Arc::clone(&self.parts.clock), journal), on_event);
        course.report.pipeline = pipeline.name().to_owned();
        course.tell(What::RunStarted {
            pipeline: pipeline.name().to_owned(),
            areas: pipeline.areas().iter().map(|area| area.as_str()).collect(),
            concurrency: self.parts.concurrency.get(),
            software_version: env!("CARGO_PKG_VERSION"),
        });
        let mut lines = admissions.fuse();
        if let Err(error) = block_in_place(|| course.recall(&self.parts.cache)) {
            course.break_off(&format!("what was sealed before cannot be told: {error}"));
            return course.finish();
        }
        while !stop.is_requested()
            && let Some(line) = block_in_place(|| lines.next())
        {
            match line {
                Ok(Line::Admission(admission)) => {
                    self.announce(&mut course, (*admission, false), (&pipeline, &stop)).await
                }
                Ok(Line::Update(admission)) => {
                    self.announce(&mut course, (*admission, true), (&pipeline, &stop)).await
                }
                Ok(Line::Stay(stay)) => self.heed(&mut course, &stay).await,
                Ok(Line::PassedOver(passed_over)) => course.pass_over(passed_over),
                Ok(Line::Refused(refused)) => self.refuse(&mut course, refused).await,
                Err(error) => {
                    course.break_off(&format!(
                        "the list of admissions cannot be read further: {}",
                        error.kind()
                    ));
                    break;
                }
            }
        }
        course.report.stopped = stop.is_requested();
        while !course.flying.is_empty() {
            course.land_one().await;
        }
        course.finish()
    }

    /// Begins an admission, or what is known anew of one that was begun, where that is asked for.
    async fn announce(
        &self,
        course: &mut Course<'_>,
        (admission, is_update): (Admission, bool),
        (pipeline, stop): (&Arc<Pipeline>, &Stop),
    ) {
        let ticket = self.ticket(&admission);
        let is_known = course.begun.contains(ticket.tag.as_str());
        if !is_update && !is_known {
            return self.admit(course, (admission, ticket), (pipeline, stop)).await;
        }
        course.land_episode(&ticket.tag).await;
        let held = block_in_place(|| identity::of_record(&self.parts.cache, &admission));
        let why = match held {
            Ok(None) if !is_known => Why::NotAdmitted,
            Ok(_) if pipeline.update() == Update::Pass => Why::NotRefreshed,
            Ok(_) => return self.admit(course, (admission, ticket), (pipeline, stop)).await,
            Err(outcome) => return course.land(ticket, outcome),
        };
        let episode = Some(ticket.episode);
        course.pass_over(PassedOver { line: None, episode, event: None, why });
    }

    /// Does what a message reports of a stay, once nothing is under way for the episode.
    async fn heed(&self, course: &mut Course<'_>, stay: &Stay) {
        course.land_episode(&self.parts.cache.episode_tag(&stay.episode)).await;
        let outcome = block_in_place(|| stay::heed(&self.parts.cache, stay));
        let (line, episode, says) = (stay.line, stay.episode.to_string(), stay.says);
        let reported = StayReported { line, episode, says, outcome };
        course.tell(What::StayReported(reported.clone()));
        course.report.stays.push(reported);
    }

    fn ticket(&self, admission: &Admission) -> Ticket {
        Ticket {
            tag: self.parts.cache.episode_tag(&admission.episode),
            episode: admission.episode.to_string(),
            practice: admission.demographics.practice.to_string(),
            started: self.parts.clock.now(),
        }
    }

    /// Begins an admission as soon as there is room, unless it is done already or the run should end.
    async fn admit(
        &self,
        course: &mut Course<'_>,
        (admission, ticket): (Admission, Ticket),
        (pipeline, stop): (&Arc<Pipeline>, &Stop),
    ) {
        course.begun.insert(ticket.tag.to_string());
        if let Some(earlier) = course.done_earlier(&ticket.tag) {
            return course.land(ticket, Outcome::Earlier { earlier });
        }
        if course.flying.len() == self.parts.concurrency.get() {
            course.land_one().await;
        }
        if stop.is_requested() {
            return course.land(ticket, Outcome::HandedBack);
        }
        let ticket = Ticket { started: self.parts.clock.now(), ..ticket };
        if let Err(problem) = course.note_begin(&ticket) {
            return course.land(ticket, Outcome::Failed { problem });
        }
        self.start(course, admission, ticket, pipeline);
    }

    fn start(&self, course: &mut Course<'_>, admission: Admission, ticket: Ticket, pipeline: &Arc<Pipeline>) {
        course.tell(What::EpisodeStarted {
            episode: ticket.episode.clone(),
            practice: ticket.practice.clone(),
        });
        let (parts, flights, pipeline) =
            (Arc::clone(&self.parts), Arc::clone(&self.flights), Arc::clone(pipeline));
        let task = async move {
            let episode =
                Episode { parts: &parts, flights: &flights, pipeline: &pipeline, admission: &admission };
            let outcome = episode.warm().await;
            Span::current().record("outcome", outcome.name());
            outcome
        };
        let handle = course.flying.spawn(task.instrument(info_span!("episode", outcome = Empty)));
        course.tickets.insert(handle.id(), ticket);
    }

    async fn refuse(&self, course: &mut Course<'_>, refused: Refused) {
        let mut line = LineRefused {
            line: refused.line,
            episode: refused.episode.as_ref().map(ToString::to_string),
            by_policy: refused.by_policy(),
            problems: refused.problems,
        };
        if let Some(attempt) = refused.attempt {
            // What is under way for the episode would be sealed after the hold otherwise.
            course.land_episode(&self.parts.cache.episode_tag(&attempt.admission.episode)).await;
            block_in_place(|| self.put_on_record(&attempt, &mut line));
        }
        course.tell(What::LineRefused(line.clone()));
        course.report.lines_refused.push(line);
    }

    /// An access that was asked for and is not allowed: the audit log knows of it, and what it says of the patient holds
    /// for the record that was fetched before.
    fn put_on_record(&self, attempt: &Attempt, line: &mut LineRefused) {
        let noted = match line.by_policy {
            true => trail::refused_line(&self.parts, attempt).map_err(|error| error.to_string()),
            false => Ok(()),
        };
        let held = attempt.against.map_or(Ok(false), |reason| {
            hold::back(&self.parts.cache, &attempt.admission, reason).map_err(|error| error.to_string())
        });
        if let Ok(true) = held {
            line.problems.push(Problem::policy("episode", RECORD_HELD));
        }
        for problem in [noted.err(), held.err()].into_iter().flatten() {
            // Nothing is fetched for the line either way, but what is not on record, or not held back, is a failure.
            line.by_policy = false;
            line.problems.push(Problem::malformed("", problem));
        }
    }
}

/// The state of one run.
struct Course<'a> {
    clock: Arc<dyn Clock>,
    on_event: &'a mut dyn FnMut(&Event),
    report: Report,
    journal: Option<Journal>,
    /// When each episode was sealed last, where an earlier part of the run did not live to note it.
    sealed: HashMap<String, Timestamp>,
    /// Episodes whose admission has come in this run.
    begun: HashSet<String>,
    flying: JoinSet<Outcome>,
    tickets: HashMap<Id, Ticket>,
}

/// What is known of an episode before it has an outcome.
struct Ticket {
    tag: EpisodeTag,
    episode: String,
    practice: String,
    started: Timestamp,
}

impl<'a> Course<'a> {
    fn new(
        run: String,
        (clock, journal): (Arc<dyn Clock>, Option<Journal>),
        on_event: &'a mut dyn FnMut(&Event),
    ) -> Self {
        let report = Report { run, began: clock.now().to_string(), ..Report::default() };
        let (sealed, begun, tickets) = (HashMap::new(), HashSet::new(), HashMap::new());
        Self { clock, on_event, report, journal, sealed, begun, flying: JoinSet::new(), tickets }
    }

    fn tell(&mut self, what: What) {
        (self.on_event)(&Event { what, ts: self.clock.now().to_string(), run: self.report.run.clone() });
    }

    /// Asks the cache for what a killed part of the run has sealed without living to note it.
    fn recall(&mut self, cache: &Cache) -> Result<(), CacheError> {
        if self.journal.as_ref().is_some_and(Journal::has_begun) {
            let sealed = cache.list()?.into_iter().filter(|summary| summary.not_readable.is_none());
            self.sealed =
                sealed.filter_map(|summary| Some((summary.episode.to_string(), summary.created?))).collect();
        }
        Ok(())
    }

    /// The outcome that an earlier part of the run had for an episode, if it is not to be tried again.
    fn done_earlier(&self, tag: &EpisodeTag) -> Option<String> {
        match self.journal.as_ref()?.left(tag)? {
            Left::Ended { outcome, again: false } => Some(outcome.clone()),
            Left::Ended { again: true, .. } => None,
            Left::Begun(at) => {
                let sealed = self.sealed.get(tag.as_str()).is_some_and(|sealed| sealed >= at);
                sealed.then(|| "warmed".to_owned())
            }
        }
    }

    fn note_begin(&self, ticket: &Ticket) -> Result<(), String> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let noted = block_in_place(|| journal.begins(&ticket.tag, ticket.started));
        noted.map_err(|error| {
            format!("the journal of the run cannot be written, so nothing was sent: {error}")
        })
    }

    /// Lands others, too, until nothing is under way for the episode.
    async fn land_episode(&mut self, tag: &EpisodeTag) {
        while self.tickets.values().any(|ticket| ticket.tag == *tag) {
            self.land_one().await;
        }
    }

    async fn land_one(&mut self) {
        let Some(landed) = self.flying.join_next_with_id().await else { return };
        let (id, outcome) = match landed {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => (error.id(), crashed(&error)),
        };
        // Every task was given its ticket when it was spawned.
        let Some(ticket) = self.tickets.remove(&id) else { return };
        if let Some(journal) = &self.journal {
            let (ended, now) = ((outcome.name(), outcome.again()), self.clock.now());
            // Without the note a later part of the run asks the cache, and at worst the practice, once more.
            let _ = block_in_place(|| journal.ends(&ticket.tag, ended, now));
        }
        self.land(ticket, outcome);
    }

    fn land(&mut self, ticket: Ticket, outcome: Outcome) {
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

    fn pass_over(&mut self, passed_over: PassedOver) {
        *self.report.passed_over.entry(passed_over.why).or_default() += 1;
        self.tell(What::MessagePassedOver(passed_over));
    }

    fn break_off(&mut self, problem: &str) {
        self.tell(What::InputFailed { problem: problem.to_owned() });
        self.report.input_problem = Some(problem.to_owned());
    }

    fn finish(mut self) -> Report {
        if let Some(journal) = &self.journal
            && !self.report.stopped
            && self.report.input_problem.is_none()
        {
            // Without the note the journal is kept for longer.
            let _ = block_in_place(|| journal.finishes(self.clock.now()));
        }
        self.tell(What::RunFinished(self.report.totals()));
        self.report.ended = self.clock.now().to_string();
        self.report
    }
}

/// A panic's own words may hold what it was about, so they are not repeated.
fn crashed(error: &JoinError) -> Outcome {
    let how = if error.is_panic() { "a defect of this software" } else { "the run was stopped" };
    Outcome::Failed { problem: format!("{how}: nothing more is known of the episode; see the audit log") }
}
