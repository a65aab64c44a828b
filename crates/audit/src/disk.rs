//! The file system as the log and the cache use it: private directories, no link followed, durable writes.
//!
//! [`Disk`] is the trait through which a test plays faults or records what was done; [`LocalDisk`] is the
//! disk. Every path is relative to one root directory, `/` between names, and is resolved name by name with
//! `openat` and without following links, so that neither an id nor a swapped directory leads outside
//! (`security` sheet, T-13).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};

use crate::waiting::{self, PATIENCE};

/// What the log and the cache ask of a file system.
///
/// Directories are 0700 and files 0600, both owned by the user that the process runs as; anything looser is
/// refused with [`io::ErrorKind::PermissionDenied`], and a link where a file or directory should be is an
/// error. Every error is the system's or one of those; its text holds no content.
pub trait Disk: Send + Sync {
    /// Makes a directory; one that is there already is checked and kept.
    fn create_dir(&self, path: &str) -> io::Result<()>;
    /// The names in a directory, sorted.
    fn names(&self, path: &str) -> io::Result<Vec<String>>;
    /// Waits for the exclusive lock on a file, which is made when it is missing. The kernel frees the lock when
    /// the value is dropped or the process dies; it also excludes other threads of this process. Whoever has it for
    /// longer than work under it takes is not waited for: [`io::ErrorKind::WouldBlock`], which says who that is.
    fn lock(&self, path: &str) -> io::Result<Lock>;
    /// [`Disk::lock`] without waiting; `None` while somebody else holds it.
    fn try_lock(&self, path: &str) -> io::Result<Option<Lock>>;
    /// Length of a file in bytes.
    fn length(&self, path: &str) -> io::Result<u64>;
    /// The bytes of a file from an offset to its end.
    fn read(&self, path: &str, from: u64) -> io::Result<Vec<u8>>;
    /// Makes a file that is not there yet, with these bytes, durable before it returns.
    fn write_new(&self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// Adds bytes to the end of a file that is there, in one write, durable before it returns.
    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// Cuts a file to a length, durable before it returns.
    fn truncate(&self, path: &str, length: u64) -> io::Result<()>;
    /// Renames a file over another, or a directory; durable after [`Disk::sync_dir`].
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
    /// Replaces a small file as a whole, durable when it returns: written beside it under `<path>.tmp`, renamed over
    /// it. After an error the file is the old one or the new one, never a mixture.
    ///
    /// A disk that several machines share must refuse, with [`io::ErrorKind::ResourceBusy`], when another replaced
    /// the file since this one took the lock that guards it; on a local disk the lock itself sees to that.
    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let beside = format!("{path}.tmp");
        match self.remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.write_new(&beside, bytes)?;
        self.rename(&beside, path)?;
        self.sync_dir(path.rsplit_once('/').map_or("", |(parent, _)| parent))
    }
    /// Removes a file.
    fn remove_file(&self, path: &str) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &str) -> io::Result<()>;
    /// Removes a directory and everything in it, whatever that is: nothing in it is opened but directories. How many
    /// files there were.
    fn remove_tree(&self, path: &str) -> io::Result<u64> {
        let mut removed = 0;
        for name in self.names(path)? {
            let path = format!("{path}/{name}");
            removed += match self.remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::IsADirectory => self.remove_tree(&path)?,
                result => result.map(|()| 1)?,
            };
        }
        self.remove_dir(path)?;
        Ok(removed)
    }
    /// Overwrites a file's bytes, makes that durable, and removes the file; what is not a private file of our own is
    /// removed without being opened. On flash and copy-on-write storage
    /// the old bytes may survive the overwriting (`security` sheet, section 4.2).
    fn shred(&self, path: &str) -> io::Result<()>;
}

/// An exclusive lock, held until dropped.
pub struct Lock {
    _held: Box<dyn Send>,
}

impl Lock {
    /// The lock that lasts as long as that value.
    pub fn holding(value: impl Send + 'static) -> Self {
        Self { _held: Box::new(value) }
    }
}

