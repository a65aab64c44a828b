//! What has been read of a bundle, before anything is resolved: the resources in order, their elements in pools.

use crate::drug::Medication;
use crate::elements::{Coding, Concept, Header, HumanName, Identifier, Reference};
use crate::kinds::{self, Role, TypeId};
use crate::lists::List;
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
    pub(crate) id: Text,
    /// Position in `Bundle.entry`.
    pub(crate) entry: u32,
    /// The resource that contains it, or [`NOBODY`].
    pub(crate) container: u32,
    pub(crate) content: Content,
    /// Whether an earlier resource of the same type and id says the same.
    pub(crate) repeated: bool,
    /// Whether something of it could not be read.
    pub(crate) malformed: bool,
}

/// How the content of two resources of one id is compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    /// Between two byte offsets of a body that is held whole.
    Held(u32, u32),
    /// The canonical hash of content that is gone.
    Hash(u128),
}

/// Everything read.
pub(crate) struct Collected<'a> {
    pub(crate) store: Store<'a>,
    pub(crate) entries: u32,
    pub(crate) resources: Vec<Resource>,
    pub(crate) other_types: Vec<String>,
    pub(crate) notices: Notices,

    pub(crate) texts: Vec<Text>,
    pub(crate) codings: Vec<Coding>,
    pub(crate) concepts: Vec<Concept>,
    pub(crate) identifiers: Vec<Identifier>,
    pub(crate) references: Vec<Reference>,
    pub(crate) headers: Vec<Header>,
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

impl<'a> Collected<'a> {
    pub(crate) fn new(store: Store<'a>) -> Self {
        Self {
            store,
            entries: 0,
            resources: Vec::new(),
            other_types: Vec::new(),
            notices: Notices::default(),
            texts: Vec::new(),
            codings: Vec::new(),
            concepts: Vec::new(),
            identifiers: Vec::new(),
            references: Vec::new(),
            headers: Vec::new(),
            problem_links: Vec::new(),
            names: Vec::new(),
            reactions: Vec::new(),
            participants: Vec::new(),
            statements: Vec::new(),
            requests: Vec::new(),
            medications: Vec::new(),
            allergies: Vec::new(),
            conditions: Vec::new(),
            encounters: Vec::new(),
            lists: Vec::new(),
            patients: Vec::new(),
            roles: Vec::new(),
            named: Vec::new(),
            issues: Vec::new(),
        }
    }

    /// The number of a type by its name, a new one for a type not met before.
    pub(crate) fn type_id(&mut self, name: &str) -> TypeId {
        self.known_type(name).unwrap_or_else(|| {
            self.other_types.push(name.to_owned());
            (kinds::TYPES.len() + self.other_types.len() - 1) as TypeId
        })
    }

    /// The number of a type that is known or has been met.
    pub(crate) fn known_type(&self, name: &str) -> Option<TypeId> {
        kinds::known(name).or_else(|| {
            let position = self.other_types.iter().position(|other| other == name)?;
            Some((kinds::TYPES.len() + position) as TypeId)
        })
    }

    /// The name of a type.
    pub(crate) fn type_name(&self, kind: TypeId) -> &str {
        match kinds::TYPES.get(usize::from(kind)) {
            Some((name, _)) => name,
            None => &self.other_types[usize::from(kind) - kinds::TYPES.len()],
        }
    }

    /// How a type is accounted for.
    pub(crate) fn role(&self, kind: TypeId) -> Role {
        kinds::TYPES.get(usize::from(kind)).map_or(Role::Unmapped, |known| known.1)
    }
}
