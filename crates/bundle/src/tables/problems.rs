//! `problems`: one row per Condition, the problem header (`problems` sheet).

use bedside_model::NoticeCode;
use bedside_model::schema::Table;
use hashbrown::HashSet;

use super::{Batch, RecordTable, encounters};
use crate::columns::Columns;
use crate::concepts::{self, Described};
use crate::date::Date;
use crate::elements::{Concept, Extension, Head, Reference};
use crate::findings::Findings;
use crate::flags::Flags;
use crate::graph::{Graph, Resolved, Target};
use crate::places::Consultation;
use crate::reader::{Name, Read, Reader};
use crate::relations::{Membership, Relations};
use crate::text::{Span, Text};
use crate::words::Word;

/// A Condition as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Condition {
    pub(crate) head: Head,
    pub(crate) code: Concept,
    pub(crate) clinical_status: Text,
    pub(crate) significance: Text,
    pub(crate) category: Span,
    pub(crate) onset: Date,
    pub(crate) abatement: Date,
    pub(crate) asserted: Date,
    pub(crate) asserter: Reference,
    pub(crate) context: Reference,
    /// In the pool of problem links, in the order sent.
    pub(crate) links: Span,
}

/// What a problem says of another record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    ActualProblem,
    ProblemContent,
    Parent,
    Child,
    Sibling,
    /// A relation between problems that is none of the three.
    UnknownHeader,
}

impl Relation {
    /// The name in the record.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ActualProblem => "actual-problem",
            Self::ProblemContent => "problem-content",
            Self::Parent => "parent",
            Self::Child => "child",
            Self::Sibling => "sibling",
            Self::UnknownHeader => "unknown",
        }
    }

    fn of_header(kind: &str) -> Self {
        [Self::Parent, Self::Child, Self::Sibling]
            .into_iter()
            .find(|relation| relation.as_str().eq_ignore_ascii_case(kind))
            .unwrap_or(Self::UnknownHeader)
    }
}

/// One link of a problem.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProblemLink {
    pub(crate) relation: Relation,
    pub(crate) target: Reference,
}

pub(crate) fn read(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    let head = reader.begin(reader.out.conditions.len());
    let mut this = Condition { head, ..Condition::default() };
    let mut members = reader.enter_object()?;
    while let Some(name) = reader.next_name(&mut members)? {
        match name {
            Name::Extension => read_extensions(reader, &mut this)?,
            Name::Code => this.code = reader.concept("code")?,
            Name::ClinicalStatus => this.clinical_status = reader.text("clinicalStatus")?,
            Name::Category => this.category = reader.in_passing(read_categories)?,
            Name::OnsetDateTime => this.onset.text = reader.text("onsetDateTime")?,
            Name::AbatementDateTime => this.abatement.text = reader.text("abatementDateTime")?,
            Name::AssertedDate => this.asserted.text = reader.text("assertedDate")?,
            Name::Asserter => this.asserter = reader.reference("asserter")?,
            Name::Context => this.context = reader.reference("context")?,
            _ => reader.common(name, &mut this.head)?,
        }
    }
    let store = &reader.out.store;
    (this.clinical_status, this.significance) =
        (store.known(this.clinical_status), store.known(this.significance));
    Date::find_days(store, [&mut this.onset, &mut this.abatement, &mut this.asserted]);
    reader.out.conditions.push(this);
    Ok(())
}

