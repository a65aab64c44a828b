//! `medications`: one row per MedicationStatement, joined with its plan, and per plan that no statement is based on
//! (`medications` sheet).

use super::concepts::{preferred, text_or_display};
use super::elements::{Dosage, Reference};
use super::findings::Findings;
use super::graph::{Graph, Target};
use super::medication_issues::{
    issues_of, keys_of_statement, notice_code, plan_of, put_drug, put_supply, request_of, requests,
    statements,
};
use super::medicines::{Request, Statement};
use super::relations::{Key, Relations};
use super::rows::{Row, codings, put, put_date, put_flags, put_known_date};
use super::standing::Standing;
use super::text::{days, named_days};
use super::{Context, Placed};

/// What makes a row.
struct Joined<'a> {
    /// The statement, or the plan that has none.
    number: usize,
    statement: Statement,
    /// The plan, with its number; an empty one where none is known.
    plan: Option<(usize, &'a Request)>,
    plan_id: Option<String>,
    issues: Vec<(usize, &'a Request)>,
    /// What the row is known by, its issues included.
    keys: Vec<Key>,
    is_statement: bool,
}

pub fn table(context: &Context<'_>, findings: &mut Findings) -> Placed {
    let graph = context.graph;
    let mut joined: Vec<Joined<'_>> = Vec::new();
    for (number, statement) in statements(graph) {
        notice_statement(graph, number, statement, findings);
        joined.push(of_statement(context, number, statement));
    }
    let named = named_requests(graph);
    for (number, plan) in requests(graph) {
        if plan.is_plan() && !named.contains(&number) {
            joined.push(of_plan(context, number, plan));
        }
    }
    joined.sort_by_key(|joined| joined.number);
    let mut table = Placed::default();
    let mut standings = Vec::new();
    for joined in &joined {
        row(context, joined, &mut table, findings);
        let issues: Vec<&Request> = joined.issues.iter().map(|(_, issue)| *issue).collect();
        let plan = joined.plan.map(|(_, plan)| plan.clone()).unwrap_or_default();
        standings.push(Standing::new(&joined.statement, &plan, &issues, context.today));
    }
    // Flags come last: what cannot be read of a plan is known when every row that shows it has been made.
    for ((joined, standing), row) in joined.iter().zip(&standings).zip(&mut table.rows) {
        judge(context, joined, standing, row, findings);
    }
    table
}

fn of_statement<'a>(context: &Context<'a>, number: usize, statement: &Statement) -> Joined<'a> {
    let graph = context.graph;
    let target = plan_of(graph, &statement.based_on, number);
    let plan_id = graph.id_of(&target, "MedicationRequest");
    Joined {
        number,
        statement: statement.clone(),
        plan: request_of(graph, &target),
        issues: issues_of(graph, plan_id.as_deref()),
        plan_id,
        keys: keys_of_statement(context, number, &target),
        is_statement: true,
    }
}

/// A plan alone: its identifiers, its notes and its period stand for those of a statement.
fn of_plan<'a>(context: &Context<'a>, number: usize, plan: &'a Request) -> Joined<'a> {
    let plan_id = context.graph.resource(number).id.clone();
    Joined {
        number,
        statement: Statement { start: plan.start.clone(), end: plan.end.clone(), ..Statement::default() },
        plan: Some((number, plan)),
        issues: issues_of(context.graph, plan_id.as_deref()),
        keys: keys_of_statement(context, number, &Target::Resource(number)),
        plan_id,
        is_statement: false,
    }
}

/// Every request that a statement is based on.
fn named_requests(graph: &Graph<'_>) -> Vec<usize> {
    let mut named = Vec::new();
    for (number, statement) in statements(graph) {
        for reference in &statement.based_on {
            named.extend(graph.find(reference, number, "MedicationRequest"));
        }
    }
    named
}

