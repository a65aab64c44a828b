//! The views of medication. Dates that are known in part count as inside a window when any of their days is: to
//! show a stopped drug once too often is the safer mistake.

use bedside_cache::OpenEpisode;
use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, Day, reading};
use polars::prelude::{
    DataType, ExplodeOptions, Expr, JoinArgs, JoinType, LazyFrame, NULL, UnionArgs, by_name, coalesce, col,
    concat, lit, when,
};

use crate::caveats::Caveats;
use crate::frames::{FrameError, numbered, table};
use crate::view::View;

const AREAS: [ClinicalArea; 2] = [ClinicalArea::Medications, ClinicalArea::Problems];

/// Months after its last issue or its end during which a discontinued repeat is shown (`admission-use-case`
/// sheet, section 3).
const STOPPED_MONTHS: u32 = 6;
/// Months after it was prescribed during which an acute medication is shown (the same).
const ACUTE_MONTHS: u32 = 12;

/// Medication that a reader must reckon with on the retrieval date (`medications` sheet, section 10): current,
/// never issued, contradicting itself, or not classed.
///
/// Groups: `at_practice`, `prescribed_elsewhere`. Added columns: `indications` (terms of the problems that point
/// at it), `therapy_last_issue` (the latest issue of the whole therapy up to the retrieval day, over changes of
/// dosage and re-authorisations; post-dated ones are flagged `future_issue`), `lapsed` (the authorisation ran out; patients go on taking it).
///
/// # Errors
/// [`FrameError`]; without the caveats of its areas there is no view.
pub fn current_medication(episode: &OpenEpisode) -> Result<View, FrameError> {
    let group = when(is_current().not())
        .then(lit("left_out"))
        .when(elsewhere())
        .then(lit("prescribed_elsewhere"))
        .otherwise(lit("at_practice"));
    let rows = medications(episode)?.with_columns([group.alias("group"), class().alias("kind")]);
    View::of(episode, &AREAS, rows, (&["at_practice", "prescribed_elsewhere"], None))
}

/// What a pharmacist compares with what the patient has and takes (`admission-use-case` sheet, section 3).
///
/// Groups: `current`; `not_issued` (authorised, never issued: not to be taken as taken); `prescribed_elsewhere`;
/// `recently_stopped` (repeat, ended, with its end or its last issue in the last 6 months); `recent_acute`
/// (acute, over, prescribed in the last 12 months). Left out and counted: what is older, what starts in the
/// future, what was `cancelled before issue`, and what came only as context. Added columns as in
/// [`current_medication`], and `prescribed_on` and `discontinued_on`.
///
/// # Errors
/// [`FrameError`]; without the caveats of its areas there is no view.
pub fn medicines_reconciliation(episode: &OpenEpisode) -> Result<View, FrameError> {
    let day = Caveats::of(episode, &AREAS)?.retrieval_day();
    let since = |months: u32| date(day.months_before(months));
    let within = |column: &str, months: u32| col(column).is_null().or(col(column).gt_eq(since(months)));
    let over = class().eq(lit("past")).or(class().eq(lit("stopped")));
    let acute = is_one_of("prescription_type", &["acute", "delayed-prescribing"]);
    let last_heard_of =
        within("therapy_last_issue", STOPPED_MONTHS).and(col("therapy_last_issue").is_not_null());
    let recently_stopped = over
        .clone()
        .and(acute.clone().not())
        .and(within("discontinued_on", STOPPED_MONTHS).or(last_heard_of));
    let group = when(cancelled_before_issue())
        .then(lit("left_out"))
        .when(is_current().and(class().eq(lit("unissued"))))
        .then(lit("not_issued"))
        .when(is_current().and(elsewhere()))
        .then(lit("prescribed_elsewhere"))
        .when(is_current())
        .then(lit("current"))
        .when(recently_stopped)
        .then(lit("recently_stopped"))
        .when(over.and(acute).and(within("prescribed_on", ACUTE_MONTHS)))
        .then(lit("recent_acute"))
        .otherwise(lit("left_out"));
    let kind = when(cancelled_before_issue()).then(lit("cancelled before issue")).otherwise(class());
    let discontinued = coalesce(&[col("status_changed_to"), col("effective_end_to")]);
    let rows = medications(episode)?.with_columns([discontinued.alias("discontinued_on")]);
    let rows = rows.with_columns([group.alias("group"), kind.alias("kind")]);
    let groups = ["current", "not_issued", "prescribed_elsewhere", "recently_stopped", "recent_acute"];
    View::of(episode, &AREAS, rows, (&groups, None))
}

