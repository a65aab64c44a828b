//! `links`: one row per reference between two clinical records.

use arrow_array::RecordBatch;
use bedside_model::schema::Table;
use hashbrown::HashSet;

use crate::columns::Columns;
use crate::elements::Reference;
use crate::graph::{Graph, Target};
use crate::kinds;
use crate::relations::Relations;
use crate::tables::problems::Relation;

/// One row.
struct Link<'g> {
    from: u32,
    relation: &'static str,
    to_type: Option<&'g str>,
    to_id: Option<&'g str>,
    resolved: bool,
    display: Option<&'g str>,
}

/// Makes the table: the links of each record in the order of the bundle.
pub(crate) fn table<'g>(graph: &'g Graph<'g, '_>, relations: &'g Relations<'g>) -> RecordBatch {
    let mut links = Links { graph, rows: Vec::new() };
    links.add_contexts();
    links.add_listed(relations);
    links.add_problems();
    links.add_authorisations();
    links.rows.sort_by_cached_key(|link| link.from);
    links.columns()
}

struct Links<'g, 's> {
    graph: &'g Graph<'g, 's>,
    rows: Vec<Link<'g>>,
}

impl<'g> Links<'g, '_> {
    fn add(&mut self, from: u32, relation: &'static str, reference: Reference) {
        if reference.is_absent() || !self.graph.counts(from) {
            return;
        }
        let resolved = self.graph.resolve(reference, from);
        if matches!(resolved.target, Target::Absent | Target::Identifier) {
            return;
        }
        self.rows.push(Link {
            from,
            relation,
            to_type: self.graph.target_type(resolved.target),
            to_id: self.graph.target_id(resolved.target),
            resolved: matches!(resolved.target, Target::Resource(_)),
            display: self.graph.all.store.get(resolved.display),
        });
    }

    /// Record to consultation, as the record says.
    fn add_contexts(&mut self) {
        let all = self.graph.all;
        let statements = all.statements.iter().map(|it| (it.head.resource, it.context));
        let requests = all.requests.iter().map(|it| (it.head.resource, it.context));
        let allergies = all.allergies.iter().map(|it| (it.head.resource, it.encounter));
        let conditions = all.conditions.iter().map(|it| (it.head.resource, it.context));
        for (from, context) in statements.chain(requests).chain(allergies).chain(conditions) {
            self.add(from, "recorded-in", context);
        }
    }

    /// Record to consultation, as the consultation's lists say: once, however many of them hold the record.
    fn add_listed(&mut self, relations: &Relations<'g>) {
        let mut seen: HashSet<(u32, Option<&str>)> = HashSet::new();
        for (record, list) in &relations.listed {
            let Some(place) = relations.place(self.graph, *list) else { continue };
            if !is_record(self.graph.resource(*record).kind) || !seen.insert((*record, place.id)) {
                continue;
            }
            self.rows.push(Link {
                from: *record,
                relation: "listed-in",
                to_type: Some("Encounter"),
                to_id: place.id,
                resolved: place.encounter.is_some(),
                display: None,
            });
        }
    }

    fn add_problems(&mut self) {
        for condition in &self.graph.all.conditions {
            for link in condition.links.of(&self.graph.all.problem_links) {
                if link.relation != Relation::UnknownHeader {
                    self.add(condition.head.resource, link.relation.as_str(), link.target);
                }
            }
        }
    }

    fn add_authorisations(&mut self) {
        let all = self.graph.all;
        for statement in &all.statements {
            for plan in statement.based_on.of(&all.references) {
                self.add(statement.head.resource, "authorised-by", *plan);
            }
        }
        for request in &all.requests {
            if request.is_plan(all) {
                self.add(request.head.resource, "replaces", request.prior);
                continue;
            }
            for plan in request.based_on.of(&all.references) {
                self.add(request.head.resource, "issued-under", *plan);
            }
        }
    }

    fn columns(&self) -> RecordBatch {
        let (graph, rows) = (self.graph, &self.rows);
        let mut columns = Columns::new(Table::Links, rows.len(), graph.all);
        columns.count("entry_index", rows.iter().map(|link| Some(graph.entry(link.from))));
        columns.text("from_type", rows.iter().map(|link| Some(graph.type_name(link.from))));
        columns.kept("from_id", rows.iter().map(|link| graph.id_text(link.from)));
        columns.text("relation", rows.iter().map(|link| Some(link.relation)));
        columns.text("to_type", rows.iter().map(|link| link.to_type));
        columns.text("to_id", rows.iter().map(|link| link.to_id));
        columns.flag("resolved", rows.iter().map(|link| Some(link.resolved)));
        columns.text("display", rows.iter().map(|link| link.display));
        columns.finish()
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
