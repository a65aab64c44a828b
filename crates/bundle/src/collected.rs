//! What has been read of a bundle, before anything is resolved: the resources in order, their elements in pools.

use std::cell::Cell;
use std::mem::take;

use hashbrown::HashMap;

use crate::Limits;
use crate::addresses::{AddressNumber, Addresses};
use crate::drug::Medication;
use crate::elements::{Besides, Coding, Concept, ExtensionUrls, Header, HumanName, Identifier, Reference};
use crate::json::Shapes;
use crate::kinds::{self, Role, TypeId};
use crate::lists::{List, ListSaying, Purpose};
use crate::notices::Notices;
use crate::outcome::OutcomeIssue;
use crate::people::{Named, Patient, PractitionerRole};
use crate::tables::allergies::{Allergy, Reaction};
use crate::tables::consultations::{Encounter, Participant};
use crate::tables::medication_issues::Request;
use crate::tables::medications::Statement;
use crate::tables::problems::{Condition, ProblemLink};
use crate::text::{Store, Text};

/// No resource.
pub(crate) const NOBODY: u32 = u32::MAX;

/// One resource of the bundle, contained ones included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resource {
    pub(crate) kind: TypeId,
    /// Position in the typed pool of its kind.
    pub(crate) row: u32,
    /// Its type and id, where it has an id.
    pub(crate) address: Option<AddressNumber>,
    /// Position in `Bundle.entry`, and what is marked of it: a body of 2 GiB has less than 2^30 entries.
    entry_and_marks: u32,
}

impl Resource {
    const CONTAINED: u32 = 1 << 31;
    const REPEATED: u32 = 1 << 30;

    /// A resource of a type in an entry, of which nothing else is known yet.
    pub(crate) fn new(kind: TypeId, entry: u32, is_contained: bool) -> Self {
        let mark = if is_contained { Self::CONTAINED } else { 0 };
        Self { kind, row: 0, address: None, entry_and_marks: entry | mark }
    }

    /// Position in `Bundle.entry`.
    pub(crate) fn entry(&self) -> u32 {
        self.entry_and_marks & !(Self::CONTAINED | Self::REPEATED)
    }

    /// Whether another resource contains it.
    pub(crate) fn is_contained(&self) -> bool {
        self.entry_and_marks & Self::CONTAINED != 0
    }

    /// Whether an earlier resource of the same type and id says the same.
    pub(crate) fn is_repeated(&self) -> bool {
        self.entry_and_marks & Self::REPEATED != 0
    }

    /// Takes in that an earlier one of the same type and id says the same.
    pub(crate) fn mark_repeated(&mut self) {
        self.entry_and_marks |= Self::REPEATED;
    }
}

/// A resource that another contains.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contained {
    pub(crate) number: u32,
    pub(crate) container: u32,
}

/// How the content of two resources of one id is compared. As bytes, which want no alignment and are written at once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    /// Where it stands in a body that is held whole: the upper half of the number is its end.
    Held([u8; 8]),
    /// The canonical hash of content that is gone.
    Hash([u8; 8]),
}

impl Content {
    /// The content between two byte offsets of a body that is held whole.
    pub(crate) fn held(start: u32, end: u32) -> Self {
        Self::Held((u64::from(end) << 32 | u64::from(start)).to_ne_bytes())
    }
}

/// How much text one column may hold. Joined records repeat a text, such as the name of a drug, and a bundle may
/// be made to repeat a long one without end.
pub(crate) struct TextBudget {
    bytes_a_column: usize,
    spent: Cell<bool>,
}

impl TextBudget {
    /// Twice the body, and what many small records may take.
    pub(crate) fn of_body(bytes: usize) -> Self {
        Self { bytes_a_column: bytes.saturating_mul(2).min(MOST_TEXT) + (1 << 20), spent: Cell::new(false) }
    }

    /// What Arrow can address: for words that are not the bundle's.
    pub(crate) fn of_words() -> Self {
        Self { bytes_a_column: i32::MAX as usize, spent: Cell::new(false) }
    }

    /// Whether a column may hold so much; remembered when it may not.
    pub(crate) fn allows(&self, bytes: usize) -> bool {
        if bytes > self.bytes_a_column {
            self.spent.set(true);
        }
        !self.spent.get()
    }

    /// Whether any column would have held more.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent.get()
    }
}

/// Arrow's offsets are 31 bits.
const MOST_TEXT: usize = (1 << 30) + (1 << 29);

/// About as many bytes as a small resource has.
const BYTES_A_RESOURCE: usize = 2048;
/// How many records of a type, and how many elements of one, there is room for at the beginning at most.
const MOST_RECORDS: usize = 64;
const MOST_ELEMENTS: usize = 1024;

