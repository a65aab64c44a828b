use std::path::Path;

use bedside_audit::{KeyFileError, Randomness, Secret, hex};
use ring::aead::NONCE_LEN;
use serde::{Deserialize, Serialize};

use crate::seal;
use crate::tag::EpisodeTag;

/// A key-encryption key, wherever it lives. It wraps the keys of episodes and nothing else.
pub trait KeyEncryption: Send + Sync {
    /// Its id, which tells it from others without telling anything about it. Not secret.
    fn id(&self) -> &str;

    /// Wraps an episode's key, bound to `aad`.
    ///
    /// # Errors
    /// [`KeyError::Unavailable`].
    fn wrap(&self, key: &Secret, aad: &[u8], randomness: &dyn Randomness) -> Result<Vec<u8>, KeyError>;

    /// Gives back the key that was wrapped with the same `aad`.
    ///
    /// # Errors
    /// [`KeyError::Rejected`] when the bytes or `aad` are not what was wrapped, [`KeyError::Unavailable`].
    fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Secret, KeyError>;
}

/// Why a key-encryption key did not do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The provider does not answer; trying later may help.
    #[error("the provider of the key-encryption key does not answer")]
    Unavailable,
    /// The wrapped key was changed, or wrapped by another key or for another episode.
    #[error("the wrapped key was refused by the key-encryption key")]
    Rejected,
}

/// A key-encryption key from a file ([`Secret::from_file`]): AES-256-GCM with a random nonce, which stands
/// before the sealed bytes.
pub struct KeyFile {
    key: Secret,
    id: String,
}

impl KeyFile {
    /// Reads the file, whose mode and owner are checked.
    ///
    /// # Errors
    /// As [`Secret::from_file`].
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        Secret::from_file(path).map(Self::new)
    }

    /// Reads a credential that the service manager provides ([`Secret::from_credential`]), such as systemd with
    /// `LoadCredential=` below `$CREDENTIALS_DIRECTORY`.
    ///
    /// # Errors
    /// As [`Secret::from_credential`].
    pub fn from_credential(path: &Path) -> Result<Self, KeyFileError> {
        Secret::from_credential(path).map(Self::new)
    }

    /// The key-encryption key that this secret is.
    pub fn new(key: Secret) -> Self {
        // A keyed hash of a constant: equal for equal keys, and it says nothing about them.
        let id = hex::encode(&seal::mac(&key, b"bedside1|kek-id")[..8]);
        Self { key, id }
    }
}

impl KeyEncryption for KeyFile {
    fn id(&self) -> &str {
        &self.id
    }

    fn wrap(&self, key: &Secret, aad: &[u8], randomness: &dyn Randomness) -> Result<Vec<u8>, KeyError> {
        let mut nonce = [0; NONCE_LEN];
        randomness.fill(&mut nonce).map_err(|_| KeyError::Unavailable)?;
        let mut wrapped = nonce.to_vec();
        wrapped.extend(seal::seal(&self.key, nonce, aad, key.expose()));
        Ok(wrapped)
    }

    fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Secret, KeyError> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::Rejected)?;
        let plain = seal::open(&self.key, *nonce, aad, sealed).map(zeroize::Zeroizing::new);
        let bytes = plain.as_deref().and_then(|bytes| bytes.first_chunk::<32>()).ok_or(KeyError::Rejected)?;
        Ok(Secret::from_bytes(bytes))
    }
}

/// The key-encryption key that wraps, and those of earlier epochs that still open what they wrapped.
pub(crate) struct KeyRing {
    current: Box<dyn KeyEncryption>,
    older: Vec<Box<dyn KeyEncryption>>,
}

impl KeyRing {
    pub(crate) fn new(current: Box<dyn KeyEncryption>) -> Self {
        Self { current, older: Vec::new() }
    }

    pub(crate) fn with_older(self, older: Vec<Box<dyn KeyEncryption>>) -> Self {
        Self { older, ..self }
    }

    pub(crate) fn current(&self) -> &dyn KeyEncryption {
        self.current.as_ref()
    }

    /// The key of that id; `None` for one that was destroyed, or never ours.
    pub(crate) fn by_id(&self, id: &str) -> Option<&dyn KeyEncryption> {
        std::iter::once(&self.current).chain(&self.older).find(|key| key.id() == id).map(AsRef::as_ref)
    }
}

