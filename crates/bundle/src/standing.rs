//! Where an authorisation stands on the day of retrieval: its class and its flags (`medications` sheet, sections
//! 9 and 10; contract, settled cases).

use bedside_model::Day;

use crate::concepts;
use crate::flags::Flags;
use crate::graph::Graph;
use crate::issues::Issues;
use crate::relations::Membership;
use crate::tables::medication_issues::Request;
use crate::tables::medications::Statement;
use crate::text::{Interval, Store, Text};
use crate::words::Word;

/// The inputs of class and flags, read once.
pub(crate) struct Standing {
    status: Word,
    statuses_differ: bool,
    acute: bool,
    repeating: bool,
    elsewhere: bool,
    has_end: bool,
    start: Interval,
    end: Interval,
    expiry: Interval,
    last_issue: bool,
    allowed: Option<u32>,
    issued: Option<u32>,
    issue_count: usize,
    future_issue: bool,
    last_issue_cancelled: bool,
    course_end: Option<Day>,
    today: Day,
}

impl Standing {
    /// Reads them of a statement, its plan and the plan's issues, as of the day `today`.
    pub(crate) fn new(
        graph: &Graph<'_, '_>,
        statement: &Statement,
        plan: &Request,
        (issues, of_plan): (&Issues<'_>, &[u32]),
        today: Day,
    ) -> Self {
        let store = &graph.all.store;
        let kind = store.word(plan.kind);
        let end = statement.end.days();
        let supply_end = issues.last_supply_end(graph, of_plan);
        Self {
            status: store.word(statement.status),
            statuses_differ: differ(store, statement.status, plan.status),
            acute: matches!(kind, Word::Acute | Word::DelayedPrescribing),
            repeating: matches!(kind, Word::Repeat | Word::RepeatDispensing),
            elsewhere: store.word(concepts::code(graph.all, statement.agency)) == Word::ByAnotherOrganisation,
            has_end: statement.end.is_some(),
            start: statement.start.days(),
            end,
            expiry: plan.expiry.days(),
            last_issue: statement.last_issue.is_some(),
            allowed: plan.repeats_allowed,
            issued: plan.repeats_issued,
            issue_count: of_plan.len(),
            future_issue: issues.any_is_future(of_plan, today),
            last_issue_cancelled: issues.latest_is_stopped(graph, of_plan),
            course_end: end.map(|(_, to)| to).max(supply_end),
            today,
        }
    }

    fn active(&self) -> bool {
        self.status == Word::Active
    }

    fn ended_before_today(&self) -> bool {
        self.end.is_some_and(|(_, to)| to < self.today)
    }

    /// The flags of the contract's settled cases.
    pub(crate) fn flags(&self, mut flags: Flags) -> Flags {
        let over = matches!(self.status, Word::Completed | Word::Stopped);
        let used_up = self.allowed.zip(self.issued).is_some_and(|(allowed, issued)| issued >= allowed);
        let expired = self.expiry.is_some_and(|(_, to)| to < self.today);
        flags.raise(Flags::AUTHORISATION_LAPSED, self.active() && self.repeating && (expired || used_up));
        flags.raise(
            Flags::UNISSUED,
            self.active() && self.issue_count == 0 && !self.last_issue && !self.elsewhere,
        );
        flags.raise(Flags::FUTURE_ISSUE, self.future_issue);
        flags.raise(Flags::LAST_ISSUE_CANCELLED, self.last_issue_cancelled);
        let conflict = self.allowed.zip(self.issued).is_some_and(|(allowed, issued)| issued > allowed);
        flags.raise(Flags::COUNTER_CONFLICT, conflict);
        flags.raise(Flags::ACTIVE_WITH_END, self.active() && self.has_end);
        let started_long_ago = || self.start.is_some_and(|(from, _)| from < self.today.months_before(12));
        let open_acute = self.acute && self.active() && !self.has_end;
        flags.raise(Flags::LONG_OPEN_ACUTE, open_acute && started_long_ago());
        flags.raise(Flags::ENDED_NO_END_DATE, over && !self.has_end);
        let ends_later = over && self.end.is_some_and(|(_, to)| to > self.today);
        let past_but_active = self.active() && self.ended_before_today();
        flags.raise(Flags::STATUS_CONFLICT, self.statuses_differ || ends_later || past_but_active);
        flags
    }

    /// The rules of the `medications` sheet, section 10, in its order.
    pub(crate) fn class(&self, membership: Membership) -> &'static str {
        let open = !self.ended_before_today();
        let never_issued = self.issue_count == 0 && !self.last_issue;
        if !membership.is_primary() {
            return "context_only";
        }
        if self.status == Word::Stopped {
            return "stopped";
        }
        if self.start.is_some_and(|(from, _)| from > self.today) {
            return "future";
        }
        match self.status {
            Word::Active if !self.acute && open => "current",
            Word::Active if self.acute && never_issued && !self.elsewhere => "unissued",
            Word::Active if self.acute && open => "current_acute",
            Word::Active if self.acute && self.course_end.is_some_and(|end| end >= self.today) => {
                "current_acute"
            }
            Word::Active => "past_status_conflict",
            Word::Completed => "past",
            _ => "unknown",
        }
    }
}

/// Whether two words are there and are not the same.
fn differ(store: &Store<'_>, one: Text, other: Text) -> bool {
    match (store.word(one), store.word(other)) {
        (Word::Absent, _) | (_, Word::Absent) => false,
        (Word::Other, Word::Other) => store.code(one) != store.code(other),
        (one, other) => one != other,
    }
}
