//! The life of an episode as its users see it: written, read by those who may, replaced, expired, purged.

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../audit/tests/support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/record.rs"]
mod record;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/world.rs"]
mod world;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bedside_audit::{AuditLog, Pepper};
use bedside_cache::{
    Cache, CacheError, Contents, ContentsError, HoldReason, KeyFile, NotReadable, Problem, ReaderAssertion,
    Refused, Rule, Secret, SitePolicy,
};
use bedside_model::schema::Table;
use jiff::SignedDuration;
use world::{Disks, TestClock, World, assertion, audited, episode};

/// A cache and its log in a directory of the real disk.
fn on_disk(home: &Path) -> World {
    on_disk_with(home, [11; 32])
}

fn on_disk_with(home: &Path, kek: [u8; 32]) -> World {
    let clock = Arc::new(TestClock::new());
    let pepper = Pepper::new(Secret::from_bytes(&[12; 32]));
    let audit = AuditLog::open(&home.join("audit"), pepper, clock.clone()).expect("opened");
    let kek = Box::new(KeyFile::new(Secret::from_bytes(&kek)));
    let cache = Cache::open(&home.join("cache"), kek, Arc::new(audit), clock.clone()).expect("opened");
    World { cache, clock, tables: record::tables }
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("temporary directory")
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("readable") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        }
        found.push(path);
    }
    found
}

fn state(result: Result<impl Sized, CacheError>) -> NotReadable {
    match result {
        Err(CacheError::NotReadable(state)) => state,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was readable"),
    }
}

#[test]
fn what_was_written_is_read_value_for_value() {
    let home = home();
    let world = on_disk(home.path());
    let committed = world.write(&episode("EP-1"), 1).expect("written");
    assert_eq!((committed.generation, committed.rows["allergies"], committed.rows["notices"]), (1, 2, 0));
    let opened = on_disk(home.path()).read(&episode("EP-1")).expect("read by another handle");
    assert_eq!(world.whole(&opened), 1);
    assert_eq!((opened.generation(), opened.created()), (1, world.clock_now()));
    assert_eq!(opened.expires(), world.clock_now() + SignedDuration::from_hours(7 * 24));
    assert_eq!(opened.table(Table::Notices).num_rows(), 0);
}

#[test]
fn where_the_site_keeps_no_earlier_generation_nothing_stays_of_it() {
    let disks = Disks::new();
    let mut world = disks.world();
    world.cache = world.cache.with_policy(SitePolicy { earlier_generations: 0, ..SitePolicy::default() });
    for version in 1..=3 {
        assert_eq!(world.write(&episode("EP-1"), version).expect("written").generation, u64::from(version));
        assert_eq!(world.version(&episode("EP-1")).expect("read"), version);
    }
    assert!(disks.cache.files().keys().all(|path| !path.contains("gen-1") && !path.contains("gen-2")));
}

#[test]
fn contents_that_are_not_a_whole_record_are_refused() {
    let disks = Disks::new();
    let world = disks.world();
    let tables = record::tables(1);
    let whole = record::borrowed(&tables);
    let refused = |contents: &Contents<'_>| match world.cache.write(&episode("EP-1"), contents) {
        Err(CacheError::Contents(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&world.contents(&whole[1..])), ContentsError::Missing(Table::Medications));
    let twice = [&whole[..], &whole[3..4]].concat();
    assert_eq!(refused(&world.contents(&twice)), ContentsError::Twice(Table::Problems));
    let mut wrong = whole.clone();
    wrong[0].1 = whole[1].1;
    assert_eq!(refused(&world.contents(&wrong)), ContentsError::Schema(Table::Medications));
    let late = Contents { expires: world.clock_now(), ..world.contents(&whole) };
    assert_eq!(refused(&late), ContentsError::Expired);
    assert_eq!(state(world.read(&episode("EP-1"))), NotReadable::NotWarmed);
}

