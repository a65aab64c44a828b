//! `consultations`: one row per Encounter (`consultations` sheet, section 2).

use super::Context;
use super::bundle::Content;
use super::findings::Findings;
use super::graph::own_ods;
use super::lists::Purpose;
use super::medication_issues::notice_code;
use super::records::{Encounter, Participant};
use super::rows::{Cell, Row, fields, put, put_concept, put_date};
use super::text::word;

/// Makes the table; `recorded` names the Encounters in which the rows of the other tables were recorded.
pub fn table(context: &Context<'_>, recorded: &[(&str, Vec<usize>)], findings: &mut Findings) -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, resource) in context.graph.counted() {
        let Content::Encounter(encounter) = &resource.content else { continue };
        let mut row = row(context, number, encounter, findings);
        for (name, encounters) in recorded {
            let count =
                encounters.iter().filter(|recorded| **recorded == context.graph.first(number)).count();
            put(&mut row, &format!("{name}_count"), count);
        }
        rows.push(row);
    }
    rows
}

fn row(context: &Context<'_>, number: usize, encounter: &Encounter, findings: &mut Findings) -> Row {
    let graph = context.graph;
    notice_gaps(context, number, encounter, findings);
    let mut row = context.begin(number, "consultation_id");
    let is_draft = word(&encounter.status) == "unknown";
    put(&mut row, "status", &encounter.status);
    put(&mut row, "draft", is_draft);
    put_concept(&mut row, "type", &encounter.kind);
    put_date(&mut row, "start", &encounter.start, number, findings);
    put_date(&mut row, "end", &encounter.end, number, findings);
    put_recorded(context, number, &mut row, findings);
    let minutes = encounter.length.value.clone().filter(|_| encounter.length.is_in(says_minutes));
    put(&mut row, "length_minutes", minutes);
    put_participants(context, number, encounter, &mut row);
    let location = encounter.locations.iter().find_map(|location| graph.name(location, number));
    put(&mut row, "location", location);
    put(&mut row, "organisation", graph.name(&encounter.provider, number));
    put(&mut row, "organisation_ods", graph.ods(&encounter.provider, number));
    put(&mut row, "problem_ids", context.relations.problems(graph, &[context.key(number)]));
    context.finish(&mut row, number, &[("draft", is_draft)], findings);
    row
}

/// The date of the consultation's list, the first in the bundle.
fn put_recorded(context: &Context<'_>, number: usize, row: &mut Row, findings: &mut Findings) {
    let first = context.graph.first(number);
    let is_of =
        |list: &usize| context.relations.places.get(list).is_some_and(|place| place.encounter == Some(first));
    let purposes = context.relations.purposes.iter();
    let mut lists = purposes.filter(|(_, purpose)| **purpose == Purpose::Structure("consultation"));
    let list = lists.find(|(list, _)| is_of(list)).map(|(list, _)| *list);
    let date = match list.map(|list| &context.graph.resource(list).content) {
        Some(Content::List(list)) => list.date.clone(),
        _ => None,
    };
    put_date(row, "recorded", &date, list.unwrap_or(number), findings);
}

fn put_participants(context: &Context<'_>, number: usize, encounter: &Encounter, row: &mut Row) {
    let name = |participant: &Participant| context.graph.name(&participant.individual, number);
    let first = |code: &str| encounter.participants.iter().filter(|it| it.is(code)).find_map(name);
    let recorder = first("REC");
    put(row, "clinician", first("PPRF").or(recorder.clone()));
    put(row, "recorder", recorder);
    let told = |it: &Participant| fields([("role", it.role().into()), ("name", name(it).into())]);
    let participants = encounter.participants.iter().map(told).collect();
    row.insert("participants".to_owned(), Cell::List(participants));
}

fn says_minutes(unit: &str) -> bool {
    unit.starts_with("min")
}

fn notice_gaps(context: &Context<'_>, number: usize, encounter: &Encounter, findings: &mut Findings) {
    let individuals = encounter.participants.iter().map(|participant| &participant.individual);
    for reference in individuals.chain(&encounter.locations) {
        context.graph.resolve_noticed(reference, number, findings);
    }
    if own_ods(&encounter.provider).is_none() {
        context.graph.resolve_noticed(&encounter.provider, number, findings);
    }
    notice_code(number, &encounter.status, &["finished", "unknown"], true, findings);
    if encounter.length.value.is_some() && !encounter.length.is_in(says_minutes) {
        findings.say(number, "unknown_code");
    }
}
