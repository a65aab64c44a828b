//! From bytes to the record.

use std::collections::BTreeMap;
use std::mem::take;

use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, Day, NoticeCode, Severity};

use crate::collected::{Collected, NOBODY, Records, TextBudget};
use crate::elements::{Head, HumanName, Reference};
use crate::envelope::read_document;
use crate::error::BundleError;
use crate::findings::Findings;
use crate::graph::Graph;
use crate::issues::Issues;
use crate::items::Items;
use crate::json::{Cursor, FaultKind, Workspace};
use crate::kinds::{self, Role};
use crate::limits::Limits;
use crate::lists::List;
use crate::notices::Notices;
use crate::people::{self, Patient};
use crate::places::Places;
use crate::reader::Reader;
use crate::record::{Account, Envelope, PatientFacts, Record};
use crate::relations::Relations;
use crate::repeated::mark_repeated;
use crate::sharing::Sharing;
use crate::stages::{Stage, ended};
use crate::tables::allergies::Allergy;
use crate::tables::links::Link;
use crate::tables::problems::{Condition, ProblemLink};
use crate::tables::{
    Batch, RecordTable, allergies, consultation_nodes, consultations, links, medication_issues, medications,
    notices, problems, sections,
};
use crate::text::{Store, Text};

/// What normalising has to know besides the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The day for which `class` and the flags are computed: that of retrieval, in London.
    pub retrieved_on: Day,
    /// The areas that were asked for; without it those whose primary list is present.
    pub requested: Option<Vec<ClinicalArea>>,
    /// What a bundle may cost.
    pub limits: Limits,
}

impl Options {
    /// Options of a day, with the default limits and no knowledge of the request.
    pub fn new(retrieved_on: Day) -> Self {
        Self { retrieved_on, requested: None, limits: Limits::default() }
    }
}

/// Normalises a bundle that is held whole.
///
/// # Errors
/// [`BundleError::NotJson`] for bytes that are not JSON in UTF-8 (one byte order mark is passed over), with lone
/// surrogates or a key twice in one object; [`BundleError::Limit`], [`BundleError::BodyTooLong`] and
/// [`BundleError::RecordTooLarge`] for what breaks [`Options::limits`]; [`BundleError::NotABundle`] for other documents. Anything else survives with
/// notices.
pub fn normalise(bytes: &[u8], options: &Options) -> Result<Record, BundleError> {
    let limits = options.limits;
    if bytes.len() > limits.body_bytes.min(MOST_BYTES) {
        return Err(BundleError::BodyTooLong { limit: limits.body_bytes.min(MOST_BYTES) });
    }
    let (body, mark) = match bytes.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => (rest, BYTE_ORDER_MARK.len()),
        None => (bytes, 0),
    };
    let mut all = Collected::new(Store::borrowing(body), limits);
    let cursor = Cursor::new(body, 0, 0, limits, Workspace::of_thread());
    let mut reader = Reader::new(cursor, 0, true, &mut all);
    let top = read_document(&mut reader, limits, false);
    let entry = reader.in_entry();
    let top = top.map_err(|fault| {
        let fault = BundleError::from_fault(fault, mark, entry);
        utf8(body).map_or_else(|error| BundleError::not_utf8(mark + error.valid_up_to()), |_| fault)
    })?;
    let text = reader.cursor.text();
    reader.out.store.know(text);
    let envelope = top.envelope(&mut reader, bytes.len())?;
    reader.cursor.into_workspace().keep();
    ended(Stage::Entries);
    mark_repeated(&mut all, text, limits);
    complete(all, envelope, options)
}

/// Bytes as text. Valid ones, which nearly all are, are found so at the speed of memory; where they are not, the
/// plain validation says where.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, std::str::Utf8Error> {
    simdutf8::basic::from_utf8(bytes).or_else(|_| std::str::from_utf8(bytes))
}

/// A UTF-8 byte order mark, which one bundle in a million carries and which is no part of JSON.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Positions are kept in 31 bits.
pub(crate) const MOST_BYTES: usize = i32::MAX as usize;

/// Makes the record of everything read.
pub(crate) fn complete(
    mut all: Collected<'_>,
    envelope: Envelope,
    options: &Options,
) -> Result<Record, BundleError> {
    let mut findings = Findings::new(take(&mut all.notices), all.resources.len(), &take(&mut all.malformed));
    all.text = TextBudget::of_body(envelope.bytes);
    all.trim();
    let items = take(&mut all.items);
    let records = all.take_records();
    let told = tell_records(&Graph::new(&all), records, items, options, &mut findings);
    all.forget_elements();
    findings.forget_malformed();
    let [nodes, linked, noticed] = tell_structure(&Graph::new(&all), told.structure, options, &mut findings)?;
    if all.text.is_spent() {
        return Err(over(FaultKind::TooMuchRepeated));
    }
    let [medicated, issued, allergic, problematic, consulted, section] = told.tables;
    Ok(Record {
        envelope,
        accounting: accounting(&all),
        notices: by_severity(&findings.notices),
        patients: told.patients,
        tables: vec![medicated, issued, allergic, problematic, consulted, nodes, linked, section, noticed],
    })
}

