use std::fmt::Display;

use bedside_cache::ReaderAssertion;
use bedside_model::EpisodeId;
use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::{Context, refused};
use crate::admission::{self, DIRECT_CARE};
use crate::admissions::{Line, Stay, StayEvent, line_of};
use crate::strict::Problem;

/// What a message has said so far, by the fields of an admission.
#[derive(Default)]
pub(super) struct Draft {
    fields: Map<String, Value>,
    demographics: Map<String, Value>,
    flags: Vec<Value>,
    user_id: Option<String>,
    problems: Vec<Problem>,
}

impl Draft {
    /// Takes a field of the admission, or why it has no value.
    pub(super) fn take(&mut self, field: &'static str, value: Result<Option<String>, impl Display>) {
        match self.checked(field, value) {
            Some(value) if field == "flags" => self.flags.extend((!value.is_empty()).then(|| value.into())),
            Some(value) if field == "requester" => self.user_id = Some(value),
            Some(value) => {
                let object = match field.strip_prefix("demographics.") {
                    Some(_) => &mut self.demographics,
                    None => &mut self.fields,
                };
                let name = field.rsplit('.').next().unwrap_or(field);
                object.insert(name.to_owned(), value.into());
            }
            None => {}
        }
    }

    /// The admission that it is, or everything that is wrong with it.
    pub(super) fn admission(mut self, line: u64, context: &Context) -> Line {
        let now = context.clock.now();
        let stay = SignedDuration::from_hours(context.rules.stay_hours.get().into());
        if let Ok(ends) = now.checked_add(stay) {
            self.fields.insert("episode_ends".to_owned(), ends.to_string().into());
        }
        self.fields.insert("reason".to_owned(), DIRECT_CARE.into());
        if !self.flags.is_empty() {
            self.demographics.insert("flags".to_owned(), std::mem::take(&mut self.flags).into());
        }
        self.fields.insert("demographics".to_owned(), std::mem::take(&mut self.demographics).into());
        if let Some(person) = self.requester(|user_id| context.staff.fields(user_id).cloned()) {
            self.fields.insert("requester".to_owned(), person.into());
        }
        let mut parsed = admission::parse_object(&self.fields, now, context.traces_here);
        // Why the message has no such value says more than that there is none.
        parsed.problems.retain(|problem| !self.problems.iter().any(|own| own.field == problem.field));
        parsed.problems.extend(self.problems);
        line_of(line, parsed)
    }

    /// The report of a stay that it is, or everything that is wrong with it.
    pub(super) fn stay(mut self, line: u64, (says, context): (StayEvent, &Context)) -> Line {
        let reporter = self.requester(|user_id| context.staff.person(user_id).cloned());
        let named = self.fields.get("episode").and_then(Value::as_str).map(str::parse::<EpisodeId>);
        let episode = match named {
            Some(Ok(episode)) => Some(episode),
            Some(Err(error)) => self.lacks("episode", error.to_string()),
            None => self.lacks("episode", "is missing".to_owned()),
        };
        // Of a message that reports a stay nothing else counts.
        self.problems.retain(|problem| ["episode", "requester"].contains(&&*problem.field));
        match (episode, reporter) {
            (Some(episode), Some(requester)) if self.problems.is_empty() => {
                let (reason, relationship) = (DIRECT_CARE.to_owned(), context.rules.relationship.clone());
                let assertion = ReaderAssertion { requester, reason, relationship };
                Line::Stay(Box::new(Stay { line, episode, says, assertion }))
            }
            (episode, _) => refused(line, episode, self.problems),
        }
    }

    /// Looks up the person whom the message names, and notes it where there is none.
    fn requester<T>(&mut self, person: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let found = self.user_id.as_deref().map(person);
        if self.problems.iter().any(|problem| problem.field == "requester") {
            return None;
        }
        let problem = match found {
            Some(Some(person)) => return Some(person),
            Some(None) => "the person whom the message names is not in the list of staff",
            None => "the message names nobody: a record is fetched on behalf of a real person only",
        };
        self.problems.push(Problem::policy("requester", problem));
        None
    }

    fn checked(
        &mut self,
        field: &'static str,
        value: Result<Option<String>, impl Display>,
    ) -> Option<String> {
        match value {
            Ok(value) => value,
            Err(problem) => self.lacks(field, problem.to_string()),
        }
    }

    fn lacks<T>(&mut self, field: &'static str, problem: String) -> Option<T> {
        let named = self.problems.iter().any(|known| known.field == field);
        if !named {
            self.problems.push(Problem::malformed(field, problem));
        }
        None
    }
}
