//! `medication_issues`: one row per MedicationRequest that is not a plan (`medications` sheet, section 3).

use bedside_model::schema::Table;
use bedside_model::{Day, NoticeCode};

use super::{Batch, RecordTable, encounters};
use crate::collected::{Collected, NOBODY};
use crate::columns::Columns;
use crate::concepts::{self, Described};
use crate::date::Date;
use crate::drug::{Drugs, Medicine};
use crate::elements::{Concept, Dosage, Duration, Extension, Head, Reference};
use crate::findings::Findings;
use crate::flags::Flags;
use crate::graph::Graph;
use crate::issues::{Issue, Issues};
use crate::places::Consultation;
use crate::reader::{Name, Read, Reader};
use crate::relations::{Membership, Relations};
use crate::text::{Span, Text, starts_ignoring_case};
use crate::words::Word;

/// The system of what EPS calls a line item.
const ITEM: &str = "https://fhir.nhs.uk/Id/prescription-order-item-number";
/// The system of what EPS calls a prescription.
const PRESCRIPTION: &str = "https://fhir.nhs.uk/Id/prescription-order-number";

/// A MedicationRequest as sent: a plan or an issue of one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Request {
    pub(crate) head: Head,
    pub(crate) intent: Text,
    pub(crate) status: Text,
    /// Code of the prescription type.
    pub(crate) kind: Text,
    pub(crate) based_on: Span,
    pub(crate) prior: Reference,
    pub(crate) context: Reference,
    pub(crate) medicine: Medicine,
    pub(crate) authored_on: Date,
    pub(crate) requester: Reference,
    pub(crate) on_behalf_of: Reference,
    pub(crate) recorder: Reference,
    pub(crate) performer: Reference,
    pub(crate) dosage: Dosage,
    /// Validity period.
    pub(crate) start: Date,
    pub(crate) end: Date,
    pub(crate) quantity_value: Text,
    pub(crate) quantity_unit: Text,
    pub(crate) quantity_text: Text,
    pub(crate) supply_value: Text,
    pub(crate) supply_in_days: bool,
    /// Value of the group identifier where that is an EPS prescription.
    pub(crate) eps_prescription_id: Text,
    pub(crate) repeats_allowed: Option<u32>,
    pub(crate) repeats_issued: Option<u32>,
    pub(crate) expiry: Date,
    pub(crate) status_reason: Concept,
    pub(crate) status_changed: Date,
}

impl Request {
    /// The plan of a row that has none.
    pub(crate) fn absent() -> Self {
        Self { head: Head { resource: NOBODY, ..Head::default() }, ..Self::default() }
    }

    /// Whether it is a plan, the authorisation that issues are made under.
    pub(crate) fn is_plan(&self, all: &Collected<'_>) -> bool {
        all.store.word(self.intent) == Word::Plan
    }

    /// The first day on which it may start.
    pub(crate) fn first_day(&self) -> Option<Day> {
        self.start.days().map(|(first, _)| first)
    }

    /// Whether it starts after a day.
    pub(crate) fn starts_after(&self, day: Day) -> bool {
        self.first_day().is_some_and(|first| first > day)
    }

    /// The days of supply as sent; none where the unit says that they are not days.
    pub(crate) fn supply_days(&self) -> Text {
        if self.supply_in_days { self.supply_value } else { Text::NONE }
    }
}

pub(crate) fn read(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    let head = reader.begin(reader.out.requests.len());
    let mut this = Request { head, ..Request::default() };
    let mut members = reader.enter_object()?;
    while let Some(name) = reader.next_name(&mut members)? {
        match name {
            Name::Extension => read_extensions(reader, &mut this)?,
            Name::BasedOn => this.based_on = reader.references("basedOn")?,
            Name::PriorPrescription => this.prior = reader.reference("priorPrescription")?,
            Name::GroupIdentifier => {
                let group = reader.one_identifier("groupIdentifier")?;
                if reader.out.store.says(group.system, PRESCRIPTION) {
                    this.eps_prescription_id = group.value;
                }
            }
            Name::Status => this.status = reader.text("status")?,
            Name::Intent => this.intent = reader.text("intent")?,
            Name::MedicationReference => this.medicine.reference = reader.reference("medicationReference")?,
            Name::MedicationCodeableConcept => {
                this.medicine.concept = reader.concept("medicationCodeableConcept")?.if_filled();
            }
            Name::Context => this.context = reader.reference("context")?,
            Name::AuthoredOn => this.authored_on.text = reader.text("authoredOn")?,
            Name::Requester => read_requester(reader, &mut this)?,
            Name::Recorder => this.recorder = reader.reference("recorder")?,
            Name::DosageInstruction => reader.dosage("dosageInstruction", &mut this.dosage)?,
            Name::DispenseRequest => read_dispense_request(reader, &mut this)?,
            _ => reader.common(name, &mut this.head)?,
        }
    }
    let store = &reader.out.store;
    for word in [&mut this.intent, &mut this.status, &mut this.kind] {
        *word = store.known(*word);
    }
    Date::find_days(store, [&mut this.authored_on, &mut this.start, &mut this.end]);
    Date::find_days(store, [&mut this.expiry, &mut this.status_changed]);
    reader.out.requests.push(this);
    Ok(())
}

