//! Therapies: plans that replace one another (`medications` sheet, section 7).

use crate::collected::NOBODY;
use crate::graph::{Graph, Target};
use crate::kinds;
use crate::tables::medication_issues::Request;

/// The therapy of each plan, found once for all: a chain is walked as often as it is long, not as often as it has
/// members.
pub(crate) struct Therapies<'g> {
    requests: &'g [Request],
    /// By position in the pool of requests: the oldest plan that is reached from there.
    oldest: Vec<Option<&'g str>>,
}

/// What a plan replaces.
enum Prior<'g> {
    Plan(u32),
    Elsewhere(&'g str),
    Nothing,
}

impl<'g> Therapies<'g> {
    pub(crate) fn new(graph: &'g Graph<'g, '_>, requests: &'g [Request]) -> Self {
        let mut therapies = Self { requests, oldest: vec![None; requests.len()] };
        let mut path = Vec::new();
        let mut place_on_path = vec![NOBODY; requests.len()];
        for (start, request) in (0..).zip(requests) {
            match request.prior.is_absent() {
                true => therapies.oldest[start as usize] = therapies.id_of(graph, start),
                false => therapies.walk(graph, start, &mut path, &mut place_on_path),
            }
        }
        therapies
    }

    /// The id of the oldest plan reached from a plan: its own where it replaces none. A plan that is not in the
    /// bundle still gives its id (contract, settled cases).
    pub(crate) fn oldest(
        &self,
        graph: &Graph<'_, '_>,
        plan: &Request,
        plan_id: Option<&'g str>,
    ) -> Option<&'g str> {
        if plan.head.resource == NOBODY {
            return plan_id;
        }
        self.oldest[graph.resource(plan.head.resource).row as usize].or(plan_id)
    }

    /// The id of the plan that a plan replaces, known or not.
    pub(crate) fn prior_id(&self, graph: &'g Graph<'g, '_>, plan: &Request) -> Option<&'g str> {
        if plan.head.resource == NOBODY {
            return None;
        }
        let prior = graph.resolve(plan.prior, plan.head.resource).target;
        graph.target_id(prior).filter(|_| graph.target_type(prior) == Some("MedicationRequest"))
    }

    /// Walks from a plan to the oldest, or to one whose oldest is known, or round a circle.
    fn walk(&mut self, graph: &'g Graph<'g, '_>, start: u32, path: &mut Vec<u32>, place_on_path: &mut [u32]) {
        let mut plan = start;
        let oldest = loop {
            if let Some(known) = self.oldest[plan as usize] {
                break Some(known);
            }
            if place_on_path[plan as usize] != NOBODY {
                self.close_circle(graph, &path[place_on_path[plan as usize] as usize..]);
                break self.oldest[plan as usize];
            }
            place_on_path[plan as usize] = path.len() as u32;
            path.push(plan);
            match self.prior(graph, plan) {
                Prior::Plan(next) => plan = next,
                Prior::Elsewhere(id) => break Some(id),
                Prior::Nothing => break self.id_of(graph, plan),
            }
        };
        for plan in path.drain(..) {
            place_on_path[plan as usize] = NOBODY;
            if self.oldest[plan as usize].is_none() {
                self.oldest[plan as usize] = oldest;
            }
        }
    }

    /// In a circle each plan's oldest is the one before its own repeat: the plan that it is replaced by.
    fn close_circle(&mut self, graph: &'g Graph<'g, '_>, circle: &[u32]) {
        for (place, plan) in circle.iter().enumerate() {
            let before = circle[(place + circle.len() - 1) % circle.len()];
            self.oldest[*plan as usize] = self.id_of(graph, before);
        }
    }

    fn id_of(&self, graph: &'g Graph<'g, '_>, plan: u32) -> Option<&'g str> {
        graph.all.store.get(graph.id_text(self.requests[plan as usize].head.resource))
    }

    fn prior(&self, graph: &'g Graph<'g, '_>, plan: u32) -> Prior<'g> {
        let plan = &self.requests[plan as usize];
        match graph.resolve(plan.prior, plan.head.resource).target {
            Target::Resource(number) if graph.resource(number).kind == kinds::MEDICATION_REQUEST => {
                Prior::Plan(graph.resource(number).row)
            }
            Target::Elsewhere { kind: "MedicationRequest", id } => Prior::Elsewhere(id),
            _ => Prior::Nothing,
        }
    }
}
