//! The tables of the columnar record: one declaration of each column, from which the Arrow schemas and the
//! data dictionary are made. The names, types and meanings are those of the record contract and do not change;
//! a column may be added.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};

/// Version of the tables' layout, written into every manifest and every file's metadata.
pub const SCHEMA_VERSION: &str = "1";

/// A table of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// One row per MedicationStatement, the authorisation.
    Medications,
    /// One row per MedicationRequest that is not a plan.
    MedicationIssues,
    /// One row per AllergyIntolerance, top level or contained.
    Allergies,
    /// One row per Condition, the problem header.
    Problems,
    /// One row per Encounter.
    Consultations,
    /// One row per structure list of a consultation and per leaf in it.
    ConsultationNodes,
    /// One row per reference between two clinical records.
    Links,
    /// One row per clinical area, always all ten.
    Sections,
    /// One row per thing a reader must know about completeness or quality.
    Notices,
}

impl Table {
    /// All nine, in the order of the contract.
    pub const ALL: [Self; 9] = [
        Self::Medications,
        Self::MedicationIssues,
        Self::Allergies,
        Self::Problems,
        Self::Consultations,
        Self::ConsultationNodes,
        Self::Links,
        Self::Sections,
        Self::Notices,
    ];

    /// The name of the table and of its file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Medications => "medications",
            Self::MedicationIssues => "medication_issues",
            Self::Allergies => "allergies",
            Self::Problems => "problems",
            Self::Consultations => "consultations",
            Self::ConsultationNodes => "consultation_nodes",
            Self::Links => "links",
            Self::Sections => "sections",
            Self::Notices => "notices",
        }
    }

    /// The table of that name, `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.as_str() == name)
    }

    /// The table's columns as declared, dates and concepts not yet spread out.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Medications => MEDICATIONS,
            Self::MedicationIssues => MEDICATION_ISSUES,
            Self::Allergies => ALLERGIES,
            Self::Problems => PROBLEMS,
            Self::Consultations => CONSULTATIONS,
            Self::ConsultationNodes => CONSULTATION_NODES,
            Self::Links => LINKS,
            Self::Sections => SECTIONS,
            Self::Notices => NOTICES,
        }
    }

    /// The table's Arrow schema.
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<Vec<SchemaRef>> = LazyLock::new(|| {
            Table::ALL.iter().map(|table| Arc::new(Schema::new(arrow_fields(table.columns())))).collect()
        });
        Arc::clone(&SCHEMAS[self as usize])
    }
}

/// One declared column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Name, and prefix where the column is spread over several.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it means.
    pub meaning: &'static str,
    /// Where it comes from: a FHIR path, or the rule that derives it.
    pub source: &'static str,
}

/// What a declared column holds and how it is spread over Arrow fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Utf8.
    Text,
    /// Boolean.
    Flag,
    /// UInt32.
    Count,
    /// List of Utf8, never null.
    Texts,
    /// Three fields: the text as sent, and the first and last day it may mean (contract rule 3).
    Date,
    /// Eight fields of a coded concept (contract rule 4).
    Concept,
    /// List of codings, as in a concept.
    Codings,
    /// List of `{system, value}`.
    Identifiers,
    /// List of one struct per reaction and manifestation.
    Reactions,
    /// List of `{role, name}`.
    Participants,
}

/// Fields of one coding in a concept's `_codings`.
pub fn coding_fields() -> Fields {
    Fields::from(vec![
        text("system"),
        text("code"),
        text("display"),
        Field::new("user_selected", DataType::Boolean, true),
        text("description_id"),
        text("description_display"),
    ])
}

/// Fields of one identifier.
pub fn identifier_fields() -> Fields {
    Fields::from(vec![text("system"), text("value")])
}

/// Fields of one reaction.
pub fn reaction_fields() -> Fields {
    const NAMES: [&str; 7] = [
        "manifestation_code",
        "manifestation_system",
        "manifestation_term",
        "null_flavor",
        "severity",
        "exposure_route",
        "description",
    ];
    NAMES.into_iter().map(text).collect()
}

