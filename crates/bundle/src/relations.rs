//! What lists, problems and consultations say of the records they name: membership, place and indication.

use bedside_model::{ClinicalArea, NoticeCode};
use hashbrown::HashMap;

use crate::collected::{Contained, NOBODY, Records};
use crate::elements::Reference;
use crate::findings::Findings;
use crate::graph::{Graph, Resolved, Target};
use crate::issues::Issues;
use crate::items::Items;
use crate::kinds::{self, TypeId};
use crate::lists::{List, Purpose};
use crate::places::{Consultation, Places};
use crate::sharing::Sharing;
use crate::tables::medications::Statement;
use crate::tables::problems::Relation;
use crate::text::find_ignoring_case;

/// Which lists name a record (contract rule 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Membership(u8);

impl Membership {
    const PRIMARY: Self = Self(1);
    const ENDED: Self = Self(2);
    const LINKED: Self = Self(4);

    pub(crate) fn is_primary(self) -> bool {
        self.0 & Self::PRIMARY.0 != 0
    }

    pub(crate) fn is_ended(self) -> bool {
        self.0 & Self::ENDED.0 != 0
    }

    /// The name in the record: the strongest of what holds.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            _ if self.is_primary() => "primary",
            _ if self.is_ended() => "ended",
            Self(0) => "none",
            _ => "linked",
        }
    }

    fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// No list.
const NOWHERE: u32 = u32::MAX;

/// What lists, problems and consultations say.
pub(crate) struct Relations<'g> {
    pub(crate) places: Places,
    listed: Vec<(u32, u32)>,
    membership: Vec<Membership>,
    /// The first structure list that holds each resource.
    placed: Vec<u32>,
    /// Target and problem for each link of a problem, sorted.
    pointing: Vec<(u32, u32)>,
    /// Plans that statements name and that are not in the bundle. What names such a plan counts for its statement all
    /// the same, so each has a number like a resource, behind those of the resources.
    lost_plans: HashMap<&'g str, u32>,
    /// The statement and plan of each plan id.
    authorised: HashMap<&'g str, (u32, Option<u32>)>,
    pub(crate) sharing: Sharing,
}

impl<'g> Relations<'g> {
    /// Gathers what is said, and says what is wrong with it. Beyond `most_shared` nothing more is handed out.
    pub(crate) fn new(
        graph: &'g Graph<'g, '_>,
        records: &Records,
        items: &Items,
        most_shared: usize,
        findings: &mut Findings,
    ) -> Self {
        let lost_plans = lost_plans(graph, &records.statements);
        let count = graph.all.resources.len() + lost_plans.len();
        let mut relations = Self {
            places: Places::new(graph, &records.lists, items),
            listed: Vec::with_capacity(records.lists.len()),
            membership: vec![Membership::default(); count],
            placed: vec![NOWHERE; count],
            pointing: Vec::new(),
            authorised: HashMap::with_capacity(records.statements.len()),
            lost_plans,
            sharing: Sharing::up_to(most_shared),
        };
        relations.add_authorised(graph, &records.statements);
        for (position, list) in (0..).zip(&records.lists) {
            relations.add_list(graph, items, (position, list), findings);
        }
        relations.add_contained_ended(graph);
        relations.add_problems(graph, records, findings);
        relations.pointing.sort_unstable();
        relations.pointing.dedup();
        relations
    }

    /// Record and list for each leaf of a structure list, in the order of the bundle; for the one who needs them.
    pub(crate) fn take_listed(&mut self) -> Vec<(u32, u32)> {
        std::mem::take(&mut self.listed)
    }

    /// Lets go of what is said of plans, once all medicines have been told.
    pub(crate) fn forget_plans(&mut self) {
        (self.authorised, self.lost_plans) = Default::default();
    }

