//! The top level of a bundle: what stands around its entries.

use bedside_model::NoticeCode;

use crate::error::BundleError;
use crate::json::{Fault, FaultKind, Kind};
use crate::kinds;
use crate::limits::Limits;
use crate::reader::{Name, Read, Reader};
use crate::record::Envelope;
use crate::text::Text;

/// The members of a document that say what it is.
#[derive(Default)]
pub(crate) struct Top {
    resource_type: Text,
    bundle_type: Text,
    id: Text,
    is_object: bool,
}

/// Reads a whole document. With `read_before`, items of `entry` have been read already and what stands in the
/// array in their place counts for nothing.
pub(crate) fn read_document(reader: &mut Reader<'_, '_, '_>, limits: Limits, read_before: bool) -> Read<Top> {
    let mut top = Top::default();
    if reader.cursor.peek()? != Kind::Object {
        reader.cursor.skip()?;
        reader.cursor.finish()?;
        return Ok(top);
    }
    top.is_object = true;
    reader.members(|reader, key| {
        match key {
            Name::ResourceType => top.resource_type = reader.text("resourceType")?,
            Name::Type => top.bundle_type = reader.text("type")?,
            Name::Id => top.id = reader.text("id")?,
            Name::Link => read_links(reader)?,
            Name::Entry if read_before => reader.cursor.skip()?,
            Name::Entry => read_entries(reader, limits)?,
            _ => reader.cursor.skip()?,
        }
        Ok(())
    })?;
    reader.cursor.finish()?;
    Ok(top)
}

/// An answer is one bundle. One that names a next page is a part, and that may not be missed (`reliability` sheet, F-28).
fn read_links(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    reader.each("link", |reader| {
        let mut relation = Text::NONE;
        reader.object("link", |reader, key| {
            match key {
                Name::Relation => relation = reader.text("link.relation")?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        let is_next = reader.out.store.code(relation).eq_ignore_ascii_case("next");
        reader.out.more_pages |= is_next;
        Ok(())
    })
}

fn read_entries(reader: &mut Reader<'_, '_, '_>, limits: Limits) -> Read<()> {
    match reader.cursor.peek()? {
        Kind::Array => {
            let mut items = reader.cursor.enter_array()?;
            while reader.cursor.next_item(&mut items)? {
                count_entry(reader, limits)?;
                reader.entry()?;
            }
            Ok(())
        }
        Kind::Null => reader.cursor.skip(),
        _ => {
            reader.notice(NoticeCode::WrongJsonType, "entry");
            reader.entry()
        }
    }
}

/// Refuses the entry at the cursor where it is one too many.
pub(crate) fn count_entry(reader: &mut Reader<'_, '_, '_>, limits: Limits) -> Result<(), Fault> {
    if reader.out.entries >= limits.entries {
        return Err(reader.cursor.fault(FaultKind::TooManyEntries(limits.entries)));
    }
    Ok(())
}

impl Top {
    /// The envelope of a bundle.
    ///
    /// # Errors
    /// [`BundleError::NotABundle`] for a document of another kind.
    pub(crate) fn envelope(
        &self,
        reader: &mut Reader<'_, '_, '_>,
        bytes: usize,
    ) -> Result<Envelope, BundleError> {
        let refuse = |what: &str| Err(BundleError::NotABundle { what: what.to_owned() });
        let store = &reader.out.store;
        if !self.is_object {
            return refuse("the document is not an object");
        }
        match store.get(self.resource_type) {
            Some("Bundle") => {}
            Some(other) if kinds::is_fhir_type(other) => {
                return refuse(&format!("the document is of type {other}"));
            }
            Some(_) => return refuse("its resourceType is no type of FHIR STU3"),
            None => return refuse("it has no resourceType"),
        }
        let bundle_type = store.get(self.bundle_type).map(str::to_owned);
        if bundle_type.as_deref().is_some_and(|kind| !matches!(kind, "collection" | "searchset")) {
            return refuse("its type is neither collection nor searchset");
        }
        let bundle_id = store.get(self.id).map(str::to_owned);
        if bundle_type.is_none() {
            reader.notice(NoticeCode::MissingElement, "type");
        }
        if reader.out.more_pages {
            reader.out.notices.add_more_pages();
        }
        Ok(Envelope { bundle_id, bundle_type, entries: reader.out.entries, bytes })
    }
}
