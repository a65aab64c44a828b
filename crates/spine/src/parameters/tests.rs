use jiff::civil::date;
use serde_json::{Value, json};

use super::*;

const TODAY: Date = date(2026, 1, 15);

fn file(text: &str) -> ParametersFile {
    toml::from_str(text).expect("a request section")
}

fn build(text: &str) -> Result<Parameters, ParameterProblems> {
    Parameters::try_from((&file(text), TODAY))
}

fn problems(text: &str) -> Vec<String> {
    build(text).map(|_| Vec::new()).unwrap_or_else(|problems| problems.0)
}

fn body(text: &str) -> Value {
    let number = "9990000018".parse().expect("a test number");
    serde_json::from_slice(&build(text).expect("allowed").to_body(&number)).expect("JSON")
}

/// The filters of the first column of section 5.1 and that of the test cases, as TOML.
const FILTERS: [(&str, &str); 8] = [
    ("includeMedication.medicationSearchFromDate", "includeMedication.medicationSearchFromDate = 'today-30'"),
    (
        "includeUncategorisedData.uncategorisedDataSearchPeriod",
        "includeUncategorisedData.uncategorisedDataSearchPeriod.start = '2025-01-01'",
    ),
    ("includeProblems.filterStatus", "includeProblems.filterStatus = 'active'"),
    ("includeReferrals.referralSearchPeriod", "includeReferrals.referralSearchPeriod.end = '2025-01-01'"),
    ("includeDiaryEntries.diaryEntriesSearchDate", "includeDiaryEntries.diaryEntriesSearchDate = 'today+90'"),
    ("includeImmunisations.includeNotGiven", "includeImmunisations.includeNotGiven = true"),
    ("includeImmunisations.includeStatus", "includeImmunisations.includeStatus = false"),
    (
        "includeInvestigations.investigationSearchPeriod",
        "includeInvestigations.investigationSearchPeriod.start = '2025-01-01'",
    ),
];

#[test]
fn every_forbidden_combination_is_refused_by_name() {
    for (path, filter) in FILTERS {
        for area in ["includeConsultations", "includeProblems"] {
            if path.starts_with(area) {
                continue;
            }
            let found = problems(&format!("{filter}\n{area} = {{}}"));
            assert_eq!(found.len(), 1, "{path} with {area}: {found:?}");
            assert!(found[0].starts_with(&format!("{path} may not be sent with {area}")), "{found:?}");
        }
    }
}

#[test]
fn each_filter_is_allowed_without_consultations_and_problems() {
    for (path, filter) in FILTERS {
        assert_eq!(problems(filter), [""; 0], "{path}");
        assert_eq!(
            problems(&format!("{filter}\nincludeAllergies.includeResolvedAllergies = false")),
            [""; 0]
        );
    }
}

#[test]
fn consultations_keep_their_own_filters_beside_everything() {
    let text = "includeProblems = {}
        includeInvestigations = {}
        includeConsultations.consultationSearchPeriod = { start = 'today-90', end = 'today' }";
    assert_eq!(problems(text), [""; 0]);
    assert_eq!(problems("includeProblems = {}\nincludeConsultations.includeNumberOfMostRecent = 5"), [""; 0]);
}

#[test]
fn all_areas_without_parts_may_be_asked_for_together() {
    let text = "includeAllergies.includeResolvedAllergies = true
        includeMedication = {}
        includeProblems = {}
        includeConsultations = {}
        includeImmunisations = {}
        includeUncategorisedData = {}
        includeInvestigations = {}
        includeReferrals = {}
        includeDiaryEntries = {}";
    let all_but_documents: Vec<_> =
        ClinicalArea::ALL.into_iter().filter(|area| area.request_parameter().is_some()).collect();
    assert_eq!(build(text).expect("allowed").areas(), all_but_documents);
    let sent: Vec<Value> = body(text)["parameter"].as_array().expect("a list")[1..].to_vec();
    assert!(sent[1..].iter().all(|parameter| parameter.get("part").is_none()), "FHIR has no empty arrays");
}

const PREDEFINED: &str = "includeConsultations.includeNumberOfMostRecent = 3
    includeProblems = {}
    includeAllergies.includeResolvedAllergies = true
    includeMedication.medicationSearchFromDate = 'today-365'";

#[test]
fn the_two_predefined_searches_are_allowed() {
    assert_eq!(problems(PREDEFINED), [""; 0]);
    assert_eq!(problems(&PREDEFINED.replace("today-365", "2025-01-15")), [""; 0]);
    let second = format!("{PREDEFINED}\nincludeImmunisations = {{}}\nincludeUncategorisedData = {{}}");
    assert_eq!(problems(&second), [""; 0]);
}

