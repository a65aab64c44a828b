//! The bearer token: an unsigned JWT that tells the practice who asks (`retrieve` sheet, section 4).
//!
//! Put together by hand because JWT libraries refuse `alg: none`, and rightly: such a token proves nothing.
//! Its integrity rests on TLS, and we never accept one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bedside_model::{OdsCode, Requester};
use jiff::Timestamp;
use serde::Serialize;

use crate::{Consumer, Provider};

/// What providers check: 299 and 301 seconds are both refused.
const LIFETIME_SECONDS: i64 = 300;

/// The requester cannot be named as the token must name them: an id, a name or an organisation is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequesterIncomplete;

/// Mints the token of one attempt: header, payload, and the dot of an empty signature.
pub(crate) fn mint(
    consumer: &Consumer,
    provider: &Provider,
    requester: &Requester,
    at: Timestamp,
) -> Result<String, RequesterIncomplete> {
    let named = [&requester.user_id, &requester.family, &requester.given, &requester.organisation_name];
    if named.into_iter().any(|text| text.trim().is_empty()) {
        return Err(RequesterIncomplete);
    }
    let claims = Claims::new(consumer, provider, requester, at);
    // Only a map with keys that are not text fails to serialise, and the claims hold none.
    let payload = serde_json::to_vec(&claims).map_err(|_| RequesterIncomplete)?;
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"none","typ":"JWT"}"#);
    Ok(format!("{header}.{}.", URL_SAFE_NO_PAD.encode(payload)))
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    reason_for_request: &'static str,
    requested_scope: &'static str,
    requesting_device: Device<'a>,
    requesting_organization: Organization<'a>,
    requesting_practitioner: Practitioner<'a>,
}

#[derive(Serialize)]
#[serde(tag = "resourceType")]
struct Device<'a> {
    identifier: [Identifier<'a>; 1],
    model: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "resourceType")]
struct Organization<'a> {
    identifier: [Identifier<'a>; 1],
    name: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "resourceType")]
struct Practitioner<'a> {
    id: &'a str,
    identifier: [Identifier<'a>; 3],
    name: [HumanName<'a>; 1],
}

#[derive(Serialize)]
struct Identifier<'a> {
    system: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct HumanName<'a> {
    family: &'a str,
    given: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<[&'a str; 1]>,
}

impl<'a> Claims<'a> {
    fn new(consumer: &'a Consumer, provider: &'a Provider, requester: &'a Requester, at: Timestamp) -> Self {
        let device = &consumer.device;
        let issued = at.as_second();
        Self {
            iss: &consumer.token_issuer,
            sub: &requester.user_id,
            aud: provider.service_root.as_str(),
            exp: issued + LIFETIME_SECONDS,
            iat: issued,
            reason_for_request: "directcare",
            requested_scope: "patient/*.read",
            requesting_device: Device {
                identifier: [Identifier { system: &device.identifier_system, value: &device.identifier }],
                model: &device.model,
                version: &device.version,
            },
            requesting_organization: Organization {
                identifier: [ods_identifier(&requester.organisation)],
                name: &requester.organisation_name,
            },
            requesting_practitioner: practitioner(consumer, requester),
        }
    }
}

fn practitioner<'a>(consumer: &'a Consumer, requester: &'a Requester) -> Practitioner<'a> {
    let sds_user_id = "https://fhir.nhs.uk/Id/sds-user-id";
    let sds_role_profile_id = "https://fhir.nhs.uk/Id/sds-role-profile-id";
    Practitioner {
        id: &requester.user_id,
        identifier: [
            Identifier { system: sds_user_id, value: or_unknown(&requester.sds_user_id) },
            Identifier { system: sds_role_profile_id, value: or_unknown(&requester.sds_role_profile_id) },
            Identifier { system: &consumer.user_id_system, value: &requester.user_id },
        ],
        name: [HumanName {
            family: &requester.family,
            given: [&requester.given],
            prefix: requester
                .prefix
                .as_deref()
                .filter(|prefix| !prefix.trim().is_empty())
                .map(|prefix| [prefix]),
        }],
    }
}

fn ods_identifier(ods: &OdsCode) -> Identifier<'_> {
    Identifier { system: "https://fhir.nhs.uk/Id/ods-organization-code", value: ods.as_str() }
}

/// `UNK` is what the specification wants where there is no smartcard.
fn or_unknown(id: &str) -> &str {
    if id.trim().is_empty() { "UNK" } else { id }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::transport::tests::{consumer, provider, requester};

    fn at() -> Timestamp {
        "2026-01-15T09:30:00.9Z".parse().expect("an instant")
    }

    fn claims(requester: &Requester) -> Value {
        let token = mint(&consumer(), &provider(), requester, at()).expect("complete");
        let payload = token.split('.').nth(1).expect("a payload");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
    }

    #[test]
    fn the_token_is_unsigned_unpadded_and_keeps_its_last_dot() {
        let token = mint(&consumer(), &provider(), &requester(), at()).expect("complete");
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(parts[0], "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0");
        assert_eq!((parts.len(), parts[2]), (3, ""));
        assert!(!token.contains('='));
    }

    #[test]
    fn the_claims_are_those_of_the_specification() {
        let issued = 1_768_469_400;
        assert_eq!(
            claims(&requester()),
            json!({
                "iss": "https://hospital.example/spine",
                "sub": "u-7",
                "aud": "https://gp.provider.example/A20001/STU3/1/gpconnect/structured",
                "exp": issued + 300,
                "iat": issued,
                "reason_for_request": "directcare",
                "requested_scope": "patient/*.read",
                "requesting_device": { "resourceType": "Device",
                    "identifier": [{ "system": "https://supplier.example/Id/device-identifier", "value": "d-1" }],
                    "model": "bedside", "version": "0.1.0" },
                "requesting_organization": { "resourceType": "Organization",
                    "identifier": [{ "system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RXX01" }],
                    "name": "Test Hospital" },
                "requesting_practitioner": { "resourceType": "Practitioner", "id": "u-7",
                    "identifier": [
                        { "system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "UNK" },
                        { "system": "https://fhir.nhs.uk/Id/sds-role-profile-id", "value": "UNK" },
                        { "system": "https://supplier.example/Id/user-guid", "value": "u-7" },
                    ],
                    "name": [{ "family": "Example", "given": ["Ada"], "prefix": ["Dr"] }] },
            })
        );
    }

    #[test]
    fn an_absent_smartcard_is_unknown_and_an_absent_prefix_is_left_out() {
        let requester = Requester {
            sds_user_id: String::new(),
            sds_role_profile_id: "  ".into(),
            prefix: None,
            ..requester()
        };
        let practitioner = &claims(&requester)["requesting_practitioner"];
        assert_eq!(practitioner["identifier"][0]["value"], "UNK");
        assert_eq!(practitioner["identifier"][1]["value"], "UNK");
        assert_eq!(practitioner["name"], json!([{ "family": "Example", "given": ["Ada"] }]));
    }

    #[test]
    fn a_requester_without_a_name_or_an_id_gets_no_token() {
        for requester in [
            Requester { user_id: " ".into(), ..requester() },
            Requester { family: String::new(), ..requester() },
            Requester { given: String::new(), ..requester() },
            Requester { organisation_name: String::new(), ..requester() },
        ] {
            assert_eq!(mint(&consumer(), &provider(), &requester, at()), Err(RequesterIncomplete));
        }
    }
}
