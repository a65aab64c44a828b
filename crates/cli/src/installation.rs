use std::fs;
use std::sync::Arc;

use bedside_audit::{AuditLog, Clock, Pepper, SystemClock};
use bedside_cache::{Cache, KeyFile};
use bedside_model::Asid;
use bedside_spine::{AllowedHosts, AnyDirectory, ApiKey, Client, SdsFhirDirectory, StaticDirectory, Tls};

use crate::config::{Config, Directory, DirectorySource};
use crate::exit::Stopped;

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
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let pepper = Pepper::from_file(&config.audit.pepper).map_err(Stopped::usage)?;
        let key = KeyFile::open(&config.cache.key).map_err(Stopped::usage)?;
        let audit = AuditLog::open(&config.audit.directory, pepper, Arc::clone(&clock));
        let audit = Arc::new(audit.map_err(Stopped::failed)?);
        let cache = Cache::open(&config.cache.root, Box::new(key), Arc::clone(&audit), Arc::clone(&clock));
        Ok(Self { audit, cache: Arc::new(cache.map_err(Stopped::failed)?), clock })
    }
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
    let tls = Tls::from_files(&spine.tls).map_err(with_cause)?;
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

/// An error and what caused it, on one line.
fn with_cause(error: impl std::error::Error) -> Stopped {
    match error.source() {
        Some(cause) => Stopped::usage(format!("{error}: {cause}")),
        None => Stopped::usage(error),
    }
}
