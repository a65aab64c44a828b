//! K-04 and K-16: a full disk, on which side it may be, and little memory.

use std::env;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use bedside_audit::AuditError;
use bedside_cache::CacheError;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::world::{Disks, assertion, episode};
use crate::{home, on_disk, skipped};

fn is_full(result: Result<impl Sized, CacheError>) -> bool {
    matches!(result, Err(CacheError::Disk(error)) if error.kind() == ErrorKind::StorageFull)
}

#[test]
fn a_data_volume_that_is_full_at_any_byte_keeps_the_old_generation_and_goes_on_with_room() {
    let base = Disks::tiny();
    for version in [1, 2] {
        base.world().write(&episode("EP-1"), version).expect("written");
    }
    let mut refusals = 0;
    for room in (0..).step_by(256) {
        let disks = base.copy();
        disks.cache.limit(room);
        if !is_full(disks.world().write(&episode("EP-1"), 3)) {
            break;
        }
        let world = disks.world();
        let seen = world.versions(&episode("EP-1")).expect("whole");
        // The last bytes that it needs are for the mark, after the commit.
        assert!(matches!(seen, (2, Some(1)) | (3, Some(2))), "{room}: {seen:?}");
        world
            .cache
            .purge(&episode("EP-1"), &assertion())
            .map_or_else(|error| assert!(matches!(&error, CacheError::Disk(_)), "{room}: {error}"), drop);
        let disks = Disks { cache: disks.cache.copy(), ..disks };
        assert!(
            disks.world().cache.purge(&episode("EP-1"), &assertion()).is_ok(),
            "with room it is destroyed"
        );
        refusals += 1;
    }
    println!("{refusals} sizes of a full data volume");
    assert!(refusals > 40, "{refusals}");
}

const HOME: &str = "BEDSIDE_PRESSURE_HOME";
const LIMIT: &str = "BEDSIDE_PRESSURE_BYTES";

/// Not a test of its own: what the next one does in a mount namespace where `cache` and `audit` are small file systems.
#[test]
fn child_on_small_file_systems() {
    let (Some(home), None) = (env::var_os(HOME).map(PathBuf::from), env::var_os(LIMIT)) else { return };
    let world = on_disk(&home);
    for version in [1, 2] {
        world.write(&episode("EP-1"), version).expect("written");
    }
    let data = fill(&home.join("cache/ballast"));
    assert!(is_full(world.write(&episode("EP-1"), 3)), "the data volume is full, the log is not");
    assert_eq!(world.versions(&episode("EP-1")).expect("read"), (2, Some(1)));
    std::fs::remove_file(data).expect("removed");
    world.write(&episode("EP-1"), 3).expect("there is room again");

    let log = fill(&home.join("audit/ballast"));
    let full = |told: Result<(), CacheError>| matches!(told, Err(CacheError::Audit(AuditError::Full)));
    // What is left of the last block, and of a piece of the reserve, takes some records.
    let refuses = |act: &dyn Fn() -> Result<(), CacheError>| (0..100).any(|_| full(act()));
    assert!(
        refuses(&|| world.version(&episode("EP-1")).map(drop)),
        "the log is full, the data volume is not"
    );
    assert!(refuses(&|| world.write(&episode("EP-1"), 3).map(drop)));
    assert!(refuses(&|| world.cache.discharge(&episode("EP-1"), &assertion()).map(drop)));
    std::fs::remove_file(log).expect("removed");
    let (current, earlier) = world.versions(&episode("EP-1")).expect("there is room again");
    assert!(current == 3 && matches!(earlier, Some(2 | 3)), "nothing is half done");
    bedside_audit::verify(&home.join("audit"), None).expect("one whole chain");
    println!("filled and emptied");
}

/// Fills a file system to its last byte.
fn fill(ballast: &Path) -> PathBuf {
    use std::io::Write;
    let mut file = std::fs::File::create(ballast).expect("made");
    for size in [65_536, 4_096, 512, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    ballast.to_owned()
}

#[test]
fn real_file_systems_that_fill_up_refuse_keep_and_go_on() {
    let home = home();
    for name in ["cache", "audit"] {
        std::fs::create_dir(home.path().join(name)).expect("made");
    }
    let script = "for at in cache audit; do mount -t tmpfs -o size=1m,mode=0700 tmpfs \"$0/$at\" || exit 77; done; \
                  exec \"$1\" --exact pressure::child_on_small_file_systems --nocapture";
    let child = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(home.path())
        .arg(env::current_exe().expect("this program"))
        .env(HOME, home.path())
        .output();
    match child {
        Ok(child) if child.status.success() => {
            let said = String::from_utf8_lossy(&child.stdout);
            assert!(said.contains("filled and emptied"), "{said}");
        }
        Ok(child) if child.status.code() == Some(77) || !namespaces() => {
            skipped("no small file systems here")
        }
        Ok(child) => panic!("{}", String::from_utf8_lossy(&child.stderr)),
        Err(_) => skipped("there is no unshare"),
    }
}

/// Whether this system lets us make a mount namespace at all.
fn namespaces() -> bool {
    let tried = Command::new("unshare").args(["--user", "--map-root-user", "--mount", "true"]).status();
    tried.is_ok_and(|status| status.success())
}

/// Not a test of its own: writes and reads in so much address space, the whole or what is there and so much more.
#[test]
fn child_in_little_memory() {
    let (Some(home), Ok(limit)) = (env::var_os(HOME).map(PathBuf::from), env::var(LIMIT)) else { return };
    let world = on_disk(&home);
    let bytes: u64 = match limit.strip_prefix('+') {
        Some(more) => used() + more.parse::<u64>().expect("a number"),
        None => limit.parse().expect("a number"),
    };
    setrlimit(Resource::As, Rlimit { current: Some(bytes), maximum: Some(bytes) }).expect("limited");
    world.write(&episode("EP-1"), 2).expect("written");
    world.version(&episode("EP-1")).expect("read");
}

/// Bytes of address space in use.
fn used() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("readable");
    pages.split(' ').next().and_then(|pages| pages.parse::<u64>().ok()).expect("a number") * 4096
}

fn in_memory(home: &Path, limit: &str) -> ExitStatus {
    Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "pressure::child_in_little_memory", "--test-threads=1"])
        .env(HOME, home)
        .env(LIMIT, limit)
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .expect("started")
        .status
}

#[test]
fn a_quarter_of_a_gigabyte_is_enough_and_a_process_that_runs_out_of_memory_leaves_a_valid_state() {
    let home = home();
    on_disk(home.path()).write(&episode("EP-1"), 1).expect("written");
    assert!(in_memory(home.path(), &(256 << 20).to_string()).success(), "256 MiB are enough");
    let mut died = 0;
    for step in 0..20_u64 {
        let status = in_memory(home.path(), &format!("+{}", step << 20));
        died += u64::from(!status.success());
        let told = (status.signal(), status.code());
        assert!(matches!(told, (None, Some(0 | 101)) | (Some(_), None)), "{told:?}");
        let world = on_disk(home.path());
        world.cache.recover().expect("recovered");
        let seen = world.versions(&episode("EP-1")).expect("whole");
        assert!(matches!(seen, (2, Some(1 | 2))), "{seen:?}");
    }
    bedside_audit::verify(&home.path().join("audit"), None).expect("one whole chain");
    println!("{died} of 20 processes ran out of memory");
}
