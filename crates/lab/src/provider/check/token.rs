//! The bearer token (`retrieve` sheet, section 4).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::super::Practice;
use super::Problem;

const CLAIMS: [&str; 10] = [
    "aud",
    "exp",
    "iat",
    "iss",
    "reason_for_request",
    "requested_scope",
    "requesting_device",
    "requesting_organization",
    "requesting_practitioner",
    "sub",
];

const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
const SDS_USER: &str = "https://fhir.nhs.uk/Id/sds-user-id";
const SDS_ROLE: &str = "https://fhir.nhs.uk/Id/sds-role-profile-id";

/// The claims of an `Authorization` header, if they can be read at all.
pub(in super::super) fn claims(authorization: &str) -> Option<Value> {
    let payload = authorization.strip_prefix("Bearer ")?.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// Checks the token of a call to a practice at a time in Unix seconds.
pub(super) fn check(authorization: &str, practice: &Practice, now: i64) -> Result<(), Problem> {
    envelope(authorization)?;
    let claims =
        claims(authorization).ok_or_else(|| Problem::bad_request("the token's payload cannot be read"))?;
    let claims =
        claims.as_object().ok_or_else(|| Problem::bad_request("the token's payload is no object"))?;
    only(claims, &CLAIMS, &[], "the token")?;
    times(claims, now)?;
    for (name, wanted) in [
        ("aud", practice.service_root.as_str()),
        ("reason_for_request", "directcare"),
        ("requested_scope", "patient/*.read"),
    ] {
        if claims.get(name).and_then(Value::as_str) != Some(wanted) {
            return Err(Problem::bad_request(format!("the claim {name} has another value than it must")));
        }
    }
    if !text(claims, "iss").is_some_and(|issuer| issuer.starts_with("https://")) {
        return Err(Problem::bad_request("the claim iss is no URL"));
    }
    device(&claims["requesting_device"])?;
    organization(&claims["requesting_organization"])?;
    practitioner(&claims["requesting_practitioner"], text(claims, "sub").unwrap_or_default())
}

fn envelope(authorization: &str) -> Result<(), Problem> {
    let token = authorization.strip_prefix("Bearer ");
    let parts: Vec<&str> = token.unwrap_or_default().split('.').collect();
    let [header, _, ""] = parts[..] else {
        return Err(Problem::bad_request("the token is not header, payload and an empty signature"));
    };
    let header = URL_SAFE_NO_PAD.decode(header).unwrap_or_default();
    if header != br#"{"alg":"none","typ":"JWT"}"# {
        return Err(Problem::bad_request("the token's header is not exactly the one of an unsecured JWT"));
    }
    Ok(())
}

fn times(claims: &Map<String, Value>, now: i64) -> Result<(), Problem> {
    let integer = |name: &str| claims.get(name).and_then(Value::as_i64);
    let (Some(issued), Some(expires)) = (integer("iat"), integer("exp")) else {
        return Err(Problem::bad_request("the claims iat and exp are no integers"));
    };
    if expires != issued + 300 {
        return Err(Problem::bad_request("the claim exp is not iat and 300 seconds"));
    }
    if issued > now + 5 || expires <= now {
        return Err(Problem::bad_request("the token is not yet valid or has expired"));
    }
    Ok(())
}

fn device(device: &Value) -> Result<(), Problem> {
    let device = resource(device, "Device", &["identifier", "model", "version"], &[])?;
    if text(device, "model").is_none() || text(device, "version").is_none() {
        return Err(invalid("Device", "model or version is empty"));
    }
    let identifiers = identifiers(device, "Device")?;
    if identifiers.len() == 1 { Ok(()) } else { Err(invalid("Device", "there is not one identifier")) }
}

fn organization(organization: &Value) -> Result<(), Problem> {
    let organization = resource(organization, "Organization", &["identifier", "name"], &[])?;
    if text(organization, "name").is_none() {
        return Err(invalid("Organization", "the name is empty"));
    }
    match identifiers(organization, "Organization")?[..] {
        [(ODS, code)] if is_ods(code) => Ok(()),
        [(ODS, _)] => Err(invalid("Organization", "the ODS code is not 3 to 10 capitals and digits")),
        _ => Err(invalid("Organization", "there is not one ODS identifier")),
    }
}

