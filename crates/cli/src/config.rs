mod connection;
mod serve;
mod settings;
mod sources;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use bedside_warm::EPISODE_DEADLINE;
use bedside_warm::strict::{Fields, Problem};

pub(crate) use connection::{Directory, DirectorySource, Pds, Spine};
pub(crate) use serve::Serve;
pub(crate) use settings::example;
pub(crate) use sources::{Origin, Override, Sources};

/// How long an admission may take, in seconds: below it no practice with a large record could answer, above it nobody
/// waits any more.
const EPISODE_SECONDS: RangeInclusive<u32> = 10..=900;

/// What an installation is: who it is on Spine, where practices are looked up, where records and the audit
/// log are kept. Paths are those of the file, made absolute against its folder. Nothing has been opened yet.
#[derive(Debug)]
pub(crate) struct Config {
    /// Who we are and how we connect; an installation that only reads has none.
    pub(crate) spine: Option<Spine>,
    /// Where a practice's system is looked up; an installation that only reads has none.
    pub(crate) directory: Option<Directory>,
    /// Who traces patients; without it the callers do.
    pub(crate) pds: Option<Pds>,
    pub(crate) cache: Cache,
    pub(crate) audit: Audit,
    pub(crate) limits: Limits,
    pub(crate) serve: Serve,
}

#[derive(Debug)]
pub(crate) struct Cache {
    pub(crate) root: PathBuf,
    pub(crate) key: KeySource,
    /// Keys of earlier epochs: files and tokens.
    pub(crate) older_keys: Vec<KeySource>,
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
    /// An AES key in a PKCS#11 token, by its URI.
    Token(String),
}

#[derive(Debug)]
pub(crate) struct Audit {
    pub(crate) directory: PathBuf,
    pub(crate) pepper: PathBuf,
    pub(crate) file_system: FileSystem,
    /// Where the log keeps the heads that it signs by itself; without it, it signs none.
    pub(crate) anchors: Option<Anchors>,
}

#[derive(Debug)]
pub(crate) struct Anchors {
    pub(crate) folder: PathBuf,
    /// The file of the key that signs.
    pub(crate) key: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Limits {
    /// Episodes in flight at once.
    pub(crate) concurrency: usize,
    /// How long there is for one admission.
    pub(crate) episode: Duration,
}

/// The sections of a configuration as far as they can be read.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    pub(crate) spine: Option<Spine>,
    pub(crate) directory: Option<Directory>,
    pub(crate) pds: Option<Pds>,
    pub(crate) cache: Option<Cache>,
    pub(crate) audit: Option<Audit>,
    limits: Limits,
    serve: Serve,
}

/// A problem, and where the setting that it is about comes from.
pub(crate) type Told = (Option<Origin>, Problem);

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
    Wrong(Vec<Told>),
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
                problems.iter().try_for_each(|told| write!(f, "\n  {}", in_words(told)))
            }
        }
    }
}

/// A problem on one line.
pub(crate) fn in_words((origin, problem): &Told) -> String {
    match origin {
        Some(origin) => format!("{origin}: {problem}"),
        None => problem.to_string(),
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

    /// Whatever of the configuration in force can be read, and everything that is wrong with the rest.
    ///
    /// # Errors
    /// [`ConfigError`] where there is nothing to read.
    pub(crate) fn read_in_part(
        file: Option<&Path>,
        flags: &[Override],
    ) -> Result<(Sections, Vec<Told>), ConfigError> {
        let sources = Sources::gather(file, flags, &|name| std::env::var_os(name))?;
        Ok(Self::sections(&sources))
    }

    fn from_sources(sources: &Sources) -> Result<Self, ConfigError> {
        match Self::sections(sources) {
            (
                Sections { spine, directory, pds, cache: Some(cache), audit: Some(audit), limits, serve },
                problems,
            ) if problems.is_empty() => Ok(Self { spine, directory, pds, cache, audit, limits, serve }),
            (_, problems) => Err(ConfigError::Wrong(problems)),
        }
    }

    fn sections(sources: &Sources) -> (Sections, Vec<Told>) {
        let (read, problems) = Fields::read(&sources.table, |fields| Some(sections(fields, &sources.folder)));
        let with_origin = |problem: Problem| (sources.origin(&problem.field).cloned(), problem);
        (read.unwrap_or_default(), problems.into_iter().map(with_origin).collect())
    }
}

fn sections(fields: &mut Fields<'_>, folder: &Path) -> Sections {
    let spine = fields.optional_object("spine", |fields| connection::spine(fields, folder));
    let directory = fields.optional_object("directory", |fields| connection::directory(fields, folder));
    let pds = fields.optional_object("pds", |fields| connection::pds(fields, folder));
    let cache = fields.object("cache", |fields| cache(fields, folder));
    let audit = fields.object("audit", |fields| audit(fields, folder));
    let limits = fields.optional_object("limits", limits);
    let serve = fields.optional_object("serve", |fields| serve::serve(fields, folder));
    let (limits, serve) = (limits.unwrap_or_default(), serve.unwrap_or_default());
    Sections { spine, directory, pds: pds.flatten(), cache, audit, limits, serve }
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
        older_keys: older_keys.iter().filter_map(|key| older_key(fields, key, folder)).collect(),
        policy: policy.flatten(),
        file_system,
    })
}