/// Everything read.
pub(crate) struct Collected<'a> {
    pub(crate) store: Store<'a>,
    pub(crate) entries: u32,
    /// Whether the answer says that there is another page of it.
    pub(crate) more_pages: bool,
    pub(crate) text: TextBudget,
    pub(crate) resources: Vec<Resource>,
    /// The content of each resource, until those that repeat others are known.
    pub(crate) contents: Vec<Content>,
    pub(crate) addresses: Addresses,
    /// The resources that others contain, in the order of their numbers.
    pub(crate) contained: Vec<Contained>,
    /// Those of which something could not be read.
    pub(crate) malformed: Vec<u32>,
    /// The first resource of a type and id, and each later one that says something else, sorted.
    pub(crate) twins: Vec<(u32, u32)>,
    /// What each list is for, known when all are read.
    pub(crate) purposes: Vec<Purpose>,
    other_types: Vec<String>,
    other_type_ids: HashMap<String, TypeId>,
    pub(crate) notices: Notices,
    pub(crate) extension_urls: ExtensionUrls,
    /// How resources are built of which only the id is read.
    pub(crate) shapes: Shapes,

    pub(crate) texts: Vec<Text>,
    pub(crate) codings: Vec<Coding>,
    pub(crate) concepts: Vec<Concept>,
    pub(crate) identifiers: Vec<Identifier>,
    pub(crate) references: Vec<Reference>,
    pub(crate) besides: Vec<Besides>,
    /// What lists name; not in the pool of the others, since nobody needs it when the first table is made.
    pub(crate) items: Vec<Reference>,
    pub(crate) headers: Vec<Header>,
    pub(crate) list_sayings: Vec<ListSaying>,
    pub(crate) problem_links: Vec<ProblemLink>,
    pub(crate) names: Vec<HumanName>,
    pub(crate) reactions: Vec<Reaction>,
    pub(crate) participants: Vec<Participant>,

    pub(crate) statements: Vec<Statement>,
    pub(crate) requests: Vec<Request>,
    pub(crate) medications: Vec<Medication>,
    pub(crate) allergies: Vec<Allergy>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) encounters: Vec<Encounter>,
    pub(crate) lists: Vec<List>,
    pub(crate) patients: Vec<Patient>,
    pub(crate) roles: Vec<PractitionerRole>,
    /// Practitioners, related persons, organisations, locations: whoever or whatever has a name.
    pub(crate) named: Vec<Named>,
    pub(crate) issues: Vec<OutcomeIssue>,
}

/// The clinical records and lists, apart from what all tables need, so that each type is given back once the last table that
/// tells of it is made: most of what is kept between reading and columns is theirs.
pub(crate) struct Records {
    pub(crate) statements: Vec<Statement>,
    pub(crate) requests: Vec<Request>,
    pub(crate) allergies: Vec<Allergy>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) encounters: Vec<Encounter>,
    pub(crate) lists: Vec<List>,
    pub(crate) problem_links: Vec<ProblemLink>,
}

/// How many pools there are.
const POOLS: usize = 29;

/// How much had been read at some time.
pub(crate) struct Lengths {
    pools: [usize; POOLS],
    entries: u32,
}

/// What grows, whatever it holds.
trait Pool {
    fn length(&self) -> usize;
    fn shorten(&mut self, length: usize);
}

impl<T> Pool for Vec<T> {
    fn length(&self) -> usize {
        self.len()
    }

    fn shorten(&mut self, length: usize) {
        self.truncate(length);
    }
}

impl<'a> Collected<'a> {
    pub(crate) fn new(store: Store<'a>, limits: Limits) -> Self {
        let resources = store.body_length() / BYTES_A_RESOURCE;
        // A few of each type; what a long body has more of is worth growing for.
        let (records, elements) = ((resources / 2).min(MOST_RECORDS), (resources * 2).min(MOST_ELEMENTS));
        Self {
            entries: 0,
            more_pages: false,
            text: TextBudget::of_body(0),
            resources: Vec::with_capacity(resources),
            contents: Vec::with_capacity(resources),
            addresses: Addresses::with_room(resources),
            contained: Vec::new(),
            malformed: Vec::new(),
            twins: Vec::new(),
            purposes: Vec::new(),
            store,
            other_types: Vec::new(),
            other_type_ids: HashMap::new(),
            notices: Notices::up_to(limits.notices),
            extension_urls: ExtensionUrls::default(),
            shapes: Shapes::default(),
            texts: Vec::with_capacity(elements),
            codings: Vec::with_capacity(elements),
            concepts: Vec::with_capacity(elements / 4),
            identifiers: Vec::with_capacity(elements),
            references: Vec::with_capacity(elements),
            besides: Vec::new(),
            items: Vec::with_capacity(elements),
            headers: Vec::new(),
            list_sayings: Vec::new(),
            problem_links: Vec::new(),
            names: Vec::new(),
            reactions: Vec::new(),
            participants: Vec::with_capacity(records),
            statements: Vec::with_capacity(records),
            requests: Vec::with_capacity(records),
            medications: Vec::with_capacity(records),
            allergies: Vec::new(),
            conditions: Vec::new(),
            encounters: Vec::with_capacity(records),
            lists: Vec::with_capacity(records),
            patients: Vec::new(),
            roles: Vec::new(),
            named: Vec::new(),
            issues: Vec::new(),
        }
    }

