//! What a spoiled, lost or put-back file of one episode may do to it, and must not do to any other: nothing is lifted,
//! hidden, kept for ever or destroyed by it unseen (`security` sheet, sections 1, 4.2 and T-29).

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../audit/tests/support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/record.rs"]
mod record;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use bedside_audit::disk::{Disk, LocalDisk};
use bedside_cache::{HoldReason, NotReadable};
use jiff::SignedDuration;
use memory::MemoryDisk;
use world::{Disks, World, assertion, audited, episode};

const DAYS: fn(i64) -> SignedDuration = |count| SignedDuration::from_hours(24 * count);

/// What somebody does to the files of the episode of that opaque name.
type Spoil = fn(&Disks, &str);

/// Three episodes of version 1, and the opaque name of the second.
fn three() -> (Disks, World, String) {
    let disks = Disks::tiny();
    let world = disks.world();
    for name in ["EP-1", "EP-2", "EP-3"] {
        world.write(&episode(name), 1).expect("written");
    }
    let tag = world.cache.episode_tag(&episode("EP-2")).to_string();
    (disks, world, tag)
}

fn states(world: &World) -> BTreeMap<String, &'static str> {
    let list = world.cache.list().expect("one bad episode does not hide the others");
    list.iter().map(|summary| (summary.episode.to_string(), summary.state())).collect()
}

fn has(disks: &Disks, path: &str) -> bool {
    disks.cache.files().contains_key(path)
}

#[test]
fn no_spoiled_byte_of_a_standing_lifts_a_hold_when_the_record_is_fetched_again() {
    let (disks, world, tag) = three();
    world.cache.hold(&episode("EP-2"), &assertion(), HoldReason::Sensitive).expect("held");
    let path = format!("keys/{tag}.state");
    let good = disks.cache.files()[&path].clone();
    let spoiled = (0..good.len()).step_by(7).map(|position| {
        let mut bytes = good.clone();
        bytes[position] ^= 1;
        Some(bytes)
    });
    for bytes in spoiled.chain([None, Some(Vec::new()), Some(good[..good.len() / 2].to_vec())]) {
        let disks = disks.copy();
        match &bytes {
            Some(bytes) => disks.cache.put(&path, bytes),
            None => disks.cache.remove_file(&path).expect("removed"),
        }
        let world = disks.world();
        let _ = world.write(&episode("EP-2"), 2);
        let shown = world.version(&episode("EP-2"));
        assert!(
            shown.is_err(),
            "shown after {:?}",
            bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        );
    }
}

#[test]
fn a_purge_destroys_the_key_whatever_else_lies_in_the_episodes_folder() {
    let (disks, world, tag) = three();
    disks.cache.create_dir(&format!("episodes/{tag}/gen-1/x")).expect("made");
    let purged = world.cache.purge(&episode("EP-2"), &assertion());
    assert!(!has(&disks, &format!("keys/{tag}.wrap")), "the key outlived an order to purge: {purged:?}");
    let records = audited(&disks.audit);
    assert!(records.iter().any(|entry| entry["event"] == "purge"), "the order is on record");
    assert_eq!(world.version(&episode("EP-1")).expect("untouched"), 1);
}

/// A cache on a real disk below that folder, with its log in memory.
fn on_disk(home: &Path) -> (World, Arc<MemoryDisk>) {
    let disks = Disks::tiny();
    let disk = LocalDisk::open(&home.join("cache")).expect("opened");
    let world = disks.world_on(Arc::new(disk), disks.audit.clone()).expect("opened");
    (world, disks.audit)
}

