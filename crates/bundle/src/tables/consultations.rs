//! `consultations`: one row per Encounter (`consultations` sheet).

use bedside_model::NoticeCode;
use bedside_model::schema::Table;

use super::Batch;
use crate::collected::NOBODY;
use crate::columns::Columns;
use crate::concepts::{self, Described};
use crate::date::Date;
use crate::elements::{Concept, Duration, Head, Reference};
use crate::findings::Findings;
use crate::flags::Flags;
use crate::graph::Graph;
use crate::lists::{Level, List, Purpose};
use crate::places::Places;
use crate::reader::{Name, Read, Reader};
use crate::relations::{Membership, Relations};
use crate::text::{Span, Text, starts_ignoring_case};
use crate::words::Word;

/// An Encounter as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Encounter {
    pub(crate) head: Head,
    pub(crate) status: Text,
    pub(crate) kind: Concept,
    pub(crate) start: Date,
    pub(crate) end: Date,
    pub(crate) length_value: Text,
    pub(crate) length_in_minutes: bool,
    /// In the pool of participants.
    pub(crate) participants: Span,
    /// In the pool of references.
    pub(crate) locations: Span,
    pub(crate) provider: Reference,
}

/// A participant as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Participant {
    /// The first code, else text, of its types.
    pub(crate) role: Text,
    pub(crate) is_performer: bool,
    pub(crate) is_recorder: bool,
    pub(crate) individual: Reference,
}

pub(crate) fn read(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    let head = reader.begin(reader.out.encounters.len());
    let mut this = Encounter { head, ..Encounter::default() };
    let mut members = reader.enter_object()?;
    while let Some(name) = reader.next_name(&mut members)? {
        match name {
            Name::Status => this.status = reader.text("status")?,
            Name::Type => {
                let kinds = reader.concepts("type")?;
                this.kind = kinds.of(&reader.out.concepts).first().copied().unwrap_or_default();
                reader.out.concepts.truncate(kinds.start as usize);
            }
            Name::Period => reader.period("period", &mut this.start.text, &mut this.end.text)?,
            Name::Length => read_length(reader, &mut this)?,
            Name::Participant => this.participants = read_participants(reader)?,
            Name::Location => this.locations = read_locations(reader)?,
            Name::ServiceProvider => this.provider = reader.reference("serviceProvider")?,
            _ => reader.common(name, &mut this.head)?,
        }
    }
    let store = &reader.out.store;
    this.status = store.known(this.status);
    Date::find_days(store, [&mut this.start, &mut this.end]);
    reader.out.encounters.push(this);
    Ok(())
}

fn read_length(reader: &mut Reader<'_, '_, '_>, this: &mut Encounter) -> Read<()> {
    let mut length = Duration::default();
    reader.duration(["length", "length.value", "length.unit", "length.code"], &mut length)?;
    let store = &reader.out.store;
    this.length_value = length.value;
    this.length_in_minutes = are_minutes(store.code_bytes(length.code), store.code_bytes(length.unit));
    Ok(())
}

/// Whether the unit of a duration says minutes, or nothing.
fn are_minutes(code: &[u8], unit: &[u8]) -> bool {
    let says_minutes = |text: &[u8]| starts_ignoring_case(text, "min");
    if code.is_empty() { unit.is_empty() || says_minutes(unit) } else { says_minutes(code) }
}

