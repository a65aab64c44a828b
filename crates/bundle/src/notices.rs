//! Notices as they are gathered, before they are rows.

use std::borrow::Cow;
use std::sync::Arc;

use bedside_model::{ClinicalArea, NoticeCode, Origin, Severity};

use crate::collected::NOBODY;

/// One notice.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    /// The resource it is about, or [`NOBODY`].
    pub(crate) resource: u32,
    /// The entry it is about where there is no resource.
    pub(crate) entry: Option<u32>,
    /// The area it concerns, where the resource's type does not tell.
    pub(crate) area: Option<ClinicalArea>,
    pub(crate) severity: Severity,
    pub(crate) code: Option<Cow<'static, str>>,
    pub(crate) text: Option<Words>,
    pub(crate) element: &'static str,
    pub(crate) origin: Origin,
}

/// What a notice says. A list's note may be told with each of many warnings, and is held once.
#[derive(Debug, Clone)]
pub(crate) enum Words {
    Ours(&'static str),
    Theirs(Arc<str>),
}

impl Words {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Ours(words) => words,
            Self::Theirs(words) => words,
        }
    }
}

/// All notices of a bundle.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    pub(crate) all: Vec<Notice>,
    most: usize,
}

impl Notices {
    /// Room for as many notices as a bundle may have.
    pub(crate) fn up_to(most: usize) -> Self {
        Self { all: Vec::new(), most }
    }

    /// Whether there were more than there may be. The record is refused then, and those beyond are not held.
    pub(crate) fn are_too_many(&self) -> bool {
        self.all.len() > self.most
    }

    pub(crate) fn push(&mut self, notice: Notice) {
        if !self.are_too_many() {
            self.all.push(notice);
        }
    }

    /// Says something about a resource on the normaliser's behalf.
    pub(crate) fn add(&mut self, resource: u32, code: NoticeCode, element: &'static str) {
        let (severity, text) = wording(code);
        self.push(Notice {
            resource,
            entry: None,
            area: None,
            severity,
            code: Some(Cow::Borrowed(code.as_str())),
            text: Some(Words::Ours(text)),
            element,
            origin: Origin::Normaliser,
        });
    }

    /// Says something about an entry that is no resource.
    pub(crate) fn add_entry(&mut self, entry: u32, code: NoticeCode, element: &'static str) {
        self.add(NOBODY, code, element);
        if let Some(notice) = self.all.last_mut() {
            notice.entry = Some(entry);
        }
    }

    /// Says that the answer is not all there is.
    pub(crate) fn add_more_pages(&mut self) {
        self.add(NOBODY, NoticeCode::MissingElement, "link");
        if let Some(notice) = self.all.last_mut() {
            notice.severity = Severity::Error;
            notice.text =
                Some(Words::Ours("the answer is one page of several; what the others hold is not here"));
        }
    }

    /// Says something about an area.
    pub(crate) fn add_area(&mut self, area: ClinicalArea, code: NoticeCode, element: &'static str) {
        self.add(NOBODY, code, element);
        if let Some(notice) = self.all.last_mut() {
            notice.area = Some(area);
        }
    }
}

/// How much each notice of the normaliser matters, and its words.
fn wording(code: NoticeCode) -> (Severity, &'static str) {
    use NoticeCode::*;
    match code {
        UnresolvedReference => {
            (Severity::Information, "the record that is referred to is not in this answer")
        }
        MalformedReference => (Severity::Warning, "a reference is not of the form Type/id; its text is kept"),
        DuplicateResource => (Severity::Information, "the same record came more than once and is one row"),
        ConflictingDuplicate => {
            (Severity::Error, "records with the same id differ; each is kept, a person must look")
        }
        UnreadableDate => {
            (Severity::Warning, "a date cannot be read; its text is kept, its days are unknown")
        }
        WrongJsonType => (Severity::Warning, "an element is not of its JSON type"),
        UnknownCode => (Severity::Warning, "a code is not one that is known here; it is kept as sent"),
        UnknownResourceType => (Severity::Warning, "records of an unknown type are not shown"),
        MissingList => {
            (Severity::Error, "the area was asked for and its list is absent; this is not an empty list")
        }
        MissingElement => (Severity::Warning, "a mandatory element is absent"),
        DegradedCode => {
            (Severity::Warning, "the code was lost in a transfer between systems; only the text tells")
        }
        NoKnownAllergyConflict => (Severity::Error, "no known allergy is recorded beside allergies"),
        PatientMismatch => (Severity::Error, "the record names a patient who is not the one of this answer"),
        UnsupportedContent => {
            (Severity::Warning, "the provider does not supply an item that is recorded here")
        }
    }
}
