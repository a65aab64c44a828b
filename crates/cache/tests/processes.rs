//! Processes on a real disk: killed at every step, and sixteen workers on one episode (`reliability` sheet, section
//! 4, K-01, K-07 and K-09).

#[allow(dead_code, reason = "each test program uses a part of it")]
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

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bedside_audit::disk::{Disk, LocalDisk};
use bedside_audit::verify;
use bedside_cache::{CacheError, NotReadable};
use faults::{FaultDisk, Plan};
use rustix::process::{Signal, getpid, kill_process};
use world::{Disks, World, assertion, episode};

const HOME: &str = "BEDSIDE_CACHE_HOME";
const ACTION: &str = "BEDSIDE_CACHE_ACTION";
const STEP: &str = "BEDSIDE_CACHE_STEP";
const KILLED: i32 = 9;

/// Starts this program again as a child that plays one test of it.
fn child(test: &str, home: &Path, action: &str, step: u64) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture"])
        .env(HOME, home)
        .env(ACTION, action)
        .env(STEP, step.to_string())
        .stdout(Stdio::null())
        .spawn()
        .expect("started")
}

/// What a child is asked to do; `None` in the parent.
fn asked() -> Option<(std::path::PathBuf, String, u64)> {
    let home = std::env::var_os(HOME)?.into();
    let text = |name| std::env::var(name).expect("given");
    Some((home, text(ACTION), text(STEP).parse().expect("a number")))
}

/// In memory where the system has room for files there: a killed process loses what it did not write, and nothing
/// that it did not sync.
fn home() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("temporary directory")
}

fn on_disk(home: &Path, wrap: impl Fn(Arc<dyn Disk>) -> Arc<dyn Disk>) -> World {
    let disk = |name| wrap(Arc::new(LocalDisk::open(&home.join(name)).expect("opened")));
    Disks::tiny().world_on(disk("cache"), disk("audit")).expect("opened")
}

fn act(world: &World, action: &str) -> Result<(), CacheError> {
    match action {
        "write" => world.write(&episode("EP-1"), 2).map(drop),
        "read" => world.version(&episode("EP-1")).map(drop),
        "purge" => world.cache.purge(&episode("EP-1"), &assertion()).map(drop),
        "discharge" => world.cache.discharge(&episode("EP-1"), &assertion()).map(drop),
        "recover" => world.cache.recover().map(drop),
        other => panic!("{other}?"),
    }
}

/// Not a test of its own: what the children of the next test do. They kill themselves before one of their
/// operations on a disk.
#[test]
fn child_that_dies() {
    let Some((home, action, step)) = asked() else { return };
    let plan = Plan::meddling(step, || kill_process(getpid(), Signal::KILL).expect("killed"));
    let world = on_disk(&home, |disk| Arc::new(FaultDisk::new(disk, Arc::clone(&plan))));
    act(&world, &action).expect("done");
}

#[test]
fn a_process_killed_before_any_of_its_operations_leaves_a_valid_state() {
    let mut kills = 0;
    let base = home();
    on_disk(base.path(), |disk| disk).write(&episode("EP-1"), 1).expect("written");
    for action in ["write", "read", "purge", "discharge"] {
        for step in 1.. {
            let home = home();
            copy(base.path(), home.path());
            let status = child("child_that_dies", home.path(), action, step).wait().expect("ended");
            if status.success() {
                break;
            }
            assert_eq!(status.signal(), Some(KILLED), "{action} {step}");
            kills += 1;
            let world = on_disk(home.path(), |disk| disk);
            world.cache.recover().expect("recovered");
            match (action, world.version(&episode("EP-1"))) {
                ("write", Ok(1 | 2)) | ("read" | "discharge" | "purge", Ok(1)) => {}
                ("purge", Err(CacheError::NotReadable(NotReadable::Purged { .. }))) => {}
                (_, told) => panic!("{action} killed before operation {step}: {told:?}"),
            }
            verify(&home.path().join("audit"), None).expect("one whole chain");
        }
    }
    println!("{kills} processes killed");
    assert!(kills > 150, "{kills}");
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("readable") {
        let from = entry.expect("an entry").path();
        let to = to.join(from.file_name().expect("a name"));
        if from.is_dir() {
            fs::create_dir(&to).expect("made");
            fs::set_permissions(&to, fs::Permissions::from_mode(0o700)).expect("mode");
            copy(&from, &to);
        } else {
            // The mode is copied with the bytes.
            fs::copy(&from, &to).expect("copied");
        }
    }
}

const WORKERS: u64 = 16;
const OPERATIONS: u64 = 10_000;
const PROCESSES: u64 = 4;

/// Not a test of its own: what each process of the next test does, with four threads.
#[test]
fn child_that_works() {
    let Some((home, _, number)) = asked() else { return };
    std::thread::scope(|scope| {
        for thread in 0..WORKERS / PROCESSES {
            let home = &home;
            scope.spawn(move || work(&on_disk(home, |disk| disk), number * 10 + thread));
        }
    });
}

/// One worker: of a hundred operations on the episode of the moment, most are reads.
fn work(world: &World, seed: u64) {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for operation in 0..OPERATIONS / WORKERS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // All workers go from one episode to the next at about the same time.
        let id = episode(&format!("EP-{}", operation / 25));
        let result = match state % 100 {
            0..4 => world.write(&id, 1 + (state / 100 % 9) as u32).map(drop),
            4 => world.cache.purge(&id, &assertion()).map(drop),
            5..8 => world.cache.recover().map(drop),
            8..12 => world.cache.sweep().map(drop),
            12..14 => world.cache.discharge(&id, &assertion()).map(drop),
            _ => world.version(&id).map(drop),
        };
        use NotReadable::{KeyUnavailable, NotWarmed, Purged};
        match result {
            Ok(()) | Err(CacheError::NotReadable(NotWarmed | Purged { .. } | KeyUnavailable)) => {}
            Err(error) => panic!("worker {seed}, operation {operation}: {error}"),
        }
    }
}

#[test]
fn sixteen_workers_on_one_episode_see_whole_generations_or_named_states() {
    let home = home();
    on_disk(home.path(), |disk| disk);
    let children: Vec<_> =
        (0..PROCESSES).map(|number| child("child_that_works", home.path(), "work", number)).collect();
    for mut child in children {
        assert!(child.wait().expect("ended").success());
    }
    let verified = verify(&home.path().join("audit"), None).expect("one whole chain");
    assert_eq!(verified.unfinished, 0);
    let world = on_disk(home.path(), |disk| disk);
    world.cache.recover().expect("recovered");
    let list = world.cache.list().expect("listed");
    let count = |state| list.iter().filter(|summary| summary.state() == state).count();
    println!(
        "{OPERATIONS} operations of {WORKERS} workers, {} audit records, {} episodes, {} of them purged",
        verified.records,
        list.len(),
        count("purged")
    );
    assert_eq!(count("ready") + count("discharged") + count("purged") + count("not_warmed"), list.len());
    assert!(count("purged") > 0);
}
