//! The names of the elements that are read. A key is recognised once, so that a reader goes to the right place with one
//! jump instead of comparing the key with one name after the other.

macro_rules! names {
    ($($name:ident $text:literal)*) => {
        /// The name of a member.
        #[expect(clippy::enum_variant_names, reason = "one of the elements is called name")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Name {
            $($name,)*
            /// A `value[x]` of a type that no reader asks for by name.
            OtherValue,
            /// A name that no reader knows.
            Other,
        }

        const KNOWN: &[Known] = &[$(Known::new($text)),*];
        const NAMES: [Name; KNOWN.len()] = [$(Name::$name),*];
    };
}

names! {
    AbatementDateTime "abatementDateTime"
    Agent "agent"
    AssertedDate "assertedDate"
    Asserter "asserter"
    AuthoredOn "authoredOn"
    BasedOn "basedOn"
    BirthDate "birthDate"
    Category "category"
    ClinicalStatus "clinicalStatus"
    Code "code"
    Coding "coding"
    Contained "contained"
    Context "context"
    Criticality "criticality"
    Date "date"
    DateAsserted "dateAsserted"
    DeceasedBoolean "deceasedBoolean"
    DeceasedDateTime "deceasedDateTime"
    Description "description"
    Details "details"
    Diagnostics "diagnostics"
    DispenseRequest "dispenseRequest"
    Display "display"
    Dosage "dosage"
    DosageInstruction "dosageInstruction"
    EffectiveDateTime "effectiveDateTime"
    EffectivePeriod "effectivePeriod"
    EmptyReason "emptyReason"
    Encounter "encounter"
    End "end"
    Entry "entry"
    ExpectedSupplyDuration "expectedSupplyDuration"
    ExposureRoute "exposureRoute"
    Extension "extension"
    Family "family"
    Gender "gender"
    GeneralPractitioner "generalPractitioner"
    Given "given"
    GroupIdentifier "groupIdentifier"
    Id "id"
    Identifier "identifier"
    Individual "individual"
    Intent "intent"
    Issue "issue"
    Item "item"
    LastOccurrence "lastOccurrence"
    Length "length"
    Link "link"
    Location "location"
    ManagingOrganization "managingOrganization"
    Manifestation "manifestation"
    MedicationCodeableConcept "medicationCodeableConcept"
    MedicationReference "medicationReference"
    Meta "meta"
    Name "name"
    Note "note"
    OnBehalfOf "onBehalfOf"
    OnsetDateTime "onsetDateTime"
    Participant "participant"
    Patient "patient"
    PatientInstruction "patientInstruction"
    Performer "performer"
    Period "period"
    Practitioner "practitioner"
    Prefix "prefix"
    PriorPrescription "priorPrescription"
    Quantity "quantity"
    Reaction "reaction"
    Recorder "recorder"
    Reference "reference"
    Relation "relation"
    Requester "requester"
    Resource "resource"
    ResourceType "resourceType"
    Security "security"
    ServiceProvider "serviceProvider"
    Severity "severity"
    Start "start"
    Status "status"
    Subject "subject"
    System "system"
    Text "text"
    Title "title"
    Type "type"
    Unit "unit"
    Url "url"
    UserSelected "userSelected"
    ValidityPeriod "validityPeriod"
    Value "value"
    ValueCode "valueCode"
    ValueCodeableConcept "valueCodeableConcept"
    ValueId "valueId"
    ValueReference "valueReference"
    ValueString "valueString"
    VerificationStatus "verificationStatus"
}

/// A known name, and its first bytes as one number.
struct Known {
    head: u128,
    text: &'static str,
}

/// Twice the bits of a slot are enough for each name to have one of its own.
const SLOT_BITS: u32 = 10;

/// The name that has a slot, a stranger where none has it.
static SLOTS: [Name; 1 << SLOT_BITS] = slots();

/// Chosen so that no two names have one slot.
const MULTIPLIER: u64 = multiplier();

/// For each length of a key what its first 16 bytes are of the 16 that begin with it.
static MASKS: [u128; HEAD + 1] = masks();

const HEAD: usize = size_of::<u128>();

impl Name {
    /// The name that stands in a text between two offsets.
    #[inline(always)]
    pub(crate) fn at(text: &[u8], start: usize, end: usize) -> Self {
        let length = end.wrapping_sub(start);
        match text.get(start..).and_then(|rest| rest.first_chunk()) {
            Some(head) => {
                let head = u128::from_le_bytes(*head) & MASKS[length.min(HEAD)];
                Self::with_head(head, length, || &text[start..end])
            }
            None => Self::of(&text[start..end]),
        }
    }

    /// The name of so many characters.
    #[inline(never)]
    pub(crate) fn of(name: &[u8]) -> Self {
        Self::with_head(head(name), name.len(), || name)
    }

