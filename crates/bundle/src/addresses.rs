//! What references say and what resources are named by, `Type/id`: each kept once, and a number from then on.
//!
//! Numbers are given as texts are read, while they are in the processor's cache. Whoever asks later what a reference
//! points at compares no text, and need not go back to a place of a large body that was read long ago.

use std::mem::take;
use std::num::NonZeroU32;

use crate::collected::NOBODY;
use crate::json::{Beginning, Seeds};
use crate::kinds::{self, TypeId};
use crate::text::{Store, Text};

/// Number of an address, counted from 1.
pub(crate) type AddressNumber = NonZeroU32;

/// The fewest places of addresses.
const FEWEST: usize = 4;

/// The type of an address that does not begin with a type known here and a slash.
const NO_TYPE: TypeId = TypeId::MAX;

/// About as many bytes as an address has.
const BYTES_AN_ADDRESS: usize = 48;

/// How many times the texts of addresses go into a body that has so much else that they may stay.
const BODY_TO_TEXTS: usize = 32;

/// In the place of a resource: the address is plainly that of one which is not in the bundle.
const ELSEWHERE: u32 = NOBODY - 1;

/// What the addresses of known types begin with.
static BEGINNINGS: [Beginning; kinds::TYPES.len()] = beginnings();

const fn beginnings() -> [Beginning; kinds::TYPES.len()] {
    let mut beginnings = [const { Beginning::with_slash("") }; kinds::TYPES.len()];
    let mut kind = 0;
    while kind < beginnings.len() {
        beginnings[kind] = Beginning::with_slash(kinds::TYPES[kind].0);
        kind += 1;
    }
    beginnings
}

/// In the place of a type: none that is known here.
const OTHER_TYPE: u8 = u8::MAX;
const _: () = assert!(kinds::TYPES.len() <= OTHER_TYPE as usize);

/// The addresses of a bundle.
pub(crate) struct Addresses {
    /// While reading goes on: what has been said so far.
    said: Vec<Said>,
    /// All of its texts, side by side.
    texts: String,
    known: Known,
    /// The address of a resource, put together, and the type that it begins with.
    joined: String,
    joined_type: TypeId,
    /// The type that the last new reference names, or [`NO_TYPE`].
    said_type: TypeId,
    /// From then on: the id of each address, and the number of its type or [`OTHER_TYPE`].
    ids: Vec<Text>,
    types: Vec<u8>,
    /// The first resource at each, at top level before contained, [`NOBODY`] or [`ELSEWHERE`].
    resources: Vec<u32>,
}

/// The hash of an address that has not been said so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewAddress(u32);

/// An address as it was said.
struct Said {
    /// Where its text is among those of the others: all that a reference says; the id of a resource whose type is met for the
    /// first time.
    start: u32,
    length: u32,
    kind: TypeId,
    /// Where its id stands in the body, or [`NO_PLACE`].
    place: u32,
}

/// No place in the body: what stands there is escaped, or will be gone.
const NO_PLACE: usize = u32::MAX as usize;

/// An address once all have been read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address {
    /// What is behind the type and its slash, all of the text where it names no type. It is behind them in the copies of texts
    /// where it is odd or of no resource.
    id: Text,
    kind: Option<TypeId>,
}

/// The addresses by the hashes of their whole texts. Each stands in the first free place from that of its hash on.
struct Known {
    /// A power of two of them, a hash and a number each; no number in a free one. Half of them are free at least, so that hardly any is
    /// passed in vain.
    places: Vec<[u32; 2]>,
    seeds: Seeds,
}