    /// The number of what a reference points at: a resource, or a lost plan.
    pub(crate) fn number_of(&self, target: Target<'_>) -> Option<u32> {
        match target {
            Target::Resource(number) => Some(number),
            Target::Elsewhere { kind: "MedicationRequest", id } => self.lost_plans.get(id).copied(),
            _ => None,
        }
    }

    /// As [`Graph::first_of`]; a lost plan stands for itself.
    fn first_of(graph: &Graph<'_, '_>, number: u32) -> u32 {
        if is_lost(graph, number) { number } else { graph.first_of(number) }
    }

    /// The membership of a resource or a lost plan.
    pub(crate) fn membership(&self, graph: &Graph<'_, '_>, number: u32) -> Membership {
        self.membership[Self::first_of(graph, number) as usize]
    }

    /// The membership of a statement: a list may name it, its plan or one of its issues.
    pub(crate) fn membership_of_statement(
        &self,
        graph: &Graph<'_, '_>,
        (statement, plan): (u32, Option<u32>),
        issues: &Issues<'_>,
        of_plan: &[u32],
    ) -> Membership {
        let mut membership = self.membership(graph, statement);
        let of_plan = issues.requests(of_plan).map(|issue| issue.head.resource);
        for resource in plan.into_iter().chain(of_plan) {
            membership.add(self.membership(graph, resource));
        }
        membership
    }

    /// The issues of a plan, for one of the statements that may share it; none once too much is shared.
    pub(crate) fn issues_of<'i>(&self, issues: &'i Issues<'_>, plan_id: Option<&str>) -> &'i [u32] {
        let of_plan = issues.of_plan(plan_id);
        if self.sharing.share(of_plan.len()) { of_plan } else { &[] }
    }

    /// The membership of the statement of a plan, which is that of the plan's issues; none without a statement.
    pub(crate) fn membership_under(
        &self,
        graph: &Graph<'_, '_>,
        plan_id: &str,
        issues: &Issues<'_>,
        of_plan: &[u32],
    ) -> Option<Membership> {
        let authorised = *self.authorised.get(plan_id)?;
        Some(self.membership_of_statement(graph, authorised, issues, of_plan))
    }

