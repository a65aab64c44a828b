/// How much a notice matters to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is missing.
    Information,
    /// Something may be missing or in doubt.
    Warning,
    /// Something is wrong and a person must look.
    Error,
}

impl Severity {
    /// The name in the columnar record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The GP system, in the bundle.
    Provider,
    /// The normaliser, about the bundle.
    Normaliser,
}

impl Origin {
    /// The name in the columnar record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Normaliser => "normaliser",
        }
    }
}

/// What the normaliser may have to say about a bundle: the closed list of the contract's `notices` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoticeCode {
    /// A well-formed reference whose target is not in the bundle.
    UnresolvedReference,
    /// A reference that is free text, a bare id or otherwise not `Type/id`.
    MalformedReference,
    /// The same type and id again, with the same content.
    DuplicateResource,
    /// The same type and id again, with different content.
    ConflictingDuplicate,
    /// A date that is not a FHIR date.
    UnreadableDate,
    /// An element of another JSON type than its definition.
    WrongJsonType,
    /// A code outside the value set that a rule depends on.
    UnknownCode,
    /// A resource type that this software does not know.
    UnknownResourceType,
    /// An area was asked for and its list is absent.
    MissingList,
    /// A mandatory element is absent.
    MissingElement,
    /// A transfer-degraded code: only the text tells what it is.
    DegradedCode,
    /// No known allergy is asserted beside real allergies.
    NoKnownAllergyConflict,
    /// A resource names another patient, or one that is not in the bundle.
    PatientMismatch,
    /// Something that the provider says it does not supply.
    UnsupportedContent,
}

impl NoticeCode {
    /// The code in the columnar record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnresolvedReference => "unresolved_reference",
            Self::MalformedReference => "malformed_reference",
            Self::DuplicateResource => "duplicate_resource",
            Self::ConflictingDuplicate => "conflicting_duplicate",
            Self::UnreadableDate => "unreadable_date",
            Self::WrongJsonType => "wrong_json_type",
            Self::UnknownCode => "unknown_code",
            Self::UnknownResourceType => "unknown_resource_type",
            Self::MissingList => "missing_list",
            Self::MissingElement => "missing_element",
            Self::DegradedCode => "degraded_code",
            Self::NoKnownAllergyConflict => "no_known_allergy_conflict",
            Self::PatientMismatch => "patient_mismatch",
            Self::UnsupportedContent => "unsupported_content",
        }
    }
}
