use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bedside_audit::disk::LocalDisk;
use bedside_audit::{
    AnchorKey, Anchors, AuditError, AuditLog, Clock, Pepper, SystemClock, SystemRandomness, harden_process,
};
use bedside_cache::{Cache, KeyCommand, KeyEncryption, KeyFile};
use bedside_model::Asid;
use bedside_spine::{
    AllowedHosts, AnyDirectory, ApiKey, Client, PdsFhir, SdsFhirDirectory, StaticDirectory, Tls, TlsFiles,
    TokenFile, Tracer,
};

use crate::config::{
    Anchors as AnchorsSection, Audit as AuditSection, Cache as CacheSection, Config, Directory,
    DirectorySource, FileSystem, KeySource, Pds, Spine,
};
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
        Self::of((&config.cache, &config.audit), config.spine.as_ref())
    }

    /// The same of the two sections that it needs, and of the one that may name this device.
    pub(crate) fn of(
        (records, log): (&CacheSection, &AuditSection),
        spine: Option<&Spine>,
    ) -> Result<Self, Stopped> {
        // Before the first key is read: what a process leaves when it dies must not hold one.
        harden_process()
            .map_err(|error| Stopped::failed(format!("core dumps cannot be turned off: {error}")))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let pepper = Pepper::from_file(&log.pepper).map_err(Stopped::usage)?;
        let key = open_key(&records.key)?;
        let older = records.older_keys.iter().map(open_key).collect::<Result<_, _>>()?;
        let policy = records.policy.as_deref().map(crate::policy::read).transpose()?.unwrap_or_default();
        let folder = open_disk(&log.directory, log.file_system)?;
        let audit = AuditLog::open_on(folder, pepper, Arc::clone(&clock)).map_err(Stopped::failed)?;
        let audit = match device(spine) {
            Some(device) => audit.on_device(device),
            None => audit,
        };
        let audit = Arc::new(match &log.anchors {
            Some(anchors) => audit.with_anchors(open_anchors(anchors)?).map_err(Stopped::failed)?,
            None => audit,
        });
        let folder = open_disk(&records.root, records.file_system)?;
        let randomness = Arc::new(SystemRandomness);
        let cache = Cache::open_on(folder, randomness, key, Arc::clone(&audit), Arc::clone(&clock));
        let cache = cache.map_err(Stopped::failed)?.with_older_keys(older).with_policy(policy);
        Ok(Self { audit, cache: Arc::new(cache), clock })
    }
}

/// What every record of the log says it was written on: the device as Spine knows it, or else the machine's name.
fn device(spine: Option<&Spine>) -> Option<String> {
    let host = || fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let device = spine.map(|spine| spine.consumer.device.identifier.clone()).or_else(host)?;
    Some(device.trim().to_owned()).filter(|device| !device.is_empty())
}

/// Where the log keeps the heads that it signs.
fn open_anchors(section: &AnchorsSection) -> Result<Anchors, Stopped> {
    let key = AnchorKey::from_file(&section.key).map_err(Stopped::usage)?;
    Anchors::open(&section.folder, key).map_err(AuditError::Anchors).map_err(Stopped::failed)
}

/// A folder as its section permits it.
fn open_disk(folder: &Path, kind: FileSystem) -> Result<Arc<LocalDisk>, Stopped> {
    let disk = match kind {
        FileSystem::Local => LocalDisk::open(folder),
        FileSystem::Any => LocalDisk::open_on_any_file_system(folder),
    };
    disk.map(Arc::new).map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::NotFound => "the folder that it is to lie in is not there".to_owned(),
            _ => error.to_string(),
        };
        Stopped::failed(format!("{} cannot be used: {why}", folder.display()))
    })
}

/// How long a key command may take for one answer.
const KEY_COMMAND_TIME: Duration = Duration::from_secs(10);

pub(crate) fn open_key(source: &KeySource) -> Result<Box<dyn KeyEncryption>, Stopped> {
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
        KeySource::Token(uri) => token_key(uri),
    }
}