fn notice_statement(graph: &Graph<'_>, number: usize, statement: &Statement, findings: &mut Findings) {
    const AGENCIES: [&str; 3] = [
        "prescribed-at-gp-practice",
        "prescribed-by-another-organisation",
        "prescribed-by-previous-practice",
    ];
    let references = [&statement.context, &statement.medicine.reference];
    for reference in references.into_iter().chain(&statement.based_on) {
        graph.resolve_noticed(reference, number, findings);
    }
    if statement.based_on.is_empty() {
        findings.say(number, "missing_element");
    }
    notice_code(number, &statement.status, &["active", "completed", "stopped"], true, findings);
    notice_code(number, &preferred(&statement.agency).code, &AGENCIES, false, findings);
}

fn row(context: &Context<'_>, joined: &Joined<'_>, table: &mut Placed, findings: &mut Findings) {
    let (number, statement) = (joined.number, &joined.statement);
    let plan = joined.plan.map(|(_, plan)| plan.clone()).unwrap_or_default();
    // Without a plan there is nothing of a plan to be noticed.
    let plan_number = joined.plan.map_or(number, |(number, _)| number);
    let mut row = context.begin(number, "medication_id");
    if !joined.is_statement {
        put(&mut row, "medication_id", None::<&str>);
    }
    put_therapy(context.graph, joined, &mut row);
    let mut sources = vec![(number, &statement.medicine)];
    sources.extend(joined.plan.map(|(number, plan)| (number, &plan.medicine)));
    put_drug(context, &mut row, number, &sources, findings);
    put(&mut row, "status", &statement.status);
    put(&mut row, "plan_status", &plan.status);
    put(&mut row, "prescription_type", &plan.prescription_type);
    put(&mut row, "prescribing_agency", preferred(&statement.agency).code);
    put(&mut row, "prescribing_agency_text", text_or_display(&statement.agency));
    put_date(&mut row, "effective_start", &statement.start, number, findings);
    put_date(&mut row, "effective_end", &statement.end, number, findings);
    put_date(&mut row, "date_asserted", &statement.asserted, number, findings);
    put_date(&mut row, "last_issue", &statement.last_issue, number, findings);
    put_date(&mut row, "authored_on", &plan.authored_on, plan_number, findings);
    put_dosage(&mut row, number, statement, &plan.dosage, findings);
    put_supply(&mut row, &plan);
    put(&mut row, "repeats_allowed", plan.allowed);
    put(&mut row, "repeats_issued", plan.issued);
    put_date(&mut row, "authorisation_expiry", &plan.expiry, plan_number, findings);
    put(&mut row, "status_reason", text_or_display(&plan.reason));
    // Not of the contract: added so that no code is lost.
    put(&mut row, "status_reason_codings", codings(&plan.reason));
    put_date(&mut row, "status_changed", &plan.status_changed, plan_number, findings);
    put(&mut row, "issue_count", joined.issues.len());
    put(&mut row, "requester", context.graph.name(&plan.requester, plan_number));
    put(&mut row, "recorder", context.graph.name(&plan.recorder, plan_number));
    put(&mut row, "on_behalf_of_ods", context.graph.ods(&plan.on_behalf_of, plan_number));
    let place = place(context, joined, &plan.context);
    context.put_place(&mut row, &place);
    put(&mut row, "problem_ids", context.relations.problems(context.graph, &joined.keys));
    united(&mut row, joined, &plan);
    table.rows.push(row);
    table.places.push(place);
}

/// The consultation of the statement's context, else of the plan's, else of the first list that holds either.
fn place(context: &Context<'_>, joined: &Joined<'_>, of_plan: &Reference) -> Option<super::relations::Place> {
    let graph = context.graph;
    let by_context = |reference: &Reference, holder: usize| Relations::by_context(graph, reference, holder);
    let mut keys = joined.keys.clone();
    keys.truncate(keys.len() - joined.issues.len());
    by_context(&joined.statement.context, joined.number)
        .or_else(|| joined.plan.and_then(|(number, _)| by_context(of_plan, number)))
        .or_else(|| context.relations.by_structure(&keys))
}