/// A directory of the local file system and everything below it.
#[derive(Debug)]
pub struct LocalDisk {
    root: OwnedFd,
}

impl LocalDisk {
    /// Opens the directory, which is made with mode 0700 when it is missing; its parent must be there.
    ///
    /// # Errors
    /// The system's, [`io::ErrorKind::PermissionDenied`] for a link, a mode looser than 0700, another owner or a folder
    /// above it that others can write (`security` sheet, T-13), and [`io::ErrorKind::Unsupported`] for a network file system: its locks may be lost without a word and its
    /// syncs may mean less (`reliability` sheet, K-10).
    pub fn open(root: &Path) -> io::Result<Self> {
        let disk = Self::open_on_any_file_system(root)?;
        let kind = fs::fstatfs(&disk.root)?.f_type as u32;
        if NETWORK_FILE_SYSTEMS.contains(&kind) {
            let reason =
                "it lies on a network file system, whose locks cannot be relied on; use a local disk";
            return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
        }
        Ok(disk)
    }

    /// [`LocalDisk::open`] for a site that has made sure that its network file system keeps locks and syncs.
    ///
    /// # Errors
    /// As [`LocalDisk::open`], but for the kind of file system.
    pub fn open_on_any_file_system(root: &Path) -> io::Result<Self> {
        match fs::mkdir(root, Mode::RWXU) {
            Ok(()) => sync_parent(root)?,
            Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let folder = fs::open(root, DIRECTORY, Mode::empty())?;
        require_private(&folder, FileType::Directory)?;
        require_closed_parents(root)?;
        Ok(Self { root: folder })
    }

    fn directory(&self, path: &str) -> io::Result<OwnedFd> {
        let mut directory = fs::openat(&self.root, ".", DIRECTORY, Mode::empty())?;
        for name in path.split('/').filter(|_| !path.is_empty()) {
            directory = fs::openat(&directory, proper_name(name)?, DIRECTORY, Mode::empty())?;
            require_private(&directory, FileType::Directory).map_err(|error| of(path, error))?;
        }
        Ok(directory)
    }

    /// The directory that holds the last name of a path, and that name.
    fn parent<'p>(&self, path: &'p str) -> io::Result<(OwnedFd, &'p str)> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.directory(parent)?, proper_name(name)?))
    }

    fn file(&self, path: &str, flags: OFlags) -> io::Result<File> {
        let (parent, name) = self.parent(path)?;
        // Without NONBLOCK the opening of a planted FIFO would wait for ever.
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = fs::openat(&parent, name, flags, Mode::RUSR | Mode::WUSR)?;
        require_private(&file, FileType::RegularFile).map_err(|error| of(path, error))?;
        Ok(File::from(file))
    }
}