/// The table with indications, the dates of issues, and whether the authorisation has lapsed.
fn medications(episode: &OpenEpisode) -> Result<LazyFrame, FrameError> {
    let rows = numbered(episode, Table::Medications)?;
    let day = Caveats::of(episode, &AREAS)?.retrieval_day();
    let issues = issues(episode, &rows, day)?;
    let rows = left(rows.clone(), indications(episode, &rows)?, "row");
    let rows = left(rows.clone(), lapsed(&rows), "row");
    let rows = left(rows, issues.of_plan, "plan_id");
    let rows = left(rows, issues.of_therapy, "therapy_id");
    let prescribed = coalesce(&[col("plan_last_issue"), col("effective_start_to")]);
    Ok(rows
        .with_columns([
            prescribed.alias("prescribed_on"),
            // A statement without a plan belongs to no therapy and may still state its last issue.
            coalesce(&[col("therapy_last_issue"), up_to(day, "last_issue_to")]).alias("therapy_last_issue"),
            col("lapsed").fill_null(lit(false)),
            col("plan_issues").fill_null(lit(0_u32)),
        ])
        .drop(by_name(["plan_last_issue"], true, false)))
}

/// The terms of the problems that point at each medication, in their order.
fn indications(episode: &OpenEpisode, rows: &LazyFrame) -> Result<LazyFrame, FrameError> {
    let problems = table(episode, Table::Problems)?;
    let term = coalesce(&[col("problem_term"), col("problem_text")]).alias("indications");
    let problems = problems.select([col("problem_id").alias("problem_ids"), term]);
    let links = exploded(rows, "problem_ids");
    let named =
        links.join(problems, [col("problem_ids")], [col("problem_ids")], JoinArgs::new(JoinType::Inner));
    Ok(named.group_by_stable([col("row")]).agg([col("indications")]))
}

fn lapsed(rows: &LazyFrame) -> LazyFrame {
    let raised = exploded(rows, "flags").filter(col("flags").eq(lit("authorisation_lapsed")));
    raised.group_by_stable([col("row")]).agg([lit(true).first().alias("lapsed")])
}

fn exploded(rows: &LazyFrame, list: &str) -> LazyFrame {
    let options = ExplodeOptions { empty_as_null: false, keep_nulls: false };
    rows.clone().select([col("row"), col(list)]).explode(by_name([list], true, false), options)
}

struct Issues {
    of_plan: LazyFrame,
    of_therapy: LazyFrame,
}

/// The issues that were made and not cancelled: their number and, up to that day, the latest for each plan; and the
/// latest for each therapy, of the issues and of what the GP system states.
fn issues(episode: &OpenEpisode, rows: &LazyFrame, until: Day) -> Result<Issues, FrameError> {
    let made = table(episode, Table::MedicationIssues)?;
    let made = made.filter(col("status").is_null().or(col("status").neq(lit("stopped"))));
    let made = made.filter(col("plan_id").is_not_null());
    let made = made.select([col("plan_id"), up_to(until, "issued_to").alias("day")]);
    let of_plan = made.clone().group_by_stable([col("plan_id")]);
    let of_plan = of_plan.agg([
        col("day").max().alias("plan_last_issue"),
        col("day").len().cast(DataType::UInt32).alias("plan_issues"),
    ]);
    let plans = rows.clone().filter(col("therapy_id").is_not_null());
    let stated = plans.clone().select([col("therapy_id"), up_to(until, "last_issue_to").alias("day")]);
    let issued = left(plans.select([col("plan_id"), col("therapy_id")]), made, "plan_id");
    let days = concat([stated, issued.select([col("therapy_id"), col("day")])], UnionArgs::default());
    let of_therapy = days.map_err(FrameError::Query)?.group_by_stable([col("therapy_id")]);
    Ok(Issues { of_plan, of_therapy: of_therapy.agg([col("day").max().alias("therapy_last_issue")]) })
}

fn left(rows: LazyFrame, other: LazyFrame, on: &str) -> LazyFrame {
    rows.join(other, [col(on)], [col(on)], JoinArgs::new(JoinType::Left))
}

fn class() -> Expr {
    col("class").fill_null(lit("unknown"))
}

fn is_current() -> Expr {
    is_one_of("class", &reading::CURRENT_CLASSES).or(col("class").is_null())
}

fn elsewhere() -> Expr {
    is_one_of("prescribing_agency", &[reading::PRESCRIBED_ELSEWHERE])
}

/// Authorised, then stopped before anything was issued (`admission-use-case` sheet, section 3): not a medicine
/// that anybody had.
fn cancelled_before_issue() -> Expr {
    let never = col("plan_issues").eq(lit(0_u32)).and(col("last_issue").is_null());
    let none_counted = col("repeats_issued").is_null().or(col("repeats_issued").eq(lit(0_u32)));
    class().eq(lit("stopped")).and(elsewhere().not()).and(never).and(none_counted)
}

