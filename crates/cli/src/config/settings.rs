//! The settings, declared once: what the environment may set, what `--set` may set, the example and the
//! reference in `docs/configuration.md` are all made from this list.

/// One setting of an installation.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its path in the file, such as `cache.root`.
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    pub(crate) need: Need,
    /// A value as TOML writes it.
    pub(crate) example: &'static str,
    /// What it means, one or two lines of at most 100 characters.
    pub(crate) meaning: &'static str,
}

/// What a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A file or folder. In the file a relative one starts from the folder of the file, elsewhere from the
    /// folder that the program is started in.
    Path,
    /// A list of texts; outside the file they are separated by commas.
    Texts,
    /// A list of paths, likewise.
    Paths,
    Count,
}

/// Whether a setting must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Always,
    /// Where its section is.
    WithSection,
    Never,
    /// One of these of its section must be there, and no two.
    OneOf(&'static [&'static str]),
    /// Never, because there is a default, as TOML writes it.
    Default(&'static str),
}

/// What the sections are for.
const SECTIONS: [(&str, &str); 8] = [
    (
        "spine",
        "Who you are on Spine and how to connect. An installation that only reads has no such section.",
    ),
    ("spine.device", "The device resource of the access token: your system as it was assured."),
    ("directory", "Where a practice's system is looked up: a file of practices, or the SDS FHIR API."),
    (
        "pds",
        "Who traces patients whose trace is absent or older than 24 hours. Without url the callers trace.",
    ),
    ("cache", "Where records are kept, sealed."),
    ("audit", "Where every access is recorded."),
    ("limits", "What a run may take."),
    ("serve", "Where bedside serve hands tables over, and whose word counts; its flags go before it."),
];

macro_rules! settings {
    ($($key:literal $kind:ident $need:expr, $example:literal, $meaning:literal;)*) => {
        &[$(Setting { key: $key, kind: Kind::$kind, need: $need, example: $example, meaning: $meaning }),*]
    };
}

const DIRECTORY: &[&str] = &["file", "sds"];
const KEY: &[&str] = &["key", "key_credential", "key_command", "key_pkcs11"];

