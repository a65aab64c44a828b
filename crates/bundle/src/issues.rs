//! The issues of a bundle: which requests are issues, of which plan, and what they say of it together.

use bedside_model::{Day, NoticeCode};
use hashbrown::HashMap;

use crate::collected::NOBODY;
use crate::drug::Drugs;
use crate::findings::Findings;
use crate::graph::{Graph, Target};
use crate::kinds;
use crate::order::by_number;
use crate::tables::medication_issues::Request;
use crate::words::Word;

/// The issues of a bundle, by their plans.
pub(crate) struct Issues<'g> {
    /// All requests, plans among them.
    pub(crate) requests: &'g [Request],
    pub(crate) drugs: Drugs<'g>,
    /// Positions of the issues in the pool of requests, in the order of the bundle.
    pub(crate) rows: Vec<Issue<'g>>,
    plans: Plans<'g>,
}

/// The plans of issues, each with a number, and the issues of each.
struct Plans<'g> {
    numbers: HashMap<&'g str, u32>,
    /// Positions in the pool of requests, plan after plan.
    issues: Vec<u32>,
    /// Where the issues of each plan begin, and where the last of them end.
    starts: Vec<u32>,
}

/// One issue and its plan.
pub(crate) struct Issue<'g> {
    /// Position in the pool of requests.
    pub(crate) request: u32,
    /// Its plan, where that is in the bundle, else [`NOBODY`].
    pub(crate) plan: u32,
    pub(crate) plan_id: Option<&'g str>,
    /// Among the plans of issues.
    pub(crate) plan_number: Option<u32>,
}

impl<'g> Issues<'g> {
    /// Finds the issues and their plans.
    pub(crate) fn new(
        graph: &'g Graph<'g, '_>,
        requests: &'g [Request],
        statements: usize,
        findings: &mut Findings,
    ) -> Self {
        let all = graph.all;
        let mut rows = Vec::with_capacity(requests.len());
        let mut numbers = HashMap::with_capacity(statements);
        for (row, request) in requests.iter().enumerate() {
            if !graph.counts(request.head.resource) {
                continue;
            }
            notice_references(graph, request, &mut *findings);
            if request.is_plan(all) {
                continue;
            }
            let plan = plan_of(graph, request);
            let plan_id = graph.target_id(plan);
            let next = numbers.len() as u32;
            let plan_number = plan_id.map(|id| *numbers.entry(id).or_insert(next));
            let plan = if let Target::Resource(number) = plan { number } else { NOBODY };
            rows.push(Issue { request: row as u32, plan, plan_id, plan_number });
        }
        let plans = Plans::new(numbers, &rows);
        rows.sort_by_key(|issue| requests[issue.request as usize].head.resource);
        Self { requests, drugs: Drugs::new(all, requests), rows, plans }
    }

    /// How many plans have issues.
    pub(crate) fn count_plans(&self) -> usize {
        self.plans.numbers.len()
    }

    /// The issues of a plan by its id, as positions in the pool of requests.
    pub(crate) fn of_plan(&self, plan_id: Option<&str>) -> &[u32] {
        plan_id.and_then(|id| self.plans.numbers.get(id)).map_or(&[], |number| self.of_plan_number(*number))
    }

    /// The issues of a plan by its number.
    pub(crate) fn of_plan_number(&self, number: u32) -> &[u32] {
        let [start, end] = [number, number + 1].map(|place| self.plans.starts[place as usize] as usize);
        &self.plans.issues[start..end]
    }

    /// Some issues, as requests.
    pub(crate) fn requests(&self, issues: &[u32]) -> impl Iterator<Item = &'g Request> {
        let all = self.requests;
        issues.iter().map(|issue| &all[*issue as usize])
    }

    /// Whether any of some issues starts after a day.
    pub(crate) fn any_is_future(&self, issues: &[u32], today: Day) -> bool {
        self.requests(issues).any(|issue| issue.starts_after(today))
    }

    /// Whether the issue that started last was cancelled; among several on one day the last in the bundle.
    pub(crate) fn latest_is_stopped(&self, graph: &Graph<'_, '_>, issues: &[u32]) -> bool {
        let latest = self.requests(issues).max_by_key(|issue| issue.first_day());
        latest.is_some_and(|issue| is_stopped(graph, issue))
    }

    /// The end of the supply that was issued last and not cancelled.
    pub(crate) fn last_supply_end(&self, graph: &Graph<'_, '_>, issues: &[u32]) -> Option<Day> {
        let supplied = self.requests(issues).filter(|issue| !is_stopped(graph, issue));
        let latest = supplied.max_by_key(|issue| issue.first_day())?;
        latest.end.days().map(|(_, to)| to)
    }
}

