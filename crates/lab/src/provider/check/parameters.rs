//! The body of a call (`retrieve` sheet, sections 5 and 5.1).

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use super::Problem;

/// What a part's value is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Boolean,
    NotAfterToday,
    NotBeforeToday,
    Period,
    PositiveInt,
    Status,
}

use Kind::*;

/// The areas and their parts, each part with its kind of value.
const AREAS: [(&str, &[(&str, Kind)]); 9] = [
    ("includeAllergies", &[("includeResolvedAllergies", Boolean)]),
    (
        "includeMedication",
        &[("includePrescriptionIssues", Boolean), ("medicationSearchFromDate", NotAfterToday)],
    ),
    (
        "includeConsultations",
        &[("consultationSearchPeriod", Period), ("includeNumberOfMostRecent", PositiveInt)],
    ),
    ("includeProblems", &[("filterStatus", Status)]),
    ("includeImmunisations", &[("includeNotGiven", Boolean), ("includeStatus", Boolean)]),
    ("includeUncategorisedData", &[("uncategorisedDataSearchPeriod", Period)]),
    ("includeInvestigations", &[("investigationSearchPeriod", Period)]),
    ("includeReferrals", &[("referralSearchPeriod", Period)]),
    ("includeDiaryEntries", &[("diaryEntriesSearchDate", NotBeforeToday)]),
];

/// The parts that may not be sent beside consultations or problems, the last one beside consultations alone: what
/// either the specification or the consumers' test scripts forbid (`retrieve` sheet, section 5.1; `conformance-tests`
/// sheet, section 12).
const EXCLUSIVE: [&str; 8] = [
    "includeMedication.medicationSearchFromDate",
    "includeUncategorisedData.uncategorisedDataSearchPeriod",
    "includeReferrals.referralSearchPeriod",
    "includeInvestigations.investigationSearchPeriod",
    "includeDiaryEntries.diaryEntriesSearchDate",
    "includeImmunisations.includeNotGiven",
    "includeImmunisations.includeStatus",
    "includeProblems.filterStatus",
];

/// Today in London.
pub(super) fn today(now: Timestamp) -> Result<Date, Problem> {
    let zone = TimeZone::get("Europe/London");
    zone.map(|zone| now.to_zoned(zone).date())
        .map_err(|_| Problem::bad_request("there is no London time here"))
}

/// What is done about parameters and parts that the specification does not have.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Unknown {
    /// They are wrong: whoever is tested here must not send them.
    #[default]
    Refused,
    /// They are noted, for a warning beside the answer, as a practice's system does (`retrieve` sheet, section 8).
    Noted,
}

/// What is asked for, or the first thing that is wrong.
pub(super) fn check(body: &Value, today: Date, unknown: Unknown) -> Result<Asked, Problem> {
    let parameters = body["parameter"].as_array().filter(|_| body["resourceType"] == "Parameters");
    let parameters = parameters.ok_or_else(|| resource("the body is no Parameters"))?;
    let mut asked = Asked { today, unknown, ..Asked::default() };
    for parameter in parameters {
        let name = parameter["name"].as_str().unwrap_or_default();
        if name == "patientNHSNumber" {
            if !asked.nhs_number.is_empty() {
                return Err(resource("patientNHSNumber comes twice"));
            }
            asked.nhs_number = patient(parameter)?;
        } else if AREAS.iter().any(|(area, _)| *area == name) {
            asked.area(name, parameter)?;
        } else {
            asked.not_known(name)?;
        }
    }
    asked.combinations()?;
    if asked.nhs_number.is_empty() { Err(parameter_error("there is no patientNHSNumber")) } else { Ok(asked) }
}

/// What is asked for: about whom, areas by name, parts as `area.part` with their value as JSON, and what is not known.
#[derive(Default)]
pub(in super::super) struct Asked {
    pub(in super::super) nhs_number: String,
    pub(in super::super) areas: BTreeSet<String>,
    pub(in super::super) parts: BTreeSet<(String, String)>,
    pub(in super::super) unrecognised: Vec<String>,
    today: Date,
    unknown: Unknown,
}

