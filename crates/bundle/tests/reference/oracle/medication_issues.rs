//! `medication_issues`: one row per MedicationRequest that is not a plan (`medications` sheet, section 3).

use super::bundle::Content;
use super::concepts::{Term, degraded, term};
use super::elements::Concept;
use super::elements::Reference;
use super::findings::Findings;
use super::graph::{Graph, Target, own_ods};
use super::medicines::{Medicine, Request, Statement, says_days};
use super::relations::{Key, Relations};
use super::rows::{Row, put, put_concept_as, put_date};
use super::text::{days, trimmed, word};
use super::{Context, Placed};

/// Every request of which rows are made.
pub fn requests<'a>(graph: &Graph<'a>) -> Vec<(usize, &'a Request)> {
    let requests = graph.counted().filter_map(|(number, resource)| match &resource.content {
        Content::Request(request) => Some((number, request.as_ref())),
        _ => None,
    });
    requests.collect()
}

/// Every statement of which rows are made.
pub fn statements<'a>(graph: &Graph<'a>) -> Vec<(usize, &'a Statement)> {
    let statements = graph.counted().filter_map(|(number, resource)| match &resource.content {
        Content::Statement(statement) => Some((number, statement)),
        _ => None,
    });
    statements.collect()
}

/// The plan of a statement or issue: the first of its `basedOn` that is a request.
pub fn plan_of(graph: &Graph<'_>, based_on: &[Reference], holder: usize) -> Target {
    let mut targets = based_on.iter().map(|reference| graph.resolve(reference, holder).target);
    targets.find(|target| graph.id_of(target, "MedicationRequest").is_some()).unwrap_or(Target::Absent)
}

/// The request that a target is.
pub fn request_of<'a>(graph: &Graph<'a>, target: &Target) -> Option<(usize, &'a Request)> {
    let Target::Resource(number) = target else { return None };
    match &graph.resource(*number).content {
        Content::Request(request) => Some((*number, request.as_ref())),
        _ => None,
    }
}

/// The issues under the id of a plan.
pub fn issues_of<'a>(graph: &Graph<'a>, plan_id: Option<&str>) -> Vec<(usize, &'a Request)> {
    let mut issues = requests(graph);
    issues.retain(|(number, request)| {
        let plan = graph.id_of(&plan_of(graph, &request.based_on, *number), "MedicationRequest");
        !request.is_plan() && plan.is_some() && plan.as_deref() == plan_id
    });
    issues
}

/// What the statement of a plan is known by: itself, its plan and the plan's issues.
pub fn keys_of_statement(context: &Context<'_>, statement: usize, plan: &Target) -> Vec<Key> {
    let graph = context.graph;
    let plan_id = graph.id_of(plan, "MedicationRequest");
    let mut keys = vec![context.key(statement)];
    if let Target::Resource(number) = plan {
        keys.push(context.key(*number));
    } else {
        keys.extend(Relations::key_of(plan));
    }
    keys.extend(issues_of(graph, plan_id.as_deref()).iter().map(|(issue, _)| context.key(*issue)));
    keys
}

/// The drug of the first of some records that knows one: that of the Medication it refers to, else its own concept; a
/// display only where none is known (contract, settled cases, Concepts).
pub fn drug(graph: &Graph<'_>, sources: &[(usize, &Medicine)]) -> (Concept, Term) {
    for (holder, medicine) in sources {
        let referred = graph.find(&medicine.reference, *holder, "Medication");
        if let Some(Content::Medication(code)) = referred.map(|number| &graph.resource(number).content)
            && !code.is_empty()
        {
            return (code.clone(), term(code));
        }
        if !medicine.concept.is_empty() {
            return (medicine.concept.clone(), term(&medicine.concept));
        }
    }
    let displays = sources.iter().filter_map(|(_, medicine)| medicine.reference.display.clone());
    let display = displays.into_iter().find(|display| !display.is_empty());
    (Concept::default(), display.map(|display| (display, "fallback")))
}

/// Puts the drug of a row, and says what is amiss with it.
pub fn put_drug(
    context: &Context<'_>,
    row: &mut Row,
    of: usize,
    sources: &[(usize, &Medicine)],
    findings: &mut Findings,
) {
    let (concept, term) = drug(context.graph, sources);
    if degraded(&concept).is_some() {
        findings.say(of, "degraded_code");
    }
    if term.is_none() {
        findings.say(of, "missing_element");
    }
    put_concept_as(row, "medication", &concept, term);
}

/// What plan and issue have in common.
pub fn put_supply(row: &mut Row, request: &Request) {
    put(row, "quantity_value", &request.quantity_value);
    put(row, "quantity_unit", &request.quantity_unit);
    put(row, "quantity_text", &request.quantity_text);
    put(row, "supply_days", request.supply_days());
}

pub fn table(context: &Context<'_>, findings: &mut Findings) -> Placed {
    let mut table = Placed::default();
    for (number, request) in requests(context.graph) {
        notice_references(context.graph, number, request, findings);
        notice_codes(number, request, findings);
        if !request.is_plan() {
            row(context, number, request, &mut table, findings);
        }
    }
    table
}

