//! Medication over time: a row for each authorisation, a bar for its period, a tick for each issue. What a bar
//! shows is said in words, too, for whoever does not see it.

use std::collections::BTreeMap;

use bedside_model::schema::Table;
use bedside_model::{Day, day_interval, reading};

use super::super::record::Record;
use super::super::rows::{Rows, in_words};
use super::super::views;
use super::markup::Html;

/// Years that are drawn before the day of retrieval.
const YEARS: u32 = 5;
/// Width of the drawing in its own units.
const WIDTH: f64 = 1000.0;

/// The figure; none where no authorisation falls into the years that are drawn.
pub(super) fn figure(html: &mut Html, record: &Record) {
    let (medications, issues) = (record.table(Table::Medications), record.table(Table::MedicationIssues));
    let Some(today) = retrieval_day(record, Rows(&issues), Rows(&medications)) else { return };
    let issues = by_plan(Rows(&issues));
    let mut bars: Vec<Bar> =
        (0..medications.num_rows()).map(|row| Bar::read(Rows(&medications), row, &issues)).collect();
    let from = today.months_before(12 * YEARS);
    let (drawn, older): (Vec<_>, Vec<_>) = bars.drain(..).partition(|bar| bar.touches(from));
    if drawn.is_empty() {
        return;
    }
    let latest = drawn.iter().flat_map(|bar| bar.issues.iter().map(|issue| issue.day)).max();
    // A little room beyond the last day, so that the line of the day of retrieval is seen.
    let span = Span { from, today, to: Day(latest.unwrap_or(today).max(today).0 + 30) };
    html.raw("<h3>Medication over time</h3>\n");
    html.element(
        "p",
        &[("class", "legend")],
        "A bar is the period of an authorisation, filled while it is current, with an arrow where it has no end or \
         began before the years that are drawn; a tick is an issue, a cross a cancelled one; the line is the day of \
         retrieval.",
    );
    html.raw("\n<table class=\"timeline\">\n<thead><tr><th scope=\"col\">Medication</th><td>");
    axis(html, &span);
    html.raw("</td></tr></thead>\n<tbody>\n");
    let (current, over): (Vec<_>, Vec<_>) = drawn.iter().partition(|bar| bar.current);
    for bar in current.into_iter().chain(over) {
        bar.draw(html, &span);
    }
    html.raw("</tbody>\n</table>\n");
    if !older.is_empty() {
        let from = in_words(&from.to_string());
        let told = format!("Not drawn, over before {from} or without a date: {}.", older.len());
        html.element("p", &[("class", "others")], &told);
        html.raw("\n");
    }
}

/// The days that are drawn.
struct Span {
    from: Day,
    today: Day,
    to: Day,
}

impl Span {
    /// Where a day stands, from 0 to the width; what lies outside stands at the edge.
    fn at(&self, day: Day) -> f64 {
        let (whole, part) = (f64::from(self.to.0 - self.from.0).max(1.0), f64::from(day.0 - self.from.0));
        (part / whole).clamp(0.0, 1.0) * WIDTH
    }
}

/// One authorisation.
struct Bar {
    name: String,
    current: bool,
    start: Option<Day>,
    end: Option<Day>,
    issues: Vec<Issue>,
}

#[derive(Clone, Copy)]
struct Issue {
    day: Day,
    cancelled: bool,
}

impl Bar {
    fn read(rows: Rows<'_>, row: usize, issues: &BTreeMap<&str, Vec<Issue>>) -> Self {
        let issues = rows.text(row, "plan_id").and_then(|plan| issues.get(plan)).cloned().unwrap_or_default();
        Self {
            name: views::term(rows, row, "medication"),
            current: reading::is_shown_as_current(rows.text(row, "class")),
            start: rows.day(row, "effective_start_from"),
            end: rows.day(row, "effective_end_to"),
            issues,
        }
    }