impl Asked {
    fn area(&mut self, name: &str, parameter: &Value) -> Result<(), Problem> {
        if !self.areas.insert(name.to_owned()) {
            return Err(resource(format!("{name} comes twice")));
        }
        let object = parameter.as_object().into_iter().flat_map(|object| object.keys());
        if object.into_iter().any(|key| key != "name" && key != "part") {
            return Err(resource(format!("{name} has more than a name and parts")));
        }
        let Some(parts) = parameter.get("part") else { return Ok(()) };
        let parts = parts.as_array().filter(|parts| !parts.is_empty());
        for part in parts.ok_or_else(|| resource(format!("{name} has an empty list of parts")))? {
            self.part(name, part)?;
        }
        Ok(())
    }

    fn part(&mut self, area: &str, part: &Value) -> Result<(), Problem> {
        let name = part["name"].as_str().unwrap_or_default();
        let known = AREAS.iter().find(|(known, _)| *known == area).map_or(&[][..], |(_, parts)| parts);
        let path = format!("{area}.{name}");
        let Some((_, kind)) = known.iter().find(|(known, _)| *known == name) else {
            return self.not_known(&path);
        };
        if self.has(&path) {
            return Err(resource(format!("{path} comes twice")));
        }
        let key = value_key(*kind);
        let alone = part.as_object().is_some_and(|part| part.len() == 2);
        let value = part.get(key).filter(|value| alone && is_valid(value, *kind, self.today));
        let value = value.ok_or_else(|| parameter_error(format!("{path} has no {key} that may be")))?;
        self.parts.insert((path, value.to_string()));
        Ok(())
    }

    fn has(&self, path: &str) -> bool {
        self.parts.iter().any(|(found, _)| found == path)
    }

    fn not_known(&mut self, name: &str) -> Result<(), Problem> {
        if self.unknown == Unknown::Refused || name.is_empty() {
            return Err(parameter_error(format!("there is no parameter {name}")));
        }
        self.unrecognised.push(name.to_owned());
        Ok(())
    }

    /// Whether a part has that value, as JSON.
    pub(in super::super) fn says(&self, path: &str, value: &str) -> bool {
        self.parts.iter().any(|(found, said)| found == path && said == value)
    }

    fn combinations(&self) -> Result<(), Problem> {
        if self.areas.is_empty() {
            return Err(parameter_error("no area is asked for"));
        }
        if self.areas.contains("includeAllergies") && !self.has("includeAllergies.includeResolvedAllergies") {
            return Err(parameter_error("includeAllergies lacks includeResolvedAllergies"));
        }
        if self.has("includeConsultations.consultationSearchPeriod")
            && self.has("includeConsultations.includeNumberOfMostRecent")
        {
            return Err(resource("both filters of consultations"));
        }
        for exclusive in EXCLUSIVE.into_iter().filter(|path| self.has(path)) {
            let consultations = self.areas.contains("includeConsultations");
            let problems =
                self.areas.contains("includeProblems") && exclusive != "includeProblems.filterStatus";
            if (consultations || problems) && !self.is_predefined() {
                return Err(parameter_error(format!("{exclusive} beside consultations or problems")));
            }
        }
        Ok(())
    }

    /// The two predefined searches, in exactly their shapes.
    fn is_predefined(&self) -> bool {
        let Ok(year_ago) = self.today.checked_sub(365.days()) else { return false };
        let parts = BTreeSet::from([
            ("includeAllergies.includeResolvedAllergies".to_owned(), "true".to_owned()),
            ("includeConsultations.includeNumberOfMostRecent".to_owned(), "3".to_owned()),
            ("includeMedication.medicationSearchFromDate".to_owned(), format!("\"{year_ago}\"")),
        ]);
        let first = ["includeAllergies", "includeConsultations", "includeMedication", "includeProblems"];
        let second = ["includeImmunisations", "includeUncategorisedData"];
        let asked: BTreeSet<&str> = self.areas.iter().map(String::as_str).collect();
        let both: BTreeSet<&str> = first.into_iter().chain(second).collect();
        self.parts == parts && (asked == BTreeSet::from(first) || asked == both)
    }
}

