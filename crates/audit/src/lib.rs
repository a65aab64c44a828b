//! The audit log: who asked for which patient's record, why, when, and how much came of it; never what.
//!
//! A record of the *intent* is durable before anything happens, a record of the *outcome* follows. Records are
//! chained by hash, so that a change, a deletion, an insertion or a new order is found by [`verify`]; a cut
//! tail shows only against a [`Head`] that was kept elsewhere. When the log cannot be written, the caller gets
//! an error and must not go on (`security` sheet, section 6).
//!
//! The log holds no clinical content and no NHS number: the patient is a keyed pseudonym, and what an event
//! may say is a closed set of fields ([`Detail`]).
//!
//! The crate also owns what the log and the cache both stand on: [`disk`] (private directories, no links
//! followed, locks, durable writes), [`Secret`] and its key files, and the small traits [`Clock`] and
//! [`Randomness`] through which faults are played.
//!
//! ```
//! # use std::sync::Arc;
//! # use bedside_audit::{AuditLog, Detail, Event, EventKind, Outcome, Pepper, Secret, SystemClock, SystemRandomness, verify};
//! # use bedside_model::Requester;
//! # let dir = tempfile::tempdir()?;
//! # let requester = Requester {
//! #     user_id: "u-17".into(), sds_user_id: "UNK".into(), sds_role_profile_id: "UNK".into(),
//! #     family: "Example".into(), given: "Ann".into(), prefix: None, role: "Pharmacist".into(),
//! #     organisation: "RXX01".parse()?, organisation_name: "Example Hospital".into(),
//! # };
//! let pepper = Pepper::new(Secret::random(&SystemRandomness)?);
//! let log = AuditLog::open(&dir.path().join("audit"), pepper, Arc::new(SystemClock))?;
//! let intent = log.intent(&Event {
//!     kind: EventKind::Read,
//!     requester: &requester,
//!     purpose: "directcare",
//!     relationship: Some("admitting team"),
//!     episode: Some("ue5tag"),
//!     patient: Some(log.pseudonym(&"9990000018".parse()?)),
//!     detail: Detail::default(),
//! })?;
//! // Only now may the record be opened.
//! intent.outcome(Outcome::ok(Detail { bytes: Some(812), ..Detail::default() }))?;
//! assert_eq!(verify(&dir.path().join("audit"), None)?.records, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod anchor;
mod anchoring;
mod chain;
mod clock;
pub mod disk;
mod entry;
mod event;
mod fhir;
mod group;
pub mod hex;
mod log;
mod private;
mod process;
mod pseudonym;
mod public_key;
mod record;
mod secret;
mod segment;
mod tail;
mod unfinished;
mod verify;
mod waiting;

pub use anchor::{Anchor, AnchorError, AnchorKey};
pub use anchoring::{ANCHORS, Anchors};
pub use chain::{Head, HeadFormat};
pub use clock::{Clock, SystemClock};
pub use entry::{Access, Entry, EntryUser, accesses, who_saw};
pub use event::{Detail, Event, EventKind, Outcome, SystemEvent, Verdict};
pub use fhir::audit_event;
pub use log::{AuditError, AuditLog, Intent};
pub use private::private_file;
pub use process::{Hardened, harden_process};
pub use pseudonym::{Pepper, Pseudonym};
pub use public_key::{PublicKey, PublicKeyFormat};
pub use secret::{
    KeyFileError, Randomness, RandomnessFailed, Secret, SystemRandomness, credential_line, private_line,
};
pub use verify::{Broken, Damage, Verified, VerifyError, verify};