fn row(context: &Context<'_>, number: usize, issue: &Request, table: &mut Placed, findings: &mut Findings) {
    let graph = context.graph;
    let target = plan_of(graph, &issue.based_on, number);
    let plan_id = graph.id_of(&target, "MedicationRequest");
    let plan = request_of(graph, &target);
    let mut row = context.begin(number, "issue_id");
    put(&mut row, "intent", &issue.intent);
    put(&mut row, "plan_id", &plan_id);
    let mut sources = vec![(number, &issue.medicine)];
    sources.extend(plan.map(|(number, plan)| (number, &plan.medicine)));
    put_drug(context, &mut row, number, &sources, findings);
    put(&mut row, "status", &issue.status);
    put(&mut row, "prescription_type", &issue.prescription_type);
    put_date(&mut row, "issued", &issue.start, number, findings);
    put_date(&mut row, "issue_end", &issue.end, number, findings);
    put_date(&mut row, "authored_on", &issue.authored_on, number, findings);
    put(&mut row, "dosage_text", &issue.dosage.text);
    put(&mut row, "patient_instruction", &issue.dosage.patient_instruction);
    put(&mut row, "dosage_structured", &issue.dosage.structured);
    put_supply(&mut row, issue);
    put_prescription(&mut row, issue);
    put(&mut row, "dispenser", graph.name(&issue.performer, number));
    put(&mut row, "requester", graph.name(&issue.requester, number));
    put(&mut row, "recorder", graph.name(&issue.recorder, number));
    let key = context.key(number);
    let place = Relations::by_context(graph, &issue.context, number)
        .or_else(|| context.relations.by_structure(std::slice::from_ref(&key)));
    context.put_place(&mut row, &place);
    put(&mut row, "problem_ids", context.relations.problems(graph, &[key]));
    let starts_later = issue.start.as_deref().and_then(days).is_some_and(|(from, _)| from > context.today);
    let is_under_no_plan = plan.is_some_and(|(_, plan)| !plan.is_plan());
    let flags = [("future_issue", starts_later), ("malformed", is_under_no_plan)];
    context.finish(&mut row, number, &flags, findings);
    put(&mut row, "membership", membership(context, number, plan_id.as_deref()));
    table.rows.push(row);
    table.places.push(place);
}

/// The numbers of the electronic prescription, by their systems (`medications` sheet, section 3).
fn put_prescription(row: &mut Row, issue: &Request) {
    const PRESCRIPTION: &str = "https://fhir.nhs.uk/Id/prescription-order-number";
    const ITEM: &str = "https://fhir.nhs.uk/Id/prescription-order-item-number";
    let is_prescription = trimmed(&issue.group.system) == PRESCRIPTION;
    put(row, "eps_prescription_id", issue.group.value.clone().filter(|_| is_prescription));
    let item = issue.head.identifiers.iter().find(|identifier| trimmed(&identifier.system) == ITEM);
    put(row, "eps_item_id", item.and_then(|identifier| identifier.value.clone()));
}

/// That of the plan's statement, the first of them; its own without one.
fn membership(context: &Context<'_>, number: usize, plan_id: Option<&str>) -> &'static str {
    for (statement, sent) in statements(context.graph) {
        let plan = plan_of(context.graph, &sent.based_on, statement);
        let id = context.graph.id_of(&plan, "MedicationRequest");
        if id.is_some() && id.as_deref() == plan_id {
            return context.relations.membership(&keys_of_statement(context, statement, &plan));
        }
    }
    context.relations.membership(&[context.key(number)])
}

fn notice_references(graph: &Graph<'_>, number: usize, request: &Request, findings: &mut Findings) {
    let mut references = vec![
        &request.prior,
        &request.context,
        &request.medicine.reference,
        &request.requester,
        &request.recorder,
        &request.performer,
    ];
    references.extend(&request.based_on);
    if own_ods(&request.on_behalf_of).is_none() {
        references.push(&request.on_behalf_of);
    }
    for reference in references {
        graph.resolve_noticed(reference, number, findings);
    }
}

/// A mandatory code that is absent, or one that is none of those known.
pub fn notice_code(
    number: usize,
    sent: &Option<String>,
    known: &[&str],
    is_mandatory: bool,
    findings: &mut Findings,
) {
    let word = word(sent);
    if word.is_empty() && is_mandatory {
        findings.say(number, "missing_element");
    } else if !word.is_empty() && !known.contains(&word.as_str()) {
        findings.say(number, "unknown_code");
    }
}

fn notice_codes(number: usize, request: &Request, findings: &mut Findings) {
    const TYPES: [&str; 4] = ["acute", "delayed-prescribing", "repeat", "repeat-dispensing"];
    notice_code(number, &request.intent, &["plan", "order"], true, findings);
    notice_code(number, &request.status, &["active", "completed", "stopped"], true, findings);
    notice_code(number, &request.prescription_type, &TYPES, false, findings);
    if request.supply.value.is_some() && !request.supply.is_in(says_days) {
        findings.say(number, "unknown_code");
    }
    if !request.is_plan() && request.based_on.is_empty() {
        findings.say(number, "missing_element");
    }
}