    /// Whether anything of it falls on or after that day.
    fn touches(&self, from: Day) -> bool {
        let last_issue = self.issues.iter().map(|issue| issue.day).max();
        match self.end.max(last_issue) {
            _ if self.current => true,
            Some(last) => last >= from,
            None => self.start.is_some_and(|start| start >= from),
        }
    }

    fn draw(&self, html: &mut Html, span: &Span) {
        html.inside("tr", &[], |html| {
            html.element("th", &[("scope", "row")], &self.name);
            html.raw("<td>");
            let size = format!("0 0 {WIDTH} 24");
            let about = self.in_words();
            let attributes = [
                ("viewBox", &*size),
                ("preserveAspectRatio", "none"),
                ("role", "img"),
                ("aria-label", &about),
            ];
            html.inside("svg", &attributes, |html| self.shapes(html, span));
            html.raw("</td>");
        });
        html.raw("\n");
    }

    fn shapes(&self, html: &mut Html, span: &Span) {
        let now = number(span.at(span.today));
        html.empty("line", &[("class", "today"), ("x1", &now), ("x2", &now), ("y1", "0"), ("y2", "24")]);
        if let Some(start) = self.start {
            // What is over and has no end is drawn as its start alone: nobody knows how long it was.
            let end = self.end.or(self.current.then_some(span.to)).unwrap_or(start);
            let (left, right) = (span.at(start), span.at(end));
            let class = if self.current { "bar current" } else { "bar over" };
            let width = number((right - left).max(3.0));
            let bar =
                [("class", class), ("x", &*number(left)), ("y", "8"), ("width", &*width), ("height", "10")];
            html.empty("rect", &bar);
            if self.current && self.end.is_none() {
                html.empty("path", &[("class", "open"), ("d", "M992 4 L1000 13 L992 22 Z")]);
            }
            if start < span.from {
                html.empty("path", &[("class", "open"), ("d", "M8 4 L0 13 L8 22 Z")]);
            }
        }
        // One from before the years that are drawn has no place in them.
        for issue in self.issues.iter().filter(|issue| issue.day >= span.from) {
            let x = span.at(issue.day);
            if issue.cancelled {
                let (left, right) = (x - 4.0, x + 4.0);
                let cross = format!("M{left:.1} 3 L{right:.1} 23 M{right:.1} 3 L{left:.1} 23");
                html.empty("path", &[("class", "cancelled"), ("d", &cross)]);
            } else {
                let x = number(x);
                html.empty("line", &[("class", "issue"), ("x1", &x), ("x2", &x), ("y1", "2"), ("y2", "24")]);
            }
        }
    }

    fn in_words(&self) -> String {
        let day =
            |day: Option<Day>, none: &str| day.map_or(none.to_owned(), |day| in_words(&day.to_string()));
        let made = self.issues.iter().filter(|issue| !issue.cancelled);
        let (count, last) = (made.clone().count(), made.map(|issue| issue.day).max());
        let cancelled = self.issues.len() - count;
        let mut words = format!(
            "{}, from {} to {}; {count} issues, the last {}",
            if self.current { "current" } else { "over" },
            day(self.start, "an unknown day"),
            day(self.end, if self.current { "no end" } else { "an unknown day" }),
            day(last, "none"),
        );
        if cancelled > 0 {
            words.push_str(&format!("; {cancelled} cancelled"));
        }
        words
    }
}

/// The first of January of each year, as a label above its place.
fn axis(html: &mut Html, span: &Span) {
    html.inside("div", &[("class", "axis"), ("aria-hidden", "true")], |html| {
        let (first, last) = (span.from.civil().0 + 1, span.to.civil().0);
        for (year, day) in (first..=last).filter_map(|year| Some((year, Day::new(year, 1, 1)?))) {
            let place = format!("left: {:.2}%", span.at(day) / WIDTH * 100.0);
            html.element("span", &[("style", &place)], &year.to_string());
        }
    });
}

