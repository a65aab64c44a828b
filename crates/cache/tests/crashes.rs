//! Wherever the power goes: the next start reaches a valid state, and a second recovery changes nothing (promise
//! P4; `reliability` sheet, section 4, K-01 and K-02).

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../audit/tests/support/faults.rs"]
mod faults;
#[path = "support/journal.rs"]
mod journal;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../audit/tests/support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/record.rs"]
mod record;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/world.rs"]
mod world;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bedside_audit::disk::Disk;
use bedside_cache::{CacheError, NotReadable, Recovered};
use faults::{Fault, FaultDisk, Plan};
use journal::{Image, Journal, JournalDisk, Side, crash_states};
use world::{Disks, World, assertion, audited, episode};

/// What a reader is told after a crash: the versions of the current record and of the one before.
type Seen = Result<(u32, Option<u32>), NotReadable>;

/// Plays an action once, and then every state in which a loss of power during it may leave the disks. `before` and
/// `after` say what a reader may be told before and after the recovery.
struct Crashes<'a> {
    base: &'a Disks,
    before: fn(&Seen) -> bool,
    after: fn(&Seen) -> bool,
    /// How many states there are at least.
    least: u64,
}

impl Crashes<'_> {
    fn play(&self, action: impl Fn(&World)) {
        let disks = self.base.copy();
        let image = Image::of(&disks.cache, &disks.audit);
        let journal = Journal::default();
        let disk = |side, inner| JournalDisk::new(side, inner, &journal) as Arc<dyn Disk>;
        let world = disks
            .world_on(disk(Side::Cache, disks.cache.clone()), disk(Side::Audit, disks.audit.clone()))
            .expect("opened");
        action(&world);
        let journal = journal.lock().expect("no panic").clone();
        let (mut distinct, mut readings) = (HashSet::new(), HashMap::new());
        let states = crash_states(&image, &journal, &mut |image| {
            if distinct.insert(image.hash()) {
                self.check(&image, &mut readings);
            }
        });
        println!(
            "{} operations, {states} crash states, {} of them distinct, {} readings",
            journal.len(),
            distinct.len(),
            readings.len()
        );
        assert!(states >= self.least, "{states}");
    }

    fn check(&self, image: &Image, readings: &mut HashMap<Vec<(String, Vec<u8>)>, Seen>) {
        let disks = Disks { cache: image.disk(Side::Cache), audit: image.disk(Side::Audit), ..*self.base };
        let world = disks.world();
        let before = seen(&disks, &world, readings);
        assert!((self.before)(&before), "before recovery: {before:?}, {:?}", names(&disks));
        let recovered = world.cache.recover().expect("recovered");
        let after = seen(&disks, &world, readings);
        assert!((self.after)(&after), "after recovery: {after:?}, was {before:?}, {recovered:?}");
        // I5: what was gone stays gone, and what was whole stays whole.
        if before.is_ok() {
            assert_eq!(after, before, "{recovered:?}");
        }
        let files = disks.cache.files();
        let again = world.cache.recover().expect("recovered again");
        let nothing = Recovered {
            episodes: again.episodes,
            unreadable: again.unreadable.clone(),
            ..Recovered::default()
        };
        assert_eq!(again, nothing, "a second recovery finds nothing to do");
        assert_eq!(disks.cache.files(), files, "and changes nothing");
        no_strays(&files);
        no_plaintext(&files);
        // I3: who is shown a version finds its intent in the log.
        if let Ok((version, _)) = after {
            let commits = audited(&disks.audit);
            let commits =
                commits.iter().filter(|entry| entry["event"] == "commit" && entry["intent"].is_null());
            assert!(commits.count() >= version as usize, "a record without the intent to store it");
        }
    }
}

/// What a reader is told. States that differ only in what no reader looks at are read once.
fn seen(disks: &Disks, world: &World, readings: &mut HashMap<Vec<(String, Vec<u8>)>, Seen>) -> Seen {
    let files = disks.cache.files();
    let current = files.iter().find(|(path, _)| path.ends_with("/CURRENT"));
    let current = current.and_then(|(_, bytes)| String::from_utf8(bytes.clone()).ok());
    let current = current.and_then(|line| line.trim_end().parse::<u64>().ok()).unwrap_or_default();
    let generations = [current, current.saturating_sub(1)].map(|number| format!("/gen-{number}/"));
    let looked_at = |path: &str| {
        generations.iter().any(|generation| path.contains(generation))
            || ["/CURRENT", ".wrap", ".state", "/PURGED"].iter().any(|end| path.ends_with(end))
    };
    let key: Vec<_> = files.into_iter().filter(|(path, _)| looked_at(path)).collect();
    let read = || {
        world.versions(&episode("EP-1")).map_err(|error| match error {
            CacheError::NotReadable(state) => state,
            error => panic!("not a named state: {error}"),
        })
    };
    *readings.entry(key).or_insert_with(read)
}

fn names(disks: &Disks) -> Vec<String> {
    disks.cache.files().into_keys().collect()
}