impl Disk for LocalDisk {
    fn create_dir(&self, path: &str) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        match fs::mkdirat(&parent, name, Mode::RWXU) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::EXIST) => self.directory(path).map(drop),
            Err(error) => Err(error.into()),
        }
    }

    fn names(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(self.directory(path)?)? {
            let entry = entry?;
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn lock(&self, path: &str) -> io::Result<Lock> {
        let file = self.file(path, OFlags::RDWR | OFlags::CREATE)?;
        waiting::lock(&file, PATIENCE).map_err(|error| of(path, error))?;
        Ok(Lock::holding(file))
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<Lock>> {
        let file = self.file(path, OFlags::RDWR | OFlags::CREATE)?;
        Ok(waiting::try_lock(&file)?.then(|| Lock::holding(file)))
    }

    fn length(&self, path: &str) -> io::Result<u64> {
        Ok(self.file(path, OFlags::RDONLY)?.metadata()?.len())
    }

    fn read(&self, path: &str, from: u64) -> io::Result<Vec<u8>> {
        let mut file = self.file(path, OFlags::RDONLY)?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write_new(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.file(path, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.file(path, OFlags::WRONLY | OFlags::APPEND)?;
        file.write_all(bytes)?;
        file.sync_data()
    }

    fn truncate(&self, path: &str, length: u64) -> io::Result<()> {
        let file = self.file(path, OFlags::WRONLY)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from_parent, from_name) = self.parent(from)?;
        let (to_parent, to_name) = self.parent(to)?;
        Ok(fs::renameat(&from_parent, from_name, &to_parent, to_name)?)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        Ok(fs::fsync(self.directory(path)?)?)
    }

    fn remove_file(&self, path: &str) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        Ok(fs::unlinkat(&parent, name, AtFlags::empty())?)
    }

    fn remove_dir(&self, path: &str) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        Ok(fs::unlinkat(&parent, name, AtFlags::REMOVEDIR)?)
    }

    fn remove_tree(&self, path: &str) -> io::Result<u64> {
        let (parent, name) = self.parent(path)?;
        Ok(remove_tree_at(&parent, name)?)
    }

    fn shred(&self, path: &str) -> io::Result<()> {
        let mut file = match self.file(path, OFlags::WRONLY) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return self.remove_file(path),
            file => file?,
        };
        let length = file.metadata()?.len();
        io::copy(&mut io::repeat(0).take(length), &mut file)?;
        file.sync_all()?;
        self.remove_file(path)
    }
}

/// Directories are opened whatever their mode is, and no link is followed.
fn remove_tree_at<N: rustix::path::Arg + Copy>(parent: &OwnedFd, name: N) -> rustix::io::Result<u64> {
    let mut removed = 0;
    let directory = fs::openat(parent, name, DIRECTORY, Mode::empty())?;
    for entry in fs::Dir::read_from(&directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        removed += match fs::unlinkat(&directory, name, AtFlags::empty()) {
            Err(rustix::io::Errno::ISDIR) => remove_tree_at(&directory, name)?,
            result => result.map(|()| 1)?,
        };
    }
    fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?;
    Ok(removed)
}

/// The refusal with the path that it is about.
fn of(path: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{path}: {error}"))
}

/// [`Disk::replace`].
///
/// # Errors
/// The disk's. The file is then the old one or the new one, never a mixture.
pub fn replace(disk: &dyn Disk, path: &str, bytes: &[u8]) -> io::Result<()> {
    disk.replace(path, bytes)
}

