//! K-17: ninety days of a ward against a model of it: admissions, refetches, discharges, stays that nobody reports the
//! end of, purges by hand, and a sweep every night. What is kept, purged and left on disk is what the model says.

use std::fs;
use std::path::Path;

use bedside_cache::{CacheError, NotReadable};
use jiff::{SignedDuration, Timestamp};

use crate::world::{World, assertion, episode};
use crate::{home, on_disk};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// One stay, as the model knows it.
struct Stay {
    id: String,
    version: u32,
    earlier: Option<u32>,
    fetched: Timestamp,
    leaves: u64,
    discharged: Option<Timestamp>,
}

impl Stay {
    /// When the sweep is to end it. It was announced to last a week from each fetch.
    fn due(&self) -> Timestamp {
        let silent = self.fetched + DAY * 7;
        self.discharged.map_or(silent, |at| silent.min(at + DAY))
    }
}

struct Ward {
    world: World,
    random: u64,
    here: Vec<Stay>,
    admitted: u64,
    refetched: u64,
}

impl Ward {
    fn next(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    fn admit(&mut self, day: u64) {
        let id = format!("EP-{}", self.admitted);
        let (version, leaves) = (self.next(9) as u32, day + 1 + self.next(9));
        self.world.write(&episode(&id), version).expect("admitted");
        let fetched = self.world.clock_now();
        self.here.push(Stay { id, version, earlier: None, fetched, leaves, discharged: None });
        self.admitted += 1;
    }

    /// A day of one stay; whether it is still there at the end of it.
    fn day_of(&mut self, mut stay: Stay, day: u64) {
        let id = episode(&stay.id);
        if stay.discharged.is_none() && self.next(4) == 0 {
            (stay.earlier, stay.version) = (Some(stay.version), self.next(9) as u32);
            self.world.write(&id, stay.version).expect("fetched again");
            stay.fetched = self.world.clock_now();
            self.refetched += 1;
        }
        if self.next(8) == 0 {
            match self.world.versions(&id) {
                Ok(seen) => assert_eq!(seen, (stay.version, stay.earlier), "{}", stay.id),
                Err(CacheError::NotReadable(NotReadable::Stale { .. })) => {}
                Err(error) => panic!("{}: {error}", stay.id),
            }
        }
        if day == stay.leaves {
            match self.next(10) {
                0 => return drop(self.world.cache.purge(&id, &assertion()).expect("purged by hand")),
                // Nobody tells.
                1..3 => {}
                _ => {
                    self.world.cache.discharge(&id, &assertion()).expect("discharged");
                    stay.discharged = Some(self.world.clock_now());
                }
            }
        }
        self.here.push(stay);
    }

    fn night(&mut self) {
        self.world.clock.advance(DAY);
        let now = self.world.clock_now();
        let before = self.here.len();
        self.here.retain(|stay| now < stay.due());
        let swept = self.world.cache.sweep().expect("swept");
        let (purged, kept) = (swept.purged.len(), swept.kept);
        assert_eq!((purged, kept), (before - self.here.len(), self.here.len() as u64));
        let recovered = swept.recovered;
        assert_eq!((recovered.strays, recovered.marks, recovered.busy), (0, 0, 0), "nothing leaks");
        assert_eq!((recovered.purges.len(), recovered.unreadable.len(), swept.unknown), (0, 0, 0));
    }
}

/// Directories and files below a directory, and the bytes of the files.
fn count(directory: &Path) -> (u64, u64) {
    let entries = fs::read_dir(directory).expect("readable").map(|entry| entry.expect("an entry").path());
    entries.fold((0, 0), |(files, bytes), path| {
        let (more, size) =
            if path.is_dir() { count(&path) } else { (0, fs::metadata(&path).expect("there").len()) };
        (files + 1 + more, bytes + size)
    })
}

/// Admissions a day; a long run asks for 112, which are ten thousand in ninety days (`docs/crash-matrix.md`).
fn admissions() -> u64 {
    std::env::var("BEDSIDE_ADMISSIONS").map_or(2, |text| text.parse().expect("a number"))
}

#[test]
fn ninety_days_of_a_ward_leave_what_the_model_says_and_at_the_end_receipts_alone() {
    let home = home();
    let world = on_disk(home.path());
    let mut ward = Ward { world, random: 0x2026_1122, here: Vec::new(), admitted: 0, refetched: 0 };
    let mut most = 0;
    for day in 0..90 {
        for _ in 0..admissions() {
            ward.admit(day);
        }
        for stay in std::mem::take(&mut ward.here) {
            ward.day_of(stay, day);
        }
        most = most.max(ward.here.len());
        ward.night();
    }
    while !ward.here.is_empty() {
        ward.night();
    }
    let (entries, bytes) = count(&home.path().join("cache"));
    println!(
        "{} admissions, {} refetches, at most {most} at once; left: {entries} entries of {bytes} bytes",
        ward.admitted, ward.refetched
    );
    // A directory, a lock and a tombstone of each; the lock, the pepper and the two directories of all.
    assert_eq!(entries, 3 * ward.admitted + 4);
    assert!(bytes <= 400 * ward.admitted + 200, "{bytes}");
    bedside_audit::verify(&home.path().join("audit"), None).expect("one whole chain");
}
