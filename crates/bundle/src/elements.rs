//! FHIR elements that several resources share, as they are kept between reading and normalising.

use std::num::NonZeroU32;

use crate::addresses::AddressNumber;
use crate::collected::Collected;
use crate::text::{Span, Store, Text, find_ignoring_case};

/// A Reference as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reference {
    /// What its `reference` says.
    pub(crate) address: Option<AddressNumber>,
    /// Where what it says besides stands in their pool, counted from 1. Few say any, and there are many references.
    pub(crate) besides: Option<NonZeroU32>,
}

/// What a Reference says besides its `reference`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Besides {
    pub(crate) display: Text,
    /// Of nothing where it has no value.
    pub(crate) identifier: Identifier,
}

impl Reference {
    /// As one number, which a function gives back in a register: two in memory would be waited for by whoever copies them as one.
    #[inline(always)]
    pub(crate) fn packed(self) -> u64 {
        let number = |number: Option<NonZeroU32>| u64::from(number.map_or(0, NonZeroU32::get));
        number(self.address) | number(self.besides) << u32::BITS
    }

    /// The Reference that is packed in a number.
    #[inline(always)]
    pub(crate) fn unpacked(packed: u64) -> Self {
        let number = |number: u64| NonZeroU32::new(number as u32);
        Self { address: number(packed), besides: number(packed >> u32::BITS) }
    }

    pub(crate) fn is_absent(self) -> bool {
        self.address.is_none() && self.besides.is_none()
    }

    /// Whether an identifier is all that it has.
    pub(crate) fn is_by_identifier(self, all: &Collected<'_>) -> bool {
        self.address.is_none() && self.display(all).is_none() && self.identifier(all).value.is_some()
    }

    /// How it is shown.
    #[inline]
    pub(crate) fn display(self, all: &Collected<'_>) -> Text {
        self.besides.map_or(Text::NONE, |place| all.besides[place.get() as usize - 1].display)
    }

    /// The identifier by which it refers, of nothing where it has none.
    pub(crate) fn identifier(self, all: &Collected<'_>) -> Identifier {
        self.besides.map_or(Identifier::default(), |place| all.besides[place.get() as usize - 1].identifier)
    }
}

/// A Coding as sent, its description extension flattened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Coding {
    pub(crate) system: Text,
    pub(crate) code: Text,
    pub(crate) display: Text,
    pub(crate) user_selected: Option<bool>,
    pub(crate) description_id: Text,
    pub(crate) description_display: Text,
}

/// A CodeableConcept as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Concept {
    pub(crate) codings: Span,
    pub(crate) text: Text,
}

impl Concept {
    /// The concept where it says something: neither an empty object nor null names anything.
    pub(crate) fn if_filled(self) -> Option<Self> {
        (self.codings.length > 0 || self.text.is_some()).then_some(self)
    }

    /// As [`Text::keep_first`].
    pub(crate) fn keep_first(&mut self, later: Self) {
        *self = self.if_filled().unwrap_or(later);
    }
}

/// An Identifier as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Identifier {
    pub(crate) system: Text,
    pub(crate) value: Text,
}

/// The first Dosage of a list; `structured` is the compact JSON of all, where they say more than two texts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Dosage {
    pub(crate) text: Text,
    pub(crate) patient_instruction: Text,
    pub(crate) structured: Text,
    /// Whether its text says that it has changed.
    pub(crate) warns: bool,
}

/// What the text of a dosage says where it has changed since the last issue, before the day (`medications` sheet, section 7).
pub(crate) const DOSAGE_WARNING: &str = "dosage has changed";

/// Whether the text of a dosage says that it has changed.
pub(crate) fn warns_of_change(text: &[u8]) -> bool {
    find_ignoring_case(text, DOSAGE_WARNING).is_some()
}

impl Dosage {
    pub(crate) fn is_absent(self) -> bool {
        self.text.is_none() && self.patient_instruction.is_none() && self.structured.is_none()
    }
}

/// A Duration as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Duration {
    pub(crate) value: Text,
    pub(crate) unit: Text,
    pub(crate) code: Text,
}

/// A RelatedProblemHeader: the type as sent and its target.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Header {
    pub(crate) kind: Text,
    pub(crate) target: Reference,
}

/// A HumanName, `prefix` and `given` in the pool of texts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HumanName {
    pub(crate) prefix: Span,
    pub(crate) given: Span,
    pub(crate) family: Text,
    pub(crate) text: Text,
}

