//! A key-encryption key in a PKCS#11 token, against SoftHSM. Where there is none, the tests say SKIPPED.

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
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bedside_audit::{AuditLog, Pepper, hex};
use bedside_cache::{
    Cache, KeyEncryption, KeyError, KeyFile, Secret, SystemRandomness, TokenKey, TokenKeyError,
};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use world::{Disks, TestClock, World, episode};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "1234";
/// Where the child of a test finds its token.
const HOME: &str = "BEDSIDE_TOKEN_HOME";

/// A token of its own with the keys `kek` (bytes of 1) and `next`, in which a child process does the test: the
/// module reads where its tokens are from the environment, once.
fn in_a_token(test: &str, body: impl FnOnce(&Token)) {
    if let Some(home) = std::env::var_os(HOME) {
        return body(&Token { home: home.into() });
    }
    if !Path::new(MODULE).exists() || Command::new("softhsm2-util").arg("--version").output().is_err() {
        // Not captured, so that it is seen when the test passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: there is no softhsm2");
        return;
    }
    let home = tempfile::tempdir().expect("temporary directory");
    let (tokens, conf) = (home.path().join("tokens"), home.path().join("softhsm2.conf"));
    fs::create_dir(&tokens).expect("made");
    fs::write(&conf, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()))
        .expect("written");
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "bedside", "--so-pin", "5678", "--pin", PIN])
        .env("SOFTHSM2_CONF", &conf)
        .output()
        .expect("ran");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture"])
        .envs([(HOME, home.path()), ("SOFTHSM2_CONF", &conf)])
        .output()
        .expect("ran");
    let said = [child.stdout, child.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

struct Token {
    home: PathBuf,
}

impl Token {
    /// The token with its keys, and a file with its PIN.
    fn with_keys(&self) -> &Self {
        self.pin(PIN);
        let session = self.session();
        for (label, byte) in [("kek", 1), ("next", 2)] {
            session.create_object(&key(label, &[byte; 32], false)).expect("made");
        }
        self
    }

    fn pin(&self, pin: &str) {
        let path = self.home.join("pin");
        fs::write(&path, format!("{pin}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode");
    }

    /// A session of whoever looks after the token.
    fn session(&self) -> Session {
        let module = Pkcs11::new(MODULE).expect("loaded");
        // The key under test may have begun with the module before.
        let _ = module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
        let slot = module.get_slots_with_initialized_token().expect("slots")[0];
        let session = module.open_rw_session(slot).expect("opened");
        let _ = session.login(UserType::User, Some(&AuthPin::from(PIN)));
        session
    }

    fn uri(&self, key: &str) -> String {
        let pin = self.home.join("pin");
        format!("pkcs11:token=bedside;object={key}?module-path={MODULE}&pin-source=file:{}", pin.display())
    }

    fn open(&self, key: &str) -> Result<TokenKey, TokenKeyError> {
        TokenKey::open(&self.uri(key), None)
    }
}

fn key(label: &str, bytes: &[u8], extractable: bool) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(label.as_bytes().to_vec()),
        Attribute::Value(bytes.to_vec()),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(extractable),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
    ]
}

fn world(disks: &Disks, key: Box<dyn KeyEncryption>, older: Vec<Box<dyn KeyEncryption>>) -> World {
    let clock = Arc::new(TestClock::new());
    let pepper = Pepper::new(Secret::from_bytes(&[12; 32]));
    let audit = AuditLog::open_on(disks.audit.clone(), pepper, clock.clone()).expect("opened");
    let cache =
        Cache::open_on(disks.cache.clone(), Arc::new(SystemRandomness), key, Arc::new(audit), clock.clone());
    World { cache: cache.expect("opened").with_older_keys(older), clock, tables: disks.tables }
}

#[test]
fn a_token_wraps_as_a_key_file_does_and_refuses_what_it_did_not_wrap() {
    in_a_token("a_token_wraps_as_a_key_file_does_and_refuses_what_it_did_not_wrap", |token| {
        let kek = token.with_keys().open("kek").expect("opened");
        let secret = Secret::from_bytes(&[9; 32]);
        let wrapped = kek.wrap(&secret, b"a", &SystemRandomness).expect("wrapped");
        assert_eq!(kek.unwrap(&wrapped, b"a").expect("unwrapped").expose(), &[9; 32]);
        // The same construction as another implementation's: Python `cryptography`, see the tests of key files.
        let known = hex::decode_any("000000000000000000000000b63c91d57c320ab69a709b4c782dc848bccf96b98c963df3c52d07dc07df6712b016fbac67a8d6c7e89796cf734a6f8e").expect("hexadecimal");
        assert_eq!(kek.unwrap(&known, b"a").expect("unwrapped").expose(), &[9; 32]);
        let file = KeyFile::new(Secret::from_bytes(&[1; 32]));
        assert_eq!(file.unwrap(&wrapped, b"a").expect("unwrapped").expose(), &[9; 32]);

        assert_eq!(kek.unwrap(&wrapped, b"b").err(), Some(KeyError::Rejected));
        let next = token.open("next").expect("opened");
        assert_eq!(next.unwrap(&wrapped, b"a").err(), Some(KeyError::Rejected));
        for position in 0..wrapped.len() {
            let mut flipped = wrapped.clone();
            flipped[position] ^= 1;
            assert_eq!(kek.unwrap(&flipped, b"a").err(), Some(KeyError::Rejected), "{position}");
            assert_eq!(kek.unwrap(&wrapped[..position], b"a").err(), Some(KeyError::Rejected));
        }
        let nonces: std::collections::HashSet<Vec<u8>> = (0..100)
            .map(|_| kek.wrap(&secret, b"a", &SystemRandomness).expect("wrapped")[..12].to_vec())
            .collect();
        assert_eq!(nonces.len(), 100, "every wrap has its own nonce");
    });
}

