//! Any changed, missing or swapped byte on disk is noticed before a row is released (promise P6).

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../audit/tests/support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/record.rs"]
mod record;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/world.rs"]
mod world;

use bedside_cache::{CacheError, Damage, Grant, NotReadable, OpenEpisode};
use world::{Disks, World, assertion, audited, episode};

/// One episode of one generation in memory, and the files that hold it.
fn sealed() -> (Disks, Vec<(String, Vec<u8>)>) {
    let disks = Disks::tiny();
    disks.world().write(&episode("EP-1"), 1).expect("written");
    let files = disks.cache.files().into_iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
    (disks, files)
}

/// What a reader of the episode is told, on a cache opened anew; `None` when rows were released.
fn told(disks: &Disks) -> Option<NotReadable> {
    match disks.try_world(|disk| disk) {
        Ok(world) => told_by(world.read(&episode("EP-1"))),
        Err(CacheError::PathPepper) => Some(NotReadable::NotWarmed),
        Err(error) => panic!("not a named state: {error}"),
    }
}

fn told_by(read: Result<OpenEpisode, CacheError>) -> Option<NotReadable> {
    match read {
        Ok(_) => None,
        Err(CacheError::NotReadable(state)) => Some(state),
        Err(error) => panic!("not a named state: {error}"),
    }
}

/// One episode of which one file at a time holds other bytes.
struct Tampering {
    disks: Disks,
    world: World,
    grant: Grant,
}

impl Tampering {
    fn new(disks: &Disks) -> Self {
        let world = disks.world();
        let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
        Self { disks: disks.clone(), world, grant }
    }

    /// What a reader is told when that file, which holds `original`, holds `bytes`; it is put back.
    fn told(&self, path: &str, original: &[u8], bytes: &[u8]) -> Option<NotReadable> {
        self.disks.cache.put(path, bytes);
        // The pepper is read when the cache is opened, everything else with each episode.
        let told = if path.ends_with(".pepper") {
            told(&self.disks)
        } else {
            told_by(self.world.cache.read(&self.grant))
        };
        self.disks.cache.put(path, original);
        told
    }
}

#[test]
fn every_flipped_byte_of_every_file_is_noticed() {
    let (disks, files) = sealed();
    let tampering = Tampering::new(&disks);
    assert_eq!(files.len(), 14, "nine tables, manifest, CURRENT, wrapped key, standing, pepper");
    let mut flips = 0;
    for (path, bytes) in &files {
        for position in 0..bytes.len() {
            let mut flipped = bytes.clone();
            // Another bit at each byte; 0x20 among them, which turns the case of a letter.
            flipped[position] ^= 1 << (position % 8);
            let told = tampering.told(path, bytes, &flipped);
            assert!(told.is_some(), "{path}, byte {position}: rows were released");
            flips += 1;
        }
    }
    println!("{flips} flipped bytes noticed in {} files", files.len());
    assert_eq!(told(&disks), None, "untouched, it is read");
}

#[test]
fn every_bit_of_the_small_files_matters() {
    let (disks, files) = sealed();
    let tampering = Tampering::new(&disks);
    for (path, bytes) in files.iter().filter(|(path, _)| !path.ends_with(".parquet")) {
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[position] ^= 1 << bit;
                assert!(
                    tampering.told(path, bytes, &flipped).is_some(),
                    "{path}, byte {position}, bit {bit}"
                );
            }
        }
    }
}

#[test]
fn every_truncation_and_every_added_byte_is_noticed() {
    let (disks, files) = sealed();
    let tampering = Tampering::new(&disks);
    for (path, bytes) in &files {
        for length in 0..bytes.len() {
            assert!(tampering.told(path, bytes, &bytes[..length]).is_some(), "{path} cut to {length}");
        }
        assert!(
            tampering.told(path, bytes, &[bytes.as_slice(), b"\n"].concat()).is_some(),
            "{path} with a byte more"
        );
    }
}

#[test]
fn every_page_that_reads_as_zeros_is_noticed() {
    let (disks, files) = sealed();
    let tampering = Tampering::new(&disks);
    for (path, bytes) in &files {
        for page in (0..bytes.len()).step_by(4096) {
            let mut zeroed = bytes.clone();
            let end = bytes.len().min(page + 4096);
            zeroed[page..end].fill(0);
            assert!(tampering.told(path, bytes, &zeroed).is_some(), "{path}, page at {page}");
        }
    }
}

