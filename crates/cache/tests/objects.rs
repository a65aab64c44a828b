//! A cache on object storage: the contract of a disk on every store alike, one cache for several machines, and what a
//! machine that dies or sleeps too long leaves behind. On S3 as moto plays it; without moto the part is SKIPPED.

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../audit/tests/support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/record.rs"]
mod record;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/stores.rs"]
mod stores;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/world.rs"]
mod world;

use std::io::ErrorKind;
use std::sync::Arc;

use bedside_audit::disk::{self, Disk, LocalDisk};
use bedside_cache::{CacheError, NotReadable, ObjectDisk};
use jiff::SignedDuration;
use memory::MemoryDisk;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use stores::{Dying, Moto};
use world::{Disks, TestClock, World, assertion, episode};

fn on(store: &Arc<dyn ObjectStore>, clock: &Arc<TestClock>) -> Arc<dyn Disk> {
    Arc::new(ObjectDisk::new(Arc::clone(store), "ward-9/cache", clock.clone()).expect("a disk"))
}

fn in_memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

/// The stores that there are here: one in memory, and S3. The server lives as long as what is given.
fn stores() -> (Vec<Arc<dyn ObjectStore>>, Option<Moto>) {
    let moto = Moto::start();
    let stores = [in_memory()].into_iter().chain(moto.as_ref().map(Moto::store));
    (stores.collect(), moto)
}

