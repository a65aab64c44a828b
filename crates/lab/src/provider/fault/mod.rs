//! The faults that can be had by name, from the fault matrix of the `reliability` sheet, section 3. Each is a
//! behaviour of a practice's system or of the proxy before it.

mod answer;
mod content;
mod error;
mod wire;

use super::Behaviour;

/// A fault, under the row of the matrix that it belongs to.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Row of the matrix, such as `F-07`.
    pub row: &'static str,
    /// Its name, for `--fault`.
    pub name: String,
    /// What the practice's system does.
    pub behaviour: Behaviour,
}

impl Fault {
    fn new(row: &'static str, name: impl Into<String>, behaviour: Behaviour) -> Self {
        Self { row, name: name.into(), behaviour }
    }

    /// All of them, in the order of the matrix.
    pub fn all() -> Vec<Self> {
        let mut faults = [wire::faults(), answer::faults(), error::faults(), content::faults()].concat();
        // A stable sort: within a row they stay as they are written.
        faults.sort_by_key(|fault| fault.row);
        faults
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|fault| fault.name == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        let all = Fault::all();
        let names: BTreeSet<_> = all.iter().map(|fault| &fault.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(Fault::named("body-cut-half").is_some() && Fault::named("no-such-fault").is_none());
    }
}