#[test]
fn an_expired_episode_is_not_shown_and_a_grant_from_before_does_not_help() {
    let disks = Disks::new();
    let world = disks.world();
    world.write(&episode("EP-1"), 1).expect("written");
    let since = world.clock_now() + SignedDuration::from_hours(7 * 24);
    let rule = Rule::EpisodeEnded;
    world.clock.advance(SignedDuration::from_hours(7 * 24) - SignedDuration::from_secs(1));
    let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
    assert!(world.cache.read_accepting_stale(&grant).is_ok(), "in its last second");
    world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(state(world.cache.read(&grant)), NotReadable::Expired { since, rule });
    assert_eq!(state(world.read(&episode("EP-1"))), NotReadable::Expired { since, rule });
    assert_eq!(world.cache.list().expect("listed")[0].state(), "expired");
    assert!(world.cache.purge(&episode("EP-1"), &assertion()).is_ok(), "it can still be purged");
}

#[test]
fn a_grant_opens_its_own_episode_for_a_quarter_of_an_hour() {
    let disks = Disks::new();
    let world = disks.world();
    world.write(&episode("EP-1"), 1).expect("written");
    world.write(&episode("EP-2"), 2).expect("written");
    let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
    assert_eq!(grant.episode(), &world.cache.episode_tag(&episode("EP-1")));
    assert_eq!(world.whole(&world.cache.read(&grant).expect("read")), 1);
    world.clock.advance(SignedDuration::from_mins(15));
    assert!(matches!(world.cache.read(&grant), Err(CacheError::Refused(Refused::GrantExpired))));
}

#[test]
fn who_may_not_read_is_refused_and_the_refusal_is_audited() {
    let disks = Disks::new();
    let world = disks.world();
    world.write(&episode("EP-1"), 1).expect("written");
    let before = audited(&disks.audit).len();

    let research = ReaderAssertion { reason: "research".into(), relationship: "".into(), ..assertion() };
    let problems = match world.cache.grant(&research, &episode("EP-1")) {
        Err(CacheError::Refused(Refused::Assertion(problems))) => problems,
        other => panic!("{other:?}"),
    };
    assert_eq!(problems, [Problem::Purpose, Problem::Relationship]);

    let mut elsewhere = assertion();
    elsewhere.requester.organisation = "RXX02".parse().expect("ODS code");
    let refused = world.cache.grant(&elsewhere, &episode("EP-1"));
    assert!(matches!(refused, Err(CacheError::Refused(Refused::Organisation))));
    let refused = world.cache.purge(&episode("EP-1"), &elsewhere);
    assert!(matches!(refused, Err(CacheError::Refused(Refused::Organisation))));
    assert_eq!(state(world.read(&episode("EP-9"))), NotReadable::NotWarmed);

    let records = audited(&disks.audit).split_off(before);
    let told = |record: &serde_json::Value| {
        ["event", "outcome", "reason", "purpose"]
            .map(|field| record[field].as_str().unwrap_or("-").to_owned())
    };
    let told: Vec<_> = records.iter().map(told).collect();
    let expected = [
        ["grant", "blocked", "purpose", "research"],
        ["grant", "blocked", "organisation", "directcare"],
        ["purge", "blocked", "organisation", "directcare"],
        ["grant", "blocked", "not_warmed", "directcare"],
    ];
    assert_eq!(told, expected);
    assert_eq!(world.version(&episode("EP-1")).expect("still there"), 1);
}

#[test]
fn reads_commits_and_purges_are_audited_before_and_after() {
    let disks = Disks::new();
    let world = disks.world();
    let committed = world.write(&episode("EP-1"), 1).expect("written");
    world.read(&episode("EP-1")).expect("read");
    let receipt = world.cache.purge(&episode("EP-1"), &assertion()).expect("purged");
    let records = audited(&disks.audit);
    let told: Vec<_> = records
        .iter()
        .map(|record| {
            (record["event"].as_str().expect("text"), record["outcome"].as_str(), record["intent"].as_u64())
        })
        .collect();
    let ok = Some("ok");
    let expected = [
        ("commit", None, None),
        ("commit", ok, Some(1)),
        ("read", None, None),
        ("read", ok, Some(3)),
        ("purge", None, None),
        ("purge", ok, Some(5)),
    ];
    assert_eq!(told, expected);
    let patient = Pepper::new(Secret::from_bytes(&[12; 32])).pseudonym(&world::NUMBER);
    assert!([0, 2, 4].iter().all(|index| records[*index]["patient"] == patient.as_str()));
    assert!(records.iter().all(|record| record["episode"] == committed.episode.as_str()));
    assert_eq!(records[3]["rows"]["allergies"], 2);
    assert_eq!(records[3]["manifest_sha256"], records[1]["manifest_sha256"]);
    assert_eq!(records[5]["receipt"], receipt.id);
    assert_eq!(records[4]["manifest_sha256"], records[1]["manifest_sha256"], "what was to be destroyed");
    assert_eq!(
        (records[4]["bytes"].as_u64(), records[4]["generation"].as_u64()),
        (Some(receipt.bytes), Some(1))
    );
    assert_eq!(records[4]["key_id"].as_str(), receipt.key_id.as_deref());
}

