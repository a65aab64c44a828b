//! A disk that tells of each operation before it does it, and whose locks may be as good as none.

use std::io::Result;
use std::sync::Arc;

use bedside_audit::disk::{Disk, Lock};

/// What is about to be done: the disk below, the path, and the bytes that are to be written there, if any.
pub(crate) type Hook = Box<dyn Fn(&dyn Disk, &str, Option<&[u8]>) + Send + Sync>;

pub(crate) struct HookDisk {
    inner: Arc<dyn Disk>,
    hook: Hook,
    locks: bool,
}

impl HookDisk {
    pub(crate) fn new(inner: Arc<dyn Disk>, hook: Hook) -> Arc<Self> {
        Arc::new(Self { inner, hook, locks: true })
    }

    /// With locks that exclude nobody, as a file system loses them that forgets who holds what.
    pub(crate) fn without_locks(inner: Arc<dyn Disk>, hook: Hook) -> Arc<Self> {
        Arc::new(Self { inner, hook, locks: false })
    }

    fn tell(&self, path: &str) -> &dyn Disk {
        (self.hook)(self.inner.as_ref(), path, None);
        self.inner.as_ref()
    }

    fn tell_bytes(&self, path: &str, bytes: &[u8]) -> &dyn Disk {
        (self.hook)(self.inner.as_ref(), path, Some(bytes));
        self.inner.as_ref()
    }
}

impl Disk for HookDisk {
    fn create_dir(&self, path: &str) -> Result<()> {
        self.tell(path).create_dir(path)
    }
    fn names(&self, path: &str) -> Result<Vec<String>> {
        self.tell(path).names(path)
    }
    fn lock(&self, path: &str) -> Result<Lock> {
        let lock = self.tell(path).lock(path)?;
        Ok(if self.locks { lock } else { Lock::holding(()) })
    }
    fn try_lock(&self, path: &str) -> Result<Option<Lock>> {
        let lock = self.tell(path).try_lock(path)?;
        Ok(if self.locks { lock } else { Some(Lock::holding(())) })
    }
    fn length(&self, path: &str) -> Result<u64> {
        self.tell(path).length(path)
    }
    fn read(&self, path: &str, from: u64) -> Result<Vec<u8>> {
        self.tell(path).read(path, from)
    }
    fn write_new(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.tell_bytes(path, bytes).write_new(path, bytes)
    }
    fn append(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.tell_bytes(path, bytes).append(path, bytes)
    }
    fn truncate(&self, path: &str, length: u64) -> Result<()> {
        self.tell(path).truncate(path, length)
    }
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.tell(from);
        self.tell(to).rename(from, to)
    }
    fn sync_dir(&self, path: &str) -> Result<()> {
        self.tell(path).sync_dir(path)
    }
    fn remove_file(&self, path: &str) -> Result<()> {
        self.tell(path).remove_file(path)
    }
    fn remove_dir(&self, path: &str) -> Result<()> {
        self.tell(path).remove_dir(path)
    }
    fn shred(&self, path: &str) -> Result<()> {
        self.tell(path).shred(path)
    }
}
