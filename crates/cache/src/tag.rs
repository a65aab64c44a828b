use std::fmt;

use bedside_audit::Secret;
use bedside_model::EpisodeId;

use crate::seal;

/// The opaque name of an episode on disk and in the audit log: 26 characters of base32 over
/// HMAC-SHA256(path pepper, episode id), 130 bits (`security` sheet, T-13).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EpisodeTag(String);

const LENGTH: usize = 26;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

impl EpisodeTag {
    pub(crate) fn of(pepper: &Secret, episode: &EpisodeId) -> Self {
        let mac = seal::mac(pepper, episode.as_str().as_bytes());
        Self((0..LENGTH).map(|index| char::from(ALPHABET[five_bits(&mac, index * 5)])).collect())
    }

    /// The tag that a directory's name is; `None` for any other name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let shaped = name.len() == LENGTH && name.bytes().all(|byte| ALPHABET.contains(&byte));
        shaped.then(|| Self(name.to_owned()))
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EpisodeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn five_bits(bytes: &[u8], bit: usize) -> usize {
    let pair = u16::from(bytes[bit / 8]) << 8 | u16::from(bytes[bit / 8 + 1]);
    usize::from(pair >> (11 - bit % 8) & 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_what_another_implementation_names() {
        // Python: base64.b32encode(hmac.digest(bytes([1]) * 32, b"../../EP 1", "sha256")).decode().lower()[:26]
        let tag = EpisodeTag::of(&Secret::from_bytes(&[1; 32]), &"../../EP 1".parse().expect("opaque"));
        assert_eq!(tag.as_str(), "plwpue6str6u2eutxcbnyqqsrz");
        assert_eq!(EpisodeTag::from_name(tag.as_str()), Some(tag));
        for name in ["", "..", "abc", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwx/1"] {
            assert_eq!(EpisodeTag::from_name(name), None);
        }
    }
}
