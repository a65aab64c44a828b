//! The end of an episode, and the age of its record: what the site's times do, by the host's reports and by the
//! sweep alone.

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

use std::sync::Arc;

use bedside_audit::disk::Disk;
use bedside_cache::{
    CacheError, Freshness, HoldReason, NotReadable, ReaderAssertion, Refused, Retention, Rule, SitePolicy,
};
use faults::{Fault, FaultDisk, Plan};
use jiff::SignedDuration;
use world::{Disks, World, assertion, audited, episode};

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

/// A cache with one episode of version 1, to end in a week.
fn warmed() -> (Disks, World) {
    let disks = Disks::tiny();
    let world = disks.world();
    world.write(&episode("EP-1"), 1).expect("written");
    (disks, world)
}

fn state(result: Result<impl Sized, CacheError>) -> NotReadable {
    match result {
        Err(CacheError::NotReadable(state)) => state,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was readable"),
    }
}

fn listed(world: &World) -> &'static str {
    world.cache.list().expect("listed")[0].state()
}

#[test]
fn a_discharged_episode_is_read_for_a_day_and_then_swept_away() {
    let (disks, world) = warmed();
    let summary = world.cache.discharge(&episode("EP-1"), &assertion()).expect("reported");
    assert_eq!(summary.state(), "discharged");
    assert_eq!(summary.purge_due, Some(world.clock_now() + hours(24)));
    world.clock.advance(hours(12));
    let again = world.cache.discharge(&episode("EP-1"), &assertion()).expect("reported again");
    assert_eq!(again.discharged, summary.discharged, "the first time stands");
    assert_eq!(world.version(&episode("EP-1")).expect("in its last day"), 1);
    assert_eq!(world.cache.sweep().expect("swept").kept, 1);

    world.clock.advance(hours(12));
    let rule = Rule::Discharged;
    assert_eq!(state(world.read(&episode("EP-1"))), NotReadable::Expired { since: world.clock_now(), rule });
    let swept = world.cache.sweep().expect("swept");
    assert_eq!((swept.purged.len(), swept.purged[0].1, swept.kept), (1, rule, 0));
    assert!(matches!(state(world.read(&episode("EP-1"))), NotReadable::Purged { .. }));
    assert!(disks.cache.files().keys().all(|path| !path.ends_with(".wrap") && !path.contains("gen-")));
    let purge = audited(&disks.audit).into_iter().find(|entry| entry["event"] == "purge").expect("recorded");
    assert_eq!((purge["cause"].as_str(), purge["user"].is_null()), (Some("discharged"), true));
    let again = world.cache.sweep().expect("swept again");
    assert_eq!((again.purged.len(), again.kept, again.recovered.purges.len()), (0, 0, 0));
}

/// Sweeps every six hours and refreshes every so often; after how many hours it was purged, and by which rule.
fn swept_after(world: &World, refreshed_every: i64) -> (i64, Rule) {
    let begun = world.clock_now();
    for age in (0..100 * 24).step_by(6) {
        if let Some((_, rule)) = world.cache.sweep().expect("swept").purged.first() {
            assert_eq!(world.cache.state(&episode("EP-1")).expect("known").state(), "purged");
            return (world.clock_now().duration_since(begun).as_hours(), *rule);
        }
        if age % refreshed_every == 0 {
            world.write(&episode("EP-1"), 2).expect("written");
        }
        world.clock.advance(hours(6));
    }
    panic!("never");
}

#[test]
fn without_a_sign_of_the_stay_or_at_the_ceiling_an_episode_ends() {
    let (_, world) = warmed();
    assert_eq!(swept_after(&world, 1_000_000), (7 * 24, Rule::NoHeartbeat));
    let (_, world) = warmed();
    assert_eq!(swept_after(&world, 6 * 24), (90 * 24, Rule::Ceiling));
}

