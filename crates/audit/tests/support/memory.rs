//! A disk in memory: as fast as a test of a hundred thousand readings needs, and copied in one call.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use bedside_audit::disk::{Disk, Lock};

/// Files by path; directories have no bytes.
pub(crate) type Entries = BTreeMap<String, Option<Vec<u8>>>;

#[derive(Default)]
pub(crate) struct MemoryDisk {
    entries: Mutex<Entries>,
    locks: Arc<Locks>,
    /// How many bytes there is room for; without it for all.
    room: Mutex<Option<usize>>,
}

#[derive(Default)]
struct Locks {
    held: Mutex<BTreeSet<String>>,
    freed: Condvar,
}

struct Held(Arc<Locks>, String);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.held.lock().expect("no panic").remove(&self.1);
        self.0.freed.notify_all();
    }
}

impl MemoryDisk {
    /// Another disk of the same content.
    pub(crate) fn copy(&self) -> Arc<Self> {
        Arc::new(Self::holding(self.entries().clone()))
    }

    /// A disk of that content.
    pub(crate) fn holding(entries: Entries) -> Self {
        Self { entries: Mutex::new(entries), ..Self::default() }
    }

    /// Makes it a disk with room for so many bytes more than it holds.
    pub(crate) fn limit(&self, more: usize) {
        *self.room.lock().expect("no panic") = Some(self.bytes() + more);
    }

    fn bytes(&self) -> usize {
        self.entries().values().flatten().map(Vec::len).sum()
    }

    /// How many of so many bytes find room.
    fn room_for(&self, bytes: usize) -> usize {
        let room = *self.room.lock().expect("no panic");
        room.map_or(bytes, |room| room.saturating_sub(self.bytes()).min(bytes))
    }

    /// Every directory and file; directories have no bytes.
    pub(crate) fn everything(&self) -> Entries {
        self.entries().clone()
    }

    /// Every file and its bytes.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.entries().iter().filter_map(|(path, bytes)| Some((path.clone(), bytes.clone()?))).collect()
    }

    /// Puts a file there as it is, without asking.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        self.entries().insert(path.to_owned(), Some(bytes.to_vec()));
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().expect("no panic")
    }

    fn with<T>(&self, path: &str, change: impl FnOnce(&mut Vec<u8>) -> T) -> Result<T> {
        match self.entries().get_mut(path) {
            Some(Some(bytes)) => Ok(change(bytes)),
            Some(None) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn add(&self, path: &str, entry: Option<Vec<u8>>) -> Result<()> {
        let mut entries = self.entries();
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if !parent.is_empty() && entries.get(parent) != Some(&None) {
            return Err(ErrorKind::NotFound.into());
        }
        if entries.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        entries.insert(path.to_owned(), entry);
        Ok(())
    }
}

impl Disk for MemoryDisk {
    fn create_dir(&self, path: &str) -> Result<()> {
        match self.add(path, None) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    fn names(&self, path: &str) -> Result<Vec<String>> {
        let entries = self.entries();
        if !path.is_empty() && entries.get(path) != Some(&None) {
            return Err(ErrorKind::NotFound.into());
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let names =
            entries.keys().filter_map(|entry| entry.strip_prefix(&prefix)).filter(|name| !name.contains('/'));
        Ok(names.map(str::to_owned).collect())
    }

    fn lock(&self, path: &str) -> Result<Lock> {
        match self.add(path, Some(Vec::new())) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let mut held = self.locks.held.lock().expect("no panic");
        while !held.insert(path.to_owned()) {
            held = self.locks.freed.wait(held).expect("no panic");
        }
        Ok(Lock::holding(Held(Arc::clone(&self.locks), path.to_owned())))
    }

    fn try_lock(&self, path: &str) -> Result<Option<Lock>> {
        match self.add(path, Some(Vec::new())) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let free = self.locks.held.lock().expect("no panic").insert(path.to_owned());
        Ok(free.then(|| Lock::holding(Held(Arc::clone(&self.locks), path.to_owned()))))
    }

    fn length(&self, path: &str) -> Result<u64> {
        self.with(path, |bytes| bytes.len() as u64)
    }

    fn read(&self, path: &str, from: u64) -> Result<Vec<u8>> {
        self.with(path, |bytes| bytes.get(from as usize..).unwrap_or_default().to_vec())
    }

    fn write_new(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let room = self.room_for(bytes.len());
        self.add(path, Some(bytes[..room].to_vec()))?;
        if room < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let room = self.room_for(bytes.len());
        self.with(path, |file| file.extend_from_slice(&bytes[..room]))?;
        if room < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn truncate(&self, path: &str, length: u64) -> Result<()> {
        self.with(path, |bytes| bytes.resize(length as usize, 0))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut entries = self.entries();
        let below = format!("{from}/");
        let moved: Vec<String> =
            entries.keys().filter(|path| *path == from || path.starts_with(&below)).cloned().collect();
        if moved.is_empty() {
            return Err(ErrorKind::NotFound.into());
        }
        if entries[from].is_none() && entries.contains_key(to) {
            return Err(Error::from(ErrorKind::AlreadyExists));
        }
        for path in moved {
            let entry = entries.remove(&path).flatten();
            entries.insert(format!("{to}{}", &path[from.len()..]), entry);
        }
        Ok(())
    }

    fn sync_dir(&self, path: &str) -> Result<()> {
        self.names(path).map(drop)
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        self.with(path, |_| ())?;
        self.entries().remove(path);
        Ok(())
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        if !self.names(path)?.is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.entries().remove(path);
        Ok(())
    }

    fn shred(&self, path: &str) -> Result<()> {
        self.remove_file(path)
    }
}