fn patient(parameter: &Value) -> Result<String, Problem> {
    let identifier = &parameter["valueIdentifier"];
    let members = |value: &Value| value.as_object().map_or(0, serde_json::Map::len);
    if members(parameter) != 2 || members(identifier) != 2 {
        return Err(resource("patientNHSNumber is not a name and an identifier of system and value"));
    }
    if identifier["system"] != "https://fhir.nhs.uk/Id/nhs-number" {
        return Err(Problem::nhs_number("INVALID_IDENTIFIER_SYSTEM", "not the system of NHS numbers"));
    }
    let number = identifier["value"].as_str().unwrap_or_default();
    if !has_check_digit(number) {
        return Err(Problem::nhs_number("INVALID_NHS_NUMBER", "not ten digits with a check digit"));
    }
    Ok(number.to_owned())
}

/// Modulus 11: weighted from ten down to one, the ten digits add up to a multiple of eleven.
fn has_check_digit(number: &str) -> bool {
    let digits: Option<Vec<u32>> = number.chars().map(|digit| digit.to_digit(10)).collect();
    digits.is_some_and(|digits| {
        digits.len() == 10
            && digits.iter().zip((1..=10).rev()).map(|(digit, weight)| digit * weight).sum::<u32>() % 11 == 0
    })
}

fn value_key(kind: Kind) -> &'static str {
    match kind {
        Boolean => "valueBoolean",
        NotAfterToday | NotBeforeToday => "valueDate",
        Period => "valuePeriod",
        PositiveInt => "valuePositiveInt",
        Status => "valueCode",
    }
}

fn is_valid(value: &Value, kind: Kind, today: Date) -> bool {
    match kind {
        Boolean => value.is_boolean(),
        NotAfterToday => whole_date(value).is_some_and(|date| date <= today),
        NotBeforeToday => whole_date(value).is_some_and(|date| date >= today),
        Period => is_valid_period(value, today),
        PositiveInt => value.as_u64().is_some_and(|number| (1..=2_147_483_647).contains(&number)),
        Status => value == "active" || value == "inactive",
    }
}

fn is_valid_period(value: &Value, today: Date) -> bool {
    let Some(period) = value.as_object().filter(|period| !period.is_empty()) else { return false };
    let bounds = period.iter().all(|(name, bound)| {
        (name == "start" || name == "end") && whole_date(bound).is_some_and(|date| date <= today)
    });
    let (start, end) = (period.get("start").and_then(whole_date), period.get("end").and_then(whole_date));
    bounds && start.zip(end).is_none_or(|(start, end)| start <= end)
}

/// `YYYY-MM-DD`, nothing less and no time.
fn whole_date(value: &Value) -> Option<Date> {
    let text = value.as_str().filter(|text| text.len() == 10)?;
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
    let day = Date::new(number(0..4)?, i8::try_from(number(5..7)?).ok()?, i8::try_from(number(8..10)?).ok()?);
    day.ok().filter(|day| day.to_string() == text)
}

fn resource(text: impl Into<String>) -> Problem {
    Problem::invalid("INVALID_RESOURCE", text)
}

