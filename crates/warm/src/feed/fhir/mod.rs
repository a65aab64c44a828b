//! Encounters of FHIR, STU3 and R4, one resource a line. A patient comes before the encounters that are about them,
//! or in the same Bundle; so do the practice and the practitioners, where they are not named by their identifiers.

mod known;
mod patient;

use std::collections::VecDeque;
use std::io::{self, BufRead};

use jiff::Timestamp;
use serde_json::Value;

use known::Known;

use super::draft::Draft;
use super::rules::FhirRules;
use super::{Context, passed_over, refused};
use crate::admissions::{Line, StayEvent, Why, read_line};
use crate::strict::{Problem, json_object};

/// Longest line read, in bytes: a Bundle of an encounter and what it refers to has some thousand.
const LINE_BYTES: usize = 1024 * 1024;

/// The resources of an input, and which of them are admissions.
pub(super) struct Resources<R> {
    input: R,
    rules: FhirRules,
    /// Lines read so far.
    read: u64,
    known: Known,
    /// What a Bundle held beyond what has been told of it.
    due: VecDeque<Line>,
}

impl<R: BufRead> Resources<R> {
    pub(super) fn new(input: R, rules: FhirRules) -> Self {
        Self { input, rules, read: 0, known: Known::default(), due: VecDeque::new() }
    }

    pub(super) fn next(&mut self, context: &Context) -> io::Result<Option<Line>> {
        loop {
            if let Some(line) = self.due.pop_front() {
                return Ok(Some(line));
            }
            let Some(read) = read_line(&mut self.input, LINE_BYTES)? else { return Ok(None) };
            self.read += 1;
            let read = read.map_err(|problem| problem.to_owned());
            match read
                .and_then(|bytes| if bytes.is_empty() { Ok(None) } else { json_object(&bytes).map(Some) })
            {
                Ok(None) => {}
                Ok(Some(object)) => self.resource(&Value::Object(object), context),
                Err(problem) => {
                    self.due.push_back(refused(self.read, None, vec![Problem::malformed("", problem)]));
                }
            }
        }
    }

    fn resource(&mut self, resource: &Value, context: &Context) {
        match kind(resource) {
            Some("Bundle") => self.bundle(resource, context),
            Some("Encounter") => {
                let line = self.encounter(resource, context);
                self.due.push_back(line);
            }
            Some(kind) if Known::takes(kind) => self.known.take(resource, None),
            Some(kind) => self.due.push_back(passed_over(self.read, named(kind), Why::OtherEvent)),
            None => {
                let problem = Problem::malformed("resourceType", "is missing: every line is a resource");
                self.due.push_back(refused(self.read, None, vec![problem]));
            }
        }
    }

    /// What encounters refer to is taken from the whole Bundle first, because its order means nothing.
    fn bundle(&mut self, bundle: &Value, context: &Context) {
        let entries = || each(bundle, "entry").map(|entry| (&entry["resource"], entry["fullUrl"].as_str()));
        for (resource, url) in entries().filter(|(resource, _)| kind(resource).is_some_and(Known::takes)) {
            self.known.take(resource, url);
        }
        let encounters = entries().filter(|(resource, _)| kind(resource) == Some("Encounter"));
        let lines: Vec<_> = encounters.map(|(encounter, _)| self.encounter(encounter, context)).collect();
        if lines.is_empty() {
            self.due.push_back(passed_over(self.read, "Bundle", Why::OtherEvent));
        }
        self.due.extend(lines);
    }

    fn encounter(&self, encounter: &Value, context: &Context) -> Line {
        match status(encounter) {
            Status::Stay(says) => self.draft(encounter).stay(self.read, (says, context)),
            Status::OnLeave => passed_over(self.read, "Encounter", Why::OtherEvent),
            Status::Unknown => {
                let problem = "must be a status of an encounter that is planned, under way or over";
                refused(self.read, None, vec![Problem::malformed("Encounter.status", problem)])
            }
            Status::Admitted => match encounter["class"]["code"].as_str() {
                Some(class) if self.rules.classes.iter().any(|counts| counts == class) => {
                    self.admission(encounter, context)
                }
                Some(_) => passed_over(self.read, "Encounter", Why::OtherClass),
                None => {
                    let problem = "is missing or not one coding: the class decides";
                    refused(self.read, None, vec![Problem::malformed("Encounter.class", problem)])
                }
            },
        }
    }