impl Said {
    fn text<'t>(&self, texts: &'t str) -> &'t str {
        &texts[self.start as usize..][..self.length as usize]
    }

    fn names_known_type(&self) -> bool {
        (self.kind as usize) < kinds::TYPES.len()
    }

    fn id<'t>(&self, texts: &'t str) -> &'t str {
        &self.text(texts)[before_id(self.kind)..]
    }

    /// Whether it is that of a resource by its type and id.
    #[inline(always)]
    fn is_of(&self, texts: &str, kind: TypeId, id: &str) -> bool {
        let before = before_id(self.kind);
        let said = &texts.as_bytes()[self.start as usize..][before..self.length as usize];
        self.kind == kind && is_same(said, id.as_bytes())
    }

    /// Whether a reference says it.
    #[inline(always)]
    fn is(&self, texts: &str, text: &[u8]) -> bool {
        // A type that is met for the first time may have a slash in its name: nothing says it plainly.
        let is_new_type = self.kind != NO_TYPE && self.kind as usize >= kinds::TYPES.len();
        let said = &texts.as_bytes()[self.start as usize..][..self.length as usize];
        !is_new_type && is_same(said, text)
    }
}

impl Address {
    /// The type that it names, where it is known here.
    pub(crate) fn kind(&self) -> Option<TypeId> {
        self.kind
    }

    /// All that a reference says, type and slash included, of an address at which there is no resource and about which there is
    /// something odd.
    pub(crate) fn whole(&self) -> Text {
        self.id.with_before(self.kind.map_or(0, before_id))
    }

    /// What is behind the type and its slash, all of the text where it names no type.
    #[inline]
    pub(crate) fn id(&self) -> Text {
        self.id
    }
}

/// How long a type and its slash are; nothing where no type is known.
fn before_id(kind: TypeId) -> usize {
    kinds::TYPES.get(kind as usize).map_or(0, |(name, _)| name.len() + 1)
}

impl Addresses {
    /// No addresses, and room for some.
    pub(crate) fn with_room(addresses: usize) -> Self {
        Self {
            said: Vec::with_capacity(addresses),
            texts: String::with_capacity(addresses * BYTES_AN_ADDRESS),
            known: Known::with_room(addresses),
            joined: String::new(),
            joined_type: NO_TYPE,
            said_type: NO_TYPE,
            ids: Vec::new(),
            types: Vec::new(),
            resources: Vec::new(),
        }
    }

    /// An address by its number.
    #[inline]
    pub(crate) fn get(&self, number: AddressNumber) -> Address {
        let kind = self.types[place(number)];
        Address { id: self.id(number), kind: (kind != OTHER_TYPE).then_some(TypeId::from(kind)) }
    }

    /// The id of an address.
    #[inline]
    pub(crate) fn id(&self, number: AddressNumber) -> Text {
        self.ids[place(number)]
    }

    /// The resource at an address, or [`NOBODY`].
    #[inline]
    pub(crate) fn resource(&self, number: AddressNumber) -> u32 {
        match self.resources[place(number)] {
            ELSEWHERE => NOBODY,
            resource => resource,
        }
    }

    /// Whether an address is plainly that of a resource which is not in the bundle.
    #[inline]
    pub(crate) fn is_elsewhere(&self, number: AddressNumber) -> bool {
        self.resources[place(number)] == ELSEWHERE
    }

    /// Whether nothing is odd about an address: it is that of a resource, or plainly of one which is not in the bundle.
    #[inline]
    pub(crate) fn is_plain(&self, number: AddressNumber) -> bool {
        self.resources[place(number)] != NOBODY
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
        self.resources.iter().copied().filter(|resource| !matches!(*resource, NOBODY | ELSEWHERE))
    }

    /// Once it is known who is at which address, finds out which of the others have nothing odd about them, for many records
    /// refer to each, and where each id is to be found from now on.
    pub(crate) fn settle(&mut self, store: &mut Store<'_>) {
        let (said, texts) = (take(&mut self.said), take(&mut self.texts));
        for (resource, said) in self.resources.iter_mut().zip(&said) {
            let is_elsewhere = || said.names_known_type() && is_plain(said.id(&texts));
            if *resource == NOBODY && is_elsewhere() {
                *resource = ELSEWHERE;
            }
        }
        let kind = |said: &Said| if said.names_known_type() { said.kind as u8 } else { OTHER_TYPE };
        self.types = said.iter().map(kind).collect();
        self.ids.reserve_exact(said.len());
        match store.body_length() >= texts.len() * BODY_TO_TEXTS {
            true => self.settle_in_copies(&said, store.adopt(texts)),
            false => self.settle_in_body(&said, &texts, store),
        }
    }

