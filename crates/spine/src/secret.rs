//! Files that nobody but their owner may read (`security` sheet, section 8).

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::TlsError;

/// Reads a secret through the handle whose mode was checked, so that it cannot be exchanged in between.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let unreadable = |source| TlsError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(TlsError::KeyTooOpen { path: path.to_owned(), mode });
    }
    let owner = metadata.uid();
    if owner != rustix::process::geteuid().as_raw() {
        return Err(TlsError::KeyOwner { path: path.to_owned(), owner });
    }
    // Sized beforehand: a buffer that grows leaves copies of it behind in freed memory.
    let mut secret = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
    file.read_to_end(&mut secret).map_err(unreadable)?;
    Ok(secret)
}

/// Reads one line of text, without the white space around it.
pub(crate) fn read_text(path: &Path) -> Result<Zeroizing<String>, TlsError> {
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| TlsError::Read {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"),
    })?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn a_key_that_others_may_read_is_refused_in_one_clear_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("client.key");
        fs::write(&key, "unread").expect("written");
        for mode in [0o640, 0o604, 0o620, 0o444, 0o777] {
            fs::set_permissions(&key, Permissions::from_mode(mode)).expect("set");
            let error = read(&key).expect_err("too open");
            assert!(matches!(error, TlsError::KeyTooOpen { mode: found, .. } if found == mode));
            let line = error.to_string();
            assert!(line.contains("client.key") && line.contains("chmod") && !line.contains('\n'), "{line}");
        }
        for mode in [0o600, 0o400] {
            fs::set_permissions(&key, Permissions::from_mode(mode)).expect("set");
            assert_eq!(read(&key).expect("closed").as_slice(), b"unread");
        }
    }
}
