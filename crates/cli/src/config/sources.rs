use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use bedside_warm::strict::toml_table;
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::settings::{Kind, SETTINGS, Setting};

/// Where a setting comes from. The later, the stronger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File(PathBuf, usize),
    Variable(String),
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment, {name}"),
            Self::Flag => f.write_str("flag --set"),
        }
    }
}

/// A setting given on the command line.
#[derive(Debug, Clone)]
pub(crate) struct Override {
    setting: &'static Setting,
    text: String,
}

impl Override {
    /// Reads `KEY=VALUE`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
        let setting = Setting::of(key)
            .ok_or_else(|| format!("there is no setting {key:?}; bedside config example lists them"))?;
        Ok(Self { setting, text: value.to_owned() })
    }
}

/// What flags, environment and file say together, and which of them said what. Nothing has been checked yet.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(super) table: Map<String, Value>,
    /// Folder that relative paths of the table start from.
    pub(super) folder: PathBuf,
    origins: BTreeMap<String, Origin>,
}

impl Sources {
    /// Reads the file, the one in the usual place where none is named, and lays over it what the environment
    /// and then the flags say.
    pub(super) fn gather(
        named: Option<&Path>,
        flags: &[Override],
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        // What is empty is as good as unset: compose files and units leave such variables.
        let variable = &|name: &str| variable(name).filter(|text| !text.is_empty());
        let named = named.map(Path::to_owned).or_else(|| variable("BEDSIDE_CONFIG").map(PathBuf::from));
        let file = named.or_else(|| usual_place(variable));
        let mut sources = match &file {
            Some(path) => Self::from_file(path)?,
            None => Self { table: Map::new(), folder: PathBuf::new(), origins: BTreeMap::new() },
        };
        for setting in SETTINGS {
            let name = setting.variable();
            if let Some(text) = variable(&name) {
                let text = text.into_string().map_err(|_| ConfigError::NotText(name.clone()))?;
                sources.lay(setting, &text, Origin::Variable(name));
            }
        }
        for flag in flags {
            sources.lay(flag.setting, &flag.text, Origin::Flag);
        }
        if file.is_none() && sources.table.is_empty() {
            return Err(ConfigError::Absent);
        }
        Ok(sources)
    }

