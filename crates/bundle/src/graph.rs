//! Every resource by type and id, and what a reference points at.
//!
//! All resources are indexed before anything is resolved, since references point forward as often as back
//! (`real-data` sheet, section 4).

use std::borrow::Cow;
use std::cell::Cell;

use bedside_model::NoticeCode;
use hashbrown::{HashMap, HashSet};

use crate::Limits;
use crate::collected::{Collected, Content, NOBODY, Resource};
use crate::concepts::{self, Described};
use crate::drug::{Medication, Medicine};
use crate::elements::Reference;
use crate::index::{Index, TopLevel};
use crate::json::{Cursor, Workspace, canonical_hash};
use crate::kinds::{self, TypeId};
use crate::names::{Facts, ODS, facts, first_name};
use crate::notices::Notices;
use crate::people::Patient;
use crate::tables::medication_issues::Request;

/// What a reference points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target<'g> {
    /// There is no reference.
    Absent,
    /// A resource of the bundle, by its number.
    Resource(u32),
    /// A well-formed reference to something that is not in the bundle.
    Elsewhere { kind: &'g str, id: &'g str },
    /// A display without a reference.
    Display,
    /// An identifier without either.
    Identifier,
    /// Something that is not a reference.
    Malformed,
}

/// A reference and what became of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolved<'g> {
    pub(crate) target: Target<'g>,
    /// Whether its form is wrong, though its target may be known.
    pub(crate) malformed: bool,
    /// Its display, else its text where it is malformed.
    pub(crate) display: Option<&'g str>,
}

/// The resources and what points at them.
pub(crate) struct Graph<'g, 's> {
    pub(crate) all: &'g Collected<'s>,
    index: Index<'g, 's>,
    /// The resource that each plain reference points at, once that has been asked: records are asked several times.
    targets: Vec<Cell<u32>>,
    facts: Vec<Facts<'g>>,
    patient_names: Vec<Option<Cow<'g, str>>>,
    /// The drug of each Medication, in the order of their pool: many records share one.
    drugs: Vec<Option<Described<'g>>>,
    /// The drugs that requests name themselves, by resource: many records may share one plan.
    request_drugs: HashMap<u32, Described<'g>>,
}

impl<'g, 's> Graph<'g, 's> {
    /// Indexes what was read.
    pub(crate) fn new(all: &'g Collected<'s>, top: TopLevel) -> Self {
        let patient_name = |patient: &Patient| first_name(all, patient.names);
        let patient_names = all.patients.iter().map(patient_name).collect();
        let drug = |medication: &Medication| medication.code.map(|code| concepts::describe(all, code));
        let drugs = all.medications.iter().map(drug).collect();
        let of_request = |request: &Request| {
            let concept = request.medicine.concept?;
            Some((request.head.resource, concepts::describe(all, concept)))
        };
        let request_drugs = all.requests.iter().filter_map(of_request).collect();
        let targets = vec![Cell::new(NOBODY); all.reference_count as usize];
        Self {
            all,
            index: Index::new(all, top),
            targets,
            facts: facts(all),
            patient_names,
            drugs,
            request_drugs,
        }
    }

