//! Lists of medication, allergies and problems: which rows each shows, which it only counts, and what a reader
//! must be told about each row. Which rows are shown as current is said in [`bedside_model::reading`].

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use bedside_model::reading;

use super::escape::escape;
use super::grid::{words_table, wrapped};
use super::rows::Rows;

/// A list ready to be drawn: a row for each record shown, and a count for each kind that is not.
pub(super) struct Listing {
    pub(super) header: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
    pub(super) others: BTreeMap<String, usize>,
}

/// Medication that is shown as current; the others are counted by class.
pub(super) fn current_medications(medications: &RecordBatch, problems: &RecordBatch) -> Listing {
    let mut listing = medication_rows(medications, problems, |rows, row| {
        reading::is_shown_as_current(rows.text(row, "class"))
    });
    let rows = Rows(medications);
    for row in 0..rows.len() {
        let class = rows.text(row, "class");
        if !reading::is_shown_as_current(class) {
            listing.count(class.unwrap_or_default());
        }
    }
    listing
}

/// The medications that are wanted, with what they are for.
pub(super) fn medication_rows(
    medications: &RecordBatch,
    problems: &RecordBatch,
    wanted: impl Fn(Rows<'_>, usize) -> bool,
) -> Listing {
    let rows = Rows(medications);
    let indications = problem_terms(problems);
    let mut listing = Listing::new(&["Medication", "Dosage", "Type", "Last issue", "For", "Note"]);
    for row in (0..rows.len()).filter(|row| wanted(rows, *row)) {
        let class = rows.text(row, "class").unwrap_or("unknown");
        let reasons = rows.texts(row, "problem_ids");
        let reasons = reasons.iter().filter_map(|id| indications.get(id).copied()).collect::<Vec<_>>();
        listing.rows.push(vec![
            term(rows, row, "medication"),
            show(rows.text(row, "dosage_text")),
            medication_type(rows, row),
            last_issue(rows, row),
            show(Some(&reasons.join("; "))),
            medication_note(rows, row, class),
        ]);
    }
    listing
}

/// Every allergy that nothing says has ended, wherever it was found; the ended ones are counted.
pub(super) fn allergies(allergies: &RecordBatch) -> Listing {
    let is_possible =
        |rows: Rows<'_>, row: usize| reading::is_possible_allergy(rows.text(row, "derived_status"));
    let mut listing = allergy_rows(allergies, is_possible);
    let rows = Rows(allergies);
    (0..rows.len()).filter(|row| !is_possible(rows, *row)).for_each(|_| listing.count("ended"));
    listing
}

/// The allergies that are wanted.
pub(super) fn allergy_rows(allergies: &RecordBatch, wanted: impl Fn(Rows<'_>, usize) -> bool) -> Listing {
    let rows = Rows(allergies);
    let mut listing = Listing::new(&["Allergy", "Reaction", "Severity", "Criticality", "Since", "Note"]);
    for row in (0..rows.len()).filter(|row| wanted(rows, *row)) {
        let since = rows.date(row, "onset").or(rows.date(row, "asserted"));
        listing.rows.push(vec![
            term(rows, row, "allergy"),
            show(rows.text(row, "reaction_term")),
            show(rows.text(row, "reaction_severity")),
            show(rows.text(row, "criticality")),
            show(since),
            allergy_note(rows, row, rows.text(row, "derived_status").unwrap_or("unknown")),
        ]);
    }
    listing
}

/// Problems of the problem list that are not inactive; inactive ones and those that came only as context are
/// counted.
pub(super) fn problems(problems: &RecordBatch) -> Listing {
    let is_active = |rows: Rows<'_>, row: usize| {
        reading::is_active_problem(rows.text(row, "membership"), rows.text(row, "clinical_status"))
    };
    let mut listing = problem_rows(problems, is_active);
    let rows = Rows(problems);
    for row in (0..rows.len()).filter(|row| !is_active(rows, *row)) {
        let listed = rows.text(row, "membership") == Some(reading::PROBLEM_LISTED);
        listing.count(if listed { "inactive" } else { "context_only" });
    }
    listing
}

/// The problems that are wanted.
pub(super) fn problem_rows(problems: &RecordBatch, wanted: impl Fn(Rows<'_>, usize) -> bool) -> Listing {
    let rows = Rows(problems);
    let mut listing = Listing::new(&["Problem", "Significance", "Since", "Note"]);
    for row in (0..rows.len()).filter(|row| wanted(rows, *row)) {
        listing.rows.push(vec![
            term(rows, row, "problem"),
            show(rows.text(row, "significance")),
            show(rows.date(row, "onset").or(rows.date(row, "asserted"))),
            problem_note(rows, row),
        ]);
    }
    listing
}

impl Listing {
    fn new(header: &'static [&'static str]) -> Self {
        Self { header, rows: Vec::new(), others: BTreeMap::new() }
    }

    fn count(&mut self, kind: &str) {
        *self.others.entry(escape(kind).replace('_', " ")).or_default() += 1;
    }

    /// The rows as a table of words, and below it what is not shown.
    pub(super) fn text(&self, width: u16) -> String {
        let mut text = String::new();
        if !self.rows.is_empty() {
            text.push_str(&words_table(self.header, &self.rows, width));
        }
        let others = self.others();
        if !others.is_empty() {
            text.push_str(&wrapped("Not shown: ", &others, width));
        }
        text
    }

    /// What is in the record and not in the list, in words; empty where there is nothing.
    pub(super) fn others(&self) -> String {
        self.others.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
    }
}

fn problem_terms(problems: &RecordBatch) -> BTreeMap<String, &str> {
    let rows = Rows(problems);
    (0..rows.len())
        .filter_map(|row| {
            let id = rows.text(row, "problem_id")?;
            let term = rows.text(row, "problem_term").or_else(|| rows.text(row, "problem_text"))?;
            Some((id.to_owned(), term))
        })
        .collect()
}

/// What a clinician reads of a concept.
pub(super) fn term(rows: Rows<'_>, row: usize, concept: &str) -> String {
    let term =
        rows.text(row, &format!("{concept}_term")).or_else(|| rows.text(row, &format!("{concept}_text")));
    show(Some(term.unwrap_or("(without a name)")))
}

/// Text of a cell, which is one line: the end of a line is shown as a sign that nobody takes for a word.
fn show(text: Option<&str>) -> String {
    let lines = text.unwrap_or_default().lines().map(escape);
    lines.collect::<Vec<_>>().join(" ↵ ")
}

fn medication_type(rows: Rows<'_>, row: usize) -> String {
    let kind = rows.text(row, "prescription_type").unwrap_or("not stated");
    match rows.text(row, "prescribing_agency") {
        None | Some("prescribed-at-gp-practice") => show(Some(kind)),
        Some(agency) => {
            let agency = rows.text(row, "prescribing_agency_text").unwrap_or(agency);
            show(Some(&format!("{kind}, {agency}")))
        }
    }
}

/// The latest issue: over the whole therapy where a view says it, else as the GP system states it.
fn last_issue(rows: Rows<'_>, row: usize) -> String {
    match rows.day(row, "therapy_last_issue") {
        Some(day) => day.to_string(),
        None => show(Some(rows.date(row, "last_issue").unwrap_or("none recorded"))),
    }
}

fn medication_note(rows: Rows<'_>, row: usize, class: &str) -> String {
    let mut told = Vec::new();
    match class {
        "unissued" => told.push("NOT ISSUED: not to be taken as taken".to_owned()),
        "past_status_conflict" => told.push("active, but its end has passed".to_owned()),
        "unknown" => told.push("status unclear".to_owned()),
        _ => {}
    }
    if !reading::is_shown_as_current(Some(class)) {
        told.extend(end_note(rows, row));
    }
    if let Some(changed) = rows.date(row, "dosage_changed_on") {
        told.push(format!("dosage changed on {}", escape(changed)));
    }
    if let Some(instruction) = rows.text(row, "patient_instruction") {
        told.push(format!("to the patient: {}", show(Some(instruction))));
    }
    told.extend(common_notes(rows, row, "medication"));
    notes(told)
}

/// When and why something is over, as far as the record says it.
fn end_note(rows: Rows<'_>, row: usize) -> Vec<String> {
    let ended = rows.date(row, "status_changed").or(rows.date(row, "effective_end"));
    let ended = ended
        .map_or("ended on a day that is not recorded".to_owned(), |day| format!("ended {}", escape(day)));
    let started = rows.date(row, "effective_start").map(|day| format!("started {}", escape(day)));
    let reason = rows.text(row, "status_reason").map(|reason| escape(reason).into_owned());
    started.into_iter().chain([ended]).chain(reason).collect()
}

fn allergy_note(rows: Rows<'_>, row: usize, status: &str) -> String {
    let mut told = Vec::new();
    match status {
        "active" => {}
        "conflict" => told.push("POSSIBLY ENDED: the record contradicts itself".to_owned()),
        "no_known_allergy" => told.push("asserted by the practice on the day given".to_owned()),
        other => told.push(escape(other).into_owned()),
    }
    if rows.text(row, "membership") == Some("linked") {
        told.push("known only from a consultation or problem".to_owned());
    }
    told.extend(rows.texts(row, "notes").iter().map(|note| show(Some(note))));
    told.extend(common_notes(rows, row, "allergy"));
    notes(told)
}

/// Notes of a problem and what qualifies it.
pub(super) fn problem_note(rows: Rows<'_>, row: usize) -> String {
    let mut told: Vec<String> = rows.texts(row, "notes").iter().map(|note| show(Some(note))).collect();
    told.extend(common_notes(rows, row, "problem"));
    notes(told)
}

/// What holds for every kind of record: a degraded code and the named contradictions.
fn common_notes(rows: Rows<'_>, row: usize, concept: &str) -> Vec<String> {
    let mut told = Vec::new();
    match rows.text(row, &format!("{concept}_degraded")) {
        None => {}
        Some("drug_allergy") => {
            told.push("CODE LOST IN TRANSFER: prescribing checks cannot see this drug allergy".to_owned());
        }
        Some(_) => told.push("code lost in transfer: the text alone tells what it is".to_owned()),
    }
    // Told in words already, by the class.
    let flags = rows.texts(row, "flags").into_iter().filter(|flag| flag != "unissued");
    told.extend(flags.map(|flag| escape(&flag).replace('_', " ")));
    told
}

fn notes(told: Vec<String>) -> String {
    told.join("; ")
}
