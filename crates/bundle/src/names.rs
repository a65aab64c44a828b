//! What people and places are called, each worked out once: many records name the same few.

use std::borrow::Cow;

use crate::collected::Collected;
use crate::elements::HumanName;
use crate::people::Named;
use crate::text::{Span, Text};

/// The system of ODS codes.
pub(crate) const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";

/// What a person or place is called, and its ODS code.
pub(crate) struct Facts<'g> {
    pub(crate) name: Option<Cow<'g, str>>,
    pub(crate) ods: Option<&'g str>,
}

/// The facts of every person and place, in the order of their pool.
pub(crate) fn facts<'g>(all: &'g Collected<'_>) -> Vec<Facts<'g>> {
    let of = |named: &Named| {
        let plain = all.store.get(named.name).map(Cow::Borrowed);
        Facts { name: plain.or_else(|| first_name(all, named.persons)), ods: ods(all, named) }
    };
    all.named.iter().map(of).collect()
}

/// The first of some names that says anything.
pub(crate) fn first_name<'g>(all: &'g Collected<'_>, names: Span) -> Option<Cow<'g, str>> {
    names.of(&all.names).iter().find_map(|name| human_name(all, *name))
}

/// A name as it is told: prefix, given and family names from the parts, else its text (contract, settled cases).
fn human_name<'g>(all: &'g Collected<'_>, name: HumanName) -> Option<Cow<'g, str>> {
    let filled = |text: Text| all.store.get(text).filter(|text| !text.is_empty());
    let texts = |texts: &'g [Text]| texts.iter().filter_map(move |text| filled(*text));
    let parts: Vec<&str> = texts(name.prefix.of(&all.texts))
        .chain(texts(name.given.of(&all.texts)))
        .chain(filled(name.family))
        .collect();
    match parts[..] {
        [] => filled(name.text).map(Cow::Borrowed),
        [part] => Some(Cow::Borrowed(part)),
        _ => Some(Cow::Owned(parts.join(" "))),
    }
}

fn ods<'g>(all: &'g Collected<'_>, named: &Named) -> Option<&'g str> {
    let mut identifiers = named.identifiers.of(&all.identifiers).iter();
    let identifier = identifiers.find(|identifier| all.store.says(identifier.system, ODS))?;
    all.store.get(identifier.value)
}
