//! List resources: the query lists that say what an area holds, and the lists that give a consultation its
//! structure (`bundle` sheet, sections 6 to 9; `consultations` sheet, section 3).

use std::num::NonZeroU32;

use bedside_model::ClinicalArea;

use crate::collected::Collected;
use crate::date::Date;
use crate::elements::{Concept, Extension, Reference};
use crate::reader::{Name, Read, Reader};
use crate::text::{Span, Text};

/// A List as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct List {
    pub(crate) resource: u32,
    pub(crate) purpose: Purpose,
    pub(crate) is_coded: bool,
    pub(crate) title: Text,
    /// Its days are found where it is that of a consultation.
    pub(crate) date: Date,
    pub(crate) encounter: Reference,
    /// In the pool of items.
    pub(crate) items: Span,
    /// Where what it says of itself stands in their pool, counted from 1: few lists of consultations say any.
    saying: Option<NonZeroU32>,
}

/// What a List says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ListSaying {
    /// In the pool of texts.
    pub(crate) warnings: Span,
    /// In the pool of texts.
    pub(crate) notes: Span,
    /// In the pool of headers.
    pub(crate) headers: Span,
    pub(crate) empty_reason: Concept,
}

impl List {
    /// What it says of itself, nothing where it says nothing.
    pub(crate) fn saying(&self, all: &Collected<'_>) -> ListSaying {
        self.saying.map_or(ListSaying::default(), |place| all.list_sayings[place.get() as usize - 1])
    }
}

impl ListSaying {
    fn says_nothing(&self) -> bool {
        let spans = [self.warnings, self.notes, self.headers];
        spans.iter().all(|span| span.length == 0) && self.empty_reason.if_filled().is_none()
    }
}

/// What a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Purpose {
    /// Answers the query for an area.
    Primary(ClinicalArea),
    /// Holds or names the ended allergies.
    EndedAllergies,
    /// Names what problems or consultations drag in; the area of what it names.
    Secondary(ClinicalArea),
    /// A consultation's own structure.
    Structure(Level),
    /// None of these.
    #[default]
    Other,
}

impl Purpose {
    /// Whether the list is part of a consultation's own structure.
    pub(crate) fn is_structure(self) -> bool {
        matches!(self, Self::Structure(_))
    }

    /// The area whose content the list speaks of.
    pub(crate) fn area(self) -> Option<ClinicalArea> {
        match self {
            Self::Primary(area) | Self::Secondary(area) => Some(area),
            Self::EndedAllergies => Some(ClinicalArea::Allergies),
            Self::Structure(_) => Some(ClinicalArea::Consultations),
            Self::Other => None,
        }
    }
}

/// The level of a structure list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Consultation,
    Topic,
    Heading,
}

impl Level {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Consultation => "consultation",
            Self::Topic => "topic",
            Self::Heading => "heading",
        }
    }
}

pub(crate) fn read(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    let place = reader.out.lists.len();
    let head = reader.begin(place);
    let mut this = List { resource: head.resource, ..List::default() };
    // Contained resources must not come between this list and its place.
    reader.out.lists.push(List::default());
    let (mut says_nothing, mut saying) = (true, ListSaying::default());
    let mut members = reader.enter_object()?;
    while let Some(name) = reader.next_name(&mut members)? {
        match name {
            Name::Code => says_nothing = !read_code(reader, &mut this)?,
            Name::Title => this.title = reader.text("title")?,
            Name::Date => this.date.text = reader.text("date")?,
            Name::Encounter => this.encounter = reader.reference("encounter")?,
            Name::Note => saying.notes = reader.notes("note")?,
            Name::EmptyReason => saying.empty_reason = reader.concept("emptyReason")?,
            Name::Entry => this.items = items(reader)?,
            Name::Extension => extensions(reader, &mut saying)?,
            _ => reader.base(name)?,
        }
    }
    if this.purpose == Purpose::Other && says_nothing && is_titled_ended(reader.out.store.code(this.title)) {
        this.purpose = Purpose::EndedAllergies;
    }
    if this.purpose == Purpose::Structure(Level::Consultation) {
        Date::find_days(&reader.out.store, [&mut this.date]);
    }
    if !saying.says_nothing() {
        reader.out.list_sayings.push(saying);
        this.saying = NonZeroU32::new(reader.out.list_sayings.len() as u32);
    }
    reader.out.lists[place] = this;
    Ok(())
}

/// Reads what the list is for, by the first of its codes that says it; whether they say anything. The codes
/// themselves are kept no longer: there are thousands of structure lists.
fn read_code(reader: &mut Reader<'_, '_, '_>, this: &mut List) -> Read<bool> {
    let start = reader.out.codings.len();
    let concept = reader.concept("code")?;
    let codings = concept.codings.of(&reader.out.codings).iter();
    let codes = codings.map(|coding| reader.code(coding.code));
    let mut purposes = codes.clone().map(purpose_of_code);
    this.purpose = purposes.find(|purpose| *purpose != Purpose::Other).unwrap_or_default();
    this.is_coded = concept.codings.length > 0;
    let says_something = codes.clone().any(|code| !matches!(code, "" | "TBD"));
    reader.out.codings.truncate(start);
    Ok(says_something)
}

