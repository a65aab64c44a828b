//! The sealed manifest of a generation: our own part, one line of JSON, then the caller's bytes as they came.

use bedside_audit::{Pseudonym, Secret, hex};
use bedside_model::OdsCode;
use bedside_model::schema::{SCHEMA_VERSION, Table};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bundle::BundleFile;
use crate::seal::{self, PREFIX};
use crate::tag::EpisodeTag;

/// Bytes of a salt.
pub(crate) const SALT: usize = 16;

const MAGIC: &[u8; 8] = b"bedside1";
/// What stands in a binding where a table's file has the table's name.
const NAME: &str = "manifest";
/// Versions of the tables up to this one are told from damage.
const LATEST_VERSION: u32 = 32;

/// What a generation holds and for whom.
pub(crate) struct Manifest {
    pub(crate) created: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) organisation: OdsCode,
    pub(crate) patient: Pseudonym,
    /// One entry a table, in the contract's order.
    pub(crate) files: Vec<TableFile>,
    /// The raw bundle, where the site keeps it.
    pub(crate) bundle: Option<BundleFile>,
    /// The generation before, where it may be compared with this one.
    pub(crate) earlier: Option<Earlier>,
    /// The caller's manifest.
    pub(crate) record: String,
}

/// The generation before, as the one after it names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Earlier {
    pub(crate) generation: u64,
    pub(crate) manifest_sha256: [u8; 32],
}

/// A table's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableFile {
    pub(crate) table: Table,
    pub(crate) length: u64,
    pub(crate) sha256: [u8; 32],
    pub(crate) salt: [u8; SALT],
    pub(crate) rows: u64,
}

/// What binds a file to its episode, generation, table and layout: the info of its key and the AAD of its bytes.
pub(crate) fn binding(tag: &EpisodeTag, generation: u64, name: &str) -> String {
    binding_as(tag, generation, name, SCHEMA_VERSION)
}

fn binding_as(tag: &EpisodeTag, generation: u64, name: &str, schema_version: &str) -> String {
    format!("bedside1|{tag}|{generation}|{name}|{schema_version}")
}

impl Manifest {
    /// The bytes of `manifest.sealed`. The salt must be fresh.
    pub(crate) fn seal(
        &self,
        key: &Secret,
        tag: &EpisodeTag,
        generation: u64,
        (salt, prefix): ([u8; SALT], [u8; PREFIX]),
    ) -> serde_json::Result<Vec<u8>> {
        let mut plain = serde_json::to_vec(&Wire::of(self))?;
        plain.push(b'\n');
        plain.extend_from_slice(self.record.as_bytes());
        let aad = binding(tag, generation, NAME);
        let key = seal::derive(key, &salt, aad.as_bytes());
        let chunks = seal::seal_chunks(&key, &prefix, aad.as_bytes(), &plain);
        Ok([&MAGIC[..], &salt, &prefix, &chunks].concat())
    }

    /// What was sealed; `None` when any byte is another, or it is another episode's or generation's.
    pub(crate) fn open(sealed: &[u8], key: &Secret, tag: &EpisodeTag, generation: u64) -> Option<Self> {
        let plain = open_as(sealed, key, &binding(tag, generation, NAME))?;
        let line = plain.iter().position(|byte| *byte == b'\n')?;
        let record = String::from_utf8(plain[line + 1..].to_vec()).ok()?;
        serde_json::from_slice::<Wire>(&plain[..line]).ok()?.read(record)
    }

    /// Whether what does not open is authentic all the same, and so was sealed by another version of this program: in a
    /// later format, with another version of the tables, or with more to say.
    pub(crate) fn is_of_another_version(
        sealed: &[u8],
        key: &Secret,
        tag: &EpisodeTag,
        generation: u64,
    ) -> bool {
        let (name, version) = MAGIC.split_at(MAGIC.len() - 1);
        let format = sealed.strip_prefix(name).and_then(|rest| rest.first());
        let later_format = format.is_some_and(|digit| digit.is_ascii_digit() && *digit > version[0]);
        let opens = |version: u32| {
            let binding = binding_as(tag, generation, NAME, &version.to_string());
            open_as(sealed, key, &binding).is_some()
        };
        later_format || (1..=LATEST_VERSION).any(opens)
    }
}

/// The plain text of what was sealed with that binding.
fn open_as(sealed: &[u8], key: &Secret, binding: &str) -> Option<Vec<u8>> {
    let rest = sealed.strip_prefix(MAGIC)?;
    let (salt, rest) = rest.split_first_chunk::<SALT>()?;
    let (prefix, chunks) = rest.split_first_chunk::<PREFIX>()?;
    let key = seal::derive(key, salt, binding.as_bytes());
    seal::open_chunks(&key, prefix, binding.as_bytes(), chunks)
}