    pub(super) fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| ConfigError::Read(path.to_owned(), error))?;
        Self::from_text(&text, path).map_err(|problem| ConfigError::Syntax(path.to_owned(), problem))
    }

    pub(super) fn from_text(text: &str, path: &Path) -> Result<Self, String> {
        let table = toml_table(text)?;
        let mut origins = BTreeMap::new();
        if let Ok(spans) = DeTable::parse(text) {
            let line = |at: usize| text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
            note_lines(spans.get_ref(), "", &mut |key, at| {
                origins.insert(key, Origin::File(path.to_owned(), line(at)));
            });
        }
        Ok(Self { table, folder: path.parent().unwrap_or(Path::new("")).to_owned(), origins })
    }

    /// Where a field comes from; for one that is missing, its section.
    pub(super) fn origin(&self, field: &str) -> Option<&Origin> {
        let mut key = field;
        loop {
            if let Some(origin) = self.origins.get(key) {
                return Some(origin);
            }
            key = key.rsplit_once('.')?.0;
        }
    }

    /// The settings in force as TOML, each with where it comes from if that is wanted.
    pub(crate) fn as_toml(&self, with_origin: bool) -> String {
        let (mut text, mut section) = (String::new(), "");
        for setting in SETTINGS {
            let Some((value, origin)) = self.value(setting) else { continue };
            let (of, name) = setting.split();
            if of != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                text.push_str(&format!("{gap}[{of}]\n"));
                section = of;
            }
            let line = format!("{name} = {value}");
            match with_origin {
                true => text.push_str(&format!("{line:<60}  # {origin}\n")),
                false => text.push_str(&format!("{line}\n")),
            }
        }
        text
    }

    /// The value of a setting as TOML writes it.
    fn value(&self, setting: &Setting) -> Option<(String, Origin)> {
        let mut value = None;
        let mut table = Some(&self.table);
        for name in setting.key.split('.') {
            value = table.and_then(|table| table.get(name));
            table = value.and_then(Value::as_object);
        }
        match value {
            // Texts, numbers and lists of texts look the same in JSON as in TOML.
            Some(value) => {
                let value = self.in_place(setting.kind, value).to_string();
                Some((value, self.origin(setting.key)?.clone()))
            }
            None => setting.default().map(|default| (default.to_owned(), Origin::Default)),
        }
    }

    /// The value with the folder of the file before what is a relative path.
    fn in_place(&self, kind: Kind, value: &Value) -> Value {
        let path = |value: &Value| match value {
            Value::String(uri) if uri.starts_with(TOKEN_URI) => value.clone(),
            Value::String(path) => Value::from(self.folder.join(path).display().to_string()),
            other => other.clone(),
        };
        match (kind, value) {
            (Kind::Path, value) => path(value),
            (Kind::Paths, Value::Array(items)) => items.iter().map(path).collect(),
            (_, other) => other.clone(),
        }
    }

    fn lay(&mut self, setting: &Setting, text: &str, origin: Origin) {
        let value = match setting.kind {
            Kind::Text => Value::from(text),
            Kind::Path => Value::from(absolute(text)),
            Kind::Texts => text.split(',').map(|item| Value::from(item.trim())).collect(),
            Kind::Paths => text.split(',').map(|item| Value::from(absolute(item.trim()))).collect(),
            // What is no number is told as such when it is read.
            Kind::Count => text.parse::<u32>().map_or_else(|_| Value::from(text), Value::from),
        };
        let (section, name) = setting.split();
        let mut table = &mut self.table;
        for part in section.split('.') {
            let inner = table.entry(part).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = inner else { return };
            table = inner;
        }
        table.insert(name.to_owned(), value);
        self.origins.insert(setting.key.to_owned(), origin);
    }
}

/// What a key in a token begins with, where a key file may be named too.
pub(super) const TOKEN_URI: &str = "pkcs11:";

/// A path of the command line or the environment, which starts from the folder that the program is in.
fn absolute(text: &str) -> String {
    if text.starts_with(TOKEN_URI) {
        return text.to_owned();
    }
    std::path::absolute(text).map_or_else(|_| text.to_owned(), |path| path.display().to_string())
}

/// The configuration of this user, else that of the machine.
fn usual_place(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let home = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = home.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".config")));
    let places = [home, Some(PathBuf::from("/etc"))].into_iter().flatten();
    places.map(|place| place.join("bedside/config.toml")).find(|path| path.is_file())
}