    /// Leaves the texts where they are, side by side. The ids of a long body would be fetched from afar for every column.
    fn settle_in_copies(&mut self, said: &[Said], texts: Text) {
        self.ids.extend(said.iter().map(|said| {
            let (start, before) = (said.start as usize, before_id(said.kind));
            texts.part(start + before, said.length as usize - before)
        }));
    }

    /// Lets go of the texts that stand in the body too. In a body of little else they would be as much as a tenth of the
    /// tables.
    fn settle_in_body(&mut self, said: &[Said], texts: &str, store: &mut Store<'_>) {
        for (resource, said) in self.resources.iter().zip(said) {
            let id = said.id(texts);
            let place = Some(said.place as usize).filter(|place| *place != NO_PLACE);
            let in_body = place.and_then(|place| store.borrow(place, id.len() as u32));
            let id = match *resource {
                NOBODY => store.copy(said.text(texts)).last(id.len()),
                _ => in_body.unwrap_or_else(|| store.copy(id)),
            };
            self.ids.push(id);
        }
    }

    /// Ends the reading: no address comes any more, and what only finding them takes is given back.
    pub(crate) fn close(&mut self) {
        self.known = Known::with_room(0);
        self.joined = String::new();
        self.resources = vec![NOBODY; self.said.len()];
    }

    /// The address that a reference says.
    pub(crate) fn of_reference(&mut self, text: &str) -> AddressNumber {
        match self.said(text.as_bytes()) {
            Ok(number) => number,
            Err(new) => self.add_reference(text, None, new),
        }
    }

    /// The address that a reference says.
    ///
    /// # Errors
    /// One that is new is for [`Addresses::add_reference`].
    #[inline(always)]
    pub(crate) fn said(&self, text: &[u8]) -> Result<AddressNumber, NewAddress> {
        let hash = self.known.hash(text);
        let mut from = hash as usize;
        while let Some(number) = self.known.next_of(hash, &mut from) {
            if self.said[place(number)].is(&self.texts, text) {
                return Ok(number);
            }
        }
        Err(NewAddress(hash))
    }

    /// Adds the new address that a reference says, which stands at a place of the body, if at any.
    #[inline(never)]
    pub(crate) fn add_reference(&mut self, text: &str, at: Option<usize>, new: NewAddress) -> AddressNumber {
        // References that stand together often name one type.
        if !names_type(text, self.said_type) {
            self.said_type = known_type(text).unwrap_or(NO_TYPE);
        }
        let kind = self.said_type;
        self.add([text], kind, at.map_or(NO_PLACE, |at| at + before_id(kind)), new.0)
    }

    /// The address of a resource by its type and id, which stands at a place of the body, if at any.
    pub(crate) fn of_resource(
        &mut self,
        (kind, name): (TypeId, &str),
        id: &str,
        at: Option<usize>,
    ) -> AddressNumber {
        let hash = match BEGINNINGS.get(kind as usize).and_then(|known| self.known.hash_of_joined(known, id))
        {
            Some(hash) => hash,
            None => {
                self.join(kind, name, id);
                self.known.hash(self.joined.as_bytes())
            }
        };
        let at = at.unwrap_or(NO_PLACE);
        let mut from = hash as usize;
        while let Some(number) = self.known.next_of(hash, &mut from) {
            let said = &mut self.said[place(number)];
            if said.is_of(&self.texts, kind, id) {
                // What a table says of the resource stands near by.
                said.place = at as u32;
                return number;
            }
        }
        match (kind as usize) < kinds::TYPES.len() {
            true => self.add([name, "/", id], kind, at, hash),
            false => self.add([id], kind, at, hash),
        }
    }