    fn admission(&self, encounter: &Value, context: &Context) -> Line {
        let mut draft = self.draft(encounter);
        let Some(patient) = self.known.resolve(&encounter["subject"]) else {
            let problem = "is a patient who is not among the resources before it, or not a reference to one";
            return refused(self.read, None, vec![Problem::malformed("Encounter.subject", problem)]);
        };
        if patient::is_merged(patient) {
            let problem = "the patient was merged into another: a person has to look at the episodes of both";
            return refused(self.read, None, vec![Problem::policy("Patient.link", problem)]);
        }
        patient::take(&mut draft, (patient, &self.known), &self.rules);
        // A time that is no instant, such as a day, puts nobody before anybody.
        let start = encounter["period"]["start"].as_str().filter(|text| text.parse::<Timestamp>().is_ok());
        draft.take("admitted_at", known(start.map(str::to_owned)));
        draft.admission(self.read, context)
    }

    /// Which episode it is, and who asks or reports.
    fn draft(&self, encounter: &Value) -> Draft {
        let mut draft = Draft::default();
        let episode = identifier(encounter, &self.rules.episode.system);
        draft.take("episode", episode);
        let rule = &self.rules.requester;
        let is_meant = |participant: &&Value| {
            each(participant, "type")
                .flat_map(|kind| each(kind, "coding"))
                .any(|coding| coding["code"] == *rule.kind)
        };
        let people =
            each(encounter, "participant").filter(is_meant).map(|participant| &participant["individual"]);
        let ids = people.map(|person| self.known.identifier(person, &rule.system));
        draft.take("requester", one(ids.filter_map(Result::transpose)));
        draft
    }
}

/// What the status of an encounter asks for; STU3 and R4 share the code list.
enum Status {
    Admitted,
    Stay(StayEvent),
    OnLeave,
    Unknown,
}

fn status(encounter: &Value) -> Status {
    match encounter["status"].as_str() {
        Some("planned" | "arrived" | "triaged" | "in-progress") => Status::Admitted,
        Some("finished") => Status::Stay(StayEvent::Discharged),
        Some("cancelled" | "entered-in-error") => Status::Stay(StayEvent::Cancelled),
        Some("onleave") => Status::OnLeave,
        _ => Status::Unknown,
    }
}

fn kind(resource: &Value) -> Option<&str> {
    resource["resourceType"].as_str()
}

/// The name of a type of resource; a text that is none is not repeated.
fn named(kind: &str) -> &str {
    let is_name = kind.len() <= 40 && kind.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_name { kind } else { "resource" }
}

/// The items of a list of an object; none where it has no such list.
fn each<'v>(object: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    object[name].as_array().into_iter().flatten()
}

/// The one identifier of that system which is still in use.
fn identifier(resource: &Value, system: &str) -> Result<Option<String>, &'static str> {
    let of_system = each(resource, "identifier")
        .filter(|identifier| identifier["system"] == *system && identifier["use"] != "old");
    one(of_system.filter_map(|identifier| identifier["value"].as_str()).map(|value| Ok(value.to_owned())))
}

/// The one value of several that may be the same.
fn one(values: impl Iterator<Item = Result<String, &'static str>>) -> Result<Option<String>, &'static str> {
    let mut found = None;
    for value in values {
        let value = value?;
        if found.as_ref().is_some_and(|found| *found != value) {
            return Err("holds more than one value, and nothing says which is meant");
        }
        found = Some(value);
    }
    Ok(found)
}

fn known(value: Option<String>) -> Result<Option<String>, &'static str> {
    Ok(value)
}
