use std::path::{Path, PathBuf};

use bedside_model::Asid;
use bedside_spine::{Consumer, Device, RevocationLists, StaleLists, TlsFiles};
use bedside_warm::strict::Fields;

use super::{located, path};

/// Where practices' systems lie on Spine, unless the configuration says otherwise.
const SPINE_HOSTS: &str = "nhs.uk";

/// Who we are on Spine, and how we connect.
#[derive(Debug)]
pub(crate) struct Spine {
    pub(crate) consumer: Consumer,
    pub(crate) tls: TlsFiles,
    /// What servers are checked against that chain to the authority of `tls`.
    pub(crate) revocation: RevocationLists,
    /// Whether an answer has to bear the trace id of its request.
    pub(crate) requires_trace_echo: bool,
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
        /// Its authority, if that is not Spine's.
        authority: Option<PathBuf>,
    },
}

/// The Personal Demographics Service over its FHIR API.
#[derive(Debug)]
pub(crate) struct Pds {
    /// Its base URL.
    pub(crate) url: String,
    /// File with its access token, which somebody else keeps fresh.
    pub(crate) token: Option<PathBuf>,
    /// Its authority, if that is not Spine's.
    pub(crate) authority: Option<PathBuf>,
}

pub(super) fn spine(fields: &mut Fields<'_>, folder: &Path) -> Option<Spine> {
    let ssp_root = fields.text("ssp");
    let asid = fields.parsed("asid", str::parse::<Asid>);
    let token_issuer = fields.text("issuer");
    let user_id_system = fields.text("user_id_system");
    let device = fields.object("device", device);
    let authority = path(fields, "ca", folder);
    let certificate = path(fields, "certificate", folder);
    let key = path(fields, "key", folder);
    let revocation = revocation(fields, folder);
    let requires_trace_echo = requires_trace_echo(fields);
    let consumer = Consumer {
        ssp_root: ssp_root?.to_owned(),
        asid: asid?,
        device: device?,
        token_issuer: token_issuer?.to_owned(),
        user_id_system: user_id_system?.to_owned(),
    };
    let tls = TlsFiles { certificate: certificate?, key: key?, authority: authority? };
    Some(Spine { consumer, tls, revocation, requires_trace_echo })
}

fn requires_trace_echo(fields: &mut Fields<'_>) -> bool {
    match fields.optional_text("trace_echo") {
        None | Some("note") => false,
        Some("require") => true,
        Some(_) => {
            fields.malformed("trace_echo", "must be note or require");
            true
        }
    }
}

fn revocation(fields: &mut Fields<'_>, folder: &Path) -> RevocationLists {
    let files = fields.optional_texts("crls").unwrap_or_default();
    let stale = match fields.optional_text("stale_crls") {
        None | Some("use") => StaleLists::Used,
        Some("refuse") => StaleLists::Refused,
        Some(_) => {
            fields.malformed("stale_crls", "must be use or refuse");
            StaleLists::Refused
        }
    };
    RevocationLists { files: files.iter().map(|file| folder.join(file)).collect(), stale }
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

pub(super) fn directory(fields: &mut Fields<'_>, folder: &Path) -> Option<Directory> {
    let file = optional_path(fields, "file", folder);
    let url = fields.optional_text("sds");
    let api_key = optional_path(fields, "api_key", folder);
    let authority = optional_path(fields, "ca", folder);
    let hosts = fields.optional_texts("hosts").unwrap_or_else(|| vec![SPINE_HOSTS.to_owned()]);
    let source = match (file, url) {
        (Some(file), None) => {
            for (name, given) in [("api_key", &api_key), ("ca", &authority)] {
                if given.is_some() {
                    fields.malformed(name, "belongs to sds, and a file is named");
                }
            }
            DirectorySource::File(file)
        }
        (None, Some(url)) => DirectorySource::Sds { url: url.to_owned(), api_key, authority },
        _ => {
            fields.malformed("file", "name either a file of practices or the URL of sds");
            return None;
        }
    };
    Some(Directory { source, hosts })
}

/// The service that is named; an empty section names none.
pub(super) fn pds(fields: &mut Fields<'_>, folder: &Path) -> Option<Option<Pds>> {
    let token = optional_path(fields, "token", folder);
    let authority = optional_path(fields, "ca", folder);
    let url = fields.optional_text("url");
    if url.is_none() && (token.is_some() || authority.is_some()) {
        fields.malformed("url", "is missing");
    }
    Some(url.map(|url| Pds { url: url.to_owned(), token, authority }))
}

fn optional_path(fields: &mut Fields<'_>, name: &'static str, folder: &Path) -> Option<PathBuf> {
    let text = fields.optional_text(name)?;
    located(fields, name, (text, folder))
}
