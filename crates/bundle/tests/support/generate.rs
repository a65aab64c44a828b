//! Generated bundles, with what must stand in the tables because of them.
//!
//! A record is generated element by element: each is sent as it should be, in a JSON type that is read all the
//! same, in one that cannot be read, as null, or not at all; what its column must hold is noted beside it.

mod elements;
mod lists;
mod medications;
mod records;
mod values;

use std::borrow::Cow;

use bedside_model::schema::Table;

use super::json::Json;
use super::random::Random;

/// What a column must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Held {
    Text(Option<String>),
    /// As text, with the two days that it names.
    Date(Option<String>),
    Texts(Vec<String>),
    /// One field of a list of structs.
    Field(&'static str, Vec<Option<String>>),
}

/// A cell that must be so: the row is the one of a table that an entry of the bundle gives.
#[derive(Debug, Clone)]
pub struct Expected {
    pub table: Table,
    pub entry: u32,
    pub column: Cow<'static, str>,
    pub held: Held,
}

/// A generated bundle.
#[derive(Debug, Clone)]
pub struct Generated {
    /// Each item of `Bundle.entry`.
    pub entries: Vec<Json>,
    pub expected: Vec<Expected>,
    /// Entries that repeat an earlier one and give no row of their own.
    pub repeated: Vec<u32>,
    pub types: Vec<(&'static str, usize)>,
}

impl Generated {
    /// The document around the entries.
    pub fn bundle(&self) -> Json {
        bundle_of(self.entries.clone())
    }
}

/// A bundle of these entries.
pub fn bundle_of(entries: Vec<Json>) -> Json {
    Json::object([
        ("resourceType", Json::text("Bundle")),
        ("id", Json::text("b")),
        ("type", Json::text("collection")),
        ("entry", Json::List(entries)),
    ])
}

/// What may be generated.
#[derive(Clone, Copy)]
pub struct Shapes {
    /// Elements of wrong JSON types.
    pub wrong_types: bool,
    /// Entries that repeat others, and those that contradict them.
    pub repeats: bool,
}

impl Shapes {
    pub const ALL: Self = Self { wrong_types: true, repeats: true };
    pub const WELL_FORMED: Self = Self { wrong_types: false, repeats: false };
}

/// A bundle.
pub fn generate(random: &mut Random, shapes: Shapes) -> Generated {
    let mut maker = Maker { random, shapes, made: Generated::empty(), row: (Table::Medications, 0), id: 0 };
    maker.person();
    for _ in 0..1 + maker.random.below(5) {
        maker.resource();
    }
    maker.lists();
    if shapes.repeats && maker.random.chance(15) {
        maker.repeat();
    }
    maker.made
}

impl Generated {
    fn empty() -> Self {
        Self { entries: Vec::new(), expected: Vec::new(), repeated: Vec::new(), types: Vec::new() }
    }
}

struct Maker<'r> {
    random: &'r mut Random,
    shapes: Shapes,
    made: Generated,
    /// Where the cells of the record being made stand.
    row: (Table, u32),
    id: u32,
}

impl Maker<'_> {
    fn expect(&mut self, column: impl Into<Cow<'static, str>>, held: Held) {
        let (table, entry) = self.row;
        self.made.expected.push(Expected { table, entry, column: column.into(), held });
    }

    fn push(&mut self, resource: Json) -> usize {
        self.made.entries.push(Json::object([("resource", resource)]));
        self.made.entries.len() - 1
    }

    fn begin(&mut self, kind: &'static str, table: Table) -> Json {
        self.row = (table, self.made.entries.len() as u32);
        self.made.types.push((kind, self.made.entries.len()));
        Json::object([("resourceType", Json::text(kind))])
    }
}
