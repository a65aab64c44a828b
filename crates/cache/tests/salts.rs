//! Every file has a key of its own, of a salt that was drawn for it: no nonce meets a key twice, whichever write failed
//! and was repeated under the same number (`security` sheet, section 4.2).

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../audit/tests/support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/record.rs"]
mod record;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/world.rs"]
mod world;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use bedside_audit::{AuditLog, Pepper};
use bedside_cache::{Cache, KeyFile, Randomness, RandomnessFailed, Secret, SitePolicy, SystemRandomness};
use world::{Disks, TestClock, World, episode};

/// The system's, which remembers what it gave.
#[derive(Default)]
struct Remembered(Mutex<Vec<Vec<u8>>>);

impl Randomness for Remembered {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessFailed> {
        SystemRandomness.fill(bytes)?;
        self.0.lock().expect("no panic").push(bytes.to_vec());
        Ok(())
    }
}

fn world(disks: &Disks, randomness: &Arc<Remembered>) -> World {
    let clock = Arc::new(TestClock::new());
    let pepper = Pepper::new(Secret::from_bytes(&[12; 32]));
    let audit = AuditLog::open_on(disks.audit.clone(), pepper, clock.clone()).expect("opened");
    let kek = Box::new(KeyFile::new(Secret::from_bytes(&disks.kek)));
    let cache = Cache::open_on(disks.cache.clone(), randomness.clone(), kek, Arc::new(audit), clock.clone());
    let policy = SitePolicy { keep_bundle: true, ..SitePolicy::default() };
    World { cache: cache.expect("opened").with_policy(policy), clock, tables: disks.tables }
}

/// How many draws there were of each size.
fn sizes(draws: &[Vec<u8>]) -> BTreeMap<usize, usize> {
    draws.iter().fold(BTreeMap::new(), |mut sizes, bytes| {
        *sizes.entry(bytes.len()).or_default() += 1;
        sizes
    })
}

#[test]
fn each_file_of_each_write_draws_its_own_salt_and_no_draw_is_used_twice() {
    let (disks, randomness) = (Disks::tiny(), Arc::<Remembered>::default());
    let world = world(&disks, &randomness);
    let mut seen = HashSet::new();
    for version in 1..=3 {
        randomness.0.lock().expect("no panic").clear();
        let tables = (world.tables)(version);
        let tables = record::borrowed(&tables);
        world
            .cache
            .write_with_bundle(&episode("EP-1"), &world.contents(&tables), Some(b"{}"))
            .expect("written");
        let draws = randomness.0.lock().expect("no panic").clone();
        // Nine tables, the bundle and the manifest have a salt of 16 bytes each, the manifest's nonces a prefix of 7. The
        // first write draws the episode's key and the nonce of its wrap besides.
        let mut expected = BTreeMap::from([(16, 11), (7, 1)]);
        if version == 1 {
            expected.extend([(32, 1), (12, 1)]);
        }
        assert_eq!(sizes(&draws), expected, "version {version}");
        assert!(draws.into_iter().all(|bytes| seen.insert(bytes)), "a draw came twice");
    }
}

#[test]
fn the_same_record_sealed_again_under_the_same_number_shares_no_block_with_the_first() {
    let (base, randomness) = (Disks::tiny(), Arc::<Remembered>::default());
    // The episode's key is made: what follows is sealed with it twice, as after a write that a crash cut short.
    world(&base, &randomness).write(&episode("EP-1"), 1).expect("written");
    let sealed = || {
        let disks = base.copy();
        let world = world(&disks, &randomness);
        let tables = (world.tables)(2);
        let tables = record::borrowed(&tables);
        world
            .cache
            .write_with_bundle(&episode("EP-1"), &world.contents(&tables), Some(&[b'x'; 40_000]))
            .expect("written");
        let files = disks.cache.files().into_iter();
        files.filter(|(path, _)| path.contains("/gen-2/")).collect::<BTreeMap<_, _>>()
    };
    let (one, other) = (sealed(), sealed());
    assert_eq!(one.len(), 11);
    for (path, bytes) in one {
        let blocks = bytes[8..].windows(16).collect::<HashSet<_>>();
        let shared = other[&path][8..].windows(16).filter(|block| blocks.contains(block)).count();
        // The Parquet footer's plain words are the same in each: which algorithm, and that it is encrypted.
        let plain = if path.ends_with(".parquet") { 64 } else { 0 };
        assert!(shared <= plain, "{path}: {shared} blocks are the same");
    }
}
