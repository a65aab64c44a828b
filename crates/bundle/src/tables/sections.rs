//! `sections`: one row per clinical area, always all ten: what may be concluded from the rows of each
//! (`bundle` sheet, sections 8 and 9; `retrieve` sheet, section 8).

use std::borrow::Cow;

use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, Day, NoticeCode, Origin, SectionState, Severity, warning_dates};

use hashbrown::HashSet;

use super::Batch;
use crate::columns::Columns;
use crate::concepts;
use crate::findings::Findings;
use crate::graph::Graph;
use crate::lists::{List, ListSaying, Purpose};
use crate::notices::{Notice, Words};
use crate::outcome::{Denial, OutcomeIssue, denial};
use crate::text::Store;
use crate::words::Word;

const CONFIDENTIAL: &str = "confidential-items";
const IN_TRANSIT: &str = "data-in-transit";
const AWAITING_FILING: &str = "data-awaiting-filing";

/// One row.
struct Row<'g> {
    area: ClinicalArea,
    entry: Option<u32>,
    requested: bool,
    state: SectionState,
    entries: u32,
    warnings: Vec<&'g str>,
    warning_text: Option<String>,
    incomplete: bool,
    incomplete_before: Option<(String, Day)>,
}

/// Makes the table; `requested` is what was asked for, where that is known.
pub(crate) fn table<'g>(
    graph: &'g Graph<'g, '_>,
    lists: &'g [List],
    requested: Option<&[ClinicalArea]>,
    findings: &mut Findings,
) -> Batch {
    notice_lists(graph, lists, findings);
    notice_outcomes(graph, findings);
    let counted = lists.iter().filter(|list| graph.counts(list.resource));
    // Most lists are part of a consultation, and speak of no area.
    let stating: Vec<&List> = counted.filter(|list| !list.purpose.is_structure()).collect();
    let said: Vec<_> = graph.all.issues.iter().filter_map(|issue| said_of(graph, issue)).collect();
    let row = |area| row(graph, &stating, &said, requested, area);
    let rows: Vec<Row<'g>> = ClinicalArea::ALL.into_iter().map(row).collect();
    for row in &rows {
        if row.state == SectionState::MissingList {
            findings.notices.add_area(row.area, NoticeCode::MissingList, "entry");
        }
    }
    columns(graph, &rows)
}

fn row<'g>(
    graph: &'g Graph<'g, '_>,
    stating: &[&'g List],
    said: &[(ClinicalArea, Said)],
    requested: Option<&[ClinicalArea]>,
    area: ClinicalArea,
) -> Row<'g> {
    let all = graph.all;
    let of_purpose = |wanted: Purpose| stating.iter().copied().filter(move |list| list.purpose == wanted);
    let lists: Vec<&List> = of_purpose(Purpose::Primary(area)).collect();
    let ended: Vec<&List> = match area {
        ClinicalArea::Allergies => of_purpose(Purpose::EndedAllergies).collect(),
        _ => Vec::new(),
    };
    let warnings = warnings(graph, lists.iter().chain(&ended).copied());
    let denials = || said.iter().filter(|(named, _)| *named == area).map(|(_, said)| *said);
    // What is said of a part of the area leaves open what is said of all of it.
    let denial = denials().find(|said| matches!(said, Said::State(_))).or_else(|| denials().next());
    let entries = lists.iter().map(|list| list.items.length).sum();
    let present = !lists.is_empty();
    let requested = requested.map_or(present, |areas| areas.contains(&area)) || denial.is_some();
    let note = note(graph, &lists, &ended);
    let late = warnings.iter().any(|code| is_one_of(code, &[IN_TRANSIT, AWAITING_FILING]));
    Row {
        area,
        entry: lists.first().map(|list| graph.entry(list.resource)),
        requested,
        state: state(present, entries, requested, denial, &warnings),
        entries,
        incomplete_before: note.as_deref().filter(|_| late).and_then(latest_date),
        warnings,
        warning_text: note,
        incomplete: late || (all.more_pages && (requested || present)),
    }
}

