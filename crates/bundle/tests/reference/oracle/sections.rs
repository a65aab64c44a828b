//! `sections`: what may be concluded of each area (`bundle` sheet, sections 8 and 9; `retrieve` sheet, section 8;
//! contract, settled cases, Sections).

use super::Context;
use super::bundle::Content;
use super::concepts::{preferred, term};
use super::findings::{About, Findings, Notice};
use super::lists::{AREAS, Purpose};
use super::rows::{Row, put, put_known_date};
use super::support::{Issue, List};
use super::text::{named_days, trimmed, word};

const LATE: [&str; 2] = ["data-in-transit", "data-awaiting-filing"];

pub fn table(
    context: &Context<'_>,
    requested: Option<&[&str]>,
    more_pages: bool,
    findings: &mut Findings,
) -> Vec<Row> {
    for (number, list, purpose) in lists(context) {
        notice_list(number, list, purpose, findings);
    }
    for (number, issue) in issues(context) {
        notice_issue(number, issue, findings);
    }
    let mut rows = Vec::new();
    for (area, ..) in AREAS {
        let row = row(context, area, requested, more_pages);
        if row["state"] == "missing_list".into() {
            findings.say_of(About::default(), "missing_list");
            findings.notices.last_mut().into_iter().for_each(|notice| notice.area = Some(area));
        }
        rows.push(row);
    }
    rows
}

fn lists<'a>(context: &Context<'a>) -> Vec<(usize, &'a List, Purpose)> {
    let lists = context.graph.counted().filter_map(|(number, resource)| match &resource.content {
        Content::List(list) => Some((number, list, context.relations.purposes[&number])),
        _ => None,
    });
    lists.collect()
}

fn issues<'a>(context: &Context<'a>) -> Vec<(usize, &'a Issue)> {
    let mut issues = Vec::new();
    for (number, resource) in context.graph.counted() {
        if let Content::Outcome(sent) = &resource.content {
            issues.extend(sent.iter().map(|issue| (number, issue)));
        }
    }
    issues
}

/// What the provider says of an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// The state of the area.
    State(&'static str),
    /// Something of a filter alone.
    Part,
}

/// The area that an issue names, by the parameter that its diagnostics or its text begins with, and what it says.
fn said(issue: &Issue) -> Option<(&'static str, Said)> {
    let (parameter, area) = [&issue.diagnostics, &issue.text].into_iter().flatten().find_map(|words| {
        let parameter = words.split_whitespace().next()?.trim_end_matches([',', ';', ':']);
        let whole = parameter.split('.').next()?;
        let is_document = whole == "DocumentReferences" || whole == "DocumentReference";
        let named =
            |(area, name, _): &&(&str, &str, &str)| *name == whole || (is_document && *area == "documents");
        let (area, ..) = AREAS.iter().find(named).filter(|_| !whole.is_empty())?;
        Some((parameter, *area))
    })?;
    let text = issue.text.as_deref().unwrap_or_default().to_ascii_lowercase();
    let is_known = text.contains("disabled")
        || text.contains("unrecognised")
        || trimmed(&issue.code) == "NOT_IMPLEMENTED";
    let has_failed = matches!(word(&issue.severity).as_str(), "error" | "fatal");
    let said = match () {
        () if parameter.contains('.') => Said::Part,
        () if has_failed && !is_known => Said::State("failed"),
        () if text.contains("disabled") => Said::State("disabled"),
        () => Said::State("unsupported"),
    };
    Some((area, said))
}

