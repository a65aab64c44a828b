//! K-07, K-08 and K-10: many at once on one episode, two episodes of one patient, and locks that are lost.

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier, Mutex};

use bedside_audit::disk::Disk;
use bedside_cache::{CacheError, HoldReason, NotReadable};

use crate::hook::{About, HookDisk};
use crate::world::{Disks, assertion, audited, episode};

/// How many times as many rounds; a long run asks for more (`docs/crash-matrix.md`).
fn scale() -> u64 {
    std::env::var("BEDSIDE_ROUNDS").map_or(1, |text| text.parse().expect("a number"))
}

/// So many warmers write one episode, all at once or each as soon as it is there.
fn warm_at_once(warmers: u64, together: bool) {
    let disks = Disks::tiny();
    let barrier = Barrier::new(if together { warmers as usize } else { 1 });
    std::thread::scope(|scope| {
        for warmer in 0..warmers {
            let (disks, barrier) = (&disks, &barrier);
            scope.spawn(move || {
                let world = disks.world();
                if together {
                    barrier.wait();
                }
                world.write(&episode("EP-1"), (warmer % 9) as u32).expect("written");
            });
        }
    });
    let (world, files) = (disks.world(), disks.cache.files());
    let (current, earlier) = world.versions(&episode("EP-1")).expect("whole");
    assert!(current < 9 && earlier.is_some_and(|earlier| earlier < 9));
    let summary = world.cache.state(&episode("EP-1")).expect("known");
    assert_eq!((summary.generation, summary.earlier_generations), (Some(warmers), 1));
    let count = |end: &str| files.keys().filter(|path| path.ends_with(end)).count();
    assert_eq!((count("/CURRENT"), count(".wrap"), count("manifest.sealed")), (1, 1, 2), "and no orphan");
    let recovered = world.cache.recover().expect("recovered");
    assert_eq!((recovered.strays, recovered.marks, recovered.busy), (0, 0, 0), "nothing was left to mend");
}

#[test]
fn two_ten_and_a_hundred_warmers_of_one_episode_leave_one_current_and_no_orphan() {
    let mut rounds = 0;
    for (warmers, together, times) in
        [(2, true, 20), (2, false, 20), (10, true, 4), (10, false, 4), (100, true, 1)]
    {
        for _ in 0..times * scale() {
            warm_at_once(warmers, together);
            rounds += 1;
        }
    }
    println!("{rounds} rounds of warmers");
}

#[test]
fn a_purge_and_a_hold_waited_without_an_end_for_a_process_that_hangs() {
    let disks = Disks::tiny();
    disks.world().write(&episode("EP-1"), 1).expect("written");
    let files = disks.cache.files();
    let hung = HookDisk::beside_one_that_hangs(disks.cache.clone());
    let world = disks.world_on(hung, disks.audit.clone()).expect("opened");
    let of = |done: Result<(), CacheError>| matches!(done, Err(CacheError::Busy(_)));
    assert!(of(world.cache.purge(&episode("EP-1"), &assertion()).map(drop)));
    assert!(of(world.cache.hold(&episode("EP-1"), &assertion(), HoldReason::Dissent).map(drop)));
    assert!(of(world.write(&episode("EP-1"), 2).map(drop)) && of(world.cache.rotate().map(drop)));
    assert_eq!(disks.cache.files(), files, "nothing was changed");
    let told = audited(&disks.audit).into_iter().filter(|it| it["reason"] == "busy").count();
    assert_eq!(told, 2, "what a person asked for and did not get is on record");
    assert_eq!(world.version(&episode("EP-1")).expect("readers need no lock"), 1);
}

/// Files of one episode, its key's among them, with what they hold.
fn files_of(disks: &Disks, name: &str) -> Vec<(String, Vec<u8>)> {
    let tag = disks.world().cache.episode_tag(&episode(name));
    disks.cache.files().into_iter().filter(|(path, _)| path.contains(tag.as_str())).collect()
}

#[test]
fn two_episodes_of_one_patient_share_no_file_no_key_and_no_byte_of_either() {
    let disks = Disks::tiny();
    let world = disks.world();
    std::thread::scope(|scope| {
        for name in ["EP-1", "EP-2"] {
            let world = &world;
            scope.spawn(move || world.write(&episode(name), 1).expect("written"));
        }
    });
    let (ours, theirs) = (files_of(&disks, "EP-1"), files_of(&disks, "EP-2"));
    assert_eq!((ours.len(), theirs.len()), (14, 14));
    let filled = |files: &[(String, Vec<u8>)]| -> BTreeSet<Vec<u8>> {
        let sealed = |path: &str| !path.ends_with("/lock") && !path.ends_with("/CURRENT");
        files.iter().filter(|(path, _)| sealed(path)).map(|(_, bytes)| bytes.clone()).collect()
    };
    assert!(filled(&ours).is_disjoint(&filled(&theirs)), "the same record, and no file is the same");
    world.cache.purge(&episode("EP-1"), &assertion()).expect("purged");
    assert_eq!(files_of(&disks, "EP-2"), theirs, "the end of one is nothing to the other");
    assert_eq!(world.version(&episode("EP-2")).expect("read"), 1);
}

