//! Files that nobody but their owner may read: keys, and what is as good as one (`security` sheet, section 8).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{self, FileType, Mode, OFlags};
use zeroize::Zeroizing;

use crate::disk::{require_private, sync_parent};

/// No more than so many bytes of a key file are read.
pub(crate) const SHORT: usize = 128;

/// Reads a file of mode 0400 or 0600 that belongs to the user who runs the process and is not a link, such as the key
/// of a TLS identity, as far as its length when it is opened.
///
/// # Errors
/// The system's, and [`io::ErrorKind::PermissionDenied`] when mode, owner or kind is wrong.
pub fn private_file(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = open(path)?;
    require_private(&file, FileType::RegularFile)?;
    let file = File::from(file);
    let length = file.metadata()?.len();
    // Reserved in advance: a buffer that grows leaves a copy behind that nothing wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or_default()));
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(crate) fn read_key_file(path: &Path) -> io::Result<String> {
    let file = open(path)?;
    require_private(&file, FileType::RegularFile)?;
    read_short(file)
}

/// Reads a credential that the service manager provides: owned by it or by us, and closed to others. Its mode
/// may show read access for a group, because an access control list that names our user shows so.
pub(crate) fn read_credential(path: &Path) -> io::Result<String> {
    let file = open(path)?;
    let stat = fs::fstat(&file)?;
    let owners = [0, rustix::process::geteuid().as_raw()];
    let private = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && owners.contains(&stat.st_uid)
        && stat.st_mode & 0o137 == 0;
    if !private {
        let reason = "it is not a credential: a file of the service manager's or our own, closed to others";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    read_short(file)
}

pub(crate) fn write_key_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(fs::open(path, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_parent(path)
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match fs::open(path, flags, Mode::empty()) {
        Err(rustix::io::Errno::LOOP) => {
            let reason = "it is a link: name the file itself";
            Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
        }
        opened => Ok(opened?),
    }
}

fn read_short(file: OwnedFd) -> io::Result<String> {
    // Reserved in advance, as above. The limit keeps a wrong file, however large, out of memory; a longer text is no key.
    let mut text = String::with_capacity(2 * SHORT);
    File::from(file).take(SHORT as u64).read_to_string(&mut text)?;
    Ok(text)
}
