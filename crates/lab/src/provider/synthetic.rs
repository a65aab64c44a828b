//! Records for patients who are made up, each in the manner of the practice's supplier.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Bytes, Practice, Records, RecordsOf};
use crate::generate::{Patient, Recipe, Supplier, bundle};

/// What the practices answer about these patients: a record in the manner of the practice's supplier, the same each
/// time. Whatever else is asked for, and whatever is asked of a practice without a supplier, is looked for among the
/// others first.
pub fn synthetic(practices: &[Practice], patients: Vec<Patient>, others: Records) -> RecordsOf {
    let suppliers: BTreeMap<String, Supplier> = practices
        .iter()
        .filter_map(|practice| Some((practice.ods.clone(), practice.manner.as_ref()?.supplier)))
        .collect();
    let patients: BTreeMap<String, (u64, Patient)> = (1..)
        .zip(patients)
        .map(|(seed, patient)| (patient.nhs_number.expose().to_owned(), (seed, patient)))
        .collect();
    Arc::new(move |ods, number| {
        let Some((seed, patient)) = patients.get(number) else { return others(number) };
        match suppliers.get(ods) {
            Some(supplier) => record(*supplier, *seed, patient, ods),
            None => others(number).or_else(|| record(Supplier::Emis, *seed, patient, ods)),
        }
    })
}

/// The record names the practice that it is from, which is the one that the request went to.
fn record(supplier: Supplier, seed: u64, patient: &Patient, ods: &str) -> Option<Bytes> {
    let patient = Patient { practice_ods: ods.parse().ok()?, ..patient.clone() };
    let recipe = Recipe { bytes: size(supplier), seed, supplier, minified: false, patient };
    Some(bundle(&recipe).into())
}

/// A size between those that were seen (`real-data` sheet, section 12): the lower quartile of EMIS and TPP, and as much
/// for Medicus as the four areas of an admission need.
fn size(supplier: Supplier) -> usize {
    match supplier {
        Supplier::Emis | Supplier::Tpp | Supplier::Vision => 220_000,
        Supplier::Medicus => 110_000,
    }
}
