//! Which consultation each list of a consultation's structure belongs to.

use std::collections::VecDeque;

use crate::elements::Reference;
use crate::graph::{Graph, Target};
use crate::items::Items;
use crate::kinds;
use crate::lists::List;

/// No consultation.
const NOWHERE: u32 = u32::MAX;

/// The consultation that a record belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Consultation<'g> {
    pub(crate) id: Option<&'g str>,
    /// Number of the Encounter, where it is in the bundle.
    pub(crate) encounter: Option<u32>,
    /// `context` or `structure`.
    pub(crate) link: &'static str,
}

impl<'g> Consultation<'g> {
    /// The consultation that a reference points at.
    pub(crate) fn at(graph: &Graph<'g, '_>, target: Target<'g>, link: &'static str) -> Option<Self> {
        match target {
            Target::Resource(number) if graph.resource(number).kind == kinds::ENCOUNTER => {
                Some(Self { id: graph.target_id(target), encounter: Some(number), link })
            }
            Target::Elsewhere { kind: "Encounter", id } => Some(Self { id: Some(id), encounter: None, link }),
            _ => None,
        }
    }
}

/// The Encounters of lists.
pub(crate) struct Places {
    /// Of each list: the number of the Encounter; behind those of resources a place in `elsewhere`; [`NOWHERE`] where there is
    /// none.
    numbers: Vec<u32>,
    /// What lists say of Encounters that are not in the bundle, with the number of the list.
    elsewhere: Vec<(Reference, u32)>,
}

impl Places {
    /// Finds the Encounter of each structure list: the one that it names itself, else that of the list that holds it.
    pub(crate) fn new(graph: &Graph<'_, '_>, lists: &[List], items: &Items) -> Self {
        let mut elsewhere = Vec::new();
        let own = |list: &List| {
            let target = graph.resolve(list.encounter, list.resource).target;
            match (list.purpose.is_structure(), target) {
                (true, Target::Resource(number)) if graph.resource(number).kind == kinds::ENCOUNTER => number,
                (true, Target::Elsewhere { kind: "Encounter", .. }) => {
                    elsewhere.push((list.encounter, list.resource));
                    (graph.all.resources.len() + elsewhere.len() - 1) as u32
                }
                _ => NOWHERE,
            }
        };
        let mut numbers: Vec<u32> = lists.iter().map(own).collect();
        let placed = |position: &u32| numbers[*position as usize] != NOWHERE;
        let mut due: VecDeque<u32> = (0..numbers.len() as u32).filter(placed).collect();
        while let Some(position) = due.pop_front() {
            let (list, number) = (&lists[position as usize], numbers[position as usize]);
            for child in items.lists_of(list) {
                if lists[child as usize].purpose.is_structure() && numbers[child as usize] == NOWHERE {
                    numbers[child as usize] = number;
                    due.push_back(child);
                }
            }
        }
        Self { numbers, elsewhere }
    }

    /// The consultation of a structure list.
    pub(crate) fn consultation<'g>(&self, graph: &Graph<'g, '_>, list: u32) -> Option<Consultation<'g>> {
        Consultation::at(graph, self.encounter(graph, self.number(list)?), "structure")
    }

    /// A number for the Encounter of a structure list, whether it is in the bundle or not.
    pub(crate) fn number(&self, list: u32) -> Option<u32> {
        Some(self.numbers[list as usize]).filter(|number| *number != NOWHERE)
    }

    /// The Encounter of such a number.
    pub(crate) fn encounter<'g>(&self, graph: &Graph<'g, '_>, number: u32) -> Target<'g> {
        match (number as usize).checked_sub(graph.all.resources.len()) {
            None => Target::Resource(number),
            Some(place) => {
                let (reference, holder) = self.elsewhere[place];
                graph.resolve(reference, holder).target
            }
        }
    }
}
