use std::collections::BTreeMap;

use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, reading};

use super::super::record::Record;
use super::super::rows::Rows;
use super::super::sections::Section;
use super::super::views;
use super::markup::Html;
use super::{breaking, conclusion};

/// Problems that are shown, each with what the record links to it.
pub(super) fn section(html: &mut Html, record: &Record, sections: &[Section]) {
    let table = record.table(Table::Problems);
    let rows = Rows(&table);
    html.raw("<section id=\"problems\" aria-labelledby=\"problems-title\">\n");
    html.raw("<h2 id=\"problems-title\">Problems</h2>\n");
    conclusion(html, sections, ClinicalArea::Problems);
    let is_active = |row: usize| {
        reading::is_active_problem(rows.text(row, "membership"), rows.text(row, "clinical_status"))
    };
    let (active, others): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(|row| is_active(*row));
    let linked = Linked::of(record, rows);
    // Major ones first; a problem stays in its place among those of its significance.
    let (major, minor): (Vec<usize>, Vec<usize>) =
        active.into_iter().partition(|row| rows.text(*row, "significance") == Some("major"));
    let active: Vec<usize> = major.into_iter().chain(minor).collect();
    list(html, "Active problems", (rows, &active), &linked);
    if !others.is_empty() {
        list(html, "Problems that are inactive or came only as context", (rows, &others), &linked);
    }
    html.raw("</section>\n");
}

fn list(html: &mut Html, title: &str, (rows, shown): (Rows<'_>, &[usize]), linked: &Linked) {
    html.raw("<table class=\"records\">\n");
    html.element("caption", &[], &format!("{title}: {} shown", shown.len()));
    html.raw("\n");
    if !shown.is_empty() {
        html.raw("<thead><tr><th scope=\"col\">Problem</th><th scope=\"col\">Significance</th>");
        html.raw("<th scope=\"col\">Since</th><th scope=\"col\">Until</th><th scope=\"col\">Note</th>");
        html.raw("<th scope=\"col\">Linked to it</th></tr></thead>\n<tbody>\n");
        for row in shown {
            problem(html, rows, *row, linked);
        }
        html.raw("</tbody>\n");
    }
    html.raw("</table>\n");
}

fn problem(html: &mut Html, rows: Rows<'_>, row: usize, linked: &Linked) {
    let id = format!("problem-{row}");
    html.open("tr", &[("id", &id)]);
    let (term, note) = (views::term(rows, row, "problem"), views::problem_note(rows, row));
    html.element("th", &[("scope", "row"), ("class", breaking(&term))], &term);
    let since = rows.date_in_words(row, "onset").or(rows.date_in_words(row, "asserted"));
    let until = rows.date_in_words(row, "abatement");
    html.element("td", &[("data-label", "Significance")], rows.text(row, "significance").unwrap_or_default());
    html.element("td", &[("data-label", "Since"), ("class", "date")], &since.unwrap_or_default());
    html.element("td", &[("data-label", "Until"), ("class", "date")], &until.unwrap_or_default());
    html.element("td", &[("data-label", "Note"), ("class", breaking(&note))], &note);
    html.raw("<td data-label=\"Linked to it\">");
    let links = linked.to(rows, row);
    if !links.is_empty() {
        html.raw("<ul>");
        for (words, target) in links {
            html.inside("li", &[], |html| match &target {
                Some(target) => html.element("a", &[("href", target)], &words),
                None => html.text(&words),
            });
        }
        html.raw("</ul>");
    }
    html.raw("</td></tr>\n");
}

/// What points at each problem, in words, and where on the page it is.
struct Linked {
    by_problem: BTreeMap<String, Vec<(String, Option<String>)>>,
    problems: BTreeMap<String, usize>,
}

impl Linked {
    fn of(record: &Record, problems: Rows<'_>) -> Self {
        let mut linked = Self { by_problem: BTreeMap::new(), problems: BTreeMap::new() };
        for row in 0..problems.len() {
            if let Some(id) = problems.text(row, "problem_id") {
                linked.problems.entry(id.to_owned()).or_insert(row);
            }
        }
        linked.add(&record.table(Table::Medications), |rows, row| {
            (format!("Medication: {}", views::term(rows, row, "medication")), None)
        });
        linked.add(&record.table(Table::Allergies), |rows, row| {
            (format!("Allergy: {}", views::term(rows, row, "allergy")), None)
        });
        linked.add(&record.table(Table::Consultations), |rows, row| {
            let day = rows.date_in_words(row, "start").unwrap_or_else(|| "an unknown day".to_owned());
            (format!("Consultation of {day}"), Some(format!("#consultation-{row}")))
        });
        linked
    }

    fn add(
        &mut self,
        table: &arrow_array::RecordBatch,
        words: impl Fn(Rows<'_>, usize) -> (String, Option<String>),
    ) {
        let rows = Rows(table);
        for row in 0..rows.len() {
            for problem in rows.texts(row, "problem_ids") {
                let links = self.by_problem.entry(problem).or_default();
                let link = words(rows, row);
                if !links.contains(&link) {
                    links.push(link);
                }
            }
        }
    }

    /// Other problems first, then what points at this one.
    fn to(&self, rows: Rows<'_>, row: usize) -> Vec<(String, Option<String>)> {
        let mut links = Vec::new();
        for (column, relation) in
            [("parent_ids", "Part of"), ("child_ids", "Has as part"), ("sibling_ids", "Beside")]
        {
            for id in rows.texts(row, column) {
                links.push(match self.problems.get(&id) {
                    Some(other) => {
                        let term = views::term(rows, *other, "problem");
                        (format!("{relation}: {term}"), Some(format!("#problem-{other}")))
                    }
                    None => (format!("{relation}: a problem that is not in the record as fetched"), None),
                });
            }
        }
        let pointing = rows.text(row, "problem_id").and_then(|id| self.by_problem.get(id));
        links.extend(pointing.into_iter().flatten().cloned());
        links
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::testing::record;
    use super::*;

    #[test]
    fn a_problem_has_what_is_linked_to_it() {
        let problem = |id: &str, term: &str, significance: &str, parents: &[&str]| {
            json!({"problem_id": id, "problem_term": term, "membership": "primary", "clinical_status": "active",
                "significance": significance, "parent_ids": parents})
        };
        let record = record(&[
            (
                Table::Problems,
                vec![
                    problem("p1", "Cough", "minor", &["p2", "absent"]),
                    problem("p2", "Asthma", "major", &[]),
                    json!({"problem_id": "p3", "problem_term": "Old", "membership": "primary", "clinical_status": "inactive"}),
                ],
            ),
            (Table::Medications, vec![json!({"medication_term": "Salbutamol", "problem_ids": ["p2"]})]),
            (
                Table::Consultations,
                vec![json!({"start": "2025-12-01", "start_from": "2025-12-01", "problem_ids": ["p2"]})],
            ),
        ]);
        let mut html = Html::new();
        section(&mut html, &record, &[]);
        let text = html.into_string();
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} not in {text}"));
        assert!(place(">Asthma</th>") < place(">Cough</th>"), "major first");
        assert!(
            place("Medication: Salbutamol")
                < place("<a href=\"#consultation-0\">Consultation of 01-Dec-2025")
        );
        assert!(
            place("<a href=\"#problem-1\">Part of: Asthma</a>")
                < place("a problem that is not in the record")
        );
        assert!(place("Active problems: 2 shown") < place("came only as context: 1 shown"));
    }
}
