//! One file per table, all of one shape: the resource it reads, the rows, the rules between, the columns.

pub(crate) mod allergies;
pub(crate) mod consultation_nodes;
pub(crate) mod consultations;
pub(crate) mod links;
pub(crate) mod medication_issues;
pub(crate) mod medications;
pub(crate) mod notices;
pub(crate) mod problems;
pub(crate) mod sections;
