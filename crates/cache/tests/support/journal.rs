//! A disk that writes down what it was asked to do, and the states in which a loss of power may leave it.
//!
//! The model is that of a POSIX file system: bytes are on the disk after the file's sync, names after the sync of
//! their directory, and until then any of them may be there or not, whatever their order; bytes that were not
//! synced may be there in part, in sectors of 512 bytes and pages of 4 KiB, with zeros for what is missing.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Result;
use std::sync::{Arc, Mutex};

use bedside_audit::disk::{Disk, Lock};

use crate::memory::MemoryDisk;

/// Which of the two disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Cache,
    Audit,
}

/// One thing that was asked of a disk.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    MakeDir(String),
    Create(String),
    Rename(String, String),
    Unlink(String),
    RemoveDir(String),
    /// Bytes of a file from an offset on.
    Bytes(String, usize, Vec<u8>),
    Truncate(String, usize),
    SyncFile(String),
    SyncDir(String),
}

/// What both disks were asked, in order.
pub(crate) type Journal = Arc<Mutex<Vec<(Side, Op)>>>;

pub(crate) struct JournalDisk {
    side: Side,
    inner: Arc<MemoryDisk>,
    journal: Journal,
}

impl JournalDisk {
    pub(crate) fn new(side: Side, inner: Arc<MemoryDisk>, journal: &Journal) -> Arc<Self> {
        Arc::new(Self { side, inner, journal: Arc::clone(journal) })
    }

    fn note(&self, ops: impl IntoIterator<Item = Op>) {
        self.journal.lock().expect("no panic").extend(ops.into_iter().map(|op| (self.side, op)));
    }

    fn note_new(&self, path: &str, there: bool) {
        if !there {
            self.note([Op::Create(path.to_owned())]);
        }
    }
}

impl Disk for JournalDisk {
    fn create_dir(&self, path: &str) -> Result<()> {
        let there = self.inner.names(path).is_ok();
        self.inner.create_dir(path)?;
        if !there {
            self.note([Op::MakeDir(path.to_owned())]);
        }
        Ok(())
    }
    fn names(&self, path: &str) -> Result<Vec<String>> {
        self.inner.names(path)
    }
    fn lock(&self, path: &str) -> Result<Lock> {
        let there = self.inner.length(path).is_ok();
        let lock = self.inner.lock(path)?;
        self.note_new(path, there);
        Ok(lock)
    }
    fn try_lock(&self, path: &str) -> Result<Option<Lock>> {
        let there = self.inner.length(path).is_ok();
        let lock = self.inner.try_lock(path)?;
        self.note_new(path, there);
        Ok(lock)
    }
    fn length(&self, path: &str) -> Result<u64> {
        self.inner.length(path)
    }
    fn read(&self, path: &str, from: u64) -> Result<Vec<u8>> {
        self.inner.read(path, from)
    }
    fn write_new(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.inner.write_new(path, bytes)?;
        let path = path.to_owned();
        self.note([Op::Create(path.clone()), Op::Bytes(path.clone(), 0, bytes.to_vec()), Op::SyncFile(path)]);
        Ok(())
    }
    fn append(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let from = self.inner.length(path)? as usize;
        self.inner.append(path, bytes)?;
        self.note([Op::Bytes(path.to_owned(), from, bytes.to_vec()), Op::SyncFile(path.to_owned())]);
        Ok(())
    }
    fn truncate(&self, path: &str, length: u64) -> Result<()> {
        self.inner.truncate(path, length)?;
        self.note([Op::Truncate(path.to_owned(), length as usize), Op::SyncFile(path.to_owned())]);
        Ok(())
    }
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.inner.rename(from, to)?;
        self.note([Op::Rename(from.to_owned(), to.to_owned())]);
        Ok(())
    }
    fn sync_dir(&self, path: &str) -> Result<()> {
        self.inner.sync_dir(path)?;
        self.note([Op::SyncDir(path.to_owned())]);
        Ok(())
    }
    fn remove_file(&self, path: &str) -> Result<()> {
        self.inner.remove_file(path)?;
        self.note([Op::Unlink(path.to_owned())]);
        Ok(())
    }
    fn remove_dir(&self, path: &str) -> Result<()> {
        self.inner.remove_dir(path)?;
        self.note([Op::RemoveDir(path.to_owned())]);
        Ok(())
    }
    fn shred(&self, path: &str) -> Result<()> {
        let length = self.inner.length(path)? as usize;
        self.inner.remove_file(path)?;
        let path = path.to_owned();
        let zeros = Op::Bytes(path.clone(), 0, vec![0; length]);
        self.note([zeros, Op::SyncFile(path.clone()), Op::Unlink(path)]);
        Ok(())
    }
}

