use std::collections::HashMap;

use bedside_model::ClinicalArea;
use bedside_model::schema::Table;

use super::super::record::Record;
use super::super::rows::Rows;
use super::super::sections::Section;
use super::super::tree::{depths, header, item_kind, without_words};
use super::super::views;
use super::conclusion;
use super::markup::Html;

/// Every consultation as a tree of what was recorded in it, the latest first.
pub(super) fn section(html: &mut Html, record: &Record, sections: &[Section]) {
    let table = record.table(Table::Consultations);
    let rows = Rows(&table);
    html.raw("<section id=\"consultations\" aria-labelledby=\"consultations-title\">\n");
    html.raw("<h2 id=\"consultations-title\">Consultations</h2>\n");
    conclusion(html, sections, ClinicalArea::Consultations);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|row| std::cmp::Reverse(rows.day(*row, "start_from")));
    let nodes = record.table(Table::ConsultationNodes);
    let (nodes, items) = (Nodes::of(Rows(&nodes)), items(record));
    for row in order {
        consultation(html, (rows, row), &nodes, &items);
    }
    html.raw("</section>\n");
}

fn consultation(html: &mut Html, (rows, row): (Rows<'_>, usize), nodes: &Nodes<'_>, items: &Items) {
    let id = format!("consultation-{row}");
    // Open, so that nothing is hidden on the screen or on paper; whoever wants less closes it.
    html.open("details", &[("id", &id), ("open", "")]);
    html.inside("summary", &[], |html| {
        html.inside("h3", &[], |html| html.text(&header(rows, row)));
    });
    html.raw("\n");
    let of = rows.text(row, "consultation_id").and_then(|id| nodes.by_consultation.get(id));
    match of {
        Some(of) => tree(html, nodes, of, items),
        None => html.raw("<p>Nothing of what was recorded in it came with the record.</p>\n"),
    }
    html.close("details");
    html.raw("\n");
}

/// The nodes as nested lists. A node that is deeper than its parent opens one, a shallower one closes some.
fn tree(html: &mut Html, nodes: &Nodes<'_>, of: &[usize], items: &Items) {
    let mut open = 0;
    for row in of {
        let depth = nodes.depths[*row] + 1;
        while open > depth {
            html.raw("</li></ul>\n");
            open -= 1;
        }
        if open == depth {
            html.raw("</li>\n");
        }
        while open < depth {
            html.raw("<ul>\n");
            open += 1;
            if open < depth {
                html.raw("<li>");
            }
        }
        html.raw("<li>");
        node(html, nodes.rows, *row, items);
    }
    for _ in 0..open {
        html.raw("</li></ul>\n");
    }
}

fn node(html: &mut Html, rows: Rows<'_>, row: usize, items: &Items) {
    let level = rows.text(row, "level").unwrap_or("item");
    if level != "item" {
        let title = rows.text(row, "title").filter(|title| !title.trim().is_empty());
        html.element("span", &[("class", "heading")], title.unwrap_or(level));
        return;
    }
    let kind = rows.text(row, "item_type").unwrap_or("item");
    let known = rows.text(row, "item_id").and_then(|id| items.get(&(kind.to_owned(), id.to_owned())));
    let term = known.map(String::as_str).or(rows.text(row, "display"));
    html.element("span", &[("class", "kind")], item_kind(kind));
    html.text(" ");
    html.text(term.unwrap_or(without_words(rows, row)));
    if let Some(state) = rows.text(row, "availability").filter(|state| *state != "ok") {
        html.text(&format!(" ({state})"));
    }
}

/// The nodes of all consultations, and which are of which, in their order.
struct Nodes<'a> {
    rows: Rows<'a>,
    depths: Vec<usize>,
    by_consultation: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Nodes<'a> {
    fn of(rows: Rows<'a>) -> Self {
        let mut by_consultation: HashMap<&str, Vec<usize>> = HashMap::new();
        for row in 0..rows.len() {
            if let Some(id) = rows.text(row, "consultation_id") {
                by_consultation.entry(id).or_default().push(row);
            }
        }
        let mut all = vec![0; rows.len()];
        for of in by_consultation.values() {
            for (row, depth) in of.iter().zip(depths(rows, of)) {
                all[*row] = depth;
            }
        }
        Self { rows, depths: all, by_consultation }
    }
}

/// The words for each record that a node may name, by type and id.
type Items = HashMap<(String, String), String>;

fn items(record: &Record) -> Items {
    let mut items = Items::new();
    for (table, kind, id, concept, detail) in [
        (Table::MedicationIssues, "MedicationRequest", "issue_id", "medication", "dosage_text"),
        (Table::Medications, "MedicationRequest", "plan_id", "medication", "dosage_text"),
        (Table::Medications, "MedicationStatement", "medication_id", "medication", "dosage_text"),
        (Table::Allergies, "AllergyIntolerance", "allergy_id", "allergy", "reaction_term"),
        (Table::Problems, "Condition", "problem_id", "problem", "significance"),
    ] {
        let batch = record.table(table);
        let rows = Rows(&batch);
        for row in 0..rows.len() {
            let Some(id) = rows.text(row, id) else { continue };
            let detail = rows.text(row, detail).map(|detail| format!(", {detail}")).unwrap_or_default();
            let words = format!("{}{detail}", views::term(rows, row, concept));
            items.entry((kind.to_owned(), id.to_owned())).or_insert(words);
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::testing::record;
    use super::*;

    #[test]
    fn a_consultation_is_a_tree_and_the_latest_comes_first() {
        let node = |node: u32, parent: Option<u32>, level: &str, title: &str| json!({"consultation_id": "c1", "node": node, "parent": parent, "level": level, "title": title});
        let mut item = node(3, Some(2), "item", "");
        item["item_type"] = json!("MedicationRequest");
        item["item_id"] = json!("plan");
        let mut unknown = node(4, Some(1), "item", "");
        unknown["item_type"] = json!("Observation");
        unknown["availability"] = json!("unresolved");
        let consultation =
            |id: &str, day: &str| json!({"consultation_id": id, "start": day, "start_from": day});
        let record = record(&[
            (Table::Consultations, vec![consultation("c0", "2020-01-01"), consultation("c1", "2026-01-02")]),
            (
                Table::ConsultationNodes,
                vec![
                    node(0, None, "consultation", "Seen"),
                    node(1, Some(0), "topic", "Asthma"),
                    node(2, Some(1), "heading", "Plan"),
                    item,
                    unknown,
                ],
            ),
            (Table::Medications, vec![json!({"plan_id": "plan", "medication_term": "Salbutamol"})]),
        ]);
        let mut html = Html::new();
        section(&mut html, &record, &[]);
        let text = html.into_string();
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} not in {text}"));
        assert!(place("02-Jan-2026") < place("01-Jan-2020"));
        let plain: String =
            text.replace(['\n'], "").replace(" class=\"heading\"", "").replace(" class=\"kind\"", "");
        assert!(plain.contains(
            "<ul><li><span>Seen</span><ul><li><span>Asthma</span><ul><li><span>Plan</span><ul><li><span>medication</span> \
             Salbutamol</li></ul></li><li><span>observation</span> not in the record as fetched (unresolved)</li></ul>\
             </li></ul></li></ul>"
        ), "{plain}");
        assert!(text.contains("Nothing of what was recorded in it"));
    }
}