fn read_extensions(reader: &mut Reader<'_, '_, '_>, this: &mut Condition) -> Read<()> {
    let start = reader.out.problem_links.len();
    reader.extensions(|reader, extension| {
        let (relation, target) = match extension {
            Extension::ActualProblem => (Relation::ActualProblem, reader.extension_reference("extension")?),
            Extension::RelatedClinicalContent => {
                (Relation::ProblemContent, reader.extension_reference("extension")?)
            }
            Extension::RelatedProblemHeader => {
                let header = reader.problem_header("extension")?;
                (Relation::of_header(reader.out.store.code(header.kind)), header.target)
            }
            Extension::ProblemSignificance => {
                // The specification's page has a concept here, all data a code.
                let significance = reader.extension_concept("extension")?;
                let code = concepts::code(reader.out, significance);
                this.significance.keep_first(code.or(significance.text));
                return Ok(());
            }
            _ => return reader.skip_extension(),
        };
        if relation == Relation::UnknownHeader {
            reader.notice(NoticeCode::UnknownCode, "extension");
        }
        reader.out.problem_links.push(ProblemLink { relation, target });
        Ok(())
    })?;
    this.links = Span::since(start, &reader.out.problem_links);
    Ok(())
}

fn read_categories(reader: &mut Reader<'_, '_, '_>) -> Read<Span> {
    let concepts = reader.concepts("category")?;
    let start = reader.out.texts.len();
    for position in 0..concepts.length {
        let concept = concepts.of(&reader.out.concepts)[position as usize];
        let code = concepts::code(reader.out, concept).or(concept.text);
        if code.is_some() {
            reader.out.texts.push(code);
        }
    }
    Ok(Span::since(start, &reader.out.texts))
}

/// One row.
struct Row<'g> {
    condition: &'g Condition,
    links: &'g [ProblemLink],
    problem: Described<'g>,
    actual: Option<Resolved<'g>>,
    consultation: Option<Consultation<'g>>,
    membership: Membership,
    flags: Flags,
}

/// Makes the table.
pub(crate) fn table<'g>(
    graph: &'g Graph<'g, '_>,
    relations: &'g Relations<'g>,
    (conditions, links): (&'g [Condition], &'g [ProblemLink]),
    findings: &mut Findings,
) -> RecordTable {
    let counted = conditions.iter().filter(|condition| graph.counts(condition.head.resource));
    let joined = |condition: &'g Condition| row(graph, relations, condition, condition.links.of(links));
    let rows: Vec<Row<'g>> = counted.map(joined).collect();
    for row in &rows {
        notice_gaps(graph, row, findings);
    }
    let places = rows.iter().map(|row| row.consultation);
    RecordTable { encounters: encounters(places), batch: columns(graph, &rows, findings) }
}

fn row<'g>(
    graph: &'g Graph<'g, '_>,
    relations: &'g Relations<'g>,
    condition: &'g Condition,
    links: &'g [ProblemLink],
) -> Row<'g> {
    let resource = condition.head.resource;
    let actual = links.iter().find(|link| link.relation == Relation::ActualProblem);
    let mut flags = Flags::default();
    let active = graph.all.store.word(condition.clinical_status) == Word::Active;
    flags.raise(Flags::STATUS_CONFLICT, active && condition.abatement.is_some());
    Row {
        condition,
        links,
        problem: concepts::describe(graph.all, condition.code),
        actual: actual.map(|link| graph.resolve(link.target, resource)),
        consultation: relations
            .by_context(graph, condition.context, resource)
            .or_else(|| relations.by_structure(graph, [Some(resource), None])),
        membership: relations.membership(graph, resource),
        flags,
    }
}

fn notice_gaps(graph: &Graph<'_, '_>, row: &Row<'_>, findings: &mut Findings) {
    let (condition, resource) = (row.condition, row.condition.head.resource);
    let notices = &mut findings.notices;
    graph.notice(&condition.asserter, resource, "asserter", notices);
    graph.notice(&condition.context, resource, "context", notices);
    if row.problem.degraded.is_some() {
        notices.add(resource, NoticeCode::DegradedCode, "code");
    }
    if row.problem.term.is_none() {
        notices.add(resource, NoticeCode::MissingElement, "code");
    }
    match graph.all.store.word(condition.clinical_status) {
        Word::Absent => notices.add(resource, NoticeCode::MissingElement, "clinicalStatus"),
        Word::Active | Word::Inactive => {}
        _ => notices.add(resource, NoticeCode::UnknownCode, "clinicalStatus"),
    }
    if !matches!(graph.all.store.word(condition.significance), Word::Absent | Word::Major | Word::Minor) {
        notices.add(resource, NoticeCode::UnknownCode, "extension");
    }
}

