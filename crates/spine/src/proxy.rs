use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, InvalidHeaderValue,
    RETRY_AFTER,
};
use reqwest::{Method, Request};
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::decision::{Decision, Defect, Evidence, FetchError, Malformed};
use crate::https::{Https, Reply};
use crate::outcome::{self, ErrorCode};
use crate::{
    Answer, Call, Consumer, ConsumerError, ContentType, Exchange, INTERACTION, Settings, Tls, endpoint, token,
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
    async fn exchange(&self, call: &Call, trace_id: &str) -> Result<Answer, FetchError> {
        let request = self.request(call, trace_id).map_err(|defect| FetchError {
            decision: Decision::OurDefect(defect),
            evidence: Evidence::default(),
        })?;
        let evidence = Evidence { trace_id: trace_id.to_owned(), attempts: 1, ..Evidence::default() };
        match self.https.exchange(request).await {
            Ok(reply) => read(reply, evidence, (self.clock)()),
            Err(fault) => Err(FetchError { decision: outcome::of_fault(fault), evidence }),
        }
    }
}

fn read(reply: Reply, mut evidence: Evidence, now: Timestamp) -> Result<Answer, FetchError> {
    evidence.status = Some(reply.status);
    evidence.retry_after = retry_after(&reply.headers, now);
    if reply.status != 200 {
        // The body is advice only: without it, or cut, the status decides.
        evidence.code = reply.body.ok().and_then(|body| ErrorCode::read(&body.bytes));
        let decision = outcome::of_status(reply.status, evidence.code);
        return Err(FetchError { decision, evidence });
    }
    let body = match reply.body {
        Ok(body) => body,
        Err(fault) => return Err(FetchError { decision: outcome::of_fault(fault), evidence }),
    };
    match accept(&reply.headers, &body.bytes) {
        Ok(content_type) => Ok(Answer {
            received: body.received,
            body: body.bytes,
            status: reply.status,
            content_type,
            trace_id: evidence.trace_id,
            earlier_trace_ids: Vec::new(),
            attempts: 1,
        }),
        Err(decision) => {
            evidence.code = ErrorCode::read(&body.bytes);
            Err(FetchError { decision, evidence })
        }
    }
}

/// Whether a body that came with status 200 is a record, as far as it can be told without reading the record.
fn accept(headers: &HeaderMap, body: &[u8]) -> Result<ContentType, Decision> {
    let content_type = content_type(headers).ok_or(Decision::Malformed(Malformed::ContentType))?;
    match resource_type(body).as_deref() {
        _ if is_truncated(body) => Err(Decision::Malformed(Malformed::Truncated)),
        Some("Bundle") => Ok(content_type),
        Some("OperationOutcome") if outcome::is_error(body) => {
            Err(outcome::of_status(200, ErrorCode::read(body)))
        }
        _ => Err(Decision::Malformed(Malformed::NotFhir)),
    }
}

/// Whether an object begins and its last byte closes none. A body cut behind a closing brace passes; the parser,
/// which reads it all, refuses that one.
fn is_truncated(body: &[u8]) -> bool {
    let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii();
    text.first() == Some(&b'{') && text.last() != Some(&b'}')
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

/// The resource type of a JSON object, found without building the object and, in the usual order of keys,
/// without reading past it.
fn resource_type(body: &[u8]) -> Option<String> {
    // RFC 8259 lets a reader skip a byte order mark; the body keeps it.
    let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut found = None;
    // An early stop leaves the object unfinished, which the deserialiser reports and we do not mind.
    let _ = serde_json::Deserializer::from_slice(text).deserialize_map(ResourceType(&mut found));
    found
}

struct ResourceType<'a>(&'a mut Option<String>);

impl<'de> Visitor<'de> for ResourceType<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a FHIR resource")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "resourceType" {
                *self.0 = Some(map.next_value()?);
                return Ok(());
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
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
