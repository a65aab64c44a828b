use std::io;

use bedside_audit::{AuditError, Outcome, RandomnessFailed};
use bedside_model::schema::Table;
use jiff::Timestamp;

use crate::contents::ContentsError;
use crate::keys::KeyError;
use crate::policy::Refused;
use crate::retention::Rule;

/// Why the cache did not do what was asked. Nothing was released, and no message holds content or identifiers.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The episode is in a state in which it has no rows to give.
    #[error(transparent)]
    NotReadable(#[from] NotReadable),
    /// Policy does not permit it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// What was to be stored is not a whole record.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// The audit log did not take the record, so nothing was done.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The key-encryption key's provider does not answer.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is no randomness to make a key from.
    #[error(transparent)]
    Randomness(#[from] RandomnessFailed),
    /// The file system failed, or refused what is not private.
    #[error("the cache's directory cannot be used: {0}")]
    Disk(#[from] io::Error),
    /// Another process has the episode's lock and did not give it back. End it if it hangs, and try again.
    #[error("the episode is in use: {0}")]
    Busy(io::Error),
    /// The key of the directory names is gone or damaged while episodes are there; none of them can be found.
    #[error(
        "keys/path.pepper is lost or damaged: mount the volume of keys where it is one of its own, or else remove the whole cache directory and fetch again"
    )]
    PathPepper,
    /// Encryption or encoding of a table failed; nothing was committed.
    #[error("a table could not be sealed: {0}")]
    Seal(&'static str),
}

/// The states in which an episode cannot be read (`reliability` sheet, promise P2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReadable {
    /// Nothing was ever committed for it.
    #[error(
        "the episode is not in the cache: check its id, or warm it; `bedside list` shows how many are there and since when"
    )]
    NotWarmed,
    /// It was purged and does not come back.
    #[error("the episode was purged at {at}; its key is destroyed")]
    Purged {
        /// When.
        at: Timestamp,
    },
    /// Its time is over; it only waits for its purge.
    #[error("the episode expired at {since} ({}) and is not shown any more", .rule.as_str())]
    Expired {
        /// When.
        since: Timestamp,
        /// Which time was over.
        rule: Rule,
    },
    /// Nobody may see it or fetch for it until the hold is taken off, and see it before it was fetched again.
    #[error("the episode is held ({}) and is not shown{}", .reason.as_str(), .reason.ending())]
    Held {
        /// Why.
        reason: HoldReason,
    },
    /// The record is older than the site's limit. Fetch again, or accept that it is stale, which is audited.
    #[error("the record was fetched at {fetched} and is stale: fetch again, or accept that it is stale")]
    Stale {
        /// When.
        fetched: Timestamp,
    },
    /// Something on disk is not what was written there. Fetch again, and find out why.
    #[error("the episode is damaged and is not shown: {what}")]
    Damaged {
        /// What is wrong.
        what: Damage,
    },
    /// It is whole and was sealed by another version of this program, which this one does not read. Fetch again.
    #[error("the episode was sealed by another version of bedside and is not shown: fetch it again")]
    OtherVersion,
    /// The system fails or refuses its files: they are not private, not files, or not ours.
    #[error(
        "the episode's files cannot be used: one is open to others, is no file, belongs to somebody else or fails; see `ls -laR` of its folder below episodes and of its files below keys"
    )]
    Unusable,
    /// Its wrapped key is gone (a purge that was cut short; purge it again) or was wrapped by another
    /// key-encryption key than the one in use.
    #[error(
        "the episode's key is not available: the wrapped key is gone, or another key-encryption key wrapped it"
    )]
    KeyUnavailable,
}

/// What is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// `CURRENT` does not hold a generation's number.
    #[error("CURRENT is not readable")]
    Current,
    /// An older generation was put back.
    #[error("it was rolled back to an older generation")]
    RolledBack,
    /// Its standing, which holds the high-water mark, is missing or not authentic.
    #[error("its standing is missing or was changed")]
    Standing,
    /// The wrapped key is not what was written.
    #[error("its wrapped key was changed")]
    Wrap,
    /// The sealed manifest is missing, changed, or another episode's or generation's.
    #[error("its manifest is missing or was changed")]
    Manifest,
    /// A table's file is missing, changed, or another's.
    #[error("its table {} is missing or was changed", .0.as_str())]
    Table(Table),
    /// The sealed bundle is missing, changed, or another's.
    #[error("its bundle is missing or was changed")]
    Bundle,
    /// An earlier generation, asked for to compare, is not the one that was committed. The current one is not touched
    /// by that.
    #[error("the earlier generation was changed")]
    Earlier,
    /// The tombstone of a purge is not readable.
    #[error("its tombstone is not readable")]
    Tombstone,
}