    /// The consultation that a record names itself.
    pub(crate) fn by_context(
        &self,
        graph: &'g Graph<'g, '_>,
        reference: Reference,
        holder: u32,
    ) -> Option<Consultation<'g>> {
        if reference.is_absent() || holder == NOBODY {
            return None;
        }
        Consultation::at(graph, graph.resolve(reference, holder).target, "context")
    }

    /// The consultation whose lists hold a record: the first list of the bundle that does.
    pub(crate) fn by_structure(
        &self,
        graph: &'g Graph<'g, '_>,
        resources: [Option<u32>; 2],
    ) -> Option<Consultation<'g>> {
        let resources = resources.iter().flatten().map(|resource| Self::first_of(graph, *resource));
        let lists = resources.map(|resource| self.placed[resource as usize]);
        let first = lists.min().filter(|list| *list != NOWHERE)?;
        self.places.consultation(graph, first)
    }

    /// Ids of the problems that point at any of some resources, in the order of the bundle.
    pub(crate) fn problems_of(
        &self,
        graph: &'g Graph<'g, '_>,
        resources: impl IntoIterator<Item = u32>,
    ) -> Vec<&'g str> {
        if self.pointing.is_empty() {
            return Vec::new();
        }
        let mut problems: Vec<u32> = Vec::new();
        for resource in resources {
            if self.sharing.is_too_much() {
                return Vec::new();
            }
            let resource = Self::first_of(graph, resource);
            let start = self.pointing.partition_point(|(target, _)| *target < resource);
            problems.extend(
                self.pointing[start..]
                    .iter()
                    .take_while(|(target, _)| *target == resource)
                    .map(|(_, problem)| problem),
            );
        }
        self.sharing.share(problems.len());
        // Problems of one id and different content are one problem to whoever reads ids.
        problems.iter_mut().for_each(|problem| *problem = graph.first_of(*problem));
        problems.sort_unstable();
        problems.dedup();
        // One without an id can be counted, but not named.
        let id = |problem: u32| graph.all.store.get(graph.id_text(problem));
        problems.into_iter().filter_map(id).collect()
    }

    fn add_authorised(&mut self, graph: &'g Graph<'g, '_>, statements: &[Statement]) {
        for (statement, plan) in plans(graph, statements) {
            if let Some(id) = graph.target_id(plan) {
                let number = self.number_of(plan);
                self.authorised.entry(id).or_insert((statement, number));
            }
        }
    }

    fn add_list(
        &mut self,
        graph: &'g Graph<'g, '_>,
        items: &Items,
        (position, list): (u32, &List),
        findings: &mut Findings,
    ) {
        if !graph.counts(list.resource) {
            return;
        }
        let purpose = list.purpose;
        if purpose == Purpose::Other {
            let code = if list.is_coded { NoticeCode::UnknownCode } else { NoticeCode::MissingElement };
            findings.notices.add(list.resource, code, "code");
        }
        for item in items.of(list) {
            let number = match graph.plainly_named(item) {
                NOBODY => self.odd_item(graph, list, item, findings),
                number => Some(number),
            };
            if let Some(number) = number {
                self.add_item(graph, position, purpose, number);
            }
        }
        if matches!(purpose, Purpose::Structure(_)) {
            graph.notice(&list.encounter, list.resource, "encounter", &mut findings.notices);
            self.add_headers(graph, list, findings);
        }
    }

    /// The number of what an item points at that is not plainly a resource of the bundle; says what is wrong with it.
    fn odd_item(
        &self,
        graph: &'g Graph<'g, '_>,
        list: &List,
        item: &Reference,
        findings: &mut Findings,
    ) -> Option<u32> {
        let resolved = graph.resolve_noticed(*item, list.resource, "entry.item", &mut findings.notices);
        notice_unsupported(graph, list.resource, &resolved, "entry.item", findings);
        if resolved.target == Target::Absent {
            findings.notices.add(list.resource, NoticeCode::MalformedReference, "entry.item");
        }
        self.number_of(resolved.target)
    }

    fn add_item(&mut self, graph: &'g Graph<'g, '_>, position: u32, purpose: Purpose, number: u32) {
        let lost = is_lost(graph, number);
        let kind = if lost { kinds::MEDICATION_REQUEST } else { graph.resource(number).kind };
        let membership = match purpose {
            Purpose::Primary(area) if is_of_area(kind, area) => Membership::PRIMARY,
            Purpose::EndedAllergies => Membership::ENDED,
            Purpose::Secondary(_) => Membership::LINKED,
            Purpose::Structure(_) if kind != kinds::LIST => Membership::LINKED,
            _ => return,
        };
        self.membership[number as usize].add(membership);
        if !matches!(purpose, Purpose::Structure(_)) || self.places.number(position).is_none() {
            return;
        }
        let placed = &mut self.placed[number as usize];
        *placed = (*placed).min(position);
        if lost {
            return;
        }
        self.listed.push((number, position));
        let twins = graph.twins(number);
        if self.sharing.share(twins.len()) {
            self.listed.extend(twins.iter().map(|(_, twin)| (*twin, position)));
        }
    }

    /// A list's header problem is linked; it is not placed by it.
    fn add_headers(&mut self, graph: &'g Graph<'g, '_>, list: &List, findings: &mut Findings) {
        for header in list.saying(graph.all).headers.of(&graph.all.headers) {
            let resolved =
                graph.resolve_noticed(header.target, list.resource, "extension", &mut findings.notices);
            if let Target::Resource(number) = resolved.target {
                self.membership[number as usize].add(Membership::LINKED);
            }
        }
    }

    /// What the Ended list contains is ended, whether an item names it or not, and so is a top-level allergy of
    /// the same id.
    fn add_contained_ended(&mut self, graph: &'g Graph<'g, '_>) {
        for Contained { number, container } in &graph.all.contained {
            if graph.resource(*number).kind != kinds::ALLERGY_INTOLERANCE {
                continue;
            }
            let container = graph.resource(*container);
            let in_ended_list = container.kind == kinds::LIST
                && graph.all.purposes[container.row as usize] == Purpose::EndedAllergies;
            if in_ended_list {
                self.membership[*number as usize].add(Membership::ENDED);
                if let Some(twin) = graph.top_level(*number) {
                    self.membership[twin as usize].add(Membership::ENDED);
                }
            }
        }
    }

    fn add_problems(&mut self, graph: &'g Graph<'g, '_>, records: &Records, findings: &mut Findings) {
        for condition in &records.conditions {
            let problem = condition.head.resource;
            if !graph.counts(problem) {
                continue;
            }
            for link in condition.links.of(&records.problem_links) {
                let resolved =
                    graph.resolve_noticed(link.target, problem, "extension", &mut findings.notices);
                notice_unsupported(graph, problem, &resolved, "extension", findings);
                let Some(number) = self.number_of(resolved.target) else { continue };
                self.membership[number as usize].add(Membership::LINKED);
                if matches!(link.relation, Relation::ActualProblem | Relation::ProblemContent) {
                    self.pointing.push((number, problem));
                }
            }
        }
    }
}

