//! The rules of a request, each broken once over the wire by a client of its own, and what the simulated Spine says to
//! that. `docs/simulated-spine.md` lists the same rules, which is checked here too.
//!
//! `cargo test -p bedside-lab --test spine strict -- --nocapture` prints them.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use bedside_lab::generate::{Patient, Supplier};
use bedside_lab::provider::{Behaviour, CONSUMER_ASID, Config, Manner, Practice, SimulatedSpine, synthetic};
use bedside_spine::london_day;
use jiff::{Timestamp, ToSpan};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::support::{ASID, ODS, PATIENT, start};

/// A request, put together only when it is sent.
struct Request {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    token_header: String,
    claims: Value,
    signature: String,
    padded: bool,
    bearer: String,
    body: Value,
    /// Instead of the body.
    text: Option<String>,
}

impl Request {
    /// One that breaks no rule.
    fn good() -> Self {
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

    fn header(&mut self, name: &str, value: &str) {
        let header = self.headers.iter_mut().find(|(found, _)| found == name);
        value.clone_into(&mut header.expect("a header of the good request").1);
    }

    fn drop_header(&mut self, name: &str) {
        self.headers.retain(|(found, _)| found != name);
    }

    fn claim(&mut self, pointer: &str, value: Value) {
        *self.claims.pointer_mut(pointer).expect("a claim of the good request") = value;
    }

    fn drop_claim(&mut self, name: &str) {
        self.claims.as_object_mut().expect("an object").remove(name).expect("a claim of the good request");
    }

    /// Asks for these areas alone.
    fn ask(&mut self, areas: Value) {
        let parameters = self.body["parameter"].as_array_mut().expect("a list");
        parameters.truncate(1);
        parameters.extend(areas.as_array().expect("a list").iter().cloned());
    }

    fn patient(&mut self) -> &mut Value {
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

/// An area with one part.
fn with(area: &str, part: &str, key: &str, value: Value) -> Value {
    json!({ "name": area, "part": [{ "name": part, key: value }] })
}

/// A day so many from today, in London.
fn day(from_today: i64) -> Value {
    json!(london_day(Timestamp::now()).checked_add(from_today.days()).expect("a day").to_string())
}

/// A rule, the sheet and section that it is from, what breaks it, and what is said to that: status and Spine code, or the
/// proxy's words.
type Rule = (&'static str, &'static str, fn(&mut Request), u16, &'static str);

const BAD: (u16, &str) = (400, "BAD_REQUEST");
const RESOURCE: (u16, &str) = (422, "INVALID_RESOURCE");
const PARAMETER: (u16, &str) = (422, "INVALID_PARAMETER");

const fn rule(
    name: &'static str,
    sheet: &'static str,
    broken: fn(&mut Request),
    (status, code): (u16, &'static str),
) -> Rule {
    (name, sheet, broken, status, code)
}

/// The proxy's own rules, and those of headers.
const OUTSIDE: &[Rule] = &[
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

const TOKEN: &[Rule] = &[
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

const BODY: &[Rule] = &[
    rule("the body is JSON", "retrieve 9", |r| r.text = Some("{".into()), BAD),
    rule("the body is Parameters", "retrieve 5", |r| r.body["resourceType"] = json!("Bundle"), RESOURCE),
    rule(
        "there is a patientNHSNumber",
        "retrieve 5",
        |r| drop(r.body["parameter"].as_array_mut().expect("a list").remove(0)),
        PARAMETER,
    ),
    rule(
        "patientNHSNumber comes once",
        "retrieve 9",
        |r| {
            let again = r.patient().clone();
            r.body["parameter"].as_array_mut().expect("a list").push(again);
        },
        RESOURCE,
    ),
    rule(
        "patientNHSNumber holds an identifier alone",
        "retrieve 5",
        |r| r.patient()["part"] = json!([]),
        RESOURCE,
    ),
    rule(
        "the number's system is that of NHS numbers",
        "retrieve 9",
        |r| r.patient()["valueIdentifier"]["system"] = json!("https://fhir.nhs.uk/Id/local"),
        (400, "INVALID_IDENTIFIER_SYSTEM"),
    ),
    rule(
        "the number has ten digits",
        "retrieve 5",
        |r| r.patient()["valueIdentifier"]["value"] = json!("999 000 0018"),
        (400, "INVALID_NHS_NUMBER"),
    ),
    rule(
        "the number's check digit is right",
        "retrieve 5",
        |r| r.patient()["valueIdentifier"]["value"] = json!("9990000019"),
        (400, "INVALID_NHS_NUMBER"),
    ),
    rule("some area is asked for", "retrieve 9", |r| r.ask(json!([])), PARAMETER),
    rule(
        "no parameter is unknown",
        "retrieve 8",
        |r| r.ask(json!([{ "name": "includeImmunizations" }])),
        PARAMETER,
    ),
    rule(
        "no part is unknown",
        "retrieve 5, 8",
        |r| r.ask(json!([with("includeProblems", "filterSignificance", "valueCode", json!("major"))])),
        PARAMETER,
    ),
    rule(
        "no part stands under another parameter",
        "retrieve 8",
        |r| r.ask(json!([with("includeProblems", "includePrescriptionIssues", "valueBoolean", json!(true))])),
        PARAMETER,
    ),
    rule(
        "no parameter comes twice",
        "retrieve 5, 9",
        |r| r.ask(json!([{ "name": "includeProblems" }, { "name": "includeProblems" }])),
        RESOURCE,
    ),
    rule(
        "no part comes twice",
        "retrieve 9",
        |r| {
            let part = json!({ "name": "filterStatus", "valueCode": "active" });
            r.ask(json!([{ "name": "includeProblems", "part": [part, part] }]));
        },
        RESOURCE,
    ),
    rule(
        "a parameter has no value",
        "retrieve 5",
        |r| r.ask(json!([{ "name": "includeProblems", "valueBoolean": true }])),
        RESOURCE,
    ),
    rule(
        "a list of parts is not empty",
        "retrieve 5",
        |r| r.ask(json!([{ "name": "includeProblems", "part": [] }])),
        RESOURCE,
    ),
    rule(
        "a part has a value",
        "retrieve 9",
        |r| r.ask(json!([{ "name": "includeProblems", "part": [{ "name": "filterStatus" }] }])),
        PARAMETER,
    ),
    rule(
        "a part's value is of its type",
        "retrieve 5",
        |r| r.ask(json!([with("includeProblems", "filterStatus", "valueString", json!("active"))])),
        PARAMETER,
    ),
    rule(
        "allergies come with includeResolvedAllergies",
        "retrieve 5",
        |r| r.ask(json!([{ "name": "includeAllergies" }])),
        PARAMETER,
    ),
    rule(
        "a Boolean is true or false",
        "retrieve 5",
        |r| {
            r.ask(json!([with(
                "includeAllergies",
                "includeResolvedAllergies",
                "valueBoolean",
                json!("true")
            )]))
        },
        PARAMETER,
    ),
    rule(
        "filterStatus is active or inactive",
        "retrieve 5, 9",
        |r| r.ask(json!([with("includeProblems", "filterStatus", "valueCode", json!("resolved"))])),
        PARAMETER,
    ),
    rule(
        "a date is a whole date",
        "retrieve 5",
        |r| r.ask(json!([with("includeMedication", "medicationSearchFromDate", "valueDate", json!("2025"))])),
        PARAMETER,
    ),
    rule(
        "a date has no time",
        "retrieve 9",
        |r| {
            let time = json!("2025-01-01T00:00:00Z");
            r.ask(json!([with("includeMedication", "medicationSearchFromDate", "valueDate", time)]));
        },
        PARAMETER,
    ),
    rule(
        "a date is one of the calendar",
        "retrieve 5",
        |r| {
            r.ask(json!([with(
                "includeMedication",
                "medicationSearchFromDate",
                "valueDate",
                json!("2025-02-30")
            )]))
        },
        PARAMETER,
    ),
    rule(
        "a search does not begin in the future",
        "retrieve 5",
        |r| r.ask(json!([with("includeMedication", "medicationSearchFromDate", "valueDate", day(1))])),
        PARAMETER,
    ),
    rule(
        "a diary search does not end in the past",
        "retrieve 5",
        |r| r.ask(json!([with("includeDiaryEntries", "diaryEntriesSearchDate", "valueDate", day(-1))])),
        PARAMETER,
    ),
    rule(
        "a period has a bound",
        "retrieve 5",
        |r| r.ask(json!([with("includeReferrals", "referralSearchPeriod", "valuePeriod", json!({}))])),
        PARAMETER,
    ),
    rule(
        "a period does not end before it begins",
        "retrieve 5, 9",
        |r| {
            let period = json!({ "start": day(-1), "end": day(-2) });
            r.ask(json!([with("includeReferrals", "referralSearchPeriod", "valuePeriod", period)]));
        },
        PARAMETER,
    ),
    rule(
        "a period does not end in the future",
        "retrieve 5",
        |r| {
            let period = json!({ "start": day(-1), "end": day(1) });
            r.ask(json!([with("includeConsultations", "consultationSearchPeriod", "valuePeriod", period)]));
        },
        PARAMETER,
    ),
    rule(
        "a number of consultations is one or more",
        "retrieve 5",
        |r| {
            r.ask(json!([with(
                "includeConsultations",
                "includeNumberOfMostRecent",
                "valuePositiveInt",
                json!(0)
            )]))
        },
        PARAMETER,
    ),
    rule(
        "consultations are not filtered twice",
        "retrieve 5, 9",
        |r| {
            r.ask(json!([{ "name": "includeConsultations", "part": [
                { "name": "consultationSearchPeriod", "valuePeriod": { "start": day(-9) } },
                { "name": "includeNumberOfMostRecent", "valuePositiveInt": 3 },
            ] }]));
        },
        RESOURCE,
    ),
    rule(
        "medicationSearchFromDate is not beside consultations",
        "retrieve 5.1",
        |r| beside(r, MEDICATION, true),
        PARAMETER,
    ),
    rule(
        "medicationSearchFromDate is not beside problems",
        "retrieve 5.1",
        |r| beside(r, MEDICATION, false),
        PARAMETER,
    ),
    rule(
        "uncategorisedDataSearchPeriod is not beside consultations",
        "retrieve 5.1",
        |r| beside(r, UNCATEGORISED, true),
        PARAMETER,
    ),
    rule(
        "uncategorisedDataSearchPeriod is not beside problems",
        "retrieve 5.1",
        |r| beside(r, UNCATEGORISED, false),
        PARAMETER,
    ),
    rule(
        "referralSearchPeriod is not beside consultations",
        "retrieve 5.1",
        |r| beside(r, REFERRALS, true),
        PARAMETER,
    ),
    rule(
        "referralSearchPeriod is not beside problems",
        "retrieve 5.1",
        |r| beside(r, REFERRALS, false),
        PARAMETER,
    ),
    rule(
        "investigationSearchPeriod is not beside consultations",
        "conformance-tests 12",
        |r| beside(r, INVESTIGATIONS, true),
        PARAMETER,
    ),
    rule(
        "investigationSearchPeriod is not beside problems",
        "conformance-tests 12",
        |r| beside(r, INVESTIGATIONS, false),
        PARAMETER,
    ),
    rule(
        "diaryEntriesSearchDate is not beside consultations",
        "retrieve 5.1",
        |r| beside(r, DIARY, true),
        PARAMETER,
    ),
    rule(
        "diaryEntriesSearchDate is not beside problems",
        "retrieve 5.1",
        |r| beside(r, DIARY, false),
        PARAMETER,
    ),
    rule(
        "includeNotGiven is not beside consultations",
        "retrieve 5.1",
        |r| beside(r, NOT_GIVEN, true),
        PARAMETER,
    ),
    rule(
        "includeNotGiven is not beside problems",
        "retrieve 5.1",
        |r| beside(r, NOT_GIVEN, false),
        PARAMETER,
    ),
    rule("includeStatus is not beside consultations", "retrieve 5.1", |r| beside(r, STATUS, true), PARAMETER),
    rule("includeStatus is not beside problems", "retrieve 5.1", |r| beside(r, STATUS, false), PARAMETER),
    rule(
        "filterStatus is not beside consultations",
        "retrieve 5.1",
        |r| beside(r, FILTER_STATUS, true),
        PARAMETER,
    ),
    rule(
        "a predefined search has its own shape: 3 consultations",
        "retrieve 5.1",
        |r| r.ask(predefined(4, -365)),
        PARAMETER,
    ),
    rule(
        "a predefined search has its own shape: 365 days",
        "retrieve 5.1",
        |r| r.ask(predefined(3, -364)),
        PARAMETER,
    ),
];

type Filter = (&'static str, &'static str, &'static str);

const MEDICATION: Filter = ("includeMedication", "medicationSearchFromDate", "valueDate");
const UNCATEGORISED: Filter = ("includeUncategorisedData", "uncategorisedDataSearchPeriod", "valuePeriod");
const REFERRALS: Filter = ("includeReferrals", "referralSearchPeriod", "valuePeriod");
const INVESTIGATIONS: Filter = ("includeInvestigations", "investigationSearchPeriod", "valuePeriod");
const DIARY: Filter = ("includeDiaryEntries", "diaryEntriesSearchDate", "valueDate");
const NOT_GIVEN: Filter = ("includeImmunisations", "includeNotGiven", "valueBoolean");
const STATUS: Filter = ("includeImmunisations", "includeStatus", "valueBoolean");
const FILTER_STATUS: Filter = ("includeProblems", "filterStatus", "valueCode");

/// A filter that may stand alone, beside consultations or problems.
fn beside(request: &mut Request, filter: Filter, consultations: bool) {
    let other = if consultations { "includeConsultations" } else { "includeProblems" };
    request.ask(json!([alone(filter), { "name": other }]));
}

fn alone((area, part, key): Filter) -> Value {
    let value = match key {
        "valueDate" => day(0),
        "valuePeriod" => json!({ "start": day(-9), "end": day(0) }),
        "valueCode" => json!("active"),
        _ => json!(true),
    };
    with(area, part, key, value)
}

fn predefined(consultations: u32, from: i64) -> Value {
    json!([
        with("includeConsultations", "includeNumberOfMostRecent", "valuePositiveInt", json!(consultations)),
        { "name": "includeProblems" },
        with("includeAllergies", "includeResolvedAllergies", "valueBoolean", json!(true)),
        with("includeMedication", "medicationSearchFromDate", "valueDate", day(from)),
    ])
}

fn shift(request: &mut Request, issued: i64, lasts: i64) {
    let now = Timestamp::now().as_second();
    request.claim("/iat", json!(now + issued));
    request.claim("/exp", json!(now + issued + lasts));
}

fn device(request: &mut Request) -> &mut Value {
    &mut request.claims["requesting_device"]
}

fn practitioner(request: &mut Request) -> &mut Value {
    &mut request.claims["requesting_practitioner"]
}

/// The status of an answer, its whole body, and the code that it gives or the words that stand in for one.
async fn send(spine: &SimulatedSpine, request: &Request) -> (u16, Value, String) {
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

async fn practice() -> SimulatedSpine {
    start(vec![Practice::new(ODS, ASID, Behaviour::Normal)]).await
}

#[tokio::test]
async fn every_rule_is_found_broken_and_answered_as_the_sheets_say() {
    let spine = practice().await;
    let (status, _, _) = send(&spine, &Request::good()).await;
    assert_eq!(status, 200, "{:?}", spine.requests()[0].problem);
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/simulated-spine.md"));
    let page = page.expect("a page");
    let mut wrong = Vec::new();
    let rules = OUTSIDE.iter().chain(TOKEN).chain(BODY);
    for (name, sheet, broken, expected, code) in rules.clone() {
        let mut request = Request::good();
        broken(&mut request);
        let (status, _, said) = send(&spine, &request).await;
        println!("{name:64} {sheet:32} {status} {said}");
        if status != *expected || !said.starts_with(code) {
            wrong.push(format!("{name}: {expected} {code} expected, {status} {said}"));
        }
        if !page.contains(&format!("| {name} | {sheet} | {expected} | `{code}` |")) {
            wrong.push(format!("the page lacks: | {name} | {sheet} | {expected} | `{code}` |"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let seen = spine.requests();
    assert_eq!(seen.len(), 1 + rules.count());
    assert!(seen.iter().skip(1).all(|seen| seen.problem.is_some()), "each was noted as wrong");
}

#[tokio::test]
async fn a_trace_id_is_used_once() {
    let spine = practice().await;
    let request = Request::good();
    assert_eq!(send(&spine, &request).await.0, 200);
    let (status, _, said) = send(&spine, &request).await;
    assert_eq!((status, said.as_str()), (400, "BAD_REQUEST"));
}

#[tokio::test]
async fn what_breaks_no_rule_is_answered() {
    let spine = practice().await;
    let filters =
        [MEDICATION, UNCATEGORISED, REFERRALS, INVESTIGATIONS, DIARY, NOT_GIVEN, STATUS, FILTER_STATUS];
    let alone = filters.map(|filter| json!([alone(filter)]));
    let mut wider = predefined(3, -365);
    wider
        .as_array_mut()
        .expect("a list")
        .extend([json!({ "name": "includeImmunisations" }), json!({ "name": "includeUncategorisedData" })]);
    for areas in alone.into_iter().chain([predefined(3, -365), wider]) {
        let mut request = Request::good();
        request.ask(areas.clone());
        assert_eq!(send(&spine, &request).await.0, 200, "{areas}");
    }
    let mut request = Request::good();
    // Where there is no smartcard (SPN-TST-11), and where there is no title.
    practitioner(&mut request)["name"][0].as_object_mut().expect("an object").remove("prefix");
    assert_eq!(send(&spine, &request).await.0, 200);
}

#[tokio::test]
async fn a_suppliers_system_warns_of_what_it_does_not_know_and_answers_the_rest() {
    let practices = vec![Practice {
        manner: Some(Manner::of(Supplier::Emis)),
        ..Practice::new(ODS, ASID, Behaviour::Normal)
    }];
    let patient = Patient { nhs_number: PATIENT.parse().expect("a number"), ..Patient::synthetic(7) };
    let records_of = Some(synthetic(&practices, vec![patient], Arc::new(|_| None)));
    let config = Config { records_of, ..Config::new(practices, BTreeMap::new()) };
    let spine = SimulatedSpine::start(config).await.expect("starts");
    let mut request = Request::good();
    let misplaced = with("includeProblems", "includePrescriptionIssues", "valueBoolean", json!(true));
    request.ask(json!([misplaced, { "name": "includeImmunizations" }]));
    let (status, body, _) = send(&spine, &request).await;
    assert_eq!(status, 200);
    let resources = body["entry"].as_array().expect("entries").iter().map(|entry| &entry["resource"]);
    let outcome = resources.clone().find(|resource| resource["resourceType"] == "OperationOutcome");
    let issues = outcome.expect("an outcome")["issue"].as_array().expect("issues");
    let said: Vec<&str> = issues.iter().filter_map(|issue| issue["details"]["text"].as_str()).collect();
    assert_eq!(
        said,
        [
            "includeProblems.includePrescriptionIssues is an unrecognised parameter",
            "includeImmunizations is an unrecognised parameter"
        ]
    );
    assert!(resources.clone().any(|resource| resource["title"] == "Problems"), "the rest is answered");
}
