//! A cache on object storage, which several machines share: the [`Disk`] of the protocol on a store of S3's kind.
//!
//! What a file system gives by itself is made of conditional puts here. A new file is a put that fails where an object
//! is (`If-None-Match: *`). A lock is an object with a lease: taken by a conditional put, for a minute, and free for
//! others half a minute after its end, which covers clocks that differ and requests under way; nothing is changed
//! under a lease that is over. A small file is replaced by a put that fails when its object is another than the one
//! that was first seen under the lease (`If-Match`): `CURRENT` is replaced so, the commit point, and therefore a writer
//! that was stopped for long and lost its lease unawares commits nothing. A directory is an object of its own below its
//! name, renamed object by object: nothing in it counts before `CURRENT` says so.
//!
//! The audit log is not kept here: every machine has its own, on a disk of its own.

use std::collections::HashMap;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use bedside_audit::disk::{Disk, Lock};
use bedside_audit::{Clock, Randomness, SystemRandomness, hex};
use jiff::{SignedDuration, Timestamp};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};
use tokio::runtime::{Builder, Runtime};

/// How long a lease lasts. No write, purge or rewrap takes as long.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// How long after its end a lease is left alone.
const GRACE: SignedDuration = SignedDuration::from_secs(30);
/// How long one request may take, the store's own repetitions included; less than the grace.
const REQUEST: Duration = Duration::from_secs(20);
/// How long a lease of somebody else is waited for: longer than one of a machine that died holds.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long to wait between two looks at a lease that somebody else holds.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The object that a directory is.
const DIRECTORY: &str = ".directory";
/// What a lease that nobody holds says.
const FREE: &str = "free\n";

/// A [`Disk`] on object storage, for [`Cache::open_on`](crate::Cache::open_on). The store must support conditional
/// puts by ETag; who may read and write the bucket is the store's affair, and takes the place of modes and owners.
///
/// [`Disk::append`] and [`Disk::truncate`] are [`ErrorKind::Unsupported`]. [`Disk::shred`] deletes: in a bucket that
/// keeps versions, the wrapped key of a purged episode stays until the version is gone, and opens as long as its
/// key-encryption key is there.
pub struct ObjectDisk {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn ObjectStore>,
    root: String,
    clock: Arc<dyn Clock>,
    leases: Mutex<Vec<Lease>>,
    /// Taken out when this is dropped.
    runtime: Option<Runtime>,
}

/// A lease that this process holds.
struct Lease {
    path: String,
    /// The directory that the lock stands in. The lease guards what lies in it and what is named after it.
    scope: String,
    until: Timestamp,
    version: UpdateVersion,
    /// The versions of the objects that it guards, as they were first seen under it; `None` for one that was absent.
    seen: HashMap<String, Option<UpdateVersion>>,
}

