//! What references say and what resources are named by, `Type/id`: each kept once, and a number from then on.
//!
//! Numbers are given as texts are read, while they are in the processor's cache. Whoever asks later what a reference
//! points at compares no text, and need not go back to a place of a large body that was read long ago.

use std::hash::BuildHasher;
use std::num::NonZeroU32;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::collected::NOBODY;
use crate::kinds::{self, TypeId};
use crate::text::{Store, Text};

/// Number of an address, counted from 1.
pub(crate) type AddressNumber = NonZeroU32;

/// How many addresses are at hand for references that come again.
const RECENT: usize = 64;

/// The type of an address that does not begin with a type known here and a slash.
const NO_TYPE: TypeId = TypeId::MAX;

/// The addresses of a bundle.
pub(crate) struct Addresses {
    all: Vec<Address>,
    /// The first resource at each, at top level before contained, or [`NOBODY`]; known when all are read.
    resources: Vec<u32>,
    known: Known,
    /// Those that references named last, by the ends of their texts: most references name a few people and places.
    recent: [Option<AddressNumber>; RECENT],
    /// The address of a resource, put together.
    joined: String,
}

/// One address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address {
    /// What is behind the type and its slash, all of the text where it names no type.
    pub(crate) id: Text,
    kind: TypeId,
}

/// The addresses by the hashes of their whole texts.
#[derive(Default)]
struct Known {
    numbers: HashTable<AddressNumber>,
    hashes: Vec<u32>,
    hasher: DefaultHashBuilder,
}

impl Address {
    /// The type that it names, where it is known here.
    pub(crate) fn kind(&self) -> Option<TypeId> {
        (self.kind != NO_TYPE).then_some(self.kind)
    }

    /// All that a reference says in which no id stands that is plain, type and slash included.
    pub(crate) fn whole(&self) -> Text {
        match kinds::TYPES.get(self.kind as usize) {
            Some((name, _)) => self.id.with_before(name.len() + 1),
            None => self.id,
        }
    }

    /// Whether a reference says it.
    #[inline]
    fn is(&self, store: &Store<'_>, text: &str) -> bool {
        let (text, id) = (text.as_bytes(), store.copied(self.id));
        match kinds::TYPES.get(self.kind as usize) {
            Some((name, _)) => {
                let before = name.len() + 1;
                text.len() == before + id.len()
                    && text[before..] == *id
                    && text[before - 1] == b'/'
                    && text.starts_with(name.as_bytes())
            }
            // A type that is met for the first time may have a slash in its name: nothing says it plainly.
            None => self.kind == NO_TYPE && text == id,
        }
    }
}

impl Addresses {
    /// No addresses, and room for some.
    pub(crate) fn with_room(addresses: usize) -> Self {
        let known = Known {
            numbers: HashTable::with_capacity(addresses),
            hashes: Vec::with_capacity(addresses),
            hasher: DefaultHashBuilder::default(),
        };
        let (resources, joined) = Default::default();
        Self { all: Vec::with_capacity(addresses), resources, known, recent: [None; RECENT], joined }
    }

    /// An address by its number.
    #[inline]
    pub(crate) fn get(&self, number: AddressNumber) -> &Address {
        &self.all[place(number)]
    }

    /// The resource at an address, or [`NOBODY`].
    #[inline]
    pub(crate) fn resource(&self, number: AddressNumber) -> u32 {
        self.resources[place(number)]
    }

    /// The resource at an address: from now on this one, where there is none before.
    pub(crate) fn first_or_set(&mut self, number: AddressNumber, resource: u32) -> u32 {
        let first = &mut self.resources[place(number)];
        if *first == NOBODY {
            *first = resource;
        }
        *first
    }

    /// Those who are at any address.
    pub(crate) fn residents(&self) -> impl Iterator<Item = u32> {
        self.resources.iter().copied().filter(|resource| *resource != NOBODY)
    }

    /// Ends the reading: no address comes any more, and what only finding them takes is given back.
    pub(crate) fn close(&mut self) {
        self.known = Known::default();
        self.joined = String::new();
        self.all.shrink_to_fit();
        self.resources = vec![NOBODY; self.all.len()];
    }

