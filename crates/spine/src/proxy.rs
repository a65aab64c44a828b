use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, InvalidHeaderValue,
    RETRY_AFTER,
};
use reqwest::{Method, Request};

use crate::decision::{Decision, Defect, Evidence, FetchError, Malformed};
use crate::fault::Fault;
use crate::https::{Https, Reply};
use crate::outcome::{self, ErrorCode};
use crate::watch::{Kind, Watched};
use crate::{
    Answer, BodySink, Call, Consumer, ConsumerError, ContentType, Exchange, INTERACTION, Settings, Tls,
    endpoint, token,
};

const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json;charset=utf-8");

/// The Spine Secure Proxy: each attempt over a connection of its own, with a token minted for it and for the
/// real requester.
pub struct SecureProxy {
    consumer: Consumer,
    https: Https,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl SecureProxy {
    /// The consumer's SSP. `clock` gives the token's `iat`.
    ///
    /// # Errors
    /// [`ConsumerError`] with everything that is wrong with the consumer.
    pub fn new(
        consumer: Consumer,
        tls: &Tls,
        settings: &Settings,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, ConsumerError> {
        consumer.check()?;
        let https = Https::new(tls, settings.budgets, settings.body);
        Ok(Self { consumer, https, clock: Box::new(clock) })
    }

    /// The request of one attempt. Its URL is put together by hand: the provider's root goes in byte for byte,
    /// with its own scheme, and `$` stays as it is (`retrieve` sheet, section 2).
    fn request(&self, call: &Call, trace_id: &str) -> Result<Request, Defect> {
        let token = token::mint(&self.consumer, &call.provider, &call.requester, (self.clock)())
            .map_err(|_| Defect::RequesterIncomplete)?;
        let (ssp_root, service_root) = (&self.consumer.ssp_root, &call.provider.service_root);
        let url = format!("{ssp_root}/{service_root}/Patient/$gpc.getstructuredrecord");
        let url = endpoint::unchanged(&url).ok_or(Defect::RequestNotBuilt)?;
        let mut request = Request::new(Method::POST, url);
        *request.headers_mut() = self.headers(call, trace_id, &token).map_err(|_| Defect::RequestNotBuilt)?;
        *request.body_mut() = Some(call.parameters.to_body(&call.nhs_number).into());
        Ok(request)
    }

    fn headers(&self, call: &Call, trace_id: &str, token: &str) -> Result<HeaderMap, InvalidHeaderValue> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, FHIR_JSON);
        headers.insert(CONTENT_TYPE, FHIR_JSON);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(AUTHORIZATION, bearer);
        headers.insert("ssp-traceid", HeaderValue::try_from(trace_id)?);
        headers.insert("ssp-from", HeaderValue::try_from(self.consumer.asid.as_str())?);
        headers.insert("ssp-to", HeaderValue::try_from(call.provider.asid.as_str())?);
        headers.insert("ssp-interactionid", HeaderValue::from_static(INTERACTION));
        Ok(headers)
    }
}

impl Exchange for SecureProxy {
    async fn exchange(
        &self,
        call: &Call,
        trace_id: &str,
        body: &mut dyn BodySink,
    ) -> Result<Answer, FetchError> {
        body.begin();
        let request = self.request(call, trace_id).map_err(|defect| FetchError {
            decision: Decision::OurDefect(defect),
            evidence: Evidence::default(),
        })?;
        let mut evidence = Evidence { trace_id: trace_id.to_owned(), attempts: 1, ..Evidence::default() };
        let mut head = match self.https.begin(request).await {
            Ok(head) => head,
            Err(fault) => return Err(FetchError { decision: outcome::of_fault(fault), evidence }),
        };
        evidence.status = Some(head.status);
        evidence.retry_after = retry_after(&head.headers, (self.clock)());
        let Some(content_type) = of_a_record(head.status, &head.headers) else {
            return Err(no_record(head.whole().await, evidence));
        };
        let mut watched = Watched::new(body);
        let received = head.stream(&mut watched).await;
        judge(&watched, received, content_type, evidence)
    }
}

/// The content type of what may be a record.
fn of_a_record(status: u16, headers: &HeaderMap) -> Option<ContentType> {
    content_type(headers).filter(|_| status == 200)
}

/// What an answer means that cannot be a record. Its body is advice only: without it, or cut, the status decides.
fn no_record(reply: Reply, mut evidence: Evidence) -> FetchError {
    let decision = match (reply.status, reply.body) {
        (200, Err(fault)) => outcome::of_fault(fault),
        (status, body) => {
            evidence.code = body.ok().and_then(|body| ErrorCode::read(&body));
            let of_status = || outcome::of_status(status, evidence.code);
            if status == 200 { Decision::Malformed(Malformed::ContentType) } else { of_status() }
        }
    };
    FetchError { decision, evidence }
}

/// Whether a body that has gone to its sink is a record, as far as it can be told without reading the record.
fn judge(
    body: &Watched<'_>,
    received: Result<usize, Fault>,
    content_type: ContentType,
    mut evidence: Evidence,
) -> Result<Answer, FetchError> {
    let decision = match received {
        Err(fault) => outcome::of_fault(fault),
        Ok(received) => match not_a_bundle(body) {
            None => {
                return Ok(Answer {
                    bytes: body.bytes(),
                    received,
                    status: 200,
                    content_type,
                    trace_id: evidence.trace_id,
                    earlier_trace_ids: Vec::new(),
                    attempts: 1,
                });
            }
            Some(decision) => {
                evidence.code = ErrorCode::read(body.head());
                decision
            }
        },
    };
    Err(FetchError { decision, evidence })
}

fn not_a_bundle(body: &Watched<'_>) -> Option<Decision> {
    match body.kind() {
        _ if body.is_truncated() => Some(Decision::Malformed(Malformed::Truncated)),
        // What it is in the end, its reader tells, who has to see it all.
        Kind::NotYetSaid => None,
        Kind::Resource(kind) if kind == "Bundle" => None,
        Kind::Resource(kind) if kind == "OperationOutcome" && outcome::is_error(body.head()) => {
            Some(outcome::of_status(200, ErrorCode::read(body.head())))
        }
        Kind::Resource(_) | Kind::Nothing => Some(Decision::Malformed(Malformed::NotFhir)),
    }
}

fn content_type(headers: &HeaderMap) -> Option<ContentType> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Some(ContentType::Missing) };
    let value = value.to_str().ok()?.to_ascii_lowercase();
    let mut parts = value.split(';').map(str::trim);
    let kind = match parts.next()? {
        "application/fhir+json" => ContentType::FhirJson,
        "application/json" | "application/json+fhir" | "text/json" => ContentType::OtherJson,
        _ => return None,
    };
    let charset = parts.find_map(|part| part.strip_prefix("charset="));
    matches!(charset.map(|name| name.trim_matches('"')), None | Some("utf-8" | "utf8")).then_some(kind)
}

/// Seconds, or an HTTP date as the time from now to it.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let at = rfc2822::parse(value).ok()?.timestamp();
    // A date that has passed asks for no wait.
    Some(at.duration_since(now).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests;
