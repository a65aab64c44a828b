//! What normalising finds out about the record: notices, and which resources are malformed.

use bedside_model::NoticeCode;

use crate::flags::Flags;
use crate::notices::Notices;

/// Notices, and a mark for each resource of which something could not be read.
pub(crate) struct Findings {
    pub(crate) notices: Notices,
    malformed: Vec<bool>,
}

impl Findings {
    /// What reading so many resources has found out.
    pub(crate) fn new(notices: Notices, resources: usize, malformed: &[u32]) -> Self {
        let mut marks = vec![false; resources];
        malformed.iter().for_each(|resource| marks[*resource as usize] = true);
        Self { notices, malformed: marks }
    }

    /// Lets go of the marks, once the flags of all rows have been told.
    pub(crate) fn forget_malformed(&mut self) {
        self.malformed = Vec::new();
    }

    /// Something of a resource cannot be read.
    pub(crate) fn malformed(&mut self, resource: u32, code: NoticeCode, element: &'static str) {
        self.notices.add(resource, code, element);
        self.malformed[resource as usize] = true;
    }

    /// The flags of a row, with what was found out about its resource since they were raised.
    pub(crate) fn flags(&self, mut flags: Flags, resource: u32) -> Flags {
        flags.raise(Flags::MALFORMED, self.is_malformed(resource));
        flags
    }

    /// Whether something of a resource could not be read.
    pub(crate) fn is_malformed(&self, resource: u32) -> bool {
        self.malformed[resource as usize]
    }
}
