//! `medications`: one row per MedicationStatement, the authorisation, joined with its plan and its drug
//! (`medications` sheet).

use bedside_model::schema::Table;
use bedside_model::{Day, NoticeCode, warning_dates};

use hashbrown::{HashMap, HashSet};

use super::medication_issues::Request;
use super::{Batch, RecordTable, encounters};
use crate::collected::NOBODY;
use crate::columns::Columns;
use crate::concepts::{self, Described};
use crate::date::Date;
use crate::drug::{Drugs, Medicine};
use crate::elements::{Concept, DOSAGE_WARNING, Dosage, Extension, Head, Reference};
use crate::findings::Findings;
use crate::flags::Flags;
use crate::graph::{Graph, Target};
use crate::issues::Issues;
use crate::kinds;
use crate::places::Consultation;
use crate::reader::{Name, Read, Reader};
use crate::relations::{Membership, Relations};
use crate::standing::Standing;
use crate::text::{Interval, Span, Store, Text, find_ignoring_case};
use crate::therapy::Therapies;
use crate::words::Word;

/// A MedicationStatement as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Statement {
    pub(crate) head: Head,
    pub(crate) agency: Concept,
    pub(crate) last_issue: Date,
    pub(crate) dosage_changed: Date,
    pub(crate) based_on: Span,
    pub(crate) context: Reference,
    pub(crate) status: Text,
    pub(crate) medicine: Medicine,
    pub(crate) start: Date,
    pub(crate) end: Date,
    pub(crate) asserted: Date,
    pub(crate) dosage: Dosage,
}

pub(crate) fn read(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    let head = reader.begin(reader.out.statements.len());
    let mut this = Statement { head, ..Statement::default() };
    let mut moment = Text::NONE;
    let mut members = reader.enter_object()?;
    while let Some(name) = reader.next_name(&mut members)? {
        match name {
            Name::Extension => read_extensions(reader, &mut this)?,
            Name::BasedOn => this.based_on = reader.references("basedOn")?,
            Name::Context => this.context = reader.reference("context")?,
            Name::Status => this.status = reader.text("status")?,
            Name::MedicationReference => this.medicine.reference = reader.reference("medicationReference")?,
            Name::MedicationCodeableConcept => {
                this.medicine.concept = reader.concept("medicationCodeableConcept")?.if_filled();
            }
            Name::EffectivePeriod => {
                reader.period("effectivePeriod", &mut this.start.text, &mut this.end.text)?;
            }
            Name::EffectiveDateTime => moment = reader.text("effectiveDateTime")?,
            Name::DateAsserted => this.asserted.text = reader.text("dateAsserted")?,
            Name::Dosage => reader.dosage("dosage", &mut this.dosage)?,
            _ => reader.common(name, &mut this.head)?,
        }
    }
    this.start.text = this.start.text.or(moment);
    let store = &reader.out.store;
    this.status = store.known(this.status);
    let period = [&mut this.start, &mut this.end];
    Date::find_days(store, period);
    Date::find_days(store, [&mut this.asserted, &mut this.last_issue, &mut this.dosage_changed]);
    reader.out.statements.push(this);
    Ok(())
}

fn read_extensions(reader: &mut Reader<'_, '_, '_>, this: &mut Statement) -> Read<()> {
    reader.extensions(|reader, extension| {
        match extension {
            Extension::LastIssueDate => this.last_issue.text.keep_first(reader.extension_text("extension")?),
            Extension::DosageLastChanged => {
                this.dosage_changed.text.keep_first(reader.extension_text("extension")?);
            }
            Extension::PrescribingAgency => this.agency.keep_first(reader.extension_concept("extension")?),
            _ => reader.skip_extension()?,
        }
        Ok(())
    })
}

/// One row: a statement with its plan, or a plan alone.
struct Row<'g> {
    /// The resource that gives the row its place.
    resource: u32,
    statement: &'g Statement,
    plan: &'g Request,
    /// The number of a plan that is not the resource itself, one that is not in the bundle included.
    plan_number: Option<u32>,
    plan_id: Option<&'g str>,
    prior_plan_id: Option<&'g str>,
    therapy_id: Option<&'g str>,
    medicine: Described<'g>,
    issues: &'g [u32],
    consultation: Option<Consultation<'g>>,
    membership: Membership,
    flags: Flags,
    class: &'static str,
}