    /// Hands over the records, and remembers what each list is for.
    pub(crate) fn take_records(&mut self) -> Records {
        self.purposes = self.lists.iter().map(|list| list.purpose).collect();
        Records {
            statements: take(&mut self.statements),
            requests: take(&mut self.requests),
            allergies: take(&mut self.allergies),
            conditions: take(&mut self.conditions),
            encounters: take(&mut self.encounters),
            lists: take(&mut self.lists),
            problem_links: take(&mut self.problem_links),
        }
    }

    /// Lets go of what records are made of, once all have been told: lists and links name records alone.
    pub(crate) fn forget_elements(&mut self) {
        (self.codings, self.concepts, self.identifiers) = Default::default();
        (self.references, self.participants, self.reactions) = Default::default();
        (self.texts, self.names, self.medications) = Default::default();
        (self.patients, self.roles, self.named, self.shapes) = Default::default();
    }

    /// Gives back the room that the pools took and do not need: they stay as they are from now on.
    pub(crate) fn trim(&mut self) {
        self.store.trim();
        self.resources.shrink_to_fit();
        self.codings.shrink_to_fit();
        self.concepts.shrink_to_fit();
        self.identifiers.shrink_to_fit();
        self.references.shrink_to_fit();
        self.items.shrink_to_fit();
        self.texts.shrink_to_fit();
        self.problem_links.shrink_to_fit();
        self.participants.shrink_to_fit();
        self.statements.shrink_to_fit();
        self.requests.shrink_to_fit();
        self.allergies.shrink_to_fit();
        self.conditions.shrink_to_fit();
        self.encounters.shrink_to_fit();
        self.lists.shrink_to_fit();
    }

    /// The resource that contains another.
    pub(crate) fn container_of(&self, number: u32) -> Option<u32> {
        let place = self.contained.binary_search_by_key(&number, |contained| contained.number).ok()?;
        Some(self.contained[place].container)
    }

    /// The id of a resource.
    #[inline]
    pub(crate) fn id_of(&self, resource: &Resource) -> Text {
        resource.address.map_or(Text::NONE, |address| self.addresses.id(address))
    }

    /// Names a resource that is being read by its id.
    /// It stands at a place of the body, if at any.
    pub(crate) fn identify(&mut self, number: u32, id: &str, at: Option<usize>) {
        let kind = self.resources[number as usize].kind;
        let name = match kinds::TYPES.get(kind as usize) {
            Some((name, _)) => name,
            None => &*self.other_types[kind as usize - kinds::TYPES.len()],
        };
        let address = self.addresses.of_resource((kind, name), id, at);
        self.resources[number as usize].address = Some(address);
    }

    /// How much has been read.
    pub(crate) fn lengths(&mut self) -> Lengths {
        let entries = self.entries;
        Lengths { pools: self.pools().map(|pool| pool.length()), entries }
    }

    /// Forgets what has been read since there was so much. Copies of texts stay: others may be told by them.
    pub(crate) fn take_back(&mut self, before: Lengths) {
        self.pools().into_iter().zip(before.pools).for_each(|(pool, length)| pool.shorten(length));
        self.entries = before.entries;
    }

    /// All that grows as entries are read. Each field is named, so that none is forgotten.
    #[rustfmt::skip]
    fn pools(&mut self) -> [&mut dyn Pool; POOLS] {
        let Self {
            // Counted apart.
            entries: _,
            // The document's, not its entries'.
            more_pages: _, text: _, twins: _, purposes: _,
            // What is known stays known.
            store: _, other_types: _, other_type_ids: _, extension_urls: _, addresses: _,
            shapes: _,
            resources, contained, malformed, contents, notices, texts, codings, concepts, identifiers, references, besides, items,
            headers, list_sayings,
            problem_links, names, reactions, participants, statements, requests, medications, allergies, conditions,
            encounters, lists, patients, roles, named, issues,
        } = self;
        [
            resources, contained, malformed, contents, &mut notices.all, texts, codings, concepts, identifiers, references, besides, items,
            headers, list_sayings,
            problem_links, names, reactions, participants, statements, requests, medications, allergies, conditions,
            encounters, lists, patients, roles, named, issues,
        ]
    }

    /// The number of a type by its name, a new one for a type not met before.
    pub(crate) fn type_id(&mut self, name: &str) -> TypeId {
        if let Some(known) = self.known_type(name) {
            return known;
        }
        let kind = (kinds::TYPES.len() + self.other_types.len()) as TypeId;
        self.other_types.push(name.to_owned());
        self.other_type_ids.insert(name.to_owned(), kind);
        kind
    }

    /// The number of a type that is known or has been met.
    pub(crate) fn known_type(&self, name: &str) -> Option<TypeId> {
        kinds::known(name).or_else(|| self.other_type_ids.get(name).copied())
    }

    /// The name of a type.
    pub(crate) fn type_name(&self, kind: TypeId) -> &str {
        match kinds::TYPES.get(kind as usize) {
            Some((name, _)) => name,
            None => &self.other_types[kind as usize - kinds::TYPES.len()],
        }
    }

    /// How a type is accounted for.
    pub(crate) fn role(&self, kind: TypeId) -> Role {
        kinds::TYPES.get(kind as usize).map_or(Role::Unmapped, |known| known.1)
    }
}
