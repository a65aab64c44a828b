//! Lists of medication, allergies and problems: which rows each shows, which it only counts, and what a reader
//! must be told about each row. Which rows are shown as current is said in [`bedside_model::reading`].

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use bedside_model::reading;

use super::escape::escape;
use super::grid::{records, wrapped};
use super::rows::{Rows, in_words};

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
    let all = 0..rows.len();
    medication_list(rows, problems, all.filter(|row| wanted(rows, *row)))
}

/// Those medications, in that order, with what they are for.
pub(super) fn medication_list(
    rows: Rows<'_>,
    problems: &RecordBatch,
    chosen: impl Iterator<Item = usize>,
) -> Listing {
    let indications = problem_terms(problems);
    let mut listing = Listing::new(&["Medication", "Dosage", "Type", "Last issue", "For", "Note"]);
    for row in chosen {
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
        let since = rows.date_in_words(row, "onset").or(rows.date_in_words(row, "asserted"));
        let (reactions, severities) = reactions(rows, row);
        listing.rows.push(vec![
            term(rows, row, "allergy"),
            show(Some(&reactions)),
            show(Some(&severities)),
            show(rows.text(row, "criticality")),
            show(since.as_deref()),
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
            show(rows.date_in_words(row, "onset").or(rows.date_in_words(row, "asserted")).as_deref()),
            problem_note(rows, row),
        ]);
    }
    listing
}

impl Listing {
    fn new(header: &'static [&'static str]) -> Self {
        Self { header, rows: Vec::new(), others: BTreeMap::new() }
    }

    pub(super) fn count(&mut self, kind: &str) {
        *self.others.entry(escape(kind).replace('_', " ")).or_default() += 1;
    }

    /// The rows as a table of words, and below it what is not shown.
    pub(super) fn text(&self, width: u16) -> String {
        let mut text = String::new();
        if !self.rows.is_empty() {
            text.push_str(&records(self.header, &self.rows, width));
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
        Some(day) => in_words(&day.to_string()),
        None => show(Some(rows.date_in_words(row, "last_issue").as_deref().unwrap_or("none recorded"))),
    }
}

fn medication_note(rows: Rows<'_>, row: usize, class: &str) -> String {
    let mut told = Vec::new();
    match class {
        "unissued" => told.push("NOT ISSUED: not to be taken as taken".to_owned()),
        "past_status_conflict" => told.push("active, but its end has passed".to_owned()),
        "unknown" => told.push("status unclear".to_owned()),
        "future" => told.push("NOT BEGUN".to_owned()),
        "past" | "stopped" => told.extend(end_note(rows, row)),
        _ => {}
    }
    if class == "future" {
        told.extend(rows.date_in_words(row, "effective_start").map(|day| format!("starts {}", escape(&day))));
    }
    if let Some(changed) = rows.date_in_words(row, "dosage_changed_on") {
        told.push(format!("dosage changed on {}", escape(&changed)));
    }
    if let Some(instruction) = rows.text(row, "patient_instruction") {
        told.push(format!("to the patient: {}", show(Some(instruction))));
    }
    told.extend(new_notes(&rows.texts(row, "notes")));
    told.extend(common_notes(rows, row, "medication"));
    told.extend(supply(rows, row));
    notes(told)
}

/// When and why something is over, as far as the record says it.
fn end_note(rows: Rows<'_>, row: usize) -> Vec<String> {
    let ended = rows.date_in_words(row, "status_changed").or(rows.date_in_words(row, "effective_end"));
    let ended = ended
        .map_or("ended on a day that is not recorded".to_owned(), |day| format!("ended {}", escape(&day)));
    let started = rows.date_in_words(row, "effective_start").map(|day| format!("started {}", escape(&day)));
    let reason = rows.text(row, "status_reason").map(|reason| escape(reason).into_owned());
    started.into_iter().chain([ended]).chain(reason).collect()
}

/// Notes, without those that another says, too: systems send one beside the same under a heading.
fn new_notes(notes: &[String]) -> Vec<String> {
    let says = |(other, said): (usize, &String), (index, note): (usize, &String)| {
        other != index && said.contains(note) && (said != note || other < index)
    };
    let all = || notes.iter().enumerate();
    all()
        .filter(|note| !all().any(|other| says(other, *note)))
        .map(|(_, note)| show(Some(note.trim())))
        .collect()
}

/// How much is authorised, how often and until when, as sent (`admission-use-case` sheet, section 3, and
/// `medications` sheet, section 6).
fn supply(rows: Rows<'_>, row: usize) -> Vec<String> {
    let text = |column| rows.text(row, column);
    let quantity = match (text("quantity_value"), text("quantity_unit").or(text("quantity_text"))) {
        (Some(value), Some(unit)) => Some(format!("quantity {value} {unit}")),
        (Some(only), None) => Some(format!("quantity {only}")),
        (None, _) => text("quantity_text").map(|words| format!("quantity {words}")),
    };
    let issued = rows.count(row, "repeats_issued").map(|issued| match rows.count(row, "repeats_allowed") {
        Some(allowed) => format!("issued {issued} of {allowed}"),
        None => format!("issued {issued}"),
    });
    let until = rows.date_in_words(row, "authorisation_expiry").map(|day| format!("authorised until {day}"));
    [quantity, issued, until].into_iter().flatten().map(|words| show(Some(&words))).collect()
}

