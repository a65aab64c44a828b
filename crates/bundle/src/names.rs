//! What people and places are called, each worked out once: many records name the same few.

use std::borrow::Cow;

use crate::collected::Collected;
use crate::elements::HumanName;
use crate::people::Named;
use crate::text::Text;

/// What a person or place is called, and its ODS code.
pub(crate) struct Facts<'g> {
    pub(crate) name: Option<Cow<'g, str>>,
    pub(crate) ods: Option<&'g str>,
}

/// The facts of every person and place, in the order of their pool.
pub(crate) fn facts<'g>(all: &'g Collected<'_>) -> Vec<Facts<'g>> {
    let of = |named: &Named| {
        let plain = all.store.get(named.name).map(Cow::Borrowed);
        Facts { name: plain.or_else(|| human_name(all, named.person)), ods: ods(all, named) }
    };
    all.named.iter().map(of).collect()
}

/// A name as it is told: prefix, given and family names from the parts, else its text (contract, settled cases).
pub(crate) fn human_name<'g>(all: &'g Collected<'_>, name: HumanName) -> Option<Cow<'g, str>> {
    let texts = |texts: &'g [Text]| texts.iter().filter_map(|text| all.store.get(*text));
    let parts: Vec<&str> = texts(name.prefix.of(&all.texts))
        .chain(texts(name.given.of(&all.texts)))
        .chain(all.store.get(name.family))
        .collect();
    match parts[..] {
        [] => all.store.get(name.text).map(Cow::Borrowed),
        [part] => Some(Cow::Borrowed(part)),
        _ => Some(Cow::Owned(parts.join(" "))),
    }
}

fn ods<'g>(all: &'g Collected<'_>, named: &Named) -> Option<&'g str> {
    const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
    let mut identifiers = named.identifiers.of(&all.identifiers).iter();
    let identifier = identifiers.find(|identifier| all.store.code(identifier.system) == ODS)?;
    all.store.get(identifier.value)
}
