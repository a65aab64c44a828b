//! `problems`: one row per Condition (`problems` sheet).

use super::allergies::notice_concept;
use super::bundle::Content;
use super::findings::Findings;
use super::graph::Target;
use super::medication_issues::notice_code;
use super::records::Condition;
use super::relations::Relations;
use super::rows::{Row, put, put_concept, put_date};
use super::text::word;
use super::{Context, Placed};

pub fn table(context: &Context<'_>, findings: &mut Findings) -> Placed {
    let mut table = Placed::default();
    for (number, resource) in context.graph.counted() {
        if let Content::Condition(condition) = &resource.content {
            row(context, number, condition, &mut table, findings);
        }
    }
    table
}

fn row(
    context: &Context<'_>,
    number: usize,
    condition: &Condition,
    table: &mut Placed,
    findings: &mut Findings,
) {
    let graph = context.graph;
    graph.resolve_noticed(&condition.asserter, number, findings);
    graph.resolve_noticed(&condition.context, number, findings);
    notice_concept(number, &condition.code, findings);
    notice_code(number, &condition.clinical_status, &["active", "inactive"], true, findings);
    notice_code(number, &condition.significance, &["major", "minor"], false, findings);
    let mut row = context.begin(number, "problem_id");
    put_concept(&mut row, "problem", &condition.code);
    put(&mut row, "clinical_status", &condition.clinical_status);
    put(&mut row, "significance", &condition.significance);
    put(&mut row, "category", condition.category.clone());
    put_date(&mut row, "onset", &condition.onset, number, findings);
    put_date(&mut row, "abatement", &condition.abatement, number, findings);
    put_date(&mut row, "asserted", &condition.asserted, number, findings);
    put(&mut row, "asserter", graph.name(&condition.asserter, number));
    put_links(context, number, condition, &mut row);
    let place = Relations::by_context(graph, &condition.context, number)
        .or_else(|| context.relations.by_structure(&[context.key(number)]));
    context.put_place(&mut row, &place);
    let is_active = word(&condition.clinical_status) == "active";
    let flags = [("status_conflict", is_active && condition.abatement.is_some())];
    context.finish(&mut row, number, &flags, findings);
    table.rows.push(row);
    table.places.push(place);
}

/// The item that was promoted, and the problems that this one is related to, those outside the bundle included.
fn put_links(context: &Context<'_>, number: usize, condition: &Condition, row: &mut Row) {
    let graph = context.graph;
    let of_relation = |wanted: &str| {
        let wanted = wanted.to_owned();
        let links = condition.links.iter().filter(move |(relation, _)| *relation == Some(wanted.as_str()));
        links.map(|(_, target)| graph.resolve(target, number).target).collect::<Vec<_>>()
    };
    let actual = of_relation("actual-problem").into_iter().next();
    let named = actual.as_ref().and_then(|target| graph.named(target));
    put(row, "actual_problem_type", named.clone().map(|(kind, _)| kind));
    put(row, "actual_problem_id", named.map(|(_, id)| id));
    put(row, "actual_problem_resolved", actual.map(|target| matches!(target, Target::Resource(_))));
    for (column, relation) in [("parent_ids", "parent"), ("child_ids", "child"), ("sibling_ids", "sibling")] {
        let mut ids: Vec<String> = Vec::new();
        for (_, id) in of_relation(relation).iter().filter_map(|target| graph.named(target)) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        put(row, column, ids);
    }
}
