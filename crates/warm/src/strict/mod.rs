//! Reading small texts from outside strictly: admissions, reader files, pipelines and configuration. Everything
//! that is wrong is told at once, an unknown field is wrong, and no value is ever repeated.

mod fields;
mod problem;
mod tree;

pub use fields::Fields;
pub use problem::{Nature, Problem, join};
pub use tree::{json_object, toml_table};
