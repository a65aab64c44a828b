use std::collections::HashMap;

use super::escape::escape;
#[cfg(feature = "frames")]
use super::grid::wrapped;
use super::rows::Rows;
#[cfg(feature = "frames")]
use super::rows::in_words;

/// A consultation for a person: who and when, then its headings and items in the order in which they were
/// recorded, each below the one that it belongs to.
#[cfg(feature = "frames")]
pub(super) fn consultation(rows: Rows<'_>, width: u16) -> String {
    let mut text = String::from("\n");
    text.push_str(&wrapped("", &title(rows), width));
    let all: Vec<usize> = (0..rows.len()).collect();
    for (row, depth) in depths(rows, &all).into_iter().enumerate() {
        text.push_str(&wrapped(&"  ".repeat(depth), &node(rows, row), width));
    }
    text
}

/// What a node says: a heading its title; an item what was recorded, or what is known of it.
#[cfg(feature = "frames")]
fn node(rows: Rows<'_>, row: usize) -> String {
    let level = rows.text(row, "level").unwrap_or("item");
    if level != "item" {
        let title = rows.text(row, "title").filter(|title| !title.trim().is_empty());
        return escape(title.unwrap_or(level)).into_owned();
    }
    let kind = rows.text(row, "item_type").map_or("item", item_kind);
    let term = rows.text(row, "term").or(rows.text(row, "display"));
    let mut words = format!("- {}: {}", escape(kind), escape(term.unwrap_or(without_words(rows, row))));
    if let Some(detail) = rows.text(row, "detail").filter(|detail| !detail.trim().is_empty()) {
        words.push_str(&format!(", {}", escape(detail)));
    }
    if let Some(state) = rows.text(row, "availability").filter(|state| *state != "ok") {
        words.push_str(&format!(" ({})", escape(state)));
    }
    words
}

/// How deep each node of one consultation stands, from 0. A parent comes before its children, so that one pass is
/// enough; a node whose parent is not there stands at the top.
pub(super) fn depths(rows: Rows<'_>, of: &[usize]) -> Vec<usize> {
    let mut depth_of = HashMap::new();
    let mut depths = Vec::with_capacity(of.len());
    for row in of {
        let parent = rows.count(*row, "parent").and_then(|parent| depth_of.get(&parent));
        let depth = parent.map_or(0, |parent: &usize| parent + 1);
        if let Some(node) = rows.count(*row, "node") {
            depth_of.insert(node, depth);
        }
        depths.push(depth);
    }
    depths
}

/// Why an item has no words: it is in the practice's answer and not of a kind that the record keeps, or it is
/// not there.
pub(super) fn without_words(rows: Rows<'_>, row: usize) -> &'static str {
    match rows.text(row, "availability") {
        Some("ok") => "in the practice's answer; not of a kind that is shown here",
        _ => "not in the record as fetched",
    }
}

/// A FHIR type as a clinician says it.
pub(super) fn item_kind(resource_type: &str) -> &str {
    match resource_type {
        "MedicationStatement" | "MedicationRequest" => "medication",
        "AllergyIntolerance" => "allergy",
        "Condition" => "problem",
        "Observation" => "observation",
        "Immunization" => "immunisation",
        "ReferralRequest" => "referral",
        "ProcedureRequest" => "diary entry",
        "DiagnosticReport" => "investigation",
        other => other,
    }
}

/// When a consultation was, what it was, who held it and where: the row of `consultations`, in one line.
pub(super) fn header(rows: Rows<'_>, row: usize) -> String {
    let mut words =
        escape(&rows.date_in_words(row, "start").unwrap_or_else(|| "an unknown day".to_owned())).into_owned();
    let kind = rows.text(row, "type_term").or(rows.text(row, "type_text"));
    for part in [kind, rows.text(row, "clinician"), rows.text(row, "organisation")].into_iter().flatten() {
        words.push_str(", ");
        words.push_str(&escape(part));
    }
    if rows.flag(row, "draft") == Some(true) {
        words.push_str(", DRAFT");
    }
    words
}

#[cfg(feature = "frames")]
fn title(rows: Rows<'_>) -> String {
    let start = rows.text(0, "consultation_start").unwrap_or("an unknown day");
    let start = in_words(start.split_once('T').map_or(start, |(day, _)| day));
    let parts = ["consultation_type", "consultation_clinician", "consultation_organisation"];
    let parts = parts.iter().filter_map(|part| rows.text(0, part)).map(|part| format!(", {}", escape(part)));
    let draft = if rows.flag(0, "consultation_draft") == Some(true) { ", DRAFT" } else { "" };
    format!("Consultation of {}{}{draft}", escape(&start), parts.collect::<String>())
}
