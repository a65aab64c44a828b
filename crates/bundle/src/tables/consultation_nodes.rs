//! `consultation_nodes`: the structure that a consultation's lists give it, one row per list and per leaf
//! (`consultations` sheet, sections 1, 3 and 4). Order within it is meaningful.

use arrow_array::RecordBatch;
use bedside_model::schema::Table;
use hashbrown::HashMap;

use crate::columns::{Columns, empty};
use crate::elements::Reference;
use crate::graph::{Graph, Target};
use crate::kinds;
use crate::lists::Purpose;
use crate::relations::{Relations, is_disabled, is_unsupported};
use crate::tables::problems::header_ids;
use crate::text::{Span, Text};

/// One row.
struct Node<'g> {
    entry: u32,
    consultation_id: Option<&'g str>,
    node: u32,
    parent: Option<u32>,
    position: u32,
    level: &'static str,
    title: Text,
    item_type: Option<&'g str>,
    item_id: Option<&'g str>,
    display: Option<&'g str>,
    availability: &'static str,
    problem_ids: Vec<&'g str>,
}

/// Makes the table; nothing where the lists hold each other so often that they make more than `most` nodes.
pub(crate) fn table<'g>(
    graph: &'g Graph<'g, '_>,
    relations: &'g Relations<'g>,
    most: usize,
) -> Option<RecordBatch> {
    let on_path = vec![false; graph.all.lists.len()];
    let mut walk = Walk { graph, relations, nodes: Vec::new(), most, next: 0, path: Vec::new(), on_path };
    for (consultation_id, roots) in roots(graph, relations) {
        walk.next = 0;
        for (position, root) in roots.into_iter().enumerate() {
            walk.root(root, consultation_id, position as u32);
        }
    }
    (walk.nodes.len() <= most).then(|| columns(graph, &walk.nodes))
}

