//! The rules of the proxy, of headers and of the token.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::request::Request;
use super::{BAD, RESOURCE, Rule, rule};

/// The proxy's own rules, and those of headers.
pub(super) const OUTSIDE: &[Rule] = &[
    rule("the method is POST", "retrieve 2", |r| r.method = "PUT", (405, "405: Method Not Allowed")),
    rule(
        "the ASID of the sender is allowed",
        "retrieve 9",
        |r| r.header("ssp-from", "200000000009"),
        (403, "ASID_CHECK_FAILED_MESSAGESENDER_200000000009"),
    ),
    rule(
        "the ASID of the receiver is the practice's",
        "retrieve 9",
        |r| r.header("ssp-to", "200000000009"),
        (403, "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_200000000009"),
    ),
    rule(
        "the URL is that of the directory byte for byte: no port",
        "retrieve 2",
        |r| r.target = r.target.replace("provider.example/", "provider.example:443/"),
        (400, "ENDPOINT_"),
    ),
    rule(
        "the URL is that of the directory byte for byte: no other case",
        "retrieve 2",
        |r| r.target = r.target.replace("gp.provider", "GP.provider"),
        (400, "ENDPOINT_"),
    ),
    rule(
        "the URL is that of the directory byte for byte: no percent-encoding",
        "retrieve 2",
        |r| r.target = r.target.replace('$', "%24"),
        (400, "ENDPOINT_"),
    ),
    rule(
        "the scheme of the practice's root is kept",
        "retrieve 2",
        |r| r.target = r.target.replace("/https://", "/"),
        (400, "ENDPOINT_"),
    ),
    rule(
        "the operation is spelt as it is",
        "retrieve 2",
        |r| r.target = r.target.replace("getstructured", "getStructured"),
        (400, "ENDPOINT_"),
    ),
    rule("Accept is application/fhir+json;charset=utf-8", "retrieve 3", |r| r.header("accept", "*/*"), BAD),
    rule(
        "Content-Type is application/fhir+json;charset=utf-8",
        "retrieve 3, 9",
        |r| r.header("content-type", "application/json"),
        (415, "BAD_REQUEST"),
    ),
    rule("Accept-Encoding is gzip", "retrieve 3", |r| r.header("accept-encoding", "identity"), BAD),
    rule("no header is missing", "retrieve 3", |r| r.drop_header("accept-encoding"), BAD),
    rule(
        "no header comes twice",
        "retrieve 3",
        |r| r.headers.push(("accept".into(), "application/fhir+json;charset=utf-8".into())),
        BAD,
    ),
    rule("no other header comes", "retrieve 3", |r| r.headers.push(("cookie".into(), "a=b".into())), BAD),
    rule(
        "the interaction id is that of the operation",
        "retrieve 3",
        |r| {
            r.header(
                "ssp-interactionid",
                "urn:nhs:names:services:gpconnect:fhir:operation:gpc.migratestructuredrecord-1",
            )
        },
        BAD,
    ),
    rule(
        "the trace id is a UUID in lower case",
        "retrieve 3",
        |r| r.header("ssp-traceid", &Uuid::new_v4().to_string().to_uppercase()),
        BAD,
    ),
    rule("the trace id is a UUID", "retrieve 3", |r| r.header("ssp-traceid", "1"), BAD),
];