fn read_participants(reader: &mut Reader<'_, '_, '_>) -> Read<Span> {
    let start = reader.out.participants.len();
    reader.each("participant", |reader| {
        let mut this = Participant::default();
        reader.object("participant", |reader, key| {
            match key {
                Name::Type => reader.in_passing(|reader| read_roles(reader, &mut this))?,
                Name::Individual => this.individual = reader.reference("participant.individual")?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        reader.out.participants.push(this);
        Ok(())
    })?;
    Ok(Span::since(start, &reader.out.participants))
}

fn read_roles(reader: &mut Reader<'_, '_, '_>, this: &mut Participant) -> Read<()> {
    let roles = reader.concepts("participant.type")?;
    for concept in roles.of(&reader.out.concepts) {
        this.role = this.role.or(concepts::code(reader.out, *concept)).or(concept.text);
        let codings = concept.codings.of(&reader.out.codings).iter();
        for code in codings.map(|coding| reader.out.store.code(coding.code)) {
            this.is_performer |= code.eq_ignore_ascii_case("PPRF");
            this.is_recorder |= code.eq_ignore_ascii_case("REC");
        }
    }
    Ok(())
}

fn read_locations(reader: &mut Reader<'_, '_, '_>) -> Read<Span> {
    let start = reader.out.references.len();
    reader.each("location", |reader| {
        let mut location = Reference::default();
        reader.object("location", |reader, key| {
            match key {
                Name::Location => location = reader.reference("location.location")?,
                _ => reader.cursor.skip()?,
            }
            Ok(())
        })?;
        reader.out.references.push(location);
        Ok(())
    })?;
    Ok(Span::since(start, &reader.out.references))
}

/// One row.
struct Row<'g> {
    encounter: &'g Encounter,
    /// The place of the first Encounter of its id in their pool.
    first: u32,
    clinician: Option<&'g str>,
    recorder: Option<&'g str>,
    membership: Membership,
    flags: Flags,
}

/// Makes the table.
pub(crate) fn table<'g>(
    graph: &'g Graph<'g, '_>,
    relations: &'g Relations<'g>,
    (encounters, listed): (&'g [Encounter], &[ListDate]),
    recorded: Recorded<'_>,
    findings: &mut Findings,
) -> Batch {
    let counted = encounters.iter().filter(|encounter| graph.counts(encounter.head.resource));
    let rows: Vec<Row<'g>> = counted.map(|encounter| row(graph, relations, encounter)).collect();
    for row in &rows {
        notice_gaps(graph, row, findings);
    }
    columns(graph, relations, &rows, (listed, recorded), findings)
}

/// Numbers of the Encounters in which the rows of other tables were recorded: of medications, issues, allergies, problems.
pub(crate) type Recorded<'r> = [&'r [Option<u32>]; 4];

/// The date of a consultation's list, with the list; [`NOBODY`] where there is none.
pub(crate) type ListDate = (u32, Date);

/// The date of the first consultation list of each of so many Encounters.
pub(crate) fn list_dates(
    graph: &Graph<'_, '_>,
    places: &Places,
    lists: &[List],
    encounters: usize,
) -> Vec<ListDate> {
    let mut dates = vec![(NOBODY, Date::default()); encounters];
    for (position, list) in (0..).zip(lists) {
        if list.purpose != Purpose::Structure(Level::Consultation) {
            continue;
        }
        if let Some(encounter) = places.consultation(graph, position).and_then(|place| place.encounter) {
            let first = &mut dates[graph.resource(encounter).row as usize];
            if first.0 == NOBODY {
                *first = (list.resource, list.date);
            }
        }
    }
    dates
}

fn row<'g>(graph: &'g Graph<'g, '_>, relations: &'g Relations<'g>, encounter: &'g Encounter) -> Row<'g> {
    let all = graph.all;
    let resource = encounter.head.resource;
    let sent = encounter.participants.of(&all.participants);
    let name = |participant: &Participant| graph.name(participant.individual, resource);
    let recorder = sent.iter().filter(|participant| participant.is_recorder).find_map(name);
    let performer = sent.iter().filter(|participant| participant.is_performer).find_map(name);
    let mut flags = Flags::default();
    flags.raise(Flags::DRAFT, is_draft(graph, encounter));
    Row {
        encounter,
        first: graph.resource(graph.first_of(resource)).row,
        clinician: performer.or(recorder),
        recorder,
        membership: relations.membership(graph, resource),
        flags,
    }
}

/// Drafts are sent with the status `unknown` (`consultations` sheet, section 2).
fn is_draft(graph: &Graph<'_, '_>, encounter: &Encounter) -> bool {
    graph.all.store.word(encounter.status) == Word::Unknown
}

fn notice_gaps(graph: &Graph<'_, '_>, row: &Row<'_>, findings: &mut Findings) {
    let (encounter, resource) = (row.encounter, row.encounter.head.resource);
    let notices = &mut findings.notices;
    for participant in encounter.participants.of(&graph.all.participants) {
        graph.notice(&participant.individual, resource, "participant.individual", notices);
    }
    for location in encounter.locations.of(&graph.all.references) {
        graph.notice(location, resource, "location.location", notices);
    }
    if graph.own_ods(encounter.provider).is_none() {
        graph.notice(&encounter.provider, resource, "serviceProvider", notices);
    }
    match graph.all.store.word(encounter.status) {
        Word::Absent => notices.add(resource, NoticeCode::MissingElement, "status"),
        Word::Finished | Word::Unknown => {}
        _ => notices.add(resource, NoticeCode::UnknownCode, "status"),
    }
    if encounter.length_value.is_some() && !encounter.length_in_minutes {
        notices.add(resource, NoticeCode::UnknownCode, "length");
    }
}

fn columns(
    graph: &Graph<'_, '_>,
    relations: &Relations<'_>,
    rows: &[Row<'_>],
    (listed, recorded): (&[ListDate], Recorded<'_>),
    findings: &mut Findings,
) -> Batch {
    if rows.is_empty() {
        return None;
    }
    let mut columns = Columns::new(Table::Consultations, rows.len(), graph.all);
    let number = |row: &Row<'_>| row.encounter.head.resource;
    columns.count("entry_index", rows.iter().map(|row| Some(graph.entry(number(row)))));
    columns.kept("consultation_id", rows.iter().map(|row| graph.id_text(number(row))));
    columns.identifiers("identifiers", rows.iter().map(|row| row.encounter.head.identifiers));
    columns.kept("status", rows.iter().map(|row| row.encounter.status));
    columns.flag("draft", rows.iter().map(|row| Some(is_draft(graph, row.encounter))));
    let kinds: Vec<Described<'_>> =
        rows.iter().map(|row| concepts::describe(graph.all, row.encounter.kind)).collect();
    columns.concept("type", kinds.iter());
    drop(kinds);
    columns.date(
        "start",
        "period.start",
        findings,
        rows.iter().map(|row| (number(row), row.encounter.start)),
    );
    columns.date("end", "period.end", findings, rows.iter().map(|row| (number(row), row.encounter.end)));
    columns.date("recorded", "date", findings, rows.iter().map(|row| listed[row.first as usize]));
    let minutes = |row: &Row<'_>| {
        if row.encounter.length_in_minutes { row.encounter.length_value } else { Text::NONE }
    };
    columns.kept("length_minutes", rows.iter().map(minutes));
    columns.text("clinician", rows.iter().map(|row| row.clinician));
    columns.text("recorder", rows.iter().map(|row| row.recorder));
    participant_column(&mut columns, graph, rows);
    let all = graph.all;
    let location = |row: &Row<'_>| {
        let mut places = row.encounter.locations.of(&all.references).iter();
        places.find_map(|place| graph.name(*place, number(row)))
    };
    columns.text("location", rows.iter().map(location));
    let provider = |row: &Row<'_>| (row.encounter.provider, number(row));
    let organisation = rows.iter().map(provider);
    columns.text("organisation", organisation.clone().map(|(provider, holder)| graph.name(provider, holder)));
    columns.text("organisation_ods", organisation.map(|(provider, holder)| graph.ods(provider, holder)));
    columns.texts("problem_ids", rows.iter().map(|row| relations.problems_of(graph, [number(row)])));
    let counted = ["medication_count", "issue_count", "allergy_count", "problem_count"];
    for (name, places) in counted.into_iter().zip(recorded) {
        let counts = counts(graph, listed.len(), places);
        columns.count(name, rows.iter().map(|row| Some(counts[row.first as usize])));
    }
    columns.kept_texts("notes", rows.iter().map(|row| row.encounter.head.notes));
    columns.kept_texts("security", rows.iter().map(|row| row.encounter.head.security));
    columns.words("membership", rows.iter().map(|row| Some(row.membership.as_str())));
    columns.flags(rows.iter().map(|row| findings.flags(row.flags, number(row))));
    Some(columns.finish())
}

fn participant_column(columns: &mut Columns<'_, '_>, graph: &Graph<'_, '_>, rows: &[Row<'_>]) {
    let sent = |row: &Row<'_>| row.encounter.participants.of(&graph.all.participants);
    let items =
        || rows.iter().flat_map(|row| sent(row).iter().map(|item| (row.encounter.head.resource, item)));
    columns.structs("participants", "", rows.iter().map(|row| sent(row).len()), |columns| {
        columns.kept_items(items().map(|(_, item)| item.role));
        columns.text_items(items().map(|(holder, item)| graph.name(item.individual, holder)));
    });
}

/// How many rows were recorded in each of so many Encounters.
fn counts(graph: &Graph<'_, '_>, encounters: usize, places: &[Option<u32>]) -> Vec<u32> {
    let mut counts = vec![0; encounters];
    for encounter in places.iter().flatten() {
        counts[graph.resource(*encounter).row as usize] += 1;
    }
    counts
}
