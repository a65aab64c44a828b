use std::collections::BTreeMap;

use bedside_model::{Asid, ClinicalArea, OdsCode, Requester};

use crate::Pseudonym;

/// Something that is about to happen, or was refused.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// What it is.
    pub kind: EventKind,
    /// On whose behalf; the name is recorded as it is at the time.
    pub requester: &'a Requester,
    /// Purpose as claimed; only `directcare` is ever permitted, and a refusal records what was said instead.
    pub purpose: &'a str,
    /// What relationship to the patient was asserted.
    pub relationship: Option<&'a str>,
    /// The opaque tag of the episode, never its id.
    pub episode: Option<&'a str>,
    /// The patient, from [`AuditLog::pseudonym`](crate::AuditLog::pseudonym).
    pub patient: Option<Pseudonym>,
    /// What is known beforehand: trace id, ASIDs, interaction.
    pub detail: Detail,
}

/// Something that the system does by a rule of the site and for nobody: a purge when an episode's time is over,
/// a new wrap under a new key, the mending of what a crash left. It never releases a record.
#[derive(Debug, Clone)]
pub struct SystemEvent<'a> {
    /// What it is.
    pub kind: EventKind,
    /// The opaque tag of the episode.
    pub episode: Option<&'a str>,
    /// The patient, where that is known.
    pub patient: Option<Pseudonym>,
    /// What is known beforehand, such as the rule as its cause.
    pub detail: Detail,
}

/// What kind of event a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A request to a GP system.
    Fetch,
    /// A generation of an episode written to the cache.
    Commit,
    /// A grant asked for; recorded when it is refused.
    Grant,
    /// An episode opened for reading.
    Read,
    /// An episode destroyed.
    Purge,
    /// The end of the stay was reported.
    Discharge,
    /// The stay was reported to go on.
    Confirm,
    /// An episode locked, or the lock taken off.
    Hold,
    /// An episode's key wrapped by another key-encryption key.
    Rewrap,
    /// The log itself was mended: a record that a crash had cut was removed.
    Repair,
    /// The log goes on in another file; the last record of the one before.
    Segment,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Fetch,
        Self::Commit,
        Self::Grant,
        Self::Read,
        Self::Purge,
        Self::Discharge,
        Self::Confirm,
        Self::Hold,
        Self::Rewrap,
        Self::Repair,
        Self::Segment,
    ];

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Commit => "commit",
            Self::Grant => "grant",
            Self::Read => "read",
            Self::Purge => "purge",
            Self::Discharge => "discharge",
            Self::Confirm => "confirm",
            Self::Hold => "hold",
            Self::Rewrap => "rewrap",
            Self::Repair => "repair",
            Self::Segment => "segment",
        }
    }
}

/// What an event may say about itself: ids, states and counts. A closed set, and texts that only this program
/// writes are `&'static`, so that neither a provider's words nor a record's content can reach the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detail {
    /// `Ssp-TraceID`; anything but the shape of a UUID is recorded as `withheld`.
    pub trace_id: Option<String>,
    /// Our accredited system id.
    pub from_asid: Option<Asid>,
    /// The provider's.
    pub to_asid: Option<Asid>,
    /// ODS code of the practice that was asked.
    pub practice: Option<OdsCode>,
    /// The interaction that was asked for.
    pub interaction_id: Option<&'static str>,
    /// HTTP status of the answer.
    pub http_status: Option<u16>,
    /// Spine's error code, as one of the codes that this program knows.
    pub error_code: Option<&'static str>,
    /// Attempts made.
    pub attempts: Option<u32>,
    /// Duration in milliseconds.
    pub duration_ms: Option<u64>,
    /// Bytes received, written or destroyed.
    pub bytes: Option<u64>,
    /// Clinical areas asked for.
    pub areas_asked: Vec<ClinicalArea>,
    /// Clinical areas returned.
    pub areas_returned: Vec<ClinicalArea>,
    /// Rows by table name.
    pub rows: BTreeMap<&'static str, u64>,
    /// Generation of the episode.
    pub generation: Option<u64>,
    /// SHA-256 of the sealed manifest.
    pub manifest_sha256: Option<[u8; 32]>,
    /// SHA-256 of the bytes that a repair of the log removed.
    pub removed_sha256: Option<[u8; 32]>,
    /// Receipt of a purge.
    pub receipt: Option<[u8; 16]>,
    /// The rule or decision behind it: which time was over, that a stale record was accepted, why it is held.
    pub cause: Option<&'static str>,
    /// Age of the record that was shown, in seconds.
    pub age_s: Option<u64>,
    /// Id of the key-encryption key that wraps from now on. Not secret.
    pub key_id: Option<String>,
    /// Number of the file in which the log goes on.
    pub segment: Option<u64>,
}

/// How an event ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Done, refused, failed or unknown.
    pub verdict: Verdict,
    /// Why, as a short code; `None` when done.
    pub reason: Option<&'static str>,
    /// What came of it.
    pub detail: Detail,
}

impl Outcome {
    /// It was done.
    pub fn ok(detail: Detail) -> Self {
        Self { verdict: Verdict::Ok, reason: None, detail }
    }

    /// It was refused, by us or by the provider.
    pub fn blocked(reason: &'static str) -> Self {
        Self { verdict: Verdict::Blocked, reason: Some(reason), detail: Detail::default() }
    }

    /// It was permitted and did not succeed.
    pub fn failed(reason: &'static str) -> Self {
        Self { verdict: Verdict::Failed, reason: Some(reason), detail: Detail::default() }
    }

    /// Nobody knows: the process that was to say it died.
    pub fn unknown(reason: &'static str) -> Self {
        Self { verdict: Verdict::Unknown, reason: Some(reason), detail: Detail::default() }
    }

    /// The same outcome with that detail.
    pub fn with(self, detail: Detail) -> Self {
        Self { detail, ..self }
    }
}

/// The three ends that conformance test GEN-05 wants told apart, and the one that a crash leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Successful.
    Ok,
    /// Blocked.
    Blocked,
    /// Unsuccessful.
    Failed,
    /// Cut off by a crash (`reliability` sheet, F-40).
    Unknown,
}

impl Verdict {
    /// The name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}
