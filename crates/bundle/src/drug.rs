//! What a statement or request is about: a Medication that it refers to, or a concept of its own.

use crate::elements::{Concept, Reference};
use crate::reader::{Name, Read, Reader};

/// A Medication as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Medication {
    pub(crate) code: Option<Concept>,
}

/// `medication[x]`: a reference or a concept.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Medicine {
    pub(crate) reference: Reference,
    pub(crate) concept: Option<Concept>,
}

/// Reads a Medication.
pub(crate) fn read(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    reader.begin(reader.out.medications.len());
    let mut this = Medication::default();
    reader.members(|reader, key| {
        match key {
            Name::Code => this.code = reader.concept("code")?.if_filled(),
            _ => reader.base(key)?,
        }
        Ok(())
    })?;
    reader.out.medications.push(this);
    Ok(())
}