/// Why an episode is held (`security` sheet, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldReason {
    /// The patient does not agree.
    Dissent,
    /// The patient's whereabouts are protected (S-flag).
    Sensitive,
    /// The patient has died.
    Deceased,
    /// It is in doubt whose record it is.
    Identity,
    /// Whether it was held, and why, is lost with its standing. Find out before it is taken off.
    Unknown,
    /// The hold was taken off, and whether the record may be shown is for the next fetch to tell, which ends it.
    Unconfirmed,
}

impl HoldReason {
    /// All that somebody can give.
    pub const ALL: [Self; 4] = [Self::Dissent, Self::Sensitive, Self::Deceased, Self::Identity];

    /// The name, in files, arguments and the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dissent => "dissent",
            Self::Sensitive => "sensitive",
            Self::Deceased => "deceased",
            Self::Identity => "identity",
            Self::Unknown => "unknown",
            Self::Unconfirmed => "unconfirmed",
        }
    }

    /// What is left of the hold when somebody takes it off. Nobody's word here overrides the practice, the national
    /// record or the comparison of patients (`security` sheet, T-29 and section 11): a fetch asks all of them again. What
    /// is held for a reason that was lost has been fetched since.
    pub(crate) fn taken_off(self) -> Option<Self> {
        match self {
            Self::Unknown => None,
            _ => Some(Self::Unconfirmed),
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Unconfirmed => " until it is fetched again: warm it",
            _ => "",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().chain([Self::Unknown, Self::Unconfirmed]).find(|reason| reason.as_str() == name)
    }
}

impl NotReadable {
    /// The state's name, as `bedside list` and the audit log say it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotWarmed => "not_warmed",
            Self::Purged { .. } => "purged",
            Self::Expired { .. } => "expired",
            Self::Held { .. } => "held",
            Self::Stale { .. } => "stale",
            Self::Damaged { .. } => "damaged",
            Self::OtherVersion => "other_version",
            Self::Unusable => "unusable",
            Self::KeyUnavailable => "key_unavailable",
        }
    }
}

impl CacheError {
    /// The same as a state of the episode that it happened to, where it says something of that one alone: then the
    /// others go on. A disk that is full, cannot be written or is away concerns all of them.
    pub(crate) fn of_one_episode(self) -> Result<NotReadable, Self> {
        use io::ErrorKind::{
            InvalidData, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied,
        };
        /// A part of the medium that cannot be read.
        const EIO: i32 = 5;
        /// A link where a file should be.
        const ELOOP: i32 = 40;
        match self {
            Self::NotReadable(state) => Ok(state),
            Self::Disk(error) => match (error.kind(), error.raw_os_error()) {
                (
                    InvalidData | InvalidInput | IsADirectory | NotADirectory | NotFound | PermissionDenied,
                    _,
                )
                | (_, Some(EIO | ELOOP)) => Ok(NotReadable::Unusable),
                _ => Err(Self::Disk(error)),
            },
            error => Err(error),
        }
    }

    /// How the audit log says it: a refusal and an episode that is over are blocked, the rest failed.
    pub(crate) fn outcome(&self) -> Outcome {
        use NotReadable::{Expired, Held, NotWarmed, Purged, Stale};
        match self {
            Self::Refused(refused) => Outcome::blocked(refused.as_str()),
            Self::NotReadable(
                state @ (NotWarmed | Purged { .. } | Expired { .. } | Held { .. } | Stale { .. }),
            ) => Outcome::blocked(state.as_str()),
            Self::NotReadable(state) => Outcome::failed(state.as_str()),
            Self::Contents(ContentsError::OtherPatient) => Outcome::failed("other_patient"),
            Self::Contents(_) => Outcome::failed("contents"),
            Self::Audit(_) => Outcome::failed("audit"),
            Self::Key(_) => Outcome::failed("key_provider"),
            Self::Randomness(_) => Outcome::failed("randomness"),
            Self::Disk(_) => Outcome::failed("disk"),
            Self::Busy(_) => Outcome::failed("busy"),
            Self::PathPepper => Outcome::failed("path_pepper"),
            Self::Seal(_) => Outcome::failed("seal"),
        }
    }
}

impl From<Damage> for CacheError {
    fn from(what: Damage) -> Self {
        Self::NotReadable(NotReadable::Damaged { what })
    }
}