/// `security` sheet, T-11.
fn is_ods(code: &str) -> bool {
    (3..=10).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn practitioner(practitioner: &Value, subject: &str) -> Result<(), Problem> {
    let practitioner = resource(practitioner, "Practitioner", &["id", "identifier", "name"], &[])?;
    if text(practitioner, "id").is_none_or(|id| id != subject) {
        return Err(Problem::bad_request("the claim sub is not the practitioner's id"));
    }
    let identifiers = identifiers(practitioner, "Practitioner")?;
    let [(SDS_USER, _), (SDS_ROLE, _), (local, _)] = identifiers[..] else {
        return Err(invalid("Practitioner", "the three identifiers are not those of the specification"));
    };
    if !local.starts_with("https://") {
        return Err(invalid("Practitioner", "the local identifier has no system"));
    }
    let names = practitioner["name"].as_array().map(Vec::as_slice).unwrap_or_default();
    let [name] = names else { return Err(invalid("Practitioner", "there is not one name")) };
    human_name(name)
}

fn human_name(name: &Value) -> Result<(), Problem> {
    let name = name.as_object().ok_or_else(|| invalid("Practitioner", "the name is no object"))?;
    only(name, &["family", "given"], &["prefix"], "the practitioner's name")?;
    let listed = |element: &str| {
        let values = name.get(element).and_then(Value::as_array);
        values.is_some_and(|values| {
            !values.is_empty()
                && values.iter().all(|value| value.as_str().is_some_and(|text| !text.trim().is_empty()))
        })
    };
    if text(name, "family").is_none()
        || !listed("given")
        || (name.contains_key("prefix") && !listed("prefix"))
    {
        return Err(invalid("Practitioner", "family, given or prefix is empty"));
    }
    Ok(())
}

fn resource<'a>(
    value: &'a Value,
    kind: &str,
    required: &[&str],
    optional: &[&str],
) -> Result<&'a Map<String, Value>, Problem> {
    let object = value.as_object().ok_or_else(|| Problem::bad_request(format!("the {kind} is no object")))?;
    if text(object, "resourceType") != Some(kind) {
        return Err(Problem::bad_request(format!("the {kind} is another resource")));
    }
    let required: Vec<&str> = required.iter().copied().chain(["resourceType"]).collect();
    only(object, &required, optional, &format!("the {kind}"))?;
    Ok(object)
}

/// System and value of each identifier.
fn identifiers<'a>(resource: &'a Map<String, Value>, kind: &str) -> Result<Vec<(&'a str, &'a str)>, Problem> {
    let listed = resource["identifier"].as_array().map(Vec::as_slice).unwrap_or_default();
    let read = listed.iter().map(|identifier| {
        let identifier = identifier.as_object()?;
        Some((text(identifier, "system")?, text(identifier, "value")?))
    });
    read.collect::<Option<Vec<_>>>().ok_or_else(|| invalid(kind, "an identifier has no system or value"))
}

fn only(
    object: &Map<String, Value>,
    required: &[&str],
    optional: &[&str],
    what: &str,
) -> Result<(), Problem> {
    for name in required {
        if object.get(*name).is_none_or(Value::is_null) {
            return Err(Problem::bad_request(format!("{what} has no {name}")));
        }
    }
    for name in object.keys() {
        if !required.contains(&name.as_str()) && !optional.contains(&name.as_str()) {
            return Err(Problem::bad_request(format!("{what} has {name}, which has no place there")));
        }
    }
    Ok(())
}

/// A text that says something.
fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

