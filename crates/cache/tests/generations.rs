//! Generations side by side: what a refresh leaves readable, for whom, how long, and that two episodes never meet.

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

use std::num::NonZeroU8;
use std::sync::Arc;

use bedside_audit::disk::Disk;
use bedside_cache::{
    CacheError, ChangeCounts, Contents, ContentsError, Damage, Freshness, Generations, NotReadable,
    SitePolicy, Stale, TableChanges,
};
use bedside_model::schema::Table;
use bedside_model::{NhsNumber, Requester};
use faults::{FaultDisk, Plan};
use jiff::SignedDuration;
use world::{Disks, World, assertion, audited, episode};

/// A cache that keeps so many earlier generations, with one episode of those versions.
fn refreshed(keeps: u8, versions: &[u32]) -> (Disks, World) {
    let disks = Disks::tiny();
    let world = site(&disks, keeps);
    for version in versions {
        world.write(&episode("EP-1"), *version).expect("written");
    }
    (disks, world)
}

fn site(disks: &Disks, keeps: u8) -> World {
    let world = disks.world();
    let policy = SitePolicy { earlier_generations: keeps, ..SitePolicy::default() };
    World { cache: world.cache.with_policy(policy), ..world }
}

fn steps(back: u8) -> NonZeroU8 {
    NonZeroU8::new(back).expect("one at least")
}

fn read(world: &World, back: u8) -> Result<Generations, CacheError> {
    let grant = world.cache.grant(&assertion(), &episode("EP-1"))?;
    world.cache.read_with_earlier(&grant, steps(back), Stale::Refused)
}

/// The version so many steps back; `None` when it is not kept.
fn version_back(world: &World, back: u8) -> Option<u32> {
    read(world, back).expect("read").earlier.map(|earlier| world.whole(&earlier))
}

fn generations(disks: &Disks) -> Vec<String> {
    let manifests = disks.cache.files().into_keys().filter(|path| path.ends_with("manifest.sealed"));
    manifests.filter_map(|path| path.split('/').nth(2).map(str::to_owned)).collect()
}

fn state(result: Result<impl Sized, CacheError>) -> NotReadable {
    match result {
        Err(CacheError::NotReadable(state)) => state,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was readable"),
    }
}

#[test]
fn the_generation_before_stays_readable_beside_the_current_one() {
    let (disks, world) = refreshed(1, &[1]);
    assert_eq!(world.versions(&episode("EP-1")).expect("read"), (1, None));
    for version in 2..=5 {
        world.clock.advance(SignedDuration::from_hours(1));
        world.write(&episode("EP-1"), version).expect("written");
        assert_eq!(world.versions(&episode("EP-1")).expect("read"), (version, Some(version - 1)));
        assert_eq!(world.version(&episode("EP-1")).expect("read alone"), version);
    }
    let both = read(&world, 1).expect("read");
    let earlier = both.earlier.expect("kept");
    assert_eq!((both.current.generation(), earlier.generation()), (5, 4));
    assert_eq!((both.current.age(), earlier.age()), (SignedDuration::ZERO, SignedDuration::from_hours(1)));
    assert_eq!(both.current.expires(), earlier.expires(), "the episode's end is one");
    assert_eq!(generations(&disks), ["gen-4", "gen-5"]);
    assert_eq!(world.cache.list().expect("listed")[0].earlier_generations, 1);
}

#[test]
fn a_site_keeps_none_or_up_to_three_and_a_shorter_history_holds_at_once() {
    for keeps in 0..=3 {
        let (disks, world) = refreshed(keeps, &[1, 2, 3, 4, 5, 6]);
        for back in 1..=5u8 {
            let expected = (back <= keeps).then(|| 6 - u32::from(back));
            assert_eq!(version_back(&world, back), expected, "{back} back of {keeps}");
        }
        assert_eq!(generations(&disks).len(), 1 + usize::from(keeps));
        assert_eq!(version_back(&site(&disks, 200), 3), (keeps >= 3).then_some(3), "three at most");
    }
    let (disks, _) = refreshed(3, &[1, 2, 3, 4]);
    let shorter = site(&disks, 1);
    assert_eq!((version_back(&shorter, 1), version_back(&shorter, 2)), (Some(3), None));
    let swept = shorter.cache.sweep().expect("swept");
    assert_eq!(swept.recovered.strays, 20, "two generations of ten files");
    assert_eq!(generations(&disks), ["gen-3", "gen-4"]);
    assert_eq!(version_back(&site(&disks, 3), 2), None, "and what is gone does not come back");
    assert_eq!(version_back(&site(&disks, 3), 1), Some(3));
}