#[cfg(feature = "pkcs11")]
fn token_key(uri: &str) -> Result<Box<dyn KeyEncryption>, Stopped> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    let key = bedside_cache::TokenKey::open(uri, credentials.as_ref().map(Path::new));
    Ok(Box::new(key.map_err(|error| Stopped::usage(format!("cache.key_pkcs11: {error}")))?))
}

#[cfg(not(feature = "pkcs11"))]
fn token_key(_: &str) -> Result<Box<dyn KeyEncryption>, Stopped> {
    Err(Stopped::usage("a PKCS#11 URI needs a bedside built with the feature pkcs11"))
}

fn key_file(path: &Path) -> Result<Box<dyn KeyEncryption>, Stopped> {
    Ok(Box::new(KeyFile::open(path).map_err(Stopped::usage)?))
}

/// The way to the practices.
pub(crate) struct Connection {
    pub(crate) transport: Client,
    pub(crate) directory: AnyDirectory,
    pub(crate) tracer: Tracer,
    pub(crate) asid: Asid,
}

/// Makes the way to the practices; an installation that only reads has none.
pub(crate) fn connect(config: &Config) -> Result<Connection, Stopped> {
    let (Some(spine), Some(directory)) = (&config.spine, &config.directory) else {
        return Err(Stopped::usage("to warm, the configuration needs the sections spine and directory"));
    };
    let tls = open_tls(spine, None)?;
    let transport = Client::new(spine.consumer.clone(), &tls, jiff::Timestamp::now);
    Ok(Connection {
        transport: transport.map_err(Stopped::usage)?,
        directory: open_directory(directory, Some(spine))?,
        tracer: config.pds.as_ref().map_or(Ok(Tracer::Callers), |pds| open_tracer(pds, spine))?,
        asid: spine.consumer.asid.clone(),
    })
}

/// Our identity, and whom it trusts: Spine's authority with its lists of withdrawn certificates, or another's.
pub(crate) fn open_tls(spine: &Spine, authority: Option<&Path>) -> Result<Tls, Stopped> {
    let tls = match authority {
        None => Tls::from_files(&spine.tls).and_then(|tls| tls.with_revocation_lists(&spine.revocation)),
        Some(authority) => {
            Tls::from_files(&TlsFiles { authority: authority.to_owned(), ..spine.tls.clone() })
        }
    };
    tls.map_err(|error| Stopped::usage(with_causes(&error)))
}

pub(crate) fn open_directory(directory: &Directory, spine: Option<&Spine>) -> Result<AnyDirectory, Stopped> {
    let hosts = AllowedHosts::new(&directory.hosts);
    match &directory.source {
        DirectorySource::File(path) => {
            let text = fs::read_to_string(path)
                .map_err(|error| Stopped::usage(format!("cannot read {}: {error}", path.display())))?;
            let directory = StaticDirectory::from_toml(&text, &hosts);
            Ok(AnyDirectory::Static(directory.map_err(Stopped::usage)?))
        }
        DirectorySource::Sds { url, api_key, authority } => {
            let spine = spine.ok_or_else(|| Stopped::usage("directory.sds needs the section spine"))?;
            let tls = open_tls(spine, authority.as_deref())?;
            let api_key = api_key.as_deref().map(ApiKey::from_file).transpose();
            let api_key = api_key.map_err(|error| Stopped::usage(with_causes(&error)))?;
            let directory = SdsFhirDirectory::new(url, &tls, hosts, api_key);
            Ok(AnyDirectory::Sds(Box::new(directory.map_err(Stopped::usage)?)))
        }
    }
}

pub(crate) fn open_tracer(pds: &Pds, spine: &Spine) -> Result<Tracer, Stopped> {
    let tls = open_tls(spine, pds.authority.as_deref())?;
    let token = pds.token.clone().map(TokenFile::new).transpose();
    let token = token.map_err(|error| Stopped::usage(with_causes(&error)))?;
    let pds = PdsFhir::new(&pds.url, &tls, token, jiff::Timestamp::now);
    Ok(Tracer::Pds(Box::new(pds.map_err(Stopped::usage)?)))
}
