//! The episode cache: one care episode's record, sealed, whole or absent, gone when the episode ends.
//!
//! # What lies on disk
//!
//! ```text
//! ROOT/                        0700, as every directory; files are 0600
//!   lock                       held while the path pepper is made
//!   keys/                      may be a volume of its own, and is left out of backups
//!     path.pepper              key of the directory names
//!     TAG.wrap                 the episode's key, wrapped by the key-encryption key
//!     TAG.state                the highest generation that was committed and the times of the stay, authenticated
//!   episodes/TAG/
//!     lock                     held by whoever writes or purges
//!     CURRENT                  number of the generation that counts; its rename is the commit
//!     gen-N/manifest.sealed    what the generation holds, and which was before it, sealed
//!     gen-N/TABLE.parquet      one encrypted Parquet file a table
//!     gen-N/bundle.sealed      the raw bundle, deflated and sealed, where the site keeps it
//!     gen-M/                   an earlier generation, as far as the site keeps them
//!     HELD                     why nobody may see it, as its state says too; where one of the two is lost, the other counts
//!     PURGED                   instead of all that: when, and the receipt
//! ```
//!
//! `TAG` is 26 characters of base32 over HMAC-SHA256(path pepper, episode id). No identifier is ever a path.
//!
//! # How it is sealed
//!
//! An episode has one random 256-bit key. A file's key is HKDF-SHA256(episode key, salt = 16 random bytes,
//! info = binding), where the binding is `bedside1|TAG|GENERATION|TABLE|SCHEMA_VERSION`. Tables are Parquet
//! Modular Encryption with that key for footer and columns (AES-256-GCM) and the binding as AAD prefix, which
//! is not in the file: a file opens only as the table, generation and episode that it was written as. The
//! manifest (binding with `manifest` as its table) is 8 bytes `bedside1`, 16 bytes salt, 7 bytes nonce prefix
//! and AES-256-GCM chunks of 64 KiB in the STREAM construction: nonce = prefix, chunk number (4 bytes
//! big-endian), 1 on the last chunk and 0 before, and the binding as AAD in each. The bundle is sealed in the same
//! chunks, without a header: its salt is in the manifest and its nonce prefix is zeros. The manifest holds the length and the
//! SHA-256 of each table's file; both are checked before a byte is parsed, because modular encryption alone
//! does not cover every byte (`security` sheet, section 4).
//!
//! The manifest also names the generation before, by number and SHA-256, where the site keeps it to compare with: what
//! lies there under that number is that one, or it is refused.
//!
//! The episode's key is wrapped with AES-256-GCM and a random nonce, bound to episode, key-encryption key and
//! wrap generation. `security` asks for AES-256-GCM-SIV or AES-KW; ring, the one crypto library here, has
//! neither. With one wrap an episode and random 96-bit nonces, GCM stays far from its limit of 2^32 wraps a key.
//! With the feature `pkcs11` the same is done by a token with a key that it keeps (`TokenKey`).
//!
//! # Where it lies
//!
//! On a local disk. With the feature `objects` the same names can be objects of a store of S3's kind, which several
//! machines share: `Cache::open_on` with an `ObjectDisk`. A lock is then a lease, and `CURRENT` is replaced by a put
//! that fails when another machine replaced it since the lease was taken. Each machine keeps an audit log of its own.
//!
//! # Who reads
//!
//! A [`Grant`] is minted by [`Cache::grant`] from what a person asserts, names one episode and ends after a
//! quarter of an hour. Every read takes one, and no function takes two episodes. Refusals, reads, commits and
//! purges are in the audit log before they take effect; when it cannot be written, nothing is done.

mod bundle;
mod cache;
mod changes;
mod command;
mod contents;
mod error;
mod generations;
mod keys;
mod layout;
mod lifecycle;
mod list;
mod manifest;
#[cfg(feature = "objects")]
mod objects;
#[cfg(feature = "pkcs11")]
mod pkcs11_uri;
mod policy;
mod purge;
mod read;
mod recover;
mod retention;
mod rotate;
#[cfg(feature = "objects")]
mod s3;
mod seal;
mod standing;
mod state;
mod sweep;
mod table;
mod tag;
mod token;
#[cfg(feature = "pkcs11")]
mod token_key;
mod write;

pub use bedside_audit::{
    Clock, Pseudonym, PublicKey, PublicKeyFormat, Randomness, RandomnessFailed, Secret, SystemClock,
    SystemRandomness, disk,
};

pub use cache::Cache;
pub use changes::{ChangeCounts, Changes, TableChanges};
pub use command::{KeyCommand, KeyCommandError};
pub use contents::{Committed, Contents, ContentsError};
pub use error::{CacheError, Damage, HoldReason, NotReadable};
pub use generations::{Generations, MOST_EARLIER_GENERATIONS};
pub use keys::{KeyEncryption, KeyError, KeyFile};
pub use list::EpisodeSummary;
#[cfg(feature = "objects")]
pub use object_store;
#[cfg(feature = "objects")]
pub use objects::ObjectDisk;
pub use policy::{GRANT_LIFE, Grant, Problem, ReaderAssertion, Refused, SitePolicy, TokenProblem};
pub use purge::PurgeReceipt;
pub use read::{OpenEpisode, Stale};
pub use recover::Recovered;
pub use retention::{Freshness, Retention, RetentionError, Rule};
pub use rotate::Rotated;
#[cfg(feature = "objects")]
pub use s3::{AuthorityFormat, S3Connector};
pub use sweep::Swept;
pub use tag::EpisodeTag;
pub use token::TokenIssuer;
#[cfg(feature = "pkcs11")]
pub use token_key::{TokenKey, TokenKeyError};
