//! `links`: one row per reference between two clinical records (contract, table `links` and settled cases, Links).

use super::Context;
use super::bundle::Content;
use super::elements::Reference;
use super::graph::Target;
use super::rows::{Row, put};

pub fn table(context: &Context<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, resource) in context.graph.counted() {
        for (relation, reference) in references(&resource.content) {
            rows.extend(link(context, number, relation, reference));
        }
        if resource.head().is_some() {
            rows.append(&mut listed(context, number));
        }
    }
    rows
}

/// The references of a record, each with the relation that it stands for.
fn references(content: &Content) -> Vec<(&'static str, &Reference)> {
    let mut references = Vec::new();
    match content {
        Content::Statement(it) => {
            references.push(("recorded-in", &it.context));
            references.extend(it.based_on.iter().map(|plan| ("authorised-by", plan)));
        }
        Content::Request(it) => {
            references.push(("recorded-in", &it.context));
            if it.is_plan() {
                references.push(("replaces", &it.prior));
            } else {
                references.extend(it.based_on.iter().map(|plan| ("issued-under", plan)));
            }
        }
        Content::Allergy(it) => references.push(("recorded-in", &it.encounter)),
        Content::Condition(it) => {
            references.push(("recorded-in", &it.context));
            let links = it.links.iter();
            references.extend(links.filter_map(|(relation, target)| Some(((*relation)?, target))));
        }
        _ => {}
    }
    references
}

fn begin(context: &Context<'_>, number: usize, relation: &str) -> Row {
    let resource = context.graph.resource(number);
    let mut row = Row::new();
    put(&mut row, "entry_index", Some(resource.entry));
    put(&mut row, "from_type", resource.kind.as_str());
    put(&mut row, "from_id", &resource.id);
    put(&mut row, "relation", relation);
    row
}

fn link(context: &Context<'_>, number: usize, relation: &str, reference: &Reference) -> Option<Row> {
    let resolved = context.graph.resolve(reference, number);
    // An identifier names nothing that is in the bundle; it is noticed, and there is no text to show.
    if matches!(resolved.target, Target::Absent | Target::Identifier) {
        return None;
    }
    let named = context.graph.named(&resolved.target);
    let mut row = begin(context, number, relation);
    put(&mut row, "to_type", named.clone().map(|(kind, _)| kind));
    put(&mut row, "to_id", named.map(|(_, id)| id));
    put(&mut row, "resolved", matches!(resolved.target, Target::Resource(_)));
    put(&mut row, "display", resolved.display);
    Some(row)
}

/// One link to each consultation of which a list holds the record, however many lists do.
fn listed(context: &Context<'_>, number: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut known: Vec<&str> = Vec::new();
    let lists = context.relations.listed.get(&context.key(number));
    for place in lists.into_iter().flatten().filter_map(|list| context.relations.places.get(list)) {
        if known.contains(&place.id.as_str()) {
            continue;
        }
        known.push(&place.id);
        let mut row = begin(context, number, "listed-in");
        put(&mut row, "to_type", "Encounter");
        put(&mut row, "to_id", place.id.as_str());
        put(&mut row, "resolved", place.encounter.is_some());
        put(&mut row, "display", None::<&str>);
        rows.push(row);
    }
    rows
}