#[inline(never)]
fn read_requester(reader: &mut Reader<'_, '_, '_>, this: &mut Request) -> Read<()> {
    reader.object("requester", |reader, key| {
        match key {
            Name::Agent => this.requester = reader.reference("requester.agent")?,
            Name::OnBehalfOf => this.on_behalf_of = reader.reference("requester.onBehalfOf")?,
            _ => reader.cursor.skip()?,
        }
        Ok(())
    })
}

#[inline(never)]
fn read_dispense_request(reader: &mut Reader<'_, '_, '_>, this: &mut Request) -> Read<()> {
    let mut beside_quantity = Text::NONE;
    reader.object("dispenseRequest", |reader, key| {
        match key {
            Name::ValidityPeriod => {
                let (start, end) = (&mut this.start.text, &mut this.end.text);
                reader.period("dispenseRequest.validityPeriod", start, end)?
            }
            Name::Quantity => read_quantity(reader, this)?,
            Name::ExpectedSupplyDuration => read_supply(reader, this)?,
            Name::Performer => this.performer = reader.reference("dispenseRequest.performer")?,
            // The specification's page puts the quantity text here, all data under the quantity.
            Name::Extension => read_quantity_text(reader, &mut beside_quantity)?,
            _ => reader.cursor.skip()?,
        }
        Ok(())
    })?;
    this.quantity_text = this.quantity_text.or(beside_quantity);
    Ok(())
}

fn read_quantity(reader: &mut Reader<'_, '_, '_>, this: &mut Request) -> Read<()> {
    reader.object("dispenseRequest.quantity", |reader, key| {
        match key {
            Name::Value => this.quantity_value = reader.number("dispenseRequest.quantity.value")?,
            Name::Unit => this.quantity_unit = reader.text("dispenseRequest.quantity.unit")?,
            Name::Extension => read_quantity_text(reader, &mut this.quantity_text)?,
            _ => reader.cursor.skip()?,
        }
        Ok(())
    })
}

fn read_quantity_text(reader: &mut Reader<'_, '_, '_>, text: &mut Text) -> Read<()> {
    reader.extensions(|reader, extension| {
        match extension {
            Extension::QuantityText => text.keep_first(reader.extension_text("extension")?),
            _ => reader.skip_extension()?,
        }
        Ok(())
    })
}

fn read_supply(reader: &mut Reader<'_, '_, '_>, this: &mut Request) -> Read<()> {
    const ELEMENTS: [&str; 4] = [
        "dispenseRequest.expectedSupplyDuration",
        "dispenseRequest.expectedSupplyDuration.value",
        "dispenseRequest.expectedSupplyDuration.unit",
        "dispenseRequest.expectedSupplyDuration.code",
    ];
    let mut supply = Duration::default();
    reader.duration(ELEMENTS, &mut supply)?;
    let store = &reader.out.store;
    this.supply_value = supply.value;
    this.supply_in_days = are_days(store.code_bytes(supply.code), store.code_bytes(supply.unit));
    Ok(())
}

/// Whether the unit of a duration says days, or nothing.
fn are_days(code: &[u8], unit: &[u8]) -> bool {
    let says_days = |text: &[u8]| text.eq_ignore_ascii_case(b"d") || starts_ignoring_case(text, "day");
    if code.is_empty() { unit.is_empty() || says_days(unit) } else { says_days(code) }
}

fn read_extensions(reader: &mut Reader<'_, '_, '_>, this: &mut Request) -> Read<()> {
    reader.extensions(|reader, extension| {
        match extension {
            Extension::PrescriptionType => {
                let kind = reader.extension_code("extension")?;
                this.kind.keep_first(kind);
            }
            Extension::RepeatInformation => read_repeats(reader, this)?,
            Extension::StatusReason => read_status_reason(reader, this)?,
            _ => reader.skip_extension()?,
        }
        Ok(())
    })
}