#[test]
fn the_damage_is_named() {
    let (disks, _) = sealed();
    let tampering = Tampering::new(&disks);
    let tag = disks.world().cache.episode_tag(&episode("EP-1"));
    let cases = [
        (format!("episodes/{tag}/CURRENT"), Damage::Current),
        (format!("episodes/{tag}/gen-1/manifest.sealed"), Damage::Manifest),
        (format!("episodes/{tag}/gen-1/links.parquet"), Damage::Table(bedside_model::schema::Table::Links)),
        (format!("keys/{tag}.state"), Damage::Standing),
        (format!("keys/{tag}.wrap"), Damage::Wrap),
    ];
    for (path, what) in cases {
        assert_eq!(
            tampering.told(&path, &disks.cache.files()[&path], b"x"),
            Some(NotReadable::Damaged { what }),
            "{path}"
        );
    }
    let failed: Vec<_> =
        audited(&disks.audit).into_iter().filter(|record| record["outcome"] == "failed").collect();
    assert_eq!(failed.len(), 5, "and each failure is in the audit log");
    assert!(failed.iter().all(|record| record["reason"] == "damaged"));
}

#[test]
fn swapped_tables_are_refused() {
    let (disks, files) = sealed();
    let tampering = Tampering::new(&disks);
    let tables: Vec<_> = files.iter().filter(|(path, _)| path.ends_with(".parquet")).collect();
    assert_eq!(tables.len(), 9);
    for (path, original) in &tables {
        for (other, bytes) in &tables {
            let told = tampering.told(path, original, bytes);
            assert_eq!(told.is_none(), path == other, "{other} in the place of {path}");
        }
    }
}

#[test]
fn files_of_another_generation_are_refused() {
    let (disks, first) = sealed();
    disks.world().write(&episode("EP-1"), 2).expect("written");
    let tampering = Tampering::new(&disks);
    for (path, bytes) in first.iter().filter(|(path, _)| path.contains("/gen-1/")) {
        let place = path.replace("/gen-1/", "/gen-2/");
        assert!(
            tampering.told(&place, &disks.cache.files()[&place], bytes).is_some(),
            "{path} in the place of {place}"
        );
    }
    // The whole older generation in the newer one's place.
    let copy = disks.copy();
    for (path, bytes) in first.iter().filter(|(path, _)| path.contains("/gen-1/")) {
        copy.cache.put(&path.replace("/gen-1/", "/gen-2/"), bytes);
    }
    assert_eq!(told(&copy), Some(NotReadable::Damaged { what: Damage::Manifest }));
}

#[test]
fn an_older_directory_that_was_put_back_is_a_rollback() {
    let (disks, first) = sealed();
    disks.world().write(&episode("EP-1"), 2).expect("written");
    for (path, bytes) in first.iter().filter(|(path, _)| path.starts_with("episodes/")) {
        disks.cache.put(path, bytes);
    }
    // The directories of files that were put back; removing a generation removed its directory.
    let tag = disks.world().cache.episode_tag(&episode("EP-1"));
    assert_eq!(told(&disks), Some(NotReadable::Damaged { what: Damage::RolledBack }));
    // A fetch heals it with a generation above the mark.
    use bedside_audit::disk::Disk;
    disks.cache.create_dir(&format!("episodes/{tag}/gen-1")).expect("made");
    assert_eq!(disks.world().write(&episode("EP-1"), 3).expect("written").generation, 3);
    assert_eq!(disks.world().version(&episode("EP-1")).expect("read"), 3);
}

#[test]
fn files_of_another_episode_are_refused_one_by_one_and_all_together() {
    let (disks, _) = sealed();
    let tampering = Tampering::new(&disks);
    let world = disks.world();
    world.write(&episode("EP-2"), 2).expect("written");
    let (ours, theirs) =
        (world.cache.episode_tag(&episode("EP-1")), world.cache.episode_tag(&episode("EP-2")));
    let theirs: Vec<_> =
        disks.cache.files().into_iter().filter(|(path, _)| path.contains(theirs.as_str())).collect();
    let place = |path: &str| path.replace(world.cache.episode_tag(&episode("EP-2")).as_str(), ours.as_str());
    for (path, bytes) in theirs.iter().filter(|(path, bytes)| !path.ends_with("CURRENT") && !bytes.is_empty())
    {
        assert!(tampering.told(&place(path), &disks.cache.files()[&place(path)], bytes).is_some(), "{path}");
    }
    for (path, bytes) in &theirs {
        disks.cache.put(&place(path), bytes);
    }
    assert_eq!(told(&disks), Some(NotReadable::Damaged { what: Damage::Wrap }), "even with its key and mark");
}

#[test]
fn any_missing_file_is_noticed() {
    let (disks, files) = sealed();
    for (path, bytes) in &files {
        use bedside_audit::disk::Disk;
        disks.cache.remove_file(path).expect("removed");
        assert!(told(&disks).is_some(), "{path}");
        disks.cache.put(path, bytes);
    }
    assert_eq!(told(&disks), None);
}
