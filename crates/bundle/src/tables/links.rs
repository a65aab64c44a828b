//! `links`: one row per reference between two clinical records.

use bedside_model::schema::Table;
use hashbrown::HashSet;

use super::Batch;
use crate::collected::{NOBODY, Records};
use crate::columns::Columns;
use crate::elements::Reference;
use crate::graph::{Graph, Target};
use crate::kinds;
use crate::order::by_number;
use crate::relations::Relations;
use crate::tables::problems::Relation;

/// One row: what it says and of which record. What it points at is looked up as each column is filled.
pub(crate) struct Link {
    from: u32,
    relation: Linked,
    /// The resource that it points at, or [`NOBODY`]; what a list says, by the number of its Encounter.
    to: u32,
    /// Nothing where a list says it: it refers to it, not the record.
    said: Reference,
}

/// How a record is linked.
#[derive(Clone, Copy)]
enum Linked {
    RecordedIn,
    ListedIn,
    AuthorisedBy,
    Replaces,
    IssuedUnder,
    Problem(Relation),
}

impl Linked {
    /// The name in the record.
    fn as_str(self) -> &'static str {
        match self {
            Self::RecordedIn => "recorded-in",
            Self::ListedIn => "listed-in",
            Self::AuthorisedBy => "authorised-by",
            Self::Replaces => "replaces",
            Self::IssuedUnder => "issued-under",
            Self::Problem(relation) => relation.as_str(),
        }
    }
}

/// Finds the rows, while all records are there.
pub(crate) fn gather<'g>(
    graph: &'g Graph<'g, '_>,
    relations: &'g Relations<'g>,
    records: &'g Records,
    listed: &[(u32, u32)],
) -> Vec<Link> {
    let few = 2 * (records.statements.len() + records.requests.len()) + listed.len();
    let rows = Vec::with_capacity(few.min(1 << 10));
    let mut links = Links { graph, relations, records, rows };
    links.add_contexts();
    links.add_listed(listed);
    links.add_problems();
    links.add_authorisations();
    links.rows.shrink_to_fit();
    links.rows
}

/// Makes the table: the links of each record in the order of the bundle.
pub(crate) fn table<'g>(graph: &'g Graph<'g, '_>, relations: &'g Relations<'g>, links: &[Link]) -> Batch {
    if links.is_empty() {
        return None;
    }
    let order = by_number(links.iter().map(|link| link.from), graph.all.resources.len());
    let rows = || order.iter().map(|place| &links[*place as usize]);
    let mut columns = Columns::new(Table::Links, order.len(), graph.all);
    columns.count("entry_index", rows().map(|link| Some(graph.entry(link.from))));
    columns.text("from_type", rows().map(|link| Some(graph.type_name(link.from))));
    columns.kept("from_id", rows().map(|link| graph.id_text(link.from)));
    columns.words("relation", rows().map(|link| Some(link.relation.as_str())));
    let to_type = |link: &Link| match link.relation {
        Linked::ListedIn => graph.target_type(relations.encounter(graph, link.to)),
        _ => graph.named_type(&link.said, link.from),
    };
    columns.text("to_type", rows().map(to_type));
    let to_id = |link: &Link| match link.relation {
        Linked::ListedIn => graph.target_id(relations.encounter(graph, link.to)),
        _ => graph.named_id(&link.said, link.from),
    };
    columns.text("to_id", rows().map(to_id));
    // Behind the numbers of the resources are those of Encounters that are not in the bundle.
    columns.flag("resolved", rows().map(|link| Some((link.to as usize) < graph.all.resources.len())));
    columns.kept("display", rows().map(|link| graph.display(&link.said, link.from)));
    Some(columns.finish())
}

struct Links<'g, 's> {
    graph: &'g Graph<'g, 's>,
    relations: &'g Relations<'g>,
    records: &'g Records,
    rows: Vec<Link>,
}

impl Links<'_, '_> {
    fn add(&mut self, from: u32, relation: Linked, reference: &Reference) {
        if reference.is_absent() || !self.graph.counts(from) {
            return;
        }
        let to = match self.graph.resolve(*reference, from).target {
            Target::Absent | Target::Identifier => return,
            Target::Resource(number) => number,
            _ => NOBODY,
        };
        self.rows.push(Link { from, relation, to, said: *reference });
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
            let Some(to) = self.relations.encounter_number(*list) else { continue };
            let id = self.graph.target_id(self.relations.encounter(self.graph, to));
            if seen.insert((*record, id)) {
                let said = Reference::default();
                self.rows.push(Link { from: *record, relation: Linked::ListedIn, to, said });
            }
        }
    }

    fn add_problems(&mut self) {
        for condition in &self.records.conditions {
            for link in condition.links.of(&self.records.problem_links) {
                if link.relation != Relation::UnknownHeader {
                    self.add(condition.head.resource, Linked::Problem(link.relation), &link.target);
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