    #[inline(always)]
    fn with_head<'t>(head: u128, length: usize, all: impl Fn() -> &'t [u8]) -> Self {
        let name = SLOTS[slot(head, MULTIPLIER)];
        let is_it = |known: &Known| {
            known.head == head
                && known.text.len() == length
                && (length <= HEAD || known.text.as_bytes()[HEAD..] == all()[HEAD..])
        };
        match KNOWN.get(name as usize) {
            Some(known) if is_it(known) => name,
            _ if head & MASKS[VALUE.len()] == Known::new(VALUE).head => Self::OtherValue,
            _ => Self::Other,
        }
    }

    /// The number of a known name, below 128.
    #[inline(always)]
    pub(crate) fn number(self) -> Option<u8> {
        const { assert!(KNOWN.len() <= 128) };
        ((self as usize) < KNOWN.len()).then_some(self as u8)
    }

    /// The name as written, empty for one that is not known.
    pub(crate) fn as_str(self) -> &'static str {
        KNOWN.get(self as usize).map_or("", |known| known.text)
    }

    /// Whether it is a `value[x]`.
    pub(crate) fn is_value(self) -> bool {
        let begins_so = |known: &Known| known.head & MASKS[VALUE.len()] == Known::new(VALUE).head;
        KNOWN.get(self as usize).map_or(self == Self::OtherValue, begins_so)
    }
}

/// What the names of all values of extensions begin with.
const VALUE: &str = "value";

impl Known {
    const fn new(text: &'static str) -> Self {
        Self { head: head(text.as_bytes()), text }
    }
}

/// The first bytes of a name as one number.
const fn head(name: &[u8]) -> u128 {
    let (mut head, mut at) = (0, 0);
    while at < name.len() && at < HEAD {
        head |= (name[at] as u128) << (8 * at);
        at += 1;
    }
    head
}

const fn masks() -> [u128; HEAD + 1] {
    let mut masks = [u128::MAX; HEAD + 1];
    let mut length = 0;
    while length < HEAD {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
}

#[inline(always)]
const fn slot(head: u128, multiplier: u64) -> usize {
    let folded = head as u64 ^ ((head >> 64) as u64).rotate_left(29);
    (folded.wrapping_mul(multiplier) >> (u64::BITS - SLOT_BITS)) as usize
}

const fn multiplier() -> u64 {
    // The golden ratio, of 64 bits, and odd numbers after it.
    let mut multiplier = 0x9E37_79B9_7F4A_7C15;
    while !parts_all(multiplier) {
        multiplier += 2;
    }
    multiplier
}

/// Whether no two names have one slot.
const fn parts_all(multiplier: u64) -> bool {
    let mut taken = [false; 1 << SLOT_BITS];
    let mut number = 0;
    while number < KNOWN.len() {
        let slot = slot(KNOWN[number].head, multiplier);
        if taken[slot] {
            return false;
        }
        taken[slot] = true;
        number += 1;
    }
    true
}

const fn slots() -> [Name; 1 << SLOT_BITS] {
    let mut slots = [Name::Other; 1 << SLOT_BITS];
    let mut number = 0;
    while number < KNOWN.len() {
        slots[slot(KNOWN[number].head, MULTIPLIER)] = NAMES[number];
        number += 1;
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name in a text in which it is followed by much and by nothing.
    fn found(name: &str) -> Name {
        let at_end = Name::of(name.as_bytes());
        let text = format!("{{\"{name}\":\"and what is behind it\"");
        assert_eq!(Name::at(text.as_bytes(), 2, 2 + name.len()), at_end, "{name}");
        at_end
    }

    #[test]
    fn every_name_is_found() {
        for (known, name) in KNOWN.iter().zip(NAMES) {
            assert_eq!(found(known.text), name, "{}", known.text);
            assert_eq!(name.as_str(), known.text);
        }
    }

    #[test]
    fn a_name_that_is_nearly_a_known_one_is_not() {
        for Known { text, .. } in KNOWN {
            let shorter = &text[..text.len() - 1];
            let others = [format!("{text}s"), format!("{text}\0"), format!("x{text}"), text.to_uppercase()];
            for other in others.iter().map(String::as_str).chain([shorter]) {
                let is_known = KNOWN.iter().any(|known| known.text == other);
                assert_eq!(found(other).number().is_some(), is_known, "{other}");
            }
        }
        assert_eq!(found(""), Name::Other);
    }

    #[test]
    fn values_of_any_type_are_values() {
        for name in ["value", "valueCode", "valueDateTime", "valueUnsignedInt"] {
            assert!(found(name).is_value(), "{name}");
        }
        assert!(!found("valu").is_value() && !found("Value").is_value());
    }
}
