//! Where an authorisation stands on the day of retrieval: class and flags (`medications` sheet, sections 9 and 10;
//! contract, settled cases).

use super::concepts::preferred;
use super::medicines::{Request, Statement};
use super::text::{day, days, word};

/// What class and flags depend on.
#[derive(Default)]
pub struct Standing {
    pub status: String,
    plan_status: String,
    is_acute: bool,
    is_repeat: bool,
    is_elsewhere: bool,
    has_end: bool,
    start: Option<(i32, i32)>,
    end: Option<(i32, i32)>,
    expiry: Option<(i32, i32)>,
    is_issued: bool,
    counters: Option<(u32, u32)>,
    has_future_issue: bool,
    is_last_issue_stopped: bool,
    course_end: Option<i32>,
    today: i32,
}

impl Standing {
    pub fn new(statement: &Statement, plan: &Request, issues: &[&Request], today: i32) -> Self {
        let kind = word(&plan.prescription_type);
        let end = days_of(&statement.end);
        // Of those that began on one day the last in the bundle is the latest.
        let latest = issues.iter().max_by_key(|issue| started(issue));
        let live = issues.iter().filter(|issue| !is_stopped(issue));
        let latest_live = live.max_by_key(|issue| started(issue));
        let supply_end = latest_live.and_then(|issue| days_of(&issue.end)).map(|(_, to)| to);
        Self {
            status: word(&statement.status),
            plan_status: word(&plan.status),
            is_acute: kind == "acute" || kind == "delayed-prescribing",
            is_repeat: kind == "repeat" || kind == "repeat-dispensing",
            is_elsewhere: word(&preferred(&statement.agency).code) == "prescribed-by-another-organisation",
            has_end: statement.end.is_some(),
            start: days_of(&statement.start),
            end,
            expiry: days_of(&plan.expiry),
            is_issued: !issues.is_empty() || statement.last_issue.is_some(),
            counters: plan.allowed.zip(plan.issued),
            has_future_issue: issues.iter().any(|issue| started(issue) > Some(today)),
            is_last_issue_stopped: latest.is_some_and(|issue| is_stopped(issue)),
            course_end: end.map(|(_, to)| to).max(supply_end),
            today,
        }
    }

    fn has_ended_by_date(&self) -> bool {
        self.end.is_some_and(|(_, to)| to < self.today)
    }

    /// The flags that the contract settles.
    pub fn flags(&self) -> Vec<(&'static str, bool)> {
        let active = self.status == "active";
        let over = self.status == "completed" || self.status == "stopped";
        let expired = self.expiry.is_some_and(|(_, to)| to < self.today);
        let used_up = self.counters.is_some_and(|(allowed, issued)| issued >= allowed);
        let exceeded = self.counters.is_some_and(|(allowed, issued)| issued > allowed);
        let long_ago = self.start.is_some_and(|(from, _)| Some(from) < year_before(self.today));
        let parts_differ =
            !self.status.is_empty() && !self.plan_status.is_empty() && self.status != self.plan_status;
        let ends_later = over && self.end.is_some_and(|(_, to)| to > self.today);
        vec![
            ("authorisation_lapsed", active && self.is_repeat && (expired || used_up)),
            ("unissued", active && !self.is_issued && !self.is_elsewhere),
            ("future_issue", self.has_future_issue),
            ("last_issue_cancelled", self.is_last_issue_stopped),
            ("counter_conflict", exceeded),
            ("active_with_end", active && self.has_end),
            ("long_open_acute", active && self.is_acute && !self.has_end && long_ago),
            ("ended_no_end_date", over && !self.has_end),
            ("status_conflict", parts_differ || ends_later || (active && self.has_ended_by_date())),
        ]
    }

    /// The ten rules of the `medications` sheet, section 10.
    pub fn class(&self, membership: &str) -> &'static str {
        let is_open = !self.has_ended_by_date();
        if membership != "primary" {
            return "context_only";
        }
        if self.status == "stopped" {
            return "stopped";
        }
        if self.start.is_some_and(|(from, _)| from > self.today) {
            return "future";
        }
        match self.status.as_str() {
            "active" if !self.is_acute && is_open => "current",
            "active" if self.is_acute && !self.is_issued && !self.is_elsewhere => "unissued",
            "active" if self.is_acute && is_open => "current_acute",
            "active" if self.is_acute && self.course_end >= Some(self.today) => "current_acute",
            "active" => "past_status_conflict",
            "completed" => "past",
            _ => "unknown",
        }
    }
}

fn days_of(text: &Option<String>) -> Option<(i32, i32)> {
    text.as_deref().and_then(days)
}

fn started(issue: &Request) -> Option<i32> {
    days_of(&issue.start).map(|(from, _)| from)
}

fn is_stopped(issue: &Request) -> bool {
    word(&issue.status) == "stopped"
}

/// The same day of the year before, or the last of that month.
fn year_before(today: i32) -> Option<i32> {
    let year = (1900..2200).rev().find(|year| day(*year, 1, 1).is_some_and(|first| first <= today))?;
    let of_year =
        |year: i32| (1..=12).flat_map(move |month| (1..=31).map(move |of_month| (year, month, of_month)));
    let (_, month, of_month) =
        of_year(year).find(|(year, month, of_month)| day(*year, *month, *of_month) == Some(today))?;
    day(year - 1, month, of_month).or_else(|| day(year - 1, month, of_month - 1))
}
