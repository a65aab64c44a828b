//! What lists, problems and consultations say of the records that they name: membership (contract rule 6), place and
//! indication (contract, settled cases).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::bundle::Content;
use super::elements::Reference;
use super::findings::Findings;
use super::graph::{Graph, Resolved, Target};
use super::lists::{Purpose, purpose};
use super::support::List;

/// What can be named: a resource, or a plan that is not in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Resource(usize),
    LostPlan(String),
}

/// A consultation and how it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub id: String,
    pub encounter: Option<usize>,
    pub link: &'static str,
}

#[derive(Default)]
pub struct Relations {
    /// By the number of the list.
    pub purposes: BTreeMap<usize, Purpose>,
    /// The consultation of each structure list.
    pub places: BTreeMap<usize, Place>,
    /// The structure lists that hold each record, in the order of the bundle.
    pub listed: BTreeMap<Key, Vec<usize>>,
    primary: BTreeSet<Key>,
    ended: BTreeSet<Key>,
    linked: BTreeSet<Key>,
    /// Target and problem of each link by which a problem indicates something.
    indications: BTreeSet<(Key, usize)>,
}

impl Relations {
    pub fn new(graph: &Graph<'_>, findings: &mut Findings) -> Self {
        let mut relations = Self::default();
        for (number, list) in lists(graph) {
            relations.purposes.insert(number, purpose(list));
        }
        relations.find_places(graph);
        for (number, list) in lists(graph).filter(|(number, _)| !graph.resource(*number).repeated) {
            relations.read_list(graph, number, list, findings);
        }
        relations.add_contained_ended(graph);
        relations.add_problems(graph, findings);
        relations
    }

    /// What is said of a resource is said by type and id, so of the first that has them.
    pub fn key(graph: &Graph<'_>, number: usize) -> Key {
        Key::Resource(graph.first(number))
    }

    /// What a target is known by; nothing for one that is not in the bundle, unless it may be a plan.
    pub fn key_of(target: &Target) -> Option<Key> {
        match target {
            Target::Resource(number) => Some(Key::Resource(*number)),
            Target::Elsewhere(kind, id) if kind == "MedicationRequest" => Some(Key::LostPlan(id.clone())),
            _ => None,
        }
    }

    pub fn is_primary(&self, key: &Key) -> bool {
        self.primary.contains(key)
    }

    pub fn is_ended(&self, key: &Key) -> bool {
        self.ended.contains(key)
    }

