//! ADT messages of HL7 version 2 (`admission-use-case` sheet, section 5; `dependencies` sheet, section 3).

mod escape;
mod message;
mod place;
mod stream;
mod time;

use std::io::{self, BufRead};

use message::Message;
pub(super) use place::{Place, Where};
use stream::{Framed, Stream};

use super::draft::Draft;
use super::rules::{Hl7v2Rules, Source, mapped};
use super::{Context, passed_over, refused};
use crate::admissions::{Line, StayEvent, Why};
use crate::strict::Problem;

/// The messages of an input, and where they hold what is needed.
pub(super) struct Messages<R> {
    stream: Stream<R>,
    rules: Hl7v2Rules,
    /// Messages read so far.
    read: u64,
}

impl<R: BufRead> Messages<R> {
    pub(super) fn new(input: R, rules: Hl7v2Rules) -> Self {
        Self { stream: Stream::new(input), rules, read: 0 }
    }

    pub(super) fn next(&mut self, context: &Context) -> io::Result<Option<Line>> {
        let Some(framed) = self.stream.next()? else { return Ok(None) };
        self.read += 1;
        let problem = match framed {
            Framed::Message(bytes) => match Message::parse(&bytes) {
                Ok(message) => return Ok(Some(self.line(&message, context))),
                Err(error) => error.to_string(),
            },
            Framed::NoHeader => "does not begin with MSH: no part of a message".to_owned(),
            Framed::TooLong => "the message is longer than what is read".to_owned(),
        };
        Ok(Some(refused(self.read, None, vec![Problem::malformed("", problem)])))
    }

    fn line(&self, message: &Message, context: &Context) -> Line {
        let event = match event(message) {
            Ok(event) => event,
            Err(problem) => return refused(self.read, None, vec![problem]),
        };
        match act(&event, message) {
            Act::Merge => {
                let problem = Problem::policy("MRG", MERGED);
                refused(self.read, None, vec![problem])
            }
            Act::Nothing => passed_over(self.read, event, Why::OtherEvent),
            Act::Stay(says) => self.draft(message, true).stay(self.read, (says, context)),
            // An admission that was cut off before its class would else look like one of nobody's.
            Act::Admit if self.counts(message).is_none() => {
                refused(self.read, None, vec![Problem::malformed("PV1-2", "is missing: the class decides")])
            }
            Act::Admit | Act::Update if self.counts(message) != Some(true) => {
                passed_over(self.read, event, Why::OtherClass)
            }
            Act::Admit => self.draft(message, false).admission(self.read, context),
            Act::Update => match self.draft(message, false).admission(self.read, context) {
                Line::Admission(admission) => Line::Update(admission),
                other => other,
            },
        }
    }

    /// Whether the patient is of a class whose admissions count; nothing where the message names no class.
    fn counts(&self, message: &Message) -> Option<bool> {
        let Some(classes) = &self.rules.patient_classes else { return Some(true) };
        value(message, "PV1-2").map(|class| classes.contains(&class))
    }

    fn draft(&self, message: &Message, of_a_stay: bool) -> Draft {
        let (rules, mut draft) = (&self.rules, Draft::default());
        draft.take("episode", found(message, &rules.episode));
        draft.take("requester", found(message, &rules.requester));
        if of_a_stay {
            return draft;
        }
        draft.take("nhs_number", found(message, &rules.nhs_number));
        draft.take("practice_ods", found(message, &rules.practice_ods));
        draft.take("demographics.family", found(message, &rules.family));
        draft.take("demographics.given", found(message, &rules.given));
        draft.take("demographics.gender", found(message, &rules.gender));
        draft.take("demographics.birth_date", when(message, &rules.birth_date, time::day));
        let instant = |text: &str| time::instant(text, &rules.zone);
        for (field, source) in
            [("demographics.traced_at", &rules.traced_at), ("admitted_at", &rules.admitted_at)]
        {
            if let Some(source) = source {
                draft.take(field, when(message, source, instant));
            }
        }
        if let Some(source) = &rules.permission {
            draft.take("permission", found(message, source));
        }
        for source in &rules.flags {
            draft.take(
                "flags",
                found(message, source).map_err(|problem| format!("{problem} among the flags")),
            );
        }
        draft
    }
}

const MERGED: &str = "patients were merged at the host system: nothing is done for it; a person has to look at the \
                      episodes of both";

/// What an event asks for.
enum Act {
    Admit,
    Update,
    Stay(StayEvent),
    Merge,
    Nothing,
}

fn act(event: &str, message: &Message) -> Act {
    match event {
        // Whatever the event is called, MRG names a second patient.
        _ if event == "A40" || message.has("MRG") => Act::Merge,
        // A06, an outpatient becomes an inpatient, may be the first that is heard of a patient whose class counts.
        "A01" | "A04" | "A05" | "A06" => Act::Admit,
        "A08" => Act::Update,
        "A03" => Act::Stay(StayEvent::Discharged),
        "A11" | "A38" => Act::Stay(StayEvent::Cancelled),
        "A13" => Act::Stay(StayEvent::Continues),
        _ => Act::Nothing,
    }
}

/// The event of an ADT message in force; of another kind of message, that kind.
fn event(message: &Message) -> Result<String, Problem> {
    let (kind, event, second) = (value(message, "MSH-9"), value(message, "MSH-9.2"), value(message, "EVN-1"));
    if value(message, "MSH-11").as_deref() != Some("P") {
        return Err(Problem::malformed("MSH-11", "must be P: only messages of production are acted on"));
    }
    let code = match (kind.as_deref(), event, second) {
        (Some("ADT"), Some(event), Some(second)) if event != second => {
            return Err(Problem::malformed("EVN-1", "names another event than MSH-9"));
        }
        (Some("ADT"), Some(event), _) | (Some("ADT"), None, Some(event)) => event,
        (Some("ADT"), None, None) => {
            return Err(Problem::malformed("MSH-9.2", "is missing: which event it is must be said"));
        }
        (Some(kind), _, _) => kind.to_owned(),
        (None, _, _) => return Err(Problem::malformed("MSH-9", "is missing: what kind of message it is")),
    };
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_code { Ok(code) } else { Err(Problem::malformed("MSH-9", "is not the code of an event")) }
}

/// The one value at a place of the standard's own; nothing where there is none or several.
fn value(message: &Message, place: &str) -> Option<String> {
    let place = place.parse::<Place>().ok()?;
    message.value(&place, &Where::new()).ok().flatten()
}

fn found(message: &Message, source: &Source) -> Result<Option<String>, String> {
    let at = &source.at;
    let value = message.value(at, &source.only).map_err(|problem| format!("{at} {problem}"))?;
    let stands_for =
        |value| mapped(source.values.as_ref(), value).map_err(|problem| format!("{at} {problem}"));
    value.map(stands_for).transpose()
}

fn when(
    message: &Message,
    source: &Source,
    read: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, String> {
    let at = &source.at;
    let value = found(message, source)?;
    let time = |value: String| read(&value).ok_or_else(|| format!("{at} does not hold a time of HL7"));
    value.map(time).transpose()
}
