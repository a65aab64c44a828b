use std::fmt::Write;

use super::Report;
use crate::event::{EpisodeReport, Outcome};
use crate::strict::join;

const STYLE: &str = "body{font:16px/1.4 sans-serif;margin:2em;max-width:70em}table{border-collapse:collapse;width:100%}\
    th,td{border-bottom:1px solid #aaa;padding:.3em .6em;text-align:left;vertical-align:top}caption{text-align:left;\
    font-weight:bold;padding:.6em 0}";

/// The page: what it came to, then everything that is not as it should be, then what was sealed.
pub(super) fn page(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a text cannot fail.
    let _ = write(&mut page, report);
    page
}

fn write(page: &mut String, report: &Report) -> std::fmt::Result {
    let (run, totals) = (escape_html(&report.run), report.totals());
    write!(page, "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Run {run}</title>")?;
    write!(page, "<style>{STYLE}</style>\n<h1>Run {run}</h1>\n")?;
    let (pipeline, began, ended) =
        (escape_html(&report.pipeline), escape_html(&report.began), escape_html(&report.ended));
    writeln!(page, "<p>Pipeline {pipeline}, from {began} to {ended}.</p>")?;
    writeln!(
        page,
        "<p>{} of {} warmed, {} refused by policy, {} failed; {} rows sealed.</p>",
        totals.warmed, totals.lines, totals.refused, totals.failed, totals.rows
    )?;
    if totals.stays + totals.passed_over > 0 {
        let (stays, passed_over) = (totals.stays, totals.passed_over);
        writeln!(page, "<p>{stays} reports on stays heeded, {passed_over} messages passed over.</p>")?;
    }
    if report.stopped {
        writeln!(page, "<p><strong>The run was asked to stop.</strong> Go on with --run-id {run}.</p>")?;
    }
    if let Some(problem) = &report.input_problem {
        writeln!(page, "<p><strong>{}.</strong></p>", escape_html(problem))?;
    }
    let (warmed, other): (Vec<_>, Vec<_>) =
        report.episodes.iter().partition(|episode| episode.outcome.is_warmed());
    lines_refused(page, report)?;
    stays_not_heeded(page, report)?;
    episodes(page, "Not warmed: nothing is stored for these", &other)?;
    episodes(page, "Warmed", &warmed)?;
    writeln!(page, "</html>")
}

fn lines_refused(page: &mut String, report: &Report) -> std::fmt::Result {
    if report.lines_refused.is_empty() {
        return Ok(());
    }
    write!(page, "<table><caption>Lines of the list that were not accepted</caption>")?;
    writeln!(page, "<tr><th>Line<th>Episode<th>Kind<th>What is wrong")?;
    for line in &report.lines_refused {
        let kind = if line.by_policy { "policy" } else { "malformed" };
        let (episode, problems) = (line.episode.as_deref().unwrap_or("unknown"), join(&line.problems));
        writeln!(
            page,
            "<tr><td>{}<td>{}<td>{kind}<td>{}",
            line.line,
            escape_html(episode),
            escape_html(&problems)
        )?;
    }
    writeln!(page, "</table>")
}

fn stays_not_heeded(page: &mut String, report: &Report) -> std::fmt::Result {
    let not_heeded = report.stays.iter().filter_map(|stay| Some((stay, stay.outcome.problem()?)));
    for (index, (stay, problem)) in not_heeded.enumerate() {
        if index == 0 {
            write!(
                page,
                "<table><caption>Reports on stays that were not heeded: report them again</caption>"
            )?;
            writeln!(page, "<tr><th>Message<th>Episode<th>What is wrong")?;
        }
        let (episode, problem) = (escape_html(&stay.episode), escape_html(problem));
        writeln!(page, "<tr><td>{}<td>{episode}<td>{problem}", stay.line)?;
    }
    if report.stays.iter().any(|stay| stay.outcome.problem().is_some()) {
        writeln!(page, "</table>")
    } else {
        Ok(())
    }
}

