//! A disk that tells of each operation before it does it, and whose locks may be as good as none, or never come free.

use std::io::{ErrorKind, Result};
use std::sync::Arc;

use bedside_audit::disk::{Disk, Lock};

/// What is about to be done at a path.
pub(crate) enum About<'a> {
    /// It is looked at.
    Look,
    /// It is locked, made, renamed, made durable or removed.
    Change,
    /// These bytes are written there.
    Write(&'a [u8]),
}

/// Told before each operation, with the disk below.
pub(crate) type Hook = Box<dyn Fn(&dyn Disk, &str, About<'_>) + Send + Sync>;

/// What becomes of whoever asks for a lock.
enum Locks {
    Kept,
    Forgotten,
    NeverGivenBack,
}

pub(crate) struct HookDisk {
    inner: Arc<dyn Disk>,
    hook: Hook,
    locks: Locks,
}

impl HookDisk {
    pub(crate) fn new(inner: Arc<dyn Disk>, hook: Hook) -> Arc<Self> {
        Arc::new(Self { inner, hook, locks: Locks::Kept })
    }

    /// With locks that exclude nobody, as a file system loses them that forgets who holds what.
    pub(crate) fn without_locks(inner: Arc<dyn Disk>, hook: Hook) -> Arc<Self> {
        Arc::new(Self { inner, hook, locks: Locks::Forgotten })
    }

    /// With the locks of episodes in the hands of a process that hangs.
    pub(crate) fn beside_one_that_hangs(inner: Arc<dyn Disk>) -> Arc<Self> {
        Arc::new(Self { inner, hook: Box::new(|_, _, _| {}), locks: Locks::NeverGivenBack })
    }

    fn tell(&self, path: &str, about: About<'_>) -> &dyn Disk {
        (self.hook)(self.inner.as_ref(), path, about);
        self.inner.as_ref()
    }
}

impl Disk for HookDisk {
    fn create_dir(&self, path: &str) -> Result<()> {
        self.tell(path, About::Change).create_dir(path)
    }
    fn names(&self, path: &str) -> Result<Vec<String>> {
        self.tell(path, About::Look).names(path)
    }
    fn lock(&self, path: &str) -> Result<Lock> {
        let lock = self.tell(path, About::Change).lock(path)?;
        match self.locks {
            Locks::Kept => Ok(lock),
            Locks::Forgotten => Ok(Lock::holding(())),
            Locks::NeverGivenBack if !path.starts_with("episodes/") => Ok(lock),
            Locks::NeverGivenBack => Err(ErrorKind::WouldBlock.into()),
        }
    }
    fn try_lock(&self, path: &str) -> Result<Option<Lock>> {
        let lock = self.tell(path, About::Change).try_lock(path)?;
        Ok(if matches!(self.locks, Locks::Forgotten) { Some(Lock::holding(())) } else { lock })
    }
    fn length(&self, path: &str) -> Result<u64> {
        self.tell(path, About::Look).length(path)
    }
    fn read(&self, path: &str, from: u64) -> Result<Vec<u8>> {
        self.tell(path, About::Look).read(path, from)
    }
    fn write_new(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.tell(path, About::Write(bytes)).write_new(path, bytes)
    }
    fn append(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.tell(path, About::Write(bytes)).append(path, bytes)
    }
    fn truncate(&self, path: &str, length: u64) -> Result<()> {
        self.tell(path, About::Change).truncate(path, length)
    }
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.tell(from, About::Change).rename(from, to)
    }
    fn sync_dir(&self, path: &str) -> Result<()> {
        self.tell(path, About::Change).sync_dir(path)
    }
    fn remove_file(&self, path: &str) -> Result<()> {
        self.tell(path, About::Change).remove_file(path)
    }
    fn remove_dir(&self, path: &str) -> Result<()> {
        self.tell(path, About::Change).remove_dir(path)
    }
    fn shred(&self, path: &str) -> Result<()> {
        self.tell(path, About::Change).shred(path)
    }
}
