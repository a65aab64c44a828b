//! The rules of the body.

use bedside_spine::london_day;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::request::Request;
use super::{BAD, PARAMETER, RESOURCE, Rule, rule};

pub(super) const BODY: &[Rule] = &[
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

pub(super) type Filter = (&'static str, &'static str, &'static str);

pub(super) const MEDICATION: Filter = ("includeMedication", "medicationSearchFromDate", "valueDate");
pub(super) const UNCATEGORISED: Filter =
    ("includeUncategorisedData", "uncategorisedDataSearchPeriod", "valuePeriod");
pub(super) const REFERRALS: Filter = ("includeReferrals", "referralSearchPeriod", "valuePeriod");
pub(super) const INVESTIGATIONS: Filter =
    ("includeInvestigations", "investigationSearchPeriod", "valuePeriod");
pub(super) const DIARY: Filter = ("includeDiaryEntries", "diaryEntriesSearchDate", "valueDate");
pub(super) const NOT_GIVEN: Filter = ("includeImmunisations", "includeNotGiven", "valueBoolean");
pub(super) const STATUS: Filter = ("includeImmunisations", "includeStatus", "valueBoolean");
pub(super) const FILTER_STATUS: Filter = ("includeProblems", "filterStatus", "valueCode");

/// A filter that may stand alone, beside consultations or problems.
pub(super) fn beside(request: &mut Request, filter: Filter, consultations: bool) {
    let other = if consultations { "includeConsultations" } else { "includeProblems" };
    request.ask(json!([alone(filter), { "name": other }]));
}

pub(super) fn alone((area, part, key): Filter) -> Value {
    let value = match key {
        "valueDate" => day(0),
        "valuePeriod" => json!({ "start": day(-9), "end": day(0) }),
        "valueCode" => json!("active"),
        _ => json!(true),
    };
    with(area, part, key, value)
}

pub(super) fn predefined(consultations: u32, from: i64) -> Value {
    json!([
        with("includeConsultations", "includeNumberOfMostRecent", "valuePositiveInt", json!(consultations)),
        { "name": "includeProblems" },
        with("includeAllergies", "includeResolvedAllergies", "valueBoolean", json!(true)),
        with("includeMedication", "medicationSearchFromDate", "valueDate", day(from)),
    ])
}

/// An area with one part.
pub(super) fn with(area: &str, part: &str, key: &str, value: Value) -> Value {
    json!({ "name": area, "part": [{ "name": part, key: value }] })
}

/// A day so many from today, in London.
pub(super) fn day(from_today: i64) -> Value {
    json!(london_day(Timestamp::now()).checked_add(from_today.days()).expect("a day").to_string())
}