fn audit(fields: &mut Fields<'_>, folder: &Path) -> Option<Audit> {
    let (directory, pepper) = (path(fields, "directory", folder), path(fields, "pepper", folder));
    let (file_system, anchors) = (file_system(fields), anchors(fields, folder));
    Some(Audit { directory: directory?, pepper: pepper?, file_system, anchors })
}

/// The folder of the anchors and the key that signs them, neither without the other.
fn anchors(fields: &mut Fields<'_>, folder: &Path) -> Option<Anchors> {
    let kept = fields.has("anchors").then(|| path(fields, "anchors", folder)).flatten();
    let key = fields.has("anchor_key").then(|| path(fields, "anchor_key", folder)).flatten();
    match (kept, key) {
        (Some(folder), Some(key)) => Some(Anchors { folder, key }),
        (None, None) => None,
        (Some(_), None) => {
            fields.malformed("anchors", "needs anchor_key");
            None
        }
        (None, Some(_)) => {
            fields.malformed("anchor_key", "needs anchors");
            None
        }
    }
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
    let token = fields.optional_text("key_pkcs11");
    match (file, credential, command, token) {
        (Some(file), None, None, None) => file.map(KeySource::File),
        (None, Some(name), None, None) => Some(KeySource::Credential(name.to_owned())),
        (None, None, Some(command), None) => Some(KeySource::Command(command)),
        (None, None, None, Some(uri)) => Some(KeySource::Token(uri.to_owned())),
        (None, None, None, None) => {
            fields.malformed("key", "is missing");
            None
        }
        _ => {
            fields.malformed("key", "name one of key, key_credential, key_command and key_pkcs11");
            None
        }
    }
}

fn older_key(fields: &mut Fields<'_>, text: &str, folder: &Path) -> Option<KeySource> {
    match text.starts_with(sources::TOKEN_URI) {
        true => Some(KeySource::Token(text.to_owned())),
        false => located(fields, "older_keys", (text, folder)).map(KeySource::File),
    }
}

fn limits(fields: &mut Fields<'_>) -> Option<Limits> {
    let usual = Limits::default();
    let concurrency = fields.optional_count("concurrency", 1);
    let concurrency = concurrency.and_then(|count| usize::try_from(count).ok());
    let seconds = fields.optional_count("episode_seconds", *EPISODE_SECONDS.start());
    if seconds.is_some_and(|seconds| seconds > *EPISODE_SECONDS.end()) {
        fields.malformed("episode_seconds", format!("must be at most {}", EPISODE_SECONDS.end()));
    }
    Some(Limits {
        concurrency: concurrency.unwrap_or(usual.concurrency),
        episode: seconds.map_or(usual.episode, |seconds| Duration::from_secs(seconds.into())),
    })
}

impl Default for Limits {
    /// Eight episodes at once: an admissions peak in minutes, and no practice sees more than its own patients.
    fn default() -> Self {
        Self { concurrency: 8, episode: EPISODE_DEADLINE }
    }
}

fn path(fields: &mut Fields<'_>, name: &'static str, folder: &Path) -> Option<PathBuf> {
    let text = fields.text(name)?;
    located(fields, name, (text, folder))
}

/// The path, unless the key itself stands in the place of its file: every message that names the file would tell it.
fn located(fields: &mut Fields<'_>, name: &str, (text, folder): (&str, &Path)) -> Option<PathBuf> {
    if holds_a_key(Path::new(text)) {
        fields.malformed(name, "holds a key: it must be the path of the file that holds it");
        return None;
    }
    Some(folder.join(text))
}

