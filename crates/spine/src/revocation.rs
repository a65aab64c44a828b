//! Certificates that their authority has withdrawn (`security` sheet, section 9, "Revocation"; `retrieve` sheet,
//! section 10).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;

use crate::tls::{Tls, TlsError, read};
use crate::validity::next_update;

/// Where the lists of withdrawn certificates lie, and what a list is worth whose successor is due.
///
/// With lists, every certificate between a server and the authority has to be told of by one of them, signed by whoever
/// issued the certificate: one that no list speaks of is not trusted. The lists are read once.
#[derive(Debug, Clone, Default)]
pub struct RevocationLists {
    /// Files of one list in DER, or of one or more in PEM.
    pub files: Vec<PathBuf>,
    /// What is done with a list past its `nextUpdate`.
    pub stale: StaleLists,
}

/// What is done with a list past its `nextUpdate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StaleLists {
    /// It still counts: better than none. [`Tls::revocation_lists`] tells, so that somebody is warned.
    #[default]
    Used,
    /// No server that it speaks of is trusted.
    Refused,
}

/// A list that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationListFacts {
    /// Its file.
    pub path: PathBuf,
    /// When its successor is due; absent where that cannot be read.
    pub next_update: Option<Timestamp>,
}

impl RevocationListFacts {
    /// Whether its successor is due.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.next_update.is_none_or(|next| next < now)
    }
}

impl Tls {
    /// The same identity and authority, with lists of withdrawn certificates to check servers against. No file leaves it
    /// as it is. Blocks on the file system.
    ///
    /// # Errors
    /// [`TlsError::Read`] and [`TlsError::RevocationList`].
    pub fn with_revocation_lists(self, lists: &RevocationLists) -> Result<Self, TlsError> {
        if lists.files.is_empty() {
            return Ok(self);
        }
        let (_, roots) = self.identity();
        let provider = self.provider();
        let (mut all, mut facts) = (Vec::new(), Vec::new());
        for path in &lists.files {
            for list in read_lists(path, roots, provider)? {
                facts.push(RevocationListFacts { path: path.clone(), next_update: next_update(&list) });
                all.push(list);
            }
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider));
        let verifier = match lists.stale {
            StaleLists::Used => verifier,
            StaleLists::Refused => verifier.enforce_revocation_expiration(),
        };
        // Each list has been read by itself; another cause there is not.
        let verifier = verifier.with_crls(all).build().map_err(|_| broken(&lists.files[0]))?;
        Ok(self.verifying(verifier, facts))
    }
}

/// The lists of a file, each of which the verifier understands.
fn read_lists(
    path: &Path,
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    const SEQUENCE: u8 = 0x30;
    let bytes = read(path)?;
    let lists = match bytes.first() {
        Some(&SEQUENCE) => vec![bytes.into()],
        _ => CertificateRevocationListDer::pem_slice_iter(&bytes)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| broken(path))?,
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider));
    match verifier.with_crls(lists.clone()).build() {
        Ok(_) if !lists.is_empty() => Ok(lists),
        _ => Err(broken(path)),
    }
}

fn broken(path: &Path) -> TlsError {
    TlsError::RevocationList { path: path.to_owned() }
}
