//! The raw bundle beside the tables, where the site keeps it: to prove that nothing was dropped.

use std::io::{Read, Write};

use bedside_audit::Secret;
use bedside_audit::disk::{self, Disk};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::error::{CacheError, Damage};
use crate::layout;
use crate::manifest::{self, SALT};
use crate::seal::{self, PREFIX};
use crate::tag::EpisodeTag;

/// What stands in a binding where a table's file has the table's name.
const NAME: &str = "bundle";

/// The bundle's file, as the manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BundleFile {
    /// Bytes of the file.
    pub(crate) length: u64,
    /// Bytes of the bundle.
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
    pub(crate) salt: [u8; SALT],
}

/// The episode and generation that a bundle belongs to.
pub(crate) struct BundleSeal<'a> {
    pub(crate) key: &'a Secret,
    pub(crate) tag: &'a EpisodeTag,
    pub(crate) generation: u64,
}

impl BundleSeal<'_> {
    /// Compresses and seals a bundle into the directory. The salt must be fresh: the key is this file's alone, so
    /// that its nonces may start from zeros.
    pub(crate) fn write(
        &self,
        disk: &dyn Disk,
        directory: &str,
        bundle: &[u8],
        salt: [u8; SALT],
    ) -> Result<BundleFile, CacheError> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        let packed = encoder.write_all(bundle).and_then(|()| encoder.finish())?;
        let (key, binding) = self.key_and_binding(&salt);
        let sealed = seal::seal_chunks(&key, &[0; PREFIX], binding.as_bytes(), &packed);
        disk.write_new(&layout::bundle(directory), &sealed)?;
        let (length, bytes) = (sealed.len() as u64, bundle.len() as u64);
        Ok(BundleFile { length, bytes, sha256: seal::sha256(&sealed), salt })
    }

    /// The bundle, byte for byte. Length and hash of the file are checked before a byte of it is opened.
    pub(crate) fn read(
        &self,
        disk: &dyn Disk,
        directory: &str,
        file: &BundleFile,
    ) -> Result<Vec<u8>, CacheError> {
        let path = layout::bundle(directory);
        if disk::if_there(disk.length(&path))? != Some(file.length) {
            return Err(Damage::Bundle.into());
        }
        let sealed = disk::if_there(disk.read(&path, 0))?.ok_or(Damage::Bundle)?;
        if seal::sha256(&sealed) != file.sha256 {
            return Err(Damage::Bundle.into());
        }
        let (key, binding) = self.key_and_binding(&file.salt);
        let packed = seal::open_chunks(&key, &[0; PREFIX], binding.as_bytes(), &sealed);
        let packed = packed.ok_or(Damage::Bundle)?;
        let mut bundle = Vec::new();
        let read = DeflateDecoder::new(packed.as_slice()).take(file.bytes + 1).read_to_end(&mut bundle);
        let whole = read.is_ok() && bundle.len() as u64 == file.bytes;
        if whole { Ok(bundle) } else { Err(Damage::Bundle.into()) }
    }

    fn key_and_binding(&self, salt: &[u8; SALT]) -> (Secret, String) {
        let binding = manifest::binding(self.tag, self.generation, NAME);
        (seal::derive(self.key, salt, binding.as_bytes()), binding)
    }
}
