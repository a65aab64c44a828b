//! People and places: what the clinical records refer to by name.

use crate::elements::{Extension, Reference};
use crate::reader::{Name, Read, Reader};
use crate::text::{Span, Text};

/// A Patient, as far as identity is checked by it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Patient {
    pub(crate) resource: u32,
    /// Identifiers of the NHS number system, with the code of their verification status.
    pub(crate) nhs_number: Text,
    pub(crate) nhs_numbers: u32,
    pub(crate) verification: Text,
    pub(crate) names: Span,
    pub(crate) gender: Text,
    pub(crate) birth_date: Text,
    pub(crate) general_practitioners: Span,
    pub(crate) managing_organization: Reference,
    /// `deceasedBoolean` is true, or there is a `deceasedDateTime`.
    pub(crate) deceased: bool,
}

/// A PractitionerRole: whose role it is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PractitionerRole {
    pub(crate) practitioner: Reference,
}

/// A person, organisation or place: HumanNames, or a plain name.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Named {
    pub(crate) persons: Span,
    pub(crate) name: Text,
    pub(crate) identifiers: Span,
}

/// The system of NHS numbers.
pub(crate) const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";

pub(crate) fn read_patient(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    let head = reader.begin(reader.out.patients.len());
    let mut this = Patient { resource: head.resource, ..Patient::default() };
    reader.members(|reader, key| {
        match key {
            Name::Identifier => patient_identifiers(reader, &mut this)?,
            Name::Name => this.names = names(reader)?,
            Name::Gender => this.gender = reader.text("gender")?,
            Name::BirthDate => this.birth_date = reader.text("birthDate")?,
            Name::GeneralPractitioner => {
                this.general_practitioners = reader.references("generalPractitioner")?
            }
            Name::ManagingOrganization => {
                this.managing_organization = reader.reference("managingOrganization")?
            }
            Name::DeceasedBoolean => this.deceased |= reader.boolean("deceasedBoolean")? == Some(true),
            Name::DeceasedDateTime => this.deceased |= reader.text("deceasedDateTime")?.is_some(),
            _ => reader.base(key)?,
        }
        Ok(())
    })?;
    reader.out.patients.push(this);
    Ok(())
}

pub(crate) fn read_person(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    read_named(reader, |reader, named| {
        named.persons = names(reader)?;
        Ok(())
    })
}

pub(crate) fn read_place(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    read_named(reader, |reader, named| {
        named.name = reader.text("name")?;
        Ok(())
    })
}

/// Reads a person or a place, which differ in what a name is.
fn read_named(
    reader: &mut Reader<'_, '_, '_>,
    mut read_name: impl FnMut(&mut Reader<'_, '_, '_>, &mut Named) -> Read<()>,
) -> Read<()> {
    reader.begin(reader.out.named.len());
    let mut this = Named::default();
    reader.members(|reader, key| {
        match key {
            Name::Name => read_name(reader, &mut this)?,
            Name::Identifier => this.identifiers = reader.identifiers("identifier")?,
            _ => reader.base(key)?,
        }
        Ok(())
    })?;
    reader.out.named.push(this);
    Ok(())
}

pub(crate) fn read_role(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    reader.begin(reader.out.roles.len());
    let mut this = PractitionerRole::default();
    reader.members(|reader, key| {
        match key {
            Name::Practitioner => this.practitioner = reader.reference("practitioner")?,
            _ => reader.base(key)?,
        }
        Ok(())
    })?;
    reader.out.roles.push(this);
    Ok(())
}

fn names(reader: &mut Reader<'_, '_, '_>) -> Read<Span> {
    let start = reader.out.names.len();
    reader.each("name", |reader| {
        let name = reader.human_name("name")?;
        reader.out.names.push(name);
        Ok(())
    })?;
    Ok(Span::since(start, &reader.out.names))
}

fn patient_identifiers(reader: &mut Reader<'_, '_, '_>, patient: &mut Patient) -> Read<()> {
    reader.each("identifier", |reader| {
        let (mut system, mut value, mut status) = (Text::NONE, Text::NONE, Text::NONE);
        reader.object("identifier", |reader, key| {
            match key {
                Name::System => system = reader.text("identifier")?,
                Name::Value => value = reader.text("identifier")?,
                Name::Extension => reader.extensions(|reader, extension| match extension {
                    Extension::NhsNumberVerificationStatus => {
                        let concept = reader.extension_concept("identifier.extension")?;
                        let codings = concept.codings.of(&reader.out.codings);
                        status = codings.first().map_or(Text::NONE, |coding| coding.code);
                        Ok(())
                    }
                    _ => reader.skip_extension(),
                })?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        if reader.out.store.code(system) == NHS_NUMBER {
            patient.nhs_numbers += 1;
            patient.nhs_number = value;
            patient.verification = status;
        }
        Ok(())
    })
}
