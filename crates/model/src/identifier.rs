use std::fmt;
use std::str::FromStr;

/// Why a text is not the identifier it was said to be. The text itself is never part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// Not exactly ten ASCII digits.
    #[error("an NHS number is exactly 10 digits, without spaces")]
    NhsNumberFormat,
    /// The tenth digit is not the Modulus 11 check digit of the other nine.
    #[error("the check digit of the NHS number is wrong")]
    NhsNumberCheckDigit,
    /// Not three to ten upper-case letters and digits.
    #[error("an ODS code is 3 to 10 upper-case letters and digits")]
    OdsCode,
    /// Not twelve ASCII digits.
    #[error("an ASID is exactly 12 digits")]
    Asid,
    /// Empty, longer than 128 bytes, or with a control character.
    #[error("an episode id is 1 to 128 bytes without control characters")]
    EpisodeId,
}

/// A patient's NHS number: ten digits with a right check digit (`coding` sheet, section 7).
///
/// It has no `Display` and its `Debug` shows nothing, so that it cannot reach a log by accident; the digits
/// come out only through [`NhsNumber::expose`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NhsNumber([u8; 10]);

impl NhsNumber {
    /// The ten digits, for the one place that must send or compare them.
    pub fn expose(&self) -> &str {
        // Only ASCII digits pass the constructor, so this is always text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether the number lies in the range 9990000000 to 9999999999 that is set aside for tests.
    pub fn is_test_range(&self) -> bool {
        self.0.starts_with(b"999")
    }
}

impl FromStr for NhsNumber {
    type Err = IdentifierError;

    /// Reads ten digits.
    ///
    /// # Errors
    /// [`IdentifierError::NhsNumberFormat`] for anything but ten ASCII digits,
    /// [`IdentifierError::NhsNumberCheckDigit`] when the Modulus 11 check fails.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: [u8; 10] = text.as_bytes().try_into().map_err(|_| IdentifierError::NhsNumberFormat)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(IdentifierError::NhsNumberFormat);
        }
        let sum: u32 = digits[..9]
            .iter()
            .zip((2..=10).rev())
            .map(|(digit, weight)| u32::from(digit - b'0') * weight)
            .sum();
        let check = (11 - sum % 11) % 11;
        if check != u32::from(digits[9] - b'0') {
            return Err(IdentifierError::NhsNumberCheckDigit);
        }
        Ok(Self(digits))
    }
}

impl fmt::Debug for NhsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NhsNumber(..)")
    }
}

/// An organisation's ODS code: three to ten upper-case letters and digits (`security` sheet, T-11).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OdsCode(String);

impl OdsCode {
    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OdsCode {
    type Err = IdentifierError;

    /// Reads an ODS code.
    ///
    /// # Errors
    /// [`IdentifierError::OdsCode`] for any other shape; the text is neither trimmed nor re-cased.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shaped = (3..=10).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if shaped { Ok(Self(text.to_owned())) } else { Err(IdentifierError::OdsCode) }
    }
}

impl fmt::Display for OdsCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An accredited system id on Spine: twelve digits (`retrieve` sheet, section 3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Asid(String);

impl Asid {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Asid {
    type Err = IdentifierError;

    /// Reads an ASID.
    ///
    /// # Errors
    /// [`IdentifierError::Asid`] for anything but twelve ASCII digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shaped = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if shaped { Ok(Self(text.to_owned())) } else { Err(IdentifierError::Asid) }
    }
}

impl fmt::Display for Asid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host system's id of one care episode (an admission or an attendance). Opaque: it is compared byte for
/// byte and never becomes a path (`security` sheet, T-13).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EpisodeId(String);

impl EpisodeId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EpisodeId {
    type Err = IdentifierError;

    /// Reads an episode id.
    ///
    /// # Errors
    /// [`IdentifierError::EpisodeId`] when empty, over 128 bytes, or with a control character.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shaped = (1..=128).contains(&text.len()) && !text.chars().any(char::is_control);
        if shaped { Ok(Self(text.to_owned())) } else { Err(IdentifierError::EpisodeId) }
    }
}

impl fmt::Display for EpisodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digit_rule_accepts_known_numbers_and_refuses_each_altered_digit() {
        let good = "9690937278";
        assert!(good.parse::<NhsNumber>().is_ok());
        for position in 0..10 {
            let mut digits = good.as_bytes().to_vec();
            digits[position] = b'0' + (digits[position] - b'0' + 1) % 10;
            let altered = String::from_utf8(digits).expect("digits are text");
            assert_eq!(altered.parse::<NhsNumber>(), Err(IdentifierError::NhsNumberCheckDigit));
        }
    }

    #[test]
    fn a_remainder_of_ten_has_no_valid_check_digit() {
        // 1 in position nine weighs 2, so 000000006 gives 12 % 11 = 1 and a check digit of 10.
        for last in 0..10 {
            assert_eq!(
                format!("000000006{last}").parse::<NhsNumber>(),
                Err(IdentifierError::NhsNumberCheckDigit)
            );
        }
    }

    #[test]
    fn nhs_number_refuses_spaces_letters_and_other_scripts() {
        for text in ["969 093 7278", "969093727", "96909372780", "969093727X", "٩٦٩٠٩٣٧٢٧٨", ""] {
            assert_eq!(text.parse::<NhsNumber>(), Err(IdentifierError::NhsNumberFormat));
        }
    }

    #[test]
    fn nhs_number_never_prints_itself() {
        let number: NhsNumber = "9690937278".parse().expect("valid");
        assert!(!format!("{number:?}").contains("969"));
    }

    #[test]
    fn ods_asid_and_episode_shapes() {
        assert!("A82038".parse::<OdsCode>().is_ok());
        for text in ["a82038", "A8", "A82038*", "A8203811111", "A82 38"] {
            assert_eq!(text.parse::<OdsCode>(), Err(IdentifierError::OdsCode));
        }
        assert!("200000000359".parse::<Asid>().is_ok());
        assert_eq!("20000000035".parse::<Asid>(), Err(IdentifierError::Asid));
        assert!("../../x".parse::<EpisodeId>().is_ok(), "opaque, because it is never a path");
        assert_eq!("a\nb".parse::<EpisodeId>(), Err(IdentifierError::EpisodeId));
    }
}
