use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use bedside_model::ClinicalArea;
use bedside_spine::{
    IncludeConsultations, ParameterProblems, Parameters, ParametersFile, Period, RequestDay,
};
use jiff::Span;
use jiff::civil::Date;
use serde::Deserialize;

use crate::Admission;
use crate::feed::{FeedRules, Update};

/// What a run asks for, as data: the request of a `pipelines/*.toml` file, and how messages announce admissions. It
/// has been checked against every rule of the `retrieve` sheet, section 5.1, on the day it was read.
#[derive(Debug, Clone)]
pub struct Pipeline {
    name: String,
    folder: PathBuf,
    feed: Option<Arc<FeedRules>>,
    request: ParametersFile,
    consultation: Option<ConsultationRule>,
    areas: Vec<ClinicalArea>,
}

/// Why a pipeline cannot be run. The messages name the file and all that is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The file cannot be read: look at its path and permissions.
    #[error("cannot read the pipeline {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not a pipeline: correct its keys or values.
    #[error("{file} is not a pipeline: {problem}")]
    Syntax {
        /// Name of the file.
        file: String,
        /// What is wrong, on one line.
        problem: String,
    },
    /// The file asks for what may not be sent: change what it asks for.
    #[error("{file} cannot be run: {}", .problems.join("; "))]
    Forbidden {
        /// Name of the file.
        file: String,
        /// Every broken rule.
        problems: Vec<String>,
    },
}

/// Why a pipeline does not apply to an admission, though both are in order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotApplicable {
    /// The pipeline asks for the days of the admission's consultation, and it has none.
    #[error("the pipeline asks for the admission's consultation, and the admission names none")]
    NoConsultation,
    /// With this admission's days, or today's date, a rule is broken.
    #[error(transparent)]
    Forbidden(#[from] ParameterProblems),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PipelineFile {
    name: String,
    consultation: Option<ConsultationRule>,
    feed: Option<FeedRules>,
    request: ParametersFile,
}

/// That the period of `includeConsultations` is the one of the admission's consultation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsultationRule {
    #[serde(rename = "period")]
    _period: PeriodSource,
    #[serde(default)]
    margin_days: u16,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PeriodSource {
    Admission,
}

impl Pipeline {
    /// The pipeline `admission`, which is part of the program: all of medication, allergies, problems and
    /// consultations.
    ///
    /// # Errors
    /// None while the file in `pipelines/` keeps the rules, which a test holds it to.
    pub fn admission(today: Date) -> Result<Self, PipelineError> {
        Self::parse("pipelines/admission.toml", include_str!("../../../pipelines/admission.toml"), today)
    }

    /// Reads a file. `today` is today in London ([`bedside_spine::london_day`]).
    ///
    /// # Errors
    /// [`PipelineError::Read`] when the file cannot be read, otherwise as [`Pipeline::parse`].
    pub fn read(path: &Path, today: Date) -> Result<Self, PipelineError> {
        let text = fs::read_to_string(path)
            .map_err(|source| PipelineError::Read { path: path.to_owned(), source })?;
        Self::parse(&path.display().to_string(), &text, today)
    }

    /// Reads the text of a file of that name.
    ///
    /// # Errors
    /// [`PipelineError::Syntax`] when it is not TOML of a pipeline, or asks for the admission's consultation
    /// and for other consultations at once; [`PipelineError::Forbidden`] with every rule that its request
    /// breaks.
    pub fn parse(file: &str, text: &str, today: Date) -> Result<Self, PipelineError> {
        let syntax = |problem: String| PipelineError::Syntax { file: file.to_owned(), problem };
        let read: PipelineFile = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            syntax(format!(
                "line {}: {}",
                before.matches('\n').count() + 1,
                error.message().replace('\n', " ")
            ))
        })?;
        if let Some(problem) = consultation_conflict(&read) {
            return Err(syntax(problem.to_owned()));
        }
        let mut pipeline = Self {
            name: read.name,
            folder: Path::new(file).parent().unwrap_or(Path::new("")).to_owned(),
            feed: read.feed.map(Arc::new),
            request: read.request,
            consultation: read.consultation,
            areas: Vec::new(),
        };
        // Any period keeps the same rules as the one to come, so today stands for it.
        let request = pipeline.request_for(Some((today, None)), today);
        match Parameters::try_from((&request, today)) {
            Ok(parameters) => pipeline.areas = parameters.areas(),
            Err(ParameterProblems(problems)) => {
                return Err(PipelineError::Forbidden { file: file.to_owned(), problems });
            }
        }
        Ok(pipeline)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where messages hold what an admission needs, where the file says so.
    pub(crate) fn feed(&self) -> Option<&Arc<FeedRules>> {
        self.feed.as_ref()
    }

    /// What an update of an admission does once the record was asked for.
    pub(crate) fn update(&self) -> Update {
        self.feed.as_ref().map(|feed| feed.update).unwrap_or_default()
    }

    /// The folder of the file: paths in it start there.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The areas it asks for.
    pub fn areas(&self) -> &[ClinicalArea] {
        &self.areas
    }

    /// The request for an admission on a day.
    ///
    /// # Errors
    /// [`NotApplicable::NoConsultation`] when it asks for a consultation that the admission does not name,
    /// [`NotApplicable::Forbidden`] when the request is not allowed on that day.
    pub fn parameters(&self, admission: &Admission, today: Date) -> Result<Parameters, NotApplicable> {
        let days = admission.consultation.as_ref().map(|period| (period.start, period.end));
        if self.consultation.is_some() && days.is_none() {
            return Err(NotApplicable::NoConsultation);
        }
        Ok(Parameters::try_from((&self.request_for(days, today), today))?)
    }

    fn request_for(&self, days: Option<(Date, Option<Date>)>, today: Date) -> ParametersFile {
        let mut request = self.request.clone();
        if let (Some(rule), Some((start, end))) = (&self.consultation, days) {
            let margin = Span::new().days(i64::from(rule.margin_days));
            let period = Period {
                start: Some(RequestDay::On(start.saturating_sub(margin))),
                end: end.map(|end| RequestDay::On(end.saturating_add(margin).min(today))),
            };
            request.include_consultations = Some(IncludeConsultations {
                consultation_search_period: Some(period),
                ..IncludeConsultations::default()
            });
        }
        request
    }
}

