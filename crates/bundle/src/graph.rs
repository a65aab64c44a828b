//! Every resource by type and id, and what a reference points at.
//!
//! All resources are indexed before anything is resolved, since references point forward as often as back
//! (`real-data` sheet, section 4).

use std::borrow::Cow;

use bedside_model::NoticeCode;

use crate::addresses::{Address, is_plain, split_at_slash};
use crate::collected::{Collected, NOBODY, Resource};
use crate::elements::Reference;
use crate::index::Index;
use crate::kinds::{self, TypeId};
use crate::names::{Facts, ODS, facts, first_name};
use crate::notices::Notices;
use crate::people::Patient;
use crate::text::Text;

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
    pub(crate) display: Text,
}

/// The resources and what points at them.
pub(crate) struct Graph<'g, 's> {
    pub(crate) all: &'g Collected<'s>,
    index: Index<'g, 's>,
    facts: Vec<Facts<'g>>,
    patient_names: Vec<Option<Cow<'g, str>>>,
}

impl<'g, 's> Graph<'g, 's> {
    /// Indexes what was read.
    pub(crate) fn new(all: &'g Collected<'s>) -> Self {
        let patient_name = |patient: &Patient| first_name(all, patient.names);
        let patient_names = all.patients.iter().map(patient_name).collect();
        Self { all, index: Index::new(all), facts: facts(all), patient_names }
    }