/// Makes the table for the record as of the day `today`.
pub(crate) fn table<'g>(
    graph: &'g Graph<'g, '_>,
    relations: &'g Relations<'g>,
    issues: &'g Issues<'g>,
    statements: &'g [Statement],
    today: Day,
    findings: &mut Findings,
) -> RecordTable {
    let requests = issues.requests;
    let (plans, lone) = plans(graph, statements, requests, findings);
    let no_plan = Request::absent();
    let therapies = Therapies::new(graph, requests);
    let joined = Joined { graph, relations, issues, therapies, no_plan: &no_plan };
    let mut rows: Vec<Row<'_>> = Vec::with_capacity(plans.len() + lone.len());
    for (statement, plan) in &plans {
        let known = match *plan {
            Target::Resource(number) => Some(&requests[graph.resource(number).row as usize]),
            _ => None,
        };
        rows.push(joined.row(statement, known, relations.number_of(*plan), graph.target_id(*plan)));
    }
    for (stand_in, plan) in &lone {
        let id = graph.all.store.get(graph.id_text(plan.head.resource));
        rows.push(joined.row(stand_in, Some(plan), None, id));
    }
    // Contained resources come after their container, so the number of a resource is its place.
    if !rows.is_sorted_by_key(|row| row.resource) {
        rows.sort_by_cached_key(|row| row.resource);
    }
    for row in &mut rows {
        let standing = Standing::new(graph, row.statement, row.plan, (issues, row.issues), today);
        row.flags = standing.flags(row.flags);
        row.class = standing.class(row.membership);
        notice_gaps(graph, row, findings);
    }
    let places = rows.iter().map(|row| row.consultation);
    RecordTable { encounters: encounters(places), batch: columns(graph, relations, issues, &rows, findings) }
}

/// A statement and its plan.
type Planned<'g> = (&'g Statement, Target<'g>);

/// A plan without a statement, behind what stands in for one.
type Lone<'g> = (Statement, &'g Request);

/// Each statement with its plan, and each plan that no statement is based on with what stands in for a statement: its
/// identifiers and its period.
fn plans<'g>(
    graph: &'g Graph<'g, '_>,
    statements: &'g [Statement],
    requests: &'g [Request],
    findings: &mut Findings,
) -> (Vec<Planned<'g>>, Vec<Lone<'g>>) {
    let mut planned = vec![false; requests.len()];
    let mut plans = Vec::with_capacity(statements.len());
    for statement in statements.iter().filter(|statement| graph.counts(statement.head.resource)) {
        let resource = statement.head.resource;
        graph.notice(&statement.context, resource, "context", &mut findings.notices);
        plans.push((statement, plan_of(graph, statement, &mut planned, findings)));
    }
    let unplanned = requests.iter().zip(planned).filter(|(request, planned)| {
        !planned && request.is_plan(graph.all) && graph.counts(request.head.resource)
    });
    let stand_in = |plan: &Request| {
        let head = Head { notes: Span::default(), security: Span::default(), ..plan.head };
        Statement { head, start: plan.start, end: plan.end, ..Statement::default() }
    };
    (plans, unplanned.map(|(plan, _)| (stand_in(plan), plan)).collect())
}

/// The plan of a statement: the first of its `basedOn` that is a request. Every request named is marked.
fn plan_of<'g>(
    graph: &'g Graph<'g, '_>,
    statement: &Statement,
    planned: &mut [bool],
    findings: &mut Findings,
) -> Target<'g> {
    let holder = statement.head.resource;
    let mut plan = Target::Absent;
    for reference in statement.based_on.of(&graph.all.references) {
        let target = graph.resolve_noticed(*reference, holder, "basedOn", &mut findings.notices).target;
        let is_request = match target {
            Target::Resource(number) if graph.resource(number).kind == kinds::MEDICATION_REQUEST => {
                planned[graph.resource(number).row as usize] = true;
                true
            }
            Target::Elsewhere { kind, .. } => kind == "MedicationRequest",
            _ => false,
        };
        if is_request && plan == Target::Absent {
            plan = target;
        }
    }
    plan
}

/// What rows are joined from.
struct Joined<'g, 's> {
    graph: &'g Graph<'g, 's>,
    relations: &'g Relations<'g>,
    issues: &'g Issues<'g>,
    therapies: Therapies<'g>,
    no_plan: &'g Request,
}