/// What every clinical record has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Head {
    /// Number of the resource in [`Collected::resources`](crate::collected::Collected).
    pub(crate) resource: u32,
    pub(crate) identifiers: Span,
    pub(crate) notes: Span,
    pub(crate) security: Span,
    /// The patient whom the record is about, whichever way it says so.
    pub(crate) subject: Reference,
    /// Whether that is its `patient`, as an allergy calls it.
    pub(crate) is_patient: bool,
}

impl Head {
    /// Names the subject of the record: its `patient` wins where it has both.
    pub(crate) fn name_subject(&mut self, subject: Reference, is_patient: bool) {
        if !subject.is_absent() && (is_patient || !self.is_patient) {
            self.subject = subject;
            self.is_patient = is_patient;
        }
    }
}

/// The extensions that the record reads, recognised by the last part of their URL whatever their host and
/// spelling (`bundle` sheet, section 12; `real-data` sheet, sections 7, 9 and 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extension {
    ActualProblem,
    AllergyIntoleranceEnd,
    AssociatedEncounter,
    DosageLastChanged,
    LastIssueDate,
    ListWarningCode,
    NhsNumberVerificationStatus,
    PrescribingAgency,
    PrescriptionType,
    ProblemSignificance,
    QuantityText,
    RelatedClinicalContent,
    RelatedProblemHeader,
    RepeatInformation,
    SnomedDescription,
    StatusReason,
    /// Parts of the above, known by a name alone.
    AuthorisationExpiry,
    DescriptionDisplay,
    DescriptionId,
    EndDate,
    EndReason,
    HeaderTarget,
    HeaderType,
    Reason,
    ReasonDate,
    RepeatsAllowed,
    RepeatsIssued,
    Unknown,
}

impl Extension {
    /// The extension of a URL, or the part of one that has a name in its place. Hosts, `Extension-`, `CareConnect-`, `GPC-`, the version and case do not count.
    pub(crate) fn from_url(url: &str) -> Self {
        const NAMES: [(&str, Extension); 19] = [
            ("ActualProblem", Extension::ActualProblem),
            ("AllergyIntoleranceEnd", Extension::AllergyIntoleranceEnd),
            ("associatedEncounter", Extension::AssociatedEncounter),
            ("DosageLastChanged", Extension::DosageLastChanged),
            ("ListWarningCode", Extension::ListWarningCode),
            ("MedicationDosageLastChanged", Extension::DosageLastChanged),
            ("MedicationQuantityText", Extension::QuantityText),
            ("MedicationRepeatInformation", Extension::RepeatInformation),
            ("MedicationStatementDosageLastChanged", Extension::DosageLastChanged),
            ("MedicationStatementLastIssueDate", Extension::LastIssueDate),
            ("MedicationStatusReason", Extension::StatusReason),
            ("NHSNumberVerificationStatus", Extension::NhsNumberVerificationStatus),
            ("PrescribingAgency", Extension::PrescribingAgency),
            ("PrescriptionType", Extension::PrescriptionType),
            ("ProblemSignificance", Extension::ProblemSignificance),
            ("RelatedClinicalContent", Extension::RelatedClinicalContent),
            ("RelatedProblemHeader", Extension::RelatedProblemHeader),
            ("sctdescid", Extension::SnomedDescription),
            // A spelling of the specification's own examples.
            ("sctdecsid", Extension::SnomedDescription),
        ];
        const PARTS: [(&str, Extension); 14] = [
            ("authorisationExpiryDate", Extension::AuthorisationExpiry),
            ("date", Extension::ReasonDate),
            ("descriptionDisplay", Extension::DescriptionDisplay),
            ("descriptionId", Extension::DescriptionId),
            ("endDate", Extension::EndDate),
            ("endReason", Extension::EndReason),
            ("numberOfRepeatPrescriptionsAllowed", Extension::RepeatsAllowed),
            ("numberOfRepeatPrescriptionsIssued", Extension::RepeatsIssued),
            ("reason", Extension::Reason),
            ("reasonEnded", Extension::EndReason),
            ("statusChangeDate", Extension::ReasonDate),
            ("statusReason", Extension::Reason),
            ("target", Extension::HeaderTarget),
            ("type", Extension::HeaderType),
        ];
        let called = |of: &[(&str, Self)], name: &str| {
            of.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|known| known.1)
        };
        if let Some(part) = called(&PARTS, url) {
            return part;
        }
        let last = url.trim_end_matches('/').rsplit('/').next().unwrap_or(url).trim();
        // The name is the last part with letters: what follows it is a version, what precedes it a prefix.
        let name = last.rsplit('-').find(|part| part.bytes().any(|byte| byte.is_ascii_alphabetic()));
        name.and_then(|name| called(&NAMES, name)).unwrap_or(Self::Unknown)
    }
}