/// The Ended allergies list is known by its title too, where its code says nothing (`TBD` or none).
fn is_titled_ended(title: &str) -> bool {
    let title = title.to_ascii_lowercase();
    title.starts_with("ended") || title.starts_with("resolved")
}

fn items(reader: &mut Reader<'_, '_, '_>) -> Read<Span> {
    let start = reader.out.items.len();
    reader.each("entry", |reader| {
        if let Some(item) = reader.reference_under(Name::Item) {
            reader.out.items.push(item);
            return Ok(());
        }
        let mut item = Reference::default();
        reader.object("entry", |reader, key| {
            match key {
                Name::Item => item = reader.reference("entry.item")?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        reader.out.items.push(item);
        Ok(())
    })?;
    Ok(Span::since(start, &reader.out.items))
}

fn extensions(reader: &mut Reader<'_, '_, '_>, saying: &mut ListSaying) -> Read<()> {
    let (warnings, headers) = (reader.out.texts.len(), reader.out.headers.len());
    reader.extensions(|reader, extension| {
        match extension {
            Extension::ListWarningCode => {
                let code = reader.extension_text("extension.ListWarningCode")?;
                if code.is_some() {
                    reader.out.texts.push(code);
                }
            }
            Extension::RelatedProblemHeader => {
                let header = reader.problem_header("extension.RelatedProblemHeader")?;
                reader.out.headers.push(header);
            }
            _ => reader.skip_extension()?,
        }
        Ok(())
    })?;
    saying.warnings = Span::since(warnings, &reader.out.texts);
    saying.headers = Span::since(headers, &reader.out.headers);
    Ok(())
}

const SECONDARY: [(&str, ClinicalArea); 21] = [
    ("consultations-allergies-contained-in-consultations", ClinicalArea::Allergies),
    ("consultations-allergies-that-have-been-ended-contained-in-consultations", ClinicalArea::Allergies),
    ("consultations-diary-entries-contained-in-consultations", ClinicalArea::Diary),
    ("consultations-documents-contained-in-consultations", ClinicalArea::Documents),
    ("consultations-immunisations-contained-in-consultations", ClinicalArea::Immunisations),
    ("consultations-investigations-contained-in-consultations", ClinicalArea::Investigations),
    ("consultations-medications-contained-in-consultations", ClinicalArea::Medications),
    ("consultations-outbound-referrals-in-consultations", ClinicalArea::Referrals),
    ("consultations-problems-contained-in-consultations", ClinicalArea::Problems),
    ("consultations-uncategorised-data-contained-in-consultations", ClinicalArea::Uncategorised),
    ("problems-allergies-related-to-problems", ClinicalArea::Allergies),
    ("problems-allergies-that-have-been-ended-related-to-problems", ClinicalArea::Allergies),
    ("problems-consultations-related-to-problems", ClinicalArea::Consultations),
    ("problems-diary-entries-related-to-problems", ClinicalArea::Diary),
    ("problems-documents-related-to-problems", ClinicalArea::Documents),
    ("problems-immunisations-related-to-problems", ClinicalArea::Immunisations),
    ("problems-investigations-related-to-problems", ClinicalArea::Investigations),
    ("problems-medications-related-to-problems", ClinicalArea::Medications),
    ("problems-outbound-referrals-related-to-problems", ClinicalArea::Referrals),
    ("problems-uncategorised-data-related-to-problems", ClinicalArea::Uncategorised),
    ("problems-linked-problems-not-relating-to-the-primary-query", ClinicalArea::Problems),
];

const ENDED_ALLERGIES: &str = "1103671000000101";

fn purpose_of_code(code: &str) -> Purpose {
    match code {
        "325851000000107" => return Purpose::Structure(Level::Consultation),
        "25851000000105" => return Purpose::Structure(Level::Topic),
        "24781000000107" => return Purpose::Structure(Level::Heading),
        ENDED_ALLERGIES => return Purpose::EndedAllergies,
        _ => {}
    }
    let primary = ClinicalArea::ALL.into_iter().find(|area| area.primary_list_code() == Some(code));
    if let Some(area) = primary {
        return Purpose::Primary(area);
    }
    // Examples send the title where the slug of the title belongs.
    let slug = || code.to_ascii_lowercase().replace(" - ", "-").replace(' ', "-");
    let known = |name: &str| SECONDARY.iter().find(|known| known.0 == name);
    match known(code).or_else(|| known(&slug())) {
        Some((_, area)) => Purpose::Secondary(*area),
        None => Purpose::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_known_by_code() {
        assert_eq!(purpose_of_code("933361000000108"), Purpose::Primary(ClinicalArea::Medications));
        assert_eq!(
            purpose_of_code("Problems - medications related to problems"),
            Purpose::Secondary(ClinicalArea::Medications)
        );
        assert_eq!(purpose_of_code("24781000000107"), Purpose::Structure(Level::Heading));
        assert_eq!(purpose_of_code("1"), Purpose::Other);
    }
}
