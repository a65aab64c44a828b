use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::{identifier, kind};

/// How many resources are remembered, the last that came: a list may be longer than memory.
const MOST: usize = 10_000;

/// What encounters refer to, by its references: `Patient/12`, and the `fullUrl` of a Bundle's entry.
#[derive(Default)]
pub(super) struct Known {
    resources: HashMap<String, Arc<Value>>,
    /// The references in the order in which they came.
    order: VecDeque<String>,
}

impl Known {
    /// Whether encounters refer to resources of that type for anything that is needed.
    pub(super) fn takes(kind: &str) -> bool {
        ["Patient", "Practitioner", "Organization"].contains(&kind)
    }

    /// Remembers a resource; one of the same reference is replaced.
    pub(super) fn take(&mut self, resource: &Value, url: Option<&str>) {
        let local = kind(resource).zip(resource["id"].as_str()).map(|(kind, id)| format!("{kind}/{id}"));
        let resource = Arc::new(resource.clone());
        for reference in local.into_iter().chain(url.map(str::to_owned)) {
            if self.resources.insert(reference.clone(), Arc::clone(&resource)).is_none() {
                self.order.push_back(reference);
            }
        }
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.resources.remove(&oldest);
            }
        }
    }

    /// The resource that a Reference means, letter for letter.
    pub(super) fn resolve(&self, reference: &Value) -> Option<&Value> {
        self.resources.get(reference["reference"].as_str()?).map(Arc::as_ref)
    }

    /// The identifier of that system of whatever a Reference means: its own, or the one of the resource.
    pub(super) fn identifier(&self, reference: &Value, system: &str) -> Result<Option<String>, &'static str> {
        let own = &reference["identifier"];
        match own["value"].as_str().filter(|_| own["system"] == *system) {
            Some(value) => Ok(Some(value.to_owned())),
            None => self.resolve(reference).map_or(Ok(None), |resource| identifier(resource, system)),
        }
    }
}