    /// The address that a reference says.
    #[inline]
    pub(crate) fn of_reference(&mut self, store: &mut Store<'_>, text: &str) -> AddressNumber {
        let recent = recent_place(text);
        match self.recent[recent] {
            Some(number) if self.get(number).is(store, text) => number,
            _ => {
                let number = self.of_other_reference(store, text);
                self.recent[recent] = Some(number);
                number
            }
        }
    }

    /// As [`Addresses::of_reference`], of one that did not come just before.
    #[inline(never)]
    fn of_other_reference(&mut self, store: &mut Store<'_>, text: &str) -> AddressNumber {
        let hash = self.known.hash(text);
        let known = self.known.find(hash, |number| self.get(number).is(store, text));
        known.unwrap_or_else(|| {
            let address = match known_parts(text) {
                Some((kind, id)) if is_plain(id) => Address { id: store.copy(id), kind },
                // Where there is no such resource, all of it is looked into.
                Some((kind, id)) => Address { id: store.copy(text).last(id.len()), kind },
                None => Address { id: store.copy(text), kind: NO_TYPE },
            };
            self.add(address, hash)
        })
    }

    /// The address of a resource by its type and id.
    pub(crate) fn of_resource(
        &mut self,
        store: &mut Store<'_>,
        (kind, name): (TypeId, &str),
        id: &str,
    ) -> AddressNumber {
        self.joined.clear();
        self.joined.extend([name, "/", id]);
        let hash = self.known.hash(&self.joined);
        let known = self.known.find(hash, |number| {
            let address = self.get(number);
            address.kind == kind && store.copied(address.id) == id.as_bytes()
        });
        known.unwrap_or_else(|| self.add(Address { id: store.copy(id), kind }, hash))
    }

    fn add(&mut self, address: Address, hash: u32) -> AddressNumber {
        // The first is 1, and so on.
        let number = AddressNumber::MIN.saturating_add(self.all.len() as u32);
        self.all.push(address);
        self.known.add(number, hash);
        number
    }
}

impl Known {
    fn hash(&self, text: &str) -> u32 {
        self.hasher.hash_one(text) as u32
    }

    #[inline(always)]
    fn find(&self, hash: u32, is_it: impl Fn(AddressNumber) -> bool) -> Option<AddressNumber> {
        let is_it = |number: &AddressNumber| self.hashes[place(*number)] == hash && is_it(*number);
        self.numbers.find(spread(hash), is_it).copied()
    }

    fn add(&mut self, number: AddressNumber, hash: u32) {
        self.hashes.push(hash);
        let hashes = &self.hashes;
        self.numbers.insert_unique(spread(hash), number, |other| spread(hashes[place(*other)]));
    }
}

#[inline]
fn place(number: AddressNumber) -> usize {
    number.get() as usize - 1
}

/// A hash as the table takes it, which looks at both ends.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// Where a text is looked for among the recent ones. It decides nothing.
#[inline]
fn recent_place(text: &str) -> usize {
    let end = text.as_bytes().last_chunk().map_or(0, |end| u64::from_le_bytes(*end));
    (end.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize % RECENT
}

/// What stands before the first slash of a text, and what behind it.
pub(crate) fn split_at_slash(text: &str) -> Option<(&str, &str)> {
    let slash = text.bytes().position(|byte| byte == b'/')?;
    Some((&text[..slash], &text[slash + 1..]))
}

/// Whether an id is of nothing but the characters that ids are made of, the underscore of some suppliers included.
pub(crate) fn is_plain(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    // Without a way out at the first that is not, many are looked at together.
    !id.is_empty() && id.bytes().fold(true, |plain, byte| plain & is_plain(byte))
}

/// The type, where it is known here, and what is behind its slash.
fn known_parts(text: &str) -> Option<(TypeId, &str)> {
    let (kind, id) = split_at_slash(text)?;
    Some((kinds::known(kind)?, id))
}
