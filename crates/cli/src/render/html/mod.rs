//! A record as one page for a browser: nothing is fetched, nothing is run, and every word of the record is text.
//! It can be printed and used without a mouse, and says the same as the views do, caveats first.

mod consultations;
mod markup;
mod medication;
mod problems;
mod timeline;

use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, reading};
use jiff::Timestamp;

use self::markup::Html;
use super::page::Page;
use super::record::Record;
use super::rows::Rows;
use super::sections::Section;
use super::views::{self, Listing};

/// What the page may load and run: nothing but its own style.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// One self-contained page of a record, looked at `now`.
pub fn html(record: &Record, now: Timestamp) -> String {
    let page = Page { width: u16::MAX, now };
    let sections = record.sections();
    let mut html = Html::new();
    html.raw("<!doctype html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.empty("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
    html.raw("\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw(
        "<meta name=\"robots\" content=\"noindex\">\n<meta name=\"referrer\" content=\"no-referrer\">\n",
    );
    html.element("title", &[], &format!("GP record of episode {}", record.episode()));
    html.raw(concat!("\n<style>\n", include_str!("style.css"), "</style>\n</head>\n<body>\n"));
    html.raw("<a class=\"skip\" href=\"#record\">Skip to the record</a>\n");
    banner(&mut html, record, &sections, page);
    html.raw("<main id=\"record\">\n");
    areas(&mut html, &sections);
    allergies(&mut html, record, &sections);
    medication::section(&mut html, record, &sections);
    problems::section(&mut html, record, &sections);
    consultations::section(&mut html, record, &sections);
    html.raw(
        "</main>\n<footer>\n<p>A copy of the GP practice record for one care episode. What the practice ",
    );
    html.raw("does not hold, withholds or has changed since is not here. Do not store this page.</p>\n");
    html.raw("</footer>\n</body>\n</html>\n");
    html.into_string()
}

/// Where the record is from, whose it was found to be, how old it is, and every warning, above everything else.
fn banner(html: &mut Html, record: &Record, sections: &[Section], page: Page) {
    html.raw("<header>\n");
    html.element("h1", &[], &format!("GP record of episode {}", record.episode()));
    html.raw("\n<dl>\n");
    // A page stays open, and on paper for ever.
    let [source, retrieved] = record.provenance(|at| format!("{} when this page was made", page.age(at)));
    let patient =
        "Patient: not named here; check that the episode is that of the patient before you".to_owned();
    for line in [source, retrieved, patient, patient_check(record)] {
        let (term, words) = line.split_once(": ").unwrap_or(("", &line));
        html.inside("div", &[], |html| {
            html.element("dt", &[], term);
            html.element("dd", &[], words);
        });
        html.raw("\n");
    }
    html.raw("</dl>\n");
    let warnings = warnings(record, sections);
    if !warnings.is_empty() {
        html.raw("<section class=\"warnings\" aria-label=\"Warnings\">\n<ul>\n");
        for warning in warnings {
            html.element("li", &[], &warning);
            html.raw("\n");
        }
        html.raw("</ul>\n</section>\n");
    }
    html.raw(
        "<nav aria-label=\"Parts of the record\">\n<a href=\"#areas\">Areas</a>\n\
         <a href=\"#allergies\">Allergies</a>\n<a href=\"#medication\">Medication</a>\n\
         <a href=\"#problems\">Problems</a>\n<a href=\"#consultations\">Consultations</a>\n</nav>\n</header>\n",
    );
}

/// Whether the returned patient is the traced one, and what was compared.
fn patient_check(record: &Record) -> String {
    match &record.manifest().patient_check {
        None => "Patient check: NOT MADE, the record was read from a file".to_owned(),
        Some(check) if check.result == "match" => {
            format!("Patient check: matches the traced patient in {}", names(&check.compared))
        }
        Some(check) => {
            format!("Patient check: {}; differs in {}", check.result.to_uppercase(), names(&check.differing))
        }
    }
}

fn names(fields: &[String]) -> String {
    fields.join(", ").replace('_', " ").replace("nhs number", "NHS number")
}

/// The errors among the notices, and the warnings of the areas with what they are about.
fn warnings(record: &Record, sections: &[Section]) -> Vec<String> {
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    for section in sections.iter().filter(|section| section.was_requested()) {
        for warning in section.warnings() {
            match told.iter_mut().find(|(words, _)| *words == warning) {
                Some((_, areas)) => areas.push(section.area()),
                None => told.push((warning, vec![section.area()])),
            }
        }
    }
    let warnings = told.into_iter().map(|(words, areas)| format!("Warning, {}: {words}", areas.join(", ")));
    record.errors().into_iter().map(|error| format!("ERROR, {error}")).chain(warnings).collect()
}

fn areas(html: &mut Html, sections: &[Section]) {
    html.raw("<section id=\"areas\" aria-labelledby=\"areas-title\">\n");
    html.raw("<h2 id=\"areas-title\">What may be concluded of each area</h2>\n");
    html.raw("<table>\n<thead><tr><th scope=\"col\">Area</th><th scope=\"col\">Conclusion</th></tr></thead>\n<tbody>\n");
    let (asked, unasked): (Vec<_>, Vec<_>) = sections.iter().partition(|section| section.was_requested());
    let unasked: Vec<String> = unasked.into_iter().map(Section::area).collect();
    let unasked = (!unasked.is_empty()).then(|| (unasked.join(", "), "not asked for".to_owned(), "plain"));
    let asked = asked.into_iter().map(|section| (section.area(), section.conclusion(), weight(section)));
    for (area, conclusion, weight) in asked.chain(unasked) {
        html.inside("tr", &[], |html| {
            html.element("th", &[("scope", "row")], &area);
            html.element("td", &[("class", weight)], &conclusion);
        });
        html.raw("\n");
    }
    html.raw("</tbody>\n</table>\n</section>\n");
}

fn allergies(html: &mut Html, record: &Record, sections: &[Section]) {
    let table = record.table(Table::Allergies);
    html.raw("<section id=\"allergies\" aria-labelledby=\"allergies-title\">\n");
    html.raw("<h2 id=\"allergies-title\">Allergies</h2>\n");
    conclusion(html, sections, ClinicalArea::Allergies);
    let possible = |rows: Rows<'_>, row| reading::is_possible_allergy(rows.text(row, "derived_status"));
    listing(html, "Possible allergies and assertions of none", &views::allergy_rows(&table, possible));
    let ended = views::allergy_rows(&table, |rows, row| !possible(rows, row));
    if !ended.rows.is_empty() {
        listing(html, "Allergies that have ended", &ended);
    }
    html.raw("</section>\n");
}

/// How a conclusion stands out: one that leaves doubt must not look like one that does not.
fn weight(section: &Section) -> &'static str {
    if section.is_doubtful() { "doubtful" } else { "plain" }
}

