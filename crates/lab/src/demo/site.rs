use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::num::NonZeroUsize;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedside_audit::{AuditLog, Clock, EventKind, Pepper, Secret, SystemClock, SystemRandomness};
use bedside_cache::{Cache, KeyFile, ReaderAssertion};
use bedside_cli::render::Record;
use bedside_model::schema::Table;
use bedside_model::{Asid, EpisodeId};
use bedside_spine::{
    AllowedHosts, Client, Consumer, Device, SdsFhirDirectory, Settings, Tls, TlsFiles, Tracer,
};
use bedside_warm::{Admissions, EPISODE_DEADLINE, Parts, Warmer, read_assertion};
use jiff::Timestamp;
use uuid::Uuid;

use super::admission;
use crate::exit::Stopped;
use crate::provider::{CONSUMER_ASID, PROVIDER_HOSTS, SimulatedSpine};

/// A folder with all that `bedside` needs to work against a simulated Spine, its cache and audit log opened.
/// Folders in it have mode 0700 and files 0600.
pub struct Site {
    folder: PathBuf,
    /// The sealed records.
    pub cache: Arc<Cache>,
    /// Who asked for what.
    pub audit: Arc<AuditLog>,
    clock: Arc<dyn Clock>,
}

impl Site {
    /// Makes the site of a folder that is not there yet, or is empty.
    ///
    /// # Errors
    /// When the folder is not empty, or cannot be made or written.
    pub fn create(folder: &Path, spine: &SimulatedSpine, admissions: &str) -> Result<Self, Stopped> {
        prepare(folder)?;
        write(folder, spine, admissions).map_err(|error| {
            Stopped::unwritable(format!("the folder {} cannot be written: {error}", folder.display()))
        })?;
        Self::open(folder)
    }

    /// Opens cache and audit log of a folder that [`Site::create`] has made.
    ///
    /// # Errors
    /// When a key file is not acceptable, or log or cache cannot be opened.
    pub fn open(folder: &Path) -> Result<Self, Stopped> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let pepper = Pepper::from_file(&folder.join("audit.pepper")).map_err(Stopped::failed)?;
        let key = Box::new(KeyFile::open(&folder.join("cache.key")).map_err(Stopped::failed)?);
        let audit = AuditLog::open(&folder.join("audit"), pepper, Arc::clone(&clock));
        let audit = Arc::new(audit.map_err(Stopped::failed)?);
        let cache = Cache::open(&folder.join("cache"), key, Arc::clone(&audit), Arc::clone(&clock));
        let cache = Arc::new(cache.map_err(Stopped::failed)?);
        Ok(Self { folder: folder.to_owned(), cache, audit, clock })
    }

    /// A file or folder of the site.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Its list of admissions.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn admissions(&self) -> Result<Admissions<BufReader<File>>, Stopped> {
        let file = File::open(self.path("admissions.ndjson")).map_err(Stopped::failed)?;
        Ok(Admissions::new(BufReader::new(file), self.clock.now()))
    }

    /// What `bedside warm` warms with, made of the site's files as it makes it: TLS with the client certificate
    /// and the site's authority alone, practices looked up in the directory.
    ///
    /// # Errors
    /// When a file of the identity is not acceptable.
    pub fn warmer(
        &self,
        spine: &SimulatedSpine,
        settings: Settings,
        concurrency: NonZeroUsize,
    ) -> Result<Warmer<Client, SdsFhirDirectory>, Stopped> {
        let tls = Tls::from_files(&TlsFiles {
            certificate: self.path("tls/client.pem"),
            key: self.path("tls/client.key"),
            authority: self.path("tls/ca.pem"),
        });
        let tls = tls.map_err(Stopped::failed)?;
        let (consumer, entropy) = (consumer(spine)?, || Uuid::new_v4().as_u128());
        let asid = consumer.asid.clone();
        let transport = Client::with(consumer, &tls, settings, Timestamp::now, entropy);
        let hosts = AllowedHosts::new([PROVIDER_HOSTS]);
        let directory = SdsFhirDirectory::new(&spine.directory_base(), &tls, hosts, None);
        Ok(Warmer::new(Parts {
            transport: transport.map_err(Stopped::failed)?,
            directory: directory.map_err(Stopped::failed)?,
            tracer: Tracer::Callers,
            asid,
            cache: Arc::clone(&self.cache),
            audit: Arc::clone(&self.audit),
            clock: Arc::clone(&self.clock),
            concurrency,
            deadline: EPISODE_DEADLINE,
            requires_trace_echo: false,
        }))
    }

    /// Who `reader.json` says wants to do that to an episode, and why.
    ///
    /// # Errors
    /// When the file cannot be read, or what it asserts is refused, which is audited.
    pub fn reader(&self, kind: EventKind, episode: &EpisodeId) -> Result<ReaderAssertion, Stopped> {
        let bytes = fs::read(self.path("reader.json")).map_err(Stopped::failed)?;
        let tag = self.cache.episode_tag(episode);
        read_assertion(&bytes, &self.audit, (kind, &tag)).map_err(Stopped::failed)
    }

    /// An episode's record, opened for that reader as `bedside show` does: through a grant, audited.
    ///
    /// # Errors
    /// When the reader is refused or the episode cannot be read.
    pub fn read(&self, episode: &EpisodeId) -> Result<Record, Stopped> {
        let assertion = self.reader(EventKind::Read, episode)?;
        let grant = self.cache.grant(&assertion, episode).map_err(Stopped::failed)?;
        let opened = self.cache.read(&grant).map_err(Stopped::failed)?;
        let manifest = serde_json::from_str(opened.manifest()).map_err(Stopped::failed)?;
        let tables = Table::ALL.into_iter().map(|table| (table, opened.table(table).clone())).collect();
        Ok(Record::new(episode.clone(), manifest, tables))
    }
}

