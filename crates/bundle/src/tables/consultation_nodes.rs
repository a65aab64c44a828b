//! `consultation_nodes`: the structure that a consultation's lists give it, one row per list and per leaf
//! (`consultations` sheet, sections 1, 3 and 4). Order within it is meaningful.

use arrow_array::RecordBatch;
use bedside_model::schema::Table;
use hashbrown::HashMap;

use crate::collected::NOBODY;
use crate::columns::Columns;
use crate::elements::Reference;
use crate::graph::{Graph, Target};
use crate::kinds;
use crate::lists::List;
use crate::lists::Purpose;
use crate::nothing::empty;
use crate::relations::{Relations, is_disabled, is_unsupported};
use crate::tables::problems::header_ids;
use crate::text::{Span, Text};

/// One row: where it stands. What it says is in the list, and looked up as the columns are filled.
struct Node {
    /// Which consultation of the roots it belongs to.
    consultation: u32,
    list: u32,
    /// The reference of the leaf, [`LIST`] where the node is the list itself.
    item: u32,
    /// The resource that the item plainly names, else [`NOBODY`].
    named: u32,
    node: u32,
    parent: Option<u32>,
    position: u32,
    headers: Span,
}

/// In the place of a reference: the node is a list.
const LIST: u32 = u32::MAX;

/// Makes the table; nothing where the lists hold each other so often that they make more than `most` nodes.
pub(crate) fn table<'g>(
    graph: &'g Graph<'g, '_>,
    items: &[Reference],
    relations: &'g Relations<'g>,
    most: usize,
) -> Option<RecordBatch> {
    let on_path = vec![false; graph.all.lists.len()];
    let nodes = Vec::with_capacity((graph.all.lists.len() + items.len()).min(most));
    let mut walk = Walk { graph, items, relations, nodes, most, next: 0, path: Vec::new(), on_path };
    let mut consultations = Vec::new();
    for (consultation, (id, roots)) in roots(graph, items, relations).into_iter().enumerate() {
        consultations.push(id);
        walk.next = 0;
        for (position, root) in roots.into_iter().enumerate() {
            walk.root(root, consultation as u32, position as u32);
        }
    }
    (walk.nodes.len() <= most).then(|| columns(graph, items, &consultations, &walk.nodes))
}

