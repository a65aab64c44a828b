mod settings;
mod sources;

use std::path::{Path, PathBuf};
use std::{fmt, io};

use bedside_model::Asid;
use bedside_spine::{Consumer, Device, TlsFiles};
use bedside_warm::strict::{Fields, Problem};

pub(crate) use settings::example;
pub(crate) use sources::{Origin, Override, Sources};

/// Where practices' systems lie on Spine, unless the configuration says otherwise.
const SPINE_HOSTS: &str = "nhs.uk";

/// What an installation is: who it is on Spine, where practices are looked up, where records and the audit
/// log are kept. Paths are those of the file, made absolute against its folder. Nothing has been opened yet.
#[derive(Debug)]
pub(crate) struct Config {
    /// Who we are and how we connect; an installation that only reads has none.
    pub(crate) spine: Option<Spine>,
    /// Where a practice's system is looked up; an installation that only reads has none.
    pub(crate) directory: Option<Directory>,
    pub(crate) cache: Cache,
    pub(crate) audit: Audit,
    pub(crate) limits: Limits,
}

#[derive(Debug)]
pub(crate) struct Spine {
    pub(crate) consumer: Consumer,
    pub(crate) tls: TlsFiles,
}

/// Where a practice's system is looked up, and under which hosts it may lie.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) source: DirectorySource,
    /// Suffixes of the hosts that a service root may name.
    pub(crate) hosts: Vec<String>,
}

/// Who tells where a practice's system is.
#[derive(Debug)]
pub(crate) enum DirectorySource {
    /// A TOML file of practices.
    File(PathBuf),
    /// The SDS FHIR API.
    Sds {
        /// Its base URL.
        url: String,
        /// File with its API key.
        api_key: Option<PathBuf>,
    },
}

#[derive(Debug)]
pub(crate) struct Cache {
    pub(crate) root: PathBuf,
    pub(crate) key: KeySource,
    /// Key files of earlier epochs.
    pub(crate) older_keys: Vec<PathBuf>,
    /// The site's policy; without it the defaults hold.
    pub(crate) policy: Option<PathBuf>,
    pub(crate) file_system: FileSystem,
}

/// What a folder may lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSystem {
    /// A disk of this machine.
    Local,
    /// Whatever the site answers for.
    Any,
}

/// Where the key-encryption key is.
#[derive(Debug)]
pub(crate) enum KeySource {
    /// A file.
    File(PathBuf),
    /// A credential of the service manager, by name.
    Credential(String),
    /// A command that wraps and unwraps.
    Command(Vec<String>),
}

#[derive(Debug)]
pub(crate) struct Audit {
    pub(crate) directory: PathBuf,
    pub(crate) pepper: PathBuf,
    pub(crate) file_system: FileSystem,
}

#[derive(Debug)]
pub(crate) struct Limits {
    /// Episodes in flight at once.
    pub(crate) concurrency: usize,
}

/// Why there is no configuration: everything that is wrong with it, on lines of their own.
#[derive(Debug)]
pub(crate) enum ConfigError {
    /// No file was named, none is in the usual places, and the environment says nothing.
    Absent,
    /// The file cannot be read.
    Read(PathBuf, io::Error),
    /// The file is not TOML.
    Syntax(PathBuf, String),
    /// The value of an environment variable is not UTF-8.
    NotText(String),
    /// The settings are not a configuration; each problem with where the setting comes from.
    Wrong(Vec<(Option<Origin>, Problem)>),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str(
                "no configuration: name a file with --config or BEDSIDE_CONFIG; bedside config example prints one",
            ),
            Self::Read(path, error) => write!(f, "cannot read the configuration {}: {error}", path.display()),
            Self::Syntax(path, problem) => write!(f, "the configuration {} is {problem}", path.display()),
            Self::NotText(variable) => write!(f, "the value of {variable} is not UTF-8"),
            Self::Wrong(problems) => {
                f.write_str("the configuration is not usable")?;
                problems.iter().try_for_each(|(origin, problem)| match origin {
                    Some(origin) => write!(f, "\n  {origin}: {problem}"),
                    None => write!(f, "\n  {problem}"),
                })
            }
        }
    }
}

impl Config {
    /// The configuration in force.
    ///
    /// # Errors
    /// [`ConfigError`] with all problems at once; an unknown key is one.
    pub(crate) fn read(file: Option<&Path>, flags: &[Override]) -> Result<Self, ConfigError> {
        Self::read_with_sources(file, flags).map(|(config, _)| config)
    }

    /// The same, with where each setting comes from.
    pub(crate) fn read_with_sources(
        file: Option<&Path>,
        flags: &[Override],
    ) -> Result<(Self, Sources), ConfigError> {
        let sources = Sources::gather(file, flags, &|name| std::env::var_os(name))?;
        Ok((Self::from_sources(&sources)?, sources))
    }

