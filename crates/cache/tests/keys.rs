//! Keys: epochs and their rotation, providers that fail, and what a purge and the end of an epoch leave behind.

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
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bedside_audit::{AuditLog, Pepper, Randomness, SystemRandomness};
use bedside_cache::{
    Cache, CacheError, Damage, KeyCommand, KeyCommandError, KeyEncryption, KeyError, KeyFile, NotReadable,
    Secret,
};
use world::{Disks, TestClock, World, assertion, audited, episode};

const EPOCHS: [[u8; 32]; 3] = [[1; 32], [2; 32], [3; 32]];

fn state(result: Result<impl Sized, CacheError>) -> NotReadable {
    match result {
        Err(CacheError::NotReadable(state)) => state,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was readable"),
    }
}

#[test]
fn a_rotation_wraps_every_key_again_and_touches_no_record() {
    let first = Disks { kek: EPOCHS[0], ..Disks::tiny() };
    for number in 1..=5 {
        first.world().write(&episode(&format!("EP-{number}")), number).expect("written");
    }
    first.world().cache.purge(&episode("EP-5"), &assertion()).expect("purged");
    let second = Disks { kek: EPOCHS[1], older: Some(EPOCHS[0]), ..first.clone() };
    let world = second.world();
    assert_eq!(world.version(&episode("EP-1")).expect("an older key still opens what it wrapped"), 1);
    let records: Vec<_> = sealed_files(&first);
    let rotated = world.cache.rotate().expect("rotated");
    assert_eq!((rotated.rewrapped, rotated.current, rotated.unreadable.len()), (4, 0, 0));
    let again = world.cache.rotate().expect("rotated");
    assert_eq!((again.rewrapped, again.current), (0, 4), "a second rotation has nothing to do");
    assert_eq!(sealed_files(&second), records);
    assert_eq!(world.cache.keys_in_use().expect("counted").into_values().collect::<Vec<_>>(), [4]);
    let rewraps = audited(&second.audit).into_iter().filter(|entry| entry["event"] == "rewrap");
    assert_eq!(rewraps.filter(|entry| entry["key_id"].is_string()).count(), 4);

    let without_the_older = Disks { older: None, ..second.clone() };
    assert_eq!(without_the_older.world().version(&episode("EP-4")).expect("read"), 4);
    let the_older_alone = Disks { kek: EPOCHS[0], older: None, ..second };
    assert_eq!(state(the_older_alone.world().read(&episode("EP-4"))), NotReadable::KeyUnavailable);
}

fn sealed_files(disks: &Disks) -> Vec<(String, Vec<u8>)> {
    disks.cache.files().into_iter().filter(|(path, _)| path.starts_with("episodes/")).collect()
}

#[test]
fn what_no_key_opens_is_told_and_the_rest_is_wrapped_again() {
    let first = Disks { kek: EPOCHS[0], ..Disks::tiny() };
    first.world().write(&episode("EP-1"), 1).expect("written");
    let second = Disks { kek: EPOCHS[1], ..first.clone() };
    second.world().write(&episode("EP-2"), 2).expect("written");
    let third = Disks { kek: EPOCHS[2], older: Some(EPOCHS[1]), ..first };
    let rotated = third.world().cache.rotate().expect("rotated");
    let lost = third.world().cache.episode_tag(&episode("EP-1"));
    assert_eq!((rotated.rewrapped, rotated.unreadable), (1, vec![(lost, NotReadable::KeyUnavailable)]));
}