/// I4: nothing half-written is left, and no generation but the current one and the one before.
fn no_strays(files: &BTreeMap<String, Vec<u8>>) {
    let stray: Vec<_> =
        files.keys().filter(|path| path.contains(".tmp") || path.contains(".going")).collect();
    assert!(stray.is_empty(), "{stray:?}");
    let generations: HashSet<_> = files.keys().filter_map(|path| path.split('/').nth(2)).collect();
    assert!(generations.iter().filter(|name| name.starts_with("gen-")).count() <= 2, "{generations:?}");
}

/// I2: no word of a record and no number stands on the disk in the clear.
fn no_plaintext(files: &BTreeMap<String, Vec<u8>>) {
    for (path, bytes) in files.iter().filter(|(path, _)| !path.ends_with(".parquet")) {
        for word in [&b"Canarizine"[..], b"9990000018", b"EP-1"] {
            assert!(!bytes.windows(word.len()).any(|window| window == word), "{path}");
        }
    }
}

fn written(version: u32) -> Disks {
    let base = Disks::tiny();
    for version in 1..=version {
        base.world().write(&episode("EP-1"), version).expect("written");
    }
    base
}

#[test]
fn a_loss_of_power_during_a_first_write_leaves_nothing_or_the_whole() {
    let may_be = |seen: &Seen| matches!(seen, Ok((1, None)) | Err(NotReadable::NotWarmed));
    let crashes = Crashes { base: &Disks::tiny(), before: may_be, after: may_be, least: 10_000 };
    crashes.play(|world| drop(world.write(&episode("EP-1"), 1).expect("written")));
}

#[test]
fn a_loss_of_power_during_a_refresh_leaves_the_old_generation_or_the_new_one() {
    let may_be = |seen: &Seen| matches!(seen, Ok((1, None) | (2, Some(1))));
    let crashes = Crashes { base: &written(1), before: may_be, after: may_be, least: 2_000 };
    crashes.play(|world| drop(world.write(&episode("EP-1"), 2).expect("written")));
}

#[test]
fn a_loss_of_power_during_a_later_refresh_leaves_two_generations_that_follow_each_other() {
    let may_be = |seen: &Seen| matches!(seen, Ok((2, Some(1)) | (3, Some(2))));
    let crashes = Crashes { base: &written(2), before: may_be, after: may_be, least: 6_000 };
    crashes.play(|world| drop(world.write(&episode("EP-1"), 3).expect("written")));
}

#[test]
fn a_loss_of_power_during_a_purge_leaves_the_episode_or_ends_it() {
    let crashes = Crashes {
        base: &written(2),
        before: |seen| {
            matches!(seen, Ok((2, Some(1))) | Err(NotReadable::KeyUnavailable | NotReadable::Purged { .. }))
        },
        after: |seen| matches!(seen, Ok((2, Some(1))) | Err(NotReadable::Purged { .. })),
        least: 4_000,
    };
    crashes.play(|world| drop(world.cache.purge(&episode("EP-1"), &assertion()).expect("purged")));
}

#[test]
fn a_loss_of_power_during_reports_and_a_rotation_leaves_the_record_readable() {
    let may_be = |seen: &Seen| *seen == Ok((1, None));
    let crashes = Crashes { base: &written(1), before: may_be, after: may_be, least: 30 };
    crashes.play(|world| drop(world.cache.discharge(&episode("EP-1"), &assertion()).expect("told")));
    crashes.play(|world| drop(world.cache.confirm(&episode("EP-1"), &assertion()).expect("told")));
    let old = Disks { kek: [77; 32], ..Disks::tiny() };
    old.world().write(&episode("EP-1"), 1).expect("written");
    let rotated = Disks { older: Some(old.kek), kek: [11; 32], ..old };
    let crashes = Crashes { base: &rotated, ..crashes };
    crashes.play(|world| assert_eq!(world.cache.rotate().expect("rotated").rewrapped, 1));
}

/// A first write that died when its generation was whole, and before its commit.
fn uncommitted() -> Disks {
    let cut = |at| {
        let disks = Disks::tiny();
        let plan = Plan::new(at, Fault::Before, true);
        let world = disks.try_world(|disk| Arc::new(FaultDisk::new(disk, Arc::clone(&plan))));
        let died = world.and_then(|world| world.write(&episode("EP-1"), 1));
        assert!(died.is_err(), "it died");
        disks
    };
    (1..)
        .map(cut)
        .find(|disks| names(disks).iter().any(|path| path.contains("/gen-1/")))
        .expect("at some point")
}

#[test]
fn a_loss_of_power_during_a_recovery_is_mended_by_the_next() {
    let may_be = |seen: &Seen| *seen == Err(NotReadable::NotWarmed);
    Crashes { base: &uncommitted(), before: may_be, after: may_be, least: 200 }
        .play(|world| assert_eq!(world.cache.recover().expect("recovered").unused_keys, 1));
    // A purge that died after the key was gone.
    let purging = written(1);
    let wrap = names(&purging).into_iter().find(|path| path.ends_with(".wrap")).expect("a wrapped key");
    purging.cache.remove_file(&wrap).expect("removed");
    Crashes {
        base: &purging,
        before: |seen| matches!(seen, Err(NotReadable::KeyUnavailable | NotReadable::Purged { .. })),
        after: |seen| matches!(seen, Err(NotReadable::Purged { .. })),
        least: 1_000,
    }
    .play(|world| assert_eq!(world.cache.recover().expect("recovered").purges.len(), 1));
}
