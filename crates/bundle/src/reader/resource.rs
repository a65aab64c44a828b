//! Resources: their type is looked for before they are read, wherever it stands.

use bedside_model::NoticeCode;

use super::{Name, Read, Reader};
use crate::collected::{Contained, Content, NOBODY, Resource};
use crate::elements::Head;
use crate::json::{Around, Kind, Lexeme, Members};
use crate::kinds::{self, TypeId};
use crate::text::Span;
use crate::{drug, lists, outcome, people, tables};

/// A resource of which no table reads anything, passed up to and with its type, and the id that it had until then.
struct BegunUnmapped {
    members: Members,
    id: Option<Lexeme>,
}

impl Reader<'_, '_, '_> {
    /// Reads a member that every clinical record has, and passes over any other.
    #[inline(always)]
    pub(crate) fn common(&mut self, key: Name, head: &mut Head) -> Read<()> {
        match key {
            Name::Identifier => head.identifiers = self.identifiers("identifier")?,
            Name::Note => head.notes = self.notes("note")?,
            // Nearly all meta says nothing but what the resource conforms to.
            Name::Meta if self.cursor.skip_only_member(Name::Profile.as_str()) => {}
            Name::Meta => head.security = self.security()?,
            Name::Subject => head.name_subject(self.reference("subject")?, false),
            Name::Patient => head.name_subject(self.reference("patient")?, true),
            _ => self.base(key)?,
        }
        Ok(())
    }

    /// Reads a member that every resource has, and passes over any other.
    #[inline(always)]
    pub(crate) fn base(&mut self, key: Name) -> Read<()> {
        match key {
            Name::Id => self.id(),
            Name::Contained => self.contained(),
            _ => self.cursor.skip(),
        }
    }

    #[inline(never)]
    fn id(&mut self) -> Read<()> {
        if let Some(id) = self.cursor.plain_string_value() {
            self.identify(id);
        } else if let Some(id) = self.passing_text("id")? {
            self.out.identify(self.resource, &id, None);
        }
        Ok(())
    }

    /// Names the resource being read by an id without an escape.
    #[inline(always)]
    fn identify(&mut self, id: Lexeme) {
        self.out.identify(self.resource, self.cursor.written(id), self.place_of(id));
    }

    #[inline(never)]
    fn contained(&mut self) -> Read<()> {
        let container = self.resource;
        self.each("contained", |reader| {
            // What is wrong with an item is not said of the one before.
            reader.resource = container;
            reader.read_resource(container)
        })?;
        self.resource = container;
        Ok(())
    }

    #[inline(never)]
    fn security(&mut self) -> Read<Span> {
        let mut codes = Span::default();
        self.object("meta", |reader, key| {
            if key != Name::Security {
                return reader.cursor.skip();
            }
            let start = reader.out.texts.len();
            reader.each("meta.security", |reader| {
                let coding = reader.coding("meta.security")?;
                // A label without a code is told by its words rather than lost.
                let label = coding.code.or(coding.display);
                if label.is_some() {
                    reader.out.texts.push(label);
                }
                Ok(())
            })?;
            codes = Span::since(start, &reader.out.texts);
            Ok(())
        })?;
        Ok(codes)
    }

    /// Reads the resource at the cursor and everything it contains.
    pub(super) fn read_resource(&mut self, container: u32) -> Read<()> {
        if !self.cursor.is_at(b'{') {
            return self.resource_of_wrong_type(container);
        }
        let start = self.cursor.at();
        let around = (!self.held).then(|| self.cursor.begin_hash());
        let (kind, begun) = self.begin_resource();
        let number = self.push_resource(kind, container);
        match begun {
            Some(begun) => self.read_rest_of_unmapped(begun)?,
            None => self.read_members(kind)?,
        }
        self.out.contents[number as usize] = self.content(start, around);
        self.resource = number;
        if self.out.role(kind) == kinds::Role::Normalised
            && self.out.resources[number as usize].address.is_none()
        {
            self.notice(NoticeCode::MissingElement, "id");
            self.mark_malformed();
        }
        if self.out.role(kind) == kinds::Role::Unmapped && kinds::TYPES.get(kind as usize).is_none() {
            self.notice(NoticeCode::UnknownResourceType, "resourceType");
        }
        Ok(())
    }

    #[inline(always)]
    fn push_resource(&mut self, kind: TypeId, container: u32) -> u32 {
        self.resource = self.out.resources.len() as u32;
        self.out.contents.push(Content::held(0, 0));
        let is_contained = container != NOBODY;
        self.out.resources.push(Resource::new(kind, self.entry, is_contained));
        if is_contained {
            self.out.contained.push(Contained { number: self.resource, container });
        }
        self.resource
    }

    #[cold]
    fn resource_of_wrong_type(&mut self, container: u32) -> Read<()> {
        self.notice(NoticeCode::WrongJsonType, "entry.resource");
        if self.cursor.peek()? != Kind::Array {
            return self.unknown_resource(container);
        }
        let holder = self.resource;
        let mut items = self.cursor.enter_array()?;
        while self.cursor.next_item(&mut items)? {
            self.resource = holder;
            match self.cursor.peek()? {
                Kind::Object => self.read_resource(container)?,
                _ => self.unknown_resource(container)?,
            }
        }
        Ok(())
    }

    /// What stands here has been seen, so it is accounted for, though nobody can say as what.
    fn unknown_resource(&mut self, container: u32) -> Read<()> {
        let kind = self.out.type_id("");
        self.push_resource(kind, container);
        self.mark_malformed();
        self.cursor.skip()
    }

    /// The type of the resource at the cursor, and how far it has been read where that is more than its type.
    #[inline(always)]
    fn begin_resource(&mut self) -> (TypeId, Option<BegunUnmapped>) {
        match self.begin_with_first(Name::ResourceType) {
            Some(name) => (self.type_of(name), None),
            None => self.begin_late(),
        }
    }

    #[inline(always)]
    fn type_of(&mut self, name: Lexeme) -> TypeId {
        match kinds::known(self.cursor.written(name)) {
            Some(kind) => kind,
            None => self.other_type_of(name),
        }
    }

    #[inline(never)]
    fn other_type_of(&mut self, name: Lexeme) -> TypeId {
        self.out.type_id(&self.cursor.unescape(name))
    }

    /// As [`Reader::begin_resource`] where the type is not what comes first.
    #[inline(never)]
    fn begin_late(&mut self) -> (TypeId, Option<BegunUnmapped>) {
        // What comes next is most often as what came last.
        let (kind, begun) =
            if self.was_unmapped { self.begin_unmapped() } else { (self.look_for_type(), None) };
        self.was_unmapped = self.out.role(kind) == kinds::Role::Unmapped;
        (kind, begun)
    }

    /// The type of the resource at the cursor, of which no table may read more than the id, which is at hand when its type is:
    /// then it need not be read again.
    #[inline(always)]
    fn begin_unmapped(&mut self) -> (TypeId, Option<BegunUnmapped>) {
        let checkpoint = self.cursor.checkpoint();
        // A fault on the way is told by who reads the resource now: there may be another before it.
        let begun = self.pass_to_type().ok().flatten();
        let kind = begun.as_ref().map(|(name, _)| self.type_of(*name));
        if let (Some(kind), Some((_, begun))) = (kind, begun)
            && self.out.role(kind) == kinds::Role::Unmapped
        {
            return (kind, Some(begun));
        }
        self.cursor.restore(checkpoint);
        (kind.unwrap_or_else(|| self.look_for_type()), None)
    }

    fn look_for_type(&mut self) -> TypeId {
        match self.look_for(Name::ResourceType) {
            Some(name) => self.type_of(name),
            None => self.out.type_id(""),
        }
    }

    /// Passes the members of the resource at the cursor up to and with its type, where that and an id before it are plain and
    /// it has contained nothing so far.
    fn pass_to_type(&mut self) -> Read<Option<(Lexeme, BegunUnmapped)>> {
        let mut begun = BegunUnmapped { members: self.cursor.enter_object()?, id: None };
        while let Some(name) = self.next_of_unmapped(&mut begun.members)? {
            let value = self.cursor.plain_string_value();
            match (name, value) {
                (Name::Id, Some(_)) => begun.id = value,
                (Name::ResourceType, Some(kind)) => return Ok(Some((kind, begun))),
                _ => break,
            }
        }
        Ok(None)
    }

    /// Reads the resource that has been begun.
    fn read_members(&mut self, kind: TypeId) -> Read<()> {
        let read: fn(&mut Reader<'_, '_, '_>) -> Read<()> = match kind {
            kinds::MEDICATION_STATEMENT => tables::medications::read,
            kinds::MEDICATION_REQUEST => tables::medication_issues::read,
            kinds::MEDICATION => drug::read,
            kinds::ALLERGY_INTOLERANCE => tables::allergies::read,
            kinds::CONDITION => tables::problems::read,
            kinds::ENCOUNTER => tables::consultations::read,
            kinds::LIST => lists::read,
            kinds::PATIENT => people::read_patient,
            kinds::PRACTITIONER | kinds::RELATED_PERSON => people::read_person,
            kinds::PRACTITIONER_ROLE => people::read_role,
            kinds::ORGANIZATION | kinds::LOCATION | kinds::HEALTHCARE_SERVICE => people::read_place,
            kinds::OPERATION_OUTCOME => outcome::read,
            _ => |reader| reader.read_unmapped(),
        };
        // Called by its address, each stays a function of its own, and the compiler has registers enough for it.
        read(self)
    }

    /// Reads a resource of which no table holds anything: its id and what it contains.
    fn read_unmapped(&mut self) -> Read<()> {
        if self.begun.is_none() {
            let members = self.enter_object()?;
            return self.read_rest_of_unmapped(BegunUnmapped { members, id: None });
        }
        if let Some(id) = self.cursor.pass_known_shape(&mut self.out.shapes) {
            self.begun = None;
            id.into_iter().for_each(|id| self.identify(id));
            return Ok(());
        }
        let start = self.cursor.shape_start();
        let members = self.enter_object()?;
        self.read_rest_of_unmapped(BegunUnmapped { members, id: None })?;
        self.cursor.learn_shape(&start, &mut self.out.shapes);
        Ok(())
    }

    fn read_rest_of_unmapped(&mut self, begun: BegunUnmapped) -> Read<()> {
        let BegunUnmapped { mut members, id } = begun;
        if let Some(id) = id {
            self.identify(id);
        }
        while let Some(name) = self.next_of_unmapped(&mut members)? {
            self.base(name)?;
        }
        Ok(())
    }

    /// Passes members that are not read up to one that is, the cursor before its value, or to the end.
    #[inline(always)]
    fn next_of_unmapped(&mut self, members: &mut Members) -> Read<Option<Name>> {
        // Its type is what it may have been begun with, and may not come again.
        // Each by its length and last bytes, which others seldom have: one comparison each, and no name is compared.
        let is_wanted = |key: &[u8]| {
            key.last_chunk()
                .is_some_and(|last| matches!((key.len(), last), (2, b"id") | (9, b"ed") | (12, b"pe")))
        };
        let Some(key) = self.cursor.pass_members(members, is_wanted)? else { return Ok(None) };
        let name = match key.escaped {
            false => Name::at(self.cursor.bytes(), key.start as usize, key.end as usize),
            true => Name::of(self.cursor.unescape(key).as_bytes()),
        };
        if let Some(number) = name.number() {
            members.know(key.start, number)?;
        }
        Ok(Some(name))
    }

    /// Gives the resource being read its place in the pool of its kind, and a head to fill.
    pub(crate) fn begin(&mut self, row: usize) -> Head {
        self.out.resources[self.resource as usize].row = row as u32;
        Head { resource: self.resource, ..Head::default() }
    }

    /// The content of the resource that has just been read: where it stands, or its hash where the text will be gone.
    fn content(&mut self, start: usize, around: Option<Around>) -> Content {
        let at = |offset: usize| (self.base + offset) as u32;
        match around {
            None => Content::held(at(start), at(self.cursor.end())),
            Some(around) => Content::Hash(self.cursor.end_hash(around).to_ne_bytes()),
        }
    }
}