/// What may be concluded of an area, above its lists.
fn conclusion(html: &mut Html, sections: &[Section], area: ClinicalArea) {
    let section = sections.iter().find(|section| section.is(area));
    let words = section.map_or_else(|| "not in the record".to_owned(), Section::conclusion);
    let class = format!("conclusion {}", section.map_or("doubtful", weight));
    html.element("p", &[("class", &class)], &format!("In the GP record: {words}."));
    html.raw("\n");
    for warning in section.map(Section::warnings).unwrap_or_default() {
        html.element("p", &[("class", "warning")], &format!("Warning: {warning}"));
        html.raw("\n");
    }
}

/// A list with its title as caption; an empty one says that it is.
fn listing(html: &mut Html, title: &str, listing: &Listing) {
    html.raw("<table class=\"records\">\n");
    html.element("caption", &[], &format!("{title}: {} shown", listing.rows.len()));
    html.raw("\n");
    if !listing.rows.is_empty() {
        html.raw("<thead><tr>");
        for column in listing.header {
            html.element("th", &[("scope", "col")], column);
        }
        html.raw("</tr></thead>\n<tbody>\n");
        for row in &listing.rows {
            html.inside("tr", &[], |html| cells(html, listing.header, row));
            html.raw("\n");
        }
        html.raw("</tbody>\n");
    }
    html.raw("</table>\n");
    let others = listing.others();
    if !others.is_empty() {
        html.element("p", &[("class", "others")], &format!("Not in this list: {others}."));
        html.raw("\n");
    }
}

