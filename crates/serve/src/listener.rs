use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream as BlockingUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedside_audit::private_file;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;

use crate::Group;

/// Where requests come in.
pub struct Listener(Door);

enum Door {
    Unix { listener: UnixListener, path: PathBuf },
    Tls { listener: TcpListener, acceptor: TlsAcceptor },
}

/// Somebody who came in, before a byte is read.
pub(crate) enum Visitor {
    Unix(UnixStream),
    Tls(TcpStream, TlsAcceptor),
}

/// Why nobody can come in.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process listens there.
    #[error("another process listens on {}", .0.display())]
    InUse(PathBuf),
    /// What is there is not a socket, and is not removed.
    #[error("{} is there and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// The machine has no group of that name.
    #[error("there is no group {0} in /etc/group: name one of it, or give the number of another")]
    NoGroup(String),
    /// The system does not give the socket.
    #[error("cannot listen on {place}: {source}")]
    Bind {
        /// The path or the address.
        place: String,
        /// What the system says.
        source: io::Error,
    },
    /// An address that other machines could reach.
    #[error("{0} is not an address of this machine alone: records are handed over on loopback only")]
    NotLoopback(SocketAddr),
    /// A file of the TLS identity cannot be read, or is open to others.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Certificate and key are not a pair, or one of them is not PEM.
    #[error("the server's certificate and key are not a pair in PEM")]
    Identity,
}

impl Listener {
    /// Listens on a Unix socket that its owner alone can open (mode 0600), or with a group the members of that, too (mode
    /// 0660). A socket on which nobody listens any more is replaced. Runs within a Tokio runtime.
    ///
    /// # Errors
    /// [`ListenError::InUse`], [`ListenError::NotASocket`] and [`ListenError::Bind`].
    pub fn unix(path: &Path, group: Option<Group>) -> Result<Self, ListenError> {
        require_free(path)?;
        let listener = bind_private(path, group)
            .map_err(|source| ListenError::Bind { place: path.display().to_string(), source })?;
        Ok(Self(Door::Unix { listener, path: path.to_owned() }))
    }