    /// The number of a resource as the record's tables refer to it.
    pub(crate) fn resource(&self, number: u32) -> &'g Resource {
        &self.all.resources[number as usize]
    }

    /// The id of a resource, empty where it has none.
    pub(crate) fn id(&self, number: u32) -> &'g str {
        self.all.store.str(self.id_text(number))
    }

    /// The id of a resource as it is kept.
    pub(crate) fn id_text(&self, number: u32) -> Text {
        self.all.id_of(self.resource(number))
    }

    /// The type of a resource.
    pub(crate) fn type_name(&self, number: u32) -> &'g str {
        self.all.type_name(self.resource(number).kind)
    }

    /// The entry of a resource.
    pub(crate) fn entry(&self, number: u32) -> u32 {
        self.resource(number).entry()
    }

    /// Whether rows are made of a resource: not when an earlier one says the same.
    pub(crate) fn counts(&self, number: u32) -> bool {
        !self.resource(number).is_repeated()
    }

    /// The first resource of the type and id of a resource: what is said by id is said of that one, and holds
    /// for those that share its id.
    pub(crate) fn first_of(&self, number: u32) -> u32 {
        let resource = self.resource(number);
        match resource.address {
            Some(address) if !resource.is_contained() => self.all.addresses.resource(address),
            _ => number,
        }
    }

    /// The resources that share the type and id of the first of them, with that one.
    pub(crate) fn twins(&self, first: u32) -> &'g [(u32, u32)] {
        let twins = &self.all.twins;
        if twins.is_empty() {
            return &[];
        }
        let start = twins.partition_point(|(earlier, _)| *earlier < first);
        let end = twins.partition_point(|(earlier, _)| *earlier <= first);
        &twins[start..end]
    }

    /// The top-level resource of the type and id of a resource.
    pub(crate) fn top_level(&self, number: u32) -> Option<u32> {
        self.index.top(self.resource(number).address?)
    }

    /// The number of the target of a reference, where it is a resource of one type.
    #[inline]
    pub(crate) fn find(&self, reference: Reference, holder: u32, kind: TypeId) -> Option<u32> {
        let number = match self.plainly_named(&reference) {
            NOBODY => self.find_odd(reference, holder)?,
            number => number,
        };
        (self.resource(number).kind == kind).then_some(number)
    }

    /// The number of the target of a reference that is not plainly that of a resource of the bundle.
    #[inline(never)]
    fn find_odd(&self, reference: Reference, holder: u32) -> Option<u32> {
        match self.resolve(reference, holder).target {
            Target::Resource(number) => Some(number),
            _ => None,
        }
    }

    /// The address by which a reference names a resource, in the bundle or elsewhere, about which nothing is odd.
    #[inline]
    fn plain_address(&self, reference: &Reference) -> Option<Address> {
        let addresses = &self.all.addresses;
        reference.address.filter(|number| addresses.is_plain(*number)).map(|number| addresses.get(number))
    }

    /// Whether nothing is odd about a reference: it names a resource, in the bundle or elsewhere.
    #[inline]
    pub(crate) fn is_plain(&self, reference: &Reference) -> bool {
        reference.address.is_some_and(|address| self.all.addresses.is_plain(address))
    }

    /// The type that a reference of the resource `holder` names, known or not.
    #[inline]
    pub(crate) fn named_type(&self, reference: &Reference, holder: u32) -> Option<&'g str> {
        match self.plain_address(reference).and_then(|address| address.kind()) {
            Some(kind) => Some(self.all.type_name(kind)),
            None => self.target_type(self.resolve(*reference, holder).target),
        }
    }

    /// The id that a reference of the resource `holder` names, known or not.
    #[inline]
    pub(crate) fn named_id(&self, reference: &Reference, holder: u32) -> Option<&'g str> {
        match self.plain_address(reference) {
            Some(address) => Some(self.all.store.str(address.id())),
            None => self.target_id(self.resolve(*reference, holder).target),
        }
    }

    /// How a reference of the resource `holder` is shown, as [`Resolved::display`] is.
    #[inline]
    pub(crate) fn display(&self, reference: &Reference, holder: u32) -> Text {
        match self.plain_address(reference) {
            Some(_) => reference.display(self.all),
            None => self.resolve(*reference, holder).display,
        }
    }

    /// What a reference says that is not plainly `Type/id`, else its id; empty where it says nothing.
    pub(crate) fn said(&self, reference: Reference) -> &'g str {
        reference.address.map_or("", |address| self.all.store.str(self.all.addresses.id(address)))
    }

    /// The target of an address of a known type at which there is no resource.
    fn elsewhere(&self, address: &Address) -> Target<'g> {
        let kind = address.kind().map_or("", |kind| self.all.type_name(kind));
        Target::Elsewhere { kind, id: self.all.store.str(address.id()) }
    }

    /// What a reference of the resource `holder` points at (`bundle` sheet, section 5).
    #[inline]
    pub(crate) fn resolve(&self, reference: Reference, holder: u32) -> Resolved<'g> {
        if reference.is_absent() {
            return Resolved { target: Target::Absent, malformed: false, display: Text::NONE };
        }
        match self.plainly_named(&reference) {
            NOBODY => self.resolve_odd(reference, holder),
            number => {
                let display = reference.display(self.all);
                Resolved { target: Target::Resource(number), malformed: false, display }
            }
        }
    }

    /// Resolves a reference that is not plainly that of a resource.
    #[inline(never)]
    fn resolve_odd(&self, reference: Reference, holder: u32) -> Resolved<'g> {
        let display = reference.display(self.all);
        let addresses = &self.all.addresses;
        if let Some(number) = reference.address
            && addresses.is_elsewhere(number)
        {
            return Resolved { target: self.elsewhere(&addresses.get(number)), malformed: false, display };
        }
        let address = reference.address.map(|number| addresses.get(number));
        let Some(address) = address.filter(|address| !address.id().is_empty()) else {
            let target = match display.is_some() {
                true => Target::Display,
                false if reference.is_by_identifier(self.all) => Target::Identifier,
                false => Target::Absent,
            };
            return Resolved { target, malformed: false, display };
        };
        let resolved = |target| Resolved { target, malformed: false, display };
        if address.kind().is_none()
            && let Some(number) = self.follow_late(self.all.store.str(address.id()))
        {
            return resolved(Target::Resource(number));
        }
        let whole = address.whole();
        let (target, malformed) = self.follow_odd(self.all.store.str(whole), holder);
        let display = if target == Target::Malformed { display.or(whole) } else { display };
        Resolved { target, malformed, display }
    }

    /// Whether a reference names a resource of the bundle, and nothing is odd about it.
    #[inline]
    pub(crate) fn is_plainly_known(&self, reference: &Reference) -> bool {
        self.plainly_named(reference) != NOBODY
    }

    /// The resource that a reference names about which nothing is odd, else [`NOBODY`].
    #[inline]
    pub(crate) fn plainly_named(&self, reference: &Reference) -> u32 {
        reference.address.map_or(NOBODY, |address| self.all.addresses.resource(address))
    }

    /// As [`Graph::resolve`], and says what is wrong with the reference.
    #[inline]
    pub(crate) fn resolve_noticed(
        &self,
        reference: Reference,
        holder: u32,
        element: &'static str,
        notices: &mut Notices,
    ) -> Resolved<'g> {
        let resolved = self.resolve(reference, holder);
        if !matches!(resolved.target, Target::Resource(_) | Target::Absent) || resolved.malformed {
            notice(&resolved, holder, element, notices);
        }
        resolved
    }

    /// Says what is wrong with a reference of the resource `holder`.
    #[inline]
    pub(crate) fn notice(
        &self,
        reference: &Reference,
        holder: u32,
        element: &'static str,
        notices: &mut Notices,
    ) {
        if !reference.is_absent() && !self.is_plainly_known(reference) {
            self.notice_odd(reference, holder, element, notices);
        }
    }

    #[inline(never)]
    fn notice_odd(&self, reference: &Reference, holder: u32, element: &'static str, notices: &mut Notices) {
        match self.plain_address(reference) {
            Some(_) => notices.add(holder, NoticeCode::UnresolvedReference, element),
            None => notice(&self.resolve_odd(*reference, holder), holder, element, notices),
        }
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

    /// What `Type/id` of a type that only this bundle knows points at.
    fn follow_late(&self, text: &str) -> Option<u32> {
        let (kind, id) = split_at_slash(text)?;
        self.index.any(self.all.known_type(kind)?, id)
    }

    fn follow_odd(&self, text: &'g str, holder: u32) -> (Target<'g>, bool) {
        if let Some((kind, id)) = split_at_slash(text)
            && is_plain(id)
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
        let container = match self.resource(holder).is_contained() {
            true => self.all.container_of(holder)?,
            false => holder,
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
        named.or_else(|| self.all.store.get(resolved.display))
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
            _ => self.all.store.get(resolved.display),
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
        if reference.address.is_some() || reference.besides.is_none() {
            return None;
        }
        let (store, identifier) = (&self.all.store, reference.identifier(self.all));
        store.get(identifier.value).filter(|_| store.says(identifier.system, ODS))
    }
}

/// Says what is wrong with a reference.
fn notice(resolved: &Resolved<'_>, holder: u32, element: &'static str, notices: &mut Notices) {
    if resolved.malformed {
        notices.add(holder, NoticeCode::MalformedReference, element);
    } else if matches!(resolved.target, Target::Elsewhere { .. } | Target::Identifier) {
        notices.add(holder, NoticeCode::UnresolvedReference, element);
    }
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