/// What the provider says in an issue, and of which area.
fn said_of(graph: &Graph<'_, '_>, issue: &OutcomeIssue) -> Option<(ClinicalArea, Said)> {
    let store = &graph.all.store;
    if !graph.counts(issue.resource) {
        return None;
    }
    let (area, denial) = denial(store.str(issue.text), store.str(issue.diagnostics))?;
    let failed = matches!(severity(store, issue), Severity::Error);
    let said = store.str(issue.text).to_ascii_lowercase();
    let known = said.contains("disabled")
        || said.contains("unrecognised")
        || store.code(issue.code) == "NOT_IMPLEMENTED";
    let said = match denial {
        Denial::Part => Said::PartOnly,
        _ if failed && !known => Said::State(SectionState::Failed),
        Denial::Disabled => Said::State(SectionState::Disabled),
        Denial::Unsupported => Said::State(SectionState::Unsupported),
    };
    Some((area, said))
}

#[derive(Clone, Copy)]
enum Said {
    State(SectionState),
    PartOnly,
}

/// The table of the `bundle` sheet, section 8. What the provider says of the area decides unless its list holds
/// something after all.
fn state(
    present: bool,
    entries: u32,
    requested: bool,
    said: Option<Said>,
    warnings: &[&str],
) -> SectionState {
    let confidential = warnings.iter().any(|code| is_one_of(code, &[CONFIDENTIAL]));
    match (entries, said) {
        (1.., _) if confidential => SectionState::ReturnedWithExclusions,
        (1.., _) => SectionState::Returned,
        (0, Some(Said::State(state))) => state,
        (0, _) if present && confidential => SectionState::EmptyConfidential,
        (0, _) if present => SectionState::EmptyNoContent,
        (0, _) if requested => SectionState::MissingList,
        (0, _) => SectionState::NotRequested,
    }
}

fn warnings<'g>(graph: &'g Graph<'g, '_>, lists: impl Iterator<Item = &'g List>) -> Vec<&'g str> {
    let mut known: HashSet<&str> = HashSet::new();
    let warnings = lists.flat_map(|list| list.saying(graph.all).warnings.of(&graph.all.texts));
    warnings.map(|warning| graph.all.store.str(*warning)).filter(|warning| known.insert(warning)).collect()
}

/// The notes of the area's lists, and of an Ended list that carries a warning, a line feed between them.
fn note(graph: &Graph<'_, '_>, lists: &[&List], ended: &[&List]) -> Option<String> {
    let warned = ended.iter().filter(|list| list.saying(graph.all).warnings.length > 0);
    let notes = lists.iter().chain(warned).flat_map(|list| list.saying(graph.all).notes.of(&graph.all.texts));
    let notes: Vec<&str> = notes.map(|note| graph.all.store.str(*note)).collect();
    (!notes.is_empty()).then(|| notes.join("\n"))
}

fn latest_date(note: &str) -> Option<(String, Day)> {
    warning_dates(note).max_by_key(|(_, day)| *day).map(|(written, day)| (written.to_owned(), day))
}

/// Whether a list has a warning or a reason why it is empty.
fn warns(saying: ListSaying) -> bool {
    saying.warnings.length > 0 || saying.empty_reason.if_filled().is_some()
}

