//! Resources that come more than once (contract rule 10).

use bedside_model::NoticeCode;
use hashbrown::{HashMap, HashSet};

use crate::Limits;
use crate::addresses::AddressNumber;
use crate::collected::{Collected, Contained, Content};
use crate::json::{Cursor, Workspace, canonical_hash};

/// Marks each resource that repeats an earlier one of its type and id, and says so.
pub(crate) fn mark_repeated(all: &mut Collected<'_>, body: &str, limits: Limits) {
    let mut told = HashSet::new();
    for (number, earlier) in sharing_an_id(all) {
        let hash = hash_of(all.contents[number as usize], body, limits);
        // The first of an id may be compared with many: it is hashed once.
        let first = hash_of(all.contents[earlier as usize], body, limits);
        all.contents[earlier as usize] = Content::Hash(first);
        told.insert((earlier, first));
        let identical = !told.insert((earlier, hash));
        let code = if identical { NoticeCode::DuplicateResource } else { NoticeCode::ConflictingDuplicate };
        match identical {
            true => all.resources[number as usize].mark_repeated(),
            false => all.twins.push((earlier, number)),
        }
        all.notices.add(number, code, "id");
    }
    all.contents = Vec::new();
    all.twins.sort_unstable();
    mark_contained(all);
    all.addresses.settle(&mut all.store);
}

/// Each resource whose type and id an earlier one of the same container has, with that one. Finds which stand at which
/// address on the way.
fn sharing_an_id(all: &mut Collected<'_>) -> Vec<(u32, u32)> {
    all.addresses.close();
    let mut sharing = Vec::new();
    let mut inside: HashMap<(u32, AddressNumber), u32> = HashMap::new();
    let mut contained = all.contained.iter();
    for (number, resource) in (0..).zip(&all.resources) {
        let container = if resource.is_contained() { contained.next() } else { None };
        let Some(address) = resource.address else { continue };
        let earlier = match container {
            None => all.addresses.first_or_set(address, number),
            Some(contained) => *inside.entry((contained.container, address)).or_insert(number),
        };
        if earlier != number {
            sharing.push((number, earlier));
        }
    }
    sharing
}

/// What a repeated container contains has been seen with the first. What is not repeated stands at its address, where no
/// top-level resource does.
fn mark_contained(all: &mut Collected<'_>) {
    for Contained { number, container } in &all.contained {
        let of_repeated = all.resources[*container as usize].is_repeated();
        let resource = &mut all.resources[*number as usize];
        if of_repeated {
            resource.mark_repeated();
        }
        if let (Some(address), false) = (resource.address, resource.is_repeated()) {
            all.addresses.first_or_set(address, *number);
        }
    }
}
fn hash_of(content: Content, body: &str, limits: Limits) -> [u8; 8] {
    match content {
        Content::Hash(hash) => hash,
        // The reader has passed this text, so it has no fault.
        Content::Held(place) => {
            let place = u64::from_ne_bytes(place);
            let text = &body[place as u32 as usize..(place >> 32) as usize];
            let mut cursor = Cursor::new(text, 0, 0, limits, Workspace::of_thread());
            let hash = canonical_hash(&mut cursor).unwrap_or_default();
            cursor.into_workspace().keep();
            hash.to_ne_bytes()
        }
    }
}
