//! Mutual TLS for Spine (`security` sheet, sections 8 and 9; `retrieve` sheet, section 10).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::{Resumption, Tls12Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CipherSuite, ClientConfig, RootCertStore, version};
use tokio::sync::watch::Sender;

use crate::phase::{NoSessions, Phase};
use crate::revocation::RevocationListFacts;
use crate::secret;

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

impl TlsFiles {
    /// Everything that is wrong with the files, each by itself; whether they fit together where nothing else is wrong.
    /// Blocks on the file system.
    pub fn problems(&self) -> Vec<TlsError> {
        let problems = [
            read(&self.certificate).and_then(|pem| certificates(&pem, "client certificate").map(drop)),
            secret::read(&self.key).and_then(|pem| private_key(&pem).map(drop)),
            read(&self.authority).and_then(|pem| authorities(&pem).map(drop)),
        ];
        let problems: Vec<TlsError> = problems.into_iter().filter_map(Result::err).collect();
        match problems.is_empty() {
            true => Tls::from_files(self).err().into_iter().collect(),
            false => problems,
        }
    }
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
    /// The mode of the key's file, or of a token's, lets others than its owner in.
    #[error("the secret in {} may be used by group or others (mode {mode:04o}): chmod it to 0400", path.display())]
    KeyTooOpen {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another user than the one that runs the program owns that file, and could change it.
    #[error("the secret in {} belongs to another user (uid {owner}): chown it to the one that runs this", path.display())]
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
    /// A file holds no list of withdrawn certificates, or a broken one.
    #[error("the revocation list {} is none, or is broken: fetch it anew from the authority", path.display())]
    RevocationList {
        /// Which.
        path: PathBuf,
    },
    /// The key is another certificate's.
    #[error("the client key is not that of the client certificate: one of the two files is another's")]
    OtherKey,
    /// The certificate or an authority cannot be used for TLS.
    #[error("the client certificate, its key and the authority do not fit")]
    Unfit(#[source] rustls::Error),
}

/// A client identity and the one authority it trusts, ready to connect. `Debug` shows nothing.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    chain: Arc<[CertificateDer<'static>]>,
    roots: Arc<RootCertStore>,
    revocation_lists: Arc<[RevocationListFacts]>,
}

impl Tls {
    /// Reads the three files. Blocks on the file system: call it while starting.
    ///
    /// # Errors
    /// [`TlsError::KeyTooOpen`] when the key's mode has any bit for group or others, [`TlsError::KeyOwner`] when it is
    /// somebody else's; otherwise as [`Tls::from_pem`].
    pub fn from_files(files: &TlsFiles) -> Result<Self, TlsError> {
        let key = secret::read(&files.key)?;
        let certificate = read(&files.certificate)?;
        let authority = read(&files.authority)?;
        Self::from_pem(&certificate, &key, &authority)
    }

    /// Takes the three as PEM text: TLS 1.2 and 1.3, AES-GCM suites only, no session resumption.
    ///
    /// # Errors
    /// [`TlsError::Pem`], [`TlsError::OtherKey`] and [`TlsError::Unfit`]. A client without a certificate cannot be built.
    pub fn from_pem(certificate: &[u8], key: &[u8], authority: &[u8]) -> Result<Self, TlsError> {
        let chain = certificates(certificate, "client certificate")?;
        let key = private_key(key)?;
        let roots = Arc::new(authorities(authority)?);
        let config = ClientConfig::builder_with_provider(Arc::new(aes_gcm_only()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(TlsError::Unfit)?
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(chain.clone(), key)
            .map_err(unfit)?;
        Ok(Self { config: Arc::new(config), chain: chain.into(), roots, revocation_lists: Arc::new([]) })
    }

    /// The lists of withdrawn certificates that servers are checked against.
    pub fn revocation_lists(&self) -> &[RevocationListFacts] {
        &self.revocation_lists
    }

    /// The same with another verifier of servers, made from these lists.
    pub(crate) fn verifying(
        self,
        verifier: Arc<WebPkiServerVerifier>,
        lists: Vec<RevocationListFacts>,
    ) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        // rustls calls every exchange of the verifier dangerous; this one is its own, and stricter.
        config.dangerous().set_certificate_verifier(verifier);
        Self { config: Arc::new(config), revocation_lists: lists.into(), ..self }
    }

    pub(crate) fn provider(&self) -> &Arc<CryptoProvider> {
        self.config.crypto_provider()
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

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::Pem { what: "client key" })
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for root in certificates(pem, "authority")? {
        roots.add(root).map_err(TlsError::Unfit)?;
    }
    Ok(roots)
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or(TlsError::Pem { what })
}

fn unfit(error: rustls::Error) -> TlsError {
    match error {
        rustls::Error::InconsistentKeys(_) => TlsError::OtherKey,
        error => TlsError::Unfit(error),
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
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
    fn a_key_of_another_certificate_is_told_in_words() {
        let pair =
            || rcgen::generate_simple_self_signed(["client.example".to_owned()]).expect("a certificate");
        let (one, other) = (pair(), pair());
        let (certificate, key) = (one.cert.pem(), other.signing_key.serialize_pem());
        let error = Tls::from_pem(certificate.as_bytes(), key.as_bytes(), certificate.as_bytes());
        assert!(matches!(error.expect_err("another's"), TlsError::OtherKey));
    }

    #[test]
    fn a_client_without_certificate_key_or_authority_cannot_be_built() {
        for (pem, what) in [(&b""[..], "client certificate"), (b"-----BEGIN X-----", "client certificate")] {
            let error = Tls::from_pem(pem, b"", b"").expect_err("incomplete");
            assert!(matches!(error, TlsError::Pem { what: found } if found == what));
        }
    }
}
