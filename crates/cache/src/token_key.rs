//! A key-encryption key in a PKCS#11 token, which it never leaves.
//!
//! The mechanism is `CKM_AES_GCM` with a random 96-bit nonce and the binding as AAD: the bytes are those of
//! [`KeyFile`](crate::KeyFile), so that what is wrapped means the same wherever the key lives. `CKM_AES_KEY_WRAP`
//! takes no AAD, so nothing would tie a wrapped key to its episode; and it takes a key object, so every episode's
//! key would first have to be made one in the token, which many tokens refuse.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bedside_audit::{KeyFileError, Randomness, Secret, SystemRandomness, credential_line, hex, private_line};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use ring::aead::NONCE_LEN;
use zeroize::Zeroizing;

use crate::keys::{KeyEncryption, KeyError};
use crate::pkcs11_uri::{PinSource, Pkcs11Uri};
use crate::seal;

/// Bits of the tag that GCM appends.
const TAG_BITS: u64 = 128;

/// What a probe is bound to; no episode's key is.
const PROBE: &[u8] = b"bedside1|probe";

/// An AES-256 key in a token. Its id is made of the labels of token and key and of the key's `CKA_ID`: a copy in
/// another module of the same site is the same key.
pub struct TokenKey {
    uri: Pkcs11Uri,
    credentials: Option<PathBuf>,
    id: String,
    state: Mutex<State>,
}

/// Why there is no key from a token.
#[derive(Debug, thiserror::Error)]
pub enum TokenKeyError {
    /// The address is not one.
    #[error("not the address of a key in a token: {0}")]
    Uri(&'static str),
    /// The PIN's file is missing or not acceptable.
    #[error(transparent)]
    Pin(#[from] KeyFileError),
    /// A credential is named, and the service manager gives none.
    #[error(
        "the PIN is a credential, and CREDENTIALS_DIRECTORY, which the service manager sets, is not there"
    )]
    NoCredentials,
    /// The module cannot be loaded, or does not answer.
    #[error("the PKCS#11 module cannot be used: {0}")]
    Module(String),
    /// No token of that label is there, or several are.
    #[error("there are {0} tokens of that label, not one")]
    Tokens(usize),
    /// The token refused the PIN. It is not offered again: tokens lock after a few wrong ones.
    #[error("the token refused the PIN")]
    PinRefused,
    /// No AES key of that label is there, or several are.
    #[error("there are {0} AES keys of that label in the token, not one")]
    Keys(usize),
    /// The key could leave the token, or is not of 256 bits.
    #[error("the key is not an AES-256 key that is sensitive and not extractable")]
    Weak,
}

impl TokenKey {
    /// Opens the key at a PKCS#11 URI (RFC 7512) such as
    /// `pkcs11:token=bedside;object=kek?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/bedside/pin`.
    /// The PIN is in a file like a key file, or with `pin-source=credential:NAME` a credential in that folder
    /// (`$CREDENTIALS_DIRECTORY`).
    ///
    /// # Errors
    /// [`TokenKeyError`].
    pub fn open(uri: &str, credentials: Option<&Path>) -> Result<Self, TokenKeyError> {
        let uri = Pkcs11Uri::parse(uri).map_err(TokenKeyError::Uri)?;
        let credentials = credentials.map(Path::to_owned);
        let (open, id) = Open::connect(&uri, credentials.as_deref())?;
        Ok(Self { uri, credentials, id, state: Mutex::new(State::Open(open)) })
    }

    /// Does that in a session; once more in a new one when the session was lost, as after a restart of the module.
    fn in_session<T>(&self, work: impl Fn(&Open) -> Result<T, Error>) -> Result<T, KeyError> {
        // A thread that panicked left a whole state behind: a session, or none.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..2 {
            if matches!(*state, State::Lost) {
                *state = self.reconnect();
            }
            let State::Open(open) = &*state else { break };
            match work(open) {
                Ok(value) => return Ok(value),
                Err(error) if is_rejection(&error) => return Err(KeyError::Rejected),
                Err(_) => *state = State::Lost,
            }
        }
        Err(KeyError::Unavailable)
    }

    /// Whether the key works: what it encrypts, it decrypts. Tells a token that refuses some bytes with a general
    /// error from one that is not there.
    fn answers(&self) -> bool {
        let mut nonce = [0; NONCE_LEN];
        let random = SystemRandomness.fill(&mut nonce).is_ok();
        let probe = |open: &Open| {
            let (used, sealed) = open.encrypt(nonce, PROBE, &[0; 32])?;
            open.decrypt(used, PROBE, &sealed)
        };
        random && self.in_session(probe).is_ok()
    }

    fn reconnect(&self) -> State {
        match Open::connect(&self.uri, self.credentials.as_deref()) {
            Ok((open, id)) if id == self.id => State::Open(open),
            Err(TokenKeyError::PinRefused) => State::PinRefused,
            Ok(_) | Err(_) => State::Lost,
        }
    }
}

impl KeyEncryption for TokenKey {
    fn id(&self) -> &str {
        &self.id
    }

    fn wrap(&self, key: &Secret, aad: &[u8], randomness: &dyn Randomness) -> Result<Vec<u8>, KeyError> {
        let mut nonce = [0; NONCE_LEN];
        randomness.fill(&mut nonce).map_err(|_| KeyError::Unavailable)?;
        self.in_session(|open| {
            let (used, sealed) = open.encrypt(nonce, aad, key.expose())?;
            Ok([&used[..], &sealed].concat())
        })
    }

    fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Secret, KeyError> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::Rejected)?;
        if sealed.len() != 32 + TAG_BITS as usize / 8 {
            return Err(KeyError::Rejected);
        }
        let plain = match self.in_session(|open| open.decrypt(*nonce, aad, sealed)) {
            Err(KeyError::Unavailable) if self.answers() => return Err(KeyError::Rejected),
            plain => plain?,
        };
        let bytes = plain.first_chunk::<32>().filter(|_| plain.len() == 32).ok_or(KeyError::Rejected)?;
        Ok(Secret::from_bytes(bytes))
    }
}

enum State {
    Open(Open),
    /// To be opened again.
    Lost,
    /// Not to be opened again.
    PinRefused,
}

/// A session in which the key can be used.
struct Open {
    session: Session,
    key: ObjectHandle,
}

impl Open {
    /// What was encrypted, and the nonce: a module that makes nonces of its own writes the one that it used over ours.
    fn encrypt(
        &self,
        mut nonce: [u8; NONCE_LEN],
        aad: &[u8],
        plain: &[u8],
    ) -> Result<([u8; NONCE_LEN], Vec<u8>), Error> {
        let mechanism = Mechanism::AesGcm(GcmParams::new(&mut nonce, aad, TAG_BITS.into())?);
        let sealed = self.session.encrypt(&mechanism, self.key, plain)?;
        Ok((nonce, sealed))
    }

    fn decrypt(
        &self,
        mut nonce: [u8; NONCE_LEN],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mechanism = Mechanism::AesGcm(GcmParams::new(&mut nonce, aad, TAG_BITS.into())?);
        self.session.decrypt(&mechanism, self.key, sealed).map(Zeroizing::new)
    }

    /// Logs in, finds the key and looks whether it can leave; the session, and the key's id.
    fn connect(uri: &Pkcs11Uri, credentials: Option<&Path>) -> Result<(Self, String), TokenKeyError> {
        let module = module(&uri.module)?;
        let slot = slot(&module, &uri.token)?;
        let session = module.open_ro_session(slot).map_err(unusable)?;
        let line = match &uri.pin {
            PinSource::File(path) => private_line(path)?,
            PinSource::Credential(name) => {
                credential_line(&credentials.ok_or(TokenKeyError::NoCredentials)?.join(name))?
            }
        };
        match session.login(UserType::User, Some(&AuthPin::from(line.as_str()))) {
            // By another key of this process in the same token.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(Error::Pkcs11(
                RvError::PinIncorrect | RvError::PinLocked | RvError::PinExpired | RvError::PinLenRange,
                _,
            )) => return Err(TokenKeyError::PinRefused),
            Err(error) => return Err(unusable(error)),
        }
        let key = key_of(&session, &uri.object)?;
        let id = require_kept(&session, key)?;
        let id = [b"bedside1|pkcs11|", uri.token.as_bytes(), b"|", uri.object.as_bytes(), b"|", &id].concat();
        Ok((Self { session, key }, format!("pkcs11-{}", hex::encode(&seal::sha256(&id)[..8]))))
    }
}

/// The modules that this process has loaded. A module is one for the whole process, and so are its log-ins, so
/// that keys of several epochs in one token share it; it stays loaded until the process ends.
static MODULES: Mutex<Vec<(PathBuf, Pkcs11)>> = Mutex::new(Vec::new());

fn module(path: &Path) -> Result<Pkcs11, TokenKeyError> {
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, module)) = modules.iter().find(|(loaded, _)| loaded == path) {
        return Ok(module.clone());
    }
    let module = Pkcs11::new(path).map_err(unusable)?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(unusable(error)),
    }
    modules.push((path.to_owned(), module.clone()));
    Ok(module)
}

fn slot(module: &Pkcs11, label: &str) -> Result<Slot, TokenKeyError> {
    let slots = module.get_slots_with_initialized_token().map_err(unusable)?;
    let named = |slot: &Slot| module.get_token_info(*slot).is_ok_and(|token| token.label() == label);
    let slots: Vec<Slot> = slots.into_iter().filter(named).collect();
    if let [slot] = slots[..] { Ok(slot) } else { Err(TokenKeyError::Tokens(slots.len())) }
}

fn key_of(session: &Session, label: &str) -> Result<ObjectHandle, TokenKeyError> {
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    let keys = session.find_objects(&template).map_err(unusable)?;
    if let [key] = keys[..] { Ok(key) } else { Err(TokenKeyError::Keys(keys.len())) }
}

/// The key's `CKA_ID`, when it is of 256 bits and cannot leave the token.
fn require_kept(session: &Session, key: ObjectHandle) -> Result<Vec<u8>, TokenKeyError> {
    use AttributeType::{Extractable, Id, Sensitive, ValueLen};
    let found = session.get_attributes(key, &[Extractable, Sensitive, ValueLen, Id]).map_err(unusable)?;
    let (mut id, mut kept) = (Vec::new(), 0);
    for attribute in found {
        match attribute {
            Attribute::Extractable(false) | Attribute::Sensitive(true) => kept += 1,
            Attribute::ValueLen(length) if *length == 32 => kept += 1,
            Attribute::Id(bytes) => id = bytes,
            _ => {}
        }
    }
    if kept == 3 { Ok(id) } else { Err(TokenKeyError::Weak) }
}

fn unusable(error: Error) -> TokenKeyError {
    TokenKeyError::Module(match error {
        // The code alone: the library's texts run over several sentences.
        Error::Pkcs11(code, function) => format!("{function} said {code:?}"),
        error => error.to_string(),
    })
}

/// Whether the token says that the bytes or the binding are not what it wrapped. Some modules say no more than that
/// something failed, see [`TokenKey::answers`].
fn is_rejection(error: &Error) -> bool {
    matches!(error, Error::Pkcs11(RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange, _))
}