/// Makes the folder, or takes one that is empty.
fn prepare(folder: &Path) -> Result<(), Stopped> {
    let unusable =
        |error| Stopped::unwritable(format!("the folder {} cannot be used: {error}", folder.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
    if fs::read_dir(folder).map_err(unusable)?.next().is_some() {
        return Err(Stopped::usage(format!("the folder {} is not empty: name a new one", folder.display())));
    }
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(folder, private).map_err(unusable)
}

fn write(folder: &Path, spine: &SimulatedSpine, admissions: &str) -> io::Result<()> {
    for name in ["cache.key", "audit.pepper"] {
        let secret = Secret::random(&SystemRandomness).map_err(io::Error::other)?;
        secret.to_new_file(&folder.join(name)).map_err(io::Error::other)?;
    }
    DirBuilder::new().mode(0o700).create(folder.join("tls"))?;
    let identity = spine.client_identity();
    let reader = serde_json::to_string_pretty(&admission::reader())?;
    let files = [
        ("tls/ca.pem", spine.authority_pem()),
        ("tls/client.pem", &identity.certificate_pem),
        ("tls/client.key", &identity.key_pem),
        ("practices.toml", &spine.directory_toml()),
        ("config.toml", &config(spine)),
        ("admissions.ndjson", admissions),
        ("reader.json", &(reader + "\n")),
    ];
    files.into_iter().try_for_each(|(name, text)| write_private(&folder.join(name), text))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

const TOKEN_ISSUER: &str = "https://hospital.example/spine";
const USER_ID_SYSTEM: &str = "https://hospital.example/Id/user-id";
const DEVICE_SYSTEM: &str = "https://hospital.example/Id/device-id";
const DEVICE: &str = "bedside-lab";

fn consumer(spine: &SimulatedSpine) -> Result<Consumer, Stopped> {
    Ok(Consumer {
        ssp_root: spine.ssp_root(),
        asid: CONSUMER_ASID.parse::<Asid>().map_err(Stopped::failed)?,
        device: Device {
            identifier_system: DEVICE_SYSTEM.to_owned(),
            identifier: DEVICE.to_owned(),
            model: "bedside".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        token_issuer: TOKEN_ISSUER.to_owned(),
        user_id_system: USER_ID_SYSTEM.to_owned(),
    })
}

/// The same as a configuration of `bedside`.
fn config(spine: &SimulatedSpine) -> String {
    let (ssp, sds, version) = (spine.ssp_root(), spine.directory_base(), env!("CARGO_PKG_VERSION"));
    format!(
        r#"# A configuration of `bedside` against a simulated Spine, made by `bedside-lab`. Relative paths start here.

[spine]
ssp = "{ssp}"
asid = "{CONSUMER_ASID}"
issuer = "{TOKEN_ISSUER}"
user_id_system = "{USER_ID_SYSTEM}"
ca = "tls/ca.pem"
certificate = "tls/client.pem"
key = "tls/client.key"

[spine.device]
identifier_system = "{DEVICE_SYSTEM}"
identifier = "{DEVICE}"
model = "bedside"
version = "{version}"

# The directory of Spine (SDS FHIR API). `file = "practices.toml"` in place of `sds` reads a list from a file.
[directory]
sds = "{sds}"
hosts = ["{PROVIDER_HOSTS}"]

[cache]
root = "cache"
key = "cache.key"

[audit]
directory = "audit"
pepper = "audit.pepper"
"#
    )
}