#[test]
fn every_generation_that_was_released_is_in_the_audit_log() {
    let (disks, world) = refreshed(1, &[1, 2]);
    let before = audited(&disks.audit).len();
    read(&world, 1).expect("read");
    let records = audited(&disks.audit).split_off(before);
    let told = |record: &serde_json::Value| {
        (
            record["event"].as_str().map(str::to_owned),
            record["outcome"].as_str().map(str::to_owned),
            record["generation"].as_u64(),
            record["cause"].as_str().map(str::to_owned),
        )
    };
    let read = || Some("read".to_owned());
    let expected = [
        (read(), None, None, None),
        (read(), Some("ok".into()), Some(2), None),
        (read(), Some("ok".into()), Some(1), Some("earlier_generation".into())),
    ];
    assert_eq!(records.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(records[2]["rows"]["links"], 2);
    assert_eq!((&records[2]["user"]["id"], &records[2]["patient"]), (&"u-17".into(), &records[0]["patient"]));
}

#[test]
fn a_refresh_tells_how_many_rows_it_changed_and_a_reader_which() {
    let (disks, world) = refreshed(1, &[]);
    let first = world.write(&episode("EP-1"), 1).expect("written");
    assert_eq!(first.changes, None);
    let again = world.write(&episode("EP-1"), 1).expect("written");
    let unchanged = again.changes.expect("compared");
    assert_eq!(unchanged.len(), Table::ALL.len());
    assert!(unchanged.values().all(|counts| *counts == ChangeCounts::default()), "{unchanged:?}");
    let changed = world.write(&episode("EP-1"), 2).expect("written").changes.expect("compared");
    // The texts of version 2 are others, the second row has none: a link is known by all that it says.
    assert_eq!(changed["links"], ChangeCounts { new: 1, gone: 1, changed: 0 });
    assert_eq!(changed["allergies"], ChangeCounts::default());
    let both = read(&world, 1).expect("read");
    for table in Table::ALL {
        assert_eq!(both.changes(table).expect("two").counts(), changed[table.as_str()], "{}", table.as_str());
    }
    let links = TableChanges { new: vec![0], gone: vec![0], changed: vec![] };
    assert_eq!(both.changes(Table::Links), Some(links));
    let alone = read(&site(&disks, 0), 1).expect("read");
    assert!(alone.earlier.is_none() && alone.changes(Table::Links).is_none());
}

#[test]
fn a_refresh_of_a_damaged_record_compares_with_nothing_and_goes_through() {
    let (disks, world) = refreshed(1, &[1]);
    let tag = world.cache.episode_tag(&episode("EP-1"));
    disks.cache.put(&format!("episodes/{tag}/gen-1/links.parquet"), b"x");
    assert_eq!(world.write(&episode("EP-1"), 2).expect("written").changes, None);
    assert_eq!(world.version(&episode("EP-1")).expect("read"), 2);
    assert_eq!(state(read(&world, 1)), NotReadable::Damaged { what: Damage::Earlier });
    disks.cache.put(&format!("episodes/{tag}/gen-2/manifest.sealed"), b"x");
    assert_eq!(world.write(&episode("EP-1"), 3).expect("written").changes, None);
    assert_eq!(version_back(&world, 1), None, "a record that does not open is not one to compare with");
    assert_eq!(generations(&disks), ["gen-3"]);
}

#[test]
fn another_patients_record_is_refused_and_the_episode_stays_as_it_was() {
    let (disks, world) = refreshed(1, &[1, 2]);
    let files = disks.cache.files();
    let other: NhsNumber = "9990000026".parse().expect("test number");
    let tables = (world.tables)(3);
    let contents = record::borrowed(&tables);
    let contents = Contents { patient: &other, ..world.contents(&contents) };
    let refused = world.cache.write(&episode("EP-1"), &contents);
    assert!(matches!(refused, Err(CacheError::Contents(ContentsError::OtherPatient))));
    assert_eq!(disks.cache.files(), files);
    assert_eq!(world.versions(&episode("EP-1")).expect("read"), (2, Some(1)));
    let is_of = |patient| world.cache.is_of(&episode("EP-1"), patient).expect("asked");
    assert_eq!((is_of(&world::NUMBER), is_of(&other)), (Some(true), Some(false)));
    assert_eq!(world.cache.is_of(&episode("EP-2"), &other).expect("asked"), None);
    let records = audited(&disks.audit);
    assert!(
        records.iter().any(|record| record["outcome"] == "failed" && record["reason"] == "other_patient")
    );
    world.cache.write(&episode("EP-2"), &contents).expect("an episode of its own");
}

#[test]
fn an_earlier_generation_of_another_organisation_is_never_beside_the_current_one() {
    let (disks, world) = refreshed(1, &[1]);
    let elsewhere =
        Requester { organisation: "RXX02".parse().expect("ODS code"), ..world::REQUESTER.clone() };
    let tables = (world.tables)(2);
    let contents = record::borrowed(&tables);
    let contents = Contents { requester: &elsewhere, ..world.contents(&contents) };
    assert_eq!(world.cache.write(&episode("EP-1"), &contents).expect("written").changes, None);
    let mut reader = assertion();
    reader.requester = elsewhere.clone();
    let grant = world.cache.grant(&reader, &episode("EP-1")).expect("granted");
    let both = world.cache.read_with_earlier(&grant, steps(1), Stale::Refused).expect("read");
    assert!(both.earlier.is_none());
    assert_eq!(generations(&disks), ["gen-2"], "and it is gone");
}

#[test]
fn the_age_that_counts_is_the_current_records() {
    let (_, world) = refreshed(1, &[1]);
    world.clock.advance(SignedDuration::from_hours(30));
    world.write(&episode("EP-1"), 2).expect("written");
    let both = read(&world, 1).expect("a stale earlier one does not stand in the way");
    let earlier = both.earlier.expect("kept");
    assert_eq!((both.current.freshness(), earlier.freshness()), (Freshness::Fresh, Freshness::Stale));
    world.clock.advance(SignedDuration::from_hours(25));
    assert!(matches!(state(read(&world, 1)), NotReadable::Stale { .. }));
    let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
    let both = world.cache.read_with_earlier(&grant, steps(1), Stale::Accepted).expect("accepted");
    assert_eq!(both.current.freshness(), Freshness::Stale);
}

#[test]
fn a_flipped_byte_of_an_earlier_generation_is_noticed_and_touches_no_other_reader() {
    let (disks, world) = refreshed(1, &[1, 2]);
    let files = disks.cache.files();
    let earlier: Vec<_> = files.iter().filter(|(path, _)| path.contains("/gen-1/")).collect();
    assert_eq!(earlier.len(), 10);
    let mut flips = 0;
    for (path, bytes) in earlier {
        // Every byte of every file is flipped in `tamper.rs`; the files are read in the same way here.
        for position in (0..bytes.len()).step_by(13) {
            let mut flipped = bytes.clone();
            flipped[position] ^= 1 << (position % 8);
            disks.cache.put(path, &flipped);
            let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
            let told = world.cache.read_with_earlier(&grant, steps(1), Stale::Refused);
            let damaged = NotReadable::Damaged { what: Damage::Earlier };
            assert_eq!(state(told), damaged, "{path}, byte {position}");
            flips += 1;
        }
        assert_eq!(world.version(&episode("EP-1")).expect("the current one is whole"), 2);
        disks.cache.put(path, bytes);
    }
    println!("{flips} flipped bytes of an earlier generation noticed");
    assert_eq!(world.versions(&episode("EP-1")).expect("untouched, it is read"), (2, Some(1)));
}

#[test]
fn a_generation_older_than_the_one_before_is_not_taken_for_it() {
    let (disks, world) = refreshed(1, &[1]);
    let first = disks.cache.files();
    world.write(&episode("EP-1"), 2).expect("written");
    world.write(&episode("EP-1"), 3).expect("written");
    // The first in the place of the second: under its own number it is not asked for, under the second's it does not open.
    for (path, bytes) in first.iter().filter(|(path, _)| path.contains("/gen-1/")) {
        disks.cache.put(&path.replace("/gen-1/", "/gen-2/"), bytes);
    }
    assert_eq!(state(read(&world, 1)), NotReadable::Damaged { what: Damage::Earlier });
    // CURRENT set back to a generation that lies there whole is a rollback all the same.
    let tag = world.cache.episode_tag(&episode("EP-1"));
    disks.cache.put(&format!("episodes/{tag}/CURRENT"), b"2\n");
    assert_eq!(state(world.read(&episode("EP-1"))), NotReadable::Damaged { what: Damage::RolledBack });
    assert_eq!(world.write(&episode("EP-1"), 4).expect("fetched again").generation, 4);
    assert_eq!(
        world.versions(&episode("EP-1")).expect("read"),
        (4, None),
        "what was put back is not compared with"
    );
}

#[test]
fn an_earlier_generation_that_was_removed_is_none_and_no_damage() {
    let (disks, world) = refreshed(1, &[1, 2]);
    let tag = world.cache.episode_tag(&episode("EP-1"));
    let earlier: Vec<_> = disks.cache.files().into_keys().filter(|path| path.contains("/gen-1/")).collect();
    for path in &earlier {
        let bytes = disks.cache.files()[path].clone();
        disks.cache.remove_file(path).expect("removed");
        assert_eq!(version_back(&world, 1), None, "{path}");
        disks.cache.put(path, &bytes);
    }
    assert_eq!(version_back(&world, 1), Some(1));
    for path in &earlier {
        disks.cache.remove_file(path).expect("removed");
    }
    disks.cache.remove_dir(&format!("episodes/{tag}/gen-1")).expect("removed");
    assert_eq!(version_back(&world, 1), None);
    assert_eq!(world.write(&episode("EP-1"), 3).expect("written").generation, 3);
    assert_eq!(version_back(&world, 1), Some(2));
}

/// A reader of two generations at each of whose operations in turn somebody else is quicker.
fn read_beside(
    meddle: impl Fn(&World) + Copy + Send + 'static,
) -> Vec<Result<(u32, Option<u32>), NotReadable>> {
    let (base, _) = refreshed(1, &[1, 2]);
    let mut seen = Vec::new();
    for at in 1.. {
        let disks = base.copy();
        let other = disks.world();
        let plan = Plan::meddling(at, move || meddle(&other));
        let wrap = |disk| Arc::new(FaultDisk::new(disk, Arc::clone(&plan))) as Arc<dyn Disk>;
        let world = disks.world_on(wrap(disks.cache.clone()), disks.audit.clone()).expect("opened");
        let versions = world.versions(&episode("EP-1"));
        if plan.operations() < at {
            break;
        }
        seen.push(versions.map_err(|error| match error {
            CacheError::NotReadable(state) => state,
            error => panic!("not a named state: {error}"),
        }));
    }
    assert!(seen.len() > 50, "{} operations", seen.len());
    seen
}

#[test]
fn a_reader_of_two_generations_whom_a_writer_overtakes_gets_two_that_follow_each_other() {
    let seen = read_beside(|world| drop(world.write(&episode("EP-1"), 3).expect("written")));
    // Before the first file is read, or after the last, the writer is no matter.
    assert!(seen.iter().all(|seen| matches!(seen, Ok((2, Some(1)) | (3, Some(2))))), "{seen:?}");
    assert!(seen.contains(&Ok((3, Some(2)))));
    let seen = read_beside(|world| {
        for version in [3, 4, 5] {
            world.write(&episode("EP-1"), version).expect("written");
        }
    });
    assert!(seen.iter().all(|seen| matches!(seen, Ok((2, Some(1)) | (5, Some(4))))), "{seen:?}");
}

#[test]
fn a_reader_of_two_generations_whom_a_purge_overtakes_hears_of_it() {
    let seen = read_beside(|world| drop(world.cache.purge(&episode("EP-1"), &assertion()).expect("purged")));
    let told = |seen: &Result<_, _>| matches!(seen, Err(NotReadable::Purged { .. }) | Ok((2, Some(1))));
    assert!(seen.iter().all(told), "{seen:?}");
    assert!(seen.iter().any(|seen| matches!(seen, Err(NotReadable::Purged { .. }))));
}

#[test]
fn a_purge_destroys_every_generation_and_says_so() {
    let (disks, world) = refreshed(3, &[1, 2, 3, 4, 5]);
    let bytes: usize = disks
        .cache
        .files()
        .iter()
        .filter(|(path, _)| path.contains("/gen-"))
        .map(|(_, bytes)| bytes.len())
        .sum();
    let receipt = world.cache.purge(&episode("EP-1"), &assertion()).expect("purged");
    let told = (receipt.generation, receipt.generations, receipt.files, receipt.bytes);
    assert_eq!(told, (Some(5), 4, 40, bytes as u64));
    assert_eq!(generations(&disks), Vec::<String>::new());
    assert!(matches!(state(read(&world, 1)), NotReadable::Purged { .. }));
}

#[test]
fn a_held_or_expired_episode_shows_none_of_its_generations() {
    let (_, world) = refreshed(1, &[1, 2]);
    let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
    world.cache.hold(&episode("EP-1"), &assertion(), bedside_cache::HoldReason::Dissent).expect("held");
    let told = state(world.cache.read_with_earlier(&grant, steps(1), Stale::Accepted));
    assert!(matches!(told, NotReadable::Held { .. }));
    world.cache.release(&episode("EP-1"), &assertion()).expect("released");
    world.write(&episode("EP-1"), 3).expect("fetched again");
    world.clock.advance(SignedDuration::from_hours(24 * 7));
    assert!(matches!(state(read(&world, 1)), NotReadable::Expired { .. }));
    assert_eq!(world.cache.sweep().expect("swept").purged[0].0.generations, 2);
}