/// The JSON of our part. Episode, generation and schema version are not repeated: the seal binds them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    created: String,
    expires: String,
    organisation: String,
    patient: String,
    files: Vec<WireFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bundle: Option<WireBundle>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earlier: Option<WireEarlier>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireEarlier {
    generation: u64,
    manifest_sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBundle {
    length: u64,
    bytes: u64,
    sha256: String,
    salt: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFile {
    table: String,
    length: u64,
    sha256: String,
    salt: String,
    rows: u64,
}

impl Wire {
    fn of(manifest: &Manifest) -> Self {
        let files = manifest.files.iter().map(|file| WireFile {
            table: file.table.as_str().to_owned(),
            length: file.length,
            sha256: hex::encode(&file.sha256),
            salt: hex::encode(&file.salt),
            rows: file.rows,
        });
        Self {
            created: manifest.created.to_string(),
            expires: manifest.expires.to_string(),
            organisation: manifest.organisation.as_str().to_owned(),
            patient: manifest.patient.as_str().to_owned(),
            files: files.collect(),
            bundle: manifest.bundle.as_ref().map(WireBundle::of),
            earlier: manifest.earlier.as_ref().map(WireEarlier::of),
        }
    }

    fn read(self, record: String) -> Option<Manifest> {
        let files: Vec<TableFile> = self.files.iter().map(WireFile::read).collect::<Option<_>>()?;
        files.iter().map(|file| file.table).eq(Table::ALL).then_some(())?;
        let bundle = self.bundle.map_or(Some(None), |bundle| bundle.read().map(Some))?;
        let earlier = self.earlier.map_or(Some(None), |earlier| earlier.read().map(Some))?;
        Some(Manifest {
            created: self.created.parse().ok()?,
            expires: self.expires.parse().ok()?,
            organisation: self.organisation.parse().ok()?,
            patient: Pseudonym::from_text(&self.patient)?,
            files,
            bundle,
            earlier,
            record,
        })
    }
}

impl WireEarlier {
    fn of(earlier: &Earlier) -> Self {
        Self { generation: earlier.generation, manifest_sha256: hex::encode(&earlier.manifest_sha256) }
    }

    fn read(self) -> Option<Earlier> {
        let manifest_sha256 = hex::decode(&self.manifest_sha256)?;
        Some(Earlier { generation: self.generation, manifest_sha256 })
    }
}

impl WireBundle {
    fn of(file: &BundleFile) -> Self {
        let (sha256, salt) = (hex::encode(&file.sha256), hex::encode(&file.salt));
        Self { length: file.length, bytes: file.bytes, sha256, salt }
    }

    fn read(self) -> Option<BundleFile> {
        let (sha256, salt) = (hex::decode(&self.sha256)?, hex::decode(&self.salt)?);
        Some(BundleFile { length: self.length, bytes: self.bytes, sha256, salt })
    }
}

impl WireFile {
    fn read(&self) -> Option<TableFile> {
        Some(TableFile {
            table: Table::from_name(&self.table)?,
            length: self.length,
            sha256: hex::decode(&self.sha256)?,
            salt: hex::decode(&self.salt)?,
            rows: self.rows,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let file = |table| TableFile { table, length: 9, sha256: [1; 32], salt: [2; SALT], rows: 3 };
        Manifest {
            created: "2026-01-15T10:00:00Z".parse().expect("timestamp"),
            expires: "2026-01-22T10:00:00Z".parse().expect("timestamp"),
            organisation: "RXX01".parse().expect("ODS code"),
            patient: Pseudonym::from_text(&"ab".repeat(32)).expect("pseudonym"),
            files: Table::ALL.map(file).to_vec(),
            bundle: Some(BundleFile { length: 7, bytes: 70, sha256: [3; 32], salt: [4; SALT] }),
            earlier: Some(Earlier { generation: 3, manifest_sha256: [6; 32] }),
            record: "{\n \"rows\": {}\n}\n".to_owned(),
        }
    }

    fn tag(letter: &str) -> EpisodeTag {
        EpisodeTag::from_name(&letter.repeat(26)).expect("shaped")
    }

    #[test]
    fn the_callers_bytes_come_back_as_they_were() {
        let key = Secret::from_bytes(&[3; 32]);
        let sealed = manifest().seal(&key, &tag("a"), 4, ([5; SALT], [6; PREFIX])).expect("sealed");
        let opened = Manifest::open(&sealed, &key, &tag("a"), 4).expect("opened");
        assert_eq!(opened.record, manifest().record);
        assert_eq!((opened.files, opened.bundle), (manifest().files, manifest().bundle));
        assert_eq!(opened.earlier, manifest().earlier);
        assert_eq!((opened.created, opened.expires), (manifest().created, manifest().expires));
    }

    #[test]
    fn it_opens_as_its_own_episode_and_generation_only() {
        let key = Secret::from_bytes(&[3; 32]);
        let sealed = manifest().seal(&key, &tag("a"), 4, ([5; SALT], [6; PREFIX])).expect("sealed");
        assert!(Manifest::open(&sealed, &key, &tag("b"), 4).is_none());
        assert!(Manifest::open(&sealed, &key, &tag("a"), 5).is_none());
        assert!(Manifest::open(&sealed, &Secret::from_bytes(&[4; 32]), &tag("a"), 4).is_none());
    }

    #[test]
    fn another_version_is_told_from_damage() {
        let key = Secret::from_bytes(&[3; 32]);
        let told = |sealed: &[u8]| Manifest::is_of_another_version(sealed, &key, &tag("a"), 4);
        let aad = binding_as(&tag("a"), 4, NAME, "7");
        let sealed = seal::derive(&key, &[5; SALT], aad.as_bytes());
        let chunks = seal::seal_chunks(&sealed, &[6; PREFIX], aad.as_bytes(), b"{}\n");
        let later = [&MAGIC[..], &[5; SALT], &[6; PREFIX], &chunks].concat();
        assert!(Manifest::open(&later, &key, &tag("a"), 4).is_none() && told(&later));
        assert!(told(b"bedside2 whatever it is"));
        let mut damaged = manifest().seal(&key, &tag("a"), 4, ([5; SALT], [6; PREFIX])).expect("sealed");
        damaged[100] ^= 1;
        assert!(!told(&damaged) && !told(b"") && !told(b"bedside") && !told(b"bedside1"));
    }

    #[test]
    fn a_manifest_without_every_table_is_none() {
        let key = Secret::from_bytes(&[3; 32]);
        let mut short = manifest();
        short.files.pop();
        let sealed = short.seal(&key, &tag("a"), 4, ([5; SALT], [6; PREFIX])).expect("sealed");
        assert!(Manifest::open(&sealed, &key, &tag("a"), 4).is_none());
    }
}
