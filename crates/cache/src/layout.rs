//! Where things lie below the cache's root. Every name is a constant, a tag or a number.

use bedside_model::schema::Table;

use crate::tag::EpisodeTag;

pub(crate) const LOCK: &str = "lock";
pub(crate) const KEYS: &str = "keys";
pub(crate) const PEPPER: &str = "keys/path.pepper";
pub(crate) const EPISODES: &str = "episodes";
const GENERATION: &str = "gen-";

pub(crate) fn wrap(tag: &EpisodeTag) -> String {
    format!("{KEYS}/{tag}.wrap")
}

/// The wrapped key on its way out: a reader finds it whole under its own name or not at all.
pub(crate) fn wrap_going(tag: &EpisodeTag) -> String {
    format!("{KEYS}/{tag}.wrap.going")
}

pub(crate) fn standing(tag: &EpisodeTag) -> String {
    format!("{KEYS}/{tag}.state")
}

/// Where a small file or a generation is written before it takes its place.
pub(crate) fn beside(path: &str) -> String {
    format!("{path}.tmp")
}

pub(crate) fn episode(tag: &EpisodeTag) -> String {
    format!("{EPISODES}/{tag}")
}

pub(crate) fn episode_lock(tag: &EpisodeTag) -> String {
    format!("{EPISODES}/{tag}/lock")
}

pub(crate) fn current(tag: &EpisodeTag) -> String {
    format!("{EPISODES}/{tag}/CURRENT")
}

/// A hold, beside the episode: a standing that is put back from a copy of `keys/` does not lift it.
pub(crate) fn held(tag: &EpisodeTag) -> String {
    format!("{EPISODES}/{tag}/HELD")
}

pub(crate) fn tombstone(tag: &EpisodeTag) -> String {
    format!("{EPISODES}/{tag}/PURGED")
}

/// A generation, or while it is being written, the directory beside it.
pub(crate) fn generation(tag: &EpisodeTag, number: u64) -> String {
    format!("{EPISODES}/{tag}/{GENERATION}{number}")
}

pub(crate) fn manifest(directory: &str) -> String {
    format!("{directory}/manifest.sealed")
}

pub(crate) fn bundle(directory: &str) -> String {
    format!("{directory}/bundle.sealed")
}

pub(crate) fn table(directory: &str, table: Table) -> String {
    format!("{directory}/{}.parquet", table.as_str())
}

/// The tag of a file of an episode among the keys.
pub(crate) fn key_of(name: &str) -> Option<EpisodeTag> {
    let (tag, kind) = name.split_once('.')?;
    EpisodeTag::from_name(tag).filter(|_| matches!(kind, "wrap" | "wrap.going" | "state"))
}

/// Whether a name in an episode's directory is a generation, committed or half-written.
pub(crate) fn is_generation(name: &str) -> bool {
    name.starts_with(GENERATION)
}

/// The number of a generation's directory; `None` for one that is half-written.
pub(crate) fn generation_number(name: &str) -> Option<u64> {
    number(name.strip_prefix(GENERATION)?)
}

/// A number in its one spelling.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|value| value.to_string() == text)
}