#[test]
fn a_predefined_search_in_any_other_shape_is_refused() {
    let altered = [
        PREDEFINED.replace("= 3", "= 4"),
        PREDEFINED.replace("today-365", "today-364"),
        PREDEFINED.replace("Allergies = true", "Allergies = false"),
        PREDEFINED.replace("includeProblems = {}", "includeProblems.filterStatus = 'active'"),
        PREDEFINED.replace("includeProblems = {}", ""),
        format!("{PREDEFINED}\nincludeMedication.includePrescriptionIssues = true"),
        format!("{PREDEFINED}\nincludeImmunisations = {{}}"),
        format!("{PREDEFINED}\nincludeUncategorisedData = {{}}"),
        format!("{PREDEFINED}\nincludeReferrals = {{}}"),
        format!("{PREDEFINED}\nincludeUncategorisedData = {{}}\nincludeImmunisations.includeNotGiven = true"),
    ];
    for text in altered {
        assert!(!problems(&text).is_empty(), "{text}");
    }
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = "includeAllergies = {}
        includeProblems.filterStatus = 'inactive'
        includeMedication.medicationSearchFromDate = '2026-01-16'
        includeDiaryEntries.diaryEntriesSearchDate = '2026-01-14'
        includeReferrals.referralSearchPeriod = {}
        includeUncategorisedData.uncategorisedDataSearchPeriod = { start = 'today', end = 'today-1' }
        includeInvestigations.investigationSearchPeriod = { end = 'today+1' }
        [includeConsultations]
        includeNumberOfMostRecent = 0
        consultationSearchPeriod = { start = 'today-7' }";
    let found = problems(text);
    for expected in [
        "includeAllergies.includeResolvedAllergies is missing",
        "includeConsultations.includeNumberOfMostRecent is out of range",
        "includeConsultations has both",
        "includeMedication.medicationSearchFromDate is after today",
        "includeDiaryEntries.diaryEntriesSearchDate is before today",
        "includeReferrals.referralSearchPeriod has neither start nor end",
        "includeUncategorisedData.uncategorisedDataSearchPeriod starts after it ends",
        "includeInvestigations.investigationSearchPeriod.end is after today",
        "includeProblems.filterStatus may not be sent with includeConsultations",
    ] {
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{expected}: {found:#?}");
    }
    assert!(found.iter().all(|problem| !problem.contains('\n')), "one line each");
}

#[test]
fn a_request_for_nothing_is_refused() {
    assert_eq!(problems("").len(), 1);
}

#[test]
fn names_outside_the_specification_are_refused() {
    for text in [
        "includeProblems.filterSignificance = 'major'",
        "includeImmunizations = {}",
        "includeMedications = {}",
        "includeProblems.filterStatus = 'resolved'",
        "includeMedication.medicationSearchFromDate = '2025'",
    ] {
        assert!(toml::from_str::<ParametersFile>(text).is_err(), "{text}");
    }
}

#[test]
fn the_body_is_the_resource_of_the_specification() {
    let text = "includeProblems.filterStatus = 'active'
        [includeAllergies]
        includeResolvedAllergies = true
        [includeMedication]
        includePrescriptionIssues = false
        medicationSearchFromDate = '2025-06-01'";
    // A status filter and a medication date exclude each other, so they are checked in two bodies.
    let (problems, rest) = text.split_once('\n').expect("two parts");
    let identifier = json!({ "name": "patientNHSNumber",
        "valueIdentifier": { "system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018" } });
    assert_eq!(
        body(rest),
        json!({ "resourceType": "Parameters", "parameter": [
            identifier,
            { "name": "includeAllergies", "part": [{ "name": "includeResolvedAllergies", "valueBoolean": true }] },
            { "name": "includeMedication", "part": [
                { "name": "includePrescriptionIssues", "valueBoolean": false },
                { "name": "medicationSearchFromDate", "valueDate": "2025-06-01" },
            ] },
        ] })
    );
    assert_eq!(
        body(problems),
        json!({ "resourceType": "Parameters", "parameter": [
            identifier,
            { "name": "includeProblems", "part": [{ "name": "filterStatus", "valueCode": "active" }] },
        ] })
    );
}

#[test]
fn periods_and_numbers_have_their_fhir_types() {
    let sent = body("includeConsultations.includeNumberOfMostRecent = 3");
    assert_eq!(
        sent["parameter"][1]["part"],
        json!([{ "name": "includeNumberOfMostRecent", "valuePositiveInt": 3 }])
    );
    let sent = body("includeInvestigations.investigationSearchPeriod = { start = 'today-1' }");
    assert_eq!(
        sent["parameter"][1]["part"],
        json!([{ "name": "investigationSearchPeriod", "valuePeriod": { "start": "2026-01-14" } }])
    );
}
