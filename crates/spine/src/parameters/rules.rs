//! The rules between the parameters (`retrieve` sheet, sections 5 and 5.1), each reported in one line.

use jiff::civil::Date;

use super::{
    IncludeAllergies, IncludeConsultations, IncludeMedication, IncludeProblems, ParametersFile, Period,
    RequestDay,
};

/// The largest value of a FHIR `positiveInt`.
const POSITIVE_INT_MAX: u32 = 2_147_483_647;

/// Every broken rule, in the order of the areas; empty when the request may be sent.
pub(super) fn broken(asked: &ParametersFile, today: Date) -> Vec<String> {
    let mut problems = Vec::new();
    if *asked == ParametersFile::default() {
        problems.push("no area is asked for: name at least one, such as includeMedication".to_owned());
    }
    if let Some(IncludeAllergies { include_resolved_allergies: None }) = asked.include_allergies {
        problems.push(
            "includeAllergies.includeResolvedAllergies is missing: write true or false, it is mandatory"
                .into(),
        );
    }
    consultations(asked, &mut problems);
    days(asked, today, &mut problems);
    periods(asked, today, &mut problems);
    if !is_predefined_search(asked, today) {
        combinations(asked, &mut problems);
    }
    problems
}

fn consultations(asked: &ParametersFile, problems: &mut Vec<String>) {
    let Some(consultations) = &asked.include_consultations else { return };
    let number = consultations.include_number_of_most_recent;
    if number.is_some_and(|number| !(1..=POSITIVE_INT_MAX).contains(&number)) {
        problems.push(format!(
            "includeConsultations.includeNumberOfMostRecent is out of range: use 1 to {POSITIVE_INT_MAX}"
        ));
    }
    if number.is_some() && consultations.consultation_search_period.is_some() {
        problems.push(
            "includeConsultations has both consultationSearchPeriod and includeNumberOfMostRecent: keep one"
                .into(),
        );
    }
}

fn days(asked: &ParametersFile, today: Date, problems: &mut Vec<String>) {
    let from = asked.include_medication.as_ref().and_then(|area| area.medication_search_from_date);
    if from.is_some_and(|day| day.resolve(today) > today) {
        problems
            .push("includeMedication.medicationSearchFromDate is after today: use today or before".into());
    }
    let due = asked.include_diary_entries.as_ref().and_then(|area| area.diary_entries_search_date);
    if due.is_some_and(|day| day.resolve(today) < today) {
        problems
            .push("includeDiaryEntries.diaryEntriesSearchDate is before today: use today or after".into());
    }
}

fn periods(asked: &ParametersFile, today: Date, problems: &mut Vec<String>) {
    for (path, period) in search_periods(asked) {
        let start = period.start.map(|day| day.resolve(today));
        let end = period.end.map(|day| day.resolve(today));
        if start.is_none() && end.is_none() {
            problems.push(format!("{path} has neither start nor end: give one of them or leave it out"));
        }
        for (bound, day) in [("start", start), ("end", end)] {
            if day.is_some_and(|day| day > today) {
                problems.push(format!("{path}.{bound} is after today: use today or before"));
            }
        }
        if start.zip(end).is_some_and(|(start, end)| start > end) {
            problems.push(format!("{path} starts after it ends: exchange its start and end"));
        }
    }
}

fn search_periods(asked: &ParametersFile) -> impl Iterator<Item = (&'static str, &Period)> {
    let consultations = asked.include_consultations.as_ref();
    let uncategorised = asked.include_uncategorised_data.as_ref();
    let investigations = asked.include_investigations.as_ref();
    let referrals = asked.include_referrals.as_ref();
    [
        (
            "includeConsultations.consultationSearchPeriod",
            consultations.and_then(|area| area.consultation_search_period.as_ref()),
        ),
        (
            "includeUncategorisedData.uncategorisedDataSearchPeriod",
            uncategorised.and_then(|area| area.uncategorised_data_search_period.as_ref()),
        ),
        (
            "includeInvestigations.investigationSearchPeriod",
            investigations.and_then(|area| area.investigation_search_period.as_ref()),
        ),
        (
            "includeReferrals.referralSearchPeriod",
            referrals.and_then(|area| area.referral_search_period.as_ref()),
        ),
    ]
    .into_iter()
    .filter_map(|(path, period)| period.map(|period| (path, period)))
}

