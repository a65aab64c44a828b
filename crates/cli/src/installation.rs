use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bedside_audit::disk::LocalDisk;
use bedside_audit::{AuditLog, Clock, Pepper, SystemClock, SystemRandomness, harden_process};
use bedside_cache::{Cache, KeyCommand, KeyEncryption, KeyFile};
use bedside_model::Asid;
use bedside_spine::{AllowedHosts, AnyDirectory, ApiKey, Client, SdsFhirDirectory, StaticDirectory, Tls};

use crate::config::{Config, Directory, DirectorySource, FileSystem, KeySource};
use crate::exit::{Stopped, with_causes};

/// What a configuration names, opened: the records of an installation and who may see them.
pub(crate) struct Installation {
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Installation {
    /// Opens audit log and cache. A key file that is not acceptable is a matter of configuration; a log or a
    /// cache that cannot be opened is a failure.
    pub(crate) fn open(config: &Config) -> Result<Self, Stopped> {
        // Before the first key is read: what a process leaves when it dies must not hold one.
        harden_process()
            .map_err(|error| Stopped::failed(format!("core dumps cannot be turned off: {error}")))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let pepper = Pepper::from_file(&config.audit.pepper).map_err(Stopped::usage)?;
        let key = open_key(&config.cache.key)?;
        let older = config.cache.older_keys.iter().map(|path| key_file(path)).collect::<Result<_, _>>()?;
        let policy = config.cache.policy.as_deref().map(crate::policy::read).transpose()?.unwrap_or_default();
        let log = open_disk(&config.audit.directory, config.audit.file_system)?;
        let audit = AuditLog::open_on(log, pepper, Arc::clone(&clock));
        let audit = Arc::new(audit.map_err(Stopped::failed)?);
        let records = open_disk(&config.cache.root, config.cache.file_system)?;
        let randomness = Arc::new(SystemRandomness);
        let cache = Cache::open_on(records, randomness, key, Arc::clone(&audit), Arc::clone(&clock));
        let cache = cache.map_err(Stopped::failed)?.with_older_keys(older).with_policy(policy);
        Ok(Self { audit, cache: Arc::new(cache), clock })
    }
}

/// A folder as its section permits it.
fn open_disk(folder: &Path, kind: FileSystem) -> Result<Arc<LocalDisk>, Stopped> {
    let disk = match kind {
        FileSystem::Local => LocalDisk::open(folder),
        FileSystem::Any => LocalDisk::open_on_any_file_system(folder),
    };
    disk.map(Arc::new)
        .map_err(|error| Stopped::failed(format!("{} cannot be used: {error}", folder.display())))
}

/// How long a key command may take for one answer.
const KEY_COMMAND_TIME: Duration = Duration::from_secs(10);

fn open_key(source: &KeySource) -> Result<Box<dyn KeyEncryption>, Stopped> {
    match source {
        KeySource::File(path) => key_file(path),
        KeySource::Credential(name) => {
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                Stopped::usage(
                    "cache.key_credential needs CREDENTIALS_DIRECTORY, which the service manager sets",
                )
            })?;
            let key = KeyFile::from_credential(&Path::new(&folder).join(name));
            Ok(Box::new(key.map_err(Stopped::usage)?))
        }
        KeySource::Command(program) => {
            let key = KeyCommand::open(program.clone(), KEY_COMMAND_TIME);
            Ok(Box::new(key.map_err(Stopped::usage)?))
        }
    }
}

fn key_file(path: &Path) -> Result<Box<dyn KeyEncryption>, Stopped> {
    Ok(Box::new(KeyFile::open(path).map_err(Stopped::usage)?))
}

/// The way to the practices.
pub(crate) struct Connection {
    pub(crate) transport: Client,
    pub(crate) directory: AnyDirectory,
    pub(crate) asid: Asid,
}

/// Makes the way to the practices; an installation that only reads has none.
pub(crate) fn connect(config: &Config) -> Result<Connection, Stopped> {
    let (Some(spine), Some(directory)) = (&config.spine, &config.directory) else {
        return Err(Stopped::usage("to warm, the configuration needs the sections spine and directory"));
    };
    let tls = Tls::from_files(&spine.tls).map_err(|error| Stopped::usage(with_causes(&error)))?;
    let transport = Client::new(spine.consumer.clone(), &tls, jiff::Timestamp::now);
    Ok(Connection {
        transport: transport.map_err(Stopped::usage)?,
        directory: open_directory(directory, &tls)?,
        asid: spine.consumer.asid.clone(),
    })
}

fn open_directory(directory: &Directory, tls: &Tls) -> Result<AnyDirectory, Stopped> {
    let hosts = AllowedHosts::new(&directory.hosts);
    let read = |path: &std::path::Path| {
        fs::read_to_string(path)
            .map_err(|error| Stopped::usage(format!("cannot read {}: {error}", path.display())))
    };
    match &directory.source {
        DirectorySource::File(path) => {
            let directory = StaticDirectory::from_toml(&read(path)?, &hosts);
            Ok(AnyDirectory::Static(directory.map_err(Stopped::usage)?))
        }
        DirectorySource::Sds { url, api_key } => {
            let api_key = api_key.as_deref().map(read).transpose()?;
            let api_key = api_key.map(|key| ApiKey::new(key.trim().to_owned()));
            let directory = SdsFhirDirectory::new(url, tls, hosts, api_key);
            Ok(AnyDirectory::Sds(Box::new(directory.map_err(Stopped::usage)?)))
        }
    }
}
