//! Whatever fails, and wherever a process dies: a reader gets the old or the new generation whole or a named
//! state, and the next run succeeds (promise P2; `reliability` sheet, section 4, K-03).

#[path = "../../audit/tests/support/faults.rs"]
mod faults;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../audit/tests/support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/record.rs"]
mod record;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/world.rs"]
mod world;

use std::sync::Arc;

use bedside_audit::disk::Disk;
use bedside_audit::verify;
use bedside_cache::{CacheError, NotReadable};
use faults::{Fault, FaultDisk, Plan};
use memory::MemoryDisk;
use world::{Disks, World, assertion, audited, episode};

/// Plays an action with every operation of both disks failing in turn, in each of three ways, once or for
/// ever, until it comes through untouched. After each play, `check` looks at the disks with nothing failing.
fn play<T>(
    base: &Disks,
    action: impl Fn(&World) -> Result<T, CacheError>,
    check: impl Fn(&Disks, bool, &str),
) {
    let mut plays = 0;
    // What is written in half and goes on differs from what is not written by a stray file alone; to die after an
    // operation is to die before the next.
    let ways = [(Fault::Before, false), (Fault::Before, true), (Fault::Half, true), (Fault::After, false)];
    for (fault, for_ever) in ways {
        for at in 1.. {
            let disks = base.copy();
            let plan = Plan::new(at, fault, for_ever);
            let world = disks.try_world(|disk| Arc::new(FaultDisk::new(disk, Arc::clone(&plan))));
            let done = world.and_then(|world| action(&world)).is_ok();
            if plan.operations() < at {
                assert!(done, "nothing failed");
                break;
            }
            check(&disks, done, &format!("operation {at}, {fault:?}, for ever: {for_ever}"));
            whole_chain(&disks);
            plays += 1;
        }
    }
    println!("{plays} plays");
    assert!(plays > 100, "{plays}");
}

/// The audit log is one good chain, as another program that reads its directory sees it.
fn whole_chain(disks: &Disks) {
    let dir = tempfile::tempdir().expect("temporary directory");
    std::fs::write(dir.path().join("audit.ndjson"), &disks.audit.files()["audit.ndjson"]).expect("written");
    verify(dir.path(), None).expect("whole");
}

/// What was reported as done has its outcome in the log.
fn has_outcome(disks: &Disks, before: usize, event: &str) -> bool {
    let records = audited(&disks.audit).split_off(before);
    records.iter().any(|record| record["event"] == event && record["outcome"] == "ok")
}

/// Which version a reader gets, or the state it is told.
fn seen(disks: &Disks) -> Result<u32, NotReadable> {
    disks.world().version(&episode("EP-1")).map_err(|error| match error {
        CacheError::NotReadable(state) => state,
        error => panic!("not a named state: {error}"),
    })
}

/// A write that nothing disturbs succeeds and leaves nothing lying about.
fn writes_again(disks: &Disks, play: &str) {
    let before = seen(disks).ok();
    let committed =
        disks.world().write(&episode("EP-1"), 5).unwrap_or_else(|error| panic!("{play}: {error}"));
    assert_eq!(committed.changes.is_some(), before.is_some(), "{play}");
    assert_eq!(disks.world().versions(&episode("EP-1")).expect("read"), (5, before), "{play}");
    let files = disks.cache.files();
    let stray: Vec<_> = files.keys().filter(|path| path.contains(".tmp")).collect();
    assert!(stray.is_empty(), "{play}: {stray:?}");
    let generations = files.keys().filter(|path| path.ends_with("manifest.sealed")).count();
    assert_eq!(generations, 1 + usize::from(before.is_some()), "{play}");
}

#[test]
fn a_first_write_that_fails_leaves_nothing_or_the_whole() {
    let check = |disks: &Disks, done: bool, play: &str| {
        assert!(!done || has_outcome(disks, 0, "commit"), "{play}: done, and the log does not say so");
        match seen(disks) {
            Ok(version) => assert_eq!(version, 1, "{play}"),
            Err(state) => assert_eq!((done, state), (false, NotReadable::NotWarmed), "{play}"),
        }
        writes_again(disks, play);
    };
    play(&Disks::tiny(), |world| world.write(&episode("EP-1"), 1), check);
}

#[test]
fn a_refresh_that_fails_leaves_the_old_generation_or_the_new_one() {
    let base = Disks::tiny();
    base.world().write(&episode("EP-1"), 1).expect("written");
    let before = audited(&base.audit).len();
    let check = |disks: &Disks, done: bool, play: &str| {
        assert!(!done || has_outcome(disks, before, "commit"), "{play}: done, and the log does not say so");
        let version = seen(disks).unwrap_or_else(|state| panic!("{play}: {state}"));
        assert!(if done { version == 2 } else { version == 1 || version == 2 }, "{play}: {version}");
        writes_again(disks, play);
    };
    play(&base, |world| world.write(&episode("EP-1"), 2), check);
}

