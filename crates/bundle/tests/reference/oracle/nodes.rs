//! `consultation_nodes`: the structure of each consultation, depth first (`consultations` sheet, sections 1, 3 and 4;
//! contract, settled cases, Nodes).

use std::collections::BTreeSet;

use super::Context;
use super::bundle::Content;
use super::elements::Reference;
use super::graph::Target;
use super::lists::Purpose;
use super::relations::denial;
use super::rows::{Row, put};
use super::support::List;

pub fn table(context: &Context<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (consultation, roots) in roots(context) {
        let mut walk = Walk { context, consultation, rows: Vec::new() };
        for (position, root) in roots.into_iter().enumerate() {
            walk.list(root, None, position, &mut Vec::new());
        }
        rows.append(&mut walk.rows);
    }
    rows
}

/// The structure list that a reference of a list points at.
fn structure(context: &Context<'_>, reference: &Reference, holder: usize) -> Option<usize> {
    let list = context.graph.find(reference, holder, "List")?;
    context.relations.purposes[&list].is_structure().then_some(list)
}

fn list<'a>(context: &Context<'a>, number: usize) -> &'a List {
    match &context.graph.resource(number).content {
        Content::List(list) => list,
        // Only lists have purposes, and only what has one comes here.
        _ => unreachable!("a structure list is a list"),
    }
}

fn children(context: &Context<'_>, number: usize) -> Vec<usize> {
    let items = list(context, number).items.iter();
    items.filter_map(|item| structure(context, item, number)).collect()
}

/// Structure lists that no other holds, then the first of each circle that nothing else reaches, by consultation, all in
/// the order of the bundle.
fn roots(context: &Context<'_>) -> Vec<(Option<String>, Vec<usize>)> {
    let relations = context.relations;
    let is_structure = |number: &usize| relations.purposes.get(number).is_some_and(|it| it.is_structure());
    let all: Vec<usize> = context.graph.counted().map(|(number, _)| number).filter(is_structure).collect();
    let held: BTreeSet<usize> = all.iter().flat_map(|list| children(context, *list)).collect();
    let mut roots: BTreeSet<usize> = BTreeSet::new();
    let mut reached: BTreeSet<usize> = BTreeSet::new();
    for list in all.iter().filter(|list| !held.contains(list)).chain(&all) {
        if reached.contains(list) {
            continue;
        }
        roots.insert(*list);
        let mut due = vec![*list];
        while let Some(list) = due.pop() {
            if reached.insert(list) {
                due.extend(children(context, list));
            }
        }
    }
    let mut consultations: Vec<(Option<String>, Vec<usize>)> = Vec::new();
    for root in roots {
        let id = relations.places.get(&root).map(|place| place.id.clone());
        match consultations.iter_mut().find(|(known, _)| *known == id) {
            Some((_, roots)) => roots.push(root),
            None => consultations.push((id, vec![root])),
        }
    }
    consultations
}

struct Walk<'a> {
    context: &'a Context<'a>,
    consultation: Option<String>,
    rows: Vec<Row>,
}

impl Walk<'_> {
    /// A list and what it holds; one that is on the path already is a circle and stops.
    fn list(&mut self, number: usize, parent: Option<usize>, position: usize, path: &mut Vec<usize>) {
        if path.contains(&number) {
            return;
        }
        let context = self.context;
        let list = list(context, number);
        let Purpose::Structure(level) = context.relations.purposes[&number] else { return };
        let node = self.rows.len();
        let mut row = self.row(number, parent, position);
        put(&mut row, "level", level);
        put(&mut row, "title", &list.title);
        put(&mut row, "availability", "ok");
        let headers = list.headers.iter().map(|header| context.graph.resolve(header, number).target);
        let problems: Vec<String> =
            headers.filter_map(|header| context.graph.named(&header)).map(|it| it.1).collect();
        put(&mut row, "problem_ids", problems);
        self.rows.push(row);
        path.push(number);
        for (position, item) in list.items.iter().enumerate() {
            match structure(context, item, number) {
                Some(child) => self.list(child, Some(node), position, path),
                None => self.item(number, item, node, position),
            }
        }
        path.pop();
    }

    fn item(&mut self, list: usize, item: &Reference, parent: usize, position: usize) {
        let graph = self.context.graph;
        let resolved = graph.resolve(item, list);
        let named = graph.named(&resolved.target);
        let mut row = self.row(list, Some(parent), position);
        put(&mut row, "level", "item");
        put(&mut row, "item_type", named.clone().map(|(kind, _)| kind));
        put(&mut row, "item_id", named.map(|(_, id)| id));
        put(&mut row, "display", &resolved.display);
        put(&mut row, "availability", availability(&resolved.target, item));
        self.rows.push(row);
    }

    fn row(&self, list: usize, parent: Option<usize>, position: usize) -> Row {
        let mut row = Row::new();
        put(&mut row, "entry_index", Some(self.context.graph.resource(list).entry));
        put(&mut row, "consultation_id", &self.consultation);
        put(&mut row, "node", self.rows.len());
        put(&mut row, "parent", parent.map(|parent| parent as u32));
        put(&mut row, "position", position);
        for absent in ["title", "item_type", "item_id", "display"] {
            put(&mut row, absent, None::<&str>);
        }
        put(&mut row, "problem_ids", Vec::<String>::new());
        row
    }
}

/// Whether an item is there, and why not. The words of a denial stand in the display or, against the rules, in the
/// reference.
fn availability(target: &Target, item: &Reference) -> &'static str {
    let words = [&item.display, &item.reference];
    let denials: Vec<&str> = words.into_iter().flatten().filter_map(|words| denial(words)).collect();
    match target {
        Target::Resource(_) => "ok",
        Target::Elsewhere(..) | Target::Identifier => "unresolved",
        Target::Absent => "malformed",
        _ if denials.contains(&"unsupported") => "unsupported",
        _ if denials.contains(&"disabled") => "disabled",
        Target::Display => "unresolved",
        Target::Malformed => "malformed",
    }
}
