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
    Active "active"
    Address "address"
    Agent "agent"
    AssertedDate "assertedDate"
    Asserter "asserter"
    AuthoredOn "authoredOn"
    BasedOn "basedOn"
    BirthDate "birthDate"
    Category "category"
    Class "class"
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
    LastUpdated "lastUpdated"
    Length "length"
    Link "link"
    Location "location"
    ManagingOrganization "managingOrganization"
    Manifestation "manifestation"
    MedicationCodeableConcept "medicationCodeableConcept"
    MedicationReference "medicationReference"
    Meta "meta"
    Mode "mode"
    Name "name"
    Note "note"
    NumberOfRepeatsAllowed "numberOfRepeatsAllowed"
    OnBehalfOf "onBehalfOf"
    OnsetDateTime "onsetDateTime"
    OrderedBy "orderedBy"
    Organization "organization"
    Participant "participant"
    Patient "patient"
    PatientInstruction "patientInstruction"
    Performer "performer"
    Period "period"
    PhysicalType "physicalType"
    Practitioner "practitioner"
    Prefix "prefix"
    PriorPrescription "priorPrescription"
    Profile "profile"
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
    Specialty "specialty"
    Start "start"
    Status "status"
    Subject "subject"
    System "system"
    Taken "taken"
    Telecom "telecom"
    Text "text"
    Title "title"
    Type "type"
    Unit "unit"
    Url "url"
    Use "use"
    UserSelected "userSelected"
    ValidityPeriod "validityPeriod"
    Value "value"
    ValueBoolean "valueBoolean"
    ValueCode "valueCode"
    ValueCodeableConcept "valueCodeableConcept"
    ValueDateTime "valueDateTime"
    ValueId "valueId"
    ValueReference "valueReference"
    ValueString "valueString"
    ValueUnsignedInt "valueUnsignedInt"
    VerificationStatus "verificationStatus"
    VersionId "versionId"
}

/// A known name.
struct Known {
    head: Head,
    text: &'static str,
}

/// The first 16 bytes of a name as they are compared, of a shorter one its closing quote as well, and which of them count.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Head {
    bytes: [u64; 2],
    mask: [u64; 2],
}

/// The heads of all names by their numbers, apart from their texts, which hardly any comparison needs.
static HEADS: [Head; 1 << u8::BITS] = heads();

/// Enough bits of a slot for each name to have one of its own.
const SLOT_BITS: u32 = 10;

/// The name that has a slot, a stranger where none has it.
static SLOTS: [Name; 1 << SLOT_BITS] = slots();

/// Chosen so that no two names have one slot.
const MULTIPLIER: u64 = multiplier();

const HEAD: usize = 16;

impl Name {
    /// The name that stands in a text between two offsets, of which the second is that of its closing quote.
    #[inline(always)]
    pub(crate) fn at(text: &[u8], start: usize, end: usize) -> Self {
        match Self::known_at(text, start, end) {
            Some(name) => name,
            None => Self::of(&text[start..end]),
        }
    }

    /// As [`Name::at`] of a known name that does not stand where the text ends.
    #[inline(always)]
    pub(crate) fn known_at(text: &[u8], start: usize, end: usize) -> Option<Self> {
        let head = text.get(start..start.wrapping_add(HEAD))?;
        Self::with_head(head, end.wrapping_sub(start), || &text[start..end])
    }

    /// The name of so many characters.
    #[inline(never)]
    pub(crate) fn of(name: &[u8]) -> Self {
        // What is behind a short one are quotes, of which the first closes it.
        let mut quoted = [b'"'; HEAD];
        let length = name.len().min(HEAD);
        quoted[..length].copy_from_slice(&name[..length]);
        if name.len() == 2 {
            quoted[3] = b':';
        }
        let is_value = name.starts_with(VALUE.as_bytes());
        let stranger = if is_value { Self::OtherValue } else { Self::Other };
        Self::with_head(&quoted, name.len(), || name).unwrap_or(stranger)
    }

    /// The known name of a length of which these are the first 16 bytes, or all and what is behind it.
    #[inline(always)]
    fn with_head<'t>(head: &[u8], length: usize, all: impl Fn() -> &'t [u8]) -> Option<Self> {
        let ([low, high], []) = head.as_chunks() else { return None };
        let (low, high) = (u64::from_le_bytes(*low), u64::from_le_bytes(*high));
        let name = SLOTS[slot(low as u32, length, MULTIPLIER)];
        let Head { bytes, mask } = &HEADS[name as usize];
        let is_it = (low ^ bytes[0]) & mask[0] | (high ^ bytes[1]) & mask[1] == 0
            && (length < HEAD || is_long(name.as_str(), all()));
        is_it.then_some(name)
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
        const BEGINNING: u64 = Known::new(VALUE).head.bytes[0] & VALUE_MASK;
        let begins_so = |known: &Known| known.head.bytes[0] & VALUE_MASK == BEGINNING;
        KNOWN.get(self as usize).map_or(self == Self::OtherValue, begins_so)
    }
}