/// Every warning and every empty reason of every list is a notice of its own.
fn notice_lists(graph: &Graph<'_, '_>, lists: &[List], findings: &mut Findings) {
    let all = graph.all;
    for list in lists {
        let saying = list.saying(all);
        if !warns(saying) || !graph.counts(list.resource) {
            continue;
        }
        let area = list.purpose.area();
        let note: Vec<&str> = saying.notes.of(&all.texts).iter().map(|note| all.store.str(*note)).collect();
        let mut say = |severity, code: &str, text: Option<Words>, element| {
            findings.notices.push(Notice {
                resource: list.resource,
                entry: None,
                area,
                severity,
                code: Some(Cow::Owned(code.to_owned())),
                text,
                element,
                origin: Origin::Provider,
            });
        };
        let note = (!note.is_empty()).then(|| Words::Theirs(note.join("\n").into()));
        for warning in saying.warnings.of(&all.texts) {
            say(Severity::Warning, all.store.str(*warning), note.clone(), "extension");
        }
        let reason = concepts::code(all, saying.empty_reason).or(saying.empty_reason.text);
        if let Some(code) = all.store.get(reason) {
            let term = || all.store.get(concepts::term(all, saying.empty_reason));
            let term = || term().map(|term| Words::Theirs(term.into()));
            say(Severity::Information, code, note.or_else(term), "emptyReason");
        }
        notice_unknown_codes(graph, list, findings);
    }
}

fn notice_unknown_codes(graph: &Graph<'_, '_>, list: &List, findings: &mut Findings) {
    let all = graph.all;
    let saying = list.saying(all);
    for warning in saying.warnings.of(&all.texts) {
        if !is_one_of(all.store.str(*warning), &[CONFIDENTIAL, IN_TRANSIT, AWAITING_FILING]) {
            findings.notices.add(list.resource, NoticeCode::UnknownCode, "extension");
        }
    }
    let reason = all.store.str(concepts::code(all, saying.empty_reason));
    if !is_one_of(reason, &["", "no-content-recorded"]) {
        findings.notices.add(list.resource, NoticeCode::UnknownCode, "emptyReason");
    }
}

/// Whether a code is one of some, white space and case apart (`coding` sheet, section 8).
fn is_one_of(code: &str, known: &[&str]) -> bool {
    known.iter().any(|known| known.eq_ignore_ascii_case(code.trim()))
}

/// What an issue is worth; a word that is not known, a warning.
fn severity(store: &Store<'_>, issue: &OutcomeIssue) -> Severity {
    match store.word(issue.severity) {
        Word::Fatal | Word::Error => Severity::Error,
        Word::Information => Severity::Information,
        _ => Severity::Warning,
    }
}

fn notice_outcomes(graph: &Graph<'_, '_>, findings: &mut Findings) {
    let store = &graph.all.store;
    for issue in graph.all.issues.iter().filter(|issue| graph.counts(issue.resource)) {
        let area = denial(store.str(issue.text), store.str(issue.diagnostics)).map(|(area, _)| area);
        findings.notices.push(Notice {
            resource: issue.resource,
            entry: None,
            area,
            severity: severity(store, issue),
            code: store.get(issue.code.or(issue.kind)).map(|code| Cow::Owned(code.to_owned())),
            text: store.get(issue.text.or(issue.diagnostics)).map(|text| Words::Theirs(text.into())),
            element: "issue",
            origin: Origin::Provider,
        });
    }
}

fn columns(graph: &Graph<'_, '_>, rows: &[Row<'_>]) -> Batch {
    let mut columns = Columns::new(Table::Sections, rows.len(), graph.all);
    columns.count("entry_index", rows.iter().map(|row| row.entry));
    columns.words("area", rows.iter().map(|row| Some(row.area.as_str())));
    columns.flag("requested", rows.iter().map(|row| Some(row.requested)));
    columns.words("state", rows.iter().map(|row| Some(row.state.as_str())));
    columns.count("entries", rows.iter().map(|row| Some(row.entries)));
    columns.texts("warnings", rows.iter().map(|row| row.warnings.iter().copied()));
    columns.text("warning_text", rows.iter().map(|row| row.warning_text.as_deref()));
    columns.flag("incomplete", rows.iter().map(|row| Some(row.incomplete)));
    let before = rows.iter().map(|row| match &row.incomplete_before {
        Some((written, day)) => (Some(written.as_str()), Some((*day, *day))),
        None => (None, None),
    });
    columns.known_date("incomplete_before", before);
    Some(columns.finish())
}