impl Lease {
    fn guards(&self, path: &str) -> bool {
        let named = |name: &str| {
            name.strip_prefix(&self.scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        !self.scope.is_empty() && path.split('/').any(named)
    }
}

impl ObjectDisk {
    /// The objects below a prefix of a store. The clock is the one that leases are measured with: machines that share
    /// a store must agree about the time to within a few seconds.
    ///
    /// # Errors
    /// The system's, when no thread for the requests can be started.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let shared = Shared {
            store,
            root: prefix.trim_matches('/').to_owned(),
            clock,
            leases: Mutex::new(Vec::new()),
            runtime: Some(runtime),
        };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Not waited for: that is not permitted on a thread of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    /// Where the object of a path is; no name leads outside of the prefix or to an object of our own.
    fn key(&self, path: &str) -> io::Result<Path> {
        let proper = |name: &str| !matches!(name, "" | "." | ".." | DIRECTORY) && !name.contains('\0');
        if !path.split('/').all(proper) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "not a plain file name"));
        }
        self.below(path)
    }

    fn below(&self, path: &str) -> io::Result<Path> {
        Path::parse(format!("{}/{path}", self.root))
            .map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))
    }

    fn marker(&self, directory: &str) -> io::Result<Path> {
        let key = self.key(directory)?;
        Path::parse(format!("{key}/{DIRECTORY}"))
            .map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))
    }

    /// Runs a request on the runtime's thread and waits for it; from any thread, also one of another runtime.
    fn wait<T: Send + 'static>(
        &self,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        let runtime = self.runtime.as_ref().ok_or(ErrorKind::Other)?;
        let (sender, receiver) = mpsc::channel();
        runtime.spawn(async move {
            // Nobody listens any more when the caller is gone.
            let _ = sender.send(tokio::time::timeout(REQUEST, request).await);
        });
        match receiver.recv() {
            Ok(Ok(answer)) => answer.map_err(as_io),
            Ok(Err(_)) => Err(io::Error::new(ErrorKind::TimedOut, "the object store does not answer")),
            Err(_) => Err(io::Error::other("the request to the object store was cut off")),
        }
    }

    fn get(&self, key: Path) -> io::Result<(Vec<u8>, UpdateVersion)> {
        let store = Arc::clone(&self.store);
        self.wait(async move {
            let found = store.get(&key).await?;
            let version =
                UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
            Ok((found.bytes().await?.to_vec(), version))
        })
    }

    fn head(&self, key: Path) -> io::Result<(u64, UpdateVersion)> {
        let store = Arc::clone(&self.store);
        let meta = self.wait(async move { store.head(&key).await })?;
        Ok((meta.size, UpdateVersion { e_tag: meta.e_tag, version: meta.version }))
    }

    fn put(&self, key: Path, bytes: &[u8], mode: PutMode) -> io::Result<UpdateVersion> {
        let (store, payload) = (Arc::clone(&self.store), bytes.to_vec().into());
        let put = self.wait(async move { store.put_opts(&key, payload, PutOptions::from(mode)).await })?;
        Ok(put.into())
    }

    fn delete(&self, key: Path) -> io::Result<()> {
        let store = Arc::clone(&self.store);
        self.wait(async move { store.delete(&key).await })
    }

    /// [`ErrorKind::NotFound`] where there is no such directory; the root always is.
    fn require_directory(&self, path: &str) -> io::Result<()> {
        if path.is_empty() { Ok(()) } else { self.head(self.marker(path)?).map(drop) }
    }

    fn names(&self, path: &str) -> io::Result<Vec<String>> {
        self.require_directory(path)?;
        let prefix = if path.is_empty() { self.below("")? } else { self.key(path)? };
        let store = Arc::clone(&self.store);
        let found = self.wait(async move { store.list_with_delimiter(Some(&prefix)).await })?;
        let objects = found.objects.iter().map(|object| &object.location);
        let mut names: Vec<String> = objects
            .chain(&found.common_prefixes)
            .filter_map(|path| path.filename())
            .filter(|name| *name != DIRECTORY)
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn leases(&self) -> MutexGuard<'_, Vec<Lease>> {
        // Nothing that panics happens under the lock.
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what a guarded object was when it was first looked at under its lease.
    fn saw(&self, path: &str, version: Option<UpdateVersion>) {
        if let Some(lease) = self.leases().iter_mut().find(|lease| lease.guards(path)) {
            lease.seen.entry(path.to_owned()).or_insert(version);
        }
    }

    /// Refuses to change what a lease guards that is over: somebody else may be changing it.
    fn require_live(&self, path: &str) -> io::Result<()> {
        let now = self.clock.now();
        if self.leases().iter().any(|lease| lease.guards(path) && lease.until <= now) {
            let reason = "its lease is over, and another machine may be at work there";
            return Err(io::Error::new(ErrorKind::ResourceBusy, reason));
        }
        Ok(())
    }

    /// Takes the lease at that path when nobody holds it.
    fn try_lease(self: &Arc<Self>, path: &str) -> io::Result<Option<Lock>> {
        let key = self.key(path)?;
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.require_directory(parent)?;
        let mode = match self.get(key.clone()) {
            Err(error) if error.kind() == ErrorKind::NotFound => PutMode::Create,
            Ok((bytes, version)) if self.is_free(&bytes) => PutMode::Update(version),
            Ok(_) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut holder = [0; 16];
        SystemRandomness.fill(&mut holder).map_err(io::Error::other)?;
        let until = self.clock.now() + LEASE;
        let claim = format!("{} {until}\n", hex::encode(&holder));
        match self.put(key, claim.as_bytes(), mode) {
            Ok(version) => {
                let scope = parent.rsplit('/').next().unwrap_or_default().to_owned();
                let lease = Lease { path: path.to_owned(), scope, until, version, seen: HashMap::new() };
                self.leases().push(lease);
                Ok(Some(Lock::holding(Held { shared: Arc::clone(self), path: path.to_owned() })))
            }
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::ResourceBusy) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether that is the claim of nobody, or of somebody whose time is long over. A lock that was copied from a local
    /// disk is empty.
    fn is_free(&self, claim: &[u8]) -> bool {
        let text = String::from_utf8_lossy(claim);
        let until = text.trim_end().split_once(' ').and_then(|(_, until)| until.parse::<Timestamp>().ok());
        text.is_empty() || text == FREE || until.is_some_and(|until| self.clock.now() > until + GRACE)
    }

    fn copy(&self, from: Path, to: Path, mode: PutMode) -> io::Result<()> {
        let (bytes, _) = self.get(from)?;
        self.put(to, &bytes, mode).map(drop)
    }

    fn rename_directory(&self, from: &str, to: &str) -> io::Result<()> {
        self.put(self.marker(to)?, &[], PutMode::Create)?;
        let names = self.names(from)?;
        let path = |directory: &str, name: &str| self.key(&format!("{directory}/{name}"));
        for name in &names {
            self.copy(path(from, name)?, path(to, name)?, PutMode::Create)?;
        }
        for name in &names {
            self.delete(path(from, name)?)?;
        }
        self.delete(self.marker(from)?)
    }
}

/// A lease, given back when it is dropped: with a put that fails when somebody else has it by now.
struct Held {
    shared: Arc<Shared>,
    path: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        let lease = {
            let mut leases = self.shared.leases();
            let index = leases.iter().position(|lease| lease.path == self.path);
            index.map(|index| leases.swap_remove(index))
        };
        if let (Some(lease), Ok(key)) = (lease, self.shared.key(&self.path)) {
            // What cannot be given back is free when its time is over.
            let _ = self.shared.put(key, FREE.as_bytes(), PutMode::Update(lease.version));
        }
    }
}

impl Disk for ObjectDisk {
    fn create_dir(&self, path: &str) -> io::Result<()> {
        let (parent, _) = path.rsplit_once('/').unwrap_or(("", path));
        self.shared.require_directory(parent)?;
        match self.shared.put(self.shared.marker(path)?, &[], PutMode::Create) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made.map(drop),
        }
    }

    fn names(&self, path: &str) -> io::Result<Vec<String>> {
        self.shared.names(path)
    }

    fn lock(&self, path: &str) -> io::Result<Lock> {
        let begun = Instant::now();
        loop {
            if let Some(lock) = self.shared.try_lease(path)? {
                return Ok(lock);
            }
            if begun.elapsed() >= PATIENCE {
                let reason =
                    format!("{path}: other machines have its lease again and again, or it holds no time");
                return Err(io::Error::new(ErrorKind::WouldBlock, reason));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<Lock>> {
        self.shared.try_lease(path)
    }

    fn length(&self, path: &str) -> io::Result<u64> {
        Ok(self.shared.head(self.shared.key(path)?)?.0)
    }

    fn read(&self, path: &str, from: u64) -> io::Result<Vec<u8>> {
        match self.shared.get(self.shared.key(path)?) {
            Ok((mut bytes, version)) => {
                self.shared.saw(path, Some(version));
                Ok(bytes.split_off(bytes.len().min(usize::try_from(from).unwrap_or(usize::MAX))))
            }
            Err(error) => {
                if error.kind() == ErrorKind::NotFound {
                    self.shared.saw(path, None);
                }
                Err(error)
            }
        }
    }

    fn write_new(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.shared.require_live(path)?;
        self.shared.require_directory(path.rsplit_once('/').map_or("", |(parent, _)| parent))?;
        self.shared.put(self.shared.key(path)?, bytes, PutMode::Create).map(drop)
    }

    fn append(&self, _: &str, _: &[u8]) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn truncate(&self, _: &str, _: u64) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.shared.require_live(from)?;
        let (source, target) = (self.shared.key(from)?, self.shared.key(to)?);
        match self.shared.copy(source.clone(), target, PutMode::Overwrite) {
            Ok(()) => self.shared.delete(source),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.shared.require_directory(from)?;
                self.shared.rename_directory(from, to)
            }
            Err(error) => Err(error),
        }
    }

    /// Nothing to do: an object that was put is durable.
    fn sync_dir(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.shared.require_live(path)?;
        self.shared.require_directory(path.rsplit_once('/').map_or("", |(parent, _)| parent))?;
        let key = self.shared.key(path)?;
        let seen = self.shared.leases().iter().find_map(|lease| lease.seen.get(path).cloned());
        let expected = match seen {
            Some(version) => version,
            None => bedside_audit::disk::if_there(self.shared.head(key.clone()))?.map(|(_, version)| version),
        };
        let mode = expected.map_or(PutMode::Create, PutMode::Update);
        let version = match self.shared.put(key.clone(), bytes, mode) {
            Ok(version) => version,
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::ResourceBusy) => {
                // A put whose answer was lost is repeated by the client, and then refused for what it did itself.
                let (there, version) = self.shared.get(key)?;
                let reason = "another machine replaced it meanwhile";
                (there == bytes)
                    .then_some(version)
                    .ok_or_else(|| io::Error::new(ErrorKind::ResourceBusy, reason))?
            }
            Err(error) => return Err(error),
        };
        if let Some(lease) = self.shared.leases().iter_mut().find(|lease| lease.guards(path)) {
            lease.seen.insert(path.to_owned(), Some(version));
        }
        Ok(())
    }

    fn remove_file(&self, path: &str) -> io::Result<()> {
        self.shared.require_live(path)?;
        let key = self.shared.key(path)?;
        // A store is content to delete what is not there.
        self.shared.head(key.clone())?;
        self.shared.delete(key)
    }

    fn remove_dir(&self, path: &str) -> io::Result<()> {
        self.shared.require_live(path)?;
        if !self.shared.names(path)?.is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.shared.delete(self.shared.marker(path)?)
    }

    fn shred(&self, path: &str) -> io::Result<()> {
        self.remove_file(path)
    }
}

/// One place turns the store's errors into the disk's. Their texts name objects, which are named after nobody.
fn as_io(error: Error) -> io::Error {
    let kind = match &error {
        Error::NotFound { .. } => ErrorKind::NotFound,
        Error::AlreadyExists { .. } => ErrorKind::AlreadyExists,
        Error::Precondition { .. } => ErrorKind::ResourceBusy,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => ErrorKind::PermissionDenied,
        Error::NotSupported { .. } | Error::NotImplemented { .. } => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