/// The table of section 5.1, and investigations' period, which the consumer's test cases forbid and it permits: the union
/// (`conformance-tests` sheet, section 12). Filtered primary content beside content that consultations and problems drag in
/// unfiltered would leave gaps that nobody can see (the warfarin gap, `medications` sheet, section 8).
fn combinations(asked: &ParametersFile, problems: &mut Vec<String>) {
    let beside = [
        ("includeConsultations", asked.include_consultations.is_some()),
        ("includeProblems", asked.include_problems.is_some()),
    ];
    for (path, sent) in filters(asked) {
        for (area, asked_for) in beside {
            // A filter of the problems themselves is forbidden beside consultations alone.
            if sent && asked_for && !path.starts_with(area) {
                problems.push(format!(
                    "{path} may not be sent with {area}: leave it out, or ask in two calls (section 5.1)"
                ));
            }
        }
    }
}

fn filters(asked: &ParametersFile) -> [(&'static str, bool); 8] {
    let medication = asked.include_medication.as_ref();
    let uncategorised = asked.include_uncategorised_data.as_ref();
    let problems = asked.include_problems.as_ref();
    let referrals = asked.include_referrals.as_ref();
    let diary = asked.include_diary_entries.as_ref();
    let immunisations = asked.include_immunisations.as_ref();
    let investigations = asked.include_investigations.as_ref();
    [
        (
            "includeMedication.medicationSearchFromDate",
            medication.is_some_and(|area| area.medication_search_from_date.is_some()),
        ),
        (
            "includeUncategorisedData.uncategorisedDataSearchPeriod",
            uncategorised.is_some_and(|area| area.uncategorised_data_search_period.is_some()),
        ),
        ("includeProblems.filterStatus", problems.is_some_and(|area| area.filter_status.is_some())),
        (
            "includeReferrals.referralSearchPeriod",
            referrals.is_some_and(|area| area.referral_search_period.is_some()),
        ),
        (
            "includeDiaryEntries.diaryEntriesSearchDate",
            diary.is_some_and(|area| area.diary_entries_search_date.is_some()),
        ),
        (
            "includeImmunisations.includeNotGiven",
            immunisations.is_some_and(|area| area.include_not_given.is_some()),
        ),
        (
            "includeImmunisations.includeStatus",
            immunisations.is_some_and(|area| area.include_status.is_some()),
        ),
        (
            "includeInvestigations.investigationSearchPeriod",
            investigations.is_some_and(|area| area.investigation_search_period.is_some()),
        ),
    ]
}

/// The two exceptions of section 5.1, in exactly their shapes.
fn is_predefined_search(asked: &ParametersFile, today: Date) -> bool {
    let year_ago = RequestDay::FromToday(-365).resolve(today);
    let from = asked.include_medication.as_ref().and_then(|area| area.medication_search_from_date);
    if from.map(|day| day.resolve(today)) != Some(year_ago) {
        return false;
    }
    let first = ParametersFile {
        include_allergies: Some(IncludeAllergies { include_resolved_allergies: Some(true) }),
        include_medication: Some(IncludeMedication {
            include_prescription_issues: None,
            medication_search_from_date: from,
        }),
        include_problems: Some(IncludeProblems::default()),
        include_consultations: Some(IncludeConsultations {
            consultation_search_period: None,
            include_number_of_most_recent: Some(3),
        }),
        ..ParametersFile::default()
    };
    let second = ParametersFile {
        include_immunisations: Some(Default::default()),
        include_uncategorised_data: Some(Default::default()),
        ..first.clone()
    };
    *asked == first || *asked == second
}