/// Every moment at which somebody may have copied the disk, and every key that was ever issued.
#[test]
fn after_a_purge_and_the_end_of_the_epochs_no_copy_opens_with_any_key_ever_issued() {
    let mut copies = Vec::new();
    let first = Disks { kek: EPOCHS[0], ..Disks::tiny() };
    first.world().write(&episode("EP-1"), 1).expect("written");
    copies.push(first.copy());
    let second = Disks { kek: EPOCHS[1], older: Some(EPOCHS[0]), ..first };
    second.world().cache.rotate().expect("rotated");
    copies.push(second.copy());
    second.world().write(&episode("EP-1"), 2).expect("written");
    copies.push(second.copy());
    let receipt = second.world().cache.purge(&episode("EP-1"), &assertion()).expect("purged");
    let destroyed = (receipt.generation, receipt.generations, receipt.files);
    assert_eq!(destroyed, (Some(2), 2, 20), "the receipt says what was destroyed");
    let epoch = KeyFile::new(Secret::from_bytes(&EPOCHS[1]));
    assert_eq!(receipt.key_id.as_deref(), Some(epoch.id()), "and until when older copies open");
    copies.push(second.copy());

    let opens =
        |copy: &Disks, key| Disks { kek: key, older: None, ..copy.clone() }.world().read(&episode("EP-1"));
    // As long as an epoch's key is there, the copies made in it open: that is why keys are destroyed.
    assert!(opens(&copies[0], EPOCHS[0]).is_ok() && opens(&copies[2], EPOCHS[1]).is_ok());
    // The copy made after the purge opens with nothing, and neither do the older ones once their epochs' keys are
    // gone: not with the key of any other epoch, and not with a wrap that was made for another episode.
    for (taken, copy) in copies.iter().enumerate() {
        for key in EPOCHS {
            let epoch_of_the_copy = [EPOCHS[0], EPOCHS[1], EPOCHS[1], [0; 32]][taken];
            assert_eq!(opens(copy, key).is_ok(), key == epoch_of_the_copy, "copy {taken}");
        }
    }
    // Nor does a wrap that is good, and another episode's.
    let world = Disks { kek: EPOCHS[2], older: None, ..copies[0].clone() }.world();
    world.write(&episode("EP-2"), 3).expect("written");
    let wrap = |name: &str| format!("keys/{}.wrap", world.cache.episode_tag(&episode(name)));
    let theirs = copies[0].cache.files()[&wrap("EP-2")].clone();
    copies[0].cache.put(&wrap("EP-1"), &theirs);
    assert_eq!(state(opens(&copies[0], EPOCHS[2])), NotReadable::Damaged { what: Damage::Wrap });
}

/// A provider that answers, does not answer, or refuses everything, as it is told.
struct Moody {
    inner: KeyFile,
    mood: Arc<AtomicU8>,
}

const ANSWERS: u8 = 0;
const DOWN: u8 = 1;
const REJECTS: u8 = 2;

impl Moody {
    fn mood(&self) -> Result<(), KeyError> {
        match self.mood.load(Ordering::SeqCst) {
            DOWN => Err(KeyError::Unavailable),
            REJECTS => Err(KeyError::Rejected),
            _ => Ok(()),
        }
    }
}

impl KeyEncryption for Moody {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn wrap(&self, key: &Secret, aad: &[u8], randomness: &dyn Randomness) -> Result<Vec<u8>, KeyError> {
        self.mood().and_then(|()| self.inner.wrap(key, aad, randomness))
    }

    fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Secret, KeyError> {
        self.mood().and_then(|()| self.inner.unwrap(wrapped, aad))
    }
}

fn with_key(disks: &Disks, key: Box<dyn KeyEncryption>) -> World {
    let clock = Arc::new(TestClock::new());
    let pepper = Pepper::new(Secret::from_bytes(&[12; 32]));
    let audit = AuditLog::open_on(disks.audit.clone(), pepper, clock.clone()).expect("opened");
    let (cache, randomness) = (disks.cache.clone(), Arc::new(SystemRandomness));
    let cache = Cache::open_on(cache, randomness, key, Arc::new(audit), clock.clone()).expect("opened");
    World { cache, clock, tables: disks.tables }
}

#[test]
fn a_provider_that_is_down_closes_the_cache_and_harms_nothing() {
    let (disks, mood) = (Disks::tiny(), Arc::new(AtomicU8::new(ANSWERS)));
    let key = KeyFile::new(Secret::from_bytes(&EPOCHS[0]));
    let world = with_key(&disks, Box::new(Moody { inner: key, mood: Arc::clone(&mood) }));
    world.write(&episode("EP-1"), 1).expect("written");
    let files = disks.cache.files();
    mood.store(DOWN, Ordering::SeqCst);
    assert!(matches!(world.read(&episode("EP-1")), Err(CacheError::Key(KeyError::Unavailable))));
    assert!(matches!(world.write(&episode("EP-1"), 2), Err(CacheError::Key(_))));
    assert!(matches!(world.write(&episode("EP-2"), 2), Err(CacheError::Key(_))));
    assert!(
        matches!(world.cache.sweep(), Err(CacheError::Key(_))),
        "nothing is swept away for want of a key"
    );
    mood.store(REJECTS, Ordering::SeqCst);
    assert_eq!(state(world.read(&episode("EP-1"))), NotReadable::Damaged { what: Damage::Wrap });
    mood.store(ANSWERS, Ordering::SeqCst);
    assert_eq!(world.version(&episode("EP-1")).expect("read"), 1);
    world.cache.recover().expect("recovered");
    let left: Vec<_> = disks.cache.files().into_keys().filter(|path| !path.ends_with("/lock")).collect();
    assert!(left.iter().all(|path| files.contains_key(path)), "{left:?}");
    mood.store(DOWN, Ordering::SeqCst);
    assert!(world.cache.purge(&episode("EP-1"), &assertion()).is_ok(), "destroying needs no key");
}

