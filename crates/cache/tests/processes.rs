//! Processes on a real disk: killed before, inside and between their operations, and sixteen workers on one episode
//! (`reliability` sheet, section 4, K-01, K-07, K-09 and K-10).

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/hook.rs"]
mod hook;
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
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bedside_audit::disk::{Disk, LocalDisk};
use bedside_audit::verify;
use bedside_cache::{CacheError, NotReadable, Recovered};
use hook::{About, HookDisk};
use jiff::SignedDuration;
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

/// The key-encryption key of the epoch before.
const OLDER: [u8; 32] = [10; 32];

fn on_disk(home: &Path, wrap: impl Fn(Arc<dyn Disk>) -> Arc<dyn Disk>) -> World {
    let disk = |name| wrap(Arc::new(LocalDisk::open(&home.join(name)).expect("opened")));
    let disks = Disks { older: Some(OLDER), ..Disks::tiny() };
    disks.world_on(disk("cache"), disk("audit")).expect("opened")
}

fn act(world: &World, action: &str) -> Result<(), CacheError> {
    match action {
        "write" => world.write(&episode("EP-1"), 3).map(drop),
        "read" => world.version(&episode("EP-1")).map(drop),
        "purge" => world.cache.purge(&episode("EP-1"), &assertion()).map(drop),
        "discharge" => world.cache.discharge(&episode("EP-1"), &assertion()).map(drop),
        "recover" => world.cache.recover().map(drop),
        "sweep" => world.cache.sweep().map(drop),
        "compare" => world.versions(&episode("EP-1")).map(drop),
        "rotate" => world.cache.rotate().map(drop),
        other => panic!("{other}?"),
    }
}

/// Not a test of its own: what the children of the next test do. They kill themselves before one of the changes that
/// they make to a disk, or when half of what one of them writes is written.
#[test]
fn child_that_dies() {
    let Some((home, action, step)) = asked() else { return };
    let (action, inside) =
        action.strip_suffix(INSIDE).map_or((action.as_str(), false), |action| (action, true));
    let done = Arc::new(AtomicU64::new(0));
    let world = on_disk(&home, |disk| {
        let done = Arc::clone(&done);
        let next = move || done.fetch_add(1, Ordering::SeqCst) + 1 == step;
        HookDisk::new(
            disk,
            Box::new(move |disk, path, about| match about {
                About::Write(bytes) if inside && next() => die_writing(disk, path, bytes),
                // To die before it looks is to die after the last change.
                About::Change | About::Write(_) if !inside && next() => die(),
                _ => {}
            }),
        )
    });
    act(&world, action).expect("done");
}

const INSIDE: &str = " inside";
const EIGHT_DAYS: SignedDuration = SignedDuration::from_hours(8 * 24);

fn die() {
    kill_process(getpid(), Signal::KILL).expect("killed");
}

fn die_writing(disk: &dyn Disk, path: &str, bytes: &[u8]) {
    let half = &bytes[..bytes.len() / 2];
    if path.ends_with(".ndjson") { disk.append(path, half) } else { disk.write_new(path, half) }
        .expect("half written");
    die();
}

/// A home with an episode of two generations, as each action finds it.
fn before(action: &str) -> tempfile::TempDir {
    let home = home();
    let disks = match action {
        // Wrapped by the key of the epoch before.
        "rotate" => Disks { kek: OLDER, older: None, ..Disks::tiny() },
        _ => Disks::tiny(),
    };
    let disk = |name| Arc::new(LocalDisk::open(&home.path().join(name)).expect("opened")) as Arc<dyn Disk>;
    let world = disks.world_on(disk("cache"), disk("audit")).expect("opened");
    if action == "sweep" {
        // Of long ago: its time is over.
        world.clock.advance(-EIGHT_DAYS);
    }
    for version in [1, 2] {
        world.write(&episode("EP-1"), version).expect("written");
    }
    if action == "recover" {
        let (disk, tag) = (disk("cache"), world.cache.episode_tag(&episode("EP-1")));
        for name in ["gen-3.tmp", "gen-4"] {
            disk.create_dir(&format!("episodes/{tag}/{name}")).expect("made");
            disk.write_new(&format!("episodes/{tag}/{name}/links.parquet"), b"half").expect("written");
        }
        disk.write_new(&format!("keys/{tag}.wrap.tmp"), b"half").expect("written");
    }
    home
}

/// What a reader may be told after a process died in that action, and recovery.
fn may_be(action: &str, told: &Result<(u32, Option<u32>), CacheError>) -> bool {
    use NotReadable::{Expired, Purged};
    match (action, told) {
        ("sweep", Err(CacheError::NotReadable(Expired { .. } | Purged { .. }))) => true,
        ("sweep", _) => false,
        ("write", Ok((3, Some(2)))) => true,
        ("purge", Err(CacheError::NotReadable(Purged { .. }))) => true,
        (_, told) => matches!(told, Ok((2, Some(1)))),
    }
}