    /// Listens on a loopback address with TLS 1.3. The key must be a file that its owner alone can read. Runs within
    /// a Tokio runtime.
    ///
    /// # Errors
    /// [`ListenError::NotLoopback`], [`ListenError::File`], [`ListenError::Identity`] and [`ListenError::Bind`].
    pub fn tls(address: SocketAddr, certificate: &Path, key: &Path) -> Result<Self, ListenError> {
        if !address.ip().is_loopback() {
            return Err(ListenError::NotLoopback(address));
        }
        let of_file = |path: &Path| {
            let path = path.to_owned();
            move |source| ListenError::File { path, source }
        };
        let certificate = fs::read(certificate).map_err(of_file(certificate))?;
        let key = private_file(key).map_err(of_file(key))?;
        let config = identity(&certificate, &key).ok_or(ListenError::Identity)?;
        let of_address = |source| ListenError::Bind { place: address.to_string(), source };
        let listener = std::net::TcpListener::bind(address).map_err(of_address)?;
        listener.set_nonblocking(true).map_err(of_address)?;
        let listener = TcpListener::from_std(listener).map_err(of_address)?;
        Ok(Self(Door::Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) }))
    }

    /// Where it listens, for people: the path, or the URL with the port that the system gave where none was named.
    pub fn place(&self) -> String {
        match &self.0 {
            Door::Unix { path, .. } => path.display().to_string(),
            Door::Tls { listener, .. } => match listener.local_addr() {
                Ok(address) => format!("https://{address}"),
                Err(_) => "https, at an unknown address".to_owned(),
            },
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<Visitor> {
        match &self.0 {
            Door::Unix { listener, .. } => Ok(Visitor::Unix(listener.accept().await?.0)),
            Door::Tls { listener, acceptor } => {
                Ok(Visitor::Tls(listener.accept().await?.0, acceptor.clone()))
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Door::Unix { path, .. } = &self.0 {
            // What stays is a socket on which nobody listens, which the next start replaces.
            let _ = fs::remove_file(path);
        }
    }
}

/// Nobody listens there, and nothing else would be lost.
fn require_free(path: &Path) -> Result<(), ListenError> {
    use std::os::unix::fs::FileTypeExt;
    let there = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(ListenError::Bind { place: path.display().to_string(), source }),
    };
    if !there.is_socket() {
        return Err(ListenError::NotASocket(path.to_owned()));
    }
    match BlockingUnixStream::connect(path) {
        Ok(_) => Err(ListenError::InUse(path.to_owned())),
        Err(_) => Ok(()),
    }
}

/// Binds in a folder of our own and moves the socket from there, so that it is never there with another mode.
fn bind_private(path: &Path, group: Option<Group>) -> io::Result<UnixListener> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = own_folder(parent)?;
    let made = folder.join("s");
    let bound = UnixListener::bind(&made).and_then(|listener| {
        fs::set_permissions(&made, Permissions::from_mode(0o600))?;
        if let Some(Group(number)) = group {
            chown(&made, None, Some(number))?;
            fs::set_permissions(&made, Permissions::from_mode(0o660))?;
        }
        fs::rename(&made, path)?;
        Ok(listener)
    });
    // Of what may be left, an empty folder does no harm and a socket in it is removed with it.
    let _ = fs::remove_dir_all(&folder);
    bound
}

/// A new folder that nobody else can look into. One of the name may have been left by a process that was killed: in a
/// container every process has the same number.
fn own_folder(parent: &Path) -> io::Result<PathBuf> {
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for attempt in 0..MOST_LEFT {
        let folder = parent.join(format!(".bedside-{}-{attempt}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}

/// So many folders that were left behind keep nobody from starting.
const MOST_LEFT: u8 = 64;

fn identity(certificate: &[u8], key: &[u8]) -> Option<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>().ok()?;
    let key = PrivateKeyDer::from_pem_slice(key).ok()?;
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .ok()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[tokio::test]
    async fn a_socket_is_its_owners_alone_and_goes_with_the_listener() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("serve.sock");
        let listener = Listener::unix(&path, None).expect("listens");
        let metadata = fs::symlink_metadata(&path).expect("there");
        assert_eq!(metadata.mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing else is left");
        assert!(matches!(Listener::unix(&path, None), Err(ListenError::InUse(_))));
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_a_killed_process_of_the_same_number_left_keeps_nobody_from_starting() {
        let folder = tempfile::tempdir().expect("a folder");
        for attempt in 0..3 {
            let left = format!(".bedside-{}-{attempt}", std::process::id());
            fs::create_dir(folder.path().join(left)).expect("made");
        }
        Listener::unix(&folder.path().join("serve.sock"), None).expect("listens");
    }

    #[tokio::test]
    async fn a_socket_for_a_group_is_that_groups_and_nobody_elses() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("serve.sock");
        // One that whoever runs this is a member of.
        let ours = fs::metadata(folder.path()).expect("there").gid();
        let _listener = Listener::unix(&path, Some(Group(ours))).expect("listens");
        let metadata = fs::symlink_metadata(&path).expect("there");
        assert_eq!((metadata.mode() & 0o777, metadata.gid()), (0o660, ours));
    }

    #[tokio::test]
    async fn a_socket_that_was_left_is_replaced_and_a_file_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("serve.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
        assert!(path.exists(), "left as by a process that was killed");
        drop(Listener::unix(&path, None).expect("replaced"));
        fs::write(&path, "precious").expect("written");
        assert!(matches!(Listener::unix(&path, None), Err(ListenError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).expect("read"), "precious");
    }

    #[tokio::test]
    async fn tls_is_for_this_machine_alone_and_its_key_for_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("serve.pem"), folder.path().join("serve.key"));
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        fs::write(&certificate, pair.cert.pem()).expect("written");
        fs::write(&key, pair.signing_key.serialize_pem()).expect("written");
        let mode = |mode| fs::set_permissions(&key, Permissions::from_mode(mode)).expect("allowed");
        let listen = |address: &str| Listener::tls(address.parse().expect("an address"), &certificate, &key);
        mode(0o644);
        assert!(matches!(listen("127.0.0.1:0"), Err(ListenError::File { .. })), "a key that others may read");
        mode(0o400);
        assert!(listen("127.0.0.1:0").expect("listens").place().starts_with("https://127.0.0.1:"));
        for open in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
            assert!(matches!(listen(open), Err(ListenError::NotLoopback(_))), "{open}");
        }
        fs::write(&certificate, "no PEM").expect("written");
        assert!(matches!(listen("127.0.0.1:0"), Err(ListenError::Identity)));
    }
}
