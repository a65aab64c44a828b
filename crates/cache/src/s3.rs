//! The way to S3 over the one TLS of this product: rustls with ring, one authority, no redirects and no proxies from
//! the environment. object_store's own client takes aws-lc-rs, or whatever a process has installed.

use std::sync::Arc;

use object_store::Error;
use object_store::client::{ClientOptions, HttpClient, HttpConnector};
use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// How [`AmazonS3Builder`](object_store::aws::AmazonS3Builder) connects, by its `with_http_connector`.
#[derive(Debug, Clone)]
pub struct S3Connector {
    roots: Arc<RootCertStore>,
    https_only: bool,
}

/// The authority cannot be trusted, because it cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the authority of the object store is not a certificate in PEM")]
pub struct AuthorityFormat;

impl S3Connector {
    /// Connects with TLS, and trusts the certificates in that PEM text alone.
    ///
    /// # Errors
    /// [`AuthorityFormat`] when there is none, or one that is not a certificate.
    pub fn trusting(authority: &[u8]) -> Result<Self, AuthorityFormat> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority) {
            let certificate = certificate.map_err(|_| AuthorityFormat)?;
            roots.add(certificate).map_err(|_| AuthorityFormat)?;
        }
        if roots.is_empty() {
            Err(AuthorityFormat)
        } else {
            Ok(Self { roots: Arc::new(roots), https_only: true })
        }
    }

    /// Connects without TLS where the endpoint is `http`: for a store on the same machine. What is stored is sealed,
    /// but whoever listens can use the request again.
    pub fn danger_without_tls() -> Self {
        Self { roots: Arc::new(RootCertStore::empty()), https_only: false }
    }

    fn client(&self) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(config)
            .https_only(self.https_only)
            .http1_only()
            .redirect(Policy::none())
            .no_proxy();
        Ok(client.build()?)
    }
}

impl HttpConnector for S3Connector {
    /// The options are those of object_store's own client, and none of them is read.
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = self.client().map_err(|source| Error::Generic { store: "S3", source })?;
        Ok(HttpClient::new(client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_certificate_is_an_authority() {
        for text in ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert_eq!(S3Connector::trusting(text.as_bytes()).err(), Some(AuthorityFormat), "{text:?}");
        }
    }
}