    /// The number of a resource as the record's tables refer to it.
    pub(crate) fn resource(&self, number: u32) -> &'g Resource {
        &self.all.resources[number as usize]
    }

    /// The id of a resource, empty where it has none.
    pub(crate) fn id(&self, number: u32) -> &'g str {
        self.all.store.str(self.resource(number).id)
    }

    /// The type of a resource.
    pub(crate) fn type_name(&self, number: u32) -> &'g str {
        self.all.type_name(self.resource(number).kind)
    }

    /// The entry of a resource.
    pub(crate) fn entry(&self, number: u32) -> u32 {
        self.resource(number).entry
    }

    /// Whether rows are made of a resource: not when an earlier one says the same.
    pub(crate) fn counts(&self, number: u32) -> bool {
        !self.resource(number).repeated
    }

    /// The first resource of the type and id of a resource: what is said by id is said of that one, and holds
    /// for those that share its id.
    pub(crate) fn first_of(&self, number: u32) -> u32 {
        let resource = self.resource(number);
        let is_first = self.all.twins.is_empty() && !resource.repeated;
        if is_first || resource.container != NOBODY || resource.id.is_none() {
            return number;
        }
        self.top_level(resource.kind, self.id(number)).unwrap_or(number)
    }

    /// The resources that share the type and id of the first of them, with that one.
    pub(crate) fn twins(&self, first: u32) -> &'g [(u32, u32)] {
        let twins = &self.all.twins;
        let start = twins.partition_point(|(earlier, _)| *earlier < first);
        let end = twins.partition_point(|(earlier, _)| *earlier <= first);
        &twins[start..end]
    }

    /// The number of a top-level resource.
    pub(crate) fn top_level(&self, kind: TypeId, id: &str) -> Option<u32> {
        self.index.top(kind, id)
    }

    /// The number of the target of a reference, where it is a resource of one type.
    pub(crate) fn find(&self, reference: Reference, holder: u32, kind: TypeId) -> Option<u32> {
        match self.resolve(reference, holder).target {
            Target::Resource(number) if self.resource(number).kind == kind => Some(number),
            _ => None,
        }
    }

    /// What a reference of the resource `holder` points at (`bundle` sheet, section 5).
    #[inline]
    pub(crate) fn resolve(&self, reference: Reference, holder: u32) -> Resolved<'g> {
        // An absent reference has no number of its own.
        if reference.is_absent() {
            return Resolved { target: Target::Absent, malformed: false, display: None };
        }
        match self.targets[reference.number as usize].get() {
            NOBODY => self.resolve_first(reference, holder),
            number => {
                let display = self.all.store.get(reference.display);
                Resolved { target: Target::Resource(number), malformed: false, display }
            }
        }
    }

    /// Resolves a reference that has not been found before.
    fn resolve_first(&self, reference: Reference, holder: u32) -> Resolved<'g> {
        let display = self.all.store.get(reference.display);
        let Some(text) = self.all.store.get(reference.reference).filter(|text| !text.is_empty()) else {
            let target = match display {
                Some(_) => Target::Display,
                None if reference.is_by_identifier() => Target::Identifier,
                None => Target::Absent,
            };
            return Resolved { target, malformed: false, display };
        };
        if let Some(number) = self.follow_plain(text) {
            self.targets[reference.number as usize].set(number);
            return Resolved { target: Target::Resource(number), malformed: false, display };
        }
        let (target, malformed) = self.follow_odd(text, holder);
        let display = if target == Target::Malformed { display.or(Some(text)) } else { display };
        Resolved { target, malformed, display }
    }

    /// As [`Graph::resolve`], and says what is wrong with the reference.
    pub(crate) fn resolve_noticed(
        &self,
        reference: Reference,
        holder: u32,
        element: &'static str,
        notices: &mut Notices,
    ) -> Resolved<'g> {
        let resolved = self.resolve(reference, holder);
        if resolved.malformed {
            notices.add(holder, NoticeCode::MalformedReference, element);
        } else if matches!(resolved.target, Target::Elsewhere { .. } | Target::Identifier) {
            notices.add(holder, NoticeCode::UnresolvedReference, element);
        }
        resolved
    }

    /// The id that a reference names, known or not; nothing for a display or a malformed one.
    pub(crate) fn target_id(&self, target: Target<'g>) -> Option<&'g str> {
        match target {
            Target::Resource(number) => Some(self.id(number)),
            Target::Elsewhere { id, .. } => Some(id),
            _ => None,
        }
    }

    /// The type that a reference names, known or not.
    pub(crate) fn target_type(&self, target: Target<'g>) -> Option<&'g str> {
        match target {
            Target::Resource(number) => Some(self.type_name(number)),
            Target::Elsewhere { kind, .. } => Some(kind),
            _ => None,
        }
    }

    /// Nearly every reference is `Type/id` of something that is there.
    fn follow_plain(&self, text: &str) -> Option<u32> {
        let (kind, id) = split_at_slash(text)?;
        self.index.any(self.all.known_type(kind)?, id)
    }

    fn follow_odd(&self, text: &'g str, holder: u32) -> (Target<'g>, bool) {
        if let Some((kind, id)) = plain_parts(text)
            && kinds::is_fhir_type(kind)
        {
            // It has been looked for: a plain reference comes here when it is not found.
            return (Target::Elsewhere { kind, id }, false);
        }
        if let Some((before, id)) = text.split_once('#') {
            return match self.find_contained(id, holder) {
                Some(number) if before.is_empty() => (Target::Resource(number), false),
                // Outside its container a contained resource is named, against the rules, by its id alone.
                _ => match self.index.only_contained(id) {
                    Some(number) => (Target::Resource(number), true),
                    None => (Target::Malformed, true),
                },
            };
        }
        if let Some(urn) = text.strip_prefix("urn:") {
            let id = urn.rsplit(':').next().unwrap_or(urn);
            return self
                .index
                .only(id)
                .map_or((Target::Malformed, true), |number| (Target::Resource(number), false));
        }
        let absolute = text.contains("://");
        let Some(Path { kind, id, is_plain }) = Path::of(text) else {
            return self.unique_or_malformed(text.trim());
        };
        let known = self.all.known_type(kind);
        if !(kinds::is_fhir_type(kind) || known.is_some()) {
            return self.unique_or_malformed(id);
        }
        match known.and_then(|kind| self.index.any(kind, id)) {
            Some(number) => (Target::Resource(number), !absolute && !is_plain),
            // The type is named: a resource of another type with that id is not meant.
            None if !is_plain => (Target::Malformed, true),
            None => (Target::Elsewhere { kind, id }, false),
        }
    }

    /// A reference of a wrong form, which may still name the only resource of an id.
    fn unique_or_malformed(&self, id: &str) -> (Target<'g>, bool) {
        (self.index.only(id).map_or(Target::Malformed, Target::Resource), true)
    }

    fn find_contained(&self, id: &str, holder: u32) -> Option<u32> {
        if holder == NOBODY {
            return None;
        }
        // Inside a contained resource, `#id` names its siblings.
        let container = match self.resource(holder).container {
            NOBODY => holder,
            container => container,
        };
        self.index.inside(container, id)
    }

    /// The name of the person or place that a reference points at, else its display (contract, settled cases).
    pub(crate) fn name<'a>(&'a self, reference: Reference, holder: u32) -> Option<&'a str>
    where
        'g: 'a,
    {
        if reference.is_absent() {
            return None;
        }
        let resolved = self.resolve(reference, holder);
        let named = match resolved.target {
            Target::Resource(number) => self.name_of(number),
            _ => None,
        };
        named.or(resolved.display)
    }

    fn name_of(&self, number: u32) -> Option<&str> {
        let resource = self.resource(number);
        let row = resource.row as usize;
        if resource.kind != kinds::PRACTITIONER_ROLE {
            return self.own_name(number);
        }
        let resolved = self.resolve(self.all.roles[row].practitioner, number);
        match resolved.target {
            Target::Resource(person) => self.own_name(person),
            _ => resolved.display,
        }
    }

    fn own_name(&self, number: u32) -> Option<&str> {
        let resource = self.resource(number);
        let row = resource.row as usize;
        match resource.kind {
            kinds::PATIENT => self.patient_names[row].as_deref(),
            kinds::PRACTITIONER
            | kinds::RELATED_PERSON
            | kinds::ORGANIZATION
            | kinds::LOCATION
            | kinds::HEALTHCARE_SERVICE => self.facts[row].name.as_deref(),
            _ => None,
        }
    }

    /// The ODS code of the organisation that a reference points at.
    pub(crate) fn ods(&self, reference: Reference, holder: u32) -> Option<&'g str> {
        if reference.is_absent() {
            return None;
        }
        let Some(organisation) = self.find(reference, holder, kinds::ORGANIZATION) else {
            return self.own_ods(reference);
        };
        self.facts[self.resource(organisation).row as usize].ods
    }

    /// The ODS code by which a reference names an organisation that is not in the bundle.
    pub(crate) fn own_ods(&self, reference: Reference) -> Option<&'g str> {
        let (store, identifier) = (&self.all.store, reference.identifier(self.all));
        let is_code = reference.reference.is_none() && store.code(identifier.system) == ODS;
        store.get(identifier.value).filter(|_| is_code)
    }

    /// The drug of a medication element: that of the Medication it refers to, else its own concept.
    pub(crate) fn medication(&self, medicine: Medicine, holder: u32) -> Option<Described<'g>> {
        if holder == NOBODY {
            return None;
        }
        let referred = self.find(medicine.reference, holder, kinds::MEDICATION);
        let referred = referred.and_then(|number| self.drugs[self.resource(number).row as usize]);
        referred.or_else(|| {
            let of_request = || self.request_drugs.get(&holder).copied();
            let concept = medicine.concept?;
            of_request().or_else(|| Some(concepts::describe(self.all, concept)))
        })
    }
}