#[test]
fn a_confirmed_stay_counts_anew_and_takes_a_discharge_back() {
    let (_, world) = warmed();
    world.clock.advance(hours(20));
    world.cache.discharge(&episode("EP-1"), &assertion()).expect("reported");
    let confirmed = world.cache.confirm(&episode("EP-1"), &assertion()).expect("reported");
    assert_eq!((confirmed.state(), confirmed.discharged), ("ready", None));
    world.clock.advance(hours(24 * 6));
    assert_eq!(world.cache.sweep().expect("swept").kept, 1, "its discharge would have ended it by now");
    assert_eq!(world.whole(&read_stale(&world)), 1);
}

fn read_stale(world: &World) -> bedside_cache::OpenEpisode {
    let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
    world.cache.read_accepting_stale(&grant).expect("read")
}

#[test]
fn age_travels_with_every_read_and_a_stale_record_must_be_accepted() {
    let (disks, world) = warmed();
    let opened = world.read(&episode("EP-1")).expect("read");
    assert_eq!((opened.age(), opened.freshness()), (SignedDuration::ZERO, Freshness::Fresh));
    world.clock.advance(hours(24));
    let opened = world.read(&episode("EP-1")).expect("read");
    assert_eq!((opened.age(), opened.freshness()), (hours(24), Freshness::Ageing));

    let fetched = opened.created();
    world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(state(world.read(&episode("EP-1"))), NotReadable::Stale { fetched });
    assert_eq!(listed(&world), "stale");
    let opened = read_stale(&world);
    assert_eq!(opened.freshness(), Freshness::Stale);
    let records = audited(&disks.audit);
    let [.., blocked, intent, done] = records.as_slice() else { panic!("too few") };
    assert_eq!((blocked["outcome"].as_str(), blocked["reason"].as_str()), (Some("blocked"), Some("stale")));
    assert_eq!((intent["cause"].as_str(), done["age_s"].as_u64()), (Some("stale_accepted"), Some(86_401)));
    world.write(&episode("EP-1"), 2).expect("fetched again");
    assert_eq!(world.version(&episode("EP-1")).expect("fresh"), 2);
}

#[test]
fn a_clock_that_was_set_back_closes_the_cache() {
    let (_, world) = warmed();
    world.clock.advance(SignedDuration::from_secs(-5));
    assert_eq!(world.version(&episode("EP-1")).expect("within what clocks differ by"), 1);
    world.clock.advance(SignedDuration::from_secs(-1));
    for refused in [
        world.version(&episode("EP-1")).map(drop),
        world.write(&episode("EP-1"), 2).map(drop),
        world.cache.purge(&episode("EP-1"), &assertion()).map(drop),
    ] {
        assert!(matches!(refused, Err(CacheError::Audit(bedside_audit::AuditError::ClockBack))));
    }
    world.clock.advance(SignedDuration::from_secs(6));
    assert_eq!(world.version(&episode("EP-1")).expect("set right"), 1);
}

#[test]
fn a_held_episode_is_shown_to_nobody_and_not_fetched_for() {
    let (disks, world) = warmed();
    let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
    for reason in HoldReason::ALL {
        world.cache.hold(&episode("EP-1"), &assertion(), reason).expect("held");
        let held = NotReadable::Held { reason };
        assert_eq!(state(world.cache.read(&grant)), held, "a grant from before does not help");
        assert_eq!(state(world.cache.grant(&assertion(), &episode("EP-1"))), held);
        assert_eq!(state(world.write(&episode("EP-1"), 2)), held);
        assert_eq!(state(world.cache.takes(&episode("EP-1"))), held);
        assert_eq!(listed(&world), "held");
        assert_eq!(audited(&disks.audit).iter().filter(|it| it["cause"] == reason.as_str()).count(), 1);
    }
    world.cache.hold(&episode("EP-1"), &assertion(), HoldReason::Dissent).expect("held");
    world.clock.advance(hours(24 * 8));
    assert_eq!(world.cache.sweep().expect("swept").purged.len(), 1, "a hold keeps nothing for ever");
}