/// Whether what should be a path is 32 bytes in hexadecimal, as our keys are.
pub(crate) fn holds_a_key(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.len() == 64 && name.iter().all(u8::is_ascii_hexdigit)
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
    fn a_key_in_the_place_of_its_path_is_told_and_not_repeated() {
        let key = "A5".repeat(32);
        for (line, field) in [
            ("key = \"cache.key\"", "cache.key"),
            ("pepper = \"audit.pepper\"", "audit.pepper"),
            ("key = \"/etc/bedside/client.key\"", "spine.key"),
            ("ca = \"tls/ca.pem\"", "spine.ca"),
        ] {
            let name = line.split(' ').next().unwrap_or_default();
            let told = problems(&WHOLE.replace(line, &format!("{name} = \"{key}\"")));
            assert!(told.len() == 1 && told[0].contains(&format!("{field}: holds a key")), "{told:?}");
            assert!(!told[0].contains(&key), "{told:?}");
        }
        let older = format!("key = \"cache.key\"\nolder_keys = ['elsewhere/{key}']");
        let told = problems(&WHOLE.replace("key = \"cache.key\"", &older));
        assert!(told.len() == 1 && told[0].contains("cache.older_keys: holds a key"), "{told:?}");
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
    fn a_key_is_in_one_place_and_older_ones_may_be_in_others() {
        let keys = "key_pkcs11 = 'pkcs11:object=kek'\nolder_keys = ['pkcs11:object=old', 'old.key']";
        let config = parse(&WHOLE.replace("key = \"cache.key\"", keys)).expect("whole");
        assert!(matches!(config.cache.key, KeySource::Token(uri) if uri == "pkcs11:object=kek"));
        let [KeySource::Token(_), KeySource::File(file)] = &config.cache.older_keys[..] else {
            panic!("{:?}", config.cache.older_keys)
        };
        assert_eq!(file, Path::new("/site/old.key"));
        let two = WHOLE.replace("key = \"cache.key\"", "key = 'k'\nkey_pkcs11 = 'pkcs11:object=kek'");
        assert_eq!(problems(&two).len(), 1);
    }

    #[test]
    fn an_admission_has_from_ten_seconds_to_a_quarter_of_an_hour() {
        for (line, seconds) in [("", 180), ("episode_seconds = 10", 10), ("episode_seconds = 900", 900)] {
            let config = parse(&WHOLE.replace("concurrency = 3", line)).expect("whole");
            assert_eq!(config.limits.episode.as_secs(), seconds);
        }
        for (seconds, told) in [("9", "of at least 10"), ("901", "at most 900"), ("-1", "of at least 10")] {
            let text = WHOLE.replace("concurrency = 3", &format!("episode_seconds = {seconds}"));
            let found = problems(&text);
            assert!(found.len() == 1 && found[0].ends_with(told), "{found:?}");
        }
    }

    #[test]
    fn lists_of_withdrawn_certificates_and_the_national_record_are_optional() {
        let config = parse(WHOLE).expect("whole");
        assert!(config.pds.is_none() && config.spine.expect("given").revocation.files.is_empty());
        let text = WHOLE
            .replace(
                "ca = \"tls/ca.pem\"",
                "ca = 'ca.pem'\ncrls = ['a.crl', '/b.crl']\nstale_crls = 'refuse'",
            )
            .replace(
                "[cache]",
                "[pds]\nurl = 'https://pds.example'\ntoken = 'pds.token'\nca = 'api.pem'\n[cache]",
            );
        let config = parse(&text).expect("whole");
        let revocation = config.spine.expect("given").revocation;
        assert_eq!(revocation.files, [Path::new("/site/a.crl"), Path::new("/b.crl")]);
        assert_eq!(revocation.stale, bedside_spine::StaleLists::Refused);
        let pds = config.pds.expect("given");
        assert_eq!(
            (pds.url.as_str(), pds.token.as_deref()),
            ("https://pds.example", Some(Path::new("/site/pds.token")))
        );
        assert_eq!(pds.authority.as_deref(), Some(Path::new("/site/api.pem")));
        let told = problems(&text.replace("url = 'https://pds.example'", "").replace("'refuse'", "'maybe'"));
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].ends_with("spine.stale_crls: must be use or refuse"), "{told:?}");
        assert!(told[1].ends_with("pds.url: is missing"), "{told:?}");
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
