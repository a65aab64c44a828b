//! The FHIR `Parameters` resource (`retrieve` sheet, section 5).

use bedside_model::NhsNumber;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::{FilterStatus, ParametersFile, Period, RequestDay};

pub(super) fn parameters(asked: &ParametersFile, today: Date, nhs_number: &NhsNumber) -> Value {
    let mut parameter = vec![json!({
        "name": "patientNHSNumber",
        "valueIdentifier": { "system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs_number.expose() },
    })];
    parameter.extend(areas(asked, today).into_iter().flatten());
    json!({ "resourceType": "Parameters", "parameter": parameter })
}

fn areas(asked: &ParametersFile, today: Date) -> [Option<Value>; 9] {
    let boolean =
        |name, value: Option<bool>| value.map(|value| json!({ "name": name, "valueBoolean": value }));
    let day = |name, value: Option<RequestDay>| {
        value.map(|day| json!({ "name": name, "valueDate": day.resolve(today).to_string() }))
    };
    let period = |name, value: &Option<Period>| {
        value.as_ref().map(|value| json!({ "name": name, "valuePeriod": bounds(value, today) }))
    };
    [
        asked.include_allergies.as_ref().map(|area| {
            let resolved = boolean("includeResolvedAllergies", area.include_resolved_allergies);
            include("includeAllergies", [resolved])
        }),
        asked.include_medication.as_ref().map(|area| {
            let issues = boolean("includePrescriptionIssues", area.include_prescription_issues);
            let from = day("medicationSearchFromDate", area.medication_search_from_date);
            include("includeMedication", [issues, from])
        }),
        asked
            .include_problems
            .as_ref()
            .map(|area| include("includeProblems", [area.filter_status.map(status)])),
        asked.include_consultations.as_ref().map(|area| {
            let within = period("consultationSearchPeriod", &area.consultation_search_period);
            let number = area.include_number_of_most_recent.map(most_recent);
            include("includeConsultations", [within, number])
        }),
        asked.include_immunisations.as_ref().map(|area| {
            let not_given = boolean("includeNotGiven", area.include_not_given);
            let status = boolean("includeStatus", area.include_status);
            include("includeImmunisations", [not_given, status])
        }),
        asked.include_uncategorised_data.as_ref().map(|area| {
            let within = period("uncategorisedDataSearchPeriod", &area.uncategorised_data_search_period);
            include("includeUncategorisedData", [within])
        }),
        asked.include_investigations.as_ref().map(|area| {
            let within = period("investigationSearchPeriod", &area.investigation_search_period);
            include("includeInvestigations", [within])
        }),
        asked.include_referrals.as_ref().map(|area| {
            include("includeReferrals", [period("referralSearchPeriod", &area.referral_search_period)])
        }),
        asked.include_diary_entries.as_ref().map(|area| {
            let due = day("diaryEntriesSearchDate", area.diary_entries_search_date);
            include("includeDiaryEntries", [due])
        }),
    ]
}

/// An area's parameter. FHIR has no empty arrays, so `part` is left out when there is none.
fn include<const N: usize>(name: &str, parts: [Option<Value>; N]) -> Value {
    let parts: Vec<Value> = parts.into_iter().flatten().collect();
    if parts.is_empty() { json!({ "name": name }) } else { json!({ "name": name, "part": parts }) }
}

fn status(status: FilterStatus) -> Value {
    let code = match status {
        FilterStatus::Active => "active",
        FilterStatus::Inactive => "inactive",
    };
    json!({ "name": "filterStatus", "valueCode": code })
}

fn most_recent(number: u32) -> Value {
    json!({ "name": "includeNumberOfMostRecent", "valuePositiveInt": number })
}

fn bounds(period: &Period, today: Date) -> Value {
    let mut bounds = serde_json::Map::new();
    for (name, day) in [("start", period.start), ("end", period.end)] {
        if let Some(day) = day {
            bounds.insert(name.to_owned(), day.resolve(today).to_string().into());
        }
    }
    Value::Object(bounds)
}
