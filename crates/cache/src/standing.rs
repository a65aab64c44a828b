//! What is known of a stay beside its record: the high-water mark of its generations and the times that its
//! retention counts from. One line, authenticated with the episode's key, replaced as a whole.
//!
//! It lies beside the wrapped key and not in its file: a wrap file that were rewritten with each generation would
//! leave copies of the wrapped key that no purge overwrites.

use bedside_audit::{Secret, hex};
use jiff::Timestamp;

use crate::error::HoldReason;
use crate::layout;
use crate::seal;
use crate::tag::EpisodeTag;

/// The standing of one episode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The highest generation that was committed; an older `CURRENT` is a rollback.
    pub(crate) mark: u64,
    /// When it was begun, or last confirmed: the ceiling counts from here.
    pub(crate) confirmed: Timestamp,
    /// The last sign of the stay: a commit or a confirmation.
    pub(crate) seen: Timestamp,
    /// When the end of the stay was reported.
    pub(crate) discharged: Option<Timestamp>,
    /// Why nobody may see it.
    pub(crate) held: Option<HoldReason>,
}

const NONE: &str = "-";

impl Standing {
    /// Of an episode that begins.
    pub(crate) fn begun(now: Timestamp) -> Self {
        Self { mark: 0, confirmed: now, seen: now, discharged: None, held: None }
    }

    /// The bytes of the file.
    pub(crate) fn seal(&self, key: &Secret, tag: &EpisodeTag) -> Vec<u8> {
        let text = self.text();
        let mac = seal::mac(&mac_key(key, tag), text.as_bytes());
        format!("{text} {}\n", hex::encode(&mac)).into_bytes()
    }

    /// What the file says; `None` when one byte is another, or it is another episode's.
    pub(crate) fn open(bytes: &[u8], key: &Secret, tag: &EpisodeTag) -> Option<Self> {
        let (text, mac) = split(bytes)?;
        let authentic = seal::is_mac(&mac_key(key, tag), text.as_bytes(), &hex::decode::<32>(mac)?);
        authentic.then(|| Self::read(text)).flatten()
    }

    /// What the file claims, where there is no key to check it with. Good enough to destroy by, never to read by.
    pub(crate) fn claimed(bytes: &[u8]) -> Option<Self> {
        Self::read(split(bytes)?.0)
    }

    fn text(&self) -> String {
        let discharged = self.discharged.map_or(NONE.to_owned(), |at| at.to_string());
        let held = self.held.map_or(NONE, HoldReason::as_str);
        format!("{} {} {} {discharged} {held}", self.mark, self.confirmed, self.seen)
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut word = || words.next();
        let standing = Self {
            mark: layout::number(word()?)?,
            confirmed: word()?.parse().ok()?,
            seen: word()?.parse().ok()?,
            discharged: optional(word()?, |text| text.parse().ok())?,
            held: optional(word()?, HoldReason::from_name)?,
        };
        word().is_none().then_some(standing)
    }
}

fn split(bytes: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.rsplit_once(' ')
}

fn optional<T>(word: &str, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if word == NONE { Some(None) } else { read(word).map(Some) }
}

fn mac_key(key: &Secret, tag: &EpisodeTag) -> Secret {
    seal::derive(key, &[], format!("bedside1|{tag}|state").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(letter: &str) -> EpisodeTag {
        EpisodeTag::from_name(&letter.repeat(26)).expect("shaped")
    }

    #[test]
    fn it_comes_back_as_it_was_with_its_own_key_and_episode_only() {
        let at = |text: &str| text.parse().expect("a timestamp");
        let begun = Standing::begun(at("2026-01-15T10:30:00Z"));
        let changed = Standing {
            mark: 7,
            discharged: Some(at("2026-01-16T10:30:00.5Z")),
            held: Some(HoldReason::Dissent),
            ..begun.clone()
        };
        let key = Secret::from_bytes(&[3; 32]);
        for standing in [begun, changed] {
            let sealed = standing.seal(&key, &tag("a"));
            assert_eq!(Standing::open(&sealed, &key, &tag("a")), Some(standing.clone()));
            assert_eq!(Standing::claimed(&sealed), Some(standing));
            assert_eq!(Standing::open(&sealed, &key, &tag("b")), None);
            assert_eq!(Standing::open(&sealed, &Secret::from_bytes(&[4; 32]), &tag("a")), None);
        }
    }
}
