//! `allergies`: one row per AllergyIntolerance, top level or contained (`allergies` sheet).

use super::bundle::Content;
use super::concepts::{degraded, no_known_allergy, no_known_allergy_at_all, preferred, term};
use super::elements::Concept;
use super::findings::Findings;
use super::medication_issues::notice_code;
use super::records::{Allergy, Reaction};
use super::relations::Relations;
use super::rows::{Cell, Row, fields, put, put_concept, put_date};
use super::text::{filled, trimmed, word};
use super::{Context, Placed};

/// What is told of one allergy.
struct Judged<'a> {
    number: usize,
    allergy: &'a Allergy,
    is_in_ended_list: bool,
    status: &'static str,
    contradicts: bool,
}

pub fn table(context: &Context<'_>, findings: &mut Findings) -> Placed {
    let mut judged = Vec::new();
    for (number, resource) in context.graph.counted() {
        if let Content::Allergy(allergy) = &resource.content {
            judged.push(judge(context, number, allergy));
        }
    }
    share_conflicts(context, &mut judged);
    contradict(&mut judged, findings);
    let mut table = Placed::default();
    for judged in &judged {
        row(context, judged, &mut table, findings);
    }
    table
}

/// Active unless something says ended; both is a conflict (`allergies` sheet, section 1).
fn judge<'a>(context: &Context<'_>, number: usize, allergy: &'a Allergy) -> Judged<'a> {
    let key = context.key(number);
    let status = word(&allergy.clinical_status);
    let ended =
        status == "resolved" || status == "inactive" || allergy.has_end || context.relations.is_ended(&key);
    let active = status == "active" || context.relations.is_primary(&key);
    let status = match (active, ended) {
        (true, true) => "conflict",
        (false, true) => "ended",
        _ if no_known_allergy(&allergy.code) => "no_known_allergy",
        _ => "active",
    };
    let is_in_ended_list = context.relations.is_in_ended_list(context.graph, number);
    Judged { number, allergy, is_in_ended_list, status, contradicts: false }
}

/// An allergy both contained in the Ended list and top level is in conflict when one of the two says active.
fn share_conflicts(context: &Context<'_>, judged: &mut [Judged<'_>]) {
    for contained in 0..judged.len() {
        let resource = context.graph.resource(judged[contained].number);
        if !judged[contained].is_in_ended_list {
            continue;
        }
        let twin = resource.id.as_deref().and_then(|id| context.graph.top("AllergyIntolerance", id));
        let Some(twin) = judged.iter().position(|judged| Some(judged.number) == twin) else { continue };
        if judged[twin].status != judged[contained].status {
            judged[twin].status = "conflict";
            judged[contained].status = "conflict";
        }
    }
}