fn parameter_error(text: impl Into<String>) -> Problem {
    Problem::invalid("INVALID_PARAMETER", text)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    const TODAY: Date = date(2026, 1, 15);

    fn judge(areas: Value) -> Option<String> {
        let mut parameter = vec![json!({ "name": "patientNHSNumber", "valueIdentifier":
            { "system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018" } })];
        parameter.extend(areas.as_array().expect("a list").iter().cloned());
        let body = json!({ "resourceType": "Parameters", "parameter": parameter });
        check(&body, TODAY, Unknown::Refused).err().map(|problem| problem.text())
    }

    fn with(area: &str, part: &str, key: &str, value: Value) -> Value {
        json!({ "name": area, "part": [{ "name": part, key: value }] })
    }

    #[test]
    fn every_forbidden_combination_is_found() {
        for filter in [
            with("includeMedication", "medicationSearchFromDate", "valueDate", json!("2026-01-01")),
            with(
                "includeUncategorisedData",
                "uncategorisedDataSearchPeriod",
                "valuePeriod",
                json!({ "start": "2026-01-01" }),
            ),
            with("includeReferrals", "referralSearchPeriod", "valuePeriod", json!({ "end": "2026-01-01" })),
            with(
                "includeInvestigations",
                "investigationSearchPeriod",
                "valuePeriod",
                json!({ "end": "2026-01-01" }),
            ),
            with("includeDiaryEntries", "diaryEntriesSearchDate", "valueDate", json!("2026-02-01")),
            with("includeImmunisations", "includeNotGiven", "valueBoolean", json!(false)),
            with("includeImmunisations", "includeStatus", "valueBoolean", json!(true)),
        ] {
            assert_eq!(judge(json!([filter])), None);
            assert!(judge(json!([filter, { "name": "includeConsultations" }])).is_some(), "{filter}");
            assert!(judge(json!([filter, { "name": "includeProblems" }])).is_some(), "{filter}");
        }
        let status = with("includeProblems", "filterStatus", "valueCode", json!("active"));
        assert_eq!(judge(json!([status])), None);
        assert!(judge(json!([status, { "name": "includeConsultations" }])).is_some());
    }

    #[test]
    fn the_predefined_searches_pass_and_their_neighbours_do_not() {
        let search = |from: &str, number: u32| {
            json!([
                with("includeConsultations", "includeNumberOfMostRecent", "valuePositiveInt", json!(number)),
                { "name": "includeProblems" },
                with("includeAllergies", "includeResolvedAllergies", "valueBoolean", json!(true)),
                with("includeMedication", "medicationSearchFromDate", "valueDate", json!(from)),
            ])
        };
        assert_eq!(judge(search("2025-01-15", 3)), None);
        assert!(judge(search("2025-01-14", 3)).is_some());
        assert!(judge(search("2025-01-15", 4)).is_some());
        let mut wider = search("2025-01-15", 3);
        wider.as_array_mut().expect("a list").push(json!({ "name": "includeImmunisations" }));
        assert!(judge(wider.clone()).is_some());
        wider.as_array_mut().expect("a list").push(json!({ "name": "includeUncategorisedData" }));
        assert_eq!(judge(wider), None);
    }

    #[test]
    fn values_of_the_wrong_kind_are_found() {
        for area in [
            json!({ "name": "includeAllergies" }),
            json!({ "name": "includeProblems", "part": [] }),
            json!({ "name": "includeProblems", "valueBoolean": true }),
            json!({ "name": "includeImmunizations" }),
            with("includeProblems", "filterSignificance", "valueCode", json!("major")),
            with("includeProblems", "filterStatus", "valueCode", json!("resolved")),
            with("includeProblems", "filterStatus", "valueString", json!("active")),
            with("includeMedication", "medicationSearchFromDate", "valueDate", json!("2025")),
            with("includeMedication", "medicationSearchFromDate", "valueDate", json!("2026-01-16")),
            with("includeDiaryEntries", "diaryEntriesSearchDate", "valueDate", json!("2026-01-14")),
            with("includeReferrals", "referralSearchPeriod", "valuePeriod", json!({})),
            with(
                "includeReferrals",
                "referralSearchPeriod",
                "valuePeriod",
                json!({ "start": "2026-01-10", "end": "2026-01-09" }),
            ),
            with("includeConsultations", "includeNumberOfMostRecent", "valuePositiveInt", json!(0)),
            with("includeAllergies", "includeResolvedAllergies", "valueBoolean", json!("true")),
        ] {
            assert!(judge(json!([area])).is_some(), "{area}");
        }
        assert!(judge(json!([])).is_some());
        assert!(judge(json!([{ "name": "includeProblems" }, { "name": "includeProblems" }])).is_some());
    }

    #[test]
    fn the_patient_is_named_once_with_a_right_number() {
        for (system, value) in [
            ("https://fhir.nhs.uk/Id/nhs-number", "9990000019"),
            ("https://fhir.nhs.uk/Id/nhs-number", "999 000 0018"),
            ("https://fhir.nhs.uk/Id/local", "9990000018"),
        ] {
            let body = json!({ "resourceType": "Parameters", "parameter": [
                { "name": "patientNHSNumber", "valueIdentifier": { "system": system, "value": value } },
                { "name": "includeProblems" },
            ] });
            assert!(check(&body, TODAY, Unknown::Refused).is_err());
        }
        let nobody = json!({ "resourceType": "Parameters", "parameter": [{ "name": "includeProblems" }] });
        assert!(check(&nobody, TODAY, Unknown::Refused).is_err());
    }
}