/// Whether the words of a reference say that the provider does not supply what stands here
/// (`consultations` sheet, section 4).
pub(crate) fn is_unsupported(text: &str) -> bool {
    find_ignoring_case(text.as_bytes(), "not supported").is_some()
}

/// Whether the words of a reference say that the area is switched off.
pub(crate) fn is_disabled(text: &str) -> bool {
    find_ignoring_case(text.as_bytes(), "disabled").is_some()
}

fn notice_unsupported(
    graph: &Graph<'_, '_>,
    resource: u32,
    resolved: &Resolved<'_>,
    element: &'static str,
    findings: &mut Findings,
) {
    if resolved.target != Target::Display {
        return;
    }
    let said = graph.all.store.str(resolved.display);
    if is_unsupported(said) || is_disabled(said) {
        findings.notices.add(resource, NoticeCode::UnsupportedContent, element);
    }
}

/// The plan of each statement, with that statement.
fn plans<'g>(graph: &'g Graph<'g, '_>, statements: &[Statement]) -> impl Iterator<Item = (u32, Target<'g>)> {
    let counted = statements.iter().filter(|statement| graph.counts(statement.head.resource));
    counted.filter_map(|statement| {
        let holder = statement.head.resource;
        let named = statement.based_on.of(&graph.all.references).iter();
        let mut targets = named.map(|plan| graph.resolve(*plan, holder).target);
        let plan = targets.find(|target| graph.target_type(*target) == Some("MedicationRequest"))?;
        Some((holder, plan))
    })
}

fn lost_plans<'g>(graph: &'g Graph<'g, '_>, statements: &[Statement]) -> HashMap<&'g str, u32> {
    let mut lost = HashMap::new();
    for (_, plan) in plans(graph, statements) {
        if let Target::Elsewhere { id, .. } = plan {
            let number = graph.all.resources.len() + lost.len();
            lost.entry(id).or_insert(number as u32);
        }
    }
    lost
}

/// Whether a number is that of a plan which is not in the bundle.
fn is_lost(graph: &Graph<'_, '_>, number: u32) -> bool {
    number as usize >= graph.all.resources.len()
}

fn is_of_area(kind: TypeId, area: ClinicalArea) -> bool {
    match area {
        ClinicalArea::Allergies => kind == kinds::ALLERGY_INTOLERANCE,
        ClinicalArea::Medications => matches!(kind, kinds::MEDICATION_STATEMENT | kinds::MEDICATION_REQUEST),
        ClinicalArea::Problems => kind == kinds::CONDITION,
        ClinicalArea::Consultations => kind == kinds::ENCOUNTER,
        _ => false,
    }
}