#[test]
fn taking_a_hold_for_dissent_off_showed_the_earlier_record_before_the_practice_was_asked_again() {
    for reason in HoldReason::ALL {
        let (disks, world) = warmed();
        let unconfirmed = NotReadable::Held { reason: HoldReason::Unconfirmed };
        world.cache.hold(&episode("EP-1"), &assertion(), reason).expect("held");
        // Twice, and by way of another hold.
        world.cache.release(&episode("EP-1"), &assertion()).expect("released");
        world.cache.release(&episode("EP-1"), &assertion()).expect("released");
        assert_eq!(state(world.read(&episode("EP-1"))), unconfirmed);
        world.cache.hold(&episode("EP-1"), &assertion(), HoldReason::Identity).expect("held");
        world.cache.release(&episode("EP-1"), &assertion()).expect("released");
        assert_eq!(state(world.read(&episode("EP-1"))), unconfirmed);
        let told = unconfirmed.to_string();
        assert!(told.ends_with("is not shown until it is fetched again: warm it"), "{told}");
        world.cache.takes(&episode("EP-1")).expect("it may be asked for");
        world.write(&episode("EP-1"), 2).expect("the practice gave it");
        assert_eq!(world.version(&episode("EP-1")).expect("shown"), 2);
        assert!(!disks.cache.files().keys().any(|path| path.ends_with("HELD")));
        world.write(&episode("EP-1"), 3).expect("and that is all there was to it");
    }
}

#[test]
fn a_crash_while_a_new_record_ends_a_hold_leaves_it_held_or_ended() {
    let (base, world) = warmed();
    world.cache.hold(&episode("EP-1"), &assertion(), HoldReason::Dissent).expect("held");
    world.cache.release(&episode("EP-1"), &assertion()).expect("released");
    let (mut held, mut ended) = (0, 0);
    for at in 1.. {
        let disks = base.copy();
        let plan = Plan::new(at, Fault::Before, true);
        let world = disks.try_world(|disk| Arc::new(FaultDisk::new(disk, Arc::clone(&plan))));
        let _ = world.and_then(|world| world.write(&episode("EP-1"), 2));
        if plan.operations() < at {
            break;
        }
        match disks.world().version(&episode("EP-1")) {
            Ok(version) => ended += usize::from(version == 2),
            Err(CacheError::NotReadable(NotReadable::Held { reason: HoldReason::Unconfirmed })) => held += 1,
            Err(error) => panic!("operation {at}: {error}"),
        }
        disks.world().write(&episode("EP-1"), 3).expect("fetched again");
        assert_eq!(disks.world().version(&episode("EP-1")).expect("shown"), 3);
    }
    assert!(held > 10 && ended > 0, "{held} {ended}");
}

#[test]
fn a_standing_that_is_put_back_from_a_copy_lifts_no_hold() {
    let (disks, world) = warmed();
    let path = format!("keys/{}.state", world.cache.episode_tag(&episode("EP-1")));
    let copy = disks.cache.files()[&path].clone();
    world.cache.hold(&episode("EP-1"), &assertion(), HoldReason::Dissent).expect("held");
    disks.cache.put(&path, &copy);
    let held = NotReadable::Held { reason: HoldReason::Dissent };
    assert_eq!(state(world.read(&episode("EP-1"))), held);
    assert_eq!(state(world.write(&episode("EP-1"), 2)), held);
    world.cache.discharge(&episode("EP-1"), &assertion()).expect("reported");
    assert_eq!(listed(&world), "held");
    world.cache.release(&episode("EP-1"), &assertion()).expect("released");
    world.write(&episode("EP-1"), 2).expect("fetched again");
    assert_eq!(world.version(&episode("EP-1")).expect("read"), 2);
    assert!(!disks.cache.files().keys().any(|path| path.ends_with("HELD")));
}

