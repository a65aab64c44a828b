//! `consultation_nodes`: the structure that a consultation's lists give it, one row per list and per leaf
//! (`consultations` sheet, sections 1, 3 and 4). Order within it is meaningful.

use bedside_model::schema::Table;
use hashbrown::HashMap;

use super::Batch;
use crate::collected::NOBODY;
use crate::columns::Columns;
use crate::graph::{Graph, Target};
use crate::items::Items;
use crate::lists::{Level, List, Purpose};
use crate::order::by_number;
use crate::places::Places;
use crate::relations::{is_disabled, is_unsupported};
use crate::sharing::Sharing;
use crate::tables::problems::header_ids;
use crate::text::{Span, Text};

/// One row: where it stands. What it says is in the list, and looked up as the columns are filled.
struct Node {
    /// Which consultation of the roots it belongs to.
    consultation: u32,
    list: u32,
    /// The reference of the leaf, [`LIST`] where the node is the list itself.
    item: u32,
    /// The node of its list, [`NOBODY`] for a root.
    parent: u32,
    position: u32,
}

/// In the place of a reference: the node is a list.
const LIST: u32 = u32::MAX;

/// Makes the table; nothing where the lists hold each other so often that they make more than `most` nodes.
pub(crate) fn table<'g>(
    graph: &'g Graph<'g, '_>,
    (lists, mut items): (&'g [List], Items),
    (places, sharing): (&'g Places, &'g Sharing),
    most: usize,
) -> Option<Batch> {
    let on_path = vec![false; lists.len()];
    let structures = lists.iter().filter(|list| is_of_a_structure(graph, list));
    // Nearly every list is a root or held once.
    let nodes = structures.map(|list| 1 + list.items.length as usize - items.lists_of(list).count());
    let nodes = Vec::with_capacity(nodes.sum::<usize>().min(most));
    let Roots { consultations, roots } = roots(graph, lists, &items, places);
    let mut firsts = vec![0; consultations.len()];
    let mut walk =
        Walk { graph, lists, items: &items, sharing, nodes, most, first: 0, path: Vec::new(), on_path };
    let (mut of, mut position) = (NOBODY, 0);
    for place in by_number(roots.iter().map(|(consultation, _)| *consultation), consultations.len()) {
        let (consultation, root) = roots[place as usize];
        if consultation != of {
            (of, position, walk.first) = (consultation, 0, walk.nodes.len() as u32);
            firsts[consultation as usize] = walk.first;
        }
        walk.root(root, consultation, position);
        position += 1;
    }
    let rows = walk.nodes;
    items.forget_lists();
    let nodes = Nodes { graph, lists, items: &items, rows, consultations, firsts };
    // A record that shares too much is refused: nobody reads what it would say.
    (nodes.rows.len() <= most).then(|| nodes.columns(!sharing.is_too_much()))
}

/// The lists that no other list of their consultation holds.
struct Roots<'g> {
    /// The consultations by the ids that lists name, in the order of the bundle.
    consultations: Vec<Option<&'g str>>,
    /// The place of its consultation, and the list; in the order of the bundle.
    roots: Vec<(u32, u32)>,
}

fn roots<'g>(graph: &'g Graph<'g, '_>, lists: &[List], items: &Items, places: &Places) -> Roots<'g> {
    let mut held = vec![false; lists.len()];
    for list in lists.iter().filter(|list| is_of_a_structure(graph, list)) {
        items.lists_of(list).for_each(|child| held[child as usize] = true);
    }
    reach_circles(graph, lists, items, &mut held);
    let is_top = |list: &&List| list.purpose == Purpose::Structure(Level::Consultation);
    let usual = lists.iter().filter(is_top).count();
    let (mut consultations, mut roots) = (Vec::with_capacity(usual), Vec::with_capacity(usual));
    let mut place_of: HashMap<Option<&'g str>, u32> = HashMap::with_capacity(usual);
    for ((position, list), held) in (0..).zip(lists).zip(held) {
        if held || !is_of_a_structure(graph, list) {
            continue;
        }
        let id = places.consultation(graph, position).and_then(|place| place.id);
        let place = *place_of.entry(id).or_insert_with(|| {
            consultations.push(id);
            consultations.len() as u32 - 1
        });
        roots.push((place, position));
    }
    Roots { consultations, roots }
}