/// Every reaction of an allergy, and how severe: one that is not the first may be the one that kills.
fn reactions(rows: Rows<'_>, row: usize) -> (String, String) {
    let all = rows.structs(row, "reactions").filter(|all| all.num_rows() > 0);
    let Some(all) = all else {
        let of = |column| rows.text(row, column).unwrap_or_default().to_owned();
        return (of("reaction_term"), of("reaction_severity"));
    };
    let all = Rows(&all);
    let (mut told, mut severities) = (Vec::new(), Vec::new());
    for reaction in 0..all.len() {
        let (term, words) = (all.text(reaction, "manifestation_term"), all.text(reaction, "description"));
        let words = words.filter(|words| term.is_none_or(|term| !term.contains(words)));
        let mut said: Vec<&str> = [term, words].into_iter().flatten().collect();
        let severity = all.text(reaction, "severity");
        if let Some(severity) = severity.filter(|severity| !severities.contains(severity)) {
            severities.push(severity);
        }
        // Of several it must be clear which is severe.
        if all.len() > 1 && !said.is_empty() {
            said.extend(severity);
        }
        let said = said.join(", ");
        if !said.is_empty() && !told.contains(&said) {
            told.push(said);
        }
    }
    (told.join("; "), severities.join("; "))
}

fn allergy_note(rows: Rows<'_>, row: usize, status: &str) -> String {
    let mut told = Vec::new();
    match status {
        "active" => {}
        "conflict" => told.push("POSSIBLY ENDED: the record contradicts itself".to_owned()),
        "no_known_allergy" => told.push("asserted by the practice on the day given".to_owned()),
        "ended" => told.push(allergy_end(rows, row)),
        other => told.push(escape(other).into_owned()),
    }
    if rows.text(row, "membership") == Some("linked") {
        told.push("known only from a consultation or problem".to_owned());
    }
    told.extend(rows.texts(row, "notes").iter().map(|note| show(Some(note))));
    told.extend(common_notes(rows, row, "allergy"));
    notes(told)
}

/// When and why an allergy ended, as far as the record says it.
fn allergy_end(rows: Rows<'_>, row: usize) -> String {
    let day = rows.date_in_words(row, "ended").map(|day| format!(" {}", escape(&day)));
    let reason = rows.text(row, "ended_reason").map(|reason| format!(": {}", show(Some(reason))));
    format!("ended{}{}", day.unwrap_or_default(), reason.unwrap_or_default())
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

#[cfg(test)]
mod tests {
    use bedside_model::schema::Table;
    use serde_json::{Value, json};

    use super::super::testing::batch;
    use super::*;

    fn medication(row: Value) -> Vec<String> {
        let listing =
            medication_rows(&batch(Table::Medications, &[row]), &batch(Table::Problems, &[]), |_, _| true);
        listing.rows.into_iter().next().expect("a row")
    }

    fn allergy(row: Value) -> Vec<String> {
        let listing = allergy_rows(&batch(Table::Allergies, &[row]), |_, _| true);
        listing.rows.into_iter().next().expect("a row")
    }

    #[test]
    fn what_a_prescriber_noted_is_shown_and_said_once() {
        let note = medication(json!({"medication_term": "Clarithromycin", "class": "current",
            "notes": ["Prescriber Notes: hospital only", "hospital only", "hospital only", "stop if rash"]}));
        assert_eq!(note[5], "Prescriber Notes: hospital only; stop if rash");
    }

    #[test]
    fn quantity_issues_and_expiry_are_told_as_sent() {
        for (row, told) in [
            (json!({"quantity_value": "28", "quantity_unit": "tablet"}), "quantity 28 tablet"),
            (
                json!({"quantity_value": "1", "quantity_text": "pack of 40 gram(s)"}),
                "quantity 1 pack of 40 gram(s)",
            ),
            (json!({"quantity_text": "1 op"}), "quantity 1 op"),
            (json!({"repeats_issued": 1}), "issued 1"),
            (json!({"repeats_issued": 2, "repeats_allowed": 7}), "issued 2 of 7"),
            (
                json!({"authorisation_expiry": "2020-07-28", "authorisation_expiry_from": "2020-07-28"}),
                "authorised until 28-Jul-2020",
            ),
        ] {
            let mut row = row;
            row["class"] = json!("current");
            assert_eq!(medication(row)[5], told);
        }
    }

    #[test]
    fn what_has_not_begun_has_not_ended() {
        let row =
            json!({"class": "future", "effective_start": "2027-04-01", "effective_start_from": "2027-04-01"});
        assert_eq!(medication(row)[5], "NOT BEGUN; starts 01-Apr-2027");
    }

    #[test]
    fn every_reaction_is_shown_with_its_own_severity() {
        let reaction = |term: Option<&str>, words: Option<&str>, severity: Option<&str>| json!({"manifestation_term": term, "description": words, "severity": severity});
        let rash = reaction(Some("Rash"), None, Some("mild"));
        let shock = reaction(Some("Anaphylaxis"), Some("collapsed at home"), Some("severe"));
        let row = json!({"derived_status": "active", "reaction_term": "Rash", "reaction_severity": "mild",
            "reactions": [rash, shock]});
        let cells = allergy(row);
        assert_eq!(cells[1..3], ["Rash, mild; Anaphylaxis, collapsed at home, severe", "mild; severe"]);
        let alone = allergy(json!({"reactions": [reaction(None, Some("wheals"), Some("mild"))]}));
        assert_eq!(alone[1..3], ["wheals", "mild"]);
    }

    #[test]
    fn an_allergy_that_ended_says_when_and_why() {
        let row = json!({"derived_status": "ended", "ended": "2011-09-02T00:00:00+01:00", "ended_from": "2011-09-02",
            "ended_reason": "Disproved by challenge", "notes": ["after antibiotics"]});
        assert_eq!(allergy(row)[5], "ended 02-Sep-2011: Disproved by challenge; after antibiotics");
        assert_eq!(allergy(json!({"derived_status": "ended"}))[5], "ended");
    }
}