fn row(context: &Context<'_>, area: &'static str, requested: Option<&[&str]>, more_pages: bool) -> Row {
    let all = lists(context);
    let of = |wanted: Purpose| all.iter().filter(move |(_, _, purpose)| *purpose == wanted).copied();
    let primary: Vec<_> = of(Purpose::Primary(area)).collect();
    let ended: Vec<_> = of(Purpose::EndedAllergies).filter(|_| area == "allergies").collect();
    let said: Vec<Said> = issues(context)
        .into_iter()
        .filter_map(|(_, issue)| said(issue))
        .filter(|it| it.0 == area)
        .map(|it| it.1)
        .collect();
    let mut warnings: Vec<String> = Vec::new();
    for warning in primary.iter().chain(&ended).flat_map(|(_, list, _)| &list.warnings) {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    let has =
        |codes: &[&str]| warnings.iter().any(|code| codes.contains(&word(&Some(code.clone())).as_str()));
    // The note of the Ended list counts where it carries a warning.
    let warned = ended.iter().filter(|(_, list, _)| !list.warnings.is_empty());
    let notes: Vec<&str> =
        primary.iter().chain(warned).flat_map(|(_, list, _)| &list.notes).map(String::as_str).collect();
    let note = (!notes.is_empty()).then(|| notes.join("\n"));
    let is_present = !primary.is_empty();
    let is_requested = requested.map_or(is_present, |areas| areas.contains(&area)) || !said.is_empty();
    let entries: usize = primary.iter().map(|(_, list, _)| list.items.len()).sum();
    let mut row = Row::new();
    put(&mut row, "entry_index", primary.first().map(|(number, ..)| context.graph.resource(*number).entry));
    put(&mut row, "area", area);
    put(&mut row, "requested", is_requested);
    put(&mut row, "state", state(entries, &said, is_present, is_requested, has(&["confidential-items"])));
    put(&mut row, "entries", entries);
    put(&mut row, "incomplete", has(&LATE) || (more_pages && (is_requested || is_present)));
    let named = note.as_deref().filter(|_| has(&LATE)).map(named_days).unwrap_or_default();
    let latest = named.into_iter().max_by_key(|(_, day)| *day);
    let days = latest.as_ref().map(|(_, day)| (*day, *day));
    put_known_date(&mut row, "incomplete_before", latest.map(|(text, _)| text), days);
    put(&mut row, "warning_text", note);
    put(&mut row, "warnings", warnings);
    row
}

/// The table of the `bundle` sheet, section 8. What the provider says decides unless the list holds something.
fn state(
    entries: usize,
    said: &[Said],
    is_present: bool,
    is_requested: bool,
    is_withheld: bool,
) -> &'static str {
    let stated = said.iter().find_map(|said| if let Said::State(state) = said { Some(*state) } else { None });
    match (entries > 0, stated) {
        (true, _) if is_withheld => "returned_with_exclusions",
        (true, _) => "returned",
        (false, Some(state)) => state,
        (false, None) if is_present && is_withheld => "empty_confidential",
        (false, None) if is_present => "empty_no_content",
        (false, None) if is_requested => "missing_list",
        (false, None) => "not_requested",
    }
}

/// Every warning and every empty reason is a notice of the provider.
fn notice_list(number: usize, list: &List, purpose: Purpose, findings: &mut Findings) {
    let about = About { resource: Some(number), entry: None };
    let note = (!list.notes.is_empty()).then(|| list.notes.join("\n"));
    for warning in &list.warnings {
        let provider = Some(("warning", note.clone()));
        findings.notices.push(Notice { about, area: purpose.area(), code: Some(warning.clone()), provider });
        let known = ["confidential-items", LATE[0], LATE[1]];
        if !known.contains(&word(&Some(warning.clone())).as_str()) {
            findings.say(number, "unknown_code");
        }
    }
    let code = preferred(&list.empty_reason).code;
    let reason = code.clone().or(list.empty_reason.text.clone());
    if reason.is_some() {
        let text = note.or_else(|| term(&list.empty_reason).map(|(term, _)| term));
        let provider = Some(("information", text));
        findings.notices.push(Notice { about, area: purpose.area(), code: reason, provider });
    }
    if !matches!(word(&code).as_str(), "" | "no-content-recorded") {
        findings.say(number, "unknown_code");
    }
}

fn notice_issue(number: usize, issue: &Issue, findings: &mut Findings) {
    let severity = match word(&issue.severity).as_str() {
        "fatal" | "error" => "error",
        "information" => "information",
        _ => "warning",
    };
    findings.notices.push(Notice {
        about: About { resource: Some(number), entry: None },
        area: said(issue).map(|(area, _)| area),
        code: issue.code.clone().or(issue.kind.clone()),
        provider: Some((severity, issue.text.clone().or(issue.diagnostics.clone()))),
    });
}
