//! K-14: a cache of an earlier version is read, refreshed and purged by this one, wherever it dies in doing so; one of
//! a later version is told from a damaged one. `golden/` holds a cache and its log for every version of the tables that
//! was ever written.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};
use bedside_cache::NotReadable;
use bedside_model::schema::SCHEMA_VERSION;

use crate::faults::{Fault, FaultDisk, Plan};
use crate::memory::MemoryDisk;
use crate::state;
use crate::world::{Disks, assertion, episode};

fn golden(version: &str) -> PathBuf {
    PathBuf::from(format!("{}/tests/golden/schema-{version}.txt", env!("CARGO_MANIFEST_DIR")))
}

/// What was kept: lines of side, path, and bytes in base64, `-` for a directory.
fn load(text: &str) -> Disks {
    let mut sides = BTreeMap::from([("cache", BTreeMap::new()), ("audit", BTreeMap::new())]);
    for line in text.lines() {
        let [side, path, bytes] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("three words") };
        let bytes = (bytes != "-").then(|| BASE64_STANDARD.decode(bytes).expect("base64"));
        sides.get_mut(side).expect("a side").insert(path.to_owned(), bytes);
    }
    let mut disk = |side| Arc::new(MemoryDisk::holding(sides.remove(side).expect("a side")));
    Disks { cache: disk("cache"), audit: disk("audit"), ..Disks::tiny() }
}

fn text(disks: &Disks) -> String {
    let lines = [("cache", &disks.cache), ("audit", &disks.audit)].map(|(side, disk)| {
        let line = |(path, bytes): (String, Option<Vec<u8>>)| {
            let bytes = bytes.map_or_else(|| "-".to_owned(), |bytes| BASE64_STANDARD.encode(bytes));
            format!("{side} {path} {bytes}\n")
        };
        // The reserve is room and says nothing.
        disk.everything().into_iter().filter(|(path, _)| path != "reserve").map(line).collect::<String>()
    });
    lines.concat()
}

/// Two episodes: one refreshed once, one purged.
fn sample() -> Disks {
    let disks = Disks::tiny();
    let world = disks.world();
    for version in [1, 2] {
        world.write(&episode("EP-1"), version).expect("written");
    }
    world.write(&episode("EP-2"), 1).expect("written");
    world.cache.purge(&episode("EP-2"), &assertion()).expect("purged");
    disks
}

#[test]
#[ignore = "writes the golden file of this version of the tables, once"]
fn write_the_golden_file() {
    let path = golden(SCHEMA_VERSION);
    assert!(!path.exists(), "{} is kept as it is", path.display());
    std::fs::write(path, text(&sample())).expect("written");
}

#[test]
fn a_cache_of_every_version_is_read_or_refused_clearly_and_goes_on() {
    let mut versions = 0;
    for version in
        (1..).map(|version: u32| version.to_string()).take_while(|version| golden(version).exists())
    {
        let disks = load(&std::fs::read_to_string(golden(&version)).expect("readable"));
        let world = disks.world();
        if version == SCHEMA_VERSION {
            assert_eq!(world.versions(&episode("EP-1")).expect("read"), (2, Some(1)));
        } else {
            assert_eq!(state(world.read(&episode("EP-1"))), NotReadable::OtherVersion);
        }
        let receipt = world.cache.purge(&episode("EP-2"), &assertion()).expect("purged before");
        assert_eq!(state(world.read(&episode("EP-2"))), NotReadable::Purged { at: receipt.at });
        world.write(&episode("EP-1"), 3).expect("refreshed");
        assert_eq!(world.version(&episode("EP-1")).expect("read"), 3);
        assert_eq!(world.cache.purge(&episode("EP-1"), &assertion()).expect("purged").generation, Some(3));
        versions += 1;
    }
    assert_eq!(
        versions,
        SCHEMA_VERSION.parse::<u32>().expect("a number"),
        "each version has its golden file"
    );
}

#[test]
fn a_first_refresh_after_an_upgrade_may_die_anywhere() {
    let base = load(&std::fs::read_to_string(golden("1")).expect("readable"));
    let mut deaths = 0;
    for at in 1.. {
        let disks = base.copy();
        let plan = Plan::new(at, Fault::Half, true);
        let world = disks.try_world(|disk| Arc::new(FaultDisk::new(disk, Arc::clone(&plan))));
        let _ = world.and_then(|world| world.write(&episode("EP-1"), 3));
        if plan.operations() < at {
            break;
        }
        let world = disks.world();
        world.cache.recover().expect("recovered");
        match world.version(&episode("EP-1")) {
            Ok(2 | 3) => {}
            Err(bedside_cache::CacheError::NotReadable(NotReadable::OtherVersion)) => {}
            told => panic!("operation {at}: {told:?}"),
        }
        deaths += 1;
    }
    println!("{deaths} deaths in the first refresh after an upgrade");
    assert!(deaths > 60, "{deaths}");
}

#[test]
fn a_cache_of_a_later_version_is_told_from_a_damaged_one_and_a_fetch_heals_it() {
    let disks = sample();
    let world = disks.world();
    let tag = world.cache.episode_tag(&episode("EP-1"));
    let path = format!("episodes/{tag}/gen-2/manifest.sealed");
    let mut later = disks.cache.files()[&path].clone();
    later[7] = b'2';
    disks.cache.put(&path, &later);
    assert_eq!(state(world.read(&episode("EP-1"))), NotReadable::OtherVersion);
    assert_eq!(world.cache.state(&episode("EP-1")).expect("known").state(), "other_version");
    let swept = world.cache.sweep().expect("swept");
    assert_eq!((swept.purged.len(), swept.kept), (0, 1), "its time is not over");
    world.write(&episode("EP-1"), 3).expect("fetched again");
    assert_eq!(world.version(&episode("EP-1")).expect("read"), 3);
}
