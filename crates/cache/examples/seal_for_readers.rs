//! Seals a small made-up episode in an empty directory and prints, for tests of other Parquet readers, each
//! table's path, key and AAD prefix and the values that a reader must find.
//!
//! The library hands out no keys. This program knows the key-encryption key because it made it, and derives
//! the rest from the description of the format in the crate's documentation, with ring alone; so it also
//! proves that the description is enough.
//!
//! `cargo run -p bedside-cache --example seal_for_readers -- DIRECTORY`

#[allow(dead_code, reason = "this program uses a part of it")]
#[path = "../tests/support/record.rs"]
mod record;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, UInt32Type};
use arrow_array::{Array, RecordBatch};
use base64::prelude::{BASE64_STANDARD, Engine};
use bedside_audit::{AuditLog, Pepper, hex};
use bedside_cache::{Cache, Clock, Contents, KeyEncryption, KeyFile, Secret, SystemClock};
use bedside_model::Requester;
use bedside_model::schema::{SCHEMA_VERSION, Table};
use jiff::SignedDuration;
use ring::{aead, hkdf};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const KEK: [u8; 32] = [21; 32];

fn main() -> Result<()> {
    let root = std::env::args_os().nth(1).ok_or("usage: seal_for_readers DIRECTORY")?;
    let root = Path::new(&root);
    let tables = record::tables(1);
    let tag = seal_episode(root, &tables)?;
    let reader = Reader::open(&root.join("cache"), &tag)?;
    let described =
        tables.iter().map(|(table, batch)| reader.describe(*table, batch)).collect::<Result<Vec<_>>>()?;
    println!("{}", serde_json::to_string_pretty(&described)?);
    Ok(())
}

/// Writes the record as the product does; the episode's opaque name.
fn seal_episode(root: &Path, tables: &[(Table, RecordBatch)]) -> Result<String> {
    let pepper = Pepper::new(Secret::from_bytes(&[22; 32]));
    let audit = AuditLog::open(&root.join("audit"), pepper, Arc::new(SystemClock))?;
    let kek = Box::new(KeyFile::new(Secret::from_bytes(&KEK)));
    let cache = Cache::open(&root.join("cache"), kek, Arc::new(audit), Arc::new(SystemClock))?;
    let requester = Requester {
        user_id: "u-17".into(),
        sds_user_id: "UNK".into(),
        sds_role_profile_id: "UNK".into(),
        family: "Example".into(),
        given: "Ann".into(),
        prefix: None,
        role: "Pharmacist".into(),
        organisation: "RXX01".parse()?,
        organisation_name: "Example Hospital".into(),
    };
    let contents = Contents {
        manifest: "{\"made_for\": \"readers\"}",
        tables: &record::borrowed(tables),
        expires: SystemClock.now() + SignedDuration::from_hours(1),
        requester: &requester,
        patient: &"9990000018".parse()?,
    };
    Ok(cache.write(&"EP-1".parse()?, &contents)?.episode.to_string())
}

/// A reader of the format that shares no code with the product beyond the unwrapping of the key.
struct Reader {
    directory: std::path::PathBuf,
    tag: String,
    key: Secret,
    manifest: Value,
}

impl Reader {
    fn open(cache: &Path, tag: &str) -> Result<Self> {
        let wrap: Value = serde_json::from_slice(&fs::read(cache.join(format!("keys/{tag}.wrap")))?)?;
        let text = |field: &str| wrap[field].as_str().ok_or("a field of the wrap file is missing");
        let aad = format!("bedside1|{tag}|{}|{}", text("kek")?, wrap["wrap_generation"]);
        let wrapped = hex::decode_any(text("wrapped")?).ok_or("not hexadecimal")?;
        let key = KeyFile::new(Secret::from_bytes(&KEK)).unwrap(&wrapped, aad.as_bytes())?;
        let directory = cache.join(format!("episodes/{tag}/gen-1"));
        let manifest =
            open_manifest(&fs::read(directory.join("manifest.sealed"))?, &key, &binding(tag, "manifest"))?;
        Ok(Self { directory, tag: tag.to_owned(), key, manifest })
    }

    fn describe(&self, table: Table, batch: &RecordBatch) -> Result<Value> {
        let name = table.as_str();
        let files = self.manifest["files"].as_array().ok_or("no files")?;
        let file = files.iter().find(|file| file["table"] == name).ok_or("no such table")?;
        let salt = file["salt"].as_str().and_then(hex::decode::<16>).ok_or("no salt")?;
        let binding = binding(&self.tag, name);
        Ok(json!({
            "table": name,
            "path": self.directory.join(format!("{name}.parquet")),
            "key": BASE64_STANDARD.encode(derive(&self.key, &salt, &binding)?),
            "aad_prefix": binding,
            "rows": batch.num_rows(),
            "columns": columns(batch),
        }))
    }
}

fn binding(tag: &str, name: &str) -> String {
    format!("bedside1|{tag}|1|{name}|{SCHEMA_VERSION}")
}

fn derive(key: &Secret, salt: &[u8], binding: &str) -> Result<[u8; 32]> {
    let mut derived = [0; 32];
    let info = [binding.as_bytes()];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key.expose());
    prk.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut derived)).map_err(|_| "HKDF failed")?;
    Ok(derived)
}

/// Our own part of a manifest that is one chunk long.
fn open_manifest(sealed: &[u8], key: &Secret, binding: &str) -> Result<Value> {
    let (header, chunk) = sealed.split_at_checked(8 + 16 + 7).ok_or("too short")?;
    let derived = derive(key, &header[8..24], binding)?;
    let mut nonce = [0; 12];
    nonce[..7].copy_from_slice(&header[24..]);
    nonce[11] = 1;
    let cipher = aead::UnboundKey::new(&aead::AES_256_GCM, &derived).map_err(|_| "not a key")?;
    let mut bytes = chunk.to_vec();
    let plain = aead::LessSafeKey::new(cipher)
        .open_in_place(aead::Nonce::assume_unique_for_key(nonce), aead::Aad::from(binding), &mut bytes)
        .map_err(|_| "the manifest does not open")?;
    let line = plain.split(|byte| *byte == b'\n').next().ok_or("no line")?;
    Ok(serde_json::from_slice(line)?)
}

/// The values of a batch as JSON, column by column; a day as days since 1970-01-01.
fn columns(batch: &RecordBatch) -> Value {
    let schema = batch.schema();
    let named = schema.fields().iter().zip(batch.columns());
    named.map(|(field, column)| (field.name().clone(), values(column.as_ref()))).collect()
}

fn values(array: &dyn Array) -> Value {
    (0..array.len()).map(|row| if array.is_null(row) { Value::Null } else { value(array, row) }).collect()
}

fn value(array: &dyn Array, row: usize) -> Value {
    if let Some(texts) = array.as_string_opt::<i32>() {
        json!(texts.value(row))
    } else if let Some(flags) = array.as_boolean_opt() {
        json!(flags.value(row))
    } else if let Some(counts) = array.as_primitive_opt::<UInt32Type>() {
        json!(counts.value(row))
    } else if let Some(days) = array.as_primitive_opt::<Date32Type>() {
        json!(days.value(row))
    } else if let Some(lists) = array.as_list_opt::<i32>() {
        values(lists.value(row).as_ref())
    } else {
        let item = array.as_struct();
        item.fields()
            .iter()
            .zip(item.columns())
            .map(|(field, part)| (field.name().clone(), values(part.as_ref())[row].clone()))
            .collect()
    }
}