impl<'g> Joined<'g, '_> {
    /// The row of a statement, or of what stands in for one, and of its plan.
    fn row(
        &self,
        statement: &'g Statement,
        plan: Option<&'g Request>,
        plan_number: Option<u32>,
        plan_id: Option<&'g str>,
    ) -> Row<'g> {
        let (graph, relations) = (self.graph, self.relations);
        let resource = statement.head.resource;
        let mut flags = Flags::default();
        flags.raise(Flags::MALFORMED, plan.is_some_and(|plan| !plan.is_plan(graph.all)));
        flags.raise(Flags::NO_STATEMENT, graph.resource(resource).kind != kinds::MEDICATION_STATEMENT);
        let plan = plan.unwrap_or(self.no_plan);
        let issues = relations.issues_of(self.issues, plan_id);
        Row {
            resource,
            statement,
            plan,
            plan_number,
            plan_id,
            prior_plan_id: self.therapies.prior_id(graph, plan),
            therapy_id: self.therapies.oldest(graph, plan, plan_id),
            medicine: medicine(graph, &self.issues.drugs, statement, plan),
            issues,
            consultation: relations
                .by_context(graph, statement.context, resource)
                .or_else(|| relations.by_context(graph, plan.context, plan.head.resource))
                .or_else(|| relations.by_structure(graph, [Some(resource), plan_number])),
            membership: relations.membership_of_statement(
                graph,
                (resource, plan_number),
                self.issues,
                issues,
            ),
            flags,
            class: "unknown",
        }
    }
}

/// The drug of the statement, else of the plan; a display only where neither is known.
fn medicine<'g>(
    graph: &'g Graph<'g, '_>,
    drugs: &Drugs<'g>,
    statement: &Statement,
    plan: &Request,
) -> Described<'g> {
    let sources = [(statement.medicine, statement.head.resource), (plan.medicine, plan.head.resource)];
    let known = sources.iter().find_map(|(medicine, holder)| drugs.of(graph, *medicine, *holder));
    let display = || {
        sources
            .iter()
            .map(|(medicine, _)| medicine.reference.display(graph.all))
            .find(|display| !display.is_empty())
    };
    known.unwrap_or_else(|| concepts::named_by_display(display().unwrap_or_default()))
}

fn notice_gaps(graph: &Graph<'_, '_>, row: &Row<'_>, findings: &mut Findings) {
    let notices = &mut findings.notices;
    let resource = row.resource;
    let store = &graph.all.store;
    if row.medicine.degraded.is_some() {
        notices.add(resource, NoticeCode::DegradedCode, "medication");
    }
    if row.medicine.term.is_none() {
        notices.add(resource, NoticeCode::MissingElement, "medication");
    }
    if graph.resource(resource).kind != kinds::MEDICATION_STATEMENT {
        return;
    }
    graph.notice(&row.statement.medicine.reference, resource, "medicationReference", notices);
    if row.statement.based_on.length == 0 {
        notices.add(resource, NoticeCode::MissingElement, "basedOn");
    }
    match store.word(row.statement.status) {
        Word::Absent => notices.add(resource, NoticeCode::MissingElement, "status"),
        Word::Active | Word::Completed | Word::Stopped => {}
        _ => notices.add(resource, NoticeCode::UnknownCode, "status"),
    }
    let agency = store.word(concepts::code(graph.all, row.statement.agency));
    if !matches!(
        agency,
        Word::Absent | Word::AtGpPractice | Word::ByAnotherOrganisation | Word::ByPreviousPractice
    ) {
        notices.add(resource, NoticeCode::UnknownCode, "extension");
    }
}

