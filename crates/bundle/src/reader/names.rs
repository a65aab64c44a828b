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
    ValuePeriod "valuePeriod"
    ValueReference "valueReference"
    ValueString "valueString"
    ValueUnsignedInt "valueUnsignedInt"
    VerificationStatus "verificationStatus"
    VersionId "versionId"
}

/// A known name as it is compared: the first 16 bytes that stand behind its opening quote, which for a shorter name hold its
/// closing quote, and which of them count.
struct Known {
    head: [u64; 2],
    mask: [u64; 2],
    text: &'static str,
}

/// Enough bits of a slot for each name to have one of its own.
const SLOT_BITS: u32 = 11;

/// The name that has a slot, a stranger where none has it.
static SLOTS: [Name; 1 << SLOT_BITS] = slots();

/// Chosen so that no two names have one slot.
const MULTIPLIER: u64 = multiplier();

const HEAD: usize = 16;

impl Name {
    /// The name that stands in a text between two offsets, which are those of its first byte and its closing quote.
    #[inline(always)]
    pub(crate) fn at(text: &[u8], start: usize, end: usize) -> Self {
        let quoted: Option<&[u8; HEAD + 1]> =
            text.get(start.wrapping_sub(1)..).and_then(|rest| rest.first_chunk());
        let last: Option<&[u8; 4]> = text.get(end.wrapping_sub(3)..).and_then(|rest| rest.first_chunk());
        match (quoted, last) {
            (Some(quoted), Some(last)) => {
                Self::of_parts(quoted, last, end.wrapping_sub(start), || &text[start..end])
            }
            // It stands where the text ends.
            _ => Self::of(&text[start..end]),
        }
    }

    /// The name of so many characters.
    #[inline(never)]
    pub(crate) fn of(name: &[u8]) -> Self {
        let mut quoted = [b'"'; 2 * HEAD + 2];
        match quoted.get_mut(1..=name.len()) {
            Some(inside) if name.len() > 1 && name.len() <= 2 * HEAD => inside.copy_from_slice(name),
            _ if name.starts_with(VALUE.as_bytes()) => return Self::OtherValue,
            _ => return Self::Other,
        }
        Self::at(&quoted, 1, 1 + name.len())
    }

    /// The name of which these are the quote and the bytes that it begins with, and the bytes and the quote that it
    /// ends with.
    #[inline(always)]
    fn of_parts<'t>(
        quoted: &[u8; HEAD + 1],
        last: &[u8; 4],
        length: usize,
        all: impl Fn() -> &'t [u8],
    ) -> Self {
        let ([first, ..], _) = quoted.as_chunks::<4>() else { return Self::Other };
        let ([low, high, ..], _) = quoted[1..].as_chunks::<8>() else { return Self::Other };
        let name = SLOTS[slot(u32::from_le_bytes(*first), u32::from_le_bytes(*last), length, MULTIPLIER)];
        let (low, high) = (u64::from_le_bytes(*low), u64::from_le_bytes(*high));
        let is_it = |known: &Known| {
            (low ^ known.head[0]) & known.mask[0] | (high ^ known.head[1]) & known.mask[1] == 0
                && (known.text.len() < HEAD || is_long(known.text, all()))
        };
        match KNOWN.get(name as usize) {
            Some(known) if is_it(known) => name,
            _ if low & VALUE_MASK == Known::new(VALUE).head[0] & VALUE_MASK => Self::OtherValue,
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
        let begins_so = |known: &Known| known.head[0] & VALUE_MASK == Known::new(VALUE).head[0] & VALUE_MASK;
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
        Self { head, mask, text }
    }

    /// Its slot.
    const fn slot(&self, multiplier: u64) -> usize {
        let (text, end) = (self.text.as_bytes(), self.text.len());
        let third = if end > 2 { text[2] } else { b'"' };
        let third_last = if end > 2 { text[end - 3] } else { b'"' };
        let first = u32::from_le_bytes([b'"', text[0], text[1], third]);
        let last = u32::from_le_bytes([third_last, text[end - 2], text[end - 1], b'"']);
        slot(first, last, end, multiplier)
    }
}

/// The slot of a name by its first bytes, the quote before it included, its last, with the quote behind it, and its length.
#[inline(always)]
const fn slot(first: u32, last: u32, length: usize, multiplier: u64) -> usize {
    let both = (first as u64) << 32 | last as u64;
    (both.wrapping_add(length as u64).wrapping_mul(multiplier) >> (u64::BITS - SLOT_BITS)) as usize
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
        let slot = KNOWN[number].slot(multiplier);
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
        slots[KNOWN[number].slot(MULTIPLIER)] = NAMES[number];
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
