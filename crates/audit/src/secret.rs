use std::io;
use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

use crate::{hex, private};

/// Where keys, salts and nonces come from, so that tests can play a source that fails.
pub trait Randomness: Send + Sync {
    /// Fills `bytes` with unpredictable ones.
    ///
    /// # Errors
    /// [`RandomnessFailed`] when the source gave none; `bytes` must then not be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessFailed>;
}

/// The source of randomness gave nothing. No key may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's source of randomness failed; no key was made")]
pub struct RandomnessFailed;

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessFailed> {
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), bytes).map_err(|_| RandomnessFailed)
    }
}

/// 256 bits that must stay secret: overwritten when dropped, never copied, never printed. On the heap, because a value
/// that is moved leaves a copy behind that nothing wipes.
pub struct Secret(Box<[u8; 32]>);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Secret {
    /// A fresh secret.
    ///
    /// # Errors
    /// [`RandomnessFailed`] when there is no randomness.
    pub fn random(randomness: &dyn Randomness) -> Result<Self, RandomnessFailed> {
        let mut secret = Self(Box::new([0; 32]));
        randomness.fill(secret.0.as_mut_slice())?;
        Ok(secret)
    }

    /// The secret that those bytes are; the caller wipes its own copy.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut secret = Self(Box::new([0; 32]));
        secret.0.copy_from_slice(bytes);
        secret
    }

    /// The bytes, for the one call that needs them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads a key file: 64 lower-case hexadecimal digits and a line end, mode 0400 or 0600, owned by the user
    /// that the process runs as, not a link (`security` sheet, section 8).
    ///
    /// # Errors
    /// [`KeyFileError::Refused`] when it cannot be opened or its mode, owner or kind is wrong,
    /// [`KeyFileError::Format`] when it does not hold a key.
    pub fn from_file(path: &Path) -> Result<Self, KeyFileError> {
        Self::from_text(path, private::read_key_file(path))
    }

    /// Reads a key from a credential that the service manager put into a file for this service alone, such as
    /// systemd below `$CREDENTIALS_DIRECTORY`: digits as in a key file, owned by root or by us, closed to others.
    ///
    /// # Errors
    /// As [`Secret::from_file`].
    pub fn from_credential(path: &Path) -> Result<Self, KeyFileError> {
        Self::from_text(path, private::read_credential(path))
    }

    fn from_text(path: &Path, read: io::Result<String>) -> Result<Self, KeyFileError> {
        let refused = |source| KeyFileError::Refused { path: path.display().to_string(), source };
        let text = Zeroizing::new(read.map_err(refused)?);
        let digits = text.strip_suffix('\n').unwrap_or(&text);
        let bytes = hex::decode::<32>(digits).map(Zeroizing::new);
        let bytes = bytes.ok_or_else(|| KeyFileError::Format { path: path.display().to_string() })?;
        Ok(Self::from_bytes(&bytes))
    }

    /// Writes the secret to a new key file of mode 0600.
    ///
    /// # Errors
    /// [`KeyFileError::Refused`] when the file exists or cannot be written.
    pub fn to_new_file(&self, path: &Path) -> Result<(), KeyFileError> {
        let mut text = Zeroizing::new(hex::encode(self.0.as_slice()));
        text.push('\n');
        private::write_key_file(path, text.as_bytes())
            .map_err(|source| KeyFileError::Refused { path: path.display().to_string(), source })
    }
}

/// Reads the one line of a file that its owner alone may read, such as the PIN of a token; at most 127 bytes.
///
/// # Errors
/// As [`Secret::from_file`], but that the line may be any that is not empty.
pub fn private_line(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    line_of(path, private::read_key_file(path))
}

/// [`private_line`] of a credential that the service manager put into a file, see [`Secret::from_credential`].
///
/// # Errors
/// As [`private_line`].
pub fn credential_line(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    line_of(path, private::read_credential(path))
}

