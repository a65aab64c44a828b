//! `allergies`: one row per AllergyIntolerance, top level or contained (`allergies` sheet).

use bedside_model::NoticeCode;
use bedside_model::schema::Table;
use hashbrown::HashMap;

use super::{Batch, RecordTable, encounters};
use crate::collected::Collected;
use crate::columns::Columns;
use crate::concepts::{self, Described};
use crate::date::Date;
use crate::elements::{Concept, Extension, Head, Reference};
use crate::findings::Findings;
use crate::flags::Flags;
use crate::graph::Graph;
use crate::kinds;
use crate::lists::Purpose;
use crate::no_known_allergy::{self, Agent};
use crate::places::Consultation;
use crate::reader::{Name, Read, Reader};
use crate::relations::{Membership, Relations};
use crate::text::{Span, Text};
use crate::words::Word;

/// An AllergyIntolerance as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allergy {
    pub(crate) head: Head,
    pub(crate) clinical_status: Text,
    pub(crate) verification_status: Text,
    pub(crate) kind: Text,
    pub(crate) criticality: Text,
    pub(crate) category: Span,
    pub(crate) code: Concept,
    pub(crate) onset: Date,
    pub(crate) asserted: Date,
    pub(crate) last_occurrence: Date,
    pub(crate) has_end: bool,
    pub(crate) ended: Date,
    pub(crate) ended_reason: Text,
    pub(crate) asserter: Reference,
    pub(crate) recorder: Reference,
    pub(crate) reactions: Span,
    pub(crate) encounter: Reference,
}

/// A reaction as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reaction {
    pub(crate) manifestations: Span,
    pub(crate) severity: Text,
    pub(crate) exposure_route: Concept,
    pub(crate) description: Text,
}

pub(crate) fn read(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    let place = reader.out.allergies.len();
    let mut this = Allergy { head: reader.begin(place), ..Allergy::default() };
    reader.out.allergies.push(Allergy::default());
    let mut members = reader.enter_object()?;
    while let Some(name) = reader.next_name(&mut members)? {
        match name {
            Name::Extension => read_extensions(reader, &mut this)?,
            Name::ClinicalStatus => this.clinical_status = reader.text("clinicalStatus")?,
            Name::VerificationStatus => this.verification_status = reader.text("verificationStatus")?,
            Name::Type => this.kind = reader.text("type")?,
            Name::Criticality => this.criticality = reader.text("criticality")?,
            Name::Category => this.category = reader.texts("category")?,
            Name::Code => this.code = reader.concept("code")?,
            Name::OnsetDateTime => this.onset.text = reader.text("onsetDateTime")?,
            Name::AssertedDate => this.asserted.text = reader.text("assertedDate")?,
            Name::LastOccurrence => this.last_occurrence.text = reader.text("lastOccurrence")?,
            Name::Asserter => this.asserter = reader.reference("asserter")?,
            Name::Recorder => this.recorder = reader.reference("recorder")?,
            Name::Reaction => this.reactions = read_reactions(reader)?,
            _ => reader.common(name, &mut this.head)?,
        }
    }
    let store = &reader.out.store;
    this.clinical_status = store.known(this.clinical_status);
    let dates = [&mut this.onset, &mut this.asserted, &mut this.last_occurrence, &mut this.ended];
    Date::find_days(store, dates);
    reader.out.allergies[place] = this;
    Ok(())
}

fn read_extensions(reader: &mut Reader<'_, '_, '_>, this: &mut Allergy) -> Read<()> {
    reader.extensions(|reader, extension| {
        match extension {
            Extension::AssociatedEncounter => {
                let encounter = reader.extension_reference("extension")?;
                if this.encounter.is_absent() {
                    this.encounter = encounter;
                }
            }
            Extension::AllergyIntoleranceEnd => {
                this.has_end = true;
                read_end(reader, this)?;
            }
            _ => reader.skip_extension()?,
        }
        Ok(())
    })
}

fn read_end(reader: &mut Reader<'_, '_, '_>, this: &mut Allergy) -> Read<()> {
    reader.sub_extensions(|reader, part, _| {
        match part {
            Extension::EndDate => this.ended.text.keep_first(reader.text("extension")?),
            Extension::EndReason => this.ended_reason.keep_first(reader.text("extension")?),
            _ => reader.cursor.skip()?,
        }
        Ok(())
    })
}