/// The lists that no other list of their consultation holds, by consultation, both in the order of the bundle.
fn roots<'g>(graph: &'g Graph<'g, '_>, relations: &'g Relations<'g>) -> Vec<(Option<&'g str>, Vec<u32>)> {
    let lists = &graph.all.lists;
    let is_structure = |list: u32| matches!(relations.purposes[list as usize], Purpose::Structure(_));
    let mut held = vec![false; lists.len()];
    for (position, list) in lists.iter().enumerate() {
        if !is_structure(position as u32) || !graph.counts(list.resource) {
            continue;
        }
        for item in list.items.of(&graph.all.references) {
            if let Some(child) = graph.find(*item, list.resource, kinds::LIST) {
                held[graph.resource(child).row as usize] = true;
            }
        }
    }
    reach_circles(graph, relations, &mut held);
    let mut order: Vec<(Option<&'g str>, Vec<u32>)> = Vec::new();
    let mut place_of: HashMap<Option<&'g str>, usize> = HashMap::new();
    for (position, list) in lists.iter().enumerate() {
        let position = position as u32;
        if !is_structure(position) || held[position as usize] || !graph.counts(list.resource) {
            continue;
        }
        let id = relations.place(position).and_then(|place| place.id);
        let place = *place_of.entry(id).or_insert_with(|| {
            order.push((id, Vec::new()));
            order.len() - 1
        });
        order[place].1.push(position);
    }
    order
}

/// Lists that only hold each other have no root among them: the first of each circle becomes one.
fn reach_circles(graph: &Graph<'_, '_>, relations: &Relations<'_>, held: &mut [bool]) {
    let lists = &graph.all.lists;
    let mut reached = vec![false; lists.len()];
    let mut due: Vec<u32> = Vec::new();
    let unheld = (0..lists.len()).filter(|list| !held[*list]).collect::<Vec<_>>();
    for list in unheld.into_iter().chain(0..lists.len()) {
        if reached[list] || !matches!(relations.purposes[list], Purpose::Structure(_)) {
            continue;
        }
        held[list] = false;
        due.push(list as u32);
        while let Some(list) = due.pop() {
            let list = &lists[list as usize];
            if std::mem::replace(&mut reached[graph.resource(list.resource).row as usize], true) {
                continue;
            }
            let items = list.items.of(&graph.all.references).iter();
            let children = items.filter_map(|item| graph.find(*item, list.resource, kinds::LIST));
            due.extend(children.map(|child| graph.resource(child).row));
        }
    }
}

struct Walk<'g, 's> {
    graph: &'g Graph<'g, 's>,
    relations: &'g Relations<'g>,
    nodes: Vec<Node<'g>>,
    most: usize,
    next: u32,
    /// Lists from the root to the current one. A walk may be as deep as there are lists, so it keeps its own stack.
    path: Vec<Step>,
    /// Whether each list is on the path: one that is, is a circle and stops.
    on_path: Vec<bool>,
}

/// A list on the path, its node, and which of its items is next.
struct Step {
    list: u32,
    node: u32,
    item: usize,
}

impl<'g> Walk<'g, '_> {
    fn root(&mut self, list: u32, consultation_id: Option<&'g str>, position: u32) {
        self.enter(list, consultation_id, None, position);
        while let Some(step) = self.path.last_mut() {
            let (list, node, position) = (step.list, step.node, step.item);
            step.item += 1;
            let items = self.graph.all.lists[list as usize].items.of(&self.graph.all.references);
            match items.get(position) {
                Some(item) if self.nodes.len() <= self.most => {
                    self.item(list, *item, consultation_id, node, position as u32);
                }
                _ => {
                    self.on_path[list as usize] = false;
                    self.path.pop();
                }
            }
        }
    }

    fn enter(&mut self, list: u32, consultation_id: Option<&'g str>, parent: Option<u32>, position: u32) {
        let Purpose::Structure(level) = self.relations.purposes[list as usize] else { return };
        if std::mem::replace(&mut self.on_path[list as usize], true) {
            return;
        }
        let sent = &self.graph.all.lists[list as usize];
        let node = self.number();
        let shared = self.relations.share(sent.headers.length as usize);
        let headers = if shared { sent.headers } else { Span::default() };
        self.nodes.push(Node {
            entry: self.graph.entry(sent.resource),
            consultation_id,
            node,
            parent,
            position,
            level: level.as_str(),
            title: sent.title,
            item_type: None,
            item_id: None,
            display: None,
            availability: "ok",
            problem_ids: header_ids(self.graph, self.graph.all, headers, sent.resource),
        });
        self.path.push(Step { list, node, item: 0 });
    }

    fn item(
        &mut self,
        list: u32,
        item: Reference,
        consultation_id: Option<&'g str>,
        parent: u32,
        position: u32,
    ) {
        let resource = self.graph.all.lists[list as usize].resource;
        let resolved = self.graph.resolve(item, resource);
        let store = &self.graph.all.store;
        if let Target::Resource(number) = resolved.target {
            let target = self.graph.resource(number);
            if target.kind == kinds::LIST
                && matches!(self.relations.purposes[target.row as usize], Purpose::Structure(_))
            {
                return self.enter(target.row, consultation_id, Some(parent), position);
            }
        }
        let node = self.number();
        self.nodes.push(Node {
            entry: self.graph.entry(resource),
            consultation_id,
            node,
            parent: Some(parent),
            position,
            level: "item",
            title: Text::NONE,
            item_type: self.graph.target_type(resolved.target),
            item_id: self.graph.target_id(resolved.target),
            display: resolved.display,
            availability: availability(resolved.target, [store.str(item.display), store.str(item.reference)]),
            problem_ids: Vec::new(),
        });
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }
}

/// Whether an item is there, and why not. The words of a denial stand in the display or, against the rules, in the
/// reference itself.
fn availability(target: Target<'_>, said: [&str; 2]) -> &'static str {
    match target {
        Target::Resource(_) => "ok",
        Target::Elsewhere { .. } | Target::Identifier => "unresolved",
        Target::Display | Target::Malformed if said.into_iter().any(is_unsupported) => "unsupported",
        Target::Display | Target::Malformed if said.into_iter().any(is_disabled) => "disabled",
        Target::Display => "unresolved",
        Target::Malformed | Target::Absent => "malformed",
    }
}

fn columns(graph: &Graph<'_, '_>, nodes: &[Node<'_>]) -> RecordBatch {
    if nodes.is_empty() {
        return empty(Table::ConsultationNodes);
    }
    let mut columns = Columns::new(Table::ConsultationNodes, graph.all);
    columns.count("entry_index", nodes.iter().map(|node| Some(node.entry)));
    columns.text("consultation_id", nodes.iter().map(|node| node.consultation_id));
    columns.count("node", nodes.iter().map(|node| Some(node.node)));
    columns.count("parent", nodes.iter().map(|node| node.parent));
    columns.count("position", nodes.iter().map(|node| Some(node.position)));
    columns.text("level", nodes.iter().map(|node| Some(node.level)));
    columns.kept("title", nodes.iter().map(|node| node.title));
    columns.text("item_type", nodes.iter().map(|node| node.item_type));
    columns.text("item_id", nodes.iter().map(|node| node.item_id));
    columns.text("display", nodes.iter().map(|node| node.display));
    columns.text("availability", nodes.iter().map(|node| Some(node.availability)));
    columns.texts("problem_ids", nodes.iter().map(|node| node.problem_ids.iter().copied()));
    columns.finish()
}