    /// The membership of what is known by some keys.
    pub fn membership(&self, keys: &[Key]) -> &'static str {
        match () {
            () if keys.iter().any(|key| self.primary.contains(key)) => "primary",
            () if keys.iter().any(|key| self.ended.contains(key)) => "ended",
            () if keys.iter().any(|key| self.linked.contains(key)) => "linked",
            () => "none",
        }
    }

    /// The consultation that a reference names.
    pub fn by_context(graph: &Graph<'_>, reference: &Reference, holder: usize) -> Option<Place> {
        place(graph, &graph.resolve(reference, holder).target, "context")
    }

    /// The consultation of the first structure list that holds one of some records.
    pub fn by_structure(&self, keys: &[Key]) -> Option<Place> {
        let first = keys.iter().filter_map(|key| self.listed.get(key)?.first()).min()?;
        self.places.get(first).cloned()
    }

    /// The ids of the problems that point at one of some records, in the order of the bundle.
    pub fn problems(&self, graph: &Graph<'_>, keys: &[Key]) -> Vec<String> {
        let pointing = self.indications.iter().filter(|(target, _)| keys.contains(target));
        let problems: BTreeSet<usize> = pointing.map(|(_, problem)| graph.first(*problem)).collect();
        problems.into_iter().filter_map(|problem| graph.resource(problem).id.clone()).collect()
    }

    /// The consultation of each structure list: its own encounter, else that of a list that holds it.
    fn find_places(&mut self, graph: &Graph<'_>) {
        let mut due = VecDeque::new();
        for (number, list) in lists(graph).filter(|(number, _)| self.purposes[number].is_structure()) {
            let target = graph.resolve(&list.encounter, number).target;
            if let Some(place) = place(graph, &target, "structure") {
                self.places.insert(number, place);
                due.push_back((number, list));
            }
        }
        while let Some((number, list)) = due.pop_front() {
            let place = self.places[&number].clone();
            for item in &list.items {
                let Some(child) = graph.find(item, number, "List") else { continue };
                if !self.purposes[&child].is_structure() || self.places.contains_key(&child) {
                    continue;
                }
                self.places.insert(child, place.clone());
                if let Content::List(list) = &graph.resource(child).content {
                    due.push_back((child, list));
                }
            }
        }
    }

    fn read_list(&mut self, graph: &Graph<'_>, number: usize, list: &List, findings: &mut Findings) {
        let purpose = self.purposes[&number];
        if purpose == Purpose::Other {
            let code = if list.code.codings.is_empty() { "missing_element" } else { "unknown_code" };
            findings.say(number, code);
        }
        for item in &list.items {
            let resolved = graph.resolve_noticed(item, number, findings);
            notice_unsupported(number, &resolved, findings);
            if resolved.target == Target::Absent {
                findings.say(number, "malformed_reference");
            }
            if let Some(key) = Self::key_of(&resolved.target) {
                self.add_item(graph, number, key);
            }
        }
        if !purpose.is_structure() {
            return;
        }
        graph.resolve_noticed(&list.encounter, number, findings);
        for header in &list.headers {
            // A header links its problem; it does not place it.
            if let Target::Resource(problem) = graph.resolve_noticed(header, number, findings).target {
                self.linked.insert(Key::Resource(problem));
            }
        }
    }

    fn add_item(&mut self, graph: &Graph<'_>, list: usize, key: Key) {
        let kind = match &key {
            Key::Resource(number) => graph.resource(*number).kind.as_str(),
            Key::LostPlan(_) => "MedicationRequest",
        };
        match self.purposes[&list] {
            Purpose::Primary(area) if is_of_area(kind, area) => drop(self.primary.insert(key)),
            Purpose::EndedAllergies => drop(self.ended.insert(key)),
            Purpose::Secondary(_) => drop(self.linked.insert(key)),
            Purpose::Structure(_) if kind != "List" => {
                self.linked.insert(key.clone());
                if self.places.contains_key(&list) {
                    self.listed.entry(key).or_default().push(list);
                }
            }
            _ => {}
        }
    }

    /// What the Ended list contains is ended, and so is a top-level allergy of the same id.
    fn add_contained_ended(&mut self, graph: &Graph<'_>) {
        for (number, resource) in graph.bundle.resources.iter().enumerate() {
            if resource.kind != "AllergyIntolerance" || !self.is_in_ended_list(graph, number) {
                continue;
            }
            self.ended.insert(Key::Resource(number));
            let twin = resource.id.as_deref().and_then(|id| graph.top("AllergyIntolerance", id));
            self.ended.extend(twin.map(Key::Resource));
        }
    }

    /// Whether a resource is contained in the Ended allergies list.
    pub fn is_in_ended_list(&self, graph: &Graph<'_>, number: usize) -> bool {
        let container = graph.resource(number).container;
        container.is_some_and(|list| self.purposes.get(&list) == Some(&Purpose::EndedAllergies))
    }

    fn add_problems(&mut self, graph: &Graph<'_>, findings: &mut Findings) {
        for (number, resource) in graph.counted() {
            let Content::Condition(condition) = &resource.content else { continue };
            for (relation, target) in &condition.links {
                let resolved = graph.resolve_noticed(target, number, findings);
                notice_unsupported(number, &resolved, findings);
                let Some(key) = Self::key_of(&resolved.target) else { continue };
                self.linked.insert(key.clone());
                if matches!(relation, Some("actual-problem" | "problem-content")) {
                    self.indications.insert((key, number));
                }
            }
        }
    }
}

fn lists<'a>(graph: &Graph<'a>) -> impl Iterator<Item = (usize, &'a List)> + use<'a> {
    graph.bundle.resources.iter().enumerate().filter_map(|(number, resource)| match &resource.content {
        Content::List(list) => Some((number, list)),
        _ => None,
    })
}

fn place(graph: &Graph<'_>, target: &Target, link: &'static str) -> Option<Place> {
    let id = graph.id_of(target, "Encounter")?;
    let encounter = if let Target::Resource(number) = target { Some(*number) } else { None };
    Some(Place { id, encounter, link })
}

fn is_of_area(kind: &str, area: &str) -> bool {
    matches!(
        (kind, area),
        ("AllergyIntolerance", "allergies")
            | ("MedicationStatement" | "MedicationRequest", "medications")
            | ("Condition", "problems")
            | ("Encounter", "consultations")
    )
}

/// Why an item is not supplied, by the words that stand in its place (`consultations` sheet, section 4).
pub fn denial(words: &str) -> Option<&'static str> {
    let words = words.to_ascii_lowercase();
    match () {
        () if words.contains("not supported") => Some("unsupported"),
        () if words.contains("disabled") => Some("disabled"),
        () => None,
    }
}

fn notice_unsupported(number: usize, resolved: &Resolved, findings: &mut Findings) {
    let words = resolved.display.as_deref().filter(|_| resolved.target == Target::Display);
    if words.and_then(denial).is_some() {
        findings.say(number, "unsupported_content");
    }
}