/// Fields of one participant.
pub fn participant_fields() -> Fields {
    Fields::from(vec![text("role"), text("name")])
}

/// The field of a list's items.
pub fn item_field(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", data_type, true))
}

fn arrow_fields(columns: &[Column]) -> Fields {
    columns.iter().flat_map(spread).collect()
}

fn spread(column: &Column) -> Vec<Field> {
    let list = |name: &str, item| Field::new(name, DataType::List(item_field(item)), false);
    let name = column.name;
    match column.kind {
        Kind::Text => vec![text(name)],
        Kind::Flag => vec![Field::new(name, DataType::Boolean, true)],
        Kind::Count => vec![Field::new(name, DataType::UInt32, true)],
        Kind::Texts => vec![list(name, DataType::Utf8)],
        Kind::Date => vec![
            text(name),
            Field::new(format!("{name}_from"), DataType::Date32, true),
            Field::new(format!("{name}_to"), DataType::Date32, true),
        ],
        Kind::Concept => {
            const PARTS: [&str; 7] = ["code", "system", "display", "text", "term", "term_source", "degraded"];
            let mut fields: Vec<Field> = PARTS.iter().map(|part| text(&format!("{name}_{part}"))).collect();
            fields.push(list(&format!("{name}_codings"), DataType::Struct(coding_fields())));
            fields
        }
        Kind::Codings => vec![list(name, DataType::Struct(coding_fields()))],
        Kind::Identifiers => vec![list(name, DataType::Struct(identifier_fields()))],
        Kind::Reactions => vec![list(name, DataType::Struct(reaction_fields()))],
        Kind::Participants => vec![list(name, DataType::Struct(participant_fields()))],
    }
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

macro_rules! columns {
    ($($name:literal $kind:ident $meaning:literal, $source:literal;)*) => {
        &[$(Column { name: $name, kind: Kind::$kind, meaning: $meaning, source: $source }),*]
    };
}

const MEDICATIONS: &[Column] = columns! {
    "entry_index" Count "Position in Bundle.entry; a contained resource has its container's", "Bundle.entry";
    "medication_id" Text "Id of the statement; null for a plan that no statement is based on", "MedicationStatement.id";
    "plan_id" Text "Id of the plan, even when it is not in the bundle", "MedicationStatement.basedOn";
    "therapy_id" Text "Oldest plan reached through prior prescriptions, the plan itself if none", "derived";
    "prior_plan_id" Text "Plan that this one replaces", "MedicationRequest.priorPrescription";
    "identifiers" Identifiers "Business identifiers of the statement", "MedicationStatement.identifier";
    "medication" Concept "The drug or device", "Medication.code or medicationCodeableConcept";
    "status" Text "Status of the statement as sent", "MedicationStatement.status";
    "plan_status" Text "Status of the plan as sent", "MedicationRequest.status";
    "prescription_type" Text "Acute, repeat and so on, the code as sent", "MedicationRequest.extension PrescriptionType";
    "prescribing_agency" Text "Who prescribes, the code as sent", "MedicationStatement.extension PrescribingAgency";
    "prescribing_agency_text" Text "Text, else display, of the agency", "MedicationStatement.extension PrescribingAgency";
    "effective_start" Date "Start of the authorisation", "MedicationStatement.effectivePeriod.start or effectiveDateTime";
    "effective_end" Date "End of the authorisation; absent while active", "MedicationStatement.effectivePeriod.end";
    "date_asserted" Date "When it was asserted", "MedicationStatement.dateAsserted";
    "last_issue" Date "Last issue as the GP system states it", "MedicationStatement.extension MedicationStatementLastIssueDate";
    "authored_on" Date "When the plan was authored", "MedicationRequest.authoredOn";
    "dosage_text" Text "Dosage of the plan, else of the statement", "MedicationRequest.dosageInstruction.text";
    "patient_instruction" Text "Instruction to the patient, plan first", "MedicationRequest.dosageInstruction.patientInstruction";
    "statement_dosage_text" Text "Dosage of the statement; it alone may carry the dosage-changed warning", "MedicationStatement.dosage.text";
    "dosage_changed_on" Date "Latest dosage change", "warning suffix of a dosage text, else the DosageLastChanged extension";
    "dosage_structured" Text "The dosage as compact JSON when it holds more than its two texts", "MedicationRequest.dosageInstruction";
    "quantity_value" Text "Quantity, digits as sent", "MedicationRequest.dispenseRequest.quantity.value";
    "quantity_unit" Text "Unit of the quantity", "MedicationRequest.dispenseRequest.quantity.unit";
    "quantity_text" Text "Quantity or unit in words", "MedicationRequest.dispenseRequest.quantity.extension MedicationQuantityText";
    "supply_days" Text "Expected supply in days, digits as sent", "MedicationRequest.dispenseRequest.expectedSupplyDuration.value";
    "repeats_allowed" Count "Issues allowed in total", "MedicationRequest.extension MedicationRepeatInformation";
    "repeats_issued" Count "Issues made", "MedicationRequest.extension MedicationRepeatInformation";
    "authorisation_expiry" Date "Expiry or review date of the authorisation; passing it stops nothing", "MedicationRequest.extension MedicationRepeatInformation";
    "status_reason" Text "Reason of the status: text, else display", "MedicationRequest.extension MedicationStatusReason";
    "status_reason_codings" Codings "Every coding of the reason, such as the allergy for which a drug was stopped; not in the contract, added so that no code is lost", "MedicationRequest.extension MedicationStatusReason";
    "status_changed" Date "When the status changed", "MedicationRequest.extension MedicationStatusReason";
    "issue_count" Count "Orders in the bundle that are based on the plan", "derived";
    "requester" Text "Responsible clinician", "MedicationRequest.requester.agent";
    "recorder" Text "Who recorded it", "MedicationRequest.recorder";
    "on_behalf_of_ods" Text "ODS code of the organisation on whose behalf it was requested", "MedicationRequest.requester.onBehalfOf";
    "consultation_id" Text "Consultation in which it was recorded", "MedicationStatement.context, MedicationRequest.context, or structure lists";
    "consultation_link" Text "How that is known: context or structure", "derived";
    "problem_ids" Texts "Problems that point at the statement, its plan or one of its issues", "Condition extensions";
    "class" Text "What it is on the retrieval date", "derived, medications sheet section 10";
    "notes" Texts "Notes of the statement, then those of the plan that are new", "MedicationStatement.note, MedicationRequest.note";
    "security" Texts "Security labels", "meta.security.code";
    "membership" Text "primary, ended, linked or none", "Lists";
    "flags" Texts "Named contradictions and gaps", "derived";
};

const MEDICATION_ISSUES: &[Column] = columns! {
    "entry_index" Count "Position in Bundle.entry", "Bundle.entry";
    "issue_id" Text "Id of the order", "MedicationRequest.id";
    "intent" Text "Intent as sent", "MedicationRequest.intent";
    "plan_id" Text "Plan under which it was issued", "MedicationRequest.basedOn";
    "identifiers" Identifiers "Business identifiers", "MedicationRequest.identifier";
    "medication" Concept "The drug or device issued", "Medication.code or medicationCodeableConcept";
    "status" Text "Status as sent; a cancelled issue is stopped", "MedicationRequest.status";
    "prescription_type" Text "The issue's own type, the code as sent", "MedicationRequest.extension PrescriptionType";
    "issued" Date "Issue date", "MedicationRequest.dispenseRequest.validityPeriod.start";
    "issue_end" Date "End of the supply", "MedicationRequest.dispenseRequest.validityPeriod.end";
    "authored_on" Date "Often the plan's date, not the issue's", "MedicationRequest.authoredOn";
    "dosage_text" Text "Dosage of the issue", "MedicationRequest.dosageInstruction.text";
    "patient_instruction" Text "Instruction to the patient", "MedicationRequest.dosageInstruction.patientInstruction";
    "dosage_structured" Text "The dosage as compact JSON when it holds more than its two texts", "MedicationRequest.dosageInstruction";
    "quantity_value" Text "Quantity, digits as sent", "MedicationRequest.dispenseRequest.quantity.value";
    "quantity_unit" Text "Unit of the quantity", "MedicationRequest.dispenseRequest.quantity.unit";
    "quantity_text" Text "Quantity or unit in words", "MedicationRequest.dispenseRequest.quantity.extension MedicationQuantityText";
    "supply_days" Text "Expected supply in days, digits as sent", "MedicationRequest.dispenseRequest.expectedSupplyDuration.value";
    "eps_prescription_id" Text "Electronic prescription id", "MedicationRequest.groupIdentifier with the prescription-order-number system";
    "eps_item_id" Text "Electronic prescription item id", "MedicationRequest.identifier with the prescription-order-item-number system";
    "dispenser" Text "Dispenser, if known", "MedicationRequest.dispenseRequest.performer";
    "requester" Text "Responsible clinician", "MedicationRequest.requester.agent";
    "recorder" Text "Who recorded it", "MedicationRequest.recorder";
    "consultation_id" Text "Consultation in which it was issued", "MedicationRequest.context or structure lists";
    "consultation_link" Text "How that is known: context or structure", "derived";
    "problem_ids" Texts "Problems that point at this issue", "Condition extensions";
    "notes" Texts "Notes", "MedicationRequest.note";
    "security" Texts "Security labels", "meta.security.code";
    "membership" Text "That of the plan's statement", "Lists";
    "flags" Texts "Named contradictions and gaps", "derived";
};

const ALLERGIES: &[Column] = columns! {
    "entry_index" Count "Position in Bundle.entry; a contained resource has its container's", "Bundle.entry";
    "allergy_id" Text "Id", "AllergyIntolerance.id";
    "identifiers" Identifiers "Business identifiers", "AllergyIntolerance.identifier";
    "source_container" Text "entry, or ended_list when contained in the Ended allergies list", "derived";
    "allergy" Concept "The agent, or the statement about it", "AllergyIntolerance.code";
    "clinical_status" Text "As sent", "AllergyIntolerance.clinicalStatus";
    "verification_status" Text "As sent; a forced constant without meaning", "AllergyIntolerance.verificationStatus";
    "type" Text "allergy or intolerance", "AllergyIntolerance.type";
    "criticality" Text "As sent", "AllergyIntolerance.criticality";
    "category" Texts "As sent; cannot exclude a drug or food allergy", "AllergyIntolerance.category";
    "derived_status" Text "active, ended, conflict or no_known_allergy", "derived, allergies sheet sections 1 and 3";
    "onset" Date "First manifestation", "AllergyIntolerance.onsetDateTime";
    "asserted" Date "When it was asserted", "AllergyIntolerance.assertedDate";
    "last_occurrence" Date "Last occurrence", "AllergyIntolerance.lastOccurrence";
    "ended" Date "When it ended", "AllergyIntolerance.extension AllergyIntoleranceEnd";
    "ended_reason" Text "Why it ended", "AllergyIntolerance.extension AllergyIntoleranceEnd";
    "asserter" Text "Source of the information", "AllergyIntolerance.asserter";
    "recorder" Text "Who recorded it", "AllergyIntolerance.recorder";
    "reactions" Reactions "One per reaction and manifestation", "AllergyIntolerance.reaction";
    "reaction_term" Text "Term of the first reaction; never a null flavour", "AllergyIntolerance.reaction";
    "reaction_severity" Text "Severity of the first reaction", "AllergyIntolerance.reaction.severity";
    "consultation_id" Text "Consultation in which it was first recorded", "AllergyIntolerance.extension encounter-associatedEncounter, or structure lists";
    "consultation_link" Text "How that is known: context or structure", "derived";
    "problem_ids" Texts "Problems that point at it", "Condition extensions";
    "notes" Texts "Notes in full", "AllergyIntolerance.note";
    "security" Texts "Security labels", "meta.security.code";
    "membership" Text "primary, ended, linked or none", "Lists";
    "flags" Texts "Named contradictions and gaps", "derived";
};

const PROBLEMS: &[Column] = columns! {
    "entry_index" Count "Position in Bundle.entry", "Bundle.entry";
    "problem_id" Text "Id", "Condition.id";
    "identifiers" Identifiers "Business identifiers", "Condition.identifier";
    "problem" Concept "The problem", "Condition.code";
    "clinical_status" Text "active or inactive, as sent: a workflow state", "Condition.clinicalStatus";
    "significance" Text "major or minor, as sent", "Condition.extension ProblemSignificance";
    "category" Texts "Category codes as sent", "Condition.category";
    "onset" Date "Onset", "Condition.onsetDateTime";
    "abatement" Date "No longer active since", "Condition.abatementDateTime";
    "asserted" Date "When it was asserted", "Condition.assertedDate";
    "asserter" Text "Who asserted it", "Condition.asserter";
    "actual_problem_type" Text "Type of the item that was promoted", "Condition.extension ActualProblem";
    "actual_problem_id" Text "Id of the item that was promoted", "Condition.extension ActualProblem";
    "actual_problem_resolved" Flag "Whether that item is in the bundle; null without one", "derived";
    "consultation_id" Text "Consultation in which it was created", "Condition.context or structure lists";
    "consultation_link" Text "How that is known: context or structure", "derived";
    "parent_ids" Texts "Problems that this one belongs to", "Condition.extension RelatedProblemHeader";
    "child_ids" Texts "Problems that belong to this one", "Condition.extension RelatedProblemHeader";
    "sibling_ids" Texts "Problems beside this one", "Condition.extension RelatedProblemHeader";
    "notes" Texts "Notes", "Condition.note";
    "security" Texts "Security labels", "meta.security.code";
    "membership" Text "primary, linked or none", "Lists";
    "flags" Texts "Named contradictions and gaps", "derived";
};

const CONSULTATIONS: &[Column] = columns! {
    "entry_index" Count "Position in Bundle.entry", "Bundle.entry";
    "consultation_id" Text "Id", "Encounter.id";
    "identifiers" Identifiers "Business identifiers", "Encounter.identifier";
    "status" Text "As sent; unknown means draft", "Encounter.status";
    "draft" Flag "Whether it is a draft", "Encounter.status";
    "type" Concept "Type; not every consultation is a patient contact", "Encounter.type";
    "start" Date "Clinical date", "Encounter.period.start";
    "end" Date "End", "Encounter.period.end";
    "recorded" Date "Last edit of the consultation, not its clinical date", "List.date of the consultation structure list";
    "length_minutes" Text "Length in minutes, digits as sent", "Encounter.length.value";
    "clinician" Text "Main performer, else recorder", "Encounter.participant";
    "recorder" Text "Who recorded it", "Encounter.participant of type REC";
    "participants" Participants "Everyone named, with role", "Encounter.participant";
    "location" Text "Where", "Encounter.location";
    "organisation" Text "Organisation", "Encounter.serviceProvider";
    "organisation_ods" Text "Its ODS code", "Organization.identifier";
    "problem_ids" Texts "Problems that point at it", "Condition extensions";
    "medication_count" Count "Rows of medications recorded in it", "derived";
    "issue_count" Count "Rows of medication_issues recorded in it", "derived";
    "allergy_count" Count "Rows of allergies recorded in it", "derived";
    "problem_count" Count "Rows of problems recorded in it", "derived";
    "notes" Texts "Notes", "Encounter.note, not part of the profile";
    "security" Texts "Security labels", "meta.security.code";
    "membership" Text "primary, linked or none", "Lists";
    "flags" Texts "Named contradictions and gaps", "derived";
};

const CONSULTATION_NODES: &[Column] = columns! {
    "entry_index" Count "Position of the List in Bundle.entry", "Bundle.entry";
    "consultation_id" Text "Consultation", "List.encounter";
    "node" Count "Number within the consultation, from 0, depth first", "derived";
    "parent" Count "Number of the parent, null at the top", "derived";
    "position" Count "Position among its siblings, from 0", "List.entry";
    "level" Text "consultation, topic, heading or item", "List.code";
    "title" Text "Title of the list", "List.title";
    "item_type" Text "Type of the item, null on list rows", "List.entry.item";
    "item_id" Text "Id of the item, null on list rows", "List.entry.item";
    "display" Text "Display of the item", "List.entry.item.display";
    "availability" Text "ok, unsupported, disabled, unresolved or malformed", "derived";
    "problem_ids" Texts "Problems named by the list's header", "List.extension RelatedProblemHeader";
};

const LINKS: &[Column] = columns! {
    "entry_index" Count "Position of the record it starts from", "Bundle.entry";
    "from_type" Text "Type of the record it starts from", "resourceType";
    "from_id" Text "Id of the record it starts from", "id";
    "relation" Text "What the reference says", "contract, table links";
    "to_type" Text "Type of the target", "reference";
    "to_id" Text "Id of the target; null for a display-only or malformed reference", "reference";
    "resolved" Flag "Whether the target is in the bundle", "derived";
    "display" Text "Display of the reference, or its text when malformed", "display";
};

const SECTIONS: &[Column] = columns! {
    "entry_index" Count "Position of the area's primary list, null without one", "Bundle.entry";
    "area" Text "Clinical area", "bundle sheet section 7";
    "requested" Flag "Whether the area was asked for", "the request";
    "state" Text "What may be concluded from the rows", "bundle sheet section 8";
    "entries" Count "Items of the primary list", "List.entry";
    "warnings" Texts "Warning codes", "List.extension ListWarningCode";
    "warning_text" Text "The note of the list", "List.note";
    "incomplete" Flag "Whether something is known to be missing", "warning codes";
    "incomplete_before" Date "Information recorded before this day may be missing", "List.note";
};

const NOTICES: &[Column] = columns! {
    "entry_index" Count "Position of the resource, null when it is about the whole bundle", "Bundle.entry";
    "area" Text "Clinical area, null when it is about all", "derived";
    "severity" Text "information, warning or error", "derived";
    "code" Text "What kind of notice", "contract, table notices";
    "text" Text "What a person should know", "derived, or as the provider says it";
    "resource_type" Text "Type of the resource", "resourceType";
    "resource_id" Text "Id of the resource", "id";
    "element" Text "Path of the element", "derived";
    "origin" Text "provider or normaliser", "derived";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_starts_with_the_entry_index_and_has_distinct_names() {
        for table in Table::ALL {
            let schema = table.schema();
            assert_eq!(schema.field(0).name(), "entry_index");
            let mut names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{}", table.as_str());
            assert_eq!(Table::from_name(table.as_str()), Some(table));
        }
    }

    #[test]
    fn clinical_tables_end_with_the_four_common_columns() {
        for table in &Table::ALL[..5] {
            let schema = table.schema();
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            assert!(names.ends_with(&["notes", "security", "membership", "flags"]), "{}", table.as_str());
        }
    }

    #[test]
    fn list_columns_are_never_null() {
        for table in Table::ALL {
            for field in table.schema().fields() {
                assert_eq!(field.is_nullable(), !matches!(field.data_type(), DataType::List(_)));
            }
        }
    }
}