fn line_of(path: &Path, read: io::Result<String>) -> Result<Zeroizing<String>, KeyFileError> {
    let path = || path.display().to_string();
    let text = Zeroizing::new(read.map_err(|source| KeyFileError::Refused { path: path(), source })?);
    let line = Zeroizing::new(text.strip_suffix('\n').unwrap_or(&text).to_owned());
    let whole = text.len() < private::SHORT && !line.is_empty() && !line.contains('\n');
    if whole { Ok(line) } else { Err(KeyFileError::Line { path: path() }) }
}

/// Why a key file was not used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be opened or written, or its mode, owner or kind is not acceptable.
    #[error("key file {path} was refused: {source}")]
    Refused {
        /// Where it is.
        path: String,
        /// What the system or the check said.
        source: io::Error,
    },
    /// It does not hold a key.
    #[error(
        "key file {path} does not hold 64 lower-case hexadecimal digits; make one with `openssl rand -hex 32`"
    )]
    Format {
        /// Where it is.
        path: String,
    },
    /// It does not hold one line.
    #[error("file {path} does not hold one line of at most 127 bytes")]
    Line {
        /// Where it is.
        path: String,
    },
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_key_file_is_read_back_and_never_overwritten() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("kek");
        let secret = Secret::random(&SystemRandomness).expect("randomness");
        secret.to_new_file(&path).expect("written");
        assert_eq!(Secret::from_file(&path).expect("read").expose(), secret.expose());
        assert!(matches!(secret.to_new_file(&path), Err(KeyFileError::Refused { .. })));
    }

    #[test]
    fn looser_modes_links_and_directories_are_refused() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("kek");
        Secret::from_bytes(&[7; 32]).to_new_file(&path).expect("written");
        for mode in [0o640, 0o604, 0o644, 0o620, 0o700, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
            assert!(matches!(Secret::from_file(&path), Err(KeyFileError::Refused { .. })), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("mode");
        assert!(Secret::from_file(&path).is_ok());
        symlink(&path, dir.path().join("link")).expect("link");
        assert!(matches!(Secret::from_file(&dir.path().join("link")), Err(KeyFileError::Refused { .. })));
        assert!(matches!(Secret::from_file(dir.path()), Err(KeyFileError::Refused { .. })));
    }

    #[test]
    fn a_credential_may_be_readable_by_a_group_and_by_nobody_else() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("kek");
        Secret::from_bytes(&[7; 32]).to_new_file(&path).expect("written");
        for (mode, accepted) in
            [(0o400, true), (0o440, true), (0o600, true), (0o444, false), (0o460, false), (0o500, false)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
            assert_eq!(Secret::from_credential(&path).is_ok(), accepted, "{mode:o}");
        }
        symlink(&path, dir.path().join("link")).expect("link");
        assert!(Secret::from_credential(&dir.path().join("link")).is_err());
    }

    #[test]
    fn a_line_is_read_from_a_private_file_that_holds_nothing_else() {
        let dir = tempfile::tempdir().expect("temporary directory");
        for (index, (text, expected)) in [
            ("1234\n", Some("1234")),
            (" 12 34", Some(" 12 34")),
            ("", None),
            ("\n", None),
            ("12\n34\n", None),
            (&"1".repeat(128), None),
        ]
        .into_iter()
        .enumerate()
        {
            let path = dir.path().join(index.to_string());
            private::write_key_file(&path, text.as_bytes()).expect("written");
            assert_eq!(private_line(&path).ok().as_deref().map(String::as_str), expected, "{text:?}");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).expect("mode");
            assert!(matches!(private_line(&path), Err(KeyFileError::Refused { .. })));
            assert_eq!(credential_line(&path).ok().as_deref().map(String::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused_without_being_repeated() {
        let dir = tempfile::tempdir().expect("temporary directory");
        for (index, text) in ["", "secretish", &"AB".repeat(32), &"ab".repeat(33)].into_iter().enumerate() {
            let path = dir.path().join(index.to_string());
            private::write_key_file(&path, text.as_bytes()).expect("written");
            let message = match Secret::from_file(&path) {
                Err(error @ KeyFileError::Format { .. }) => error.to_string(),
                _ => panic!("accepted {text:?}"),
            };
            assert!(text.is_empty() || !message.contains(text));
        }
    }
}
