use std::fs;

use bedside_audit::EventKind;
use bedside_cache::{CacheError, ReaderAssertion};
use bedside_model::EpisodeId;
use bedside_warm::{ReaderError, read_assertion};

use crate::args::ReaderArgs;
use crate::exit::Stopped;
use crate::installation::Installation;

/// Who acts, from the reader file. Without one nobody does.
pub(super) fn reader(
    args: &ReaderArgs,
    installation: &Installation,
    (kind, episode): (EventKind, &EpisodeId),
) -> Result<ReaderAssertion, Stopped> {
    let Some(path) = &args.reader else {
        return Err(Stopped::refused("refused: say who acts and why, with --reader FILE"));
    };
    let bytes = fs::read(path).map_err(|error| {
        Stopped::usage(format!("cannot read the reader file {}: {error}", path.display()))
    })?;
    let tag = installation.cache.episode_tag(episode);
    read_assertion(&bytes, &installation.audit, (kind, &tag)).map_err(|error| match error {
        ReaderError::Malformed(_) => Stopped::usage(error),
        ReaderError::Refused(_) => Stopped::refused(error),
        ReaderError::Audit(_) => Stopped::failed(error),
    })
}

/// What the cache would not do.
pub(super) fn stopped(error: CacheError) -> Stopped {
    match error {
        CacheError::Refused(_) => Stopped::refused(error),
        _ => Stopped::failed(error),
    }
}
