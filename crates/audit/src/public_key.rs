use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine};
use ring::signature::{ED25519, UnparsedPublicKey};

/// What stands before the 32 bytes of an Ed25519 public key in its DER form (RFC 8410, section 4).
const DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const PEM_END: &str = "-----END PUBLIC KEY-----";

/// An Ed25519 public key: of those who sign anchors of the log, or of a host system that signs tokens. Its text is PEM,
/// as `openssl pkey -pubout` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key of those bytes (RFC 8032, section 5.1.5). Bytes that are no point of the curve verify nothing.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Whether the signature over the message is of this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

/// The text is not an Ed25519 public key in PEM; a private key is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 public key in PEM, as `openssl pkey -in private.key -pubout` prints it")]
pub struct PublicKeyFormat;

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let der = [&DER[..], &self.0].concat();
        write!(f, "{PEM_BEGIN}\n{}\n{PEM_END}\n", BASE64_STANDARD.encode(der))
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let body = text.trim().strip_prefix(PEM_BEGIN).and_then(|text| text.strip_suffix(PEM_END));
        let der = body.and_then(|body| BASE64_STANDARD.decode(body.trim()).ok()).ok_or(PublicKeyFormat)?;
        let key = der.strip_prefix(&DER).and_then(|key| key.try_into().ok());
        key.map(Self).ok_or(PublicKeyFormat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    // RFC 8410, section 10.1, and the private key of its section 10.3.
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

    #[test]
    fn the_key_of_the_rfc_is_read_and_nothing_else_is() {
        let key: PublicKey = PUBLIC.parse().expect("a key");
        assert_eq!((key.0[0], key.0[1], key.0[31]), (0x19, 0xbf, 0xe1));
        assert_eq!(key.to_string(), PUBLIC);
        assert_eq!(PUBLIC.replace('\n', "\r\n").parse(), Ok(key), "as Windows ends lines");
        let cut = PUBLIC.replace("ZuE=", "");
        for wrong in ["", "19bf", PRIVATE, &cut, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]
        {
            assert_eq!(wrong.parse::<PublicKey>(), Err(PublicKeyFormat), "{wrong}");
        }
    }

    #[test]
    fn ed25519_known_answers() {
        // RFC 8032, section 7.1, TEST 2 and TEST 3: public key, message, signature.
        let vectors = [
            (
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                 085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                 18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ];
        for (key, message, signature) in vectors {
            let key = PublicKey::from_bytes(hex::decode(key).expect("32 bytes"));
            let [message, mut signature] =
                [message, signature].map(|text| hex::decode_any(text).expect("hexadecimal"));
            assert!(key.verifies(&message, &signature));
            signature[63] ^= 1;
            assert!(!key.verifies(&message, &signature));
        }
    }
}
