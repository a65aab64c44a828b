//! How much records share.

use std::cell::Cell;

/// How often problems, issues and notes have been counted for records that share them with others. Records share few; a
/// bundle made to multiply is refused by this.
pub(crate) struct Sharing {
    count: Cell<usize>,
    most: usize,
}

impl Sharing {
    /// Nothing shared yet, and so much at most.
    pub(crate) fn up_to(most: usize) -> Self {
        Self { count: Cell::new(0), most }
    }

    /// Counts things that a record shares with others; false once they are too many.
    pub(crate) fn share(&self, count: usize) -> bool {
        self.count.set(self.count.get() + count);
        !self.is_too_much()
    }

    /// Whether all things, each counted for every record that shares it, are more than a bundle may have values.
    pub(crate) fn is_too_much(&self) -> bool {
        self.count.get() > self.most
    }
}