#[test]
fn without_an_audit_log_nothing_is_written_read_or_destroyed() {
    let home = home();
    let world = on_disk(home.path());
    world.write(&episode("EP-1"), 1).expect("written");
    let grant = world.cache.grant(&assertion(), &episode("EP-1")).expect("granted");
    let kept = fs::read(home.path().join("audit/audit.ndjson")).expect("read");
    fs::remove_file(home.path().join("audit/audit.ndjson")).expect("removed");
    let before = files_below(&home.path().join("cache"));

    assert!(matches!(world.cache.read(&grant), Err(CacheError::Audit(_))));
    assert!(matches!(world.write(&episode("EP-1"), 2), Err(CacheError::Audit(_))));
    assert!(matches!(world.cache.purge(&episode("EP-1"), &assertion()), Err(CacheError::Audit(_))));
    let research = ReaderAssertion { reason: "research".into(), ..assertion() };
    let refusal = world.cache.grant(&research, &episode("EP-1"));
    assert!(matches!(refusal, Err(CacheError::Audit(_))), "a refusal that cannot be recorded says so");
    assert_eq!(files_below(&home.path().join("cache")), before);

    // The log put back as it was.
    let file = home.path().join("audit/audit.ndjson");
    fs::write(&file, kept).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("mode");
    assert_eq!(on_disk(home.path()).version(&episode("EP-1")).expect("read"), 1);
}

#[test]
fn a_purged_episode_says_when_and_no_copy_made_before_opens() {
    let home = home();
    let world = on_disk(home.path());
    world.write(&episode("EP-1"), 1).expect("written");
    world.write(&episode("EP-2"), 2).expect("written");
    let tag = world.cache.episode_tag(&episode("EP-1")).to_string();
    let directory = home.path().join("cache/episodes").join(&tag);
    let copy: Vec<_> = files_below(&directory)
        .into_iter()
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).expect("read")))
        .collect();
    let wrap = home.path().join("cache/keys").join(format!("{tag}.wrap"));
    let second_name = home.path().join("wrap");
    fs::hard_link(&wrap, &second_name).expect("linked");

    let receipt = world.cache.purge(&episode("EP-1"), &assertion()).expect("purged");
    assert_eq!((receipt.generation, receipt.generations, receipt.files), (Some(1), 1, 10));
    assert_eq!(state(world.read(&episode("EP-1"))), NotReadable::Purged { at: receipt.at });
    assert!(
        fs::read(&second_name).expect("read").iter().all(|byte| *byte == 0),
        "the wrapped key was overwritten"
    );
    assert!(!wrap.exists());

    // Everything of the episode put back, its tombstone taken away.
    for (path, bytes) in &copy {
        let parent = path.parent().expect("a parent");
        fs::create_dir_all(parent).expect("made");
        fs::set_permissions(parent, fs::Permissions::from_mode(0o700)).expect("mode");
        fs::write(path, bytes).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("mode");
    }
    assert_eq!(state(world.read(&episode("EP-1"))), NotReadable::Purged { at: receipt.at });
    fs::remove_file(directory.join("PURGED")).expect("removed");
    assert_eq!(state(world.read(&episode("EP-1"))), NotReadable::KeyUnavailable);
    assert_eq!(world.version(&episode("EP-2")).expect("the other episode is whole"), 2);
}

#[test]
fn purging_twice_gives_the_same_receipt_and_a_purged_episode_is_not_begun_anew() {
    let disks = Disks::new();
    let world = disks.world();
    world.write(&episode("EP-1"), 1).expect("written");
    let receipt = world.cache.purge(&episode("EP-1"), &assertion()).expect("purged");
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(world.cache.purge(&episode("EP-1"), &assertion()).expect("again"), receipt);
    assert_eq!(state(world.write(&episode("EP-1"), 2)), NotReadable::Purged { at: receipt.at });
    assert_eq!(state(world.cache.purge(&episode("EP-9"), &assertion())), NotReadable::NotWarmed);
}