fn consultation_conflict(file: &PipelineFile) -> Option<&'static str> {
    file.consultation.as_ref()?;
    match &file.request.include_consultations {
        None => Some("it has the section consultation without request.includeConsultations"),
        Some(asked) if *asked != IncludeConsultations::default() => Some(
            "the section consultation gives the period: request.includeConsultations takes no part beside it",
        ),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::testing;

    const TODAY: Date = date(2026, 1, 15);

    fn body(pipeline: &Pipeline, admission: &Admission) -> serde_json::Value {
        let parameters = pipeline.parameters(admission, TODAY).expect("allowed");
        serde_json::from_slice(&parameters.to_body(&admission.demographics.nhs_number)).expect("JSON")
    }

    #[test]
    fn admission_asks_for_four_areas_whole() {
        let pipeline = Pipeline::admission(TODAY).expect("keeps the rules");
        let names: Vec<_> = pipeline.areas().iter().map(|area| area.as_str()).collect();
        assert_eq!(names, ["allergies", "medications", "problems", "consultations"]);
        let body = body(&pipeline, &testing::admission("EP-1"));
        let text = body.to_string();
        assert!(text.contains(r#"{"name":"includeResolvedAllergies","valueBoolean":true}"#), "{text}");
        assert!(text.contains(r#"{"name":"includePrescriptionIssues","valueBoolean":true}"#), "{text}");
        assert!(!text.contains("Search"), "no filter: {text}");
    }

    #[test]
    fn consultation_asks_for_the_days_of_the_admission_and_a_margin() {
        let text = include_str!("../../../pipelines/consultation.toml");
        let pipeline = Pipeline::parse("consultation.toml", text, TODAY).expect("keeps the rules");
        let mut admission = testing::admission("EP-1");
        assert_eq!(pipeline.parameters(&admission, TODAY), Err(NotApplicable::NoConsultation));
        for (start, end, expected) in [
            (date(2025, 12, 1), Some(date(2025, 12, 2)), r#"{"end":"2025-12-03","start":"2025-11-30"}"#),
            (date(2026, 1, 15), Some(date(2026, 1, 15)), r#"{"end":"2026-01-15","start":"2026-01-14"}"#),
            (date(2026, 1, 1), Some(date(2026, 2, 1)), r#"{"end":"2026-01-15","start":"2025-12-31"}"#),
            (date(2026, 1, 1), None, r#"{"start":"2025-12-31"}"#),
        ] {
            admission.consultation = Some(crate::Consultation { reference: "visit-3".into(), start, end });
            let body = body(&pipeline, &admission);
            assert_eq!(body["parameter"][1]["part"][0]["valuePeriod"].to_string(), expected);
        }
    }

    #[test]
    fn what_may_not_be_sent_is_refused_when_the_file_is_read() {
        for (request, expected) in [
            ("", vec!["no area is asked for"]),
            ("includeAllergies = {}", vec!["includeAllergies.includeResolvedAllergies is missing"]),
            (
                "includeProblems.filterStatus = 'active'
                 includeMedication.medicationSearchFromDate = 'today-30'
                 includeConsultations = {}",
                vec![
                    "includeMedication.medicationSearchFromDate may not be sent with includeConsultations",
                    "includeMedication.medicationSearchFromDate may not be sent with includeProblems",
                    "includeProblems.filterStatus may not be sent with includeConsultations",
                ],
            ),
        ] {
            let text = format!("name = 'x'\n[request]\n{request}");
            let Err(PipelineError::Forbidden { file, problems }) = Pipeline::parse("x.toml", &text, TODAY)
            else {
                panic!("accepted: {request}");
            };
            assert_eq!(file, "x.toml");
            assert_eq!(problems.len(), expected.len(), "{problems:?}");
            for start in expected {
                assert!(problems.iter().any(|problem| problem.starts_with(start)), "{start}: {problems:?}");
            }
        }
    }

    #[test]
    fn the_filters_of_the_predefined_searches_are_allowed() {
        let text = "name = 'search-1'
            [request]
            includeAllergies.includeResolvedAllergies = true
            includeMedication.medicationSearchFromDate = 'today-365'
            includeProblems = {}
            includeConsultations.includeNumberOfMostRecent = 3";
        assert!(Pipeline::parse("search-1.toml", text, TODAY).is_ok());
    }

    #[test]
    fn a_file_of_another_shape_is_refused_with_its_name_and_line() {
        for (text, expected) in [
            ("name = 'x'\n[request]\nincludeSocks = {}", "x.toml is not a pipeline: line 3: unknown field"),
            ("name = 'x'\nsurprise = 1\n[request]\n", "x.toml is not a pipeline: line 2: unknown field"),
            (
                "name = 'x'\nconsultation = {period = 'admission'}\n[request]\nincludeProblems = {}",
                "x.toml is not a pipeline: it has the section consultation without",
            ),
            (
                "name = 'x'\nconsultation = {period = 'admission'}
                 [request]\nincludeConsultations.includeNumberOfMostRecent = 2",
                "x.toml is not a pipeline: the section consultation gives the period",
            ),
        ] {
            let error = Pipeline::parse("x.toml", text, TODAY).expect_err("not a pipeline").to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains('\n'));
        }
    }
}