/// All settings, by section.
pub(crate) const SETTINGS: &[Setting] = settings! {
    "spine.ssp" Text Need::WithSection, r#""https://proxy.example.nhs.uk""#,
        "Base URL of the Spine Secure Proxy; the only host that is ever connected to for a record.";
    "spine.asid" Text Need::WithSection, r#""200000000001""#, "Your accredited system id, 12 digits.";
    "spine.issuer" Text Need::WithSection, r#""https://ehr.hospital.example/token""#,
        "Issuer of the access token: the URL of your system.";
    "spine.user_id_system" Text Need::WithSection, r#""https://supplier.example/Id/user-guid""#,
        "System of the local user ids in the access token.";
    "spine.ca" Path Need::WithSection, r#""tls/spine-ca.pem""#, "The one certificate authority that is trusted, PEM.";
    "spine.certificate" Path Need::WithSection, r#""tls/client.pem""#, "Your client certificate with its chain, PEM.";
    "spine.key" Path Need::WithSection, r#""tls/client.key""#,
        "Its private key, PEM. Refused when anybody but the owner may read it.";
    "spine.crls" Paths Need::Never, r#"["tls/spine-root.crl", "tls/spine-sub.crl"]"#,
        "Lists of withdrawn certificates, DER or PEM, read at start; with any, a server that none tells of is refused.";
    "spine.stale_crls" Text Need::Never, r#""refuse""#,
        "A list whose successor is due: use (so without this) takes it, and check warns; refuse trusts no server.";
    "spine.trace_echo" Text Need::Never, r#""require""#,
        "An answer without the trace id of its request: note (so without this) tells, require stores nothing.";
    "spine.device.identifier_system" Text Need::WithSection, r#""https://supplier.example/Id/device-identifier""#,
        "System of the device's identifier.";
    "spine.device.identifier" Text Need::WithSection, r#""ward-1""#, "The device's identifier.";
    "spine.device.model" Text Need::WithSection, r#""bedside""#, "Its model.";
    "spine.device.version" Text Need::WithSection, r#""0.1.0""#, "Its version.";
    "directory.file" Path Need::OneOf(DIRECTORY), r#""practices.toml""#, "A file of practices, for closed sites.";
    "directory.sds" Text Need::OneOf(DIRECTORY), r#""https://api.service.nhs.uk/spine-directory/FHIR/R4""#,
        "Base URL of the SDS FHIR API.";
    "directory.api_key" Path Need::Never, r#""sds-api.key""#, "File with the key of that API.";
    "directory.ca" Path Need::Never, r#""tls/api-ca.pem""#,
        "The one authority that is trusted for that API, PEM, if it is not spine.ca.";
    "directory.hosts" Texts Need::Default(r#"["nhs.uk"]"#), r#"["nhs.uk"]"#,
        "Suffixes of the hosts that a practice's system may have; others are refused.";
    "pds.url" Text Need::Never, r#""https://api.service.nhs.uk/personal-demographics/FHIR/R4""#,
        "Base URL of the PDS FHIR API.";
    "pds.token" Path Need::Never, r#""pds.token""#,
        "File with its access token, read for each trace, for its owner alone. Another program keeps it fresh.";
    "pds.ca" Path Need::Never, r#""tls/api-ca.pem""#, "The one authority that is trusted for it, PEM, if it is not spine.ca.";
    "cache.root" Path Need::Always, r#""/var/lib/bedside/cache""#, "Folder of the sealed records, made with mode 0700; others may write no folder above it.";
    "cache.key" Path Need::OneOf(KEY), r#""/etc/bedside/cache.key""#,
        "Key-encryption key: 32 bytes in hexadecimal, a file that its owner alone may read.";
    "cache.key_credential" Text Need::OneOf(KEY), r#""bedside.kek""#,
        "In its place a credential that the service manager provides: its name in $CREDENTIALS_DIRECTORY.";
    "cache.key_command" Texts Need::OneOf(KEY), r#"["/usr/local/bin/key-command"]"#,
        "In its place a command that wraps and unwraps with a key that never leaves its module.";
    "cache.key_pkcs11" Text Need::OneOf(KEY), r#""pkcs11:token=bedside;object=kek?module-path=/usr/lib/hsm.so&pin-source=file:/etc/bedside/token.pin""#,
        "In its place an AES key in a token, by its PKCS#11 URI; needs a bedside built with the feature pkcs11.";
    "cache.older_keys" Paths Need::Never, r#"["/etc/bedside/cache.key.before"]"#,
        "Key files or PKCS#11 URIs of earlier epochs, until keys rotate has wrapped everything with the key in use.";
    "cache.policy" Path Need::Never, r#""policy.toml""#,
        "The site's policy: how long records are kept, when they are stale, which roles may act.";
    "cache.file_system" Text Need::Default(r#""local""#), r#""local""#,
        "local refuses network file systems; any is for a site that knows that its own keeps locks and syncs.";
    "audit.directory" Path Need::Always, r#""/var/lib/bedside/audit""#, "Folder of the audit log.";
    "audit.pepper" Path Need::Always, r#""/etc/bedside/audit.pepper""#,
        "Key of the log's pseudonyms: 32 bytes in hexadecimal, a file that its owner alone may read.";
    "audit.file_system" Text Need::Default(r#""local""#), r#""local""#, "As cache.file_system.";
    "audit.anchors" Path Need::Never, r#""/mnt/elsewhere/bedside-anchors""#,
        "Folder of the heads of the log that it signs by itself, where nobody who can write the log can remove them.";
    "audit.anchor_key" Path Need::Never, r#""/etc/bedside/anchor.key""#,
        "Ed25519 key that signs them: 32 bytes in hexadecimal, a file that its owner alone may read.";
    "limits.concurrency" Count Need::Default("8"), "8", "Episodes in flight at once.";
    "limits.episode_seconds" Count Need::Default("180"), "180",
        "Seconds for one admission, from its first step to its last, 10 to 900; a call to a practice may take 90.";
    "serve.socket" Path Need::Never, r#""/run/bedside/serve.sock""#, "A Unix socket to make, for its owner alone.";
    "serve.group" Text Need::Never, r#""care-system""#,
        "A group, by name or number, whose members may open the socket, too; they must bring a token.";
    "serve.listen" Text Need::Never, r#""127.0.0.1:8443""#, "In place of the socket a loopback address and port for TLS.";
    "serve.certificate" Path Need::Never, r#""/etc/bedside/serve.pem""#, "The server's certificate with its chain, PEM.";
    "serve.tls_key" Path Need::Never, r#""/etc/bedside/serve.key""#,
        "Its private key, PEM. Refused when anybody but the owner may read it.";
    "serve.token_key" Path Need::Never, r#""/etc/bedside/host.pub""#,
        "The Ed25519 public key, PEM, of the host system whose tokens count.";
    "serve.audience" Text Need::Never, r#""ward-9""#, "The name of this installation, which a token must carry.";
    "serve.connections" Count Need::Default("32"), "32", "Connections at once; further ones wait.";
    "serve.seconds" Count Need::Default("30"), "30",
        "Seconds that a connection may take, from its first byte to its last, at most 3600.";
};

impl Setting {
    /// The setting of that key.
    pub(crate) fn of(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// The environment variable that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("BEDSIDE_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Section and name.
    pub(crate) fn split(&self) -> (&'static str, &'static str) {
        // Every key of the list has a section.
        self.key.rsplit_once('.').unwrap_or(("", self.key))
    }

    /// The default as TOML writes it.
    pub(crate) fn default(&self) -> Option<&'static str> {
        match self.need {
            Need::Default(value) => Some(value),
            _ => None,
        }
    }
}

/// A configuration to start from: every setting with what it means; those that may be left out are comments.
pub(crate) fn example() -> String {
    let mut text = "# Configuration of bedside. Relative paths start from the folder of this file. A variable such as\n\
                    # BEDSIDE_CACHE_ROOT or a flag such as --set cache.root=... goes before what stands here.\n"
        .to_owned();
    for (section, purpose) in SECTIONS {
        text.push_str(&format!("\n# {purpose}\n[{section}]\n"));
        for setting in SETTINGS.iter().filter(|setting| setting.split().0 == section) {
            let comment = if is_left_out(setting) { "# " } else { "" };
            let (_, name) = setting.split();
            text.push_str(&format!("# {}\n{comment}{name} = {}\n", setting.meaning, setting.example));
        }
    }
    text
}

fn is_left_out(setting: &Setting) -> bool {
    match setting.need {
        Need::Always | Need::WithSection => false,
        Need::Never | Need::Default(_) => true,
        // The first is the usual one.
        Need::OneOf(names) => names.first() != Some(&setting.split().1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference of `docs/configuration.md`.
    fn reference() -> String {
        let mut text = "| setting | variable | default | meaning |\n| --- | --- | --- | --- |\n".to_owned();
        for setting in SETTINGS {
            let default = match setting.need {
                Need::Always => "must be given".to_owned(),
                Need::WithSection => "must be given with its section".to_owned(),
                Need::Never => "none".to_owned(),
                Need::OneOf(names) => format!("one of `{}`", names.join("`, `")),
                Need::Default(value) => format!("`{value}`"),
            };
            let (key, variable) = (setting.key, setting.variable());
            text.push_str(&format!("| `{key}` | `{variable}` | {default} | {} |\n", setting.meaning));
        }
        text
    }

    #[test]
    fn the_document_is_what_is_declared() {
        let page = include_str!("../../../../docs/configuration.md");
        assert!(page.contains(&reference()), "docs/configuration.md needs:\n\n{}", reference());
    }

    #[test]
    fn every_setting_is_in_the_example() {
        let text = example();
        for setting in SETTINGS {
            assert!(
                text.contains(&format!("{} = {}\n", setting.split().1, setting.example)),
                "{}",
                setting.key
            );
            assert!(SECTIONS.iter().any(|(section, _)| *section == setting.split().0), "{}", setting.key);
        }
        assert!(text.lines().all(|line| line.chars().count() <= 120));
    }
}
