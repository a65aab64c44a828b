use bedside_model::Gender;
use jiff::Timestamp;

use super::admission::Traced;
use crate::generate::Patient;
use crate::provider::Practice;

/// So many invented patients, who go to the practices in turn, and the list of their admissions, traced at `now`.
pub(crate) fn crowd(practices: &[Practice], count: usize, now: Timestamp) -> (Vec<Patient>, String) {
    let patients: Vec<Patient> = (0..count).map(Patient::numbered).collect();
    let codes = practices.iter().map(|practice| practice.ods.as_str()).cycle();
    let lines = (1..).zip(patients.iter().zip(codes)).map(|(number, (patient, practice))| {
        format!("{}\n", traced(patient, practice).admission(&format!("EP-CROWD-{number:06}"), now))
    });
    let lines = lines.collect();
    (patients, lines)
}

fn traced(patient: &Patient, practice: &str) -> Traced {
    Traced {
        nhs_number: patient.nhs_number.expose().to_owned(),
        family: patient.family.clone(),
        given: patient.given.clone(),
        gender: Gender::as_str(patient.gender).to_owned(),
        birth_date: patient.birth_date.clone(),
        practice: practice.to_owned(),
    }
}