/// What the names of all values of extensions begin with.
const VALUE: &str = "value";

/// Its bytes.
const VALUE_MASK: u64 = (1 << (8 * VALUE.len())) - 1;

/// Whether a name whose first 16 bytes are those of a known one is that one: no name has more than twice as many, so its
/// last 16 are all the rest.
#[inline(always)]
fn is_long(known: &str, name: &[u8]) -> bool {
    known.len() == name.len() && known.as_bytes().last_chunk::<HEAD>() == name.last_chunk()
}

impl Known {
    const fn new(text: &'static str) -> Self {
        assert!(text.len() >= 2 && text.len() <= 2 * HEAD);
        let (mut head, mut mask) = ([0; 2], [0; 2]);
        let mut at = 0;
        while at <= text.len() && at < HEAD {
            let byte = if at < text.len() { text.as_bytes()[at] } else { b'"' };
            head[at / 8] |= (byte as u64) << (8 * (at % 8));
            mask[at / 8] |= 0xFF << (8 * (at % 8));
            at += 1;
        }
        Self { head: Head { bytes: head, mask }, text }
    }

    /// Its slots: one, but several where what stands behind its closing quote is among the bytes that tell it.
    const fn slots(&self, multiplier: u64) -> [usize; 5] {
        let text = self.text.as_bytes();
        let mut slots = [0; 5];
        let mut at = 0;
        while at < slots.len() {
            let behind = b": \n\r\t"[at];
            let first = match text.len() {
                2 => [text[0], text[1], b'"', behind],
                3 => [text[0], text[1], text[2], b'"'],
                _ => [text[0], text[1], text[2], text[3]],
            };
            slots[at] = slot(u32::from_le_bytes(first), text.len(), multiplier);
            at += 1;
        }
        slots
    }
}

/// The slot of a name by its first four bytes, what is behind it included, and its length.
#[inline(always)]
const fn slot(first: u32, length: usize, multiplier: u64) -> usize {
    let both = first as u64 | (length as u64) << 32;
    (both.wrapping_mul(multiplier) >> (u64::BITS - SLOT_BITS)) as usize
}

const fn multiplier() -> u64 {
    // The golden ratio, of 64 bits, and odd numbers after it in no order.
    let mut multiplier: u64 = 0x9E37_79B9_7F4A_7C15;
    while !parts_all(multiplier) {
        multiplier = multiplier.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(2);
    }
    multiplier
}

/// Whether no two names have one slot.
const fn parts_all(multiplier: u64) -> bool {
    let mut taken = [0; 1 << SLOT_BITS];
    let mut number = 0;
    while number < KNOWN.len() {
        let slots = KNOWN[number].slots(multiplier);
        let mut at = 0;
        while at < slots.len() {
            // Zero is nobody's.
            let owner = &mut taken[slots[at]];
            if *owner != 0 && *owner != number + 1 {
                return false;
            }
            *owner = number + 1;
            at += 1;
        }
        number += 1;
    }
    true
}

const fn heads() -> [Head; 1 << u8::BITS] {
    // In the places of strangers what no key begins with.
    let mut heads = [Head { bytes: [0; 2], mask: [u64::MAX; 2] }; 1 << u8::BITS];
    let mut number = 0;
    while number < KNOWN.len() {
        heads[number] = KNOWN[number].head;
        number += 1;
    }
    heads
}

const fn slots() -> [Name; 1 << SLOT_BITS] {
    let mut slots = [Name::Other; 1 << SLOT_BITS];
    let mut number = 0;
    while number < KNOWN.len() {
        let own = KNOWN[number].slots(MULTIPLIER);
        let mut at = 0;
        while at < own.len() {
            slots[own[at]] = NAMES[number];
            at += 1;
        }
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
        for behind in [":\"and what is behind it\"", " : \"and what is behind it\"", "\n:1,  \"a\":\"b\""] {
            let text = format!("{{\"{name}\"{behind}");
            assert_eq!(Name::at(text.as_bytes(), 2, 2 + name.len()), at_end, "{text}");
        }
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
