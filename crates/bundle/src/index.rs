//! Every resource by type and id.

use std::cell::OnceCell;

use hashbrown::HashMap;

use crate::collected::{Collected, NOBODY};
use crate::kinds::TypeId;

/// The resources by type and id, the first of each; those that repeat an earlier one are left out.
pub(crate) struct Index<'g, 's> {
    all: &'g Collected<'s>,
    top: HashMap<(TypeId, &'g str), u32>,
    contained: HashMap<(TypeId, &'g str), u32>,
    /// Contained resources by container and id.
    inside: HashMap<(u32, &'g str), u32>,
    /// By id alone, for the rare reference that names no type; made when the first one comes.
    ids: OnceCell<HashMap<String, Holders>>,
    contained_ids: OnceCell<HashMap<String, Holders>>,
}

/// The resources of one id.
#[derive(Clone, Copy)]
enum Holders {
    One(u32),
    Several,
}

impl<'g, 's> Index<'g, 's> {
    pub(crate) fn new(all: &'g Collected<'s>) -> Self {
        let mut index = Self {
            all,
            top: HashMap::with_capacity(all.resources.len()),
            contained: HashMap::new(),
            inside: HashMap::new(),
            ids: OnceCell::new(),
            contained_ids: OnceCell::new(),
        };
        for (number, resource) in all.resources.iter().enumerate() {
            let Some(id) = all.store.get(resource.id).filter(|_| !resource.repeated) else { continue };
            let number = number as u32;
            match resource.container {
                NOBODY => {
                    index.top.entry((resource.kind, id)).or_insert(number);
                }
                container => {
                    index.contained.entry((resource.kind, id)).or_insert(number);
                    index.inside.entry((container, id)).or_insert(number);
                }
            }
        }
        index
    }

    /// A top-level resource.
    pub(crate) fn top(&self, kind: TypeId, id: &str) -> Option<u32> {
        self.top.get(&(kind, id)).copied()
    }

    /// A resource, top level before contained.
    pub(crate) fn any(&self, kind: TypeId, id: &str) -> Option<u32> {
        self.top(kind, id).or_else(|| self.contained.get(&(kind, id)).copied())
    }

    /// A resource that another contains.
    pub(crate) fn inside(&self, container: u32, id: &str) -> Option<u32> {
        self.inside.get(&(container, id)).copied()
    }

    /// The only top-level resource of an id, whatever its type.
    pub(crate) fn only(&self, id: &str) -> Option<u32> {
        only(self.ids.get_or_init(|| self.by_id(self.top.values())), id)
    }

    /// The only contained resource of an id, whatever its type and container.
    pub(crate) fn only_contained(&self, id: &str) -> Option<u32> {
        only(self.contained_ids.get_or_init(|| self.by_id(self.inside.values())), id)
    }

    fn by_id<'n>(&self, numbers: impl Iterator<Item = &'n u32>) -> HashMap<String, Holders> {
        let mut ids: HashMap<String, Holders> = HashMap::new();
        for number in numbers {
            let id = self.all.store.str(self.all.resources[*number as usize].id);
            ids.entry_ref(id)
                .and_modify(|holders| *holders = Holders::Several)
                .or_insert(Holders::One(*number));
        }
        ids
    }
}

fn only(ids: &HashMap<String, Holders>, id: &str) -> Option<u32> {
    match ids.get(id) {
        Some(Holders::One(number)) => Some(*number),
        Some(Holders::Several) | None => None,
    }
}