fn by_plan(rows: Rows<'_>) -> BTreeMap<&str, Vec<Issue>> {
    let mut issues: BTreeMap<&str, Vec<Issue>> = BTreeMap::new();
    for row in 0..rows.len() {
        if let (Some(plan), Some(day)) = (rows.text(row, "plan_id"), rows.day(row, "issued_from")) {
            let cancelled = rows.text(row, "status") == Some("stopped");
            issues.entry(plan).or_default().push(Issue { day, cancelled });
        }
    }
    issues
}

/// The day of retrieval; for a record that was read from a file the last day that it speaks of.
pub(super) fn retrieval_day(record: &Record, issues: Rows<'_>, medications: Rows<'_>) -> Option<Day> {
    let retrieved = record.manifest().retrieved_at.as_deref();
    let day = retrieved.and_then(|at| at.split('T').next()).and_then(day_interval).map(|(day, _)| day);
    day.or_else(|| {
        let issued = (0..issues.len()).filter_map(|row| issues.day(row, "issued_to"));
        let started = (0..medications.len()).filter_map(|row| medications.day(row, "effective_start_from"));
        issued.chain(started).max()
    })
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::testing::record;
    use super::*;

    fn drawn(medications: Vec<Value>, issues: Vec<Value>) -> String {
        let mut html = Html::new();
        figure(&mut html, &record(&[(Table::Medications, medications), (Table::MedicationIssues, issues)]));
        html.into_string()
    }

    #[test]
    fn an_authorisation_is_told_in_words_with_its_issues() {
        let issue = |day: &str, status: &str| json!({"plan_id": "p", "issued_from": day, "status": status});
        let text = drawn(
            vec![
                json!({"medication_term": "Ramipril", "plan_id": "p", "class": "current", "effective_start_from": "2020-01-01"}),
                json!({"medication_term": "Amoxicillin", "class": "past", "effective_start_from": "2025-03-01", "effective_end_to": "2025-03-08"}),
                json!({"medication_term": "Ancient", "class": "past", "effective_end_to": "2001-01-01"}),
            ],
            vec![
                issue("2025-12-01", "completed"),
                issue("2026-01-01", "stopped"),
                issue("2025-11-01", "completed"),
            ],
        );
        assert!(
            text.contains("current, from 01-Jan-2020 to no end; 2 issues, the last 01-Dec-2025; 1 cancelled"),
            "{text}"
        );
        assert!(text.contains("over, from 01-Mar-2025 to 08-Mar-2025; 0 issues, the last none"));
        assert_eq!(
            (text.matches("class=\"issue\"").count(), text.matches("class=\"cancelled\"").count()),
            (2, 1)
        );
        let arrows = text.matches("class=\"open\"").count();
        assert_eq!(
            arrows, 2,
            "one where there is no end, one where it began before the years that are drawn"
        );
        assert!(!text.contains("Ancient") && text.contains("over before 15-Jan-2021 or without a date: 1."));
        for year in 2022..=2026 {
            assert!(text.contains(&format!(">{year}</span>")), "{year}");
        }
    }

    #[test]
    fn an_issue_from_before_the_years_that_are_drawn_is_not_drawn_as_one_of_their_first_day() {
        let issue = |day: &str| json!({"plan_id": "p", "issued_from": day, "status": "completed"});
        let aspirin = json!({"medication_term": "Aspirin", "plan_id": "p", "class": "current", "effective_start_from": "2019-01-01"});
        let text = drawn(vec![aspirin], vec![issue("2019-04-05"), issue("2021-01-14")]);
        assert_eq!(text.matches("class=\"issue\"").count(), 0, "{text}");
        assert!(text.contains("2 issues, the last 14-Jan-2021"), "they are told in words");
    }

    #[test]
    fn a_day_outside_the_years_stands_at_the_edge() {
        let day = |text| day_interval(text).expect("a day").0;
        let span = Span { from: day("2021-01-01"), today: day("2026-01-01"), to: day("2026-01-01") };
        assert_eq!(span.at(day("1990-01-01")), 0.0);
        assert_eq!(span.at(day("2030-01-01")), WIDTH);
        assert!((span.at(day("2023-07-03")) - WIDTH / 2.0).abs() < 1.0);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(drawn(vec![], vec![]), "");
    }
}
