//! Servers whose certificate, or whose authority's, has been withdrawn; over real sockets with certificates and lists
//! made on the spot.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use bedside_spine::{Configuration, Decision, RevocationLists, StaleLists, Tls, TlsError};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateRevocationListDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

const NOT_TRUSTED: Decision = Decision::Configuration(Configuration::ServerNotTrusted);
const SERVER: u64 = 7;
const SUB_AUTHORITY: u64 = 8;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

fn authority(name: &str, serial: u64, above: Option<&Authority>) -> Authority {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new([]).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(serial));
    let certificate = match above {
        Some(above) => params.signed_by(&key, &above.issuer),
        None => params.self_signed(&key),
    };
    Authority { certificate: certificate.expect("a certificate"), issuer: Issuer::new(params, key) }
}

impl Authority {
    /// A list as PEM, whose successor is due at the beginning of that year.
    fn list(&self, withdrawn: Option<u64>, due: i32) -> String {
        let revoked = withdrawn.map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(due, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.into_iter().collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("a list").pem().expect("PEM")
    }
}

/// A root, an authority below it, a server of that one, and a client that trusts the root.
struct World {
    root: Authority,
    below: Authority,
    address: String,
    tls: Tls,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let root = authority("Root", 1, None);
        let below = authority("Sub", SUB_AUTHORITY, Some(&root));
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
        params.serial_number = Some(SerialNumber::from(SERVER));
        let own = params.signed_by(&key, &below.issuer).expect("a certificate");
        let (own_pem, root_pem) = (own.pem(), root.certificate.pem());
        let tls = Tls::from_pem(own_pem.as_bytes(), key.serialize_pem().as_bytes(), root_pem.as_bytes());
        let chain = vec![own.der().clone(), below.certificate.der().clone()];
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .expect("an identity");
        let address = serve(Arc::new(config));
        Self { root, below, address, tls: tls.expect("fits"), folder: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    fn with(&self, files: Vec<PathBuf>, stale: StaleLists) -> Result<Tls, TlsError> {
        self.tls.clone().with_revocation_lists(&RevocationLists { files, stale })
    }

    /// What becomes of a handshake with lists of these texts, one a file.
    fn meet(&self, lists: &[&str], stale: StaleLists) -> Result<(), Decision> {
        let files = lists.iter().enumerate().map(|(n, list)| self.file(&format!("{n}.crl"), list)).collect();
        self.with(files, stale).expect("lists").shake_hands(&self.address).map(drop)
    }
}

/// Shakes hands with whoever comes and says nothing of use, for as long as the test lasts.
fn serve(config: Arc<ServerConfig>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("https://localhost:{}", listener.local_addr().expect("bound").port());
    thread::spawn(move || {
        for mut tcp in listener.incoming().flatten() {
            let Ok(mut tls) = ServerConnection::new(Arc::clone(&config)) else { return };
            let mut stream = Stream::new(&mut tls, &mut tcp);
            // A client that does not trust us leaves; that is the point.
            let _ = stream.read(&mut [0; 512]).and_then(|_| stream.write_all(b"HTTP/1.1 204 x\r\n\r\n"));
            tls.send_close_notify();
            let _ = tls.complete_io(&mut tcp);
        }
    });
    address
}

fn der(pem: &str) -> Vec<u8> {
    CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).expect("a list").to_vec()
}

#[test]
fn a_server_that_no_list_names_is_trusted_and_one_that_is_withdrawn_is_not() {
    let world = World::new();
    let (root, below) = (world.root.list(None, 2099), world.below.list(None, 2099));
    assert_eq!(world.meet(&[], StaleLists::Used), Ok(()), "without lists none is checked");
    assert_eq!(world.meet(&[&root, &below], StaleLists::Used), Ok(()));
    assert_eq!(world.meet(&[&format!("{root}{below}")], StaleLists::Used), Ok(()), "one file of both");
    let of_server = world.below.list(Some(SERVER), 2099);
    assert_eq!(world.meet(&[&root, &of_server], StaleLists::Used), Err(NOT_TRUSTED));
    let of_authority = world.root.list(Some(SUB_AUTHORITY), 2099);
    assert_eq!(world.meet(&[&of_authority, &below], StaleLists::Used), Err(NOT_TRUSTED));
}

#[test]
fn a_certificate_that_no_list_speaks_of_is_not_trusted() {
    let world = World::new();
    let (root, below) = (world.root.list(None, 2099), world.below.list(None, 2099));
    // Its name is right, and its key is another's.
    let stranger = authority("Sub", 9, None).list(None, 2099);
    for lists in [&[root.as_str()][..], &[&below], &[&root, &stranger]] {
        assert_eq!(world.meet(lists, StaleLists::Used), Err(NOT_TRUSTED));
    }
}

#[test]
fn a_stale_list_is_used_and_told_of_or_refused_as_the_site_wants_it() {
    let world = World::new();
    let (root, below) = (world.root.list(None, 2099), world.below.list(None, 2025));
    assert_eq!(world.meet(&[&root, &below], StaleLists::Used), Ok(()));
    assert_eq!(world.meet(&[&root, &below], StaleLists::Refused), Err(NOT_TRUSTED));
    let withdrawn = world.below.list(Some(SERVER), 2025);
    assert_eq!(world.meet(&[&root, &withdrawn], StaleLists::Used), Err(NOT_TRUSTED), "old, and true");
    let files = vec![world.folder.path().join("0.crl"), world.folder.path().join("1.crl")];
    let tls = world.with(files, StaleLists::Used).expect("lists");
    let now: Timestamp = "2026-01-15T09:30:00Z".parse().expect("an instant");
    let lists = tls.revocation_lists().iter();
    let told: Vec<_> = lists.map(|list| (list.is_stale(now), list.next_update)).collect();
    let due = |text: &str| Some(text.parse().expect("an instant"));
    assert_eq!(told, [(false, due("2099-01-01T00:00:00Z")), (true, due("2025-01-01T00:00:00Z"))]);
}

#[test]
fn a_list_may_be_der_and_what_is_none_is_told_by_its_file() {
    let world = World::new();
    let root = der(&world.root.list(None, 2099));
    let below = der(&world.below.list(Some(SERVER), 2099));
    let files = vec![world.file("root.crl", &root), world.file("below.crl", below)];
    let tls = world.with(files, StaleLists::Used).expect("lists");
    assert_eq!(tls.shake_hands(&world.address).map(drop), Err(NOT_TRUSTED));
    let certificate = world.root.certificate.pem().into_bytes();
    for text in [Vec::new(), b"-----BEGIN X509 CRL-----".to_vec(), root[..60].to_vec(), certificate] {
        let path = world.file("broken.crl", text);
        match world.with(vec![path.clone()], StaleLists::Used) {
            Err(TlsError::RevocationList { path: told }) => assert_eq!(told, path),
            other => panic!("{other:?}"),
        }
    }
    let error = world.with(vec!["absent.crl".into()], StaleLists::Used).expect_err("absent");
    assert!(error.to_string().contains("absent.crl"), "{error}");
}
