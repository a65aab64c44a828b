use std::fmt;
use std::path::Path;

use bedside_model::{Asid, OdsCode};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue};
use reqwest::{Method, Request, Url};
use serde::Deserialize;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Directory, DirectoryError};
use crate::https::Https;
use crate::{
    AllowedHosts, BodyLimits, Budgets, ConsumerError, Decision, Defect, INTERACTION, Provider, ServiceRoot,
    Tls, TlsError, endpoint, outcome, secret,
};

const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
const INTERACTION_ID: &str = "https://fhir.nhs.uk/Id/nhsServiceInteractionId";
const PARTY_KEY: &str = "https://fhir.nhs.uk/Id/nhsMhsPartyKey";
const SPINE_ASID: &str = "https://fhir.nhs.uk/Id/nhsSpineASID";

/// Two small resources: a directory that sends more is not one.
const LIMITS: BodyLimits = BodyLimits { bytes: 1 << 20, ratio: 200 };

/// The Spine Directory Service over its FHIR R4 interface: `Endpoint` for the service root and the party key,
/// then `Device` with that party key for the ASID, as the LDAP look-up does (`retrieve` sheet, section 6).
///
/// It keeps nothing: endpoints may not be reused over patient encounters.
pub struct SdsFhirDirectory {
    base: String,
    https: Https,
    hosts: AllowedHosts,
    api_key: Option<ApiKey>,
}

/// The key that the API platform wants in the header `apikey`. `Debug` shows nothing.
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// The key in a file that its owner alone may read. Blocks on the file system.
    ///
    /// # Errors
    /// [`TlsError::Read`], [`TlsError::KeyTooOpen`] and [`TlsError::KeyOwner`].
    pub fn from_file(path: &Path) -> Result<Self, TlsError> {
        secret::read_text(path).map(Self)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

impl SdsFhirDirectory {
    /// The directory at a FHIR base, such as `https://HOST/spine-directory/FHIR/R4`. It may have an authority of
    /// its own: `tls` need not be the one of the SSP.
    ///
    /// # Errors
    /// [`ConsumerError`] when the base is not `https://HOST[:PORT][/PATH]` without a trailing slash.
    pub fn new(
        base: &str,
        tls: &Tls,
        hosts: AllowedHosts,
        api_key: Option<ApiKey>,
    ) -> Result<Self, ConsumerError> {
        if !endpoint::is_root(base) {
            let problem = "the directory is not https://HOST[:PORT][/PATH] in lower case up to the path, without \
                           port 443 or a trailing slash";
            return Err(ConsumerError(vec![problem.to_owned()]));
        }
        let https = Https::new(tls, Budgets::default(), LIMITS);
        Ok(Self { base: base.to_owned(), https, hosts, api_key })
    }

    /// The same under other time limits; by default those of [`Budgets`].
    #[must_use]
    pub fn within(self, budgets: Budgets) -> Self {
        Self { https: self.https.within(budgets), ..self }
    }

    async fn search(
        &self,
        kind: &'static str,
        query: &[(&str, String)],
    ) -> Result<Vec<Resource>, DirectoryError> {
        let request = self
            .request(kind, query)
            .ok_or(DirectoryError::Unavailable(Decision::OurDefect(Defect::RequestNotBuilt)))?;
        let broken = |fault| DirectoryError::Unavailable(outcome::of_fault(fault));
        let reply = self.https.exchange(request).await.map_err(broken)?;
        if reply.status != 200 {
            return Err(DirectoryError::Unavailable(outcome::of_status(reply.status, None)));
        }
        let body = reply.body.map_err(broken)?;
        let bundle: Bundle =
            serde_json::from_slice(&body).map_err(|_| DirectoryError::Malformed("answer"))?;
        // What stands on a further page may be a second one of what may be there once.
        if bundle.resource_type != "Bundle" || bundle.link.iter().any(|link| link.relation == "next") {
            return Err(DirectoryError::Malformed("answer"));
        }
        let resources = bundle.entry.into_iter().map(|entry| entry.resource);
        Ok(resources.filter(|resource| resource.resource_type == kind).collect())
    }

    fn request(&self, kind: &str, query: &[(&str, String)]) -> Option<Request> {
        let url = Url::parse_with_params(&format!("{}/{kind}", self.base), query).ok()?;
        let mut request = Request::new(Method::GET, url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/fhir+json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert("x-correlation-id", HeaderValue::try_from(Uuid::new_v4().to_string()).ok()?);
        if let Some(ApiKey(key)) = &self.api_key {
            let mut key = HeaderValue::try_from(key.as_str()).ok()?;
            key.set_sensitive(true);
            headers.insert("apikey", key);
        }
        Some(request)
    }
}

impl Directory for SdsFhirDirectory {
    async fn look_up(&self, practice: &OdsCode) -> Result<Provider, DirectoryError> {
        let mut query = vec![
            ("organization", format!("{ODS}|{practice}")),
            ("identifier", format!("{INTERACTION_ID}|{INTERACTION}")),
        ];
        let Some(endpoint) = single(self.search("Endpoint", &query).await?, "endpoint")? else {
            return Err(DirectoryError::NotEnabled);
        };
        endpoint.must_be(practice)?;
        let address = endpoint.address.as_deref().ok_or(DirectoryError::Malformed("endpoint address"))?;
        let service_root = ServiceRoot::new(address, practice, &self.hosts)?;
        let party_key = endpoint.identifier(PARTY_KEY).ok_or(DirectoryError::Malformed("party key"))?;
        query.push(("identifier", format!("{PARTY_KEY}|{party_key}")));
        let device = single(self.search("Device", &query).await?, "ASID")?;
        let device = device.ok_or(DirectoryError::Malformed("ASID"))?;
        device.must_be(practice)?;
        if device.identifier(PARTY_KEY).is_some_and(|found| found != party_key) {
            return Err(DirectoryError::Malformed("party key"));
        }
        let asid: Option<Asid> = device.identifier(SPINE_ASID).and_then(|asid| asid.parse().ok());
        Ok(Provider { service_root, asid: asid.ok_or(DirectoryError::Malformed("ASID"))? })
    }
}

#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "resourceType")]
    resource_type: String,
    #[serde(default)]
    entry: Vec<Entry>,
    #[serde(default)]
    link: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    relation: String,
}

#[derive(Deserialize)]
struct Entry {
    resource: Resource,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "resourceType")]
    resource_type: String,
    #[serde(default)]
    identifier: Vec<Identifier>,
    address: Option<String>,
    /// Of an `Endpoint`.
    #[serde(rename = "managingOrganization")]
    managing_organization: Option<Organization>,
    /// Of a `Device`.
    owner: Option<Organization>,
}