#[test]
fn an_episode_that_the_disk_refuses_hides_and_keeps_no_other() {
    let home = tempfile::tempdir().expect("temporary directory");
    let (world, audit) = on_disk(home.path());
    for name in ["EP-1", "EP-2", "EP-3"] {
        world.write(&episode(name), 1).expect("written");
    }
    let episodes = home.path().join("cache/episodes");
    let mut names: Vec<_> =
        fs::read_dir(&episodes).expect("read").map(|it| it.expect("one").file_name()).collect();
    names.sort();
    let (first, file) = (names[0].to_string_lossy().into_owned(), episodes.join(&names[0]).join("CURRENT"));
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("mode");
    assert_eq!(states(&world).values().filter(|state| **state == "ready").count(), 2);

    let swept = world.cache.sweep().expect("swept");
    let told: Vec<_> =
        swept.recovered.unreadable.iter().map(|(tag, state)| (tag.to_string(), *state)).collect();
    assert_eq!(told, [(first.clone(), NotReadable::Unusable)]);

    world.clock.advance(DAYS(8));
    let swept = world.cache.sweep().expect("swept");
    assert_eq!(swept.purged.len(), 3, "what is over ends, and what the disk refuses with it");
    let receipts = audited(&audit).iter().filter(|entry| entry["receipt"].is_string()).count();
    assert_eq!(receipts, 3);
}

#[test]
fn a_sweep_tells_of_every_episode_that_does_not_open() {
    let spoil: [(&str, Spoil); 6] = [
        ("standing lost", |disks, tag| {
            disks.cache.remove_file(&format!("keys/{tag}.state")).expect("removed")
        }),
        ("standing changed", |disks, tag| disks.cache.put(&format!("keys/{tag}.state"), b"1 x\n")),
        ("CURRENT changed", |disks, tag| disks.cache.put(&format!("episodes/{tag}/CURRENT"), b"x\n")),
        ("CURRENT of another time", |disks, tag| disks.cache.put(&format!("episodes/{tag}/CURRENT"), b"7\n")),
        ("manifest changed", |disks, tag| {
            disks.cache.put(&format!("episodes/{tag}/gen-1/manifest.sealed"), b"x")
        }),
        ("wrapped key changed", |disks, tag| disks.cache.put(&format!("keys/{tag}.wrap"), b"{}")),
    ];
    for (what, spoil) in spoil {
        let (disks, world, tag) = three();
        spoil(&disks, &tag);
        assert!(world.version(&episode("EP-2")).is_err(), "{what}");
        let swept = world.cache.sweep().expect("swept");
        let told: Vec<_> = swept.recovered.unreadable.iter().map(|(tag, _)| tag.to_string()).collect();
        assert_eq!(told, [tag], "{what}");
    }
}

#[test]
fn a_wrapped_key_without_its_episode_is_destroyed_by_the_next_sweep() {
    let (disks, world, tag) = three();
    let below = format!("episodes/{tag}");
    let lost = disks.cache.everything().into_keys().filter(|path| path.starts_with(&below)).rev();
    for path in lost.collect::<Vec<_>>() {
        let _ = disks.cache.remove_file(&path).or_else(|_| disks.cache.remove_dir(&path));
    }
    world.cache.sweep().expect("swept");
    assert!(!has(&disks, &format!("keys/{tag}.wrap")) && !has(&disks, &format!("keys/{tag}.state")));
    assert_eq!(world.version(&episode("EP-1")).expect("untouched"), 1);
}

#[test]
fn a_sweep_never_removes_the_generation_that_the_mark_says_was_the_last() {
    let (disks, world, tag) = three();
    world.write(&episode("EP-2"), 2).expect("refreshed");
    disks.cache.put(&format!("episodes/{tag}/CURRENT"), b"1\n");
    world.cache.sweep().expect("swept");
    disks.cache.put(&format!("episodes/{tag}/CURRENT"), b"2\n");
    assert_eq!(world.version(&episode("EP-2")).expect("put right by hand"), 2);
}

#[test]
fn the_ceiling_holds_for_an_episode_whose_standing_was_lost_or_claims_another_century() {
    let spoil: [(&str, Spoil); 2] = [
        ("lost", |disks, tag| disks.cache.remove_file(&format!("keys/{tag}.state")).expect("removed")),
        ("claims another century", |disks, tag| {
            let path = format!("keys/{tag}.state");
            let text = String::from_utf8(disks.cache.files()[&path].clone()).expect("text");
            disks.cache.put(&path, text.replace("2026-", "2126-").as_bytes());
        }),
    ];
    for (what, spoil) in spoil {
        let (disks, world, tag) = three();
        spoil(&disks, &tag);
        world.clock.advance(DAYS(91));
        world.cache.sweep().expect("swept");
        assert!(!has(&disks, &format!("keys/{tag}.wrap")), "a standing that is {what} keeps a key for ever");
    }
}