/// Whether a text column holds one of those; a null is none of them.
fn is_one_of(column: &str, values: &[&str]) -> Expr {
    let any = values.iter().map(|value| col(column).eq(lit(*value))).fold(lit(false), Expr::or);
    any.fill_null(lit(false))
}

/// A column of days, null where the day is after that one.
fn up_to(day: Day, column: &str) -> Expr {
    when(col(column).lt_eq(date(day))).then(col(column)).otherwise(lit(NULL))
}

fn date(day: Day) -> Expr {
    lit(day.0).cast(DataType::Date)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{by_group, collected, opened, sections, texts};

    /// A medication whose plan, therapy and term are named after it.
    fn medication(id: &str, class: Value, kind: &str, rest: Value) -> Value {
        let mut row = json!({"medication_id": id, "plan_id": id, "therapy_id": id, "class": class, "prescription_type": kind});
        let (row_fields, rest) = (row.as_object_mut().expect("an object"), rest);
        row_fields.extend(rest.as_object().expect("an object").clone());
        row
    }

    fn issue(plan: &str, day: &str, status: &str) -> Value {
        json!({"issue_id": format!("{plan}-{day}"), "plan_id": plan, "issued": day, "issued_from": day,
            "issued_to": day, "status": status})
    }

    fn day(name: &str, day: &str) -> Value {
        json!({name: day, format!("{name}_from"): day, format!("{name}_to"): day})
    }

    fn episode(medications: Vec<Value>, issues: Vec<Value>, problems: Vec<Value>) -> OpenEpisode {
        opened(&[
            (Table::Sections, sections()),
            (Table::Medications, medications),
            (Table::MedicationIssues, issues),
            (Table::Problems, problems),
        ])
    }

    fn groups(expected: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        expected
            .iter()
            .map(|(name, ids)| ((*name).into(), ids.iter().map(|id| (*id).into()).collect()))
            .collect()
    }

    #[test]
    fn current_medication_has_everything_that_may_be_taken_and_counts_the_rest() {
        let elsewhere = json!({"prescribing_agency": "prescribed-by-another-organisation"});
        let episode = episode(
            vec![
                medication("current", json!("current"), "repeat", json!({})),
                medication("past", json!("past"), "repeat", json!({})),
                medication("elsewhere", json!("current"), "repeat", elsewhere),
                medication("conflict", json!("past_status_conflict"), "acute", json!({})),
                medication("context", json!("context_only"), "repeat", json!({})),
                medication("none", json!(null), "repeat", json!({})),
                medication("older", json!("past"), "repeat", json!({})),
            ],
            vec![],
            vec![],
        );
        let view = collected(current_medication(&episode));
        assert_eq!(
            by_group(&view, "medication_id"),
            groups(&[
                ("at_practice", &["current", "conflict", "none"]),
                ("prescribed_elsewhere", &["elsewhere"])
            ])
        );
        assert_eq!(view.left_out, [("past".to_owned(), 2), ("context_only".to_owned(), 1)]);
    }

    #[test]
    fn a_medication_comes_with_indication_last_issue_and_lapsed_authorisation() {
        let mut renewed = medication("new", json!("current"), "repeat", json!({"therapy_id": "old"}));
        renewed["problem_ids"] = json!(["p2", "absent", "p1"]);
        let lapsed = json!({"flags": ["authorisation_lapsed", "counter_conflict"]});
        let mut stated = medication("stated", json!("current"), "repeat", lapsed);
        stated
            .as_object_mut()
            .expect("an object")
            .extend(day("last_issue", "2026-04-20").as_object().expect("one").clone());
        let episode = episode(
            vec![
                renewed,
                medication("old", json!("past"), "repeat", json!({})),
                stated,
                medication("never", json!("current"), "repeat", json!({"therapy_id": null, "plan_id": null})),
            ],
            vec![
                issue("old", "2026-03-01", "completed"),
                issue("old", "2026-04-01", "stopped"),
                issue("stated", "2026-04-10", "completed"),
            ],
            vec![
                json!({"problem_id": "p1", "problem_term": "Hypertension"}),
                json!({"problem_id": "p2", "problem_text": "Chest pain"}),
            ],
        );
        let view = collected(current_medication(&episode)).rows;
        assert_eq!(texts(&view, "medication_id"), ["new", "stated", "never"]);
        assert_eq!(texts(&view, "indications"), [r#"["Chest pain","Hypertension"]"#, "", ""]);
        let issues = texts(&view, "therapy_last_issue");
        assert_eq!(issues, ["2026-03-01", "2026-04-20", ""], "over the therapy, and never a cancelled one");
        assert_eq!(texts(&view, "lapsed"), ["false", "true", "false"]);
    }

    #[test]
    fn an_issue_that_is_still_to_come_is_not_the_last_one() {
        // The record is of 2 May 2026.
        let post_dated = |id: &str| medication(id, json!("current"), "repeat-dispensing", json!({}));
        let mut stated = post_dated("stated");
        stated
            .as_object_mut()
            .expect("an object")
            .extend(day("last_issue", "2026-06-01").as_object().expect("an object").clone());
        let mut without_plan = post_dated("without-plan");
        let fields = without_plan.as_object_mut().expect("an object");
        fields.extend(day("last_issue", "2026-05-02").as_object().expect("an object").clone());
        fields.retain(|name, _| name != "plan_id" && name != "therapy_id");
        let episode = episode(
            vec![post_dated("batch"), post_dated("all-to-come"), stated, without_plan],
            vec![
                issue("batch", "2026-04-02", "active"),
                issue("batch", "2026-05-02", "active"),
                issue("batch", "2026-06-02", "active"),
                issue("all-to-come", "2026-06-02", "active"),
            ],
            vec![],
        );
        let view = collected(current_medication(&episode)).rows;
        assert_eq!(texts(&view, "therapy_last_issue"), ["2026-05-02", "", "", "2026-05-02"]);
    }

    #[test]
    fn reconciliation_keeps_to_the_windows_of_the_sheet() {
        // The record is of 2 May 2026: 6 months before is 2 November 2025, 12 months before 2 May 2025.
        let stopped =
            |id: &str, on: &str| medication(id, json!("stopped"), "repeat", day("status_changed", on));
        let acute = |id: &str, on: &str| medication(id, json!("past"), "acute", day("effective_start", on));
        let episode = episode(
            vec![
                medication("repeat", json!("current"), "repeat", json!({})),
                medication("unissued", json!("unissued"), "acute", json!({})),
                stopped("just-stopped", "2025-11-02"),
                stopped("long-stopped", "2025-11-01"),
                stopped("long-stopped-but-issued", "2025-11-01"),
                medication("stopped-some-day", json!("past"), "repeat", json!({})),
                acute("recent", "2025-05-02"),
                acute("long-past", "2025-05-01"),
                acute("old-start-new-issue", "2024-01-01"),
                medication("tomorrow", json!("future"), "repeat", json!({})),
            ],
            vec![
                issue("just-stopped", "2024-01-01", "completed"),
                issue("long-stopped", "2025-11-01", "completed"),
                issue("long-stopped-but-issued", "2025-11-02", "completed"),
                issue("recent", "2025-05-02", "completed"),
                issue("old-start-new-issue", "2025-06-01", "completed"),
            ],
            vec![],
        );
        let view = collected(medicines_reconciliation(&episode));
        assert_eq!(
            by_group(&view, "medication_id"),
            groups(&[
                ("current", &["repeat"]),
                ("not_issued", &["unissued"]),
                ("recently_stopped", &["just-stopped", "long-stopped-but-issued", "stopped-some-day"]),
                ("recent_acute", &["recent", "old-start-new-issue"]),
            ])
        );
        let left_out = [("stopped".to_owned(), 1), ("past".to_owned(), 1), ("future".to_owned(), 1)];
        assert_eq!(view.left_out, left_out);
        assert_eq!(texts(&view.rows, "discontinued_on")[2], "2025-11-02");
    }

    #[test]
    fn a_prescription_cancelled_before_it_was_issued_is_no_medicine_and_stays_counted() {
        let cancelled = |id: &str, rest: Value| {
            let mut row = medication(id, json!("stopped"), "acute", day("effective_start", "2026-04-01"));
            row.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
            row
        };
        let elsewhere = json!({"prescribing_agency": "prescribed-by-another-organisation"});
        let episode = episode(
            vec![
                cancelled("cancelled", json!({})),
                cancelled("issue-cancelled", json!({"repeats_issued": 0})),
                cancelled("issued", json!({})),
                cancelled("counted", json!({"repeats_issued": 1})),
                cancelled("elsewhere", elsewhere),
            ],
            vec![
                issue("issue-cancelled", "2026-04-01", "stopped"),
                issue("issued", "2026-04-01", "completed"),
            ],
            vec![],
        );
        let view = collected(medicines_reconciliation(&episode));
        let shown = groups(&[("recent_acute", &["issued", "counted", "elsewhere"])]);
        assert_eq!(by_group(&view, "medication_id"), shown);
        assert_eq!(view.left_out, [("cancelled before issue".to_owned(), 2)]);
    }
}