impl<'g> Plans<'g> {
    fn new(numbers: HashMap<&'g str, u32>, rows: &[Issue<'g>]) -> Self {
        let planned = || rows.iter().filter_map(|issue| Some((issue.plan_number?, issue.request)));
        let mut starts = vec![0; numbers.len() + 1];
        planned().for_each(|(plan, _)| starts[plan as usize + 1] += 1);
        let mut start = 0;
        for count in &mut starts {
            start += *count;
            *count = start;
        }
        let order = by_number(planned().map(|(plan, _)| plan), numbers.len());
        let requests: Vec<u32> = planned().map(|(_, request)| request).collect();
        let issues = order.iter().map(|place| requests[*place as usize]).collect();
        Self { numbers, issues, starts }
    }
}

fn is_stopped(graph: &Graph<'_, '_>, issue: &Request) -> bool {
    graph.all.store.word(issue.status) == Word::Stopped
}

/// The plan of an issue: the first of its `basedOn` that is a request.
fn plan_of<'g>(graph: &'g Graph<'g, '_>, request: &Request) -> Target<'g> {
    let targets = request.based_on.of(&graph.all.references).iter();
    let mut targets = targets.map(|reference| graph.resolve(*reference, request.head.resource).target);
    let is_request = |target: &Target<'_>| match target {
        Target::Resource(number) => graph.resource(*number).kind == kinds::MEDICATION_REQUEST,
        Target::Elsewhere { kind, .. } => *kind == "MedicationRequest",
        _ => false,
    };
    targets.find(is_request).unwrap_or(Target::Absent)
}

fn notice_references(graph: &Graph<'_, '_>, request: &Request, findings: &mut Findings) {
    let holder = request.head.resource;
    let notices = &mut findings.notices;
    for plan in request.based_on.of(&graph.all.references) {
        graph.notice(plan, holder, "basedOn", notices);
    }
    graph.notice(&request.prior, holder, "priorPrescription", notices);
    graph.notice(&request.context, holder, "context", notices);
    graph.notice(&request.medicine.reference, holder, "medicationReference", notices);
    graph.notice(&request.requester, holder, "requester.agent", notices);
    if graph.own_ods(request.on_behalf_of).is_none() {
        graph.notice(&request.on_behalf_of, holder, "requester.onBehalfOf", notices);
    }
    graph.notice(&request.recorder, holder, "recorder", notices);
    graph.notice(&request.performer, holder, "dispenseRequest.performer", notices);
    notice_codes(graph, request, findings);
}

fn notice_codes(graph: &Graph<'_, '_>, request: &Request, findings: &mut Findings) {
    let (store, holder) = (&graph.all.store, request.head.resource);
    let notices = &mut findings.notices;
    match store.word(request.intent) {
        Word::Absent => notices.add(holder, NoticeCode::MissingElement, "intent"),
        Word::Plan | Word::Order => {}
        _ => notices.add(holder, NoticeCode::UnknownCode, "intent"),
    }
    match store.word(request.status) {
        Word::Absent => notices.add(holder, NoticeCode::MissingElement, "status"),
        Word::Active | Word::Completed | Word::Stopped => {}
        _ => notices.add(holder, NoticeCode::UnknownCode, "status"),
    }
    if !matches!(
        store.word(request.kind),
        Word::Absent | Word::Acute | Word::DelayedPrescribing | Word::Repeat | Word::RepeatDispensing
    ) {
        notices.add(holder, NoticeCode::UnknownCode, "extension");
    }
    if request.supply_value.is_some() && !request.supply_in_days {
        notices.add(holder, NoticeCode::UnknownCode, "dispenseRequest.expectedSupplyDuration");
    }
    if !request.is_plan(graph.all) && request.based_on.length == 0 {
        notices.add(holder, NoticeCode::MissingElement, "basedOn");
    }
}
