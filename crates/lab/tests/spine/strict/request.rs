//! A client of its own, which sends what it is told, right or wrong.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use bedside_lab::provider::{Behaviour, CONSUMER_ASID, Practice, SimulatedSpine};
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::support::{ASID, ODS, PATIENT};

/// A request, put together only when it is sent.
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) token_header: String,
    pub(super) claims: Value,
    pub(super) signature: String,
    pub(super) padded: bool,
    pub(super) bearer: String,
    pub(super) body: Value,
    /// Instead of the body.
    pub(super) text: Option<String>,
}

impl Request {
    /// One that breaks no rule.
    pub(super) fn good() -> Self {
        let root = Practice::new(ODS, ASID, Behaviour::Normal).service_root;
        let headers = [
            ("host", "localhost"),
            ("accept", "application/fhir+json;charset=utf-8"),
            ("content-type", "application/fhir+json;charset=utf-8"),
            ("accept-encoding", "gzip"),
            ("ssp-traceid", &Uuid::new_v4().to_string()),
            ("ssp-from", CONSUMER_ASID),
            ("ssp-to", ASID),
            (
                "ssp-interactionid",
                "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1",
            ),
        ];
        Self {
            method: "POST",
            target: format!("/{root}/Patient/$gpc.getstructuredrecord"),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            token_header: r#"{"alg":"none","typ":"JWT"}"#.to_owned(),
            claims: claims(&root),
            signature: String::new(),
            padded: false,
            bearer: "Bearer ".to_owned(),
            body: json!({ "resourceType": "Parameters", "parameter": [
                { "name": "patientNHSNumber", "valueIdentifier":
                    { "system": "https://fhir.nhs.uk/Id/nhs-number", "value": PATIENT } },
                { "name": "includeAllergies", "part": [{ "name": "includeResolvedAllergies", "valueBoolean": true }] },
                { "name": "includeMedication" },
            ] }),
            text: None,
        }
    }

    pub(super) fn header(&mut self, name: &str, value: &str) {
        let header = self.headers.iter_mut().find(|(found, _)| found == name);
        value.clone_into(&mut header.expect("a header of the good request").1);
    }

    pub(super) fn drop_header(&mut self, name: &str) {
        self.headers.retain(|(found, _)| found != name);
    }

    pub(super) fn claim(&mut self, pointer: &str, value: Value) {
        *self.claims.pointer_mut(pointer).expect("a claim of the good request") = value;
    }

    pub(super) fn drop_claim(&mut self, name: &str) {
        self.claims.as_object_mut().expect("an object").remove(name).expect("a claim of the good request");
    }

    /// Asks for these areas alone.
    pub(super) fn ask(&mut self, areas: Value) {
        let parameters = self.body["parameter"].as_array_mut().expect("a list");
        parameters.truncate(1);
        parameters.extend(areas.as_array().expect("a list").iter().cloned());
    }

    pub(super) fn patient(&mut self) -> &mut Value {
        &mut self.body["parameter"][0]
    }

    fn bytes(&self) -> String {
        let part = |text: &str| match self.padded {
            true => URL_SAFE.encode(text),
            false => URL_SAFE_NO_PAD.encode(text),
        };
        let (header, claims) = (part(&self.token_header), part(&self.claims.to_string()));
        let token = format!("{}{header}.{claims}.{}", self.bearer, self.signature);
        let body = self.text.clone().unwrap_or_else(|| self.body.to_string());
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let authorization =
            if self.bearer.is_empty() { String::new() } else { format!("authorization: {token}\r\n") };
        format!(
            "{} {} HTTP/1.1\r\n{headers}{authorization}content-length: {}\r\n\r\n{body}",
            self.method,
            self.target,
            body.len()
        )
    }
}

fn claims(root: &str) -> Value {
    let now = Timestamp::now().as_second();
    json!({
        "iss": "https://hospital.example/spine", "sub": "user-7", "aud": root, "iat": now, "exp": now + 300,
        "reason_for_request": "directcare", "requested_scope": "patient/*.read",
        "requesting_device": { "resourceType": "Device", "model": "m", "version": "1",
            "identifier": [{ "system": "https://supplier.example/Id/device-identifier", "value": "d" }] },
        "requesting_organization": { "resourceType": "Organization", "name": "Test Hospital",
            "identifier": [{ "system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RXX01" }] },
        "requesting_practitioner": { "resourceType": "Practitioner", "id": "user-7",
            "identifier": [
                { "system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "UNK" },
                { "system": "https://fhir.nhs.uk/Id/sds-role-profile-id", "value": "UNK" },
                { "system": "https://supplier.example/Id/user-guid", "value": "user-7" }],
            "name": [{ "family": "Example", "given": ["Ada"], "prefix": ["Dr"] }] },
    })
}

/// The status of an answer, its whole body, and the code that it gives or the words that stand in for one.
pub(super) async fn send(spine: &SimulatedSpine, request: &Request) -> (u16, Value, String) {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(spine.authority_pem().as_bytes()).expect("PEM"))
        .expect("an authority");
    let identity = spine.client_identity();
    let certificate = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).expect("PEM");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate], key)
        .expect("an identity");
    let tcp = TcpStream::connect(spine.address()).await.expect("listens");
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream =
        connector.connect("localhost".try_into().expect("a name"), tcp).await.expect("a handshake");
    stream.write_all(request.bytes().as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("whole");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("headers end");
    let status: u16 = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let coding = &body["issue"][0]["details"]["coding"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (code, display) = (text(&coding["code"]), text(&coding["display"]));
    let said = if code == status.to_string() { display } else { code };
    (status, body, said)
}