#[test]
fn another_key_encryption_key_opens_nothing_and_can_still_purge() {
    let home = home();
    on_disk(home.path()).write(&episode("EP-1"), 1).expect("written");
    let other = on_disk_with(home.path(), [99; 32]);
    assert_eq!(state(other.read(&episode("EP-1"))), NotReadable::KeyUnavailable);
    assert_eq!(state(other.write(&episode("EP-1"), 2)), NotReadable::KeyUnavailable);
    assert_eq!(other.cache.list().expect("listed")[0].state(), "key_unavailable");
    assert_eq!(on_disk(home.path()).version(&episode("EP-1")).expect("untouched"), 1);
    assert!(other.cache.purge(&episode("EP-1"), &assertion()).is_ok());
}

#[test]
fn the_list_tells_states_and_nothing_else() {
    let disks = Disks::new();
    let world = disks.world();
    for (name, version) in [("EP-1", 1), ("EP-2", 2), ("EP-3", 3)] {
        world.write(&episode(name), version).expect("written");
    }
    world.write(&episode("EP-1"), 4).expect("written");
    world.cache.purge(&episode("EP-2"), &assertion()).expect("purged");
    let damaged = world.cache.episode_tag(&episode("EP-3"));
    disks.cache.put(&format!("episodes/{damaged}/CURRENT"), b"three\n");
    let list = world.cache.list().expect("listed");
    let of = |name| {
        let tag = world.cache.episode_tag(&episode(name));
        list.iter().find(|summary| summary.episode == tag).expect("listed")
    };
    assert_eq!(list.len(), 3);
    assert_eq!((of("EP-1").state(), of("EP-1").generation), ("ready", Some(2)));
    assert_eq!((of("EP-1").earlier_generations, of("EP-2").earlier_generations), (1, 0));
    assert_eq!(of("EP-1").created, Some(world.clock_now()));
    assert!(of("EP-1").bytes > 10_000 && of("EP-1").expires.is_some());
    assert_eq!((of("EP-2").state(), of("EP-2").generation, of("EP-2").expires), ("purged", None, None));
    assert_eq!(of("EP-3").state(), "damaged");
    let shown = format!("{list:?}");
    assert!(!shown.contains("EP-") && !shown.contains("RXX01") && !shown.contains("9990000018"));
}

#[test]
fn a_lost_path_pepper_hides_no_episode() {
    let disks = Disks::new();
    disks.world().write(&episode("EP-1"), 1).expect("written");
    use bedside_audit::disk::Disk;
    disks.cache.remove_file("keys/path.pepper").expect("removed");
    assert!(matches!(disks.try_world(|disk| disk), Err(CacheError::PathPepper)));
}

#[test]
fn looser_modes_and_links_are_refused() {
    let home = home();
    let world = on_disk(home.path());
    world.write(&episode("EP-1"), 1).expect("written");
    let tag = world.cache.episode_tag(&episode("EP-1")).to_string();
    let cache = home.path().join("cache");
    for path in files_below(&cache) {
        let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
    let generation = cache.join("episodes").join(&tag).join("gen-1");
    for (path, loose, right) in [
        (generation.clone(), 0o755, 0o700),
        (generation.join("allergies.parquet"), 0o644, 0o600),
        (cache.join("keys").join(format!("{tag}.wrap")), 0o640, 0o600),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(loose)).expect("mode");
        assert!(matches!(world.read(&episode("EP-1")), Err(CacheError::Disk(_))), "{}", path.display());
        fs::set_permissions(&path, fs::Permissions::from_mode(right)).expect("mode");
    }
    assert_eq!(world.version(&episode("EP-1")).expect("read"), 1);
    let moved = home.path().join("moved");
    fs::rename(&generation, &moved).expect("moved");
    symlink(&moved, &generation).expect("linked");
    assert!(world.read(&episode("EP-1")).is_err(), "a link in the generation's place");
}