/// `None` where there is no such file or directory.
///
/// # Errors
/// Every other error of the disk.
pub fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// Refuses a directory that others could exchange for another: one below a directory that they can write. They may
/// where what is in it stays its owner's (the sticky bit, as of `/tmp`), and so may the group that the process runs as,
/// whose volume Kubernetes makes it (`fsGroup`).
fn require_closed_parents(directory: &Path) -> io::Result<()> {
    let (group, directory) = (rustix::process::getegid().as_raw(), directory.canonicalize()?);
    for parent in directory.ancestors().skip(1) {
        let stat = fs::stat(parent)?;
        let by_group = stat.st_mode & 0o020 != 0 && stat.st_gid != group;
        if stat.st_mode & 0o1000 == 0 && (by_group || stat.st_mode & 0o002 != 0) {
            let reason = format!("others can write {}, a folder above it: chmod go-w that", parent.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
        }
    }
    Ok(())
}

/// What `statfs` says of AFS, Ceph, CIFS, Coda, FUSE (sshfs and object stores among them), GFS2, Lustre, NFS, OCFS2,
/// SMB, SMB2 and 9P (`linux/magic.h`), of GPFS, BeeGFS, PanFS and the shared folders of VirtualBox.
const NETWORK_FILE_SYSTEMS: [u32; 16] = [
    0x4750_4653,
    0x1983_0326,
    0xaad7_aaea,
    0x786f_4256,
    0x5346_414f,
    0x00c3_6400,
    0xff53_4d42,
    0x7375_7245,
    0x6573_5546,
    0x0116_1970,
    0x0bd0_0bd0,
    0x0000_6969,
    0x7461_636f,
    0x0000_517b,
    0xfe53_4d42,
    0x0102_1997,
];

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn proper_name(name: &str) -> io::Result<&str> {
    let proper = !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']);
    if proper { Ok(name) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file name")) }
}

/// Refuses what is not of that kind, not ours, or open to group or others.
pub(crate) fn require_private(file: impl AsFd, kind: FileType) -> io::Result<()> {
    let stat = fs::fstat(file)?;
    let refuse = |reason| Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    if FileType::from_raw_mode(stat.st_mode) != kind {
        return refuse("it is not a regular file or directory as it should be");
    }
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return refuse("it belongs to another user than the one that runs this: chown it");
    }
    let (looser, reason) = match kind {
        FileType::Directory => (0o077, "its mode is looser than 0700: chmod it to 0700"),
        _ => (0o177, "its mode is looser than 0600: chmod it to 0600"),
    };
    if stat.st_mode & looser != 0 { refuse(reason) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn disk() -> (tempfile::TempDir, LocalDisk) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let disk = LocalDisk::open(&dir.path().join("root")).expect("opened");
        disk.create_dir("a").expect("made");
        disk.write_new("a/file", b"content").expect("written");
        (dir, disk)
    }

    #[test]
    fn what_is_made_is_private() {
        let (dir, disk) = disk();
        let mode =
            |path: &str| fs::metadata(dir.path().join(path)).expect("there").permissions().mode() & 0o777;
        disk.lock("lock").expect("locked");
        assert_eq!((mode("root"), mode("root/a"), mode("root/a/file")), (0o700, 0o700, 0o600));
        assert_eq!(mode("root/lock"), 0o600);
    }

    #[test]
    fn looser_modes_are_refused_wherever_they_are_on_the_way() {
        let (dir, disk) = disk();
        for (path, loose, right) in [("root/a", 0o750, 0o700), ("root/a/file", 0o640, 0o600)] {
            let path = dir.path().join(path);
            fs::set_permissions(&path, Permissions::from_mode(loose)).expect("mode");
            let error = disk.read("a/file", 0).expect_err("refused");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            assert!(disk.append("a/file", b"x").is_err());
            fs::set_permissions(&path, Permissions::from_mode(right)).expect("mode");
            assert_eq!(disk.read("a/file", 3).expect("read"), b"tent");
        }
        fs::set_permissions(dir.path().join("root"), Permissions::from_mode(0o755)).expect("mode");
        assert!(LocalDisk::open(&dir.path().join("root")).is_err());
    }

    #[test]
    fn a_folder_was_opened_below_one_in_which_others_could_exchange_it() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let above = dir.path().join("above");
        fs::create_dir_all(above.join("between")).expect("made");
        let opened = |mode| {
            fs::set_permissions(&above, Permissions::from_mode(mode)).expect("mode");
            LocalDisk::open(&above.join("between/root")).map(drop)
        };
        for open in [0o777, 0o757, 0o702] {
            let error = opened(open).expect_err("others can write it");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            assert!(error.to_string().contains("above, a folder above it: chmod go-w"), "{error}");
        }
        for closed in [0o755, 0o711, 0o1777] {
            opened(closed).expect("nobody else can exchange what is in it");
        }
        let group = |number| std::os::unix::fs::chown(&above, None, Some(number));
        group(rustix::process::getegid().as_raw()).expect("our own");
        opened(0o775).expect("our group's, as a volume of Kubernetes");
        // Only root gives a folder to a group that it is not in.
        if group(65_534).is_ok() {
            opened(0o775).expect_err("another group can write it");
        }
    }

    #[test]
    fn what_is_not_private_is_destroyed_unopened_and_below_a_looser_directory_nothing_is() {
        let (dir, disk) = disk();
        let (folder, file) = (dir.path().join("root/a"), dir.path().join("root/a/file"));
        fs::set_permissions(&folder, Permissions::from_mode(0o750)).expect("mode");
        assert!(disk.shred("a/file").is_err() && disk.remove_tree("a/file").is_err() && file.exists());
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("mode");
        fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("mode");
        disk.shred("a/file").expect("destroyed");
        assert!(!file.exists());
        // A tree goes whole: a link and not what it leads to, a name that is no text, a directory of any mode.
        let outside = dir.path().join("outside");
        fs::write(&outside, "precious").expect("written");
        symlink(&outside, folder.join("link")).expect("linked");
        fs::create_dir(folder.join("loose")).expect("made");
        let odd = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff");
        fs::write(folder.join("loose").join(odd), "x").expect("written");
        fs::set_permissions(folder.join("loose"), Permissions::from_mode(0o777)).expect("mode");
        assert_eq!(disk.remove_tree("a").expect("removed"), 2);
        assert!(!folder.exists() && outside.exists());
    }

    #[test]
    fn links_are_followed_nowhere() {
        let (dir, disk) = disk();
        let root = dir.path().join("root");
        symlink("a", root.join("b")).expect("link");
        symlink("file", root.join("a/link")).expect("link");
        symlink("root", dir.path().join("linked-root")).expect("link");
        assert!(disk.read("b/file", 0).is_err());
        assert!(disk.read("a/link", 0).is_err());
        assert!(disk.append("a/link", b"x").is_err() && disk.shred("a/link").is_err());
        assert!(disk.lock("a/link").is_err());
        assert!(disk.create_dir("b").is_err(), "a link to a directory is not a directory");
        assert!(LocalDisk::open(&dir.path().join("linked-root")).is_err());
        assert_eq!(disk.read("a/file", 0).expect("read"), b"content");
    }

    #[test]
    fn no_path_leaves_the_root() {
        let (_dir, disk) = disk();
        for path in ["..", "../x", "a/../../x", "/etc/passwd", "a//file", "a/.", "", "a/\0"] {
            assert!(disk.read(path, 0).is_err(), "{path:?}");
            assert!(disk.write_new(path, b"x").is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_fifo_is_refused_without_waiting_for_a_writer() {
        let (dir, disk) = disk();
        let path = dir.path().join("root/a/fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .expect("made");
        assert_eq!(disk.read("a/fifo", 0).expect_err("refused").kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_lock_is_tried_without_waiting() {
        let (_dir, disk) = disk();
        let held = disk.lock("a/lock").expect("locked");
        assert!(disk.try_lock("a/lock").expect("asked").is_none());
        drop(held);
        assert!(disk.try_lock("a/lock").expect("asked").is_some());
    }

    #[test]
    fn network_file_systems_are_told_from_local_ones() {
        for kind in [0x6969, 0xff53_4d42, 0x6573_5546] {
            assert!(NETWORK_FILE_SYSTEMS.contains(&kind));
        }
        // ext, XFS, Btrfs, tmpfs, overlay and ZFS are local.
        for kind in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0x2fc1_2fc1] {
            assert!(!NETWORK_FILE_SYSTEMS.contains(&kind));
        }
    }

    #[test]
    fn replacing_survives_what_an_earlier_attempt_left() {
        let (_dir, disk) = disk();
        disk.write_new("a/file.tmp", b"half").expect("written");
        replace(&disk, "a/file", b"new").expect("replaced");
        assert_eq!(disk.read("a/file", 0).expect("read"), b"new");
        assert_eq!(disk.names("a").expect("names"), ["file"]);
    }

    #[test]
    fn shredding_leaves_no_name_and_overwrites_what_a_second_name_sees() {
        let (dir, disk) = disk();
        fs::hard_link(dir.path().join("root/a/file"), dir.path().join("second")).expect("linked");
        disk.shred("a/file").expect("shredded");
        assert_eq!(fs::read(dir.path().join("second")).expect("read"), [0; 7]);
        assert!(disk.names("a").expect("names").is_empty());
    }
}
