use std::path::Path;

use bedside_model::NhsNumber;
use ring::hmac;

use crate::{KeyFileError, Secret, hex};

/// The key of the log's pseudonyms. It must live as long as the log: whoever holds it and types a number finds
/// the number's records, and without it the log tells nothing about who the patient is.
pub struct Pepper(Secret);

impl Pepper {
    /// The pepper that this secret is.
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// Reads the pepper from a key file, see [`Secret::from_file`].
    ///
    /// # Errors
    /// As [`Secret::from_file`].
    pub fn from_file(path: &Path) -> Result<Self, KeyFileError> {
        Secret::from_file(path).map(Self)
    }

    /// HMAC-SHA256 of the ten digits (`security` sheet, section 6).
    pub fn pseudonym(&self, number: &NhsNumber) -> Pseudonym {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        let tag = hmac::sign(&key, number.expose().as_bytes());
        Pseudonym(hex::encode(tag.as_ref()))
    }
}

/// A patient as the log names one: 64 hexadecimal digits that only the pepper's holder can match to a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pseudonym(String);

impl Pseudonym {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes back a pseudonym that was written down; `None` when the text is not 64 lower-case digits.
    pub fn from_text(text: &str) -> Option<Self> {
        hex::decode::<32>(text).map(|bytes| Self(hex::encode(&bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_sha256_known_answers() {
        // RFC 4231, test cases 1, 2 and 6 (the last has a key longer than a block).
        let cases: [(&[u8], &[u8], &str); 3] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, data, expected) in cases {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);
            assert_eq!(hex::encode(tag.as_ref()), expected);
        }
    }

    #[test]
    fn a_pseudonym_depends_on_the_number_and_on_the_pepper() {
        let first = "9990000018".parse().expect("test number");
        let second = "9990000026".parse().expect("test number");
        let pepper = Pepper::new(Secret::from_bytes(&[1; 32]));
        let other = Pepper::new(Secret::from_bytes(&[2; 32]));
        assert_eq!(pepper.pseudonym(&first), pepper.pseudonym(&first));
        assert_ne!(pepper.pseudonym(&first), pepper.pseudonym(&second));
        assert_ne!(pepper.pseudonym(&first), other.pseudonym(&first));
        assert_eq!(Pseudonym::from_text(pepper.pseudonym(&first).as_str()), Some(pepper.pseudonym(&first)));
        assert_eq!(Pseudonym::from_text("9990000018"), None);
    }
}