fn note_lines(table: &DeTable<'_>, prefix: &str, note: &mut dyn FnMut(String, usize)) {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        note(key.clone(), name.span().start);
        if let DeValue::Table(inner) = value.get_ref() {
            note_lines(inner, &format!("{key}."), note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn none(_: &str) -> Option<OsString> {
        None
    }

    fn site(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.toml");
        fs::write(&path, text).expect("written");
        (folder, path)
    }

    const READER: &str = "[cache]\nroot = 'c'\nkey = 'k'\n[audit]\ndirectory = 'a'\npepper = 'p'\n";

    #[test]
    fn a_flag_goes_before_the_environment_before_the_file_before_the_default() {
        let (_folder, path) = site(&format!("{READER}[limits]\nconcurrency = 3\n"));
        let variable = |name: &str| (name == "BEDSIDE_LIMITS_CONCURRENCY").then(|| OsString::from("4"));
        let flag = [Override::parse("limits.concurrency=5").expect("a setting")];
        type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;
        let cases: [(Variable<'_>, &[Override], usize, &str); 3] = [
            (&none, &[], 3, "config.toml:8"),
            (&variable, &[], 4, "environment, BEDSIDE_LIMITS_CONCURRENCY"),
            (&variable, &flag, 5, "flag --set"),
        ];
        for (variable, flags, concurrency, origin) in cases {
            let sources = Sources::gather(Some(&path), flags, variable).expect("readable");
            assert_eq!(Config::from_sources(&sources).expect("whole").limits.concurrency, concurrency);
            assert!(sources.as_toml(true).contains(&format!("{origin}\n")), "{}", sources.as_toml(true));
        }
        let (_folder, path) = site(READER);
        let sources = Sources::gather(Some(&path), &[], &none).expect("readable");
        assert_eq!(Config::from_sources(&sources).expect("whole").limits.concurrency, 8);
        assert!(sources.as_toml(true).contains("concurrency = 8 "), "{}", sources.as_toml(true));
        assert!(sources.as_toml(true).ends_with("# default\n"), "{}", sources.as_toml(true));
    }

    #[test]
    fn what_is_shown_is_a_configuration_that_says_the_same() {
        let (folder, path) = site(&format!("{READER}[directory]\nfile = 'practices.toml'\n"));
        for origin in [false, true] {
            let shown = Sources::gather(Some(&path), &[], &none).expect("readable").as_toml(origin);
            let again = Sources::from_text(&shown, Path::new("/elsewhere/config.toml")).expect("TOML");
            let config = Config::from_sources(&again).expect("whole");
            assert_eq!(config.cache.root, folder.path().join("c"), "{shown}");
            assert_eq!(
                again.as_toml(false),
                Sources::gather(Some(&path), &[], &none).expect("same").as_toml(false)
            );
        }
    }

    #[test]
    fn without_a_file_the_environment_may_say_everything() {
        let variable = |name: &str| match name {
            "BEDSIDE_CACHE_ROOT"
            | "BEDSIDE_CACHE_KEY"
            | "BEDSIDE_AUDIT_DIRECTORY"
            | "BEDSIDE_AUDIT_PEPPER" => Some(OsString::from("/somewhere")),
            _ => None,
        };
        let sources = Sources::gather(None, &[], &variable).expect("enough");
        assert_eq!(Config::from_sources(&sources).expect("whole").audit.pepper, Path::new("/somewhere"));
        // On a machine without a configuration of its own; the tests need no such machine to be meaningful.
        if !Path::new("/etc/bedside/config.toml").exists() {
            assert!(matches!(Sources::gather(None, &[], &none), Err(ConfigError::Absent)));
        }
    }

    #[test]
    fn an_empty_variable_is_as_good_as_unset() {
        let (_folder, path) = site(&format!("{READER}[limits]\nconcurrency = 3\n"));
        let empty =
            |name: &str| matches!(name, "BEDSIDE_LIMITS_CONCURRENCY" | "BEDSIDE_CONFIG").then(OsString::new);
        let sources = Sources::gather(Some(&path), &[], &empty).expect("readable");
        assert_eq!(Config::from_sources(&sources).expect("whole").limits.concurrency, 3);
        let named = |name: &str| (name == "BEDSIDE_CONFIG").then(|| path.clone().into_os_string());
        assert!(Sources::gather(None, &[], &named).is_ok());
    }

    #[test]
    fn the_users_own_place_is_looked_at() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("bedside")).expect("made");
        fs::write(folder.path().join("bedside/config.toml"), READER).expect("written");
        let variable = |name: &str| (name == "XDG_CONFIG_HOME").then(|| folder.path().into());
        let sources = Sources::gather(None, &[], &variable).expect("found");
        let config = Config::from_sources(&sources).expect("whole");
        assert_eq!(config.cache.root, folder.path().join("bedside/c"));
    }

    #[test]
    fn a_setting_that_there_is_not_cannot_be_set() {
        for (text, expected) in [
            ("limits.concurrency", "must be KEY=VALUE"),
            ("limits.concurency=3", "there is no setting \"limits.concurency\""),
            ("limits=3", "there is no setting"),
        ] {
            let problem = Override::parse(text).expect_err("no setting");
            assert!(problem.starts_with(expected), "{problem}");
        }
    }
}