/// No known allergy at all, beside an allergy.
fn contradict(judged: &mut [Judged<'_>], findings: &mut Findings) {
    let denies =
        |it: &Judged<'_>| it.status == "no_known_allergy" && no_known_allergy_at_all(&it.allergy.code);
    let is_real = |it: &Judged<'_>| it.status == "active";
    if !judged.iter().any(denies) || !judged.iter().any(is_real) {
        return;
    }
    for judged in judged {
        judged.contradicts = denies(judged) || is_real(judged);
        if denies(judged) {
            findings.say(judged.number, "no_known_allergy_conflict");
        }
    }
}

fn row(context: &Context<'_>, judged: &Judged<'_>, table: &mut Placed, findings: &mut Findings) {
    let (number, allergy) = (judged.number, judged.allergy);
    notice_gaps(context, number, allergy, findings);
    let mut row = context.begin(number, "allergy_id");
    put(&mut row, "source_container", if judged.is_in_ended_list { "ended_list" } else { "entry" });
    put_concept(&mut row, "allergy", &allergy.code);
    put(&mut row, "clinical_status", &allergy.clinical_status);
    put(&mut row, "verification_status", &allergy.verification_status);
    put(&mut row, "type", &allergy.kind);
    put(&mut row, "criticality", &allergy.criticality);
    put(&mut row, "category", allergy.category.clone());
    put(&mut row, "derived_status", judged.status);
    put_date(&mut row, "onset", &allergy.onset, number, findings);
    put_date(&mut row, "asserted", &allergy.asserted, number, findings);
    put_date(&mut row, "last_occurrence", &allergy.last_occurrence, number, findings);
    put_date(&mut row, "ended", &allergy.ended, number, findings);
    put(&mut row, "ended_reason", &allergy.ended_reason);
    put(&mut row, "asserter", context.graph.name(&allergy.asserter, number));
    put(&mut row, "recorder", context.graph.name(&allergy.recorder, number));
    put_reactions(&mut row, allergy);
    let key = context.key(number);
    let place = Relations::by_context(context.graph, &allergy.encounter, number)
        .or_else(|| context.relations.by_structure(std::slice::from_ref(&key)));
    context.put_place(&mut row, &place);
    put(&mut row, "problem_ids", context.relations.problems(context.graph, &[key]));
    let flags = [("status_conflict", judged.status == "conflict"), ("nka_conflict", judged.contradicts)];
    context.finish(&mut row, number, &flags, findings);
    table.rows.push(row);
    table.places.push(place);
}

fn notice_gaps(context: &Context<'_>, number: usize, allergy: &Allergy, findings: &mut Findings) {
    for reference in [&allergy.asserter, &allergy.recorder, &allergy.encounter] {
        context.graph.resolve_noticed(reference, number, findings);
    }
    notice_concept(number, &allergy.code, findings);
    notice_code(number, &allergy.clinical_status, &["active", "resolved"], true, findings);
}

/// What is amiss with the code of a record.
pub fn notice_concept(number: usize, code: &Concept, findings: &mut Findings) {
    if degraded(code).is_some() {
        findings.say(number, "degraded_code");
    }
    if term(code).is_none() {
        findings.say(number, "missing_element");
    }
}

/// One struct per reaction and manifestation; one without a manifestation where a reaction has none.
fn put_reactions(row: &mut Row, allergy: &Allergy) {
    let mut structs = Vec::new();
    let mut first = None;
    for reaction in &allergy.reactions {
        let mut manifestations: Vec<Option<&Concept>> = reaction.manifestations.iter().map(Some).collect();
        if manifestations.is_empty() {
            manifestations.push(None);
        }
        for manifestation in manifestations {
            let [code, system, shown, null_flavor] = told(manifestation, reaction);
            first.get_or_insert((shown.clone(), reaction.severity.clone()));
            structs.push(fields([
                ("manifestation_code", code.into()),
                ("manifestation_system", system.into()),
                ("manifestation_term", shown.into()),
                ("null_flavor", null_flavor.into()),
                ("severity", (&reaction.severity).into()),
                ("exposure_route", term(&reaction.exposure_route).map(|(route, _)| route).into()),
                ("description", (&reaction.description).into()),
            ]));
        }
    }
    let (shown, severity) = first.unwrap_or_default();
    row.insert("reactions".to_owned(), Cell::List(structs));
    put(row, "reaction_term", shown);
    put(row, "reaction_severity", severity);
}

/// Code, system, term and null flavour. A null flavour is never a reaction: its term is its text, else the description
/// (`allergies` sheet, section 2).
fn told(manifestation: Option<&Concept>, reaction: &Reaction) -> [Option<String>; 4] {
    const NULL_FLAVORS: [&str; 2] =
        ["http://hl7.org/fhir/v3/NullFlavor", "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"];
    let Some(concept) = manifestation else { return [None, None, None, None] };
    let coding = preferred(concept);
    if NULL_FLAVORS.contains(&trimmed(&coding.system)) {
        let shown = filled(&concept.text).or_else(|| filled(&reaction.description));
        return [None, None, shown, coding.code];
    }
    [coding.code, coding.system, term(concept).map(|(term, _)| term), None]
}