#[test]
fn an_episode_whose_standing_was_lost_is_fetched_for_and_held_until_somebody_takes_that_off() {
    let (disks, world) = warmed();
    let path = format!("keys/{}.state", world.cache.episode_tag(&episode("EP-1")));
    disks.cache.remove_file(&path).expect("removed");
    world.cache.takes(&episode("EP-1")).expect("a fetch heals it");
    world.write(&episode("EP-1"), 2).expect("written");
    let held = NotReadable::Held { reason: HoldReason::Unknown };
    assert_eq!(state(world.read(&episode("EP-1"))), held);
    assert_eq!(state(world.cache.takes(&episode("EP-1"))), held);
    let hold = audited(&disks.audit).into_iter().find(|entry| entry["event"] == "hold").expect("recorded");
    assert_eq!((hold["cause"].as_str(), hold["user"].is_null()), (Some("standing_lost"), true));
    world.cache.release(&episode("EP-1"), &assertion()).expect("released");
    assert_eq!(world.version(&episode("EP-1")).expect("read"), 2);
}

#[test]
fn reports_of_those_who_may_not_read_change_nothing() {
    let (disks, world) = warmed();
    let files = disks.cache.files();
    let mut elsewhere = assertion();
    elsewhere.requester.organisation = "RXX02".parse().expect("ODS code");
    let research = ReaderAssertion { reason: "research".into(), ..assertion() };
    for assertion in [elsewhere, research] {
        for reported in [
            world.cache.discharge(&episode("EP-1"), &assertion),
            world.cache.confirm(&episode("EP-1"), &assertion),
            world.cache.hold(&episode("EP-1"), &assertion, HoldReason::Dissent),
        ] {
            assert!(matches!(
                reported,
                Err(CacheError::Refused(Refused::Organisation | Refused::Assertion(_)))
            ));
        }
    }
    assert_eq!(disks.cache.files(), files);
    assert_eq!(state(world.cache.discharge(&episode("EP-9"), &assertion())), NotReadable::NotWarmed);
}

#[test]
fn a_write_is_known_to_be_refused_before_anything_is_fetched() {
    let (disks, world) = warmed();
    world.cache.takes(&episode("EP-1")).expect("a refresh");
    world.cache.takes(&episode("EP-2")).expect("a first record");
    assert_eq!(world.cache.state(&episode("EP-2")).expect("asked").state(), "not_warmed");
    let receipt = world.cache.purge(&episode("EP-1"), &assertion()).expect("purged");
    assert_eq!(state(world.cache.takes(&episode("EP-1"))), NotReadable::Purged { at: receipt.at });
    world.write(&episode("EP-2"), 1).expect("written");
    let wrap = disks.cache.files().into_keys().find(|path| path.ends_with(".wrap")).expect("a wrapped key");
    disks.cache.remove_file(&wrap).expect("removed");
    assert_eq!(state(world.cache.takes(&episode("EP-2"))), NotReadable::KeyUnavailable);
}

#[test]
fn a_sweep_passes_over_what_is_in_use_and_goes_on_without_what_does_not_open() {
    let (disks, world) = warmed();
    world.write(&episode("EP-2"), 2).expect("written");
    world.write(&episode("EP-3"), 3).expect("written");
    let damaged = world.cache.episode_tag(&episode("EP-2"));
    disks.cache.put(&format!("episodes/{damaged}/gen-1/manifest.sealed"), b"x");
    let busy = world.cache.episode_tag(&episode("EP-3"));
    let lock = disks.cache.lock(&format!("episodes/{busy}/lock")).expect("locked");
    world.clock.advance(hours(24 * 8));
    let swept = world.cache.sweep().expect("swept");
    assert_eq!((swept.purged.len(), swept.recovered.busy), (2, 1), "the damaged one ends by its standing");
    drop(lock);
    assert_eq!(world.cache.sweep().expect("swept").purged.len(), 1);
}