/// A file's bytes, shared by the states that hold it, and their hash.
#[derive(Clone)]
struct Bytes(u64, Arc<Vec<u8>>);

impl Bytes {
    fn new(bytes: Vec<u8>) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self(hasher.finish(), Arc::new(bytes))
    }
}

/// Both disks as a loss of power left them.
#[derive(Clone)]
pub(crate) struct Image {
    entries: [BTreeMap<String, Option<Bytes>>; 2],
}

impl Image {
    /// The disks before anything was asked of them.
    pub(crate) fn of(cache: &MemoryDisk, audit: &MemoryDisk) -> Self {
        let entries = |disk: &MemoryDisk| {
            disk.everything().into_iter().map(|(path, bytes)| (path, bytes.map(Bytes::new))).collect()
        };
        Self { entries: [entries(cache), entries(audit)] }
    }

    /// Tells states of the same content as the same.
    pub(crate) fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for entries in &self.entries {
            for (path, bytes) in entries {
                (path, bytes.as_ref().map(|bytes| bytes.0)).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    pub(crate) fn disk(&self, side: Side) -> Arc<MemoryDisk> {
        let entries = self.entries[side as usize].iter();
        let entries = entries.map(|(path, bytes)| (path.clone(), bytes.as_ref().map(|it| it.1.to_vec())));
        Arc::new(MemoryDisk::holding(entries.collect()))
    }

    /// Carries out what reached the disk; what has nothing to stand on, because something before it was lost, is
    /// lost too.
    fn apply(&mut self, side: Side, op: &Op) {
        let entries = &mut self.entries[side as usize];
        let parent_there = |entries: &BTreeMap<String, Option<Bytes>>, path: &str| {
            path.rsplit_once('/').is_none_or(|(parent, _)| matches!(entries.get(parent), Some(None)))
        };
        match op {
            Op::MakeDir(path) if parent_there(entries, path) => {
                entries.entry(path.clone()).or_insert(None);
            }
            Op::Create(path) if parent_there(entries, path) => {
                entries.entry(path.clone()).or_insert_with(|| Some(Bytes::new(Vec::new())));
            }
            Op::Rename(from, to) => move_all(entries, from, to),
            Op::Unlink(path) => drop(entries.remove(path)),
            Op::RemoveDir(path) => {
                let below = format!("{path}/");
                entries.retain(|name, _| name != path && !name.starts_with(&below));
            }
            Op::Bytes(path, from, bytes) => {
                if let Some(Some(file)) = entries.get_mut(path) {
                    let mut whole = file.1.to_vec();
                    whole.resize(whole.len().max(from + bytes.len()), 0);
                    whole[*from..from + bytes.len()].copy_from_slice(bytes);
                    *file = Bytes::new(whole);
                }
            }
            Op::Truncate(path, length) => {
                if let Some(Some(file)) = entries.get_mut(path) {
                    let mut whole = file.1.to_vec();
                    whole.resize(*length, 0);
                    *file = Bytes::new(whole);
                }
            }
            Op::MakeDir(_) | Op::Create(_) | Op::SyncFile(_) | Op::SyncDir(_) => {}
        }
    }
}

fn move_all(entries: &mut BTreeMap<String, Option<Bytes>>, from: &str, to: &str) {
    if !entries.contains_key(from) {
        return;
    }
    let below = format!("{from}/");
    let moved: Vec<String> =
        entries.keys().filter(|path| *path == from || path.starts_with(&below)).cloned().collect();
    for path in moved {
        if let Some(entry) = entries.remove(&path) {
            entries.insert(format!("{to}{}", &path[from.len()..]), entry);
        }
    }
}

/// Hands every state that a loss of power at any moment of the journal may leave to `visit`; how many there are,
/// those of the same content counted each time.
pub(crate) fn crash_states(base: &Image, journal: &[(Side, Op)], visit: &mut dyn FnMut(Image)) -> u64 {
    let mut count = 0;
    for end in 0..=journal.len() {
        let done = &journal[..end];
        let pending: Vec<usize> = (0..end).filter(|index| is_pending(done, *index)).collect();
        let mut tell = |image: Image| {
            count += 1;
            visit(image);
        };
        // What reached the disk in order, and then nothing.
        for kept in 0..=pending.len() {
            tell(replay(base, done, &pending[kept..], None));
        }
        // Out of order: any up to three of them did not, or no more than three of them did.
        for_each_few(&pending, &mut |few| {
            tell(replay(base, done, few, None));
            let others: Vec<usize> = pending.iter().copied().filter(|index| !few.contains(index)).collect();
            tell(replay(base, done, &others, None));
        });
        // The last bytes in part.
        if let Some((_, Op::Bytes(path, from, bytes))) = done.last() {
            for torn in torn(path, *from, bytes) {
                tell(replay(base, &done[..end - 1], &[], Some(&(done[end - 1].0, torn))));
            }
        }
    }
    count
}

/// Whether an operation is not on the disk for certain at the end of the journal.
fn is_pending(done: &[(Side, Op)], index: usize) -> bool {
    let (side, op) = &done[index];
    let parent = |path: &str| path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
    let is_synced = |later: &Op| match op {
        Op::MakeDir(path) | Op::Create(path) | Op::Unlink(path) | Op::RemoveDir(path) => {
            matches!(later, Op::SyncDir(synced) if *synced == parent(path))
        }
        Op::Rename(_, to) => matches!(later, Op::SyncDir(synced) if *synced == parent(to)),
        Op::Bytes(path, ..) | Op::Truncate(path, _) => {
            matches!(later, Op::SyncFile(synced) if synced == path)
        }
        Op::SyncFile(_) | Op::SyncDir(_) => true,
    };
    let needs_sync = !matches!(op, Op::SyncFile(_) | Op::SyncDir(_));
    needs_sync && !done[index + 1..].iter().any(|(other, later)| other == side && is_synced(later))
}

fn replay(base: &Image, done: &[(Side, Op)], lost: &[usize], then: Option<&(Side, Op)>) -> Image {
    let mut image = base.clone();
    for (index, (side, op)) in done.iter().enumerate() {
        if !lost.contains(&index) {
            image.apply(*side, op);
        }
    }
    if let Some((side, op)) = then {
        image.apply(*side, op);
    }
    image
}

fn for_each_few(all: &[usize], tell: &mut dyn FnMut(&[usize])) {
    for (first, one) in all.iter().enumerate() {
        tell(&[*one]);
        for (second, two) in all.iter().enumerate().skip(first + 1) {
            tell(&[*one, *two]);
            for three in &all[second + 1..] {
                tell(&[*one, *two, *three]);
            }
        }
    }
}

/// Bytes of which the disk has a part: up to a sector, with and without zeros for the rest; or all but one page.
fn torn(path: &str, from: usize, bytes: &[u8]) -> Vec<Op> {
    const SECTOR: usize = 512;
    const PAGE: usize = 4096;
    let mut parts = Vec::new();
    let mut cut = (from / SECTOR + 1) * SECTOR;
    parts.push(vec![0; bytes.len()]);
    while cut < from + bytes.len() {
        parts.push(bytes[..cut - from].to_vec());
        let mut zeros = bytes.to_vec();
        zeros[cut - from..].fill(0);
        parts.push(zeros);
        cut += SECTOR;
    }
    let last = (from + bytes.len() - 1) / PAGE;
    // An append in order never leaves a hole: the log is written in one piece at its end.
    for page in (from / PAGE..=last).filter(|_| from == 0) {
        let mut hole = bytes.to_vec();
        let (start, end) = (page * PAGE, ((page + 1) * PAGE).min(from + bytes.len()));
        hole[start.saturating_sub(from)..end - from].fill(0);
        parts.push(hole);
    }
    parts.into_iter().map(|part| Op::Bytes(path.to_owned(), from, part)).collect()
}