/// Marks each resource that repeats an earlier one of its type and id, and says so (contract rule 10); the first of
/// each at top level.
pub(crate) fn mark_repeated(all: &mut Collected<'_>, body: &str, limits: Limits) -> TopLevel {
    let (top, sharing) = sharing_an_id(all);
    let mut told = HashSet::new();
    for (number, earlier) in sharing {
        let hash = hash_of(all.contents[number as usize], body, limits);
        // The first of an id may be compared with many: it is hashed once.
        let first = hash_of(all.contents[earlier as usize], body, limits);
        all.contents[earlier as usize] = Content::Hash(first);
        told.insert((earlier, first));
        let identical = !told.insert((earlier, hash));
        let code = if identical { NoticeCode::DuplicateResource } else { NoticeCode::ConflictingDuplicate };
        all.resources[number as usize].repeated = identical;
        if !identical {
            all.twins.push((earlier, number));
        }
        all.notices.add(number, code, "id");
    }
    all.contents = Vec::new();
    all.twins.sort_unstable();
    for number in 0..all.resources.len() {
        // What a repeated container contains has been seen with the first.
        let container = all.resources[number].container;
        if container != NOBODY && all.resources[container as usize].repeated {
            all.resources[number].repeated = true;
        }
    }
    top
}

/// The first top-level resource of each type and id, and each resource whose type and id an earlier one of the same
/// container has, with that one.
fn sharing_an_id(all: &Collected<'_>) -> (TopLevel, Vec<(u32, u32)>) {
    let mut top = TopLevel::with_room(all.resources.len());
    let mut contained: HashMap<(TypeId, u32, &str), u32> = HashMap::new();
    let mut sharing = Vec::new();
    for (number, resource) in all.resources.iter().enumerate() {
        let Some(id) = all.store.get(resource.id) else { continue };
        let number = number as u32;
        let earlier = match resource.container {
            NOBODY => top.first_or_add(all, number),
            container => *contained.entry((resource.kind, container, id)).or_insert(number),
        };
        if earlier != number {
            sharing.push((number, earlier));
        }
    }
    (top, sharing)
}

