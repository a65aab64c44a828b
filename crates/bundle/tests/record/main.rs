//! The rules of the record contract and of the sheets behind it, each at its edge: one module a subject.

#[path = "../support/mod.rs"]
mod support;

#[path = "../consumer_cases/sheet.rs"]
mod sheet;

mod allergies;
mod coding;
mod consultations;
mod documents;
mod medications;
mod notices;
mod problems;
mod references;
mod sections;
mod standing;
mod suppliers;
