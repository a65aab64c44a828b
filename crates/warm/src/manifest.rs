use std::collections::BTreeMap;

use bedside_audit::hex;
use bedside_bundle::{Demographic, PatientCheck, Record};
use bedside_model::schema::SCHEMA_VERSION;
use bedside_model::{NhsNumber, OdsCode, Requester};
use bedside_spine::{Parameters, Provider};
use jiff::Timestamp;
use ring::digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admission::DIRECT_CARE;

/// What a record is a copy of, how it was asked for and what became of everything in it (contract, section
/// "Manifest"). Never a name, never an NHS number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the tables' layout.
    pub schema_version: String,
    /// Version of this software.
    pub software_version: String,
    /// Which practice it is from; absent for a bundle read from a file.
    pub source: Option<Source>,
    /// How it was asked for; absent for a bundle read from a file.
    pub request: Option<Request>,
    /// The bundle as it arrived.
    pub bundle: BundleFacts,
    /// Whether the returned patient is the traced one; absent where nobody was traced.
    pub patient_check: Option<PatientCheckFacts>,
    /// By resource type: what was seen and what became of it.
    pub accounting: BTreeMap<String, AccountFacts>,
    /// Rows by table.
    pub rows: BTreeMap<String, usize>,
    /// Notices by severity: information, warning and error.
    pub notices: BTreeMap<String, usize>,
    /// When the answer was complete, RFC 3339; absent for a bundle read from a file.
    pub retrieved_at: Option<String>,
    /// When it was normalised, RFC 3339.
    pub normalised_at: String,
}

/// The practice and its system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// ODS code of the practice.
    pub practice: String,
    /// ASID of its system.
    pub asid: String,
    /// Supplier of the system, where known.
    pub supplier: Option<String>,
    /// Version of the specification that the system speaks, where known.
    pub spec_version: Option<String>,
}

/// The request, without the person it was made for and the person who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Areas asked for.
    pub areas: Vec<String>,
    /// The request parameters as sent, without the NHS number.
    pub parameters: Value,
    /// `Ssp-TraceID` of the attempt that was answered.
    pub trace_id: String,
    /// Purpose.
    pub purpose: String,
    /// ODS code of the organisation that asked.
    pub organisation: String,
    /// Role in which its user asked.
    pub role: String,
}

/// The bundle as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleFacts {
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
    /// Length in bytes.
    pub bytes: usize,
    /// Entries in it.
    pub entries: u32,
}

/// Result of the identity gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientCheckFacts {
    /// `match`, `hold` or `refused`.
    pub result: String,
    /// Names of the fields that were compared.
    pub compared: Vec<String>,
    /// Names of those that differ; empty for a match.
    pub differing: Vec<String>,
}

/// What became of the resources of one type; the last three add up to `seen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFacts {
    /// Seen, contained ones included.
    pub seen: u32,
    /// Became a row.
    pub normalised: u32,
    /// Support other rows.
    pub context: u32,
    /// Outside the tables.
    pub unmapped: u32,
}

/// What a manifest says beyond the bundle itself. All of it is absent for a bundle read from a file.
#[derive(Debug, Clone, Default)]
pub struct Provenance {
    /// Which practice it is from.
    pub source: Option<Source>,
    /// How it was asked for.
    pub request: Option<Request>,
    /// Result of the identity gate.
    pub patient_check: Option<PatientCheckFacts>,
    /// When the answer was complete.
    pub retrieved_at: Option<Timestamp>,
}

impl Manifest {
    /// The manifest of a record that was made of the bytes of `bundle`.
    pub fn new(record: &Record, bundle: &[u8], provenance: Provenance, normalised_at: Timestamp) -> Self {
        let sha256 = digest::digest(&digest::SHA256, bundle);
        let facts = BundleFacts::new(sha256.as_ref(), bundle.len(), record);
        Self::with_facts(record, facts, provenance, normalised_at)
    }

    /// The manifest of a record whose bundle is told by its facts alone.
    pub(crate) fn with_facts(
        record: &Record,
        bundle: BundleFacts,
        provenance: Provenance,
        normalised_at: Timestamp,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            software_version: env!("CARGO_PKG_VERSION").to_owned(),
            source: provenance.source,
            request: provenance.request,
            bundle,
            patient_check: provenance.patient_check,
            accounting: accounting(record),
            rows: record
                .tables()
                .map(|(table, batch)| (table.as_str().to_owned(), batch.num_rows()))
                .collect(),
            notices: record
                .notices
                .iter()
                .map(|(severity, count)| ((*severity).to_owned(), *count))
                .collect(),
            retrieved_at: provenance.retrieved_at.map(|at| at.to_string()),
            normalised_at: normalised_at.to_string(),
        }
    }

    /// The manifest as JSON, for a person's eyes and a program's.
    pub fn to_json(&self) -> String {
        // Maps with text keys and plain values always have a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl BundleFacts {
    pub(crate) fn new(sha256: &[u8], bytes: usize, record: &Record) -> Self {
        Self { sha256: hex::encode(sha256), bytes, entries: record.envelope.entries }
    }
}

impl Source {
    pub(crate) fn new(practice: &OdsCode, provider: &Provider) -> Self {
        Self {
            practice: practice.to_string(),
            asid: provider.asid.to_string(),
            supplier: None,
            spec_version: None,
        }
    }
}

impl Request {
    pub(crate) fn new(
        parameters: &Parameters,
        (patient, requester): (&NhsNumber, &Requester),
        trace_id: &str,
    ) -> Self {
        Self {
            areas: parameters.areas().iter().map(|area| area.as_str().to_owned()).collect(),
            parameters: without_patient(&parameters.to_body(patient)),
            trace_id: trace_id.to_owned(),
            purpose: DIRECT_CARE.to_owned(),
            organisation: requester.organisation.to_string(),
            role: requester.role.clone(),
        }
    }
}

impl From<&PatientCheck> for PatientCheckFacts {
    fn from(check: &PatientCheck) -> Self {
        let (result, differing) = match check {
            PatientCheck::Match => ("match", Vec::new()),
            PatientCheck::Hold(differing) => ("hold", names(differing)),
            PatientCheck::Refused(_) => ("refused", Vec::new()),
        };
        let compared = [
            Demographic::Family,
            Demographic::Given,
            Demographic::Gender,
            Demographic::BirthDate,
            Demographic::Practice,
        ];
        let compared = [vec!["nhs_number".to_owned()], names(&compared)].concat();
        Self { result: result.to_owned(), compared, differing }
    }
}

pub(crate) fn names(demographics: &[Demographic]) -> Vec<String> {
    demographics.iter().map(|field| field.as_str().to_owned()).collect()
}

/// The request parameters but for the one that says whose record it is.
fn without_patient(body: &[u8]) -> Value {
    let mut body: Value = serde_json::from_slice(body).unwrap_or_default();
    match body.get_mut("parameter").and_then(Value::as_array_mut) {
        Some(parameters) => {
            parameters.retain(|parameter| parameter["name"] != "patientNHSNumber");
            Value::from(std::mem::take(parameters))
        }
        None => Value::Null,
    }
}

fn accounting(record: &Record) -> BTreeMap<String, AccountFacts> {
    let facts = |account: &bedside_bundle::Account| AccountFacts {
        seen: account.seen,
        normalised: account.normalised,
        context: account.context,
        unmapped: account.unmapped,
    };
    record.accounting.iter().map(|(kind, account)| (kind.clone(), facts(account))).collect()
}
