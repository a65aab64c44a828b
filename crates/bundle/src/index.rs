//! Resources by what the few references say that are not plainly `Type/id`.

use std::cell::OnceCell;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use crate::addresses::AddressNumber;
use crate::collected::{Collected, Contained, NOBODY};
use crate::kinds::TypeId;

/// The resources by address and by id, the first of each.
pub(crate) struct Index<'g, 's> {
    all: &'g Collected<'s>,
    /// Contained resources by container and id.
    inside: HashMap<(u32, &'g str), u32>,
    /// By type and id, for references of a form that has no address of its own; made when the first one comes.
    named: OnceCell<Named>,
    /// By id alone, for the rare reference that names no type; made when the first one comes.
    ids: OnceCell<ById>,
    contained_ids: OnceCell<ById>,
}

/// The resource of each type and id.
struct Named {
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Named {
    fn new(all: &Collected<'_>) -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut numbers = HashTable::new();
        let hash = |number: &u32| hasher.hash_one((all.resources[*number as usize].kind, id(all, *number)));
        for number in all.addresses.residents() {
            numbers.insert_unique(hash(&number), number, hash);
        }
        Self { numbers, hasher }
    }

    fn find(&self, all: &Collected<'_>, kind: TypeId, id: &str) -> Option<u32> {
        let is_it =
            |number: &u32| all.resources[*number as usize].kind == kind && self::id(all, *number) == id;
        self.numbers.find(self.hasher.hash_one((kind, id)), is_it).copied()
    }
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
    fn new(all: &Collected<'_>, numbers: &[u32]) -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut holders: HashTable<Holder> = HashTable::with_capacity(numbers.len());
        for number in numbers {
            let id = id(all, *number);
            let same = |other: &Holder| self::id(all, other.number) == id;
            let hash = |other: &Holder| hasher.hash_one(self::id(all, other.number));
            holders
                .entry(hasher.hash_one(id), same, hash)
                .and_modify(|holder| holder.is_only = false)
                .or_insert(Holder { number: *number, is_only: true });
        }
        Self { holders, hasher }
    }

    fn only(&self, all: &Collected<'_>, id: &str) -> Option<u32> {
        let same = |other: &Holder| self::id(all, other.number) == id;
        let holder = self.holders.find(self.hasher.hash_one(id), same)?;
        holder.is_only.then_some(holder.number)
    }
}

fn id<'c>(all: &'c Collected<'_>, number: u32) -> &'c str {
    all.store.str(all.id_of(&all.resources[number as usize]))
}

impl<'g, 's> Index<'g, 's> {
    pub(crate) fn new(all: &'g Collected<'s>) -> Self {
        let mut inside = HashMap::new();
        for Contained { number, container } in &all.contained {
            let resource = &all.resources[*number as usize];
            if let (Some(id), false) = (all.store.get(all.id_of(resource)), resource.is_repeated()) {
                inside.entry((*container, id)).or_insert(*number);
            }
        }
        Self { all, inside, named: OnceCell::new(), ids: OnceCell::new(), contained_ids: OnceCell::new() }
    }

    /// A resource at an address, top level before contained.
    pub(crate) fn at(&self, address: AddressNumber) -> Option<u32> {
        Some(self.all.addresses.resource(address)).filter(|number| *number != NOBODY)
    }

    /// A top-level resource at an address.
    pub(crate) fn top(&self, address: AddressNumber) -> Option<u32> {
        self.at(address).filter(|number| !self.all.resources[*number as usize].is_contained())
    }

    /// A resource by its type and id, top level before contained.
    pub(crate) fn any(&self, kind: TypeId, id: &str) -> Option<u32> {
        let named = self.named.get_or_init(|| Named::new(self.all));
        named.find(self.all, kind, id)
    }

    /// A resource that another contains.
    pub(crate) fn inside(&self, container: u32, id: &str) -> Option<u32> {
        self.inside.get(&(container, id)).copied()
    }

    /// The only top-level resource of an id, whatever its type.
    pub(crate) fn only(&self, id: &str) -> Option<u32> {
        let is_top = |number: &u32| !self.all.resources[*number as usize].is_contained();
        let firsts = || self.all.addresses.residents().filter(is_top).collect::<Vec<_>>();
        self.ids.get_or_init(|| ById::new(self.all, &firsts())).only(self.all, id)
    }

    /// The only contained resource of an id, whatever its type and container.
    pub(crate) fn only_contained(&self, id: &str) -> Option<u32> {
        let contained = || self.inside.values().copied().collect::<Vec<_>>();
        self.contained_ids.get_or_init(|| ById::new(self.all, &contained())).only(self.all, id)
    }
}