fn episodes(page: &mut String, caption: &str, episodes: &[&EpisodeReport]) -> std::fmt::Result {
    if episodes.is_empty() {
        return Ok(());
    }
    write!(page, "<table><caption>{caption}</caption>")?;
    writeln!(page, "<tr><th>Episode<th>Practice<th>Outcome<th>In words<th>For support<th>ms")?;
    for report in episodes {
        let (words, advice) = words(&report.outcome);
        let cells = [&report.episode, &report.practice, report.outcome.name(), &words, &advice];
        for (index, cell) in cells.into_iter().enumerate() {
            write!(page, "{}<td>{}", if index == 0 { "<tr>" } else { "" }, escape_html(cell))?;
        }
        writeln!(page, "<td>{}", report.milliseconds)?;
    }
    writeln!(page, "</table>")
}

/// What a clinician should know, and what support should look at.
fn words(outcome: &Outcome) -> (String, String) {
    match outcome {
        Outcome::NotTraced(trouble) | Outcome::NoEndpoint(trouble) | Outcome::NotFetched(trouble) => {
            (trouble.message.clone(), format!("{}: {}", trouble.reason, trouble.advice))
        }
        outcome => (outcome.message(), String::new()),
    }
}

/// Text in which nothing is markup, for the inside of an element or of a quoted attribute; control characters become
/// spaces. Nothing from a list may become markup (`security` sheet, T-25).
pub fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{LineRefused, Trouble};
    use crate::strict::Problem;

    fn report() -> Report {
        let episode = |episode: &str, outcome| EpisodeReport {
            episode: episode.into(),
            practice: "A99001".into(),
            milliseconds: 7,
            outcome,
        };
        let trouble = Trouble {
            reason: "denied/patient_consent",
            refused: true,
            message: "Ask the patient.".into(),
            advice: "nothing to mend".into(),
            trace_id: None,
            attempts: 1,
            again: false,
        };
        Report {
            run: "r-1".into(),
            stopped: true,
            input_problem: Some("the list broke off".into()),
            lines_refused: vec![LineRefused {
                line: 4,
                episode: None,
                by_policy: true,
                problems: vec![Problem::policy("reason", "must be directcare")],
            }],
            episodes: vec![
                episode("EP-1", Outcome::Warmed(Box::default())),
                episode("<script>&'\"\u{1b}", Outcome::NotFetched(trouble)),
                episode("EP-3", Outcome::Earlier { earlier: "warmed".into() }),
                episode("EP-4", Outcome::HandedBack),
            ],
            ..Report::default()
        }
    }

    #[test]
    fn a_page_says_what_failed_and_why_before_what_went_well() {
        let page = report().to_html();
        let places = ["must be directcare", "Ask the patient.", "patient_consent", "handed_back", ">EP-1<"];
        let found: Vec<_> = places.iter().map(|text| page.find(text).expect(text)).collect();
        assert!(found.is_sorted(), "{found:?}");
        assert!(page.contains("2 of 5 warmed, 1 refused by policy, 2 failed"), "{page}");
        assert!(page.contains("asked to stop") && page.contains("the list broke off"));
    }

    #[test]
    fn nothing_of_a_list_becomes_markup() {
        let page = report().to_html();
        assert!(page.contains("&lt;script&gt;&amp;&#39;&quot; "), "{page}");
        assert!(!page.contains("<script") && !page.contains('\u{1b}'));
    }

    #[test]
    fn the_json_has_the_totals_beside_every_outcome() {
        let json: serde_json::Value = serde_json::from_str(&report().to_json()).expect("JSON");
        assert_eq!((&json["totals"]["warmed"], &json["totals"]["lines"]), (&2.into(), &5.into()));
        assert_eq!(json["episodes"][1]["reason"], "denied/patient_consent");
        assert_eq!(json["stopped"], true);
    }
}