fn columns(graph: &Graph<'_, '_>, rows: &[Row<'_>], findings: &mut Findings) -> Batch {
    if rows.is_empty() {
        return None;
    }
    let mut columns = Columns::new(Table::Problems, rows.len(), graph.all);
    let number = |row: &Row<'_>| row.condition.head.resource;
    columns.count("entry_index", rows.iter().map(|row| Some(graph.entry(number(row)))));
    columns.kept("problem_id", rows.iter().map(|row| graph.id_text(number(row))));
    columns.identifiers("identifiers", rows.iter().map(|row| row.condition.head.identifiers));
    columns.concept("problem", rows.iter().map(|row| &row.problem));
    columns.kept("clinical_status", rows.iter().map(|row| row.condition.clinical_status));
    columns.kept("significance", rows.iter().map(|row| row.condition.significance));
    columns.kept_texts("category", rows.iter().map(|row| row.condition.category));
    columns.date(
        "onset",
        "onsetDateTime",
        findings,
        rows.iter().map(|row| (number(row), row.condition.onset)),
    );
    let abatement = rows.iter().map(|row| (number(row), row.condition.abatement));
    columns.date("abatement", "abatementDateTime", findings, abatement);
    columns.date(
        "asserted",
        "assertedDate",
        findings,
        rows.iter().map(|row| (number(row), row.condition.asserted)),
    );
    columns.text("asserter", rows.iter().map(|row| graph.name(row.condition.asserter, number(row))));
    let target = rows.iter().map(|row| row.actual.map(|actual| actual.target));
    columns.text("actual_problem_type", target.clone().map(|target| graph.target_type(target?)));
    columns.text("actual_problem_id", target.clone().map(|target| graph.target_id(target?)));
    let resolved = target.map(|target| Some(matches!(target?, Target::Resource(_))));
    columns.flag("actual_problem_resolved", resolved);
    columns.text("consultation_id", rows.iter().map(|row| row.consultation.and_then(|place| place.id)));
    columns.text("consultation_link", rows.iter().map(|row| row.consultation.map(|place| place.link)));
    for (name, relation) in
        [("parent_ids", Relation::Parent), ("child_ids", Relation::Child), ("sibling_ids", Relation::Sibling)]
    {
        columns.texts(name, rows.iter().map(|row| related(graph, row, relation)));
    }
    columns.kept_texts("notes", rows.iter().map(|row| row.condition.head.notes));
    columns.kept_texts("security", rows.iter().map(|row| row.condition.head.security));
    columns.words("membership", rows.iter().map(|row| Some(row.membership.as_str())));
    columns.flags(rows.iter().map(|row| findings.flags(row.flags, number(row))));
    Some(columns.finish())
}

/// Ids of the problems in one relation, those outside the bundle included.
fn related<'g>(graph: &'g Graph<'g, '_>, row: &Row<'_>, relation: Relation) -> Vec<&'g str> {
    let links = row.links.iter().filter(|link| link.relation == relation);
    let ids = links
        .filter_map(|link| graph.target_id(graph.resolve(link.target, row.condition.head.resource).target));
    let mut known: HashSet<&str> = HashSet::new();
    ids.filter(|id| known.insert(id)).collect()
}

/// The problems that a list's header names, as ids.
pub(crate) fn header_ids<'g>(
    graph: &'g Graph<'g, '_>,
    headers: Span,
    list: u32,
) -> impl Iterator<Item = &'g str> {
    let headers = headers.of(&graph.all.headers).iter();
    headers.filter_map(move |header| graph.named_id(&header.target, list))
}
