//! A head that is signed, to be kept where nobody who can write the log can write: there it proves later that the
//! log's end was not cut off and its beginning not written anew (`security` sheet, section 6). Whoever holds the
//! public key can check it, without the log's keys and without this program:
//!
//! ```text
//! bedside-anchor1 1042:9f86d0... 2026-11-22T20:00:00Z BASE64
//! ```
//!
//! The signature is Ed25519 over the first three fields with single spaces between them.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::{Head, KeyFileError, PublicKey, Secret};

/// What an anchor's text begins with; the number is the version of its form.
const MARK: &str = "bedside-anchor1";

/// The Ed25519 key that signs heads. It is no key of the log: who holds it can sign any head, so it belongs to those
/// who answer for the log.
pub struct AnchorKey(Ed25519KeyPair);

impl AnchorKey {
    /// Reads the key's 32-byte seed from a key file, see [`Secret::from_file`].
    ///
    /// # Errors
    /// As [`Secret::from_file`].
    pub fn from_file(path: &Path) -> Result<Self, KeyFileError> {
        let seed = Secret::from_file(path)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose());
        pair.map(Self).map_err(|_| KeyFileError::Format { path: path.display().to_string() })
    }

    /// The key that those who check anchors need.
    pub fn public_key(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey::from_bytes(bytes)
    }

    /// Signs that the log had that head at that time.
    pub fn sign(&self, head: Head, at: Timestamp) -> Anchor {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.0.sign(statement(&head, at).as_bytes()).as_ref());
        Anchor { head, at, signature }
    }
}

/// A signed head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    head: Head,
    at: Timestamp,
    signature: [u8; 64],
}

impl Anchor {
    /// The head, once the signature is known to be of that key; what [`verify`](crate::verify) takes.
    ///
    /// # Errors
    /// [`AnchorError::Signature`].
    pub fn verify(&self, key: &PublicKey) -> Result<Head, AnchorError> {
        let verified = key.verifies(statement(&self.head, self.at).as_bytes(), &self.signature);
        if verified { Ok(self.head) } else { Err(AnchorError::Signature) }
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", statement(&self.head, self.at), BASE64_STANDARD.encode(self.signature))
    }
}

impl FromStr for Anchor {
    type Err = AnchorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fields: Vec<&str> = text.trim().split(' ').collect();
        let [MARK, head, at, signature] = fields[..] else { return Err(AnchorError::Format) };
        let signature = BASE64_STANDARD.decode(signature).ok().and_then(|bytes| bytes.try_into().ok());
        let anchor = Self {
            head: head.parse().map_err(|_| AnchorError::Format)?,
            at: at.parse().map_err(|_| AnchorError::Format)?,
            signature: signature.ok_or(AnchorError::Format)?,
        };
        // One spelling only: what is checked is what stands there.
        if anchor.to_string() == text.trim() { Ok(anchor) } else { Err(AnchorError::Format) }
    }
}

/// Why an anchor proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// The text is not an anchor.
    #[error(
        "not an anchor: it is `bedside-anchor1`, a head, a time and a signature, as `audit anchor` prints them"
    )]
    Format,
    /// It was not signed by that key, or changed since.
    #[error("the anchor was not signed by that key, or was changed since")]
    Signature,
}

fn statement(head: &Head, at: Timestamp) -> String {
    format!("{MARK} {head} {at}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    fn key(dir: &Path, name: &str, seed: &str) -> AnchorKey {
        let path = dir.join(name);
        let seed = Secret::from_bytes(&hex::decode(seed).expect("hexadecimal"));
        seed.to_new_file(&path).expect("written");
        AnchorKey::from_file(&path).expect("a key")
    }

    #[test]
    fn ed25519_known_answer() {
        // RFC 8032, section 7.1, tests 1 and 3.
        let dir = tempfile::tempdir().expect("temporary directory");
        let one = key(dir.path(), "1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let public = hex::decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(Some(one.public_key()), public.map(PublicKey::from_bytes));
        let three = key(dir.path(), "3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7");
        let signature = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";
        assert_eq!(hex::encode(three.0.sign(&[0xaf, 0x82]).as_ref()), signature);
    }

    #[test]
    fn an_anchor_is_read_back_and_holds_for_its_key_only() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (ours, theirs) = (key(dir.path(), "a", &"11".repeat(32)), key(dir.path(), "b", &"12".repeat(32)));
        let head = Head { seq: 17, hash: [9; 32] };
        let text = ours.sign(head, "2026-11-22T20:00:00Z".parse().expect("a time")).to_string();
        let anchor: Anchor = text.parse().expect("an anchor");
        let public: PublicKey = ours.public_key().to_string().parse().expect("a key");
        assert_eq!(anchor.verify(&public), Ok(head));
        assert_eq!(anchor.verify(&theirs.public_key()), Err(AnchorError::Signature));
        for position in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[position] ^= 1;
            let changed = String::from_utf8_lossy(&changed).into_owned();
            let verified = changed.parse::<Anchor>().and_then(|anchor| anchor.verify(&public));
            assert!(verified.is_err(), "{changed}");
        }
        for text in ["", "17:ab", "bedside-anchor1 17:ab 2026-11-22T20:00:00Z AAAA"] {
            assert_eq!(text.parse::<Anchor>(), Err(AnchorError::Format));
        }
    }
}