/// What is told while all that records are made of is there.
struct Told {
    /// Medications, issues, allergies, problems, consultations, sections.
    tables: [Batch; 6],
    patients: Vec<PatientFacts>,
    structure: Structure,
}

/// What is left to tell then: how records hang together.
struct Structure {
    lists: Vec<List>,
    items: Items,
    links: Vec<Link>,
    places: Places,
    sharing: Sharing,
}

/// Makes the tables of records, those first that need most, and gives back the records of each type once nobody asks for
/// them any more: what is held at once is the tables so far and what the others need.
fn tell_records(
    graph: &Graph<'_, '_>,
    records: Records,
    items: Vec<Reference>,
    options: &Options,
    findings: &mut Findings,
) -> Told {
    let items = Items::new(graph, &records.lists, items);
    ended(Stage::Index);
    let mut relations = Relations::new(graph, &records, &items, options.limits.values as usize, findings);
    let listed = relations.take_listed();
    let links = links::gather(graph, &relations.places, &records, &listed);
    drop(listed);
    let [medicated, issued] = medicines(graph, &relations, &records, options.retrieved_on, findings);
    drop((records.statements, records.requests));
    relations.forget_plans();
    let problems = (records.conditions, records.problem_links);
    let [allergic, problematic] =
        allergies_and_problems(graph, &relations, (records.allergies, problems), findings);
    let recorded = [&medicated, &issued, &allergic, &problematic].map(|table| &*table.encounters);
    let (lists, encounters) = (records.lists, records.encounters);
    let listed = consultations::list_dates(graph, &relations.places, &lists, encounters.len());
    let consulted = consultations::table(graph, &relations, (&encounters, &listed), recorded, findings);
    ended(Stage::Table(Table::Consultations));
    let section = sections::table(graph, &lists, options.requested.as_deref(), findings);
    ended(Stage::Table(Table::Sections));
    let [medicated, issued, allergic, problematic] =
        [medicated, issued, allergic, problematic].map(|table| table.batch);
    let Relations { places, sharing, .. } = relations;
    Told {
        tables: [medicated, issued, allergic, problematic, consulted, section],
        patients: patients(graph),
        structure: Structure { lists, items, links, places, sharing },
    }
}

/// Makes the other tables: the structure of consultations, links, notices.
fn tell_structure(
    graph: &Graph<'_, '_>,
    Structure { lists, items, links, places, sharing }: Structure,
    options: &Options,
    findings: &mut Findings,
) -> Result<[Batch; 3], BundleError> {
    let limits = options.limits;
    let most_nodes = limits.entries as usize * 4;
    let nodes = consultation_nodes::table(graph, (&lists, items), (&places, &sharing), most_nodes)
        .ok_or_else(|| over(FaultKind::TooManyNodes(most_nodes)))?;
    drop(lists);
    ended(Stage::Table(Table::ConsultationNodes));
    let linked = links::table(graph, &places, &links);
    drop(links);
    ended(Stage::Table(Table::Links));
    if findings.notices.are_too_many() {
        return Err(over(FaultKind::TooManyNotices(limits.notices)));
    }
    let noticed = notices::table(graph, &findings.notices);
    ended(Stage::Table(Table::Notices));
    if sharing.is_too_much() {
        return Err(over(FaultKind::TooMuchShared(limits.values as usize)));
    }
    Ok([nodes, linked, noticed])
}

/// The tables of medicines as of the day `today`: what a patient takes, and what was issued of it.
fn medicines(
    graph: &Graph<'_, '_>,
    relations: &Relations<'_>,
    records: &Records,
    today: Day,
    findings: &mut Findings,
) -> [RecordTable; 2] {
    let Records { statements, requests, .. } = records;
    let issues = Issues::new(graph, requests, statements.len(), findings);
    notice_patients(graph, records, findings);
    ended(Stage::Relations);
    // Issues first: a date of theirs that cannot be read is found before their statements are judged.
    let issued = medication_issues::table(graph, relations, &issues, today, findings);
    ended(Stage::Table(Table::MedicationIssues));
    let medicated = medications::table(graph, relations, &issues, statements, today, findings);
    ended(Stage::Table(Table::Medications));
    [medicated, issued]
}

fn allergies_and_problems(
    graph: &Graph<'_, '_>,
    relations: &Relations<'_>,
    (allergies, (conditions, links)): (Vec<Allergy>, (Vec<Condition>, Vec<ProblemLink>)),
    findings: &mut Findings,
) -> [RecordTable; 2] {
    let allergic = allergies::table(graph, relations, &allergies, findings);
    drop(allergies);
    ended(Stage::Table(Table::Allergies));
    let problematic = problems::table(graph, relations, (&conditions, &links), findings);
    ended(Stage::Table(Table::Problems));
    [allergic, problematic]
}