/// Lists that only hold each other have no root among them: the first of each circle becomes one.
fn reach_circles(graph: &Graph<'_, '_>, lists: &[List], items: &Items, held: &mut [bool]) {
    let mut reached = vec![false; lists.len()];
    let unheld = (0..lists.len()).filter(|list| !held[*list]).collect::<Vec<_>>();
    let mut due: Vec<u32> = Vec::with_capacity(lists.len());
    for list in unheld.into_iter().chain(0..lists.len()) {
        if reached[list] || !is_of_a_structure(graph, &lists[list]) {
            continue;
        }
        held[list] = false;
        due.push(list as u32);
        while let Some(list) = due.pop() {
            if std::mem::replace(&mut reached[list as usize], true) {
                continue;
            }
            let list = &lists[list as usize];
            let children = items.lists_of(list);
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
    lists: &'g [List],
    items: &'g Items,
    sharing: &'g Sharing,
    nodes: Vec<Node>,
    most: usize,
    /// The place of the first node of the consultation.
    first: u32,
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
        self.enter(list, consultation, NOBODY, position);
        while let Some(step) = self.path.last_mut() {
            let (list, parent, position) = (step.list, step.node, step.item as u32);
            step.item += 1;
            let items = self.lists[list as usize].items;
            if position >= items.length || self.nodes.len() > self.most {
                self.on_path[list as usize] = false;
                self.path.pop();
                continue;
            }
            let item = items.start + position;
            match self.structure(item) {
                Some(child) => self.enter(child, consultation, parent, position),
                None => {
                    self.nodes.push(Node { consultation, list, item, parent, position });
                }
            }
        }
    }

    fn enter(&mut self, list: u32, consultation: u32, parent: u32, position: u32) {
        if std::mem::replace(&mut self.on_path[list as usize], true) {
            return;
        }
        let node = self.nodes.len() as u32 - self.first;
        self.sharing.share(self.lists[list as usize].saying(self.graph.all).headers.length as usize);
        self.nodes.push(Node { consultation, list, item: LIST, parent, position });
        self.path.push(Step { list, node, item: 0 });
    }

    /// The structure list that an item is.
    fn structure(&self, item: u32) -> Option<u32> {
        self.items.list(item).filter(|child| self.lists[*child as usize].purpose.is_structure())
    }
}

/// The rows, and what they are told by.
struct Nodes<'g, 's> {
    graph: &'g Graph<'g, 's>,
    lists: &'g [List],
    items: &'g Items,
    rows: Vec<Node>,
    consultations: Vec<Option<&'g str>>,
    /// Of each consultation: the place of its first node.
    firsts: Vec<u32>,
}

impl Nodes<'_, '_> {
    fn columns(&self, tells_headers: bool) -> Batch {
        let Self { graph, items, rows: nodes, consultations, firsts, .. } = self;
        if nodes.is_empty() {
            return None;
        }
        let all = graph.all;
        let list = |node: &Node| &self.lists[node.list as usize];
        let item = |node: &Node| (node.item != LIST).then(|| items.reference(node.item));
        let mut columns = Columns::new(Table::ConsultationNodes, nodes.len(), all);
        columns.count("entry_index", nodes.iter().map(|node| Some(graph.entry(list(node).resource))));
        columns.text("consultation_id", nodes.iter().map(|node| consultations[node.consultation as usize]));
        columns.count(
            "node",
            nodes.iter().zip(0..).map(|(node, place)| Some(place - firsts[node.consultation as usize])),
        );
        let parent = |node: &Node| Some(node.parent).filter(|parent| *parent != NOBODY);
        columns.count("parent", nodes.iter().map(parent));
        columns.count("position", nodes.iter().map(|node| Some(node.position)));
        columns.words("level", nodes.iter().map(|node| Some(level(list(node), node))));
        let title = |node: &Node| if node.item == LIST { list(node).title } else { Text::NONE };
        columns.kept("title", nodes.iter().map(title));
        let item_type = |node: &Node| graph.named_type(item(node)?, list(node).resource);
        columns.text("item_type", nodes.iter().map(item_type));
        let item_id = |node: &Node| graph.named_id(item(node)?, list(node).resource);
        columns.text("item_id", nodes.iter().map(item_id));
        let display = |node: &Node| match item(node) {
            Some(item) => graph.display(item, list(node).resource),
            None => Text::NONE,
        };
        columns.kept("display", nodes.iter().map(display));
        let availability = |node: &Node| match item(node) {
            Some(item) if !graph.is_plainly_known(item) => {
                let target = graph.resolve(*item, list(node).resource).target;
                availability(target, [all.store.str(item.display(all)), graph.said(*item)])
            }
            _ => "ok",
        };
        columns.words("availability", nodes.iter().map(|node| Some(availability(node))));
        let headers = |node: &Node| match node.item {
            LIST if tells_headers => list(node).saying(all).headers,
            _ => Span::default(),
        };
        let problems = |node: &Node| header_ids(graph, headers(node), list(node).resource);
        columns.texts("problem_ids", nodes.iter().map(problems));
        Some(columns.finish())
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

fn level(list: &List, node: &Node) -> &'static str {
    match list.purpose {
        Purpose::Structure(level) if node.item == LIST => level.as_str(),
        _ => "item",
    }
}