    fn from_sources(sources: &Sources) -> Result<Self, ConfigError> {
        let (config, problems) = Fields::read(&sources.table, |fields| config(fields, &sources.folder));
        config.filter(|_| problems.is_empty()).ok_or_else(|| {
            let with_origin = |problem: Problem| (sources.origin(&problem.field).cloned(), problem);
            ConfigError::Wrong(problems.into_iter().map(with_origin).collect())
        })
    }
}

fn config(fields: &mut Fields<'_>, folder: &Path) -> Option<Config> {
    let spine = fields.optional_object("spine", |fields| spine(fields, folder));
    let directory = fields.optional_object("directory", |fields| directory(fields, folder));
    let cache = fields.object("cache", |fields| cache(fields, folder));
    let audit = fields.object("audit", |fields| {
        let (directory, pepper) = (path(fields, "directory", folder), path(fields, "pepper", folder));
        let file_system = file_system(fields);
        Some(Audit { directory: directory?, pepper: pepper?, file_system })
    });
    let limits = fields.optional_object("limits", limits);
    Some(Config { spine, directory, cache: cache?, audit: audit?, limits: limits.unwrap_or_default() })
}

fn cache(fields: &mut Fields<'_>, folder: &Path) -> Option<Cache> {
    let root = path(fields, "root", folder);
    let key = key_source(fields, folder);
    let older_keys = fields.optional_texts("older_keys").unwrap_or_default();
    let policy = fields.has("policy").then(|| path(fields, "policy", folder));
    let file_system = file_system(fields);
    Some(Cache {
        root: root?,
        key: key?,
        older_keys: older_keys.iter().map(|file| folder.join(file)).collect(),
        policy: policy.flatten(),
        file_system,
    })
}

fn file_system(fields: &mut Fields<'_>) -> FileSystem {
    match fields.optional_text("file_system") {
        None | Some("local") => FileSystem::Local,
        Some("any") => FileSystem::Any,
        Some(_) => {
            fields.malformed("file_system", "must be local or any");
            FileSystem::Local
        }
    }
}

/// The one place of the key that is named.
fn key_source(fields: &mut Fields<'_>, folder: &Path) -> Option<KeySource> {
    let file = fields.has("key").then(|| path(fields, "key", folder));
    let credential = fields.optional_text("key_credential");
    let command = fields.optional_texts("key_command");
    match (file, credential, command) {
        (Some(file), None, None) => file.map(KeySource::File),
        (None, Some(name), None) => Some(KeySource::Credential(name.to_owned())),
        (None, None, Some(command)) => Some(KeySource::Command(command)),
        (None, None, None) => {
            fields.malformed("key", "is missing");
            None
        }
        _ => {
            fields.malformed("key", "name one of key, key_credential and key_command");
            None
        }
    }
}

fn spine(fields: &mut Fields<'_>, folder: &Path) -> Option<Spine> {
    let ssp_root = fields.text("ssp");
    let asid = fields.parsed("asid", str::parse::<Asid>);
    let token_issuer = fields.text("issuer");
    let user_id_system = fields.text("user_id_system");
    let device = fields.object("device", device);
    let authority = path(fields, "ca", folder);
    let certificate = path(fields, "certificate", folder);
    let key = path(fields, "key", folder);
    let consumer = Consumer {
        ssp_root: ssp_root?.to_owned(),
        asid: asid?,
        device: device?,
        token_issuer: token_issuer?.to_owned(),
        user_id_system: user_id_system?.to_owned(),
    };
    Some(Spine { consumer, tls: TlsFiles { certificate: certificate?, key: key?, authority: authority? } })
}

fn device(fields: &mut Fields<'_>) -> Option<Device> {
    let identifier_system = fields.text("identifier_system");
    let identifier = fields.text("identifier");
    let model = fields.text("model");
    let version = fields.text("version");
    Some(Device {
        identifier_system: identifier_system?.to_owned(),
        identifier: identifier?.to_owned(),
        model: model?.to_owned(),
        version: version?.to_owned(),
    })
}

fn directory(fields: &mut Fields<'_>, folder: &Path) -> Option<Directory> {
    let file = fields.has("file").then(|| path(fields, "file", folder));
    let url = fields.optional_text("sds");
    let api_key = fields.has("api_key").then(|| path(fields, "api_key", folder));
    let hosts = fields.optional_texts("hosts").unwrap_or_else(|| vec![SPINE_HOSTS.to_owned()]);
    let source = match (file, url) {
        (Some(file), None) => {
            if api_key.is_some() {
                fields.malformed("api_key", "belongs to sds, and a file is named");
            }
            DirectorySource::File(file?)
        }
        (None, Some(url)) => DirectorySource::Sds { url: url.to_owned(), api_key: api_key.flatten() },
        _ => {
            fields.malformed("file", "name either a file of practices or the URL of sds");
            return None;
        }
    };
    Some(Directory { source, hosts })
}

