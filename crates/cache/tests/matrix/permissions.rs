//! K-12: what is not private, not a plain file, or somebody else's is refused wherever it stands, and set right it is
//! read again.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use bedside_cache::CacheError;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::world::{World, episode};
use crate::{home, on_disk, skipped};

/// Every directory and file of the cache that a read goes through.
fn places(cache: &Path, tag: &str) -> Vec<PathBuf> {
    let episode = cache.join("episodes").join(tag);
    let generation = episode.join("gen-1");
    let mut places = vec![
        cache.join("keys"),
        cache.join("episodes"),
        episode.clone(),
        generation.clone(),
        episode.join("CURRENT"),
        cache.join("keys").join(format!("{tag}.wrap")),
        cache.join("keys").join(format!("{tag}.state")),
    ];
    let files = fs::read_dir(generation).expect("readable").map(|entry| entry.expect("an entry").path());
    places.extend(files);
    places
}

/// One episode on a real disk, and what a reader is told while one thing in it is not as it should be.
struct Spoiled {
    world: World,
    home: tempfile::TempDir,
}

impl Spoiled {
    fn new() -> Self {
        let home = home();
        let world = on_disk(home.path());
        world.write(&episode("EP-1"), 1).expect("written");
        Self { world, home }
    }

    fn places(&self) -> Vec<PathBuf> {
        let tag = self.world.cache.episode_tag(&episode("EP-1"));
        places(&self.home.path().join("cache"), tag.as_str())
    }

    fn is_refused(&self, place: &Path, how: &str) {
        let told = self.world.version(&episode("EP-1"));
        assert!(matches!(told, Err(CacheError::Disk(_))), "{how}: {}: {told:?}", place.display());
    }

    fn is_read(&self) {
        assert_eq!(self.world.version(&episode("EP-1")).expect("set right"), 1);
    }
}

#[test]
fn looser_modes_are_refused_everywhere() {
    let spoiled = Spoiled::new();
    let mut refused = 0;
    for place in spoiled.places() {
        let right = fs::metadata(&place).expect("there").permissions();
        let loose = if place.is_dir() { [0o777, 0o750, 0o701] } else { [0o666, 0o640, 0o700] };
        for mode in loose {
            fs::set_permissions(&place, Permissions::from_mode(mode)).expect("mode");
            spoiled.is_refused(&place, &format!("{mode:o}"));
            refused += 1;
        }
        fs::set_permissions(&place, right).expect("mode");
    }
    spoiled.is_read();
    println!("{refused} looser modes refused");
    assert_eq!(refused, 3 * 17);
}

#[test]
fn links_pipes_and_directories_in_the_place_of_a_file_are_refused() {
    let spoiled = Spoiled::new();
    for place in spoiled.places() {
        let moved = spoiled.home.path().join("moved");
        fs::rename(&place, &moved).expect("moved");
        symlink(&moved, &place).expect("linked");
        assert!(spoiled.world.version(&episode("EP-1")).is_err(), "a link to itself: {}", place.display());
        fs::remove_file(&place).expect("removed");
        mknodat(CWD, &place, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("made");
        assert!(spoiled.world.version(&episode("EP-1")).is_err(), "a pipe: {}", place.display());
        fs::remove_file(&place).expect("removed");
        if moved.is_file() {
            fs::create_dir(&place).expect("made");
            fs::set_permissions(&place, Permissions::from_mode(0o700)).expect("mode");
            assert!(spoiled.world.version(&episode("EP-1")).is_err(), "a directory: {}", place.display());
            fs::remove_dir(&place).expect("removed");
        }
        fs::rename(&moved, &place).expect("put back");
    }
    spoiled.is_read();
}

#[test]
fn a_device_in_the_place_of_a_file_is_refused() {
    let spoiled = Spoiled::new();
    for place in spoiled.places().into_iter().filter(|place| place.is_file()) {
        let moved = spoiled.home.path().join("moved");
        fs::rename(&place, &moved).expect("moved");
        // The null device.
        let made = mknodat(
            CWD,
            &place,
            FileType::CharacterDevice,
            Mode::RUSR | Mode::WUSR,
            rustix::fs::makedev(1, 3),
        );
        if made.is_err() {
            fs::rename(&moved, &place).expect("put back");
            return skipped("only root makes devices");
        }
        spoiled.is_refused(&place, "a device");
        fs::remove_file(&place).expect("removed");
        fs::rename(&moved, &place).expect("put back");
    }
    spoiled.is_read();
}

#[test]
fn what_belongs_to_somebody_else_is_refused() {
    let spoiled = Spoiled::new();
    for place in spoiled.places() {
        if chown(&place, Some(65_534), None).is_err() {
            return skipped("only root gives files away");
        }
        spoiled.is_refused(&place, "another owner");
        chown(&place, Some(rustix::process::geteuid().as_raw()), None).expect("taken back");
    }
    spoiled.is_read();
}