fn hash_of(content: Content, body: &str, limits: Limits) -> [u8; 8] {
    match content {
        Content::Hash(hash) => hash,
        // The reader has passed this text, so it has no fault.
        Content::Held(start, end) => {
            let text = &body[start as usize..end as usize];
            canonical_hash(&mut Cursor::new(text, 0, 0, limits, Workspace::new()))
                .unwrap_or_default()
                .to_ne_bytes()
        }
    }
}

fn split_at_slash(text: &str) -> Option<(&str, &str)> {
    let slash = text.bytes().position(|byte| byte == b'/')?;
    Some((&text[..slash], &text[slash + 1..]))
}

/// The parts of `Type/id` where it is of nothing but the characters that ids are made of, the underscore of some suppliers included.
fn plain_parts(text: &str) -> Option<(&str, &str)> {
    let (kind, id) = split_at_slash(text)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (!id.is_empty() && id.bytes().all(is_plain)).then_some((kind, id))
}

/// The type and id at the end of a reference, before a version.
struct Path<'t> {
    kind: &'t str,
    id: &'t str,
    /// Whether they are all of it.
    is_plain: bool,
}

impl<'t> Path<'t> {
    /// Nothing where there are not two segments. White space around a reference and slashes too many do not count,
    /// though it is not plain with them.
    fn of(text: &'t str) -> Option<Self> {
        let current = text.split_once("/_history/").map_or(text, |(current, _)| current);
        let mut segments = current.trim().rsplit('/').filter(|segment| !segment.is_empty());
        let (id, kind) = (segments.next()?, segments.next()?);
        let is_word = |segment: &str| !segment.contains(char::is_whitespace);
        let is_plain = current.split_once('/') == Some((kind, id));
        (is_word(id) && is_word(kind)).then_some(Self { kind, id, is_plain })
    }
}