fn columns(
    graph: &Graph<'_, '_>,
    relations: &Relations<'_>,
    issues: &Issues<'_>,
    rows: &[Row<'_>],
    findings: &mut Findings,
) -> Batch {
    let all = graph.all;
    if rows.is_empty() {
        return None;
    }
    let mut columns = Columns::new(Table::Medications, rows.len(), all);
    columns.count("entry_index", rows.iter().map(|row| Some(graph.entry(row.resource))));
    columns.kept("medication_id", rows.iter().map(|row| row.statement_id(graph)));
    columns.text("plan_id", rows.iter().map(|row| row.plan_id));
    columns.text("therapy_id", rows.iter().map(|row| row.therapy_id));
    columns.text("prior_plan_id", rows.iter().map(|row| row.prior_plan_id));
    columns.identifiers("identifiers", rows.iter().map(|row| row.statement.head.identifiers));
    columns.concept("medication", rows.iter().map(|row| &row.medicine));
    columns.kept("status", rows.iter().map(|row| row.statement.status));
    columns.kept("plan_status", rows.iter().map(|row| row.plan.status));
    columns.kept("prescription_type", rows.iter().map(|row| row.plan.kind));
    let agency = |row: &Row<'_>| row.statement.agency;
    columns.kept("prescribing_agency", rows.iter().map(|row| concepts::code(all, agency(row))));
    columns
        .kept("prescribing_agency_text", rows.iter().map(|row| concepts::text_or_display(all, agency(row))));
    date_columns(&mut columns, rows, findings);
    dosage_columns(&mut columns, graph, rows, findings);
    supply_columns(&mut columns, graph, rows, findings);
    columns.date(
        "status_changed",
        "extension",
        findings,
        rows.iter().map(|row| row.of_plan(row.plan.status_changed)),
    );
    columns.count("issue_count", rows.iter().map(|row| Some(row.issues.len() as u32)));
    let names = |get: fn(&Request) -> Reference| {
        rows.iter().map(move |row| graph.name(get(row.plan), row.plan.head.resource))
    };
    columns.text("requester", names(|plan| plan.requester));
    columns.text("recorder", names(|plan| plan.recorder));
    let ods = |row: &Row<'_>| graph.ods(row.plan.on_behalf_of, row.plan.head.resource);
    columns.text("on_behalf_of_ods", rows.iter().map(ods));
    columns.text("consultation_id", rows.iter().map(|row| row.consultation.and_then(|place| place.id)));
    columns.text("consultation_link", rows.iter().map(|row| row.consultation.map(|place| place.link)));
    columns.texts("problem_ids", rows.iter().map(|row| row.problems(graph, relations, issues)));
    columns.words("class", rows.iter().map(|row| Some(row.class)));
    columns.texts("notes", rows.iter().map(|row| row.united(graph, relations, |head| head.notes)));
    columns.texts("security", rows.iter().map(|row| row.united(graph, relations, |head| head.security)));
    columns.words("membership", rows.iter().map(|row| Some(row.membership.as_str())));
    columns.flags(rows.iter().map(|row| row.all_flags(findings)));
    Some(columns.finish())
}

fn date_columns(columns: &mut Columns<'_, '_>, rows: &[Row<'_>], findings: &mut Findings) {
    let own = |get: fn(&Statement) -> Date| rows.iter().map(move |row| (row.resource, get(row.statement)));
    columns.date("effective_start", "effectivePeriod.start", findings, own(|statement| statement.start));
    columns.date("effective_end", "effectivePeriod.end", findings, own(|statement| statement.end));
    columns.date("date_asserted", "dateAsserted", findings, own(|statement| statement.asserted));
    columns.date("last_issue", "extension", findings, own(|statement| statement.last_issue));
    columns.date(
        "authored_on",
        "authoredOn",
        findings,
        rows.iter().map(|row| row.of_plan(row.plan.authored_on)),
    );
}

fn dosage_columns(
    columns: &mut Columns<'_, '_>,
    graph: &Graph<'_, '_>,
    rows: &[Row<'_>],
    findings: &mut Findings,
) {
    columns.kept("dosage_text", rows.iter().map(|row| row.dosage().text));
    columns.kept("patient_instruction", rows.iter().map(|row| row.dosage().patient_instruction));
    columns.kept("statement_dosage_text", rows.iter().map(|row| row.statement.dosage.text));
    let mut warnings = DosageWarnings { store: &graph.all.store, known: HashMap::new() };
    let changed: Vec<_> = rows.iter().map(|row| row.dosage_changed(&mut warnings)).collect();
    for (row, value) in rows.iter().zip(&changed) {
        match value {
            Some((_, None)) => findings.malformed(row.resource, NoticeCode::UnreadableDate, "extension"),
            None if row.dosages().any(|dosage| dosage.warns) => {
                findings.notices.add(row.resource, NoticeCode::UnreadableDate, "dosage")
            }
            _ => {}
        }
    }
    let known = changed.iter().map(|value| match value {
        Some((written, days)) => (Some(*written), *days),
        None => (None, None),
    });
    columns.known_date("dosage_changed_on", known);
    columns.kept("dosage_structured", rows.iter().map(|row| row.dosage().structured));
}

fn supply_columns(
    columns: &mut Columns<'_, '_>,
    graph: &Graph<'_, '_>,
    rows: &[Row<'_>],
    findings: &mut Findings,
) {
    columns.kept("quantity_value", rows.iter().map(|row| row.plan.quantity_value));
    columns.kept("quantity_unit", rows.iter().map(|row| row.plan.quantity_unit));
    columns.kept("quantity_text", rows.iter().map(|row| row.plan.quantity_text));
    columns.kept("supply_days", rows.iter().map(|row| row.plan.supply_days()));
    columns.count("repeats_allowed", rows.iter().map(|row| row.plan.repeats_allowed));
    columns.count("repeats_issued", rows.iter().map(|row| row.plan.repeats_issued));
    let expiry = rows.iter().map(|row| row.of_plan(row.plan.expiry));
    columns.date("authorisation_expiry", "extension", findings, expiry);
    let reason = |row: &Row<'_>| concepts::text_or_display(graph.all, row.plan.status_reason);
    columns.kept("status_reason", rows.iter().map(reason));
    let codings = rows.iter().map(|row| row.plan.status_reason.codings);
    columns.codings("status_reason_codings", "", codings);
}

impl<'g> Row<'g> {
    /// The statement's id; none for a plan alone.
    fn statement_id(&self, graph: &Graph<'_, '_>) -> Text {
        let resource = graph.resource(self.resource);
        if resource.kind == kinds::MEDICATION_STATEMENT { graph.id_text(self.resource) } else { Text::NONE }
    }

    /// A date of the plan, with the resource that it stands in.
    fn of_plan(&self, date: Date) -> (u32, Date) {
        (self.plan.head.resource, date)
    }

    /// The plan's dosage, else the statement's.
    fn dosage(&self) -> Dosage {
        if self.plan.dosage.is_absent() { self.statement.dosage } else { self.plan.dosage }
    }

    /// The dosages that may carry a warning.
    fn dosages(&self) -> impl Iterator<Item = &'g Dosage> {
        [&self.statement.dosage, &self.plan.dosage].into_iter()
    }

    /// The day in the warning of either text, else that of the extension.
    fn dosage_changed<'s>(&self, warnings: &mut DosageWarnings<'s>) -> Option<(&'s str, Interval)> {
        let warned = self.dosages().filter(|dosage| dosage.warns).find_map(|dosage| warnings.of(dosage.text));
        let extension = self.statement.dosage_changed;
        warned
            .map(|(written, day)| (written, Some((day, day))))
            .or_else(|| warnings.store.get(extension.text).map(|text| (text, extension.days())))
    }

    /// Problems that point at the statement, its plan or one of its issues, in the order of the bundle.
    fn problems(
        &self,
        graph: &'g Graph<'g, '_>,
        relations: &Relations<'g>,
        issues: &Issues<'_>,
    ) -> Vec<&'g str> {
        let requests = issues.requests(self.issues).map(|issue| issue.head.resource);
        relations.problems_of(graph, std::iter::once(self.resource).chain(self.plan_number).chain(requests))
    }

    /// Texts of the statement, then those of the plan that are new.
    fn united(
        &self,
        graph: &'g Graph<'g, '_>,
        relations: &Relations<'g>,
        span: fn(&Head) -> Span,
    ) -> Vec<&'g str> {
        let from_plan = span(&self.plan.head).length as usize;
        if !relations.sharing.share(from_plan) {
            return Vec::new();
        }
        let of = |head: &Head| span(head).of(&graph.all.texts).iter().map(|text| graph.all.store.str(*text));
        let mut united: Vec<&str> = of(&self.statement.head).collect();
        if from_plan == 0 {
            return united;
        }
        let mut known: HashSet<&str> = united.iter().copied().collect();
        united.extend(of(&self.plan.head).filter(|text| known.insert(text)));
        united
    }

    /// The flags, with what only filling the columns found out.
    fn all_flags(&self, findings: &Findings) -> Flags {
        let flags = findings.flags(self.flags, self.resource);
        match self.plan.head.resource {
            NOBODY => flags,
            plan => findings.flags(flags, plan),
        }
    }
}

/// The days in the dosage-changed warnings of texts. Many statements may share the long text of one plan, so each is
/// searched once.
struct DosageWarnings<'s> {
    store: &'s Store<'s>,
    known: HashMap<Text, Option<(&'s str, Day)>>,
}

impl<'s> DosageWarnings<'s> {
    /// The last day of the warning in a text; nothing where it names none.
    fn of(&mut self, text: Text) -> Option<(&'s str, Day)> {
        let store = self.store;
        *self.known.entry(text).or_insert_with(|| {
            let text = store.get(text)?;
            let start = find_ignoring_case(text.as_bytes(), DOSAGE_WARNING)?;
            warning_dates(&text[start..]).last()
        })
    }
}
