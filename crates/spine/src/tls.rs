//! Mutual TLS for Spine (`security` sheet, sections 8 and 9; `retrieve` sheet, section 10).

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::{Resumption, Tls12Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CipherSuite, ClientConfig, RootCertStore, version};
use tokio::sync::watch::Sender;
use zeroize::Zeroizing;

use crate::phase::{NoSessions, Phase};

/// Where the client's identity and the only trusted authority lie, as PEM files.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The client certificate, followed by the intermediates between it and the authority.
    pub certificate: PathBuf,
    /// Its private key, readable by the owner alone.
    pub key: PathBuf,
    /// The authorities that server certificates must chain to. Nothing else is trusted.
    pub authority: PathBuf,
}

/// Why the TLS configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key file's mode lets others than its owner in.
    #[error("the client key {} may be used by group or others (mode {mode:04o}): chmod it to 0400", path.display())]
    KeyTooOpen {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another user than the one that runs the program owns the key file, and could change it.
    #[error("the client key {} belongs to another user (uid {owner}): chown it to the one that runs this", path.display())]
    KeyOwner {
        /// Which.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// There is no certificate, key or authority where one is expected, or its PEM is broken.
    #[error("the PEM of the {what} holds none, or is broken")]
    Pem {
        /// `client certificate`, `client key` or `authority`.
        what: &'static str,
    },
    /// The certificate and the key do not belong together, or an authority is not a certificate.
    #[error("the client certificate, its key and the authority do not fit")]
    Unfit(#[source] rustls::Error),
}

/// A client identity and the one authority it trusts, ready to connect. `Debug` shows nothing.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    chain: Arc<[CertificateDer<'static>]>,
    roots: Arc<RootCertStore>,
}

impl Tls {
    /// Reads the three files. Blocks on the file system: call it while starting.
    ///
    /// # Errors
    /// [`TlsError::KeyTooOpen`] when the key's mode has any bit for group or others, [`TlsError::KeyOwner`] when it is
    /// somebody else's; otherwise as [`Tls::from_pem`].
    pub fn from_files(files: &TlsFiles) -> Result<Self, TlsError> {
        let key = read_key(&files.key)?;
        let certificate = read(&files.certificate)?;
        let authority = read(&files.authority)?;
        Self::from_pem(&certificate, &key, &authority)
    }

    /// Takes the three as PEM text: TLS 1.2 and 1.3, AES-GCM suites only, no session resumption.
    ///
    /// # Errors
    /// [`TlsError::Pem`] and [`TlsError::Unfit`]. A client without a certificate cannot be built.
    pub fn from_pem(certificate: &[u8], key: &[u8], authority: &[u8]) -> Result<Self, TlsError> {
        let chain = certificates(certificate, "client certificate")?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Pem { what: "client key" })?;
        let mut roots = RootCertStore::empty();
        for root in certificates(authority, "authority")? {
            roots.add(root).map_err(TlsError::Unfit)?;
        }
        let roots = Arc::new(roots);
        let config = ClientConfig::builder_with_provider(Arc::new(aes_gcm_only()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(TlsError::Unfit)?
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(chain.clone(), key)
            .map_err(TlsError::Unfit)?;
        Ok(Self { config: Arc::new(config), chain: chain.into(), roots })
    }

    /// Our certificate and its intermediates, and the authorities.
    pub(crate) fn identity(&self) -> (&[CertificateDer<'static>], &Arc<RootCertStore>) {
        (&self.chain, &self.roots)
    }

    /// The configuration of one connection, which proves both sides anew and tells how far it has come.
    pub(crate) fn config(&self, phase: Sender<Phase>) -> ClientConfig {
        let mut config = ClientConfig::clone(&self.config);
        let nothing = Resumption::store(Arc::new(NoSessions(phase)));
        config.resumption = nothing.tls12_resumption(Tls12Resumption::Disabled);
        config
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(..)")
    }
}

/// ring without ChaCha20-Poly1305, which is not on Spine's list.
fn aes_gcm_only() -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|suite| {
        matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_256_GCM_SHA384
                | CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    });
    provider
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or(TlsError::Pem { what })
}

/// Reads the key through the handle whose mode was checked, so that it cannot be exchanged in between.
fn read_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let unreadable = |source| TlsError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(TlsError::KeyTooOpen { path: path.to_owned(), mode });
    }
    let owner = metadata.uid();
    if owner != rustix::process::geteuid().as_raw() {
        return Err(TlsError::KeyOwner { path: path.to_owned(), owner });
    }
    // Sized beforehand: a buffer that grows leaves copies of the key behind in freed memory.
    let mut key = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
    file.read_to_end(&mut key).map_err(unreadable)?;
    Ok(key)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn only_aes_gcm_suites_are_offered() {
        let provider = aes_gcm_only();
        assert_eq!(provider.cipher_suites.len(), 6);
        for suite in provider.cipher_suites {
            assert!(format!("{:?}", suite.suite()).contains("_GCM_"));
        }
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_in_one_clear_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("client.key");
        fs::write(&key, "unread").expect("written");
        for mode in [0o640, 0o604, 0o620, 0o444, 0o777] {
            fs::set_permissions(&key, Permissions::from_mode(mode)).expect("set");
            let error = read_key(&key).expect_err("too open");
            assert!(matches!(error, TlsError::KeyTooOpen { mode: found, .. } if found == mode));
            let line = error.to_string();
            assert!(line.contains("client.key") && line.contains("chmod") && !line.contains('\n'), "{line}");
        }
        for mode in [0o600, 0o400] {
            fs::set_permissions(&key, Permissions::from_mode(mode)).expect("set");
            assert_eq!(read_key(&key).expect("closed").as_slice(), b"unread");
        }
    }

    #[test]
    fn a_client_without_certificate_key_or_authority_cannot_be_built() {
        for (pem, what) in [(&b""[..], "client certificate"), (b"-----BEGIN X-----", "client certificate")] {
            let error = Tls::from_pem(pem, b"", b"").expect_err("incomplete");
            assert!(matches!(error, TlsError::Pem { what: found } if found == what));
        }
    }
}