fn kind<T>(result: std::io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// What every disk promises to the protocol, whatever it is made of. Two handles on one disk.
fn keeps_the_contract(one: &dyn Disk, other: &dyn Disk) {
    directories(one, other);
    files(one, other);
    replacing_and_renaming(one, other);
    locks(one, other);
}

fn directories(one: &dyn Disk, other: &dyn Disk) {
    one.create_dir("a").expect("made");
    one.create_dir("a").expect("kept");
    other.create_dir("a/b").expect("made");
    assert_eq!(one.names("").expect("names"), ["a"]);
    assert_eq!(one.names("a").expect("names"), ["b"]);
    assert!(one.names("a/b").expect("names").is_empty());
    assert_eq!(kind(one.names("none")), Some(ErrorKind::NotFound));
    assert_eq!(kind(one.create_dir("none/c")), Some(ErrorKind::NotFound));
    assert_eq!(kind(one.write_new("none/file", b"x")), Some(ErrorKind::NotFound));
    assert_eq!(kind(one.remove_dir("a")), Some(ErrorKind::DirectoryNotEmpty));
    other.remove_dir("a/b").expect("removed");
    assert_eq!(kind(one.remove_dir("a/b")), Some(ErrorKind::NotFound));
}

fn files(one: &dyn Disk, other: &dyn Disk) {
    one.write_new("a/file", b"content").expect("written");
    assert_eq!(kind(other.write_new("a/file", b"other")), Some(ErrorKind::AlreadyExists));
    assert_eq!(other.read("a/file", 0).expect("read"), b"content");
    assert_eq!(other.read("a/file", 3).expect("read"), b"tent");
    assert_eq!(other.read("a/file", 99).expect("read"), b"");
    assert_eq!(other.length("a/file").expect("known"), 7);
    assert_eq!(disk::if_there(one.read("a/none", 0)).expect("absent"), None);
    assert_eq!(kind(one.length("a/none")), Some(ErrorKind::NotFound));
    assert_eq!(kind(one.remove_file("a/none")), Some(ErrorKind::NotFound));
    assert_eq!(kind(one.shred("a/none")), Some(ErrorKind::NotFound));
    one.write_new("a/secret", b"secret").expect("written");
    other.shred("a/secret").expect("destroyed");
    other.write_new("a/empty", b"").expect("written");
    assert_eq!(one.names("a").expect("names"), ["empty", "file"]);
    assert_eq!(one.length("a/empty").expect("known"), 0);
    one.remove_file("a/empty").expect("removed");
    assert_eq!(kind(other.read("a/empty", 0)), Some(ErrorKind::NotFound));
}

fn replacing_and_renaming(one: &dyn Disk, other: &dyn Disk) {
    one.replace("a/small", b"1\n").expect("made");
    other.replace("a/small", b"2\n").expect("replaced");
    assert_eq!(one.read("a/small", 0).expect("read"), b"2\n");
    one.rename("a/small", "a/going").expect("renamed");
    assert_eq!(other.names("a").expect("names"), ["file", "going"]);
    assert_eq!(kind(one.rename("a/small", "a/x")), Some(ErrorKind::NotFound));
    one.rename("a/going", "a/file").expect("renamed over another");
    assert_eq!(other.read("a/file", 0).expect("read"), b"2\n");
    one.create_dir("a/gen.tmp").expect("made");
    one.write_new("a/gen.tmp/table", b"rows").expect("written");
    one.rename("a/gen.tmp", "a/gen").expect("renamed");
    one.sync_dir("a").expect("durable");
    assert_eq!(other.names("a").expect("names"), ["file", "gen"]);
    assert_eq!(other.read("a/gen/table", 0).expect("read"), b"rows");
    one.remove_file("a/gen/table").expect("removed");
    one.remove_dir("a/gen").expect("removed");
}

fn locks(one: &dyn Disk, other: &dyn Disk) {
    let held = one.lock("a/lock").expect("locked");
    assert!(one.try_lock("a/lock").expect("asked").is_none());
    assert!(other.try_lock("a/lock").expect("asked").is_none());
    assert!(other.try_lock("a/lock-2").expect("asked").is_some(), "another lock is another");
    drop(held);
    let held = other.try_lock("a/lock").expect("asked");
    assert!(held.is_some() && one.try_lock("a/lock").expect("asked").is_none());
    drop(held);
    drop(one.lock("a/lock").expect("free again"));
    one.write_new("a/copied", b"").expect("written");
    assert!(
        other.try_lock("a/copied").expect("asked").is_some(),
        "an empty file is a lock that nobody holds"
    );
    assert_eq!(kind(one.try_lock("none/lock")), Some(ErrorKind::NotFound));
}

/// The disk in memory is a test's own and asks for no names.
fn lets_no_path_out(disk: &dyn Disk) {
    for path in ["..", "../x", "a/../../x", "/etc/passwd", "a//file", "a/.", "a/\0"] {
        assert!(disk.read(path, 0).is_err(), "{path:?}");
        assert!(disk.write_new(path, b"x").is_err(), "{path:?}");
    }
}

#[test]
fn every_store_keeps_the_contract_of_a_disk() {
    let home = tempfile::tempdir().expect("temporary directory");
    let root = home.path().join("root");
    let local = || LocalDisk::open(&root).expect("opened");
    keeps_the_contract(&local(), &local());
    lets_no_path_out(&local());
    let memory = MemoryDisk::default();
    keeps_the_contract(&memory, &memory);
    let (stores, _moto) = stores();
    for store in stores {
        let clock = Arc::new(TestClock::new());
        let disk = on(&store, &clock);
        keeps_the_contract(disk.as_ref(), on(&store, &clock).as_ref());
        lets_no_path_out(disk.as_ref());
        println!("the contract is kept on {store}");
    }
}

/// A machine: a handle of its own on the store, and an audit log of its own.
fn machine(store: &Arc<dyn ObjectStore>, clock: &Arc<TestClock>) -> World {
    let disks = Disks::tiny();
    disks.world_on(on(store, clock), disks.audit.clone()).expect("opened")
}

#[test]
fn two_machines_share_one_cache_to_the_end_of_the_episode() {
    let (stores, _moto) = stores();
    for store in stores {
        let clock = Arc::new(TestClock::new());
        let (one, two) = (machine(&store, &clock), machine(&store, &clock));
        assert_eq!(one.write(&episode("EP-1"), 1).expect("written").generation, 1);
        assert_eq!(two.version(&episode("EP-1")).expect("read"), 1);
        assert_eq!(two.write(&episode("EP-1"), 2).expect("written").generation, 2);
        assert_eq!(one.version(&episode("EP-1")).expect("read"), 2);
        assert_eq!(one.cache.list().expect("listed"), two.cache.list().expect("listed"));
        one.cache.discharge(&episode("EP-1"), &assertion()).expect("reported");
        assert_eq!(two.cache.state(&episode("EP-1")).expect("known").state(), "discharged");
        let receipt = two.cache.purge(&episode("EP-1"), &assertion()).expect("purged");
        let gone = |read| matches!(read, Err(CacheError::NotReadable(NotReadable::Purged { .. })));
        assert!(gone(one.read(&episode("EP-1")).map(drop)));
        assert!(gone(one.write(&episode("EP-1"), 3).map(drop)), "a purged episode does not come back");
        assert_eq!(one.cache.purge(&episode("EP-1"), &assertion()).expect("again"), receipt);
        let mended = one.cache.recover().expect("recovered");
        assert_eq!((mended.strays, mended.purges.len(), mended.unreadable.len()), (0, 0, 0));
    }
}

#[test]
fn a_machine_that_slept_beyond_its_lease_commits_nothing() {
    let (stores, _moto) = stores();
    for store in stores {
        // Two clocks: that of the one that sleeps stands still, so that it believes in its lease.
        let (asleep, awake) = (Arc::new(TestClock::new()), Arc::new(TestClock::new()));
        let (one, two) = (on(&store, &asleep), on(&store, &awake));
        one.create_dir("tag").expect("made");
        one.replace("tag/CURRENT", b"1\n").expect("made");
        let held = one.lock("tag/lock").expect("locked");
        assert_eq!(one.read("tag/CURRENT", 0).expect("read"), b"1\n");
        awake.advance(SignedDuration::from_secs(89));
        assert!(two.try_lock("tag/lock").expect("asked").is_none(), "requests may be under way");
        awake.advance(SignedDuration::from_secs(2));
        let taken = two.try_lock("tag/lock").expect("asked").expect("the lease was over");
        two.replace("tag/CURRENT", b"2\n").expect("committed");
        // A reader of the sleeping machine sees the new one; that does not make its writer's commit good.
        assert_eq!(one.read("tag/CURRENT", 0).expect("read"), b"2\n");
        assert_eq!(kind(one.replace("tag/CURRENT", b"3\n")), Some(ErrorKind::ResourceBusy));
        // Once it knows what time it is, it changes nothing that the lease guards.
        asleep.advance(SignedDuration::from_secs(91));
        assert_eq!(kind(one.write_new("tag/table", b"rows")), Some(ErrorKind::ResourceBusy));
        assert_eq!(kind(one.remove_file("tag/CURRENT")), Some(ErrorKind::ResourceBusy));
        assert_eq!(kind(one.rename("tag/CURRENT", "tag/x")), Some(ErrorKind::ResourceBusy));
        // Giving back what it lost takes nothing from who has it.
        drop(held);
        assert!(one.try_lock("tag/lock").expect("asked").is_none());
        drop(taken);
        assert_eq!(two.read("tag/CURRENT", 0).expect("read"), b"2\n");
        assert!(one.try_lock("tag/lock").expect("asked").is_some());
    }
}

#[test]
fn a_machine_that_dies_between_any_two_requests_leaves_a_whole_generation() {
    let (mut deaths, mut committed) = (0, 0);
    for requests in 0.. {
        let memory = Arc::new(InMemory::new());
        let (store, clock) = (Arc::clone(&memory) as Arc<dyn ObjectStore>, Arc::new(TestClock::new()));
        let living = machine(&store, &clock);
        living.write(&episode("EP-1"), 1).expect("written");
        let dying = Dying::after(requests, &memory);
        let done = {
            let disks = Disks::tiny();
            let store = Arc::clone(&dying) as Arc<dyn ObjectStore>;
            let world = disks.world_on(on(&store, &clock), disks.audit.clone());
            world.is_ok_and(|world| world.write(&episode("EP-1"), 2).is_ok())
        };
        let version = living.version(&episode("EP-1")).expect("a whole generation");
        assert!(version == 2 || !done, "what was promised is there");
        // Its lease runs out, and whoever comes mends and goes on.
        clock.advance(SignedDuration::from_secs(91));
        living.cache.recover().expect("recovered");
        assert_eq!(living.version(&episode("EP-1")).expect("as before"), version);
        let again = living.cache.recover().expect("recovered");
        assert_eq!(
            (again.strays, again.marks, again.busy),
            (0, 0, 0),
            "a second recovery finds nothing to do"
        );
        living.write(&episode("EP-1"), 3).expect("written");
        assert_eq!(living.version(&episode("EP-1")).expect("read"), 3);
        if dying.left() >= 0 {
            assert!(done);
            break;
        }
        deaths += 1;
        committed += u64::from(version == 2);
    }
    assert!(deaths > 50 && committed > 0, "{deaths} deaths, {committed} of them after the commit");
    println!("{deaths} deaths between two requests, {committed} of them after the commit");
}

#[test]
fn a_machine_that_dies_in_a_purge_leaves_nothing_that_opens() {
    let mut deaths = 0;
    for requests in 0.. {
        let memory = Arc::new(InMemory::new());
        let (store, clock) = (Arc::clone(&memory) as Arc<dyn ObjectStore>, Arc::new(TestClock::new()));
        let living = machine(&store, &clock);
        living.write(&episode("EP-1"), 1).expect("written");
        let dying = Dying::after(requests, &memory);
        let begun = {
            let disks = Disks::tiny();
            let store = Arc::clone(&dying) as Arc<dyn ObjectStore>;
            let world = disks.world_on(on(&store, &clock), disks.audit.clone());
            world.is_ok_and(|world| world.cache.purge(&episode("EP-1"), &assertion()).is_ok())
        };
        let before = living.read(&episode("EP-1")).is_ok();
        assert!(!(begun && before), "what was purged is not there");
        clock.advance(SignedDuration::from_secs(91));
        living.cache.recover().expect("recovered");
        assert!(before || living.read(&episode("EP-1")).is_err(), "what could not be read comes not back");
        living.cache.purge(&episode("EP-1"), &assertion()).expect("purged");
        assert!(living.read(&episode("EP-1")).is_err());
        if dying.left() >= 0 {
            assert!(begun);
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 20, "{deaths}");
}

#[test]
fn machines_that_write_at_once_write_one_after_another() {
    let (store, clock) = (in_memory(), Arc::new(TestClock::new()));
    machine(&store, &clock).write(&episode("EP-1"), 1).expect("written");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let machine = Arc::new(machine(&store, &clock));
            for version in [2, 3] {
                let machine = Arc::clone(&machine);
                scope.spawn(move || {
                    for _ in 0..3 {
                        machine.write(&episode("EP-1"), version).expect("written");
                        machine.version(&episode("EP-1")).expect("one whole generation");
                    }
                });
            }
        }
    });
    let last = machine(&store, &clock);
    assert_eq!(last.write(&episode("EP-1"), 1).expect("written").generation, 14, "none was lost");
}