/// A reader who died after the intent and before the outcome of a read.
fn died_reading() -> Disks {
    let (base, _) = warmed();
    let died = |at| {
        let disks = base.copy();
        let plan = Plan::new(at, Fault::Before, true);
        let world = disks.try_world(|disk| Arc::new(FaultDisk::new(disk, Arc::clone(&plan))));
        let _ = world.and_then(|world| world.version(&episode("EP-1")));
        disks
    };
    let intended = |disks: &Disks| {
        let last = audited(&disks.audit).pop().expect("a record");
        last["event"] == "read" && last["outcome"].is_null()
    };
    (1..).map(died).find(intended).expect("at some point")
}

#[test]
fn what_a_dead_process_began_has_an_unknown_end_after_an_hour() {
    let disks = died_reading();
    let world = disks.world();
    world.clock.advance(SignedDuration::from_mins(59));
    assert_eq!(world.cache.sweep().expect("swept").unknown, 0, "it may still be at work");
    world.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(world.cache.sweep().expect("swept").unknown, 1);
    let (last, intents) = (audited(&disks.audit).pop().expect("a record"), audited(&disks.audit).len() - 1);
    assert_eq!((last["event"].as_str(), last["outcome"].as_str()), (Some("read"), Some("unknown")));
    assert_eq!(last["intent"].as_u64(), Some(intents as u64));
    assert_eq!(world.cache.sweep().expect("swept").unknown, 0, "once");
}

#[test]
fn a_restored_backup_of_a_purged_episode_is_destroyed_again() {
    let (disks, world) = warmed();
    let backup = disks.cache.everything();
    let receipt = world.cache.purge(&episode("EP-1"), &assertion()).expect("purged");
    for (path, bytes) in backup {
        match bytes {
            Some(bytes) => disks.cache.put(&path, &bytes),
            None => drop(disks.cache.create_dir(&path)),
        }
    }
    assert_eq!(state(world.read(&episode("EP-1"))), NotReadable::Purged { at: receipt.at });
    let recovered = world.cache.recover().expect("recovered");
    assert_eq!(recovered.purges, [receipt]);
    assert!(disks.cache.files().keys().all(|path| !path.ends_with(".wrap") && !path.contains("gen-")));
}

#[test]
fn a_site_may_keep_the_bundle_and_a_reader_gets_it_byte_for_byte() {
    let bundle = br#"{"resourceType":"Bundle","entry":[{"note":"Canarizine"}]}"#.repeat(4_000);
    let write = |keep_bundle| {
        let disks = Disks::tiny();
        let mut world = disks.world();
        world.cache = world.cache.with_policy(SitePolicy { keep_bundle, ..SitePolicy::default() });
        let tables = (world.tables)(1);
        let contents = record::borrowed(&tables);
        world
            .cache
            .write_with_bundle(&episode("EP-1"), &world.contents(&contents), Some(&bundle))
            .expect("written");
        (disks, world)
    };
    let (disks, world) = write(true);
    let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
    assert_eq!(world.cache.bundle(&grant).expect("read").as_deref(), Some(bundle.as_slice()));
    assert_eq!(audited(&disks.audit)[2]["cause"], "raw_bundle");
    let (path, sealed) =
        disks.cache.files().into_iter().find(|(path, _)| path.ends_with("bundle.sealed")).expect("there");
    for position in (0..sealed.len()).step_by(sealed.len() / 97) {
        let mut flipped = sealed.clone();
        flipped[position] ^= 4;
        disks.cache.put(&path, &flipped);
        assert!(matches!(state(world.cache.bundle(&grant)), NotReadable::Damaged { .. }));
    }
    let (disks, world) = write(false);
    let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
    assert_eq!(world.cache.bundle(&grant).expect("read"), None);
    assert!(!disks.cache.files().keys().any(|path| path.ends_with("bundle.sealed")));
}

#[test]
fn a_shorter_time_of_the_site_is_kept() {
    let (_, mut world) = warmed();
    let retention = Retention { without_heartbeat: hours(1), ..Retention::default() };
    world.cache = world.cache.with_policy(SitePolicy { retention, ..SitePolicy::default() });
    world.clock.advance(hours(1));
    assert_eq!(world.cache.sweep().expect("swept").purged[0].1, Rule::NoHeartbeat);
}
