//! Where the product is known to differ from the contract, reported and not mended yet. A bundle that differs and meets
//! one of them is held back under its name; a test sees to it that each leaves this file once the product agrees.

use super::bundle::{Bundle, Content, Resource};
use super::lists::purpose;

/// A defect.
pub struct Defect {
    pub name: &'static str,
    /// The entries of a small bundle that shows it.
    pub entries: &'static str,
    /// Whether a bundle may show it.
    meets: fn(&Bundle, &str) -> bool,
}

/// Each with the rule that is broken.
pub const KNOWN: &[Defect] = &[
    // Contract rule 9: an absent scalar is null, no sentinel strings.
    Defect {
        name: "the type of a resource without one is told as an empty text",
        entries: r#"{"resource":{"id":"a"}}"#,
        meets: |bundle, _| bundle.resources.iter().any(|resource| resource.kind.is_empty()),
    },
    // Contract, table `notices`: a notice names the resource that it is about.
    Defect {
        name: "what is wrong with a contained item is said of the one before it",
        entries: r#"{"resource":{"resourceType":"List","id":"l","contained":[{"resourceType":"Observation","id":"c"},"text"]}}"#,
        meets: |bundle, _| {
            let entries: Vec<u32> = bundle.resources.iter().map(|resource| resource.entry).collect();
            entries.windows(2).any(|two| two[0] == two[1])
        },
    },
    // Contract rule 9.
    Defect {
        name: "the id of a problem without one is told as an empty text",
        entries: r#"{"resource":{"resourceType":"MedicationStatement","id":"m"}},{"resource":{"resourceType":"Condition","extension":[{"url":"RelatedClinicalContent-1","valueReference":{"reference":"MedicationStatement/m"}}]}}"#,
        meets: |bundle, _| of_kind(bundle, "Condition").any(|resource| resource.id.is_none()),
    },
    // Contract rule 10: identical content is one row.
    Defect {
        name: "of three with one id the last, which says what the second says, is a row",
        entries: r#"{"resource":{"resourceType":"Condition","id":"b"}},{"resource":{"resourceType":"Condition","id":"b","clinicalStatus":"active"}},{"resource":{"resourceType":"Condition","id":"b","clinicalStatus":"active"}}"#,
        meets: |bundle, _| {
            let shares = |one: &Resource| {
                let same =
                    bundle.resources.iter().filter(|other| (&one.kind, &one.id) == (&other.kind, &other.id));
                same.count() > 2
            };
            bundle.resources.iter().any(shares)
        },
    },
    // Contract, settled cases, Nodes: a structure list that no consultation reaches is a root.
    Defect {
        name: "lists in a circle are lost where a repeat of one, or a list that is no structure, reaches them",
        entries: r#"{"resource":{"resourceType":"List","id":"t","code":{"coding":[{"code":"24781000000107"}]},"entry":[{"item":{"reference":"List/t"}}]}},{"resource":{"resourceType":"List","id":"t","code":{"coding":[{"code":"24781000000107"}]},"entry":[{"item":{"reference":"List/t"}}]}}"#,
        meets: |bundle, _| {
            let reaches = |resource: &Resource| match &resource.content {
                Content::List(list) => {
                    resource.repeated || (resource.id.is_some() && !purpose(list).is_structure())
                }
                _ => false,
            };
            of_kind(bundle, "List").any(reaches)
        },
    },
];

fn of_kind<'b>(bundle: &'b Bundle, kind: &'static str) -> impl Iterator<Item = &'b Resource> {
    bundle.resources.iter().filter(move |resource| resource.kind == kind)
}

/// The defects that a bundle may show.
pub fn met(bytes: &[u8]) -> Vec<&'static str> {
    let Ok(document) = super::json::parse(bytes) else { return Vec::new() };
    let Ok(bundle) = super::bundle::read(&document) else { return Vec::new() };
    let meets = KNOWN.iter().filter(|defect| (defect.meets)(&bundle, document.raw));
    meets.map(|defect| defect.name).collect()
}