#[test]
fn a_read_that_fails_releases_nothing_and_harms_nothing() {
    let base = Disks::tiny();
    base.world().write(&episode("EP-1"), 1).expect("written");
    let before = audited(&base.audit).len();
    let check = |disks: &Disks, done: bool, play: &str| {
        assert!(!done || has_outcome(disks, before, "read"), "{play}: rows without a durable outcome");
        assert_eq!(seen(disks), Ok(1), "{play}");
    };
    play(&base, |world| world.version(&episode("EP-1")), check);
}

#[test]
fn a_purge_that_fails_never_brings_the_episode_back() {
    let base = Disks::tiny();
    base.world().write(&episode("EP-1"), 1).expect("written");
    let before = audited(&base.audit).len();
    let check = |disks: &Disks, done: bool, play: &str| {
        assert!(!done || has_outcome(disks, before, "purge"), "{play}: done, and the log does not say so");
        let state = seen(disks);
        match state {
            Ok(version) => assert_eq!((done, version), (false, 1), "{play}"),
            Err(NotReadable::KeyUnavailable) => assert!(!done, "{play}"),
            Err(NotReadable::Purged { .. }) => {}
            Err(state) => panic!("{play}: {state}"),
        }
        if state.is_err() {
            let again =
                disks.world().write(&episode("EP-1"), 2).expect_err("a purged episode is not begun anew");
            assert!(matches!(again, CacheError::NotReadable(_)), "{play}: {again}");
        }
        let receipt = disks.world().cache.purge(&episode("EP-1"), &assertion()).expect("completed");
        assert_eq!(seen(disks), Err(NotReadable::Purged { at: receipt.at }), "{play}");
        let told = (receipt.generation, receipt.generations, receipt.files);
        assert_eq!(
            told,
            (Some(1), 1, 10),
            "{play}: the receipt is complete wherever the purge was cut short"
        );
        let left: Vec<_> = disks.cache.files().into_keys().collect();
        let tag = &receipt.episode;
        let expected = [
            format!("episodes/{tag}/PURGED"),
            format!("episodes/{tag}/lock"),
            "keys/path.pepper".to_owned(),
            "lock".to_owned(),
        ];
        assert_eq!(left, expected, "{play}");
    };
    play(&base, |world| world.cache.purge(&episode("EP-1"), &assertion()), check);
}

/// A reader at each of whose operations in turn somebody else is quicker; what the reader saw each time.
fn read_beside(
    meddle: impl Fn(&World, &MemoryDisk) + Copy + Send + 'static,
) -> Vec<Result<u32, NotReadable>> {
    let base = Disks::tiny();
    base.world().write(&episode("EP-1"), 1).expect("written");
    let mut seen = Vec::new();
    for at in 1.. {
        let disks = base.copy();
        // Opened before: who opens a cache waits for whoever else is opening it.
        let (other, disk) = (disks.world(), disks.cache.clone());
        let plan = Plan::meddling(at, move || meddle(&other, &disk));
        let wrap = |disk| Arc::new(FaultDisk::new(disk, Arc::clone(&plan))) as Arc<dyn Disk>;
        let world = disks.world_on(wrap(disks.cache.clone()), disks.audit.clone()).expect("opened");
        let version = world.version(&episode("EP-1"));
        if plan.operations() < at {
            break;
        }
        seen.push(version.map_err(|error| match error {
            CacheError::NotReadable(state) => state,
            error => panic!("not a named state: {error}"),
        }));
        whole_chain(&disks);
    }
    assert!(seen.len() > 30, "{} operations", seen.len());
    seen
}

#[test]
fn a_reader_whom_a_writer_overtakes_gets_the_new_generation_whole() {
    // The old generation stays beside the new one: who had found it reads it to its end.
    let once = read_beside(|world, _| drop(world.write(&episode("EP-1"), 2).expect("written")));
    let new = once.iter().take_while(|seen| **seen == Ok(2)).count();
    assert!(new > 10 && once[new..].iter().all(|seen| *seen == Ok(1)), "{once:?}");
    // The second writer removes what is still to be read, so that the old one cannot be had any more.
    let twice = read_beside(|world, _| {
        for version in [2, 3] {
            world.write(&episode("EP-1"), version).expect("written");
        }
    });
    assert!(twice.iter().all(|seen| *seen == Ok(3)), "{twice:?}");
}

#[test]
fn a_reader_whom_a_purge_overtakes_hears_of_it() {
    let seen =
        read_beside(|world, _| drop(world.cache.purge(&episode("EP-1"), &assertion()).expect("purged")));
    assert!(seen.iter().all(|seen| matches!(seen, Err(NotReadable::Purged { .. }))), "{seen:?}");
}

#[test]
fn a_reader_whom_half_a_purge_overtakes_hears_of_the_key_and_not_of_damage() {
    let seen = read_beside(|_, disk| {
        // As far as a purge gets before it leaves its tombstone: the key and the data are gone, CURRENT stands.
        let gone = |path: &String| path.ends_with(".wrap") || path.contains("/gen-1/");
        for path in disk.files().into_keys().filter(gone) {
            disk.remove_file(&path).expect("removed");
        }
    });
    assert!(seen.iter().all(|seen| *seen == Err(NotReadable::KeyUnavailable)), "{seen:?}");
}
