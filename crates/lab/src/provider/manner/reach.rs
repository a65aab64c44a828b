//! What an answer holds besides its lists (`retrieve` sheet, section 5.2): what the lists lead to, and whoever and
//! whatever that names. Consultations that a medicine or a problem names do not come along unless they were asked for, so
//! that a narrow answer's references dangle, as they do in real ones (`real-data` sheet, section 4).

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::Scope;
use super::answer::Resource;

const PEOPLE: [&str; 6] =
    ["Patient", "Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService"];

/// Which of the resources are in the answer.
pub(super) fn kept(resources: &[Resource<'_>], scope: &Scope<'_>) -> Vec<bool> {
    let mut reach = Reach::new(resources, scope);
    for (index, resource) in resources.iter().enumerate() {
        if reach.is_root(resource) {
            reach.keep(index);
        }
    }
    // Each turn may bring what leads to more: an order brings its plan, the plan its statement and its problems.
    loop {
        let before = reach.kept.len();
        reach.bring_in();
        if reach.kept.len() == before {
            break;
        }
    }
    reach.keep_people();
    (0..resources.len()).map(|index| reach.kept.contains(&index)).collect()
}

struct Reach<'a> {
    resources: &'a [Resource<'a>],
    scope: &'a Scope<'a>,
    /// Position of each `Type/id`.
    index: HashMap<String, usize>,
    references: Vec<Vec<String>>,
    /// The problems of the list of problems, whose links are followed.
    asked_problems: HashSet<usize>,
    kept: HashSet<usize>,
}

impl<'a> Reach<'a> {
    fn new(resources: &'a [Resource<'a>], scope: &'a Scope<'a>) -> Self {
        let index: HashMap<String, usize> = resources
            .iter()
            .enumerate()
            .filter_map(|(at, resource)| {
                Some((format!("{}/{}", resource.kind(), resource.read["id"].as_str()?), at))
            })
            .collect();
        let references: Vec<Vec<String>> =
            resources.iter().map(|resource| references(&resource.read)).collect();
        let problems = resources.iter().zip(&references).filter(|(resource, _)| {
            resource.is_query_list()
                && resource.code() == "717711000000103"
                && scope.answers("includeProblems")
        });
        let asked_problems =
            problems.flat_map(|(_, named)| named).filter_map(|name| index.get(name)).copied().collect();
        Self { resources, scope, index, references, asked_problems, kept: HashSet::new() }
    }

    /// The patient, the lists of the areas that are answered, and the structure of consultations.
    fn is_root(&self, resource: &Resource<'_>) -> bool {
        if !resource.is_query_list() {
            let structure = resource.kind() == "List" && self.scope.answers("includeConsultations");
            return resource.kind() == "Patient" || structure;
        }
        let code = resource.code();
        let secondary = |prefix: &str, area: &str| code.starts_with(prefix) && self.scope.answers(area);
        self.scope.list(code).is_some()
            || secondary("consultations-", "includeConsultations")
            || secondary("problems-", "includeProblems")
    }

    /// Keeps a resource and whatever it leads to.
    fn keep(&mut self, at: usize) {
        let mut waiting = vec![at];
        while let Some(at) = waiting.pop() {
            if self.kept.insert(at) {
                let targets = self.references[at].iter().filter_map(|name| self.index.get(name)).copied();
                waiting.extend(targets.filter(|target| self.leads(at, *target)));
            }
        }
    }

    fn leads(&self, from: usize, to: usize) -> bool {
        let target = self.resources[to].kind();
        match self.resources[from].kind() {
            "List" => target != "List" && !PEOPLE.contains(&target),
            "MedicationStatement" => matches!(target, "MedicationRequest" | "Medication"),
            "MedicationRequest" => matches!(target, "MedicationRequest" | "Medication"),
            "Condition" => {
                self.asked_problems.contains(&from) && target != "List" && !PEOPLE.contains(&target)
            }
            _ => false,
        }
    }

    /// What points at what is kept: the statement of a plan, its orders where they were asked for, and problems.
    fn bring_in(&mut self) {
        for at in 0..self.resources.len() {
            if !self.kept.contains(&at) && self.belongs(at) {
                self.keep(at);
            }
        }
    }

    fn belongs(&self, at: usize) -> bool {
        let resource = &self.resources[at];
        match resource.kind() {
            "MedicationStatement" => self.is_based_on_kept(resource),
            "MedicationRequest" if resource.read["intent"] == "order" => {
                let asked = self.scope.issues && self.scope.answers("includeMedication");
                asked && self.is_based_on_kept(resource)
            }
            "Condition" => self.references[at].iter().filter_map(|name| self.index.get(name)).any(|target| {
                let kind = self.resources[*target].kind();
                let clinical = !PEOPLE.contains(&kind) && !matches!(kind, "List" | "Encounter" | "Condition");
                clinical && self.kept.contains(target)
            }),
            _ => false,
        }
    }

    fn is_based_on_kept(&self, resource: &Resource<'_>) -> bool {
        let plan = resource.read["basedOn"][0]["reference"].as_str();
        plan.and_then(|plan| self.index.get(plan)).is_some_and(|plan| self.kept.contains(plan))
    }

    /// Whoever and whatever place is named by what is kept, the role of each person, and with consultations the places of
    /// the practice, which TPP sends and names by display alone.
    fn keep_people(&mut self) {
        let is_person = |at: &usize| PEOPLE.contains(&self.resources[*at].kind());
        let mut waiting: Vec<usize> = self.kept.iter().copied().collect();
        while let Some(at) = waiting.pop() {
            let named = self.references[at].iter().filter_map(|name| self.index.get(name)).copied();
            let mut named: Vec<usize> = named.filter(is_person).collect();
            named.extend(match self.resources[at].kind() {
                "Practitioner" => self.naming(at, "practitioner"),
                "Organization" if self.scope.answers("includeConsultations") => {
                    self.naming(at, "managingOrganization")
                }
                _ => Vec::new(),
            });
            for person in named.into_iter().filter(is_person) {
                if self.kept.insert(person) {
                    waiting.push(person);
                }
            }
        }
    }

    /// The resources whose element of that name points at one.
    fn naming(&self, at: usize, element: &str) -> Vec<usize> {
        let names = |other: &usize| {
            let target = self.resources[*other].read[element]["reference"].as_str();
            target.and_then(|target| self.index.get(target)) == Some(&at)
        };
        (0..self.resources.len()).filter(names).collect()
    }
}

/// Every `reference` of a resource. What points into it points at an allergy, of the list of ended ones, which TPP has
/// at top level too.
fn references(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "reference" => match text.strip_prefix('#') {
                        Some(contained) => found.push(format!("AllergyIntolerance/{contained}")),
                        None => found.push(text.clone()),
                    },
                    member => collect(member, found),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, found)),
        _ => {}
    }
}
