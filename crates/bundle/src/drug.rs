//! What a statement or request is about: a Medication that it refers to, or a concept of its own.

use hashbrown::HashMap;

use crate::collected::{Collected, NOBODY};
use crate::concepts::{self, Described};
use crate::elements::{Concept, Reference};
use crate::graph::Graph;
use crate::kinds;
use crate::reader::{Name, Read, Reader};
use crate::tables::medication_issues::Request;

/// A Medication as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Medication {
    pub(crate) code: Option<Concept>,
}

/// `medication[x]`: a reference or a concept.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Medicine {
    pub(crate) reference: Reference,
    pub(crate) concept: Option<Concept>,
}

/// Reads a Medication.
pub(crate) fn read(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    reader.begin(reader.out.medications.len());
    let mut this = Medication::default();
    let mut members = reader.enter_object()?;
    while let Some(name) = reader.next_name(&mut members)? {
        match name {
            Name::Code => this.code = reader.concept("code")?.if_filled(),
            _ => reader.base(name)?,
        }
    }
    reader.out.medications.push(this);
    Ok(())
}

/// The drugs that statements and requests are about, each described once.
pub(crate) struct Drugs<'g> {
    /// Of each Medication, in the order of their pool: many records share one.
    of_medications: Vec<Option<Described<'g>>>,
    /// Those that requests name themselves, by resource: many records may share one plan.
    of_requests: HashMap<u32, Described<'g>>,
}

impl<'g> Drugs<'g> {
    /// Describes them.
    pub(crate) fn new(all: &'g Collected<'_>, requests: &[Request]) -> Self {
        let drug = |medication: &Medication| medication.code.map(|code| concepts::describe(all, code));
        let of_request = |request: &Request| {
            let concept = request.medicine.concept?;
            Some((request.head.resource, concepts::describe(all, concept)))
        };
        Self {
            of_medications: all.medications.iter().map(drug).collect(),
            of_requests: requests.iter().filter_map(of_request).collect(),
        }
    }

    /// The drug of a medication element: that of the Medication it refers to, else its own concept.
    pub(crate) fn of(&self, graph: &Graph<'g, '_>, medicine: Medicine, holder: u32) -> Option<Described<'g>> {
        if holder == NOBODY {
            return None;
        }
        let referred = graph.find(medicine.reference, holder, kinds::MEDICATION);
        let referred = referred.and_then(|number| self.of_medications[graph.resource(number).row as usize]);
        referred.or_else(|| {
            let of_request = || self.of_requests.get(&holder).copied();
            let concept = medicine.concept?;
            of_request().or_else(|| Some(concepts::describe(graph.all, concept)))
        })
    }
}
