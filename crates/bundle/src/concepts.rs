//! Coded concepts: the preferred coding, what a clinician reads, and codes that were lost in a transfer
//! (`coding` sheet, sections 3 and 4).

use crate::collected::Collected;
use crate::elements::{Coding, Concept};
use crate::text::{Span, Text};

/// A concept as its columns say it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Described<'c> {
    preferred: Option<&'c Coding>,
    pub(crate) text: Text,
    pub(crate) term: Text,
    pub(crate) term_source: Option<TermSource>,
    pub(crate) degraded: Option<Degraded>,
    pub(crate) codings: Span,
}

impl Described<'_> {
    /// The preferred coding, of nothing where there is none.
    pub(crate) fn preferred(&self) -> Coding {
        self.preferred.copied().unwrap_or_default()
    }
}

/// Where the term of a concept comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TermSource {
    Text,
    Description,
    Display,
    Fallback,
}

impl TermSource {
    /// The name in the record.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Description => "description",
            Self::Display => "display",
            Self::Fallback => "fallback",
        }
    }
}

/// What a code that was lost in a transfer was about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Degraded {
    DrugAllergy,
    NonDrugAllergy,
    Medication,
    RecordEntry,
    Other,
}

impl Degraded {
    /// The name in the record.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::DrugAllergy => "drug_allergy",
            Self::NonDrugAllergy => "non_drug_allergy",
            Self::Medication => "medication",
            Self::RecordEntry => "record_entry",
            Self::Other => "other",
        }
    }
}

/// Describes a concept.
pub(crate) fn describe<'c>(all: &'c Collected<'_>, concept: Concept) -> Described<'c> {
    let codings = concept.codings.of(&all.codings);
    let (term, term_source) = match original_term(all, concept) {
        Some((term, source)) => (term, Some(source)),
        None => (Text::NONE, None),
    };
    Described {
        preferred: preferred(all, codings),
        text: concept.text,
        term,
        term_source,
        degraded: degraded(all, codings),
        codings: concept.codings,
    }
}

/// A concept of which only a reference's display is known.
pub(crate) fn named_by_display(display: Text) -> Described<'static> {
    let term_source = display.is_some().then_some(TermSource::Fallback);
    Described { term: display, term_source, ..Described::default() }
}

/// What a clinician reads.
pub(crate) fn term(all: &Collected<'_>, concept: Concept) -> Text {
    original_term(all, concept).map_or(Text::NONE, |(term, _)| term)
}

/// Text, else display of the preferred coding: how reasons and agencies are told.
pub(crate) fn text_or_display(all: &Collected<'_>, concept: Concept) -> Text {
    let codings = concept.codings.of(&all.codings);
    concept.text.or(preferred(all, codings).map_or(Text::NONE, |coding| coding.display))
}

/// The code of the preferred coding.
pub(crate) fn code(all: &Collected<'_>, concept: Concept) -> Text {
    preferred(all, concept.codings.of(&all.codings)).map_or(Text::NONE, |coding| coding.code)
}

/// Whether a coding is of SNOMED CT.
#[inline]
pub(crate) fn is_snomed(all: &Collected<'_>, coding: &Coding) -> bool {
    all.store.is_snomed(coding.system)
}

/// The SNOMED CT coding, a user-selected one first; else the user-selected coding; else the first.
fn preferred<'c>(all: &Collected<'_>, codings: &'c [Coding]) -> Option<&'c Coding> {
    // Of most concepts there is one.
    if let [_] | [] = codings {
        return codings.first();
    }
    let selected = |coding: &&Coding| coding.user_selected == Some(true);
    let snomed = |coding: &&Coding| is_snomed(all, coding);
    codings
        .iter()
        .find(|coding| selected(coding) && snomed(coding))
        .or_else(|| codings.iter().find(snomed))
        .or_else(|| codings.iter().find(selected))
        .or_else(|| codings.first())
}

fn original_term(all: &Collected<'_>, concept: Concept) -> Option<(Text, TermSource)> {
    let filled = |text: Text| (text.is_some() && !text.is_empty()).then_some(text);
    if let Some(text) = filled(concept.text) {
        return Some((text, TermSource::Text));
    }
    let codings = concept.codings.of(&all.codings);
    let selected = codings.iter().find(|coding| coding.user_selected == Some(true));
    let sole = || if let [sole] = codings { Some(sole) } else { None };
    if let Some(coding) = selected.or_else(sole) {
        if let Some(term) = filled(coding.description_display) {
            return Some((term, TermSource::Description));
        }
        if let Some(term) = filled(coding.display) {
            return Some((term, TermSource::Display));
        }
    }
    let snomed =
        codings.iter().filter(|coding| is_snomed(all, coding)).find_map(|coding| filled(coding.display));
    let any = || codings.iter().find_map(|coding| filled(coding.display));
    let code = || preferred(all, codings).and_then(|coding| filled(coding.code));
    snomed.or_else(any).or_else(code).map(|term| (term, TermSource::Fallback))
}

fn degraded(all: &Collected<'_>, codings: &[Coding]) -> Option<Degraded> {
    // What is shorter is none of them, and need not be gone back to in the body.
    let codings = codings.iter().filter(|coding| coding.code.length() >= "196461000000101".len());
    let mut codes = codings.map(|coding| all.store.code(coding.code));
    codes.find_map(|code| match code {
        "196461000000101" => Some(Degraded::DrugAllergy),
        "196471000000108" => Some(Degraded::NonDrugAllergy),
        "196421000000109" => Some(Degraded::Medication),
        "196411000000103" => Some(Degraded::RecordEntry),
        "196451000000104" | "196431000000106" | "196441000000102" => Some(Degraded::Other),
        _ => None,
    })
}
