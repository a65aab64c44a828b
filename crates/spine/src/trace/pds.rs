use std::path::PathBuf;
use std::time::Duration;

use bedside_model::{Demographics, Gender, NhsNumber, OdsCode};
use jiff::Timestamp;
use jiff::civil::Date;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderValue};
use reqwest::{Method, Request};
use serde::Deserialize;
use uuid::Uuid;

use super::verify::is_verified;
use super::{Trace, TraceError, Traced};
use crate::https::{Https, Reply};
use crate::{
    BodyLimits, Budgets, ConsumerError, Decision, Defect, Tls, TlsError, endpoint, london_day, outcome,
    secret,
};

/// One patient: a service that sends more is not this one.
const LIMITS: BodyLimits = BodyLimits { bytes: 1 << 20, ratio: 200 };
const NHS_NUMBER_INVALIDATED: &str = "INVALIDATED_RESOURCE";

/// The Personal Demographics Service over its FHIR R4 interface: `GET Patient/NUMBER`.
///
/// That interface has the number in its URL, so the URL is never logged, shown or kept. Nothing of an answer is
/// kept either.
pub struct PdsFhir {
    base: String,
    https: Https,
    token: Option<TokenFile>,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// The file of the access token that the API platform wants. Whoever keeps it fresh is not this program: it is
/// read anew for each trace.
#[derive(Debug, Clone)]
pub struct TokenFile(PathBuf);

impl TokenFile {
    /// A file that its owner alone may read, now and whenever it is read again.
    ///
    /// # Errors
    /// [`TlsError::Read`], [`TlsError::KeyTooOpen`] and [`TlsError::KeyOwner`].
    pub fn new(path: PathBuf) -> Result<Self, TlsError> {
        secret::read_text(&path)?;
        Ok(Self(path))
    }
}

impl PdsFhir {
    /// The service at a FHIR base, such as `https://HOST/personal-demographics/FHIR/R4`.
    ///
    /// # Errors
    /// [`ConsumerError`] when the base is not `https://HOST[:PORT][/PATH]` without a trailing slash.
    pub fn new(
        base: &str,
        tls: &Tls,
        token: Option<TokenFile>,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, ConsumerError> {
        if !endpoint::is_root(base) {
            let problem = "the PDS is not https://HOST[:PORT][/PATH] in lower case up to the path, without port 443 \
                           or a trailing slash";
            return Err(ConsumerError(vec![problem.to_owned()]));
        }
        // A look-up of a few kilobytes while a patient waits: shorter than a record's.
        let budgets = Budgets { headers: Duration::from_secs(10), ..Budgets::default() };
        let https = Https::new(tls, budgets, LIMITS);
        Ok(Self { base: base.to_owned(), https, token, clock: Box::new(clock) })
    }

    /// The same under other time limits; by default those of [`Budgets`], but for ten seconds to the headers.
    #[must_use]
    pub fn within(self, budgets: Budgets) -> Self {
        Self { https: self.https.within(budgets), ..self }
    }

    fn request(&self, number: &NhsNumber, organisation: &OdsCode) -> Option<Request> {
        let url = endpoint::unchanged(&format!("{}/Patient/{}", self.base, number.expose()))?;
        let mut request = Request::new(Method::GET, url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/fhir+json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        for name in ["x-request-id", "x-correlation-id"] {
            headers.insert(name, HeaderValue::try_from(Uuid::new_v4().to_string()).ok()?);
        }
        headers.insert("nhsd-end-user-organisation-ods", HeaderValue::try_from(organisation.as_str()).ok()?);
        if let Some(TokenFile(path)) = &self.token {
            let token = secret::read_text(path).ok()?;
            let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.as_str())).ok()?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        Some(request)
    }

    fn traced(&self, patient: &Patient, asked: &Demographics) -> Result<Traced, TraceError> {
        patient.go_or_no_go()?;
        let now = (self.clock)();
        let nhs_number: NhsNumber = patient
            .id
            .as_deref()
            .and_then(|id| id.parse().ok())
            .ok_or(TraceError::Malformed("NHS number"))?;
        let name = patient.current_name(london_day(now)).ok_or(TraceError::Malformed("name"))?;
        let birth_date = patient.birth_date.clone().ok_or(TraceError::Malformed("date of birth"))?;
        let demographics = Demographics {
            nhs_number,
            family: name.family.clone().unwrap_or_default(),
            given: name.given.first().cloned().unwrap_or_default(),
            gender: patient.gender.as_deref().and_then(Gender::from_code).unwrap_or(Gender::Unknown),
            birth_date,
            practice: patient.practice(london_day(now)).ok_or(TraceError::NoPractice)?,
            traced_at: now,
        };
        if !is_verified(asked, &demographics) {
            return Err(TraceError::NotVerified);
        }
        Ok(Traced { superseded: nhs_number != asked.nhs_number, demographics })
    }
}

impl Trace for PdsFhir {
    async fn trace(&self, patient: &Demographics, organisation: &OdsCode) -> Result<Traced, TraceError> {
        let request = self
            .request(&patient.nhs_number, organisation)
            .ok_or(TraceError::Unavailable(Decision::OurDefect(Defect::RequestNotBuilt)))?;
        let broken = |fault| TraceError::Unavailable(outcome::of_fault(fault));
        let Reply { status, body, .. } = self.https.exchange(request).await.map_err(broken)?;
        let body = match (status, body) {
            (200, body) => body.map_err(broken)?,
            (status, body) => return Err(no_patient(status, body.ok())),
        };
        let found: Patient = serde_json::from_slice(&body).map_err(|_| TraceError::Malformed("patient"))?;
        if found.resource_type != "Patient" {
            return Err(TraceError::Malformed("patient"));
        }
        self.traced(&found, patient)
    }
}

fn no_patient(status: u16, body: Option<Vec<u8>>) -> TraceError {
    let says = |code: &str| {
        body.as_deref().is_some_and(|body| {
            let quoted = format!("\"{code}\"");
            body.windows(quoted.len()).any(|window| window == quoted.as_bytes())
        })
    };
    match status {
        400 => TraceError::Invalid,
        404 if says(NHS_NUMBER_INVALIDATED) => TraceError::Invalid,
        404 => TraceError::NotFound,
        status => TraceError::Unavailable(outcome::of_status(status, None)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Patient {
    resource_type: String,
    id: Option<String>,
    #[serde(default)]
    meta: Meta,
    #[serde(default)]
    name: Vec<Name>,
    gender: Option<String>,
    birth_date: Option<String>,
    deceased_boolean: Option<bool>,
    deceased_date_time: Option<String>,
    #[serde(default)]
    general_practitioner: Vec<GeneralPractitioner>,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    security: Vec<Security>,
}

#[derive(Deserialize)]
struct Security {
    code: Option<String>,
}

#[derive(Deserialize)]
struct Name {
    r#use: Option<String>,
    family: Option<String>,
    #[serde(default)]
    given: Vec<String>,
    #[serde(default)]
    period: Period,
}

#[derive(Deserialize)]
struct GeneralPractitioner {
    identifier: Option<Identifier>,
}

#[derive(Deserialize)]
struct Identifier {
    value: Option<String>,
    #[serde(default)]
    period: Period,
}

#[derive(Default, Deserialize)]
struct Period {
    start: Option<String>,
    end: Option<String>,
}

impl Patient {
    /// Only a record that says it is unrestricted, of a person who is not said to have died, goes on.
    fn go_or_no_go(&self) -> Result<(), TraceError> {
        let codes: Vec<&str> = self.meta.security.iter().filter_map(|label| label.code.as_deref()).collect();
        if codes.is_empty() {
            return Err(TraceError::Malformed("confidentiality"));
        }
        if codes.iter().any(|code| *code != "U") {
            return Err(TraceError::Sensitive);
        }
        if self.deceased_date_time.is_some() || self.deceased_boolean == Some(true) {
            return Err(TraceError::Deceased);
        }
        Ok(())
    }

    fn current_name(&self, today: Date) -> Option<&Name> {
        let mut current = self.name.iter().filter(|name| name.period.holds(today));
        current.find(|name| name.r#use.as_deref() == Some("usual"))
    }

    /// The registered practice, if exactly one is current.
    fn practice(&self, today: Date) -> Option<OdsCode> {
        let identifiers =
            self.general_practitioner.iter().filter_map(|practice| practice.identifier.as_ref());
        let mut current = identifiers.filter(|identifier| identifier.period.holds(today));
        let one = current.next().filter(|_| current.next().is_none())?;
        one.value.as_deref()?.parse().ok()
    }
}

impl Period {
    /// Whether a day lies in it. A bound that is no day bounds nothing, as an absent one does.
    fn holds(&self, day: Date) -> bool {
        let bound = |text: &Option<String>| text.as_deref()?.get(..10)?.parse::<Date>().ok();
        bound(&self.start).is_none_or(|start| start <= day) && bound(&self.end).is_none_or(|end| day <= end)
    }
}