    /// Puts an address together. The resources of a type often stand together.
    fn join(&mut self, kind: TypeId, name: &str, id: &str) {
        if self.joined_type == kind {
            self.joined.truncate(name.len() + 1);
        } else {
            self.joined_type = kind;
            self.joined.clear();
            self.joined.extend([name, "/"]);
        }
        self.joined.push_str(id);
    }

    /// Adds an address whose text is some texts, one behind the other.
    #[inline(always)]
    fn add<const N: usize>(
        &mut self,
        texts: [&str; N],
        kind: TypeId,
        place: usize,
        hash: u32,
    ) -> AddressNumber {
        // The first is 1, and so on.
        let number = AddressNumber::MIN.saturating_add(self.said.len() as u32);
        let start = self.texts.len();
        texts.into_iter().for_each(|text| self.texts.push_str(text));
        let length = (self.texts.len() - start) as u32;
        self.said.push(Said { start: start as u32, length, kind, place: place as u32 });
        self.known.add(number, hash);
        number
    }
}

impl Known {
    fn with_room(addresses: usize) -> Self {
        let places = vec![[0; 2]; (2 * addresses).next_power_of_two().max(FEWEST)];
        Self { places, seeds: Seeds::get() }
    }

    #[inline]
    fn hash(&self, text: &[u8]) -> u32 {
        self.seeds.hash_of(text) as u32
    }

    /// As [`Known::hash`] of two texts, one behind the other, where the second is not short.
    #[inline]
    fn hash_of_joined(&self, first: &Beginning, second: &str) -> Option<u32> {
        self.seeds.hash_of_joined(first, second.as_bytes()).map(|hash| hash as u32)
    }

    /// The next address of a hash that stands at a place or behind it, which is then behind the address.
    #[inline(always)]
    fn next_of(&self, hash: u32, place: &mut usize) -> Option<AddressNumber> {
        loop {
            let [other, number] = self.places[*place & (self.places.len() - 1)];
            let number = AddressNumber::new(number)?;
            *place += 1;
            if other == hash {
                return Some(number);
            }
        }
    }

    /// Takes in an address, the last so far.
    fn add(&mut self, number: AddressNumber, hash: u32) {
        if number.get() as usize > self.places.len() / 2 {
            let more = vec![[0; 2]; 2 * self.places.len()];
            let all = std::mem::replace(&mut self.places, more);
            all.into_iter().filter(|[_, number]| *number != 0).for_each(|known| self.put(known));
        }
        self.put([hash, number.get()]);
    }

    fn put(&mut self, known: [u32; 2]) {
        let mut place = known[0] as usize;
        loop {
            let last = self.places.len() - 1;
            let [_, number] = &self.places[place & last];
            if *number == 0 {
                self.places[place & last] = known;
                return;
            }
            place += 1;
        }
    }
}

#[inline]
fn place(number: AddressNumber) -> usize {
    number.get() as usize - 1
}

/// Whether two texts are one. Most are short, so that to call for their comparison would take as long as comparing them.
#[inline]
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    match (one.last_chunk::<16>(), other.last_chunk::<16>()) {
        (Some(end), Some(other_end)) if one.len() == other.len() => {
            // They begin alike.
            let (parts, other_parts) = (one.as_chunks::<16>().0, other.as_chunks::<16>().0);
            end == other_end && parts.iter().zip(other_parts).rev().all(|(part, other)| part == other)
        }
        _ => one == other,
    }
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

/// Whether a text names a type that is known here.
fn names_type(text: &str, kind: TypeId) -> bool {
    let rest = kinds::TYPES.get(kind as usize).and_then(|(name, _)| text.strip_prefix(name));
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// The type that a text names, where it is known here.
fn known_type(text: &str) -> Option<TypeId> {
    split_at_slash(text).and_then(|(kind, _)| kinds::known(kind))
}
