//! K-11: whatever the clock does, a record is never shown as younger than it is, and nothing is half done.

use bedside_audit::AuditError;
use bedside_cache::{CacheError, ContentsError, Freshness, NotReadable, Refused, Rule};
use jiff::{SignedDuration, Timestamp};

use crate::state;
use crate::world::{Disks, World, assertion, episode};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const TEN_YEARS: SignedDuration = SignedDuration::from_hours(24 * 3652);

fn warmed() -> (Disks, World) {
    let disks = Disks::tiny();
    let world = disks.world();
    world.write(&episode("EP-1"), 1).expect("written");
    (disks, world)
}

#[test]
fn a_clock_that_stepped_back_refuses_everything_and_changes_nothing() {
    for step in [-HOUR, -TEN_YEARS] {
        let (disks, world) = warmed();
        let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
        let files = disks.cache.files();
        world.clock.advance(step);
        let refused = [
            world.cache.read(&grant).map(drop),
            world.cache.read_accepting_stale(&grant).map(drop),
            world.write(&episode("EP-1"), 2).map(drop),
            world.cache.discharge(&episode("EP-1"), &assertion()).map(drop),
            world.cache.purge(&episode("EP-1"), &assertion()).map(drop),
        ];
        for refused in refused {
            assert!(matches!(refused, Err(CacheError::Audit(AuditError::ClockBack))), "{refused:?}");
        }
        assert_eq!(world.cache.sweep().expect("nothing is due").kept, 1);
        assert_eq!(disks.cache.files(), files);
        let listed = world.cache.list().expect("listed");
        assert_eq!((listed[0].state(), listed[0].freshness), ("stale", Some(Freshness::Stale)));
        world.clock.advance(-step);
        assert_eq!(world.version(&episode("EP-1")).expect("set right"), 1);
    }
}

#[test]
fn a_clock_that_stepped_ahead_ages_what_is_there_and_ends_what_is_over() {
    let (_, world) = warmed();
    world.clock.advance(HOUR);
    let opened = world.read(&episode("EP-1")).expect("read");
    assert_eq!((opened.age(), opened.freshness()), (HOUR, Freshness::Fresh));

    let (_, world) = warmed();
    let since = world.clock_now() + HOUR * (24 * 7);
    world.clock.advance(TEN_YEARS);
    assert_eq!(state(world.read(&episode("EP-1"))), NotReadable::Expired { since, rule: Rule::EpisodeEnded });
}

/// The whole record that is left, on a log of its own: one that a clock ten years ahead wrote to refuses until that time
/// comes. Looked at when the clock says now, or where its time is over by then, before it stepped.
fn version_left(disks: &Disks, now: Timestamp) -> u32 {
    let before = disks.world().clock_now();
    let read = |now| {
        let disks = Disks { audit: std::sync::Arc::default(), ..disks.copy() };
        let world = disks.world();
        world.clock.set(now);
        let grant = world.cache.grant(&assertion(), &episode("EP-1"))?;
        Ok(world.whole(&world.cache.read_accepting_stale(&grant)?))
    };
    match read(now) {
        Err(CacheError::NotReadable(NotReadable::Expired { .. })) => read(before).expect("whole"),
        version => version.expect("whole"),
    }
}

#[test]
fn a_clock_that_steps_at_any_moment_of_a_write_leaves_one_whole_generation() {
    let mut plays = 0;
    for step in
        [-HOUR, HOUR, -TEN_YEARS, TEN_YEARS, SignedDuration::from_secs(1), SignedDuration::from_millis(-250)]
    {
        for reading in 1.. {
            let (disks, _) = warmed();
            let world = disks.world();
            world.clock.step_at(reading, step);
            let written = world.write(&episode("EP-1"), 2);
            if !world.clock.has_stepped() {
                assert!(written.is_ok());
                break;
            }
            let left = version_left(&disks, world.clock_now());
            match written {
                Ok(_) => assert_eq!(left, 2, "reading {reading}, {step}"),
                Err(
                    CacheError::Audit(AuditError::ClockBack) | CacheError::Contents(ContentsError::Expired),
                ) => assert!(left == 1 || left == 2, "reading {reading}, {step}: {left}"),
                Err(error) => panic!("reading {reading}, {step}: {error}"),
            }
            plays += 1;
        }
    }
    println!("{plays} steps of the clock during a write");
    assert!(plays >= 18, "{plays}");
}

#[test]
fn a_machine_that_slept_during_a_read_releases_what_the_grant_still_covers_or_nothing() {
    let mut refused = 0;
    for reading in 1.. {
        let (_, world) = warmed();
        let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
        world.clock.step_at(reading, SignedDuration::from_hours(8 * 24));
        let told = world.cache.read(&grant);
        if !world.clock.has_stepped() {
            assert!(told.is_ok());
            break;
        }
        match told {
            // Checked before the machine slept; it says its age as of now.
            Ok(opened) => {
                assert!(opened.freshness() == Freshness::Stale || opened.age() == SignedDuration::ZERO)
            }
            Err(CacheError::Refused(Refused::GrantExpired)) => refused += 1,
            Err(CacheError::NotReadable(NotReadable::Expired { .. } | NotReadable::Stale { .. })) => {
                refused += 1
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused >= 2, "{refused}");
}

#[test]
fn a_frozen_clock_harms_nothing() {
    let (_, world) = warmed();
    for version in 2..=6 {
        world.write(&episode("EP-1"), version).expect("written");
        assert_eq!(world.versions(&episode("EP-1")).expect("read"), (version, Some(version - 1)));
    }
    let receipt = world.cache.purge(&episode("EP-1"), &assertion()).expect("purged");
    assert_eq!(receipt.at, world.clock_now());
}

/// Ages are counted in elapsed time: neither a leap second, nor the hour that a ward's clock skips or repeats, nor the
/// end of a year makes a record younger.
#[test]
fn ages_are_elapsed_time_across_leap_seconds_changed_clocks_and_new_years() {
    for (at, step) in [
        ("2016-12-31T23:59:59Z", SignedDuration::from_secs(2)),
        ("2026-03-29T00:30:00Z", HOUR),
        ("2026-10-25T00:30:00Z", HOUR),
        ("2026-12-31T23:59:59Z", SignedDuration::from_secs(1)),
        ("2028-02-28T23:00:00Z", HOUR * 3),
    ] {
        let disks = Disks::tiny();
        let world = disks.world();
        world.clock.set(at.parse::<Timestamp>().expect("a time"));
        world.write(&episode("EP-1"), 1).expect("written");
        world.clock.advance(step);
        let opened = world.read(&episode("EP-1")).expect("read");
        assert_eq!(opened.age(), step, "{at}");
        assert_eq!(opened.expires().duration_since(opened.created()), HOUR * (24 * 7), "{at}");
    }
}