/// What the URLs of extensions are: there are few, and each comes often.
pub(crate) struct ExtensionUrls([(Text, Extension); PLACES]);

/// How many URLs may be remembered: so many more than there are that hardly two have one place.
const PLACES: usize = 128;

impl Default for ExtensionUrls {
    fn default() -> Self {
        Self([(Text::NONE, Extension::Unknown); PLACES])
    }
}

impl ExtensionUrls {
    /// What a URL is, where it is remembered in the first of its places.
    #[inline(always)]
    pub(crate) fn first(&self, url: &[u8], store: &Store<'_>) -> Option<Extension> {
        let (known, extension) = self.0[Self::first_place(url)];
        let is_it = known.length() == url.len() && store.bytes(known) == Some(url);
        is_it.then_some(extension)
    }

    /// What a URL is, where it is remembered.
    pub(crate) fn get(&self, url: &[u8], store: &Store<'_>) -> Option<Extension> {
        let mut known = Self::places(url).map(|place| self.0[place]);
        let is_it =
            |known: &(Text, Extension)| known.0.length() == url.len() && store.bytes(known.0) == Some(url);
        known.find(is_it).map(|known| known.1)
    }

    /// Remembers what a URL that stands at byte `at` of the body is, unless others are in its places: a text of ever
    /// new ones is not worth remembering.
    pub(crate) fn add(&mut self, url: &str, at: usize, extension: Extension, store: &mut Store<'_>) {
        if let Some(free) = Self::places(url.as_bytes()).find(|place| self.0[*place].0.is_none()) {
            let kept = store.borrow(at, url.len() as u32).unwrap_or_else(|| store.copy(url));
            self.0[free] = (kept, extension);
        }
    }

    /// Where a URL may be.
    fn places(url: &[u8]) -> impl Iterator<Item = usize> {
        let first = Self::first_place(url);
        (0..4).map(move |step| (first + step) % PLACES)
    }

    /// Where a URL is most likely to be, by its length and its end: they begin alike.
    #[inline(always)]
    fn first_place(url: &[u8]) -> usize {
        let end = match url.last_chunk() {
            Some(end) => u64::from_le_bytes(*end),
            None => url.iter().fold(0, |end, byte| end << 8 | u64::from(*byte)),
        };
        // The golden ratio, of 64 bits.
        ((end ^ url.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - PLACES.ilog2()))
            as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_spellings_of_one_extension_are_one() {
        let urls = [
            "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-ActualProblem-1",
            "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-ActualProblem-1",
            "http://fhir.hl7.org.uk/STU3/StructureDefinition/extension-careconnect-actualproblem-1",
        ];
        for url in urls {
            assert_eq!(Extension::from_url(url), Extension::ActualProblem, "{url}");
        }
        let changed = [
            "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-MedicationStatementDosageLastChanged-1",
            "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-MedicationDosageLastChanged-1",
            "https://fhir.nhs.uk/STU3/StructureDefinition/Extensioncoding-CareConnect-GPC-MedicationStatementDosageLastChanged-1",
        ];
        for url in changed {
            assert_eq!(Extension::from_url(url), Extension::DosageLastChanged, "{url}");
        }
        for url in [
            "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-coding-sctdescid",
            "http://x/Extension-coding-sctdecsid",
        ] {
            assert_eq!(Extension::from_url(url), Extension::SnomedDescription, "{url}");
        }
        let encounter = "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter";
        assert_eq!(Extension::from_url(encounter), Extension::AssociatedEncounter);
    }

    #[test]
    fn other_extensions_are_unknown() {
        for url in
            ["", "descriptionIds", "https://fhir.nhs.uk/x/Extension-CareConnect-GPC-Other-1", "1-2-3", "/"]
        {
            assert_eq!(Extension::from_url(url), Extension::Unknown, "{url}");
        }
    }
}