fn read_repeats(reader: &mut Reader<'_, '_, '_>, this: &mut Request) -> Read<()> {
    reader.sub_extensions(|reader, part, _| {
        match part {
            Extension::RepeatsAllowed => {
                this.repeats_allowed = this.repeats_allowed.or(read_counter(reader)?);
            }
            Extension::RepeatsIssued => this.repeats_issued = this.repeats_issued.or(read_counter(reader)?),
            Extension::AuthorisationExpiry => this.expiry.text.keep_first(reader.text("extension")?),
            _ => reader.cursor.skip()?,
        }
        Ok(())
    })
}

fn read_counter(reader: &mut Reader<'_, '_, '_>) -> Read<Option<u32>> {
    let text = reader.number("extension")?;
    let count = reader.out.store.get(text).map(whole_number);
    if count == Some(None) {
        reader.unreadable("extension");
    }
    Ok(count.flatten())
}

/// A count, also when it is written with a fraction of nothing (`6.0`).
fn whole_number(text: &str) -> Option<u32> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let nothing = !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0');
    whole.parse().ok().filter(|_| nothing)
}

fn read_status_reason(reader: &mut Reader<'_, '_, '_>, this: &mut Request) -> Read<()> {
    reader.sub_extensions(|reader, part, key| {
        match part {
            Extension::ReasonDate => this.status_changed.text.keep_first(reader.text("extension")?),
            Extension::Reason if key == Name::ValueCodeableConcept => {
                this.status_reason.keep_first(reader.concept("extension")?);
            }
            Extension::Reason => this.status_reason.text.keep_first(reader.text("extension")?),
            _ => reader.cursor.skip()?,
        }
        Ok(())
    })
}

/// One row.
struct Row<'g> {
    request: &'g Request,
    plan_id: Option<&'g str>,
    medicine: Described<'g>,
    eps_item_id: Text,
    consultation: Option<Consultation<'g>>,
    membership: Membership,
    flags: Flags,
}

/// Makes the table for the record as of the day `today`.
pub(crate) fn table<'g>(
    graph: &'g Graph<'g, '_>,
    relations: &'g Relations<'g>,
    issues: &'g Issues<'g>,
    today: Day,
    findings: &mut Findings,
) -> RecordTable {
    // The issues of one plan share its statement's membership, found once.
    let mut under_plan: Vec<Option<Option<Membership>>> = vec![None; issues.count_plans()];
    let mut membership = |issue: &Issue<'g>| {
        let resource = issues.requests[issue.request as usize].head.resource;
        let shared = issue.plan_id.zip(issue.plan_number).and_then(|(id, number)| {
            let of_plan = || relations.membership_under(graph, id, issues, issues.of_plan_number(number));
            *under_plan[number as usize].get_or_insert_with(of_plan)
        });
        shared.unwrap_or_else(|| relations.membership(graph, resource))
    };
    let mut rows: Vec<Row<'g>> = Vec::with_capacity(issues.rows.len());
    for issue in &issues.rows {
        let membership = membership(issue);
        rows.push(row(graph, relations, (issues, issue), membership, today, findings));
    }
    let places = rows.iter().map(|row| row.consultation);
    RecordTable { encounters: encounters(places), batch: columns(graph, relations, &rows, findings) }
}

fn row<'g>(
    graph: &'g Graph<'g, '_>,
    relations: &'g Relations<'g>,
    (issues, issue): (&'g Issues<'g>, &Issue<'g>),
    membership: Membership,
    today: Day,
    findings: &mut Findings,
) -> Row<'g> {
    let all = graph.all;
    let request = &issues.requests[issue.request as usize];
    let resource = request.head.resource;
    let plan = match issue.plan {
        NOBODY => None,
        number => Some(&issues.requests[graph.resource(number).row as usize]),
    };
    let mut flags = Flags::default();
    flags.raise(Flags::FUTURE_ISSUE, request.starts_after(today));
    flags.raise(Flags::MALFORMED, plan.is_some_and(|plan| !plan.is_plan(all)));
    let medicine = medicine(graph, &issues.drugs, request, plan);
    if medicine.degraded.is_some() {
        findings.notices.add(resource, NoticeCode::DegradedCode, "medication");
    }
    if medicine.term.is_none() {
        findings.notices.add(resource, NoticeCode::MissingElement, "medication");
    }
    let mut identifiers = request.head.identifiers.of(&all.identifiers).iter();
    let item = identifiers.find(|identifier| all.store.says(identifier.system, ITEM));
    Row {
        request,
        plan_id: issue.plan_id,
        medicine,
        eps_item_id: item.map_or(Text::NONE, |identifier| identifier.value),
        consultation: relations
            .by_context(graph, request.context, resource)
            .or_else(|| relations.by_structure(graph, [Some(resource), None])),
        membership,
        flags,
    }
}