pub(super) const TOKEN: &[Rule] = &[
    rule("there is a bearer token", "retrieve 4", |r| r.bearer.clear(), BAD),
    rule("the scheme is Bearer", "retrieve 4", |r| r.bearer = "Basic ".into(), BAD),
    rule("the token's signature is empty", "retrieve 4", |r| r.signature = "x".into(), BAD),
    rule("the token has no padding", "retrieve 4", |r| r.padded = true, BAD),
    rule(
        "the token's header is alg none, typ JWT",
        "retrieve 4",
        |r| r.token_header = r#"{"alg":"HS256","typ":"JWT"}"#.into(),
        BAD,
    ),
    rule("the token's payload is an object", "retrieve 4", |r| r.claims = json!([]), BAD),
    rule("exp is iat and 300: not 299", "retrieve 4", |r| shift(r, 0, 299), BAD),
    rule("exp is iat and 300: not 301", "retrieve 4", |r| shift(r, 0, 301), BAD),
    rule("the token has not expired", "retrieve 4", |r| shift(r, -301, 300), BAD),
    rule("the token is not issued ahead of time", "retrieve 4", |r| shift(r, 60, 300), BAD),
    rule("iat is an integer", "retrieve 4", |r| r.claim("/iat", json!("now")), BAD),
    rule("no claim is null", "retrieve 4", |r| r.claim("/exp", Value::Null), BAD),
    rule("no claim is missing", "retrieve 4", |r| r.drop_claim("iss"), BAD),
    rule("no other claim comes", "retrieve 4", |r| r.claims["requested_record"] = json!({}), BAD),
    rule("iss is a URL", "retrieve 4", |r| r.claim("/iss", json!("hospital")), BAD),
    rule(
        "aud is the practice's service root",
        "retrieve 4",
        |r| r.claim("/aud", json!("https://gp.provider.example/A20001/STU3/1")),
        BAD,
    ),
    rule(
        "reason_for_request is directcare",
        "retrieve 4",
        |r| r.claim("/reason_for_request", json!("migration")),
        BAD,
    ),
    rule(
        "requested_scope is patient/*.read",
        "retrieve 4",
        |r| r.claim("/requested_scope", json!("organization/*.read")),
        BAD,
    ),
    rule("sub is the practitioner's id", "retrieve 4", |r| r.claim("/sub", json!("user-8")), BAD),
    rule("a claim is of its own type", "retrieve 4", |r| device(r)["resourceType"] = json!("Patient"), BAD),
    rule("the device has a version", "retrieve 4", |r| device(r)["version"] = json!(" "), RESOURCE),
    rule("the device has one identifier", "retrieve 4", |r| device(r)["identifier"] = json!([]), RESOURCE),
    rule(
        "the device's identifier has a system",
        "retrieve 4",
        |r| drop(device(r)["identifier"][0]["system"].take()),
        RESOURCE,
    ),
    rule(
        "the organisation has a name",
        "retrieve 4",
        |r| r.claim("/requesting_organization/name", json!("")),
        RESOURCE,
    ),
    rule(
        "the organisation has an ODS code",
        "retrieve 4",
        |r| r.claim("/requesting_organization/identifier/0/system", json!("https://hospital.example/Id")),
        RESOURCE,
    ),
    rule(
        "an ODS code is capitals and digits",
        "retrieve 4, security T-11",
        |r| r.claim("/requesting_organization/identifier/0/value", json!("rxx01")),
        RESOURCE,
    ),
    rule(
        "the practitioner has three identifiers",
        "retrieve 4",
        |r| drop(practitioner(r)["identifier"].as_array_mut().expect("a list").pop()),
        RESOURCE,
    ),
    rule(
        "an SDS id is never blank, but UNK",
        "retrieve 4, conformance-tests SPN-TST-11",
        |r| practitioner(r)["identifier"][0]["value"] = json!(""),
        RESOURCE,
    ),
    rule(
        "the local id has a system",
        "retrieve 4",
        |r| practitioner(r)["identifier"][2]["system"] = json!("local"),
        RESOURCE,
    ),
    rule("the practitioner has one name", "retrieve 4", |r| practitioner(r)["name"] = json!([]), RESOURCE),
    rule(
        "the name has a family name",
        "retrieve 4",
        |r| practitioner(r)["name"][0]["family"] = json!(""),
        RESOURCE,
    ),
    rule(
        "the name has given names in a list",
        "retrieve 4",
        |r| practitioner(r)["name"][0]["given"] = json!("Ada"),
        RESOURCE,
    ),
];

fn shift(request: &mut Request, issued: i64, lasts: i64) {
    let now = Timestamp::now().as_second();
    request.claim("/iat", json!(now + issued));
    request.claim("/exp", json!(now + issued + lasts));
}

fn device(request: &mut Request) -> &mut Value {
    &mut request.claims["requesting_device"]
}

pub(super) fn practitioner(request: &mut Request) -> &mut Value {
    &mut request.claims["requesting_practitioner"]
}
