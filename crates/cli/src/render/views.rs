//! The three lists of the summary: which rows each shows, which it only counts, and what a reader must be
//! told about each row.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;

use super::escape::escape;
use super::rows::Rows;

/// A list ready to be drawn: a row for each record shown, and a count for each kind that is not.
pub(super) struct Listing {
    pub(super) header: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
    pub(super) others: BTreeMap<String, usize>,
}

/// Medication that a reader must reckon with now (`medications` sheet, section 10): the current classes, what
/// was never issued, what contradicts itself, and what could not be classed.
pub(super) fn current_medications(medications: &RecordBatch, problems: &RecordBatch) -> Listing {
    const SHOWN: [&str; 5] = ["current", "current_acute", "unissued", "past_status_conflict", "unknown"];
    let rows = Rows(medications);
    let indications = problem_terms(problems);
    let mut listing = Listing::new(&["Medication", "Dosage", "Type", "Last issue", "For", "Note"]);
    for row in 0..rows.len() {
        let class = rows.text(row, "class").unwrap_or("unknown");
        if !SHOWN.contains(&class) {
            listing.count(class);
            continue;
        }
        let issued = rows.date(row, "last_issue").unwrap_or("none recorded");
        let reasons = rows.texts(row, "problem_ids");
        let reasons = reasons.iter().filter_map(|id| indications.get(id).copied()).collect::<Vec<_>>();
        listing.rows.push(vec![
            term(rows, row, "medication"),
            show(rows.text(row, "dosage_text")),
            medication_type(rows, row),
            show(Some(issued)),
            show(Some(&reasons.join("; "))),
            medication_note(rows, row, class),
        ]);
    }
    listing
}

/// Every allergy that nothing says has ended, wherever it was found; the ended ones are counted.
pub(super) fn allergies(allergies: &RecordBatch) -> Listing {
    let rows = Rows(allergies);
    let mut listing = Listing::new(&["Allergy", "Reaction", "Severity", "Criticality", "Since", "Note"]);
    for row in 0..rows.len() {
        let status = rows.text(row, "derived_status").unwrap_or("unknown");
        if status == "ended" {
            listing.count("ended");
            continue;
        }
        let since = rows.date(row, "onset").or(rows.date(row, "asserted"));
        listing.rows.push(vec![
            term(rows, row, "allergy"),
            show(rows.text(row, "reaction_term")),
            show(rows.text(row, "reaction_severity")),
            show(rows.text(row, "criticality")),
            show(since),
            allergy_note(rows, row, status),
        ]);
    }
    listing
}

/// Problems of the problem list that are not inactive; inactive ones and those that came only as context are
/// counted.
pub(super) fn problems(problems: &RecordBatch) -> Listing {
    let rows = Rows(problems);
    let mut listing = Listing::new(&["Problem", "Significance", "Since", "Note"]);
    for row in 0..rows.len() {
        if rows.text(row, "membership") != Some("primary") {
            listing.count("context_only");
        } else if rows.text(row, "clinical_status") == Some("inactive") {
            listing.count("inactive");
        } else {
            listing.rows.push(vec![
                term(rows, row, "problem"),
                show(rows.text(row, "significance")),
                show(rows.date(row, "onset").or(rows.date(row, "asserted"))),
                notes(common_notes(rows, row, "problem")),
            ]);
        }
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

fn term(rows: Rows<'_>, row: usize, concept: &str) -> String {
    let term =
        rows.text(row, &format!("{concept}_term")).or_else(|| rows.text(row, &format!("{concept}_text")));
    show(Some(term.unwrap_or("(without a name)")))
}

fn show(text: Option<&str>) -> String {
    text.map(|text| escape(text).into_owned()).unwrap_or_default()
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

fn medication_note(rows: Rows<'_>, row: usize, class: &str) -> String {
    let mut told = Vec::new();
    match class {
        "unissued" => told.push("NOT ISSUED: not to be taken as taken".to_owned()),
        "past_status_conflict" => told.push("active, but its end has passed".to_owned()),
        "unknown" => told.push("status unclear".to_owned()),
        _ => {}
    }
    if let Some(changed) = rows.date(row, "dosage_changed_on") {
        told.push(format!("dosage changed on {}", escape(changed)));
    }
    if let Some(instruction) = rows.text(row, "patient_instruction") {
        told.push(format!("to the patient: {}", escape(instruction)));
    }
    told.extend(common_notes(rows, row, "medication"));
    notes(told)
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
    told.extend(rows.texts(row, "notes").iter().map(|note| escape(note).into_owned()));
    told.extend(common_notes(rows, row, "allergy"));
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