fn by_severity(notices: &Notices) -> BTreeMap<&'static str, usize> {
    let count = |severity| notices.all.iter().filter(|notice| notice.severity == severity).count();
    let severities = [Severity::Information, Severity::Warning, Severity::Error];
    severities.map(|severity| (severity.as_str(), count(severity))).into()
}

/// The error of a bundle whose parts are small and whose record is not.
fn over(kind: FaultKind) -> BundleError {
    BundleError::RecordTooLarge { what: kind.to_string() }
}

/// Every resource seen is counted once: as a row, as context, or as outside the tables. One that repeats an
/// earlier one counts where that one counts.
fn accounting(all: &Collected<'_>) -> BTreeMap<String, Account> {
    let mut seen: Vec<u32> = Vec::new();
    for resource in &all.resources {
        let kind = resource.kind as usize;
        if kind >= seen.len() {
            seen.resize(kind + 1, 0);
        }
        seen[kind] += 1;
    }
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    for (kind, seen) in (0..).zip(seen).filter(|(_, seen)| *seen > 0) {
        let name = match all.type_name(kind) {
            "" => "unknown",
            name => name,
        };
        // A type may be called as those are that have none.
        let account = accounts.entry(name.to_owned()).or_default();
        account.seen += seen;
        match all.role(kind) {
            Role::Normalised => account.normalised += seen,
            Role::Context => account.context += seen,
            Role::Unmapped => account.unmapped += seen,
        }
    }
    accounts
}

/// Says which records name a patient who is not the one of the answer.
fn notice_patients(graph: &Graph<'_, '_>, records: &Records, findings: &mut Findings) {
    let all = graph.all;
    let patients: Vec<u32> = all.patients.iter().map(|patient| patient.resource).collect();
    let (Some(first), false) = (patients.first(), patients.iter().all(|patient| !graph.counts(*patient)))
    else {
        findings.notices.add(NOBODY, NoticeCode::MissingElement, "Patient");
        return notice_unknown_patient(graph, records, findings);
    };
    let first = graph.first_of(*first);
    let number = all.store.str(all.patients[0].nhs_number);
    let names_number = |sent: Reference| {
        sent.is_by_identifier(all) && all.store.code(sent.identifier(all).system) == people::NHS_NUMBER
    };
    for head in heads(records) {
        let sent = head.subject;
        if sent.is_absent() || !graph.counts(head.resource) {
            continue;
        }
        let same = match graph.find(sent, head.resource, kinds::PATIENT) {
            Some(subject) => graph.first_of(subject) == first,
            None if names_number(sent) => all.store.str(sent.identifier(all).value) == number,
            None => sent.address.is_none(),
        };
        if !same {
            findings.notices.add(head.resource, NoticeCode::PatientMismatch, subject_element(head));
        }
    }
}

/// Without a Patient nobody can be mistaken for another: the references dangle.
fn notice_unknown_patient(graph: &Graph<'_, '_>, records: &Records, findings: &mut Findings) {
    for head in heads(records) {
        if graph.counts(head.resource) {
            let element = subject_element(head);
            graph.notice(&head.subject, head.resource, element, &mut findings.notices);
        }
    }
}

/// The element in which a record names its patient.
fn subject_element(head: &Head) -> &'static str {
    if head.is_patient { "patient" } else { "subject" }
}

fn heads(all: &Records) -> impl Iterator<Item = &Head> {
    let statements = all.statements.iter().map(|statement| &statement.head);
    let requests = all.requests.iter().map(|request| &request.head);
    let allergies = all.allergies.iter().map(|allergy| &allergy.head);
    let conditions = all.conditions.iter().map(|condition| &condition.head);
    let encounters = all.encounters.iter().map(|encounter| &encounter.head);
    statements.chain(requests).chain(allergies).chain(conditions).chain(encounters)
}

fn patients(graph: &Graph<'_, '_>) -> Vec<PatientFacts> {
    let counted = graph.all.patients.iter().filter(|patient| graph.counts(patient.resource));
    counted.map(|patient| facts(graph, patient)).collect()
}

fn facts(graph: &Graph<'_, '_>, patient: &Patient) -> PatientFacts {
    let all = graph.all;
    let owned = |text: Text| all.store.get(text).map(str::to_owned);
    let names = patient.names.of(&all.names);
    let given = |name: &HumanName| name.given.of(&all.texts).first().and_then(|given| owned(*given));
    let practices =
        patient.general_practitioners.of(&all.references).iter().chain([&patient.managing_organization]);
    PatientFacts {
        nhs_number: owned(patient.nhs_number).filter(|_| patient.nhs_numbers == 1),
        verification: owned(patient.verification),
        family: names.iter().filter_map(|name| owned(name.family)).collect(),
        given: names.iter().filter_map(given).collect(),
        gender: owned(patient.gender),
        birth_date: owned(patient.birth_date),
        deceased: patient.deceased,
        practices: practices
            .filter_map(|practice| graph.ods(*practice, patient.resource))
            .map(str::to_owned)
            .collect(),
    }
}