#[test]
fn episodes_live_on_a_token_and_move_to_its_next_key() {
    in_a_token("episodes_live_on_a_token_and_move_to_its_next_key", |token| {
        let disks = Disks::tiny();
        let open = |key| Box::new(token.open(key).expect("opened")) as Box<dyn KeyEncryption>;
        token.with_keys();
        let first = world(&disks, open("kek"), Vec::new());
        first.write(&episode("EP-1"), 1).expect("written");
        assert_eq!(first.version(&episode("EP-1")).expect("read"), 1);
        let second = world(&disks, open("next"), vec![open("kek")]);
        assert_eq!(second.cache.rotate().expect("rotated").rewrapped, 1);
        let used = second.cache.keys_in_use().expect("counted");
        let ids: Vec<&str> = used.keys().map(String::as_str).collect();
        assert_eq!(ids, [open("next").id()]);
        assert!(ids[0].starts_with("pkcs11-") && open("kek").id() != ids[0]);
        // The epoch before is destroyed in the token; nothing needs it any more.
        let session = token.session();
        let label = Attribute::Label(b"kek".to_vec());
        let old = session.find_objects(&[label]).expect("found");
        session.destroy_object(old[0]).expect("destroyed");
        let third = world(&disks, open("next"), Vec::new());
        assert_eq!(third.version(&episode("EP-1")).expect("read"), 1);
    });
}

#[test]
fn a_key_that_is_not_there_not_alone_or_could_leave_is_refused() {
    in_a_token("a_key_that_is_not_there_not_alone_or_could_leave_is_refused", |token| {
        let session = token.with_keys().session();
        assert!(matches!(token.open("none").err(), Some(TokenKeyError::Keys(0))));
        session.create_object(&key("twice", &[3; 32], false)).expect("made");
        session.create_object(&key("twice", &[4; 32], false)).expect("made");
        assert!(matches!(token.open("twice").err(), Some(TokenKeyError::Keys(2))));
        session.create_object(&key("loose", &[5; 32], true)).expect("made");
        assert!(matches!(token.open("loose").err(), Some(TokenKeyError::Weak)));
        session.create_object(&key("short", &[6; 16], false)).expect("made");
        assert!(matches!(token.open("short").err(), Some(TokenKeyError::Weak)));
        let other = token.uri("kek").replace("token=bedside", "token=elsewhere");
        assert!(matches!(TokenKey::open(&other, None).err(), Some(TokenKeyError::Tokens(0))));
        let missing = token.uri("kek").replace("libsofthsm2", "libnowhere");
        assert!(matches!(TokenKey::open(&missing, None).err(), Some(TokenKeyError::Module(_))));
    });
}

#[test]
fn a_pin_comes_from_a_private_file_or_a_credential_and_is_offered_once() {
    in_a_token("a_pin_comes_from_a_private_file_or_a_credential_and_is_offered_once", |token| {
        token.with_keys();
        let pin = token.home.join("pin");
        fs::set_permissions(&pin, fs::Permissions::from_mode(0o440)).expect("mode");
        assert!(matches!(token.open("kek").err(), Some(TokenKeyError::Pin(_))), "others may read it");
        let uri = token.uri("kek").replace(&format!("file:{}", pin.display()), "credential:pin");
        assert!(matches!(TokenKey::open(&uri, None).err(), Some(TokenKeyError::NoCredentials)));
        let kek = TokenKey::open(&uri, Some(&token.home)).expect("a credential");

        // Somebody changes the PIN and the log-in is lost: the key says that it is not there, and tries the wrong PIN
        // once, so that the token is not locked for the right one.
        let session = token.session();
        session.set_pin(&AuthPin::from(PIN), &AuthPin::from("8765")).expect("changed");
        session.logout().expect("logged out");
        drop(session);
        for _ in 0..20 {
            let wrapped = kek.wrap(&Secret::from_bytes(&[9; 32]), b"a", &SystemRandomness);
            assert_eq!(wrapped.err(), Some(KeyError::Unavailable));
        }
        token.pin("8765");
        assert!(token.open("kek").is_ok(), "with the right PIN it opens again");
        let message = TokenKey::open(&uri.replace("kek", "none"), Some(&token.home)).err().expect("refused");
        assert!(!message.to_string().contains("8765"));
    });
}

#[test]
fn a_lost_session_is_opened_again() {
    in_a_token("a_lost_session_is_opened_again", |token| {
        let kek = token.with_keys().open("kek").expect("opened");
        let wrapped = kek.wrap(&Secret::from_bytes(&[9; 32]), b"a", &SystemRandomness).expect("wrapped");
        // A restart of the module takes every session and log-in with it.
        let module = Pkcs11::new(MODULE).expect("loaded");
        module.clone().finalize().expect("finalized");
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).expect("begun again");
        assert_eq!(kek.unwrap(&wrapped, b"a").expect("unwrapped").expose(), &[9; 32]);
    });
}