fn invalid(kind: &str, what: &str) -> Problem {
    Problem::invalid("INVALID_RESOURCE", format!("the token's {kind}: {what}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provider::Behaviour;

    const NOW: i64 = 1_768_469_400;

    fn good() -> Value {
        json!({
            "iss": "https://hospital.example", "sub": "u-7", "iat": NOW, "exp": NOW + 300,
            "aud": "https://gp.provider.example/A20001/STU3/1/gpconnect/structured",
            "reason_for_request": "directcare", "requested_scope": "patient/*.read",
            "requesting_device": { "resourceType": "Device", "model": "m", "version": "1",
                "identifier": [{ "system": "https://supplier.example/Id/device-identifier", "value": "d" }] },
            "requesting_organization": { "resourceType": "Organization", "name": "Hospital",
                "identifier": [{ "system": ODS, "value": "RXX01" }] },
            "requesting_practitioner": { "resourceType": "Practitioner", "id": "u-7",
                "identifier": [{ "system": SDS_USER, "value": "UNK" }, { "system": SDS_ROLE, "value": "UNK" },
                    { "system": "https://supplier.example/Id/user-guid", "value": "u-7" }],
                "name": [{ "family": "Example", "given": ["Ada"] }] },
        })
    }

    fn judge(header: &str, claims: &Value, end: &str) -> Option<String> {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let token =
            format!("Bearer {}.{}{end}", part(header.as_bytes()), part(claims.to_string().as_bytes()));
        let practice = Practice::new("A20001", "200000000002", Behaviour::Normal);
        check(&token, &practice, NOW).err().map(|problem| problem.text())
    }

    const HEADER: &str = r#"{"alg":"none","typ":"JWT"}"#;

    #[test]
    fn a_right_token_passes() {
        assert_eq!(judge(HEADER, &good(), "."), None);
    }

    #[test]
    fn every_altered_claim_is_found() {
        for (pointer, value) in [
            ("/exp", json!(NOW + 299)),
            ("/exp", json!(NOW + 301)),
            ("/exp", json!(null)),
            ("/iat", json!("now")),
            ("/aud", json!("https://gp.provider.example/A20001/STU3/1")),
            ("/iss", json!("")),
            ("/sub", json!("u-8")),
            ("/reason_for_request", json!("migration")),
            ("/requested_scope", json!("patient/*.read conf/R")),
            ("/requesting_device", json!({})),
            ("/requesting_device/resourceType", json!("Patient")),
            ("/requesting_device/version", json!("")),
            ("/requesting_organization/name", json!(" ")),
            ("/requesting_organization/identifier/0/system", json!("https://fhir.nhs.uk/Id/other")),
            ("/requesting_organization/identifier", json!([])),
            ("/requesting_practitioner/identifier/0/value", json!("")),
            ("/requesting_practitioner/identifier/1/system", json!(SDS_USER)),
            ("/requesting_practitioner/name/0/given", json!("Ada")),
            ("/requesting_practitioner/name/0/given", json!([])),
            ("/requesting_practitioner/name/0/family", json!("")),
            ("/requesting_practitioner/name", json!([])),
        ] {
            let mut claims = good();
            *claims.pointer_mut(pointer).expect(pointer) = value;
            assert!(judge(HEADER, &claims, ".").is_some(), "{pointer}");
        }
    }

    #[test]
    fn a_claim_too_few_or_too_many_is_found() {
        for name in CLAIMS {
            let mut claims = good();
            claims.as_object_mut().expect("an object").remove(name);
            assert!(judge(HEADER, &claims, ".").is_some(), "{name}");
        }
        let mut claims = good();
        claims["requested_record"] = json!({ "resourceType": "Patient" });
        assert!(judge(HEADER, &claims, ".").is_some());
    }

    #[test]
    fn header_and_signature_are_checked() {
        for header in [r#"{"typ":"JWT","alg":"none"}"#, r#"{"alg":"HS256","typ":"JWT"}"#, "{}"] {
            assert!(judge(header, &good(), ".").is_some(), "{header}");
        }
        for end in ["", ".x", "..", ".="] {
            assert!(judge(HEADER, &good(), end).is_some(), "{end}");
        }
    }
}
