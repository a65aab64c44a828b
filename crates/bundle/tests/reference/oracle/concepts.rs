//! Coded concepts (contract rule 4; `coding` sheet, sections 3 and 4).

use super::elements::{Coding, Concept};
use super::text::{filled, trimmed};

const SNOMED: &str = "http://snomed.info/sct";

/// What a clinician reads, and where it comes from.
pub type Term = Option<(String, &'static str)>;

pub fn is_snomed(coding: &Coding) -> bool {
    trimmed(&coding.system) == SNOMED
}

fn is_selected(coding: &Coding) -> bool {
    coding.user_selected == Some(true)
}

/// The SNOMED CT coding, a user-selected one first; else the user-selected coding; else the first. An empty one where
/// there is none.
pub fn preferred(concept: &Concept) -> Coding {
    let codings = &concept.codings;
    let wanted: [fn(&Coding) -> bool; 4] =
        [|coding| is_snomed(coding) && is_selected(coding), is_snomed, is_selected, |_| true];
    let found = wanted.iter().find_map(|wanted| codings.iter().find(|coding| wanted(coding)));
    found.cloned().unwrap_or_default()
}

/// The original term: the one algorithm of the `coding` sheet, section 3.
pub fn term(concept: &Concept) -> Term {
    if let Some(text) = filled(&concept.text) {
        return Some((text, "text"));
    }
    let codings = &concept.codings;
    let sole = codings.first().filter(|_| codings.len() == 1);
    if let Some(coding) = codings.iter().find(|coding| is_selected(coding)).or(sole) {
        if let Some(term) = filled(&coding.description_display) {
            return Some((term, "description"));
        }
        if let Some(term) = filled(&coding.display) {
            return Some((term, "display"));
        }
    }
    let display = |coding: &Coding| filled(&coding.display);
    let snomed = codings.iter().filter(|coding| is_snomed(coding)).find_map(display);
    let any = codings.iter().find_map(display);
    snomed.or(any).or(filled(&preferred(concept).code)).map(|term| (term, "fallback"))
}

/// Text, else the display of the preferred coding.
pub fn text_or_display(concept: &Concept) -> Option<String> {
    concept.text.clone().or(preferred(concept).display)
}

/// What was lost in a transfer between systems, by the code that stands in its place.
pub fn degraded(concept: &Concept) -> Option<&'static str> {
    concept.codings.iter().find_map(|coding| match trimmed(&coding.code) {
        "196461000000101" => Some("drug_allergy"),
        "196471000000108" => Some("non_drug_allergy"),
        "196421000000109" => Some("medication"),
        "196411000000103" => Some("record_entry"),
        "196451000000104" | "196431000000106" | "196441000000102" => Some("other"),
        _ => None,
    })
}

/// Whether a concept asserts that there is no allergy (contract, settled cases, No known allergy).
pub fn no_known_allergy(concept: &Concept) -> bool {
    const KNOWN: [&str; 7] =
        ["716186003", "409137002", "428607008", "429625007", "428197003", "716184000", "716220001"];
    concept.codings.iter().any(|coding| is_snomed(coding) && KNOWN.contains(&trimmed(&coding.code)))
}

/// Whether it asserts so of every agent.
pub fn no_known_allergy_at_all(concept: &Concept) -> bool {
    concept.codings.iter().any(|coding| is_snomed(coding) && trimmed(&coding.code) == "716186003")
}