fn read_reactions(reader: &mut Reader<'_, '_, '_>) -> Read<Span> {
    let start = reader.out.reactions.len();
    reader.each("reaction", |reader| {
        let mut this = Reaction::default();
        reader.object("reaction", |reader, key| {
            match key {
                Name::Manifestation => this.manifestations = reader.concepts("reaction.manifestation")?,
                Name::Severity => this.severity = reader.text("reaction.severity")?,
                Name::ExposureRoute => this.exposure_route = reader.concept("reaction.exposureRoute")?,
                Name::Description => this.description = reader.text("reaction.description")?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        reader.out.reactions.push(this);
        Ok(())
    })?;
    Ok(Span::since(start, &reader.out.reactions))
}

/// One row.
struct Row<'g> {
    allergy: &'g Allergy,
    ended_list: bool,
    agent: Described<'g>,
    derived_status: &'static str,
    reactions: Vec<Manifested>,
    consultation: Option<Consultation<'g>>,
    membership: Membership,
    flags: Flags,
}

/// One reaction with one manifestation.
#[derive(Clone, Copy)]
struct Manifested {
    code: Text,
    system: Text,
    term: Text,
    null_flavor: Text,
    severity: Text,
    exposure_route: Text,
    description: Text,
}

/// Makes the table.
pub(crate) fn table<'g>(
    graph: &'g Graph<'g, '_>,
    relations: &'g Relations<'g>,
    allergies: &'g [Allergy],
    findings: &mut Findings,
) -> RecordTable {
    let counted = allergies.iter().filter(|allergy| graph.counts(allergy.head.resource));
    let mut rows: Vec<Row<'g>> = counted.map(|allergy| row(graph, relations, allergy)).collect();
    share_conflicts(graph, &mut rows);
    mark_no_known_allergy_conflicts(graph, &mut rows, findings);
    for row in &rows {
        notice_gaps(graph, row, findings);
    }
    let places = rows.iter().map(|row| row.consultation);
    RecordTable { encounters: encounters(places), batch: columns(graph, relations, &rows, findings) }
}

fn row<'g>(graph: &'g Graph<'g, '_>, relations: &'g Relations<'g>, allergy: &'g Allergy) -> Row<'g> {
    let resource = allergy.head.resource;
    let is_ended_list = |container: u32| {
        let container = graph.resource(container);
        container.kind == kinds::LIST && graph.all.purposes[container.row as usize] == Purpose::EndedAllergies
    };
    let membership = relations.membership(graph, resource);
    Row {
        allergy,
        ended_list: graph.all.container_of(resource).is_some_and(is_ended_list),
        agent: concepts::describe(graph.all, allergy.code),
        derived_status: derived_status(graph.all, allergy, membership),
        reactions: manifested(graph.all, allergy),
        consultation: relations
            .by_context(graph, allergy.encounter, resource)
            .or_else(|| relations.by_structure(graph, [Some(resource), None])),
        membership,
        flags: Flags::default(),
    }
}

/// Active unless something says ended; both is a conflict, to be shown as possibly active. An assertion that
/// has ended asserts nothing any more (`allergies` sheet, sections 1 and 3).
fn derived_status(all: &Collected<'_>, allergy: &Allergy, membership: Membership) -> &'static str {
    let status = all.store.word(allergy.clinical_status);
    let ended = matches!(status, Word::Resolved | Word::Inactive) || allergy.has_end || membership.is_ended();
    let active = status == Word::Active || membership.is_primary();
    match (active, ended) {
        (true, true) => "conflict",
        (false, true) => "ended",
        _ if no_known_allergy(all, allergy).is_some() => "no_known_allergy",
        _ => "active",
    }
}

/// The agent of which an allergy asserts that it causes none; any, where one of its codes says so.
fn no_known_allergy(all: &Collected<'_>, allergy: &Allergy) -> Option<Agent> {
    let codings = allergy.code.codings.of(&all.codings).iter();
    let snomed = codings.filter(|coding| concepts::is_snomed(all, coding));
    let agents = snomed.filter_map(|coding| no_known_allergy::agent(all.store.code(coding.code)));
    agents.reduce(|one, other| if other == Agent::Any { other } else { one })
}

/// An allergy that is contained as ended and stands at top level too is one question: where either row is in
/// conflict, or one is active and the other ended, both are in conflict.
fn share_conflicts(graph: &Graph<'_, '_>, rows: &mut [Row<'_>]) {
    let place_of: HashMap<u32, usize> =
        rows.iter().enumerate().map(|(place, row)| (row.allergy.head.resource, place)).collect();
    for contained in 0..rows.len() {
        if !rows[contained].ended_list {
            continue;
        }
        let twin = graph.top_level(rows[contained].allergy.head.resource);
        let twin = twin.and_then(|twin| place_of.get(&twin).copied());
        let Some(twin) = twin else { continue };
        if rows[twin].derived_status != rows[contained].derived_status {
            rows[twin].derived_status = "conflict";
            rows[contained].derived_status = "conflict";
        }
    }
    for row in rows {
        row.flags.raise(Flags::STATUS_CONFLICT, row.derived_status == "conflict");
    }
}

/// Only the general assertion contradicts an allergy; one about drugs says nothing of other agents.
fn mark_no_known_allergy_conflicts(graph: &Graph<'_, '_>, rows: &mut [Row<'_>], findings: &mut Findings) {
    let general = |row: &Row<'_>| {
        row.derived_status == "no_known_allergy"
            && no_known_allergy(graph.all, row.allergy) == Some(Agent::Any)
    };
    let real = rows.iter().any(|row| row.derived_status == "active");
    if !real || !rows.iter().any(general) {
        return;
    }
    for row in rows.iter_mut() {
        let asserts = general(row);
        row.flags.raise(Flags::NKA_CONFLICT, asserts || row.derived_status == "active");
        if asserts {
            findings.notices.add(row.allergy.head.resource, NoticeCode::NoKnownAllergyConflict, "code");
        }
    }
}

fn manifested(all: &Collected<'_>, allergy: &Allergy) -> Vec<Manifested> {
    let mut rows = Vec::new();
    for reaction in allergy.reactions.of(&all.reactions) {
        let bare = Manifested {
            code: Text::NONE,
            system: Text::NONE,
            term: Text::NONE,
            null_flavor: Text::NONE,
            severity: reaction.severity,
            exposure_route: concepts::term(all, reaction.exposure_route),
            description: reaction.description,
        };
        let manifestations = reaction.manifestations.of(&all.concepts);
        if manifestations.is_empty() {
            rows.push(bare);
        }
        rows.extend(manifestations.iter().map(|concept| manifestation(all, *concept, bare)));
    }
    rows
}

/// A null flavour is never a reaction: its term is its text or the description, its code a column of its own.
fn manifestation(all: &Collected<'_>, concept: Concept, bare: Manifested) -> Manifested {
    const NULL_FLAVORS: [&str; 2] =
        ["http://hl7.org/fhir/v3/NullFlavor", "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"];
    let described = concepts::describe(all, concept);
    if NULL_FLAVORS.contains(&all.store.code(described.preferred().system)) {
        let filled = |text: &Text| text.is_some() && !text.is_empty();
        let term = [concept.text, bare.description].into_iter().find(filled).unwrap_or_default();
        return Manifested { term, null_flavor: described.preferred().code, ..bare };
    }
    Manifested {
        code: described.preferred().code,
        system: described.preferred().system,
        term: described.term,
        ..bare
    }
}

fn notice_gaps(graph: &Graph<'_, '_>, row: &Row<'_>, findings: &mut Findings) {
    let (allergy, resource) = (row.allergy, row.allergy.head.resource);
    let notices = &mut findings.notices;
    let elements =
        [("asserter", &allergy.asserter), ("recorder", &allergy.recorder), ("extension", &allergy.encounter)];
    for (element, reference) in elements {
        graph.notice(reference, resource, element, notices);
    }
    if row.agent.degraded.is_some() {
        notices.add(resource, NoticeCode::DegradedCode, "code");
    }
    if row.agent.term.is_none() {
        notices.add(resource, NoticeCode::MissingElement, "code");
    }
    match graph.all.store.word(allergy.clinical_status) {
        Word::Absent => notices.add(resource, NoticeCode::MissingElement, "clinicalStatus"),
        Word::Active | Word::Resolved => {}
        _ => notices.add(resource, NoticeCode::UnknownCode, "clinicalStatus"),
    }
}

fn columns(
    graph: &Graph<'_, '_>,
    relations: &Relations<'_>,
    rows: &[Row<'_>],
    findings: &mut Findings,
) -> Batch {
    if rows.is_empty() {
        return None;
    }
    let mut columns = Columns::new(Table::Allergies, rows.len(), graph.all);
    let number = |row: &Row<'_>| row.allergy.head.resource;
    columns.count("entry_index", rows.iter().map(|row| Some(graph.entry(number(row)))));
    columns.kept("allergy_id", rows.iter().map(|row| graph.id_text(number(row))));
    columns.identifiers("identifiers", rows.iter().map(|row| row.allergy.head.identifiers));
    let container = |row: &Row<'_>| Some(if row.ended_list { "ended_list" } else { "entry" });
    columns.text("source_container", rows.iter().map(container));
    columns.concept("allergy", rows.iter().map(|row| &row.agent));
    columns.kept("clinical_status", rows.iter().map(|row| row.allergy.clinical_status));
    columns.kept("verification_status", rows.iter().map(|row| row.allergy.verification_status));
    columns.kept("type", rows.iter().map(|row| row.allergy.kind));
    columns.kept("criticality", rows.iter().map(|row| row.allergy.criticality));
    columns.kept_texts("category", rows.iter().map(|row| row.allergy.category));
    columns.text("derived_status", rows.iter().map(|row| Some(row.derived_status)));
    columns.date("onset", "onsetDateTime", findings, rows.iter().map(|row| (number(row), row.allergy.onset)));
    columns.date(
        "asserted",
        "assertedDate",
        findings,
        rows.iter().map(|row| (number(row), row.allergy.asserted)),
    );
    let last = rows.iter().map(|row| (number(row), row.allergy.last_occurrence));
    columns.date("last_occurrence", "lastOccurrence", findings, last);
    columns.date("ended", "extension", findings, rows.iter().map(|row| (number(row), row.allergy.ended)));
    columns.kept("ended_reason", rows.iter().map(|row| row.allergy.ended_reason));
    let names = |get: fn(&Allergy) -> Reference| {
        rows.iter().map(move |row| graph.name(get(row.allergy), number(row)))
    };
    columns.text("asserter", names(|allergy| allergy.asserter));
    columns.text("recorder", names(|allergy| allergy.recorder));
    reaction_columns(&mut columns, rows);
    columns.text("consultation_id", rows.iter().map(|row| row.consultation.and_then(|place| place.id)));
    columns.text("consultation_link", rows.iter().map(|row| row.consultation.map(|place| place.link)));
    columns.texts("problem_ids", rows.iter().map(|row| relations.problems_of(graph, [number(row)])));
    columns.kept_texts("notes", rows.iter().map(|row| row.allergy.head.notes));
    columns.kept_texts("security", rows.iter().map(|row| row.allergy.head.security));
    columns.words("membership", rows.iter().map(|row| Some(row.membership.as_str())));
    columns.flags(rows.iter().map(|row| findings.flags(row.flags, number(row))));
    Some(columns.finish())
}

fn reaction_columns(columns: &mut Columns<'_, '_>, rows: &[Row<'_>]) {
    let items = || rows.iter().flat_map(|row| &row.reactions);
    columns.structs("reactions", "", rows.iter().map(|row| row.reactions.len()), |columns| {
        columns.kept_items(items().map(|item| item.code));
        columns.kept_items(items().map(|item| item.system));
        columns.kept_items(items().map(|item| item.term));
        columns.kept_items(items().map(|item| item.null_flavor));
        columns.kept_items(items().map(|item| item.severity));
        columns.kept_items(items().map(|item| item.exposure_route));
        columns.kept_items(items().map(|item| item.description));
    });
    let first = rows.iter().map(|row| row.reactions.first());
    columns.kept("reaction_term", first.clone().map(|reaction| reaction.map_or(Text::NONE, |it| it.term)));
    columns.kept("reaction_severity", first.map(|reaction| reaction.map_or(Text::NONE, |it| it.severity)));
}