#[derive(Deserialize)]
struct Organization {
    identifier: Option<Identifier>,
}

#[derive(Deserialize)]
struct Identifier {
    system: Option<String>,
    value: Option<String>,
}

impl Resource {
    /// That it is what was searched for, where it says so: routes differ between interactions, and one may never be
    /// used for another (`retrieve` sheet, section 2).
    fn must_be(&self, practice: &OdsCode) -> Result<(), DirectoryError> {
        let interaction = |found: &Identifier| found.system.as_deref() == Some(INTERACTION_ID);
        let mut interactions = self.identifier.iter().filter(|found| interaction(found)).peekable();
        let is_other = interactions.peek().is_some();
        if is_other && !interactions.any(|found| found.value.as_deref() == Some(INTERACTION)) {
            return Err(DirectoryError::Malformed("interaction"));
        }
        let organization = self.managing_organization.as_ref().or(self.owner.as_ref());
        let identifier = organization.and_then(|organization| organization.identifier.as_ref());
        match identifier.filter(|found| found.system.as_deref() == Some(ODS)) {
            Some(found) if found.value.as_deref() != Some(practice.as_str()) => {
                Err(DirectoryError::Malformed("organisation"))
            }
            _ => Ok(()),
        }
    }

    fn identifier(&self, system: &str) -> Option<&str> {
        let found = self.identifier.iter().find(|identifier| identifier.system.as_deref() == Some(system));
        found.and_then(|identifier| identifier.value.as_deref())
    }
}

fn single(mut found: Vec<Resource>, what: &'static str) -> Result<Option<Resource>, DirectoryError> {
    let resource = found.pop();
    if found.is_empty() { Ok(resource) } else { Err(DirectoryError::Ambiguous(what)) }
}
