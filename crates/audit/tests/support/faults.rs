//! A disk at whose n-th operation something happens, for the tests of the log and of the cache: it fails, once
//! or from then on, or somebody else is quicker.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bedside_audit::disk::{Disk, Lock};

/// What the failing operation leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not fail.
    None,
    /// Nothing: it fails before it does anything.
    Before,
    /// Half of the bytes that it should have written.
    Half,
    /// All of it, and still it reports a failure, as a sync does.
    After,
}

/// What happens at which operation; several disks may share one plan and count together.
pub(crate) struct Plan {
    at: u64,
    fault: Fault,
    /// From that operation on nothing works any more, which is how a killed process looks to its disk.
    for_ever: bool,
    /// Done just before that operation, which then goes on as if nothing had been.
    meddler: Mutex<Option<Meddler>>,
    done: AtomicU64,
}

/// What somebody else does meanwhile.
type Meddler = Box<dyn FnOnce() + Send>;

impl Plan {
    pub(crate) fn new(at: u64, fault: Fault, for_ever: bool) -> Arc<Self> {
        Arc::new(Self { at, fault, for_ever, meddler: Mutex::new(None), done: AtomicU64::new(0) })
    }

    pub(crate) fn meddling(at: u64, meddler: impl FnOnce() + Send + 'static) -> Arc<Self> {
        let meddler = Mutex::new(Some(Box::new(meddler) as Meddler));
        Arc::new(Self { at, fault: Fault::None, for_ever: false, meddler, done: AtomicU64::new(0) })
    }

    /// Number of operations asked for so far.
    pub(crate) fn operations(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    fn next(&self) -> Option<Fault> {
        let number = self.done.fetch_add(1, Ordering::SeqCst) + 1;
        match number.cmp(&self.at) {
            std::cmp::Ordering::Equal => {
                if let Some(meddle) = self.meddler.lock().expect("no panic").take() {
                    meddle();
                }
                Some(self.fault)
            }
            std::cmp::Ordering::Greater if self.for_ever => Some(Fault::Before),
            _ => None,
        }
    }
}

pub(crate) struct FaultDisk {
    inner: Arc<dyn Disk>,
    plan: Arc<Plan>,
}

impl FaultDisk {
    pub(crate) fn new(inner: Arc<dyn Disk>, plan: Arc<Plan>) -> Self {
        Self { inner, plan }
    }

    fn play<T>(&self, whole: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.play_write(whole, || Ok(()))
    }

    fn play_write<T>(
        &self,
        whole: impl FnOnce() -> io::Result<T>,
        half: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<T> {
        match self.plan.next() {
            None | Some(Fault::None) => return whole(),
            Some(Fault::Before) => {}
            Some(Fault::Half) => half()?,
            Some(Fault::After) => drop(whole()?),
        }
        Err(io::Error::other("played fault"))
    }
}

impl Disk for FaultDisk {
    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.play(|| self.inner.create_dir(path))
    }
    fn names(&self, path: &str) -> io::Result<Vec<String>> {
        self.play(|| self.inner.names(path))
    }
    fn lock(&self, path: &str) -> io::Result<Lock> {
        self.play(|| self.inner.lock(path))
    }
    fn try_lock(&self, path: &str) -> io::Result<Option<Lock>> {
        self.play(|| self.inner.try_lock(path))
    }
    fn length(&self, path: &str) -> io::Result<u64> {
        self.play(|| self.inner.length(path))
    }
    fn read(&self, path: &str, from: u64) -> io::Result<Vec<u8>> {
        self.play(|| self.inner.read(path, from))
    }
    fn write_new(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let half = || self.inner.write_new(path, &bytes[..bytes.len() / 2]);
        self.play_write(|| self.inner.write_new(path, bytes), half)
    }
    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let half = || self.inner.append(path, &bytes[..bytes.len() / 2]);
        self.play_write(|| self.inner.append(path, bytes), half)
    }
    fn truncate(&self, path: &str, length: u64) -> io::Result<()> {
        self.play(|| self.inner.truncate(path, length))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.play(|| self.inner.rename(from, to))
    }
    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.play(|| self.inner.sync_dir(path))
    }
    fn remove_file(&self, path: &str) -> io::Result<()> {
        self.play(|| self.inner.remove_file(path))
    }
    fn remove_dir(&self, path: &str) -> io::Result<()> {
        self.play(|| self.inner.remove_dir(path))
    }
    fn shred(&self, path: &str) -> io::Result<()> {
        // Overwritten and not removed.
        let half = || {
            let length = self.inner.length(path)?;
            self.inner.remove_file(path)?;
            self.inner.write_new(path, &vec![0; length as usize])
        };
        self.play_write(|| self.inner.shred(path), half)
    }
}
