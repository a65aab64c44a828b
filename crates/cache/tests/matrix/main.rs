//! Rows of the crash matrix (`reliability` sheet, section 4) that have a file each here: K-04 and K-16 (`pressure`),
//! K-07, K-08 and K-10 (`together`), K-11 (`clock`), K-12 (`permissions`), K-14 (`upgrade`), K-17 (`ward`). The page
//! `docs/crash-matrix.md` says where the others are.

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../../audit/tests/support/faults.rs"]
mod faults;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../support/hook.rs"]
mod hook;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../../audit/tests/support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../support/record.rs"]
mod record;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../support/world.rs"]
mod world;

mod clock;
mod permissions;
mod pressure;
mod together;
mod upgrade;
mod ward;

use std::path::Path;
use std::sync::Arc;

use bedside_audit::disk::{Disk, LocalDisk};
use bedside_cache::{CacheError, NotReadable};
use world::{Disks, World};

/// The named state that was told; anything else is a failure.
fn state(result: Result<impl Sized, CacheError>) -> NotReadable {
    match result {
        Err(CacheError::NotReadable(state)) => state,
        Err(error) => panic!("not a named state: {error}"),
        Ok(_) => panic!("it was readable"),
    }
}

/// A cache and its log in a directory of a real disk.
fn on_disk(home: &Path) -> World {
    let disk = |name| Arc::new(LocalDisk::open(&home.join(name)).expect("opened")) as Arc<dyn Disk>;
    Disks::tiny().world_on(disk("cache"), disk("audit")).expect("opened")
}

/// In memory where the system has room for files there.
fn home() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("temporary directory")
}

/// Says on standard error, past what captures it, that a test could not be played here.
fn skipped(why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/crash-matrix.md")).expect("the page");
    let sources = ["audit", "cache", "warm"].map(|name| sources(&root.join("crates").join(name))).concat();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| K-")).collect();
    let numbers: Vec<_> = rows.iter().map(|row| row[4..6].parse::<u32>().expect("a number")).collect();
    assert_eq!(numbers, (1..=17).collect::<Vec<_>>());
    for row in rows {
        let names: Vec<_> = row.split('`').skip(1).step_by(2).filter(|name| name.contains('_')).collect();
        assert!(!names.is_empty(), "{row}");
        for name in names {
            assert!(sources.contains(&format!("fn {name}(")), "{name}");
        }
    }
}

/// All Rust sources below a directory as one text.
fn sources(directory: &Path) -> String {
    let entries =
        std::fs::read_dir(directory).expect("readable").map(|entry| entry.expect("an entry").path());
    let text = |path: std::path::PathBuf| match path.extension().and_then(|end| end.to_str()) {
        _ if path.is_dir() => sources(&path),
        Some("rs") => std::fs::read_to_string(path).expect("text"),
        _ => String::new(),
    };
    entries.map(text).collect()
}