fn limits(fields: &mut Fields<'_>) -> Option<Limits> {
    let concurrency = fields.optional_count("concurrency", 1);
    let concurrency = concurrency.and_then(|count| usize::try_from(count).ok());
    Some(Limits { concurrency: concurrency.unwrap_or(Limits::default().concurrency) })
}

impl Default for Limits {
    /// Eight episodes at once: an admissions peak in minutes, and no practice sees more than its own patients.
    fn default() -> Self {
        Self { concurrency: 8 }
    }
}

fn path(fields: &mut Fields<'_>, name: &'static str, folder: &Path) -> Option<PathBuf> {
    fields.text(name).map(|text| folder.join(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        [spine]
        ssp = "https://proxy.example"
        asid = "200000000001"
        issuer = "https://hospital.example"
        user_id_system = "https://supplier.example/Id/user-guid"
        ca = "tls/ca.pem"
        certificate = "tls/client.pem"
        key = "/etc/bedside/client.key"

        [spine.device]
        identifier_system = "https://supplier.example/Id/device-identifier"
        identifier = "ward-1"
        model = "bedside"
        version = "0.1.0"

        [directory]
        file = "practices.toml"
        hosts = ["example"]

        [cache]
        root = "cache"
        key = "cache.key"

        [audit]
        directory = "audit"
        pepper = "audit.pepper"

        [limits]
        concurrency = 3
    "#;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let file = Path::new("/site/config.toml");
        let sources =
            Sources::from_text(text, file).map_err(|problem| ConfigError::Syntax(file.into(), problem))?;
        Config::from_sources(&sources)
    }

    /// Each problem with the line of the file that it is about.
    fn problems(text: &str) -> Vec<String> {
        match parse(text) {
            Ok(_) => Vec::new(),
            Err(error) => {
                let told = error.to_string().replace("/site/config.toml:", "");
                told.split("\n  ").skip(1).map(str::to_owned).collect()
            }
        }
    }

    #[test]
    fn relative_paths_start_from_the_folder_of_the_file() {
        let config = parse(WHOLE).expect("whole");
        let spine = config.spine.expect("given");
        assert_eq!(spine.tls.authority, Path::new("/site/tls/ca.pem"));
        assert_eq!(spine.tls.key, Path::new("/etc/bedside/client.key"));
        assert_eq!(config.cache.root, Path::new("/site/cache"));
        assert_eq!(config.limits.concurrency, 3);
    }

    #[test]
    fn an_installation_that_only_reads_needs_cache_and_audit_alone() {
        let text = "[cache]\nroot = 'c'\nkey = 'k'\n[audit]\ndirectory = 'a'\npepper = 'p'";
        let config = parse(text).expect("enough");
        assert!(config.spine.is_none() && config.directory.is_none());
        assert_eq!(config.limits.concurrency, Limits::default().concurrency);
    }

    #[test]
    fn every_problem_is_told_at_once_by_its_key() {
        let text = WHOLE
            .replace("200000000001", "2000")
            .replace("model =", "modle =")
            .replace("root = \"cache\"", "root = 7")
            .replace("concurrency = 3", "concurrency = 0\n[surprise]");
        assert_eq!(
            problems(&text),
            [
                "4: spine.asid: an ASID is exactly 12 digits",
                "11: spine.device.model: is missing",
                "14: spine.device.modle: is not a known field",
                "22: cache.root: must be a text",
                "30: limits.concurrency: must be a whole number of at least 1",
                "31: surprise: is not a known field",
            ]
        );
        assert_eq!(problems(""), ["cache: is missing", "audit: is missing"]);
        let error = parse("[cache]\nroot = ").expect_err("not TOML").to_string();
        assert_eq!(error, "the configuration /site/config.toml is not TOML in line 2");
    }

    #[test]
    fn there_is_one_directory() {
        for (lines, expected) in [
            ("", Some("directory.file: name either")),
            ("file = 'f'\nsds = 'https://sds.example'", Some("directory.file: name either")),
            ("file = 'f'\napi_key = 'k'", Some("directory.api_key: belongs to sds")),
            ("sds = 'https://sds.example/FHIR/R4'\napi_key = 'k'", None),
            ("file = 'f'\nhosts = [1]", Some("directory.hosts: must be a list of texts")),
        ] {
            let text = WHOLE.replace("file = \"practices.toml\"\n        hosts = [\"example\"]", lines);
            let told = problems(&text);
            match expected {
                Some(expected) => {
                    assert!(told.len() == 1 && told[0].contains(expected), "{lines}: {told:?}")
                }
                None => assert_eq!(told, [""; 0], "{lines}"),
            }
        }
    }

    #[test]
    fn the_example_is_a_configuration_with_every_setting_known() {
        let config = parse(&example()).expect("the example is usable as it stands");
        assert!(config.spine.is_some() && config.directory.is_some());
        let all: String = example()
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.contains(" = ") => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let told = problems(&all);
        assert!(told.iter().all(|problem| !problem.contains("not a known field")), "{told:?}");
    }
}