/// Plan, the plan before it and the oldest that is reached: a circle stops before its repeat.
fn put_therapy(graph: &Graph<'_>, joined: &Joined<'_>, row: &mut Row) {
    let prior = |number: usize, plan: &Request| {
        let target = graph.resolve(&plan.prior, number).target;
        graph.id_of(&target, "MedicationRequest").map(|id| (id, target))
    };
    put(row, "plan_id", &joined.plan_id);
    let before = joined.plan.and_then(|(number, plan)| prior(number, plan));
    put(row, "prior_plan_id", before.map(|(id, _)| id));
    let mut oldest = joined.plan_id.clone();
    let mut passed: Vec<usize> = Vec::new();
    let mut plan = joined.plan;
    while let Some((number, sent)) = plan {
        passed.push(number);
        let Some((id, target)) = prior(number, sent) else { break };
        plan = request_of(graph, &target);
        if plan.is_some_and(|(number, _)| passed.contains(&number)) {
            break;
        }
        oldest = Some(id);
    }
    put(row, "therapy_id", oldest);
}

fn put_dosage(
    row: &mut Row,
    number: usize,
    statement: &Statement,
    of_plan: &Dosage,
    findings: &mut Findings,
) {
    let shown = if of_plan.is_empty() { &statement.dosage } else { of_plan };
    put(row, "dosage_text", &shown.text);
    put(row, "patient_instruction", &shown.patient_instruction);
    put(row, "statement_dosage_text", &statement.dosage.text);
    put(row, "dosage_structured", &shown.structured);
    let warnings: Vec<&str> = [&statement.dosage.text, &of_plan.text]
        .into_iter()
        .flatten()
        .filter_map(|text| warning(text))
        .collect();
    let warned = warnings.iter().find_map(|warning| named_days(warning).pop());
    let (text, read) = match warned {
        Some((text, day)) => (Some(text), Some((day, day))),
        None => (statement.dosage_changed.clone(), statement.dosage_changed.as_deref().and_then(days)),
    };
    if text.is_some() && read.is_none() {
        findings.malformed.insert(number);
    }
    if read.is_none() && (text.is_some() || !warnings.is_empty()) {
        findings.say(number, "unreadable_date");
    }
    put_known_date(row, "dosage_changed_on", text, read);
}

/// What follows from where a text warns that the dosage has changed (`medications` sheet, section 7).
fn warning(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    lower.find("dosage has changed").map(|start| &text[start..])
}

/// Notes and labels of the statement, then those of the plan that are new.
fn united(row: &mut Row, joined: &Joined<'_>, plan: &Request) {
    let own = &joined.statement.head;
    for (column, own, of_plan) in
        [("notes", &own.notes, &plan.head.notes), ("security", &own.security, &plan.head.security)]
    {
        let mut united = own.clone();
        for text in of_plan {
            if !united.contains(text) {
                united.push(text.clone());
            }
        }
        put(row, column, united);
    }
}

fn judge(
    context: &Context<'_>,
    joined: &Joined<'_>,
    standing: &Standing,
    row: &mut Row,
    findings: &Findings,
) {
    let membership = context.relations.membership(&joined.keys);
    put(row, "membership", membership);
    put(row, "class", standing.class(membership));
    let unread = |number: usize| findings.malformed.contains(&number);
    let is_on_no_plan = joined.is_statement && joined.plan.is_some_and(|(_, plan)| !plan.is_plan());
    let malformed =
        is_on_no_plan || unread(joined.number) || joined.plan.is_some_and(|(number, _)| unread(number));
    let mut flags = standing.flags();
    flags.extend([("no_statement", !joined.is_statement), ("malformed", malformed)]);
    put_flags(row, &flags);
}