/// The issue's own drug, else its plan's; a display only where neither is known.
fn medicine<'g>(
    graph: &'g Graph<'g, '_>,
    drugs: &Drugs<'g>,
    request: &Request,
    plan: Option<&Request>,
) -> Described<'g> {
    let sources = [Some(request), plan];
    let mut known = sources.iter().flatten();
    let found = known.find_map(|request| drugs.of(graph, request.medicine, request.head.resource));
    let mut displays = sources.iter().flatten().map(|request| request.medicine.reference.display(graph.all));
    let display = displays.find(|display| !display.is_empty());
    found.unwrap_or_else(|| concepts::named_by_display(display.unwrap_or_default()))
}

fn columns(
    graph: &Graph<'_, '_>,
    relations: &Relations<'_>,
    rows: &[Row<'_>],
    findings: &mut Findings,
) -> Batch {
    let all = graph.all;
    if rows.is_empty() {
        return None;
    }
    let mut columns = Columns::new(Table::MedicationIssues, rows.len(), all);
    let own = |row: &Row<'_>, date: Date| (row.request.head.resource, date);
    columns.count("entry_index", rows.iter().map(|row| Some(graph.entry(row.request.head.resource))));
    columns.kept("issue_id", rows.iter().map(|row| graph.id_text(row.request.head.resource)));
    columns.kept("intent", rows.iter().map(|row| row.request.intent));
    columns.text("plan_id", rows.iter().map(|row| row.plan_id));
    columns.identifiers("identifiers", rows.iter().map(|row| row.request.head.identifiers));
    columns.concept("medication", rows.iter().map(|row| &row.medicine));
    columns.kept("status", rows.iter().map(|row| row.request.status));
    columns.kept("prescription_type", rows.iter().map(|row| row.request.kind));
    let period = "dispenseRequest.validityPeriod";
    columns.date("issued", period, findings, rows.iter().map(|row| own(row, row.request.start)));
    columns.date("issue_end", period, findings, rows.iter().map(|row| own(row, row.request.end)));
    columns.date(
        "authored_on",
        "authoredOn",
        findings,
        rows.iter().map(|row| own(row, row.request.authored_on)),
    );
    columns.kept("dosage_text", rows.iter().map(|row| row.request.dosage.text));
    columns.kept("patient_instruction", rows.iter().map(|row| row.request.dosage.patient_instruction));
    columns.kept("dosage_structured", rows.iter().map(|row| row.request.dosage.structured));
    columns.kept("quantity_value", rows.iter().map(|row| row.request.quantity_value));
    columns.kept("quantity_unit", rows.iter().map(|row| row.request.quantity_unit));
    columns.kept("quantity_text", rows.iter().map(|row| row.request.quantity_text));
    columns.kept("supply_days", rows.iter().map(|row| row.request.supply_days()));
    columns.kept("eps_prescription_id", rows.iter().map(|row| row.request.eps_prescription_id));
    columns.kept("eps_item_id", rows.iter().map(|row| row.eps_item_id));
    let names = |get: fn(&Request) -> Reference| {
        rows.iter().map(move |row| graph.name(get(row.request), row.request.head.resource))
    };
    columns.text("dispenser", names(|request| request.performer));
    columns.text("requester", names(|request| request.requester));
    columns.text("recorder", names(|request| request.recorder));
    columns.text("consultation_id", rows.iter().map(|row| row.consultation.and_then(|place| place.id)));
    columns.text("consultation_link", rows.iter().map(|row| row.consultation.map(|place| place.link)));
    columns.texts(
        "problem_ids",
        rows.iter().map(|row| relations.problems_of(graph, [row.request.head.resource])),
    );
    columns.kept_texts("notes", rows.iter().map(|row| row.request.head.notes));
    columns.kept_texts("security", rows.iter().map(|row| row.request.head.security));
    columns.words("membership", rows.iter().map(|row| Some(row.membership.as_str())));
    columns.flags(rows.iter().map(|row| findings.flags(row.flags, row.request.head.resource)));
    Some(columns.finish())
}