#[test]
fn whatever_is_done_to_one_episode_touches_no_path_of_another() {
    let disks = Disks::tiny();
    for name in ["EP-1", "EP-2"] {
        disks.world().write(&episode(name), 1).expect("written");
    }
    let other = disks.world().cache.episode_tag(&episode("EP-2"));
    let touched: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let wrap = |disk: Arc<dyn Disk>| {
        let touched = Arc::clone(&touched);
        HookDisk::new(
            disk,
            Box::new(move |_, path, _| {
                touched.lock().expect("no panic").insert(path.to_owned());
            }),
        ) as Arc<dyn Disk>
    };
    let world = disks.world_on(wrap(disks.cache.clone()), disks.audit.clone()).expect("opened");
    let id = episode("EP-1");
    world.write(&id, 2).expect("written");
    world.versions(&id).expect("read");
    world.cache.discharge(&id, &assertion()).expect("reported");
    world.cache.confirm(&id, &assertion()).expect("reported");
    world.cache.state(&id).expect("known");
    world.cache.purge(&id, &assertion()).expect("purged");
    let touched = touched.lock().expect("no panic");
    assert!(touched.len() > 20, "{touched:?}");
    assert!(touched.iter().all(|path| !path.contains(other.as_str())), "{touched:?}");
}

/// A writer at each of whose operations in turn the lock is lost and somebody else acts on the episode.
fn write_without_a_lock(meddle: impl Fn(&crate::world::World) + Copy + Send + Sync + 'static) -> Vec<Seen> {
    let base = Disks::tiny();
    base.world().write(&episode("EP-1"), 1).expect("written");
    let mut seen = Vec::new();
    for at in 1.. {
        let disks = base.copy();
        let operations = Arc::new(Mutex::new(0));
        let hook = {
            let (other, operations) = (Mutex::new(disks.world()), Arc::clone(&operations));
            Box::new(move |_: &dyn Disk, _: &str, _: About<'_>| {
                let mut operations = operations.lock().expect("no panic");
                *operations += 1;
                if *operations == at {
                    meddle(&other.lock().expect("no panic"));
                }
            })
        };
        let lockless = HookDisk::without_locks(disks.cache.clone(), hook);
        let world = disks.world_on(lockless, disks.audit.clone()).expect("opened");
        let written = world.write(&episode("EP-1"), 2);
        assert!(
            matches!(written, Ok(_) | Err(CacheError::Disk(_) | CacheError::NotReadable(_))),
            "{written:?}"
        );
        if *operations.lock().expect("no panic") < at {
            break;
        }
        // What a reader is told, and that a writer who has the lock makes it right.
        seen.push(disks.world().version(&episode("EP-1")).map_err(|error| match error {
            CacheError::NotReadable(state) => state,
            error => panic!("not a named state: {error}"),
        }));
        match disks.world().write(&episode("EP-1"), 5) {
            Ok(_) => assert_eq!(disks.world().version(&episode("EP-1")).expect("read"), 5),
            Err(CacheError::NotReadable(NotReadable::Purged { .. })) => {}
            Err(error) => panic!("operation {at}: {error}"),
        }
    }
    assert!(seen.len() > 40, "{}", seen.len());
    println!("a lock lost at each of {} operations", seen.len());
    seen
}

type Seen = Result<u32, NotReadable>;

#[test]
fn a_lock_that_is_lost_to_another_writer_never_mixes_two_records() {
    let seen = write_without_a_lock(|world| drop(world.write(&episode("EP-1"), 3).expect("written")));
    assert!(seen.iter().all(|seen| matches!(seen, Ok(2 | 3))), "{seen:?}");
}

#[test]
fn a_lock_that_is_lost_to_a_purge_never_brings_the_episode_back() {
    let seen = write_without_a_lock(|world| {
        world.cache.purge(&episode("EP-1"), &assertion()).expect("purged");
    });
    let told = |seen: &Seen| matches!(seen, Err(NotReadable::Purged { .. }));
    assert!(seen.iter().all(told), "{seen:?}");
}
