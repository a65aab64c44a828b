//! Every resource by type and id.

use std::cell::OnceCell;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use crate::collected::{Collected, NOBODY};
use crate::kinds::TypeId;

/// The resources by type and id, the first of each.
pub(crate) struct Index<'g, 's> {
    all: &'g Collected<'s>,
    top: TopLevel,
    contained: HashMap<(TypeId, &'g str), u32>,
    /// Contained resources by container and id.
    inside: HashMap<(u32, &'g str), u32>,
    /// By id alone, for the rare reference that names no type; made when the first one comes.
    ids: OnceCell<ById>,
    contained_ids: OnceCell<ById>,
}

/// The first top-level resource of each type and id. It holds numbers alone: the ids are where the resources are.
pub(crate) struct TopLevel {
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl TopLevel {
    pub(crate) fn with_room(resources: usize) -> Self {
        Self { numbers: HashTable::with_capacity(resources), hasher: DefaultHashBuilder::default() }
    }

    /// The first resource of the type and id of one: this one where there is none before.
    pub(crate) fn first_or_add(&mut self, all: &Collected<'_>, number: u32) -> u32 {
        let (kind, id) = named(all, number);
        let hash = |number: &u32| self.hasher.hash_one(named(all, *number));
        let same = |other: &u32| named(all, *other) == (kind, id);
        *self.numbers.entry(self.hasher.hash_one((kind, id)), same, hash).or_insert(number).get()
    }

    fn find(&self, all: &Collected<'_>, kind: TypeId, id: &str) -> Option<u32> {
        let same = |other: &u32| named(all, *other) == (kind, id);
        self.numbers.find(self.hasher.hash_one((kind, id)), same).copied()
    }
}

fn named<'c>(all: &'c Collected<'_>, number: u32) -> (TypeId, &'c str) {
    let resource = &all.resources[number as usize];
    (resource.kind, all.store.str(resource.id))
}

/// The only resource of each id, whatever its type.
struct ById {
    holders: HashTable<Holder>,
    hasher: DefaultHashBuilder,
}

/// The first resource of an id.
struct Holder {
    number: u32,
    is_only: bool,
}

impl ById {
    fn new<'n>(all: &Collected<'_>, numbers: impl ExactSizeIterator<Item = &'n u32>) -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut holders: HashTable<Holder> = HashTable::with_capacity(numbers.len());
        for number in numbers {
            let id = named(all, *number).1;
            let same = |other: &Holder| named(all, other.number).1 == id;
            let hash = |other: &Holder| hasher.hash_one(named(all, other.number).1);
            holders
                .entry(hasher.hash_one(id), same, hash)
                .and_modify(|holder| holder.is_only = false)
                .or_insert(Holder { number: *number, is_only: true });
        }
        Self { holders, hasher }
    }

    fn only(&self, all: &Collected<'_>, id: &str) -> Option<u32> {
        let same = |other: &Holder| named(all, other.number).1 == id;
        let holder = self.holders.find(self.hasher.hash_one(id), same)?;
        holder.is_only.then_some(holder.number)
    }
}

impl<'g, 's> Index<'g, 's> {
    pub(crate) fn new(all: &'g Collected<'s>, top: TopLevel) -> Self {
        let mut index = Self {
            all,
            top,
            contained: HashMap::new(),
            inside: HashMap::new(),
            ids: OnceCell::new(),
            contained_ids: OnceCell::new(),
        };
        for (number, resource) in all.resources.iter().enumerate() {
            if resource.container == NOBODY || resource.repeated {
                continue;
            }
            let Some(id) = all.store.get(resource.id) else { continue };
            index.contained.entry((resource.kind, id)).or_insert(number as u32);
            index.inside.entry((resource.container, id)).or_insert(number as u32);
        }
        index
    }

    /// A top-level resource.
    pub(crate) fn top(&self, kind: TypeId, id: &str) -> Option<u32> {
        self.top.find(self.all, kind, id)
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
        self.ids.get_or_init(|| ById::new(self.all, self.top.numbers.iter())).only(self.all, id)
    }

    /// The only contained resource of an id, whatever its type and container.
    pub(crate) fn only_contained(&self, id: &str) -> Option<u32> {
        self.contained_ids.get_or_init(|| ById::new(self.all, self.inside.values())).only(self.all, id)
    }
}