/// A command that keeps its key where it stands, as a hardware module would: it writes the bytes down under the
/// hash of what they are bound to.
const COMMAND: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
case "$1" in
id) echo module-7 ;;
wrap) read -r aad; read -r key; name=$(printf %s "$aad" | sha256sum | cut -c1-64); echo "$key" >"$name"; echo "$name" ;;
unwrap)
    read -r aad; read -r wrapped
    [ "$wrapped" = "$(printf %s "$aad" | sha256sum | cut -c1-64)" ] || exit 3
    cat "$wrapped" 2>/dev/null || exit 3 ;;
esac
"#;

fn script(home: &Path, text: &str) -> PathBuf {
    let path = home.join("key-command");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("mode");
    path
}

fn command(path: &Path, timeout: Duration) -> Result<KeyCommand, KeyCommandError> {
    KeyCommand::open(vec!["sh".into(), path.to_str().expect("text").into()], timeout)
}

#[test]
fn a_command_wraps_and_unwraps_and_its_refusals_are_told_apart() {
    let home = tempfile::tempdir().expect("temporary directory");
    let path = script(home.path(), COMMAND);
    let patient = Duration::from_secs(60);
    let disks = Disks::tiny();
    let world = with_key(&disks, Box::new(command(&path, patient).expect("opened")));
    world.write(&episode("EP-1"), 1).expect("written");
    assert_eq!(world.version(&episode("EP-1")).expect("read"), 1);
    assert_eq!(world.cache.keys_in_use().expect("counted").keys().collect::<Vec<_>>(), ["module-7"]);
    // From the command to a file and back: an epoch like any other.
    let (first, second) = (KeyFile::new(Secret::from_bytes(&EPOCHS[0])), command(&path, patient));
    let world = with_key(&disks, Box::new(first));
    let world =
        World { cache: world.cache.with_older_keys(vec![Box::new(second.expect("opened"))]), ..world };
    assert_eq!(world.cache.rotate().expect("rotated").rewrapped, 1);
    assert_eq!(world.version(&episode("EP-1")).expect("read"), 1);

    let key = command(&path, patient).expect("opened");
    let wrapped = key.wrap(&Secret::from_bytes(&[9; 32]), b"a", &SystemRandomness).expect("wrapped");
    assert_eq!(key.unwrap(&wrapped, b"a").expect("unwrapped").expose(), &[9; 32]);
    assert_eq!(key.unwrap(&wrapped, b"b").err(), Some(KeyError::Rejected));
}

#[test]
fn a_command_that_fails_hangs_or_talks_nonsense_is_unavailable() {
    let home = tempfile::tempdir().expect("temporary directory");
    let open = |text: &str, timeout| command(&script(home.path(), text), timeout).err();
    let patient = Duration::from_secs(60);
    assert_eq!(KeyCommand::open(Vec::new(), patient).err(), Some(KeyCommandError::Empty));
    assert_eq!(open("exit 1", patient), Some(KeyCommandError::Unavailable));
    assert_eq!(
        open("while :; do read -r x || sleep 60; done", Duration::ZERO),
        Some(KeyCommandError::Unavailable)
    );
    assert_eq!(open("echo 'two words'", patient), Some(KeyCommandError::Id));
    assert_eq!(open("exit 0", patient), Some(KeyCommandError::Id));
    let nonsense = "case $1 in id) echo k ;; *) echo nonsense ;; esac";
    let key = command(&script(home.path(), nonsense), patient).expect("opened");
    assert_eq!(key.unwrap(&[1], b"a").err(), Some(KeyError::Unavailable));
    let missing = KeyCommand::open(vec!["/nowhere/key-command".into()], patient);
    assert_eq!(missing.err(), Some(KeyCommandError::Unavailable));
}

#[test]
fn a_credential_of_the_service_manager_is_a_key_like_a_file() {
    let home = tempfile::tempdir().expect("temporary directory");
    let path = home.path().join("bedside.kek");
    Secret::from_bytes(&EPOCHS[0]).to_new_file(&path).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).expect("mode");
    assert!(KeyFile::open(&path).is_err(), "a key file is stricter");
    let key = KeyFile::from_credential(&path).expect("a credential");
    assert_eq!(key.id(), KeyFile::new(Secret::from_bytes(&EPOCHS[0])).id());
}