#[test]
fn a_process_killed_before_or_inside_any_of_its_changes_leaves_a_valid_state() {
    let (mut before_one, mut inside_one) = (0, 0);
    for action in ["write", "compare", "purge", "discharge", "rotate", "recover", "sweep"] {
        let base = before(action);
        for (how, kills) in [("", &mut before_one), (INSIDE, &mut inside_one)] {
            for step in 1.. {
                let home = home();
                copy(base.path(), home.path());
                let how = format!("{action}{how}");
                let status = child("child_that_dies", home.path(), &how, step).wait().expect("ended");
                if status.success() {
                    break;
                }
                assert_eq!(status.signal(), Some(KILLED), "{how} {step}");
                *kills += 1;
                let world = on_disk(home.path(), |disk| disk);
                recovers(&world, home.path());
                let told = world.versions(&episode("EP-1"));
                assert!(may_be(action, &told), "{how}, operation {step}: {told:?}");
            }
        }
    }
    println!("{before_one} processes killed before a change, {inside_one} in the middle of a write");
    assert!(before_one > 150 && inside_one > 20, "{before_one} {inside_one}");
}

/// K-10 and invariants I3, I4 and I7: no lock outlives its holder, nothing half-written stays, a second recovery finds
/// nothing to do, the log is one chain.
fn recovers(world: &World, home: &Path) {
    recover(world);
    let again = recover(world);
    let nothing =
        Recovered { episodes: again.episodes, unreadable: again.unreadable.clone(), ..Recovered::default() };
    assert_eq!(again, nothing);
    verify(&home.join("audit"), None).expect("one whole chain");
    for path in files_below(&home.join("cache")) {
        let name = path.strip_prefix(home).expect("below").to_string_lossy().into_owned();
        assert!(!name.contains(".tmp") && !name.contains(".going"), "{name}");
        if name.ends_with("lock") {
            assert_eq!(
                fs::read(&path).expect("read"),
                b"",
                "a lock names nobody who could be mistaken for another"
            );
        }
    }
}

/// A child of another test holds what this process has open from its fork to its program, locks too: it is waited for.
/// Who is dead holds none for ever.
fn recover(world: &World) -> Recovered {
    let once = |_| {
        std::thread::yield_now();
        world.cache.recover().expect("recovered")
    };
    (0..100_000).map(once).find(|recovered| recovered.busy == 0).expect("the dead hold no lock")
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("readable").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Not a test of its own: a worker who is killed by a thread of its own at no particular moment.
#[test]
fn child_that_dies_at_any_moment() {
    let Some((home, name, seed)) = asked() else { return };
    let world = on_disk(&home, |disk| disk);
    let mut random = Random::new(seed);
    let spins = random.next() % 6_000_000;
    std::thread::spawn(move || {
        (0..spins).for_each(|_| std::hint::spin_loop());
        die();
    });
    let id = episode(&name);
    loop {
        let done = match random.next() % 10 {
            0..5 => world.write(&id, (random.next() % 9) as u32).map(drop),
            5..7 => world.versions(&id).map(drop),
            7 => world.cache.recover().map(drop),
            8 => world.cache.discharge(&id, &assertion()).map(drop),
            _ => world.cache.confirm(&id, &assertion()).map(drop),
        };
        assert!(matches!(done, Ok(()) | Err(CacheError::NotReadable(NotReadable::NotWarmed))), "{done:?}");
    }
}

/// How many processes are killed at no particular moment; a long run asks for more (`docs/crash-matrix.md`).
fn kills() -> u64 {
    std::env::var("BEDSIDE_KILLS").map_or(15, |text| text.parse().expect("a number"))
}

#[test]
fn processes_killed_at_any_moment_one_after_the_other_leave_valid_states() {
    let home = home();
    on_disk(home.path(), |disk| disk);
    let (mut whole, mut none) = (0, 0);
    for seed in 0..kills() {
        let name = format!("EP-{}", seed / 8);
        let status = child("child_that_dies_at_any_moment", home.path(), &name, seed).wait().expect("ended");
        assert_eq!(status.signal(), Some(KILLED), "{seed}");
        let world = on_disk(home.path(), |disk| disk);
        recovers(&world, home.path());
        match world.versions(&episode(&name)) {
            Ok(_) => whole += 1,
            Err(CacheError::NotReadable(NotReadable::NotWarmed)) => none += 1,
            Err(error) => panic!("{seed}: {error}"),
        }
    }
    println!("{} processes killed at any moment: {whole} whole records, {none} not begun", whole + none);
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

/// Marsaglia's xorshift: the same seed, the same work.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// One worker: of a hundred operations on the episode of the moment, most are reads.
fn work(world: &World, seed: u64) {
    let mut random = Random::new(seed);
    for operation in 0..OPERATIONS / WORKERS {
        let state = random.next();
        // All workers go from one episode to the next at about the same time.
        let id = episode(&format!("EP-{}", operation / 25));
        let result = match state % 100 {
            0..4 => world.write(&id, 1 + (state / 100 % 9) as u32).map(drop),
            4 => world.cache.purge(&id, &assertion()).map(drop),
            5..8 => world.cache.recover().map(drop),
            8..12 => world.cache.sweep().map(drop),
            12..14 => world.cache.discharge(&id, &assertion()).map(drop),
            14..30 => world.versions(&id).map(drop),
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