/// The file of a wrapped key. Its bytes have one spelling, so that every change of them is noticed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrapFile {
    /// Id of the key-encryption key.
    pub(crate) kek: String,
    /// 1 for the first wrap; a rewrap counts up.
    wrap_generation: u64,
    wrapped: String,
}

impl WrapFile {
    pub(crate) fn wrap(
        key: &Secret,
        tag: &EpisodeTag,
        kek: &dyn KeyEncryption,
        randomness: &dyn Randomness,
    ) -> Result<Self, KeyError> {
        Self::wrap_as(1, key, tag, kek, randomness)
    }

    /// The same key, wrapped by another key-encryption key.
    pub(crate) fn rewrap(
        &self,
        key: &Secret,
        tag: &EpisodeTag,
        kek: &dyn KeyEncryption,
        randomness: &dyn Randomness,
    ) -> Result<Self, KeyError> {
        Self::wrap_as(self.wrap_generation.saturating_add(1), key, tag, kek, randomness)
    }

    fn wrap_as(
        wrap_generation: u64,
        key: &Secret,
        tag: &EpisodeTag,
        kek: &dyn KeyEncryption,
        randomness: &dyn Randomness,
    ) -> Result<Self, KeyError> {
        let id = kek.id().to_owned();
        let wrapped = kek.wrap(key, binding(tag, &id, wrap_generation).as_bytes(), randomness)?;
        Ok(Self { kek: id, wrap_generation, wrapped: hex::encode(&wrapped) })
    }

    pub(crate) fn unwrap(&self, tag: &EpisodeTag, kek: &dyn KeyEncryption) -> Result<Secret, KeyError> {
        let wrapped = hex::decode_any(&self.wrapped).ok_or(KeyError::Rejected)?;
        kek.unwrap(&wrapped, binding(tag, &self.kek, self.wrap_generation).as_bytes())
    }
}

fn binding(tag: &EpisodeTag, kek: &str, wrap_generation: u64) -> String {
    format!("bedside1|{tag}|{kek}|{wrap_generation}")
}

#[cfg(test)]
mod tests {
    use bedside_audit::SystemRandomness;

    use super::*;

    #[test]
    fn a_wrapped_key_opens_with_its_key_and_binding_only() {
        let kek = KeyFile::new(Secret::from_bytes(&[1; 32]));
        let other = KeyFile::new(Secret::from_bytes(&[2; 32]));
        let wrapped = kek.wrap(&Secret::from_bytes(&[9; 32]), b"a", &SystemRandomness).expect("wrapped");
        assert_eq!(kek.unwrap(&wrapped, b"a").expect("unwrapped").expose(), &[9; 32]);
        assert!(kek.unwrap(&wrapped, b"b").is_err());
        assert!(other.unwrap(&wrapped, b"a").is_err());
        assert_ne!(kek.id(), other.id());
        for length in 0..wrapped.len() {
            assert!(kek.unwrap(&wrapped[..length], b"a").is_err());
            let mut flipped = wrapped.clone();
            flipped[length] ^= 1;
            assert!(kek.unwrap(&flipped, b"a").is_err());
        }
    }

    #[test]
    fn a_key_file_unwraps_what_another_implementation_wrapped() {
        // Python `cryptography`: nonce + AESGCM(bytes([1]) * 32).encrypt(nonce, bytes([9]) * 32, b"a"), nonce of zeros.
        let wrapped = hex::decode_any("000000000000000000000000b63c91d57c320ab69a709b4c782dc848bccf96b98c963df3c52d07dc07df6712b016fbac67a8d6c7e89796cf734a6f8e").expect("hexadecimal");
        let kek = KeyFile::new(Secret::from_bytes(&[1; 32]));
        assert_eq!(kek.unwrap(&wrapped, b"a").expect("unwrapped").expose(), &[9; 32]);
    }

    #[test]
    fn every_wrap_has_its_own_nonce() {
        let kek = KeyFile::new(Secret::from_bytes(&[1; 32]));
        let wraps: std::collections::HashSet<Vec<u8>> = (0..1_000)
            .map(|_| {
                kek.wrap(&Secret::from_bytes(&[9; 32]), b"a", &SystemRandomness).expect("wrapped")[..12]
                    .to_vec()
            })
            .collect();
        assert_eq!(wraps.len(), 1_000);
    }
}