/// The lists that no other list of their consultation holds, by consultation, both in the order of the bundle.
fn roots<'g>(
    graph: &'g Graph<'g, '_>,
    items: &[Reference],
    relations: &'g Relations<'g>,
) -> Vec<(Option<&'g str>, Vec<u32>)> {
    let lists = &graph.all.lists;
    let mut held = vec![false; lists.len()];
    for list in lists {
        if !is_of_a_structure(graph, list) {
            continue;
        }
        for item in list.items.of(items) {
            if let Some(child) = graph.find(*item, list.resource, kinds::LIST) {
                held[graph.resource(child).row as usize] = true;
            }
        }
    }
    reach_circles(graph, items, &mut held);
    let mut order: Vec<(Option<&'g str>, Vec<u32>)> = Vec::new();
    let mut place_of: HashMap<Option<&'g str>, usize> = HashMap::new();
    for (position, list) in lists.iter().enumerate() {
        let position = position as u32;
        if held[position as usize] || !is_of_a_structure(graph, list) {
            continue;
        }
        let id = relations.place(graph, position).and_then(|place| place.id);
        let place = *place_of.entry(id).or_insert_with(|| {
            order.push((id, Vec::new()));
            order.len() - 1
        });
        order[place].1.push(position);
    }
    order
}

/// Lists that only hold each other have no root among them: the first of each circle becomes one.
fn reach_circles(graph: &Graph<'_, '_>, items: &[Reference], held: &mut [bool]) {
    let lists = &graph.all.lists;
    let mut reached = vec![false; lists.len()];
    let mut due: Vec<u32> = Vec::new();
    let unheld = (0..lists.len()).filter(|list| !held[*list]).collect::<Vec<_>>();
    for list in unheld.into_iter().chain(0..lists.len()) {
        if reached[list] || !is_of_a_structure(graph, &lists[list]) {
            continue;
        }
        held[list] = false;
        due.push(list as u32);
        while let Some(list) = due.pop() {
            let list = &lists[list as usize];
            if std::mem::replace(&mut reached[graph.resource(list.resource).row as usize], true) {
                continue;
            }
            let children = list.items.of(items).iter();
            let children = children.filter_map(|item| graph.find(*item, list.resource, kinds::LIST));
            let children = children.map(|child| graph.resource(child).row);
            due.extend(children.filter(|child| is_of_a_structure(graph, &lists[*child as usize])));
        }
    }
}

/// Whether a list makes nodes: neither a repeat of another nor a list of something else.
fn is_of_a_structure(graph: &Graph<'_, '_>, list: &List) -> bool {
    list.purpose.is_structure() && graph.counts(list.resource)
}

struct Walk<'g, 's> {
    graph: &'g Graph<'g, 's>,
    items: &'g [Reference],
    relations: &'g Relations<'g>,
    nodes: Vec<Node>,
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

impl Walk<'_, '_> {
    fn root(&mut self, list: u32, consultation: u32, position: u32) {
        self.enter(list, consultation, None, position);
        while let Some(step) = self.path.last_mut() {
            let (list, parent, position) = (step.list, step.node, step.item as u32);
            step.item += 1;
            let items = self.graph.all.lists[list as usize].items;
            if position >= items.length || self.nodes.len() > self.most {
                self.on_path[list as usize] = false;
                self.path.pop();
                continue;
            }
            let item = items.start + position;
            match self.structure(list, item) {
                Some(child) => self.enter(child, consultation, Some(parent), position),
                None => {
                    let node = self.number();
                    let named = self.graph.plainly_named(&self.items[item as usize]);
                    let (parent, headers) = (Some(parent), Span::default());
                    self.nodes.push(Node {
                        consultation,
                        list,
                        item,
                        named,
                        node,
                        parent,
                        position,
                        headers,
                    });
                }
            }
        }
    }

    fn enter(&mut self, list: u32, consultation: u32, parent: Option<u32>, position: u32) {
        if std::mem::replace(&mut self.on_path[list as usize], true) {
            return;
        }
        let node = self.number();
        let headers = self.graph.all.lists[list as usize].headers;
        let shared = self.relations.share(headers.length as usize);
        let headers = if shared { headers } else { Span::default() };
        let (item, named) = (LIST, NOBODY);
        self.nodes.push(Node { consultation, list, item, named, node, parent, position, headers });
        self.path.push(Step { list, node, item: 0 });
    }

    /// The structure list that an item of a list is.
    fn structure(&self, list: u32, item: u32) -> Option<u32> {
        let all = self.graph.all;
        let holder = all.lists[list as usize].resource;
        let child = self.graph.find(self.items[item as usize], holder, kinds::LIST)?;
        let child = self.graph.resource(child).row;
        all.lists[child as usize].purpose.is_structure().then_some(child)
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

fn columns(
    graph: &Graph<'_, '_>,
    items: &[Reference],
    consultations: &[Option<&str>],
    nodes: &[Node],
) -> RecordBatch {
    if nodes.is_empty() {
        return empty(Table::ConsultationNodes);
    }
    let all = graph.all;
    let list = |node: &Node| &all.lists[node.list as usize];
    let item = |node: &Node| (node.item != LIST).then(|| items[node.item as usize]);
    let resolved = |node: &Node| Some(graph.resolve(item(node)?, list(node).resource));
    let mut columns = Columns::new(Table::ConsultationNodes, nodes.len(), all);
    columns.count("entry_index", nodes.iter().map(|node| Some(graph.entry(list(node).resource))));
    columns.text("consultation_id", nodes.iter().map(|node| consultations[node.consultation as usize]));
    columns.count("node", nodes.iter().map(|node| Some(node.node)));
    columns.count("parent", nodes.iter().map(|node| node.parent));
    columns.count("position", nodes.iter().map(|node| Some(node.position)));
    columns.words("level", nodes.iter().map(|node| Some(level(graph, node))));
    columns.kept(
        "title",
        nodes.iter().map(|node| if node.item == LIST { list(node).title } else { Text::NONE }),
    );
    let item_type = |node: &Node| match node.named {
        NOBODY => graph.target_type(resolved(node)?.target),
        number => Some(graph.type_name(number)),
    };
    columns.text("item_type", nodes.iter().map(item_type));
    let item_id = |node: &Node| match node.named {
        NOBODY => graph.target_id(resolved(node)?.target),
        number => Some(graph.id(number)),
    };
    columns.text("item_id", nodes.iter().map(item_id));
    let display = |node: &Node| match node.named {
        NOBODY => resolved(node).map_or(Text::NONE, |resolved| resolved.display),
        _ => items[node.item as usize].display,
    };
    columns.kept("display", nodes.iter().map(display));
    let availability = |node: &Node| match (node.named, item(node)) {
        (NOBODY, Some(item)) => {
            let target = graph.resolve(item, list(node).resource).target;
            availability(target, [all.store.str(item.display), graph.said(item)])
        }
        _ => "ok",
    };
    columns.words("availability", nodes.iter().map(|node| Some(availability(node))));
    columns.texts(
        "problem_ids",
        nodes.iter().map(|node| header_ids(graph, all, node.headers, list(node).resource)),
    );
    columns.finish()
}

fn level(graph: &Graph<'_, '_>, node: &Node) -> &'static str {
    match graph.all.lists[node.list as usize].purpose {
        Purpose::Structure(level) if node.item == LIST => level.as_str(),
        _ => "item",
    }
}