/// The first cell names the row. Each of the others has its header with it, for a screen that is too narrow for
/// columns.
fn cells(html: &mut Html, header: &[&str], row: &[String]) {
    for (index, (cell, header)) in row.iter().zip(header).enumerate() {
        let class = ("class", breaking(cell));
        match index {
            0 => html.element("th", &[("scope", "row"), class], cell),
            _ => html.element("td", &[("data-label", header), class], cell),
        }
    }
}

/// Where a cell may be broken: not within a date, which would be misread; within a word only where that is so long
/// that it would push the other columns off the page.
fn breaking(cell: &str) -> &'static str {
    const LONGEST_WORD: usize = 30;
    if is_date(cell) {
        "date"
    } else if cell.split_whitespace().any(|word| word.chars().count() > LONGEST_WORD) {
        "long"
    } else {
        "words"
    }
}

/// Whether a cell is a date and nothing else: one word that ends in a year.
fn is_date(cell: &str) -> bool {
    let year = cell.rsplit('-').next().unwrap_or_default();
    !cell.contains(' ') && year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{page, record, returned};
    use super::*;

    fn shown(tables: &[(Table, Vec<Value>)]) -> String {
        html(&record(tables), page(120).now)
    }

    /// A record with that text wherever a record has text.
    fn of(text: &str) -> Record {
        record(&Table::ALL.map(|table| {
            let mut row = json!({});
            for field in table.schema().fields() {
                if *field.data_type() == arrow_schema::DataType::Utf8 {
                    row[field.name().as_str()] = json!(text);
                }
            }
            for list in
                ["notes", "flags", "warnings", "problem_ids", "parent_ids", "child_ids", "sibling_ids"]
            {
                if table.schema().field_with_name(list).is_ok() {
                    row[list] = json!([text]);
                }
            }
            if table == Table::ConsultationNodes {
                row["node"] = json!(0);
            }
            if table == Table::Problems {
                row["membership"] = json!("primary");
            }
            (table, vec![row])
        }))
    }

    #[test]
    fn markup_in_a_record_is_text() {
        for text in [
            "<script>alert(1)</script>",
            "</style><img src=x onerror=alert(1)>",
            "\" onmouseover=\"alert(1)",
            "' onfocus='alert(1)",
            "</title></svg><a href=javascript:alert(1)>x</a>",
            "<!-- -->&lt;b&gt;",
        ] {
            let page = html(&of(text), page(120).now);
            let outside: String = page.split('"').step_by(2).collect();
            for live in ["<script", "<img", "<a href=javascript", "<!-- ", "onerror=alert(1)>", "</svg><a"] {
                assert!(!page.contains(live), "{live} in the page of {text:?}");
            }
            assert!(!outside.contains("onmouseover=\""), "an attribute was left in {text:?}");
            let spelt = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let spelt = spelt.replace('"', "&quot;").replace('\'', "&#39;");
            assert!(page.contains(&spelt), "{text:?} is not there as text");
        }
    }

    #[test]
    fn what_steers_a_terminal_or_turns_the_writing_is_spelt_out() {
        let page = html(&of("take \u{202e}gm 01\u{1b}[2J\u{0}\u{85}"), page(120).now);
        assert!(page.contains("take \\u{202e}gm 01\\u{1b}[2J\\u{0}\\u{85}"));
        let steering = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
        assert_eq!(page.chars().find(steering), None);
    }

    #[test]
    fn the_page_stands_alone() {
        let page = shown(&[(Table::Sections, returned(&[("medications", 1)]))]);
        let policy = format!("content=\"{}\"", POLICY.replace('\'', "&#39;"));
        assert!(page.contains(&policy), "the browser is told to load nothing");
        for outside in ["http://", "https://", "<script", "<link", "<img", "<iframe", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn what_was_opened_is_closed() {
        for page in [shown(&[]), html(&of("x"), page(120).now)] {
            let mut open: Vec<&str> = Vec::new();
            for tag in page.split('<').skip(1) {
                let is_empty = tag.split('>').next().is_some_and(|tag| tag.ends_with('/'));
                let name = tag.split([' ', '>', '\n']).next().unwrap_or_default();
                match name.strip_prefix('/') {
                    Some(name) => assert_eq!(open.pop(), Some(name)),
                    None if is_empty || ["!doctype", "meta"].contains(&name) => {}
                    None => open.push(name),
                }
            }
            assert_eq!(open, [""; 0]);
        }
    }

    #[test]
    fn every_link_leads_somewhere_and_every_id_is_one() {
        let page = html(&of("x"), page(120).now);
        let values = |name: &str| -> Vec<String> {
            let parts = page.split(name).skip(1);
            parts.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
        };
        let mut ids = values(" id=\"");
        for link in values("href=\"#") {
            assert!(ids.contains(&link), "{link}");
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "an id is there twice");
    }

    #[test]
    fn caveats_stand_above_everything() {
        let section = json!({"area": "allergies", "state": "empty_confidential", "entries": 0, "incomplete": true,
            "warnings": ["confidential-items"], "warning_text": "Items withheld."});
        let foreign =
            |area| json!({"severity": "error", "area": area, "text": "a resource names another patient"});
        let notices = vec![foreign("problems"), foreign("allergies"), foreign("problems")];
        let page = shown(&[(Table::Sections, vec![section]), (Table::Notices, notices)]);
        let (banner, record) = page.split_once("<main").expect("a record");
        for part in [
            "practice A99001",
            "15-Jan-2026 09:30 GMT, 2 hours ago when this page was made",
            "NOT MADE",
            "Warning, allergies: Items withheld.",
            "<li>ERROR, problems, allergies: a resource names another patient</li>",
        ] {
            assert!(banner.contains(part), "{part}:\n{banner}");
        }
        let (_, allergies) = record.split_once("id=\"allergies\"").expect("a section");
        let (before, _) = allergies.split_once("<table").expect("a list");
        assert!(before.contains("nothing visible: what it holds is WITHHELD, INCOMPLETE"), "{before}");
        assert!(before.contains("Warning: Items withheld."));
    }

    #[test]
    fn a_word_that_is_wider_than_a_column_does_not_push_the_others_off_the_page() {
        assert_eq!(breaking(&"x".repeat(300)), "long");
        assert_eq!(breaking("Hydroxychloroquine 200mg tablets"), "words");
        assert_eq!((breaking("03-May-2026"), breaking("2018"), breaking("")), ("date", "date", "words"));
    }

    #[test]
    fn what_leaves_doubt_stands_out_and_what_does_not_is_plain() {
        let area = |area: &str, state: &str| json!({"area": area, "state": state, "requested": true, "entries": 0, "incomplete": false});
        let sections = vec![
            area("allergies", "empty_no_content"),
            area("medications", "empty_no_content"),
            area("problems", "missing_list"),
            area("consultations", "returned_with_exclusions"),
            area("diary", "not_requested"),
            area("referrals", "not_requested"),
        ];
        let page = shown(&[(Table::Sections, sections)]);
        let doubtful: Vec<&str> = page.split("<td class=\"doubtful\">").skip(1).collect();
        let told = |words: &str| doubtful.iter().any(|cell| cell.starts_with(words));
        assert!(
            told("no allergy information")
                && told("NOT ANSWERED")
                && told("0 entries, and items were WITHHELD")
        );
        assert!(page.contains("<td class=\"plain\">the GP record holds no entry</td>"));
        assert!(page.contains("diary, referrals</th><td class=\"plain\">not asked for</td>"), "{page}");
        assert!(page.contains("<p class=\"conclusion doubtful\">In the GP record: NOT ANSWERED"));
    }
}