#[test]
fn no_byte_on_disk_tells_of_the_patient() {
    let home = home();
    let mut world = on_disk(home.path());
    world.cache = world.cache.with_policy(SitePolicy { keep_bundle: true, ..SitePolicy::default() });
    let tables = record::tables(1);
    let contents = record::borrowed(&tables);
    let manifest = r#"{"canary": "Canarybury, 9990000018"}"#;
    let contents = Contents { manifest, ..world.contents(&contents) };
    let (bundle, id) = (manifest.repeat(100), episode("Canarystay 9990000018"));
    world.cache.write_with_bundle(&id, &contents, Some(bundle.as_bytes())).expect("written");
    world.cache.discharge(&id, &assertion()).expect("reported");
    world.cache.hold(&id, &assertion(), HoldReason::Dissent).expect("held");
    world.cache.release(&id, &assertion()).expect("released");
    world.cache.write_with_bundle(&id, &contents, Some(bundle.as_bytes())).expect("written again");
    world.read(&episode("Canarystay 9990000018")).expect("read");
    world.cache.list().expect("listed");

    let words = ["Canarizine", "Canarybury", "Canarystay", "9990000018", "999 000 0018"];
    assert!(
        words[..1].iter().all(|word| holds(record::CANARY.as_bytes(), word)),
        "the search finds what is there"
    );
    let mut searched = 0;
    for path in files_below(home.path()) {
        let name = path.to_string_lossy().into_owned();
        let bytes = if path.is_file() { fs::read(&path).expect("read") } else { Vec::new() };
        searched += bytes.len();
        for word in words {
            assert!(!holds(&bytes, word) && !holds(name.as_bytes(), word), "{word} in {name}");
        }
    }
    assert!(searched > 10_000, "{searched}");
    world.cache.purge(&episode("Canarystay 9990000018"), &assertion()).expect("purged");
}

/// Whether a word stands in bytes: plain, in either case, as UTF-16, hexadecimal or base64 at any offset.
fn holds(bytes: &[u8], word: &str) -> bool {
    use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
    let mut needles = vec![
        word.as_bytes().to_vec(),
        word.to_lowercase().into_bytes(),
        word.to_uppercase().into_bytes(),
        word.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        bedside_audit::hex::encode(word.as_bytes()).into_bytes(),
    ];
    for offset in 0..3 {
        let shifted = [&[b' '; 3][..offset], word.as_bytes()].concat();
        let encoded = BASE64_STANDARD_NO_PAD.encode(shifted).into_bytes();
        // The characters that depend on neighbours are left out.
        needles.push(
            encoded
                [2.min(encoded.len()) * usize::from(offset > 0) + usize::from(offset > 0)..encoded.len() - 2]
                .to_vec(),
        );
    }
    needles.iter().any(|needle| bytes.windows(needle.len()).any(|window| window == needle))
}

#[test]
fn readers_beside_a_writer_get_whole_generations_in_order_and_then_the_purge() {
    let home = home();
    on_disk(home.path()).write(&episode("EP-1"), 1).expect("written");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let (world, mut last, mut reads) = (on_disk(home.path()), 1, 0);
                    while !over.load(Ordering::SeqCst) {
                        let version = world.version(&episode("EP-1")).expect("a whole generation");
                        assert!(version >= last, "{version} after {last}");
                        (last, reads) = (version, reads + 1);
                    }
                    reads
                })
            })
            .collect();
        let writer = on_disk(home.path());
        for version in 2..=9 {
            writer.write(&episode("EP-1"), version).expect("written");
        }
        over.store(true, Ordering::SeqCst);
        let reads: u32 = readers.into_iter().map(|reader| reader.join().expect("no panic")).sum();
        assert!(reads > 0);
        println!("{reads} reads beside 8 writes");
    });
    let readers_during_a_purge = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let world = on_disk(home.path());
            loop {
                match world.version(&episode("EP-1")) {
                    Ok(version) => assert_eq!(version, 9),
                    Err(CacheError::NotReadable(NotReadable::KeyUnavailable)) => {}
                    Err(CacheError::NotReadable(NotReadable::Purged { at })) => return at,
                    Err(error) => panic!("{error}"),
                }
            }
        });
        let receipt = on_disk(home.path()).cache.purge(&episode("EP-1"), &assertion()).expect("purged");
        (reader.join().expect("no panic"), receipt.at)
    });
    assert_eq!(readers_during_a_purge.0, readers_during_a_purge.1);
    bedside_audit::verify(&home.path().join("audit"), None).expect("one chain");
}
