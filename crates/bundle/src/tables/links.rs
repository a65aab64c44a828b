//! `links`: one row per reference between two clinical records.

use bedside_model::schema::Table;
use hashbrown::HashSet;

use super::Batch;
use crate::collected::Records;
use crate::columns::Columns;
use crate::elements::Reference;
use crate::graph::{Graph, Target};
use crate::kinds;
use crate::order::by_number;
use crate::places::Places;
use crate::tables::problems::Relation;
use crate::text::Text;

/// One row: what it says and of which record. What it points at is looked up as each column is filled.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    from: u32,
    linked: Linked,
}

/// How a record is linked, and what it says.
#[derive(Clone, Copy)]
enum Linked {
    RecordedIn(Reference),
    /// A list says it: the number of its Encounter.
    ListedIn(u32),
    AuthorisedBy(Reference),
    Replaces(Reference),
    IssuedUnder(Reference),
    Problem(Relation, Reference),
}

impl Linked {
    /// The name in the record.
    fn as_str(self) -> &'static str {
        match self {
            Self::RecordedIn(_) => "recorded-in",
            Self::ListedIn(_) => "listed-in",
            Self::AuthorisedBy(_) => "authorised-by",
            Self::Replaces(_) => "replaces",
            Self::IssuedUnder(_) => "issued-under",
            Self::Problem(relation, _) => relation.as_str(),
        }
    }

    /// What the record says, or else the number of the Encounter that a list says.
    fn said(&self) -> Result<&Reference, u32> {
        match self {
            Self::ListedIn(encounter) => Err(*encounter),
            Self::RecordedIn(said)
            | Self::AuthorisedBy(said)
            | Self::Replaces(said)
            | Self::IssuedUnder(said)
            | Self::Problem(_, said) => Ok(said),
        }
    }
}

/// Finds the rows, while all records are there.
pub(crate) fn gather<'g>(
    graph: &'g Graph<'g, '_>,
    places: &'g Places,
    records: &'g Records,
    listed: &[(u32, u32)],
) -> Vec<Link> {
    let few = 2 * (records.statements.len() + records.requests.len()) + listed.len();
    let rows = Vec::with_capacity(few.min(1 << 10));
    let mut links = Links { graph, places, records, rows };
    links.add_contexts();
    links.add_listed(listed);
    links.add_problems();
    links.add_authorisations();
    // Those of each record in the order in which they were found, which is that of the bundle for each kind.
    let order = by_number(links.rows.iter().map(|link| link.from), graph.all.resources.len());
    order.iter().map(|place| links.rows[*place as usize]).collect()
}

/// Makes the table: the links of each record in the order of the bundle.
pub(crate) fn table(graph: &Graph<'_, '_>, places: &Places, links: &[Link]) -> Batch {
    if links.is_empty() {
        return None;
    }
    let rows = || links.iter();
    let mut columns = Columns::new(Table::Links, links.len(), graph.all);
    columns.count("entry_index", rows().map(|link| Some(graph.entry(link.from))));
    columns.text("from_type", rows().map(|link| Some(graph.type_name(link.from))));
    columns.kept("from_id", rows().map(|link| graph.id_text(link.from)));
    columns.words("relation", rows().map(|link| Some(link.linked.as_str())));
    let to_type = |link: &Link| match link.linked.said() {
        Err(encounter) => graph.target_type(places.encounter(graph, encounter)),
        Ok(said) => graph.named_type(said, link.from),
    };
    columns.text("to_type", rows().map(to_type));
    let to_id = |link: &Link| match link.linked.said() {
        Err(encounter) => graph.target_id(places.encounter(graph, encounter)),
        Ok(said) => graph.named_id(said, link.from),
    };
    columns.text("to_id", rows().map(to_id));
    let resolved = |link: &Link| match link.linked.said() {
        // Behind the numbers of the resources are those of Encounters that are not in the bundle.
        Err(encounter) => (encounter as usize) < graph.all.resources.len(),
        Ok(said) if graph.is_plain(said) => graph.is_plainly_known(said),
        Ok(said) => matches!(graph.resolve(*said, link.from).target, Target::Resource(_)),
    };
    columns.flag("resolved", rows().map(|link| Some(resolved(link))));
    // A list refers to the consultation, not the record.
    let display = |link: &Link| link.linked.said().map_or(Text::NONE, |said| graph.display(said, link.from));
    columns.kept("display", rows().map(display));
    Some(columns.finish())
}

struct Links<'g, 's> {
    graph: &'g Graph<'g, 's>,
    places: &'g Places,
    records: &'g Records,
    rows: Vec<Link>,
}

impl Links<'_, '_> {
    fn add(&mut self, from: u32, linked: impl FnOnce(Reference) -> Linked, reference: &Reference) {
        if reference.is_absent() || !self.graph.counts(from) {
            return;
        }
        if !self.graph.is_plain(reference) {
            let target = self.graph.resolve(*reference, from).target;
            if matches!(target, Target::Absent | Target::Identifier) {
                return;
            }
        }
        self.rows.push(Link { from, linked: linked(*reference) });
    }

    /// Record to consultation, as the record says.
    fn add_contexts(&mut self) {
        let all = self.records;
        let statements = all.statements.iter().map(|it| (it.head.resource, &it.context));
        let requests = all.requests.iter().map(|it| (it.head.resource, &it.context));
        let allergies = all.allergies.iter().map(|it| (it.head.resource, &it.encounter));
        let conditions = all.conditions.iter().map(|it| (it.head.resource, &it.context));
        for (from, context) in statements.chain(requests).chain(allergies).chain(conditions) {
            self.add(from, Linked::RecordedIn, context);
        }
    }

    /// Record to consultation, as the consultation's lists say: once, however many of them hold the record.
    fn add_listed(&mut self, listed: &[(u32, u32)]) {
        let mut seen: HashSet<(u32, Option<&str>)> = HashSet::new();
        for (record, list) in listed {
            if !is_record(self.graph.resource(*record).kind) {
                continue;
            }
            let Some(to) = self.places.number(*list) else { continue };
            let id = self.graph.target_id(self.places.encounter(self.graph, to));
            if seen.insert((*record, id)) {
                self.rows.push(Link { from: *record, linked: Linked::ListedIn(to) });
            }
        }
    }

    fn add_problems(&mut self) {
        for condition in &self.records.conditions {
            for link in condition.links.of(&self.records.problem_links) {
                if link.relation != Relation::UnknownHeader {
                    let linked = |said| Linked::Problem(link.relation, said);
                    self.add(condition.head.resource, linked, &link.target);
                }
            }
        }
    }

    fn add_authorisations(&mut self) {
        let all = self.graph.all;
        for statement in &self.records.statements {
            for plan in statement.based_on.of(&all.references) {
                self.add(statement.head.resource, Linked::AuthorisedBy, plan);
            }
        }
        for request in &self.records.requests {
            if request.is_plan(all) {
                self.add(request.head.resource, Linked::Replaces, &request.prior);
                continue;
            }
            for plan in request.based_on.of(&all.references) {
                self.add(request.head.resource, Linked::IssuedUnder, plan);
            }
        }
    }
}

/// Whether a resource is one of the five kinds of record that links start from.
fn is_record(kind: kinds::TypeId) -> bool {
    matches!(
        kind,
        kinds::MEDICATION_STATEMENT
            | kinds::MEDICATION_REQUEST
            | kinds::ALLERGY_INTOLERANCE
            | kinds::CONDITION
            | kinds::ENCOUNTER
    )
}
