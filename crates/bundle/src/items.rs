//! What lists name.

use crate::collected::NOBODY;
use crate::elements::Reference;
use crate::graph::Graph;
use crate::kinds;
use crate::lists::List;

/// What lists name, and which of it are lists: that is asked again and again.
pub(crate) struct Items {
    references: Vec<Reference>,
    /// By reference: the place of the list that it names in the pool of lists, or [`NOBODY`].
    lists: Vec<u32>,
}

impl Items {
    /// Resolves what lists name.
    pub(crate) fn new(graph: &Graph<'_, '_>, all: &[List], references: Vec<Reference>) -> Self {
        let mut lists = vec![NOBODY; references.len()];
        for list in all {
            let (start, items) = (list.items.start as usize, list.items.of(&references));
            for (place, item) in lists[start..].iter_mut().zip(items) {
                if let Some(number) = graph.find(*item, list.resource, kinds::LIST) {
                    *place = graph.resource(number).row;
                }
            }
        }
        Self { references, lists }
    }

    /// Lets go of which items are lists, once nobody walks them any more.
    pub(crate) fn forget_lists(&mut self) {
        self.lists = Vec::new();
    }

    /// One of them.
    pub(crate) fn reference(&self, item: u32) -> &Reference {
        &self.references[item as usize]
    }

    /// What a list names.
    pub(crate) fn of(&self, list: &List) -> &[Reference] {
        list.items.of(&self.references)
    }

    /// The list that is named, by its place in the pool of lists.
    pub(crate) fn list(&self, item: u32) -> Option<u32> {
        Some(self.lists[item as usize]).filter(|list| *list != NOBODY)
    }

    /// The lists that a list names, by their places in the pool of lists.
    pub(crate) fn lists_of(&self, list: &List) -> impl Iterator<Item = u32> {
        list.items.of(&self.lists).iter().copied().filter(|list| *list != NOBODY)
    }
}
