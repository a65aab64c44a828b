//! The faults that can be had by name, from the fault matrix of the `reliability` sheet, section 3. Each is a
//! behaviour: of a practice's system or the proxy before it, of the directory, or of the national record.

mod answer;
mod content;
mod directory;
mod edit;
mod error;
mod national;
mod wire;

use super::Behaviour;

/// A fault, under the row of the matrix that it belongs to.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Row of the matrix, such as `F-07`; for the national record the requirement, such as `CORE04`.
    pub row: &'static str,
    /// Its name, unique among those of its service.
    pub name: String,
    /// What the service does.
    pub behaviour: Behaviour,
}

/// Who may be at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// A practice's system, or the Spine Secure Proxy before it: `--fault`.
    Practice,
    /// The Spine Directory Service: `--sds-fault`.
    Directory,
    /// The Personal Demographics Service: `--pds-fault`.
    NationalRecord,
}

impl Fault {
    fn new(row: &'static str, name: impl Into<String>, behaviour: Behaviour) -> Self {
        Self { row, name: name.into(), behaviour }
    }

    /// All of a practice's system, in the order of the matrix.
    pub fn all() -> Vec<Self> {
        Self::of(Service::Practice)
    }

    /// All that a service has of its own, in the order of their rows.
    pub fn of(service: Service) -> Vec<Self> {
        let mut faults = match service {
            Service::Practice => {
                [wire::faults(), answer::faults(), error::faults(), content::faults()].concat()
            }
            Service::Directory => directory::faults(),
            Service::NationalRecord => national::faults(),
        };
        // A stable sort: within a row they stay as they are written.
        faults.sort_by_key(|fault| fault.row);
        faults
    }

    /// The practice's fault of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::of_service(Service::Practice, name)
    }

    /// A service's fault of that name. Whatever may befall the connection or a whole answer may befall each of them, so
    /// that the directory and the national record also have those faults of a practice.
    pub fn of_service(service: Service, name: &str) -> Option<Self> {
        let mut own = Self::of(service).into_iter();
        own.find(|fault| fault.name == name).or_else(|| {
            [wire::faults(), answer::faults()].concat().into_iter().find(|fault| fault.name == name)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_fault_of_a_service_has_a_name_of_its_own() {
        for service in [Service::Practice, Service::Directory, Service::NationalRecord] {
            let all = Fault::of(service);
            let names: BTreeSet<_> = all.iter().map(|fault| &fault.name).collect();
            assert_eq!(names.len(), all.len(), "{service:?}");
            assert!(Fault::of_service(service, "body-cut-half").is_some());
            assert!(Fault::of_service(service, "no-such-fault").is_none());
        }
        assert!(Fault::named("restricted").is_none(), "only the national record can say so");
    }
}
